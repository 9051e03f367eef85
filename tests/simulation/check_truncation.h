/* SPDX-License-Identifier: Apache-2.0 */
/* A segment goes only when the manifest durably does without it (FM-9.2, decision 13): the floors of both slots, as a power loss
 * would leave them, are at or above every segment that is missing below the newest one. Looked at whenever names changed. */
#ifndef AERO_TESTS_SIMULATION_CHECK_TRUNCATION_H
#define AERO_TESTS_SIMULATION_CHECK_TRUNCATION_H

struct aero_sim_node;

void aero_check_truncation_look(const struct aero_sim_node *node);

#endif
