/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/histories.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Actions of the steps before that go on before the next one begins. */
#define OVERLAP_ACTIONS 2
/* A primary without room looks for some this often, or more. */
#define ROOM_LOOKED_FOR_NS UINT64_C(10000000000)
/* Longer histories have room, and their recoveries are crashed once a shape. */
#define EVERY_LENGTH_MAX 3U
/* A history that has not so many points is not finite. */
#define POINTS_MAX 5000U

#define FAST                                                                                     \
    {                                                                                            \
        .group_commit = true, .wal_batching = true, .overlapped_sync = true, .wal_recycle = true \
    }

static const struct crash_world worlds[] = {
    {"young-plain", "an empty pair, every switch of the log off", {.pins_hold = true}},
    {"young-fast",
     "an empty pair, every switch of the log on",
     {.switches = FAST, .pins_hold = true}},
    {"aged-plain",
     "two snapshots, segments, every switch of the log off",
     {.aged = true, .pins_hold = true}},
    {"aged-fast",
     "two snapshots, segments, every switch of the log on",
     {.switches = FAST, .aged = true, .pins_hold = true}},
    {"aged-capped",
     "aged-fast where no pin keeps WAL: a late replica needs a snapshot",
     {.switches = FAST, .aged = true}},
    {"aged-overlap",
     "aged-fast where a step begins while those before are at work",
     {.switches = FAST, .aged = true, .pins_hold = true, .overlaps = true}},
    {"aged-pipelined",
     "aged-overlap where commits go on while a checkpoint runs",
     {.switches = FAST, .aged = true, .pins_hold = true, .overlaps = true, .pipelined = true}},
};

const struct crash_world *crash_worlds(size_t *out_count)
{
    *out_count = sizeof worlds / sizeof worlds[0];
    return worlds;
}

void crash_history_text(const struct crash_history *history, char out_text[200])
{
    size_t used = (size_t)snprintf(out_text, 200, "%s", history->world->name);
    for (uint32_t i = 0; i < history->length; i++) {
        used += (size_t)snprintf(out_text + used, 200 - used, " %s",
                                 crash_step_name(history->steps[i]));
    }
}

bool crash_history_next(struct crash_history *history, uint32_t fixed)
{
    enum crash_step end =
        history->length > EVERY_LENGTH_MAX ? CRASH_STEP_NO_ROOM : CRASH_STEP_COUNT;
    for (uint32_t i = history->length; i-- > fixed;) {
        if (history->steps[i] + 1 < end) {
            history->steps[i]++;
            return true;
        }
        history->steps[i] = CRASH_STEP_PUT;
    }
    return false;
}

/* ---- Running one ---------------------------------------------------------------------------------------------- */

static void run_step(struct crash_pair *pair, enum crash_step step)
{
    crash_step_begin(pair, step);
    if (!pair->setup.overlaps) {
        crash_pair_settle(pair);
    }
    for (int i = 0; i < OVERLAP_ACTIONS && crash_pair_act(pair); i++) {
    }
}

static void fail_with_pair(struct crash_explorer *explorer, const struct crash_pair *pair)
{
    if (pair->broken[0] != '\0') {
        crash_explorer_fail(explorer, "run", "%s", pair->broken);
    }
}

static void explore_ends(struct crash_explorer *explorer, struct crash_pair *pair)
{
    for (int i = 0; i < 2 && pair->broken[0] == '\0'; i++) {
        crash_explore_point(explorer, pair, &pair->node[i], NULL);
    }
}

/* What a death or a lack of room excused is over: the pair is whole, and takes writes again once the log has looked for room. */
static void expect_recovered(struct crash_pair *pair)
{
    pair->mono_ns += ROOM_LOOKED_FOR_NS;
    pair->no_space = 0; /* a log that was closed had not asked for that room yet */
    crash_pair_expect_whole(pair);
    pair->may_refuse = false;
    crash_step_run(pair, CRASH_STEP_BATCH);
    crash_pair_expect_whole(pair);
}

