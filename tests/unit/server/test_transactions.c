/* SPDX-License-Identifier: Apache-2.0 */
/* MULTI, EXEC and WATCH: one commit or nothing (decisions 9, 17). */
#include "tests/unit/server/talk.h"

#include <stdio.h>

#include "server/server_priv.h" /* for what a session keeps */

static void test_exec_is_one_commit(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "MULTI\r\nSET x 1\r\nINCR x\r\nSET y 2\r\nGET x\r\nEXEC\r\n");
    assert_int_equal(talk.node.evaluated, 1);
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED +QUEUED");
    conversation_sync(&talk);
    conversation_expect(a, "*4 +OK :2 +OK $1 2");
}

static void test_nothing_happens_before_exec_and_after_discard(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    conversation_ask(&talk, a, "DISCARD", "+OK");
    conversation_ask(&talk, a, "GET x", "$-1");
    conversation_ask(&talk, a, "DISCARD", "-ERR DISCARD without MULTI");
    conversation_ask(&talk, a, "EXEC", "-ERR EXEC without MULTI");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "MULTI", "-ERR MULTI calls can not be nested");
    conversation_ask(&talk, a, "WATCH x", "-ERR WATCH inside MULTI is not allowed");
    conversation_ask(&talk, a, "EXEC", "*0");
    assert_int_equal(talk.node.commits, 0);
}

static void test_command_that_cannot_be_queued_aborts_exec(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *reply;
    } cases[] = {
        {"FOO", "-ERR unknown command 'FOO', with args beginning with: "},
        {"GET", "-ERR wrong number of arguments for 'get' command"},
        {"AERO.WAITLSN x 1", "-ERR Command not allowed inside a transaction"},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conversation_ask(&talk, a, "MULTI", "+OK");
        conversation_ask(&talk, a, "SET x 1", "+QUEUED");
        conversation_ask(&talk, a, cases[i].line, cases[i].reply);
        conversation_ask(&talk, a, "SET y 1", "+QUEUED");
        conversation_ask(&talk, a, "EXEC",
                         "-EXECABORT Transaction discarded because of previous errors.");
        conversation_ask(&talk, a, "EXISTS x y", ":0");
    }
}

/* As in Redis: an error at run time does not undo the others. */
static void test_error_inside_exec_leaves_the_other_effects(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "MULTI\r\nSET x text\r\nINCR x\r\nSET y 1\r\nEXEC\r\n");
    conversation_sync(&talk);
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED *3 +OK -ERR value is not an integer or "
                           "out of range +OK");
    conversation_ask(&talk, a, "MGET x y", "*2 $4 text $1 1");
}

/* Decision 17: what does not fit one record is taken back as a whole, and the database chosen inside as well. */
static void test_exec_above_the_commit_limit_is_taken_back(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET x 0123456789", "+OK");
    talk.node.commit_bytes_max = 300;
    conversation_send_raw(a, "MULTI\r\nSET y 1\r\nSELECT 3\r\nSET z 1\r\n");
    for (int i = 0; i < 20; i++) {
        conversation_send_raw(a, "APPEND x 0123456789\r\n");
    }
    conversation_sync(&talk);
    aero_session_sent(a, aero_session_output(a).length);
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of: its effects exceed the largest "
                     "commit of 300 bytes");
    assert_int_equal(talk.node.evaluated, 1);
    conversation_ask(&talk, a, "EXISTS y z", ":0");
    conversation_ask(&talk, a, "GET x", "$10 0123456789");
    conversation_ask(&talk, a, "DBSIZE", ":1");
}

static void test_single_command_above_the_commit_limit_is_refused(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.commit_bytes_max = 50;
    conversation_ask(&talk, a, "SET x 0123456789012345678901234567890123456789",
                     "-ERR the command's effects exceed the largest commit of 50 bytes");
    conversation_ask(&talk, a, "MSET x 1 y 2 z 3",
                     "-ERR the command's effects exceed the largest commit of 50 bytes");
    conversation_ask(&talk, a, "DBSIZE", ":0");
    assert_int_equal(talk.node.evaluated, 0);
}

