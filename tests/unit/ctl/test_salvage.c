/* SPDX-License-Identifier: Apache-2.0 */
/* A primary that lost durable records, a replica that has them: the records come back, or nothing is touched. */
#include "tests/unit/ctl/salvage_bench.h"

#include <fcntl.h>
#include <sys/file.h>

static void test_records_cut_from_the_middle_of_a_segment_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "whole up to LSN 150; the replica brings back 30 records");
    expect_whole(bench, 180);
}

/* The empty segment of the cut has the sequence of a segment that the replica has, under another name. */
static void test_records_of_several_segments_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 420));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 420);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_EXIT_OK);
    EXPECT_OUT(bench, "Nothing to bring back");
}

static void test_whole_segments_that_are_gone_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 200), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 350));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

/* On the replica the footer is there before the successor: on a primary that would be damage (decision 14). */
static void test_a_last_segment_that_is_sealed_is_taken_without_its_footer(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 200);
    data_seal(data);
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 200);
}

/* Rot in the middle: the replica's copy takes the segment's place, and what the primary wrote behind it stays. */
static void test_damage_in_the_middle_is_mended_and_the_rest_stays(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000065-00000002.seg", 5000);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 250));
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_CTL_EXIT_DAMAGE);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

static void test_a_destroyed_header_is_mended(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000065-00000002.seg", 50);
    data_free(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 250));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

/* Both sides hold records that the other lacks: nobody decides that by a tool's default. */
static void test_records_of_the_primarys_own_are_never_dropped(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 3);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    expect_refused(bench, "wo histories");
}

/* A machine that was put back to a snapshot of its memory writes on in the segment that it had open: one segment, two
 * endings. The longer one is no better copy of the other. */
static void test_records_of_the_primarys_own_amid_one_segment_are_never_dropped(void **state)
{
    (void)state;
    const struct {
        uint64_t parts_at;
        uint64_t replica_end;
    } cases[] = {{130, 180}, {130, 150}, {130, 140}, {90, 180}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, cases[i].parts_at);
        data_put(data, "own", "value");
        if (cases[i].parts_at < 100) {
            data_put_to(data, 100);
            data_segment(data, 12);
        }
        data_put_to(data, 150);
        data_finish(data);
        data_finish(fill(bench, "r", AERO_ROLE_REPLICA, cases[i].replica_end));
        expect_refused(bench, "wo histories");
        ctl_bench_free(bench);
    }
}

/* Only what this primary wrote comes back: anything else is another history, whatever it continues. */
static void test_records_of_another_originator_are_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data->manifest.history.incarnations[0].node_id = data_id(55);
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    expect_refused(bench, "was not written by this primary");
    EXPECT_ERR(bench, "can only be given up");
}

/* ---- Who is who, and what is at rest -------------------------------------------------------------------------- */

static void test_a_damaged_replica_gives_nothing(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 180);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000001-00000001.seg", 5000);
    data_free(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_DAMAGE);
}

static void test_who_is_who_is_checked(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(fill(bench, "p", AERO_ROLE_PRIMARY, 50));
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 60));
    struct data_bench *other = data_begin(bench, "x", AERO_ROLE_REPLICA, 8);
    data_incarnation(other, 1);
    data_segment(other, 11);
    data_finish(other);
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@r", "--replica-dir", "@p"),
                     AERO_EXIT_FAILURE);
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@p", "--replica-dir", "@x"),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "another cluster");
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@p"), AERO_EXIT_USAGE);
}

static void test_a_running_daemon_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    int fd = open(ctl_bench_path(bench, "p/lock", path), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_IN_USE);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_CTL_EXIT_IN_USE);
    close(fd);
}

static void test_without_yes_nothing_changes(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest before;
    struct aero_manifest after;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    read_manifest(bench, "p", &before);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_EXIT_OK);
    EXPECT_OUT(bench, "Nothing was changed");
    EXPECT_OUT(bench, "set aside");
    read_manifest(bench, "p", &after);
    assert_int_equal(before.generation, after.generation);
    aero_manifest_deinit(&before);
    aero_manifest_deinit(&after);
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "records to LSN 150");
}

/* Another replica has acknowledged more: writes stay closed until it was asked, too. */
static void test_writes_stay_closed_while_another_replica_has_more(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data->manifest.pins[0] = (struct aero_pin){.node_name = "r2", .sequence = 1, .durable = {190}};
    data->manifest.pin_count = 1;
    finish_after_cut(data, 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "It takes no writes yet");
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_non_null(strstr(manifest.gate_reason, "'r2'"));
    aero_manifest_deinit(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_records_cut_from_the_middle_of_a_segment_come_back),
        CTL_TEST(test_records_of_several_segments_come_back),
        CTL_TEST(test_whole_segments_that_are_gone_come_back),
        CTL_TEST(test_a_last_segment_that_is_sealed_is_taken_without_its_footer),
        CTL_TEST(test_damage_in_the_middle_is_mended_and_the_rest_stays),
        CTL_TEST(test_a_destroyed_header_is_mended),
        CTL_TEST(test_records_of_the_primarys_own_are_never_dropped),
        cmocka_unit_test(test_records_of_the_primarys_own_amid_one_segment_are_never_dropped),
        CTL_TEST(test_records_of_another_originator_are_refused),
        CTL_TEST(test_a_damaged_replica_gives_nothing),
        CTL_TEST(test_who_is_who_is_checked),
        CTL_TEST(test_a_running_daemon_is_refused),
        CTL_TEST(test_without_yes_nothing_changes),
        CTL_TEST(test_writes_stay_closed_while_another_replica_has_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
