/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine/recovery_world.h"

/* Long stretches of zeros (of a header, between slots) are sampled. */
static bool is_amid_zeros(const struct aero_buffer *bytes, size_t at)
{
    return at >= 16 && at + 16 < bytes->length &&
           aero_slice_is_zero(aero_slice_of(bytes->data + at - 16, 32));
}

/* FM-8.2, FR-1: every byte of a small directory is flipped. Each is either detected or makes no difference at all. */
static void flip_every_byte(enum aero_role role, unsigned *out_detected)
{
    struct world world = two_snapshots(role);
    struct aero_summary state = aero_tree_summary(world.tree);
    for (size_t n = 0; n < world.power->seen.count; n++) {
        const char *name = world.power->seen.entry[n].name;
        const struct aero_buffer *bytes = power_bytes(world.power, name);
        for (size_t i = 0; i < bytes->length; i++) {
            if (is_amid_zeros(bytes, i) && i % 256 != 0) {
                continue;
            }
            struct power_disk *power = power_disk_clone(world.power);
            flip(power, name, i);
            struct outcome outcome = recover(power);
            if (aero_is_ok(outcome.status)) {
                assert_true(same_summary(outcome.summary, state));
                assert_int_equal(outcome.recovered.end.lsn.value, 20);
            } else {
                assert_true(outcome.report.verdict == AERO_VERDICT_DAMAGE ||
                            outcome.report.verdict == AERO_VERDICT_REFUSED);
                (*out_detected)++;
            }
            outcome_free(&outcome);
            power_disk_free(power);
        }
    }
    world_free(&world);
}

static void test_recover_with_any_byte_flipped_detects_it_or_it_is_harmless(void **state)
{
    (void)state;
    unsigned detected = 0;
    flip_every_byte(AERO_ROLE_PRIMARY, &detected);
    assert_true(detected > 300);
    flip_every_byte(AERO_ROLE_REPLICA, &detected);
    assert_true(detected > 600);
}

/* FR-3: recovery crashes at every operation, whatever the disk keeps of it, and is run again: the same state, the same bytes in
 * quarantine. */
static void test_recover_crashed_anywhere_and_run_again_gives_the_same(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct aero_position end = world.position;
    struct aero_summary summary = aero_tree_summary(world.tree);
    power_put(world.power, "wal/prepared-00000003.tmp", aero_slice_text("left"));
    world_puts(&world, 1);
    world.bytes.length -= 5; /* torn, beyond the proof */
    world_flush(&world);
    bool finished = false;
    for (uint64_t at = 1; !finished; at++) {
        for (uint64_t seed = 0; seed < 12; seed++) {
            struct power_disk *power = power_disk_clone(world.power);
            power_disk_crash_at(power, at);
            struct outcome outcome = recover(power);
            finished = aero_is_ok(outcome.status);
            assert_true(finished || outcome.status.code == AERO_CRASHED);
            outcome_free(&outcome);
            power_disk_return(power, (enum power_fate)(seed % 3), seed);
            outcome = recover(power);
            assert_int_equal(outcome.status.code, AERO_OK);
            assert_true(same_summary(outcome.summary, summary));
            assert_int_equal(outcome.recovered.end.chain, end.chain);
            const struct aero_wal_file *last =
                &outcome.recovered.files[outcome.recovered.file_count - 1];
            assert_int_equal(power_bytes(power, last->name)->length, last->end_offset);
            outcome_free(&outcome);
            power_disk_return(power, POWER_LOST, 0);
            outcome = recover(power); /* a leftover whose removal was lost goes now */
            assert_true(same_summary(outcome.summary, summary));
            outcome_free(&outcome);
            unsigned torn = 0;
            for (size_t i = 0; i < power->seen.count; i++) {
                const char *name = power->seen.entry[i].name;
                torn += strstr(name, ".torn") != NULL;
                assert_null(strstr(name, ".tmp"));
            }
            assert_int_equal(torn, 1);
            power_disk_free(power);
        }
    }
    world_free(&world);
}

/* FM-6.2: any operation of recovery fails with EIO: an error, never a start on ground that is not durable; and the next
 * start recovers the same. */
static void test_recover_with_any_operation_failing_refuses_or_is_harmless(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct aero_summary summary = aero_tree_summary(world.tree);
    world_puts(&world, 1);
    world.bytes.length -= 5;
    world_flush(&world);
    for (uint64_t at = 1; at < 25; at++) {
        struct power_disk *power = power_disk_clone(world.power);
        power->fail_at = at;
        struct outcome outcome = recover(power);
        bool reached = power->changes >= at;
        if (reached) {
            assert_int_equal(outcome.status.code, AERO_IO);
            assert_true(outcome.report.text[0] != '\0');
        }
        outcome_free(&outcome);
        power->fail_at = 0;
        outcome = recover(power);
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_true(same_summary(outcome.summary, summary));
        outcome_free(&outcome);
        power_disk_free(power);
    }
    world_free(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_with_any_byte_flipped_detects_it_or_it_is_harmless),
        cmocka_unit_test(test_recover_crashed_anywhere_and_run_again_gives_the_same),
        cmocka_unit_test(test_recover_with_any_operation_failing_refuses_or_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
