/* SPDX-License-Identifier: Apache-2.0 */
/* A node's disk and the requests that its core has with it, run one operation at a time when told: the enumeration's twin of
 * the host's disk workers. Requests of one owner and lane run in order; lanes take turns, in an order that is always the
 * same. */
#ifndef AERO_TESTS_CRASH_MACHINE_H
#define AERO_TESTS_CRASH_MACHINE_H

#include "server/core_request.h"
#include "tests/crash/port.h"

#define CRASH_JOBS_MAX 64U

struct crash_job {
    struct aero_core_request request;
    uint32_t next_op;
};

struct crash_machine {
    struct aero_choice choice; /* the disk's, where it asks outside of an enumeration */
    struct aero_sim_disk *disk;
    struct crash_port port;
    struct crash_job jobs[CRASH_JOBS_MAX]; /* oldest first */
    uint32_t job_count;
    uint32_t turn; /* which of those that can run is next */
    struct aero_disk_handles *handles[AERO_OWNER_COUNT];
};

void crash_machine_init(struct crash_machine *machine, const char *name);
void crash_machine_deinit(struct crash_machine *machine);
void crash_machine_submit(struct crash_machine *machine, const struct aero_core_request *request);
bool crash_machine_is_busy(const struct crash_machine *machine);
/* Runs one operation. True when that completed a request: `out_owner` and `out_completion` say which. */
bool crash_machine_step(struct crash_machine *machine, enum aero_core_owner *out_owner,
                        struct aero_disk_completion *out_completion);
/* The process died: its requests are forgotten, its handles closed. */
void crash_machine_reset(struct crash_machine *machine);
/* And an empty disk stands here instead. */
void crash_machine_replace_disk(struct crash_machine *machine, const char *name);

#endif
