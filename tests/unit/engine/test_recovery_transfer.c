/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot that was on its way to a replica when its process ended (decision 24): kept up to the last block that verifies,
 * durable again before anything is built upon it (decision 2), and worth no start that fails. */
#include "tests/unit/engine/recovery_world.h"

#include <errno.h>

/* A replica with data, whose primary sends it another snapshot: the bytes of its own newest one. */
static struct world transferring(enum aero_role role, size_t length)
{
    struct world world = two_snapshots(role);
    struct aero_buffer *whole = power_bytes(world.power, snapshot_name(&world, 1));
    AERO_ASSERT(length <= whole->length);
    power_put(world.power, AERO_SNAPSHOT_INCOMING, aero_slice_of(whole->data, length));
    return world;
}

/* More than is read at a time, all but the last byte of it. */
static struct world long_transfer(void)
{
    static char value[700 << 10];
    struct world world = replica();
    memset(value, 'v', sizeof value - 1);
    world_begin(&world, false);
    for (unsigned i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof key, "long%u", i);
        world_put(&world, key, value);
    }
    world_flush(&world);
    world_snapshot(&world);
    const struct aero_buffer *whole = power_bytes(world.power, snapshot_name(&world, 0));
    power_put(world.power, AERO_SNAPSHOT_INCOMING, aero_slice_of(whole->data, whole->length - 1));
    return world;
}

static size_t whole_length(void)
{
    struct world world = two_snapshots(AERO_ROLE_REPLICA);
    size_t length = power_bytes(world.power, snapshot_name(&world, 1))->length;
    world_free(&world);
    return length;
}

/* Where the last whole block of these bytes ends. */
static uint64_t end_of_blocks(struct aero_slice bytes)
{
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    (void)aero_snapshot_check_feed(check, bytes);
    uint64_t end = aero_snapshot_check_verified(check);
    aero_snapshot_check_free(check);
    return end;
}

static bool has_file(const struct power_disk *power)
{
    struct power_names seen = power->seen;
    return power_find(&seen, AERO_SNAPSHOT_INCOMING) != NULL;
}

/* Recovers, and again behind a power loss: so much is kept each time, 0: nothing, and the file is as long. */
static void expect_kept(struct world *world, uint64_t bytes)
{
    for (unsigned i = 0; i < 2; i++) {
        struct outcome outcome = recover(world->power);
        expect_state(world, &outcome);
        struct aero_snapshot_check *transfer = outcome.recovered.transfer;
        assert_int_equal(transfer != NULL, bytes != 0);
        assert_int_equal(has_file(world->power), bytes != 0);
        if (transfer != NULL) {
            assert_int_equal(aero_snapshot_check_verified(transfer), bytes);
            assert_int_equal(power_bytes(world->power, AERO_SNAPSHOT_INCOMING)->length, bytes);
        }
        outcome_free(&outcome);
        power_disk_return(world->power, POWER_LOST, 0);
    }
}

static void test_a_transfer_is_kept_to_its_last_whole_block(void **state)
{
    (void)state;
    const size_t whole = whole_length();
    for (size_t length = 0; length <= whole; length += length + 7 < whole ? 7 : 1) {
        struct world world = transferring(AERO_ROLE_REPLICA, length);
        expect_kept(&world, end_of_blocks(aero_buffer_slice(
                                power_bytes(world.power, AERO_SNAPSHOT_INCOMING))));
        world_free(&world);
    }
}

/* Also of an older transfer, whose bytes stand behind those of this one. */
static void test_what_does_not_verify_is_cut_off(void **state)
{
    (void)state;
    const size_t whole = whole_length();
    for (size_t at = 0; at < whole; at += 11) {
        struct world world = transferring(AERO_ROLE_REPLICA, whole);
        struct aero_buffer *file = power_bytes(world.power, AERO_SNAPSHOT_INCOMING);
        file->data[at] ^= 0x40;
        uint64_t end = end_of_blocks(aero_buffer_slice(file));
        assert_true(end <= at);
        expect_kept(&world, end);
        world_free(&world);
    }
    struct world world = transferring(AERO_ROLE_REPLICA, whole);
    struct aero_buffer *file = power_bytes(world.power, AERO_SNAPSHOT_INCOMING);
    power_resize(file, whole + whole / 2);
    memcpy(file->data + whole, file->data, whole / 2);
    expect_kept(&world, whole);
    world_free(&world);
}

