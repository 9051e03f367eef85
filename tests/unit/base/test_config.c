/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/config_text.h"

static const char *const formats[] = {"text", "json", NULL};

static const struct aero_config_key keys[] = {
    {.name = "data_dir",
     .type = AERO_CONFIG_STRING,
     .default_text = "/var/lib/aerodb",
     .help = "Directory of the data."},
    {.name = "port",
     .type = AERO_CONFIG_PORT,
     .default_text = "7000",
     .help = "TCP port for clients."},
    {.name = "http_port",
     .type = AERO_CONFIG_PORT,
     .min_text = "0",
     .default_text = "0",
     .help = "TCP port for metrics; 0 is none."},
    {.name = "segment_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "64mb",
     .min_text = "1mb",
     .max_text = "1gb",
     .help = "Size of a WAL segment."},
    {.name = "idle_timeout",
     .type = AERO_CONFIG_DURATION,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "5m",
     .min_text = "1s",
     .help = "How long a client may stay silent before its connection is closed; this help is "
             "long enough to be wrapped into a second line of the file."},
    {.name = "clients_max",
     .type = AERO_CONFIG_INTEGER,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "10000",
     .max_text = "100000",
     .help = "Clients at a time."},
    {.name = "log_format",
     .type = AERO_CONFIG_CHOICE,
     .choices = formats,
     .default_text = "text",
     .help = "Format of log lines."},
    {.name = "group_commit",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Sync several commits at once."},
    {.name = "password",
     .type = AERO_CONFIG_STRING,
     .flags = AERO_CONFIG_RELOADABLE | AERO_CONFIG_SECRET,
     .default_text = "",
     .help = "Password of the default user."},
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])
static const struct aero_config_table table = {.keys = keys, .count = KEY_COUNT};

static void set_accepts(struct aero_config *config, const char *name, const char *value)
{
    struct aero_config_error error = {{0}};
    assert_true(aero_is_ok(aero_config_set(config, "--set", name, value, &error)));
    assert_string_equal(error.text, "");
}

static void set_refuses(struct aero_config *config, const char *name, const char *value,
                        const char *text)
{
    struct aero_config_error error;
    assert_int_equal(aero_config_set(config, "--set", name, value, &error).code, AERO_INVALID);
    assert_string_equal(error.text, text);
}

static void test_new_holds_the_defaults(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    assert_string_equal(aero_config_string(config, "data_dir"), "/var/lib/aerodb");
    assert_int_equal(aero_config_port(config, "port"), 7000);
    assert_int_equal(aero_config_port(config, "http_port"), 0);
    assert_int_equal(aero_config_bytes(config, "segment_bytes"), 64 << 20);
    assert_int_equal(aero_config_duration_ns(config, "idle_timeout"), 300 * 1000000000ULL);
    assert_int_equal(aero_config_integer(config, "clients_max"), 10000);
    assert_int_equal(aero_config_choice(config, "log_format"), 0);
    assert_true(aero_config_bool(config, "group_commit"));
    assert_false(aero_config_is_set(config, "port"));
    aero_config_free(config);
}

static void test_set_reads_units_and_names_in_any_case(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    set_accepts(config, "segment_bytes", "2 MiB");
    assert_int_equal(aero_config_bytes(config, "segment_bytes"), 2 << 20);
    set_accepts(config, "segment_bytes", "1048576");
    assert_int_equal(aero_config_bytes(config, "segment_bytes"), 1 << 20);
    set_accepts(config, "idle_timeout", "1500ms");
    assert_int_equal(aero_config_duration_ns(config, "idle_timeout"), 1500000000);
    set_accepts(config, "log_format", "JSON");
    assert_int_equal(aero_config_choice(config, "log_format"), 1);
    set_accepts(config, "group_commit", "Off");
    assert_false(aero_config_bool(config, "group_commit"));
    assert_true(aero_config_is_set(config, "group_commit"));
    aero_config_free(config);
}

