/* SPDX-License-Identifier: Apache-2.0 */
/* CLIENT: what it says of connections, and which of them it closes. In the words of Redis 7.2. */
#include "tests/unit/server/talk.h"

#include <stdio.h>

#define LINE_MAX 512

/* `head`, then `c` so many times, then `tail`. */
static void repeat(char out_line[LINE_MAX], const char *head, char c, size_t count,
                   const char *tail)
{
    char run[LINE_MAX] = "";
    memset(run, c, count);
    snprintf(out_line, LINE_MAX, "%s%s%s", head, run, tail);
}

/* The line that `asker` gets for session `id` has `part` in it. */
static void expect_listed(struct aero_session *asker, uint64_t id, const char *part)
{
    char line[64];
    snprintf(line, sizeof line, "CLIENT LIST ID %llu", (unsigned long long)id);
    conversation_send(asker, line);
    char *text = conversation_take(asker);
    if (strstr(text, part) == NULL) {
        fail_msg("no '%s' in %s", part, text);
    }
    free(text);
}

static void test_list_says_what_a_session_is_and_did_last(void **state)
{
    (void)state;
    static const struct {
        const char *lines[3];
        const char *parts[3];
    } cases[] = {
        {{NULL},
         {" name= age=0 idle=0 flags=N db=0 ", " multi=-1 watch=0 qbuf=0 ",
          " cmd=NULL user=default "}},
        {{"MULTI"}, {" flags=x ", " multi=0 ", " cmd=multi "}},
        {{"MULTI", "GET k"}, {" flags=x ", " multi=1 ", " cmd=get "}},
        {{"WAIT 1 0"}, {" flags=b ", " cmd=wait "}},
        {{"WATCH k", "SET k 1"}, {" flags=d ", " watch=1 ", " cmd=set "}},
        {{"WATCH k", "SET k 1", "MULTI"}, {" flags=xd "}},
        {{"CLIENT NO-EVICT on", "CLIENT NO-TOUCH ON"}, {" flags=eT ", " cmd=client|no-touch "}},
        {{"CLIENT NO-EVICT on"}, {" flags=e "}},
        {{"CLIENT NO-TOUCH on"}, {" flags=T "}},
        {{"CLIENT NO-EVICT on", "CLIENT NO-EVICT off"}, {" flags=N ", " cmd=client|no-evict "}},
        {{"CLIENT NO-TOUCH on", "CLIENT NO-EVICT on", "RESET"}, {" flags=N ", " cmd=reset "}},
        {{"CONFIG GET save"}, {" cmd=config|get "}},
        {{"AERO.STATUS"}, {" cmd=aero.* "}},
        {{"GET k", "GET"}, {" cmd=get "}}, /* what was refused is not what it did */
        {{"SELECT 3"}, {" db=3 ", " cmd=select "}},
        {{"HELLO 3"}, {" resp=3 "}},
        {{"CLIENT SETNAME me"}, {" name=me "}},
        {{"CLIENT SETNAME me", "CLIENT SETNAME ''"}, {" name= "}},
        {{"CLIENT SETINFO LIB-NAME redis-py", "CLIENT SETINFO lib-ver 5.0"},
         {" lib-name=redis-py lib-ver=5.0\n"}},
        {{"CLIENT SETINFO lib-name a", "CLIENT SETINFO lib-name ''"}, {" lib-name= lib-ver=\n"}},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_session *b = conversation_open(&talk);
        for (size_t line = 0; line < 3 && cases[i].lines[line] != NULL; line++) {
            conversation_send(b, cases[i].lines[line]);
            conversation_sync(&talk);
        }
        for (size_t part = 0; part < 3 && cases[i].parts[part] != NULL; part++) {
            expect_listed(a, aero_session_id(b), cases[i].parts[part]);
        }
        aero_session_close(b);
    }
}

static void test_list_says_how_old_and_how_idle(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_tick_ms(&talk, 5999);
    conversation_ask(&talk, b, "PING", "+PONG");
    conversation_tick_ms(&talk, 3001);
    expect_listed(a, 2, " age=9 idle=3 ");
}

static void test_list_says_what_waits_to_leave(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(b, "PING");
    expect_listed(a, 2, " oll=0 omem=7 ");
    expect_listed(a, 2, " events=rw ");
    conversation_expect(b, "+PONG");
    expect_listed(a, 2, " omem=0 ");
    expect_listed(a, 2, " events=r ");
    conversation_send(b, "SET k v");
    expect_listed(a, 2, " oll=1 omem=5 ");
}

