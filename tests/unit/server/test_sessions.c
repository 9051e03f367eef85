/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in, what a session may cost, and how it ends (DET-3). */
#include "tests/unit/server/talk.h"

static void test_one_client_too_many_is_told_so(void **state)
{
    (void)state;
    talk.options.clients_max = 2;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    (void)conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    conversation_send(c, "SET k v");
    assert_false(aero_session_should_close(c));
    conversation_expect(c, "-ERR max number of clients reached");
    assert_true(aero_session_should_close(c));
    aero_session_close(c);
    aero_session_close(a);
    struct aero_session *d = conversation_open(&talk);
    conversation_ask(&talk, d, "PING", "+PONG");
    assert_int_equal(talk.node.commits, 0);
}

static void test_protected_mode_refuses_strangers_without_a_password(void **state)
{
    (void)state;
    const struct aero_session_options stranger = {.peer_address = "192.0.2.1:1"};
    struct aero_session *a = aero_session_open(talk.server, &stranger);
    assert_memory_equal(aero_session_output(a).data, "-DENIED ", 8);
    aero_session_sent(a, aero_session_output(a).length);
    assert_true(aero_session_should_close(a));
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *b = aero_session_open(talk.server, &stranger);
    conversation_ask(&talk, b, "AUTH secret", "+OK");
    talk.options.password = NULL;
    talk.options.protected_mode = false;
    conversation_restart(&talk);
    struct aero_session *c = aero_session_open(talk.server, &stranger);
    conversation_ask(&talk, c, "PING", "+PONG");
}

static void test_nothing_before_authentication(void **state)
{
    (void)state;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "PING", "-NOAUTH Authentication required.");
    conversation_ask(&talk, a, "GET k", "-NOAUTH Authentication required.");
    conversation_ask(&talk, a, "AERO.STATUS", "-NOAUTH Authentication required.");
    conversation_ask(&talk, a, "MULTI", "-NOAUTH Authentication required.");
    conversation_ask(
        &talk, a, "HELLO 3",
        "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
#define WRONGPASS "-WRONGPASS invalid username-password pair or user is disabled."
    conversation_ask(&talk, a, "AUTH secre", WRONGPASS);
    conversation_ask(&talk, a, "AUTH secretsecret", WRONGPASS);
    conversation_ask(&talk, a, "AUTH ''", WRONGPASS);
    conversation_ask(&talk, a, "AUTH nobody secret", WRONGPASS);
    conversation_ask(&talk, a, "AUTH secret", "+OK");
    conversation_ask(&talk, a, "PING", "+PONG");
    conversation_ask(&talk, a, "RESET", "+RESET");
    conversation_ask(&talk, a, "PING", "-NOAUTH Authentication required.");
    conversation_send(a, "HELLO 3 AUTH default secret SETNAME me");
    assert_memory_equal(aero_session_output(a).data, "%7\r\n", 4);
}

static void test_stranger_has_small_limits(void **state)
{
    (void)state;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "*11\r\n");
    conversation_expect(a, "-ERR Protocol error: unauthenticated multibulk length");
    assert_true(aero_session_should_close(a));
    assert_string_equal(aero_session_close_reason(a),
                        "Protocol error: unauthenticated multibulk length");
}

static void test_users_are_permitted_by_category(void **state)
{
    (void)state;
    const struct aero_user users[] = {
        {.name = "reader",
         .password = "r",
         .allowed_categories = AERO_CATEGORY_READ | AERO_CATEGORY_CONNECTION,
         .denied_categories = AERO_CATEGORY_DANGEROUS},
        {.name = "app",
         .password = "a",
         .allowed_categories = AERO_CATEGORY_ALL,
         .denied_categories = AERO_CATEGORY_ADMIN},
    };
    talk.options.users = users;
    talk.options.user_count = 2;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH reader r", "+OK");
    conversation_ask(&talk, a, "GET k", "$-1");
    conversation_ask(&talk, a, "SET k v",
                     "-NOPERM User reader has no permissions to run the 'set' command");
    conversation_ask(&talk, a, "KEYS *",
                     "-NOPERM User reader has no permissions to run the 'keys' command");
    conversation_ask(&talk, a, "CONFIG GET x",
                     "-NOPERM User reader has no permissions to run the 'config|get' command");
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_ask(&talk, a, "SET k v", "+OK");
    conversation_ask(&talk, a, "AERO.STATUS",
                     "-NOPERM User app has no permissions to run the 'aero.*' command");
    /* A reload without that user closes its sessions. */
    talk.options.user_count = 1;
    aero_server_configure(talk.server, &talk.options);
    assert_true(aero_session_should_close(a));
}

