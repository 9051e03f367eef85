/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine/recovery_world.h"

/* ---- Damage: each kind of evidence ------------------------------------------------------------------------ */

static void test_recover_below_the_proof_is_damage(void **state)
{
    (void)state;
    struct world worlds[] = {primary(), replica()};
    for (size_t i = 0; i < 2; i++) {
        struct world *world = &worlds[i];
        world_begin(world, false);
        world_puts(world, 10);
        world_prove(world);
        flip(world->power, world_segment_name(world), world->bytes.length - 20);
        expect_damage(world, world_segment_name(world), "the durable file");
        world_free(world);
    }
}

/* FM-8.2: whatever rots in a record (magic, length, payload), the report names its file, where it begins, its LSN, and how
 * far the log was durable. */
static void test_recover_of_damage_names_file_offset_and_lsn(void **state)
{
    (void)state;
    static const uint64_t places[] = {0, 8, AERO_RECORD_HEADER_BYTES};
    struct world world = primary();
    uint64_t starts[10];
    world_begin(&world, false);
    for (size_t i = 0; i < 10; i++) {
        starts[i] = world.bytes.length;
        world_puts(&world, 1);
    }
    world_prove(&world);
    for (size_t i = 0; i < 30; i++) {
        struct power_disk *power = power_disk_clone(world.power);
        flip(power, world_segment_name(&world), starts[i / 3] + places[i % 3]);
        struct outcome outcome = recover(power);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
        assert_string_equal(outcome.report.file, world_segment_name(&world));
        assert_int_equal(outcome.report.offset, starts[i / 3]);
        assert_int_equal(outcome.report.lsn.value, i / 3 + 1);
        assert_int_equal(outcome.report.proven_through.value, 10);
        outcome_free(&outcome);
        power_disk_free(power);
    }
    world_free(&world);
}

/* Rot in records that were acknowledged, and a disk that refuses one read of the file which proves them: nothing may be cut for
 * a torn tail, and the next start sees what it is. Found by simulation. */
static void test_recover_with_an_unreadable_proof_cuts_nothing(void **state)
{
    (void)state;
    struct world worlds[] = {primary(), replica()};
    for (size_t i = 0; i < 2; i++) {
        struct world *world = &worlds[i];
        world_begin(world, false);
        world_puts(world, 10);
        world_prove(world);
        flip(world->power, world_segment_name(world), world->bytes.length - 20);
        snprintf(world->power->bad_name, sizeof world->power->bad_name, "%s", AERO_PROOF_FILE);
        world->power->bad_offset = 0;
        struct outcome outcome = recover(world->power);
        assert_int_equal(outcome.status.code, AERO_IO);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
        assert_string_equal(outcome.report.file, AERO_PROOF_FILE);
        outcome_free(&outcome);
        world->power->bad_name[0] = '\0';
        expect_damage(world, world_segment_name(world), "the durable file");
        world_free(world);
    }
}

/* Where nothing is to be cut, a proof that cannot be read is as good as none (decision 5). */
static void test_recover_of_a_whole_log_needs_no_proof(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 10);
    world_prove(&world);
    snprintf(world.power->bad_name, sizeof world.power->bad_name, "%s", AERO_PROOF_FILE);
    world.power->bad_offset = 0;
    expect_clean(&world);
    world_free(&world);
}

static void test_recover_below_a_later_records_mark_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    size_t sixth = world.bytes.length;
    world_puts(&world, 3); /* 6, 7, 8 */
    world.mark = 6;
    world_puts(&world, 1); /* 9 says that 6 had been durable */
    world_flush(&world);
    flip(world.power, world_segment_name(&world), sixth + 9);
    expect_damage(&world, world_segment_name(&world), "a later record's mark");
    world_free(&world);
}

/* Decision 5: marks in the primary's records speak of the primary's disk. */
static void test_recover_of_a_replica_ignores_its_primarys_marks(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    size_t sixth = world.bytes.length;
    world_puts(&world, 3);
    world.mark = 7;
    world_puts(&world, 1);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), sixth + 9);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.recovered.end.lsn.value, 5);
    outcome_free(&outcome);
    world_free(&world);
}

static void test_recover_before_the_end_that_a_successor_names_is_damage(void **state)
{
    (void)state;
    struct world worlds[] = {primary(), replica()};
    for (size_t i = 0; i < 2; i++) {
        struct world *world = &worlds[i];
        char first[AERO_DISK_NAME_MAX];
        world_begin(world, false);
        world_puts(world, 10);
        snprintf(first, sizeof first, "%s", world_segment_name(world));
        world_begin(world, true);
        world_puts(world, 10);
        world_flush(world);
        power_bytes(world->power, first)->length -= 200; /* a file that was cut short */
        expect_damage(world, first, "the successor's header");
        world_free(world);
    }
}

