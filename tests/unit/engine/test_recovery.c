/* SPDX-License-Identifier: Apache-2.0 */
#include "base/le.h"
#include "tests/unit/engine/recovery_world.h"

/* ---- Beginnings ------------------------------------------------------------------------------------------- */

static void test_recover_of_an_empty_directory_finds_nothing(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct outcome outcome = recover(power);
    assert_int_equal(outcome.status.code, AERO_NOT_FOUND);
    power_disk_free(power);
}

static void test_recover_of_a_new_directory_is_empty_and_clean(void **state)
{
    (void)state;
    struct world world = primary();
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.summary.count, 0);
    assert_int_equal(outcome.recovered.end.lsn.value, 0);
    assert_int_equal(outcome.recovered.file_count, 0);
    outcome_free(&outcome);
    world_free(&world);
}

/* An empty or wrong directory never silently becomes something. */
static void test_recover_without_a_manifest_refuses_wal_and_snapshots(void **state)
{
    (void)state;
    const char *const names[] = {"wal/0000000000000001-00000001.seg", "snapshots/x.snap"};
    for (size_t i = 0; i < 2; i++) {
        struct power_disk *power = power_disk_new();
        power_put(power, names[i], aero_slice_text("something"));
        struct outcome outcome = recover(power);
        assert_int_equal(outcome.status.code, AERO_MISMATCH);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
        power_disk_free(power);
    }
}

/* A disk that does not say what it holds is no empty one. */
static void test_create_passes_on_that_nothing_can_be_read(void **state)
{
    (void)state;
    struct world world = primary();
    struct aero_disk disk = power_disk_port(world.power);
    power_disk_crash_at(world.power, 1);
    assert_int_equal(disk.ops->unlink(disk.self, "nothing").code, AERO_CRASHED);
    assert_int_equal(aero_create(disk, &world.manifest).code, AERO_CRASHED);
    world_free(&world);
}

static void test_create_refuses_where_anything_exists(void **state)
{
    (void)state;
    struct world world = primary();
    assert_int_equal(aero_create(power_disk_port(world.power), &world.manifest).code, AERO_EXISTS);
    memset(power_bytes(world.power, "manifest")->data, 0xFF, 100);
    memset(power_bytes(world.power, "manifest")->data + POWER_FOLDED_SLOT, 0xFF, 100);
    assert_int_equal(aero_create(power_disk_port(world.power), &world.manifest).code, AERO_EXISTS);
    world_write_manifest(&world);
    uint8_t *slot = power_bytes(world.power, "manifest")->data;
    slot[8] = 3; /* of a version to come */
    aero_store_u64(slot + 40, aero_checksum64(aero_slice_of(slot, 40)));
    assert_int_equal(aero_create(power_disk_port(world.power), &world.manifest).code, AERO_EXISTS);
    struct power_disk *power = power_disk_new();
    power_put(power, "snapshots/x.snap", aero_slice_text("something"));
    assert_int_equal(aero_create(power_disk_port(power), &world.manifest).code, AERO_EXISTS);
    power_disk_free(power);
    world_free(&world);
}

/* A directory that is somebody else's: nothing is made in it, and nothing that looks temporary is removed from it. */
static void test_create_refuses_a_directory_with_other_files(void **state)
{
    (void)state;
    struct world world = primary();
    struct power_disk *power = power_disk_new();
    power_put(power, "letter.tmp", aero_slice_text("something"));
    assert_int_equal(aero_create(power_disk_port(power), &world.manifest).code, AERO_MISMATCH);
    assert_int_equal(power->seen.count, 1);
    power_disk_free(power);
    power = power_disk_new();
    power_put(power, "lock", aero_slice_text(""));
    power_put(power, "manifest.tmp", aero_slice_text("of a create that was interrupted"));
    assert_int_equal(aero_create(power_disk_port(power), &world.manifest).code, AERO_OK);
    power_disk_free(power);
    world_free(&world);
}

/* ---- Clean ends ------------------------------------------------------------------------------------------- */

