/* SPDX-License-Identifier: Apache-2.0 */
/* Appending numbers to a buffer and reading them back within bounds, for the engine's formats of variable length.
 * A take beyond the end or a field that fails its check makes the whole reader fail, for good: decoders read on and ask
 * once at the end. */
#ifndef AERO_ENGINE_CODEC_PRIV_H
#define AERO_ENGINE_CODEC_PRIV_H

#include <stdbool.h>

#include "base/checksum.h"
#include "base/le.h"
#include "base/slice.h"
#include "base/units.h"

static inline void aero_put_u32(struct aero_buffer *out, uint32_t value)
{
    aero_store_u32(aero_buffer_reserve(out, 4), value);
    out->length += 4;
}

static inline void aero_put_u64(struct aero_buffer *out, uint64_t value)
{
    aero_store_u64(aero_buffer_reserve(out, 8), value);
    out->length += 8;
}

static inline void aero_put_id(struct aero_buffer *out, aero_id id)
{
    aero_buffer_append(out, id.bytes, sizeof id.bytes);
}

static inline void aero_put_position(struct aero_buffer *out, struct aero_position position)
{
    aero_put_u64(out, position.lsn.value);
    aero_put_u64(out, position.chain);
}

static inline void aero_put_u128(struct aero_buffer *out, struct aero_u128 value)
{
    aero_put_u64(out, value.low);
    aero_put_u64(out, value.high);
}

/* A text field of fixed size: what follows its NUL is zero on disk, whatever was in memory. */
static inline void aero_put_text(struct aero_buffer *out, const char *text, size_t field_bytes)
{
    uint8_t *to = aero_buffer_reserve(out, field_bytes);
    size_t length = strnlen(text, field_bytes - 1);
    memcpy(to, text, length);
    memset(to + length, 0, field_bytes - length);
    out->length += field_bytes;
}

struct aero_take {
    struct aero_slice rest;
    bool failed;
};

static inline void aero_take_check(struct aero_take *take, bool sound)
{
    take->failed = take->failed || !sound;
}

/* NULL when there are not as many. */
static inline const uint8_t *aero_take_bytes(struct aero_take *take, size_t count)
{
    if (take->failed || take->rest.length < count) {
        take->failed = true;
        return NULL;
    }
    const uint8_t *data = take->rest.data;
    take->rest = aero_slice_of(data + count, take->rest.length - count);
    return data;
}

static inline uint32_t aero_take_u32(struct aero_take *take)
{
    const uint8_t *data = aero_take_bytes(take, 4);
    return data == NULL ? 0 : aero_load_u32(data);
}

static inline uint64_t aero_take_u64(struct aero_take *take)
{
    const uint8_t *data = aero_take_bytes(take, 8);
    return data == NULL ? 0 : aero_load_u64(data);
}

static inline aero_id aero_take_id(struct aero_take *take)
{
    aero_id id = {{0}};
    const uint8_t *data = aero_take_bytes(take, sizeof id.bytes);
    if (data != NULL) {
        memcpy(id.bytes, data, sizeof id.bytes);
    }
    return id;
}

static inline struct aero_position aero_take_position(struct aero_take *take)
{
    struct aero_position position;
    position.lsn = aero_lsn_of(aero_take_u64(take));
    position.chain = aero_take_u64(take);
    return position;
}

static inline struct aero_u128 aero_take_u128(struct aero_take *take)
{
    struct aero_u128 value;
    value.low = aero_take_u64(take);
    value.high = aero_take_u64(take);
    return value;
}

/* Refuses a field without its NUL or with anything but zeros behind it. */
static inline void aero_take_text(struct aero_take *take, char *out_text, size_t field_bytes)
{
    const uint8_t *data = aero_take_bytes(take, field_bytes);
    if (data == NULL) {
        return;
    }
    size_t length = strnlen((const char *)data, field_bytes);
    bool sound = length < field_bytes &&
                 aero_slice_is_zero(aero_slice_of(data + length, field_bytes - length));
    aero_take_check(take, sound);
    if (sound) {
        memcpy(out_text, data, field_bytes);
    }
}

#endif
