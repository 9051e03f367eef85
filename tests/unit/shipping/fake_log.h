/* SPDX-License-Identifier: Apache-2.0 */
/* A node's log in memory, made with the engine's own encoders: what a primary has on disk, or what
 * a replica says that it has. Numbers instead of random ids, so that a failing test can be read. */
#ifndef AERO_TESTS_SHIPPING_FAKE_LOG_H
#define AERO_TESTS_SHIPPING_FAKE_LOG_H

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "shipping/handshake.h"
#include "shipping/view.h"
#include "tests/unit/cmocka_setup.h"

#define FAKE_SEGMENTS_MAX 8U

struct fake_log {
    aero_id cluster_id;
    aero_id node_id;
    char node_name[AERO_NODE_NAME_MAX];
    struct aero_history history;
    struct aero_wal_file files[FAKE_SEGMENTS_MAX];
    struct aero_buffer bytes[FAKE_SEGMENTS_MAX];
    size_t file_count;
    struct aero_wal_place end;
    uint64_t prev_chain;
    struct aero_snapshot_entry snapshots[2];
    size_t snapshot_count;
    struct aero_buffer snapshot_bytes;
    bool fenced;
};

static inline aero_id fake_id(unsigned number)
{
    aero_id id = {{0}};
    snprintf((char *)id.bytes, sizeof id.bytes, "id-%u", number);
    return id;
}

static inline void fake_log_init(struct fake_log *log, unsigned node, const char *name)
{
    *log = (struct fake_log){.cluster_id = fake_id(1), .node_id = fake_id(node)};
    snprintf(log->node_name, sizeof log->node_name, "%s", name);
}

static inline void fake_log_deinit(struct fake_log *log)
{
    aero_history_deinit(&log->history);
    for (size_t i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        aero_buffer_deinit(&log->bytes[i]);
    }
    aero_buffer_deinit(&log->snapshot_bytes);
}

/* The same bytes on another node: a replica that holds all of it. */
static inline void fake_log_copy(struct fake_log *copy, const struct fake_log *from, unsigned node,
                                 const char *name)
{
    fake_log_init(copy, node, name);
    aero_history_copy(&copy->history, &from->history);
    memcpy(copy->files, from->files, sizeof copy->files);
    copy->file_count = from->file_count;
    for (size_t i = 0; i < FAKE_SEGMENTS_MAX; i++) {
        aero_buffer_append_slice(&copy->bytes[i], aero_buffer_slice(&from->bytes[i]));
    }
    copy->end = from->end;
    copy->prev_chain = from->prev_chain;
}

/* A start as primary: an incarnation from where the log ends. */
static inline void fake_log_start(struct fake_log *log, unsigned incarnation, uint64_t epoch)
{
    struct aero_incarnation entry = {.epoch = {.value = epoch},
                                     .nonce = fake_id(incarnation),
                                     .node_id = log->node_id,
                                     .start = log->end.position};
    snprintf(entry.node_name, sizeof entry.node_name, "%s", log->node_name);
    assert_true(aero_is_ok(aero_history_add_incarnation(&log->history, &entry)));
}

static inline void fake_log_begin(struct fake_log *log, unsigned nonce)
{
    const struct aero_incarnation *incarnation =
        &log->history.incarnations[log->history.incarnation_count - 1];
    struct aero_wal_file *file = &log->files[log->file_count];
    assert_true(log->file_count < FAKE_SEGMENTS_MAX);
    *file = (struct aero_wal_file){.header = {.cluster_id = log->cluster_id,
                                              .epoch = incarnation->epoch,
                                              .incarnation = incarnation->nonce,
                                              .sequence = log->end.sequence + 1,
                                              .first_lsn = aero_lsn_next(log->end.position.lsn),
                                              .nonce = fake_id(nonce),
                                              .prev_sequence = log->end.sequence,
                                              .prev_end_offset = log->end.offset,
                                              .prev_end = log->end.position},
                                   .end_offset = AERO_SEGMENT_HEADER_BYTES,
                                   .end = log->end.position};
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES] = {0};
    aero_segment_header_encode(&file->header, raw);
    aero_segment_name(file->header.first_lsn, file->header.sequence, file->name);
    aero_buffer_append(&log->bytes[log->file_count], raw, sizeof raw);
    log->file_count++;
    log->end = (struct aero_wal_place){.sequence = file->header.sequence,
                                       .offset = AERO_SEGMENT_HEADER_BYTES,
                                       .position = log->end.position};
    log->prev_chain = file->header.chain0;
    struct aero_segment_start start = {.sequence = file->header.sequence,
                                       .before = file->header.prev_end,
                                       .nonce = file->header.nonce,
                                       .incarnation = file->header.incarnation};
    aero_history_add_segment(&log->history, &start);
}

