/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, proof and failures. Segments change in wal_log_segment.c.
 *
 * How the promise survives a crash at any moment: a position becomes durable only after (1) the sync of its group and
 * of every group before it returned, each on a description of its own (decision 4), and (2) the proof that says so
 * was written (decision 5). A crash before (2) leaves records that nobody was told of; a crash after it leaves records
 * that recovery can prove.
 *
 * How it survives a failure: after a sync or any other doubtful error the state is CLOSED, and the only requests still
 * alive are those that the disk already has. After a write without room nothing is handed over behind it any more, what
 * flies is awaited, and the segment ends where the syncs say (decision 3). */
#include "engine/wal_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/disk_failure.h"
#include "engine/wal_log_priv.h"

_Static_assert(AERO_WAL_HANDLE_PROOF < AERO_DISK_HANDLE_COUNT, "the handles fit the table");

void aero_wal_log_init(struct aero_wal_log *log, const struct aero_wal_options *options,
                       struct aero_position end, uint64_t proof_generation)
{
    bool overlapped = options->switches.overlapped_sync && options->switches.group_commit;
    *log = (struct aero_wal_log){
        .options = *options,
        .lane_count = overlapped ? AERO_WAL_GROUP_LANES : 1,
        .last_lsn = end.lsn,
        .reached = end.lsn,
        .durable = {.position = end},
        .handed = {.position = end},
        .synced = {.position = end},
        .may_seal = true,
        .proof = {.generation = proof_generation},
    };
}

void aero_wal_log_deinit(struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        aero_buffer_deinit(&log->groups[i].slot.ops);
    }
    aero_buffer_deinit(&log->proof.slot.ops);
    aero_buffer_deinit(&log->control.slot.ops);
    aero_buffer_deinit(&log->prepare.slot.ops);
    aero_wal_queue_deinit(&log->queue);
}

/* ---- Requests --------------------------------------------------------------------------------------------- */

void aero_wal_slot_clear(struct aero_wal_slot *slot)
{
    AERO_ASSERT(slot->state == AERO_WAL_REQUEST_NONE);
    aero_buffer_clear(&slot->ops);
}

struct aero_disk_op *aero_wal_slot_add(struct aero_wal_slot *slot, enum aero_disk_op_kind kind,
                                       uint32_t handle)
{
    struct aero_disk_op *op =
        (struct aero_disk_op *)(void *)aero_buffer_reserve(&slot->ops, sizeof *op);
    /* Field by field: names are long, and a group's operations have none. */
    op->kind = kind;
    op->how = AERO_DISK_READ;
    op->handle = handle;
    op->name[0] = '\0';
    op->name_to[0] = '\0';
    op->offset = 0;
    op->length = 0;
    op->bytes = aero_slice_of(NULL, 0);
    op->produce = NULL;
    op->context = NULL;
    slot->ops.length += sizeof *op;
    return op;
}

void aero_wal_slot_add_open(struct aero_wal_slot *slot, uint32_t handle, enum aero_disk_open how,
                            const char *name)
{
    struct aero_disk_op *op = aero_wal_slot_add(slot, AERO_OP_OPEN, handle);
    op->how = how;
    snprintf(op->name, sizeof op->name, "%s", name);
}

void aero_wal_slot_add_write(struct aero_wal_slot *slot, uint32_t handle, uint64_t offset,
                             struct aero_slice bytes)
{
    struct aero_disk_op *op = aero_wal_slot_add(slot, AERO_OP_WRITE, handle);
    op->offset = offset;
    op->bytes = bytes;
}

void aero_wal_slot_ready(struct aero_wal_log *log, struct aero_wal_slot *slot,
                         enum aero_disk_domain domain, uint32_t lane)
{
    slot->request = (struct aero_disk_request){
        .id = ++log->next_request_id,
        .domain = domain,
        .lane = lane,
        .ops = (struct aero_disk_op *)(void *)slot->ops.data,
        .op_count = (uint32_t)(slot->ops.length / sizeof(struct aero_disk_op)),
    };
    slot->state = AERO_WAL_REQUEST_READY;
}

