/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/world.h"

#include <stdlib.h>
#include <string.h>

#include "replica/replica.h"
#include "tests/simulation/check_authority.h"
#include "tests/simulation/check_progress.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/judge.h"
#include "tests/simulation/node.h"
#include "tests/simulation/operator.h"

/* The swarm and its course are drawn apart, so that a limit of the one leaves the beginning of the other. */
#define LUCK_STEP 0x9e3779b97f4a7c15ULL
#define WORK_MAX_NS 30000000000ULL
#define CALM_MAX_NS 120000000000ULL

void aero_sim_world_build(struct aero_sim_world *world)
{
    world->net =
        aero_sim_net_new(&world->swarm.net, &world->scheduler, &world->choice, &world->trace);
    world->stranger = aero_sim_stranger_new(world);
    world->node_count = 1 + world->swarm.replica_count;
    for (uint32_t i = 0; i < world->node_count; i++) {
        world->nodes[i] = aero_sim_node_new(world, i);
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        aero_sim_node_start(world->nodes[i]);
    }
    world->client_count = world->swarm.writer_count + world->swarm.reader_count;
    for (uint32_t i = 0; i < world->client_count; i++) {
        uint32_t node_index = i < world->swarm.writer_count ? 0
                                                            : 1 + (i - world->swarm.writer_count) %
                                                                      world->swarm.replica_count;
        world->clients[i] = aero_sim_client_new(world, i, node_index);
    }
}

void aero_sim_world_tear_down(struct aero_sim_world *world)
{
    for (uint32_t i = 0; i < world->node_count; i++) {
        aero_sim_node_end(world->nodes[i]);
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        aero_sim_node_free(world->nodes[i]);
    }
    for (uint32_t i = 0; i < world->client_count; i++) {
        aero_sim_client_free(world->clients[i]);
    }
    aero_sim_stranger_free(world->stranger);
    aero_sim_net_free(world->net);
    aero_sim_scheduler_deinit(&world->scheduler);
    aero_check_ack_deinit(&world->ack);
    aero_check_monotonic_deinit(&world->monotonic);
    aero_check_digest_deinit(&world->digest);
    aero_check_prefix_deinit(&world->prefix);
    aero_check_linear_deinit(&world->linear);
}

static bool all_clients_done(const struct aero_sim_world *world)
{
    for (uint32_t i = 0; i < world->client_count; i++) {
        if (!aero_sim_client_is_done(world->clients[i])) {
            return false;
        }
    }
    return true;
}

bool aero_sim_world_step(struct aero_sim_world *world)
{
    bool moved = aero_sim_step(&world->scheduler);
    return aero_check_progress_step(world, "an event") && moved;
}

static void run_work(struct aero_sim_world *world)
{
    while (!world->verdict.failed && world->scheduler.now_ns < WORK_MAX_NS &&
           !all_clients_done(world)) {
        (void)aero_sim_world_step(world);
    }
}

static void run_calm(struct aero_sim_world *world)
{
    uint64_t end_ns = world->scheduler.now_ns + CALM_MAX_NS;
    for (uint32_t i = 0; i < world->client_count; i++) {
        aero_sim_client_stop(world->clients[i]);
    }
    aero_sim_operator_calm(world);
    while (!world->verdict.failed && world->scheduler.now_ns < end_ns &&
           !aero_check_progress_is_whole(world)) {
        (void)aero_sim_world_step(world);
    }
}

/* One that refuses says so to everybody: check_progress.h has excused it. */
static bool may_be_asked(const struct aero_sim_node *node)
{
    return node->alive &&
           (node->is_primary || aero_replica_state(node->replica) == AERO_REPLICA_FOLLOWING);
}

static void judge(struct aero_sim_world *world)
{
    aero_check_progress_judge(world);
    aero_check_prefix_look(world);
    for (uint32_t i = 0; i < world->node_count && !world->verdict.failed; i++) {
        struct aero_sim_node *node = world->nodes[i];
        if (may_be_asked(node)) {
            aero_sim_judge(world, i, aero_sim_node_server(node));
        }
    }
    if (!world->verdict.failed && !world->forked) {
        aero_check_linear_judge(world);
    }
    aero_check_authority_judge(world);
    aero_check_damage_judge(world);
}

void aero_sim_world_run(uint64_t seed, const struct aero_sim_limits *limits, FILE *print_to,
                        struct aero_sim_report *out_report)
{
    struct aero_sim_world *world = aero_calloc(1, sizeof *world);
    aero_choice_init_seed(&world->choice, seed);
    aero_sim_trace_init(&world->trace, print_to);
    world->scheduler.trace = &world->trace;
    aero_sim_swarm_draw(&world->choice, &world->swarm);
    if (limits != NULL) {
        world->listening = limits->listening;
        world->trace.is_mute = limits->listening == AERO_SIM_MUTE;
        aero_sim_swarm_limit(&world->swarm, limits);
        aero_choice_init_seed(&world->choice, seed ^ (limits->luck + 1) * LUCK_STEP);
    } else {
        aero_choice_init_seed(&world->choice, seed ^ LUCK_STEP);
    }
    aero_sim_swarm_tell(&world->swarm, &world->trace);
    aero_sim_world_build(world);
    aero_sim_operator_begin(world);
    run_work(world);
    if (!world->verdict.failed) {
        run_calm(world);
    }
    if (!world->verdict.failed) {
        judge(world);
    }
    world->counts.tokens = world->session.kept;
    world->counts.undecided = world->linear.undecided;
    for (uint32_t i = 0; i < AERO_LINEAR_KEYS; i++) {
        world->counts.linear += world->linear.keys[i].count;
    }
    *out_report = (struct aero_sim_report){
        .verdict = world->verdict,
        .counts = world->counts,
        .trace_digest = world->trace.digest,
        .virtual_ns = world->scheduler.now_ns,
    };
    aero_sim_world_tear_down(world);
    free(world);
}
