/* SPDX-License-Identifier: Apache-2.0 */
/* The log: each segment on its own first (its header says what it chains to), then its place between its neighbours, and
 * the state as long as nothing is missing before it. */
#include <inttypes.h>

#include "base/position.h"
#include "engine/disk_failure.h"
#include "engine/replay.h"
#include "engine/snapshot.h"
#include "engine/summary.h"
#include "engine/tail_decision.h"
#include "engine/verify_priv.h"
#include "engine/wal_reader.h"

/* Tells progress once in so many bytes. */
#define PROGRESS_BYTES ((uint64_t)8 << 20)

static void drop_state(struct aero_verify *verify)
{
    if (verify->tree != NULL) {
        aero_tree_free(verify->tree);
        verify->tree = NULL;
    }
}

/* Something is missing here: what follows is checked for itself, without state. */
static void break_log(struct aero_verify *verify)
{
    verify->end_known = false;
    drop_state(verify);
}

/* The log ends with this segment, or before it: what stands behind it has no header, as power leaves segments that were being
 * begun (recovery drops them, too). */
static bool is_last(const struct aero_verify *verify, size_t index)
{
    for (size_t i = index + 1; i < verify->list.count; i++) {
        if (aero_is_ok(verify->list.segments[i].header_status)) {
            return false;
        }
    }
    return true;
}

/* ---- Headers and neighbours --------------------------------------------------------------------------------- */

static void check_remembered(struct aero_verify *verify, const struct aero_wal_listed *segment)
{
    const struct aero_segment_header *header = &segment->header;
    const struct aero_history *history = &verify->manifest.history;
    const struct aero_segment_start *start = aero_history_find_segment(history, header->sequence);
    if (start != NULL && (!aero_id_equal(start->nonce, header->nonce) ||
                          !aero_position_equal(start->before, header->prev_end))) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, header->first_lsn,
                         "it is not the segment %" PRIu64 " that the manifest remembers",
                         header->sequence);
    }
    if (aero_history_find(history, header->incarnation) == NULL &&
        verify->manifest.role == AERO_ROLE_PRIMARY) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, header->first_lsn,
                         "it was written by an incarnation that this node's history does not know");
    }
}

static void check_header(struct aero_verify *verify, const struct aero_wal_listed *segment)
{
    const struct aero_segment_header *header = &segment->header;
    if (header->sequence != segment->named_sequence ||
        header->first_lsn.value != segment->named_lsn.value) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, header->first_lsn,
                         "its header is of segment %" PRIu64 " from LSN %" PRIu64
                         ": the file was renamed",
                         header->sequence, header->first_lsn.value);
    }
    if (!verify->manifest_known) {
        return;
    }
    if (!aero_id_equal(header->cluster_id, verify->manifest.cluster_id)) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, header->first_lsn,
                         "it belongs to another cluster");
    }
    if (header->epoch.value > verify->manifest.epoch.value) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, header->first_lsn,
                         "its epoch %" PRIu64 " is above the manifest's %" PRIu64
                         ": the manifest was rolled back",
                         header->epoch.value, verify->manifest.epoch.value);
    }
    check_remembered(verify, segment);
}

/* Between segments nothing may be missing; before the first, what the manifest let go. */
static void check_neighbours(struct aero_verify *verify, size_t index)
{
    const struct aero_wal_listed *segment = &verify->list.segments[index];
    uint64_t floor = verify->manifest.wal_floor_sequence;
    if (index == 0) {
        if (verify->manifest_known && floor != 0 && segment->named_sequence > floor) {
            aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, segment->named_lsn,
                             "segments %" PRIu64 " to %" PRIu64
                             " are missing, and nothing let them go",
                             floor, segment->named_sequence - 1);
            break_log(verify);
        }
        return;
    }
    const struct aero_wal_listed *before = segment - 1;
    if (segment->header.prev_sequence != before->named_sequence) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, segment->named_lsn,
                         "it follows segment %" PRIu64 ", which is missing",
                         segment->header.prev_sequence);
        break_log(verify);
    } else if (verify->end_known &&
               !aero_position_equal(segment->header.prev_end, verify->report.end)) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, segment->named_lsn,
                         "it does not continue the segment before it, which ends at LSN %" PRIu64,
                         verify->report.end.lsn.value);
        break_log(verify);
    }
}

