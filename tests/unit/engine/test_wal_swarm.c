/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories over writer and follower: completions in any order, faults at any call, a stop at any moment. What is
 * read back from the files, every byte that was ever written kept, must hold what was acknowledged and nothing that was
 * told NOTWRITTEN. (Losing un-synced bytes is the simulator's work.) A failing seed is printed; it is the whole input. */
#include "tests/unit/cmocka_setup.h"

#include "base/le.h"
#include "base/prng.h"
#include "engine/proof.h"
#include "tests/unit/engine/wal_feed.h"

#define SEED_COUNT 300
#define STEP_COUNT 2000
#define ATTEMPTS_MAX 2048

enum fate {
    PENDING,
    ACKNOWLEDGED,
    UNKNOWN,
    NOTWRITTEN,
};

struct attempt {
    aero_lsn lsn;
    enum fate fate;
};

/* What the histories met, all seeds together: a swarm that meets nothing proves nothing. */
struct met {
    unsigned fates[NOTWRITTEN + 1];
    unsigned cuts;
    unsigned closes;
    unsigned segments;
    unsigned recycled;
    unsigned replica_cuts;
    unsigned replica_closes;
    unsigned replica_records;
};

struct swarm {
    struct aero_prng prng;
    struct met *met;
    struct harness *writer;
    struct harness *replica;
    struct attempt attempts[ATTEMPTS_MAX]; /* the record's payload begins with its index */
    uint32_t attempt_count;
    uint64_t durable_seen;
    bool faults;
    bool closed; /* the writer said so */
};

static uint64_t below(struct swarm *s, uint64_t bound)
{
    return aero_prng_below(&s->prng, bound);
}

static struct aero_wal_options random_options(struct swarm *s)
{
    return (struct aero_wal_options){
        .switches = {.group_commit = below(s, 4) != 0,
                     .wal_batching = below(s, 3) != 0,
                     .overlapped_sync = below(s, 3) != 0,
                     .wal_recycle = below(s, 2) != 0},
        .segment_bytes = 6000 + 8 * below(s, 1500),
        .queue_bytes = 2048 + (size_t)below(s, 20000),
    };
}

static void arm_random_fault(struct swarm *s, struct harness *h)
{
    static const char *const calls[] = {"write",  "write", "write",  "open",
                                        "rename", "sync",  "syncdir"};
    static const int errnos[] = {ENOSPC, ENOSPC, ENOSPC, ENOSPC, EDQUOT, EIO};
    h->disk.fault = (struct memory_fault){
        .call = calls[below(s, 7)],
        .name = below(s, 2) == 0 ? NULL : "wal/0",
        .skip = (unsigned)below(s, 4),
        .sticky = below(s, 3) == 0,
        .sys_errno = errnos[below(s, 6)],
        .written = (size_t)below(s, 300),
    };
}

/* ---- The writer's owner ----------------------------------------------------------------------------------- */

static void append_some(struct swarm *s)
{
    uint8_t payload[600] = {0};
    size_t length = 4 + (size_t)below(s, below(s, 8) == 0 ? 596 : 60);
    struct aero_wal_writer *wal = s->writer->wal;
    if (!aero_wal_is_open(wal) || !aero_wal_has_room(wal, length) ||
        length > aero_wal_payload_max(wal) || s->attempt_count == ATTEMPTS_MAX) {
        return;
    }
    aero_store_u32(payload, s->attempt_count);
    aero_lsn lsn = aero_wal_append(wal, AERO_RECORD_COMMIT, aero_slice_of(payload, length));
    s->attempts[s->attempt_count++] = (struct attempt){.lsn = lsn};
}

static void acknowledge(struct swarm *s)
{
    uint64_t durable = aero_wal_durable(s->writer->wal).position.lsn.value;
    assert_true(durable >= s->durable_seen);
    s->durable_seen = durable;
    for (uint32_t i = 0; i < s->attempt_count; i++) {
        struct attempt *attempt = &s->attempts[i];
        if (attempt->fate == PENDING && attempt->lsn.value <= durable) {
            attempt->fate = ACKNOWLEDGED;
        }
    }
}

static void take_failure(struct swarm *s)
{
    struct aero_wal_failure failure;
    acknowledge(s);
    if (!aero_wal_take_failure(s->writer->wal, &failure)) {
        return;
    }
    s->met->cuts += !failure.closed;
    s->met->closes += failure.closed;
    s->closed = s->closed || failure.closed;
    assert_true(failure.durable.value == s->durable_seen);
    assert_true(failure.unknown_through.value >= failure.durable.value);
    assert_true(failure.last.value >= failure.unknown_through.value);
    for (uint32_t i = 0; i < s->attempt_count; i++) {
        struct attempt *attempt = &s->attempts[i];
        if (attempt->fate == PENDING) {
            assert_true(attempt->lsn.value <= failure.last.value);
            attempt->fate =
                attempt->lsn.value <= failure.unknown_through.value ? UNKNOWN : NOTWRITTEN;
        }
    }
}

static void run_any(struct swarm *s, struct harness *h)
{
    harness_fetch(h);
    if (h->pending_count > 0) {
        harness_run(h, (size_t)below(s, h->pending_count));
    }
}

/* What truncation would leave: the bytes of an old segment under a name that is no segment's. */
static void recycle_copy(struct swarm *s)
{
    struct harness *h = s->writer;
    char name[AERO_DISK_NAME_MAX];
    snprintf(name, sizeof name, "wal/old-%u.tmp", s->met->recycled);
    if (h->segment_count < 2 || h->disk.file_count + 8 > MEMORY_FILE_COUNT) {
        return;
    }
    const struct memory_file *old =
        memory_find(&h->disk, h->segments[below(s, h->segment_count - 1)].name);
    struct memory_file *copy = memory_put(&h->disk, name);
    memory_store(&copy->bytes, 0, aero_buffer_slice(&old->bytes));
    if (aero_wal_give_recycled(h->wal, name)) {
        s->met->recycled++;
    } else {
        copy->name[0] = '\0';
    }
}

static void writer_step(struct swarm *s)
{
    struct harness *h = s->writer;
    switch (below(s, 9)) {
    case 0:
    case 1:
        append_some(s);
        break;
    case 2:
        aero_wal_submit(h->wal);
        break;
    case 3:
        harness_give_nonce(h);
        break;
    case 4:
        if (below(s, 4) == 0) {
            aero_wal_retry(h->wal);
            aero_wal_flush_proof(h->wal);
        }
        break;
    case 5:
        if (below(s, 10) == 0) {
            recycle_copy(s);
        }
        break;
    default:
        run_any(s, h);
        break;
    }
    if (s->faults && below(s, 40) == 0) {
        arm_random_fault(s, h);
    } else if (below(s, 12) == 0) {
        h->disk.fault.call = NULL;
    }
    take_failure(s);
}

/* ---- Reading back ----------------------------------------------------------------------------------------- */

struct recovered {
    uint32_t attempt[ATTEMPTS_MAX]; /* which attempt stands at LSN index + 1 */
    uint64_t chain[ATTEMPTS_MAX];
    struct aero_position end;
    uint64_t sequence;
};

static struct memory_file *file_of_sequence(struct harness *h, uint64_t sequence)
{
    for (size_t i = 0; i < h->disk.file_count; i++) {
        const char *name = h->disk.files[i]->name;
        aero_lsn first_lsn;
        uint64_t found;
        if (strncmp(name, "wal/", 4) == 0 &&
            aero_segment_name_parse(name + 4, &first_lsn, &found) && found == sequence) {
            return h->disk.files[i];
        }
    }
    return NULL;
}

/* The end that the successor's header names; 0: there is none. */
static uint64_t bound_of(struct harness *h, uint64_t sequence)
{
    struct aero_segment_header header;
    const struct memory_file *next = file_of_sequence(h, sequence + 1);
    if (next == NULL) {
        return 0;
    }
    aero_status status = aero_segment_header_decode(aero_buffer_slice(&next->bytes), &header);
    assert_int_equal(status.code, AERO_OK); /* a final name implies a whole header */
    assert_true(header.prev_sequence == sequence);
    return header.prev_end_offset;
}

static void read_back_segment(struct swarm *s, const char *name, uint64_t bound,
                              struct recovered *recovered)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    assert_int_equal(
        aero_wal_reader_open(memory_disk_port(&s->writer->disk), name, bound, &reader).code,
        AERO_OK);
    const struct aero_segment_header *header = aero_wal_reader_header(reader);
    assert_true(header->prev_end.lsn.value == recovered->end.lsn.value);
    assert_true(header->prev_end.chain == recovered->end.chain);
    while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
        uint64_t index = record.header.lsn.value - 1;
        assert_true(index < ATTEMPTS_MAX);
        assert_true(record.header.durable_mark.value <= s->durable_seen);
        recovered->attempt[index] = aero_load_u32(record.payload.data);
        recovered->chain[index] = record.header.chain;
    }
    recovered->end = aero_wal_reader_position(reader);
    recovered->sequence = header->sequence;
    enum aero_wal_stop stop = aero_wal_reader_stop(reader);
    if (bound != 0) {
        assert_true(stop == AERO_STOP_BOUND || stop == AERO_STOP_FOOTER);
    } else {
        assert_true(stop != AERO_STOP_FOOTER); /* decision 14: never without a successor */
    }
    aero_wal_reader_close(reader);
}

