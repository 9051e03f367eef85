/* SPDX-License-Identifier: Apache-2.0 */
/* The link thread sleeps in its own event base and is woken by the loop's news; everything that
 * libevent calls back here belongs to that thread. The last part of the file is the loop's side. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "host/thread.h"
#include "primary/host_link_priv.h"

#define TICK_MS 100
/* Certificates are looked at for changes this often. */
#define CERTS_LOOK_TICKS 100

static void take_shipping(struct aero_primary_link *link, struct aero_mailbox_news *news)
{
    aero_shipping_view_release(link->view);
    link->view = news->view;
    link->durable = news->durable;
    for (unsigned i = 0; i < link->replicas_max && news->shipping; i++) {
        if (aero_link_is_shipping(&link->replicas[i])) {
            aero_sender_on_wal(link->replicas[i].sender, link->view, link->durable);
            aero_link_drive(&link->replicas[i]);
        }
    }
}

static void take_answers(struct aero_primary_link *link)
{
    aero_lsn acknowledged;
    for (unsigned i = 0; i < link->replicas_max && link->view != NULL; i++) {
        struct aero_link_replica *replica = &link->replicas[i];
        if (replica->connection != NULL && replica->sender == NULL &&
            aero_mailbox_take_answer(&link->mailbox, i, replica->id, &acknowledged)) {
            aero_link_begin_shipping(replica, acknowledged);
        }
    }
}

static void retry_events(struct aero_primary_link *link)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        aero_link_retry(&link->replicas[i]);
    }
}

/* A node that is no longer allowed is told so now, not when it comes back. */
static void close_disallowed(struct aero_primary_link *link)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        struct aero_link_replica *replica = &link->replicas[i];
        if (aero_link_is_shipping(replica) &&
            !aero_allowed_nodes_has(&link->allowed, replica->name)) {
            aero_link_say_bye(replica, AERO_BYE_SHUTDOWN,
                              "this node is not allowed any more (allowed_nodes)");
        }
    }
}

/* A node whose certificate is revoked, or its authority not trusted any longer, goes now, too. */
static void close_untrusted(struct aero_primary_link *link)
{
    char text[AERO_TLS_TEXT_MAX];
    for (unsigned i = 0; i < link->replicas_max; i++) {
        struct aero_link_replica *replica = &link->replicas[i];
        if (replica->connection != NULL &&
            !aero_connection_is_trusted_by(replica->connection, link->certs.context, text)) {
            aero_link_say_bye(replica, AERO_BYE_SHUTDOWN, text);
        }
    }
}

static void refresh_certs(struct aero_primary_link *link, bool always)
{
    if (!aero_host_certs_refresh(&link->certs, always)) {
        return;
    }
    for (size_t i = 0; i < link->listener_count; i++) {
        aero_listener_set_context(link->listeners[i], link->certs.context);
    }
    close_untrusted(link);
}

static void take_news(struct aero_primary_link *link)
{
    struct aero_mailbox_news news;
    if (!aero_mailbox_take_news(&link->mailbox, &news)) {
        return;
    }
    take_shipping(link, &news);
    take_answers(link);
    if (news.room) {
        retry_events(link);
    }
    if (news.reload) {
        link->allowed = news.allowed;
        close_disallowed(link);
        refresh_certs(link, true);
    }
    link->stopping = news.stop;
}

static void on_wake(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    (void)self;
}

static void on_tick(evutil_socket_t fd, short what, void *self)
{
    struct aero_primary_link *link = self;
    (void)fd;
    (void)what;
    for (unsigned i = 0; i < link->replicas_max; i++) {
        struct aero_link_replica *replica = &link->replicas[i];
        if (aero_link_is_shipping(replica)) {
            aero_sender_tick(replica->sender, link->clock.mono(link->clock.self));
            replica->closing_ticks += replica->said_closed;
            aero_link_drive(replica);
        }
    }
    if (++link->ticks % CERTS_LOOK_TICKS == 0) {
        refresh_certs(link, false);
    }
}

/* ---- The thread ---- */

static void say_goodbye(struct aero_primary_link *link)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        aero_link_say_bye(&link->replicas[i], AERO_BYE_SHUTDOWN, "the primary is being stopped");
    }
    event_base_loop(link->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    for (size_t i = 0; i < link->listener_count; i++) {
        aero_listener_free(link->listeners[i]);
    }
    link->listener_count = 0;
}

static bool has_audience(const struct aero_primary_link *link)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        if (link->replicas[i].connection != NULL) {
            return true;
        }
    }
    return false;
}

