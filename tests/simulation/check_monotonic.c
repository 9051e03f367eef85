/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_monotonic.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/world.h"

void aero_check_monotonic_deinit(struct aero_check_monotonic *check)
{
    for (uint32_t i = 0; i < AERO_MONOTONIC_NODES_MAX; i++) {
        free(check->seen[i]);
    }
    memset(check, 0, sizeof *check);
}

uint32_t aero_check_monotonic_floor(const struct aero_sim_world *world, uint32_t node_index,
                                    uint32_t key)
{
    const struct aero_check_monotonic *check = &world->monotonic;
    return key < check->capacity[node_index] ? check->seen[node_index][key] : 0;
}

void aero_check_monotonic_raise(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                                uint32_t write)
{
    struct aero_check_monotonic *check = &world->monotonic;
    uint32_t capacity = check->capacity[node_index];
    if (key >= capacity) {
        uint32_t more = 2 * key + 32;
        check->seen[node_index] = aero_realloc(check->seen[node_index], more * sizeof(uint32_t));
        memset(check->seen[node_index] + capacity, 0, (more - capacity) * sizeof(uint32_t));
        check->capacity[node_index] = more;
    }
    uint32_t *seen = &check->seen[node_index][key];
    *seen = write > *seen ? write : *seen;
}

bool aero_check_monotonic_seen(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                               uint32_t floor, uint32_t write)
{
    if (write < floor) {
        AERO_SIM_VIOLATION(world, "monotonic", "replica%u: %s holds write %u, %u was seen there",
                           node_index, world->ack.keys[key].name, write, floor);
        return false;
    }
    aero_check_monotonic_raise(world, node_index, key, write);
    return true;
}

void aero_check_monotonic_forget(struct aero_sim_world *world, uint32_t node_index)
{
    struct aero_check_monotonic *check = &world->monotonic;
    if (check->capacity[node_index] != 0) {
        memset(check->seen[node_index], 0, check->capacity[node_index] * sizeof(uint32_t));
    }
}
