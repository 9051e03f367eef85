/* SPDX-License-Identifier: Apache-2.0 */
/* What the primary's manifest says behind a salvage: starts, segments, damage, snapshots, and whether writes are open. */
#include "tests/unit/ctl/salvage_scene.h"

#define FIRST "wal/0000000000000001-00000001.seg"
#define SECOND "wal/0000000000000065-00000002.seg"

/* Salvages, and reads it. */
static struct aero_manifest manifest_behind(struct ctl_bench *bench)
{
    struct aero_manifest manifest;
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    read_manifest(bench, "p", &manifest);
    return manifest;
}

/* ---- Segments -------------------------------------------------------------------------------------------------- */

/* What was mended is damaged no more; what the replica had no copy of stays known. */
static void test_only_the_damage_that_was_mended_is_forgotten(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data->manifest.damaged_segments[0] = 2;
    data->manifest.damaged_segments[1] = 4;
    data->manifest.damaged_count = 2;
    data_prove(data, 2);
    data_end(data);
    data_flip(data, SECOND, 5000);
    data_free(data);
    data = fill(bench, "r", AERO_ROLE_REPLICA, 240);
    data_snapshot(data, 51);
    data_put_to(data, 250);
    data_finish(data);
    struct aero_manifest manifest = manifest_behind(bench);
    assert_int_equal(manifest.damaged_count, 1);
    assert_int_equal(manifest.damaged_segments[0], 4);
    aero_manifest_deinit(&manifest);
}

/* It was written by a node that kept fewer of them, or none. */
static void test_segments_that_the_manifest_did_not_remember_are_remembered(void **state)
{
    (void)state;
    for (size_t remembered = 0; remembered < 3; remembered++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct data_bench *data = older_copy(bench, 1);
        data->manifest.history.segment_count = remembered;
        data_finish(data);
        data_finish(replica_ahead(bench, 1));
        struct aero_manifest manifest = manifest_behind(bench);
        assert_int_equal(manifest.history.segment_count, 4);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(manifest.history.segments[i].sequence, i + 1);
        }
        aero_manifest_deinit(&manifest);
        expect_whole(bench, AHEAD_AT);
        ctl_bench_free(bench);
    }
}

/* Those before the first that is there stay: positions in them can still be proven. */
static void test_segments_that_were_let_go_stay_remembered(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 100);
    data_snapshot(data, 51);
    data_segment(data, 12);
    data_put_to(data, COPIED_AT);
    data->manifest.history.segment_count = 1;
    data->manifest.wal_floor_sequence = 2;
    data_remove(data, FIRST);
    data_finish(data);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    struct aero_manifest manifest = manifest_behind(bench);
    assert_int_equal(manifest.history.segment_count, 2);
    assert_int_equal(manifest.history.segments[0].sequence, 1);
    assert_int_equal(manifest.history.segments[1].sequence, 2);
    aero_manifest_deinit(&manifest);
}

/* ---- Starts ---------------------------------------------------------------------------------------------------- */

/* A start that died before its first segment: the replica was told of it, and no log shows it. */
static void test_a_start_that_wrote_nothing_at_all_is_adopted(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(older_copy(bench, 0));
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, COPIED_AT);
    data_incarnation(data, 9);
    begin_again(data, 2);
    data_put_to(data, AHEAD_AT);
    data_finish(data);
    struct aero_manifest manifest = manifest_behind(bench);
    assert_int_equal(manifest.history.incarnation_count, 3);
    assert_true(aero_id_equal(manifest.history.incarnations[1].nonce, data_id(9)));
    aero_manifest_deinit(&manifest);
    expect_whole(bench, AHEAD_AT);
}

