/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's end alone: replicas that say one wrong thing at a time, files that change or go between two reads, reads that
 * fail. */
#include <errno.h>

#include "shipping/sender_priv.h"
#include "tests/unit/shipping/link.h"

static struct link *streaming(void)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    return link;
}

/* An empty replica, as its Hello says it. */
static struct aero_message hello_of_empty(void)
{
    struct aero_message message = {.type = AERO_FRAME_HELLO};
    message.as.hello = (struct aero_message_hello){.protocol_version = AERO_PROTOCOL_VERSION,
                                                   .node_id = fake_id(11),
                                                   .node_name = "r",
                                                   .holds_nothing = true,
                                                   .tail_streaming = true,
                                                   .credit_bytes = (uint64_t)1 << 40};
    return message;
}

static void make_sender(struct link *link)
{
    struct aero_sender_options options = {.tail_streaming = true};
    link_publish(link);
    link_make_sender(link, &options, 0);
}

static void drop_output(struct link *link)
{
    aero_sender_sent(link->sender, aero_sender_output(link->sender).length);
}

/* The read that is out, done. */
static size_t do_read(const struct link *link, const struct aero_sender_read *read)
{
    size_t read_bytes = 0;
    assert_true(aero_is_ok(fake_log_read(&link->primary, read->name, read->offset, read->into,
                                         read->length, &read_bytes)));
    return read_bytes;
}

static void assert_refused(const struct link *link, const char *why)
{
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    if (strstr(link->closed_text, why) == NULL) {
        fail_msg("closed with '%s', not '%s'", link->closed_text, why);
    }
}

/* ---- Hellos ---- */

static void test_each_refusal_is_said_and_ends_the_link(void **state)
{
    (void)state;
    static const enum aero_handshake_kind kinds[] = {
        AERO_HANDSHAKE_VERSION, AERO_HANDSHAKE_NAME_NOT_ALLOWED, AERO_HANDSHAKE_WRONG_CLUSTER,
        AERO_HANDSHAKE_UNPROVABLE, AERO_HANDSHAKE_UNAVAILABLE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link->primary.files[0].damaged = kinds[i] == AERO_HANDSHAKE_UNAVAILABLE;
        make_sender(link);
        struct aero_message message = hello_of_empty();
        struct aero_message_hello *hello = &message.as.hello;
        if (kinds[i] == AERO_HANDSHAKE_VERSION) {
            hello->protocol_version++;
        } else if (kinds[i] == AERO_HANDSHAKE_NAME_NOT_ALLOWED) {
            snprintf(hello->node_name, sizeof hello->node_name, "somebody");
        } else if (kinds[i] == AERO_HANDSHAKE_WRONG_CLUSTER) {
            hello->cluster_id = fake_id(2);
        } else if (kinds[i] == AERO_HANDSHAKE_UNPROVABLE) {
            hello->node_id = link->primary.node_id;
        }
        struct aero_message_hello said = link_hello(link);
        link_say_hello(link, &said);
        link_hear(link, &message);
        while (link_send_down(link)) {
        }
        assert_int_equal(link->verdict, kinds[i]);
        assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
        assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
        assert_int_equal(link->reads, 0);
        link_free(link);
    }
}

static void test_hello_whose_history_does_not_decode_is_refused(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    message.as.hello.history = aero_slice_text("no history");
    link_hear(link, &message);
    assert_refused(link, "history does not decode");
    assert_int_equal(link->events[AERO_SENDER_VERDICT], 0);
    link_free(link);
}

/* DET-3: not even the header's successor is read before there is credit for it. */
static void test_replica_that_grants_nothing_gets_no_record(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    message.as.hello.credit_bytes = 0;
    link_hear(link, &message);
    link_do_reads(link);
    struct aero_sender_status status;
    aero_sender_status(link->sender, &status);
    assert_true(status.following);
    assert_int_equal(status.shipped_bytes, 0);
    assert_int_equal(status.sent.value, 0);
    link_free(link);
}

static void test_replica_that_grants_nothing_gets_no_snapshot(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 100);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    message.as.hello.credit_bytes = 0;
    link_hear(link, &message);
    assert_int_equal(link->events[AERO_SENDER_SNAPSHOT_GRANTED], 1);
    assert_false(link_do_reads(link));
    link_free(link);
}

