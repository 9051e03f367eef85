/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_visibility.h"

#include "tests/simulation/check_authority.h"
#include "tests/simulation/world.h"

void aero_check_visibility_durable(struct aero_sim_world *world, uint64_t lsn)
{
    if (lsn > world->visibility.durable) {
        world->visibility.durable = lsn;
    }
}

static void check_durable(struct aero_sim_world *world, uint32_t node, const char *what,
                          uint64_t lsn)
{
    if (lsn > world->visibility.durable && !world->forked) {
        AERO_SIM_VIOLATION(world, "visibility",
                           "replica%u %s LSN %llu, the primary has durable %llu", node, what,
                           (unsigned long long)lsn, (unsigned long long)world->visibility.durable);
    }
}

void aero_check_visibility_shipped(struct aero_sim_world *world, uint32_t node, uint64_t lsn)
{
    check_durable(world, node, "was shipped", lsn);
}

static void check_seen(struct aero_sim_world *world, uint32_t node, const char *what, uint64_t lsn)
{
    check_durable(world, node, what, lsn);
    if (lsn > world->visibility.seen) {
        world->visibility.seen = lsn;
    }
    if (lsn > world->visibility.promised[node]) {
        world->visibility.promised[node] = lsn;
    }
}

void aero_check_visibility_applied(struct aero_sim_world *world, uint32_t node, uint64_t lsn)
{
    check_seen(world, node, "applied", lsn);
}

void aero_check_visibility_acknowledged(struct aero_sim_world *world, uint32_t node, uint64_t lsn)
{
    check_seen(world, node, "acknowledged", lsn);
}

void aero_check_visibility_recovered(struct aero_sim_world *world, uint32_t node, uint64_t lsn,
                                     bool may_have_lost)
{
    if (node != 0) {
        if (lsn < world->visibility.promised[node] && may_have_lost) {
            world->visibility.promised[node] = lsn;
            aero_check_monotonic_forget(world, node);
        } else if (lsn < world->visibility.promised[node]) {
            AERO_SIM_VIOLATION(world, "visibility",
                               "replica%u recovered to LSN %llu, had shown or acknowledged %llu",
                               node, (unsigned long long)lsn,
                               (unsigned long long)world->visibility.promised[node]);
        }
        return;
    }
    if (lsn < world->visibility.durable && may_have_lost) {
        aero_check_authority_lost(world, lsn);
    } else if (lsn < world->visibility.durable) {
        AERO_SIM_VIOLATION(world, "visibility",
                           "the primary recovered to LSN %llu, had said %llu, shown %llu",
                           (unsigned long long)lsn, (unsigned long long)world->visibility.durable,
                           (unsigned long long)world->visibility.seen);
    }
    world->visibility.durable = lsn; /* what recovery shows is durable (decision 2) */
}
