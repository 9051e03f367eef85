/* SPDX-License-Identifier: Apache-2.0 */
/* The order of recovery. Everything is read and judged before the first byte is changed; what is then changed leaves, at
 * every point where a crash may fall, a directory that gives the same result again (FR-3). */
#include "engine/recovery.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/recovery_priv.h"

/* ---- Reports ---------------------------------------------------------------------------------------------- */

aero_status aero_recovery_refuse(struct aero_recovery *r, enum aero_code code, const char *file,
                                 const char *format, ...)
{
    va_list arguments;
    r->report->verdict = AERO_VERDICT_REFUSED;
    snprintf(r->report->file, sizeof r->report->file, "%s", file);
    va_start(arguments, format);
    vsnprintf(r->report->text, sizeof r->report->text, format, arguments);
    va_end(arguments);
    return aero_error(code);
}

aero_status aero_recovery_damage(struct aero_recovery *r, const char *file, uint64_t offset,
                                 aero_lsn lsn, const char *evidence, const char *format, ...)
{
    va_list arguments;
    struct aero_recovery_report *report = r->report;
    report->verdict = AERO_VERDICT_DAMAGE;
    snprintf(report->file, sizeof report->file, "%s", file);
    report->offset = offset;
    report->lsn = lsn;
    report->evidence = evidence;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
    return aero_error(AERO_CORRUPT);
}

void aero_recovery_tell(struct aero_recovery *r, const char *stage, uint64_t done_bytes,
                        uint64_t total_bytes)
{
    if (r->progress != NULL) {
        r->progress->report(r->progress->self, stage, done_bytes, total_bytes);
    }
}

/* ---- Manifest and proof ----------------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

/* Whether there is a log or a snapshot; a directory that does not exist yet has none. */
static aero_status holds_data(struct aero_disk disk, bool *out_holds)
{
    static const char *const directories[] = {"wal", "snapshots"};
    static const char *const suffixes[] = {".seg", ".snap"};
    bool holds = false;
    for (size_t i = 0; i < 2; i++) {
        struct aero_buffer list = {0};
        aero_status status = disk.ops->list(disk.self, directories[i], &list);
        const struct aero_disk_entry *entries = (const struct aero_disk_entry *)list.data;
        for (size_t e = 0; e < list.length / sizeof *entries; e++) {
            holds = holds || has_suffix(entries[e].name, suffixes[i]);
        }
        aero_buffer_deinit(&list);
        if (!aero_is_ok(status) && status.code != AERO_NOT_FOUND) {
            return status;
        }
    }
    *out_holds = holds;
    return aero_ok();
}

/* Whether there is anything, file or directory, that an interrupted create did not leave. Recovery removes temporary files: in
 * somebody's home directory they would be somebody's. */
static aero_status holds_strangers(struct aero_disk disk, bool *out_holds)
{
    static const char *const known[] = {"lock",       "wal",        "snapshots",
                                        "quarantine", "lost+found", AERO_MANIFEST_FILE ".tmp"};
    struct aero_buffer list = {0};
    AERO_TRY(disk.ops->list(disk.self, "", &list));
    const struct aero_disk_entry *entries = (const struct aero_disk_entry *)list.data;
    *out_holds = false;
    for (size_t e = 0; e < list.length / sizeof *entries; e++) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            is_known = is_known || strcmp(entries[e].name, known[i]) == 0;
        }
        *out_holds = *out_holds || !is_known;
    }
    aero_buffer_deinit(&list);
    return aero_ok();
}

