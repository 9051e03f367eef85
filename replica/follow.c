/* SPDX-License-Identifier: Apache-2.0 */
/* From the receiver's actions to the applied state, in the one order that decision 18 allows:
 * verified, written here, synced here, applied, visible, acknowledged. Crash points: before the
 * sync the bytes are nobody's; after it recovery finds and applies them exactly as here, through
 * the same function. */
#include <stdio.h>

#include "base/assert.h"
#include "engine/look_ahead.h"
#include "engine/operation.h"
#include "engine/record.h"
#include "engine/summary.h"
#include "replica/replica_priv.h"
#include "server/keyspace_codec.h"

#define APPLY_BYTES_PER_TURN ((size_t)4 << 20)

/* ---- Actions ---- */

static void take_verdict(struct aero_replica *replica, const struct aero_receiver_action *action)
{
    enum aero_handshake_kind kind = action->verdict->kind;
    if (kind == AERO_HANDSHAKE_RESUME) {
        replica->attempts = 0; /* an answer that sends us away is one more attempt in vain */
        replica->transfer_offset = 0;
        aero_bootstrap_discard(replica->bootstrap);
    }
    replica->primary_cluster = action->verdict->cluster_id;
    aero_log_event(replica->logger, AERO_LOG_INFO, "primary_answered",
                   AERO_LOG_STR("verdict", aero_handshake_text(action->verdict->kind)),
                   AERO_LOG_LSN("primary_durable_lsn", action->verdict->durable),
                   AERO_LOG_STR("text", action->verdict->text));
}

/* The primary's incarnations become mine, in both slots, before the first record under them is
 * taken (decision 13). */
static void take_history(struct aero_replica *replica, const struct aero_receiver_action *action)
{
    struct aero_manifest *manifest =
        aero_checkpointer_edit(replica->checkpointer, &replica->history_edit);
    if (!aero_replica_adopt_incarnations(manifest, action->history, aero_replica_end(replica))) {
        aero_replica_halt(replica, "history",
                          "the primary's incarnations do not continue the ones known here");
        return;
    }
    if (aero_id_is_none(manifest->cluster_id)) {
        manifest->cluster_id = replica->primary_cluster;
    }
}

/* The log goes on; a snapshot that it has yet to reach is not served before (decision 18). */
static void follow(struct aero_replica *replica)
{
    replica->state = replica->behind_snapshot ? AERO_REPLICA_BOOTSTRAPPING : AERO_REPLICA_FOLLOWING;
}

/* The receiver compares it with the log, and there may be none yet: what is known of segments came with the snapshot. */
static bool fits_history(struct aero_replica *replica, const struct aero_segment_header *header)
{
    const struct aero_segment_start start = {
        .sequence = header->sequence, .before = header->prev_end, .nonce = header->nonce};
    char text[160];
    bool fits = aero_history_fits_segment(
        &aero_checkpointer_manifest(replica->checkpointer)->history, &start);
    if (!fits) {
        snprintf(text, sizeof text,
                 "segment %llu, which begins behind LSN %llu, is not the one of the history here",
                 (unsigned long long)start.sequence, (unsigned long long)start.before.lsn.value);
        aero_replica_halt(replica, "diverged", text);
    }
    return fits;
}

static void take_segment(struct aero_replica *replica, const struct aero_receiver_action *action)
{
    if (!fits_history(replica, &action->header)) {
        return;
    }
    follow(replica);
    replica->segment = action->header;
    replica->has_segment = true;
    replica->segment_sealed = false;
    aero_wal_follower_begin(replica->follower, &action->header, action->raw);
}

static void take_records(struct aero_replica *replica, const struct aero_receiver_action *action)
{
    follow(replica);
    aero_wal_follower_append(replica->follower, action->raw, action->record_count,
                             action->end.position);
    aero_buffer_append_slice(&replica->queue, action->raw);
}

/* At its beginning, or where the Hello said that it stopped: the receiver lets nothing else pass, and a transfer that was
 * dropped since took the link with it. */
