/* SPDX-License-Identifier: Apache-2.0 */
/* From one segment to the next (decision 14), and files made ahead of use.
 *
 * One request, in this order, begun only when the log is quiet (all records of N durable):
 *
 *     [open N+1's file, once per lane]        the handles that will sync its records (decision 4)
 *     write its header, sync                  under a temporary name: no part of the log
 *     rename to its final name, sync wal/     N+1 exists, and names N's end
 *     ---- the barrier: from here on N+1 is the log ----
 *     [write N's footer, sync]                unless N ended in a cut
 *     close N's handles
 *
 * The first record of N+1 is handed over after that request returned. A crash before the barrier leaves a file
 * that recovery does not read; behind it, N with or without its footer, and N+1 without records: both are whole.
 *
 * No room before the barrier: N goes on being the newest segment, nothing is taken until a retry succeeds. No room for
 * the footer: N stays without one, which its successor's header makes harmless. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "engine/disk_failure.h"
#include "engine/wal_log_priv.h"

/* Zero-filling syncs as it goes: the kernel never has more than this to write back when a commit wants to sync. */
#define ZERO_PIECE_BYTES ((uint64_t)1 << 20)
#define ZERO_PIECES_MAX 256

static uint32_t next_bank(const struct aero_wal_log *log)
{
    return log->has_segment ? log->bank ^ 1U : log->bank;
}

static void temporary_name(const struct aero_wal_log *log, char out_name[AERO_DISK_NAME_MAX])
{
    snprintf(out_name, AERO_DISK_NAME_MAX, "wal/prepared-%08" PRIx64 ".tmp",
             log->segment.sequence + 1);
}

static void add_closes(struct aero_wal_slot *slot, uint32_t bank)
{
    for (uint32_t lane = 0; lane < AERO_WAL_GROUP_LANES; lane++) {
        aero_wal_slot_add(slot, AERO_OP_CLOSE, aero_wal_bank_handle(bank, lane));
    }
}

/* The first description is opened as told, the others find the file there. */
static void add_opens(const struct aero_wal_log *log, struct aero_wal_slot *slot, uint32_t bank,
                      enum aero_disk_open how, const char *name)
{
    for (uint32_t lane = 0; lane < log->lane_count; lane++) {
        aero_wal_slot_add_open(slot, aero_wal_bank_handle(bank, lane),
                               lane == 0 ? how : AERO_DISK_WRITE, name);
    }
}

/* ---- Control: attach, begin ------------------------------------------------------------------------------- */

void aero_wal_log_attach(struct aero_wal_log *log, const struct aero_segment_header *segment,
                         const struct aero_wal_frontier *end)
{
    struct aero_wal_slot *slot = &log->control.slot;
    AERO_ASSERT(!log->has_segment);
    log->has_segment = true;
    log->segment = *segment;
    aero_segment_name(segment->first_lsn, segment->sequence, log->segment_name);
    log->handed = *end;
    log->synced = *end;
    log->durable = (struct aero_wal_place){
        .sequence = segment->sequence, .offset = end->offset, .position = end->position};
    log->proof.stale = true; /* recovery has made all of it durable */
    log->control.attach = true;
    aero_wal_slot_clear(slot);
    add_opens(log, slot, log->bank, AERO_DISK_WRITE, log->segment_name);
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_WAL, AERO_WAL_LANE_FIRST);
}

void aero_wal_log_want_successor(struct aero_wal_log *log)
{
    if (log->state == AERO_WAL_LOG_OPEN) {
        log->control.wanted = true;
    }
}

void aero_wal_log_retry(struct aero_wal_log *log)
{
    if (log->state == AERO_WAL_LOG_CUT) {
        log->control.wanted = true;
    }
}

