/* SPDX-License-Identifier: Apache-2.0 */
/* Which replies may leave: the bookkeeping behind V-1 and decision 10.
 *
 * A session's output is one buffer: bytes that were sent, bytes that may leave, bytes that are held. The held ones are
 * described by a ring of {LSN, length}, one entry a reply, oldest first: order is kept, so the first entry holds
 * all behind it. A server keeps the sessions whose first entry waits for LSN n in the list of n. So a durable LSN
 * costs the lists that it passes and the replies that it releases, and nothing else; holding and releasing
 * allocate nothing once the rings have their size. */
#ifndef AERO_SERVER_HOLD_H
#define AERO_SERVER_HOLD_H

#include "base/slice.h"
#include "base/units.h"
#include "server/list.h"

struct aero_held {
    uint64_t lsn; /* 0: depends on nothing itself, only stands behind others */
    size_t length;
};

/* One session's output. Zero-initialised, with its link alone, is empty and valid.
 * sent_bytes <= released_bytes <= bytes.length; the held rest is what the entries add up to. */
struct aero_output {
    struct aero_buffer bytes;
    size_t sent_bytes;
    size_t released_bytes;
    struct aero_held *held; /* ring */
    uint32_t held_capacity; /* a power of two, or 0 */
    uint32_t held_first;
    uint32_t held_count;
    struct aero_link waiting; /* in the list of its first entry's LSN */
};

/* One server's lists, for the LSNs in (durable, durable + capacity]. */
struct aero_hold {
    uint64_t durable;
    struct aero_link *lists; /* of LSN n: n modulo capacity */
    uint64_t capacity;       /* a power of two */
};

void aero_hold_init(struct aero_hold *hold, aero_lsn durable);
void aero_hold_deinit(struct aero_hold *hold);

void aero_output_init(struct aero_output *output);
/* Leaves its list, too. */
void aero_output_deinit(struct aero_output *output);

/* The reply that was appended to output->bytes from `begin` on is complete and depends on `lsn` (0: on nothing).
 * Returns whether bytes became free to leave. */
bool aero_output_finish(struct aero_output *output, struct aero_hold *hold, size_t begin,
                        uint64_t lsn);
struct aero_slice aero_output_ready(const struct aero_output *output);
/* Bytes not sent yet, held ones included. */
size_t aero_output_pending(const struct aero_output *output);
void aero_output_sent(struct aero_output *output, size_t count);

/* Moves the durable LSN forward and moves the outputs whose first entry that satisfies to the end of `released`, by
 * their `waiting` links. The caller takes each out and calls aero_output_release. */
void aero_hold_advance(struct aero_hold *hold, aero_lsn durable, struct aero_link *released);
/* Frees what the durable LSN allows and waits for the rest. Its link must be alone. */
void aero_output_release(struct aero_output *output, struct aero_hold *hold);

/* A failure: each held reply that depends on an LSN above `durable` becomes `not_written` (above `unknown_through`)
 * or `unknown`, which are whole replies; then nothing is held any more. Returns how many were replaced.
 * `scratch` is the caller's. */
uint32_t aero_output_replace(struct aero_output *output, aero_lsn durable, aero_lsn unknown_through,
                             struct aero_slice not_written, struct aero_slice unknown,
                             struct aero_buffer *scratch);

#endif
