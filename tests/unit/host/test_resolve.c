/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "host/resolve.h"
#include "tests/unit/broken_thread.h"

static enum aero_host_resolve_state wait_for_answer(struct aero_host_resolver *resolver,
                                                    char address[AERO_HOST_ADDRESS_BYTES],
                                                    char text[AERO_HOST_RESOLVE_TEXT_BYTES])
{
    enum aero_host_resolve_state state = AERO_RESOLVE_RUNNING;
    for (unsigned tries = 0; state == AERO_RESOLVE_RUNNING && tries < 6000; tries++) {
        state = aero_host_resolver_take(resolver, address, text);
        if (state == AERO_RESOLVE_RUNNING) {
            poll(NULL, 0, 10);
        }
    }
    return state;
}

static void test_numeric_address_is_found_at_once(void **state)
{
    (void)state;
    struct aero_host_wake wake;
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES];
    aero_host_wake_init(&wake);
    struct aero_host_resolver *resolver = aero_host_resolver_new(&wake);
    assert_int_equal(aero_host_resolver_take(resolver, address, text), AERO_RESOLVE_IDLE);
    aero_host_resolver_ask(resolver, "2001:db8::1");
    assert_int_equal(aero_host_resolver_take(resolver, address, text), AERO_RESOLVE_FOUND);
    assert_string_equal(address, "2001:db8::1");
    assert_int_equal(aero_host_resolver_take(resolver, address, text), AERO_RESOLVE_IDLE);
    aero_host_resolver_free(resolver);
    aero_host_wake_deinit(&wake);
}

static void test_local_name_is_found_and_a_name_without_meaning_is_not(void **state)
{
    (void)state;
    struct aero_host_wake wake;
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES] = "";
    aero_host_wake_init(&wake);
    struct aero_host_resolver *resolver = aero_host_resolver_new(&wake);
    aero_host_resolver_ask(resolver, "localhost");
    assert_int_equal(wait_for_answer(resolver, address, text), AERO_RESOLVE_FOUND);
    assert_true(strcmp(address, "127.0.0.1") == 0 || strcmp(address, "::1") == 0);
    aero_host_resolver_ask(resolver, "no such..name");
    assert_int_equal(wait_for_answer(resolver, address, text), AERO_RESOLVE_FAILED);
    assert_non_null(strstr(text, "no such..name"));
    aero_host_resolver_free(resolver);
    aero_host_wake_deinit(&wake);
}

static void test_no_thread_for_a_question_is_an_answer_to_it(void **state)
{
    (void)state;
    struct aero_host_wake wake;
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES] = "";
    aero_host_wake_init(&wake);
    struct aero_host_resolver *resolver = aero_host_resolver_new(&wake);
    broken_pthread_create = (struct broken_call){.times = 1};
    aero_host_resolver_ask(resolver, "localhost");
    assert_int_equal(broken_pthread_create.times, 0);
    assert_int_equal(aero_host_resolver_take(resolver, address, text), AERO_RESOLVE_FAILED);
    assert_string_equal(text, "no thread for the resolver: Resource temporarily unavailable");
    aero_host_resolver_ask(resolver, "localhost");
    assert_int_equal(wait_for_answer(resolver, address, text), AERO_RESOLVE_FOUND);
    aero_host_resolver_free(resolver);
    aero_host_wake_deinit(&wake);
}

/* A stop does not wait for a resolver that hangs. The sanitizers watch who frees what. */
static void test_free_leaves_a_running_question_alone(void **state)
{
    (void)state;
    struct aero_host_wake wake;
    aero_host_wake_init(&wake);
    for (unsigned i = 0; i < 20; i++) {
        struct aero_host_resolver *resolver = aero_host_resolver_new(&wake);
        aero_host_resolver_ask(resolver, "localhost");
        aero_host_resolver_free(resolver);
    }
    aero_host_resolver_free(NULL);
    aero_host_wake_deinit(&wake);
    poll(NULL, 0, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numeric_address_is_found_at_once),
        cmocka_unit_test(test_local_name_is_found_and_a_name_without_meaning_is_not),
        cmocka_unit_test(test_no_thread_for_a_question_is_an_answer_to_it),
        cmocka_unit_test(test_free_leaves_a_running_question_alone),
    };
    return cmocka_run_group_tests_name("host.resolve", tests, NULL, NULL);
}
