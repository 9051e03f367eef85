/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments of a replica's log would give a primary back the records that it lost (decision 7).
 *
 * Only durable bytes are ever shipped, so a replica that is ahead of its primary on the primary's own chain proves that
 * the primary lost them. The plan goes through the primary's log and takes each segment from the primary as long as it is
 * whole and the replica has no longer copy of the very same segment, else from the replica; every segment taken
 * continues the one before it, exactly. What is left of the primary's own log then may hold no record: two histories are
 * never merged, and a record that exists only on the primary is never dropped.
 *
 * Pure, over what aero_salvage_scan read. */
#ifndef AERO_CTL_SALVAGE_PLAN_H
#define AERO_CTL_SALVAGE_PLAN_H

#include "engine/manifest.h"
#include "engine/wal_list.h"

/* A segment, and how much of it verifies. */
struct aero_salvage_segment {
    struct aero_wal_listed listed;
    struct aero_position end; /* of the last record that verifies */
    uint64_t end_offset;
    uint64_t record_count;
    bool whole; /* nothing behind the end is missing or damaged */
    bool sealed;
};

struct aero_salvage_log {
    struct aero_salvage_segment *segments; /* by sequence */
    size_t count;
};

/* Reads every segment. Errors: those of listing. */
aero_status aero_salvage_scan(struct aero_disk disk, uint64_t floor,
                              struct aero_salvage_log *out_log);
void aero_salvage_log_deinit(struct aero_salvage_log *log);

/* The log as it would be. */
struct aero_salvage_step {
    const struct aero_salvage_segment *segment;
    bool from_replica;
    bool replaces; /* the primary has a file of that sequence, which goes to quarantine/ */
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
    char text[320];
};

void aero_salvage_plan_make(const struct aero_salvage_log *primary,
                            const struct aero_salvage_log *replica,
                            const struct aero_manifest *primary_manifest,
                            struct aero_salvage_plan *out_plan);
void aero_salvage_plan_deinit(struct aero_salvage_plan *plan);

/* The primary's manifest once the plan is carried out: segments as planned; without incarnations that claim to begin where
 * an earlier one went on; writes open, unless a known replica acknowledged more than the plan brings back. */
void aero_salvage_plan_manifest(const struct aero_salvage_plan *plan,
                                const struct aero_manifest *from,
                                struct aero_manifest *out_manifest);

#endif
