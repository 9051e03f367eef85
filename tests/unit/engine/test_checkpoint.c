/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine/checkpoint_bench.h"

static void expect_recovery(struct power_disk *power, struct aero_summary summary, aero_lsn end)
{
    struct outcome outcome = recover(power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_true(same_summary(outcome.summary, summary));
    assert_int_equal(outcome.recovered.end.lsn.value, end.value);
    assert_false(outcome.report.older_snapshot_used);
    outcome_free(&outcome);
}

/* FM-9.2: what may be truncated is what two whole snapshots do not need. */
static void test_second_checkpoint_truncates_what_no_snapshot_needs(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_summary summary = aero_tree_summary(node.tree);
    uint64_t edit;
    struct aero_manifest *manifest = aero_checkpointer_edit(node.checkpointer, &edit);
    manifest->damaged_segments[manifest->damaged_count++] = 1;
    begin(&node);
    assert_true(aero_checkpointer_busy(node.checkpointer));
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_false(aero_checkpointer_busy(node.checkpointer));
    assert_int_equal(count_files(node.power, ".seg"), 4);
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_int_equal(count_files(node.power, ".seg"), 1);
    assert_int_equal(count_files(node.power, ".snap"), 2);
    size_t file_count;
    const struct aero_wal_file *files = aero_checkpointer_files(node.checkpointer, &file_count);
    assert_int_equal(file_count, 1);
    assert_int_equal(files[0].header.sequence, 4);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->damaged_count, 0);
    begin(&node); /* a third: the oldest goes */
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_int_equal(count_files(node.power, ".snap"), 2);
    stop(&node);
    power_disk_return(node.power, POWER_LOST, 0);
    expect_recovery(node.power, summary, node.end.lsn);
    power_disk_free(node.power);
}

/* FM-9, FM-10, FM-5.1f-h: power goes at any operation of a checkpoint that truncates, and the disk keeps whatever it likes:
 * recovery finds the same state, without complaint. */
static void test_checkpoint_crashed_anywhere_recovers_the_same(void **state)
{
    (void)state;
    const struct aero_checkpoint_options recycling = {
        .snapshots_kept = 2, .retention_cap_bytes = 1000, .recycle = true};
    struct node first = start(directory(), &plain);
    struct aero_summary summary = aero_tree_summary(first.tree);
    begin(&first);
    assert_true(run(&first));
    stop(&first);
    bool finished = false;
    unsigned steps = 0;
    for (uint64_t at = 1; !finished; at++) {
        for (uint64_t seed = 0; seed < 12; seed++) {
            struct power_disk *power = power_disk_clone(first.power);
            struct node node = start(power, seed % 2 == 0 ? &plain : &recycling);
            begin(&node);
            power_disk_crash_at(power, at);
            finished = run(&node);
            stop(&node);
            power_disk_return(power, (enum power_fate)(seed % 3), seed);
            expect_recovery(power, summary, node.end.lsn);
            assert_int_equal(count_files(power, ".tmp"), 0);
            power_disk_free(power);
        }
        steps++;
    }
    assert_true(steps > 12);
    power_disk_free(first.power);
}

/* Every snapshot that the manifest on the disk names is there. */
static void expect_named_snapshots(struct power_disk *power)
{
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    assert_true(aero_is_ok(aero_manifest_read(power_disk_port(power), &manifest, &found)));
    assert_true(manifest.snapshot_count >= 2);
    for (size_t i = 0; i < manifest.snapshot_count; i++) {
        char name[AERO_DISK_NAME_MAX];
        aero_snapshot_name(&manifest.snapshots[i], name);
        assert_non_null(power_find(&power->seen, name));
    }
    aero_manifest_deinit(&manifest);
}

/* FM-9.2, decision 13: a third snapshot takes the first one's place, and the process dies at any operation. History with the
 * removal first: the manifest named two, one was gone, and the other one rotted. */
