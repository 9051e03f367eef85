/* SPDX-License-Identifier: Apache-2.0 */
/* Images: bytes, sharing, and names. */
#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "base/prng.h"
#include "tests/simulation/sim_image.h"

/* Two groups of pages and a half: what is shared is shared at every level. */
#define FILE_BYTES (80U * AERO_SIM_PAGE_BYTES)
#define ROUNDS 400

static void fill(struct aero_sim_image *image, uint64_t offset, uint8_t byte, size_t length)
{
    uint8_t bytes[2 * AERO_SIM_PAGE_BYTES];
    assert_true(length <= sizeof bytes);
    memset(bytes, byte, length);
    aero_sim_image_write(image, offset, bytes, length);
}

static uint8_t byte_at(const struct aero_sim_image *image, uint64_t offset)
{
    uint8_t byte = 0;
    assert_int_equal(aero_sim_image_read(image, offset, &byte, 1), 1);
    return byte;
}

static bool have_one_name(const struct aero_sim_image *a, const struct aero_sim_image *b)
{
    return aero_u128_equal(aero_sim_image_name(a), aero_sim_image_name(b));
}

static void test_copy_keeps_what_it_was_when_either_changes(void **state)
{
    (void)state;
    struct aero_sim_image first = {0};
    struct aero_sim_image copy;
    fill(&first, 0, 'a', 100);
    fill(&first, FILE_BYTES, 'z', 100);
    aero_sim_image_copy(&copy, &first);
    assert_true(have_one_name(&first, &copy));
    fill(&first, 50, 'b', 10);
    assert_int_equal(byte_at(&first, 50), 'b');
    assert_int_equal(byte_at(&copy, 50), 'a');
    assert_false(have_one_name(&first, &copy));
    fill(&copy, FILE_BYTES, 'y', 1);
    assert_int_equal(byte_at(&first, FILE_BYTES), 'z');
    aero_sim_image_resize(&copy, 10);
    assert_int_equal(byte_at(&first, 60), 'a');
    aero_sim_image_deinit(&first);
    assert_int_equal(byte_at(&copy, 9), 'a');
    aero_sim_image_deinit(&copy);
}

static void test_what_was_cut_does_not_come_back(void **state)
{
    (void)state;
    struct aero_sim_image image = {0};
    fill(&image, 0, 'a', 2 * AERO_SIM_PAGE_BYTES);
    aero_sim_image_resize(&image, 5);
    aero_sim_image_resize(&image, FILE_BYTES);
    assert_int_equal(byte_at(&image, 4), 'a');
    assert_int_equal(byte_at(&image, 5), 0);
    assert_int_equal(byte_at(&image, AERO_SIM_PAGE_BYTES), 0);
    assert_int_equal(image.page_count, 1);
    assert_int_equal(aero_sim_image_pages_missing(&image, 0, 2 * AERO_SIM_PAGE_BYTES), 1);
    aero_sim_image_deinit(&image);
}

static void test_zeros_and_holes_have_one_name(void **state)
{
    (void)state;
    struct aero_sim_image written = {0};
    struct aero_sim_image sparse = {0};
    fill(&written, 0, 0, 2 * AERO_SIM_PAGE_BYTES);
    fill(&written, AERO_SIM_PAGE_BYTES + 7, 'x', 1);
    fill(&written, AERO_SIM_PAGE_BYTES + 7, 0, 1);
    aero_sim_image_resize(&sparse, 2 * AERO_SIM_PAGE_BYTES);
    assert_true(have_one_name(&written, &sparse));
    aero_sim_image_resize(&sparse, 2 * AERO_SIM_PAGE_BYTES + 1);
    assert_false(have_one_name(&written, &sparse));
    aero_sim_image_deinit(&written);
    aero_sim_image_deinit(&sparse);
}

static void test_name_tells_where_a_byte_stands(void **state)
{
    (void)state;
    const uint64_t places[] = {0, 1, AERO_SIM_PAGE_BYTES, 40U * AERO_SIM_PAGE_BYTES,
                               FILE_BYTES - 1};
    struct aero_sim_image images[5] = {{0}};
    for (size_t i = 0; i < 5; i++) {
        aero_sim_image_resize(&images[i], FILE_BYTES);
        fill(&images[i], places[i], 'x', 1);
        for (size_t k = 0; k < i; k++) {
            assert_false(have_one_name(&images[i], &images[k]));
        }
    }
    for (size_t i = 0; i < 5; i++) {
        aero_sim_image_deinit(&images[i]);
    }
}

static bool have_equal_bytes(const struct aero_sim_image *a, const struct aero_sim_image *b)
{
    static uint8_t bytes[2][FILE_BYTES];
    size_t length = aero_sim_image_read(a, 0, bytes[0], FILE_BYTES);
    return aero_sim_image_read(b, 0, bytes[1], FILE_BYTES) == length &&
           memcmp(bytes[0], bytes[1], length) == 0;
}

/* Among images that copy each other, grow, shrink and are written, names are equal exactly where the bytes are. */
static void test_names_follow_the_bytes(void **state)
{
    (void)state;
    struct aero_prng prng;
    struct aero_sim_image images[3] = {{0}};
    uint32_t equal = 0;
    aero_prng_init(&prng, 7);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct aero_sim_image *image = &images[aero_prng_below(&prng, 3)];
        struct aero_sim_image *other = &images[aero_prng_below(&prng, 3)];
        uint64_t offset = aero_prng_below(&prng, FILE_BYTES - AERO_SIM_PAGE_BYTES);
        switch (aero_prng_below(&prng, 4)) {
        case 0:
            if (image != other) {
                aero_sim_image_deinit(image);
                aero_sim_image_copy(image, other);
            }
            break;
        case 1:
            aero_sim_image_resize(image, offset);
            break;
        default:
            fill(image, offset, (uint8_t)aero_prng_below(&prng, 2),
                 (size_t)aero_prng_below(&prng, AERO_SIM_PAGE_BYTES));
        }
        for (int i = 0; i < 3; i++) {
            bool are_equal = have_equal_bytes(&images[i], &images[(i + 1) % 3]);
            assert_int_equal(have_one_name(&images[i], &images[(i + 1) % 3]), are_equal);
            equal += are_equal;
        }
    }
    assert_true(equal > 0 && equal < 3 * ROUNDS);
    for (int i = 0; i < 3; i++) {
        aero_sim_image_deinit(&images[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_keeps_what_it_was_when_either_changes),
        cmocka_unit_test(test_what_was_cut_does_not_come_back),
        cmocka_unit_test(test_zeros_and_holes_have_one_name),
        cmocka_unit_test(test_name_tells_where_a_byte_stands),
        cmocka_unit_test(test_names_follow_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
