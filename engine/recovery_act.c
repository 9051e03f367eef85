/* SPDX-License-Identifier: Apache-2.0 */
/* What recovery changes on disk, after everything has been judged. In order, each step durable before the next:
 *
 *     1  the manifest, both slots           what is done below rests on it, so it must not be only in the page cache;
 *                                           with damage that was found, and the gate of a cut (7)
 *     2  the torn tail to quarantine/       temporary name, sync, rename, sync the directory
 *     3  files with a bad header            likewise set aside
 *     4  the last segment, anew             header to end into wal/NAME.tmp, synced, read back, renamed over NAME, directory
 *                                           synced (decision 2): this is also the cut
 *     5  the proof                          so that the next start has nothing to copy
 *     6  a replica's transfer, anew         recovery_transfer.c
 *     7  leftovers removed                  temporary files, unnamed snapshots, segments below the floor
 *     8  the manifest again                 only if the log has segments that its history does not know
 *
 * Crash points: up to 4 the same tail is found again and the same is done again, byte for byte; behind 4 the log ends
 * cleanly where it was cut. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/le.h"
#include "base/position.h"
#include "engine/recovery_priv.h"

#define COPY_BYTES ((size_t)1 << 20)
#define PAGE_BYTES ((size_t)4096)

/* ---- Copies ----------------------------------------------------------------------------------------------- */

struct copy {
    const char *from;
    const char *to;
    uint64_t offset; /* [offset, end) of `from` */
    uint64_t end;
    bool tolerant;     /* pages that cannot be read become zeros */
    uint64_t checksum; /* of what was copied: names it */
};

/* Reads a piece; tolerant, page by page. */
static aero_status read_piece(struct aero_disk disk, struct aero_disk_file *file,
                              const struct copy *copy, uint64_t offset, uint8_t *data,
                              size_t length)
{
    size_t got = 0;
    aero_status status = disk.ops->read(disk.self, file, offset, data, length, &got);
    if (aero_is_ok(status) && got == length) {
        return status;
    }
    if (!copy->tolerant || status.code == AERO_CRASHED) {
        return aero_is_ok(status) ? aero_error(AERO_IO) : status;
    }
    for (size_t done = 0; done < length; done += PAGE_BYTES) {
        size_t piece = length - done < PAGE_BYTES ? length - done : PAGE_BYTES;
        got = 0;
        status = disk.ops->read(disk.self, file, offset + done, data + done, piece, &got);
        if (status.code == AERO_CRASHED) {
            return status;
        }
        memset(data + done + got, 0, piece - got);
    }
    return aero_ok();
}

static void fold_checksum(struct copy *copy, struct aero_slice piece)
{
    uint8_t both[16];
    aero_store_u64(both, copy->checksum);
    aero_store_u64(both + 8, aero_checksum64(piece));
    copy->checksum = aero_checksum64(aero_slice_of(both, sizeof both));
}

/* What is copied at a time from `at` on. */
static size_t piece_bytes(const struct copy *copy, uint64_t at)
{
    uint64_t rest = copy->end - at;
    return rest < COPY_BYTES ? (size_t)rest : COPY_BYTES;
}

static aero_status copy_bytes(struct aero_disk disk, struct copy *copy, struct aero_disk_file *from,
                              struct aero_disk_file *to)
{
    uint8_t *data = aero_malloc(piece_bytes(copy, copy->offset));
    aero_status status = aero_ok();
    for (uint64_t at = copy->offset; aero_is_ok(status) && at < copy->end; at += COPY_BYTES) {
        size_t length = piece_bytes(copy, at);
        size_t written;
        status = read_piece(disk, from, copy, at, data, length);
        if (aero_is_ok(status)) {
            fold_checksum(copy, aero_slice_of(data, length));
            status = disk.ops->write(disk.self, to, at - copy->offset, aero_slice_of(data, length),
                                     &written);
        }
    }
    free(data);
    return aero_is_ok(status) ? disk.ops->sync(disk.self, to) : status;
}

/* The synced copy under its temporary name. */
static aero_status copy_file(struct aero_disk disk, struct copy *copy)
{
    struct aero_disk_file *from;
    struct aero_disk_file *to;
    AERO_TRY(disk.ops->open(disk.self, copy->from, AERO_DISK_READ, &from));
    aero_status status = disk.ops->open(disk.self, copy->to, AERO_DISK_CREATE, &to);
    if (aero_is_ok(status)) {
        status = copy_bytes(disk, copy, from, to);
        disk.ops->close(disk.self, to);
    }
    disk.ops->close(disk.self, from);
    return status;
}

