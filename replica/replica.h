/* SPDX-License-Identifier: Apache-2.0 */
/* The replica: keeps a byte-for-byte prefix of its primary's WAL, applies what is durable here,
 * proves it, serves reads.
 *
 *     EMPTY --snapshot granted--> BOOTSTRAPPING --swapped in, and the own WAL reached it--> FOLLOWING
 *       |                                                                                     ^
 *       +--resume from LSN 1------------------------------------------------------------------+
 *     any --gap, damage, divergence, digest mismatch, doubt--> HALTED(reason)
 *
 * RECOVERING is what happens before this core exists. What a snapshot shows is served once the
 * own WAL, which begins with the segment that the snapshot stands in, holds its position. A lost
 * connection changes no state: the replica goes on serving. HALTED refuses reads and writes,
 * serves its reason, survives restarts (in the manifest) and ends only by an operator's act
 * (REP-4).
 *
 * Order (decision 18): verified by the receiver -> own WAL -> own fsync -> applied -> visible ->
 * acknowledged as such.
 *
 * The runner works in turns exactly as with the primary. The receiver lives inside; the runner
 * owns the transport: it dials when told, feeds bytes, drains bytes. */
#ifndef AERO_REPLICA_REPLICA_H
#define AERO_REPLICA_REPLICA_H

#include "base/log.h"
#include "engine/checkpoint.h"
#include "engine/recovery.h"
#include "engine/wal_follower.h"
#include "server/core_request.h"
#include "server/server.h"

struct aero_replica;

enum aero_replica_state {
    AERO_REPLICA_EMPTY,
    AERO_REPLICA_BOOTSTRAPPING,
    AERO_REPLICA_FOLLOWING,
    AERO_REPLICA_HALTED,
};

struct aero_replica_options {
    struct aero_wal_options wal;
    struct aero_checkpoint_options checkpoint;
    struct aero_server_options server;
    struct aero_server_config server_config;
    bool tail_streaming;
    uint64_t window_bytes;
    uint64_t heartbeat_ns;
    uint64_t silence_ns; /* a link without a byte for this long is closed and dialled again */
    uint64_t seed;       /* of the backoff's jitter: liveness, not data */
    char primary_host[256];
    uint16_t primary_port;
};

struct aero_replica *aero_replica_new(const struct aero_replica_options *options,
                                      struct aero_recovered *recovered, struct aero_logger *logger);
void aero_replica_free(struct aero_replica *replica);

struct aero_server *aero_replica_server(struct aero_replica *replica);

void aero_replica_tick(struct aero_replica *replica, aero_mono_ns mono, aero_wall_ms wall);
void aero_replica_end_turn(struct aero_replica *replica);
bool aero_replica_has_idle_work(const struct aero_replica *replica);
bool aero_replica_wants_entropy(const struct aero_replica *replica);
void aero_replica_give_entropy(struct aero_replica *replica, aero_id id);
bool aero_replica_next_request(struct aero_replica *replica, struct aero_core_request *out_request);
void aero_replica_on_completion(struct aero_replica *replica, enum aero_core_owner owner,
                                const struct aero_disk_completion *completion);

/* The link. `wants_link` is true when the runner should dial now; it then calls connected or
 * closed. */
bool aero_replica_wants_link(const struct aero_replica *replica);
/* The runner drops the link, then calls on_link_closed. */
bool aero_replica_wants_close(const struct aero_replica *replica);
/* What is said of the link's end is `text`, whatever the runner gives on_link_closed then. */
void aero_replica_close_link(struct aero_replica *replica, const char *text);
void aero_replica_on_link_open(struct aero_replica *replica, const char *peer_name);
void aero_replica_on_link_closed(struct aero_replica *replica, const char *reason);
/* False: no room; keep the bytes and offer them again after completions (the link's own flow
 * control holds the peer). */
bool aero_replica_on_link_bytes(struct aero_replica *replica, struct aero_slice bytes);
struct aero_slice aero_replica_link_output(const struct aero_replica *replica);
void aero_replica_link_sent(struct aero_replica *replica, size_t count);

/* The primary claims to have lost records that this replica holds and wants to see the next one
 * (decision 7). The runner calls find_evidence, which reads this node's WAL and may wait: it
 * happens once in the life of a cluster that is in trouble. */
bool aero_replica_wants_evidence(const struct aero_replica *replica);
void aero_replica_find_evidence(struct aero_replica *replica, struct aero_disk disk);

/* A snapshot arrived whole and is durable under its name, or an operator resolved a halt. The
 * runner calls install (which may wait), frees this core and begins again with recovery: what a
 * restart would find is what the new core starts from. */
bool aero_replica_wants_reopen(const struct aero_replica *replica);
/* Names the snapshot (or takes back the halt) in the manifest, both slots: the swap from the old
 * data to the new (decision 24). Closes what this core's requests had opened: none may follow. */
aero_status aero_replica_install(struct aero_replica *replica, struct aero_disk disk);

/* Whether the newest certificates were refused and older ones are in use: for status alone. */
void aero_replica_note_certificates(struct aero_replica *replica, bool refused);

enum aero_replica_state aero_replica_state(const struct aero_replica *replica);
aero_lsn aero_replica_applied_lsn(const struct aero_replica *replica);
const struct aero_tree *aero_replica_tree(const struct aero_replica *replica);

void aero_replica_begin_stop(struct aero_replica *replica);
bool aero_replica_is_stopped(const struct aero_replica *replica);

#endif
