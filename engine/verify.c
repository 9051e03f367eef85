/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/replay.h"
#include "engine/snapshot.h"
#include "engine/summary.h"
#include "engine/verify_priv.h"

#define READ_BYTES ((size_t)1 << 20)

void aero_verify_tell(struct aero_verify *verify, enum aero_finding_level level, const char *file,
                      uint64_t offset, aero_lsn lsn, const char *format, ...)
{
    struct aero_finding finding = {.level = level, .offset = offset, .lsn = lsn};
    va_list arguments;
    snprintf(finding.file, sizeof finding.file, "%s", file);
    va_start(arguments, format);
    vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    verify->report.note_count += level == AERO_FINDING_NOTE;
    verify->report.warning_count += level == AERO_FINDING_WARNING;
    verify->report.damage_count += level == AERO_FINDING_DAMAGE;
    verify->observer->finding(verify->observer->self, &finding);
}

void aero_verify_progress(struct aero_verify *verify, const char *file, uint64_t more_bytes)
{
    verify->report.byte_count += more_bytes;
    if (verify->observer->progress != NULL) {
        verify->observer->progress(verify->observer->self, file, verify->report.byte_count,
                                   verify->total_bytes);
    }
}

bool aero_verify_may_be_gone(const struct aero_verify *verify, aero_status status)
{
    return verify->options->moving && status.code == AERO_NOT_FOUND;
}

/* ---- Manifest and proof ------------------------------------------------------------------------------------- */

static const char *fault_text(aero_status status)
{
    return status.code == AERO_NOT_FOUND ? "it is missing" : aero_code_text(status.code);
}

static void check_manifest(struct aero_verify *verify)
{
    struct aero_manifest_found found = {0};
    aero_status status = aero_manifest_read(verify->disk, &verify->manifest, &found);
    if (!aero_is_ok(status)) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                         "no slot can be used: %s. The node does not start without it: bring the "
                         "directory back from a backup or from another node.",
                         fault_text(status));
        return;
    }
    verify->manifest_known = true;
    verify->report.cluster_id = verify->manifest.cluster_id;
    for (unsigned i = 0; i < 2; i++) {
        if (!found.slot_valid[i]) {
            aero_verify_tell(verify, AERO_FINDING_WARNING, AERO_MANIFEST_FILE,
                             i * AERO_MANIFEST_SLOT_BYTES, aero_lsn_of(0),
                             "one of its two slots does not verify; the other one does, and the "
                             "node's next start writes both");
        }
    }
    if (found.slot_valid[0] && found.slot_valid[1] && found.generation[0] != found.generation[1]) {
        aero_verify_tell(verify, AERO_FINDING_NOTE, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                         "its slots are of different generations: a write was interrupted, and the "
                         "newer one counts");
    }
    for (size_t i = 0; i < verify->manifest.damaged_count; i++) {
        aero_verify_tell(verify, AERO_FINDING_WARNING, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                         "it knows segment %llu to be damaged",
                         (unsigned long long)verify->manifest.damaged_segments[i]);
    }
    if (verify->manifest.gate != AERO_GATE_OPEN) {
        aero_verify_tell(verify, AERO_FINDING_NOTE, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                         "this node takes no writes: %s", verify->manifest.gate_reason);
    }
    if (verify->manifest.halt_reason[0] != '\0') {
        aero_verify_tell(verify, AERO_FINDING_NOTE, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                         "this replica is halted: %s", verify->manifest.halt_reason);
    }
}

/* Losing the proof is harmless by design (decision 5): it says less then, never anything wrong. */
static void check_proof(struct aero_verify *verify)
{
    verify->proof_known = aero_is_ok(aero_proof_read(verify->disk, &verify->proof));
    if (!verify->proof_known && verify->list.count != 0 && !verify->options->moving) {
        aero_verify_tell(
            verify, AERO_FINDING_WARNING, AERO_PROOF_FILE, 0, aero_lsn_of(0),
            "no slot can be read: what the log's last group is rests on the log alone");
    }
}

/* ---- Snapshots ---------------------------------------------------------------------------------------------- */

