/* SPDX-License-Identifier: Apache-2.0 */
/* What the replica knows of the primary's past, and what it makes of a primary that tells of another one: nothing that comes from
 * there may end the daemon. */
#include "replica/replica_priv.h"
#include "tests/unit/replica/played_primary.h"

/* Decision 6: an incarnation that would stand before the ones known here. */
static void test_a_history_that_does_not_continue_ours_halts(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    struct aero_history *history = &bench->primary.manifest.history;
    const struct aero_incarnation known = history->incarnations[0];
    const struct aero_incarnation earlier = {.epoch = {.value = 1},
                                             .nonce = world_id(0x40),
                                             .node_id = WORLD_NODE,
                                             .node_name = "alpha"};
    hang_up(bench);
    aero_history_deinit(history);
    *history = (struct aero_history){0};
    assert_true(aero_is_ok(aero_history_add_incarnation(history, &earlier)));
    assert_true(aero_is_ok(aero_history_add_incarnation(history, &known)));
    dial(bench);
    tell_resume(bench);
    turn(bench);
    expect_halted(bench, "history");
    bench_free(bench);
}

/* The primary is another copy of itself: behind the first its list has these starts, of which each is so far behind its end. */
static void begin_instead(struct bench *bench, const char *seeds, uint64_t behind)
{
    struct aero_position start_at = bench->primary.position;
    start_at.lsn.value += behind;
    hang_up(bench);
    set_incarnations(bench, seeds, start_at);
    dial(bench);
    tell_resume(bench);
    turn(bench);
}

/* Decision 7: the starts of an older copy of the primary wrote nothing, and a salvage puts others in their place. Theirs are the
 * records that follow, and the tokens of these must not count as lost. */
static void test_starts_that_wrote_nothing_give_way_to_the_primarys(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    begin_instead(bench, "PQ", 0);
    expect_history(bench, "APQ");
    begin_instead(bench, "R", 0);
    expect_history(bench, "AR");
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_FOLLOWING);
    bench_free(bench);
}

static void test_a_start_with_a_record_here_does_not_give_way(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    begin_instead(bench, "P", 0);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    begin_instead(bench, "R", 0);
    expect_history(bench, "APR");
    bench_free(bench);
}

/* Everything up to it had been durable on a primary that has less now. */
static void test_a_start_behind_all_that_the_primary_knows_does_not_give_way(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    begin_instead(bench, "P", 5);
    expect_history(bench, "AP");
    begin_instead(bench, "R", 0);
    expect_halted(bench, "history");
    bench_free(bench);
}

/* A full list loses starts that wrote nothing; the one behind it has a record here, and is the same one still. */
static void test_a_start_that_the_primary_dropped_since_may_stay(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    struct aero_history *history = &bench->primary.manifest.history;
    begin_instead(bench, "CD", 0);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    hang_up(bench);
    history->incarnations[1] = history->incarnations[2];
    history->incarnation_count = 2;
    follow(bench);
    expect_history(bench, "ACD");
    expect_primary_state(bench);
    bench_free(bench);
}

/* A primary that lies: it could not have written a record. */
static void test_a_history_of_nothing_takes_nothing_of_ours(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    hang_up(bench);
    bench->primary.manifest.history.incarnation_count = 0;
    dial(bench);
    tell_resume(bench);
    turn(bench);
    expect_halted(bench, "unprovable");
    expect_history(bench, "A");
    bench_free(bench);
}

/* ---- That comes with a snapshot ---- */

static void offer_whole(struct bench *bench, const struct aero_snapshot_entry *entry)
{
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
}

/* A replica that has nothing but the primary's word of a start behind record 5. */
static struct bench *told_of_a_start(void)
{
    struct bench *bench = bench_new();
    set_incarnations(bench, "P", (struct aero_position){.lsn = aero_lsn_of(5)});
    dial(bench);
    tell_resume(bench);
    turn(bench);
    expect_history(bench, "AP");
    hang_up(bench);
    return bench;
}

/* History: the swap refused, and each start of the daemon fetched the same snapshot and ended with "check the disk". */
static void test_a_snapshot_whose_starts_do_not_continue_ours_halts(void **state)
{
    (void)state;
    struct bench *bench = told_of_a_start();
    set_many(bench, 3);
    set_incarnations(bench, "RS", bench->primary.position);
    offer_whole(bench, snapshot(bench));
    expect_halted(bench, "history");
    assert_false(aero_replica_wants_reopen(bench->replica));
    assert_null(power_find(&bench->disk->seen, AERO_SNAPSHOT_INCOMING));
    restart(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_HALTED);
    expect_history(bench, "AP");
    bench_free(bench);
}