static void test_peer_that_leaves_before_its_hello_is_heard(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    make_sender(link);
    struct aero_message message = {.type = AERO_FRAME_BYE, .as.bye.code = AERO_BYE_SHUTDOWN};
    snprintf(message.as.bye.text, sizeof message.as.bye.text, "another time");
    link_hear(link, &message);
    assert_refused(link, "another time");
    link_free(link);
}

static void test_events_that_nobody_takes_are_bounded(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 100);
    make_sender(link);
    struct aero_buffer frames = {0};
    struct aero_message message = hello_of_empty();
    aero_message_append(&frames, &message);
    for (unsigned i = 0; i < AERO_SENDER_EVENTS_MAX; i++) {
        aero_sender_on_bytes(link->sender, aero_buffer_slice(&frames), link->now);
        link_do_reads(link);
        drop_output(link);
    }
    link_take_events(link);
    assert_refused(link, "too many messages");
    assert_in_range(link->events[AERO_SENDER_VERDICT], 2, AERO_SENDER_EVENTS_MAX / 2);
    aero_buffer_deinit(&frames);
    link_free(link);
}

/* ---- Acknowledgements ---- */

static struct aero_message ack(uint64_t received, uint64_t durable, uint64_t applied,
                               uint64_t durable_sequence)
{
    struct aero_message message = {.type = AERO_FRAME_ACK};
    message.as.ack = (struct aero_message_ack){.link_nonce = fake_id(4000),
                                               .received = {.value = received},
                                               .durable = {.value = durable},
                                               .applied = {.value = applied},
                                               .durable_sequence = durable_sequence,
                                               .credit_bytes = (uint64_t)1 << 40};
    return message;
}

/* Each of the three places tells the owner by itself; what says nothing new tells nothing. */
static void test_progress_is_told_when_something_rises(void **state)
{
    (void)state;
    const struct aero_message acks[] = {ack(14, 0, 0, 0),  ack(14, 0, 0, 0),  ack(14, 13, 0, 0),
                                        ack(14, 13, 2, 0), ack(13, 12, 1, 0), ack(14, 13, 2, 2),
                                        ack(14, 14, 14, 2)};
    static const unsigned told[] = {1, 1, 2, 3, 3, 3, 4};
    static const unsigned pins[] = {0, 0, 0, 0, 0, 1, 1};
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link->keeps = true;
    link_connect(link);
    link_run(link);
    unsigned progress = link->events[AERO_SENDER_PROGRESS];
    unsigned pin = link->events[AERO_SENDER_PIN];
    for (size_t i = 0; i < sizeof acks / sizeof acks[0]; i++) {
        link_hear(link, &acks[i]);
        assert_int_equal(link->events[AERO_SENDER_PROGRESS], progress + told[i]);
        assert_int_equal(link->events[AERO_SENDER_PIN], pin + pins[i]);
    }
    assert_int_equal(link->last_progress.applied.value, 14);
    assert_int_equal(link->last_pin.pin_sequence, 2);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
    link_free(link);
}

/* The replica holds two records that its primary lost: the primary asks for the first of them. */
static struct link *claimed(void)
{
    struct link *link = streaming();
    link_lose(link);
    link->primary.end = fake_log_place(&link->primary, 12);
    link_connect(link);
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_LOSS_CLAIMED], 1);
    return link;
}

/* The last bytes of a snapshot are acknowledged when its end is said already, and the next Hello still to come. */
static void test_acknowledgement_behind_a_snapshot_is_heard(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 100);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    link_hear(link, &message);
    while (link_do_reads(link) || aero_sender_output(link->sender).length > 0) {
        drop_output(link);
    }
    struct aero_sender_status status;
    aero_sender_status(link->sender, &status);
    assert_string_equal(status.state, "hello");
    message = ack(0, 0, 0, 0);
    link_hear(link, &message);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
    message.as.ack.credit_bytes = 1;
    link_hear(link, &message);
    assert_refused(link, "not sent on this connection");
    link_free(link);
}

static void test_acknowledgement_of_nothing_that_was_granted_is_refused(void **state)
{
    (void)state;
    struct link *link = claimed();
    struct aero_message message = ack(12, 12, 12, 3);
    link_hear(link, &message);
    assert_refused(link, "not sent on this connection");
    link_free(link);
}

