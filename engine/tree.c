/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing single entries, views, and giving memory back.
 *
 * A write first finds its leaf, then owns the path (copies what a view still sees), then adds what it changes to the
 * summaries of the whole path, and only then touches entries. A split gives the right page the sum of what moved
 * there and the left page the rest, so no summary is ever computed from scratch but in a split and in the audit. */
#include "engine/tree_priv.h"

#include <stdlib.h>

#include "base/assert.h"

/* A page with fewer live bytes asks its neighbours to merge, up to three quarters of a page. */
#define MERGE_BELOW_BYTES (AERO_PAGE_BYTES_MAX / 4)
#define MERGE_TO_BYTES (AERO_PAGE_BYTES_MAX / 4 * 3)
/* A page that wastes more than this after a removal shrinks. */
#define SHRINK_ABOVE_BYTES (AERO_PAGE_BYTES_STEP + AERO_PAGE_BYTES_STEP / 2)
/* Freeing so many blobs takes about as long as freeing a page. */
#define BLOBS_PER_NODE 4
/* A tree that goes is freed in steps of this many nodes, which nobody waits between. */
#define FREE_STEP_NODES 1024

struct aero_tree *aero_tree_new(void)
{
    struct aero_tree *tree = aero_calloc(1, sizeof *tree);
    tree->root = aero_page_new(&tree->memory, 0, sizeof(struct aero_page));
    return tree;
}

void aero_tree_free(struct aero_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    AERO_ASSERT(tree->view_count == 0);
    aero_tree_build_drop(tree);
    aero_tree_drop(tree, tree->root);
    while (!aero_tree_reclaim(tree, FREE_STEP_NODES)) {
    }
    aero_tree_memory_deinit(&tree->memory);
    free(tree);
}

void aero_tree_begin_load(struct aero_tree *tree)
{
    aero_tree_memory_begin_load(&tree->memory);
}

void aero_tree_end_load(struct aero_tree *tree)
{
    aero_tree_memory_end_load(&tree->memory);
}

struct aero_summary aero_tree_summary(const struct aero_tree *tree)
{
    return tree->root->summary;
}

uint64_t aero_tree_memory_bytes(const struct aero_tree *tree)
{
    return tree->memory.used_bytes;
}

/* Paths. */

bool aero_path_find(struct aero_path *path, struct aero_page *root, struct aero_slice key)
{
    struct aero_page *page = root;
    unsigned depth = 0;
    for (; page->level != 0; depth++) {
        unsigned index = aero_page_search_child(page, key);
        path->page[depth] = page;
        path->index[depth] = (uint16_t)index;
        page = aero_page_child(page, index);
        aero_page_prefetch(page);
    }
    bool exact;
    path->page[depth] = page;
    path->index[depth] = (uint16_t)aero_page_search(page, key, &exact);
    path->depth = depth + 1;
    return exact;
}

static void set_path_page(struct aero_tree *tree, struct aero_path *path, unsigned at,
                          struct aero_page *page)
{
    path->page[at] = page;
    if (at == 0) {
        tree->root = page;
    } else {
        aero_page_set_child(path->page[at - 1], path->index[at - 1], page);
    }
}

void aero_path_own(struct aero_tree *tree, struct aero_path *path)
{
    for (unsigned at = 0; at < path->depth; at++) {
        struct aero_page *page = path->page[at];
        if (page->refs > 1) {
            set_path_page(tree, path, at, aero_page_clone(&tree->memory, page));
            page->refs--;
        }
    }
}

struct aero_page *aero_tree_own_child(struct aero_tree *tree, struct aero_page *parent,
                                      unsigned index)
{
    struct aero_page *child = aero_page_child(parent, index);
    if (child->refs > 1) {
        struct aero_page *copy = aero_page_clone(&tree->memory, child);
        aero_page_set_child(parent, index, copy);
        child->refs--;
        return copy;
    }
    return child;
}

/* Insertion. */

static struct aero_summary sum_range(const struct aero_page *page, unsigned from, unsigned to)
{
    struct aero_summary sum = {0};
    for (unsigned i = from; i < to && page->has_blobs && page->level == 0; i++) {
        aero_page_prefetch_blob(page, i);
    }
    for (unsigned i = from; i < to; i++) {
        sum = aero_summary_add(sum, page->level == 0 ? aero_page_entry_summary(page, i)
                                                     : aero_page_child(page, i)->summary);
    }
    return sum;
}

