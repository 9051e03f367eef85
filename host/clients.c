/* SPDX-License-Identifier: Apache-2.0 */
/* States of a connection:
 *
 *     READING --session takes no more--> STOPPED --it takes input again--> READING
 *        |                                  |
 *        +--socket takes no more output: the write event is armed beside either state--+
 *        |
 *        +--the peer sends no more--> ENDED --all replies sent--> closed
 *
 * Callbacks of libevent note a connection in `noted`, which aero_host_clients_read empties; none is
 * closed between the two. A stopped connection is watched for its peer's hang-up: a session that
 * blocks, maybe for ever, does not outlive its peer, whatever it left unread. One that is stopped
 * for another reason goes on, and meets the end by reading. */
#include "host/clients.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/slice.h"
#include "server/server.h"

/* Connections accepted a turn and listener, so that a storm of them does not starve the others. */
#define ACCEPT_BATCH 64
/* Out of descriptors: look again after this long instead of spinning. */
#define ACCEPT_PAUSE_MS 100
/* Descriptors beside two a client: segments, snapshots, listeners, replicas. */
#define OTHER_DESCRIPTORS 256

struct client {
    struct aero_host_clients *owner;
    struct aero_session *session;
    struct event readable;
    struct event writable;
    struct event hung_up;
    int fd;
    int hang_up_fd; /* while stopped, of the same socket, watched for edges: bytes left unread are told of once; -1 */
    bool stopped;
    bool ended; /* the peer sends no more: read to the end, or it hung up while stopped */
    bool output_blocked;
    bool has_input; /* noted: readable */
    bool has_room;  /* noted: writable */
    bool is_noted;
    size_t index; /* in all */
};

struct client_list {
    struct client **items;
    size_t count;
    size_t capacity;
};

struct listener {
    struct aero_host_clients *owner;
    unsigned index;
    struct event readable;
    bool ready;
};

struct aero_host_clients {
    struct aero_host_clients_options options;
    unsigned keepalive_s;
    struct listener listeners[AERO_HOST_LISTENERS_MAX];
    struct event accept_again;
    bool accepting;
    struct client_list all;
    struct client_list noted;
    uint8_t read_buffer[AERO_HOST_READ_BYTES];
};

static void append_client(struct client_list *list, struct client *client)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = aero_realloc(list->items, list->capacity * sizeof(struct client *));
    }
    list->items[list->count++] = client;
}

static void note_client(struct client *client)
{
    if (!client->is_noted) {
        client->is_noted = true;
        append_client(&client->owner->noted, client);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *self)
{
    struct client *client = self;
    (void)fd;
    (void)what;
    client->has_input = true;
    note_client(client);
}

static void on_writable(evutil_socket_t fd, short what, void *self)
{
    struct client *client = self;
    (void)fd;
    (void)what;
    client->has_room = true;
    note_client(client);
}

/* Bytes came, or the end, or the connection broke. */
static void on_hung_up(evutil_socket_t fd, short what, void *self)
{
    struct client *client = self;
    struct pollfd asked = {.fd = fd, .events = POLLRDHUP};
    (void)what;
    if (poll(&asked, 1, 0) > 0) {
        client->ended = true;
        note_client(client);
    }
}

static void on_listener(evutil_socket_t fd, short what, void *self)
{
    struct listener *listener = self;
    (void)fd;
    (void)what;
    listener->ready = true;
}

static void add_event(struct event *event)
{
    AERO_ASSERT(event_add(event, NULL) == 0);
}

static void watch_listeners(struct aero_host_clients *clients)
{
    clients->accepting = true;
    for (unsigned i = 0; i < clients->options.listeners->count; i++) {
        add_event(&clients->listeners[i].readable);
    }
}

static void ignore_listeners(struct aero_host_clients *clients)
{
    clients->accepting = false;
    for (unsigned i = 0; i < clients->options.listeners->count; i++) {
        event_del(&clients->listeners[i].readable);
        clients->listeners[i].ready = false;
    }
}

static void on_accept_again(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    watch_listeners(self);
}

/* A limit that is too low is said now, not when the clients are there. */
static void raise_descriptor_limit(const struct aero_host_clients *clients)
{
    struct rlimit limit;
    rlim_t wanted =
        2 * (rlim_t)aero_config_integer(clients->options.config, "maxclients") + OTHER_DESCRIPTORS;
    AERO_ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    AERO_ASSERT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < wanted) {
        aero_log_event(clients->options.logger, AERO_LOG_WARN, "descriptor_limit_low",
                       AERO_LOG_U64("limit", limit.rlim_cur), AERO_LOG_U64("wanted", wanted),
                       AERO_LOG_STR("advice", "raise LimitNOFILE or lower maxclients"));
    }
}

