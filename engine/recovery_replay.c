/* SPDX-License-Identifier: Apache-2.0 */
/* From a snapshot and the log behind it to the state. One path for every directory: nothing here knows which switches the
 * bytes were written under (FM-4.2).
 *
 * The snapshot has to be confirmed by the log (decision 12): its position is a segment's beginning, or the chain of the record
 * at its LSN. Damage in that segment before the snapshot's LSN does not stop a start: where the log goes on behind it is
 * told by the record's own header, by the one that chains to it, or by this node's proof. */
#include <inttypes.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/disk_failure.h"
#include "engine/look_ahead.h"
#include "engine/operation.h"
#include "engine/recovery_priv.h"
#include "engine/snapshot.h"
#include "engine/summary.h"

#define TELL_EVERY_BYTES ((uint64_t)64 << 20)

/* ---- One record ------------------------------------------------------------------------------------------- */

static aero_status compare_digest(struct aero_recovery *r,
                                  const struct aero_recovery_segment *segment,
                                  const struct aero_wal_record *record)
{
    struct aero_digest_payload digest;
    struct aero_summary mine = aero_tree_summary(r->tree);
    bool same = aero_is_ok(aero_digest_decode(record->payload, &digest)) &&
                aero_summary_equal(mine, digest.summary);
    if (!same) {
        return aero_recovery_damage(
            r, segment->file.name, record->offset, record->header.lsn, "a digest record",
            "The state before LSN %" PRIu64 " is not the state that was there when %s was "
            "written: start from a replica or a backup, and test this machine's memory.",
            record->header.lsn.value, segment->file.name);
    }
    if (digest.expiry_clock.value > r->expiry_clock.value) {
        r->expiry_clock = digest.expiry_clock;
    }
    return aero_ok();
}

static aero_status apply_record(struct aero_recovery *r,
                                const struct aero_recovery_segment *segment,
                                const struct aero_wal_record *record)
{
    if (record->header.type == AERO_RECORD_DIGEST) {
        return compare_digest(r, segment, record);
    }
    aero_wall_ms clock;
    aero_status status = aero_apply_commit(r->tree, record->payload, &clock);
    if (!aero_is_ok(status)) {
        return aero_recovery_damage(r, segment->file.name, record->offset, record->header.lsn,
                                    "the commit itself",
                                    "The commit at LSN %" PRIu64 " in %s verifies and is none.",
                                    record->header.lsn.value, segment->file.name);
    }
    if (clock.value > r->expiry_clock.value) {
        r->expiry_clock = clock;
    }
    return aero_ok();
}

static void count_record(struct aero_recovery *r, const struct aero_wal_record *record)
{
    uint64_t told = r->replayed_bytes / TELL_EVERY_BYTES;
    r->replayed_records++;
    r->replayed_bytes += record->raw.length;
    if (r->replayed_bytes / TELL_EVERY_BYTES != told) {
        aero_recovery_tell(r, "wal", r->replayed_bytes, r->wal_bytes);
    }
}

static aero_status take_record(struct aero_recovery *r, const struct aero_recovery_segment *segment,
                               const struct aero_wal_record *record)
{
    const struct aero_record_header *header = &record->header;
    if (r->proof.generation != 0 && r->proof.segment_sequence == segment->sequence &&
        r->proof.end.lsn.value == header->lsn.value && r->proof.end.chain != header->chain) {
        return aero_recovery_damage(
            r, segment->file.name, record->offset, header->lsn, "the durable file",
            "LSN %" PRIu64 " in %s is not the record that this node made durable there.",
            header->lsn.value, segment->file.name);
    }
    if (header->lsn.value < r->base.lsn.value) {
        return aero_ok();
    }
    if (header->lsn.value == r->base.lsn.value) {
        r->base_confirmed = header->chain == r->base.chain;
        return r->base_confirmed ? aero_ok() : aero_error(AERO_NOT_FOUND);
    }
    AERO_TRY(apply_record(r, segment, record));
    r->end = (struct aero_position){.lsn = header->lsn, .chain = header->chain};
    count_record(r, record);
    return aero_ok();
}

