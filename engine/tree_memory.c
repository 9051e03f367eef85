/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tree_memory_priv.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/slice.h"

void *aero_tree_memory_take(struct aero_tree_memory *memory, size_t length)
{
    memory->used_bytes += length;
    return aero_malloc(length);
}

void aero_tree_memory_give(struct aero_tree_memory *memory, void *pointer, size_t length)
{
    AERO_ASSERT(memory->used_bytes >= length);
    memory->used_bytes -= length;
    free(pointer);
}
