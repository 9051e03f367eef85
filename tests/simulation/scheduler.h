/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual time: what happens next is the earliest event, and among equals the one that was scheduled first. Nothing else
 * orders a simulated world, so that the same seed gives the same history everywhere. */
#ifndef AERO_TESTS_SIMULATION_SCHEDULER_H
#define AERO_TESTS_SIMULATION_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulation/trace.h"

struct aero_sim_event {
    uint64_t at_ns;
    uint64_t number;
    void (*run)(void *self, uint64_t argument);
    void *self;
    uint64_t argument;
};

struct aero_sim_scheduler {
    struct aero_sim_event *heap;
    size_t count;
    size_t capacity;
    uint64_t now_ns;
    uint64_t next_number;
    struct aero_sim_trace *trace; /* may be NULL; told the time */
};

/* Zero-initialised with `trace` set is ready. */
void aero_sim_scheduler_deinit(struct aero_sim_scheduler *scheduler);
/* Events cannot be taken back: whoever may be gone by then puts a number into `argument` that tells. */
void aero_sim_after(struct aero_sim_scheduler *scheduler, uint64_t delay_ns,
                    void (*run)(void *self, uint64_t argument), void *self, uint64_t argument);
/* Runs the next event; false when there is none. */
bool aero_sim_step(struct aero_sim_scheduler *scheduler);
/* When the next event is due; UINT64_MAX when there is none. */
uint64_t aero_sim_next_at(const struct aero_sim_scheduler *scheduler);

#endif
