/* SPDX-License-Identifier: Apache-2.0 */
/* Who may write (decisions 6, 7, 15): what a start makes of its manifest, and what a primary makes of what replicas prove. */
#include "tests/unit/cmocka_setup.h"

#include "shipping/view.h"
#include "tests/unit/primary/primary_bench.h"

/* Decision 6: two starts are two incarnations, and the manifest on the disk has both. */
static void test_every_start_is_an_incarnation_that_the_manifest_holds(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    struct aero_manifest read;
    struct aero_manifest_found found;
    begin(bench, false, 2);
    begin(bench, false, 3);
    assert_true(aero_is_ok(aero_manifest_read(memory_disk_port(&bench->disk), &read, &found)));
    assert_int_equal(read.history.incarnation_count, 3);
    for (uint8_t i = 0; i < 3; i++) {
        assert_true(aero_id_equal(read.history.incarnations[i].nonce, id_of((uint8_t)(i + 1))));
    }
    aero_manifest_deinit(&read);
    bench_free(bench);
}

/* Decision 7: what a cut closed stays closed, unless the operator configured otherwise. */
static void test_a_start_leaves_the_gate_of_its_cut_closed_unless_configured(void **state)
{
    (void)state;
    struct bench *bench = bench_new(END_LSN);
    bench->recovered.manifest.gate = AERO_GATE_CUT;
    begin(bench, false, 2);
    assert_int_equal(bench->recovered.manifest.gate, AERO_GATE_CUT);
    begin(bench, true, 3);
    assert_int_equal(bench->recovered.manifest.gate, AERO_GATE_OPEN);
    bench_free(bench);
}

/* Decision 7: what a replica acknowledged had been durable here; a log below it lost records, whoever is there to say so. */
static void test_a_start_below_what_a_replica_acknowledged_takes_no_writes(void **state)
{
    (void)state;
    struct bench *whole = bench_new(END_LSN);
    start(whole);
    assert_true(takes_writes(whole));
    bench_free(whole);
    struct bench *lost = bench_new(END_LSN + 2);
    start(lost);
    assert_false(takes_writes(lost));
    assert_int_equal(aero_primary_manifest(lost->primary)->gate, AERO_GATE_PRIMARY_LOST);
    assert_int_equal(aero_primary_manifest(lost->primary)->lost_count, 2);
    bench_free(lost);
}

static void test_what_is_lost_is_counted_in_words(void **state)
{
    (void)state;
    static const char *const words[] = {": 1 durable record is lost here",
                                        ": 2 durable records are lost here"};
    for (unsigned lost = 1; lost <= 2; lost++) {
        struct bench *bench = bench_new(END_LSN + lost);
        start(bench);
        assert_non_null(
            strstr(aero_primary_manifest(bench->primary)->gate_reason, words[lost - 1]));
        bench_free(bench);
    }
}