static void test_set_takes_the_bounds_themselves(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    set_accepts(config, "port", "65535");
    set_accepts(config, "port", "1");
    set_accepts(config, "segment_bytes", "1gb");
    set_accepts(config, "segment_bytes", "1024kb");
    set_accepts(config, "clients_max", "100000");
    assert_int_equal(aero_config_integer(config, "clients_max"), 100000);
    aero_config_free(config);
}

static void test_set_refuses_and_says_what_is_allowed(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    set_refuses(config, "port", "65536",
                "--set: port = 65536 is out of range; allowed: a port, from 1 to 65535");
    set_refuses(config, "port", "0",
                "--set: port = 0 is out of range; allowed: a port, from 1 to 65535");
    set_refuses(config, "port", "-1",
                "--set: port = -1 is not valid; allowed: a port, from 1 to 65535");
    set_refuses(config, "segment_bytes", "1048575",
                "--set: segment_bytes = 1048575 is out of range; allowed: a size such as "
                "512kb, 64mb or 1gb, from 1mb to 1gb");
    set_refuses(config, "idle_timeout", "10",
                "--set: idle_timeout = 10 is not valid; allowed: a duration such as 250ms, 10s "
                "or 1h, at least 1s");
    set_refuses(config, "clients_max", "100001",
                "--set: clients_max = 100001 is out of range; allowed: a whole number, at most "
                "100000");
    set_refuses(config, "log_format", "xml",
                "--set: log_format = xml is not valid; allowed: one of text, json");
    set_refuses(config, "group_commit", "maybe",
                "--set: group_commit = maybe is not valid; allowed: yes or no");
    set_refuses(config, "data_dir", "a\nb\xff",
                "--set: data_dir = a?b? is not valid; allowed: text without control "
                "characters");
    set_refuses(config, "data_dir", "a\x7f",
                "--set: data_dir = a? is not valid; allowed: text without control characters");
    assert_int_equal(aero_config_port(config, "port"), 7000);
    assert_false(aero_config_is_set(config, "port"));
    aero_config_free(config);
}

