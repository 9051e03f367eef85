/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that know every checksum and lie all the same: frames dropped, doubled, swapped, changed
 * inside and sealed again, or made up. Whatever comes, nothing crashes, nothing grows without
 * bound, and a replica takes only bytes that its primary has. */
#include "tests/unit/shipping/link.h"

#define FRAMES_MAX 64U

struct traffic {
    struct aero_buffer bytes; /* all frames, one after the other */
    struct aero_frame frames[FRAMES_MAX];
    size_t count;
};

static void cut_frames(struct traffic *traffic)
{
    size_t at = 0;
    while (at < traffic->bytes.length) {
        size_t used = 0;
        size_t needed = 0;
        struct aero_slice rest =
            aero_slice_of(traffic->bytes.data + at, traffic->bytes.length - at);
        assert_in_range(traffic->count, 0, FRAMES_MAX - 1);
        assert_true(
            aero_is_ok(aero_frame_decode(rest, &traffic->frames[traffic->count], &used, &needed)));
        traffic->count++;
        at += used;
    }
}

/* What an honest primary says to an empty replica, and what that replica says. */
static void record_traffic(struct traffic *down, struct traffic *up)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    bool moves = true;
    while (moves) {
        moves = link_do_reads(link);
        struct aero_slice out = aero_sender_output(link->sender);
        aero_buffer_append_slice(&down->bytes, out);
        moves = link_send_down(link) || moves;
        out = aero_receiver_output(link->receiver);
        aero_buffer_append_slice(&up->bytes, out);
        moves = link_send_up(link) || moves;
        link_take_events(link);
    }
    link_assert_equal(link);
    cut_frames(down);
    cut_frames(up);
    link_free(link);
}

static void traffic_deinit(struct traffic *traffic)
{
    aero_buffer_deinit(&traffic->bytes);
}

/* Changes some bytes of a payload; the frame around it will be sound again. */
static void append_changed(struct aero_buffer *out, struct aero_frame frame, struct aero_prng *prng)
{
    struct aero_buffer payload = {0};
    aero_buffer_append_slice(&payload, frame.payload);
    for (uint64_t i = 1 + aero_prng_below(prng, 3); i > 0 && payload.length > 0; i--) {
        payload.data[aero_prng_below(prng, payload.length)] = (uint8_t)aero_prng_next(prng);
    }
    aero_frame_append(out, frame.type, aero_buffer_slice(&payload));
    aero_buffer_deinit(&payload);
}

static void append_noise(struct aero_buffer *out, struct aero_prng *prng)
{
    for (uint64_t i = aero_prng_below(prng, 200); i > 0; i--) {
        uint8_t byte = (uint8_t)aero_prng_next(prng);
        aero_buffer_append(out, &byte, 1);
    }
}

/* One stream of lies from a seed. */
static struct aero_buffer lie(const struct traffic *honest, const struct traffic *other,
                              struct aero_prng *prng)
{
    struct aero_buffer out = {0};
    for (size_t i = 0; i < honest->count; i++) {
        struct aero_frame frame = honest->frames[i];
        switch (aero_prng_below(prng, 12)) {
        case 0: /* dropped */
            break;
        case 1:
            aero_frame_append(&out, frame.type, frame.payload);
            aero_frame_append(&out, frame.type, frame.payload);
            break;
        case 2:
            frame = honest->frames[aero_prng_below(prng, honest->count)];
            aero_frame_append(&out, frame.type, frame.payload);
            break;
        case 3:
            append_changed(&out, frame, prng);
            break;
        case 4:
            frame = other->frames[aero_prng_below(prng, other->count)];
            aero_frame_append(&out, frame.type, frame.payload);
            break;
        case 5:
            if (aero_prng_below(prng, 4) == 0) {
                append_noise(&out, prng);
            }
            break;
        default:
            aero_frame_append(&out, frame.type, frame.payload);
            break;
        }
    }
    return out;
}

