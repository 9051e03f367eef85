/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "base/text_wrap.h"

static void expect_wrapped(size_t column, const char *text, const char *expected)
{
    char *wrapped = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&wrapped, &length);
    assert_non_null(out);
    aero_text_wrap(out, column, "# ", text);
    fclose(out);
    assert_string_equal(wrapped, expected);
    free(wrapped);
}

static void test_wrap_puts_one_blank_between_words_and_none_around_them(void **state)
{
    (void)state;
    expect_wrapped(0, "", "\n");
    expect_wrapped(0, "  ", "\n");
    expect_wrapped(0, "  one   two  ", "one two\n");
}

static void test_wrap_fills_the_last_column_and_indents_what_is_too_long(void **state)
{
    (void)state;
    expect_wrapped(AERO_TEXT_COLUMNS - 7, "one two", "one two\n");
    expect_wrapped(AERO_TEXT_COLUMNS - 6, "one two", "one\n# two\n");
    expect_wrapped(AERO_TEXT_COLUMNS, "one", "one\n"); /* the first word stays in its line */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrap_puts_one_blank_between_words_and_none_around_them),
        cmocka_unit_test(test_wrap_fills_the_last_column_and_indents_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
