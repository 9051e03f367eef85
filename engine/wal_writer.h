/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's WAL: records in, disk requests out, durability back.
 *
 * A sans-I/O core. The owner appends records (each gets its LSN at once, provisional until durable), submits once a
 * turn, hands the requests to the disk and feeds completions back. What has become durable is the contiguous prefix
 * (decision 4); everything else is nobody's to see.
 *
 * Groups form from what has arrived, never from timers: while the groups in flight sync, the next one fills.
 * With every switch off this is the baseline: one record, one write, one sync, one at a time.
 *
 * States:
 *
 *     OPEN --write failed without space--> CUT --successor durable--> OPEN
 *      |                                    |
 *      +--sync failed, or any other error --+--> CLOSED (until restart)
 *
 *   OPEN    appends are taken. CUT: the segment ended at the last durable record for good (decision 3); appends are
 *   refused; a successor is tried whenever the owner calls aero_wal_retry. CLOSED: nothing on this log is trusted
 *   any more (FM-7.2); only recovery from disk opens it again.
 *
 * Bounds: at most queue_bytes of records are queued or in flight; aero_wal_has_room says so beforehand (DET-3).
 * Ownership: payloads are copied on append. Request memory belongs to the writer until its completion. */
#ifndef AERO_ENGINE_WAL_WRITER_H
#define AERO_ENGINE_WAL_WRITER_H

#include <stdbool.h>

#include "base/units.h"
#include "engine/disk.h"
#include "engine/record.h"
#include "engine/segment.h"

/* Lanes of the requests (struct aero_disk_request): those of one lane run in order, lanes run side by side. The proof's
 * writes touch the page cache only and follow a sync that just returned: a host may run them inline. */
enum aero_wal_lane {
    AERO_WAL_LANE_FIRST,  /* groups, and the change of segments */
    AERO_WAL_LANE_SECOND, /* groups, with overlapped_sync */
    AERO_WAL_LANE_PROOF,
    AERO_WAL_LANE_BACKGROUND, /* preparing segments: nobody waits for it unless it falls behind */
};

struct aero_wal_switches {
    bool group_commit;    /* many records share a sync */
    bool wal_batching;    /* the records of a group share one write */
    bool overlapped_sync; /* two groups in flight, each on a file description of its own */
    bool wal_recycle;     /* segments are zero-filled ahead of use and reused after truncation */
};

struct aero_wal_options {
    struct aero_wal_switches switches;
    uint64_t segment_bytes; /* a record never crosses into another segment (decision 17) */
    size_t queue_bytes;     /* open group + groups in flight */
};

/* Where the log goes on: the end of what recovery found and made durable anew. */
struct aero_wal_start {
    aero_id cluster_id;
    aero_epoch epoch;
    aero_id incarnation;
    aero_id nonce; /* fresh, for the segment that every start begins */
    /* The predecessor's end; sequence 0 in a new cluster. */
    uint64_t prev_sequence;
    uint64_t prev_end_offset;
    struct aero_position end;
    uint64_t proof_generation;
};

/* A place in the files: for shipping, which reads durable bytes only. */
struct aero_wal_place {
    uint64_t sequence;
    uint64_t offset; /* the end of the record `position` */
    struct aero_position position;
};

struct aero_wal_writer;

/* The first request makes the first segment; appends are taken from the start and wait for it. */
struct aero_wal_writer *aero_wal_new(const struct aero_wal_options *options,
                                     const struct aero_wal_start *start);
/* Nothing of it may be with the disk any more. Accepts NULL. */
void aero_wal_free(struct aero_wal_writer *wal);

/* The largest payload that a record may have here: AERO_RECORD_PAYLOAD_MAX, what a segment holds, or what the queue holds
 * besides a digest record, whichever is least. */
size_t aero_wal_payload_max(const struct aero_wal_writer *wal);
bool aero_wal_has_room(const struct aero_wal_writer *wal, size_t payload_length);
bool aero_wal_is_open(const struct aero_wal_writer *wal);

/* Queues a record and returns its LSN. Asserts is_open and has_room. */
aero_lsn aero_wal_append(struct aero_wal_writer *wal, enum aero_record_type type,
                         struct aero_slice payload);
