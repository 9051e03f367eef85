/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/fleet_event.h"

#include <stdio.h>

void aero_fleet_event_copy(struct aero_fleet_event *out_event, uint64_t connection,
                           const char *name, const char *address, const struct aero_sender *sender,
                           const struct aero_sender_event *event)
{
    struct aero_sender_status status;
    aero_sender_status(sender, &status);
    *out_event = (struct aero_fleet_event){
        .connection = connection,
        .kind = event->kind,
        .following = status.following,
        .received = event->received,
        .durable = event->durable,
        .applied = event->applied,
        .pin_sequence = event->pin_sequence,
        .acknowledged = event->acknowledged,
        .snapshot = event->snapshot,
        .mismatch = event->mismatch,
        .offset = event->offset,
        .status = event->status,
    };
    if (event->kind == AERO_SENDER_VERDICT) {
        out_event->verdict = event->verdict->kind;
    }
    if (event->kind == AERO_SENDER_LOSS_PROVEN) {
        out_event->lost_count = event->verdict->commits_yours;
    }
    snprintf(out_event->name, sizeof out_event->name, "%s", name);
    snprintf(out_event->address, sizeof out_event->address, "%s", address);
    snprintf(out_event->link_state, sizeof out_event->link_state, "%s", status.state);
    snprintf(out_event->file, sizeof out_event->file, "%s", event->file);
    snprintf(out_event->text, sizeof out_event->text, "%s", event->text);
}
