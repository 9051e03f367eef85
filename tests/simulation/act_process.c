/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and machines die. */
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define DOWN_MAX_NS 2000000000U
#define AWAY_MAX_NS 15000000000U /* longer than a link may be silent */
#define ONE_AWAY_OF 64U

/* At once, soon, or much later. */
static uint64_t draw_down(struct aero_sim_world *world)
{
    uint64_t kind = aero_choice_below(&world->choice, ONE_AWAY_OF);
    if (kind < ONE_AWAY_OF / 8) {
        return 0;
    }
    return aero_choice_below(&world->choice, kind == ONE_AWAY_OF - 1 ? AWAY_MAX_NS : DOWN_MAX_NS);
}

void aero_sim_act_kill(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    aero_sim_node_crash(node, AERO_SIM_KILL, draw_down(world));
}

void aero_sim_act_power(struct aero_sim_world *world)
{
    bool everybody = aero_choice_below(&world->choice, 4) == 0;
    for (uint32_t i = 0; everybody && i < world->node_count; i++) {
        aero_sim_node_crash(world->nodes[i], AERO_SIM_POWER, draw_down(world));
    }
    struct aero_sim_node *node = aero_sim_draw_node(world);
    aero_sim_node_crash(node, AERO_SIM_POWER, draw_down(world));
}

void aero_sim_act_restart(struct aero_sim_world *world)
{
    aero_sim_node_stop(aero_sim_draw_node(world));
}

/* Between two of the next disk operations, or within one. */
void aero_sim_act_crash_in_work(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    if (node->alive) {
        uint64_t change =
            aero_sim_disk_changes(node->disk) + aero_choice_between(&world->choice, 1, 40);
        bool is_kill = aero_choice_below(&world->choice, 3) == 0;
        aero_sim_disk_crash_at(node->disk, change, is_kill ? AERO_SIM_KILL : AERO_SIM_POWER);
    }
}

void aero_sim_act_clock_jump(struct aero_sim_world *world)
{
    int64_t by_ms = (int64_t)aero_choice_below(&world->choice, 7200000) - 3600000;
    aero_sim_clock_jump(&aero_sim_draw_node(world)->clock, by_ms);
}
