/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of clients: from socket to session and back.
 *
 * A readiness event only notes the connection; aero_host_clients_read then reads each into one
 * buffer that all share and hands the bytes to its session, and aero_host_clients_flush writes
 * what sessions have ready, once a turn and connection. One read and one write a request, nothing
 * allocated.
 *
 * A session that takes no more input is not read: the kernel's buffers push back on the client
 * (DET-3). Bounds: `maxclients` connections; one read of AERO_HOST_READ_BYTES a turn and
 * connection. */
#ifndef AERO_HOST_CLIENTS_H
#define AERO_HOST_CLIENTS_H

#include <stdbool.h>

#include "base/config.h"
#include "base/log.h"
#include "host/sockets.h"

#define AERO_HOST_READ_BYTES ((size_t)128 << 10)

struct event_base;
struct aero_server;
struct aero_host_clients;

struct aero_host_clients_options {
    struct event_base *base;
    struct aero_server *server;
    const struct aero_host_listeners *listeners;
    const struct aero_config *config;
    struct aero_logger *logger;
};

struct aero_host_clients *aero_host_clients_new(const struct aero_host_clients_options *options);
/* Closes every connection. Accepts NULL. */
void aero_host_clients_free(struct aero_host_clients *clients);

/* Connections were noted since the last aero_host_clients_read. */
bool aero_host_clients_has_input(const struct aero_host_clients *clients);
void aero_host_clients_read(struct aero_host_clients *clients);
void aero_host_clients_flush(struct aero_host_clients *clients);
/* Sessions that can go on without anything from outside: do not sleep. */
bool aero_host_clients_has_work(const struct aero_host_clients *clients);
void aero_host_clients_stop_accepting(struct aero_host_clients *clients);

#endif
