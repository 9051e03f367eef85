/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a failing history smaller: fewer kinds of fault, fewer faults, nodes, clients and commands, as long as the same checker
 * goes on complaining. A history that lacks something takes another course, so each smaller one gets a few tries with
 * different luck. */
#ifndef AERO_TESTS_SIMULATION_SHRINK_H
#define AERO_TESTS_SIMULATION_SHRINK_H

#include "tests/simulation/swarm.h"

struct aero_sim_shrink {
    /* Whether the history with these limits still fails in the same way. */
    bool (*fails)(void *self, const struct aero_sim_limits *limits);
    /* A smaller one was found; may be NULL. */
    void (*smaller)(void *self, const struct aero_sim_limits *limits);
    void *self;
    const struct aero_sim_swarm *swarm; /* what the seed draws without limits */
    uint32_t acts;                      /* that happened without limits */
};

/* The smallest that was found; all zeros: nothing can be left out. */
struct aero_sim_limits aero_sim_shrink(const struct aero_sim_shrink *shrink);

#endif
