/* SPDX-License-Identifier: Apache-2.0 */
/* Talks with the primary. Actions and acknowledgements are receiver_queue.c's, WAL and snapshot
 * bytes receiver_take.c's. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shipping/handshake.h"
#include "shipping/receiver_priv.h"

#define WINDOW_DEFAULT_BYTES ((uint64_t)8 << 20)
#define HEARTBEAT_DEFAULT_NS 1000000000ULL
#define TIMEOUT_DEFAULT_NS 10000000000ULL
/* One comes with a verdict; another only when an incarnation begins, which takes a start of the primary: more on one connection
 * are work for nothing, and they take no credit. */
#define HISTORIES_MAX 8U

struct aero_receiver *aero_receiver_new(const struct aero_receiver_options *options)
{
    struct aero_receiver *receiver = aero_calloc(1, sizeof *receiver);
    receiver->options = *options;
    if (receiver->options.window_bytes == 0) {
        receiver->options.window_bytes = WINDOW_DEFAULT_BYTES;
    }
    if (receiver->options.heartbeat_interval_ns == 0) {
        receiver->options.heartbeat_interval_ns = HEARTBEAT_DEFAULT_NS;
    }
    if (receiver->options.timeout_ns == 0) {
        receiver->options.timeout_ns = TIMEOUT_DEFAULT_NS;
    }
    return receiver;
}

void aero_receiver_free(struct aero_receiver *receiver)
{
    if (receiver == NULL) {
        return;
    }
    aero_frame_reader_deinit(&receiver->frames);
    aero_buffer_deinit(&receiver->out.buffer);
    aero_buffer_deinit(&receiver->hello_history);
    aero_message_deinit(&receiver->verdict);
    aero_history_deinit(&receiver->history);
    aero_history_deinit(&receiver->history_told);
    aero_buffer_deinit(&receiver->partial);
    aero_buffer_deinit(&receiver->arena);
    aero_buffer_deinit(&receiver->items);
    free(receiver);
}

/* ---- Hello and verdict ---- */

static void copy_hello(struct aero_receiver *receiver, const struct aero_message_hello *hello)
{
    aero_buffer_clear(&receiver->hello_history);
    aero_buffer_append_slice(&receiver->hello_history, hello->history);
    receiver->hello = *hello;
    receiver->hello.protocol_version = AERO_PROTOCOL_VERSION;
    receiver->hello.history = aero_buffer_slice(&receiver->hello_history);
    receiver->hello.credit_bytes = aero_receiver_grantable(receiver);
    receiver->granted_bytes = receiver->hello.credit_bytes;
}

static void greet(struct aero_receiver *receiver, const struct aero_message_hello *hello,
                  const struct aero_segment_header *segment)
{
    AERO_ASSERT((hello->end_sequence != 0) == (segment != NULL));
    copy_hello(receiver, hello);
    receiver->log = (struct aero_receiver_log){.sealed = hello->end_sealed};
    if (segment != NULL) {
        AERO_ASSERT(segment->sequence == hello->end_sequence);
        bool at_start = hello->end_offset == AERO_SEGMENT_HEADER_BYTES;
        receiver->log.end = (struct aero_wal_place){
            .sequence = hello->end_sequence, .offset = hello->end_offset, .position = hello->end};
        receiver->log.prev_chain = at_start ? segment->chain0 : hello->end.chain;
        receiver->log.nonce64 = aero_segment_nonce64(segment->nonce);
    }
    receiver->acked = (struct aero_message_ack){.credit_bytes = receiver->granted_bytes};
    receiver->state = AERO_RECEIVER_GREETING;
    struct aero_message message = {.type = AERO_FRAME_HELLO, .as.hello = receiver->hello};
    aero_message_append(&receiver->out.buffer, &message);
    receiver->spoke_at = receiver->now;
}

