/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end, and do not begin: closed twice, too early, while output waits; calls that the kernel refuses. */
#include "tests/unit/shipping/transport_bench.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "shipping/transport_libevent.h"
#include "tests/unit/broken_call.h"
#include "tests/unit/limits.h"

BREAKABLE_CALL(int, -1, accept4, (int fd, struct sockaddr *peer, socklen_t *length, int flags),
               (fd, peer, length, flags))
BREAKABLE_CALL(int, -1, listen, (int fd, int backlog), (fd, backlog))
BREAKABLE_CALL(ssize_t, -1, recv, (int fd, void *data, size_t length, int flags),
               (fd, data, length, flags))
BREAKABLE_CALL(ssize_t, -1, send, (int fd, const void *data, size_t length, int flags),
               (fd, data, length, flags))

static struct broken_call broken_connect;
static bool connects_at_once;
int __real_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (is_broken(&broken_connect)) {
        return -1;
    }
    int result = __real_connect(fd, address, length);
    if (connects_at_once && result != 0 && errno == EINPROGRESS) {
        struct pollfd waits = {.fd = fd, .events = POLLOUT};
        return poll(&waits, 1, -1) == 1 ? 0 : -1;
    }
    return result;
}

static void open_both(struct world *world)
{
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
}

/* The socket takes little, so output waits. */
static void narrow(struct end *end)
{
    int bytes = 16384;
    assert_int_equal(setsockopt(end->connection->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes),
                     0);
}

static void write_all(struct end *end, size_t length)
{
    uint8_t *bytes = aero_calloc(1, length);
    assert_int_equal(aero_connection_write(end->connection, aero_slice_of(bytes, length)), length);
    free(bytes);
}

static void assert_closed(const struct end *end, enum aero_close_reason reason, const char *words)
{
    assert_int_equal(end->closed, 1);
    assert_int_equal(end->reason, reason);
    if (strstr(end->text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", end->text, words);
    }
}

/* ---- Listening ---- */

static aero_status listen_on(struct world *world, const char *address,
                             struct aero_listener **out_listener)
{
    struct aero_transport_events events = events_of(&world->server);
    return aero_listener_new(world->base, address, 0, &defaults, world->context[0], NULL, &events,
                             out_listener);
}

static void test_what_cannot_be_listened_on_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    struct aero_listener *listener = NULL;
    assert_int_equal(listen_on(world, "localhost", &listener).code, AERO_INVALID); /* no name */
    aero_status status = listen_on(world, "192.0.2.1", &listener);
    assert_int_equal(status.sys_errno, EADDRNOTAVAIL);
    assert_int_equal(status.code, AERO_IO);
    broken_listen = (struct broken_call){.times = 1, .sys_errno = EADDRINUSE};
    assert_int_equal(listen_on(world, "127.0.0.1", &listener).code, AERO_BUSY);
    struct limit limit = limit_files_to_those_open();
    status = listen_on(world, "127.0.0.1", &listener);
    limit_lift(&limit);
    assert_int_equal(status.sys_errno, EMFILE);
    assert_null(listener);
    world_free(world);
}

static void test_addresses_of_ipv6_stand_in_brackets(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    struct aero_listener *listener = NULL;
    if (!aero_is_ok(listen_on(world, "::1", &listener))) {
        world_free(world);
        skip(); /* this machine has no IPv6 */
    }
    char expected[32];
    snprintf(expected, sizeof expected, "[::1]:%u", (unsigned)aero_listener_port(listener));
    assert_int_not_equal(aero_listener_port(listener), 0);
    struct aero_transport_events events = events_of(&world->client);
    world->client.connection =
        aero_connection_dial(world->base, "::1", aero_listener_port(listener), &defaults,
                             world->context[1], NULL, &events);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    assert_string_equal(aero_connection_address(world->client.connection), expected);
    assert_memory_equal(aero_connection_address(world->server.connection), "[::1]:", 6);
    aero_connection_close(world->client.connection);
    run_until(world, &world->client.closed, 1);
    aero_listener_free(listener);
    world_free(world);
}

