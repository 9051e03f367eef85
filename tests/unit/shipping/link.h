/* SPDX-License-Identifier: Apache-2.0 */
/* A sender and a receiver joined by two byte pipes that a test may split, flip and cut. The
 * primary's files are a fake_log; the replica keeps what the receiver's actions say, as a follower
 * would. */
#ifndef AERO_TESTS_SHIPPING_LINK_H
#define AERO_TESTS_SHIPPING_LINK_H

#include "base/prng.h"
#include "shipping/receiver.h"
#include "shipping/sender.h"
#include "tests/unit/shipping/fake_log.h"

#define LINK_KINDS 16U
#define LINK_SEGMENTS_MAX 16U

struct link {
    struct fake_log primary;
    struct aero_shipping_view *view;
    struct aero_sender *sender;
    struct aero_receiver *receiver;
    struct aero_mono_ns now;
    struct aero_prng prng;

    /* How the pipes behave. */
    size_t piece_bytes;  /* 0: all at once */
    bool pieces_random;  /* between 1 and piece_bytes */
    uint64_t flip_bit;   /* of the bytes towards the replica; UINT64_MAX: none */
    uint64_t cut_after;  /* bytes towards the replica, then the connection is lost */
    uint64_t to_replica; /* bytes that went */

    /* What the replica has. */
    struct aero_buffer segments[LINK_SEGMENTS_MAX]; /* by sequence */
    struct aero_segment_header header;
    struct aero_wal_place end;
    bool sealed;
    struct aero_buffer snapshot;
    struct aero_message_snapshot snapshot_entry;
    struct aero_history history;
    struct aero_buffer hello_history;
    bool keeps; /* does not release, does not report durable */
    size_t kept_bytes;
    uint64_t kept_max;

    /* What was said. */
    unsigned actions[LINK_KINDS]; /* by kind */
    unsigned events[LINK_KINDS];
    enum aero_halt_reason halt;
    char halt_text[AERO_MESSAGE_TEXT_MAX];
    char reconnect_text[AERO_MESSAGE_TEXT_MAX];
    char closed_text[AERO_MESSAGE_TEXT_MAX];
    enum aero_handshake_kind verdict;
    struct aero_sender_event last_progress;
    struct aero_sender_event last_pin;
    struct aero_sender_event regressed;
    aero_lsn fetch_after;
    unsigned reads;
    bool read_fails;
};

static inline struct link *link_new(void)
{
    struct link *link = aero_calloc(1, sizeof *link);
    fake_log_init(&link->primary, 10, "p");
    link->now.value = 1000;
    link->flip_bit = UINT64_MAX;
    link->cut_after = UINT64_MAX;
    aero_prng_init(&link->prng, 1);
    struct aero_receiver_options options = {.window_bytes = 0};
    link->receiver = aero_receiver_new(&options);
    return link;
}

static inline void link_free(struct link *link)
{
    aero_sender_free(link->sender);
    aero_receiver_free(link->receiver);
    aero_shipping_view_release(link->view);
    fake_log_deinit(&link->primary);
    for (size_t i = 0; i < LINK_SEGMENTS_MAX; i++) {
        aero_buffer_deinit(&link->segments[i]);
    }
    aero_buffer_deinit(&link->snapshot);
    aero_buffer_deinit(&link->hello_history);
    aero_history_deinit(&link->history);
    free(link);
}

/* The primary publishes what it has now. */
static inline void link_publish(struct link *link)
{
    struct aero_shipping_source source = fake_log_source(&link->primary);
    aero_shipping_view_release(link->view);
    link->view = aero_shipping_view_new(&source);
    if (link->sender != NULL) {
        aero_sender_on_wal(link->sender, link->view, link->primary.end);
    }
}

/* What the replica says of itself, from what it kept. */
static inline struct aero_message_hello link_hello(struct link *link)
{
    struct aero_message_hello hello = {.protocol_version = AERO_PROTOCOL_VERSION,
                                       .node_id = fake_id(11),
                                       .node_name = "r",
                                       .tail_streaming = true};
    aero_buffer_clear(&link->hello_history);
    if (link->end.sequence == 0 && link->snapshot_entry.sequence == 0) {
        hello.holds_nothing = true;
        return hello;
    }
    aero_handshake_encode_history(&link->history, &link->hello_history);
    hello.history = aero_buffer_slice(&link->hello_history);
    hello.cluster_id = link->primary.cluster_id;
    hello.end_sequence = link->end.sequence;
    hello.end_offset = link->end.offset;
    hello.end = link->end.position;
    hello.end_sealed = link->sealed;
    if (link->end.sequence != 0) {
        hello.segment_sequence = link->end.sequence;
        hello.segment_before = link->header.prev_end;
        hello.segment_nonce = link->header.nonce;
        hello.segment_incarnation = link->header.incarnation;
    }
    return hello;
}