/* Feeds the whole file to the checker. *out_offset: up to where it verified. */
static aero_status check_blocks(struct aero_verify *verify, const char *name,
                                struct aero_snapshot_check *check, uint64_t *out_size)
{
    struct aero_disk_file *file;
    uint64_t offset = 0;
    size_t got = 0;
    AERO_TRY(verify->disk.ops->open(verify->disk.self, name, AERO_DISK_READ, &file));
    uint8_t *piece = aero_malloc(READ_BYTES);
    aero_status status;
    do {
        status = verify->disk.ops->read(verify->disk.self, file, offset, piece, READ_BYTES, &got);
        if (aero_is_ok(status)) {
            status = aero_snapshot_check_feed(check, aero_slice_of(piece, got));
            offset += got;
            aero_verify_progress(verify, name, got);
        }
    } while (aero_is_ok(status) && got == READ_BYTES);
    free(piece);
    verify->disk.ops->close(verify->disk.self, file);
    *out_size = offset;
    if (aero_is_ok(status) && !aero_snapshot_check_done(check)) {
        return aero_error(AERO_CORRUPT);
    }
    return status;
}

static bool entry_agrees(const struct aero_snapshot_entry *entry,
                         const struct aero_snapshot_header *header, aero_id cluster_id)
{
    struct aero_summary told = {.count = entry->entry_count, .digest = entry->digest};
    return aero_id_equal(entry->id, header->id) && aero_id_equal(cluster_id, header->cluster_id) &&
           aero_position_equal(entry->position, header->position) &&
           aero_summary_equal(told, header->summary);
}

static void check_snapshot(struct aero_verify *verify, size_t index)
{
    const struct aero_snapshot_entry *entry = &verify->manifest.snapshots[index];
    char name[AERO_DISK_NAME_MAX];
    uint64_t size = 0;
    aero_snapshot_name(entry, name);
    if (entry->damaged) {
        aero_verify_tell(verify, AERO_FINDING_WARNING, name, 0, entry->position.lsn,
                         "the manifest knows this snapshot to be damaged; it is never used");
        return;
    }
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    aero_status status = check_blocks(verify, name, check, &size);
    if (aero_is_ok(status)) {
        verify->report.snapshot_count++;
        verify->snapshot_whole[index] =
            entry_agrees(entry, aero_snapshot_check_header(check), verify->manifest.cluster_id);
        if (!verify->snapshot_whole[index]) {
            aero_verify_tell(verify, AERO_FINDING_DAMAGE, name, 0, entry->position.lsn,
                             "it is whole, and not the snapshot that the manifest names");
        }
    } else if (!aero_verify_may_be_gone(verify, status)) {
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, name, aero_snapshot_check_verified(check),
                         entry->position.lsn,
                         "this snapshot cannot be used from here on: %s. A start uses the older "
                         "one and the log behind it; take a new one with 'aeroctl checkpoint'.",
                         fault_text(status));
    }
    aero_snapshot_check_free(check);
}

/* Files that nobody names: left by an interrupted checkpoint, or put there by hand. */
static void note_strangers(struct aero_verify *verify)
{
    struct aero_buffer entries = {0};
    if (verify->options->moving ||
        !aero_is_ok(verify->disk.ops->list(verify->disk.self, "snapshots", &entries))) {
        return;
    }
    const struct aero_disk_entry *entry = (const struct aero_disk_entry *)entries.data;
    for (size_t i = 0; i < entries.length / sizeof *entry; i++) {
        char path[AERO_DISK_NAME_MAX + 16];
        bool named = false;
        snprintf(path, sizeof path, "snapshots/%s", entry[i].name);
        for (size_t k = 0; k < verify->manifest.snapshot_count && !named; k++) {
            char name[AERO_DISK_NAME_MAX];
            aero_snapshot_name(&verify->manifest.snapshots[k], name);
            named = strcmp(name, path) == 0;
        }
        if (!named) {
            char shown[AERO_DISK_NAME_MAX];
            snprintf(shown, sizeof shown, "%.120s", path);
            aero_verify_tell(verify, AERO_FINDING_NOTE, shown, 0, aero_lsn_of(0),
                             "the manifest does not name this file; it is not used");
        }
    }
    aero_buffer_deinit(&entries);
}

/* ---- State -------------------------------------------------------------------------------------------------- */

