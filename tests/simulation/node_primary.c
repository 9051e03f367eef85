/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's process: its core and the senders of its links, as the host's link thread runs them. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "primary/fleet_event.h"
#include "primary/primary.h"
#include "shipping/sender.h"
#include "shipping/view.h"
#include "tests/simulation/node.h"

/* What senders ship from now on, and those begin with that come later. */
static void tell_senders(struct aero_sim_node *node)
{
    aero_shipping_view_release(node->told_view);
    node->told_view = aero_shipping_view_retain(aero_primary_shipping_view(node->primary));
    node->told = aero_primary_durable_place(node->primary);
    for (size_t i = 0; i < AERO_SIM_LINKS_MAX; i++) {
        if (node->links[i].sender != NULL) {
            aero_sender_on_wal(node->links[i].sender, node->told_view, node->told);
        }
    }
}

aero_status aero_sim_primary_begin(struct aero_sim_node *node, struct aero_recovered *recovered,
                                   const struct aero_recovery_report *report)
{
    struct aero_sim_world *world = node->world;
    const struct aero_sim_settings *settings = aero_sim_node_settings(node);
    struct aero_primary_options options = {
        .wal = settings->wal,
        .checkpoint = settings->checkpoint,
        .read_fast_path = settings->read_fast_path,
        .open_writes_after_cut = settings->open_writes_after_cut,
    };
    node->running = *settings;
    aero_server_options_default(&options.server);
    options.server.output_pause_bytes = settings->output_pause_bytes;
    options.server.held_count_max = settings->held_count_max;
    options.server.run_id = aero_sim_draw_id(&world->choice);
    AERO_TRY(aero_primary_begin_incarnation(aero_sim_disk_port(node->disk), recovered, report,
                                            options.open_writes_after_cut,
                                            aero_sim_draw_id(&world->choice)));
    node->primary =
        aero_primary_new(&options, recovered, aero_sim_draw_id(&world->choice), &node->logger);
    node->shipment = (struct aero_shipment){.groups_max = settings->ship_groups};
    tell_senders(node);
    return aero_ok();
}

static void free_link(struct aero_sim_link *link)
{
    aero_sender_free(link->sender);
    memset(link, 0, sizeof *link);
}

void aero_sim_primary_end(struct aero_sim_node *node)
{
    for (size_t i = 0; i < AERO_SIM_LINKS_MAX; i++) {
        free_link(&node->links[i]);
    }
    aero_primary_free(node->primary);
    node->primary = NULL;
    aero_shipping_view_release(node->told_view);
    node->told_view = NULL;
}

static struct aero_sim_link *find_link(struct aero_sim_node *node, uint64_t connection)
{
    for (size_t i = 0; i < AERO_SIM_LINKS_MAX; i++) {
        if (node->links[i].end.connection == connection) {
            return &node->links[i];
        }
    }
    return NULL;
}

/* ---- Driving a sender --------------------------------------------------------------------------------------- */

static uint32_t index_of(const struct aero_sim_world *world, const char *name)
{
    uint32_t i = 0;
    while (strcmp(world->nodes[i]->name, name) != 0) {
        i++;
        AERO_ASSERT(i < world->node_count);
    }
    return i;
}

static void tell_core(struct aero_sim_node *node, struct aero_sim_link *link,
                      const struct aero_sender_event *event)
{
    struct aero_fleet_event told;
    aero_fleet_event_copy(&told, link->end.connection, link->peer, link->peer, link->sender, event);
    aero_sim_trace_event(&node->world->trace, node->name, "link of %s: event %d %s", link->peer,
                         (int)event->kind, event->text);
    if (event->kind == AERO_SENDER_PROGRESS) {
        aero_shipment_on_acknowledged(&node->shipment, event->durable);
    }
    if (event->kind == AERO_SENDER_PROGRESS && !link->is_stranger) {
        uint32_t index = index_of(node->world, link->peer);
        /* What was acknowledged from a disk that is gone is no promise of the one that came after it. */
        if (link->disk_number == node->world->nodes[index]->disk_number) {
            aero_check_visibility_acknowledged(node->world, index, event->durable.value);
        }
    }
    link->said_closed |= event->kind == AERO_SENDER_CLOSED;
    aero_primary_on_fleet_event(node->primary, &told);
}

static void serve_read(struct aero_sim_node *node, struct aero_sim_link *link,
                       const struct aero_sender_read *read)
{
    struct aero_disk port = aero_sim_disk_port(node->disk);
    struct aero_disk_file *file = NULL;
    size_t length = 0;
    aero_status status = port.ops->open(port.self, read->name, AERO_DISK_READ, &file);
    if (aero_is_ok(status)) {
        status = port.ops->read(port.self, file, read->offset, read->into, read->length, &length);
        port.ops->close(port.self, file);
    }
    aero_sender_on_read(link->sender, status, aero_is_ok(status) ? length : 0);
}

static bool send_output(struct aero_sim_node *node, struct aero_sim_link *link)
{
    struct aero_slice output = aero_sender_output(link->sender);
    if (output.length == 0) {
        return false;
    }
    size_t sent = aero_sim_net_send(node->world->net, link->end, output);
    aero_sim_stranger_overhears(node->world, link->end.connection, false,
                                aero_slice_of(output.data, sent));
    aero_sender_sent(link->sender, sent);
    return sent > 0;
}

