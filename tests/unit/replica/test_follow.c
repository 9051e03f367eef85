/* SPDX-License-Identifier: Apache-2.0 */
/* From what the primary sends to the state that clients see: in which order, and where the replica halts instead. */
#include "replica/replica_priv.h"
#include "tests/unit/replica/played_primary.h"

/* Decision 18: nothing is applied, shown or acknowledged before it is durable here. */
static void test_a_record_counts_once_it_is_durable_here(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = following(1);
    set_many(bench, 1);
    ship(bench);
    aero_replica_end_turn(bench->replica);
    hear(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 1);
    expect(bench, "GET k2", "$-1\r\n");
    assert_int_equal(bench->heard.ack.durable.value, 1);
    assert_int_equal(bench->heard.ack.applied.value, 1);
    while (next_request(bench, &request)) {
        finish(bench, &request);
    }
    hear(bench);
    expect(bench, "GET k2", "$4\r\nat 2\r\n");
    assert_int_equal(bench->heard.ack.durable.value, 2);
    assert_int_equal(bench->heard.ack.applied.value, 2);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Decision 23: of two gulps the first is synced, and it alone is acknowledged as durable. */
static void test_an_acknowledgement_covers_what_is_synced_and_no_more(void **state)
{
    (void)state;
    struct aero_core_request request;
    struct bench *bench = following(1);
    set_many(bench, 1);
    ship(bench);
    aero_replica_end_turn(bench->replica);
    assert_true(next_request(bench, &request));
    set_many(bench, 1);
    ship(bench);
    do {
        finish(bench, &request);
        hear(bench);
        assert_int_equal(bench->heard.ack.durable.value,
                         aero_replica_applied_lsn(bench->replica).value);
    } while (next_request(bench, &request));
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* DET-3: the window bounds what is on its way, not how much comes in all. */
static void test_the_window_opens_again_with_what_was_applied(void **state)
{
    (void)state;
    static char value[200 << 10];
    struct bench *bench = following(1);
    memset(value, 'v', sizeof value - 1);
    for (unsigned i = 0; i < 3 * WINDOW_BYTES / sizeof value; i++) {
        set(bench, "large", value);
        ship(bench);
        turn(bench);
    }
    assert_false(aero_replica_wants_close(bench->replica));
    expect_primary_state(bench);
    bench_free(bench);
}

/* FM-11.2: what has come of a record is nobody's until the rest has; the next link begins behind the last whole one. */
static void test_a_part_of_a_record_waits_for_its_rest(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    uint64_t end = bench->primary.bytes.length;
    set_many(bench, 1);
    ship_to(bench, end + AERO_RECORD_HEADER_BYTES + 3);
    turn(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 3);
    hang_up(bench);
    dial(bench);
    assert_int_equal(bench->heard.hello.end.lsn.value, 3);
    assert_int_equal(bench->heard.hello.end_offset, end);
    resume(bench);
    ship_to(bench, end + AERO_RECORD_HEADER_BYTES + 3);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* REP-2: the log here is the primary's, byte for byte, over sealed segments and cut ones, and a start finds it so. */
static void test_the_log_is_a_copy_of_the_primarys(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    for (unsigned i = 0; i < 2; i++) {
        bool seal = i == 0;
        char name[AERO_DISK_NAME_MAX];
        snprintf(name, sizeof name, "%s", world_segment_name(&bench->primary));
        begin_segment(bench, seal);
        struct aero_slice whole = aero_buffer_slice(power_bytes(bench->primary.power, name));
        if (seal) {
            size_t end = whole.length - AERO_SEGMENT_FOOTER_BYTES;
            tell_frame(bench, AERO_FRAME_SEAL,
                       aero_slice_of(whole.data + end, AERO_SEGMENT_FOOTER_BYTES));
        }
        set_many(bench, 3);
        ship(bench);
        turn(bench);
        assert_true(aero_slice_equal(aero_buffer_slice(power_bytes(bench->disk, name)), whole));
    }
    expect_primary_state(bench);
    restart(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* Decision 20: a digest record names the state before it. */
static void test_a_digest_that_agrees_is_passed(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    world_digest(&bench->primary);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    assert_int_equal(bench->heard.count[AERO_FRAME_DIGEST_MISMATCH], 0);
    bench_free(bench);
}

static void test_a_digest_that_differs_halts_and_the_primary_is_told_both(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    struct aero_summary mine = aero_tree_summary(bench->primary.tree);
    rot(bench);
    struct aero_summary told = aero_tree_summary(bench->primary.tree);
    world_digest(&bench->primary);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    expect_halted(bench, "digest mismatch");
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, 3);
    assert_int_equal(bench->heard.count[AERO_FRAME_DIGEST_MISMATCH], 1);
    assert_int_equal(bench->heard.mismatch.lsn.value, 4);
    assert_true(aero_u128_equal(bench->heard.mismatch.found, mine.digest));
    assert_true(aero_u128_equal(bench->heard.mismatch.expected, told.digest));
    assert_int_equal(bench->heard.bye.code, AERO_BYE_HALTED);
    bench_free(bench);
}

/* D-2: no entry of the keyspace, so none of it is applied, whatever its checksums say. */
static void test_a_commit_that_puts_no_entry_halts(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    world_put(&bench->primary, "no key of a client", "no value of one");
    ship(bench);
    turn(bench);
    expect_halted(bench, "malformed commit");
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, 3);
    bench_free(bench);
}

/* Decision 12: the log begins before the snapshot that the state came from; nothing is served before it got there. */
static void test_a_snapshot_is_served_once_the_log_has_passed_it(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    expect_at(bench, AERO_REPLICA_BOOTSTRAPPING, 0);
    follow_to(bench, 4);
    expect_at(bench, AERO_REPLICA_BOOTSTRAPPING, 4);
    expect(bench, "GET k1", "-LOADING ");
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    expect(bench, "GET k10", "$5\r\nat 10\r\n");
    set_many(bench, 1); /* and is served from then on */
    ship(bench);
    expect_at(bench, AERO_REPLICA_FOLLOWING, 10);
    bench_free(bench);
}

/* Only this look can see it: the link that brings the other records begins at LSN 4, where both are the same. */
static void test_a_log_that_passes_another_snapshot_than_ours_halts(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    follow_to(bench, 4);
    hang_up(bench);
    fork_behind(bench, 4, 8);
    follow(bench);
    expect_halted(bench, "diverged");
    bench_free(bench);
}

/* Decision 13: both slots of the manifest name an incarnation before a record of it is taken. */
static void test_an_incarnation_is_durable_before_its_records(void **state)
{
    (void)state;
    struct aero_core_request naming;
    struct aero_core_request other;
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    struct bench *bench = bench_new();
    set_many(bench, 1);
    dial(bench);
    tell_resume(bench);
    ship_header(bench);
    aero_replica_end_turn(bench->replica);
    assert_true(next_request(bench, &naming));
    assert_int_equal(naming.owner, AERO_OWNER_CHECKPOINT);
    aero_replica_end_turn(bench->replica);
    assert_false(next_request(bench, &other));
    finish(bench, &naming);
    assert_true(aero_is_ok(aero_manifest_read(power_disk_port(bench->disk), &manifest, &found)));
    assert_true(found.slot_valid[0] && found.slot_valid[1]);
    assert_non_null(aero_history_find(&manifest.history, WORLD_INCARNATION));
    assert_true(aero_id_equal(manifest.cluster_id, WORLD_CLUSTER));
    aero_manifest_deinit(&manifest);
    ship(bench);
    turn(bench);
    expect_primary_state(bench);
    bench_free(bench);
}

/* The log's copy is sound, and yet the record says nothing about the state. */
static void test_a_digest_of_another_shape_halts(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    world_record(&bench->primary, AERO_RECORD_DIGEST, aero_slice_text("no digest"));
    ship(bench);
    turn(bench);
    expect_halted(bench, AERO_HALT_KIND_DIGEST);
    assert_int_equal(bench->heard.count[AERO_FRAME_DIGEST_MISMATCH], 0); /* there is none to name */
    expect_status(bench, "digests_compared:0\r");
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_record_counts_once_it_is_durable_here),
        cmocka_unit_test(test_an_acknowledgement_covers_what_is_synced_and_no_more),
        cmocka_unit_test(test_the_window_opens_again_with_what_was_applied),
        cmocka_unit_test(test_a_part_of_a_record_waits_for_its_rest),
        cmocka_unit_test(test_the_log_is_a_copy_of_the_primarys),
        cmocka_unit_test(test_a_digest_that_agrees_is_passed),
        cmocka_unit_test(test_a_digest_that_differs_halts_and_the_primary_is_told_both),
        cmocka_unit_test(test_a_commit_that_puts_no_entry_halts),
        cmocka_unit_test(test_a_snapshot_is_served_once_the_log_has_passed_it),
        cmocka_unit_test(test_a_log_that_passes_another_snapshot_than_ours_halts),
        cmocka_unit_test(test_an_incarnation_is_durable_before_its_records),
        cmocka_unit_test(test_a_digest_of_another_shape_halts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
