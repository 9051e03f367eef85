/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/hands.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "engine/wal_writer.h"

void aero_hands_take(struct aero_hands *hands, const struct aero_core_request *request)
{
    AERO_ASSERT(hands->job_count < AERO_HANDS_JOBS_MAX);
    hands->handles[request->owner] = request->handles;
    hands->jobs[hands->job_count++] = (struct aero_job){.request = *request};
}

void aero_hands_drop(struct aero_hands *hands)
{
    AERO_ASSERT(aero_sim_disk_is_crashed(hands->disk));
    for (uint32_t i = 0; i < AERO_OWNER_COUNT; i++) {
        if (hands->handles[i] != NULL) {
            aero_disk_handles_close(aero_sim_disk_port(hands->disk), hands->handles[i]);
        }
    }
    hands->job_count = 0;
}

/* ---- Steps --------------------------------------------------------------------------------------------------- */

static const char *kind_of_wal(const struct aero_disk_request *request, uint32_t next_op)
{
    bool renames = false;
    bool behind_barrier = false;
    if (request->domain == AERO_DOMAIN_PROOF) {
        return "proof";
    }
    if (request->lane == AERO_WAL_LANE_BACKGROUND) {
        return "prepare";
    }
    for (uint32_t i = 0; i < request->op_count; i++) {
        renames |= request->ops[i].kind == AERO_OP_RENAME;
        behind_barrier |= i < next_op && request->ops[i].kind == AERO_OP_SYNC_DIRECTORY;
    }
    if (!renames) {
        return "group";
    }
    return behind_barrier ? "sealing" : "segment"; /* decision 14 */
}

static const char *kind_of(const struct aero_job *job)
{
    const struct aero_disk_request *request = job->request.request;
    if (job->request.owner == AERO_OWNER_WAL) {
        return kind_of_wal(request, job->next_op);
    }
    switch (request->domain) {
    case AERO_DOMAIN_MANIFEST:
        return "manifest";
    case AERO_DOMAIN_SNAPSHOT:
        return "snapshot";
    default:
        return "truncate";
    }
}

static const char *act_of(const struct aero_job *job)
{
    static const char *const acts[] = {
        [AERO_OP_OPEN] = "open",
        [AERO_OP_CLOSE] = "close",
        [AERO_OP_WRITE] = "write",
        [AERO_OP_ZERO] = "zero",
        [AERO_OP_SYNC] = "sync",
        [AERO_OP_TRUNCATE] = "truncate",
        [AERO_OP_RENAME] = "rename",
        [AERO_OP_UNLINK] = "unlink",
        [AERO_OP_SYNC_DIRECTORY] = "directory",
    };
    if (job->landed) {
        return "done";
    }
    const struct aero_disk_op *op = &job->request.request->ops[job->next_op];
    enum aero_disk_op_kind kind = op->kind;
    if (kind == AERO_OP_OPEN && op->how == AERO_DISK_REUSE) {
        return "reuse";
    }
    bool next_record =
        kind == AERO_OP_WRITE && job->next_op > 0 && strcmp(kind_of(job), "group") == 0;
    return next_record ? "next write" : acts[kind];
}

/* Whether a group with lower LSNs has not landed in the core yet. */
static bool is_second_group(const struct aero_hands *hands, const struct aero_job *job)
{
    for (const struct aero_job *older = hands->jobs; older < job; older++) {
        if (strcmp(kind_of(older), "group") == 0) {
            return true;
        }
    }
    return false;
}

static void describe(const struct aero_hands *hands, uint32_t index, struct aero_step *out_step)
{
    const struct aero_job *job = &hands->jobs[index];
    const char *kind = kind_of(job);
    bool group = strcmp(kind, "group") == 0;
    bool second = group && is_second_group(hands, job);
    *out_step = (struct aero_step){
        .job = index,
        .is_write = !job->landed && job->request.request->ops[job->next_op].kind == AERO_OP_WRITE,
        .is_group = group || strcmp(kind, "proof") == 0,
    };
    snprintf(out_step->label, sizeof out_step->label, "%s%s %s", second ? "second " : "", kind,
             act_of(job));
}

uint32_t aero_hands_steps(const struct aero_hands *hands,
                          struct aero_step out_steps[AERO_HANDS_JOBS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hands->job_count; i++) {
        const struct aero_core_request *mine = &hands->jobs[i].request;
        bool oldest = true;
        for (uint32_t k = 0; k < i && oldest; k++) {
            const struct aero_core_request *older = &hands->jobs[k].request;
            oldest = older->owner != mine->owner || older->request->lane != mine->request->lane;
        }
        if (oldest) {
            describe(hands, i, &out_steps[count++]);
        }
    }
    return count;
}

