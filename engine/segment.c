/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder of segment headers, footers and names; byte tables in docs/formats.md, "Segment". */
#include "engine/segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/le.h"

#define HEADER_MAGIC UINT64_C(0x314745534F524541) /* "AEROSEG1" */
#define HEADER_VERSION 1U
#define HEADER_USED_BYTES 128U
#define HEADER_CHECKSUM_OFFSET 4088U
#define FOOTER_MAGIC 0x52544641U /* "AFTR" */
#define FOOTER_CHECKSUM_OFFSET 56U

_Static_assert(HEADER_CHECKSUM_OFFSET + 8 == AERO_SEGMENT_HEADER_BYTES, "the checksum comes last");
_Static_assert(FOOTER_CHECKSUM_OFFSET + 8 == AERO_SEGMENT_FOOTER_BYTES, "the checksum comes last");

uint64_t aero_segment_nonce64(aero_id nonce)
{
    return aero_load_u64(nonce.bytes);
}

uint64_t aero_segment_chain0(uint64_t prev_chain, aero_id nonce)
{
    uint8_t bytes[8 + sizeof nonce.bytes];
    aero_store_u64(bytes, prev_chain);
    memcpy(bytes + 8, nonce.bytes, sizeof nonce.bytes);
    return aero_checksum64(aero_slice_of(bytes, sizeof bytes));
}

void aero_segment_header_encode(struct aero_segment_header *header,
                                uint8_t out_bytes[AERO_SEGMENT_HEADER_BYTES])
{
    AERO_ASSERT(header->sequence > header->prev_sequence);
    AERO_ASSERT(header->first_lsn.value == header->prev_end.lsn.value + 1);
    AERO_ASSERT(!aero_id_is_none(header->nonce));
    header->chain0 = aero_segment_chain0(header->prev_end.chain, header->nonce);
    memset(out_bytes, 0, AERO_SEGMENT_HEADER_BYTES);
    aero_store_u64(out_bytes, HEADER_MAGIC);
    aero_store_u32(out_bytes + 8, HEADER_VERSION);
    aero_store_u32(out_bytes + 12, AERO_SEGMENT_HEADER_BYTES);
    memcpy(out_bytes + 16, header->cluster_id.bytes, 16);
    aero_store_u64(out_bytes + 32, header->epoch.value);
    memcpy(out_bytes + 40, header->incarnation.bytes, 16);
    aero_store_u64(out_bytes + 56, header->sequence);
    aero_store_u64(out_bytes + 64, header->first_lsn.value);
    memcpy(out_bytes + 72, header->nonce.bytes, 16);
    aero_store_u64(out_bytes + 88, header->prev_sequence);
    aero_store_u64(out_bytes + 96, header->prev_end_offset);
    aero_store_u64(out_bytes + 104, header->prev_end.lsn.value);
    aero_store_u64(out_bytes + 112, header->prev_end.chain);
    aero_store_u64(out_bytes + 120, header->chain0);
    aero_store_u64(out_bytes + HEADER_CHECKSUM_OFFSET,
                   aero_checksum64(aero_slice_of(out_bytes, HEADER_CHECKSUM_OFFSET)));
}

static aero_id load_id(const uint8_t *in)
{
    aero_id id;
    memcpy(id.bytes, in, sizeof id.bytes);
    return id;
}

