/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/checksum.h"
#include "engine/wal_reader.h"
#include "tests/unit/engine/memory_disk.h"

#define NAME "wal/a.seg"

/* A segment built by hand from the codecs, so that the writer's mistakes cannot hide the reader's. */
struct fixture {
    struct memory_disk disk;
    struct memory_file *file;
    struct aero_segment_header header;
    struct aero_position end;
    uint64_t prev_chain;
    uint64_t count;
};

static aero_id nonce_of(uint8_t seed)
{
    aero_id id;
    memset(id.bytes, seed, sizeof id.bytes);
    return id;
}

static void begin_segment(struct fixture *f, uint8_t nonce_seed)
{
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    f->header = (struct aero_segment_header){
        .epoch = {1},
        .sequence = 5,
        .first_lsn = {101},
        .nonce = nonce_of(nonce_seed),
        .prev_sequence = 4,
        .prev_end_offset = 8192,
        .prev_end = {.lsn = {100}, .chain = 77},
    };
    aero_segment_header_encode(&f->header, bytes);
    memory_store(&f->file->bytes, 0, aero_slice_of(bytes, sizeof bytes));
    f->end = f->header.prev_end;
    f->prev_chain = f->header.chain0;
    f->count = 0;
}

/* Puts the next record at `offset` and returns where it ends. */
static uint64_t put_record(struct fixture *f, uint64_t offset, size_t payload_length)
{
    uint8_t *payload = aero_malloc(payload_length);
    uint8_t *bytes = aero_malloc(aero_record_bytes(payload_length));
    memset(payload, (int)('a' + f->end.lsn.value % 26), payload_length);
    aero_record_prepare(AERO_RECORD_COMMIT, aero_slice_of(payload, payload_length), bytes);
    struct aero_record_place place = {
        .lsn = aero_lsn_next(f->end.lsn),
        .durable_mark = aero_lsn_of(f->end.lsn.value - 1),
        .segment_nonce = aero_segment_nonce64(f->header.nonce),
        .prev_chain = f->prev_chain,
    };
    f->end = (struct aero_position){.lsn = place.lsn, .chain = aero_record_stamp(bytes, &place)};
    f->prev_chain = f->end.chain;
    f->count++;
    size_t length = aero_record_bytes(payload_length);
    memory_store(&f->file->bytes, offset, aero_slice_of(bytes, length));
    free(payload);
    free(bytes);
    return offset + length;
}

static uint64_t put_records(struct fixture *f, unsigned count, size_t payload_length)
{
    uint64_t offset = AERO_SEGMENT_HEADER_BYTES;
    for (unsigned i = 0; i < count; i++) {
        offset = put_record(f, offset, payload_length);
    }
    return offset;
}

static void put_footer(struct fixture *f, uint64_t offset, uint64_t count)
{
    uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
    struct aero_segment_footer footer = {
        .sequence = f->header.sequence,
        .end_offset = offset,
        .end = f->end,
        .record_count = count,
        .segment_nonce = aero_segment_nonce64(f->header.nonce),
    };
    aero_segment_footer_encode(&footer, bytes);
    memory_store(&f->file->bytes, offset, aero_slice_of(bytes, sizeof bytes));
}

static void put_zeros(struct fixture *f, size_t length)
{
    size_t old = f->file->bytes.length;
    memset(aero_buffer_reserve(&f->file->bytes, length), 0, length);
    f->file->bytes.length = old + length;
}

static int set_up(void **state)
{
    struct fixture *f = aero_calloc(1, sizeof *f);
    f->file = memory_put(&f->disk, NAME);
    begin_segment(f, 7);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    memory_disk_deinit(&f->disk);
    free(f);
    return 0;
}

struct outcome {
    enum aero_wal_stop stop;
    uint64_t count;
    uint64_t offset;
    struct aero_position position;
    struct aero_wal_evidence evidence;
};

