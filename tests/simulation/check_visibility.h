/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody sees what a crash can take back (V-1): the primary's log never ends below what anybody was told to be durable, held,
 * or applied; a replica is never sent, and never holds, what the primary did not have durable, and never starts below what it
 * once showed or acknowledged (decision 18). */
#ifndef AERO_TESTS_SIMULATION_CHECK_VISIBILITY_H
#define AERO_TESTS_SIMULATION_CHECK_VISIBILITY_H

#include <stdbool.h>
#include <stdint.h>

#define AERO_CHECK_NODES_MAX 8

struct aero_sim_world;

/* Nodes by their index; 0 is the primary. */
struct aero_check_visibility {
    uint64_t durable; /* the highest that the primary ever said */
    uint64_t seen;    /* the highest that anybody outside of it saw */
    uint64_t
        promised[AERO_CHECK_NODES_MAX]; /* by each replica: applied, or acknowledged as durable */
};

void aero_check_visibility_durable(struct aero_sim_world *world, uint64_t lsn);
/* On its way to that replica; it may never get there. */
void aero_check_visibility_shipped(struct aero_sim_world *world, uint32_t node, uint64_t lsn);
void aero_check_visibility_applied(struct aero_sim_world *world, uint32_t node, uint64_t lsn);
void aero_check_visibility_acknowledged(struct aero_sim_world *world, uint32_t node, uint64_t lsn);
/* `may_have_lost`: its disk lied or was replaced, and what it lost is check_authority.h's affair. */
void aero_check_visibility_recovered(struct aero_sim_world *world, uint32_t node, uint64_t lsn,
                                     bool may_have_lost);

#endif
