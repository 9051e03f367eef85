/* SPDX-License-Identifier: Apache-2.0 */
/* The primary as sessions see it (server/node.h): every answer comes from the pipeline, which
 * knows what is durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/primary_priv.h"
#include "server/config_keys.h"
#include "server/token.h"

static enum aero_node_role node_role(void *self)
{
    (void)self;
    return AERO_NODE_PRIMARY;
}

/* Reads go on at the last durable state, whatever happened to writes (FM-6.2, decision 11). */
static bool node_can_read(void *self, const char **out_error)
{
    (void)self;
    (void)out_error;
    return true;
}

static bool node_can_write(void *self, const char **out_error)
{
    struct aero_primary *primary = self;
    if (primary->closed_reason[0] != '\0') {
        *out_error = primary->closed_error;
        return false;
    }
    return true;
}

static const struct aero_tree *node_tree(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_tree(primary->pipeline);
}

static aero_lsn node_evaluated(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_evaluated(primary->pipeline);
}

static aero_lsn node_durable(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_durable(primary->pipeline);
}

static aero_lsn node_touched(void *self, struct aero_slice key)
{
    struct aero_primary *primary = self;
    return aero_pipeline_touched(primary->pipeline, key);
}

static aero_lsn node_depends(void *self, struct aero_slice key)
{
    struct aero_primary *primary = self;
    return primary->read_fast_path ? aero_pipeline_touched(primary->pipeline, key)
                                   : aero_pipeline_evaluated(primary->pipeline);
}

static aero_wall_ms node_expiry_clock(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_clock(primary->pipeline);
}

static bool node_has_room(void *self, size_t bytes)
{
    struct aero_primary *primary = self;
    return !aero_primary_checkpoint_is_alone(primary) &&
           aero_pipeline_has_room(primary->pipeline, bytes);
}

static size_t node_commit_bytes_max(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_commit_max(primary->pipeline);
}

static void node_begin(void *self)
{
    struct aero_primary *primary = self;
    aero_pipeline_begin(primary->pipeline);
}

static void node_put(void *self, struct aero_slice key, struct aero_slice value)
{
    struct aero_primary *primary = self;
    const struct aero_operation put = {.kind = AERO_PUT, .key = key, .value = value};
    aero_pipeline_change(primary->pipeline, &put);
}

static bool node_erase(void *self, struct aero_slice key)
{
    struct aero_primary *primary = self;
    struct aero_slice value;
    if (!aero_tree_get(aero_pipeline_tree(primary->pipeline), key, &value)) {
        return false;
    }
    const struct aero_operation erase = {.kind = AERO_DELETE, .key = key};
    aero_pipeline_change(primary->pipeline, &erase);
    return true;
}

static void node_erase_range(void *self, struct aero_slice from, struct aero_slice to)
{
    struct aero_primary *primary = self;
    const struct aero_operation erase = {.kind = AERO_DELETE_RANGE, .key = from, .value = to};
    aero_pipeline_change(primary->pipeline, &erase);
    primary->tree_has_garbage = true;
}

static size_t node_pending_bytes(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_pending_bytes(primary->pipeline);
}

static aero_lsn node_commit(void *self)
{
    struct aero_primary *primary = self;
    return aero_pipeline_commit(primary->pipeline);
}

static void node_abort(void *self)
{
    struct aero_primary *primary = self;
    aero_pipeline_abort(primary->pipeline);
}

static uint32_t node_replicas_applied(void *self, aero_lsn lsn)
{
    struct aero_primary *primary = self;
    return aero_fleet_count_applied(&primary->fleet, lsn);
}

static uint32_t node_replicas_durable(void *self, aero_lsn lsn)
{
    struct aero_primary *primary = self;
    return aero_fleet_count_durable(&primary->fleet, lsn);
}

static aero_id node_incarnation(void *self)
{
    struct aero_primary *primary = self;
    return primary->incarnation;
}

