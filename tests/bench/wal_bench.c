/* SPDX-License-Identifier: Apache-2.0 */
/* wal_bench DIRECTORY [seconds]: what the log costs the core's thread (ns a record, no disk), how fast a segment in the page
 * cache is read and verified, and durable commits a second
 * on a real disk with 1, 16 and 64 records kept queued, for each step from the baseline to every switch. DIRECTORY is
 * made and must not hold a data directory. Each lane has a thread, as in the daemons; the proof runs inline. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/ports.h"
#include "engine/wal_reader.h"
#include "engine/wal_writer.h"

#define PAYLOAD_BYTES 100
#define SPIN_NS 50000U

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static aero_id draw_id(void)
{
    struct aero_entropy entropy = aero_entropy_posix();
    return entropy.id(entropy.self);
}

static struct aero_wal_writer *new_writer(const struct aero_wal_options *options)
{
    struct aero_wal_start start = {
        .cluster_id = draw_id(), .epoch = {1}, .incarnation = draw_id(), .nonce = draw_id()};
    return aero_wal_new(options, &start);
}

/* ---- The core alone ---------------------------------------------------------------------------------------- */

/* Every request succeeds at once. */
static void complete_all(struct aero_wal_writer *wal)
{
    const struct aero_disk_request *request;
    while ((request = aero_wal_next_request(wal)) != NULL) {
        struct aero_disk_completion completion = {.request_id = request->id,
                                                  .failed_op = request->op_count};
        struct aero_wal_segment segment;
        aero_wal_on_completion(wal, &completion);
        (void)aero_wal_take_new_segment(wal, &segment);
        if (aero_wal_needs_nonce(wal)) {
            aero_wal_give_nonce(wal, draw_id());
        }
    }
}

static void bench_core(unsigned group, size_t payload_bytes)
{
    static uint8_t payload[4096];
    struct aero_wal_options options = {
        .switches = {.group_commit = true, .wal_batching = true, .overlapped_sync = true},
        .segment_bytes = 64 << 20,
        .queue_bytes = 64 << 20,
    };
    struct aero_wal_writer *wal = new_writer(&options);
    uint64_t count = 4000000 / group * group;
    complete_all(wal);
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < count; i += group) {
        for (unsigned j = 0; j < group; j++) {
            memcpy(payload, &i, sizeof i);
            aero_wal_append(wal, AERO_RECORD_COMMIT, aero_slice_of(payload, payload_bytes));
        }
        aero_wal_submit(wal);
        complete_all(wal);
    }
    double ns = (double)(now_ns() - begin) / (double)count;
    AERO_ASSERT(aero_wal_durable(wal).position.lsn.value == count);
    printf("core: %4zu-byte records, groups of %3u   %6.0f ns a record\n", payload_bytes, group,
           ns);
    aero_wal_free(wal);
}

/* ---- On a disk --------------------------------------------------------------------------------------------- */

struct lane {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct aero_disk disk;
    struct aero_disk_handles *handles;
    const struct aero_disk_request *_Atomic request;
    atomic_bool stop;
    struct aero_disk_completion completion;
    atomic_bool done;
};

static const struct aero_disk_request *await_request(struct lane *lane)
{
    uint64_t begin = now_ns();
    do {
        if (atomic_load(&lane->request) != NULL) {
            return atomic_load(&lane->request);
        }
    } while (now_ns() - begin < SPIN_NS);
    pthread_mutex_lock(&lane->mutex);
    while (atomic_load(&lane->request) == NULL && !atomic_load(&lane->stop)) {
        pthread_cond_wait(&lane->wake, &lane->mutex);
    }
    pthread_mutex_unlock(&lane->mutex);
    return atomic_load(&lane->request);
}

static void *run_lane(void *argument)
{
    struct lane *lane = argument;
    const struct aero_disk_request *request;
    while ((request = await_request(lane)) != NULL) {
        aero_disk_run(lane->disk, lane->handles, request, &lane->completion);
        atomic_store(&lane->request, NULL);
        atomic_store(&lane->done, true);
    }
    return NULL;
}

static void give_request(struct lane *lane, const struct aero_disk_request *request)
{
    pthread_mutex_lock(&lane->mutex);
    atomic_store(&lane->request, request);
    pthread_cond_signal(&lane->wake);
    pthread_mutex_unlock(&lane->mutex);
}

