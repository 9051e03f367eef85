/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets on loopback, two ends on one event base. */
#include "tests/unit/shipping/transport_bench.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static void test_both_ends_open_with_proven_names(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    assert_string_equal(world->server.name, "replica-1");
    assert_string_equal(world->client.name, "primary");
    world_free(world);
}

static void test_many_bytes_arrive_whole_in_large_gulps_within_bounds(void **state)
{
    (void)state;
    size_t length = (size_t)20 << 20;
    uint8_t *bytes = aero_malloc(length);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 1021);
    }
    struct aero_transport_options options = {.gulp_bytes = (size_t)512 << 10,
                                             .output_bytes = (size_t)300 << 10};
    struct world *world = world_new(&options, NULL);
    world->server.sends = bytes;
    world->server.to_send = length;
    world->server.closes_when_sent = true;
    dial(world, &options);
    run_until(world, &world->client.closed, 1);
    assert_int_equal(world->client.reason, AERO_CLOSE_PEER);
    assert_int_equal(world->client.got.length, length);
    assert_memory_equal(world->client.got.data, bytes, length);
    assert_in_range(world->client.gulp_max, (size_t)64 << 10, options.gulp_bytes);
    run_until(world, &world->server.closed, 1);
    assert_int_equal(world->server.reason, AERO_CLOSE_REQUESTED);
    free(bytes);
    world_free(world);
}

/* DET-3: whatever waits in the socket, and with records that end anywhere, no delivery is longer than was asked for, and a
 * turn of the loop makes one. */
static void test_one_gulp_within_its_bound_is_delivered_in_a_turn(void **state)
{
    (void)state;
    struct aero_transport_options options = {.gulp_bytes = (size_t)32 << 10};
    struct world *world = world_new(&defaults, NULL);
    uint8_t *bytes = aero_calloc(1, 700001);
    dial(world, &options);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    size_t sent = 0;
    for (size_t piece = 1; piece <= 300000; piece = piece * 3 + 1) {
        sent += piece;
        assert_int_equal(
            aero_connection_write(world->server.connection, aero_slice_of(bytes, piece)), piece);
    }
    while (world->client.got.length < sent) {
        unsigned before = world->client.gulps;
        event_base_loop(world->base, EVLOOP_ONCE);
        assert_in_range(world->client.gulps, before, before + 1);
    }
    assert_true(world->client.gulps > 8);
    assert_in_range(world->client.gulp_max, 1, options.gulp_bytes);
    free(bytes);
    world_free(world);
}

/* A primary that stops takes its listener down with links open: their replicas are to know that it went in good order. */
static void test_connections_of_a_listener_that_goes_hear_goodbye(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    /* What the client has not read stands in both sockets; what the server has not read must not turn it, and the goodbye
     * behind it, into a reset. */
    size_t length = (size_t)600 << 10;
    uint8_t *bytes = aero_calloc(1, length);
    aero_connection_set_reading(world->client.connection, false);
    assert_int_equal(aero_connection_write(world->client.connection, aero_slice_text("unread")), 6);
    assert_int_equal(aero_connection_write(world->server.connection, aero_slice_of(bytes, length)),
                     length);
    aero_listener_free(world->listener);
    world->listener = NULL;
    assert_int_equal(world->server.closed, 1);
    assert_int_equal(world->server.reason, AERO_CLOSE_REQUESTED);
    aero_connection_set_reading(world->client.connection, true);
    run_until(world, &world->client.closed, 1);
    assert_int_equal(world->client.reason, AERO_CLOSE_PEER);
    assert_int_equal(world->client.got.length, length);
    free(bytes);
    world_free(world);
}

static void test_write_takes_no_more_than_there_is_room(void **state)
{
    (void)state;
    struct aero_transport_options options = {.output_bytes = 100000};
    struct world *world = world_new(&options, NULL);
    dial(world, &options);
    run_until(world, &world->server.opened, 1);
    uint8_t *bytes = aero_calloc(1, 1000000);
    assert_in_range(aero_connection_write(world->server.connection, aero_slice_of(bytes, 1000000)),
                    1, 100000);
    free(bytes);
    world_free(world);
}

/* A write inside on_bytes fills the bound, the socket takes it all at once: the owner is still told
 * of the room. */