static void test_recover_replays_segments_in_order(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 10);
    world_digest(&world);
    world_begin(&world, true);
    world_begin(&world, true); /* one without a record */
    world_puts(&world, 10);
    world_flush(&world);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.replayed_records, 21);
    assert_int_equal(outcome.recovered.file_count, 3);
    const struct aero_wal_file *files = outcome.recovered.files;
    assert_true(files[0].sealed && files[1].sealed && !files[2].sealed);
    assert_int_equal(files[0].record_count, 11);
    assert_int_equal(files[0].end_offset, files[1].header.prev_end_offset);
    assert_int_equal(files[2].end.lsn.value, 21);
    assert_int_equal(files[2].end_offset, world.bytes.length);
    /* The history learnt the segments, for good. */
    assert_int_equal(outcome.recovered.manifest.history.segment_count, 3);
    outcome_free(&outcome);
    outcome = recover(world.power);
    assert_int_equal(outcome.recovered.manifest.history.segment_count, 3);
    outcome_free(&outcome);
    world_free(&world);
}

/* Decision 2: what is not proven is copied to a new file, synced and renamed; what is proven is not, and after one
 * recovery everything is. */
static void test_recover_makes_the_unproven_part_durable_anew_once(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 10);
    world_flush(&world);
    struct power_file *original = power_find(&world.power->seen, world_segment_name(&world))->file;
    original->references++;
    aero_buffer_clear(&original->durable); /* only the page cache has it */
    expect_clean(&world);
    struct power_file *copy = power_find(&world.power->seen, world_segment_name(&world))->file;
    assert_ptr_not_equal(copy, original);
    assert_true(
        aero_slice_equal(aero_buffer_slice(&copy->durable), aero_buffer_slice(&original->seen)));
    expect_clean(&world);
    assert_ptr_equal(power_find(&world.power->seen, world_segment_name(&world))->file, copy);
    power_disk_return(world.power, POWER_LOST, 0);
    expect_clean(&world);
    power_file_release(original);
    world_free(&world);
}

/* Decision 25: a recycled segment must not cry wolf, and decision 3: what stands behind the end that the successor names is
 * never read again. */
static void test_recover_reads_a_segment_only_to_the_end_its_successor_names(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 3);
    struct world lost =
        world; /* 4 and 5 failed; the log went on in a successor that ends it at 3 */
    lost.bytes = (struct aero_buffer){0};
    lost.tree = aero_tree_new();
    aero_buffer_append_slice(&lost.bytes, aero_buffer_slice(&world.bytes));
    world_puts(&lost, 2);
    char first[AERO_DISK_NAME_MAX];
    snprintf(first, sizeof first, "%s", world_segment_name(&world));
    world_begin(&world, false);
    power_put(world.power, first, aero_buffer_slice(&lost.bytes));
    world_put(&world, "key:4", "again");
    world_flush(&world);
    expect_clean(&world);
    aero_buffer_deinit(&lost.bytes);
    aero_tree_free(lost.tree);
    world_free(&world);
}

static void test_recover_ends_cleanly_before_bytes_of_another_life(void **state)
{
    (void)state;
    struct world world = primary();
    struct world earlier = primary();
    world_begin(&earlier, false);
    world_begin(&earlier, false); /* another nonce */
    world_puts(&earlier, 30);
    world_begin(&world, false);
    world_puts(&world, 4);
    struct aero_buffer *bytes = &world.bytes;
    size_t end = bytes->length;
    aero_buffer_append(bytes, earlier.bytes.data + end, earlier.bytes.length - end);
    world_flush(&world);
    bytes->length = end;
    expect_clean(&world);
    world_free(&earlier);
    world_free(&world);
}

/* The log is torn at every offset: recovered is the prefix of whole records, the rest is set aside, byte for byte, and the
 * next start finds a clean end. */
static void test_recover_of_a_log_torn_anywhere_keeps_the_prefix(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    uint64_t ends[6] = {world.bytes.length};
    for (unsigned i = 1; i <= 5; i++) {
        world_puts(&world, 1);
        ends[i] = world.bytes.length;
    }
    for (size_t length = ends[0]; length < ends[5]; length++) {
        struct power_disk *power = power_disk_clone(world.power);
        unsigned whole = 0;
        while (ends[whole + 1] <= length) {
            whole++;
        }
        power_put(power, world_segment_name(&world), aero_slice_of(world.bytes.data, length));
        struct outcome outcome = recover(power);
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_int_equal(outcome.recovered.end.lsn.value, whole);
        bool torn = length > ends[whole];
        assert_int_equal(outcome.report.verdict == AERO_VERDICT_TORN_TAIL, torn);
        if (torn) {
            /* Zeros at the very end are nothing to keep. */
            size_t last = length;
            while (world.bytes.data[last - 1] == 0) {
                last--;
            }
            const struct aero_buffer *aside = power_bytes(power, outcome.report.quarantine);
            assert_int_equal(aside->length, last - ends[whole]);
            assert_memory_equal(aside->data, world.bytes.data + ends[whole], aside->length);
            assert_int_equal(outcome.report.cut_bytes, aside->length);
            assert_int_equal(outcome.report.offset, ends[whole]);
        }
        assert_int_equal(power_bytes(power, world_segment_name(&world))->length, ends[whole]);
        outcome_free(&outcome);
        power_disk_return(power, POWER_LOST, 0);
        outcome = recover(power);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_CLEAN);
        assert_int_equal(outcome.recovered.end.lsn.value, whole);
        outcome_free(&outcome);
        power_disk_free(power);
    }
    world_free(&world);
}

