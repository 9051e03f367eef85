/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder of blocks, side by side. A head proves itself before its length is believed, so a reader never waits
 * for, or makes room for, bytes that a flipped bit asked for. */
#include "engine/snapshot_block_priv.h"

#include "base/assert.h"
#include "engine/summary.h"

#define BLOCK_MAGIC 0x4B425341U /* "ASBK" */
#define HEADER_FIXED_BYTES ((size_t)120)
#define TRAILER_BYTES ((size_t)32)

_Static_assert(HEADER_FIXED_BYTES + AERO_HISTORY_BYTES_MAX <= AERO_SNAPSHOT_PAYLOAD_MAX,
               "a header block is no larger than any other");

size_t aero_snapshot_block_begin(struct aero_buffer *out)
{
    size_t start = out->length;
    memset(aero_buffer_reserve(out, AERO_SNAPSHOT_HEAD_BYTES), 0, AERO_SNAPSHOT_HEAD_BYTES);
    out->length += AERO_SNAPSHOT_HEAD_BYTES;
    return start;
}

void aero_snapshot_block_end(struct aero_buffer *out, size_t start,
                             enum aero_snapshot_block_kind kind, uint64_t index, aero_id id)
{
    uint8_t *head = out->data + start;
    struct aero_slice payload = aero_slice_of(head + AERO_SNAPSHOT_HEAD_BYTES,
                                              out->length - start - AERO_SNAPSHOT_HEAD_BYTES);
    AERO_ASSERT(payload.length <= AERO_SNAPSHOT_PAYLOAD_MAX);
    aero_store_u32(head, BLOCK_MAGIC);
    aero_store_u32(head + 4, (uint32_t)kind);
    aero_store_u64(head + 8, index);
    memcpy(head + 16, id.bytes, 8);
    aero_store_u64(head + 24, payload.length);
    aero_store_u64(head + 32, aero_checksum64(payload));
    aero_store_u64(head + 40, aero_checksum64(aero_slice_of(head, 40)));
}

/* What a block of that kind may hold at most; 0: there is no such kind. */
static uint64_t payload_max(uint32_t kind)
{
    switch (kind) {
    case AERO_BLOCK_HEADER:
        return HEADER_FIXED_BYTES + AERO_HISTORY_BYTES_MAX;
    case AERO_BLOCK_ENTRIES:
        return AERO_SNAPSHOT_PAYLOAD_MAX;
    case AERO_BLOCK_TRAILER:
        return TRAILER_BYTES;
    default:
        return 0;
    }
}

