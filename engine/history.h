/* SPDX-License-Identifier: Apache-2.0 */
/* A history is the list of the incarnations that wrote it (decision 6), and where its segments began (decision 8).
 *
 * Epoch and LSN alone do not name content: after a cut tail, a restored backup or two mistaken promotions they are
 * the same and the content is not. Every start as primary, every cut, promotion and restore adds an entry with a random
 * nonce, durable before its first commit. Lists are never truncated.
 *
 * Bounds (DET-3): both lists must fit a manifest slot. Full, the list of incarnations gives up its oldest entry that
 * wrote no record at all (nobody can hold a record of it); when there is none, the next one is refused. The list
 * of segments is thinned among its oldest: fewer positions can be proven then ("unprovable" halts, it never
 * guesses), none wrongly. */
#ifndef AERO_ENGINE_HISTORY_H
#define AERO_ENGINE_HISTORY_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

#define AERO_NODE_NAME_MAX 64 /* with the NUL */
#define AERO_INCARNATIONS_MAX 16384
#define AERO_SEGMENT_STARTS_MAX 32768
#define AERO_INCARNATION_BYTES ((size_t)120)
#define AERO_SEGMENT_START_BYTES ((size_t)56)
#define AERO_HISTORY_BYTES_MAX                             \
    (16 + AERO_INCARNATIONS_MAX * AERO_INCARNATION_BYTES + \
     AERO_SEGMENT_STARTS_MAX * AERO_SEGMENT_START_BYTES)

struct aero_incarnation {
    aero_epoch epoch;
    aero_id nonce;
    aero_id node_id; /* who originated it */
    char node_name[AERO_NODE_NAME_MAX];
    struct aero_position start; /* the position before its first record */
};

/* The start of one segment: kept for good, so that a position can be proven to be on my history. */
struct aero_segment_start {
    uint64_t sequence;
    struct aero_position before; /* position before its first record: the predecessor's end */
    aero_id nonce;
    aero_id incarnation;
};

/* Both arrays ordered oldest first; zero-initialised is empty and valid. */
struct aero_history {
    struct aero_incarnation *incarnations;
    size_t incarnation_count;
    struct aero_segment_start *segments;
    size_t segment_count;
};

/* Of two with one nonce: whether all that belongs to it agrees (decision 6). */
bool aero_incarnation_agrees(const struct aero_incarnation *a, const struct aero_incarnation *b);

void aero_history_deinit(struct aero_history *history);
void aero_history_copy(struct aero_history *out_history, const struct aero_history *from);

/* Errors: AERO_INVALID when the nonce is none or known, or the entry begins before the last one or in a lower epoch;
 * AERO_LIMIT when the list is full of incarnations that wrote something. */
aero_status aero_history_add_incarnation(struct aero_history *history,
                                         const struct aero_incarnation *entry);
/* False: another segment of this sequence is known, or one before it that began behind it. */
bool aero_history_fits_segment(const struct aero_history *history,
                               const struct aero_segment_start *start);
/* Adding a segment again changes nothing; asserts that it fits. A replica that began with a snapshot knows segments
 * without records that its log, which may begin before them, only then brings. */
void aero_history_add_segment(struct aero_history *history, const struct aero_segment_start *start);

/* NULL when unknown. */
const struct aero_incarnation *aero_history_find(const struct aero_history *history, aero_id nonce);
const struct aero_segment_start *aero_history_find_segment(const struct aero_history *history,
                                                           uint64_t sequence);
/* The newest incarnation of `theirs` that `mine` has too and agrees upon: its index in each. False: there is none. */
bool aero_history_find_shared(const struct aero_history *mine, const struct aero_history *theirs,
                              size_t *out_mine, size_t *out_theirs);

/* Bytes: docs/formats.md, "History". In the manifest, in snapshots and in the handshake. Decode takes exactly the
 * whole slice: AERO_CORRUPT for anything that encode does not write. */
void aero_history_encode(const struct aero_history *history, struct aero_buffer *out_bytes);
aero_status aero_history_decode(struct aero_slice bytes, struct aero_history *out_history);

#endif
