/* SPDX-License-Identifier: Apache-2.0 */
/* Sender and receiver together: what arrives is what the primary has, byte for byte, however the
 * bytes are cut. */
#include "tests/unit/shipping/link.h"

static struct link *connected(void)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    return link;
}

static void test_empty_replica_ends_with_the_same_bytes(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    link_assert_equal(link);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_RESUME);
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 3);
    assert_int_equal(link->actions[AERO_RECEIVER_SEAL], 1);
    assert_int_equal(link->actions[AERO_RECEIVER_HISTORY], 1);
    assert_int_equal(link->last_progress.durable.value, 14);
    assert_int_equal(link->last_progress.applied.value, 14);
    assert_int_equal(link->last_pin.pin_sequence, 3);
    link_free(link);
}

/* FM-11.2: pieces of one byte, of a few, of any size. */
static void test_bytes_split_anywhere_arrive_the_same(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 130; piece += piece < 12 ? 1 : 59) {
        for (unsigned random = 0; random < 2; random++) {
            struct link *link = link_new();
            aero_prng_init(&link->prng, piece);
            link->piece_bytes = piece;
            link->pieces_random = random != 0;
            fake_log_grow(&link->primary);
            link_connect(link);
            link_run(link);
            link_assert_equal(link);
            link_free(link);
        }
    }
}

/* Decision 18, FM-11.1: the connection is lost after every possible byte; the replica comes back
 * with what it has. */
static void test_connection_cut_anywhere_resumes_to_the_same_bytes(void **state)
{
    (void)state;
    struct link *whole = connected();
    link_run(whole);
    uint64_t total = whole->to_replica;
    link_free(whole);
    for (uint64_t cut = 1; cut<total; cut += cut> 700 && cut < 4600 ? 97 : 3) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link->cut_after = cut;
        link_connect(link);
        link_run(link);
        link_assert_prefix(link);
        link_lose(link);
        assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
        link_connect(link);
        link_run(link);
        link_assert_equal(link);
        assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 3);
        assert_int_equal(link->actions[AERO_RECEIVER_SEAL], 1);
        assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
        link_free(link);
    }
}

/* A flipped bit is a fault of the transport: nothing wrong is taken, and the next connection goes
 * on. */
static void test_any_flipped_bit_is_caught_and_nothing_wrong_is_taken(void **state)
{
    (void)state;
    struct link *whole = connected();
    link_run(whole);
    uint64_t total = whole->to_replica;
    link_free(whole);
    for (uint64_t bit = 0; bit < total * 8; bit += 37) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link->flip_bit = bit;
        link_connect(link);
        link_run(link);
        link_assert_prefix(link);
        assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
        assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
        link_lose(link);
        link_connect(link);
        link_run(link);
        link_assert_equal(link);
        link_free(link);
    }
}

static void test_records_written_later_follow_at_once(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    for (unsigned i = 0; i < 20; i++) {
        fake_log_append_many(&link->primary, 1 + i % 3, 10 + i);
        link_publish(link);
        link_run(link);
        link_assert_equal(link);
    }
    assert_int_equal(link->events[AERO_SENDER_VERDICT], 1);
    link_free(link);
}

/* V-1 for replicas: bytes behind the durable place stay here, whatever the files hold. */
static void test_nothing_behind_the_durable_place_is_shipped(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    struct aero_wal_place all = link->primary.end;
    link->primary.end = fake_log_place(&link->primary, 12);
    link_connect(link);
    link_run(link);
    assert_int_equal(link->end.position.lsn.value, 12);
    link->primary.end = all;
    link_publish(link);
    link_run(link);
    link_assert_equal(link);
    link_free(link);
}

/* Decision 14: a header alone may be taken back by a crash, so it waits for a durable record behind
 * it, and the footer of the segment before it with it. */
static void test_header_without_durable_record_is_not_shipped(void **state)
{
    (void)state;
    struct link *link = connected();
    fake_log_seal(&link->primary);
    fake_log_begin(&link->primary, 204);
    link_publish(link);
    link_run(link);
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 3);
    assert_int_equal(link->actions[AERO_RECEIVER_SEAL], 1);
    fake_log_append(&link->primary, 10, 1);
    link_publish(link);
    link_run(link);
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 4);
    link_assert_equal(link);
    link_free(link);
}

/* Decision 7: starts that wrote nothing leave segments without a record. A replica that took them would stand on another
 * history once a salvage has put the lost segments of these sequences back. */
