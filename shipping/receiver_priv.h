/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the receiver share: receiver.c talks, receiver_take.c verifies data,
 * receiver_queue.c keeps actions and credit. */
#ifndef AERO_SHIPPING_RECEIVER_PRIV_H
#define AERO_SHIPPING_RECEIVER_PRIV_H

#include "shipping/frame_reader_priv.h"
#include "shipping/outbox_priv.h"
#include "shipping/receiver.h"

enum aero_receiver_state {
    AERO_RECEIVER_OFFLINE,
    AERO_RECEIVER_GREETING,
    AERO_RECEIVER_STREAMING,
    AERO_RECEIVER_IN_SNAPSHOT,
    AERO_RECEIVER_INSTALLING,
    AERO_RECEIVER_CLAIMED,
    AERO_RECEIVER_ENDING, /* told to reconnect, not closed yet */
    AERO_RECEIVER_HALTED,
};

/* An action that waits. Its bytes are a range of the arena, so that growing it moves nothing that
 * is known by address. */
struct aero_receiver_item {
    enum aero_receiver_action_kind kind;
    size_t at;
    size_t length;
    uint64_t record_count;
    struct aero_wal_place end;
    uint64_t snapshot_offset;
    aero_lsn after;
};

/* Where the log ends with all that was verified. */
struct aero_receiver_log {
    struct aero_wal_place end; /* sequence 0: no segment yet */
    uint64_t prev_chain;       /* what the next record must name */
    uint64_t nonce64;
    bool sealed;
    bool counts; /* record_count is known: the segment began here */
    uint64_t record_count;
};

struct aero_receiver {
    struct aero_receiver_options options;
    enum aero_receiver_state state;
    aero_mono_ns now;
    aero_mono_ns heard_at;
    aero_mono_ns spoke_at;

    struct aero_frame_reader frames;
    struct aero_outbox out;

    struct aero_message_hello hello;
    struct aero_buffer hello_history;
    struct aero_message verdict;      /* type 0: none yet on this connection */
    struct aero_history history;      /* the primary's */
    struct aero_history history_told; /* borrowed by the HISTORY action */
    unsigned history_count;           /* on this connection */

    struct aero_receiver_log log;
    struct aero_buffer partial; /* the beginning of one record */
    uint64_t snapshot_offset;   /* next byte expected */

    struct aero_buffer arena; /* bytes of actions that wait */
    struct aero_buffer items; /* of aero_receiver_item */
    size_t item_at;
    /* HALT or RECONNECT, told behind every action that was verified before; 0: none waits. */
    enum aero_receiver_action_kind last_kind;
    enum aero_halt_reason halt;
    char text[AERO_MESSAGE_TEXT_MAX];

    uint64_t arrived_bytes; /* WAL and snapshot bytes on this connection */
    uint64_t held_bytes;    /* handed over, not released */
    uint64_t granted_bytes; /* told, on this connection */
    struct aero_message_ack acked;
    bool tells_received; /* a heartbeat is due: says what came, although nothing came of it yet */
    aero_lsn durable;
    uint64_t durable_sequence;
    aero_lsn applied;
    aero_lsn primary_durable;
    uint64_t received_bytes; /* ever */
};

/* receiver_queue.c */
void aero_receiver_push(struct aero_receiver *receiver, const struct aero_receiver_item *item,
                        struct aero_slice bytes);
void aero_receiver_clear_taken(struct aero_receiver *receiver);
void aero_receiver_say_bye(struct aero_receiver *receiver, enum aero_bye_code code,
                           const char *text);
/* The peer goes, or the link is dead: nobody is at fault. */
void aero_receiver_leave(struct aero_receiver *receiver, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The transport or the peer is at fault: nothing verified is in doubt. */
void aero_receiver_fault(struct aero_receiver *receiver, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The data is in doubt. */
void aero_receiver_doubt(struct aero_receiver *receiver, enum aero_halt_reason reason,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Bytes that may have arrived on this connection, as it is now. */
uint64_t aero_receiver_grantable(const struct aero_receiver *receiver);
/* Appends an acknowledgement if there is something to say. */
void aero_receiver_acknowledge(struct aero_receiver *receiver);

/* receiver_take.c: one data frame each. */
void aero_receiver_take_segment(struct aero_receiver *receiver, struct aero_slice raw);
void aero_receiver_take_chunk(struct aero_receiver *receiver, struct aero_slice payload);
void aero_receiver_take_seal(struct aero_receiver *receiver, struct aero_slice raw);
void aero_receiver_take_snapshot_chunk(struct aero_receiver *receiver, struct aero_slice payload);
void aero_receiver_take_snapshot_end(struct aero_receiver *receiver);

#endif
