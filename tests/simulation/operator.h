/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong, and what people do about it: looks at the world every now and then and rolls the dice of the swarm. */
#ifndef AERO_TESTS_SIMULATION_OPERATOR_H
#define AERO_TESTS_SIMULATION_OPERATOR_H

#include "tests/simulation/world.h"

/* Begins to look; ends by itself when the world is calm. */
void aero_sim_operator_begin(struct aero_sim_world *world);
/* Takes back all faults and restarts everybody. */
void aero_sim_operator_calm(struct aero_sim_world *world);

#endif
