/* SPDX-License-Identifier: Apache-2.0 */
/* Segment headers and footers. Left to the unit tests: names, which are text; the encoder of the header, through whose stores
 * to 4 KiB Z3 does not get; and what its decoder says of the numbers in it beyond that they are read in bounds. */
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

/*@ requires readable(bytes.data, bytes.length);
    requires \valid(out_header);
    requires \separated(out_header, bytes.data + (0 .. bytes.length - 1));
    assigns *out_header;
    exits \false;
    ensures \result.code == AERO_OK ==> bytes.length >= AERO_SEGMENT_HEADER_BYTES; */
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
