/* SPDX-License-Identifier: Apache-2.0 */
/* One window of bytes slides over the file: large reads, records handed out in place, no copy but the memmove of
 * a record's beginning when the window moves on. A record longer than the window makes the window larger, once a
 * verified header has said so: no length is believed before its checksum.
 *
 * A piece that the disk cannot read is read again page by page, so that what stands before the bad page is still
 * found; from there on the bytes are bad, which is not the same as their end (decision 1). A read that is refused says
 * nothing of the bytes: it is passed up (FM-6.2c). */
#include "engine/wal_reader.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/disk_failure.h"

#define WINDOW_BYTES ((size_t)1 << 20)
#define PAGE_BYTES ((size_t)4096)

struct aero_wal_reader {
    struct aero_disk disk;
    struct aero_disk_file *file;
    uint64_t file_bytes;
    uint64_t bound;

    struct aero_segment_header header;
    uint64_t nonce64;
    struct aero_position position;
    uint64_t prev_chain; /* what the next record has to chain to */
    uint64_t record_count;
    uint64_t offset;
    bool stopped;
    enum aero_wal_stop stop;

    struct aero_buffer window; /* bytes from window_offset on */
    uint64_t window_offset;
    bool window_cut; /* the byte behind the window cannot be read */
};

/* Reads up to `length` bytes. *out_bad: a page behind the *out_got bytes cannot be read. */
static aero_status read_piece(struct aero_wal_reader *reader, uint64_t offset, uint8_t *data,
                              size_t length, size_t *out_got, bool *out_bad)
{
    const struct aero_disk_ops *ops = reader->disk.ops;
    size_t got = 0;
    aero_status status = ops->read(reader->disk.self, reader->file, offset, data, length, &got);
    if (aero_is_ok(status)) {
        *out_got = got;
        *out_bad = got < length;
        return status;
    }
    if (aero_disk_is_refusal(status)) {
        return status;
    }
    size_t done = 0;
    while (done < length) {
        size_t piece = PAGE_BYTES - (size_t)((offset + done) % PAGE_BYTES);
        piece = piece < length - done ? piece : length - done;
        status =
            ops->read(reader->disk.self, reader->file, offset + done, data + done, piece, &got);
        if (aero_disk_is_refusal(status)) {
            return status;
        }
        if (!aero_is_ok(status) || got < piece) {
            break;
        }
        done += piece;
    }
    *out_got = done;
    *out_bad = done < length;
    return aero_ok();
}

/* Moves the window so that it starts at `offset` and holds `need` bytes, or all that the file has and gives. */
static aero_status fill(struct aero_wal_reader *reader, uint64_t offset, size_t need)
{
    struct aero_buffer *window = &reader->window;
    uint64_t window_end = reader->window_offset + window->length;
    AERO_ASSERT(offset >= reader->window_offset);
    if (offset + need <= window_end || reader->window_cut || window_end == reader->file_bytes) {
        return aero_ok();
    }
    aero_buffer_consume(window, offset < window_end ? (size_t)(offset - reader->window_offset)
                                                    : window->length);
    reader->window_offset = offset;
    uint64_t rest = reader->file_bytes - offset - window->length;
    size_t want = need > WINDOW_BYTES ? need : WINDOW_BYTES;
    want -= window->length;
    want = want < rest ? want : (size_t)rest;
    size_t got = 0;
    uint8_t *data = aero_buffer_reserve(window, want);
    AERO_TRY(read_piece(reader, offset + window->length, data, want, &got, &reader->window_cut));
    window->length += got;
    return aero_ok();
}

/* The window's bytes from `offset` on; empty at the end of what can be read. */
static struct aero_slice window_from(const struct aero_wal_reader *reader, uint64_t offset)
{
    uint64_t window_end = reader->window_offset + reader->window.length;
    if (offset >= window_end) {
        return aero_slice_of(NULL, 0);
    }
    return aero_slice_of(reader->window.data + (offset - reader->window_offset),
                         (size_t)(window_end - offset));
}

static aero_status read_header(struct aero_wal_reader *reader)
{
    AERO_TRY(reader->disk.ops->size(reader->disk.self, reader->file, &reader->file_bytes));
    AERO_TRY(fill(reader, 0, AERO_SEGMENT_HEADER_BYTES));
    if (reader->window_cut && reader->window.length < AERO_SEGMENT_HEADER_BYTES) {
        return aero_error(AERO_IO);
    }
    AERO_TRY(aero_segment_header_decode(aero_buffer_slice(&reader->window), &reader->header));
    reader->nonce64 = aero_segment_nonce64(reader->header.nonce);
    reader->position = reader->header.prev_end;
    reader->prev_chain = reader->header.chain0;
    reader->offset = AERO_SEGMENT_HEADER_BYTES;
    return aero_ok();
}

