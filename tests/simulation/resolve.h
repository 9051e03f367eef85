/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does once faults have stopped with nodes that refuse, and say so, because of what was done to them: has
 * a halted replica look again, then gives it an empty disk; leaves a primary that refuses its disk alone, since no command
 * of today brings it back. A node that nothing was done to gets no such help: check_progress.h will ask it why. */
#ifndef AERO_TESTS_SIMULATION_RESOLVE_H
#define AERO_TESTS_SIMULATION_RESOLVE_H

#include "base/status.h"

struct aero_sim_node;
struct aero_sim_world;

/* It did not start although no fault was left. */
void aero_sim_resolve_refusal(struct aero_sim_node *node, aero_status status);
/* Now and then. */
void aero_sim_resolve_look(struct aero_sim_world *world);

#endif
