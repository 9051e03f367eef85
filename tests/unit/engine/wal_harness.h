/* SPDX-License-Identifier: Apache-2.0 */
/* Drives a writer or a follower over a disk in memory, one request at a time in any order. */
#ifndef AERO_TESTS_WAL_HARNESS_H
#define AERO_TESTS_WAL_HARNESS_H

#include "engine/wal_follower.h"
#include "engine/wal_reader.h"
#include "engine/wal_writer.h"
#include "tests/unit/engine/memory_disk.h"

#define HARNESS_PENDING_MAX 8

struct harness {
    struct memory_disk disk;
    struct aero_disk_handles handles;
    struct aero_wal_writer *wal;
    struct aero_wal_follower *follower;
    const struct aero_disk_request *pending[HARNESS_PENDING_MAX]; /* with the disk, oldest first */
    size_t pending_count;
    uint8_t nonce_seed;
    struct aero_wal_segment segments[512]; /* begun so far */
    size_t segment_count;
};

static inline aero_id harness_id(uint8_t seed)
{
    aero_id id;
    memset(id.bytes, seed, sizeof id.bytes);
    return id;
}

static inline struct harness *harness_new(void)
{
    struct harness *h = aero_calloc(1, sizeof *h);
    h->nonce_seed = 100;
    return h;
}

/* Moves what the core asks for to the disk, without running it. */
static inline void harness_fetch(struct harness *h)
{
    const struct aero_disk_request *request;
    for (;;) {
        request = h->wal != NULL ? aero_wal_next_request(h->wal)
                                 : aero_wal_follower_next_request(h->follower);
        if (request == NULL) {
            return;
        }
        AERO_ASSERT(h->pending_count < HARNESS_PENDING_MAX);
        h->pending[h->pending_count++] = request;
    }
}

static inline void harness_take_segments(struct harness *h)
{
    struct aero_wal_segment *next = &h->segments[h->segment_count];
    AERO_ASSERT(h->segment_count < sizeof h->segments / sizeof h->segments[0]);
    bool taken = h->wal != NULL ? aero_wal_take_new_segment(h->wal, next)
                                : aero_wal_follower_take_new_segment(h->follower, next);
    h->segment_count += taken;
}

/* Runs the pending request at `index` and feeds its completion back. */
static inline void harness_run(struct harness *h, size_t index)
{
    struct aero_disk_completion completion;
    AERO_ASSERT(index < h->pending_count);
    aero_disk_run(memory_disk_port(&h->disk), &h->handles, h->pending[index], &completion);
    h->pending_count--;
    memmove(h->pending + index, h->pending + index + 1,
            (h->pending_count - index) * sizeof h->pending[0]);
    if (h->wal != NULL) {
        aero_wal_on_completion(h->wal, &completion);
    } else {
        aero_wal_follower_on_completion(h->follower, &completion);
    }
    harness_take_segments(h);
    harness_fetch(h);
}

static inline void harness_give_nonce(struct harness *h)
{
    if (h->wal != NULL && aero_wal_needs_nonce(h->wal)) {
        aero_wal_give_nonce(h->wal, harness_id(h->nonce_seed++));
    }
}

/* Runs everything until nothing is asked for any more. */
static inline void harness_settle(struct harness *h)
{
    harness_give_nonce(h);
    harness_fetch(h);
    while (h->pending_count > 0) {
        harness_run(h, 0);
        harness_give_nonce(h);
        harness_fetch(h);
    }
}

/* The pending request of that lane; asserts that there is one. */
static inline size_t harness_find(const struct harness *h, enum aero_wal_lane lane)
{
    for (size_t i = 0; i < h->pending_count; i++) {
        if (h->pending[i]->lane == (uint32_t)lane) {
            return i;
        }
    }
    AERO_UNREACHABLE("no request of that lane is pending");
}

static inline bool harness_has(const struct harness *h, enum aero_wal_lane lane)
{
    for (size_t i = 0; i < h->pending_count; i++) {
        if (h->pending[i]->lane == (uint32_t)lane) {
            return true;
        }
    }
    return false;
}

/* Completions of what the disk still has; then everything is freed. */
static inline void harness_free(struct harness *h)
{
    harness_fetch(h);
    while (h->pending_count > 0) {
        harness_run(h, 0);
    }
    aero_wal_free(h->wal);
    aero_wal_follower_free(h->follower);
    aero_disk_handles_close(memory_disk_port(&h->disk), &h->handles);
    memory_disk_deinit(&h->disk);
    free(h);
}

static inline struct aero_wal_options harness_options(void)
{
    return (struct aero_wal_options){
        .switches = {.group_commit = true, .wal_batching = true, .overlapped_sync = true},
        .segment_bytes = 64 << 10,
        .queue_bytes = 1 << 20,
    };
}

static inline struct aero_wal_start harness_start(void)
{
    return (struct aero_wal_start){.cluster_id = harness_id(1),
                                   .epoch = {1},
                                   .incarnation = harness_id(2),
                                   .nonce = harness_id(3)};
}

/* A writer whose first segment is durable. */
static inline struct harness *harness_writer(const struct aero_wal_options *options)
{
    struct harness *h = harness_new();
    struct aero_wal_start start = harness_start();
    h->wal = aero_wal_new(options, &start);
    harness_settle(h);
    return h;
}

static inline aero_lsn harness_append(struct harness *h, const char *text)
{
    return aero_wal_append(h->wal, AERO_RECORD_COMMIT, aero_slice_text(text));
}

#endif
