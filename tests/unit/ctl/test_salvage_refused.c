/* SPDX-License-Identifier: Apache-2.0 */
/* What salvage is not for: directories that are none, or of somebody else, or in use; and damage that no copy mends. */
#include "tests/unit/ctl/salvage_bench.h"

#include <fcntl.h>
#include <sys/file.h>

#define FIRST "wal/0000000000000001-00000001.seg"
#define SECOND "wal/0000000000000065-00000002.seg"

static void expect_run(struct ctl_bench *bench, int exit_code, const char *complaint,
                       const char *const *words)
{
    int got = ctl_bench_run(bench, words);
    if (got != exit_code || strstr(bench->err, complaint) == NULL) {
        fail_msg("%d: '%s' instead of %d: '%s'", got, bench->err, exit_code, complaint);
    }
}

#define EXPECT_RUN(bench, exit_code, complaint, ...) \
    expect_run(bench, exit_code, complaint, (const char *const[]){__VA_ARGS__, NULL})

/* ---- Who is who -------------------------------------------------------------------------------------------------- */

static void test_both_directories_have_to_be_named(void **state)
{
    struct ctl_bench *bench = *state;
    EXPECT_RUN(bench, AERO_EXIT_USAGE, "are both needed", "salvage");
    EXPECT_RUN(bench, AERO_EXIT_USAGE, "are both needed", "salvage", "--replica-dir", "@r");
    EXPECT_RUN(bench, AERO_EXIT_USAGE, "are both needed", "salvage", "--primary-dir", "@p");
}

static void test_directories_that_are_not_there_are_a_failure(void **state)
{
    struct ctl_bench *bench = *state;
    EXPECT_RUN(bench, AERO_EXIT_FAILURE,
               "/r: cannot be opened as a data directory: No such file or directory. Give a ", DRY);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    EXPECT_RUN(bench, AERO_EXIT_FAILURE,
               "/p: cannot be opened as a data directory: No such file or directory. Give a ", DRY);
    EXPECT_RUN(bench, AERO_EXIT_FAILURE,
               "/p: cannot be opened as a data directory: No such file or directory. Give a ", DRY,
               "--yes");
}

static void test_a_manifest_that_cannot_be_read_is_a_failure(void **state)
{
    (void)state;
    const char *const sides[] = {"p", "r"};
    for (size_t i = 0; i < 2; i++) {
        struct ctl_bench *bench = ctl_bench_new();
        char path[AERO_CTL_PATH_MAX];
        char name[16];
        data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
        data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
        snprintf(name, sizeof name, "%s/manifest", sides[i]);
        assert_int_equal(truncate(ctl_bench_path(bench, name, path), 100), 0);
        snprintf(name, sizeof name, "/%s: its manifest", sides[i]);
        EXPECT_RUN(bench, AERO_EXIT_FAILURE, name, DRY, "--yes");
        ctl_bench_free(bench);
    }
}

static void test_two_directories_of_one_role_are_a_failure(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    EXPECT_RUN(bench, AERO_EXIT_FAILURE, "/r: it is not the directory of a primary", "salvage",
               "--primary-dir", "@r", "--replica-dir", "@p");
    EXPECT_RUN(bench, AERO_EXIT_FAILURE, "/p: it is not the directory of a replica", "salvage",
               "--primary-dir", "@p", "--replica-dir", "@p");
}

/* Another node was promoted in its place: its records are no longer those that count. */
static void test_a_superseded_primary_is_not_mended(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data->manifest.gate = AERO_GATE_SUPERSEDED;
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    EXPECT_RUN(bench, AERO_EXIT_FAILURE, "this primary was superseded", DRY, "--yes");
}

static void test_a_replica_that_runs_is_not_read(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    int fd = open(ctl_bench_path(bench, "r/lock", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    EXPECT_RUN(bench, AERO_CTL_EXIT_IN_USE, "/r: a daemon runs on it", DRY, "--yes");
    close(fd);
}

/* ---- What is not there ------------------------------------------------------------------------------------------- */

static void test_a_primary_without_a_log_is_not_mended(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 50);
    data_end(data);
    data_remove(data, FIRST);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    expect_refused(bench, "the primary has no segment at all");
    assert_int_equal(rmdir(ctl_bench_path(bench, "p/wal", path)), 0);
    EXPECT_RUN(bench, AERO_EXIT_FAILURE, "a log cannot be listed", DRY, "--yes");
}

/* It was seeded with a snapshot from behind the loss, and has none of the log below it. */
static void test_a_replica_that_has_only_a_snapshot_of_it_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 100);
    data_snapshot(data, 51); /* before the primary's end */
    data_segment(data, 12);
    data_put_to(data, 180);
    data_snapshot(data, 52);
    data_remove(data, FIRST);
    data_remove(data, SECOND);
    data_end(data);
    data_free(data);
    expect_refused(bench, "the replica has records to LSN 180, but its log does not continue");
}

