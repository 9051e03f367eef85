/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of this driver share: transport_libevent.c has connections,
 * listener_libevent.c accepts them. For nobody else. */
#ifndef AERO_SHIPPING_TRANSPORT_LIBEVENT_H
#define AERO_SHIPPING_TRANSPORT_LIBEVENT_H

#include <sys/socket.h>

#include "shipping/transport.h"

#define AERO_CONNECTION_ADDRESS_BYTES 80U

struct event;
struct addrinfo;

/* States are drawn in transport_libevent.c. */
enum aero_connection_state {
    AERO_CONNECTION_CONNECTING,
    AERO_CONNECTION_SHAKING,
    AERO_CONNECTION_OPEN,
    AERO_CONNECTION_FLUSHING, /* the owner closed: what it wrote still leaves */
    AERO_CONNECTION_ENDED,    /* on_close is on its way */
};

struct aero_connection {
    struct aero_transport_options options;
    struct aero_transport_events events;
    struct aero_listener *listener; /* NULL: dialled */
    struct aero_connection *next;   /* of the listener's */
    enum aero_connection_state state;
    int fd; /* -1: none */
    struct event *readable;
    struct event *writable;
    struct event *timer; /* the handshake's, then the flush's */
    struct event *ended;
    struct event_base *base;
    struct addrinfo *addresses; /* of a dial, the rest to try from `address` on */
    struct addrinfo *address;
    struct aero_tls *tls;
    struct aero_buffer plaintext;
    uint8_t *ciphertext;
    bool reading;     /* the owner wants bytes */
    bool wants_room;  /* a write was not taken whole */
    bool in_callback; /* of on_bytes: what it writes leaves together */
    char name[AERO_CONNECTION_ADDRESS_BYTES];
    enum aero_close_reason reason;
    char text[AERO_TLS_TEXT_MAX];
    void *user;
};

/* Fills in what the owner left to us. */
struct aero_transport_options aero_transport_defaults(const struct aero_transport_options *options);
struct event *aero_transport_event(struct event_base *base, int fd, short what,
                                   void (*callback)(int fd, short what, void *self), void *self);
void aero_transport_arm(struct event *timer, uint32_t milliseconds);

/* Takes the socket and the filter, begins the handshake. */
struct aero_connection *aero_connection_accepted(struct event_base *base, int fd,
                                                 const struct sockaddr *peer, socklen_t length,
                                                 const struct aero_transport_options *options,
                                                 struct aero_tls *take_tls,
                                                 const struct aero_transport_events *events);
/* Tells the owner at once and frees it: for a listener that goes. */
void aero_connection_drop(struct aero_connection *connection, const char *text);
void aero_listener_forget(struct aero_listener *listener, struct aero_connection *connection);

#endif
