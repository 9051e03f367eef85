/* SPDX-License-Identifier: Apache-2.0 */
/* Reads, verifies, ships. One read is planned at a time; what it brought is verified as WAL before
 * one byte of it goes into the output (decision 24), and the next is planned only when all of it
 * went.
 *
 * How far: a segment that has a successor ends where the successor's header says (a footer may
 * stand there: then the segment was sealed, else it was cut). The newest ends at the durable place.
 * The header of a segment, and with it the footer of the one before, goes out only when a durable
 * record stands behind the header, in this segment or in a later one: until then a crash of this
 * primary may replace both (decision 14), or an operator who brings lost records back (7), and a
 * replica must not hold what its primary may take back. */
#include "shipping/sender_priv.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/segment.h"
#include "engine/snapshot.h"

void aero_sender_plan_read(struct aero_sender *sender, enum aero_sender_purpose purpose,
                           const char *name, uint64_t offset, size_t length)
{
    AERO_ASSERT(sender->purpose == AERO_READ_NONE);
    AERO_ASSERT(!sender->read_is_out);
    AERO_ASSERT(sender->ready_at == sender->ready_end);
    aero_buffer_clear(&sender->bytes);
    if (length <= AERO_SENDER_READ_BYTES && sender->bytes.capacity > 2 * AERO_SENDER_READ_BYTES) {
        aero_buffer_deinit(&sender->bytes); /* a record of 32 MiB is behind us */
    }
    sender->purpose = purpose;
    sender->read = (struct aero_sender_read){
        .offset = offset, .length = length, .into = aero_buffer_reserve(&sender->bytes, length)};
    snprintf(sender->read.name, sizeof sender->read.name, "%s", name);
    sender->ready_at = 0;
    sender->ready_end = 0;
    sender->ready_offset = offset;
}

static const struct aero_wal_file *find_file(const struct aero_sender *sender, uint64_t sequence)
{
    return aero_shipping_find_file(aero_sender_source(sender), sequence);
}

/* A durable record stands behind the header of `sequence`: it is part of the log for good. */
static bool is_established(const struct aero_sender *sender, uint64_t sequence)
{
    const struct aero_wal_file *file = find_file(sender, sequence);
    return file != NULL && sender->durable.position.lsn.value > file->header.prev_end.lsn.value;
}

/* Damage or loss of my own files: says so to both sides and ends the link. */
static void report_damage(struct aero_sender *sender, aero_status status, uint64_t offset)
{
    struct aero_sender_event *event = aero_sender_raise(sender, AERO_SENDER_DAMAGED);
    snprintf(event->file, sizeof event->file, "%s", sender->read.name);
    event->offset = offset;
    event->status = status;
    /* A call that failed, for want of descriptors say, is no verdict over the bytes. */
    char what[128] = "does not verify";
    char error[AERO_ERROR_TEXT_BYTES];
    if (status.sys_errno != 0) {
        aero_error_format(status, error);
        snprintf(what, sizeof what, "cannot be read: %s,", error);
    }
    snprintf(event->text, sizeof event->text,
             "%s %s at offset %" PRIu64 " behind LSN %" PRIu64
             ": not shipped; run 'aeroctl verify' on this directory",
             sender->read.name, what, offset, sender->cursor.position.lsn.value);
    char text[AERO_MESSAGE_TEXT_MAX];
    snprintf(text, sizeof text, "%s", event->text);
    aero_sender_close(sender, AERO_BYE_DAMAGED, text);
}

/* ---- WAL ---- */

void aero_sender_begin_resume(struct aero_sender *sender)
{
    const struct aero_message_hello *hello = &sender->hello.as.hello;
    const struct aero_handshake_verdict *verdict = &sender->verdict;
    const struct aero_wal_file *file = find_file(sender, verdict->resume_sequence);
    sender->cursor = (struct aero_sender_cursor){
        .sequence = verdict->resume_sequence,
        .offset = verdict->resume_offset,
        .position = hello->end,
        .sealed = verdict->resume_sealed,
    };
    if (file != NULL) {
        bool at_start = verdict->resume_offset <= AERO_SEGMENT_HEADER_BYTES;
        sender->cursor.position = at_start ? file->header.prev_end : hello->end;
        sender->cursor.prev_chain = at_start ? file->header.chain0 : hello->end.chain;
        sender->cursor.nonce64 = aero_segment_nonce64(file->header.nonce);
    }
    aero_lsn held = sender->cursor.position.lsn;
    sender->ack = (struct aero_message_ack){.received = held, .durable = held};
}

