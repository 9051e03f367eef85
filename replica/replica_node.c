/* SPDX-License-Identifier: Apache-2.0 */
/* The replica as sessions see it: evaluated, durable and shown are one; writes are refused;
 * expiry is the primary's to log. */
#include <stdio.h>

#include "base/assert.h"
#include "replica/replica_priv.h"
#include "server/token.h"

static enum aero_node_role node_role(void *self)
{
    (void)self;
    return AERO_NODE_REPLICA;
}

/* A replica may lag, it may never lie (REP-4): in doubt it serves the reason instead of data. */
static bool node_can_read(void *self, const char **out_error)
{
    struct aero_replica *replica = self;
    switch (replica->state) {
    case AERO_REPLICA_EMPTY:
        *out_error = "LOADING this replica holds no data yet: it waits for its primary";
        return false;
    case AERO_REPLICA_BOOTSTRAPPING:
        if (replica->behind_snapshot) {
            *out_error = "LOADING this replica has its snapshot and receives the log up to it";
            return false;
        }
        if (replica->applied.lsn.value > 0) {
            /* the old data, whole and true at its LSN, until the new one is in force */
            return true;
        }
        *out_error = "LOADING this replica is receiving a snapshot";
        return false;
    case AERO_REPLICA_FOLLOWING:
        return true;
    case AERO_REPLICA_HALTED:
        snprintf(replica->served_reason, sizeof replica->served_reason, "HALTED %s",
                 replica->reason);
        *out_error = replica->served_reason;
        return false;
    }
    return false;
}

static bool node_can_write(void *self, const char **out_error)
{
    (void)self;
    *out_error = "READONLY You can't write against a read only replica.";
    return false;
}

static const struct aero_tree *node_tree(void *self)
{
    struct aero_replica *replica = self;
    return replica->tree;
}

/* A snapshot's LSN is nobody's to name before the log holds it, any more than its data (decision 18). */
static aero_lsn node_shown(void *self)
{
    return aero_replica_shown(self).lsn;
}

static aero_lsn node_touched(void *self, struct aero_slice key)
{
    (void)self;
    (void)key;
    return aero_lsn_of(0);
}

static aero_wall_ms node_expiry_clock(void *self)
{
    struct aero_replica *replica = self;
    return replica->expiry_clock;
}

static bool node_has_room(void *self, size_t bytes)
{
    (void)self;
    (void)bytes;
    return true;
}

static size_t node_commit_bytes_max(void *self)
{
    (void)self;
    return 0;
}

/* Writes never get here: can_write is asked first. Getting here anyway is our mistake, and it
 * stops before it lies (REP-1). */
static void node_begin(void *self)
{
    (void)self;
    AERO_UNREACHABLE("a replica does not write");
}

static void node_put(void *self, struct aero_slice key, struct aero_slice value)
{
    (void)key;
    (void)value;
    node_begin(self);
}

static bool node_erase(void *self, struct aero_slice key)
{
    (void)key;
    node_begin(self);
    return false;
}

static void node_erase_range(void *self, struct aero_slice from, struct aero_slice to)
{
    (void)from;
    (void)to;
    node_begin(self);
}

static size_t node_pending_bytes(void *self)
{
    (void)self;
    return 0;
}

static aero_lsn node_commit(void *self)
{
    node_begin(self);
    return aero_lsn_of(0);
}

static uint32_t node_no_replicas(void *self, aero_lsn lsn)
{
    (void)self;
    (void)lsn;
    return 0;
}

static const struct aero_history *history_of(const struct aero_replica *replica)
{
    return &aero_checkpointer_manifest(replica->checkpointer)->history;
}

static aero_id node_incarnation(void *self)
{
    const struct aero_history *history = history_of(self);
    return history->incarnation_count == 0
               ? (aero_id){{0}}
               : history->incarnations[history->incarnation_count - 1].nonce;
}

static enum aero_token_state node_token_state(void *self, aero_id incarnation, aero_lsn lsn)
{
    struct aero_replica *replica = self;
    return aero_token_judge(history_of(replica), incarnation, lsn, aero_replica_shown(replica).lsn);
}

static uint64_t node_checkpoint_begin(void *self, const char **out_error)
{
    struct aero_replica *replica = self;
    if (replica->state != AERO_REPLICA_FOLLOWING || replica->disk_fault) {
        *out_error = "ERR a checkpoint needs a replica that follows and a disk that works";
        return 0;
    }
    replica->checkpoint_asked = true;
    return ++replica->tickets_given;
}

static enum aero_job_state node_checkpoint_state(void *self, uint64_t ticket,
                                                 const char **out_error)
{
    struct aero_replica *replica = self;
    if (ticket > replica->ticket_done) {
        return AERO_JOB_RUNNING;
    }
    if (replica->ticket_failed) {
        *out_error = replica->ticket_error;
        return AERO_JOB_FAILED;
    }
    return AERO_JOB_DONE;
}

static void node_info(void *self, const char *section, struct aero_buffer *out_text)
{
    aero_replica_info(self, section, out_text);
}

static bool node_admin(void *self, const char *name, const struct aero_slice *arguments,
                       size_t argument_count, struct aero_buffer *out_reply, const char **out_error)
{
    return aero_replica_admin(self, name, arguments, argument_count, out_reply, out_error);
}

static struct aero_role_peer *node_role_peers(void *self, size_t *out_count)
{
    struct aero_replica *replica = self;
    replica->role_peer = (struct aero_role_peer){
        .port = replica->options.primary_port,
        .lsn = aero_replica_shown(replica).lsn.value,
    };
    snprintf(replica->role_peer.host, sizeof replica->role_peer.host, "%.63s",
             replica->options.primary_host);
    *out_count = 1;
    return &replica->role_peer;
}

static const char *node_role_link_state(void *self)
{
    struct aero_replica *replica = self;
    if (replica->link != AERO_LINK_UP) {
        return "connect";
    }
    return replica->state == AERO_REPLICA_BOOTSTRAPPING ? "sync" : "connected";
}

static const struct aero_node_ops node_ops = {
    .role = node_role,
    .can_read = node_can_read,
    .can_write = node_can_write,
    .tree = node_tree,
    .evaluated = node_shown,
    .durable = node_shown,
    .touched = node_touched,
    .depends = node_touched,
    .expiry_clock = node_expiry_clock,
    .has_room = node_has_room,
    .commit_bytes_max = node_commit_bytes_max,
    .begin = node_begin,
    .put = node_put,
    .erase = node_erase,
    .erase_range = node_erase_range,
    .pending_bytes = node_pending_bytes,
    .commit = node_commit,
    .abort = node_begin,
    .replicas_applied = node_no_replicas,
    .replicas_durable = node_no_replicas,
    .incarnation = node_incarnation,
    .token_state = node_token_state,
    .checkpoint_begin = node_checkpoint_begin,
    .checkpoint_state = node_checkpoint_state,
    .info = node_info,
    .admin = node_admin,
    .role_peers = node_role_peers,
    .role_link_state = node_role_link_state,
};

struct aero_node aero_replica_node(struct aero_replica *replica)
{
    return (struct aero_node){.ops = &node_ops, .self = replica};
}