/* ---- The claim that records were lost ---- */

/* What the replica shows of the record `lsn` in segment 3. */
static struct aero_message record_bytes(const struct link *link, uint64_t after, uint64_t lsn)
{
    uint64_t offset = fake_log_place(&link->primary, lsn - 1).offset;
    struct aero_message message = {.type = AERO_FRAME_RECORD_BYTES};
    message.as.record_bytes = (struct aero_message_record_bytes){
        .after = {.value = after},
        .found = true,
        .segment_header = aero_slice_of(link->primary.bytes[2].data, AERO_SEGMENT_HEADER_BYTES),
        .record_header =
            aero_slice_of(link->primary.bytes[2].data + offset, AERO_RECORD_HEADER_BYTES),
    };
    return message;
}

static void test_loss_is_proven_by_what_was_asked_for_alone(void **state)
{
    (void)state;
    static const struct {
        uint64_t after;
        uint64_t lsn;
        bool found;
        const char *why;
        bool proven;
    } cases[] = {{12, 13, true, "", true},
                 {12, 14, true, "does not chain", false},
                 {12, 13, false, "does not show", false},
                 {11, 13, true, "not asked for", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct link *link = claimed();
        struct aero_message message = record_bytes(link, cases[i].after, cases[i].lsn);
        if (!cases[i].found) {
            message.as.record_bytes = (struct aero_message_record_bytes){.after = {cases[i].after}};
        }
        link_hear(link, &message);
        assert_refused(link, cases[i].why);
        assert_int_equal(link->events[AERO_SENDER_LOSS_PROVEN], cases[i].proven);
        link_free(link);
    }
    struct link *link = streaming();
    struct aero_message message = record_bytes(link, 12, 13);
    link_hear(link, &message);
    assert_refused(link, "not asked for");
    link_free(link);
}

static void test_digest_mismatch_of_a_snapshot_is_refused(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 100);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    link_hear(link, &message);
    message = (struct aero_message){.type = AERO_FRAME_DIGEST_MISMATCH,
                                    .as.digest_mismatch.lsn = {.value = 12}};
    link_hear(link, &message);
    assert_refused(link, "not sent");
    assert_int_equal(link->events[AERO_SENDER_DIGEST_MISMATCH], 0);
    link_free(link);
}

/* ---- The end of a link ---- */

static void test_closed_link_hears_and_says_nothing_more(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_send_up(link);
    struct aero_sender_read read;
    assert_true(aero_sender_next_read(link->sender, &read)); /* the first header is out */
    assert_false(aero_sender_next_read(link->sender, &read));
    aero_sender_close(link->sender, AERO_BYE_SHUTDOWN, "going down");
    size_t said = aero_sender_output(link->sender).length;
    aero_sender_close(link->sender, AERO_BYE_SHUTDOWN, "going down");
    aero_sender_on_read(link->sender, aero_ok(), do_read(link, &read));
    struct aero_message message = hello_of_empty();
    link_hear(link, &message);
    link->now.value += 60000000000ULL;
    aero_sender_tick(link->sender, link->now);
    assert_int_equal(aero_sender_output(link->sender).length, said);
    assert_false(aero_sender_next_read(link->sender, &read));
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    link_free(link);
}

static void test_times_and_bounds_of_the_owner_hold(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 3, (size_t)256 << 10);
    link_publish(link);
    struct aero_sender_options options = {.tail_streaming = true,
                                          .output_bytes = 1000,
                                          .heartbeat_interval_ns = 100,
                                          .timeout_ns = 300};
    link_make_sender(link, &options, 0);
    struct aero_message message = hello_of_empty();
    link_hear(link, &message);
    link_do_reads(link);
    /* The header's frame is more than may wait: nothing of the records was read behind it. */
    assert_int_equal(link->reads, 1);
    drop_output(link);
    link_do_reads(link);
    assert_in_range(aero_sender_output(link->sender).length, 1000, AERO_FRAME_CHUNK_MAX + 1000);
    drop_output(link);
    drop_output(link);
    drop_output(link);
    drop_output(link);
    assert_int_equal(aero_sender_output(link->sender).length, 0);
    for (unsigned step = 0; step < 4; step++) {
        link->now.value += step == 0 ? 99 : step == 1 ? 1 : 100;
        aero_sender_tick(link->sender, link->now);
        link_take_events(link);
        assert_true((aero_sender_output(link->sender).length > 0) == (step > 0));
        assert_int_equal(link->events[AERO_SENDER_CLOSED], step == 3);
        drop_output(link);
    }
    link_free(link);
}

