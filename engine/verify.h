/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of a directory at rest: reads every byte that matters, changes none.
 *
 *   manifest     both slots
 *   durable      both slots, and that the log reaches what they prove
 *   wal          each header, record, chain, payload, footer; that segments continue each other, belong to this cluster and
 *                are those that the manifest remembers; what the end of the log is (tail_decision.h)
 *   snapshots    every block, count and digest; that they are those of the manifest; that the log has their chain value
 *   state        the log replayed from the oldest whole snapshot (or from nothing), compared with every digest record
 *                and with every later snapshot on the way
 *
 * What is found is told as it is found, each with file, offset, LSN and what it means. Verification goes on behind damage as
 * far as it can: every segment is checked, whatever stands before it. May wait on the disk; the state needs as much
 * memory as a running node. On a directory in use the result is of a moving target: see `moving`. */
#ifndef AERO_ENGINE_VERIFY_H
#define AERO_ENGINE_VERIFY_H

#include "base/checksum.h"
#include "base/units.h"
#include "engine/disk.h"
#include "engine/tree.h"

enum aero_finding_level {
    AERO_FINDING_NOTE, /* as it should be, or harmless: a torn tail that was never proven durable */
    AERO_FINDING_WARNING, /* redundancy is gone, the data is not: one bad manifest slot, a snapshot known to be damaged */
    AERO_FINDING_DAMAGE,
};

struct aero_finding {
    enum aero_finding_level level;
    char file[AERO_DISK_NAME_MAX];
    uint64_t offset;
    aero_lsn lsn; /* 0: of no record */
    char text[320];
};

struct aero_verify_observer {
    void *self;
    void (*finding)(void *self, const struct aero_finding *finding);
    /* Now and then; may be NULL. */
    void (*progress)(void *self, const char *file, uint64_t done_bytes, uint64_t total_bytes);
};

struct aero_verify_options {
    bool state; /* replay and compare; without it only checksums and chains */
    /* A node is at work here: files may go, and the log may end anywhere behind its proof. */
    bool moving;
};

struct aero_verify_report {
    uint32_t segment_count;
    uint32_t snapshot_count;
    uint64_t record_count;
    uint64_t byte_count;
    uint64_t digest_count; /* digest records compared with the state */
    uint32_t note_count;
    uint32_t warning_count;
    uint32_t damage_count;
    aero_id cluster_id;
    struct aero_position end; /* of the log */
    bool state_known;
    struct aero_position state_position; /* the end, or a snapshot's above it */
    struct aero_summary state;
};

/* Errors: AERO_NOT_FOUND: no manifest and no log here: not a node's directory. Everything else is a finding. */
aero_status aero_verify_directory(struct aero_disk disk, const struct aero_verify_options *options,
                                  const struct aero_verify_observer *observer,
                                  struct aero_verify_report *out_report);

#endif
