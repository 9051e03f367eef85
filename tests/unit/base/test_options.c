/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"

static const struct aero_option options[] = {
    AERO_OPTIONS_DAEMON,
    {.name = "init", .help = "Create a new history."},
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

static const struct aero_program daemon_program = {
    .name = "aerodb-test",
    .summary = "Serve nothing, for a test, in a sentence that is long enough to be wrapped at the "
               "end of the line.",
    .more_help = "More help.\n",
    .options = options,
    .option_count = OPTION_COUNT,
};

static const struct aero_program tool_program = {
    .name = "tool",
    .summary = "Take operands.",
    .operands = "COMMAND",
    .options = options,
    .option_count = OPTION_COUNT,
};

static const struct aero_config_key keys[] = {
    {"data_dir", AERO_CONFIG_STRING, 0, "/data", NULL, NULL, NULL, "Data."},
    {"port", AERO_CONFIG_PORT, 0, "7000", NULL, NULL, NULL, "Port."},
    {"replication_port", AERO_CONFIG_PORT, 0, "7001", NULL, NULL, NULL, "Port."},
    {"certs_dir", AERO_CONFIG_STRING, 0, "/certs", NULL, NULL, NULL, "Certificates."},
};
static const struct aero_config_table table = {.keys = keys, .count = 4};

/* One run of the parser and what it printed. */
struct run {
    struct aero_options given;
    struct aero_config *config;
    bool goes_on;
    int exit_code;
    FILE *out;
    FILE *err;
    char *out_text;
    char *err_text;
    size_t out_length;
    size_t err_length;
    char *argv[160];
    int argc;
};

static void run_parse(struct run *run, const struct aero_program *program,
                      const char *const *arguments)
{
    *run = (struct run){.exit_code = -1};
    run->out = open_memstream(&run->out_text, &run->out_length);
    run->err = open_memstream(&run->err_text, &run->err_length);
    run->argv[run->argc++] = strdup(program->name);
    for (; *arguments != NULL; arguments++) {
        run->argv[run->argc++] = strdup(*arguments);
    }
    run->goes_on = aero_options_parse(program, run->argc, run->argv, run->out, run->err,
                                      &run->given, &run->exit_code);
    fflush(run->err);
    fflush(run->out);
}

static void run_configure(struct run *run, const char *const *arguments)
{
    run_parse(run, &daemon_program, arguments);
    assert_true(run->goes_on);
    run->goes_on = aero_options_configure(&run->given, &table, run->out, run->err, &run->config,
                                          &run->exit_code);
    fflush(run->err);
    fflush(run->out);
}

static void end_run(struct run *run)
{
    fclose(run->out);
    fclose(run->err);
    free(run->out_text);
    free(run->err_text);
    for (int i = 0; i < run->argc; i++) {
        free(run->argv[i]);
    }
    aero_config_free(run->config);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_configure_applies_short_forms_and_sets_in_order(void **state)
{
    (void)state;
    struct run run;
    run_configure(&run, ARGUMENTS("--data", "/d", "--set", "port=1", "--port=2", "--init", "--set",
                                  "replication_port=9", "--certs", "/c=c"));
    assert_true(run.goes_on);
    assert_string_equal(aero_config_string(run.config, "data_dir"), "/d");
    assert_string_equal(aero_config_string(run.config, "certs_dir"), "/c=c");
    assert_int_equal(aero_config_port(run.config, "port"), 2);
    assert_int_equal(aero_config_port(run.config, "replication_port"), 9);
    assert_true(aero_options_has(&run.given, "init"));
    assert_false(aero_options_has(&run.given, "check-config"));
    assert_null(aero_options_value(&run.given, "config"));
    assert_string_equal(run.err_text, "");
    end_run(&run);
}

static void test_configure_lets_the_command_line_win_over_the_file(void **state)
{
    (void)state;
    struct run run;
    char path[] = "/tmp/aero_options_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs("port = 5\nreplication_port = 6\n", file);
    fclose(file);
    run_configure(&run, ARGUMENTS("--port", "7", "--config", path));
    assert_true(run.goes_on);
    assert_int_equal(aero_config_port(run.config, "port"), 7);
    assert_int_equal(aero_config_port(run.config, "replication_port"), 6);
    end_run(&run);
    remove(path);
}

/* History: SIGHUP read the pipe of `--config <(...)` again, found nothing in it, and so took the password away. */
static void test_reload_reads_a_pipe_no_second_time(void **state)
{
    (void)state;
    struct run run;
    struct aero_config *fresh = NULL;
    struct aero_config_error error;
    char path[32];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "port = 5\n", 9), 9);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    run_configure(&run, ARGUMENTS("--config", path));
    assert_true(run.goes_on);
    assert_int_equal(aero_config_port(run.config, "port"), 5);
    assert_int_equal(aero_options_reload(&run.given, &table, &fresh, &error).code, AERO_INVALID);
    assert_non_null(strstr(error.text, ": is a pipe, which cannot be read again"));
    close(ends[0]);
    assert_int_equal(aero_options_reload(&run.given, &table, &fresh, &error).code, AERO_NOT_FOUND);
    end_run(&run);
}

