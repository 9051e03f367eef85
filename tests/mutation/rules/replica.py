# SPDX-License-Identifier: Apache-2.0
"""A replica: durable before applied, verified before installed, halted when in doubt."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "replica/applied-before-synced",
        "a replica applies and shows what is not durable on itself",
        ("decision 18",),
        "replica/follow.c",
        before=(
            "    aero_lsn durable = aero_wal_follower_durable(replica->follower).position.lsn;\n"
            "    aero_lsn before"),
        after=(
            "    aero_lsn durable = aero_wal_follower_received(replica->follower).position.lsn;\n"
            "    aero_lsn before"),
        judges=("sim", "twin tail_streaming")),
    Mutant(
        "replica/acknowledged-before-synced",
        "a replica acknowledges as durable what it received",
        ("decision 18", "decision 23"),
        "replica/follow.c",
        before="        aero_receiver_on_durable(replica->receiver, durable);",
        after=(
            "        aero_receiver_on_durable(replica->receiver, "
            "aero_wal_follower_received(replica->follower));")),
    Mutant(
        "replica/history-after-its-records",
        "records of an incarnation come before the manifest names it",
        ("decision 13", "decision 6"),
        "replica/follow.c",
        before=(
            "    if (aero_checkpointer_durable_edit(replica->checkpointer) < "
            "replica->history_edit) {"),
        after="    if (false) {"),
    Mutant(
        "replica/starts-without-records-stay",
        "starts of an older copy of the primary go on ending the one before them",
        ("decision 6", "decision 7"),
        "replica/replica_history.c",
        before="    forget_unwritten(mine, primary, end);\n",
        after="    (void)forget_unwritten;\n    (void)end;\n",
        judges=("unit replica.history",)),
    Mutant(
        "replica/snapshot-of-another-past",
        "a snapshot is swapped in whatever its history says",
        ("decision 6", "REP-4"),
        "replica/follow.c",
        before="    } else if (!continues_history(replica)) {",
        after="    } else if (false && !continues_history(replica)) {",
        judges=("unit replica.history",)),
    Mutant(
        "replica/halt-ends-behind-the-snapshot",
        "a log that passes its snapshot ends the halt that it met there",
        ("REP-4", "decision 18"),
        "replica/follow.c",
        before=" &&\n        replica->state == AERO_REPLICA_BOOTSTRAPPING) {",
        after=") {",
        judges=("unit replica.halt",)),
    Mutant(
        "replica/starts-with-records-give-way",
        "a start whose records are here goes from the list",
        ("decision 6",),
        "replica/replica_history.c",
        before="        if (entry->start.lsn.value < end.value || entry->start.lsn.value > newest.value ||\n",
        after="        (void)end;\n        if (entry->start.lsn.value > newest.value ||\n",
        judges=("unit replica.history",)),
    Mutant(
        "replica/proof-of-a-loss-gives-way",
        "a start that proves that the primary lost records goes from the list",
        ("decision 6", "decision 7"),
        "replica/replica_history.c",
        before="        if (entry->start.lsn.value < end.value || entry->start.lsn.value > newest.value ||\n",
        after="        (void)newest;\n        if (entry->start.lsn.value < end.value ||\n",
        judges=("unit replica.history",)),
    Mutant(
        "replica/resumes-where-it-received",
        "a replica resumes behind bytes that it may not have",
        ("decision 18", "FM-11.1"),
        "replica/replica_link.c",
        before=(
            "    struct aero_wal_place end = aero_wal_follower_durable(replica->follower);\n"
            "    aero_handshake_encode_history"),
        after=(
            "    struct aero_wal_place end = aero_wal_follower_durable(replica->follower);\n"
            "    end.position.lsn.value += end.sequence != 0;\n"
            "    aero_handshake_encode_history")),
    Mutant(
        "replica/mismatch-goes-on",
        "a replica whose digest differs goes on",
        ("decision 20", "REP-4"),
        "replica/follow.c",
        before=(
            "    if (aero_summary_equal(mine, told.summary)) {\n"
            "        return true;"),
        after=(
            "    if (true) {\n"
            "        return true;"),
        judges=("unit replica.follow", "sim", "explore", "flip")),
    Mutant(
        "replica/snapshot-chain-passed-over",
        "the log passes the snapshot that the state came from without a look",
        ("decision 12", "REP-4"),
        "replica/follow.c",
        before=(
            "        bool same = header->lsn.value != replica->snapshot.lsn.value ||\n"
            "                    header->chain == replica->snapshot.chain;"),
        after="        bool same = true;",
        judges=("unit replica.follow", "sim", "explore")),
    Mutant(
        "replica/halted-serves",
        "a halted replica serves",
        ("REP-4",),
        "replica/replica_node.c",
        before=(
            "        *out_error = replica->served_reason;\n"
            "        return false;"),
        after=(
            "        *out_error = replica->served_reason;\n"
            "        return true;"),
        judges=("unit replica.halt", "sim")),
    Mutant(
        "replica/halt-forgotten",
        "a halt does not outlive a restart",
        ("REP-4",),
        "replica/replica.c",
        before=(
            "    snprintf(manifest->halt_reason, sizeof manifest->halt_reason, \"%s: %s\", kind, "
            "text);\n"
            "    snprintf(replica->reason, sizeof replica->reason, \"%s\", manifest->halt_reason);"),
        after="    snprintf(replica->reason, sizeof replica->reason, \"%s: %s\", kind, text);",
        judges=("unit replica.halt", "sim")),
    Mutant(
        "replica/writes-taken",
        "a replica takes writes",
        ("REP-1",),
        "replica/replica_node.c",
        before=(
            "    *out_error = \"READONLY You can't write against a read only replica.\";\n"
            "    return false;"),
        after=(
            "    *out_error = \"\";\n"
            "    return true;"),
        judges=("unit replica.serve", "sim")),
    Mutant(
        "replica/transfer-not-verified",
        "a snapshot that was transferred counts before it is whole",
        ("FM-9.1", "decision 24"),
        "replica/bootstrap.c",
        before="    if (!aero_snapshot_check_done(bootstrap->check)) {",
        after="    if (false) {",
        judges=("unit replica.bootstrap", "sim", "survive")),
    Mutant(
        "replica/transfer-bytes-not-verified",
        "the bytes of a transferred snapshot are not looked at",
        ("FM-9.1", "decision 19"),
        "replica/bootstrap.c",
        before="    AERO_TRY(aero_snapshot_check_feed(bootstrap->check, bytes));",
        after="    (void)aero_snapshot_check_feed(bootstrap->check, bytes);",
        judges=("unit replica.bootstrap", "sim")),
    Mutant(
        "replica/transfer-not-synced",
        "a transferred snapshot is named before it is durable",
        ("FM-9.1", "decision 24"),
        "replica/bootstrap.c",
        before=(
            "    add_op(bootstrap, AERO_OP_SYNC);\n"
            "    add_op(bootstrap, AERO_OP_CLOSE);"),
        after="    add_op(bootstrap, AERO_OP_CLOSE);"),
    Mutant(
        "replica/transfer-without-directory-sync",
        "a transferred snapshot's name may be lost when it is installed",
        ("FM-9.1",),
        "replica/bootstrap.c",
        before=(
            "    struct aero_disk_op *sync = add_op(bootstrap, AERO_OP_SYNC_DIRECTORY);\n"
            "    snprintf(sync->name, sizeof sync->name, \"snapshots\");"),
        after=(
            "    struct aero_disk_op *sync = add_op(bootstrap, AERO_OP_SYNC_DIRECTORY);\n"
            "    bootstrap->request.op_count--;\n"
            "    add_op(bootstrap, AERO_OP_CLOSE)->kind = AERO_OP_SYNC_DIRECTORY;\n"
            "    (void)sync;")),
    Mutant(
        "replica/transfer-resumes-anywhere",
        "a transfer goes on with another snapshot's bytes",
        ("decision 24", "FM-11.2"),
        "shipping/receiver.c",
        before="aero_id_equal(verdict->snapshot.id, hello->snapshot_id) &&",
        after="",
        judges=("unit replica.bootstrap", "sim", "survive")),
    Mutant(
        "replica/transfer-kept-beside-a-log",
        "what a broken transfer left stays when the log goes on without it",
        ("decision 24", "DET-3"),
        "replica/follow.c",
        before="        replica->transfer_offset = 0;\n        aero_bootstrap_discard(replica->bootstrap);\n",
        after="        replica->transfer_offset = 0;\n",
        judges=("unit replica.bootstrap",)),
    Mutant(
        "replica/old-log-kept-over-a-new-snapshot",
        "a new snapshot is read on with the old log",
        ("decision 8", "decision 24"),
        "replica/replica_install.c",
        before="    manifest.wal_floor_sequence = manifest.snapshots[0].sequence;\n",
        after=""),
    Mutant(
        "replica/expires-by-its-own-clock",
        "a replica hides keys by its own clock",
        ("decision 21", "FM-time"),
        "replica/replica_node.c",
        before="    return replica->expiry_clock;",
        after="    return replica->wall;",
        judges=("unit replica.serve", "sim")),
]
