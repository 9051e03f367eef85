/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_authority.h"

#include <stdlib.h>
#include <string.h>

#include "primary/primary.h"
#include "replica/replica.h"
#include "tests/simulation/node.h"

void aero_check_authority_lost(struct aero_sim_world *world, uint64_t lsn)
{
    world->fork_lsn = world->forked && world->fork_lsn < lsn ? world->fork_lsn : lsn;
    world->forked = true;
    for (uint32_t i = 1; i < world->node_count; i++) {
        world->nodes[i]->holds_lost |= world->visibility.promised[i] > lsn;
    }
    aero_sim_trace_event(&world->trace, "checker", "the primary's records end at LSN %llu now",
                         (unsigned long long)lsn);
}

void aero_check_authority_gate(struct aero_sim_world *world, int gate)
{
    if (gate == AERO_GATE_PRIMARY_LOST && !world->forked) {
        AERO_SIM_VIOLATION(world, "authority",
                           "the primary stopped for a loss that did not happen");
    }
    if (gate == AERO_GATE_SUPERSEDED) {
        AERO_SIM_VIOLATION(world, "authority", "the primary was superseded by nobody");
    }
}

static bool has_rotted(const struct aero_sim_world *world, const struct aero_sim_node *replica,
                       const char *name)
{
    for (uint32_t i = 0; i < world->damage.count; i++) {
        const struct aero_damage *damage = &world->damage.damages[i];
        if (damage->node_index == replica->index && strcmp(damage->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the replica has the first record that the primary lost, which is what it would prove the loss with: not if it
 * began with a snapshot from above it, has truncated since, or holds it in a segment that rotted (seed 52011). */
static bool can_prove(const struct aero_sim_world *world, const struct aero_sim_node *replica)
{
    struct aero_buffer names = {0};
    bool can = false;
    uint64_t nearest = 0;
    aero_sim_disk_peek_names(replica->disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        if (strncmp(entry.name, "wal/0", 5) != 0) {
            continue;
        }
        uint64_t first = strtoull(entry.name + strlen("wal/"), NULL, 16);
        if (first <= world->fork_lsn + 1 && first >= nearest) {
            nearest = first;
            can = !has_rotted(world, replica, entry.name);
        }
    }
    aero_buffer_deinit(&names);
    return can;
}

bool aero_check_authority_noticed(const struct aero_sim_world *world, uint32_t node_index)
{
    const struct aero_sim_node *primary = world->nodes[0];
    const struct aero_sim_node *replica = world->nodes[node_index];
    bool primary_stopped =
        primary->alive && aero_primary_manifest(primary->primary)->gate == AERO_GATE_PRIMARY_LOST;
    bool replica_stopped =
        replica->alive && aero_replica_state(replica->replica) == AERO_REPLICA_HALTED;
    return primary_stopped ||
           (replica_stopped && (world->fork_lsn == 0 || !can_prove(world, replica)));
}

void aero_check_authority_judge(struct aero_sim_world *world)
{
    for (uint32_t i = 1; i < world->node_count && world->nodes[0]->alive; i++) {
        const struct aero_sim_node *replica = world->nodes[i];
        if (replica->holds_lost && replica->alive && !aero_check_authority_noticed(world, i)) {
            AERO_SIM_VIOLATION(world, "authority",
                               "%s holds LSN %llu, the primary lost all behind %llu and goes on",
                               replica->name, (unsigned long long)world->visibility.promised[i],
                               (unsigned long long)world->fork_lsn);
        }
    }
}
