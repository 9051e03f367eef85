/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages of the replication link as plain structs. Encoding and decoding are protobuf
 * (proto/replication.proto), which nobody outside message.c sees.
 *
 * Decoding is strict: an id that is neither absent nor 16 bytes, a name or text that is too long or
 * holds control characters, a number outside its range is AERO_CORRUPT. Slices and texts in a
 * decoded message live in the message itself (`storage`), until aero_message_deinit.
 * Source: docs/protocol.md, "Messages". */
#ifndef AERO_PROTO_MESSAGE_H
#define AERO_PROTO_MESSAGE_H

#include "base/checksum.h"
#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

#include "proto/frame.h"

#define AERO_PROTOCOL_VERSION 1U
#define AERO_MESSAGE_NAME_MAX 64  /* with the NUL: AERO_NODE_NAME_MAX of the engine */
#define AERO_MESSAGE_TEXT_MAX 512 /* with the NUL */

/* What a replica is and holds. Its owner fills it; the history is encoded by aero_history_encode
 * and holds incarnations only (segment_count 0). */
struct aero_message_hello {
    uint32_t protocol_version;
    aero_id cluster_id; /* none when holds_nothing */
    aero_id node_id;
    char node_name[AERO_MESSAGE_NAME_MAX];
    aero_epoch epoch; /* the highest this node has seen */
    struct aero_slice history;
    bool holds_nothing; /* EMPTY: no state, no WAL; all positions below are zero */

    /* The end of its own durable WAL. end_sequence 0: no WAL yet, the state is a loaded snapshot at
     * `end`. */
    uint64_t end_sequence;
    uint64_t end_offset;
    struct aero_position end;
    bool end_sealed; /* a footer stands at end_offset */
    /* The start of the segment that holds `end` (or will hold end + 1 when end_sequence is 0);
     * sequence 0: not known. */
    uint64_t segment_sequence;
    struct aero_position segment_before;
    aero_id segment_nonce;
    aero_id segment_incarnation;

    bool tail_streaming;
    aero_id snapshot_id;        /* a transfer that broke; none otherwise */
    uint64_t snapshot_verified; /* whole verified blocks up to here */
    uint64_t credit_bytes;      /* set by the receiver core */
};

/* The table that leads to each is in shipping/handshake.h. */
enum aero_handshake_kind {
    AERO_HANDSHAKE_RESUME = 1,    /* WAL follows from resume_sequence, resume_offset */
    AERO_HANDSHAKE_NEED_SNAPSHOT, /* snapshot bytes follow; then say Hello again */
    AERO_HANDSHAKE_UNAVAILABLE,   /* not now, for no fault of yours: come back later */
    AERO_HANDSHAKE_DIVERGED,      /* your suffix behind `fork` is not on my history */
    AERO_HANDSHAKE_PRIMARY_LOST,  /* I lost your suffix behind `fork`: keep it, show me the next */
    AERO_HANDSHAKE_SUPERSEDED,    /* you know a higher epoch that forks from my history */
    AERO_HANDSHAKE_EPOCH_CLASH,   /* same epoch, other incarnation, other node: both halt */
    AERO_HANDSHAKE_UNPROVABLE,    /* nothing proves that your position is on my history */
    AERO_HANDSHAKE_WRONG_CLUSTER,
    AERO_HANDSHAKE_NAME_NOT_ALLOWED,
    AERO_HANDSHAKE_VERSION,
};

struct aero_message_snapshot {
    aero_id id;
    struct aero_position position;
    uint64_t sequence;
    uint64_t size_bytes;
    uint64_t entry_count;
    struct aero_u128 digest;
};

struct aero_message_verdict {
    enum aero_handshake_kind kind;
    aero_id cluster_id;
    aero_id node_id;
    char node_name[AERO_MESSAGE_NAME_MAX];
    aero_epoch epoch;
    struct aero_slice history; /* the primary's incarnations */
    aero_id link_nonce;        /* repeated by acknowledgements, which belong to it (decision 23) */
    aero_lsn durable;
    uint64_t resume_sequence;
    uint64_t resume_offset; /* 0: the segment's header comes first */
    struct aero_message_snapshot snapshot;
    uint64_t snapshot_offset;
    struct aero_position fork; /* the last position in common; chain 0 when only the LSN is known */
    uint64_t commits_mine; /* records behind the fork on each side, as far as the two can know */
    uint64_t commits_yours;
    char text[AERO_MESSAGE_TEXT_MAX]; /* one sentence: what, and what to do */
};

struct aero_message_history {
    struct aero_slice history;
};

struct aero_message_ack {
    aero_id link_nonce;
    aero_lsn received;
    aero_lsn durable;
    aero_lsn applied;
    uint64_t durable_sequence;
    uint64_t credit_bytes; /* cumulative, so that a repeated or late one changes nothing */
};

struct aero_message_heartbeat {
    aero_lsn durable;
};

struct aero_message_fetch_record {
    aero_lsn after;
};

/* Headers prove themselves and name the payload by its hash: evidence needs no payload. */
struct aero_message_record_bytes {
    aero_lsn after;
    bool found;
    struct aero_slice segment_header; /* 4096 bytes when found */
    struct aero_slice record_header;  /* 64 bytes when found */
};

struct aero_message_digest_mismatch {
    aero_lsn lsn; /* of the digest record */
    struct aero_u128 expected;
    struct aero_u128 found;
};

enum aero_bye_code {
    AERO_BYE_SHUTDOWN = 1, /* clean stop: come back later */
    AERO_BYE_PROTOCOL,     /* you broke the protocol */
    AERO_BYE_HALTED,       /* I halted: text says why */
    AERO_BYE_DAMAGED,      /* bytes of mine failed verification: not shipped (decision 24) */
    AERO_BYE_RETENTION,    /* what you need is gone: a snapshot is needed */
    AERO_BYE_TIMEOUT,
    AERO_BYE_REPLACED, /* a newer connection of the same node took over */
};

struct aero_message_bye {
    enum aero_bye_code code;
    char text[AERO_MESSAGE_TEXT_MAX];
};

struct aero_message {
    enum aero_frame_type type;
    union {
        struct aero_message_hello hello;
        struct aero_message_verdict verdict;
        struct aero_message_history history;
        struct aero_message_ack ack;
        struct aero_message_heartbeat heartbeat;
        struct aero_message_fetch_record fetch_record;
        struct aero_message_record_bytes record_bytes;
        struct aero_message_digest_mismatch digest_mismatch;
        struct aero_message_bye bye;
    } as;
    struct aero_buffer storage; /* slices point in here; empty in a message that is only encoded */
};

/* Appends one whole frame. */
void aero_message_append(struct aero_buffer *out, const struct aero_message *message);
/* From a frame of one of the message types. AERO_CORRUPT: not such a message. */
aero_status aero_message_decode(const struct aero_frame *frame, struct aero_message *out_message);
void aero_message_deinit(struct aero_message *message);

/* "resume", "need-snapshot", ...; "?" for none of them. */
const char *aero_handshake_text(enum aero_handshake_kind kind);

#endif
