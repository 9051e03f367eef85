/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody who asks every node for all that it tells, again and again, and does nothing with it (OBS-1): draws no luck, wakes
 * nobody, is no part of the story. A history with him and one without are the same history. */
#ifndef AERO_TESTS_SIMULATION_OBSERVER_H
#define AERO_TESTS_SIMULATION_OBSERVER_H

struct aero_sim_world;

void aero_sim_observe(struct aero_sim_world *world);

#endif