/* The input of one large command is not kept for the small ones that follow. */
static void test_list_shows_that_a_large_input_was_given_back(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    char *value = malloc(BYTES + 1);
    assert_non_null(value);
    memset(value, 'v', BYTES);
    value[BYTES] = '\0';
    conversation_send_raw(b, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n");
    conversation_send_raw(b, value);
    free(value);
    expect_listed(a, 2, " qbuf=100029 ");
    conversation_send_raw(b, "\r\n");
    conversation_sync(&talk);
    conversation_expect(b, "+OK");
    expect_listed(a, 2, " qbuf=0 qbuf-free=0 ");
}

static void test_list_names_nobody_before_authentication(void **state)
{
    (void)state;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    (void)conversation_open(&talk);
    conversation_ask(&talk, a, "AUTH secret", "+OK");
    expect_listed(a, 1, " user=default ");
    expect_listed(a, 2, " user=(none) ");
}

static void test_info_is_the_line_of_the_asker(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    (void)a;
    conversation_send(b, "HELLO 3 SETNAME me");
    free(conversation_take(b));
    conversation_send(b, "CLIENT INFO");
    char *text = conversation_take(b);
    size_t length;
    assert_int_equal(sscanf(text, "=%zu\r\ntxt:id=2 addr=127.0.0.1:50000 ", &length), 1);
    assert_non_null(strstr(text, " name=me "));
    assert_non_null(strstr(text, " cmd=client|info "));
    assert_string_equal(text + strlen(text) - 3, "\n\r\n");
    assert_int_equal(strlen(strchr(text, '\n') + 1), length + 2);
    free(text);
}

/* The numbers of the sessions that `line` lists. */
static void expect_ids(struct aero_session *asker, const char *line, const char *ids)
{
    char found[64] = "";
    conversation_send(asker, line);
    char *text = conversation_take(asker);
    for (const char *at = strstr(text, "id="); at != NULL; at = strstr(at, "\nid=")) {
        at += *at == '\n';
        size_t length = strlen(found);
        int id = 0;
        assert_int_equal(sscanf(at, "id=%d", &id), 1);
        snprintf(found + length, sizeof found - length, "%s%d", length == 0 ? "" : " ", id);
    }
    if (strcmp(found, ids) != 0) {
        fail_msg("%s: %s", line, text);
    }
    free(text);
}

static void test_list_selects_by_type_and_number(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *ids;
    } cases[] = {
        {"CLIENT LIST", "1 2 3"},        {"CLIENT LIST TYPE Normal", "1 2 3"},
        {"CLIENT LIST TYPE master", ""}, {"CLIENT LIST TYPE replica", ""},
        {"CLIENT LIST TYPE slave", ""},  {"CLIENT LIST TYPE pubsub", ""},
        {"CLIENT LIST ID 2", "2"},       {"CLIENT LIST ID 3 99 1 3", "1 3"},
        {"CLIENT LIST ID 0 -1 99", ""}, /* numbers that nobody has */
    };
    struct aero_session *a = conversation_open(&talk);
    (void)conversation_open(&talk);
    (void)conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_ids(a, cases[i].line, cases[i].ids);
    }
    conversation_ask(&talk, a, "CLIENT LIST ID 1 x", "-ERR Invalid client ID");
    conversation_ask(&talk, a, "CLIENT LIST ID", "-ERR syntax error");
    conversation_ask(&talk, a, "CLIENT LIST FOO 1", "-ERR syntax error");
    conversation_ask(&talk, a, "CLIENT LIST TYPE normal x", "-ERR syntax error");
    conversation_ask(&talk, a, "CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'");
}

/* It said goodbye, and only its last answers still leave. */
static void test_session_that_closes_is_neither_listed_nor_killed(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send(b, "QUIT");
    expect_ids(a, "CLIENT LIST", "1");
    conversation_ask(&talk, a, "CLIENT KILL ID 2", ":0");
    assert_false(aero_session_should_close(b));
    conversation_expect(b, "+OK");
    assert_true(aero_session_should_close(b));
    assert_null(aero_session_close_reason(b));
}

static struct aero_session *open_at(const char *peer_address, const char *local_address)
{
    return aero_session_open(talk.server,
                             &(struct aero_session_options){.peer_address = peer_address,
                                                            .local_address = local_address,
                                                            .trusted = true});
}

