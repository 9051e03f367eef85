/* SPDX-License-Identifier: Apache-2.0 */
/* A lane is a ring with one writer (the loop) and one reader (its worker), and a word that says
 * whether the worker sleeps: submitting takes no lock, and makes a system call only when it does.
 * A worker makes one at completion only when the loop sleeps (host/wake.h).
 *
 *     worker: state = SLEEPING; looks at `queued` again; futex_wait(state, SLEEPING)
 *     loop:   queued = queued + 1; if state was SLEEPING: state = AWAKE, futex_wake
 *
 * Both sequentially consistent, so either the worker sees the request or the loop sees it asleep. A lane of errands is
 * the same ring with the loop at both ends, and `is_away` says that one of its requests runs or has its completion here.
 *
 * Nothing here survives a crash or needs to: a request that a kill interrupts is a crash point of
 * its owner. Source: futex(2). */
#include "host/disk.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/slice.h"
#include "engine/checkpoint.h"
#include "engine/wal_writer.h"
#include "host/thread.h"

#define DONE_MAX ((size_t)AERO_OWNER_COUNT * AERO_HOST_DISK_LANES_MAX * AERO_HOST_DISK_QUEUE_MAX)

enum { AWAKE, SLEEPING };

/* Of the worker that makes snapshots: a tenth of the share of the threads that somebody waits for, so that it takes
 * a processor from them for a moment at most, and still comes to its end on a machine that is never idle. */
#define SNAPSHOT_NICE 10

struct aero_host_lane {
    struct aero_host_disk *disk;
    pthread_t thread;
    struct aero_core_request queue[AERO_HOST_DISK_QUEUE_MAX];
    atomic_uint_fast64_t queued; /* requests ever submitted */
    atomic_uint_fast64_t taken;  /* of them, by the worker */
    _Atomic uint32_t state;      /* the futex */
    atomic_bool stopping;
    bool makes_snapshots;
    bool gives_errands;
    struct aero_core_request errand; /* taken last */
    /* The loop's. */
    bool is_away;
    bool started;
    bool is_threadless; /* the loop does the worker's work */
    size_t pending;     /* submitted and not yet taken back */
};

struct done {
    struct aero_host_lane *lane;
    struct aero_host_done result;
};

struct aero_host_disk {
    struct aero_host_disk_options options;
    struct aero_host_lane lanes[AERO_OWNER_COUNT][AERO_HOST_DISK_LANES_MAX];
    size_t pending;
    pthread_mutex_t mutex;
    size_t done_first;
    size_t done_count;
    struct done done[DONE_MAX];
};

