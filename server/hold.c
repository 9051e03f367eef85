/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hold.h"

#include <stdlib.h>

#include "base/assert.h"

#define LIST_CAPACITY_FIRST 1024
#define HELD_CAPACITY_FIRST 16
/* An idle session gives back more than this. */
#define HELD_CAPACITY_KEPT 1024
#define OUTPUT_CAPACITY_KEPT ((size_t)64 * 1024)

static struct aero_link *new_lists(uint64_t capacity)
{
    struct aero_link *lists = aero_malloc(capacity * sizeof *lists);
    for (uint64_t i = 0; i < capacity; i++) {
        aero_link_init(&lists[i]);
    }
    return lists;
}

void aero_hold_init(struct aero_hold *hold, aero_lsn durable)
{
    *hold = (struct aero_hold){.durable = durable.value,
                               .lists = new_lists(LIST_CAPACITY_FIRST),
                               .capacity = LIST_CAPACITY_FIRST};
}

void aero_hold_deinit(struct aero_hold *hold)
{
    free(hold->lists);
    *hold = (struct aero_hold){0};
}

static struct aero_link *list_of(struct aero_hold *hold, uint64_t lsn)
{
    return &hold->lists[lsn & (hold->capacity - 1)];
}

/* Bounded by the node's queue: an LSN that anybody waits for is one in flight. */
static void make_room(struct aero_hold *hold, uint64_t lsn)
{
    uint64_t capacity = hold->capacity;
    while (lsn - hold->durable > capacity) {
        capacity *= 2;
    }
    if (capacity == hold->capacity) {
        return;
    }
    struct aero_link *lists = new_lists(capacity);
    for (uint64_t n = hold->durable + 1; n <= hold->durable + hold->capacity; n++) {
        aero_link_move_all(&lists[n & (capacity - 1)], list_of(hold, n));
    }
    free(hold->lists);
    hold->lists = lists;
    hold->capacity = capacity;
}

static void wait_for(struct aero_output *output, struct aero_hold *hold, uint64_t lsn)
{
    AERO_ASSERT(lsn > hold->durable);
    make_room(hold, lsn);
    aero_link_join_last(list_of(hold, lsn), &output->waiting);
}

void aero_output_init(struct aero_output *output)
{
    *output = (struct aero_output){0};
    aero_link_init(&output->waiting);
}

void aero_output_deinit(struct aero_output *output)
{
    aero_link_leave(&output->waiting);
    aero_buffer_deinit(&output->bytes);
    free(output->held);
    *output = (struct aero_output){0};
}

static struct aero_held *held_at(const struct aero_output *output, uint32_t index)
{
    return &output->held[(output->held_first + index) & (output->held_capacity - 1)];
}

static void push_held(struct aero_output *output, struct aero_held entry)
{
    if (output->held_count == output->held_capacity) {
        uint32_t capacity =
            output->held_capacity == 0 ? HELD_CAPACITY_FIRST : 2 * output->held_capacity;
        struct aero_held *held = aero_malloc(capacity * sizeof *held);
        for (uint32_t i = 0; i < output->held_count; i++) {
            held[i] = *held_at(output, i);
        }
        free(output->held);
        output->held = held;
        output->held_capacity = capacity;
        output->held_first = 0;
    }
    output->held_count++;
    *held_at(output, output->held_count - 1) = entry;
}

bool aero_output_finish(struct aero_output *output, struct aero_hold *hold, size_t begin,
                        uint64_t lsn)
{
    AERO_ASSERT(begin <= output->bytes.length);
    size_t length = output->bytes.length - begin;
    uint64_t waits_for = lsn > hold->durable ? lsn : 0;
    if (length == 0) {
        return false;
    }
    if (waits_for == 0 && output->held_count == 0) {
        output->released_bytes = output->bytes.length;
        return true;
    }
    if (output->held_count == 0) {
        wait_for(output, hold, waits_for);
    } else if (waits_for == 0 && held_at(output, output->held_count - 1)->lsn == 0) {
        held_at(output, output->held_count - 1)->length += length;
        return false;
    }
    push_held(output, (struct aero_held){.lsn = waits_for, .length = length});
    return false;
}

struct aero_slice aero_output_ready(const struct aero_output *output)
{
    size_t length = output->released_bytes - output->sent_bytes;
    if (length == 0) {
        return (struct aero_slice){0};
    }
    return aero_slice_of(output->bytes.data + output->sent_bytes, length);
}

size_t aero_output_pending(const struct aero_output *output)
{
    return output->bytes.length - output->sent_bytes;
}

/* Moving the rest down only when most of the buffer was sent keeps the total work linear. */
static void drop_sent(struct aero_output *output)
{
    aero_buffer_consume(&output->bytes, output->sent_bytes);
    output->released_bytes -= output->sent_bytes;
    output->sent_bytes = 0;
}

void aero_output_sent(struct aero_output *output, size_t count)
{
    AERO_ASSERT(count <= output->released_bytes - output->sent_bytes);
    output->sent_bytes += count;
    if (output->sent_bytes == output->bytes.length) {
        aero_buffer_clear(&output->bytes);
        output->sent_bytes = 0;
        output->released_bytes = 0;
        if (output->bytes.capacity > OUTPUT_CAPACITY_KEPT) {
            aero_buffer_deinit(&output->bytes);
        }
        if (output->held_capacity > HELD_CAPACITY_KEPT) {
            free(output->held);
            output->held = NULL;
            output->held_capacity = 0;
        }
    } else if (output->sent_bytes > output->bytes.length / 2) {
        drop_sent(output);
    }
}

void aero_hold_advance(struct aero_hold *hold, aero_lsn durable, struct aero_link *released)
{
    if (durable.value <= hold->durable) {
        return;
    }
    uint64_t passed = durable.value - hold->durable;
    uint64_t lists = passed < hold->capacity ? passed : hold->capacity;
    for (uint64_t i = 1; i <= lists; i++) {
        aero_link_move_all(released, list_of(hold, hold->durable + i));
    }
    hold->durable = durable.value;
}

void aero_output_release(struct aero_output *output, struct aero_hold *hold)
{
    AERO_ASSERT(aero_link_alone(&output->waiting));
    while (output->held_count != 0) {
        struct aero_held *first = held_at(output, 0);
        if (first->lsn > hold->durable) {
            wait_for(output, hold, first->lsn);
            return;
        }
        output->released_bytes += first->length;
        output->held_first = (output->held_first + 1) & (output->held_capacity - 1);
        output->held_count--;
    }
}

uint32_t aero_output_replace(struct aero_output *output, aero_lsn durable, aero_lsn unknown_through,
                             struct aero_slice not_written, struct aero_slice unknown,
                             struct aero_buffer *scratch)
{
    uint32_t replaced = 0;
    size_t from = output->released_bytes;
    aero_link_leave(&output->waiting);
    aero_buffer_clear(scratch);
    for (uint32_t i = 0; i < output->held_count; i++) {
        struct aero_held *entry = held_at(output, i);
        if (entry->lsn > durable.value) {
            aero_buffer_append_slice(scratch,
                                     entry->lsn > unknown_through.value ? not_written : unknown);
            replaced++;
        } else {
            aero_buffer_append(scratch, output->bytes.data + from, entry->length);
        }
        from += entry->length;
    }
    AERO_ASSERT(from == output->bytes.length);
    output->bytes.length = output->released_bytes;
    aero_buffer_append_slice(&output->bytes, aero_buffer_slice(scratch));
    output->released_bytes = output->bytes.length;
    output->held_count = 0;
    return replaced;
}
