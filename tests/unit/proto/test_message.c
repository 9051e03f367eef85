/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/prng.h"
#include "proto/message.h"
#include "tests/unit/cmocka_setup.h"

static aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

static struct aero_message sample_hello(void)
{
    struct aero_message message = {.type = AERO_FRAME_HELLO};
    message.as.hello = (struct aero_message_hello){
        .protocol_version = AERO_PROTOCOL_VERSION,
        .cluster_id = id_of(1),
        .node_id = id_of(2),
        .node_name = "replica-1",
        .epoch = {.value = 3},
        .history = aero_slice_text("a list"),
        .end_sequence = 4,
        .end_offset = 5000,
        .end = {.lsn = {.value = 6}, .chain = 0xfedcba9876543210ULL},
        .end_sealed = true,
        .segment_sequence = 4,
        .segment_before = {.lsn = {.value = 5}, .chain = 7},
        .segment_nonce = id_of(8),
        .segment_incarnation = id_of(9),
        .tail_streaming = true,
        .snapshot_id = id_of(10),
        .snapshot_verified = 11,
        .credit_bytes = 12,
    };
    return message;
}

static struct aero_message sample_verdict(void)
{
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    message.as.verdict = (struct aero_message_verdict){
        .kind = AERO_HANDSHAKE_NEED_SNAPSHOT,
        .cluster_id = id_of(1),
        .node_id = id_of(2),
        .node_name = "primary",
        .epoch = {.value = 3},
        .history = aero_slice_text("another list"),
        .link_nonce = id_of(4),
        .durable = {.value = 5},
        .resume_sequence = 6,
        .resume_offset = 7,
        .snapshot = {.id = id_of(8),
                     .position = {.lsn = {.value = 9}, .chain = 10},
                     .sequence = 11,
                     .size_bytes = 12,
                     .entry_count = 13,
                     .digest = {.low = 14, .high = 15}},
        .snapshot_offset = 16,
        .fork = {.lsn = {.value = 17}, .chain = 18},
        .commits_mine = 19,
        .commits_yours = 20,
        .text = "one sentence",
    };
    return message;
}

static aero_status decode(const struct aero_buffer *bytes, struct aero_message *out_message)
{
    struct aero_frame frame;
    size_t used;
    size_t needed;
    aero_status status = aero_frame_decode(aero_buffer_slice(bytes), &frame, &used, &needed);
    assert_true(aero_is_ok(status));
    assert_int_equal(used, bytes->length);
    return aero_message_decode(&frame, out_message);
}

static struct aero_message round_trip(const struct aero_message *message)
{
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, message);
    struct aero_message back = {0};
    assert_true(aero_is_ok(decode(&bytes, &back)));
    assert_int_equal(back.type, message->type);
    aero_buffer_deinit(&bytes);
    return back;
}

#define SAME(a, b, field) assert_memory_equal(&(a)->field, &(b)->field, sizeof(a)->field)

/* Field by field: what lies between fields is the compiler's, and clang leaves there what was there before. */
static void assert_same_hello(const struct aero_message_hello *a,
                              const struct aero_message_hello *b)
{
    SAME(a, b, protocol_version);
    SAME(a, b, cluster_id);
    SAME(a, b, node_id);
    assert_string_equal(a->node_name, b->node_name);
    SAME(a, b, epoch);
    assert_true(aero_slice_equal(a->history, b->history));
    SAME(a, b, holds_nothing);
    SAME(a, b, end_sequence);
    SAME(a, b, end_offset);
    SAME(a, b, end);
    SAME(a, b, end_sealed);
    SAME(a, b, segment_sequence);
    SAME(a, b, segment_before);
    SAME(a, b, segment_nonce);
    SAME(a, b, segment_incarnation);
    SAME(a, b, tail_streaming);
    SAME(a, b, snapshot_id);
    SAME(a, b, snapshot_verified);
    SAME(a, b, credit_bytes);
}

static void assert_same_verdict(const struct aero_message_verdict *a,
                                const struct aero_message_verdict *b)
{
    SAME(a, b, kind);
    SAME(a, b, cluster_id);
    SAME(a, b, node_id);
    assert_string_equal(a->node_name, b->node_name);
    SAME(a, b, epoch);
    assert_true(aero_slice_equal(a->history, b->history));
    SAME(a, b, link_nonce);
    SAME(a, b, durable);
    SAME(a, b, resume_sequence);
    SAME(a, b, resume_offset);
    SAME(a, b, snapshot);
    SAME(a, b, snapshot_offset);
    SAME(a, b, fork);
    SAME(a, b, commits_mine);
    SAME(a, b, commits_yours);
    assert_string_equal(a->text, b->text);
}

static void test_hello_comes_back_whole(void **state)
{
    (void)state;
    struct aero_message message = sample_hello();
    struct aero_message back = round_trip(&message);
    assert_same_hello(&back.as.hello, &message.as.hello);
    aero_message_deinit(&back);
}

static void test_verdict_comes_back_whole(void **state)
{
    (void)state;
    struct aero_message message = sample_verdict();
    struct aero_message back = round_trip(&message);
    assert_same_verdict(&back.as.verdict, &message.as.verdict);
    aero_message_deinit(&back);
}

