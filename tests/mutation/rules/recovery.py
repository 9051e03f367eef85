# SPDX-License-Identifier: Apache-2.0
"""A start: what the bytes prove, and what is made durable before anybody sees it."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "recovery/trusts-the-page-cache",
        "what recovery read may be in the page cache alone",
        ("decision 2", "FM-4.2"),
        "engine/recovery_act.c",
        before=(
            "    AERO_TRY(copy_segment(r, last));\n"
            "    return write_proof(r, last);"),
        after="    return write_proof(r, last);"),
    Mutant(
        "recovery/bare-sync-of-the-old-file",
        "what recovery read is synced where it is instead of being written anew",
        ("decision 2", "FM-7.2"),
        "engine/recovery_act.c",
        before=(
            "    AERO_TRY(copy_segment(r, last));\n"
            "    return write_proof(r, last);"),
        after=(
            "    if (r->torn) {\n"
            "        AERO_TRY(copy_segment(r, last));\n"
            "        return write_proof(r, last);\n"
            "    }\n"
            "    struct aero_disk_file *file;\n"
            "    AERO_TRY(r->disk.ops->open(r->disk.self, last->name, AERO_DISK_WRITE, &file));\n"
            "    aero_status synced = r->disk.ops->sync(r->disk.self, file);\n"
            "    r->disk.ops->close(r->disk.self, file);\n"
            "    AERO_TRY(synced);\n"
            "    return write_proof(r, last);"),
        judges=("unit engine.recovery",)),
    Mutant(
        "recovery/copy-not-synced",
        "the copy that takes a segment's place is not synced",
        ("decision 2",),
        "engine/recovery_act.c",
        before="    return aero_is_ok(status) ? disk.ops->sync(disk.self, to) : status;",
        after="    return status;"),
    Mutant(
        "recovery/rename-without-directory-sync",
        "the copy may lose its name to the old file",
        ("decision 2",),
        "engine/recovery_act.c",
        before=(
            "    AERO_TRY(r->disk.ops->rename(r->disk.self, temporary, last->name));\n"
            "    return r->disk.ops->sync_directory(r->disk.self, \"wal\");"),
        after="    return r->disk.ops->rename(r->disk.self, temporary, last->name);"),
    Mutant(
        "recovery/manifest-name-not-made-durable",
        "the manifest's name may be in the page cache alone",
        ("decision 2", "FM-5.1"),
        "engine/recovery_act.c",
        before=(
            "    AERO_TRY(r->disk.ops->sync_directory(r->disk.self, \"\"));\n"
            "    AERO_TRY(set_tail_aside(r));"),
        after="    AERO_TRY(set_tail_aside(r));",
        judges=("unit engine.recovery",)),
    Mutant(
        "recovery/tail-not-set-aside",
        "bytes leave service without a copy",
        ("decision 3", "FM-6.1"),
        "engine/recovery_act.c",
        before=(
            "    return r->cut_to > last->end_offset ? set_aside(r, last->name, "
            "last->end_offset, r->cut_to)"),
        after="    return false ? set_aside(r, last->name, last->end_offset, r->cut_to)",
        judges=("sim", "explore", "unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/cut-without-a-gate",
        "a start that cuts while replicas are known takes writes at once",
        ("decision 7",),
        "engine/recovery_act.c",
        before=(
            "    if (!r->torn || manifest->role != AERO_ROLE_PRIMARY || manifest->pin_count == 0 "
            "||"),
        after=(
            "    if (true || !r->torn || manifest->role != AERO_ROLE_PRIMARY || "
            "manifest->pin_count == 0 ||")),
    Mutant(
        "recovery/damage-is-torn-by-proof",
        "records that the durable file proves are cut as a torn tail",
        ("decision 1", "decision 5", "FR-1"),
        "engine/tail_decision.c",
        before=(
            "     .proof = YES,\n"
            "     .verdict = AERO_TAIL_IS_DAMAGE,"),
        after=(
            "     .proof = YES,\n"
            "     .verdict = AERO_TAIL_IS_TORN,")),
    Mutant(
        "recovery/damage-is-torn-by-mark",
        "records that a later one's mark proves are cut as a torn tail",
        ("decision 1",),
        "engine/tail_decision.c",
        before=(
            "     .mark = YES,\n"
            "     .verdict = AERO_TAIL_IS_DAMAGE,"),
        after=(
            "     .mark = YES,\n"
            "     .verdict = AERO_TAIL_IS_TORN,"),
        judges=("flip", "unit engine.tail_decision")),
    Mutant(
        "recovery/damage-is-torn-by-manifest",
        "a log that ends before its manifest's history is a short one",
        ("decision 13",),
        "engine/tail_decision.c",
        before=(
            "     .manifest = YES,\n"
            "     .verdict = AERO_TAIL_IS_DAMAGE,"),
        after=(
            "     .manifest = YES,\n"
            "     .verdict = AERO_TAIL_IS_TORN,"),
        judges=("flip", "unit engine.tail_decision")),
    Mutant(
        "recovery/torn-tail-is-damage",
        "a torn tail is damage: the daemon does not start",
        ("FM-6.1", "FM-4.1"),
        "engine/tail_decision.c",
        before=(
            "    {.stops = STOP(AERO_TAIL_INVALID), .verdict = AERO_TAIL_IS_TORN, .evidence = "
            "\"none\"},"),
        after=(
            "    {.stops = STOP(AERO_TAIL_INVALID), .verdict = AERO_TAIL_IS_DAMAGE, .evidence = "
            "\"none\"},")),
    Mutant(
        "recovery/footer-without-successor-is-an-end",
        "a footer without a successor is the end of the log",
        ("decision 14",),
        "engine/tail_decision.c",
        before=(
            "     .primary = YES,\n"
            "     .own = YES,\n"
            "     .verdict = AERO_TAIL_IS_DAMAGE,\n"
            "     .evidence = \"a footer without a successor\"},"),
        after=(
            "     .primary = YES,\n"
            "     .own = YES,\n"
            "     .verdict = AERO_TAIL_IS_CLEAN,\n"
            "     .evidence = \"a footer without a successor\"},"),
        judges=("flip", "unit engine.tail_decision")),
    Mutant(
        "recovery/unreadable-is-the-end",
        "a page that cannot be read is the end of the log",
        ("decision 1", "FM-8.2"),
        "engine/wal_reader.c",
        before="    *out_stop = !tail.unreadable && (empty || earlier_life)",
        after="    *out_stop = (empty || earlier_life)",
        judges=("flip", "unit engine.wal_reader", "unit engine.recovery_damage")),
    Mutant(
        "recovery/no-scan-behind-the-end",
        "nothing is looked for behind the first bad byte",
        ("decision 1",),
        "engine/recovery_tail.c",
        before="    evidence->mark = behind.highest_mark.value > end.lsn.value;",
        after="    evidence->mark = false;",
        judges=("flip", "unit engine.recovery_damage", "unit engine.recovery")),
    Mutant(
        "recovery/unread-proof-is-no-proof",
        "a proof that the disk refuses to read now is taken for absent",
        ("decision 5", "FM-6.2"),
        "engine/recovery.c",
        before="    r->proof_read = status.code == AERO_NOT_FOUND ? aero_ok() : status;",
        after="    r->proof_read = aero_ok();",
        judges=("unit engine.recovery_damage",)),
    Mutant(
        "recovery/transfer-left-to-the-cache",
        "what is kept of a transfer is not written anew",
        ("decision 2", "decision 24"),
        "engine/recovery_transfer.c",
        before=".write_anew = true}",
        after=".write_anew = false}",
        judges=("unit engine.recovery_transfer", "unit replica.bootstrap")),
    Mutant(
        "recovery/transfer-not-synced",
        "what is kept of a transfer is written anew and not synced",
        ("D-1", "decision 2"),
        "engine/recovery_transfer.c",
        before="        status = r->disk.ops->sync(r->disk.self, file);\n",
        after="",
        judges=("unit engine.recovery_transfer",)),
    Mutant(
        "recovery/transfer-kept-with-its-torn-end",
        "a transfer is kept with what stands behind its last whole block",
        ("decision 24", "FM-11.2"),
        "engine/recovery_transfer.c",
        before="        status = r->disk.ops->truncate(r->disk.self, file, end);\n",
        after="",
        judges=("unit engine.recovery_transfer",)),
    Mutant(
        "recovery/reads-past-the-named-end",
        "a segment is read past the end that its successor names",
        ("decision 3",),
        "engine/recovery_replay.c",
        before="        bound = successor->file.header.prev_end_offset;",
        after="        bound = 0;"),
    Mutant(
        "recovery/snapshot-not-confirmed",
        "a snapshot is used whatever the log says at its LSN",
        ("decision 12",),
        "engine/recovery_replay.c",
        before="            r->base_confirmed = header->prev_end.chain == r->base.chain;",
        after="            r->base_confirmed = true;",
        judges=("flip", "unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/snapshot-chain-not-compared",
        "a snapshot of another history is gone on from",
        ("decision 12",),
        "engine/recovery_replay.c",
        before="        r->base_confirmed = header->chain == r->base.chain;",
        after="        r->base_confirmed = true;",
        judges=("flip", "unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/damage-below-the-snapshot-stops",
        "damage below the loaded snapshot stops a start",
        ("decision 12",),
        "engine/recovery_replay.c",
        before=(
            "    if (!may_pass(r)) {\n"
            "        *out_passed = false;"),
        after=(
            "    if (true) {\n"
            "        *out_passed = false;"),
        judges=("flip", "sim", "unit engine.recovery_damage")),
    Mutant(
        "recovery/digest-not-compared",
        "a replay does not compare the digests in the log",
        ("decision 20", "DET-1", "FM-8.2"),
        "engine/recovery_replay.c",
        before=(
            "    if (record->header.type == AERO_RECORD_DIGEST) {\n"
            "        return compare_digest(r, segment, record);"),
        after=(
            "    if (record->header.type == AERO_RECORD_DIGEST) {\n"
            "        return aero_ok();"),
        judges=("sim", "unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/epoch-not-checked",
        "a log of a higher epoch than the manifest's is served",
        ("decision 13", "REP-5"),
        "engine/recovery_files.c",
        before="    if (header->epoch.value > manifest->epoch.value) {",
        after="    if (false) {",
        judges=("unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/stranger-incarnation-served",
        "a segment that the manifest's history does not know is served",
        ("decision 6", "decision 13"),
        "engine/recovery_files.c",
        before="    if (aero_history_find(&manifest->history, header->incarnation) == NULL) {",
        after="    if (false) {",
        judges=("unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/another-clusters-log-served",
        "a segment of another cluster is served",
        ("decision 13",),
        "engine/recovery_files.c",
        before="    if (!aero_id_equal(header->cluster_id, manifest->cluster_id)) {",
        after="    if (false) {",
        judges=("unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/log-without-manifest-is-new",
        "a directory with a log and no manifest counts as empty",
        ("decision 13",),
        "engine/recovery.c",
        before=(
            "        if (!holds) {\n"
            "            return status;"),
        after=(
            "        if (true) {\n"
            "            return status;"),
        judges=("unit engine.recovery", "unit engine.recovery_damage")),
    Mutant(
        "recovery/missing-segment-passed-over",
        "a gap between two segments is passed over",
        ("REP-2", "FR-1"),
        "engine/recovery_replay.c",
        before="    if (successor->file.header.prev_sequence != segment->sequence) {",
        after="    if (false) {",
        judges=("flip", "unit engine.recovery_damage", "unit engine.recovery")),
    Mutant(
        "recovery/refused-read-is-a-torn-tail",
        "what the disk refuses to read of a segment counts as bytes that are no record",
        ("FM-6.2c", "decision 1"),
        "engine/wal_reader.c",
        before=(
            "    if (aero_disk_is_refusal(status)) {\n"
            "        return status;\n"
            "    }\n"),
        after="",
        judges=("unit engine.wal_reader",)),
    Mutant(
        "recovery/refused-snapshot-is-unusable",
        "a snapshot that the disk refuses to read counts as damaged, and the manifest says so from then on",
        ("FM-6.2c",),
        "engine/recovery_replay.c",
        before="    if (aero_disk_is_refusal(status)) {",
        after="    if (status.code == AERO_CRASHED) {",
        judges=("unit engine.recovery_faults",)),
]