static void take_snapshot_begin(struct aero_replica *replica,
                                const struct aero_receiver_action *action)
{
    const struct aero_message_snapshot *told = &action->snapshot;
    const struct aero_snapshot_entry entry = {
        .id = told->id,
        .position = told->position,
        .sequence = told->sequence,
        .size_bytes = told->size_bytes,
        .entry_count = told->entry_count,
        .digest = told->digest,
    };
    bool begins = action->snapshot_offset == 0;
    if (begins) {
        aero_bootstrap_begin(replica->bootstrap, &entry);
    } else {
        aero_bootstrap_go_on(replica->bootstrap, &entry);
    }
    AERO_ASSERT(aero_bootstrap_resume_offset(replica->bootstrap) == action->snapshot_offset);
    if (action->snapshot_offset > replica->transfer_offset) {
        replica->attempts = 0; /* the last link was not in vain: it brought some of it */
    }
    replica->transfer_offset = action->snapshot_offset;
    replica->state = AERO_REPLICA_BOOTSTRAPPING;
    aero_log_event(
        replica->logger, AERO_LOG_INFO, begins ? "bootstrap_begins" : "bootstrap_goes_on",
        AERO_LOG_LSN("lsn", entry.position.lsn), AERO_LOG_U64("offset", action->snapshot_offset),
        AERO_LOG_U64("bytes", entry.size_bytes));
}

static void drop_bootstrap(struct aero_replica *replica, aero_status status, const char *what)
{
    char text[200];
    snprintf(text, sizeof text, "%s: %s; the transfer starts anew", what, aero_error_text(status));
    aero_bootstrap_abandon(replica->bootstrap);
    aero_replica_close_link(replica, text);
}

static void take_snapshot_bytes(struct aero_replica *replica,
                                const struct aero_receiver_action *action)
{
    if (!aero_bootstrap_is_active(replica->bootstrap)) {
        return; /* the link is being closed */
    }
    aero_status status = aero_bootstrap_feed(replica->bootstrap, action->raw);
    if (!aero_is_ok(status)) {
        drop_bootstrap(replica, status, "the primary's snapshot does not verify");
    }
}

/* Asked while the old data are in force: the swap could not, and another transfer would bring the same. */
static bool continues_history(const struct aero_replica *replica)
{
    struct aero_manifest manifest;
    aero_manifest_copy(&manifest, aero_checkpointer_manifest(replica->checkpointer));
    bool continues = aero_replica_adopt_snapshot(
        &manifest, aero_bootstrap_header(replica->bootstrap), aero_replica_end(replica));
    aero_manifest_deinit(&manifest);
    return continues;
}

static void take_snapshot_end(struct aero_replica *replica)
{
    if (!aero_bootstrap_is_active(replica->bootstrap)) {
        return;
    }
    aero_status status = aero_bootstrap_finish(replica->bootstrap, replica->primary_cluster);
    if (!aero_is_ok(status)) {
        drop_bootstrap(replica, status,
                       status.code == AERO_MISMATCH ? "this is not the snapshot that was announced"
                                                    : "the snapshot ended early");
    } else if (!continues_history(replica)) {
        aero_bootstrap_discard(replica->bootstrap);
        aero_replica_halt(replica, "history",
                          "the snapshot's history does not continue the one known here");
    }
}

/* Whether the action can be taken now; otherwise it waits and so does everything behind it. */
static bool can_take(const struct aero_replica *replica, const struct aero_receiver_action *action)
{
    if (aero_checkpointer_durable_edit(replica->checkpointer) < replica->history_edit) {
        return false;
    }
    switch (action->kind) {
    case AERO_RECEIVER_BEGIN_SEGMENT:
    case AERO_RECEIVER_RECORDS:
    case AERO_RECEIVER_SEAL:
        return !aero_replica_checkpoint_is_alone(replica) &&
               aero_wal_follower_has_room(replica->follower, action->raw.length);
    case AERO_RECEIVER_SNAPSHOT_BYTES:
        return aero_bootstrap_has_room(replica->bootstrap);
    default:
        return true;
    }
}

static void take(struct aero_replica *replica, const struct aero_receiver_action *action)
{
    switch (action->kind) {
    case AERO_RECEIVER_VERDICT:
        take_verdict(replica, action);
        break;
    case AERO_RECEIVER_HISTORY:
        take_history(replica, action);
        break;
    case AERO_RECEIVER_BEGIN_SEGMENT:
        take_segment(replica, action);
        break;
    case AERO_RECEIVER_RECORDS:
        take_records(replica, action);
        break;
    case AERO_RECEIVER_SEAL:
        replica->segment_sealed = true;
        aero_wal_follower_seal(replica->follower, action->raw);
        break;
    case AERO_RECEIVER_SNAPSHOT_BEGIN:
        take_snapshot_begin(replica, action);
        break;
    case AERO_RECEIVER_SNAPSHOT_BYTES:
        take_snapshot_bytes(replica, action);
        break;
    case AERO_RECEIVER_SNAPSHOT_END:
        take_snapshot_end(replica);
        break;
    case AERO_RECEIVER_FETCH_RECORD:
        replica->wants_evidence = true;
        replica->evidence_after = action->after;
        break;
    case AERO_RECEIVER_HALT:
        aero_replica_halt(replica, aero_halt_text(action->halt), action->text);
        break;
    case AERO_RECEIVER_RECONNECT:
        if (replica->link == AERO_LINK_UP) { /* else its end was told by whoever saw it first */
            aero_replica_close_link(replica, action->text);
        }
        break;
    }
}

