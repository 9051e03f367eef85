/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of the primary. The crash points are the WAL's and the checkpointer's; between them this
 * file only moves what became durable to those who wait for it, in this order: undo log, held
 * replies, checkpoint, senders. */
#include "primary/primary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "primary/primary_priv.h"
#include "shipping/view.h"

#define RETRY_INTERVAL_NS 1000000000U /* between attempts to begin a segment after ENOSPC */
/* Losing the proof is harmless: its sync never competes with commits. */
#define IDLE_BEFORE_PROOF_SYNC_NS 200000000U
/* Acknowledgements since are forgotten by a crash: the bound of that, in time. */
#define NOTES_INTERVAL_NS 5000000000U
#define RECLAIM_NODES_PER_TURN 256U
#define EXPIRE_KEYS_PER_TURN 64U

struct aero_primary *aero_primary_new(const struct aero_primary_options *options,
                                      struct aero_recovered *recovered, aero_id nonce,
                                      struct aero_logger *logger)
{
    const struct aero_manifest *manifest = &recovered->manifest;
    AERO_ASSERT(manifest->history.incarnation_count > 0);
    const struct aero_incarnation *incarnation =
        &manifest->history.incarnations[manifest->history.incarnation_count - 1];
    const struct aero_wal_file *last =
        recovered->file_count > 0 ? &recovered->files[recovered->file_count - 1] : NULL;
    struct aero_wal_start start = {
        .cluster_id = manifest->cluster_id,
        .epoch = manifest->epoch,
        .incarnation = incarnation->nonce,
        .nonce = nonce,
        .prev_sequence = last != NULL ? last->header.sequence : 0,
        .prev_end_offset = last != NULL ? last->end_offset : 0,
        .end = recovered->end,
        .proof_generation = recovered->proof.generation,
    };
    struct aero_primary *primary = aero_calloc(1, sizeof *primary);
    primary->logger = logger;
    primary->incarnation = incarnation->nonce;
    primary->expiry_jump_max_ms = options->expiry_jump_max_ms;
    primary->read_fast_path = options->read_fast_path;
    primary->checkpoint_pipelining = options->checkpoint.pipelined;
    primary->wal = aero_wal_new(&options->wal, &start);
    primary->pipeline = aero_pipeline_new(recovered->tree, primary->wal, recovered->end.lsn,
                                          recovered->expiry_clock);
    recovered->tree = NULL;
    primary->checkpointer = aero_checkpointer_new(&options->checkpoint, recovered);
    aero_primary_show_gate(primary);
    primary->server =
        aero_server_new(&options->server, aero_primary_node(primary), options->server_config);
    primary->view_is_stale = true;
    return primary;
}

void aero_primary_free(struct aero_primary *primary)
{
    if (primary == NULL) {
        return;
    }
    aero_server_free(primary->server);
    aero_shipping_view_release(primary->view);
    if (primary->wish.view != NULL) {
        aero_view_close(primary->wish.view);
    }
    aero_checkpointer_free(primary->checkpointer, aero_pipeline_tree(primary->pipeline));
    aero_pipeline_free(primary->pipeline);
    aero_wal_free(primary->wal);
    free(primary);
}

struct aero_server *aero_primary_server(struct aero_primary *primary)
{
    return primary->server;
}

/* ---- The end of a checkpoint ---- */

static void end_wish(struct aero_primary *primary, aero_status status)
{
    primary->ticket_done = primary->wish.ticket;
    primary->ticket_failed = !aero_is_ok(status);
    snprintf(primary->ticket_error, sizeof primary->ticket_error, "ERR checkpoint failed: %s",
             aero_code_text(status.code));
    primary->wish = (struct aero_checkpoint_wish){.state = AERO_WISH_NONE};
    primary->tree_has_garbage = true;
    aero_server_on_progress(primary->server);
}

/* A view that a closed log can place no more, or that shows what failed. */
static void drop_view(struct aero_primary *primary)
{
    aero_view_close(primary->wish.view);
    primary->wish.view = NULL;
    primary->wish.state = AERO_WISH_ASKED;
    primary->tree_has_garbage = true;
}

/* One that nothing can come of any more; what runs the checkpointer ends. */
static void give_up_wish(struct aero_primary *primary, aero_status status)
{
    if (primary->wish.state == AERO_WISH_VIEWED) {
        drop_view(primary);
    }
    if (primary->wish.state == AERO_WISH_ASKED) {
        end_wish(primary, status);
    }
}

