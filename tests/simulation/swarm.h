/* SPDX-License-Identifier: Apache-2.0 */
/* What one seed is about. Most histories know only some kinds of fault: a world in which everything fails all the time never
 * gets far enough to fail in an interesting place (swarm testing: Groce et al., ISSTA 2012). */
#ifndef AERO_TESTS_SIMULATION_SWARM_H
#define AERO_TESTS_SIMULATION_SWARM_H

#include "engine/checkpoint.h"
#include "engine/wal_writer.h"
#include "tests/simulation/act.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/sim_net.h"
#include "tests/simulation/sim_worker.h"

#define AERO_SIM_NODES_MAX 6
#define AERO_SIM_WISHES 10

/* What a node's operator configures: each node its own, since switches are local (DIS-2), and another one at each start
 * that act_reconfigure.c meddles with (DIS-1). */
struct aero_sim_settings {
    struct aero_wal_options wal;
    struct aero_checkpoint_options checkpoint;
    bool tail_streaming;
    bool read_fast_path;
    uint32_t ship_groups;
    uint64_t window_bytes;
    bool open_writes_after_cut;
    size_t output_pause_bytes; /* of a client's session */
    uint32_t held_count_max;
};

/* Who hears what the nodes tell. Nobody's hearing may change what they do (OBS-1). */
enum aero_sim_listening {
    AERO_SIM_TOLD, /* their log is part of the story */
    AERO_SIM_CURIOUS, /* every event is logged, and every status asked for again and again; none of it is in the story */
    AERO_SIM_DEAF, /* nobody asks, and every line of the log is dropped */
    AERO_SIM_MUTE, /* as told, but nothing is: there is no story, and its digest stays 0 */
};

/* Less than what the seed draws: how a failure is made smaller (shrink.h). Zeros change nothing. */
struct aero_sim_limits {
    enum aero_sim_listening listening;
    uint64_t without; /* a bit for each act that does not happen */
    uint32_t replicas;
    uint32_t clients;
    uint32_t commands; /* of each client */
    uint32_t acts;     /* of fate and of operators: no more than so many */
    uint64_t luck;     /* another course of the same swarm */
};

struct aero_sim_swarm {
    uint32_t replica_count;
    uint32_t writer_count; /* clients of the primary */
    uint32_t reader_count; /* clients of replicas */
    uint32_t pipeline_depth;
    uint32_t commands_per_client;
    uint64_t think_max_ns;
    /* How much of each kind of command writers have, as a multiple of the usual; in the order of clients.c. */
    uint32_t wishes[AERO_SIM_WISHES];

    struct aero_sim_settings settings[AERO_SIM_NODES_MAX];
    bool names_in_order;
    bool sectors_tear; /* against the assumption that decision 16 states */
    struct aero_sim_net_options net;
    struct aero_sim_worker_options worker;

    /* How often each act happens, of 1000 looks of the operator; 0: never in this seed. */
    uint32_t rates[AERO_SIM_ACT_COUNT];
    uint32_t acts_max; /* 0: no limit */
    uint32_t heal;     /* the network, of 1000 looks */
    uint64_t look_ns;  /* between looks of the operator */
};

struct aero_sim_settings aero_sim_settings_draw(struct aero_choice *choice);
void aero_sim_swarm_draw(struct aero_choice *choice, struct aero_sim_swarm *out_swarm);
void aero_sim_swarm_limit(struct aero_sim_swarm *swarm, const struct aero_sim_limits *limits);
/* Lines for the head of a trace. */
void aero_sim_swarm_tell(const struct aero_sim_swarm *swarm, struct aero_sim_trace *trace);

#endif
