/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/salvage_plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "ctl/salvage_history.h"
#include "ctl/salvage_manifest.h"
#include "engine/disk_failure.h"
#include "engine/wal_reader.h"

/* ---- Reading ------------------------------------------------------------------------------------------------ */

static aero_status scan_segment(struct aero_disk disk, struct aero_salvage_segment *segment)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    aero_status status = segment->listed.header_status;
    if (!aero_is_ok(status)) {
        return aero_disk_is_refusal(status) ? status : aero_ok();
    }
    AERO_TRY(aero_wal_reader_open(disk, segment->listed.name, segment->listed.bound, &reader));
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

static aero_status scan(const struct aero_salvage_source *source, struct aero_salvage_log *out_log)
{
    struct aero_wal_list list;
    struct aero_disk disk = source->disk;
    AERO_TRY(aero_wal_list_read(disk, source->floor, &list));
    struct aero_salvage_log log = {.segments = aero_calloc(list.count + 1, sizeof *log.segments),
                                   .count = list.count};
    aero_status status = aero_proof_read(disk, &log.proof);
    status = status.code == AERO_NOT_FOUND ? aero_ok() : status;
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

static bool is_readable(const struct aero_salvage_segment *segment)
{
    return aero_is_ok(segment->listed.header_status);
}

static const struct aero_segment_header *header_of(const struct aero_salvage_segment *segment)
{
    return &segment->listed.header;
}

static bool same_segment(const struct aero_salvage_segment *a, const struct aero_salvage_segment *b)
{
    return is_readable(a) && is_readable(b) &&
           aero_id_equal(header_of(a)->nonce, header_of(b)->nonce) &&
           aero_position_equal(header_of(a)->prev_end, header_of(b)->prev_end);
}

/* A position names all that stands before it: whether the segment's records pass through that of the shorter copy's end. */
static bool passes_through(struct aero_disk disk, const struct aero_salvage_segment *segment,
                           struct aero_position position)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    if (aero_position_equal(segment->end, position)) {
        return true;
    }
    if (!aero_is_ok(
            aero_wal_reader_open(disk, segment->listed.name, segment->listed.bound, &reader))) {
        return false;
    }
    while (aero_wal_reader_position(reader).lsn.value < position.lsn.value &&
           aero_is_ok(aero_wal_reader_next(reader, &record))) {
    }
    bool passes = aero_position_equal(aero_wal_reader_position(reader), position);
    aero_wal_reader_close(reader);
    return passes;
}

static void compare_copies(const struct aero_salvage_source *primary,
                           const struct aero_salvage_source *replica,
                           struct aero_salvage_segment *mine,
                           const struct aero_salvage_segment *copy)
{
    bool agree = mine->end.lsn.value <= copy->end.lsn.value
                     ? passes_through(replica->disk, copy, mine->end)
                     : passes_through(primary->disk, mine, copy->end);
    mine->parted = !agree;
}

aero_status aero_salvage_read(const struct aero_salvage_source *primary,
                              const struct aero_salvage_source *replica,
                              struct aero_salvage_log *out_primary,
                              struct aero_salvage_log *out_replica)
{
    AERO_TRY(scan(primary, out_primary));
    AERO_TRY(scan(replica, out_replica));
    for (size_t i = 0; i < out_primary->count; i++) {
        for (size_t k = 0; k < out_replica->count; k++) {
            struct aero_salvage_segment *mine = &out_primary->segments[i];
            const struct aero_salvage_segment *copy = &out_replica->segments[k];
            if (same_segment(mine, copy)) {
                compare_copies(primary, replica, mine, copy);
            }
        }
    }
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
    const struct aero_manifest *manifest; /* the primary's */
    struct aero_salvage_plan plan;
    size_t next; /* in the primary's log */
    bool begun;
    uint64_t last_sequence;
    struct aero_position end;
    bool lost_known;
};

