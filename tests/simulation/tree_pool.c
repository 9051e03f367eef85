/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the keyspace's memory between lives of processes: a tree of five keys would else map, fault in and unmap two megabytes, a
 * hundred thousand times a minute. Linked in place of engine/tree_memory_posix.c's functions (CMakeLists.txt, --wrap).
 *
 * A chunk's head has to be zero; what is behind the first span is undefined after a discard, so nobody relies on it. */
#include <stdlib.h>
#include <string.h>

#include "engine/tree_memory_priv.h"

#define POOL_MAX 16U
#define HEAD_BYTES ((size_t)64 << 10)

static struct {
    void *chunk[POOL_MAX];
    uint32_t count;
} pool;

void *__real_aero_tree_chunk_map(void);
void __real_aero_tree_chunk_unmap(void *chunk);
void *__wrap_aero_tree_chunk_map(void);
void __wrap_aero_tree_chunk_unmap(void *chunk);
void __wrap_aero_tree_span_populate(void *span, size_t length);
void __wrap_aero_tree_span_discard(void *span, size_t length);

void *__wrap_aero_tree_chunk_map(void)
{
    if (pool.count == 0) {
        return __real_aero_tree_chunk_map();
    }
    void *chunk = pool.chunk[--pool.count];
    memset(chunk, 0, HEAD_BYTES);
    return chunk;
}

void __wrap_aero_tree_chunk_unmap(void *chunk)
{
    if (pool.count == POOL_MAX) {
        __real_aero_tree_chunk_unmap(chunk);
    } else {
        pool.chunk[pool.count++] = chunk;
    }
}

/* Pages come when they are touched, and stay. */
void __wrap_aero_tree_span_populate(void *span, size_t length)
{
    (void)span;
    (void)length;
}

void __wrap_aero_tree_span_discard(void *span, size_t length)
{
    (void)span;
    (void)length;
}
