/* SPDX-License-Identifier: Apache-2.0 */
/* What a start copies: the last segment, made durable anew, and the torn tail, set aside. On a disk that writes other bytes than
 * it was given, or does not read all that is there. */
#include "tests/unit/engine/recovery_world.h"

#include "base/le.h"

#define SEGMENT "wal/0000000000000001-00000001.seg"
#define COPY SEGMENT ".tmp"

/* ---- A copy that is not what was read ---------------------------------------------------------------------- */

/* Three records, one that says `last` unless that is NULL, and a footer when `sealed`: a replica's log may end in one. */
static struct world some_records(const char *last, bool sealed)
{
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 3);
    if (last != NULL) {
        world_put(&world, "last", last);
    }
    if (sealed) {
        world_seal(&world);
    }
    world_flush(&world);
    return world;
}

/* What the disk has in the place of the copy once that is synced. */
static struct aero_buffer instead;

static aero_status sync_other_bytes(void *self, struct aero_disk_file *file)
{
    struct power_disk *disk = self;
    struct power_name *copy = power_find(&disk->seen, COPY);
    if (copy != NULL && copy->file == file->file) {
        power_copy(&file->file->seen, &instead);
    }
    return power_sync(self, file);
}

static struct outcome recover_with_other_copy(struct power_disk *power)
{
    struct aero_disk disk = power_disk_port(power);
    struct aero_disk_ops ops = *disk.ops;
    struct outcome outcome = {.status = {0}};
    ops.sync = sync_other_bytes;
    disk.ops = &ops;
    outcome.status = aero_recover(disk, NULL, &outcome.recovered, &outcome.report);
    return outcome;
}

/* The original stays, and the start says no: the next one has it. */
static void test_recover_keeps_the_segment_when_its_copy_is_another(void **state)
{
    (void)state;
    static const struct {
        bool sealed;
        struct {
            const char *last;
            bool sealed;
            bool flipped; /* a bit at its end */
        } copy;
    } cases[] = {
        {false, {"aa", false, true}},  /* the last record does not verify */
        {false, {NULL, false, false}}, /* it is lost */
        {false, {"bb", false, false}}, /* it is another one, as long */
        {true, {"aa", true, true}},    /* the footer does not verify */
        {true, {"aa", false, false}},  /* it is lost */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world = some_records("aa", cases[i].sealed);
        struct world other = some_records(cases[i].copy.last, cases[i].copy.sealed);
        struct aero_buffer original = {0};
        power_copy(&original, power_bytes(world.power, SEGMENT));
        power_copy(&instead, power_bytes(other.power, SEGMENT));
        instead.data[instead.length - 20] ^= cases[i].copy.flipped;
        assert_false(aero_slice_equal(aero_buffer_slice(&instead), aero_buffer_slice(&original)));

        struct outcome outcome = recover_with_other_copy(world.power);
        assert_int_equal(outcome.status.code, AERO_IO);
        assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
        assert_true(aero_slice_equal(aero_buffer_slice(power_bytes(world.power, SEGMENT)),
                                     aero_buffer_slice(&original)));
        expect_clean(&world);
        assert_null(power_find(&world.power->seen, COPY));
        aero_buffer_deinit(&original);
        world_free(&world);
        world_free(&other);
    }
    aero_buffer_deinit(&instead);
}

/* ---- A tail that is not read whole -------------------------------------------------------------------------- */

#define TAIL_BYTES ((size_t)13000)

/* Five proven records, and behind them bytes that are none, from `*out_offset` in the same page on. */
static struct world long_tail(size_t *out_offset)
{
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_prove(&world);
    *out_offset = world.bytes.length;
    memset(aero_buffer_reserve(&world.bytes, TAIL_BYTES), 't', TAIL_BYTES);
    world.bytes.length += TAIL_BYTES;
    world_flush(&world);
    return world;
}

static void expect_set_aside(struct world *world, struct outcome *outcome,
                             const struct aero_buffer *tail)
{
    expect_state(world, outcome);
    assert_int_equal(outcome->report.verdict, AERO_VERDICT_TORN_TAIL);
    struct aero_buffer *aside = power_bytes(world->power, outcome->report.quarantine);
    assert_true(aero_slice_equal(aero_buffer_slice(aside), aero_buffer_slice(tail)));
}