static void check_recovered(struct swarm *s)
{
    struct recovered recovered = {0};
    bool seen[ATTEMPTS_MAX] = {false};
    struct memory_file *file;
    struct memory_fault armed = s->writer->disk.fault;
    s->writer->disk.fault.call = NULL; /* for the writer, not for us */
    for (uint64_t sequence = 1; (file = file_of_sequence(s->writer, sequence)) != NULL;
         sequence++) {
        read_back_segment(s, file->name, bound_of(s->writer, sequence), &recovered);
    }
    for (uint64_t i = 0; i < recovered.end.lsn.value; i++) {
        uint32_t index = recovered.attempt[i];
        assert_true(index < s->attempt_count && !seen[index]);
        seen[index] = true;
        assert_true(s->attempts[index].lsn.value == i + 1);
        assert_int_not_equal(s->attempts[index].fate, NOTWRITTEN); /* decision 11 */
    }
    for (uint32_t i = 0; i < s->attempt_count; i++) {
        if (s->attempts[i].fate == ACKNOWLEDGED) {
            assert_true(seen[i]); /* D-1 */
        }
    }
    /* Decision 5: whatever the proof says is there. */
    struct memory_file *durable = memory_find(&s->writer->disk, AERO_PROOF_FILE);
    struct aero_proof proof;
    if (durable != NULL &&
        aero_is_ok(aero_proof_newest(aero_buffer_slice(&durable->bytes), &proof))) {
        assert_true(proof.end.lsn.value >= s->durable_seen);
        assert_true(proof.end.lsn.value <= recovered.end.lsn.value);
        if (proof.end.lsn.value > 0) {
            assert_true(proof.end.chain == recovered.chain[proof.end.lsn.value - 1]);
        }
    }
    s->writer->disk.fault = armed;
}

