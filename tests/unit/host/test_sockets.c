/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/sockets.h"
#include "tests/unit/broken_call.h"
#include "tests/unit/limits.h"
#include "tests/unit/under_valgrind.h"

#define NOBODY 65534

BREAKABLE_CALL(int, -1, accept4, (int fd, struct sockaddr *peer, socklen_t *length, int flags),
               (fd, peer, length, flags))
BREAKABLE_CALL(int, -1, chmod, (const char *path, mode_t mode), (path, mode))
BREAKABLE_CALL(int, -1, listen, (int fd, int backlog), (fd, backlog))
BREAKABLE_CALL(int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))

struct fixture {
    char directory[32];
    char path[64]; /* of a socket in it */
    struct aero_host_listeners first;
    struct aero_host_listeners second;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/aero-sockets-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/s", fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    aero_host_listeners_close(&fixture->first);
    aero_host_listeners_close(&fixture->second);
    unlink(fixture->path);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* What happens on a listener takes a moment to arrive there. */
static aero_status accept_next(const struct aero_host_listeners *listeners, unsigned keepalive_s,
                               int *out_fd, struct aero_host_peer *out_peer)
{
    struct pollfd ready = {.fd = listeners->fd[0], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, -1), 1);
    return aero_host_accept(listeners, 0, keepalive_s, out_fd, out_peer);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static int connect_to_path(const char *path, int flags)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* As a process that was killed does. */
static void leave_dead_socket(const char *path)
{
    const struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(chmod(path, 0666), 0);
    close(fd);
}

/* ---- Addresses ---- */

static void test_is_address_takes_numbers_and_no_names(void **state)
{
    static const struct {
        const char *word;
        bool is_address;
    } cases[] = {
        {"*", true},      {"127.0.0.1", true},  {"-127.0.0.1", true}, {"::", true},
        {"::1", true},    {"-::1", true},       {"localhost", false}, {"-", false},
        {"1.2.3", false}, {"1.2.3.4.5", false}, {":::", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(aero_host_is_address(cases[i].word), cases[i].is_address);
    }
}

static void test_listen_takes_as_many_addresses_as_there_is_room_for(void **state)
{
    struct fixture *fixture = *state;
    static const char sixteen[] = "127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 "
                                  "127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1 "
                                  "127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1";
    struct aero_host_listeners *listeners = &fixture->first;
    assert_true(aero_is_ok(aero_host_listen_tcp(listeners, sixteen, 0, 16)));
    assert_int_equal(listeners->count, AERO_HOST_LISTENERS_MAX);
    assert_int_equal(aero_host_listen_tcp(listeners, "127.0.0.1", 0, 16).code, AERO_INVALID);
    assert_string_equal(listeners->error, "more than 16 addresses");
    assert_int_equal(aero_host_listen_unix(listeners, fixture->path, 0600, 16).code, AERO_INVALID);
    assert_non_null(strstr(listeners->error, "too many listeners"));
    assert_int_equal(listeners->count, AERO_HOST_LISTENERS_MAX);
}

static void test_accept_says_where_a_client_comes_from(void **state)
{
    (void)state;
    struct aero_host_listeners listeners = {0};
    struct aero_host_peer peer;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_tcp(&listeners, "127.0.0.1", 0, 16)));
    assert_int_equal(listeners.count, 1);
    assert_int_equal(aero_host_accept(&listeners, 0, 60, &fd, &peer).code, AERO_NOT_FOUND);
    int client = connect_to(port_of(listeners.fd[0]));
    struct pollfd ready = {.fd = listeners.fd[0], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 1000), 1);
    assert_true(aero_is_ok(aero_host_accept(&listeners, 0, 60, &fd, &peer)));
    char expected[AERO_HOST_PEER_TEXT_BYTES];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", port_of(client));
    assert_string_equal(peer.text, expected);
    assert_true(peer.is_local);
    close(fd);
    close(client);
    aero_host_listeners_close(&listeners);
}

static void test_listen_on_a_taken_port_is_busy_and_names_it(void **state)
{
    (void)state;
    struct aero_host_listeners first = {0};
    struct aero_host_listeners second = {0};
    assert_true(aero_is_ok(aero_host_listen_tcp(&first, "127.0.0.1", 0, 16)));
    uint16_t port = port_of(first.fd[0]);
    assert_int_equal(aero_host_listen_tcp(&second, "127.0.0.1", port, 16).code, AERO_BUSY);
    assert_non_null(strstr(second.error, "127.0.0.1 port"));
    aero_host_listeners_close(&first);
    aero_host_listeners_close(&second);
}

