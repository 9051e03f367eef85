/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/salvage_plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/wal_reader.h"

/* ---- Reading ------------------------------------------------------------------------------------------------ */

static aero_status scan_segment(struct aero_disk disk, struct aero_salvage_segment *segment)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    if (!aero_is_ok(segment->listed.header_status)) {
        return aero_ok();
    }
    AERO_TRY(aero_wal_reader_open(disk, segment->listed.name, segment->listed.bound, &reader));
    aero_status status;
    do {
        status = aero_wal_reader_next(reader, &record);
    } while (aero_is_ok(status));
    if (status.code == AERO_NOT_FOUND) {
        enum aero_wal_stop stop = aero_wal_reader_stop(reader);
        segment->end = aero_wal_reader_position(reader);
        segment->end_offset = aero_wal_reader_offset(reader);
        segment->record_count = aero_wal_reader_record_count(reader);
        segment->whole = stop != AERO_STOP_INVALID;
        segment->sealed = stop == AERO_STOP_FOOTER;
        status = aero_ok();
    }
    aero_wal_reader_close(reader);
    return status;
}

aero_status aero_salvage_scan(struct aero_disk disk, uint64_t floor,
                              struct aero_salvage_log *out_log)
{
    struct aero_wal_list list;
    AERO_TRY(aero_wal_list_read(disk, floor, &list));
    struct aero_salvage_log log = {.segments = aero_calloc(list.count + 1, sizeof *log.segments),
                                   .count = list.count};
    aero_status status = aero_ok();
    for (size_t i = 0; i < list.count && aero_is_ok(status); i++) {
        log.segments[i].listed = list.segments[i];
        status = scan_segment(disk, &log.segments[i]);
    }
    aero_wal_list_deinit(&list);
    if (!aero_is_ok(status)) {
        aero_salvage_log_deinit(&log);
        return status;
    }
    *out_log = log;
    return aero_ok();
}

void aero_salvage_log_deinit(struct aero_salvage_log *log)
{
    free(log->segments);
    *log = (struct aero_salvage_log){0};
}

/* ---- Planning ----------------------------------------------------------------------------------------------- */

struct planner {
    const struct aero_salvage_log *primary;
    const struct aero_salvage_log *replica;
    const struct aero_manifest *manifest;
    struct aero_salvage_plan plan;
    size_t next; /* in the primary's log */
    bool begun;
    uint64_t last_sequence;
    struct aero_position end;
    bool lost_known;
};

static bool is_readable(const struct aero_salvage_segment *segment)
{
    return aero_is_ok(segment->listed.header_status);
}

static const struct aero_segment_header *header_of(const struct aero_salvage_segment *segment)
{
    return &segment->listed.header;
}

/* Whether it continues the log as planned so far, exactly. */
static bool follows(const struct planner *planner, const struct aero_salvage_segment *segment)
{
    if (!is_readable(segment)) {
        return false;
    }
    return !planner->begun || (header_of(segment)->prev_sequence == planner->last_sequence &&
                               aero_position_equal(header_of(segment)->prev_end, planner->end));
}

static bool same_segment(const struct aero_salvage_segment *a, const struct aero_salvage_segment *b)
{
    return is_readable(a) && is_readable(b) &&
           aero_id_equal(header_of(a)->nonce, header_of(b)->nonce) &&
           aero_position_equal(header_of(a)->prev_end, header_of(b)->prev_end);
}

static const struct aero_salvage_segment *find_sequence(const struct aero_salvage_log *log,
                                                        uint64_t sequence)
{
    for (size_t i = 0; i < log->count; i++) {
        if (log->segments[i].listed.named_sequence == sequence) {
            return &log->segments[i];
        }
    }
    return NULL;
}

static const struct aero_salvage_segment *find_following(const struct planner *planner)
{
    for (size_t i = 0; planner->begun && i < planner->replica->count; i++) {
        if (follows(planner, &planner->replica->segments[i])) {
            return &planner->replica->segments[i];
        }
    }
    return NULL;
}