void aero_replica_take_actions(struct aero_replica *replica)
{
    while (replica->state != AERO_REPLICA_HALTED && !replica->disk_fault) {
        if (!replica->has_waiting) {
            if (!aero_receiver_next_action(replica->receiver, &replica->waiting)) {
                return;
            }
            replica->has_waiting = true;
        }
        if (!can_take(replica, &replica->waiting)) {
            return;
        }
        replica->has_waiting = false;
        take(replica, &replica->waiting);
    }
    replica->has_waiting = false;
}

/* ---- Applying ---- */

/* Decision 20: the record names the state after the record before it, which is the state now. */
static bool digest_agrees(struct aero_replica *replica, const struct aero_record_header *header,
                          struct aero_slice payload)
{
    struct aero_digest_payload told;
    if (!aero_is_ok(aero_digest_decode(payload, &told))) {
        return false;
    }
    struct aero_summary mine = aero_tree_summary(replica->tree);
    replica->expiry_clock = told.expiry_clock;
    replica->digests_compared++;
    if (aero_summary_equal(mine, told.summary)) {
        return true;
    }
    const struct aero_message_digest_mismatch mismatch = {
        .lsn = header->lsn,
        .expected = told.summary.digest,
        .found = mine.digest,
    };
    aero_receiver_report_mismatch(replica->receiver, &mismatch);
    return false;
}

/* False: halted. */
static bool apply_record(struct aero_replica *replica, const struct aero_record_header *header,
                         struct aero_slice payload)
{
    char text[160];
    if (header->lsn.value <= replica->applied.lsn.value) {
        /* The WAL of a bootstrapped replica begins before its snapshot; where it passes it, the
         * two must agree (12). */
        bool same = header->lsn.value != replica->snapshot.lsn.value ||
                    header->chain == replica->snapshot.chain;
        if (!same) {
            snprintf(text, sizeof text, "the WAL's chain at LSN %llu is not the snapshot's",
                     (unsigned long long)header->lsn.value);
            aero_replica_halt(replica, "diverged", text);
        }
        return same;
    }
    AERO_ASSERT(header->lsn.value == replica->applied.lsn.value + 1); /* REP-2: no gap */
    if (header->type == AERO_RECORD_DIGEST) {
        if (!digest_agrees(replica, header, payload)) {
            snprintf(text, sizeof text,
                     "the state before LSN %llu is not the state that the primary had there",
                     (unsigned long long)header->lsn.value);
            aero_replica_halt(replica, AERO_HALT_KIND_DIGEST, text);
            return false;
        }
    } else {
        aero_status status = aero_error(AERO_CORRUPT);
        if (aero_commit_fits_keyspace(payload)) {
            status = aero_apply_commit(replica->tree, payload, &replica->expiry_clock);
        }
        if (!aero_is_ok(status)) {
            snprintf(text, sizeof text, "the commit at LSN %llu is malformed",
                     (unsigned long long)header->lsn.value);
            aero_replica_halt(replica, "malformed commit", text);
            return false;
        }
    }
    replica->applied = (struct aero_position){.lsn = header->lsn, .chain = header->chain};
    return true;
}

bool aero_replica_has_unapplied(const struct aero_replica *replica)
{
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    return replica->state != AERO_REPLICA_HALTED && replica->queue_head < replica->queue.length &&
           durable.position.lsn.value > replica->applied.lsn.value;
}

/* A record at or below `lsn` that is still to be compared. */
static bool waits_in_queue(const struct aero_replica *replica, aero_lsn lsn)
{
    struct aero_record_header header;
    struct aero_slice rest = aero_slice_of(replica->queue.data + replica->queue_head,
                                           replica->queue.length - replica->queue_head);
    return aero_is_ok(aero_record_decode(rest, &header)) && header.lsn.value <= lsn.value;
}

/* Decision 18. History without this: a replica showed its snapshot at LSN 100 while its log had come to 45; it was killed,
 * the snapshot could not be read any more, and it showed 45. */