/* Without tail streaming only a segment that is complete is shipped at all (DIS-1). */
static bool may_ship(const struct aero_sender *sender, uint64_t sequence)
{
    bool tail = sender->options.tail_streaming && sender->hello.as.hello.tail_streaming;
    return is_established(sender, tail ? sequence : sequence + 1);
}

/* False while a view has yet to tell of the segment behind the cursor's. */
static bool knows_end(const struct aero_sender *sender)
{
    return sender->durable.sequence == sender->cursor.sequence ||
           find_file(sender, sender->cursor.sequence + 1) != NULL;
}

/* Where the cursor's segment ends for good, or for now; never past what is durable. */
static uint64_t end_offset(const struct aero_sender *sender)
{
    AERO_ASSERT(knows_end(sender));
    return sender->durable.sequence == sender->cursor.sequence
               ? sender->durable.offset
               : find_file(sender, sender->cursor.sequence + 1)->header.prev_end_offset;
}

static void move_to_successor(struct aero_sender *sender)
{
    sender->cursor.sequence++;
    sender->cursor.offset = 0;
    sender->cursor.sealed = false;
    AERO_ASSERT(is_established(sender, sender->cursor.sequence));
}

static void plan_wal(struct aero_sender *sender)
{
    struct aero_sender_cursor *cursor = &sender->cursor;
    const struct aero_wal_file *file = find_file(sender, cursor->sequence);
    if (file == NULL) {
        const struct aero_shipping_source *self = aero_sender_source(sender);
        bool is_gone = self->file_count > 0 && cursor->sequence < self->files[0].header.sequence;
        if (is_gone) {
            aero_sender_close(sender, AERO_BYE_RETENTION,
                              "the WAL that the replica needs was truncated meanwhile");
        }
        return;
    }
    if (!may_ship(sender, cursor->sequence) || !knows_end(sender)) {
        return;
    }
    if (cursor->offset == 0) {
        aero_sender_plan_read(sender, AERO_READ_HEADER, file->name, 0, AERO_SEGMENT_HEADER_BYTES);
        return;
    }
    uint64_t end = end_offset(sender);
    if (cursor->offset < end) {
        uint64_t left = end - cursor->offset;
        uint64_t wanted = sender->record_bytes > AERO_SENDER_READ_BYTES ? sender->record_bytes
                                                                        : AERO_SENDER_READ_BYTES;
        if (sender->credit_bytes > sender->shipped_bytes) {
            aero_sender_plan_read(sender, AERO_READ_RECORDS, file->name, cursor->offset,
                                  (size_t)(left < wanted ? left : wanted));
        }
        return;
    }
    AERO_ASSERT(cursor->offset == end);
    if (!is_established(sender, cursor->sequence + 1)) {
        return;
    }
    if (cursor->sealed) {
        move_to_successor(sender);
        plan_wal(sender);
        return;
    }
    aero_sender_plan_read(sender, AERO_READ_FOOTER, file->name, cursor->offset,
                          AERO_SEGMENT_FOOTER_BYTES);
}

static void take_header(struct aero_sender *sender, aero_status status, struct aero_slice raw)
{
    const struct aero_wal_file *file = find_file(sender, sender->cursor.sequence);
    struct aero_segment_header header;
    if (file == NULL) {
        return; /* truncated meanwhile: plan_wal says so */
    }
    if (aero_is_ok(status)) {
        status = aero_segment_header_decode(raw, &header);
    }
    if (aero_is_ok(status) && (header.sequence != file->header.sequence ||
                               !aero_id_equal(header.nonce, file->header.nonce))) {
        status = aero_error(AERO_MISMATCH);
    }
    if (!aero_is_ok(status)) {
        report_damage(sender, status, 0);
        return;
    }
    aero_frame_append(&sender->out.buffer, AERO_FRAME_SEGMENT, raw);
    sender->cursor.offset = AERO_SEGMENT_HEADER_BYTES;
    sender->cursor.position = header.prev_end;
    sender->cursor.prev_chain = header.chain0;
    sender->cursor.nonce64 = aero_segment_nonce64(header.nonce);
}