/* ---- One segment ------------------------------------------------------------------------------------------ */

/* A replica's snapshot says nothing about its log (tail_decision.h): in the middle of a bootstrap, power may take an un-synced
 * record below the snapshot and leave the one behind it. That is a torn tail, cut and fetched again; only what its own proof
 * covers is damage. */
static bool may_pass(const struct aero_recovery *r)
{
    return r->manifest.role == AERO_ROLE_PRIMARY ||
           (r->proof.generation != 0 && r->proof.end.lsn.value >= r->base.lsn.value);
}

/* The reader stopped before the snapshot's LSN. Finds where the log goes on behind it; false: nowhere. */
static aero_status pass_damage(struct aero_recovery *r, const struct aero_recovery_segment *segment,
                               struct aero_wal_reader *reader, bool *out_passed)
{
    uint64_t offset = 0;
    const struct aero_proof *proof = &r->proof;
    if (!may_pass(r)) {
        *out_passed = false;
        return aero_ok();
    }
    aero_status status =
        aero_wal_reader_find(reader, aero_wal_reader_offset(reader), r->base, &offset);
    if (status.code == AERO_NOT_FOUND && proof->generation != 0 &&
        proof->segment_sequence == segment->sequence && aero_position_equal(proof->end, r->base) &&
        proof->end_offset <= aero_wal_reader_file_bytes(reader)) {
        offset = proof->end_offset;
        status = aero_ok();
    }
    *out_passed = aero_is_ok(status);
    if (aero_is_ok(status)) {
        aero_recovery_mark_damaged(r, segment->sequence, aero_wal_reader_offset(reader),
                                   aero_lsn_next(aero_wal_reader_position(reader).lsn));
        aero_wal_reader_seek(reader, offset, r->base);
        r->base_confirmed = true;
    }
    return status.code == AERO_NOT_FOUND ? aero_ok() : status;
}

/* Until the reader stops for good. */
static aero_status read_records(struct aero_recovery *r,
                                const struct aero_recovery_segment *segment,
                                struct aero_wal_reader *reader)
{
    size_t looked_at = 0;
    for (;;) {
        struct aero_wal_record record;
        aero_status status = aero_wal_reader_next(reader, &record);
        if (aero_is_ok(status)) {
            AERO_TRY(take_record(r, segment, &record));
            looked_at = looked_at == 0 ? aero_look_ahead(r->tree, aero_wal_reader_ahead(reader))
                                       : looked_at - 1;
            continue;
        }
        if (status.code != AERO_NOT_FOUND) {
            return status;
        }
        bool passed = false;
        if (!r->base_confirmed && aero_wal_reader_stop(reader) == AERO_STOP_INVALID) {
            AERO_TRY(pass_damage(r, segment, reader, &passed));
        }
        if (!passed) {
            return aero_ok();
        }
    }
}

static void note_end(struct aero_recovery_segment *segment, struct aero_wal_reader *reader)
{
    struct aero_wal_file *file = &segment->file;
    file->end_offset = aero_wal_reader_offset(reader);
    file->end = aero_wal_reader_position(reader);
    file->record_count = aero_wal_reader_record_count(reader);
    file->sealed = aero_wal_reader_stop(reader) == AERO_STOP_FOOTER;
}

