/* SPDX-License-Identifier: Apache-2.0 */
/* Non-blocking sockets under TLS filters, driven by readiness.
 *
 *     CONNECTING --connected--> SHAKING --TLS open--> OPEN --closed by owner--> FLUSHING
 *          |                       |                    |                          |
 *          +-----------------------+--------------------+--------------------------+--> ENDED -->
 *          freed
 *
 * Whatever ends a connection closes the socket at once and lets an event of its own tell the owner,
 * so no callback ever runs inside a call of the owner, and no connection is freed under somebody's
 * feet. */
#include <event2/event.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/status.h"
#include "shipping/transport_libevent.h"

#define OUTPUT_DEFAULT_BYTES ((size_t)1 << 20)
#define GULP_DEFAULT_BYTES ((size_t)1 << 20)
#define HANDSHAKE_DEFAULT_MS 5000U
#define CONNECTIONS_DEFAULT 64U
#define SOCKET_READ_BYTES ((size_t)256 << 10)
/* What one record of TLS holds, and the beginning of one that the filter may have kept: reads of the socket that end this far
 * before the bound cannot make more plaintext than it allows. */
#define RECORD_BYTES ((size_t)16 << 10)
#define GULP_LEAST_BYTES (2 * RECORD_BYTES)

struct aero_transport_options aero_transport_defaults(const struct aero_transport_options *options)
{
    struct aero_transport_options full = *options;
    full.output_bytes = full.output_bytes == 0 ? OUTPUT_DEFAULT_BYTES : full.output_bytes;
    full.gulp_bytes = full.gulp_bytes == 0 ? GULP_DEFAULT_BYTES : full.gulp_bytes;
    AERO_ASSERT(full.gulp_bytes >= GULP_LEAST_BYTES);
    full.handshake_timeout_ms =
        full.handshake_timeout_ms == 0 ? HANDSHAKE_DEFAULT_MS : full.handshake_timeout_ms;
    full.connections_max = full.connections_max == 0 ? CONNECTIONS_DEFAULT : full.connections_max;
    return full;
}