/* The furthest replica says how much is lost, in whatever order the pins stand; a number that does not fit is a large one. */
static void test_the_furthest_acknowledgement_counts_what_is_lost(void **state)
{
    (void)state;
    static const struct {
        uint64_t first;
        uint64_t second;
        uint32_t lost_count;
        const char *name;
    } cases[] = {
        {END_LSN + 2, END_LSN + 5, 5, "'r2'"},
        {END_LSN + 5, END_LSN + 2, 5, "'r1'"},
        {END_LSN, END_LSN + 1, 1, "'r2'"},
        {(uint64_t)END_LSN + UINT32_MAX - 1, 0, UINT32_MAX - 1, "'r1'"},
        {(uint64_t)END_LSN + UINT32_MAX + 7, 0, UINT32_MAX, "'r1'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(cases[i].first);
        struct aero_manifest *manifest = &bench->recovered.manifest;
        manifest->pins[1] = (struct aero_pin){.node_name = "r2", .sequence = 1};
        manifest->pins[1].durable = aero_lsn_of(cases[i].second);
        manifest->pin_count = 2;
        begin(bench, false, 2);
        assert_int_equal(manifest->gate, AERO_GATE_PRIMARY_LOST);
        assert_int_equal(manifest->lost_count, cases[i].lost_count);
        assert_non_null(strstr(manifest->gate_reason, cases[i].name));
        bench_free(bench);
    }
}

/* Decision 6: a start that cannot be told from another, or on a replica's directory, is none, and the disk is as it was. */
static void test_a_start_that_cannot_be_an_incarnation_writes_nothing(void **state)
{
    (void)state;
    const struct aero_recovery_report report = {.evidence = "none"};
    struct bench *bench = bench_new(0);
    struct aero_disk disk = memory_disk_port(&bench->disk);
    memory_trace_clear(&bench->disk);
    assert_int_equal(
        aero_primary_begin_incarnation(disk, &bench->recovered, &report, false, id_of(1)).code,
        AERO_INVALID); /* the nonce of the one before */
    bench->recovered.manifest.role = AERO_ROLE_REPLICA;
    assert_int_equal(
        aero_primary_begin_incarnation(disk, &bench->recovered, &report, false, id_of(2)).code,
        AERO_MISMATCH);
    assert_string_equal(bench->disk.trace, "");
    bench_free(bench);
}

static void expect_gate(struct bench *bench, enum aero_write_gate gate, uint32_t lost_count)
{
    run_disk(bench);
    assert_int_equal(aero_primary_manifest(bench->primary)->gate, gate);
    assert_int_equal(aero_primary_manifest(bench->primary)->lost_count, lost_count);
    assert_false(takes_writes(bench));
}

/* Decision 15: what closes writes gives way to a graver doubt only, or to a greater loss. */
static void test_the_graver_doubt_stays(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_PROVEN, .lost_count = 5});
    expect_gate(bench, AERO_GATE_PRIMARY_LOST, 5);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_PROVEN, .lost_count = 5});
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_PROVEN, .lost_count = 3});
    expect_gate(bench, AERO_GATE_PRIMARY_LOST, 5);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_PROVEN,
                                           .lost_count = UINT32_MAX + 9ULL});
    expect_gate(bench, AERO_GATE_PRIMARY_LOST, UINT32_MAX);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SUPERSEDED});
    expect_gate(bench, AERO_GATE_SUPERSEDED, 0);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_PROVEN, .lost_count = 7});
    expect_gate(bench, AERO_GATE_SUPERSEDED, 0);
    bench_free(bench);
}

/* Decisions 7 and 15: a replica that comes too many is served, and takes nobody's place. */
static void test_a_replica_beyond_the_limit_is_not_counted(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    for (uint64_t connection = 1; connection <= AERO_FLEET_MAX + 1; connection++) {
        struct aero_fleet_event event = {.kind = AERO_SENDER_PROGRESS,
                                         .connection = connection,
                                         .following = true,
                                         .durable = aero_lsn_of(connection)};
        snprintf(event.name, sizeof event.name, "r1");
        aero_primary_on_fleet_event(bench->primary, &event);
    }
    assert_int_equal(aero_fleet_count(&bench->primary->fleet), AERO_FLEET_MAX);
    assert_null(aero_fleet_find(&bench->primary->fleet, AERO_FLEET_MAX + 1));
    /* What it holds durably is remembered all the same. */
    assert_int_equal(aero_primary_acknowledged_by(bench->primary, "r1").value, AERO_FLEET_MAX + 1);
    bench_free(bench);
}

