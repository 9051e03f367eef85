/* SPDX-License-Identifier: Apache-2.0 */
/* What a log says when it is read for comparison: each way to go wrong has its status, its place and its sentence. */
#include "tests/unit/engine/recovery_world.h"

#include <errno.h>

#include "base/checksum.h"
#include "base/le.h"
#include "engine/replay.h"

struct reading {
    aero_status status; /* that ended it */
    struct aero_replay_place place;
    bool opened;
    uint64_t records;
    struct aero_position end;
    bool has_state;
    struct aero_summary state;
};

static struct reading read_log(struct power_disk *power, bool with_state)
{
    struct reading reading = {.place = {.text = "never told"}};
    struct aero_replay *replay = NULL;
    struct aero_wal_record record;
    reading.status = aero_replay_open(power_disk_port(power), with_state, &replay, &reading.place);
    while (aero_is_ok(reading.status)) {
        reading.status = aero_replay_next(replay, &record, &reading.place);
        reading.records += aero_is_ok(reading.status);
    }
    reading.opened = replay != NULL;
    if (replay != NULL) {
        reading.end = aero_replay_position(replay);
        reading.has_state = aero_replay_summary(replay, &reading.state);
    }
    aero_replay_close(replay);
    return reading;
}

static void expect_end(struct world *world, uint64_t records, const char *text)
{
    struct reading reading = read_log(world->power, true);
    assert_int_equal(reading.status.code, AERO_NOT_FOUND);
    assert_string_equal(reading.place.text, text);
    assert_int_equal(reading.place.lsn.value, reading.end.lsn.value + 1);
    assert_int_equal(reading.records, records);
    assert_true(reading.has_state);
    assert_true(same_summary(reading.state, world->states[reading.end.lsn.value]));
}

static void expect_wrong(struct world *world, const char *file, uint64_t lsn, const char *text)
{
    struct reading reading = read_log(world->power, true);
    assert_int_equal(reading.status.code, AERO_CORRUPT);
    assert_string_equal(reading.place.text, text);
    assert_string_equal(reading.place.file, file);
    assert_int_equal(reading.place.lsn.value, lsn);
}

/* The first of the two segments of two_snapshots is gone: the log begins behind LSN 10. */
static struct world without_first_segment(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_forget(&world.power->seen, "wal/0000000000000001-00000001.seg");
    return world;
}

/* ---- The way through ------------------------------------------------------------------------------------ */

static void test_replay_of_a_whole_log_ends_with_its_state(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world_digest(&world);
    world_flush(&world);
    expect_end(&world, 21, "the log ends here");
    struct reading reading = read_log(world.power, false);
    assert_int_equal(reading.status.code, AERO_NOT_FOUND);
    assert_int_equal(reading.records, 21);
    assert_false(reading.has_state);
    world_free(&world);
}

static void test_replay_of_a_truncated_log_begins_with_the_snapshot_it_reaches(void **state)
{
    (void)state;
    struct world world = without_first_segment();
    struct aero_replay *replay;
    struct aero_replay_place place;
    struct aero_wal_record record;
    struct aero_summary summary;
    assert_true(aero_is_ok(aero_replay_open(power_disk_port(world.power), true, &replay, &place)));
    assert_int_equal(aero_replay_position(replay).lsn.value, 10);
    assert_int_equal(aero_replay_manifest(replay)->snapshot_count, 2);
    for (uint64_t lsn = 11; lsn <= 20; lsn++) { /* the second snapshot stands at 15 */
        assert_true(aero_is_ok(aero_replay_next(replay, &record, &place)));
        assert_int_equal(aero_replay_summary(replay, &summary), lsn >= 15);
        assert_true(lsn < 15 || same_summary(summary, world.states[lsn]));
    }
    aero_replay_close(replay);
    world_free(&world);
}

/* A replica that was just given its snapshot has no log yet. */
static void test_replay_without_a_log_stands_at_the_snapshot(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world);
    expect_end(&world, 0, "the log ends here");
    world.manifest.snapshots[0].damaged = true;
    world_write_manifest(&world);
    struct reading reading = read_log(world.power, true);
    assert_int_equal(reading.status.code, AERO_NOT_FOUND);
    assert_int_equal(reading.end.lsn.value, 0);
    world_free(&world);
}

