/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/le.h"
#include "base/prng.h"

void aero_model_init(struct aero_model *model)
{
    memset(model, 0, sizeof *model);
    model->capacity = 256;
    model->states = aero_calloc(model->capacity, sizeof model->states[0]);
    model->next_value = 1;
}

void aero_model_deinit(struct aero_model *model)
{
    free(model->states);
    memset(model, 0, sizeof *model);
}

struct aero_slice aero_model_key(uint32_t key, char out_bytes[8])
{
    int length = snprintf(out_bytes, 8, "key%02u", key);
    return aero_slice_of(out_bytes, (size_t)length);
}

struct aero_slice aero_model_value(uint32_t value, uint8_t *out_bytes)
{
    struct aero_prng prng;
    aero_prng_init(&prng, value);
    static const uint64_t lengths[] = {4, 16, 60, 100, 400, 600, 1100, AERO_MODEL_VALUE_MAX};
    size_t length = (size_t)aero_prng_below(&prng, lengths[aero_prng_below(&prng, 8)] + 1);
    aero_store_u32(out_bytes, value); /* the number itself makes it unique */
    for (size_t i = 4; i < length; i++) {
        /* Runs of one byte, zeros too: what a torn sector or a zero-filled segment looks like. */
        out_bytes[i] = i % 64 == 0 ? (uint8_t)aero_prng_below(&prng, 4) : out_bytes[i - 1];
    }
    return aero_slice_of(out_bytes, length < 4 ? 4 : length);
}

static void change_once(struct aero_model *model, struct aero_model_state *state,
                        struct aero_choice *choice,
                        void (*emit)(void *self, const struct aero_operation *operation),
                        void *self)
{
    uint8_t bytes[AERO_MODEL_VALUE_MAX];
    char name[8];
    char name_to[8];
    uint32_t key = (uint32_t)aero_choice_below(choice, AERO_MODEL_KEYS);
    uint64_t kind = aero_choice_below(choice, 20);
    struct aero_operation operation = {.kind = AERO_PUT, .key = aero_model_key(key, name)};
    if (kind < 15) {
        state->value[key] = model->next_value++;
        operation.value = aero_model_value(state->value[key], bytes);
    } else if (kind < 19) {
        operation.kind = AERO_DELETE;
        state->value[key] = 0;
    } else {
        uint32_t end = key + 1 + (uint32_t)aero_choice_below(choice, AERO_MODEL_KEYS - key);
        operation.kind = AERO_DELETE_RANGE;
        if (end < AERO_MODEL_KEYS) {
            operation.value = aero_model_key(end, name_to);
        }
        for (uint32_t i = key; i < end; i++) {
            state->value[i] = 0;
        }
    }
    emit(self, &operation);
}

void aero_model_change(struct aero_model *model, struct aero_model_state *state,
                       struct aero_choice *choice,
                       void (*emit)(void *self, const struct aero_operation *operation), void *self)
{
    uint64_t count = aero_choice_between(choice, 1, AERO_MODEL_OPERATIONS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        change_once(model, state, choice, emit, self);
    }
}

void aero_model_append(struct aero_model *model, const struct aero_model_state *state)
{
    if (model->top + 1 == model->capacity) {
        model->capacity *= 2;
        model->states = aero_realloc(model->states, model->capacity * sizeof model->states[0]);
    }
    model->states[++model->top] = *state;
}

void aero_model_cut(struct aero_model *model, uint64_t top)
{
    AERO_ASSERT(top >= model->floor);
    if (top < model->top) {
        model->top = top;
    }
}

void aero_model_promise(struct aero_model *model, uint64_t lsn)
{
    AERO_ASSERT(lsn <= model->top);
    if (lsn > model->floor) {
        model->floor = lsn;
    }
}

bool aero_model_matches(const struct aero_model *model, uint64_t lsn, const struct aero_tree *tree,
                        char out_text[160])
{
    AERO_ASSERT(lsn <= model->top);
    const struct aero_model_state *state = &model->states[lsn];
    struct aero_cursor cursor;
    aero_cursor_seek(&cursor, tree, aero_slice_of(NULL, 0));
    for (uint32_t key = 0; key < AERO_MODEL_KEYS; key++) {
        if (state->value[key] == 0) {
            continue;
        }
        char name[8];
        uint8_t bytes[AERO_MODEL_VALUE_MAX];
        struct aero_slice found_key;
        struct aero_slice found_value;
        struct aero_slice expected_key = aero_model_key(key, name);
        struct aero_slice expected = aero_model_value(state->value[key], bytes);
        if (!aero_cursor_get(&cursor, &found_key, &found_value) ||
            !aero_slice_equal(found_key, expected_key)) {
            snprintf(out_text, 160, "%s should be there with value %u", name, state->value[key]);
            return false;
        }
        if (!aero_slice_equal(found_value, expected)) {
            uint32_t number = found_value.length >= 4 ? aero_load_u32(found_value.data) : 0;
            snprintf(out_text, 160, "%s should have value %u and has %u", name, state->value[key],
                     number);
            return false;
        }
        aero_cursor_next(&cursor);
    }
    struct aero_slice extra_key;
    struct aero_slice extra_value;
    if (aero_cursor_get(&cursor, &extra_key, &extra_value)) {
        snprintf(out_text, 160, "%.*s should not be there", (int)(extra_key.length & 63),
                 (const char *)extra_key.data);
        return false;
    }
    return true;
}