void aero_link_turn(struct aero_primary_link *link)
{
    aero_mailbox_set_audience(&link->mailbox, has_audience(link));
    aero_host_wake_arm(&link->wake);
    bool busy = aero_mailbox_has_news(&link->mailbox);
    event_base_loop(link->base, busy ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
    aero_host_wake_disarm(&link->wake);
    take_news(link);
}

static void *run_link(void *argument)
{
    struct aero_primary_link *link = argument;
    while (!link->stopping) {
        aero_link_turn(link);
    }
    say_goodbye(link);
    return NULL;
}

static void add_events(struct aero_primary_link *link)
{
    const struct timeval tick = {.tv_usec = TICK_MS * 1000};
    link->wake_event =
        event_new(link->base, link->wake.fd, EV_READ | EV_PERSIST | EV_ET, on_wake, link);
    AERO_ASSERT(link->wake_event != NULL && event_add(link->wake_event, NULL) == 0);
    link->tick_event = event_new(link->base, -1, EV_PERSIST, on_tick, link);
    AERO_ASSERT(link->tick_event != NULL && event_add(link->tick_event, &tick) == 0);
}

static aero_status open_listeners(struct aero_primary_link *link)
{
    const struct aero_config *config = link->options.config;
    const uint16_t port = aero_config_port(config, "replication_port");
    const struct aero_transport_options options = {.connections_max = link->replicas_max * 2};
    const struct aero_transport_events events = aero_link_transport_events(link);
    /* Whether a name is allowed is the sender's to say, so that the replica hears why. */
    const struct aero_tls_allow any = {.count = 0};
    char words[AERO_LINK_LISTENERS_MAX][AERO_CONFIG_WORD_MAX];
    size_t count = aero_config_words(aero_config_string(config, "replication_bind"),
                                     AERO_LINK_LISTENERS_MAX, words);
    aero_status status = aero_ok();
    AERO_ASSERT(count != SIZE_MAX); /* checked with the configuration */
    for (size_t i = 0; i < count && aero_is_ok(status); i++) {
        status = aero_listener_new(link->base, words[i], port, &options, link->certs.context, &any,
                                   &events, &link->listeners[i]);
        if (aero_is_ok(status)) {
            link->listener_count++;
        } else {
            aero_log_event(link->options.logger, AERO_LOG_ERROR, "replication_listen_failed",
                           AERO_LOG_STR("address", words[i]), AERO_LOG_U64("port", port),
                           AERO_LOG_STATUS("error", status));
        }
    }
    return status;
}

static void destroy_link(struct aero_primary_link *link)
{
    for (size_t i = 0; i < link->listener_count; i++) {
        aero_listener_free(link->listeners[i]);
    }
    for (unsigned i = 0; i < AERO_FLEET_MAX; i++) {
        aero_link_free_replica(&link->replicas[i]);
    }
    event_free(link->wake_event);
    event_free(link->tick_event);
    event_base_free(link->base);
    aero_shipping_view_release(link->view);
    aero_host_certs_close(&link->certs);
    aero_host_wake_deinit(&link->wake);
    aero_mailbox_deinit(&link->mailbox);
    free(link);
}

/* The name of a directory stays, that of a certificate may be another: replicas see only the latter. */
static void compare_names(const struct aero_primary_link *link, const char *name)
{
    const char *shown = aero_tls_context_name(link->certs.context);
    if (strcmp(name, shown) != 0) {
        aero_log_event(link->options.logger, AERO_LOG_WARN, "node_name_differs",
                       AERO_LOG_STR("node", name), AERO_LOG_STR("certificate", shown),
                       AERO_LOG_STR("advice", "replicas know this node by its certificate: use "
                                              "one of the node's own name; --init with --certs "
                                              "takes the name from there"));
    }
}

static void read_options(struct aero_primary_link *link)
{
    const struct aero_config *config = link->options.config;
    link->replicas_max = (uint32_t)aero_config_integer(config, "max_replicas");
    AERO_ASSERT(link->replicas_max <= AERO_FLEET_MAX);
    link->shipment.groups_max = (uint32_t)aero_config_integer(config, "ship_groups");
    link->sender_options = (struct aero_sender_options){
        .tail_streaming = aero_config_bool(config, "tail_streaming"),
        .heartbeat_interval_ns = aero_config_duration_ns(config, "heartbeat"),
        .timeout_ns = aero_config_duration_ns(config, "link_silence"),
    };
}

aero_status aero_primary_link_new(const struct aero_primary_link_options *options,
                                  struct aero_primary_link **out_link)
{
    struct aero_primary_link *link = aero_calloc(1, sizeof *link);
    link->options = *options;
    link->clock = aero_clock_posix();
    link->entropy = aero_entropy_posix();
    aero_mailbox_init(&link->mailbox);
    aero_host_wake_init(&link->wake);
    link->base = event_base_new();
    AERO_ASSERT(link->base != NULL);
    add_events(link);
    for (unsigned i = 0; i < AERO_FLEET_MAX; i++) {
        link->replicas[i] = (struct aero_link_replica){.link = link, .slot = i};
    }
    read_options(link);
    bool understood = aero_config_allowed_nodes(options->config, &link->allowed);
    AERO_ASSERT(understood); /* checked with the configuration */
    aero_status status = aero_host_certs_open(
        &link->certs, aero_config_string(options->config, "certs_dir"), options->logger);
    if (aero_is_ok(status)) {
        status = open_listeners(link);
    }
    if (!aero_is_ok(status)) {
        destroy_link(link);
        return status;
    }
    *out_link = link;
    return status;
}

bool aero_primary_link_start(struct aero_primary_link *link, struct aero_primary *primary)
{
    if (link == NULL) {
        return true;
    }
    compare_names(link, aero_primary_manifest(primary)->node_name);
    if (!aero_host_thread_start(&link->thread, run_link, link, link->options.logger,
                                "replication")) {
        return false;
    }
    link->primary = primary;
    return true;
}

static void wake_link(struct aero_primary_link *link)
{
    aero_host_wake_now(&link->wake);
}

void aero_primary_link_free(struct aero_primary_link *link)
{
    if (link == NULL) {
        return;
    }
    if (link->primary != NULL) {
        aero_mailbox_ask_stop(&link->mailbox);
        wake_link(link);
        pthread_join(link->thread, NULL);
    }
    destroy_link(link);
}

/* ---- The loop's side ---- */

/* What comes meanwhile waits for the next turn: a link that floods holds up no client. */
static void deliver(void *self)
{
    struct aero_primary_link *link = self;
    struct aero_fleet_event event;
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    bool wake = false;
    size_t left = AERO_MAILBOX_EVENTS_MAX;
    while (left-- > 0 && aero_mailbox_take_event(&link->mailbox, &event, &wake)) {
        aero_primary_on_fleet_event(link->primary, &event);
        if (event.kind == AERO_SENDER_PROGRESS) {
            aero_shipment_on_acknowledged(&link->shipment, event.durable);
        }
        if (wake) {
            wake_link(link);
        }
    }
    while (aero_mailbox_take_question(&link->mailbox, &slot, &connection, name)) {
        aero_mailbox_answer(&link->mailbox, slot, connection,
                            aero_primary_acknowledged_by(link->primary, name));
        wake_link(link);
    }
}

static bool has_work(void *self)
{
    struct aero_primary_link *link = self;
    return aero_mailbox_has_mail(&link->mailbox);
}

static void publish(void *self)
{
    struct aero_primary_link *link = self;
    struct aero_shipping_view *view = aero_primary_shipping_view(link->primary);
    aero_primary_note_certificates(link->primary, atomic_load(&link->certs.refused));
    struct aero_wal_place place = aero_primary_durable_place(link->primary);
    bool is_idle = !aero_primary_has_commits_in_flight(link->primary);
    if (aero_shipment_gather(&link->shipment, view, place, is_idle) &&
        aero_mailbox_publish(&link->mailbox, view, place)) {
        wake_link(link);
    }
}

static bool reload(void *self, const struct aero_config *config, const char **out_text)
{
    struct aero_primary_link *link = self;
    struct aero_allowed_nodes allowed;
    if (!aero_config_allowed_nodes(config, &allowed)) {
        snprintf(link->reload_error, sizeof link->reload_error,
                 "allowed_nodes has more than %u names; the old list stays in use",
                 AERO_ALLOWED_MAX);
        *out_text = link->reload_error;
        return false;
    }
    aero_mailbox_ask_reload(&link->mailbox, &allowed);
    wake_link(link);
    return true;
}

static const struct aero_host_link_ops link_ops = {
    .deliver = deliver,
    .has_work = has_work,
    .publish = publish,
    .reload = reload,
};

struct aero_host_link aero_primary_link_port(struct aero_primary_link *link)
{
    return (struct aero_host_link){.ops = link == NULL ? NULL : &link_ops, .self = link};
}
