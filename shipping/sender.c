/* SPDX-License-Identifier: Apache-2.0 */
/* Hears the replica and keeps the link alive. Nothing here touches WAL bytes: that is sender_ship.c; what follows from a
 * Hello is sender_verdict.c.
 *
 * A peer that breaks the protocol (an unknown frame, a Hello at the wrong time, an acknowledgement
 * of what was never sent) loses this connection and nothing else: what it had acknowledged before
 * stays as it was told. */
#include "shipping/sender_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define OUTPUT_DEFAULT_BYTES ((size_t)2 << 20)
#define HEARTBEAT_DEFAULT_NS 1000000000ULL
#define TIMEOUT_DEFAULT_NS 10000000000ULL

struct aero_sender *aero_sender_new(const struct aero_sender_options *options,
                                    const struct aero_sender_peer *peer,
                                    struct aero_shipping_view *view, struct aero_wal_place durable,
                                    aero_mono_ns now)
{
    struct aero_sender *sender = aero_calloc(1, sizeof *sender);
    sender->options = *options;
    if (sender->options.output_bytes == 0) {
        sender->options.output_bytes = OUTPUT_DEFAULT_BYTES;
    }
    if (sender->options.heartbeat_interval_ns == 0) {
        sender->options.heartbeat_interval_ns = HEARTBEAT_DEFAULT_NS;
    }
    if (sender->options.timeout_ns == 0) {
        sender->options.timeout_ns = TIMEOUT_DEFAULT_NS;
    }
    snprintf(sender->peer_name, sizeof sender->peer_name, "%s", peer->name);
    sender->peer_allowed = peer->allowed;
    sender->peer_acknowledged = peer->acknowledged;
    sender->link_nonce = peer->link_nonce;
    sender->view = aero_shipping_view_retain(view);
    sender->durable = durable;
    sender->now = now;
    sender->heard_at = now;
    sender->heartbeat_at = now;
    return sender;
}

void aero_sender_free(struct aero_sender *sender)
{
    if (sender == NULL) {
        return;
    }
    aero_frame_reader_deinit(&sender->frames);
    aero_buffer_deinit(&sender->out.buffer);
    aero_buffer_deinit(&sender->bytes);
    aero_message_deinit(&sender->hello);
    aero_history_deinit(&sender->hello_history);
    aero_shipping_view_release(sender->view);
    free(sender);
}

const struct aero_shipping_source *aero_sender_source(const struct aero_sender *sender)
{
    return aero_shipping_view_source(sender->view);
}

static bool is_greeted(const struct aero_sender *sender)
{
    return sender->hello.type == AERO_FRAME_HELLO;
}

/* ---- Saying ---- */

void aero_sender_say(struct aero_sender *sender, const struct aero_message *message)
{
    aero_message_append(&sender->out.buffer, message);
}

static struct aero_sender_event describe(const struct aero_sender *sender,
                                         enum aero_sender_event_kind kind)
{
    bool greeted = is_greeted(sender);
    return (struct aero_sender_event){
        .kind = kind,
        .node_id = sender->hello.as.hello.node_id,
        .verdict = greeted ? &sender->verdict : NULL,
        .hello = greeted ? &sender->hello.as.hello : NULL,
        .hello_history = greeted ? &sender->hello_history : NULL,
        .received = sender->ack.received,
        .durable = sender->ack.durable,
        .applied = sender->ack.applied,
        .pin_sequence = sender->pin_sequence,
    };
}

struct aero_sender_event *aero_sender_raise(struct aero_sender *sender,
                                            enum aero_sender_event_kind kind)
{
    AERO_ASSERT(sender->event_count < AERO_SENDER_EVENTS_MAX);
    size_t slot = (sender->event_at + sender->event_count) % AERO_SENDER_EVENTS_MAX;
    sender->event_count++;
    sender->events[slot] = describe(sender, kind);
    return &sender->events[slot];
}

/* For what one message may raise, and CLOSED, which every link ends with. */
static bool has_event_room(const struct aero_sender *sender)
{
    return sender->event_count + 4 < AERO_SENDER_EVENTS_MAX;
}

void aero_sender_end(struct aero_sender *sender, const char *text)
{
    AERO_ASSERT(sender->state != AERO_SENDER_STATE_CLOSED);
    sender->state = AERO_SENDER_STATE_CLOSED;
    sender->purpose = AERO_READ_NONE;
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_CLOSED);
    snprintf(event->text, sizeof event->text, "%s", text);
}

