/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static void *checked(void *pointer, size_t size)
{
    if (pointer == NULL && size != 0) {
        fprintf(stderr, "level=fatal event=out_of_memory bytes=%zu\n", size);
        abort();
    }
    return pointer;
}

void *aero_malloc(size_t size)
{
    return checked(malloc(size), size);
}

void *aero_calloc(size_t count, size_t size)
{
    return checked(calloc(count, size), size);
}

void *aero_realloc(void *pointer, size_t size)
{
    return checked(realloc(pointer, size), size);
}

void aero_buffer_deinit(struct aero_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct aero_buffer){0};
}

uint8_t *aero_buffer_reserve(struct aero_buffer *buffer, size_t extra)
{
    AERO_ASSERT(extra <= SIZE_MAX / 4 - buffer->length);
    size_t need = buffer->length + extra;
    if (need > buffer->capacity || buffer->data == NULL) { /* a place even for no bytes */
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < need) {
            capacity *= 2;
        }
        buffer->data = aero_realloc(buffer->data, capacity);
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

void aero_buffer_append(struct aero_buffer *buffer, const void *data, size_t length)
{
    if (length != 0) {
        memcpy(aero_buffer_reserve(buffer, length), data, length);
        buffer->length += length;
    }
}

void aero_buffer_consume(struct aero_buffer *buffer, size_t count)
{
    AERO_ASSERT(count <= buffer->length);
    buffer->length -= count;
    if (buffer->length != 0 && count != 0) {
        memmove(buffer->data, buffer->data + count, buffer->length);
    }
}
