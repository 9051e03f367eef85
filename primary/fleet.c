/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/fleet.h"

#include <string.h>

#include "base/assert.h"

struct aero_fleet_member *aero_fleet_find(struct aero_fleet *fleet, uint64_t connection)
{
    AERO_ASSERT(connection != 0);
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        if (fleet->members[i].connection == connection) {
            return &fleet->members[i];
        }
    }
    return NULL;
}

struct aero_fleet_member *aero_fleet_join(struct aero_fleet *fleet, uint64_t connection)
{
    struct aero_fleet_member *member = aero_fleet_find(fleet, connection);
    for (size_t i = 0; member == NULL && i < AERO_FLEET_MAX; i++) {
        if (fleet->members[i].connection == 0) {
            member = &fleet->members[i];
            *member = (struct aero_fleet_member){.connection = connection};
        }
    }
    return member;
}

void aero_fleet_leave(struct aero_fleet *fleet, uint64_t connection)
{
    struct aero_fleet_member *member = aero_fleet_find(fleet, connection);
    if (member != NULL) {
        *member = (struct aero_fleet_member){0};
    }
}

uint32_t aero_fleet_count_applied(const struct aero_fleet *fleet, aero_lsn lsn)
{
    uint32_t count = 0;
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        const struct aero_fleet_member *member = &fleet->members[i];
        count += member->following && member->applied.value >= lsn.value;
    }
    return count;
}

uint32_t aero_fleet_count_durable(const struct aero_fleet *fleet, aero_lsn lsn)
{
    uint32_t count = 0;
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        const struct aero_fleet_member *member = &fleet->members[i];
        count += member->following && member->durable.value >= lsn.value;
    }
    return count;
}

uint32_t aero_fleet_count(const struct aero_fleet *fleet)
{
    uint32_t count = 0;
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        count += fleet->members[i].connection != 0;
    }
    return count;
}