bool aero_primary_can_place(const struct aero_primary *primary)
{
    return aero_wal_is_open(primary->wal) || aero_wal_durable(primary->wal).sequence != 0;
}

/* ---- What the WAL says ---- */

static void on_wal_failure(struct aero_primary *primary, const struct aero_wal_failure *failure)
{
    primary->failures++;
    aero_pipeline_on_failure(primary->pipeline, failure->durable);
    if (primary->wish.state == AERO_WISH_VIEWED &&
        primary->wish.lsn.value > failure->durable.value) {
        drop_view(primary);
    }
    if (failure->closed || !aero_primary_can_place(primary)) {
        give_up_wish(primary, failure->status);
    }
    primary->wal_failed = failure->closed && primary->gate == AERO_GATE_OPEN;
    primary->wal_is_closed = failure->closed;
    const char *advice = failure->closed
                             ? "look at the disk, then restart the primary: it recovers from disk"
                             : "make space: writes resume by themselves once there is some";
    if (primary->gate == AERO_GATE_OPEN) { /* a gate's reason says more */
        char reason[256];
        char error[AERO_ERROR_TEXT_BYTES];
        aero_error_format(failure->status, error);
        snprintf(reason, sizeof reason, "%s of %s failed: %s, at LSN %llu", failure->call,
                 failure->file, error, (unsigned long long)failure->durable.value + 1);
        aero_primary_close_for(primary, reason, advice);
    }
    aero_log_event(
        primary->logger, AERO_LOG_ERROR, "wal_failed", AERO_LOG_STR("call", failure->call),
        AERO_LOG_STR("file", failure->file), AERO_LOG_STATUS("error", failure->status),
        AERO_LOG_LSN("durable_lsn", failure->durable),
        AERO_LOG_LSN("unknown_through_lsn", failure->unknown_through),
        AERO_LOG_LSN("failed_through_lsn", failure->last), AERO_LOG_STR("advice", advice));
    aero_server_on_failure(primary->server, failure->durable, failure->unknown_through,
                           failure->last);
}

void aero_primary_follow_wal(struct aero_primary *primary)
{
    struct aero_wal_segment segment;
    while (aero_wal_take_new_segment(primary->wal, &segment)) {
        aero_checkpointer_on_segment(primary->checkpointer, &segment);
        primary->view_is_stale = true;
    }
    struct aero_wal_place durable = aero_wal_durable(primary->wal);
    if (durable.position.lsn.value > aero_pipeline_durable(primary->pipeline).value) {
        aero_pipeline_on_durable(primary->pipeline, durable.position.lsn);
        aero_checkpointer_on_durable(primary->checkpointer, durable.sequence, durable.offset,
                                     durable.position);
        aero_server_on_durable(primary->server, durable.position.lsn);
    }
    struct aero_wal_failure failure;
    if (aero_wal_take_failure(primary->wal, &failure)) {
        on_wal_failure(primary, &failure);
    }
    if (aero_wal_is_open(primary->wal) && primary->gate == AERO_GATE_OPEN &&
        primary->closed_reason[0] != '\0' && !primary->stopping) {
        aero_primary_close_for(primary, "", "");
        aero_log_event(primary->logger, AERO_LOG_WARN, "writes_resumed");
    }
    aero_server_resume(primary->server);
}

/* ---- Checkpoints ---- */

bool aero_primary_checkpoint_is_alone(const struct aero_primary *primary)
{
    return !primary->checkpoint_pipelining && primary->wish.state != AERO_WISH_NONE;
}

static void take_view(struct aero_primary *primary)
{
    struct aero_checkpoint_wish *wish = &primary->wish;
    wish->view = aero_view_open(aero_pipeline_tree(primary->pipeline));
    wish->lsn = aero_pipeline_evaluated(primary->pipeline);
    wish->expiry_clock = aero_pipeline_clock(primary->pipeline);
    wish->state = AERO_WISH_VIEWED;
    aero_wal_watch(primary->wal, wish->lsn);
}

/* Alone, it begins when nothing is in flight. */
static bool may_take_view(const struct aero_primary *primary)
{
    bool settled = aero_pipeline_evaluated(primary->pipeline).value ==
                   aero_pipeline_durable(primary->pipeline).value;
    return !aero_checkpointer_busy(primary->checkpointer) &&
           (primary->checkpoint_pipelining || settled);
}