bool aero_wal_log_is_ready_for_successor(struct aero_wal_log *log)
{
    if (!log->control.wanted || log->control.slot.state != AERO_WAL_REQUEST_NONE ||
        log->segment_count == AERO_WAL_SEGMENTS_MAX || !aero_wal_log_is_quiet(log)) {
        return false;
    }
    if (!log->options.switches.wal_recycle) {
        return true;
    }
    log->prepare.blocked = false; /* now it is needed */
    aero_wal_log_pump_prepare(log);
    return log->prepare.state == AERO_WAL_PREPARE_READY;
}

static void add_header(struct aero_wal_log *log, struct aero_wal_slot *slot)
{
    uint32_t bank = next_bank(log);
    uint32_t handle = aero_wal_bank_handle(bank, 0);
    char temporary[AERO_DISK_NAME_MAX];
    if (log->options.switches.wal_recycle) {
        memcpy(temporary, log->prepare.name, sizeof temporary);
    } else {
        temporary_name(log, temporary);
        add_closes(slot, bank); /* of an attempt that failed */
        add_opens(log, slot, bank, AERO_DISK_CREATE, temporary);
    }
    aero_wal_slot_add_write(slot, handle, 0,
                            aero_slice_of(log->control.raw, sizeof log->control.raw));
    aero_wal_slot_add(slot, AERO_OP_SYNC, handle);
    struct aero_disk_op *rename = aero_wal_slot_add(slot, AERO_OP_RENAME, 0);
    memcpy(rename->name, temporary, sizeof temporary);
    memcpy(rename->name_to, log->control.name, sizeof rename->name_to);
    struct aero_disk_op *sync = aero_wal_slot_add(slot, AERO_OP_SYNC_DIRECTORY, 0);
    snprintf(sync->name, sizeof sync->name, "wal");
}

static void add_end_of_predecessor(struct aero_wal_log *log, struct aero_wal_slot *slot)
{
    uint32_t handle = aero_wal_bank_handle(log->bank, 0);
    if (log->control.sealed) {
        aero_wal_slot_add_write(slot, handle, log->synced.offset,
                                aero_slice_of(log->control.footer, sizeof log->control.footer));
        aero_wal_slot_add(slot, AERO_OP_SYNC, handle);
    }
    if (log->has_segment) {
        add_closes(slot, log->bank);
    }
}

void aero_wal_log_begin(struct aero_wal_log *log, const struct aero_segment_header *header,
                        const uint8_t *raw, const uint8_t *footer)
{
    struct aero_wal_slot *slot = &log->control.slot;
    AERO_ASSERT(aero_wal_log_is_ready_for_successor(log));
    AERO_ASSERT(footer == NULL || (log->has_segment && log->may_seal));
    log->control.wanted = false;
    log->control.attach = false;
    log->control.header = *header;
    aero_segment_name(header->first_lsn, header->sequence, log->control.name);
    memcpy(log->control.raw, raw, sizeof log->control.raw);
    log->control.sealed = footer != NULL;
    if (footer != NULL) {
        memcpy(log->control.footer, footer, sizeof log->control.footer);
    }
    aero_wal_slot_clear(slot);
    add_header(log, slot);
    log->control.footer_op = (uint32_t)(slot->ops.length / sizeof(struct aero_disk_op));
    add_end_of_predecessor(log, slot);
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_WAL, AERO_WAL_LANE_FIRST);
    log->proof.sync_wanted = true; /* decision 5: at rotation */
}

