/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/observer.h"

#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"

static const char *const questions[] = {"INFO",          "ROLE",        "TIME",    "AERO.STATUS",
                                        "AERO.REPLICAS", "AERO.DIGEST", "AERO.LSN"};

static void ask_everything(struct aero_sim_node *node)
{
    struct aero_session *session = aero_session_open(
        aero_sim_node_server(node), &(struct aero_session_options){.peer_address = "observer",
                                                                   .local_address = "here",
                                                                   .trusted = true});
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct aero_buffer request = {0};
        aero_sim_resp_append_command(&request, 1, &questions[i]);
        aero_session_on_input(session, aero_buffer_slice(&request));
        aero_buffer_deinit(&request);
        aero_session_sent(session, aero_session_output(session).length);
    }
    aero_session_close(session);
}

void aero_sim_observe(struct aero_sim_world *world)
{
    if (world->listening != AERO_SIM_CURIOUS) {
        return;
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i]->alive) {
            ask_everything(world->nodes[i]);
        }
    }
}
