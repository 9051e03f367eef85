/* SPDX-License-Identifier: Apache-2.0 */
/* What proves what: facts that count as evidence, and facts that look like it and do not. */
#include "tests/unit/engine/recovery_world.h"

static void expect_torn_at(struct world *world, uint64_t lsn)
{
    struct outcome outcome = recover(world->power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.recovered.end.lsn.value, lsn);
    assert_true(same_summary(outcome.summary, world->states[lsn]));
    outcome_free(&outcome);
}

static void write_history(struct world *world, struct aero_incarnation incarnation)
{
    assert_int_equal(aero_history_add_incarnation(&world->manifest.history, &incarnation).code,
                     AERO_OK);
    world_write_manifest(world);
}

/* ---- The durable file ------------------------------------------------------------------------------------- */

/* The record stands where the file says, and is another one: a log from elsewhere under this node's proof. */
static void test_recover_of_another_record_than_was_proven_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    struct aero_position other = {.lsn = world.position.lsn, .chain = world.position.chain ^ 1};
    world_flush(&world);
    world_prove_at(&world, 5, world.bytes.length, other);
    expect_damage(&world, world_segment_name(&world), "the durable file");
    world_free(&world);
}

/* What is behind the proof is made durable anew: the proof then covers it, wherever it ended before. */
static void test_recover_behind_an_older_proof_renews_it(void **state)
{
    (void)state;
    for (unsigned in_last_segment = 0; in_last_segment < 2; in_last_segment++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        if (in_last_segment) {
            world_begin(&world, true);
            world_puts(&world, 5);
        }
        world_prove(&world);
        if (!in_last_segment) {
            world_begin(&world, true);
        }
        world_puts(&world, 5);
        world_flush(&world);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.recovered.proof.generation, 6);
        assert_int_equal(outcome.recovered.proof.segment_sequence, 2);
        assert_int_equal(outcome.recovered.proof.end.lsn.value, world.position.lsn.value);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* A proof of segments that are gone, below the floor, says nothing about the log behind them. */
static void test_recover_ignores_a_proof_below_the_floor(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_prove_at(&world, 5, world.bytes.length + 1000, (struct aero_position){{500}, 1});
    world_begin(&world, true);
    world_snapshot(&world);
    world_puts(&world, 5);
    world_flush(&world);
    world.manifest.wal_floor_sequence = 2;
    world_write_manifest(&world);
    expect_clean(&world);
    world_free(&world);
}

/* ---- Below a snapshot ------------------------------------------------------------------------------------- */

/* The record of the snapshot itself is damaged, and none stands behind it. */
static struct world damaged_at_snapshot(enum aero_role role)
{
    struct world world = role == AERO_ROLE_PRIMARY ? primary() : replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world);
    world_flush(&world);
    return world;
}

static void test_recover_of_a_damaged_snapshots_record_needs_a_proof_of_its_end(void **state)
{
    (void)state;
    struct world world = damaged_at_snapshot(AERO_ROLE_PRIMARY);
    size_t end = world.bytes.length;
    struct aero_position position = world.position;
    struct aero_position other = {.lsn = position.lsn, .chain = position.chain ^ 1};
    flip(world.power, world_segment_name(&world), end - 70);
    expect_damage(&world, world_segment_name(&world), "a snapshot"); /* no proof */
    world_prove_at(&world, 5, end, other);
    expect_damage(&world, world_segment_name(&world), "the durable file");
    world_prove_at(&world, 5, end + 8, position); /* beyond the file */
    expect_damage(&world, world_segment_name(&world), "the durable file");
    world_prove_at(&world, 5, end, position);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.manifest.damaged_count, 1);
    outcome_free(&outcome);
    world_free(&world);
}

/* The proof is of the snapshot's end too, but in the next segment, which is gone: where this one goes on it cannot tell, and what
 * is reported is where this one stopped. */
static void test_recover_takes_no_place_from_a_proof_of_another_segment(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 4);
    size_t fifth = world.bytes.length;
    world_puts(&world, 1);
    world_snapshot(&world);
    char first[AERO_DISK_NAME_MAX];
    snprintf(first, sizeof first, "%s", world_segment_name(&world));
    world_begin(&world, false);
    world_prove(&world);
    power_forget(&world.power->seen, world_segment_name(&world));
    flip(world.power, first, fifth + 9);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
    assert_string_equal(outcome.report.evidence, "the durable file");
    assert_string_equal(outcome.report.file, first);
    assert_int_equal(outcome.report.offset, fifth);
    assert_int_equal(outcome.report.lsn.value, 5);
    assert_int_equal(outcome.report.damaged_count, 0);
    world_free(&world);
}