static enum aero_token_state node_token_state(void *self, aero_id incarnation, aero_lsn lsn)
{
    struct aero_primary *primary = self;
    return aero_token_judge(&aero_checkpointer_manifest(primary->checkpointer)->history,
                            incarnation, lsn, aero_pipeline_durable(primary->pipeline));
}

static uint64_t node_checkpoint_begin(void *self, const char **out_error)
{
    struct aero_primary *primary = self;
    aero_status status;
    if (aero_checkpointer_failed(primary->checkpointer, &status)) {
        *out_error =
            "MISCONF the manifest or its directory failed to sync; restart to recover from disk";
        return 0;
    }
    if (primary->wal_is_closed) {
        *out_error = "MISCONF the log is closed after a failure, and a checkpoint would need it; "
                     "restart to recover from disk";
        return 0;
    }
    if (!aero_primary_can_place(primary)) {
        *out_error = "MISCONF the log has no segment yet, and a checkpoint needs one; AERO.STATUS "
                     "says why and what to do";
        return 0;
    }
    if (primary->wish.state == AERO_WISH_NONE) {
        primary->wish.state = AERO_WISH_ASKED;
    }
    primary->wish.ticket = ++primary->tickets_given;
    return primary->wish.ticket;
}

static enum aero_job_state node_checkpoint_state(void *self, uint64_t ticket,
                                                 const char **out_error)
{
    struct aero_primary *primary = self;
    if (ticket > primary->ticket_done) {
        return AERO_JOB_RUNNING;
    }
    if (primary->ticket_failed) {
        *out_error = primary->ticket_error;
        return AERO_JOB_FAILED;
    }
    return AERO_JOB_DONE;
}

static void node_info(void *self, const char *section, struct aero_buffer *out_text)
{
    aero_primary_info(self, section, out_text);
}

static bool node_admin(void *self, const char *name, const struct aero_slice *arguments,
                       size_t argument_count, struct aero_buffer *out_reply, const char **out_error)
{
    return aero_primary_admin(self, name, arguments, argument_count, out_reply, out_error);
}

void aero_primary_describe_peer(const struct aero_fleet_member *member,
                                struct aero_role_peer *out_peer)
{
    struct aero_host_port place;
    bool known = aero_config_host_port(member->address, &place);
    *out_peer =
        (struct aero_role_peer){.port = known ? place.port : 0, .lsn = member->applied.value};
    snprintf(out_peer->host, sizeof out_peer->host, "%.63s", known ? place.host : member->address);
}

static struct aero_role_peer *node_role_peers(void *self, size_t *out_count)
{
    struct aero_primary *primary = self;
    size_t count = 0;
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        const struct aero_fleet_member *member = &primary->fleet.members[i];
        if (member->following) {
            aero_primary_describe_peer(member, &primary->role_peers[count++]);
        }
    }
    *out_count = count;
    return primary->role_peers;
}

static const char *node_role_link_state(void *self)
{
    (void)self;
    return "connected";
}

static const struct aero_node_ops node_ops = {
    .role = node_role,
    .can_read = node_can_read,
    .can_write = node_can_write,
    .tree = node_tree,
    .evaluated = node_evaluated,
    .durable = node_durable,
    .touched = node_touched,
    .depends = node_depends,
    .expiry_clock = node_expiry_clock,
    .has_room = node_has_room,
    .commit_bytes_max = node_commit_bytes_max,
    .begin = node_begin,
    .put = node_put,
    .erase = node_erase,
    .erase_range = node_erase_range,
    .pending_bytes = node_pending_bytes,
    .commit = node_commit,
    .abort = node_abort,
    .replicas_applied = node_replicas_applied,
    .replicas_durable = node_replicas_durable,
    .incarnation = node_incarnation,
    .token_state = node_token_state,
    .checkpoint_begin = node_checkpoint_begin,
    .checkpoint_state = node_checkpoint_state,
    .info = node_info,
    .admin = node_admin,
    .role_peers = node_role_peers,
    .role_link_state = node_role_link_state,
};

struct aero_node aero_primary_node(struct aero_primary *primary)
{
    return (struct aero_node){.ops = &node_ops, .self = primary};
}
