/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of a primary's core over a disk in memory: what waits for what, and goes on when that is there. */
#include "tests/unit/primary/primary_bench.h"

static struct bench *running(void)
{
    struct bench *bench = bench_new(0);
    start(bench);
    run_disk(bench);
    return bench;
}

static aero_lsn put(struct bench *bench, const char *key)
{
    struct aero_node node = aero_primary_node(bench->primary);
    node.ops->begin(node.self);
    node.ops->put(node.self, aero_slice_text(key), aero_slice_text("value"));
    return node.ops->commit(node.self);
}

static void give_entropy(struct bench *bench)
{
    for (uint8_t i = 0; aero_primary_wants_entropy(bench->primary); i++) {
        aero_primary_give_entropy(bench->primary, id_of((uint8_t)(50 + i)));
    }
}

/* The view shows nothing that the failure took back: the checkpoint that was asked for needs no other. */
static void test_a_view_of_what_is_durable_outlives_a_full_disk(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_node node = aero_primary_node(bench->primary);
    const char *error = NULL;
    uint64_t ticket = node.ops->checkpoint_begin(node.self, &error);
    run_disk(bench); /* nobody has given randomness for the snapshot's name yet */
    assert_int_equal(bench->primary->wish.state, AERO_WISH_VIEWED);
    const struct aero_view *view = bench->primary->wish.view;
    bench->disk.fault = (struct memory_fault){.call = "write", .name = "wal/", .sys_errno = ENOSPC};
    assert_int_equal(put(bench, "a").value, END_LSN + 1);
    run_disk(bench);
    /* Where the log goes on has to have a name before anybody may hear that it was cut. */
    assert_false(kept_log_has(&bench->log, "event=wal_failed"));
    aero_primary_give_entropy(bench->primary, id_of(40));
    run_disk(bench);
    assert_true(kept_log_has(&bench->log, "event=wal_failed"));
    assert_int_equal(node.ops->evaluated(node.self).value, END_LSN);
    assert_int_equal(bench->primary->wish.state, AERO_WISH_VIEWED);
    assert_ptr_equal(bench->primary->wish.view, view);
    assert_int_equal(node.ops->checkpoint_state(node.self, ticket, &error), AERO_JOB_RUNNING);
    give_entropy(bench);
    run_disk(bench);
    assert_true(takes_writes(bench));
    assert_int_equal(node.ops->checkpoint_state(node.self, ticket, &error), AERO_JOB_DONE);
    assert_int_equal(aero_primary_manifest(bench->primary)->snapshots[0].position.lsn.value,
                     END_LSN);
    bench_free(bench);
}

/* A view of what the disk refused shows what never was: the wish looks at the state anew. */
static void test_a_view_of_what_failed_is_taken_anew(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_node node = aero_primary_node(bench->primary);
    const char *error = NULL;
    assert_int_equal(put(bench, "a").value, END_LSN + 1);
    uint64_t ticket = node.ops->checkpoint_begin(node.self, &error);
    bench->disk.fault = (struct memory_fault){.call = "write", .name = "wal/", .sys_errno = ENOSPC};
    run_disk(bench);
    give_entropy(bench);
    run_disk(bench);
    assert_int_equal(node.ops->evaluated(node.self).value, END_LSN);
    assert_int_equal(node.ops->checkpoint_state(node.self, ticket, &error), AERO_JOB_DONE);
    assert_int_equal(aero_primary_manifest(bench->primary)->snapshots[0].position.lsn.value,
                     END_LSN);
    bench_free(bench);
}

static enum aero_job_state state_of(struct bench *bench, uint64_t ticket)
{
    const char *error = NULL;
    struct aero_node node = aero_primary_node(bench->primary);
    return node.ops->checkpoint_state(node.self, ticket, &error);
}

/* History: a start on a full disk had no place for a snapshot to name, and whoever asked for one waited while it was full. */
static void test_a_checkpoint_is_refused_while_there_is_no_room_for_a_first_segment(void **state)
{
    (void)state;
    struct bench *bench = bench_new(0);
    const char *error = NULL;
    bench->disk.fault =
        (struct memory_fault){.call = "write", .name = "wal/", .sticky = true, .sys_errno = ENOSPC};
    start(bench);
    struct aero_node node = aero_primary_node(bench->primary);
    uint64_t before = node.ops->checkpoint_begin(node.self, &error);
    assert_int_not_equal(before, 0);
    run_disk(bench);
    assert_true(kept_log_has(&bench->log, "event=wal_failed"));
    assert_int_equal(state_of(bench, before), AERO_JOB_FAILED);
    assert_int_equal(node.ops->checkpoint_begin(node.self, &error), 0);
    assert_non_null(strstr(error, "MISCONF the log has no segment yet"));

    bench->disk.fault.call = NULL;
    aero_primary_tick(bench->primary, (aero_mono_ns){60000000000}, (aero_wall_ms){1000});
    run_disk(bench);
    give_entropy(bench);
    run_disk(bench);
    assert_true(takes_writes(bench));
    uint64_t after = node.ops->checkpoint_begin(node.self, &error);
    run_disk(bench);
    assert_int_equal(state_of(bench, after), AERO_JOB_DONE);
    bench_free(bench);
}