/* A list that is full of starts which all wrote something takes no more: nothing of it is forgotten for that. */
static void test_a_full_list_of_starts_adopts_none(void **state)
{
    struct ctl_bench *bench = *state;
    struct scene scene;
    data_finish(older_copy(bench, 0));
    data_finish(replica_ahead(bench, 1));
    scene_open(bench, &scene);
    data_ok(scene_read(&scene));
    struct aero_history *history = &scene.manifests[MINE].history;
    struct aero_incarnation shared = history->incarnations[0];
    history->incarnations =
        aero_realloc(history->incarnations, AERO_INCARNATIONS_MAX * sizeof *history->incarnations);
    for (size_t i = 0; i < AERO_INCARNATIONS_MAX; i++) {
        history->incarnations[i] = shared;
        history->incarnations[i].nonce = data_id(200);
        memcpy(history->incarnations[i].nonce.bytes, &i, sizeof i);
        history->incarnations[i].start.lsn.value = AERO_INCARNATIONS_MAX - i;
    }
    history->incarnations[AERO_INCARNATIONS_MAX - 1] = shared;
    history->incarnation_count = AERO_INCARNATIONS_MAX;
    const struct aero_salvage_side mine = scene_side(&scene, MINE);
    const struct aero_salvage_side theirs = scene_side(&scene, THEIRS);
    aero_salvage_plan_make(&mine, &theirs, &scene.plan);
    assert_int_equal(scene.plan.outcome, AERO_SALVAGE_REFUSED);
    assert_int_equal(history->incarnation_count, AERO_INCARNATIONS_MAX);
    scene_close(&scene);
}

/* ---- Snapshots ------------------------------------------------------------------------------------------------- */

/* The log begins behind an earlier snapshot; two more were made by starts that give way. */
static struct data_bench *snapshots_made_since(struct ctl_bench *bench)
{
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 100);
    data_snapshot(data, 70);
    data_segment(data, 12);
    data_put_to(data, COPIED_AT);
    begin_again(data, 50);
    data_snapshot(data, 71);
    begin_again(data, 51);
    data_snapshot(data, 72);
    data->manifest.wal_floor_sequence = 2;
    data_remove(data, FIRST);
    return data;
}

static void test_an_earlier_snapshot_is_enough_to_begin_from(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(snapshots_made_since(bench));
    data_finish(replica_ahead(bench, 1));
    struct aero_manifest manifest = manifest_behind(bench);
    assert_int_equal(manifest.snapshot_count, 1);
    assert_true(aero_id_equal(manifest.snapshots[0].id, data_id(70)));
    aero_manifest_deinit(&manifest);
    expect_whole(bench, AHEAD_AT);
}

static void test_a_damaged_snapshot_is_nothing_to_begin_from(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = snapshots_made_since(bench);
    data->manifest.snapshots[0].damaged = true;
    data_finish(data);
    data_finish(replica_ahead(bench, 1));
    expect_refused(bench, "only snapshots were made since");
}

/* ---- Writes ---------------------------------------------------------------------------------------------------- */

/* What other replicas acknowledged, as far as it is known. */
static void test_writes_open_once_nobody_acknowledged_more(void **state)
{
    (void)state;
    const struct {
        uint64_t durable;
        enum aero_write_gate gate;
        uint32_t lost_count;
    } cases[] = {{160, AERO_GATE_OPEN, 0},
                 {180, AERO_GATE_OPEN, 0},
                 {181, AERO_GATE_PRIMARY_LOST, 1},
                 {UINT64_C(1) << 40, AERO_GATE_PRIMARY_LOST, UINT32_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT);
        data->manifest.pins[0] =
            (struct aero_pin){.node_name = "r2", .sequence = 1, .durable = {cases[i].durable}};
        data->manifest.pin_count = 1;
        finish_after_cut(data, 0);
        data_finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
        struct aero_manifest manifest = manifest_behind(bench);
        assert_int_equal(manifest.gate, cases[i].gate);
        assert_int_equal(manifest.lost_count, cases[i].lost_count);
        aero_manifest_deinit(&manifest);
        ctl_bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_only_the_damage_that_was_mended_is_forgotten),
        cmocka_unit_test(test_segments_that_the_manifest_did_not_remember_are_remembered),
        CTL_TEST(test_segments_that_were_let_go_stay_remembered),
        CTL_TEST(test_a_start_that_wrote_nothing_at_all_is_adopted),
        CTL_TEST(test_a_full_list_of_starts_adopts_none),
        CTL_TEST(test_an_earlier_snapshot_is_enough_to_begin_from),
        CTL_TEST(test_a_damaged_snapshot_is_nothing_to_begin_from),
        cmocka_unit_test(test_writes_open_once_nobody_acknowledged_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