static void test_reload_reads_a_file_again(void **state)
{
    (void)state;
    struct run run;
    struct aero_config *fresh = NULL;
    struct aero_config_error error;
    char path[] = "/tmp/aero_options_XXXXXX";
    int fd = mkstemp(path);
    run_configure(&run, ARGUMENTS("--config", path));
    assert_true(run.goes_on);
    assert_int_equal(write(fd, "port = 6\n", 9), 9);
    close(fd);
    assert_true(aero_is_ok(aero_options_reload(&run.given, &table, &fresh, &error)));
    assert_int_equal(aero_config_port(fresh, "port"), 6);
    aero_config_free(fresh);
    end_run(&run);
    remove(path);
}

static void refuses_configuration(const char *const *arguments, const char *text)
{
    struct run run;
    run_configure(&run, arguments);
    assert_false(run.goes_on);
    assert_int_equal(run.exit_code, 2);
    assert_string_equal(run.err_text, text);
    end_run(&run);
}

static void test_configure_error_names_the_option(void **state)
{
    (void)state;
    refuses_configuration(ARGUMENTS("--port", "x"),
                          "aerodb-test: --port: port = x is not valid; allowed: a port, from 1 to "
                          "65535\n");
    refuses_configuration(ARGUMENTS("--set", "port"), "aerodb-test: --set: expected key=value\n");
    refuses_configuration(ARGUMENTS("--config", "/nonexistent/c"),
                          "aerodb-test: /nonexistent/c: cannot be read: No such file or "
                          "directory\n");
}

static void test_configure_prints_the_defaults_on_request(void **state)
{
    (void)state;
    struct run run;
    run_configure(&run, ARGUMENTS("--print-config"));
    assert_false(run.goes_on);
    assert_int_equal(run.exit_code, 0);
    assert_int_equal(strncmp(run.out_text, "# Configuration of aerodb-test ", 31), 0);
    assert_non_null(strstr(run.out_text, "#port = 7000\n"));
    end_run(&run);
}

static void refuses(const char *const *arguments, const char *first_line)
{
    struct run run;
    run_parse(&run, &daemon_program, arguments);
    assert_false(run.goes_on);
    assert_int_equal(run.exit_code, 2);
    const char *hint = strchr(run.err_text, '\n');
    assert_non_null(hint);
    assert_string_equal(hint, "\nTry 'aerodb-test --help' for more information.\n");
    run.err_text[hint - run.err_text] = '\0';
    assert_string_equal(run.err_text, first_line);
    assert_string_equal(run.out_text, "");
    end_run(&run);
}

static void test_parse_usage_error_names_the_culprit_and_exits_2(void **state)
{
    (void)state;
    refuses(ARGUMENTS("--prot", "1"), "aerodb-test: unknown option '--prot'");
    refuses(ARGUMENTS("--init", "-xy"), "aerodb-test: unknown option '-x'");
    refuses(ARGUMENTS("--init", "--data"), "aerodb-test: an argument is missing behind '--data'");
    refuses(ARGUMENTS("--init=yes"), "aerodb-test: no argument is allowed in '--init=yes'");
    refuses(ARGUMENTS("--p", "1"), "aerodb-test: ambiguous option '--p'");
    refuses(ARGUMENTS("--init", "file"), "aerodb-test: unexpected operand 'file'");
    refuses(ARGUMENTS("file", "--bogus"), "aerodb-test: unknown option '--bogus'");
}

static void test_parse_too_many_settings_is_refused(void **state)
{
    (void)state;
    const char *arguments[AERO_OPTIONS_SETTINGS_MAX + 2];
    for (size_t i = 0; i <= AERO_OPTIONS_SETTINGS_MAX; i++) {
        arguments[i] = "--port=1";
    }
    arguments[AERO_OPTIONS_SETTINGS_MAX + 1] = NULL;
    refuses(arguments, "aerodb-test: too many settings, from '1'");
}

