/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_linear.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "tests/simulation/world.h"

#define OPEN UINT64_MAX
/* A key with more operations than this is not judged, nor one whose search takes more steps: both are counted. */
#define OPERATIONS_MAX 1024U
#define STEPS_MAX 200000U

void aero_check_linear_deinit(struct aero_check_linear *check)
{
    for (uint32_t i = 0; i < AERO_LINEAR_KEYS; i++) {
        free(check->keys[i].operations);
    }
    memset(check, 0, sizeof *check);
}

uint32_t aero_check_linear_begin(struct aero_sim_world *world, uint32_t index,
                                 enum aero_linear_kind kind)
{
    AERO_ASSERT(index < AERO_LINEAR_KEYS);
    struct aero_linear_key *key = &world->linear.keys[index];
    if (key->count == key->capacity) {
        key->capacity = key->capacity == 0 ? 32 : 2 * key->capacity;
        key->operations = aero_realloc(key->operations, key->capacity * sizeof key->operations[0]);
    }
    key->operations[key->count] = (struct aero_linear_operation){
        .kind = kind, .value = key->count + 1, .begin = world->linear.clock++, .end = OPEN};
    return key->count++;
}

void aero_check_linear_done(struct aero_sim_world *world, uint32_t index, uint32_t number,
                            uint32_t result)
{
    struct aero_linear_operation *operation = &world->linear.keys[index].operations[number];
    operation->result = result;
    operation->end = world->linear.clock++;
}

void aero_check_linear_refused(struct aero_sim_world *world, uint32_t index, uint32_t number)
{
    world->linear.keys[index].operations[number].refused = true;
}

/* ---- The search ---------------------------------------------------------------------------------------------- */

struct search {
    const struct aero_linear_operation
        *operations; /* those that count, in the order of beginning */
    uint32_t count;
    uint64_t *done; /* a bit each */
    size_t words;   /* of `done`; one more behind them for the state */
    uint64_t *seen; /* an open hash set of what was tried; 0: free */
    size_t seen_capacity;
    size_t seen_count;
    uint32_t steps;
    bool given_up;
};

static bool is_done(const struct search *search, uint32_t at)
{
    return (search->done[at / 64] >> (at % 64) & 1) != 0;
}

static void flip_done(struct search *search, uint32_t at)
{
    search->done[at / 64] ^= (uint64_t)1 << (at % 64);
}

static size_t place_of(const uint64_t *seen, size_t capacity, uint64_t hash)
{
    size_t at = (size_t)hash & (capacity - 1);
    while (seen[at] != 0 && seen[at] != hash) {
        at = (at + 1) & (capacity - 1);
    }
    return at;
}

static void grow_seen(struct search *search)
{
    size_t capacity = search->seen_capacity == 0 ? 256 : 2 * search->seen_capacity;
    uint64_t *seen = aero_calloc(capacity, sizeof seen[0]);
    for (size_t i = 0; i < search->seen_capacity; i++) {
        if (search->seen[i] != 0) {
            seen[place_of(seen, capacity, search->seen[i])] = search->seen[i];
        }
    }
    free(search->seen);
    search->seen = seen;
    search->seen_capacity = capacity;
}

/* Whether these operations with this state are new. */
static bool remember(struct search *search, uint32_t state)
{
    search->done[search->words] = state;
    uint64_t hash =
        aero_checksum64(aero_slice_of(search->done, (search->words + 1) * sizeof(uint64_t)));
    hash += hash == 0;
    if (2 * search->seen_count >= search->seen_capacity) {
        grow_seen(search);
    }
    size_t at = place_of(search->seen, search->seen_capacity, hash);
    bool is_new = search->seen[at] == 0;
    search->seen[at] = hash;
    search->seen_count += is_new;
    return is_new;
}