static void test_segments_without_records_wait_for_one_behind_them(void **state)
{
    (void)state;
    struct link *link = connected();
    for (unsigned start = 0; start < 3; start++) {
        fake_log_start(&link->primary, (uint8_t)(102 + start), 1);
        fake_log_begin(&link->primary, (uint8_t)(204 + start));
        link_publish(link);
        link_run(link);
        assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 3);
        assert_int_equal(link->end.sequence, 3);
    }
    fake_log_append(&link->primary, 10, 1);
    link_publish(link);
    link_run(link);
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 6);
    link_assert_equal(link);
    link_free(link);
}

/* DIS-1: without tail streaming, on either side, only complete segments go. */
static void test_without_tail_streaming_only_complete_segments_are_shipped(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link_publish(link);
        struct aero_sender_options options = {.tail_streaming = side != 0};
        link_make_sender(link, &options, 0);
        struct aero_message_hello hello = link_hello(link);
        hello.tail_streaming = side == 0;
        link_say_hello(link, &hello);
        link_run(link);
        assert_int_equal(link->end.position.lsn.value, 9);
        assert_int_equal(link->end.sequence, 2);
        fake_log_seal(&link->primary);
        fake_log_begin(&link->primary, 204);
        fake_log_append(&link->primary, 10, 1);
        link_publish(link);
        link_run(link);
        assert_int_equal(link->end.position.lsn.value, 14);
        assert_int_equal(link->end.sequence, 3);
        link_free(link);
    }
}

/* A new incarnation while the link is up is told before the first segment under it. */
static void test_new_incarnation_is_told_before_its_segment(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    fake_log_start(&link->primary, 102, 1);
    fake_log_begin(&link->primary, 204);
    fake_log_append(&link->primary, 10, 1);
    link_publish(link);
    link_run(link);
    link_assert_equal(link);
    assert_int_equal(link->actions[AERO_RECEIVER_HISTORY], 2);
    assert_non_null(aero_history_find(&link->history, fake_id(102)));
    link_free(link);
}

/* ---- Flow control ---- */

static void test_window_bounds_what_the_replica_holds(void **state)
{
    (void)state;
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = 10000};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 100, 1000);
    link->keeps = true;
    link_connect(link);
    link_run(link);
    assert_in_range(link->kept_bytes, 8000, 10000);
    /* Released in small steps, it goes on, never with more than the window and one record held. */
    while (link->end.position.lsn.value < 100) {
        assert_true(link->kept_bytes >= 1064);
        aero_receiver_release(link->receiver, 1064);
        link->kept_bytes -= 1064;
        link_run(link);
    }
    assert_true(link->kept_max <= 10000 + 1064);
    link_assert_equal(link);
    link_free(link);
}

/* Actions that an owner dropped with a connection do not eat up the window for good. */
static void test_window_is_whole_again_on_each_connection(void **state)
{
    (void)state;
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = 10000};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 100, 1000);
    link->keeps = true;
    for (unsigned i = 1; i <= 5; i++) {
        link_connect(link);
        link_run(link);
        assert_in_range(link->end.position.lsn.value, i * 8, i * 10);
        aero_receiver_on_closed(link->receiver);
        link_take_actions(link);
        aero_sender_free(link->sender);
        link->sender = NULL;
    }
    aero_receiver_release(link->receiver, link->kept_bytes);
    link->keeps = false;
    link_connect(link);
    link_run(link);
    link_assert_equal(link);
    link_free(link);
}

static void test_record_larger_than_the_window_becomes_whole(void **state)
{
    (void)state;
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = 10000};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append(&link->primary, 10, 1);
    fake_log_append(&link->primary, (size_t)6 << 20, 2);
    fake_log_append(&link->primary, 10, 3);
    link_connect(link);
    link_run(link);
    link_assert_equal(link);
    link_free(link);
}

static void test_output_stays_bounded_while_the_replica_does_not_read(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 40, (size_t)256 << 10);
    link_connect(link);
    while (link_send_up(link) || link_do_reads(link)) {
    }
    size_t queued = aero_sender_output(link->sender).length;
    assert_in_range(queued, (size_t)1 << 20, ((size_t)2 << 20) + AERO_FRAME_CHUNK_MAX + 100);
    link_free(link);
}