void aero_transport_arm(struct event *timer, uint32_t milliseconds)
{
    struct timeval after = {.tv_sec = milliseconds / 1000,
                            .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
    int armed = event_add(timer, &after);
    AERO_ASSERT(armed == 0);
}

static void format_address(const struct sockaddr *address, socklen_t length,
                           char out_text[AERO_CONNECTION_ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    char port[8];
    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(out_text, AERO_CONNECTION_ADDRESS_BYTES, "?");
        return;
    }
    bool v6 = address->sa_family == AF_INET6;
    snprintf(out_text, AERO_CONNECTION_ADDRESS_BYTES, v6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---- The end of a connection ---- */

/* A socket that is closed with bytes unread resets the connection, and what the peer has not read yet, our goodbye for one,
 * is lost with it: so what has arrived by now is taken. Best effort: more may be on its way. */
static void discard_input(struct aero_connection *connection)
{
    (void)!recv(connection->fd, connection->ciphertext, SOCKET_READ_BYTES, MSG_DONTWAIT);
}

static void drop_events(struct aero_connection *connection)
{
    if (connection->readable != NULL) {
        event_free(connection->readable);
        connection->readable = NULL;
    }
    if (connection->writable != NULL) {
        event_free(connection->writable);
        connection->writable = NULL;
    }
    event_del(connection->timer);
    if (connection->fd >= 0) {
        discard_input(connection);
        close(connection->fd);
        connection->fd = -1;
    }
}

__attribute__((format(printf, 3, 4))) static void end_connection(struct aero_connection *connection,
                                                                 enum aero_close_reason reason,
                                                                 const char *format, ...)
{
    if (connection->state == AERO_CONNECTION_ENDED) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(connection->text, sizeof connection->text, format, arguments);
    va_end(arguments);
    connection->state = AERO_CONNECTION_ENDED;
    connection->reason = reason;
    drop_events(connection);
    event_active(connection->ended, EV_TIMEOUT, 0);
}

static void free_connection(struct aero_connection *connection)
{
    if (connection->listener != NULL) {
        aero_listener_forget(connection->listener, connection);
    }
    drop_events(connection);
    event_free(connection->timer);
    event_free(connection->ended);
    if (connection->addresses != NULL) {
        freeaddrinfo(connection->addresses);
    }
    aero_tls_free(connection->tls);
    aero_buffer_deinit(&connection->plaintext);
    free(connection->ciphertext);
    free(connection);
}

static void on_ended(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    struct aero_connection *connection = self;
    connection->events.on_close(connection->events.self, connection, connection->reason,
                                connection->text);
    free_connection(connection);
}

static void on_timer(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    struct aero_connection *connection = self;
    if (connection->state == AERO_CONNECTION_FLUSHING) {
        end_connection(connection, AERO_CLOSE_REQUESTED, "closed; the peer took not all of it");
        return;
    }
    end_connection(connection, AERO_CLOSE_TIMEOUT, "%s: no TLS connection after %u ms",
                   connection->name, connection->options.handshake_timeout_ms);
}

/* ---- Output ---- */

static size_t queued_bytes(const struct aero_connection *connection)
{
    return aero_tls_output(connection->tls).length;
}

/* 0: the peer's socket ended without TLS's goodbye. */
static void lose(struct aero_connection *connection, int sys_errno)
{
    end_connection(connection, AERO_CLOSE_LOST, "the connection to %s was lost: %s",
                   connection->name,
                   sys_errno == 0 ? "the peer closed it without a goodbye"
                                  : aero_error_text(aero_error_errno(sys_errno)));
}

/* Woken when the socket takes more: for what is queued, or for an owner who has more than found
 * room. */
static void wait_for_room(struct aero_connection *connection)
{
    bool waits = queued_bytes(connection) > 0 || connection->wants_room;
    int done = waits ? event_add(connection->writable, NULL) : event_del(connection->writable);
    AERO_ASSERT(done == 0);
}

/* Hands to the socket what it takes now. */
static void flush_output(struct aero_connection *connection)
{
    struct aero_slice out = aero_tls_output(connection->tls);
    while (out.length > 0) {
        ssize_t sent = send(connection->fd, out.data, out.length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0 && errno != EINTR) {
            lose(connection, errno);
            return;
        }
        aero_tls_sent(connection->tls, sent < 0 ? 0 : (size_t)sent);
        out = aero_tls_output(connection->tls);
    }
    wait_for_room(connection);
}

static void after_flush(struct aero_connection *connection)
{
    if (connection->state == AERO_CONNECTION_FLUSHING && queued_bytes(connection) == 0) {
        end_connection(connection, AERO_CLOSE_REQUESTED, "closed");
    }
}

size_t aero_connection_write(struct aero_connection *connection, struct aero_slice plaintext)
{
    if (connection->state != AERO_CONNECTION_OPEN ||
        aero_tls_state(connection->tls) != AERO_TLS_OPEN) {
        return 0;
    }
    size_t queued = queued_bytes(connection);
    size_t room =
        queued < connection->options.output_bytes ? connection->options.output_bytes - queued : 0;
    size_t count = plaintext.length < room ? plaintext.length : room;
    connection->wants_room = connection->wants_room || count < plaintext.length;
    if (count == 0) {
        return 0;
    }
    if (aero_tls_send(connection->tls, aero_slice_of(plaintext.data, count)) != AERO_TLS_OPEN) {
        end_connection(connection, AERO_CLOSE_TLS, "%s", aero_tls_text(connection->tls));
        return 0;
    }
    if (!connection->in_callback) {
        flush_output(connection);
    }
    return count;
}

void aero_connection_ask_room(struct aero_connection *connection)
{
    if (connection->state == AERO_CONNECTION_OPEN) {
        connection->wants_room = true;
        wait_for_room(connection);
    }
}

void aero_connection_close(struct aero_connection *connection)
{
    if (connection->state == AERO_CONNECTION_FLUSHING ||
        connection->state == AERO_CONNECTION_ENDED) {
        return;
    }
    if (connection->state != AERO_CONNECTION_OPEN) {
        end_connection(connection, AERO_CLOSE_REQUESTED, "closed before it was open");
        return;
    }
    connection->state = AERO_CONNECTION_FLUSHING;
    event_del(connection->readable);
    aero_transport_arm(connection->timer, connection->options.handshake_timeout_ms);
    aero_tls_shutdown(connection->tls);
    if (!connection->in_callback) {
        flush_output(connection);
        after_flush(connection);
    }
}

/* ---- Input ---- */

static void want_bytes(struct aero_connection *connection, bool wanted)
{
    int done = wanted ? event_add(connection->readable, NULL) : event_del(connection->readable);
    AERO_ASSERT(done == 0);
}

void aero_connection_set_reading(struct aero_connection *connection, bool reading)
{
    connection->reading = reading;
    if (connection->state == AERO_CONNECTION_OPEN) {
        want_bytes(connection, reading);
    }
}

/* Whether the peer has nothing more to say: 0 bytes or an error. */
enum input_end {
    INPUT_GOES_ON,
    INPUT_EOF,
    INPUT_ERROR,
};

/* Bytes that may still be read for this gulp: plaintext is never longer than its ciphertext and what was kept of it. */
static size_t gulp_room(const struct aero_connection *connection)
{
    size_t taken = connection->plaintext.length + RECORD_BYTES;
    size_t bound = connection->options.gulp_bytes;
    size_t room = taken < bound ? bound - taken : 0;
    return room < SOCKET_READ_BYTES ? room : SOCKET_READ_BYTES;
}

/* Until the socket is empty or a gulp is full. */
static enum input_end read_gulp(struct aero_connection *connection, int *out_errno)
{
    for (size_t room = gulp_room(connection); room > 0; room = gulp_room(connection)) {
        ssize_t count = recv(connection->fd, connection->ciphertext, room, 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && errno == EAGAIN) {
            return INPUT_GOES_ON;
        }
        if (count <= 0) {
            *out_errno = count < 0 ? errno : 0;
            return count < 0 ? INPUT_ERROR : INPUT_EOF;
        }
        enum aero_tls_state state =
            aero_tls_receive(connection->tls, aero_slice_of(connection->ciphertext, (size_t)count),
                             &connection->plaintext);
        if (state == AERO_TLS_CLOSED || state == AERO_TLS_FAILED) {
            return INPUT_GOES_ON;
        }
        if ((size_t)count < room) {
            return INPUT_GOES_ON; /* level triggered: what comes now wakes us again */
        }
    }
    return INPUT_GOES_ON;
}

static void open_connection(struct aero_connection *connection)
{
    connection->state = AERO_CONNECTION_OPEN;
    event_del(connection->timer);
    want_bytes(connection, connection->reading);
    connection->events.on_open(connection->events.self, connection);
}

static void deliver(struct aero_connection *connection)
{
    if (connection->state == AERO_CONNECTION_OPEN && connection->plaintext.length > 0) {
        connection->events.on_bytes(connection->events.self, connection,
                                    aero_buffer_slice(&connection->plaintext));
    }
    aero_buffer_clear(&connection->plaintext);
}

static void on_readable(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    struct aero_connection *connection = self;
    int sys_errno = 0;
    enum input_end end = read_gulp(connection, &sys_errno);
    connection->in_callback = true;
    if (connection->state == AERO_CONNECTION_SHAKING &&
        aero_tls_state(connection->tls) != AERO_TLS_HANDSHAKE &&
        aero_tls_state(connection->tls) != AERO_TLS_FAILED) {
        open_connection(connection);
    }
    deliver(connection);
    connection->in_callback = false;
    if (connection->state == AERO_CONNECTION_ENDED) {
        return;
    }
    flush_output(connection);
    after_flush(connection);
    if (connection->state != AERO_CONNECTION_OPEN && connection->state != AERO_CONNECTION_SHAKING) {
        return;
    }
    if (aero_tls_state(connection->tls) == AERO_TLS_FAILED) {
        end_connection(connection, AERO_CLOSE_TLS, "%s: %s", connection->name,
                       aero_tls_text(connection->tls));
    } else if (aero_tls_state(connection->tls) == AERO_TLS_CLOSED) {
        end_connection(connection, AERO_CLOSE_PEER, "%s closed the connection", connection->name);
    } else if (end != INPUT_GOES_ON) {
        lose(connection, sys_errno);
    }
}

/* ---- Beginning ---- */

static void start_tls(struct aero_connection *connection)
{
    connection->state = AERO_CONNECTION_SHAKING;
    want_bytes(connection, true);
    flush_output(connection);
}

static void try_next_address(struct aero_connection *connection);

static void on_connected(struct aero_connection *connection)
{
    int sys_errno = 0;
    socklen_t length = sizeof sys_errno;
    int done = getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &sys_errno, &length);
    AERO_ASSERT(done == 0);
    if (sys_errno == 0) {
        event_del(connection->writable);
        start_tls(connection);
        return;
    }
    connection->address = connection->address->ai_next;
    snprintf(connection->text, sizeof connection->text, "%s",
             aero_error_text(aero_error_errno(sys_errno)));
    try_next_address(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    struct aero_connection *connection = self;
    if (connection->state == AERO_CONNECTION_CONNECTING) {
        on_connected(connection);
        return;
    }
    flush_output(connection);
    after_flush(connection);
    if (connection->state == AERO_CONNECTION_OPEN && connection->wants_room &&
        queued_bytes(connection) <= connection->options.output_bytes / 2) {
        connection->wants_room = false;
        connection->events.on_room(connection->events.self, connection);
    }
    if (connection->state == AERO_CONNECTION_OPEN) {
        wait_for_room(connection);
    }
}

struct event *aero_transport_event(struct event_base *base, int fd, short what,
                                   event_callback_fn callback, void *self)
{
    struct event *event = event_new(base, fd, what, callback, self);
    AERO_ASSERT(event != NULL);
    return event;
}

static struct aero_connection *new_connection(struct event_base *base,
                                              const struct aero_transport_options *options,
                                              const struct aero_transport_events *events)
{
    struct aero_connection *connection = aero_calloc(1, sizeof *connection);
    connection->options = *options;
    connection->events = *events;
    connection->base = base;
    connection->fd = -1;
    connection->reading = true;
    connection->ciphertext = aero_malloc(SOCKET_READ_BYTES);
    connection->timer = aero_transport_event(base, -1, 0, on_timer, connection);
    connection->ended = aero_transport_event(base, -1, 0, on_ended, connection);
    aero_transport_arm(connection->timer, options->handshake_timeout_ms);
    return connection;
}

/* Small messages leave at once, and a peer that vanished without a word is noticed in the end. */
static void take_socket(struct aero_connection *connection, int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    connection->fd = fd;
    connection->readable =
        aero_transport_event(connection->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable =
        aero_transport_event(connection->base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
}

static void drop_socket(struct aero_connection *connection)
{
    if (connection->readable != NULL) {
        event_free(connection->readable);
        event_free(connection->writable);
        connection->readable = NULL;
        connection->writable = NULL;
    }
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
}

static void try_next_address(struct aero_connection *connection)
{
    int sys_errno = 0;
    drop_socket(connection);
    for (; connection->address != NULL; connection->address = connection->address->ai_next) {
        const struct addrinfo *address = connection->address;
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            sys_errno = errno;
            continue;
        }
        if (connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS) {
            format_address(address->ai_addr, address->ai_addrlen, connection->name);
            take_socket(connection, fd);
            int added = event_add(connection->writable, NULL);
            AERO_ASSERT(added == 0);
            return;
        }
        sys_errno = errno;
        close(fd);
    }
    char why[AERO_TLS_TEXT_MAX / 2];
    snprintf(why, sizeof why, "%.200s",
             sys_errno != 0 ? aero_error_text(aero_error_errno(sys_errno)) : connection->text);
    end_connection(connection, AERO_CLOSE_CONNECT, "cannot connect to %s: %s", connection->name,
                   why);
}

struct aero_connection *
aero_connection_dial(struct event_base *base, const char *host, uint16_t port,
                     const struct aero_transport_options *options, struct aero_tls_context *context,
                     const struct aero_tls_allow *allow, const struct aero_transport_events *events)
{
    struct aero_transport_options full = aero_transport_defaults(options);
    struct aero_connection *connection = new_connection(base, &full, events);
    connection->tls = aero_tls_new(context, AERO_TLS_CLIENT, allow);
    snprintf(connection->name, sizeof connection->name, "%.60s:%u", host, (unsigned)port);
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int failed = getaddrinfo(host, service, &hints, &connection->addresses);
    if (failed != 0) {
        connection->addresses = NULL;
        end_connection(connection, AERO_CLOSE_CONNECT, "cannot resolve %s: %s", connection->name,
                       gai_strerror(failed));
        return connection;
    }
    connection->address = connection->addresses;
    try_next_address(connection);
    return connection;
}

struct aero_connection *aero_connection_accepted(struct event_base *base, int fd,
                                                 const struct sockaddr *peer, socklen_t length,
                                                 const struct aero_transport_options *options,
                                                 struct aero_tls *take_tls,
                                                 const struct aero_transport_events *events)
{
    struct aero_connection *connection = new_connection(base, options, events);
    connection->tls = take_tls;
    format_address(peer, length, connection->name);
    take_socket(connection, fd);
    start_tls(connection);
    return connection;
}

void aero_connection_drop(struct aero_connection *connection, const char *text)
{
    if (connection->state == AERO_CONNECTION_OPEN) {
        connection->state = AERO_CONNECTION_FLUSHING;
        aero_tls_shutdown(connection->tls);
        flush_output(connection);
    }
    end_connection(connection, AERO_CLOSE_REQUESTED, "%s", text);
    on_ended(-1, 0, connection);
}

bool aero_connection_is_trusted_by(const struct aero_connection *connection,
                                   const struct aero_tls_context *context,
                                   char out_text[AERO_TLS_TEXT_MAX])
{
    return aero_tls_is_trusted_by(connection->tls, context, out_text);
}

const char *aero_connection_peer_name(const struct aero_connection *connection)
{
    return aero_tls_peer_name(connection->tls);
}

const char *aero_connection_address(const struct aero_connection *connection)
{
    return connection->name;
}

void aero_connection_set_user(struct aero_connection *connection, void *user)
{
    connection->user = user;
}

void *aero_connection_user(const struct aero_connection *connection)
{
    return connection->user;
}