/* A replica's snapshot is no proof of its log; its own durable file is, once it covers the snapshot. */
static void test_recover_of_a_replica_passes_damage_only_below_its_own_proof(void **state)
{
    (void)state;
    for (unsigned proven = 0; proven < 3; proven++) {
        struct world world = replica();
        world_begin(&world, false);
        world_puts(&world, 3);
        struct aero_position early = world.position;
        size_t early_end = world.bytes.length;
        world_puts(&world, 2);
        world_snapshot(&world);
        world_puts(&world, 3);
        world_flush(&world);
        if (proven != 0) {
            world_prove_at(&world, 5, proven == 1 ? early_end : world.bytes.length,
                           proven == 1 ? early : world.position);
        }
        flip(world.power, world_segment_name(&world), early_end + 9);
        struct outcome outcome = recover(world.power);
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_int_equal(outcome.report.verdict,
                         proven == 2 ? AERO_VERDICT_CLEAN : AERO_VERDICT_TORN_TAIL);
        assert_int_equal(outcome.recovered.manifest.damaged_count, proven == 2);
        assert_int_equal(outcome.recovered.end.lsn.value, proven == 2 ? 8 : 5);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* ---- The manifest ----------------------------------------------------------------------------------------- */

/* Whoever began an incarnation at an LSN had everything before it: this node had it on this disk. */
static void test_recover_below_an_incarnation_that_this_node_began_is_damage(void **state)
{
    (void)state;
    for (unsigned own = 0; own < 2; own++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world.bytes.length -= 5;
        world_flush(&world);
        write_history(&world, (struct aero_incarnation){
                                  .epoch = {2},
                                  .nonce = world_id(0x45),
                                  .node_id = own ? WORLD_NODE : WORLD_OTHER_NODE,
                                  .node_name = "x",
                                  .start = {.lsn = {5}, .chain = world.position.chain}});
        if (own) {
            expect_damage(&world, world_segment_name(&world), "the manifest");
        } else {
            expect_torn_at(&world, 4);
        }
        world_free(&world);
    }
}

/* A segment that another node, or nobody that is known, began proves nothing about this disk. */
static void test_recover_ignores_segments_that_others_began(void **state)
{
    (void)state;
    const aero_id unknown = world_id(0x77);
    for (unsigned known = 0; known < 2; known++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        struct aero_segment_start start = {.sequence = 2,
                                           .before = world.position,
                                           .nonce = world_id(0x99),
                                           .incarnation = known ? world_id(0x45) : unknown};
        world.bytes.length -= 5;
        world_flush(&world);
        aero_history_add_segment(&world.manifest.history, &start);
        write_history(&world, (struct aero_incarnation){.epoch = {2},
                                                        .nonce = world_id(0x45),
                                                        .node_id = WORLD_OTHER_NODE,
                                                        .node_name = "x"});
        expect_torn_at(&world, 4);
        world_free(&world);
    }
}

/* The marks in a log that this node wrote, on a disk that is a replica's now: they were about this disk, but the role says that a
 * primary has the rest. */
static void test_recover_of_a_former_primary_takes_its_own_marks_for_none(void **state)
{
    (void)state;
    struct world world = world_new(AERO_ROLE_REPLICA, WORLD_NODE);
    world_begin(&world, false);
    world_puts(&world, 5);
    size_t sixth = world.bytes.length;
    world_puts(&world, 3);
    world.mark = 7;
    world_puts(&world, 1);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), sixth + 9);
    expect_torn_at(&world, 5);
    world_free(&world);
}

/* Nothing is left of a primary's log and no snapshot of it can be read; the proof says that there was something. */
static void test_recover_without_log_and_snapshot_is_damage_by_the_proof(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world);
    world_prove(&world);
    flip(world.power, snapshot_name(&world, 0), 300);
    power_forget(&world.power->seen, world_segment_name(&world));
    expect_damage(&world, "wal", "the durable file");
    world_free(&world);
}

/* A replica's floor, with nothing above it and a snapshot: where a bootstrap begins. */
static void test_recover_of_a_replica_with_a_floor_and_no_log_is_clean(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world);
    world.manifest.wal_floor_sequence = 3;
    world_write_manifest(&world);
    expect_clean(&world);
    world_free(&world);
}

/* ---- Records under a bad header ---------------------------------------------------------------------------- */

/* A file that was never begun may hold records of its earlier life: lower LSNs than its name says. */
static void test_recover_of_a_recycled_file_without_header_is_no_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    struct aero_buffer earlier = {0};
    aero_buffer_append_slice(&earlier, aero_buffer_slice(&world.bytes));
    memset(earlier.data, 0, 512);
    world_flush(&world);
    power_put(world.power, "wal/0000000000000006-00000002.seg", aero_buffer_slice(&earlier));
    expect_torn_at(&world, 5);
    aero_buffer_deinit(&earlier);
    world_free(&world);
}

