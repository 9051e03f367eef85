/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that the enumeration is there for, each broken on purpose: a check that cannot fail is no check.
 *
 * Most are disk operations left out where the engine asks for them, as an engine without that line would: an operation on a
 * kind of file, of one node or of recovery. The others replace an engine's function (CMakeLists.txt, --wrap). Nothing in
 * the engine knows of them, so they cannot rot unseen: a mutant that does nothing any more is not caught, and fails. */
#ifndef AERO_TESTS_CRASH_MUTANTS_H
#define AERO_TESTS_CRASH_MUTANTS_H

#include "tests/crash/explore.h"
#include "tests/crash/histories.h"

enum crash_mutant_check {
    CRASH_BY_EXPLORING,
    CRASH_BY_SURVIVING,
    CRASH_BY_FLIPPING,
};

struct crash_mutant {
    const char *name;
    const char *text; /* what the engine would do without the rule, and which rule it is */
    enum crash_mutant_check check;
    const char *world;
    enum crash_step steps[CRASH_LENGTH_MAX]; /* the history that shows it */
    uint32_t length;
};

const struct crash_mutant *crash_mutants(size_t *out_count);
/* Has the pair, or recoveries, behave as the mutant does; NULL: as they are. */
void crash_mutant_apply(const struct crash_mutant *mutant, struct crash_explorer *explorer);

#endif
