/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/machine.h"

#include <string.h>

#include "base/assert.h"

static struct aero_sim_disk *new_disk(struct crash_machine *machine, const char *name)
{
    const struct aero_sim_disk_options options = {.name = name};
    return aero_sim_disk_new(&options, &machine->choice, NULL);
}

void crash_machine_init(struct crash_machine *machine, const char *name)
{
    memset(machine, 0, sizeof *machine);
    aero_choice_init_seed(&machine->choice, 1);
    machine->disk = new_disk(machine, name);
    crash_port_init(&machine->port, machine->disk);
}

void crash_machine_reset(struct crash_machine *machine)
{
    machine->job_count = 0;
    for (int owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        if (machine->handles[owner] != NULL) {
            aero_disk_handles_close(machine->port.inner, machine->handles[owner]);
            machine->handles[owner] = NULL;
        }
    }
}

void crash_machine_deinit(struct crash_machine *machine)
{
    crash_machine_reset(machine);
    aero_sim_disk_free(machine->disk);
    machine->disk = NULL;
}

void crash_machine_replace_disk(struct crash_machine *machine, const char *name)
{
    crash_machine_reset(machine);
    aero_sim_disk_free(machine->disk);
    machine->disk = new_disk(machine, name);
    machine->port.inner = aero_sim_disk_port(machine->disk);
}

void crash_machine_submit(struct crash_machine *machine, const struct aero_core_request *request)
{
    AERO_ASSERT(machine->job_count < CRASH_JOBS_MAX);
    machine->handles[request->owner] = request->handles;
    machine->jobs[machine->job_count++] = (struct crash_job){.request = *request};
}

bool crash_machine_is_busy(const struct crash_machine *machine)
{
    return machine->job_count > 0;
}

static bool is_first_of_its_lane(const struct crash_machine *machine, uint32_t index)
{
    const struct crash_job *job = &machine->jobs[index];
    for (uint32_t i = 0; i < index; i++) {
        const struct crash_job *older = &machine->jobs[i];
        if (older->request.owner == job->request.owner &&
            older->request.request->lane == job->request.request->lane) {
            return false;
        }
    }
    return true;
}

static struct crash_job *choose_job(struct crash_machine *machine)
{
    uint32_t runnable[CRASH_JOBS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < machine->job_count; i++) {
        if (is_first_of_its_lane(machine, i)) {
            runnable[count++] = i;
        }
    }
    return &machine->jobs[runnable[machine->turn++ % count]];
}

bool crash_machine_step(struct crash_machine *machine, enum aero_core_owner *out_owner,
                        struct aero_disk_completion *out_completion)
{
    AERO_ASSERT(machine->job_count > 0);
    struct crash_job *job = choose_job(machine);
    const struct aero_disk_request *request = job->request.request;
    aero_status status = aero_ok();
    uint64_t written = 0;
    if (job->next_op < request->op_count) {
        status = aero_disk_run_op(crash_port_disk(&machine->port), job->request.handles,
                                  &request->ops[job->next_op], &written);
    }
    if (aero_is_ok(status) && ++job->next_op < request->op_count) {
        return false;
    }
    *out_owner = job->request.owner;
    *out_completion = (struct aero_disk_completion){
        .request_id = request->id,
        .status = status,
        .failed_op = aero_is_ok(status) ? request->op_count : job->next_op,
        .failed_written = aero_is_ok(status) ? 0 : written,
    };
    machine->job_count--;
    memmove(job, job + 1,
            (size_t)(machine->job_count - (uint32_t)(job - machine->jobs)) * sizeof *job);
    return true;
}
