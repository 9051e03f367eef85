/* SPDX-License-Identifier: Apache-2.0 */
/* A replica may lag, it never goes back: a read that begins after another one was answered there shows the same write of a key
 * or a newer one, over restarts and power losses too, as long as the replica keeps its disk. */
#ifndef AERO_TESTS_SIMULATION_CHECK_MONOTONIC_H
#define AERO_TESTS_SIMULATION_CHECK_MONOTONIC_H

#include <stdbool.h>
#include <stdint.h>

struct aero_sim_world;

#define AERO_MONOTONIC_NODES_MAX 6

struct aero_check_monotonic {
    uint32_t
        *seen[AERO_MONOTONIC_NODES_MAX]; /* the newest write that was shown, by key (check_ack.h) */
    uint32_t capacity[AERO_MONOTONIC_NODES_MAX];
};

void aero_check_monotonic_deinit(struct aero_check_monotonic *check);

/* What a read from this replica that begins now must not fall behind. */
uint32_t aero_check_monotonic_floor(const struct aero_sim_world *world, uint32_t node_index,
                                    uint32_t key);
/* A read showed write `write` (of a counter: its value); `floor` is from when it began. False: it must not. */
bool aero_check_monotonic_seen(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                               uint32_t floor, uint32_t write);
/* Said to be there, without a read of it. */
void aero_check_monotonic_raise(struct aero_sim_world *world, uint32_t node_index, uint32_t key,
                                uint32_t write);
/* The replica lives on another disk: what it showed before is no promise of the new one. */
void aero_check_monotonic_forget(struct aero_sim_world *world, uint32_t node_index);

#endif
