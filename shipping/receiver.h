/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's end of the replication link: says Hello, verifies what arrives, hands it over in
 * order.
 *
 * A sans-I/O core that lives as long as the replica follows, over many connections. In: connections
 * coming and going, plaintext, what has become durable and applied here, the clock. Out: plaintext
 * to send, actions in strict order. After each call that goes in, the owner drains actions, then
 * output.
 *
 *     OFFLINE --connected--> GREETING --RESUME--> STREAMING
 *        ^                    |  |  ^
 *        |                    |  |  +--restart(hello)-- INSTALLING <--END-- SNAPSHOT
 *        |                    |  +--NEED_SNAPSHOT---------------------------^
 *        |                    +--PRIMARY_LOST--> CLAIMED --record given--> HALTED
 *        +--closed-- ENDING <--fault of the transport, peer says wait or goodbye: RECONNECT
 *     any --doubt about data or authority--> HALTED: takes nothing until a new core begins
 *
 * Promises:
 *   - BEGIN, RECORDS, SEAL come exactly in the order of the primary's file bytes, contiguous with
 *     where the Hello said that the log ends, each record verified in its place; a partial record
 *     waits inside (FM-11.2), and is dropped when the connection goes (decision 18).
 *   - A fault of the transport (checksum, length, type or order of frames) is RECONNECT: nothing
 *     verified is in doubt. A sound frame whose place or WAL bytes do not follow is HALT: the data
 *     is in doubt (REP-4).
 *   - At most window_bytes + one record + one frame are held (DET-3): credit returns as the owner
 *     releases.
 * Source: docs/protocol.md, "Receiver". */
#ifndef AERO_SHIPPING_RECEIVER_H
#define AERO_SHIPPING_RECEIVER_H

#include "engine/history.h"
#include "engine/manifest.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "engine/wal_writer.h"
#include "proto/message.h"

struct aero_receiver_options {
    uint64_t window_bytes; /* WAL or snapshot bytes in flight or held by the owner; 0: 8 MiB */
    uint64_t heartbeat_interval_ns; /* 0: 1 s */
    uint64_t timeout_ns;            /* silence of the peer; 0: 10 s */
};

struct aero_receiver;

struct aero_receiver *aero_receiver_new(const struct aero_receiver_options *options);
void aero_receiver_free(struct aero_receiver *receiver);

/* Authenticated and connected: sends the Hello. Copied, its history too.
 *   segment: the header of the segment that hello->end_sequence names, for verifying the records
 *            that follow in it; NULL when end_sequence is 0. */
void aero_receiver_on_connected(struct aero_receiver *receiver,
                                const struct aero_message_hello *hello,
                                const struct aero_segment_header *segment, aero_mono_ns now);
/* After SNAPSHOT_END, once the snapshot is installed: a Hello on the same connection. */
void aero_receiver_restart(struct aero_receiver *receiver, const struct aero_message_hello *hello,
                           const struct aero_segment_header *segment, aero_mono_ns now);
void aero_receiver_on_bytes(struct aero_receiver *receiver, struct aero_slice plaintext,
                            aero_mono_ns now);
void aero_receiver_on_closed(struct aero_receiver *receiver);
/* For acknowledgements; never beyond what was handed over. */
void aero_receiver_on_durable(struct aero_receiver *receiver, struct aero_wal_place place);
void aero_receiver_on_applied(struct aero_receiver *receiver, aero_lsn lsn);
/* The owner holds `count` bytes of RECORDS or SNAPSHOT_BYTES less than before: the primary may send
 * as many more. Whoever forgets to call this sees the stream stop after window_bytes. Each
 * connection begins with nothing held, so an action that was dropped with the last one needs no
 * release. */
void aero_receiver_release(struct aero_receiver *receiver, size_t count);
void aero_receiver_tick(struct aero_receiver *receiver, aero_mono_ns now);

/* Bytes to send, at most one acknowledgement per call; borrowed until the next call. */
struct aero_slice aero_receiver_output(struct aero_receiver *receiver);
void aero_receiver_sent(struct aero_receiver *receiver, size_t count);