static void futex(struct aero_host_lane *lane, int operation, uint32_t value)
{
    /* EAGAIN and EINTR are answers like any other: the caller looks again. */
    (void)syscall(SYS_futex, &lane->state, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static bool has_request(const struct aero_host_lane *lane)
{
    return atomic_load(&lane->queued) != atomic_load_explicit(&lane->taken, memory_order_relaxed);
}

static struct aero_core_request pop_request(struct aero_host_lane *lane)
{
    uint64_t taken = atomic_load_explicit(&lane->taken, memory_order_relaxed);
    struct aero_core_request request = lane->queue[taken % AERO_HOST_DISK_QUEUE_MAX];
    atomic_store_explicit(&lane->taken, taken + 1, memory_order_release);
    return request;
}

/* False: stopping, and nothing is left. */
static bool take_request(struct aero_host_lane *lane, struct aero_core_request *out_request)
{
    while (!has_request(lane)) {
        if (atomic_load(&lane->stopping)) {
            return false;
        }
        /* Sleeps only if it has looked since it said so. */
        if (atomic_exchange(&lane->state, SLEEPING) == SLEEPING) {
            futex(lane, FUTEX_WAIT, SLEEPING);
        }
    }
    atomic_store(&lane->state, AWAKE);
    *out_request = pop_request(lane);
    return true;
}

static void wake_worker(struct aero_host_lane *lane)
{
    if (atomic_load(&lane->state) == SLEEPING) {
        atomic_store(&lane->state, AWAKE);
        futex(lane, FUTEX_WAKE, 1);
    }
}

static void leave_done(struct aero_host_lane *lane, const struct aero_host_done *result)
{
    struct aero_host_disk *disk = lane->disk;
    pthread_mutex_lock(&disk->mutex);
    AERO_ASSERT(disk->done_count < DONE_MAX);
    disk->done[(disk->done_first + disk->done_count) % DONE_MAX] =
        (struct done){.lane = lane, .result = *result};
    disk->done_count++;
    pthread_mutex_unlock(&disk->mutex);
    aero_host_wake_now(disk->options.wake);
}

static void run_request(struct aero_host_disk *disk, const struct aero_core_request *request,
                        struct aero_host_done *out_done)
{
    out_done->owner = request->owner;
    aero_disk_run(disk->options.disk, request->handles, request->request, &out_done->completion);
}

static void complete_request(struct aero_host_lane *lane, const struct aero_core_request *request)
{
    struct aero_host_done result;
    run_request(lane->disk, request, &result);
    leave_done(lane, &result);
}

static void *run_lane(void *argument)
{
    struct aero_host_lane *lane = argument;
    struct aero_core_request request;
    if (lane->makes_snapshots) { /* a refusal costs latency, nothing else */
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), SNAPSHOT_NICE);
    }
    while (take_request(lane, &request)) {
        complete_request(lane, &request);
    }
    return NULL;
}

static void start_lane(struct aero_host_lane *lane)
{
    lane->started = aero_host_thread_start(&lane->thread, run_lane, lane,
                                           lane->disk->options.logger, "disk requests");
    lane->is_threadless = !lane->started;
}

struct aero_host_disk *aero_host_disk_new(const struct aero_host_disk_options *options)
{
    struct aero_host_disk *disk = aero_calloc(1, sizeof *disk);
    disk->options = *options;
    pthread_mutex_init(&disk->mutex, NULL);
    for (unsigned owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        for (unsigned i = 0; i < AERO_HOST_DISK_LANES_MAX; i++) {
            struct aero_host_lane *lane = &disk->lanes[owner][i];
            lane->disk = disk;
            lane->gives_errands = options->errands && owner == AERO_OWNER_WAL &&
                                  (i == AERO_WAL_LANE_FIRST || i == AERO_WAL_LANE_SECOND);
            lane->makes_snapshots =
                owner == AERO_OWNER_CHECKPOINT && i == AERO_CHECKPOINT_LANE_SNAPSHOT;
        }
    }
    return disk;
}

static void stop_lane(struct aero_host_lane *lane)
{
    if (lane->started) {
        atomic_store(&lane->stopping, true);
        wake_worker(lane);
        pthread_join(lane->thread, NULL);
    }
    while (has_request(lane)) { /* errands that nobody took */
        struct aero_host_done result;
        lane->errand = pop_request(lane);
        run_request(lane->disk, &lane->errand, &result);
    }
}

