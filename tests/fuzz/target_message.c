/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages, every type, and what a message carries: a history, a segment's header, a record's header. */
#include <stdio.h>

#include "engine/history.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "proto/message.h"
#include "tests/fuzz/fuzz.h"

static const enum aero_frame_type types[] = {
    AERO_FRAME_HELLO,        AERO_FRAME_VERDICT,         AERO_FRAME_HISTORY,
    AERO_FRAME_ACK,          AERO_FRAME_HEARTBEAT,       AERO_FRAME_FETCH_RECORD,
    AERO_FRAME_RECORD_BYTES, AERO_FRAME_DIGEST_MISMATCH, AERO_FRAME_BYE,
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

static void look_at_history(struct aero_slice bytes)
{
    struct aero_history history;
    if (aero_is_ok(aero_history_decode(bytes, &history))) {
        aero_history_deinit(&history);
    }
}

static void check_text(const char *text, size_t capacity)
{
    size_t length = strnlen(text, capacity);
    AERO_ASSERT(length < capacity);
    for (size_t i = 0; i < length; i++) {
        AERO_ASSERT((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    }
}

/* What the cores do next with a message from a stranger. */
static void look_inside(const struct aero_message *message)
{
    struct aero_segment_header segment;
    struct aero_record_header record;
    switch (message->type) {
    case AERO_FRAME_HELLO:
        look_at_history(message->as.hello.history);
        check_text(message->as.hello.node_name, sizeof message->as.hello.node_name);
        return;
    case AERO_FRAME_VERDICT:
        look_at_history(message->as.verdict.history);
        check_text(message->as.verdict.node_name, sizeof message->as.verdict.node_name);
        check_text(message->as.verdict.text, sizeof message->as.verdict.text);
        AERO_ASSERT(strcmp(aero_handshake_text(message->as.verdict.kind), "?") != 0);
        return;
    case AERO_FRAME_HISTORY:
        look_at_history(message->as.history.history);
        return;
    case AERO_FRAME_RECORD_BYTES:
        if (message->as.record_bytes.found) {
            AERO_ASSERT(message->as.record_bytes.segment_header.length ==
                        AERO_SEGMENT_HEADER_BYTES);
            AERO_ASSERT(message->as.record_bytes.record_header.length == AERO_RECORD_HEADER_BYTES);
        }
        (void)aero_segment_header_decode(message->as.record_bytes.segment_header, &segment).code;
        (void)aero_record_decode(message->as.record_bytes.record_header, &record).code;
        return;
    case AERO_FRAME_BYE:
        check_text(message->as.bye.text, sizeof message->as.bye.text);
        return;
    default:
        return;
    }
}

static void decode_again(struct aero_slice frame_bytes, struct aero_message *out_message)
{
    struct aero_frame frame;
    size_t bytes;
    size_t needed;
    aero_status status = aero_frame_decode(frame_bytes, &frame, &bytes, &needed);
    AERO_ASSERT(aero_is_ok(status) && bytes == frame_bytes.length);
    status = aero_message_decode(&frame, out_message);
    AERO_ASSERT(aero_is_ok(status));
}

/* Foreign bytes may be protobuf in another order; our own encoding of them is final. */
void fuzz_one(struct aero_slice input)
{
    enum aero_frame_type type = types[fuzz_take_u8(&input) % TYPE_COUNT];
    struct aero_frame frame = {.type = type, .payload = input};
    struct aero_message message;
    if (!aero_is_ok(aero_message_decode(&frame, &message))) {
        return;
    }
    struct aero_message again;
    struct aero_buffer first = {0};
    struct aero_buffer second = {0};
    look_inside(&message);
    aero_message_append(&first, &message);
    decode_again(aero_buffer_slice(&first), &again);
    aero_message_append(&second, &again);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&first), aero_buffer_slice(&second)));
    aero_message_deinit(&message);
    aero_message_deinit(&again);
    aero_buffer_deinit(&first);
    aero_buffer_deinit(&second);
}

static void add(struct fuzz_seeds *seeds, const struct aero_message *message)
{
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, message);
    for (uint8_t i = 0; i < TYPE_COUNT; i++) {
        if (types[i] == message->type) {
            /* The choice of the type stands where the last byte of the frame's header was. */
            bytes.data[AERO_FRAME_HEADER_BYTES - 1] = i;
        }
    }
    fuzz_seed(seeds, aero_slice_of(bytes.data + AERO_FRAME_HEADER_BYTES - 1,
                                   bytes.length - AERO_FRAME_HEADER_BYTES + 1));
    aero_buffer_deinit(&bytes);
}

