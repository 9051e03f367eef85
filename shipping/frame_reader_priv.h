/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a byte stream that arrives in pieces of any size into frames. What fills whole frames is
 * parsed where it lies; only a frame that pieces cut is copied, so at most one frame is held. */
#ifndef AERO_SHIPPING_FRAME_READER_PRIV_H
#define AERO_SHIPPING_FRAME_READER_PRIV_H

#include "proto/frame.h"

/* Zero-initialised is empty and valid. */
struct aero_frame_reader {
    struct aero_slice input; /* borrowed: the rest of the piece fed last */
    struct aero_buffer rest; /* a frame that has begun */
    size_t needed;           /* bytes that `rest` has to hold for the next look */
    bool rest_taken;         /* the frame in `rest` was given out by the last call */
};

void aero_frame_reader_deinit(struct aero_frame_reader *reader);
/* A new connection: forgets what it holds. */
void aero_frame_reader_reset(struct aero_frame_reader *reader);
/* `bytes` are borrowed until next says AERO_INCOMPLETE; call it until then. */
void aero_frame_reader_feed(struct aero_frame_reader *reader, struct aero_slice bytes);
/* AERO_OK: a frame, borrowed until the next call. AERO_INCOMPLETE: all was used. AERO_CORRUPT: give
 * up. */
aero_status aero_frame_reader_next(struct aero_frame_reader *reader, struct aero_frame *out_frame);

#endif
