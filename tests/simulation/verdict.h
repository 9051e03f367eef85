/* SPDX-License-Identifier: Apache-2.0 */
/* What the checkers found: the first broken promise of a history, by whom and how. */
#ifndef AERO_TESTS_SIMULATION_VERDICT_H
#define AERO_TESTS_SIMULATION_VERDICT_H

#include <stdbool.h>

#include "tests/simulation/trace.h"

struct aero_sim_verdict {
    bool failed;
    char checker[16]; /* "ack", "prefix", "digest", "visibility", "progress", "recovery" */
    char text[400];
};

/* Keeps the first; later ones are only traced. */
void aero_sim_violation(struct aero_sim_verdict *verdict, struct aero_sim_trace *trace,
                        const char *checker, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