static void forget_connection(struct aero_receiver *receiver)
{
    aero_frame_reader_reset(&receiver->frames);
    aero_outbox_clear(&receiver->out);
    aero_message_deinit(&receiver->verdict);
    receiver->verdict = (struct aero_message){0};
    receiver->arrived_bytes = 0;
    receiver->granted_bytes = 0;
    receiver->held_bytes = 0;
    receiver->history_count = 0;
}

void aero_receiver_on_connected(struct aero_receiver *receiver,
                                const struct aero_message_hello *hello,
                                const struct aero_segment_header *segment, aero_mono_ns now)
{
    AERO_ASSERT(receiver->state == AERO_RECEIVER_OFFLINE);
    forget_connection(receiver);
    aero_receiver_clear_taken(receiver);
    receiver->last_kind = 0;
    receiver->now = now;
    receiver->heard_at = now;
    greet(receiver, hello, segment);
}

void aero_receiver_restart(struct aero_receiver *receiver, const struct aero_message_hello *hello,
                           const struct aero_segment_header *segment, aero_mono_ns now)
{
    AERO_ASSERT(receiver->state == AERO_RECEIVER_INSTALLING);
    receiver->now = now;
    receiver->heard_at = now;
    greet(receiver, hello, segment);
}

static bool take_history(struct aero_receiver *receiver, struct aero_slice bytes)
{
    struct aero_history history;
    if (++receiver->history_count > HISTORIES_MAX) {
        aero_receiver_fault(receiver, "more histories than a connection can need");
        return false;
    }
    if (!aero_is_ok(aero_history_decode(bytes, &history))) {
        aero_receiver_fault(receiver, "the primary's history does not decode");
        return false;
    }
    aero_history_deinit(&receiver->history);
    receiver->history = history;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_HISTORY};
    aero_receiver_push(receiver, &item, bytes);
    return true;
}

/* Whoever answers must be of my cluster, and not behind what I know (decision 15). */
static bool has_authority(struct aero_receiver *receiver,
                          const struct aero_message_verdict *verdict)
{
    const struct aero_message_hello *hello = &receiver->hello;
    if (!aero_id_is_none(hello->cluster_id) &&
        !aero_id_equal(hello->cluster_id, verdict->cluster_id)) {
        aero_receiver_doubt(receiver, AERO_HALT_WRONG_CLUSTER,
                            "node '%s' is of another cluster than the data here",
                            verdict->node_name);
        return false;
    }
    if (verdict->epoch.value < hello->epoch.value) {
        aero_receiver_doubt(receiver, AERO_HALT_AUTHORITY,
                            "node '%s' would lead in epoch %" PRIu64 "; epoch %" PRIu64
                            " is known here",
                            verdict->node_name, verdict->epoch.value, hello->epoch.value);
        return false;
    }
    return true;
}

static void on_resume(struct aero_receiver *receiver, const struct aero_message_verdict *verdict)
{
    const struct aero_message_hello *hello = &receiver->hello;
    bool goes_on = hello->end_sequence != 0 && verdict->resume_sequence == hello->end_sequence &&
                   verdict->resume_offset == hello->end_offset;
    bool begins = verdict->resume_offset == 0 &&
                  (hello->end_sequence == 0 || verdict->resume_sequence == hello->end_sequence + 1);
    if (!has_authority(receiver, verdict)) {
        return;
    }
    if (!goes_on && !begins) {
        aero_receiver_fault(receiver, "the primary resumes at a place that was not named");
        return;
    }
    receiver->state = AERO_RECEIVER_STREAMING;
    if (take_history(receiver, verdict->history) && hello->segment_sequence != 0 &&
        aero_history_find(&receiver->history, hello->segment_incarnation) == NULL) {
        aero_receiver_doubt(receiver, AERO_HALT_UNPROVABLE,
                            "the primary resumes, but its history lacks the incarnation that wrote "
                            "segment %" PRIu64 " here",
                            hello->segment_sequence);
    }
}