/* What the sender has taken from the log is as good as sent, whatever the network does to it. */
static void show_checkers(struct aero_sim_node *node, const struct aero_sim_link *link)
{
    if (!link->is_stranger) {
        struct aero_sender_status status;
        aero_sender_status(link->sender, &status);
        aero_check_visibility_shipped(node->world, index_of(node->world, link->peer),
                                      status.sent.value);
    }
}

/* Serves all that the sender wishes now. */
static void drive_link(struct aero_sim_node *node, struct aero_sim_link *link)
{
    bool goes_on = true;
    while (goes_on && aero_check_progress_step(node->world, link->peer)) {
        struct aero_sender_event event;
        struct aero_sender_read read;
        goes_on = false;
        while (!link->said_closed && aero_sender_next_event(link->sender, &event) &&
               aero_check_progress_step(node->world, link->peer)) {
            tell_core(node, link, &event);
            goes_on = true;
        }
        if (aero_sender_next_read(link->sender, &read)) {
            serve_read(node, link, &read);
            goes_on = true;
        }
        goes_on |= send_output(node, link);
        show_checkers(node, link);
    }
    if (link->said_closed && aero_sender_output(link->sender).length == 0) {
        struct aero_sim_end end = link->end;
        free_link(link);
        aero_sim_net_close(node->world->net, end);
    }
}

void aero_sim_primary_publish(struct aero_sim_node *node)
{
    bool is_idle = !aero_primary_has_commits_in_flight(node->primary);
    aero_check_visibility_durable(node->world, aero_primary_durable_lsn(node->primary).value);
    if (aero_shipment_gather(&node->shipment, aero_primary_shipping_view(node->primary),
                             aero_primary_durable_place(node->primary), is_idle)) {
        tell_senders(node);
    }
    for (size_t i = 0; i < AERO_SIM_LINKS_MAX; i++) {
        struct aero_sim_link *link = &node->links[i];
        if (link->sender != NULL) {
            aero_sender_tick(link->sender, aero_sim_clock_mono(&node->clock));
            drive_link(node, link);
        }
    }
}

/* ---- The network's word ------------------------------------------------------------------------------------ */

void aero_sim_primary_link_open(struct aero_sim_node *node, struct aero_sim_end end,
                                const char *peer)
{
    struct aero_sim_world *world = node->world;
    struct aero_sim_link *link = find_link(node, 0);
    if (link == NULL) {
        aero_sim_net_close(world->net, end);
        return;
    }
    bool allowed;
    const char *name = aero_sim_stranger_name(world, peer, &allowed);
    bool is_stranger = name != NULL;
    uint32_t disk_number = 0;
    if (!is_stranger) {
        const struct aero_sim_node *replica = world->nodes[index_of(world, peer)];
        bool trouble = replica->certificate_until_ns > world->scheduler.now_ns;
        if (trouble && replica->certificate == AERO_SIM_CERTIFICATE_REFUSED) {
            aero_sim_net_close(world->net, end);
            return;
        }
        allowed = !trouble;
        disk_number = replica->disk_number;
        name = peer;
        aero_sim_stranger_overhears_open(world, end.connection);
    }
    struct aero_sender_options options = {.tail_streaming = node->running.tail_streaming,
                                          .output_bytes = node->running.window_bytes};
    struct aero_sender_peer sender_peer = {
        .name = name,
        .allowed = allowed,
        .acknowledged = aero_primary_acknowledged_by(node->primary, name),
        .link_nonce = aero_sim_draw_id(&world->choice),
    };
    *link =
        (struct aero_sim_link){.end = end, .is_stranger = is_stranger, .disk_number = disk_number};
    snprintf(link->peer, sizeof link->peer, "%s", name);
    link->sender = aero_sender_new(&options, &sender_peer, node->told_view, node->told,
                                   aero_sim_clock_mono(&node->clock));
    aero_sim_node_wake(node);
}

size_t aero_sim_primary_link_bytes(struct aero_sim_node *node, struct aero_sim_end end,
                                   struct aero_slice bytes)
{
    struct aero_sim_link *link = find_link(node, end.connection);
    if (link != NULL && !link->said_closed) {
        aero_sender_on_bytes(link->sender, bytes, aero_sim_clock_mono(&node->clock));
        drive_link(node, link);
    }
    return bytes.length;
}

void aero_sim_primary_link_room(struct aero_sim_node *node, struct aero_sim_end end)
{
    struct aero_sim_link *link = find_link(node, end.connection);
    if (link != NULL) {
        drive_link(node, link);
    }
}

void aero_sim_primary_link_close(struct aero_sim_node *node, struct aero_sim_end end)
{
    struct aero_sim_link *link = find_link(node, end.connection);
    if (link == NULL) {
        return;
    }
    struct aero_sender_event event;
    while (!link->said_closed && aero_sender_next_event(link->sender, &event)) {
        tell_core(node, link, &event);
    }
    if (!link->said_closed) {
        struct aero_fleet_event told = {.connection = end.connection, .kind = AERO_SENDER_CLOSED};
        snprintf(told.name, sizeof told.name, "%s", link->peer);
        snprintf(told.address, sizeof told.address, "%s", link->peer);
        aero_primary_on_fleet_event(node->primary, &told);
    }
    free_link(link);
}
