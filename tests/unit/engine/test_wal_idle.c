/* SPDX-License-Identifier: Apache-2.0 */
/* A clean stop waits until the log is idle: each thing that a log may be waiting for keeps it from being that, alone. */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/engine/wal_writer_steps.h"

static void run(struct harness *h, enum aero_wal_lane lane)
{
    harness_run(h, harness_find(h, lane));
}

/* Whatever the disk was asked for, without a nonce for another segment. */
static void run_all(struct harness *h)
{
    harness_fetch(h);
    while (h->pending_count > 0) {
        harness_run(h, 0);
    }
}

static void test_log_with_one_request_in_flight_is_not_idle(void **state)
{
    (void)state;
    struct harness *h = standard();
    assert_true(aero_wal_is_idle(h->wal));
    harness_append(h, "one");
    aero_wal_submit(h->wal);
    harness_append(h, "two");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    run(h, AERO_WAL_LANE_FIRST);
    run(h, AERO_WAL_LANE_PROOF);
    assert_int_equal(h->pending_count, 1); /* the second group */
    assert_false(aero_wal_is_idle(h->wal));
    run(h, AERO_WAL_LANE_FIRST + 1);
    assert_int_equal(h->pending_count, 1); /* its proof */
    assert_false(aero_wal_is_idle(h->wal));
    run(h, AERO_WAL_LANE_PROOF);
    assert_int_equal(durable_lsn(h), 2);
    assert_true(aero_wal_is_idle(h->wal));
    harness_append(h, "three");
    aero_wal_submit(h->wal);
    harness_append(h, "four");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    run(h, AERO_WAL_LANE_FIRST + 1);
    assert_int_equal(h->pending_count, 1); /* the first group */
    assert_false(aero_wal_is_idle(h->wal));
    run_all(h);
    assert_true(aero_wal_is_idle(h->wal));
    harness_free(h);
}

static void test_log_that_makes_a_segment_is_not_idle(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    harness_fetch(h);
    assert_int_equal(h->pending_count, 1);
    assert_false(aero_wal_is_idle(h->wal));
    run_all(h);
    assert_true(aero_wal_is_idle(h->wal));
    harness_free(h);
}

static void test_log_that_prepares_a_segment_is_not_idle(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.switches.wal_recycle = true;
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    harness_fetch(h);
    run(h, AERO_WAL_LANE_BACKGROUND);
    run(h, AERO_WAL_LANE_FIRST);
    run(h, AERO_WAL_LANE_PROOF);
    while (harness_has(h, AERO_WAL_LANE_PROOF)) {
        run(h, AERO_WAL_LANE_PROOF);
    }
    assert_int_equal(h->pending_count, 1); /* the second file */
    assert_false(aero_wal_is_idle(h->wal));
    run(h, AERO_WAL_LANE_BACKGROUND);
    assert_true(aero_wal_is_idle(h->wal));
    harness_free(h);
}

/* Nothing is with the disk, and yet something is to come: a commit that nobody submitted, a segment that waits for a nonce. */
static void test_log_that_owes_something_is_not_idle(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    static const uint8_t payload[20000];
    h->wal = aero_wal_new(&options, &start);
    run_all(h);
    harness_append(h, "a");
    assert_false(aero_wal_is_idle(h->wal));
    aero_wal_submit(h->wal);
    run_all(h);
    while (aero_wal_is_idle(h->wal)) { /* until the segment is full */
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, sizeof payload));
        aero_wal_submit(h->wal);
        run_all(h);
    }
    assert_int_equal(h->pending_count, 0);
    assert_true(aero_wal_needs_nonce(h->wal));
    assert_false(aero_wal_is_idle(h->wal));
    aero_wal_give_nonce(h->wal, harness_id(9));
    run_all(h);
    assert_true(aero_wal_is_idle(h->wal));
    assert_int_equal(aero_wal_durable(h->wal).sequence, 2);
    harness_free(h);
}

static void test_log_that_was_closed_is_idle_once_the_disk_has_answered(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    aero_wal_close(h->wal, aero_error(AERO_CLOSED), "", "");
    assert_false(aero_wal_is_idle(h->wal));
    run_all(h);
    assert_true(aero_wal_is_idle(h->wal));
    aero_wal_flush_proof(h->wal); /* nothing more is asked of a closed log */
    assert_true(aero_wal_is_idle(h->wal));
    assert_false(aero_wal_give_recycled(h->wal, "wal/recycled-00000001.tmp"));
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_with_one_request_in_flight_is_not_idle),
        cmocka_unit_test(test_log_that_makes_a_segment_is_not_idle),
        cmocka_unit_test(test_log_that_prepares_a_segment_is_not_idle),
        cmocka_unit_test(test_log_that_owes_something_is_not_idle),
        cmocka_unit_test(test_log_that_was_closed_is_idle_once_the_disk_has_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