static void test_lying_primary_gets_nothing_wrong_into_a_replica(void **state)
{
    (void)state;
    struct traffic down = {.count = 0};
    struct traffic up = {.count = 0};
    record_traffic(&down, &up);
    unsigned ended[LINK_KINDS] = {0};
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        struct aero_prng prng;
        aero_prng_init(&prng, seed);
        struct aero_buffer lies = lie(&down, &up, &prng);
        struct aero_message_hello hello = link_hello(link);
        link_say_hello(link, &hello);
        for (size_t at = 0; at < lies.length;) {
            size_t piece = 1 + (size_t)aero_prng_below(&prng, 3000);
            piece = piece < lies.length - at ? piece : lies.length - at;
            aero_receiver_on_bytes(link->receiver, aero_slice_of(lies.data + at, piece), link->now);
            link_take_actions(link);
            struct aero_slice out = aero_receiver_output(link->receiver);
            assert_in_range(out.length, 0, 10000);
            aero_receiver_sent(link->receiver, out.length);
            at += piece;
        }
        link_assert_prefix(link);
        ended[AERO_RECEIVER_HALT] += link->actions[AERO_RECEIVER_HALT];
        ended[AERO_RECEIVER_RECONNECT] += link->actions[AERO_RECEIVER_RECONNECT];
        assert_true(link->actions[AERO_RECEIVER_HALT] + link->actions[AERO_RECEIVER_RECONNECT] <=
                    1);
        aero_buffer_deinit(&lies);
        link_free(link);
    }
    /* Both answers were given, so the lies reached deep enough. */
    assert_true(ended[AERO_RECEIVER_HALT] > 100);
    assert_true(ended[AERO_RECEIVER_RECONNECT] > 100);
    traffic_deinit(&down);
    traffic_deinit(&up);
}

static void test_lying_replica_does_no_harm_to_a_primary(void **state)
{
    (void)state;
    struct traffic down = {.count = 0};
    struct traffic up = {.count = 0};
    record_traffic(&down, &up);
    unsigned closed = 0;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link_publish(link);
        struct aero_sender_options options = {.tail_streaming = true};
        link_make_sender(link, &options, 0);
        struct aero_prng prng;
        aero_prng_init(&prng, seed);
        struct aero_buffer lies = lie(&up, &down, &prng);
        for (size_t at = 0; at < lies.length;) {
            size_t piece = 1 + (size_t)aero_prng_below(&prng, 300);
            piece = piece < lies.length - at ? piece : lies.length - at;
            aero_sender_on_bytes(link->sender, aero_slice_of(lies.data + at, piece), link->now);
            link_do_reads(link);
            link_take_events(link);
            aero_sender_sent(link->sender, aero_sender_output(link->sender).length);
            at += piece;
        }
        assert_int_equal(link->events[AERO_SENDER_LOSS_PROVEN], 0);
        assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
        assert_true(link->last_progress.durable.value <= 14);
        assert_true(link->last_pin.pin_sequence <= 3);
        closed += link->events[AERO_SENDER_CLOSED];
        aero_buffer_deinit(&lies);
        link_free(link);
    }
    assert_true(closed > 500);
    traffic_deinit(&down);
    traffic_deinit(&up);
}

/* A certificate alone obliges a primary to nothing: before its Hello a peer may only leave. */
static void test_nothing_but_a_hello_is_heard_before_the_hello(void **state)
{
    (void)state;
    static const enum aero_frame_type types[] = {AERO_FRAME_ACK, AERO_FRAME_HEARTBEAT,
                                                 AERO_FRAME_RECORD_BYTES,
                                                 AERO_FRAME_DIGEST_MISMATCH, AERO_FRAME_BYE};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link_connect(link);
        link_hear(link, &(struct aero_message){.type = types[i]});
        assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
        assert_int_equal(link->events[AERO_SENDER_DIGEST_MISMATCH], 0);
        link_free(link);
    }
}

/* A byte now and then is no Hello: it does not keep the link. */
static void test_hello_has_to_be_whole_within_the_timeout(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    struct aero_slice hello = aero_receiver_output(link->receiver);
    for (size_t i = 0; i < 10; i++) {
        aero_sender_on_bytes(link->sender, aero_slice_of(hello.data + i, 1), link->now);
        link->now.value += 1000000000U;
        aero_sender_tick(link->sender, link->now);
    }
    link_take_events(link);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    link_free(link);
}

/* Decision 20: of a record that went over this link, and once, since an audit follows. */
static void test_digest_mismatch_counts_once_and_only_of_what_was_sent(void **state)
{
    (void)state;
    const uint64_t lsns[] = {0, 14, 15};
    for (size_t i = 0; i < sizeof lsns / sizeof lsns[0]; i++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link_connect(link);
        link_run(link);
        struct aero_message message = {.type = AERO_FRAME_DIGEST_MISMATCH};
        message.as.digest_mismatch.lsn = aero_lsn_of(lsns[i]);
        link_hear(link, &message);
        assert_int_equal(link->events[AERO_SENDER_DIGEST_MISMATCH], lsns[i] == 14 ? 1 : 0);
        assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
        link_free(link);
    }
}

