/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner does between and beside checkpoints: asks, edits, fails and stops at moments that it did not choose. */
#include "tests/unit/engine/checkpoint_bench.h"

static void complete(struct node *node, const struct aero_disk_request *request)
{
    struct aero_disk_completion completion;
    aero_disk_run(power_disk_port(node->power), &node->handles, request, &completion);
    aero_checkpointer_on_completion(node->checkpointer, &completion);
}

static void refuse(struct node *node, const struct aero_disk_request *request)
{
    const struct aero_disk_completion failed = {
        .request_id = request->id, .status = {.code = AERO_IO, .sys_errno = 5}, .failed_op = 1};
    aero_checkpointer_on_completion(node->checkpointer, &failed);
}

static const struct aero_disk_request *next(struct node *node)
{
    const struct aero_disk_request *request = aero_checkpointer_next_request(node->checkpointer);
    assert_non_null(request);
    return request;
}

static bool installs(const struct aero_disk_request *request)
{
    for (uint32_t i = 0; i < request->op_count; i++) {
        if (request->ops[i].kind == AERO_OP_RENAME) {
            return true;
        }
    }
    return false;
}

/* The request that gives the snapshot its name, with the disk. */
static const struct aero_disk_request *run_until_installed(struct node *node)
{
    const struct aero_disk_request *request = next(node);
    while (!installs(request)) {
        complete(node, request);
        request = next(node);
    }
    return request;
}

static void edit_epoch(struct node *node, uint64_t epoch)
{
    uint64_t edit;
    aero_checkpointer_edit(node->checkpointer, &edit)->epoch.value = epoch;
}

/* A stop in the middle of a checkpoint: the view that it read is closed, and nothing of it stays in memory. */
static void test_stop_during_a_snapshot_lets_go_of_its_view(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    uint8_t key[] = {'n'};
    begin(&node);
    complete(&node, next(&node));
    uint64_t shared = aero_tree_memory_bytes(node.tree);
    struct aero_operation put = {.kind = AERO_PUT, .key = aero_slice_of(key, 1)};
    aero_apply(node.tree, &put, NULL); /* copies a page that the view shows */
    assert_true(aero_tree_memory_bytes(node.tree) > shared);
    aero_disk_handles_close(power_disk_port(node.power), &node.handles);
    aero_checkpointer_free(node.checkpointer, node.tree);
    assert_int_equal(aero_tree_memory_bytes(node.tree), shared);
    aero_checkpointer_free(NULL, node.tree);
    aero_tree_free(node.tree);
    power_disk_free(node.power);
}

static void test_checkpoint_is_due_by_its_trigger_alone(void **state)
{
    (void)state;
    const struct aero_checkpoint_options triggered = {
        .snapshots_kept = 2, .wal_bytes_trigger = 1, .retention_cap_bytes = 1000};
    struct node manual = start(directory(), &plain);
    assert_false(aero_checkpointer_due(manual.checkpointer)); /* by command */
    stop(&manual);
    power_disk_free(manual.power);
    struct node node = start(directory(), &triggered);
    assert_true(aero_checkpointer_due(node.checkpointer));
    edit_epoch(&node, 3);
    refuse(&node, next(&node));
    assert_false(aero_checkpointer_due(node.checkpointer)); /* there will be none any more */
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 22: a failed edit closes, with or without a checkpoint; nobody waits for what will not come. */
static void test_failed_edit_settles_and_tells_no_result(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    aero_status status;
    struct aero_snapshot_entry entry;
    assert_true(aero_checkpointer_is_settled(node.checkpointer));
    edit_epoch(&node, 3);
    assert_false(aero_checkpointer_is_settled(node.checkpointer));
    const struct aero_disk_request *manifest = next(&node);
    assert_true(aero_checkpointer_busy(node.checkpointer));
    assert_false(aero_checkpointer_is_running(node.checkpointer));
    refuse(&node, manifest);
    assert_true(aero_checkpointer_failed(node.checkpointer, &status));
    const char *call = "";
    assert_string_equal(aero_checkpointer_failed_file(node.checkpointer, &call), "manifest");
    assert_true(strlen(call) > 0);
    assert_true(aero_checkpointer_is_settled(node.checkpointer));
    assert_false(aero_checkpointer_busy(node.checkpointer));
    assert_false(aero_checkpointer_take_result(node.checkpointer, &status, &entry));
    stop(&node);
    power_disk_free(node.power);
}

/* The snapshot became whole while the manifest failed: it gets no name. */
static void test_snapshot_that_is_whole_behind_a_failure_is_not_named(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    begin(&node);
    const struct aero_disk_request *install = run_until_installed(&node);
    edit_epoch(&node, 3);
    refuse(&node, next(&node));
    complete(&node, install);
    assert_int_equal(take_result(&node).code, AERO_IO);
    assert_null(aero_checkpointer_next_request(node.checkpointer));
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->snapshot_count, 0);
    stop(&node);
    power_disk_free(node.power);
}

