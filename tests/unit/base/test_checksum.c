/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/checksum.h"
#include "base/le.h"

/* Known answers of XXH3: files written today must verify under any later library. */
static void test_checksum_gives_the_published_values(void **state)
{
    (void)state;
    struct aero_u128 empty = aero_checksum128(aero_slice_text(""));
    assert_true(aero_checksum64(aero_slice_text("")) == 0x2d06800538d394c2U);
    assert_true(aero_checksum64(aero_slice_text("abc")) == 0x78af5f94892f3950U);
    assert_true(empty.low == 0x6001c324468d497fU);
    assert_true(empty.high == 0x99aa06d3014798d8U);
}

/* The state digest is a sum: what was added must come off again across the carry. */
static void test_u128_sum_carries_and_subtracts_exactly(void **state)
{
    (void)state;
    struct aero_u128 a = {.low = UINT64_MAX, .high = UINT64_MAX};
    struct aero_u128 b = {.low = 2, .high = 1};
    struct aero_u128 sum = aero_u128_add(a, b);
    assert_true(sum.low == 1);
    assert_true(sum.high == 1);
    assert_true(aero_u128_equal(aero_u128_subtract(sum, b), a));
    assert_true(aero_u128_equal(aero_u128_subtract(sum, a), b));
    assert_false(aero_u128_equal(sum, b));
}

static void test_little_endian_bytes_are_in_their_places(void **state)
{
    (void)state;
    uint8_t bytes[8];
    const uint8_t expected[8] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0xf1};
    aero_store_u64(bytes, 0xf123456789abcdefU);
    assert_memory_equal(bytes, expected, 8);
    assert_true(aero_load_u64(bytes) == 0xf123456789abcdefU);
    assert_int_equal(aero_load_u32(bytes + 4), 0xf1234567);
    assert_int_equal(aero_load_u16(bytes), 0xcdef);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checksum_gives_the_published_values),
        cmocka_unit_test(test_u128_sum_carries_and_subtracts_exactly),
        cmocka_unit_test(test_little_endian_bytes_are_in_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
