/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a core's disk requests in virtual time, one operation at a time: the simulator's twin of the host's disk workers.
 *
 * Requests of one owner and lane run in order, lanes run side by side, every operation takes a drawn time, and between two
 * operations anything may happen, a crash too. The core hears of a completion some time after its last operation. Requests of
 * two lanes that use one handle break the port's contract (decision 4: who syncs first takes the other's error away). */
#ifndef AERO_TESTS_SIMULATION_SIM_WORKER_H
#define AERO_TESTS_SIMULATION_SIM_WORKER_H

#include "server/core_request.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/scheduler.h"

struct aero_sim_worker_options {
    uint64_t op_min_ns;
    uint64_t op_max_ns;
    uint32_t stall_millionths; /* an operation takes up to a second (FM-7.1) */
};

struct aero_sim_worker_events {
    void (*on_completion)(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion);
    /* An operation met a crash: told once, and then nothing more until the next start. */
    void (*on_crash)(void *self);
    /* A request that shares `handle` with one in flight on another lane was submitted. */
    void (*on_shared_handle)(void *self, uint32_t handle);
};

struct aero_sim_worker;
struct aero_sim_worker *
aero_sim_worker_new(const struct aero_sim_worker_options *options, struct aero_disk disk,
                    struct aero_sim_scheduler *scheduler, struct aero_choice *choice,
                    const struct aero_sim_worker_events *events, void *self);
void aero_sim_worker_free(struct aero_sim_worker *worker);
void aero_sim_worker_submit(struct aero_sim_worker *worker,
                            const struct aero_core_request *request);
/* The process ended: requests are forgotten, wherever they are, and never looked at again. Handles are closed. */
void aero_sim_worker_reset(struct aero_sim_worker *worker);
/* Requests that have not been completed. */
uint32_t aero_sim_worker_pending(const struct aero_sim_worker *worker);

#endif
