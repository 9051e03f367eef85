/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection says who it is and what it speaks, and how it is closed when two reasons meet. */
#include "tests/unit/server/talk.h"

#define WRONGPASS "-WRONGPASS invalid username-password pair or user is disabled."
#define NOAUTH "-NOAUTH Authentication required."
#define SYNTAX(word) "-ERR Syntax error in HELLO option '" word "'"

static void expect_hello(struct aero_session *session, const char *line, const char *protocol,
                         const char *role)
{
    conversation_send(session, line);
    char *text = conversation_take(session);
    assert_non_null(strstr(text, protocol));
    assert_non_null(strstr(text, role));
    free(text);
}

static void test_hello_speaks_the_protocol_that_was_asked_for(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    expect_hello(a, "HELLO", "proto\r\n:2\r\n", "role\r\n$6\r\nmaster\r\n");
    expect_hello(a, "HELLO 3", "proto\r\n:3\r\n", "role\r\n$6\r\nmaster\r\n");
    /* Without a version it stays what it is. */
    expect_hello(a, "HELLO", "proto\r\n:3\r\n", "role\r\n$6\r\nmaster\r\n");
    talk.node.role = AERO_NODE_REPLICA;
    expect_hello(a, "HELLO 2", "proto\r\n:2\r\n", "role\r\n$7\r\nreplica\r\n");
    conversation_ask(&talk, a, "GET none", "$-1");
}

/* Nothing of a HELLO that is refused is done. */
static void test_refused_hello_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *reply;
    } cases[] = {
        {"HELLO 3 AUTH default", SYNTAX("AUTH")},
        {"HELLO 3 AUTH default secret SETNAME", SYNTAX("SETNAME")},
        {"HELLO 3 AUTH default secret SETNAME you WITH", SYNTAX("WITH")},
        {"HELLO 3 AUTH default secret SETNAME 'a b'",
         "-ERR Client names cannot contain spaces, newlines or special characters."},
        {"HELLO 3 SETNAME you AUTH default wrong", WRONGPASS},
        {"HELLO 3 AUTH nobody secret", WRONGPASS},
        {"HELLO 1 AUTH default secret", "-NOPROTO unsupported protocol version"},
    };
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conversation_ask(&talk, a, cases[i].line, cases[i].reply);
        conversation_ask(&talk, a, "PING", NOAUTH);
    }
    conversation_ask(&talk, a, "AUTH secret", "+OK");
    conversation_ask(&talk, a, "CLIENT GETNAME", "$-1"); /* the nil of RESP 2 */
    expect_hello(a, "HELLO 3 SETNAME you AUTH default secret", "proto\r\n:3\r\n", "master");
    conversation_ask(&talk, a, "CLIENT GETNAME", "$3 you");
    conversation_ask(&talk, a, "GET none", "_");
}

static void test_select_takes_the_sixteen_databases(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SELECT -1", "-ERR DB index is out of range");
    conversation_ask(&talk, a, "SELECT 15", "+OK");
    conversation_ask(&talk, a, "SELECT 16", "-ERR DB index is out of range");
    conversation_ask(&talk, a, "SET k 1", "+OK");
    conversation_ask(&talk, a, "RESET", "+RESET");
    conversation_ask(&talk, a, "EXISTS k", ":0");
}

static void test_reset_forgets_all_but_the_connection(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, a, "CLIENT SETNAME me", "+OK");
    conversation_ask(&talk, a, "WATCH k", "+OK");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+QUEUED");
    conversation_ask(&talk, b, "SET k 1", "+OK");
    conversation_ask(&talk, a, "RESET", "+RESET");
    conversation_ask(&talk, a, "EXEC", "-ERR EXEC without MULTI");
    conversation_ask(&talk, a, "CLIENT GETNAME", "$-1");
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "EXISTS x", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 :0");
    conversation_send_raw(a, "CLIENT REPLY OFF\r\nRESET\r\nPING\r\n");
    conversation_expect(a, "+RESET +PONG");
}