/* Where to cut a full page. New entries at an edge get a page of their own, so that ascending and descending
 * inserts leave full pages behind; otherwise the halves are even in bytes. */
static unsigned choose_cut(const struct aero_page *page, unsigned position)
{
    if (position == 0 || position == page->slot_count) {
        return position;
    }
    size_t half = (aero_page_live_bytes(page) - sizeof *page) / 2;
    size_t bytes = 0;
    unsigned cut = 0;
    while (bytes < half) {
        bytes += aero_page_range_bytes(page, cut, cut + 1);
        cut++;
    }
    AERO_ASSERT(cut < page->slot_count); /* no cell is half as large as what a full page holds */
    return cut;
}

static struct aero_page *new_part(struct aero_tree *tree, const struct aero_page *page,
                                  unsigned from, unsigned to, size_t extra)
{
    size_t live = sizeof *page + aero_page_range_bytes(page, from, to) + extra;
    struct aero_page *part = aero_page_new(&tree->memory, page->level, live);
    aero_page_append_range(part, page, from, to);
    aero_page_index(part, page->prefix_length);
    return part;
}

/* The key that separates two neighbours: no longer than needed. */
static struct aero_slice separator(const struct aero_page *left, const struct aero_page *right)
{
    struct aero_slice key = aero_page_key(right, 0);
    if (right->level != 0) {
        return key;
    }
    struct aero_slice last = aero_page_key(left, left->slot_count - 1u);
    size_t length = 0;
    while (length < last.length && last.data[length] == key.data[length]) {
        length++;
    }
    AERO_ASSERT(length < key.length); /* PAGE-3 */
    return aero_slice_of(key.data, length + 1);
}

static void insert_entry(struct aero_tree *tree, struct aero_path *path, unsigned at,
                         unsigned position, const struct aero_page_entry *entry);

static void insert_right(struct aero_tree *tree, struct aero_path *path, unsigned at,
                         struct aero_page *left, struct aero_page *right)
{
    struct aero_page_entry entry = {
        .key = separator(left, right), .child = right, .summary = right->summary};
    if (at > 0) {
        insert_entry(tree, path, at - 1, path->index[at - 1] + 1u, &entry);
        return;
    }
    AERO_ASSERT(left->level + 2u <= AERO_TREE_DEPTH_MAX);
    struct aero_page_entry first = {.child = left};
    size_t live = sizeof *left + aero_page_entry_bytes(&first) + aero_page_entry_bytes(&entry);
    struct aero_page *root = aero_page_new(&tree->memory, left->level + 1u, live);
    aero_page_append(&tree->memory, root, &first);
    aero_page_insert(&tree->memory, root, 1, &entry);
    root->summary = aero_summary_add(left->summary, right->summary);
    tree->root = root;
}

static void split_insert(struct aero_tree *tree, struct aero_path *path, unsigned at,
                         unsigned position, const struct aero_page_entry *entry)
{
    struct aero_page *page = path->page[at];
    unsigned count = page->slot_count;
    unsigned cut = choose_cut(page, position);
    /* The entry is not in yet, but the page's summary already says so. */
    struct aero_summary right_sum = sum_range(page, cut, count);
    struct aero_summary left_sum =
        aero_summary_subtract(aero_summary_subtract(page->summary, right_sum), entry->summary);
    bool goes_right = cut == count || position > cut;
    size_t extra = aero_page_entry_bytes(entry);
    struct aero_page *left = new_part(tree, page, 0, cut, goes_right ? 0 : extra);
    struct aero_page *right = new_part(tree, page, cut, count, goes_right ? extra : 0);
    aero_page_free(&tree->memory, page);
    left->summary = left_sum;
    right->summary = right_sum;
    struct aero_page *target = goes_right ? right : left;
    target->summary = aero_summary_add(target->summary, entry->summary);
    if (target->level != 0 && target->slot_count == 0) {
        aero_page_append(&tree->memory, target, entry);
    } else {
        aero_page_insert(&tree->memory, target, goes_right ? position - cut : position, entry);
    }
    set_path_page(tree, path, at, left);
    insert_right(tree, path, at, left, right);
}

/* Puts the entry into path->page[at], which the writer owns and whose summary already counts it. */
static void insert_entry(struct aero_tree *tree, struct aero_path *path, unsigned at,
                         unsigned position, const struct aero_page_entry *entry)
{
    struct aero_page *page = path->page[at];
    size_t need = aero_page_entry_bytes(entry);
    if (aero_page_gap_bytes(page) < need) {
        size_t live = aero_page_live_bytes(page) + need;
        if (live > AERO_PAGE_BYTES_MAX) {
            split_insert(tree, path, at, position, entry);
            return;
        }
        page = aero_page_resize(&tree->memory, page, live);
        set_path_page(tree, path, at, page);
    }
    aero_page_insert(&tree->memory, page, position, entry);
}

