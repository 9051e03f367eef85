/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/host_link_priv.h"

#include <stdio.h>

#include "base/assert.h"

/* A Hello with a long history fits; a peer that sends more before it is answered is closed. */
#define EARLY_BYTES_MAX ((size_t)4 << 20)
/* What one replica is sent before the others have their turn. */
#define TURN_BYTES_MAX ((size_t)4 << 20)

static aero_mono_ns now_of(const struct aero_primary_link *link)
{
    return link->clock.mono(link->clock.self);
}

/* ---- Reading segments ---- */

static void close_file(struct aero_link_replica *replica)
{
    const struct aero_disk disk = replica->link->options.disk;
    if (replica->file != NULL) {
        disk.ops->close(disk.self, replica->file);
        replica->file = NULL;
    }
}

static aero_status read_segment(struct aero_link_replica *replica,
                                const struct aero_sender_read *read, size_t *out_read)
{
    const struct aero_disk disk = replica->link->options.disk;
    if (replica->file == NULL || strcmp(replica->file_name, read->name) != 0) {
        close_file(replica);
        AERO_TRY(disk.ops->open(disk.self, read->name, AERO_DISK_READ, &replica->file));
        memcpy(replica->file_name, read->name, sizeof replica->file_name);
    }
    return disk.ops->read(disk.self, replica->file, read->offset, read->into, read->length,
                          out_read);
}

/* A failed handle is not used again: the next read opens the file anew. */
static void serve_read(struct aero_link_replica *replica, const struct aero_sender_read *read)
{
    size_t length = 0;
    aero_status status = read_segment(replica, read, &length);
    if (!aero_is_ok(status)) {
        length = 0;
        close_file(replica);
    }
    aero_sender_on_read(replica->sender, status, length);
}

/* ---- Slots ---- */

void aero_link_free_replica(struct aero_link_replica *replica)
{
    struct aero_primary_link *link = replica->link;
    unsigned slot = replica->slot;
    close_file(replica);
    aero_sender_free(replica->sender);
    aero_buffer_deinit(&replica->early);
    *replica = (struct aero_link_replica){.link = link, .slot = slot};
}

static struct aero_link_replica *find_free(struct aero_primary_link *link)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        if (link->replicas[i].id == 0) {
            return &link->replicas[i];
        }
    }
    return NULL;
}

static bool tell_loop(struct aero_primary_link *link, const struct aero_fleet_event *event)
{
    bool told = aero_mailbox_post(&link->mailbox, event);
    aero_host_wake_now(link->options.loop_wake);
    return told;
}

/* The last event of a connection whose sender did not say it itself. */
static void close_without_word(struct aero_link_replica *replica)
{
    replica->last =
        (struct aero_fleet_event){.connection = replica->id, .kind = AERO_SENDER_CLOSED};
    snprintf(replica->last.name, sizeof replica->last.name, "%s", replica->name);
    snprintf(replica->last.address, sizeof replica->last.address, "%s", replica->address);
    snprintf(replica->last.text, sizeof replica->last.text, "the connection is gone");
}

/* The next event for the loop, in `last`. False: none, or CLOSED was the last. */
static bool next_event(struct aero_link_replica *replica)
{
    struct aero_sender_event event;
    if (replica->said_closed || replica->sender == NULL) {
        return false;
    }
    if (aero_sender_next_event(replica->sender, &event)) {
        aero_fleet_event_copy(&replica->last, replica->id, replica->name, replica->address,
                              replica->sender, &event);
    } else if (replica->connection == NULL) {
        close_without_word(replica);
    } else {
        return false;
    }
    replica->said_closed = replica->last.kind == AERO_SENDER_CLOSED;
    return true;
}

/* Tells the loop everything there is to tell, as far as the mailbox has room. A slot whose
 * connection went is free once all is told. */
static void tell_events(struct aero_link_replica *replica)
{
    replica->must_tell = replica->must_tell || next_event(replica);
    while (replica->must_tell && tell_loop(replica->link, &replica->last)) {
        replica->must_tell = next_event(replica);
    }
    if (!replica->must_tell && replica->connection == NULL) {
        aero_link_free_replica(replica);
    }
}

/* ---- Driving a sender ---- */

/* How much was taken. */
static size_t send_output(struct aero_link_replica *replica)
{
    struct aero_slice output = aero_sender_output(replica->sender);
    if (output.length == 0) {
        return 0;
    }
    size_t taken = aero_connection_write(replica->connection, output);
    aero_sender_sent(replica->sender, taken);
    return taken;
}

/* Goes on while reads make output and output finds room, up to a turn's share: a replica that reads as fast as this thread writes
 * would otherwise have it for its whole backlog. */
void aero_link_drive(struct aero_link_replica *replica)
{
    struct aero_sender_read read;
    size_t sent = 0;
    bool goes_on;
    do {
        goes_on = false;
        if (!replica->said_closed && aero_sender_next_read(replica->sender, &read)) {
            serve_read(replica, &read);
            goes_on = true;
        }
        size_t taken = send_output(replica);
        sent += taken;
        goes_on = goes_on || taken > 0;
    } while (goes_on && sent < TURN_BYTES_MAX);
    if (goes_on) {
        aero_connection_ask_room(replica->connection);
    }
    tell_events(replica);
    if (replica->said_closed && (aero_sender_output(replica->sender).length == 0 ||
                                 replica->closing_ticks >= AERO_LINK_CLOSING_TICKS_MAX)) {
        aero_connection_close(replica->connection);
    }
}

