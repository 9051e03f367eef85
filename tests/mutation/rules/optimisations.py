# SPDX-License-Identifier: Apache-2.0
"""What the proofs in docs/optimizations lean on, put to their executable twins."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "optimisations/group-acknowledged-without-its-sync",
        "group: acknowledged without its sync",
        ("D-1", "FM-5.1"),
        "engine/wal_log.c",
        before=(
            "    aero_wal_slot_add(&group->slot, AERO_OP_SYNC, handle);\n"
            "    group->state"),
        after="    group->state",
        judges=("twin read_fast_path", "twin group_commit")),
    Mutant(
        "optimisations/group-durable-before-its-proof",
        "group: durable before its proof",
        ("decision 5",),
        "engine/wal_log.c",
        before="        log->synced = group->end;\n",
        after=(
            "        log->synced = group->end;\n"
            "        log->durable = (struct aero_wal_place){.sequence = log->segment.sequence,\n"
            "            .offset = group->end.offset, .position = group->end.position};\n"),
        judges=("twin read_fast_path", "twin group_commit")),
    Mutant(
        "optimisations/failure-what-reached-the-disk-is-said-never-to-come-back",
        "failure: what reached the disk is said never to come back",
        ("decision 11",),
        "engine/wal_log.c",
        before=(
            "    aero_wal_log_report(log, log->reached);\n"
            "    free_landed_groups(log);"),
        after=(
            "    aero_wal_log_report(log, log->durable.position.lsn);\n"
            "    free_landed_groups(log);"),
        judges=("twin read_fast_path", "twin group_commit")),
    Mutant(
        "optimisations/batch-the-records-of-a-write-all-chain-to-the-one-before-it",
        "batch: the records of a write all chain to the one before it",
        ("decision 17",),
        "engine/wal_writer.c",
        before=".prev_chain = first ? log->segment.chain0 : end->position.chain,",
        after=".prev_chain = first ? log->segment.chain0 : log->handed.position.chain,",
        judges=("twin wal_batching",)),
    Mutant(
        "optimisations/batch-the-write-ends-before-its-last-record",
        "batch: the write ends before its last record",
        ("D-2",),
        "engine/wal_writer.c",
        before="        writes[0] = (size_t)(end.offset - log->handed.offset);\n",
        after="        writes[0] = (size_t)(end.offset - log->handed.offset) - 8;\n",
        judges=("twin wal_batching",)),
    Mutant(
        "optimisations/overlap-the-second-group-is-acknowledged-before-the-first",
        "overlap: the second group is acknowledged before the first",
        ("decision 4",),
        "engine/wal_log.c",
        before="if (group->state != AERO_WAL_GROUP_FREE && group->number == log->groups_synced) {",
        after="if (group->state == AERO_WAL_GROUP_SYNCED) {",
        judges=("twin overlapped_sync",)),
    Mutant(
        "optimisations/overlap-rotation-does-not-wait-for-the-second-lane",
        "overlap: rotation does not wait for the second lane",
        ("decision 14",),
        "engine/wal_log.c",
        before=(
            "        if (log->groups[i].state != AERO_WAL_GROUP_FREE) {\n"
            "            return false;"),
        after=(
            "        if (i == 0 && log->groups[i].state != AERO_WAL_GROUP_FREE) {\n"
            "            return false;"),
        judges=("twin overlapped_sync",)),
    Mutant(
        "optimisations/overlap-both-groups-are-synced-through-one-description",
        "overlap: both groups are synced through one description",
        ("decision 4",),
        "engine/wal_log.c",
        before=(
            "    uint32_t handle = aero_wal_bank_handle(log->bank, lane);\n"
            "    const uint8_t *data"),
        after=(
            "    uint32_t handle = aero_wal_bank_handle(log->bank, 0);\n"
            "    const uint8_t *data"),
        judges=("twin overlapped_sync",)),
    Mutant(
        "optimisations/recycle-a-new-segment-has-the-nonce-of-the-first",
        "recycle: a new segment has the nonce of the first",
        ("decision 3",),
        "engine/wal_writer.c",
        before="        .nonce = wal->nonce,\n",
        after="        .nonce = wal->start.nonce,\n",
        judges=("twin wal_recycle",)),
    Mutant(
        "optimisations/recycle-what-another-nonce-wrote-is-not-told-apart",
        "recycle: what another nonce wrote is not told apart",
        ("decision 25",),
        "engine/wal_reader.c",
        before="    if (header->segment_nonce != reader->nonce64) {",
        after="    if (false && header->segment_nonce != reader->nonce64) {",
        judges=("twin wal_recycle",)),
    Mutant(
        "optimisations/recycle-a-file-that-was-refused-for-reuse-is-used",
        "recycle: a file that was refused for reuse is used",
        ("decision 14",),
        "engine/wal_log_segment.c",
        before=(
            "    if (consequence == AERO_DISK_DROP &&\n"
            "        log->prepare.reusing) {"),
        after=(
            "    if (consequence == AERO_DISK_DROP &&\n"
            "        log->prepare.reusing) {\n"
            "        log->prepare.state = AERO_WAL_PREPARE_READY;\n"
            "        return;\n"
            "    }\n"
            "    if (false) {"),
        judges=("twin wal_recycle",)),
    Mutant(
        "optimisations/truncation-takes-the-segment-at-the-floor",
        "truncation: takes the segment at the floor",
        ("FM-10a",),
        "engine/checkpoint.c",
        before="           files[leaving].header.sequence < floor) {",
        after="           files[leaving].header.sequence <= floor) {",
        judges=("twin checkpoint_pipelining", "twin wal_recycle")),
    Mutant(
        "optimisations/truncation-before-the-floor-is-durable",
        "truncation: before the floor is durable",
        ("FM-9.2", "decision 13"),
        "engine/checkpoint.c",
        before=(
            "    if (!checkpointer->own_in_flight) {\n"
            "        const struct aero_disk_request *own = checkpointer->edits > "
            "checkpointer->edits_writing"),
        after=(
            "    if (!checkpointer->own_in_flight) {\n"
            "        if (checkpointer->state == STATE_NAMING) {\n"
            "            checkpointer->manifest.wal_floor_sequence = "
            "checkpointer->next.wal_floor_sequence;\n"
            "            add_segments((checkpointer->own.op_count = 0, checkpointer));\n"
            "            if (checkpointer->own.op_count > 0) {\n"
            "                return give_own(checkpointer, AERO_DOMAIN_WAL);\n"
            "            }\n"
            "        }\n"
            "        const struct aero_disk_request *own = checkpointer->edits > "
            "checkpointer->edits_writing"),
        judges=("twin checkpoint_pipelining", "twin wal_recycle")),
    Mutant(
        "optimisations/checkpoint-a-snapshot-of-commits-in-flight",
        "checkpoint: a snapshot of commits in flight",
        ("V-1",),
        "engine/wal_writer.c",
        before=(
            "    if (wal->watch != WATCH_PLACED || wal->log.durable.position.lsn.value < "
            "wal->watch_lsn.value) {"),
        after="    if (wal->watch != WATCH_PLACED) {",
        judges=("twin checkpoint_pipelining",)),
    Mutant(
        "optimisations/checkpoint-the-view-is-of-the-tree-that-goes-on",
        "checkpoint: the view is of the tree that goes on",
        ("V-2",),
        "primary/primary.c",
        before="    wish->lsn = aero_pipeline_evaluated(primary->pipeline);\n",
        after="    wish->lsn = aero_pipeline_durable(primary->pipeline);\n",
        judges=("twin checkpoint_pipelining",)),
    Mutant(
        "optimisations/read-answered-from-the-evaluated-state",
        "read: answered from the evaluated state",
        ("V-1", "decision 10"),
        "primary/primary_node.c",
        before="    return primary->read_fast_path ? aero_pipeline_touched(primary->pipeline, key)",
        after=(
            "    (void)key;\n"
            "    return primary->read_fast_path ? aero_lsn_of(0)"),
        judges=("twin read_fast_path",)),
    Mutant(
        "optimisations/read-the-table-forgets-what-a-commit-touched",
        "read: the table forgets what a commit touched",
        ("V-1", "decision 10"),
        "primary/pipeline.c",
        before="        pipeline->touched[touched_class(operation->key)] = lsn.value;",
        after="        pipeline->touched[touched_class(operation->key)] = 0;",
        judges=("twin read_fast_path",)),
    Mutant(
        "optimisations/read-an-lsn-that-is-synced-is-taken-for-durable",
        "read: an LSN that is synced is taken for durable",
        ("V-1",),
        "primary/pipeline.c",
        before="    return aero_lsn_of(touched > pipeline->durable.value ? touched : 0);",
        after="    return aero_lsn_of(touched > pipeline->durable.value + 1 ? touched : 0);",
        judges=("twin read_fast_path",)),
    Mutant(
        "optimisations/tail-off-and-shipped-all-the-same",
        "tail: off, and shipped all the same",
        ("DIS-1",),
        "shipping/sender_ship.c",
        before="    return is_established(sender, tail ? sequence : sequence + 1);",
        after=(
            "    (void)tail;\n"
            "    return is_established(sender, sequence);"),
        judges=("twin tail_streaming",)),
    Mutant(
        "optimisations/tail-a-sync-that-failed-moves-the-durable-place",
        "tail: a sync that failed moves the durable place",
        ("FM-7.2", "REP-2"),
        "engine/wal_log.c",
        before=(
            "    aero_wal_log_report(log, log->reached);\n"
            "    free_landed_groups(log);"),
        after=(
            "    aero_wal_log_report(log, log->reached);\n"
            "    log->durable.offset = log->handed.offset;\n"
            "    log->durable.position = log->handed.position;\n"
            "    free_landed_groups(log);"),
        judges=("twin tail_streaming",)),
    Mutant(
        "optimisations/tail-a-read-that-fails-is-tried-again-in-silence",
        "tail: a read that fails is tried again in silence",
        ("FM-6.2",),
        "shipping/sender_ship.c",
        before="    if (!aero_is_ok(status) && !is_cut_by_read) {",
        after="    if (!aero_is_ok(status) && !is_cut_by_read && status.sys_errno == 0) {",
        judges=("twin tail_streaming",)),
    Mutant(
        "optimisations/ship-what-gathered-waits-behind-a-log-that-failed",
        "ship: what gathered waits behind a log that failed",
        ("FM-6.2", "FM-7.2"),
        "primary/primary.c",
        before=(
            "    return aero_pipeline_evaluated(primary->pipeline).value >\n"
            "           aero_wal_durable(primary->wal).position.lsn.value;"),
        after=(
            "    return !aero_wal_is_open(primary->wal) ||\n"
            "           aero_pipeline_evaluated(primary->pipeline).value >\n"
            "               aero_wal_durable(primary->wal).position.lsn.value;"),
        judges=("twin ship_groups",)),
    Mutant(
        "optimisations/ship-the-last-groups-wait-for-more",
        "ship: the last groups wait for more",
        ("FM-11.1",),
        "primary/shipment.c",
        before=(
            "    return log_is_idle && shipment->acknowledged.value >= "
            "shipment->left.position.lsn.value;"),
        after="    return log_is_idle && shipment->groups > shipment->groups_max;",
        judges=("twin ship_groups",)),
    Mutant(
        "optimisations/ship-what-a-replica-made-durable-is-not-heard",
        "ship: what a replica made durable is not heard",
        ("FM-11.1",),
        "primary/shipment.c",
        before="    if (durable.value > shipment->acknowledged.value) {",
        after="    if (durable.value > UINT64_MAX - 1) {",
        judges=("twin ship_groups",)),
    Mutant(
        "optimisations/ship-what-gathered-is-forgotten",
        "ship: what gathered is forgotten",
        ("FM-11.1",),
        "primary/shipment.c",
        before="    shipment->groups += more;",
        after="    shipment->groups = more;",
        judges=("twin ship_groups",)),
    Mutant(
        "optimisations/ship-the-first-records-of-a-segment-wait-like-others",
        "ship: the first records of a segment wait like others",
        ("FM-11.2",),
        "primary/shipment.c",
        before="           shipment->left.offset <= AERO_SEGMENT_HEADER_BYTES;",
        after="           shipment->left.offset == 0;",
        judges=("twin ship_groups",)),
    Mutant(
        "optimisations/ship-off-and-groups-gather-all-the-same",
        "ship: off, and groups gather all the same",
        ("DIS-1",),
        "primary/shipment.c",
        before="    return shipment->groups >= shipment->groups_max ||",
        after="    return shipment->groups >= 4 ||",
        judges=("twin tail_streaming",)),
    Mutant(
        "optimisations/switch-a-checkpoint-alone-lets-commits-in",
        "switch: a checkpoint alone lets commits in",
        ("DIS-1",),
        "primary/primary_node.c",
        before=(
            "    return !aero_primary_checkpoint_is_alone(primary) &&\n"
            "           aero_pipeline_has_room(primary->pipeline, bytes);"),
        after="    return aero_pipeline_has_room(primary->pipeline, bytes);",
        judges=("twin checkpoint_pipelining",)),
]