static bool refuse(struct planner *planner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(struct planner *planner, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(planner->plan.text, sizeof planner->plan.text, format, arguments);
    va_end(arguments);
    planner->plan.outcome = AERO_SALVAGE_REFUSED;
    return false;
}

static void note_loss(struct planner *planner, struct aero_position whole_to)
{
    if (!planner->lost_known) {
        planner->lost_known = true;
        planner->plan.lost_behind = whole_to;
    }
}

static void take(struct planner *planner, const struct aero_salvage_segment *segment,
                 bool from_replica)
{
    uint64_t sequence = segment->listed.named_sequence;
    const struct aero_salvage_segment *old = find_sequence(planner->primary, sequence);
    planner->plan.steps[planner->plan.step_count++] = (struct aero_salvage_step){
        .segment = segment, .from_replica = from_replica, .replaces = from_replica && old != NULL};
    planner->begun = true;
    planner->last_sequence = sequence;
    planner->end = segment->end;
}

/* From the replica, in place of `old` (NULL: the primary has none). */
static bool take_from_replica(struct planner *planner, const struct aero_salvage_segment *segment,
                              const struct aero_salvage_segment *old)
{
    const struct aero_incarnation *incarnation =
        aero_history_find(&planner->manifest->history, header_of(segment)->incarnation);
    if (incarnation == NULL || !aero_id_equal(incarnation->node_id, planner->manifest->node_id)) {
        return refuse(
            planner,
            "segment %" PRIu64
            " of the replica was not written by this primary, as far as its directory "
            "knows (is it an older copy?). Two histories, which nothing merges: what only "
            "the replica has can only be given up, as 'aeroctl status' of the primary says.",
            segment->listed.named_sequence);
    }
    bool shares_beginning = old != NULL && same_segment(old, segment);
    note_loss(planner, shares_beginning ? old->end : planner->end);
    planner->plan.brought_count +=
        segment->record_count - (shares_beginning ? old->record_count : 0);
    take(planner, segment, true);
    return true;
}

/* The next segment of the primary continues the log: it is taken, or a better copy of it. */
static bool take_next(struct planner *planner)
{
    const struct aero_salvage_segment *mine = &planner->primary->segments[planner->next];
    const struct aero_salvage_segment *copy =
        find_sequence(planner->replica, mine->listed.named_sequence);
    const struct aero_salvage_segment *other = find_following(planner);
    bool better =
        copy != NULL && same_segment(mine, copy) && copy->end.lsn.value > mine->end.lsn.value;
    bool elsewhere = other != NULL && !same_segment(mine, other) && other->record_count > 0;
    if (better) {
        planner->next++;
        return take_from_replica(planner, copy, mine);
    }
    if (elsewhere && mine->record_count > 0) {
        return refuse(planner,
                      "behind LSN %" PRIu64 " the primary wrote %" PRIu64
                      " records of its own and the replica holds others: two histories. Bringing "
                      "back the replica's would discard the primary's.",
                      planner->end.lsn.value, mine->record_count);
    }
    if (elsewhere) {
        return take_from_replica(planner, other, NULL); /* mine is empty: dropped at the end */
    }
    if (!mine->whole && planner->next + 1 < planner->primary->count) {
        return refuse(planner,
                      "%s is damaged at offset %" PRIu64 " and the replica has no whole copy",
                      mine->listed.name, mine->end_offset);
    }
    planner->next++;
    take(planner, mine, false);
    return true;
}

static bool plan_steps(struct planner *planner)
{
    for (;;) {
        const struct aero_salvage_segment *mine = NULL;
        while (planner->next < planner->primary->count) {
            mine = &planner->primary->segments[planner->next];
            if (!planner->begun || mine->listed.named_sequence > planner->last_sequence) {
                break;
            }
            mine = NULL;
            planner->next++;
        }
        if (mine != NULL && follows(planner, mine)) {
            if (!take_next(planner)) {
                return false;
            }
            continue;
        }
        const struct aero_salvage_segment *other =
            planner->begun || mine == NULL
                ? find_following(planner)
                : find_sequence(planner->replica, mine->listed.named_sequence);
        if (other == NULL || (!planner->begun && !is_readable(other))) {
            return true;
        }
        if (!take_from_replica(planner, other, NULL)) {
            return false;
        }
    }
}

static bool is_taken(const struct aero_salvage_plan *plan,
                     const struct aero_salvage_segment *segment)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].segment == segment) {
            return true;
        }
    }
    return false;
}

static bool is_replaced(const struct aero_salvage_plan *plan, uint64_t sequence)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].replaces && plan->steps[i].segment->listed.named_sequence == sequence) {
            return true;
        }
    }
    return false;
}

/* What the plan leaves out of the primary's log must be nothing to anybody. */
static bool plan_drops(struct planner *planner)
{
    for (size_t i = 0; i < planner->primary->count; i++) {
        const struct aero_salvage_segment *segment = &planner->primary->segments[i];
        if (is_taken(&planner->plan, segment)) {
            continue;
        }
        const struct aero_salvage_segment *copy =
            find_sequence(planner->replica, segment->listed.named_sequence);
        bool in_copy = copy != NULL && is_taken(&planner->plan, copy) &&
                       (!is_readable(segment) || same_segment(copy, segment));
        if (!in_copy && (segment->record_count > 0 || !is_readable(segment))) {
            return refuse(planner,
                          "%s holds %s that would be lost: it does not continue what the replica "
                          "has. Two histories; 'aeroctl compare' says where they part.",
                          segment->listed.name,
                          is_readable(segment) ? "records" : "bytes under a damaged header");
        }
        if (!is_replaced(&planner->plan, segment->listed.named_sequence)) {
            planner->plan.drops[planner->plan.drop_count++] = segment;
        }
    }
    return true;
}