/* Its segment 3 would have begun before segment 2. History: an assertion ended the daemon. */
static void test_a_snapshot_whose_segments_do_not_continue_ours_halts(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    struct aero_history *history = &bench->primary.manifest.history;
    begin_segment(bench, false);
    set_many(bench, 1);
    ship(bench);
    turn(bench);
    hang_up(bench);
    history->segments[1].sequence = 3;
    history->segments[1].before.lsn.value = 2;
    offer_whole(bench, snapshot(bench));
    expect_halted(bench, "history");
    assert_false(aero_replica_wants_reopen(bench->replica));
    restart(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_HALTED);
    bench_free(bench);
}

/* As where the log goes on: kept, P would say that A ended behind record 3. */
static void test_starts_that_wrote_nothing_give_way_to_those_of_a_snapshot(void **state)
{
    (void)state;
    struct bench *bench = following(3);
    begin_instead(bench, "P", 0);
    expect_history(bench, "AP");
    hang_up(bench);
    set_many(bench, 2);
    set_incarnations(bench, "R", bench->primary.position);
    offer_whole(bench, snapshot(bench));
    reopen(bench);
    expect_history(bench, "AR");
    bench_free(bench);
}

/* It was looked at when it came; what the swap reads is a file. */
static void test_a_snapshot_that_is_another_one_at_the_swap_leaves_the_old_data(void **state)
{
    (void)state;
    char name[AERO_DISK_NAME_MAX];
    struct bench *bench = told_of_a_start();
    set_many(bench, 3);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    aero_snapshot_name(entry, name);
    offer_whole(bench, entry);
    set_incarnations(bench, "RS", bench->primary.position);
    power_put(bench->disk, name, aero_buffer_slice(snapshot_file(bench, snapshot(bench))));
    assert_int_equal(install(bench).code, AERO_MISMATCH);
    restart(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_EMPTY);
    expect_history(bench, "AP");
    bench_free(bench);
}

/* The snapshot told of another segment of this sequence, and there is no log here to compare with. History: an assertion. */
static void test_a_first_segment_that_the_snapshot_does_not_know_halts(void **state)
{
    (void)state;
    struct bench *bench = bootstrapped(10);
    struct world *primary = &bench->primary;
    primary->segment.nonce = world_id(0x99);
    aero_segment_header_encode(&primary->segment, primary->bytes.data);
    dial(bench);
    tell_resume(bench);
    turn(bench);
    ship_header(bench);
    turn(bench);
    expect_halted(bench, "diverged");
    bench_free(bench);
}

/* Decision 15: whoever leads in a lower one is not followed from here on. */
static void test_the_higher_epoch_of_a_snapshot_and_its_starts_counts(void **state)
{
    (void)state;
    for (uint64_t epoch = 1; epoch <= 3; epoch++) { /* of the start; the snapshot's is 2 */
        struct bench *bench = bench_new();
        bench->primary.manifest.history.incarnations[0].epoch.value = epoch;
        set_many(bench, 3);
        offer_whole(bench, snapshot(bench));
        reopen(bench);
        expect_status(bench, epoch == 3 ? "epoch:3\r" : "epoch:2\r");
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_history_that_does_not_continue_ours_halts),
        cmocka_unit_test(test_starts_that_wrote_nothing_give_way_to_the_primarys),
        cmocka_unit_test(test_a_start_with_a_record_here_does_not_give_way),
        cmocka_unit_test(test_a_start_behind_all_that_the_primary_knows_does_not_give_way),
        cmocka_unit_test(test_a_start_that_the_primary_dropped_since_may_stay),
        cmocka_unit_test(test_a_history_of_nothing_takes_nothing_of_ours),
        cmocka_unit_test(test_a_snapshot_whose_starts_do_not_continue_ours_halts),
        cmocka_unit_test(test_a_snapshot_whose_segments_do_not_continue_ours_halts),
        cmocka_unit_test(test_starts_that_wrote_nothing_give_way_to_those_of_a_snapshot),
        cmocka_unit_test(test_a_snapshot_that_is_another_one_at_the_swap_leaves_the_old_data),
        cmocka_unit_test(test_a_first_segment_that_the_snapshot_does_not_know_halts),
        cmocka_unit_test(test_the_higher_epoch_of_a_snapshot_and_its_starts_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
