/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of the replica. What a restart finds is always its own WAL and snapshots: nothing here is
 * remembered elsewhere (FM-8.1). */
#include "replica/replica.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "replica/replica_priv.h"

#define IDLE_BEFORE_PROOF_SYNC_NS 200000000U
#define RECLAIM_NODES_PER_TURN 256U

static struct aero_wal_follower_start follower_start(const struct aero_recovered *recovered)
{
    struct aero_wal_follower_start start = {.proof_generation = recovered->proof.generation};
    if (recovered->file_count > 0) {
        const struct aero_wal_file *last = &recovered->files[recovered->file_count - 1];
        start.segment = last->header;
        start.end = (struct aero_wal_place){
            .sequence = last->header.sequence,
            .offset = last->end_offset,
            .position = last->end,
        };
        start.record_count = last->record_count;
        start.sealed = last->sealed;
    }
    return start;
}

const struct aero_segment_start *
aero_replica_start_of_snapshot(const struct aero_manifest *manifest)
{
    return manifest->snapshot_count == 0
               ? NULL
               : aero_history_find_segment(
                     &manifest->history,
                     manifest->snapshots[manifest->snapshot_count - 1].sequence);
}

/* A WAL that begins right behind the snapshot has nothing to catch up with, even when it has not begun. */
static bool is_behind_snapshot(const struct aero_recovered *recovered,
                               const struct aero_wal_follower_start *start)
{
    aero_lsn snapshot = recovered->end.lsn;
    if (recovered->file_count > 0) {
        return start->end.position.lsn.value < snapshot.value;
    }
    const struct aero_segment_start *first = aero_replica_start_of_snapshot(&recovered->manifest);
    return first != NULL && first->before.lsn.value < snapshot.value;
}

static enum aero_replica_state first_state(const struct aero_recovered *recovered, bool behind)
{
    const struct aero_manifest *manifest = &recovered->manifest;
    if (manifest->halt_reason[0] != '\0') {
        return AERO_REPLICA_HALTED;
    }
    if (recovered->file_count == 0 && manifest->snapshot_count == 0) {
        return AERO_REPLICA_EMPTY;
    }
    return behind ? AERO_REPLICA_BOOTSTRAPPING : AERO_REPLICA_FOLLOWING;
}

struct aero_replica *aero_replica_new(const struct aero_replica_options *options,
                                      struct aero_recovered *recovered, struct aero_logger *logger)
{
    const struct aero_manifest *manifest = &recovered->manifest;
    AERO_ASSERT(manifest->role == AERO_ROLE_REPLICA);
    struct aero_replica *replica = aero_calloc(1, sizeof *replica);
    replica->options = *options;
    replica->logger = logger;
    aero_prng_init(&replica->prng, options->seed);
    snprintf(replica->reason, sizeof replica->reason, "%s", manifest->halt_reason);
    struct aero_wal_follower_start start = follower_start(recovered);
    replica->behind_snapshot = is_behind_snapshot(recovered, &start);
    replica->state = first_state(recovered, replica->behind_snapshot);
    replica->follower = aero_wal_follower_new(&options->wal, &start);
    replica->segment = start.segment;
    replica->has_segment = start.end.sequence != 0;
    replica->segment_sealed = start.sealed;
    replica->tree = recovered->tree;
    recovered->tree = NULL;
    replica->applied = recovered->end;
    if (start.end.position.lsn.value < recovered->end.lsn.value) {
        replica->snapshot = recovered->end; /* the WAL has yet to pass it */
    }
    replica->expiry_clock = recovered->expiry_clock;
    replica->checkpointer = aero_checkpointer_new(&options->checkpoint, recovered);
    const struct aero_receiver_options receiver_options = {
        .window_bytes = options->window_bytes,
        .heartbeat_interval_ns = options->heartbeat_ns,
        .timeout_ns = options->silence_ns,
    };
    replica->bootstrap = aero_bootstrap_new(recovered->transfer);
    recovered->transfer = NULL;
    replica->receiver = aero_receiver_new(&receiver_options);
    replica->server =
        aero_server_new(&options->server, aero_replica_node(replica), options->server_config);
    return replica;
}

void aero_replica_free(struct aero_replica *replica)
{
    if (replica == NULL) {
        return;
    }
    aero_server_free(replica->server);
    aero_checkpointer_free(replica->checkpointer, replica->tree);
    aero_tree_free(replica->tree);
    aero_wal_follower_free(replica->follower);
    aero_receiver_free(replica->receiver);
    aero_bootstrap_free(replica->bootstrap);
    aero_buffer_deinit(&replica->queue);
    free(replica);
}

struct aero_server *aero_replica_server(struct aero_replica *replica)
{
    return replica->server;
}