/* Moves the cursor over every whole record that verifies; they are ready to be shipped. */
static void take_records(struct aero_sender *sender, aero_status status, struct aero_slice bytes)
{
    struct aero_sender_cursor *cursor = &sender->cursor;
    size_t at = 0;
    while (aero_is_ok(status) && at < bytes.length) {
        struct aero_record_header record;
        struct aero_slice payload;
        struct aero_position before = {.lsn = cursor->position.lsn, .chain = cursor->prev_chain};
        struct aero_slice rest = aero_slice_of(bytes.data + at, bytes.length - at);
        status = aero_record_verify(rest, cursor->nonce64, before, &record, &payload);
        if (aero_is_ok(status)) {
            at += aero_record_bytes(record.payload_length);
            cursor->position = (struct aero_position){.lsn = record.lsn, .chain = record.chain};
            cursor->prev_chain = record.chain;
        }
    }
    if (aero_is_ok(status) && bytes.length < sender->read.length) {
        status = aero_error(AERO_INCOMPLETE); /* the file ends behind a whole record */
    }
    sender->ready_end = at;
    cursor->offset += at;
    if (status.code == AERO_INCOMPLETE && at == 0 && bytes.length >= AERO_RECORD_HEADER_BYTES) {
        /* One record larger than the read: once more, as long as it is. */
        struct aero_record_header record;
        AERO_ASSERT(aero_is_ok(aero_record_decode(bytes, &record)));
        sender->record_bytes = aero_record_bytes(record.payload_length);
    } else {
        sender->record_bytes = 0;
    }
    /* What ends inside a record although nothing more is to come, or came short, is as bad as what
     * does not verify. */
    bool is_truncated = find_file(sender, cursor->sequence) == NULL; /* plan_wal says so */
    bool fits = is_truncated || cursor->offset + sender->record_bytes <= end_offset(sender);
    bool grows = sender->record_bytes > bytes.length && fits;
    bool is_cut_by_read =
        status.code == AERO_INCOMPLETE && (at > 0 || grows) && bytes.length == sender->read.length;
    if (!aero_is_ok(status) && !is_cut_by_read) {
        report_damage(sender, status.code == AERO_INCOMPLETE ? aero_error(AERO_CORRUPT) : status,
                      cursor->offset);
    }
}

/* A sealed segment's footer goes along; where none stands, the segment was cut, and the next header
 * names its end. One of another segment was left there by the file's life before this one (decision 25). */
static void take_footer(struct aero_sender *sender, aero_status status, struct aero_slice raw)
{
    const struct aero_sender_cursor *cursor = &sender->cursor;
    const struct aero_wal_file *file = find_file(sender, cursor->sequence);
    struct aero_segment_footer footer;
    if (file == NULL) {
        return; /* truncated meanwhile: plan_wal says so */
    }
    bool reads = aero_is_ok(status) && aero_is_ok(aero_segment_footer_decode(raw, &footer));
    bool is_own = reads && footer.segment_nonce == cursor->nonce64;
    bool belongs = is_own && footer.sequence == cursor->sequence &&
                   footer.end_offset == cursor->offset &&
                   aero_position_equal(footer.end, cursor->position);
    if (!belongs && (!aero_is_ok(status) || is_own || file->sealed)) {
        report_damage(sender, aero_is_ok(status) ? aero_error(AERO_CORRUPT) : status,
                      cursor->offset);
        return;
    }
    if (belongs) {
        aero_frame_append(&sender->out.buffer, AERO_FRAME_SEAL, raw);
    }
    move_to_successor(sender);
}

/* ---- Snapshots ---- */

