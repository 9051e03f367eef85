/* SPDX-License-Identifier: Apache-2.0 */
/* What a log may hold, as a list of states: a model of one history that shares no code with the engine but the tree's
 * cursor, through which it looks at the result.
 *
 * State n is what a keyspace of a few keys holds after record n. Values are numbers; the bytes that stand for number v are
 * drawn from v. Numbers are never used twice, so that equal states mean equal histories as good as surely.
 *
 *     lsn:   1 ........ floor ............ top
 *            must survive     may survive      beyond: must never be seen again */
#ifndef AERO_TESTS_SIMULATION_MODEL_H
#define AERO_TESTS_SIMULATION_MODEL_H

#include <stdint.h>

#include "base/slice.h"
#include "engine/operation.h"
#include "tests/simulation/choice.h"

#define AERO_MODEL_KEYS 24U
#define AERO_MODEL_VALUE_MAX 6000U
#define AERO_MODEL_OPERATIONS_MAX 4U

struct aero_model_state {
    uint32_t value[AERO_MODEL_KEYS]; /* 0: no such key */
};

struct aero_model {
    struct aero_model_state *states; /* states[n]: after record n; states[0] is empty */
    uint64_t top;
    uint64_t capacity;
    uint64_t floor;
    uint32_t next_value;
};

void aero_model_init(struct aero_model *model);
void aero_model_deinit(struct aero_model *model);

/* The bytes of a key and of a value; `out_bytes` has room for AERO_MODEL_VALUE_MAX. */
struct aero_slice aero_model_key(uint32_t key, char out_bytes[8]);
struct aero_slice aero_model_value(uint32_t value, uint8_t *out_bytes);

/* A random change of `state`: 1 to 4 operations, each told to `emit`. */
void aero_model_change(struct aero_model *model, struct aero_model_state *state,
                       struct aero_choice *choice,
                       void (*emit)(void *self, const struct aero_operation *operation),
                       void *self);
/* Record top + 1 leads to `state`. */
void aero_model_append(struct aero_model *model, const struct aero_model_state *state);
/* Records above `top` are gone for good. */
void aero_model_cut(struct aero_model *model, uint64_t top);
/* Records up to `lsn` were told to somebody: they must survive. */
void aero_model_promise(struct aero_model *model, uint64_t lsn);

/* Whether `tree` holds exactly the state after `lsn`. If not, `out_text` says the first difference. */
bool aero_model_matches(const struct aero_model *model, uint64_t lsn, const struct aero_tree *tree,
                        char out_text[160]);

#endif