struct bench {
    struct aero_disk disk;
    struct aero_disk_handles handles;
    struct lane lanes[AERO_WAL_LANE_BACKGROUND + 1];
    struct aero_wal_writer *wal;
    uint64_t syncs;
};

static void run_inline(struct bench *bench, const struct aero_disk_request *request)
{
    struct aero_disk_completion completion;
    aero_disk_run(bench->disk, &bench->handles, request, &completion);
    aero_wal_on_completion(bench->wal, &completion);
}

/* One turn of the loop. */
static void turn(struct bench *bench, bool alone)
{
    const struct aero_disk_request *request;
    struct aero_wal_segment segment;
    bool idle = true;
    for (size_t i = 0; i <= AERO_WAL_LANE_BACKGROUND; i++) {
        struct lane *lane = &bench->lanes[i];
        if (atomic_exchange(&lane->done, false)) {
            idle = false;
            aero_wal_on_completion(bench->wal, &lane->completion);
        }
    }
    while ((request = aero_wal_next_request(bench->wal)) != NULL) {
        idle = false;
        bench->syncs += request->lane <= AERO_WAL_LANE_SECOND;
        /* A lone commit is synced by the thread that has nothing else to do. */
        if (request->domain == AERO_DOMAIN_PROOF ||
            (alone && request->lane == AERO_WAL_LANE_FIRST)) {
            run_inline(bench, request);
        } else {
            give_request(&bench->lanes[request->lane], request);
        }
    }
    (void)aero_wal_take_new_segment(bench->wal, &segment);
    if (aero_wal_needs_nonce(bench->wal)) {
        aero_wal_give_nonce(bench->wal, draw_id());
    }
    if (idle) {
        sched_yield();
    }
}

static void start_lanes(struct bench *bench)
{
    for (size_t i = 0; i <= AERO_WAL_LANE_BACKGROUND; i++) {
        struct lane *lane = &bench->lanes[i];
        lane->disk = bench->disk;
        lane->handles = &bench->handles;
        pthread_mutex_init(&lane->mutex, NULL);
        pthread_cond_init(&lane->wake, NULL);
        AERO_ASSERT(pthread_create(&lane->thread, NULL, run_lane, lane) == 0);
    }
}

static void stop_lanes(struct bench *bench)
{
    for (size_t i = 0; i <= AERO_WAL_LANE_BACKGROUND; i++) {
        struct lane *lane = &bench->lanes[i];
        pthread_mutex_lock(&lane->mutex);
        atomic_store(&lane->stop, true);
        pthread_cond_signal(&lane->wake);
        pthread_mutex_unlock(&lane->mutex);
        pthread_join(lane->thread, NULL);
    }
}

static void remove_files(struct aero_disk disk)
{
    struct aero_buffer entries = {0};
    AERO_ASSERT(aero_is_ok(disk.ops->list(disk.self, "wal", &entries)));
    const struct aero_disk_entry *entry = (const struct aero_disk_entry *)(void *)entries.data;
    for (size_t i = 0; i < entries.length / sizeof *entry; i++) {
        char name[AERO_DISK_NAME_MAX + 8];
        snprintf(name, sizeof name, "wal/%s", entry[i].name);
        AERO_ASSERT(aero_is_ok(disk.ops->unlink(disk.self, name)));
    }
    aero_buffer_deinit(&entries);
}

static void bench_disk(struct aero_disk disk, const char *what, struct aero_wal_switches switches,
                       unsigned queued, double seconds)
{
    static const uint8_t payload[PAYLOAD_BYTES];
    struct aero_wal_options options = {
        .switches = switches, .segment_bytes = 64 << 20, .queue_bytes = 64 << 20};
    struct bench *bench = aero_calloc(1, sizeof *bench);
    bench->disk = disk;
    bench->wal = new_writer(&options);
    start_lanes(bench);
    while (aero_wal_durable(bench->wal).sequence == 0) {
        turn(bench, false);
    }
    bench->syncs = 0;
    uint64_t begin = now_ns();
    uint64_t end = begin + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        uint64_t durable = aero_wal_durable(bench->wal).position.lsn.value;
        AERO_ASSERT(aero_wal_is_open(bench->wal));
        while (aero_wal_last_lsn(bench->wal).value < durable + queued) {
            aero_wal_append(bench->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, sizeof payload));
        }
        aero_wal_submit(bench->wal);
        turn(bench, queued == 1);
    }
    double elapsed = (double)(now_ns() - begin) / 1e9;
    uint64_t commits = aero_wal_durable(bench->wal).position.lsn.value;
    printf("disk: %-34s %3u queued %9.0f durable commits/s, %6.1f a sync\n", what, queued,
           (double)commits / elapsed, (double)commits / (double)bench->syncs);
    fflush(stdout);
    while (!aero_wal_is_idle(bench->wal)) {
        turn(bench, false);
    }
    stop_lanes(bench);
    aero_disk_handles_close(disk, &bench->handles);
    aero_wal_free(bench->wal);
    free(bench);
    remove_files(disk);
}

