/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/proof.h"
#include "tests/unit/engine/wal_writer_steps.h"

/* ---- The first segment ------------------------------------------------------------------------------------ */

static void test_new_makes_the_first_segment_durable_before_anything_is_written(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    assert_true(aero_wal_is_open(h->wal));
    assert_int_equal(harness_append(h, "a").value, 1); /* taken from the start */
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_int_equal(h->pending_count, 1);
    harness_run(h, 0);
    /* Both lanes' handles are open before a byte is written (decision 4). */
    assert_string_equal(h->disk.trace, "open wal/prepared-00000001.tmp;"
                                       "open wal/prepared-00000001.tmp;"
                                       "write wal/prepared-00000001.tmp;"
                                       "sync wal/prepared-00000001.tmp;"
                                       "rename " FIRST ";"
                                       "syncdir wal;");
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    assert_int_equal(h->segment_count, 1);
    assert_string_equal(h->segments[0].name, FIRST);
    struct segment_facts facts = read_segment(h, FIRST, 0);
    assert_int_equal(facts.count, 1);
    assert_int_equal(facts.stop, AERO_STOP_CLEAN);
    assert_true(aero_id_equal(facts.header.nonce, start.nonce));
    assert_true(aero_id_equal(facts.header.cluster_id, start.cluster_id));
    assert_int_equal(facts.header.prev_sequence, 0);
    harness_free(h);
}

static void test_new_goes_on_behind_the_end_that_recovery_names(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    start.prev_sequence = 7;
    start.prev_end_offset = 8192;
    start.end = (struct aero_position){.lsn = {500}, .chain = 99};
    start.proof_generation = 0;
    h->wal = aero_wal_new(&options, &start);
    assert_int_equal(durable_lsn(h), 500);
    assert_int_equal(harness_append(h, "a").value, 501);
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct segment_facts facts = read_segment(h, "wal/00000000000001f5-00000008.seg", 0);
    assert_int_equal(facts.header.prev_sequence, 7);
    assert_int_equal(facts.header.prev_end_offset, 8192);
    assert_true(facts.header.prev_end.chain == 99 && facts.header.prev_end.lsn.value == 500);
    assert_int_equal(facts.position.lsn.value, 501);
    harness_free(h);
}

/* ---- Groups ----------------------------------------------------------------------------------------------- */

static void test_a_group_is_one_write_and_one_sync_then_the_proof(void **state)
{
    (void)state;
    struct harness *h = standard();
    memory_trace_clear(&h->disk);
    harness_append(h, "a");
    harness_append(h, "bb");
    harness_append(h, "ccc");
    assert_int_equal(h->pending_count, 0); /* nothing before the turn ends */
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_string_equal(h->disk.trace, "write " FIRST ";sync " FIRST ";write durable;");
    struct segment_facts facts = read_segment(h, FIRST, 0);
    assert_int_equal(facts.count, 3);
    assert_string_equal(facts.texts[2], "ccc");
    assert_int_equal(facts.offset, aero_wal_durable(h->wal).offset);
    assert_true(facts.position.chain == aero_wal_durable(h->wal).position.chain);
    harness_free(h);
}

/* Decision 5: nobody is told before the proof is written. */
static void test_durable_moves_only_when_the_proof_is_written(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    assert_int_equal(durable_lsn(h), 0);
    assert_int_equal(h->pending[0]->domain, AERO_DOMAIN_PROOF);
    harness_run(h, harness_find(h, AERO_WAL_LANE_PROOF));
    assert_int_equal(durable_lsn(h), 1);
    struct aero_proof proof;
    struct memory_file *file = memory_find(&h->disk, AERO_PROOF_FILE);
    assert_int_equal(aero_proof_newest(aero_buffer_slice(&file->bytes), &proof).code, AERO_OK);
    assert_int_equal(proof.end.lsn.value, 1);
    assert_true(proof.end.chain == aero_wal_durable(h->wal).position.chain);
    assert_int_equal(proof.end_offset, aero_wal_durable(h->wal).offset);
    assert_true(aero_id_equal(proof.segment_nonce, harness_id(3)));
    harness_free(h);
}