/* An interruption and a peer that is gone already are no reason to wait; too many files are one to try again later. */
static void test_accepting_goes_on_whatever_one_call_says(void **state)
{
    (void)state;
    static const int errors[] = {EINTR, ECONNABORTED, EMFILE};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct world *world = world_new(&defaults, NULL);
        broken_accept4 = (struct broken_call){.times = 2, .sys_errno = errors[i]};
        dial(world, &defaults);
        while (broken_accept4.times == 2) {
            event_base_loop(world->base, EVLOOP_ONCE);
        }
        assert_int_equal(broken_accept4.times, errors[i] == EMFILE ? 1 : 0);
        run_until(world, &world->server.opened, 1);
        run_until(world, &world->client.opened, 1);
        world_free(world);
    }
}

static void test_an_address_without_a_text_is_shown_as_unknown(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct aero_transport_options options = aero_transport_defaults(&defaults);
    struct aero_transport_events events = events_of(&world->server);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct aero_tls *tls = aero_tls_new(world->context[0], AERO_TLS_SERVER, NULL);
    struct aero_connection *connection = aero_connection_accepted(
        world->base, pair[0], &nowhere, sizeof nowhere, &options, tls, &events);
    assert_string_equal(aero_connection_address(connection), "?");
    aero_connection_drop(connection, "that will do");
    assert_closed(&world->server, AERO_CLOSE_REQUESTED, "that will do");
    close(pair[1]);
    world_free(world);
}

/* ---- Dialling ---- */

static void dial_to(struct world *world, const char *host)
{
    struct aero_transport_events events = events_of(&world->client);
    world->client.connection =
        aero_connection_dial(world->base, host, aero_listener_port(world->listener), &defaults,
                             world->context[1], NULL, &events);
}

static void test_a_dial_that_cannot_begin_says_why(void **state)
{
    (void)state;
    char no_name[300];
    memset(no_name, 'h', sizeof no_name - 1);
    no_name[sizeof no_name - 1] = '\0';
    for (unsigned has_no_files = 0; has_no_files < 2; has_no_files++) {
        struct world *world = world_new(&defaults, NULL);
        if (has_no_files != 0) {
            struct limit limit = limit_files_to_those_open();
            dial_to(world, "127.0.0.1");
            limit_lift(&limit);
        } else {
            broken_connect = (struct broken_call){.times = 1, .sys_errno = ENETUNREACH};
            dial_to(world, "127.0.0.1");
        }
        assert_int_equal(world->client.closed, 0); /* told later, never inside the call */
        run_until(world, &world->client.closed, 1);
        assert_closed(&world->client, AERO_CLOSE_CONNECT, "cannot connect to 127.0.0.1:");
        assert_closed(&world->client, AERO_CLOSE_CONNECT,
                      has_no_files != 0 ? ": Too many open files" : ": Network is unreachable");
        world_free(world);
    }
    struct world *world = world_new(&defaults, NULL);
    dial_to(world, no_name);
    run_until(world, &world->client.closed, 1);
    assert_closed(&world->client, AERO_CLOSE_CONNECT, "cannot resolve hhhh");
    world_free(world);
}

static void test_a_dial_that_connects_at_once_opens(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    connects_at_once = true;
    open_both(world);
    connects_at_once = false;
    world_free(world);
}

/* ---- Calls on open connections ---- */

static void test_an_interrupted_call_loses_no_byte(void **state)
{
    (void)state;
    static const int recv_errors[] = {EINTR, EAGAIN};
    for (size_t i = 0; i < sizeof recv_errors / sizeof recv_errors[0]; i++) {
        struct world *world = world_new(&defaults, NULL);
        open_both(world);
        broken_send = (struct broken_call){.times = 2, .sys_errno = EINTR};
        broken_recv = (struct broken_call){.times = 2, .sys_errno = recv_errors[i]};
        write_all(&world->server, 100000);
        assert_int_equal(broken_send.times, 0);
        run_until_got(world, &world->client, 100000);
        assert_int_equal(broken_recv.times, 0);
        assert_int_equal(world->client.closed, 0);
        world_free(world);
    }
}

