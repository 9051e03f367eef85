/* SPDX-License-Identifier: Apache-2.0 */
/* Two directories that share a history up to an LSN that the test chose; the answer must be that LSN. */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/ctl/data_bench.h"
#include "tests/unit/ctl/node_bench.h"

/* A log of `last` records in segments of 400, equal in all directories that are made so. */
static struct data_bench *fill(struct ctl_bench *bench, const char *name, enum aero_role role,
                               uint64_t last)
{
    struct data_bench *data = data_begin(bench, name, role, 7);
    uint8_t nonce = 11;
    data_incarnation(data, 1);
    for (uint64_t at = 0; at < last; at += 400) {
        data_segment(data, nonce++);
        data_put_to(data, at + 400 < last ? at + 400 : last);
    }
    return data;
}

static void test_a_replica_that_is_behind_agrees_as_far_as_it_is(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 1100));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 1030));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 1030");
    EXPECT_OUT(bench, "at LSN 1100");
    assert_int_equal(CTL_RUN(bench, "compare", "--no-state", "@r", "@p"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history up to LSN 1030");
}

static void test_the_first_different_lsn_is_named(void **state)
{
    struct ctl_bench *bench = *state;
    const uint64_t forks[] = {1, 400, 401, 777, 1023};
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 1100));
    for (size_t i = 0; i < sizeof forks / sizeof forks[0]; i++) {
        char name[16];
        char path[16];
        char text[64];
        snprintf(name, sizeof name, "r%zu", i);
        snprintf(path, sizeof path, "@r%zu", i);
        struct data_bench *data = fill(bench, name, AERO_ROLE_REPLICA, forks[i] - 1);
        if (forks[i] % 400 == 1) { /* the next record is the first of a segment */
            data_segment(data, (uint8_t)(11 + forks[i] / 400));
        }
        data_put(data, "another", "value");
        data_put_to(data, 1050);
        data_finish(data);
        assert_int_equal(CTL_RUN(bench, "compare", "@p", path), AERO_CTL_EXIT_DIFFERENT);
        snprintf(text, sizeof text, "part at LSN %llu: equal up to %llu",
                 (unsigned long long)forks[i], (unsigned long long)forks[i] - 1);
        EXPECT_OUT(bench, text);
    }
}

/* What the other has let go cannot be compared; that it differs further on can. */
static void test_a_fork_below_the_log_is_said_to_be_there(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 300);
    char first[AERO_DISK_NAME_MAX];
    memcpy(first, data->segment, sizeof first);
    data_put(data, "another", "value");
    data_put_to(data, 400);
    data_snapshot(data, 51);
    data_segment(data, 12);
    data_put_to(data, 500);
    data_remove(data, first);
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 500));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "part at or before LSN 400");
}

static void test_logs_without_an_lsn_in_common_are_not_called_equal(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 400);
    char first[AERO_DISK_NAME_MAX];
    memcpy(first, data->segment, sizeof first);
    data_snapshot(data, 51);
    data_segment(data, 12);
    data_put_to(data, 500);
    data_remove(data, first);
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 300));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_FAILURE);
    EXPECT_OUT(bench, "no LSN in common");
}

static void test_one_history_and_two_states_differ(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 400);
    char first[AERO_DISK_NAME_MAX];
    memcpy(first, data->segment, sizeof first);
    aero_tree_put(data->tree, aero_slice_text("never"), aero_slice_text("logged"), NULL);
    data_snapshot(data, 51); /* a wrong state, whole in every checksum */
    data_segment(data, 12);
    data_put_to(data, 500);
    data_remove(data, first);
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 500));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "one history, two states: they differ at LSN 400");
    assert_int_equal(CTL_RUN(bench, "compare", "--json", "@p", "@r"), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "\"same_state\": false");
}

/* A replica that has received nothing yet, or only its snapshot. */
static void test_a_replica_without_a_log_agrees_as_far_as_it_is(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *primary = fill(bench, "p", AERO_ROLE_PRIMARY, 400);
    struct data_bench *data = data_begin(bench, "r", AERO_ROLE_REPLICA, 7);
    data_end(data);
    data_free(data);
    data = fill(bench, "s", AERO_ROLE_REPLICA, 400);
    data_snapshot(data, 51);
    data_remove(data, data->segment);
    data_end(data);
    data_free(data);
    data_put_to(primary, 450);
    data_finish(primary);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 0");
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@s"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 400");
}

static void test_clusters_are_told_apart(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = data_begin(bench, "x", AERO_ROLE_PRIMARY, 8);
    data_incarnation(data, 1);
    data_segment(data, 11);
    data_finish(data);
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 10));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@x"), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_OUT(bench, "different clusters");
}

static void test_damage_is_not_taken_for_an_end(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 1000);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000001-00000001.seg", 9000);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 1000));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "0000000000000001-00000001.seg");
}

/* The histories are known to part, and then one of the logs cannot be read on: no end of it is made up. */
static void test_damage_behind_the_parting_is_told(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 300);
    data_put(data, "another", "value");
    data_segment(data, 12);
    data_put_to(data, 400);
    data_segment(data, 13);
    data_put_to(data, 500);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/000000000000012e-00000002.seg", 5000);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 500));
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "p: wal/000000000000012e-00000002.seg");
    assert_int_equal(CTL_RUN(bench, "compare", "@r", "@p"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "p: wal/000000000000012e-00000002.seg");
    assert_string_equal(bench->out, "");
}

/* One of them has let go of its beginning and has its first state at 450: before that, states are not compared. */
static void test_states_are_compared_from_where_both_have_one(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 500));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 450);
    data_snapshot(data, 51);
    data_put_to(data, 460);
    data_remove(data, "wal/0000000000000001-00000001.seg");
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "one history and one state up to LSN 460");
}

static void test_a_directory_that_cannot_be_used_ends_it(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 10));
    assert_int_equal(mkdir(ctl_bench_path(bench, "empty", path), 0700), 0);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@empty"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "there is no manifest that can be used");
    assert_int_equal(CTL_RUN(bench, "compare", "@empty", "@p"), AERO_EXIT_FAILURE);
    /* A lock that is a link is none of ours: whether a daemon runs there cannot be known. */
    assert_int_equal(symlink("nowhere", ctl_bench_path(bench, "empty/lock", path)), 0);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@empty"), AERO_EXIT_FAILURE);
    assert_int_equal(CTL_RUN(bench, "compare", "@empty", "@p"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "empty: ");
}

static void test_operands_that_are_nothing_are_usage_errors(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *deaf = node_bind();
    assert_int_equal(CTL_RUN(bench, "compare", "@p"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "compare", "@nothing", "@nothing"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "compare", deaf->address, deaf->address),
                     AERO_CTL_EXIT_UNREACHABLE);
    node_free(deaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_a_replica_that_is_behind_agrees_as_far_as_it_is),
        CTL_TEST(test_the_first_different_lsn_is_named),
        CTL_TEST(test_a_fork_below_the_log_is_said_to_be_there),
        CTL_TEST(test_logs_without_an_lsn_in_common_are_not_called_equal),
        CTL_TEST(test_one_history_and_two_states_differ),
        CTL_TEST(test_a_replica_without_a_log_agrees_as_far_as_it_is),
        CTL_TEST(test_clusters_are_told_apart),
        CTL_TEST(test_damage_is_not_taken_for_an_end),
        CTL_TEST(test_damage_behind_the_parting_is_told),
        CTL_TEST(test_states_are_compared_from_where_both_have_one),
        CTL_TEST(test_a_directory_that_cannot_be_used_ends_it),
        CTL_TEST(test_operands_that_are_nothing_are_usage_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
