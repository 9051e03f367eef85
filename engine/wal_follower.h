/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's WAL: the primary's bytes, verbatim, made durable here before anybody is told.
 *
 * The owner feeds verified segment headers, whole verified records and footers in order; the follower writes
 * them at the same offsets as on the primary and syncs once a gulp. It stamps nothing and invents nothing (REP-1,
 * REP-2). Same requests, lanes, proof and failure rules as the writer: both stand on wal_log.h.
 * A disk fault stops it at the last durable LSN; the replica goes on serving there, marked (decision 22). */
#ifndef AERO_ENGINE_WAL_FOLLOWER_H
#define AERO_ENGINE_WAL_FOLLOWER_H

#include "engine/wal_writer.h"

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
void aero_wal_follower_free(struct aero_wal_follower *follower);

bool aero_wal_follower_has_room(const struct aero_wal_follower *follower, size_t bytes);
/* A segment header, exactly as shipped; the previous segment was sealed (or cut: `header` names its end). */
void aero_wal_follower_begin(struct aero_wal_follower *follower,
                             const struct aero_segment_header *header, struct aero_slice raw);
/* One or more whole verified records ending at `end`. Copied. */
void aero_wal_follower_append(struct aero_wal_follower *follower, struct aero_slice raw,
                              uint64_t record_count, struct aero_position end);
/* The footer, exactly as shipped. */
void aero_wal_follower_seal(struct aero_wal_follower *follower, struct aero_slice raw);
/* Hands over what has arrived since the last sync. */
void aero_wal_follower_submit(struct aero_wal_follower *follower);

struct aero_wal_place aero_wal_follower_received(const struct aero_wal_follower *follower);
struct aero_wal_place aero_wal_follower_durable(const struct aero_wal_follower *follower);
const struct aero_disk_request *aero_wal_follower_next_request(struct aero_wal_follower *follower);
void aero_wal_follower_on_completion(struct aero_wal_follower *follower,
                                     const struct aero_disk_completion *completion);
bool aero_wal_follower_take_failure(struct aero_wal_follower *follower,
                                    struct aero_wal_failure *out_failure);
bool aero_wal_follower_take_new_segment(struct aero_wal_follower *follower,
                                        struct aero_wal_segment *out_segment);
void aero_wal_follower_flush_proof(struct aero_wal_follower *follower);
bool aero_wal_follower_is_idle(const struct aero_wal_follower *follower);

#endif