/* ---- Positions: snapshots and the proof name prefixes of this very log ------------------------------------------- */

/* A proof of segments that were truncated, or swapped away by a bootstrap, says nothing any more. */
static bool proof_counts(const struct aero_verify *verify)
{
    return verify->proof_known &&
           verify->proof.segment_sequence >= verify->manifest.wal_floor_sequence;
}

static void check_position(struct aero_verify *verify, struct aero_position here)
{
    for (size_t i = 0; i < verify->manifest.snapshot_count; i++) {
        const struct aero_snapshot_entry *entry = &verify->manifest.snapshots[i];
        char name[AERO_DISK_NAME_MAX];
        if (!verify->snapshot_whole[i] || entry->position.lsn.value != here.lsn.value) {
            continue;
        }
        aero_snapshot_name(entry, name);
        if (entry->position.chain != here.chain) {
            aero_verify_tell(verify, AERO_FINDING_DAMAGE, name, 0, here.lsn,
                             "the log has another history at this snapshot's LSN");
            continue;
        }
        if (verify->tree == NULL || here.lsn.value < verify->base.lsn.value) {
            continue;
        }
        struct aero_summary told = {.count = entry->entry_count, .digest = entry->digest};
        if (!aero_summary_equal(aero_tree_summary(verify->tree), told)) {
            aero_verify_tell(verify, AERO_FINDING_DAMAGE, name, 0, here.lsn,
                             "its state is not the one that the log leads to");
        }
    }
    if (verify->tree != NULL && here.lsn.value == verify->base.lsn.value) {
        verify->base_confirmed = here.chain == verify->base.chain;
    }
    if (proof_counts(verify) && verify->proof.end.lsn.value == here.lsn.value &&
        verify->proof.end.chain != here.chain) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, AERO_PROOF_FILE, 0, here.lsn,
                         "the log has another record at the LSN that this file proves durable");
    }
}

static void check_record(struct aero_verify *verify, const struct aero_wal_listed *segment,
                         const struct aero_wal_record *record)
{
    bool due = record->header.lsn.value % AERO_DIGEST_INTERVAL_LSN == 0;
    verify->report.record_count++;
    if (due != (record->header.type == AERO_RECORD_DIGEST)) {
        aero_verify_tell(
            verify, AERO_FINDING_DAMAGE, segment->name, record->offset, record->header.lsn,
            "a digest record stands at every %u LSNs, and only there", AERO_DIGEST_INTERVAL_LSN);
    }
    if (verify->tree != NULL && record->header.lsn.value > verify->base.lsn.value) {
        aero_status status = aero_replay_apply(verify->tree, record);
        verify->report.digest_count += record->header.type == AERO_RECORD_DIGEST;
        if (!aero_is_ok(status)) {
            aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, record->offset,
                             record->header.lsn, "%s",
                             status.code == AERO_MISMATCH
                                 ? "the state does not have the digest that this record names"
                                 : "its payload is no commit, though its checksum agrees");
            drop_state(verify);
        }
    }
    check_position(verify, (struct aero_position){record->header.lsn, record->header.chain});
}

/* ---- The end ------------------------------------------------------------------------------------------------- */

static bool is_own(const struct aero_verify *verify, const struct aero_segment_header *header)
{
    const struct aero_incarnation *incarnation =
        aero_history_find(&verify->manifest.history, header->incarnation);
    return incarnation != NULL && aero_id_equal(incarnation->node_id, verify->manifest.node_id);
}

static bool snapshot_beyond(const struct aero_verify *verify, aero_lsn end)
{
    for (size_t i = 0; i < verify->manifest.snapshot_count; i++) {
        if (verify->manifest.snapshots[i].position.lsn.value > end.value) {
            return true;
        }
    }
    return false;
}

/* What everything but the segments up to `sequence` says about records behind their end. */
static void gather_outside(const struct aero_verify *verify, uint64_t sequence,
                           struct aero_tail_evidence *evidence)
{
    const struct aero_history *history = &verify->manifest.history;
    aero_lsn end = verify->report.end.lsn;
    evidence->primary = verify->manifest.role == AERO_ROLE_PRIMARY;
    evidence->proof = proof_counts(verify) && (verify->proof.segment_sequence > sequence ||
                                               verify->proof.end.lsn.value > end.value);
    evidence->snapshot = snapshot_beyond(verify, end);
    evidence->manifest = history->segment_count != 0 &&
                         history->segments[history->segment_count - 1].sequence > sequence;
}

