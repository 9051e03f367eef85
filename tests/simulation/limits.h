/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on the command line: what a smaller history leaves out (swarm.h). */
#ifndef AERO_TESTS_SIMULATION_LIMITS_H
#define AERO_TESTS_SIMULATION_LIMITS_H

#include "tests/simulation/swarm.h"

#define AERO_SIM_LIMITS_TEXT_MAX 512

/* "--without kill,cut --replicas 1 --clients 2 --commands 12 --luck 3"; "" when nothing is left out. */
void aero_sim_limits_format(const struct aero_sim_limits *limits,
                            char out_text[AERO_SIM_LIMITS_TEXT_MAX]);
/* One option and its value, as above without the dashes; false: no such option or value. */
bool aero_sim_limits_parse(struct aero_sim_limits *limits, const char *option, const char *value);

#endif
