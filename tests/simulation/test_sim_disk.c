/* SPDX-License-Identifier: Apache-2.0 */
/* The fate of bytes: synced, un-synced, dropped. */
#include "tests/simulation/disk_bench.h"

static void test_synced_bytes_survive_any_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct bench bench;
        bench_init(&bench, seed, seed % 2 == 0);
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', 2000);
        power_cycle(&bench, seed % 3 == 0 ? AERO_SIM_KILL : AERO_SIM_POWER);
        close_file(&bench, file);
        struct aero_buffer bytes = {0};
        assert_true(peek(&bench, "a", &bytes));
        assert_int_equal(bytes.length, 2000);
        for (size_t i = 0; i < bytes.length; i++) {
            assert_int_equal(bytes.data[i], 'A');
        }
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
}

/* FM-5.1c, FM-6.1: kept, lost, torn and reordered must all be seen, and nothing but old or new sectors ever. */
static void test_unsynced_sectors_meet_every_fate(void **state)
{
    (void)state;
    bool kept = false;
    bool lost = false;
    bool torn = false;
    bool reordered = false;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', (size_t)4 * SECTOR);
        write_fill(&bench, file, 0, 'B', (size_t)2 * SECTOR);
        write_fill(&bench, file, (uint64_t)2 * SECTOR, 'C', (size_t)2 * SECTOR);
        power_cycle(&bench, AERO_SIM_POWER);
        close_file(&bench, file);
        struct aero_buffer bytes = {0};
        char fills[8];
        assert_true(peek(&bench, "a", &bytes));
        assert_int_equal(bytes.length, (size_t)4 * SECTOR);
        sector_fills(&bytes, fills);
        for (int i = 0; i < 4; i++) {
            assert_true(fills[i] == 'A' || fills[i] == (i < 2 ? 'B' : 'C'));
        }
        kept |= strcmp(fills, "BBCC") == 0;
        lost |= strcmp(fills, "AAAA") == 0;
        torn |= fills[0] != fills[1] || (fills[2] == 'A') != (fills[3] == 'A');
        reordered |= strcmp(fills, "AACC") == 0;
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(kept);
    assert_true(lost);
    assert_true(torn);
    assert_true(reordered);
}

/* A page cache holds one copy: an old version may be on the disk, but never an older one over a newer. */
static void test_overwritten_sector_is_one_of_its_versions(void **state)
{
    (void)state;
    bool seen[3] = {false, false, false};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
        write_fill(&bench, file, 0, 'B', 100);
        write_fill(&bench, file, 100, 'C', 100);
        power_cycle(&bench, AERO_SIM_POWER);
        close_file(&bench, file);
        struct aero_buffer bytes = {0};
        assert_true(peek(&bench, "a", &bytes));
        char first = (char)bytes.data[50];
        char second = (char)bytes.data[150];
        assert_false(first == 'A' && second == 'C');
        assert_int_equal(bytes.data[300], 'A');
        seen[(first != 'A') + (second != 'A')] = true;
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(seen[0] && seen[1] && seen[2]);
}

static void test_crash_extremes_keep_all_or_nothing(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
    write_fill(&bench, file, SECTOR, 'B', 100);
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    close_file(&bench, file);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.length, SECTOR);
    file = open_file(&bench, "a", AERO_DISK_WRITE);
    write_fill(&bench, file, SECTOR, 'B', 100);
    power_cycle(&bench, AERO_SIM_POWER_KEEP);
    close_file(&bench, file);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.length, SECTOR + 100);
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

/* Decision 2a: what a killed process wrote is still shown, and can still be lost. */
static void test_kill_keeps_the_cache_and_power_may_take_it(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
    write_fill(&bench, file, 0, 'B', SECTOR);
    power_cycle(&bench, AERO_SIM_KILL);
    close_file(&bench, file);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.data[0], 'B');
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.data[0], 'A');
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

/* Decision 2b, FM-7.2: the failed sync leaves clean pages behind; the next one succeeds and writes nothing. */
static void test_second_sync_after_a_failed_one_lies(void **state)
{
    (void)state;
    bool lost = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_buffer bytes = {0};
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
        write_fill(&bench, file, 0, 'B', SECTOR);
        aero_sim_disk_fail_call(bench.disk, AERO_SIM_SYNC, 1, EIO);
        assert_int_equal(bench.port.ops->sync(bench.port.self, file).code, AERO_IO);
        sync_file(&bench, file);
        assert_true(peek(&bench, "a", &bytes));
        assert_int_equal(bytes.data[0], 'B');
        power_cycle(&bench, AERO_SIM_POWER);
        close_file(&bench, file);
        assert_true(peek(&bench, "a", &bytes));
        lost |= bytes.data[0] == 'A';
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(lost);
}

/* A read that lies is wrong by a bit, once; what is on the disk is not. */
static void test_misread_is_wrong_by_one_bit_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench bench;
        uint8_t bytes[SECTOR];
        bench_init(&bench, seed, true);
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
        aero_sim_disk_lie_at(bench.disk, AERO_SIM_MISREAD, 2);
        for (int i = 1; i <= 3; i++) {
            size_t length = 0;
            int wrong_bits = 0;
            assert_true(aero_is_ok(
                bench.port.ops->read(bench.port.self, file, 0, bytes, sizeof bytes, &length)));
            for (size_t at = 0; at < length; at++) {
                wrong_bits += __builtin_popcount((unsigned)(bytes[at] ^ 'A'));
            }
            assert_int_equal(wrong_bits, i == 2);
        }
        close_file(&bench, file);
        bench_deinit(&bench);
    }
}

