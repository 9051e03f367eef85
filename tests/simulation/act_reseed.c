/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's disk is replaced by an empty one: it begins anew, from a snapshot if need be. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define DOWN_MAX_NS 1000000000U

void aero_sim_act_reseed(struct aero_sim_world *world)
{
    struct aero_sim_node *replica = aero_sim_draw_replica(world);
    aero_sim_node_replace_disk(replica, NULL, aero_choice_below(&world->choice, DOWN_MAX_NS));
}