aero_status aero_wal_reader_open(struct aero_disk disk, const char *name, uint64_t bound,
                                 struct aero_wal_reader **out_reader)
{
    struct aero_disk_file *file;
    AERO_TRY(disk.ops->open(disk.self, name, AERO_DISK_READ, &file));
    struct aero_wal_reader *reader = aero_calloc(1, sizeof *reader);
    reader->disk = disk;
    reader->file = file;
    reader->bound = bound;
    aero_status status = read_header(reader);
    if (!aero_is_ok(status)) {
        aero_wal_reader_close(reader);
        return status;
    }
    *out_reader = reader;
    return aero_ok();
}

void aero_wal_reader_close(struct aero_wal_reader *reader)
{
    if (reader != NULL) {
        reader->disk.ops->close(reader->disk.self, reader->file);
        aero_buffer_deinit(&reader->window);
        free(reader);
    }
}

/* ---- What stands behind the records ----------------------------------------------------------------------- */

struct tail {
    struct aero_wal_evidence evidence;
    bool own;        /* a header or footer of this segment */
    bool foreign;    /* one of another nonce */
    bool unreadable; /* bytes that the disk does not give */
};

static void note_record(const struct aero_wal_reader *reader, aero_lsn after,
                        const struct aero_record_header *header, struct tail *tail)
{
    struct aero_wal_evidence *evidence = &tail->evidence;
    if (header->segment_nonce != reader->nonce64) {
        tail->foreign = true;
        return;
    }
    tail->own = true;
    if (header->lsn.value <= after.value) {
        return;
    }
    evidence->found = true;
    if (header->lsn.value > evidence->highest_lsn.value) {
        evidence->highest_lsn = header->lsn;
    }
    if (header->durable_mark.value > evidence->highest_mark.value) {
        evidence->highest_mark = header->durable_mark;
    }
}

static void note_footer(const struct aero_wal_reader *reader,
                        const struct aero_segment_footer *footer, struct tail *tail)
{
    struct aero_wal_evidence *evidence = &tail->evidence;
    if (footer->segment_nonce != reader->nonce64) {
        tail->foreign = true;
        return;
    }
    tail->own = true;
    evidence->found = true;
    evidence->footer_found = true;
    if (footer->end.lsn.value > evidence->highest_mark.value) {
        evidence->highest_mark = footer->end.lsn;
    }
}

/* Looks at every aligned offset of `bytes` below `limit`; what starts there may reach into the overlap. */
static void scan_bytes(const struct aero_wal_reader *reader, struct aero_slice bytes, size_t limit,
                       aero_lsn after, struct tail *tail)
{
    for (size_t at = 0; at < limit; at += AERO_RECORD_ALIGN) {
        struct aero_slice here = aero_slice_of(bytes.data + at, bytes.length - at);
        struct aero_record_header header;
        struct aero_segment_footer footer;
        if (here.length < AERO_RECORD_HEADER_BYTES) {
            break;
        }
        if (aero_is_ok(aero_record_decode(here, &header))) {
            note_record(reader, after, &header, tail);
        } else if (aero_is_ok(aero_segment_footer_decode(here, &footer))) {
            note_footer(reader, &footer, tail);
        }
    }
}

/* Of bytes that are not all zero. */
static size_t length_without_zeros(struct aero_slice bytes)
{
    size_t length = bytes.length;
    while (bytes.data[length - 1] == 0) {
        length--;
    }
    return length;
}

/* What is read at a time from `offset` on. */
static size_t piece_bytes(const struct aero_wal_reader *reader, uint64_t offset)
{
    uint64_t rest = offset < reader->file_bytes ? reader->file_bytes - offset : 0;
    return rest < WINDOW_BYTES ? (size_t)rest : WINDOW_BYTES;
}

/* Reads the file from `offset` to its end, piece by piece with an overlap of one header. An unreadable page is passed
 * over: evidence behind it counts as any other. */
static aero_status scan_tail(struct aero_wal_reader *reader, uint64_t offset, aero_lsn after,
                             struct tail *out_tail)
{
    struct tail tail = {0};
    aero_status status = aero_ok();
    uint8_t *piece = aero_malloc(piece_bytes(reader, offset));
    while (offset < reader->file_bytes) {
        uint64_t rest = reader->file_bytes - offset;
        size_t got = 0;
        bool bad = false;
        status = read_piece(reader, offset, piece, piece_bytes(reader, offset), &got, &bad);
        if (!aero_is_ok(status)) {
            break;
        }
        struct aero_slice bytes = aero_slice_of(piece, got);
        bool at_end = bad || got == rest;
        size_t limit = at_end ? got : got - AERO_RECORD_HEADER_BYTES;
        if (!aero_slice_is_zero(bytes)) {
            tail.evidence.last_offset = offset + length_without_zeros(bytes);
            scan_bytes(reader, bytes, limit, after, &tail);
        }
        offset += limit;
        if (bad) {
            tail.unreadable = true;
            offset = (offset / PAGE_BYTES + 1) * PAGE_BYTES;
            tail.evidence.last_offset = offset < reader->file_bytes ? offset : reader->file_bytes;
        }
    }
    free(piece);
    if (aero_is_ok(status)) {
        *out_tail = tail;
    }
    return status;
}

