/* SPDX-License-Identifier: Apache-2.0 */
/* WAL bytes become actions only as whole records that verify in their place. A record that a chunk
 * cuts waits in `partial`, alone: once it is whole and verified, it is moved behind the others.
 * Records of one segment that arrive together leave as one action, so that the owner writes and
 * syncs once a gulp. */
#include <inttypes.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "shipping/receiver_priv.h"

/* ---- Segments ---- */

static bool is_known_incarnation(const struct aero_receiver *receiver, aero_id incarnation)
{
    return aero_history_find(&receiver->history, incarnation) != NULL;
}

/* Whether this header goes on where my log ends; says what is wrong otherwise. */
static bool follows_log(struct aero_receiver *receiver, const struct aero_segment_header *header)
{
    const struct aero_receiver_log *log = &receiver->log;
    if (log->end.sequence == 0) {
        /* Nothing yet but a snapshot's state, or nothing at all: it must begin at or before it. */
        const struct aero_position state = receiver->hello.end;
        bool begins_before = header->prev_end.lsn.value <= state.lsn.value;
        bool agrees = header->prev_end.lsn.value != state.lsn.value ||
                      aero_position_equal(header->prev_end, state);
        if (header->sequence != receiver->verdict.as.verdict.resume_sequence || !begins_before) {
            aero_receiver_doubt(receiver, AERO_HALT_GAP,
                                "segment %" PRIu64 " begins at LSN %" PRIu64 ", behind LSN %" PRIu64
                                " where the state ends",
                                header->sequence, header->first_lsn.value, state.lsn.value);
            return false;
        }
        if (!agrees) {
            aero_receiver_doubt(receiver, AERO_HALT_DIVERGED,
                                "segment %" PRIu64 " continues another LSN %" PRIu64
                                " than the one here",
                                header->sequence, state.lsn.value);
        }
        return agrees;
    }
    if (header->sequence != log->end.sequence + 1 || header->prev_sequence != log->end.sequence ||
        header->prev_end_offset != log->end.offset ||
        header->prev_end.lsn.value != log->end.position.lsn.value) {
        aero_receiver_doubt(receiver, AERO_HALT_GAP,
                            "segment %" PRIu64 " says that segment %" PRIu64
                            " ends at offset %" PRIu64 ", LSN %" PRIu64 "; here segment %" PRIu64
                            " ends at offset %" PRIu64 ", LSN %" PRIu64,
                            header->sequence, header->prev_sequence, header->prev_end_offset,
                            header->prev_end.lsn.value, log->end.sequence, log->end.offset,
                            log->end.position.lsn.value);
        return false;
    }
    if (!aero_position_equal(header->prev_end, log->end.position)) {
        aero_receiver_doubt(receiver, AERO_HALT_DIVERGED,
                            "segment %" PRIu64 " continues another LSN %" PRIu64
                            " than the one here",
                            header->sequence, log->end.position.lsn.value);
        return false;
    }
    return true;
}

void aero_receiver_take_segment(struct aero_receiver *receiver, struct aero_slice raw)
{
    struct aero_segment_header header;
    if (!aero_is_ok(aero_segment_header_decode(raw, &header))) {
        aero_receiver_doubt(receiver, AERO_HALT_STREAM_DAMAGED,
                            "the primary sent a segment header that does not verify");
        return;
    }
    if (!aero_id_equal(header.cluster_id, receiver->verdict.as.verdict.cluster_id)) {
        aero_receiver_doubt(receiver, AERO_HALT_WRONG_CLUSTER,
                            "segment %" PRIu64 " belongs to another cluster", header.sequence);
        return;
    }
    if (receiver->partial.length > 0) {
        aero_receiver_doubt(receiver, AERO_HALT_GAP,
                            "segment %" PRIu64 " begins inside the record behind LSN %" PRIu64,
                            header.sequence, receiver->log.end.position.lsn.value);
        return;
    }
    if (!is_known_incarnation(receiver, header.incarnation)) {
        aero_receiver_fault(receiver,
                            "segment %" PRIu64 " is of an incarnation that the primary did not "
                            "tell of",
                            header.sequence);
        return;
    }
    if (!follows_log(receiver, &header)) {
        return;
    }
    receiver->log = (struct aero_receiver_log){
        .end = {.sequence = header.sequence,
                .offset = AERO_SEGMENT_HEADER_BYTES,
                .position = header.prev_end},
        .prev_chain = header.chain0,
        .nonce64 = aero_segment_nonce64(header.nonce),
        .counts = true,
    };
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_BEGIN_SEGMENT,
                                      .end = receiver->log.end};
    aero_receiver_push(receiver, &item, raw);
}