static void load_base(struct aero_verify *verify)
{
    if (!verify->options->state || !verify->manifest_known) {
        return;
    }
    struct aero_position start = {0};
    if (verify->list.count != 0) {
        if (!aero_is_ok(verify->list.segments[0].header_status)) {
            return;
        }
        start = verify->list.segments[0].header.prev_end;
    }
    aero_status status =
        aero_replay_load_base(verify->disk, &verify->manifest, start, &verify->tree, &verify->base);
    if (!aero_is_ok(status)) {
        verify->tree = NULL;
        aero_verify_tell(verify, AERO_FINDING_DAMAGE, "snapshots", 0, start.lsn,
                         "the log begins behind LSN %llu and no whole snapshot stands there: the "
                         "state cannot be had from this directory",
                         (unsigned long long)start.lsn.value);
    }
    verify->base_confirmed = verify->tree != NULL && start.lsn.value == 0;
}

/* The newest whole snapshot above the end of the log; NULL when there is none. */
static struct aero_tree *load_above(struct aero_verify *verify, struct aero_position *out_position)
{
    const struct aero_manifest *manifest = &verify->manifest;
    for (size_t i = manifest->snapshot_count; i > 0; i--) {
        const struct aero_snapshot_entry *entry = &manifest->snapshots[i - 1];
        struct aero_snapshot_header header;
        char name[AERO_DISK_NAME_MAX];
        uint64_t bad_offset;
        if (entry->damaged || entry->position.lsn.value <= verify->report.end.lsn.value) {
            continue;
        }
        struct aero_tree *tree = aero_tree_new();
        aero_snapshot_name(entry, name);
        if (aero_is_ok(aero_snapshot_load(verify->disk, name, tree, &header, &bad_offset))) {
            *out_position = header.position;
            aero_snapshot_header_deinit(&header);
            return tree;
        }
        aero_tree_free(tree);
    }
    return NULL;
}

/* A replica's log may end below the snapshot that it was given, or not have begun (tail_decision.h): the state is then the
 * snapshot's. */
static void finish_state(struct aero_verify *verify)
{
    if (verify->tree == NULL) {
        return;
    }
    struct aero_position position;
    struct aero_tree *above = load_above(verify, &position);
    const struct aero_tree *shown = above != NULL ? above : verify->tree;
    verify->report.state_known = above != NULL || verify->base_confirmed;
    verify->report.state_position = above != NULL ? position : verify->report.end;
    verify->report.state = aero_tree_summary(shown);
    aero_tree_free(above);
    aero_tree_free(verify->tree);
    verify->tree = NULL;
}

static uint64_t count_bytes(const struct aero_verify *verify)
{
    uint64_t total = 0;
    for (size_t i = 0; i < verify->list.count; i++) {
        total += verify->list.segments[i].size_bytes;
    }
    for (size_t i = 0; i < verify->manifest.snapshot_count; i++) {
        total += verify->manifest.snapshots[i].size_bytes;
    }
    return total;
}

static bool is_empty_directory(struct aero_disk disk)
{
    struct aero_disk_file *file;
    struct aero_buffer entries = {0};
    aero_status status = disk.ops->open(disk.self, AERO_MANIFEST_FILE, AERO_DISK_READ, &file);
    if (aero_is_ok(status)) {
        disk.ops->close(disk.self, file);
        return false;
    }
    bool wal = aero_is_ok(disk.ops->list(disk.self, "wal", &entries)) && entries.length != 0;
    aero_buffer_deinit(&entries);
    return status.code == AERO_NOT_FOUND && !wal;
}

aero_status aero_verify_directory(struct aero_disk disk, const struct aero_verify_options *options,
                                  const struct aero_verify_observer *observer,
                                  struct aero_verify_report *out_report)
{
    struct aero_verify verify = {.disk = disk, .options = options, .observer = observer};
    if (is_empty_directory(disk)) {
        return aero_error(AERO_NOT_FOUND);
    }
    check_manifest(&verify);
    aero_status status = aero_wal_list_read(disk, verify.manifest.wal_floor_sequence, &verify.list);
    if (!aero_is_ok(status)) {
        aero_verify_tell(&verify, AERO_FINDING_DAMAGE, "wal", 0, aero_lsn_of(0),
                         "the directory of segments cannot be listed: %s", fault_text(status));
    }
    check_proof(&verify);
    verify.total_bytes = count_bytes(&verify);
    for (size_t i = 0; i < verify.manifest.snapshot_count; i++) {
        check_snapshot(&verify, i);
    }
    note_strangers(&verify);
    load_base(&verify);
    aero_verify_wal(&verify);
    finish_state(&verify);
    aero_wal_list_deinit(&verify.list);
    aero_manifest_deinit(&verify.manifest);
    *out_report = verify.report;
    return aero_ok();
}
