/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of recovery share. Each step reads; only recovery_act.c and recovery_transfer.c, which it calls, write. */
#ifndef AERO_ENGINE_RECOVERY_PRIV_H
#define AERO_ENGINE_RECOVERY_PRIV_H

#include "engine/recovery.h"
#include "engine/tail_decision.h"
#include "engine/wal_reader.h"

/* A file of the log's directory that has a segment's name. */
struct aero_recovery_segment {
    struct aero_wal_file file; /* ends are known once read, or from the successor's header */
    aero_lsn name_lsn;
    uint64_t sequence; /* of its name */
    uint64_t size_bytes;
    bool header_valid;
};

struct aero_recovery {
    struct aero_disk disk;
    const struct aero_recovery_progress *progress;
    struct aero_recovery_report *report;

    struct aero_manifest manifest;
    struct aero_manifest_found found;
    struct aero_proof proof; /* generation 0: none */
    /* A file that is there and cannot be read may prove what this start does not see. */
    aero_status proof_read;

    struct aero_recovery_segment *segments; /* by sequence, none below the floor */
    size_t count;
    size_t dropped_count; /* behind those: files with a bad header, of no use */
    uint64_t wal_bytes;

    struct aero_tree *tree;
    aero_wall_ms expiry_clock;
    struct aero_position base; /* of the snapshot that was loaded */
    bool base_confirmed;       /* by the log's chain */
    struct aero_position end;  /* of the state */
    size_t first_read;         /* segments below were not read */
    uint64_t replayed_records;
    uint64_t replayed_bytes;

    /* The end of the log. */
    bool torn;
    uint64_t cut_to; /* end of the last byte to set aside; 0: nothing */

    struct aero_snapshot_check *transfer; /* the one that goes on; NULL: none */
};

/* ---- Reports: each returns the status that goes with it ---- */

aero_status aero_recovery_refuse(struct aero_recovery *r, enum aero_code code, const char *file,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* `offset` and `lsn`: of the first record that is not there. */
aero_status aero_recovery_damage(struct aero_recovery *r, const char *file, uint64_t offset,
                                 aero_lsn lsn, const char *evidence, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void aero_recovery_tell(struct aero_recovery *r, const char *stage, uint64_t done_bytes,
                        uint64_t total_bytes);

/* ---- Steps ---- */

/* Segments with their headers, and that everything there belongs to this node's history. */
aero_status aero_recovery_find_segments(struct aero_recovery *r);
aero_status aero_recovery_check_snapshots(struct aero_recovery *r);
/* The newest usable snapshot and the log behind it. Leaves `tree`, `end` and where the log stopped. */
aero_status aero_recovery_rebuild(struct aero_recovery *r);
/* Reads the log behind r->base into r->tree. AERO_NOT_FOUND: the log does not confirm the base, and nothing is wrong with the
 * log itself. */
aero_status aero_recovery_replay(struct aero_recovery *r);
/* Last files whose headers do not verify: refused, or dropped from the segments. */
aero_status aero_recovery_judge_bad_headers(struct aero_recovery *r);
/* Evidence for where `reader` stopped in the last segment; NULL: there is no segment. */
aero_status aero_recovery_judge_tail(struct aero_recovery *r, struct aero_wal_reader *reader);
/* What recovery has to change on disk, in order. */
aero_status aero_recovery_act(struct aero_recovery *r);
/* A replica's transfer that was broken off: durable up to its last verified block, or a leftover. AERO_CRASHED alone. */
aero_status aero_recovery_keep_transfer(struct aero_recovery *r);

/* Reported with the place that the first mark of a segment names. */
void aero_recovery_mark_damaged(struct aero_recovery *r, uint64_t sequence, uint64_t offset,
                                aero_lsn lsn);
/* Whether the segment was originated by this node (decision 5). */
bool aero_recovery_is_own(const struct aero_recovery *r, aero_id incarnation);

#endif