static struct crash_pair *new_pair(struct crash_explorer *explorer)
{
    struct crash_pair *pair = aero_calloc(1, sizeof *pair);
    pair->mutate = explorer->mutate;
    pair->mutate_self = explorer->mutate_self;
    return pair;
}

static void free_pair(struct crash_pair *pair)
{
    crash_pair_end(pair);
    free(pair);
}

void crash_history_explore(const struct crash_history *history, struct crash_explorer *explorer)
{
    struct crash_pair *pair = new_pair(explorer);
    explorer->totals.histories++;
    explorer->once_a_shape = history->length > EVERY_LENGTH_MAX;
    pair->self = explorer;
    pair->on_point = history->length == 0 ? crash_explore_point : NULL;
    pair->mutate = history->length == 0 ? explorer->mutate : NULL;
    crash_pair_begin(pair, &history->world->setup);
    for (uint32_t i = 0; i < history->length; i++) {
        bool is_last = i + 1 == history->length;
        pair->on_point = is_last ? crash_explore_point : NULL;
        pair->mutate = is_last ? explorer->mutate : NULL;
        run_step(pair, history->steps[i]);
    }
    crash_pair_settle(pair);
    explore_ends(explorer, pair);
    pair->on_point = NULL;
    expect_recovered(pair);
    fail_with_pair(explorer, pair);
    free_pair(pair);
}

/* ---- Survivors ------------------------------------------------------------------------------------------------ */

enum death {
    DEATH_PRIMARY,
    DEATH_REPLICA,
    DEATH_BOTH,
    DEATH_COUNT,
};

struct killer {
    uint32_t countdown; /* to the point at which it happens; 0: it has */
    enum death death;
    enum aero_sim_crash how;
};

static void kill_at_point(void *self, struct crash_pair *pair, struct crash_node *node,
                          const struct crash_change *change)
{
    struct killer *killer = self;
    (void)node;
    (void)change;
    if (killer->countdown == 0 || --killer->countdown > 0) {
        return;
    }
    if (killer->death != DEATH_REPLICA) {
        crash_pair_kill(pair, &pair->node[0], killer->how);
    }
    if (killer->death != DEATH_PRIMARY) {
        crash_pair_kill(pair, &pair->node[1], killer->how);
    }
}

/* False when the history has no such point. */
static bool survive_once(const struct crash_history *history, struct crash_explorer *explorer,
                         uint32_t point, enum death death, enum aero_sim_crash how)
{
    static const char *const names[] = {"the primary", "the replica", "both"};
    struct killer killer = {.countdown = point, .death = death, .how = how};
    struct crash_pair *pair = new_pair(explorer);
    crash_pair_begin(pair, &history->world->setup);
    pair->self = &killer;
    pair->on_point = kill_at_point;
    for (uint32_t i = 0; i < history->length; i++) {
        run_step(pair, history->steps[i]);
    }
    crash_pair_settle(pair);
    bool reached = killer.countdown == 0;
    explorer->totals.lives += reached;
    pair->on_point = NULL;
    expect_recovered(pair);
    if (pair->broken[0] != '\0') {
        crash_explorer_fail(explorer, "survivors", "%s died %s at point %u: %s", names[death],
                            how == AERO_SIM_KILL ? "by kill" : "by power", point, pair->broken);
    }
    free_pair(pair);
    return reached;
}

void crash_history_survive(const struct crash_history *history, struct crash_explorer *explorer)
{
    static const enum aero_sim_crash hows[] = {AERO_SIM_KILL, AERO_SIM_POWER_LOSE};
    bool reached = true;
    for (uint32_t point = 1; reached && !explorer->failed; point++) {
        AERO_ASSERT(point < POINTS_MAX);
        for (int death = 0; death < DEATH_COUNT && reached; death++) {
            for (size_t i = 0; i < sizeof hows / sizeof hows[0] && reached; i++) {
                reached = survive_once(history, explorer, point, (enum death)death, hows[i]);
            }
        }
    }
}
