/* SPDX-License-Identifier: Apache-2.0 */
/* What writer and follower share: one open segment, groups in flight on their lanes, the proof, the change to the next
 * segment, and what failures do to all of them. Private to engine/wal_*.c.
 *
 * The owner pumps: it asks for a free lane and hands a group over, asks for a successor and describes it when the log is
 * ready for one. The log turns both into disk requests and their completions into positions.
 *
 *     records --hand over--> [lane 0 | lane 1] --write, sync--> synced --proof written--> durable
 *
 * Positions of the active segment, always handed >= synced >= durable:
 *   handed   given to a lane. synced: the contiguous prefix whose syncs returned. durable: the proof says so too.
 *
 * States (wal_writer.h draws them for callers):
 *   OPEN     groups are handed over, unless a successor is wanted: rotation is a barrier (decision 14)
 *   CUTTING  a write found no room: what is in flight is awaited, then the segment ends at `synced`
 *   CUT      the successor found no room either: waits for aero_wal_log_retry
 *   CLOSED   nothing is asked of the disk any more
 *
 * A log is quiet when no group is in flight and the proof has caught up: only then does a segment end. */
#ifndef AERO_ENGINE_WAL_LOG_H
#define AERO_ENGINE_WAL_LOG_H

#include "engine/proof.h"
#include "engine/wal_queue.h"
#include "engine/wal_writer.h"

#define AERO_WAL_GROUP_LANES 2
/* With wal_batching off, a record is a write: so many of them share a sync at most. */
#define AERO_WAL_GROUP_WRITES_MAX 256
/* New segments that the owner has not taken: the next one waits. */
#define AERO_WAL_SEGMENTS_MAX 4
#define AERO_WAL_CONTROL_OPS_MAX 16

enum aero_wal_request_state {
    AERO_WAL_REQUEST_NONE,
    AERO_WAL_REQUEST_READY,  /* waits to be fetched */
    AERO_WAL_REQUEST_ISSUED, /* with the disk */
};

struct aero_wal_slot {
    enum aero_wal_request_state state;
    struct aero_disk_request request;
    struct aero_buffer ops; /* of struct aero_disk_op */
};

/* How far something has come in the active segment. */
struct aero_wal_frontier {
    uint64_t offset;
    struct aero_position position;
    uint64_t record_count;
};

enum aero_wal_group_state {
    AERO_WAL_GROUP_FREE,
    AERO_WAL_GROUP_FLYING,
    AERO_WAL_GROUP_SYNCED,
    AERO_WAL_GROUP_FAILED, /* found no room */
};

struct aero_wal_group {
    enum aero_wal_group_state state;
    uint64_t number; /* in the order of LSNs */
    struct aero_wal_chunk *chunk;
    size_t bytes;
    struct aero_wal_frontier end;
    bool reached_disk; /* a byte of it may be there */
    struct aero_wal_slot slot;
};

enum aero_wal_log_state {
    AERO_WAL_LOG_OPEN,
    AERO_WAL_LOG_CUTTING,
    AERO_WAL_LOG_CUT,
    AERO_WAL_LOG_CLOSED,
};

/* The file of the next segment, made ahead of use (wal_recycle). */
enum aero_wal_prepare_state {
    AERO_WAL_PREPARE_NONE,
    AERO_WAL_PREPARE_RUNNING,
    AERO_WAL_PREPARE_READY,
    AERO_WAL_PREPARE_UNDOING, /* it failed: closes and unlinks what there is */
};

struct aero_wal_log {
    struct aero_wal_options options;
    bool verbatim;       /* a follower's: no nonce, no successor of its own after a cut */
    uint32_t lane_count; /* groups in flight at most */
    struct aero_wal_queue queue;
    aero_lsn last_lsn; /* of the last record queued */

    enum aero_wal_log_state state;
    uint64_t next_request_id;

    bool has_segment;
    bool may_seal; /* false behind a cut: such a segment gets no footer (decision 3) */
    struct aero_segment_header segment;
    char segment_name[AERO_DISK_NAME_MAX];
    uint32_t bank; /* handles 2 * bank and 2 * bank + 1 are the active segment's */
    struct aero_wal_frontier handed;
    struct aero_wal_frontier synced;
    struct aero_wal_place durable;
    aero_lsn reached; /* bytes up to here may be on disk: UNKNOWN if the log closes */

