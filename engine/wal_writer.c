/* SPDX-License-Identifier: Apache-2.0 */
/* What only the primary's log does: it stamps. LSN, mark, nonce and chain of a record are written in place, in the buffer
 * that append filled, at the moment its group is handed to the disk (decision 17): only then is it known in which
 * segment it comes to stand, behind what, and what is durable. One copy and one hash of the payload, one hash of the header.
 *
 * A group is what has arrived: from one chunk of the queue, as far as the segment has room for its records and a footer. */
#include "engine/wal_writer.h"

#include <stdlib.h>

#include "base/assert.h"
#include "engine/wal_log.h"

/* Room in the queue for the digest record that may stand before a commit of the largest size. */
#define QUEUE_SLACK_BYTES 256U

enum watch_state {
    WATCH_NONE,
    WATCH_WAITING, /* the record is not stamped yet */
    WATCH_PLACED,
};

struct aero_wal_writer {
    struct aero_wal_log log;
    struct aero_wal_start start;
    aero_id nonce; /* in stock; none: to be given */
    size_t payload_max;
    enum watch_state watch;
    aero_lsn watch_lsn;
    struct aero_wal_place watch_place;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t compute_payload_max(const struct aero_wal_options *options)
{
    uint64_t fixed =
        AERO_SEGMENT_HEADER_BYTES + AERO_SEGMENT_FOOTER_BYTES + AERO_RECORD_HEADER_BYTES;
    AERO_ASSERT(options->segment_bytes >= fixed + AERO_RECORD_ALIGN);
    AERO_ASSERT(options->queue_bytes >=
                AERO_RECORD_HEADER_BYTES + QUEUE_SLACK_BYTES + AERO_RECORD_ALIGN);
    size_t segment = (size_t)((options->segment_bytes - fixed) / AERO_RECORD_ALIGN);
    size_t queue =
        (options->queue_bytes - AERO_RECORD_HEADER_BYTES - QUEUE_SLACK_BYTES) / AERO_RECORD_ALIGN;
    return least(AERO_RECORD_PAYLOAD_MAX, least(segment, queue) * AERO_RECORD_ALIGN);
}

/* ---- Groups ----------------------------------------------------------------------------------------------- */

static uint32_t group_records_max(const struct aero_wal_switches *switches)
{
    if (!switches->group_commit) {
        return 1;
    }
    return switches->wal_batching ? UINT32_MAX : AERO_WAL_GROUP_WRITES_MAX;
}

static void place_watch(struct aero_wal_writer *wal, const struct aero_wal_frontier *end)
{
    wal->watch = WATCH_PLACED;
    wal->watch_place = (struct aero_wal_place){
        .sequence = wal->log.segment.sequence, .offset = end->offset, .position = end->position};
}

/* Completes the record at `bytes` as the next behind `end`, and moves `end` behind it. */
static void stamp_record(struct aero_wal_writer *wal, uint64_t nonce64, uint8_t *bytes,
                         size_t length, struct aero_wal_frontier *end)
{
    const struct aero_wal_log *log = &wal->log;
    bool first = end->offset == AERO_SEGMENT_HEADER_BYTES;
    struct aero_record_place place = {
        .lsn = aero_lsn_next(end->position.lsn),
        .durable_mark = log->durable.position.lsn,
        .segment_nonce = nonce64,
        .prev_chain = first ? log->segment.chain0 : end->position.chain,
    };
    end->position =
        (struct aero_position){.lsn = place.lsn, .chain = aero_record_stamp(bytes, &place)};
    end->offset += length;
    end->record_count++;
    if (wal->watch == WATCH_WAITING && place.lsn.value == wal->watch_lsn.value) {
        place_watch(wal, end);
    }
}

/* Stamps and hands over one group. False: no lane is free, nothing is queued, or the segment is full. */
static bool hand_over_next(struct aero_wal_writer *wal)
{
    struct aero_wal_log *log = &wal->log;
    const struct aero_wal_switches *switches = &log->options.switches;
    struct aero_wal_group *group = aero_wal_log_free_lane(log);
    struct aero_wal_chunk *chunk = aero_wal_queue_next(&log->queue);
    if (group == NULL || chunk == NULL) {
        return false;
    }
    uint64_t limit = log->options.segment_bytes - AERO_SEGMENT_FOOTER_BYTES;
    uint64_t nonce64 = aero_segment_nonce64(log->segment.nonce);
    uint32_t records_max = group_records_max(switches);
    struct aero_wal_frontier end = log->handed;
    size_t writes[AERO_WAL_GROUP_WRITES_MAX];
    uint32_t count = 0;
    for (size_t at = chunk->taken; at < chunk->filled && count < records_max; count++) {
        size_t length = aero_record_prepared_bytes(chunk->data + at);
        if (end.offset + length > limit) {
            break;
        }
        stamp_record(wal, nonce64, chunk->data + at, length, &end);
        if (!switches->wal_batching) {
            writes[count] = length;
        }
        at += length;
    }
    if (count == 0) {
        aero_wal_log_want_successor(log); /* one record never crosses into another segment */
        return false;
    }
    if (switches->wal_batching) {
        writes[0] = (size_t)(end.offset - log->handed.offset);
        count = 1;
    }
    aero_wal_log_hand_over(log, group, chunk, &end, writes, count);
    return true;
}

/* ---- Segments --------------------------------------------------------------------------------------------- */

static struct aero_segment_header make_header(const struct aero_wal_writer *wal)
{
    const struct aero_wal_log *log = &wal->log;
    bool first = !log->has_segment; /* behind what recovery left */
    struct aero_segment_header header = {
        .cluster_id = wal->start.cluster_id,
        .epoch = wal->start.epoch,
        .incarnation = wal->start.incarnation,
        .first_lsn = aero_lsn_next(log->synced.position.lsn),
        .nonce = wal->nonce,
        .prev_sequence = first ? wal->start.prev_sequence : log->segment.sequence,
        .prev_end_offset = first ? wal->start.prev_end_offset : log->synced.offset,
        .prev_end = log->synced.position,
    };
    header.sequence = header.prev_sequence + 1;
    return header;
}

static void begin_successor(struct aero_wal_writer *wal)
{
    struct aero_wal_log *log = &wal->log;
    struct aero_segment_header header = make_header(wal);
    struct aero_segment_footer footer = {
        .sequence = log->segment.sequence,
        .end_offset = log->synced.offset,
        .end = log->synced.position,
        .record_count = log->synced.record_count,
        .segment_nonce = aero_segment_nonce64(log->segment.nonce),
    };
    uint8_t raw_header[AERO_SEGMENT_HEADER_BYTES];
    uint8_t raw_footer[AERO_SEGMENT_FOOTER_BYTES];
    aero_segment_header_encode(&header, raw_header);
    aero_segment_footer_encode(&footer, raw_footer);
    bool seal = log->has_segment && log->may_seal;
    aero_wal_log_begin(log, &header, raw_header, seal ? raw_footer : NULL);
    wal->nonce = (aero_id){{0}};
}

static void pump(struct aero_wal_writer *wal)
{
    const struct aero_wal_log *log = &wal->log;
    if (wal->watch == WATCH_WAITING && log->has_segment &&
        log->handed.position.lsn.value == wal->watch_lsn.value) {
        place_watch(wal, &log->handed); /* it was handed over before it was watched */
    }
    while (hand_over_next(wal)) {
    }
    if (aero_wal_log_is_ready_for_successor(&wal->log) && !aero_id_is_none(wal->nonce)) {
        begin_successor(wal);
    }
    aero_wal_log_pump(&wal->log);
}

/* ---- The interface ---------------------------------------------------------------------------------------- */

struct aero_wal_writer *aero_wal_new(const struct aero_wal_options *options,
                                     const struct aero_wal_start *start)
{
    struct aero_wal_writer *wal = aero_calloc(1, sizeof *wal);
    AERO_ASSERT(!aero_id_is_none(start->nonce));
    wal->start = *start;
    wal->nonce = start->nonce;
    wal->watch = WATCH_NONE;
    wal->payload_max = compute_payload_max(options);
    aero_wal_log_init(&wal->log, options, start->end, start->proof_generation);
    aero_wal_log_want_successor(&wal->log);
    pump(wal);
    return wal;
}

void aero_wal_free(struct aero_wal_writer *wal)
{
    if (wal != NULL) {
        aero_wal_log_deinit(&wal->log);
        free(wal);
    }
}

size_t aero_wal_payload_max(const struct aero_wal_writer *wal)
{
    return wal->payload_max;
}

bool aero_wal_has_room(const struct aero_wal_writer *wal, size_t payload_length)
{
    return wal->log.queue.bytes + aero_record_bytes(payload_length) <= wal->log.options.queue_bytes;
}

bool aero_wal_is_open(const struct aero_wal_writer *wal)
{
    return aero_wal_log_is_open(&wal->log);
}

aero_lsn aero_wal_append(struct aero_wal_writer *wal, enum aero_record_type type,
                         struct aero_slice payload)
{
    struct aero_wal_log *log = &wal->log;
    AERO_ASSERT(aero_wal_log_is_open(log));
    AERO_ASSERT(payload.length <= wal->payload_max);
    AERO_ASSERT(aero_wal_has_room(wal, payload.length));
    size_t bytes = aero_record_bytes(payload.length);
    aero_record_prepare(type, payload, aero_wal_queue_reserve(&log->queue, bytes));
    aero_wal_queue_fill(&log->queue, bytes);
    log->last_lsn = aero_lsn_next(log->last_lsn);
    return log->last_lsn;
}

void aero_wal_submit(struct aero_wal_writer *wal)
{
    pump(wal);
}

bool aero_wal_is_gathering(struct aero_wal_writer *wal)
{
    return aero_wal_queue_next(&wal->log.queue) != NULL &&
           aero_wal_log_free_lane(&wal->log) != NULL;
}

aero_lsn aero_wal_last_lsn(const struct aero_wal_writer *wal)
{
    return wal->log.last_lsn;
}

struct aero_wal_place aero_wal_durable(const struct aero_wal_writer *wal)
{
    return wal->log.durable;
}

void aero_wal_watch(struct aero_wal_writer *wal, aero_lsn lsn)
{
    AERO_ASSERT(lsn.value == wal->log.last_lsn.value);
    wal->watch = WATCH_WAITING;
    wal->watch_lsn = lsn;
    pump(wal);
}

bool aero_wal_watched(const struct aero_wal_writer *wal, struct aero_wal_place *out_place)
{
    if (wal->watch != WATCH_PLACED || wal->log.durable.position.lsn.value < wal->watch_lsn.value) {
        return false;
    }
    *out_place = wal->watch_place;
    return true;
}

bool aero_wal_needs_nonce(const struct aero_wal_writer *wal)
{
    return aero_id_is_none(wal->nonce) && wal->log.state != AERO_WAL_LOG_CLOSED;
}

void aero_wal_give_nonce(struct aero_wal_writer *wal, aero_id nonce)
{
    AERO_ASSERT(!aero_id_is_none(nonce));
    AERO_ASSERT(aero_id_is_none(wal->nonce));
    wal->nonce = nonce;
    pump(wal);
}

const struct aero_disk_request *aero_wal_next_request(struct aero_wal_writer *wal)
{
    return aero_wal_log_next_request(&wal->log);
}

void aero_wal_on_completion(struct aero_wal_writer *wal,
                            const struct aero_disk_completion *completion)
{
    aero_wal_log_on_completion(&wal->log, completion);
    pump(wal);
}

bool aero_wal_take_failure(struct aero_wal_writer *wal, struct aero_wal_failure *out_failure)
{
    if (!aero_wal_log_take_failure(&wal->log, out_failure)) {
        return false;
    }
    if (wal->watch_lsn.value > out_failure->durable.value) {
        wal->watch = WATCH_NONE;
    }
    return true;
}

void aero_wal_retry(struct aero_wal_writer *wal)
{
    aero_wal_log_retry(&wal->log);
    pump(wal);
}

void aero_wal_close(struct aero_wal_writer *wal, aero_status reason, const char *file,
                    const char *call)
{
    aero_wal_log_close(&wal->log, reason, file, call);
}

bool aero_wal_take_new_segment(struct aero_wal_writer *wal, struct aero_wal_segment *out_segment)
{
    bool taken = aero_wal_log_take_new_segment(&wal->log, out_segment);
    pump(wal); /* the next one may have waited for it */
    return taken;
}

bool aero_wal_give_recycled(struct aero_wal_writer *wal, const char *name)
{
    bool taken = aero_wal_log_give_recycled(&wal->log, name);
    pump(wal);
    return taken;
}

void aero_wal_flush_proof(struct aero_wal_writer *wal)
{
    aero_wal_log_flush_proof(&wal->log);
    pump(wal);
}

bool aero_wal_is_idle(const struct aero_wal_writer *wal)
{
    return aero_wal_log_is_idle(&wal->log);
}