static void test_protocol_error_ends_the_session_after_what_was_before(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "SET k v\r\n*1\r\n:1\r\nPING\r\n");
    conversation_expect(a, "");
    assert_false(aero_session_should_close(a));
    assert_false(aero_session_wants_input(a));
    conversation_sync(&talk);
    conversation_expect(a, "+OK -ERR Protocol error: expected '$', got ':'");
    assert_true(aero_session_should_close(a));
}

static void test_cross_protocol_request_is_cut_off(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "POST / HTTP/1.1\r\nHost: x\r\nSET k v\r\n");
    assert_true(aero_session_should_close(a));
    assert_int_equal(talk.node.commits, 0);
}

/* Commands cut anywhere, whatever the host's buffer brings. */
static void test_input_in_pieces_of_every_size(void **state)
{
    (void)state;
    const char *bytes = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\nPING\r\n*2\r\n$3\r\nGET\r\n"
                        "$1\r\nk\r\nECHO 'x y'\r\n";
    size_t length = strlen(bytes);
    for (size_t piece = 1; piece <= length; piece++) {
        struct aero_session *a = conversation_open(&talk);
        for (size_t at = 0; at < length; at += piece) {
            size_t count = length - at < piece ? length - at : piece;
            uint8_t *copy = malloc(count);
            assert_non_null(copy);
            memcpy(copy, bytes + at, count);
            aero_session_on_input(a, aero_slice_of(copy, count));
            free(copy);
        }
        conversation_sync(&talk);
        conversation_expect(a, "+OK +PONG $5 a bc $3 x y");
        aero_session_close(a);
    }
}