static void test_small_messages_come_back_whole(void **state)
{
    (void)state;
    struct aero_message messages[] = {
        {.type = AERO_FRAME_HISTORY, .as.history.history = aero_slice_text("list")},
        {.type = AERO_FRAME_ACK,
         .as.ack = {.link_nonce = id_of(1),
                    .received = {.value = 2},
                    .durable = {.value = 3},
                    .applied = {.value = 4},
                    .durable_sequence = 5,
                    .credit_bytes = 6}},
        {.type = AERO_FRAME_HEARTBEAT, .as.heartbeat.durable = {.value = 7}},
        {.type = AERO_FRAME_FETCH_RECORD, .as.fetch_record.after = {.value = 8}},
        {.type = AERO_FRAME_DIGEST_MISMATCH,
         .as.digest_mismatch = {.lsn = {.value = 9},
                                .expected = {.low = 1, .high = 2},
                                .found = {.low = 3, .high = 4}}},
        {.type = AERO_FRAME_BYE, .as.bye = {.code = AERO_BYE_RETENTION, .text = "gone"}},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct aero_message back = round_trip(&messages[i]);
        if (back.type == AERO_FRAME_HISTORY) {
            assert_true(aero_slice_equal(back.as.history.history, aero_slice_text("list")));
        } else if (back.type == AERO_FRAME_ACK) {
            assert_memory_equal(&back.as.ack, &messages[i].as.ack, sizeof back.as.ack);
        } else if (back.type == AERO_FRAME_DIGEST_MISMATCH) {
            assert_memory_equal(&back.as.digest_mismatch, &messages[i].as.digest_mismatch,
                                sizeof back.as.digest_mismatch);
        } else if (back.type == AERO_FRAME_BYE) {
            assert_int_equal(back.as.bye.code, AERO_BYE_RETENTION);
            assert_string_equal(back.as.bye.text, "gone");
        } else { /* one LSN each */
            assert_int_equal(back.as.heartbeat.durable.value,
                             messages[i].as.heartbeat.durable.value);
        }
        aero_message_deinit(&back);
    }
}

static void test_record_bytes_come_back_only_with_both_headers(void **state)
{
    (void)state;
    static const uint8_t zeros[4096];
    struct aero_message message = {
        .type = AERO_FRAME_RECORD_BYTES,
        .as.record_bytes = {.after = {.value = 1},
                            .found = true,
                            .segment_header = {.data = zeros, .length = 4096},
                            .record_header = {.data = zeros, .length = 64}}};
    struct aero_message back = round_trip(&message);
    assert_int_equal(back.as.record_bytes.segment_header.length, 4096);
    assert_int_equal(back.as.record_bytes.record_header.length, 64);
    aero_message_deinit(&back);

    message.as.record_bytes.record_header.length = 63;
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, &message);
    assert_int_equal(decode(&bytes, &back).code, AERO_CORRUPT);
    aero_buffer_deinit(&bytes);
}

static void assert_refused(const struct aero_message *message)
{
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, message);
    struct aero_message back;
    assert_int_equal(decode(&bytes, &back).code, AERO_CORRUPT);
    aero_buffer_deinit(&bytes);
}

static void test_decode_of_senseless_fields_refuses(void **state)
{
    (void)state;
    struct aero_message verdict = sample_verdict();
    verdict.as.verdict.kind = (enum aero_handshake_kind)12;
    assert_refused(&verdict);
    verdict.as.verdict.kind = (enum aero_handshake_kind)0;
    assert_refused(&verdict);

    struct aero_message hello = sample_hello();
    snprintf(hello.as.hello.node_name, sizeof hello.as.hello.node_name, "two\nlines");
    assert_refused(&hello);
    snprintf(hello.as.hello.node_name, sizeof hello.as.hello.node_name, "deleted\x7f");
    assert_refused(&hello);

    struct aero_message bye = {.type = AERO_FRAME_BYE, .as.bye.code = (enum aero_bye_code)99};
    assert_refused(&bye);
}

/* "None" travels as no bytes; any other length than an id's is no id. */
static void test_decode_of_an_id_of_another_length_refuses(void **state)
{
    (void)state;
    static const uint8_t lengths[] = {0, 1, 15, 16, 17};
    for (size_t i = 0; i < sizeof lengths; i++) {
        uint8_t payload[2 + 17] = {0x0a, lengths[i]}; /* link_nonce of an Ack */
        memset(payload + 2, 0x55, 17);
        struct aero_frame frame = {.type = AERO_FRAME_ACK,
                                   .payload = aero_slice_of(payload, 2U + lengths[i])};
        struct aero_message message;
        bool is_id = lengths[i] == 0 || lengths[i] == 16;
        assert_int_equal(aero_message_decode(&frame, &message).code,
                         is_id ? AERO_OK : AERO_CORRUPT);
        if (is_id) {
            aero_id expected = lengths[i] == 0 ? (aero_id){{0}} : id_of(0x55);
            assert_memory_equal(&message.as.ack.link_nonce, &expected, sizeof expected);
            aero_message_deinit(&message);
        }
    }
}