static void test_a_snapshot_goes_once_no_durable_manifest_names_it(void **state)
{
    (void)state;
    struct node first = start(directory(), &plain);
    for (unsigned i = 0; i < 2; i++) {
        begin(&first);
        assert_true(run(&first));
    }
    stop(&first);
    bool finished = false;
    for (uint64_t at = 1; !finished; at++) {
        struct power_disk *power = power_disk_clone(first.power);
        struct node node = start(power, &plain);
        node.id = 0xE0;
        begin(&node);
        power_disk_crash_at(power, at);
        finished = run(&node);
        stop(&node);
        power_disk_return(power, POWER_KEPT, 0);
        expect_named_snapshots(power);
        assert_true(!finished || count_files(power, ".snap") == 2);
        power_disk_free(power);
    }
    power_disk_free(first.power);
}

/* Decision 22: any failure is told; a failure of the manifest or of a directory's sync closes, the others do not; whatever
 * happened, a restart finds the state. */
static void test_checkpoint_with_any_operation_failing_is_told_and_harmless(void **state)
{
    (void)state;
    struct node first = start(directory(), &plain);
    struct aero_summary summary = aero_tree_summary(first.tree);
    begin(&first);
    assert_true(run(&first));
    stop(&first);
    unsigned closed = 0;
    unsigned dropped = 0;
    unsigned harmless = 0;
    bool reached = true;
    for (uint64_t at = 1; reached; at++) {
        struct power_disk *power = power_disk_clone(first.power);
        struct node node = start(power, &plain);
        begin(&node);
        power->fail_at = power->changes + at;
        assert_true(run(&node));
        reached = power->changes >= power->fail_at;
        aero_status failure;
        aero_status result = take_result(&node);
        bool failed = aero_checkpointer_failed(node.checkpointer, &failure);
        assert_false(aero_checkpointer_busy(node.checkpointer));
        char leftover[AERO_DISK_NAME_MAX];
        bool told = aero_checkpointer_take_leftover(node.checkpointer, leftover, &failure);
        closed += failed;
        dropped += !failed && !aero_is_ok(result);
        harmless += reached && !failed && aero_is_ok(result);
        assert_int_equal(told, reached && !failed && aero_is_ok(result)); /* FM-6.2 */
        if (failed) {
            assert_int_equal(result.code, AERO_IO);
            begin(&node); /* refused at once, and told */
            assert_null(aero_checkpointer_next_request(node.checkpointer));
            assert_int_equal(take_result(&node).code, AERO_IO);
        } else {
            power->fail_at = 0;
            begin(&node); /* another name, another try */
            assert_true(run(&node));
            assert_int_equal(take_result(&node).code, AERO_OK);
        }
        stop(&node);
        power->fail_at = 0;
        power_disk_return(power, POWER_KEPT, 0);
        expect_recovery(power, summary, node.end.lsn);
        power_disk_free(power);
    }
    assert_true(closed >= 4);  /* write, sync, write, sync of the manifest; the log's directory */
    assert_true(dropped >= 4); /* the snapshot's file and directory */
    assert_true(harmless >= 1);
    power_disk_free(first.power);
}

/* Decision 6: a snapshot names what led to its position. A replica hears of its primary's incarnations before it has
 * their records. */
static void test_a_snapshot_names_no_incarnation_that_began_behind_it(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_incarnation incarnation = {.epoch = {.value = 2}};
    uint64_t edit;
    struct aero_history *history = &aero_checkpointer_edit(node.checkpointer, &edit)->history;
    for (uint8_t i = 0; i < 2; i++) { /* one begins where the snapshot ends, one behind it */
        incarnation.nonce = world_id((uint8_t)(0x51 + i));
        incarnation.start.lsn.value = node.end.lsn.value + i;
        assert_int_equal(aero_history_add_incarnation(history, &incarnation).code, AERO_OK);
    }
    assert_true(run(&node));
    begin(&node);
    assert_true(run(&node));
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_int_equal(manifest->history.incarnation_count, 3);
    struct aero_snapshot_header header;
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&manifest->snapshots[0], name);
    aero_status status = aero_snapshot_read_header(power_disk_port(node.power), name, &header);
    assert_int_equal(status.code, AERO_OK);
    assert_int_equal(header.history.incarnation_count, 2);
    assert_null(aero_history_find(&header.history, world_id(0x52)));
    aero_snapshot_header_deinit(&header);
    stop(&node);
    power_disk_free(node.power);
}

