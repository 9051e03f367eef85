/* SPDX-License-Identifier: Apache-2.0 */
/* Where a tree's pages and blobs come from, and how many bytes that is.
 *
 * Ownership: take hands out memory that give takes back with the same length. Exhaustion aborts.
 * Threads:   the writer's only. */
#ifndef AERO_ENGINE_TREE_MEMORY_PRIV_H
#define AERO_ENGINE_TREE_MEMORY_PRIV_H

#include <stddef.h>
#include <stdint.h>

struct aero_tree_memory {
    uint64_t used_bytes;
};

void *aero_tree_memory_take(struct aero_tree_memory *memory, size_t length);
void aero_tree_memory_give(struct aero_tree_memory *memory, void *pointer, size_t length);

#endif