/* Groups first: somebody waits for them. The background comes last. */
static struct aero_wal_slot *slot_at(struct aero_wal_log *log, size_t index)
{
    struct aero_wal_slot *slots[AERO_WAL_SLOT_COUNT] = {
        &log->groups[0].slot, &log->groups[1].slot, &log->proof.slot,
        &log->control.slot,   &log->prepare.slot,
    };
    return slots[index];
}

const struct aero_disk_request *aero_wal_log_next_request(struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_SLOT_COUNT; i++) {
        struct aero_wal_slot *slot = slot_at(log, i);
        if (slot->state == AERO_WAL_REQUEST_READY) {
            slot->state = AERO_WAL_REQUEST_ISSUED;
            return &slot->request;
        }
    }
    return NULL;
}

static bool nothing_in_flight(const struct aero_wal_log *log)
{
    return log->groups[0].slot.state == AERO_WAL_REQUEST_NONE &&
           log->groups[1].slot.state == AERO_WAL_REQUEST_NONE &&
           log->proof.slot.state == AERO_WAL_REQUEST_NONE &&
           log->control.slot.state == AERO_WAL_REQUEST_NONE &&
           log->prepare.slot.state == AERO_WAL_REQUEST_NONE;
}

/* ---- Failures --------------------------------------------------------------------------------------------- */

void aero_wal_log_set_fault(struct aero_wal_log *log, aero_status status, const char *file,
                            const char *call)
{
    log->fault = (struct aero_wal_failure){.status = status, .call = call};
    snprintf(log->fault.file, sizeof log->fault.file, "%s", file);
}

/* Tells the owner: everything behind `durable` failed. LSNs start again from there. */
void aero_wal_log_report(struct aero_wal_log *log, aero_lsn unknown_through)
{
    aero_lsn durable = log->durable.position.lsn;
    bool closed = log->state == AERO_WAL_LOG_CLOSED;
    struct aero_wal_failure told = log->failure;
    log->failure = log->fault;
    log->failure.closed = closed;
    log->failure.durable = durable;
    log->failure.unknown_through =
        unknown_through.value > durable.value ? unknown_through : durable;
    log->failure.last = log->last_lsn.value > durable.value ? log->last_lsn : durable;
    if (log->failure_pending) { /* nobody could append in between: what failed then is what failed */
        log->failure.unknown_through = told.unknown_through;
        log->failure.last = told.last;
    }
    log->failure_pending = true;
    log->last_lsn = durable;
    log->reached = durable;
    aero_wal_queue_drop(&log->queue);
}

static void free_group(struct aero_wal_log *log, struct aero_wal_group *group)
{
    aero_wal_queue_release(&log->queue, group->chunk, group->bytes);
    group->state = AERO_WAL_GROUP_FREE;
    group->chunk = NULL;
}

/* Takes back what the disk was not given yet. */
static void cancel_ready(struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_SLOT_COUNT; i++) {
        struct aero_wal_slot *slot = slot_at(log, i);
        if (slot->state == AERO_WAL_REQUEST_READY) {
            slot->state = AERO_WAL_REQUEST_NONE;
        }
    }
}

static void free_landed_groups(struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        struct aero_wal_group *group = &log->groups[i];
        if (group->state != AERO_WAL_GROUP_FREE && group->slot.state == AERO_WAL_REQUEST_NONE) {
            free_group(log, group);
        }
    }
}

/* FM-7.2: nothing is trusted, nothing more is asked. */
void aero_wal_log_enter_closed(struct aero_wal_log *log)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        return;
    }
    log->state = AERO_WAL_LOG_CLOSED;
    log->control.wanted = false;
    cancel_ready(log);
    aero_wal_log_report(log, log->reached);
    free_landed_groups(log);
}

void aero_wal_log_close(struct aero_wal_log *log, aero_status reason, const char *file,
                        const char *call)
{
    aero_wal_log_set_fault(log, reason, file, call);
    aero_wal_log_enter_closed(log);
}

