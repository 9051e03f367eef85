/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing places in history: the one question that two nodes, two files, or a file and a record ask of each other. */
#ifndef AERO_BASE_POSITION_H
#define AERO_BASE_POSITION_H

#include "base/units.h"

/* Whether both name the same prefix of the same history. */
static inline bool aero_position_equal(struct aero_position a, struct aero_position b)
{
    return a.lsn.value == b.lsn.value && a.chain == b.chain;
}

#endif