/* Decision 22: behind a manifest that failed there is no checkpoint, whatever else keeps the log from going on. */
static void test_a_checkpoint_ends_with_the_manifest_while_the_log_waits_for_room(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_node node = aero_primary_node(bench->primary);
    const char *error = NULL;
    /* For the segment behind the cut; none is left for a snapshot. */
    aero_primary_give_entropy(bench->primary, id_of(40));
    bench->disk.fault =
        (struct memory_fault){.call = "write", .name = "wal/", .sticky = true, .sys_errno = ENOSPC};
    assert_int_equal(put(bench, "a").value, END_LSN + 1);
    run_disk(bench);
    assert_true(kept_log_has(&bench->log, "event=wal_failed"));
    assert_false(aero_wal_is_open(bench->primary->wal));
    uint64_t ticket = node.ops->checkpoint_begin(node.self, &error);
    run_disk(bench);
    assert_int_equal(state_of(bench, ticket), AERO_JOB_RUNNING);
    bench->disk.fault =
        (struct memory_fault){.call = "write", .name = "manifest", .sys_errno = EIO};
    /* An earlier segment is to be kept: the manifest has to say so. */
    tell(bench, &(struct aero_fleet_event){.kind = AERO_SENDER_SNAPSHOT_GRANTED,
                                           .snapshot = {.sequence = 0}});
    run_disk(bench);
    assert_int_equal(state_of(bench, ticket), AERO_JOB_FAILED);
    bench_free(bench);
}

static void test_what_a_range_removed_is_idle_work_until_it_is_freed(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_node node = aero_primary_node(bench->primary);
    put(bench, "a");
    run_disk(bench);
    assert_false(aero_primary_has_idle_work(bench->primary));
    node.ops->begin(node.self);
    node.ops->erase_range(node.self, (struct aero_slice){0}, (struct aero_slice){0});
    node.ops->commit(node.self);
    assert_true(aero_primary_has_idle_work(bench->primary));
    run_disk(bench);
    while (aero_primary_has_idle_work(bench->primary)) {
        aero_primary_end_turn(bench->primary);
    }
    assert_true(aero_tree_reclaim(aero_pipeline_tree(bench->primary->pipeline), 0));
    bench_free(bench);
}

static void test_erase_of_a_key_that_is_not_there_logs_nothing(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_node node = aero_primary_node(bench->primary);
    put(bench, "a");
    node.ops->begin(node.self);
    assert_false(node.ops->erase(node.self, aero_slice_text("b")));
    assert_int_equal(node.ops->commit(node.self).value, 0);
    node.ops->begin(node.self);
    assert_true(node.ops->erase(node.self, aero_slice_text("a")));
    assert_int_equal(node.ops->commit(node.self).value, END_LSN + 2);
    bench_free(bench);
}

/* D-3: whoever is to stop ends what it has begun, and takes nothing new. */
static void test_stop_waits_for_the_commits_in_flight(void **state)
{
    (void)state;
    struct bench *bench = running();
    assert_false(aero_primary_is_stopped(bench->primary)); /* idle, but nobody asked */
    put(bench, "a");
    aero_primary_begin_stop(bench->primary);
    assert_false(takes_writes(bench));
    assert_true(aero_primary_has_commits_in_flight(bench->primary));
    assert_false(aero_primary_is_stopped(bench->primary));
    run_disk(bench);
    assert_int_equal(aero_primary_durable_lsn(bench->primary).value, END_LSN + 1);
    assert_true(aero_primary_is_stopped(bench->primary));
    assert_false(takes_writes(bench)); /* the log is open, and yet nothing resumes */
    bench_free(bench);
}

/* V-1, FM-11.2: neither what waits for a hand-over nor what was handed to the disk is anything that senders may ship. */
static void test_what_may_be_shipped_is_what_the_disk_has_made_durable(void **state)
{
    (void)state;
    struct bench *bench = running();
    struct aero_core_request request;
    put(bench, "a");
    run_disk(bench);
    struct aero_wal_place before = aero_primary_durable_place(bench->primary);
    assert_int_equal(before.position.lsn.value, END_LSN + 1);
    put(bench, "b");
    aero_primary_end_turn(bench->primary);
    assert_true(aero_primary_next_request(bench->primary, &request));
    assert_int_equal(request.owner, AERO_OWNER_WAL);
    struct aero_disk_completion done;
    aero_disk_run(memory_disk_port(&bench->disk), request.handles, request.request, &done);
    struct aero_wal_place in_flight = aero_primary_durable_place(bench->primary);
    assert_int_equal(in_flight.position.lsn.value, END_LSN + 1);
    assert_int_equal(in_flight.sequence, before.sequence);
    assert_int_equal(in_flight.offset, before.offset);
    aero_primary_on_completion(bench->primary, request.owner, &done);
    run_disk(bench);
    struct aero_wal_place after = aero_primary_durable_place(bench->primary);
    assert_int_equal(after.position.lsn.value, END_LSN + 2);
    assert_true(after.offset > before.offset);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_view_of_what_is_durable_outlives_a_full_disk),
        cmocka_unit_test(test_a_view_of_what_failed_is_taken_anew),
        cmocka_unit_test(test_a_checkpoint_is_refused_while_there_is_no_room_for_a_first_segment),
        cmocka_unit_test(test_a_checkpoint_ends_with_the_manifest_while_the_log_waits_for_room),
        cmocka_unit_test(test_what_a_range_removed_is_idle_work_until_it_is_freed),
        cmocka_unit_test(test_erase_of_a_key_that_is_not_there_logs_nothing),
        cmocka_unit_test(test_stop_waits_for_the_commits_in_flight),
        cmocka_unit_test(test_what_may_be_shipped_is_what_the_disk_has_made_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