/* One acknowledgement a turn, however many frames arrived in it. */
static void test_gulp_is_taken_as_one_action_and_acknowledged_once(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_start(&link->primary, 100, 1);
    fake_log_begin(&link->primary, 201);
    fake_log_append_many(&link->primary, 900, 1000);
    link_connect(link);
    while (link_send_up(link) || link_do_reads(link)) {
    }
    assert_true(link_send_down(link));
    assert_int_equal(link->actions[AERO_RECEIVER_RECORDS], 1);
    assert_int_equal(link->end.position.lsn.value, 900);
    struct aero_slice out = aero_receiver_output(link->receiver);
    struct aero_frame frame;
    size_t frame_bytes = 0;
    size_t needed = 0;
    assert_true(aero_is_ok(aero_frame_decode(out, &frame, &frame_bytes, &needed)));
    assert_int_equal(frame.type, AERO_FRAME_ACK);
    assert_int_equal(frame_bytes, out.length);
    link_free(link);
}

/* ---- Snapshots ---- */

static void assert_snapshot_arrived(const struct link *link)
{
    assert_int_equal(link->snapshot.length, link->primary.snapshot_bytes.length);
    assert_memory_equal(link->snapshot.data, link->primary.snapshot_bytes.data,
                        link->snapshot.length);
}

static void test_snapshot_then_wal_on_one_connection(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 3000000);
    link_connect(link);
    link_run(link);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_NEED_SNAPSHOT);
    assert_int_equal(link->events[AERO_SENDER_SNAPSHOT_GRANTED], 1);
    assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_END], 1);
    assert_snapshot_arrived(link);

    aero_history_copy(&link->history, &link->primary.history);
    struct aero_message_hello hello = link_hello(link);
    aero_receiver_restart(link->receiver, &hello, NULL, link->now);
    link_run(link);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_RESUME);
    /* Its WAL begins at the header of the segment that holds the snapshot's LSN + 1 (decision 24).
     * */
    assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 1);
    assert_int_equal(link->segments[2].length, 0);
    link_assert_equal(link);
    assert_int_equal(link->last_progress.durable.value, 14);
    link_free(link);
}

static void test_broken_snapshot_transfer_goes_on_where_it_was_verified(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 3000000);
    link->cut_after = 1500000;
    link_connect(link);
    link_run(link);
    link_lose(link);
    link_publish(link);
    struct aero_sender_options options = {.tail_streaming = true};
    link_make_sender(link, &options, 0);
    struct aero_message_hello hello = {.protocol_version = AERO_PROTOCOL_VERSION,
                                       .node_id = fake_id(11),
                                       .node_name = "r",
                                       .holds_nothing = true,
                                       .snapshot_id = fake_id(300),
                                       .snapshot_verified = 1000000};
    uint64_t before = link->to_replica;
    link_say_hello(link, &hello);
    link_run(link);
    assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_END], 1);
    assert_snapshot_arrived(link);
    assert_in_range(link->to_replica - before, 2000000, 2100000);
    link_free(link);
}

static void test_wal_that_leads_to_another_state_than_the_snapshot_halts(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 1000);
    link_connect(link);
    link_run(link);
    aero_history_copy(&link->history, &link->primary.history);
    link->end.position.chain ^= 1;
    link->primary.snapshots[0].position.chain ^= 1;
    link_publish(link);
    struct aero_message_hello hello = link_hello(link);
    aero_receiver_restart(link->receiver, &hello, NULL, link->now);
    link_run(link);
    assert_int_equal(link->halt, AERO_HALT_DIVERGED);
    assert_int_equal(link->end.position.lsn.value, 11);
    link_free(link);
}

/* ---- What the primary hears ---- */

static void test_replica_with_less_than_it_acknowledged_is_reported(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    link_lose(link);
    struct aero_sender_options options = {.tail_streaming = true};
    link_make_sender(link, &options, 20);
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_REGRESSED], 1);
    assert_int_equal(link->regressed.acknowledged.value, 20);
    assert_int_equal(link->regressed.durable.value, 14);
    link_free(link);
}

