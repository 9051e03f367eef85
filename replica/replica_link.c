/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's link: when to dial, what to say of oneself, what becomes of bytes that come. What is told is what is
 * durable here, so no crash makes a Hello or a piece of evidence untrue (decision 18). */
#include <stdio.h>

#include "base/assert.h"
#include "engine/wal_reader.h"
#include "replica/replica_priv.h"
#include "shipping/backoff.h"
#include "shipping/handshake.h"

void aero_replica_close_link(struct aero_replica *replica, const char *text)
{
    if (replica->link == AERO_LINK_UP) {
        replica->link = AERO_LINK_CLOSING;
    }
    snprintf(replica->link_text, sizeof replica->link_text, "%s", text);
}

/* The Hello tells the end of the log (decision 18): nothing of the last link may still be on its way there, to the disk, to the
 * tree, or waiting for room or for a checkpoint to end. */
bool aero_replica_wants_link(const struct aero_replica *replica)
{
    return replica->link == AERO_LINK_DOWN && replica->state != AERO_REPLICA_HALTED &&
           !replica->disk_fault && !replica->stopping && !replica->wants_reopen &&
           aero_wal_follower_is_idle(replica->follower) && !replica->has_waiting &&
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
    const struct aero_segment_start *start = aero_replica_start_of_snapshot(manifest);
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
                   AERO_LOG_LSN("end_lsn", hello.end.lsn));
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

/* The header of the segment and of its record `lsn`. Errors: it cannot be read from *out_offset on. */
static aero_status read_evidence(struct aero_disk disk, const struct aero_wal_file *file,
                                 aero_lsn lsn, struct aero_buffer *out_header,
                                 struct aero_buffer *out_record, uint64_t *out_offset)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record = {.offset = 0};
    uint64_t bound = file->sealed ? 0 : file->end_offset;
    *out_offset = 0;
    AERO_TRY(aero_wal_reader_open(disk, file->name, bound, &reader));
    aero_status status;
    do {
        status = aero_wal_reader_next(reader, &record);
    } while (aero_is_ok(status) && record.header.lsn.value < lsn.value);
    if (aero_is_ok(status)) {
        uint8_t *raw = aero_buffer_reserve(out_header, AERO_SEGMENT_HEADER_BYTES);
        struct aero_segment_header header = *aero_wal_reader_header(reader);
        aero_segment_header_encode(&header, raw);
        out_header->length = AERO_SEGMENT_HEADER_BYTES;
        aero_buffer_append(out_record, record.raw.data, AERO_RECORD_HEADER_BYTES);
    }
    *out_offset = aero_wal_reader_offset(reader);
    aero_wal_reader_close(reader);
    return status;
}

/* Nothing is decided by it here: the primary is shown nothing, and the operator is told why. */
static void log_unread(struct aero_replica *replica, const struct aero_wal_file *file,
                       uint64_t offset, aero_lsn lsn, aero_status status)
{
    aero_log_event(replica->logger, AERO_LOG_ERROR, "wal_damaged",
                   AERO_LOG_STR("text", "the record that the primary lost cannot be read here"),
                   AERO_LOG_STATUS("error", status), AERO_LOG_STR("file", file->name),
                   AERO_LOG_U64("offset_bytes", offset), AERO_LOG_LSN("lsn", lsn));
}

void aero_replica_find_evidence(struct aero_replica *replica, struct aero_disk disk)
{
    struct aero_buffer header = {0};
    struct aero_buffer record = {0};
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(replica->checkpointer, &count);
    aero_lsn lsn = aero_lsn_next(replica->evidence_after);
    size_t i = count;
    while (i > 0 && files[i - 1].header.first_lsn.value > lsn.value) {
        i--;
    }
    if (i > 0 && lsn.value <= aero_wal_follower_durable(replica->follower).position.lsn.value) {
        uint64_t offset;
        aero_status status = read_evidence(disk, &files[i - 1], lsn, &header, &record, &offset);
        if (!aero_is_ok(status)) {
            log_unread(replica, &files[i - 1], offset, lsn, status);
        }
    }
    replica->wants_evidence = false;
    aero_receiver_give_record(replica->receiver, aero_buffer_slice(&header),
                              aero_buffer_slice(&record));
    aero_buffer_deinit(&header);
    aero_buffer_deinit(&record);
}
