/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_withdrawn.h"

#include "tests/simulation/world.h"

bool aero_check_withdrawn_seen(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                               uint32_t write)
{
    const struct aero_ack_key *written = &world->ack.keys[key];
    if (written->writes[write].state != AERO_ACK_NOTWRITTEN) {
        return true;
    }
    AERO_SIM_VIOLATION(world, "withdrawn", "node %u: %s holds write %u, which was told NOTWRITTEN",
                       node_index, written->name, write);
    return false;
}
