/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, patterns and words as Redis reads them. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "server/text.h"
#include "tests/unit/under_valgrind.h"

/* A text with its length: some have a NUL inside. */
#define TEXT(literal) aero_slice_of(literal, sizeof(literal) - 1)

static void test_integer_is_taken_only_as_it_would_be_printed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-1", -1},
        {"10", 10},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {
        "",
        "-",
        "-0",
        "+1",
        "01",
        "-01",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "--1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
    };
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(aero_parse_i64(aero_slice_text(good[i].text), &value));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 42;
        if (aero_parse_i64(aero_slice_text(bad[i]), &value)) {
            fail_msg("\"%s\" was taken as %lld", bad[i], (long long)value);
        }
        assert_int_equal(value, 42);
    }
    uint64_t unsigned_value;
    assert_true(aero_parse_u64(TEXT("18446744073709551615"), &unsigned_value));
    assert_int_equal(unsigned_value, UINT64_MAX);
}

static void test_float_is_taken_with_nothing_around_it(void **state)
{
    (void)state;
    skip_under_valgrind();
    static const char *const good[] = {"1",     "-1.5", "+3",   "1e3",    ".5",     "5.",
                                       "0x1p3", "inf",  "-INF", "1e4000", "1e-4940"};
    static const struct {
        const char *data;
        size_t length;
    } bad[] = {
        {"", 0},
        {" 1", 2},
        {"\t1", 2},
        {"\r1", 2},
        {"1 ", 2},
        {"1\0", 2},
        {"x", 1},
        {"1x", 2},
        {"nan", 3},
        {"-nan", 4},
        {"1e5000", 6},
        {"-1e5000", 7},
        {"\x0e"
         "1",
         2},
        {"--1", 3},
        {"1e-5000", 7},
        {"-1e-5000", 8},
        {"\x08"
         "1",
         2},
    };
    long double value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(aero_parse_long_double(aero_slice_text(good[i]), &value));
        assert_true(value == strtold(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        value = 42;
        assert_false(aero_parse_long_double(aero_slice_of(bad[i].data, bad[i].length), &value));
        assert_true(value == 42);
    }
}

/* As long as the longest number that we print, and not longer. */
static void test_float_of_many_digits_is_taken_up_to_the_limit(void **state)
{
    (void)state;
    char digits[AERO_LONG_DOUBLE_TEXT];
    long double value;
    memset(digits, '0', sizeof digits);
    digits[1] = '.';
    digits[2] = '5';
    assert_true(aero_parse_long_double(aero_slice_of(digits, sizeof digits - 1), &value));
    assert_true(value == 0.5L);
    assert_false(aero_parse_long_double(aero_slice_of(digits, sizeof digits), &value));
}

static void test_float_is_printed_without_what_says_nothing(void **state)
{
    (void)state;
    static const struct {
        long double value;
        const char *text;
    } cases[] = {
        {0, "0"},        {-0.0L, "0"},
        {-1e-20L, "0"}, /* too small for 17 digits, and Redis prints no "-0" */
        {-1, "-1"},      {10, "10"},
        {100, "100"},    {-0.5L, "-0.5"},
        {3.25L, "3.25"}, {1e17L, "100000000000000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[AERO_LONG_DOUBLE_TEXT];
        size_t length = aero_format_long_double(cases[i].value, text);
        assert_int_equal(length, strlen(cases[i].text));
        assert_memory_equal(text, cases[i].text, length);
    }
}

static void test_glob_matches_as_in_redis(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
        bool ignore_case;
    } cases[] = {
        {"", "", true, false},
        {"", "a", false, false},
        {"*", "", true, false},
        {"a*b*c", "axxbxbc", true, false},
        {"a*b*c", "axxbxb", false, false},
        {"?", "", false, false},
        {"a?", "ab", true, false},
        {"[abc]", "b", true, false},
        {"[a-c]", "b", true, false},
        {"[a-c]", "d", false, false},
        {"[c-a]", "b", true, false}, /* turned round */
        {"[^a-c]", "d", true, false},
        {"[^a-c]", "b", false, false},
        {"[^", "x", true, false}, /* an open class ends with the pattern */
        {"[", "x", false, false},
        {"[a", "a", true, false},
        {"[a-", "a", true, false},
        {"[a-", "-", true, false}, /* no range: its end is missing */
        {"[\\]]", "]", true, false},
        {"[\\-x]", "-", true, false},
        {"[\\", "\\", true, false}, /* the last byte stands for itself */
        {"\\*", "*", true, false},
        {"\\*", "x", false, false},
        {"a\\", "a\\", true, false},
        {"A?C", "abc", true, true},
        {"abC", "ABc", true, true},
        {"abC", "ABc", false, false},
        {"[A-C]x", "bX", true, true},
        {"[A-C]x", "dX", false, true},
        {"[a-c]", "B", false, false},
        {"[a-c]", "B", true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (aero_glob_match(aero_slice_text(cases[i].pattern), aero_slice_text(cases[i].text),
                            cases[i].ignore_case) != cases[i].matches) {
            fail_msg("\"%s\" with \"%s\"", cases[i].pattern, cases[i].text);
        }
    }
}

static void test_literal_prefix_ends_before_the_first_special_byte(void **state)
{
    (void)state;
    assert_int_equal(aero_glob_literal_prefix(TEXT("")), 0);
    assert_int_equal(aero_glob_literal_prefix(TEXT("user:1")), 6);
    assert_int_equal(aero_glob_literal_prefix(TEXT("user:*")), 5);
    assert_int_equal(aero_glob_literal_prefix(TEXT("u?er")), 1);
    assert_int_equal(aero_glob_literal_prefix(TEXT("us[e]r")), 2);
    assert_int_equal(aero_glob_literal_prefix(TEXT("use\\r")), 3);
}

static void test_words_are_compared_without_case(void **state)
{
    (void)state;
    assert_true(aero_text_is(TEXT("KeepTTL"), "keepttl"));
    assert_false(aero_text_is(TEXT("keep"), "keepttl"));
    assert_false(aero_text_is(TEXT("keepttls"), "keepttl"));
    assert_false(aero_text_is(TEXT("keep\0tt"), "keepttl"));
    char lower[8];
    assert_true(aero_text_lower(TEXT("A-[Z]9@"), lower, sizeof lower));
    assert_string_equal(lower, "a-[z]9@");
    assert_false(aero_text_lower(TEXT("12345678"), lower, sizeof lower));
    char word[] = "az`{-AZ";
    assert_string_equal(aero_text_upper(word), "AZ`{-AZ");
}

static void test_copy_is_cut_and_has_its_end(void **state)
{
    (void)state;
    char copy[4];
    aero_text_copy(copy, sizeof copy, "abcdef");
    assert_string_equal(copy, "abc");
    aero_text_copy(copy, sizeof copy, "a");
    assert_string_equal(copy, "a");
    aero_text_copy(copy, sizeof copy, NULL);
    assert_string_equal(copy, "");
}

static void test_plain_text_has_neither_blank_nor_control(void **state)
{
    (void)state;
    assert_true(aero_text_is_plain(TEXT("")));
    assert_true(aero_text_is_plain(TEXT("!name~")));
    assert_false(aero_text_is_plain(TEXT("a b")));
    assert_false(aero_text_is_plain(TEXT("a\n")));
    assert_false(aero_text_is_plain(TEXT("a\x7f")));
    assert_false(aero_text_is_plain(TEXT("\xc3\xa4")));
}

static void test_secret_is_equal_only_to_itself(void **state)
{
    (void)state;
    assert_true(aero_secret_equal(TEXT("secret"), TEXT("secret")));
    assert_false(aero_secret_equal(TEXT("Secret"), TEXT("secret")));
    assert_false(aero_secret_equal(TEXT("secretsecret"), TEXT("secret")));
    assert_false(aero_secret_equal(TEXT("secre"), TEXT("secret")));
    assert_false(aero_secret_equal(TEXT(""), TEXT("secret")));
    assert_true(aero_secret_equal(TEXT(""), TEXT("")));
    assert_false(aero_secret_equal(TEXT("\0"), TEXT("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integer_is_taken_only_as_it_would_be_printed),
        cmocka_unit_test(test_float_is_taken_with_nothing_around_it),
        cmocka_unit_test(test_float_of_many_digits_is_taken_up_to_the_limit),
        cmocka_unit_test(test_float_is_printed_without_what_says_nothing),
        cmocka_unit_test(test_glob_matches_as_in_redis),
        cmocka_unit_test(test_literal_prefix_ends_before_the_first_special_byte),
        cmocka_unit_test(test_words_are_compared_without_case),
        cmocka_unit_test(test_copy_is_cut_and_has_its_end),
        cmocka_unit_test(test_plain_text_has_neither_blank_nor_control),
        cmocka_unit_test(test_secret_is_equal_only_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
