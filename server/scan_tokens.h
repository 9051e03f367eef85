/* SPDX-License-Identifier: Apache-2.0 */
/* SCAN's cursors: numbers that clients carry, positions that we remember.
 *
 * The keyspace is ordered, so a scan's position is simply the last key that it visited; whatever changes around it,
 * every key that was there from its beginning to its end lies ahead or was returned. A cursor must be a number that
 * fits 53 bits (some clients keep it in a double), too small for a key, so the key stays here: a bounded table, one slot for
 * each scan under way, holding its newest position and the one before (a client may ask the same cursor again after
 * a lost reply). The number is slot and a random 40 bits, so that a cursor from another scan, another process or another
 * node does not fit.
 *
 * A cursor that is not known (its slot was given to a newer scan, least recently used first, or the process was
 * restarted) begins at the first key again. That keeps SCAN's promise, every key that was present throughout is
 * returned at least once, at the price of returning some twice, which SCAN may do. It ends as long as no more than
 * AERO_SCAN_SLOTS scans are under way at a time. */
#ifndef AERO_SERVER_SCAN_TOKENS_H
#define AERO_SERVER_SCAN_TOKENS_H

#include "base/prng.h"
#include "base/slice.h"
#include "server/list.h"

#define AERO_SCAN_SLOTS 4096
#define AERO_SCAN_SLOT_BITS 12
#define AERO_SCAN_CHECK_BITS 40

struct aero_scan_slot;

struct aero_scan_tokens {
    struct aero_scan_slot *slots; /* AERO_SCAN_SLOTS, when the first scan begins */
    struct aero_link by_age;      /* least recently used first */
    struct aero_prng *prng;
};

void aero_scan_tokens_init(struct aero_scan_tokens *tokens, struct aero_prng *prng);
void aero_scan_tokens_deinit(struct aero_scan_tokens *tokens);

/* The key to go on behind, appended to out_position; empty: from the beginning. */
void aero_scan_position(struct aero_scan_tokens *tokens, uint64_t cursor,
                        struct aero_buffer *out_position);
/* The cursor of a scan that came with `cursor` and goes on behind `position`; never 0. */
uint64_t aero_scan_advance(struct aero_scan_tokens *tokens, uint64_t cursor,
                           struct aero_slice position);
/* The scan that came with `cursor` is at its end. */
void aero_scan_finish(struct aero_scan_tokens *tokens, uint64_t cursor);

#endif
