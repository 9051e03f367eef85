# SPDX-License-Identifier: Apache-2.0
"""Who may write: incarnations, gates, and what a start or a replica makes of them."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "authority/incarnation-not-durable",
        "a start writes under an incarnation that the manifest may lose",
        ("decision 6", "decision 13"),
        "primary/primary_gate.c",
        before=(
            "    find_lost(manifest, recovered->end.lsn);\n"
            "    return aero_manifest_write(disk, manifest);"),
        after=(
            "    find_lost(manifest, recovered->end.lsn);\n"
            "    (void)disk;\n"
            "    return aero_ok();")),
    Mutant(
        "authority/one-incarnation-for-all",
        "a start goes on under the incarnation before it",
        ("decision 6",),
        "primary/primary_gate.c",
        before="    AERO_TRY(aero_history_add_incarnation(&manifest->history, &entry));",
        after=(
            "    if (manifest->history.incarnation_count == 0) {\n"
            "        AERO_TRY(aero_history_add_incarnation(&manifest->history, &entry));\n"
            "    }"),
        judges=("unit primary.gate",)),
    Mutant(
        "authority/gate-opened-by-the-start",
        "a start opens the gate that its cut closed",
        ("decision 7",),
        "primary/primary_gate.c",
        before="    if (open_writes_after_cut && manifest->gate == AERO_GATE_CUT) {",
        after="    if (manifest->gate == AERO_GATE_CUT) {",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/known-loss-overlooked",
        "a log that ends below what replicas acknowledged takes writes",
        ("decision 7",),
        "primary/primary_gate.c",
        before=(
            "    find_lost(manifest, recovered->end.lsn);\n"
            "    return"),
        after="    return",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/proven-loss-goes-on",
        "a primary that lost records goes on writing",
        ("decision 7",),
        "primary/primary_fleet.c",
        before="        close_authority(primary, AERO_GATE_PRIMARY_LOST, event);",
        after="        (void)0;",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/superseded-goes-on",
        "a primary that met a higher epoch goes on writing",
        ("decision 15",),
        "primary/primary_fleet.c",
        before="        close_authority(primary, AERO_GATE_SUPERSEDED, event);",
        after="        (void)0;",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/fence-told-before-it-is-durable",
        "a fence is told before both slots hold it",
        ("decision 15", "decision 13"),
        "primary/primary_fleet.c",
        before="        .fenced = manifest->gate == AERO_GATE_SUPERSEDED,",
        after="        .fenced = primary->gate == AERO_GATE_SUPERSEDED,",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/acknowledgements-forgotten",
        "what replicas acknowledged is not remembered",
        ("decision 5", "decision 7"),
        "primary/primary_fleet.c",
        before=(
            "        aero_checkpointer_acknowledge(primary->checkpointer, event->name, "
            "event->durable);\n"
            "        aero_server_on_progress(primary->server);"),
        after="        aero_server_on_progress(primary->server);",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/snapshot-granted-without-a-pin",
        "log goes that a replica needs behind the snapshot which it is being sent",
        ("decision 24",),
        "primary/primary_fleet.c",
        before="        pin(primary, event, event->snapshot.sequence);",
        after="        (void)0;",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/writes-before-any-replica",
        "a replica that is sent a snapshot opens writes after a cut",
        ("decision 7",),
        "primary/primary_fleet.c",
        before="    if (event->verdict == AERO_HANDSHAKE_RESUME && primary->gate == AERO_GATE_CUT) {",
        after="    if (primary->gate == AERO_GATE_CUT) {",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/closed-gate-takes-writes",
        "a closed gate takes writes",
        ("decision 7", "FM-6.2"),
        "primary/primary_node.c",
        before=(
            "    if (primary->closed_reason[0] != '\\0') {\n"
            "        *out_error"),
        after=(
            "    if (false) {\n"
            "        *out_error"),
        judges=("unit primary.gate",)),
    Mutant(
        "authority/manifest-failure-is-none",
        "writes go on after the manifest failed to sync",
        ("decision 22",),
        "primary/primary.c",
        before="            aero_wal_close(primary->wal, status, file, call);\n",
        after="            (void)file;\n",
        judges=("unit primary.gate",)),
    Mutant(
        "authority/checkpoint-outlives-the-manifest",
        "whoever waits for a checkpoint is not told that the manifest failed while the log has no room",
        ("decision 22",),
        "primary/primary.c",
        before="(primary->checkpointer, &status)) {\n        give_up_wish(primary, status);\n",
        after="(primary->checkpointer, &status)) {\n",
        judges=("unit primary.turns",)),
    Mutant(
        "authority/checkpoint-waits-for-room",
        "whoever asks for a checkpoint waits for a first segment while there is no room for one",
        ("FR-2",),
        "primary/primary.c",
        before="    if (failure->closed || !aero_primary_can_place(primary)) {",
        after="    if (failure->closed) {",
        judges=("unit primary.turns",)),
]