/* ---- Reading ----------------------------------------------------------------------------------------------- */

static void bench_read(struct aero_disk disk, size_t payload_bytes)
{
    static uint8_t payload[4096];
    struct aero_wal_options options = {.switches = {.group_commit = true, .wal_batching = true},
                                       .segment_bytes = 256 << 20,
                                       .queue_bytes = 64 << 20};
    struct bench *bench = aero_calloc(1, sizeof *bench);
    uint64_t count = (200U << 20) / aero_record_bytes(payload_bytes);
    bench->disk = disk;
    bench->wal = new_writer(&options);
    const struct aero_disk_request *request;
    struct aero_wal_segment segment = {.name = ""};
    for (uint64_t i = 0; i < count; i++) {
        aero_wal_append(bench->wal, AERO_RECORD_COMMIT, aero_slice_of(payload, payload_bytes));
        if (i % 4096 == 0 || i + 1 == count) {
            aero_wal_submit(bench->wal);
            while ((request = aero_wal_next_request(bench->wal)) != NULL) {
                run_inline(bench, request);
            }
        }
    }
    AERO_ASSERT(aero_wal_take_new_segment(bench->wal, &segment));
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    uint64_t begin = now_ns();
    AERO_ASSERT(aero_is_ok(aero_wal_reader_open(disk, segment.name, 0, &reader)));
    while (aero_is_ok(aero_wal_reader_next(reader, &record))) {
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    AERO_ASSERT(aero_wal_reader_record_count(reader) == count);
    printf("read: %4zu-byte records %6.2f M/s, %6.0f MB/s\n", payload_bytes,
           (double)count / seconds / 1e6, (double)aero_wal_reader_offset(reader) / seconds / 1e6);
    aero_wal_reader_close(reader);
    aero_disk_handles_close(disk, &bench->handles);
    aero_wal_free(bench->wal);
    free(bench);
    remove_files(disk);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what;
        struct aero_wal_switches switches;
    } steps[] = {
        {"baseline", {0}},
        {"group_commit", {.group_commit = true}},
        {"+ wal_batching", {.group_commit = true, .wal_batching = true}},
        {"+ wal_recycle", {.group_commit = true, .wal_batching = true, .wal_recycle = true}},
        {"+ overlapped_sync",
         {.group_commit = true,
          .wal_batching = true,
          .wal_recycle = true,
          .overlapped_sync = true}},
    };
    static const unsigned queued[] = {1, 16, 64};
    struct aero_disk_posix *posix;
    if (argc < 2) {
        fprintf(stderr, "usage: wal_bench DIRECTORY [seconds]\n");
        return 2;
    }
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    bench_core(1, PAYLOAD_BYTES);
    bench_core(64, PAYLOAD_BYTES);
    bench_core(64, 1024);
    if (!aero_is_ok(aero_disk_posix_open(argv[1], true, &posix))) {
        fprintf(stderr, "wal_bench: cannot open %s\n", argv[1]);
        return 1;
    }
    struct aero_disk disk = aero_disk_posix_port(posix);
    bench_read(disk, PAYLOAD_BYTES);
    bench_read(disk, 1024);
    for (size_t i = 0; i < sizeof queued / sizeof queued[0]; i++) {
        for (size_t j = 0; j < sizeof steps / sizeof steps[0]; j++) {
            bench_disk(disk, steps[j].what, steps[j].switches, queued[i], seconds);
        }
    }
    aero_disk_posix_close(posix);
    return 0;
}
