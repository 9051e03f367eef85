/* SPDX-License-Identifier: Apache-2.0 */
/* A listener and a dial on loopback, on one event base. */
#ifndef AERO_TESTS_SHIPPING_TRANSPORT_BENCH_H
#define AERO_TESTS_SHIPPING_TRANSPORT_BENCH_H

#include <event2/event.h>

#include "shipping/transport.h"
#include "tests/unit/shipping/certs.h"

struct end {
    struct aero_connection *connection;
    struct aero_buffer got;
    char name[AERO_TLS_NAME_MAX];
    unsigned opened;
    unsigned closed;
    unsigned rooms;
    unsigned gulps;
    size_t gulp_max;
    enum aero_close_reason reason;
    char text[AERO_TLS_TEXT_MAX];
    const uint8_t *sends; /* what is still to be written */
    size_t to_send;
    bool closes_when_sent;
    bool echoes;
};

struct world {
    struct event_base *base;
    struct authority authority;
    char directory[2][CERTS_DIRECTORY_BYTES];
    struct aero_tls_context *context[2];
    struct aero_listener *listener;
    struct end server;
    struct end client;
};

static inline void push(struct end *end)
{
    while (end->to_send > 0) {
        size_t taken =
            aero_connection_write(end->connection, aero_slice_of(end->sends, end->to_send));
        end->sends += taken;
        end->to_send -= taken;
        if (taken == 0) {
            return;
        }
    }
    if (end->closes_when_sent) {
        aero_connection_close(end->connection);
    }
}

static inline void on_open(void *self, struct aero_connection *connection)
{
    struct end *end = self;
    end->connection = connection;
    end->opened++;
    snprintf(end->name, sizeof end->name, "%s", aero_connection_peer_name(connection));
    push(end);
}

static inline void on_bytes(void *self, struct aero_connection *connection,
                            struct aero_slice plaintext)
{
    struct end *end = self;
    end->gulps++;
    end->gulp_max = plaintext.length > end->gulp_max ? plaintext.length : end->gulp_max;
    aero_buffer_append_slice(&end->got, plaintext);
    if (end->echoes) {
        assert_int_equal(aero_connection_write(connection, plaintext), plaintext.length);
    }
}

static inline void on_room(void *self, struct aero_connection *connection)
{
    (void)connection;
    struct end *end = self;
    end->rooms++;
    push(end);
}

static inline void on_close(void *self, struct aero_connection *connection,
                            enum aero_close_reason reason, const char *text)
{
    (void)connection;
    struct end *end = self;
    end->closed++;
    end->reason = reason;
    end->connection = NULL;
    snprintf(end->text, sizeof end->text, "%s", text);
}

static inline struct aero_transport_events events_of(struct end *end)
{
    return (struct aero_transport_events){.on_open = on_open,
                                          .on_bytes = on_bytes,
                                          .on_room = on_room,
                                          .on_close = on_close,
                                          .self = end};
}

static inline void write_certs(struct world *world, unsigned index, const char *name)
{
    certs_write_named(world->directory[index], &world->authority, name);
    char text[AERO_TLS_TEXT_MAX];
    aero_tls_context_release(world->context[index]);
    world->context[index] = NULL;
    aero_status status =
        aero_tls_context_load(world->directory[index], &world->context[index], text);
    assert_true(aero_is_ok(status));
}

static inline struct world *world_new(const struct aero_transport_options *options,
                                      const struct aero_tls_allow *allow)
{
    struct world *world = aero_calloc(1, sizeof *world);
    world->base = event_base_new();
    world->authority = certs_authority("authority");
    certs_make_directory(world->directory[0]);
    certs_make_directory(world->directory[1]);
    write_certs(world, 0, "primary");
    write_certs(world, 1, "replica-1");
    struct aero_transport_events events = events_of(&world->server);
    aero_status status = aero_listener_new(world->base, "127.0.0.1", 0, options, world->context[0],
                                           allow, &events, &world->listener);
    assert_true(aero_is_ok(status));
    assert_int_not_equal(aero_listener_port(world->listener), 0);
    return world;
}

static inline void dial(struct world *world, const struct aero_transport_options *options)
{
    struct aero_transport_events events = events_of(&world->client);
    world->client.connection =
        aero_connection_dial(world->base, "127.0.0.1", aero_listener_port(world->listener), options,
                             world->context[1], NULL, &events);
}

/* Turns the loop until `*count` is `wanted`; fails when that takes long. */
static inline void run_until(struct world *world, const unsigned *count, unsigned wanted)
{
    for (unsigned turn = 0; turn < 100000 && *count < wanted; turn++) {
        struct timeval soon = {.tv_sec = 5};
        event_base_loopexit(world->base, &soon);
        event_base_loop(world->base, EVLOOP_ONCE);
    }
    assert_int_equal(*count, wanted);
}

static inline void run_until_got(struct world *world, const struct end *end, size_t wanted)
{
    for (unsigned turn = 0; turn < 100000 && end->got.length < wanted; turn++) {
        event_base_loop(world->base, EVLOOP_ONCE);
    }
    assert_int_equal(end->got.length, wanted);
}

static inline void world_free(struct world *world)
{
    if (world->client.connection != NULL) {
        aero_connection_close(world->client.connection);
        run_until(world, &world->client.closed, world->client.closed + 1);
    }
    aero_listener_free(world->listener);
    for (unsigned i = 0; i < 2; i++) {
        aero_tls_context_release(world->context[i]);
        certs_remove_directory(world->directory[i]);
    }
    certs_authority_free(&world->authority);
    aero_buffer_deinit(&world->server.got);
    aero_buffer_deinit(&world->client.got);
    event_base_free(world->base);
    free(world);
}

static const struct aero_transport_options defaults = {.output_bytes = 0};

#endif
