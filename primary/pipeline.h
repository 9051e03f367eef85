/* SPDX-License-Identifier: Apache-2.0 */
/* The commit pipeline: one keyspace, evaluated ahead of what is durable by exactly the commits in
 * flight.
 *
 * Commands change the tree in place; the undo log keeps what they changed until the WAL says that
 * it is durable. A failed group is taken back from it, so the evaluated state is always durable
 * state + commits in flight, and nothing else (V-1, D-2). Copying touched leaves once a group
 * instead (a pinned view) was the other candidate: it costs a leaf copy for nearly every write of
 * a large keyspace, where the undo log costs the old value.
 *
 * `touched` answers "does this key read the same in the durable state?" with one load: a table of
 * the newest LSN that touched each of 65,536 hash classes. It errs only upwards: a collision holds
 * a reply a little longer, never less. */
#ifndef AERO_PRIMARY_PIPELINE_H
#define AERO_PRIMARY_PIPELINE_H

#include "engine/operation.h"
#include "engine/tree.h"
#include "engine/wal_writer.h"

struct aero_pipeline;

/* Takes the tree; borrows the WAL, which outlives it. `end` is the position that the tree shows. */
struct aero_pipeline *aero_pipeline_new(struct aero_tree *take_tree, struct aero_wal_writer *wal,
                                        aero_lsn end, aero_wall_ms expiry_clock);
void aero_pipeline_free(struct aero_pipeline *pipeline);

struct aero_tree *aero_pipeline_tree(struct aero_pipeline *pipeline);
aero_lsn aero_pipeline_evaluated(const struct aero_pipeline *pipeline);
aero_lsn aero_pipeline_durable(const struct aero_pipeline *pipeline);
/* The newest commit in flight that may have touched `key`; 0 when none did. */
aero_lsn aero_pipeline_touched(const struct aero_pipeline *pipeline, struct aero_slice key);

/* Never decreases, whatever the clock does (decision 21). */
void aero_pipeline_set_clock(struct aero_pipeline *pipeline, aero_wall_ms wall);
aero_wall_ms aero_pipeline_clock(const struct aero_pipeline *pipeline);

/* One commit at a time. Room for a commit of `bytes` of operations must have been checked: there is none while the log
 * is not open. */
bool aero_pipeline_has_room(const struct aero_pipeline *pipeline, size_t bytes);
size_t aero_pipeline_commit_max(const struct aero_pipeline *pipeline);
void aero_pipeline_begin(struct aero_pipeline *pipeline);
void aero_pipeline_change(struct aero_pipeline *pipeline, const struct aero_operation *operation);
size_t aero_pipeline_pending_bytes(const struct aero_pipeline *pipeline);
aero_lsn aero_pipeline_commit(struct aero_pipeline *pipeline); /* 0: nothing was changed */
void aero_pipeline_abort(struct aero_pipeline *pipeline);

/* The WAL's durable end moved: the pre-images up to there are no longer needed. */
void aero_pipeline_on_durable(struct aero_pipeline *pipeline, aero_lsn durable);
/* The WAL failed: back to `durable`. */
void aero_pipeline_on_failure(struct aero_pipeline *pipeline, aero_lsn durable);

#endif
