/* SPDX-License-Identifier: Apache-2.0 */
/* Feeding, rotations among what is queued, and what a failure makes of `received`. All else is wal_log.h.
 *
 * Crash points are the writer's: a group is durable once its sync returned and the proof says so; a segment begins with
 * the same request in the same order. Bytes behind the durable end that a crash or a failed write left are the same
 * history's, or are bounded by the header of the successor that the primary ships next. */
#include "engine/wal_follower.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/wal_log.h"

struct aero_wal_follower {
    struct aero_wal_log log;
    struct aero_wal_place received;
    uint32_t rotation_count; /* queued */
    bool sealed;             /* a footer waits for its successor */
    bool found_sealed;       /* recovery found the footer on disk: a successor comes next */
    uint8_t footer[AERO_SEGMENT_FOOTER_BYTES];
};

/* ---- Turning ---------------------------------------------------------------------------------------------- */

static bool hand_over_next(struct aero_wal_follower *follower)
{
    struct aero_wal_log *log = &follower->log;
    struct aero_wal_chunk *chunk = aero_wal_queue_next(&log->queue);
    if (chunk != NULL && chunk->rotation != NULL) {
        aero_wal_log_want_successor(log);
        return false;
    }
    struct aero_wal_group *group = aero_wal_log_free_lane(log);
    if (group == NULL || chunk == NULL) {
        return false;
    }
    size_t bytes = chunk->filled - chunk->taken;
    struct aero_wal_frontier end = {
        .offset = log->handed.offset + bytes,
        .position = chunk->end,
        .record_count = log->handed.record_count + chunk->record_count,
    };
    chunk->record_count = 0;
    aero_wal_log_hand_over(log, group, chunk, &end, &bytes, 1);
    return true;
}

static void begin_successor(struct aero_wal_follower *follower)
{
    struct aero_wal_chunk *chunk = aero_wal_queue_next(&follower->log.queue);
    AERO_ASSERT(chunk != NULL && chunk->rotation != NULL);
    struct aero_wal_rotation *rotation = chunk->rotation;
    chunk->rotation = NULL;
    follower->rotation_count--;
    aero_wal_log_begin(&follower->log, &rotation->header, rotation->raw,
                       rotation->sealed ? rotation->footer : NULL);
    follower->log.control.found_sealed = follower->found_sealed;
    follower->found_sealed = false;
    free(rotation);
}

static void pump(struct aero_wal_follower *follower)
{
    while (hand_over_next(follower)) {
    }
    if (aero_wal_log_is_ready_for_successor(&follower->log)) {
        begin_successor(follower);
    }
    aero_wal_log_pump(&follower->log);
}

/* ---- The interface ---------------------------------------------------------------------------------------- */

struct aero_wal_follower *aero_wal_follower_new(const struct aero_wal_options *options,
                                                const struct aero_wal_follower_start *start)
{
    struct aero_wal_follower *follower = aero_calloc(1, sizeof *follower);
    struct aero_wal_log *log = &follower->log;
    aero_wal_log_init(log, options, start->end.position, start->proof_generation);
    log->verbatim = true;
    follower->received = start->end;
    if (start->end.sequence != 0) {
        AERO_ASSERT(start->end.sequence == start->segment.sequence);
        follower->found_sealed = start->sealed;
        struct aero_wal_frontier end = {.offset = start->end.offset,
                                        .position = start->end.position,
                                        .record_count = start->record_count};
        aero_wal_log_attach(log, &start->segment, &end);
    }
    pump(follower);
    return follower;
}

void aero_wal_follower_free(struct aero_wal_follower *follower)
{
    if (follower != NULL) {
        aero_wal_log_deinit(&follower->log);
        free(follower);
    }
}

bool aero_wal_follower_is_open(const struct aero_wal_follower *follower)
{
    return aero_wal_log_is_open(&follower->log);
}

bool aero_wal_follower_has_room(const struct aero_wal_follower *follower, size_t bytes)
{
    return aero_wal_follower_is_open(follower) &&
           follower->rotation_count < AERO_WAL_FOLLOWER_ROTATIONS_MAX &&
           (follower->log.queue.bytes == 0 ||
            follower->log.queue.bytes + bytes <= follower->log.options.queue_bytes);
}

/* Behind a footer, received or found on disk, only a header can come. */
static void assert_not_sealed(const struct aero_wal_follower *follower)
{
    AERO_ASSERT(!follower->sealed);
    AERO_ASSERT(!follower->found_sealed || follower->rotation_count > 0);
}