/* Writes are closed for a reason of its own, and the replica has nothing that the primary lacks. */
static void test_nothing_to_bring_back_leaves_the_gate_as_it_is(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 120));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "Nothing to bring back");
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_string_equal(manifest.gate_reason, "a replica has more");
    aero_manifest_deinit(&manifest);
}

/* A start of which the replica holds the empty segment only, and behind which this primary wrote on: it has all. */
static void test_an_empty_segment_of_the_replica_leads_nowhere(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 250));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 200);
    begin_again(data, 2);
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "Nothing to bring back");
}

/* ---- Damage ------------------------------------------------------------------------------------------------------ */

static struct data_bench *damaged_primary(struct ctl_bench *bench, const char *file,
                                          uint64_t offset)
{
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, file, offset);
    return data;
}

static void test_damage_that_the_replica_has_no_better_copy_of_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_free(damaged_primary(bench, SECOND, AERO_SEGMENT_HEADER_BYTES + 3000));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 110));
    expect_refused(bench, SECOND " is damaged at offset ");
    EXPECT_ERR(bench, "the replica has no whole copy");
}

/* The last one may end in bytes that are no record: the next start says what they are. */
static void test_damage_at_the_end_is_left_to_the_next_start(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data_end(data);
    data_flip(data, SECOND, data->last_offset + 8);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 149));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "every record that the replica has, to LSN 149");
}

/* Nothing stands before the first segment: its place is its number. */
static void test_a_first_segment_without_a_header_is_mended(void **state)
{
    struct ctl_bench *bench = *state;
    data_free(damaged_primary(bench, FIRST, 50));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 250));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

static void test_a_first_segment_without_a_header_or_a_copy_is_refused(void **state)
{
    (void)state;
    /* The replica's only one is another one, or has no header either. */
    for (int torn = 0; torn < 2; torn++) {
        struct ctl_bench *bench = ctl_bench_new();
        data_free(damaged_primary(bench, FIRST, 50));
        struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 100);
        data_snapshot(data, 51);
        if (torn == 0) {
            data_segment(data, 12);
            data_put_to(data, 150);
            data_remove(data, FIRST);
        }
        data_end(data);
        if (torn != 0) {
            data_cut(data, FIRST, 100);
        }
        data_free(data);
        expect_refused(bench, FIRST " is damaged and may have held records");
        ctl_bench_free(bench);
    }
}

/* The replica's next segment is there and has no header yet: it is no copy of anything. */
static void test_a_torn_header_of_the_replica_is_no_copy(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 100);
    data_prove(data, 2);
    data_segment(data, 12);
    data->manifest.history.segment_count--; /* which is written behind it */
    data_end(data);
    data_cut(data, SECOND, 100);
    data_free(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "Nothing to bring back");
}

/* ---- Where it stops ----------------------------------------------------------------------------------------------- */

static void test_an_obstacle_closes_writes_until_another_run(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    char path[AERO_CTL_PATH_MAX];
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 150));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(rmdir(ctl_bench_path(bench, "p/quarantine", path)), 0);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    EXPECT_RUN(bench, AERO_EXIT_FAILURE, "setting aside " SECOND, DRY, "--yes");
    EXPECT_ERR(bench, "takes no writes until this is finished");
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_int_equal(manifest.lost_count, 30);
    aero_manifest_deinit(&manifest);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 180);
}

/* The records are back, and something else is wrong. */
static void test_damage_that_remains_is_said(void **state)
{
    struct ctl_bench *bench = *state;
    char name[AERO_DISK_NAME_MAX];
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data_snapshot(data, 51);
    aero_snapshot_name(&data->manifest.snapshots[0], name);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, name, 100);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    EXPECT_RUN(bench, AERO_CTL_EXIT_DAMAGE, "damage remains in it", DRY, "--yes");
    EXPECT_ERR(bench, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_both_directories_have_to_be_named),
        CTL_TEST(test_directories_that_are_not_there_are_a_failure),
        cmocka_unit_test(test_a_manifest_that_cannot_be_read_is_a_failure),
        CTL_TEST(test_two_directories_of_one_role_are_a_failure),
        CTL_TEST(test_a_superseded_primary_is_not_mended),
        CTL_TEST(test_a_replica_that_runs_is_not_read),
        CTL_TEST(test_a_primary_without_a_log_is_not_mended),
        CTL_TEST(test_a_replica_that_has_only_a_snapshot_of_it_is_refused),
        CTL_TEST(test_nothing_to_bring_back_leaves_the_gate_as_it_is),
        CTL_TEST(test_an_empty_segment_of_the_replica_leads_nowhere),
        CTL_TEST(test_damage_that_the_replica_has_no_better_copy_of_is_refused),
        CTL_TEST(test_damage_at_the_end_is_left_to_the_next_start),
        CTL_TEST(test_a_first_segment_without_a_header_is_mended),
        cmocka_unit_test(test_a_first_segment_without_a_header_or_a_copy_is_refused),
        CTL_TEST(test_a_torn_header_of_the_replica_is_no_copy),
        CTL_TEST(test_an_obstacle_closes_writes_until_another_run),
        CTL_TEST(test_damage_that_remains_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
