/* SPDX-License-Identifier: Apache-2.0 */
/* Two flat arrays that grow at the end. Entries have a fixed size on disk, so that lengths prove themselves; byte tables in
 * docs/formats.md, "History". */
#include "engine/history.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/codec_priv.h"

bool aero_incarnation_agrees(const struct aero_incarnation *a, const struct aero_incarnation *b)
{
    return a->epoch.value == b->epoch.value && aero_id_equal(a->node_id, b->node_id) &&
           aero_position_equal(a->start, b->start);
}

void aero_history_deinit(struct aero_history *history)
{
    free(history->incarnations);
    free(history->segments);
    *history = (struct aero_history){0};
}

static void *copy_array(const void *from, size_t bytes)
{
    void *to = NULL;
    if (bytes != 0) {
        to = aero_malloc(bytes);
        memcpy(to, from, bytes);
    }
    return to;
}

void aero_history_copy(struct aero_history *out_history, const struct aero_history *from)
{
    struct aero_history copy = *from;
    copy.incarnations =
        copy_array(from->incarnations, from->incarnation_count * sizeof *from->incarnations);
    copy.segments = copy_array(from->segments, from->segment_count * sizeof *from->segments);
    *out_history = copy;
}

/* Whether the incarnation wrote no record: the next one starts where it does. */
static bool wrote_nothing(const struct aero_history *history, size_t index)
{
    return index + 1 < history->incarnation_count &&
           history->incarnations[index].start.lsn.value ==
               history->incarnations[index + 1].start.lsn.value;
}

static bool drop_empty_incarnation(struct aero_history *history)
{
    for (size_t i = 0; i < history->incarnation_count; i++) {
        if (wrote_nothing(history, i)) {
            history->incarnation_count--;
            memmove(&history->incarnations[i], &history->incarnations[i + 1],
                    (history->incarnation_count - i) * sizeof *history->incarnations);
            return true;
        }
    }
    return false;
}

static bool can_follow(const struct aero_history *history, const struct aero_incarnation *entry)
{
    if (aero_id_is_none(entry->nonce) || aero_history_find(history, entry->nonce) != NULL) {
        return false;
    }
    if (history->incarnation_count == 0) {
        return true;
    }
    const struct aero_incarnation *last = &history->incarnations[history->incarnation_count - 1];
    return entry->start.lsn.value >= last->start.lsn.value &&
           entry->epoch.value >= last->epoch.value;
}

aero_status aero_history_add_incarnation(struct aero_history *history,
                                         const struct aero_incarnation *entry)
{
    if (!can_follow(history, entry)) {
        return aero_error(AERO_INVALID);
    }
    if (history->incarnation_count == AERO_INCARNATIONS_MAX && !drop_empty_incarnation(history)) {
        return aero_error(AERO_LIMIT);
    }
    size_t count = history->incarnation_count + 1;
    history->incarnations =
        aero_realloc(history->incarnations, count * sizeof *history->incarnations);
    history->incarnations[count - 1] = *entry;
    history->incarnation_count = count;
    return aero_ok();
}

/* Drops every second entry of the older half. */
static void thin_segments(struct aero_history *history)
{
    size_t half = history->segment_count / 2;
    size_t kept = 0;
    for (size_t i = 0; i < history->segment_count; i++) {
        if (i >= half || i % 2 == 0) {
            history->segments[kept++] = history->segments[i];
        }
    }
    history->segment_count = kept;
}

/* The newest segment that is known, or NULL. */
static const struct aero_segment_start *last_segment(const struct aero_history *history)
{
    return history->segment_count == 0 ? NULL : &history->segments[history->segment_count - 1];
}

bool aero_history_fits_segment(const struct aero_history *history,
                               const struct aero_segment_start *start)
{
    const struct aero_segment_start *last = last_segment(history);
    if (last != NULL && start->sequence > last->sequence) {
        return start->before.lsn.value >= last->before.lsn.value;
    }
    const struct aero_segment_start *known = aero_history_find_segment(history, start->sequence);
    return known == NULL || aero_id_equal(known->nonce, start->nonce);
}

void aero_history_add_segment(struct aero_history *history, const struct aero_segment_start *start)
{
    AERO_ASSERT(aero_history_fits_segment(history, start));
    const struct aero_segment_start *last = last_segment(history);
    if (last != NULL && start->sequence <= last->sequence) {
        return; /* known, or thinned out since */
    }
    if (history->segment_count == AERO_SEGMENT_STARTS_MAX) {
        thin_segments(history);
    }
    size_t count = history->segment_count + 1;
    history->segments = aero_realloc(history->segments, count * sizeof *history->segments);
    history->segments[count - 1] = *start;
    history->segment_count = count;
}

const struct aero_incarnation *aero_history_find(const struct aero_history *history, aero_id nonce)
{
    /* From the newest: that is the one asked for nearly always. */
    for (size_t i = history->incarnation_count; i > 0; i--) {
        if (aero_id_equal(history->incarnations[i - 1].nonce, nonce)) {
            return &history->incarnations[i - 1];
        }
    }
    return NULL;
}