/* ---- Doubt ---- */

/* REP-4: says why, serves nothing, and remembers it over restarts until an operator resolves it. */
void aero_replica_halt(struct aero_replica *replica, const char *kind, const char *text)
{
    AERO_ASSERT(replica->state !=
                AERO_REPLICA_HALTED); /* the first reason is the one that led here */
    uint64_t edit;
    struct aero_manifest *manifest = aero_checkpointer_edit(replica->checkpointer, &edit);
    snprintf(manifest->halt_reason, sizeof manifest->halt_reason, "%s: %s", kind, text);
    snprintf(replica->reason, sizeof replica->reason, "%s", manifest->halt_reason);
    replica->state = AERO_REPLICA_HALTED;
    aero_log_event(replica->logger, AERO_LOG_ERROR, "halted",
                   AERO_LOG_STR("reason", replica->reason),
                   AERO_LOG_LSN("applied_lsn", replica->applied.lsn));
    aero_receiver_close(replica->receiver, AERO_BYE_HALTED, replica->reason);
    aero_replica_close_link(replica, replica->reason);
}

/* ---- Checkpoints: of the applied state, which is durable here ---- */

static bool checkpoint_is_wished(const struct aero_replica *replica)
{
    return replica->checkpoint_asked || aero_checkpointer_due(replica->checkpointer);
}

bool aero_replica_checkpoint_is_alone(const struct aero_replica *replica)
{
    /* A WAL that has yet to pass the snapshot that the state began with must go on: no checkpoint begins before. */
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    bool may_begin = replica->state == AERO_REPLICA_FOLLOWING && durable.sequence != 0 &&
                     durable.position.lsn.value >= replica->snapshot.lsn.value;
    return !replica->options.checkpoint.pipelined &&
           (aero_checkpointer_is_running(replica->checkpointer) ||
            (may_begin && checkpoint_is_wished(replica)));
}

static bool is_settled(const struct aero_replica *replica)
{
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    return durable.sequence != 0 && replica->applied.lsn.value == durable.position.lsn.value &&
           (replica->options.checkpoint.pipelined || aero_wal_follower_is_idle(replica->follower));
}

static void drive_checkpoint(struct aero_replica *replica)
{
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    if (checkpoint_is_wished(replica) && is_settled(replica) && replica->entropy_count > 0 &&
        !replica->wants_reopen && replica->state == AERO_REPLICA_FOLLOWING &&
        !aero_checkpointer_busy(replica->checkpointer)) {
        replica->checkpoint_asked = false;
        replica->ticket_running = replica->tickets_given;
        aero_checkpointer_begin(replica->checkpointer, replica->entropy[--replica->entropy_count],
                                aero_view_open(replica->tree), replica->applied, durable.sequence,
                                replica->expiry_clock);
    }
    aero_status status;
    struct aero_snapshot_entry entry;
    if (aero_checkpointer_take_result(replica->checkpointer, &status, &entry)) {
        aero_log_event(replica->logger, aero_is_ok(status) ? AERO_LOG_INFO : AERO_LOG_ERROR,
                       "checkpoint", AERO_LOG_STATUS("status", status),
                       AERO_LOG_LSN("lsn", entry.position.lsn),
                       AERO_LOG_U64("bytes", entry.size_bytes));
        replica->ticket_done = replica->ticket_running;
        replica->ticket_failed = !aero_is_ok(status);
        snprintf(replica->ticket_error, sizeof replica->ticket_error, "ERR checkpoint failed: %s",
                 aero_code_text(status.code));
        replica->tree_has_garbage = true;
        aero_server_on_progress(replica->server);
    }
    if (aero_checkpointer_failed(replica->checkpointer, &status) && !replica->disk_fault) {
        char error[AERO_ERROR_TEXT_BYTES];
        const char *call;
        const char *file = aero_checkpointer_failed_file(replica->checkpointer, &call);
        aero_error_format(status, error);
        replica->disk_fault = true;
        snprintf(replica->reason, sizeof replica->reason,
                 "disk fault: %s of %s failed: %s; restart once the disk is well", call, file,
                 error);
        aero_log_event(replica->logger, AERO_LOG_ERROR, "manifest_failed",
                       AERO_LOG_STR("reason", replica->reason));
        aero_replica_close_link(replica, replica->reason);
    }
}

/* ---- Turns ---- */

void aero_replica_tick(struct aero_replica *replica, aero_mono_ns mono, aero_wall_ms wall)
{
    replica->now = mono;
    replica->wall = wall;
    aero_server_tick(replica->server, mono, wall);
    aero_receiver_tick(replica->receiver, mono);
    aero_replica_take_actions(replica);
}

