/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts connections and keeps count of them; all else about one is transport_libevent.c's. */
#include <event2/event.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "shipping/transport_libevent.h"

#define LISTEN_BACKLOG 64
#define ACCEPT_PAUSE_MS 100U

struct aero_listener {
    struct event_base *base;
    struct aero_transport_options options;
    struct aero_transport_events events;
    struct aero_tls_context *context;
    char **allow;
    size_t allow_count;
    int fd;
    struct event *acceptable;
    struct event *resume;
    uint16_t port;
    struct aero_connection *connections;
    size_t connection_count;
};

static void accept_one(struct aero_listener *listener, int fd, const struct sockaddr *peer,
                       socklen_t length)
{
    struct aero_tls_allow allow = {.names = (const char *const *)listener->allow,
                                   .count = listener->allow_count};
    struct aero_tls *tls = aero_tls_new(listener->context, AERO_TLS_SERVER, &allow);
    struct aero_connection *connection = aero_connection_accepted(
        listener->base, fd, peer, length, &listener->options, tls, &listener->events);
    connection->listener = listener;
    connection->next = listener->connections;
    listener->connections = connection;
    listener->connection_count++;
}

void aero_listener_forget(struct aero_listener *listener, struct aero_connection *connection)
{
    struct aero_connection **at = &listener->connections;
    while (*at != connection) {
        at = &(*at)->next;
    }
    *at = connection->next;
    listener->connection_count--;
}

/* Whoever is known stays; whoever connected and has proven nothing goes for the newest, the longest first, so that idle sockets
 * keep nobody out. False: all have proven themselves. */
static bool make_room(struct aero_listener *listener)
{
    if (listener->connection_count < listener->options.connections_max) {
        return true;
    }
    struct aero_connection *oldest = NULL;
    for (struct aero_connection *at = listener->connections; at != NULL; at = at->next) {
        oldest = at->state == AERO_CONNECTION_SHAKING ? at : oldest; /* the newest is the first */
    }
    if (oldest == NULL) {
        return false;
    }
    aero_connection_drop(oldest, "closed for a newer connection before its handshake ended");
    return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *self)
{
    (void)what;
    struct aero_listener *listener = self;
    for (;;) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int accepted = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0 && (errno == EINTR || errno == ECONNABORTED)) {
            continue;
        }
        if (accepted < 0 && errno == EAGAIN) {
            return;
        }
        if (accepted < 0) {
            event_del(listener->acceptable);
            aero_transport_arm(listener->resume, ACCEPT_PAUSE_MS);
            return;
        }
        if (!make_room(listener)) {
            close(accepted);
            continue;
        }
        accept_one(listener, accepted, (const struct sockaddr *)&peer, length);
    }
}

static void on_resume(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    struct aero_listener *listener = self;
    int added = event_add(listener->acceptable, NULL);
    AERO_ASSERT(added == 0);
}

static aero_status open_socket(const struct addrinfo *address, int *out_fd)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return aero_error_errno(errno);
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        aero_status status = aero_error_errno(errno);
        status.code = status.sys_errno == EADDRINUSE ? AERO_BUSY : status.code;
        close(fd);
        return status;
    }
    *out_fd = fd;
    return aero_ok();
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int done = getsockname(fd, (struct sockaddr *)&address, &length);
    AERO_ASSERT(done == 0);
    if (address.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    }
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

static void copy_allow(struct aero_listener *listener, const struct aero_tls_allow *allow)
{
    if (allow == NULL || allow->count == 0) {
        return;
    }
    listener->allow = aero_calloc(allow->count, sizeof *listener->allow);
    listener->allow_count = allow->count;
    for (size_t i = 0; i < allow->count; i++) {
        size_t length = strlen(allow->names[i]) + 1;
        listener->allow[i] = aero_malloc(length);
        memcpy(listener->allow[i], allow->names[i], length);
    }
}

static void free_allow(struct aero_listener *listener)
{
    for (size_t i = 0; i < listener->allow_count; i++) {
        free(listener->allow[i]);
    }
    free(listener->allow);
    listener->allow = NULL;
    listener->allow_count = 0;
}

aero_status aero_listener_new(struct event_base *base, const char *address, uint16_t port,
                              const struct aero_transport_options *options,
                              struct aero_tls_context *context, const struct aero_tls_allow *allow,
                              const struct aero_transport_events *events,
                              struct aero_listener **out_listener)
{
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(address, service, &hints, &found) != 0) {
        return aero_error(AERO_INVALID);
    }
    int fd = -1;
    aero_status status = open_socket(found, &fd);
    freeaddrinfo(found);
    if (!aero_is_ok(status)) {
        return status;
    }
    struct aero_listener *listener = aero_calloc(1, sizeof *listener);
    listener->base = base;
    listener->options = aero_transport_defaults(options);
    listener->events = *events;
    listener->context = aero_tls_context_retain(context);
    copy_allow(listener, allow);
    listener->fd = fd;
    listener->port = port_of(fd);
    listener->acceptable =
        aero_transport_event(base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    listener->resume = aero_transport_event(base, -1, 0, on_resume, listener);
    on_resume(-1, 0, listener);
    *out_listener = listener;
    return aero_ok();
}

void aero_listener_free(struct aero_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    while (listener->connections != NULL) {
        aero_connection_drop(listener->connections, "the listener was closed");
    }
    event_free(listener->acceptable);
    event_free(listener->resume);
    close(listener->fd);
    aero_tls_context_release(listener->context);
    free_allow(listener);
    free(listener);
}

uint16_t aero_listener_port(const struct aero_listener *listener)
{
    return listener->port;
}

/* Those in their handshake would be let in by what counted until now. */
static void drop_unproven(struct aero_listener *listener)
{
    struct aero_connection *next;
    for (struct aero_connection *at = listener->connections; at != NULL; at = next) {
        next = at->next;
        if (at->state == AERO_CONNECTION_SHAKING) {
            aero_connection_drop(at, "closed before its handshake ended: certificates changed");
        }
    }
}

void aero_listener_set_context(struct aero_listener *listener, struct aero_tls_context *context)
{
    struct aero_tls_context *old = listener->context;
    listener->context = aero_tls_context_retain(context);
    aero_tls_context_release(old);
    drop_unproven(listener);
}