const struct aero_segment_start *aero_history_find_segment(const struct aero_history *history,
                                                           uint64_t sequence)
{
    size_t low = 0;
    size_t high = history->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (history->segments[middle].sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < history->segment_count && history->segments[low].sequence == sequence;
    return found ? &history->segments[low] : NULL;
}

bool aero_history_find_shared(const struct aero_history *mine, const struct aero_history *theirs,
                              size_t *out_mine, size_t *out_theirs)
{
    for (size_t i = theirs->incarnation_count; i > 0; i--) {
        const struct aero_incarnation *entry =
            aero_history_find(mine, theirs->incarnations[i - 1].nonce);
        if (entry != NULL && aero_incarnation_agrees(entry, &theirs->incarnations[i - 1])) {
            *out_mine = (size_t)(entry - mine->incarnations);
            *out_theirs = i - 1;
            return true;
        }
    }
    return false;
}

/* ---- Bytes ---------------------------------------------------------------------------------------------- */

static void put_incarnation(struct aero_buffer *out, const struct aero_incarnation *entry)
{
    size_t before = out->length;
    aero_put_u64(out, entry->epoch.value);
    aero_put_id(out, entry->nonce);
    aero_put_id(out, entry->node_id);
    aero_put_text(out, entry->node_name, AERO_NODE_NAME_MAX);
    aero_put_position(out, entry->start);
    AERO_ASSERT(out->length - before == AERO_INCARNATION_BYTES);
}

static void put_segment(struct aero_buffer *out, const struct aero_segment_start *start)
{
    size_t before = out->length;
    aero_put_u64(out, start->sequence);
    aero_put_position(out, start->before);
    aero_put_id(out, start->nonce);
    aero_put_id(out, start->incarnation);
    AERO_ASSERT(out->length - before == AERO_SEGMENT_START_BYTES);
}

void aero_history_encode(const struct aero_history *history, struct aero_buffer *out_bytes)
{
    AERO_ASSERT(history->incarnation_count <= AERO_INCARNATIONS_MAX);
    AERO_ASSERT(history->segment_count <= AERO_SEGMENT_STARTS_MAX);
    aero_put_u64(out_bytes, history->incarnation_count);
    aero_put_u64(out_bytes, history->segment_count);
    for (size_t i = 0; i < history->incarnation_count; i++) {
        put_incarnation(out_bytes, &history->incarnations[i]);
    }
    for (size_t i = 0; i < history->segment_count; i++) {
        put_segment(out_bytes, &history->segments[i]);
    }
}

static void take_incarnations(struct aero_take *take, struct aero_history *history)
{
    for (size_t i = 0; i < history->incarnation_count; i++) {
        struct aero_incarnation *entry = &history->incarnations[i];
        entry->epoch.value = aero_take_u64(take);
        entry->nonce = aero_take_id(take);
        entry->node_id = aero_take_id(take);
        aero_take_text(take, entry->node_name, AERO_NODE_NAME_MAX);
        entry->start = aero_take_position(take);
        aero_take_check(take, !aero_id_is_none(entry->nonce));
        aero_take_check(take, i == 0 || entry->epoch.value >= entry[-1].epoch.value);
        aero_take_check(take, i == 0 || entry->start.lsn.value >= entry[-1].start.lsn.value);
    }
}

static void take_segments(struct aero_take *take, struct aero_history *history)
{
    for (size_t i = 0; i < history->segment_count; i++) {
        struct aero_segment_start *start = &history->segments[i];
        start->sequence = aero_take_u64(take);
        start->before = aero_take_position(take);
        start->nonce = aero_take_id(take);
        start->incarnation = aero_take_id(take);
        aero_take_check(take, !aero_id_is_none(start->nonce));
        aero_take_check(take, i == 0 || start->sequence > start[-1].sequence);
        aero_take_check(take, i == 0 || start->before.lsn.value >= start[-1].before.lsn.value);
    }
}

aero_status aero_history_decode(struct aero_slice bytes, struct aero_history *out_history)
{
    struct aero_take take = {.rest = bytes};
    uint64_t incarnation_count = aero_take_u64(&take);
    uint64_t segment_count = aero_take_u64(&take);
    /* The counts are believed only once they agree with the length. */
    if (take.failed || incarnation_count > AERO_INCARNATIONS_MAX ||
        segment_count > AERO_SEGMENT_STARTS_MAX ||
        take.rest.length !=
            incarnation_count * AERO_INCARNATION_BYTES + segment_count * AERO_SEGMENT_START_BYTES) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_history history = {.incarnation_count = incarnation_count,
                                   .segment_count = segment_count};
    if (incarnation_count != 0) {
        history.incarnations = aero_calloc(incarnation_count, sizeof *history.incarnations);
    }
    if (segment_count != 0) {
        history.segments = aero_calloc(segment_count, sizeof *history.segments);
    }
    take_incarnations(&take, &history);
    take_segments(&take, &history);
    if (take.failed) {
        aero_history_deinit(&history);
        return aero_error(AERO_CORRUPT);
    }
    *out_history = history;
    return aero_ok();
}