/* ---- Quarantine ------------------------------------------------------------------------------------------- */

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

/* The bytes' checksum is part of the name: what was set aside once is never written over by something else that was
 * torn at the same place, and setting it aside again changes nothing. */
static aero_status set_aside(struct aero_recovery *r, const char *name, uint64_t offset,
                             uint64_t end)
{
    char temporary[AERO_DISK_NAME_MAX];
    char final[AERO_DISK_NAME_MAX];
    snprintf(temporary, sizeof temporary, "quarantine/%.64s.tmp", base_name(name));
    struct copy copy = {
        .from = name, .to = temporary, .offset = offset, .end = end, .tolerant = true};
    AERO_TRY(r->disk.ops->make_directory(r->disk.self, "quarantine"));
    AERO_TRY(r->disk.ops->sync_directory(r->disk.self, ""));
    AERO_TRY(copy_file(r->disk, &copy));
    snprintf(final, sizeof final, "quarantine/%.64s-%" PRIu64 "-%016" PRIx64 ".torn",
             base_name(name), offset, copy.checksum);
    AERO_TRY(r->disk.ops->rename(r->disk.self, temporary, final));
    AERO_TRY(r->disk.ops->sync_directory(r->disk.self, "quarantine"));
    memcpy(r->report->quarantine, final, sizeof final);
    return aero_ok();
}

static aero_status set_tail_aside(struct aero_recovery *r)
{
    if (!r->torn || r->count == 0) {
        return aero_ok();
    }
    const struct aero_wal_file *last = &r->segments[r->count - 1].file;
    return r->cut_to > last->end_offset ? set_aside(r, last->name, last->end_offset, r->cut_to)
                                        : aero_ok();
}

static aero_status drop_bad_headers(struct aero_recovery *r)
{
    for (size_t i = r->count; i < r->count + r->dropped_count; i++) {
        const struct aero_recovery_segment *segment = &r->segments[i];
        if (segment->size_bytes != 0) {
            AERO_TRY(set_aside(r, segment->file.name, 0, segment->size_bytes));
        }
        AERO_TRY(r->disk.ops->unlink(r->disk.self, segment->file.name));
        AERO_TRY(r->disk.ops->sync_directory(r->disk.self, "wal"));
    }
    return aero_ok();
}

/* ---- Durable anew ----------------------------------------------------------------------------------------- */

static bool is_proven(const struct aero_recovery *r, const struct aero_wal_file *last)
{
    const struct aero_proof *proof = &r->proof;
    /* Nothing proves a footer, so a sealed last segment is copied too; it is rare. */
    return proof->generation != 0 && !r->torn && !last->sealed &&
           proof->segment_sequence == last->header.sequence &&
           /* uncovered: another nonce was refused when the segment was found */
           aero_id_equal(proof->segment_nonce, last->header.nonce) &&
           proof->end_offset == last->end_offset &&
           /* uncovered: at one offset of one segment ends one record, and its chain was compared */
           aero_position_equal(proof->end, last->end);
}

/* Memory or the disk may have changed a byte on the way: the copy is read before it takes the original's place. The chain is
 * one of lengths, too: where it is the same, so is the end's offset. */
static aero_status read_back(struct aero_disk disk, const char *name,
                             const struct aero_wal_file *expected)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    AERO_TRY(aero_wal_reader_open(disk, name, 0, &reader));
    aero_status status;
    do {
        status = aero_wal_reader_next(reader, &record);
    } while (aero_is_ok(status));
    if (status.code == AERO_NOT_FOUND) {
        enum aero_wal_stop stop = expected->sealed ? AERO_STOP_FOOTER : AERO_STOP_CLEAN;
        bool same = aero_wal_reader_stop(reader) == stop &&
                    aero_position_equal(aero_wal_reader_position(reader), expected->end);
        status = same ? aero_ok() : aero_error(AERO_IO);
    }
    aero_wal_reader_close(reader);
    return status;
}

static aero_status copy_segment(struct aero_recovery *r, const struct aero_wal_file *last)
{
    char temporary[AERO_DISK_NAME_MAX];
    uint64_t end = last->end_offset + (last->sealed ? AERO_SEGMENT_FOOTER_BYTES : 0);
    snprintf(temporary, sizeof temporary, "wal/%.64s.tmp", base_name(last->name));
    struct copy copy = {.from = last->name, .to = temporary, .end = end};
    AERO_TRY(copy_file(r->disk, &copy));
    if (!last->damaged) {
        AERO_TRY(read_back(r->disk, temporary, last));
    }
    AERO_TRY(r->disk.ops->rename(r->disk.self, temporary, last->name));
    return r->disk.ops->sync_directory(r->disk.self, "wal");
}

