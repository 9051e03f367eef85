/* SPDX-License-Identifier: Apache-2.0 */
/* What loop and link tell each other: everything behind one mutex that nobody holds for longer
 * than a copy.
 *
 * A replica's slot is the link's: it asks there what the replica's name ever acknowledged, the
 * loop answers there. Events go through a ring. Both are bounded by what a fleet can hold. */
#ifndef AERO_PRIMARY_HOST_MAILBOX_H
#define AERO_PRIMARY_HOST_MAILBOX_H

#include <pthread.h>

#include "primary/fleet.h"
#include "primary/fleet_event.h"
#include "server/config_keys.h"

#define AERO_MAILBOX_EVENTS_MAX 64

struct aero_mailbox_news {
    struct aero_shipping_view *view; /* a reference of the taker's own; NULL: none so far */
    struct aero_wal_place durable;
    bool shipping; /* view or durable changed */
    bool answers;  /* some slot was answered */
    bool room;     /* events that found no room do now */
    bool reload;
    bool stop;
    struct aero_allowed_nodes allowed; /* with reload */
};

enum aero_mailbox_slot_state {
    AERO_MAILBOX_FREE,
    AERO_MAILBOX_ASKED,
    AERO_MAILBOX_TAKEN, /* the loop is about to answer */
    AERO_MAILBOX_ANSWERED,
};

struct aero_mailbox {
    pthread_mutex_t mutex;
    struct aero_mailbox_news news; /* loop -> link */
    bool audience;                 /* link -> loop */
    struct {
        enum aero_mailbox_slot_state state;
        uint64_t connection;
        char name[AERO_NODE_NAME_MAX];
        aero_lsn acknowledged;
    } slots[AERO_FLEET_MAX];
    unsigned question_count;
    struct aero_fleet_event events[AERO_MAILBOX_EVENTS_MAX]; /* link -> loop */
    size_t event_first;
    size_t event_count;
    bool link_waits_for_room;
};

void aero_mailbox_init(struct aero_mailbox *mailbox);
void aero_mailbox_deinit(struct aero_mailbox *mailbox);

/* The loop's side. */
/* True: the link is to be woken. */
bool aero_mailbox_publish(struct aero_mailbox *mailbox, struct aero_shipping_view *view,
                          struct aero_wal_place durable);
void aero_mailbox_ask_reload(struct aero_mailbox *mailbox,
                             const struct aero_allowed_nodes *allowed);
void aero_mailbox_ask_stop(struct aero_mailbox *mailbox);
bool aero_mailbox_has_mail(struct aero_mailbox *mailbox);
/* Sets *out_wake_link when the link waited for the room that this made. */
bool aero_mailbox_take_event(struct aero_mailbox *mailbox, struct aero_fleet_event *out_event,
                             bool *out_wake_link);
/* One question without an answer: its slot, its connection and its name. */
bool aero_mailbox_take_question(struct aero_mailbox *mailbox, unsigned *out_slot,
                                uint64_t *out_connection, char out_name[AERO_NODE_NAME_MAX]);
void aero_mailbox_answer(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                         aero_lsn acknowledged);

/* The link's side. */
/* Whether there is anybody to ship to: without, shipping is no news. */
void aero_mailbox_set_audience(struct aero_mailbox *mailbox, bool audience);
bool aero_mailbox_has_news(struct aero_mailbox *mailbox);
/* False: none, and out_news is untouched. */
bool aero_mailbox_take_news(struct aero_mailbox *mailbox, struct aero_mailbox_news *out_news);
void aero_mailbox_ask(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                      const char *name);
bool aero_mailbox_take_answer(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                              aero_lsn *out_acknowledged);
/* False: full; the loop wakes the link when there is room. */
bool aero_mailbox_post(struct aero_mailbox *mailbox, const struct aero_fleet_event *event);

#endif
