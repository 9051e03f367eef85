/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's side of replication as threads see it: a link thread with the TLS listener and a
 * sender core a replica, and a mailbox to the loop that has the primary's core.
 *
 *     loop thread                      mailbox                          link thread
 *     publish: view, durable place ------------------------------------> senders ship
 *     deliver: acknowledged_by(name) <--- a connection asks for its name's pin
 *     deliver: on_fleet_event <--------- what senders learn, in order, bounded ---
 *
 * Encryption and reading of segments never touch the loop; the loop never waits for the link. When
 * the mailbox is full, events stay in the senders (an acknowledgement there overtakes the one
 * before it), and the link goes on when there is room.
 *
 * Threads: all functions belong to the loop's thread. */
#ifndef AERO_PRIMARY_HOST_LINK_H
#define AERO_PRIMARY_HOST_LINK_H

#include "base/config.h"
#include "base/log.h"
#include "engine/disk.h"
#include "host/core.h"
#include "host/wake.h"
#include "primary/primary.h"

struct aero_primary_link;

struct aero_primary_link_options {
    const struct aero_config *config; /* read during new and reload only */
    struct aero_logger *logger;
    struct aero_disk disk; /* used for reading, on the link thread */
    struct aero_host_wake *loop_wake;
};

/* Loads the certificates and listens on replication_bind; nobody is accepted yet.
 *   Errors: of certificates and listening; logged with what to do. */
aero_status aero_primary_link_new(const struct aero_primary_link_options *options,
                                  struct aero_primary_link **out_link);
/* Starts the thread that serves what `primary` holds. False: it could not be started, which is logged. Accepts NULL. */
bool aero_primary_link_start(struct aero_primary_link *link, struct aero_primary *primary);
/* Says goodbye to every replica and joins the thread. Accepts NULL. */
void aero_primary_link_free(struct aero_primary_link *link);

struct aero_host_link aero_primary_link_port(struct aero_primary_link *link);

#endif