struct aero_host_clients *aero_host_clients_new(const struct aero_host_clients_options *options)
{
    struct aero_host_clients *clients = aero_calloc(1, sizeof *clients);
    clients->options = *options;
    clients->keepalive_s =
        (unsigned)(aero_config_duration_ns(options->config, "tcp_keepalive") / 1000000000U);
    raise_descriptor_limit(clients);
    for (unsigned i = 0; i < options->listeners->count; i++) {
        struct listener *listener = &clients->listeners[i];
        *listener = (struct listener){.owner = clients, .index = i};
        event_assign(&listener->readable, options->base, options->listeners->fd[i],
                     EV_READ | EV_PERSIST, on_listener, listener);
    }
    event_assign(&clients->accept_again, options->base, -1, 0, on_accept_again, clients);
    watch_listeners(clients);
    return clients;
}

/* A connection that broke stays readable and writable for ever: on the descriptor whose events nobody takes, the loop would
 * spin. Without a descriptor for it the client is not watched. */
static void watch_hang_up(struct client *client)
{
    client->hang_up_fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 0);
    if (client->hang_up_fd >= 0) {
        event_assign(&client->hung_up, client->owner->options.base, client->hang_up_fd,
                     EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_hung_up, client);
        add_event(&client->hung_up);
    }
}

static void ignore_hang_up(struct client *client)
{
    if (client->hang_up_fd >= 0) {
        event_del(&client->hung_up);
        close(client->hang_up_fd);
        client->hang_up_fd = -1;
    }
}

static void close_client(struct client *client)
{
    struct aero_host_clients *clients = client->owner;
    const char *reason = aero_session_close_reason(client->session);
    if (reason != NULL) {
        aero_log_event(clients->options.logger, AERO_LOG_INFO, "client_closed",
                       AERO_LOG_U64("client", aero_session_id(client->session)),
                       AERO_LOG_STR("reason", reason));
    }
    event_del(&client->readable);
    event_del(&client->writable);
    ignore_hang_up(client);
    struct client *last = clients->all.items[--clients->all.count];
    clients->all.items[client->index] = last;
    last->index = client->index;
    aero_session_close(client->session);
    close(client->fd);
    free(client);
}

void aero_host_clients_free(struct aero_host_clients *clients)
{
    if (clients == NULL) {
        return;
    }
    ignore_listeners(clients);
    event_del(&clients->accept_again);
    while (clients->all.count > 0) {
        close_client(clients->all.items[clients->all.count - 1]);
    }
    free(clients->all.items);
    free(clients->noted.items);
    free(clients);
}

static void open_client(struct aero_host_clients *clients, int fd,
                        const struct aero_host_peer *peer)
{
    struct client *client = aero_calloc(1, sizeof *client);
    client->owner = clients;
    client->fd = fd;
    client->hang_up_fd = -1;
    event_assign(&client->readable, clients->options.base, fd, EV_READ | EV_PERSIST, on_readable,
                 client);
    event_assign(&client->writable, clients->options.base, fd, EV_WRITE, on_writable, client);
    client->session =
        aero_session_open(clients->options.server, &(struct aero_session_options){
                                                       .peer_address = peer->text,
                                                       .local_address = peer->local_text,
                                                       .trusted = peer->is_local,
                                                       .descriptor = fd,
                                                       .host = client,
                                                   });
    client->index = clients->all.count;
    append_client(&clients->all, client);
    add_event(&client->readable);
}

static void pause_accepting(struct aero_host_clients *clients, aero_status status)
{
    const struct timeval pause = {.tv_usec = ACCEPT_PAUSE_MS * 1000};
    aero_log_event(clients->options.logger, AERO_LOG_WARN, "accept_failed",
                   AERO_LOG_STATUS("error", status), AERO_LOG_U64("clients", clients->all.count));
    ignore_listeners(clients);
    event_add(&clients->accept_again, &pause);
}

