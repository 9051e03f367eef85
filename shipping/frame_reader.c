/* SPDX-License-Identifier: Apache-2.0 */
#include "shipping/frame_reader_priv.h"

#include "base/assert.h"

void aero_frame_reader_deinit(struct aero_frame_reader *reader)
{
    aero_buffer_deinit(&reader->rest);
}

void aero_frame_reader_reset(struct aero_frame_reader *reader)
{
    aero_buffer_clear(&reader->rest);
    reader->input = aero_slice_of(NULL, 0);
    reader->rest_taken = false;
}

void aero_frame_reader_feed(struct aero_frame_reader *reader, struct aero_slice bytes)
{
    AERO_ASSERT(reader->input.length == 0);
    reader->input = bytes;
}

static void skip_input(struct aero_frame_reader *reader, size_t count)
{
    reader->input = aero_slice_of(reader->input.data + count, reader->input.length - count);
}

static void move_to_rest(struct aero_frame_reader *reader, size_t count)
{
    aero_buffer_append(&reader->rest, reader->input.data, count);
    skip_input(reader, count);
}

/* Goes on with the frame in `rest`: first its header, then, once that is known to be sound, the
 * rest of it. */
static aero_status continue_rest(struct aero_frame_reader *reader, struct aero_frame *out_frame)
{
    for (;;) {
        size_t missing = reader->needed - reader->rest.length;
        size_t count = missing < reader->input.length ? missing : reader->input.length;
        move_to_rest(reader, count);
        if (count < missing) {
            return aero_error(AERO_INCOMPLETE);
        }
        size_t frame_bytes;
        aero_status status = aero_frame_decode(aero_buffer_slice(&reader->rest), out_frame,
                                               &frame_bytes, &reader->needed);
        if (status.code != AERO_INCOMPLETE) {
            reader->rest_taken = true;
            return status;
        }
        AERO_ASSERT(reader->needed > reader->rest.length);
    }
}

aero_status aero_frame_reader_next(struct aero_frame_reader *reader, struct aero_frame *out_frame)
{
    if (reader->rest_taken) {
        aero_buffer_clear(&reader->rest);
        reader->rest_taken = false;
    }
    if (reader->rest.length > 0) {
        return continue_rest(reader, out_frame);
    }
    if (reader->input.length == 0) {
        return aero_error(AERO_INCOMPLETE);
    }
    size_t frame_bytes;
    aero_status status = aero_frame_decode(reader->input, out_frame, &frame_bytes, &reader->needed);
    if (aero_is_ok(status)) {
        skip_input(reader, frame_bytes);
    } else if (status.code == AERO_INCOMPLETE) {
        move_to_rest(reader, reader->input.length);
    }
    return status;
}
