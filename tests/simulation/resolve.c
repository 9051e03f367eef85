/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/resolve.h"

#include "primary/primary.h"
#include "replica/replica.h"
#include "tests/simulation/act.h"
#include "tests/simulation/check_authority.h"
#include "tests/simulation/node.h"

#define LOOKS_BEFORE_RECONNECT 5U
#define LOOKS_BEFORE_CHECKPOINT 40U
#define LOOKS_BEFORE_RESEED 60U

void aero_sim_resolve_refusal(struct aero_sim_node *node, aero_status status)
{
    struct aero_sim_world *world = node->world;
    if (node->absent != NULL && status.code == AERO_NOT_FOUND) {
        world->counts.refusals++;
        aero_sim_node_return_disk(node, 1000000);
        return;
    }
    bool is_too_old = status.code == AERO_NOT_FOUND && (node->harm & AERO_SIM_HARM_OLD_DISK) != 0;
    bool explicit_refusal = status.code == AERO_CORRUPT || status.code == AERO_MISMATCH ||
                            status.code == AERO_IO /* a sector that cannot be read */ ||
                            is_too_old /* a copy from before there was anything */;
    if (node->harm == 0 || !explicit_refusal) {
        AERO_SIM_VIOLATION(world, "progress", "%s does not start without faults: %s", node->name,
                           aero_code_text(status.code));
        return;
    }
    world->counts.refusals++;
    if (node->is_primary) {
        aero_sim_trace_event(&world->trace, "operator", "the primary refuses its disk: given up");
        world->given_up = true;
    } else {
        aero_sim_node_replace_disk(node, NULL, 1000000);
    }
}

/* Whether something was done that this replica may be in doubt about. */
static bool has_excuse(const struct aero_sim_world *world, const struct aero_sim_node *replica)
{
    return replica->harm != 0 || world->nodes[0]->harm != 0;
}

static void help(struct aero_sim_world *world, struct aero_sim_node *replica)
{
    bool halted = aero_replica_state(replica->replica) == AERO_REPLICA_HALTED;
    bool behind = !replica->holds_lost &&
                  aero_replica_applied_lsn(replica->replica).value < world->must_reach;
    if (!halted && !behind) {
        replica->resolved = 0;
        return;
    }
    replica->resolved++;
    if (replica->resolved == LOOKS_BEFORE_CHECKPOINT) {
        /* What a primary with damaged WAL asks for; a snapshot taken before the damage would end in front of it again. */
        aero_sim_command(world->nodes[0], "AERO.CHECKPOINT");
    } else if (halted && replica->resolved == LOOKS_BEFORE_RECONNECT) {
        world->counts.refusals++;
        aero_sim_command(replica, "AERO.RECONNECT");
    } else if (replica->resolved == LOOKS_BEFORE_RESEED && !replica->holds_lost) {
        aero_sim_node_replace_disk(replica, NULL, 1000000);
    }
}

/* A cut waits for a replica to vouch for it: one that has more than the primary never does, and proves its loss only as long
 * as its log reaches back to it. */
static bool can_nobody_vouch(const struct aero_sim_world *world)
{
    for (uint32_t i = 1; i < world->node_count; i++) {
        if (!world->nodes[i]->holds_lost || !aero_check_authority_noticed(world, i)) {
            return false;
        }
    }
    return true;
}

static bool needs_an_operator(const struct aero_sim_world *world)
{
    const struct aero_sim_node *primary = world->nodes[0];
    if (!primary->alive || !world->forked) {
        return false;
    }
    enum aero_write_gate gate = aero_primary_manifest(primary->primary)->gate;
    return gate == AERO_GATE_PRIMARY_LOST || (gate == AERO_GATE_CUT && can_nobody_vouch(world));
}

void aero_sim_resolve_look(struct aero_sim_world *world)
{
    if (needs_an_operator(world)) {
        world->given_up = true; /* salvage is the operator's next step, not the simulator's */
    }
    for (uint32_t i = 1; i < world->node_count && !world->given_up; i++) {
        struct aero_sim_node *replica = world->nodes[i];
        if (replica->alive && has_excuse(world, replica)) {
            help(world, replica);
        }
    }
}