static void add_hello(struct fuzz_seeds *seeds, struct aero_slice history)
{
    add(seeds, &(struct aero_message){.type = AERO_FRAME_HELLO,
                                      .as.hello = {.protocol_version = AERO_PROTOCOL_VERSION,
                                                   .cluster_id = fuzz_id(1),
                                                   .node_id = fuzz_id(2),
                                                   .node_name = "replica-1",
                                                   .epoch = {.value = 3},
                                                   .history = history,
                                                   .end_sequence = 4,
                                                   .end_offset = 5000,
                                                   .end = {.lsn = {.value = 6}, .chain = 7},
                                                   .end_sealed = true,
                                                   .segment_sequence = 4,
                                                   .segment_nonce = fuzz_id(8),
                                                   .segment_incarnation = fuzz_id(9),
                                                   .tail_streaming = true,
                                                   .snapshot_id = fuzz_id(10),
                                                   .snapshot_verified = 11,
                                                   .credit_bytes = 12}});
}

static void add_verdict(struct fuzz_seeds *seeds, struct aero_slice history)
{
    add(seeds, &(struct aero_message){.type = AERO_FRAME_VERDICT,
                                      .as.verdict = {.kind = AERO_HANDSHAKE_NEED_SNAPSHOT,
                                                     .cluster_id = fuzz_id(1),
                                                     .node_id = fuzz_id(2),
                                                     .node_name = "primary",
                                                     .epoch = {.value = 3},
                                                     .history = history,
                                                     .link_nonce = fuzz_id(4),
                                                     .durable = {.value = 5},
                                                     .resume_sequence = 6,
                                                     .resume_offset = 7,
                                                     .snapshot = {.id = fuzz_id(8), .sequence = 11},
                                                     .snapshot_offset = 16,
                                                     .commits_mine = 19,
                                                     .text = "a sentence"}});
}

static void add_record_bytes(struct fuzz_seeds *seeds)
{
    uint8_t segment[AERO_SEGMENT_HEADER_BYTES];
    uint8_t record[AERO_RECORD_HEADER_BYTES];
    struct aero_segment_header segment_header = {
        .sequence = 1, .first_lsn = {.value = 1}, .nonce = fuzz_id(3)};
    struct aero_record_header record_header = {
        .type = AERO_RECORD_COMMIT, .payload_length = 8, .lsn = {.value = 1}};
    aero_segment_header_encode(&segment_header, segment);
    aero_record_encode(&record_header, record);
    struct aero_message message = {.type = AERO_FRAME_RECORD_BYTES};
    message.as.record_bytes.after = aero_lsn_of(4);
    add(seeds, &message);
    message.as.record_bytes.found = true;
    message.as.record_bytes.segment_header = aero_slice_of(segment, sizeof segment);
    message.as.record_bytes.record_header = aero_slice_of(record, sizeof record);
    add(seeds, &message);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_history history = {0};
    struct aero_buffer bytes = {0};
    struct aero_incarnation entry = {
        .epoch = {.value = 3}, .nonce = fuzz_id(5), .node_id = fuzz_id(2), .node_name = "node-1"};
    AERO_ASSERT(aero_is_ok(aero_history_add_incarnation(&history, &entry)));
    aero_history_encode(&history, &bytes);
    add_hello(seeds, aero_buffer_slice(&bytes));
    add_verdict(seeds, aero_buffer_slice(&bytes));
    add(seeds, &(struct aero_message){.type = AERO_FRAME_HISTORY,
                                      .as.history.history = aero_buffer_slice(&bytes)});
    add(seeds, &(struct aero_message){.type = AERO_FRAME_ACK,
                                      .as.ack = {.link_nonce = fuzz_id(4),
                                                 .received = {.value = 300},
                                                 .durable = {.value = 2},
                                                 .applied = {.value = 1},
                                                 .durable_sequence = 1,
                                                 .credit_bytes = 1 << 20}});
    add(seeds, &(struct aero_message){.type = AERO_FRAME_HEARTBEAT,
                                      .as.heartbeat.durable = {.value = 1000}});
    add(seeds, &(struct aero_message){.type = AERO_FRAME_FETCH_RECORD,
                                      .as.fetch_record.after = {.value = UINT64_MAX}});
    add(seeds,
        &(struct aero_message){
            .type = AERO_FRAME_DIGEST_MISMATCH,
            .as.digest_mismatch = {.lsn = {.value = 1024}, .expected = {1, 2}, .found = {3, 4}}});
    add(seeds, &(struct aero_message){.type = AERO_FRAME_BYE,
                                      .as.bye = {.code = AERO_BYE_HALTED, .text = "a reason"}});
    add_record_bytes(seeds);
    aero_history_deinit(&history);
    aero_buffer_deinit(&bytes);
}