/* ---- The follower's owner --------------------------------------------------------------------------------- */

static void replica_step(struct swarm *s)
{
    struct harness *h = s->replica;
    struct aero_wal_failure failure;
    switch (below(s, 5)) {
    case 0:
    case 1:
        feed_step(s->writer, h, 1 + (unsigned)below(s, 8));
        break;
    case 2:
        aero_wal_follower_submit(h->follower);
        break;
    default:
        run_any(s, h);
        break;
    }
    if (s->faults && below(s, 50) == 0) {
        arm_random_fault(s, h);
    } else if (below(s, 12) == 0) {
        h->disk.fault.call = NULL;
    }
    if (aero_wal_follower_take_failure(h->follower, &failure)) {
        s->met->replica_cuts += !failure.closed;
        s->met->replica_closes += failure.closed;
    }
}

/* Liveness: once the disk is well, a log that is not closed makes all that it holds durable and comes to rest. */
static void finish_writer(struct swarm *s)
{
    struct harness *h = s->writer;
    h->disk.fault.call = NULL;
    for (int i = 0; i < 3; i++) {
        aero_wal_submit(h->wal);
        harness_settle(h);
        take_failure(s);
        aero_wal_retry(h->wal);
    }
    aero_wal_flush_proof(h->wal);
    harness_settle(h);
    take_failure(s);
    assert_true(aero_wal_is_idle(h->wal));
    if (s->closed) {
        assert_false(aero_wal_is_open(h->wal));
        return;
    }
    assert_true(aero_wal_is_open(h->wal));
    assert_true(aero_wal_durable(h->wal).position.lsn.value == aero_wal_last_lsn(h->wal).value);
    for (uint32_t i = 0; i < s->attempt_count; i++) {
        assert_int_not_equal(s->attempts[i].fate, PENDING);
    }
}

