/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's machine comes up with an empty disk: a volume that was not mounted. It must not begin anew by itself, which
 * would be another history under the same name; it refuses until it has its own disk back. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define DOWN_MAX_NS 1000000000U

/* Takes the disk away the first time, brings it back the second time; if there is none, resolve.c does. */
void aero_sim_act_empty_primary(struct aero_sim_world *world)
{
    struct aero_sim_node *primary = world->nodes[0];
    if (primary->absent != NULL) {
        aero_sim_node_return_disk(primary, aero_choice_below(&world->choice, DOWN_MAX_NS));
    } else if (primary->was_born) {
        aero_sim_node_take_disk(primary, aero_choice_below(&world->choice, DOWN_MAX_NS));
    }
}