static aero_status read_manifest(struct aero_recovery *r)
{
    aero_status status = aero_manifest_read(r->disk, &r->manifest, &r->found);
    if (status.code == AERO_NOT_FOUND) {
        bool holds = false;
        AERO_TRY(holds_data(r->disk, &holds));
        if (!holds) {
            return status;
        }
        return aero_recovery_refuse(
            r, AERO_MISMATCH, AERO_MANIFEST_FILE,
            "There is WAL or a snapshot but no manifest: nothing says whose it is. Restore the "
            "manifest from a backup, or move the data away.");
    }
    if (status.code == AERO_CORRUPT) {
        return aero_recovery_refuse(
            r, AERO_CORRUPT, AERO_MANIFEST_FILE,
            "Neither slot of the manifest verifies. Restore the file from a backup; a replica can "
            "be emptied and begin again.");
    }
    if (!aero_is_ok(status)) {
        char error[AERO_ERROR_TEXT_BYTES];
        aero_error_format(status, error);
        aero_status refused = aero_recovery_refuse(
            r, status.code, AERO_MANIFEST_FILE, "The manifest cannot be read: %s.",
            status.code == AERO_UNSUPPORTED ? "a newer version of AeroDB wrote it" : error);
        refused.sys_errno = status.sys_errno;
        return refused;
    }
    r->report->manifest_slot_rewritten = !r->found.slot_valid[0] || !r->found.slot_valid[1];
    return aero_ok();
}

/* Losing the proof is harmless (decision 5), but one that the disk only refuses to read now is not lost: bytes that it
 * might prove are not cut (recovery_tail.c). */
static aero_status read_proof(struct aero_recovery *r)
{
    aero_status status = aero_proof_read(r->disk, &r->proof);
    r->proof_read = status.code == AERO_NOT_FOUND ? aero_ok() : status;
    return status.code == AERO_CRASHED ? status : aero_ok();
}

/* ---- Small facts ------------------------------------------------------------------------------------------- */

static void report_damaged(struct aero_recovery_report *report, const char *file, uint64_t offset,
                           aero_lsn lsn)
{
    for (size_t i = 0; i < report->damaged_count; i++) {
        if (strcmp(report->damaged[i].file, file) == 0) {
            return;
        }
    }
    if (report->damaged_count < AERO_DAMAGED_MAX) {
        struct aero_damaged_segment *damaged = &report->damaged[report->damaged_count++];
        *damaged = (struct aero_damaged_segment){.offset = offset, .lsn = lsn};
        snprintf(damaged->file, sizeof damaged->file, "%s", file);
    }
}

void aero_recovery_mark_damaged(struct aero_recovery *r, uint64_t sequence, uint64_t offset,
                                aero_lsn lsn)
{
    struct aero_manifest *manifest = &r->manifest;
    for (size_t i = 0; i < r->count; i++) {
        if (r->segments[i].sequence == sequence) {
            r->segments[i].file.damaged = true;
            report_damaged(r->report, r->segments[i].file.name, offset, lsn);
        }
    }
    for (size_t i = 0; i < manifest->damaged_count; i++) {
        if (manifest->damaged_segments[i] == sequence) {
            return;
        }
    }
    if (manifest->damaged_count < AERO_DAMAGED_MAX) {
        manifest->damaged_segments[manifest->damaged_count++] = sequence;
    }
}

bool aero_recovery_is_own(const struct aero_recovery *r, aero_id incarnation)
{
    const struct aero_incarnation *entry = aero_history_find(&r->manifest.history, incarnation);
    return entry != NULL && aero_id_equal(entry->node_id, r->manifest.node_id);
}

/* ---- The whole --------------------------------------------------------------------------------------------- */

/* Everything before the gap, if there is one below what was read, is of no use to anybody: not listed. */
static size_t first_after_gaps(const struct aero_recovery *r)
{
    size_t first = 0;
    for (size_t i = 1; i < r->count; i++) {
        const struct aero_recovery_segment *segment = &r->segments[i];
        if (!segment->header_valid || !r->segments[i - 1].header_valid ||
            segment->file.header.prev_sequence != r->segments[i - 1].sequence) {
            first = segment->header_valid ? i : i + 1;
        }
    }
    return first;
}