static const char *quarantined(struct power_disk *power)
{
    for (size_t i = 0; i < power->seen.count; i++) {
        if (strncmp(power->seen.entry[i].name, "quarantine/", 11) == 0) {
            return power->seen.entry[i].name;
        }
    }
    return NULL;
}

/* Decision 1: a later record is there, an earlier one is not; nothing proves that the earlier one was durable. */
static void test_recover_of_reordered_sectors_is_a_torn_tail(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    size_t second = world.bytes.length;
    struct aero_position position = world.position;
    world_puts(&world, 5);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), second + 70);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.recovered.end.chain, position.chain);
    assert_non_null(quarantined(world.power));
    outcome_free(&outcome);
    world_free(&world);
}

/* Decision 7: the gate is up before anything is cut, so that no crash can forget it. */
static void test_recover_raises_the_gate_before_it_cuts(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        struct world world = primary();
        world.manifest.pins[0] = (struct aero_pin){.node_name = "beta", .sequence = 1};
        world.manifest.pin_count = 1;
        world_write_manifest(&world);
        world_begin(&world, false);
        world_puts(&world, 5);
        aero_buffer_append(&world.bytes, "torn bytes", 10);
        world_flush(&world);
        power_disk_crash_at(world.power, at);
        struct outcome outcome = recover(world.power);
        outcome_free(&outcome);
        power_disk_return(world.power, POWER_LOST, 0);
        outcome = recover(world.power);
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_int_equal(outcome.recovered.manifest.gate, AERO_GATE_CUT);
        assert_true(strlen(outcome.recovered.manifest.gate_reason) > 10);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* A rename that was durable and a header that was not: set aside, whatever the file's length. */
static void test_recover_drops_a_last_file_whose_header_was_never_durable(void **state)
{
    (void)state;
    for (size_t length = 0; length <= AERO_SEGMENT_HEADER_BYTES; length += 2048) {
        struct world world = primary();
        uint8_t garbage[AERO_SEGMENT_HEADER_BYTES] = "AEROSEG1";
        world_begin(&world, false);
        world_puts(&world, 5);
        world_flush(&world);
        power_put(world.power, "wal/0000000000000006-00000002.seg", aero_slice_of(garbage, length));
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
        assert_int_equal(outcome.recovered.file_count, 1);
        assert_int_equal(quarantined(world.power) != NULL, length != 0);
        outcome_free(&outcome);
        expect_clean(&world);
        world_free(&world);
    }
}

static void test_recover_replays_only_behind_the_newest_snapshot(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.replayed_records, 5);
    assert_int_equal(outcome.recovered.file_count, 2);
    assert_int_equal(outcome.recovered.files[0].end.lsn.value, 10);
    assert_true(outcome.recovered.files[0].sealed);
    assert_false(outcome.report.older_snapshot_used);
    outcome_free(&outcome);
    world_free(&world);
}

static void test_recover_with_a_damaged_snapshot_uses_the_older_and_remembers(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip(world.power, snapshot_name(&world, 1), 300);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_true(outcome.report.older_snapshot_used);
    assert_int_equal(outcome.recovered.replayed_records, 15);
    assert_true(outcome.recovered.manifest.snapshots[1].damaged);
    outcome_free(&outcome);
    outcome = recover(world.power);
    assert_true(outcome.recovered.manifest.snapshots[1].damaged);
    assert_non_null(power_find(&world.power->seen, snapshot_name(&world, 1))); /* kept to look at */
    outcome_free(&outcome);
    power_forget(&world.power->seen, snapshot_name(&world, 0));
    outcome = recover(world.power);
    expect_state(&world, &outcome); /* from the log's beginning */
    assert_int_equal(outcome.recovered.replayed_records, 20);
    outcome_free(&outcome);
    world_free(&world);
}