/* One proof in flight carries the newest position; what lands meanwhile is covered by the next. */
static void test_one_proof_covers_groups_that_landed_while_it_was_written(void **state)
{
    (void)state;
    struct harness *h = standard();
    for (uint64_t lsn = 1; lsn <= 3; lsn++) {
        harness_append(h, "a");
        aero_wal_submit(h->wal);
        harness_fetch(h);
        harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
        assert_int_equal(h->pending_count, 1); /* the first proof */
    }
    harness_run(h, 0);
    assert_int_equal(durable_lsn(h), 1);
    assert_int_equal(h->pending_count, 1);
    harness_run(h, 0);
    assert_int_equal(durable_lsn(h), 3);
    assert_int_equal(h->pending_count, 0);
    harness_free(h);
}

static void test_baseline_writes_and_syncs_each_record_alone(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.switches =
        (struct aero_wal_switches){.overlapped_sync = true}; /* has no meaning here */
    struct harness *h = harness_writer(&options);
    memory_trace_clear(&h->disk);
    harness_append(h, "a");
    harness_append(h, "b");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_int_equal(h->pending_count, 1);
    harness_settle(h);
    assert_string_equal(h->disk.trace, "write " FIRST ";sync " FIRST ";write durable;"
                                       "write " FIRST ";sync " FIRST ";write durable;");
    assert_int_equal(durable_lsn(h), 2);
    harness_free(h);
}

static void test_without_batching_each_record_is_a_write_of_its_own_under_one_sync(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.switches.wal_batching = false;
    struct harness *h = harness_writer(&options);
    memory_trace_clear(&h->disk);
    harness_append(h, "a");
    harness_append(h, "b");
    harness_append(h, "c");
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_string_equal(h->disk.trace, "write " FIRST ";write " FIRST ";write " FIRST ";"
                                       "sync " FIRST ";write durable;");
    for (int i = 0; i < AERO_WAL_LANE_BACKGROUND * 200; i++) {
        harness_append(h, "x");
    }
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_true(h->pending[0]->op_count <= 257); /* bounded */
    harness_settle(h);
    assert_int_equal(read_segment(h, FIRST, 0).count, 3 + AERO_WAL_LANE_BACKGROUND * 200);
    harness_free(h);
}

/* DIS-2: the switches change requests, never bytes. */
static void test_every_switch_writes_the_same_bytes(void **state)
{
    (void)state;
    struct aero_buffer expected = {0};
    for (unsigned bits = 0; bits < 16; bits++) {
        struct aero_wal_options options = harness_options();
        options.switches = (struct aero_wal_switches){.group_commit = bits & 1,
                                                      .wal_batching = (bits & 2) != 0,
                                                      .overlapped_sync = (bits & 4) != 0,
                                                      .wal_recycle = (bits & 8) != 0};
        struct harness *h = harness_writer(&options);
        for (int i = 0; i < 20; i++) {
            /* One at a time: so that every mark is the same. */
            harness_append(h, i % 2 == 0 ? "even" : "odd one out");
            aero_wal_submit(h->wal);
            harness_settle(h);
        }
        size_t end = (size_t)aero_wal_durable(h->wal).offset;
        const struct aero_buffer *bytes = &memory_find(&h->disk, FIRST)->bytes;
        if (bits == 0) {
            aero_buffer_append(&expected, bytes->data, end);
        }
        assert_int_equal(end, expected.length);
        assert_memory_equal(bytes->data, expected.data, end);
        harness_free(h);
    }
    aero_buffer_deinit(&expected);
}

/* Decision 17: the mark is what was durable when the group was handed over, not when its record was appended. */
static void test_marks_are_the_durable_lsn_at_hand_over(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.switches.overlapped_sync = false;
    struct harness *h = harness_writer(&options);
    harness_append(h, "1");
    aero_wal_submit(h->wal);
    harness_append(h, "2"); /* waits for the lane: handed over before the proof of 1 is written */
    harness_append(h, "3");
    aero_wal_submit(h->wal);
    harness_settle(h);
    harness_append(h, "4");
    aero_wal_submit(h->wal);
    harness_settle(h);
    struct segment_facts facts = read_segment(h, FIRST, 0);
    assert_int_equal(facts.marks[0].value, 0);
    assert_int_equal(facts.marks[1].value, 0);
    assert_int_equal(facts.marks[2].value, 0);
    assert_int_equal(facts.marks[3].value, 3);
    harness_free(h);
}

/* ---- Overlapped syncs (decision 4) ------------------------------------------------------------------------ */

static void test_groups_in_flight_share_no_handle(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(h->pending[i]->op_count, 2);
        assert_int_equal(h->pending[i]->ops[0].handle, h->pending[i]->ops[1].handle);
        assert_int_equal(h->pending[i]->ops[1].kind, AERO_OP_SYNC);
    }
    assert_int_not_equal(h->pending[0]->ops[0].handle, h->pending[1]->ops[0].handle);
    assert_int_not_equal(h->pending[0]->lane, h->pending[1]->lane);
    harness_free(h);
}

