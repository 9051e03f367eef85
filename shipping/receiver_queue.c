/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of actions and what follows from its length: credit, and with it acknowledgements.
 *
 * A connection ends in one of two ways, told behind every action that was verified before it:
 * RECONNECT leaves the log's end where it is and is forgotten with the next connection; HALT is for
 * good. */
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "shipping/receiver_priv.h"

/* Credit is told once this part of the window has come back, so that acknowledgements stay few. */
#define GRANT_PARTS 8U
/* A record of 32 MiB makes buffers that large; they do not stay so. */
#define BUFFER_KEPT_BYTES ((size_t)4 << 20)

/* ---- Actions ---- */

static size_t item_count(const struct aero_receiver *receiver)
{
    return receiver->items.length / sizeof(struct aero_receiver_item);
}

static struct aero_receiver_item *item_of(struct aero_receiver *receiver, size_t index)
{
    return (struct aero_receiver_item *)(void *)receiver->items.data + index;
}

void aero_receiver_push(struct aero_receiver *receiver, const struct aero_receiver_item *item,
                        struct aero_slice bytes)
{
    size_t at = receiver->arena.length;
    aero_buffer_append_slice(&receiver->arena, bytes);
    size_t count = item_count(receiver);
    if (count > receiver->item_at && item->kind == AERO_RECEIVER_RECORDS) {
        struct aero_receiver_item *last = item_of(receiver, count - 1);
        if (last->kind == AERO_RECEIVER_RECORDS) {
            AERO_ASSERT(last->at + last->length == at);
            last->length += bytes.length;
            last->record_count += item->record_count;
            last->end = item->end;
            return;
        }
    }
    struct aero_receiver_item added = *item;
    added.at = at;
    added.length = bytes.length;
    aero_buffer_append(&receiver->items, &added, sizeof added);
}

__attribute__((format(printf, 4, 0))) static void end_with(struct aero_receiver *receiver,
                                                           enum aero_receiver_state state,
                                                           enum aero_receiver_action_kind kind,
                                                           const char *format, va_list arguments)
{
    receiver->state = state;
    receiver->last_kind = kind;
    vsnprintf(receiver->text, sizeof receiver->text, format, arguments);
    aero_buffer_clear(&receiver->partial);
}

void aero_receiver_say_bye(struct aero_receiver *receiver, enum aero_bye_code code,
                           const char *text)
{
    struct aero_message message = {.type = AERO_FRAME_BYE, .as.bye.code = code};
    snprintf(message.as.bye.text, sizeof message.as.bye.text, "%s", text);
    aero_message_append(&receiver->out.buffer, &message);
    receiver->spoke_at = receiver->now;
}

void aero_receiver_leave(struct aero_receiver *receiver, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_with(receiver, AERO_RECEIVER_ENDING, AERO_RECEIVER_RECONNECT, format, arguments);
    va_end(arguments);
}

void aero_receiver_fault(struct aero_receiver *receiver, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_with(receiver, AERO_RECEIVER_ENDING, AERO_RECEIVER_RECONNECT, format, arguments);
    va_end(arguments);
    aero_receiver_say_bye(receiver, AERO_BYE_PROTOCOL, receiver->text);
}

void aero_receiver_doubt(struct aero_receiver *receiver, enum aero_halt_reason reason,
                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_with(receiver, AERO_RECEIVER_HALTED, AERO_RECEIVER_HALT, format, arguments);
    va_end(arguments);
    receiver->halt = reason;
    aero_receiver_say_bye(receiver, AERO_BYE_HALTED, receiver->text);
}

static void drop_if_large(struct aero_buffer *buffer)
{
    if (buffer->length == 0 && buffer->capacity > BUFFER_KEPT_BYTES) {
        aero_buffer_deinit(buffer);
    }
}

void aero_receiver_clear_taken(struct aero_receiver *receiver)
{
    aero_buffer_clear(&receiver->items);
    receiver->item_at = 0;
    aero_buffer_clear(&receiver->arena);
    drop_if_large(&receiver->arena);
    drop_if_large(&receiver->partial);
}

static bool is_data(enum aero_receiver_action_kind kind)
{
    return kind == AERO_RECEIVER_RECORDS || kind == AERO_RECEIVER_SNAPSHOT_BYTES;
}

static void fill_action(struct aero_receiver *receiver, const struct aero_receiver_item *item,
                        struct aero_receiver_action *out)
{
    const struct aero_message_verdict *verdict = &receiver->verdict.as.verdict;
    *out = (struct aero_receiver_action){
        .kind = item->kind,
        .verdict = verdict,
        .raw =
            aero_slice_of(item->length == 0 ? NULL : receiver->arena.data + item->at, item->length),
        .record_count = item->record_count,
        .end = item->end,
        .snapshot = verdict->snapshot,
        .snapshot_offset = item->snapshot_offset,
        .after = item->after,
    };
    /* What is decoded here again was sound when it arrived. */
    if (item->kind == AERO_RECEIVER_BEGIN_SEGMENT) {
        aero_status status = aero_segment_header_decode(out->raw, &out->header);
        AERO_ASSERT(aero_is_ok(status));
    } else if (item->kind == AERO_RECEIVER_SEAL) {
        aero_status status = aero_segment_footer_decode(out->raw, &out->footer);
        AERO_ASSERT(aero_is_ok(status));
    } else if (item->kind == AERO_RECEIVER_HISTORY) {
        aero_history_deinit(&receiver->history_told);
        aero_status status = aero_history_decode(out->raw, &receiver->history_told);
        AERO_ASSERT(aero_is_ok(status));
        out->history = &receiver->history_told;
    }
}

