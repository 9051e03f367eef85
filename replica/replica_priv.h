/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the replica's core share: replica.c turns, replica_link.c dials and greets, follow.c takes what the
 * receiver hands over and applies it, replica_history.c is what it knows of the past, replica_install.c swaps data,
 * replica_node.c answers sessions, replica_status.c tells. */
#ifndef AERO_REPLICA_REPLICA_PRIV_H
#define AERO_REPLICA_REPLICA_PRIV_H

#include "base/prng.h"
#include "replica/bootstrap.h"
#include "replica/replica.h"
#include "server/node.h"
#include "shipping/receiver.h"

#define AERO_REPLICA_ENTROPY_STOCK 2
/* What the reason of a halt begins with, where more than one file says it. */
#define AERO_HALT_KIND_DIGEST "digest mismatch"

enum aero_replica_link {
    AERO_LINK_DOWN,
    AERO_LINK_UP,
    AERO_LINK_CLOSING, /* the runner is asked to drop it once the output is gone */
};

struct aero_replica {
    struct aero_replica_options options;
    struct aero_logger *logger;
    aero_mono_ns now;
    aero_wall_ms wall;
    struct aero_prng prng;

    enum aero_replica_state state;
    char reason[512]; /* of HALTED and of a disk fault */
    char served_reason[544];

    struct aero_tree *tree;
    struct aero_position applied;  /* the state that the tree shows */
    aero_wall_ms expiry_clock;     /* from the log (decision 21) */
    struct aero_position snapshot; /* what the tree began with: the WAL has to agree with it */
    bool behind_snapshot; /* the WAL has yet to reach it: nothing is served (decision 18) */
    struct aero_wal_follower *follower;
    struct aero_segment_header segment; /* of the segment that the WAL ends in */
    bool has_segment;
    bool segment_sealed;
    struct aero_checkpointer *checkpointer;
    struct aero_receiver *receiver;
    struct aero_server *server;
    struct aero_bootstrap *bootstrap;
    struct aero_disk_handles handles[AERO_OWNER_COUNT];
    aero_id entropy[AERO_REPLICA_ENTROPY_STOCK];
    size_t entropy_count;

    /* Records handed over by the receiver, raw, waiting to be durable here and then applied
     * (decision 18). */
    struct aero_buffer queue;
    size_t queue_head;

    /* The receiver's action that cannot be taken yet: no room, or the history that it needs is not
     * durable. */
    struct aero_receiver_action waiting;
    bool has_waiting;
    aero_id primary_cluster; /* as the last verdict named it */
    uint64_t history_edit;   /* nothing is taken before this manifest edit is durable */
    bool wants_evidence;     /* of the record behind evidence_after (decision 7) */
    aero_lsn evidence_after;

    enum aero_replica_link link;
    aero_mono_ns dial_at;
    uint32_t attempts;
    uint64_t transfer_offset;              /* where the last transfer began, or went on */
    char link_text[AERO_MESSAGE_TEXT_MAX]; /* why the last link ended */
    bool certificates_refused;

    bool disk_fault; /* the WAL stopped: serves at the last durable LSN, marked (decision 22) */
    bool stopping;
    bool tree_has_garbage;
    bool wants_reopen;            /* a snapshot is whole: swap to it */
    bool wants_reopen_after_halt; /* an operator resolved a halt: begin again from the disk */
    aero_mono_ns busy_at;
    aero_mono_ns applied_at; /* of the last durable apply */

    bool checkpoint_asked;
    uint64_t tickets_given;
    uint64_t ticket_running;
    uint64_t ticket_done;
    bool ticket_failed;
    char ticket_error[160];

    uint64_t digests_compared;
    uint64_t snapshots_received;
    struct aero_role_peer role_peer;
};

/* follow.c */
void aero_replica_take_actions(struct aero_replica *replica);
void aero_replica_follow_wal(struct aero_replica *replica);
void aero_replica_apply_durable(struct aero_replica *replica);
void aero_replica_drive_bootstrap(struct aero_replica *replica);
bool aero_replica_has_unapplied(const struct aero_replica *replica);
/* replica.c */
/* Without checkpoint_pipelining a checkpoint is an act of its own: nothing of the log is taken from the link from the wish
 * to its end. */
bool aero_replica_checkpoint_is_alone(const struct aero_replica *replica);
/* The start of the segment that holds what follows the newest snapshot: proof of where a node stands that has no WAL yet,
 * when its primary may have dropped that snapshot since. NULL: that segment was not begun when it was taken. */
const struct aero_segment_start *
aero_replica_start_of_snapshot(const struct aero_manifest *manifest);
void aero_replica_halt(struct aero_replica *replica, const char *kind, const char *text);
/* How far a restart would come: the state's position once the WAL holds it (decision 18). */
struct aero_position aero_replica_shown(const struct aero_replica *replica);
/* replica_history.c */
/* The last record that the state here, or the log, has. */
aero_lsn aero_replica_end(const struct aero_replica *replica);
/* The primary's incarnations become the manifest's; `end`: of what is here. False: they do not continue the ones that it has, and
 * the manifest is of no use. */
bool aero_replica_adopt_incarnations(struct aero_manifest *manifest,
                                     const struct aero_history *primary, aero_lsn end);
/* The same, and all else that a snapshot says about where it comes from. */
bool aero_replica_adopt_snapshot(struct aero_manifest *manifest,
                                 const struct aero_snapshot_header *header, aero_lsn end);
/* replica_node.c */
struct aero_node aero_replica_node(struct aero_replica *replica);
/* replica_status.c */
void aero_replica_info(struct aero_replica *replica, const char *section, struct aero_buffer *out);
bool aero_replica_admin(struct aero_replica *replica, const char *name,
                        const struct aero_slice *arguments, size_t argument_count,
                        struct aero_buffer *out_reply, const char **out_error);

#endif