static void test_room_is_told_after_a_write_inside_a_callback(void **state)
{
    (void)state;
    struct aero_transport_options options = {.output_bytes = 1000};
    struct world *world = world_new(&options, NULL);
    static const uint8_t bytes[50000];
    world->client.sends = bytes; /* pushed from on_open, which runs inside on_readable */
    world->client.to_send = sizeof bytes;
    dial(world, &options);
    run_until_got(world, &world->server, sizeof bytes);
    world_free(world);
}

/* For an owner who has more and lets others go first: in a later turn, not inside the question. */
static void test_room_that_was_asked_for_is_told_in_a_later_turn(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    static const uint8_t bytes[1000];
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    world->client.sends = bytes;
    world->client.to_send = sizeof bytes;
    aero_connection_ask_room(world->client.connection);
    assert_int_equal(world->client.to_send, sizeof bytes);
    run_until_got(world, &world->server, sizeof bytes);
    world_free(world);
}

static void test_reading_can_be_held_and_let_go(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    aero_connection_set_reading(world->client.connection, false);
    assert_int_equal(aero_connection_write(world->server.connection, aero_slice_text("held")), 4);
    for (unsigned turn = 0; turn < 20; turn++) {
        event_base_loop(world->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(world->client.got.length, 0);
    aero_connection_set_reading(world->client.connection, true);
    run_until_got(world, &world->client, 4);
    world_free(world);
}

static void test_echo_inside_the_callback_comes_back(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    world->server.echoes = true;
    dial(world, &defaults);
    run_until(world, &world->client.opened, 1);
    assert_int_equal(aero_connection_write(world->client.connection, aero_slice_text("hello")), 5);
    run_until_got(world, &world->client, 5);
    assert_memory_equal(world->client.got.data, "hello", 5);
    world_free(world);
}

static void test_name_outside_the_list_never_opens_and_both_are_told(void **state)
{
    (void)state;
    static const char *const names[] = {"replica-2"};
    struct aero_tls_allow allow = {.names = names, .count = 1};
    struct world *world = world_new(&defaults, &allow);
    dial(world, &defaults);
    run_until(world, &world->server.closed, 1);
    run_until(world, &world->client.closed, 1);
    assert_int_equal(world->server.opened, 0);
    assert_int_equal(world->server.reason, AERO_CLOSE_TLS);
    assert_non_null(strstr(world->server.text, "'replica-1' is not in the allow list"));
    assert_int_equal(world->client.reason, AERO_CLOSE_TLS);
    world_free(world);
}

static void test_nobody_listening_is_told_with_the_address(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    uint16_t port = aero_listener_port(world->listener);
    aero_listener_free(world->listener);
    world->listener = NULL;
    struct aero_transport_events events = events_of(&world->client);
    world->client.connection = aero_connection_dial(world->base, "127.0.0.1", port, &defaults,
                                                    world->context[1], NULL, &events);
    run_until(world, &world->client.closed, 1);
    assert_int_equal(world->client.reason, AERO_CLOSE_CONNECT);
    assert_non_null(strstr(world->client.text, "127.0.0.1"));
    world_free(world);
}

/* Somebody connects and says nothing, or something else than TLS. */
/* Connected, and silent. */
static int idle_socket(const struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(aero_listener_port(world->listener)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_silent_and_foreign_peers_are_dropped(void **state)
{
    (void)state;
    struct aero_transport_options options = {.handshake_timeout_ms = 100};
    struct world *world = world_new(&options, NULL);
    for (unsigned i = 0; i < 2; i++) {
        int fd = idle_socket(world);
        if (i == 1) {
            assert_int_equal(write(fd, "PING\r\nPING\r\n", 12), 12);
        }
        run_until(world, &world->server.closed, i + 1);
        assert_int_equal(world->server.reason, i == 0 ? AERO_CLOSE_TIMEOUT : AERO_CLOSE_TLS);
        close(fd);
    }
    assert_int_equal(world->server.opened, 0);
    world_free(world);
}

static void test_connections_beyond_the_limit_are_closed(void **state)
{
    (void)state;
    struct aero_transport_options options = {.connections_max = 1};
    struct world *world = world_new(&options, NULL);
    dial(world, &defaults);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    struct end second = {.opened = 0};
    struct aero_transport_events events = events_of(&second);
    aero_connection_dial(world->base, "127.0.0.1", aero_listener_port(world->listener), &defaults,
                         world->context[1], NULL, &events);
    run_until(world, &second.closed, 1);
    assert_int_equal(second.opened, 0);
    assert_int_equal(second.reason, AERO_CLOSE_LOST);
    assert_int_equal(world->client.closed, 0);
    world_free(world);
}

/* Sockets that prove nothing keep nobody out who can. */
static void test_idle_sockets_make_room_for_a_peer_with_a_certificate(void **state)
{
    (void)state;
    struct aero_transport_options options = {.connections_max = 3, .handshake_timeout_ms = 600000};
    struct world *world = world_new(&options, NULL);
    int idle[4];
    for (size_t i = 0; i < 4; i++) {
        idle[i] = idle_socket(world);
    }
    run_until(world, &world->server.closed, 1);
    char byte;
    assert_int_equal(recv(idle[0], &byte, 1, 0), 0); /* the oldest */
    dial(world, &options);
    run_until(world, &world->server.opened, 1);
    run_until(world, &world->client.opened, 1);
    assert_int_equal(recv(idle[1], &byte, 1, 0), 0);
    assert_int_equal(world->server.closed, 2);
    for (size_t i = 0; i < 4; i++) {
        close(idle[i]);
    }
    world_free(world);
}

static void test_port_in_use_is_said(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    struct aero_listener *second = NULL;
    struct aero_transport_events events = events_of(&world->server);
    aero_status status =
        aero_listener_new(world->base, "127.0.0.1", aero_listener_port(world->listener), &defaults,
                          world->context[0], NULL, &events, &second);
    assert_int_equal(status.code, AERO_BUSY);
    assert_null(second);
    world_free(world);
}

static void test_new_certificates_count_for_the_next_connection(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    dial(world, &defaults);
    run_until(world, &world->client.opened, 1);
    write_certs(world, 0, "renamed");
    aero_listener_set_context(world->listener, world->context[0]);
    assert_string_equal(aero_connection_peer_name(world->client.connection), "primary");
    aero_connection_close(world->client.connection);
    run_until(world, &world->client.closed, 1);
    dial(world, &defaults);
    run_until(world, &world->client.opened, 2);
    assert_string_equal(world->client.name, "renamed");
    world_free(world);
}

/* It might be let in by what does not count any more. */
static void test_new_certificates_end_handshakes_that_began_with_the_old(void **state)
{
    (void)state;
    struct world *world = world_new(&defaults, NULL);
    dial(world, &defaults);
    run_until(world, &world->client.opened, 1);
    run_until(world, &world->server.opened, 1);
    int fd = idle_socket(world);
    event_base_loop(world->base, EVLOOP_ONCE); /* accepts it */
    aero_listener_set_context(world->listener, world->context[0]);
    assert_int_equal(world->server.closed, 1);
    assert_int_equal(world->server.reason, AERO_CLOSE_REQUESTED);
    assert_string_equal(world->server.text,
                        "closed before its handshake ended: certificates changed");
    assert_int_equal(world->client.closed, 0);
    close(fd);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ends_open_with_proven_names),
        cmocka_unit_test(test_many_bytes_arrive_whole_in_large_gulps_within_bounds),
        cmocka_unit_test(test_one_gulp_within_its_bound_is_delivered_in_a_turn),
        cmocka_unit_test(test_connections_of_a_listener_that_goes_hear_goodbye),
        cmocka_unit_test(test_write_takes_no_more_than_there_is_room),
        cmocka_unit_test(test_room_is_told_after_a_write_inside_a_callback),
        cmocka_unit_test(test_room_that_was_asked_for_is_told_in_a_later_turn),
        cmocka_unit_test(test_reading_can_be_held_and_let_go),
        cmocka_unit_test(test_echo_inside_the_callback_comes_back),
        cmocka_unit_test(test_name_outside_the_list_never_opens_and_both_are_told),
        cmocka_unit_test(test_nobody_listening_is_told_with_the_address),
        cmocka_unit_test(test_silent_and_foreign_peers_are_dropped),
        cmocka_unit_test(test_connections_beyond_the_limit_are_closed),
        cmocka_unit_test(test_idle_sockets_make_room_for_a_peer_with_a_certificate),
        cmocka_unit_test(test_port_in_use_is_said),
        cmocka_unit_test(test_new_certificates_count_for_the_next_connection),
        cmocka_unit_test(test_new_certificates_end_handshakes_that_began_with_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
