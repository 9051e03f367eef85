/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/engine/wal_writer_steps.h"

/* ---- Prepared and recycled segments ----------------------------------------------------------------------- */

static struct aero_wal_options recycling(void)
{
    struct aero_wal_options options = harness_options();
    options.switches.wal_recycle = true;
    return options;
}

static void test_recycle_prepares_the_next_segment_in_the_background(void **state)
{
    (void)state;
    struct aero_wal_options options = recycling();
    struct harness *h = harness_writer(&options);
    struct memory_file *next = memory_find(&h->disk, "wal/prepared-00000002.tmp");
    assert_non_null(next);
    assert_int_equal(next->bytes.length, options.segment_bytes);
    memory_trace_clear(&h->disk);
    fill_segment(h, 20000);
    assert_string_equal(next->name, h->segments[1].name);
    assert_int_equal(next->bytes.length, options.segment_bytes);
    /* At the change its file and handles are there already. */
    char expected[256];
    snprintf(expected, sizeof expected,
             "write wal/prepared-00000002.tmp;sync wal/prepared-00000002.tmp;rename %s;",
             next->name);
    assert_non_null(strstr(h->disk.trace, expected));
    assert_null(strstr(h->disk.trace, "open wal/prepared-00000002.tmp"));
    assert_non_null(memory_find(&h->disk, "wal/prepared-00000003.tmp"));
    assert_int_equal(read_segment(h, FIRST, 0).stop, AERO_STOP_FOOTER);
    assert_int_equal(read_segment(h, next->name, 0).stop, AERO_STOP_CLEAN);
    harness_free(h);
}

/* Commits do not wait while zeros are written. */
static void test_recycle_prepares_beside_commits(void **state)
{
    (void)state;
    struct aero_wal_options options = recycling();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    harness_fetch(h);
    harness_run(h, harness_find(h, AERO_WAL_LANE_BACKGROUND)); /* the first waits for its file */
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    assert_true(harness_has(h, AERO_WAL_LANE_BACKGROUND)); /* the second does not */
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    while (harness_has(h, AERO_WAL_LANE_PROOF)) {
        harness_run(h, harness_find(h, AERO_WAL_LANE_PROOF));
    }
    assert_int_equal(durable_lsn(h), 1);
    assert_true(harness_has(h, AERO_WAL_LANE_BACKGROUND));
    harness_free(h);
}

static void test_recycle_reuses_a_file_as_it_is(void **state)
{
    (void)state;
    struct aero_wal_options options = recycling();
    struct harness *h = harness_writer(&options);
    fill_segment(h, 9000);
    fill_segment(h, 9000);
    /* Retention takes the first segment out of the log and gives its file. */
    struct aero_disk port = memory_disk_port(&h->disk);
    assert_int_equal(port.ops->rename(port.self, FIRST, "wal/old-1.tmp").code, AERO_OK);
    assert_true(aero_wal_give_recycled(h->wal, "wal/old-1.tmp"));
    assert_false(aero_wal_give_recycled(h->wal, "wal/old-2.tmp")); /* one in stock */
    struct memory_file *old = memory_find(&h->disk, "wal/old-1.tmp");
    fill_segment(h, 100); /* uses what was prepared before */
    memory_trace_clear(&h->disk);
    assert_true(aero_wal_give_recycled(h->wal, "wal/old-2.tmp"));
    fill_segment(h, 100); /* uses the old file */
    assert_string_equal(old->name, h->segments[h->segment_count - 1].name);
    struct segment_facts facts = read_segment(h, old->name, 0);
    assert_int_equal(facts.stop, AERO_STOP_CLEAN); /* decision 25 */
    assert_int_equal(facts.position.lsn.value, durable_lsn(h));
    harness_free(h);
}

static void test_recycle_of_a_file_with_a_second_link_makes_a_new_one(void **state)
{
    (void)state;
    struct aero_wal_options options = recycling();
    struct harness *h = harness_writer(&options);
    memory_put(&h->disk, "wal/old-1.tmp");
    assert_true(aero_wal_give_recycled(h->wal, "wal/old-1.tmp"));
    arm(h, "open", "old-1", EBUSY);
    fill_segment(h, 20000);
    fill_segment(h, 20000);
    assert_no_failure(h);
    assert_null(memory_find(&h->disk, "wal/old-1.tmp"));
    assert_true(aero_wal_is_open(h->wal));
    harness_free(h);
}

static void test_preparing_without_room_is_no_failure_before_the_room_is_needed(void **state)
{
    (void)state;
    struct aero_wal_options options = recycling();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    arm(h, "write", "prepared-00000002", ENOSPC);
    h->disk.fault.sticky = true;
    harness_settle(h);
    assert_no_failure(h);
    assert_null(memory_find(&h->disk, "wal/prepared-00000002.tmp")); /* the room is given back */
    static uint8_t payload[30000];
    struct aero_slice big = aero_slice_of(payload, sizeof payload);
    for (int i = 0; i < 2; i++) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    }
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 2);
    assert_no_failure(h);
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_true(failure.durable.value == 2 && failure.unknown_through.value == 2);
    assert_int_equal(failure.last.value, 3);
    assert_string_equal(failure.file, "wal/prepared-00000002.tmp");
    aero_wal_retry(h->wal);
    harness_settle(h);
    assert_false(aero_wal_is_open(h->wal));
    h->disk.fault.call = NULL;
    aero_wal_retry(h->wal);
    harness_settle(h);
    assert_true(aero_wal_is_open(h->wal));
    fill_segment(h, 30000);
    assert_no_failure(h);
    harness_free(h);
}

static void test_preparing_with_a_doubtful_error_closes(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int sys_errno;
    } cases[] = {{"sync", ENOSPC}, {"sync", EIO}, {"write", EIO}, {"open", ENOENT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_wal_options options = recycling();
        struct aero_wal_start start = harness_start();
        struct harness *h = harness_new();
        h->wal = aero_wal_new(&options, &start);
        arm(h, cases[i].call, "prepared-00000002", cases[i].sys_errno);
        harness_settle(h);
        assert_true(take_failure(h).closed);
        harness_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recycle_prepares_the_next_segment_in_the_background),
        cmocka_unit_test(test_recycle_prepares_beside_commits),
        cmocka_unit_test(test_recycle_reuses_a_file_as_it_is),
        cmocka_unit_test(test_recycle_of_a_file_with_a_second_link_makes_a_new_one),
        cmocka_unit_test(test_preparing_without_room_is_no_failure_before_the_room_is_needed),
        cmocka_unit_test(test_preparing_with_a_doubtful_error_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
