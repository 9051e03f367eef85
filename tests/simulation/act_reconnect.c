/* SPDX-License-Identifier: Apache-2.0 */
/* An operator tells a replica to dial anew, halted or not: it must never make anything worse. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

void aero_sim_act_reconnect(struct aero_sim_world *world)
{
    aero_sim_command(aero_sim_draw_replica(world), "AERO.RECONNECT");
}
