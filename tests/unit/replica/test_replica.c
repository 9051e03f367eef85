/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/replica.h"
#include "tests/unit/engine/recovery_world.h"

/* A replica's core over what recovery makes of a directory. */
static struct aero_replica *start(struct power_disk *power)
{
    static struct aero_logger quiet;
    struct aero_replica_options options = {
        .wal = {.segment_bytes = 1 << 20, .queue_bytes = 1 << 20},
        .checkpoint = {.snapshots_kept = 2, .retention_cap_bytes = 1 << 20},
        .window_bytes = 1 << 20,
        .heartbeat_ns = 1000000000,
        .silence_ns = 10000000000,
        .seed = 1,
    };
    struct outcome outcome = recover(power);
    assert_int_equal(outcome.status.code, AERO_OK);
    struct aero_replica *replica = aero_replica_new(&options, &outcome.recovered, &quiet);
    aero_recovered_deinit(&outcome.recovered);
    return replica;
}

static void expect(struct power_disk *power, enum aero_replica_state state, uint64_t lsn)
{
    struct aero_replica *replica = start(power);
    assert_int_equal(aero_replica_state(replica), state);
    assert_int_equal(aero_replica_applied_lsn(replica).value, lsn);
    aero_replica_free(replica);
}

/* Bootstrapped with a snapshot at LSN 10; the log, whose segment begins before it, has come to `wal_lsn`. */
static struct world bootstrapped(uint64_t wal_lsn)
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
    struct world world = bootstrapped(4);
    expect(world.power, AERO_REPLICA_BOOTSTRAPPING, 4);
    flip(world.power, snapshot_name(&world, 0), 100);
    expect(world.power, AERO_REPLICA_FOLLOWING, 4);
    world_free(&world);
}

static void test_a_snapshot_that_the_log_holds_is_shown(void **state)
{
    (void)state;
    struct world world = bootstrapped(10);
    expect(world.power, AERO_REPLICA_FOLLOWING, 10);
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
        expect(world.power, begins_behind ? AERO_REPLICA_FOLLOWING : AERO_REPLICA_BOOTSTRAPPING,
               begins_behind ? 10 : 0);
        world_free(&world);
    }
}

static void test_an_empty_directory_is_empty(void **state)
{
    (void)state;
    struct world world = replica();
    expect(world.power, AERO_REPLICA_EMPTY, 0);
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