static struct outcome read_all(struct fixture *f, uint64_t bound)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    struct outcome outcome = {0};
    assert_int_equal(aero_wal_reader_open(memory_disk_port(&f->disk), NAME, bound, &reader).code,
                     AERO_OK);
    aero_status status;
    while (aero_is_ok(status = aero_wal_reader_next(reader, &record))) {
        assert_true(record.offset + record.raw.length == aero_wal_reader_offset(reader));
        assert_true(record.payload.data == record.raw.data + AERO_RECORD_HEADER_BYTES);
        assert_true(aero_checksum64(record.payload) == record.header.payload_hash);
    }
    assert_int_equal(status.code, AERO_NOT_FOUND);
    assert_int_equal(aero_wal_reader_next(reader, &record).code, AERO_NOT_FOUND); /* for good */
    outcome.stop = aero_wal_reader_stop(reader);
    outcome.count = aero_wal_reader_record_count(reader);
    outcome.offset = aero_wal_reader_offset(reader);
    outcome.position = aero_wal_reader_position(reader);
    assert_int_equal(
        aero_wal_reader_scan(reader, outcome.offset, outcome.position.lsn, &outcome.evidence).code,
        AERO_OK);
    aero_wal_reader_close(reader);
    return outcome;
}

static void test_reader_of_an_empty_segment_stands_at_the_predecessors_end(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_CLEAN);
    assert_true(outcome.count == 0 && outcome.offset == AERO_SEGMENT_HEADER_BYTES);
    assert_true(outcome.position.lsn.value == 100 && outcome.position.chain == 77);
}

/* Payloads of all sizes around the alignment and beyond the window, in one file. */
static void test_reader_returns_every_record_and_stops_clean_at_the_end_of_the_file(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = AERO_SEGMENT_HEADER_BYTES;
    for (size_t length = 1; length < 40; length++) {
        offset = put_record(f, offset, length);
    }
    offset = put_record(f, offset, (size_t)3 << 20);
    for (unsigned i = 0; i < 30000; i++) {
        offset = put_record(f, offset, 100);
    }
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_CLEAN);
    assert_true(outcome.count == f->count && outcome.offset == offset);
    assert_true(outcome.position.lsn.value == f->end.lsn.value);
    assert_true(outcome.position.chain == f->end.chain);
    assert_false(outcome.evidence.found);
}

static void test_reader_stops_clean_before_zeros(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = put_records(f, 3, 50);
    put_zeros(f, 3 << 20);
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_CLEAN);
    assert_true(outcome.offset == offset && outcome.count == 3);
    assert_true(outcome.evidence.last_offset == 0);
}

static void test_reader_stops_at_a_footer_that_agrees(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = put_records(f, 3, 50);
    put_footer(f, offset, 3);
    put_zeros(f, 4096);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_FOOTER);
    assert_int_equal(read_all(f, offset).stop, AERO_STOP_FOOTER);
    assert_int_equal(read_all(f, offset - 120).stop, AERO_STOP_BOUND);
    assert_int_equal(read_all(f, offset + 8).stop,
                     AERO_STOP_INVALID); /* a footer, and not the end */
}

static void test_reader_refuses_a_footer_that_disagrees(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = put_records(f, 3, 50);
    put_footer(f, offset, 4);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
    assert_int_equal(read_all(f, offset).stop, AERO_STOP_INVALID);
    put_footer(f, offset + AERO_SEGMENT_FOOTER_BYTES, 3); /* it names an end that is not here */
    memmove(f->file->bytes.data + offset, f->file->bytes.data + offset + AERO_SEGMENT_FOOTER_BYTES,
            AERO_SEGMENT_FOOTER_BYTES);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
    f->end.chain++;
    put_footer(f, offset, 3);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
    f->end.chain--;
    f->header.sequence++;
    put_footer(f, offset, 3);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
}

/* Decision 3: nothing behind the end that the successor names is read, valid as it may be. */
static void test_reader_stops_at_the_bound_whatever_follows(void **state)
{
    struct fixture *f = *state;
    uint64_t bound = put_records(f, 3, 50);
    put_record(f, bound, 50);
    struct outcome outcome = read_all(f, bound);
    assert_int_equal(outcome.stop, AERO_STOP_BOUND);
    assert_true(outcome.count == 3 && outcome.position.lsn.value == 103);
}

static void test_reader_with_a_bound_that_is_not_reached_is_invalid(void **state)
{
    struct fixture *f = *state;
    uint64_t end = put_records(f, 3, 50);
    assert_int_equal(read_all(f, end + 8).stop, AERO_STOP_INVALID);
    assert_int_equal(read_all(f, end - 8).stop, AERO_STOP_INVALID); /* inside the last record */
    put_zeros(f, 4096);
    assert_int_equal(read_all(f, end + 120).stop, AERO_STOP_INVALID);
}

