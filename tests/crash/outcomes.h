/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that a crash at this moment can leave on a disk.
 *
 *     kill            the cache as it is, un-synced writes still on their way
 *     kill in a write the same, with a beginning of the write that was about to be made
 *     power           each sector of each un-synced write: any of its different versions; each un-synced name: there or not;
 *                     a file whose end moved: as long as its last sector that landed, or as it was to be
 *
 * Power outcomes are walked as paths (tests/simulation/choice.h): all, unless there are more than CRASH_PATHS_MAX, which is
 * counted and said. Sectors and names are each for themselves, which includes every order in which they could have landed. */
#ifndef AERO_TESTS_CRASH_OUTCOMES_H
#define AERO_TESTS_CRASH_OUTCOMES_H

#include "tests/crash/port.h"

#define CRASH_PATHS_MAX 65536U

struct crash_outcomes {
    uint64_t walked;
    uint64_t cut_short; /* moments at which not all paths were walked */
};

/* `image` has been restarted, has no handles, and is gone afterwards unless it is cloned. */
typedef void (*crash_outcome_visit)(void *self, struct aero_sim_disk *image);

/* `next`: the change that was about to be made; NULL: none. */
void crash_outcomes_visit_kills(const struct aero_sim_disk *disk, const struct crash_change *next,
                                struct crash_outcomes *counts, crash_outcome_visit visit,
                                void *self);
void crash_outcomes_visit_power(const struct aero_sim_disk *disk, struct crash_outcomes *counts,
                                crash_outcome_visit visit, void *self);
/* True when all that a power loss can leave before `next` it can leave behind it too: what is not synced only grows by it,
 * and may be lost to the last sector. */
bool crash_outcomes_come_back(const struct crash_change *next);

#endif
