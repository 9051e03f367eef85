/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/salvage_history.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/position.h"

static const struct aero_segment_header *header_of(const struct aero_salvage_step *step)
{
    return &step->segment->listed.header;
}

/* ---- Adopting what an older copy does not know --------------------------------------------------------------- */

static bool writers_are_known(const struct aero_salvage_plan *plan,
                              const struct aero_history *history)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (aero_history_find(history, header_of(&plan->steps[i])->incarnation) == NULL) {
            return false;
        }
    }
    return true;
}

/* An incarnation begins a segment. */
static bool begins_as_told(const struct aero_salvage_plan *plan,
                           const struct aero_incarnation *entry)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_segment_header *header = header_of(&plan->steps[i]);
        if (aero_id_equal(header->incarnation, entry->nonce)) {
            return aero_position_equal(header->prev_end, entry->start);
        }
    }
    return true; /* it wrote nothing */
}

static bool adopt_one(struct aero_salvage_plan *plan, const struct aero_manifest *primary,
                      const struct aero_incarnation *entry)
{
    if (!aero_id_equal(entry->node_id, primary->node_id) ||
        entry->epoch.value > primary->epoch.value) {
        return aero_salvage_refuse(
            plan,
            "the replica has followed node '%s' in epoch %" PRIu64 " since, from LSN %" PRIu64
            " on: two histories. This primary knows epoch %" PRIu64 ".",
            entry->node_name, entry->epoch.value, entry->start.lsn.value, primary->epoch.value);
    }
    if (entry->start.lsn.value > plan->end.lsn.value) {
        plan->known_durable = entry->start.lsn;
        return true;
    }
    if (!begins_as_told(plan, entry) ||
        !aero_is_ok(aero_history_add_incarnation(&plan->history, entry))) {
        return aero_salvage_refuse(
            plan,
            "the replica's list of this primary's starts contradicts its own log at LSN %" PRIu64
            ": nothing is taken from it",
            entry->start.lsn.value);
    }
    return true;
}

static bool adopt(struct aero_salvage_plan *plan, const struct aero_manifest *primary,
                  const struct aero_manifest *replica)
{
    const struct aero_history *theirs = &replica->history;
    size_t ours;
    size_t shared;
    if (!aero_history_find_shared(&plan->history, theirs, &ours, &shared)) {
        return aero_salvage_refuse(plan, "the two directories share no start of this primary: "
                                         "nothing proves that they are of one history");
    }
    plan->history.incarnation_count = ours + 1;
    for (size_t i = shared + 1; i < theirs->incarnation_count; i++) {
        if (!adopt_one(plan, primary, &theirs->incarnations[i])) {
            return false;
        }
    }
    if (!writers_are_known(plan, &plan->history)) {
        return aero_salvage_refuse(plan,
                                   "segments that would stand side by side were written by "
                                   "starts of which each side knows only its own: two histories");
    }
    return true;
}

/* Whatever comes from the replica, this primary wrote it once. */
static bool primary_wrote_them(struct aero_salvage_plan *plan, const struct aero_manifest *primary)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_salvage_step *step = &plan->steps[i];
        const struct aero_incarnation *writer =
            aero_history_find(&plan->history, header_of(step)->incarnation);
        if (step->from_replica && !aero_id_equal(writer->node_id, primary->node_id)) {
            return aero_salvage_refuse(
                plan,
                "segment %" PRIu64 " of the replica was not written by this primary. Two "
                "histories, which nothing merges: what only the replica has can only be given up, "
                "as 'aeroctl status' of the primary says.",
                header_of(step)->sequence);
        }
    }
    return true;
}

/* ---- What gives way ------------------------------------------------------------------------------------------ */

/* The planned segment that holds the record behind `lsn`; NULL: the plan does not reach there. */
static const struct aero_salvage_step *step_behind(const struct aero_salvage_plan *plan,
                                                   aero_lsn lsn)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_salvage_step *step = &plan->steps[i];
        if (header_of(step)->prev_end.lsn.value <= lsn.value &&
            step->segment->end.lsn.value > lsn.value) {
            return step;
        }
    }
    return NULL;
}

/* Whether an incarnation before it in the list wrote the record with which it claims to begin. */
static bool is_contradicted(const struct aero_salvage_plan *plan, size_t index)
{
    const struct aero_history *history = &plan->history;
    const struct aero_salvage_step *step =
        step_behind(plan, history->incarnations[index].start.lsn);
    for (size_t i = 0; step != NULL && i < index; i++) {
        if (aero_id_equal(history->incarnations[i].nonce, header_of(step)->incarnation)) {
            return true;
        }
    }
    return false;
}

/* An incarnation that began where records were lost claims that its predecessor ended there, and would stand in the way of
 * those that came back. */
static void drop_contradicted(struct aero_salvage_plan *plan)
{
    struct aero_history *history = &plan->history;
    size_t kept = 0;
    for (size_t i = 0; i < history->incarnation_count; i++) {
        if (!is_contradicted(plan, i)) {
            history->incarnations[kept++] = history->incarnations[i];
        }
    }
    history->incarnation_count = kept;
}

static void replace_segments(struct aero_salvage_plan *plan)
{
    struct aero_history *history = &plan->history;
    uint64_t first = header_of(&plan->steps[0])->sequence;
    size_t kept = 0;
    while (kept < history->segment_count && history->segments[kept].sequence < first) {
        kept++;
    }
    history->segment_count = kept;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_segment_header *header = header_of(&plan->steps[i]);
        struct aero_segment_start start = {.sequence = header->sequence,
                                           .before = header->prev_end,
                                           .nonce = header->nonce,
                                           .incarnation = header->incarnation};
        aero_history_add_segment(history, &start);
    }
}

bool aero_salvage_history_make(struct aero_salvage_plan *plan, const struct aero_manifest *primary,
                               const struct aero_manifest *replica)
{
    AERO_ASSERT(plan->step_count > 0);
    aero_history_copy(&plan->history, &primary->history);
    if (!writers_are_known(plan, &plan->history) && !adopt(plan, primary, replica)) {
        return false;
    }
    if (!primary_wrote_them(plan, primary)) {
        return false;
    }
    drop_contradicted(plan);
    replace_segments(plan);
    return true;
}