/* Pages of zeros share their bytes, and nothing else: they count, and what is written to one is not seen in another. */
static void test_pages_of_zeros_take_room_and_are_each_its_own(void **state)
{
    (void)state;
    struct bench bench;
    struct aero_buffer bytes = {0};
    bench_init(&bench, 1, true);
    struct aero_disk_file *a = durable_file(&bench, "a", 'A', 8192);
    struct aero_disk_file *b = durable_file(&bench, "b", 0, 8192);
    write_fill(&bench, a, 0, 0, 8192);
    sync_file(&bench, a);
    assert_int_equal(aero_sim_disk_used_bytes(bench.disk), 4 * 4096);
    write_fill(&bench, a, 100, 'X', 1);
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    close_file(&bench, a);
    close_file(&bench, b);
    for (const char *name = "a"; name != NULL; name = name[0] == 'a' ? "b" : NULL) {
        assert_true(peek(&bench, name, &bytes));
        assert_int_equal(bytes.length, 8192);
        assert_true(aero_slice_is_zero(aero_buffer_slice(&bytes)));
    }
    a = open_file(&bench, "a", AERO_DISK_WRITE);
    write_fill(&bench, a, 100, 'X', 1);
    sync_file(&bench, a);
    close_file(&bench, a);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.data[100], 'X');
    assert_true(peek(&bench, "b", &bytes));
    assert_true(aero_slice_is_zero(aero_buffer_slice(&bytes)));
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

/* Decision 4: an error of write-back reaches each handle that was open, once. */
static void test_writeback_error_is_told_once_to_each_handle(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 3, true);
    struct aero_disk_file *first = durable_file(&bench, "a", 'A', SECTOR);
    struct aero_disk_file *second = open_file(&bench, "a", AERO_DISK_WRITE);
    write_fill(&bench, first, 0, 'B', SECTOR);
    aero_sim_disk_fail_writeback(bench.disk);
    assert_int_equal(bench.port.ops->sync(bench.port.self, first).code, AERO_IO);
    sync_file(&bench, first);
    struct aero_disk_file *late = open_file(&bench, "a", AERO_DISK_WRITE);
    sync_file(&bench, late);
    assert_int_equal(bench.port.ops->sync(bench.port.self, second).code, AERO_IO);
    sync_file(&bench, second);
    close_file(&bench, first);
    close_file(&bench, second);
    close_file(&bench, late);
    bench_deinit(&bench);
}

static void test_writeback_error_told_to_nobody_waits_for_the_next_opener(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 3, true);
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
    write_fill(&bench, file, 0, 'B', SECTOR);
    close_file(&bench, file);
    aero_sim_disk_fail_writeback(bench.disk);
    file = open_file(&bench, "a", AERO_DISK_WRITE);
    assert_int_equal(bench.port.ops->sync(bench.port.self, file).code, AERO_IO);
    sync_file(&bench, file);
    close_file(&bench, file);
    bench_deinit(&bench);
}

/* A truncation that was lost takes along what was written behind it: the old bytes are there, never a mixture. */
static void test_truncate_and_rewrite_is_old_or_new(void **state)
{
    (void)state;
    bool old_seen = false;
    bool new_seen = false;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_buffer bytes = {0};
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', (size_t)2 * SECTOR);
        assert_true(aero_is_ok(bench.port.ops->truncate(bench.port.self, file, 0)));
        write_fill(&bench, file, 0, 'B', (size_t)2 * SECTOR);
        power_cycle(&bench, AERO_SIM_POWER);
        close_file(&bench, file);
        assert_true(peek(&bench, "a", &bytes));
        bool has_old = bytes.length > 0 && memchr(bytes.data, 'A', bytes.length) != NULL;
        bool has_new = bytes.length > 0 && memchr(bytes.data, 'B', bytes.length) != NULL;
        assert_false(has_old && has_new);
        old_seen |= has_old;
        new_seen |= has_new;
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(old_seen);
    assert_true(new_seen);
}

static void test_failed_write_hands_over_a_part(void **state)
{
    (void)state;
    bool part = false;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_disk_file *file = open_file(&bench, "a", AERO_DISK_CREATE);
        char bytes[100];
        memset(bytes, 'x', sizeof bytes);
        size_t written = 0;
        aero_sim_disk_fail_call(bench.disk, AERO_SIM_WRITE, 2, EIO);
        assert_true(aero_is_ok(write_bytes(&bench, file, 0, bytes, 10, &written)));
        assert_int_equal(write_bytes(&bench, file, 10, bytes, 100, &written).code, AERO_IO);
        uint64_t size = 0;
        assert_true(aero_is_ok(bench.port.ops->size(bench.port.self, file, &size)));
        assert_int_equal(size, 10 + written);
        part |= written > 0 && written < 100;
        assert_true(aero_is_ok(write_bytes(&bench, file, 10, bytes, 100, &written)));
        close_file(&bench, file);
        bench_deinit(&bench);
    }
    assert_true(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synced_bytes_survive_any_crash),
        cmocka_unit_test(test_unsynced_sectors_meet_every_fate),
        cmocka_unit_test(test_overwritten_sector_is_one_of_its_versions),
        cmocka_unit_test(test_crash_extremes_keep_all_or_nothing),
        cmocka_unit_test(test_kill_keeps_the_cache_and_power_may_take_it),
        cmocka_unit_test(test_second_sync_after_a_failed_one_lies),
        cmocka_unit_test(test_misread_is_wrong_by_one_bit_once),
        cmocka_unit_test(test_pages_of_zeros_take_room_and_are_each_its_own),
        cmocka_unit_test(test_writeback_error_is_told_once_to_each_handle),
        cmocka_unit_test(test_writeback_error_told_to_nobody_waits_for_the_next_opener),
        cmocka_unit_test(test_truncate_and_rewrite_is_old_or_new),
        cmocka_unit_test(test_failed_write_hands_over_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