static void on_need_snapshot(struct aero_receiver *receiver,
                             const struct aero_message_verdict *verdict)
{
    const struct aero_message_hello *hello = &receiver->hello;
    bool begins = verdict->snapshot_offset == 0;
    bool goes_on = aero_id_equal(verdict->snapshot.id, hello->snapshot_id) &&
                   verdict->snapshot_offset == hello->snapshot_verified;
    if (!has_authority(receiver, verdict)) {
        return;
    }
    if (aero_id_is_none(verdict->snapshot.id) || !(begins || goes_on)) {
        aero_receiver_fault(receiver,
                            "the primary offers a snapshot at a place that was not named");
        return;
    }
    receiver->state = AERO_RECEIVER_IN_SNAPSHOT;
    receiver->snapshot_offset = verdict->snapshot_offset;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_SNAPSHOT_BEGIN,
                                      .snapshot_offset = verdict->snapshot_offset};
    aero_receiver_push(receiver, &item, aero_slice_of(NULL, 0));
}

static void on_verdict(struct aero_receiver *receiver, struct aero_message *message)
{
    if (receiver->state != AERO_RECEIVER_GREETING) {
        aero_receiver_fault(receiver, "a verdict that was not asked for");
        return;
    }
    aero_message_deinit(&receiver->verdict);
    receiver->verdict = *message;
    message->storage = (struct aero_buffer){0}; /* moved */
    const struct aero_message_verdict *verdict = &receiver->verdict.as.verdict;
    receiver->primary_durable = verdict->durable;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_VERDICT};
    aero_receiver_push(receiver, &item, aero_slice_of(NULL, 0));
    switch (verdict->kind) {
    case AERO_HANDSHAKE_RESUME:
        on_resume(receiver, verdict);
        return;
    case AERO_HANDSHAKE_NEED_SNAPSHOT:
        on_need_snapshot(receiver, verdict);
        return;
    case AERO_HANDSHAKE_PRIMARY_LOST:
        receiver->state = AERO_RECEIVER_CLAIMED;
        return;
    case AERO_HANDSHAKE_DIVERGED:
        aero_receiver_doubt(receiver, AERO_HALT_DIVERGED, "%s", verdict->text);
        return;
    case AERO_HANDSHAKE_SUPERSEDED:
    case AERO_HANDSHAKE_EPOCH_CLASH:
        aero_receiver_doubt(receiver, AERO_HALT_AUTHORITY, "%s", verdict->text);
        return;
    case AERO_HANDSHAKE_UNPROVABLE:
        aero_receiver_doubt(receiver, AERO_HALT_UNPROVABLE, "%s", verdict->text);
        return;
    case AERO_HANDSHAKE_WRONG_CLUSTER:
        aero_receiver_doubt(receiver, AERO_HALT_WRONG_CLUSTER, "%s", verdict->text);
        return;
    /* No doubt about data: an operator changes a list or a release, and the next attempt goes
     * through. */
    case AERO_HANDSHAKE_UNAVAILABLE:
    case AERO_HANDSHAKE_NAME_NOT_ALLOWED:
    case AERO_HANDSHAKE_VERSION:
        aero_receiver_leave(receiver, "%s", verdict->text);
        return;
    }
}

/* ---- Hearing ---- */

static void on_fetch_record(struct aero_receiver *receiver, aero_lsn after)
{
    if (receiver->state != AERO_RECEIVER_CLAIMED) {
        aero_receiver_fault(receiver, "a record was asked for without a claim");
        return;
    }
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_FETCH_RECORD, .after = after};
    aero_receiver_push(receiver, &item, aero_slice_of(NULL, 0));
}

void aero_receiver_give_record(struct aero_receiver *receiver, struct aero_slice segment_header,
                               struct aero_slice record_header)
{
    if (receiver->state != AERO_RECEIVER_CLAIMED) {
        return; /* the connection went meanwhile */
    }
    bool found = segment_header.length > 0;
    struct aero_message message = {.type = AERO_FRAME_RECORD_BYTES};
    message.as.record_bytes = (struct aero_message_record_bytes){
        .after = receiver->verdict.as.verdict.fork.lsn,
        .found = found,
        .segment_header = segment_header,
        .record_header = record_header,
    };
    aero_message_append(&receiver->out.buffer, &message);
    aero_receiver_doubt(receiver, AERO_HALT_PRIMARY_LOST, "%s", receiver->verdict.as.verdict.text);
}

