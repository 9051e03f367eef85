/* SPDX-License-Identifier: Apache-2.0 */
/* What a replica may be seen to hold when it, its primary or the link between them stops anywhere: the twin of tail_streaming
 * and ship_groups. The points are "replica STEP", "primary STEP", "link part" and "link broken"; and "fail STEP ERROR", where
 * "primary read" is one of the steps, too: of what is to be shipped. */
#ifndef AERO_TESTS_EQUIVALENCE_PAIR_H
#define AERO_TESTS_EQUIVALENCE_PAIR_H

#include "tests/equivalence/enumerate.h"

void aero_enumerate_pair(const struct aero_case_list *list, uint32_t switches,
                         struct aero_enumeration *enumeration);

/* The same history, undisturbed: `visit` sees the replica's disk wherever the replica or its primary might be stopped. */
typedef void aero_pair_visitor(void *self, const struct aero_sim_disk *replica);
void aero_pair_visit(uint32_t switches, struct aero_enumeration *enumeration,
                     aero_pair_visitor *visit, void *self);

#endif
