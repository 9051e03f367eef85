/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one simulated history: one line an event, and a digest of all lines.
 *
 * Two runs are the same if and only if their digests are: it is what the determinism test compares, under every
 * compiler and sanitizer. So a line never holds an address, a real time or anything else that a rerun would change.
 * Lines look like `    1234 us primary   disk write wal/... at=4096 length=128`. */
#ifndef AERO_TESTS_SIMULATION_TRACE_H
#define AERO_TESTS_SIMULATION_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct aero_sim_trace {
    uint64_t digest;
    uint64_t line_count;
    uint64_t now_ns; /* virtual; the scheduler moves it */
    FILE *print_to;  /* NULL: only the digest is kept */
    bool is_mute;    /* not even that: a fifth of a history's time goes into lines */
};

void aero_sim_trace_init(struct aero_sim_trace *trace, FILE *print_to);
/* `trace` may be NULL: nothing happens. `who` is a node or a part of the world. */
void aero_sim_trace_event(struct aero_sim_trace *trace, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
