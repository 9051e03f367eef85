/* SPDX-License-Identifier: Apache-2.0 */
/* A salvage that stops anywhere: nobody is served wrongly, and another run finishes it. */
#include "engine/recovery.h"
#include "tests/unit/ctl/salvage_scene.h"

enum failure { OF_CHANGES, OF_READINGS, OF_THE_REPLICAS_READINGS };

/* Salvages until that change, or reading. */
static aero_status interrupted(struct ctl_bench *bench, enum failure failure, uint64_t fail_at)
{
    struct scene scene;
    scene_open(bench, &scene);
    scene_plan(&scene);
    if (failure == OF_CHANGES) {
        scene.disks[MINE].fail_change = fail_at;
    } else {
        scene.disks[failure == OF_READINGS ? MINE : THEIRS].fail_reading = fail_at;
    }
    aero_status status = scene_act(&scene);
    scene_close(&scene);
    return status;
}

/* What a start of the primary would make of it: refused, or without writes, or whole. A start that is let in leaves an
 * incarnation and a segment of its own. */
static void start_in_between(struct ctl_bench *bench)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    struct data_bench *data = aero_calloc(1, sizeof *data);
    data_ok(aero_disk_posix_open(ctl_bench_path(bench, "p", path), false, &data->posix));
    data->disk = aero_disk_posix_port(data->posix);
    if (aero_is_ok(aero_recover(data->disk, NULL, &recovered, &report))) {
        const struct aero_wal_file *last = &recovered.files[recovered.file_count - 1];
        assert_true(recovered.manifest.gate != AERO_GATE_OPEN ||
                    recovered.end.lsn.value == AHEAD_AT);
        data->header = last->header;
        data->offset = last->end_offset;
        data->end = recovered.end;
        data->manifest = recovered.manifest;
        data->tree = recovered.tree;
        recovered.manifest = (struct aero_manifest){0};
        recovered.tree = NULL;
        aero_recovered_deinit(&recovered);
        begin_again(data, 80);
        data_end(data);
    }
    data_free(data);
}

/* Wherever it stops, no write gets in before another run has finished it. */
static void interrupt_everywhere(void (*lose)(struct ctl_bench *bench), enum failure failure,
                                 bool start)
{
    bool done = false;
    unsigned points = 0;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct aero_manifest manifest;
        lose(bench);
        done = aero_is_ok(interrupted(bench, failure, fail_at));
        if (!done) {
            read_manifest(bench, "p", &manifest);
            bool begun = failure == OF_CHANGES && fail_at > 1;
            bool whole = manifest.gate == AERO_GATE_OPEN && begun;
            aero_manifest_deinit(&manifest);
            if (start) {
                start_in_between(bench);
            }
            assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
            assert_true(!whole || strstr(bench->out, "Nothing to bring back") != NULL);
            points++;
        }
        assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
        assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
        ctl_bench_free(bench);
    }
    assert_true(points > (failure == OF_CHANGES ? 20 : 5));
}

static void lose_by_a_cut(struct ctl_bench *bench)
{
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT), 0);
    data_finish(fill(bench, "r", AERO_ROLE_REPLICA, AHEAD_AT));
}

static void lose_by_an_older_copy(struct ctl_bench *bench)
{
    data_finish(older_copy(bench, 5)); /* two of whose segments are dropped */
    data_finish(replica_ahead(bench, 2));
}

static void put_long_values(struct data_bench *data, unsigned count)
{
    const size_t length = (size_t)700 << 10;
    char *value = aero_malloc(length + 1);
    memset(value, 'v', length);
    value[length] = '\0';
    for (unsigned i = 0; i < count; i++) {
        data_put(data, "long", value);
    }
    free(value);
}

/* More than is read at a time, on both sides. */
static void lose_the_end_of_a_long_segment(struct ctl_bench *bench)
{
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT);
    put_long_values(data, 2);
    data_finish(data);
    data = fill(bench, "r", AERO_ROLE_REPLICA, COPIED_AT);
    put_long_values(data, 4);
    data_put_to(data, AHEAD_AT);
    data_finish(data);
}

static void test_interrupted_anywhere_another_run_finishes(void **state)
{
    (void)state;
    interrupt_everywhere(lose_by_a_cut, OF_CHANGES, false);
    interrupt_everywhere(lose_by_an_older_copy, OF_CHANGES, false);
}

static void test_a_start_of_the_primary_in_between_does_no_harm(void **state)
{
    (void)state;
    interrupt_everywhere(lose_by_an_older_copy, OF_CHANGES, true);
}

static void test_unreadable_from_anywhere_on_another_run_finishes(void **state)
{
    (void)state;
    interrupt_everywhere(lose_by_an_older_copy, OF_READINGS, false);
    interrupt_everywhere(lose_by_an_older_copy, OF_THE_REPLICAS_READINGS, false);
}