static void test_a_later_group_that_lands_first_is_durable_with_the_earlier(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    harness_run(h, harness_find(h, AERO_WAL_LANE_SECOND));
    assert_int_equal(durable_lsn(h), 0);
    assert_false(harness_has(h, AERO_WAL_LANE_PROOF)); /* nothing to prove yet */
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    harness_run(h, harness_find(h, AERO_WAL_LANE_PROOF));
    assert_int_equal(durable_lsn(h), 2);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 3);
    harness_free(h);
}

static void test_a_later_group_behind_a_failed_sync_is_never_acknowledged(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    harness_run(h, harness_find(h, AERO_WAL_LANE_SECOND));
    arm(h, "sync", FIRST, EIO);
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    assert_int_equal(h->pending_count, 0);
    assert_int_equal(durable_lsn(h), 0);
    struct aero_wal_failure failure = take_failure(h);
    assert_true(failure.closed);
    assert_int_equal(failure.durable.value, 0);
    assert_int_equal(failure.unknown_through.value, 2);
    assert_int_equal(failure.last.value, 3); /* never handed over: NOTWRITTEN */
    assert_int_equal(failure.status.sys_errno, EIO);
    assert_string_equal(failure.call, "fdatasync");
    assert_string_equal(failure.file, FIRST);
    harness_free(h);
}

static void test_an_earlier_group_behind_a_failed_later_one_is_not_acknowledged(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    arm(h, "sync", FIRST, EIO);
    harness_run(h, harness_find(h, AERO_WAL_LANE_SECOND));
    struct aero_wal_failure failure = take_failure(h);
    assert_true(failure.closed && failure.unknown_through.value == 2);
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST));
    assert_int_equal(h->pending_count, 0); /* no proof of it either */
    assert_int_equal(durable_lsn(h), 0);
    assert_no_failure(h);
    harness_free(h);
}

/* ---- Closed (FM-7.2) -------------------------------------------------------------------------------------- */

static void test_after_any_doubtful_error_nothing_more_is_asked_of_the_disk(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        const char *name;
        int sys_errno;
        uint64_t unknown_through;
    } cases[] = {
        {"sync", FIRST, EIO, 1},      {"sync", FIRST, ENOSPC, 1},      {"sync", FIRST, EDQUOT, 1},
        {"write", FIRST, EIO, 1},     {"write", FIRST, EACCES, 1},     {"write", FIRST, EROFS, 1},
        {"write", "durable", EIO, 1}, {"write", "durable", ENOSPC, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct harness *h = standard();
        harness_append(h, "a");
        aero_wal_submit(h->wal);
        harness_append(h, "b");
        arm(h, cases[i].call, cases[i].name, cases[i].sys_errno);
        harness_fetch(h);
        harness_settle(h);
        struct aero_wal_failure failure = take_failure(h);
        assert_true(failure.closed);
        assert_int_equal(failure.durable.value, 0);
        assert_true(failure.unknown_through.value >= cases[i].unknown_through);
        assert_int_equal(failure.last.value, 2);
        assert_string_equal(failure.file, cases[i].name);
        assert_false(aero_wal_is_open(h->wal));
        memory_trace_clear(&h->disk);
        aero_wal_submit(h->wal);
        aero_wal_retry(h->wal);
        aero_wal_flush_proof(h->wal);
        assert_false(aero_wal_give_recycled(h->wal, "wal/old.tmp"));
        assert_false(aero_wal_needs_nonce(h->wal));
        assert_null(aero_wal_next_request(h->wal));
        assert_true(aero_wal_is_idle(h->wal));
        assert_string_equal(h->disk.trace, "");
        assert_int_equal(durable_lsn(h), 0);
        harness_free(h);
    }
}

static void test_close_from_outside_says_which_commits_may_be_on_disk(void **state)
{
    (void)state;
    struct harness *h = two_groups_in_flight();
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST)); /* lets the third be handed over */
    harness_append(h, "four");
    aero_wal_close(h->wal, aero_error(AERO_MISMATCH), "", "");
    struct aero_wal_failure failure = take_failure(h);
    assert_true(failure.closed);
    assert_int_equal(failure.status.code, AERO_MISMATCH);
    assert_int_equal(failure.durable.value, 0); /* its proof had not been written */
    assert_int_equal(failure.unknown_through.value, 3);
    assert_int_equal(failure.last.value, 4);
    while (h->pending_count > 0) {
        harness_run(h, 0);
    }
    assert_int_equal(durable_lsn(h), 0);
    assert_true(aero_wal_is_idle(h->wal));
    harness_free(h);
}