/* A thousand Hellos in one gulp, or any other flood, ends the link instead of growing a queue. */
static void test_flood_of_messages_ends_the_link(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    struct aero_buffer flood = {0};
    struct aero_message message = {.type = AERO_FRAME_DIGEST_MISMATCH};
    message.as.digest_mismatch.lsn = aero_lsn_of(14);
    for (unsigned i = 0; i < 1000; i++) {
        aero_message_append(&flood, &message);
    }
    aero_sender_on_bytes(link->sender, aero_buffer_slice(&flood), link->now);
    link_take_events(link);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    assert_int_equal(link->events[AERO_SENDER_DIGEST_MISMATCH], 1);
    aero_buffer_deinit(&flood);
    link_free(link);
}

/* Histories take no credit, and each is work: a primary that goes on telling them is cut off. */
static void test_flood_of_histories_ends_the_link(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    struct aero_buffer flood = {0};
    struct aero_buffer history = {0};
    aero_handshake_encode_history(&link->primary.history, &history);
    struct aero_message message = {.type = AERO_FRAME_HISTORY};
    message.as.history.history = aero_buffer_slice(&history);
    for (unsigned i = 0; i < 40; i++) {
        aero_message_append(&flood, &message);
    }
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&flood), link->now);
    link_take_actions(link);
    assert_int_equal(link->actions[AERO_RECEIVER_HISTORY], 8);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
    assert_non_null(strstr(link->reconnect_text, "more histories"));
    aero_buffer_deinit(&history);
    aero_buffer_deinit(&flood);
    link_free(link);
}

static void test_more_than_was_granted_is_a_fault(void **state)
{
    (void)state;
    struct traffic down = {.count = 0};
    struct traffic up = {.count = 0};
    record_traffic(&down, &up);
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    struct aero_receiver_options options = {.window_bytes = 600};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    link->keeps = true;
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&down.bytes), link->now);
    link_take_actions(link);
    assert_non_null(strstr(link->reconnect_text, "more than it was granted"));
    assert_in_range(link->kept_bytes, 0, 600);
    traffic_deinit(&down);
    traffic_deinit(&up);
    link_free(link);
}

/* ---- Single lies, each with the answer that it deserves ---- */

static struct link *streaming(void)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    return link;
}

static void assert_halts(struct link *link, const struct aero_buffer *frames,
                         enum aero_halt_reason reason)
{
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(frames), link->now);
    link_take_actions(link);
    assert_int_equal(link->actions[AERO_RECEIVER_HALT], 1);
    if (link->halt != reason) {
        fail_msg("%s: %s", aero_halt_text(link->halt), link->halt_text);
    }
    assert_true(strlen(link->halt_text) > 0);
    assert_int_equal(link->end.position.lsn.value, 14);
}

/* The primary goes on from a log of its own that forked before `fork`. */
static void append_record_of(struct fake_log *log, struct aero_buffer *frames, uint64_t offset)
{
    uint64_t start = log->end.offset;
    fake_log_append(log, 20, 9);
    const struct aero_buffer *bytes = &log->bytes[log->file_count - 1];
    aero_frame_append_chunk(frames, AERO_FRAME_CHUNK, log->end.sequence, offset,
                            aero_slice_of(bytes->data + start, bytes->length - (size_t)start));
}

