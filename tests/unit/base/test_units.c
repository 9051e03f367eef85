/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>
#include <string.h>

#include "base/ports.h"
#include "base/status.h"
#include "base/units.h"

static void test_id_parse_takes_back_what_format_wrote(void **state)
{
    (void)state;
    aero_id id = {{0x00, 0x1f, 0xa0, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xfe}};
    aero_id back = {{0}};
    char text[AERO_ID_TEXT_BYTES];
    aero_id_format(id, text);
    assert_string_equal(text, "001fa0ff0405060708090a0b0c0d0efe");
    assert_true(aero_id_parse(text, &back));
    assert_true(aero_id_equal(id, back));
}

static void test_id_parse_refuses_other_text_and_leaves_the_output(void **state)
{
    (void)state;
    aero_id id = {{7}};
    assert_false(aero_id_parse("", &id));
    assert_false(aero_id_parse("001fa0ff0405060708090a0b0c0d0ef", &id));
    assert_false(aero_id_parse("001fa0ff0405060708090a0b0c0d0efe0", &id));
    assert_false(aero_id_parse("001fa0ff0405060708090a0b0c0d0efg", &id));
    assert_false(aero_id_parse("001FA0FF0405060708090A0B0C0D0EFE", &id));
    assert_false(aero_id_parse("001fa0ff0405060708090a0b0c0d0ef-", &id));
    assert_false(aero_id_parse("001fa0ff0405060708090a0b0c0d0e-e", &id));
    assert_int_equal(id.bytes[0], 7);
}

static void test_entropy_gives_distinct_ids_that_are_not_none(void **state)
{
    (void)state;
    struct aero_entropy entropy = aero_entropy_posix();
    aero_id a = entropy.id(entropy.self);
    aero_id b = entropy.id(entropy.self);
    assert_false(aero_id_is_none(a));
    assert_false(aero_id_equal(a, b));
    assert_true(aero_id_is_none((aero_id){{0}}));
}

static void test_clock_runs_forward_and_knows_the_century(void **state)
{
    (void)state;
    struct aero_clock clock = aero_clock_posix();
    uint64_t before = clock.mono(clock.self).value;
    assert_true(clock.mono(clock.self).value >= before);
    assert_true(clock.wall(clock.self).value > 1700000000000U);
}

/* Which errno resumes through a new segment and which closes the WAL hangs on this table (decision 22). */
static void test_error_errno_sorts_the_failures_of_a_disk(void **state)
{
    (void)state;
    const struct {
        int sys_errno;
        enum aero_code code;
    } cases[] = {
        {ENOSPC, AERO_NO_SPACE},  {EDQUOT, AERO_NO_SPACE},
        {EFBIG, AERO_NO_SPACE},   {EACCES, AERO_PERMISSION},
        {EPERM, AERO_PERMISSION}, {EROFS, AERO_PERMISSION},
        {ENOENT, AERO_NOT_FOUND}, {EEXIST, AERO_EXISTS},
        {EBUSY, AERO_BUSY},       {EIO, AERO_IO},
        {EINVAL, AERO_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        aero_status status = aero_error_errno(cases[i].sys_errno);
        assert_int_equal(status.code, cases[i].code);
        assert_int_equal(status.sys_errno, cases[i].sys_errno);
        assert_false(aero_is_ok(status));
    }
}

/* FM-6.2c: with its own name, also where the code covers several. */
static void test_error_format_gives_the_name(void **state)
{
    (void)state;
    static const struct {
        aero_status status;
        const char *text;
    } cases[] = {
        {{AERO_PERMISSION, EROFS}, "permission denied (EROFS)"},
        {{AERO_NO_SPACE, EDQUOT}, "no space left (EDQUOT)"},
        {{AERO_IO, EIO}, "input/output error (EIO)"},
        {{AERO_IO, ENOMEM}, "Cannot allocate memory (ENOMEM)"},
        {{AERO_CORRUPT, 0}, "corrupt bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[AERO_ERROR_TEXT_BYTES];
        aero_error_format(cases[i].status, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_every_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int a = AERO_OK; a <= AERO_CRASHED; a++) {
        assert_string_not_equal(aero_code_text((enum aero_code)a), "unknown");
        for (int b = AERO_OK; b < a; b++) {
            assert_string_not_equal(aero_code_text((enum aero_code)a),
                                    aero_code_text((enum aero_code)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_parse_takes_back_what_format_wrote),
        cmocka_unit_test(test_id_parse_refuses_other_text_and_leaves_the_output),
        cmocka_unit_test(test_entropy_gives_distinct_ids_that_are_not_none),
        cmocka_unit_test(test_clock_runs_forward_and_knows_the_century),
        cmocka_unit_test(test_error_errno_sorts_the_failures_of_a_disk),
        cmocka_unit_test(test_error_format_gives_the_name),
        cmocka_unit_test(test_every_code_has_a_text_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