static void reach_snapshot(struct aero_replica *replica, aero_lsn durable)
{
    if (replica->behind_snapshot && durable.value >= replica->snapshot.lsn.value &&
        !waits_in_queue(replica, replica->snapshot.lsn) &&
        replica->state == AERO_REPLICA_BOOTSTRAPPING) {
        replica->behind_snapshot = false;
        replica->state = AERO_REPLICA_FOLLOWING;
        aero_server_on_progress(replica->server);
    }
}

static void drop_applied(struct aero_replica *replica)
{
    if (replica->queue_head == replica->queue.length) {
        aero_buffer_clear(&replica->queue);
        replica->queue_head = 0;
    } else if (replica->queue_head > replica->queue.length / 2) {
        aero_buffer_consume(&replica->queue, replica->queue_head);
        replica->queue_head = 0;
    }
}

void aero_replica_apply_durable(struct aero_replica *replica)
{
    aero_lsn durable = aero_wal_follower_durable(replica->follower).position.lsn;
    aero_lsn before = replica->applied.lsn;
    size_t released = 0;
    size_t looked_at = 0;
    while (replica->state != AERO_REPLICA_HALTED && replica->queue_head < replica->queue.length &&
           released < APPLY_BYTES_PER_TURN) {
        struct aero_slice rest = aero_slice_of(replica->queue.data + replica->queue_head,
                                               replica->queue.length - replica->queue_head);
        struct aero_record_header header;
        aero_status status = aero_record_decode(rest, &header);
        AERO_ASSERT(aero_is_ok(status)); /* the receiver verified it */
        if (header.lsn.value > durable.value) {
            break;
        }
        size_t bytes = aero_record_bytes(header.payload_length);
        if (looked_at == 0) {
            looked_at = aero_look_ahead(replica->tree, rest);
        }
        looked_at -= looked_at > 0;
        if (!apply_record(
                replica, &header,
                aero_slice_of(rest.data + AERO_RECORD_HEADER_BYTES, header.payload_length))) {
            break;
        }
        replica->queue_head += bytes;
        released += bytes;
    }
    drop_applied(replica);
    if (released > 0) {
        aero_receiver_release(replica->receiver, released);
    }
    if (replica->applied.lsn.value > before.value) {
        replica->applied_at = replica->now;
        aero_receiver_on_applied(replica->receiver, replica->applied.lsn);
        aero_server_on_durable(replica->server, replica->applied.lsn);
        aero_server_on_progress(replica->server);
    }
    reach_snapshot(replica, durable);
}

static void on_failure(struct aero_replica *replica, const struct aero_wal_failure *failure)
{
    char error[AERO_ERROR_TEXT_BYTES];
    aero_error_format(failure->status, error);
    replica->disk_fault = true;
    snprintf(replica->reason, sizeof replica->reason,
             "disk fault: %s of %s failed: %s; serving at the last durable LSN; restart once the "
             "disk is well",
             failure->call, failure->file, error);
    aero_log_event(replica->logger, AERO_LOG_ERROR, "wal_failed",
                   AERO_LOG_STR("reason", replica->reason),
                   AERO_LOG_LSN("durable_lsn", failure->durable));
    aero_replica_close_link(replica, replica->reason);
}

void aero_replica_follow_wal(struct aero_replica *replica)
{
    struct aero_wal_segment segment;
    while (aero_wal_follower_take_new_segment(replica->follower, &segment)) {
        aero_checkpointer_on_segment(replica->checkpointer, &segment);
    }
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    if (durable.sequence != 0) {
        aero_checkpointer_on_durable(replica->checkpointer, durable.sequence, durable.offset,
                                     durable.position);
        aero_receiver_on_durable(replica->receiver, durable);
    }
    struct aero_wal_failure failure;
    if (aero_wal_follower_take_failure(replica->follower, &failure)) {
        on_failure(replica, &failure);
    }
}

/* ---- Bootstrap ---- */

void aero_replica_drive_bootstrap(struct aero_replica *replica)
{
    aero_receiver_release(replica->receiver,
                          (size_t)aero_bootstrap_take_written(replica->bootstrap));
    aero_status status = aero_bootstrap_status(replica->bootstrap);
    if (!aero_is_ok(status)) {
        drop_bootstrap(replica, status,
                       AERO_SNAPSHOT_INCOMING " cannot be written (look whether it is a regular "
                                              "file, and at the disk)");
    } else if (aero_bootstrap_installed(replica->bootstrap) && !replica->wants_reopen) {
        replica->wants_reopen = true;
        replica->snapshots_received++;
    }
}
