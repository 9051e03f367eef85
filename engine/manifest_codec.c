/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a manifest slot: a head of 48 bytes that proves itself and the body; byte tables in docs/formats.md,
 * "Manifest". */
#include "base/assert.h"
#include "engine/codec_priv.h"
#include "engine/manifest.h"

#define MAGIC "AEROMAN1"
#define VERSION 1U
#define VERSION_LOST_COUNT 2U /* with a count of lost records, where version 1 has zero */
#define HEAD_BYTES ((size_t)48)
#define SNAPSHOT_BYTES ((size_t)88)
#define PIN_BYTES ((size_t)80)
#define FIXED_BYTES ((size_t)648)
#define BODY_BYTES_MAX                                                               \
    (FIXED_BYTES + AERO_SNAPSHOTS_MAX * SNAPSHOT_BYTES + AERO_PINS_MAX * PIN_BYTES + \
     AERO_DAMAGED_MAX * sizeof(uint64_t) + AERO_HISTORY_BYTES_MAX)

_Static_assert(HEAD_BYTES + BODY_BYTES_MAX <= AERO_MANIFEST_SLOT_BYTES,
               "the largest manifest fits its slot");

void aero_manifest_deinit(struct aero_manifest *manifest)
{
    aero_history_deinit(&manifest->history);
    *manifest = (struct aero_manifest){0};
}

void aero_manifest_copy(struct aero_manifest *out_manifest, const struct aero_manifest *from)
{
    struct aero_manifest copy = *from;
    aero_history_copy(&copy.history, &from->history);
    *out_manifest = copy;
}

static void put_snapshot(struct aero_buffer *out, const struct aero_snapshot_entry *entry)
{
    size_t before = out->length;
    aero_put_id(out, entry->id);
    aero_put_position(out, entry->position);
    aero_put_u64(out, entry->sequence);
    aero_put_u64(out, entry->size_bytes);
    aero_put_u64(out, entry->entry_count);
    aero_put_u128(out, entry->digest);
    aero_put_u64(out, entry->damaged ? 1 : 0);
    aero_put_u64(out, 0);
    AERO_ASSERT(out->length - before == SNAPSHOT_BYTES);
}

static void put_pin(struct aero_buffer *out, const struct aero_pin *pin)
{
    size_t before = out->length;
    aero_put_text(out, pin->node_name, AERO_NODE_NAME_MAX);
    aero_put_u64(out, pin->sequence);
    aero_put_u64(out, pin->durable.value);
    AERO_ASSERT(out->length - before == PIN_BYTES);
}

static void put_body(struct aero_buffer *out, const struct aero_manifest *manifest)
{
    AERO_ASSERT(manifest->snapshot_count <= AERO_SNAPSHOTS_MAX);
    AERO_ASSERT(manifest->pin_count <= AERO_PINS_MAX);
    AERO_ASSERT(manifest->damaged_count <= AERO_DAMAGED_MAX);
    size_t before = out->length;
    aero_put_id(out, manifest->cluster_id);
    aero_put_id(out, manifest->node_id);
    aero_put_text(out, manifest->node_name, AERO_NODE_NAME_MAX);
    aero_put_u32(out, (uint32_t)manifest->role);
    aero_put_u32(out, (uint32_t)manifest->gate);
    aero_put_u64(out, manifest->epoch.value);
    aero_put_text(out, manifest->gate_reason, sizeof manifest->gate_reason);
    aero_put_text(out, manifest->halt_reason, sizeof manifest->halt_reason);
    aero_put_u64(out, manifest->wal_floor_sequence);
    aero_put_u32(out, (uint32_t)manifest->snapshot_count);
    aero_put_u32(out, (uint32_t)manifest->pin_count);
    aero_put_u32(out, (uint32_t)manifest->damaged_count);
    aero_put_u32(out, manifest->lost_count);
    AERO_ASSERT(out->length - before == FIXED_BYTES);
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        put_snapshot(out, &manifest->snapshots[i]);
    }
    for (size_t i = 0; i < manifest->pin_count; i++) {
        put_pin(out, &manifest->pins[i]);
    }
    for (size_t i = 0; i < manifest->damaged_count; i++) {
        aero_put_u64(out, manifest->damaged_segments[i]);
    }
    aero_history_encode(&manifest->history, out);
}

void aero_manifest_encode(const struct aero_manifest *manifest, enum aero_manifest_copy copy,
                          struct aero_buffer *out_slot)
{
    size_t start = out_slot->length;
    memset(aero_buffer_reserve(out_slot, HEAD_BYTES), 0, HEAD_BYTES);
    out_slot->length += HEAD_BYTES;
    put_body(out_slot, manifest);
    uint8_t *head = out_slot->data + start;
    struct aero_slice body =
        aero_slice_of(head + HEAD_BYTES, out_slot->length - start - HEAD_BYTES);
    memcpy(head, MAGIC, 8);
    aero_store_u32(head + 8, manifest->lost_count == 0 ? VERSION : VERSION_LOST_COUNT);
    aero_store_u32(head + 12, (uint32_t)copy);
    aero_store_u64(head + 16, manifest->generation);
    aero_store_u64(head + 24, body.length);
    aero_store_u64(head + 32, aero_checksum64(body));
    aero_store_u64(head + 40, aero_checksum64(aero_slice_of(head, 40)));
}

