/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/steps.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "primary/primary.h"
#include "replica/replica.h"

#define TRUNCATE_ROUNDS 4
#define ROTATE_WRITES 3
#define CUT_AFTER_ACTIONS 3

static const char *const names[CRASH_STEP_COUNT] = {
    [CRASH_STEP_PUT] = "put",
    [CRASH_STEP_DELETE] = "delete",
    [CRASH_STEP_BATCH] = "batch",
    [CRASH_STEP_CHECKPOINT] = "checkpoint",
    [CRASH_STEP_ROTATE] = "rotate",
    [CRASH_STEP_TRUNCATE] = "truncate",
    [CRASH_STEP_SHIP] = "ship",
    [CRASH_STEP_TRANSFER] = "transfer",
    [CRASH_STEP_RECONNECT] = "reconnect",
    [CRASH_STEP_NO_ROOM] = "noroom",
};

const char *crash_step_name(enum crash_step step)
{
    return names[step];
}

enum crash_step crash_step_of(const char *name)
{
    int step = 0;
    while (step < CRASH_STEP_COUNT && strcmp(names[step], name) != 0) {
        step++;
    }
    return (enum crash_step)step;
}

/* ---- Writes --------------------------------------------------------------------------------------------------- */

static struct crash_state newest(const struct crash_pair *pair)
{
    return pair->truth.states[pair->truth.top];
}

static void put(struct crash_pair *pair, uint32_t key, bool is_long)
{
    struct crash_state state = newest(pair);
    char key_text[8];
    char value_text[400];
    state.value[key] = crash_truth_new_value(&pair->truth, is_long);
    crash_truth_key(key, key_text);
    crash_truth_value(state.value[key], value_text);
    crash_pair_write(pair, 3, (const char *const[]){"SET", key_text, value_text}, &state);
}

static void delete_one(struct crash_pair *pair)
{
    struct crash_state state = newest(pair);
    uint32_t key = 0;
    while (key + 1 < CRASH_KEYS && state.value[key] == 0) {
        key++;
    }
    bool is_there = state.value[key] != 0;
    char key_text[8];
    state.value[key] = 0;
    crash_truth_key(key, key_text);
    crash_pair_write(pair, 2, (const char *const[]){"DEL", key_text}, is_there ? &state : NULL);
}

static void batch(struct crash_pair *pair)
{
    struct crash_state state = newest(pair);
    char text[2][400];
    state.value[1] = crash_truth_new_value(&pair->truth, false);
    state.value[2] = crash_truth_new_value(&pair->truth, false);
    crash_truth_value(state.value[1], text[0]);
    crash_truth_value(state.value[2], text[1]);
    crash_pair_write(pair, 1, (const char *const[]){"MULTI"}, NULL);
    crash_pair_write(pair, 3, (const char *const[]){"SET", "key1", text[0]}, NULL);
    crash_pair_write(pair, 3, (const char *const[]){"SET", "key2", text[1]}, NULL);
    crash_pair_write(pair, 1, (const char *const[]){"EXEC"}, &state);
}

/* ---- Segments ------------------------------------------------------------------------------------------------- */

static uint64_t newest_segment(const struct crash_pair *pair)
{
    return pair->primary == NULL ? 0 : aero_primary_durable_place(pair->primary).sequence;
}

static void rotate(struct crash_pair *pair)
{
    uint64_t sequence = newest_segment(pair);
    for (int i = 0;
         i < ROTATE_WRITES && pair->broken[0] == '\0' && newest_segment(pair) == sequence; i++) {
        put(pair, 3, true);
        crash_pair_settle(pair);
    }
}

static void checkpoint_both(struct crash_pair *pair)
{
    if (pair->broken[0] != '\0') {
        return;
    }
    crash_pair_checkpoint(pair, true);
    if (aero_replica_state(pair->replica) == AERO_REPLICA_FOLLOWING) {
        crash_pair_checkpoint(pair, false);
    }
}

static void truncate(struct crash_pair *pair)
{
    uint64_t floor = aero_primary_manifest(pair->primary)->wal_floor_sequence;
    for (int i = 0; i < TRUNCATE_ROUNDS && pair->broken[0] == '\0' &&
                    aero_primary_manifest(pair->primary)->wal_floor_sequence == floor;
         i++) {
        rotate(pair);
        checkpoint_both(pair);
        crash_pair_settle(pair);
        if (i == 1 && pair->setup.pins_hold) { /* only the replica lets it go */
            crash_step_run(pair, CRASH_STEP_SHIP);
        }
    }
}