/* ---- What is not there yet, or not any more ---- */

static void test_primary_without_a_segment_ships_its_first_one_once_it_is_there(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_start(&link->primary, 100, 1);
    link_connect(link);
    link_run(link);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_RESUME);
    assert_int_equal(link->reads, 0);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 5, 100);
    link_publish(link);
    link_run(link);
    link_assert_equal(link);
    link_free(link);
}

/* The snapshot was taken at the very end, for a segment that is still to begin. */
static void test_snapshot_at_the_end_goes_on_with_the_segment_to_come(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(14, 1000);
    link->primary.snapshots[0].sequence = 4;
    link_connect(link);
    link_run(link);
    aero_history_copy(&link->history, &link->primary.history);
    struct aero_message_hello hello = link_hello(link);
    aero_receiver_restart(link->receiver, &hello, NULL, link->now);
    link_run(link);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_RESUME);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
    fake_log_begin(&link->primary, 204);
    fake_log_append(&link->primary, 10, 1);
    link_publish(link);
    link_run(link);
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 1);
    link_assert_equal(link);
    link_free(link);
}

/* Retention let go of the segment while a read of it was out: no damage, whatever was read. */
static void assert_truncation_is_no_damage(struct link *link, const struct aero_sender_read *read)
{
    size_t read_bytes = do_read(link, read);
    fake_log_truncate(&link->primary, 2);
    link_publish(link);
    aero_sender_on_read(link->sender, aero_ok(), read_bytes);
    while (link_do_reads(link)) {
    }
    link_take_events(link);
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
    assert_refused(link, "truncated meanwhile");
}

static void test_segment_truncated_during_a_read_is_no_damage(void **state)
{
    (void)state;
    static const size_t lengths[] = {AERO_SEGMENT_HEADER_BYTES, AERO_SEGMENT_FOOTER_BYTES};
    for (size_t i = 0; i < 2; i++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        make_sender(link);
        struct aero_message message = hello_of_empty();
        link_hear(link, &message);
        struct aero_sender_read read;
        assert_true(aero_sender_next_read(link->sender, &read));
        while (read.length != lengths[i]) {
            aero_sender_on_read(link->sender, aero_ok(), do_read(link, &read));
            assert_true(aero_sender_next_read(link->sender, &read));
        }
        assert_truncation_is_no_damage(link, &read);
        link_free(link);
    }
}

/* The read ended inside a record, which was to be read again as long as it is. */
static void test_segment_truncated_inside_a_large_record_is_no_damage(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append(&link->primary, 2 * AERO_SENDER_READ_BYTES, 2);
    fake_log_begin(&link->primary, 202);
    fake_log_append(&link->primary, 10, 1);
    fake_log_begin(&link->primary, 203);
    fake_log_append(&link->primary, 10, 1);
    make_sender(link);
    struct aero_message message = hello_of_empty();
    link_hear(link, &message);
    struct aero_sender_read read;
    assert_true(aero_sender_next_read(link->sender, &read));
    aero_sender_on_read(link->sender, aero_ok(), do_read(link, &read));
    assert_true(aero_sender_next_read(link->sender, &read));
    assert_int_equal(read.length, AERO_SENDER_READ_BYTES);
    assert_truncation_is_no_damage(link, &read);
    link_free(link);
}

/* A call with the view that it has already: the log grew, nothing else did. */
static void test_same_view_again_tells_no_history(void **state)
{
    (void)state;
    struct link *link = streaming();
    fake_log_append(&link->primary, 10, 1);
    aero_sender_on_wal(link->sender, link->view, link->primary.end);
    link_run(link);
    link_assert_equal(link);
    assert_int_equal(link->actions[AERO_RECEIVER_HISTORY], 1);
    link_free(link);
}

