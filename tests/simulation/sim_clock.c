/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/sim_clock.h"

#include "base/le.h"

#define FIRST_DAY_MS 1700000000000LL

void aero_sim_clock_init(struct aero_sim_clock *clock, const struct aero_sim_scheduler *scheduler)
{
    *clock = (struct aero_sim_clock){.scheduler = scheduler, .wall_offset_ms = FIRST_DAY_MS};
}

void aero_sim_clock_reboot(struct aero_sim_clock *clock, uint64_t mono_base_ns)
{
    clock->mono_base_ns = mono_base_ns;
}

void aero_sim_clock_jump(struct aero_sim_clock *clock, int64_t by_ms)
{
    int64_t after = clock->wall_offset_ms + by_ms;
    clock->wall_offset_ms = after < 0 ? 0 : after;
}

aero_mono_ns aero_sim_clock_mono(const struct aero_sim_clock *clock)
{
    return (aero_mono_ns){.value = clock->scheduler->now_ns + clock->mono_base_ns};
}

aero_wall_ms aero_sim_clock_wall(const struct aero_sim_clock *clock)
{
    return (aero_wall_ms){.value =
                              clock->scheduler->now_ns / 1000000 + (uint64_t)clock->wall_offset_ms};
}

aero_id aero_sim_draw_id(struct aero_choice *choice)
{
    aero_id id;
    aero_store_u64(id.bytes, aero_choice_between(choice, 1, UINT64_MAX - 1));
    aero_store_u64(id.bytes + 8, aero_choice_between(choice, 0, UINT64_MAX - 1));
    return id;
}
