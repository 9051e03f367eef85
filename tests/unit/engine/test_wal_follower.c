/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/proof.h"
#include "tests/unit/engine/wal_feed.h"

#define FIRST "wal/0000000000000001-00000001.seg"

/* A writer with three segments, the second of which was cut, and a follower that has nothing. */
struct pair {
    struct harness *writer;
    struct harness *replica;
};

static void write_records(struct harness *h, unsigned count, const char *text)
{
    for (unsigned i = 0; i < count; i++) {
        harness_append(h, text);
        aero_wal_submit(h->wal);
        harness_settle(h);
    }
}

static struct aero_wal_options small_segments(void)
{
    struct aero_wal_options options = harness_options();
    options.segment_bytes = 8192;
    return options;
}

static struct harness *new_replica(const struct aero_wal_options *options)
{
    struct aero_wal_follower_start start = {.proof_generation = 0};
    struct harness *h = harness_new();
    h->follower = aero_wal_follower_new(options, &start);
    harness_settle(h);
    return h;
}

static int set_up(void **state)
{
    struct pair *p = aero_calloc(1, sizeof *p);
    struct aero_wal_options options = small_segments();
    p->writer = harness_writer(&options);
    write_records(p->writer, 60, "a record of the first segments");
    p->writer->disk.fault =
        (struct memory_fault){.call = "write", .name = "wal/", .sys_errno = ENOSPC, .written = 20};
    harness_append(p->writer, "cut");
    aero_wal_submit(p->writer->wal);
    harness_settle(p->writer);
    struct aero_wal_failure failure;
    assert_true(aero_wal_take_failure(p->writer->wal, &failure));
    write_records(p->writer, 5, "behind the cut");
    p->replica = new_replica(&options);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    harness_free(p->writer);
    harness_free(p->replica);
    free(p);
    return 0;
}

/* Until a step that the disk has caught up with feeds nothing. */
static void feed_all(struct pair *p, unsigned records_max)
{
    unsigned idle_steps = 0;
    while (idle_steps < 2) {
        bool fed = feed_step(p->writer, p->replica, records_max);
        idle_steps = fed ? 0 : idle_steps + 1;
        aero_wal_follower_submit(p->replica->follower);
        harness_settle(p->replica);
    }
}

static void assert_same(struct pair *p)
{
    struct aero_wal_place mine = aero_wal_follower_durable(p->replica->follower);
    struct aero_wal_place theirs = aero_wal_durable(p->writer->wal);
    assert_int_equal(mine.sequence, theirs.sequence);
    assert_int_equal(mine.offset, theirs.offset);
    assert_true(mine.position.chain == theirs.position.chain);
    assert_int_equal(p->replica->segment_count, p->writer->segment_count);
    assert_true(feed_is_prefix(p->writer, p->replica));
    for (size_t i = 0; i < p->writer->segment_count; i++) {
        assert_int_equal(p->replica->segments[i].prev_sealed, p->writer->segments[i].prev_sealed);
    }
}

static struct aero_wal_failure take_failure(struct harness *h)
{
    struct aero_wal_failure failure;
    assert_true(aero_wal_follower_take_failure(h->follower, &failure));
    return failure;
}

/* REP-2, whatever the gulps. */
static void test_follower_writes_the_writers_bytes_at_the_writers_places(void **state)
{
    struct pair *p = *state;
    assert_true(p->writer->segment_count >= 3);
    feed_all(p, 7);
    assert_same(p);
    /* Footers too. */
    const struct aero_wal_segment *second = &p->writer->segments[1];
    assert_true(second->prev_sealed);
    size_t end = (size_t)second->header.prev_end_offset + AERO_SEGMENT_FOOTER_BYTES;
    assert_memory_equal(memory_find(&p->replica->disk, FIRST)->bytes.data,
                        memory_find(&p->writer->disk, FIRST)->bytes.data, end);
}

static void test_follower_with_every_switch_writes_the_same_bytes(void **state)
{
    struct pair *p = *state;
    for (unsigned bits = 0; bits < 16; bits++) {
        struct aero_wal_options options = small_segments();
        options.switches = (struct aero_wal_switches){.group_commit = bits & 1,
                                                      .wal_batching = (bits & 2) != 0,
                                                      .overlapped_sync = (bits & 4) != 0,
                                                      .wal_recycle = (bits & 8) != 0};
        harness_free(p->replica);
        p->replica = new_replica(&options);
        feed_all(p, 3);
        assert_same(p);
    }
}