static void test_request_above_the_query_limit_is_refused(void **state)
{
    (void)state;
    talk.options.query_bytes_max = 1000;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    char chunk[2501];
    memset(chunk, 'x', sizeof chunk);
    conversation_send_raw(a, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000\r\n");
    conversation_expect(a, "-ERR the request exceeds client_query_buffer_limit (1000 bytes)");
    aero_session_on_input(a, aero_slice_of(chunk, sizeof chunk));
    aero_session_on_input(a, aero_slice_of(chunk, sizeof chunk));
    conversation_send_raw(a, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    conversation_expect(a, "$-1");
}

/* A transaction must not go on without a part of it. */
static void test_argument_above_the_limit_fails_the_transaction(void **state)
{
    (void)state;
    talk.options.bulk_bytes_max = 100;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    char chunk[103];
    memset(chunk, 'x', sizeof chunk);
    conversation_send(a, "MULTI");
    conversation_expect(a, "+OK");
    conversation_send_raw(a, "*2\r\n$3\r\nGET\r\n$101\r\n");
    conversation_expect(a, "-ERR an argument of 101 bytes exceeds proto_max_bulk_len (100 bytes)");
    aero_session_on_input(a, aero_slice_of(chunk, sizeof chunk));
    conversation_send(a, "EXEC");
    conversation_expect(a, "-EXECABORT Transaction discarded because of previous errors.");
}

static void test_argument_above_the_limit_is_refused(void **state)
{
    (void)state;
    talk.options.bulk_bytes_max = 100;
    talk.options.argument_count_max = 4;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "*2\r\n$3\r\nGET\r\n$536870913\r\n");
    conversation_expect(a, "-ERR Protocol error: invalid bulk length");
    struct aero_session *b = conversation_open(&talk);
    conversation_send_raw(b, "*5\r\n");
    conversation_expect(b, "-ERR Protocol error: invalid multibulk length");
}

static void test_key_above_the_limit_is_refused(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    size_t length = AERO_TREE_KEY_MAX;
    char *line = malloc(length + 16);
    assert_non_null(line);
    memcpy(line, "SET ", 4);
    memset(line + 4, 'k', length);
    memcpy(line + 4 + length, " v\r\n", 5);
    /* As an array, since a line has a limit of its own. */
    struct aero_buffer bytes = {0};
    char head[64];
    aero_buffer_append(&bytes, head,
                       (size_t)snprintf(head, sizeof head, "*2\r\n$3\r\nGET\r\n$%zu\r\n", length));
    aero_buffer_append(&bytes, line + 4, length);
    aero_buffer_append(&bytes, "\r\n", 2);
    aero_session_on_input(a, aero_buffer_slice(&bytes));
    conversation_expect(a, "-ERR key is longer than 65525 bytes");
    aero_buffer_deinit(&bytes);
    free(line);
}

/* A client that does not read is not executed any further, and goes on when it reads. */
static void test_output_over_the_pause_limit_pauses(void **state)
{
    (void)state;
    talk.options.output_pause_bytes = 100;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "ECHO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                             "ECHO bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"
                             "SET k v\r\n");
    assert_int_equal(talk.node.commits, 0);
    assert_false(aero_session_wants_input(a));
    aero_session_sent(a, 20);
    assert_false(aero_server_wants_resume(talk.server));
    aero_session_sent(a, 20);
    assert_true(aero_server_wants_resume(talk.server));
    aero_server_resume(talk.server);
    assert_int_equal(talk.node.commits, 1);
    assert_ptr_equal(aero_server_next_ready(talk.server), a);
    assert_true(aero_session_wants_input(a));
}

/* `(echo GET a; ...) | nc -N` of a client that reads slowly: all of it is answered before the connection ends. */
static void test_end_of_input_of_a_paused_session_drops_nothing(void **state)
{
    (void)state;
    talk.options.output_pause_bytes = 10;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "ECHO aaaaaaaaaa\r\nECHO bbbbbbbbbb\r\nSET k v\r\nECH");
    aero_session_on_end(a);
    aero_server_resume(talk.server);
    assert_false(aero_session_wants_input(a));
    assert_false(aero_session_should_close(a));
    for (unsigned i = 0; i < 8 && !aero_session_should_close(a); i++) {
        aero_session_sent(a, aero_session_output(a).length);
        aero_server_resume(talk.server);
        conversation_sync(&talk);
    }
    assert_int_equal(talk.node.commits, 1);
    assert_true(aero_session_should_close(a));
}

static void test_held_replies_over_the_limit_pause(void **state)
{
    (void)state;
    talk.options.held_count_max = 3;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "INCR k\r\nINCR k\r\nINCR k\r\nINCR k\r\nINCR k\r\nINCR k\r\n");
    assert_int_equal(talk.node.commits, 4);
    assert_false(aero_session_wants_input(a));
    conversation_sync_to(&talk, 1);
    aero_server_resume(talk.server);
    assert_int_equal(talk.node.commits, 5);
    conversation_sync(&talk);
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(a, ":1 :2 :3 :4 :5 :6");
    assert_true(aero_session_wants_input(a));
}

static void test_reply_above_the_output_limit_closes(void **state)
{
    (void)state;
    talk.options.output_bytes_max = 200;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k 0123456789012345678901234567890123456789", "+OK");
    conversation_send(a, "MGET k k k k k k k k k k k k k k k");
    assert_true(aero_session_should_close(a));
    assert_string_equal(aero_session_close_reason(a), "output buffer limit");
    /* A transaction that outgrows it leaves nothing behind either. */
    struct aero_session *b = conversation_open(&talk);
    conversation_send_raw(b, "MULTI\r\nSET j 1\r\nMGET k k k k k k k k k\r\nEXEC\r\n");
    assert_true(aero_session_should_close(b));
    assert_int_equal(talk.node.evaluated, 1);
}

