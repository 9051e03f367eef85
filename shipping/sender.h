/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's end of one replication link: answers the Hello, ships durable WAL and snapshots,
 * hears acknowledgements.
 *
 * A sans-I/O core. What goes in: plaintext from the peer, how far the log is durable, results of
 * reads, the clock. What comes out: plaintext to send, one read at a time, events. After each call
 * that goes in, the owner drains all three.
 *
 *     WAIT_HELLO --Hello--> PROBING --verdict--> RESUMING (ships WAL) ----+--> CLOSED
 *         ^                     |                                        |
 *         |                     +--> SNAPSHOT --all sent--> WAIT_HELLO --+
 *         |                     +--> CLAIM (PRIMARY_LOST: waits for the record) --> CLOSED
 *         |                     +--> FENCING (doubt about authority: waits for the fence) --> CLOSED
 *         |                     +--> CLOSED (every other verdict is said, then the link ends)
 *         +-- the only state in which a Hello is heard
 *
 * Promises:
 *   - Nothing is shipped that is not durable here (the place given), nor before its chain has been
 *     verified from the bytes read (decision 24). A header is shipped once a durable record stands
 *     behind it, so no crash takes it back.
 *   - At most the credit that the replica granted is in flight, at most output_bytes are queued
 *     (DET-3).
 *   - The clock is only for heartbeats and timeouts: no decision about data looks at it (FM-time).
 * One thread at a time; the view may be shared with others. Source: docs/protocol.md, "Sender". */
#ifndef AERO_SHIPPING_SENDER_H
#define AERO_SHIPPING_SENDER_H

#include "shipping/handshake.h"

struct aero_sender_options {
    bool tail_streaming;            /* false: only segments that have a successor (DIS-1) */
    size_t output_bytes;            /* bound of queued output; 0: 2 MiB */
    uint64_t heartbeat_interval_ns; /* 0: 1 s */
    uint64_t timeout_ns;            /* silence of the peer; 0: 10 s */
};

struct aero_sender_peer {
    const char *name;      /* from the certificate; copied */
    bool allowed;          /* by the allow list */
    aero_lsn acknowledged; /* durable, the highest ever (its pin); 0: unknown (5) */
    aero_id link_nonce;    /* fresh, drawn by the host */
};

struct aero_sender;

/* Keeps a reference of its own on `view`. */
struct aero_sender *aero_sender_new(const struct aero_sender_options *options,
                                    const struct aero_sender_peer *peer,
                                    struct aero_shipping_view *view, struct aero_wal_place durable,
                                    aero_mono_ns now);
void aero_sender_free(struct aero_sender *sender);

void aero_sender_on_bytes(struct aero_sender *sender, struct aero_slice plaintext,
                          aero_mono_ns now);
/* The durable place never goes back. Its segment may be one that no view tells of yet: what is before it waits for that view. */
void aero_sender_on_wal(struct aero_sender *sender, struct aero_shipping_view *view,
                        struct aero_wal_place durable);
void aero_sender_tick(struct aero_sender *sender, aero_mono_ns now);

/* Bytes to send, borrowed until the next call; aero_sender_sent drops what was taken. */
struct aero_slice aero_sender_output(struct aero_sender *sender);
void aero_sender_sent(struct aero_sender *sender, size_t count);

/* A read that the host does: at most one is out. `into` is the sender's, `length` bytes. */
struct aero_sender_read {
    char name[AERO_DISK_NAME_MAX];
    uint64_t offset;
    size_t length;
    uint8_t *into;
};
bool aero_sender_next_read(struct aero_sender *sender, struct aero_sender_read *out_read);
/* Its result. Fewer bytes than asked: the end of the file. */
void aero_sender_on_read(struct aero_sender *sender, aero_status status, size_t read_bytes);

enum aero_sender_event_kind {
    AERO_SENDER_VERDICT = 1,      /* a Hello was answered */
    AERO_SENDER_SNAPSHOT_GRANTED, /* pin `snapshot` and the WAL from its sequence on (24) */
    AERO_SENDER_PROGRESS,  /* newest acknowledgement; earlier ones not taken are overtaken by it */
    AERO_SENDER_PIN,       /* the replica needs segments from pin_sequence on */
    AERO_SENDER_REGRESSED, /* it has less than it once acknowledged (5) */
    AERO_SENDER_LOSS_CLAIMED,    /* PRIMARY_LOST is claimed; not proven yet */
    AERO_SENDER_LOSS_PROVEN,     /* close writes (7) */
    AERO_SENDER_SUPERSEDED,      /* close writes; said once the view shows the fence (15) */
    AERO_SENDER_EPOCH_CLASH,     /* halt (6); the same */
    AERO_SENDER_DIGEST_MISMATCH, /* audit yourself (20) */
    AERO_SENDER_DAMAGED,         /* my bytes at `file`, `offset` do not verify: not shipped (24) */
    AERO_SENDER_CLOSED,          /* last one: send what is left, then close the socket */
};

struct aero_sender_event {
    enum aero_sender_event_kind kind;
    aero_id node_id; /* of the replica, from its Hello */
    /* VERDICT and what follows from one. Borrowed until the next call into the sender. */
    const struct aero_handshake_verdict *verdict;
    const struct aero_message_hello *hello;
    const struct aero_history *hello_history;
    struct aero_snapshot_entry snapshot; /* SNAPSHOT_GRANTED */
    /* PROGRESS, PIN, REGRESSED */
    aero_lsn received;
    aero_lsn durable;
    aero_lsn applied;
    uint64_t pin_sequence;
    aero_lsn acknowledged; /* REGRESSED: what it once had */
    struct aero_message_digest_mismatch mismatch;
    /* DAMAGED */
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_status status;
    char text[AERO_MESSAGE_TEXT_MAX]; /* VERDICT, DAMAGED, CLOSED: one sentence */
};
bool aero_sender_next_event(struct aero_sender *sender, struct aero_sender_event *out_event);

/* What operators see of the link. */
struct aero_sender_status {
    /* "hello", "probing", "snapshot", "streaming", "claim", "fencing", "closed" */
    const char *state;
    bool following;    /* RESUME was the verdict: its acknowledgements count for WAIT (23) */
    uint64_t sequence; /* next byte to ship */
    uint64_t offset;
    aero_lsn sent;
    aero_lsn received;
    aero_lsn durable;
    aero_lsn applied;
    uint64_t queued_bytes; /* of output */
    uint64_t shipped_bytes;
    uint64_t snapshot_sent_bytes;
    uint64_t snapshot_size_bytes;
};
void aero_sender_status(const struct aero_sender *sender, struct aero_sender_status *out_status);

/* From the owner: says Bye and closes (clean stop, a newer link of the same node). */
void aero_sender_close(struct aero_sender *sender, enum aero_bye_code code, const char *text);

#endif
