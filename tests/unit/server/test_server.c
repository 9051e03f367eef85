/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a server's sessions and memory beside their commands: new options, time, the end. */
#include "server/server_priv.h"
#include "tests/unit/server/talk.h"

static void test_no_server_is_freed_without_harm(void **state)
{
    (void)state;
    aero_server_free(NULL);
}

/* A session keeps its user by name, and one that has none yet needs none. */
static void test_new_users_close_only_the_sessions_of_those_that_are_gone(void **state)
{
    (void)state;
    const struct aero_user users[] = {
        {.name = "stays", .password = "s", .allowed_categories = AERO_CATEGORY_ALL},
        {.name = "goes", .password = "g", .allowed_categories = AERO_CATEGORY_ALL}};
    talk.options.users = users;
    talk.options.user_count = 2;
    talk.options.password = "secret";
    conversation_restart(&talk);
    struct aero_session *stays = conversation_open(&talk);
    struct aero_session *goes = conversation_open(&talk);
    struct aero_session *nobody = conversation_open(&talk);
    conversation_ask(&talk, stays, "AUTH stays s", "+OK");
    conversation_ask(&talk, goes, "AUTH goes g", "+OK");
    talk.options.user_count = 1;
    aero_server_configure(talk.server, &talk.options);
    assert_true(aero_session_should_close(goes));
    assert_string_equal(aero_session_close_reason(goes), "user removed");
    assert_false(aero_session_should_close(stays));
    assert_false(aero_session_should_close(nobody));
    conversation_ask(&talk, stays, "PING", "+PONG");
    conversation_ask(&talk, nobody, "PING", "-NOAUTH Authentication required.");
    conversation_ask(&talk, nobody, "AUTH stays s", "+OK");
}

/* It is not the client that says nothing: it waits for the node. */
static void test_parked_session_is_not_idle(void **state)
{
    (void)state;
    talk.options.idle_timeout_ns = 5000000000U;
    conversation_restart(&talk);
    struct aero_session *parked = conversation_open(&talk);
    struct aero_session *idle = conversation_open(&talk);
    talk.node.full = true;
    conversation_send(parked, "SET k v");
    conversation_tick_ms(&talk, 6000);
    assert_true(aero_session_should_close(idle));
    assert_false(aero_session_should_close(parked));
    talk.node.full = false;
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(parked, "+OK");
}

static void test_scratch_of_a_large_value_is_given_back(void **state)
{
    (void)state;
    enum { LARGE = 1100000, KEPT = 1 << 20 };
    struct aero_session *a = conversation_open(&talk);
    talk.node.commit_bytes_max = 2 * LARGE;
    struct aero_buffer request = {0};
    aero_buffer_append_slice(&request,
                             aero_slice_text("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1100000\r\n"));
    memset(aero_buffer_reserve(&request, LARGE), 'v', LARGE);
    request.length += LARGE;
    aero_buffer_append_slice(&request, aero_slice_text("\r\n"));
    aero_session_on_input(a, aero_buffer_slice(&request));
    conversation_sync(&talk);
    conversation_expect(a, "+OK");
    conversation_ask(&talk, a, "SETRANGE k 1 x", ":1100000");
    assert_true(talk.server->value.capacity > KEPT);
    assert_true(talk.server->text.capacity > KEPT);
    conversation_tick_ms(&talk, 1000);
    assert_true(talk.server->value.capacity <= KEPT);
    assert_true(talk.server->text.capacity <= KEPT);
    /* What is small is kept, so that the next command need not ask for it. */
    conversation_ask(&talk, a, "SET k v", "+OK");
    size_t capacity = talk.server->value.capacity;
    assert_int_not_equal(capacity, 0);
    conversation_tick_ms(&talk, 1000);
    assert_int_equal(talk.server->value.capacity, capacity);
    aero_buffer_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_server_is_freed_without_harm),
        TEST(test_new_users_close_only_the_sessions_of_those_that_are_gone),
        TEST(test_parked_session_is_not_idle),
        TEST(test_scratch_of_a_large_value_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
