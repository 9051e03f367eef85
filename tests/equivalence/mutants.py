#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks one thing at a time that the proofs lean on, and says which twin sees it.

    tests/equivalence/mutants.py            all of them, in a copy of the tree under build/mutants
    tests/equivalence/mutants.py NAME...    these

The last line is "N mutants, N caught". A mutation that no longer applies to the source is an error: mend it.
"""
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "mutants"
RUN_MAX_S = 300

# name: (file, what stands there, what stands there instead, the twins that are asked in turn)
MUTANTS = {
    "group: acknowledged without its sync": (
        "engine/wal_log.c",
        "    aero_wal_slot_add(&group->slot, AERO_OP_SYNC, handle);\n    group->state",
        "    group->state", ["read_fast_path", "group_commit"]),
    "group: durable before its proof": (
        "engine/wal_log.c",
        "        log->synced = group->end;\n",
        "        log->synced = group->end;\n"
        "        log->durable = (struct aero_wal_place){.sequence = log->segment.sequence,\n"
        "            .offset = group->end.offset, .position = group->end.position};\n",
        ["read_fast_path", "group_commit"]),
    "failure: what reached the disk is said never to come back": (
        "engine/wal_log.c",
        "    aero_wal_log_report(log, log->reached);\n    free_landed_groups(log);",
        "    aero_wal_log_report(log, log->durable.position.lsn);\n    free_landed_groups(log);",
        ["read_fast_path", "group_commit"]),
    "batch: the records of a write all chain to the one before it": (
        "engine/wal_writer.c",
        ".prev_chain = first ? log->segment.chain0 : end->position.chain,",
        ".prev_chain = first ? log->segment.chain0 : log->handed.position.chain,",
        ["wal_batching"]),
    "batch: the write ends before its last record": (
        "engine/wal_writer.c",
        "        writes[0] = (size_t)(end.offset - log->handed.offset);\n",
        "        writes[0] = (size_t)(end.offset - log->handed.offset) - 8;\n", ["wal_batching"]),
    "overlap: the second group is acknowledged before the first": (
        "engine/wal_log.c",
        "if (group->state != AERO_WAL_GROUP_FREE && group->number == log->groups_synced) {",
        "if (group->state == AERO_WAL_GROUP_SYNCED) {", ["overlapped_sync"]),
    "overlap: rotation does not wait for the second lane": (
        "engine/wal_log.c",
        "        if (log->groups[i].state != AERO_WAL_GROUP_FREE) {\n            return false;",
        "        if (i == 0 && log->groups[i].state != AERO_WAL_GROUP_FREE) {\n"
        "            return false;", ["overlapped_sync"]),
    "overlap: both groups are synced through one description": (
        "engine/wal_log.c",
        "    uint32_t handle = aero_wal_bank_handle(log->bank, lane);\n    const uint8_t *data",
        "    uint32_t handle = aero_wal_bank_handle(log->bank, 0);\n    const uint8_t *data",
        ["overlapped_sync"]),
    "recycle: the segment has its name before its header is durable": (
        "engine/wal_log_segment.c",
        "    aero_wal_slot_add(slot, AERO_OP_SYNC, handle);\n    struct aero_disk_op *rename",
        "    struct aero_disk_op *rename", ["read_fast_path", "wal_recycle"]),
    "recycle: a new segment has the nonce of the first": (
        "engine/wal_writer.c", "        .nonce = wal->nonce,\n",
        "        .nonce = wal->start.nonce,\n", ["wal_recycle"]),
    "recycle: what another nonce wrote is not told apart": (
        "engine/wal_reader.c",
        "    if (header->segment_nonce != reader->nonce64) {",
        "    if (false && header->segment_nonce != reader->nonce64) {", ["wal_recycle"]),
    "recycle: a file that was refused for reuse is used": (
        "engine/wal_log_segment.c",
        "    if (consequence == AERO_DISK_DROP &&\n        log->prepare.reusing) {",
        "    if (consequence == AERO_DISK_DROP &&\n        log->prepare.reusing) {\n"
        "        log->prepare.state = AERO_WAL_PREPARE_READY;\n        return;\n    }\n"
        "    if (false) {", ["wal_recycle"]),
    "truncation: takes the segment at the floor": (
        "engine/checkpoint.c", "           files[leaving].header.sequence < floor) {",
        "           files[leaving].header.sequence <= floor) {",
        ["checkpoint_pipelining", "wal_recycle"]),
    "truncation: before the floor is durable": (
        "engine/checkpoint.c",
        "    if (!checkpointer->own_in_flight) {\n        const struct aero_disk_request *own = "
        "checkpointer->edits > checkpointer->edits_writing",
        "    if (!checkpointer->own_in_flight) {\n"
        "        if (checkpointer->state == STATE_NAMING) {\n"
        "            checkpointer->manifest.wal_floor_sequence = "
        "checkpointer->next.wal_floor_sequence;\n"
        "            add_segments((checkpointer->own.op_count = 0, checkpointer));\n"
        "            if (checkpointer->own.op_count > 0) {\n"
        "                return give_own(checkpointer, AERO_DOMAIN_WAL);\n            }\n        }\n"
        "        const struct aero_disk_request *own = "
        "checkpointer->edits > checkpointer->edits_writing",
        ["checkpoint_pipelining", "wal_recycle"]),
    "checkpoint: a snapshot of commits in flight": (
        "engine/wal_writer.c",
        "    if (wal->watch != WATCH_PLACED || wal->log.durable.position.lsn.value < "
        "wal->watch_lsn.value) {",
        "    if (wal->watch != WATCH_PLACED) {", ["checkpoint_pipelining"]),
    "checkpoint: the view is of the tree that goes on": (
        "primary/primary.c",
        "    wish->lsn = aero_pipeline_evaluated(primary->pipeline);\n",
        "    wish->lsn = aero_pipeline_durable(primary->pipeline);\n", ["checkpoint_pipelining"]),
    "checkpoint: the manifest names it before it is whole": (
        "engine/snapshot.c",
        "    add_op(writer, AERO_OP_SYNC, \"\");\n    add_op(writer, AERO_OP_CLOSE, \"\");",
        "    add_op(writer, AERO_OP_CLOSE, \"\");", ["checkpoint_pipelining"]),
    "read: answered from the evaluated state": (
        "primary/primary_node.c",
        "    return primary->read_fast_path ? aero_pipeline_touched(primary->pipeline, key)",
        "    (void)key;\n    return primary->read_fast_path ? aero_lsn_of(0)",
        ["read_fast_path"]),
    "read: the table forgets what a commit touched": (
        "primary/pipeline.c",
        "        pipeline->touched[touched_class(operation->key)] = lsn.value;",
        "        pipeline->touched[touched_class(operation->key)] = 0;", ["read_fast_path"]),
    "read: an LSN that is synced is taken for durable": (
        "primary/pipeline.c",
        "    return aero_lsn_of(touched > pipeline->durable.value ? touched : 0);",
        "    return aero_lsn_of(touched > pipeline->durable.value + 1 ? touched : 0);",
        ["read_fast_path"]),
    "tail: un-synced bytes are streamed": (
        "primary/primary_fleet.c",
        "struct aero_wal_place aero_primary_durable_place(const struct aero_primary *primary)\n{\n"
        "    return aero_wal_durable(primary->wal);",
        "#include \"engine/wal_log.h\"\n"
        "struct aero_wal_place aero_primary_durable_place(const struct aero_primary *primary)\n{\n"
        "    const struct aero_wal_log *log = (const void *)primary->wal;\n"
        "    return (struct aero_wal_place){.sequence = log->segment.sequence,\n"
        "        .offset = log->handed.offset, .position = log->handed.position};",
        ["tail_streaming"]),
    "tail: the replica applies before its own sync": (
        "replica/follow.c",
        "    aero_lsn durable = aero_wal_follower_durable(replica->follower).position.lsn;\n"
        "    aero_lsn before",
        "    aero_lsn durable = aero_wal_follower_received(replica->follower).position.lsn;\n"
        "    aero_lsn before", ["tail_streaming"]),
    "tail: off, and shipped all the same": (
        "shipping/sender_ship.c",
        "    return is_established(sender, tail ? sequence : sequence + 1);",
        "    (void)tail;\n    return is_established(sender, sequence);", ["tail_streaming"]),
    "switch: a checkpoint alone lets commits in": (
        "primary/primary_node.c",
        "    return !aero_primary_checkpoint_is_alone(primary) &&\n           "
        "aero_pipeline_has_room(primary->pipeline, bytes);",
        "    return aero_pipeline_has_room(primary->pipeline, bytes);", ["checkpoint_pipelining"]),
}


def sync_tree():
    """The sources as they are, without losing what the copy has built."""
    COPY.mkdir(parents=True, exist_ok=True)
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], check=True, capture_output=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            target.touch()


def build():
    commands = [["cmake", "--preset", "release"],
                ["cmake", "--build", "--preset", "release", "-j2", "--target", "equivalence_twins"]]
    for command in commands:
        done = subprocess.run(command, cwd=COPY, capture_output=True, text=True)
        if done.returncode != 0:
            return (done.stdout + done.stderr)[-2000:]
    return None


def ask(twin):
    """What the twin said first; None: it saw nothing."""
    try:
        done = subprocess.run([COPY / "build" / "release" / "tests" / "equivalence_twins", "--first",
                               twin], capture_output=True, text=True, timeout=RUN_MAX_S)
    except subprocess.TimeoutExpired:
        return "it does not come to an end"
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().split("\n")
    return said[0] if said[0] else f"exit status {done.returncode}"


def try_mutant(name):
    file, old, new, twins = MUTANTS[name]
    path = COPY / file
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return "ERROR", f"{file} holds the text {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        failure = build()
        if failure is not None:
            return "ERROR", "does not build: " + failure
        for twin in twins:
            said = ask(twin)
            if said is not None:
                return "caught", f"{twin}: {said[:160]}"
        return "SURVIVED", ", ".join(twins)
    finally:
        path.write_text(text, encoding="utf-8")


def main():
    names = sys.argv[1:] or list(MUTANTS)
    sync_tree()
    failure = build()
    if failure is not None:
        print(failure)
        return 1
    caught = 0
    for name in names:
        began = time.monotonic()
        verdict, text = try_mutant(name)
        caught += verdict == "caught"
        print(f"{verdict:8} {name} ({time.monotonic() - began:.0f} s)\n         {text}", flush=True)
    print(f"{len(names)} mutants, {caught} caught")
    return 0 if caught == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
