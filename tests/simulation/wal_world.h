/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest world: one WAL writer with its commit pipeline over a disk that goes wrong, crashed anywhere, recovered,
 * and crashed in recovery, life after life.
 *
 * Judged by a model of the log (model.h):
 *   ack       what was durable is there after every crash (D-1)
 *   notwritten what was said to have failed for good never comes back (decision 11)
 *   prefix    the recovered state is the state after some record of the log, whole (D-2), and the log has no other
 *   again     recovering twice gives the same (FR-3); what recovery once showed stays (decision 2) */
#ifndef AERO_TESTS_SIMULATION_WAL_WORLD_H
#define AERO_TESTS_SIMULATION_WAL_WORLD_H

#include <stdint.h>
#include <stdio.h>

#include "tests/simulation/verdict.h"

struct aero_wal_world_report {
    struct aero_sim_verdict verdict;
    uint64_t trace_digest;
    uint64_t commits;
    uint64_t acknowledged;
    uint64_t crashes;
    uint64_t recoveries;
    uint64_t refusals; /* recoveries that said no while faults were on */
    uint64_t failures; /* told by the WAL */
    uint64_t torn_tails;
};

/* One history. `print_to` may be NULL. */
void aero_wal_world_run(uint64_t seed, FILE *print_to, struct aero_wal_world_report *out_report);

#endif
