/* SPDX-License-Identifier: Apache-2.0 */
/* Clients: each has one connection at a time, sends random commands with a bounded number of answers outstanding, and tells
 * check_ack.h what it was told. Writers talk to the primary, readers to one replica. */
#ifndef AERO_TESTS_SIMULATION_CLIENTS_H
#define AERO_TESTS_SIMULATION_CLIENTS_H

#include "tests/simulation/world.h"

/* `node_index`: 0 for a writer, else the replica that it reads from. */
struct aero_sim_client *aero_sim_client_new(struct aero_sim_world *world, uint32_t index,
                                            uint32_t node_index);
void aero_sim_client_free(struct aero_sim_client *client);
/* Issues nothing new from now on. */
void aero_sim_client_stop(struct aero_sim_client *client);
/* Has nothing to issue and nothing outstanding. */
bool aero_sim_client_is_done(const struct aero_sim_client *client);

#endif
