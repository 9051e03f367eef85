/* SPDX-License-Identifier: Apache-2.0 */
/* A node is started again with every optimisation, size and limit drawn anew (DIS-1, DIS-2): after a clean stop, a kill or a
 * power loss, so that each of them finds on disk what any other one left there, whole or torn. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

void aero_sim_act_reconfigure(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    world->swarm.settings[node->index] = aero_sim_settings_draw(&world->choice);
    aero_sim_trace_event(&world->trace, "operator", "%s gets other settings", node->name);
    switch (aero_choice_below(&world->choice, 3)) {
    case 0:
        aero_sim_node_stop(node);
        break;
    case 1:
        aero_sim_node_crash(node, AERO_SIM_KILL, 1000000);
        break;
    default:
        aero_sim_node_crash(node, AERO_SIM_POWER, 1000000);
    }
}