bool aero_receiver_next_action(struct aero_receiver *receiver,
                               struct aero_receiver_action *out_action)
{
    if (receiver->item_at < item_count(receiver)) {
        const struct aero_receiver_item *item = item_of(receiver, receiver->item_at++);
        fill_action(receiver, item, out_action);
        if (is_data(item->kind)) {
            receiver->held_bytes += item->length;
        }
        return true;
    }
    aero_receiver_clear_taken(receiver);
    if (receiver->last_kind == 0) {
        return false;
    }
    *out_action = (struct aero_receiver_action){
        .kind = receiver->last_kind,
        .verdict = receiver->verdict.type == 0 ? NULL : &receiver->verdict.as.verdict,
        .halt = receiver->halt};
    snprintf(out_action->text, sizeof out_action->text, "%s", receiver->text);
    receiver->last_kind = 0;
    return true;
}

/* ---- Credit and acknowledgements ---- */

/* Bytes that may have arrived on this connection by now: what is held counts, a record's beginning
 * does not, so that one larger than the window can become whole. Never taken back. */
uint64_t aero_receiver_grantable(const struct aero_receiver *receiver)
{
    uint64_t held = receiver->held_bytes;
    for (size_t i = receiver->item_at; i < item_count(receiver); i++) {
        const struct aero_receiver_item *item =
            (const struct aero_receiver_item *)(const void *)receiver->items.data + i;
        held += is_data(item->kind) ? item->length : 0;
    }
    uint64_t window = receiver->options.window_bytes;
    uint64_t grantable = receiver->arrived_bytes + (window > held ? window - held : 0);
    return grantable > receiver->granted_bytes ? grantable : receiver->granted_bytes;
}

static uint64_t grant_step(const struct aero_receiver *receiver)
{
    uint64_t step = receiver->options.window_bytes / GRANT_PARTS;
    return step == 0 ? 1 : step;
}

/* What was only received goes along with what follows from it soon: alone it would wake the primary for nothing. */
static bool wants_ack(const struct aero_receiver *receiver, const struct aero_message_ack *ack)
{
    const struct aero_message_ack *last = &receiver->acked;
    bool only_received = ack->received.value != last->received.value;
    return (only_received && receiver->tells_received) ||
           ack->durable.value != last->durable.value || ack->applied.value != last->applied.value ||
           ack->durable_sequence != last->durable_sequence ||
           ack->credit_bytes - last->credit_bytes >= grant_step(receiver);
}

/* Durable is said of what this connection's log has, never of more. */
void aero_receiver_acknowledge(struct aero_receiver *receiver)
{
    bool talks =
        receiver->state == AERO_RECEIVER_STREAMING || receiver->state == AERO_RECEIVER_IN_SNAPSHOT;
    if (!talks) {
        return;
    }
    bool streams = receiver->state == AERO_RECEIVER_STREAMING;
    struct aero_lsn received = {.value = 0};
    if (streams && receiver->log.end.sequence != 0) {
        received = receiver->log.end.position.lsn;
    }
    bool beyond = receiver->durable.value > received.value;
    struct aero_message_ack ack = {
        .link_nonce = receiver->verdict.as.verdict.link_nonce,
        .received = received,
        .durable = beyond ? received : receiver->durable,
        .applied = streams ? receiver->applied : (aero_lsn){.value = 0},
        .durable_sequence = beyond || !streams ? 0 : receiver->durable_sequence,
        .credit_bytes = aero_receiver_grantable(receiver),
    };
    if (!wants_ack(receiver, &ack)) {
        return;
    }
    struct aero_message message = {.type = AERO_FRAME_ACK, .as.ack = ack};
    aero_message_append(&receiver->out.buffer, &message);
    receiver->acked = ack;
    receiver->tells_received = false;
    receiver->granted_bytes = ack.credit_bytes;
    receiver->spoke_at = receiver->now;
}

void aero_receiver_on_durable(struct aero_receiver *receiver, struct aero_wal_place place)
{
    receiver->durable = place.position.lsn;
    receiver->durable_sequence = place.sequence;
}

void aero_receiver_on_applied(struct aero_receiver *receiver, aero_lsn lsn)
{
    receiver->applied = lsn;
}

void aero_receiver_release(struct aero_receiver *receiver, size_t count)
{
    /* What an earlier connection brought may come back late: it was forgotten with that one. */
    receiver->held_bytes -= count < receiver->held_bytes ? count : receiver->held_bytes;
}