/* ---- Proof ------------------------------------------------------------------------------------------------ */

static void test_proof_is_created_once_then_alternates_slots_and_is_synced_when_asked(void **state)
{
    (void)state;
    struct harness *h = standard();
    assert_non_null(strstr(h->disk.trace, "open durable;write durable;sync durable;syncdir ;"));
    memory_trace_clear(&h->disk);
    aero_wal_flush_proof(h->wal);
    harness_settle(h);
    assert_string_equal(h->disk.trace, ""); /* it was synced when it was created */
    for (int i = 0; i < 3; i++) {
        harness_append(h, "a");
        aero_wal_submit(h->wal);
        harness_settle(h);
    }
    struct aero_proof slots[2];
    const struct aero_buffer *bytes = &memory_find(&h->disk, AERO_PROOF_FILE)->bytes;
    for (size_t i = 0; i < 2; i++) {
        size_t offset = i * AERO_PROOF_SLOT_BYTES;
        assert_int_equal(aero_proof_decode(
                             aero_slice_of(bytes->data + offset, bytes->length - offset), &slots[i])
                             .code,
                         AERO_OK);
    }
    assert_true(slots[0].end.lsn.value == 3 && slots[1].end.lsn.value == 2);
    memory_trace_clear(&h->disk);
    aero_wal_flush_proof(h->wal);
    assert_false(aero_wal_is_idle(h->wal));
    harness_settle(h);
    assert_string_equal(h->disk.trace, "sync durable;");
    assert_true(aero_wal_is_idle(h->wal));
    aero_wal_flush_proof(h->wal);
    harness_settle(h);
    assert_string_equal(h->disk.trace, "sync durable;"); /* nothing new to sync */
    harness_free(h);
}

/* What a valid slot says is true: the file is not truncated away under it. */
static void test_proof_that_exists_is_kept_and_its_generation_goes_on(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    struct aero_proof old = {.generation = 41, .segment_sequence = 1};
    uint8_t slot[AERO_PROOF_BYTES];
    aero_proof_encode(&old, slot);
    memory_store(&memory_put(&h->disk, AERO_PROOF_FILE)->bytes, AERO_PROOF_SLOT_BYTES,
                 aero_slice_of(slot, sizeof slot));
    start.proof_generation = 41;
    h->wal = aero_wal_new(&options, &start);
    harness_settle(h);
    struct aero_proof newest;
    const struct aero_buffer *bytes = &memory_find(&h->disk, AERO_PROOF_FILE)->bytes;
    assert_int_equal(aero_proof_newest(aero_buffer_slice(bytes), &newest).code, AERO_OK);
    assert_int_equal(newest.generation, 42);
    assert_memory_equal(bytes->data + AERO_PROOF_SLOT_BYTES, slot, sizeof slot);
    harness_free(h);
}

/* What a host looks at before it ends a turn: with every lane away, waiting for more gains nothing. */
static void test_is_gathering_while_a_submit_would_make_a_group(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_settle(h);
    assert_false(aero_wal_is_gathering(h->wal));
    harness_append(h, "one");
    assert_true(aero_wal_is_gathering(h->wal));
    aero_wal_submit(h->wal);
    assert_false(aero_wal_is_gathering(h->wal));
    harness_free(h);
    h = two_groups_in_flight();
    harness_append(h, "four");
    assert_false(aero_wal_is_gathering(h->wal));
    harness_run(h, harness_find(h, AERO_WAL_LANE_FIRST)); /* which takes it along */
    assert_false(aero_wal_is_gathering(h->wal));
    harness_free(h);
}

/* ---- Bounds ----------------------------------------------------------------------------------------------- */

static void test_has_room_says_when_the_queue_is_full_and_again_when_it_drains(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.queue_bytes = 4096;
    struct harness *h = harness_writer(&options);
    unsigned count = 0;
    while (aero_wal_has_room(h->wal, 100)) {
        static const uint8_t payload[100];
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, sizeof payload));
        count++;
    }
    assert_int_equal(count, 4096 / aero_record_bytes(100));
    aero_wal_submit(h->wal);
    assert_false(aero_wal_has_room(h->wal, 100)); /* in flight counts */
    harness_settle(h);
    assert_true(aero_wal_has_room(h->wal, 100));
    harness_free(h);
}