void aero_receiver_take_seal(struct aero_receiver *receiver, struct aero_slice raw)
{
    struct aero_receiver_log *log = &receiver->log;
    struct aero_segment_footer footer;
    bool sound = aero_is_ok(aero_segment_footer_decode(raw, &footer));
    bool belongs = sound && receiver->partial.length == 0 && !log->sealed &&
                   footer.sequence == log->end.sequence && footer.end_offset == log->end.offset &&
                   aero_position_equal(footer.end, log->end.position) &&
                   footer.segment_nonce == log->nonce64 &&
                   (!log->counts || footer.record_count == log->record_count);
    if (!belongs) {
        aero_receiver_doubt(receiver,
                            sound && footer.end.lsn.value > log->end.position.lsn.value
                                ? AERO_HALT_GAP
                                : AERO_HALT_STREAM_DAMAGED,
                            "the primary sent a footer that does not seal segment %" PRIu64
                            " at offset %" PRIu64 ", LSN %" PRIu64,
                            log->end.sequence, log->end.offset, log->end.position.lsn.value);
        return;
    }
    log->sealed = true;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_SEAL, .end = log->end};
    aero_receiver_push(receiver, &item, raw);
}

/* ---- Records ---- */

static void doubt_record(struct aero_receiver *receiver, struct aero_slice bytes)
{
    const struct aero_receiver_log *log = &receiver->log;
    struct aero_record_header record;
    aero_lsn after = log->end.position.lsn;
    bool alone = aero_is_ok(aero_record_decode(bytes, &record));
    if (alone && record.segment_nonce == log->nonce64 && record.lsn.value != after.value + 1) {
        aero_receiver_doubt(receiver, AERO_HALT_GAP,
                            "LSN %" PRIu64 " arrived where LSN %" PRIu64 " was due",
                            record.lsn.value, after.value + 1);
    } else if (alone && record.segment_nonce == log->nonce64 &&
               record.prev_chain != log->prev_chain) {
        aero_receiver_doubt(receiver, AERO_HALT_DIVERGED,
                            "LSN %" PRIu64 " follows another LSN %" PRIu64 " than the one here",
                            record.lsn.value, after.value);
    } else {
        aero_receiver_doubt(receiver, AERO_HALT_STREAM_DAMAGED,
                            "the bytes behind LSN %" PRIu64 " at offset %" PRIu64
                            " of segment %" PRIu64 " do not verify as a record",
                            after.value, log->end.offset, log->end.sequence);
    }
}

/* The state that a snapshot gave must be the one that the WAL leads to (decision 12). */
static bool agrees_with_state(struct aero_receiver *receiver,
                              const struct aero_record_header *record)
{
    struct aero_position state = receiver->hello.end;
    bool agrees = record->lsn.value != state.lsn.value || record->chain == state.chain;
    if (!agrees) {
        aero_receiver_doubt(receiver, AERO_HALT_DIVERGED,
                            "LSN %" PRIu64 " in the WAL is another one than the state was built "
                            "from",
                            record->lsn.value);
    }
    return agrees;
}

/* Verifies one record in its place and moves the log's end over it. AERO_INCOMPLETE: it is cut, so
 * far it is sound. */
static aero_status take_record(struct aero_receiver *receiver, struct aero_slice bytes,
                               size_t *out_bytes)
{
    struct aero_receiver_log *log = &receiver->log;
    struct aero_record_header record;
    struct aero_slice payload;
    struct aero_position before = {.lsn = log->end.position.lsn, .chain = log->prev_chain};
    aero_status status = aero_record_verify(bytes, log->nonce64, before, &record, &payload);
    if (status.code == AERO_INCOMPLETE) {
        return status;
    }
    if (!aero_is_ok(status)) {
        doubt_record(receiver, bytes);
        return status;
    }
    if (!agrees_with_state(receiver, &record)) {
        return aero_error(AERO_MISMATCH);
    }
    *out_bytes = aero_record_bytes(record.payload_length);
    log->end.offset += *out_bytes;
    log->end.position = (struct aero_position){.lsn = record.lsn, .chain = record.chain};
    log->prev_chain = record.chain;
    log->record_count++;
    return aero_ok();
}

