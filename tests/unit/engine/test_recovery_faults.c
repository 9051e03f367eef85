/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery on a disk whose calls fail, one after the other, in every way. Whatever a start that meets the failure does, it says
 * so or serves a state that was there, and takes nothing away from the next start. */
#include "tests/unit/engine/recovery_world.h"

#include <errno.h>

#include "engine/disk_failure.h"

/* ---- Directories, each of which takes other ways through recovery ----------------------------------------- */

static struct world whole_primary(void)
{
    return two_snapshots(AERO_ROLE_PRIMARY);
}

static struct world whole_replica(void)
{
    return two_snapshots(AERO_ROLE_REPLICA);
}

static struct world torn_tail(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world_puts(&world, 1);
    world.bytes.length -= 5;
    world.position.lsn.value--; /* what can still be read */
    world_flush(&world);
    return world;
}

/* Its writer's last segment ends in a footer without a successor: on a replica it is the end, and nothing proves it. */
static struct world sealed_replica(void)
{
    struct world world = two_snapshots(AERO_ROLE_REPLICA);
    world_seal(&world);
    world_flush(&world);
    return world;
}

static struct world never_proven(void)
{
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_digest(&world);
    world_puts(&world, 5);
    world_flush(&world);
    return world;
}

static struct world begun_last_file(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_put(world.power, "wal/0000000000000015-00000003.seg", aero_slice_text("no header"));
    power_put(world.power, "wal/0000000000000015-00000004.seg", aero_slice_of(NULL, 0));
    return world;
}

static struct world damaged_newest_snapshot(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip(world.power, snapshot_name(&world, 1), 300);
    return world;
}

static struct world damaged_below_snapshot(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip(world.power, world_segment_name(&world), AERO_SEGMENT_HEADER_BYTES + 9);
    return world;
}

/* The copy of such a segment cannot be read back: what is copied has to be what was read. */
static struct world damaged_and_not_proven(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world_prove(&world);
    world_puts(&world, 5);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), AERO_SEGMENT_HEADER_BYTES + 9);
    return world;
}

static struct world with_leftovers(void)
{
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_put(world.power, "manifest.tmp", aero_slice_text("left"));
    power_put(world.power, "wal/prepared-00000003.tmp", aero_slice_text("left"));
    power_put(world.power, "snapshots/unnamed.snap", aero_slice_text("left"));
    power_put(world.power, "quarantine/x.tmp", aero_slice_text("left"));
    return world;
}

static struct world begun_replica(void)
{
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_snapshot(&world); /* the log is not there yet */
    return world;
}

static struct world broken_transfer(void)
{
    struct world world = two_snapshots(AERO_ROLE_REPLICA);
    struct aero_buffer *whole = power_bytes(world.power, snapshot_name(&world, 0));
    power_put(world.power, AERO_SNAPSHOT_INCOMING, aero_slice_of(whole->data, whole->length - 1));
    return world;
}

static struct world just_created(void)
{
    return primary();
}

static const struct scene {
    struct world (*make)(void);
    uint64_t proven; /* what every start that succeeds has */
} scenes[] = {
    {whole_primary, 20},
    {whole_replica, 20},
    {torn_tail, 20},
    {long_segment, 0},
    {sealed_replica, 20},
    {never_proven, 0},
    {begun_last_file, 20},
    {begun_replica, 5},
    {broken_transfer, 20},
    {damaged_newest_snapshot, 20},
    {damaged_below_snapshot, 20},
    {damaged_and_not_proven, 20},
    {with_leftovers, 20},
    {just_created, 0},
};

/* ---- One failure ------------------------------------------------------------------------------------------ */

/* A start that succeeds has a state that was there once, with all that was proven. */
static void expect_true_state(const struct world *world, const struct outcome *outcome,
                              uint64_t proven)
{
    uint64_t end = outcome->recovered.end.lsn.value;
    assert_true(end >= proven && end <= world->position.lsn.value);
    assert_true(same_summary(outcome->summary, world->states[end]));
}

/* A start that does not says why: the failure itself, or, where that is about the bytes, that what was durable cannot be read. */
static void expect_said(const struct outcome *outcome, aero_status failure)
{
    const struct aero_recovery_report *report = &outcome->report;
    if (failure.code == AERO_CRASHED) {
        assert_int_equal(outcome->status.code, AERO_CRASHED);
        return;
    }
    if (aero_is_ok(failure)) { /* a read that came short */
        failure = aero_error(AERO_IO);
    }
    assert_true(strlen(report->text) > 20);
    if (outcome->status.code != failure.code) {
        assert_true(!aero_disk_is_refusal(failure));
        assert_int_equal(outcome->status.code, AERO_CORRUPT);
        assert_true(report->verdict == AERO_VERDICT_DAMAGE ||
                    report->verdict == AERO_VERDICT_REFUSED);
    } else {
        assert_int_equal(report->verdict, AERO_VERDICT_REFUSED);
        assert_int_equal(outcome->status.sys_errno, failure.sys_errno);
    }
}

/* False: the start had fewer calls than that. */
static bool fail_one_call(const struct world *world, uint64_t proven, uint64_t call,
                          aero_status failure)
{
    struct power_disk *power = power_disk_clone(world->power);
    power_disk_fail_call(power, call, failure);
    struct outcome outcome = recover(power);
    bool reached = power->calls >= call;
    if (aero_is_ok(outcome.status)) {
        expect_true_state(world, &outcome, proven);
        proven = outcome.recovered.end.lsn.value; /* whatever was visible once */
        assert_true(!reached || failure.code != AERO_CRASHED);
    } else {
        assert_true(reached);
        expect_said(&outcome, failure);
    }
    outcome_free(&outcome);
    assert_int_equal(power->calls_after_crash, 0);
    power_disk_return(power, POWER_KEPT, 0);
    power->fail_call = 0;
    outcome = recover(power);
    assert_int_equal(outcome.status.code, AERO_OK);
    expect_true_state(world, &outcome, proven);
    outcome_free(&outcome);
    power_disk_free(power);
    return reached;
}

