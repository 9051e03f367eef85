/* SPDX-License-Identifier: Apache-2.0 */
#include "shipping/backoff.h"

#define FIRST_DEFAULT_NS 100000000ULL
#define MAX_DEFAULT_NS 10000000000ULL

uint64_t aero_backoff_delay_ns(const struct aero_backoff_options *options, uint32_t attempt,
                               struct aero_prng *prng)
{
    uint64_t ceiling_ns = options->first_ns == 0 ? FIRST_DEFAULT_NS : options->first_ns;
    uint64_t max_ns = options->max_ns == 0 ? MAX_DEFAULT_NS : options->max_ns;
    for (uint32_t i = 0; i < attempt && ceiling_ns < max_ns; i++) {
        ceiling_ns *= 2;
    }
    ceiling_ns = ceiling_ns < max_ns ? ceiling_ns : max_ns;
    uint64_t half_ns = ceiling_ns / 2;
    return half_ns + aero_prng_below(prng, ceiling_ns - half_ns + 1);
}