/* Where a node is at work the log may have grown since its end was read; but the proof was read before that. */
static bool is_still_written(const struct aero_verify *verify,
                             const struct aero_segment_header *header, uint64_t offset)
{
    const struct aero_proof *proof = &verify->proof;
    bool is_proven = verify->proof_known && proof->segment_sequence == header->sequence &&
                     aero_id_equal(proof->segment_nonce, header->nonce) &&
                     proof->end_offset > offset;
    return verify->options->moving && !is_proven;
}

static void tell_tail(struct aero_verify *verify, const struct aero_wal_listed *segment,
                      uint64_t offset, const struct aero_tail_evidence *evidence)
{
    struct aero_tail_decision decision = aero_tail_decide(evidence);
    aero_lsn next = aero_lsn_next(verify->report.end.lsn);
    if (is_still_written(verify, &segment->header, offset) ||
        decision.verdict == AERO_TAIL_IS_CLEAN) {
        return;
    }
    if (decision.verdict == AERO_TAIL_IS_TORN) {
        aero_verify_tell(verify, AERO_FINDING_NOTE, segment->name, offset, next,
                         "a torn tail: bytes that are no record and that nothing proves durable; "
                         "the next start sets them aside in quarantine/");
        return;
    }
    aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, offset, next,
                     "durable records are damaged or missing from here on (%s). The node refuses "
                     "to start. 'aeroctl salvage' brings them back to a primary, from a replica "
                     "that has them; a replica whose primary has them begins anew on an empty "
                     "directory.",
                     decision.evidence);
}

static aero_status judge_last(struct aero_verify *verify, const struct aero_wal_listed *segment,
                              struct aero_wal_reader *reader)
{
    enum aero_wal_stop stop = aero_wal_reader_stop(reader);
    struct aero_tail_evidence evidence = {
        .stop = stop == AERO_STOP_FOOTER    ? AERO_TAIL_FOOTER
                : stop == AERO_STOP_INVALID ? AERO_TAIL_INVALID
                                            : AERO_TAIL_CLEAN,
        .own = is_own(verify, &segment->header),
    };
    struct aero_wal_evidence found = {0};
    uint64_t offset = aero_wal_reader_offset(reader);
    aero_lsn end = aero_wal_reader_position(reader).lsn;
    if (stop == AERO_STOP_INVALID) {
        AERO_TRY(aero_wal_reader_scan(reader, offset, end, &found));
        evidence.footer = found.footer_found;
        evidence.mark = found.highest_mark.value > end.value;
    }
    gather_outside(verify, segment->header.sequence, &evidence);
    tell_tail(verify, segment, offset, &evidence);
    return aero_ok();
}

/* Under a header that does not verify: a record that verifies alone and is of this place in the log. Only a refusal is an
 * error. */
static aero_status find_record_below(struct aero_verify *verify,
                                     const struct aero_wal_listed *segment, bool *out_found)
{
    struct aero_buffer bytes = {0};
    bool found = false;
    aero_status status =
        aero_disk_read_file(verify->disk, segment->name, (size_t)segment->size_bytes, &bytes);
    if (aero_is_ok(status)) {
        for (size_t at = AERO_SEGMENT_HEADER_BYTES; !found && at < bytes.length;
             at += AERO_RECORD_ALIGN) {
            struct aero_record_header header;
            found = aero_is_ok(aero_record_decode(aero_slice_of(bytes.data + at, bytes.length - at),
                                                  &header)) &&
                    header.lsn.value > verify->report.end.lsn.value;
        }
    }
    aero_buffer_deinit(&bytes);
    *out_found = found;
    return aero_disk_is_refusal(status) ? status : aero_ok();
}

static void tell_unread(struct aero_verify *verify, const struct aero_wal_listed *segment,
                        uint64_t offset, aero_status status)
{
    char error[AERO_ERROR_TEXT_BYTES];
    aero_error_format(status, error);
    aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, offset, aero_lsn_of(0),
                     "it cannot be read: %s. That says nothing of its bytes: verify again once "
                     "they can be read.",
                     error);
    break_log(verify);
}

