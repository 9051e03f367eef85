/* SPDX-License-Identifier: Apache-2.0 */
/* Decision 11: a write that was answered with NOTWRITTEN never comes back, whatever dies and recovers after it. Judged by every
 * value that any client is shown by any node. */
#ifndef AERO_TESTS_SIMULATION_CHECK_WITHDRAWN_H
#define AERO_TESTS_SIMULATION_CHECK_WITHDRAWN_H

#include <stdbool.h>
#include <stdint.h>

struct aero_sim_world;

/* A read from that node (0: the primary) showed write `write` of key `key` (check_ack.h). False: it must not. */
bool aero_check_withdrawn_seen(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                               uint32_t write);

#endif
