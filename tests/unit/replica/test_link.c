/* SPDX-License-Identifier: Apache-2.0 */
/* When the replica dials, what it says of itself, and what it keeps to itself (decisions 7 and 18). */
#include "tests/unit/replica/played_primary.h"

#define NS_PER_MS 1000000U

static void test_a_hello_without_data_names_none(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    dial(bench);
    assert_true(bench->heard.hello.holds_nothing);
    assert_true(aero_id_is_none(bench->heard.hello.cluster_id));
    assert_int_equal(bench->heard.hello.end.lsn.value, 0);
    assert_string_equal(bench->heard.hello.node_name, "beta");
    bench_free(bench);
}

static void test_a_hello_tells_the_end_of_the_log_and_its_segment(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    hang_up(bench);
    dial(bench);
    const struct aero_message_hello *hello = &bench->heard.hello;
    const struct aero_segment_header *segment = &bench->primary.segment;
    assert_false(hello->holds_nothing);
    assert_true(aero_id_equal(hello->cluster_id, WORLD_CLUSTER));
    assert_int_equal(hello->epoch.value, bench->primary.manifest.epoch.value);
    assert_int_equal(hello->end.lsn.value, 3);
    assert_int_equal(hello->end.chain, bench->primary.position.chain);
    assert_int_equal(hello->end_sequence, segment->sequence);
    assert_int_equal(hello->end_offset, bench->primary.bytes.length);
    assert_false(hello->end_sealed);
    assert_true(aero_id_equal(hello->segment_nonce, segment->nonce));
    assert_true(aero_id_equal(hello->segment_incarnation, segment->incarnation));
    bench_free(bench);
}

/* Decision 8: without a log, the start of the segment that its snapshot stands in is what proves where it is. */
static void test_a_hello_behind_a_snapshot_names_the_snapshots_segment(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(3);
    dial(bench);
    assert_int_equal(bench->heard.hello.end.lsn.value, 3);
    assert_int_equal(bench->heard.hello.end_sequence, 0);
    assert_int_equal(bench->heard.hello.segment_sequence, 1);
    assert_true(aero_id_equal(bench->heard.hello.segment_nonce, bench->primary.segment.nonce));
    bench_free(bench);
}

/* Decision 18: what it has in a snapshot alone is nothing that it holds. */
static void test_a_hello_tells_the_end_of_the_log_before_its_snapshot(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    follow_to(bench, 4);
    hang_up(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.end.lsn.value, 4);
    assert_int_equal(bench->heard.hello.end_offset, end_of(bench, 4));
    bench_free(bench);
}

/* Decision 18: what the last link brought is on its way to the disk, and the Hello tells what is durable. */
static void test_it_does_not_dial_before_all_that_came_is_durable(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = following(1);
    set_many(bench, 1);
    ship(bench);
    aero_replica_end_turn(bench->replica);
    hang_up_at_once(bench);
    wait_for_link(bench);
    assert_true(next_request(bench, &request));
    assert_false(aero_replica_wants_link(bench->replica));
    finish(bench, &request);
    turn(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.end.lsn.value, 2);
    bench_free(bench);
}

