/* SPDX-License-Identifier: Apache-2.0 */
/* The keyspace: an ordered map from byte strings to byte strings, in memory, with O(1) read views.
 *
 * A B+tree with packed leaves. A view shares all nodes with the tree; the writer copies a node only while some
 * view can see it, so a view costs nothing to take and never blocks the writer. Every node carries the number of
 * entries below it and the sum of their hashes (decision 19), so counting a range, removing a range and naming
 * the state cost the edges of the range and not its contents.
 *
 * Shape:     keys 1..AERO_TREE_KEY_MAX bytes, values 0..AERO_TREE_VALUE_MAX bytes; order is aero_slice_compare.
 *            Large entries live out of line, reference counted, shared by tree and views.
 * Ownership: put copies key and value. Slices that get, cursors and removals return are borrowed and end with the
 *            next write to the tree (for a view: with the view).
 * Threads:   one writer thread. A view may be read by one other thread while the writer writes; opening and
 *            closing views belongs to the writer thread, closing frees in bounded steps (aero_tree_reclaim).
 * Invariants: DET-1 (digest depends on the set of entries alone), V-2 (a view is one commit boundary for ever).
 */
#ifndef AERO_ENGINE_TREE_H
#define AERO_ENGINE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/checksum.h"
#include "base/slice.h"

#define AERO_TREE_KEY_MAX ((size_t)65535)
#define AERO_TREE_VALUE_MAX ((size_t)64 << 20)

struct aero_tree;
struct aero_view;

/* Count and digest of a set of entries: two sets are equal if and only if these are (up to accidents). */
struct aero_summary {
    uint64_t count;
    struct aero_u128 digest;
};

/* The hash of one entry: XXH3-128 over the 48 bytes key length (u64), XXH3-128(key), value length (u64),
 * XXH3-128(value), all little-endian. A set's digest is the sum modulo 2^128. */
struct aero_u128 aero_entry_hash(struct aero_slice key, struct aero_slice value);

struct aero_tree *aero_tree_new(void);
void aero_tree_free(struct aero_tree *tree); /* all views must be closed */

bool aero_tree_get(const struct aero_tree *tree, struct aero_slice key,
                   struct aero_slice *out_value);

/* Returns whether the key existed. `out_old`, when not NULL, receives (appended) the value that was there. Key and value
 * must not be borrowed from this tree. */
bool aero_tree_put(struct aero_tree *tree, struct aero_slice key, struct aero_slice value,
                   struct aero_buffer *out_old);
bool aero_tree_delete(struct aero_tree *tree, struct aero_slice key, struct aero_buffer *out_old);
/* Removes [from, to); an empty `to` means "to the end". Returns the number of entries removed. */
uint64_t aero_tree_delete_range(struct aero_tree *tree, struct aero_slice from,
                                struct aero_slice to);

/* Asks for the memory that operations on these keys are going to touch: a hint that changes nothing, worth it when several
 * operations are known ahead. At most AERO_TREE_PREFETCH_MAX keys of at least one byte. */
#define AERO_TREE_PREFETCH_MAX 16U
void aero_tree_prefetch(const struct aero_tree *tree, const struct aero_slice *keys, size_t count);

/* Between the two much is put and nobody waits: recovery. A hint that changes nothing but the time it takes. */
void aero_tree_begin_load(struct aero_tree *tree);
void aero_tree_end_load(struct aero_tree *tree);

struct aero_summary aero_tree_summary(const struct aero_tree *tree);
/* Entries in [from, to); an empty `to` means "to the end". */
uint64_t aero_tree_count_range(const struct aero_tree *tree, struct aero_slice from,
                               struct aero_slice to);
/* Bytes of memory that nodes and values occupy, for INFO and limits. */
uint64_t aero_tree_memory_bytes(const struct aero_tree *tree);

/* Builds from sorted, unique entries (asserted), faster than put: begin on an empty tree, append in order, finish.
 * Until finish the tree shows nothing; a build that is given up is freed with the tree. */
void aero_tree_build_append(struct aero_tree *tree, struct aero_slice key, struct aero_slice value);
void aero_tree_build_finish(struct aero_tree *tree);

/* Views. */
struct aero_view *aero_view_open(struct aero_tree *tree);
void aero_view_close(struct aero_view *view); /* queues what only it saw for aero_tree_reclaim */
/* Frees at most about `node_budget` nodes (or four times as many large values) that neither tree nor view sees any more;
 * true when nothing is left to free. Range removals queue here as well: a host calls it when idle and every so many
 * commits. */
bool aero_tree_reclaim(struct aero_tree *tree, uint32_t node_budget);
bool aero_view_get(const struct aero_view *view, struct aero_slice key,
                   struct aero_slice *out_value);
struct aero_summary aero_view_summary(const struct aero_view *view);
/* Puts the tree back to what the view shows, in O(1); the view stays open. */
void aero_tree_restore(struct aero_tree *tree, const struct aero_view *view);

/* Recomputes count and digest from the bytes of every entry and compares each node with what it carries
 * (decision 19: the audit). Also checks order and structure. False when anything disagrees. */
bool aero_view_audit(const struct aero_view *view);

/* Cursors walk a tree or a view in order. A cursor over the tree ends with the next write to it. */
#define AERO_TREE_DEPTH_MAX 16
struct aero_cursor {
    const void *node[AERO_TREE_DEPTH_MAX];
    uint16_t index[AERO_TREE_DEPTH_MAX];
    uint8_t depth;
    bool valid;
};

void aero_cursor_seek(struct aero_cursor *cursor, const struct aero_tree *tree,
                      struct aero_slice from);
void aero_cursor_seek_view(struct aero_cursor *cursor, const struct aero_view *view,
                           struct aero_slice from);
/* The nth entry (from 0) in order, using the subtree counts: for RANDOMKEY and SCAN. */
void aero_cursor_seek_index(struct aero_cursor *cursor, const struct aero_tree *tree,
                            uint64_t index);
/* False at the end; otherwise the current entry. */
bool aero_cursor_get(const struct aero_cursor *cursor, struct aero_slice *out_key,
                     struct aero_slice *out_value);
void aero_cursor_next(struct aero_cursor *cursor);

#endif
