/* SPDX-License-Identifier: Apache-2.0 */
/* What `aeroctl status` and `aeroctl replicas` print of what a node says, and how long `status --watch` goes on. */
#include "tests/unit/ctl/node_bench.h"

#include <errno.h>

/* ---- status ----------------------------------------------------------------------------------------------------- */

static void test_what_a_node_does_not_say_is_not_printed(void **state)
{
    struct ctl_bench *bench = *state;
    char reply[256];
    struct fake_node *node = node_start(
        node_bulk(reply, sizeof reply,
                  "role:replica\r\nnode_name:r1\r\nstate:HALTED\r\nnext_action:look\r\nempty:\r\n"
                  "no colon\r\napplied_lsn:7\r\n"),
        NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_ATTENTION);
    assert_string_equal(bench->out, "replica r1: HALTED; to do: look\n"
                                    "  applied_lsn              7\n");
    node_stop(node);
}

static void test_a_watch_that_makes_no_sense_is_a_usage_error(void **state)
{
    struct ctl_bench *bench = *state;
    const char *const times[] = {"soon", "0", "99ms", "61m"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_int_equal(CTL_RUN(bench, "status", "--watch", times[i]), AERO_EXIT_USAGE);
        EXPECT_ERR(bench, "--watch must be a duration");
    }
}

/* A reader who goes away after some writes. */
struct reader {
    unsigned writes_left;
    char text[512];
};

static ssize_t reader_take(void *self, const char *bytes, size_t length)
{
    struct reader *reader = self;
    size_t had = strlen(reader->text);
    if (reader->writes_left == 0) {
        errno = EPIPE;
        return 0; /* an error, to fopencookie */
    }
    reader->writes_left--;
    AERO_ASSERT(had + length < sizeof reader->text);
    memcpy(reader->text + had, bytes, length);
    return (ssize_t)length;
}

static FILE *reader_open(struct reader *reader, int buffering)
{
    FILE *file = fopencookie(reader, "w", (cookie_io_functions_t){.write = reader_take});
    AERO_ASSERT(file != NULL && setvbuf(file, NULL, buffering, 4096) == 0);
    return file;
}

/* Without an end of its own, a watch ends when nobody reads it, whether that shows when a line is printed or when it is
 * handed on. */
static void test_a_watch_goes_on_until_nobody_reads_it(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(NODE_HEALTHY, NULL);
    node->repeats = true;
    struct reader whole = {.writes_left = 2};
    bench->out_to = reader_open(&whole, _IOFBF);
    assert_int_equal(CTL_RUN(bench, "status", "--watch", "100ms", "--port", node->port),
                     AERO_EXIT_FAILURE);
    assert_string_equal(whole.text, "primary : serving; to do: nothing\n"
                                    "  writes                   open\n\n"
                                    "primary : serving; to do: nothing\n"
                                    "  writes                   open\n\n");
    struct reader unbuffered = {.writes_left = 0};
    bench->out_to = reader_open(&unbuffered, _IONBF);
    assert_int_equal(CTL_RUN(bench, "status", "--watch", "1h", "--port", node->port),
                     AERO_EXIT_FAILURE);
    struct reader none = {.writes_left = 0};
    bench->out_to = reader_open(&none, _IOFBF);
    assert_int_equal(CTL_RUN(bench, "status", "--watch", "1h", "--json", "--port", node->port),
                     AERO_EXIT_FAILURE);
    node_stop(node);
}

/* It does not answer now and may later. */
static void test_a_watch_outlives_a_node_that_does_not_answer(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("-LOADING\r\n", NODE_HEALTHY);
    node->repeats = true;
    struct reader reader = {.writes_left = 2};
    bench->out_to = reader_open(&reader, _IOFBF);
    assert_int_equal(CTL_RUN(bench, "status", "--watch", "100ms", "--port", node->port),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "the node refused: LOADING");
    assert_string_equal(reader.text, "\nprimary : serving; to do: nothing\n"
                                     "  writes                   open\n\n");
    node_stop(node);
}

/* ---- replicas --------------------------------------------------------------------------------------------------- */

static void test_replicas_and_pins_are_two_tables(void **state)
{
    struct ctl_bench *bench = *state;
    char reply[512];
    struct fake_node *node = node_start(
        node_bulk(reply, sizeof reply,
                  "replica:name=r1,state=streaming,lag_lsn=1\r\npin:name=r1,durable_lsn=4\r\n"
                  "replica:name=r2,nonsense,state=waiting\r\npin:name=r3,durable_lsn=2\r\n"),
        NULL);
    assert_int_equal(CTL_RUN(bench, "replicas", "--port", node->port), AERO_EXIT_OK);
    const char *const in_order[] = {"REPLICA",    "\nr1 ", "streaming", "\nr2 ", "waiting",
                                    "PINNED FOR", "\nr1 ", "4\n",       "\nr3 ", "2\n"};
    const char *at = bench->out;
    for (size_t i = 0; i < sizeof in_order / sizeof in_order[0]; i++) {
        at = strstr(at, in_order[i]);
        assert_non_null(at);
        at += strlen(in_order[i]) - 1; /* the end of a line begins the next one */
    }
    assert_null(strstr(strstr(bench->out, "REPLICA") + 1, "REPLICA"));
    assert_null(strstr(strstr(bench->out, "PINNED FOR") + 1, "PINNED FOR"));
    node_stop(node);
}

static void test_no_replica_is_said(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start("$0\r\n\r\n", NULL);
    assert_int_equal(CTL_RUN(bench, "replicas", "--port", node->port), AERO_EXIT_OK);
    assert_string_equal(bench->out, "no replica is connected\n");
    node_stop(node);
}

static void test_replicas_as_json_are_two_lists(void **state)
{
    struct ctl_bench *bench = *state;
    char reply[512];
    struct fake_node *node =
        node_start(node_bulk(reply, sizeof reply,
                             "pin:name=r2,durable_lsn=4\r\nreplica:name=r1,lag_lsn=3\r\n"),
                   NULL);
    assert_int_equal(CTL_RUN(bench, "replicas", "--json", "--port", node->port), AERO_EXIT_OK);
    const char *replicas = strstr(bench->out, "\"replicas\"");
    const char *pins = strstr(bench->out, "\"pins\"");
    assert_non_null(replicas);
    assert_non_null(pins);
    assert_true(replicas < strstr(bench->out, "\"lag_lsn\": 3"));
    assert_true(strstr(bench->out, "\"lag_lsn\": 3") < pins);
    assert_true(pins < strstr(bench->out, "\"durable_lsn\": 4"));
    node_stop(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_what_a_node_does_not_say_is_not_printed),
        CTL_TEST(test_a_watch_that_makes_no_sense_is_a_usage_error),
        CTL_TEST(test_a_watch_goes_on_until_nobody_reads_it),
        CTL_TEST(test_a_watch_outlives_a_node_that_does_not_answer),
        CTL_TEST(test_replicas_and_pins_are_two_tables),
        CTL_TEST(test_no_replica_is_said),
        CTL_TEST(test_replicas_as_json_are_two_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
