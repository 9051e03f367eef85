/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/act.h"

#include <stddef.h>

#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"

/* Asked for where they happen, at a start and at a dial: nothing to do at a look. */
void aero_sim_act_crash_in_recovery(struct aero_sim_world *world)
{
    (void)world;
}

void aero_sim_act_impostor(struct aero_sim_world *world)
{
    (void)world;
}

const struct aero_sim_act *aero_sim_act(enum aero_sim_act_kind kind)
{
    static const struct aero_sim_act acts[] = {
#define AERO_SIM_ACT_ROW(row_name, row_most, row_one_of) \
    {.name = #row_name, .most = row_most, .one_of = row_one_of, .run = aero_sim_act_##row_name},
        AERO_SIM_ACTS(AERO_SIM_ACT_ROW)
#undef AERO_SIM_ACT_ROW
    };
    _Static_assert(sizeof acts / sizeof acts[0] == AERO_SIM_ACT_COUNT, "a row for each kind");
    return &acts[kind];
}

struct aero_sim_node *aero_sim_draw_node(struct aero_sim_world *world)
{
    return world->nodes[aero_choice_below(&world->choice, world->node_count)];
}

struct aero_sim_node *aero_sim_draw_replica(struct aero_sim_world *world)
{
    return world->nodes[aero_choice_between(&world->choice, 1, world->node_count - 1)];
}

void aero_sim_command(struct aero_sim_node *node, const char *word)
{
    if (!node->alive) {
        return;
    }
    struct aero_session *session = aero_session_open(
        aero_sim_node_server(node), &(struct aero_session_options){.peer_address = "operator",
                                                                   .local_address = "here",
                                                                   .trusted = true});
    struct aero_buffer request = {0};
    aero_sim_resp_append_command(&request, 1, (const char *const[]){word});
    aero_session_on_input(session, aero_buffer_slice(&request));
    aero_session_close(session);
    aero_buffer_deinit(&request);
    aero_sim_trace_event(&node->world->trace, "operator", "%s on %s", word, node->name);
    aero_sim_node_wake(node);
}