/* One record of `payload_bytes` bytes, each `fill`. */
static inline void fake_log_append(struct fake_log *log, size_t payload_bytes, uint8_t fill)
{
    struct aero_wal_file *file = &log->files[log->file_count - 1];
    struct aero_buffer *bytes = &log->bytes[log->file_count - 1];
    size_t length = aero_record_bytes(payload_bytes);
    uint8_t *raw = aero_calloc(1, length);
    memset(raw + AERO_RECORD_HEADER_BYTES, fill, payload_bytes);
    struct aero_record_header header = {
        .type = AERO_RECORD_COMMIT,
        .payload_length = (uint32_t)payload_bytes,
        .lsn = aero_lsn_next(log->end.position.lsn),
        .durable_mark = log->end.position.lsn,
        .segment_nonce = aero_segment_nonce64(file->header.nonce),
        .prev_chain = log->prev_chain,
        .payload_hash =
            aero_checksum64(aero_slice_of(raw + AERO_RECORD_HEADER_BYTES, payload_bytes)),
    };
    aero_record_encode(&header, raw);
    aero_buffer_append(bytes, raw, length);
    free(raw);
    log->end.offset += length;
    log->end.position = (struct aero_position){.lsn = header.lsn, .chain = header.chain};
    log->prev_chain = header.chain;
    file->end_offset = log->end.offset;
    file->end = log->end.position;
    file->record_count++;
}

static inline void fake_log_append_many(struct fake_log *log, unsigned count, size_t payload_bytes)
{
    for (unsigned i = 0; i < count; i++) {
        fake_log_append(log, payload_bytes, (uint8_t)(log->end.position.lsn.value * 7));
    }
}

static inline void fake_log_seal(struct fake_log *log)
{
    struct aero_wal_file *file = &log->files[log->file_count - 1];
    struct aero_segment_footer footer = {.sequence = file->header.sequence,
                                         .end_offset = file->end_offset,
                                         .end = file->end,
                                         .record_count = file->record_count,
                                         .segment_nonce = aero_segment_nonce64(file->header.nonce)};
    uint8_t raw[AERO_SEGMENT_FOOTER_BYTES] = {0};
    aero_segment_footer_encode(&footer, raw);
    aero_buffer_append(&log->bytes[log->file_count - 1], raw, sizeof raw);
    file->sealed = true;
}

static inline struct aero_shipping_source fake_log_source(const struct fake_log *log)
{
    struct aero_shipping_source source = {
        .cluster_id = log->cluster_id,
        .node_id = log->node_id,
        .epoch = log->history.incarnations[log->history.incarnation_count - 1].epoch,
        .history = &log->history,
        .files = log->files,
        .file_count = log->file_count,
        .snapshots = log->snapshots,
        .snapshot_count = log->snapshot_count,
        .fenced = log->fenced};
    snprintf(source.node_name, sizeof source.node_name, "%s", log->node_name);
    return source;
}