/* The state after the operation; false: it cannot have given its answer here, or would be without effect and needs no place. */
static bool apply(const struct aero_linear_operation *operation, uint32_t state,
                  uint32_t *out_state)
{
    bool answered = operation->end != OPEN;
    switch (operation->kind) {
    case AERO_LINEAR_READ:
        *out_state = state;
        return answered && operation->result == state;
    case AERO_LINEAR_WRITE:
        *out_state = operation->value;
        return true;
    case AERO_LINEAR_DELETE:
        *out_state = 0;
        return answered ? operation->result == (state != 0) : state != 0;
    case AERO_LINEAR_SWAP:
        *out_state = operation->value;
        return !answered || operation->result == state;
    case AERO_LINEAR_CREATE:
        *out_state = state == 0 ? operation->value : state;
        return answered ? operation->result == (state == 0) : state == 0;
    }
    return false;
}

static bool find_order(struct search *search, uint32_t first, uint32_t state);

static bool try_operation(struct search *search, uint32_t at, uint32_t first, uint32_t state)
{
    uint32_t next;
    if (!apply(&search->operations[at], state, &next)) {
        return false;
    }
    flip_done(search, at);
    bool found = find_order(search, first, next);
    if (!found) {
        flip_done(search, at);
    }
    return found;
}

/* Who comes next began before every other one that has not had its turn was answered. Answered ones are tried first:
 * most histories then need no going back. */
static bool find_order(struct search *search, uint32_t first, uint32_t state)
{
    while (first < search->count && is_done(search, first)) {
        first++;
    }
    uint64_t limit = OPEN;
    for (uint32_t i = first; i < search->count && search->operations[i].begin < limit; i++) {
        if (!is_done(search, i) && search->operations[i].end < limit) {
            limit = search->operations[i].end;
        }
    }
    if (limit == OPEN) {
        return true; /* all that were answered have a place */
    }
    if (!remember(search, state)) {
        return false;
    }
    if (++search->steps > STEPS_MAX) {
        search->given_up = true;
        return true;
    }
    bool deleted = false; /* of open deletes the oldest is as good as any */
    for (int open = 0; open < 2; open++) {
        for (uint32_t i = first; i < search->count && search->operations[i].begin < limit; i++) {
            const struct aero_linear_operation *operation = &search->operations[i];
            bool is_open_delete = open == 1 && operation->kind == AERO_LINEAR_DELETE;
            if (is_done(search, i) || (operation->end == OPEN) != (open == 1) ||
                (is_open_delete && deleted)) {
                continue;
            }
            deleted |= is_open_delete;
            if (try_operation(search, i, first, state)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- Judging ------------------------------------------------------------------------------------------------- */

static bool counts(const struct aero_linear_operation *operation)
{
    return !operation->refused && (operation->kind != AERO_LINEAR_READ || operation->end != OPEN);
}

static void judge_key(struct aero_sim_world *world, uint32_t index)
{
    const struct aero_linear_key *key = &world->linear.keys[index];
    struct aero_linear_operation *operations = aero_calloc(key->count + 1, sizeof operations[0]);
    struct search search = {.operations = operations};
    for (uint32_t i = 0; i < key->count; i++) {
        if (counts(&key->operations[i])) {
            operations[search.count++] = key->operations[i];
        }
    }
    search.words = (search.count + 63) / 64;
    search.done = aero_calloc(search.words + 1, sizeof search.done[0]);
    bool found = search.count > OPERATIONS_MAX || find_order(&search, 0, 0);
    if (search.count > OPERATIONS_MAX || search.given_up) {
        world->linear.undecided++;
    }
    if (!found) {
        AERO_SIM_VIOLATION(world, "linear",
                           "no order explains the %u operations on shared%u (%u steps)",
                           search.count, index, search.steps);
    }
    free(search.done);
    free(search.seen);
    free(operations);
}

void aero_check_linear_judge(struct aero_sim_world *world)
{
    for (uint32_t i = 0; i < AERO_LINEAR_KEYS && !world->verdict.failed; i++) {
        judge_key(world, i);
    }
}
