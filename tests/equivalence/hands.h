/* SPDX-License-Identifier: Apache-2.0 */
/* The hands of a core over a simulated disk: its requests, one operation at a time, in any order that lanes allow.
 *
 * A step is one operation of the oldest request of a lane, or the news of that request's end: the points between steps
 * are all the
 * points at which a process that is driven by completions can be stopped, as its disk sees it. */
#ifndef AERO_TESTS_EQUIVALENCE_HANDS_H
#define AERO_TESTS_EQUIVALENCE_HANDS_H

#include "server/core_request.h"
#include "tests/simulation/sim_disk.h"

#define AERO_HANDS_JOBS_MAX 32
#define AERO_HANDS_NAMES (AERO_OWNER_COUNT * AERO_DISK_HANDLE_COUNT)

struct aero_job {
    struct aero_core_request request;
    uint32_t next_op;
    bool landed; /* the core has not heard of it */
    struct aero_disk_completion completion;
};

struct aero_hands {
    struct aero_sim_disk *disk;                /* borrowed */
    struct aero_job jobs[AERO_HANDS_JOBS_MAX]; /* oldest first */
    uint32_t job_count;
    struct aero_disk_handles *handles[AERO_OWNER_COUNT]; /* the core's, once used */
    char names[AERO_HANDS_NAMES][AERO_DISK_NAME_MAX];    /* of the files behind handles */
};

void aero_hands_take(struct aero_hands *hands, const struct aero_core_request *request);
/* The process ended: closes what it had open. Before the core is freed, after the disk has crashed. */
void aero_hands_drop(struct aero_hands *hands);

struct aero_step {
    uint32_t job;
    char label[40]; /* of the failure point before it: "group sync" */
    bool is_write;  /* its bytes may be handed over in part */
    bool is_group;  /* of a group or its proof: their order is what may vary */
};
/* The steps that may come next; returns their number. */
uint32_t aero_hands_steps(const struct aero_hands *hands,
                          struct aero_step out_steps[AERO_HANDS_JOBS_MAX]);
/* True: it was the news of an end, which the caller gives to the core. */
bool aero_hands_run(struct aero_hands *hands, const struct aero_step *step,
                    enum aero_core_owner *out_owner, struct aero_disk_completion *out_completion);
/* The operation of the step, and the file that it works on. */
const struct aero_disk_op *aero_hands_op(const struct aero_hands *hands,
                                         const struct aero_step *step, const char **out_name);
/* The call of the disk that the step will make. */
enum aero_sim_call aero_hands_call(const struct aero_hands *hands, const struct aero_step *step);
/* A second disk on which the first `part` bytes of that write have been handed over. */
struct aero_sim_disk *aero_hands_clone_with_part(const struct aero_hands *hands,
                                                 const struct aero_step *step, size_t part,
                                                 struct aero_choice *luck);

#endif
