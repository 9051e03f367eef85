/* SPDX-License-Identifier: Apache-2.0 */
/* The undo log is a byte queue of pre-images, written at the back and forgotten at the front; no operation
 * allocates. A record is what restores one operation, and its trailer comes last because rollback reads backwards:
 *
 *   key, old value (FORM_PUT) | key (FORM_ABSENT) | nothing (FORM_VIEW);  struct trailer
 *
 * A range that is small is undone entry by entry. A large one is undone by a view opened before it: O(1) to take, and
 * everything recorded later has already been taken back when the view is restored. Positions count bytes since the log
 * was created and never fall, except that a rollback takes back what it took back. */
#include "engine/operation.h"

#include <stdlib.h>

#include "base/assert.h"

/* Below both bounds copying the range is cheaper than the page copies that an open view causes. */
#define RANGE_ENTRIES_MAX 64
#define RANGE_BYTES_MAX ((size_t)64 << 10)
/* An empty log gives back a buffer that a burst has grown beyond this. */
#define KEEP_BYTES_MAX ((size_t)4 << 20)
#define RECLAIM_PAGES 16

enum form {
    FORM_ABSENT = 1, /* the key was not there: delete it */
    FORM_PUT = 2,    /* the key had this value: put it back */
    FORM_VIEW = 3,   /* the newest view: restore it */
};

struct trailer {
    uint32_t value_length;
    uint16_t key_length;
    uint16_t form;
};

/* A FIFO in one allocation: bytes before `begin` are gone, and moved out when they are the larger half. */
struct queue {
    struct aero_buffer buffer;
    size_t begin;
};

struct mark {
    aero_lsn lsn;
    uint64_t end; /* position behind the commit's last record */
};

struct view_entry {
    uint64_t end; /* position behind its record */
    struct aero_view *view;
};

struct aero_undo {
    struct queue records;
    struct queue marks; /* struct mark */
    struct queue views; /* struct view_entry */
    uint64_t begin;     /* position of the first record kept */
    aero_lsn last_lsn;
};

static size_t queue_bytes(const struct queue *queue)
{
    return queue->buffer.length - queue->begin;
}

static void queue_pop_front(struct queue *queue, size_t bytes)
{
    AERO_ASSERT(bytes <= queue_bytes(queue));
    queue->begin += bytes;
    if (queue_bytes(queue) == 0) {
        queue->begin = 0;
        aero_buffer_clear(&queue->buffer);
        if (queue->buffer.capacity > KEEP_BYTES_MAX) {
            aero_buffer_deinit(&queue->buffer);
        }
    } else if (queue->begin > queue->buffer.capacity / 2) {
        aero_buffer_consume(&queue->buffer, queue->begin);
        queue->begin = 0;
    }
}

static void queue_pop_back(struct queue *queue, size_t bytes)
{
    AERO_ASSERT(bytes <= queue_bytes(queue));
    queue->buffer.length -= bytes;
}

static bool queue_front(const struct queue *queue, void *out, size_t bytes)
{
    if (queue_bytes(queue) == 0) {
        return false;
    }
    memcpy(out, queue->buffer.data + queue->begin, bytes);
    return true;
}

static bool queue_back(const struct queue *queue, void *out, size_t bytes)
{
    if (queue_bytes(queue) == 0) {
        return false;
    }
    memcpy(out, queue->buffer.data + queue->buffer.length - bytes, bytes);
    return true;
}

static uint64_t end_position(const struct aero_undo *undo)
{
    return undo->begin + queue_bytes(&undo->records);
}

/* Frees a little at once, so that a host which rarely reclaims does not pile up what ranges held. */
static bool close_oldest_view(struct aero_undo *undo, struct aero_tree *tree, uint64_t end)
{
    struct view_entry entry;
    if (!queue_front(&undo->views, &entry, sizeof entry) || entry.end > end) {
        return false;
    }
    aero_view_close(entry.view);
    queue_pop_front(&undo->views, sizeof entry);
    aero_tree_reclaim(tree, RECLAIM_PAGES);
    return true;
}

struct aero_undo *aero_undo_new(void)
{
    return aero_calloc(1, sizeof(struct aero_undo));
}

void aero_undo_free(struct aero_undo *undo, struct aero_tree *tree)
{
    if (undo == NULL) {
        return;
    }
    while (close_oldest_view(undo, tree, UINT64_MAX)) {
    }
    aero_buffer_deinit(&undo->records.buffer);
    aero_buffer_deinit(&undo->marks.buffer);
    aero_buffer_deinit(&undo->views.buffer);
    free(undo);
}

static void append_trailer(struct aero_undo *undo, enum form form, size_t key_length,
                           size_t value_length)
{
    struct trailer trailer = {.value_length = (uint32_t)value_length,
                              .key_length = (uint16_t)key_length,
                              .form = (uint16_t)form};
    aero_buffer_append(&undo->records.buffer, &trailer, sizeof trailer);
}

static void apply_put(struct aero_tree *tree, const struct aero_operation *operation,
                      struct aero_undo *undo)
{
    struct aero_buffer *buffer = &undo->records.buffer;
    aero_buffer_append_slice(buffer, operation->key);
    size_t before = buffer->length;
    bool existed = aero_tree_put(tree, operation->key, operation->value, buffer);
    append_trailer(undo, existed ? FORM_PUT : FORM_ABSENT, operation->key.length,
                   buffer->length - before);
}

static void apply_delete(struct aero_tree *tree, const struct aero_operation *operation,
                         struct aero_undo *undo)
{
    struct aero_buffer *buffer = &undo->records.buffer;
    size_t begin = buffer->length;
    aero_buffer_append_slice(buffer, operation->key);
    size_t before = buffer->length;
    if (aero_tree_delete(tree, operation->key, buffer)) {
        append_trailer(undo, FORM_PUT, operation->key.length, buffer->length - before);
    } else {
        buffer->length = begin;
    }
}

