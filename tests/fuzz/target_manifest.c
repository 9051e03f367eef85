/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest slot. */
#include "engine/manifest.h"
#include "tests/fuzz/fuzz.h"

#define HEAD_BYTES ((size_t)48)

static void look(struct aero_slice slot)
{
    struct aero_manifest manifest;
    enum aero_manifest_copy copy;
    if (!aero_is_ok(aero_manifest_decode(slot, &manifest, &copy))) {
        return;
    }
    struct aero_manifest other;
    struct aero_buffer again = {0};
    aero_manifest_copy(&other, &manifest);
    aero_manifest_deinit(&manifest);
    aero_manifest_encode(&other, copy, &again);
    AERO_ASSERT(again.length <= slot.length);
    AERO_ASSERT(
        aero_slice_equal(aero_buffer_slice(&again), aero_slice_of(slot.data, again.length)));
    aero_manifest_deinit(&other);
    aero_buffer_deinit(&again);
}

void fuzz_one(struct aero_slice input)
{
    look(input);
    if (input.length < HEAD_BYTES) {
        return;
    }
    uint8_t *bytes = fuzz_copy(input);
    uint64_t length = aero_load_u64(bytes + 24);
    fuzz_seal(bytes, 40);
    look(aero_slice_of(bytes, input.length));
    /* Most changes change the length, too: the body is then what there is. */
    if (length > input.length - HEAD_BYTES) {
        length = input.length - HEAD_BYTES;
    }
    aero_store_u64(bytes + 24, length);
    aero_store_u64(bytes + 32, aero_checksum64(aero_slice_of(bytes + HEAD_BYTES, length)));
    fuzz_seal(bytes, 40);
    look(aero_slice_of(bytes, input.length));
    free(bytes);
}

static void add_lists(struct aero_manifest *manifest)
{
    struct aero_incarnation entry = {
        .epoch = {.value = 3}, .nonce = fuzz_id(5), .node_id = fuzz_id(2), .node_name = "node-1"};
    AERO_ASSERT(aero_is_ok(aero_history_add_incarnation(&manifest->history, &entry)));
    manifest->snapshot_count = 2;
    for (uint8_t i = 0; i < 2; i++) {
        manifest->snapshots[i] = (struct aero_snapshot_entry){
            .id = fuzz_id((uint8_t)(0x70 + i)),
            .position = {.lsn = {.value = 100U + i}, .chain = 7},
            .sequence = 1,
            .size_bytes = 4096,
            .entry_count = 3,
            .digest = {.low = 1, .high = 2},
            .damaged = i == 1,
        };
    }
    manifest->pin_count = 1;
    manifest->pins[0] =
        (struct aero_pin){.node_name = "replica1", .sequence = 1, .durable = {.value = 90}};
    manifest->damaged_count = 1;
    manifest->damaged_segments[0] = 1;
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_buffer bytes = {0};
    struct aero_manifest manifest = {
        .generation = 7,
        .cluster_id = fuzz_id(1),
        .node_id = fuzz_id(2),
        .node_name = "node-1",
        .role = AERO_ROLE_PRIMARY,
        .epoch = {.value = 3},
        .gate = AERO_GATE_CUT,
        .gate_reason = "a reason",
        .halt_reason = "",
        .wal_floor_sequence = 1,
    };
    aero_manifest_encode(&manifest, AERO_MANIFEST_FIRST, &bytes);
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    add_lists(&manifest);
    aero_buffer_clear(&bytes);
    aero_manifest_encode(&manifest, AERO_MANIFEST_SECOND, &bytes);
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    manifest.damaged_count = AERO_DAMAGED_MAX; /* one more would be too many */
    aero_buffer_clear(&bytes);
    aero_manifest_encode(&manifest, AERO_MANIFEST_FIRST, &bytes);
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    aero_manifest_deinit(&manifest);
    aero_buffer_deinit(&bytes);
}
