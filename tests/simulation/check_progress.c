/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_progress.h"

#include "primary/primary.h"
#include "replica/replica.h"
#include "tests/simulation/check_authority.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/node.h"
#include "tests/simulation/world.h"

/* Of 5,000 sound seeds the busiest moment has 2,313 steps, and the busiest history 2.5 million: a node that always has
 * something to do takes a turn every 30 us, for up to 150 s. */
#define MOMENT_STEPS_MAX 100000U
#define HISTORY_STEPS_MAX 50000000U

bool aero_check_progress_step(struct aero_sim_world *world, const char *who)
{
    struct aero_check_progress *check = &world->progress;
    if (check->moment_ns != world->scheduler.now_ns) {
        check->moment_ns = world->scheduler.now_ns;
        check->moment_steps = 0;
    }
    check->moment_steps++;
    check->steps++;
    if (check->moment_steps <= MOMENT_STEPS_MAX && check->steps <= HISTORY_STEPS_MAX) {
        return true;
    }
    if (!world->verdict.failed) {
        AERO_SIM_VIOLATION(
            world, "progress", "%llu steps at one moment, %llu in all, the last by %s: a livelock",
            (unsigned long long)check->moment_steps, (unsigned long long)check->steps, who);
    }
    return false;
}

/* Without tail streaming a segment is shipped when it is complete: a replica whose snapshot stands in the last one has no log
 * of its own yet and shows nothing (docs/optimizations/tail_streaming.md). */
static bool waits_for_its_first_segment(const struct aero_sim_world *world, uint32_t index)
{
    const struct aero_sim_node *node = world->nodes[index];
    const struct aero_replica *replica = node->replica;
    bool streams =
        world->swarm.settings[0].tail_streaming && world->swarm.settings[index].tail_streaming;
    return !streams && node->link_open &&
           aero_replica_state(replica) == AERO_REPLICA_BOOTSTRAPPING &&
           aero_replica_applied_lsn(replica).value == 0;
}

static const char *what_is_missing(const struct aero_sim_world *world, uint32_t *out_index)
{
    const struct aero_sim_node *primary = world->nodes[0];
    *out_index = 0;
    if (world->given_up) {
        return NULL;
    }
    if (!primary->alive) {
        return "the primary is not up";
    }
    if (aero_primary_manifest(primary->primary)->gate != AERO_GATE_OPEN) {
        return "the primary's writes are closed";
    }
    for (uint32_t i = 1; i < world->node_count; i++) {
        const struct aero_sim_node *node = world->nodes[i];
        *out_index = i;
        if (!node->alive) {
            return "a replica is not up";
        }
        if (node->holds_lost) {
            if (!aero_check_authority_noticed(world, i)) {
                return "nobody notices what a replica holds and the primary lost";
            }
            continue;
        }
        if (waits_for_its_first_segment(world, i)) {
            continue;
        }
        /* Nor is a log that fills no segment: an empty replica stays empty, and one whose snapshot stands in such a segment
         * shows no more than the segments before it. */
        enum aero_replica_state state = aero_replica_state(node->replica);
        bool reached = aero_replica_applied_lsn(node->replica).value >= world->must_reach;
        bool has_nothing_to_take =
            reached && node->link_open &&
            (state == AERO_REPLICA_EMPTY || state == AERO_REPLICA_BOOTSTRAPPING);
        if (state != AERO_REPLICA_FOLLOWING && !has_nothing_to_take) {
            return "a replica does not follow";
        }
        if (!reached) {
            return "a replica has not caught up";
        }
    }
    for (uint32_t i = 0; i < world->client_count; i++) {
        *out_index = i;
        if (!aero_sim_client_is_done(world->clients[i])) {
            return "a client waits for an answer";
        }
    }
    return NULL;
}

bool aero_check_progress_is_whole(const struct aero_sim_world *world)
{
    uint32_t index;
    return what_is_missing(world, &index) == NULL;
}

void aero_check_progress_judge(struct aero_sim_world *world)
{
    uint32_t index;
    const char *missing = what_is_missing(world, &index);
    if (missing == NULL) {
        return;
    }
    const struct aero_sim_node *primary = world->nodes[0];
    const struct aero_sim_node *node = index < world->node_count ? world->nodes[index] : primary;
    bool is_replica = node->alive && !node->is_primary;
    AERO_SIM_VIOLATION(
        world, "progress", "%s (%u): primary durable %llu, replica state %d applied %llu", missing,
        index,
        primary->alive ? (unsigned long long)aero_primary_durable_lsn(primary->primary).value : 0,
        is_replica ? (int)aero_replica_state(node->replica) : -1,
        is_replica ? (unsigned long long)aero_replica_applied_lsn(node->replica).value : 0);
}
