/* SPDX-License-Identifier: Apache-2.0 */
/* The primary: evaluates commands, commits them, and tells nobody before they are durable.
 *
 * A sans-I/O core that ties together the keyspace, the WAL writer, the checkpointer, the client
 * sessions and the fleet of replicas. The runner (host or simulator) works in turns:
 *
 *     tick(now)                       once a turn, first
 *     session input, fleet events, disk completions, in any order
 *     end_turn()                      hands over what arrived, as one group (never a timer)
 *     next_request() until none       run them on workers
 *     server outputs                  aero_server_next_ready: replies that may leave
 *
 * V-1: the evaluated state is ahead of the durable one only by commits in flight; sessions hold
 * every reply that depends on them; snapshots and digests are taken at durable boundaries. When a
 * group fails, the undo log takes the evaluated state back to the durable one, and the held
 * replies become NOTWRITTEN or UNKNOWN (decision 11).
 *
 * Write gates (decision 7, 15): CUT, PRIMARY_LOST and SUPERSEDED are kept in the manifest; while
 * one is up, writes are refused with the reason and what the operator can do. */
#ifndef AERO_PRIMARY_PRIMARY_H
#define AERO_PRIMARY_PRIMARY_H

#include "base/log.h"
#include "engine/checkpoint.h"
#include "engine/recovery.h"
#include "engine/wal_writer.h"
#include "server/core_request.h"
#include "server/server.h"

struct aero_primary;
struct aero_shipping_view; /* shipping/view.h */
struct aero_fleet_event;   /* primary/fleet_event.h */

struct aero_primary_options {
    struct aero_wal_options wal;
    struct aero_checkpoint_options checkpoint;
    struct aero_server_options server;
    struct aero_server_config server_config;
    bool read_fast_path; /* a read waits for commits that touched its key, not for all in flight */
    uint64_t expiry_jump_max_ms; /* a clock further ahead at start suspends expiry; 0: never */
    bool open_writes_after_cut;  /* false: wait for a replica or for the operator */
};

/* The act that makes this start an incarnation of its own (decision 6): adds it to the manifest's
 * history, both slots, synced. `open_writes_after_cut` takes back the gate that recovery raised
 * when it cut bytes while replicas are known (decision 7). May wait; before aero_primary_new. */
aero_status aero_primary_begin_incarnation(struct aero_disk disk, struct aero_recovered *recovered,
                                           const struct aero_recovery_report *report,
                                           bool open_writes_after_cut, aero_id incarnation);

/* Moves everything out of `recovered`. `nonce` is for the first segment. */
struct aero_primary *aero_primary_new(const struct aero_primary_options *options,
                                      struct aero_recovered *recovered, aero_id nonce,
                                      struct aero_logger *logger);
void aero_primary_free(struct aero_primary *primary);

/* Sessions are opened, fed and drained through this. */
struct aero_server *aero_primary_server(struct aero_primary *primary);

void aero_primary_tick(struct aero_primary *primary, aero_mono_ns mono, aero_wall_ms wall);
void aero_primary_end_turn(struct aero_primary *primary);
/* Work left that needs no input: call end_turn again soon (reclaim, expiry). */
bool aero_primary_has_idle_work(const struct aero_primary *primary);
/* Commits wait for end_turn to make them a group of the log: more may join it. */
bool aero_primary_is_gathering(struct aero_primary *primary);

bool aero_primary_wants_entropy(const struct aero_primary *primary);
void aero_primary_give_entropy(struct aero_primary *primary, aero_id id);

bool aero_primary_next_request(struct aero_primary *primary, struct aero_core_request *out_request);
void aero_primary_on_completion(struct aero_primary *primary, enum aero_core_owner owner,
                                const struct aero_disk_completion *completion);

/* What senders may ship: a view of segments, snapshots and history (borrowed until the next call
 * into the core; retain it to keep it; a new pointer whenever it changed) and, by value, how far
 * the log is durable. The place's segment is in the view. */
struct aero_shipping_view *aero_primary_shipping_view(struct aero_primary *primary);
struct aero_wal_place aero_primary_durable_place(const struct aero_primary *primary);
/* False: nothing will move that place but another write. */
bool aero_primary_has_commits_in_flight(const struct aero_primary *primary);
/* What this replica (by its certificate's name) ever acknowledged durable, 0 when unknown: for its
 * sender (decision 5). */
aero_lsn aero_primary_acknowledged_by(const struct aero_primary *primary, const char *name);
/* What a sender learnt from its replica, in order; AERO_SENDER_CLOSED is the last of a connection. */
void aero_primary_on_fleet_event(struct aero_primary *primary,
                                 const struct aero_fleet_event *event);

/* Whether the newest certificates were refused and older ones are in use: for status alone. */
void aero_primary_note_certificates(struct aero_primary *primary, bool refused);

/* Clean stop: takes no more writes, lets those in flight finish, syncs the proof. True when all is
 * on disk. Depends on nothing: a kill at any moment is as good (FM-4.1). */
void aero_primary_begin_stop(struct aero_primary *primary);
bool aero_primary_is_stopped(const struct aero_primary *primary);

/* The disk failed the WAL, which takes no writes until a restart (FM-7.2): a host that was told to
 * ends the process. */
bool aero_primary_has_failed(const struct aero_primary *primary);

/* For checkers and operators. */
aero_lsn aero_primary_durable_lsn(const struct aero_primary *primary);
const struct aero_tree *aero_primary_tree(const struct aero_primary *primary);
const struct aero_manifest *aero_primary_manifest(const struct aero_primary *primary);

#endif
