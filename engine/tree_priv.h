/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the tree share: the tree itself and the moves on the path from the root to a leaf. */
#ifndef AERO_ENGINE_TREE_PRIV_H
#define AERO_ENGINE_TREE_PRIV_H

#include "engine/tree_page_priv.h"

struct aero_tree_build;

struct aero_tree {
    struct aero_page *root;    /* never NULL; an empty leaf when the tree is empty */
    struct aero_page *garbage; /* refs 0, linked through summary.count, for aero_tree_reclaim */
    struct aero_tree_build *build;
    struct aero_tree_memory memory;
    uint32_t view_count;
};

struct aero_view {
    struct aero_tree *tree;
    struct aero_page *root;
};

struct aero_path {
    struct aero_page *page[AERO_TREE_DEPTH_MAX]; /* [0] is the root */
    uint16_t index[AERO_TREE_DEPTH_MAX];         /* of the child taken; of the entry in the leaf */
    unsigned depth;
};

/* Fills the path to where `key` is or would be; true if it is there. */
bool aero_path_find(struct aero_path *path, struct aero_page *root, struct aero_slice key);
/* Makes every page of the path the writer's alone, copying those that a view sees (PAGE-1). */
void aero_path_own(struct aero_tree *tree, struct aero_path *path);
/* The child, copied first if a view sees it; `parent` is the writer's alone. */
struct aero_page *aero_tree_own_child(struct aero_tree *tree, struct aero_page *parent,
                                      unsigned index);

/* Gives up one reference to a page; the last one queues it for aero_tree_reclaim. */
void aero_tree_drop(struct aero_tree *tree, struct aero_page *page);
/* After entries left the child: removes it if empty, merges it if thin, shrinks it if it wastes memory.
 * True when the parent lost a slot. */
bool aero_tree_settle_child(struct aero_tree *tree, struct aero_page *parent, unsigned index);
/* The same for the root: as long as it is an inner page of one child, that child is the root. */
void aero_tree_settle_root(struct aero_tree *tree);

/* Entries below `key` (at or above a page); an empty tree has none. */
uint64_t aero_page_rank(const struct aero_page *root, struct aero_slice key);

void aero_tree_build_drop(struct aero_tree *tree);

#endif
