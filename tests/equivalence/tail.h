/* SPDX-License-Identifier: Apache-2.0 */
/* What a replica may be seen to hold when it, its primary or the link between them stops anywhere. The points are
 * "replica STEP", "primary STEP", "link part". */
#ifndef AERO_TESTS_EQUIVALENCE_TAIL_H
#define AERO_TESTS_EQUIVALENCE_TAIL_H

#include "tests/equivalence/enumerate.h"

void aero_enumerate_tail(const struct aero_case_list *list, uint32_t switches,
                         struct aero_enumeration *enumeration);

#endif
