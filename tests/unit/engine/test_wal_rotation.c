/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/engine/wal_writer_steps.h"

/* ---- Rotation (decision 14) ------------------------------------------------------------------------------- */

static void test_rotation_is_a_barrier(void **state)
{
    (void)state;
    struct harness *h = standard();
    static uint8_t payload[20000];
    struct aero_slice big = aero_slice_of(payload, sizeof payload);
    for (int i = 0; i < 3; i++) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
        aero_wal_submit(h->wal);
    }
    harness_fetch(h);
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big); /* does not fit behind the other three */
    aero_wal_submit(h->wal);
    memory_trace_clear(&h->disk);
    harness_give_nonce(h);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 4);
    assert_int_equal(h->segment_count, 2);
    const char *second = h->segments[1].name;
    char expected[1024];
    snprintf(expected, sizeof expected,
             "write wal/prepared-00000002.tmp;sync wal/prepared-00000002.tmp;rename %s;syncdir wal;"
             "write " FIRST ";sync " FIRST ";close " FIRST ";close " FIRST ";",
             second);
    const char *barrier = strstr(h->disk.trace, "write wal/prepared");
    assert_non_null(barrier);
    assert_true(strncmp(barrier, expected, strlen(expected)) == 0);
    /* All records of N before, the first of N+1 behind. */
    assert_true(strstr(h->disk.trace, "write " FIRST) < barrier);
    char first_write[160];
    snprintf(first_write, sizeof first_write, "write %s;", second);
    assert_null(strstr(barrier + strlen(expected), "write " FIRST));
    assert_non_null(strstr(barrier + strlen(expected), first_write));

    struct segment_facts one = read_segment(h, FIRST, 0);
    struct segment_facts two = read_segment(h, second, 0);
    assert_int_equal(one.stop, AERO_STOP_FOOTER);
    assert_int_equal(one.count, 3);
    assert_int_equal(two.count, 1);
    assert_int_equal(two.header.prev_sequence, 1);
    assert_int_equal(two.header.prev_end_offset, one.offset);
    assert_true(two.header.prev_end.chain == one.position.chain);
    assert_true(h->segments[1].prev_sealed && h->segments[1].prev_record_count == 3);
    harness_free(h);
}

static void test_rotation_waits_for_groups_in_flight_and_for_a_nonce(void **state)
{
    (void)state;
    struct harness *h = standard();
    static uint8_t payload[20000];
    struct aero_slice big = aero_slice_of(payload, sizeof payload);
    assert_false(aero_wal_needs_nonce(h->wal)); /* harness_writer gave one */
    for (int i = 0; i < 4; i++) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    }
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_int_equal(h->pending_count, 1); /* three records, one write */
    assert_int_equal(h->pending[0]->ops[0].kind, AERO_OP_WRITE);
    harness_run(h, 0);
    assert_int_equal(h->pending_count, 1); /* its proof */
    harness_run(h, 0);
    assert_true(harness_has(h, AERO_WAL_LANE_FIRST)); /* now the barrier */
    assert_true(harness_has(h, AERO_WAL_LANE_PROOF)); /* and the proof is synced beside it */
    while (h->pending_count > 0) {
        harness_run(h, 0);
    }
    assert_int_equal(durable_lsn(h), 4);
    /* The next one has no nonce yet. */
    for (int i = 0; i < 3; i++) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    }
    aero_wal_submit(h->wal);
    harness_fetch(h);
    while (h->pending_count > 0) {
        harness_run(h, 0);
    }
    assert_int_equal(durable_lsn(h), 6);
    assert_true(aero_wal_needs_nonce(h->wal));
    assert_false(aero_wal_is_idle(h->wal));
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 7);
    harness_free(h);
}

