/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of AeroDB in one process and one seed: the production cores of a primary, its replicas and their
 * clients over simulated disks, network and clocks.
 *
 *     clients.c  random commands over RESP ---- net ----> node.c (sessions, turns, life and death)
 *                                                          node_primary.c  core + senders
 *                replica links ---------------- net ----> node_replica.c  core + receiver
 *     operator.c when things go wrong; act_*.c what: one file an act or a family of acts
 *     stranger.c somebody in the network who is not what he says
 *     check_*.c  what must be true, each promise in a file (docs/simulation.md: what they lean on)
 *
 * The seed draws a swarm (swarm.h): which faults, how hard, which switches, sizes, numbers. Then faults and work go on for a
 * while; then all faults stop, everybody is restarted, and the world must become whole again. */
#ifndef AERO_TESTS_SIMULATION_WORLD_H
#define AERO_TESTS_SIMULATION_WORLD_H

#include "tests/simulation/check_ack.h"
#include "tests/simulation/check_damage.h"
#include "tests/simulation/check_digest.h"
#include "tests/simulation/check_linear.h"
#include "tests/simulation/check_monotonic.h"
#include "tests/simulation/check_prefix.h"
#include "tests/simulation/check_progress.h"
#include "tests/simulation/check_session.h"
#include "tests/simulation/check_visibility.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/sim_net.h"
#include "tests/simulation/stranger.h"
#include "tests/simulation/swarm.h"
#include "tests/simulation/verdict.h"

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
    uint64_t tokens;       /* of which a replica said that it had reached them */
    uint64_t linear;       /* operations that were put in an order */
    uint64_t undecided;    /* keys for which the search for one was given up */
    uint64_t strangers;    /* connections of somebody who is not what he says */
    uint64_t damages;  /* bits, sectors and blocks that rotted, and writes that a disk lied about */
    uint64_t refusals; /* nodes that halted or did not start because of such a thing */
    uint64_t disks_replaced;
    uint64_t acts; /* of the operator and of fate, of all kinds */
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
    enum aero_sim_listening listening;
    bool calm; /* faults have stopped */
    bool
        forked; /* the primary's disk went back: records that replicas hold are not its own any more */
    uint64_t fork_lsn;   /* then: where it began again */
    bool given_up;       /* the primary refuses its disk, and says so: nothing is left to expect */
    uint64_t must_reach; /* then: the LSN that every replica has to reach */
    struct aero_check_ack ack;
    struct aero_check_monotonic monotonic;
    struct aero_check_digest digest;
    struct aero_check_prefix prefix;
    struct aero_check_visibility visibility;
    struct aero_check_linear linear;
    struct aero_check_session session;
    struct aero_check_damage damage;
    struct aero_check_progress progress;
    struct aero_sim_stranger *stranger;
};

#define AERO_SIM_VIOLATION(world, checker, ...) \
    aero_sim_violation(&(world)->verdict, &(world)->trace, checker, __VA_ARGS__)

struct aero_sim_report {
    struct aero_sim_verdict verdict;
    struct aero_sim_counts counts;
    uint64_t trace_digest;
    uint64_t virtual_ns;
};

/* Machines, processes and clients, as the swarm wants them; choice, trace and scheduler are there. For tests, too, that tell
 * a story of their own: nothing happens that is not stepped to, and no fate or operator acts. */
void aero_sim_world_build(struct aero_sim_world *world);
/* All that was built; the world itself stays the caller's. */
void aero_sim_world_tear_down(struct aero_sim_world *world);

/* The next event, and whether there was one and the world may go on (check_progress.h). */
bool aero_sim_world_step(struct aero_sim_world *world);

/* One history. `limits` and `print_to` may be NULL. */
void aero_sim_world_run(uint64_t seed, const struct aero_sim_limits *limits, FILE *print_to,
                        struct aero_sim_report *out_report);

#endif
