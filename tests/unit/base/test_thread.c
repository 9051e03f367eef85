/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <signal.h>

#include "base/thread_posix.h"

static void *read_mask(void *out_mask)
{
    pthread_sigmask(SIG_SETMASK, NULL, out_mask);
    return out_mask;
}

/* A signal for the process goes to the thread that waits for it, whichever others there are. */
static void test_thread_hears_no_signal_and_its_maker_hears_as_before(void **state)
{
    (void)state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGPIPE};
    pthread_t thread;
    sigset_t theirs;
    sigset_t before;
    sigset_t after;
    sigemptyset(&theirs);
    read_mask(&before);
    assert_int_equal(aero_thread_start(&thread, read_mask, &theirs), 0);
    read_mask(&after);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(sigismember(&theirs, numbers[i]), 1);
        assert_int_equal(sigismember(&before, numbers[i]), 0);
        assert_int_equal(sigismember(&after, numbers[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_hears_no_signal_and_its_maker_hears_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