static void test_a_call_that_fails_loses_the_connection(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    open_both(world);
    broken_send = (struct broken_call){.times = 1, .sys_errno = EPIPE};
    write_all(&world->server, 10);
    assert_int_equal(world->server.closed, 0); /* told later, never inside the call */
    run_until(world, &world->server.closed, 1);
    assert_closed(&world->server, AERO_CLOSE_LOST, "Broken pipe");
    world_free(world);

    world = world_new(&defaults, NULL);
    open_both(world);
    write_all(&world->server, 10);
    broken_recv = (struct broken_call){.times = 1, .sys_errno = ETIMEDOUT};
    run_until(world, &world->client.closed, 1);
    assert_closed(&world->client, AERO_CLOSE_LOST, "Connection timed out");
    assert_int_equal(world->client.got.length, 0);
    world_free(world);
}

/* TLS refuses what is written behind its goodbye: the connection ends, inside a callback as elsewhere, and once. */
static void on_bytes_break(void *self, struct aero_connection *connection,
                           struct aero_slice plaintext)
{
    (void)self;
    aero_tls_shutdown(connection->tls);
    assert_int_equal(aero_connection_write(connection, plaintext), 0);
    assert_int_equal(connection->state, AERO_CONNECTION_ENDED);
}

static void test_what_tls_refuses_to_send_ends_the_connection(void **state)
{
    (void)state;
    for (unsigned inside = 0; inside < 2; inside++) {
        struct world *world = world_new(&defaults, NULL);
        open_both(world);
        if (inside == 1) {
            world->server.connection->events.on_bytes = on_bytes_break;
            write_all(&world->client, 10);
        } else {
            aero_tls_shutdown(world->server.connection->tls);
            assert_int_equal(
                aero_connection_write(world->server.connection, aero_slice_text("more")), 0);
        }
        run_until(world, &world->server.closed, 1);
        assert_closed(&world->server, AERO_CLOSE_TLS, "protocol is shutdown");
        world_free(world);
    }
}

/* ---- Closing ---- */

static void test_the_first_reason_to_close_is_the_one_that_is_told(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    open_both(world);
    struct aero_connection *connection = world->server.connection;
    aero_connection_close(connection);
    assert_int_equal(connection->state, AERO_CONNECTION_ENDED); /* on_close is still to come */
    aero_connection_close(connection);
    aero_connection_ask_room(connection);
    aero_connection_set_reading(connection, true);
    assert_int_equal(aero_connection_write(connection, aero_slice_text("late")), 0);
    assert_int_equal(world->server.closed, 0);
    aero_listener_free(world->listener);
    world->listener = NULL;
    assert_closed(&world->server, AERO_CLOSE_REQUESTED, "closed");
    assert_string_equal(world->server.text, "closed"); /* not: the listener was closed */
    run_until(world, &world->client.closed, 1);
    assert_closed(&world->client, AERO_CLOSE_PEER, "closed the connection");
    assert_int_equal(world->server.closed, 1);
    assert_int_equal(world->server.rooms, 0);
    world_free(world);
}

static void test_a_connection_can_be_closed_before_it_is_open(void **state)
{
    (void)state;
    for (unsigned shaking = 0; shaking < 2; shaking++) {
        struct world *world = world_new(&defaults, NULL);
        dial(world, &defaults);
        while (shaking == 1 && world->client.connection->state == AERO_CONNECTION_CONNECTING) {
            event_base_loop(world->base, EVLOOP_ONCE);
        }
        assert_int_equal(world->client.connection->state,
                         shaking == 1 ? AERO_CONNECTION_SHAKING : AERO_CONNECTION_CONNECTING);
        assert_int_equal(aero_connection_write(world->client.connection, aero_slice_text("x")), 0);
        aero_connection_close(world->client.connection);
        run_until(world, &world->client.closed, 1);
        assert_closed(&world->client, AERO_CLOSE_REQUESTED, "closed before it was open");
        assert_int_equal(world->client.opened, 0);
        world_free(world);
    }
}

