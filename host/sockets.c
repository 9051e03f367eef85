/* SPDX-License-Identifier: Apache-2.0 */
#include "host/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "server/config_keys.h"

static aero_status listen_error(struct aero_host_listeners *listeners, const char *address,
                                const char *call, int sys_errno)
{
    snprintf(listeners->error, sizeof listeners->error, "%s: %s: %s", address, call,
             strerrordesc_np(sys_errno));
    aero_status status = aero_error_errno(sys_errno);
    if (sys_errno == EADDRINUSE) {
        status.code = AERO_BUSY;
    } else if (sys_errno == EADDRNOTAVAIL || sys_errno == EAFNOSUPPORT) {
        status.code = AERO_NOT_FOUND;
    }
    return status;
}

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
};

/* "*", "::", IPv4 or IPv6. Names are not looked up: what a daemon listens on must not depend on a
 * resolver. */
static bool parse_address(const char *text, uint16_t port, union socket_address *out_address,
                          socklen_t *out_length)
{
    memset(out_address, 0, sizeof *out_address);
    const char *v4 = strcmp(text, "*") == 0 ? "0.0.0.0" : text;
    if (inet_pton(AF_INET, v4, &out_address->v4.sin_addr) == 1) {
        out_address->v4.sin_family = AF_INET;
        out_address->v4.sin_port = htons(port);
        *out_length = sizeof out_address->v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out_address->v6.sin6_addr) == 1) {
        out_address->v6.sin6_family = AF_INET6;
        out_address->v6.sin6_port = htons(port);
        *out_length = sizeof out_address->v6;
        return true;
    }
    return false;
}

bool aero_host_is_address(const char *word)
{
    union socket_address address;
    socklen_t length;
    return parse_address(word + (word[0] == '-' ? 1 : 0), 1, &address, &length);
}

static int open_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void add_listener(struct aero_host_listeners *listeners, int fd, bool is_unix)
{
    listeners->fd[listeners->count] = fd;
    listeners->is_unix[listeners->count] = is_unix;
    listeners->count++;
}

/* Closes the socket whose call failed just now. */
static aero_status give_up(struct aero_host_listeners *listeners, int fd, const char *address,
                           const char *call)
{
    int sys_errno = errno;
    close(fd);
    return listen_error(listeners, address, call, sys_errno);
}

static aero_status listen_on(struct aero_host_listeners *listeners, const char *text, uint16_t port,
                             int backlog)
{
    union socket_address address;
    socklen_t length;
    const int yes = 1;
    char shown[AERO_CONFIG_WORD_MAX + 8];
    snprintf(shown, sizeof shown, "%s port %u", text, port);
    if (!parse_address(text, port, &address, &length)) {
        snprintf(listeners->error, sizeof listeners->error, "%.64s is not an IPv4 or IPv6 address",
                 text);
        return aero_error(AERO_INVALID);
    }
    int fd = open_socket(address.any.sa_family);
    if (fd < 0) {
        return listen_error(listeners, shown, "socket", errno);
    }
    if (address.any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, &address.any, length) != 0) {
        return give_up(listeners, fd, shown, "bind");
    }
    if (listen(fd, backlog) != 0) {
        return give_up(listeners, fd, shown, "listen");
    }
    add_listener(listeners, fd, false);
    return aero_ok();
}

aero_status aero_host_listen_tcp(struct aero_host_listeners *listeners, const char *addresses,
                                 uint16_t port, int backlog)
{
    char words[AERO_HOST_LISTENERS_MAX][AERO_CONFIG_WORD_MAX];
    size_t count = aero_config_words(addresses, AERO_HOST_LISTENERS_MAX - listeners->count, words);
    if (count == SIZE_MAX) {
        snprintf(listeners->error, sizeof listeners->error, "more than %u addresses",
                 AERO_HOST_LISTENERS_MAX);
        return aero_error(AERO_INVALID);
    }
    for (size_t i = 0; i < count; i++) {
        bool may_miss = words[i][0] == '-';
        aero_status status = listen_on(listeners, words[i] + (may_miss ? 1 : 0), port, backlog);
        if (!aero_is_ok(status) && !(may_miss && status.code == AERO_NOT_FOUND)) {
            return status;
        }
    }
    return aero_ok();
}