/* A segment with a successor ends exactly where that says (decisions 3 and 14). */
static aero_status check_end(struct aero_recovery *r, const struct aero_recovery_segment *segment,
                             const struct aero_recovery_segment *successor,
                             struct aero_wal_reader *reader)
{
    const struct aero_segment_header *named = &successor->file.header;
    enum aero_wal_stop stop = aero_wal_reader_stop(reader);
    struct aero_position end = aero_wal_reader_position(reader);
    bool whole = (stop == AERO_STOP_BOUND || stop == AERO_STOP_FOOTER) &&
                 aero_position_equal(end, named->prev_end);
    if (whole) {
        return aero_ok();
    }
    struct aero_tail_evidence evidence = {.stop = AERO_TAIL_INVALID,
                                          .primary = r->manifest.role == AERO_ROLE_PRIMARY,
                                          .successor = true};
    struct aero_tail_decision decision = aero_tail_decide(&evidence);
    AERO_ASSERT(decision.verdict == AERO_TAIL_IS_DAMAGE);
    r->report->proven_through = named->prev_end.lsn;
    return aero_recovery_damage(
        r, segment->file.name, aero_wal_reader_offset(reader), aero_lsn_next(end.lsn),
        decision.evidence,
        "%s is damaged at offset %" PRIu64 ": LSN %" PRIu64 " to %" PRIu64
        " were durable and cannot be read. Restore this node from a replica or a backup; nothing "
        "was changed.",
        segment->file.name, aero_wal_reader_offset(reader), end.lsn.value + 1,
        named->prev_end.lsn.value);
}

static aero_status check_successor(struct aero_recovery *r,
                                   const struct aero_recovery_segment *segment,
                                   const struct aero_recovery_segment *successor)
{
    aero_lsn lsn = successor->name_lsn;
    if (!successor->header_valid) {
        return aero_recovery_damage(
            r, successor->file.name, 0, lsn, "a later segment",
            "The header of %s does not verify: LSN %" PRIu64
            " and later ones were durable and cannot be read. Restore this node from a replica or "
            "a backup; nothing was changed.",
            successor->file.name, lsn.value);
    }
    if (successor->file.header.prev_sequence != segment->sequence) {
        return aero_recovery_damage(
            r, successor->file.name, 0, lsn, "the successor's header",
            "Segment %" PRIu64 " is missing between %s and %s. Put the file back, or restore this "
            "node from a replica or a backup; nothing was changed.",
            successor->file.header.prev_sequence, segment->file.name, successor->file.name);
    }
    return aero_ok();
}

static aero_status replay_segment(struct aero_recovery *r, size_t index)
{
    struct aero_recovery_segment *segment = &r->segments[index];
    const struct aero_recovery_segment *successor =
        index + 1 < r->count ? &r->segments[index + 1] : NULL;
    struct aero_wal_reader *reader;
    uint64_t bound = 0;
    if (successor != NULL) {
        AERO_TRY(check_successor(r, segment, successor));
        bound = successor->file.header.prev_end_offset;
    }
    AERO_TRY(aero_wal_reader_open(r->disk, segment->file.name, bound, &reader));
    aero_status status = read_records(r, segment, reader);
    if (aero_is_ok(status)) {
        note_end(segment, reader);
        status = successor != NULL ? check_end(r, segment, successor, reader)
                                   : aero_recovery_judge_tail(r, reader);
    }
    aero_wal_reader_close(reader);
    return status;
}

/* ---- All of them ------------------------------------------------------------------------------------------ */

/* The segment to read first. AERO_NOT_FOUND: the log does not hold the base's position, or holds another one. */
static aero_status find_first(struct aero_recovery *r)
{
    bool found = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct aero_segment_header *header = &r->segments[i].file.header;
        if (!r->segments[i].header_valid || header->first_lsn.value > r->base.lsn.value + 1) {
            continue;
        }
        r->first_read = i;
        found = true;
        if (header->first_lsn.value == r->base.lsn.value + 1) {
            r->base_confirmed = header->prev_end.chain == r->base.chain;
            return r->base_confirmed ? aero_ok() : aero_error(AERO_NOT_FOUND);
        }
    }
    return found ? aero_ok() : aero_error(AERO_NOT_FOUND);
}

aero_status aero_recovery_replay(struct aero_recovery *r)
{
    r->end = r->base;
    r->base_confirmed = false;
    r->first_read = 0;
    if (r->count == 0) {
        r->base_confirmed = true;
        return aero_recovery_judge_tail(r, NULL);
    }
    AERO_TRY(find_first(r));
    for (size_t i = r->first_read; i < r->count; i++) {
        AERO_TRY(replay_segment(r, i));
    }
    aero_recovery_tell(r, "wal", r->wal_bytes, r->wal_bytes);
    return aero_ok();
}