/* Session 1 asks; 2 is another user's; 3 came ten seconds later, over another address of ours. */
static void test_kill_closes_whom_its_options_name(void **state)
{
    (void)state;
    static const struct aero_user users[] = {
        {.name = "app", .password = "a", .allowed_categories = AERO_CATEGORY_ALL}};
    static const struct {
        const char *line;
        const char *reply;
        bool killed[3];
    } cases[] = {
        {"CLIENT KILL 192.0.2.2:2", "+OK", {false, true, false}},
        {"CLIENT KILL 192.0.2.1:1", "+OK", {true, false, false}},
        {"CLIENT KILL 192.0.2.2", "-ERR No such client", {false}},
        /* An address that nobody has: not everybody. */
        {"CLIENT KILL ''", "-ERR No such client", {false}},
        {"CLIENT KILL ADDR ''", ":0", {false}},
        {"CLIENT KILL LADDR '' SKIPME no", ":0", {false}},
        {"CLIENT KILL ID 2", ":1", {false, true, false}},
        {"CLIENT KILL ID 1", ":0", {false}},
        {"CLIENT KILL ID 1 SKIPME no", ":1", {true, false, false}},
        {"CLIENT KILL ID 1 SKIPME no SKIPME YES", ":0", {false}},
        {"CLIENT KILL ADDR 192.0.2.3:3", ":1", {false, false, true}},
        {"CLIENT KILL ADDR 192.0.2.3:3 ID 2", ":0", {false}},
        {"CLIENT KILL LADDR 127.0.0.1:6379", ":1", {false, true, false}},
        {"CLIENT KILL LADDR 127.0.0.1:6379 SKIPME no", ":2", {true, true, false}},
        {"CLIENT KILL USER app", ":1", {false, true, false}},
        {"CLIENT KILL USER default", ":1", {false, false, true}},
        {"CLIENT KILL USER nobody", "-ERR No such user 'nobody'", {false}},
        {"CLIENT KILL MAXAGE 10", ":1", {false, true, false}},
        {"CLIENT KILL MAXAGE 11", ":0", {false}},
        {"CLIENT KILL TYPE normal", ":2", {false, true, true}},
        {"CLIENT KILL TYPE pubsub SKIPME no", ":0", {false}},
        {"CLIENT KILL TYPE foo", "-ERR Unknown client type 'foo'", {false}},
        {"CLIENT KILL SKIPME maybe", "-ERR syntax error", {false}},
        {"CLIENT KILL ID 0", "-ERR client-id should be greater than 0", {false}},
        {"CLIENT KILL ID x", "-ERR client-id should be greater than 0", {false}},
        {"CLIENT KILL MAXAGE 0", "-ERR maxage should be greater than 0", {false}},
        {"CLIENT KILL MAXAGE x", "-ERR maxage should be greater than 0", {false}},
        {"CLIENT KILL FOO 2", "-ERR syntax error", {false}},
        {"CLIENT KILL ID 2 ADDR", "-ERR syntax error", {false}},
        {"CLIENT KILL ID 0 ADDR", "-ERR client-id should be greater than 0", {false}},
    };
    talk.options.users = users;
    talk.options.user_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conversation_restart(&talk);
        struct aero_session *sessions[3];
        sessions[0] = open_at("192.0.2.1:1", "127.0.0.1:6379");
        sessions[1] = open_at("192.0.2.2:2", "127.0.0.1:6379");
        conversation_ask(&talk, sessions[1], "AUTH app a", "+OK");
        conversation_tick_ms(&talk, 10000);
        sessions[2] = open_at("192.0.2.3:3", "127.0.0.2:6379");
        conversation_ask(&talk, sessions[0], cases[i].line, cases[i].reply);
        for (size_t session = 0; session < 3; session++) {
            const char *reason = aero_session_close_reason(sessions[session]);
            if (aero_session_should_close(sessions[session]) != cases[i].killed[session]) {
                fail_msg("%s: session %zu", cases[i].line, session + 1);
            }
            if (cases[i].killed[session]) {
                assert_string_equal(reason, "killed by a client");
            } else {
                assert_null(reason);
            }
        }
    }
}

/* It may have a reply that waits for ever, and input behind it. */
static void test_killed_session_that_was_blocked_runs_nothing_more(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    conversation_send_raw(b, "WAIT 1 100\r\nSET k v\r\n");
    conversation_ask(&talk, a, "CLIENT KILL ID 2", ":1");
    conversation_tick_ms(&talk, 100);
    assert_false(aero_session_is_blocked(b));
    assert_false(aero_server_wants_resume(talk.server));
    aero_server_resume(talk.server);
    assert_int_equal(talk.node.commits, 0);
    assert_true(aero_session_should_close(b));
}

