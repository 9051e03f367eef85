/* SPDX-License-Identifier: Apache-2.0 */
/* The WAL record: 64 bytes of header that prove themselves, then the payload. One commit = one record = one LSN.
 *
 * In its place a record verifies by its chain: prev_chain equals the chain of the record before it, and its
 * own chain is the checksum of its header, which covers prev_chain and the payload's hash. So (LSN, chain) names
 * the whole history up to there. Alone, a header that verifies is evidence: of exactly what its durable mark
 * says, and of nothing else (decision 1).
 *
 * Source: docs/formats.md, "Record". */
#ifndef AERO_ENGINE_RECORD_H
#define AERO_ENGINE_RECORD_H

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

#define AERO_RECORD_HEADER_BYTES 64U
#define AERO_RECORD_ALIGN 8U
#define AERO_RECORD_PAYLOAD_MAX ((size_t)32 << 20)

enum aero_record_type {
    AERO_RECORD_COMMIT = 1,
    AERO_RECORD_DIGEST = 2, /* names the state after the record just before it (decision 20) */
};

/* A digest record stands at every LSN that is a multiple of this. */
#define AERO_DIGEST_INTERVAL_LSN 1024U

struct aero_record_header {
    enum aero_record_type type;
    uint32_t payload_length;
    aero_lsn lsn;
    aero_lsn durable_mark;  /* contiguous durable LSN when the group was handed to the disk */
    uint64_t segment_nonce; /* the first 8 bytes of the segment's nonce */
    uint64_t prev_chain;
    uint64_t payload_hash;
    uint64_t chain; /* = header checksum; computed by encode, verified by decode */
};

/* Header + payload + padding to 8. */
static inline size_t aero_record_bytes(size_t payload_length)
{
    return (AERO_RECORD_HEADER_BYTES + payload_length + AERO_RECORD_ALIGN - 1) / AERO_RECORD_ALIGN *
           AERO_RECORD_ALIGN;
}

/* Writes 64 bytes and sets header->chain. */
void aero_record_encode(struct aero_record_header *header,
                        uint8_t out_bytes[AERO_RECORD_HEADER_BYTES]);

/* The two halves of encode, for the writer's own buffer (decision 17: LSN, chain and mark are stamped when the group is
 * handed to the disk, the payload is hashed and copied once, when it arrives).
 * prepare writes aero_record_bytes(payload.length) bytes: header without its place, payload, padding.
 * stamp completes the header of a prepared record and returns its chain. */
void aero_record_prepare(enum aero_record_type type, struct aero_slice payload, uint8_t *out_bytes);
struct aero_record_place {
    aero_lsn lsn;
    aero_lsn durable_mark;
    uint64_t segment_nonce;
    uint64_t prev_chain;
};
uint64_t aero_record_stamp(uint8_t *bytes, const struct aero_record_place *place);
/* Header, payload and padding of a prepared or stamped record, as its length field says. */
size_t aero_record_prepared_bytes(const uint8_t *bytes);

/* Whether the magic number stands here: says nothing about the rest. */
bool aero_record_begins(struct aero_slice bytes);

/* Verifies the header alone. AERO_INCOMPLETE: fewer than 64 bytes. AERO_CORRUPT: magic, checksum, type, bounds. */
aero_status aero_record_decode(struct aero_slice bytes, struct aero_record_header *out_header);

/* Verifies a record in place: header, payload hash, zero padding, nonce, LSN and chain. `bytes` starts at the record,
 * which comes behind `before`; for the first of a segment before.chain is the segment's chain0, not the chain of the
 * record before it.
 * AERO_INCOMPLETE: the valid header asks for more bytes than there are. AERO_MISMATCH: verifies alone but does not
 * belong here (nonce, LSN or chain). AERO_CORRUPT: damaged. */
aero_status aero_record_verify(struct aero_slice bytes, uint64_t segment_nonce,
                               struct aero_position before, struct aero_record_header *out_header,
                               struct aero_slice *out_payload);

#endif
