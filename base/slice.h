/* SPDX-License-Identifier: Apache-2.0 */
/* Slices borrow, buffers own.
 *
 * A slice is a pointer and a length, valid only as long as whoever lent it says. A buffer is a growable array
 * of bytes; it aborts when memory is exhausted (a crash that the failure model already survives) and is
 * bounded by its callers, who check a named limit before they append. */
#ifndef AERO_BASE_SLICE_H
#define AERO_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct aero_slice {
    const uint8_t *data;
    size_t length;
};

static inline struct aero_slice aero_slice_of(const void *data, size_t length)
{
    return (struct aero_slice){.data = data, .length = length};
}

/* The bytes of a C string without its NUL. */
static inline struct aero_slice aero_slice_text(const char *text)
{
    return aero_slice_of(text, strlen(text));
}

static inline bool aero_slice_equal(struct aero_slice a, struct aero_slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Whether every byte is zero; an empty slice is. */
static inline bool aero_slice_is_zero(struct aero_slice slice)
{
    return slice.length == 0 ||
           (slice.data[0] == 0 && memcmp(slice.data, slice.data + 1, slice.length - 1) == 0);
}

/* Lexicographic by unsigned byte, the shorter first: the order of the keyspace. */
static inline int aero_slice_compare(struct aero_slice a, struct aero_slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}

struct aero_buffer {
    uint8_t *data;
    size_t length;
    size_t capacity;
};

/* Zero-initialised is empty and valid. */
void aero_buffer_deinit(struct aero_buffer *buffer);
/* Makes room for `extra` more bytes and returns where they go, never NULL; the length does not change. */
uint8_t *aero_buffer_reserve(struct aero_buffer *buffer, size_t extra);
void aero_buffer_append(struct aero_buffer *buffer, const void *data, size_t length);
/* Drops the first `count` bytes. */
void aero_buffer_consume(struct aero_buffer *buffer, size_t count);

static inline void aero_buffer_clear(struct aero_buffer *buffer)
{
    buffer->length = 0;
}

static inline void aero_buffer_append_slice(struct aero_buffer *buffer, struct aero_slice slice)
{
    aero_buffer_append(buffer, slice.data, slice.length);
}

static inline struct aero_slice aero_buffer_slice(const struct aero_buffer *buffer)
{
    return aero_slice_of(buffer->data, buffer->length);
}

/* malloc and friends that abort with a message instead of returning NULL. Release with free(). */
void *aero_malloc(size_t size);
void *aero_calloc(size_t count, size_t size);
void *aero_realloc(void *pointer, size_t size);

#endif
