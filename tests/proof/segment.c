/* SPDX-License-Identifier: Apache-2.0 */
/* Segment headers and footers. Left to the unit tests: names, which are text; and what the encoder of the header writes before
 * byte 56, its ids, its zeros and its checksum: through all the stores behind them Z3 does not get in its time. */
#include "tests/proof/contracts.h"

#include "engine/segment.h"

/*@ assigns \nothing;
    exits \false; */
uint64_t aero_segment_nonce64(aero_id nonce);

/*@ assigns \nothing;
    exits \false; */
uint64_t aero_segment_chain0(uint64_t prev_chain, aero_id nonce);

/*@ requires \valid_read(in + (0 .. 15));
    assigns \nothing;
    exits \false; */
static aero_id load_id(const uint8_t *in);

/*@ requires \valid(header);
    requires \valid(out_bytes + (0 .. AERO_SEGMENT_HEADER_BYTES - 1));
    requires \separated(header, out_bytes + (0 .. AERO_SEGMENT_HEADER_BYTES - 1));
    requires header->sequence > header->prev_sequence;
    requires header->prev_end.lsn.value < UINT64_MAX;
    requires header->first_lsn.value == header->prev_end.lsn.value + 1;
    requires !is_none(header->nonce);
    assigns header->chain0, out_bytes[0 .. AERO_SEGMENT_HEADER_BYTES - 1];
    exits \false;
    ensures u64_at(out_bytes + 56) == header->sequence;
    ensures u64_at(out_bytes + 64) == header->first_lsn.value;
    ensures u64_at(out_bytes + 88) == header->prev_sequence;
    ensures u64_at(out_bytes + 96) == header->prev_end_offset;
    ensures u64_at(out_bytes + 104) == header->prev_end.lsn.value;
    ensures u64_at(out_bytes + 112) == header->prev_end.chain;
    ensures u64_at(out_bytes + 120) == header->chain0; */
void aero_segment_header_encode(struct aero_segment_header *header,
                                uint8_t out_bytes[AERO_SEGMENT_HEADER_BYTES]);

/*@ requires readable(bytes.data, bytes.length);
    requires \valid(out_header);
    requires \separated(out_header, bytes.data + (0 .. bytes.length - 1));
    assigns *out_header;
    exits \false;
    ensures \result.code == AERO_OK ==>
        bytes.length >= AERO_SEGMENT_HEADER_BYTES &&
        out_header->sequence > out_header->prev_sequence &&
        out_header->first_lsn.value == out_header->prev_end.lsn.value + 1 &&
        !is_none(out_header->nonce);
    ensures \result.code == AERO_OK ==> out_header->epoch.value == u64_at(bytes.data + 32);
    ensures \result.code == AERO_OK ==> out_header->sequence == u64_at(bytes.data + 56);
    ensures \result.code == AERO_OK ==> out_header->first_lsn.value == u64_at(bytes.data + 64);
    ensures \result.code == AERO_OK ==> out_header->prev_sequence == u64_at(bytes.data + 88);
    ensures \result.code == AERO_OK ==> out_header->prev_end_offset == u64_at(bytes.data + 96);
    ensures \result.code == AERO_OK ==> out_header->prev_end.lsn.value == u64_at(bytes.data + 104);
    ensures \result.code == AERO_OK ==> out_header->prev_end.chain == u64_at(bytes.data + 112);
    ensures \result.code == AERO_OK ==> out_header->chain0 == u64_at(bytes.data + 120); */
aero_status aero_segment_header_decode(struct aero_slice bytes,
                                       struct aero_segment_header *out_header);

/*@ requires \valid_read(footer);
    requires \valid(out_bytes + (0 .. AERO_SEGMENT_FOOTER_BYTES - 1));
    requires \separated(footer, out_bytes + (0 .. AERO_SEGMENT_FOOTER_BYTES - 1));
    assigns out_bytes[0 .. AERO_SEGMENT_FOOTER_BYTES - 1];
    exits \false;
    ensures u64_at(out_bytes + 8) == footer->sequence;
    ensures u64_at(out_bytes + 16) == footer->end_offset;
    ensures u64_at(out_bytes + 24) == footer->end.lsn.value;
    ensures u64_at(out_bytes + 32) == footer->end.chain;
    ensures u64_at(out_bytes + 40) == footer->record_count;
    ensures u64_at(out_bytes + 48) == footer->segment_nonce; */
void aero_segment_footer_encode(const struct aero_segment_footer *footer,
                                uint8_t out_bytes[AERO_SEGMENT_FOOTER_BYTES]);

/*@ requires readable(bytes.data, bytes.length);
    requires \valid(out_footer);
    requires \separated(out_footer, bytes.data + (0 .. bytes.length - 1));
    assigns *out_footer;
    exits \false;
    ensures \result.code == AERO_OK ==>
        bytes.length >= AERO_SEGMENT_FOOTER_BYTES &&
        out_footer->sequence == u64_at(bytes.data + 8) &&
        out_footer->end_offset == u64_at(bytes.data + 16) &&
        out_footer->end.lsn.value == u64_at(bytes.data + 24) &&
        out_footer->end.chain == u64_at(bytes.data + 32) &&
        out_footer->record_count == u64_at(bytes.data + 40) &&
        out_footer->segment_nonce == u64_at(bytes.data + 48); */
aero_status aero_segment_footer_decode(struct aero_slice bytes,
                                       struct aero_segment_footer *out_footer);

#include "engine/segment.c"
