/* SPDX-License-Identifier: Apache-2.0 */
/* A node's clocks: the monotonic one is the virtual time since the node's machine started, the wall clock may jump
 * anywhere, backwards too (FM-time). Ids that the node draws come from the seed. */
#ifndef AERO_TESTS_SIMULATION_SIM_CLOCK_H
#define AERO_TESTS_SIMULATION_SIM_CLOCK_H

#include "base/units.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/scheduler.h"

struct aero_sim_clock {
    const struct aero_sim_scheduler *scheduler;
    uint64_t mono_base_ns;
    int64_t wall_offset_ms;
};

/* The wall clock begins at a fixed day, so that nothing depends on when a test runs. */
void aero_sim_clock_init(struct aero_sim_clock *clock, const struct aero_sim_scheduler *scheduler);
/* A new monotonic clock that has nothing to do with the last one. */
void aero_sim_clock_reboot(struct aero_sim_clock *clock, uint64_t mono_base_ns);
void aero_sim_clock_jump(struct aero_sim_clock *clock, int64_t by_ms);
aero_mono_ns aero_sim_clock_mono(const struct aero_sim_clock *clock);
aero_wall_ms aero_sim_clock_wall(const struct aero_sim_clock *clock);
/* Never the all-zero id. */
aero_id aero_sim_draw_id(struct aero_choice *choice);

#endif
