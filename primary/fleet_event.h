/* SPDX-License-Identifier: Apache-2.0 */
/* What a link learnt from its replica, as a value that may cross threads: senders run on the link
 * thread, the fleet belongs to the primary's core. */
#ifndef AERO_PRIMARY_FLEET_EVENT_H
#define AERO_PRIMARY_FLEET_EVENT_H

#include "engine/history.h"
#include "engine/manifest.h"
#include "shipping/sender.h"

struct aero_fleet_event {
    uint64_t connection; /* the runner's own number for the link, never 0, never reused */
    char name[AERO_NODE_NAME_MAX];
    char address[64];
    enum aero_sender_event_kind kind;
    enum aero_handshake_kind verdict; /* VERDICT */
    char link_state[32];
    bool following;
    aero_lsn received;
    aero_lsn durable;
    aero_lsn applied;
    uint64_t pin_sequence;
    aero_lsn acknowledged;
    uint64_t lost_count; /* LOSS_PROVEN: records that the replica has and this primary lost */
    struct aero_snapshot_entry snapshot;
    struct aero_message_digest_mismatch mismatch;
    /* DAMAGED */
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_status status;
    char text[AERO_MESSAGE_TEXT_MAX];
};

/* Copies what matters out of an event that `sender` just gave. */
void aero_fleet_event_copy(struct aero_fleet_event *out_event, uint64_t connection,
                           const char *name, const char *address, const struct aero_sender *sender,
                           const struct aero_sender_event *event);

#endif
