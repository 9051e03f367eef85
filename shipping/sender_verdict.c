/* SPDX-License-Identifier: Apache-2.0 */
/* From a Hello to what follows from it: the verdict (handshake.h), after a look at the bytes behind the replica's end where
 * it needs one; said to the replica, told to the owner, and acted upon. A verdict that takes this node's own authority
 * away is said only once it is durable here (decision 15). */
#include <inttypes.h>
#include <stdio.h>

#include "shipping/sender_priv.h"

static void say_verdict(struct aero_sender *sender)
{
    const struct aero_shipping_source *self = aero_sender_source(sender);
    const struct aero_handshake_verdict *verdict = &sender->verdict;
    const struct aero_snapshot_entry *snapshot = &verdict->snapshot;
    struct aero_buffer history = {0};
    aero_handshake_encode_history(self->history, &history);
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    message.as.verdict = (struct aero_message_verdict){
        .kind = verdict->kind,
        .cluster_id = self->cluster_id,
        .node_id = self->node_id,
        .epoch = self->epoch,
        .history = aero_buffer_slice(&history),
        .link_nonce = sender->link_nonce,
        .durable = sender->durable.position.lsn,
        .resume_sequence = verdict->resume_sequence,
        .resume_offset = verdict->resume_offset,
        .snapshot = {.id = snapshot->id,
                     .position = snapshot->position,
                     .sequence = snapshot->sequence,
                     .size_bytes = snapshot->size_bytes,
                     .entry_count = snapshot->entry_count,
                     .digest = snapshot->digest},
        .snapshot_offset = verdict->snapshot_offset,
        .fork = verdict->fork,
        .commits_mine = verdict->commits_mine,
        .commits_yours = verdict->commits_yours,
    };
    snprintf(message.as.verdict.node_name, sizeof message.as.verdict.node_name, "%s",
             self->node_name);
    snprintf(message.as.verdict.text, sizeof message.as.verdict.text, "%s", verdict->text);
    aero_sender_say(sender, &message);
    aero_buffer_deinit(&history);
    sender->history_newest =
        self->history->incarnations[self->history->incarnation_count - 1].nonce;
}

static void report_regression(struct aero_sender *sender)
{
    const struct aero_message_hello *hello = &sender->hello.as.hello;
    if (hello->end.lsn.value >= sender->peer_acknowledged.value) {
        return;
    }
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_REGRESSED);
    event->durable = hello->end.lsn;
    event->acknowledged = sender->peer_acknowledged;
    snprintf(event->text, sizeof event->text,
             "replica '%s' holds LSN %" PRIu64 " durably and once acknowledged %" PRIu64,
             sender->peer_name, hello->end.lsn.value, sender->peer_acknowledged.value);
}

static void begin_claim(struct aero_sender *sender)
{
    sender->state = AERO_SENDER_CLAIM;
    aero_sender_raise(sender, AERO_SENDER_LOSS_CLAIMED);
    struct aero_message message = {.type = AERO_FRAME_FETCH_RECORD,
                                   .as.fetch_record.after = sender->verdict.fork.lsn};
    aero_sender_say(sender, &message);
}

static void report_damage_at_probe(struct aero_sender *sender)
{
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_DAMAGED);
    snprintf(event->file, sizeof event->file, "%s", sender->verdict.probe_name);
    event->offset = sender->verdict.probe_offset;
    event->status = sender->probe.status;
    snprintf(event->text, sizeof event->text, "%s", sender->verdict.text);
}

/* Decision 15: a peer hears that this node is superseded once a crash cannot make it forget. */
void aero_sender_say_fenced(struct aero_sender *sender)
{
    if (aero_sender_source(sender)->fenced) {
        say_verdict(sender);
        aero_sender_end(sender, sender->verdict.text);
    }
}

static bool takes_authority(enum aero_handshake_kind kind)
{
    return kind == AERO_HANDSHAKE_SUPERSEDED || kind == AERO_HANDSHAKE_EPOCH_CLASH;
}

static void doubt_authority(struct aero_sender *sender, enum aero_sender_event_kind kind)
{
    struct aero_sender_event *event = aero_sender_raise(sender, kind);
    snprintf(event->text, sizeof event->text, "%s", sender->verdict.text);
    sender->state = AERO_SENDER_FENCING;
    aero_sender_say_fenced(sender);
}

static void act_on_verdict(struct aero_sender *sender)
{
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_VERDICT);
    snprintf(event->text, sizeof event->text, "%s", sender->verdict.text);
    if (!takes_authority(sender->verdict.kind)) {
        say_verdict(sender);
    }
    switch (sender->verdict.kind) {
    case AERO_HANDSHAKE_SUPERSEDED:
        doubt_authority(sender, AERO_SENDER_SUPERSEDED);
        return;
    case AERO_HANDSHAKE_EPOCH_CLASH:
        doubt_authority(sender, AERO_SENDER_EPOCH_CLASH);
        return;
    case AERO_HANDSHAKE_RESUME:
        report_regression(sender);
        aero_sender_begin_resume(sender);
        sender->state = AERO_SENDER_RESUMING;
        sender->pin_sequence = sender->verdict.resume_sequence;
        sender->pin_waits = true;
        sender->progress_waits = true;
        return;
    case AERO_HANDSHAKE_NEED_SNAPSHOT:
        report_regression(sender);
        event = aero_sender_raise(sender, AERO_SENDER_SNAPSHOT_GRANTED);
        event->snapshot = sender->verdict.snapshot;
        event->pin_sequence = sender->verdict.snapshot.sequence;
        sender->snapshot_offset = sender->verdict.snapshot_offset;
        sender->state = AERO_SENDER_SNAPSHOT;
        return;
    case AERO_HANDSHAKE_PRIMARY_LOST:
        begin_claim(sender);
        return;
    case AERO_HANDSHAKE_UNAVAILABLE:
        if (sender->verdict.damaged_here) {
            report_damage_at_probe(sender);
        }
        break;
    case AERO_HANDSHAKE_DIVERGED:
    case AERO_HANDSHAKE_UNPROVABLE:
    case AERO_HANDSHAKE_WRONG_CLUSTER:
    case AERO_HANDSHAKE_NAME_NOT_ALLOWED:
    case AERO_HANDSHAKE_VERSION:
        break;
    }
    aero_sender_end(sender, sender->verdict.text);
}

void aero_sender_decide(struct aero_sender *sender)
{
    struct aero_handshake_input input = {
        .self = aero_sender_source(sender),
        .durable = sender->durable,
        .peer_name = sender->peer_name,
        .peer_allowed = sender->peer_allowed,
        .hello = &sender->hello.as.hello,
        .hello_history = &sender->hello_history,
        .probe = sender->probe,
    };
    aero_handshake_decide(&input, &sender->verdict);
    if (!sender->verdict.needs_probe) {
        act_on_verdict(sender);
        return;
    }
    sender->state = AERO_SENDER_PROBING;
    aero_sender_plan_read(sender, AERO_READ_PROBE, sender->verdict.probe_name,
                          sender->verdict.probe_offset, AERO_RECORD_HEADER_BYTES);
}

void aero_sender_take_probe(struct aero_sender *sender, aero_status status, size_t read_bytes)
{
    sender->probe.done = true;
    sender->probe.status = status;
    if (aero_is_ok(status)) {
        sender->probe.status = aero_record_decode(aero_slice_of(sender->bytes.data, read_bytes),
                                                  &sender->probe.record);
    }
    aero_sender_decide(sender);
}