/* Nor before a checkpoint has ended that holds what came. History: the Hello told the end before it and the segment behind it. */
static void test_it_does_not_dial_while_what_came_waits_for_a_checkpoint(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    expect(bench, "AERO.CHECKPOINT", "");
    begin_segment(bench, false);
    set_many(bench, 1);
    ship_header(bench);
    hang_up_at_once(bench);
    wait_for_link(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    turn(bench); /* the checkpoint ends and what waited is taken; the next tick has it written */
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    dial(bench);
    assert_int_equal(bench->heard.hello.end_sequence, 2);
    assert_int_equal(bench->heard.hello.segment_sequence, 2);
    resume(bench);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* How long until it dials again. */
static uint64_t delay_ms(struct bench *bench)
{
    uint64_t ms = 0;
    hang_up_at_once(bench);
    while (!aero_replica_wants_link(bench->replica)) {
        bench->mono.value += NS_PER_MS;
        tick(bench);
        ms++;
        assert_true(ms < 60000);
    }
    return ms;
}

/* An answer that sends it away is one more attempt in vain; one that takes it is none. */
static void test_attempts_in_vain_are_farther_and_farther_apart(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    assert_true(delay_ms(bench) <= 100);
    for (unsigned i = 0; i < 8; i++) {
        dial(bench);
        answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_UNAVAILABLE,
                                                     .text = "come back later"});
        turn(bench);
        assert_true(aero_replica_wants_close(bench->replica));
        expect_status(bench, "link_reason:come back later\r");
        delay_ms(bench);
    }
    dial(bench);
    assert_true(delay_ms(bench) >= 5000);
    dial(bench);
    resume(bench);
    assert_true(delay_ms(bench) <= 100);
    bench_free(bench);
}

/* So is a transfer that has to begin anew each time, or stands still; one that goes on is not. History: a snapshot that one of
 * the two disks would not have crossed the network ten times a second. */
static void test_transfers_in_vain_are_farther_and_farther_apart(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    set_many(bench, 10);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    snapshot_file(bench, entry)->data[0] ^= 1;
    for (unsigned i = 0; i < 8; i++) {
        dial(bench);
        offer(bench, entry, 0);
        tell_snapshot(bench, entry, 0, entry->size_bytes);
        turn(bench);
        expect_status(bench, "link_reason:the primary's snapshot does not verify: ");
        delay_ms(bench);
    }
    snapshot_file(bench, entry)->data[0] ^= 1;
    dial(bench);
    offer(bench, entry, 0);
    tell_snapshot(bench, entry, 0, 100);
    assert_true(delay_ms(bench) >= 5000);
    dial(bench);
    offer(bench, entry, 100);
    assert_true(delay_ms(bench) <= 100);
    dial(bench);
    offer(bench, entry, 100);
    assert_true(delay_ms(bench) >= 100);
    bench_free(bench);
}

/* Whoever runs the core knows more of a connection's end than the core. */
static void test_a_lost_link_is_told_with_its_reason(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    aero_replica_on_link_closed(bench->replica, "connection reset by peer");
    turn(bench);
    expect_status(bench, "link:down\r");
    expect_status(bench, "link_reason:connection reset by peer\r");
    bench_free(bench);
}

static void test_a_silent_link_is_given_up(void **state)
{
    (void)state;
    const struct aero_message alive = {.type = AERO_FRAME_HEARTBEAT};
    struct bench *bench = following(1);
    for (unsigned i = 0; i < 3; i++) {
        pass(bench, 9000);
        tell_message(bench, &alive);
    }
    assert_false(aero_replica_wants_close(bench->replica));
    assert_true(bench->heard.count[AERO_FRAME_HEARTBEAT] >= 3);
    pass(bench, 10000);
    assert_true(aero_replica_wants_close(bench->replica));
    expect_status(bench, "link_reason:nothing was heard from the primary for too long\r");
    assert_int_equal(bench->heard.bye.code, AERO_BYE_TIMEOUT);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Bytes that cannot be taken now stay with the host, whose flow control holds the peer; they are taken once there is room. */
static void test_bytes_without_room_are_refused_and_taken_later(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct aero_buffer frames = {0};
    set_many(bench, 1);
    dial(bench);
    tell_resume(bench); /* its history is not durable yet */
    ship_header(bench);
    aero_frame_append_chunk(&frames, AERO_FRAME_CHUNK, 1, AERO_SEGMENT_HEADER_BYTES,
                            aero_slice_of(bench->primary.bytes.data + AERO_SEGMENT_HEADER_BYTES,
                                          bench->primary.bytes.length - AERO_SEGMENT_HEADER_BYTES));
    assert_false(aero_replica_on_link_bytes(bench->replica, aero_buffer_slice(&frames)));
    turn(bench);
    tell(bench, &frames);
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

static void tell_loss(struct bench *bench, uint64_t after)
{
    answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_PRIMARY_LOST,
                                                 .fork = {.lsn = aero_lsn_of(after)},
                                                 .text = "I lost what is behind it"});
    tell_message(bench, &(struct aero_message){.type = AERO_FRAME_FETCH_RECORD,
                                               .as.fetch_record.after = aero_lsn_of(after)});
}