/* Edits gather while a write is in flight, and nobody sees one that is not durable in both slots. */
static void test_edits_become_the_manifest_once_durable(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_disk disk = power_disk_port(node.power);
    struct aero_disk_completion completion;
    const struct aero_disk_request *request;
    uint64_t first;
    uint64_t second;
    uint64_t third;
    aero_checkpointer_edit(node.checkpointer, &first)->epoch.value = 7;
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->epoch.value, 2);
    request = aero_checkpointer_next_request(node.checkpointer);
    aero_checkpointer_edit(node.checkpointer, &second)->epoch.value = 8;
    aero_checkpointer_edit(node.checkpointer, &third)->epoch.value = 9;
    assert_null(aero_checkpointer_next_request(node.checkpointer));
    aero_disk_run(disk, &node.handles, request, &completion);
    aero_checkpointer_on_completion(node.checkpointer, &completion);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->epoch.value, 7);
    assert_true(aero_checkpointer_durable_edit(node.checkpointer) >= first);
    assert_true(aero_checkpointer_durable_edit(node.checkpointer) < second);
    request = aero_checkpointer_next_request(node.checkpointer);
    aero_disk_run(disk, &node.handles, request, &completion);
    aero_checkpointer_on_completion(node.checkpointer, &completion);
    assert_null(aero_checkpointer_next_request(node.checkpointer));
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->epoch.value, 9);
    assert_true(aero_checkpointer_durable_edit(node.checkpointer) >= third);
    stop(&node);
    power_disk_return(node.power, POWER_LOST, 0);
    struct outcome outcome = recover(node.power);
    assert_int_equal(outcome.recovered.manifest.epoch.value, 9);
    outcome_free(&outcome);
    power_disk_free(node.power);
}

/* The manifest fails while a worker still makes a piece: the view stays open until that worker is done. */
static void test_failure_beside_a_snapshot_waits_for_its_worker(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    struct aero_disk disk = power_disk_port(node.power);
    struct aero_disk_completion piece_done;
    uint64_t edit;
    begin(&node);
    const struct aero_disk_request *piece = aero_checkpointer_next_request(node.checkpointer);
    aero_checkpointer_edit(node.checkpointer, &edit)->epoch.value = 3;
    const struct aero_disk_request *manifest = aero_checkpointer_next_request(node.checkpointer);
    assert_int_not_equal(piece->lane, manifest->lane);
    const struct aero_disk_completion failed = {
        .request_id = manifest->id, .status = {.code = AERO_IO, .sys_errno = 5}, .failed_op = 1};
    aero_checkpointer_on_completion(node.checkpointer, &failed);
    aero_status status;
    struct aero_snapshot_entry entry;
    assert_true(aero_checkpointer_failed(node.checkpointer, &status));
    assert_false(aero_checkpointer_take_result(node.checkpointer, &status, &entry));
    aero_disk_run(disk, &node.handles, piece, &piece_done);
    aero_checkpointer_on_completion(node.checkpointer, &piece_done);
    assert_int_equal(take_result(&node).code, AERO_IO);
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 24: a snapshot that a replica is being given stays, though newer ones would push it out. */
static void test_a_granted_snapshot_stays_until_its_replica_is_past_it(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    aero_lsn behind = {.value = 3};
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", node.sequence, behind).code,
                     AERO_OK);
    for (unsigned i = 0; i < 3; i++) {
        begin(&node);
        assert_true(run(&node));
        assert_int_equal(take_result(&node).code, AERO_OK);
    }
    assert_int_equal(count_files(node.power, ".snap"), 4);
    assert_int_equal(
        aero_checkpointer_pin(node.checkpointer, "beta", node.sequence, node.end.lsn).code,
        AERO_OK);
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    assert_int_equal(count_files(node.power, ".snap"), 2);
    stop(&node);
    power_disk_free(node.power);
}