/* A socket file outlives its process (FM-4.1). It is dead when nobody accepts there any more. */
static aero_status remove_dead_socket(struct aero_host_listeners *listeners,
                                      const union socket_address *address)
{
    const char *path = address->local.sun_path;
    struct stat found;
    if (lstat(path, &found) != 0) {
        return errno == ENOENT ? aero_ok() : listen_error(listeners, path, "lstat", errno);
    }
    if (!S_ISSOCK(found.st_mode)) {
        snprintf(listeners->error, sizeof listeners->error, "%.128s exists and is no socket", path);
        return aero_error(AERO_EXISTS);
    }
    int fd = open_socket(AF_UNIX);
    if (fd < 0) {
        return listen_error(listeners, path, "socket", errno);
    }
    int failed = connect(fd, &address->any, sizeof address->local);
    int sys_errno = errno;
    close(fd);
    if (failed == 0 || sys_errno == EAGAIN) {
        return listen_error(listeners, path, "bind", EADDRINUSE);
    }
    if (sys_errno != ECONNREFUSED) {
        return listen_error(listeners, path, "connect", sys_errno);
    }
    return unlink(path) == 0 ? aero_ok() : listen_error(listeners, path, "unlink", errno);
}

aero_status aero_host_listen_unix(struct aero_host_listeners *listeners, const char *path,
                                  unsigned mode, int backlog)
{
    union socket_address address;
    memset(&address, 0, sizeof address);
    address.local.sun_family = AF_UNIX;
    if (listeners->count == AERO_HOST_LISTENERS_MAX ||
        strlen(path) >= sizeof address.local.sun_path) {
        snprintf(listeners->error, sizeof listeners->error,
                 "unix socket: path longer than %zu bytes, or too many listeners",
                 sizeof address.local.sun_path - 1);
        return aero_error(AERO_INVALID);
    }
    memcpy(address.local.sun_path, path, strlen(path));
    AERO_TRY(remove_dead_socket(listeners, &address));
    int fd = open_socket(AF_UNIX);
    if (fd < 0) {
        return listen_error(listeners, path, "socket", errno);
    }
    /* Nobody else gets in between bind and chmod: the umask is the strictest of the modes. */
    mode_t before = umask(0177);
    int failed = bind(fd, &address.any, sizeof address.local); /* umask leaves errno alone */
    umask(before);
    if (failed != 0) {
        return give_up(listeners, fd, path, "bind");
    }
    if (chmod(path, mode) != 0) {
        return give_up(listeners, fd, path, "chmod");
    }
    if (listen(fd, backlog) != 0) {
        return give_up(listeners, fd, path, "listen");
    }
    add_listener(listeners, fd, true);
    return aero_ok();
}

void aero_host_listeners_close(struct aero_host_listeners *listeners)
{
    for (unsigned i = 0; i < listeners->count; i++) {
        close(listeners->fd[i]);
    }
    listeners->count = 0;
}

static void print_address(const union socket_address *address,
                          char out_text[AERO_HOST_PEER_TEXT_BYTES])
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof text);
        snprintf(out_text, AERO_HOST_PEER_TEXT_BYTES, "%s:%u", text, ntohs(address->v4.sin_port));
    } else if (address->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof text);
        snprintf(out_text, AERO_HOST_PEER_TEXT_BYTES, "[%s]:%u", text,
                 ntohs(address->v6.sin6_port));
    } else {
        snprintf(out_text, AERO_HOST_PEER_TEXT_BYTES, "%.*s:0", AERO_HOST_PEER_TEXT_BYTES - 3,
                 address->local.sun_path);
    }
}

static bool is_loopback(const union socket_address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    default:
        return address->any.sa_family == AF_UNIX;
    }
}

/* A client of a Unix socket has no address of its own: it is shown with ours, as Redis does. */
static void describe_peer(int fd, const union socket_address *address,
                          struct aero_host_peer *out_peer)
{
    union socket_address local;
    socklen_t length = sizeof local;
    memset(&local, 0, sizeof local);
    (void)getsockname(fd, &local.any, &length);
    out_peer->is_local = is_loopback(address);
    print_address(&local, out_peer->local_text);
    print_address(address->any.sa_family == AF_UNIX ? &local : address, out_peer->text);
}

static void set_keepalive(int fd, unsigned keepalive_s)
{
    const int yes = 1;
    const int idle_s = (int)keepalive_s;
    const int interval_s = idle_s / 3 > 0 ? idle_s / 3 : 1;
    const int probe_count = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probe_count, sizeof probe_count);
}

aero_status aero_host_accept(const struct aero_host_listeners *listeners, unsigned index,
                             unsigned keepalive_s, int *out_fd, struct aero_host_peer *out_peer)
{
    AERO_ASSERT(index < listeners->count);
    union socket_address address;
    socklen_t length = sizeof address;
    const int yes = 1;
    memset(&address, 0, sizeof address);
    int fd = accept4(listeners->fd[index], &address.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EAGAIN || errno == EINTR ||
            errno == ECONNABORTED /* it went away while it waited (accept(2)) */) {
            return aero_error(AERO_NOT_FOUND);
        }
        return aero_error_errno(errno);
    }
    describe_peer(fd, &address, out_peer);
    if (!listeners->is_unix[index]) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (keepalive_s > 0) {
            set_keepalive(fd, keepalive_s);
        }
    }
    *out_fd = fd;
    return aero_ok();
}