/* Takes what makes the record in `partial` whole; false when it is still cut, or in doubt. */
static bool complete_partial(struct aero_receiver *receiver, struct aero_slice *rest)
{
    struct aero_buffer *partial = &receiver->partial;
    struct aero_wal_place before = receiver->log.end;
    size_t needed = AERO_RECORD_HEADER_BYTES;
    for (;;) {
        if (partial->length >= AERO_RECORD_HEADER_BYTES) {
            struct aero_record_header record; /* was sound: else nothing would wait for its rest */
            AERO_ASSERT(aero_is_ok(aero_record_decode(aero_buffer_slice(partial), &record)));
            needed = aero_record_bytes(record.payload_length);
        }
        AERO_ASSERT(needed > partial->length);
        size_t missing = needed - partial->length;
        size_t count = missing < rest->length ? missing : rest->length;
        aero_buffer_append(partial, rest->data, count);
        *rest = aero_slice_of(rest->data + count, rest->length - count);
        if (partial->length < AERO_RECORD_HEADER_BYTES) {
            return false;
        }
        size_t bytes;
        aero_status status = take_record(receiver, aero_buffer_slice(partial), &bytes);
        if (aero_is_ok(status)) {
            AERO_ASSERT(bytes == partial->length);
            struct aero_receiver_item item = {
                .kind = AERO_RECEIVER_RECORDS, .record_count = 1, .end = receiver->log.end};
            aero_receiver_push(receiver, &item, aero_buffer_slice(partial));
            aero_buffer_clear(partial);
            return true;
        }
        if (status.code != AERO_INCOMPLETE || rest->length == 0) {
            AERO_ASSERT(receiver->log.end.offset == before.offset);
            return false;
        }
    }
}

void aero_receiver_take_chunk(struct aero_receiver *receiver, struct aero_slice payload)
{
    struct aero_receiver_log *log = &receiver->log;
    uint64_t sequence;
    uint64_t offset;
    struct aero_slice rest;
    aero_frame_chunk(payload, &sequence, &offset, &rest);
    receiver->arrived_bytes += rest.length;
    receiver->received_bytes += rest.length;
    if (receiver->arrived_bytes > receiver->granted_bytes) {
        aero_receiver_fault(receiver, "the primary sent more than it was granted");
        return;
    }
    if (log->end.sequence == 0 || sequence != log->end.sequence || log->sealed ||
        offset != log->end.offset + receiver->partial.length) {
        aero_receiver_doubt(receiver, AERO_HALT_GAP,
                            "bytes of segment %" PRIu64 ", offset %" PRIu64
                            " arrived where segment %" PRIu64 ", offset %" PRIu64 " was due",
                            sequence, offset, log->end.sequence,
                            log->end.offset + receiver->partial.length);
        return;
    }
    if (receiver->partial.length > 0 && !complete_partial(receiver, &rest)) {
        return;
    }
    struct aero_slice whole = aero_slice_of(rest.data, 0);
    uint64_t record_count = 0;
    aero_status status = aero_ok();
    while (aero_is_ok(status) && rest.length > whole.length) {
        size_t bytes = 0;
        status = take_record(
            receiver, aero_slice_of(rest.data + whole.length, rest.length - whole.length), &bytes);
        whole.length += bytes;
        record_count += aero_is_ok(status);
    }
    if (record_count > 0) {
        struct aero_receiver_item item = {
            .kind = AERO_RECEIVER_RECORDS, .record_count = record_count, .end = log->end};
        aero_receiver_push(receiver, &item, whole);
    }
    if (status.code == AERO_INCOMPLETE) {
        aero_buffer_append(&receiver->partial, rest.data + whole.length,
                           rest.length - whole.length);
    }
}

/* ---- Snapshots ---- */

void aero_receiver_take_snapshot_chunk(struct aero_receiver *receiver, struct aero_slice payload)
{
    uint64_t offset;
    uint64_t reserved;
    struct aero_slice bytes;
    uint64_t size_bytes = receiver->verdict.as.verdict.snapshot.size_bytes;
    aero_frame_chunk(payload, &offset, &reserved, &bytes);
    if (reserved != 0 || offset != receiver->snapshot_offset ||
        bytes.length > size_bytes - offset) {
        aero_receiver_fault(receiver, "a piece of the snapshot that was not due");
        return;
    }
    receiver->arrived_bytes += bytes.length;
    receiver->received_bytes += bytes.length;
    if (receiver->arrived_bytes > receiver->granted_bytes) {
        aero_receiver_fault(receiver, "the primary sent more than it was granted");
        return;
    }
    receiver->snapshot_offset += bytes.length;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_SNAPSHOT_BYTES,
                                      .snapshot_offset = offset};
    aero_receiver_push(receiver, &item, bytes);
}

void aero_receiver_take_snapshot_end(struct aero_receiver *receiver)
{
    if (receiver->snapshot_offset != receiver->verdict.as.verdict.snapshot.size_bytes) {
        aero_receiver_fault(receiver, "the snapshot ended early");
        return;
    }
    receiver->state = AERO_RECEIVER_INSTALLING;
    struct aero_receiver_item item = {.kind = AERO_RECEIVER_SNAPSHOT_END};
    aero_receiver_push(receiver, &item, aero_slice_of(NULL, 0));
}
