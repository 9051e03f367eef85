/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery: what is true, from nothing but what is on disk.
 *
 * A function of the directory's bytes: no configuration, no clock, no path of its own for any optimisation (FM-4.2). It
 *
 *   1. reads the manifest, the proof, the names of segments and snapshots;
 *   2. loads the newest snapshot that is whole and whose chain the WAL confirms, else the older one (decision 12);
 *   3. reads the WAL behind it, each segment up to the end that its successor names, applying complete verified records;
 *   4. at the first invalid offset gathers evidence and decides by the table in tail_decision.h:
 *      clean end, torn tail (set aside in quarantine/), or damage to durable data (refuse);
 *   5. makes the unproven part durable anew (decision 2), on either role, before anything of it is visible.
 *
 * Before any of that changes a byte the manifest is written anew (nothing irreversible may rest on a slot that only the page
 * cache has), with the snapshots and segments that were found damaged and, on a primary that has to cut while replicas
 * are known, the gate that keeps it from taking writes (decision 7). Afterwards leftovers go: temporary files, snapshots
 * that no manifest names, segments below the floor. A replica keeps what is whole of a snapshot that was on its way.
 *
 * Crashing anywhere in it and running it again gives the same result (FR-3). May wait. */
#ifndef AERO_ENGINE_RECOVERY_H
#define AERO_ENGINE_RECOVERY_H

#include "engine/disk.h"
#include "engine/manifest.h"
#include "engine/proof.h"
#include "engine/segment.h"
#include "engine/snapshot.h"
#include "engine/tree.h"

/* A segment on disk, as the sender and retention need it. */
struct aero_wal_file {
    struct aero_segment_header header;
    char name[AERO_DISK_NAME_MAX];
    uint64_t end_offset; /* end of its last record */
    struct aero_position end;
    uint64_t record_count;
    bool sealed;  /* a footer stands at end_offset */
    bool damaged; /* below the loaded snapshot: kept, shown, never shipped (12) */
};

/* A segment that is damaged below the loaded snapshot: this start did without it (12). What can be relied upon ends before
 * `offset` and `lsn`: where the log stopped being readable, or, where nothing was read, the segment's beginning. */
struct aero_damaged_segment {
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_lsn lsn;
};

/* Why a directory was refused, or what was done about its tail: enough for one good error line. */
struct aero_recovery_report {
    enum aero_recovery_verdict {
        AERO_VERDICT_CLEAN,
        AERO_VERDICT_TORN_TAIL, /* cut; the bytes are in quarantine */
        AERO_VERDICT_DAMAGE,    /* durable data is damaged: refused */
        AERO_VERDICT_REFUSED,   /* manifest, role, epoch, identity: see text */
    } verdict;
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_lsn lsn;            /* of the first record that is not there */
    aero_lsn proven_through; /* what the evidence proves durable */
    /* "footer", "later record's mark", "durable file", "manifest", "successor", ... */
    const char *evidence;
    char quarantine[AERO_DISK_NAME_MAX];
    uint64_t cut_bytes;
    bool older_snapshot_used;
    bool manifest_slot_rewritten;
    struct aero_damaged_segment damaged[AERO_DAMAGED_MAX]; /* those of the manifest */
    size_t damaged_count;
    char text[512]; /* one sentence: what, where, what to do */
};

struct aero_recovered {
    struct aero_manifest manifest;
    struct aero_tree *tree; /* the state after `end` */
    aero_wall_ms expiry_clock;
    /* The state's position. On a replica whose bootstrap has not caught up the WAL (the last file's end) ends before it:
     * nothing is served or promoted until it holds `end` (decision 18). */
    struct aero_position end;
    struct aero_wal_file *files; /* oldest first, without a gap; the last one may be open */
    size_t file_count;
    struct aero_proof proof; /* the newest one that can be read now; generation 0: none */
    uint64_t replayed_records;
    uint64_t replayed_bytes;
    /* Of a snapshot that was on its way to this replica: fed with what is durable of it, whole blocks. NULL: none. */
    struct aero_snapshot_check *transfer;
};

/* Progress is called now and then with records done and bytes done/total: a host prints it; may be NULL. */
struct aero_recovery_progress {
    void (*report)(void *self, const char *stage, uint64_t done_bytes, uint64_t total_bytes);
    void *self;
};

/* AERO_NOT_FOUND: no manifest and no WAL (an empty directory). AERO_CORRUPT: durable data is damaged. AERO_MISMATCH: the
 * parts do not belong together, or to this node. Others: what the disk said while something was read or made durable.
 * Everything but AERO_NOT_FOUND has its sentence in out_report->text. */
aero_status aero_recover(struct aero_disk disk, const struct aero_recovery_progress *progress,
                         struct aero_recovered *out_recovered,
                         struct aero_recovery_report *out_report);
/* Frees tree and transfer too, unless they were taken (NULL). */
void aero_recovered_deinit(struct aero_recovered *recovered);

/* The explicit act that makes a new history (aerodb-primary --init) or an empty replica's directory: writes the first
 * manifest. AERO_EXISTS when there is a manifest, WAL or snapshot, AERO_MISMATCH when there is anything else. */
aero_status aero_create(struct aero_disk disk, const struct aero_manifest *manifest);

#endif
