/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that wait: WAIT, WAITAOF, AERO.WAITLSN, AERO.CHECKPOINT (decisions 6, 23), and parked writes. */
#include "tests/unit/server/talk.h"

static void replicas_reach(uint64_t lsn, uint32_t applied, uint32_t durable)
{
    talk.node.replicas_at = lsn;
    talk.node.applied_replicas = applied;
    talk.node.durable_replicas = durable;
    aero_server_on_progress(talk.server);
}

static void test_wait_answers_when_replicas_have_applied(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_send(a, "WAIT 2 0");
    conversation_send(a, "PING");
    assert_false(aero_session_wants_input(a));
    replicas_reach(1, 1, 0);
    conversation_expect(a, "");
    replicas_reach(1, 2, 0);
    conversation_expect(a, ":2");
    assert_true(aero_server_wants_resume(talk.server));
    aero_server_resume(talk.server);
    conversation_expect(a, "+PONG");
    assert_true(aero_session_wants_input(a));
}

static void test_wait_first_waits_for_local_durability(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    replicas_reach(100, 3, 3);
    conversation_send_raw(a, "SET k v\r\nWAIT 0 0\r\n");
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "+OK :3");
    /* The time is up before anything is durable: no replica has it. */
    conversation_send_raw(a, "SET k v\r\nWAITAOF 1 1 50\r\n");
    conversation_tick_ms(&talk, 50);
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "+OK *2 :0 :0");
}

static void test_waitaof_counts_what_is_durable_and_not_what_is_applied(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_send(a, "WAITAOF 1 2 0");
    replicas_reach(1, 2, 1);
    conversation_expect(a, "");
    replicas_reach(1, 2, 2);
    conversation_expect(a, "*2 :1 :2");
}

/* The answer of a wait comes later than the command that had none: the reply that is skipped is this one. */
static void test_wait_whose_reply_is_skipped_waits_and_says_nothing(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_send_raw(a, "CLIENT REPLY SKIP\r\nWAIT 1 0\r\nPING\r\n");
    conversation_expect(a, "");
    assert_true(aero_session_is_blocked(a));
    replicas_reach(1, 1, 1);
    assert_false(aero_session_is_blocked(a));
    conversation_expect(a, "");
    aero_server_resume(talk.server);
    conversation_expect(a, "+PONG");
}

static void test_wait_timeout_returns_the_count(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
    replicas_reach(1, 1, 1);
    conversation_send(a, "WAIT 5 100");
    conversation_tick_ms(&talk, 99);
    conversation_expect(a, "");
    conversation_tick_ms(&talk, 1);
    conversation_expect(a, ":1");
    conversation_ask(&talk, a, "WAIT 1 100", ":1");
    conversation_ask(&talk, a, "WAITAOF 1 1 100", "*2 :1 :1");
}

static void test_wait_of_a_caller_whose_last_write_failed_gets_that_error(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "SET k v\r\nWAIT 1 0\r\nPING\r\n");
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(0), aero_lsn_of(1), aero_lsn_of(1));
    aero_server_resume(talk.server);
#define UNKNOWN_TEXT                                                                      \
    "-UNKNOWN the write-ahead log failed while this commit was being written: it is not " \
    "visible now, and may or may not be after recovery"
    conversation_expect(a, UNKNOWN_TEXT " " UNKNOWN_TEXT " +PONG");
    conversation_ask(&talk, a, "WAITAOF 1 1 0", UNKNOWN_TEXT);
    conversation_ask(&talk, a, "AERO.LSN", UNKNOWN_TEXT);
    /* The next write that succeeds ends it. */
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_ask(&talk, a, "WAIT 0 0", ":0");
}

