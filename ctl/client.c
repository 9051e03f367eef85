/* SPDX-License-Identifier: Apache-2.0 */
/* Non-blocking sockets behind poll(2), because that is how each step gets its time limit. No call on such a socket is
 * interrupted by a signal: poll alone is. */
#include "ctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/config_text.h"
#include "proto/resp_reply.h"

#define DEFAULT_TIMEOUT_NS ((uint64_t)5 * 1000000000)
#define TIMEOUT_MAX_NS ((uint64_t)24 * 3600 * 1000000000)
#define READ_BYTES ((size_t)64 << 10)
#define LINE_MAX_BYTES 64U
#define LINE_WORDS_MAX 4U

struct call {
    const struct aero_ctl *ctl;
    const char *command;
    const struct aero_ctl_target *target;
    int fd;
};

static bool set_port(const char *text, struct aero_ctl_target *target)
{
    uint64_t port;
    if (!aero_text_to_integer(text, &port) || port == 0 || port > 65535) {
        return false;
    }
    snprintf(target->port, sizeof target->port, "%u", (unsigned)port);
    return true;
}

static bool set_host(struct aero_slice text, struct aero_ctl_target *target)
{
    if (text.length == 0 || text.length >= sizeof target->host) {
        return false;
    }
    memcpy(target->host, text.data, text.length);
    target->host[text.length] = '\0';
    return true;
}

bool aero_ctl_target_set(const char *text, struct aero_ctl_target *target)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || strchr(text, '/') != NULL) {
        return false;
    }
    struct aero_slice host = aero_slice_of(text, (size_t)(colon - text));
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']') {
        host = aero_slice_of(host.data + 1, host.length - 2);
    }
    struct aero_ctl_target parsed = *target;
    if (!set_host(host, &parsed) || !set_port(colon + 1, &parsed)) {
        return false;
    }
    *target = parsed;
    return true;
}

static bool set_timeout(const char *text, struct aero_ctl_target *target)
{
    uint64_t timeout_ns = DEFAULT_TIMEOUT_NS;
    if (text != NULL && (!aero_text_to_duration_ns(text, &timeout_ns) || timeout_ns < 1000000 ||
                         timeout_ns > TIMEOUT_MAX_NS)) {
        return false;
    }
    target->timeout_ms = (int)(timeout_ns / 1000000);
    return true;
}

static bool refuse(const struct aero_ctl *ctl, const struct aero_options *options,
                   const char *wrong)
{
    fprintf(ctl->err, "%s: %s\n", options->program->name, wrong);
    return false;
}

bool aero_ctl_target_parse_call(const struct aero_ctl *ctl, const struct aero_options *options,
                                struct aero_ctl_target *out_target)
{
    const char *password = aero_options_value(options, "password");
    struct aero_ctl_target target = {.host = "127.0.0.1",
                                     .port = "6379",
                                     .password = password != NULL ? password : ctl->password};
    if (!set_timeout(aero_options_value(options, "timeout"), &target)) {
        return refuse(ctl, options,
                      "--timeout must be a duration such as 500ms or 10s, 1ms to 24h");
    }
    *out_target = target;
    return true;
}

bool aero_ctl_target_parse(const struct aero_ctl *ctl, const struct aero_options *options,
                           struct aero_ctl_target *out_target)
{
    const char *host = aero_options_value(options, "host");
    const char *port = aero_options_value(options, "port");
    struct aero_ctl_target target;
    if (!aero_ctl_target_parse_call(ctl, options, &target)) {
        return false;
    }
    target.socket_path = aero_options_value(options, "socket");
    if (target.socket_path != NULL && (host != NULL || port != NULL)) {
        return refuse(ctl, options, "--socket stands instead of --host and --port");
    }
    if (host != NULL && !set_host(aero_slice_text(host), &target)) {
        return refuse(ctl, options, "--host must be 1 to 255 bytes");
    }
    if (port != NULL && !set_port(port, &target)) {
        return refuse(ctl, options, "--port must be 1 to 65535");
    }
    *out_target = target;
    return true;
}

/* ---- The connection ---------------------------------------------------------------------------------------- */

static bool fail(const struct call *call, const char *what, const char *why)
{
    if (call->target->socket_path != NULL) {
        aero_ctl_complain(call->ctl, call->command, "%s %s: %s", call->target->socket_path, what,
                          why);
    } else {
        aero_ctl_complain(call->ctl, call->command, "%s:%s %s: %s", call->target->host,
                          call->target->port, what, why);
    }
    return false;
}