static void test_follower_syncs_once_a_gulp_and_proves_before_it_tells(void **state)
{
    struct pair *p = *state;
    feed_step(p->writer, p->replica, 1); /* the header */
    aero_wal_follower_submit(p->replica->follower);
    harness_settle(p->replica);
    for (int i = 0; i < 10; i++) {
        feed_step(p->writer, p->replica, 1);
    }
    memory_trace_clear(&p->replica->disk);
    aero_wal_follower_submit(p->replica->follower);
    harness_fetch(p->replica);
    harness_run(p->replica, 0);
    assert_int_equal(aero_wal_follower_durable(p->replica->follower).position.lsn.value, 0);
    harness_settle(p->replica);
    assert_int_equal(aero_wal_follower_durable(p->replica->follower).position.lsn.value, 10);
    assert_string_equal(p->replica->disk.trace, "write " FIRST ";sync " FIRST ";write durable;");
    struct aero_proof proof;
    assert_int_equal(
        aero_proof_newest(
            aero_buffer_slice(&memory_find(&p->replica->disk, AERO_PROOF_FILE)->bytes), &proof)
            .code,
        AERO_OK);
    assert_int_equal(proof.end.lsn.value, 10);
    assert_true(aero_id_equal(proof.segment_nonce, p->writer->segments[0].header.nonce));
}

/* Decision 14 on a replica: a footer that arrived is not written before its successor's header is durable. */
static void test_follower_holds_the_footer_until_the_successor_is_durable(void **state)
{
    struct pair *p = *state;
    while (aero_wal_follower_received(p->replica->follower).offset < feed_end(p->writer, 1) ||
           aero_wal_follower_received(p->replica->follower).sequence != 1) {
        feed_step(p->writer, p->replica, 100);
        aero_wal_follower_submit(p->replica->follower);
        harness_settle(p->replica);
    }
    const struct aero_wal_segment *next = &p->writer->segments[1];
    const uint8_t *data = memory_find(&p->writer->disk, FIRST)->bytes.data;
    memory_trace_clear(&p->replica->disk);
    aero_wal_follower_seal(p->replica->follower, aero_slice_of(data + next->header.prev_end_offset,
                                                               AERO_SEGMENT_FOOTER_BYTES));
    aero_wal_follower_submit(p->replica->follower);
    harness_settle(p->replica);
    assert_string_equal(p->replica->disk.trace, "");
    aero_wal_follower_begin(p->replica->follower, &next->header,
                            aero_slice_of(memory_find(&p->writer->disk, next->name)->bytes.data,
                                          AERO_SEGMENT_HEADER_BYTES));
    aero_wal_follower_submit(p->replica->follower);
    harness_settle(p->replica);
    char expected[512];
    snprintf(expected, sizeof expected,
             "rename %s;syncdir wal;write " FIRST ";sync " FIRST ";close " FIRST, next->name);
    assert_non_null(strstr(p->replica->disk.trace, expected));
    assert_int_equal(aero_wal_follower_durable(p->replica->follower).sequence, 2);
}

static void test_follower_out_of_order_syncs_make_a_contiguous_prefix(void **state)
{
    struct pair *p = *state;
    struct harness *r = p->replica;
    feed_step(p->writer, r, 1);
    aero_wal_follower_submit(r->follower);
    harness_settle(r);
    for (int i = 0; i < 2; i++) {
        feed_step(p->writer, r, 4);
        aero_wal_follower_submit(r->follower);
    }
    harness_fetch(r);
    harness_run(r, harness_find(r, AERO_WAL_LANE_SECOND));
    assert_false(harness_has(r, AERO_WAL_LANE_PROOF));
    harness_run(r, harness_find(r, AERO_WAL_LANE_FIRST));
    harness_settle(r);
    assert_int_equal(aero_wal_follower_durable(r->follower).position.lsn.value, 8);
}

static void test_follower_goes_on_where_recovery_left_it(void **state)
{
    struct pair *p = *state;
    struct aero_wal_options options = small_segments();
    struct harness *r = p->replica;
    feed_step(p->writer, r, 1);
    feed_step(p->writer, r, 9);
    aero_wal_follower_submit(r->follower);
    harness_settle(r);
    struct aero_wal_follower_start start = {
        .segment = r->segments[0].header,
        .end = aero_wal_follower_durable(r->follower),
        .record_count = 9,
        .proof_generation = 2,
    };
    aero_wal_follower_free(r->follower);
    aero_disk_handles_close(memory_disk_port(&r->disk), &r->handles);
    r->follower = aero_wal_follower_new(&options, &start);
    memory_trace_clear(&r->disk);
    harness_settle(r);
    assert_string_equal(r->disk.trace, "open durable;write durable;open " FIRST ";open " FIRST ";");
    feed_all(p, 5);
    assert_same(p);
    assert_true(r->segments[1].prev_record_count == p->writer->segments[1].prev_record_count);
}

