/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/operation.h"
#include "engine/snapshot.h"
#include "engine/summary.h"

struct aero_replay {
    struct aero_disk disk;
    struct aero_manifest manifest;
    struct aero_wal_list list;
    size_t next_segment; /* in the list */
    struct aero_wal_reader *reader;
    struct aero_position start;
    struct aero_position position;
    struct aero_tree *tree; /* NULL: without state */
    struct aero_position base;
    bool base_confirmed; /* the log's chain at the base is the base's: `position` is not below it */
};

static aero_status refuse(struct aero_replay_place *out_place, aero_status status, const char *file,
                          uint64_t offset, aero_lsn lsn, const char *text)
{
    *out_place = (struct aero_replay_place){.offset = offset, .lsn = lsn, .text = text};
    snprintf(out_place->file, sizeof out_place->file, "%s", file);
    return status;
}

/* ---- The base ----------------------------------------------------------------------------------------------- */

aero_status aero_replay_load_base(struct aero_disk disk, const struct aero_manifest *manifest,
                                  struct aero_position start, struct aero_tree **out_tree,
                                  struct aero_position *out_base)
{
    struct aero_tree *tree = aero_tree_new();
    if (start.lsn.value == 0) {
        *out_tree = tree;
        *out_base = start;
        return aero_ok();
    }
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        const struct aero_snapshot_entry *entry = &manifest->snapshots[i];
        struct aero_snapshot_header header;
        char name[AERO_DISK_NAME_MAX];
        uint64_t bad_offset;
        if (entry->damaged || entry->position.lsn.value < start.lsn.value) {
            continue;
        }
        aero_snapshot_name(entry, name);
        aero_status status = aero_snapshot_load(disk, name, tree, &header, &bad_offset);
        if (aero_is_ok(status)) {
            *out_tree = tree;
            *out_base = header.position;
            aero_snapshot_header_deinit(&header);
            return aero_ok();
        }
        aero_tree_free(tree);
        tree = aero_tree_new();
        if (status.code == AERO_CRASHED) {
            aero_tree_free(tree);
            return status;
        }
    }
    aero_tree_free(tree);
    return aero_error(AERO_NOT_FOUND);
}

/* ---- Records ------------------------------------------------------------------------------------------------ */

static aero_status compare_digest(struct aero_tree *tree, struct aero_slice payload)
{
    struct aero_digest_payload digest;
    AERO_TRY(aero_digest_decode(payload, &digest));
    bool agrees = aero_summary_equal(digest.summary, aero_tree_summary(tree));
    return agrees ? aero_ok() : aero_error(AERO_MISMATCH);
}

aero_status aero_replay_apply(struct aero_tree *tree, const struct aero_wal_record *record)
{
    aero_wall_ms clock;
    if (record->header.type == AERO_RECORD_DIGEST) {
        return compare_digest(tree, record->payload);
    }
    AERO_TRY(aero_apply_commit(tree, record->payload, &clock));
    aero_tree_reclaim(tree, UINT32_MAX);
    return aero_ok();
}

/* The base's chain value is believed once the log agrees (decision 12). */
static aero_status confirm_base(struct aero_replay *replay, const char *file, uint64_t offset,
                                struct aero_replay_place *out_place)
{
    if (replay->tree == NULL || replay->position.lsn.value != replay->base.lsn.value) {
        return aero_ok();
    }
    if (replay->position.chain != replay->base.chain) {
        return refuse(out_place, aero_error(AERO_CORRUPT), file, offset, replay->position.lsn,
                      "the snapshot that the state begins with is of another history");
    }
    replay->base_confirmed = true;
    return aero_ok();
}

static aero_status open_segment(struct aero_replay *replay, struct aero_replay_place *out_place)
{
    const struct aero_wal_listed *segment = &replay->list.segments[replay->next_segment];
    bool first = replay->next_segment == 0;
    aero_lsn lsn = aero_lsn_next(replay->position.lsn);
    aero_status status =
        aero_wal_reader_open(replay->disk, segment->name, segment->bound, &replay->reader);
    if (!aero_is_ok(status)) {
        bool torn = replay->next_segment + 1 == replay->list.count && !first &&
                    (status.code == AERO_INCOMPLETE || status.code == AERO_CORRUPT);
        replay->reader = NULL;
        return refuse(out_place, torn ? aero_error(AERO_NOT_FOUND) : status, segment->name, 0, lsn,
                      "the segment's header does not verify");
    }
    struct aero_position before = aero_wal_reader_position(replay->reader);
    if (!aero_position_equal(before, replay->position)) {
        return refuse(out_place, aero_error(AERO_CORRUPT), segment->name, 0, lsn,
                      "the segment does not continue the one before it");
    }
    replay->next_segment++;
    return confirm_base(replay, segment->name, 0, out_place);
}

/* The reader stopped: at the segment's end, at the log's, or at damage. */
static aero_status finish_segment(struct aero_replay *replay, struct aero_replay_place *out_place)
{
    const struct aero_wal_listed *segment = &replay->list.segments[replay->next_segment - 1];
    bool last = replay->next_segment == replay->list.count;
    bool whole = aero_wal_reader_stop(replay->reader) != AERO_STOP_INVALID;
    uint64_t offset = aero_wal_reader_offset(replay->reader);
    aero_wal_reader_close(replay->reader);
    replay->reader = NULL;
    if (last) {
        return refuse(out_place, aero_error(AERO_NOT_FOUND), segment->name, offset,
                      aero_lsn_next(replay->position.lsn),
                      whole ? "the log ends here" : "the log ends in bytes that are no record");
    }
    bool next_begun =
        aero_is_ok(segment[1].header_status); /* else open_segment says what is wrong with it */
    if (!whole || (next_begun && segment->bound == 0)) {
        return refuse(out_place, aero_error(AERO_CORRUPT), segment->name, offset,
                      aero_lsn_next(replay->position.lsn),
                      "a record is missing, though a later segment follows");
    }
    return aero_ok();
}

