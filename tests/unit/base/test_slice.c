/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/slice.h"

static void test_slice_compare_orders_bytes_unsigned_and_prefix_first(void **state)
{
    (void)state;
    assert_true(aero_slice_compare(aero_slice_text("a"), aero_slice_text("ab")) < 0);
    assert_true(aero_slice_compare(aero_slice_of("\xff", 1), aero_slice_of("\x01", 1)) > 0);
    assert_int_equal(aero_slice_compare(aero_slice_text(""), aero_slice_text("")), 0);
}

static void test_buffer_consume_keeps_the_rest(void **state)
{
    (void)state;
    struct aero_buffer buffer = {0};
    aero_buffer_append(&buffer, "abcdef", 6);
    aero_buffer_consume(&buffer, 2);
    assert_true(aero_slice_equal(aero_buffer_slice(&buffer), aero_slice_text("cdef")));
    aero_buffer_deinit(&buffer);
}

/* NULL + 0 is undefined in C, and a message without fields has no bytes. */
static void test_buffer_reserve_of_nothing_is_a_place(void **state)
{
    (void)state;
    struct aero_buffer buffer = {0};
    assert_non_null(aero_buffer_reserve(&buffer, 0));
    assert_int_equal(buffer.length, 0);
    aero_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_compare_orders_bytes_unsigned_and_prefix_first),
        cmocka_unit_test(test_buffer_consume_keeps_the_rest),
        cmocka_unit_test(test_buffer_reserve_of_nothing_is_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
