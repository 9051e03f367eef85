/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/retention.h"

#define FILE_COUNT 10
#define FILE_BYTES 100U

/* Segments 1 to 10, snapshots at segments 6 and 8. */
static uint64_t floor_of(const uint64_t *pins, size_t pin_count, uint64_t cap_bytes)
{
    struct aero_wal_file files[FILE_COUNT];
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1, .snapshot_count = 2};
    manifest.snapshots[0].sequence = 6;
    manifest.snapshots[1].sequence = 8;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        files[i] = (struct aero_wal_file){.end_offset = FILE_BYTES};
        files[i].header.sequence = i + 1;
    }
    for (size_t i = 0; i < pin_count; i++) {
        manifest.pins[manifest.pin_count++].sequence = pins[i];
    }
    return aero_retention_floor(&manifest, 2, files, FILE_COUNT, cap_bytes);
}

/* Decision 12: what the older snapshot needs stays. */
static void test_floor_without_pins_is_the_oldest_snapshot(void **state)
{
    (void)state;
    assert_int_equal(floor_of(NULL, 0, 0), 6);
}

/* Decision 24: the lowest pin holds the floor, within the cap. */
static void test_lowest_pin_holds_the_floor(void **state)
{
    (void)state;
    assert_int_equal(floor_of((const uint64_t[]){9, 3}, 2, 1000), 3);
}

static void test_cap_overrules_a_pin(void **state)
{
    (void)state;
    assert_int_equal(floor_of((const uint64_t[]){2}, 1, 2 * FILE_BYTES), 4);
}

static void test_pin_above_the_snapshot_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(floor_of((const uint64_t[]){9}, 1, 1000), 6);
}

/* FM-9.2: no snapshot, no truncation. */
static void test_nothing_goes_without_a_snapshot(void **state)
{
    (void)state;
    struct aero_wal_file file = {.end_offset = FILE_BYTES};
    file.header.sequence = 7;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1};
    assert_int_equal(aero_retention_floor(&manifest, 2, &file, 1, 0), 1);
}

/* Decision 12: with one snapshot the way round its damage is the WAL from the beginning. */
static void test_nothing_goes_before_there_are_two_whole_snapshots(void **state)
{
    (void)state;
    struct aero_wal_file files[2] = {{.end_offset = FILE_BYTES}, {.end_offset = FILE_BYTES}};
    files[0].header.sequence = 1;
    files[1].header.sequence = 2;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1, .snapshot_count = 2};
    manifest.snapshots[0].sequence = 2;
    manifest.snapshots[1].sequence = 2;
    assert_int_equal(aero_retention_floor(&manifest, 2, files, 2, 0), 2);
    manifest.snapshots[1].damaged = true;
    assert_int_equal(aero_retention_floor(&manifest, 2, files, 2, 0), 1);
    manifest.snapshot_count = 1;
    assert_int_equal(aero_retention_floor(&manifest, 2, files, 2, 0), 1);
}

static void test_a_damaged_snapshot_keeps_no_wal(void **state)
{
    (void)state;
    struct aero_wal_file files[3] = {
        {.end_offset = FILE_BYTES}, {.end_offset = FILE_BYTES}, {.end_offset = FILE_BYTES}};
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1, .snapshot_count = 3};
    for (size_t i = 0; i < 3; i++) {
        files[i].header.sequence = i + 1;
        manifest.snapshots[i].sequence = i + 1;
    }
    manifest.snapshots[0].damaged = true;
    assert_int_equal(aero_retention_floor(&manifest, 2, files, 3, 0), 2);
}

static void test_floor_never_falls(void **state)
{
    (void)state;
    struct aero_wal_file file = {.end_offset = FILE_BYTES};
    file.header.sequence = 9;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 8, .snapshot_count = 2, .pin_count = 1};
    manifest.snapshots[0].sequence = 3;
    manifest.snapshots[1].sequence = 4;
    manifest.pins[0].sequence = 2;
    assert_int_equal(aero_retention_floor(&manifest, 2, &file, 1, 1000), 8);
}

/* Pins alone, never a snapshot beyond those that are kept, hold the floor below them. */
static void test_a_snapshot_beyond_those_kept_holds_nothing(void **state)
{
    (void)state;
    struct aero_wal_file files[3] = {
        {.end_offset = FILE_BYTES}, {.end_offset = FILE_BYTES}, {.end_offset = FILE_BYTES}};
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1, .snapshot_count = 3};
    for (size_t i = 0; i < 3; i++) {
        files[i].header.sequence = i + 1;
        manifest.snapshots[i].sequence = i + 1;
    }
    assert_int_equal(aero_retention_floor(&manifest, 2, files, 3, 1000), 2);
    assert_int_equal(aero_retention_floor(&manifest, 3, files, 3, 1000), 1);
}

/* Decision 24: from the grant until the replica reports past it. */
static void test_a_snapshot_is_being_sent_until_its_replica_is_past_it(void **state)
{
    (void)state;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){
        .snapshot_count = 1,
        .snapshots = {{.sequence = 6, .position = {.lsn = {.value = 50}}}},
        .pin_count = 1,
        .pins = {{.sequence = 6, .durable = {.value = 49}}},
    };
    assert_int_equal(aero_retention_spare(&manifest, 0), 1);
    manifest.wal_floor_sequence = 7; /* the cap took the WAL behind it */
    assert_int_equal(aero_retention_spare(&manifest, 0), 0);
    manifest.wal_floor_sequence = 6;
    manifest.pins[0].durable.value = 50;
    assert_int_equal(aero_retention_spare(&manifest, 0), 0);
    manifest.pins[0].durable.value = 1;
    manifest.pins[0].sequence = 5; /* it resumes from WAL */
    assert_int_equal(aero_retention_spare(&manifest, 0), 0);
    assert_int_equal(aero_retention_spare(&manifest, 1), 1);
}

/* A replica that has installed its second snapshot and no WAL yet. */
static void test_floor_without_any_segment_stays(void **state)
{
    (void)state;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.snapshot_count = 2,
                                      .snapshots = {{.sequence = 6}, {.sequence = 9}},
                                      .wal_floor_sequence = 3};
    assert_int_equal(aero_retention_floor(&manifest, 2, NULL, 0, UINT64_MAX), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor_without_pins_is_the_oldest_snapshot),
        cmocka_unit_test(test_lowest_pin_holds_the_floor),
        cmocka_unit_test(test_cap_overrules_a_pin),
        cmocka_unit_test(test_pin_above_the_snapshot_changes_nothing),
        cmocka_unit_test(test_nothing_goes_without_a_snapshot),
        cmocka_unit_test(test_nothing_goes_before_there_are_two_whole_snapshots),
        cmocka_unit_test(test_a_damaged_snapshot_keeps_no_wal),
        cmocka_unit_test(test_a_snapshot_beyond_those_kept_holds_nothing),
        cmocka_unit_test(test_floor_never_falls),
        cmocka_unit_test(test_floor_without_any_segment_stays),
        cmocka_unit_test(test_a_snapshot_is_being_sent_until_its_replica_is_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
