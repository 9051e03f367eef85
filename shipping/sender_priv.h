/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the sender share: sender.c hears and answers, sender_verdict.c decides what becomes of a Hello,
 * sender_ship.c reads, verifies and ships. */
#ifndef AERO_SHIPPING_SENDER_PRIV_H
#define AERO_SHIPPING_SENDER_PRIV_H

#include "shipping/frame_reader_priv.h"
#include "shipping/outbox_priv.h"
#include "shipping/sender.h"

/* Events that wait for the owner, who drains after every call: more come only from a peer that
 * floods. */
#define AERO_SENDER_EVENTS_MAX 16U
/* One read of WAL or snapshot; larger only for a single record that is larger. */
#define AERO_SENDER_READ_BYTES ((size_t)1 << 20)

enum aero_sender_state {
    AERO_SENDER_WAIT_HELLO,
    AERO_SENDER_PROBING,
    AERO_SENDER_SNAPSHOT,
    AERO_SENDER_RESUMING,
    AERO_SENDER_CLAIM,
    AERO_SENDER_FENCING,
    AERO_SENDER_STATE_CLOSED,
};

enum aero_sender_purpose {
    AERO_READ_NONE,
    AERO_READ_PROBE,
    AERO_READ_HEADER,
    AERO_READ_RECORDS,
    AERO_READ_FOOTER,
    AERO_READ_SNAPSHOT,
};

/* The next byte to verify and ship. */
struct aero_sender_cursor {
    uint64_t sequence;
    uint64_t offset;               /* 0: the header */
    struct aero_position position; /* of the last record before it */
    uint64_t prev_chain;           /* what the next record must name */
    uint64_t nonce64;
    bool sealed; /* the footer is with the replica, or there is none */
};

struct aero_sender {
    struct aero_sender_options options;
    char peer_name[AERO_NODE_NAME_MAX];
    bool peer_allowed;
    aero_lsn peer_acknowledged;
    aero_id link_nonce;

    enum aero_sender_state state;
    struct aero_shipping_view *view;
    struct aero_wal_place durable;
    aero_mono_ns now;
    aero_mono_ns heard_at;
    aero_mono_ns heartbeat_at; /* the last one */

    struct aero_frame_reader frames;
    struct aero_outbox out;

    struct aero_message hello; /* type 0: none yet */
    struct aero_history hello_history;
    struct aero_handshake_probe probe;
    struct aero_handshake_verdict verdict;

    /* One read: planned, then out at the host, then its bytes ready to be shipped. */
    enum aero_sender_purpose purpose;
    bool read_is_out;
    struct aero_sender_read read;
    struct aero_buffer bytes; /* its length is the capacity that reads may use */
    size_t record_bytes;      /* of a record that did not fit into one read; 0: none */

    struct aero_sender_cursor cursor;
    size_t ready_at; /* verified bytes in `bytes`, not shipped yet */
    size_t ready_end;
    uint64_t ready_offset; /* where they stand in their file */

    uint64_t snapshot_offset; /* next byte to read */
    uint64_t credit_bytes;    /* granted since the connection began */
    uint64_t shipped_bytes;   /* used of it */
    aero_id history_newest;   /* the last incarnation that the replica was told of */
    struct aero_message_ack ack;
    uint64_t pin_sequence;

    struct aero_sender_event events[AERO_SENDER_EVENTS_MAX];
    size_t event_at;
    size_t event_count;
    bool progress_waits;
    bool pin_waits;
};

/* sender.c */
const struct aero_shipping_source *aero_sender_source(const struct aero_sender *sender);
/* The slot of a new event, filled with what all have in common. */
struct aero_sender_event *aero_sender_raise(struct aero_sender *sender,
                                            enum aero_sender_event_kind kind);
void aero_sender_say(struct aero_sender *sender, const struct aero_message *message);
/* Ends the link; what was said before still leaves. */
void aero_sender_end(struct aero_sender *sender, const char *text);

/* sender_verdict.c: a Hello has come; the bytes that its verdict asked for have; the view shows whether this node is
 * fenced. */
void aero_sender_decide(struct aero_sender *sender);
void aero_sender_take_probe(struct aero_sender *sender, aero_status status, size_t read_bytes);
void aero_sender_say_fenced(struct aero_sender *sender);

/* sender_ship.c: plans the next read or ships what is ready, as far as credit, output and the
 * durable place allow. */
void aero_sender_advance(struct aero_sender *sender);
/* The cursor after a RESUME verdict. */
void aero_sender_begin_resume(struct aero_sender *sender);
/* A finished read that is not a probe. */
void aero_sender_take_read(struct aero_sender *sender, aero_status status, size_t read_bytes);
void aero_sender_plan_read(struct aero_sender *sender, enum aero_sender_purpose purpose,
                           const char *name, uint64_t offset, size_t length);

#endif
