/* SPDX-License-Identifier: Apache-2.0 */
/*     DOWN --core wants a link--> RESOLVING --address--> DIALLING --on_open--> UP
 *      ^                              |                      |                 |
 *      +-----no address---------------+-----on_close---------+----on_close-----+
 *
 * The core decides when to dial again; certificates that changed are used from the next dial on, and
 * end a link whose primary they do not let in. */
#include "replica/host_link.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "host/certs.h"
#include "host/resolve.h"
#include "server/config_keys.h"
#include "shipping/transport.h"

#define GULP_BYTES ((size_t)1 << 20)
#define CERTS_LOOK_NS (UINT64_C(10) * 1000000000U)

struct aero_replica_link {
    struct aero_replica_link_options options;
    struct aero_host_certs certs;
    struct aero_allowed_nodes allowed;
    const char *allowed_names[AERO_ALLOWED_MAX];
    struct aero_host_port primary;
    aero_mono_ns certs_looked_at;
    struct aero_host_resolver *resolver;
    bool is_resolving;
    struct aero_connection *connection; /* NULL: DOWN or RESOLVING */
    bool is_open;
    bool is_freed; /* on_close comes from aero_replica_link_free: nobody is told */
    struct aero_buffer waiting;
    char reload_error[96];
};

static aero_mono_ns now_of(const struct aero_replica_link *link)
{
    return link->options.clock.mono(link->options.clock.self);
}

static void send_output(struct aero_replica_link *link)
{
    while (link->is_open) {
        struct aero_slice output = aero_replica_link_output(link->options.replica);
        if (output.length == 0) {
            return;
        }
        size_t taken = aero_connection_write(link->connection, output);
        if (taken == 0) {
            return; /* on_room goes on */
        }
        aero_replica_link_sent(link->options.replica, taken);
    }
}

static void offer_waiting(struct aero_replica_link *link)
{
    if (link->waiting.length > 0 &&
        aero_replica_on_link_bytes(link->options.replica, aero_buffer_slice(&link->waiting))) {
        aero_buffer_clear(&link->waiting);
        aero_connection_set_reading(link->connection, true); /* it is there: on_close clears, too */
    }
}

static void on_open(void *self, struct aero_connection *connection)
{
    struct aero_replica_link *link = self;
    link->is_open = true;
    aero_replica_on_link_open(link->options.replica, aero_connection_peer_name(connection));
    send_output(link);
}

static void on_bytes(void *self, struct aero_connection *connection, struct aero_slice plaintext)
{
    struct aero_replica_link *link = self;
    AERO_ASSERT(link->waiting.length == 0); /* or nothing would be read */
    if (!aero_replica_on_link_bytes(link->options.replica, plaintext)) {
        aero_buffer_append_slice(&link->waiting, plaintext);
        aero_connection_set_reading(connection, false);
    }
    send_output(link);
}

static void on_room(void *self, struct aero_connection *connection)
{
    (void)connection;
    send_output(self);
}

static void on_close(void *self, struct aero_connection *connection, enum aero_close_reason reason,
                     const char *text)
{
    struct aero_replica_link *link = self;
    (void)connection;
    (void)reason;
    link->connection = NULL;
    link->is_open = false;
    aero_buffer_clear(&link->waiting);
    if (!link->is_freed) {
        aero_replica_on_link_closed(link->options.replica, text);
    }
}

static void dial(struct aero_replica_link *link, const char *address)
{
    const struct aero_transport_options options = {.gulp_bytes = GULP_BYTES};
    const struct aero_tls_allow allow = {.names = link->allowed_names,
                                         .count = link->allowed.any ? 0 : link->allowed.count};
    const struct aero_transport_events events = {.on_open = on_open,
                                                 .on_bytes = on_bytes,
                                                 .on_room = on_room,
                                                 .on_close = on_close,
                                                 .self = link};
    link->connection = aero_connection_dial(link->options.base, address, link->primary.port,
                                            &options, link->certs.context, &allow, &events);
}

static void follow_resolver(struct aero_replica_link *link)
{
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES];
    switch (aero_host_resolver_take(link->resolver, address, text)) {
    case AERO_RESOLVE_FOUND:
        link->is_resolving = false;
        dial(link, address);
        break;
    case AERO_RESOLVE_FAILED:
        link->is_resolving = false;
        aero_replica_on_link_closed(link->options.replica, text);
        break;
    case AERO_RESOLVE_IDLE:
    case AERO_RESOLVE_RUNNING:
        break;
    }
}

/* ---- Certificates ---- */

/* A dial that began with the old ones begins again. */
static void refresh_certs(struct aero_replica_link *link, bool always)
{
    char text[AERO_TLS_TEXT_MAX];
    if (!aero_host_certs_refresh(&link->certs, always) || link->connection == NULL) {
        return;
    }
    if (!link->is_open) {
        aero_connection_close(link->connection);
    } else if (!aero_connection_is_trusted_by(link->connection, link->certs.context, text)) {
        aero_replica_close_link(link->options.replica, text);
    }
}