aero_status aero_segment_header_decode(struct aero_slice bytes,
                                       struct aero_segment_header *out_header)
{
    if (bytes.length < AERO_SEGMENT_HEADER_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *in = bytes.data;
    if (aero_load_u64(in) != HEADER_MAGIC ||
        aero_load_u64(in + HEADER_CHECKSUM_OFFSET) !=
            aero_checksum64(aero_slice_of(in, HEADER_CHECKSUM_OFFSET))) {
        return aero_error(AERO_CORRUPT);
    }
    if (aero_load_u32(in + 8) != HEADER_VERSION) {
        return aero_error(AERO_UNSUPPORTED);
    }
    struct aero_segment_header header = {
        .cluster_id = load_id(in + 16),
        .epoch = {.value = aero_load_u64(in + 32)},
        .incarnation = load_id(in + 40),
        .sequence = aero_load_u64(in + 56),
        .first_lsn = aero_lsn_of(aero_load_u64(in + 64)),
        .nonce = load_id(in + 72),
        .prev_sequence = aero_load_u64(in + 88),
        .prev_end_offset = aero_load_u64(in + 96),
        .prev_end = {.lsn = aero_lsn_of(aero_load_u64(in + 104)), .chain = aero_load_u64(in + 112)},
        .chain0 = aero_load_u64(in + 120),
    };
    bool sound = aero_load_u32(in + 12) == AERO_SEGMENT_HEADER_BYTES &&
                 header.sequence > header.prev_sequence &&
                 header.first_lsn.value > header.prev_end.lsn.value &&
                 header.first_lsn.value - header.prev_end.lsn.value == 1 &&
                 !aero_id_is_none(header.nonce) &&
                 header.chain0 == aero_segment_chain0(header.prev_end.chain, header.nonce) &&
                 aero_slice_is_zero(aero_slice_of(in + HEADER_USED_BYTES,
                                                  HEADER_CHECKSUM_OFFSET - HEADER_USED_BYTES));
    if (!sound) {
        return aero_error(AERO_CORRUPT);
    }
    *out_header = header;
    return aero_ok();
}

void aero_segment_footer_encode(const struct aero_segment_footer *footer,
                                uint8_t out_bytes[AERO_SEGMENT_FOOTER_BYTES])
{
    aero_store_u64(out_bytes, FOOTER_MAGIC); /* and four zero bytes */
    aero_store_u64(out_bytes + 8, footer->sequence);
    aero_store_u64(out_bytes + 16, footer->end_offset);
    aero_store_u64(out_bytes + 24, footer->end.lsn.value);
    aero_store_u64(out_bytes + 32, footer->end.chain);
    aero_store_u64(out_bytes + 40, footer->record_count);
    aero_store_u64(out_bytes + 48, footer->segment_nonce);
    aero_store_u64(out_bytes + FOOTER_CHECKSUM_OFFSET,
                   aero_checksum64(aero_slice_of(out_bytes, FOOTER_CHECKSUM_OFFSET)));
}

aero_status aero_segment_footer_decode(struct aero_slice bytes,
                                       struct aero_segment_footer *out_footer)
{
    if (bytes.length < AERO_SEGMENT_FOOTER_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *in = bytes.data;
    if (aero_load_u64(in) != FOOTER_MAGIC ||
        aero_load_u64(in + FOOTER_CHECKSUM_OFFSET) !=
            aero_checksum64(aero_slice_of(in, FOOTER_CHECKSUM_OFFSET))) {
        return aero_error(AERO_CORRUPT);
    }
    *out_footer = (struct aero_segment_footer){
        .sequence = aero_load_u64(in + 8),
        .end_offset = aero_load_u64(in + 16),
        .end = {.lsn = aero_lsn_of(aero_load_u64(in + 24)), .chain = aero_load_u64(in + 32)},
        .record_count = aero_load_u64(in + 40),
        .segment_nonce = aero_load_u64(in + 48),
    };
    return aero_ok();
}

void aero_segment_name(aero_lsn first_lsn, uint64_t sequence, char out_name[AERO_DISK_NAME_MAX])
{
    snprintf(out_name, AERO_DISK_NAME_MAX, "wal/%016" PRIx64 "-%08" PRIx64 ".seg", first_lsn.value,
             sequence);
}

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

bool aero_segment_name_parse(const char *name, aero_lsn *out_first_lsn, uint64_t *out_sequence)
{
    if (!is_hex(name, 16) || name[16] != '-' || !is_hex(name + 17, 8)) {
        return false;
    }
    aero_lsn first_lsn = aero_lsn_of(strtoull(name, NULL, 16));
    uint64_t sequence = strtoull(name + 17, NULL, 16);
    /* One name a segment: what would not be written like this is not one. */
    char canonical[AERO_DISK_NAME_MAX];
    aero_segment_name(first_lsn, sequence, canonical);
    if (strcmp(canonical + strlen("wal/"), name) != 0) {
        return false;
    }
    *out_first_lsn = first_lsn;
    *out_sequence = sequence;
    return true;
}