/* Hands over what has arrived, as far as lanes are free. Call once a turn; completions do it by themselves. */
void aero_wal_submit(struct aero_wal_writer *wal);
/* Records have arrived of which aero_wal_submit would make a group now: a lane is free for it. */
bool aero_wal_is_gathering(struct aero_wal_writer *wal);

aero_lsn aero_wal_last_lsn(const struct aero_wal_writer *wal); /* the last one given out */
/* Sequence 0 until the first segment is durable. */
struct aero_wal_place aero_wal_durable(const struct aero_wal_writer *wal);

/* Remembers the place of the last record given out, `lsn`, for a checkpoint of the state behind it. One at a time; a failure
 * that takes the record back forgets it. */
void aero_wal_watch(struct aero_wal_writer *wal, aero_lsn lsn);
/* True once that record is durable; asked again it gives the same answer until the next watch. */
bool aero_wal_watched(const struct aero_wal_writer *wal, struct aero_wal_place *out_place);

/* Each segment needs 128 random bits that the owner draws. The writer keeps one in stock. */
bool aero_wal_needs_nonce(const struct aero_wal_writer *wal);
void aero_wal_give_nonce(struct aero_wal_writer *wal, aero_id nonce);

/* NULL when there is nothing to do now. */
const struct aero_disk_request *aero_wal_next_request(struct aero_wal_writer *wal);
void aero_wal_on_completion(struct aero_wal_writer *wal,
                            const struct aero_disk_completion *completion);

/* A failure, told once. Commits up to and including `unknown_through` may or may not survive (UNKNOWN), later ones were
 * never written and never will be (NOTWRITTEN, decision 11). The owner rolls back to `durable`; the next append
 * gets durable + 1 again, and none is taken before the failure has been.
 *
 * A cut is told when the fate of what it cut is known: once the successor is durable (nothing of it can come back:
 * NOTWRITTEN) or has failed (what had reached the disk is UNKNOWN). Until then the log is not open and its commits wait. */
struct aero_wal_failure {
    aero_lsn durable;
    aero_lsn unknown_through; /* = durable when every failed commit is NOTWRITTEN */
    aero_lsn last;            /* the last LSN that failed */
    bool closed;              /* true: CLOSED, false: CUT or already open again */
    aero_status status;
    char file[AERO_DISK_NAME_MAX];
    const char *call; /* "write", "fdatasync", ... */
};
bool aero_wal_take_failure(struct aero_wal_writer *wal, struct aero_wal_failure *out_failure);
/* In CUT: try again to begin a successor (the owner's timer, after space may have come back); needs a nonce in stock. */
void aero_wal_retry(struct aero_wal_writer *wal);
/* From outside: authority or trust is gone (superseded, this primary lost records, a manifest failed). Goes to CLOSED. Where a
 * disk's call was the reason, `file` and `call` are its own, else "". `call` must outlive the writer. */
void aero_wal_close(struct aero_wal_writer *wal, aero_status reason, const char *file,
                    const char *call);

/* A segment that the writer began since the last call, for the index of segments and the manifest. */
struct aero_wal_segment {
    struct aero_segment_header header; /* its prev_* name the predecessor's end */
    char name[AERO_DISK_NAME_MAX];
    bool prev_sealed; /* the predecessor has its footer */
    uint64_t prev_record_count;
};
/* A few are kept: the log does not rotate past an owner that does not take them. */
bool aero_wal_take_new_segment(struct aero_wal_writer *wal, struct aero_wal_segment *out_segment);

/* With wal_recycle: a truncated segment's file, already out of the log's names by a durable rename, to be reused. It should
 * be segment_bytes long: a shorter one works and grows. False when there is one in stock; the caller unlinks it then.
 * A file that turns out to have a second link is unlinked and a new one made (decision 14). */
bool aero_wal_give_recycled(struct aero_wal_writer *wal, const char *name);

/* Idle work and clean stop: asks for a sync of the proof, if any of it is not synced. */
void aero_wal_flush_proof(struct aero_wal_writer *wal);
/* Nothing is queued, in flight or owed any more: only then may the writer be freed. */
bool aero_wal_is_idle(const struct aero_wal_writer *wal);

#endif
