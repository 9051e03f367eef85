/* SPDX-License-Identifier: Apache-2.0 */
/* Which command is meant, what is said when none is, and how its words and bytes are shown. */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>

#include "ctl/json.h"
#include "tests/unit/ctl/ctl_bench.h"

static void test_what_is_no_command_is_named(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        const char *words[3];
        const char *said;
    } cases[] = {
        {{NULL}, "aeroctl: a command is missing\nTry 'aeroctl --help'"},
        {{"fnord"}, "unknown command 'fnord'\nTry 'aeroctl --help'"},
        {{"wal", "fnord"},
         "unknown command 'wal fnord', but there is:\n"
         "  wal dump       Print the records of a log.\nTry 'aeroctl --help'"},
        {{"help", "certs", "fnord"}, "unknown command 'certs fnord', but there is:\n  certs init "},
        {{"wal"},
         "aeroctl: a subcommand is missing behind 'wal':\n"
         "  wal dump       Print the records of a log.\nTry 'aeroctl --help'"},
        {{"certs"}, "\n  certs show     Show certificates"},
        {{"help", "fnord"}, "unknown command 'fnord'\n"},
        {{"help", "cat"}, "unknown command 'cat'\n"}, /* as long as "wal" */
        {{"walx", "dump"}, "unknown command 'walx dump'\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ctl_bench_run(bench, cases[i].words), AERO_EXIT_USAGE);
        assert_string_equal(bench->out, "");
        EXPECT_ERR(bench, cases[i].said);
    }
}

static void test_help_alone_is_the_list_of_commands(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "--help"), AERO_EXIT_OK);
    char *expected = strdup(bench->out);
    assert_non_null(strstr(expected, "certs show"));
    assert_int_equal(CTL_RUN(bench, "help"), AERO_EXIT_OK);
    assert_string_equal(bench->out, expected);
    free(expected);
    assert_int_equal(CTL_RUN(bench, "help", "certs"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "certs init");
    assert_null(strstr(bench->out, "wal dump"));
}

/* The system's words where it has some, else those of the code. */
static void test_a_status_is_always_said_in_words(void **state)
{
    (void)state;
    assert_string_equal(aero_ctl_status_text(aero_error_errno(ENOTDIR)), "Not a directory");
    assert_string_equal(aero_ctl_status_text(aero_error(AERO_CORRUPT)),
                        aero_code_text(AERO_CORRUPT));
    assert_string_equal(aero_ctl_status_text(aero_error_errno(9999)), aero_code_text(AERO_IO));
}

/* Keys and values are of any bytes: none of them reaches a terminal as it is, and no two look the same. */
static void test_bytes_are_shown_without_ambiguity(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    aero_ctl_print_bytes(out, aero_slice_of("\x00\x1f ~\x7f\x80\xff\\x", 9));
    fclose(out);
    assert_string_equal(text, "\\x00\\x1f ~\\x7f\\x80\\xff\\x5cx");
    free(text);
    struct json_object *object = json_object_new_object();
    aero_ctl_json_bytes(object, "key", aero_slice_of("a\x1b\\", 3));
    assert_string_equal(json_object_get_string(json_object_object_get(object, "key")),
                        "a\\x1b\\x5c");
    json_object_put(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_what_is_no_command_is_named),
        CTL_TEST(test_help_alone_is_the_list_of_commands),
        cmocka_unit_test(test_a_status_is_always_said_in_words),
        cmocka_unit_test(test_bytes_are_shown_without_ambiguity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