/* FM-9: a manifest that was on its way before the snapshot was whole does not name it; the next one does. */
static void test_manifest_under_way_does_not_name_the_snapshot(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    begin(&node);
    const struct aero_disk_request *install = run_until_installed(&node);
    edit_epoch(&node, 3);
    const struct aero_disk_request *manifest = next(&node);
    complete(&node, install);
    complete(&node, manifest);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->epoch.value, 3);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->snapshot_count, 0);
    assert_true(aero_checkpointer_is_running(node.checkpointer));
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->snapshot_count, 1);
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 6: a snapshot names what led to its position, not the segments that a replica has begun behind it. */
static void test_snapshot_names_no_segment_that_begins_behind_it(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_snapshot_header header;
    struct aero_snapshot_entry entry;
    aero_status status;
    char name[AERO_DISK_NAME_MAX];
    aero_lsn newest = node.end.lsn;
    node.end.lsn.value = newest.value - 7; /* in the segment before the last */
    begin(&node);
    assert_true(run(&node));
    assert_true(aero_checkpointer_take_result(node.checkpointer, &status, &entry));
    aero_snapshot_name(&entry, name);
    assert_true(aero_is_ok(aero_snapshot_read_header(power_disk_port(node.power), name, &header)));
    assert_int_equal(header.history.segment_count, 3);
    aero_snapshot_header_deinit(&header);
    stop(&node);
    power_disk_free(node.power);
}

/* All that is known began behind the position: none of it led there. */
static void test_snapshot_before_all_of_its_history_names_nothing(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_snapshot_header header;
    uint64_t edit;
    struct aero_history *history = &aero_checkpointer_edit(node.checkpointer, &edit)->history;
    assert_int_equal(history->incarnation_count, 1);
    history->incarnations[0].start.lsn.value = node.end.lsn.value + 1;
    for (size_t i = 0; i < history->segment_count; i++) {
        history->segments[i].before.lsn.value = node.end.lsn.value + 1;
    }
    assert_true(run(&node));
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&manifest->snapshots[0], name);
    assert_true(aero_is_ok(aero_snapshot_read_header(power_disk_port(node.power), name, &header)));
    assert_int_equal(header.history.incarnation_count, 0);
    assert_int_equal(header.history.segment_count, 0);
    assert_int_equal(manifest->history.incarnation_count, 1); /* the node's own stays */
    aero_snapshot_header_deinit(&header);
    stop(&node);
    power_disk_free(node.power);
}