/* The log goes on in a segment of its own behind 1000 bytes more, and a snapshot of it is taken there. */
static void checkpoint_in_next_segment(struct node *node)
{
    static const uint8_t byte = 1;
    size_t count;
    const struct aero_wal_file *last =
        &aero_checkpointer_files(node->checkpointer, &count)[count - 1];
    struct aero_wal_segment segment = {
        .header = {.sequence = node->sequence + 1,
                   .first_lsn = aero_lsn_next(node->end.lsn),
                   .nonce = world_id((uint8_t)(0xA0 + node->sequence)),
                   .incarnation = WORLD_INCARNATION,
                   .prev_sequence = node->sequence,
                   .prev_end_offset = last->end_offset + 1000,
                   .prev_end = node->end},
    };
    node->sequence++;
    aero_segment_name(segment.header.first_lsn, node->sequence, segment.name);
    power_put(node->power, segment.name, aero_slice_of(&byte, 1));
    aero_checkpointer_on_segment(node->checkpointer, &segment);
    node->end.lsn.value++;
    begin(node);
    assert_true(run(node));
    assert_int_equal(take_result(node).code, AERO_OK);
}

/* Decision 8: a snapshot names the segment that it stands in. History: a checkpoint that began before the manifest with that
 * segment was durable left it out; a replica that began there was told later that nothing proves its position. */
static void test_a_snapshot_names_its_segment_before_the_manifest_does(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    checkpoint_in_next_segment(&node);
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    struct aero_snapshot_header header;
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&manifest->snapshots[manifest->snapshot_count - 1], name);
    aero_status status = aero_snapshot_read_header(power_disk_port(node.power), name, &header);
    assert_int_equal(status.code, AERO_OK);
    assert_int_equal(header.position.lsn.value, node.end.lsn.value);
    assert_non_null(aero_history_find_segment(&header.history, node.sequence));
    aero_snapshot_header_deinit(&header);
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 24: pins are capped. History without that: a replica that is gone left its pin in the segment of a later
 * checkpoint; its snapshot, and all WAL from there on, stayed for ever. */
static void test_the_cap_lets_a_granted_snapshot_go_with_its_wal(void **state)
{
    (void)state;
    const struct aero_checkpoint_options capped = {.snapshots_kept = 2,
                                                   .retention_cap_bytes = 20000};
    struct node node = start(directory(), &capped);
    aero_lsn behind = {.value = 17};
    uint64_t pinned = node.sequence;
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", pinned, behind).code,
                     AERO_OK);
    begin(&node);
    assert_true(run(&node));
    assert_int_equal(take_result(&node).code, AERO_OK);
    for (unsigned i = 0; i < 3; i++) {
        checkpoint_in_next_segment(&node);
    }
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_int_equal(manifest->snapshot_count, 3);
    assert_int_equal(manifest->snapshots[0].sequence, pinned);
    assert_int_equal(manifest->wal_floor_sequence, pinned);
    for (unsigned i = 0; i < 3; i++) {
        checkpoint_in_next_segment(&node);
    }
    manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_int_equal(manifest->snapshot_count, 2);
    assert_int_equal(count_files(node.power, ".snap"), 2);
    assert_true(manifest->wal_floor_sequence > pinned);
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(node.checkpointer, &count);
    assert_int_equal(files[0].header.sequence, manifest->wal_floor_sequence);
    stop(&node);
    power_disk_free(node.power);
}

/* Never more than the manifest has places for, whatever is pinned; never fewer whole ones than asked. */
static void test_pinned_and_damaged_snapshots_stay_within_bounds(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    aero_lsn behind = {.value = 3};
    uint64_t edit;
    begin(&node);
    assert_true(run(&node));
    aero_checkpointer_edit(node.checkpointer, &edit)->snapshots[0].damaged = true;
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", node.sequence, behind).code,
                     AERO_OK);
    for (unsigned i = 0; i < 2 * AERO_SNAPSHOTS_MAX; i++) {
        begin(&node);
        assert_true(run(&node));
        const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
        assert_true(manifest->snapshot_count <= AERO_SNAPSHOTS_MAX);
        assert_int_equal(count_files(node.power, ".snap"), manifest->snapshot_count);
        assert_int_equal(manifest->snapshots[0].damaged, i < AERO_SNAPSHOTS_MAX - 1);
    }
    stop(&node);
    power_disk_free(node.power);
}

