/* SPDX-License-Identifier: Apache-2.0 */
/* A node's disk is replaced by a copy of itself from some time ago. An operator who restores a copy of a volume does this, and so
 * does a storage system that fails over to a stale mirror.
 *
 * A replica may then hold less than it acknowledged: it says so, the primary reports it, and it catches up. A primary that
 * lost records which a replica holds must not go on as if they had never been: PRIMARY_LOST (decision 7); check_authority.c
 * waits for it. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define DOWN_MAX_NS 1000000000U

/* Takes a copy the first time, uses it the second time. */
static void go_back(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    if (node->backup == NULL) {
        node->backup = aero_sim_disk_clone(node->disk, &world->choice);
        aero_sim_trace_event(&world->trace, "operator", "copies the disk of %s", node->name);
        return;
    }
    struct aero_sim_disk *backup = node->backup;
    node->backup = NULL;
    aero_sim_node_replace_disk(node, backup, aero_choice_below(&world->choice, DOWN_MAX_NS));
}

void aero_sim_act_old_replica(struct aero_sim_world *world)
{
    go_back(aero_sim_draw_replica(world));
}

void aero_sim_act_old_primary(struct aero_sim_world *world)
{
    if (!world->forked && world->nodes[0]->absent == NULL) {
        go_back(world->nodes[0]);
    }
}
