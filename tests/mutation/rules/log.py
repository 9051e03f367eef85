# SPDX-License-Identifier: Apache-2.0
"""The log while it runs: what is durable, what follows what, and what a failure ends."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "log/ack-before-sync",
        "what was handed to the disk counts as durable",
        ("D-1", "V-1", "FM-5.1"),
        "engine/wal_writer.c",
        before=(
            "struct aero_wal_place aero_wal_durable(const struct aero_wal_writer *wal)\n"
            "{\n"
            "    return wal->log.durable;"),
        after=(
            "struct aero_wal_place aero_wal_durable(const struct aero_wal_writer *wal)\n"
            "{\n"
            "    return (struct aero_wal_place){.sequence = wal->log.segment.sequence,\n"
            "        .offset = wal->log.handed.offset, .position = wal->log.handed.position};")),
    Mutant(
        "log/failed-sync-acknowledged",
        "a group whose sync failed is acknowledged",
        ("FM-7.2",),
        "engine/wal_log.c",
        before=(
            "    if (aero_is_ok(completion->status)) {\n"
            "        group->state = AERO_WAL_GROUP_SYNCED;"),
        after=(
            "    if (aero_is_ok(completion->status) ||\n"
            "        group->slot.request.ops[completion->failed_op].kind == AERO_OP_SYNC) {\n"
            "        group->state = AERO_WAL_GROUP_SYNCED;"),
        judges=("unit engine.wal_writer",)),
    Mutant(
        "log/second-sync-trusted",
        "after a failed sync the sync is tried once more and believed",
        ("FM-7.2", "decision 2"),
        "engine/wal_log.c",
        before=(
            "    if (aero_is_ok(completion->status)) {\n"
            "        group->state = AERO_WAL_GROUP_SYNCED;"),
        after=(
            "    if (!aero_is_ok(completion->status) &&\n"
            "        group->slot.request.ops[completion->failed_op].kind == AERO_OP_SYNC) {\n"
            "        group->slot.request.ops += completion->failed_op;\n"
            "        group->slot.request.op_count -= completion->failed_op;\n"
            "        group->slot.state = AERO_WAL_REQUEST_READY;\n"
            "        return;\n"
            "    }\n"
            "    if (aero_is_ok(completion->status)) {\n"
            "        group->state = AERO_WAL_GROUP_SYNCED;")),
    Mutant(
        "log/full-disk-at-sync-is-a-full-disk-at-write",
        "a sync without room ends the segment instead of the log",
        ("FM-6.2", "decision 22"),
        "engine/disk_failure.c",
        before="    {AERO_DOMAIN_WAL, AERO_OP_WRITE, AERO_NO_SPACE, AERO_DISK_CUT},\n",
        after=(
            "    {AERO_DOMAIN_WAL, AERO_OP_WRITE, AERO_NO_SPACE, AERO_DISK_CUT},\n"
            "    {AERO_DOMAIN_WAL, AERO_OP_SYNC, AERO_NO_SPACE, AERO_DISK_CUT},\n"),
        judges=("unit engine.disk_failure",)),
    Mutant(
        "log/rotation-without-directory-sync",
        "a segment's name may be lost while its records are acknowledged",
        ("decision 14", "FM-5.1"),
        "engine/wal_log_segment.c",
        before=(
            "    struct aero_disk_op *sync = aero_wal_slot_add(slot, AERO_OP_SYNC_DIRECTORY, 0);\n"
            "    snprintf(sync->name, sizeof sync->name, \"wal\");\n"),
        after=""),
    Mutant(
        "log/header-not-synced",
        "a segment's header may be lost while its records are acknowledged",
        ("decision 14",),
        "engine/wal_log_segment.c",
        before=(
            "    aero_wal_slot_add(slot, AERO_OP_SYNC, handle);\n"
            "    struct aero_disk_op *rename"),
        after="    struct aero_disk_op *rename",
        judges=("sim", "twin wal_recycle")),
    Mutant(
        "log/footer-before-successor",
        "a footer is written before there is a successor",
        ("decision 14",),
        "engine/wal_log_segment.c",
        before=(
            "    add_header(log, slot);\n"
            "    log->control.footer_op = (uint32_t)(slot->ops.length / sizeof(struct "
            "aero_disk_op));\n"
            "    add_end_of_predecessor(log, slot);"),
        after=(
            "    log->control.footer_op = 0;\n"
            "    add_end_of_predecessor(log, slot);\n"
            "    add_header(log, slot);")),
    Mutant(
        "log/appended-behind-a-failed-write",
        "a segment goes on where a write failed",
        ("decision 3",),
        "engine/wal_log.c",
        before=(
            "    log->control.wanted = !log->verbatim;\n"
            "}"),
        after=(
            "    log->reached = log->synced.position.lsn;\n"
            "    log->control.wanted = false;\n"
            "    log->verbatim = true;\n"
            "}"),
        judges=("unit engine.wal_rotation",)),
    Mutant(
        "log/torn-write-reached-nothing",
        "a write that was cut short counts as one that wrote nothing",
        ("decision 11",),
        "engine/wal_log.c",
        before=(
            "    group->reached_disk = completion->failed_op > 0 || completion->failed_written > "
            "0;"),
        after="    group->reached_disk = false;",
        judges=("unit engine.wal_rotation",)),
    Mutant(
        "log/mark-of-what-flies",
        "a record's mark names what is not durable yet",
        ("decision 17", "decision 1"),
        "engine/wal_writer.c",
        before="        .durable_mark = log->durable.position.lsn,",
        after="        .durable_mark = end->position.lsn,",
        judges=("unit engine.wal_writer",)),
    Mutant(
        "log/no-mark",
        "a record carries no mark of what is durable",
        ("decision 1",),
        "engine/wal_writer.c",
        before="        .durable_mark = log->durable.position.lsn,",
        after="        .durable_mark = aero_lsn_of(0),",
        judges=("sim", "flip", "unit engine.wal_writer")),
    Mutant(
        "log/lsn-not-contiguous",
        "the first LSN behind a cut leaves one out",
        ("decision 17", "REP-2"),
        "engine/wal_writer.c",
        before=(
            "        .lsn = aero_lsn_next(end->position.lsn),\n"
            "        .durable_mark"),
        after=(
            "        .lsn = aero_lsn_of(end->position.lsn.value + 1 + first),\n"
            "        .durable_mark")),
    Mutant(
        "log/proof-of-what-flies",
        "the proof names more than was synced",
        ("decision 5",),
        "engine/wal_log.c",
        before=(
            "        .end_offset = log->synced.offset,\n"
            "        .end = log->synced.position,\n"
            "    };\n"
            "    aero_proof_encode"),
        after=(
            "        .end_offset = log->handed.offset,\n"
            "        .end = log->handed.position,\n"
            "    };\n"
            "    aero_proof_encode")),
    Mutant(
        "log/proof-overwrites-itself",
        "the proof has one place, which a crash may tear",
        ("decision 5", "decision 16"),
        "engine/wal_log.c",
        before="                            proof.generation % 2 * AERO_PROOF_SLOT_BYTES,",
        after="                            0,",
        judges=("unit engine.wal_writer", "flip")),
    Mutant(
        "log/proof-never-synced",
        "idle time and rotation leave the proof in the page cache",
        ("decision 16",),
        "engine/wal_log.c",
        before=(
            "    } else if (log->proof.sync_wanted && log->proof.unsynced) {\n"
            "        sync_proof(log);"),
        after=(
            "    } else if (false && log->proof.unsynced) {\n"
            "        sync_proof(log);"),
        judges=("sim", "unit engine.wal_writer", "unit engine.wal_rotation")),
    Mutant(
        "log/failed-proof-is-no-failure",
        "an acknowledgement goes out although its proof was not written",
        ("decision 5",),
        "engine/wal_log.c",
        before=(
            "    if (!aero_is_ok(completion->status)) {\n"
            "        const struct aero_disk_op *op = "
            "&log->proof.slot.request.ops[completion->failed_op];"),
        after=(
            "    if (false) {\n"
            "        const struct aero_disk_op *op = "
            "&log->proof.slot.request.ops[completion->failed_op];"),
        judges=("sim", "unit engine.wal_writer")),
    Mutant(
        "log/record-without-room",
        "a record may reach into the place of the footer",
        ("decision 17",),
        "engine/wal_writer.c",
        before="    uint64_t limit = log->options.segment_bytes - AERO_SEGMENT_FOOTER_BYTES;",
        after="    uint64_t limit = log->options.segment_bytes + AERO_SEGMENT_FOOTER_BYTES;",
        judges=("sim", "wal", "unit engine.wal_writer", "unit engine.wal_rotation")),
    Mutant(
        "log/follower-skips-bytes",
        "a replica's log is not its primary's, byte for byte",
        ("REP-2",),
        "engine/wal_follower.c",
        before="    memcpy(aero_wal_queue_reserve(&log->queue, raw.length), raw.data, raw.length);",
        after=(
            "    uint8_t *copy = aero_wal_queue_reserve(&log->queue, raw.length);\n"
            "    memcpy(copy, raw.data, raw.length);\n"
            "    copy[raw.length - 1] = 1;")),
]