/* A replica's segments come from its primary: it has no use for old ones. */
static void discard_segments(struct aero_replica *replica)
{
    char name[AERO_DISK_NAME_MAX];
    aero_status status;
    if (aero_checkpointer_take_leftover(replica->checkpointer, name, &status)) {
        aero_log_event(replica->logger, AERO_LOG_WARN, "file_not_removed",
                       AERO_LOG_STR("file", name), AERO_LOG_STATUS("error", status),
                       AERO_LOG_STR("advice", "look at the disk; the next start removes it"));
    }
    while (aero_checkpointer_take_recycled(replica->checkpointer, name)) {
        aero_checkpointer_discard(replica->checkpointer, name);
    }
}

void aero_replica_end_turn(struct aero_replica *replica)
{
    aero_wal_follower_submit(replica->follower);
    aero_replica_apply_durable(replica);
    aero_replica_drive_bootstrap(replica);
    drive_checkpoint(replica);
    aero_replica_take_actions(replica); /* a checkpoint that ended may have held them */
    aero_server_resume(replica->server);
    discard_segments(replica);
    if (replica->tree_has_garbage) {
        replica->tree_has_garbage = !aero_tree_reclaim(replica->tree, RECLAIM_NODES_PER_TURN);
    }
    if (!aero_wal_follower_is_idle(replica->follower)) {
        replica->busy_at = replica->now;
    } else if (replica->stopping ||
               replica->now.value - replica->busy_at.value >= IDLE_BEFORE_PROOF_SYNC_NS) {
        aero_wal_follower_flush_proof(replica->follower);
    }
}

bool aero_replica_has_idle_work(const struct aero_replica *replica)
{
    return replica->tree_has_garbage || aero_replica_has_unapplied(replica) ||
           aero_checkpointer_has_result(replica->checkpointer);
}

bool aero_replica_wants_entropy(const struct aero_replica *replica)
{
    return replica->entropy_count < AERO_REPLICA_ENTROPY_STOCK;
}

void aero_replica_give_entropy(struct aero_replica *replica, aero_id id)
{
    AERO_ASSERT(replica->entropy_count < AERO_REPLICA_ENTROPY_STOCK);
    replica->entropy[replica->entropy_count++] = id;
}

bool aero_replica_next_request(struct aero_replica *replica, struct aero_core_request *out_request)
{
    enum aero_core_owner owner = AERO_OWNER_WAL;
    const struct aero_disk_request *request = aero_wal_follower_next_request(replica->follower);
    if (request == NULL) {
        owner = AERO_OWNER_CHECKPOINT;
        request = aero_checkpointer_next_request(replica->checkpointer);
    }
    if (request == NULL) {
        owner = AERO_OWNER_BOOTSTRAP;
        request = aero_bootstrap_next_request(replica->bootstrap);
    }
    if (request == NULL) {
        return false;
    }
    *out_request = (struct aero_core_request){
        .owner = owner,
        .request = request,
        .handles = &replica->handles[owner],
    };
    return true;
}

void aero_replica_on_completion(struct aero_replica *replica, enum aero_core_owner owner,
                                const struct aero_disk_completion *completion)
{
    AERO_ASSERT(owner < AERO_OWNER_COUNT);
    if (owner == AERO_OWNER_WAL) {
        aero_wal_follower_on_completion(replica->follower, completion);
        aero_replica_follow_wal(replica);
        aero_replica_apply_durable(replica);
    } else if (owner == AERO_OWNER_CHECKPOINT) {
        aero_checkpointer_on_completion(replica->checkpointer, completion);
        aero_server_on_progress(replica->server); /* a token may have waited for a history */
    } else {
        aero_bootstrap_on_completion(replica->bootstrap, completion);
        aero_replica_drive_bootstrap(replica);
    }
    aero_replica_take_actions(replica);
}

enum aero_replica_state aero_replica_state(const struct aero_replica *replica)
{
    return replica->state;
}

struct aero_position aero_replica_shown(const struct aero_replica *replica)
{
    return replica->behind_snapshot ? aero_wal_follower_durable(replica->follower).position
                                    : replica->applied;
}

aero_lsn aero_replica_applied_lsn(const struct aero_replica *replica)
{
    return aero_replica_shown(replica).lsn;
}

const struct aero_tree *aero_replica_tree(const struct aero_replica *replica)
{
    return replica->tree;
}

void aero_replica_begin_stop(struct aero_replica *replica)
{
    replica->stopping = true;
    aero_receiver_close(replica->receiver, AERO_BYE_SHUTDOWN, "the replica is shutting down");
    aero_replica_close_link(replica, "shutting down");
}

bool aero_replica_is_stopped(const struct aero_replica *replica)
{
    return replica->stopping && aero_wal_follower_is_idle(replica->follower);
}