void aero_sender_close(struct aero_sender *sender, enum aero_bye_code code, const char *text)
{
    if (sender->state == AERO_SENDER_STATE_CLOSED) {
        return;
    }
    struct aero_message message = {.type = AERO_FRAME_BYE, .as.bye.code = code};
    snprintf(message.as.bye.text, sizeof message.as.bye.text, "%s", text);
    aero_sender_say(sender, &message);
    aero_sender_end(sender, text);
}

static void refuse(struct aero_sender *sender, const char *text)
{
    aero_sender_close(sender, AERO_BYE_PROTOCOL, text);
}

/* ---- Hearing ---- */

static void on_hello(struct aero_sender *sender, struct aero_message *message)
{
    if (sender->state != AERO_SENDER_WAIT_HELLO) {
        refuse(sender, "a Hello while none is expected");
        return;
    }
    struct aero_history history = {0};
    if (message->as.hello.history.length > 0 &&
        !aero_is_ok(aero_history_decode(message->as.hello.history, &history))) {
        refuse(sender, "the Hello's history does not decode");
        return;
    }
    aero_history_deinit(&sender->hello_history);
    sender->hello_history = history;
    aero_message_deinit(&sender->hello);
    sender->hello = *message;
    message->storage = (struct aero_buffer){0}; /* moved */
    sender->probe = (struct aero_handshake_probe){.done = false};
    if (sender->hello.as.hello.credit_bytes > sender->credit_bytes) {
        sender->credit_bytes = sender->hello.as.hello.credit_bytes;
    }
    aero_sender_decide(sender);
}

/* Not of what was received: a bootstrapped replica has its snapshot's state, which may be ahead of its WAL. But no snapshot is
 * ahead of what is durable here. */
static bool is_sound_applied(const struct aero_sender *sender, const struct aero_message_ack *ack)
{
    return ack->applied.value <= sender->durable.position.lsn.value;
}

/* For this link, and of what went over it: anything else is a broken peer (decision 23). */
static bool is_sound_ack(const struct aero_sender *sender, const struct aero_message_ack *ack)
{
    bool granted_link = sender->state == AERO_SENDER_RESUMING ||
                        sender->state == AERO_SENDER_SNAPSHOT ||
                        sender->state == AERO_SENDER_WAIT_HELLO;
    if (!granted_link || !aero_id_equal(ack->link_nonce, sender->link_nonce) ||
        ack->credit_bytes < sender->credit_bytes) {
        return false;
    }
    return sender->state != AERO_SENDER_RESUMING ||
           (ack->received.value <= sender->cursor.position.lsn.value &&
            ack->durable.value <= ack->received.value && is_sound_applied(sender, ack) &&
            ack->durable_sequence <= sender->cursor.sequence);
}

static bool raise_lsn(aero_lsn *lsn, aero_lsn to)
{
    bool rises = to.value > lsn->value;
    *lsn = rises ? to : *lsn;
    return rises;
}

static void on_ack(struct aero_sender *sender, const struct aero_message_ack *ack)
{
    if (!is_sound_ack(sender, ack)) {
        refuse(sender, "an acknowledgement of what was not sent on this connection");
        return;
    }
    sender->credit_bytes = ack->credit_bytes;
    if (sender->state != AERO_SENDER_RESUMING) {
        return;
    }
    bool received = raise_lsn(&sender->ack.received, ack->received);
    bool durable = raise_lsn(&sender->ack.durable, ack->durable);
    bool applied = raise_lsn(&sender->ack.applied, ack->applied);
    sender->progress_waits = sender->progress_waits || received || durable || applied;
    (void)raise_lsn(&sender->peer_acknowledged, ack->durable);
    if (ack->durable_sequence > sender->pin_sequence) {
        sender->pin_sequence = ack->durable_sequence;
        sender->pin_waits = true;
    }
}

static void on_record_bytes(struct aero_sender *sender,
                            const struct aero_message_record_bytes *record)
{
    if (sender->state != AERO_SENDER_CLAIM ||
        record->after.value != sender->verdict.fork.lsn.value) {
        refuse(sender, "record bytes that were not asked for");
        return;
    }
    if (!record->found) {
        aero_sender_end(sender,
                        "the replica does not show the record that would prove that records "
                        "were lost here: its log says whether it cannot be read");
        return;
    }
    bool proven = aero_handshake_loss_proven(aero_sender_source(sender), &sender->verdict,
                                             record->segment_header, record->record_header);
    if (proven) {
        struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_LOSS_PROVEN);
        event->durable = sender->hello.as.hello.end.lsn;
        snprintf(event->text, sizeof event->text, "%s", sender->verdict.text);
    }
    aero_sender_end(sender, proven
                                ? sender->verdict.text
                                : "the replica's record does not chain to the end known here: its "
                                  "claim that records were lost does not count");
}