static void test_the_largest_payload_fits_into_an_empty_segment_with_its_footer(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.segment_bytes = 16384 + 40;
    options.queue_bytes = 1 << 20;
    struct harness *h = harness_writer(&options);
    size_t max = aero_wal_payload_max(h->wal);
    uint8_t *payload = aero_calloc(1, max);
    for (int i = 0; i < 3; i++) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, max));
    }
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 3);
    assert_int_equal(h->segment_count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_true(memory_find(&h->disk, h->segments[i].name)->bytes.length <=
                    options.segment_bytes);
    }
    free(payload);
    options.segment_bytes = 1ULL << 40;
    options.queue_bytes = (size_t)1 << 40;
    struct harness *large = harness_writer(&options);
    assert_int_equal(aero_wal_payload_max(large->wal), AERO_RECORD_PAYLOAD_MAX);
    harness_free(large);
    harness_free(h);
}

/* Records larger than a chunk, many chunks, and an odd one between. */
static void test_large_records_and_many_chunks_keep_their_order(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.segment_bytes = 64 << 20;
    options.queue_bytes = 64 << 20;
    struct harness *h = harness_writer(&options);
    size_t length = (size_t)3 << 20;
    uint8_t *payload = aero_calloc(1, length);
    for (int i = 0; i < 40; i++) {
        size_t this_length = i % 5 == 0 ? length : 300000;
        payload[0] = (uint8_t)('A' + i);
        payload[1] = 0;
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, this_length));
        if (i % 3 == 0) {
            aero_wal_submit(h->wal);
        }
    }
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 40);
    struct segment_facts facts = read_segment(h, FIRST, 0);
    assert_int_equal(facts.count, 40);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(facts.texts[i][0], 'A' + i);
    }
    free(payload);
    harness_free(h);
}

static void test_no_append_is_taken_before_the_failure_has_been(void **state)
{
    (void)state;
    struct harness *h = standard();
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    arm(h, "write", FIRST, ENOSPC);
    harness_settle(h);
    assert_false(
        aero_wal_is_open(h->wal)); /* the successor is durable, but the owner has not rolled back */
    take_failure(h);
    assert_true(aero_wal_is_open(h->wal));
    harness_free(h);
}

static void test_new_segments_that_nobody_takes_stop_rotation(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    options.segment_bytes = 8192;
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    h->wal = aero_wal_new(&options, &start);
    static uint8_t payload[3000];
    for (int i = 0; i < 8; i++) { /* each needs a segment of its own */
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, sizeof payload));
    }
    for (int i = 0; i < 200; i++) {
        const struct aero_disk_request *request = aero_wal_next_request(h->wal);
        struct aero_disk_completion completion;
        harness_give_nonce(h);
        if (request != NULL) {
            aero_disk_run(memory_disk_port(&h->disk), &h->handles, request, &completion);
            aero_wal_on_completion(h->wal, &completion);
        }
    }
    assert_int_equal(durable_lsn(h), 4);
    for (int i = 0; i < 8; i++) {
        harness_take_segments(h);
        harness_settle(h);
    }
    assert_int_equal(durable_lsn(h), 8);
    assert_int_equal(h->segment_count, 8);
    harness_free(h);
}

/* ---- Watching a record for a checkpoint ------------------------------------------------------------------- */

static void assert_watched(struct harness *h, uint64_t lsn)
{
    struct aero_wal_place place;
    assert_true(aero_wal_watched(h->wal, &place));
    assert_int_equal(place.position.lsn.value, lsn);
    struct segment_facts facts = read_segment(h, FIRST, place.offset);
    assert_int_equal(facts.stop, AERO_STOP_BOUND);
    assert_int_equal(facts.position.lsn.value, lsn);
    assert_true(facts.position.chain == place.position.chain);
    assert_int_equal(place.sequence, facts.header.sequence);
}

static void test_watch_gives_the_place_of_a_queued_record_once_it_is_durable(void **state)
{
    (void)state;
    struct harness *h = standard();
    struct aero_wal_place place;
    harness_append(h, "a");
    harness_append(h, "b");
    aero_wal_watch(h->wal, aero_lsn_of(2)); /* in the middle of its group */
    harness_append(h, "c");
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_false(aero_wal_watched(h->wal, &place));
    harness_run(h, 0);
    assert_false(aero_wal_watched(h->wal, &place)); /* its proof is missing */
    harness_settle(h);
    assert_watched(h, 2);
    harness_append(h, "d");
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_watched(h, 2);
    harness_free(h);
}

