/* SPDX-License-Identifier: Apache-2.0 */
/* CONFIG GET and CONFIG SET over the daemon's own table, without a server. */
#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "host/config.h"
#include "server/config_keys.h"
#include "tests/unit/limits.h"

struct fixture {
    struct aero_config *config;
    struct aero_host_config *host_config;
    struct aero_server_config port;
    struct aero_logger logger;
};

static bool drop_line(void *self, struct aero_slice line)
{
    (void)self;
    (void)line;
    return true;
}

static void set_up(struct fixture *fixture)
{
    aero_logger_init(&fixture->logger, (struct aero_log_sink){.write = drop_line},
                     aero_clock_posix(), AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    fixture->config = aero_config_new(aero_config_keys_primary());
    fixture->host_config =
        aero_host_config_new(fixture->config, "", (aero_id){{0}}, &fixture->logger);
    fixture->port = aero_host_config_port(fixture->host_config);
}

static void tear_down(struct fixture *fixture)
{
    aero_host_config_free(fixture->host_config);
    aero_config_free(fixture->config);
}

/* What CONFIG GET answers for `name`. */
static void expect_answer(struct fixture *fixture, const char *name, const char *expected)
{
    const char *found_name;
    bool found = false;
    struct aero_buffer value = {0};
    for (size_t i = 0; fixture->port.get(fixture->port.self, i, &found_name, &value); i++) {
        if (strcmp(found_name, name) == 0) {
            found = true;
            assert_true(aero_slice_equal(aero_buffer_slice(&value), aero_slice_text(expected)));
        }
        aero_buffer_clear(&value);
    }
    aero_buffer_deinit(&value);
    assert_true(found);
}

static bool set(struct fixture *fixture, const char *name, const char *value, const char **out_why)
{
    bool good = fixture->port.stage(fixture->port.self, name, value, out_why);
    (good ? fixture->port.take : fixture->port.drop)(fixture->port.self);
    return good;
}

/* Tools read sizes and times as plain numbers. */
static void test_get_speaks_as_redis_does(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    expect_answer(&fixture, "maxclients", "10000");
    expect_answer(&fixture, "timeout", "0");
    expect_answer(&fixture, "tcp-keepalive", "300");
    expect_answer(&fixture, "proto-max-bulk-len", "16777216");
    assert_true(fixture.port.has(fixture.port.self, "maxmemory"));
    assert_false(fixture.port.has(fixture.port.self, "primary"));
    tear_down(&fixture);
}

static void test_set_changes_what_may_change(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *why = NULL;
    set_up(&fixture);
    assert_true(set(&fixture, "timeout", "30", &why));
    expect_answer(&fixture, "timeout", "30");
    assert_true(set(&fixture, "maxmemory", "1gb", &why));
    expect_answer(&fixture, "maxmemory", "1073741824");
    assert_true(set(&fixture, "log-level", "debug", &why));
    assert_int_equal(fixture.logger.level, AERO_LOG_DEBUG);
    tear_down(&fixture);
}

static void test_set_refuses_with_a_reason(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *why = NULL;
    set_up(&fixture);
    assert_false(set(&fixture, "port", "7000", &why)); /* at the start only */
    assert_non_null(why);
    why = NULL;
    assert_false(set(&fixture, "timeout", "soon", &why));
    assert_non_null(why);
    why = NULL;
    assert_false(set(&fixture, "no-such-key", "1", &why));
    assert_non_null(why);
    expect_answer(&fixture, "timeout", "0");
    tear_down(&fixture);
}

static void test_set_takes_all_values_or_none(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *why = NULL;
    set_up(&fixture);
    const struct aero_server_config *port = &fixture.port;
    assert_true(port->stage(port->self, "timeout", "30", &why));
    expect_answer(&fixture, "timeout", "0");
    assert_false(port->stage(port->self, "maxmemory", "much", &why));
    port->drop(port->self);
    assert_true(set(&fixture, "maxmemory", "1gb", &why));
    expect_answer(&fixture, "timeout", "0");
    assert_true(port->stage(port->self, "timeout", "30", &why));
    assert_true(port->stage(port->self, "maxmemory", "2gb", &why));
    port->take(port->self);
    expect_answer(&fixture, "timeout", "30");
    expect_answer(&fixture, "maxmemory", "2147483648");
    tear_down(&fixture);
}

/* A number of seconds where Redis has one; what is no whole number of them keeps its unit. */
static void test_times_may_be_finer_than_a_second(void **state)
{
    (void)state;
    struct fixture fixture;
    struct aero_config_error error;
    set_up(&fixture);
    assert_true(aero_is_ok(aero_config_set(fixture.config, "test", "heartbeat", "1500ms", &error)));
    expect_answer(&fixture, "heartbeat", "1500ms");
    tear_down(&fixture);
}

static void test_set_of_a_time_takes_numbers_and_units_and_nothing_else(void **state)
{
    static const struct {
        const char *value;
        const char *answer; /* NULL: refused */
    } cases[] = {
        {"30", "30"},
        {"2m", "120"},
        {"", NULL},
        /* Too long for seconds to be added to it. */
        {"000000000000000000000000000000000000000000000000030", NULL},
        {"3 0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        const char *why = NULL;
        set_up(&fixture);
        assert_int_equal(set(&fixture, "timeout", cases[i].value, &why), cases[i].answer != NULL);
        assert_int_equal(why == NULL, cases[i].answer != NULL);
        expect_answer(&fixture, "timeout", cases[i].answer == NULL ? "0" : cases[i].answer);
        tear_down(&fixture);
    }
}

static void test_set_knows_names_as_the_file_writes_them(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *why = NULL;
    set_up(&fixture);
    assert_true(fixture.port.has(fixture.port.self, "tcp_keepalive"));
    assert_true(set(&fixture, "log_level", "debug", &why));
    expect_answer(&fixture, "log-level", "debug");
    tear_down(&fixture);
}

static void test_take_of_nothing_changes_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    set_up(&fixture);
    fixture.port.take(fixture.port.self);
    expect_answer(&fixture, "timeout", "0");
    aero_host_config_free(NULL);
    tear_down(&fixture);
}

/* INFO goes on without it. */
static void test_usage_of_memory_is_0_where_nobody_can_say(void **state)
{
    (void)state;
    struct fixture fixture;
    struct aero_server_usage usage;
    set_up(&fixture);
    fixture.port.usage(fixture.port.self, &usage);
    assert_true(usage.resident_bytes > 4096);
    struct limit limit = limit_files_to_those_open();
    fixture.port.usage(fixture.port.self, &usage);
    limit_lift(&limit);
    assert_int_equal(usage.resident_bytes, 0);
    tear_down(&fixture);
}

/* OBS: a password shows nowhere. */
static void test_get_hides_the_password(void **state)
{
    (void)state;
    struct fixture fixture;
    const char *why = NULL;
    set_up(&fixture);
    assert_true(set(&fixture, "requirepass", "secret", &why));
    expect_answer(&fixture, "requirepass", "(hidden)");
    struct aero_server_options options;
    aero_host_config_server_options(fixture.host_config, &options);
    assert_string_equal(options.password, "secret");
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get_speaks_as_redis_does),
        cmocka_unit_test(test_set_changes_what_may_change),
        cmocka_unit_test(test_set_refuses_with_a_reason),
        cmocka_unit_test(test_set_takes_all_values_or_none),
        cmocka_unit_test(test_times_may_be_finer_than_a_second),
        cmocka_unit_test(test_set_of_a_time_takes_numbers_and_units_and_nothing_else),
        cmocka_unit_test(test_set_knows_names_as_the_file_writes_them),
        cmocka_unit_test(test_take_of_nothing_changes_nothing),
        cmocka_unit_test(test_usage_of_memory_is_0_where_nobody_can_say),
        cmocka_unit_test(test_get_hides_the_password),
    };
    return cmocka_run_group_tests_name("host.config", tests, NULL, NULL);
}