static void finish_replica(struct swarm *s)
{
    struct harness *h = s->replica;
    struct aero_wal_failure failure;
    h->disk.fault.call = NULL;
    for (int quiet = 0; quiet < 3;) {
        quiet = feed_step(s->writer, h, 5) ? 0 : quiet + 1;
        aero_wal_follower_submit(h->follower);
        harness_settle(h);
        aero_wal_follower_take_failure(h->follower, &failure);
    }
    assert_true(aero_wal_follower_is_idle(h->follower));
    if (aero_wal_follower_is_open(h->follower)) {
        assert_true(aero_wal_follower_durable(h->follower).position.chain ==
                    aero_wal_durable(s->writer->wal).position.chain);
    }
}

static void count_met(struct swarm *s)
{
    for (uint32_t i = 0; i < s->attempt_count; i++) {
        s->met->fates[s->attempts[i].fate]++;
    }
    s->met->segments += (unsigned)s->writer->segment_count;
    s->met->replica_records +=
        (unsigned)aero_wal_follower_durable(s->replica->follower).position.lsn.value;
}

static void run_seed(uint64_t seed, struct met *met)
{
    struct swarm *s = aero_calloc(1, sizeof *s);
    s->met = met;
    aero_prng_init(&s->prng, seed);
    struct aero_wal_options options = random_options(s);
    struct aero_wal_start start = harness_start();
    struct aero_wal_follower_start nothing = {.proof_generation = 0};
    s->faults = below(s, 5) != 0;
    s->writer = harness_new();
    s->replica = harness_new();
    s->writer->wal = aero_wal_new(&options, &start);
    options = random_options(s);
    options.queue_bytes += 8192; /* a header has to fit */
    s->replica->follower = aero_wal_follower_new(&options, &nothing);
    for (unsigned step = 0; step < STEP_COUNT; step++) {
        writer_step(s);
        replica_step(s);
        if (step % 50 == 49) {
            check_recovered(s); /* as if it stopped here */
            assert_true(feed_is_prefix(s->writer, s->replica));
        }
    }
    finish_writer(s);
    check_recovered(s);
    finish_replica(s);
    assert_true(feed_is_prefix(s->writer, s->replica));
    count_met(s);
    harness_free(s->writer);
    harness_free(s->replica);
    free(s);
}

static void test_any_history_keeps_what_was_acknowledged_and_nothing_that_was_refused(void **state)
{
    struct met met = {.cuts = 0};
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        fprintf(stderr, "\rseed %llu ", (unsigned long long)seed);
        run_seed(seed, &met);
    }
    fprintf(stderr,
            "\nacknowledged %u, unknown %u, not written %u, cuts %u, closes %u, segments %u, "
            "recycled %u; "
            "replica: records %u, cuts %u, closes %u\n",
            met.fates[ACKNOWLEDGED], met.fates[UNKNOWN], met.fates[NOTWRITTEN], met.cuts,
            met.closes, met.segments, met.recycled, met.replica_records, met.replica_cuts,
            met.replica_closes);
    assert_true(met.fates[ACKNOWLEDGED] > 10000 && met.fates[UNKNOWN] > 100);
    assert_true(met.fates[NOTWRITTEN] > 1000);
    assert_true(met.cuts > 100 && met.closes > 20 && met.segments > 1000 && met.recycled > 50);
    assert_true(met.replica_records > 5000 && met.replica_cuts > 50 && met.replica_closes > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_history_keeps_what_was_acknowledged_and_nothing_that_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