static void test_pins_beyond_their_number_are_refused(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    for (unsigned i = 0; i <= AERO_PINS_MAX; i++) {
        char name[AERO_NODE_NAME_MAX];
        snprintf(name, sizeof name, "replica-%u", i);
        aero_status status = aero_checkpointer_pin(node.checkpointer, name, 1, aero_lsn_of(0));
        assert_int_equal(status.code, i < AERO_PINS_MAX ? AERO_OK : AERO_LIMIT);
    }
    /* The highest acknowledged is remembered: less later is reported by the primary (decision 5). */
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "replica-0", 1, aero_lsn_of(9)).code,
                     AERO_OK);
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "replica-0", 1, aero_lsn_of(4)).code,
                     AERO_OK);
    assert_true(run(&node));
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_int_equal(manifest->pin_count, AERO_PINS_MAX);
    assert_int_equal(manifest->pins[0].durable.value, 9);
    stop(&node);
    power_disk_free(node.power);
}

static uint64_t generation(const struct node *node)
{
    return aero_checkpointer_manifest(node->checkpointer)->generation;
}

/* Decision 5: what a replica acknowledged is known at once, and durable with the next write of the manifest, which it
 * does not cause: one write for each acknowledgement would be two syncs for each group. */
static void test_acknowledgements_are_known_at_once_and_written_with_the_next_edit(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    aero_lsn none = {.value = 0};
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", 1, none).code, AERO_OK);
    assert_true(run(&node));
    uint64_t before = generation(&node);
    for (uint64_t lsn = 1; lsn <= 19; lsn++) {
        aero_checkpointer_acknowledge(node.checkpointer, "beta", aero_lsn_of(lsn));
        assert_int_equal(aero_checkpointer_acknowledged(node.checkpointer, "beta").value, lsn);
        assert_true(run(&node));
    }
    aero_checkpointer_acknowledge(node.checkpointer, "beta", aero_lsn_of(4)); /* never back */
    aero_checkpointer_acknowledge(node.checkpointer, "stranger", aero_lsn_of(4));
    /* Its pin moves with the segments: no write of its own either. */
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", 3, none).code, AERO_OK);
    assert_true(run(&node));
    assert_int_equal(generation(&node), before);
    assert_true(aero_checkpointer_has_notes(node.checkpointer));
    uint64_t edit;
    (void)aero_checkpointer_edit(node.checkpointer, &edit);
    assert_true(run(&node));
    assert_int_equal(generation(&node), before + 1);
    assert_false(aero_checkpointer_has_notes(node.checkpointer));
    const struct aero_pin *pin = &aero_checkpointer_manifest(node.checkpointer)->pins[0];
    assert_int_equal(pin->durable.value, 19);
    assert_int_equal(pin->sequence, 3);
    /* A claim to older WAL is not put off: a restart must know of it. */
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", 2, none).code, AERO_OK);
    assert_true(run(&node));
    assert_int_equal(generation(&node), before + 2);
    stop(&node);
    power_disk_free(node.power);
}

/* An owner that stops, or has waited long enough, has them written; once, and not when an edit goes anyway. */
static void test_notes_are_written_once_when_asked_for(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", 1, aero_lsn_of(5)).code,
                     AERO_OK);
    aero_checkpointer_write_notes(node.checkpointer); /* the new name goes by itself */
    assert_false(aero_checkpointer_is_settled(node.checkpointer));
    assert_true(run(&node));
    assert_true(aero_checkpointer_is_settled(node.checkpointer));
    uint64_t before = generation(&node);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->pins[0].durable.value, 5);
    aero_checkpointer_write_notes(node.checkpointer); /* nothing to write */
    assert_true(run(&node));
    assert_int_equal(generation(&node), before);
    aero_checkpointer_acknowledge(node.checkpointer, "beta", aero_lsn_of(6));
    aero_checkpointer_write_notes(node.checkpointer);
    aero_checkpointer_write_notes(node.checkpointer);
    assert_false(aero_checkpointer_is_settled(node.checkpointer));
    assert_true(run(&node));
    assert_int_equal(generation(&node), before + 1);
    assert_int_equal(aero_checkpointer_manifest(node.checkpointer)->pins[0].durable.value, 6);
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 14: reuse is a truncation first: the old name is gone for good before anybody may write over the bytes. */
static void test_truncated_segments_are_offered_for_reuse(void **state)
{
    (void)state;
    const struct aero_checkpoint_options recycling = {
        .snapshots_kept = 2, .retention_cap_bytes = 1000, .recycle = true};
    struct node node = start(directory(), &recycling);
    char name[AERO_DISK_NAME_MAX];
    for (unsigned i = 0; i < 2; i++) {
        begin(&node);
        assert_true(run(&node));
    }
    assert_true(aero_checkpointer_take_recycled(node.checkpointer, name));
    assert_non_null(power_find(&node.power->durable, name));
    assert_null(power_find(&node.power->durable, "wal/0000000000000001-00000001.seg"));
    assert_false(aero_checkpointer_take_recycled(node.checkpointer, name));
    aero_checkpointer_discard(node.checkpointer, name);
    assert_true(run(&node));
    assert_null(power_find(&node.power->seen, name));
    stop(&node);
    power_disk_free(node.power);
}

