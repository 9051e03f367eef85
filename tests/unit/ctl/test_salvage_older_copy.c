/* SPDX-License-Identifier: Apache-2.0 */
/* An older copy of the primary's directory was put back, and perhaps started: what was written since comes back, and the
 * starts that wrote nothing give way. */
#include "tests/unit/ctl/salvage_bench.h"

static void test_an_older_copy_takes_back_what_was_written_after_it(void **state)
{
    (void)state;
    for (unsigned starts = 0; starts < 12; starts++) {
        struct ctl_bench *bench = ctl_bench_new();
        data_finish(older_copy(bench, starts % 4));
        data_finish(replica_ahead(bench, 1 + starts / 4));
        assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
        EXPECT_OUT(bench, "whole up to LSN 150; the replica brings back 170");
        expect_whole(bench, AHEAD_AT);
        assert_int_equal(CTL_RUN(bench, DRY), AERO_EXIT_OK);
        EXPECT_OUT(bench, "Nothing to bring back");
        ctl_bench_free(bench);
    }
}

/* The copy is of a directory in use: its last incarnation wrote on after it, and others came. */
static void test_an_older_copy_of_an_open_segment_takes_back_its_rest(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 2));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 180);
    begin_again(data, 2);
    data_put_to(data, 250);
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 250);
}

static void test_an_older_copy_that_wrote_since_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = older_copy(bench, 1);
    data_put(data, "own", "value");
    begin_again(data, 60);
    data_finish(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "wrote 1 record of its own");
}

/* The first start wrote nothing, the second did. */
static void test_an_older_copy_that_wrote_at_its_second_start_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = older_copy(bench, 2);
    data_put(data, "own", "value");
    data_finish(data);
    data_finish(replica_ahead(bench, 2));
    expect_refused(bench, "wrote 1 record of its own");
}

/* The record is gone, and the proof says that it was there. */
static void test_an_empty_segment_that_the_proof_knows_better_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = older_copy(bench, 1);
    data_put(data, "own", "value");
    data_prove(data, 2);
    data_end(data);
    data_cut(data, data->segment, AERO_SEGMENT_HEADER_BYTES);
    data_free(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "may have held records");
}

static void test_an_empty_segment_with_damaged_bytes_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = older_copy(bench, 1);
    data_put(data, "own", "value");
    data_end(data);
    data_flip(data, data->segment, AERO_SEGMENT_HEADER_BYTES + 70);
    data_free(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "may have held records");
}

/* Under the damaged header may stand records: the replica's segment of that sequence is no copy of it. */
static void test_a_damaged_header_is_mended_by_a_copy_of_the_same_segment_only(void **state)
{
    (void)state;
    for (int forgotten = 0; forgotten < 3; forgotten++) { /* by the manifest, by the proof, too */
        struct ctl_bench *bench = ctl_bench_new();
        struct data_bench *data = older_copy(bench, 1);
        data_put(data, "own", "value");
        data->manifest.history.segment_count -= forgotten > 0;
        if (forgotten < 2) {
            data_prove(data, 2);
        }
        data_end(data);
        data_flip(data, data->segment, 50);
        data_free(data);
        data_finish(replica_ahead(bench, 1));
        expect_refused(bench, "may have held records");
        ctl_bench_free(bench);
    }
}

static void test_a_replica_that_followed_another_node_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 1));
    struct data_bench *data = replica_ahead(bench, 1);
    data->manifest.history.incarnations[1].node_id = data_id(55);
    data_finish(data);
    expect_refused(bench, "has followed node 'p' in epoch 1 since, from LSN 150");
}

static void test_a_replica_of_a_higher_epoch_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 1));
    struct data_bench *data = replica_ahead(bench, 1);
    data->manifest.epoch.value = 2;
    data->manifest.history.incarnations[1].epoch.value = 2;
    data_finish(data);
    expect_refused(bench, "in epoch 2 since");
}

static void test_directories_that_share_no_start_are_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 1));
    struct data_bench *data = replica_ahead(bench, 1);
    data->manifest.history.incarnations[0].node_id = data_id(55);
    data_finish(data);
    expect_refused(bench, "share no start");
}

static void test_a_replica_whose_list_contradicts_its_log_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 1));
    struct data_bench *data = replica_ahead(bench, 1);
    data->manifest.history.incarnations[1].start.chain++;
    data_finish(data);
    expect_refused(bench, "contradicts its own log at LSN 150");
}

