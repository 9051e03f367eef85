/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds a follower with what a writer's files hold, as a receiver would: only durable bytes, in order, from where the
 * follower stands. */
#ifndef AERO_TESTS_WAL_FEED_H
#define AERO_TESTS_WAL_FEED_H

#include "tests/unit/engine/wal_harness.h"

static inline const struct aero_wal_segment *feed_segment(const struct harness *writer,
                                                          uint64_t sequence)
{
    for (size_t i = 0; i < writer->segment_count; i++) {
        if (writer->segments[i].header.sequence == sequence) {
            return &writer->segments[i];
        }
    }
    return NULL;
}

/* The end of that segment as far as it is durable on the writer. */
static inline uint64_t feed_end(const struct harness *writer, uint64_t sequence)
{
    const struct aero_wal_segment *next = feed_segment(writer, sequence + 1);
    struct aero_wal_place durable = aero_wal_durable(writer->wal);
    return next != NULL ? next->header.prev_end_offset : durable.offset;
}

static inline void feed_records(struct harness *writer, struct harness *replica,
                                struct aero_wal_place from, uint64_t end, unsigned records_max)
{
    const struct aero_wal_segment *segment = feed_segment(writer, from.sequence);
    const uint8_t *data = memory_find(&writer->disk, segment->name)->bytes.data;
    struct aero_position before = from.position;
    uint64_t offset = from.offset;
    uint64_t count = 0;
    if (offset == AERO_SEGMENT_HEADER_BYTES) {
        before.chain = segment->header.chain0;
    }
    while (offset < end && count < records_max) {
        struct aero_record_header header;
        struct aero_slice payload;
        aero_status status = aero_record_verify(
            aero_slice_of(data + offset, (size_t)(end - offset)),
            aero_segment_nonce64(segment->header.nonce), before, &header, &payload);
        AERO_ASSERT(aero_is_ok(status));
        before = (struct aero_position){.lsn = header.lsn, .chain = header.chain};
        offset += aero_record_bytes(header.payload_length);
        count++;
    }
    struct aero_slice raw = aero_slice_of(data + from.offset, (size_t)(offset - from.offset));
    if (aero_wal_follower_has_room(replica->follower, raw.length)) {
        aero_wal_follower_append(replica->follower, raw, count, before);
    }
}

static inline void feed_segment_change(struct harness *writer, struct harness *replica,
                                       const struct aero_wal_segment *next, uint64_t end)
{
    const uint8_t *header = memory_find(&writer->disk, next->name)->bytes.data;
    if (!aero_wal_follower_has_room(replica->follower, AERO_SEGMENT_HEADER_BYTES)) {
        return;
    }
    if (next->prev_sealed && next->header.prev_sequence != 0 && end != 0) {
        const struct aero_wal_segment *segment = feed_segment(writer, next->header.prev_sequence);
        const uint8_t *data = memory_find(&writer->disk, segment->name)->bytes.data;
        aero_wal_follower_seal(replica->follower,
                               aero_slice_of(data + end, AERO_SEGMENT_FOOTER_BYTES));
    }
    aero_wal_follower_begin(replica->follower, &next->header,
                            aero_slice_of(header, AERO_SEGMENT_HEADER_BYTES));
}

/* One step: some records, or the change to the next segment. False when the follower has all, or no room. */
static inline bool feed_step(struct harness *writer, struct harness *replica, unsigned records_max)
{
    struct aero_wal_place at = aero_wal_follower_received(replica->follower);
    struct aero_wal_place durable = aero_wal_durable(writer->wal);
    if (at.sequence != 0) {
        uint64_t end = feed_end(writer, at.sequence);
        if (at.offset < end) {
            feed_records(writer, replica, at, end, records_max);
        } else if (at.sequence < durable.sequence) {
            feed_segment_change(writer, replica, feed_segment(writer, at.sequence + 1), end);
        }
    } else if (durable.sequence != 0) {
        feed_segment_change(writer, replica, feed_segment(writer, 1), 0);
    }
    struct aero_wal_place now = aero_wal_follower_received(replica->follower);
    return now.sequence != at.sequence || now.offset != at.offset;
}

/* Every durable byte of the follower's segments is the writer's, at the same place (REP-2). */
static inline bool feed_is_prefix(struct harness *writer, struct harness *replica)
{
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    for (size_t i = 0; i < replica->segment_count; i++) {
        const struct aero_wal_segment *segment = &replica->segments[i];
        if (segment->header.sequence > durable.sequence) {
            break;
        }
        const struct memory_file *mine = memory_find(&replica->disk, segment->name);
        const struct memory_file *theirs = memory_find(&writer->disk, segment->name);
        uint64_t end = segment->header.sequence == durable.sequence
                           ? durable.offset
                           : feed_end(writer, segment->header.sequence);
        if (mine == NULL || theirs == NULL || mine->bytes.length < end ||
            memcmp(mine->bytes.data, theirs->bytes.data, (size_t)end) != 0) {
            return false;
        }
    }
    return true;
}

#endif