/* ---- The loop's turns ---- */

static void deliver(void *self)
{
    struct aero_replica_link *link = self;
    struct aero_replica *replica = link->options.replica;
    offer_waiting(link);
    if (aero_replica_wants_evidence(replica)) {
        aero_replica_find_evidence(replica, link->options.disk);
    }
    if (link->is_open && aero_replica_wants_close(replica)) {
        aero_connection_close(link->connection); /* once more is nothing */
    }
    if (link->connection == NULL && !link->is_resolving && aero_replica_wants_link(replica)) {
        link->is_resolving = true;
        aero_host_resolver_ask(link->resolver, link->primary.host);
    }
    follow_resolver(link);
    aero_mono_ns now = now_of(link);
    if (now.value - link->certs_looked_at.value >= CERTS_LOOK_NS) {
        link->certs_looked_at = now;
        refresh_certs(link, false);
    }
}

/* What waits needs a completion, which wakes the loop by itself. */
static bool has_work(void *self)
{
    (void)self;
    return false;
}

static void publish(void *self)
{
    struct aero_replica_link *link = self;
    aero_replica_note_certificates(link->options.replica, atomic_load(&link->certs.refused));
    send_output(link);
}

/* False: the list is too long, and the old one stays. Names are borrowed by the next dial. An
 * empty list would mean everybody to TLS; here it means nobody, so it gets a name that no
 * certificate has. */
static bool read_allowed(struct aero_replica_link *link, const struct aero_config *config)
{
    struct aero_allowed_nodes allowed;
    if (!aero_config_allowed_nodes(config, &allowed)) {
        return false;
    }
    link->allowed = allowed;
    if (allowed.count == 0) {
        link->allowed.names[0][0] = '\0';
        link->allowed.count = 1;
    }
    for (size_t i = 0; i < link->allowed.count; i++) {
        link->allowed_names[i] = link->allowed.names[i];
    }
    return true;
}

/* A primary that is no longer allowed loses the link now, not when it breaks. */
static void close_disallowed(struct aero_replica_link *link)
{
    if (link->is_open &&
        !aero_allowed_nodes_has(&link->allowed, aero_connection_peer_name(link->connection))) {
        aero_replica_close_link(link->options.replica,
                                "the primary is not in the allow list any more (allowed_nodes)");
    }
}

static bool reload(void *self, const struct aero_config *config, const char **out_text)
{
    struct aero_replica_link *link = self;
    refresh_certs(link, true);
    if (!read_allowed(link, config)) {
        snprintf(link->reload_error, sizeof link->reload_error,
                 "allowed_nodes has more than %u names", AERO_ALLOWED_MAX);
        *out_text = link->reload_error;
        return false;
    }
    close_disallowed(link);
    return true;
}

static const struct aero_host_link_ops link_ops = {
    .deliver = deliver,
    .has_work = has_work,
    .publish = publish,
    .reload = reload,
};

struct aero_host_link aero_replica_link_port(struct aero_replica_link *link)
{
    return (struct aero_host_link){.ops = &link_ops, .self = link};
}

aero_status aero_replica_link_new(const struct aero_replica_link_options *options,
                                  struct aero_replica_link **out_link)
{
    struct aero_replica_link *link = aero_calloc(1, sizeof *link);
    link->options = *options;
    link->certs_looked_at = now_of(link);
    link->resolver = aero_host_resolver_new(options->wake);
    const char *primary = aero_config_string(options->config, "primary");
    bool has_primary = aero_config_host_port(primary, &link->primary);
    bool has_allowed = read_allowed(link, options->config);
    AERO_ASSERT(has_primary && has_allowed); /* checked with the configuration */
    aero_status status = aero_host_certs_open(
        &link->certs, aero_config_string(options->config, "certs_dir"), options->logger);
    if (!aero_is_ok(status)) {
        aero_host_resolver_free(link->resolver);
        free(link);
        return status;
    }
    *out_link = link;
    return status;
}

/* The connection says goodbye and is gone when its event base has run. */
void aero_replica_link_free(struct aero_replica_link *link)
{
    if (link == NULL) {
        return;
    }
    link->is_freed = true;
    if (link->connection != NULL) {
        aero_connection_close(link->connection);
    }
    /* Bounded by the transport, which gives a peer that does not read a few seconds. */
    while (link->connection != NULL) {
        event_base_loop(link->options.base, EVLOOP_ONCE);
    }
    aero_host_resolver_free(link->resolver);
    aero_host_certs_close(&link->certs);
    aero_buffer_deinit(&link->waiting);
    free(link);
}
