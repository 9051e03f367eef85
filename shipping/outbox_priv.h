/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way out: appended behind, taken in front, without moving what waits each time. */
#ifndef AERO_SHIPPING_OUTBOX_PRIV_H
#define AERO_SHIPPING_OUTBOX_PRIV_H

#include "base/assert.h"
#include "base/slice.h"

/* Zero-initialised is empty and valid. */
struct aero_outbox {
    struct aero_buffer buffer;
    size_t taken; /* of its front */
};

static inline struct aero_slice aero_outbox_slice(const struct aero_outbox *outbox)
{
    size_t length = outbox->buffer.length - outbox->taken;
    return aero_slice_of(length == 0 ? NULL : outbox->buffer.data + outbox->taken, length);
}

static inline size_t aero_outbox_length(const struct aero_outbox *outbox)
{
    return outbox->buffer.length - outbox->taken;
}

/* What was taken goes when all of it is, or when it is the larger half: each byte is moved at most
 * once. */
static inline void aero_outbox_take(struct aero_outbox *outbox, size_t count)
{
    AERO_ASSERT(count <= aero_outbox_length(outbox));
    outbox->taken += count;
    if (outbox->taken >= outbox->buffer.length - outbox->taken) {
        aero_buffer_consume(&outbox->buffer, outbox->taken);
        outbox->taken = 0;
    }
}

static inline void aero_outbox_clear(struct aero_outbox *outbox)
{
    aero_buffer_clear(&outbox->buffer);
    outbox->taken = 0;
}

#endif