/* Only of a record that the replica has from here, and once: it has halted, and the owner's audit costs a walk of
 * the whole keyspace. */
static void on_mismatch(struct aero_sender *sender,
                        const struct aero_message_digest_mismatch *mismatch)
{
    if (sender->state != AERO_SENDER_RESUMING || mismatch->lsn.value == 0 ||
        mismatch->lsn.value > sender->cursor.position.lsn.value) {
        refuse(sender, "a digest mismatch for what was not sent");
        return;
    }
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_DIGEST_MISMATCH);
    event->mismatch = *mismatch;
    snprintf(event->text, sizeof event->text,
             "replica '%s' replayed to another state than the digest at LSN %" PRIu64 " names",
             sender->peer_name, mismatch->lsn.value);
    aero_sender_end(sender, event->text);
}

static void on_message(struct aero_sender *sender, struct aero_message *message)
{
    if (!has_event_room(sender)) {
        refuse(sender, "too many messages at once");
        return;
    }
    if (!is_greeted(sender) && message->type != AERO_FRAME_HELLO &&
        message->type != AERO_FRAME_BYE) {
        refuse(sender, "a message before the Hello");
        return;
    }
    switch ((int)message->type) {
    case AERO_FRAME_HELLO:
        on_hello(sender, message);
        return;
    case AERO_FRAME_ACK:
        on_ack(sender, &message->as.ack);
        return;
    case AERO_FRAME_HEARTBEAT:
        return;
    case AERO_FRAME_RECORD_BYTES:
        on_record_bytes(sender, &message->as.record_bytes);
        return;
    case AERO_FRAME_DIGEST_MISMATCH:
        on_mismatch(sender, &message->as.digest_mismatch);
        return;
    case AERO_FRAME_BYE:
        aero_sender_end(sender, message->as.bye.text);
        return;
    default:
        refuse(sender, "a message that only a primary sends");
        return;
    }
}

void aero_sender_on_bytes(struct aero_sender *sender, struct aero_slice plaintext, aero_mono_ns now)
{
    sender->now = now;
    if (sender->state == AERO_SENDER_STATE_CLOSED) {
        return;
    }
    if (is_greeted(sender)) { /* until then the peer has the timeout for its whole Hello */
        sender->heard_at = now;
    }
    aero_frame_reader_feed(&sender->frames, plaintext);
    while (sender->state != AERO_SENDER_STATE_CLOSED) {
        struct aero_frame frame;
        aero_status status = aero_frame_reader_next(&sender->frames, &frame);
        if (status.code == AERO_INCOMPLETE) {
            break;
        }
        struct aero_message message = {0};
        if (!aero_is_ok(status) || !aero_is_ok(aero_message_decode(&frame, &message))) {
            refuse(sender, "bytes that are no message of this protocol");
            break;
        }
        on_message(sender, &message);
        aero_message_deinit(&message);
    }
    aero_sender_advance(sender);
}

static void say_history(struct aero_sender *sender)
{
    const struct aero_history *history = aero_sender_source(sender)->history;
    aero_id newest = history->incarnations[history->incarnation_count - 1].nonce;
    bool told = sender->state == AERO_SENDER_RESUMING;
    if (!told || aero_id_equal(newest, sender->history_newest)) {
        return;
    }
    struct aero_buffer bytes = {0};
    aero_handshake_encode_history(history, &bytes);
    struct aero_message message = {.type = AERO_FRAME_HISTORY,
                                   .as.history.history = aero_buffer_slice(&bytes)};
    aero_sender_say(sender, &message);
    aero_buffer_deinit(&bytes);
    sender->history_newest = newest;
}

void aero_sender_on_wal(struct aero_sender *sender, struct aero_shipping_view *view,
                        struct aero_wal_place durable)
{
    AERO_ASSERT(durable.position.lsn.value >= sender->durable.position.lsn.value);
    AERO_ASSERT(durable.sequence >= sender->durable.sequence);
    if (view != sender->view) {
        aero_shipping_view_release(sender->view);
        sender->view = aero_shipping_view_retain(view);
        say_history(sender);
    }
    if (sender->state == AERO_SENDER_FENCING) {
        aero_sender_say_fenced(sender);
    }
    sender->durable = durable;
    aero_sender_advance(sender);
}