bool aero_wal_log_take_failure(struct aero_wal_log *log, struct aero_wal_failure *out_failure)
{
    if (!log->failure_pending) {
        return false;
    }
    log->failure_pending = false;
    *out_failure = log->failure;
    return true;
}

bool aero_wal_log_is_open(const struct aero_wal_log *log)
{
    return log->state == AERO_WAL_LOG_OPEN && !log->failure_pending;
}

/* ---- Groups ----------------------------------------------------------------------------------------------- */

bool aero_wal_log_is_quiet(const struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        if (log->groups[i].state != AERO_WAL_GROUP_FREE) {
            return false;
        }
    }
    return !log->proof.stale && !log->proof.writing;
}

struct aero_wal_group *aero_wal_log_free_lane(struct aero_wal_log *log)
{
    if (log->state != AERO_WAL_LOG_OPEN || !log->has_segment || log->control.wanted ||
        log->control.slot.state != AERO_WAL_REQUEST_NONE) {
        return NULL;
    }
    if (!log->options.switches.group_commit && !aero_wal_log_is_quiet(log)) {
        return NULL; /* the baseline: one commit, one write, one sync, one acknowledgement, then the next */
    }
    for (uint32_t i = 0; i < log->lane_count; i++) {
        if (log->groups[i].state == AERO_WAL_GROUP_FREE) {
            return &log->groups[i];
        }
    }
    return NULL;
}

void aero_wal_log_hand_over(struct aero_wal_log *log, struct aero_wal_group *group,
                            struct aero_wal_chunk *chunk, const struct aero_wal_frontier *end,
                            const size_t *writes, uint32_t write_count)
{
    uint32_t lane = (uint32_t)(group - log->groups);
    uint32_t handle = aero_wal_bank_handle(log->bank, lane);
    const uint8_t *data = chunk->data + chunk->taken;
    uint64_t offset = log->handed.offset;
    aero_wal_slot_clear(&group->slot);
    for (uint32_t i = 0; i < write_count; i++) {
        aero_wal_slot_add_write(&group->slot, handle, offset, aero_slice_of(data, writes[i]));
        data += writes[i];
        offset += writes[i];
    }
    AERO_ASSERT(offset == end->offset);
    AERO_ASSERT(end->position.lsn.value > log->handed.position.lsn.value);
    aero_wal_slot_add(&group->slot, AERO_OP_SYNC, handle);
    group->state = AERO_WAL_GROUP_FLYING;
    group->number = log->groups_handed++;
    group->chunk = chunk;
    group->bytes = (size_t)(end->offset - log->handed.offset);
    group->end = *end;
    group->reached_disk = false;
    aero_wal_queue_take(chunk, group->bytes);
    log->handed = *end;
    log->reached = end->position.lsn;
    aero_wal_slot_ready(log, &group->slot, AERO_DOMAIN_WAL, AERO_WAL_LANE_FIRST + lane);
}

/* The group that comes next in the order of LSNs, if it is in flight. */
static struct aero_wal_group *oldest_group(struct aero_wal_log *log)
{
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        struct aero_wal_group *group = &log->groups[i];
        if (group->state != AERO_WAL_GROUP_FREE && group->number == log->groups_synced) {
            return group;
        }
    }
    return NULL;
}

/* Decision 4: only the contiguous prefix counts. */
static void advance_synced(struct aero_wal_log *log)
{
    struct aero_wal_group *group = oldest_group(log);
    while (group != NULL && group->state == AERO_WAL_GROUP_SYNCED) {
        log->synced = group->end;
        log->groups_synced++;
        log->proof.stale = true;
        free_group(log, group);
        group = oldest_group(log);
    }
}

