/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's end alone, in the states that a test begins with, and a primary that tells it whatever the test wants. */
#ifndef AERO_TESTS_SHIPPING_RECEIVER_BENCH_H
#define AERO_TESTS_SHIPPING_RECEIVER_BENCH_H

#include "base/assert.h"
#include "tests/unit/shipping/link.h"

/* Holds all that the primary has, and hears it. */
static inline struct link *streaming(void)
{
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    return link;
}

/* The same replica on its next connection: it has said Hello. */
static inline struct link *greeting(struct aero_message_hello *out_hello)
{
    struct link *link = streaming();
    link_lose(link);
    memset(link->actions, 0, sizeof link->actions);
    *out_hello = link_hello(link);
    link_say_hello(link, out_hello);
    return link;
}

/* A replica that holds nothing of the WAL but a snapshot's state at `end`, and has said so. */
static inline struct link *loaded(struct aero_position end)
{
    struct link *link = streaming();
    link_lose(link);
    memset(link->actions, 0, sizeof link->actions);
    link->end = (struct aero_wal_place){.position = end};
    link->snapshot_entry.sequence = 3;
    for (size_t i = 0; i < LINK_SEGMENTS_MAX; i++) {
        aero_buffer_clear(&link->segments[i]);
    }
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    return link;
}

/* "Go on where you are", from the right primary. */
static inline struct aero_message resume(struct link *link)
{
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    message.as.verdict = (struct aero_message_verdict){
        .kind = AERO_HANDSHAKE_RESUME,
        .cluster_id = link->primary.cluster_id,
        .node_id = link->primary.node_id,
        .node_name = "p",
        .epoch = {.value = 1},
        .history = aero_buffer_slice(&link->hello_history),
        .resume_sequence = link->end.sequence,
        .resume_offset = link->end.offset,
        .text = "because",
    };
    return message;
}

static inline void tell_frame(struct link *link, enum aero_frame_type type,
                              struct aero_slice payload)
{
    struct aero_buffer frames = {0};
    aero_frame_append(&frames, type, payload);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    aero_buffer_deinit(&frames);
}

static inline void tell_chunk(struct link *link, enum aero_frame_type type, uint64_t first,
                              uint64_t second, struct aero_slice bytes)
{
    struct aero_buffer frames = {0};
    aero_frame_append_chunk(&frames, type, first, second, bytes);
    aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
    link_take_actions(link);
    aero_buffer_deinit(&frames);
}

/* `halt` 0: a fault of the connection, and no doubt about data. */
static inline void assert_ends(const struct link *link, enum aero_halt_reason halt)
{
    if (link->halt != halt) {
        fail_msg("halt %d (%s), reconnect (%s); expected halt %d", (int)link->halt, link->halt_text,
                 link->reconnect_text, (int)halt);
    }
    assert_int_equal(link->actions[AERO_RECEIVER_HALT], halt != 0);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], halt == 0);
    assert_true(strlen(halt != 0 ? link->halt_text : link->reconnect_text) > 0);
}

static inline const char *state_of(const struct link *link)
{
    struct aero_receiver_status status;
    aero_receiver_status(link->receiver, &status);
    return status.state;
}

/* The first frame that waits to be sent; sent with it. 0: none. */
static inline int take_output(struct link *link, struct aero_message *out_message)
{
    struct aero_slice out = aero_receiver_output(link->receiver);
    if (out.length == 0) {
        return 0;
    }
    struct aero_frame frame;
    size_t frame_bytes = 0;
    size_t needed = 0;
    assert_true(aero_is_ok(aero_frame_decode(out, &frame, &frame_bytes, &needed)));
    assert_true(aero_is_ok(aero_message_decode(&frame, out_message)));
    aero_message_deinit(out_message);
    aero_receiver_sent(link->receiver, frame_bytes);
    return (int)frame.type;
}

/* The primary's next record, which is not with the replica yet. */
static inline struct aero_slice next_record(struct link *link)
{
    uint64_t offset = link->primary.end.offset;
    fake_log_append(&link->primary, 20, 9);
    const struct aero_buffer *bytes = &link->primary.bytes[link->primary.file_count - 1];
    return aero_slice_of(bytes->data + offset, bytes->length - (size_t)offset);
}

#endif
