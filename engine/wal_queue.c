/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wal_queue.h"

#include <stdlib.h>

#include "base/assert.h"

/* Kept for the next burst: enough for two groups in flight, one open and one between. */
#define SPARE_COUNT_MAX 4

static void free_chunk(struct aero_wal_chunk *chunk)
{
    free(chunk->rotation);
    free(chunk->data);
    free(chunk);
}

static void free_list(struct aero_wal_chunk *chunk)
{
    while (chunk != NULL) {
        struct aero_wal_chunk *next = chunk->next;
        free_chunk(chunk);
        chunk = next;
    }
}

void aero_wal_queue_deinit(struct aero_wal_queue *queue)
{
    free_list(queue->first);
    free_list(queue->spare);
    *queue = (struct aero_wal_queue){0};
}

static struct aero_wal_chunk *new_chunk(struct aero_wal_queue *queue, size_t bytes)
{
    struct aero_wal_chunk *chunk = queue->spare;
    if (bytes <= AERO_WAL_CHUNK_BYTES && chunk != NULL) {
        queue->spare = chunk->next;
        queue->spare_count--;
        chunk->next = NULL;
        return chunk;
    }
    chunk = aero_calloc(1, sizeof *chunk);
    chunk->capacity = bytes > AERO_WAL_CHUNK_BYTES ? bytes : AERO_WAL_CHUNK_BYTES;
    chunk->data = aero_malloc(chunk->capacity);
    return chunk;
}

static struct aero_wal_chunk *push_chunk(struct aero_wal_queue *queue, size_t bytes)
{
    struct aero_wal_chunk *chunk = new_chunk(queue, bytes);
    if (queue->last == NULL) {
        queue->first = chunk;
    } else {
        queue->last->next = chunk;
    }
    queue->last = chunk;
    return chunk;
}

uint8_t *aero_wal_queue_reserve(struct aero_wal_queue *queue, size_t bytes)
{
    struct aero_wal_chunk *chunk = queue->last;
    if (chunk == NULL || chunk->capacity - chunk->filled < bytes) {
        chunk = push_chunk(queue, bytes);
    }
    return chunk->data + chunk->filled;
}

void aero_wal_queue_fill(struct aero_wal_queue *queue, size_t bytes)
{
    struct aero_wal_chunk *chunk = queue->last;
    AERO_ASSERT(bytes <= chunk->capacity - chunk->filled);
    chunk->filled += bytes;
    queue->bytes += bytes;
}

void aero_wal_queue_take_rotation(struct aero_wal_queue *queue,
                                  struct aero_wal_rotation *take_rotation)
{
    struct aero_wal_chunk *chunk = push_chunk(queue, 0);
    chunk->rotation = take_rotation;
}

struct aero_wal_chunk *aero_wal_queue_next(const struct aero_wal_queue *queue)
{
    struct aero_wal_chunk *chunk = queue->first;
    while (chunk != NULL && chunk->rotation == NULL && chunk->taken == chunk->filled) {
        chunk = chunk->next;
    }
    return chunk;
}

void aero_wal_queue_take(struct aero_wal_chunk *chunk, size_t bytes)
{
    AERO_ASSERT(chunk->rotation == NULL);
    AERO_ASSERT(bytes <= chunk->filled - chunk->taken);
    chunk->taken += bytes;
    chunk->groups++;
}

static bool is_done(const struct aero_wal_chunk *chunk)
{
    return chunk->groups == 0 && chunk->rotation == NULL && chunk->taken == chunk->filled;
}

static void reset_chunk(struct aero_wal_chunk *chunk)
{
    chunk->filled = 0;
    chunk->taken = 0;
    chunk->record_count = 0;
}

static void retire_chunk(struct aero_wal_queue *queue, struct aero_wal_chunk *chunk)
{
    if (chunk->capacity != AERO_WAL_CHUNK_BYTES || queue->spare_count == SPARE_COUNT_MAX) {
        free_chunk(chunk);
        return;
    }
    reset_chunk(chunk);
    chunk->next = queue->spare;
    queue->spare = chunk;
    queue->spare_count++;
}

/* The last chunk stays, to be filled again from its beginning. */
static void retire_done(struct aero_wal_queue *queue)
{
    while (queue->first != NULL && is_done(queue->first)) {
        struct aero_wal_chunk *chunk = queue->first;
        if (chunk == queue->last && chunk->capacity == AERO_WAL_CHUNK_BYTES) {
            reset_chunk(chunk);
            return;
        }
        queue->first = chunk->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        retire_chunk(queue, chunk);
    }
}

void aero_wal_queue_release(struct aero_wal_queue *queue, struct aero_wal_chunk *chunk,
                            size_t bytes)
{
    AERO_ASSERT(chunk->groups > 0);
    AERO_ASSERT(bytes <= queue->bytes);
    chunk->groups--;
    queue->bytes -= bytes;
    retire_done(queue);
}

void aero_wal_queue_drop(struct aero_wal_queue *queue)
{
    for (struct aero_wal_chunk *chunk = queue->first; chunk != NULL; chunk = chunk->next) {
        queue->bytes -= chunk->filled - chunk->taken;
        chunk->filled = chunk->taken;
        chunk->record_count = 0;
        free(chunk->rotation);
        chunk->rotation = NULL;
    }
    retire_done(queue);
}