/* ---- The link ------------------------------------------------------------------------------------------------- */

static bool is_in_step(const struct crash_pair *pair)
{
    if (pair->replica == NULL) {
        return false;
    }
    enum aero_replica_state state = aero_replica_state(pair->replica);
    bool shows = state == AERO_REPLICA_FOLLOWING ||
                 (state == AERO_REPLICA_EMPTY && pair->truth.durable == 0);
    return shows && aero_replica_applied_lsn(pair->replica).value == pair->truth.durable;
}

/* A bootstrap ends a link, and so does a snapshot that went meanwhile: dialled again a few times. */
static void ship(struct crash_pair *pair)
{
    bool was_flowing = pair->flowing;
    pair->flowing = true;
    for (int i = 0; i < 6 && pair->broken[0] == '\0'; i++) {
        crash_pair_connect(pair);
        crash_pair_settle(pair);
        if (pair->sender != NULL && is_in_step(pair)) {
            break;
        }
    }
    pair->flowing = was_flowing;
}

/* Some bytes are on their way, some have arrived. */
static void cut_amid(struct crash_pair *pair)
{
    bool was_flowing = pair->flowing;
    pair->flowing = true;
    crash_pair_connect(pair);
    for (int i = 0; i < CUT_AFTER_ACTIONS && crash_pair_act(pair); i++) {
    }
    crash_pair_cut(pair);
    pair->flowing = was_flowing;
}

void crash_step_begin(struct crash_pair *pair, enum crash_step step)
{
    if (pair->broken[0] != '\0') {
        return;
    }
    switch (step) {
    case CRASH_STEP_PUT:
        put(pair, (uint32_t)(pair->truth.top % 2), false);
        break;
    case CRASH_STEP_DELETE:
        delete_one(pair);
        break;
    case CRASH_STEP_BATCH:
        batch(pair);
        break;
    case CRASH_STEP_CHECKPOINT:
        checkpoint_both(pair);
        break;
    case CRASH_STEP_ROTATE:
        rotate(pair);
        break;
    case CRASH_STEP_TRUNCATE:
        truncate(pair);
        break;
    case CRASH_STEP_SHIP:
        ship(pair);
        break;
    case CRASH_STEP_TRANSFER:
        crash_pair_replace_replica(pair);
        ship(pair);
        break;
    case CRASH_STEP_RECONNECT:
        cut_amid(pair);
        ship(pair);
        break;
    case CRASH_STEP_NO_ROOM:
        pair->no_space = 1;
        put(pair, 4, false);
        break;
    case CRASH_STEP_COUNT:
        break;
    }
}

void crash_step_run(struct crash_pair *pair, enum crash_step step)
{
    crash_step_begin(pair, step);
    crash_pair_settle(pair);
}

/* ---- The whole ------------------------------------------------------------------------------------------------ */

static void expect_state(struct crash_pair *pair, const char *who, const struct aero_tree *tree)
{
    char text[160];
    if (!crash_truth_matches(&pair->truth, pair->truth.durable, tree, text)) {
        crash_pair_break(pair, "the state of the %s: %s", who, text);
    }
}

void crash_pair_expect_whole(struct crash_pair *pair)
{
    crash_pair_settle(pair);
    crash_step_run(pair, CRASH_STEP_SHIP);
    if (pair->broken[0] != '\0') {
        return;
    }
    if (pair->truth.acknowledged != pair->truth.top || pair->truth.durable != pair->truth.top) {
        crash_pair_break(pair, "of %llu records %llu are durable and %llu acknowledged",
                         (unsigned long long)pair->truth.top,
                         (unsigned long long)pair->truth.durable,
                         (unsigned long long)pair->truth.acknowledged);
    } else if (!is_in_step(pair)) {
        crash_pair_break(pair, "the replica stays at LSN %llu of %llu",
                         (unsigned long long)aero_replica_applied_lsn(pair->replica).value,
                         (unsigned long long)pair->truth.durable);
    } else {
        expect_state(pair, "primary", aero_primary_tree(pair->primary));
        expect_state(pair, "replica", aero_replica_tree(pair->replica));
    }
}