static void test_set_unknown_key_suggests_the_nearest(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    char long_name[200];
    memset(long_name, 'p', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    set_refuses(config, "prot", "1", "--set: unknown key 'prot'; did you mean 'port'?");
    set_refuses(config, "segment_byte", "1",
                "--set: unknown key 'segment_byte'; did you mean 'segment_bytes'?");
    set_refuses(config, "colour", "1", "--set: unknown key 'colour'");
    set_refuses(config, "", "1", "--set: unknown key ''");
    /* Two slips in two letters leave nothing of the word. */
    set_refuses(config, "pt", "1", "--set: unknown key 'pt'");
    struct aero_config_error error;
    assert_int_equal(aero_config_set(config, "--set", long_name, "1", &error).code, AERO_INVALID);
    assert_non_null(strstr(error.text, "ppp...'"));
    aero_config_free(config);
}

static void test_set_refuses_more_bytes_than_a_line_of_the_file_holds(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    char value[AERO_CONFIG_LINE_MAX_BYTES + 2];
    memset(value, 'x', sizeof value);
    value[AERO_CONFIG_LINE_MAX_BYTES + 1] = '\0';
    assert_int_equal(aero_config_set(config, "--set", "data_dir", value, &error).code,
                     AERO_INVALID);
    assert_non_null(strstr(error.text, "xxx... is too long; allowed: text"));
    value[AERO_CONFIG_LINE_MAX_BYTES] = '\0';
    set_accepts(config, "data_dir", value);
    aero_config_free(config);
}

static void test_set_pair_splits_at_the_first_equals(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    assert_true(aero_is_ok(aero_config_set_pair(config, "--set", "data_dir=/a=b", &error)));
    assert_string_equal(aero_config_string(config, "data_dir"), "/a=b");
    assert_int_equal(aero_config_set_pair(config, "--set", "data_dir", &error).code, AERO_INVALID);
    assert_string_equal(error.text, "--set: expected key=value");
    aero_config_free(config);
}

static void test_secrets_never_appear(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    size_t index = aero_config_find(&table, "password");
    assert_string_equal(aero_config_shown(config, index), "");
    set_accepts(config, "password", "hunter2");
    assert_string_equal(aero_config_shown(config, index), "(hidden)");
    assert_string_equal(aero_config_string(config, "password"), "hunter2");
    assert_false(aero_is_ok(aero_config_set(config, "--set", "password", "hunter\t2", &error)));
    assert_null(strstr(error.text, "hunter"));
    struct aero_slice file = aero_slice_text("password = hunter2 # the usual\n");
    assert_false(aero_is_ok(aero_config_parse(config, "f", file, &error)));
    assert_null(strstr(error.text, "hunter"));
    aero_config_free(config);
}

static aero_status parse(struct aero_config *config, const char *text,
                         struct aero_config_error *out_error)
{
    return aero_config_parse(config, "p.conf", aero_slice_text(text), out_error);
}

static void test_parse_takes_comments_blanks_and_crlf(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error = {{0}};
    assert_true(aero_is_ok(parse(config,
                                 "# a comment = 1\r\n; another\n\n  port=7001  \r\n"
                                 "\tdata_dir = /a b/#c;d\npassword =\nsegment_bytes = 2mb",
                                 &error)));
    assert_int_equal(aero_config_port(config, "port"), 7001);
    assert_string_equal(aero_config_string(config, "data_dir"), "/a b/#c;d");
    assert_string_equal(aero_config_string(config, "password"), "");
    assert_int_equal(aero_config_bytes(config, "segment_bytes"), 2 << 20);
    aero_config_free(config);
}

static void expect_parse_error(const char *text, const char *expected)
{
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error = {{0}};
    assert_int_equal(parse(config, text, &error).code, AERO_INVALID);
    assert_string_equal(error.text, expected);
    aero_config_free(config);
}

static void test_parse_error_names_file_line_key_and_value(void **state)
{
    (void)state;
    expect_parse_error("\n# x\nport = http\nprot = 1\n",
                       "p.conf:3: port = http is not valid; allowed: a port, from 1 to 65535");
    expect_parse_error("port = 1\nport = 1\n", "p.conf:2: port is already set on line 1");
    expect_parse_error("port = 1\njust words\nport = 99999\n", "p.conf:2: expected key = value");
    expect_parse_error("port = 1 # clients\n", "p.conf:1: a comment needs a line of its own");
    expect_parse_error("port = 1 ; clients\n", "p.conf:1: a comment needs a line of its own");
    expect_parse_error("port = 1\n\n[primary]\n",
                       "p.conf:3: there are no sections; expected key = value");
    expect_parse_error("data_dir = /a\x01\n", "p.conf:1: the line holds a control character");
    expect_parse_error("data_dir = /a\x7f\n", "p.conf:1: the line holds a control character");
    /* A tab is a blank, and blanks stand around a value, not in it. */
    expect_parse_error("data_dir = /a\tb\n",
                       "p.conf:1: data_dir = /a?b is not valid; allowed: text without control "
                       "characters");
    expect_parse_error("data_dir = /a\n  /b = c\n", "p.conf:2: unknown key '/b'");
    expect_parse_error("port = 1\njust words\n", "p.conf:2: expected key = value");
}

static void test_parse_nul_byte_is_refused(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    struct aero_slice text = aero_slice_of("port = 1\0x\n", 11);
    assert_int_equal(aero_config_parse(config, "p", text, &error).code, AERO_INVALID);
    assert_string_equal(error.text, "p:1: the line holds a control character");
    aero_config_free(config);
}

/* inih as Debian builds it would silently split a line at 200 bytes. */
static void test_parse_line_length_is_bounded_and_whole(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error = {{0}};
    char text[AERO_CONFIG_LINE_MAX_BYTES + 3];
    memset(text, 'x', sizeof text);
    memcpy(text, "data_dir=", 9);
    text[AERO_CONFIG_LINE_MAX_BYTES] = '\n';
    text[AERO_CONFIG_LINE_MAX_BYTES + 1] = '\0';
    assert_true(aero_is_ok(parse(config, text, &error)));
    assert_int_equal(strlen(aero_config_string(config, "data_dir")),
                     AERO_CONFIG_LINE_MAX_BYTES - 9);
    memcpy(text + AERO_CONFIG_LINE_MAX_BYTES, "x\n", 3);
    assert_int_equal(parse(config, text, &error).code, AERO_INVALID);
    assert_string_equal(error.text, "p.conf:1: the line is too long");
    aero_config_free(config);
}

static void test_load_file_reads_it_or_says_why_not(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error = {{0}};
    char path[] = "/tmp/aero_config_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "port = 7001\n", 12), 12);
    assert_true(aero_is_ok(aero_config_load_file(config, path, &error)));
    assert_int_equal(aero_config_port(config, "port"), 7001);
    assert_int_equal(ftruncate(fd, AERO_CONFIG_FILE_MAX_BYTES + 1), 0);
    assert_int_equal(aero_config_load_file(config, path, &error).code, AERO_LIMIT);
    assert_non_null(strstr(error.text, "is longer than 1048576 bytes"));
    close(fd);
    unlink(path);
    assert_int_equal(aero_config_load_file(config, path, &error).code, AERO_NOT_FOUND);
    assert_non_null(strstr(error.text, ": cannot be read: No such file or directory"));
    assert_int_equal(aero_config_load_file(config, "/tmp", &error).sys_errno, EISDIR);
    assert_string_equal(error.text, "/tmp: cannot be read: Is a directory");
    aero_config_free(config);
}

static void test_copy_is_another_one_with_every_value(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    size_t changed[KEY_COUNT];
    set_accepts(config, "port", "7001");
    set_accepts(config, "password", "x");
    struct aero_config *copy = aero_config_copy(config);
    assert_int_equal(aero_config_diff(config, copy, changed), 0);
    assert_true(aero_config_is_set(copy, "port"));
    assert_false(aero_config_is_set(copy, "idle_timeout"));
    set_accepts(copy, "password", "y");
    assert_string_equal(aero_config_string(config, "password"), "x");
    aero_config_free(config);
    assert_string_equal(aero_config_string(copy, "password"), "y");
    aero_config_free(copy);
}

static void test_reload_tells_what_changed_and_adopts_what_may(void **state)
{
    (void)state;
    struct aero_config *running = aero_config_new(&table);
    struct aero_config *fresh = aero_config_new(&table);
    size_t changed[KEY_COUNT];
    set_accepts(fresh, "idle_timeout", "300s"); /* the default, said otherwise */
    assert_int_equal(aero_config_diff(running, fresh, changed), 0);
    set_accepts(fresh, "port", "7001");
    set_accepts(fresh, "idle_timeout", "10s");
    set_accepts(fresh, "password", "x");
    assert_int_equal(aero_config_diff(running, fresh, changed), 3);
    assert_string_equal(keys[changed[0]].name, "port");
    assert_string_equal(keys[changed[1]].name, "idle_timeout");
    assert_string_equal(keys[changed[2]].name, "password");
    aero_config_adopt(running, fresh);
    assert_int_equal(aero_config_port(running, "port"), 7000);
    assert_int_equal(aero_config_duration_ns(running, "idle_timeout"), 10000000000);
    assert_string_equal(aero_config_string(running, "password"), "x");
    assert_int_equal(aero_config_diff(running, fresh, changed), 1);
    aero_config_free(running);
    aero_config_free(fresh);
}

static void test_set_running_refuses_fixed_keys(void **state)
{
    (void)state;
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    assert_true(
        aero_is_ok(aero_config_set_running(config, "CONFIG SET", "clients_max", "5", &error)));
    assert_int_equal(aero_config_integer(config, "clients_max"), 5);
    assert_false(aero_is_ok(aero_config_set_running(config, "CONFIG SET", "port", "7001", &error)));
    assert_string_equal(error.text, "CONFIG SET: port cannot change while the daemon runs; set it "
                                    "in its configuration and restart");
    assert_false(aero_is_ok(aero_config_set_running(config, "CONFIG SET", "x", "1", &error)));
    assert_int_equal(aero_config_port(config, "port"), 7000);
    aero_config_free(config);
}

static char *printed_defaults(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    aero_config_print_commented(out, "Configuration of a test.", &table);
    fclose(out);
    return text;
}

static void test_print_commented_shows_every_key(void **state)
{
    (void)state;
    char *text = printed_defaults();
    assert_int_equal(strncmp(text, "# Configuration of a test.\n#", 28), 0);
    assert_non_null(strstr(text, "\n\n# Size of a WAL segment.\n"
                                 "# Allowed: a size such as 512kb, 64mb or 1gb, from 1mb to 1gb. "
                                 "Read at the\n# start only.\n#segment_bytes = 64mb\n"));
    assert_non_null(strstr(text, "of the file.\n# Allowed: a duration"));
    assert_non_null(strstr(text, "\n#password =\n"));
    free(text);
}

/* The printed file is a configuration that changes nothing, also with every key uncommented. */
static void test_print_commented_parses_back_to_the_defaults(void **state)
{
    (void)state;
    char *text = printed_defaults();
    struct aero_config *defaults = aero_config_new(&table);
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error = {{0}};
    size_t changed[KEY_COUNT];
    assert_true(aero_is_ok(parse(config, text, &error)));
    for (char *at = text; *at != '\0'; at++) {
        bool starts_line = at == text || at[-1] == '\n';
        if (starts_line && at[0] == '#' && at[1] != ' ') {
            at[0] = ' ';
        }
    }
    assert_true(aero_is_ok(parse(config, text, &error)));
    assert_true(aero_config_is_set(config, "segment_bytes"));
    assert_int_equal(aero_config_diff(defaults, config, changed), 0);
    aero_config_free(config);
    aero_config_free(defaults);
    free(text);
}

static void test_text_numbers_at_their_limits(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_true(aero_text_to_integer("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_false(aero_text_to_integer("18446744073709551616", &value));
    assert_false(aero_text_to_integer("184467440737095516150", &value));
    assert_false(aero_text_to_integer("", &value));
    assert_false(aero_text_to_integer("1 ", &value));
    assert_false(aero_text_to_integer("+1", &value));
    assert_true(aero_text_to_bytes("16777215tb", &value));
    assert_false(aero_text_to_bytes("16777216tb", &value));
    assert_false(aero_text_to_bytes("1 ", &value));
    assert_false(aero_text_to_bytes("mb", &value));
    assert_false(aero_text_to_bytes("1m", &value));
    assert_true(aero_text_to_duration_ns("0", &value));
    assert_int_equal(value, 0);
    assert_true(aero_text_to_duration_ns("213503d", &value));
    assert_false(aero_text_to_duration_ns("213504d", &value));
    assert_false(aero_text_to_duration_ns("1", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_holds_the_defaults),
        cmocka_unit_test(test_set_reads_units_and_names_in_any_case),
        cmocka_unit_test(test_set_takes_the_bounds_themselves),
        cmocka_unit_test(test_set_refuses_and_says_what_is_allowed),
        cmocka_unit_test(test_set_unknown_key_suggests_the_nearest),
        cmocka_unit_test(test_set_refuses_more_bytes_than_a_line_of_the_file_holds),
        cmocka_unit_test(test_set_pair_splits_at_the_first_equals),
        cmocka_unit_test(test_secrets_never_appear),
        cmocka_unit_test(test_parse_takes_comments_blanks_and_crlf),
        cmocka_unit_test(test_parse_error_names_file_line_key_and_value),
        cmocka_unit_test(test_parse_nul_byte_is_refused),
        cmocka_unit_test(test_parse_line_length_is_bounded_and_whole),
        cmocka_unit_test(test_load_file_reads_it_or_says_why_not),
        cmocka_unit_test(test_copy_is_another_one_with_every_value),
        cmocka_unit_test(test_reload_tells_what_changed_and_adopts_what_may),
        cmocka_unit_test(test_set_running_refuses_fixed_keys),
        cmocka_unit_test(test_print_commented_shows_every_key),
        cmocka_unit_test(test_print_commented_parses_back_to_the_defaults),
        cmocka_unit_test(test_text_numbers_at_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