/* Waits until the socket can do what `events` says. 0, or an errno. */
static int wait_for(int fd, short events, int timeout_ms)
{
    struct pollfd watched = {.fd = fd, .events = events};
    int ready;
    do {
        ready = poll(&watched, 1, timeout_ms);
        /* uncovered: it fails otherwise only for want of memory */
    } while (ready < 0 && errno == EINTR);
    AERO_ASSERT(ready >= 0);
    return ready == 0 ? ETIMEDOUT : 0;
}

/* Connects a fresh socket. 0, or an errno. */
static int connect_within(int fd, const struct sockaddr *address, socklen_t length, int timeout_ms)
{
    if (connect(fd, address, length) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return errno;
    }
    int error = wait_for(fd, POLLOUT, timeout_ms);
    if (error != 0) {
        return error;
    }
    socklen_t size = sizeof error;
    AERO_ASSERT(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
    return error;
}

static int open_socket(int family, const struct sockaddr *address, socklen_t length, int timeout_ms,
                       int *out_fd)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    int error = connect_within(fd, address, length, timeout_ms);
    if (error != 0) {
        close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

static bool connect_unix(struct call *call)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(call->target->socket_path);
    if (length >= sizeof address.sun_path) {
        return fail(call, "cannot be a socket", "the path is too long");
    }
    memcpy(address.sun_path, call->target->socket_path, length);
    int error = open_socket(AF_UNIX, (const struct sockaddr *)&address, sizeof address,
                            call->target->timeout_ms, &call->fd);
    if (error != 0) {
        return fail(call, "does not answer", strerrordesc_np(error));
    }
    return true;
}

static bool connect_tcp(struct call *call)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int answer = getaddrinfo(call->target->host, call->target->port, &hints, &list);
    if (answer != 0) {
        return fail(call, "cannot be found", gai_strerror(answer));
    }
    int error = EADDRNOTAVAIL;
    const struct addrinfo *at = list;
    while (error != 0 && at != NULL) {
        error = open_socket(at->ai_family, at->ai_addr, at->ai_addrlen, call->target->timeout_ms,
                            &call->fd);
        at = at->ai_next;
    }
    freeaddrinfo(list);
    if (error == ECONNREFUSED) {
        return fail(call, "does not answer",
                    "Connection refused: does the node run, and is this its port for clients?");
    }
    if (error != 0) {
        return fail(call, "does not answer", strerrordesc_np(error));
    }
    return true;
}

static bool send_all(const struct call *call, struct aero_slice bytes)
{
    while (bytes.length != 0) {
        ssize_t sent = send(call->fd, bytes.data, bytes.length, MSG_NOSIGNAL);
        int error = sent < 0 ? errno : 0;
        if (error == EAGAIN) {
            error = wait_for(call->fd, POLLOUT, call->target->timeout_ms);
            sent = 0;
        }
        if (error != 0) {
            return fail(call, "went away", strerrordesc_np(error));
        }
        bytes = aero_slice_of(bytes.data + sent, bytes.length - (size_t)sent);
    }
    return true;
}

static bool receive_some(const struct call *call, struct aero_buffer *buffer)
{
    for (;;) {
        uint8_t *room = aero_buffer_reserve(buffer, READ_BYTES);
        ssize_t got = recv(call->fd, room, READ_BYTES, 0);
        if (got > 0) {
            buffer->length += (size_t)got;
            return true;
        }
        if (got == 0) {
            return fail(call, "closed the connection", "its log says why");
        }
        int error = errno;
        if (error == EAGAIN) {
            error = wait_for(call->fd, POLLIN, call->target->timeout_ms);
        }
        if (error != 0) {
            return fail(call, "does not answer", strerrordesc_np(error));
        }
    }
}

static bool receive_reply(const struct call *call, struct aero_buffer *buffer,
                          struct aero_ctl_reply *out_reply)
{
    size_t consumed;
    aero_buffer_clear(buffer);
    for (;;) {
        aero_status status = aero_ctl_reply_parse(aero_buffer_slice(buffer), out_reply, &consumed);
        if (aero_is_ok(status)) {
            return true;
        }
        if (status.code != AERO_INCOMPLETE) {
            return fail(call, "answers in a way that AeroDB does not", aero_code_text(status.code));
        }
        if (!receive_some(call, buffer)) {
            return false;
        }
    }
}

static bool exchange(const struct call *call, const char *const *words, size_t word_count,
                     struct aero_buffer *buffer, struct aero_ctl_reply *out_reply)
{
    struct aero_buffer request = {0};
    struct aero_resp_writer writer = {.out = &request, .version = 2};
    aero_resp_array(&writer, word_count);
    for (size_t i = 0; i < word_count; i++) {
        aero_resp_bulk_text(&writer, words[i]);
    }
    bool done =
        send_all(call, aero_buffer_slice(&request)) && receive_reply(call, buffer, out_reply);
    explicit_bzero(request.data, request.length); /* it may hold the password */
    aero_buffer_deinit(&request);
    return done;
}