/* None of them is large: only together they are more than the server keeps for a client that does not read. */
static void test_replies_that_nobody_reads_close_at_the_output_limit(void **state)
{
    (void)state;
    talk.options.output_bytes_max = 200;
    conversation_restart(&talk);
    struct aero_session *reads = conversation_open(&talk);
    struct aero_session *silent = conversation_open(&talk);
    for (unsigned i = 0; i < 40; i++) {
        conversation_ask(&talk, reads, "PING", "+PONG");
        conversation_send(silent, "PING");
    }
    assert_false(aero_session_should_close(reads));
    assert_true(aero_session_should_close(silent));
    assert_string_equal(aero_session_close_reason(silent), "output buffer limit");
}

static void test_idle_session_is_closed_and_a_busy_one_is_not(void **state)
{
    (void)state;
    talk.options.idle_timeout_ns = 5000000000U;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    conversation_send(c, "WAIT 9 0");
    for (int second = 0; second < 7; second++) {
        conversation_tick_ms(&talk, 1000);
        conversation_ask(&talk, b, "PING", "+PONG");
    }
    assert_true(aero_session_should_close(a));
    assert_string_equal(aero_session_close_reason(a), "idle timeout");
    assert_false(aero_session_should_close(b));
    assert_false(aero_session_should_close(c));
}

static void test_client_reply_off_and_skip(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "CLIENT REPLY SKIP\r\nPING\r\nPING\r\n");
    conversation_expect(a, "+PONG");
    conversation_send_raw(a, "CLIENT REPLY OFF\r\nSET k v\r\nPING\r\n");
    conversation_sync(&talk);
    conversation_expect(a, "");
    conversation_send_raw(a, "CLIENT REPLY ON\r\nGET k\r\n");
    conversation_expect(a, "+OK $1 v");
}

static void test_client_kill_and_list(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_ask(&talk, b, "CLIENT SETNAME other", "+OK");
    conversation_send(a, "CLIENT LIST");
    assert_non_null(strstr((const char *)aero_session_output(a).data,
                           "id=2 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=9 name=other age=0"));
    aero_session_sent(a, aero_session_output(a).length);
    conversation_ask(&talk, a, "CLIENT KILL ID 2", ":1");
    assert_true(aero_session_should_close(b));
    assert_false(aero_session_should_close(a));
    aero_session_close(b);
    /* Itself: the answer still leaves. */
    conversation_ask(&talk, a, "CLIENT KILL ADDR 127.0.0.1:50000 SKIPME no", ":1");
    assert_true(aero_session_should_close(a));
}

static void test_reads_are_refused_while_the_node_cannot_serve(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.read_error = "HALTED digest mismatch at LSN 7";
    conversation_ask(&talk, a, "GET k", "-HALTED digest mismatch at LSN 7");
    conversation_ask(&talk, a, "SET k v", "-HALTED digest mismatch at LSN 7");
    conversation_ask(&talk, a, "DBSIZE", "-HALTED digest mismatch at LSN 7");
    conversation_ask(&talk, a, "PING", "+PONG");
    conversation_ask(&talk, a, "SELECT 1", "+OK");
    conversation_ask(&talk, a, "AERO.STATUS", "$15 state: serving\n");
    conversation_ask(&talk, a, "INFO persistence", "$26 # Persistence loading:0 ");
}

static void expect_info(struct aero_session *session, const char *section, const char *first,
                        const char *second)
{
    char command[32];
    char text[4096] = "";
    snprintf(command, sizeof command, "INFO %s", section);
    conversation_send(session, command);
    struct aero_slice output = aero_session_output(session);
    assert_true(output.length < sizeof text);
    for (size_t i = 0; i < output.length; i++) {
        text[i] = (char)(output.data[i] == '\r' ? ' ' : output.data[i]);
    }
    assert_non_null(strstr(text, first));
    assert_non_null(strstr(text, second));
    aero_session_sent(session, output.length);
}

