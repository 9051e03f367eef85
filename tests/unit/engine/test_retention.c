/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/retention.h"

#define FILE_COUNT 10
#define FILE_BYTES 100U

/* Segments 1 to 10, snapshots at segments 6 and 8. */
static struct aero_retention decide(const uint64_t *pins, size_t pin_count, uint64_t cap_bytes)
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
    return aero_retention_decide(&manifest, files, FILE_COUNT, cap_bytes);
}

/* Decision 12: what the older snapshot needs stays. */
static void test_floor_without_pins_is_the_oldest_snapshot(void **state)
{
    (void)state;
    assert_int_equal(decide(NULL, 0, 0).floor_sequence, 6);
}

/* Decision 24: the lowest pin holds the floor, within the cap. */
static void test_lowest_pin_holds_the_floor(void **state)
{
    (void)state;
    struct aero_retention decision = decide((const uint64_t[]){9, 3}, 2, 1000);
    assert_int_equal(decision.floor_sequence, 3);
    assert_false(decision.pin_overruled);
}

static void test_cap_overrules_a_pin_and_says_so(void **state)
{
    (void)state;
    struct aero_retention decision = decide((const uint64_t[]){2}, 1, 2 * FILE_BYTES);
    assert_int_equal(decision.floor_sequence, 4);
    assert_true(decision.pin_overruled);
}

static void test_pin_above_the_snapshot_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(decide((const uint64_t[]){9}, 1, 1000).floor_sequence, 6);
}

/* FM-9.2: no snapshot, no truncation. */
static void test_nothing_goes_without_a_snapshot(void **state)
{
    (void)state;
    struct aero_wal_file file = {.end_offset = FILE_BYTES};
    file.header.sequence = 7;
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.wal_floor_sequence = 1};
    assert_int_equal(aero_retention_decide(&manifest, &file, 1, 0).floor_sequence, 1);
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
    assert_int_equal(aero_retention_decide(&manifest, files, 2, 0).floor_sequence, 2);
    manifest.snapshots[1].damaged = true;
    assert_int_equal(aero_retention_decide(&manifest, files, 2, 0).floor_sequence, 1);
    manifest.snapshot_count = 1;
    assert_int_equal(aero_retention_decide(&manifest, files, 2, 0).floor_sequence, 1);
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
    assert_int_equal(aero_retention_decide(&manifest, files, 3, 0).floor_sequence, 2);
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
    assert_int_equal(aero_retention_decide(&manifest, &file, 1, 1000).floor_sequence, 8);
}

/* Decision 24: from the grant until the replica reports past it. */
static void test_a_snapshot_is_being_sent_until_its_replica_is_past_it(void **state)
{
    (void)state;
    const struct aero_snapshot_entry snapshot = {.sequence = 6, .position = {.lsn = {.value = 50}}};
    static struct aero_manifest manifest;
    manifest = (struct aero_manifest){.pin_count = 1};
    manifest.pins[0].sequence = 6;
    manifest.pins[0].durable.value = 49;
    assert_true(aero_retention_is_being_sent(&manifest, &snapshot));
    manifest.pins[0].durable.value = 50;
    assert_false(aero_retention_is_being_sent(&manifest, &snapshot));
    manifest.pins[0].durable.value = 1;
    manifest.pins[0].sequence = 5; /* it resumes from WAL */
    assert_false(aero_retention_is_being_sent(&manifest, &snapshot));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor_without_pins_is_the_oldest_snapshot),
        cmocka_unit_test(test_lowest_pin_holds_the_floor),
        cmocka_unit_test(test_cap_overrules_a_pin_and_says_so),
        cmocka_unit_test(test_pin_above_the_snapshot_changes_nothing),
        cmocka_unit_test(test_nothing_goes_without_a_snapshot),
        cmocka_unit_test(test_nothing_goes_before_there_are_two_whole_snapshots),
        cmocka_unit_test(test_a_damaged_snapshot_keeps_no_wal),
        cmocka_unit_test(test_floor_never_falls),
        cmocka_unit_test(test_a_snapshot_is_being_sent_until_its_replica_is_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
