/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way to the log: chunks that never move, so that a group in flight is a slice of one while the next
 * bytes arrive behind it. First in, first taken.
 *
 *     reserve/fill -> [ taken | queued | free ] -> take -> ... -> release
 *
 * A chunk whose bytes are all released is used again, warm, before a new one is allocated.
 * Bounds: the owner keeps `bytes` (queued and taken, not yet released) below its limit before it reserves. */
#ifndef AERO_ENGINE_WAL_QUEUE_H
#define AERO_ENGINE_WAL_QUEUE_H

#include "base/slice.h"
#include "base/units.h"
#include "engine/segment.h"

/* A group never spans chunks: this is also the largest group, one larger record apart. */
#define AERO_WAL_CHUNK_BYTES ((size_t)1 << 20)

/* A segment that begins in front of a chunk: only a follower is told so beforehand. */
struct aero_wal_rotation {
    struct aero_segment_header header;
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES];
    bool sealed;
    uint8_t footer[AERO_SEGMENT_FOOTER_BYTES]; /* of the segment before, when sealed */
};

struct aero_wal_chunk {
    struct aero_wal_chunk *next;
    uint8_t *data;
    size_t capacity;
    size_t filled;
    size_t taken;
    uint32_t groups; /* in flight from here */

    /* Of a follower, about the bytes up to `filled`. */
    struct aero_position end;
    uint64_t record_count; /* not yet taken */
    struct aero_wal_rotation *rotation;
};

struct aero_wal_queue {
    struct aero_wal_chunk *first; /* with something not released, or the only one */
    struct aero_wal_chunk *last;
    struct aero_wal_chunk *spare;
    uint32_t spare_count;
    size_t bytes;
};

void aero_wal_queue_deinit(struct aero_wal_queue *queue);

/* Where the next `bytes` bytes go; nothing is queued before aero_wal_queue_fill. */
uint8_t *aero_wal_queue_reserve(struct aero_wal_queue *queue, size_t bytes);
void aero_wal_queue_fill(struct aero_wal_queue *queue, size_t bytes);
/* Lets a chunk begin here, behind everything queued. Takes the rotation. */
void aero_wal_queue_take_rotation(struct aero_wal_queue *queue,
                                  struct aero_wal_rotation *take_rotation);

/* The first chunk with something to do: bytes not taken, or a rotation in front of them. NULL: none. */
struct aero_wal_chunk *aero_wal_queue_next(const struct aero_wal_queue *queue);
/* A group of `bytes` leaves from the chunk, and comes back. */
void aero_wal_queue_take(struct aero_wal_chunk *chunk, size_t bytes);
void aero_wal_queue_release(struct aero_wal_queue *queue, struct aero_wal_chunk *chunk,
                            size_t bytes);
/* Forgets what was not taken, rotations too. */
void aero_wal_queue_drop(struct aero_wal_queue *queue);

#endif