static void test_skipped_record_halts_as_gap(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    uint64_t offset = link->primary.end.offset;
    fake_log_append(&link->primary, 20, 8);
    append_record_of(&link->primary, &frames, offset);
    assert_halts(link, &frames, AERO_HALT_GAP);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_bytes_at_another_place_halt_as_gap(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    append_record_of(&link->primary, &frames, link->primary.end.offset + 8);
    assert_halts(link, &frames, AERO_HALT_GAP);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_record_of_another_branch_halts_as_diverged(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    link->primary.prev_chain ^= 1;
    append_record_of(&link->primary, &frames, link->primary.end.offset);
    assert_halts(link, &frames, AERO_HALT_DIVERGED);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_damaged_record_in_a_sound_frame_halts(void **state)
{
    (void)state;
    for (size_t at = 0; at < 88; at++) {
        struct link *link = streaming();
        struct aero_buffer frames = {0};
        struct aero_buffer *bytes = &link->primary.bytes[2];
        uint64_t start = link->primary.end.offset;
        fake_log_append(&link->primary, 20, 9);
        bytes->data[start + at] ^= 0x01;
        aero_frame_append_chunk(&frames, AERO_FRAME_CHUNK, 3, start,
                                aero_slice_of(bytes->data + start, bytes->length - (size_t)start));
        assert_halts(link, &frames, AERO_HALT_STREAM_DAMAGED);
        aero_buffer_deinit(&frames);
        link_free(link);
    }
}

static void test_footer_that_does_not_seal_halts(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    size_t end = link->primary.bytes[2].length;
    link->primary.files[2].record_count++; /* one more than there are */
    fake_log_seal(&link->primary);
    aero_frame_append(&frames, AERO_FRAME_SEAL,
                      aero_slice_of(link->primary.bytes[2].data + end, AERO_SEGMENT_FOOTER_BYTES));
    assert_halts(link, &frames, AERO_HALT_STREAM_DAMAGED);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_segment_that_names_another_end_halts(void **state)
{
    (void)state;
    for (unsigned other_chain = 0; other_chain < 2; other_chain++) {
        struct link *link = streaming();
        struct aero_buffer frames = {0};
        if (other_chain != 0) {
            link->primary.end.position.chain ^= 1;
        } else {
            fake_log_append(&link->primary, 20, 9);
        }
        fake_log_begin(&link->primary, 204);
        aero_frame_append(&frames, AERO_FRAME_SEGMENT, aero_buffer_slice(&link->primary.bytes[3]));
        assert_halts(link, &frames, other_chain != 0 ? AERO_HALT_DIVERGED : AERO_HALT_GAP);
        aero_buffer_deinit(&frames);
        link_free(link);
    }
}

static void test_segment_inside_a_record_halts_as_gap(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    struct aero_wal_place end = link->primary.end;
    struct aero_buffer *bytes = &link->primary.bytes[2];
    fake_log_append(&link->primary, 20, 9);
    aero_frame_append_chunk(&frames, AERO_FRAME_CHUNK, 3, end.offset,
                            aero_slice_of(bytes->data + end.offset, 50));
    link->primary.end = end; /* the next segment begins as if the record had not */
    fake_log_begin(&link->primary, 204);
    aero_frame_append(&frames, AERO_FRAME_SEGMENT, aero_buffer_slice(&link->primary.bytes[3]));
    assert_halts(link, &frames, AERO_HALT_GAP);
    aero_buffer_deinit(&frames);
    link_free(link);
}

/* A sound segment under an incarnation that nobody told of: the connection is at fault, the data is
 * not. */
static void test_segment_of_an_untold_incarnation_is_a_fault(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    fake_log_start(&link->primary, 102, 1);
    fake_log_begin(&link->primary, 204);
    aero_frame_append(&frames, AERO_FRAME_SEGMENT, aero_buffer_slice(&link->primary.bytes[3]));
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
    assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_segment_of_another_cluster_halts(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    link->primary.cluster_id = fake_id(2);
    fake_log_begin(&link->primary, 204);
    aero_frame_append(&frames, AERO_FRAME_SEGMENT, aero_buffer_slice(&link->primary.bytes[3]));
    assert_halts(link, &frames, AERO_HALT_WRONG_CLUSTER);
    aero_buffer_deinit(&frames);
    link_free(link);
}

/* Decision 15: a primary that is behind what this replica knows may not lead it. */
static void test_primary_of_a_lower_epoch_halts_as_authority(void **state)
{
    (void)state;
    struct link *link = streaming();
    link_lose(link);
    struct aero_message_hello hello = link_hello(link);
    hello.epoch.value = 7;
    link_say_hello(link, &hello);
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    message.as.verdict = (struct aero_message_verdict){.kind = AERO_HANDSHAKE_RESUME,
                                                       .cluster_id = link->primary.cluster_id,
                                                       .node_id = link->primary.node_id,
                                                       .node_name = "p",
                                                       .epoch = {.value = 6},
                                                       .history = hello.history,
                                                       .resume_sequence = hello.end_sequence,
                                                       .resume_offset = hello.end_offset};
    struct aero_buffer frames = {0};
    aero_message_append(&frames, &message);
    assert_halts(link, &frames, AERO_HALT_AUTHORITY);
    aero_buffer_deinit(&frames);
    link_free(link);
}

static void test_resume_at_a_place_that_was_not_named_is_a_fault(void **state)
{
    (void)state;
    struct link *link = streaming();
    link_lose(link);
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    message.as.verdict = (struct aero_message_verdict){.kind = AERO_HANDSHAKE_RESUME,
                                                       .cluster_id = link->primary.cluster_id,
                                                       .epoch = {.value = 1},
                                                       .history = hello.history,
                                                       .resume_sequence = hello.end_sequence,
                                                       .resume_offset = hello.end_offset + 8};
    struct aero_buffer frames = {0};
    aero_message_append(&frames, &message);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    assert_non_null(strstr(link->reconnect_text, "not named"));
    aero_buffer_deinit(&frames);
    link_free(link);
}

/* Decision 23: acknowledgements belong to one connection and speak of what went over it. */
static void test_acknowledgement_that_cannot_be_ends_the_link(void **state)
{
    (void)state;
    const struct aero_message_ack sound = {.link_nonce = fake_id(4000),
                                           .received = {.value = 14},
                                           .durable = {.value = 14},
                                           .applied = {.value = 14},
                                           .durable_sequence = 3,
                                           .credit_bytes = (uint64_t)1 << 40};
    struct aero_message_ack lies[] = {sound, sound, sound, sound, sound, sound, sound};
    lies[1].link_nonce = fake_id(3999);
    lies[2].received.value = 15;
    lies[3].received.value = 13;
    lies[4].durable_sequence = 4;
    lies[5].credit_bytes = 1;
    lies[6].applied.value = 15;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct link *link = streaming();
        struct aero_buffer frames = {0};
        struct aero_message message = {.type = AERO_FRAME_ACK, .as.ack = lies[i]};
        aero_message_append(&frames, &message);
        aero_sender_on_bytes(link->sender, aero_buffer_slice(&frames), link->now);
        link_take_events(link);
        assert_int_equal(link->events[AERO_SENDER_CLOSED], i == 0 ? 0 : 1);
        aero_buffer_deinit(&frames);
        link_free(link);
    }
}

static void test_halted_receiver_takes_nothing_more(void **state)
{
    (void)state;
    struct link *link = streaming();
    struct aero_buffer frames = {0};
    append_record_of(&link->primary, &frames, link->primary.end.offset + 8);
    assert_halts(link, &frames, AERO_HALT_GAP);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    aero_receiver_on_closed(link->receiver);
    link_take_actions(link);
    assert_int_equal(link->actions[AERO_RECEIVER_HALT], 1);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 0);
    aero_buffer_deinit(&frames);
    link_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lying_primary_gets_nothing_wrong_into_a_replica),
        cmocka_unit_test(test_lying_replica_does_no_harm_to_a_primary),
        cmocka_unit_test(test_nothing_but_a_hello_is_heard_before_the_hello),
        cmocka_unit_test(test_hello_has_to_be_whole_within_the_timeout),
        cmocka_unit_test(test_digest_mismatch_counts_once_and_only_of_what_was_sent),
        cmocka_unit_test(test_flood_of_messages_ends_the_link),
        cmocka_unit_test(test_flood_of_histories_ends_the_link),
        cmocka_unit_test(test_more_than_was_granted_is_a_fault),
        cmocka_unit_test(test_skipped_record_halts_as_gap),
        cmocka_unit_test(test_bytes_at_another_place_halt_as_gap),
        cmocka_unit_test(test_record_of_another_branch_halts_as_diverged),
        cmocka_unit_test(test_damaged_record_in_a_sound_frame_halts),
        cmocka_unit_test(test_footer_that_does_not_seal_halts),
        cmocka_unit_test(test_segment_that_names_another_end_halts),
        cmocka_unit_test(test_segment_inside_a_record_halts_as_gap),
        cmocka_unit_test(test_segment_of_an_untold_incarnation_is_a_fault),
        cmocka_unit_test(test_segment_of_another_cluster_halts),
        cmocka_unit_test(test_primary_of_a_lower_epoch_halts_as_authority),
        cmocka_unit_test(test_resume_at_a_place_that_was_not_named_is_a_fault),
        cmocka_unit_test(test_acknowledgement_that_cannot_be_ends_the_link),
        cmocka_unit_test(test_halted_receiver_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