/* A manifest that forgot who wrote what is there: the tool does not guess. */
static void test_starts_that_only_one_side_knows_do_not_stand_side_by_side(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 100);
    begin_again(data, 2);
    data_put_to(data, 200);
    char middle[AERO_DISK_NAME_MAX];
    memcpy(middle, data->segment, sizeof middle);
    begin_again(data, 3);
    data_put_to(data, 250);
    struct aero_history *history = &data->manifest.history;
    history->incarnations[1] = history->incarnations[2];
    history->incarnation_count = 2;
    data_prove(data, 2);
    data_end(data);
    data_flip(data, middle, 50);
    data_free(data);
    data = fill(bench, "r", AERO_ROLE_REPLICA, 100);
    begin_again(data, 2);
    data_put_to(data, 200);
    data_finish(data);
    expect_refused(bench, "side by side");
}

/* Its history names the starts that go: a replica seeded with it would contradict the log. */
static void test_a_snapshot_made_since_goes_and_an_earlier_one_stays(void **state)
{
    (void)state;
    for (unsigned starts = 1; starts < 4;
         starts++) { /* in a segment that is replaced, or dropped */
        struct ctl_bench *bench = ctl_bench_new();
        struct aero_manifest manifest;
        struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT);
        data_snapshot(data, 70);
        for (unsigned i = 0; i < starts; i++) {
            begin_again(data, 50 + i);
        }
        data_snapshot(data, 71);
        data_finish(data);
        data_finish(replica_ahead(bench, 1));
        assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
        expect_whole(bench, AHEAD_AT);
        read_manifest(bench, "p", &manifest);
        assert_int_equal(manifest.snapshot_count, 1);
        assert_true(aero_id_equal(manifest.snapshots[0].id, data_id(70)));
        aero_manifest_deinit(&manifest);
        ctl_bench_free(bench);
    }
}

static void test_a_log_whose_only_snapshot_was_made_since_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    char first[AERO_DISK_NAME_MAX];
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 100);
    memcpy(first, data->segment, sizeof first);
    data_segment(data, 12);
    data_put_to(data, COPIED_AT);
    begin_again(data, 50);
    data_snapshot(data, 71);
    data->manifest.wal_floor_sequence = 2;
    data_prove(data, 2);
    data_end(data);
    data_remove(data, first);
    data_free(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "only snapshots were made since");
}

/* The log was truncated up to a start since: what the replica has cannot be joined to it, and that is no "nothing". */
static void test_a_gap_between_the_two_logs_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = older_copy(bench, 1);
    data_snapshot(data, 71);
    data->manifest.wal_floor_sequence = 3;
    data_prove(data, 2);
    data_end(data);
    data_remove(data, "wal/0000000000000001-00000001.seg");
    data_remove(data, "wal/0000000000000065-00000002.seg");
    data_free(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "does not continue the primary's at LSN 150");
}

/* The replica was told of a start that its log has yet to reach: everything before that had been durable. */
static void test_writes_stay_closed_while_a_start_behind_the_end_is_known(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    data_finish(older_copy(bench, 1));
    struct data_bench *data = replica_ahead(bench, 1);
    data_incarnation(data, 9);
    data->manifest.history.incarnations[2].start.lsn.value = 400;
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "had once been durable to LSN 400");
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_int_equal(manifest.lost_count, 80);
    assert_int_equal(manifest.history.incarnation_count, 2);
    aero_manifest_deinit(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_older_copy_takes_back_what_was_written_after_it),
        CTL_TEST(test_an_older_copy_of_an_open_segment_takes_back_its_rest),
        CTL_TEST(test_an_older_copy_that_wrote_since_is_refused),
        CTL_TEST(test_an_older_copy_that_wrote_at_its_second_start_is_refused),
        CTL_TEST(test_an_empty_segment_that_the_proof_knows_better_is_refused),
        CTL_TEST(test_an_empty_segment_with_damaged_bytes_is_refused),
        cmocka_unit_test(test_a_damaged_header_is_mended_by_a_copy_of_the_same_segment_only),
        CTL_TEST(test_a_replica_that_followed_another_node_is_refused),
        CTL_TEST(test_a_replica_of_a_higher_epoch_is_refused),
        CTL_TEST(test_directories_that_share_no_start_are_refused),
        CTL_TEST(test_a_replica_whose_list_contradicts_its_log_is_refused),
        CTL_TEST(test_starts_that_only_one_side_knows_do_not_stand_side_by_side),
        cmocka_unit_test(test_a_snapshot_made_since_goes_and_an_earlier_one_stays),
        CTL_TEST(test_a_log_whose_only_snapshot_was_made_since_is_refused),
        CTL_TEST(test_a_gap_between_the_two_logs_is_refused),
        CTL_TEST(test_writes_stay_closed_while_a_start_behind_the_end_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