/* Decision 1's history: one bit rots in the middle; what follows is evidence, never a torn tail unseen. */
static void test_reader_stops_invalid_at_every_flipped_byte_of_a_record(void **state)
{
    struct fixture *f = *state;
    put_records(f, 5, 50); /* 120 bytes each */
    for (size_t i = 0; i < 120; i++) {
        uint8_t *byte = f->file->bytes.data + AERO_SEGMENT_HEADER_BYTES + 120 + i;
        *byte ^= 0x04;
        struct outcome outcome = read_all(f, 0);
        assert_int_equal(outcome.stop, AERO_STOP_INVALID);
        assert_true(outcome.count == 1);
        assert_true(outcome.evidence.found);
        assert_true(outcome.evidence.highest_lsn.value == 105);
        assert_true(outcome.evidence.highest_mark.value == 103);
        assert_true(outcome.evidence.last_offset > AERO_SEGMENT_HEADER_BYTES + 4 * 120);
        *byte ^= 0x04;
    }
}

static void test_reader_of_every_shorter_file_never_stops_clean_inside_a_record(void **state)
{
    struct fixture *f = *state;
    size_t end = (size_t)put_records(f, 2, 50);
    uint8_t *bytes = f->file->bytes.data;
    for (size_t length = end; length >= AERO_SEGMENT_HEADER_BYTES; length--) {
        /* An exact allocation, so that ASan sees a read past the end. */
        f->file->bytes.data = aero_malloc(length);
        memcpy(f->file->bytes.data, bytes, length);
        f->file->bytes.length = length;
        struct outcome outcome = read_all(f, 0);
        bool at_boundary = (length - AERO_SEGMENT_HEADER_BYTES) % 120 == 0;
        assert_int_equal(outcome.stop, at_boundary ? AERO_STOP_CLEAN : AERO_STOP_INVALID);
        assert_true(outcome.count == (length - AERO_SEGMENT_HEADER_BYTES) / 120);
        free(f->file->bytes.data);
    }
    f->file->bytes.data = bytes;
    f->file->bytes.length = end;
}

/* The group's first sectors were lost, a later one was kept: zeros, then a record of this segment. */
static void test_reader_stops_invalid_before_a_hole_with_records_behind(void **state)
{
    struct fixture *f = *state;
    uint64_t hole = put_records(f, 2, 50);
    put_record(f, hole, 2000);
    uint64_t behind = put_record(f, hole + aero_record_bytes(2000), 50);
    memset(f->file->bytes.data + hole, 0, aero_record_bytes(2000));
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.evidence.found && outcome.evidence.highest_lsn.value == 104);
    assert_true(outcome.evidence.highest_mark.value == 102);
    assert_true(outcome.evidence.last_offset <= behind);
}

/* Decision 25: what an earlier life of the file left must not cry wolf at each restart, wherever the new end falls. */
static void test_reader_of_a_recycled_file_stops_clean_wherever_it_ends(void **state)
{
    struct fixture *f = *state;
    put_records(f, 200, 90); /* 160 bytes each */
    put_footer(f, AERO_SEGMENT_HEADER_BYTES + 200 * 160, 200);
    uint8_t nonce_seed = 8;
    for (size_t payload = 1; payload < 200; payload += 7) {
        begin_segment(f, nonce_seed++);
        uint64_t offset = put_records(f, 20, payload);
        struct outcome outcome = read_all(f, 0);
        assert_int_equal(outcome.stop, AERO_STOP_CLEAN);
        assert_true(outcome.count == 20 && outcome.offset == offset);
        assert_false(outcome.evidence.found);
    }
}

static void test_reader_of_a_recycled_file_still_sees_its_own_torn_tail(void **state)
{
    struct fixture *f = *state;
    put_records(f, 200, 90);
    begin_segment(f, 9);
    uint64_t end = put_records(f, 20, 90);
    /* The header is there, its payload is not. */
    f->file->bytes.data[end - 20] ^= 1;
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
    f->file->bytes.data[end - 20] ^= 1;
    /* Only the first bytes of the next header reached the disk. */
    uint8_t old[160];
    memcpy(old, f->file->bytes.data + end, sizeof old);
    put_record(f, end, 90);
    memcpy(f->file->bytes.data + end + 36, old + 36, sizeof old - 36);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_INVALID);
}

/* An earlier life explains bytes, not their absence. */
static void test_reader_of_a_recycled_file_stops_invalid_before_an_unreadable_page(void **state)
{
    struct fixture *f = *state;
    put_records(f, 200, 90);
    begin_segment(f, 9);
    uint64_t end = put_records(f, 20, 90);
    assert_int_equal(read_all(f, 0).stop, AERO_STOP_CLEAN);
    f->disk.bad_from = end + 9000;
    f->disk.bad_to = end + 9001;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.count == 20);
}

