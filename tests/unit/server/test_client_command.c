/* SPDX-License-Identifier: Apache-2.0 */
/* CLIENT: what it says of connections, and which of them it closes. In the words of Redis 7.2. */
#include "tests/unit/server/conversation.c"
#include "tests/unit/server/fake_node.c"

#include <stdio.h>

static struct conversation talk;

static int begin_talk(void **state)
{
    (void)state;
    conversation_init(&talk);
    return 0;
}

static int end_talk(void **state)
{
    (void)state;
    conversation_deinit(&talk);
    return 0;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_talk, end_talk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kill_closes_whom_its_options_name),
    };
    return cmocka_run_group_tests_name("server.client_command", tests, NULL, NULL);
}
