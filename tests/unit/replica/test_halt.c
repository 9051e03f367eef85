/* SPDX-License-Identifier: Apache-2.0 */
/* A halted replica (REP-4): serves its reason and nothing else, over restarts, until an operator acts. */
#include "tests/unit/replica/played_primary.h"

/* Three commits are applied, and the next one puts what no client can have put. */
static struct bench *halted(void)
{
    struct bench *bench = following(3);
    world_put(&bench->primary, "no key of a client", "no value of one");
    ship(bench);
    turn(bench);
    expect_halted(bench, "malformed commit");
    return bench;
}

static void test_it_serves_its_reason_and_no_data(void **state)
{
    (void)state;
    struct bench *bench = halted();
    expect(bench, "GET k1", "-HALTED malformed commit: the commit at LSN 4 is malformed\r\n");
    expect(bench, "EXISTS k1", "-HALTED ");
    expect(bench, "DBSIZE", "-HALTED ");
    expect(bench, "SCAN 0", "-HALTED ");
    expect(bench, "SET k1 mine", "-HALTED ");
    expect_status(bench, "state:HALTED\r");
    expect_status(bench, "reason:malformed commit: the commit at LSN 4 is malformed\r");
    expect_status(bench, "next_action:'aeroctl verify DIR' ");
    bench_free(bench);
}

/* The primary is told, the link goes, and no other is dialled, however much time passes. */
static void test_it_takes_nothing_more_from_its_primary(void **state)
{
    (void)state;
    struct bench *bench = halted();
    set_many(bench, 2);
    ship(bench);
    turn(bench);
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, 3);
    assert_true(aero_replica_wants_close(bench->replica));
    hang_up(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    assert_int_equal(bench->heard.count[AERO_FRAME_BYE], 1);
    bench_free(bench);
}

/* The manifest remembers it, in both slots. */
static void test_it_is_halted_after_a_restart_and_after_power_was_lost(void **state)
{
    (void)state;
    for (unsigned fate = POWER_KEPT; fate <= POWER_LOST; fate++) {
        struct bench *bench = halted();
        power_disk_return(bench->disk, (enum power_fate)fate, 1);
        restart(bench);
        assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_HALTED);
        expect(bench, "GET k1", "-HALTED malformed commit: the commit at LSN 4 is malformed\r\n");
        pass(bench, 60000);
        assert_false(aero_replica_wants_link(bench->replica));
        bench_free(bench);
    }
}

/* A second doubt does not replace the first, which is the one that led here. */
static void test_the_first_reason_stays(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    rot(bench);
    world_digest(&bench->primary);
    world_put(&bench->primary, "no key of a client", "no value of one");
    ship(bench);
    turn(bench);
    expect_halted(bench, "digest mismatch");
    bench_free(bench);
}

/* AERO.RECONNECT: it begins again from its disk, and the next handshake decides. */
static void test_an_operator_ends_it(void **state)
{
    (void)state;
    struct bench *bench = halted();
    hang_up(bench);
    expect(bench, "AERO.RECONNECT", "$");
    turn(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    reopen(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 4);
    expect(bench, "GET k1", "$4\r\nat 1\r\n");
    restart(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 4);
    dial(bench);
    assert_int_equal(bench->heard.hello.end.lsn.value, 4);
    bench_free(bench);
}

/* Decision 20: where the log itself names another state, the replay says so, too, and no word of an operator starts it. */
static void test_a_log_that_names_another_state_is_not_started(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    rot(bench);
    world_digest(&bench->primary);
    ship(bench);
    turn(bench);
    expect_halted(bench, "digest mismatch");
    expect_status(bench, "digest_agreement:differs\r");
    struct outcome outcome = recover(bench->disk);
    assert_int_equal(outcome.status.code, AERO_CORRUPT);
    bench_free(bench);
}

/* Decision 18: the same turn passes the snapshot that the state began with and finds the doubt behind it. */
static void test_it_stays_halted_where_its_log_has_passed_the_snapshot(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = bootstrapped(3);
    world_put(&bench->primary, "no key of a client", "no value of one");
    dial(bench);
    resume(bench);
    ship(bench);
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        finish(bench, &request);
        assert_int_not_equal(aero_replica_state(bench->replica), AERO_REPLICA_FOLLOWING);
    }
    hear(bench);
    expect_halted(bench, "malformed commit");
    expect_status(bench, "durable_lsn:4\r");
    expect_status(bench, "state:HALTED\r");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_serves_its_reason_and_no_data),
        cmocka_unit_test(test_it_takes_nothing_more_from_its_primary),
        cmocka_unit_test(test_it_is_halted_after_a_restart_and_after_power_was_lost),
        cmocka_unit_test(test_the_first_reason_stays),
        cmocka_unit_test(test_an_operator_ends_it),
        cmocka_unit_test(test_a_log_that_names_another_state_is_not_started),
        cmocka_unit_test(test_it_stays_halted_where_its_log_has_passed_the_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