static void test_replay_ends_before_what_was_never_whole(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_put(world.power, "wal/0000000000000015-00000003.seg", aero_slice_text("no header"));
    expect_end(&world, 20, "the segment's header does not verify");
    static const uint8_t zeros[AERO_SEGMENT_HEADER_BYTES]; /* room, and nothing written into it */
    power_put(world.power, "wal/0000000000000015-00000003.seg", aero_slice_of(zeros, sizeof zeros));
    expect_end(&world, 20, "the segment's header does not verify");
    power_forget(&world.power->seen, "wal/0000000000000015-00000003.seg");
    world_puts(&world, 1);
    world.bytes.length -= 5;
    world_flush(&world);
    expect_end(&world, 20, "the log ends in bytes that are no record");
    world_free(&world);
}

/* In the middle of the log it is damage, whatever it holds. */
static void test_replay_over_a_bad_header_says_where(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    char second[AERO_DISK_NAME_MAX];
    snprintf(second, sizeof second, "%s", world_segment_name(&world));
    world_begin(&world, true);
    world_puts(&world, 2);
    world_flush(&world);
    flip(world.power, second, 20);
    expect_wrong(&world, second, 11, "the segment's header does not verify");
    world_free(&world);
}

/* ---- What is wrong -------------------------------------------------------------------------------------- */

static void test_replay_without_a_base_is_refused(void **state)
{
    (void)state;
    struct world world = without_first_segment();
    flip(world.power, snapshot_name(&world, 1), 300);
    expect_wrong(&world, "snapshots", 10, "no whole snapshot stands where the log begins");
    world.manifest.snapshots[1].damaged = true;
    world_write_manifest(&world);
    expect_wrong(&world, "snapshots", 10, "no whole snapshot stands where the log begins");
    world_free(&world);
}

/* Decision 12, at a record and at a segment's beginning. */
static void test_replay_from_a_snapshot_of_another_history_is_refused(void **state)
{
    (void)state;
    const char *text = "the snapshot that the state begins with is of another history";
    for (unsigned behind = 0; behind < 2; behind++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        struct aero_position end = world.position;
        world_begin(&world, true);
        world_puts(&world, behind);
        end = behind == 0 ? end : world.position;
        world.position.chain ^= 1;
        world_snapshot(&world);
        world.position = end;
        world_puts(&world, 3);
        world_flush(&world);
        power_forget(&world.power->seen, "wal/0000000000000001-00000001.seg");
        expect_wrong(&world, behind == 0 ? "wal" : world_segment_name(&world), 5 + behind, text);
        world_free(&world);
    }
}

static void test_replay_over_a_missing_record_says_where(void **state)
{
    (void)state;
    const char *first = "wal/0000000000000001-00000001.seg";
    const char *text = "a record is missing, though a later segment follows";
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip(world.power, first, AERO_SEGMENT_HEADER_BYTES + 9);
    expect_wrong(&world, first, 1, text);
    flip(world.power, first, AERO_SEGMENT_HEADER_BYTES + 9);
    char second[AERO_DISK_NAME_MAX];
    snprintf(second, sizeof second, "%s", world_segment_name(&world));
    world_begin(&world, true);
    world_puts(&world, 2);
    world_flush(&world);
    power_forget(&world.power->seen, second);
    expect_wrong(&world, first, 11, text);
    world_free(&world);
}

static void test_replay_of_a_segment_that_continues_another_end_is_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world.position.chain ^= i;
        world.position.lsn.value += 1 - i;
        world_begin(&world, false);
        world_flush(&world);
        expect_wrong(&world, world_segment_name(&world), 6,
                     "the segment does not continue the one before it");
        world_free(&world);
    }
}

static void test_replay_of_a_state_that_the_log_contradicts_is_refused(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    aero_tree_put(world.tree, aero_slice_text("in memory"), aero_slice_text("only"), NULL);
    world_digest(&world);
    world_flush(&world);
    expect_wrong(&world, world_segment_name(&world), 6,
                 "the state does not have the digest that the log says");
    world_free(&world);
}

