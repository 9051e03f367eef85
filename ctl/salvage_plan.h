/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments of a replica's log would give a primary back the records that it lost (decision 7).
 *
 * Only durable bytes are ever shipped, so a replica that is ahead of its primary on the primary's own chain proves that
 * the primary lost them. The plan goes through the primary's log and takes each segment from the primary as long as it is
 * whole and the replica has no longer copy of the very same segment, else from the replica; every segment taken
 * continues the one before it, exactly. What is left of the primary's own log then may hold no record, nor anything that may
 * have been one: two histories are never merged, and a record that exists only on the primary is never dropped.
 *
 * The primary's directory may be an older copy of itself, and may have been started any number of times since: what these starts
 * left are incarnations and segments without a record. They give way (salvage_history.h).
 *
 * Pure, over what aero_salvage_read found. */
#ifndef AERO_CTL_SALVAGE_PLAN_H
#define AERO_CTL_SALVAGE_PLAN_H

#include "engine/manifest.h"
#include "engine/proof.h"
#include "engine/wal_list.h"

/* A segment, and how much of it verifies. */
struct aero_salvage_segment {
    struct aero_wal_listed listed;
    struct aero_position end; /* of the last record that verifies */
    uint64_t end_offset;
    uint64_t record_count;
    bool whole; /* nothing behind the end is missing or damaged */
    bool sealed;
    bool parted; /* of the primary's: the replica's copy of this very segment holds other records */
};

struct aero_salvage_log {
    struct aero_salvage_segment *segments; /* by sequence */
    size_t count;
    struct aero_proof proof; /* generation 0: there is none */
};

struct aero_salvage_source {
    struct aero_disk disk;
    uint64_t floor; /* the manifest's */
};

/* Reads every segment and the proof of both sides, and compares the segments that both have: one whose writer was put back to
 * an earlier moment, memory and all, has two endings under one nonce. Errors: those of listing, and of a proof that is there
 * and cannot be read. */
aero_status aero_salvage_read(const struct aero_salvage_source *primary,
                              const struct aero_salvage_source *replica,
                              struct aero_salvage_log *out_primary,
                              struct aero_salvage_log *out_replica);
void aero_salvage_log_deinit(struct aero_salvage_log *log);

/* The log as it would be. */
struct aero_salvage_step {
    const struct aero_salvage_segment *segment;
    bool from_replica;
    /* The primary's file of that sequence, which goes to quarantine/. NULL: it has none, or keeps it. */
    const struct aero_salvage_segment *old;
    bool mends; /* `old` is the same segment, damaged or shorter */
};

enum aero_salvage_outcome {
    AERO_SALVAGE_NOTHING,  /* the primary has all that the replica has */
    AERO_SALVAGE_POSSIBLE, /* steps and drops are set */
    AERO_SALVAGE_REFUSED,  /* text says why */
};

struct aero_salvage_plan {
    enum aero_salvage_outcome outcome;
    struct aero_salvage_step *steps;
    size_t step_count;
    const struct aero_salvage_segment **drops; /* of the primary, without a record */
    size_t drop_count;
    struct aero_position lost_behind; /* the primary's log is whole up to here */
    struct aero_position end;         /* of the log as it would be */
    uint64_t brought_count;           /* records that the primary does not have */
    struct aero_history history;      /* of the log as it would be */
    /* The replica knows of a start of this primary behind the end: 0, or what had been durable then. */
    aero_lsn known_durable;
    char text[400];
};

/* Both sides' logs and manifests are borrowed as long as the plan lives. */
struct aero_salvage_side {
    const struct aero_salvage_log *log;
    const struct aero_manifest *manifest;
};

void aero_salvage_plan_make(const struct aero_salvage_side *primary,
                            const struct aero_salvage_side *replica,
                            struct aero_salvage_plan *out_plan);
void aero_salvage_plan_deinit(struct aero_salvage_plan *plan);

/* Effect: the plan is refused, for the reason said. Returns false. */
bool aero_salvage_refuse(struct aero_salvage_plan *plan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