static void test_names_are_plain_and_bounded(void **state)
{
    (void)state;
    char line[LINE_MAX];
    char reply[LINE_MAX];
    struct aero_session *a = conversation_open(&talk);
    repeat(line, "CLIENT SETNAME ", 'n', 255, "");
    conversation_ask(&talk, a, line, "+OK");
    repeat(reply, "$255 ", 'n', 255, "");
    conversation_ask(&talk, a, "CLIENT GETNAME", reply);
    repeat(line, "CLIENT SETNAME ", 'n', 256, "");
    conversation_ask(&talk, a, line, "-ERR Client names cannot be longer than 255 bytes");
    conversation_ask(&talk, a, "CLIENT GETNAME", reply);
    conversation_ask(&talk, a, "CLIENT SETNAME ''", "+OK");
    conversation_ask(&talk, a, "CLIENT GETNAME", "$-1");
    conversation_ask(&talk, a, "CLIENT SETINFO LIB-NAME 'a b'",
                     "-ERR LIB-NAME cannot contain spaces, newlines or special characters.");
    conversation_ask(&talk, a, "CLIENT SETINFO lib-ver \"a\\n\"",
                     "-ERR lib-ver cannot contain spaces, newlines or special characters.");
    repeat(line, "CLIENT SETINFO lib-ver ", '1', 256, "");
    conversation_ask(&talk, a, line, "-ERR lib-ver cannot be longer than 255 bytes");
    expect_listed(a, 1, " lib-name= lib-ver=\n");
}

/* An error repeats a word of the client, but not a novel. */
static void test_errors_repeat_the_beginning_of_a_long_word(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        const char *error;
        const char *behind;
    } cases[] = {
        {"CLIENT LIST TYPE ", "-ERR Unknown client type '", "'"},
        {"CLIENT KILL USER ", "-ERR No such user '", "'"},
        {"CLIENT ", "-ERR unknown subcommand '", "'. Try CLIENT HELP."},
        {"HELLO 3 ", "-ERR Syntax error in HELLO option '", "'"},
        {"", "-ERR unknown command '", "', with args beginning with: "},
        {"FOO ", "-ERR unknown command 'FOO', with args beginning with: '", "' "},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[LINE_MAX];
        char reply[LINE_MAX];
        repeat(line, cases[i].before, 'w', 200, "");
        repeat(reply, cases[i].error, 'w', 128, cases[i].behind);
        conversation_ask(&talk, a, line, reply);
    }
}

/* Of all arguments together as much as of one word. */
static void test_unknown_command_repeats_the_first_arguments(void **state)
{
    (void)state;
    char line[LINE_MAX];
    char reply[LINE_MAX];
    struct aero_session *a = conversation_open(&talk);
    repeat(line, "FOO a ", 'w', 200, " b");
    repeat(reply, "-ERR unknown command 'FOO', with args beginning with: 'a' '", 'w', 124, "' ");
    conversation_ask(&talk, a, line, reply);
}

static void test_reply_skip_does_not_end_reply_off(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n");
    conversation_expect(a, "");
    conversation_send_raw(a, "CLIENT REPLY maybe\r\n");
    conversation_expect(a, "");
    conversation_ask(&talk, a, "CLIENT REPLY on", "+OK");
    conversation_ask(&talk, a, "CLIENT REPLY maybe", "-ERR syntax error");
    conversation_send_raw(a, "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO x\r\n");
    conversation_expect(a, "$1 x");
}

static void test_switches_and_the_redirection_that_is_none(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "CLIENT NO-EVICT maybe", "-ERR syntax error");
    conversation_ask(&talk, a, "CLIENT NO-TOUCH OFF", "+OK");
    conversation_ask(&talk, a, "CLIENT GETREDIR", ":-1");
    conversation_ask(&talk, a, "CLIENT", "-ERR wrong number of arguments for 'client' command");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list_says_what_a_session_is_and_did_last),
        TEST(test_list_says_how_old_and_how_idle),
        TEST(test_list_says_what_waits_to_leave),
        TEST(test_list_shows_that_a_large_input_was_given_back),
        TEST(test_list_names_nobody_before_authentication),
        TEST(test_info_is_the_line_of_the_asker),
        TEST(test_list_selects_by_type_and_number),
        TEST(test_session_that_closes_is_neither_listed_nor_killed),
        TEST(test_kill_closes_whom_its_options_name),
        TEST(test_killed_session_that_was_blocked_runs_nothing_more),
        TEST(test_names_are_plain_and_bounded),
        TEST(test_errors_repeat_the_beginning_of_a_long_word),
        TEST(test_unknown_command_repeats_the_first_arguments),
        TEST(test_reply_skip_does_not_end_reply_off),
        TEST(test_switches_and_the_redirection_that_is_none),
    };
    return cmocka_run_group_tests_name("server.client_command", tests, NULL, NULL);
}