static void judge_bad_header(struct aero_verify *verify, size_t index, aero_status status)
{
    const struct aero_wal_listed *segment = &verify->list.segments[index];
    struct aero_tail_evidence evidence = {.stop = AERO_TAIL_BAD_HEADER};
    if (aero_verify_may_be_gone(verify, status)) {
        return;
    }
    bool last = is_last(verify, index);
    if (last && !aero_disk_is_refusal(status)) {
        status = find_record_below(verify, segment, &evidence.record);
    }
    if (aero_disk_is_refusal(status)) {
        tell_unread(verify, segment, 0, status);
    } else if (last) {
        gather_outside(verify, segment->named_sequence - 1, &evidence);
        tell_tail(verify, segment, 0, &evidence);
    } else {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, 0, segment->named_lsn,
                         "its header does not verify: %s", aero_code_text(status.code));
        break_log(verify);
    }
}

/* ---- One segment --------------------------------------------------------------------------------------------- */

static void judge_stop(struct aero_verify *verify, const struct aero_wal_listed *segment, bool last,
                       struct aero_wal_reader *reader)
{
    uint64_t offset = aero_wal_reader_offset(reader);
    if (last) {
        aero_status status = judge_last(verify, segment, reader);
        if (!aero_is_ok(status)) {
            tell_unread(verify, segment, offset, status);
        }
        return;
    }
    if (aero_wal_reader_stop(reader) == AERO_STOP_INVALID || segment->bound == 0) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, segment->name, offset,
                         aero_lsn_next(aero_wal_reader_position(reader).lsn),
                         "no record verifies here, and a later segment proves that there was one. "
                         "If a replica has it, 'aeroctl salvage' brings it back.");
        break_log(verify);
    }
}

static aero_status read_records(struct aero_verify *verify, const struct aero_wal_listed *segment,
                                struct aero_wal_reader *reader)
{
    struct aero_wal_record record;
    uint64_t told = 0;
    aero_status status = aero_wal_reader_next(reader, &record);
    while (aero_is_ok(status)) {
        check_record(verify, segment, &record);
        uint64_t offset = aero_wal_reader_offset(reader);
        if (offset - told >= PROGRESS_BYTES) {
            aero_verify_progress(verify, segment->name, offset - told);
            told = offset;
        }
        status = aero_wal_reader_next(reader, &record);
    }
    aero_verify_progress(verify, segment->name, segment->size_bytes - told);
    return status.code == AERO_NOT_FOUND ? aero_ok() : status;
}

static void check_segment(struct aero_verify *verify, size_t index)
{
    const struct aero_wal_listed *segment = &verify->list.segments[index];
    struct aero_wal_reader *reader;
    aero_status status = aero_wal_reader_open(verify->disk, segment->name, segment->bound, &reader);
    if (!aero_is_ok(status)) {
        judge_bad_header(verify, index, status);
        return;
    }
    verify->report.segment_count++;
    check_header(verify, segment);
    check_neighbours(verify, index);
    verify->report.end = segment->header.prev_end;
    verify->end_known = true;
    check_position(verify, verify->report.end);
    status = read_records(verify, segment, reader);
    verify->report.end = aero_wal_reader_position(reader);
    if (aero_is_ok(status)) {
        judge_stop(verify, segment, is_last(verify, index), reader);
    } else {
        tell_unread(verify, segment, aero_wal_reader_offset(reader), status);
    }
    aero_wal_reader_close(reader);
}

/* A log that is not there at all: fine where nothing proves that there was one. */
static void judge_no_log(struct aero_verify *verify)
{
    bool primary = verify->manifest.role == AERO_ROLE_PRIMARY;
    bool proven = proof_counts(verify);
    if (proven || (primary && verify->manifest.history.segment_count != 0)) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, "wal", 0, aero_lsn_of(1),
                         "there is no segment, and %s proves that there was one",
                         proven ? "the durable file" : "the manifest");
        break_log(verify);
    }
}

void aero_verify_wal(struct aero_verify *verify)
{
    if (verify->list.count == 0) {
        judge_no_log(verify);
    }
    for (size_t i = 0; i < verify->list.count; i++) {
        check_segment(verify, i);
    }
}