/* N+1 is the log. */
static void activate(struct aero_wal_log *log, bool sealed)
{
    AERO_ASSERT(log->segment_count < AERO_WAL_SEGMENTS_MAX);
    struct aero_wal_segment *segment = &log->segments[log->segment_count++];
    *segment = (struct aero_wal_segment){
        .header = log->control.header,
        .prev_sealed = sealed || log->control.found_sealed,
        .prev_record_count = log->synced.record_count,
    };
    memcpy(segment->name, log->control.name, sizeof segment->name);
    log->bank = next_bank(log);
    log->has_segment = true;
    log->segment = log->control.header;
    memcpy(log->segment_name, log->control.name, sizeof log->segment_name);
    log->synced = (struct aero_wal_frontier){.offset = AERO_SEGMENT_HEADER_BYTES,
                                             .position = log->segment.prev_end};
    log->handed = log->synced;
    log->durable = (struct aero_wal_place){.sequence = log->segment.sequence,
                                           .offset = log->synced.offset,
                                           .position = log->synced.position};
    log->proof.stale = true;
    log->prepare.state = AERO_WAL_PREPARE_NONE;
    log->may_seal = true;
}

/* No room for the successor: what was queued is NOTWRITTEN; what a cut left on disk may come back (decision 11). */
static void fail_successor(struct aero_wal_log *log)
{
    bool first_time = log->state != AERO_WAL_LOG_CUT;
    log->control.wanted = false;
    log->state = log->verbatim ? AERO_WAL_LOG_OPEN : AERO_WAL_LOG_CUT;
    if (first_time) {
        aero_wal_log_report(log, log->reached);
    }
}

static void on_control_ok(struct aero_wal_log *log)
{
    if (log->control.attach) {
        return;
    }
    bool cutting = log->state == AERO_WAL_LOG_CUTTING;
    activate(log, log->control.sealed);
    log->state = AERO_WAL_LOG_OPEN;
    if (cutting) { /* the segment's end before them is durable: they never come back */
        aero_wal_log_report(log, log->durable.position.lsn);
    }
}

void aero_wal_log_on_control(struct aero_wal_log *log,
                             const struct aero_disk_completion *completion)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        return;
    }
    if (aero_is_ok(completion->status)) {
        on_control_ok(log);
        return;
    }
    const struct aero_disk_op *op = &log->control.slot.request.ops[completion->failed_op];
    bool of_active = log->control.attach || completion->failed_op >= log->control.footer_op;
    bool cut = aero_disk_failure(AERO_DOMAIN_WAL, op->kind, completion->status) == AERO_DISK_CUT;
    if (!cut || log->state != AERO_WAL_LOG_CUTTING) { /* else what began the cut is the story */
        aero_wal_log_set_fault(log, completion->status,
                               of_active ? log->segment_name : log->control.name,
                               aero_disk_call_text(op->kind));
    }
    if (!cut || log->control.attach) {
        aero_wal_log_enter_closed(log);
    } else if (of_active) {
        activate(log, false);
        log->state = AERO_WAL_LOG_OPEN;
        aero_wal_log_report(log, log->durable.position.lsn);
    } else {
        fail_successor(log);
    }
}

bool aero_wal_log_take_new_segment(struct aero_wal_log *log, struct aero_wal_segment *out_segment)
{
    if (log->segment_count == 0) {
        return false;
    }
    *out_segment = log->segments[0];
    log->segment_count--;
    memmove(log->segments, log->segments + 1, log->segment_count * sizeof log->segments[0]);
    return true;
}

/* ---- Preparing -------------------------------------------------------------------------------------------- */

static void add_zeros(const struct aero_wal_log *log, struct aero_wal_slot *slot, uint32_t handle)
{
    uint64_t end = log->options.segment_bytes;
    uint64_t piece = end / ZERO_PIECES_MAX;
    piece = piece > ZERO_PIECE_BYTES ? piece : ZERO_PIECE_BYTES;
    for (uint64_t offset = 0; offset < end; offset += piece) {
        struct aero_disk_op *zero = aero_wal_slot_add(slot, AERO_OP_ZERO, handle);
        zero->offset = offset;
        zero->length = piece < end - offset ? piece : end - offset;
        aero_wal_slot_add(slot, AERO_OP_SYNC, handle);
    }
}

