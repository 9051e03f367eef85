/* SPDX-License-Identifier: Apache-2.0 */
/* Names and their directories, faults on order, damage, copies and enumeration. */
#include "tests/simulation/disk_bench.h"

static void test_create_is_not_durable_before_its_directory(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    struct aero_disk_file *file = open_file(&bench, "a", AERO_DISK_CREATE_NEW);
    write_fill(&bench, file, 0, 'A', 10);
    sync_file(&bench, file);
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    close_file(&bench, file);
    assert_false(peek(&bench, "a", &bytes));
    bench_deinit(&bench);
}

static void test_rename_and_unlink_are_not_durable_before_their_directory(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    close_file(&bench, durable_file(&bench, "a", 'A', 10));
    close_file(&bench, durable_file(&bench, "b", 'B', 10));
    assert_true(aero_is_ok(bench.port.ops->rename(bench.port.self, "a", "b")));
    assert_true(peek(&bench, "b", &bytes));
    assert_int_equal(bytes.data[0], 'A');
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    assert_true(peek(&bench, "a", &bytes));
    assert_true(peek(&bench, "b", &bytes));
    assert_int_equal(bytes.data[0], 'B');
    assert_true(aero_is_ok(bench.port.ops->unlink(bench.port.self, "a")));
    assert_false(peek(&bench, "a", &bytes));
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    assert_true(peek(&bench, "a", &bytes));
    assert_true(aero_is_ok(bench.port.ops->unlink(bench.port.self, "a")));
    sync_directory(&bench, "");
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    assert_false(peek(&bench, "a", &bytes));
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

/* Names in journal order: the second rename is never kept without the first; without a journal it may be. */
static void test_names_in_order_keep_a_prefix(void **state)
{
    (void)state;
    bool second_alone[2] = {false, false};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct bench bench;
        bool in_order = seed % 2 == 0;
        bench_init(&bench, seed, in_order);
        struct aero_buffer bytes = {0};
        close_file(&bench, durable_file(&bench, "a", 'A', 10));
        close_file(&bench, durable_file(&bench, "b", 'B', 10));
        assert_true(aero_is_ok(bench.port.ops->unlink(bench.port.self, "a")));
        assert_true(aero_is_ok(bench.port.ops->unlink(bench.port.self, "b")));
        power_cycle(&bench, AERO_SIM_POWER);
        if (peek(&bench, "a", &bytes) && !peek(&bench, "b", &bytes)) {
            second_alone[in_order] = true;
        }
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(second_alone[0]);
    assert_false(second_alone[1]);
}

/* A rename that became durable before the creation of what it renamed must not be undone by it. */
static void test_synced_rename_across_directories_stands(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    assert_true(aero_is_ok(bench.port.ops->make_directory(bench.port.self, "q")));
    sync_directory(&bench, "");
    struct aero_disk_file *file = open_file(&bench, "a", AERO_DISK_CREATE_NEW);
    write_fill(&bench, file, 0, 'A', 10);
    sync_file(&bench, file);
    close_file(&bench, file);
    assert_true(aero_is_ok(bench.port.ops->rename(bench.port.self, "a", "q/a")));
    sync_directory(&bench, "q");
    power_cycle(&bench, AERO_SIM_POWER_KEEP);
    assert_false(peek(&bench, "a", &bytes));
    assert_true(peek(&bench, "q/a", &bytes));
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

static void test_lost_directory_takes_its_files_along(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    assert_int_equal(bench.port.ops->sync_directory(bench.port.self, "wal").code, AERO_NOT_FOUND);
    assert_true(aero_is_ok(bench.port.ops->make_directory(bench.port.self, "wal")));
    struct aero_disk_file *file = open_file(&bench, "wal/a", AERO_DISK_CREATE_NEW);
    close_file(&bench, file);
    sync_directory(&bench, "wal");
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    assert_false(peek(&bench, "wal/a", &bytes));
    file = NULL;
    assert_int_equal(bench.port.ops->open(bench.port.self, "wal/a", AERO_DISK_CREATE, &file).code,
                     AERO_NOT_FOUND);
    bench_deinit(&bench);
}

static void test_each_call_fails_on_order_with_its_code(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', 10);
    struct aero_disk_file *none = NULL;
    aero_sim_disk_fail_call(bench.disk, AERO_SIM_OPEN, 1, EACCES);
    assert_int_equal(bench.port.ops->open(bench.port.self, "a", AERO_DISK_READ, &none).code,
                     AERO_PERMISSION);
    aero_sim_disk_fail_call(bench.disk, AERO_SIM_RENAME, 1, EROFS);
    assert_int_equal(bench.port.ops->rename(bench.port.self, "a", "b").code, AERO_PERMISSION);
    aero_sim_disk_fail_call(bench.disk, AERO_SIM_UNLINK, 1, EIO);
    assert_int_equal(bench.port.ops->unlink(bench.port.self, "a").code, AERO_IO);
    aero_sim_disk_fail_call(bench.disk, AERO_SIM_TRUNCATE, 1, EIO);
    assert_int_equal(bench.port.ops->truncate(bench.port.self, file, 0).code, AERO_IO);
    aero_sim_disk_fail_call(bench.disk, AERO_SIM_SYNC_DIRECTORY, 1, EIO);
    assert_int_equal(bench.port.ops->sync_directory(bench.port.self, "").code, AERO_IO);
    uint8_t byte = 0;
    size_t read = 0;
    aero_sim_disk_fail_often(bench.disk, AERO_SIM_READ, 1000000, EIO);
    assert_int_equal(bench.port.ops->read(bench.port.self, file, 0, &byte, 1, &read).code, AERO_IO);
    aero_sim_disk_heal(bench.disk);
    assert_true(aero_is_ok(bench.port.ops->read(bench.port.self, file, 0, &byte, 1, &read)));
    assert_int_equal(byte, 'A');
    close_file(&bench, file);
    bench_deinit(&bench);
}

/* A directory whose sync failed may never make those names durable, and the next sync does not say so. */
static void test_second_directory_sync_after_a_failed_one_lies(void **state)
{
    (void)state;
    bool lost = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_buffer bytes = {0};
        close_file(&bench, open_file(&bench, "a", AERO_DISK_CREATE_NEW));
        aero_sim_disk_fail_call(bench.disk, AERO_SIM_SYNC_DIRECTORY, 1, EIO);
        assert_int_equal(bench.port.ops->sync_directory(bench.port.self, "").code, AERO_IO);
        sync_directory(&bench, "");
        power_cycle(&bench, AERO_SIM_POWER_KEEP);
        lost |= !peek(&bench, "a", &bytes);
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(lost);
}

static void test_full_disk_takes_what_fits(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    aero_sim_disk_set_capacity(bench.disk, 8192);
    struct aero_disk_file *file = open_file(&bench, "a", AERO_DISK_CREATE);
    static const char bytes[16384];
    size_t written = 0;
    aero_status status = write_bytes(&bench, file, 100, bytes, sizeof bytes, &written);
    assert_int_equal(status.code, AERO_NO_SPACE);
    assert_int_equal(status.sys_errno, ENOSPC);
    assert_int_equal(written, 8192 - 100);
    assert_true(aero_is_ok(write_bytes(&bench, file, 0, bytes, 8192, &written)));
    uint64_t space = 1;
    assert_true(aero_is_ok(bench.port.ops->free_space(bench.port.self, &space)));
    assert_int_equal(space, 0);
    assert_true(aero_is_ok(bench.port.ops->truncate(bench.port.self, file, 4096)));
    assert_true(aero_is_ok(bench.port.ops->free_space(bench.port.self, &space)));
    assert_int_equal(space, 4096);
    close_file(&bench, file);
    bench_deinit(&bench);
}

static void test_crash_at_a_change_stops_everything_until_restart(void **state)
{
    (void)state;
    bool part = false;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bench bench;
        bench_init(&bench, seed, true);
        struct aero_buffer bytes = {0};
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
        aero_sim_disk_crash_at(bench.disk, aero_sim_disk_changes(bench.disk) + 2, AERO_SIM_KILL);
        write_fill(&bench, file, 0, 'B', SECTOR);
        char more[SECTOR];
        memset(more, 'C', sizeof more);
        size_t written = 0;
        assert_int_equal(write_bytes(&bench, file, 0, more, SECTOR, &written).code, AERO_CRASHED);
        assert_true(aero_sim_disk_is_crashed(bench.disk));
        assert_int_equal(bench.port.ops->unlink(bench.port.self, "a").code, AERO_CRASHED);
        assert_int_equal(bench.port.ops->list(bench.port.self, "", &bytes).code, AERO_CRASHED);
        aero_sim_disk_restart(bench.disk);
        assert_int_equal(bench.port.ops->sync(bench.port.self, file).code, AERO_CRASHED);
        close_file(&bench, file);
        assert_true(peek(&bench, "a", &bytes));
        part |= memchr(bytes.data, 'C', SECTOR) != NULL && memchr(bytes.data, 'B', SECTOR) != NULL;
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    }
    assert_true(part);
}

static void test_latent_damage_is_shown_to_readers(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', (size_t)3 * SECTOR);
    assert_true(aero_sim_disk_flip_bit(bench.disk, "a", 5, 1));
    assert_true(aero_sim_disk_zero_sector(bench.disk, "a", 1));
    assert_true(aero_sim_disk_break_sector(bench.disk, "a", 2));
    assert_false(aero_sim_disk_flip_bit(bench.disk, "a", (uint64_t)3 * SECTOR, 0));
    power_cycle(&bench, AERO_SIM_POWER);
    close_file(&bench, file);
    file = open_file(&bench, "a", AERO_DISK_WRITE);
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.data[5], 'A' ^ 2);
    assert_int_equal(bytes.data[SECTOR], 0);
    uint8_t sector[SECTOR];
    size_t read = 0;
    assert_true(aero_is_ok(bench.port.ops->read(bench.port.self, file, 0, sector, SECTOR, &read)));
    assert_int_equal(
        bench.port.ops->read(bench.port.self, file, (uint64_t)2 * SECTOR, sector, 1, &read).code,
        AERO_IO);
    write_fill(&bench, file, (uint64_t)2 * SECTOR, 'D', SECTOR);
    assert_true(aero_is_ok(
        bench.port.ops->read(bench.port.self, file, (uint64_t)2 * SECTOR, sector, 1, &read)));
    close_file(&bench, file);
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

static void test_lying_device_loses_or_misdirects_a_synced_write(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    char fills[8];
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', (size_t)3 * SECTOR);
    aero_sim_disk_lie_at(bench.disk, AERO_SIM_LOST_WRITE, 1);
    write_fill(&bench, file, 0, 'B', SECTOR);
    sync_file(&bench, file);
    aero_sim_disk_lie_at(bench.disk, AERO_SIM_MISDIRECTED_WRITE, 1);
    write_fill(&bench, file, SECTOR, 'C', SECTOR);
    sync_file(&bench, file);
    power_cycle(&bench, AERO_SIM_POWER);
    close_file(&bench, file);
    assert_true(peek(&bench, "a", &bytes));
    sector_fills(&bytes, fills);
    assert_string_equal(fills, "AAC");
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
}

static void test_list_shows_files_of_one_directory_sorted(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    assert_true(aero_is_ok(bench.port.ops->make_directory(bench.port.self, "wal")));
    close_file(&bench, open_file(&bench, "wal/b", AERO_DISK_CREATE));
    struct aero_disk_file *file = open_file(&bench, "wal/a", AERO_DISK_CREATE);
    write_fill(&bench, file, 0, 'A', 7);
    close_file(&bench, file);
    close_file(&bench, open_file(&bench, "c", AERO_DISK_CREATE));
    struct aero_buffer entries = {0};
    assert_true(aero_is_ok(bench.port.ops->list(bench.port.self, "wal", &entries)));
    assert_int_equal(entries.length, 2 * sizeof(struct aero_disk_entry));
    const struct aero_disk_entry *entry = (const struct aero_disk_entry *)(void *)entries.data;
    assert_string_equal(entry[0].name, "a");
    assert_int_equal(entry[0].size_bytes, 7);
    assert_string_equal(entry[1].name, "b");
    aero_buffer_clear(&entries);
    assert_true(aero_is_ok(bench.port.ops->list(bench.port.self, "", &entries)));
    assert_int_equal(entries.length, 2 * sizeof(struct aero_disk_entry));
    entry = (const struct aero_disk_entry *)(void *)entries.data;
    assert_string_equal(entry[0].name, "c");
    assert_false(entry[0].is_other);
    assert_string_equal(entry[1].name, "wal");
    assert_true(entry[1].is_other);
    aero_buffer_deinit(&entries);
    bench_deinit(&bench);
}

static void test_clone_shares_nothing_but_the_content(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1, true);
    struct aero_buffer bytes = {0};
    struct aero_disk_file *file = durable_file(&bench, "a", 'A', SECTOR);
    write_fill(&bench, file, 0, 'B', SECTOR);
    struct bench other = {.choice = bench.choice};
    other.disk = aero_sim_disk_clone(bench.disk, &other.choice);
    other.port = aero_sim_disk_port(other.disk);
    power_cycle(&bench, AERO_SIM_POWER_LOSE);
    close_file(&bench, file);
    assert_true(peek(&other, "a", &bytes));
    assert_int_equal(bytes.data[0], 'B');
    power_cycle(&other, AERO_SIM_POWER_KEEP);
    assert_true(peek(&other, "a", &bytes));
    assert_int_equal(bytes.data[0], 'B');
    assert_true(peek(&bench, "a", &bytes));
    assert_int_equal(bytes.data[0], 'A');
    aero_buffer_deinit(&bytes);
    bench_deinit(&bench);
    bench_deinit(&other);
}