static void accept_clients(struct aero_host_clients *clients, unsigned index)
{
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        int fd;
        struct aero_host_peer peer;
        aero_status status =
            aero_host_accept(clients->options.listeners, index, clients->keepalive_s, &fd, &peer);
        if (aero_is_ok(status)) {
            open_client(clients, fd, &peer);
            continue;
        }
        if (status.code != AERO_NOT_FOUND) {
            pause_accepting(clients, status);
        }
        return;
    }
}

/* Follows what the session says about input. */
static void watch_input(struct client *client)
{
    bool wants = aero_session_wants_input(client->session);
    if (wants == !client->stopped) {
        return;
    }
    client->stopped = !wants;
    if (wants) {
        client->ended = false; /* what stands before the end is read first */
        ignore_hang_up(client);
        add_event(&client->readable);
        return;
    }
    event_del(&client->readable);
    if (!client->ended) {
        watch_hang_up(client);
    }
}

/* False: the connection is gone. */
static bool read_client(struct client *client)
{
    struct aero_host_clients *clients = client->owner;
    if (!aero_session_wants_input(client->session)) {
        watch_input(client);
        return true;
    }
    ssize_t got = recv(client->fd, clients->read_buffer, sizeof clients->read_buffer, 0);
    if (got > 0) {
        aero_session_on_input(client->session, aero_slice_of(clients->read_buffer, (size_t)got));
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got == 0) {
        /* Replies that are held until they are durable still leave: `printf ... | nc` gets them. */
        client->ended = true;
        aero_session_on_end(client->session);
        watch_input(client);
        return true;
    }
    close_client(client);
    return false;
}

static bool is_abandoned(const struct client *client)
{
    return client->ended && aero_session_is_blocked(client->session);
}

/* False: the connection is gone. */
static bool send_output(struct client *client)
{
    while (!client->output_blocked) {
        struct aero_slice output = aero_session_output(client->session);
        if (output.length == 0) {
            break;
        }
        ssize_t taken = send(client->fd, output.data, output.length, MSG_NOSIGNAL);
        if (taken < 0 && errno == EINTR) {
            continue;
        }
        if (taken < 0 && errno != EAGAIN) {
            close_client(client);
            return false;
        }
        if (taken > 0) {
            aero_session_sent(client->session, (size_t)taken);
        }
        if (taken < 0 || (size_t)taken < output.length) {
            client->output_blocked = true;
            add_event(&client->writable);
        }
    }
    if (aero_session_should_close(client->session) || is_abandoned(client)) {
        close_client(client);
        return false;
    }
    watch_input(client);
    return true;
}

static void serve_noted(struct client *client)
{
    client->is_noted = false;
    if (is_abandoned(client)) {
        close_client(client);
        return;
    }
    if (client->has_room) {
        client->has_room = false;
        client->output_blocked = false;
        if (!send_output(client)) {
            return;
        }
    }
    if (client->has_input) {
        client->has_input = false;
        (void)read_client(client);
    }
}

bool aero_host_clients_has_input(const struct aero_host_clients *clients)
{
    return clients->noted.count > 0;
}

void aero_host_clients_read(struct aero_host_clients *clients)
{
    for (unsigned i = 0; i < clients->options.listeners->count; i++) {
        if (clients->listeners[i].ready) {
            clients->listeners[i].ready = false;
            accept_clients(clients, i);
        }
    }
    for (size_t i = 0; i < clients->noted.count; i++) {
        serve_noted(clients->noted.items[i]);
    }
    clients->noted.count = 0;
    aero_server_resume(clients->options.server);
}

void aero_host_clients_flush(struct aero_host_clients *clients)
{
    struct aero_session *session;
    AERO_ASSERT(clients->noted.count == 0); /* a note of one that is closed here would dangle */
    while ((session = aero_server_next_ready(clients->options.server)) != NULL) {
        (void)send_output(aero_session_host(session));
    }
}

bool aero_host_clients_has_work(const struct aero_host_clients *clients)
{
    return aero_server_wants_resume(clients->options.server);
}

void aero_host_clients_stop_accepting(struct aero_host_clients *clients)
{
    event_del(&clients->accept_again);
    ignore_listeners(clients);
}
