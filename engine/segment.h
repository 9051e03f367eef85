/* SPDX-License-Identifier: Apache-2.0 */
/* Segment files: a 4 KiB header, records at 8-byte multiples, and a 64-byte footer when sealed.
 *
 * Each segment has a random nonce; its first record chains to chain0 = H(end chain of the predecessor, nonce), so
 * bytes that an earlier life of the file left behind can never verify in it. The header names where the
 * predecessor ends: recovery reads the predecessor exactly that far (decision 3). A footer is written only after the
 * successor's header is durable, so a footer without a successor is damage (decision 14).
 *
 * Source: docs/formats.md, "Segment". Files are wal/<first LSN, 16 hex>-<sequence, 8 hex>.seg */
#ifndef AERO_ENGINE_SEGMENT_H
#define AERO_ENGINE_SEGMENT_H

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"
#include "engine/disk.h"

#define AERO_SEGMENT_HEADER_BYTES 4096U
#define AERO_SEGMENT_FOOTER_BYTES 64U

struct aero_segment_header {
    aero_id cluster_id;
    aero_epoch epoch;
    aero_id incarnation; /* the history entry under which it was begun (decision 6) */
    uint64_t sequence;   /* 1, 2, 3, ... over the whole history */
    aero_lsn first_lsn;
    aero_id nonce;
    /* Where the predecessor ends; all zero in the first segment of a cluster. */
    uint64_t prev_sequence;
    uint64_t prev_end_offset;
    struct aero_position prev_end;
    uint64_t chain0; /* computed by encode, verified by decode */
};

struct aero_segment_footer {
    uint64_t sequence;
    uint64_t end_offset; /* where the footer itself stands */
    struct aero_position end;
    uint64_t record_count;
    uint64_t segment_nonce; /* first 8 bytes */
};

uint64_t aero_segment_chain0(uint64_t prev_chain, aero_id nonce);
uint64_t aero_segment_nonce64(aero_id nonce);

void aero_segment_header_encode(struct aero_segment_header *header,
                                uint8_t out_bytes[AERO_SEGMENT_HEADER_BYTES]);
aero_status aero_segment_header_decode(struct aero_slice bytes,
                                       struct aero_segment_header *out_header);
void aero_segment_footer_encode(const struct aero_segment_footer *footer,
                                uint8_t out_bytes[AERO_SEGMENT_FOOTER_BYTES]);
aero_status aero_segment_footer_decode(struct aero_slice bytes,
                                       struct aero_segment_footer *out_footer);

/* With its directory: "wal/...". */
void aero_segment_name(aero_lsn first_lsn, uint64_t sequence, char out_name[AERO_DISK_NAME_MAX]);
/* From a file name without its directory; false when it is no segment's. */
bool aero_segment_name_parse(const char *name, aero_lsn *out_first_lsn, uint64_t *out_sequence);

#endif