bool aero_link_is_shipping(const struct aero_link_replica *replica)
{
    return replica->sender != NULL && replica->connection != NULL;
}

void aero_link_retry(struct aero_link_replica *replica)
{
    if (aero_link_is_shipping(replica)) {
        aero_link_drive(replica);
    } else if (replica->id != 0) {
        tell_events(replica);
    }
}

void aero_link_say_bye(struct aero_link_replica *replica, enum aero_bye_code code, const char *text)
{
    if (aero_link_is_shipping(replica)) {
        aero_sender_close(replica->sender, code, text);
        aero_link_drive(replica);
    } else if (replica->connection != NULL) {
        aero_connection_close(replica->connection);
    }
}

/* ---- What the transport tells ---- */

static void replace_older(struct aero_primary_link *link, const struct aero_link_replica *newer)
{
    for (unsigned i = 0; i < link->replicas_max; i++) {
        struct aero_link_replica *older = &link->replicas[i];
        if (older != newer && older->connection != NULL && strcmp(older->name, newer->name) == 0) {
            aero_link_say_bye(older, AERO_BYE_REPLACED,
                              "a newer connection of the same node took over");
        }
    }
}

static void on_open(void *self, struct aero_connection *connection)
{
    struct aero_primary_link *link = self;
    struct aero_link_replica *replica = link->stopping ? NULL : find_free(link);
    if (replica == NULL) {
        aero_log_event(link->options.logger, AERO_LOG_WARN, "replica_rejected",
                       AERO_LOG_STR("node", aero_connection_peer_name(connection)),
                       AERO_LOG_STR("address", aero_connection_address(connection)),
                       AERO_LOG_U64("max_replicas", link->replicas_max));
        aero_connection_set_user(connection, NULL);
        aero_connection_close(connection);
        return;
    }
    replica->id = ++link->connections_given;
    replica->connection = connection;
    snprintf(replica->name, sizeof replica->name, "%s", aero_connection_peer_name(connection));
    snprintf(replica->address, sizeof replica->address, "%s", aero_connection_address(connection));
    aero_connection_set_user(connection, replica);
    aero_log_event(link->options.logger, AERO_LOG_INFO, "replica_connected",
                   AERO_LOG_STR("node", replica->name), AERO_LOG_STR("address", replica->address),
                   AERO_LOG_U64("connection", replica->id));
    replace_older(link, replica);
    aero_mailbox_ask(&link->mailbox, replica->slot, replica->id, replica->name);
    aero_host_wake_now(link->options.loop_wake);
}

static void on_bytes(void *self, struct aero_connection *connection, struct aero_slice plaintext)
{
    struct aero_primary_link *link = self;
    struct aero_link_replica *replica = aero_connection_user(connection);
    AERO_ASSERT(replica != NULL); /* who was turned away is not read from */
    if (replica->sender != NULL) {
        aero_sender_on_bytes(replica->sender, plaintext, now_of(link));
        aero_link_drive(replica);
        return;
    }
    if (replica->early.length + plaintext.length > EARLY_BYTES_MAX) {
        aero_connection_close(connection);
        return;
    }
    aero_buffer_append_slice(&replica->early, plaintext);
}

static void on_room(void *self, struct aero_connection *connection)
{
    struct aero_link_replica *replica = aero_connection_user(connection);
    (void)self;
    AERO_ASSERT(replica != NULL && replica->sender != NULL); /* nobody else writes */
    aero_link_drive(replica);
}

/* The loop hears CLOSED once for each connection that it was told of. */
static void on_close(void *self, struct aero_connection *connection, enum aero_close_reason reason,
                     const char *text)
{
    struct aero_primary_link *link = self;
    struct aero_link_replica *replica = aero_connection_user(connection);
    bool is_error = reason == AERO_CLOSE_TLS || reason == AERO_CLOSE_TIMEOUT;
    aero_log_event(link->options.logger, is_error ? AERO_LOG_WARN : AERO_LOG_INFO,
                   replica == NULL ? "replica_refused" : "replica_disconnected",
                   AERO_LOG_STR("address", aero_connection_address(connection)),
                   AERO_LOG_STR("node", aero_connection_peer_name(connection)),
                   AERO_LOG_STR("reason", text));
    if (replica == NULL) {
        return;
    }
    replica->connection = NULL;
    tell_events(replica);
}

struct aero_transport_events aero_link_transport_events(struct aero_primary_link *link)
{
    return (struct aero_transport_events){.on_open = on_open,
                                          .on_bytes = on_bytes,
                                          .on_room = on_room,
                                          .on_close = on_close,
                                          .self = link};
}

void aero_link_begin_shipping(struct aero_link_replica *replica, aero_lsn acknowledged)
{
    struct aero_primary_link *link = replica->link;
    const struct aero_sender_peer peer = {
        .name = replica->name,
        .allowed = aero_allowed_nodes_has(&link->allowed, replica->name),
        .acknowledged = acknowledged,
        .link_nonce = link->entropy.id(link->entropy.self),
    };
    replica->sender =
        aero_sender_new(&link->sender_options, &peer, link->view, link->durable, now_of(link));
    if (replica->early.length > 0) {
        aero_sender_on_bytes(replica->sender, aero_buffer_slice(&replica->early), now_of(link));
    }
    aero_buffer_deinit(&replica->early);
    replica->early = (struct aero_buffer){0};
    aero_link_drive(replica);
}