/* Nothing is planned on half of what a disk holds: it is read to its end, or what could not be read counts as damaged. */
static void test_a_log_that_cannot_be_read_is_not_taken_for_a_short_one(void **state)
{
    struct ctl_bench *bench = *state;
    lose_the_end_of_a_long_segment(bench);
    const struct {
        enum aero_code code;
        bool once;
    } cases[] = {{AERO_CRASHED, false}, {AERO_CRASHED, true}, {AERO_IO, false}};
    for (size_t i = 0; i < 6; i++) {
        int who = i % 2 == 0 ? MINE : THEIRS;
        bool done = false;
        unsigned refused = 0;
        for (uint64_t fail_at = 1; !done; fail_at++) {
            struct scene scene;
            scene_open(bench, &scene);
            scene.disks[who].fail_reading = fail_at;
            scene.disks[who].code = cases[i / 2].code;
            scene.disks[who].fails_once = cases[i / 2].once;
            bool whole = aero_is_ok(scene_read(&scene));
            done = scene.disks[who].readings < fail_at;
            refused += !whole;
            for (size_t k = 0; whole && k < scene.logs[who].count; k++) {
                const struct aero_salvage_segment *segment = &scene.logs[who].segments[k];
                whole = aero_is_ok(segment->listed.header_status) && segment->whole;
            }
            for (size_t k = 0; whole && k < scene.logs[MINE].count; k++) {
                whole = !scene.logs[MINE].segments[k].parted;
            }
            assert_int_equal(whole, done);
            scene_close(&scene);
        }
        assert_true(refused > 0);
    }
}

/* ---- Copies that are none --------------------------------------------------------------------------------------- */

/* Stopped while it copied: what stands in the log is still the primary's own. */
static void expect_stopped_copying(struct ctl_bench *bench, struct scene *scene,
                                   enum aero_code code)
{
    assert_int_equal(scene_act(scene).code, code);
    assert_string_equal(scene->failure.step, "copying");
    scene_close(scene);
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "records to LSN 150,");
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, AHEAD_AT);
}

static void test_a_copy_that_the_disk_does_not_keep_takes_no_place(void **state)
{
    (void)state;
    const struct {
        size_t keeps;
        enum aero_code code;
    } cases[] = {{100, AERO_INCOMPLETE}, {AERO_SEGMENT_HEADER_BYTES + 1000, AERO_CORRUPT}};
    for (size_t i = 0; i < 2; i++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct scene scene;
        lose_by_an_older_copy(bench);
        scene_open(bench, &scene);
        scene_plan(&scene);
        scene.disks[MINE].lie = "wal/";
        scene.disks[MINE].lie_keeps = cases[i].keeps;
        expect_stopped_copying(bench, &scene, cases[i].code);
        ctl_bench_free(bench);
    }
}

static void test_a_replicas_file_that_became_shorter_takes_no_place(void **state)
{
    struct ctl_bench *bench = *state;
    struct scene scene;
    lose_by_an_older_copy(bench);
    scene_open(bench, &scene);
    scene_plan(&scene);
    scene.disks[THEIRS].ends_early = true;
    expect_stopped_copying(bench, &scene, AERO_CORRUPT);
}

/* Whole in every checksum, and not the records that were planned. */
static void test_a_replicas_file_that_became_another_takes_no_place(void **state)
{
    struct ctl_bench *bench = *state;
    struct scene scene;
    lose_by_an_older_copy(bench);
    scene_open(bench, &scene);
    scene_plan(&scene);
    for (size_t i = 0; i < scene.logs[THEIRS].count; i++) {
        scene.logs[THEIRS].segments[i].end.chain ^= 1;
    }
    expect_stopped_copying(bench, &scene, AERO_CORRUPT);
}

/* Copied piece by piece, and read back so: whichever piece fails. */
static void test_a_long_segment_is_copied_whole_or_not_at_all(void **state)
{
    (void)state;
    for (int who = MINE; who <= THEIRS; who++) {
        unsigned copying = 0;
        bool behind = false;
        for (uint64_t fail_reading = 1; !behind; fail_reading++) {
            struct ctl_bench *bench = ctl_bench_new();
            struct scene scene;
            lose_the_end_of_a_long_segment(bench);
            scene_open(bench, &scene);
            scene_plan(&scene);
            scene.disks[who].fail_reading = fail_reading;
            scene.disks[who].code = who == MINE ? AERO_CRASHED : AERO_IO;
            bool failed = !aero_is_ok(scene_act(&scene));
            bool copies = failed && strcmp(scene.failure.step, "copying") == 0;
            behind = copying > 0 && !copies;
            copying += copies;
            scene_close(&scene);
            assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
            assert_true(!copies || strstr(bench->out, "records to LSN 152,") != NULL);
            assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
            expect_whole(bench, AHEAD_AT);
            ctl_bench_free(bench);
        }
        assert_true(copying > 3);
    }
}

/* The manifest counts to 2^32 - 1. */
static void test_more_lost_records_than_can_be_counted_are_not_few(void **state)
{
    struct ctl_bench *bench = *state;
    struct scene scene;
    struct aero_manifest manifest;
    lose_by_an_older_copy(bench);
    scene_open(bench, &scene);
    scene_plan(&scene);
    scene.plan.brought_count = UINT64_C(1) << 32;
    scene.disks[THEIRS].fail_reading = 1;
    assert_int_equal(scene_act(&scene).code, AERO_IO);
    scene_close(&scene);
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_int_equal(manifest.lost_count, UINT32_MAX);
    aero_manifest_deinit(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted_anywhere_another_run_finishes),
        cmocka_unit_test(test_a_start_of_the_primary_in_between_does_no_harm),
        cmocka_unit_test(test_unreadable_from_anywhere_on_another_run_finishes),
        CTL_TEST(test_a_log_that_cannot_be_read_is_not_taken_for_a_short_one),
        cmocka_unit_test(test_a_copy_that_the_disk_does_not_keep_takes_no_place),
        CTL_TEST(test_a_replicas_file_that_became_shorter_takes_no_place),
        CTL_TEST(test_a_replicas_file_that_became_another_takes_no_place),
        cmocka_unit_test(test_a_long_segment_is_copied_whole_or_not_at_all),
        CTL_TEST(test_more_lost_records_than_can_be_counted_are_not_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