static void test_memory_limit_refuses_what_may_add(void **state)
{
    (void)state;
    talk.options.memory_bytes_max = 1;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    talk.options.memory_bytes_max = 0;
    aero_server_configure(talk.server, &talk.options);
    conversation_ask(&talk, a, "SET k v", "+OK");
    talk.options.memory_bytes_max = 1;
    aero_server_configure(talk.server, &talk.options);
    conversation_ask(&talk, a, "SET k v",
                     "-OOM command not allowed when used memory > 'maxmemory'.");
    conversation_ask(&talk, a, "GET k", "$1 v");
    conversation_ask(&talk, a, "DEL k", ":1");
}

/* Decision 10: what tells of commits in flight waits for them, or speaks of before. */
static void test_memory_and_counts_in_flight_are_not_shown(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_tick_ms(&talk, 1000);
    conversation_tick_ms(&talk, 1000);
    conversation_send(a, "SET k v");
    conversation_send(a, "GET k");
    talk.options.memory_bytes_max = 1;
    aero_server_configure(talk.server, &talk.options);
    conversation_send(a, "SET k w");
    conversation_expect(a, "");
    expect_info(b, "stats", "keyspace_hits:0 ", "total_commits:0 ");
    expect_info(b, "memory", "used_memory:512 ", "used_memory_peak:512 ");
    conversation_sync(&talk);
    conversation_expect(a, "+OK $1 v -OOM command not allowed when used memory > 'maxmemory'.");
    expect_info(b, "stats", "keyspace_hits:1 ", "total_commits:1 ");
}

static void test_configure_with_the_same_options_keeps_users_and_passwords(void **state)
{
    (void)state;
    const struct aero_user users[] = {
        {.name = "app", .password = "a", .allowed_categories = AERO_CATEGORY_ALL}};
    talk.options.users = users;
    talk.options.user_count = 1;
    talk.options.password = "secret";
    conversation_restart(&talk);
    aero_server_configure(talk.server, &talk.options);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH app a", "+OK");
    conversation_ask(&talk, a, "AUTH secret", "+OK");
}

/* Every key that was there throughout a scan is returned, whatever happens around it. */
static void test_scan_returns_what_stayed_under_changes(void **state)
{
    (void)state;
    enum { STAYING = 300 };
    struct aero_session *a = conversation_open(&talk);
    bool seen[STAYING] = {false};
    char line[64];
    for (int i = 0; i < STAYING; i++) {
        snprintf(line, sizeof line, "MSET stay:%03d v gone:%03d v", i, i);
        conversation_ask(&talk, a, line, "+OK");
    }
    conversation_ask(&talk, a, "SET '' empty", "+OK");
    char cursor[24] = "0";
    int step = 0;
    do {
        snprintf(line, sizeof line, "SCAN %s COUNT 7", cursor);
        /* Deletes around and behind the position, and adds in front of it. */
        char change[64];
        snprintf(change, sizeof change, "DEL gone:%03d gone:%03d", step % STAYING,
                 (STAYING - step % STAYING) % STAYING);
        conversation_send(a, change);
        conversation_sync(&talk);
        aero_session_sent(a, aero_session_output(a).length);
        snprintf(change, sizeof change, "SET a:%d v", step);
        conversation_ask(&talk, a, change, "+OK");
        conversation_send(a, line);
        struct aero_slice reply = aero_session_output(a);
        char *text = malloc(reply.length + 1);
        assert_non_null(text);
        memcpy(text, reply.data, reply.length);
        text[reply.length] = '\0';
        assert_int_equal(sscanf(text, "*2\r\n$%*d\r\n%23[0-9]", cursor), 1);
        for (char *at = strstr(text, "stay:"); at != NULL; at = strstr(at + 1, "stay:")) {
            int stayed = -1;
            assert_int_equal(sscanf(at, "stay:%d", &stayed), 1);
            assert_in_range(stayed, 0, STAYING - 1);
            seen[stayed] = true;
        }
        free(text);
        aero_session_sent(a, reply.length);
        assert_in_range(++step, 1, 1000);
    } while (strcmp(cursor, "0") != 0);
    for (int i = 0; i < STAYING; i++) {
        assert_true(seen[i]);
    }
    /* A cursor that nobody knows begins again: nothing is missed. */
    conversation_send(a, "SCAN 123456789 COUNT 1");
    assert_non_null(strstr((const char *)aero_session_output(a).data, "$0\r\n\r\n"));
}

