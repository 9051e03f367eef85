/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict: one pure function over what the primary is and what the replica says it is.
 *
 * Notation. P: my incarnations, R: the replica's. "Shared" is the newest of R that is also in P;
 * `limit` is where my list ends it (the start of my next incarnation, else my durable end).
 * "Records of R behind x" count the replica's end. Within one incarnation an LSN names one content:
 * it has one writer, which ships durable bytes only and begins another incarnation at each start
 * (decisions 2, 3, 6). So an end inside a shared incarnation, not past its limit, is on my history;
 * the start of its segment (sequence, nonce, LSN, chain) proves it (decision 8), the record behind
 * it confirms it. The first row that applies:
 *
 *      the replica ...                                                              verdict
 *   1  speaks another protocol version                                      VERSION
 *   2  has a name that its certificate or the allow list denies             NAME_NOT_ALLOWED
 *   3  is of another cluster, or has data and names none                    WRONG_CLUSTER
 *   4  carries my own node id (a cloned directory)                          UNPROVABLE
 *   5  holds nothing: a snapshot is there                                   NEED_SNAPSHOT
 *   6                 no snapshot, but my WAL from the first record on      RESUME at 1, 0
 *   7                 neither                                               UNAVAILABLE
 *   8  shares no incarnation with me                                        UNPROVABLE
 *   9  knows an incarnation of an epoch above mine, not in P                SUPERSEDED (15)
 *  10  knows one of my epoch, not in P, originated by another node than my newest   EPOCH_CLASH (6)
 *  11  says a higher epoch than mine, with no incarnation to argue it       UNPROVABLE (15)
 *  12  has records past `limit`, in the shared incarnation or in one that follows
 *      the shared one at `limit`, and I originated that one                 PRIMARY_LOST (7)
 *  13  has records past `limit`, or past the start of an incarnation not in P  DIVERGED
 *  14  ends at the LSN of my durable end or of a segment start, with another chain  DIVERGED
 *  15  names a segment start that is not mine                               UNPROVABLE (8)
 *  16  names none, and its end is neither my durable end, a start nor a snapshot  UNPROVABLE (8)
 *  17  is proven; my WAL from its end on is there; the record behind confirms  RESUME
 *  18             the record behind does not follow its end                 DIVERGED
 *  19             the place behind cannot be read or does not verify        UNAVAILABLE, damage
 *  20             my WAL from its end on is gone or damaged; a snapshot is there  NEED_SNAPSHOT (8)
 *  21             ... none is                                               UNAVAILABLE
 *
 * Source: docs/protocol.md, "Verdicts". Invariants: REP-4, REP-5. */
#ifndef AERO_SHIPPING_HANDSHAKE_H
#define AERO_SHIPPING_HANDSHAKE_H

#include "engine/record.h"
#include "proto/message.h"
#include "shipping/view.h"

/* The header that stands at the place the replica's end leads to. */
struct aero_handshake_probe {
    bool done;          /* false: not read yet */
    aero_status status; /* of the read, or of aero_record_decode */
    struct aero_record_header record;
};

struct aero_handshake_input {
    const struct aero_shipping_source *self;
    struct aero_wal_place durable; /* mine */
    const char *peer_name;         /* from the certificate */
    bool peer_allowed;
    const struct aero_message_hello *hello;
    const struct aero_history *hello_history; /* decoded from it */
    struct aero_handshake_probe probe;
};

struct aero_handshake_verdict {
    /* Set: nothing is decided yet; read AERO_RECORD_HEADER_BYTES at this place, decode, ask again. */
    bool needs_probe;
    char probe_name[AERO_DISK_NAME_MAX];
    uint64_t probe_offset;

    enum aero_handshake_kind kind;
    int row; /* of the table above */
    uint64_t resume_sequence;
    uint64_t resume_offset;
    bool resume_sealed; /* the replica has that segment's footer */
    struct aero_snapshot_entry snapshot;
    uint64_t snapshot_offset;
    struct aero_position fork;
    uint64_t commits_mine;
    uint64_t commits_yours;
    struct aero_incarnation incarnation; /* 9, 10: the other side's; 12: of the records I lost */
    bool damaged_here;                   /* 19 */
    char text[AERO_MESSAGE_TEXT_MAX];
};

/* Effect: decides. No I/O, no clock, no state. */
void aero_handshake_decide(const struct aero_handshake_input *input,
                           struct aero_handshake_verdict *out_verdict);

/* Whether the record that the replica showed proves a PRIMARY_LOST claim: it is the record behind
 * `fork`, of that incarnation, and chains to `fork`, the end that I know. Only then does the claim
 * count (decision 7). */
bool aero_handshake_loss_proven(const struct aero_shipping_source *self,
                                const struct aero_handshake_verdict *claim,
                                struct aero_slice segment_header, struct aero_slice record_header);

/* The history as it travels: incarnations only. */
void aero_handshake_encode_history(const struct aero_history *history,
                                   struct aero_buffer *out_bytes);

#endif
