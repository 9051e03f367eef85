/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor is the path to its entry. It reads pages and never refs, so it may run beside the writer. */
#include "engine/tree_priv.h"

/* From a position that may be one past the end of its leaf to the entry that follows. */
static void skip_leaf_end(struct aero_cursor *cursor)
{
    unsigned at = cursor->depth - 1u;
    const struct aero_page *page = cursor->node[at];
    while (cursor->index[at] >= page->slot_count) {
        if (at == 0) {
            cursor->valid = false;
            return;
        }
        at--;
        page = cursor->node[at];
        cursor->index[at]++;
    }
    for (; page->level != 0; at++) {
        page = aero_page_child(page, cursor->index[at]);
        cursor->node[at + 1] = page;
        cursor->index[at + 1] = 0;
    }
    cursor->valid = true;
}

static void seek(struct aero_cursor *cursor, const struct aero_page *root, struct aero_slice from)
{
    const struct aero_page *page = root;
    unsigned at = 0;
    for (; page->level != 0; at++) {
        cursor->node[at] = page;
        cursor->index[at] = (uint16_t)aero_page_search_child(page, from);
        page = aero_page_child(page, cursor->index[at]);
    }
    bool exact;
    cursor->node[at] = page;
    cursor->index[at] = (uint16_t)aero_page_search(page, from, &exact);
    cursor->depth = (uint8_t)(at + 1);
    skip_leaf_end(cursor);
}

void aero_cursor_seek(struct aero_cursor *cursor, const struct aero_tree *tree,
                      struct aero_slice from)
{
    seek(cursor, tree->root, from);
}

void aero_cursor_seek_view(struct aero_cursor *cursor, const struct aero_view *view,
                           struct aero_slice from)
{
    seek(cursor, view->root, from);
}

void aero_cursor_seek_index(struct aero_cursor *cursor, const struct aero_tree *tree,
                            uint64_t index)
{
    const struct aero_page *page = tree->root;
    uint64_t rest = index;
    unsigned at = 0;
    cursor->valid = false;
    if (index >= page->summary.count) {
        return;
    }
    for (; page->level != 0; at++) {
        unsigned i = 0;
        const struct aero_page *child = aero_page_child(page, 0);
        while (rest >= child->summary.count) {
            rest -= child->summary.count;
            child = aero_page_child(page, ++i);
        }
        cursor->node[at] = page;
        cursor->index[at] = (uint16_t)i;
        page = child;
    }
    cursor->node[at] = page;
    cursor->index[at] = (uint16_t)rest;
    cursor->depth = (uint8_t)(at + 1);
    cursor->valid = true;
}

bool aero_cursor_get(const struct aero_cursor *cursor, struct aero_slice *out_key,
                     struct aero_slice *out_value)
{
    if (!cursor->valid) {
        return false;
    }
    unsigned at = cursor->depth - 1u;
    const struct aero_page *page = cursor->node[at];
    *out_key = aero_page_key(page, cursor->index[at]);
    *out_value = aero_page_value(page, cursor->index[at]);
    return true;
}

void aero_cursor_next(struct aero_cursor *cursor)
{
    if (cursor->valid) {
        cursor->index[cursor->depth - 1]++;
        skip_leaf_end(cursor);
    }
}
