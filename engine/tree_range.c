/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges cost their edges: whole subtrees leave with the summary that their root carries (decision 19). */
#include "engine/tree_priv.h"

#include "base/assert.h"

uint64_t aero_page_rank(const struct aero_page *root, struct aero_slice key)
{
    const struct aero_page *page = root;
    uint64_t rank = 0;
    while (page->level != 0) {
        unsigned index = aero_page_search_child(page, key);
        for (unsigned i = 0; i < index; i++) {
            rank += aero_page_child(page, i)->summary.count;
        }
        page = aero_page_child(page, index);
    }
    bool exact;
    return rank + aero_page_search(page, key, &exact);
}

uint64_t aero_tree_count_range(const struct aero_tree *tree, struct aero_slice from,
                               struct aero_slice to)
{
    const struct aero_page *root = tree->root;
    uint64_t below_from = from.length == 0 ? 0 : aero_page_rank(root, from);
    uint64_t below_to = to.length == 0 ? root->summary.count : aero_page_rank(root, to);
    return below_to > below_from ? below_to - below_from : 0;
}

/* The bounds that cut through a subtree; NULL where the subtree ends before the bound. */
struct bounds {
    const struct aero_slice *from;
    const struct aero_slice *to;
};

static void cut_page(struct aero_tree *tree, struct aero_page *page, struct bounds bounds);

static void cut_leaf(struct aero_tree *tree, struct aero_page *leaf, struct bounds bounds)
{
    bool exact;
    unsigned begin = bounds.from != NULL ? aero_page_search(leaf, *bounds.from, &exact) : 0;
    unsigned end =
        bounds.to != NULL ? aero_page_search(leaf, *bounds.to, &exact) : leaf->slot_count;
    for (unsigned i = begin; i < end; i++) {
        leaf->summary = aero_summary_subtract(leaf->summary, aero_page_entry_summary(leaf, i));
        aero_page_release(&tree->memory, leaf, i);
    }
    aero_page_remove(leaf, begin, end);
}

static void cut_child(struct aero_tree *tree, struct aero_page *page, unsigned index,
                      struct bounds bounds)
{
    struct aero_page *child = aero_tree_own_child(tree, page, index);
    page->summary = aero_summary_subtract(page->summary, child->summary);
    cut_page(tree, child, bounds);
    page->summary = aero_summary_add(page->summary, child->summary);
}

static void drop_children(struct aero_tree *tree, struct aero_page *page, unsigned begin,
                          unsigned end)
{
    for (unsigned i = begin; i < end; i++) {
        struct aero_page *child = aero_page_child(page, i);
        page->summary = aero_summary_subtract(page->summary, child->summary);
        aero_page_release(&tree->memory, page, i);
        aero_tree_drop(tree, child);
    }
    aero_page_remove(page, begin, end);
}

static void cut_inner(struct aero_tree *tree, struct aero_page *page, struct bounds bounds)
{
    unsigned begin = bounds.from != NULL ? aero_page_search_child(page, *bounds.from) : 0;
    unsigned end = bounds.to != NULL ? aero_page_search_child(page, *bounds.to) : page->slot_count;
    if (begin == end) {
        cut_child(tree, page, begin, bounds);
        aero_tree_settle_child(tree, page, begin);
        return;
    }
    if (bounds.to != NULL) {
        cut_child(tree, page, end, (struct bounds){.to = bounds.to});
    }
    if (bounds.from != NULL) {
        cut_child(tree, page, begin, (struct bounds){.from = bounds.from});
        begin++;
    }
    drop_children(tree, page, begin, end);
    if (bounds.to != NULL) {
        aero_tree_settle_child(tree, page, begin);
    }
    if (bounds.from != NULL) {
        aero_tree_settle_child(tree, page, begin - 1);
    }
}

/* The page is the writer's alone; at least one bound cuts through it. */
static void cut_page(struct aero_tree *tree, struct aero_page *page, struct bounds bounds)
{
    if (page->level == 0) {
        cut_leaf(tree, page, bounds);
    } else {
        cut_inner(tree, page, bounds);
    }
}

uint64_t aero_tree_delete_range(struct aero_tree *tree, struct aero_slice from,
                                struct aero_slice to)
{
    uint64_t count = aero_tree_count_range(tree, from, to);
    if (count == 0) {
        return 0;
    }
    struct aero_page *root = tree->root;
    if (count == root->summary.count) {
        tree->root = aero_page_new(&tree->memory, 0, sizeof *root);
        aero_tree_drop(tree, root);
        return count;
    }
    if (root->refs > 1) {
        tree->root = aero_page_clone(&tree->memory, root);
        root->refs--;
    }
    uint64_t before = tree->root->summary.count;
    cut_page(tree, tree->root,
             (struct bounds){.from = from.length != 0 ? &from : NULL,
                             .to = to.length != 0 ? &to : NULL});
    aero_tree_settle_root(tree);
    AERO_ASSERT(before - tree->root->summary.count == count);
    return count;
}