static void test_replay_of_a_record_that_says_nothing_is_refused(void **state)
{
    (void)state;
    const enum aero_record_type types[] = {AERO_RECORD_COMMIT, AERO_RECORD_DIGEST};
    for (size_t i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world_record(&world, types[i], aero_slice_text("x"));
        world_flush(&world);
        expect_wrong(&world, world_segment_name(&world), 6, "the record's payload is no commit");
        world_free(&world);
    }
}

/* ---- Files that cannot be used at all ------------------------------------------------------------------- */

static void test_replay_without_a_manifest_is_not_found(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct reading reading = read_log(power, true);
    assert_int_equal(reading.status.code, AERO_NOT_FOUND);
    assert_string_equal(reading.place.file, AERO_MANIFEST_FILE);
    power_disk_free(power);
}

static void write_newer_version(struct aero_buffer *header)
{
    const size_t checksum_offset = AERO_SEGMENT_HEADER_BYTES - 8;
    aero_store_u32(header->data + 8, 2);
    aero_store_u64(header->data + checksum_offset,
                   aero_checksum64(aero_slice_of(header->data, checksum_offset)));
}

/* What a newer version wrote is no torn file, wherever it stands. */
static void test_replay_of_a_newer_versions_segment_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        const char *name =
            i == 0 ? "wal/0000000000000001-00000001.seg" : world_segment_name(&world);
        write_newer_version(power_bytes(world.power, name));
        struct reading reading = read_log(world.power, true);
        assert_int_equal(reading.status.code, AERO_UNSUPPORTED);
        assert_string_equal(reading.place.file, name);
        world_free(&world);
    }
}

/* Behind its whole records bytes that are none: only a look at all of them tells that the log ends there. */
static struct world with_torn_tail(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world_puts(&world, 1);
    world.bytes.length -= 5;
    world.position.lsn.value--; /* what can still be read */
    world_flush(&world);
    return world;
}

/* Whatever call fails: an error, or the state that was there at the LSN that was reached. A process that dies is told so. */
static void test_replay_with_any_call_failing_is_never_wrong(void **state)
{
    (void)state;
    struct world worlds[] = {two_snapshots(AERO_ROLE_PRIMARY), without_first_segment(),
                             with_torn_tail()};
    const aero_status failures[] = {aero_error_errno(EIO), aero_error_errno(EACCES),
                                    aero_error(AERO_CRASHED)};
    for (size_t i = 0; i < 9; i++) {
        struct world *world = &worlds[i % 3];
        bool reached = true;
        for (uint64_t call = 1; reached; call++) {
            struct power_disk *power = power_disk_clone(world->power);
            power_disk_fail_call(power, call, failures[i / 3]);
            struct reading reading = read_log(power, true);
            reached = power->calls >= call;
            assert_true(reached || reading.status.code == AERO_NOT_FOUND);
            assert_true(reached || reading.end.lsn.value == world->position.lsn.value);
            if (power->crashed && reading.opened) {
                assert_int_equal(reading.status.code, AERO_CRASHED);
            }
            if (reading.has_state) {
                assert_true(same_summary(reading.state, world->states[reading.end.lsn.value]));
            }
            power_disk_free(power);
        }
    }
    world_free(&worlds[0]);
    world_free(&worlds[1]);
    world_free(&worlds[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_of_a_whole_log_ends_with_its_state),
        cmocka_unit_test(test_replay_of_a_truncated_log_begins_with_the_snapshot_it_reaches),
        cmocka_unit_test(test_replay_without_a_log_stands_at_the_snapshot),
        cmocka_unit_test(test_replay_ends_before_what_was_never_whole),
        cmocka_unit_test(test_replay_over_a_bad_header_says_where),
        cmocka_unit_test(test_replay_without_a_base_is_refused),
        cmocka_unit_test(test_replay_from_a_snapshot_of_another_history_is_refused),
        cmocka_unit_test(test_replay_over_a_missing_record_says_where),
        cmocka_unit_test(test_replay_of_a_segment_that_continues_another_end_is_refused),
        cmocka_unit_test(test_replay_of_a_state_that_the_log_contradicts_is_refused),
        cmocka_unit_test(test_replay_of_a_record_that_says_nothing_is_refused),
        cmocka_unit_test(test_replay_without_a_manifest_is_not_found),
        cmocka_unit_test(test_replay_of_a_newer_versions_segment_says_so),
        cmocka_unit_test(test_replay_with_any_call_failing_is_never_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
