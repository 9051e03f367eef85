/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before dialling again: liveness only, never data (FM-time). */
#ifndef AERO_SHIPPING_BACKOFF_H
#define AERO_SHIPPING_BACKOFF_H

#include "base/prng.h"

struct aero_backoff_options {
    uint64_t first_ns; /* 0: 100 ms */
    uint64_t max_ns;   /* 0: 10 s */
};

/* The delay before attempt `attempt` (0 is the first after a loss): uniform in the upper half of
 * min(max, first * 2^attempt), so that replicas which lost the same primary do not come back
 * together. */
uint64_t aero_backoff_delay_ns(const struct aero_backoff_options *options, uint32_t attempt,
                               struct aero_prng *prng);

#endif
