/* SPDX-License-Identifier: Apache-2.0 */
/* What a start shows of its directory (decision 18). */
#include "tests/unit/replica/replica_bench.h"

/* What a core over this directory shows. */
static void expect_start(struct world *world, enum aero_replica_state state, uint64_t lsn)
{
    struct bench *bench = bench_on(power_disk_clone(world->power));
    start(bench);
    expect_at(bench, state, lsn);
    bench_free(bench);
}

/* Bootstrapped with a snapshot at LSN 10; the log, whose segment begins before it, has come to `wal_lsn`. */
static struct world directory(uint64_t wal_lsn)
{
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 10);
    size_t whole = world.bytes.length;
    size_t record = (whole - AERO_SEGMENT_HEADER_BYTES) / 10;
    world_flush(&world);
    world_snapshot(&world);
    power_bytes(world.power, world_segment_name(&world))->length =
        whole - (size_t)(10 - wal_lsn) * record;
    return world;
}

/* Decision 18. History without this: it showed its snapshot at LSN 10 and, when that could not be read any more, 4. */
static void test_a_snapshot_is_not_shown_before_the_log_holds_it(void **state)
{
    (void)state;
    struct world world = directory(4);
    expect_start(&world, AERO_REPLICA_BOOTSTRAPPING, 4);
    flip(world.power, snapshot_name(&world, 0), 100);
    expect_start(&world, AERO_REPLICA_FOLLOWING, 4);
    world_free(&world);
}

static void test_a_snapshot_that_the_log_holds_is_shown(void **state)
{
    (void)state;
    struct world world = directory(10);
    expect_start(&world, AERO_REPLICA_FOLLOWING, 10);
    world_free(&world);
}

/* Nothing of the log has come yet: it begins before the snapshot, or right behind it. */
static void test_an_empty_log_has_to_come_only_if_it_begins_before_the_snapshot(void **state)
{
    (void)state;
    for (int begins_behind = 0; begins_behind < 2; begins_behind++) {
        struct world world = replica();
        world_begin(&world, false);
        world_puts(&world, 10);
        if (begins_behind) {
            world_begin(&world, true);
        }
        const struct aero_segment_start first = {.sequence = world.segment.sequence,
                                                 .before = world.segment.prev_end,
                                                 .nonce = world.segment.nonce,
                                                 .incarnation = WORLD_INCARNATION};
        aero_history_add_segment(&world.manifest.history, &first);
        world.manifest.wal_floor_sequence = world.segment.sequence;
        world_snapshot(&world);
        expect_start(&world, begins_behind ? AERO_REPLICA_FOLLOWING : AERO_REPLICA_BOOTSTRAPPING,
                     begins_behind ? 10 : 0);
        world_free(&world);
    }
}

static void test_an_empty_directory_is_empty(void **state)
{
    (void)state;
    struct world world = replica();
    expect_start(&world, AERO_REPLICA_EMPTY, 0);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_is_not_shown_before_the_log_holds_it),
        cmocka_unit_test(test_a_snapshot_that_the_log_holds_is_shown),
        cmocka_unit_test(test_an_empty_log_has_to_come_only_if_it_begins_before_the_snapshot),
        cmocka_unit_test(test_an_empty_directory_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