/* Decision 24: what the primary reads is verified before it is shipped. */
static void test_any_damaged_byte_of_the_primary_is_not_shipped(void **state)
{
    (void)state;
    for (size_t segment = 0; segment < 3; segment++) {
        struct link *probe = link_new();
        fake_log_grow(&probe->primary);
        size_t length = probe->primary.bytes[segment].length;
        link_free(probe);
        for (size_t at = 0; at < length; at += at < 4096 && at > 130 ? 131 : 1) {
            struct link *link = link_new();
            fake_log_grow(&link->primary);
            struct link *sound = connected();
            link->primary.bytes[segment].data[at] ^= 0x20;
            link_connect(link);
            link_run(link);
            assert_int_equal(link->events[AERO_SENDER_DAMAGED], 1);
            assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
            assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
            for (size_t i = 0; i < 3; i++) {
                const struct aero_buffer *got = &link->segments[i + 1];
                assert_true(got->length <= sound->primary.bytes[i].length);
                if (got->length > 0) {
                    assert_memory_equal(got->data, sound->primary.bytes[i].data, got->length);
                }
            }
            link_free(sound);
            link_free(link);
        }
    }
}

static void test_failed_read_is_reported_and_nothing_shipped(void **state)
{
    (void)state;
    struct link *link = connected();
    link->read_fails = true;
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 1);
    assert_int_equal(link->end.sequence, 0);
    link_free(link);
}

/* Retention: the file went between two reads. The replica is told to come back, and will be offered
 * a snapshot. */
static void test_file_truncated_meanwhile_ends_the_link(void **state)
{
    (void)state;
    struct link *link = connected();
    snprintf(link->primary.files[1].name, sizeof link->primary.files[1].name, "wal/gone");
    link_run(link);
    assert_int_equal(link->end.position.lsn.value, 5);
    assert_non_null(strstr(link->reconnect_text, "removed"));
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
    link_free(link);
}

/* ---- The primary that lost records ---- */

static struct link *lost(void)
{
    struct link *link = connected();
    link_run(link);
    link_lose(link);
    link->primary.end = fake_log_place(&link->primary, 12);
    link_connect(link);
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_LOSS_CLAIMED], 1);
    assert_int_equal(link->events[AERO_SENDER_LOSS_PROVEN], 0);
    assert_int_equal(link->fetch_after.value, 12);
    return link;
}

static void test_loss_counts_once_the_next_record_was_shown(void **state)
{
    (void)state;
    struct link *link = lost();
    struct aero_wal_place place = fake_log_place(&link->primary, 12);
    aero_receiver_give_record(
        link->receiver, aero_slice_of(link->segments[3].data, AERO_SEGMENT_HEADER_BYTES),
        aero_slice_of(link->segments[3].data + place.offset, AERO_RECORD_HEADER_BYTES));
    link_run(link);
    link_take_actions(link);
    assert_int_equal(link->events[AERO_SENDER_LOSS_PROVEN], 1);
    assert_int_equal(link->halt, AERO_HALT_PRIMARY_LOST);
    link_free(link);
}

static void test_loss_without_the_record_does_not_count(void **state)
{
    (void)state;
    struct link *link = lost();
    aero_receiver_give_record(link->receiver, aero_slice_of(NULL, 0), aero_slice_of(NULL, 0));
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_LOSS_PROVEN], 0);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    link_free(link);
}

static void test_diverged_replica_halts_with_the_reason(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    link_lose(link);
    link->end.position.chain ^= 1;
    link_connect(link);
    link_run(link);
    assert_int_equal(link->halt, AERO_HALT_DIVERGED);
    assert_non_null(strstr(link->halt_text, "LSN 14"));
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    link_free(link);
}

/* The replica has what the primary has, and knows of another that began `epoch` there. */
static struct link *contested(uint64_t epoch)
{
    struct link *link = connected();
    link_run(link);
    link_lose(link);
    struct aero_incarnation other = {.epoch = {.value = epoch},
                                     .nonce = fake_id(900),
                                     .node_id = fake_id(90),
                                     .node_name = "other",
                                     .start = link->primary.end.position};
    assert_true(aero_is_ok(aero_history_add_incarnation(&link->history, &other)));
    link_connect(link);
    link_run(link);
    return link;
}

/* Decision 15: the owner hears of it at once; the replica, and whoever it tells, only when the fence is durable. */
static void test_supersession_is_said_once_the_fence_is_durable(void **state)
{
    (void)state;
    for (uint64_t epoch = 1; epoch <= 2; epoch++) {
        struct link *link = contested(epoch);
        link->verdict = 0;
        enum aero_sender_event_kind kind =
            epoch == 2 ? AERO_SENDER_SUPERSEDED : AERO_SENDER_EPOCH_CLASH;
        assert_int_equal(link->events[kind], 1);
        assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
        assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
        link_publish(link); /* another view, the fence still on its way to the disk */
        link_run(link);
        assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
        link->primary.fenced = true;
        link_publish(link);
        link_run(link);
        assert_int_equal(link->halt, AERO_HALT_AUTHORITY);
        assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
        assert_int_equal(link->events[kind], 1);
        link_free(link);
    }
}

