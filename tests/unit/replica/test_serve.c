/* SPDX-License-Identifier: Apache-2.0 */
/* What clients get from a replica: what is durable here and nothing newer, no writes, and expiry by the log's clock. */
#include "tests/unit/replica/played_primary.h"

#define READONLY "-READONLY You can't write against a read only replica.\r\n"

static void test_a_replica_without_data_serves_none(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    expect_at(bench, AERO_REPLICA_EMPTY, 0);
    expect(bench, "GET k1", "-LOADING ");
    bench_free(bench);
}

static void test_a_replica_that_receives_its_first_snapshot_serves_nothing(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    set_many(bench, 1);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_snapshot(bench, entry, 0, entry->size_bytes);
    turn(bench);
    expect_at(bench, AERO_REPLICA_BOOTSTRAPPING, 0);
    expect(bench, "GET k1", "-LOADING ");
    bench_free(bench);
}

/* REP-1, with a link and without, in MULTI too. */
static void test_writes_are_refused(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    for (unsigned hung_up = 0; hung_up < 2; hung_up++) {
        expect(bench, "SET k1 mine", READONLY);
        expect(bench, "DEL k1", READONLY);
        expect(bench, "FLUSHALL", READONLY);
        expect(bench, "MULTI", "+OK\r\n");
        expect(bench, "SET k1 mine", READONLY);
        expect(bench, "EXEC", "-EXECABORT ");
        expect(bench, "GET k1", "$4\r\nat 1\r\n");
        expect_primary_state(bench);
        if (!hung_up) {
            hang_up(bench);
        }
    }
    bench_free(bench);
}

/* A lost link changes no answer. */
static void test_reads_go_on_without_a_link(void **state)
{
    (void)state;
    struct bench *bench = following(2);
    hang_up(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 2);
    expect(bench, "GET k2", "$4\r\nat 2\r\n");
    bench_free(bench);
}

/* Decision 21. History with its own clock: the replica's ran an hour ahead, and it hid a lock that its primary showed. */
static void test_a_key_expires_by_the_logged_clock_alone(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    uint64_t deadline_ms = bench->primary.clock.value + 100;
    set_until(bench, "lock", "held", deadline_ms);
    ship(bench);
    bench->wall.value = deadline_ms + 3600000;
    turn(bench);
    expect(bench, "GET lock", "$4\r\nheld\r\n");
    bench->wall.value = 0; /* and its own running behind keeps nothing alive */
    bench->primary.clock.value = deadline_ms;
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    expect(bench, "GET lock", "$-1\r\n");
    expect_primary_state(bench);
    bench_free(bench);
}

/* A digest record carries the clock where no commit does, and a start has what the log said last. */
static void test_the_logged_clock_comes_with_digests_and_outlives_a_restart(void **state)
{
    (void)state;
    struct bench *bench = following(1);
    uint64_t deadline_ms = bench->primary.clock.value + 100;
    set_until(bench, "lock", "held", deadline_ms);
    bench->primary.clock.value = deadline_ms;
    world_digest(&bench->primary);
    ship(bench);
    turn(bench);
    expect(bench, "GET lock", "$-1\r\n");
    restart(bench);
    expect(bench, "GET lock", "$-1\r\n");
    bench_free(bench);
}

#define TOKEN "41414141414141414141414141414141:" /* of the primary's incarnation */

/* Decision 6: a token of the primary waits for its commit to be durable and applied here; one of a history that is unknown
 * here is never reached. */
static void test_a_token_is_reached_once_its_commit_is_shown(void **state)
{
    (void)state;
    struct bench *bench = following(2);
    expect(bench, "AERO.LSN", "$34\r\n" TOKEN "2\r\n");
    expect(bench, "AERO.WAITLSN " TOKEN "2 1000", "+OK\r\n");
    expect(bench, "AERO.WAITLSN 99999999999999999999999999999999:1 1000", "-HISTORYLOST ");
    expect(bench, "AERO.WAITLSN " TOKEN "3 1000", "");
    set_many(bench, 1);
    ship(bench);
    expect(bench, "GET k3", ""); /* it waits behind the token */
    turn(bench);
    expect(bench, "PING", "+OK\r\n$4\r\nat 3\r\n+PONG\r\n");
    bench_free(bench);
}

/* Decision 6: a replica that has heard of no primary yet cannot know of anything lost. The history alone wakes who waits. */
static void test_a_token_waits_for_a_history_and_is_judged_by_it(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        const char *answer;
    } cases[] = {
        {TOKEN "0", "+OK\r\n+PONG\r\n"},
        {TOKEN "2", ""},
        {"99999999999999999999999999999999:1", "-HISTORYLOST "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new();
        char wait[96];
        snprintf(wait, sizeof wait, "AERO.WAITLSN %s 0", cases[i].token);
        set_many(bench, 2);
        expect(bench, wait, "");
        dial(bench);
        resume(bench);
        expect(bench, "PING", cases[i].answer);
        bench_free(bench);
    }
}

static void test_a_new_replica_answers_a_token_once_it_has_the_commit(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    set_many(bench, 2);
    expect(bench, "AERO.WAITLSN " TOKEN "2 0", "");
    follow(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    bench_free(bench);
}

/* Decision 18: a snapshot's LSN is none that is shown, as long as the log has yet to come to it. */
static void test_a_token_of_the_snapshot_alone_is_not_reached(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    follow_to(bench, 4);
    expect(bench, "AERO.WAITLSN " TOKEN "10 1000", "");
    ship(bench);
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_replica_without_data_serves_none),
        cmocka_unit_test(test_a_replica_that_receives_its_first_snapshot_serves_nothing),
        cmocka_unit_test(test_writes_are_refused),
        cmocka_unit_test(test_reads_go_on_without_a_link),
        cmocka_unit_test(test_a_key_expires_by_the_logged_clock_alone),
        cmocka_unit_test(test_a_token_is_reached_once_its_commit_is_shown),
        cmocka_unit_test(test_a_token_waits_for_a_history_and_is_judged_by_it),
        cmocka_unit_test(test_a_new_replica_answers_a_token_once_it_has_the_commit),
        cmocka_unit_test(test_a_token_of_the_snapshot_alone_is_not_reached),
        cmocka_unit_test(test_the_logged_clock_comes_with_digests_and_outlives_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