static void test_watch_of_a_record_in_flight_and_of_a_durable_one(void **state)
{
    (void)state;
    struct harness *h = standard();
    struct aero_wal_place place;
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    aero_wal_watch(h->wal, aero_lsn_of(1));
    assert_false(aero_wal_watched(h->wal, &place));
    harness_settle(h);
    assert_watched(h, 1);
    aero_wal_watch(h->wal, aero_lsn_of(1));
    assert_watched(h, 1);
    harness_free(h);
}

static void test_watch_before_the_first_segment_waits_for_it(void **state)
{
    (void)state;
    struct aero_wal_options options = harness_options();
    struct aero_wal_start start = harness_start();
    struct harness *h = harness_new();
    struct aero_wal_place place;
    start.prev_sequence = 7;
    start.prev_end_offset = 8192;
    start.end = (struct aero_position){.lsn = {500}, .chain = 99};
    h->wal = aero_wal_new(&options, &start);
    aero_wal_watch(h->wal, aero_lsn_of(500));
    assert_false(aero_wal_watched(h->wal, &place));
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_true(aero_wal_watched(h->wal, &place));
    assert_true(place.sequence == 8 && place.offset == AERO_SEGMENT_HEADER_BYTES);
    assert_true(place.position.lsn.value == 500 && place.position.chain == 99);
    harness_free(h);
}

static void test_watch_is_forgotten_with_a_record_that_failed(void **state)
{
    (void)state;
    struct harness *h = standard();
    struct aero_wal_place place;
    harness_append(h, "a");
    aero_wal_submit(h->wal);
    aero_wal_watch(h->wal, aero_lsn_of(1));
    arm(h, "write", FIRST, ENOSPC);
    harness_settle(h);
    take_failure(h);
    harness_append(h, "another 1");
    aero_wal_submit(h->wal);
    harness_settle(h);
    assert_int_equal(durable_lsn(h), 1);
    assert_false(aero_wal_watched(h->wal, &place));
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_makes_the_first_segment_durable_before_anything_is_written),
        cmocka_unit_test(test_new_goes_on_behind_the_end_that_recovery_names),
        cmocka_unit_test(test_a_group_is_one_write_and_one_sync_then_the_proof),
        cmocka_unit_test(test_durable_moves_only_when_the_proof_is_written),
        cmocka_unit_test(test_one_proof_covers_groups_that_landed_while_it_was_written),
        cmocka_unit_test(test_baseline_writes_and_syncs_each_record_alone),
        cmocka_unit_test(test_without_batching_each_record_is_a_write_of_its_own_under_one_sync),
        cmocka_unit_test(test_every_switch_writes_the_same_bytes),
        cmocka_unit_test(test_marks_are_the_durable_lsn_at_hand_over),
        cmocka_unit_test(test_groups_in_flight_share_no_handle),
        cmocka_unit_test(test_a_later_group_that_lands_first_is_durable_with_the_earlier),
        cmocka_unit_test(test_a_later_group_behind_a_failed_sync_is_never_acknowledged),
        cmocka_unit_test(test_an_earlier_group_behind_a_failed_later_one_is_not_acknowledged),
        cmocka_unit_test(test_after_any_doubtful_error_nothing_more_is_asked_of_the_disk),
        cmocka_unit_test(test_close_from_outside_says_which_commits_may_be_on_disk),
        cmocka_unit_test(test_proof_is_created_once_then_alternates_slots_and_is_synced_when_asked),
        cmocka_unit_test(test_proof_that_exists_is_kept_and_its_generation_goes_on),
        cmocka_unit_test(test_is_gathering_while_a_submit_would_make_a_group),
        cmocka_unit_test(test_has_room_says_when_the_queue_is_full_and_again_when_it_drains),
        cmocka_unit_test(test_the_largest_payload_fits_into_an_empty_segment_with_its_footer),
        cmocka_unit_test(test_large_records_and_many_chunks_keep_their_order),
        cmocka_unit_test(test_no_append_is_taken_before_the_failure_has_been),
        cmocka_unit_test(test_new_segments_that_nobody_takes_stop_rotation),
        cmocka_unit_test(test_watch_gives_the_place_of_a_queued_record_once_it_is_durable),
        cmocka_unit_test(test_watch_of_a_record_in_flight_and_of_a_durable_one),
        cmocka_unit_test(test_watch_before_the_first_segment_waits_for_it),
        cmocka_unit_test(test_watch_is_forgotten_with_a_record_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