static void add_to_path(struct aero_path *path, struct aero_summary change)
{
    for (unsigned at = 0; at < path->depth; at++) {
        path->page[at]->summary = aero_summary_add(path->page[at]->summary, change);
    }
}

bool aero_tree_put(struct aero_tree *tree, struct aero_slice key, struct aero_slice value,
                   struct aero_buffer *out_old)
{
    AERO_ASSERT(key.length >= 1 && key.length <= AERO_TREE_KEY_MAX);
    AERO_ASSERT(value.length <= AERO_TREE_VALUE_MAX);
    struct aero_path path;
    bool found = aero_path_find(&path, tree->root, key);
    aero_path_own(tree, &path);
    unsigned at = path.depth - 1;
    struct aero_page *leaf = path.page[at];
    unsigned index = path.index[at];
    if (found) {
        aero_page_prefetch_blob_bytes(leaf, index, 2048); /* while the new value is hashed */
    }
    struct aero_page_entry entry = {
        .key = key, .value = value, .summary = {1, aero_entry_hash(key, value)}};
    if (!found) {
        add_to_path(&path, entry.summary);
        insert_entry(tree, &path, at, index, &entry);
        return false;
    }
    if (out_old != NULL) {
        aero_buffer_append_slice(out_old, aero_page_value(leaf, index));
    }
    add_to_path(&path, aero_summary_subtract(entry.summary, aero_page_entry_summary(leaf, index)));
    if (!aero_page_replace(&tree->memory, leaf, index, &entry)) {
        aero_page_release(&tree->memory, leaf, index);
        aero_page_remove(leaf, index, index + 1);
        insert_entry(tree, &path, at, index, &entry);
    }
    return true;
}

/* Removal. */

static bool try_merge(struct aero_tree *tree, struct aero_page *parent, unsigned index)
{
    struct aero_page *left = aero_page_child(parent, index);
    struct aero_page *right = aero_page_child(parent, index + 1);
    /* The separator comes down where the right page's nameless first child gets a name. */
    struct aero_page_entry joint = {.key = aero_page_key(parent, index + 1)};
    size_t live = aero_page_live_bytes(left) + aero_page_live_bytes(right) - sizeof *left;
    if (left->level != 0) {
        joint.child = aero_page_child(right, 0);
        live += aero_page_entry_bytes(&joint) - aero_page_range_bytes(right, 0, 1);
    }
    if (live > MERGE_TO_BYTES) {
        return false;
    }
    struct aero_page *merged = aero_page_new(&tree->memory, left->level, live);
    merged->summary = aero_summary_add(left->summary, right->summary);
    aero_page_append_range(merged, left, 0, left->slot_count);
    if (left->level != 0) {
        aero_page_append(&tree->memory, merged, &joint);
    }
    aero_page_append_range(merged, right, left->level != 0, right->slot_count);
    aero_page_index(merged, AERO_PAGE_NO_HEADS);
    aero_page_strip(&tree->memory, left);
    if (merged->level != 0) {
        aero_page_release(&tree->memory, right, 0);
    }
    aero_page_strip(&tree->memory, right);
    aero_page_release(&tree->memory, parent, index + 1);
    aero_page_remove(parent, index + 1, index + 2);
    aero_page_set_child(parent, index, merged);
    return true;
}

bool aero_tree_settle_child(struct aero_tree *tree, struct aero_page *parent, unsigned index)
{
    struct aero_page *child = aero_page_child(parent, index);
    AERO_ASSERT(child->refs == 1); /* PAGE-1: entries have just left it */
    if (child->slot_count == 0) {
        aero_page_release(&tree->memory, parent, index);
        aero_page_remove(parent, index, index + 1);
        aero_page_free(&tree->memory, child);
        return true;
    }
    size_t live = aero_page_live_bytes(child);
    if (live < MERGE_BELOW_BYTES) {
        if ((index + 1u < parent->slot_count && try_merge(tree, parent, index)) ||
            (index > 0 && try_merge(tree, parent, index - 1))) {
            return true;
        }
    }
    if (child->size_bytes - live > SHRINK_ABOVE_BYTES) {
        aero_page_set_child(parent, index, aero_page_resize(&tree->memory, child, live));
    }
    return false;
}