/* Recovery found the footer on disk: only the successor is missing. */
static void test_follower_that_was_found_sealed_goes_on_with_a_header(void **state)
{
    struct pair *p = *state;
    struct aero_wal_options options = small_segments();
    const struct aero_wal_segment *next = &p->writer->segments[1];
    struct harness *r = harness_new();
    struct memory_file *file = memory_put(&r->disk, FIRST);
    const struct memory_file *theirs = memory_find(&p->writer->disk, FIRST);
    memory_store(&file->bytes, 0, aero_buffer_slice(&theirs->bytes));
    struct aero_wal_follower_start start = {
        .segment = p->writer->segments[0].header,
        .end = {.sequence = 1,
                .offset = next->header.prev_end_offset,
                .position = next->header.prev_end},
        .record_count = next->prev_record_count,
        .sealed = true,
    };
    r->follower = aero_wal_follower_new(&options, &start);
    harness_settle(r);
    aero_wal_follower_begin(r->follower, &next->header,
                            aero_slice_of(memory_find(&p->writer->disk, next->name)->bytes.data,
                                          AERO_SEGMENT_HEADER_BYTES));
    aero_wal_follower_submit(r->follower);
    harness_settle(r);
    assert_int_equal(r->segment_count, 1);
    assert_true(r->segments[0].prev_sealed);
    assert_true(
        aero_slice_equal(aero_buffer_slice(&file->bytes), aero_buffer_slice(&theirs->bytes)));
    harness_free(r);
}

/* Decision 22: it serves at its last durable LSN, and the same bytes are fed again when there is room. */
static void test_follower_without_room_drops_what_failed_and_takes_it_again(void **state)
{
    static const struct {
        const char *call;
        const char *name;
        unsigned skip;
    } cases[] = {
        {"write", "wal/0", 2}, {"write", "prepared", 1}, {"open", "prepared", 1},
        {"rename", NULL, 1},   {"write", FIRST, 7}, /* the footer */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_wal_options options = small_segments();
        struct pair *p = *state;
        harness_free(p->replica);
        p->replica = new_replica(&options);
        struct harness *r = p->replica;
        r->disk.fault = (struct memory_fault){.call = cases[i].call,
                                              .name = cases[i].name,
                                              .skip = cases[i].skip,
                                              .sys_errno = ENOSPC,
                                              .written = 100};
        feed_all(p, 6);
        struct aero_wal_failure failure = take_failure(r);
        assert_false(failure.closed);
        assert_int_equal(failure.status.code, AERO_NO_SPACE);
        struct aero_wal_place received = aero_wal_follower_received(r->follower);
        struct aero_wal_place durable = aero_wal_follower_durable(r->follower);
        assert_int_equal(failure.durable.value, durable.position.lsn.value);
        assert_true(received.sequence == durable.sequence && received.offset == durable.offset);
        assert_true(feed_is_prefix(p->writer, r));
        feed_all(p, 6);
        struct aero_wal_place end = aero_wal_follower_durable(r->follower);
        assert_int_equal(end.position.lsn.value,
                         aero_wal_durable(p->writer->wal).position.lsn.value);
        assert_true(feed_is_prefix(p->writer, r));
    }
}

static void test_follower_with_a_failed_sync_or_proof_is_closed(void **state)
{
    static const struct {
        const char *call;
        const char *name;
        int sys_errno;
    } cases[] = {{"sync", "wal/0", EIO},    {"sync", "wal/0", ENOSPC}, {"write", "wal/0", EIO},
                 {"write", "durable", EIO}, {"syncdir", "wal", EIO},   {"sync", "prepared", EIO}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_wal_options options = small_segments();
        struct pair *p = *state;
        harness_free(p->replica);
        p->replica = new_replica(&options);
        struct harness *r = p->replica;
        r->disk.fault = (struct memory_fault){
            .call = cases[i].call, .name = cases[i].name, .sys_errno = cases[i].sys_errno};
        feed_all(p, 6);
        struct aero_wal_failure failure = take_failure(r);
        assert_true(failure.closed);
        assert_false(aero_wal_follower_is_open(r->follower));
        assert_false(aero_wal_follower_has_room(r->follower, 8));
        memory_trace_clear(&r->disk);
        aero_wal_follower_submit(r->follower);
        aero_wal_follower_flush_proof(r->follower);
        harness_settle(r);
        assert_string_equal(r->disk.trace, "");
        assert_true(aero_wal_follower_is_idle(r->follower));
    }
}

