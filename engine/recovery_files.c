/* SPDX-License-Identifier: Apache-2.0 */
/* What is there: segments and snapshots by name and header, and whether they belong to this node (decision 13). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/disk_failure.h"
#include "engine/recovery_priv.h"
#include "engine/snapshot.h"

static int compare_segments(const void *a, const void *b)
{
    const struct aero_recovery_segment *left = a;
    const struct aero_recovery_segment *right = b;
    return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

/* Names only. Files below the floor are as good as deleted: a truncation was under way. */
static void note_names(struct aero_recovery *r, const struct aero_buffer *list)
{
    const struct aero_disk_entry *entries = (const struct aero_disk_entry *)list->data;
    size_t count = list->length / sizeof *entries;
    r->segments = aero_calloc(count + 1, sizeof *r->segments);
    for (size_t i = 0; i < count; i++) {
        struct aero_recovery_segment *segment = &r->segments[r->count];
        if (!aero_segment_name_parse(entries[i].name, &segment->name_lsn, &segment->sequence) ||
            segment->sequence < r->manifest.wal_floor_sequence) {
            continue;
        }
        aero_segment_name(segment->name_lsn, segment->sequence, segment->file.name);
        segment->size_bytes = entries[i].size_bytes;
        r->wal_bytes += entries[i].size_bytes;
        r->count++;
    }
    if (r->count != 0) {
        qsort(r->segments, r->count, sizeof *r->segments, compare_segments);
    }
}

static aero_status read_header(struct aero_recovery *r, struct aero_recovery_segment *segment)
{
    struct aero_wal_reader *reader = NULL;
    aero_status status = aero_wal_reader_open(r->disk, segment->file.name, 0, &reader);
    if (status.code == AERO_UNSUPPORTED) {
        return aero_recovery_refuse(r, status.code, segment->file.name,
                                    "A newer version of AeroDB wrote %s.", segment->file.name);
    }
    if (aero_disk_is_refusal(status)) {
        return status;
    }
    if (aero_is_ok(status)) {
        segment->file.header = *aero_wal_reader_header(reader);
        segment->header_valid = segment->file.header.sequence == segment->sequence &&
                                segment->file.header.first_lsn.value == segment->name_lsn.value;
        aero_wal_reader_close(reader);
    }
    return aero_ok();
}

static aero_status check_belongs(struct aero_recovery *r,
                                 const struct aero_recovery_segment *segment)
{
    const struct aero_segment_header *header = &segment->file.header;
    const struct aero_manifest *manifest = &r->manifest;
    const char *name = segment->file.name;
    if (!aero_id_equal(header->cluster_id, manifest->cluster_id)) {
        return aero_recovery_refuse(
            r, AERO_MISMATCH, name,
            "%s is a segment of another cluster: move it away, or put its own manifest back.",
            name);
    }
    if (header->epoch.value > manifest->epoch.value) {
        return aero_recovery_refuse(r, AERO_MISMATCH, name,
                                    "%s is of epoch %" PRIu64 ", the manifest only of %" PRIu64
                                    ": it was rolled back. Put the newer manifest back.",
                                    name, header->epoch.value, manifest->epoch.value);
    }
    if (aero_history_find(&manifest->history, header->incarnation) == NULL) {
        return aero_recovery_refuse(
            r, AERO_MISMATCH, name,
            "%s is of an incarnation that the manifest's history does not know: 'aeroctl salvage' "
            "was interrupted (run it again), the manifest was rolled back (put the newer one "
            "back), or the file comes from elsewhere.",
            name);
    }
    if (r->proof.generation != 0 && r->proof.segment_sequence == header->sequence &&
        !aero_id_equal(r->proof.segment_nonce, header->nonce)) {
        return aero_recovery_refuse(r, AERO_MISMATCH, name,
                                    "%s is not the segment %" PRIu64
                                    " that the durable file speaks of: one of the two "
                                    "comes from elsewhere.",
                                    name, header->sequence);
    }
    const struct aero_segment_start *start =
        aero_history_find_segment(&manifest->history, header->sequence);
    if (start != NULL && !aero_id_equal(start->nonce, header->nonce)) {
        return aero_recovery_refuse(r, AERO_MISMATCH, name,
                                    "%s is not the segment %" PRIu64
                                    " that the manifest knows: the file comes from "
                                    "elsewhere.",
                                    name, header->sequence);
    }
    return aero_ok();
}

