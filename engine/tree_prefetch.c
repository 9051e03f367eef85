/* SPDX-License-Identifier: Apache-2.0 */
/* A search of a large tree waits for memory once a level. Searches that know nothing of each other can wait together: all keys
 * descend one level, then all the next, and by the time that a page is read its lines have come. */
#include "engine/tree_priv.h"

#include "base/assert.h"

void aero_tree_prefetch(const struct aero_tree *tree, const struct aero_slice *keys, size_t count)
{
    const struct aero_page *page[AERO_TREE_PREFETCH_MAX];
    unsigned index[AERO_TREE_PREFETCH_MAX];
    AERO_ASSERT(count <= AERO_TREE_PREFETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        page[i] = tree->root;
    }
    for (unsigned level = tree->root->level; level > 0; level--) {
        for (size_t i = 0; i < count; i++) {
            page[i] = aero_page_child(page[i], aero_page_search_child(page[i], keys[i]));
            aero_page_prefetch(page[i]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        index[i] = aero_page_prefetch_cell(page[i], keys[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (page[i]->slot_count != 0) {
            aero_page_prefetch_blob(page[i], index[i]);
        }
    }
}
