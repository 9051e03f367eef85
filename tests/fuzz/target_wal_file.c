/* SPDX-License-Identifier: Apache-2.0 */
/* A whole segment file, as recovery and verification read it: its records in order, why reading stopped, and the search for
 * evidence behind the stop. */
#include "engine/wal_reader.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/engine/memory_disk.h"

#define NAME "wal/0000000000000001-00000001.seg"
#define USED_BYTES 128U /* of a segment header; the input has only these, and the records behind */
#define HEADER_CHECKSUM_OFFSET (AERO_SEGMENT_HEADER_BYTES - 8)

struct seen {
    uint64_t end_offset;
    struct aero_position end;
    uint64_t record_count;
};

/* What a reader hands out continues what it handed out before, byte for byte from the file. */
static void read_records(struct aero_wal_reader *reader, struct aero_slice file,
                         struct seen *out_seen)
{
    struct aero_wal_record record;
    struct seen seen = {.end_offset = aero_wal_reader_offset(reader),
                        .end = aero_wal_reader_position(reader),
                        .record_count = aero_wal_reader_record_count(reader)};
    aero_status status;
    while (aero_is_ok(status = aero_wal_reader_next(reader, &record))) {
        AERO_ASSERT(record.offset == seen.end_offset);
        AERO_ASSERT(record.header.lsn.value == seen.end.lsn.value + 1);
        AERO_ASSERT(record.raw.length == aero_record_bytes(record.payload.length));
        AERO_ASSERT(record.offset + record.raw.length <= file.length);
        AERO_ASSERT(memcmp(file.data + record.offset, record.raw.data, record.raw.length) == 0);
        seen.end_offset += record.raw.length;
        seen.end = aero_wal_reader_position(reader);
        AERO_ASSERT(seen.end.lsn.value == record.header.lsn.value &&
                    seen.end.chain == record.header.chain);
        seen.record_count++;
    }
    AERO_ASSERT(status.code == AERO_NOT_FOUND);
    AERO_ASSERT(aero_wal_reader_offset(reader) == seen.end_offset);
    AERO_ASSERT(aero_wal_reader_record_count(reader) == seen.record_count);
    *out_seen = seen;
}

static void scan(struct aero_wal_reader *reader, const struct seen *seen, size_t file_bytes)
{
    struct aero_wal_evidence evidence = {0};
    aero_status status = aero_wal_reader_scan(reader, seen->end_offset, seen->end.lsn, &evidence);
    AERO_ASSERT(aero_is_ok(status));
    AERO_ASSERT(evidence.last_offset <= file_bytes);
    AERO_ASSERT(evidence.found || evidence.highest_lsn.value == 0);
    AERO_ASSERT(evidence.found || !evidence.footer_found);
    if (aero_wal_reader_stop(reader) == AERO_STOP_CLEAN) {
        AERO_ASSERT(!evidence.found); /* clean is what proves nothing */
    }
}

/* Other evidence proves a record behind the stop: reading goes on behind it, if its place can be found. */
static void go_on(struct aero_wal_reader *reader, struct aero_slice file, const struct seen *seen,
                  struct aero_position proven)
{
    uint64_t offset;
    struct seen behind;
    if (proven.lsn.value <= seen->end.lsn.value ||
        !aero_is_ok(aero_wal_reader_find(reader, seen->end_offset, proven, &offset))) {
        return;
    }
    AERO_ASSERT(offset > seen->end_offset && offset <= file.length);
    aero_wal_reader_seek(reader, offset, proven);
    read_records(reader, file, &behind);
    AERO_ASSERT(behind.end.lsn.value >= proven.lsn.value && behind.end_offset >= offset);
}

static void look(struct aero_slice file, uint64_t bound, struct aero_position proven)
{
    struct memory_disk disk = {0};
    struct aero_wal_reader *reader;
    struct seen seen;
    aero_buffer_append_slice(&memory_put(&disk, NAME)->bytes, file);
    if (aero_is_ok(aero_wal_reader_open(memory_disk_port(&disk), NAME, bound, &reader))) {
        AERO_ASSERT(aero_wal_reader_file_bytes(reader) == file.length);
        read_records(reader, file, &seen);
        AERO_ASSERT(bound == 0 || seen.record_count == 0 || seen.end_offset <= bound);
        if (bound == 0) {
            scan(reader, &seen, file.length);
            go_on(reader, file, &seen, proven);
        }
        aero_wal_reader_close(reader);
    }
    memory_disk_deinit(&disk);
}

