/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/proof/contracts.h"

#include "engine/record.h"

/*@ requires payload_length <= AERO_RECORD_PAYLOAD_MAX;
    assigns \nothing;
    exits \false;
    ensures \result >= AERO_RECORD_HEADER_BYTES + payload_length;
    ensures \result < AERO_RECORD_HEADER_BYTES + payload_length + AERO_RECORD_ALIGN;
    ensures \result % AERO_RECORD_ALIGN == 0; */
static inline size_t aero_record_bytes(size_t payload_length);

/*@ requires 1 <= payload.length <= AERO_RECORD_PAYLOAD_MAX;
    requires readable(payload.data, payload.length);
    requires \valid(out_bytes + (0 .. AERO_RECORD_HEADER_BYTES + payload.length + 6));
    requires \separated(payload.data + (0 .. payload.length - 1),
                        out_bytes + (0 .. AERO_RECORD_HEADER_BYTES + payload.length + 6));
    assigns out_bytes[0 .. AERO_RECORD_HEADER_BYTES + payload.length + 6];
    exits \false; */
void aero_record_prepare(enum aero_record_type type, struct aero_slice payload, uint8_t *out_bytes);

/*@ requires \valid(bytes + (0 .. AERO_RECORD_HEADER_BYTES - 1));
    requires \valid_read(place);
    requires \separated(place, bytes + (0 .. AERO_RECORD_HEADER_BYTES - 1));
    requires place->durable_mark.value < place->lsn.value;
    assigns bytes[16 .. 47], bytes[56 .. 63];
    exits \false;
    ensures u64_at(bytes + 16) == place->lsn.value;
    ensures u64_at(bytes + 24) == place->durable_mark.value;
    ensures u64_at(bytes + 32) == place->segment_nonce;
    ensures u64_at(bytes + 40) == place->prev_chain;
    ensures u64_at(bytes + 56) == \result; */
uint64_t aero_record_stamp(uint8_t *bytes, const struct aero_record_place *place);

/*@ requires \valid(header);
    requires \valid(out_bytes + (0 .. AERO_RECORD_HEADER_BYTES - 1));
    requires \separated(header, out_bytes + (0 .. AERO_RECORD_HEADER_BYTES - 1));
    requires 1 <= header->payload_length <= AERO_RECORD_PAYLOAD_MAX;
    requires header->durable_mark.value < header->lsn.value;
    assigns header->chain, out_bytes[0 .. AERO_RECORD_HEADER_BYTES - 1];
    exits \false; */
void aero_record_encode(struct aero_record_header *header,
                        uint8_t out_bytes[AERO_RECORD_HEADER_BYTES]);

/*@ requires \valid_read(bytes + (0 .. AERO_RECORD_HEADER_BYTES - 1));
    requires u32_at(bytes + 8) <= AERO_RECORD_PAYLOAD_MAX;
    assigns \nothing;
    exits \false;
    ensures \result < AERO_RECORD_HEADER_BYTES + u32_at(bytes + 8) + AERO_RECORD_ALIGN; */
size_t aero_record_prepared_bytes(const uint8_t *bytes);

/*@ requires readable(bytes.data, bytes.length);
    assigns \nothing;
    exits \false; */
bool aero_record_begins(struct aero_slice bytes);

/*@ requires readable(bytes.data, bytes.length);
    requires \valid(out_header);
    requires \separated(out_header, bytes.data + (0 .. bytes.length - 1));
    assigns *out_header;
    exits \false;
    ensures \result.code == AERO_OK ==>
        bytes.length >= AERO_RECORD_HEADER_BYTES &&
        1 <= out_header->payload_length <= AERO_RECORD_PAYLOAD_MAX &&
        (out_header->type == AERO_RECORD_COMMIT || out_header->type == AERO_RECORD_DIGEST) &&
        out_header->durable_mark.value < out_header->lsn.value &&
        out_header->payload_length == u64_at(bytes.data + 8) &&
        out_header->lsn.value == u64_at(bytes.data + 16) &&
        out_header->chain == u64_at(bytes.data + 56); */
aero_status aero_record_decode(struct aero_slice bytes, struct aero_record_header *out_header);

/*@ requires readable(bytes.data, bytes.length);
    requires \valid(out_header) && \valid(out_payload);
    requires \separated(out_header, out_payload, bytes.data + (0 .. bytes.length - 1));
    requires before.lsn.value < UINT64_MAX;
    assigns *out_header, *out_payload;
    exits \false;
    ensures \result.code == AERO_OK ==>
        out_payload->data == bytes.data + AERO_RECORD_HEADER_BYTES &&
        out_payload->length == out_header->payload_length &&
        AERO_RECORD_HEADER_BYTES + out_payload->length <= bytes.length &&
        out_header->lsn.value == before.lsn.value + 1 &&
        out_header->prev_chain == before.chain &&
        out_header->segment_nonce == segment_nonce; */
aero_status aero_record_verify(struct aero_slice bytes, uint64_t segment_nonce,
                               struct aero_position before, struct aero_record_header *out_header,
                               struct aero_slice *out_payload);

#include "engine/record.c"
