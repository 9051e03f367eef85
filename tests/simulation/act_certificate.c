/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's certificate is refused for a while: expired, of another authority (the transport closes what it has just
 * accepted), or its name is not on the list (the sender says so). Nothing is in doubt: it goes on once that is mended. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define TROUBLE_MAX_NS 3000000000ULL

void aero_sim_act_certificate(struct aero_sim_world *world)
{
    struct aero_sim_node *replica = aero_sim_draw_replica(world);
    replica->certificate = aero_choice_below(&world->choice, 2) == 0
                               ? AERO_SIM_CERTIFICATE_REFUSED
                               : AERO_SIM_CERTIFICATE_NOT_LISTED;
    replica->certificate_until_ns =
        world->scheduler.now_ns + aero_choice_below(&world->choice, TROUBLE_MAX_NS);
    world->counts.network_faults++;
    aero_sim_trace_event(
        &world->trace, "operator", "%s has a certificate that is %s", replica->name,
        replica->certificate == AERO_SIM_CERTIFICATE_REFUSED ? "not valid" : "not listed");
    aero_sim_net_cut(world->net, replica->name, "primary");
}