static inline void link_make_sender(struct link *link, const struct aero_sender_options *options,
                                    uint64_t acknowledged)
{
    struct aero_sender_peer peer = {.name = "r",
                                    .allowed = true,
                                    .acknowledged = {.value = acknowledged},
                                    .link_nonce = fake_id(4000)};
    aero_sender_free(link->sender);
    link->sender = aero_sender_new(options, &peer, link->view, link->primary.end, link->now);
}

static inline void link_say_hello(struct link *link, const struct aero_message_hello *hello)
{
    aero_receiver_on_connected(link->receiver, hello,
                               hello->end_sequence != 0 ? &link->header : NULL, link->now);
}

static inline void link_connect(struct link *link)
{
    struct aero_sender_options options = {.tail_streaming = true};
    link_publish(link);
    link_make_sender(link, &options, 0);
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
}

static inline void link_append(struct aero_buffer *bytes, uint64_t offset, struct aero_slice raw)
{
    assert_int_equal(bytes->length, offset);
    aero_buffer_append_slice(bytes, raw);
}

static inline void link_keep(struct link *link, size_t count)
{
    if (!link->keeps) {
        aero_receiver_release(link->receiver, count);
        return;
    }
    link->kept_bytes += count;
    link->kept_max = link->kept_bytes > link->kept_max ? link->kept_bytes : link->kept_max;
}

static inline void link_take(struct link *link, const struct aero_receiver_action *action)
{
    link->actions[action->kind]++;
    uint64_t offset = link->end.offset;
    switch (action->kind) {
    case AERO_RECEIVER_VERDICT:
        link->verdict = action->verdict->kind;
        return;
    case AERO_RECEIVER_HISTORY:
        aero_history_deinit(&link->history);
        aero_history_copy(&link->history, action->history);
        return;
    case AERO_RECEIVER_BEGIN_SEGMENT:
        link->header = action->header;
        link->end = action->end;
        link->sealed = false;
        link_append(&link->segments[action->end.sequence], 0, action->raw);
        return;
    case AERO_RECEIVER_RECORDS:
        assert_int_equal(action->end.offset, offset + action->raw.length);
        link_append(&link->segments[action->end.sequence], offset, action->raw);
        link->end = action->end;
        link_keep(link, action->raw.length);
        return;
    case AERO_RECEIVER_SEAL:
        link_append(&link->segments[action->end.sequence], offset, action->raw);
        link->sealed = true;
        return;
    case AERO_RECEIVER_SNAPSHOT_BEGIN:
        link->snapshot_entry = action->snapshot;
        link->snapshot.length = action->snapshot_offset;
        return;
    case AERO_RECEIVER_SNAPSHOT_BYTES:
        link_append(&link->snapshot, action->snapshot_offset, action->raw);
        link_keep(link, action->raw.length);
        return;
    case AERO_RECEIVER_SNAPSHOT_END:
        link->end = (struct aero_wal_place){.position = link->snapshot_entry.position};
        return;
    case AERO_RECEIVER_FETCH_RECORD:
        link->fetch_after = action->after;
        return;
    case AERO_RECEIVER_HALT:
        link->halt = action->halt;
        snprintf(link->halt_text, sizeof link->halt_text, "%s", action->text);
        return;
    case AERO_RECEIVER_RECONNECT:
        snprintf(link->reconnect_text, sizeof link->reconnect_text, "%s", action->text);
        return;
    }
}

static inline void link_take_actions(struct link *link)
{
    struct aero_receiver_action action;
    while (aero_receiver_next_action(link->receiver, &action)) {
        link_take(link, &action);
    }
    if (!link->keeps && link->end.sequence != 0) {
        aero_receiver_on_durable(link->receiver, link->end);
        aero_receiver_on_applied(link->receiver, link->end.position.lsn);
    }
}

static inline void link_take_events(struct link *link)
{
    struct aero_sender_event event;
    while (aero_sender_next_event(link->sender, &event)) {
        link->events[event.kind]++;
        if (event.kind == AERO_SENDER_PROGRESS) {
            link->last_progress = event;
        } else if (event.kind == AERO_SENDER_PIN) {
            link->last_pin = event;
        } else if (event.kind == AERO_SENDER_REGRESSED) {
            link->regressed = event;
        } else if (event.kind == AERO_SENDER_CLOSED) {
            snprintf(link->closed_text, sizeof link->closed_text, "%s", event.text);
        }
    }
}

static inline bool link_do_reads(struct link *link)
{
    struct aero_sender_read read;
    bool any = false;
    while (aero_sender_next_read(link->sender, &read)) {
        size_t read_bytes = 0;
        aero_status status = fake_log_read(&link->primary, read.name, read.offset, read.into,
                                           read.length, &read_bytes);
        link->reads++;
        any = true;
        aero_sender_on_read(link->sender, link->read_fails ? aero_error(AERO_IO) : status,
                            link->read_fails ? 0 : read_bytes);
    }
    return any;
}

