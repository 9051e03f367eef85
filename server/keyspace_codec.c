/* SPDX-License-Identifier: Apache-2.0 */
#include "server/keyspace_codec.h"

#include "base/assert.h"
#include "base/le.h"
#include "engine/operation.h"

#define RANGE_DEADLINES 'e'
#define RANGE_KEYS 'k'
#define FLAG_DEADLINE 0x80
#define TYPE_MASK 0x7f
#define TYPE_STRING 1
#define PREFIX_BYTES 2
#define DEADLINE_BYTES 8

/* Big-endian, so that the order of bytes is the order of time. */
static void store_be64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < DEADLINE_BYTES; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static uint64_t load_be64(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 0; i < DEADLINE_BYTES; i++) {
        value = value << 8 | in[i];
    }
    return value;
}

struct aero_slice aero_encode_key(struct aero_buffer *out_key, uint8_t database,
                                  struct aero_slice user_key)
{
    aero_buffer_clear(out_key);
    uint8_t *to = aero_buffer_reserve(out_key, PREFIX_BYTES + user_key.length);
    to[0] = database;
    to[1] = RANGE_KEYS;
    if (user_key.length != 0) {
        memcpy(to + PREFIX_BYTES, user_key.data, user_key.length);
    }
    out_key->length = PREFIX_BYTES + user_key.length;
    return aero_buffer_slice(out_key);
}

struct aero_slice aero_encode_deadline(struct aero_buffer *out_key, uint8_t database,
                                       uint64_t deadline_ms, struct aero_slice user_key)
{
    struct aero_range_key prefix = aero_range_of_deadlines(database, deadline_ms);
    aero_buffer_clear(out_key);
    aero_buffer_append(out_key, prefix.bytes, prefix.length);
    aero_buffer_append_slice(out_key, user_key);
    return aero_buffer_slice(out_key);
}

static struct aero_range_key range_key(uint8_t database, uint8_t range)
{
    return (struct aero_range_key){.bytes = {database, range}, .length = PREFIX_BYTES};
}

struct aero_range_key aero_range_of_keys(uint8_t database)
{
    return range_key(database, RANGE_KEYS);
}

struct aero_range_key aero_range_behind_keys(uint8_t database)
{
    return range_key(database, RANGE_KEYS + 1);
}

struct aero_range_key aero_range_of_deadlines(uint8_t database, uint64_t deadline_ms)
{
    struct aero_range_key key = range_key(database, RANGE_DEADLINES);
    store_be64(key.bytes + PREFIX_BYTES, deadline_ms);
    key.length = PREFIX_BYTES + DEADLINE_BYTES;
    return key;
}

struct aero_range_key aero_range_behind_deadlines(uint8_t database)
{
    return range_key(database, RANGE_DEADLINES + 1);
}

struct aero_range_key aero_range_of_database(uint8_t database)
{
    return (struct aero_range_key){.bytes = {database}, .length = 1};
}

bool aero_decode_key(struct aero_slice engine_key, uint8_t database, struct aero_slice *out_key)
{
    if (engine_key.length < PREFIX_BYTES || engine_key.data[0] != database ||
        engine_key.data[1] != RANGE_KEYS) {
        return false;
    }
    *out_key = aero_slice_of(engine_key.data + PREFIX_BYTES, engine_key.length - PREFIX_BYTES);
    return true;
}

bool aero_decode_deadline(struct aero_slice engine_key, uint8_t database, uint64_t *out_deadline_ms,
                          struct aero_slice *out_key)
{
    size_t head = PREFIX_BYTES + DEADLINE_BYTES;
    if (engine_key.length < head || engine_key.data[0] != database ||
        engine_key.data[1] != RANGE_DEADLINES) {
        return false;
    }
    *out_deadline_ms = load_be64(engine_key.data + PREFIX_BYTES);
    *out_key = aero_slice_of(engine_key.data + head, engine_key.length - head);
    return true;
}

size_t aero_encode_value_header(uint8_t out_header[AERO_VALUE_HEADER_MAX], uint64_t deadline_ms)
{
    out_header[0] = TYPE_STRING;
    if (deadline_ms == 0) {
        return 1;
    }
    out_header[0] |= FLAG_DEADLINE;
    aero_store_u64(out_header + 1, deadline_ms);
    return 1 + DEADLINE_BYTES;
}

bool aero_decode_value(struct aero_slice value, struct aero_entry *out_entry)
{
    if (value.length == 0 || (value.data[0] & TYPE_MASK) != TYPE_STRING) {
        return false;
    }
    bool expires = (value.data[0] & FLAG_DEADLINE) != 0;
    size_t head = expires ? 1 + DEADLINE_BYTES : 1;
    uint64_t deadline_ms = 0;
    if (value.length < head) {
        return false;
    }
    if (expires) {
        deadline_ms = aero_load_u64(value.data + 1);
        if (deadline_ms == 0) { /* "never" has one form, without a deadline (KS-1) */
            return false;
        }
    }
    out_entry->deadline_ms = deadline_ms;
    out_entry->payload = aero_slice_of(value.data + head, value.length - head);
    return true;
}

bool aero_entry_fits_keyspace(struct aero_slice engine_key, struct aero_slice value)
{
    struct aero_slice user_key;
    struct aero_entry entry;
    uint64_t deadline_ms;
    uint8_t database = engine_key.data[0]; /* an engine key has at least one byte */
    if (database >= AERO_DATABASE_COUNT) {
        return false;
    }
    if (aero_decode_key(engine_key, database, &user_key)) {
        return aero_decode_value(value, &entry);
    }
    return aero_decode_deadline(engine_key, database, &deadline_ms, &user_key) &&
           deadline_ms != 0 && value.length == 0;
}

bool aero_commit_fits_keyspace(struct aero_slice payload)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    if (!aero_is_ok(aero_commit_open(&reader, payload))) {
        return true;
    }
    while (aero_is_ok(aero_commit_next(&reader, &operation))) {
        if (operation.kind == AERO_PUT &&
            !aero_entry_fits_keyspace(operation.key, operation.value)) {
            return false;
        }
    }
    return true;
}
