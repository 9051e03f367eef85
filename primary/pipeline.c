/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing here is durable by itself: after a crash the state is what recovery reads from the WAL,
 * and the undo log is gone with the evaluated state that it could take back (FM-8.1). */
#include "primary/pipeline.h"

#include <stdlib.h>

#include "base/assert.h"

#define TOUCHED_CLASSES 65536U

struct aero_pipeline {
    struct aero_tree *tree;
    struct aero_undo *undo;
    struct aero_wal_writer *wal;
    aero_lsn evaluated;
    aero_lsn durable;
    aero_wall_ms clock;
    bool in_commit;
    bool changed;
    struct aero_buffer payload;  /* of the open commit */
    aero_lsn touched_everything; /* by the newest range delete */
    uint64_t touched[TOUCHED_CLASSES];
};

struct aero_pipeline *aero_pipeline_new(struct aero_tree *take_tree, struct aero_wal_writer *wal,
                                        aero_lsn end, aero_wall_ms expiry_clock)
{
    struct aero_pipeline *pipeline = aero_calloc(1, sizeof *pipeline);
    pipeline->tree = take_tree;
    pipeline->undo = aero_undo_new();
    pipeline->wal = wal;
    pipeline->evaluated = end;
    pipeline->durable = end;
    pipeline->clock = expiry_clock;
    return pipeline;
}

void aero_pipeline_free(struct aero_pipeline *pipeline)
{
    if (pipeline == NULL) {
        return;
    }
    aero_undo_free(pipeline->undo, pipeline->tree);
    aero_tree_free(pipeline->tree);
    aero_buffer_deinit(&pipeline->payload);
    free(pipeline);
}

struct aero_tree *aero_pipeline_tree(struct aero_pipeline *pipeline)
{
    return pipeline->tree;
}

aero_lsn aero_pipeline_evaluated(const struct aero_pipeline *pipeline)
{
    return pipeline->evaluated;
}

aero_lsn aero_pipeline_durable(const struct aero_pipeline *pipeline)
{
    return pipeline->durable;
}

static uint32_t touched_class(struct aero_slice key)
{
    return (uint32_t)aero_checksum64(key) % TOUCHED_CLASSES;
}

aero_lsn aero_pipeline_touched(const struct aero_pipeline *pipeline, struct aero_slice key)
{
    if (pipeline->evaluated.value == pipeline->durable.value) {
        return aero_lsn_of(0);
    }
    uint64_t touched = pipeline->touched[touched_class(key)];
    if (touched < pipeline->touched_everything.value) {
        touched = pipeline->touched_everything.value;
    }
    return aero_lsn_of(touched > pipeline->durable.value ? touched : 0);
}

void aero_pipeline_set_clock(struct aero_pipeline *pipeline, aero_wall_ms wall)
{
    if (wall.value > pipeline->clock.value) {
        pipeline->clock = wall;
    }
}

aero_wall_ms aero_pipeline_clock(const struct aero_pipeline *pipeline)
{
    return pipeline->clock;
}

bool aero_pipeline_has_room(const struct aero_pipeline *pipeline, size_t bytes)
{
    /* The commit and the digest record that may have to stand before it. A log that awaits the fate of a cut takes
     * nothing and has told nobody yet: whoever wants to write waits. */
    return aero_wal_is_open(pipeline->wal) &&
           aero_wal_has_room(pipeline->wal, bytes + aero_record_bytes(AERO_DIGEST_PAYLOAD_BYTES));
}

size_t aero_pipeline_commit_max(const struct aero_pipeline *pipeline)
{
    return aero_wal_payload_max(pipeline->wal);
}

/* Decision 20: names the state after the record just before it. */
static void append_digest_record(struct aero_pipeline *pipeline)
{
    const struct aero_digest_payload digest = {
        .expiry_clock = pipeline->clock,
        .summary = aero_tree_summary(pipeline->tree),
    };
    uint8_t payload[AERO_DIGEST_PAYLOAD_BYTES];
    aero_digest_encode(&digest, payload);
    pipeline->evaluated =
        aero_wal_append(pipeline->wal, AERO_RECORD_DIGEST, aero_slice_of(payload, sizeof payload));
    aero_undo_mark(pipeline->undo, pipeline->evaluated);
}

void aero_pipeline_begin(struct aero_pipeline *pipeline)
{
    AERO_ASSERT(!pipeline->in_commit);
    pipeline->in_commit = true;
    pipeline->changed = false;
    aero_buffer_clear(&pipeline->payload);
    aero_commit_begin(&pipeline->payload, pipeline->clock);
}

void aero_pipeline_change(struct aero_pipeline *pipeline, const struct aero_operation *operation)
{
    AERO_ASSERT(pipeline->in_commit);
    if (!pipeline->changed) {
        pipeline->changed = true;
        if (aero_lsn_next(pipeline->evaluated).value % AERO_DIGEST_INTERVAL_LSN == 0) {
            append_digest_record(pipeline);
        }
    }
    aero_lsn lsn = aero_lsn_next(pipeline->evaluated);
    aero_commit_add(&pipeline->payload, operation);
    aero_apply(pipeline->tree, operation, pipeline->undo);
    if (operation->kind == AERO_DELETE_RANGE) {
        pipeline->touched_everything = lsn;
    } else {
        pipeline->touched[touched_class(operation->key)] = lsn.value;
    }
}

size_t aero_pipeline_pending_bytes(const struct aero_pipeline *pipeline)
{
    return pipeline->payload.length;
}

aero_lsn aero_pipeline_commit(struct aero_pipeline *pipeline)
{
    AERO_ASSERT(pipeline->in_commit);
    pipeline->in_commit = false;
    if (!pipeline->changed) {
        return aero_lsn_of(0);
    }
    aero_lsn lsn =
        aero_wal_append(pipeline->wal, AERO_RECORD_COMMIT, aero_buffer_slice(&pipeline->payload));
    AERO_ASSERT(lsn.value == pipeline->evaluated.value + 1);
    pipeline->evaluated = lsn;
    aero_undo_mark(pipeline->undo, lsn);
    return lsn;
}

void aero_pipeline_abort(struct aero_pipeline *pipeline)
{
    AERO_ASSERT(pipeline->in_commit);
    pipeline->in_commit = false;
    if (!pipeline->changed) {
        return;
    }
    aero_undo_rollback(pipeline->undo, pipeline->evaluated, pipeline->tree);
    /* Marks with an LSN that nothing may ever reach must not stay behind: every key counts as
     * touched by the commits that are in flight, which errs upwards. */
    memset(pipeline->touched, 0, sizeof pipeline->touched);
    pipeline->touched_everything = pipeline->evaluated;
}

void aero_pipeline_on_durable(struct aero_pipeline *pipeline, aero_lsn durable)
{
    AERO_ASSERT(durable.value >= pipeline->durable.value);
    AERO_ASSERT(durable.value <= pipeline->evaluated.value);
    pipeline->durable = durable;
    aero_undo_forget(pipeline->undo, durable, pipeline->tree);
}

void aero_pipeline_on_failure(struct aero_pipeline *pipeline, aero_lsn durable)
{
    AERO_ASSERT(!pipeline->in_commit);
    AERO_ASSERT(durable.value >= pipeline->durable.value);
    aero_undo_rollback(pipeline->undo, durable, pipeline->tree);
    pipeline->evaluated = durable;
    aero_pipeline_on_durable(pipeline, durable);
    memset(pipeline->touched, 0, sizeof pipeline->touched);
    pipeline->touched_everything = durable;
}