static void take_snapshot(struct aero_take *take, struct aero_snapshot_entry *entry)
{
    entry->id = aero_take_id(take);
    entry->position = aero_take_position(take);
    entry->sequence = aero_take_u64(take);
    entry->size_bytes = aero_take_u64(take);
    entry->entry_count = aero_take_u64(take);
    entry->digest = aero_take_u128(take);
    uint64_t flags = aero_take_u64(take);
    aero_take_check(take, flags <= 1);
    entry->damaged = flags == 1;
    aero_take_check(take, aero_take_u64(take) == 0);
}

static void take_fixed(struct aero_take *take, struct aero_manifest *manifest)
{
    manifest->cluster_id = aero_take_id(take);
    manifest->node_id = aero_take_id(take);
    aero_take_text(take, manifest->node_name, AERO_NODE_NAME_MAX);
    uint32_t role = aero_take_u32(take);
    aero_take_check(take, role == AERO_ROLE_PRIMARY || role == AERO_ROLE_REPLICA);
    manifest->role = (enum aero_role)role;
    uint32_t gate = aero_take_u32(take);
    aero_take_check(take, gate <= AERO_GATE_SUPERSEDED);
    manifest->gate = (enum aero_write_gate)gate;
    manifest->epoch.value = aero_take_u64(take);
    aero_take_text(take, manifest->gate_reason, sizeof manifest->gate_reason);
    aero_take_text(take, manifest->halt_reason, sizeof manifest->halt_reason);
    manifest->wal_floor_sequence = aero_take_u64(take);
    manifest->snapshot_count = aero_take_u32(take);
    manifest->pin_count = aero_take_u32(take);
    manifest->damaged_count = aero_take_u32(take);
    manifest->lost_count = aero_take_u32(take);
    aero_take_check(take, manifest->snapshot_count <= AERO_SNAPSHOTS_MAX);
    aero_take_check(take, manifest->pin_count <= AERO_PINS_MAX);
    aero_take_check(take, manifest->damaged_count <= AERO_DAMAGED_MAX);
    aero_take_check(take, manifest->lost_count == 0 || gate == AERO_GATE_PRIMARY_LOST);
}

static void take_lists(struct aero_take *take, struct aero_manifest *manifest)
{
    for (size_t i = 0; i < manifest->snapshot_count && !take->failed; i++) {
        take_snapshot(take, &manifest->snapshots[i]);
    }
    for (size_t i = 0; i < manifest->pin_count && !take->failed; i++) {
        aero_take_text(take, manifest->pins[i].node_name, AERO_NODE_NAME_MAX);
        manifest->pins[i].sequence = aero_take_u64(take);
        manifest->pins[i].durable = aero_lsn_of(aero_take_u64(take));
    }
    for (size_t i = 0; i < manifest->damaged_count && !take->failed; i++) {
        manifest->damaged_segments[i] = aero_take_u64(take);
    }
}

/* Verifies the head alone and returns the body's length through `out_body_bytes`. */
static aero_status check_head(struct aero_slice slot, size_t *out_body_bytes)
{
    if (slot.length < HEAD_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    if (memcmp(slot.data, MAGIC, 8) != 0 ||
        aero_load_u64(slot.data + 40) != aero_checksum64(aero_slice_of(slot.data, 40))) {
        return aero_error(AERO_CORRUPT);
    }
    uint32_t version = aero_load_u32(slot.data + 8);
    if (version != VERSION && version != VERSION_LOST_COUNT) {
        return aero_error(AERO_UNSUPPORTED);
    }
    uint64_t length = aero_load_u64(slot.data + 24);
    if (length > BODY_BYTES_MAX) {
        return aero_error(AERO_CORRUPT);
    }
    *out_body_bytes = (size_t)length;
    return aero_ok();
}

aero_status aero_manifest_decode(struct aero_slice slot, struct aero_manifest *out_manifest,
                                 enum aero_manifest_copy *out_copy)
{
    size_t length;
    AERO_TRY(check_head(slot, &length));
    if (slot.length < HEAD_BYTES + length) {
        return aero_error(AERO_INCOMPLETE);
    }
    struct aero_take take = {.rest = aero_slice_of(slot.data + HEAD_BYTES, length)};
    uint32_t copy = aero_load_u32(slot.data + 12);
    if (aero_load_u64(slot.data + 32) != aero_checksum64(take.rest) ||
        (copy != AERO_MANIFEST_FIRST && copy != AERO_MANIFEST_SECOND)) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_manifest manifest = {.generation = aero_load_u64(slot.data + 16)};
    take_fixed(&take, &manifest);
    take_lists(&take, &manifest);
    bool counts = aero_load_u32(slot.data + 8) == VERSION_LOST_COUNT;
    aero_take_check(&take, counts == (manifest.lost_count != 0));
    if (take.failed) {
        return aero_error(AERO_CORRUPT);
    }
    AERO_TRY(aero_history_decode(take.rest, &manifest.history));
    *out_manifest = manifest;
    *out_copy = (enum aero_manifest_copy)copy;
    return aero_ok();
}
