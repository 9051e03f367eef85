/* SPDX-License-Identifier: Apache-2.0 */
/* Greedy: leaves out one thing after the other, in rounds, until a round finds nothing more. Each number is halved as long as
 * that works, and then counted down. */
#include "tests/simulation/shrink.h"

#include <stddef.h>

#define TRIES 6U

/* The same luck first, then others. */
static bool holds(const struct aero_sim_shrink *shrink, struct aero_sim_limits *best,
                  struct aero_sim_limits candidate)
{
    for (uint64_t i = 0; i < TRIES; i++) {
        candidate.luck = (best->luck + i) % TRIES;
        if (shrink->fails(shrink->self, &candidate)) {
            *best = candidate;
            if (shrink->smaller != NULL) {
                shrink->smaller(shrink->self, best);
            }
            return true;
        }
    }
    return false;
}

static bool drop_acts(const struct aero_sim_shrink *shrink, struct aero_sim_limits *best)
{
    bool any = false;
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        struct aero_sim_limits candidate = *best;
        candidate.without |= (uint64_t)1 << kind;
        if (shrink->swarm->rates[kind] > 0 && candidate.without != best->without) {
            any |= holds(shrink, best, candidate);
        }
    }
    return any;
}

/* `member` is the offset of one of the numbers; `drawn` is what the seed has. */
static bool lower(const struct aero_sim_shrink *shrink, struct aero_sim_limits *best, size_t member,
                  uint32_t drawn)
{
    bool any = false;
    bool halving = true;
    for (;;) {
        struct aero_sim_limits candidate = *best;
        uint32_t *number = (uint32_t *)(void *)((char *)&candidate + member);
        uint32_t now = *number == 0 ? drawn : *number;
        if (now <= 1) {
            return any;
        }
        *number = halving ? now / 2 : now - 1;
        if (holds(shrink, best, candidate)) {
            any = true;
        } else if (halving) {
            halving = false;
        } else {
            return any;
        }
    }
}

struct aero_sim_limits aero_sim_shrink(const struct aero_sim_shrink *shrink)
{
    struct aero_sim_limits best = {0};
    const struct aero_sim_swarm *swarm = shrink->swarm;
    bool any = true;
    while (any) {
        any = lower(shrink, &best, offsetof(struct aero_sim_limits, commands),
                    swarm->commands_per_client);
        any |= drop_acts(shrink, &best);
        any |= lower(shrink, &best, offsetof(struct aero_sim_limits, acts), shrink->acts);
        any |=
            lower(shrink, &best, offsetof(struct aero_sim_limits, replicas), swarm->replica_count);
        any |= lower(shrink, &best, offsetof(struct aero_sim_limits, clients),
                     swarm->writer_count + swarm->reader_count);
    }
    return best;
}
