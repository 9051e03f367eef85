/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl against a node that works: what it sends, prints and returns. */
#include "tests/unit/ctl/node_bench.h"

static int setup(void **state)
{
    *state = ctl_bench_new();
    return 0;
}

static int teardown(void **state)
{
    ctl_bench_free(*state);
    return 0;
}

static const char healthy[] = "$69\r\nrole:primary\r\nstate:serving\r\nwrites:open\r\n"
                              "node_name:7\r\ndurable_lsn:12\r\n\r\n";

static void test_status_of_a_healthy_node_is_0(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(healthy, NULL);
    node->piece = 1;
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_EXIT_OK);
    assert_string_equal(node->heard, "*1\r\n$11\r\nAERO.STATUS\r\n");
    assert_non_null(strstr(bench->out, "primary 7: serving"));
    assert_non_null(strstr(bench->out, "durable_lsn"));
    node_stop(node);
}

/* A name of digits stays text: scripts compare it. */
static void test_status_as_json_has_numbers_where_numbers_are(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(healthy, NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--json", "--port", node->port), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "\"healthy\": true"));
    assert_non_null(strstr(bench->out, "\"durable_lsn\": 12"));
    assert_non_null(strstr(bench->out, "\"node_name\": \"7\""));
    node_stop(node);
}

static void test_the_password_is_given_first_and_never_shown(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("+OK\r\n", healthy);
    bench->password = "s3cret";
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_EXIT_OK);
    assert_non_null(strstr(node->heard, "AUTH\r\n$6\r\ns3cret\r\n"));
    node_stop(node);
    node = node_start("-WRONGPASS invalid\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_EXIT_FAILURE);
    assert_non_null(strstr(bench->err, "WRONGPASS"));
    assert_null(strstr(bench->err, "s3cret"));
    node_stop(node);
}

static void test_a_refusal_is_a_failure_with_the_nodes_words(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("-ERR writes are not waiting for this decision\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "open-writes", "--port", node->port), AERO_EXIT_FAILURE);
    assert_non_null(strstr(bench->err, "writes are not waiting"));
    node_stop(node);
}

static void test_nobody_there_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(healthy, NULL);
    char port[8];
    snprintf(port, sizeof port, "%s", node->port);
    node_stop(node);
    assert_int_equal(CTL_RUN(bench, "status", "--port", port), AERO_CTL_EXIT_UNREACHABLE);
    assert_non_null(strstr(bench->err, port));
    assert_int_equal(CTL_RUN(bench, "status", "--socket", "@none"), AERO_CTL_EXIT_UNREACHABLE);
}

/* A node that hangs is told apart from one that works: by the time limit. */
static void test_silence_is_unreachable_after_the_timeout(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("", "");
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port, "--timeout", "50ms"),
                     AERO_CTL_EXIT_UNREACHABLE);
    assert_non_null(strstr(bench->err, "does not answer"));
    node_stop(node);
}

/* A checkpoint takes longer than an answer may: its own limit of an hour must be one that is taken. */
static void test_a_checkpoint_is_waited_for(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("+OK\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "checkpoint", "--port", node->port), AERO_EXIT_OK);
    assert_non_null(strstr(node->heard, "AERO.CHECKPOINT"));
    node_stop(node);
    node = node_start("+OK\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "checkpoint", "--port", node->port, "--timeout", "24h"),
                     AERO_EXIT_OK);
    node_stop(node);
}

static void test_another_protocol_is_not_waited_for(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("HTTP/1.1 400 Bad Request\r\n\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_UNREACHABLE);
    node_stop(node);
}

static void test_replicas_are_a_table(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(
        "$102\r\nreplica:name=r1,address=127.0.0.1:5,state=streaming,applied_lsn=9,lag_lsn=1\r\n"
        "pin:name=r2,durable_lsn=4\r\n\r\n",
        NULL);
    assert_int_equal(CTL_RUN(bench, "replicas", "--port", node->port), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "r1"));
    assert_non_null(strstr(bench->out, "streaming"));
    assert_non_null(strstr(bench->out, "PINNED FOR"));
    node_stop(node);
}

static void test_bad_command_lines_are_told_apart(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "--help"), AERO_EXIT_OK);
    assert_int_equal(CTL_RUN(bench, "help", "wal", "dump"), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "aeroctl wal dump"));
    assert_int_equal(CTL_RUN(bench, "help", "wal"), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "wal dump"));
    assert_int_equal(CTL_RUN(bench, "help", "wal", "fnord"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "fnord"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "status", "extra"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "status", "--port", "0"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "status", "--timeout", "5"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "status", "--port", "1", "--socket", "x"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "wal", "dump"), AERO_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_status_of_a_healthy_node_is_0, setup, teardown),
        cmocka_unit_test_setup_teardown(test_status_as_json_has_numbers_where_numbers_are, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_password_is_given_first_and_never_shown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_is_a_failure_with_the_nodes_words, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_nobody_there_is_unreachable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence_is_unreachable_after_the_timeout, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_protocol_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replicas_are_a_table, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_command_lines_are_told_apart, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
