/* SPDX-License-Identifier: Apache-2.0 */
/* Verification and recovery are two readers of one directory. Where verification finds no damage, a start must work, and
 * must come to the end and the state that verification named; where a start refuses, verification must have found why. */
#include "engine/verify.h"
#include "tests/unit/engine/recovery_world.h"

static void count_finding(void *self, const struct aero_finding *finding)
{
    (void)self;
    assert_true(strlen(finding->text) > 10);
}

static struct aero_verify_report verify(struct power_disk *power)
{
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {.finding = count_finding};
    struct aero_verify_report report;
    uint64_t changes = power->changes;
    assert_int_equal(
        aero_verify_directory(power_disk_port(power), &options, &observer, &report).code, AERO_OK);
    assert_int_equal(power->changes, changes); /* it changes nothing */
    return report;
}

/* Adds to *out_refused when a start refuses. */
static void expect_agreement(struct power_disk *power, unsigned *out_refused)
{
    struct aero_verify_report report = verify(power);
    struct outcome outcome = recover(power);
    if (!aero_is_ok(outcome.status)) {
        (*out_refused)++;
        assert_true(report.damage_count > 0);
    }
    if (report.damage_count == 0) {
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_true(report.state_known);
        assert_int_equal(report.state_position.lsn.value, outcome.recovered.end.lsn.value);
        assert_int_equal(report.state_position.chain, outcome.recovered.end.chain);
        assert_true(same_summary(report.state, outcome.summary));
    }
    outcome_free(&outcome);
}

/* Long stretches of zeros, and files as a whole, are sampled: recovery's own test takes every byte. */
static bool is_skipped(const struct aero_buffer *bytes, size_t at)
{
    bool amid_zeros = at >= 16 && at + 16 < bytes->length &&
                      aero_slice_is_zero(aero_slice_of(bytes->data + at - 16, 32));
    return amid_zeros ? at % 509 != 0 : at % 3 != 0;
}

static void flip_bytes(struct world *world, unsigned *out_refused)
{
    for (size_t f = 0; f < world->power->seen.count; f++) {
        const char *name = world->power->seen.entry[f].name;
        const struct aero_buffer *bytes = power_bytes(world->power, name);
        for (size_t i = 0; i < bytes->length; i++) {
            if (is_skipped(bytes, i)) {
                continue;
            }
            struct power_disk *power = power_disk_clone(world->power);
            flip(power, name, i);
            expect_agreement(power, out_refused);
            power_disk_free(power);
        }
    }
}

static void test_verify_agrees_with_recovery_on_any_byte_of_a_primary(void **state)
{
    (void)state;
    unsigned refused = 0;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip_bytes(&world, &refused);
    assert_true(refused > 200);
    world_free(&world);
}

static void test_verify_agrees_with_recovery_on_any_byte_of_a_replica(void **state)
{
    (void)state;
    unsigned refused = 0;
    struct world world = two_snapshots(AERO_ROLE_REPLICA);
    flip_bytes(&world, &refused);
    assert_true(refused > 0);
    world_free(&world);
}

static void test_verify_agrees_with_recovery_on_any_length_of_the_last_segment(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        struct world world = two_snapshots((enum aero_role)role);
        size_t length = world.bytes.length;
        for (size_t cut = 0; cut < length; cut += 13) {
            struct power_disk *power = power_disk_clone(world.power);
            power_bytes(power, world_segment_name(&world))->length = cut;
            expect_agreement(power, &refused);
            power_disk_free(power);
        }
        world_free(&world);
    }
    assert_true(refused > 100);
}

static void test_verify_agrees_with_recovery_without_any_one_file(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        struct world world = two_snapshots((enum aero_role)role);
        for (size_t f = 0; f < world.power->seen.count; f++) {
            struct power_disk *power = power_disk_clone(world.power);
            power_forget(&power->seen, world.power->seen.entry[f].name);
            expect_agreement(power, &refused);
            power_disk_free(power);
        }
        world_free(&world);
    }
    assert_true(refused > 0);
}