/* Decision 24: what a pin claims may have a reader even below the floor, where the cap put it. It goes, but nobody writes
 * over its bytes. */
static void test_segments_that_a_pin_claims_are_not_offered_for_reuse(void **state)
{
    (void)state;
    const struct aero_checkpoint_options recycling = {
        .snapshots_kept = 2, .retention_cap_bytes = 1000, .recycle = true};
    for (uint64_t pinned = 1; pinned <= 2; pinned++) {
        struct node node = start(directory(), &recycling);
        aero_lsn none = {.value = 0};
        assert_int_equal(aero_checkpointer_pin(node.checkpointer, "beta", pinned, none).code,
                         AERO_OK);
        for (unsigned i = 0; i < 2; i++) {
            begin(&node);
            assert_true(run(&node));
        }
        assert_int_equal(count_files(node.power, ".seg"), 1);
        assert_int_equal(count_files(node.power, "recycled"), pinned - 1);
        char name[AERO_DISK_NAME_MAX];
        assert_int_equal(aero_checkpointer_take_recycled(node.checkpointer, name), pinned > 1);
        stop(&node);
        power_disk_free(node.power);
    }
}

/* The same when any operation fails: a removal that fails ends its request, and the directory's sync with it. */
static void test_reuse_waits_for_a_truncation_that_went_through(void **state)
{
    (void)state;
    const struct aero_checkpoint_options recycling = {
        .snapshots_kept = 2, .retention_cap_bytes = 1000, .recycle = true};
    struct node first = start(directory(), &recycling);
    begin(&first);
    assert_true(run(&first));
    stop(&first);
    unsigned offered = 0;
    unsigned kept_back = 0;
    bool reached = true;
    for (uint64_t at = 1; reached; at++) {
        struct power_disk *power = power_disk_clone(first.power);
        struct node node = start(power, &recycling);
        begin(&node);
        power->fail_at = power->changes + at;
        assert_true(run(&node));
        reached = power->changes >= power->fail_at;
        char name[AERO_DISK_NAME_MAX];
        if (aero_checkpointer_take_recycled(node.checkpointer, name)) {
            offered++;
            assert_non_null(power_find(&power->durable, name));
            assert_null(power_find(&power->durable, "wal/0000000000000001-00000001.seg"));
        } else {
            kept_back++;
        }
        stop(&node);
        power_disk_free(power);
    }
    assert_true(offered > 0);
    assert_true(kept_back > 0);
    power_disk_free(first.power);
}

