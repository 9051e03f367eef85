/* SPDX-License-Identifier: Apache-2.0 */
/* The last word: when all is calm, reads every key that a client ever wrote from each node, and has check_ack.h compare. */
#ifndef AERO_TESTS_SIMULATION_JUDGE_H
#define AERO_TESTS_SIMULATION_JUDGE_H

#include <stdint.h>

struct aero_sim_world;
struct aero_server;

/* Node 0 is the primary. */
void aero_sim_judge(struct aero_sim_world *world, uint32_t node_index, struct aero_server *server);

#endif