/* Decision 24: WAL is kept for a bounded number of replicas; of another one the operator hears. */
static void test_a_pin_beyond_the_limit_is_refused_and_said(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    size_t count = 0;
    for (unsigned i = 1; i <= AERO_PINS_MAX; i++) { /* r1 has one */
        struct aero_fleet_event event = {.kind = AERO_SENDER_PIN, .connection = 1};
        assert_false(kept_log_has(&bench->log, "event=pin_refused"));
        snprintf(event.name, sizeof event.name, "other%u", i);
        aero_primary_on_fleet_event(bench->primary, &event);
    }
    aero_checkpointer_pins(bench->primary->checkpointer, &count);
    assert_int_equal(count, AERO_PINS_MAX);
    char line[64];
    snprintf(line, sizeof line, "event=pin_refused replica=other%d ", AERO_PINS_MAX);
    assert_true(kept_log_has(&bench->log, line));
    bench_free(bench);
}

/* Decisions 7 and 15: a proven loss, a higher epoch and a clash each close writes at once. */
static void test_doubt_about_authority_closes_writes(void **state)
{
    (void)state;
    const enum aero_sender_event_kind doubts[] = {AERO_SENDER_LOSS_PROVEN, AERO_SENDER_SUPERSEDED,
                                                  AERO_SENDER_EPOCH_CLASH};
    for (size_t i = 0; i < 3; i++) {
        struct bench *bench = bench_new(0);
        start(bench);
        tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_LOSS_CLAIMED});
        assert_true(takes_writes(bench)); /* a claim alone is nothing */
        tell(bench, &(struct aero_fleet_event){.kind = doubts[i], .lost_count = 1});
        assert_false(takes_writes(bench));
        bench_free(bench);
    }
}

/* Decision 15: a fence is told to others only when the manifest holds it durably. */
static void test_a_fence_is_told_only_once_it_is_durable(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SUPERSEDED});
    bench->primary->view_is_stale = true;
    assert_false(aero_shipping_view_source(aero_primary_shipping_view(bench->primary))->fenced);
    struct aero_core_request request;
    while (aero_primary_next_request(bench->primary, &request)) {
        const struct aero_disk_completion done = {.request_id = request.request->id,
                                                  .status = aero_ok(),
                                                  .failed_op = request.request->op_count};
        aero_primary_on_completion(bench->primary, request.owner, &done);
    }
    assert_true(aero_shipping_view_source(aero_primary_shipping_view(bench->primary))->fenced);
    bench_free(bench);
}

/* Decision 7: only a replica that resumes holds nothing of what was cut. */
static void test_only_a_replica_that_resumes_opens_writes_after_a_cut(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    bench->recovered.manifest.gate = AERO_GATE_CUT;
    snprintf(bench->recovered.manifest.gate_reason, sizeof bench->recovered.manifest.gate_reason,
             "bytes were cut");
    start(bench);
    assert_false(takes_writes(bench));
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_VERDICT,
                                           .verdict = AERO_HANDSHAKE_NEED_SNAPSHOT});
    assert_false(takes_writes(bench));
    tell(bench,
         &(struct aero_fleet_event){.kind = AERO_SENDER_VERDICT, .verdict = AERO_HANDSHAKE_RESUME});
    assert_true(takes_writes(bench));
    bench_free(bench);
}

/* Decision 24: WAL from a granted snapshot's segment on is kept; decision 5: what was acknowledged is remembered. */
static void test_grants_and_acknowledgements_are_remembered(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SNAPSHOT_GRANTED,
                                           .snapshot = {.sequence = 4}});
    size_t count;
    const struct aero_pin *pins = aero_checkpointer_pins(bench->primary->checkpointer, &count);
    assert_int_equal(count, 1);
    assert_int_equal(pins[0].sequence, 4);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_PROGRESS, .durable = {.value = 7}});
    assert_int_equal(aero_primary_acknowledged_by(bench->primary, "r1").value, 7);
    bench_free(bench);
}

