/* SPDX-License-Identifier: Apache-2.0 */
/* Networks cut, hold up and lose. */
#include <stdio.h>

#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define CLOG_MAX_NS 1000000000U

struct lane {
    const char *from;
    const char *to;
};

static struct lane draw_lane(struct aero_sim_world *world)
{
    const char *replica = aero_sim_draw_replica(world)->name;
    bool outward = aero_choice_below(&world->choice, 2) == 0;
    return (struct lane){.from = outward ? "primary" : replica,
                         .to = outward ? replica : "primary"};
}

void aero_sim_act_cut(struct aero_sim_world *world)
{
    char client[16];
    const char *replica = aero_sim_draw_replica(world)->name;
    snprintf(client, sizeof client, "client%u",
             (uint32_t)aero_choice_below(&world->choice, world->client_count));
    bool of_client = aero_choice_below(&world->choice, 3) == 0;
    world->counts.network_faults +=
        aero_sim_net_cut(world->net, of_client ? client : replica, "primary");
}

void aero_sim_act_clog(struct aero_sim_world *world)
{
    struct lane lane = draw_lane(world);
    world->counts.network_faults++;
    aero_sim_net_clog(world->net, lane.from, lane.to,
                      aero_choice_below(&world->choice, CLOG_MAX_NS));
}

/* One way; it ends when the operator heals the network. */
void aero_sim_act_partition(struct aero_sim_world *world)
{
    struct lane lane = draw_lane(world);
    world->counts.network_faults++;
    aero_sim_net_partition(world->net, lane.from, lane.to);
}