static void test_listen_on_a_foreign_address_fails_unless_it_may_miss(void **state)
{
    (void)state;
    struct aero_host_listeners listeners = {0};
    assert_int_equal(aero_host_listen_tcp(&listeners, "192.0.2.1", 0, 16).code, AERO_NOT_FOUND);
    assert_true(aero_is_ok(aero_host_listen_tcp(&listeners, "-192.0.2.1 127.0.0.1", 0, 16)));
    assert_int_equal(listeners.count, 1);
    assert_int_equal(aero_host_listen_tcp(&listeners, "localhost", 0, 16).code, AERO_INVALID);
    aero_host_listeners_close(&listeners);
}

/* A SIGKILL leaves the socket's file behind: the next start must not need a hand. */
static void test_listen_unix_replaces_a_dead_socket_and_no_live_one(void **state)
{
    (void)state;
    struct aero_host_listeners first = {0};
    struct aero_host_listeners second = {0};
    char directory[] = "/tmp/aero-sockets-XXXXXX";
    char path[64];
    struct stat found;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/s", directory);
    assert_true(aero_is_ok(aero_host_listen_unix(&first, path, 0660, 16)));
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0660);
    assert_int_equal(aero_host_listen_unix(&second, path, 0600, 16).code, AERO_BUSY);
    aero_host_listeners_close(&first);
    assert_true(aero_is_ok(aero_host_listen_unix(&second, path, 0600, 16)));
    aero_host_listeners_close(&second);
    unlink(path);
    FILE *file = fopen(path, "w");
    fclose(file);
    assert_int_equal(aero_host_listen_unix(&second, path, 0600, 16).code, AERO_EXISTS);
    unlink(path);
    rmdir(directory);
}

static void test_accept_over_ipv6_shows_the_address_in_brackets(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_listeners *listeners = &fixture->first;
    struct aero_host_peer peer;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_tcp(listeners, "-::1", 0, 16)));
    if (listeners->count == 0) {
        skip(); /* a machine without IPv6 */
    }
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(listeners->fd[0], (struct sockaddr *)&address, &length), 0);
    int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(aero_is_ok(accept_next(listeners, 0, &fd, &peer)));
    char expected[AERO_HOST_PEER_TEXT_BYTES];
    snprintf(expected, sizeof expected, "[::1]:%u", ntohs(address.sin6_port));
    assert_string_equal(peer.local_text, expected);
    assert_memory_equal(peer.text, "[::1]:", 6);
    assert_true(peer.is_local);
    close(fd);
    close(client);
}

/* A client of a Unix socket has no address: it is shown with ours, as Redis does. */
static void test_accept_over_a_unix_socket_shows_its_path(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_listeners *listeners = &fixture->first;
    struct aero_host_peer peer;
    char expected[AERO_HOST_PEER_TEXT_BYTES];
    int fd = -1;
    snprintf(expected, sizeof expected, "%.48s:0", fixture->path);
    assert_true(aero_is_ok(aero_host_listen_unix(listeners, fixture->path, 0600, 16)));
    int client = connect_to_path(fixture->path, 0);
    assert_true(aero_is_ok(accept_next(listeners, 60, &fd, &peer)));
    assert_string_equal(peer.text, expected);
    assert_string_equal(peer.local_text, expected);
    assert_true(peer.is_local);
    close(fd);
    close(client);
}

static void test_accept_asks_for_keepalive_of_the_given_time(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        unsigned keepalive_s;
        int idle_s;
        int interval_s;
    } cases[] = {{300, 300, 100}, {1, 1, 1}}; /* an interval of 0 is none that a kernel takes */
    struct aero_host_peer peer;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_tcp(&fixture->first, "127.0.0.1", 0, 16)));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int client = connect_to(port_of(fixture->first.fd[0]));
        assert_true(aero_is_ok(accept_next(&fixture->first, cases[i].keepalive_s, &fd, &peer)));
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), cases[i].idle_s);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), cases[i].interval_s);
        assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        close(fd);
        close(client);
    }
    int client = connect_to(port_of(fixture->first.fd[0]));
    assert_true(aero_is_ok(accept_next(&fixture->first, 0, &fd, &peer)));
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
    close(client);
}

/* Who waits is not lost: it is accepted when there is a descriptor again. */
static void test_accept_without_descriptors_says_so_and_leaves_the_client_waiting(void **state)
{
    skip_under_valgrind();
    struct fixture *fixture = *state;
    struct aero_host_peer peer;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_tcp(&fixture->first, "127.0.0.1", 0, 16)));
    int client = connect_to(port_of(fixture->first.fd[0]));
    struct limit limit = limit_files_to_those_open();
    aero_status status = aero_host_accept(&fixture->first, 0, 60, &fd, &peer);
    limit_lift(&limit);
    assert_int_equal(status.code, AERO_IO);
    assert_int_equal(status.sys_errno, EMFILE);
    assert_int_equal(fd, -1);
    assert_true(aero_is_ok(accept_next(&fixture->first, 60, &fd, &peer)));
    close(fd);
    close(client);
}