static aero_status write_proof(struct aero_recovery *r, const struct aero_wal_file *last)
{
    struct aero_disk disk = r->disk;
    struct aero_disk_file *file;
    uint8_t bytes[AERO_PROOF_BYTES];
    struct aero_proof proof = {
        .generation = r->proof.generation + 1,
        .segment_sequence = last->header.sequence,
        .segment_nonce = last->header.nonce,
        .end_offset = last->end_offset,
        .end = last->end,
    };
    size_t written;
    aero_proof_encode(&proof, bytes);
    aero_status status = disk.ops->open(disk.self, AERO_PROOF_FILE, AERO_DISK_WRITE, &file);
    bool created = status.code == AERO_NOT_FOUND;
    if (created) {
        status = disk.ops->open(disk.self, AERO_PROOF_FILE, AERO_DISK_CREATE, &file);
    }
    AERO_TRY(status);
    status = disk.ops->write(disk.self, file, proof.generation % 2 * AERO_PROOF_SLOT_BYTES,
                             aero_slice_of(bytes, sizeof bytes), &written);
    if (aero_is_ok(status)) {
        status = disk.ops->sync(disk.self, file);
    }
    disk.ops->close(disk.self, file);
    AERO_TRY(status);
    r->proof = proof;
    return created ? disk.ops->sync_directory(disk.self, "") : aero_ok();
}

static aero_status make_durable_anew(struct aero_recovery *r)
{
    if (r->count == 0) {
        return aero_ok();
    }
    const struct aero_wal_file *last = &r->segments[r->count - 1].file;
    if (is_proven(r, last)) {
        return aero_ok();
    }
    AERO_TRY(copy_segment(r, last));
    return write_proof(r, last);
}

/* ---- Leftovers -------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static bool is_named_snapshot(const struct aero_manifest *manifest, const char *path)
{
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        char name[AERO_DISK_NAME_MAX];
        aero_snapshot_name(&manifest->snapshots[i], name);
        if (strcmp(name, path) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_leftover(const struct aero_recovery *r, const char *path)
{
    aero_lsn first_lsn;
    uint64_t sequence;
    if (ends_with(path, ".tmp")) {
        return r->transfer == NULL || strcmp(path, AERO_SNAPSHOT_INCOMING) != 0;
    }
    if (ends_with(path, ".snap")) {
        return !is_named_snapshot(&r->manifest, path);
    }
    return aero_segment_name_parse(base_name(path), &first_lsn, &sequence) &&
           sequence < r->manifest.wal_floor_sequence;
}

static aero_status remove_leftovers(struct aero_recovery *r, const char *directory)
{
    struct aero_disk disk = r->disk;
    struct aero_buffer list = {0};
    bool removed = false;
    aero_status status = disk.ops->list(disk.self, directory, &list);
    const struct aero_disk_entry *entries = (const struct aero_disk_entry *)list.data;
    for (size_t i = 0; aero_is_ok(status) && i < list.length / sizeof *entries; i++) {
        char path[AERO_DISK_NAME_MAX];
        int length = snprintf(path, sizeof path, "%s%s%s", directory,
                              directory[0] == '\0' ? "" : "/", entries[i].name);
        if (!entries[i].is_other && length < (int)sizeof path && is_leftover(r, path)) {
            status = disk.ops->unlink(disk.self, path);
            removed = true;
        }
    }
    aero_buffer_deinit(&list);
    if (aero_is_ok(status) && removed) {
        status = disk.ops->sync_directory(disk.self, directory);
    }
    return status.code == AERO_NOT_FOUND ? aero_ok() : status;
}

/* ---- What the manifest has to say -------------------------------------------------------------------------- */

/* What cannot be read seals nothing; only AERO_CRASHED is an error. */
static aero_status find_seal(struct aero_recovery *r, struct aero_wal_file *file)
{
    uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
    struct aero_segment_footer footer;
    struct aero_disk_file *handle;
    size_t got = 0;
    aero_status status = r->disk.ops->open(r->disk.self, file->name, AERO_DISK_READ, &handle);
    if (aero_is_ok(status)) {
        status =
            r->disk.ops->read(r->disk.self, handle, file->end_offset, bytes, sizeof bytes, &got);
        r->disk.ops->close(r->disk.self, handle);
    }
    file->sealed = aero_is_ok(status) &&
                   aero_is_ok(aero_segment_footer_decode(aero_slice_of(bytes, got), &footer)) &&
                   footer.segment_nonce == aero_segment_nonce64(file->header.nonce) &&
                   footer.end_offset == file->end_offset &&
                   aero_position_equal(footer.end, file->end);
    return status.code == AERO_CRASHED ? status : aero_ok();
}

