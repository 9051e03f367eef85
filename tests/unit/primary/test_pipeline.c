/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline over a real WAL writer whose disk is this file: requests complete as the test says. */
#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "engine/operation.h"
#include "engine/record.h"
#include "engine/summary.h"
#include "primary/pipeline.h"

struct bench {
    struct aero_wal_writer *wal;
    struct aero_pipeline *pipeline;
    uint8_t next_nonce;
    struct aero_buffer written; /* to the WAL, one write behind the other */
};

static aero_id fresh_nonce(struct bench *bench)
{
    return (aero_id){.bytes = {++bench->next_nonce, 1}};
}

static struct bench open_bench(void)
{
    struct bench bench = {0};
    const struct aero_wal_options options = {
        .switches = {.group_commit = true, .wal_batching = true},
        .segment_bytes = 1 << 20,
        .queue_bytes = 1 << 20,
    };
    const struct aero_wal_start start = {
        .cluster_id = {{1}},
        .epoch = {1},
        .incarnation = {{2}},
        .nonce = fresh_nonce(&bench),
    };
    bench.wal = aero_wal_new(&options, &start);
    bench.pipeline =
        aero_pipeline_new(aero_tree_new(), bench.wal, aero_lsn_of(0), (aero_wall_ms){0});
    return bench;
}

static void close_bench(struct bench *bench)
{
    aero_pipeline_free(bench->pipeline);
    aero_wal_free(bench->wal);
    aero_buffer_deinit(&bench->written);
}

/* Runs requests until there are none; a sync of the WAL fails when `sync_fails`. */
static void run_disk(struct bench *bench, bool sync_fails)
{
    const struct aero_disk_request *request;
    aero_wal_submit(bench->wal);
    while ((request = aero_wal_next_request(bench->wal)) != NULL) {
        struct aero_disk_completion done = {
            .request_id = request->id,
            .failed_op = request->op_count,
        };
        for (uint32_t i = 0; request->domain == AERO_DOMAIN_WAL && i < request->op_count; i++) {
            aero_buffer_append_slice(&bench->written, request->ops[i].bytes);
            if (request->ops[i].kind == AERO_OP_SYNC && sync_fails) {
                done.status = aero_error(AERO_IO);
                done.failed_op = i;
                break;
            }
        }
        aero_wal_on_completion(bench->wal, &done);
        if (aero_wal_needs_nonce(bench->wal)) {
            aero_wal_give_nonce(bench->wal, fresh_nonce(bench));
        }
    }
    struct aero_wal_failure failure;
    aero_lsn durable = aero_wal_durable(bench->wal).position.lsn;
    if (durable.value > aero_pipeline_durable(bench->pipeline).value) {
        aero_pipeline_on_durable(bench->pipeline, durable);
    }
    if (aero_wal_take_failure(bench->wal, &failure)) {
        aero_pipeline_on_failure(bench->pipeline, failure.durable);
    }
}

static void change(struct bench *bench, enum aero_operation_kind kind, const char *key,
                   const char *value)
{
    const struct aero_operation operation = {
        .kind = kind, .key = aero_slice_text(key), .value = aero_slice_text(value)};
    aero_pipeline_change(bench->pipeline, &operation);
}

static aero_lsn put(struct bench *bench, const char *key, const char *value)
{
    aero_pipeline_begin(bench->pipeline);
    change(bench, AERO_PUT, key, value);
    return aero_pipeline_commit(bench->pipeline);
}

static bool holds(struct bench *bench, const char *key, const char *value)
{
    struct aero_slice found;
    return aero_tree_get(aero_pipeline_tree(bench->pipeline), aero_slice_text(key), &found) &&
           aero_slice_equal(found, aero_slice_text(value));
}

/* V-1: in flight is touched; durable is not. */
static void test_touched_ends_with_durability(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    aero_lsn lsn = put(&bench, "a", "1");
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("a")).value, lsn.value);
    run_disk(&bench, false);
    assert_int_equal(aero_pipeline_durable(bench.pipeline).value, lsn.value);
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("a")).value, 0);
    close_bench(&bench);
}

/* A transaction that changed nothing says nothing about the keys of the commits in flight. */
static void test_abort_without_a_change_touches_nothing(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    aero_lsn lsn = put(&bench, "a", "1");
    aero_pipeline_begin(bench.pipeline);
    aero_pipeline_abort(bench.pipeline);
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("b")).value, 0);
    assert_int_equal(aero_pipeline_evaluated(bench.pipeline).value, lsn.value);
    aero_pipeline_begin(bench.pipeline); /* with one it errs upwards */
    change(&bench, AERO_PUT, "a", "2");
    aero_pipeline_abort(bench.pipeline);
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("b")).value, lsn.value);
    assert_true(holds(&bench, "a", "1"));
    close_bench(&bench);
}

static void test_range_delete_in_flight_touches_every_key(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    put(&bench, "a", "1");
    run_disk(&bench, false);
    aero_pipeline_begin(bench.pipeline);
    change(&bench, AERO_DELETE_RANGE, "a", "");
    aero_lsn lsn = aero_pipeline_commit(bench.pipeline);
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("zz")).value, lsn.value);
    close_bench(&bench);
}