static void test_many_segments_make_one_chain(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.segment_bytes = 8192;
    struct harness *h = harness_writer(&options);
    for (unsigned i = 0; i < 400; i++) {
        char text[32];
        snprintf(text, sizeof text, "record %u", i);
        harness_append(h, text);
        if (i % 7 == 0) {
            aero_wal_submit(h->wal);
            harness_settle(h);
        }
    }
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct aero_position end = {0};
    for (size_t i = 0; i < h->segment_count; i++) {
        bool last = i + 1 == h->segment_count;
        uint64_t bound = last ? 0 : h->segments[i + 1].header.prev_end_offset;
        struct segment_facts facts = read_segment(h, h->segments[i].name, bound);
        assert_int_equal(facts.stop, last ? AERO_STOP_CLEAN : AERO_STOP_FOOTER);
        assert_true(facts.header.prev_end.lsn.value == end.lsn.value);
        assert_true(facts.header.prev_end.chain == end.chain);
        assert_true(memory_find(&h->disk, h->segments[i].name)->bytes.length <= 8192);
        end = facts.position;
    }
    assert_true(h->segment_count > 5);
    assert_int_equal(end.lsn.value, 400);
    harness_free(h);
}

/* ---- No room (decisions 3, 11) ---------------------------------------------------------------------------- */

/* The history of decision 3: group 2 `b`, 3 `c` fails after some bytes; only 2 is tried again; crash; old 3 must not be
 * back. */
static void test_a_cut_ends_the_segment_and_what_failed_never_comes_back(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_settle(h);
    harness_append(h, "b");
    harness_append(h, "c");
    aero_wal_submit(h->wal);
    arm(h, "write", FIRST, ENOSPC);
    h->disk.fault.written = 140; /* all of b, some of c */
    harness_fetch(h);
    harness_run(h, 0);
    assert_false(aero_wal_is_open(h->wal));
    assert_no_failure(h); /* their fate is open until the successor is durable */
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_int_equal(failure.durable.value, 1);
    assert_int_equal(failure.unknown_through.value, 1); /* NOTWRITTEN */
    assert_int_equal(failure.last.value, 3);
    assert_int_equal(failure.status.code, AERO_NO_SPACE);
    assert_string_equal(failure.call, "write");
    assert_true(aero_wal_is_open(h->wal));

    assert_int_equal(harness_append(h, "b").value, 2);
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 2);
    assert_int_equal(h->segment_count, 2);
    assert_false(h->segments[1].prev_sealed);
    struct segment_facts one = read_segment(h, FIRST, h->segments[1].header.prev_end_offset);
    struct segment_facts two = read_segment(h, h->segments[1].name, 0);
    assert_int_equal(one.stop, AERO_STOP_BOUND); /* no footer */
    assert_int_equal(one.count, 1);
    assert_int_equal(two.count, 1);
    assert_string_equal(two.texts[0], "b");
    assert_false(aero_id_equal(one.header.nonce, two.header.nonce));
    /* The old b does verify where it stands: only the successor's header keeps it out. */
    assert_int_equal(read_segment(h, FIRST, 0).count, 2);
    harness_free(h);
}

static void test_a_cut_whose_successor_finds_no_room_is_unknown_until_a_retry(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    arm(h, "write", NULL, ENOSPC);
    h->disk.fault.sticky = true;
    h->disk.fault.written = 8;
    harness_fetch(h);
    harness_append(h, "b"); /* never handed over */
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_int_equal(failure.durable.value, 0);
    assert_int_equal(failure.unknown_through.value, 1);
    assert_int_equal(failure.last.value, 2);
    assert_string_equal(failure.file, FIRST);
    assert_false(aero_wal_is_open(h->wal));

    aero_wal_retry(h->wal); /* still none */
    harness_settle(h);
    assert_false(aero_wal_is_open(h->wal));
    assert_no_failure(h); /* told once */

    h->disk.fault.call = NULL;
    aero_wal_retry(h->wal);
    harness_settle(h);
    assert_no_failure(h);
    assert_true(aero_wal_is_open(h->wal));
    assert_int_equal(harness_append(h, "again").value, 1);
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    assert_string_equal(read_segment(h, h->segments[1].name, 0).texts[0], "again");
    assert_int_equal(read_segment(h, FIRST, AERO_SEGMENT_HEADER_BYTES).stop, AERO_STOP_BOUND);
    harness_free(h);
}