static void test_decode_of_a_data_frame_refuses(void **state)
{
    (void)state;
    static const enum aero_frame_type types[] = {AERO_FRAME_SEGMENT, AERO_FRAME_CHUNK,
                                                 AERO_FRAME_SEAL, AERO_FRAME_SNAPSHOT_CHUNK,
                                                 AERO_FRAME_SNAPSHOT_END};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct aero_frame frame = {.type = types[i], .payload = aero_slice_of("\x08\x01", 2)};
        struct aero_message message;
        assert_int_equal(aero_message_decode(&frame, &message).code, AERO_CORRUPT);
    }
}

static void test_every_verdict_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int a = AERO_HANDSHAKE_RESUME; a <= AERO_HANDSHAKE_VERSION; a++) {
        assert_string_not_equal(aero_handshake_text((enum aero_handshake_kind)a), "?");
        for (int b = AERO_HANDSHAKE_RESUME; b < a; b++) {
            assert_string_not_equal(aero_handshake_text((enum aero_handshake_kind)a),
                                    aero_handshake_text((enum aero_handshake_kind)b));
        }
    }
    assert_string_equal(aero_handshake_text((enum aero_handshake_kind)0), "?");
    assert_string_equal(aero_handshake_text(AERO_HANDSHAKE_SUPERSEDED), "superseded");
    assert_string_equal(aero_handshake_text(AERO_HANDSHAKE_VERSION), "version");
}

/* Only fields of a version to come: a frame that may stand on the wire, and no list in it. */
static void test_decode_of_a_history_without_a_list_refuses(void **state)
{
    (void)state;
    struct aero_frame frame = {.type = AERO_FRAME_HISTORY, .payload = aero_slice_of("\x78\x00", 2)};
    struct aero_message message;
    assert_int_equal(aero_message_decode(&frame, &message).code, AERO_CORRUPT);
}

/* Field numbers and types are the format: the bytes of a released version never change. */
static void test_ack_encoded_has_golden_bytes(void **state)
{
    (void)state;
    struct aero_message message = {.type = AERO_FRAME_ACK,
                                   .as.ack = {.received = {.value = 300},
                                              .durable = {.value = 2},
                                              .applied = {.value = 1},
                                              .durable_sequence = 4,
                                              .credit_bytes = 128}};
    static const uint8_t golden[] = {0x10, 0xac, 0x02, 0x18, 0x02, 0x20,
                                     0x01, 0x28, 0x04, 0x30, 0x80, 0x01};
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, &message);
    assert_int_equal(bytes.length, AERO_FRAME_HEADER_BYTES + sizeof golden);
    assert_memory_equal(bytes.data + AERO_FRAME_HEADER_BYTES, golden, sizeof golden);
    aero_buffer_deinit(&bytes);
}

/* Whoever knows the frame's checksums can put anything inside: it decodes or is refused, and nothing else. */
static void test_decode_of_mutated_payloads_never_misbehaves(void **state)
{
    (void)state;
    struct aero_prng prng;
    aero_prng_init(&prng, 20261122);
    struct aero_message samples[] = {sample_hello(), sample_verdict()};
    for (unsigned round = 0; round < 4000; round++) {
        struct aero_buffer bytes = {0};
        aero_message_append(&bytes, &samples[round % 2]);
        struct aero_frame frame = {.type = samples[round % 2].type,
                                   .payload =
                                       aero_slice_of(bytes.data + AERO_FRAME_HEADER_BYTES,
                                                     bytes.length - AERO_FRAME_HEADER_BYTES)};
        for (unsigned i = 0; i < 1 + round % 5; i++) {
            size_t at = aero_prng_below(&prng, frame.payload.length);
            bytes.data[AERO_FRAME_HEADER_BYTES + at] = (uint8_t)aero_prng_next(&prng);
        }
        frame.payload.length = 1 + aero_prng_below(&prng, frame.payload.length);
        struct aero_message back;
        aero_status status = aero_message_decode(&frame, &back);
        assert_true(status.code == AERO_OK || status.code == AERO_CORRUPT);
        if (aero_is_ok(status)) {
            aero_message_deinit(&back);
        }
        aero_buffer_deinit(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello_comes_back_whole),
        cmocka_unit_test(test_verdict_comes_back_whole),
        cmocka_unit_test(test_small_messages_come_back_whole),
        cmocka_unit_test(test_record_bytes_come_back_only_with_both_headers),
        cmocka_unit_test(test_decode_of_senseless_fields_refuses),
        cmocka_unit_test(test_decode_of_an_id_of_another_length_refuses),
        cmocka_unit_test(test_decode_of_a_data_frame_refuses),
        cmocka_unit_test(test_every_verdict_has_a_text_of_its_own),
        cmocka_unit_test(test_decode_of_a_history_without_a_list_refuses),
        cmocka_unit_test(test_ack_encoded_has_golden_bytes),
        cmocka_unit_test(test_decode_of_mutated_payloads_never_misbehaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