void aero_host_disk_free(struct aero_host_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    for (unsigned owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        for (unsigned i = 0; i < AERO_HOST_DISK_LANES_MAX; i++) {
            stop_lane(&disk->lanes[owner][i]);
        }
    }
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

bool aero_host_disk_has_done(struct aero_host_disk *disk)
{
    pthread_mutex_lock(&disk->mutex);
    bool some = disk->done_count > 0;
    pthread_mutex_unlock(&disk->mutex);
    return some;
}

static bool is_plain_proof(const struct aero_disk_request *request)
{
    if (request->domain != AERO_DOMAIN_PROOF) {
        return false;
    }
    for (uint32_t i = 0; i < request->op_count; i++) {
        if (request->ops[i].kind != AERO_OP_WRITE) {
            return false;
        }
    }
    return true;
}

static void queue_request(struct aero_host_lane *lane, const struct aero_core_request *request)
{
    uint64_t queued = atomic_load_explicit(&lane->queued, memory_order_relaxed);
    uint64_t taken = atomic_load_explicit(&lane->taken, memory_order_acquire);
    AERO_ASSERT(queued - taken < AERO_HOST_DISK_QUEUE_MAX);
    lane->queue[queued % AERO_HOST_DISK_QUEUE_MAX] = *request;
    atomic_store(&lane->queued, queued + 1);
    wake_worker(lane);
}

bool aero_host_disk_submit(struct aero_host_disk *disk, const struct aero_core_request *request,
                           struct aero_host_done *out_done)
{
    AERO_ASSERT(request->owner < AERO_OWNER_COUNT);
    AERO_ASSERT(request->request->lane < AERO_HOST_DISK_LANES_MAX);
    struct aero_host_lane *lane = &disk->lanes[request->owner][request->request->lane];
    if (lane->pending == 0 && is_plain_proof(request->request)) {
        run_request(disk, request, out_done);
        return true;
    }
    if (!lane->started && !lane->is_threadless && !lane->gives_errands) {
        start_lane(lane);
    }
    lane->pending++;
    disk->pending++;
    AERO_ASSERT(lane->pending <= AERO_HOST_DISK_QUEUE_MAX); /* so that `done` cannot overflow */
    if (lane->is_threadless) {
        /* Told like a worker's: a core that hands out one request after another still lets clients in between. */
        complete_request(lane, request);
    } else {
        queue_request(lane, request);
    }
    return false;
}

size_t aero_host_disk_take(struct aero_host_disk *disk, struct aero_host_done *out_done,
                           size_t count)
{
    pthread_mutex_lock(&disk->mutex);
    size_t taken = disk->done_count < count ? disk->done_count : count;
    for (size_t i = 0; i < taken; i++) {
        const struct done *done = &disk->done[(disk->done_first + i) % DONE_MAX];
        done->lane->pending--;
        done->lane->is_away = false;
        out_done[i] = done->result;
    }
    disk->done_first = (disk->done_first + taken) % DONE_MAX;
    disk->done_count -= taken;
    pthread_mutex_unlock(&disk->mutex);
    disk->pending -= taken;
    return taken;
}

/* NULL, or the request that is next in a lane of errands. */
static const struct aero_disk_request *next_of(const struct aero_host_lane *lane)
{
    if (!lane->gives_errands || lane->is_away || !has_request(lane)) {
        return NULL;
    }
    return lane->queue[atomic_load(&lane->taken) % AERO_HOST_DISK_QUEUE_MAX].request;
}

/* The older group first: nothing behind it is acknowledged before it. */
static struct aero_host_lane *find_errand(struct aero_host_disk *disk)
{
    struct aero_host_lane *first = &disk->lanes[AERO_OWNER_WAL][AERO_WAL_LANE_FIRST];
    struct aero_host_lane *second = &disk->lanes[AERO_OWNER_WAL][AERO_WAL_LANE_SECOND];
    const struct aero_disk_request *of_first = next_of(first);
    const struct aero_disk_request *of_second = next_of(second);
    if (of_first == NULL || (of_second != NULL && of_second->id < of_first->id)) {
        return of_second == NULL ? NULL : second;
    }
    return first;
}

bool aero_host_disk_has_errand(struct aero_host_disk *disk)
{
    return find_errand(disk) != NULL;
}

struct aero_host_lane *aero_host_disk_take_errand(struct aero_host_disk *disk)
{
    struct aero_host_lane *lane = find_errand(disk);
    if (lane != NULL) {
        lane->errand = pop_request(lane);
        lane->is_away = true;
    }
    return lane;
}

void aero_host_disk_run_errand(struct aero_host_lane *lane)
{
    complete_request(lane, &lane->errand);
}

size_t aero_host_disk_pending(const struct aero_host_disk *disk)
{
    return disk->pending;
}