aero_status aero_wal_reader_scan(struct aero_wal_reader *reader, uint64_t offset, aero_lsn after,
                                 struct aero_wal_evidence *out_evidence)
{
    struct tail tail;
    AERO_ASSERT(offset % AERO_RECORD_ALIGN == 0);
    AERO_TRY(scan_tail(reader, offset, after, &tail));
    *out_evidence = tail.evidence;
    return aero_ok();
}

/* The end of the record `position` as far as the header at `here` tells; 0: nothing. */
static uint64_t end_told_by(const struct aero_wal_reader *reader, struct aero_slice here,
                            uint64_t offset, struct aero_position position)
{
    struct aero_record_header header;
    if (!aero_is_ok(aero_record_decode(here, &header)) || header.segment_nonce != reader->nonce64) {
        return 0;
    }
    struct aero_position here_ends = {.lsn = header.lsn, .chain = header.chain};
    if (aero_position_equal(here_ends, position)) {
        uint64_t end = offset + aero_record_bytes(header.payload_length);
        return end <= reader->file_bytes ? end : 0;
    }
    bool next = header.lsn.value == position.lsn.value + 1 && header.prev_chain == position.chain;
    return next ? offset : 0;
}

/* The records from here to `position` take room: a header that tells of an end before that is a copy which a misdirected write
 * left in their place. */
static uint64_t lowest_end(const struct aero_wal_reader *reader, uint64_t offset,
                           struct aero_position position)
{
    uint64_t records = position.lsn.value - reader->position.lsn.value;
    return offset + records * aero_record_bytes(1);
}

aero_status aero_wal_reader_find(struct aero_wal_reader *reader, uint64_t offset,
                                 struct aero_position position, uint64_t *out_offset)
{
    AERO_ASSERT(offset % AERO_RECORD_ALIGN == 0);
    AERO_ASSERT(position.lsn.value > reader->position.lsn.value);
    uint8_t *piece = aero_malloc(piece_bytes(reader, offset));
    aero_status status = aero_ok();
    uint64_t found = 0;
    uint64_t lowest = lowest_end(reader, offset, position);
    while (found == 0 && offset < reader->file_bytes) {
        uint64_t rest = reader->file_bytes - offset;
        size_t got = 0;
        bool bad = false;
        status = read_piece(reader, offset, piece, piece_bytes(reader, offset), &got, &bad);
        if (!aero_is_ok(status)) {
            break;
        }
        size_t at = 0;
        for (; at + AERO_RECORD_HEADER_BYTES <= got && found == 0; at += AERO_RECORD_ALIGN) {
            found = end_told_by(reader, aero_slice_of(piece + at, got - at), offset + at, position);
            found = found < lowest ? 0 : found;
        }
        if (bad) {
            offset = ((offset + got) / PAGE_BYTES + 1) * PAGE_BYTES;
        } else {
            offset = got == rest ? reader->file_bytes : offset + at;
        }
    }
    free(piece);
    if (aero_is_ok(status) && found == 0) {
        status = aero_error(AERO_NOT_FOUND);
    }
    if (aero_is_ok(status)) {
        *out_offset = found;
    }
    return status;
}

void aero_wal_reader_seek(struct aero_wal_reader *reader, uint64_t offset,
                          struct aero_position position)
{
    AERO_ASSERT(offset % AERO_RECORD_ALIGN == 0 && offset > AERO_SEGMENT_HEADER_BYTES);
    AERO_ASSERT(position.lsn.value > reader->header.prev_end.lsn.value);
    aero_buffer_clear(&reader->window);
    reader->window_offset = offset;
    reader->window_cut = false;
    reader->offset = offset;
    reader->position = position;
    reader->prev_chain = position.chain;
    reader->record_count = position.lsn.value - reader->header.prev_end.lsn.value;
    reader->stopped = false;
}

static bool footer_agrees(const struct aero_wal_reader *reader,
                          const struct aero_segment_footer *footer)
{
    return footer->sequence == reader->header.sequence && footer->end_offset == reader->offset &&
           aero_position_equal(footer->end, reader->position) &&
           footer->record_count == reader->record_count;
}

/* A footer of this segment right here. */
static bool footer_here(const struct aero_wal_reader *reader,
                        struct aero_segment_footer *out_footer)
{
    return aero_is_ok(
               aero_segment_footer_decode(window_from(reader, reader->offset), out_footer)) &&
           out_footer->segment_nonce == reader->nonce64;
}

