/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap ordered by (time, number). */
#include "tests/sim/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

void aero_sim_scheduler_deinit(struct aero_sim_scheduler *scheduler)
{
    free(scheduler->heap);
    memset(scheduler, 0, sizeof *scheduler);
}

static bool is_before(const struct aero_sim_event *a, const struct aero_sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void swap_events(struct aero_sim_event *a, struct aero_sim_event *b)
{
    struct aero_sim_event kept = *a;
    *a = *b;
    *b = kept;
}

void aero_sim_after(struct aero_sim_scheduler *scheduler, uint64_t delay_ns,
                    void (*run)(void *self, uint64_t argument), void *self, uint64_t argument)
{
    if (scheduler->count == scheduler->capacity) {
        scheduler->capacity = scheduler->capacity == 0 ? 64 : 2 * scheduler->capacity;
        scheduler->heap =
            aero_realloc(scheduler->heap, scheduler->capacity * sizeof scheduler->heap[0]);
    }
    size_t at = scheduler->count++;
    scheduler->heap[at] = (struct aero_sim_event){
        .at_ns = scheduler->now_ns + delay_ns,
        .number = scheduler->next_number++,
        .run = run,
        .self = self,
        .argument = argument,
    };
    while (at > 0 && is_before(&scheduler->heap[at], &scheduler->heap[(at - 1) / 2])) {
        swap_events(&scheduler->heap[at], &scheduler->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct aero_sim_event take_first(struct aero_sim_scheduler *scheduler)
{
    struct aero_sim_event first = scheduler->heap[0];
    scheduler->heap[0] = scheduler->heap[--scheduler->count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < scheduler->count &&
                is_before(&scheduler->heap[child], &scheduler->heap[least])) {
                least = child;
            }
        }
        if (least == at) {
            return first;
        }
        swap_events(&scheduler->heap[at], &scheduler->heap[least]);
        at = least;
    }
}

bool aero_sim_step(struct aero_sim_scheduler *scheduler)
{
    if (scheduler->count == 0) {
        return false;
    }
    struct aero_sim_event event = take_first(scheduler);
    AERO_ASSERT(event.at_ns >= scheduler->now_ns);
    scheduler->now_ns = event.at_ns;
    if (scheduler->trace != NULL) {
        scheduler->trace->now_ns = event.at_ns;
    }
    event.run(event.self, event.argument);
    return true;
}

uint64_t aero_sim_next_at(const struct aero_sim_scheduler *scheduler)
{
    return scheduler->count == 0 ? UINT64_MAX : scheduler->heap[0].at_ns;
}
