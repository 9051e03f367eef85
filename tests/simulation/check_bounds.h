/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and queues stay within their bounds (DET-3): what a client's session, a sender, a receiver and a disk worker hold,
 * the files that a process has open, and the tree beside what it contains. Looked at after each turn. */
#ifndef AERO_TESTS_SIMULATION_CHECK_BOUNDS_H
#define AERO_TESTS_SIMULATION_CHECK_BOUNDS_H

#include <stdint.h>

struct aero_sim_node;
struct aero_sim_world;

void aero_check_bounds_look(struct aero_sim_node *node);
/* `held` of `what` on this node; more than `limit` breaks the promise. */
void aero_check_bounds(struct aero_sim_world *world, const char *node, const char *what,
                       uint64_t held, uint64_t limit);

#endif