/* Puts record after record right: into its place, with its checksums; a footer, too. Returns the last one's position. */
static struct aero_position seal_records(uint8_t *bytes, size_t length, uint64_t nonce64,
                                         struct aero_position before, uint8_t spoiled)
{
    for (uint8_t index = 0; length >= AERO_RECORD_HEADER_BYTES; index++) {
        if (!aero_record_begins(aero_slice_of(bytes, length))) {
            fuzz_seal(bytes, AERO_SEGMENT_FOOTER_BYTES - 8);
            break;
        }
        size_t payload_length = aero_load_u32(bytes + 8);
        size_t record_bytes = aero_record_bytes(payload_length);
        if (record_bytes > length) {
            break;
        }
        struct aero_slice payload = aero_slice_of(bytes + AERO_RECORD_HEADER_BYTES, payload_length);
        aero_store_u64(bytes + 16, before.lsn.value + 1);
        aero_store_u64(bytes + 32, nonce64);
        aero_store_u64(bytes + 40, before.chain);
        aero_store_u64(bytes + 48, aero_checksum64(payload));
        fuzz_seal(bytes, 56);
        before = (struct aero_position){.lsn = aero_lsn_of(before.lsn.value + 1),
                                        .chain = aero_load_u64(bytes + 56)};
        if (index == spoiled) {
            bytes[48] ^= 1; /* damage in the middle: what stands behind is evidence */
        }
        bytes += record_bytes;
        length -= record_bytes;
    }
    return before;
}

/* choice: which record is damaged, if any; bound: where a successor would say that this segment ends. */
void fuzz_one(struct aero_slice input)
{
    uint8_t spoiled = fuzz_take_u8(&input);
    uint16_t bound = fuzz_take_u16(&input);
    size_t used = input.length < USED_BYTES ? input.length : USED_BYTES;
    size_t file_bytes = AERO_SEGMENT_HEADER_BYTES + input.length - used;
    uint8_t *file = aero_calloc(1, file_bytes);
    struct aero_segment_header header;
    aero_id nonce;
    memcpy(file, input.data, used);
    memcpy(file + AERO_SEGMENT_HEADER_BYTES, input.data + used, input.length - used);
    memcpy(nonce.bytes, file + 72, sizeof nonce.bytes);
    aero_store_u64(file + 120, aero_segment_chain0(aero_load_u64(file + 112), nonce));
    fuzz_seal(file, HEADER_CHECKSUM_OFFSET);
    look(aero_slice_of(file, file_bytes), bound, (struct aero_position){.chain = 0});
    if (aero_is_ok(aero_segment_header_decode(aero_slice_of(file, file_bytes), &header))) {
        struct aero_position last = seal_records(
            file + AERO_SEGMENT_HEADER_BYTES, file_bytes - AERO_SEGMENT_HEADER_BYTES,
            aero_segment_nonce64(nonce),
            (struct aero_position){.lsn = header.prev_end.lsn, .chain = header.chain0}, spoiled);
        look(aero_slice_of(file, file_bytes), bound, last);
    }
    free(file);
}

static void add(struct fuzz_seeds *seeds, unsigned records, bool sealed, uint8_t spoiled,
                uint16_t bound)
{
    static const char *const payloads[] = {"a payload", "12345678", "x", "four"};
    struct aero_segment_header header = {.cluster_id = fuzz_id(1),
                                         .epoch = {.value = 1},
                                         .incarnation = fuzz_id(2),
                                         .sequence = 1,
                                         .first_lsn = {.value = 1},
                                         .nonce = fuzz_id(3)};
    uint8_t segment[AERO_SEGMENT_HEADER_BYTES];
    struct aero_buffer bytes = {0};
    aero_segment_header_encode(&header, segment);
    const uint8_t choices[3] = {spoiled, (uint8_t)bound, (uint8_t)(bound >> 8)};
    aero_buffer_append(&bytes, choices, sizeof choices);
    aero_buffer_append(&bytes, segment, USED_BYTES);
    struct aero_record_place place = {.segment_nonce = aero_segment_nonce64(header.nonce),
                                      .prev_chain = header.chain0};
    for (unsigned i = 0; i < records; i++) {
        struct aero_slice payload = aero_slice_text(payloads[i % 4]);
        uint8_t *out = aero_buffer_reserve(&bytes, aero_record_bytes(payload.length));
        place.durable_mark = place.lsn;
        place.lsn = aero_lsn_next(place.lsn);
        aero_record_prepare(AERO_RECORD_COMMIT, payload, out);
        place.prev_chain = aero_record_stamp(out, &place);
        bytes.length += aero_record_bytes(payload.length);
    }
    if (sealed) {
        struct aero_segment_footer footer = {.sequence = 1,
                                             .end_offset = AERO_SEGMENT_HEADER_BYTES +
                                                           bytes.length - 3 - USED_BYTES,
                                             .end = {.lsn = place.lsn, .chain = place.prev_chain},
                                             .record_count = records,
                                             .segment_nonce = place.segment_nonce};
        aero_segment_footer_encode(&footer, aero_buffer_reserve(&bytes, AERO_SEGMENT_FOOTER_BYTES));
        bytes.length += AERO_SEGMENT_FOOTER_BYTES;
    }
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    add(seeds, 0, false, 255, 0);
    add(seeds, 4, false, 255, 0);
    add(seeds, 4, true, 255, 0);
    add(seeds, 4, false, 1, 0);
    add(seeds, 4, true, 2, 0);
    add(seeds, 2, false, 255, AERO_SEGMENT_HEADER_BYTES + 80 + 72);
    add(seeds, 2, true, 255, AERO_SEGMENT_HEADER_BYTES + 80 + 72);
}