/* Segments below what was read: their ends are what their successors name (12). */
static aero_status describe_unread(struct aero_recovery *r)
{
    for (size_t i = 0; i < r->first_read; i++) { /* what is read first is one of them */
        struct aero_recovery_segment *segment = &r->segments[i];
        const struct aero_recovery_segment *successor = &r->segments[i + 1];
        const struct aero_segment_header *named = &successor->file.header;
        bool whole = segment->header_valid && successor->header_valid &&
                     named->prev_sequence == segment->sequence &&
                     segment->size_bytes >= named->prev_end_offset;
        if (!whole) {
            aero_recovery_mark_damaged(r, segment->sequence, 0, segment->name_lsn);
            continue;
        }
        segment->file.end_offset = named->prev_end_offset;
        segment->file.end = named->prev_end;
        segment->file.record_count =
            named->prev_end.lsn.value - segment->file.header.prev_end.lsn.value;
        AERO_TRY(find_seal(r, &segment->file));
    }
    return aero_ok();
}

/* An earlier start found the damage; this one may not have read it. */
static void mark_known(struct aero_recovery *r, uint64_t sequence)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->segments[i].sequence == sequence) {
            aero_recovery_mark_damaged(r, sequence, 0, r->segments[i].name_lsn);
        }
    }
}

static void settle_damaged(struct aero_recovery *r)
{
    struct aero_manifest *manifest = &r->manifest;
    aero_manifest_settle_damaged(manifest);
    for (size_t i = 0; i < manifest->damaged_count; i++) {
        mark_known(r, manifest->damaged_segments[i]);
    }
}

/* Decision 7: a start that cuts while replicas are known takes no writes before one of them has been heard. Raised
 * before the cut: a crash behind it would find nothing to cut and think that nothing was lost. */
static void raise_gate(struct aero_recovery *r)
{
    struct aero_manifest *manifest = &r->manifest;
    if (!r->torn || manifest->role != AERO_ROLE_PRIMARY || manifest->pin_count == 0 ||
        manifest->gate != AERO_GATE_OPEN) {
        return;
    }
    manifest->gate = AERO_GATE_CUT;
    snprintf(manifest->gate_reason, sizeof manifest->gate_reason,
             "%" PRIu64 " bytes behind LSN %" PRIu64 " were cut and replicas are known",
             r->report->cut_bytes, r->report->lsn.value - 1);
}

/* True when there was one that the history did not know. */
static bool add_segments(struct aero_recovery *r)
{
    struct aero_history *history = &r->manifest.history;
    bool added = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct aero_segment_header *header = &r->segments[i].file.header;
        uint64_t newest = history->segment_count == 0
                              ? 0
                              : history->segments[history->segment_count - 1].sequence;
        if (r->segments[i].header_valid && header->sequence > newest) {
            struct aero_segment_start start = {
                .sequence = header->sequence,
                .before = header->prev_end,
                .nonce = header->nonce,
                .incarnation = header->incarnation,
            };
            aero_history_add_segment(history, &start);
            added = true;
        }
    }
    return added;
}

aero_status aero_recovery_act(struct aero_recovery *r)
{
    static const char *const directories[] = {"", "wal", "snapshots", "quarantine"};
    AERO_TRY(describe_unread(r));
    settle_damaged(r);
    raise_gate(r);
    AERO_TRY(aero_manifest_write(r->disk, &r->manifest));
    /* Its name too may be in the cache alone: who made it was killed before the directory was synced (decision 2). */
    AERO_TRY(r->disk.ops->sync_directory(r->disk.self, ""));
    AERO_TRY(set_tail_aside(r));
    AERO_TRY(drop_bad_headers(r));
    AERO_TRY(make_durable_anew(r));
    AERO_TRY(aero_recovery_keep_transfer(r));
    for (size_t i = 0; i < 4; i++) {
        AERO_TRY(remove_leftovers(r, directories[i]));
    }
    return add_segments(r) ? aero_manifest_write(r->disk, &r->manifest) : aero_ok();
}
