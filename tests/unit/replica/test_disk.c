/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's disk: checkpoints of what is durable here, and what a call that fails leaves (decision 22). */
#include "tests/unit/kept_log.h"
#include "tests/unit/replica/played_primary.h"

static void test_a_checkpoint_is_what_the_next_start_begins_with(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    expect(bench, "AERO.CHECKPOINT", "");
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    set_many(bench, 2);
    ship(bench);
    turn(bench);
    struct outcome outcome = recover(bench->disk);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.recovered.manifest.snapshot_count, 1);
    assert_int_equal(outcome.recovered.manifest.snapshots[0].position.lsn.value, 3);
    outcome_free(&outcome);
    restart(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Nothing of the log is taken while one runs, without checkpoint_pipelining; all of it is behind it. */
static void test_what_comes_beside_a_checkpoint_waits_for_its_end(void **state)
{
    (void)state;
    struct aero_core_request request;
    unsigned requests = 0;
    struct bench *bench = following(3);
    turn(bench); /* for the entropy */
    expect(bench, "AERO.CHECKPOINT", "");
    set_many(bench, 1);
    ship(bench);
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        assert_int_equal(request.owner, AERO_OWNER_CHECKPOINT);
        expect_at(bench, AERO_REPLICA_FOLLOWING, 3);
        finish(bench, &request);
        requests++;
    }
    assert_true(requests > 2);
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* The log stops: what was durable is served, marked, and nothing is acknowledged, dialled or checkpointed until a restart. */
static void test_a_log_that_fails_serves_what_was_durable_until_a_restart(void **state)
{
    (void)state;
    for (uint64_t call = 1; call <= 2; call++) { /* the write, the sync */
        struct bench *bench = following(2);
        set_many(bench, 1);
        bench->disk->fail_at = bench->disk->changes + call;
        ship(bench);
        turn(bench);
        expect_at(bench, AERO_REPLICA_FOLLOWING, 2);
        expect(bench, "GET k2", "$4\r\nat 2\r\n");
        expect(bench, "GET k3", "$-1\r\n");
        expect(bench, "AERO.CHECKPOINT", "-ERR ");
        expect_status(bench, "disk:fault\r");
        expect_status(bench, "next_action:mend the disk, then restart this replica\r");
        assert_int_equal(bench->heard.ack.durable.value, 2);
        assert_true(aero_replica_wants_close(bench->replica));
        hang_up(bench);
        assert_false(aero_replica_wants_link(bench->replica));
        restart(bench);
        follow(bench);
        expect_primary_state(bench);
        bench_free(bench);
    }
}

/* Decision 13: an incarnation that the manifest could not be given has no record taken. */
static void test_a_manifest_that_fails_takes_no_record(void **state)
{
    (void)state;
    for (uint64_t call = 1; call <= 4; call++) { /* write, sync, write, sync */
        struct bench *bench = bench_new();
        set_many(bench, 1);
        dial(bench);
        bench->disk->fail_at = bench->disk->changes + call;
        tell_resume(bench);
        ship_header(bench);
        turn(bench);
        expect_status(bench, "disk:fault\r");
        expect_status(bench, "received_lsn:0\r");
        assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_EMPTY);
        assert_true(aero_replica_wants_close(bench->replica));
        hang_up(bench);
        assert_false(aero_replica_wants_link(bench->replica));
        restart(bench);
        follow(bench);
        expect_primary_state(bench);
        bench_free(bench);
    }
}

/* A snapshot's own file is no reason to stop: it is told, and the next try has another name. */
static void test_a_checkpoint_that_fails_is_told_and_tried_again(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    bench->disk->fail_at = bench->disk->changes + 2;
    expect(bench, "AERO.CHECKPOINT", "");
    turn(bench);
    expect(bench, "PING", "-ERR checkpoint failed: ");
    expect_status(bench, "disk:ok\r");
    expect(bench, "AERO.CHECKPOINT", "");
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    bench_free(bench);
}

/* A snapshot's name is drawn: without randomness there is none, and the wish waits. */
static void test_a_checkpoint_waits_for_randomness(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = following(3);
    stop(bench);
    start(bench);
    expect(bench, "AERO.CHECKPOINT", "");
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        assert_int_not_equal(request.owner, AERO_OWNER_CHECKPOINT);
        finish(bench, &request);
        aero_replica_end_turn(bench->replica);
    }
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    bench_free(bench);
}