static void test_recover_with_any_call_failing_says_so_and_loses_nothing(void **state)
{
    (void)state;
    const aero_status failures[] = {aero_error_errno(EIO),    aero_error_errno(EACCES),
                                    aero_error_errno(ENOMEM), aero_error_errno(ENOSPC),
                                    aero_error(AERO_CRASHED), aero_ok()};
    for (size_t s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
        struct world world = scenes[s].make();
        for (size_t f = 0; f < sizeof failures / sizeof failures[0]; f++) {
            uint64_t call = 1;
            while (fail_one_call(&world, scenes[s].proven, call, failures[f])) {
                call++;
            }
            assert_true(call > 10);
        }
        world_free(&world);
    }
}

/* ---- Reads that are refused for good ------------------------------------------------------------------------- */

static void expect_same(const struct outcome *outcome, const struct outcome *sound)
{
    assert_int_equal(outcome->status.code, AERO_OK);
    assert_int_equal(outcome->recovered.end.lsn.value, sound->recovered.end.lsn.value);
    assert_true(same_summary(outcome->summary, sound->summary));
    assert_int_equal(outcome->report.older_snapshot_used, sound->report.older_snapshot_used);
    assert_int_equal(outcome->report.damaged_count, sound->report.damaged_count);
}

/* False: the start had fewer calls than that. */
static bool refuse_reads_from(const struct world *world, const struct outcome *sound, uint64_t call)
{
    struct power_disk *power = power_disk_clone(world->power);
    power_disk_refuse_reads(power, call);
    struct outcome outcome = recover(power);
    bool reached = power->calls >= call;
    if (aero_is_ok(outcome.status)) {
        expect_same(&outcome, sound);
    } else {
        assert_int_equal(outcome.status.sys_errno, ENOMEM);
        expect_said(&outcome, aero_error_errno(ENOMEM));
    }
    outcome_free(&outcome);
    power->refuse_from_call = 0;
    outcome = recover(power);
    expect_same(&outcome, sound);
    outcome_free(&outcome);
    power_disk_free(power);
    return reached;
}

/* A refusal tells nothing of the bytes (FM-6.2c): what was not read is neither damage nor a torn tail. */
static void test_recover_with_reads_refused_takes_nothing_for_torn(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof scenes / sizeof scenes[0]; s++) {
        struct world world = scenes[s].make();
        struct power_disk *power = power_disk_clone(world.power);
        struct outcome sound = recover(power);
        uint64_t call = 1;
        while (refuse_reads_from(&world, &sound, call)) {
            call++;
        }
        outcome_free(&sound);
        power_disk_free(power);
        world_free(&world);
    }
}

/* Under the bad header stands a record, the only word of it: whichever reads are refused, no start sets it aside. */
static void test_recover_with_reads_refused_keeps_what_a_bad_header_covers(void **state)
{
    (void)state;
    struct world world = record_under_bad_header();
    for (unsigned once = 0; once < 2; once++) {
        bool reached = true;
        for (uint64_t call = 1; reached; call++) {
            struct power_disk *power = power_disk_clone(world.power);
            if (once != 0) {
                power_disk_fail_call(power, call, aero_error_errno(ENOMEM));
            } else {
                power_disk_refuse_reads(power, call);
            }
            struct outcome outcome = recover(power);
            reached = power->calls >= call;
            assert_false(aero_is_ok(outcome.status));
            outcome_free(&outcome);
            power_disk_free(power);
        }
    }
    world_free(&world);
}

/* ---- The first manifest ----------------------------------------------------------------------------------- */

/* A create that fails leaves a directory in which the next one succeeds, or which it finishes. */
static void test_create_with_any_call_failing_can_be_repeated(void **state)
{
    (void)state;
    const aero_status failures[] = {aero_error_errno(EIO), aero_error(AERO_CRASHED)};
    for (size_t f = 0; f < 2; f++) {
        bool reached = true;
        for (uint64_t call = 1; reached; call++) {
            struct world world = primary();
            struct power_disk *power = power_disk_new();
            power_disk_fail_call(power, call, failures[f]);
            aero_status status = aero_create(power_disk_port(power), &world.manifest);
            reached = power->calls >= call;
            assert_int_equal(status.code, reached ? failures[f].code : AERO_OK);
            assert_int_equal(power->calls_after_crash, 0);
            power_disk_return(power, POWER_KEPT, 0);
            power->fail_call = 0;
            bool made = power_find(&power->seen, AERO_MANIFEST_FILE) != NULL;
            status = aero_create(power_disk_port(power), &world.manifest);
            assert_int_equal(status.code, made ? AERO_EXISTS : AERO_OK);
            struct outcome outcome = recover(power);
            assert_int_equal(outcome.status.code, AERO_OK);
            outcome_free(&outcome);
            power_disk_free(power);
            world_free(&world);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_with_any_call_failing_says_so_and_loses_nothing),
        cmocka_unit_test(test_recover_with_reads_refused_takes_nothing_for_torn),
        cmocka_unit_test(test_recover_with_reads_refused_keeps_what_a_bad_header_covers),
        cmocka_unit_test(test_create_with_any_call_failing_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