/* Where the record `lsn` ends. */
static inline struct aero_wal_place fake_log_place(const struct fake_log *log, uint64_t lsn)
{
    for (size_t i = log->file_count; i > 0; i--) {
        const struct aero_wal_file *file = &log->files[i - 1];
        if (file->header.prev_end.lsn.value > lsn) {
            continue;
        }
        struct aero_wal_place place = {.sequence = file->header.sequence,
                                       .offset = AERO_SEGMENT_HEADER_BYTES,
                                       .position = file->header.prev_end};
        while (place.position.lsn.value < lsn) {
            struct aero_record_header record;
            assert_true(place.offset < file->end_offset);
            assert_true(aero_is_ok(aero_record_decode(
                aero_slice_of(log->bytes[i - 1].data + place.offset, AERO_RECORD_HEADER_BYTES),
                &record)));
            place.offset += aero_record_bytes(record.payload_length);
            place.position = (struct aero_position){.lsn = record.lsn, .chain = record.chain};
        }
        return place;
    }
    fail_msg("no such LSN");
    return log->end;
}

static inline const struct aero_wal_file *fake_log_file(const struct fake_log *log,
                                                        uint64_t sequence)
{
    for (size_t i = 0; i < log->file_count; i++) {
        if (log->files[i].header.sequence == sequence) {
            return &log->files[i];
        }
    }
    return NULL;
}

/* What the node says when its durable log ends at `end`. `history` holds the encoded list and must
 * outlive it. */
static inline struct aero_message_hello
fake_log_hello(const struct fake_log *log, struct aero_wal_place end, struct aero_buffer *history)
{
    aero_buffer_clear(history);
    aero_handshake_encode_history(&log->history, history);
    const struct aero_wal_file *file = fake_log_file(log, end.sequence);
    assert_non_null(file);
    struct aero_message_hello hello = {
        .protocol_version = AERO_PROTOCOL_VERSION,
        .cluster_id = log->cluster_id,
        .node_id = log->node_id,
        .epoch = log->history.incarnations[log->history.incarnation_count - 1].epoch,
        .history = aero_buffer_slice(history),
        .end_sequence = end.sequence,
        .end_offset = end.offset,
        .end = end.position,
        .end_sealed = file->sealed && end.offset == file->end_offset,
        .segment_sequence = end.sequence,
        .segment_before = file->header.prev_end,
        .segment_nonce = file->header.nonce,
        .segment_incarnation = file->header.incarnation,
        .tail_streaming = true,
    };
    snprintf(hello.node_name, sizeof hello.node_name, "%s", log->node_name);
    return hello;
}

/* Reads from the log's files as a host would. */
static inline aero_status fake_log_read(const struct fake_log *log, const char *name,
                                        uint64_t offset, uint8_t *into, size_t length,
                                        size_t *out_read)
{
    const struct aero_buffer *bytes = &log->snapshot_bytes;
    bool found = strncmp(name, "snapshots/", 10) == 0;
    for (size_t i = 0; i < log->file_count; i++) {
        if (strcmp(log->files[i].name, name) == 0) {
            bytes = &log->bytes[i];
            found = true;
        }
    }
    if (!found) {
        return aero_error(AERO_NOT_FOUND);
    }
    size_t left = offset < bytes->length ? bytes->length - (size_t)offset : 0;
    *out_read = left < length ? left : length;
    if (*out_read > 0) {
        memcpy(into, bytes->data + offset, *out_read);
    }
    return aero_ok();
}

/* Segment 1 sealed, 2 cut, 3 open after a restart: 14 records of several sizes. */
static inline void fake_log_grow(struct fake_log *log)
{
    fake_log_start(log, 100, 1);
    fake_log_begin(log, 201);
    fake_log_append_many(log, 5, 100);
    fake_log_seal(log);
    fake_log_begin(log, 202);
    fake_log_append_many(log, 4, 40);
    fake_log_start(log, 101, 1);
    fake_log_begin(log, 203);
    fake_log_append_many(log, 5, 9);
}

/* Truncation: the oldest `count` files are gone. */
static inline void fake_log_truncate(struct fake_log *log, size_t count)
{
    for (size_t i = 0; i + count < log->file_count; i++) {
        struct aero_buffer gone = log->bytes[i];
        log->files[i] = log->files[i + count];
        log->bytes[i] = log->bytes[i + count];
        log->bytes[i + count] = gone;
    }
    log->file_count -= count;
}

#endif