static void test_follower_bounds_what_is_queued(void **state)
{
    struct pair *p = *state;
    struct aero_wal_options options = small_segments();
    options.queue_bytes = 4096;
    harness_free(p->replica);
    p->replica = new_replica(&options);
    struct aero_wal_follower *follower = p->replica->follower;
    assert_true(
        aero_wal_follower_has_room(follower, 4097)); /* one gulp, or it would wait for ever */
    unsigned steps = 0;
    while (feed_step(p->writer, p->replica, 4)) { /* without letting the disk work */
        steps++;
        assert_true(steps < 100);
    }
    assert_false(aero_wal_follower_has_room(follower, 4096));
    feed_all(p, 4);
    assert_same(p);
}

/* DET-3: segments that begin faster than the disk makes them wait outside, few bytes as they are. */
static void test_follower_bounds_the_segments_that_wait(void **state)
{
    struct pair *p = *state;
    struct harness *r = p->replica;
    struct aero_segment_header header = p->writer->segments[0].header;
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES];
    struct aero_wal_failure none;
    for (unsigned i = 0; i < AERO_WAL_FOLLOWER_ROTATIONS_MAX; i++) {
        assert_true(aero_wal_follower_has_room(r->follower, sizeof raw));
        aero_segment_header_encode(&header, raw);
        aero_wal_follower_begin(r->follower, &header, aero_slice_of(raw, sizeof raw));
        header.prev_sequence = header.sequence++;
        header.prev_end_offset = AERO_SEGMENT_HEADER_BYTES;
        header.nonce.bytes[0]++;
    }
    assert_false(aero_wal_follower_has_room(r->follower, 1));
    aero_wal_follower_submit(r->follower);
    harness_settle(r);
    assert_true(aero_wal_follower_has_room(r->follower, sizeof raw));
    assert_int_equal(r->segment_count, AERO_WAL_FOLLOWER_ROTATIONS_MAX);
    assert_false(aero_wal_follower_take_failure(r->follower, &none));
}

/* The log's own file cannot be opened at the start, for want of room or otherwise: nothing can be written at all. */
static void test_follower_that_cannot_open_its_segment_is_closed(void **state)
{
    struct pair *p = *state;
    static const int errnos[] = {ENOSPC, EIO};
    for (size_t i = 0; i < 2; i++) {
        struct aero_wal_options options = small_segments();
        const struct aero_wal_segment *first = &p->writer->segments[0];
        struct aero_wal_follower_start start = {
            .segment = first->header, .end = {.sequence = 1, .offset = AERO_SEGMENT_HEADER_BYTES}};
        struct harness *r = harness_new();
        memory_put(&r->disk, FIRST);
        r->disk.fault =
            (struct memory_fault){.call = "open", .name = FIRST, .sys_errno = errnos[i]};
        r->follower = aero_wal_follower_new(&options, &start);
        harness_settle(r);
        struct aero_wal_failure failure = take_failure(r);
        assert_true(failure.closed);
        assert_string_equal(failure.file, FIRST);
        assert_false(aero_wal_follower_has_room(r->follower, 8));
        harness_free(r);
    }
}

static void test_follower_close_drops_what_is_queued(void **state)
{
    struct pair *p = *state;
    feed_step(p->writer, p->replica, 1);
    feed_step(p->writer, p->replica, 5);
    aero_wal_follower_close(p->replica->follower, aero_error(AERO_MISMATCH));
    struct aero_wal_failure failure = take_failure(p->replica);
    assert_true(failure.closed && failure.status.code == AERO_MISMATCH);
    assert_int_equal(failure.last.value, 5);
    assert_true(aero_wal_follower_is_idle(p->replica->follower));
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(test_follower_writes_the_writers_bytes_at_the_writers_places),
        WITH_PAIR(test_follower_with_every_switch_writes_the_same_bytes),
        WITH_PAIR(test_follower_syncs_once_a_gulp_and_proves_before_it_tells),
        WITH_PAIR(test_follower_holds_the_footer_until_the_successor_is_durable),
        WITH_PAIR(test_follower_out_of_order_syncs_make_a_contiguous_prefix),
        WITH_PAIR(test_follower_goes_on_where_recovery_left_it),
        WITH_PAIR(test_follower_that_was_found_sealed_goes_on_with_a_header),
        WITH_PAIR(test_follower_without_room_drops_what_failed_and_takes_it_again),
        WITH_PAIR(test_follower_with_a_failed_sync_or_proof_is_closed),
        WITH_PAIR(test_follower_bounds_what_is_queued),
        WITH_PAIR(test_follower_bounds_the_segments_that_wait),
        WITH_PAIR(test_follower_that_cannot_open_its_segment_is_closed),
        WITH_PAIR(test_follower_close_drops_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
