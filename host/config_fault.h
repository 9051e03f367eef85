/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a configuration unfit although each of its values is valid: what a daemon could not run with is said before
 * it runs, by --check-config too. */
#ifndef AERO_HOST_CONFIG_FAULT_H
#define AERO_HOST_CONFIG_FAULT_H

#include "base/config.h"

/* The first fault, as a sentence that names the keys; NULL: there is none. Of either daemon's table. */
const char *aero_config_find_fault(const struct aero_config *config);

#endif