static inline size_t link_piece(struct link *link, size_t length)
{
    size_t piece = link->piece_bytes == 0 ? length : link->piece_bytes;
    if (link->pieces_random) {
        piece = 1 + (size_t)aero_prng_below(&link->prng, piece);
    }
    return piece < length ? piece : length;
}

/* One piece towards the replica; false when none waits, or the connection is cut. */
static inline bool link_send_down(struct link *link)
{
    struct aero_slice out = aero_sender_output(link->sender);
    if (out.length == 0 || link->to_replica >= link->cut_after) {
        return false;
    }
    size_t count = link_piece(link, out.length);
    uint64_t left = link->cut_after - link->to_replica;
    count = count < left ? count : (size_t)left;
    uint8_t *piece = aero_malloc(count); /* of its own, so that sanitizers see every overrun */
    memcpy(piece, out.data, count);
    if (link->flip_bit / 8 >= link->to_replica && link->flip_bit / 8 < link->to_replica + count) {
        piece[link->flip_bit / 8 - link->to_replica] ^= (uint8_t)(1U << link->flip_bit % 8);
    }
    aero_sender_sent(link->sender, count);
    link->to_replica += count;
    aero_receiver_on_bytes(link->receiver, aero_slice_of(piece, count), link->now);
    free(piece);
    link_take_actions(link);
    return true;
}

static inline bool link_send_up(struct link *link)
{
    struct aero_slice out = aero_receiver_output(link->receiver);
    if (out.length == 0) {
        return false;
    }
    size_t count = link_piece(link, out.length);
    uint8_t *piece = aero_malloc(count);
    memcpy(piece, out.data, count);
    aero_receiver_sent(link->receiver, count);
    aero_sender_on_bytes(link->sender, aero_slice_of(piece, count), link->now);
    free(piece);
    return true;
}

/* Until nothing moves any more. */
static inline void link_run(struct link *link)
{
    bool moves = true;
    while (moves) {
        moves = link_do_reads(link);
        moves = link_send_down(link) || moves;
        moves = link_send_up(link) || moves;
        link_take_events(link);
    }
}

/* The replica loses the connection and what it had of a record. */
static inline void link_lose(struct link *link)
{
    aero_receiver_on_closed(link->receiver);
    link_take_actions(link);
    assert_int_equal(aero_receiver_output(link->receiver).length, 0);
    struct aero_receiver_status status;
    aero_receiver_status(link->receiver, &status);
    assert_int_equal(status.held_bytes, 0);
    aero_sender_free(link->sender);
    link->sender = NULL;
    link->cut_after = UINT64_MAX;
}

/* REP-2: byte for byte, header to end, and the footer where the primary has one. */
static inline void link_assert_prefix(const struct link *link)
{
    for (size_t i = 0; i < link->primary.file_count; i++) {
        uint64_t sequence = link->primary.files[i].header.sequence;
        const struct aero_buffer *mine = &link->segments[sequence];
        assert_true(mine->length <= link->primary.bytes[i].length);
        if (mine->length > 0) {
            assert_memory_equal(mine->data, link->primary.bytes[i].data, mine->length);
        }
    }
}

static inline void link_assert_equal(const struct link *link)
{
    link_assert_prefix(link);
    assert_int_equal(link->end.position.lsn.value, link->primary.end.position.lsn.value);
    assert_true(link->end.position.chain == link->primary.end.position.chain);
    for (size_t i = 0; i < link->primary.file_count; i++) {
        uint64_t sequence = link->primary.files[i].header.sequence;
        if (link->segments[sequence].length > 0) { /* none: before its snapshot */
            assert_int_equal(link->segments[sequence].length, link->primary.bytes[i].length);
        }
    }
}

/* One message from the replica. */
static inline void link_hear(struct link *link, const struct aero_message *message)
{
    struct aero_buffer frames = {0};
    aero_message_append(&frames, message);
    aero_sender_on_bytes(link->sender, aero_buffer_slice(&frames), link->now);
    link_take_events(link);
    aero_buffer_deinit(&frames);
}

/* One message from the primary. */
static inline void link_tell(struct link *link, const struct aero_message *message)
{
    struct aero_buffer frames = {0};
    aero_message_append(&frames, message);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    aero_buffer_deinit(&frames);
}

/* A primary that has a snapshot of its state at `lsn`. */
static inline struct link *link_with_snapshot(uint64_t lsn, size_t size)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    struct aero_wal_place place = fake_log_place(&link->primary, lsn);
    link->primary.snapshots[0] = (struct aero_snapshot_entry){.id = fake_id(300),
                                                              .position = place.position,
                                                              .sequence = place.sequence,
                                                              .size_bytes = size};
    link->primary.snapshot_count = 1;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(i * 31 + i / 251);
        aero_buffer_append(&link->primary.snapshot_bytes, &byte, 1);
    }
    return link;
}

#endif
