/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks that a snapshot file is made of, and the one walk over them that loads, checks and resumes.
 * Source: docs/formats.md, "Snapshot". */
#ifndef AERO_ENGINE_SNAPSHOT_BLOCK_PRIV_H
#define AERO_ENGINE_SNAPSHOT_BLOCK_PRIV_H

#include "engine/codec_priv.h"
#include "engine/snapshot.h"

#define AERO_SNAPSHOT_HEAD_BYTES ((size_t)48)
#define AERO_SNAPSHOT_ENTRY_HEAD_BYTES ((size_t)6)
#define AERO_SNAPSHOT_PAYLOAD_MAX \
    (AERO_SNAPSHOT_ENTRY_HEAD_BYTES + AERO_TREE_KEY_MAX + AERO_TREE_VALUE_MAX)
#define AERO_SNAPSHOT_VERSION 1U

enum aero_snapshot_block_kind {
    AERO_BLOCK_HEADER = 1,
    AERO_BLOCK_ENTRIES = 2,
    AERO_BLOCK_TRAILER = 3,
};

struct aero_snapshot_block {
    enum aero_snapshot_block_kind kind;
    uint64_t index;
    uint64_t id64; /* the first 8 bytes of the snapshot's id */
    uint64_t payload_length;
    uint64_t payload_hash;
};

/* Makes room for a head; the payload is appended behind it and aero_snapshot_block_end fills the head in. */
size_t aero_snapshot_block_begin(struct aero_buffer *out);
void aero_snapshot_block_end(struct aero_buffer *out, size_t start,
                             enum aero_snapshot_block_kind kind, uint64_t index, aero_id id);
/* AERO_INCOMPLETE: fewer bytes than a head. AERO_CORRUPT: it does not verify alone. */
aero_status aero_snapshot_block_decode(struct aero_slice bytes,
                                       struct aero_snapshot_block *out_block);

void aero_snapshot_put_header(struct aero_buffer *out, const struct aero_snapshot_header *header);
void aero_snapshot_put_entry(struct aero_buffer *out, struct aero_slice key,
                             struct aero_slice value);
void aero_snapshot_put_trailer(struct aero_buffer *out, struct aero_summary summary,
                               uint64_t entry_blocks);

/* ---- The walk ------------------------------------------------------------------------------------------- */

struct aero_snapshot_walk {
    struct aero_tree *tree; /* NULL: only verify */
    /* NULL: takes all. */
    bool (*takes_entry)(struct aero_slice key, struct aero_slice value);
    struct aero_snapshot_header header;
    bool has_header;
    bool done;
    uint64_t block_count;
    uint64_t id64;
    uint64_t offset; /* everything before it is verified whole blocks */
    struct aero_buffer last_key;
    struct aero_summary summary; /* of the entries so far */
};

void aero_snapshot_walk_deinit(struct aero_snapshot_walk *walk);
/* Takes the block at the beginning of `bytes`. AERO_INCOMPLETE: *out_need is how many bytes it takes to go on. */
aero_status aero_snapshot_walk_block(struct aero_snapshot_walk *walk, struct aero_slice bytes,
                                     size_t *out_taken, size_t *out_need);

#endif
