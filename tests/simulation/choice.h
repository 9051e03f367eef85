/* SPDX-License-Identifier: Apache-2.0 */
/* Where the simulator's luck comes from: either a seed, or a path through all possible outcomes.
 *
 * Everything in the simulator that could go one way or another asks `aero_choice_below`. With a seed the answers are
 * pseudo-random and the same seed gives the same answers on every machine. In enumeration the answers follow a
 * path, and `aero_choice_next_path` moves to the next one until every path has been walked: the same world code
 * serves the random campaign and the exhaustive one. */
#ifndef AERO_TESTS_SIMULATION_CHOICE_H
#define AERO_TESTS_SIMULATION_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

#define AERO_CHOICE_PATH_MAX 256

struct aero_choice {
    struct aero_prng prng;
    bool enumerating;
    uint64_t taken[AERO_CHOICE_PATH_MAX];
    uint64_t bound[AERO_CHOICE_PATH_MAX];
    uint32_t path_length;
    uint32_t depth;
};

void aero_choice_init_seed(struct aero_choice *choice, uint64_t seed);

/* The first path takes 0 at every question. Asserts that no path asks more than AERO_CHOICE_PATH_MAX questions. */
void aero_choice_init_paths(struct aero_choice *choice);
/* False when every path has been walked. The walk of each path must ask the same questions as long as it gets the
 * same answers, which a deterministic world does by nature. */
bool aero_choice_next_path(struct aero_choice *choice);

/* Uniform in [0, bound) under a seed; bound is at least 1. */
uint64_t aero_choice_below(struct aero_choice *choice, uint64_t bound);
/* In [low, high], both included. */
uint64_t aero_choice_between(struct aero_choice *choice, uint64_t low, uint64_t high);
/* True `millionths` times in a million; never asks when it cannot be true. */
bool aero_choice_chance(struct aero_choice *choice, uint32_t millionths);

#endif