/* Three sectors, one un-synced write over all of them: 8 outcomes, each exactly once. */
static void test_enumeration_walks_every_outcome_once(void **state)
{
    (void)state;
    struct aero_choice choice;
    aero_choice_init_paths(&choice);
    int seen[8] = {0};
    do {
        struct bench bench;
        struct aero_sim_disk_options options = {.name = "disk", .names_in_order = true};
        bench.disk = aero_sim_disk_new(&options, &choice, NULL);
        bench.port = aero_sim_disk_port(bench.disk);
        struct aero_disk_file *file = durable_file(&bench, "a", 'A', (size_t)3 * SECTOR);
        write_fill(&bench, file, 0, 'B', (size_t)3 * SECTOR);
        power_cycle(&bench, AERO_SIM_POWER);
        close_file(&bench, file);
        struct aero_buffer bytes = {0};
        char fills[8];
        assert_true(peek(&bench, "a", &bytes));
        sector_fills(&bytes, fills);
        seen[(fills[0] == 'B') + 2 * (fills[1] == 'B') + 4 * (fills[2] == 'B')]++;
        aero_buffer_deinit(&bytes);
        bench_deinit(&bench);
    } while (aero_choice_next_path(&choice));
    for (int i = 0; i < 8; i++) {
        assert_int_equal(seen[i], 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_is_not_durable_before_its_directory),
        cmocka_unit_test(test_rename_and_unlink_are_not_durable_before_their_directory),
        cmocka_unit_test(test_names_in_order_keep_a_prefix),
        cmocka_unit_test(test_synced_rename_across_directories_stands),
        cmocka_unit_test(test_lost_directory_takes_its_files_along),
        cmocka_unit_test(test_each_call_fails_on_order_with_its_code),
        cmocka_unit_test(test_second_directory_sync_after_a_failed_one_lies),
        cmocka_unit_test(test_full_disk_takes_what_fits),
        cmocka_unit_test(test_crash_at_a_change_stops_everything_until_restart),
        cmocka_unit_test(test_latent_damage_is_shown_to_readers),
        cmocka_unit_test(test_lying_device_loses_or_misdirects_a_synced_write),
        cmocka_unit_test(test_list_shows_files_of_one_directory_sorted),
        cmocka_unit_test(test_clone_shares_nothing_but_the_content),
        cmocka_unit_test(test_enumeration_walks_every_outcome_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
