/* SPDX-License-Identifier: Apache-2.0 */
/* The header is checked before its length is believed, so a flipped length never makes a reader
 * wait for bytes that will not come; the payload is checked before anything in it is looked at. */
#include "proto/frame.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "base/le.h"

#define MESSAGE_SMALL_MAX 8192U
#define SEGMENT_HEADER_BYTES 4096U
#define SEGMENT_FOOTER_BYTES 64U

struct type_rule {
    uint8_t type;
    const char *text;
    size_t payload_min;
    size_t payload_max;
};

static const struct type_rule type_rules[] = {
    {AERO_FRAME_HELLO, "HELLO", 1, AERO_FRAME_MESSAGE_MAX},
    {AERO_FRAME_VERDICT, "VERDICT", 1, AERO_FRAME_MESSAGE_MAX},
    {AERO_FRAME_HISTORY, "HISTORY", 1, AERO_FRAME_MESSAGE_MAX},
    {AERO_FRAME_ACK, "ACK", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_HEARTBEAT, "HEARTBEAT", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_FETCH_RECORD, "FETCH_RECORD", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_RECORD_BYTES, "RECORD_BYTES", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_DIGEST_MISMATCH, "DIGEST_MISMATCH", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_BYE, "BYE", 0, MESSAGE_SMALL_MAX},
    {AERO_FRAME_SEGMENT, "SEGMENT", SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES},
    {AERO_FRAME_CHUNK, "CHUNK", AERO_FRAME_CHUNK_FIELDS + 1,
     AERO_FRAME_CHUNK_FIELDS + AERO_FRAME_CHUNK_MAX},
    {AERO_FRAME_SEAL, "SEAL", SEGMENT_FOOTER_BYTES, SEGMENT_FOOTER_BYTES},
    {AERO_FRAME_SNAPSHOT_CHUNK, "SNAPSHOT_CHUNK", AERO_FRAME_CHUNK_FIELDS + 1,
     AERO_FRAME_CHUNK_FIELDS + AERO_FRAME_CHUNK_MAX},
    {AERO_FRAME_SNAPSHOT_END, "SNAPSHOT_END", 0, 0},
};

static const struct type_rule *find_rule(uint8_t type)
{
    for (size_t i = 0; i < sizeof type_rules / sizeof type_rules[0]; i++) {
        if (type_rules[i].type == type) {
            return &type_rules[i];
        }
    }
    return NULL;
}

size_t aero_frame_payload_max(uint8_t type)
{
    const struct type_rule *rule = find_rule(type);
    return rule == NULL ? 0 : rule->payload_max;
}

const char *aero_frame_type_text(uint8_t type)
{
    const struct type_rule *rule = find_rule(type);
    return rule == NULL ? "?" : rule->text;
}

static void fill_header(uint8_t *header, enum aero_frame_type type, struct aero_slice payload)
{
    const struct type_rule *rule = find_rule((uint8_t)type);
    AERO_ASSERT(rule != NULL);
    AERO_ASSERT(payload.length >= rule->payload_min);
    AERO_ASSERT(payload.length <= rule->payload_max);
    memset(header, 0, AERO_FRAME_HEADER_BYTES);
    aero_store_u32(header, (uint32_t)payload.length);
    header[4] = (uint8_t)type;
    aero_store_u64(header + 8, aero_checksum64(payload));
    aero_store_u64(header + 16, aero_checksum64(aero_slice_of(header, 16)));
}

void aero_frame_append(struct aero_buffer *out, enum aero_frame_type type,
                       struct aero_slice payload)
{
    uint8_t *frame = aero_buffer_reserve(out, AERO_FRAME_HEADER_BYTES + payload.length);
    fill_header(frame, type, payload);
    if (payload.length > 0) {
        memcpy(frame + AERO_FRAME_HEADER_BYTES, payload.data, payload.length);
    }
    out->length += AERO_FRAME_HEADER_BYTES + payload.length;
}

void aero_frame_append_chunk(struct aero_buffer *out, enum aero_frame_type type, uint64_t first,
                             uint64_t second, struct aero_slice bytes)
{
    size_t payload_length = AERO_FRAME_CHUNK_FIELDS + bytes.length;
    uint8_t *frame = aero_buffer_reserve(out, AERO_FRAME_HEADER_BYTES + payload_length);
    uint8_t *payload = frame + AERO_FRAME_HEADER_BYTES;
    aero_store_u64(payload, first);
    aero_store_u64(payload + 8, second);
    memcpy(payload + AERO_FRAME_CHUNK_FIELDS, bytes.data, bytes.length);
    fill_header(frame, type, aero_slice_of(payload, payload_length));
    out->length += AERO_FRAME_HEADER_BYTES + payload_length;
}

aero_status aero_frame_decode(struct aero_slice bytes, struct aero_frame *out_frame,
                              size_t *out_bytes, size_t *out_needed)
{
    if (bytes.length < AERO_FRAME_HEADER_BYTES) {
        *out_needed = AERO_FRAME_HEADER_BYTES;
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *header = bytes.data;
    if (aero_load_u64(header + 16) != aero_checksum64(aero_slice_of(header, 16))) {
        return aero_error(AERO_CORRUPT);
    }
    size_t length = aero_load_u32(header);
    const struct type_rule *rule = find_rule(header[4]);
    bool reserved_is_zero = header[5] == 0 && header[6] == 0 && header[7] == 0;
    if (rule == NULL || !reserved_is_zero || length < rule->payload_min ||
        length > rule->payload_max) {
        return aero_error(AERO_CORRUPT);
    }
    if (bytes.length - AERO_FRAME_HEADER_BYTES < length) {
        *out_needed = AERO_FRAME_HEADER_BYTES + length;
        return aero_error(AERO_INCOMPLETE);
    }
    struct aero_slice payload = aero_slice_of(header + AERO_FRAME_HEADER_BYTES, length);
    if (aero_load_u64(header + 8) != aero_checksum64(payload)) {
        return aero_error(AERO_CORRUPT);
    }
    *out_frame = (struct aero_frame){.type = (enum aero_frame_type)header[4], .payload = payload};
    *out_bytes = AERO_FRAME_HEADER_BYTES + length;
    return aero_ok();
}

void aero_frame_chunk(struct aero_slice payload, uint64_t *out_first, uint64_t *out_second,
                      struct aero_slice *out_bytes)
{
    AERO_ASSERT(payload.length > AERO_FRAME_CHUNK_FIELDS);
    *out_first = aero_load_u64(payload.data);
    *out_second = aero_load_u64(payload.data + 8);
    *out_bytes = aero_slice_of(payload.data + AERO_FRAME_CHUNK_FIELDS,
                               payload.length - AERO_FRAME_CHUNK_FIELDS);
}
