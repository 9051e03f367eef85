/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the writer share beyond the harness: short words for the common steps. */
#ifndef AERO_TESTS_WAL_WRITER_STEPS_H
#define AERO_TESTS_WAL_WRITER_STEPS_H

#include "tests/unit/cmocka_setup.h"

#include "tests/unit/engine/wal_harness.h"

#define FIRST "wal/0000000000000001-00000001.seg"

static inline struct harness *standard(void)
{
    struct aero_wal_options options = harness_options();
    return harness_writer(&options);
}

static inline uint64_t durable_lsn(const struct harness *h)
{
    return aero_wal_durable(h->wal).position.lsn.value;
}

static inline struct aero_wal_failure take_failure(struct harness *h)
{
    struct aero_wal_failure failure;
    assert_true(aero_wal_take_failure(h->wal, &failure));
    struct aero_wal_failure again;
    assert_false(aero_wal_take_failure(h->wal, &again));
    return failure;
}

static inline void assert_no_failure(struct harness *h)
{
    struct aero_wal_failure failure;
    assert_false(aero_wal_take_failure(h->wal, &failure));
}

static inline void arm(struct harness *h, const char *call, const char *name, int sys_errno)
{
    h->disk.fault = (struct memory_fault){.call = call, .name = name, .sys_errno = sys_errno};
}

struct segment_facts {
    struct aero_segment_header header;
    uint64_t count;
    uint64_t offset;
    struct aero_position position;
    enum aero_wal_stop stop;
    aero_lsn marks[64]; /* of the first records */
    char texts[64][32]; /* their payloads */
};

static inline struct segment_facts read_segment(struct harness *h, const char *name, uint64_t bound)
{
    struct segment_facts facts = {0};
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    assert_int_equal(aero_wal_reader_open(memory_disk_port(&h->disk), name, bound, &reader).code,
                     AERO_OK);
    facts.header = *aero_wal_reader_header(reader);
    while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
        if (facts.count < 64) {
            size_t length = record.payload.length < 31 ? record.payload.length : 31;
            memcpy(facts.texts[facts.count], record.payload.data, length);
            facts.marks[facts.count] = record.header.durable_mark;
        }
        facts.count++;
    }
    facts.stop = aero_wal_reader_stop(reader);
    facts.offset = aero_wal_reader_offset(reader);
    facts.position = aero_wal_reader_position(reader);
    aero_wal_reader_close(reader);
    return facts;
}

static inline void fill_segment(struct harness *h, size_t payload_length)
{
    uint64_t sequence = aero_wal_durable(h->wal).sequence;
    uint8_t *payload = aero_calloc(1, payload_length);
    while (aero_wal_durable(h->wal).sequence == sequence) {
        aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, payload_length));
        aero_wal_submit(h->wal);
        harness_settle(h);
    }
    free(payload);
}

static inline struct harness *two_groups_in_flight(void)
{
    struct harness *h = standard();
    harness_append(h, "one");
    aero_wal_submit(h->wal);
    harness_append(h, "two");
    aero_wal_submit(h->wal);
    harness_append(h, "three"); /* no lane is free for it */
    aero_wal_submit(h->wal);
    harness_fetch(h);
    assert_int_equal(h->pending_count, 2);
    return h;
}

#endif
