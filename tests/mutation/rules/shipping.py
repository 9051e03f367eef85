# SPDX-License-Identifier: Apache-2.0
"""What is shipped, what is taken, and what two nodes make of each other's histories."""
from mutation.mutant import Mutant

MUTANTS = [
    Mutant(
        "shipping/unsynced-bytes-shipped",
        "a sender ships what is not durable here",
        ("V-1", "REP-2", "FM-11.2"),
        "primary/primary_fleet.c",
        before=(
            "struct aero_wal_place aero_primary_durable_place(const struct aero_primary "
            "*primary)\n"
            "{\n"
            "    return aero_wal_durable(primary->wal);"),
        after=(
            "#include \"engine/wal_log.h\"\n"
            "struct aero_wal_place aero_primary_durable_place(const struct aero_primary "
            "*primary)\n"
            "{\n"
            "    const struct aero_wal_log *log = (const void *)primary->wal;\n"
            "    return (struct aero_wal_place){.sequence = log->segment.sequence,\n"
            "        .offset = log->handed.offset, .position = log->handed.position};"),
        judges=("unit primary.turns", "sim", "twin tail_streaming")),
    Mutant(
        "shipping/bad-bytes-shipped",
        "a sender ships what does not verify",
        ("decision 24",),
        "shipping/sender_ship.c",
        before=(
            "        status = aero_record_verify(rest, cursor->nonce64, before, &record, "
            "&payload);\n"
            "        if (aero_is_ok(status)) {"),
        after=(
            "        status = aero_record_verify(rest, cursor->nonce64, before, &record, "
            "&payload);\n"
            "        if (status.code == AERO_CORRUPT && aero_is_ok(aero_record_decode(rest, "
            "&record)) &&\n"
            "            aero_record_bytes(record.payload_length) <= rest.length) {\n"
            "            status = aero_ok();\n"
            "        }\n"
            "        if (aero_is_ok(status)) {"),
        judges=("sim", "unit shipping.link")),
    Mutant(
        "shipping/short-file-read-for-ever",
        "a sender takes the end of a file behind a whole record for a read that brought nothing yet",
        ("decision 24",),
        "shipping/sender_ship.c",
        before="    if (aero_is_ok(status) && bytes.length < sender->read.length) {",
        after="    if (false) {",
        judges=("unit shipping.sender_damage",)),
    Mutant(
        "shipping/other-file-shipped",
        "a sender ships a segment that took the place of the one it knows",
        ("decision 14",),
        "shipping/sender_ship.c",
        before=(
            "    if (aero_is_ok(status) && (header.sequence != file->header.sequence ||\n"
            "                               !aero_id_equal(header.nonce, file->header.nonce))) {"),
        after="    if (false) {",
        judges=("unit shipping.sender_damage",)),
    Mutant(
        "shipping/chunk-out-of-place",
        "a replica takes bytes that it did not wait for",
        ("REP-2", "decision 18"),
        "shipping/receiver_take.c",
        before=(
            "    if (log->end.sequence == 0 || sequence != log->end.sequence || log->sealed ||\n"
            "        offset != log->end.offset + receiver->partial.length) {"),
        after="    if (log->end.sequence == 0 || log->sealed) {",
        judges=("sim", "unit shipping.liar", "unit shipping.link")),
    Mutant(
        "shipping/segment-out-of-place",
        "a replica takes a segment behind a gap",
        ("REP-2", "REP-4"),
        "shipping/receiver_take.c",
        before="        header->prev_end.lsn.value != log->end.position.lsn.value) {",
        after="        false) {",
        judges=("unit shipping.receiver_data",)),
    Mutant(
        "shipping/foreign-segment-taken",
        "a replica takes a segment that continues another LSN",
        ("REP-4", "decision 8"),
        "shipping/receiver_take.c",
        before="    if (!aero_position_equal(header->prev_end, log->end.position)) {",
        after="    if (false) {",
        judges=("sim", "unit shipping.liar", "unit shipping.link")),
    Mutant(
        "shipping/foreign-seal-taken",
        "a replica takes a footer that does not seal its segment",
        ("REP-2",),
        "shipping/receiver_take.c",
        before=(
            "                   footer.sequence == log->end.sequence && footer.end_offset == "
            "log->end.offset &&\n"
            "                   aero_position_equal(footer.end, log->end.position) &&"),
        after="                   footer.sequence == log->end.sequence &&",
        judges=("unit shipping.receiver_data",)),
    Mutant(
        "shipping/unknown-incarnation-taken",
        "a replica takes a segment of an incarnation that nobody told of",
        ("decision 6",),
        "shipping/receiver_take.c",
        before="    if (!is_known_incarnation(receiver, header.incarnation)) {",
        after="    if (false) {",
        judges=("sim", "unit shipping.liar", "unit shipping.link")),
    Mutant(
        "shipping/beginning-kept-over-connections",
        "the beginning of a record outlives its connection",
        ("decision 18", "FM-11.2"),
        "shipping/receiver_queue.c",
        before=(
            "    vsnprintf(receiver->text, sizeof receiver->text, format, arguments);\n"
            "    aero_buffer_clear(&receiver->partial);\n"),
        after="    vsnprintf(receiver->text, sizeof receiver->text, format, arguments);\n",
        judges=("sim", "unit shipping.link", "unit shipping.liar")),
    Mutant(
        "shipping/older-epoch-followed",
        "a replica follows a primary of an epoch before the one that it knows",
        ("REP-5", "decision 15"),
        "shipping/receiver.c",
        before="    if (verdict->epoch.value < hello->epoch.value) {",
        after="    if (false) {",
        judges=("sim", "unit shipping.link", "unit shipping.liar")),
    Mutant(
        "shipping/other-cluster-followed",
        "a replica follows a primary of another cluster",
        ("REP-5",),
        "shipping/receiver.c",
        before=(
            "    if (!aero_id_is_none(hello->cluster_id) &&\n"
            "        !aero_id_equal(hello->cluster_id, verdict->cluster_id)) {"),
        after="    if (false) {",
        judges=("unit shipping.receiver",)),
    Mutant(
        "shipping/segment-without-records-shipped",
        "a replica is sent a segment that a salvage may have to replace",
        ("decision 7", "decision 14"),
        "shipping/sender_ship.c",
        before=(
            "    return file != NULL && sender->durable.position.lsn.value > "
            "file->header.prev_end.lsn.value;"),
        after=(
            "    return file != NULL && (sender->durable.sequence > sequence ||\n"
            "                            sender->durable.position.lsn.value > "
            "file->header.prev_end.lsn.value);"),
        judges=("unit shipping.link",)),
    Mutant(
        "shipping/lost-records-are-divergence",
        "a replica that holds what its primary lost counts as diverged",
        ("decision 7",),
        "shipping/handshake.c",
        before=(
            "    if ((shared_went_on || branch_at_limit) &&\n"
            "        aero_id_equal(writer->node_id, input->self->node_id)) {"),
        after="    if (false) {",
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/loss-believed-unproven",
        "a claim of lost records counts without a record",
        ("decision 7",),
        "shipping/handshake.c",
        before="    return is_next && is_mine && chains;",
        after="    return true;",
        judges=("sim", "unit shipping.handshake", "unit shipping.liar")),
    Mutant(
        "shipping/truncated-hides-divergence",
        "a snapshot is offered to whom nothing proves to be on this history",
        ("decision 8",),
        "shipping/handshake.c",
        before="    if ((names_start && !proven_start) || place_contradicts) {",
        after="    if (place_contradicts) {",
        judges=("sim", "unit shipping.handshake")),
    Mutant(
        "shipping/unknown-place-is-mine",
        "an end that nothing here knows counts as being on this history",
        ("decision 8",),
        "shipping/handshake.c",
        before="    if (!names_start && known != KNOWN_EQUAL) {",
        after="    if (false) {",
        judges=("sim", "unit shipping.handshake")),
    Mutant(
        "shipping/probe-not-compared",
        "a replica resumes where another record follows",
        ("REP-4", "decision 8"),
        "shipping/handshake.c",
        before=(
            "    if (!follows) {\n"
            "        return conclude(out, 18"),
        after=(
            "    if (false) {\n"
            "        return conclude(out, 18"),
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/higher-epoch-ignored",
        "a primary goes on under an epoch that was superseded",
        ("decision 15", "REP-5"),
        "shipping/handshake.c",
        before="        if (newest->epoch.value > epoch) {",
        after="        if (false) {",
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/epoch-clash-ignored",
        "two primaries of one epoch go on",
        ("decision 6", "REP-4"),
        "shipping/handshake.c",
        before=(
            "    if (clash != NULL) {\n"
            "        out->incarnation = *clash;"),
        after=(
            "    if (false) {\n"
            "        out->incarnation = *clash;"),
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/stranger-served",
        "a node that is not on the list is served",
        ("decision 15",),
        "shipping/handshake.c",
        before="    if (!input->peer_allowed || strcmp(hello->node_name, input->peer_name) != 0) {",
        after="    if (false) {",
        judges=("sim", "unit shipping.handshake")),
    Mutant(
        "shipping/copy-of-myself-served",
        "a copy of the primary's own directory follows it",
        ("decision 6",),
        "shipping/handshake.c",
        before="    if (aero_id_equal(hello->node_id, input->self->node_id)) {",
        after="    if (false) {",
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/failing-audit-seeds",
        "a primary whose own audit fails seeds replicas",
        ("decision 20",),
        "shipping/handshake.c",
        before=(
            "    return !self->must_not_seed && !snapshot->damaged && has_wal_from(self, "
            "snapshot->sequence);"),
        after="    return !snapshot->damaged && has_wal_from(self, snapshot->sequence);",
        judges=("unit shipping.handshake",)),
    Mutant(
        "shipping/damaged-segment-shipped",
        "log that is marked damaged is offered",
        ("decision 12",),
        "shipping/handshake.c",
        before="        if (file->header.sequence != expected || file->damaged) {",
        after="        if (file->header.sequence != expected) {",
        judges=("sim", "unit shipping.handshake")),
    Mutant(
        "shipping/acknowledgement-of-another-link",
        "an acknowledgement of an earlier connection counts",
        ("decision 23",),
        "shipping/sender.c",
        before="    if (!granted_link || !aero_id_equal(ack->link_nonce, sender->link_nonce) ||",
        after="    if (!granted_link ||",
        judges=("sim", "unit shipping.link", "unit shipping.liar")),
    Mutant(
        "shipping/acknowledgement-of-what-was-not-sent",
        "an acknowledgement of what was never sent counts",
        ("decision 23",),
        "shipping/sender.c",
        before="           (ack->received.value <= sender->cursor.position.lsn.value &&\n",
        after="           (true &&\n",
        judges=("sim", "unit shipping.link", "unit shipping.liar")),
    Mutant(
        "shipping/more-than-granted",
        "a primary ships beyond what the replica granted",
        ("DET-3",),
        "shipping/sender_ship.c",
        before="        count = count < credit ? count : (size_t)credit;\n",
        after="",
        judges=("sim", "unit shipping.link")),
    Mutant(
        "shipping/footer-of-an-earlier-life",
        "what a recycled file held before is reported as damage of the segment that is in it now",
        ("decision 25",),
        "shipping/sender_ship.c",
        before="    if (!belongs && (!aero_is_ok(status) || is_own || file->sealed)) {",
        after="    if (!belongs && (!aero_is_ok(status) || reads || file->sealed)) {",
        judges=("unit shipping.sender_damage",)),
]
