/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers what is known about the end of the log and lets the table decide (tail_decision.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/disk_failure.h"
#include "engine/recovery_priv.h"

#define PIECE_BYTES ((size_t)64 << 10)

static void raise_lsn(aero_lsn *highest, aero_lsn lsn)
{
    if (lsn.value > highest->value) {
        *highest = lsn;
    }
}

static bool is_primary(const struct aero_recovery *r)
{
    return r->manifest.role == AERO_ROLE_PRIMARY;
}

/* A proof of segments that were truncated, or swapped away by a bootstrap, says nothing any more. */
static bool proof_counts(const struct aero_recovery *r)
{
    return r->proof.generation != 0 && r->proof.segment_sequence >= r->manifest.wal_floor_sequence;
}

static bool proof_is_beyond(const struct aero_recovery *r, uint64_t sequence, aero_lsn lsn)
{
    return proof_counts(r) &&
           (r->proof.segment_sequence > sequence || r->proof.end.lsn.value > lsn.value);
}

static bool snapshot_is_beyond(const struct aero_recovery *r, aero_lsn lsn)
{
    for (size_t i = 0; i < r->manifest.snapshot_count; i++) {
        if (r->manifest.snapshots[i].position.lsn.value > lsn.value) {
            return true;
        }
    }
    return false;
}

/* Segments and incarnations that this node began, hence after everything before them was durable here. */
static bool manifest_is_beyond(const struct aero_recovery *r, uint64_t sequence, aero_lsn lsn)
{
    const struct aero_history *history = &r->manifest.history;
    for (size_t i = 0; i < history->segment_count; i++) {
        const struct aero_segment_start *start = &history->segments[i];
        if (start->sequence > sequence && aero_recovery_is_own(r, start->incarnation)) {
            return true;
        }
    }
    for (size_t i = 0; i < history->incarnation_count; i++) {
        const struct aero_incarnation *incarnation = &history->incarnations[i];
        if (incarnation->start.lsn.value > lsn.value &&
            aero_id_equal(incarnation->node_id, r->manifest.node_id)) {
            return true;
        }
    }
    return false;
}

/* The highest LSN that anything but the segment itself proves durable. */
static aero_lsn proven_elsewhere(const struct aero_recovery *r)
{
    aero_lsn proven = {0};
    const struct aero_history *history = &r->manifest.history;
    if (proof_counts(r)) {
        raise_lsn(&proven, r->proof.end.lsn);
    }
    for (size_t i = 0; i < r->manifest.snapshot_count && is_primary(r); i++) {
        raise_lsn(&proven, r->manifest.snapshots[i].position.lsn);
    }
    for (size_t i = 0; i < history->segment_count && is_primary(r); i++) {
        if (aero_recovery_is_own(r, history->segments[i].incarnation)) {
            raise_lsn(&proven, history->segments[i].before.lsn);
        }
    }
    return proven;
}

static void note_torn(struct aero_recovery *r, const char *file, uint64_t offset, aero_lsn lsn,
                      uint64_t bytes)
{
    struct aero_recovery_report *report = r->report;
    r->torn = true;
    report->verdict = AERO_VERDICT_TORN_TAIL;
    snprintf(report->file, sizeof report->file, "%s", file);
    report->offset = offset;
    report->lsn = lsn;
    report->cut_bytes += bytes;
}

/* ---- The last segment ------------------------------------------------------------------------------------- */

static enum aero_tail_stop stop_of(enum aero_wal_stop stop)
{
    switch (stop) {
    case AERO_STOP_FOOTER:
        return AERO_TAIL_FOOTER;
    case AERO_STOP_CLEAN:
        return AERO_TAIL_CLEAN;
    /* uncovered: the last segment has no successor to name its end */
    case AERO_STOP_BOUND:
    case AERO_STOP_INVALID:
        break;
    }
    return AERO_TAIL_INVALID;
}

static aero_status gather(struct aero_recovery *r, struct aero_wal_reader *reader,
                          struct aero_tail_evidence *evidence)
{
    const struct aero_segment_header *header = aero_wal_reader_header(reader);
    struct aero_position end = aero_wal_reader_position(reader);
    *evidence = (struct aero_tail_evidence){
        .stop = stop_of(aero_wal_reader_stop(reader)),
        .primary = is_primary(r),
        .own = aero_recovery_is_own(r, header->incarnation),
        .proof = proof_is_beyond(r, header->sequence, end.lsn),
        .snapshot = snapshot_is_beyond(r, end.lsn),
        .manifest = manifest_is_beyond(r, header->sequence, end.lsn),
    };
    r->report->proven_through = proven_elsewhere(r);
    if (evidence->stop != AERO_TAIL_INVALID) {
        return aero_ok();
    }
    struct aero_wal_evidence behind;
    AERO_TRY(aero_wal_reader_scan(reader, aero_wal_reader_offset(reader), end.lsn, &behind));
    evidence->footer = behind.footer_found;
    evidence->mark = behind.highest_mark.value > end.lsn.value;
    if (evidence->own && evidence->primary) {
        raise_lsn(&r->report->proven_through, behind.highest_mark);
    }
    r->cut_to = behind.last_offset;
    return aero_ok();
}

static aero_status refuse_tail(struct aero_recovery *r, const char *file, uint64_t offset,
                               aero_lsn lsn, const char *evidence)
{
    return aero_recovery_damage(
        r, file, offset, lsn, evidence,
        "%s ends or is damaged at offset %" PRIu64 ", before LSN %" PRIu64
        ", and %s proves that more had been durable (through LSN %" PRIu64
        "). Restore this node from a replica or a backup; nothing was changed.",
        file, offset, lsn.value, evidence, r->report->proven_through.value);
}

/* History without this: rot in acknowledged records, and the disk refuses one read of the file that proves them: "torn
 * tail", and they are set aside. The next start would have known better. */
static aero_status refuse_unread_proof(struct aero_recovery *r, const char *file, uint64_t offset)
{
    aero_status status = r->proof_read;
    char error[AERO_ERROR_TEXT_BYTES];
    aero_error_format(status, error);
    aero_status refused = aero_recovery_refuse(
        r, status.code, AERO_PROOF_FILE,
        "%s ends or is damaged at offset %" PRIu64
        ", and the file that may prove more to be durable cannot be read: %s. Start again once the "
        "disk reads it; remove it only if it never will. Nothing was changed.",
        file, offset, error);
    refused.sys_errno = status.sys_errno;
    return refused;
}

/* No segment at all: fine for a new directory, for a replica that has only its snapshot, for a restored one. */
static aero_status judge_no_log(struct aero_recovery *r)
{
    uint64_t floor = r->manifest.wal_floor_sequence;
    struct aero_tail_evidence evidence = {
        .stop = AERO_TAIL_CLEAN,
        .primary = is_primary(r),
        .proof = proof_counts(r),
        .manifest = manifest_is_beyond(r, floor == 0 ? 0 : floor - 1, r->base.lsn),
    };
    struct aero_tail_decision decision = aero_tail_decide(&evidence);
    r->report->proven_through = proven_elsewhere(r);
    if (decision.verdict == AERO_TAIL_IS_DAMAGE) {
        return refuse_tail(r, "wal", 0, aero_lsn_next(r->base.lsn), decision.evidence);
    }
    return aero_ok();
}

aero_status aero_recovery_judge_tail(struct aero_recovery *r, struct aero_wal_reader *reader)
{
    if (reader == NULL) {
        return judge_no_log(r);
    }
    struct aero_tail_evidence evidence;
    const struct aero_recovery_segment *segment = &r->segments[r->count - 1];
    uint64_t offset = aero_wal_reader_offset(reader);
    aero_lsn next = aero_lsn_next(aero_wal_reader_position(reader).lsn);
    AERO_TRY(gather(r, reader, &evidence));
    struct aero_tail_decision decision = aero_tail_decide(&evidence);
    if (decision.verdict == AERO_TAIL_IS_DAMAGE) {
        return refuse_tail(r, segment->file.name, offset, next, decision.evidence);
    }
    if (decision.verdict == AERO_TAIL_IS_TORN) {
        if (!aero_is_ok(r->proof_read)) {
            return refuse_unread_proof(r, segment->file.name, offset);
        }
        uint64_t bytes = r->cut_to > offset ? r->cut_to - offset : 0;
        note_torn(r, segment->file.name, offset, next, bytes);
        snprintf(r->report->text, sizeof r->report->text,
                 "%" PRIu64 " bytes at the end of %s (offset %" PRIu64
                 ") were never proven durable and are set aside: the log ends at LSN %" PRIu64 ".",
                 bytes, segment->file.name, offset, next.value - 1);
    }
    return aero_ok();
}

/* ---- A last file without a valid header -------------------------------------------------------------------- */

/* Whether a record of this place in the log verifies alone anywhere in the file. What cannot be read is no evidence. */
static aero_status find_record(struct aero_recovery *r, const struct aero_recovery_segment *segment,
                               bool *out_found)
{
    struct aero_disk_file *file;
    aero_status status = r->disk.ops->open(r->disk.self, segment->file.name, AERO_DISK_READ, &file);
    if (!aero_is_ok(status)) {
        return status;
    }
    uint8_t *piece = aero_malloc(PIECE_BYTES + AERO_RECORD_HEADER_BYTES);
    bool found = false;
    for (uint64_t offset = 0; offset < segment->size_bytes; offset += PIECE_BYTES) {
        struct aero_record_header header;
        size_t got = 0;
        status = r->disk.ops->read(r->disk.self, file, offset, piece,
                                   PIECE_BYTES + AERO_RECORD_HEADER_BYTES, &got);
        if (aero_disk_is_refusal(status)) {
            break;
        }
        status = aero_ok();
        for (size_t at = 0; at < got && !found; at += AERO_RECORD_ALIGN) {
            found = aero_is_ok(aero_record_decode(aero_slice_of(piece + at, got - at), &header)) &&
                    header.lsn.value >= segment->name_lsn.value;
        }
    }
    free(piece);
    r->disk.ops->close(r->disk.self, file);
    *out_found = found;
    return status;
}

static aero_status judge_bad_header(struct aero_recovery *r,
                                    const struct aero_recovery_segment *segment)
{
    aero_lsn before = aero_lsn_of(segment->name_lsn.value - 1);
    struct aero_tail_evidence evidence = {
        .stop = AERO_TAIL_BAD_HEADER,
        .primary = is_primary(r),
        .proof = proof_is_beyond(r, segment->sequence - 1, before),
        .snapshot = snapshot_is_beyond(r, before),
        .manifest = manifest_is_beyond(r, segment->sequence - 1, before),
    };
    AERO_TRY(find_record(r, segment, &evidence.record));
    struct aero_tail_decision decision = aero_tail_decide(&evidence);
    r->report->proven_through = proven_elsewhere(r);
    if (decision.verdict == AERO_TAIL_IS_DAMAGE) {
        return refuse_tail(r, segment->file.name, 0, segment->name_lsn, decision.evidence);
    }
    if (!aero_is_ok(r->proof_read)) {
        return refuse_unread_proof(r, segment->file.name, 0);
    }
    note_torn(r, segment->file.name, 0, segment->name_lsn, segment->size_bytes);
    snprintf(r->report->text, sizeof r->report->text,
             "The header of %s was never durable: the file is set aside, the log ends before LSN "
             "%" PRIu64 ".",
             segment->file.name, segment->name_lsn.value);
    return aero_ok();
}

aero_status aero_recovery_judge_bad_headers(struct aero_recovery *r)
{
    while (r->count > 0 && !r->segments[r->count - 1].header_valid) {
        AERO_TRY(judge_bad_header(r, &r->segments[r->count - 1]));
        r->count--;
        r->dropped_count++;
    }
    return aero_ok();
}
