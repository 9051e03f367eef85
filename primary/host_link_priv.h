/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the link thread share: host_link.c is the thread and the loop's side,
 * host_replica.c one replica's connection.
 *
 * A connection lives in a slot:
 *
 *     FREE --on_open--> ASKED --the loop answered--> SHIPPING
 *      ^                  |                             |
 *      +--the connection went, or CLOSED was heard, and the loop was told--+
 *
 * Bytes that arrive while ASKED (a Hello) wait in `early`, which is bounded. */
#ifndef AERO_PRIMARY_HOST_LINK_PRIV_H
#define AERO_PRIMARY_HOST_LINK_PRIV_H

#include <pthread.h>

#include "host/certs.h"
#include "primary/host_link.h"
#include "primary/host_mailbox.h"
#include "primary/shipment.h"
#include "shipping/transport.h"

#define AERO_LINK_LISTENERS_MAX 16
/* Some 10 s. */
#define AERO_LINK_CLOSING_TICKS_MAX 100U

struct event;

struct aero_link_replica {
    struct aero_primary_link *link;
    unsigned slot;
    uint64_t id;                        /* 0: FREE */
    struct aero_connection *connection; /* NULL once it went */
    struct aero_sender *sender;         /* NULL: ASKED */
    char name[AERO_NODE_NAME_MAX];
    char address[64];
    struct aero_buffer early;
    bool said_closed; /* CLOSED was heard: what is left is sent, then the connection is closed */
    unsigned closing_ticks; /* since then: for a peer that does not read */
    bool must_tell;         /* `last`, for which the mailbox had no room */
    struct aero_fleet_event last;
    struct aero_disk_file *file; /* the segment read last */
    char file_name[AERO_DISK_NAME_MAX];
};

struct aero_primary_link {
    struct aero_primary_link_options options;
    struct aero_primary *primary; /* NULL: not started */
    struct aero_mailbox mailbox;
    struct aero_host_wake wake;
    pthread_t thread;
    char reload_error[96];
    /* The loop's: what was published last, and what gathers to be. */
    struct aero_shipment shipment;

    /* The link thread's from here on. */
    struct event_base *base;
    struct event *wake_event;
    struct event *tick_event;
    struct aero_host_certs certs;
    struct aero_allowed_nodes allowed;
    struct aero_listener *listeners[AERO_LINK_LISTENERS_MAX];
    size_t listener_count;
    struct aero_sender_options sender_options;
    uint32_t replicas_max;
    struct aero_link_replica replicas[AERO_FLEET_MAX];
    uint64_t connections_given;
    struct aero_shipping_view *view;
    struct aero_wal_place durable;
    struct aero_clock clock;
    struct aero_entropy entropy;
    unsigned ticks;
    bool stopping;
};

/* Of the link thread: sleeps until there is something to do, and does it. */
void aero_link_turn(struct aero_primary_link *link);
struct aero_transport_events aero_link_transport_events(struct aero_primary_link *link);
bool aero_link_is_shipping(const struct aero_link_replica *replica);
/* The loop answered: makes the sender. The link has a view by now. */
void aero_link_begin_shipping(struct aero_link_replica *replica, aero_lsn acknowledged);
/* Serves all that a sender wishes: reads, output, events. Call after whatever went into it. */
void aero_link_drive(struct aero_link_replica *replica);
/* The same for one that may be gone or unfinished; the mailbox has room again. */
void aero_link_retry(struct aero_link_replica *replica);
void aero_link_say_bye(struct aero_link_replica *replica, enum aero_bye_code code,
                       const char *text);
void aero_link_free_replica(struct aero_link_replica *replica);

#endif