/* Whether it continues the log as planned so far, exactly. */
static bool follows(const struct planner *planner, const struct aero_salvage_segment *segment)
{
    if (!is_readable(segment)) {
        return false;
    }
    return !planner->begun || (header_of(segment)->prev_sequence == planner->last_sequence &&
                               aero_position_equal(header_of(segment)->prev_end, planner->end));
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

static void note_loss(struct planner *planner, struct aero_position whole_to)
{
    if (!planner->lost_known) {
        planner->lost_known = true;
        planner->plan.lost_behind = whole_to;
    }
}

/* Whether the primary's file, or what is left of it, is the replica's segment. Under a damaged header its nonce is what the
 * manifest or the proof remembers; where neither does, only a segment of an incarnation that this directory knows can be it. */
static bool is_same_file(const struct planner *planner, const struct aero_salvage_segment *file,
                         const struct aero_salvage_segment *copy)
{
    const struct aero_history *history = &planner->manifest->history;
    const struct aero_proof *proof = &planner->primary->proof;
    if (is_readable(file)) {
        return same_segment(file, copy);
    }
    const struct aero_segment_start *start =
        aero_history_find_segment(history, file->listed.named_sequence);
    if (start != NULL) {
        return aero_id_equal(start->nonce, header_of(copy)->nonce);
    }
    if (proof->segment_sequence == file->listed.named_sequence) {
        return aero_id_equal(proof->segment_nonce, header_of(copy)->nonce);
    }
    return aero_history_find(history, header_of(copy)->incarnation) != NULL;
}

static bool take(struct planner *planner, const struct aero_salvage_segment *segment,
                 bool from_replica)
{
    uint64_t sequence = segment->listed.named_sequence;
    const struct aero_salvage_segment *old =
        from_replica ? find_sequence(planner->primary, sequence) : NULL;
    planner->plan.steps[planner->plan.step_count++] = (struct aero_salvage_step){
        .segment = segment,
        .from_replica = from_replica,
        .old = old,
        .mends = old != NULL && is_same_file(planner, old, segment),
    };
    planner->begun = true;
    planner->last_sequence = sequence;
    planner->end = segment->end;
    return true;
}

/* The primary lost it, or its end. */
static bool take_from_replica(struct planner *planner, const struct aero_salvage_segment *segment)
{
    const struct aero_salvage_segment *old =
        find_sequence(planner->primary, segment->listed.named_sequence);
    bool shares_beginning = old != NULL && same_segment(old, segment);
    note_loss(planner, shares_beginning ? old->end : planner->end);
    planner->plan.brought_count +=
        segment->record_count - (shares_beginning ? old->record_count : 0);
    return take(planner, segment, true);
}

static struct aero_position end_of(const struct aero_salvage_log *log)
{
    return log->count > 0 ? log->segments[log->count - 1].end : (struct aero_position){0};
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
    if (mine->parted) {
        return aero_salvage_refuse(
            &planner->plan,
            "in %s the primary and the replica hold different records at or before LSN %" PRIu64
            ", both under its name: two histories. 'aeroctl compare' says where they part.",
            mine->listed.name, mine->end.lsn.value);
    }
    /* The first of the replica's segments there may be empty, too: what matters is what it leads to. */
    bool elsewhere = other != NULL && !same_segment(mine, other) &&
                     end_of(planner->replica).lsn.value > planner->end.lsn.value;
    if (better) {
        planner->next++;
        return take_from_replica(planner, copy);
    }
    if (elsewhere && mine->record_count > 0) {
        return aero_salvage_refuse(
            &planner->plan,
            "behind LSN %" PRIu64 " the primary wrote %" PRIu64
            " record%s of its own and the replica holds others: two histories. Bringing "
            "back the replica's would discard the primary's.",
            planner->end.lsn.value, mine->record_count, aero_plural(mine->record_count));
    }
    if (elsewhere) {
        return take_from_replica(planner, other); /* mine is empty: dropped at the end */
    }
    if (!mine->whole && planner->next + 1 < planner->primary->count) {
        return aero_salvage_refuse(
            &planner->plan, "%s is damaged at offset %" PRIu64 " and the replica has no whole copy",
            mine->listed.name, mine->end_offset);
    }
    planner->next++;
    return take(planner, mine, false);
}

/* What the replica has in the place of a segment that does not continue the log, or behind the last one. */
static const struct aero_salvage_segment *find_other(const struct planner *planner)
{
    const struct aero_salvage_segment *first = &planner->primary->segments[0];
    return planner->begun ? find_following(planner)
                          : find_sequence(planner->replica, first->listed.named_sequence);
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
        const struct aero_salvage_segment *other = find_other(planner);
        if (other == NULL || !is_readable(other)) {
            return true;
        }
        take_from_replica(planner, other);
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

/* The step that takes the place of the primary's file; NULL: none does. */
static const struct aero_salvage_step *find_replacing(const struct aero_salvage_plan *plan,
                                                      const struct aero_salvage_segment *file)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].old == file) {
            return &plan->steps[i];
        }
    }
    return NULL;
}