static void drive_checkpoint(struct aero_primary *primary)
{
    struct aero_checkpoint_wish *wish = &primary->wish;
    struct aero_wal_place place;
    if (wish->state == AERO_WISH_NONE && !primary->wal_is_closed &&
        aero_primary_can_place(primary) && aero_checkpointer_due(primary->checkpointer)) {
        wish->state = AERO_WISH_ASKED;
    }
    if (wish->state == AERO_WISH_ASKED && may_take_view(primary)) {
        take_view(primary);
    }
    if (wish->state == AERO_WISH_VIEWED && primary->entropy_count > 0 &&
        aero_wal_watched(primary->wal, &place)) {
        struct aero_view *view = wish->view;
        wish->view = NULL;
        wish->state = AERO_WISH_RUNNING;
        aero_checkpointer_begin(primary->checkpointer, primary->entropy[--primary->entropy_count],
                                view, place.position, place.sequence, wish->expiry_clock);
    }
    aero_status status;
    struct aero_snapshot_entry entry;
    if (aero_checkpointer_take_result(primary->checkpointer, &status, &entry)) {
        aero_log_event(primary->logger, aero_is_ok(status) ? AERO_LOG_INFO : AERO_LOG_ERROR,
                       "checkpoint", AERO_LOG_STATUS("status", status),
                       AERO_LOG_LSN("lsn", entry.position.lsn),
                       AERO_LOG_U64("bytes", entry.size_bytes));
        primary->view_is_stale = true;
        end_wish(primary, status);
        aero_server_resume(primary->server); /* commits may have waited for its end */
    }
    /* Decision 22: a manifest that failed ends all of it. */
    if (aero_checkpointer_failed(primary->checkpointer, &status)) {
        give_up_wish(primary, status);
        if (aero_wal_is_open(primary->wal)) {
            const char *call;
            const char *file = aero_checkpointer_failed_file(primary->checkpointer, &call);
            aero_wal_close(primary->wal, status, file, call);
            aero_primary_follow_wal(primary);
        }
    }
}

static void recycle_segments(struct aero_primary *primary)
{
    char name[AERO_DISK_NAME_MAX];
    aero_status status;
    if (aero_checkpointer_take_leftover(primary->checkpointer, name, &status)) {
        aero_log_event(primary->logger, AERO_LOG_WARN, "file_not_removed",
                       AERO_LOG_STR("file", name), AERO_LOG_STATUS("error", status),
                       AERO_LOG_STR("advice", "look at the disk; the next start removes it"));
    }
    while (aero_checkpointer_take_recycled(primary->checkpointer, name)) {
        if (!aero_wal_give_recycled(primary->wal, name)) {
            aero_checkpointer_discard(primary->checkpointer, name);
        }
    }
}

/* ---- Turns ---- */

/* Decision 21: a clock that jumped far over the restart may be wrong, and what expires is gone for good. */
static void check_clock(struct aero_primary *primary)
{
    uint64_t logged_ms = aero_pipeline_clock(primary->pipeline).value;
    primary->clock_checked = true;
    primary->expiry_suspended = logged_ms != 0 && primary->expiry_jump_max_ms != 0 &&
                                primary->wall.value > logged_ms + primary->expiry_jump_max_ms;
    if (primary->expiry_suspended) {
        aero_log_event(primary->logger, AERO_LOG_WARN, "expiry_suspended",
                       AERO_LOG_U64("logged_clock_ms", logged_ms),
                       AERO_LOG_U64("clock_ms", primary->wall.value),
                       AERO_LOG_STR("advice", "check the clock, then 'aeroctl confirm-clock'"));
    }
}

void aero_primary_tick(struct aero_primary *primary, aero_mono_ns mono, aero_wall_ms wall)
{
    primary->now = mono;
    primary->wall = wall;
    if (!primary->clock_checked) {
        check_clock(primary);
    }
    if (!primary->expiry_suspended) {
        aero_pipeline_set_clock(primary->pipeline, wall);
    }
    aero_server_tick(primary->server, mono, wall);
    if (!aero_wal_is_open(primary->wal) && mono.value >= primary->retry_at.value) {
        primary->retry_at.value = mono.value + RETRY_INTERVAL_NS;
        aero_wal_retry(primary->wal);
    }
}

