/* SPDX-License-Identifier: Apache-2.0 */
/* Segment headers, footers and file names. */
#include "engine/segment.h"
#include "tests/fuzz/fuzz.h"

#define HEADER_CHECKSUM_OFFSET (AERO_SEGMENT_HEADER_BYTES - 8)
#define FOOTER_CHECKSUM_OFFSET (AERO_SEGMENT_FOOTER_BYTES - 8)

static void look_at_header(struct aero_slice bytes)
{
    struct aero_segment_header header;
    aero_status status = aero_segment_header_decode(bytes, &header);
    AERO_ASSERT((status.code == AERO_INCOMPLETE) == (bytes.length < AERO_SEGMENT_HEADER_BYTES));
    if (aero_is_ok(status)) {
        uint8_t again[AERO_SEGMENT_HEADER_BYTES];
        aero_segment_header_encode(&header, again);
        AERO_ASSERT(memcmp(again, bytes.data, sizeof again) == 0);
    }
}

static void look_at_footer(struct aero_slice bytes)
{
    struct aero_segment_footer footer;
    aero_status status = aero_segment_footer_decode(bytes, &footer);
    AERO_ASSERT((status.code == AERO_INCOMPLETE) == (bytes.length < AERO_SEGMENT_FOOTER_BYTES));
    if (aero_is_ok(status)) {
        uint8_t again[AERO_SEGMENT_FOOTER_BYTES];
        aero_segment_footer_encode(&footer, again);
        AERO_ASSERT(memcmp(again, bytes.data, sizeof again) == 0);
    }
}

static void look_at_name(struct aero_slice bytes)
{
    char *name = aero_malloc(bytes.length + 1);
    memcpy(name, bytes.data, bytes.length);
    name[bytes.length] = '\0';
    aero_lsn first_lsn;
    uint64_t sequence;
    if (aero_segment_name_parse(name, &first_lsn, &sequence)) {
        char again[AERO_DISK_NAME_MAX];
        aero_segment_name(first_lsn, sequence, again);
        AERO_ASSERT(strcmp(again + strlen("wal/"), name) == 0);
    }
    free(name);
}

/* The header is mostly zeros that a fuzzer would have to find: the input is what stands before them. */
static void look_at_short_header(struct aero_slice input)
{
    uint8_t *bytes = aero_calloc(1, AERO_SEGMENT_HEADER_BYTES);
    size_t length = input.length < HEADER_CHECKSUM_OFFSET ? input.length : HEADER_CHECKSUM_OFFSET;
    memcpy(bytes, input.data, length);
    fuzz_seal(bytes, HEADER_CHECKSUM_OFFSET);
    look_at_header(aero_slice_of(bytes, AERO_SEGMENT_HEADER_BYTES));
    /* And with a chain0 that belongs to it, without which nothing decodes. */
    aero_id nonce;
    memcpy(nonce.bytes, bytes + 72, sizeof nonce.bytes);
    aero_store_u64(bytes + 120, aero_segment_chain0(aero_load_u64(bytes + 112), nonce));
    fuzz_seal(bytes, HEADER_CHECKSUM_OFFSET);
    look_at_header(aero_slice_of(bytes, AERO_SEGMENT_HEADER_BYTES));
    free(bytes);
}

void fuzz_one(struct aero_slice input)
{
    switch (fuzz_take_u8(&input) % 3) {
    case 0:
        look_at_header(input);
        look_at_short_header(input);
        break;
    case 1:
        look_at_footer(input);
        if (input.length >= AERO_SEGMENT_FOOTER_BYTES) {
            uint8_t *bytes = fuzz_copy(input);
            fuzz_seal(bytes, FOOTER_CHECKSUM_OFFSET);
            look_at_footer(aero_slice_of(bytes, input.length));
            free(bytes);
        }
        break;
    default:
        look_at_name(input);
        break;
    }
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_segment_header header = {
        .cluster_id = fuzz_id(0x11),
        .epoch = {.value = 3},
        .incarnation = fuzz_id(0x22),
        .sequence = 8,
        .first_lsn = {.value = 0x1235},
        .nonce = fuzz_id(0x33),
        .prev_sequence = 7,
        .prev_end_offset = 0x10000,
        .prev_end = {.lsn = {.value = 0x1234}, .chain = 0xfedcba9876543210U},
    };
    struct aero_segment_footer footer = {
        .sequence = 8,
        .end_offset = 0x20000,
        .end = {.lsn = {.value = 0x2000}, .chain = 0x123456789abcdef0U},
        .record_count = 77,
        .segment_nonce = 0x3333333333333333U,
    };
    uint8_t bytes[1 + AERO_SEGMENT_HEADER_BYTES] = {0};
    aero_segment_header_encode(&header, bytes + 1);
    fuzz_seed(seeds, aero_slice_of(bytes, sizeof bytes));
    fuzz_seed(seeds, aero_slice_of(bytes, 1 + 128));
    bytes[0] = 1;
    aero_segment_footer_encode(&footer, bytes + 1);
    fuzz_seed(seeds, aero_slice_of(bytes, 1 + AERO_SEGMENT_FOOTER_BYTES));
    fuzz_seed(seeds, aero_slice_text("\2"
                                     "0000000000001235-00000008.seg"));
    fuzz_seed(seeds, aero_slice_text("\2"
                                     "ffffffffffffffff-123456789.seg"));
}