/* A user of the configuration may be the default one, and may need no password. */
static void test_default_user_is_what_the_configuration_lists(void **state)
{
    (void)state;
    static const struct aero_user users[] = {
        {.name = "default",
         .password = "other",
         .allowed_categories = AERO_CATEGORY_READ | AERO_CATEGORY_CONNECTION},
        {.name = "guest", .allowed_categories = AERO_CATEGORY_CONNECTION},
    };
    talk.options.users = users;
    talk.options.user_count = 2;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH secret", WRONGPASS);
    conversation_ask(&talk, a, "AUTH other", "+OK");
    conversation_ask(&talk, a, "GET k", "$-1");
    conversation_ask(&talk, a, "SET k v",
                     "-NOPERM User default has no permissions to run the 'set' command");
    conversation_ask(&talk, a, "AUTH guest anything", "+OK");
    conversation_ask(&talk, a, "PING", "+PONG");
    conversation_ask(&talk, a, "GET k",
                     "-NOPERM User guest has no permissions to run the 'get' command");
    conversation_ask(&talk, a, "CONFIG GET save",
                     "-NOPERM User guest has no permissions to run the 'config|get' command");
}

static void test_cross_protocol_request_of_either_kind_is_cut_off(void **state)
{
    (void)state;
    static const char *const requests[] = {"POST / HTTP/1.1\r\n", "Host: localhost\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct aero_session *a = conversation_open(&talk);
        conversation_send_raw(a, requests[i]);
        conversation_expect(a, "");
        assert_true(aero_session_should_close(a));
        assert_string_equal(aero_session_close_reason(a), "cross-protocol request");
    }
}

/* The first reason is the one that the log gets. */
static void test_error_that_does_not_fit_the_output_closes_for_that(void **state)
{
    (void)state;
    talk.options.output_bytes_max = 10;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "*1\r\n:1\r\n");
    assert_true(aero_session_should_close(a));
    assert_string_equal(aero_session_close_reason(a), "output buffer limit");
}

static void test_user_who_is_removed_twice_is_closed_once(void **state)
{
    (void)state;
    static const struct aero_user users[] = {
        {.name = "app", .password = "a", .allowed_categories = AERO_CATEGORY_ALL}};
    talk.options.users = users;
    talk.options.user_count = 1;
    talk.options.idle_timeout_ns = 5000000000U;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_tick_ms(&talk, 6000);
    assert_string_equal(aero_session_close_reason(a), "idle timeout");
    talk.options.user_count = 0;
    aero_server_configure(talk.server, &talk.options);
    assert_string_equal(aero_session_close_reason(a), "idle timeout");
    assert_true(aero_session_should_close(a));
    struct aero_server_stats stats;
    aero_server_stats(talk.server, &stats);
    assert_int_equal(stats.idle_closes, 2);
    aero_session_close(a);
    aero_session_close(b);
}

/* Its output left and the log failed in the same turn: it goes on once, from where it stopped. */
static void test_session_that_may_go_on_for_two_reasons_goes_on_once(void **state)
{
    (void)state;
    talk.options.output_pause_bytes = 10;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "ECHO aaaaaaaaaa\r\nECHO bbbbbbbbbb\r\n");
    conversation_expect(a, "$10 aaaaaaaaaa");
    assert_false(aero_session_wants_input(a)); /* what it has sent comes first */
    aero_server_on_failure(talk.server, aero_lsn_of(0), aero_lsn_of(0), aero_lsn_of(0));
    aero_server_resume(talk.server);
    conversation_expect(a, "$10 bbbbbbbbbb");
    assert_false(aero_server_wants_resume(talk.server));
}

static void test_end_of_input_closes_a_session_that_has_been_answered(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "PING", "+PONG");
    aero_session_on_end(a);
    assert_false(aero_session_wants_input(a));
    assert_true(aero_server_wants_resume(talk.server));
    aero_server_resume(talk.server);
    assert_true(aero_session_should_close(a));
    assert_null(aero_session_close_reason(a));
}

static void test_memory_below_its_limit_takes_writes(void **state)
{
    (void)state;
    talk.options.memory_bytes_max = (uint64_t)1 << 30;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v", "+OK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hello_speaks_the_protocol_that_was_asked_for),
        TEST(test_refused_hello_changes_nothing),
        TEST(test_select_takes_the_sixteen_databases),
        TEST(test_reset_forgets_all_but_the_connection),
        TEST(test_default_user_is_what_the_configuration_lists),
        TEST(test_cross_protocol_request_of_either_kind_is_cut_off),
        TEST(test_error_that_does_not_fit_the_output_closes_for_that),
        TEST(test_user_who_is_removed_twice_is_closed_once),
        TEST(test_session_that_may_go_on_for_two_reasons_goes_on_once),
        TEST(test_end_of_input_closes_a_session_that_has_been_answered),
        TEST(test_memory_below_its_limit_takes_writes),
    };
    return cmocka_run_group_tests_name("server.connection", tests, NULL, NULL);
}
