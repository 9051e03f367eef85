/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk begins with the descriptions of its spans, so that an object finds its span by its address alone; they
 * shorten the first span. Free objects of a span form a list through their first eight bytes. */
#include "engine/tree_memory_priv.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/slice.h"

#define SPAN_BYTES ((size_t)64 << 10)
#define SPANS ((uint32_t)(AERO_TREE_CHUNK_BYTES / SPAN_BYTES))
#define SMALL_BYTES_MAX 8192u
/* So many empty spans keep their memory (4 MiB), for a size that shrinks and grows again. */
#define SPARE_SPANS 64
/* A load of less than 64 MiB has no thread to make: that would cost it more than it saves. */
#define FEED_ABOVE_CHUNKS 32

/* Sizes rise by 16 bytes up to 2 KiB, by 32 up to 4 KiB and by 256 above. */
#define FINE_BYTES 2048u
#define MIDDLE_BYTES 4096u
#define FINE_CLASSES (FINE_BYTES / 16)
#define MIDDLE_CLASSES ((MIDDLE_BYTES - FINE_BYTES) / 32)
#define COARSE_CLASSES ((SMALL_BYTES_MAX - MIDDLE_BYTES) / 256)

_Static_assert(FINE_CLASSES + MIDDLE_CLASSES + COARSE_CLASSES == AERO_TREE_MEMORY_CLASSES,
               "one list for each size");

struct free_object {
    struct free_object *next;
};

struct aero_tree_span {
    struct aero_tree_span *next; /* of its size with room, or of its chunk's free spans */
    struct aero_tree_span *previous;
    struct free_object *free;
    uint32_t fresh_offset; /* in the span: from here on nothing was ever handed out */
    uint16_t used_count;
    uint16_t size_class;
};

struct aero_tree_chunk {
    struct aero_tree_chunk *next; /* with a free span */
    struct aero_tree_chunk *previous;
    struct aero_tree_span *free_spans;
    uint32_t free_count;
    bool populated; /* all of it, by the feeder */
    struct aero_tree_span spans[SPANS];
};

#define CHUNK_HEAD_BYTES 2048u
_Static_assert(sizeof(struct aero_tree_chunk) <= CHUNK_HEAD_BYTES,
               "the first span begins behind it");

/* Under AddressSanitizer every object is malloc's, so that it sees uses outside and after. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define POOLED_BYTES_MAX 0u
#else
#define POOLED_BYTES_MAX SMALL_BYTES_MAX
#endif

static bool is_small(size_t length)
{
    return length <= POOLED_BYTES_MAX;
}

static unsigned class_of(size_t length)
{
    if (length <= FINE_BYTES) {
        return (unsigned)(length - 1) / 16;
    }
    if (length <= MIDDLE_BYTES) {
        return FINE_CLASSES + (unsigned)(length - FINE_BYTES - 1) / 32;
    }
    return FINE_CLASSES + MIDDLE_CLASSES + (unsigned)(length - MIDDLE_BYTES - 1) / 256;
}

static uint32_t class_bytes(unsigned size_class)
{
    if (size_class < FINE_CLASSES) {
        return 16 * (size_class + 1);
    }
    size_class -= FINE_CLASSES;
    if (size_class < MIDDLE_CLASSES) {
        return FINE_BYTES + 32 * (size_class + 1);
    }
    return MIDDLE_BYTES + 256 * (size_class - MIDDLE_CLASSES + 1);
}

static struct aero_tree_chunk *chunk_of(const void *pointer)
{
    return (struct aero_tree_chunk *)((uintptr_t)pointer & ~(uintptr_t)(AERO_TREE_CHUNK_BYTES - 1));
}

static uint8_t *span_place(struct aero_tree_chunk *chunk, const struct aero_tree_span *span)
{
    return (uint8_t *)chunk + (size_t)(span - chunk->spans) * SPAN_BYTES;
}

static void link_chunk(struct aero_tree_memory *memory, struct aero_tree_chunk *chunk)
{
    chunk->previous = NULL;
    chunk->next = memory->spacious;
    if (chunk->next != NULL) {
        chunk->next->previous = chunk;
    }
    memory->spacious = chunk;
}

static void unlink_chunk(struct aero_tree_memory *memory, struct aero_tree_chunk *chunk)
{
    if (chunk->next != NULL) {
        chunk->next->previous = chunk->previous;
    }
    if (chunk->previous != NULL) {
        chunk->previous->next = chunk->next;
    } else {
        memory->spacious = chunk->next;
    }
}

static void link_span(struct aero_tree_memory *memory, struct aero_tree_span *span)
{
    struct aero_tree_span **head = &memory->partial[span->size_class];
    span->previous = NULL;
    span->next = *head;
    if (span->next != NULL) {
        span->next->previous = span;
    }
    *head = span;
}

static void unlink_span(struct aero_tree_memory *memory, struct aero_tree_span *span)
{
    if (span->next != NULL) {
        span->next->previous = span->previous;
    }
    if (span->previous != NULL) {
        span->previous->next = span->next;
    } else {
        memory->partial[span->size_class] = span->next;
    }
}

static struct aero_tree_chunk *new_chunk(struct aero_tree_memory *memory)
{
    if (memory->loading && memory->feeder == NULL && memory->chunk_count >= FEED_ABOVE_CHUNKS) {
        memory->feeder = aero_tree_feeder_new();
    }
    struct aero_tree_chunk *chunk =
        memory->feeder != NULL ? aero_tree_feeder_take(memory->feeder) : NULL;
    if (chunk != NULL) {
        chunk->populated = true;
    } else {
        chunk = aero_tree_chunk_map();
    }
    memory->chunk_count++;
    memory->free_span_count += SPANS;
    for (size_t i = SPANS; i-- > 0;) { /* low addresses first, so that the rest stays untouched */
        chunk->spans[i].next = chunk->free_spans;
        chunk->free_spans = &chunk->spans[i];
    }
    chunk->free_count = SPANS;
    memory->empty_chunks++;
    link_chunk(memory, chunk);
    return chunk;
}

