/* SPDX-License-Identifier: Apache-2.0 */
/* The writer at its bounds: records and segments as large as they come, and failures that meet. */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/engine/wal_writer_steps.h"

static const uint8_t payload[(size_t)2 << 20];

static void append_bytes(struct harness *h, size_t length)
{
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, length));
    aero_wal_submit(h->wal);
}

/* A record larger than a piece of the queue, alone: nothing of it stays, and the next one is like any other. */
static void test_record_larger_than_a_chunk_leaves_the_queue_as_it_was(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.segment_bytes = (uint64_t)8 << 20;
    options.queue_bytes = (size_t)8 << 20;
    struct harness *h = harness_writer(&options);
    append_bytes(h, sizeof payload);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    assert_true(aero_wal_has_room(h->wal, (size_t)7 << 20));
    append_bytes(h, 10);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 2);
    harness_free(h);
}

/* DET-3: however large a segment is, the request that fills it with zeros has a bounded number of pieces. */
static void test_zeros_of_a_large_segment_are_a_bounded_request(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.switches.wal_recycle = true;
    options.segment_bytes = ((uint64_t)1 << 30) + 4096;
    struct aero_wal_start start = harness_start();
    struct aero_wal_writer *wal = aero_wal_new(&options, &start);
    const struct aero_disk_request *request = aero_wal_next_request(wal);
    assert_non_null(request);
    uint64_t end = 0;
    size_t pieces = 0;
    for (uint32_t i = 0; i < request->op_count; i++) {
        const struct aero_disk_op *op = &request->ops[i];
        if (op->kind == AERO_OP_ZERO) {
            assert_int_equal(op->offset, end);
            assert_int_equal(op[1].kind, AERO_OP_SYNC);
            end += op->length;
            pieces++;
        }
    }
    assert_int_equal(end, options.segment_bytes);
    assert_in_range(pieces, 256, 257);
    aero_wal_free(wal);
}

/* A group that the disk was not given yet is never given to it behind one that found no room. */
static void test_cut_takes_back_a_group_that_was_not_handed_over(void **state)
{
    (void)state;
    struct harness *h = standard();
    append_bytes(h, 10);
    harness_fetch(h);
    append_bytes(h, 10); /* ready, and still here */
    arm(h, "write", FIRST, ENOSPC);
    memory_trace_clear(&h->disk);
    harness_run(h, 0);
    assert_non_null(strstr(h->disk.trace, "write " FIRST ";"));
    assert_null(strstr(strstr(h->disk.trace, "write " FIRST ";") + 1, "write " FIRST ";"));
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_int_equal(failure.last.value, 2);
    assert_int_equal(durable_lsn(h), 0);
    append_bytes(h, 10);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    harness_free(h);
}

/* Nobody could append between two failures: what failed first is what failed. */
static void test_close_behind_a_failure_that_was_not_taken_tells_both(void **state)
{
    (void)state;
    struct harness *h = standard();
    append_bytes(h, 10);
    append_bytes(h, 10);
    arm(h, "write", FIRST, ENOSPC);
    harness_settle(h);
    aero_wal_close(h->wal, aero_error(AERO_CLOSED), "", "");
    aero_wal_close(h->wal, aero_error(AERO_CLOSED), "", ""); /* once is enough */
    struct aero_wal_failure failure = take_failure(h);
    assert_true(failure.closed);
    assert_int_equal(failure.status.code, AERO_CLOSED);
    assert_int_equal(failure.last.value, 2);
    harness_free(h);
}

/* A writer whose next file is with the disk, and everything else done. */
static struct harness *preparing(void)
{
    struct aero_wal_options options = harness_options();
    options.switches.wal_recycle = true;
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    harness_fetch(h);
    harness_run(h, harness_find(h, AERO_WAL_LANE_BACKGROUND));
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    while (harness_has(h, AERO_WAL_LANE_PROOF)) {
        harness_run(h, harness_find(h, AERO_WAL_LANE_PROOF));
    }
    assert_int_equal(h->pending_count, 1);
    return h;
}

/* No room for a commit, then none for the successor that would end it: the first is what is told. */
static void test_preparing_that_fails_in_a_cut_is_not_the_story(void **state)
{
    (void)state;
    struct harness *h = preparing();
    append_bytes(h, 10);
    harness_fetch(h);
    arm(h, "write", FIRST, ENOSPC);
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    arm(h, "write", "prepared", ENOSPC);
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_int_equal(failure.status.code, AERO_NO_SPACE);
    assert_string_equal(failure.file, FIRST);
    aero_wal_retry(h->wal);
    harness_settle(h);
    assert_true(aero_wal_is_open(h->wal));
    harness_free(h);
}

/* The successor is wanted and its file finds no room while a group is in flight: too early to say that anything failed. */
static void test_preparing_that_fails_beside_a_group_is_tried_again(void **state)
{
    (void)state;
    struct harness *h = preparing();
    append_bytes(h, 40000);
    append_bytes(h, 40000); /* has no room in this segment */
    harness_fetch(h);
    arm(h, "write", "prepared", ENOSPC);
    harness_run(h, harness_find(h, AERO_WAL_LANE_BACKGROUND));
    assert_no_failure(h);
    harness_settle(h);
    assert_no_failure(h);
    assert_int_equal(durable_lsn(h), 2);
    assert_int_equal(aero_wal_durable(h->wal).sequence, 2);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_larger_than_a_chunk_leaves_the_queue_as_it_was),
        cmocka_unit_test(test_zeros_of_a_large_segment_are_a_bounded_request),
        cmocka_unit_test(test_cut_takes_back_a_group_that_was_not_handed_over),
        cmocka_unit_test(test_close_behind_a_failure_that_was_not_taken_tells_both),
        cmocka_unit_test(test_preparing_that_fails_in_a_cut_is_not_the_story),
        cmocka_unit_test(test_preparing_that_fails_beside_a_group_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
