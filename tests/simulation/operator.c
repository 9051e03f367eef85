/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/operator.h"

#include "primary/primary.h"
#include "shipping/view.h"
#include "tests/simulation/check_history.h"
#include "tests/simulation/node.h"
#include "tests/simulation/observer.h"
#include "tests/simulation/resolve.h"
#include "tests/simulation/resp_lite.h"

#define NUDGE_NS 200000000U
#define ROOM_COMES_BACK 100U /* of 1000 looks */

static bool happens(struct aero_sim_world *world, uint32_t per_mille)
{
    return per_mille > 0 && aero_choice_below(&world->choice, 1000) < per_mille;
}

static bool acts_are_over(const struct aero_sim_world *world)
{
    return world->swarm.acts_max != 0 && world->counts.acts >= world->swarm.acts_max;
}

static void look(void *self, uint64_t number)
{
    struct aero_sim_world *world = self;
    if (world->calm || world->verdict.failed) {
        return;
    }
    aero_sim_observe(world);
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        if (happens(world, world->swarm.rates[kind]) && !acts_are_over(world)) {
            world->counts.acts++;
            aero_sim_act((enum aero_sim_act_kind)kind)->run(world);
        }
    }
    if (happens(world, world->swarm.heal)) {
        aero_sim_net_heal(world->net);
    }
    if (happens(world, ROOM_COMES_BACK)) {
        aero_sim_disk_set_capacity(aero_sim_draw_node(world)->disk, 0);
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

static bool all_stream_tails(const struct aero_sim_world *world)
{
    bool all = true;
    for (uint32_t i = 0; i < world->node_count; i++) {
        all &= world->swarm.settings[i].tail_streaming;
    }
    return all;
}

static void nudge(void *self, uint64_t before)
{
    struct aero_sim_world *world = self;
    struct aero_sim_node *primary = world->nodes[0];
    aero_sim_observe(world);
    aero_sim_resolve_look(world);
    if (primary->alive && world->must_reach == UINT64_MAX) {
        uint64_t durable = aero_primary_durable_lsn(primary->primary).value;
        if (before != 0 && durable >= before) {
            world->must_reach =
                all_stream_tails(world) ? durable : end_of_complete_segments(primary);
        } else {
            write_once(primary);
            before = durable + 1;
        }
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
        node->certificate_until_ns = 0;
        aero_sim_disk_crash_at(node->disk, 0, AERO_SIM_KILL);
        aero_sim_disk_set_capacity(node->disk, 0);
        aero_sim_node_crash(node, AERO_SIM_KILL, 1000000);
    }
    world->must_reach = UINT64_MAX;
    aero_sim_after(&world->scheduler, NUDGE_NS, nudge, world, 0);
}
