/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody hears of what is not durable yet (V-1, decisions 10 and 11). */
#include "tests/unit/server/talk.h"

static void fail_wal(uint64_t unknown_through)
{
    uint64_t last = talk.node.evaluated;
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(talk.node.durable),
                           aero_lsn_of(unknown_through), aero_lsn_of(last));
}

#define NOT_WRITTEN                                                                          \
    "-NOTWRITTEN the write-ahead log failed before this commit was handed to it: it has no " \
    "effect and will not reappear"
#define UNKNOWN                                                                           \
    "-UNKNOWN the write-ahead log failed while this commit was being written: it is not " \
    "visible now, and may or may not be after recovery"

static void test_write_is_answered_only_when_durable(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send(a, "SET k v");
    conversation_expect(a, "");
    assert_null(aero_server_next_ready(talk.server));
    conversation_sync(&talk);
    assert_ptr_equal(aero_server_next_ready(talk.server), a);
    assert_null(aero_server_next_ready(talk.server));
    conversation_expect(a, "+OK");
}

/* A pipeline on one connection sees its own writes, in order, and nothing of it leaves early. */
static void test_pipeline_waits_in_order_behind_a_held_reply(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "PING\r\nSET k 1\r\nPING\r\nPING\r\nINCR k\r\nGET k\r\nGET other\r\n");
    conversation_expect(a, "+PONG");
    conversation_sync_to(&talk, 1);
    conversation_expect(a, "+OK +PONG +PONG");
    conversation_sync_to(&talk, 2);
    conversation_expect(a, ":2 $1 2 $-1");
}

static void test_read_of_a_key_in_flight_waits_and_of_others_does_not(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    conversation_send(a, "SET k v");
    conversation_send(b, "GET k");
    conversation_send(c, "GET other");
    conversation_expect(b, "");
    conversation_expect(c, "$-1");
    conversation_sync(&talk);
    conversation_expect(b, "$1 v");
}

/* Decision 10: the lock that was refused because of a write in flight. */
static void test_refused_lock_is_held_until_the_other_commit_is_durable(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET lock A NX");
    conversation_send(b, "SET lock B NX");
    conversation_expect(b, "");
    conversation_sync(&talk);
    conversation_expect(b, "$-1");
}

static void test_refused_lock_fails_with_the_other_commit(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET lock A NX");
    conversation_send(b, "SET lock B NX");
    fail_wal(1);
    conversation_expect(a, UNKNOWN);
    conversation_expect(b, UNKNOWN);
    conversation_ask(&talk, b, "SET lock B NX", "+OK");
}

/* Errors are computed from evaluated state as well. */
static void test_error_that_depends_on_a_write_in_flight_is_held(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k text");
    conversation_send(b, "INCR k");
    conversation_send(b, "RENAME none x");
    conversation_expect(b, "");
    conversation_sync(&talk);
    conversation_expect(b, "-ERR value is not an integer or out of range -ERR no such key");
}

static void test_commands_over_many_keys_wait_for_the_evaluated_state(void **state)
{
    (void)state;
    static const char *const lines[] = {"KEYS nothing*", "SCAN 0 MATCH z*", "DBSIZE",  "RANDOMKEY",
                                        "AERO.DIGEST",   "AERO.LSN",        "FLUSHALL"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct aero_session *a = conversation_open(&talk);
        struct aero_session *b = conversation_open(&talk);
        conversation_send(a, "SET k v");
        conversation_send(b, lines[i]);
        assert_int_equal(aero_session_output(b).length, 0);
        conversation_sync(&talk);
        assert_int_not_equal(aero_session_output(b).length, 0);
    }
}

/* FM-7.1: however long a sync takes, operators hear something, and what they hear of data is durable. */
static void test_info_and_ping_are_never_held(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k v");
    conversation_send(b, "INFO keyspace");
    conversation_expect(b, "$12 # Keyspace ");
    conversation_send(b, "PING");
    conversation_expect(b, "+PONG");
    conversation_sync(&talk);
    conversation_send(b, "INFO keyspace");
    conversation_expect(b, "$44 # Keyspace db0:keys=1,expires=0,avg_ttl=0 ");
}

static void test_info_keyspace_shows_old_counts_while_writes_are_in_flight(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k1 v", "+OK");
    conversation_tick_ms(&talk, 1000);
    conversation_tick_ms(&talk, 1000);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k2 v");
    conversation_tick_ms(&talk, 1000);
    conversation_tick_ms(&talk, 1000);
    conversation_send(b, "INFO keyspace");
    conversation_expect(b, "$44 # Keyspace db0:keys=1,expires=0,avg_ttl=0 ");
}

/* Decision 11: what was handed to a write may come back; what was not, never. */
static void test_failure_says_the_two_kinds_apart_and_keeps_order(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "SET k 1\r\nPING\r\nSET k 2\r\nGET k\r\nPING\r\nSET k 3\r\nPING\r\n");
    conversation_sync_to(&talk, 1);
    conversation_expect(a, "+OK +PONG");
    fail_wal(2);
    conversation_expect(a, UNKNOWN " " UNKNOWN " +PONG " NOT_WRITTEN " +PONG");
    conversation_send(a, "GET k");
    conversation_expect(a, "$1 1");
}

static void test_failure_leaves_durable_replies_alone(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k 1");
    conversation_send(b, "SET k 2");
    /* The sync of the first returned together with the failure of the second. */
    fake_node_sync(&talk.node, 1);
    fail_wal(2);
    conversation_expect(a, "+OK");
    conversation_expect(b, UNKNOWN);
}