/* The state that was asked for is about to be replaced: nothing of it becomes a snapshot beside the one that comes. */
static void test_no_checkpoint_begins_beside_a_snapshot_that_comes(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = following(3);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    hang_up(bench);
    dial(bench);
    expect(bench, "AERO.CHECKPOINT", "");
    offer(bench, entry, 0);
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        assert_false(request.owner == AERO_OWNER_CHECKPOINT &&
                     request.request->domain == AERO_DOMAIN_SNAPSHOT);
        finish(bench, &request);
        aero_replica_end_turn(bench->replica);
    }
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_BOOTSTRAPPING);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    reopen(bench);
    assert_int_equal(aero_tree_summary(aero_replica_tree(bench->replica)).count, 3);
    bench_free(bench);
}

/* How many changes before the request removes a file; UINT64_MAX: it removes none. */
static uint64_t changes_before_removal(const struct aero_disk_request *request)
{
    for (uint32_t i = 0; i < request->op_count; i++) {
        if (request->ops[i].kind == AERO_OP_UNLINK) {
            return i;
        }
    }
    return UINT64_MAX;
}

/* It costs room, and nothing else. */
static void test_a_file_that_cannot_be_removed_is_told_and_goes_with_the_next_start(void **state)
{
    (void)state;
    char name[AERO_DISK_NAME_MAX] = "";
    struct aero_buffer log = {0};
    struct aero_core_request request;
    struct bench *bench = following(1);
    aero_logger_init(&bench->logger, kept_log_sink(&log), (struct aero_clock){.wall = no_wall},
                     AERO_LOG_KEY_VALUE, AERO_LOG_WARN);
    for (unsigned i = 0; name[0] == '\0'; i++) {
        assert_true(i < 4); /* two snapshots are kept */
        set_many(bench, 1);
        ship(bench);
        turn(bench);
        expect(bench, "AERO.CHECKPOINT", "");
        aero_replica_end_turn(bench->replica);
        while (next_request(bench, &request)) {
            uint64_t before = changes_before_removal(request.request);
            if (before != UINT64_MAX) {
                memcpy(name, request.request->ops[before].name, sizeof name);
                bench->disk->fail_at = bench->disk->changes + before + 1;
            }
            finish(bench, &request);
            aero_replica_end_turn(bench->replica);
        }
        turn(bench);
        expect(bench, "PING", "+OK\r\n+PONG\r\n");
    }
    assert_true(kept_log_has(&log, name));
    assert_true(kept_log_take(&log, "level=warn event=file_not_removed"));
    turn(bench);
    assert_false(kept_log_has(&log, "file_not_removed")); /* once */
    expect_status(bench, "disk:ok\r");
    assert_non_null(power_find(&bench->disk->seen, name));
    restart(bench);
    assert_null(power_find(&bench->disk->seen, name));
    expect_primary_state(bench);
    aero_buffer_deinit(&log);
    bench_free(bench);
}

/* The snapshot did not tell where its segment begins, so it was shown at once, and the log begins before it all the same: held,
 * it would never come to where a checkpoint may begin. */
static void test_a_wish_for_a_checkpoint_does_not_hold_a_log_that_has_to_come(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    bench->primary.manifest.history.segment_count = 0;
    set_many(bench, 10);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    reopen(bench);
    follow_to(bench, 4);
    expect(bench, "AERO.CHECKPOINT", "");
    turn(bench);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_checkpoint_is_what_the_next_start_begins_with),
        cmocka_unit_test(test_what_comes_beside_a_checkpoint_waits_for_its_end),
        cmocka_unit_test(test_a_log_that_fails_serves_what_was_durable_until_a_restart),
        cmocka_unit_test(test_a_manifest_that_fails_takes_no_record),
        cmocka_unit_test(test_a_checkpoint_that_fails_is_told_and_tried_again),
        cmocka_unit_test(test_a_checkpoint_waits_for_randomness),
        cmocka_unit_test(test_no_checkpoint_begins_beside_a_snapshot_that_comes),
        cmocka_unit_test(test_a_file_that_cannot_be_removed_is_told_and_goes_with_the_next_start),
        cmocka_unit_test(test_a_wish_for_a_checkpoint_does_not_hold_a_log_that_has_to_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