void aero_sender_on_read(struct aero_sender *sender, aero_status status, size_t read_bytes)
{
    AERO_ASSERT(sender->read_is_out);
    AERO_ASSERT(read_bytes <= sender->read.length);
    sender->read_is_out = false;
    enum aero_sender_purpose purpose = sender->purpose;
    sender->purpose = AERO_READ_NONE;
    if (purpose == AERO_READ_PROBE) {
        aero_sender_take_probe(sender, status, read_bytes);
    } else if (purpose != AERO_READ_NONE) { /* NONE: the link was closed meanwhile */
        sender->purpose = purpose;
        aero_sender_take_read(sender, status, read_bytes);
    }
    aero_sender_advance(sender);
}

bool aero_sender_next_read(struct aero_sender *sender, struct aero_sender_read *out_read)
{
    if (sender->purpose == AERO_READ_NONE || sender->read_is_out) {
        return false;
    }
    sender->read_is_out = true;
    *out_read = sender->read;
    return true;
}

/* ---- Time ---- */

void aero_sender_tick(struct aero_sender *sender, aero_mono_ns now)
{
    sender->now = now;
    if (sender->state == AERO_SENDER_STATE_CLOSED) {
        return;
    }
    if (now.value - sender->heard_at.value >= sender->options.timeout_ns) {
        aero_sender_close(sender, AERO_BYE_TIMEOUT, "nothing was heard for too long");
        return;
    }
    /* Among chunks, too: only this tells a replica that is behind how far. */
    if (now.value - sender->heartbeat_at.value >= sender->options.heartbeat_interval_ns) {
        sender->heartbeat_at = now;
        struct aero_message message = {.type = AERO_FRAME_HEARTBEAT,
                                       .as.heartbeat.durable = sender->durable.position.lsn};
        aero_sender_say(sender, &message);
    }
}

/* ---- Draining ---- */

struct aero_slice aero_sender_output(struct aero_sender *sender)
{
    return aero_outbox_slice(&sender->out);
}

void aero_sender_sent(struct aero_sender *sender, size_t count)
{
    aero_outbox_take(&sender->out, count);
    aero_sender_advance(sender);
}

/* What newer ones overtake is told last, but before the end. */
static bool next_overtaken(struct aero_sender *sender, struct aero_sender_event *out_event)
{
    bool only_end_left =
        sender->event_count == 1 && sender->events[sender->event_at].kind == AERO_SENDER_CLOSED;
    if (sender->event_count != 0 && !only_end_left) {
        return false;
    }
    if (sender->pin_waits) {
        sender->pin_waits = false;
        *out_event = describe(sender, AERO_SENDER_PIN);
        return true;
    }
    if (sender->progress_waits) {
        sender->progress_waits = false;
        *out_event = describe(sender, AERO_SENDER_PROGRESS);
        return true;
    }
    return false;
}

bool aero_sender_next_event(struct aero_sender *sender, struct aero_sender_event *out_event)
{
    if (next_overtaken(sender, out_event)) {
        return true;
    }
    if (sender->event_count == 0) {
        return false;
    }
    *out_event = sender->events[sender->event_at];
    sender->event_at = (sender->event_at + 1) % AERO_SENDER_EVENTS_MAX;
    sender->event_count--;
    return true;
}

void aero_sender_status(const struct aero_sender *sender, struct aero_sender_status *out_status)
{
    static const char *const states[] = {
        [AERO_SENDER_WAIT_HELLO] = "hello",    [AERO_SENDER_PROBING] = "probing",
        [AERO_SENDER_SNAPSHOT] = "snapshot",   [AERO_SENDER_RESUMING] = "streaming",
        [AERO_SENDER_CLAIM] = "claim",         [AERO_SENDER_FENCING] = "fencing",
        [AERO_SENDER_STATE_CLOSED] = "closed",
    };
    bool seeding = sender->state == AERO_SENDER_SNAPSHOT;
    *out_status = (struct aero_sender_status){
        .state = states[sender->state],
        .following = sender->state == AERO_SENDER_RESUMING,
        .sequence = sender->cursor.sequence,
        .offset = sender->cursor.offset,
        .sent = sender->cursor.position.lsn,
        .received = sender->ack.received,
        .durable = sender->ack.durable,
        .applied = sender->ack.applied,
        .queued_bytes = aero_outbox_length(&sender->out),
        .shipped_bytes = sender->shipped_bytes,
        .snapshot_sent_bytes = seeding ? sender->snapshot_offset : 0,
        .snapshot_size_bytes = seeding ? sender->verdict.snapshot.size_bytes : 0,
    };
}