/* A bootstrap in the middle: power went when the snapshot was there and none of the log behind it, or when only an early piece
 * of the log was. The state is the snapshot's, not that of the log as far as it goes. */
static void
test_verify_agrees_with_recovery_on_a_replica_whose_log_ends_below_its_snapshot(void **state)
{
    (void)state;
    unsigned refused = 0;
    for (size_t records = 0; records < 3; records++) {
        struct world world = replica();
        world_begin(&world, false);
        world_puts(&world, 1);
        size_t record_bytes = world.bytes.length - AERO_SEGMENT_HEADER_BYTES;
        world_puts(&world, 4);
        world_flush(&world);
        world_snapshot(&world);
        power_bytes(world.power, world_segment_name(&world))->length =
            AERO_SEGMENT_HEADER_BYTES + records * record_bytes;
        if (records == 0) {
            power_forget(&world.power->seen, world_segment_name(&world));
        }
        expect_agreement(world.power, &refused);
        world_free(&world);
    }
    assert_int_equal(refused, 0);
}

/* Power went while segments were begun: of some the header was never durable, and the log ends before them, well. */
static void test_verify_agrees_with_recovery_on_headers_that_were_never_durable(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        unsigned refused = 0;
        struct world world = i % 2 == 0 ? primary() : replica();
        world_begin(&world, false);
        world_puts(&world, 3);
        world_prove(&world);
        unsigned torn_count = 1 + i / 4;
        for (unsigned torn = 0; torn < torn_count; torn++) {
            world_begin(&world, false);
        }
        world_flush(&world);
        for (uint64_t sequence = 2; sequence < 2 + torn_count; sequence++) {
            char name[AERO_DISK_NAME_MAX];
            aero_segment_name(aero_lsn_of(4), sequence, name);
            power_bytes(world.power, name)->length = i / 2 % 2 == 0 ? 0 : 100;
        }
        assert_int_equal(verify(world.power).damage_count, 0);
        expect_agreement(world.power, &refused);
        assert_int_equal(refused, 0);
        world_free(&world);
    }
}

/* The log has begun and holds nothing: the proof names its header. */
static void test_verify_agrees_with_recovery_on_a_segment_without_records(void **state)
{
    (void)state;
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        unsigned refused = 0;
        struct world world = role == AERO_ROLE_PRIMARY ? primary() : replica();
        world_begin(&world, false);
        world_prove(&world);
        flip_bytes(&world, &refused);
        assert_true(refused > 10);
        refused = 0;
        struct power_disk *power = power_disk_clone(world.power);
        power_forget(&power->seen, world_segment_name(&world));
        expect_agreement(power, &refused);
        assert_int_equal(refused, 1);
        power_disk_free(power);
        world_free(&world);
    }
}

/* A bootstrap swapped the log away that this proof speaks of: it says nothing about what comes now. */
static void test_verify_heeds_no_proof_of_segments_below_the_floor(void **state)
{
    (void)state;
    unsigned refused = 0;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_prove(&world);
    power_forget(&world.power->seen, world_segment_name(&world));
    world.manifest.wal_floor_sequence = 2;
    world_write_manifest(&world);
    assert_int_equal(verify(world.power).damage_count, 0);
    expect_agreement(world.power, &refused);
    assert_int_equal(refused, 0);
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_agrees_with_recovery_on_any_byte_of_a_primary),
        cmocka_unit_test(test_verify_agrees_with_recovery_on_any_byte_of_a_replica),
        cmocka_unit_test(test_verify_agrees_with_recovery_on_any_length_of_the_last_segment),
        cmocka_unit_test(test_verify_agrees_with_recovery_on_headers_that_were_never_durable),
        cmocka_unit_test(test_verify_agrees_with_recovery_on_a_segment_without_records),
        cmocka_unit_test(test_verify_heeds_no_proof_of_segments_below_the_floor),
        cmocka_unit_test(test_verify_agrees_with_recovery_without_any_one_file),
        cmocka_unit_test(
            test_verify_agrees_with_recovery_on_a_replica_whose_log_ends_below_its_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
