/* SPDX-License-Identifier: Apache-2.0 */
/* The state after LSN n has one digest, whoever computes it and whenever (DET-1): recovery, replicas, the primary. */
#ifndef AERO_TESTS_SIMULATION_CHECK_DIGEST_H
#define AERO_TESTS_SIMULATION_CHECK_DIGEST_H

#include <stdint.h>

#include "engine/tree.h"

struct aero_sim_world;

struct aero_check_digest_entry {
    bool known;
    struct aero_summary summary;
};

struct aero_check_digest {
    struct aero_check_digest_entry *entries; /* by LSN */
    uint64_t capacity;
};

void aero_check_digest_deinit(struct aero_check_digest *check);
void aero_check_digest_state(struct aero_sim_world *world, const char *node, uint64_t lsn,
                             struct aero_summary summary);

#endif