/* Decision 7: it shows the record that proves the loss, halts, and keeps what may be the last copy. */
static void test_records_that_the_primary_lost_are_shown_and_kept(void **state)
{
    (void)state;
    struct bench *bench = following(5);
    struct aero_position end = bench->primary.position;
    hang_up(bench);
    dial(bench);
    tell_loss(bench, 3);
    assert_true(aero_replica_wants_evidence(bench->replica));
    aero_replica_find_evidence(bench->replica, power_disk_port(bench->disk));
    assert_false(aero_replica_wants_evidence(bench->replica));
    turn(bench);
    assert_int_equal(bench->heard.evidence.lsn.value, 4);
    expect_halted(bench, "primary lost records");
    restart(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_HALTED);
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, end.lsn.value);
    bench_free(bench);
}

/* The primary is answered, and shown nothing. */
static void expect_not_shown(struct bench *bench, bool is_damage)
{
    aero_replica_find_evidence(bench->replica, power_disk_port(bench->disk));
    turn(bench);
    assert_int_equal(bench->heard.count[AERO_FRAME_RECORD_BYTES], 1);
    assert_int_equal(bench->heard.evidence.lsn.value, 0);
    assert_int_equal(kept_log_has(&bench->log, "event=wal_damaged"), is_damage);
}

static void test_a_record_that_it_does_not_hold_is_not_shown(void **state)
{
    (void)state;
    struct bench *bench = following(5);
    hang_up(bench);
    dial(bench);
    tell_loss(bench, 5);
    expect_not_shown(bench, false);
    bench_free(bench);
}

/* It stands below the snapshot: there is no log yet. */
static void test_a_record_below_the_log_is_not_shown(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(5);
    dial(bench);
    tell_loss(bench, 3);
    expect_not_shown(bench, false);
    bench_free(bench);
}

