/* SPDX-License-Identifier: Apache-2.0 */
/* Every incarnation is in the manifest, durably, before its first commit (decision 6): on each node, the incarnation that a
 * segment with records names stands in the manifest that a power loss would leave. Looks at bytes, not through the codec. */
#ifndef AERO_TESTS_SIMULATION_CHECK_HISTORY_H
#define AERO_TESTS_SIMULATION_CHECK_HISTORY_H

struct aero_sim_world;

void aero_check_history_look(struct aero_sim_world *world);

#endif