static void on_message(struct aero_receiver *receiver, struct aero_message *message)
{
    switch ((int)message->type) {
    case AERO_FRAME_VERDICT:
        on_verdict(receiver, message);
        return;
    case AERO_FRAME_HISTORY:
        if (receiver->state == AERO_RECEIVER_STREAMING) {
            take_history(receiver, message->as.history.history);
            return;
        }
        aero_receiver_fault(receiver, "a history that was not due");
        return;
    case AERO_FRAME_HEARTBEAT:
        receiver->primary_durable = message->as.heartbeat.durable;
        return;
    case AERO_FRAME_FETCH_RECORD:
        on_fetch_record(receiver, message->as.fetch_record.after);
        return;
    case AERO_FRAME_BYE:
        aero_receiver_leave(receiver, "the primary closed: %s", message->as.bye.text);
        return;
    default:
        aero_receiver_fault(receiver, "a message that only a replica sends");
        return;
    }
}

static void on_frame(struct aero_receiver *receiver, const struct aero_frame *frame)
{
    bool streams = receiver->state == AERO_RECEIVER_STREAMING;
    bool seeds = receiver->state == AERO_RECEIVER_IN_SNAPSHOT;
    if (streams && frame->type == AERO_FRAME_CHUNK) {
        aero_receiver_take_chunk(receiver, frame->payload);
    } else if (streams && frame->type == AERO_FRAME_SEGMENT) {
        aero_receiver_take_segment(receiver, frame->payload);
    } else if (streams && frame->type == AERO_FRAME_SEAL) {
        aero_receiver_take_seal(receiver, frame->payload);
    } else if (seeds && frame->type == AERO_FRAME_SNAPSHOT_CHUNK) {
        aero_receiver_take_snapshot_chunk(receiver, frame->payload);
    } else if (seeds && frame->type == AERO_FRAME_SNAPSHOT_END) {
        aero_receiver_take_snapshot_end(receiver);
    } else {
        struct aero_message message = {0};
        if (!aero_is_ok(aero_message_decode(frame, &message))) {
            aero_receiver_fault(receiver, "a %s frame that is not due or does not decode",
                                aero_frame_type_text((uint8_t)frame->type));
            return;
        }
        on_message(receiver, &message);
        aero_message_deinit(&message);
    }
}

static bool is_open(const struct aero_receiver *receiver)
{
    return receiver->state != AERO_RECEIVER_OFFLINE && receiver->state != AERO_RECEIVER_ENDING &&
           receiver->state != AERO_RECEIVER_HALTED;
}

void aero_receiver_on_bytes(struct aero_receiver *receiver, struct aero_slice plaintext,
                            aero_mono_ns now)
{
    receiver->now = now;
    if (!is_open(receiver)) {
        return;
    }
    if (receiver->item_at * sizeof(struct aero_receiver_item) == receiver->items.length) {
        aero_receiver_clear_taken(receiver);
    }
    receiver->heard_at = now;
    aero_frame_reader_feed(&receiver->frames, plaintext);
    while (is_open(receiver)) {
        struct aero_frame frame;
        aero_status status = aero_frame_reader_next(&receiver->frames, &frame);
        if (status.code == AERO_INCOMPLETE) {
            return;
        }
        if (!aero_is_ok(status)) {
            aero_receiver_fault(receiver, "bytes that are no frame of this protocol");
            return;
        }
        on_frame(receiver, &frame);
    }
}

void aero_receiver_on_closed(struct aero_receiver *receiver)
{
    if (is_open(receiver)) {
        aero_receiver_leave(receiver, "the connection was lost");
    }
    if (receiver->state == AERO_RECEIVER_ENDING) {
        receiver->state = AERO_RECEIVER_OFFLINE;
    }
    aero_outbox_clear(&receiver->out);
}

