/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded generator (xoshiro256**) for jitter, sampling and the simulator: never for secrets or nonces, which
 * come from the entropy port. The same seed gives the same numbers on every machine. */
#ifndef AERO_BASE_PRNG_H
#define AERO_BASE_PRNG_H

#include <stdint.h>

struct aero_prng {
    uint64_t state[4];
};

void aero_prng_init(struct aero_prng *prng, uint64_t seed);
uint64_t aero_prng_next(struct aero_prng *prng);
/* Uniform in [0, bound); bound is at least 1. */
uint64_t aero_prng_below(struct aero_prng *prng, uint64_t bound);

#endif
