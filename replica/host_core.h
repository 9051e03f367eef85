/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's core as the loop of both daemons drives it. The loop borrows it. */
#ifndef AERO_REPLICA_HOST_CORE_H
#define AERO_REPLICA_HOST_CORE_H

#include "host/core.h"

struct aero_replica;

struct aero_host_core aero_replica_core_port(struct aero_replica *replica);

#endif