aero_status aero_recovery_find_segments(struct aero_recovery *r)
{
    struct aero_buffer list = {0};
    aero_status status = r->disk.ops->list(r->disk.self, "wal", &list);
    if (aero_is_ok(status) || status.code == AERO_NOT_FOUND) {
        note_names(r, &list);
        status = aero_ok();
    }
    aero_buffer_deinit(&list);
    AERO_TRY(status);
    for (size_t i = 0; i < r->count; i++) {
        if (i > 0 && r->segments[i].sequence == r->segments[i - 1].sequence) {
            return aero_recovery_refuse(
                r, AERO_MISMATCH, r->segments[i].file.name,
                "%s and %s claim to be the same segment: one of them comes from elsewhere.",
                r->segments[i - 1].file.name, r->segments[i].file.name);
        }
        AERO_TRY(read_header(r, &r->segments[i]));
        if (r->segments[i].header_valid) {
            AERO_TRY(check_belongs(r, &r->segments[i]));
        }
    }
    return aero_ok();
}

/* ---- Snapshots --------------------------------------------------------------------------------------------- */

/* A replica's snapshot is durable under its name before the manifest names it, and with it the cluster and the epoch: a crash
 * in between leaves a file that nobody counts on, and which the next transfer replaces. */
static bool is_unfinished_bootstrap(const struct aero_manifest *manifest, aero_id id)
{
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (aero_id_equal(manifest->snapshots[i].id, id)) {
            return false;
        }
    }
    return manifest->role == AERO_ROLE_REPLICA;
}

static aero_status check_snapshot(struct aero_recovery *r, const char *base_name)
{
    char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header;
    size_t length = strlen(base_name);
    if (length < 5 || strcmp(base_name + length - 5, ".snap") != 0 ||
        snprintf(name, sizeof name, "snapshots/%s", base_name) >= (int)sizeof name) {
        return aero_ok();
    }
    aero_status status = aero_snapshot_read_header(r->disk, name, &header);
    if (!aero_is_ok(status)) {
        /* Damage is found where it matters: when the snapshot is loaded. */
        return status.code == AERO_CRASHED ? status : aero_ok();
    }
    if (is_unfinished_bootstrap(&r->manifest, header.id)) {
        aero_snapshot_header_deinit(&header);
        return aero_ok();
    }
    bool other_cluster = !aero_id_equal(header.cluster_id, r->manifest.cluster_id);
    bool newer = header.epoch.value > r->manifest.epoch.value;
    aero_snapshot_header_deinit(&header);
    if (other_cluster) {
        return aero_recovery_refuse(r, AERO_MISMATCH, name,
                                    "%s is a snapshot of another cluster: move it away, or put "
                                    "its own manifest back.",
                                    name);
    }
    if (newer) {
        return aero_recovery_refuse(
            r, AERO_MISMATCH, name,
            "%s is of a higher epoch than the manifest: it was rolled back. Put the newer "
            "manifest back.",
            name);
    }
    return aero_ok();
}

aero_status aero_recovery_check_snapshots(struct aero_recovery *r)
{
    struct aero_buffer list = {0};
    aero_status status = r->disk.ops->list(r->disk.self, "snapshots", &list);
    const struct aero_disk_entry *entries = (const struct aero_disk_entry *)list.data;
    for (size_t i = 0; aero_is_ok(status) && i < list.length / sizeof *entries; i++) {
        status = check_snapshot(r, entries[i].name);
    }
    aero_buffer_deinit(&list);
    return status.code == AERO_NOT_FOUND ? aero_ok() : status;
}
