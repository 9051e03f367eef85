/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing states by what names them: how many entries there are, and their digest. */
#ifndef AERO_ENGINE_SUMMARY_H
#define AERO_ENGINE_SUMMARY_H

#include "engine/tree.h"

static inline bool aero_summary_equal(struct aero_summary a, struct aero_summary b)
{
    return a.count == b.count && aero_u128_equal(a.digest, b.digest);
}

#endif