/* Decision 22: behind a manifest that failed nothing is written, truncated or checkpointed before a restart. */
static void test_a_manifest_that_fails_ends_writes_and_checkpoints(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    struct aero_core_request request;
    start(bench);
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SNAPSHOT_GRANTED,
                                           .snapshot = {.sequence = 4}});
    while (aero_primary_next_request(bench->primary, &request)) {
        bool is_manifest = request.owner == AERO_OWNER_CHECKPOINT;
        const struct aero_disk_completion done = {
            .request_id = request.request->id,
            .status = is_manifest ? aero_error(AERO_IO) : aero_ok(),
            .failed_op = is_manifest ? 1 : request.request->op_count,
        };
        aero_primary_on_completion(bench->primary, request.owner, &done);
    }
    aero_primary_end_turn(bench->primary);
    assert_false(takes_writes(bench));
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SNAPSHOT_GRANTED,
                                           .snapshot = {.sequence = 3}});
    while (aero_primary_next_request(bench->primary, &request)) {
        assert_int_not_equal(request.owner, AERO_OWNER_CHECKPOINT);
        const struct aero_disk_completion done = {.request_id = request.request->id,
                                                  .status = aero_ok(),
                                                  .failed_op = request.request->op_count};
        aero_primary_on_completion(bench->primary, request.owner, &done);
    }
    bench_free(bench);
}

/* Decision 20: an audit walks the whole keyspace, and answers for every digest before it: only one behind it is worth
 * another. */
static void test_one_audit_answers_for_all_digests_before_it(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    start(bench);
    struct aero_fleet_event told = {.kind = AERO_SENDER_DIGEST_MISMATCH,
                                    .mismatch = {.lsn = {.value = END_LSN - 1}}};
    const bool audits[] = {true, false, true};
    for (size_t i = 0; i < sizeof audits / sizeof audits[0]; i++) {
        bench->primary->view_is_stale = false;
        tell(bench, &told);
        assert_true(bench->primary->view_is_stale == audits[i]);
        told.mismatch.lsn.value++;
    }
    bench_free(bench);
}

/* Decision 21: a clock that jumped over the restart expires nothing before an operator confirms it. */
static void test_a_clock_that_jumped_over_the_restart_does_not_count(void **state)
{
    (void)state;
    const uint64_t jumps_ms[] = {1000, 1001};
    for (size_t i = 0; i < 2; i++) {
        struct bench *bench = bench_new(0);
        bench->recovered.expiry_clock.value = 5000;
        start(bench);
        bench->primary->expiry_jump_max_ms = 1000;
        aero_primary_tick(bench->primary, (aero_mono_ns){0}, (aero_wall_ms){5000 + jumps_ms[i]});
        assert_int_equal(aero_pipeline_clock(bench->primary->pipeline).value, i == 0 ? 6000 : 5000);
        bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_start_is_an_incarnation_that_the_manifest_holds),
        cmocka_unit_test(test_a_start_leaves_the_gate_of_its_cut_closed_unless_configured),
        cmocka_unit_test(test_a_start_below_what_a_replica_acknowledged_takes_no_writes),
        cmocka_unit_test(test_what_is_lost_is_counted_in_words),
        cmocka_unit_test(test_the_furthest_acknowledgement_counts_what_is_lost),
        cmocka_unit_test(test_a_start_that_cannot_be_an_incarnation_writes_nothing),
        cmocka_unit_test(test_the_graver_doubt_stays),
        cmocka_unit_test(test_a_replica_beyond_the_limit_is_not_counted),
        cmocka_unit_test(test_a_pin_beyond_the_limit_is_refused_and_said),
        cmocka_unit_test(test_doubt_about_authority_closes_writes),
        cmocka_unit_test(test_a_fence_is_told_only_once_it_is_durable),
        cmocka_unit_test(test_only_a_replica_that_resumes_opens_writes_after_a_cut),
        cmocka_unit_test(test_grants_and_acknowledgements_are_remembered),
        cmocka_unit_test(test_a_manifest_that_fails_ends_writes_and_checkpoints),
        cmocka_unit_test(test_one_audit_answers_for_all_digests_before_it),
        cmocka_unit_test(test_a_clock_that_jumped_over_the_restart_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
