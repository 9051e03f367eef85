# SPDX-License-Identifier: Apache-2.0
"""Snapshots, the manifest, and what may go because of them."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "checkpoint/snapshot-not-synced",
        "a snapshot is named that may not be whole",
        ("FM-9.1",),
        "engine/snapshot.c",
        before=(
            "    write->context = writer;\n"
            "    add_op(writer, AERO_OP_SYNC, \"\");"),
        after="    write->context = writer;"),
    Mutant(
        "checkpoint/snapshot-without-directory-sync",
        "a snapshot is named whose name may be lost",
        ("FM-9.1",),
        "engine/snapshot.c",
        before="    add_op(writer, AERO_OP_SYNC_DIRECTORY, \"snapshots\");\n",
        after=""),
    Mutant(
        "checkpoint/snapshot-not-recomputed",
        "a snapshot is named whose bytes are another state",
        ("decision 19",),
        "engine/snapshot.c",
        before="    if (!aero_summary_equal(writer->summary, writer->header.summary)) {",
        after="    if (false) {",
        judges=("unit engine.snapshot", "unit engine.checkpoint")),
    Mutant(
        "checkpoint/loaded-snapshot-not-summed",
        "a loaded snapshot is not compared with its own digest",
        ("decision 19",),
        "engine/snapshot_block.c",
        before=(
            "                 aero_summary_equal(told, walk->summary) &&\n"
            "                 aero_summary_equal(told, walk->header.summary); /* decision 19 */"),
        after="                 true;",
        judges=("flip", "unit engine.snapshot", "unit engine.forged")),
    Mutant(
        "checkpoint/block-checksum-ignored",
        "a snapshot's entries may come from another snapshot",
        ("FR-1", "FM-9.1"),
        "engine/snapshot_block.c",
        before="        (!first && block->id64 != walk->id64)) {",
        after="        false) {",
        judges=("unit engine.snapshot", "unit engine.forged", "flip")),
    Mutant(
        "checkpoint/manifest-in-one-slot",
        "what permits something irreversible is in one slot",
        ("decision 13",),
        "engine/manifest.c",
        before=(
            "    for (unsigned slot = 0; slot < 2; slot++) {\n"
            "        out_ops"),
        after=(
            "    for (unsigned slot = 0; slot < 1; slot++) {\n"
            "        out_ops")),
    Mutant(
        "checkpoint/manifest-not-synced",
        "the manifest's slots are not synced",
        ("decision 13", "FM-9.1"),
        "engine/manifest.c",
        before=(
            "        out_ops[count++] = (struct aero_disk_op){.kind = AERO_OP_SYNC, .handle = "
            "handle};\n"),
        after=""),
    Mutant(
        "checkpoint/durable-slot-first",
        "a start writes over the slot that is durable first",
        ("decision 13", "FR-3"),
        "engine/manifest.c",
        before="        return found->generation[0] > found->generation[1] ? 0 : 1;",
        after="        return found->generation[0] > found->generation[1] ? 1 : 0;"),
    Mutant(
        "checkpoint/older-slot-wins",
        "the older of two slots counts",
        ("decision 13",),
        "engine/manifest.c",
        before="(found->slot_valid[1] && found->generation[1] > found->generation[0]);",
        after="(found->slot_valid[1] && found->generation[1] < found->generation[0]);",
        judges=("unit engine.manifest",)),
    Mutant(
        "checkpoint/slots-without-sync-between",
        "a start writes both slots before it syncs one",
        ("decision 13",),
        "engine/manifest.c",
        before=(
            "    AERO_TRY(status);\n"
            "    return disk.ops->sync(disk.self, file);\n"
            "}\n"
            "\n"
            "static aero_status write_slots"),
        after=(
            "    AERO_TRY(status);\n"
            "    return copy == AERO_MANIFEST_SECOND ? disk.ops->sync(disk.self, file) : "
            "aero_ok();\n"
            "}\n"
            "\n"
            "static aero_status write_slots")),
    Mutant(
        "checkpoint/wal-of-the-older-snapshot-goes",
        "the log is truncated to what the newest snapshot needs",
        ("decision 12", "FM-9.2"),
        "engine/retention.c",
        before="            *floor = least(*floor, manifest->snapshots[i - 1].sequence);",
        after="            *floor = whole == 0 ? manifest->snapshots[i - 1].sequence : *floor;",
        judges=("sim", "flip", "unit engine.retention")),
    Mutant(
        "checkpoint/truncated-with-one-snapshot",
        "the log is truncated while there is one snapshot",
        ("decision 12",),
        "engine/retention.c",
        before="    if (find_lowest_kept(manifest, kept_count, &floor) < 2) {",
        after="    if (find_lowest_kept(manifest, kept_count, &floor) < 1) {",
        judges=("sim", "unit engine.retention")),
    Mutant(
        "checkpoint/pins-ignored",
        "log that a known replica still needs goes",
        ("decision 24",),
        "engine/retention.c",
        before="        floor = least(floor, manifest->pins[i].sequence);",
        after="        (void)i;",
        judges=("sim", "unit engine.retention")),
    Mutant(
        "checkpoint/old-snapshot-goes-before-the-manifest",
        "a snapshot is removed that the durable manifest still names",
        ("FM-9.2", "decision 13"),
        "engine/checkpoint.c",
        before=(
            "checkpointer->edits > checkpointer->edits_writing\n"
            "                                                  ? manifest_request"),
        after=(
            "checkpointer->edits > checkpointer->edits_writing &&\n"
            "                                                      checkpointer->doomed_count == 0\n"
            "                                                  ? manifest_request"),
        judges=("unit engine.checkpoint", "sim")),
    Mutant(
        "checkpoint/read-segment-recycled",
        "a segment that a replica still reads is written over",
        ("decision 14", "decision 24"),
        "engine/checkpoint.c",
        before="        if (checkpointer->manifest.pins[i].sequence <= sequence) {",
        after="        if (false) {",
        judges=("unit engine.checkpoint",)),
    Mutant(
        "checkpoint/goes-on-after-a-failed-manifest",
        "checkpoints go on after the manifest failed to sync",
        ("decision 22", "FM-6.2"),
        "engine/checkpoint.c",
        before=(
            "    if (checkpointer->failed) {\n"
            "        return NULL;"),
        after=(
            "    if (false) {\n"
            "        return NULL;"),
        judges=("unit primary.gate",)),
    Mutant(
        "checkpoint/snapshot-of-too-new-a-history",
        "a snapshot names incarnations that came after it",
        ("decision 6",),
        "engine/checkpoint.c",
        before=(
            "           part.incarnations[part.incarnation_count - 1].start.lsn.value > "
            "position.value) {"),
        after="           false) {",
        judges=("unit engine.checkpoint",)),
    Mutant(
        "checkpoint/undo-forgets-nothing-back",
        "what failed stays in the evaluated state",
        ("V-1", "FM-7.2"),
        "primary/pipeline.c",
        before=(
            "    aero_undo_rollback(pipeline->undo, durable, pipeline->tree);\n"
            "    pipeline->evaluated = durable;"),
        after=(
            "    aero_undo_forget(pipeline->undo, pipeline->evaluated, pipeline->tree);\n"
            "    pipeline->evaluated = durable;")),
    Mutant(
        "checkpoint/snapshot-without-its-segment",
        "a snapshot leaves out a segment that the manifest on disk does not name yet",
        ("decision 8",),
        "engine/checkpoint.c",
        before="history_to(&checkpointer->next.history, position.lsn)",
        after="history_to(&checkpointer->manifest.history, position.lsn)",
        judges=("unit engine.checkpoint",)),
]