/* A successor that was begun behind another history has the right offset and LSN, and not the chain. */
static void test_recover_with_a_successor_of_another_chain_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    char first[AERO_DISK_NAME_MAX];
    world_begin(&world, false);
    world_puts(&world, 5);
    snprintf(first, sizeof first, "%s", world_segment_name(&world));
    world.position.chain ^= 1;
    world_begin(&world, false);
    world_puts(&world, 1);
    world_flush(&world);
    expect_damage(&world, first, "the successor's header");
    world_free(&world);
}

static void test_recover_of_a_footer_without_a_successor_is_damage_on_its_writer_only(void **state)
{
    (void)state;
    struct world mine = primary();
    struct world theirs = replica();
    world_begin(&mine, false);
    world_puts(&mine, 10);
    world_seal(&mine);
    world_flush(&mine);
    expect_damage(&mine, world_segment_name(&mine), "a footer without a successor");
    world_begin(&theirs, false);
    world_puts(&theirs, 10);
    world_seal(&theirs);
    world_flush(&theirs);
    struct outcome outcome = recover(theirs.power);
    expect_state(&theirs, &outcome);
    assert_true(outcome.recovered.files[0].sealed);
    outcome_free(&outcome);
    expect_clean(&theirs);
    world_free(&mine);
    world_free(&theirs);
}

static void test_recover_of_a_log_that_ends_below_a_snapshot_is_damage_on_a_primary(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    size_t end = world.bytes.length;
    world_puts(&world, 5);
    world_flush(&world);
    world_snapshot(&world);
    power_bytes(world.power, world_segment_name(&world))->length = end;
    expect_damage(&world, world_segment_name(&world), "a snapshot");
    world_free(&world);
}

static void test_recover_without_a_segment_that_the_manifest_knows_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_begin(&world, false);
    world_puts(&world, 5);
    world_flush(&world);
    struct outcome outcome = recover(world.power); /* learns both segments */
    outcome_free(&outcome);
    power_forget(&world.power->seen, AERO_PROOF_FILE);
    power_forget(&world.power->seen, world_segment_name(&world));
    expect_damage(&world, "wal/0000000000000001-00000001.seg", "the manifest");
    power_forget(&world.power->seen, "wal/0000000000000001-00000001.seg");
    expect_damage(&world, "wal", "the manifest");
    world_free(&world);
}

static void test_recover_of_a_record_under_a_bad_header_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_begin(&world, false);
    world_puts(&world, 1);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), 100);
    expect_damage(&world, world_segment_name(&world), "a record under the bad header");
    world_free(&world);
}

static void test_recover_with_a_segment_missing_in_the_middle_names_it(void **state)
{
    (void)state;
    struct world world = primary();
    for (unsigned i = 0; i < 3; i++) {
        world_begin(&world, i > 0);
        world_puts(&world, 5);
    }
    world_flush(&world);
    power_forget(&world.power->seen, "wal/0000000000000006-00000002.seg");
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_CORRUPT);
    assert_non_null(strstr(outcome.report.text, "Segment 2 is missing"));
    outcome_free(&outcome);
    world_free(&world);
}

static void test_recover_of_unreadable_bytes_is_damage_and_not_the_end(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 100);
    world_prove(&world);
    snprintf(world.power->bad_name, sizeof world.power->bad_name, "%s", world_segment_name(&world));
    world.power->bad_offset = 9000;
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
    assert_true(outcome.report.offset > 4096 && outcome.report.offset <= 9000);
    outcome_free(&outcome);
    world_free(&world);
}

/* DET-1, decision 20. */
static void test_recover_to_another_state_than_a_digest_record_names_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    aero_tree_put(world.tree, aero_slice_text("never"), aero_slice_text("logged"), NULL);
    world_digest(&world);
    world_flush(&world);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
    assert_int_equal(outcome.report.lsn.value, 6);
    assert_string_equal(outcome.report.evidence, "a digest record");
    outcome_free(&outcome);
    world_free(&world);
}

static void rewrite_header(struct world *world)
{
    aero_segment_header_encode(&world->segment, world->bytes.data);
    world_flush(world);
}

/* A misdirected write puts a copy of the record behind the snapshot where the segment's first record stood. Its header verifies
 * alone, but the log cannot go on there: the records up to the snapshot need that room. */
static void
test_recover_with_a_copy_of_a_later_record_below_the_snapshot_goes_on_behind_it(void **state)
{
    (void)state;
    for (unsigned below = 1; below <= 3; below++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, below);
        world_flush(&world);
        world_snapshot(&world);
        size_t from = world.bytes.length;
        world_puts(&world, 3);
        world_prove(&world);
        struct aero_buffer *bytes = power_bytes(world.power, world_segment_name(&world));
        memmove(bytes->data + AERO_SEGMENT_HEADER_BYTES, bytes->data + from,
                AERO_RECORD_HEADER_BYTES);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.recovered.manifest.damaged_count, 1);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* A bootstrap in the middle: the snapshot is named, the log up to it was written and not synced, power took the first of its
 * records. Nothing durable is damaged: the log is cut there and fetched again, so that it stays its primary's, byte for byte. */
