/* SPDX-License-Identifier: Apache-2.0 */
/* Authority (decisions 7, 15, REP-5): a primary that lost records which a replica holds stops taking writes and says so, whatever
 * it has written since; and no primary ever stops on the word of a peer who cannot prove such a loss. */
#ifndef AERO_TESTS_SIMULATION_CHECK_AUTHORITY_H
#define AERO_TESTS_SIMULATION_CHECK_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

struct aero_sim_world;

/* The primary recovered to `lsn`, below what it had said, from a disk that had lied or was replaced. */
void aero_check_authority_lost(struct aero_sim_world *world, uint64_t lsn);
/* The primary's write gate, whenever somebody looks. */
void aero_check_authority_gate(struct aero_sim_world *world, int gate);
/* Whether somebody stopped because of what this replica holds and the primary lost: the primary, or, where nothing can be
 * proven to it, the replica alone: they share not even the beginning of a history, or the replica does not have the first lost
 * record any more. */
bool aero_check_authority_noticed(const struct aero_sim_world *world, uint32_t node_index);
void aero_check_authority_judge(struct aero_sim_world *world);

#endif