void aero_primary_end_turn(struct aero_primary *primary)
{
    struct aero_tree *tree = aero_pipeline_tree(primary->pipeline);
    if (primary->closed_reason[0] == '\0') {
        aero_server_expire_due(primary->server, EXPIRE_KEYS_PER_TURN);
    }
    if (aero_wal_needs_nonce(primary->wal) && primary->entropy_count > 0) {
        aero_wal_give_nonce(primary->wal, primary->entropy[--primary->entropy_count]);
    }
    drive_checkpoint(primary); /* its end may let commits in */
    aero_wal_submit(primary->wal);
    if (primary->now.value - primary->noted_at.value >= NOTES_INTERVAL_NS) {
        primary->noted_at = primary->now;
        aero_checkpointer_write_notes(primary->checkpointer);
    }
    recycle_segments(primary);
    if (primary->tree_has_garbage) {
        primary->tree_has_garbage = !aero_tree_reclaim(tree, RECLAIM_NODES_PER_TURN);
    }
    if (!aero_wal_is_idle(primary->wal)) {
        primary->busy_at = primary->now;
    } else if (primary->stopping ||
               primary->now.value - primary->busy_at.value >= IDLE_BEFORE_PROOF_SYNC_NS) {
        aero_wal_flush_proof(primary->wal);
    }
}

bool aero_primary_has_idle_work(const struct aero_primary *primary)
{
    return primary->tree_has_garbage || aero_checkpointer_has_result(primary->checkpointer);
}

bool aero_primary_is_gathering(struct aero_primary *primary)
{
    return aero_wal_is_gathering(primary->wal);
}

bool aero_primary_wants_entropy(const struct aero_primary *primary)
{
    return primary->entropy_count < AERO_ENTROPY_STOCK;
}

void aero_primary_give_entropy(struct aero_primary *primary, aero_id id)
{
    AERO_ASSERT(primary->entropy_count < AERO_ENTROPY_STOCK);
    primary->entropy[primary->entropy_count++] = id;
}

bool aero_primary_next_request(struct aero_primary *primary, struct aero_core_request *out_request)
{
    const struct aero_disk_request *request = aero_wal_next_request(primary->wal);
    enum aero_core_owner owner = AERO_OWNER_WAL;
    if (request == NULL) {
        request = aero_checkpointer_next_request(primary->checkpointer);
        owner = AERO_OWNER_CHECKPOINT;
    }
    if (request == NULL) {
        return false;
    }
    *out_request = (struct aero_core_request){
        .owner = owner,
        .request = request,
        .handles = &primary->handles[owner],
    };
    return true;
}

void aero_primary_on_completion(struct aero_primary *primary, enum aero_core_owner owner,
                                const struct aero_disk_completion *completion)
{
    if (owner == AERO_OWNER_WAL) {
        aero_wal_on_completion(primary->wal, completion);
        aero_primary_follow_wal(primary);
    } else {
        enum aero_write_gate before = aero_checkpointer_manifest(primary->checkpointer)->gate;
        aero_checkpointer_on_completion(primary->checkpointer, completion);
        if (aero_checkpointer_manifest(primary->checkpointer)->gate != before) {
            primary->view_is_stale = true; /* senders may say now that this node is fenced */
        }
        drive_checkpoint(primary);
    }
}

void aero_primary_begin_stop(struct aero_primary *primary)
{
    primary->stopping = true;
    aero_primary_close_for(primary, "the server is shutting down", "wait for it to be back");
    aero_checkpointer_write_notes(primary->checkpointer);
}

bool aero_primary_is_stopped(const struct aero_primary *primary)
{
    return primary->stopping && aero_wal_is_idle(primary->wal) &&
           aero_checkpointer_is_settled(primary->checkpointer);
}

bool aero_primary_has_failed(const struct aero_primary *primary)
{
    return primary->wal_failed;
}

bool aero_primary_has_commits_in_flight(const struct aero_primary *primary)
{
    return aero_pipeline_evaluated(primary->pipeline).value >
           aero_wal_durable(primary->wal).position.lsn.value;
}

aero_lsn aero_primary_durable_lsn(const struct aero_primary *primary)
{
    return aero_pipeline_durable(primary->pipeline);
}

const struct aero_tree *aero_primary_tree(const struct aero_primary *primary)
{
    return aero_pipeline_tree(primary->pipeline);
}

const struct aero_manifest *aero_primary_manifest(const struct aero_primary *primary)
{
    return aero_checkpointer_manifest(primary->checkpointer);
}