/* Once everything has landed: what is not in the contiguous prefix is behind the cut, written or not. */
static void settle_cut(struct aero_wal_log *log)
{
    bool reached_disk = false;
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        if (log->groups[i].state == AERO_WAL_GROUP_FLYING) {
            return;
        }
    }
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        struct aero_wal_group *group = &log->groups[i];
        if (group->state != AERO_WAL_GROUP_FREE) {
            reached_disk = reached_disk || group->reached_disk;
            free_group(log, group);
        }
    }
    log->groups_synced = log->groups_handed;
    log->handed = log->synced;
    if (!reached_disk) {
        log->reached = log->synced.position.lsn; /* decision 11: no byte was handed to a write */
    }
    /* A successor ends the segment for good; a follower has none to make. */
    log->control.wanted = !log->verbatim;
}

static void begin_cut(struct aero_wal_log *log)
{
    log->state = AERO_WAL_LOG_CUTTING;
    log->may_seal = false;
    for (size_t i = 0; i < AERO_WAL_GROUP_LANES; i++) {
        struct aero_wal_group *group = &log->groups[i];
        if (group->slot.state == AERO_WAL_REQUEST_READY) { /* never given to the disk */
            group->slot.state = AERO_WAL_REQUEST_NONE;
            group->state = AERO_WAL_GROUP_FAILED;
        }
    }
}

static void on_group_failed(struct aero_wal_log *log, struct aero_wal_group *group,
                            const struct aero_disk_completion *completion)
{
    const struct aero_disk_op *op = &group->slot.request.ops[completion->failed_op];
    group->state = AERO_WAL_GROUP_FAILED;
    group->reached_disk = completion->failed_op > 0 || completion->failed_written > 0;
    bool cut = aero_disk_failure(AERO_DOMAIN_WAL, op->kind, completion->status) == AERO_DISK_CUT;
    if (!cut || log->state != AERO_WAL_LOG_CUTTING) {
        aero_wal_log_set_fault(log, completion->status, log->segment_name,
                               aero_disk_call_text(op->kind));
    }
    if (!cut) {
        aero_wal_log_enter_closed(log);
    } else if (log->state == AERO_WAL_LOG_OPEN) {
        begin_cut(log);
    }
}

static void on_group_completion(struct aero_wal_log *log, struct aero_wal_group *group,
                                const struct aero_disk_completion *completion)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        free_group(log, group);
        return;
    }
    if (aero_is_ok(completion->status)) {
        group->state = AERO_WAL_GROUP_SYNCED;
        group->reached_disk = true;
    } else {
        on_group_failed(log, group, completion);
    }
    if (log->state != AERO_WAL_LOG_CLOSED) {
        advance_synced(log);
    }
    if (log->state == AERO_WAL_LOG_CUTTING) {
        settle_cut(log);
    }
}

/* ---- Proof ------------------------------------------------------------------------------------------------ */

/* The slot that is not the newest is written: a crash in the middle leaves the other. */
static void write_proof(struct aero_wal_log *log)
{
    struct aero_wal_slot *slot = &log->proof.slot;
    bool create = log->proof.generation == 0;
    struct aero_proof proof = {
        .generation = ++log->proof.generation,
        .segment_sequence = log->segment.sequence,
        .segment_nonce = log->segment.nonce,
        .end_offset = log->synced.offset,
        .end = log->synced.position,
    };
    aero_proof_encode(&proof, log->proof.bytes);
    log->proof.place = (struct aero_wal_place){
        .sequence = proof.segment_sequence, .offset = proof.end_offset, .position = proof.end};
    aero_wal_slot_clear(slot);
    if (!log->proof.opened) {
        /* Creating truncates: only where no slot was valid. */
        aero_wal_slot_add_open(slot, AERO_WAL_HANDLE_PROOF,
                               create ? AERO_DISK_CREATE : AERO_DISK_WRITE, AERO_PROOF_FILE);
    }
    aero_wal_slot_add_write(slot, AERO_WAL_HANDLE_PROOF,
                            proof.generation % 2 * AERO_PROOF_SLOT_BYTES,
                            aero_slice_of(log->proof.bytes, sizeof log->proof.bytes));
    if (create) {
        aero_wal_slot_add(slot, AERO_OP_SYNC, AERO_WAL_HANDLE_PROOF);
        aero_wal_slot_add(slot, AERO_OP_SYNC_DIRECTORY, 0); /* the data directory */
    }
    log->proof.opened = true;
    log->proof.stale = false;
    log->proof.writing = true;
    log->proof.unsynced = !create;
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_PROOF, AERO_WAL_LANE_PROOF);
}

