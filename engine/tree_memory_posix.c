/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "base/assert.h"
#include "engine/tree_memory_priv.h"

static uint8_t *map(size_t length)
{
    void *place = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    AERO_ASSERT(place != MAP_FAILED); /* exhaustion crashes, as in aero_malloc, by decision */
    return place;
}

/* The kernel usually puts a mapping next to the last one, so the first try is already aligned; else a larger one is
 * trimmed to the aligned part. */
void *aero_tree_chunk_map(void)
{
    size_t size = AERO_TREE_CHUNK_BYTES;
    uint8_t *place = map(size);
    if ((uintptr_t)place % size != 0) {
        munmap(place, size);
        uint8_t *wide = map(2 * size);
        size_t before = (size - (uintptr_t)wide % size) % size;
        place = wide + before;
        if (before != 0) {
            munmap(wide, before);
        }
        munmap(place + size, size - before);
    }
    return place;
}

void aero_tree_chunk_unmap(void *chunk)
{
    munmap(chunk, AERO_TREE_CHUNK_BYTES);
}

/* A kernel that does not know the advice faults page by page later: slower, not wrong. */
void aero_tree_span_populate(void *span, size_t length)
{
#ifdef MADV_POPULATE_WRITE
    (void)madvise(span, length, MADV_POPULATE_WRITE);
#else
    (void)span;
    (void)length;
#endif
}

void aero_tree_span_discard(void *span, size_t length)
{
    (void)madvise(span, length, MADV_DONTNEED); /* a refusal costs memory, not correctness */
}