static void test_parse_collects_operands_where_they_are_allowed(void **state)
{
    (void)state;
    struct run run;
    run_parse(&run, &tool_program, ARGUMENTS("status", "--init", "x", "--", "--data"));
    assert_true(run.goes_on);
    assert_int_equal(run.given.operand_count, 3);
    assert_string_equal(run.given.operands[0], "status");
    assert_string_equal(run.given.operands[1], "x");
    assert_string_equal(run.given.operands[2], "--data");
    end_run(&run);
}

static void test_help_shows_every_option_within_the_columns(void **state)
{
    (void)state;
    struct run run;
    run_parse(&run, &daemon_program, ARGUMENTS("--help", "--bogus"));
    assert_false(run.goes_on);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.err_text, "");
    assert_string_equal(
        run.out_text,
        "Usage: aerodb-test [OPTION]...\n"
        "Serve nothing, for a test, in a sentence that is long enough to be wrapped at\n"
        "the end of the line.\n"
        "\n"
        "      --config=FILE           Read configuration from FILE.\n"
        "      --set=KEY=VALUE         Set one configuration key, over what the file\n"
        "                              says. May be repeated; the last one wins.\n"
        "      --data=DIR              Directory of the data.\n"
        "      --port=N                TCP port for clients.\n"
        "      --certs=DIR             Directory of ca.crt, node.crt and node.key.\n"
        "      --check-config          Check the configuration and exit.\n"
        "      --print-config          Print a commented configuration file with all\n"
        "                              defaults and exit.\n"
        "      --init                  Create a new history.\n"
        "      --help                  Show this text and exit.\n"
        "      --version               Show the version and exit.\n"
        "\nMore help.\n");
    end_run(&run);
}

static void test_help_of_a_long_option_stands_on_a_line_of_its_own(void **state)
{
    (void)state;
    static const struct aero_option long_options[] = {
        {.name = "option-as-long-as-this", .help = "Fits no more."},
        {.name = "option-longer-by", .argument = "N", .help = "Just fits."},
    };
    struct aero_program program = daemon_program;
    struct run run;
    program.options = long_options;
    program.option_count = 2;
    run_parse(&run, &program, ARGUMENTS("--help"));
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out_text, "\n      --option-as-long-as-this\n"
                                         "                              Fits no more.\n"
                                         "      --option-longer-by=N    Just fits.\n"));
    end_run(&run);
}

static void test_version_names_program_and_version(void **state)
{
    (void)state;
    struct run run;
    run_parse(&run, &daemon_program, ARGUMENTS("--version"));
    assert_false(run.goes_on);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.out_text, "aerodb-test (AeroDB) " AERO_VERSION "\n");
    end_run(&run);
}

/* `aerodb-primary --help > /dev/full` must not look like success, wherever the stream notices. */
static void help_fails(int buffering)
{
    char name[] = "aerodb-test";
    char help[] = "--help";
    char *argv[] = {name, help, NULL};
    struct aero_options given;
    int exit_code = -1;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(setvbuf(full, NULL, buffering, BUFSIZ), 0);
    assert_false(aero_options_parse(&daemon_program, 2, argv, full, stderr, &given, &exit_code));
    assert_int_equal(exit_code, 1);
    fclose(full);
}

static void test_help_that_cannot_be_flushed_fails(void **state)
{
    (void)state;
    help_fails(_IOFBF);
}

static void test_help_that_cannot_be_written_fails(void **state)
{
    (void)state;
    help_fails(_IONBF); /* nothing is left to flush, and that succeeds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configure_applies_short_forms_and_sets_in_order),
        cmocka_unit_test(test_configure_lets_the_command_line_win_over_the_file),
        cmocka_unit_test(test_reload_reads_a_pipe_no_second_time),
        cmocka_unit_test(test_reload_reads_a_file_again),
        cmocka_unit_test(test_configure_error_names_the_option),
        cmocka_unit_test(test_configure_prints_the_defaults_on_request),
        cmocka_unit_test(test_parse_usage_error_names_the_culprit_and_exits_2),
        cmocka_unit_test(test_parse_too_many_settings_is_refused),
        cmocka_unit_test(test_parse_collects_operands_where_they_are_allowed),
        cmocka_unit_test(test_help_shows_every_option_within_the_columns),
        cmocka_unit_test(test_help_of_a_long_option_stands_on_a_line_of_its_own),
        cmocka_unit_test(test_version_names_program_and_version),
        cmocka_unit_test(test_help_that_cannot_be_flushed_fails),
        cmocka_unit_test(test_help_that_cannot_be_written_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
