/* SPDX-License-Identifier: Apache-2.0 */
#include "shipping/backoff.h"
#include "tests/unit/cmocka_setup.h"

static void test_delay_doubles_up_to_the_maximum_with_jitter_in_its_upper_half(void **state)
{
    (void)state;
    struct aero_backoff_options options = {.first_ns = 100, .max_ns = 1000};
    static const uint64_t ceilings[] = {100, 200, 400, 800, 1000, 1000};
    struct aero_prng prng;
    aero_prng_init(&prng, 7);
    for (uint32_t attempt = 0; attempt < 6; attempt++) {
        uint64_t lowest = UINT64_MAX;
        uint64_t highest = 0;
        for (unsigned i = 0; i < 3000; i++) {
            uint64_t delay = aero_backoff_delay_ns(&options, attempt, &prng);
            lowest = delay < lowest ? delay : lowest;
            highest = delay > highest ? delay : highest;
        }
        assert_in_range(lowest, ceilings[attempt] / 2, ceilings[attempt] / 2 + 5);
        assert_in_range(highest, ceilings[attempt] - 5, ceilings[attempt]);
    }
}

static void test_delay_after_any_number_of_attempts_stays_bounded(void **state)
{
    (void)state;
    struct aero_backoff_options options = {.first_ns = 0};
    struct aero_prng prng;
    aero_prng_init(&prng, 7);
    assert_in_range(aero_backoff_delay_ns(&options, 0, &prng), 50000000, 100000000);
    assert_in_range(aero_backoff_delay_ns(&options, UINT32_MAX, &prng), 5000000000, 10000000000);
}

static void test_delay_from_the_same_seed_is_the_same(void **state)
{
    (void)state;
    struct aero_backoff_options options = {.first_ns = 0};
    struct aero_prng a;
    struct aero_prng b;
    aero_prng_init(&a, 42);
    aero_prng_init(&b, 42);
    for (uint32_t attempt = 0; attempt < 20; attempt++) {
        assert_true(aero_backoff_delay_ns(&options, attempt, &a) ==
                    aero_backoff_delay_ns(&options, attempt, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_doubles_up_to_the_maximum_with_jitter_in_its_upper_half),
        cmocka_unit_test(test_delay_after_any_number_of_attempts_stays_bounded),
        cmocka_unit_test(test_delay_from_the_same_seed_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
