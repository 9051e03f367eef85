/* SPDX-License-Identifier: Apache-2.0 */
/* How a node's core hands disk requests to whoever runs it, host or simulator.
 *
 * A core owns several engines that each issue requests with ids and handle tables of their own.
 * The runner executes a request with its handles and tells the core the owner again with the
 * completion. Requests of one owner and lane run in order. */
#ifndef AERO_SERVER_CORE_REQUEST_H
#define AERO_SERVER_CORE_REQUEST_H

#include "engine/disk.h"

enum aero_core_owner {
    AERO_OWNER_WAL,
    AERO_OWNER_CHECKPOINT,
    AERO_OWNER_BOOTSTRAP, /* a replica that receives a snapshot */
    AERO_OWNER_COUNT,
};

struct aero_core_request {
    enum aero_core_owner owner;
    const struct aero_disk_request *request; /* valid until its completion */
    struct aero_disk_handles *handles;       /* of the owner; requests in flight share no handle */
};

#endif