static void plan_snapshot(struct aero_sender *sender)
{
    const struct aero_snapshot_entry *snapshot = &sender->verdict.snapshot;
    uint64_t left = snapshot->size_bytes - sender->snapshot_offset;
    if (left == 0) {
        aero_frame_append(&sender->out.buffer, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
        sender->state = AERO_SENDER_WAIT_HELLO;
        return;
    }
    if (sender->credit_bytes <= sender->shipped_bytes) {
        return;
    }
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(snapshot, name);
    size_t wanted = left < AERO_SENDER_READ_BYTES ? (size_t)left : AERO_SENDER_READ_BYTES;
    aero_sender_plan_read(sender, AERO_READ_SNAPSHOT, name, sender->snapshot_offset, wanted);
}

static void take_snapshot(struct aero_sender *sender, aero_status status, struct aero_slice bytes)
{
    if (!aero_is_ok(status) || bytes.length < sender->read.length) {
        report_damage(sender, aero_is_ok(status) ? aero_error(AERO_CORRUPT) : status,
                      sender->snapshot_offset + bytes.length);
        return;
    }
    sender->ready_end = bytes.length;
    sender->snapshot_offset += bytes.length;
}

/* ---- Both ---- */

void aero_sender_take_read(struct aero_sender *sender, aero_status status, size_t read_bytes)
{
    enum aero_sender_purpose purpose = sender->purpose;
    sender->purpose = AERO_READ_NONE;
    struct aero_slice bytes = aero_slice_of(sender->bytes.data, read_bytes);
    if (status.code == AERO_NOT_FOUND) {
        aero_sender_close(sender, AERO_BYE_RETENTION,
                          "the file that the replica needs was removed meanwhile");
    } else if (purpose == AERO_READ_HEADER) {
        take_header(sender, status, bytes);
    } else if (purpose == AERO_READ_RECORDS) {
        take_records(sender, status, bytes);
    } else if (purpose == AERO_READ_FOOTER) {
        take_footer(sender, status, bytes);
    } else {
        AERO_ASSERT(purpose == AERO_READ_SNAPSHOT);
        take_snapshot(sender, status, bytes);
    }
}

static bool has_output_room(const struct aero_sender *sender)
{
    return aero_outbox_length(&sender->out) < sender->options.output_bytes;
}

/* Ships what is verified, in chunks, as far as credit and output allow. */
static void ship_ready(struct aero_sender *sender)
{
    enum aero_frame_type type =
        sender->state == AERO_SENDER_SNAPSHOT ? AERO_FRAME_SNAPSHOT_CHUNK : AERO_FRAME_CHUNK;
    while (sender->ready_at < sender->ready_end && has_output_room(sender) &&
           sender->shipped_bytes < sender->credit_bytes) {
        uint64_t credit = sender->credit_bytes - sender->shipped_bytes;
        size_t count = sender->ready_end - sender->ready_at;
        count = count < AERO_FRAME_CHUNK_MAX ? count : AERO_FRAME_CHUNK_MAX;
        count = count < credit ? count : (size_t)credit;
        struct aero_slice bytes = aero_slice_of(sender->bytes.data + sender->ready_at, count);
        uint64_t offset = sender->ready_offset + sender->ready_at;
        if (type == AERO_FRAME_CHUNK) {
            aero_frame_append_chunk(&sender->out.buffer, type, sender->cursor.sequence, offset,
                                    bytes);
        } else {
            aero_frame_append_chunk(&sender->out.buffer, type, offset, 0, bytes);
        }
        sender->ready_at += count;
        sender->shipped_bytes += count;
    }
}

void aero_sender_advance(struct aero_sender *sender)
{
    bool ships = sender->state == AERO_SENDER_RESUMING || sender->state == AERO_SENDER_SNAPSHOT;
    if (!ships || sender->purpose != AERO_READ_NONE) {
        return;
    }
    ship_ready(sender);
    if (sender->ready_at < sender->ready_end || !has_output_room(sender)) {
        return;
    }
    if (sender->state == AERO_SENDER_RESUMING) {
        plan_wal(sender);
    } else {
        plan_snapshot(sender);
    }
}