static void give_result(struct aero_recovery *r, struct aero_recovered *out_recovered)
{
    aero_tree_end_load(r->tree);
    struct aero_recovered result = {
        .manifest = r->manifest,
        .tree = r->tree,
        .expiry_clock = r->expiry_clock,
        .end = r->end,
        .proof = r->proof,
        .replayed_records = r->replayed_records,
        .replayed_bytes = r->replayed_bytes,
        .transfer = r->transfer,
    };
    size_t first = first_after_gaps(r);
    if (r->count > first) {
        result.file_count = r->count - first;
        result.files = aero_calloc(result.file_count, sizeof *result.files);
        for (size_t i = 0; i < result.file_count; i++) {
            result.files[i] = r->segments[first + i].file;
        }
    }
    r->manifest = (struct aero_manifest){0};
    r->tree = NULL;
    r->transfer = NULL;
    *out_recovered = result;
}

static aero_status run(struct aero_recovery *r)
{
    AERO_TRY(read_manifest(r));
    AERO_TRY(read_proof(r));
    AERO_TRY(aero_recovery_find_segments(r));
    AERO_TRY(aero_recovery_check_snapshots(r));
    AERO_TRY(aero_recovery_rebuild(r));
    return aero_recovery_act(r);
}

static bool is_refusal(enum aero_recovery_verdict verdict)
{
    return verdict == AERO_VERDICT_DAMAGE || verdict == AERO_VERDICT_REFUSED;
}

aero_status aero_recover(struct aero_disk disk, const struct aero_recovery_progress *progress,
                         struct aero_recovered *out_recovered,
                         struct aero_recovery_report *out_report)
{
    struct aero_recovery r = {.disk = disk, .progress = progress, .report = out_report};
    *out_report = (struct aero_recovery_report){.evidence = "none"};
    aero_status status = run(&r);
    if (aero_is_ok(status)) {
        give_result(&r, out_recovered);
    } else if (!is_refusal(out_report->verdict) && status.code != AERO_NOT_FOUND) {
        char error[AERO_ERROR_TEXT_BYTES];
        aero_error_format(status, error);
        aero_status refused =
            aero_recovery_refuse(&r, status.code, "", "The disk failed: %s.", error);
        refused.sys_errno = status.sys_errno;
        status = refused;
    }
    aero_manifest_deinit(&r.manifest);
    aero_tree_free(r.tree);
    aero_snapshot_check_free(r.transfer);
    free(r.segments);
    return status;
}

void aero_recovered_deinit(struct aero_recovered *recovered)
{
    aero_manifest_deinit(&recovered->manifest);
    aero_tree_free(recovered->tree);
    aero_snapshot_check_free(recovered->transfer);
    free(recovered->files);
    *recovered = (struct aero_recovered){0};
}

aero_status aero_create(struct aero_disk disk, const struct aero_manifest *manifest)
{
    static const char *const directories[] = {"wal", "snapshots", "quarantine"};
    struct aero_manifest existing;
    struct aero_manifest_found found;
    bool holds = false;
    aero_status status = aero_manifest_read(disk, &existing, &found);
    if (aero_is_ok(status)) {
        aero_manifest_deinit(&existing);
        return aero_error(AERO_EXISTS);
    }
    if (status.code == AERO_CORRUPT || status.code == AERO_UNSUPPORTED) {
        return aero_error(AERO_EXISTS);
    }
    if (status.code != AERO_NOT_FOUND) {
        return status;
    }
    AERO_TRY(holds_data(disk, &holds));
    if (holds) {
        return aero_error(AERO_EXISTS);
    }
    AERO_TRY(holds_strangers(disk, &holds));
    if (holds) {
        return aero_error(AERO_MISMATCH);
    }
    for (size_t i = 0; i < 3; i++) {
        AERO_TRY(disk.ops->make_directory(disk.self, directories[i]));
    }
    AERO_TRY(disk.ops->sync_directory(disk.self, ""));
    struct aero_manifest copy;
    aero_manifest_copy(&copy, manifest);
    status = aero_manifest_write(disk, &copy);
    aero_manifest_deinit(&copy);
    return status;
}
