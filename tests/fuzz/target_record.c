/* SPDX-License-Identifier: Apache-2.0 */
/* WAL records: the header alone, and the record in its place. */
#include "engine/record.h"
#include "tests/fuzz/fuzz.h"

/* A header that decodes is exactly what encode writes for its fields. */
static void check_header(const uint8_t *bytes, const struct aero_record_header *header)
{
    struct aero_record_header again = *header;
    uint8_t encoded[AERO_RECORD_HEADER_BYTES];
    aero_record_encode(&again, encoded);
    AERO_ASSERT(again.chain == header->chain);
    AERO_ASSERT(memcmp(encoded, bytes, sizeof encoded) == 0);
}

/* A record that verifies is exactly what prepare and stamp write for its payload and place. */
static void check_record(struct aero_slice bytes, const struct aero_record_header *header,
                         struct aero_slice payload)
{
    size_t record_bytes = aero_record_bytes(payload.length);
    AERO_ASSERT(record_bytes <= bytes.length);
    struct aero_record_place place = {.lsn = header->lsn,
                                      .durable_mark = header->durable_mark,
                                      .segment_nonce = header->segment_nonce,
                                      .prev_chain = header->prev_chain};
    uint8_t *again = aero_malloc(record_bytes);
    aero_record_prepare(header->type, payload, again);
    AERO_ASSERT(aero_record_prepared_bytes(again) == record_bytes);
    AERO_ASSERT(aero_record_stamp(again, &place) == header->chain);
    AERO_ASSERT(memcmp(again, bytes.data, record_bytes) == 0);
    free(again);
}

static void look(struct aero_slice bytes)
{
    struct aero_record_header header;
    struct aero_record_header placed;
    struct aero_slice payload;
    aero_status status = aero_record_decode(bytes, &header);
    if (!aero_is_ok(status)) {
        AERO_ASSERT((status.code == AERO_INCOMPLETE) == (bytes.length < AERO_RECORD_HEADER_BYTES));
        return;
    }
    AERO_ASSERT(aero_record_begins(bytes));
    check_header(bytes.data, &header);
    struct aero_position before = {.lsn = aero_lsn_of(header.lsn.value - 1),
                                   .chain = header.prev_chain};
    status = aero_record_verify(bytes, header.segment_nonce, before, &placed, &payload);
    if (aero_is_ok(status)) {
        check_record(bytes, &placed, payload);
    }
    before.chain ^= 1;
    status = aero_record_verify(bytes, header.segment_nonce, before, &placed, &payload);
    AERO_ASSERT(status.code == AERO_MISMATCH);
}

void fuzz_one(struct aero_slice input)
{
    look(input);
    if (input.length < AERO_RECORD_HEADER_BYTES) {
        return;
    }
    uint8_t *bytes = fuzz_copy(input);
    size_t payload_length = aero_load_u32(bytes + 8);
    if (payload_length <= input.length - AERO_RECORD_HEADER_BYTES) {
        struct aero_slice payload = aero_slice_of(bytes + AERO_RECORD_HEADER_BYTES, payload_length);
        aero_store_u64(bytes + 48, aero_checksum64(payload));
    }
    fuzz_seal(bytes, 56);
    look(aero_slice_of(bytes, input.length));
    free(bytes);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char *const payloads[] = {"hello", "12345678", "a payload of some length"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t bytes[128];
        struct aero_record_place place = {.lsn = {0x0102030405060708U},
                                          .durable_mark = {0x0102030405060700U},
                                          .segment_nonce = 0x1112131415161718U,
                                          .prev_chain = 0x2122232425262728U};
        struct aero_slice payload = aero_slice_text(payloads[i]);
        aero_record_prepare(i == 1 ? AERO_RECORD_DIGEST : AERO_RECORD_COMMIT, payload, bytes);
        aero_record_stamp(bytes, &place);
        fuzz_seed(seeds, aero_slice_of(bytes, aero_record_bytes(payload.length)));
    }
}
