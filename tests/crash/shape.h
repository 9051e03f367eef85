/* SPDX-License-Identifier: Apache-2.0 */
/* What a recovery meets, does and finds, but for the bytes and the numbers in names: which files there are, of how many
 * sectors; which sectors and names are not synced; each change, and where; the verdict, on what evidence, and how far the end
 * is from what has to be there. Two recoveries of one shape take the same steps in the same order to the same places, and a crash
 * of either leaves the same choices: they differ in what keys, values, checksums and LSNs say, which recovery compares and
 * replays, and by which it takes no other way that would not show. */
#ifndef AERO_TESTS_CRASH_SHAPE_H
#define AERO_TESTS_CRASH_SHAPE_H

#include "tests/crash/recover.h"

struct crash_shape {
    struct aero_u128 name;
};

/* In this order; changes as they come. */
void crash_shape_begin(struct crash_shape *shape, const struct aero_sim_disk *disk);
void crash_shape_change(struct crash_shape *shape, const struct crash_change *change);
/* `low`: the LSN that must have survived. */
void crash_shape_end(struct crash_shape *shape, const struct crash_result *result, uint64_t low);

#endif