static void sync_proof(struct aero_wal_log *log)
{
    struct aero_wal_slot *slot = &log->proof.slot;
    aero_wal_slot_clear(slot);
    aero_wal_slot_add(slot, AERO_OP_SYNC, AERO_WAL_HANDLE_PROOF);
    aero_wal_slot_ready(log, slot, AERO_DOMAIN_PROOF, AERO_WAL_LANE_PROOF);
}

/* One request at a time: a group that lands meanwhile is covered by the next one (decision 5). */
static void pump_proof(struct aero_wal_log *log)
{
    if (log->proof.slot.state != AERO_WAL_REQUEST_NONE || !log->has_segment) {
        return;
    }
    if (log->proof.stale) {
        write_proof(log);
    } else if (log->proof.sync_wanted && log->proof.unsynced) {
        sync_proof(log);
    } else {
        log->proof.sync_wanted = false;
    }
}

static void on_proof_completion(struct aero_wal_log *log,
                                const struct aero_disk_completion *completion)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        return;
    }
    if (!aero_is_ok(completion->status)) {
        const struct aero_disk_op *op = &log->proof.slot.request.ops[completion->failed_op];
        aero_wal_log_set_fault(log, completion->status, AERO_PROOF_FILE,
                               aero_disk_call_text(op->kind));
        aero_wal_log_enter_closed(log);
        return;
    }
    if (log->proof.writing) {
        log->proof.writing = false;
        log->durable = log->proof.place;
    } else {
        log->proof.unsynced = false;
    }
}

void aero_wal_log_flush_proof(struct aero_wal_log *log)
{
    if (log->state != AERO_WAL_LOG_CLOSED) {
        log->proof.sync_wanted = true;
    }
}

/* ---- Turning ---------------------------------------------------------------------------------------------- */

void aero_wal_log_pump(struct aero_wal_log *log)
{
    if (log->state == AERO_WAL_LOG_CLOSED) {
        return;
    }
    pump_proof(log);
    /* A follower's cut is over when what had been synced is durable: see wal_follower.c. */
    if (log->verbatim && log->state == AERO_WAL_LOG_CUTTING && aero_wal_log_is_quiet(log)) {
        log->state = AERO_WAL_LOG_OPEN;
        log->may_seal = true;
        aero_wal_log_report(log, log->reached);
    }
    aero_wal_log_pump_prepare(log);
}

void aero_wal_log_on_completion(struct aero_wal_log *log,
                                const struct aero_disk_completion *completion)
{
    /* uncovered: that no slot waits for it would be a mistake of the owner's, and ends the process below */
    for (size_t i = 0; i < AERO_WAL_SLOT_COUNT; i++) {
        struct aero_wal_slot *slot = slot_at(log, i);
        if (slot->state != AERO_WAL_REQUEST_ISSUED || slot->request.id != completion->request_id) {
            continue;
        }
        slot->state = AERO_WAL_REQUEST_NONE;
        if (i < AERO_WAL_GROUP_LANES) {
            on_group_completion(log, &log->groups[i], completion);
        } else if (slot == &log->proof.slot) {
            on_proof_completion(log, completion);
        } else if (slot == &log->control.slot) {
            aero_wal_log_on_control(log, completion);
        } else {
            aero_wal_log_on_prepare(log, completion);
        }
        return;
    }
    AERO_UNREACHABLE("a completion of a request that is not in flight");
}

bool aero_wal_log_is_idle(const struct aero_wal_log *log)
{
    if (!nothing_in_flight(log)) { /* a proof that is owed is: pump asks for it at once */
        return false;
    }
    return log->state == AERO_WAL_LOG_CLOSED ||
           (!log->control.wanted && aero_wal_queue_next(&log->queue) == NULL);
}
