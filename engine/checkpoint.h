/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: snapshot durable, manifest names it, then (and only then) WAL and old snapshots may
 * go (FM-9.2, FM-10).
 *
 * A sans-I/O core over one manifest. States:
 *
 *     IDLE --begin--> SNAPSHOT --file durable--> NAMING --named, floor raised, in both slots--> TRUNCATING --> IDLE
 *
 * Naming the snapshot and raising the floor is one change of the manifest: a slot shows both or
 * neither, and nothing goes before both slots show it.
 * It owns the running node's manifest: every change while the node runs goes through it, one write
 * at a time, so that slots never race. Floor = min(segment that the oldest kept snapshot needs,
 * replica pins within the retention cap). Snapshot failure: dropped, reported, tried again under a
 * new name. Manifest or directory sync failure: closed, no more changes, the node takes no writes
 * until restart (decision 22). */
#ifndef AERO_ENGINE_CHECKPOINT_H
#define AERO_ENGINE_CHECKPOINT_H

#include "engine/disk.h"
#include "engine/manifest.h"
#include "engine/recovery.h"
#include "engine/snapshot.h"
#include "engine/wal_writer.h"

struct aero_checkpoint_options {
    uint32_t snapshots_kept;      /* at least 2 */
    uint64_t wal_bytes_trigger;   /* due after this much WAL since the last one; 0: by command */
    uint64_t retention_cap_bytes; /* WAL kept for pins and known replicas at most; on by default */
    bool recycle;                 /* offer truncated segments for reuse instead of unlinking them */
    bool pipelined;               /* for the owner: commits go on while a checkpoint runs */
};

struct aero_checkpointer;

/* Takes over manifest and files (moves them out of `recovered`). */
struct aero_checkpointer *aero_checkpointer_new(const struct aero_checkpoint_options *options,
                                                struct aero_recovered *recovered);
void aero_checkpointer_free(struct aero_checkpointer *checkpointer, struct aero_tree *tree);

const struct aero_manifest *
aero_checkpointer_manifest(const struct aero_checkpointer *checkpointer);

/* Changes to the manifest: edit the copy that `edit` returns; it becomes the manifest once durable
 * in both slots. Edits coalesce while a write is in flight. `aero_checkpointer_durable_edit` is
 * the number of the newest durable edit. */
struct aero_manifest *aero_checkpointer_edit(struct aero_checkpointer *checkpointer,
                                             uint64_t *out_edit);
uint64_t aero_checkpointer_durable_edit(const struct aero_checkpointer *checkpointer);
/* Every edit is durable, or none will be any more. */
bool aero_checkpointer_is_settled(const struct aero_checkpointer *checkpointer);

/* The WAL grew: a new segment, and the durable end now and then. */
void aero_checkpointer_on_segment(struct aero_checkpointer *checkpointer,
                                  const struct aero_wal_segment *segment);
void aero_checkpointer_on_durable(struct aero_checkpointer *checkpointer, uint64_t sequence,
                                  uint64_t offset, struct aero_position position);
/* Segments on disk now, oldest first: what the sender may read. Borrowed until the next call. */
const struct aero_wal_file *aero_checkpointer_files(const struct aero_checkpointer *checkpointer,
                                                    size_t *out_count);

bool aero_checkpointer_due(const struct aero_checkpointer *checkpointer);
bool aero_checkpointer_busy(const struct aero_checkpointer *checkpointer);
/* A checkpoint was begun and has not ended. */
bool aero_checkpointer_is_running(const struct aero_checkpointer *checkpointer);
/* Begins one from the durable state: `position` must be exactly what `view` shows. Takes the view. */
void aero_checkpointer_begin(struct aero_checkpointer *checkpointer, aero_id id,
                             struct aero_view *view, struct aero_position position,
                             uint64_t sequence, aero_wall_ms expiry_clock);
/* The last finished checkpoint: told once. One without anything to remove ends while requests are asked for. */
bool aero_checkpointer_has_result(const struct aero_checkpointer *checkpointer);
bool aero_checkpointer_take_result(struct aero_checkpointer *checkpointer, aero_status *out_status,
                                   struct aero_snapshot_entry *out_entry);

/* A replica's claim: sets its pin; AERO_LIMIT when AERO_PINS_MAX other names are pinned. Capped by
 * retention, which heeds it at once. A name that is new and a claim to older WAL are an edit; one
 * that moves on is a note. */
aero_status aero_checkpointer_pin(struct aero_checkpointer *checkpointer, const char *node_name,
                                  uint64_t sequence, aero_lsn durable);
/* The highest LSN that this replica ever acknowledged durable (decision 5): a note, known at once.
 * Nothing for a name without a pin. */
void aero_checkpointer_acknowledge(struct aero_checkpointer *checkpointer, const char *node_name,
                                   aero_lsn durable);
aero_lsn aero_checkpointer_acknowledged(const struct aero_checkpointer *checkpointer,
                                        const char *node_name);
/* Notes are too many to be written one by one: they wait in memory and go with the next edit (a new
 * segment is one), or with write_notes, which the owner calls now and then. A crash forgets those
 * since. */
bool aero_checkpointer_has_notes(const struct aero_checkpointer *checkpointer);
void aero_checkpointer_write_notes(struct aero_checkpointer *checkpointer);
/* Pins as they are now, notes included: borrowed until the next call. */
const struct aero_pin *aero_checkpointer_pins(const struct aero_checkpointer *checkpointer,
                                              size_t *out_count);

/* Requests: snapshot blocks (long: a lane, and so a worker, of their own) and manifest/unlink work. */
#define AERO_CHECKPOINT_LANE_SNAPSHOT 0U
#define AERO_CHECKPOINT_LANE_MANIFEST 1U
const struct aero_disk_request *
aero_checkpointer_next_request(struct aero_checkpointer *checkpointer);
void aero_checkpointer_on_completion(struct aero_checkpointer *checkpointer,
                                     const struct aero_disk_completion *completion);
bool aero_checkpointer_failed(const struct aero_checkpointer *checkpointer,
                              aero_status *out_status);
/* Which file that was, "manifest", and which call, "fdatasync". The name is the checkpointer's. */
const char *aero_checkpointer_failed_file(const struct aero_checkpointer *checkpointer,
                                          const char **out_call);
/* A name that could not be removed, told once. It costs room until recovery removes what nothing names. */
bool aero_checkpointer_take_leftover(struct aero_checkpointer *checkpointer,
                                     char out_name[AERO_DISK_NAME_MAX], aero_status *out_status);
/* A segment file taken out of the log's names (renamed to wal/recycled-*.tmp, durable), for the
 * writer; told once. */
bool aero_checkpointer_take_recycled(struct aero_checkpointer *checkpointer,
                                     char out_name[AERO_DISK_NAME_MAX]);
/* Nobody wants that file: unlinks it. */
void aero_checkpointer_discard(struct aero_checkpointer *checkpointer, const char *name);

#endif
