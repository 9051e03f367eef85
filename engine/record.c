/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder of the record header; the byte table is docs/formats.md, "Record".
 *
 * Nothing here trusts a length before the checksum over it has been compared: a decoder that meets torn,
 * rotten or foreign bytes reads the 64 bytes that it was given and no others. */
#include "engine/record.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "base/le.h"

#define RECORD_MAGIC 0x43455241U /* "AREC" */
#define CHAIN_OFFSET 56U

_Static_assert(CHAIN_OFFSET + 8 == AERO_RECORD_HEADER_BYTES, "the chain closes the header");
_Static_assert(AERO_RECORD_HEADER_BYTES % AERO_RECORD_ALIGN == 0, "payloads start aligned");

void aero_record_prepare(enum aero_record_type type, struct aero_slice payload, uint8_t *out_bytes)
{
    AERO_ASSERT(payload.length >= 1 && payload.length <= AERO_RECORD_PAYLOAD_MAX);
    aero_store_u32(out_bytes, RECORD_MAGIC);
    aero_store_u32(out_bytes + 4, (uint32_t)type);
    aero_store_u64(out_bytes + 8, payload.length);
    aero_store_u64(out_bytes + 48, aero_checksum64(payload));
    /* The last eight bytes first: the payload then covers what of them is not padding. */
    size_t record_bytes = aero_record_bytes(payload.length);
    aero_store_u64(out_bytes + record_bytes - 8, 0);
    memcpy(out_bytes + AERO_RECORD_HEADER_BYTES, payload.data, payload.length);
}

uint64_t aero_record_stamp(uint8_t *bytes, const struct aero_record_place *place)
{
    AERO_ASSERT(place->durable_mark.value < place->lsn.value);
    aero_store_u64(bytes + 16, place->lsn.value);
    aero_store_u64(bytes + 24, place->durable_mark.value);
    aero_store_u64(bytes + 32, place->segment_nonce);
    aero_store_u64(bytes + 40, place->prev_chain);
    uint64_t chain = aero_checksum64(aero_slice_of(bytes, CHAIN_OFFSET));
    aero_store_u64(bytes + CHAIN_OFFSET, chain);
    return chain;
}

size_t aero_record_prepared_bytes(const uint8_t *bytes)
{
    return aero_record_bytes(aero_load_u32(bytes + 8));
}

bool aero_record_begins(struct aero_slice bytes)
{
    return bytes.length >= 4 && aero_load_u32(bytes.data) == RECORD_MAGIC;
}

void aero_record_encode(struct aero_record_header *header,
                        uint8_t out_bytes[AERO_RECORD_HEADER_BYTES])
{
    AERO_ASSERT(header->payload_length >= 1 && header->payload_length <= AERO_RECORD_PAYLOAD_MAX);
    struct aero_record_place place = {
        .lsn = header->lsn,
        .durable_mark = header->durable_mark,
        .segment_nonce = header->segment_nonce,
        .prev_chain = header->prev_chain,
    };
    aero_store_u32(out_bytes, RECORD_MAGIC);
    aero_store_u32(out_bytes + 4, (uint32_t)header->type);
    aero_store_u64(out_bytes + 8, header->payload_length);
    aero_store_u64(out_bytes + 48, header->payload_hash);
    header->chain = aero_record_stamp(out_bytes, &place);
}

aero_status aero_record_decode(struct aero_slice bytes, struct aero_record_header *out_header)
{
    if (bytes.length < AERO_RECORD_HEADER_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *in = bytes.data;
    /* The magic first: the scan for evidence (decision 1) asks at every aligned offset. */
    if (aero_load_u32(in) != RECORD_MAGIC) {
        return aero_error(AERO_CORRUPT);
    }
    uint64_t chain = aero_load_u64(in + CHAIN_OFFSET);
    if (chain != aero_checksum64(aero_slice_of(in, CHAIN_OFFSET))) {
        return aero_error(AERO_CORRUPT);
    }
    /* The three zero bytes behind the type and the four behind the length are part of these numbers. */
    uint32_t type = aero_load_u32(in + 4);
    uint64_t payload_length = aero_load_u64(in + 8);
    uint64_t lsn = aero_load_u64(in + 16);
    uint64_t durable_mark = aero_load_u64(in + 24);
    if (type != AERO_RECORD_COMMIT && type != AERO_RECORD_DIGEST) {
        return aero_error(AERO_CORRUPT);
    }
    if (payload_length < 1 || payload_length > AERO_RECORD_PAYLOAD_MAX) {
        return aero_error(AERO_CORRUPT);
    }
    if (durable_mark >= lsn) { /* no record was durable when it was handed over */
        return aero_error(AERO_CORRUPT);
    }
    *out_header = (struct aero_record_header){
        .type = (enum aero_record_type)type,
        .payload_length = (uint32_t)payload_length,
        .lsn = aero_lsn_of(lsn),
        .durable_mark = aero_lsn_of(durable_mark),
        .segment_nonce = aero_load_u64(in + 32),
        .prev_chain = aero_load_u64(in + 40),
        .payload_hash = aero_load_u64(in + 48),
        .chain = chain,
    };
    return aero_ok();
}

aero_status aero_record_verify(struct aero_slice bytes, uint64_t segment_nonce,
                               struct aero_position before, struct aero_record_header *out_header,
                               struct aero_slice *out_payload)
{
    struct aero_record_header header;
    AERO_TRY(aero_record_decode(bytes, &header));
    /* Its place before its length: what an earlier life of the file left behind may be cut anywhere. */
    if (header.segment_nonce != segment_nonce || header.prev_chain != before.chain ||
        header.lsn.value != before.lsn.value + 1) {
        return aero_error(AERO_MISMATCH);
    }
    size_t record_bytes = aero_record_bytes(header.payload_length);
    if (bytes.length < record_bytes) {
        return aero_error(AERO_INCOMPLETE);
    }
    struct aero_slice payload =
        aero_slice_of(bytes.data + AERO_RECORD_HEADER_BYTES, header.payload_length);
    const uint8_t *padding = payload.data + payload.length;
    if (aero_checksum64(payload) != header.payload_hash ||
        !aero_slice_is_zero(
            aero_slice_of(padding, (size_t)(bytes.data + record_bytes - padding)))) {
        return aero_error(AERO_CORRUPT);
    }
    *out_header = header;
    *out_payload = payload;
    return aero_ok();
}
