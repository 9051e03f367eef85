/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery reads no configuration (FM-4.2, DIS-2): whatever switches wrote a directory, a primary's or a replica's, and whatever
 * switches and sizes the process has that starts on it, the state is the same, at once and after that process has been
 * stopped in its turn; and what one of them refuses, all do. */
#ifndef AERO_TESTS_EQUIVALENCE_BLIND_H
#define AERO_TESTS_EQUIVALENCE_BLIND_H

#include "tests/equivalence/observe.h"

/* Returns the number of directories that were started on. */
uint64_t aero_recovery_blind(struct aero_laws *laws);

#endif
