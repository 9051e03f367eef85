/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: who this node is, what its history is, which snapshots count, and what must be remembered for good.
 *
 * Two slots, each checksummed, written one after the other, each synced: always both, so that what a change permits
 * (role, epoch, fence, history entry, truncation, deletion, reuse) is in both before the act (decision 13). One bad slot is
 * rewritten, said aloud; two bad, or none beside existing WAL, is a refusal.
 *
 * Each slot says whether it was the first or the second written of its generation. So after a crash it is known
 * which one may be missing on the disk although the page cache shows it, and the next write begins with that one:
 * at every moment one slot is durable and untouched (decision 2 applies here too).
 * Source: docs/formats.md, "Manifest". */
#ifndef AERO_ENGINE_MANIFEST_H
#define AERO_ENGINE_MANIFEST_H

#include "base/checksum.h"
#include "engine/disk.h"
#include "engine/history.h"

#define AERO_MANIFEST_FILE "manifest"
#define AERO_MANIFEST_SLOT_BYTES ((size_t)4 << 20) /* the second slot's offset; sparse */
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
    /* The highest that this replica ever acknowledged: less later is reported (decision 5). */
    aero_lsn durable;
};

/* Doubt that outlives a restart. Zero is "none". */
enum aero_write_gate {
    AERO_GATE_OPEN = 0,
    AERO_GATE_CUT =
        1, /* bytes were cut while replicas are known: wait for one, or an operator (7) */
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
    /* AERO_GATE_PRIMARY_LOST: so many records at least, which an operator who gives them up has to name (7). */
    uint32_t lost_count;
    char halt_reason[256]; /* a HALTED replica stays so over restarts until an operator acts */
    struct aero_history history;
    uint64_t wal_floor_sequence;                              /* segments below may be gone */
    struct aero_snapshot_entry snapshots[AERO_SNAPSHOTS_MAX]; /* oldest first */
    size_t snapshot_count;
    struct aero_pin pins[AERO_PINS_MAX];
    size_t pin_count;
    /* Below the snapshot: never shipped, shown until repaired (12). */
    uint64_t damaged_segments[AERO_DAMAGED_MAX];
    size_t damaged_count;
};

void aero_manifest_deinit(struct aero_manifest *manifest);
void aero_manifest_copy(struct aero_manifest *out_manifest, const struct aero_manifest *from);
/* Forgets damage below the floor: those segments are as good as gone. */
void aero_manifest_settle_damaged(struct aero_manifest *manifest);

/* Which of the two of its generation a slot was written as. */
enum aero_manifest_copy {
    AERO_MANIFEST_FIRST = 1,
    AERO_MANIFEST_SECOND = 2,
};
/* Appends the bytes of one slot. */
void aero_manifest_encode(const struct aero_manifest *manifest, enum aero_manifest_copy copy,
                          struct aero_buffer *out_slot);
/* `slot` may be longer than what is used of it. AERO_INCOMPLETE: shorter. AERO_UNSUPPORTED: of a version to come. */
aero_status aero_manifest_decode(struct aero_slice slot, struct aero_manifest *out_manifest,
                                 enum aero_manifest_copy *out_copy);

struct aero_manifest_found {
    bool slot_valid[2];
    bool slot_present[2]; /* any byte there is not zero, or it cannot be read */
    uint64_t generation[2];
    enum aero_manifest_copy copy[2];
    /* The slot that the next write must begin with; the other one is durable. */
    unsigned dubious;
};
/* The newest valid slot. AERO_NOT_FOUND: no file, or nothing in it. AERO_CORRUPT: no valid slot. AERO_UNSUPPORTED:
 * the newest is of a version to come. An unreadable slot (EIO) is an invalid one; a read that was refused with another error is
 * that error where no slot is valid. */
aero_status aero_manifest_read(struct aero_disk disk, struct aero_manifest *out_manifest,
                               struct aero_manifest_found *out_found);
/* Raises the generation above all that the file has and writes both slots, the dubious one first, each synced (may wait).
 * The first time the file appears at once with both: temporary name, sync, rename, directory. */
aero_status aero_manifest_write(struct aero_disk disk, struct aero_manifest *manifest);

/* The same as operations for running cores, whose file recovery has just written: raises the generation and fills
 * `out_ops` with write, sync, write, sync on `handle`, after an open when `open_first`. `bytes` is theirs until the
 * request completes. Returns their number. */
#define AERO_MANIFEST_OPS_MAX 8
uint32_t aero_manifest_ops(struct aero_manifest *manifest, uint32_t handle, bool open_first,
                           struct aero_buffer *bytes,
                           struct aero_disk_op out_ops[AERO_MANIFEST_OPS_MAX]);

#endif
