/* SPDX-License-Identifier: Apache-2.0 */
/* One job a request; a job waits until it is the oldest of its owner and lane. Events carry the number of their job, and a job
 * that a reset forgot is not found any more. */
#include "tests/simulation/sim_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/check_handles.h"

#define JOBS_MAX 128
#define STALL_MAX_NS 1000000000ULL

struct job {
    uint64_t number;
    struct aero_core_request request;
    uint32_t next_op;
    bool started;
    struct aero_disk_completion completion;
};

struct aero_sim_worker {
    struct aero_sim_worker_options options;
    struct aero_disk disk;
    struct aero_sim_scheduler *scheduler;
    struct aero_choice *choice;
    const struct aero_sim_worker_events *events;
    void *self;
    struct job jobs[JOBS_MAX]; /* oldest first */
    uint32_t job_count;
    uint64_t next_number;
    struct aero_disk_handles *handles[AERO_OWNER_COUNT];
};

struct aero_sim_worker *aero_sim_worker_new(const struct aero_sim_worker_options *options,
                                            struct aero_disk disk,
                                            struct aero_sim_scheduler *scheduler,
                                            struct aero_choice *choice,
                                            const struct aero_sim_worker_events *events, void *self)
{
    struct aero_sim_worker *worker = aero_calloc(1, sizeof *worker);
    worker->options = *options;
    worker->disk = disk;
    worker->scheduler = scheduler;
    worker->choice = choice;
    worker->events = events;
    worker->self = self;
    worker->next_number = 1;
    return worker;
}

void aero_sim_worker_free(struct aero_sim_worker *worker)
{
    if (worker != NULL) {
        aero_sim_worker_reset(worker);
        free(worker);
    }
}

void aero_sim_worker_reset(struct aero_sim_worker *worker)
{
    worker->job_count = 0;
    for (int owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        if (worker->handles[owner] != NULL) {
            aero_disk_handles_close(worker->disk, worker->handles[owner]);
            worker->handles[owner] = NULL;
        }
    }
}

uint32_t aero_sim_worker_pending(const struct aero_sim_worker *worker)
{
    return worker->job_count;
}

static struct job *find_job(struct aero_sim_worker *worker, uint64_t number)
{
    for (uint32_t i = 0; i < worker->job_count; i++) {
        if (worker->jobs[i].number == number) {
            return &worker->jobs[i];
        }
    }
    return NULL;
}

static uint64_t draw_delay(struct aero_sim_worker *worker)
{
    if (aero_choice_chance(worker->choice, worker->options.stall_millionths)) {
        return aero_choice_below(worker->choice, STALL_MAX_NS);
    }
    return aero_choice_between(worker->choice, worker->options.op_min_ns,
                               worker->options.op_max_ns);
}

static void run_next_op(void *self, uint64_t number);

/* Starts each job that is the oldest of its owner and lane. */
static void start_jobs(struct aero_sim_worker *worker)
{
    for (uint32_t i = 0; i < worker->job_count; i++) {
        struct job *job = &worker->jobs[i];
        bool is_first = !job->started;
        for (uint32_t k = 0; k < i && is_first; k++) {
            const struct job *older = &worker->jobs[k];
            is_first = older->request.owner != job->request.owner ||
                       older->request.request->lane != job->request.request->lane;
        }
        if (is_first) {
            job->started = true;
            aero_sim_after(worker->scheduler, draw_delay(worker), run_next_op, worker, job->number);
        }
    }
}

static void deliver_completion(void *self, uint64_t number)
{
    struct aero_sim_worker *worker = self;
    struct job *job = find_job(worker, number);
    if (job == NULL) {
        return;
    }
    struct aero_disk_completion completion = job->completion;
    enum aero_core_owner owner = job->request.owner;
    uint32_t index = (uint32_t)(job - worker->jobs);
    worker->job_count--;
    memmove(job, job + 1, (worker->job_count - index) * sizeof *job);
    start_jobs(worker);
    worker->events->on_completion(worker->self, owner, &completion);
}

static void run_next_op(void *self, uint64_t number)
{
    struct aero_sim_worker *worker = self;
    struct job *job = find_job(worker, number);
    if (job == NULL) {
        return;
    }
    const struct aero_disk_request *request = job->request.request;
    aero_status status = aero_ok();
    uint64_t written = 0;
    if (job->next_op < request->op_count) {
        status = aero_disk_run_op(worker->disk, job->request.handles, &request->ops[job->next_op],
                                  &written);
        if (status.code == AERO_CRASHED) {
            worker->job_count = 0;
            worker->events->on_crash(worker->self);
            return;
        }
    }
    if (aero_is_ok(status) && ++job->next_op < request->op_count) {
        aero_sim_after(worker->scheduler, draw_delay(worker), run_next_op, worker, number);
        return;
    }
    job->completion = (struct aero_disk_completion){
        .request_id = request->id,
        .status = status,
        .failed_op = job->next_op < request->op_count ? job->next_op : request->op_count,
        .failed_written = aero_is_ok(status) ? 0 : written,
    };
    aero_sim_after(worker->scheduler, draw_delay(worker), deliver_completion, worker, number);
}

static void look_for_shared_handle(struct aero_sim_worker *worker,
                                   const struct aero_core_request *request)
{
    for (uint32_t i = 0; i < worker->job_count; i++) {
        uint32_t handle;
        if (!aero_check_handles_apart(&worker->jobs[i].request, request, &handle)) {
            worker->events->on_shared_handle(worker->self, handle);
        }
    }
}

void aero_sim_worker_submit(struct aero_sim_worker *worker, const struct aero_core_request *request)
{
    AERO_ASSERT(worker->job_count < JOBS_MAX);
    struct aero_disk_handles **known = &worker->handles[request->owner];
    AERO_ASSERT(*known == NULL || *known == request->handles);
    *known = request->handles;
    look_for_shared_handle(worker, request);
    worker->jobs[worker->job_count++] =
        (struct job){.number = worker->next_number++, .request = *request};
    start_jobs(worker);
}
