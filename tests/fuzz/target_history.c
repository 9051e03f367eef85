/* SPDX-License-Identifier: Apache-2.0 */
/* The list of incarnations and segments: in the manifest, in snapshots, and from a peer in the handshake. */
#include "engine/history.h"
#include "tests/fuzz/fuzz.h"

/* Whatever decodes can be asked. */
static void ask(const struct aero_history *history)
{
    for (size_t i = 0; i < history->incarnation_count; i++) {
        const struct aero_incarnation *entry = &history->incarnations[i];
        AERO_ASSERT(aero_history_find(history, entry->nonce) != NULL);
        AERO_ASSERT(strnlen(entry->node_name, sizeof entry->node_name) < sizeof entry->node_name);
        AERO_ASSERT(i == 0 || entry->start.lsn.value >= entry[-1].start.lsn.value);
    }
    for (size_t i = 0; i < history->segment_count; i++) {
        AERO_ASSERT(aero_history_find_segment(history, history->segments[i].sequence) ==
                    &history->segments[i]);
    }
}

void fuzz_one(struct aero_slice input)
{
    struct aero_history history;
    struct aero_buffer again = {0};
    if (!aero_is_ok(aero_history_decode(input, &history))) {
        return;
    }
    ask(&history);
    aero_history_encode(&history, &again);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&again), input));
    struct aero_history copy;
    aero_history_copy(&copy, &history);
    aero_history_deinit(&history);
    aero_buffer_clear(&again);
    aero_history_encode(&copy, &again);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&again), input));
    aero_history_deinit(&copy);
    aero_buffer_deinit(&again);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_history history = {0};
    struct aero_buffer bytes = {0};
    aero_history_encode(&history, &bytes);
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    for (uint8_t i = 1; i <= 3; i++) {
        struct aero_incarnation entry = {
            .epoch = {.value = i},
            .nonce = fuzz_id(i),
            .node_id = fuzz_id(0x40),
            .node_name = "primary",
            .start = {.lsn = {.value = 10U * i}, .chain = i},
        };
        struct aero_segment_start start = {.sequence = i,
                                           .before = entry.start,
                                           .nonce = fuzz_id(0x60),
                                           .incarnation = entry.nonce};
        AERO_ASSERT(aero_is_ok(aero_history_add_incarnation(&history, &entry)));
        aero_history_add_segment(&history, &start);
        aero_buffer_clear(&bytes);
        aero_history_encode(&history, &bytes);
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
    }
    aero_history_deinit(&history);
    aero_buffer_deinit(&bytes);
}
