/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's process: its core and the one link that it dials. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "replica/replica.h"
#include "tests/simulation/node.h"

aero_status aero_sim_replica_begin(struct aero_sim_node *node, struct aero_recovered *recovered)
{
    struct aero_sim_world *world = node->world;
    const struct aero_sim_settings *settings = aero_sim_node_settings(node);
    struct aero_replica_options options = {
        .wal = settings->wal,
        .checkpoint = settings->checkpoint,
        .tail_streaming = settings->tail_streaming,
        .window_bytes = settings->window_bytes,
        .heartbeat_ns = 500000000U,
        .silence_ns = 3000000000U,
        .seed = aero_choice_below(&world->choice, UINT64_MAX),
        .primary_port = AERO_SIM_PORT_REPLICATION,
    };
    snprintf(options.primary_host, sizeof options.primary_host, "primary");
    node->running = *settings;
    aero_server_options_default(&options.server);
    options.server.output_pause_bytes = settings->output_pause_bytes;
    options.server.held_count_max = settings->held_count_max;
    options.server.run_id = aero_sim_draw_id(&world->choice);
    node->replica = aero_replica_new(&options, recovered, &node->logger);
    node->seen_applied = 0;
    return aero_ok();
}

static void forget_link(struct aero_sim_node *node)
{
    memset(&node->link, 0, sizeof node->link);
    node->link_open = false;
    node->link_refused_bytes = false;
}

void aero_sim_replica_end(struct aero_sim_node *node)
{
    forget_link(node);
    aero_replica_free(node->replica);
    node->replica = NULL;
}

static bool is_my_link(const struct aero_sim_node *node, struct aero_sim_end end)
{
    return node->link.connection == end.connection;
}

void aero_sim_replica_link_open(struct aero_sim_node *node, struct aero_sim_end end,
                                const char *peer)
{
    if (is_my_link(node, end)) {
        node->link_open = true;
        aero_replica_on_link_open(node->replica, peer);
    }
}

size_t aero_sim_replica_link_bytes(struct aero_sim_node *node, struct aero_sim_end end,
                                   struct aero_slice bytes)
{
    if (!is_my_link(node, end)) {
        return bytes.length;
    }
    if (!aero_replica_on_link_bytes(node->replica, bytes)) {
        node->link_refused_bytes = true;
        return 0;
    }
    return bytes.length;
}

void aero_sim_replica_link_close(struct aero_sim_node *node, struct aero_sim_end end)
{
    if (is_my_link(node, end)) {
        forget_link(node);
        aero_replica_on_link_closed(node->replica, "connection lost");
    }
}

static void send_output(struct aero_sim_node *node)
{
    struct aero_slice output;
    while (node->link_open && (output = aero_replica_link_output(node->replica)).length > 0) {
        size_t sent = aero_sim_net_send(node->world->net, node->link, output);
        if (sent == 0) {
            return;
        }
        aero_sim_stranger_overhears(node->world, node->link.connection, true,
                                    aero_slice_of(output.data, sent));
        aero_replica_link_sent(node->replica, sent);
    }
}

/* Its primary, or somebody who answers in its place. */
static const char *whom_it_reaches(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    uint32_t rate = world->swarm.rates[AERO_SIM_ACT_impostor];
    if (world->calm || rate == 0 || aero_choice_below(&world->choice, 1000) >= rate) {
        return "primary";
    }
    node->harm |= AERO_SIM_HARM_IMPOSTOR;
    aero_sim_trace_event(&world->trace, node->name, "dials its primary and reaches a stranger");
    return AERO_SIM_STRANGER;
}

bool aero_sim_replica_drive(struct aero_sim_node *node)
{
    struct aero_replica *replica = node->replica;
    if (aero_replica_wants_evidence(replica)) {
        aero_replica_find_evidence(replica, aero_sim_disk_port(node->disk));
    }
    send_output(node);
    if (node->link.connection != 0 && aero_replica_wants_close(replica)) {
        struct aero_sim_end end = node->link;
        forget_link(node);
        aero_sim_net_close(node->world->net, end);
        aero_replica_on_link_closed(replica, "closed by this node");
    }
    if (aero_replica_wants_reopen(replica)) {
        return false;
    }
    if (node->link.connection == 0 && aero_replica_wants_link(replica)) {
        node->link = aero_sim_net_dial(node->world->net, node->name, whom_it_reaches(node),
                                       AERO_SIM_PORT_REPLICATION);
    }
    if (node->link_refused_bytes) {
        node->link_refused_bytes = false;
        aero_sim_net_poke(node->world->net, node->link);
        send_output(node);
    }
    return true;
}

aero_status aero_sim_replica_install(struct aero_sim_node *node)
{
    return aero_replica_install(node->replica, aero_sim_disk_port(node->disk));
}
