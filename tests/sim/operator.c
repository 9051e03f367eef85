/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/operator.h"

#include <errno.h>

#include "primary/primary.h"
#include "shipping/view.h"
#include "tests/sim/check_history.h"
#include "tests/sim/node.h"
#include "tests/sim/resp_lite.h"

#define DOWN_MAX_NS 2000000000U
#define CLOG_MAX_NS 1000000000U
#define NUDGE_NS 200000000U

static bool happens(struct aero_sim_world *world, uint32_t per_mille)
{
    return per_mille > 0 && aero_choice_below(&world->choice, 1000) < per_mille;
}

static struct aero_sim_node *draw_node(struct aero_sim_world *world)
{
    return world->nodes[aero_choice_below(&world->choice, world->node_count)];
}

static int draw_errno(struct aero_sim_world *world)
{
    static const int errnos[] = {EIO, EIO, ENOSPC, EDQUOT, EACCES, EROFS};
    return errnos[aero_choice_below(&world->choice, sizeof errnos / sizeof errnos[0])];
}

static void fail_disk(struct aero_sim_world *world, enum aero_sim_call call)
{
    struct aero_sim_node *node = draw_node(world);
    world->counts.disk_faults++;
    aero_sim_disk_fail_call(node->disk, call, aero_choice_between(&world->choice, 1, 8),
                            draw_errno(world));
}

static void break_processes(struct aero_sim_world *world)
{
    const struct aero_sim_swarm *swarm = &world->swarm;
    if (happens(world, swarm->kill)) {
        aero_sim_node_crash(draw_node(world), AERO_SIM_KILL,
                            aero_choice_below(&world->choice, DOWN_MAX_NS));
    }
    if (happens(world, swarm->power_loss)) {
        bool everybody = aero_choice_below(&world->choice, 4) == 0;
        for (uint32_t i = 0; everybody && i < world->node_count; i++) {
            aero_sim_node_crash(world->nodes[i], AERO_SIM_POWER,
                                aero_choice_below(&world->choice, DOWN_MAX_NS));
        }
        aero_sim_node_crash(draw_node(world), AERO_SIM_POWER,
                            aero_choice_below(&world->choice, DOWN_MAX_NS));
    }
    if (happens(world, swarm->clean_restart)) {
        aero_sim_node_stop(draw_node(world));
    }
    if (happens(world, swarm->crash_in_disk_work)) {
        struct aero_sim_node *node = draw_node(world);
        if (node->alive) {
            aero_sim_disk_crash_at(
                node->disk,
                aero_sim_disk_changes(node->disk) + aero_choice_between(&world->choice, 1, 40),
                aero_choice_below(&world->choice, 3) == 0 ? AERO_SIM_KILL : AERO_SIM_POWER);
        }
    }
}

static void break_disks(struct aero_sim_world *world)
{
    const struct aero_sim_swarm *swarm = &world->swarm;
    if (happens(world, swarm->write_fault)) {
        fail_disk(world, AERO_SIM_WRITE);
    }
    if (happens(world, swarm->sync_fault)) {
        if (aero_choice_below(&world->choice, 3) == 0) {
            world->counts.disk_faults++;
            aero_sim_disk_fail_writeback(draw_node(world)->disk);
        } else {
            fail_disk(world, AERO_SIM_SYNC);
        }
    }
    if (happens(world, swarm->name_fault)) {
        static const enum aero_sim_call calls[] = {AERO_SIM_OPEN, AERO_SIM_RENAME, AERO_SIM_UNLINK,
                                                   AERO_SIM_SYNC_DIRECTORY, AERO_SIM_TRUNCATE};
        fail_disk(world, calls[aero_choice_below(&world->choice, 5)]);
    }
    if (happens(world, swarm->read_fault)) {
        fail_disk(world, AERO_SIM_READ);
    }
    if (happens(world, swarm->full_disk)) {
        struct aero_sim_node *node = draw_node(world);
        world->counts.disk_faults++;
        aero_sim_disk_set_capacity(node->disk, aero_sim_disk_used_bytes(node->disk) +
                                                   aero_choice_below(&world->choice, 60000));
    }
    if (happens(world, 100)) {
        aero_sim_disk_set_capacity(draw_node(world)->disk, 0);
    }
}