static char *name_slot(struct aero_hands *hands, enum aero_core_owner owner, uint32_t handle)
{
    return hands->names[(uint32_t)owner * AERO_DISK_HANDLE_COUNT + handle];
}

/* Which file a handle is, through renames. */
static void follow_names(struct aero_hands *hands, enum aero_core_owner owner,
                         const struct aero_disk_op *op)
{
    if (op->kind == AERO_OP_OPEN) {
        memcpy(name_slot(hands, owner, op->handle), op->name, sizeof op->name);
    } else if (op->kind == AERO_OP_RENAME) {
        for (uint32_t i = 0; i < AERO_HANDS_NAMES; i++) {
            if (strcmp(hands->names[i], op->name) == 0) {
                memcpy(hands->names[i], op->name_to, sizeof op->name_to);
            }
        }
    }
}

const struct aero_disk_op *aero_hands_op(const struct aero_hands *hands,
                                         const struct aero_step *step, const char **out_name)
{
    const struct aero_job *job = &hands->jobs[step->job];
    const struct aero_disk_op *op = &job->request.request->ops[job->next_op];
    *out_name = hands->names[(uint32_t)job->request.owner * AERO_DISK_HANDLE_COUNT + op->handle];
    return op;
}

static enum aero_sim_call call_of(enum aero_disk_op_kind kind)
{
    switch (kind) {
    case AERO_OP_OPEN:
        return AERO_SIM_OPEN;
    case AERO_OP_SYNC:
        return AERO_SIM_SYNC;
    case AERO_OP_RENAME:
        return AERO_SIM_RENAME;
    case AERO_OP_UNLINK:
        return AERO_SIM_UNLINK;
    case AERO_OP_SYNC_DIRECTORY:
        return AERO_SIM_SYNC_DIRECTORY;
    default:
        AERO_ASSERT(kind == AERO_OP_WRITE || kind == AERO_OP_ZERO);
        return AERO_SIM_WRITE;
    }
}

enum aero_sim_call aero_hands_call(const struct aero_hands *hands, const struct aero_step *step)
{
    const char *name;
    return call_of(aero_hands_op(hands, step, &name)->kind);
}

static void finish(struct aero_hands *hands, uint32_t index, enum aero_core_owner *out_owner,
                   struct aero_disk_completion *out_completion)
{
    *out_owner = hands->jobs[index].request.owner;
    *out_completion = hands->jobs[index].completion;
    hands->job_count--;
    memmove(&hands->jobs[index], &hands->jobs[index + 1],
            (hands->job_count - index) * sizeof hands->jobs[0]);
}

bool aero_hands_run(struct aero_hands *hands, const struct aero_step *step,
                    enum aero_core_owner *out_owner, struct aero_disk_completion *out_completion)
{
    struct aero_job *job = &hands->jobs[step->job];
    const struct aero_disk_request *request = job->request.request;
    if (job->landed) {
        finish(hands, step->job, out_owner, out_completion);
        return true;
    }
    uint64_t written = 0;
    const struct aero_disk_op *op = &request->ops[job->next_op];
    aero_status status =
        aero_disk_run_op(aero_sim_disk_port(hands->disk), job->request.handles, op, &written);
    AERO_ASSERT(status.code != AERO_CRASHED);
    if (aero_is_ok(status)) {
        follow_names(hands, job->request.owner, op);
        job->next_op++;
    }
    if (!aero_is_ok(status) || job->next_op == request->op_count) {
        job->landed = true;
        job->completion = (struct aero_disk_completion){
            .request_id = request->id,
            .status = status,
            .failed_op = job->next_op,
            .failed_written = aero_is_ok(status) ? 0 : written,
        };
    }
    return false;
}

struct aero_sim_disk *aero_hands_clone_with_part(const struct aero_hands *hands,
                                                 const struct aero_step *step, size_t part,
                                                 struct aero_choice *luck)
{
    const char *name;
    const struct aero_disk_op *op = aero_hands_op(hands, step, &name);
    struct aero_sim_disk *disk = aero_sim_disk_clone(hands->disk, luck);
    struct aero_disk port = aero_sim_disk_port(disk);
    struct aero_disk_file *file;
    size_t written;
    aero_status status = port.ops->open(port.self, name, AERO_DISK_WRITE, &file);
    AERO_ASSERT(aero_is_ok(status));
    status =
        port.ops->write(port.self, file, op->offset, aero_slice_of(op->bytes.data, part), &written);
    AERO_ASSERT(aero_is_ok(status));
    port.ops->close(port.self, file);
    return disk;
}