/* A later failure of somebody else's write says nothing about this caller's. */
static void test_kind_of_failure_stays_with_the_write_that_had_it(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(a, "SET k v");
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(0), aero_lsn_of(0), aero_lsn_of(1));
    conversation_send(b, "SET k v");
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(0), aero_lsn_of(1), aero_lsn_of(1));
    assert_memory_equal(aero_session_output(a).data, "-NOTWRITTEN ", 12);
    aero_session_sent(a, aero_session_output(a).length);
    conversation_send(a, "WAIT 0 0");
    assert_memory_equal(aero_session_output(a).data, "-NOTWRITTEN ", 12);
    aero_session_sent(a, aero_session_output(a).length);
    conversation_send(a, "AERO.LSN");
    assert_memory_equal(aero_session_output(a).data, "-NOTWRITTEN ", 12);
    conversation_send(b, "WAIT 0 0");
    assert_memory_equal(aero_session_output(b).data, "-UNKNOWN ", 9);
}

static void test_wait_arguments_and_roles(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "WAIT x 0", "-ERR value is not an integer or out of range");
    conversation_ask(&talk, a, "WAIT 1 x", "-ERR timeout is not an integer or out of range");
    conversation_ask(&talk, a, "WAIT 1 -1", "-ERR timeout is negative");
    conversation_ask(&talk, a, "WAITAOF x 0 0", "-ERR value is not an integer or out of range");
    conversation_ask(&talk, a, "WAITAOF 2 0 0",
                     "-ERR value is out of range, must be between 0 and 1");
    conversation_ask(&talk, a, "WAITAOF -1 0 0",
                     "-ERR value is out of range, must be between 0 and 1");
    conversation_ask(&talk, a, "WAITAOF 1 -1 0", "-ERR value is out of range, must be positive");
    conversation_ask(&talk, a, "WAITAOF 1 x 0", "-ERR value is out of range, must be positive");
    conversation_ask(&talk, a, "WAITAOF 1 0 x", "-ERR timeout is not an integer or out of range");
    conversation_ask(&talk, a, "WAIT -1 0", ":0");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "WAIT 5 0", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 :0");
    talk.node.role = AERO_NODE_REPLICA;
    conversation_send(a, "WAIT 0 0");
    assert_memory_equal(aero_session_output(a).data, "-ERR WAIT cannot be used with replica", 37);
    aero_session_sent(a, aero_session_output(a).length);
    conversation_ask(&talk, a, "WAITAOF 1 0 0",
                     "-ERR WAITAOF cannot be used with replica instances. Please also note that "
                     "writes to replicas are just local and are not propagated.");
}

/* More replicas than can be counted is not none, and a time beyond all bounds is not over at once. */
static void test_wait_for_more_than_there_can_be_waits(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "WAIT 4294967296 9223372036854775807",
        "WAITAOF 0 4294967296 9223372036854775807",
    };
    for (size_t i = 0; i < 2; i++) {
        struct aero_session *a = conversation_open(&talk);
        replicas_reach(1, 3, 3);
        conversation_send(a, lines[i]);
        conversation_tick_ms(&talk, (uint64_t)1 << 39);
        assert_true(aero_session_is_blocked(a));
        conversation_expect(a, "");
        conversation_tick_ms(&talk, (uint64_t)1 << 39);
        conversation_expect(a, i == 0 ? ":3" : "*2 :1 :3");
    }
}

static void test_role_of_a_replica_names_its_primary(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    conversation_ask(&talk, a, "ROLE", "*5 $5 slave $9 replica-1 :7001 $9 connected :0");
    talk.node.peerless = true;
    conversation_ask(&talk, a, "ROLE", "*5 $5 slave $0  :0 $9 connected :0");
    talk.node.role = AERO_NODE_PRIMARY;
    conversation_ask(&talk, a, "ROLE", "*3 $6 master :0 *0");
}

static void test_token_names_the_last_commit_and_is_held_for_it(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_send(b, "SET j v");
    conversation_send(a, "AERO.LSN");
    conversation_expect(a, "$34 aa010000000000000000000000000000:1");
    conversation_send(b, "AERO.LSN");
    conversation_expect(b, "");
    conversation_sync(&talk);
    conversation_expect(b, "+OK $34 aa010000000000000000000000000000:2");
}