static void test_an_operator_has_it_dial_at_once(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    expect(bench, "AERO.RECONNECT", "$");
    assert_true(aero_replica_wants_close(bench->replica));
    expect_status(bench, "link_reason:an operator asked to reconnect\r");
    hang_up_at_once(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    expect(bench, "AERO.RECONNECT", "$");
    assert_true(aero_replica_wants_link(bench->replica));
    bench_free(bench);
}

/* What had come is durable before it ends, and the primary is told that this is no loss. */
static void test_a_stop_says_goodbye_and_finishes_what_came(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    set_many(bench, 1);
    ship(bench);
    aero_replica_begin_stop(bench->replica);
    aero_replica_end_turn(bench->replica);
    assert_false(aero_replica_is_stopped(bench->replica));
    assert_false(aero_replica_wants_close(bench->replica)); /* before its goodbye has left */
    turn(bench);
    assert_true(aero_replica_is_stopped(bench->replica));
    assert_int_equal(bench->heard.bye.code, AERO_BYE_SHUTDOWN);
    assert_true(aero_replica_wants_close(bench->replica));
    hang_up(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    restart(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Two segments, the first of them sealed: the record that proves the loss stands in that one. */
static struct bench *following_two_segments(char first_name[AERO_DISK_NAME_MAX])
{
    struct bench *bench = following(3);
    snprintf(first_name, AERO_DISK_NAME_MAX, "%s", world_segment_name(&bench->primary));
    begin_segment(bench, true);
    struct aero_slice whole = aero_buffer_slice(power_bytes(bench->primary.power, first_name));
    tell_frame(bench, AERO_FRAME_SEAL,
               aero_slice_of(whole.data + whole.length - AERO_SEGMENT_FOOTER_BYTES,
                             AERO_SEGMENT_FOOTER_BYTES));
    set_many(bench, 2);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    hang_up(bench);
    dial(bench);
    tell_loss(bench, 1);
    return bench;
}

static void test_evidence_is_found_in_a_segment_that_is_sealed(void **state)
{
    (void)state;
    char name[AERO_DISK_NAME_MAX];
    struct bench *bench = following_two_segments(name);
    aero_replica_find_evidence(bench->replica, power_disk_port(bench->disk));
    turn(bench);
    assert_int_equal(bench->heard.evidence.lsn.value, 2);
    bench_free(bench);
}

/* What cannot be read proves nothing; the primary is told so, and does not wait for it; the log says what (FM-8.2). */
static void test_evidence_that_cannot_be_read_is_not_shown(void **state)
{
    (void)state;
    char name[AERO_DISK_NAME_MAX];
    const size_t places[] = {0, AERO_SEGMENT_HEADER_BYTES + 9};
    for (size_t i = 0; i < 2; i++) {
        struct bench *bench = following_two_segments(name);
        flip(bench->disk, name, places[i]);
        expect_not_shown(bench, true);
        assert_true(kept_log_has(&bench->log, name));
        bench_free(bench);
    }
}

/* One link at a time, and none with a core that is about to be another one. */
static void test_it_dials_neither_beside_a_link_nor_before_it_reopens(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    wait_for_link(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    hang_up(bench);
    dial(bench);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    hang_up(bench);
    assert_true(aero_replica_wants_reopen(bench->replica));
    assert_false(aero_replica_wants_link(bench->replica));
    reopen(bench);
    assert_true(aero_replica_wants_link(bench->replica));
    bench_free(bench);
}

/* Nobody asked it to end, however little it has to do. */
static void test_an_idle_replica_is_not_stopped(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    assert_false(aero_replica_is_stopped(bench->replica));
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hello_without_data_names_none),
        cmocka_unit_test(test_a_hello_tells_the_end_of_the_log_and_its_segment),
        cmocka_unit_test(test_a_hello_behind_a_snapshot_names_the_snapshots_segment),
        cmocka_unit_test(test_a_hello_tells_the_end_of_the_log_before_its_snapshot),
        cmocka_unit_test(test_it_does_not_dial_before_all_that_came_is_durable),
        cmocka_unit_test(test_it_does_not_dial_while_what_came_waits_for_a_checkpoint),
        cmocka_unit_test(test_attempts_in_vain_are_farther_and_farther_apart),
        cmocka_unit_test(test_transfers_in_vain_are_farther_and_farther_apart),
        cmocka_unit_test(test_a_lost_link_is_told_with_its_reason),
        cmocka_unit_test(test_a_silent_link_is_given_up),
        cmocka_unit_test(test_bytes_without_room_are_refused_and_taken_later),
        cmocka_unit_test(test_records_that_the_primary_lost_are_shown_and_kept),
        cmocka_unit_test(test_a_record_that_it_does_not_hold_is_not_shown),
        cmocka_unit_test(test_a_record_below_the_log_is_not_shown),
        cmocka_unit_test(test_an_operator_has_it_dial_at_once),
        cmocka_unit_test(test_a_stop_says_goodbye_and_finishes_what_came),
        cmocka_unit_test(test_evidence_is_found_in_a_segment_that_is_sealed),
        cmocka_unit_test(test_evidence_that_cannot_be_read_is_not_shown),
        cmocka_unit_test(test_it_dials_neither_beside_a_link_nor_before_it_reopens),
        cmocka_unit_test(test_an_idle_replica_is_not_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
