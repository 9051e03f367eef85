/* SPDX-License-Identifier: Apache-2.0 */
/* More becomes durable at once than a turn applies: clients are served between the parts. */
#define WINDOW_BYTES ((size_t)16 << 20)
#define WAL_SWITCHES ((struct aero_wal_switches){.group_commit = true, .overlapped_sync = true})
#include "tests/unit/replica/played_primary.h"

#define VALUE_BYTES ((size_t)5 << 20) /* one is more than a turn applies */
#define PIECE_BYTES ((size_t)200 << 10)

/* Two large commits have come, and the disk has finished with the second one first: then both are durable at once. */
static struct bench *with_a_backlog(void)
{
    struct bench *bench = following(1);
    struct aero_core_request requests[2];
    char *value = aero_malloc(VALUE_BYTES + 1);
    memset(value, 'v', VALUE_BYTES);
    value[VALUE_BYTES] = '\0';
    set(bench, "first", value);
    set(bench, "second", value);
    free(value);
    while (bench->shipped < bench->primary.bytes.length) {
        uint64_t rest = bench->primary.bytes.length - bench->shipped;
        ship_to(bench, bench->shipped + (rest < PIECE_BYTES ? rest : PIECE_BYTES));
    }
    aero_replica_end_turn(bench->replica);
    assert_true(next_request(bench, &requests[0]));
    assert_true(next_request(bench, &requests[1]));
    finish(bench, &requests[1]);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 1);
    finish(bench, &requests[0]);
    while (!aero_replica_has_idle_work(bench->replica)) { /* the proof of their end */
        assert_true(next_request(bench, &requests[0]));
        finish(bench, &requests[0]);
    }
    return bench;
}

static void test_a_large_backlog_is_applied_in_parts(void **state)
{
    (void)state;
    struct bench *bench = with_a_backlog();
    expect_at(bench, AERO_REPLICA_FOLLOWING, 2);
    assert_true(aero_replica_has_idle_work(bench->replica)); /* the host comes back at once */
    expect(bench, "EXISTS first", ":1\r\n");
    expect(bench, "EXISTS second", ":0\r\n");
    turn(bench);
    expect(bench, "EXISTS second", ":1\r\n");
    expect_primary_state(bench);
    assert_false(aero_replica_has_idle_work(bench->replica));
    bench_free(bench);
}

/* Decision 18: the Hello tells the end of the log, and the state is to be there, too. */
static void test_it_does_not_dial_before_the_backlog_is_applied(void **state)
{
    (void)state;
    struct bench *bench = with_a_backlog();
    hang_up_at_once(bench);
    wait_for_link(bench);
    assert_false(aero_replica_wants_link(bench->replica));
    turn(bench);
    assert_true(aero_replica_wants_link(bench->replica));
    expect_primary_state(bench);
    bench_free(bench);
}

static void tell_history(struct bench *bench, const char *seeds, uint64_t start_lsn)
{
    struct aero_core_request request;
    struct aero_buffer history = {0};
    struct aero_message message = {.type = AERO_FRAME_HISTORY};
    set_incarnations(bench, seeds, (struct aero_position){.lsn = aero_lsn_of(start_lsn)});
    aero_handshake_encode_history(&bench->primary.manifest.history, &history);
    message.as.history.history = aero_buffer_slice(&history);
    tell_message(bench, &message);
    aero_buffer_deinit(&history);
    while (next_request(bench, &request)) { /* and it is durable here */
        finish(bench, &request);
    }
}

/* A primary that lies in the middle of its log: the record behind LSN 2 is durable here, if not applied yet. */
static void test_a_start_with_a_durable_record_does_not_give_way(void **state)
{
    (void)state;
    struct bench *bench = with_a_backlog();
    tell_history(bench, "P", 2);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 2);
    tell_history(bench, "R", 3);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 2);
    expect_history(bench, "APR");
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_large_backlog_is_applied_in_parts),
        cmocka_unit_test(test_it_does_not_dial_before_the_backlog_is_applied),
        cmocka_unit_test(test_a_start_with_a_durable_record_does_not_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
