/* SPDX-License-Identifier: Apache-2.0 */
/* When faults have stopped, everything becomes whole again: every client is answered, the primary takes writes, every replica
 * follows, has caught up and is not in doubt about anything. And before that: time goes on. What spins at one moment of virtual
 * time, or does more than any history does, is a broken promise of the seed's, not a program that hangs. A loop inside one
 * call into a core is out of its reach. */
#ifndef AERO_TESTS_SIMULATION_CHECK_PROGRESS_H
#define AERO_TESTS_SIMULATION_CHECK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct aero_sim_world;

struct aero_check_progress {
    uint64_t moment_ns;    /* the last moment at which anything was done */
    uint64_t moment_steps; /* of it */
    uint64_t steps;        /* of the history */
};

/* `who` does one more thing: an event, or a turn of a loop inside of one. False: no more of it, the bound is passed and the
 * verdict says so. */
bool aero_check_progress_step(struct aero_sim_world *world, const char *who);
/* Whether all is whole now. */
bool aero_check_progress_is_whole(const struct aero_sim_world *world);
/* Time is up: says what is missing. */
void aero_check_progress_judge(struct aero_sim_world *world);

#endif
