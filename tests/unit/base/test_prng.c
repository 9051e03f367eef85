/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/prng.h"

/* A seed in a bug report must replay for ever: these numbers come from another implementation. */
static void test_next_gives_the_numbers_of_xoshiro256starstar(void **state)
{
    (void)state;
    struct aero_prng prng;
    aero_prng_init(&prng, 42);
    assert_true(aero_prng_next(&prng) == 0x15780b2e0c2ec716U);
    assert_true(aero_prng_next(&prng) == 0x6104d9866d113a7eU);
    assert_true(aero_prng_next(&prng) == 0xae17533239e499a1U);
}

static void test_below_stays_below_and_reaches_every_value(void **state)
{
    (void)state;
    struct aero_prng prng;
    unsigned seen = 0;
    aero_prng_init(&prng, 1);
    for (int i = 0; i < 1000; i++) {
        uint64_t value = aero_prng_below(&prng, 10);
        assert_true(value < 10);
        seen |= 1U << value;
    }
    assert_int_equal(seen, 0x3ff);
    assert_int_equal(aero_prng_below(&prng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_gives_the_numbers_of_xoshiro256starstar),
        cmocka_unit_test(test_below_stays_below_and_reaches_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