static void test_waitlsn_reached_ahead_lost(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, a, "AERO.WAITLSN aa010000000000000000000000000000:0 10", "+OK");
    conversation_send(a, "AERO.WAITLSN bb020000000000000000000000000000:1 1000");
    conversation_expect(a, "");
    conversation_send(b, "SET k v");
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "+OK");
    conversation_send(a, "AERO.WAITLSN aa010000000000000000000000000000:9 10");
    conversation_tick_ms(&talk, 10);
    conversation_expect(a, "-TIMEOUT the token was not reached within 10 ms");
    /* Decision 6: an unknown incarnation never succeeds, however low the LSN. */
    conversation_send(a, "AERO.WAITLSN cc000000000000000000000000000000:1 0");
    assert_memory_equal(aero_session_output(a).data, "-HISTORYLOST ", 13);
    aero_session_sent(a, aero_session_output(a).length);
    conversation_ask(&talk, a, "AERO.WAITLSN aa01:1 0", "-ERR the token is not one of AERO.LSN");
    conversation_ask(&talk, a, "AERO.WAITLSN aa010000000000000000000000000000:x 0",
                     "-ERR the token is not one of AERO.LSN");
    conversation_ask(&talk, a, "AERO.WAITLSN aa010000000000000000000000000000-1 0",
                     "-ERR the token is not one of AERO.LSN");
    conversation_ask(&talk, a, "AERO.WAITLSN za010000000000000000000000000000:1 0",
                     "-ERR the token is not one of AERO.LSN");
    conversation_ask(&talk, a, "AERO.WAITLSN \"aa01\\x000000000000000000000000000:1\" 0",
                     "-ERR the token is not one of AERO.LSN");
    conversation_ask(&talk, a, "AERO.WAITLSN aa010000000000000000000000000000:9 x",
                     "-ERR timeout is not an integer or out of range");
    assert_false(aero_session_is_blocked(a));
}

static void test_checkpoint_blocks_until_it_is_done(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send(a, "AERO.CHECKPOINT");
    conversation_expect(a, "");
    aero_server_on_progress(talk.server);
    conversation_expect(a, "");
    talk.node.checkpoint = AERO_JOB_DONE;
    aero_server_on_progress(talk.server);
    conversation_expect(a, "+OK");
    talk.node.checkpoint = AERO_JOB_FAILED;
    conversation_ask(&talk, a, "AERO.CHECKPOINT", "-ERR checkpoint failed: no space left");
    talk.node.checkpoint_error = "ERR a checkpoint is running";
    conversation_ask(&talk, a, "AERO.CHECKPOINT", "-ERR a checkpoint is running");
}

static void test_closing_a_blocked_session_is_fine(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send(a, "WAIT 5 100");
    aero_session_close(a);
    replicas_reach(1, 9, 9);
    conversation_tick_ms(&talk, 1000);
    assert_null(aero_server_next_ready(talk.server));
}

/* FM-7.1: without room a write waits, in order, and so does what is behind it; reads of others go on. */
static void test_parked_writes_go_on_in_order_when_there_is_room(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    talk.node.full = true;
    conversation_send_raw(a, "PING\r\nAPPEND k a\r\nPING\r\n");
    conversation_send(b, "APPEND k b");
    conversation_send(c, "GET k");
    conversation_expect(a, "+PONG");
    conversation_expect(c, "$-1");
    assert_false(aero_session_wants_input(a));
    assert_true(aero_session_wants_input(c));
    assert_int_equal(talk.node.commits, 0);
    aero_server_resume(talk.server);
    assert_int_equal(talk.node.commits, 0);
    talk.node.full = false;
    /* There is room, but others were first. */
    conversation_send(c, "APPEND k c");
    assert_int_equal(talk.node.commits, 0);
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(a, ":1 +PONG");
    conversation_expect(b, ":2");
    conversation_expect(c, ":3");
    conversation_ask(&talk, c, "GET k", "$3 abc");
    assert_true(aero_session_wants_input(a));
}

static void test_parked_exec_runs_as_a_whole_later(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "MULTI\r\nINCR k\r\nINCR k\r\n");
    conversation_expect(a, "+OK +QUEUED +QUEUED");
    talk.node.full = true;
    conversation_send(a, "EXEC");
    conversation_expect(a, "");
    talk.node.full = false;
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(a, "*2 :1 :2");
}

