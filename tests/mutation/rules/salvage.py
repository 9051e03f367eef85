# SPDX-License-Identifier: Apache-2.0
"""What an operator's tool may take from a replica for a primary that lost records, and what it must leave alone."""
from mutation.mutant import Mutant

PLAN = ("unit ctl.salvage",)
OLDER_COPY = ("unit ctl.salvage_older_copy",)
INTERRUPTED = ("unit ctl.salvage_interrupted",)

MUTANTS = [
    Mutant(
        "salvage/records-of-the-primary-dropped",
        "a segment with records that only the primary has is set aside",
        ("decision 7", "D-1"),
        "ctl/salvage_plan.c",
        before="        if (segment->record_count > 0) {",
        after="        if (false) {",
        judges=PLAN),
    Mutant(
        "salvage/two-endings-of-one-segment",
        "the longer one of two copies of a segment is taken, whatever the shorter one holds",
        ("decision 7", "D-1"),
        "ctl/salvage_plan.c",
        before="    if (mine->parted) {",
        after="    if (false) {",
        judges=PLAN),
    Mutant(
        "salvage/damaged-taken-for-empty",
        "a segment whose records are damaged counts as one without any",
        ("decision 7", "D-1"),
        "ctl/salvage_plan.c",
        before="    return !is_readable(segment) || !segment->whole || proven;",
        after="    return !is_readable(segment) || proven;",
        judges=OLDER_COPY),
    Mutant(
        "salvage/proof-not-asked",
        "a segment counts as empty although the proof says that it held records",
        ("decision 5", "decision 7"),
        "ctl/salvage_plan.c",
        before="    return !is_readable(segment) || !segment->whole || proven;",
        after=(
            "    (void)proven;\n"
            "    return !is_readable(segment) || !segment->whole;"),
        judges=OLDER_COPY),
    Mutant(
        "salvage/damaged-header-is-anybodys",
        "under a damaged header any segment of that sequence counts as the same",
        ("decision 7", "D-1"),
        "ctl/salvage_plan.c",
        before="        return same_segment(file, copy);",
        after="        return same_segment(file, copy);\n    }\n    if (copy != NULL) {\n        return true;",
        judges=OLDER_COPY),
    Mutant(
        "salvage/stops-at-a-start-that-wrote-nothing",
        "what the replica has behind a segment without records is not seen",
        ("decision 7",),
        "ctl/salvage_plan.c",
        before="                     end_of(planner->replica).lsn.value > planner->end.lsn.value;",
        after="                     other->record_count > 0;",
        judges=OLDER_COPY),
    Mutant(
        "salvage/gap-is-nothing",
        "a replica that goes on behind a gap counts as one that has nothing more",
        ("decision 7",),
        "ctl/salvage_plan.c",
        before="    return reaches_replica(planner, replica) &&\n",
        after="    return (true || reaches_replica(planner, replica)) &&\n",
        judges=OLDER_COPY),
    Mutant(
        "salvage/anybodys-records",
        "records that another node wrote are brought back as the primary's",
        ("decision 6", "decision 7"),
        "ctl/salvage_history.c",
        before="        if (step->from_replica && !aero_id_equal(writer->node_id, primary->node_id)) {",
        after="        if (step->from_replica && writer == NULL) {",
        judges=PLAN),
    Mutant(
        "salvage/another-node-adopted",
        "starts of another node are taken into the primary's history",
        ("decision 6", "decision 15"),
        "ctl/salvage_history.c",
        before="    if (!aero_id_equal(entry->node_id, primary->node_id) ||\n        entry->epoch",
        after="    if (entry->epoch",
        judges=OLDER_COPY),
    Mutant(
        "salvage/higher-epoch-adopted",
        "a start of a higher epoch is taken in without an act of authority",
        ("decision 15",),
        "ctl/salvage_history.c",
        before="        entry->epoch.value > primary->epoch.value) {",
        after="        false) {",
        judges=OLDER_COPY),
    Mutant(
        "salvage/nonce-is-enough",
        "two starts of one nonce count as the same, whatever else they say",
        ("decision 6",),
        "engine/history.c",
        before=(
            "        if (entry != NULL && aero_incarnation_agrees(entry, &theirs->incarnations[i - 1])) "
            "{"),
        after="        if (entry != NULL) {",
        judges=OLDER_COPY),
    Mutant(
        "salvage/start-not-compared",
        "a start is adopted that the log contradicts",
        ("decision 6",),
        "ctl/salvage_history.c",
        before="            return aero_position_equal(header->prev_end, entry->start);",
        after="            return true;",
        judges=OLDER_COPY),
    Mutant(
        "salvage/two-lists-merged",
        "starts that only one side knows stand side by side",
        ("decision 6", "decision 7"),
        "ctl/salvage_history.c",
        before="    if (!writers_are_known(plan, &plan->history)) {",
        after="    if (false && !writers_are_known(plan, &plan->history)) {",
        judges=OLDER_COPY),
    Mutant(
        "salvage/start-without-records-stays",
        "a start that wrote nothing goes on ending the one before it",
        ("decision 6",),
        "ctl/salvage_history.c",
        before="    drop_contradicted(plan);\n",
        after="    (void)drop_contradicted;\n",
        judges=PLAN),
    Mutant(
        "salvage/start-behind-the-end-forgotten",
        "writes open although the replica knows that more had been durable",
        ("decision 7",),
        "ctl/salvage_history.c",
        before="        plan->known_durable = entry->start.lsn;",
        after="        (void)plan;",
        judges=OLDER_COPY),
    Mutant(
        "salvage/acknowledged-more-forgotten",
        "writes open although another replica acknowledged more",
        ("decision 5", "decision 7"),
        "ctl/salvage_manifest.c",
        before="        if (pin->durable.value > plan->end.lsn.value) {",
        after="        if (false) {",
        judges=PLAN),
    Mutant(
        "salvage/snapshot-of-a-forgotten-start-stays",
        "a replica is seeded with starts that the primary's history does not have",
        ("decision 6", "decision 8"),
        "ctl/salvage_manifest.c",
        before="        if (!goes(plan, &manifest->snapshots[i])) {",
        after="        if (plan != NULL) {",
        judges=OLDER_COPY),
    Mutant(
        "salvage/no-state-to-begin-from",
        "the last snapshot goes although the log does not begin at its beginning",
        ("decision 12",),
        "ctl/salvage_manifest.c",
        before="    if (any_goes && !any_stays) {",
        after="    if (false && any_goes && !any_stays) {",
        judges=OLDER_COPY),
    Mutant(
        "salvage/writes-stay-open-meanwhile",
        "a salvage that is interrupted leaves a primary that takes writes",
        ("decision 7", "decision 13"),
        "ctl/salvage_act.c",
        before="    AERO_TRY(close_writes(&act));",
        after="    (void)close_writes;",
        judges=INTERRUPTED),
    Mutant(
        "salvage/manifest-before-the-log",
        "writes open before the records are back",
        ("decision 7", "decision 13"),
        "ctl/salvage_act.c",
        before=(
            "    AERO_TRY(rename_copies(&act));\n"
            "    AERO_TRY(write_proof(&act));\n"
            "    return write_manifest(&act);"),
        after=(
            "    AERO_TRY(write_manifest(&act));\n"
            "    AERO_TRY(rename_copies(&act));\n"
            "    return write_proof(&act);"),
        judges=INTERRUPTED),
]
