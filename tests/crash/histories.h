/* SPDX-License-Identifier: Apache-2.0 */
/* All sequences of steps, in each of a few worlds.
 *
 * A history is explored at the crash points of its last step, and at its end: the points of the steps before are those of the
 * shorter history that it begins with, which is enumerated too: everything is deterministic, so it is the very same. The
 * history of no step at all is the world's beginning. */
#ifndef AERO_TESTS_CRASH_HISTORIES_H
#define AERO_TESTS_CRASH_HISTORIES_H

#include "tests/crash/explore.h"
#include "tests/crash/steps.h"

#define CRASH_LENGTH_MAX 8U

struct crash_world {
    const char *name;
    const char *text;
    struct crash_setup setup;
};
const struct crash_world *crash_worlds(size_t *out_count);

struct crash_history {
    const struct crash_world *world;
    enum crash_step steps[CRASH_LENGTH_MAX];
    uint32_t length;
};
/* "aged-fast put ship": what replays it. */
void crash_history_text(const struct crash_history *history, char out_text[200]);

/* Explores one. */
void crash_history_explore(const struct crash_history *history, struct crash_explorer *explorer);
/* Runs it again and again: each time a node, or both, dies at another one of its points, disk or link, and comes back, while the
 * other lives on with what it remembers. The steps that are left follow, and in the end all must be whole. */
void crash_history_survive(const struct crash_history *history, struct crash_explorer *explorer);

/* The next sequence of the same length with the same first `fixed` steps; false when it was the last. Room is lacking in
 * histories of up to three steps only. */
bool crash_history_next(struct crash_history *history, uint32_t fixed);

#endif