static struct aero_tree_span *new_span(struct aero_tree_memory *memory, unsigned size_class)
{
    struct aero_tree_chunk *chunk = memory->spacious;
    if (chunk == NULL) {
        chunk = new_chunk(memory);
    }
    struct aero_tree_span *span = chunk->free_spans;
    chunk->free_spans = span->next;
    memory->empty_chunks -= chunk->free_count == SPANS;
    if (--chunk->free_count == 0) {
        unlink_chunk(memory, chunk);
    }
    *span = (struct aero_tree_span){
        .fresh_offset = span == chunk->spans ? CHUNK_HEAD_BYTES : 0,
        .size_class = (uint16_t)size_class,
    };
    if (!chunk->populated) {
        aero_tree_span_populate(span_place(chunk, span), SPAN_BYTES);
    }
    memory->free_span_count--;
    link_span(memory, span);
    return span;
}

static void free_span(struct aero_tree_memory *memory, struct aero_tree_span *span)
{
    struct aero_tree_chunk *chunk = chunk_of(span);
    unlink_span(memory, span);
    span->next = chunk->free_spans;
    chunk->free_spans = span;
    if (chunk->free_count++ == 0) {
        link_chunk(memory, chunk);
    }
    memory->free_span_count++;
    if (chunk->free_count == SPANS && memory->empty_chunks++ != 0) {
        unlink_chunk(memory, chunk);
        memory->chunk_count--;
        memory->empty_chunks--;
        memory->free_span_count -= SPANS;
        aero_tree_chunk_unmap(chunk);
    } else if (memory->free_span_count > SPARE_SPANS && span != chunk->spans) {
        aero_tree_span_discard(span_place(chunk, span), SPAN_BYTES);
        chunk->populated = false;
    }
}

static bool is_full(const struct aero_tree_span *span, uint32_t object_bytes)
{
    return span->free == NULL && span->fresh_offset + object_bytes > SPAN_BYTES;
}

static void *take_small(struct aero_tree_memory *memory, size_t length)
{
    unsigned size_class = class_of(length);
    uint32_t object_bytes = class_bytes(size_class);
    struct aero_tree_span *span = memory->partial[size_class];
    if (span == NULL) {
        span = new_span(memory, size_class);
    }
    void *object = span->free;
    if (object != NULL) {
        span->free = span->free->next;
    } else {
        object = span_place(chunk_of(span), span) + span->fresh_offset;
        span->fresh_offset += object_bytes;
    }
    span->used_count++;
    if (is_full(span, object_bytes)) {
        unlink_span(memory, span);
    }
    return object;
}

static void give_small(struct aero_tree_memory *memory, void *pointer, size_t length)
{
    struct aero_tree_chunk *chunk = chunk_of(pointer);
    size_t offset = (size_t)((uint8_t *)pointer - (uint8_t *)chunk);
    struct aero_tree_span *span = &chunk->spans[offset / SPAN_BYTES];
    AERO_ASSERT(span->size_class == class_of(length) && span->used_count > 0);
    if (is_full(span, class_bytes(span->size_class))) {
        link_span(memory, span);
    }
    struct free_object *object = pointer;
    object->next = span->free;
    span->free = object;
    /* The last span of a size stays: a page that grows takes and gives back one object of each size. */
    bool is_only = span->next == NULL && span->previous == NULL;
    if (--span->used_count == 0 && !is_only) {
        free_span(memory, span);
    }
}

void *aero_tree_memory_take(struct aero_tree_memory *memory, size_t length)
{
    AERO_ASSERT(length != 0);
    memory->used_bytes += length;
    if (is_small(length)) {
        return take_small(memory, length);
    }
    return aero_malloc(length);
}

void aero_tree_memory_give(struct aero_tree_memory *memory, void *pointer, size_t length)
{
    AERO_ASSERT(memory->used_bytes >= length);
    memory->used_bytes -= length;
    if (is_small(length)) {
        give_small(memory, pointer, length);
        return;
    }
    free(pointer);
}

void aero_tree_memory_begin_load(struct aero_tree_memory *memory)
{
    memory->loading = true;
}

void aero_tree_memory_end_load(struct aero_tree_memory *memory)
{
    memory->loading = false;
    aero_tree_feeder_free(memory->feeder);
    memory->feeder = NULL;
}

void aero_tree_memory_deinit(struct aero_tree_memory *memory)
{
    AERO_ASSERT(memory->used_bytes == 0);
    aero_tree_memory_end_load(memory);
    for (unsigned i = 0; i < AERO_TREE_MEMORY_CLASSES; i++) {
        if (memory->partial[i] != NULL) {
            AERO_ASSERT(memory->partial[i]->next == NULL);
            free_span(memory, memory->partial[i]);
        }
    }
    if (memory->spacious != NULL) {
        AERO_ASSERT(memory->spacious->next == NULL && memory->spacious->free_count == SPANS);
        aero_tree_chunk_unmap(memory->spacious);
        *memory = (struct aero_tree_memory){0};
    }
}
