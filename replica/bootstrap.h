/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot on its way in: written beside the old data, verified block by block, durable under
 * its name at the end.
 *
 * Sans-I/O. Bytes come in order; what is verified survives a broken connection, and what recovery finds verified on disk
 * a restart: the transfer is resumed where it stopped (aero_bootstrap_resume_offset). Nothing names the file before it is
 * whole, so a crash leaves the old data in force. */
#ifndef AERO_REPLICA_BOOTSTRAP_H
#define AERO_REPLICA_BOOTSTRAP_H

#include "engine/disk.h"
#include "engine/manifest.h"
#include "engine/snapshot.h"

struct aero_bootstrap;

/* One for the life of a replica's core; inactive until a transfer begins. `transfer`: what recovery kept of the last one, or
 * NULL; taken. */
struct aero_bootstrap *aero_bootstrap_new(struct aero_snapshot_check *transfer);
void aero_bootstrap_free(struct aero_bootstrap *bootstrap);

/* A transfer begins at offset 0, whatever came before. */
void aero_bootstrap_begin(struct aero_bootstrap *bootstrap,
                          const struct aero_snapshot_entry *entry);
/* The transfer of the same snapshot goes on where it stopped. */
void aero_bootstrap_go_on(struct aero_bootstrap *bootstrap,
                          const struct aero_snapshot_entry *entry);
/* Forgets the transfer; a write in flight finishes and counts for nothing. */
void aero_bootstrap_abandon(struct aero_bootstrap *bootstrap);
/* And removes the file: no snapshot is needed. */
void aero_bootstrap_discard(struct aero_bootstrap *bootstrap);
bool aero_bootstrap_is_active(const struct aero_bootstrap *bootstrap);
const struct aero_snapshot_entry *aero_bootstrap_entry(const struct aero_bootstrap *bootstrap);
/* The snapshot's own words; NULL before its first block has come. */
const struct aero_snapshot_header *aero_bootstrap_header(const struct aero_bootstrap *bootstrap);
/* Where the primary should go on after the connection broke. */
uint64_t aero_bootstrap_resume_offset(const struct aero_bootstrap *bootstrap);

bool aero_bootstrap_has_room(const struct aero_bootstrap *bootstrap);
/* Copies. AERO_CORRUPT: the bytes are no snapshot; drop it and start anew. */
aero_status aero_bootstrap_feed(struct aero_bootstrap *bootstrap, struct aero_slice bytes);
/* The last byte came: sync, rename, sync the directory. AERO_INCOMPLETE: blocks are missing; AERO_MISMATCH: it is sound, and not
 * the one that its entry tells of, or of another cluster. */
aero_status aero_bootstrap_finish(struct aero_bootstrap *bootstrap, aero_id cluster_id);

const struct aero_disk_request *aero_bootstrap_next_request(struct aero_bootstrap *bootstrap);
void aero_bootstrap_on_completion(struct aero_bootstrap *bootstrap,
                                  const struct aero_disk_completion *completion);
/* Bytes that left memory since the last call: credit for the sender. */
uint64_t aero_bootstrap_take_written(struct aero_bootstrap *bootstrap);
bool aero_bootstrap_installed(const struct aero_bootstrap *bootstrap);
aero_status aero_bootstrap_status(const struct aero_bootstrap *bootstrap);

#endif