/* FM-7.2: a failed sync takes everything in flight back, and nothing else. */
static void test_failed_sync_returns_to_the_durable_state(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    put(&bench, "a", "old");
    put(&bench, "b", "old");
    run_disk(&bench, false);
    struct aero_summary durable = aero_tree_summary(aero_pipeline_tree(bench.pipeline));
    put(&bench, "a", "new");
    put(&bench, "c", "new");
    aero_pipeline_begin(bench.pipeline);
    change(&bench, AERO_DELETE_RANGE, "b", "");
    aero_pipeline_commit(bench.pipeline);
    run_disk(&bench, true);
    struct aero_summary after = aero_tree_summary(aero_pipeline_tree(bench.pipeline));
    assert_true(aero_u128_equal(durable.digest, after.digest));
    assert_int_equal(durable.count, after.count);
    assert_true(holds(&bench, "a", "old"));
    assert_true(holds(&bench, "b", "old"));
    assert_int_equal(aero_pipeline_evaluated(bench.pipeline).value, 2);
    assert_int_equal(aero_pipeline_touched(bench.pipeline, aero_slice_text("a")).value, 0);
    close_bench(&bench);
}

/* D-2: all of a commit or none of it; and an abort leaves what is in flight alone. */
static void test_abort_takes_back_only_the_open_commit(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    put(&bench, "a", "1");
    aero_pipeline_begin(bench.pipeline);
    change(&bench, AERO_PUT, "a", "2");
    change(&bench, AERO_PUT, "b", "2");
    aero_pipeline_abort(bench.pipeline);
    assert_true(holds(&bench, "a", "1"));
    assert_false(holds(&bench, "b", "2"));
    assert_true(aero_pipeline_touched(bench.pipeline, aero_slice_text("a")).value >= 1);
    assert_int_equal(put(&bench, "b", "3").value, 2);
    run_disk(&bench, false);
    assert_int_equal(aero_pipeline_durable(bench.pipeline).value, 2);
    close_bench(&bench);
}

static void test_commit_without_a_change_takes_no_lsn(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    aero_pipeline_begin(bench.pipeline);
    assert_int_equal(aero_pipeline_commit(bench.pipeline).value, 0);
    assert_int_equal(put(&bench, "a", "1").value, 1);
    close_bench(&bench);
}

/* Decision 20: at fixed LSN multiples stands a digest record, so the commit behind it has the next LSN. */
static void test_digest_record_stands_at_its_multiple(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    for (uint64_t expected = 1; expected < AERO_DIGEST_INTERVAL_LSN; expected++) {
        assert_int_equal(put(&bench, "a", "1").value, expected);
    }
    assert_int_equal(put(&bench, "a", "1").value, AERO_DIGEST_INTERVAL_LSN + 1);
    close_bench(&bench);
}

/* The digest record that was written. */
static struct aero_digest_payload written_digest(struct bench *bench)
{
    for (size_t at = 0; at < bench->written.length; at += AERO_RECORD_ALIGN) {
        struct aero_record_header header;
        struct aero_digest_payload digest;
        struct aero_slice rest =
            aero_slice_of(bench->written.data + at, bench->written.length - at);
        if (aero_is_ok(aero_record_decode(rest, &header)) && header.type == AERO_RECORD_DIGEST) {
            struct aero_slice payload =
                aero_slice_of(rest.data + AERO_RECORD_HEADER_BYTES, header.payload_length);
            assert_true(aero_is_ok(aero_digest_decode(payload, &digest)));
            return digest;
        }
    }
    fail_msg("no digest record was written");
    return (struct aero_digest_payload){0};
}

/* Decision 20: it names the state before it, although the commit behind it is what makes it be written. */
static void test_digest_record_names_the_state_before_it(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    while (aero_pipeline_evaluated(bench.pipeline).value < AERO_DIGEST_INTERVAL_LSN - 1) {
        put(&bench, "a", "before");
    }
    struct aero_summary before = aero_tree_summary(aero_pipeline_tree(bench.pipeline));
    put(&bench, "a", "behind");
    run_disk(&bench, false);
    assert_true(aero_summary_equal(written_digest(&bench).summary, before));
    close_bench(&bench);
}

/* Decision 21 and FM-time: the logged clock never runs backwards. */
static void test_clock_never_decreases(void **state)
{
    (void)state;
    struct bench bench = open_bench();
    aero_pipeline_set_clock(bench.pipeline, (aero_wall_ms){1000});
    aero_pipeline_set_clock(bench.pipeline, (aero_wall_ms){10});
    assert_int_equal(aero_pipeline_clock(bench.pipeline).value, 1000);
    close_bench(&bench);
}

static void test_free_forgives_null(void **state)
{
    (void)state;
    aero_pipeline_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_touched_ends_with_durability),
        cmocka_unit_test(test_abort_without_a_change_touches_nothing),
        cmocka_unit_test(test_range_delete_in_flight_touches_every_key),
        cmocka_unit_test(test_failed_sync_returns_to_the_durable_state),
        cmocka_unit_test(test_abort_takes_back_only_the_open_commit),
        cmocka_unit_test(test_commit_without_a_change_takes_no_lsn),
        cmocka_unit_test(test_digest_record_stands_at_its_multiple),
        cmocka_unit_test(test_digest_record_names_the_state_before_it),
        cmocka_unit_test(test_clock_never_decreases),
        cmocka_unit_test(test_free_forgives_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
