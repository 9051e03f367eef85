/* SPDX-License-Identifier: Apache-2.0 */
/* What one seed is about. Most histories know only some kinds of fault: a world in which everything fails all the time never
 * gets far enough to fail in an interesting place (swarm testing: Groce et al., ISSTA 2012). */
#ifndef AERO_TESTS_SIM_SWARM_H
#define AERO_TESTS_SIM_SWARM_H

#include "engine/checkpoint.h"
#include "engine/wal_writer.h"
#include "tests/sim/choice.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_worker.h"

struct aero_sim_swarm {
    uint32_t replica_count;
    uint32_t writer_count; /* clients of the primary */
    uint32_t reader_count; /* clients of replicas */
    uint32_t pipeline_depth;
    uint32_t commands_per_client;
    uint64_t think_max_ns;

    struct aero_wal_options wal[6]; /* of each node: switches are local (DIS-2) */
    struct aero_checkpoint_options checkpoint;
    bool tail_streaming;
    uint64_t window_bytes;
    bool open_writes_after_cut;
    bool names_in_order;
    struct aero_sim_net_options net;
    struct aero_sim_worker_options worker;

    /* How often each kind of thing happens, of 1000 looks of the operator; 0: never in this seed. */
    uint32_t kill;
    uint32_t power_loss;
    uint32_t clean_restart;
    uint32_t crash_in_disk_work;
    uint32_t crash_in_recovery;
    uint32_t write_fault;
    uint32_t sync_fault;
    uint32_t name_fault;
    uint32_t read_fault;
    uint32_t full_disk;
    uint32_t cut;
    uint32_t clog;
    uint32_t partition;
    uint32_t heal;
    uint32_t clock_jump;
    uint64_t look_ns; /* between looks of the operator */
};

void aero_sim_swarm_draw(struct aero_choice *choice, struct aero_sim_swarm *out_swarm);
/* One line for the head of a trace. */
void aero_sim_swarm_tell(const struct aero_sim_swarm *swarm, struct aero_sim_trace *trace);

#endif