/* Not a byte was handed to a write: NOTWRITTEN whatever becomes of the successor. */
static void test_a_write_that_took_nothing_is_notwritten_even_without_a_successor(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    arm(h, "write", NULL, ENOSPC);
    h->disk.fault.sticky = true;
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_int_equal(failure.unknown_through.value, 0);
    assert_int_equal(failure.last.value, 1);
    harness_free(h);
}

static void test_a_cut_keeps_the_earlier_group_and_drops_the_later_that_landed(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct aero_wal_options options = harness_options();
        struct harness *h = harness_writer(&options);
        harness_append(h, "zero");
        aero_wal_submit(h->wal);
        harness_settle(h);
        harness_append(h, "one");
        aero_wal_submit(h->wal);
        harness_append(h, "two");
        aero_wal_submit(h->wal);
        harness_fetch(h);
        size_t first = harness_find(h, AERO_WAL_LANE_FIRST);
        size_t second = harness_find(h, AERO_WAL_LANE_SECOND);
        bool later_fails = order == 0;
        arm(h, "write", FIRST, ENOSPC);
        harness_run(h, later_fails ? second : first); /* fails */
        assert_no_failure(h);
        assert_int_equal(h->pending_count, 1); /* what flies is awaited first */
        harness_run(h, 0);                     /* lands */
        harness_settle(h);
        struct aero_wal_failure failure = take_failure(h);
        assert_false(failure.closed);
        assert_int_equal(failure.durable.value, later_fails ? 2 : 1);
        assert_int_equal(failure.unknown_through.value, failure.durable.value);
        assert_int_equal(failure.last.value, 3);
        struct segment_facts one = read_segment(h, FIRST, h->segments[1].header.prev_end_offset);
        assert_int_equal(one.stop, AERO_STOP_BOUND);
        assert_int_equal(one.count, later_fails ? 2 : 1);
        harness_free(h);
    }
}

static void test_a_sync_that_fails_while_a_cut_waits_closes(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    arm(h, "write", FIRST, ENOSPC);
    h->disk.fault.written = 8;
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    arm(h, "sync", FIRST, EIO);
    harness_run(h, harness_find(h, AERO_WAL_LANE_SECOND));
    struct aero_wal_failure failure = take_failure(h);
    assert_true(failure.closed);
    assert_int_equal(failure.unknown_through.value, 2);
    assert_int_equal(failure.last.value, 3);
    harness_free(h);
}

static void test_rotation_without_room_refuses_the_queue_until_a_retry(void **state)
{
    (void)state;
    static const char *const calls[] = {"open", "write", "rename"};
    for (size_t i = 0; i < 3; i++) {
        struct harness *h = standard();
        static uint8_t payload[30000];
        struct aero_slice big = aero_slice_of(payload, sizeof payload);
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
        aero_wal_submit(h->wal);
        harness_settle(h);
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
        arm(h, calls[i], i == 2 ? NULL : "prepared", ENOSPC);
        h->disk.fault.sticky = true;
        aero_wal_submit(h->wal);
        harness_settle(h);
        struct aero_wal_failure failure = take_failure(h);
        assert_false(failure.closed);
        assert_int_equal(failure.durable.value, 2);
        assert_int_equal(failure.unknown_through.value, 2);
        assert_int_equal(failure.last.value, 3);
        assert_string_equal(failure.call, calls[i]);
        assert_false(aero_wal_is_open(h->wal));
        h->disk.fault.call = NULL;
        aero_wal_retry(h->wal);
        harness_settle(h);
        assert_true(aero_wal_is_open(h->wal));
        assert_int_equal(aero_wal_append(h->wal, AERO_RECORD_COMMIT, big).value, 3);
        aero_wal_submit(h->wal);
        harness_settle(h);
        assert_int_equal(durable_lsn(h), 3);
        assert_int_equal(read_segment(h, FIRST, 0).stop, AERO_STOP_FOOTER);
        harness_free(h);
    }
}