/* What was taken leaves after the owner closed, as long as the peer reads within the time of a handshake. */
static void test_output_that_waits_at_the_end_leaves_if_it_can(void **state)
{
    (void)state;
    size_t length = (size_t)1 << 20;
    for (unsigned reads = 0; reads < 2; reads++) {
        struct aero_transport_options options = {.output_bytes = length,
                                                 .handshake_timeout_ms = reads ? 60000 : 500};
        struct world *world = world_new(&options, NULL);
        open_both(world);
        narrow(&world->server);
        aero_connection_set_reading(world->client.connection, false);
        write_all(&world->server, length);
        aero_connection_close(world->server.connection);
        assert_int_equal(world->server.connection->state, AERO_CONNECTION_FLUSHING);
        aero_connection_close(world->server.connection); /* once more changes nothing */
        assert_int_equal(aero_connection_write(world->server.connection, aero_slice_text("x")), 0);
        if (reads == 1) {
            aero_connection_set_reading(world->client.connection, true);
            run_until(world, &world->client.closed, 1);
            assert_closed(&world->client, AERO_CLOSE_PEER, "closed the connection");
            assert_int_equal(world->client.got.length, length);
        }
        run_until(world, &world->server.closed, 1);
        assert_closed(&world->server, AERO_CLOSE_REQUESTED, "closed");
        assert_string_equal(world->server.text,
                            reads == 1 ? "closed" : "closed; the peer took not all of it");
        world_free(world);
    }
}

/* ---- Room ---- */

static void on_room_at_half(void *self, struct aero_connection *connection)
{
    struct end *end = self;
    end->rooms++;
    assert_true(aero_tls_output(connection->tls).length <= connection->options.output_bytes / 2);
}

/* Told once, and when half of the output is gone: not for each byte that the socket takes. */
static void test_room_is_told_when_half_of_the_output_is_gone(void **state)
{
    (void)state;
    size_t length = (size_t)1 << 20;
    struct aero_transport_options options = {.output_bytes = length};
    struct world *world = world_new(&options, NULL);
    open_both(world);
    narrow(&world->server);
    world->server.connection->events.on_room = on_room_at_half;
    aero_connection_set_reading(world->client.connection, false);
    write_all(&world->server, length);
    uint8_t *bytes = aero_calloc(1, length);
    size_t more = aero_connection_write(world->server.connection, aero_slice_of(bytes, length));
    assert_true(more < length);
    free(bytes);
    aero_connection_set_reading(world->client.connection, true);
    run_until_got(world, &world->client, length + more);
    run_until(world, &world->server.rooms, 1);
    assert_int_equal(world->server.rooms, 1);
    world_free(world);
}

static void test_an_owner_who_wants_no_room_is_told_of_none(void **state)
{
    (void)state;
    size_t length = (size_t)1 << 20;
    struct aero_transport_options options = {.output_bytes = 2 * length};
    struct world *world = world_new(&options, NULL);
    open_both(world);
    narrow(&world->server);
    aero_connection_set_reading(world->client.connection, false);
    write_all(&world->server, length);
    aero_connection_set_reading(world->client.connection, true);
    run_until_got(world, &world->client, length);
    assert_int_equal(world->server.rooms, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_listened_on_is_refused),
        cmocka_unit_test(test_addresses_of_ipv6_stand_in_brackets),
        cmocka_unit_test(test_accepting_goes_on_whatever_one_call_says),
        cmocka_unit_test(test_an_address_without_a_text_is_shown_as_unknown),
        cmocka_unit_test(test_a_dial_that_cannot_begin_says_why),
        cmocka_unit_test(test_a_dial_that_connects_at_once_opens),
        cmocka_unit_test(test_an_interrupted_call_loses_no_byte),
        cmocka_unit_test(test_a_call_that_fails_loses_the_connection),
        cmocka_unit_test(test_what_tls_refuses_to_send_ends_the_connection),
        cmocka_unit_test(test_the_first_reason_to_close_is_the_one_that_is_told),
        cmocka_unit_test(test_a_connection_can_be_closed_before_it_is_open),
        cmocka_unit_test(test_output_that_waits_at_the_end_leaves_if_it_can),
        cmocka_unit_test(test_room_is_told_when_half_of_the_output_is_gone),
        cmocka_unit_test(test_an_owner_who_wants_no_room_is_told_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