static void test_recover_of_a_replica_cuts_an_unproven_hole_below_its_snapshot(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world);
    world_puts(&world, 1);
    memset(world.bytes.data + AERO_SEGMENT_HEADER_BYTES, 0, AERO_RECORD_HEADER_BYTES);
    world_flush(&world);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.recovered.manifest.damaged_count, 0);
    assert_int_equal(outcome.recovered.end.lsn.value, 5);
    assert_int_equal(outcome.recovered.files[0].end_offset, AERO_SEGMENT_HEADER_BYTES);
    outcome_free(&outcome);
    world_free(&world);
}

static void test_recover_refuses_segments_that_are_not_this_nodes(void **state)
{
    (void)state;
    struct world other_cluster = primary();
    struct world later_epoch = primary();
    struct world other_history = primary();
    struct world *worlds[] = {&other_cluster, &later_epoch, &other_history};
    for (size_t i = 0; i < 3; i++) {
        world_begin(worlds[i], false);
    }
    other_cluster.segment.cluster_id = world_id(0x12);
    later_epoch.segment.epoch.value = 3;
    other_history.segment.incarnation = world_id(0x42);
    for (size_t i = 0; i < 3; i++) {
        rewrite_header(worlds[i]);
        expect_refusal(worlds[i], "wal/0000000000000001-00000001.seg");
        world_free(worlds[i]);
    }
}

static void test_recover_refuses_a_segment_put_in_anothers_place(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 1);
    world_prove(&world);
    world.segment.nonce = world_id(0x77);
    world_prove_at(&world, 6, world.bytes.length, world.position);
    expect_refusal(&world, "wal/0000000000000001-00000001.seg");
    world_free(&world);
}

static void test_recover_refuses_a_snapshot_of_a_higher_epoch_or_another_cluster(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 1);
        world_flush(&world);
        const char *name = world_snapshot(&world);
        if (i == 0) {
            world.manifest.epoch.value = 1;
        } else {
            world.manifest.cluster_id = world_id(0x99);
        }
        power_forget(&world.power->seen, world_segment_name(&world));
        world_write_manifest(&world);
        expect_refusal(&world, name);
        world_free(&world);
    }
}

static void test_recover_with_one_bad_manifest_slot_rewrites_it(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 3);
        world_flush(&world);
        flip(world.power, "manifest", bad * POWER_FOLDED_SLOT + 99);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_true(outcome.report.manifest_slot_rewritten);
        outcome_free(&outcome);
        power_disk_return(world.power, POWER_LOST, 0);
        outcome = recover(world.power);
        assert_false(outcome.report.manifest_slot_rewritten);
        outcome_free(&outcome);
        flip(world.power, "manifest", 99);
        flip(world.power, "manifest", POWER_FOLDED_SLOT + 99);
        outcome = recover(world.power);
        assert_int_equal(outcome.status.code, AERO_CORRUPT);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_below_the_proof_is_damage),
        cmocka_unit_test(test_recover_of_damage_names_file_offset_and_lsn),
        cmocka_unit_test(test_recover_with_an_unreadable_proof_cuts_nothing),
        cmocka_unit_test(test_recover_of_a_whole_log_needs_no_proof),
        cmocka_unit_test(test_recover_below_a_later_records_mark_is_damage),
        cmocka_unit_test(test_recover_of_a_replica_ignores_its_primarys_marks),
        cmocka_unit_test(test_recover_before_the_end_that_a_successor_names_is_damage),
        cmocka_unit_test(test_recover_with_a_successor_of_another_chain_is_damage),
        cmocka_unit_test(test_recover_of_a_footer_without_a_successor_is_damage_on_its_writer_only),
        cmocka_unit_test(test_recover_of_a_log_that_ends_below_a_snapshot_is_damage_on_a_primary),
        cmocka_unit_test(test_recover_without_a_segment_that_the_manifest_knows_is_damage),
        cmocka_unit_test(test_recover_of_a_record_under_a_bad_header_is_damage),
        cmocka_unit_test(test_recover_with_a_segment_missing_in_the_middle_names_it),
        cmocka_unit_test(test_recover_of_unreadable_bytes_is_damage_and_not_the_end),
        cmocka_unit_test(test_recover_to_another_state_than_a_digest_record_names_is_damage),
        cmocka_unit_test(
            test_recover_with_a_copy_of_a_later_record_below_the_snapshot_goes_on_behind_it),
        cmocka_unit_test(test_recover_of_a_replica_cuts_an_unproven_hole_below_its_snapshot),
        cmocka_unit_test(test_recover_refuses_segments_that_are_not_this_nodes),
        cmocka_unit_test(test_recover_refuses_a_segment_put_in_anothers_place),
        cmocka_unit_test(test_recover_refuses_a_snapshot_of_a_higher_epoch_or_another_cluster),
        cmocka_unit_test(test_recover_with_one_bad_manifest_slot_rewrites_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