/* A recycled file needs no zeros: what its earlier life left carries another nonce (decision 25). */
void aero_wal_log_pump_prepare(struct aero_wal_log *log)
{
    struct aero_wal_slot *slot = &log->prepare.slot;
    uint32_t bank = next_bank(log);
    AERO_ASSERT(log->state != AERO_WAL_LOG_CLOSED);
    if (!log->options.switches.wal_recycle || log->prepare.blocked ||
        log->prepare.state != AERO_WAL_PREPARE_NONE) {
        return;
    }
    aero_wal_slot_clear(slot);
    add_closes(slot, bank);
    log->prepare.reusing = log->prepare.recycled[0] != '\0';
    if (log->prepare.reusing) {
        memcpy(log->prepare.name, log->prepare.recycled, sizeof log->prepare.name);
        log->prepare.recycled[0] = '\0';
        add_opens(log, slot, bank, AERO_DISK_REUSE, log->prepare.name);
    } else {
        temporary_name(log, log->prepare.name);
        add_opens(log, slot, bank, AERO_DISK_CREATE, log->prepare.name);
        add_zeros(log, slot, aero_wal_bank_handle(bank, 0));
    }
    log->prepare.state = AERO_WAL_PREPARE_RUNNING;
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_WAL, AERO_WAL_LANE_BACKGROUND);
}

/* Gives the room back: a half-filled file is of no use. */
static void undo_prepare(struct aero_wal_log *log)
{
    struct aero_wal_slot *slot = &log->prepare.slot;
    aero_wal_slot_clear(slot);
    add_closes(slot, next_bank(log));
    struct aero_disk_op *unlink = aero_wal_slot_add(slot, AERO_OP_UNLINK, 0);
    memcpy(unlink->name, log->prepare.name, sizeof unlink->name);
    log->prepare.state = AERO_WAL_PREPARE_UNDOING;
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_WAL, AERO_WAL_LANE_BACKGROUND);
}

static void on_prepare_failed(struct aero_wal_log *log,
                              const struct aero_disk_completion *completion)
{
    const struct aero_disk_op *op = &log->prepare.slot.request.ops[completion->failed_op];
    enum aero_disk_consequence consequence =
        aero_disk_failure(AERO_DOMAIN_WAL, op->kind, completion->status);
    if (consequence == AERO_DISK_DROP &&
        log->prepare.reusing) { /* gone, or kept by somebody: make one */
        undo_prepare(log);
        return;
    }
    if (consequence != AERO_DISK_CUT || log->state != AERO_WAL_LOG_CUTTING) {
        aero_wal_log_set_fault(log, completion->status, log->prepare.name,
                               aero_disk_call_text(op->kind));
    }
    if (consequence != AERO_DISK_CUT) {
        aero_wal_log_enter_closed(log);
        return;
    }
    undo_prepare(log);
    log->prepare.blocked = true;
    /* While groups are in flight it is too early to say that anything failed: they may still become durable. The
     * successor asks for its file again once the log is quiet. */
    if (log->control.wanted && aero_wal_log_is_quiet(log)) {
        fail_successor(log);
    }
}

void aero_wal_log_on_prepare(struct aero_wal_log *log,
                             const struct aero_disk_completion *completion)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        return;
    }
    if (log->prepare.state == AERO_WAL_PREPARE_UNDOING) {
        log->prepare.state = AERO_WAL_PREPARE_NONE;
    } else if (aero_is_ok(completion->status)) {
        log->prepare.state = AERO_WAL_PREPARE_READY;
    } else {
        on_prepare_failed(log, completion);
    }
}

bool aero_wal_log_give_recycled(struct aero_wal_log *log, const char *name)
{
    if (!log->options.switches.wal_recycle || log->state == AERO_WAL_LOG_CLOSED ||
        log->prepare.recycled[0] != '\0') {
        return false;
    }
    AERO_ASSERT(strlen(name) < sizeof log->prepare.recycled);
    snprintf(log->prepare.recycled, sizeof log->prepare.recycled, "%s", name);
    return true;
}