enum aero_halt_reason {
    AERO_HALT_GAP = 1,        /* verified bytes that do not follow mine */
    AERO_HALT_STREAM_DAMAGED, /* the primary sent bytes that do not verify as WAL */
    AERO_HALT_DIVERGED,
    AERO_HALT_UNPROVABLE,
    AERO_HALT_WRONG_CLUSTER,
    AERO_HALT_AUTHORITY,    /* superseded, epoch clash, a primary with a lower epoch than I know */
    AERO_HALT_PRIMARY_LOST, /* the primary lost records that I hold: keep them */
};

enum aero_receiver_action_kind {
    AERO_RECEIVER_VERDICT = 1, /* the answer, before anything that follows from it */
    AERO_RECEIVER_HISTORY,     /* the primary's list: durable before a record under it is applied */
    AERO_RECEIVER_BEGIN_SEGMENT,  /* header, raw (4096 bytes) */
    AERO_RECEIVER_RECORDS,        /* raw: record_count whole verified records, ending at `end` */
    AERO_RECEIVER_SEAL,           /* raw (64 bytes), verified against what came before */
    AERO_RECEIVER_SNAPSHOT_BEGIN, /* goes on at snapshot_offset; 0: anew, drop the rest */
    AERO_RECEIVER_SNAPSHOT_BYTES, /* raw, at snapshot_offset; blocks are the owner's to check */
    AERO_RECEIVER_SNAPSHOT_END,   /* complete: verify, install, aero_receiver_restart */
    AERO_RECEIVER_FETCH_RECORD,   /* answer with aero_receiver_give_record (7) */
    AERO_RECEIVER_HALT,           /* halt, text */
    AERO_RECEIVER_RECONNECT,      /* close, back off, dial again; text says why */
};

struct aero_receiver_action {
    enum aero_receiver_action_kind kind;
    const struct aero_message_verdict *verdict; /* VERDICT, HALT that follows from one; borrowed */
    const struct aero_history *history;         /* HISTORY; borrowed */
    struct aero_segment_header header;          /* BEGIN_SEGMENT */
    struct aero_segment_footer footer;          /* SEAL */
    struct aero_slice raw;                      /* borrowed until the next call into the receiver */
    uint64_t record_count;
    struct aero_wal_place end; /* RECORDS, BEGIN_SEGMENT, SEAL: where the log ends with it */
    struct aero_message_snapshot snapshot;
    uint64_t snapshot_offset;
    aero_lsn after; /* FETCH_RECORD */
    enum aero_halt_reason halt;
    char text[AERO_MESSAGE_TEXT_MAX];
};
/* Borrowed slices live until the next call of next_action or on_bytes. */
bool aero_receiver_next_action(struct aero_receiver *receiver,
                               struct aero_receiver_action *out_action);

/* The answer to FETCH_RECORD: the raw headers of the record behind that LSN; empty slices when
 * there is none. */
void aero_receiver_give_record(struct aero_receiver *receiver, struct aero_slice segment_header,
                               struct aero_slice record_header);
/* Replay found another digest than the record says: told to the primary before the owner halts
 * (decision 20). */
void aero_receiver_report_mismatch(struct aero_receiver *receiver,
                                   const struct aero_message_digest_mismatch *mismatch);
/* Says Bye; the owner closes the socket when the output is gone. */
void aero_receiver_close(struct aero_receiver *receiver, enum aero_bye_code code, const char *text);

struct aero_receiver_status {
    /* "offline", "greeting", "streaming", "snapshot", "installing", "claimed", "ending", "halted" */
    const char *state;
    bool connected;
    struct aero_wal_place received;
    aero_lsn primary_durable; /* newest that the primary told: lag = this - applied */
    uint64_t received_bytes;
    uint64_t held_bytes; /* partial record + not released */
};
void aero_receiver_status(const struct aero_receiver *receiver,
                          struct aero_receiver_status *out_status);

/* "diverged", ... for the served reason. */
const char *aero_halt_text(enum aero_halt_reason reason);

#endif