aero_status aero_snapshot_block_decode(struct aero_slice bytes,
                                       struct aero_snapshot_block *out_block)
{
    if (bytes.length < AERO_SNAPSHOT_HEAD_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *head = bytes.data;
    uint32_t kind = aero_load_u32(head + 4);
    struct aero_snapshot_block block = {
        .kind = (enum aero_snapshot_block_kind)kind,
        .index = aero_load_u64(head + 8),
        .id64 = aero_load_u64(head + 16),
        .payload_length = aero_load_u64(head + 24),
        .payload_hash = aero_load_u64(head + 32),
    };
    if (aero_load_u32(head) != BLOCK_MAGIC ||
        aero_load_u64(head + 40) != aero_checksum64(aero_slice_of(head, 40)) ||
        block.payload_length == 0 || block.payload_length > payload_max(kind)) {
        return aero_error(AERO_CORRUPT);
    }
    *out_block = block;
    return aero_ok();
}

void aero_snapshot_put_header(struct aero_buffer *out, const struct aero_snapshot_header *header)
{
    size_t start = out->length;
    aero_put_u32(out, AERO_SNAPSHOT_VERSION);
    aero_put_u32(out, 0);
    aero_put_id(out, header->cluster_id);
    aero_put_id(out, header->id);
    aero_put_u64(out, header->epoch.value);
    aero_put_position(out, header->position);
    aero_put_u64(out, header->sequence);
    aero_put_u64(out, header->expiry_clock.value);
    aero_put_u64(out, header->summary.count);
    aero_put_u128(out, header->summary.digest);
    aero_put_u64(out, 0);
    aero_put_u64(out, 0);
    AERO_ASSERT(out->length - start == HEADER_FIXED_BYTES);
    aero_history_encode(&header->history, out);
}

static aero_status take_header(struct aero_slice payload, struct aero_snapshot_header *out_header)
{
    struct aero_take take = {.rest = payload};
    struct aero_snapshot_header header = {0};
    uint32_t version = aero_take_u32(&take);
    if (!take.failed && version != AERO_SNAPSHOT_VERSION) {
        return aero_error(AERO_UNSUPPORTED);
    }
    aero_take_check(&take, aero_take_u32(&take) == 0);
    header.cluster_id = aero_take_id(&take);
    header.id = aero_take_id(&take);
    header.epoch.value = aero_take_u64(&take);
    header.position = aero_take_position(&take);
    header.sequence = aero_take_u64(&take);
    header.expiry_clock.value = aero_take_u64(&take);
    header.summary.count = aero_take_u64(&take);
    header.summary.digest = aero_take_u128(&take);
    aero_take_check(&take, aero_take_u64(&take) == 0);
    aero_take_check(&take, aero_take_u64(&take) == 0);
    if (take.failed) {
        return aero_error(AERO_CORRUPT);
    }
    AERO_TRY(aero_history_decode(take.rest, &header.history));
    *out_header = header;
    return aero_ok();
}

void aero_snapshot_put_entry(struct aero_buffer *out, struct aero_slice key,
                             struct aero_slice value)
{
    size_t length = AERO_SNAPSHOT_ENTRY_HEAD_BYTES + key.length + value.length;
    uint8_t *to = aero_buffer_reserve(out, length);
    aero_store_u16(to, (uint16_t)key.length);
    aero_store_u32(to + 2, (uint32_t)value.length);
    memcpy(to + 6, key.data, key.length);
    if (value.length != 0) {
        memcpy(to + 6 + key.length, value.data, value.length);
    }
    out->length += length;
}

void aero_snapshot_put_trailer(struct aero_buffer *out, struct aero_summary summary,
                               uint64_t entry_blocks)
{
    aero_put_u64(out, summary.count);
    aero_put_u128(out, summary.digest);
    aero_put_u64(out, entry_blocks);
}

/* ---- The walk ------------------------------------------------------------------------------------------- */

void aero_snapshot_walk_deinit(struct aero_snapshot_walk *walk)
{
    aero_history_deinit(&walk->header.history);
    aero_buffer_deinit(&walk->last_key);
}

static void count_entry(struct aero_snapshot_walk *walk, struct aero_slice key,
                        struct aero_slice value)
{
    if (walk->tree != NULL) {
        aero_tree_build_append(walk->tree, key, value); /* which sums the hashes */
        return;
    }
    walk->summary.count++;
    walk->summary.digest = aero_u128_add(walk->summary.digest, aero_entry_hash(key, value));
}

static bool take_entry(struct aero_slice *rest, struct aero_slice *out_key,
                       struct aero_slice *out_value)
{
    if (rest->length < AERO_SNAPSHOT_ENTRY_HEAD_BYTES) {
        return false;
    }
    size_t key_length = aero_load_u16(rest->data);
    size_t value_length = aero_load_u32(rest->data + 2);
    const uint8_t *data = rest->data + AERO_SNAPSHOT_ENTRY_HEAD_BYTES;
    size_t room = rest->length - AERO_SNAPSHOT_ENTRY_HEAD_BYTES;
    if (key_length == 0 || value_length > AERO_TREE_VALUE_MAX || room < key_length + value_length) {
        return false;
    }
    *out_key = aero_slice_of(data, key_length);
    *out_value = aero_slice_of(data + key_length, value_length);
    *rest = aero_slice_of(data + key_length + value_length, room - key_length - value_length);
    return true;
}

static aero_status take_entries(struct aero_snapshot_walk *walk, struct aero_slice payload)
{
    struct aero_slice last = aero_buffer_slice(&walk->last_key);
    struct aero_slice key;
    struct aero_slice value;
    while (payload.length != 0) { /* no block without bytes decodes */
        if (!take_entry(&payload, &key, &value) || aero_slice_compare(last, key) >= 0) {
            return aero_error(AERO_CORRUPT);
        }
        if (walk->takes_entry != NULL && !walk->takes_entry(key, value)) {
            return aero_error(AERO_INVALID);
        }
        count_entry(walk, key, value);
        last = key;
    }
    aero_buffer_clear(&walk->last_key);
    aero_buffer_append_slice(&walk->last_key, last);
    return aero_ok();
}

static aero_status take_trailer(struct aero_snapshot_walk *walk, struct aero_slice payload)
{
    struct aero_take take = {.rest = payload};
    struct aero_summary told;
    told.count = aero_take_u64(&take);
    told.digest = aero_take_u128(&take);
    uint64_t entry_blocks = aero_take_u64(&take);
    if (walk->tree != NULL) {
        aero_tree_build_finish(walk->tree);
        walk->summary = aero_tree_summary(walk->tree);
    }
    bool sound = !take.failed && entry_blocks == walk->block_count - 1 &&
                 aero_summary_equal(told, walk->summary) &&
                 aero_summary_equal(told, walk->header.summary); /* decision 19 */
    walk->done = sound;
    return sound ? aero_ok() : aero_error(AERO_CORRUPT);
}

static aero_status take_block(struct aero_snapshot_walk *walk,
                              const struct aero_snapshot_block *block, struct aero_slice payload)
{
    bool first = walk->block_count == 0;
    if (block->index != walk->block_count || (block->kind == AERO_BLOCK_HEADER) != first ||
        (!first && block->id64 != walk->id64)) {
        return aero_error(AERO_CORRUPT);
    }
    switch (block->kind) {
    case AERO_BLOCK_HEADER:
        AERO_TRY(take_header(payload, &walk->header));
        walk->has_header = true;
        walk->id64 = aero_load_u64(walk->header.id.bytes);
        return block->id64 == walk->id64 ? aero_ok() : aero_error(AERO_CORRUPT);
    case AERO_BLOCK_ENTRIES:
        return take_entries(walk, payload);
    case AERO_BLOCK_TRAILER:
        break;
    }
    return take_trailer(walk, payload);
}

aero_status aero_snapshot_walk_block(struct aero_snapshot_walk *walk, struct aero_slice bytes,
                                     size_t *out_taken, size_t *out_need)
{
    struct aero_snapshot_block block;
    if (walk->done) {
        return aero_error(AERO_CORRUPT); /* nothing follows a trailer */
    }
    *out_need = AERO_SNAPSHOT_HEAD_BYTES;
    AERO_TRY(aero_snapshot_block_decode(bytes, &block));
    size_t length = AERO_SNAPSHOT_HEAD_BYTES + (size_t)block.payload_length;
    if (bytes.length < length) {
        *out_need = length;
        return aero_error(AERO_INCOMPLETE);
    }
    struct aero_slice payload =
        aero_slice_of(bytes.data + AERO_SNAPSHOT_HEAD_BYTES, (size_t)block.payload_length);
    if (aero_checksum64(payload) != block.payload_hash) {
        return aero_error(AERO_CORRUPT);
    }
    AERO_TRY(take_block(walk, &block, payload));
    walk->block_count++;
    walk->offset += length;
    *out_taken = length;
    return aero_ok();
}
