/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/sockets.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_says_where_a_client_comes_from),
        cmocka_unit_test(test_listen_on_a_taken_port_is_busy_and_names_it),
        cmocka_unit_test(test_listen_on_a_foreign_address_fails_unless_it_may_miss),
        cmocka_unit_test(test_listen_unix_replaces_a_dead_socket_and_no_live_one),
    };
    return cmocka_run_group_tests_name("server.host_sockets", tests, NULL, NULL);
}
