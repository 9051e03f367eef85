/* SPDX-License-Identifier: Apache-2.0 */
/* Bottom-up from sorted entries: every page is filled to the brim once and searched never.
 *
 * open[level] is the rightmost page of a level, already linked into the one above. Its heads and its share of the
 * summary above are settled when it is closed: when a page to its right is begun, or at the end. */
#include "engine/tree_priv.h"

#include <stdlib.h>

#include "base/assert.h"

struct aero_tree_build {
    struct aero_page *open[AERO_TREE_DEPTH_MAX];
    unsigned depth;
};

static void close_page(struct aero_tree_build *build, unsigned level)
{
    struct aero_page *page = build->open[level];
    aero_page_index(page, AERO_PAGE_NO_HEADS);
    if (level + 1 < build->depth) {
        struct aero_page *parent = build->open[level + 1];
        parent->summary = aero_summary_add(parent->summary, page->summary);
    }
}

static void grow(struct aero_tree *tree, struct aero_tree_build *build)
{
    AERO_ASSERT(build->depth < AERO_TREE_DEPTH_MAX);
    unsigned level = build->depth++;
    struct aero_page *page = aero_page_new(&tree->memory, level, AERO_PAGE_BYTES_MAX);
    struct aero_page_entry first = {.child = build->open[level - 1]};
    aero_page_append(&tree->memory, page, &first);
    build->open[level] = page;
}

/* Begins a page to the right of open[level], at and above `key`. */
static void begin_right(struct aero_tree *tree, struct aero_tree_build *build, unsigned level,
                        struct aero_slice key)
{
    if (level + 1 == build->depth) {
        grow(tree, build);
    }
    close_page(build, level);
    struct aero_page *page = aero_page_new(&tree->memory, level, AERO_PAGE_BYTES_MAX);
    struct aero_page_entry entry = {.key = key, .child = page};
    build->open[level] = page;
    if (aero_page_gap_bytes(build->open[level + 1]) < aero_page_entry_bytes(&entry)) {
        begin_right(tree, build, level + 1, key);
        entry.key.length = 0; /* slot 0 needs no name */
    }
    aero_page_append(&tree->memory, build->open[level + 1], &entry);
}

void aero_tree_build_append(struct aero_tree *tree, struct aero_slice key, struct aero_slice value)
{
    struct aero_tree_build *build = tree->build;
    if (build == NULL) {
        AERO_ASSERT(tree->root->summary.count == 0);
        build = aero_calloc(1, sizeof *build);
        build->open[0] = aero_page_new(&tree->memory, 0, AERO_PAGE_BYTES_MAX);
        build->depth = 1;
        tree->build = build;
    }
    AERO_ASSERT(key.length >= 1 && key.length <= AERO_TREE_KEY_MAX);
    AERO_ASSERT(value.length <= AERO_TREE_VALUE_MAX);
    struct aero_page *leaf = build->open[0];
    struct aero_slice last = {0};
    if (leaf->slot_count != 0) {
        last = aero_page_key(leaf, leaf->slot_count - 1u);
    }
    AERO_ASSERT(aero_slice_compare(last, key) < 0); /* PAGE-3 */
    struct aero_page_entry entry = {
        .key = key, .value = value, .summary = {1, aero_entry_hash(key, value)}};
    if (aero_page_gap_bytes(leaf) < aero_page_entry_bytes(&entry)) {
        size_t common = 0;
        while (common < last.length && last.data[common] == key.data[common]) {
            common++;
        }
        begin_right(tree, build, 0, aero_slice_of(key.data, common + 1));
        leaf = build->open[0];
    }
    aero_page_append(&tree->memory, leaf, &entry);
    leaf->summary = aero_summary_add(leaf->summary, entry.summary);
}

void aero_tree_build_finish(struct aero_tree *tree)
{
    struct aero_tree_build *build = tree->build;
    if (build == NULL) {
        return;
    }
    struct aero_page *child = NULL;
    for (unsigned level = 0; level < build->depth; level++) {
        struct aero_page *page = build->open[level];
        if (child != NULL) {
            aero_page_set_child(page, page->slot_count - 1u, child);
        }
        close_page(build, level);
        child = aero_page_resize(&tree->memory, page, aero_page_live_bytes(page));
    }
    aero_tree_drop(tree, tree->root);
    tree->root = child;
    free(build);
    tree->build = NULL;
}

/* A load that failed half-way: everything hangs below the topmost page. */
void aero_tree_build_drop(struct aero_tree *tree)
{
    if (tree->build != NULL) {
        aero_tree_drop(tree, tree->build->open[tree->build->depth - 1]);
        free(tree->build);
        tree->build = NULL;
    }
}
