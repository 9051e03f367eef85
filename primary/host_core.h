/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's core as the loop of both daemons drives it. The loop borrows it. */
#ifndef AERO_PRIMARY_HOST_CORE_H
#define AERO_PRIMARY_HOST_CORE_H

#include "host/core.h"

struct aero_primary;

struct aero_host_core aero_primary_core_port(struct aero_primary *primary);

#endif
