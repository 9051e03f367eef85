/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/salvage_act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/position.h"
#include "ctl/salvage_manifest.h"
#include "engine/proof.h"
#include "engine/wal_reader.h"

#define COPY_BYTES ((size_t)1 << 20)

struct act {
    struct aero_disk primary;
    struct aero_disk replica;
    const struct aero_salvage_plan *plan;
    const struct aero_salvage_side *now;
    struct aero_salvage_failure *failure;
};

static void begin_step(const struct act *act, const char *step, const char *file)
{
    act->failure->step = step;
    snprintf(act->failure->file, sizeof act->failure->file, "%s", file);
}

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    AERO_ASSERT(slash != NULL);
    return slash + 1;
}

static void temporary_name(const char *name, char out_name[AERO_DISK_NAME_MAX])
{
    snprintf(out_name, AERO_DISK_NAME_MAX, "wal/%.64s.tmp", base_name(name));
}

/* ---- Copies -------------------------------------------------------------------------------------------------- */

static aero_status copy_open(struct aero_disk from_disk, struct aero_disk_file *from,
                             struct aero_disk to_disk, struct aero_disk_file *to, uint64_t length)
{
    uint8_t *piece = aero_malloc(COPY_BYTES);
    aero_status status = aero_ok();
    for (uint64_t at = 0; at < length && aero_is_ok(status); at += COPY_BYTES) {
        size_t want = length - at < COPY_BYTES ? (size_t)(length - at) : COPY_BYTES;
        size_t got = 0;
        size_t written = 0;
        status = from_disk.ops->read(from_disk.self, from, at, piece, want, &got);
        if (aero_is_ok(status) && got < want) {
            status = aero_error(AERO_CORRUPT); /* it was longer a moment ago */
        }
        if (aero_is_ok(status)) {
            status = to_disk.ops->write(to_disk.self, to, at, aero_slice_of(piece, want), &written);
        }
    }
    free(piece);
    return aero_is_ok(status) ? to_disk.ops->sync(to_disk.self, to) : status;
}

static aero_status copy_file(struct aero_disk from_disk, const char *from_name,
                             struct aero_disk to_disk, const char *to_name, uint64_t length)
{
    struct aero_disk_file *from;
    struct aero_disk_file *to;
    AERO_TRY(from_disk.ops->open(from_disk.self, from_name, AERO_DISK_READ, &from));
    aero_status status = to_disk.ops->open(to_disk.self, to_name, AERO_DISK_CREATE, &to);
    if (aero_is_ok(status)) {
        status = copy_open(from_disk, from, to_disk, to, length);
        to_disk.ops->close(to_disk.self, to);
    }
    from_disk.ops->close(from_disk.self, from);
    return status;
}

/* The copy holds exactly the records that were planned: the disk's word, not ours. */
static aero_status read_back(struct aero_disk disk, const char *name,
                             const struct aero_salvage_segment *expected)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    AERO_TRY(aero_wal_reader_open(disk, name, expected->end_offset, &reader));
    aero_status status;
    do {
        status = aero_wal_reader_next(reader, &record);
    } while (aero_is_ok(status));
    struct aero_position end = aero_wal_reader_position(reader);
    if (status.code == AERO_NOT_FOUND) {
        bool same = aero_wal_reader_stop(reader) != AERO_STOP_INVALID &&
                    aero_position_equal(end, expected->end);
        status = same ? aero_ok() : aero_error(AERO_CORRUPT);
    }
    aero_wal_reader_close(reader);
    return status;
}

/* The last segment goes without its footer: on a primary a footer without a successor is damage (decision 14), and the
 * next start begins the successor that names its end. */
static aero_status stage_copies(struct act *act)
{
    for (size_t i = 0; i < act->plan->step_count; i++) {
        const struct aero_salvage_step *step = &act->plan->steps[i];
        char temporary[AERO_DISK_NAME_MAX];
        if (!step->from_replica) {
            continue;
        }
        bool last = i + 1 == act->plan->step_count;
        uint64_t footer = step->segment->sealed && !last ? AERO_SEGMENT_FOOTER_BYTES : 0;
        begin_step(act, "copying", step->segment->listed.name);
        temporary_name(step->segment->listed.name, temporary);
        AERO_TRY(copy_file(act->replica, step->segment->listed.name, act->primary, temporary,
                           step->segment->end_offset + footer));
        AERO_TRY(read_back(act->primary, temporary, step->segment));
    }
    return aero_ok();
}

/* ---- Quarantine ---------------------------------------------------------------------------------------------- */

static aero_status set_aside(struct act *act, const struct aero_wal_listed *listed)
{
    char temporary[AERO_DISK_NAME_MAX];
    char final[AERO_DISK_NAME_MAX];
    begin_step(act, "setting aside", listed->name);
    snprintf(temporary, sizeof temporary, "quarantine/%.64s.tmp", base_name(listed->name));
    snprintf(final, sizeof final, "quarantine/%.64s.generation-%" PRIu64 ".salvaged",
             base_name(listed->name), act->now->manifest->generation);
    AERO_TRY(act->primary.ops->make_directory(act->primary.self, "quarantine"));
    AERO_TRY(copy_file(act->primary, listed->name, act->primary, temporary, listed->size_bytes));
    return act->primary.ops->rename(act->primary.self, temporary, final);
}

