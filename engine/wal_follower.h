/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's WAL: the primary's bytes, verbatim, made durable here before anybody is told.
 *
 * The owner feeds verified segment headers, whole verified records and footers in order; the follower writes
 * them at the same offsets as on the primary and syncs once a gulp. It stamps nothing and invents nothing (REP-1,
 * REP-2). Same requests, lanes, proof and failure rules as the writer: both stand on wal_log.h.
 *
 * A footer is held until the next header has come: here as on the primary it is written behind the durable header of its
 * successor, so that a footer without a successor is damage on either (decision 14).
 *
 * A disk fault stops it at the last durable LSN; the replica goes on serving there, marked (decision 22). After a
 * lack of room it is open again at once, at its durable end: what failed was dropped and is fed again from there, when
 * the owner thinks that room has come back. Writing the same bytes of the same history to the same place once more is
 * no rewriting of history (decision 3 forbids other bytes). Anything else closes it until a restart. */
#ifndef AERO_ENGINE_WAL_FOLLOWER_H
#define AERO_ENGINE_WAL_FOLLOWER_H

#include "engine/wal_writer.h"

/* Segments that may begin within what is queued; has_room is false beyond. */
#define AERO_WAL_FOLLOWER_ROTATIONS_MAX 2

struct aero_wal_follower;

struct aero_wal_follower_start {
    /* The segment that recovery left open and its end; sequence 0: nothing yet, a segment header comes first. */
    struct aero_segment_header segment;
    struct aero_wal_place end;
    uint64_t record_count;
    bool sealed; /* a footer stands at the end: a segment header comes next */
    uint64_t proof_generation;
};

struct aero_wal_follower *aero_wal_follower_new(const struct aero_wal_options *options,
                                                const struct aero_wal_follower_start *start);
/* Nothing of it may be with the disk any more. Accepts NULL. */
void aero_wal_follower_free(struct aero_wal_follower *follower);

/* Asked before begin (with its 4096 bytes) and append. False as well when the follower is not open. */
/* One gulp of any size is taken when nothing is queued: how large a record is is the primary's to say, whose queue may be
 * larger than this one's. */
bool aero_wal_follower_has_room(const struct aero_wal_follower *follower, size_t bytes);
/* Takes bytes, and no failure waits to be taken. */
bool aero_wal_follower_is_open(const struct aero_wal_follower *follower);
/* A segment header, exactly as shipped; the previous segment was sealed (or cut: `header` names its end). The first one
 * of a follower that has nothing sets where its log begins. Asserts that it follows what was received. */
void aero_wal_follower_begin(struct aero_wal_follower *follower,
                             const struct aero_segment_header *header, struct aero_slice raw);
/* One or more whole verified records ending at `end`. Copied. */
void aero_wal_follower_append(struct aero_wal_follower *follower, struct aero_slice raw,
                              uint64_t record_count, struct aero_position end);
/* The footer, exactly as shipped. Only a header may follow. */
void aero_wal_follower_seal(struct aero_wal_follower *follower, struct aero_slice raw);
/* Hands over what has arrived since the last sync, as far as lanes are free; completions do it by themselves. */
void aero_wal_follower_submit(struct aero_wal_follower *follower);

/* The end of what was fed; after a failure, once it has been taken, of what is durable. */
struct aero_wal_place aero_wal_follower_received(const struct aero_wal_follower *follower);
struct aero_wal_place aero_wal_follower_durable(const struct aero_wal_follower *follower);
const struct aero_disk_request *aero_wal_follower_next_request(struct aero_wal_follower *follower);
void aero_wal_follower_on_completion(struct aero_wal_follower *follower,
                                     const struct aero_disk_completion *completion);
/* `closed` false: no room; feed again from `durable`. Here unknown_through says no more than that bytes up to there may be
 * on disk. */
bool aero_wal_follower_take_failure(struct aero_wal_follower *follower,
                                    struct aero_wal_failure *out_failure);
bool aero_wal_follower_take_new_segment(struct aero_wal_follower *follower,
                                        struct aero_wal_segment *out_segment);
/* As for the writer. */
void aero_wal_follower_close(struct aero_wal_follower *follower, aero_status reason);
bool aero_wal_follower_give_recycled(struct aero_wal_follower *follower, const char *name);
void aero_wal_follower_flush_proof(struct aero_wal_follower *follower);
bool aero_wal_follower_is_idle(const struct aero_wal_follower *follower);

#endif