/* REP-2: no gap. */
static void assert_follows(const struct aero_wal_place *end,
                           const struct aero_segment_header *header)
{
    if (end->sequence != 0) {
        AERO_ASSERT(header->prev_sequence == end->sequence);
        AERO_ASSERT(header->prev_end_offset == end->offset);
        AERO_ASSERT(aero_position_equal(header->prev_end, end->position));
    }
}

void aero_wal_follower_begin(struct aero_wal_follower *follower,
                             const struct aero_segment_header *header, struct aero_slice raw)
{
    AERO_ASSERT(aero_wal_follower_has_room(follower, raw.length));
    AERO_ASSERT(raw.length == AERO_SEGMENT_HEADER_BYTES);
    assert_follows(&follower->received, header);
    struct aero_wal_rotation *rotation = aero_calloc(1, sizeof *rotation);
    rotation->header = *header;
    memcpy(rotation->raw, raw.data, raw.length);
    rotation->sealed = follower->sealed;
    memcpy(rotation->footer, follower->footer, sizeof rotation->footer);
    aero_wal_queue_take_rotation(&follower->log.queue, rotation);
    follower->rotation_count++;
    follower->sealed = false;
    follower->received = (struct aero_wal_place){.sequence = header->sequence,
                                                 .offset = AERO_SEGMENT_HEADER_BYTES,
                                                 .position = header->prev_end};
}

void aero_wal_follower_append(struct aero_wal_follower *follower, struct aero_slice raw,
                              uint64_t record_count, struct aero_position end)
{
    struct aero_wal_log *log = &follower->log;
    AERO_ASSERT(aero_wal_follower_has_room(follower, raw.length));
    AERO_ASSERT(follower->received.sequence != 0);
    assert_not_sealed(follower);
    AERO_ASSERT(raw.length % AERO_RECORD_ALIGN == 0 && record_count > 0);
    AERO_ASSERT(end.lsn.value == follower->received.position.lsn.value + record_count);
    memcpy(aero_wal_queue_reserve(&log->queue, raw.length), raw.data, raw.length);
    aero_wal_queue_fill(&log->queue, raw.length);
    log->queue.last->end = end;
    log->queue.last->record_count += record_count;
    log->last_lsn = end.lsn;
    follower->received.offset += raw.length;
    follower->received.position = end;
}

void aero_wal_follower_seal(struct aero_wal_follower *follower, struct aero_slice raw)
{
    AERO_ASSERT(aero_wal_follower_is_open(follower));
    AERO_ASSERT(raw.length == sizeof follower->footer);
    assert_not_sealed(follower);
    memcpy(follower->footer, raw.data, raw.length);
    follower->sealed = true;
}

void aero_wal_follower_submit(struct aero_wal_follower *follower)
{
    pump(follower);
}

struct aero_wal_place aero_wal_follower_received(const struct aero_wal_follower *follower)
{
    return follower->received;
}

struct aero_wal_place aero_wal_follower_durable(const struct aero_wal_follower *follower)
{
    return follower->log.durable;
}

const struct aero_disk_request *aero_wal_follower_next_request(struct aero_wal_follower *follower)
{
    return aero_wal_log_next_request(&follower->log);
}

void aero_wal_follower_on_completion(struct aero_wal_follower *follower,
                                     const struct aero_disk_completion *completion)
{
    aero_wal_log_on_completion(&follower->log, completion);
    pump(follower);
}

bool aero_wal_follower_take_failure(struct aero_wal_follower *follower,
                                    struct aero_wal_failure *out_failure)
{
    if (!aero_wal_log_take_failure(&follower->log, out_failure)) {
        return false;
    }
    follower->received = follower->log.durable;
    follower->rotation_count = 0; /* dropped with the queue */
    follower->sealed = false;
    return true;
}

bool aero_wal_follower_take_new_segment(struct aero_wal_follower *follower,
                                        struct aero_wal_segment *out_segment)
{
    bool taken = aero_wal_log_take_new_segment(&follower->log, out_segment);
    pump(follower); /* the next one may have waited for it */
    return taken;
}

void aero_wal_follower_close(struct aero_wal_follower *follower, aero_status reason)
{
    aero_wal_log_close(&follower->log, reason, "", "");
}

bool aero_wal_follower_give_recycled(struct aero_wal_follower *follower, const char *name)
{
    bool taken = aero_wal_log_give_recycled(&follower->log, name);
    pump(follower);
    return taken;
}

void aero_wal_follower_flush_proof(struct aero_wal_follower *follower)
{
    aero_wal_log_flush_proof(&follower->log);
    pump(follower);
}

bool aero_wal_follower_is_idle(const struct aero_wal_follower *follower)
{
    return aero_wal_log_is_idle(&follower->log);
}
