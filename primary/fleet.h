/* SPDX-License-Identifier: Apache-2.0 */
/* The replicas as the primary knows them: who is connected, and what each has acknowledged on its
 * present connection.
 *
 * Acknowledgements are bound to a connection and cleared when it closes (decision 23): WAIT and
 * WAITAOF count only what a replica in FOLLOWING said on the connection that it has now. Bounded
 * by AERO_FLEET_MAX. */
#ifndef AERO_PRIMARY_FLEET_H
#define AERO_PRIMARY_FLEET_H

#include <stdbool.h>

#include "base/units.h"
#include "engine/history.h"

#define AERO_FLEET_MAX 32

struct aero_fleet_member {
    uint64_t connection; /* 0: the slot is free */
    char name[AERO_NODE_NAME_MAX];
    char address[64];
    char state[32]; /* of the link: "handshake", "snapshot", "streaming", ... */
    bool following;
    aero_lsn received;
    aero_lsn durable;
    aero_lsn applied;
    aero_mono_ns acknowledged_at;
};

struct aero_fleet {
    struct aero_fleet_member members[AERO_FLEET_MAX];
};

/* The member of `connection`, a new one when it is not there yet; NULL when the fleet is full. */
struct aero_fleet_member *aero_fleet_join(struct aero_fleet *fleet, uint64_t connection);
struct aero_fleet_member *aero_fleet_find(struct aero_fleet *fleet, uint64_t connection);
void aero_fleet_leave(struct aero_fleet *fleet, uint64_t connection);
uint32_t aero_fleet_count_applied(const struct aero_fleet *fleet, aero_lsn lsn);
uint32_t aero_fleet_count_durable(const struct aero_fleet *fleet, aero_lsn lsn);
uint32_t aero_fleet_count(const struct aero_fleet *fleet);

#endif
