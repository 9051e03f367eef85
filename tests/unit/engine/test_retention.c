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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floor_without_pins_is_the_oldest_snapshot),
        cmocka_unit_test(test_lowest_pin_holds_the_floor),
        cmocka_unit_test(test_cap_overrules_a_pin_and_says_so),
        cmocka_unit_test(test_pin_above_the_snapshot_changes_nothing),
        cmocka_unit_test(test_nothing_goes_without_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