static bool authenticate(const struct call *call, struct aero_buffer *buffer, int *out_exit_code)
{
    struct aero_ctl_reply reply;
    const char *words[] = {"AUTH", call->target->password};
    if (call->target->password == NULL) {
        return true;
    }
    if (!exchange(call, words, 2, buffer, &reply)) {
        return false;
    }
    if (reply.kind == AERO_CTL_REPLY_ERROR) {
        aero_ctl_complain(call->ctl, call->command, "the node refused the password: %.*s",
                          (int)reply.text.length, (const char *)reply.text.data);
        *out_exit_code = AERO_EXIT_FAILURE;
        return false;
    }
    return true;
}

bool aero_ctl_call(const struct aero_ctl *ctl, const char *command,
                   const struct aero_ctl_target *target, const char *const *words,
                   size_t word_count, struct aero_buffer *buffer, struct aero_ctl_reply *out_reply,
                   int *out_exit_code)
{
    struct call call = {.ctl = ctl, .command = command, .target = target, .fd = -1};
    *out_exit_code = AERO_CTL_EXIT_UNREACHABLE;
    bool done = (target->socket_path != NULL ? connect_unix(&call) : connect_tcp(&call)) &&
                authenticate(&call, buffer, out_exit_code) &&
                exchange(&call, words, word_count, buffer, out_reply);
    if (call.fd >= 0) {
        close(call.fd);
    }
    return done;
}

static size_t split_line(const char *line, char copy[LINE_MAX_BYTES],
                         const char *words[LINE_WORDS_MAX])
{
    size_t count = 0;
    char *rest = copy;
    AERO_ASSERT(strlen(line) < LINE_MAX_BYTES);
    memcpy(copy, line, strlen(line) + 1);
    while (rest != NULL) {
        AERO_ASSERT(count < LINE_WORDS_MAX);
        words[count++] = strsep(&rest, " ");
    }
    return count;
}

/* The node does not know the command: it is of the other role, or no node of ours. */
static const char *explain_unknown(const struct aero_ctl *ctl, const char *command,
                                   const struct aero_ctl_target *target)
{
    struct aero_buffer buffer = {0};
    struct aero_ctl_reply reply;
    const char *words[] = {"AERO.STATUS"};
    const char *text = "this is no AeroDB node";
    char role[16];
    int exit_code;
    if (aero_ctl_call(ctl, command, target, words, 1, &buffer, &reply, &exit_code) &&
        reply.kind == AERO_CTL_REPLY_TEXT &&
        aero_ctl_field_find(reply.text, "role", role, sizeof role)) {
        text = strcmp(role, "replica") == 0 ? "this is a replica: ask its primary"
                                            : "this is a primary: ask one of its replicas";
    }
    aero_buffer_deinit(&buffer);
    return text;
}

static void complain_refused(const struct aero_ctl *ctl, const char *command,
                             const struct aero_ctl_target *target, struct aero_slice text)
{
    static const char unknown[] = "ERR unknown command";
    if (text.length >= strlen(unknown) && memcmp(text.data, unknown, strlen(unknown)) == 0) {
        aero_ctl_complain(ctl, command, "%s", explain_unknown(ctl, command, target));
        return;
    }
    bool needs_password = text.length >= 6 && memcmp(text.data, "NOAUTH", 6) == 0;
    aero_ctl_complain(ctl, command, "the node refused: %.*s%s", (int)text.length,
                      (const char *)text.data, needs_password ? " Set AEROCTL_PASSWORD." : "");
}

bool aero_ctl_ask(const struct aero_ctl *ctl, const char *command,
                  const struct aero_ctl_target *target, const char *line,
                  struct aero_buffer *buffer, struct aero_slice *out_text, int *out_exit_code)
{
    struct aero_ctl_reply reply;
    char copy[LINE_MAX_BYTES];
    const char *words[LINE_WORDS_MAX];
    if (!aero_ctl_call(ctl, command, target, words, split_line(line, copy, words), buffer, &reply,
                       out_exit_code)) {
        return false;
    }
    if (reply.kind == AERO_CTL_REPLY_TEXT) {
        *out_text = reply.text;
        return true;
    }
    *out_exit_code = AERO_EXIT_FAILURE;
    if (reply.kind == AERO_CTL_REPLY_NULL) {
        aero_ctl_complain(ctl, command, "the node answers %s with nothing", line);
        return false;
    }
    complain_refused(ctl, command, target, reply.text);
    return false;
}