/* A record may have stood in it: no segment goes on the word of its damaged bytes alone. */
static bool may_hold_records(const struct planner *planner,
                             const struct aero_salvage_segment *segment)
{
    const struct aero_proof *proof = &planner->primary->proof;
    bool proven = proof->segment_sequence == segment->listed.named_sequence &&
                  proof->end.lsn.value > segment->end.lsn.value;
    return !is_readable(segment) || !segment->whole || proven;
}

/* What the plan leaves out of the primary's log must be nothing to anybody. */
static bool plan_drops(struct planner *planner)
{
    struct aero_salvage_plan *plan = &planner->plan;
    for (size_t i = 0; i < planner->primary->count; i++) {
        const struct aero_salvage_segment *segment = &planner->primary->segments[i];
        const struct aero_salvage_step *step = find_replacing(plan, segment);
        if (is_taken(plan, segment) || (step != NULL && step->mends)) {
            continue;
        }
        if (segment->record_count > 0) {
            return aero_salvage_refuse(
                plan,
                "%s holds %" PRIu64 " record%s of the primary's own, which would be lost: it does "
                "not continue what the replica has. Two histories; 'aeroctl compare' says where "
                "they part.",
                segment->listed.name, segment->record_count, aero_plural(segment->record_count));
        }
        if (may_hold_records(planner, segment)) {
            return aero_salvage_refuse(
                plan,
                "%s is damaged and may have held records of the primary's own: nothing says that "
                "it did not. Two histories, unless a start of the primary finds nothing durable "
                "in it.",
                segment->listed.name);
        }
        if (step == NULL) {
            plan->drops[plan->drop_count++] = segment;
        }
    }
    return true;
}

/* "Nothing to bring back" would be false of a replica that goes on behind a gap. */
static bool reaches_replica(struct planner *planner, const struct aero_manifest *replica)
{
    aero_lsn end = end_of(planner->replica).lsn;
    for (size_t i = 0; i < replica->snapshot_count; i++) {
        if (replica->snapshots[i].position.lsn.value > end.value) {
            end = replica->snapshots[i].position.lsn;
        }
    }
    if (end.value > planner->end.lsn.value) {
        return aero_salvage_refuse(
            &planner->plan,
            "the replica has records to LSN %" PRIu64 ", but its log does not continue the "
            "primary's at LSN %" PRIu64 ": one of the two logs was truncated behind that. If "
            "an older copy of the primary's directory is at hand, put it in its place, and "
            "salvage before it is started.",
            end.value, planner->end.lsn.value);
    }
    return true;
}

bool aero_salvage_refuse(struct aero_salvage_plan *plan, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plan->text, sizeof plan->text, format, arguments);
    va_end(arguments);
    plan->outcome = AERO_SALVAGE_REFUSED;
    return false;
}

static bool plan_all(struct planner *planner, const struct aero_manifest *replica)
{
    struct aero_salvage_plan *plan = &planner->plan;
    if (planner->primary->count == 0) {
        return aero_salvage_refuse(plan,
                                   "the primary has no segment at all: set up a new primary from "
                                   "this replica's directory instead");
    }
    if (!plan_steps(planner) || !plan_drops(planner)) {
        return false;
    }
    plan->end = planner->end;
    return reaches_replica(planner, replica) &&
           aero_salvage_history_make(plan, planner->manifest, replica) &&
           aero_salvage_manifest_has_base(plan, planner->manifest);
}

void aero_salvage_plan_make(const struct aero_salvage_side *primary,
                            const struct aero_salvage_side *replica,
                            struct aero_salvage_plan *out_plan)
{
    struct planner planner = {
        .primary = primary->log, .replica = replica->log, .manifest = primary->manifest};
    struct aero_salvage_plan *plan = &planner.plan;
    plan->steps = aero_calloc(primary->log->count + replica->log->count + 1, sizeof *plan->steps);
    plan->drops = aero_calloc(primary->log->count + 1, sizeof *plan->drops);
    if (plan_all(&planner, replica->manifest)) {
        plan->outcome = plan->brought_count > 0 ? AERO_SALVAGE_POSSIBLE : AERO_SALVAGE_NOTHING;
    }
    *out_plan = *plan;
}

void aero_salvage_plan_deinit(struct aero_salvage_plan *plan)
{
    free(plan->steps);
    free((void *)plan->drops);
    aero_history_deinit(&plan->history);
    *plan = (struct aero_salvage_plan){0};
}
