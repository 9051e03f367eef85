/* SPDX-License-Identifier: Apache-2.0 */
/* When faults have stopped, everything becomes whole again: every client is answered, the primary takes writes, every replica
 * follows, has caught up and is not in doubt about anything. */
#ifndef AERO_TESTS_SIMULATION_CHECK_PROGRESS_H
#define AERO_TESTS_SIMULATION_CHECK_PROGRESS_H

#include <stdbool.h>

struct aero_sim_world;

/* Whether all is whole now. */
bool aero_check_progress_is_whole(const struct aero_sim_world *world);
/* Time is up: says what is missing. */
void aero_check_progress_judge(struct aero_sim_world *world);

#endif