/* Its own effects, taken back for want of room, are no touch by somebody else. */
static void test_parked_exec_is_not_aborted_by_itself(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    char set[512] = "SET k ";
    memset(set + strlen(set), 'v', 400);
    conversation_ask(&talk, a, set, "+OK");
    conversation_send_raw(a, "WATCH k\r\nMULTI\r\nAPPEND k x\r\n");
    conversation_expect(a, "+OK +OK +QUEUED");
    talk.node.room_bytes = 300; /* for the request, not for its effects */
    conversation_send(a, "EXEC");
    conversation_expect(a, "");
    assert_false(aero_session_wants_input(a));
    talk.node.room_bytes = 0;
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(a, "*1 :401");
}

/* The peer sends no more: what it had asked for is answered all the same, whatever stood in the way. */
static void test_end_of_input_behind_a_parked_write_waits_for_it(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.full = true;
    conversation_send_raw(a, "SET k v\r\nGET k\r\nGET");
    aero_session_on_end(a);
    aero_server_resume(talk.server);
    assert_false(aero_session_wants_input(a));
    assert_false(aero_session_should_close(a));
    talk.node.full = false;
    aero_server_resume(talk.server);
    assert_false(aero_session_should_close(a)); /* its replies are held */
    conversation_sync(&talk);
    conversation_expect(a, "+OK $1 v");
    assert_true(aero_session_should_close(a));
}

static void test_end_of_input_of_a_blocked_session_waits_for_the_answer(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "WAIT 1 100\r\nPING\r\n");
    assert_true(aero_session_is_blocked(a));
    aero_session_on_end(a);
    aero_server_resume(talk.server);
    assert_false(aero_session_should_close(a));
    conversation_tick_ms(&talk, 100);
    aero_server_resume(talk.server);
    assert_false(aero_session_is_blocked(a));
    conversation_expect(a, ":0 +PONG");
    assert_true(aero_session_should_close(a));
}

/* A read that would have to log a deletion waits for room as a write does, and nothing of it happened meanwhile. */
static void test_read_of_a_due_key_parks_without_room(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 10", "+OK");
    conversation_tick_ms(&talk, 10);
    talk.node.full = true;
    conversation_send(a, "GET k");
    conversation_expect(a, "");
    assert_int_equal(talk.node.evaluated, 1);
    talk.node.full = false;
    aero_server_resume(talk.server);
    assert_int_equal(talk.node.evaluated, 2);
    conversation_sync(&talk);
    conversation_expect(a, "$-1");
    talk.node.full = true;
    conversation_send(a, "DBSIZE");
    conversation_expect(a, ":0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wait_answers_when_replicas_have_applied),
        TEST(test_wait_first_waits_for_local_durability),
        TEST(test_waitaof_counts_what_is_durable_and_not_what_is_applied),
        TEST(test_wait_whose_reply_is_skipped_waits_and_says_nothing),
        TEST(test_wait_timeout_returns_the_count),
        TEST(test_wait_of_a_caller_whose_last_write_failed_gets_that_error),
        TEST(test_kind_of_failure_stays_with_the_write_that_had_it),
        TEST(test_wait_arguments_and_roles),
        TEST(test_wait_for_more_than_there_can_be_waits),
        TEST(test_role_of_a_replica_names_its_primary),
        TEST(test_token_names_the_last_commit_and_is_held_for_it),
        TEST(test_waitlsn_reached_ahead_lost),
        TEST(test_checkpoint_blocks_until_it_is_done),
        TEST(test_closing_a_blocked_session_is_fine),
        TEST(test_parked_writes_go_on_in_order_when_there_is_room),
        TEST(test_parked_exec_runs_as_a_whole_later),
        TEST(test_parked_exec_is_not_aborted_by_itself),
        TEST(test_end_of_input_behind_a_parked_write_waits_for_it),
        TEST(test_end_of_input_of_a_blocked_session_waits_for_the_answer),
        TEST(test_read_of_a_due_key_parks_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
