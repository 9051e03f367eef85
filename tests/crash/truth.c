/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/truth.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define LONG_VALUE 1000U
#define LONG_VALUE_BYTES 330

void crash_truth_init(struct crash_truth *truth)
{
    memset(truth, 0, sizeof *truth);
}

void crash_truth_key(uint32_t key, char out_text[8])
{
    snprintf(out_text, 8, "key%u", key % 10);
}

void crash_truth_value(uint32_t value, char out_text[400])
{
    int pad = value >= LONG_VALUE ? LONG_VALUE_BYTES : 0;
    snprintf(out_text, 400, "%0*u", pad + 5, value);
}

uint32_t crash_truth_new_value(struct crash_truth *truth, bool is_long)
{
    truth->next_value++;
    AERO_ASSERT(truth->next_value < LONG_VALUE);
    return truth->next_value + (is_long ? LONG_VALUE : 0);
}

void crash_truth_append(struct crash_truth *truth, const struct crash_state *state)
{
    AERO_ASSERT(truth->top + 1 < CRASH_RECORDS_MAX);
    truth->states[++truth->top] = *state;
}

void crash_truth_forget(struct crash_truth *truth, uint64_t lsn)
{
    AERO_ASSERT(lsn > truth->acknowledged && lsn <= truth->top);
    struct crash_state before = truth->states[lsn - 1];
    struct crash_state record = truth->states[lsn];
    truth->top--;
    for (uint64_t n = lsn; n <= truth->top; n++) {
        truth->states[n] = truth->states[n + 1];
        for (uint32_t k = 0; k < CRASH_KEYS; k++) {
            if (truth->states[n].value[k] == record.value[k]) {
                truth->states[n].value[k] = before.value[k];
            }
        }
    }
}

uint64_t crash_truth_digest(const struct crash_truth *truth, uint64_t low, uint64_t high)
{
    return aero_checksum64(
        aero_slice_of(&truth->states[low], (size_t)(high - low + 1) * sizeof truth->states[0]));
}

/* docs/formats.md, "Keyspace encoding": u8 database, 'k', the key -> u8 type, the value. */
static bool entry_is(struct aero_slice key, struct aero_slice value, uint32_t key_number,
                     uint32_t value_number)
{
    char key_text[8];
    char value_text[400];
    crash_truth_key(key_number, key_text);
    crash_truth_value(value_number, value_text);
    return key.length == 2 + strlen(key_text) && key.data[0] == 0 && key.data[1] == 'k' &&
           memcmp(key.data + 2, key_text, strlen(key_text)) == 0 &&
           value.length == 1 + strlen(value_text) && value.data[0] == 1 &&
           memcmp(value.data + 1, value_text, strlen(value_text)) == 0;
}

bool crash_truth_matches(const struct crash_truth *truth, uint64_t lsn,
                         const struct aero_tree *tree, char out_text[160])
{
    const struct crash_state *state = &truth->states[lsn];
    struct aero_cursor cursor;
    struct aero_slice key;
    struct aero_slice value;
    aero_cursor_seek(&cursor, tree, aero_slice_of(NULL, 0));
    for (uint32_t k = 0; k < CRASH_KEYS; k++) {
        if (state->value[k] == 0) {
            continue;
        }
        if (!aero_cursor_get(&cursor, &key, &value) || !entry_is(key, value, k, state->value[k])) {
            snprintf(out_text, 160, "key%u should be %u after record %llu", k, state->value[k],
                     (unsigned long long)lsn);
            return false;
        }
        aero_cursor_next(&cursor);
    }
    if (aero_cursor_get(&cursor, &key, &value)) {
        snprintf(out_text, 160, "there is a key too many after record %llu",
                 (unsigned long long)lsn);
        return false;
    }
    return true;
}
