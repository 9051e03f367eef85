/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, and what becomes of a connection once it is accepted.
 *
 * Ownership: descriptors are the caller's to close. All are non-blocking and closed on exec. */
#ifndef AERO_HOST_SOCKETS_H
#define AERO_HOST_SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define AERO_HOST_LISTENERS_MAX 16
/* "127.0.0.1:6379", "[::1]:6379" or "/run/aerodb/socket:0", cut to fit, with its NUL. */
#define AERO_HOST_PEER_TEXT_BYTES 64

struct aero_host_listeners {
    int fd[AERO_HOST_LISTENERS_MAX];
    bool is_unix[AERO_HOST_LISTENERS_MAX];
    unsigned count;
    /* Set on failure: which address, which call. */
    char error[192];
};

/* Listens on `port` of each address of the list (configuration key `bind`).
 *   Errors: INVALID: not an address, too many; BUSY: in use; NOT_FOUND: not of this machine,
 *   unless it stands behind a
 *           minus sign; PERMISSION, IO. What was opened before the error is in *listeners, to be
 *           closed. */
aero_status aero_host_listen_tcp(struct aero_host_listeners *listeners, const char *addresses,
                                 uint16_t port, int backlog);
/* Takes the path over from a dead process; BUSY when somebody answers there, EXISTS when it is not
 * a socket. */
aero_status aero_host_listen_unix(struct aero_host_listeners *listeners, const char *path,
                                  unsigned mode, int backlog);
/* Of a list of addresses: may it stand there? A minus sign before it may. */
bool aero_host_is_address(const char *word);
void aero_host_listeners_close(struct aero_host_listeners *listeners);

struct aero_host_peer {
    bool is_local; /* over loopback or a Unix socket */
    char text[AERO_HOST_PEER_TEXT_BYTES];
    char local_text[AERO_HOST_PEER_TEXT_BYTES]; /* our side */
};

/* One waiting connection, with TCP_NODELAY and keepalive (0: none) set. NOT_FOUND: none is
 * waiting; IO: out of descriptors or memory. */
aero_status aero_host_accept(const struct aero_host_listeners *listeners, unsigned index,
                             unsigned keepalive_s, int *out_fd, struct aero_host_peer *out_peer);

#endif
