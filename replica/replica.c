/* SPDX-License-Identifier: Apache-2.0 */
/* Turns of the replica. What a restart finds is always its own WAL and snapshots: nothing here is
 * remembered elsewhere (FM-8.1). */
#include "replica/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "engine/wal_reader.h"
#include "replica/replica_priv.h"
#include "shipping/backoff.h"
#include "shipping/handshake.h"

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

/* The start of the segment that holds what follows the newest snapshot: proof of where a node stands that has no WAL yet,
 * when its primary may have dropped that snapshot since. NULL: that segment was not begun when it was taken. */
static const struct aero_segment_start *start_of_snapshot(const struct aero_manifest *manifest)
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
    const struct aero_segment_start *first = start_of_snapshot(&recovered->manifest);
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
    replica->bootstrap = aero_bootstrap_new();
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

void aero_replica_close_link(struct aero_replica *replica, const char *text)
{
    if (replica->link == AERO_LINK_UP) {
        replica->link = AERO_LINK_CLOSING;
    }
    snprintf(replica->link_text, sizeof replica->link_text, "%s", text);
}

/* REP-4: says why, serves nothing, and remembers it over restarts until an operator resolves it. */
void aero_replica_halt(struct aero_replica *replica, const char *kind, const char *text)
{
    if (replica->state == AERO_REPLICA_HALTED) {
        return;
    }
    uint64_t edit;
    struct aero_manifest *manifest = aero_checkpointer_edit(replica->checkpointer, &edit);
    snprintf(manifest->halt_reason, sizeof manifest->halt_reason, "%s: %s", kind, text);
    snprintf(replica->reason, sizeof replica->reason, "%s", manifest->halt_reason);
    replica->state = AERO_REPLICA_HALTED;
    aero_log_event(replica->logger, AERO_LOG_ERROR, "halted",
                   AERO_LOG_STR("reason", replica->reason),
                   AERO_LOG_U64("applied_lsn", replica->applied.lsn.value));
    aero_receiver_close(replica->receiver, AERO_BYE_HALTED, replica->reason);
    aero_replica_close_link(replica, replica->reason);
}

/* ---- The link ---- */

bool aero_replica_wants_link(const struct aero_replica *replica)
{
    return replica->link == AERO_LINK_DOWN && replica->state != AERO_REPLICA_HALTED &&
           !replica->disk_fault && !replica->stopping && !replica->wants_reopen &&
           !replica->wants_reopen_after_halt && aero_wal_follower_is_idle(replica->follower) &&
           !aero_replica_has_unapplied(replica) && replica->now.value >= replica->dial_at.value;
}

bool aero_replica_wants_close(const struct aero_replica *replica)
{
    return replica->link == AERO_LINK_CLOSING &&
           aero_receiver_output(replica->receiver).length == 0;
}

/* What this node holds, as decision 18 wants it told: the end of its own durable WAL, nothing that
 * waits to be synced. */
static void build_hello(struct aero_replica *replica, struct aero_buffer *history,
                        struct aero_message_hello *out_hello)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(replica->checkpointer);
    struct aero_wal_place end = aero_wal_follower_durable(replica->follower);
    aero_handshake_encode_history(&manifest->history, history);
    *out_hello = (struct aero_message_hello){
        .protocol_version = AERO_PROTOCOL_VERSION,
        .node_id = manifest->node_id,
        .epoch = manifest->epoch,
        .history = aero_buffer_slice(history),
        /* A snapshot of the empty state at LSN 0 is something: asking for it again would get it again. */
        .holds_nothing =
            replica->applied.lsn.value == 0 && end.sequence == 0 && manifest->snapshot_count == 0,
        .tail_streaming = replica->options.tail_streaming,
    };
    snprintf(out_hello->node_name, sizeof out_hello->node_name, "%s", manifest->node_name);
    if (aero_bootstrap_is_active(replica->bootstrap)) {
        out_hello->snapshot_id = aero_bootstrap_entry(replica->bootstrap)->id;
        out_hello->snapshot_verified = aero_bootstrap_resume_offset(replica->bootstrap);
    }
    if (out_hello->holds_nothing) {
        out_hello->history.length = 0;
        return;
    }
    out_hello->cluster_id = manifest->cluster_id;
    out_hello->end = replica->applied;
    const struct aero_segment_start *start = start_of_snapshot(manifest);
    if (end.sequence == 0 && start != NULL) {
        out_hello->segment_sequence = start->sequence;
        out_hello->segment_before = start->before;
        out_hello->segment_nonce = start->nonce;
        out_hello->segment_incarnation = start->incarnation;
    }
    if (end.sequence != 0) {
        out_hello->end_sequence = end.sequence;
        out_hello->end_offset = end.offset;
        out_hello->end = end.position;
        out_hello->end_sealed = replica->segment_sealed;
        out_hello->segment_sequence = end.sequence;
        out_hello->segment_before = replica->segment.prev_end;
        out_hello->segment_nonce = replica->segment.nonce;
        out_hello->segment_incarnation = replica->segment.incarnation;
    }
}