    struct aero_wal_group groups[AERO_WAL_GROUP_LANES];
    uint64_t groups_handed; /* numbers given out */
    uint64_t groups_synced; /* all below are done with */

    struct {
        struct aero_wal_slot slot;
        uint64_t generation;
        bool opened;
        bool stale;   /* `synced` is ahead of what was written */
        bool writing; /* the request in flight writes `place` */
        bool unsynced;
        bool sync_wanted;
        struct aero_wal_place place;
        uint8_t bytes[AERO_PROOF_BYTES];
    } proof;

    struct {
        struct aero_wal_slot slot;
        bool wanted;
        bool attach;        /* the request in flight opens an existing segment */
        bool sealed;        /* the segment before gets a footer */
        bool found_sealed;  /* it has one: see wal_follower.c */
        uint32_t footer_op; /* index of the first operation behind the barrier */
        struct aero_segment_header header;
        char name[AERO_DISK_NAME_MAX];
        uint8_t raw[AERO_SEGMENT_HEADER_BYTES];
        uint8_t footer[AERO_SEGMENT_FOOTER_BYTES];
    } control;

    struct {
        struct aero_wal_slot slot;
        enum aero_wal_prepare_state state;
        bool reusing; /* `name` was given, not made */
        bool blocked; /* found no room: not again before it is needed */
        char name[AERO_DISK_NAME_MAX];
        char recycled[AERO_DISK_NAME_MAX]; /* in stock; empty: none */
    } prepare;

    bool failure_pending;
    struct aero_wal_failure failure;
    struct aero_wal_failure fault; /* the call that began the cut: file, call, status */

    struct aero_wal_segment segments[AERO_WAL_SEGMENTS_MAX];
    uint32_t segment_count;
};

void aero_wal_log_init(struct aero_wal_log *log, const struct aero_wal_options *options,
                       struct aero_position end, uint64_t proof_generation);
void aero_wal_log_deinit(struct aero_wal_log *log);

/* Goes on in a segment that exists. */
void aero_wal_log_attach(struct aero_wal_log *log, const struct aero_segment_header *segment,
                         const struct aero_wal_frontier *end);

/* ---- Groups ---- */

/* The lane for the next group; NULL: all are busy, or the log hands nothing over now. */
struct aero_wal_group *aero_wal_log_free_lane(struct aero_wal_log *log);
/* Hands bytes of the chunk over that end at `end`. `writes` are the lengths of the writes to make of them. */
void aero_wal_log_hand_over(struct aero_wal_log *log, struct aero_wal_group *group,
                            struct aero_wal_chunk *chunk, const struct aero_wal_frontier *end,
                            const size_t *writes, uint32_t write_count);

/* ---- Successors ---- */

/* Asks for the next segment: no more groups until it is there. */
void aero_wal_log_want_successor(struct aero_wal_log *log);
/* True when it can be begun now; also starts preparing its file where that is needed. */
bool aero_wal_log_is_ready_for_successor(struct aero_wal_log *log);
/* Begins it. `raw` is the encoded header; `footer` NULL: the segment before is not sealed. Both are copied. */
void aero_wal_log_begin(struct aero_wal_log *log, const struct aero_segment_header *header,
                        const uint8_t *raw, const uint8_t *footer);

/* ---- The rest of both interfaces ---- */

/* What nobody hands over: the proof, and a prepared segment in stock. */
void aero_wal_log_pump(struct aero_wal_log *log);
const struct aero_disk_request *aero_wal_log_next_request(struct aero_wal_log *log);
void aero_wal_log_on_completion(struct aero_wal_log *log,
                                const struct aero_disk_completion *completion);
bool aero_wal_log_take_failure(struct aero_wal_log *log, struct aero_wal_failure *out_failure);
bool aero_wal_log_take_new_segment(struct aero_wal_log *log, struct aero_wal_segment *out_segment);
void aero_wal_log_retry(struct aero_wal_log *log);
void aero_wal_log_close(struct aero_wal_log *log, aero_status reason, const char *file,
                        const char *call);
bool aero_wal_log_give_recycled(struct aero_wal_log *log, const char *name);
void aero_wal_log_flush_proof(struct aero_wal_log *log);
bool aero_wal_log_is_open(const struct aero_wal_log *log);
bool aero_wal_log_is_idle(const struct aero_wal_log *log);

#endif