/* Whoever waits is accepted at the next look; one that went away while it waited is nobody. */
static void test_accept_that_is_interrupted_or_too_late_finds_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const int errors[] = {EINTR, ECONNABORTED};
    struct aero_host_peer peer;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_tcp(&fixture->first, "127.0.0.1", 0, 16)));
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        int client = connect_to(port_of(fixture->first.fd[0]));
        broken_accept4 = (struct broken_call){.times = 1, .sys_errno = errors[i]};
        assert_int_equal(accept_next(&fixture->first, 60, &fd, &peer).code, AERO_NOT_FOUND);
        assert_true(aero_is_ok(accept_next(&fixture->first, 60, &fd, &peer)));
        close(fd);
        close(client);
    }
}

/* ---- What cannot be listened on ---- */

static void test_listen_on_a_kernel_without_ipv6_fails_unless_it_may_miss(void **state)
{
    struct fixture *fixture = *state;
    broken_socket = (struct broken_call){.times = 1, .sys_errno = EAFNOSUPPORT};
    assert_int_equal(aero_host_listen_tcp(&fixture->first, "::1", 0, 16).code, AERO_NOT_FOUND);
    broken_socket = (struct broken_call){.times = 1, .sys_errno = EAFNOSUPPORT};
    assert_true(aero_is_ok(aero_host_listen_tcp(&fixture->first, "-::1 127.0.0.1", 0, 16)));
    assert_int_equal(fixture->first.count, 1);
}

/* Somebody else began to listen on the port, or took the file away, just now. */
static void test_listen_that_comes_too_late_leaves_no_socket_open(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_listeners *listeners = &fixture->first;
    int descriptor = lowest_free_descriptor();
    broken_listen = (struct broken_call){.times = 1, .sys_errno = EADDRINUSE};
    assert_int_equal(aero_host_listen_tcp(listeners, "127.0.0.1", 0, 16).code, AERO_BUSY);
    assert_string_equal(listeners->error, "127.0.0.1 port 0: listen: Address already in use");
    broken_chmod = (struct broken_call){.times = 1, .sys_errno = ENOENT};
    assert_int_equal(aero_host_listen_unix(listeners, fixture->path, 0600, 16).code,
                     AERO_NOT_FOUND);
    assert_non_null(strstr(listeners->error, "/s: chmod: No such file or directory"));
    broken_listen = (struct broken_call){.times = 1, .sys_errno = EADDRINUSE};
    assert_int_equal(aero_host_listen_unix(listeners, fixture->path, 0600, 16).code, AERO_BUSY);
    assert_non_null(strstr(listeners->error, "/s: listen: Address already in use"));
    assert_int_equal(listeners->count, 0);
    assert_int_equal(lowest_free_descriptor(), descriptor);
}

static void test_listen_without_descriptors_names_the_call(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_listeners *listeners = &fixture->first;
    struct limit limit = limit_files_to_those_open();
    aero_status tcp = aero_host_listen_tcp(listeners, "127.0.0.1", 0, 16);
    assert_string_equal(listeners->error, "127.0.0.1 port 0: socket: Too many open files");
    listeners->error[0] = '\0';
    aero_status local = aero_host_listen_unix(listeners, fixture->path, 0600, 16);
    assert_non_null(strstr(listeners->error, "/s: socket: Too many open files"));
    listeners->error[0] = '\0';
    limit_lift(&limit);
    leave_dead_socket(fixture->path);
    limit = limit_files_to_those_open();
    aero_status over_dead = aero_host_listen_unix(listeners, fixture->path, 0600, 16);
    limit_lift(&limit);
    assert_non_null(strstr(listeners->error, "/s: socket: Too many open files"));
    assert_int_equal(tcp.sys_errno, EMFILE);
    assert_int_equal(local.sys_errno, EMFILE);
    assert_int_equal(over_dead.sys_errno, EMFILE);
    assert_int_equal(listeners->count, 0);
}

/* A minus sign forgives an address that is not there, and nothing else. */
static void test_listen_forgives_no_other_failure_of_an_address_that_may_miss(void **state)
{
    struct fixture *fixture = *state;
    char taken[32];
    assert_true(aero_is_ok(aero_host_listen_tcp(&fixture->first, "127.0.0.1", 0, 16)));
    uint16_t port = port_of(fixture->first.fd[0]);
    snprintf(taken, sizeof taken, "127.0.0.1 port %u: bind", port);
    assert_int_equal(aero_host_listen_tcp(&fixture->second, "-127.0.0.1", port, 16).code,
                     AERO_BUSY);
    assert_non_null(strstr(fixture->second.error, taken));
    assert_int_equal(fixture->second.count, 0);
}