void aero_replica_on_link_open(struct aero_replica *replica, const char *peer_name)
{
    /* wants_link waited for what was on its way to the disk: the durable end is all that was ever
     * handed over (18). */
    AERO_ASSERT(replica->link != AERO_LINK_UP);
    struct aero_buffer history = {0};
    struct aero_message_hello hello;
    build_hello(replica, &history, &hello);
    replica->link = AERO_LINK_UP;
    replica->has_waiting = false;
    aero_log_event(replica->logger, AERO_LOG_INFO, "link_open", AERO_LOG_STR("peer", peer_name),
                   AERO_LOG_U64("end_lsn", hello.end.lsn.value));
    aero_receiver_on_connected(replica->receiver, &hello,
                               hello.end_sequence != 0 ? &replica->segment : NULL, replica->now);
    aero_buffer_deinit(&history);
}

void aero_replica_on_link_closed(struct aero_replica *replica, const char *reason)
{
    static const struct aero_backoff_options backoff = {0};
    uint64_t delay_ns = aero_backoff_delay_ns(&backoff, replica->attempts, &replica->prng);
    if (replica->link != AERO_LINK_CLOSING) { /* else it was said when we decided to close */
        snprintf(replica->link_text, sizeof replica->link_text, "%s", reason);
    }
    aero_log_event(replica->logger, AERO_LOG_WARN, "link_closed",
                   AERO_LOG_STR("reason", replica->link_text),
                   AERO_LOG_U64("retry_ms", delay_ns / 1000000));
    replica->link = AERO_LINK_DOWN;
    replica->wants_evidence = false;
    replica->attempts++;
    replica->dial_at.value = replica->now.value + delay_ns;
    /* What was verified before stays in order, the action that waits for room first of all. */
    aero_receiver_on_closed(replica->receiver);
}

bool aero_replica_on_link_bytes(struct aero_replica *replica, struct aero_slice bytes)
{
    if (replica->link != AERO_LINK_UP) {
        return true; /* being closed: what still comes is nobody's */
    }
    aero_replica_take_actions(replica);
    if (replica->has_waiting) {
        return false;
    }
    aero_receiver_on_bytes(replica->receiver, bytes, replica->now);
    aero_replica_take_actions(replica);
    return true;
}

struct aero_slice aero_replica_link_output(const struct aero_replica *replica)
{
    return aero_receiver_output(replica->receiver);
}

void aero_replica_link_sent(struct aero_replica *replica, size_t count)
{
    aero_receiver_sent(replica->receiver, count);
}

bool aero_replica_wants_evidence(const struct aero_replica *replica)
{
    return replica->wants_evidence;
}

static void read_evidence(struct aero_disk disk, const struct aero_wal_file *file, aero_lsn after,
                          struct aero_buffer *out_header, struct aero_buffer *out_record)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    uint64_t bound = file->sealed ? 0 : file->end_offset;
    if (!aero_is_ok(aero_wal_reader_open(disk, file->name, bound, &reader))) {
        return;
    }
    while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
        if (record.header.lsn.value == after.value + 1) {
            uint8_t *raw = aero_buffer_reserve(out_header, AERO_SEGMENT_HEADER_BYTES);
            struct aero_segment_header header = *aero_wal_reader_header(reader);
            aero_segment_header_encode(&header, raw);
            out_header->length = AERO_SEGMENT_HEADER_BYTES;
            aero_buffer_append(out_record, record.raw.data, AERO_RECORD_HEADER_BYTES);
            break;
        }
    }
    aero_wal_reader_close(reader);
}

void aero_replica_find_evidence(struct aero_replica *replica, struct aero_disk disk)
{
    struct aero_buffer header = {0};
    struct aero_buffer record = {0};
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(replica->checkpointer, &count);
    for (size_t i = count; i > 0 && record.length == 0; i--) {
        if (files[i - 1].header.first_lsn.value <= replica->evidence_after.value + 1) {
            read_evidence(disk, &files[i - 1], replica->evidence_after, &header, &record);
        }
    }
    replica->wants_evidence = false;
    aero_receiver_give_record(replica->receiver, aero_buffer_slice(&header),
                              aero_buffer_slice(&record));
    aero_buffer_deinit(&header);
    aero_buffer_deinit(&record);
}

