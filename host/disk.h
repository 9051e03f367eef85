/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a core's disk requests beside the loop, which never waits for a disk (FM-7.1).
 *
 * Each (owner, lane) has a worker of its own, started with its first request: requests of one lane
 * run strictly in order, those of different lanes side by side. So zero-filling and snapshot
 * blocks, which have lanes of their own, delay no commit. Completions come back in batches, with
 * one wake-up for as many as have gathered.
 *
 * Where threads take turns at the loop (host/turn.h), groups of the log need no worker: they are
 * errands, which the thread that submitted them takes along when it leaves its turn.
 *
 *     aero_host_disk_submit(disk, &request, &done)   true: it ran at once, `done` is its completion
 *     aero_host_disk_take(disk, done, count)         completions that workers have left
 *     aero_host_disk_has_done(disk)                  whether there are any: ask before sleeping
 *     aero_host_disk_take_errand(disk)               with the turn; then, without it,
 *     aero_host_disk_run_errand(lane)                leaves a completion like a worker's
 *
 * Where the system starts no thread for a worker, which is logged, the loop runs that lane's requests itself from then
 * on: late, and waiting for the disk, but not wrong. That is better than an end in the middle of serving.
 *
 * A proof that is only written, not synced, touches the page cache and nothing else, and it
 * follows a sync that has just returned: it runs inside submit, which is cheaper than waking
 * anybody.
 *
 * Threads: all functions belong to the thread that has the loop, aero_host_disk_run_errand apart.
 * Errors: none of its own; what the disk said is in the completions. */
#ifndef AERO_HOST_DISK_H
#define AERO_HOST_DISK_H

#include <stdbool.h>

#include "base/log.h"
#include "host/wake.h"
#include "server/core_request.h"

/* Lanes of one owner, and requests of one lane that wait or run: more is a mistake of the core,
 * whose handle tables hold fewer. */
#define AERO_HOST_DISK_LANES_MAX 8
#define AERO_HOST_DISK_QUEUE_MAX 64

struct aero_host_disk;
struct aero_host_lane;

struct aero_host_disk_options {
    struct aero_disk disk;
    struct aero_host_wake *wake; /* of the loop; outlives the workers */
    struct aero_logger *logger;  /* hears of threads that could not be started */
    bool errands;                /* the lanes of groups have no worker */
};

struct aero_host_done {
    enum aero_core_owner owner;
    struct aero_disk_completion completion;
};

struct aero_host_disk *aero_host_disk_new(const struct aero_host_disk_options *options);
/* Runs what was submitted to its end and joins the workers. Accepts NULL. */
void aero_host_disk_free(struct aero_host_disk *disk);

bool aero_host_disk_has_done(struct aero_host_disk *disk);
bool aero_host_disk_submit(struct aero_host_disk *disk, const struct aero_core_request *request,
                           struct aero_host_done *out_done);
size_t aero_host_disk_take(struct aero_host_disk *disk, struct aero_host_done *out_done,
                           size_t count);

/* NULL: there is none. A lane gives its next one when the completion of the last was taken. */
struct aero_host_lane *aero_host_disk_take_errand(struct aero_host_disk *disk);
bool aero_host_disk_has_errand(struct aero_host_disk *disk);
void aero_host_disk_run_errand(struct aero_host_lane *lane);

/* Submitted and not yet taken. */
size_t aero_host_disk_pending(const struct aero_host_disk *disk);

#endif