/* As where they do not verify: what stands before them is kept. */
static void test_what_cannot_be_read_is_cut_off(void **state)
{
    (void)state;
    struct world world = long_transfer();
    uint64_t size = power_bytes(world.power, AERO_SNAPSHOT_INCOMING)->length;
    snprintf(world.power->bad_name, sizeof world.power->bad_name, "%s", AERO_SNAPSHOT_INCOMING);
    world.power->bad_offset = 2 << 20;
    assert_true(size > world.power->bad_offset);
    const struct aero_buffer *file = power_bytes(world.power, AERO_SNAPSHOT_INCOMING);
    expect_kept(&world, end_of_blocks(aero_slice_of(file->data, 2 << 20)));
    world_free(&world);
}

static void test_a_primary_keeps_none(void **state)
{
    (void)state;
    struct world world = transferring(AERO_ROLE_PRIMARY, whole_length());
    expect_kept(&world, 0);
    world_free(&world);
}

static void test_a_long_transfer_is_kept_piece_by_piece(void **state)
{
    (void)state;
    struct world world = long_transfer();
    uint64_t end =
        end_of_blocks(aero_buffer_slice(power_bytes(world.power, AERO_SNAPSHOT_INCOMING)));
    assert_true(end > (2 << 20));
    expect_kept(&world, end);
    world_free(&world);
}

/* What the first start of a replica with so much of a transfer writes. */
static uint64_t bytes_written(size_t length)
{
    struct world world = transferring(AERO_ROLE_REPLICA, length);
    uint64_t before = world.power->bytes_written;
    struct outcome outcome = recover(world.power);
    uint64_t written = world.power->bytes_written - before;
    outcome_free(&outcome);
    world_free(&world);
    return written;
}

/* The pages of a dead process may be in the cache alone: what is kept has come to the disk in this start. To sync it is not
 * enough, for a page that the disk refused may count as clean. */
static void test_what_only_the_cache_had_is_durable_again(void **state)
{
    (void)state;
    const size_t whole = whole_length();
    struct world world = transferring(AERO_ROLE_REPLICA, whole);
    struct power_name *name = power_find(&world.power->seen, AERO_SNAPSHOT_INCOMING);
    aero_buffer_clear(&name->file->durable);
    expect_kept(&world, whole);
    assert_int_equal(bytes_written(whole), bytes_written(0) + whole);
    world_free(&world);
}

/* Each call fails in turn: the start goes on, and claims nothing that a power loss behind it could take. */
static void test_a_disk_that_fails_costs_the_transfer_alone(void **state)
{
    (void)state;
    const aero_status failures[] = {aero_error_errno(EIO), aero_error_errno(EROFS), aero_ok()};
    const size_t whole = whole_length();
    unsigned lost = 0;
    for (size_t f = 0; f < sizeof failures / sizeof failures[0]; f++) {
        bool reached = true;
        for (uint64_t call = 1; reached; call++) {
            struct world world = transferring(AERO_ROLE_REPLICA, whole - 1);
            struct power_name *name = power_find(&world.power->seen, AERO_SNAPSHOT_INCOMING);
            aero_buffer_clear(&name->file->durable);
            power_disk_fail_call(world.power, call, failures[f]);
            struct outcome outcome = recover(world.power);
            reached = world.power->calls >= call;
            if (aero_is_ok(outcome.status)) {
                uint64_t claimed = outcome.recovered.transfer == NULL
                                       ? 0
                                       : aero_snapshot_check_verified(outcome.recovered.transfer);
                power_disk_return(world.power, POWER_LOST, 0);
                if (claimed != 0) {
                    struct aero_slice left =
                        aero_buffer_slice(power_bytes(world.power, AERO_SNAPSHOT_INCOMING));
                    assert_int_equal(end_of_blocks(left), claimed);
                }
                lost += claimed == 0;
            }
            outcome_free(&outcome);
            world_free(&world);
        }
    }
    assert_true(lost >= 10); /* open, size, read twice, write, truncate, sync */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transfer_is_kept_to_its_last_whole_block),
        cmocka_unit_test(test_what_does_not_verify_is_cut_off),
        cmocka_unit_test(test_what_cannot_be_read_is_cut_off),
        cmocka_unit_test(test_a_primary_keeps_none),
        cmocka_unit_test(test_a_long_transfer_is_kept_piece_by_piece),
        cmocka_unit_test(test_what_only_the_cache_had_is_durable_again),
        cmocka_unit_test(test_a_disk_that_fails_costs_the_transfer_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