/* Records every entry of the range, or nothing if they are too large. */
static bool record_entries(struct aero_tree *tree, const struct aero_operation *operation,
                           struct aero_undo *undo, uint64_t count)
{
    struct aero_cursor cursor;
    struct aero_buffer *buffer = &undo->records.buffer;
    size_t begin = buffer->length;
    aero_cursor_seek(&cursor, tree, operation->key);
    for (uint64_t i = 0; i < count; i++) {
        struct aero_slice key;
        struct aero_slice value;
        bool present = aero_cursor_get(&cursor, &key, &value);
        AERO_ASSERT(present);
        if (buffer->length - begin + key.length + value.length > RANGE_BYTES_MAX) {
            buffer->length = begin;
            return false;
        }
        aero_buffer_append_slice(buffer, key);
        aero_buffer_append_slice(buffer, value);
        append_trailer(undo, FORM_PUT, key.length, value.length);
        aero_cursor_next(&cursor);
    }
    return true;
}

static void apply_delete_range(struct aero_tree *tree, const struct aero_operation *operation,
                               struct aero_undo *undo)
{
    uint64_t count = aero_tree_count_range(tree, operation->key, operation->value);
    if (count == 0) {
        return;
    }
    if (count > RANGE_ENTRIES_MAX || !record_entries(tree, operation, undo, count)) {
        struct aero_view *view = aero_view_open(tree);
        append_trailer(undo, FORM_VIEW, 0, 0);
        struct view_entry entry = {.end = end_position(undo), .view = view};
        aero_buffer_append(&undo->views.buffer, &entry, sizeof entry);
    }
    aero_tree_delete_range(tree, operation->key, operation->value);
}

static void apply_for_good(struct aero_tree *tree, const struct aero_operation *operation)
{
    switch (operation->kind) {
    case AERO_PUT:
        aero_tree_put(tree, operation->key, operation->value, NULL);
        return;
    case AERO_DELETE:
        aero_tree_delete(tree, operation->key, NULL);
        return;
    case AERO_DELETE_RANGE:
        aero_tree_delete_range(tree, operation->key, operation->value);
        return;
    }
    AERO_ASSERT(operation->kind == AERO_PUT); /* no other kind exists */
}

void aero_apply(struct aero_tree *tree, const struct aero_operation *operation,
                struct aero_undo *undo)
{
    if (undo == NULL) {
        apply_for_good(tree, operation);
        return;
    }
    switch (operation->kind) {
    case AERO_PUT:
        apply_put(tree, operation, undo);
        return;
    case AERO_DELETE:
        apply_delete(tree, operation, undo);
        return;
    case AERO_DELETE_RANGE:
        apply_delete_range(tree, operation, undo);
        return;
    }
    AERO_ASSERT(operation->kind == AERO_PUT); /* no other kind exists */
}

void aero_undo_mark(struct aero_undo *undo, aero_lsn lsn)
{
    AERO_ASSERT(lsn.value > undo->last_lsn.value);
    struct mark mark = {.lsn = lsn, .end = end_position(undo)};
    aero_buffer_append(&undo->marks.buffer, &mark, sizeof mark);
    undo->last_lsn = lsn;
}

void aero_undo_forget(struct aero_undo *undo, aero_lsn lsn, struct aero_tree *tree)
{
    struct mark mark;
    uint64_t end = undo->begin;
    while (queue_front(&undo->marks, &mark, sizeof mark) && mark.lsn.value <= lsn.value) {
        end = mark.end;
        queue_pop_front(&undo->marks, sizeof mark);
    }
    while (close_oldest_view(undo, tree, end)) {
    }
    queue_pop_front(&undo->records, end - undo->begin);
    undo->begin = end;
}

static void take_back_newest(struct aero_undo *undo, struct aero_tree *tree)
{
    struct trailer trailer;
    bool present = queue_back(&undo->records, &trailer, sizeof trailer);
    AERO_ASSERT(present);
    struct aero_buffer *buffer = &undo->records.buffer;
    size_t bytes = sizeof trailer + trailer.key_length + trailer.value_length;
    const uint8_t *record = buffer->data + buffer->length - bytes;
    struct aero_slice key = aero_slice_of(record, trailer.key_length);
    struct aero_slice value = aero_slice_of(record + trailer.key_length, trailer.value_length);
    struct view_entry entry;
    switch ((enum form)trailer.form) {
    case FORM_ABSENT:
        present = aero_tree_delete(tree, key, NULL);
        AERO_ASSERT(present);
        break;
    case FORM_PUT:
        aero_tree_put(tree, key, value, NULL);
        break;
    case FORM_VIEW:
        present = queue_back(&undo->views, &entry, sizeof entry);
        AERO_ASSERT(present);
        AERO_ASSERT(entry.end == end_position(undo));
        aero_tree_restore(tree, entry.view);
        aero_view_close(entry.view);
        queue_pop_back(&undo->views, sizeof entry);
        break;
    }
    queue_pop_back(&undo->records, bytes);
}

void aero_undo_rollback(struct aero_undo *undo, aero_lsn lsn, struct aero_tree *tree)
{
    struct mark mark;
    while (queue_back(&undo->marks, &mark, sizeof mark) && mark.lsn.value > lsn.value) {
        queue_pop_back(&undo->marks, sizeof mark);
    }
    uint64_t end = queue_back(&undo->marks, &mark, sizeof mark) ? mark.end : undo->begin;
    while (end_position(undo) > end) {
        take_back_newest(undo, tree);
    }
    if (lsn.value < undo->last_lsn.value) {
        undo->last_lsn = lsn;
    }
}
