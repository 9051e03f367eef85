/* SPDX-License-Identifier: Apache-2.0 */
/* Commit payload, version 1:
 *
 *   offset  bytes   field
 *   0       8       expiry_clock_ms, u64 little-endian: the primary's expiry clock (decision 21)
 *   8       ...     operations until the end of the payload, each:
 *     +0      1       kind: 1 PUT, 2 DELETE, 3 DELETE_RANGE
 *     +1      1..3    key_length, varint
 *     ..      n       key (DELETE_RANGE: first key of the range, empty = from the beginning)
 *     ..      1..4    value_length, varint; absent for DELETE
 *     ..      n       value (DELETE_RANGE: first key behind the range, empty = to the end); absent for DELETE
 *
 * varint is LEB128 in as few bytes as the number needs; anything longer is corrupt, so one list of operations has
 * one encoding. Lengths: PUT and DELETE keys 1..AERO_TREE_KEY_MAX, range bounds 0..AERO_TREE_KEY_MAX, values
 * 0..AERO_TREE_VALUE_MAX. */
#include "engine/operation.h"

#include "base/assert.h"
#include "base/le.h"

#define VARINT_BYTES_MAX 4 /* 28 bits hold AERO_TREE_VALUE_MAX */

_Static_assert(AERO_TREE_VALUE_MAX < (size_t)1 << 28, "VARINT_BYTES_MAX");

static bool check_operation(const struct aero_operation *operation)
{
    /* A decoder has seen to that before; an encoder that is asked for more is wrong. */
    AERO_ASSERT(operation->key.length <= AERO_TREE_KEY_MAX);
    AERO_ASSERT(operation->value.length <= AERO_TREE_VALUE_MAX);
    AERO_ASSERT(operation->kind != AERO_DELETE || operation->value.length == 0);
    return operation->kind == AERO_DELETE_RANGE ? operation->value.length <= AERO_TREE_KEY_MAX
                                                : operation->key.length >= 1;
}

static size_t varint_bytes(size_t value)
{
    size_t bytes = 1;
    for (; value >= 0x80; value >>= 7) {
        bytes++;
    }
    return bytes;
}

static uint8_t *put_field(uint8_t *out, struct aero_slice field)
{
    size_t rest = field.length;
    for (; rest >= 0x80; rest >>= 7) {
        *out++ = (uint8_t)(rest | 0x80);
    }
    *out++ = (uint8_t)rest;
    if (field.length != 0) {
        memcpy(out, field.data, field.length);
    }
    return out + field.length;
}

static bool take_field(struct aero_slice *rest, size_t length_max, struct aero_slice *out_field)
{
    size_t length = 0;
    size_t at = 0;
    uint8_t byte;
    do {
        if (at == rest->length || at == VARINT_BYTES_MAX) {
            return false;
        }
        byte = rest->data[at];
        length |= (size_t)(byte & 0x7f) << (7 * at);
        at++;
    } while ((byte & 0x80) != 0);
    if (byte == 0 && at > 1) {
        return false; /* not the shortest form */
    }
    if (length > length_max || length > rest->length - at) {
        return false;
    }
    *out_field = aero_slice_of(rest->data + at, length);
    *rest = aero_slice_of(rest->data + at + length, rest->length - at - length);
    return true;
}

void aero_commit_begin(struct aero_buffer *payload, aero_wall_ms expiry_clock)
{
    aero_store_u64(aero_buffer_reserve(payload, 8), expiry_clock.value);
    payload->length += 8;
}

size_t aero_commit_add_bytes(const struct aero_operation *operation)
{
    size_t bytes = 1 + varint_bytes(operation->key.length) + operation->key.length;
    if (operation->kind != AERO_DELETE) {
        bytes += varint_bytes(operation->value.length) + operation->value.length;
    }
    return bytes;
}

void aero_commit_add(struct aero_buffer *payload, const struct aero_operation *operation)
{
    AERO_ASSERT(check_operation(operation));
    size_t bytes = aero_commit_add_bytes(operation);
    uint8_t *begin = aero_buffer_reserve(payload, bytes);
    uint8_t *out = begin;
    *out++ = (uint8_t)operation->kind;
    out = put_field(out, operation->key);
    if (operation->kind != AERO_DELETE) {
        out = put_field(out, operation->value);
    }
    AERO_ASSERT((size_t)(out - begin) == bytes);
    payload->length += bytes;
}

aero_status aero_commit_open(struct aero_commit_reader *reader, struct aero_slice payload)
{
    if (payload.length < 8) {
        return aero_error(AERO_CORRUPT);
    }
    reader->expiry_clock = (aero_wall_ms){aero_load_u64(payload.data)};
    reader->rest = aero_slice_of(payload.data + 8, payload.length - 8);
    return aero_ok();
}

aero_status aero_commit_next(struct aero_commit_reader *reader,
                             struct aero_operation *out_operation)
{
    struct aero_slice rest = reader->rest;
    struct aero_operation operation = {0};
    if (rest.length == 0) {
        return aero_error(AERO_NOT_FOUND);
    }
    uint8_t kind = rest.data[0];
    rest = aero_slice_of(rest.data + 1, rest.length - 1);
    if (kind != AERO_PUT && kind != AERO_DELETE && kind != AERO_DELETE_RANGE) {
        return aero_error(AERO_CORRUPT);
    }
    operation.kind = (enum aero_operation_kind)kind;
    if (!take_field(&rest, AERO_TREE_KEY_MAX, &operation.key)) {
        return aero_error(AERO_CORRUPT);
    }
    if (operation.kind != AERO_DELETE &&
        !take_field(&rest, AERO_TREE_VALUE_MAX, &operation.value)) {
        return aero_error(AERO_CORRUPT);
    }
    if (!check_operation(&operation)) {
        return aero_error(AERO_CORRUPT);
    }
    reader->rest = rest;
    *out_operation = operation;
    return aero_ok();
}

aero_status aero_apply_commit(struct aero_tree *tree, struct aero_slice payload,
                              aero_wall_ms *out_clock)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    AERO_TRY(aero_commit_open(&reader, payload));
    struct aero_commit_reader checker = reader;
    aero_status status;
    do {
        status = aero_commit_next(&checker, &operation);
    } while (aero_is_ok(status));
    if (status.code != AERO_NOT_FOUND) {
        return status; /* before anything was applied (D-2) */
    }
    while (aero_is_ok(aero_commit_next(&reader, &operation))) {
        aero_apply(tree, &operation, NULL);
    }
    *out_clock = reader.expiry_clock;
    return aero_ok();
}

void aero_digest_encode(const struct aero_digest_payload *digest,
                        uint8_t out_payload[AERO_DIGEST_PAYLOAD_BYTES])
{
    aero_store_u64(out_payload, digest->expiry_clock.value);
    aero_store_u64(out_payload + 8, digest->summary.digest.low);
    aero_store_u64(out_payload + 16, digest->summary.digest.high);
    aero_store_u64(out_payload + 24, digest->summary.count);
}

aero_status aero_digest_decode(struct aero_slice payload, struct aero_digest_payload *out_digest)
{
    if (payload.length != AERO_DIGEST_PAYLOAD_BYTES) {
        return aero_error(AERO_CORRUPT);
    }
    *out_digest = (struct aero_digest_payload){
        .expiry_clock = {.value = aero_load_u64(payload.data)},
        .summary = {.count = aero_load_u64(payload.data + 24),
                    .digest = {.low = aero_load_u64(payload.data + 8),
                               .high = aero_load_u64(payload.data + 16)}},
    };
    return aero_ok();
}