void aero_tree_settle_root(struct aero_tree *tree)
{
    struct aero_page *root = tree->root;
    while (root->level != 0 && root->slot_count == 1) {
        tree->root = aero_page_child(root, 0);
        aero_page_release(&tree->memory, root, 0);
        aero_page_free(&tree->memory, root);
        root = tree->root;
        if (root->refs > 1) {
            return; /* a view sees it: as it is, it is whole */
        }
    }
    if (root->slot_count == 0 && root->level != 0) {
        aero_page_free(&tree->memory, root);
        tree->root = aero_page_new(&tree->memory, 0, sizeof *root);
    }
}

bool aero_tree_delete(struct aero_tree *tree, struct aero_slice key, struct aero_buffer *out_old)
{
    struct aero_path path;
    if (!aero_path_find(&path, tree->root, key)) {
        return false;
    }
    aero_path_own(tree, &path);
    unsigned at = path.depth - 1;
    struct aero_page *leaf = path.page[at];
    unsigned index = path.index[at];
    if (out_old != NULL) {
        aero_buffer_append_slice(out_old, aero_page_value(leaf, index));
    }
    struct aero_summary gone = aero_page_entry_summary(leaf, index);
    add_to_path(&path, aero_summary_subtract((struct aero_summary){0}, gone));
    aero_page_release(&tree->memory, leaf, index);
    aero_page_remove(leaf, index, index + 1);
    bool changed = true;
    for (; at > 0 && changed; at--) {
        changed = aero_tree_settle_child(tree, path.page[at - 1], path.index[at - 1]);
    }
    aero_tree_settle_root(tree);
    return true;
}

/* Views and memory. */

struct aero_view *aero_view_open(struct aero_tree *tree)
{
    struct aero_view *view = aero_malloc(sizeof *view);
    *view = (struct aero_view){.tree = tree, .root = tree->root};
    tree->root->refs++;
    tree->view_count++;
    return view;
}

void aero_view_close(struct aero_view *view)
{
    if (view == NULL) {
        return;
    }
    AERO_ASSERT(view->tree->view_count > 0);
    view->tree->view_count--;
    aero_tree_drop(view->tree, view->root);
    free(view);
}

struct aero_summary aero_view_summary(const struct aero_view *view)
{
    return view->root->summary;
}

void aero_tree_restore(struct aero_tree *tree, const struct aero_view *view)
{
    AERO_ASSERT(view->tree == tree);
    view->root->refs++;
    aero_tree_drop(tree, tree->root);
    tree->root = view->root;
}

void aero_tree_drop(struct aero_tree *tree, struct aero_page *page)
{
    AERO_ASSERT(page->refs > 0);
    if (--page->refs == 0) {
        page->summary.count = (uintptr_t)tree->garbage;
        tree->garbage = page;
    }
}

bool aero_tree_reclaim(struct aero_tree *tree, uint32_t node_budget)
{
    uint32_t spent = 0;
    while (tree->garbage != NULL && spent < node_budget) {
        struct aero_page *page = tree->garbage;
        spent += page->has_blobs ? 1u + page->slot_count / BLOBS_PER_NODE : 1u;
        tree->garbage = (struct aero_page *)(uintptr_t)page->summary.count;
        for (unsigned i = 0; i < page->slot_count && (page->level != 0 || page->has_blobs); i++) {
            aero_page_release(&tree->memory, page, i);
            if (page->level != 0) {
                aero_tree_drop(tree, aero_page_child(page, i));
            }
        }
        aero_page_free(&tree->memory, page);
    }
    return tree->garbage == NULL;
}

static bool get(struct aero_page *root, struct aero_slice key, struct aero_slice *out_value)
{
    const struct aero_page *page = root;
    while (page->level != 0) {
        page = aero_page_child(page, aero_page_search_child(page, key));
        aero_page_prefetch(page);
    }
    bool exact;
    unsigned index = aero_page_search(page, key, &exact);
    if (exact) {
        *out_value = aero_page_value(page, index);
    }
    return exact;
}

bool aero_tree_get(const struct aero_tree *tree, struct aero_slice key,
                   struct aero_slice *out_value)
{
    return get(tree->root, key, out_value);
}

bool aero_view_get(const struct aero_view *view, struct aero_slice key,
                   struct aero_slice *out_value)
{
    return get(view->root, key, out_value);
}