/* One key a step, each once, in as many steps as there are keys; and a cursor asked again answers again. */
static void test_scan_in_steps_of_one(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    char line[64];
    char again[64];
    char expected[96];
    unsigned long long cursor = 0;
    conversation_ask(&talk, a, "MSET '' 0 a 1 aa 2 b 3 b\\x00 4", "+OK");
    for (int step = 0; step < 5; step++) {
        snprintf(line, sizeof line, "SCAN %llu COUNT 1", cursor);
        conversation_send(a, line);
        struct aero_slice reply = aero_session_output(a);
        assert_in_range(reply.length, 1, sizeof expected - 1);
        memcpy(expected, reply.data, reply.length);
        expected[reply.length] = '\0';
        assert_int_equal(sscanf(expected, "*2\r\n$%*d\r\n%llu\r\n*1\r\n", &cursor), 1);
        aero_session_sent(a, reply.length);
        if (step != 0 && cursor != 0) {
            /* The answer was lost on the way: the same cursor again, and again with one key. */
            snprintf(again, sizeof again, "%s", strstr(expected, "*1\r\n"));
            conversation_send(a, line);
            reply = aero_session_output(a);
            memcpy(expected, reply.data, reply.length);
            expected[reply.length] = '\0';
            assert_string_equal(strstr(expected, "*1\r\n"), again);
            assert_int_equal(sscanf(expected, "*2\r\n$%*d\r\n%llu\r\n*1\r\n", &cursor), 1);
            aero_session_sent(a, reply.length);
        }
        assert_int_equal(cursor == 0, step == 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_client_too_many_is_told_so),
        TEST(test_protected_mode_refuses_strangers_without_a_password),
        TEST(test_nothing_before_authentication),
        TEST(test_stranger_has_small_limits),
        TEST(test_users_are_permitted_by_category),
        TEST(test_protocol_error_ends_the_session_after_what_was_before),
        TEST(test_cross_protocol_request_is_cut_off),
        TEST(test_input_in_pieces_of_every_size),
        TEST(test_request_above_the_query_limit_is_refused),
        TEST(test_argument_above_the_limit_is_refused),
        TEST(test_argument_above_the_limit_fails_the_transaction),
        TEST(test_key_above_the_limit_is_refused),
        TEST(test_output_over_the_pause_limit_pauses),
        TEST(test_end_of_input_of_a_paused_session_drops_nothing),
        TEST(test_held_replies_over_the_limit_pause),
        TEST(test_reply_above_the_output_limit_closes),
        TEST(test_replies_that_nobody_reads_close_at_the_output_limit),
        TEST(test_idle_session_is_closed_and_a_busy_one_is_not),
        TEST(test_client_reply_off_and_skip),
        TEST(test_client_kill_and_list),
        TEST(test_reads_are_refused_while_the_node_cannot_serve),
        TEST(test_memory_limit_refuses_what_may_add),
        TEST(test_memory_and_counts_in_flight_are_not_shown),
        TEST(test_configure_with_the_same_options_keeps_users_and_passwords),
        TEST(test_scan_returns_what_stayed_under_changes),
        TEST(test_scan_in_steps_of_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
