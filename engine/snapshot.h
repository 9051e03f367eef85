/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: the sorted entries of one read view, in checksummed blocks, with the history that led there.
 *
 * The writer is a sans-I/O core: it hands out requests, one bounded piece at a time, syncing as it goes; the pieces are made
 * from the view where the requests run. It recomputes count and digest from the bytes (decision 19) and refuses to finish
 * when they disagree with the view. Temporary name, sync, rename, directory sync; only then may the manifest name it
 * (FM-9.1). The loader verifies every block, the order, the count and the digest, and builds the tree bottom-up.
 * Source: docs/formats.md, "Snapshot". */
#ifndef AERO_ENGINE_SNAPSHOT_H
#define AERO_ENGINE_SNAPSHOT_H

#include "engine/disk.h"
#include "engine/history.h"
#include "engine/manifest.h"
#include "engine/tree.h"

/* A block is at most this, unless one entry is larger. */
#define AERO_SNAPSHOT_BLOCK_BYTES ((size_t)256 << 10)

struct aero_snapshot_header {
    aero_id cluster_id;
    aero_id id;
    aero_epoch epoch;
    struct aero_position position; /* the state after this record */
    uint64_t sequence;             /* the segment that holds position.lsn + 1 */
    aero_wall_ms expiry_clock;
    struct aero_summary summary;
    struct aero_history history;
};

/* One that a replica is being sent, until it is whole. */
#define AERO_SNAPSHOT_INCOMING "snapshots/incoming.tmp"

/* The writer's place in its owner's handle table. */
#define AERO_SNAPSHOT_HANDLE 1U

struct aero_snapshot_writer;
/* `view` must stay open until the writer is freed. `header` is copied; its summary comes from the view. */
struct aero_snapshot_writer *aero_snapshot_writer_new(const struct aero_snapshot_header *header,
                                                      const struct aero_view *view);
void aero_snapshot_writer_free(struct aero_snapshot_writer *writer);
/* The next request, or NULL when finished or failed. One at a time. */
const struct aero_disk_request *aero_snapshot_writer_next(struct aero_snapshot_writer *writer);
void aero_snapshot_writer_on_completion(struct aero_snapshot_writer *writer,
                                        const struct aero_disk_completion *completion);
bool aero_snapshot_writer_done(const struct aero_snapshot_writer *writer);
/* OK when the file is durable under its name; AERO_CORRUPT when the view disagreed with itself. The temporary file of a
 * failed one is removed (decision 22). */
aero_status aero_snapshot_writer_result(const struct aero_snapshot_writer *writer,
                                        struct aero_snapshot_entry *out_entry);

void aero_snapshot_name(const struct aero_snapshot_entry *entry, char out_name[AERO_DISK_NAME_MAX]);

/* Loads and verifies a whole file (may wait). Fills `tree`, which must be empty; after an error the tree is good for
 * nothing but aero_tree_free. Errors: AERO_CORRUPT with the offset of the block that does not verify, AERO_UNSUPPORTED,
 * what the disk said. */
aero_status aero_snapshot_load(struct aero_disk disk, const char *name, struct aero_tree *tree,
                               struct aero_snapshot_header *out_header, uint64_t *out_bad_offset);
/* Only the first block. */
aero_status aero_snapshot_read_header(struct aero_disk disk, const char *name,
                                      struct aero_snapshot_header *out_header);
void aero_snapshot_header_deinit(struct aero_snapshot_header *header);

/* Verifies a file that arrives in pieces of any size, in order: for transfers. Holds at most one block and a piece. */
struct aero_snapshot_check;
struct aero_snapshot_check *aero_snapshot_check_new(void);
void aero_snapshot_check_free(struct aero_snapshot_check *check);
/* From now on an entry that `takes_entry` does not take is AERO_INVALID: what an entry means is not the engine's to know. */
void aero_snapshot_check_entries(struct aero_snapshot_check *check,
                                 bool (*takes_entry)(struct aero_slice key,
                                                     struct aero_slice value));
/* AERO_CORRUPT, AERO_UNSUPPORTED, AERO_INVALID: this and every later call. */
aero_status aero_snapshot_check_feed(struct aero_snapshot_check *check, struct aero_slice bytes);
/* The offset up to which everything is verified whole blocks. */
uint64_t aero_snapshot_check_verified(const struct aero_snapshot_check *check);
/* True when the trailer agreed and nothing came behind it. */
bool aero_snapshot_check_done(const struct aero_snapshot_check *check);
/* What the first block says; NULL before it is verified. */
const struct aero_snapshot_header *
aero_snapshot_check_header(const struct aero_snapshot_check *check);

#endif