static void test_watch_aborts_when_another_commit_touched_the_key(void **state)
{
    (void)state;
    static const char *const lines[] = {"SET k 2",    "DEL k",        "EXPIRE k 100",  "RENAME k j",
                                        "RENAME j k", "APPEND k x",   "FLUSHDB",       "FLUSHALL",
                                        "GETDEL k",   "MSET q 1 k 2", "SETRANGE k 0 z"};
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        conversation_ask(&talk, b, "MSET k 1 j 1", "+OK");
        conversation_ask(&talk, a, "WATCH k", "+OK");
        conversation_ask(&talk, a, "MULTI", "+OK");
        conversation_ask(&talk, a, "SET result 1", "+QUEUED");
        conversation_send(b, lines[i]);
        conversation_ask(&talk, a, "EXEC", "*-1");
        aero_session_sent(b, aero_session_output(b).length);
        conversation_ask(&talk, a, "EXISTS result", ":0");
    }
}

static void test_watch_lets_exec_through_when_only_other_keys_changed(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, a, "WATCH k", "+OK");
    conversation_ask(&talk, b, "SET other 2", "+OK");
    conversation_ask(&talk, b, "SELECT 1", "+OK");
    conversation_ask(&talk, b, "SET k 2", "+OK");
    conversation_ask(&talk, b, "DEL none", ":0");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET k 1", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 +OK");
    /* EXEC ends the watch. */
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, b, "SELECT 0", "+OK");
    conversation_ask(&talk, b, "SET k 3", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
}

static void test_unwatch_and_own_changes(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "WATCH k k", "+OK");
    conversation_ask(&talk, a, "SET k 1", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*-1");
    conversation_ask(&talk, a, "WATCH k", "+OK");
    conversation_ask(&talk, a, "SET k 1", "+OK");
    conversation_ask(&talk, a, "UNWATCH", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
}

/* Decision 9: what A reads after WATCH may be taken back with B's commit, so the key is dirty from the beginning. */
static void test_watch_of_a_key_in_flight_is_dirty_at_once(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(b, "SET k 1");
    conversation_send_raw(a, "WATCH k\r\nMULTI\r\nSET r 1\r\n");
    conversation_sync(&talk);
    conversation_expect(a, "+OK +OK +QUEUED");
    conversation_ask(&talk, a, "EXEC", "*-1");
    conversation_ask(&talk, a, "WATCH k", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
}

/* That EXEC aborted says that somebody wrote: it waits for that write (decision 10). */
static void test_aborted_exec_is_held_for_the_commit_that_it_speaks_of(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send_raw(a, "WATCH k\r\nMULTI\r\n");
    conversation_send(b, "SET k 1");
    conversation_expect(a, "+OK +OK");
    conversation_send(a, "EXEC");
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "*-1");
}

/* As in Redis: what was not there, or only for those who look at deadlines, is not changed by emptying the database. */
static void test_watched_key_that_is_not_there_survives_a_flush(void **state)
{
    (void)state;
    static const char *const lines[] = {"FLUSHDB", "FLUSHALL"};
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        conversation_ask(&talk, a, "SET other 1", "+OK");
        conversation_ask(&talk, a, "SET over 1 PX 100", "+OK");
        conversation_tick_ms(&talk, 100);
        conversation_ask(&talk, a, "WATCH absent over", "+OK");
        conversation_ask(&talk, a, lines[i], "+OK");
        conversation_ask(&talk, a, "MULTI", "+OK");
        conversation_ask(&talk, a, "EXEC", "*0");
    }
}