/* ---- Bootstrap's last step ---- */

bool aero_replica_wants_reopen(const struct aero_replica *replica)
{
    return (replica->wants_reopen || replica->wants_reopen_after_halt) &&
           !aero_checkpointer_busy(replica->checkpointer) &&
           aero_wal_follower_is_idle(replica->follower);
}

/* The snapshot's own words about where it comes from: an empty replica knows of no cluster and no
 * history yet, and its next Hello must name both (decision 8). */
static aero_status adopt_snapshot(struct aero_disk disk, const struct aero_snapshot_entry *entry,
                                  struct aero_manifest *manifest)
{
    char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header;
    aero_snapshot_name(entry, name);
    AERO_TRY(aero_snapshot_read_header(disk, name, &header));
    aero_status status = aero_ok();
    for (size_t i = 0; i < header.history.incarnation_count && aero_is_ok(status); i++) {
        const struct aero_incarnation *incarnation = &header.history.incarnations[i];
        if (aero_history_find(&manifest->history, incarnation->nonce) == NULL) {
            status = aero_history_add_incarnation(&manifest->history, incarnation);
        }
    }
    uint64_t known = 0;
    if (manifest->history.segment_count > 0) {
        known = manifest->history.segments[manifest->history.segment_count - 1].sequence;
    }
    for (size_t i = 0; i < header.history.segment_count && aero_is_ok(status); i++) {
        if (header.history.segments[i].sequence > known) {
            aero_history_add_segment(&manifest->history, &header.history.segments[i]);
        }
    }
    if (aero_id_is_none(manifest->cluster_id)) {
        manifest->cluster_id = header.cluster_id;
    }
    if (header.epoch.value > manifest->epoch.value) {
        manifest->epoch = header.epoch;
    }
    aero_snapshot_header_deinit(&header);
    return status;
}

aero_status aero_replica_install(struct aero_replica *replica, struct aero_disk disk)
{
    /* With the edits that no request carries yet: the cluster and the history may have come in the
     * same breath as the snapshot. */
    uint64_t edit;
    struct aero_manifest manifest;
    aero_manifest_copy(&manifest, aero_checkpointer_edit(replica->checkpointer, &edit));
    if (!replica->wants_reopen) {
        manifest.halt_reason[0] = '\0';
        aero_status written = aero_manifest_write(disk, &manifest);
        aero_manifest_deinit(&manifest);
        return written;
    }
    /* One entry, so that recovery cannot prefer the old data; its files go once the new ones are
     * in force. */
    manifest.snapshots[0] = *aero_bootstrap_entry(replica->bootstrap);
    manifest.snapshot_count = 1;
    manifest.wal_floor_sequence = manifest.snapshots[0].sequence;
    manifest.damaged_count = 0;
    aero_status status = adopt_snapshot(disk, &manifest.snapshots[0], &manifest);
    if (aero_is_ok(status)) {
        status = aero_manifest_write(disk, &manifest);
    }
    aero_manifest_deinit(&manifest);
    return status;
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
                       "checkpoint", AERO_LOG_STR("status", aero_code_text(status.code)),
                       AERO_LOG_U64("lsn", entry.position.lsn.value),
                       AERO_LOG_U64("bytes", entry.size_bytes));
        replica->ticket_done = replica->ticket_running;
        replica->ticket_failed = !aero_is_ok(status);
        snprintf(replica->ticket_error, sizeof replica->ticket_error, "ERR checkpoint failed: %s",
                 aero_code_text(status.code));
        replica->tree_has_garbage = true;
        aero_server_on_progress(replica->server);
    }
    if (aero_checkpointer_failed(replica->checkpointer, &status) && !replica->disk_fault) {
        replica->disk_fault = true;
        snprintf(
            replica->reason, sizeof replica->reason,
            "disk fault: the manifest failed to sync (%s, errno %d); restart once the disk is well",
            aero_code_text(status.code), status.sys_errno);
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
    switch (owner) {
    case AERO_OWNER_WAL:
        aero_wal_follower_on_completion(replica->follower, completion);
        aero_replica_follow_wal(replica);
        aero_replica_apply_durable(replica);
        break;
    case AERO_OWNER_CHECKPOINT:
        aero_checkpointer_on_completion(replica->checkpointer, completion);
        break;
    case AERO_OWNER_BOOTSTRAP:
        aero_bootstrap_on_completion(replica->bootstrap, completion);
        aero_replica_drive_bootstrap(replica);
        break;
    case AERO_OWNER_COUNT:
        AERO_UNREACHABLE("no such owner");
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
