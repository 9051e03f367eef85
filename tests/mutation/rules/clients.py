# SPDX-License-Identifier: Apache-2.0
"""What clients are told: when, and of which state."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "clients/watch-misses-what-flies",
        "WATCH takes a key for clean that a commit in flight touched",
        ("decision 9",),
        "server/transactions.c",
        before="    if (touched.value > ops->durable(server->node.self).value) {",
        after="    if (false) {",
        judges=("sim", "unit server.transactions")),
    Mutant(
        "clients/watch-never-dirty",
        "EXEC goes on over a watched key that changed",
        ("decision 9",),
        "server/transactions.c",
        before=(
            "    if (session->watch_dirty) {\n"
            "        return true;"),
        after=(
            "    if (false) {\n"
            "        return true;"),
        judges=("unit server.transactions",)),
    Mutant(
        "clients/refused-exec-not-held",
        "the refusal of an EXEC tells of a commit in flight",
        ("decision 10",),
        "server/transactions.c",
        before="        call->depends = node->ops->evaluated(node->self).value;",
        after="        call->depends = 0;",
        judges=("sim", "unit server.transactions")),
    Mutant(
        "clients/reads-not-held",
        "a reply that looked at a key in flight leaves at once",
        ("decision 10", "V-1"),
        "server/keyspace.c",
        before="    if (lsn.value > call->depends) {",
        after="    if (false) {"),
    Mutant(
        "clients/errors-not-held",
        "an error that was computed from a state in flight leaves at once",
        ("decision 10",),
        "server/execute.c",
        before="    aero_session_finish_reply(session, begin, call->depends);",
        after=(
            "    aero_session_finish_reply(session, begin, call->errors != 0 ? 0 : "
            "call->depends);"),
        judges=("sim", "unit server.holds")),
    Mutant(
        "clients/unknown-told-as-not-written",
        "what may come back is told as NOTWRITTEN",
        ("decision 11",),
        "server/hold.c",
        before=(
            "                                     entry->lsn > unknown_through.value ? "
            "not_written : unknown);"),
        after="                                     not_written);"),
    Mutant(
        "clients/failure-told-as-success",
        "replies that were held leave when their commit failed",
        ("D-1", "FM-7.2"),
        "server/hold.c",
        before=(
            "        if (entry->lsn > durable.value) {\n"
            "            aero_buffer_append_slice"),
        after=(
            "        if (false) {\n"
            "            aero_buffer_append_slice")),
    Mutant(
        "clients/digest-of-what-flies",
        "DIGEST speaks of a state that is not durable",
        ("decision 10",),
        "server/replication_commands.c",
        before=(
            "    aero_resp_integer(&call->reply, (int64_t)summary.count);\n"
            "    call->depends = lsn;"),
        after="    aero_resp_integer(&call->reply, (int64_t)summary.count);",
        judges=("sim", "unit server.holds")),
    Mutant(
        "clients/foreign-token-reached",
        "a token of an unknown history is satisfied",
        ("decision 6",),
        "server/token.c",
        before=(
            "    if (entry == NULL) {\n"
            "        return AERO_TOKEN_LOST;"),
        after=(
            "    if (entry == NULL) {\n"
            "        return lsn.value <= visible.value ? AERO_TOKEN_REACHED : AERO_TOKEN_AHEAD;"),
        judges=("unit server.token",)),
    Mutant(
        "clients/new-replica-calls-tokens-lost",
        "a replica that has heard of no primary yet tells its clients that their writes are lost",
        ("decision 6",),
        "server/token.c",
        before="    if (history->incarnation_count == 0) {",
        after="    if (false) {",
        judges=("unit server.token",)),
    Mutant(
        "clients/lost-token-reached",
        "a token of a lost write is satisfied by another one at its LSN",
        ("decision 6",),
        "server/token.c",
        before="    if (ended && lsn.value > history->incarnations[index + 1].start.lsn.value) {",
        after="    if (false) {",
        judges=("unit server.token",)),
    Mutant(
        "clients/wait-before-local-durability",
        "WAIT answers before the write is durable here",
        ("decision 23",),
        "server/block.c",
        before="    return session->block.lsn.value <= session->server->hold.durable;",
        after=(
            "    (void)session;\n"
            "    return true;"),
        judges=("unit server.blocking",)),
    Mutant(
        "clients/wait-hides-a-failed-write",
        "WAIT answers with a count after the caller's write failed",
        ("decision 23",),
        "server/block.c",
        before="    if (waits_for_write && session->last_failure != AERO_WRITE_FINE) {",
        after="    if (false) {",
        judges=("unit server.blocking",)),
    Mutant(
        "clients/gone-replicas-counted",
        "WAIT counts replicas that are gone",
        ("decision 23",),
        "primary/fleet.c",
        before="        *member = (struct aero_fleet_member){0};",
        after="        (void)member;",
        judges=("unit primary.fleet",)),
    Mutant(
        "clients/waitaof-counts-applied",
        "WAITAOF counts what is not synced on a replica",
        ("decision 23",),
        "primary/fleet.c",
        before="        count += member->following && member->durable.value >= lsn.value;",
        after="        count += member->following && member->received.value >= lsn.value;",
        judges=("unit primary.fleet",)),
    Mutant(
        "clients/clock-runs-back",
        "the clock of expiry follows the wall clock back",
        ("decision 21", "FM-time"),
        "primary/pipeline.c",
        before="    if (wall.value > pipeline->clock.value) {",
        after="    if (true) {",
        judges=("sim", "unit primary.pipeline")),
    Mutant(
        "clients/jumped-clock-expires",
        "a clock that jumped over a restart expires keys",
        ("decision 21", "FM-time"),
        "primary/primary.c",
        before="    if (!primary->expiry_suspended) {",
        after="    if (true) {",
        judges=("unit primary.gate",)),
    Mutant(
        "clients/transaction-not-one-commit",
        "a transaction whose effects do not fit leaves some behind",
        ("D-2", "decision 17"),
        "server/keyspace.c",
        before=(
            "    if (call->outcome != AERO_CALL_FINE) {\n"
            "        ops_of(server)->abort(server->node.self);\n"
            "        return;\n"
            "    }\n"),
        after="",
        judges=("unit server.transactions", "unit server.commands", "unit server.swarm")),
    Mutant(
        "clients/sessions-without-bound",
        "what a client does not read is kept without bound",
        ("DET-3", "FM-7.1"),
        "server/session.c",
        before="    if (aero_output_pending(&session->output) > server->options.output_bytes_max) {",
        after="    if (false) {",
        judges=("unit server.sessions", "unit server.swarm")),
]