static void test_watched_key_that_expires_aborts(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k 1 PX 100", "+OK");
    conversation_ask(&talk, a, "WATCH k", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_tick_ms(&talk, 100);
    conversation_ask(&talk, a, "EXEC", "*-1");
    /* Watched when it was over already, its deletion changes nothing. */
    conversation_ask(&talk, a, "WATCH k", "+OK");
    assert_int_equal(aero_server_expire_due(talk.server, 10), 1);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
}

/* On a replica changes come from the log: what the key held tells. */
static void test_watch_on_a_replica_compares(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\x01v", 2));
    conversation_ask(&talk, a, "WATCH x", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "GET x", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 $1 v");
    conversation_ask(&talk, a, "WATCH x", "+OK");
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\x01w", 2));
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*-1");
}

/* A key that appears changed as well as one that goes. */
static void test_watch_on_a_replica_of_a_key_that_is_not_there(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    conversation_ask(&talk, a, "WATCH x", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
    conversation_ask(&talk, a, "WATCH x", "+OK");
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\x01v", 2));
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*-1");
}

/* What is no value of ours has no deadline: the watch holds, and only a change of it aborts. */
static void test_watch_of_what_is_no_value(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\xff", 1));
    conversation_ask(&talk, a, "WATCH x", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_tick_ms(&talk, 1000);
    conversation_ask(&talk, a, "EXEC", "*0");
    conversation_ask(&talk, a, "WATCH x", "+OK");
    conversation_ask(&talk, a, "FLUSHDB", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*-1");
}

static void test_write_in_multi_on_a_replica_aborts(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "-READONLY You can't write against a read only replica.");
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of previous errors.");
}

static void test_writes_closed_between_queue_and_exec_abort(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    talk.node.write_error = "MISCONF the log is closed";
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of: MISCONF the log is closed");
    talk.node.write_error = NULL;
    conversation_ask(&talk, a, "EXEC", "-ERR EXEC without MULTI");
    conversation_ask(&talk, a, "EXISTS x", ":0");
}

/* That a command could not be queued is said, not why EXEC could not run now either. */
static void test_exec_of_a_failed_multi_speaks_of_the_earlier_error(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    conversation_ask(&talk, a, "GET", "-ERR wrong number of arguments for 'get' command");
    talk.node.write_error = "MISCONF the log is closed";
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of previous errors.");
    conversation_ask(&talk, a, "EXEC", "-ERR EXEC without MULTI");
}

#define NO_LONGER                                                                            \
    "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the " \
    "EXEC call. This command is no longer allowed for the following reason: no permission "  \
    "to execute the command or subcommand"

/* A transaction that was queued before is no way around what a user may do now. */
static void test_exec_asks_again_what_the_user_may_do(void **state)
{
    (void)state;
    static const struct aero_user before[] = {
        {.name = "app", .password = "a", .allowed_categories = AERO_CATEGORY_ALL},
        {.name = "reader",
         .password = "r",
         .allowed_categories = AERO_CATEGORY_ALL,
         .denied_categories = AERO_CATEGORY_WRITE},
    };
    static const struct aero_user after[] = {
        {.name = "app",
         .password = "a",
         .allowed_categories = AERO_CATEGORY_ALL,
         .denied_categories = AERO_CATEGORY_DANGEROUS},
    };
    talk.options.users = before;
    talk.options.user_count = 2;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    /* It becomes somebody else inside the transaction. */
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_send_raw(a, "MULTI\r\nSET x 1\r\nAUTH reader r\r\nDEL x\r\nGET x\r\nEXEC\r\n");
    conversation_sync(&talk);
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED +QUEUED *4 +OK +OK " NO_LONGER " $1 1");
    /* The configuration changes while it is open. */
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_send_raw(a, "MULTI\r\nSET y 1\r\nFLUSHALL\r\nAUTH app a\r\n");
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED");
    talk.options.users = after;
    talk.options.user_count = 1;
    aero_server_configure(talk.server, &talk.options);
    conversation_ask(&talk, a, "EXEC", "*3 +OK " NO_LONGER " +OK");
    conversation_ask(&talk, a, "MGET x y", "*2 $1 1 $1 1");
}

/* Who the session is, what it speaks and hears, is as before: it runs again from there, or was not run at all. */
static void test_exec_that_is_taken_back_leaves_the_session_as_it_was(void **state)
{
    (void)state;
    static const struct aero_user users[] = {
        {.name = "app", .password = "a", .allowed_categories = AERO_CATEGORY_ALL},
        {.name = "other",
         .password = "o",
         .allowed_categories = AERO_CATEGORY_ALL,
         .denied_categories = AERO_CATEGORY_DANGEROUS},
    };
    char set[512] = "SET k ";
    memset(set + strlen(set), 'v', 400);
    talk.options.users = users;
    talk.options.user_count = 2;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_ask(&talk, a, set, "+OK");
    /* It does not fit: the error is heard, in RESP 2, and app may do what other may not. */
    conversation_send_raw(a, "MULTI\r\nSELECT 1\r\nSELECT 0\r\nAUTH other o\r\nHELLO 3\r\n"
                             "CLIENT REPLY OFF\r\nAPPEND k x\r\n");
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED +QUEUED +QUEUED +QUEUED");
    talk.node.commit_bytes_max = 400;
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of: its effects exceed the largest "
                     "commit of 400 bytes");
    talk.node.commit_bytes_max = 1 << 20;
    conversation_ask(&talk, a, "KEYS n*", "*0");
    conversation_ask(&talk, a, "GET none", "$-1");
    /* It finds no room and runs again: as app and in RESP 2, until it says otherwise. */
    conversation_send_raw(
        a, "MULTI\r\nGET none\r\nKEYS n*\r\nAUTH other o\r\nHELLO 3\r\nAPPEND k x\r\n");
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED +QUEUED +QUEUED");
    talk.node.room_bytes = 400;
    conversation_send(a, "EXEC");
    assert_false(aero_session_wants_input(a));
    talk.node.room_bytes = 0;
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    char *reply = conversation_take(a);
    static const char begins[] = "*5\r\n$-1\r\n*0\r\n+OK\r\n%7\r\n";
    assert_memory_equal(reply, begins, strlen(begins));
    assert_string_equal(reply + strlen(reply) - 8, "\r\n:401\r\n");
    free(reply);
    conversation_ask(&talk, a, "GET none", "_");
    conversation_ask(&talk, a, "KEYS n*",
                     "-NOPERM User other has no permissions to run the 'keys' command");
}

static void test_exec_with_arguments_ends_its_multi(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    conversation_ask(&talk, a, "EXEC now",
                     "-EXECABORT Transaction discarded because of: wrong number of arguments for "
                     "'exec' command");
    conversation_ask(&talk, a, "EXEC", "-ERR EXEC without MULTI");
    conversation_ask(&talk, a, "EXISTS x", ":0");
}

static void test_failed_exec_gets_one_error(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "MULTI\r\nSET x 1\r\nSET y 1\r\nEXEC\r\nPING\r\n");
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(0), aero_lsn_of(1), aero_lsn_of(1));
    conversation_expect(a, "+OK +QUEUED +QUEUED -UNKNOWN the write-ahead log failed while this "
                           "commit was being written: it is not visible now, and may or may not "
                           "be after recovery +PONG");
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    talk.options.query_bytes_max = 500;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send(a, "MULTI");
    for (int i = 0; i < 3; i++) {
        conversation_send(a, "SET x 1");
    }
    conversation_expect(a, "+OK +QUEUED +QUEUED +QUEUED");
    conversation_ask(&talk, a, "SET x 1", "-ERR the transaction exceeds 500 bytes");
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of previous errors.");
}

static void test_watched_keys_are_bounded_by_their_number(void **state)
{
    (void)state;
    talk.options.watch_count_max = 3;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "WATCH a b", "+OK");
    conversation_ask(&talk, a, "WATCH c d", "-ERR more than 3 watched keys");
    conversation_ask(&talk, a, "SET c 1", "+OK"); /* not watched: all or none */
    conversation_ask(&talk, a, "WATCH c", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXEC", "*0");
}

/* Each reply is small, and only the client that queued so many of them has to read them all. */
static void test_exec_stops_where_its_replies_outgrow_the_output(void **state)
{
    (void)state;
    talk.options.output_bytes_max = 200;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    for (int i = 0; i < 30; i++) {
        conversation_ask(&talk, a, "ECHO 0123456789", "+QUEUED");
    }
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    conversation_send(a, "EXEC");
    assert_true(aero_session_should_close(a));
    assert_string_equal(aero_session_close_reason(a), "output buffer limit");
    assert_int_equal(talk.node.commits, 0);
}

/* A long transaction, or one of many arguments, leaves no memory behind with its session. */
static void test_memory_of_a_large_queue_is_given_back(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    char line[512] = "DEL";
    for (int i = 0; i < 40; i++) {
        snprintf(line + strlen(line), sizeof line - strlen(line), " key");
    }
    for (int round = 0; round < 2; round++) {
        conversation_ask(&talk, a, "MULTI", "+OK");
        conversation_ask(&talk, a, line, "+QUEUED");
        assert_true(a->multi.span_capacity >= 41);
        conversation_ask(&talk, a, round == 0 ? "DISCARD" : "EXEC", round == 0 ? "+OK" : "*1 :0");
        assert_null(a->multi.spans);
        assert_int_equal(a->multi.span_capacity, 0);
    }
    conversation_ask(&talk, a, "MULTI", "+OK");
    for (int i = 0; i < 9; i++) {
        conversation_ask(&talk, a, "PING", "+QUEUED");
    }
    conversation_ask(&talk, a, "DISCARD", "+OK");
    assert_null(a->multi.queued);
    /* A small one keeps its arrays for the next. */
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "GET k", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 $-1");
    assert_non_null(a->multi.queued);
}

static void test_watched_keys_are_bounded_by_their_bytes(void **state)
{
    (void)state;
    talk.options.query_bytes_max = 40;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "WATCH aaaaaaaaaaaaaaa", "+OK");
    conversation_ask(&talk, a, "WATCH ccccccccccccccc", "+OK");
    conversation_ask(&talk, a, "WATCH bbbbbbbbbbb",
                     "-ERR the watched keys exceed client_query_buffer_limit (40 bytes)");
    conversation_ask(&talk, a, "UNWATCH", "+OK");
    conversation_ask(&talk, a, "WATCH bbbbbbbbbbb", "+OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exec_is_one_commit),
        TEST(test_nothing_happens_before_exec_and_after_discard),
        TEST(test_command_that_cannot_be_queued_aborts_exec),
        TEST(test_error_inside_exec_leaves_the_other_effects),
        TEST(test_exec_above_the_commit_limit_is_taken_back),
        TEST(test_single_command_above_the_commit_limit_is_refused),
        TEST(test_watch_aborts_when_another_commit_touched_the_key),
        TEST(test_watch_lets_exec_through_when_only_other_keys_changed),
        TEST(test_unwatch_and_own_changes),
        TEST(test_watch_of_a_key_in_flight_is_dirty_at_once),
        TEST(test_aborted_exec_is_held_for_the_commit_that_it_speaks_of),
        TEST(test_watched_key_that_is_not_there_survives_a_flush),
        TEST(test_watched_key_that_expires_aborts),
        TEST(test_watch_on_a_replica_compares),
        TEST(test_watch_on_a_replica_of_a_key_that_is_not_there),
        TEST(test_watch_of_what_is_no_value),
        TEST(test_write_in_multi_on_a_replica_aborts),
        TEST(test_writes_closed_between_queue_and_exec_abort),
        TEST(test_exec_of_a_failed_multi_speaks_of_the_earlier_error),
        TEST(test_exec_asks_again_what_the_user_may_do),
        TEST(test_exec_that_is_taken_back_leaves_the_session_as_it_was),
        TEST(test_exec_with_arguments_ends_its_multi),
        TEST(test_failed_exec_gets_one_error),
        TEST(test_queue_is_bounded),
        TEST(test_watched_keys_are_bounded_by_their_bytes),
        TEST(test_watched_keys_are_bounded_by_their_number),
        TEST(test_exec_stops_where_its_replies_outgrow_the_output),
        TEST(test_memory_of_a_large_queue_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
