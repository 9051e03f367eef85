/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl against a node that works: what it sends, prints and returns. */
#include "tests/unit/ctl/node_bench.h"

static const char healthy[] = "$69\r\nrole:primary\r\nstate:serving\r\nwrites:open\r\n"
                              "node_name:7\r\ndurable_lsn:12\r\n\r\n";

static void test_status_of_a_healthy_node_is_0(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(healthy, NULL);
    node->piece = 1;
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_EXIT_OK);
    assert_string_equal(node->heard, "*1\r\n$11\r\nAERO.STATUS\r\n");
    EXPECT_OUT(bench, "primary 7: serving");
    EXPECT_OUT(bench, "durable_lsn");
    node_stop(node);
}

/* A name of digits stays text: scripts compare it. */
static void test_status_as_json_has_numbers_where_numbers_are(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(healthy, NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--json", "--port", node->port), AERO_EXIT_OK);
    EXPECT_OUT(bench, "\"healthy\": true");
    EXPECT_OUT(bench, "\"durable_lsn\": 12");
    EXPECT_OUT(bench, "\"node_name\": \"7\"");
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
    EXPECT_ERR(bench, "WRONGPASS");
    assert_null(strstr(bench->err, "s3cret"));
    node_stop(node);
}

static void test_a_refusal_is_a_failure_with_the_nodes_words(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("-ERR writes are not waiting for this decision\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "open-writes", "--port", node->port), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "writes are not waiting");
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
    EXPECT_ERR(bench, port);
    EXPECT_ERR(bench, "Connection refused: does the node run");
    assert_int_equal(CTL_RUN(bench, "status", "--socket", "@none"), AERO_CTL_EXIT_UNREACHABLE);
}

/* A node that hangs is told apart from one that works: by the time limit. */
static void test_silence_is_unreachable_after_the_timeout(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("", "");
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port, "--timeout", "50ms"),
                     AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "does not answer");
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
    EXPECT_OUT(bench, "r1");
    EXPECT_OUT(bench, "streaming");
    EXPECT_OUT(bench, "PINNED FOR");
    node_stop(node);
}

static void test_bad_command_lines_are_told_apart(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "--help"), AERO_EXIT_OK);
    assert_int_equal(CTL_RUN(bench, "help", "wal", "dump"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "aeroctl wal dump");
    assert_int_equal(CTL_RUN(bench, "help", "wal"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "wal dump");
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
        CTL_TEST(test_status_of_a_healthy_node_is_0),
        CTL_TEST(test_status_as_json_has_numbers_where_numbers_are),
        CTL_TEST(test_the_password_is_given_first_and_never_shown),
        CTL_TEST(test_a_refusal_is_a_failure_with_the_nodes_words),
        CTL_TEST(test_nobody_there_is_unreachable),
        CTL_TEST(test_silence_is_unreachable_after_the_timeout),
        CTL_TEST(test_a_checkpoint_is_waited_for),
        CTL_TEST(test_another_protocol_is_not_waited_for),
        CTL_TEST(test_replicas_are_a_table),
        CTL_TEST(test_bad_command_lines_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
