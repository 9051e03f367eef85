/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the replication link: one at a time, and a stream of them cut anywhere. */
#include "proto/frame.h"
#include "shipping/frame_reader_priv.h"
#include "tests/fuzz/fuzz.h"

/* What decodes is exactly what the encoder writes. */
static void check_frame(const struct aero_frame *frame, struct aero_slice bytes)
{
    struct aero_buffer again = {0};
    uint64_t first;
    uint64_t second;
    struct aero_slice rest;
    aero_frame_append(&again, frame->type, frame->payload);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&again), bytes));
    bool is_chunk = frame->type == AERO_FRAME_CHUNK || frame->type == AERO_FRAME_SNAPSHOT_CHUNK;
    if (is_chunk) {
        aero_frame_chunk(frame->payload, &first, &second, &rest);
        aero_buffer_clear(&again);
        aero_frame_append_chunk(&again, frame->type, first, second, rest);
        AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&again), bytes));
    }
    aero_buffer_deinit(&again);
}

/* Appends what the stream says: each frame's type and payload, and how it ends. */
static void read_whole(struct aero_slice bytes, struct aero_buffer *out_story)
{
    for (;;) {
        struct aero_frame frame;
        size_t frame_bytes = 0;
        size_t needed = 0;
        aero_status status = aero_frame_decode(bytes, &frame, &frame_bytes, &needed);
        if (!aero_is_ok(status)) {
            AERO_ASSERT(status.code != AERO_INCOMPLETE ||
                        (needed > bytes.length &&
                         needed <= AERO_FRAME_HEADER_BYTES + AERO_FRAME_MESSAGE_MAX));
            uint8_t end = (uint8_t)status.code;
            aero_buffer_append(out_story, &end, 1);
            return;
        }
        AERO_ASSERT(frame.payload.length <= aero_frame_payload_max((uint8_t)frame.type));
        check_frame(&frame, aero_slice_of(bytes.data, frame_bytes));
        uint8_t type = (uint8_t)frame.type;
        aero_buffer_append(out_story, &type, 1);
        aero_buffer_append_slice(out_story, frame.payload);
        bytes = aero_slice_of(bytes.data + frame_bytes, bytes.length - frame_bytes);
    }
}

static void read_in_pieces(struct aero_slice bytes, uint32_t pattern, struct aero_buffer *out_story)
{
    struct aero_frame_reader reader = {0};
    aero_status status = aero_error(AERO_INCOMPLETE);
    while (bytes.length != 0 && status.code == AERO_INCOMPLETE) {
        struct aero_slice piece = fuzz_take_piece(&bytes, &pattern);
        uint8_t *exact = fuzz_copy(piece);
        aero_frame_reader_feed(&reader, aero_slice_of(exact, piece.length));
        struct aero_frame frame;
        while (aero_is_ok(status = aero_frame_reader_next(&reader, &frame))) {
            uint8_t type = (uint8_t)frame.type;
            aero_buffer_append(out_story, &type, 1);
            aero_buffer_append_slice(out_story, frame.payload);
        }
        free(exact);
    }
    uint8_t end = (uint8_t)status.code;
    aero_buffer_append(out_story, &end, 1);
    aero_frame_reader_deinit(&reader);
}

static void look(struct aero_slice bytes, uint32_t pattern)
{
    struct aero_buffer whole = {0};
    struct aero_buffer pieces = {0};
    read_whole(bytes, &whole);
    read_in_pieces(bytes, pattern, &pieces);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&whole), aero_buffer_slice(&pieces)));
    aero_buffer_deinit(&whole);
    aero_buffer_deinit(&pieces);
}

/* Makes the checksums of frame after frame right, as far as the lengths make sense. */
static void seal_frames(uint8_t *bytes, size_t length)
{
    while (length >= AERO_FRAME_HEADER_BYTES) {
        size_t payload_length = aero_load_u32(bytes);
        size_t rest = length - AERO_FRAME_HEADER_BYTES;
        if (payload_length <= rest) {
            struct aero_slice payload =
                aero_slice_of(bytes + AERO_FRAME_HEADER_BYTES, payload_length);
            aero_store_u64(bytes + 8, aero_checksum64(payload));
        }
        fuzz_seal(bytes, 16);
        if (payload_length > rest) {
            return;
        }
        bytes += AERO_FRAME_HEADER_BYTES + payload_length;
        length = rest - payload_length;
    }
}

void fuzz_one(struct aero_slice input)
{
    uint32_t pattern = fuzz_take_u8(&input);
    look(input, pattern);
    uint8_t *bytes = fuzz_copy(input);
    seal_frames(bytes, input.length);
    look(aero_slice_of(bytes, input.length), pattern);
    free(bytes);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_buffer bytes = {0};
    aero_buffer_append(&bytes, "\1", 1);
    aero_frame_append(&bytes, AERO_FRAME_HEARTBEAT, aero_slice_text("\x08\x05"));
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    aero_frame_append_chunk(&bytes, AERO_FRAME_CHUNK, 3, 4096, aero_slice_text("some bytes"));
    aero_frame_append(&bytes, AERO_FRAME_SNAPSHOT_END, aero_slice_text(""));
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    uint8_t footer[64] = {0};
    aero_frame_append(&bytes, AERO_FRAME_SEAL, aero_slice_of(footer, sizeof footer));
    aero_frame_append_chunk(&bytes, AERO_FRAME_SNAPSHOT_CHUNK, 0, 0, aero_slice_text("bytes"));
    aero_frame_append(&bytes, AERO_FRAME_ACK, aero_slice_text("\x10\x05"));
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
}