/* The evidence may stand far behind the header. */
static void test_recover_finds_a_record_far_under_a_bad_header(void **state)
{
    (void)state;
    static char value[100000];
    memset(value, 'v', sizeof value - 1);
    struct world world = primary();
    world_begin(&world, false);
    world_put(&world, "large", value);
    world_puts(&world, 1);
    memset(world.bytes.data + AERO_SEGMENT_HEADER_BYTES, 0, 64);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), 20);
    expect_damage(&world, world_segment_name(&world), "a record under the bad header");
    world_free(&world);
}

/* What is looked at at a time. */
#define PIECE_BYTES ((size_t)64 << 10)

/* A record that begins there; everything before it is gone. */
static struct world one_record_at(size_t at)
{
    static char value[70000];
    struct world world = primary();
    memset(value, 'v', sizeof value - 1);
    world_begin(&world, false);
    size_t begin = world.bytes.length;
    world_put(&world, "large", value);
    value[sizeof value - 1 - (world.bytes.length - at)] = '\0';
    world.bytes.length = begin;
    world.position = world.segment.prev_end;
    world.prev_chain = world.segment.chain0;
    world_put(&world, "large", value);
    assert_int_equal(world.bytes.length, at);
    world_puts(&world, 1);
    memset(world.bytes.data, 0, at);
    world_flush(&world);
    return world;
}

/* It may lie across two pieces. */
static void test_recover_finds_a_record_between_two_pieces_under_a_bad_header(void **state)
{
    (void)state;
    for (size_t before = 0; before <= AERO_RECORD_HEADER_BYTES; before += AERO_RECORD_ALIGN) {
        struct world world = one_record_at(PIECE_BYTES - before);
        expect_damage(&world, world_segment_name(&world), "a record under the bad header");
        world_free(&world);
    }
}

/* A piece that the disk does not give is no evidence: it keeps neither what stands behind it from being found, nor a start from
 * going on where nothing does. */
static void test_recover_looks_past_an_unreadable_piece_under_a_bad_header(void **state)
{
    (void)state;
    struct world world = one_record_at(PIECE_BYTES + AERO_RECORD_ALIGN);
    snprintf(world.power->bad_name, sizeof world.power->bad_name, "%s", world_segment_name(&world));
    world.power->bad_offset = 5000;
    expect_damage(&world, world_segment_name(&world), "a record under the bad header");
    world.power->bad_offset = world.bytes.length - 1; /* the record's own */
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.recovered.file_count, 0);
    outcome_free(&outcome);
    world_free(&world);
}

/* The only file has no header: nothing stays of the log, and the bytes are kept aside. */
static void test_recover_of_a_single_file_without_header_sets_it_aside(void **state)
{
    (void)state;
    struct world world = primary();
    power_put(world.power, "wal/0000000000000001-00000001.seg", aero_slice_text("no header"));
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_TORN_TAIL);
    assert_int_equal(outcome.report.cut_bytes, 9);
    assert_int_equal(outcome.recovered.file_count, 0);
    assert_int_equal(power_bytes(world.power, outcome.report.quarantine)->length, 9);
    outcome_free(&outcome);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_of_another_record_than_was_proven_is_damage),
        cmocka_unit_test(test_recover_behind_an_older_proof_renews_it),
        cmocka_unit_test(test_recover_ignores_a_proof_below_the_floor),
        cmocka_unit_test(test_recover_of_a_damaged_snapshots_record_needs_a_proof_of_its_end),
        cmocka_unit_test(test_recover_takes_no_place_from_a_proof_of_another_segment),
        cmocka_unit_test(test_recover_of_a_replica_passes_damage_only_below_its_own_proof),
        cmocka_unit_test(test_recover_below_an_incarnation_that_this_node_began_is_damage),
        cmocka_unit_test(test_recover_ignores_segments_that_others_began),
        cmocka_unit_test(test_recover_of_a_former_primary_takes_its_own_marks_for_none),
        cmocka_unit_test(test_recover_without_log_and_snapshot_is_damage_by_the_proof),
        cmocka_unit_test(test_recover_of_a_replica_with_a_floor_and_no_log_is_clean),
        cmocka_unit_test(test_recover_of_a_recycled_file_without_header_is_no_damage),
        cmocka_unit_test(test_recover_finds_a_record_far_under_a_bad_header),
        cmocka_unit_test(test_recover_finds_a_record_between_two_pieces_under_a_bad_header),
        cmocka_unit_test(test_recover_looks_past_an_unreadable_piece_under_a_bad_header),
        cmocka_unit_test(test_recover_of_a_single_file_without_header_sets_it_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
