/* SPDX-License-Identifier: Apache-2.0 */
/* The failure points of each optimisation: one row here for each row of the table in docs/optimizations/NAME.md, and the
 * other way round. `equivalence_twins --rows NAME` prints the ids; tables.py holds the two lists to each other. */
#ifndef AERO_TESTS_EQUIVALENCE_CASES_H
#define AERO_TESTS_EQUIVALENCE_CASES_H

#include "tests/equivalence/enumerate.h"

/* In the order of the switches; those of shipping are enumerated in pair.c. */
const struct aero_case_list *aero_case_lists(size_t *out_count);

#endif
