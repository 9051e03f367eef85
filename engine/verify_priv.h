/* SPDX-License-Identifier: Apache-2.0 */
/* One run of verification, shared by verify.c (manifest, snapshots, the whole) and verify_wal.c (the log). */
#ifndef AERO_ENGINE_VERIFY_PRIV_H
#define AERO_ENGINE_VERIFY_PRIV_H

#include "engine/manifest.h"
#include "engine/proof.h"
#include "engine/verify.h"
#include "engine/wal_list.h"

struct aero_verify {
    struct aero_disk disk;
    const struct aero_verify_options *options;
    const struct aero_verify_observer *observer;
    struct aero_verify_report report;
    uint64_t total_bytes;

    struct aero_manifest manifest;
    bool manifest_known;
    struct aero_proof proof;
    bool proof_known;
    struct aero_wal_list list;
    /* Snapshots that verified, by index in the manifest. */
    bool snapshot_whole[AERO_SNAPSHOTS_MAX];

    bool end_known;         /* report.end is where the segment before the present one really ends */
    struct aero_tree *tree; /* NULL: no state, or none any more */
    struct aero_position base;
    bool base_confirmed;
};

void aero_verify_tell(struct aero_verify *verify, enum aero_finding_level level, const char *file,
                      uint64_t offset, aero_lsn lsn, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void aero_verify_progress(struct aero_verify *verify, const char *file, uint64_t more_bytes);
/* True: the file may have gone because a node is at work. */
bool aero_verify_may_be_gone(const struct aero_verify *verify, aero_status status);

/* The log. Sets report.end and, as long as the records allow it, keeps the state. */
void aero_verify_wal(struct aero_verify *verify);

#endif
