/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: who this node is, what its history is, which snapshots count, and what must be remembered for good.
 *
 * Two slots, written in turn, each checksummed. A change that permits something irreversible (role, epoch, fence,
 * history entry, truncation, deletion, reuse) is in both slots, each synced, before the act (decision 13). One bad slot is
 * rewritten, said aloud; two bad, or none beside existing WAL, is a refusal.
 * Source: docs/formats.md, "Manifest". */
#ifndef AERO_ENGINE_MANIFEST_H
#define AERO_ENGINE_MANIFEST_H

#include "base/checksum.h"
#include "engine/disk.h"
#include "engine/history.h"

#define AERO_MANIFEST_FILE "manifest"
#define AERO_MANIFEST_SLOT_BYTES \
    ((size_t)4 << 20) /* offset of the second slot; the file is sparse */
#define AERO_SNAPSHOTS_MAX 8
#define AERO_PINS_MAX 32
#define AERO_DAMAGED_MAX 64

enum aero_role {
    AERO_ROLE_PRIMARY = 1,
    AERO_ROLE_REPLICA = 2,
};

struct aero_snapshot_entry {
    aero_id id;
    struct aero_position position;
    uint64_t sequence; /* the segment that holds position.lsn + 1, or where it will be */
    uint64_t size_bytes;
    uint64_t entry_count;
    struct aero_u128 digest;
    bool damaged; /* found bad: never used, kept until an operator looks */
};

/* A replica's claim on the WAL: segments from `sequence` on stay until it reports past them (decision 24). */
struct aero_pin {
    char node_name[AERO_NODE_NAME_MAX];
    uint64_t sequence;
    aero_lsn
        durable; /* the highest that this replica ever acknowledged: less later is reported (decision 5) */
};

/* Doubt that outlives a restart. Zero is "none". */
enum aero_write_gate {
    AERO_GATE_OPEN = 0,
    AERO_GATE_CUT =
        1, /* bytes were cut while replicas are known: wait for one, or for the operator (7) */
    AERO_GATE_PRIMARY_LOST = 2, /* a replica proved that durable records are gone here */
    AERO_GATE_SUPERSEDED = 3,   /* a higher epoch forked from mine (15) */
};

struct aero_manifest {
    uint64_t generation;
    aero_id cluster_id;
    aero_id node_id;
    char node_name[AERO_NODE_NAME_MAX];
    enum aero_role role;
    aero_epoch epoch;
    enum aero_write_gate gate;
    char gate_reason[256];
    char halt_reason
        [256]; /* a replica that is HALTED stays so over restarts until an operator acts */
    struct aero_history history;
    uint64_t wal_floor_sequence;                              /* segments below may be gone */
    struct aero_snapshot_entry snapshots[AERO_SNAPSHOTS_MAX]; /* oldest first */
    size_t snapshot_count;
    struct aero_pin pins[AERO_PINS_MAX];
    size_t pin_count;
    uint64_t damaged_segments
        [AERO_DAMAGED_MAX]; /* below the snapshot: never shipped, shown until repaired (12) */
    size_t damaged_count;
};

void aero_manifest_deinit(struct aero_manifest *manifest);
void aero_manifest_copy(struct aero_manifest *out_manifest, const struct aero_manifest *from);
void aero_manifest_encode(const struct aero_manifest *manifest, struct aero_buffer *out_slot);
aero_status aero_manifest_decode(struct aero_slice slot, struct aero_manifest *out_manifest);

struct aero_manifest_found {
    bool slot_valid[2];
    bool slot_present[2];
};
/* The newest valid slot. AERO_NOT_FOUND: no file or an empty one. AERO_CORRUPT: no valid slot. */
aero_status aero_manifest_read(struct aero_disk disk, struct aero_manifest *out_manifest,
                               struct aero_manifest_found *out_found);
/* Raises the generation and writes both slots, each synced, one after the other (may wait). Creates the file and syncs the
 * directory the first time. */
aero_status aero_manifest_write(struct aero_disk disk, struct aero_manifest *manifest);

/* The same as operations for running cores: fills `out_ops` (write, sync, write, sync on `handle`, which the first call
 * opens) and `bytes`, which must live until the request completes. */
#define AERO_MANIFEST_OPS_MAX 8
uint32_t aero_manifest_ops(struct aero_manifest *manifest, uint32_t handle, bool open_first,
                           struct aero_buffer *bytes,
                           struct aero_disk_op out_ops[AERO_MANIFEST_OPS_MAX]);

#endif