/* Decision 12: a snapshot of another history is not loaded, however whole it is: at the last record of a segment, where the
 * next one's header says what the log holds, and inside one. */
static void test_recover_refuses_a_snapshot_whose_chain_is_not_the_logs(void **state)
{
    (void)state;
    for (unsigned lsn = 10; lsn <= 15; lsn += 5) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        struct world other = primary();
        world_begin(&other, false);
        world_puts(&other, lsn - 1);
        world_put(&other, "key:1", "of another history");
        other.segment.sequence = 2;
        world_snapshot(&other);
        world.manifest.snapshots[1] = other.manifest.snapshots[0];
        power_put(world.power, snapshot_name(&world, 1),
                  aero_buffer_slice(power_bytes(other.power, snapshot_name(&world, 1))));
        world_write_manifest(&world);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_true(outcome.report.older_snapshot_used);
        outcome_free(&outcome);
        world_free(&other);
        world_free(&world);
    }
}

static void test_recover_without_any_way_to_the_state_is_damage(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world.manifest.wal_floor_sequence = 2;
    world_write_manifest(&world);
    flip(world.power, snapshot_name(&world, 0), 300);
    flip(world.power, snapshot_name(&world, 1), 300);
    expect_damage(&world, "wal/000000000000000b-00000002.seg", "the manifest");
    world_free(&world);
}

/* Decision 12: damage below the loaded snapshot does not stop a start; it is marked, for good, and shown. */
static void test_recover_with_damage_below_the_snapshot_marks_the_segment(void **state)
{
    (void)state;
    const size_t places[] = {100, 4200, 4500, 4096 + 600};
    for (size_t i = 0; i < 4; i++) {
        for (unsigned segment = 0; segment < 2; segment++) {
            struct world world = two_snapshots(AERO_ROLE_PRIMARY);
            const char *name =
                segment == 0 ? "wal/0000000000000001-00000001.seg" : world_segment_name(&world);
            bool seen = segment == 1 || places[i] == 100; /* records that nobody reads are not */
            bool harmful = segment == 1 && places[i] != 4200; /* behind the snapshot */
            if (!harmful) {
                flip(world.power, name, places[i]);
                struct outcome outcome = recover(world.power);
                expect_state(&world, &outcome);
                assert_int_equal(outcome.recovered.manifest.damaged_count, seen);
                assert_int_equal(outcome.report.damaged_count, seen);
                if (seen) {
                    const struct aero_damaged_segment *told = &outcome.report.damaged[0];
                    assert_int_equal(outcome.recovered.manifest.damaged_segments[0], segment + 1);
                    assert_string_equal(told->file, name);
                    /* Of the first segment nothing was read; in the second, the second record is hit. */
                    assert_int_equal(told->offset, segment == 0 ? 0 : 4192);
                    assert_int_equal(told->lsn.value, segment == 0 ? 1 : 12);
                }
                if (segment == 1) {
                    assert_true(outcome.recovered.files[1].damaged);
                }
                outcome_free(&outcome);
                expect_clean(&world);
            }
            world_free(&world);
        }
    }
}

/* The log goes on behind the damage where the next record says so, or the snapshot's own, or the proof. */
static void test_recover_finds_the_snapshots_place_behind_damage(void **state)
{
    (void)state;
    for (unsigned behind = 0; behind < 2; behind++) {
        for (unsigned damaged = 1; damaged <= 5; damaged++) {
            struct world world = primary();
            size_t offset = 0;
            world_begin(&world, false);
            for (unsigned i = 1; i <= 5; i++) {
                offset = i == damaged ? world.bytes.length : offset;
                world_puts(&world, 1);
            }
            world_flush(&world);
            world_snapshot(&world);
            world_puts(&world, behind);
            world_prove(&world);
            flip(world.power, world_segment_name(&world), offset + 66);
            expect_clean(&world);
            flip(world.power, world_segment_name(&world), offset + 66);
            flip(world.power, world_segment_name(&world), offset + 10);
            expect_clean(&world);
            world_free(&world);
        }
    }
}

/* ---- Replicas --------------------------------------------------------------------------------------------- */