static void break_network(struct aero_sim_world *world)
{
    const struct aero_sim_swarm *swarm = &world->swarm;
    const char *replica =
        world->nodes[aero_choice_between(&world->choice, 1, world->node_count - 1)]->name;
    bool outward = aero_choice_below(&world->choice, 2) == 0;
    const char *from = outward ? "primary" : replica;
    const char *to = outward ? replica : "primary";
    if (happens(world, swarm->cut)) {
        char client[16];
        snprintf(client, sizeof client, "client%u",
                 (uint32_t)aero_choice_below(&world->choice, world->client_count));
        bool of_client = aero_choice_below(&world->choice, 3) == 0;
        world->counts.network_faults +=
            aero_sim_net_cut(world->net, of_client ? client : replica, "primary");
    }
    if (happens(world, swarm->clog)) {
        world->counts.network_faults++;
        aero_sim_net_clog(world->net, from, to, aero_choice_below(&world->choice, CLOG_MAX_NS));
    }
    if (happens(world, swarm->partition)) {
        world->counts.network_faults++;
        aero_sim_net_partition(world->net, from, to);
    }
    if (happens(world, swarm->heal)) {
        aero_sim_net_heal(world->net);
    }
}

static void look(void *self, uint64_t number)
{
    struct aero_sim_world *world = self;
    if (world->calm || world->verdict.failed) {
        return;
    }
    break_processes(world);
    break_disks(world);
    break_network(world);
    if (happens(world, world->swarm.clock_jump)) {
        int64_t by_ms = (int64_t)aero_choice_below(&world->choice, 7200000) - 3600000;
        aero_sim_clock_jump(&draw_node(world)->clock, by_ms);
    }
    if (number % 16 == 0) {
        aero_check_prefix_look(world);
        aero_check_history_look(world);
    }
    aero_sim_after(&world->scheduler, world->swarm.look_ns, look, world, number + 1);
}

void aero_sim_operator_begin(struct aero_sim_world *world)
{
    aero_sim_after(&world->scheduler, world->swarm.look_ns, look, world, 1);
}

/* The last write of the history. Without tail streaming the segment before it is only shipped because of it. */
static void write_once(struct aero_sim_node *primary)
{
    struct aero_session *session = aero_session_open(
        aero_sim_node_server(primary), &(struct aero_session_options){.peer_address = "operator",
                                                                      .local_address = "here",
                                                                      .trusted = true});
    struct aero_buffer request = {0};
    aero_sim_resp_append_command(&request, 3, (const char *const[]){"SET", "calm", "1"});
    aero_session_on_input(session, aero_buffer_slice(&request));
    aero_session_close(session);
    aero_buffer_deinit(&request);
    aero_sim_node_wake(primary);
}

static uint64_t end_of_complete_segments(const struct aero_sim_node *primary)
{
    const struct aero_shipping_source *source =
        aero_shipping_view_source(aero_primary_shipping_view(primary->primary));
    return source->files[source->file_count - 1].header.prev_end.lsn.value;
}

static void nudge(void *self, uint64_t before)
{
    struct aero_sim_world *world = self;
    struct aero_sim_node *primary = world->nodes[0];
    if (primary->alive) {
        uint64_t durable = aero_primary_durable_lsn(primary->primary).value;
        if (before != 0 && durable >= before) {
            world->must_reach =
                world->swarm.tail_streaming ? durable : end_of_complete_segments(primary);
            return;
        }
        write_once(primary);
        before = durable + 1;
    }
    aero_sim_after(&world->scheduler, NUDGE_NS, nudge, world, before);
}

void aero_sim_operator_calm(struct aero_sim_world *world)
{
    world->calm = true;
    aero_sim_trace_event(&world->trace, "operator", "all faults stop, everybody is restarted");
    aero_sim_net_heal(world->net);
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct aero_sim_node *node = world->nodes[i];
        aero_sim_disk_heal(node->disk);
        aero_sim_disk_crash_at(node->disk, 0, AERO_SIM_KILL);
        aero_sim_disk_set_capacity(node->disk, 0);
        aero_sim_node_crash(node, AERO_SIM_KILL, 1000000);
    }
    world->must_reach = UINT64_MAX;
    aero_sim_after(&world->scheduler, NUDGE_NS, nudge, world, 0);
}