static void test_listen_unix_refuses_a_path_that_is_too_long(void **state)
{
    struct fixture *fixture = *state;
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[108] = '\0'; /* one more than fits with its end */
    assert_int_equal(aero_host_listen_unix(&fixture->first, path, 0600, 16).code, AERO_INVALID);
    assert_non_null(strstr(fixture->first.error, "path longer than 107 bytes"));
}

static void test_listen_unix_where_no_file_can_be_names_the_call(void **state)
{
    struct fixture *fixture = *state;
    char below[80];
    snprintf(below, sizeof below, "%s/missing/s", fixture->directory);
    assert_int_equal(aero_host_listen_unix(&fixture->first, below, 0600, 16).code, AERO_NOT_FOUND);
    assert_non_null(strstr(fixture->first.error, "/missing/s: bind: No such file"));
    FILE *file = fopen(fixture->path, "w");
    fclose(file);
    snprintf(below, sizeof below, "%s/s", fixture->path);
    assert_int_equal(aero_host_listen_unix(&fixture->first, below, 0600, 16).code, AERO_IO);
    assert_non_null(strstr(fixture->first.error, "/s/s: lstat: Not a directory"));
    assert_int_equal(fixture->first.count, 0);
}

/* A process whose queue is full is alive: its socket must stay. */
static void test_listen_unix_leaves_a_live_socket_whose_queue_is_full(void **state)
{
    struct fixture *fixture = *state;
    int waiting[8];
    unsigned count = 0;
    int fd = -1;
    assert_true(aero_is_ok(aero_host_listen_unix(&fixture->first, fixture->path, 0600, 0)));
    while ((fd = connect_to_path(fixture->path, SOCK_NONBLOCK)) >= 0) {
        assert_in_range(count, 0, 7);
        waiting[count++] = fd;
    }
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(aero_host_listen_unix(&fixture->second, fixture->path, 0600, 16).code,
                     AERO_BUSY);
    assert_non_null(strstr(fixture->second.error, "Address already in use"));
    while (count > 0) {
        close(waiting[--count]);
    }
}

static void test_listen_unix_leaves_a_socket_of_another_kind(void **state)
{
    struct fixture *fixture = *state;
    struct stat found;
    const struct sockaddr_un address = address_of(fixture->path);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(datagrams, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(aero_host_listen_unix(&fixture->first, fixture->path, 0600, 16).code, AERO_IO);
    assert_non_null(strstr(fixture->first.error, "connect: Protocol wrong type"));
    assert_int_equal(stat(fixture->path, &found), 0);
    close(datagrams);
}

static void test_listen_unix_says_when_a_dead_socket_cannot_be_removed(void **state)
{
    struct fixture *fixture = *state;
    bool was_root = geteuid() == 0;
    leave_dead_socket(fixture->path);
    assert_int_equal(chmod(fixture->directory, 0555), 0);
    if (was_root) {
        assert_int_equal(seteuid(NOBODY), 0);
    }
    aero_status status = aero_host_listen_unix(&fixture->first, fixture->path, 0600, 16);
    if (was_root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(fixture->directory, 0700), 0);
    assert_int_equal(status.code, AERO_PERMISSION);
    assert_non_null(strstr(fixture->first.error, "/s: unlink: Permission denied"));
    assert_int_equal(fixture->first.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_is_address_takes_numbers_and_no_names),
        TEST(test_listen_takes_as_many_addresses_as_there_is_room_for),
        TEST(test_accept_says_where_a_client_comes_from),
        TEST(test_listen_on_a_taken_port_is_busy_and_names_it),
        TEST(test_listen_on_a_foreign_address_fails_unless_it_may_miss),
        TEST(test_listen_unix_replaces_a_dead_socket_and_no_live_one),
        TEST(test_accept_over_ipv6_shows_the_address_in_brackets),
        TEST(test_accept_over_a_unix_socket_shows_its_path),
        TEST(test_accept_asks_for_keepalive_of_the_given_time),
        TEST(test_accept_without_descriptors_says_so_and_leaves_the_client_waiting),
        TEST(test_accept_that_is_interrupted_or_too_late_finds_nobody),
        TEST(test_listen_on_a_kernel_without_ipv6_fails_unless_it_may_miss),
        TEST(test_listen_that_comes_too_late_leaves_no_socket_open),
        TEST(test_listen_without_descriptors_names_the_call),
        TEST(test_listen_forgives_no_other_failure_of_an_address_that_may_miss),
        TEST(test_listen_unix_refuses_a_path_that_is_too_long),
        TEST(test_listen_unix_where_no_file_can_be_names_the_call),
        TEST(test_listen_unix_leaves_a_live_socket_whose_queue_is_full),
        TEST(test_listen_unix_leaves_a_socket_of_another_kind),
        TEST(test_listen_unix_says_when_a_dead_socket_cannot_be_removed),
    };
    return cmocka_run_group_tests_name("host.sockets", tests, NULL, NULL);
}