static aero_status take_record(struct aero_replay *replay, const struct aero_wal_record *record,
                               struct aero_replay_place *out_place)
{
    const char *file = replay->list.segments[replay->next_segment - 1].name;
    replay->position =
        (struct aero_position){.lsn = record->header.lsn, .chain = record->header.chain};
    if (replay->tree == NULL || record->header.lsn.value <= replay->base.lsn.value) {
        return confirm_base(replay, file, record->offset, out_place);
    }
    aero_status status = aero_replay_apply(replay->tree, record);
    if (aero_is_ok(status)) {
        return status;
    }
    return refuse(out_place, aero_error(AERO_CORRUPT), file, record->offset, record->header.lsn,
                  status.code == AERO_MISMATCH
                      ? "the state does not have the digest that the log says"
                      : "the record's payload is no commit");
}

aero_status aero_replay_next(struct aero_replay *replay, struct aero_wal_record *out_record,
                             struct aero_replay_place *out_place)
{
    for (;;) {
        if (replay->reader == NULL) {
            if (replay->next_segment == replay->list.count) {
                return refuse(out_place, aero_error(AERO_NOT_FOUND), "wal", 0,
                              aero_lsn_next(replay->position.lsn), "the log ends here");
            }
            AERO_TRY(open_segment(replay, out_place));
        }
        aero_status status = aero_wal_reader_next(replay->reader, out_record);
        if (aero_is_ok(status)) {
            return take_record(replay, out_record, out_place);
        }
        if (status.code != AERO_NOT_FOUND) {
            return refuse(out_place, status, replay->list.segments[replay->next_segment - 1].name,
                          aero_wal_reader_offset(replay->reader),
                          aero_lsn_next(replay->position.lsn), "the segment cannot be read");
        }
        AERO_TRY(finish_segment(replay, out_place));
    }
}

/* ---- Life --------------------------------------------------------------------------------------------------- */

/* A log without a segment ends where it begins: at the snapshot that a replica was given, else before everything. */
static aero_status find_start(struct aero_replay *replay, struct aero_replay_place *out_place)
{
    const struct aero_manifest *manifest = &replay->manifest;
    if (replay->list.count == 0) {
        for (size_t i = 0; i < manifest->snapshot_count; i++) {
            if (!manifest->snapshots[i].damaged) {
                replay->start = manifest->snapshots[i].position;
            }
        }
        return aero_ok();
    }
    const struct aero_wal_listed *first = &replay->list.segments[0];
    if (!aero_is_ok(first->header_status)) {
        return refuse(out_place, first->header_status, first->name, 0, first->named_lsn,
                      "the first segment's header does not verify");
    }
    replay->start = first->header.prev_end;
    return aero_ok();
}

static aero_status start(struct aero_replay *replay, bool with_state,
                         struct aero_replay_place *out_place)
{
    struct aero_manifest_found found;
    aero_status status = aero_manifest_read(replay->disk, &replay->manifest, &found);
    if (!aero_is_ok(status)) {
        return refuse(out_place, status, AERO_MANIFEST_FILE, 0, aero_lsn_of(0),
                      "there is no manifest that can be used");
    }
    status = aero_wal_list_read(replay->disk, replay->manifest.wal_floor_sequence, &replay->list);
    if (!aero_is_ok(status)) {
        return refuse(out_place, status, "wal", 0, aero_lsn_of(0), "it cannot be listed");
    }
    AERO_TRY(find_start(replay, out_place));
    replay->position = replay->start;
    if (!with_state) {
        return aero_ok();
    }
    status = aero_replay_load_base(replay->disk, &replay->manifest, replay->start, &replay->tree,
                                   &replay->base);
    if (!aero_is_ok(status)) {
        return refuse(out_place, aero_error(AERO_CORRUPT), "snapshots", 0, replay->start.lsn,
                      "no whole snapshot stands where the log begins");
    }
    return confirm_base(replay, "wal", 0, out_place);
}

aero_status aero_replay_open(struct aero_disk disk, bool with_state,
                             struct aero_replay **out_replay, struct aero_replay_place *out_place)
{
    struct aero_replay *replay = aero_calloc(1, sizeof *replay);
    replay->disk = disk;
    aero_status status = start(replay, with_state, out_place);
    if (!aero_is_ok(status)) {
        aero_replay_close(replay);
        return status;
    }
    *out_replay = replay;
    return aero_ok();
}

void aero_replay_close(struct aero_replay *replay)
{
    if (replay != NULL) {
        aero_wal_reader_close(replay->reader);
        aero_wal_list_deinit(&replay->list);
        aero_manifest_deinit(&replay->manifest);
        if (replay->tree != NULL) {
            aero_tree_free(replay->tree);
        }
        free(replay);
    }
}

const struct aero_manifest *aero_replay_manifest(const struct aero_replay *replay)
{
    return &replay->manifest;
}

struct aero_position aero_replay_position(const struct aero_replay *replay)
{
    return replay->position;
}

bool aero_replay_summary(const struct aero_replay *replay, struct aero_summary *out_summary)
{
    if (replay->tree == NULL || !replay->base_confirmed) {
        return false;
    }
    *out_summary = aero_tree_summary(replay->tree);
    return true;
}
