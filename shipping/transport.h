/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets for the replication link: mutually authenticated byte streams on an event base.
 *
 * A listener accepts, a dial connects; both give connections that have finished TLS and carry
 * plaintext. Everything happens on the thread of the event base that was given. Callbacks go to the
 * owner, who may call back into the connection that it is told of, aero_connection_close included.
 *
 *     dial / accept --> TLS handshake --on_open--> open --on_close--> gone
 *                             +--------------------------on_close-------^
 *
 * A connection is freed when on_close returns.
 *
 * Bounds: at most output_bytes of ciphertext wait for the socket; at most gulp_bytes of plaintext
 * are delivered together, and one gulp of each connection in one turn of the event base
 * (EVLOOP_ONCE); a listener holds at most connections_max connections, of which those
 * without a finished handshake time out, and make room for newer ones when it is full. The driver is transport_libevent.c. */
#ifndef AERO_SHIPPING_TRANSPORT_H
#define AERO_SHIPPING_TRANSPORT_H

#include "shipping/tls.h"

struct event_base;
struct aero_connection;
struct aero_listener;

enum aero_close_reason {
    AERO_CLOSE_PEER = 1,  /* the peer closed in good order */
    AERO_CLOSE_LOST,      /* reset, broken, closed without goodbye */
    AERO_CLOSE_TLS,       /* certificates or protocol: text says what to do */
    AERO_CLOSE_CONNECT,   /* could not be reached */
    AERO_CLOSE_TIMEOUT,   /* handshake took too long */
    AERO_CLOSE_REQUESTED, /* aero_connection_close */
};

struct aero_transport_events {
    /* The handshake is done: peer_name is proven. */
    void (*on_open)(void *self, struct aero_connection *connection);
    /* All plaintext that one wake-up brought, up to gulp_bytes. */
    void (*on_bytes)(void *self, struct aero_connection *connection, struct aero_slice plaintext);
    /* There is room for output again, after a write that was not taken whole. */
    void (*on_room)(void *self, struct aero_connection *connection);
    /* Told once for each connection, also of a listener's that never opened (its user word is NULL
     * then); it is freed afterwards. */
    void (*on_close)(void *self, struct aero_connection *connection, enum aero_close_reason reason,
                     const char *text);
    void *self;
};

struct aero_transport_options {
    size_t output_bytes;           /* 0: 1 MiB */
    size_t gulp_bytes;             /* 0: 1 MiB; at least 32 KiB */
    uint32_t handshake_timeout_ms; /* 0: 5 s */
    uint32_t connections_max;      /* of a listener; 0: 64 */
};

/* Names that may connect are copied. `context` is used for new connections until it is replaced. */
aero_status aero_listener_new(struct event_base *base, const char *address, uint16_t port,
                              const struct aero_transport_options *options,
                              struct aero_tls_context *context, const struct aero_tls_allow *allow,
                              const struct aero_transport_events *events,
                              struct aero_listener **out_listener);
/* Closes its connections too, telling on_close for each. Their peers hear goodbye behind all that was written, as far as the
 * sockets take it at once: nobody waits here for a peer that does not read. */
void aero_listener_free(struct aero_listener *listener);
uint16_t aero_listener_port(const struct aero_listener *listener); /* useful when 0 was asked for */
/* For connections that are accepted from now on; those in their handshake are closed, and may come again. */
void aero_listener_set_context(struct aero_listener *listener, struct aero_tls_context *context);

/* Begins to connect to a name or an address. A failure is told by on_close, later. Resolving a name
 * that is not an address may wait on the resolver. */
struct aero_connection *aero_connection_dial(struct event_base *base, const char *host,
                                             uint16_t port,
                                             const struct aero_transport_options *options,
                                             struct aero_tls_context *context,
                                             const struct aero_tls_allow *allow,
                                             const struct aero_transport_events *events);

/* Takes as much plaintext as there is room for and returns how much; 0 when not open. */
size_t aero_connection_write(struct aero_connection *connection, struct aero_slice plaintext);
/* on_room comes in a later turn, as soon as there is room: for an owner who has more to write and lets others go first. */
void aero_connection_ask_room(struct aero_connection *connection);
/* False: reads no more, so that the peer has to wait; true: goes on. For owners without room. */
void aero_connection_set_reading(struct aero_connection *connection, bool reading);
/* Sends what was taken, says goodbye, closes; on_close comes later, from the event loop. */
void aero_connection_close(struct aero_connection *connection);
const char *aero_connection_peer_name(const struct aero_connection *connection);
/* As aero_tls_is_trusted_by, once it was told open. */
bool aero_connection_is_trusted_by(const struct aero_connection *connection,
                                   const struct aero_tls_context *context,
                                   char out_text[AERO_TLS_TEXT_MAX]);
/* "127.0.0.1:7000" */
const char *aero_connection_address(const struct aero_connection *connection);
/* The owner's word on a connection. */
void aero_connection_set_user(struct aero_connection *connection, void *user);
void *aero_connection_user(const struct aero_connection *connection);

#endif