/* Everything of the primary that will not stand under its name any more. */
static aero_status set_all_aside(struct act *act)
{
    for (size_t i = 0; i < act->plan->step_count; i++) {
        if (act->plan->steps[i].old != NULL) {
            AERO_TRY(set_aside(act, &act->plan->steps[i].old->listed));
        }
    }
    for (size_t i = 0; i < act->plan->drop_count; i++) {
        AERO_TRY(set_aside(act, &act->plan->drops[i]->listed));
    }
    AERO_TRY(act->primary.ops->sync_directory(act->primary.self, ""));
    return act->primary.ops->sync_directory(act->primary.self, "quarantine");
}

/* ---- Names --------------------------------------------------------------------------------------------------- */

static aero_status unlink_one(struct act *act, const char *name)
{
    begin_step(act, "removing", name);
    AERO_TRY(act->primary.ops->unlink(act->primary.self, name));
    return act->primary.ops->sync_directory(act->primary.self, "wal");
}

/* Dropped segments, and replaced ones that are not simply renamed over: two names of one sequence are a refusal to start.
 * Newest first, so that the log never has a hole. */
static aero_status unlink_dropped(struct act *act)
{
    for (size_t i = act->plan->drop_count; i > 0; i--) {
        AERO_TRY(unlink_one(act, act->plan->drops[i - 1]->listed.name));
    }
    for (size_t i = act->plan->step_count; i > 0; i--) {
        const struct aero_salvage_step *step = &act->plan->steps[i - 1];
        if (step->old != NULL && strcmp(step->old->listed.name, step->segment->listed.name) != 0) {
            AERO_TRY(unlink_one(act, step->old->listed.name));
        }
    }
    return aero_ok();
}

static aero_status rename_copies(struct act *act)
{
    for (size_t i = 0; i < act->plan->step_count; i++) {
        const struct aero_salvage_step *step = &act->plan->steps[i];
        char temporary[AERO_DISK_NAME_MAX];
        if (step->from_replica) {
            begin_step(act, "renaming", step->segment->listed.name);
            temporary_name(step->segment->listed.name, temporary);
            AERO_TRY(
                act->primary.ops->rename(act->primary.self, temporary, step->segment->listed.name));
            AERO_TRY(act->primary.ops->sync_directory(act->primary.self, "wal"));
        }
    }
    return aero_ok();
}

static aero_status write_proof(struct act *act)
{
    const struct aero_salvage_step *last = &act->plan->steps[act->plan->step_count - 1];
    uint8_t slots[2 * AERO_PROOF_SLOT_BYTES] = {0};
    begin_step(act, "writing", AERO_PROOF_FILE);
    struct aero_proof proof = {
        .generation = act->now->log->proof.generation + 1,
        .segment_sequence = last->segment->listed.header.sequence,
        .segment_nonce = last->segment->listed.header.nonce,
        .end_offset = last->segment->end_offset,
        .end = act->plan->end,
    };
    aero_proof_encode(&proof, slots + proof.generation % 2 * AERO_PROOF_SLOT_BYTES);
    return aero_disk_replace_file(act->primary, "", AERO_PROOF_FILE,
                                  aero_slice_of(slots, sizeof slots));
}

/* ---- The manifest -------------------------------------------------------------------------------------------- */

static aero_status close_writes(struct act *act)
{
    struct aero_manifest closed = {0};
    begin_step(act, "writing", AERO_MANIFEST_FILE);
    aero_manifest_copy(&closed, act->now->manifest);
    closed.gate = AERO_GATE_PRIMARY_LOST;
    closed.lost_count =
        act->plan->brought_count < UINT32_MAX ? (uint32_t)act->plan->brought_count : UINT32_MAX;
    snprintf(closed.gate_reason, sizeof closed.gate_reason,
             "aeroctl salvage was bringing back %" PRIu64 " record%s behind LSN %" PRIu64
             " and did not finish: run it again",
             act->plan->brought_count, aero_plural(act->plan->brought_count),
             act->plan->lost_behind.lsn.value);
    aero_status status = aero_manifest_write(act->primary, &closed);
    aero_manifest_deinit(&closed);
    return status;
}

static aero_status write_manifest(struct act *act)
{
    struct aero_manifest after = {0};
    begin_step(act, "writing", AERO_MANIFEST_FILE);
    aero_salvage_manifest_make(act->plan, act->now->manifest, &after);
    aero_status status = aero_manifest_write(act->primary, &after);
    aero_manifest_deinit(&after);
    return status;
}

aero_status aero_salvage_act(struct aero_disk primary, struct aero_disk replica,
                             const struct aero_salvage_plan *plan,
                             const struct aero_salvage_side *now,
                             struct aero_salvage_failure *out_failure)
{
    struct act act = {
        .primary = primary, .replica = replica, .plan = plan, .now = now, .failure = out_failure};
    AERO_TRY(close_writes(&act));
    AERO_TRY(stage_copies(&act));
    AERO_TRY(set_all_aside(&act));
    AERO_TRY(unlink_dropped(&act));
    AERO_TRY(rename_copies(&act));
    AERO_TRY(write_proof(&act));
    return write_manifest(&act);
}
