/* SPDX-License-Identifier: Apache-2.0 */
/* Hints for records that are about to be applied: replay waits for the tree's memory more than for anything else, and
 * searches that are known together can wait together.
 *
 *     looked_at = looked_at == 0 ? aero_look_ahead(tree, records behind this one) : looked_at - 1;
 *
 * Changes nothing and believes nothing: the bytes may be unverified, and what is no commit ends the look. */
#ifndef AERO_ENGINE_LOOK_AHEAD_H
#define AERO_ENGINE_LOOK_AHEAD_H

#include "engine/tree.h"

/* Records at the beginning of `records` whose keys were asked for: as many need no other look. */
size_t aero_look_ahead(const struct aero_tree *tree, struct aero_slice records);

#endif