/* Without an earlier life to explain them, bytes that are nothing are a torn tail. */
static void test_reader_stops_invalid_at_unclassifiable_bytes(void **state)
{
    struct fixture *f = *state;
    uint64_t end = put_records(f, 2, 50);
    put_zeros(f, 4096);
    f->file->bytes.data[end + 2000] = 1;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.evidence.last_offset == end + 2001);
    assert_false(outcome.evidence.found);
}

static void test_reader_scan_sees_headers_across_its_pieces_and_its_own_footer(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = put_records(f, 1, 50);
    for (unsigned i = 0; i < 25000; i++) { /* three pieces of a mebibyte */
        offset = put_record(f, offset, 50);
    }
    put_footer(f, offset, f->count);
    f->file->bytes.data[AERO_SEGMENT_HEADER_BYTES] ^= 1;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.count == 0 && outcome.evidence.footer_found);
    assert_true(outcome.evidence.highest_lsn.value == f->end.lsn.value);
    assert_true(outcome.evidence.highest_mark.value == f->end.lsn.value); /* the footer's */
    assert_true(outcome.evidence.last_offset == offset + AERO_SEGMENT_FOOTER_BYTES);
}

/* EIO is invalid bytes, never the end of the log; what stands before the page is read, what is behind is evidence. */
static void test_reader_treats_an_unreadable_page_as_invalid_bytes(void **state)
{
    struct fixture *f = *state;
    uint64_t end = put_records(f, 1000, 50);
    f->disk.bad_from = AERO_SEGMENT_HEADER_BYTES + 5 * 4096 + 10;
    f->disk.bad_to = f->disk.bad_from + 1;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.count == 5 * 4096 / 120);
    assert_true(outcome.evidence.found && outcome.evidence.highest_lsn.value == 1100);
    /* Behind the records, where zeros would have been clean. */
    put_zeros(f, 3 * 4096);
    f->disk.bad_from = end + 5000;
    f->disk.bad_to = end + 5001;
    outcome = read_all(f, 0);
    assert_true(outcome.count == 1000);
    assert_int_equal(outcome.stop, AERO_STOP_INVALID);
    assert_true(outcome.evidence.last_offset > end + 5000);
    /* The header itself. */
    f->disk.bad_from = 0;
    f->disk.bad_to = 1;
    struct aero_wal_reader *reader;
    assert_int_equal(aero_wal_reader_open(memory_disk_port(&f->disk), NAME, 0, &reader).code,
                     AERO_IO);
}

/* One read of a window that the disk refuses, and gives when it is asked again page by page: nothing is missing. */
static void test_reader_goes_on_behind_a_read_that_failed_once(void **state)
{
    struct fixture *f = *state;
    uint64_t end = put_records(f, 30000, 100);
    f->disk.bad_from = end / 2;
    f->disk.bad_to = end / 2 + 1;
    f->disk.bad_reads = 1;
    struct outcome outcome = read_all(f, 0);
    assert_int_equal(f->disk.bad_reads, 0);
    assert_int_equal(outcome.stop, AERO_STOP_CLEAN);
    assert_true(outcome.count == f->count && outcome.offset == end);
}

/* A footer proves what it names; what records say of more counts, too. */
static void test_reader_scan_takes_the_highest_mark_from_records_or_footer(void **state)
{
    struct fixture *f = *state;
    uint64_t offset = put_records(f, 5, 50);
    f->end.lsn.value = 101;
    put_footer(f, offset, 5);
    f->file->bytes.data[AERO_SEGMENT_HEADER_BYTES + 120] ^= 1;
    struct outcome outcome = read_all(f, 0);
    assert_true(outcome.evidence.footer_found);
    assert_int_equal(outcome.evidence.highest_mark.value, 103);
}

/* Where the record `position` ends, asked of a reader that stands behind the first record. */
static uint64_t find_end(struct fixture *f, struct aero_position position)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    uint64_t found = 0;
    assert_int_equal(aero_wal_reader_open(memory_disk_port(&f->disk), NAME, 0, &reader).code,
                     AERO_OK);
    assert_int_equal(aero_wal_reader_next(reader, &record).code, AERO_OK);
    aero_status status =
        aero_wal_reader_find(reader, aero_wal_reader_offset(reader), position, &found);
    assert_int_equal(status.code, found != 0 ? AERO_OK : AERO_NOT_FOUND);
    aero_wal_reader_close(reader);
    return found;
}