/* ---- Snapshots -------------------------------------------------------------------------------------------- */

static void new_tree(struct aero_recovery *r)
{
    r->tree = aero_tree_new();
    aero_tree_begin_load(r->tree);
}

static void begin_tree(struct aero_recovery *r, struct aero_position base, aero_wall_ms clock)
{
    r->base = base;
    r->expiry_clock = clock;
    r->replayed_records = 0;
    r->replayed_bytes = 0;
}

static void drop_tree(struct aero_recovery *r)
{
    aero_tree_free(r->tree);
    r->tree = NULL;
}

/* AERO_CORRUPT: its bytes are of no use, for whatever reason. */
static aero_status load_snapshot(struct aero_recovery *r, const struct aero_snapshot_entry *entry)
{
    char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header;
    uint64_t bad_offset;
    aero_snapshot_name(entry, name);
    aero_recovery_tell(r, "snapshot", 0, r->wal_bytes);
    new_tree(r);
    aero_status status = aero_snapshot_load(r->disk, name, r->tree, &header, &bad_offset);
    if (aero_disk_is_refusal(status)) {
        return status;
    }
    if (status.code == AERO_UNSUPPORTED) {
        return aero_recovery_refuse(r, status.code, name, "A newer version of AeroDB wrote %s.",
                                    name);
    }
    if (!aero_is_ok(status)) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_summary told = {.count = entry->entry_count, .digest = entry->digest};
    bool same = aero_id_equal(header.id, entry->id) &&
                aero_position_equal(header.position, entry->position) &&
                aero_summary_equal(header.summary, told);
    begin_tree(r, header.position, header.expiry_clock);
    aero_snapshot_header_deinit(&header);
    return same ? aero_ok() : aero_error(AERO_CORRUPT);
}

/* AERO_NOT_FOUND: this snapshot is of no use. */
static aero_status try_snapshot(struct aero_recovery *r, struct aero_snapshot_entry *entry)
{
    aero_status status = load_snapshot(r, entry);
    bool unusable = status.code == AERO_CORRUPT;
    if (aero_is_ok(status)) {
        status = aero_recovery_replay(r);
        unusable = status.code == AERO_NOT_FOUND;
    }
    if (!unusable) {
        return status;
    }
    entry->damaged = true;
    r->report->older_snapshot_used = true;
    drop_tree(r);
    return aero_error(AERO_NOT_FOUND);
}

aero_status aero_recovery_rebuild(struct aero_recovery *r)
{
    struct aero_manifest *manifest = &r->manifest;
    AERO_TRY(aero_recovery_judge_bad_headers(r));
    for (size_t i = manifest->snapshot_count; i > 0; i--) {
        if (manifest->snapshots[i - 1].damaged) {
            r->report->older_snapshot_used = true;
            continue;
        }
        aero_status status = try_snapshot(r, &manifest->snapshots[i - 1]);
        if (status.code != AERO_NOT_FOUND) {
            return status;
        }
    }
    begin_tree(r, (struct aero_position){{0}, 0}, (aero_wall_ms){0});
    new_tree(r);
    aero_status status = aero_recovery_replay(r);
    bool nothing = r->count == 0 && manifest->snapshot_count != 0 && aero_is_ok(status);
    if (status.code != AERO_NOT_FOUND && !nothing) {
        return status;
    }
    return aero_recovery_damage(
        r, r->count == 0 ? "wal" : r->segments[0].file.name, 0, aero_lsn_of(1), "the manifest",
        "%s, and the WAL does not reach back to the beginning: the state cannot be rebuilt. "
        "Restore this node from a replica or a backup; nothing was changed.",
        manifest->snapshot_count == 0 ? "There is no snapshot" : "No snapshot is usable");
}
