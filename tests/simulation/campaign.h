/* SPDX-License-Identifier: Apache-2.0 */
/* Histories by the number: runs them, adds up what happened, says which broke a promise. */
#ifndef AERO_TESTS_SIMULATION_CAMPAIGN_H
#define AERO_TESTS_SIMULATION_CAMPAIGN_H

#include "tests/simulation/wal_world.h"
#include "tests/simulation/world.h"

struct aero_sim_campaign {
    bool is_wal; /* the small world */
    struct aero_sim_limits limits;
    bool with_trace;
};

/* Each returns an exit status: 0, or 1 when a promise was broken. */
int aero_sim_run_one(const struct aero_sim_campaign *campaign, uint64_t seed);
int aero_sim_run_many(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count);
/* Twice each: both must tell the same story. */
int aero_sim_run_twice(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count);
/* Each with somebody who hears everything and with nobody: both must be the same history (OBS-1). */
int aero_sim_run_unheard(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count);
/* A line "SEED DIGEST" each, for comparing builds. */
int aero_sim_print_digests(const struct aero_sim_campaign *campaign, uint64_t first,
                           uint64_t count);
/* Looks for the smallest history that breaks the same promise as this one. */
int aero_sim_print_shrunk(const struct aero_sim_campaign *campaign, uint64_t seed);

#endif