/* Behind damage the place of a later record is told by its own header, or by the one that chains to it; by nothing else. */
static void test_reader_finds_the_end_of_a_record_behind_damage(void **state)
{
    struct fixture *f = *state;
    uint64_t second = put_record(f, AERO_SEGMENT_HEADER_BYTES, 50);
    uint64_t third = put_record(f, second, 50);
    uint64_t fourth = put_record(f, third, 50);
    struct aero_position position = f->end; /* of the third */
    put_record(f, fourth, 50);
    f->file->bytes.data[second + 20] ^= 1;
    assert_int_equal(find_end(f, position), fourth);
    f->file->bytes.data[third + 20] ^= 1; /* its own header is gone: the next one names it */
    assert_int_equal(find_end(f, position), fourth);
    struct aero_position other = {.lsn = position.lsn, .chain = position.chain ^ 1};
    assert_int_equal(find_end(f, other), 0);
    struct aero_position later = {.lsn = {.value = 120}, .chain = 1};
    assert_int_equal(find_end(f, later), 0);
}

/* Further behind than one read goes. */
static void test_reader_finds_an_end_far_behind_damage(void **state)
{
    struct fixture *f = *state;
    uint64_t end = put_records(f, 30000, 100);
    f->file->bytes.data[AERO_SEGMENT_HEADER_BYTES + 200] ^= 1;
    assert_int_equal(find_end(f, f->end), end);
}

/* What an earlier life of the file left tells of no end. */
static void test_reader_finds_no_end_in_an_earlier_life(void **state)
{
    struct fixture *f = *state;
    put_records(f, 5, 50);
    struct aero_position position = f->end;
    begin_segment(f, 9);
    put_record(f, AERO_SEGMENT_HEADER_BYTES, 50);
    assert_int_equal(find_end(f, position), 0);
}

/* ---- A process that dies in a read, and a read that is refused ---- */

struct dying_disk {
    struct memory_disk disk; /* first: the other calls take it for one */
    aero_status status;      /* of the next read, and of all behind it when the process died */
    bool fails_first;
};

static aero_status dying_read(void *self, struct aero_disk_file *file, uint64_t offset, void *data,
                              size_t length, size_t *out_read)
{
    struct dying_disk *dying = self;
    if (aero_is_ok(dying->status)) {
        return memory_read(&dying->disk, file, offset, data, length, out_read);
    }
    if (dying->fails_first) {
        dying->fails_first = false;
        return aero_error_errno(EIO);
    }
    aero_status status = dying->status;
    dying->status = status.code == AERO_CRASHED ? status : aero_ok();
    return status;
}

/* At once, or when the window that could not be read is asked for page by page. */
static void expect_passed_on(struct fixture *f, aero_status expected)
{
    struct aero_disk_ops ops = memory_disk_ops;
    ops.read = dying_read;
    for (unsigned later = 0; later < 2; later++) {
        struct dying_disk dying = {.disk = f->disk, .fails_first = later != 0};
        struct aero_disk disk = {.ops = &ops, .self = &dying};
        struct aero_wal_reader *reader;
        struct aero_wal_record record;
        assert_int_equal(aero_wal_reader_open(disk, NAME, 0, &reader).code, AERO_OK);
        dying.status = expected;
        aero_status status;
        while (aero_is_ok(status = aero_wal_reader_next(reader, &record))) {
        }
        assert_int_equal(status.code, expected.code);
        assert_int_equal(status.sys_errno, expected.sys_errno);
        aero_wal_reader_close(reader);
    }
}

/* A refusal says nothing of the bytes (FM-6.2c). */
static void test_reader_passes_on_that_the_process_died_or_was_refused(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_ops ops = memory_disk_ops;
    ops.read = dying_read;
    put_records(f, 30000, 100);
    expect_passed_on(f, aero_error(AERO_CRASHED));
    expect_passed_on(f, aero_error_errno(EPERM));
    begin_segment(f, 8);
    put_record(f, AERO_SEGMENT_HEADER_BYTES, (size_t)3 << 20); /* its rest is to be read */
    struct dying_disk dying = {.disk = f->disk};
    struct aero_disk disk = {.ops = &ops, .self = &dying};
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    assert_int_equal(aero_wal_reader_open(disk, NAME, 0, &reader).code, AERO_OK);
    dying.status = aero_error(AERO_CRASHED);
    assert_int_equal(aero_wal_reader_next(reader, &record).code, AERO_CRASHED);
    aero_wal_reader_close(reader);
}

