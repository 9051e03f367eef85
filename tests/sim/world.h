/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of AeroDB in one process and one seed: the production cores of a primary, its replicas and their
 * clients over simulated disks, network and clocks.
 *
 *     clients.c  random commands over RESP ---- net ----> node.c (sessions, turns, life and death)
 *                                                          node_primary.c  core + senders
 *                replica links ---------------- net ----> node_replica.c  core + receiver
 *     operator.c what goes wrong and what people do
 *     check_*.c  what must be true, each promise in a file, none of them sharing code with what it checks
 *
 * The seed draws a swarm (swarm.h): which faults, how hard, which switches, sizes, numbers. Then faults and work go on for a
 * while; then all faults stop, everybody is restarted, and the world must become whole again. */
#ifndef AERO_TESTS_SIM_WORLD_H
#define AERO_TESTS_SIM_WORLD_H

#include "tests/sim/check_ack.h"
#include "tests/sim/check_digest.h"
#include "tests/sim/check_prefix.h"
#include "tests/sim/check_visibility.h"
#include "tests/sim/choice.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/swarm.h"
#include "tests/sim/verdict.h"

#define AERO_SIM_NODES_MAX 6
#define AERO_SIM_CLIENTS_MAX 8

struct aero_sim_node;
struct aero_sim_client;

struct aero_sim_counts {
    uint64_t commands;
    uint64_t acknowledged_writes;
    uint64_t failed_writes;
    uint64_t kills;
    uint64_t power_losses;
    uint64_t restarts;
    uint64_t disk_faults;
    uint64_t network_faults;
    uint64_t snapshots_installed;
    uint64_t checkpoints;
    uint64_t prefix_bytes; /* compared between primary and replicas */
    uint64_t digests;      /* compared */
};

struct aero_sim_world {
    struct aero_choice choice;
    struct aero_sim_trace trace;
    struct aero_sim_scheduler scheduler;
    struct aero_sim_net *net;
    struct aero_sim_swarm swarm;
    struct aero_sim_verdict verdict;
    struct aero_sim_counts counts;
    struct aero_sim_node *nodes[AERO_SIM_NODES_MAX]; /* [0] is the primary */
    uint32_t node_count;
    struct aero_sim_client *clients[AERO_SIM_CLIENTS_MAX];
    uint32_t client_count;
    bool calm;           /* faults have stopped */
    uint64_t must_reach; /* then: the LSN that every replica has to reach */
    struct aero_check_ack ack;
    struct aero_check_digest digest;
    struct aero_check_prefix prefix;
    struct aero_check_visibility visibility;
};

#define AERO_SIM_VIOLATION(world, checker, ...) \
    aero_sim_violation(&(world)->verdict, &(world)->trace, checker, __VA_ARGS__)

struct aero_sim_report {
    struct aero_sim_verdict verdict;
    struct aero_sim_counts counts;
    uint64_t trace_digest;
    uint64_t virtual_ns;
};

/* One history. `print_to` may be NULL. */
void aero_sim_world_run(uint64_t seed, FILE *print_to, struct aero_sim_report *out_report);

#endif