/* A place in a segment that no view has told of yet: where the one before it ends is not known. */
static void test_nothing_is_shipped_past_the_segments_that_are_known(void **state)
{
    (void)state;
    struct link *link = streaming();
    uint64_t reads = link->reads;
    struct aero_wal_place ahead = link->primary.end;
    ahead.sequence++;
    ahead.offset = AERO_SEGMENT_HEADER_BYTES + 64;
    aero_sender_on_wal(link->sender, link->view, ahead);
    for (int i = 0; i < 4; i++) {
        link_do_reads(link);
    }
    struct aero_sender_status status;
    aero_sender_status(link->sender, &status);
    assert_int_equal(status.sent.value, link->primary.end.position.lsn.value);
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
    fake_log_begin(&link->primary, 204);
    fake_log_append(&link->primary, 10, 1);
    link_publish(link);
    link_run(link);
    link_assert_equal(link);
    assert_true(link->reads > reads);
    link_free(link);
}

/* ---- Reads that fail ---- */

/* The disk fails the read `fails` of this link; false when there were not that many. */
static bool run_with_failing_read(struct link *link, unsigned fails)
{
    struct aero_sender_read read;
    unsigned reads = 0;
    bool moves = true;
    while (moves) {
        moves = false;
        while (aero_sender_next_read(link->sender, &read)) {
            bool is_it = reads++ == fails;
            aero_sender_on_read(link->sender, is_it ? aero_error_errno(EIO) : aero_ok(),
                                is_it ? 0 : do_read(link, &read));
            moves = true;
        }
        moves = link_send_down(link) || moves;
        moves = link_send_up(link) || moves;
        link_take_events(link);
    }
    return reads > fails;
}

/* A call that failed says so, by its name: it is no verdict over the bytes. Whatever was to be read. */
static void test_each_read_that_fails_is_reported(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (unsigned kind = 0; kind < 3; kind++) {
        bool failed = true;
        for (unsigned fails = 0; failed; fails++) {
            struct link *link = link_with_snapshot(12, 100);
            link->primary.snapshot_count = kind == 1;
            struct aero_wal_place whole = link->primary.end;
            if (kind == 2) { /* the replica's end is inside a segment: a probe is read first */
                link->primary.end = fake_log_place(&link->primary, 7);
                link_connect(link);
                link_run(link);
                link_lose(link);
                link->primary.end = whole;
            }
            link_connect(link);
            link_take_events(link);
            memset(link->events, 0, sizeof link->events);
            failed = run_with_failing_read(link, fails);
            assert_int_equal(link->events[AERO_SENDER_DAMAGED], failed);
            assert_int_equal(link->events[AERO_SENDER_CLOSED], failed);
            link_assert_prefix(link);
            bool probing = kind == 2 && fails == 0;
            if (failed) {
                assert_refused(link, probing ? "no sound record stands" : "EIO");
            }
            seen += failed;
            link_free(link);
        }
    }
    assert_true(seen > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_refusal_is_said_and_ends_the_link),
        cmocka_unit_test(test_hello_whose_history_does_not_decode_is_refused),
        cmocka_unit_test(test_replica_that_grants_nothing_gets_no_record),
        cmocka_unit_test(test_replica_that_grants_nothing_gets_no_snapshot),
        cmocka_unit_test(test_peer_that_leaves_before_its_hello_is_heard),
        cmocka_unit_test(test_events_that_nobody_takes_are_bounded),
        cmocka_unit_test(test_progress_is_told_when_something_rises),
        cmocka_unit_test(test_acknowledgement_behind_a_snapshot_is_heard),
        cmocka_unit_test(test_acknowledgement_of_nothing_that_was_granted_is_refused),
        cmocka_unit_test(test_loss_is_proven_by_what_was_asked_for_alone),
        cmocka_unit_test(test_digest_mismatch_of_a_snapshot_is_refused),
        cmocka_unit_test(test_closed_link_hears_and_says_nothing_more),
        cmocka_unit_test(test_times_and_bounds_of_the_owner_hold),
        cmocka_unit_test(test_primary_without_a_segment_ships_its_first_one_once_it_is_there),
        cmocka_unit_test(test_snapshot_at_the_end_goes_on_with_the_segment_to_come),
        cmocka_unit_test(test_segment_truncated_during_a_read_is_no_damage),
        cmocka_unit_test(test_segment_truncated_inside_a_large_record_is_no_damage),
        cmocka_unit_test(test_same_view_again_tells_no_history),
        cmocka_unit_test(test_nothing_is_shipped_past_the_segments_that_are_known),
        cmocka_unit_test(test_each_read_that_fails_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