/* The file became shorter while it was read, and a page of what is left cannot be read: neither is an end of the log. */
static void test_reader_of_a_file_that_shrinks_stops_invalid(void **state)
{
    struct fixture *f = *state;
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    uint64_t end = put_records(f, 30000, 100);
    assert_int_equal(aero_wal_reader_open(memory_disk_port(&f->disk), NAME, 0, &reader).code,
                     AERO_OK);
    f->file->bytes.length = (size_t)end - 100000;
    f->disk.bad_from =
        end - 50000; /* the read of a window fails, and then that of each page comes short */
    f->disk.bad_to = end;
    f->disk.bad_reads = 1;
    while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
    }
    assert_int_equal(aero_wal_reader_stop(reader), AERO_STOP_INVALID);
    assert_true(aero_wal_reader_offset(reader) <= end - 100000);
    assert_true(aero_wal_reader_record_count(reader) >= 29000);
    aero_wal_reader_close(reader);
    aero_wal_reader_close(NULL);
}

static void test_reader_open_reports_what_is_wrong_with_the_header(void **state)
{
    struct fixture *f = *state;
    struct aero_wal_reader *reader;
    struct aero_disk disk = memory_disk_port(&f->disk);
    assert_int_equal(aero_wal_reader_open(disk, "wal/none", 0, &reader).code, AERO_NOT_FOUND);
    f->file->bytes.data[20] ^= 1;
    assert_int_equal(aero_wal_reader_open(disk, NAME, 0, &reader).code, AERO_CORRUPT);
    f->file->bytes.length = AERO_SEGMENT_HEADER_BYTES - 1;
    assert_int_equal(aero_wal_reader_open(disk, NAME, 0, &reader).code, AERO_INCOMPLETE);
}

#define WITH_SEGMENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SEGMENT(test_reader_of_an_empty_segment_stands_at_the_predecessors_end),
        WITH_SEGMENT(test_reader_returns_every_record_and_stops_clean_at_the_end_of_the_file),
        WITH_SEGMENT(test_reader_stops_clean_before_zeros),
        WITH_SEGMENT(test_reader_stops_at_a_footer_that_agrees),
        WITH_SEGMENT(test_reader_refuses_a_footer_that_disagrees),
        WITH_SEGMENT(test_reader_stops_at_the_bound_whatever_follows),
        WITH_SEGMENT(test_reader_with_a_bound_that_is_not_reached_is_invalid),
        WITH_SEGMENT(test_reader_stops_invalid_at_every_flipped_byte_of_a_record),
        WITH_SEGMENT(test_reader_of_every_shorter_file_never_stops_clean_inside_a_record),
        WITH_SEGMENT(test_reader_stops_invalid_before_a_hole_with_records_behind),
        WITH_SEGMENT(test_reader_of_a_recycled_file_stops_clean_wherever_it_ends),
        WITH_SEGMENT(test_reader_of_a_recycled_file_still_sees_its_own_torn_tail),
        WITH_SEGMENT(test_reader_of_a_recycled_file_stops_invalid_before_an_unreadable_page),
        WITH_SEGMENT(test_reader_stops_invalid_at_unclassifiable_bytes),
        WITH_SEGMENT(test_reader_scan_sees_headers_across_its_pieces_and_its_own_footer),
        WITH_SEGMENT(test_reader_treats_an_unreadable_page_as_invalid_bytes),
        WITH_SEGMENT(test_reader_goes_on_behind_a_read_that_failed_once),
        WITH_SEGMENT(test_reader_scan_takes_the_highest_mark_from_records_or_footer),
        WITH_SEGMENT(test_reader_finds_the_end_of_a_record_behind_damage),
        WITH_SEGMENT(test_reader_finds_an_end_far_behind_damage),
        WITH_SEGMENT(test_reader_finds_no_end_in_an_earlier_life),
        WITH_SEGMENT(test_reader_passes_on_that_the_process_died_or_was_refused),
        WITH_SEGMENT(test_reader_of_a_file_that_shrinks_stops_invalid),
        WITH_SEGMENT(test_reader_open_reports_what_is_wrong_with_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