void aero_salvage_plan_make(const struct aero_salvage_log *primary,
                            const struct aero_salvage_log *replica,
                            const struct aero_manifest *primary_manifest,
                            struct aero_salvage_plan *out_plan)
{
    struct planner planner = {.primary = primary, .replica = replica, .manifest = primary_manifest};
    planner.plan.steps =
        aero_calloc(primary->count + replica->count + 1, sizeof *planner.plan.steps);
    planner.plan.drops = aero_calloc(primary->count + 1, sizeof *planner.plan.drops);
    if (primary->count == 0) {
        refuse(&planner, "the primary has no segment at all: set up a new primary from this "
                         "replica's directory instead");
    } else if (plan_steps(&planner) && plan_drops(&planner)) {
        planner.plan.outcome =
            planner.plan.brought_count > 0 ? AERO_SALVAGE_POSSIBLE : AERO_SALVAGE_NOTHING;
    }
    planner.plan.end = planner.end;
    *out_plan = planner.plan;
}

void aero_salvage_plan_deinit(struct aero_salvage_plan *plan)
{
    free(plan->steps);
    free((void *)plan->drops);
    *plan = (struct aero_salvage_plan){0};
}

/* ---- The manifest afterwards -------------------------------------------------------------------------------- */

/* The planned segment that holds the record behind `lsn`; NULL: the plan does not reach there. */
static const struct aero_salvage_segment *step_behind(const struct aero_salvage_plan *plan,
                                                      aero_lsn lsn)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_salvage_segment *segment = plan->steps[i].segment;
        if (header_of(segment)->prev_end.lsn.value <= lsn.value &&
            segment->end.lsn.value > lsn.value) {
            return segment;
        }
    }
    return NULL;
}

/* Whether an incarnation before it in the list wrote the record with which it claims to begin. */
static bool is_contradicted(const struct aero_salvage_plan *plan,
                            const struct aero_history *history, size_t index)
{
    const struct aero_salvage_segment *segment =
        step_behind(plan, history->incarnations[index].start.lsn);
    for (size_t i = 0; segment != NULL && i < index; i++) {
        if (aero_id_equal(history->incarnations[i].nonce, header_of(segment)->incarnation)) {
            return true;
        }
    }
    return false;
}

/* An incarnation that began where records were lost claims that its predecessor ended there. It wrote nothing that is left,
 * nobody can hold a record of it, and it must not stand in the way of those that came back. */
static void drop_incarnations(const struct aero_salvage_plan *plan, struct aero_history *history)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->incarnation_count; i++) {
        if (!is_contradicted(plan, history, i)) {
            history->incarnations[kept++] = history->incarnations[i];
        }
    }
    history->incarnation_count = kept;
}

static void replace_segments(const struct aero_salvage_plan *plan, struct aero_history *history)
{
    uint64_t first = header_of(plan->steps[0].segment)->sequence;
    size_t kept = 0;
    while (kept < history->segment_count && history->segments[kept].sequence < first) {
        kept++;
    }
    history->segment_count = kept;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_segment_header *header = header_of(plan->steps[i].segment);
        struct aero_segment_start start = {.sequence = header->sequence,
                                           .before = header->prev_end,
                                           .nonce = header->nonce,
                                           .incarnation = header->incarnation};
        aero_history_add_segment(history, &start);
    }
}

static void settle_gate(const struct aero_salvage_plan *plan, struct aero_manifest *manifest)
{
    manifest->gate = AERO_GATE_OPEN;
    manifest->lost_count = 0;
    memset(manifest->gate_reason, 0, sizeof manifest->gate_reason);
    for (size_t i = 0; i < manifest->pin_count; i++) {
        const struct aero_pin *pin = &manifest->pins[i];
        if (pin->durable.value > plan->end.lsn.value) {
            uint64_t lost = pin->durable.value - plan->end.lsn.value;
            manifest->gate = AERO_GATE_PRIMARY_LOST;
            manifest->lost_count = lost < UINT32_MAX ? (uint32_t)lost : UINT32_MAX;
            snprintf(manifest->gate_reason, sizeof manifest->gate_reason,
                     "replica '%s' acknowledged LSN %" PRIu64 " and the log ends at %" PRIu64
                     ": salvage from it, too",
                     pin->node_name, pin->durable.value, plan->end.lsn.value);
        }
    }
}

void aero_salvage_plan_manifest(const struct aero_salvage_plan *plan,
                                const struct aero_manifest *from,
                                struct aero_manifest *out_manifest)
{
    AERO_ASSERT(plan->outcome != AERO_SALVAGE_REFUSED);
    aero_manifest_copy(out_manifest, from);
    drop_incarnations(plan, &out_manifest->history);
    replace_segments(plan, &out_manifest->history);
    size_t kept = 0;
    for (size_t i = 0; i < out_manifest->damaged_count; i++) {
        if (!is_replaced(plan, out_manifest->damaged_segments[i])) {
            out_manifest->damaged_segments[kept++] = out_manifest->damaged_segments[i];
        }
    }
    out_manifest->damaged_count = kept;
    settle_gate(plan, out_manifest);
}