static void test_supersession_that_is_durable_already_is_said_at_once(void **state)
{
    (void)state;
    struct link *link = contested(2);
    link_lose(link);
    link->primary.fenced = true;
    link_connect(link);
    link_run(link);
    assert_int_equal(link->halt, AERO_HALT_AUTHORITY);
    assert_int_equal(link->verdict, AERO_HANDSHAKE_SUPERSEDED);
    link_free(link);
}

/* ---- Time ---- */

static void test_silence_ends_the_link_on_both_sides(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    link->now.value += 10000000000ULL;
    aero_sender_tick(link->sender, link->now);
    link_take_events(link);
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 1);
    aero_receiver_tick(link->receiver, link->now);
    link_take_actions(link);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
    link_free(link);
}

static void test_heartbeats_keep_an_idle_link(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    for (unsigned second = 0; second < 60; second++) {
        link->now.value += 1000000000ULL;
        aero_sender_tick(link->sender, link->now);
        aero_receiver_tick(link->receiver, link->now);
        link_run(link);
    }
    assert_int_equal(link->events[AERO_SENDER_CLOSED], 0);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 0);
    struct aero_receiver_status status;
    aero_receiver_status(link->receiver, &status);
    assert_int_equal(status.primary_durable.value, 14);
    link_free(link);
}

static void test_sender_closed_by_its_owner_says_why(void **state)
{
    (void)state;
    struct link *link = connected();
    link_run(link);
    aero_sender_close(link->sender, AERO_BYE_SHUTDOWN, "going down");
    link_run(link);
    assert_non_null(strstr(link->reconnect_text, "going down"));
    link_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_replica_ends_with_the_same_bytes),
        cmocka_unit_test(test_bytes_split_anywhere_arrive_the_same),
        cmocka_unit_test(test_connection_cut_anywhere_resumes_to_the_same_bytes),
        cmocka_unit_test(test_any_flipped_bit_is_caught_and_nothing_wrong_is_taken),
        cmocka_unit_test(test_records_written_later_follow_at_once),
        cmocka_unit_test(test_nothing_behind_the_durable_place_is_shipped),
        cmocka_unit_test(test_header_without_durable_record_is_not_shipped),
        cmocka_unit_test(test_segments_without_records_wait_for_one_behind_them),
        cmocka_unit_test(test_without_tail_streaming_only_complete_segments_are_shipped),
        cmocka_unit_test(test_new_incarnation_is_told_before_its_segment),
        cmocka_unit_test(test_window_bounds_what_the_replica_holds),
        cmocka_unit_test(test_window_is_whole_again_on_each_connection),
        cmocka_unit_test(test_record_larger_than_the_window_becomes_whole),
        cmocka_unit_test(test_output_stays_bounded_while_the_replica_does_not_read),
        cmocka_unit_test(test_gulp_is_taken_as_one_action_and_acknowledged_once),
        cmocka_unit_test(test_snapshot_then_wal_on_one_connection),
        cmocka_unit_test(test_broken_snapshot_transfer_goes_on_where_it_was_verified),
        cmocka_unit_test(test_wal_that_leads_to_another_state_than_the_snapshot_halts),
        cmocka_unit_test(test_replica_with_less_than_it_acknowledged_is_reported),
        cmocka_unit_test(test_any_damaged_byte_of_the_primary_is_not_shipped),
        cmocka_unit_test(test_failed_read_is_reported_and_nothing_shipped),
        cmocka_unit_test(test_file_truncated_meanwhile_ends_the_link),
        cmocka_unit_test(test_loss_counts_once_the_next_record_was_shown),
        cmocka_unit_test(test_loss_without_the_record_does_not_count),
        cmocka_unit_test(test_diverged_replica_halts_with_the_reason),
        cmocka_unit_test(test_supersession_is_said_once_the_fence_is_durable),
        cmocka_unit_test(test_supersession_that_is_durable_already_is_said_at_once),
        cmocka_unit_test(test_silence_ends_the_link_on_both_sides),
        cmocka_unit_test(test_heartbeats_keep_an_idle_link),
        cmocka_unit_test(test_sender_closed_by_its_owner_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