static void test_lsns_given_again_after_a_failure_hold_again(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send(a, "SET k 1");
    fail_wal(0);
    conversation_expect(a, NOT_WRITTEN);
    conversation_send(a, "SET k 2");
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "+OK");
}

/* Thousands of LSNs in flight: the table of waiting sessions grows, and nothing is lost or early. */
static void test_many_commits_in_flight_release_in_order(void **state)
{
    (void)state;
    enum { SESSIONS = 50, ROUNDS = 70 };
    struct aero_session *sessions[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        sessions[i] = conversation_open(&talk);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            conversation_send(sessions[i], "INCR k");
        }
    }
    for (uint64_t lsn = 1; lsn <= SESSIONS * ROUNDS; lsn++) {
        char expected[32];
        conversation_sync_to(&talk, lsn);
        snprintf(expected, sizeof expected, ":%llu", (unsigned long long)lsn);
        struct aero_session *ready = aero_server_next_ready(talk.server);
        assert_ptr_equal(ready, sessions[(lsn - 1) % SESSIONS]);
        assert_null(aero_server_next_ready(talk.server));
        conversation_expect(ready, expected);
    }
}

/* A session waits at the LSN of its first held reply alone: here those lie further apart than the table is long at first. */
static void test_waits_far_apart_are_kept_apart(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    struct aero_session *d = conversation_open(&talk);
    for (int i = 0; i < 1023; i++) {
        conversation_send(a, "INCR k");
    }
    conversation_send(d, "INCR k"); /* LSN 1024: at another place of the longer table */
    for (int i = 0; i < 1975; i++) {
        conversation_send(a, "INCR k");
    }
    conversation_send(b, "INCR k"); /* LSN 3000 */
    for (int i = 0; i < 1000; i++) {
        conversation_send(a, "INCR k");
    }
    conversation_send(c, "INCR k"); /* LSN 4001 */
    conversation_sync_to(&talk, 1023);
    assert_ptr_equal(aero_server_next_ready(talk.server), a);
    assert_null(aero_server_next_ready(talk.server));
    conversation_sync_to(&talk, 1024);
    assert_ptr_equal(aero_server_next_ready(talk.server), d);
    conversation_expect(d, ":1024");
    conversation_sync_to(&talk, 2999);
    assert_ptr_equal(aero_server_next_ready(talk.server), a);
    assert_null(aero_server_next_ready(talk.server));
    conversation_sync_to(&talk, 3000);
    assert_ptr_equal(aero_server_next_ready(talk.server), b);
    assert_null(aero_server_next_ready(talk.server));
    conversation_expect(b, ":3000");
    conversation_expect(c, "");
    conversation_sync_to(&talk, 4001);
    conversation_expect(c, ":4001");
}

static void test_one_sync_releases_everything_that_it_covers_once(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send_raw(a, "SET x 1\r\nSET y 1\r\n");
    conversation_send_raw(b, "SET z 1\r\nSET x 2\r\nPING\r\n");
    conversation_sync(&talk);
    assert_ptr_equal(aero_server_next_ready(talk.server), a);
    assert_ptr_equal(aero_server_next_ready(talk.server), b);
    assert_null(aero_server_next_ready(talk.server));
    conversation_expect(a, "+OK +OK");
    conversation_expect(b, "+OK +OK +PONG");
}

static void test_session_closed_with_held_replies_leaves_nothing_behind(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k v");
    conversation_send(b, "GET k");
    aero_session_close(a);
    conversation_sync(&talk);
    conversation_expect(b, "$1 v");
}

static void test_quit_waits_for_its_held_replies(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "SET k v\r\nQUIT\r\nSET k w\r\n");
    conversation_expect(a, "");
    assert_false(aero_session_should_close(a));
    conversation_sync(&talk);
    conversation_expect(a, "+OK +OK");
    assert_true(aero_session_should_close(a));
    assert_int_equal(talk.node.commits, 1);
}

/* The node knew more than it had told: what is durable is not held. */
static void test_reply_is_not_held_for_what_the_node_knows_to_be_durable(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\x01v", 2));
    conversation_send(a, "KEYS *");
    conversation_expect(a, "*1 $1 x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_is_answered_only_when_durable),
        TEST(test_pipeline_waits_in_order_behind_a_held_reply),
        TEST(test_read_of_a_key_in_flight_waits_and_of_others_does_not),
        TEST(test_refused_lock_is_held_until_the_other_commit_is_durable),
        TEST(test_refused_lock_fails_with_the_other_commit),
        TEST(test_error_that_depends_on_a_write_in_flight_is_held),
        TEST(test_commands_over_many_keys_wait_for_the_evaluated_state),
        TEST(test_info_and_ping_are_never_held),
        TEST(test_info_keyspace_shows_old_counts_while_writes_are_in_flight),
        TEST(test_failure_says_the_two_kinds_apart_and_keeps_order),
        TEST(test_failure_leaves_durable_replies_alone),
        TEST(test_lsns_given_again_after_a_failure_hold_again),
        TEST(test_many_commits_in_flight_release_in_order),
        TEST(test_waits_far_apart_are_kept_apart),
        TEST(test_one_sync_releases_everything_that_it_covers_once),
        TEST(test_session_closed_with_held_replies_leaves_nothing_behind),
        TEST(test_quit_waits_for_its_held_replies),
        TEST(test_reply_is_not_held_for_what_the_node_knows_to_be_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