/* The beginning of a record right here that does not even verify alone: a header torn off, not an earlier life. */
static bool broken_record_here(const struct aero_wal_reader *reader)
{
    struct aero_record_header header;
    struct aero_slice here = window_from(reader, reader->offset);
    return aero_record_begins(here) && !aero_is_ok(aero_record_decode(here, &header));
}

static aero_status classify_stop(struct aero_wal_reader *reader, enum aero_wal_stop *out_stop)
{
    struct aero_segment_footer footer;
    bool sealed = footer_here(reader, &footer);
    if (sealed && (reader->bound == 0 || reader->offset == reader->bound)) {
        *out_stop = footer_agrees(reader, &footer) ? AERO_STOP_FOOTER : AERO_STOP_INVALID;
        return aero_ok();
    }
    if (reader->bound != 0) {
        *out_stop = reader->offset == reader->bound ? AERO_STOP_BOUND : AERO_STOP_INVALID;
        return aero_ok();
    }
    struct tail tail;
    AERO_TRY(scan_tail(reader, reader->offset, reader->position.lsn, &tail));
    bool empty = tail.evidence.last_offset == 0;
    bool earlier_life = tail.foreign && !tail.own && !broken_record_here(reader);
    *out_stop = !tail.unreadable && (empty || earlier_life) ? AERO_STOP_CLEAN : AERO_STOP_INVALID;
    return aero_ok();
}

/* ---- Records ---------------------------------------------------------------------------------------------- */

/* Fills the window with the whole record at the current offset, if a header there says that there is one. */
static aero_status fill_record(struct aero_wal_reader *reader)
{
    struct aero_record_header header;
    AERO_TRY(fill(reader, reader->offset, AERO_RECORD_HEADER_BYTES));
    struct aero_slice here = window_from(reader, reader->offset);
    if (aero_is_ok(aero_record_decode(here, &header)) && header.segment_nonce == reader->nonce64) {
        AERO_TRY(fill(reader, reader->offset, aero_record_bytes(header.payload_length)));
    }
    return aero_ok();
}

/* Verifies what the window holds at the current offset, as far as the bound. */
static aero_status verify_here(const struct aero_wal_reader *reader, struct aero_wal_record *record)
{
    struct aero_slice here = window_from(reader, reader->offset);
    struct aero_position before = {.lsn = reader->position.lsn, .chain = reader->prev_chain};
    if (reader->bound != 0) { /* nothing behind the bound is ever part of a record */
        uint64_t rest = reader->bound > reader->offset ? reader->bound - reader->offset : 0;
        here.length = here.length < rest ? here.length : (size_t)rest;
    }
    AERO_TRY(aero_record_verify(here, reader->nonce64, before, &record->header, &record->payload));
    record->raw = aero_slice_of(here.data, aero_record_bytes(record->header.payload_length));
    return aero_ok();
}

aero_status aero_wal_reader_next(struct aero_wal_reader *reader, struct aero_wal_record *out_record)
{
    if (reader->stopped) {
        return aero_error(AERO_NOT_FOUND);
    }
    struct aero_wal_record record = {.offset = reader->offset};
    aero_status status = verify_here(reader, &record);
    if (status.code == AERO_INCOMPLETE) { /* mostly because the window ends here */
        AERO_TRY(fill_record(reader));
        status = verify_here(reader, &record);
    }
    if (!aero_is_ok(status)) {
        AERO_TRY(classify_stop(reader, &reader->stop));
        reader->stopped = true;
        return aero_error(AERO_NOT_FOUND);
    }
    reader->offset += record.raw.length;
    reader->position =
        (struct aero_position){.lsn = record.header.lsn, .chain = record.header.chain};
    reader->prev_chain = record.header.chain;
    reader->record_count++;
    *out_record = record;
    return aero_ok();
}

const struct aero_segment_header *aero_wal_reader_header(const struct aero_wal_reader *reader)
{
    return &reader->header;
}

uint64_t aero_wal_reader_file_bytes(const struct aero_wal_reader *reader)
{
    return reader->file_bytes;
}

struct aero_slice aero_wal_reader_ahead(const struct aero_wal_reader *reader)
{
    return window_from(reader, reader->offset);
}

enum aero_wal_stop aero_wal_reader_stop(const struct aero_wal_reader *reader)
{
    AERO_ASSERT(reader->stopped);
    return reader->stop;
}

uint64_t aero_wal_reader_offset(const struct aero_wal_reader *reader)
{
    return reader->offset;
}

struct aero_position aero_wal_reader_position(const struct aero_wal_reader *reader)
{
    return reader->position;
}

uint64_t aero_wal_reader_record_count(const struct aero_wal_reader *reader)
{
    return reader->record_count;
}