static void test_rotation_whose_footer_finds_no_room_goes_on_without_it(void **state)
{
    (void)state;
    struct harness *h = standard();
    static uint8_t payload[30000];
    struct aero_slice big = aero_slice_of(payload, sizeof payload);
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    aero_wal_submit(h->wal);
    harness_settle(h);
    arm(h, "write", FIRST, ENOSPC);
    h->disk.fault.skip = 1; /* the second record; then the footer */
    h->disk.fault.written = 10;
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_true(failure.durable.value == 2 && failure.unknown_through.value == 2);
    assert_int_equal(failure.last.value, 3);
    assert_true(aero_wal_is_open(h->wal)); /* in the successor, which is durable */
    assert_false(h->segments[1].prev_sealed);
    aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 3);
    assert_int_equal(read_segment(h, FIRST, h->segments[1].header.prev_end_offset).stop,
                     AERO_STOP_BOUND);
    /* The one after it finds handles that were left open. */
    fill_segment(h, 30000);
    fill_segment(h, 30000);
    harness_free(h);
}

static void test_rotation_with_a_doubtful_error_closes(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        const char *name;
        int sys_errno;
    } cases[] = {
        {"open", "prepared", EIO},  {"open", "prepared", ENOENT}, {"write", "prepared", EIO},
        {"sync", "prepared", EIO},  {"sync", "prepared", ENOSPC}, {"rename", NULL, EACCES},
        {"syncdir", "wal", ENOSPC}, {"syncdir", "wal", EIO},      {"sync", "durable", EIO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct harness *h = standard();
        static uint8_t payload[30000];
        struct aero_slice big = aero_slice_of(payload, sizeof payload);
        arm(h, cases[i].call, cases[i].name, cases[i].sys_errno);
        for (int j = 0; j < 3; j++) {
            aero_wal_append(h->wal, AERO_RECORD_COMMIT, big);
        }
        aero_wal_submit(h->wal);
        harness_settle(h);
        struct aero_wal_failure failure = take_failure(h);
        assert_true(failure.closed);
        assert_int_equal(failure.durable.value, 2);
        assert_int_equal(failure.last.value, 3);
        assert_false(aero_wal_is_open(h->wal));
        harness_free(h);
    }
}

static void test_a_first_segment_without_room_is_a_cut_that_a_retry_cures(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    arm(h, "open", "prepared", ENOSPC);
    h->wal = aero_wal_new(&options, &start);
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct aero_wal_failure failure = take_failure(h);
    assert_false(failure.closed);
    assert_true(failure.unknown_through.value == 0 && failure.last.value == 1);
    aero_wal_retry(h->wal);
    harness_settle(h);
    assert_true(aero_wal_is_open(h->wal));
    harness_append(h, "b");
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation_is_a_barrier),
        cmocka_unit_test(test_rotation_waits_for_groups_in_flight_and_for_a_nonce),
        cmocka_unit_test(test_many_segments_make_one_chain),
        cmocka_unit_test(test_a_cut_ends_the_segment_and_what_failed_never_comes_back),
        cmocka_unit_test(test_a_cut_whose_successor_finds_no_room_is_unknown_until_a_retry),
        cmocka_unit_test(test_a_write_that_took_nothing_is_notwritten_even_without_a_successor),
        cmocka_unit_test(test_a_cut_keeps_the_earlier_group_and_drops_the_later_that_landed),
        cmocka_unit_test(test_a_sync_that_fails_while_a_cut_waits_closes),
        cmocka_unit_test(test_rotation_without_room_refuses_the_queue_until_a_retry),
        cmocka_unit_test(test_rotation_whose_footer_finds_no_room_goes_on_without_it),
        cmocka_unit_test(test_rotation_with_a_doubtful_error_closes),
        cmocka_unit_test(test_a_first_segment_without_room_is_a_cut_that_a_retry_cures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