/* Nothing that can be read leaves service without a copy; what cannot be read is zeros in it, and nothing else. */
static void test_recover_sets_aside_all_that_can_be_read_of_a_tail(void **state)
{
    (void)state;
    for (size_t bad = 4096; bad < TAIL_BYTES; bad += 4096) {
        struct aero_buffer expected = {0};
        size_t offset;
        struct world world = long_tail(&offset);
        aero_buffer_append(&expected, world.bytes.data + offset, TAIL_BYTES);
        memset(expected.data + bad, 0, TAIL_BYTES - bad < 4096 ? TAIL_BYTES - bad : 4096);
        snprintf(world.power->bad_name, sizeof world.power->bad_name, SEGMENT);
        world.power->bad_offset = offset + bad + 100;
        struct outcome outcome = recover(world.power);
        expect_set_aside(&world, &outcome, &expected);
        outcome_free(&outcome);
        aero_buffer_deinit(&expected);
        world_free(&world);
    }
}

/* A read that comes short once: the page behind it is read again, and the copy is whole. */
static void test_recover_sets_a_tail_aside_whole_when_a_read_comes_short(void **state)
{
    (void)state;
    unsigned set_aside = 0;
    bool reached = true;
    for (uint64_t call = 1; reached; call++) {
        struct aero_buffer expected = {0};
        size_t offset;
        struct world world = long_tail(&offset);
        aero_buffer_append(&expected, world.bytes.data + offset, TAIL_BYTES);
        power_disk_fail_call(world.power, call, aero_ok());
        struct outcome outcome = recover(world.power);
        reached = world.power->calls >= world.power->fail_call;
        if (aero_is_ok(outcome.status)) {
            expect_set_aside(&world, &outcome, &expected);
            set_aside++;
        }
        outcome_free(&outcome);
        aero_buffer_deinit(&expected);
        world_free(&world);
    }
    assert_true(set_aside > 20);
}

/* Room behind the log, of which one read comes short: the second look sees the zeros, and nothing is cut. */
static void test_recover_cuts_nothing_of_zeros_that_came_short(void **state)
{
    (void)state;
    unsigned torn = 0;
    bool reached = true;
    for (uint64_t call = 1; reached; call++) {
        size_t offset;
        struct world world = long_tail(&offset);
        memset(world.bytes.data + offset, 0, TAIL_BYTES);
        world_flush(&world);
        power_disk_fail_call(world.power, call, aero_ok());
        struct outcome outcome = recover(world.power);
        reached = world.power->calls >= world.power->fail_call;
        if (aero_is_ok(outcome.status)) {
            expect_state(&world, &outcome);
            assert_int_equal(outcome.report.cut_bytes, 0);
            assert_string_equal(outcome.report.quarantine, "");
            torn += outcome.report.verdict == AERO_VERDICT_TORN_TAIL;
        }
        outcome_free(&outcome);
        world_free(&world);
    }
    assert_int_equal(torn, 1);
}

/* While it reads the tail page by page, too, a start whose process died touches nothing more. */
static void test_recover_that_dies_on_an_unreadable_tail_unwinds_at_once(void **state)
{
    (void)state;
    bool reached = true;
    for (uint64_t call = 1; reached; call++) {
        size_t offset;
        struct world world = long_tail(&offset);
        snprintf(world.power->bad_name, sizeof world.power->bad_name, SEGMENT);
        world.power->bad_offset = offset + 5000;
        power_disk_fail_call(world.power, call, aero_error(AERO_CRASHED));
        struct outcome outcome = recover(world.power);
        reached = world.power->calls >= world.power->fail_call;
        assert_int_equal(outcome.status.code, reached ? AERO_CRASHED : AERO_OK);
        assert_int_equal(world.power->calls_after_crash, 0);
        outcome_free(&outcome);
        world_free(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_keeps_the_segment_when_its_copy_is_another),
        cmocka_unit_test(test_recover_sets_aside_all_that_can_be_read_of_a_tail),
        cmocka_unit_test(test_recover_sets_a_tail_aside_whole_when_a_read_comes_short),
        cmocka_unit_test(test_recover_cuts_nothing_of_zeros_that_came_short),
        cmocka_unit_test(test_recover_that_dies_on_an_unreadable_tail_unwinds_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
