/* SPDX-License-Identifier: Apache-2.0 */
/* Where a tree's pages and blobs come from, and how many bytes that is.
 *
 * Objects of one size lie side by side in spans of 64 KiB, spans in chunks of 2 MiB. Compared with malloc: no header
 * per object, and memory is touched for the first time in steps of a span instead of a fault every 4 KiB, which is
 * what bounds the insertion of large values. An empty span serves any size; its memory goes back to the system
 * when many are empty. Objects above 8 KiB are malloc's.
 *
 * Rejected, measured with tests/bench/tree_bench.c: huge pages. Reads gain a quarter, but one first touch clears 2 MiB
 * while the writer waits, milliseconds on a virtual machine, and an almost empty chunk costs as much as a full one.
 *
 * Ownership: take hands out memory, aligned to 16, that give takes back with the same length. Exhaustion aborts.
 * Threads:   the writer's only; the feeder's own thread touches nothing but chunks that nobody has yet. */
#ifndef AERO_ENGINE_TREE_MEMORY_PRIV_H
#define AERO_ENGINE_TREE_MEMORY_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AERO_TREE_CHUNK_BYTES ((size_t)2 << 20)
#define AERO_TREE_MEMORY_CLASSES 208

struct aero_tree_span;
struct aero_tree_chunk;
struct aero_tree_feeder;

/* Zero-initialised is empty and valid. */
struct aero_tree_memory {
    uint64_t used_bytes;                                      /* as asked for */
    struct aero_tree_span *partial[AERO_TREE_MEMORY_CLASSES]; /* with room, by size */
    struct aero_tree_chunk *spacious;                         /* with a free span */
    uint32_t chunk_count;
    uint32_t empty_chunks; /* at most one is kept */
    uint32_t free_span_count;
    bool loading;
    struct aero_tree_feeder *feeder; /* while a load is large */
};

void *aero_tree_memory_take(struct aero_tree_memory *memory, size_t length);
void aero_tree_memory_give(struct aero_tree_memory *memory, void *pointer, size_t length);
/* A load is when much is taken and nobody waits: the first touch of memory, which bounds it, is then made ahead on another
 * thread once the load is large. What is handed out is the same. */
void aero_tree_memory_begin_load(struct aero_tree_memory *memory);
void aero_tree_memory_end_load(struct aero_tree_memory *memory);
/* Gives the kept chunk back; everything taken was given back. */
void aero_tree_memory_deinit(struct aero_tree_memory *memory);

/* The system's side (tree_memory_posix.c). A chunk is zeroed and aligned to its size. */
void *aero_tree_chunk_map(void);
void aero_tree_chunk_unmap(void *chunk);
void aero_tree_span_populate(void *span, size_t length); /* faults it in, contents unchanged */
void aero_tree_span_discard(void *span, size_t length);  /* gives memory back, contents undefined */

/* Makes chunks ahead, mapped and faulted in, on a thread of its own (tree_feeder_posix.c). */
struct aero_tree_feeder *aero_tree_feeder_new(void);
void aero_tree_feeder_free(struct aero_tree_feeder *feeder);
void *aero_tree_feeder_take(struct aero_tree_feeder *feeder); /* NULL: none is ready */

#endif
