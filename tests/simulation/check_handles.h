/* SPDX-License-Identifier: Apache-2.0 */
/* No two requests in flight on different lanes use one file handle: the disk port's contract, and decision 4's premise (who
 * syncs first takes the other's error away). Looked at when a request is submitted. */
#ifndef AERO_TESTS_SIMULATION_CHECK_HANDLES_H
#define AERO_TESTS_SIMULATION_CHECK_HANDLES_H

#include "server/core_request.h"

/* Whether both may be in flight; false: they share `*out_handle`. */
bool aero_check_handles_apart(const struct aero_core_request *a, const struct aero_core_request *b,
                              uint32_t *out_handle);

#endif