static void test_due_counts_the_wal_since_the_last_checkpoint(void **state)
{
    (void)state;
    const struct aero_checkpoint_options triggered = {
        .snapshots_kept = 2, .wal_bytes_trigger = 10000, .retention_cap_bytes = 1000};
    struct node node = start(directory(), &triggered);
    size_t count;
    uint64_t offset = aero_checkpointer_files(node.checkpointer, &count)[3].end_offset;
    assert_false(aero_checkpointer_due(node.checkpointer));
    aero_checkpointer_on_durable(node.checkpointer, node.sequence, offset + 9000, node.end);
    assert_true(aero_checkpointer_due(node.checkpointer)); /* with what recovery replayed */
    begin(&node);
    assert_false(aero_checkpointer_due(node.checkpointer));
    assert_true(run(&node));
    assert_false(aero_checkpointer_due(node.checkpointer));
    aero_checkpointer_on_durable(node.checkpointer, node.sequence, offset + 18999, node.end);
    assert_false(aero_checkpointer_due(node.checkpointer));
    aero_checkpointer_on_durable(node.checkpointer, node.sequence, offset + 19000, node.end);
    assert_true(aero_checkpointer_due(node.checkpointer));
    stop(&node);
    power_disk_free(node.power);
}

static void test_on_segment_ends_the_one_before_and_enters_the_history(void **state)
{
    (void)state;
    struct node node = start(directory(), &plain);
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(node.checkpointer, &count);
    struct aero_wal_segment segment = {
        .header = {.sequence = 5,
                   .first_lsn = {.value = 24},
                   .nonce = world_id(0x99),
                   .incarnation = WORLD_INCARNATION,
                   .prev_sequence = 4,
                   .prev_end_offset = files[3].end_offset + 800,
                   .prev_end = {.lsn = {.value = 23}, .chain = 77}},
        .name = "wal/0000000000000018-00000005.seg",
        .prev_sealed = true,
        .prev_record_count = 8,
    };
    aero_checkpointer_on_segment(node.checkpointer, &segment);
    files = aero_checkpointer_files(node.checkpointer, &count);
    assert_int_equal(count, 5);
    assert_true(files[3].sealed);
    assert_int_equal(files[3].end.lsn.value, 23);
    assert_int_equal(files[3].record_count, 8);
    assert_false(files[4].sealed);
    assert_int_equal(files[4].end.chain, 77);
    aero_checkpointer_on_durable(node.checkpointer, 5, 5000,
                                 (struct aero_position){.lsn = {.value = 30}, .chain = 78});
    files = aero_checkpointer_files(node.checkpointer, &count);
    assert_int_equal(files[4].end_offset, 5000);
    assert_int_equal(files[4].record_count, 7);
    assert_true(run(&node));
    const struct aero_manifest *manifest = aero_checkpointer_manifest(node.checkpointer);
    assert_non_null(aero_history_find_segment(&manifest->history, 5));
    stop(&node);
    power_disk_free(node.power);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_checkpoint_truncates_what_no_snapshot_needs),
        cmocka_unit_test(test_checkpoint_crashed_anywhere_recovers_the_same),
        cmocka_unit_test(test_a_snapshot_goes_once_no_durable_manifest_names_it),
        cmocka_unit_test(test_checkpoint_with_any_operation_failing_is_told_and_harmless),
        cmocka_unit_test(test_a_snapshot_names_no_incarnation_that_began_behind_it),
        cmocka_unit_test(test_edits_become_the_manifest_once_durable),
        cmocka_unit_test(test_failure_beside_a_snapshot_waits_for_its_worker),
        cmocka_unit_test(test_a_granted_snapshot_stays_until_its_replica_is_past_it),
        cmocka_unit_test(test_a_snapshot_names_its_segment_before_the_manifest_does),
        cmocka_unit_test(test_the_cap_lets_a_granted_snapshot_go_with_its_wal),
        cmocka_unit_test(test_pinned_and_damaged_snapshots_stay_within_bounds),
        cmocka_unit_test(test_pins_beyond_their_number_are_refused),
        cmocka_unit_test(test_acknowledgements_are_known_at_once_and_written_with_the_next_edit),
        cmocka_unit_test(test_notes_are_written_once_when_asked_for),
        cmocka_unit_test(test_truncated_segments_are_offered_for_reuse),
        cmocka_unit_test(test_segments_that_a_pin_claims_are_not_offered_for_reuse),
        cmocka_unit_test(test_reuse_waits_for_a_truncation_that_went_through),
        cmocka_unit_test(test_due_counts_the_wal_since_the_last_checkpoint),
        cmocka_unit_test(test_on_segment_ends_the_one_before_and_enters_the_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