/* DET-3: what cannot be remembered to be removed stays, and recovery removes it. */
static void test_more_files_to_remove_than_are_remembered_stay(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    for (unsigned i = 0; i < 70; i++) {
        char name[AERO_DISK_NAME_MAX];
        snprintf(name, sizeof name, "wal/recycled-%08x.tmp", i);
        power_put(node.power, name, aero_slice_text("x"));
        aero_checkpointer_discard(node.checkpointer, name);
    }
    assert_true(run(&node));
    assert_int_equal(count_files(node.power, "recycled"), 6);
    stop(&node);
    power_disk_return(node.power, POWER_KEPT, 0);
    struct outcome outcome = recover(node.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    outcome_free(&outcome);
    assert_int_equal(count_files(node.power, "recycled"), 0);
    power_disk_free(node.power);
}

static void test_acknowledgements_are_told_by_name(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    assert_true(aero_is_ok(aero_checkpointer_pin(node.checkpointer, "beta", 4, aero_lsn_of(7))));
    assert_true(aero_is_ok(aero_checkpointer_pin(node.checkpointer, "gamma", 4, aero_lsn_of(9))));
    aero_checkpointer_acknowledge(node.checkpointer, "delta", aero_lsn_of(11)); /* not pinned */
    assert_int_equal(aero_checkpointer_acknowledged(node.checkpointer, "beta").value, 7);
    assert_int_equal(aero_checkpointer_acknowledged(node.checkpointer, "gamma").value, 9);
    assert_int_equal(aero_checkpointer_acknowledged(node.checkpointer, "delta").value, 0);
    stop(&node);
    power_disk_free(node.power);
}

static void test_durable_end_of_an_older_segment_is_its_own(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(node.checkpointer, &count);
    uint64_t newest = files[3].end_offset;
    aero_checkpointer_on_durable(node.checkpointer, 2, files[1].end_offset + 8, node.end);
    assert_int_equal(files[3].end_offset, newest);
    aero_checkpointer_on_durable(node.checkpointer, 99, 1, node.end); /* none of these */
    assert_int_equal(files[3].end_offset, newest);
    stop(&node);
    power_disk_free(node.power);
}

/* One file waits to be used again at most: what is truncated while nobody takes it goes. */
static void test_one_truncated_segment_waits_for_reuse(void **state)
{
    (void)state;
    const struct aero_checkpoint_options recycling = {
        .snapshots_kept = 2, .retention_cap_bytes = (uint64_t)1 << 30, .recycle = true};
    struct node node = start(directory(), &recycling);
    char name[AERO_DISK_NAME_MAX];
    assert_true(aero_is_ok(aero_checkpointer_pin(node.checkpointer, "beta", 2, aero_lsn_of(0))));
    for (unsigned i = 0; i < 2; i++) {
        begin(&node);
        assert_true(run(&node));
    }
    assert_int_equal(count_files(node.power, ".seg"), 3);
    assert_int_equal(count_files(node.power, "recycled"), 1);
    assert_true(aero_is_ok(aero_checkpointer_pin(node.checkpointer, "beta", 4, node.end.lsn)));
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(count_files(node.power, ".seg"), 1);
    assert_int_equal(count_files(node.power, "recycled"), 1);
    assert_true(aero_checkpointer_take_recycled(node.checkpointer, name));
    assert_string_equal(name, "wal/recycled-00000001.tmp");
    stop(&node);
    power_disk_free(node.power);
}

/* DET-3: a request has room for fifteen names; what is more goes with the next one. */
static void test_many_segments_go_in_several_requests(void **state)
{
    (void)state;
    struct node node = start(directory_of(20), &plain);
    for (unsigned i = 0; i < 2; i++) {
        begin(&node);
        assert_true(run(&node));
        assert_int_equal(take_result(&node).code, AERO_OK);
    }
    assert_int_equal(count_files(node.power, ".seg"), 1);
    stop(&node);
    power_disk_free(node.power);
}

/* As many as the manifest has places for were granted and kept; once their replica is past them, the oldest goes for the next. */
static void test_full_list_drops_what_nobody_is_given_any_more(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    aero_lsn behind = {.value = 3};
    assert_true(
        aero_is_ok(aero_checkpointer_pin(node.checkpointer, "beta", node.sequence, behind)));
    for (unsigned i = 0; i < AERO_SNAPSHOTS_MAX; i++) {
        begin(&node);
        assert_true(run(&node));
    }
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_int_equal(manifest->snapshot_count, AERO_SNAPSHOTS_MAX);
    aero_id second = manifest->snapshots[1].id;
    assert_true(
        aero_is_ok(aero_checkpointer_pin(node.checkpointer, "beta", node.sequence, node.end.lsn)));
    begin(&node);
    assert_true(run(&node));
    manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_true(manifest->snapshot_count < AERO_SNAPSHOTS_MAX);
    assert_false(aero_id_equal(manifest->snapshots[0].id, second));
    assert_int_equal(count_files(node.power, ".snap"), manifest->snapshot_count);
    stop(&node);
    power_disk_free(node.power);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop_during_a_snapshot_lets_go_of_its_view),
        cmocka_unit_test(test_checkpoint_is_due_by_its_trigger_alone),
        cmocka_unit_test(test_failed_edit_settles_and_tells_no_result),
        cmocka_unit_test(test_snapshot_that_is_whole_behind_a_failure_is_not_named),
        cmocka_unit_test(test_manifest_under_way_does_not_name_the_snapshot),
        cmocka_unit_test(test_snapshot_names_no_segment_that_begins_behind_it),
        cmocka_unit_test(test_snapshot_before_all_of_its_history_names_nothing),
        cmocka_unit_test(test_more_files_to_remove_than_are_remembered_stay),
        cmocka_unit_test(test_acknowledgements_are_told_by_name),
        cmocka_unit_test(test_durable_end_of_an_older_segment_is_its_own),
        cmocka_unit_test(test_one_truncated_segment_waits_for_reuse),
        cmocka_unit_test(test_many_segments_go_in_several_requests),
        cmocka_unit_test(test_full_list_drops_what_nobody_is_given_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