/* A bootstrapped replica: the snapshot is ahead of the log that is being fetched, torn at any place. */
static void test_recover_of_a_replica_whose_log_has_not_caught_up_with_its_snapshot(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 10);
    world_snapshot(&world);
    for (size_t length = AERO_SEGMENT_HEADER_BYTES; length <= world.bytes.length; length += 8) {
        power_put(world.power, world_segment_name(&world), aero_slice_of(world.bytes.data, length));
        power_forget(&world.power->seen, AERO_PROOF_FILE);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        const struct aero_wal_file *last = &outcome.recovered.files[0];
        assert_true(last->end.lsn.value <= 10);
        assert_true(last->end_offset <= length);
        assert_int_equal(power_bytes(world.power, last->name)->length, last->end_offset);
        outcome_free(&outcome);
    }
    power_forget(&world.power->seen, world_segment_name(&world));
    power_forget(&world.power->seen, AERO_PROOF_FILE);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome); /* before the first segment came */
    assert_int_equal(outcome.recovered.file_count, 0);
    outcome_free(&outcome);
    world_free(&world);
}

/* ---- Leftovers -------------------------------------------------------------------------------------------- */

static void test_recover_finishes_what_a_crash_left(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world.manifest.snapshots[0] = world.manifest.snapshots[1];
    world.manifest.snapshot_count = 1;
    world.manifest.wal_floor_sequence = 2;
    world_write_manifest(&world);
    const char *const leftovers[] = {"manifest.tmp", "wal/prepared-00000003.tmp",
                                     "snapshots/a.snap.tmp", "quarantine/b.tmp"};
    for (size_t i = 0; i < 4; i++) {
        power_put(world.power, leftovers[i], aero_slice_text("left"));
    }
    power_put(world.power, "quarantine/kept.torn", aero_slice_text("kept"));
    expect_clean(&world);
    for (size_t i = 0; i < 4; i++) {
        assert_null(power_find(&world.power->seen, leftovers[i]));
    }
    assert_null(power_find(&world.power->seen, "wal/0000000000000001-00000001.seg"));
    assert_non_null(power_find(&world.power->seen, "quarantine/kept.torn"));
    size_t snapshots = 0;
    for (size_t i = 0; i < world.power->seen.count; i++) {
        snapshots += strstr(world.power->seen.entry[i].name, ".snap") != NULL;
    }
    assert_int_equal(snapshots, 1);
    world_free(&world);
}

/* Whoever made the directory was killed between the manifest's rename and the sync of the directory: what a start then finds is
 * in the cache alone. Records that it goes on to acknowledge must not depend on that. Found by simulation. */
static void test_recover_makes_the_manifests_name_durable(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 3);
    world_prove(&world);
    power_forget(&world.power->durable, "manifest");
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    outcome_free(&outcome);
    power_disk_return(world.power, POWER_LOST, 1);
    expect_clean(&world);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_of_an_empty_directory_finds_nothing),
        cmocka_unit_test(test_recover_of_a_new_directory_is_empty_and_clean),
        cmocka_unit_test(test_recover_without_a_manifest_refuses_wal_and_snapshots),
        cmocka_unit_test(test_create_refuses_where_anything_exists),
        cmocka_unit_test(test_create_passes_on_that_nothing_can_be_read),
        cmocka_unit_test(test_create_refuses_a_directory_with_other_files),
        cmocka_unit_test(test_recover_replays_segments_in_order),
        cmocka_unit_test(test_recover_makes_the_unproven_part_durable_anew_once),
        cmocka_unit_test(test_recover_reads_a_segment_only_to_the_end_its_successor_names),
        cmocka_unit_test(test_recover_ends_cleanly_before_bytes_of_another_life),
        cmocka_unit_test(test_recover_of_a_log_torn_anywhere_keeps_the_prefix),
        cmocka_unit_test(test_recover_of_reordered_sectors_is_a_torn_tail),
        cmocka_unit_test(test_recover_raises_the_gate_before_it_cuts),
        cmocka_unit_test(test_recover_drops_a_last_file_whose_header_was_never_durable),
        cmocka_unit_test(test_recover_replays_only_behind_the_newest_snapshot),
        cmocka_unit_test(test_recover_with_a_damaged_snapshot_uses_the_older_and_remembers),
        cmocka_unit_test(test_recover_refuses_a_snapshot_whose_chain_is_not_the_logs),
        cmocka_unit_test(test_recover_without_any_way_to_the_state_is_damage),
        cmocka_unit_test(test_recover_with_damage_below_the_snapshot_marks_the_segment),
        cmocka_unit_test(test_recover_finds_the_snapshots_place_behind_damage),
        cmocka_unit_test(test_recover_of_a_replica_whose_log_has_not_caught_up_with_its_snapshot),
        cmocka_unit_test(test_recover_finishes_what_a_crash_left),
        cmocka_unit_test(test_recover_makes_the_manifests_name_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
