/* SPDX-License-Identifier: Apache-2.0 */
/* A directory's log from its first record to its last, and the state after each, without changing a byte: for comparison
 * and for whoever wants to know what a log says without opening it for work. May wait on the disk.
 *
 * The state begins at a base: nothing, where the log reaches back to LSN 1, else the oldest snapshot that is whole, that
 * the log reaches, and whose chain value the log confirms (decision 12). Before the base there is no state. */
#ifndef AERO_ENGINE_REPLAY_H
#define AERO_ENGINE_REPLAY_H

#include "engine/manifest.h"
#include "engine/tree.h"
#include "engine/wal_list.h"
#include "engine/wal_reader.h"

/* Where reading cannot go on, and why. */
struct aero_replay_place {
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_lsn lsn; /* of the record that should be there */
    const char *text;
};

struct aero_replay;

/* Errors: AERO_NOT_FOUND: no manifest; AERO_CORRUPT: no base can be had; what the disk said.
 * *out_place is set with each of them. */
aero_status aero_replay_open(struct aero_disk disk, bool with_state,
                             struct aero_replay **out_replay, struct aero_replay_place *out_place);
void aero_replay_close(struct aero_replay *replay);

/* The next record, applied. AERO_NOT_FOUND: the end of the log, torn or clean. AERO_CORRUPT: a record is missing that
 * something proves, or a commit or digest disagrees; `out_place` says where. */
aero_status aero_replay_next(struct aero_replay *replay, struct aero_wal_record *out_record,
                             struct aero_replay_place *out_place);

const struct aero_manifest *aero_replay_manifest(const struct aero_replay *replay);
/* Of the last record read; before that, where the log begins. */
struct aero_position aero_replay_position(const struct aero_replay *replay);
/* Of the state after the last record read; false when there is none: without state, or below the base. */
bool aero_replay_summary(const struct aero_replay *replay, struct aero_summary *out_summary);

/* ---- Pieces, for verification ------------------------------------------------------------------------------ */

/* Applies a commit, or compares a digest record with the tree (decision 20). AERO_CORRUPT: the payload is none.
 * AERO_MISMATCH: the digest is of another state. */
aero_status aero_replay_apply(struct aero_tree *tree, const struct aero_wal_record *record);
/* Fills `tree` with the base for a log that begins behind `start`. *out_base is its position. AERO_NOT_FOUND: there is no
 * snapshot at or above it that is whole; the tree is then good for nothing but aero_tree_free. */
aero_status aero_replay_load_base(struct aero_disk disk, const struct aero_manifest *manifest,
                                  struct aero_position start, struct aero_tree **out_tree,
                                  struct aero_position *out_base);

#endif