void aero_receiver_report_mismatch(struct aero_receiver *receiver,
                                   const struct aero_message_digest_mismatch *mismatch)
{
    if (receiver->state == AERO_RECEIVER_STREAMING) {
        struct aero_message message = {.type = AERO_FRAME_DIGEST_MISMATCH,
                                       .as.digest_mismatch = *mismatch};
        aero_message_append(&receiver->out.buffer, &message);
        receiver->spoke_at = receiver->now;
    }
}

void aero_receiver_close(struct aero_receiver *receiver, enum aero_bye_code code, const char *text)
{
    if (!is_open(receiver)) {
        return;
    }
    aero_receiver_say_bye(receiver, code, text);
    receiver->state = AERO_RECEIVER_ENDING;
    aero_buffer_clear(&receiver->partial);
}

/* ---- Time and output ---- */

void aero_receiver_tick(struct aero_receiver *receiver, aero_mono_ns now)
{
    receiver->now = now;
    if (!is_open(receiver)) {
        return;
    }
    if (now.value - receiver->heard_at.value >= receiver->options.timeout_ns) {
        aero_receiver_leave(receiver, "nothing was heard from the primary for too long");
        aero_receiver_say_bye(receiver, AERO_BYE_TIMEOUT, receiver->text);
        return;
    }
    if (now.value - receiver->spoke_at.value >= receiver->options.heartbeat_interval_ns) {
        struct aero_message message = {.type = AERO_FRAME_HEARTBEAT,
                                       .as.heartbeat.durable = receiver->durable};
        aero_message_append(&receiver->out.buffer, &message);
        receiver->spoke_at = now;
        receiver->tells_received = true;
    }
}

struct aero_slice aero_receiver_output(struct aero_receiver *receiver)
{
    aero_receiver_acknowledge(receiver);
    return aero_outbox_slice(&receiver->out);
}

void aero_receiver_sent(struct aero_receiver *receiver, size_t count)
{
    aero_outbox_take(&receiver->out, count);
}

void aero_receiver_status(const struct aero_receiver *receiver,
                          struct aero_receiver_status *out_status)
{
    static const char *const states[] = {
        [AERO_RECEIVER_OFFLINE] = "offline",       [AERO_RECEIVER_GREETING] = "greeting",
        [AERO_RECEIVER_STREAMING] = "streaming",   [AERO_RECEIVER_IN_SNAPSHOT] = "snapshot",
        [AERO_RECEIVER_INSTALLING] = "installing", [AERO_RECEIVER_CLAIMED] = "claimed",
        [AERO_RECEIVER_ENDING] = "ending",         [AERO_RECEIVER_HALTED] = "halted",
    };
    aero_lsn received = receiver->log.end.position.lsn;
    bool is_ahead = received.value > receiver->primary_durable.value;
    *out_status = (struct aero_receiver_status){
        .state = states[receiver->state],
        .connected = is_open(receiver),
        .received = receiver->log.end,
        /* What came was durable there, and may be newer than the last heartbeat. */
        .primary_durable = is_ahead ? received : receiver->primary_durable,
        .received_bytes = receiver->received_bytes,
        .held_bytes = receiver->held_bytes + receiver->partial.length,
    };
}

const char *aero_halt_text(enum aero_halt_reason reason)
{
    switch (reason) {
    case AERO_HALT_GAP:
        return "gap";
    case AERO_HALT_STREAM_DAMAGED:
        return "stream damaged";
    case AERO_HALT_DIVERGED:
        return "diverged";
    case AERO_HALT_UNPROVABLE:
        return "unprovable";
    case AERO_HALT_WRONG_CLUSTER:
        return "wrong cluster";
    case AERO_HALT_AUTHORITY:
        return "authority in doubt";
    case AERO_HALT_PRIMARY_LOST:
        return "primary lost records";
    }
    return "?";
}
