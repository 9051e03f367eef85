/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: what the replication link is cut into, in both directions.
 *
 * 24 bytes of header that prove themselves, then the payload. A decoder accepts exactly what an
 * encoder makes: a length above the type's own limit, an unknown type, a reserved byte that is not
 * zero or a wrong checksum is AERO_CORRUPT, and the connection ends: the stream has no place where
 * it could be taken up again.
 *
 *     0   4  payload length
 *     4   1  type
 *     5   3  zero
 *     8   8  checksum of the payload
 *     16  8  checksum of bytes 0 to 15
 *
 * Shape: little-endian. Ownership: decoded payloads borrow the input.
 * Source: docs/protocol.md, "Frames". */
#ifndef AERO_PROTO_FRAME_H
#define AERO_PROTO_FRAME_H

#include "base/slice.h"
#include "base/status.h"

#define AERO_FRAME_HEADER_BYTES 24U
/* Messages hold a whole history list, which has to fit a manifest slot of 4 MiB. */
#define AERO_FRAME_MESSAGE_MAX ((size_t)4 << 20)
/* WAL or snapshot bytes in one data frame, and the fields before them. */
#define AERO_FRAME_CHUNK_MAX ((size_t)256 << 10)
#define AERO_FRAME_CHUNK_FIELDS 16U

enum aero_frame_type {
    /* protobuf messages, proto/replication.proto */
    AERO_FRAME_HELLO = 1,     /* replica: what I am and hold; opens, and again after a snapshot */
    AERO_FRAME_VERDICT = 2,   /* primary: the answer */
    AERO_FRAME_HISTORY = 3,   /* primary: its list has grown */
    AERO_FRAME_ACK = 4,       /* replica: received, durable, applied, credit */
    AERO_FRAME_HEARTBEAT = 5, /* both: alive; the primary's says how far it is durable */
    AERO_FRAME_FETCH_RECORD = 6,    /* primary: show me the record behind this LSN */
    AERO_FRAME_RECORD_BYTES = 7,    /* replica: its segment header and record header, raw */
    AERO_FRAME_DIGEST_MISMATCH = 8, /* replica: replay disagrees with a digest record */
    AERO_FRAME_BYE = 9,             /* both: why I close */
    /* raw bytes */
    AERO_FRAME_SEGMENT = 16,        /* primary: 4096 bytes of segment header */
    AERO_FRAME_CHUNK = 17,          /* primary: u64 sequence, u64 offset, WAL bytes */
    AERO_FRAME_SEAL = 18,           /* primary: 64 bytes of segment footer */
    AERO_FRAME_SNAPSHOT_CHUNK = 19, /* primary: u64 offset, u64 zero, bytes of the snapshot file */
    AERO_FRAME_SNAPSHOT_END = 20,   /* primary: no bytes: the file is complete */
};

struct aero_frame {
    enum aero_frame_type type;
    struct aero_slice payload;
};

/* The largest payload of a type; 0 for a type that does not exist. */
size_t aero_frame_payload_max(uint8_t type);
/* "CHUNK"; "?" for a type that does not exist. */
const char *aero_frame_type_text(uint8_t type);

/* Appends header and payload. Asserts that the payload is within the type's limit. */
void aero_frame_append(struct aero_buffer *out, enum aero_frame_type type,
                       struct aero_slice payload);
/* The same for a data frame, whose two fields are written in front of the bytes. */
void aero_frame_append_chunk(struct aero_buffer *out, enum aero_frame_type type, uint64_t first,
                             uint64_t second, struct aero_slice bytes);

/* The frame at the beginning of `bytes`.
 *   Errors: AERO_INCOMPLETE: a valid beginning; out_needed says how many bytes the header or the frame
 *           take in all. AERO_CORRUPT: no frame of ours. */
aero_status aero_frame_decode(struct aero_slice bytes, struct aero_frame *out_frame,
                              size_t *out_bytes, size_t *out_needed);
/* Splits the payload of a chunk that was decoded: its fields, and at least one byte. */
void aero_frame_chunk(struct aero_slice payload, uint64_t *out_first, uint64_t *out_second,
                      struct aero_slice *out_bytes);

#endif
