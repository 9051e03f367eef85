/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one segment in order, verifying every record in its place. May wait on the disk: for recovery, offline
 * verification and dumps. Stops at the first offset that does not verify and says what stands there. */
#ifndef AERO_ENGINE_WAL_READER_H
#define AERO_ENGINE_WAL_READER_H

#include "engine/disk.h"
#include "engine/record.h"
#include "engine/segment.h"

enum aero_wal_stop {
    AERO_STOP_FOOTER, /* a footer that agrees with what was read */
    AERO_STOP_BOUND,  /* the end that the successor's header names */
    AERO_STOP_CLEAN, /* end of file, zeros, or bytes of another nonce: nothing of this segment follows */
    AERO_STOP_INVALID, /* bytes of this segment, or unclassifiable ones, that do not verify; EIO counts (decision 1) */
};

struct aero_wal_reader;

/* Opens `name`, reads and verifies its header. `bound` 0: no successor known. */
aero_status aero_wal_reader_open(struct aero_disk disk, const char *name, uint64_t bound,
                                 struct aero_wal_reader **out_reader);
void aero_wal_reader_close(struct aero_wal_reader *reader);
const struct aero_segment_header *aero_wal_reader_header(const struct aero_wal_reader *reader);

struct aero_wal_record {
    struct aero_record_header header;
    struct aero_slice payload; /* borrowed until the next call */
    struct aero_slice raw;     /* header, payload and padding */
    uint64_t offset;
};
/* AERO_OK: a record. AERO_NOT_FOUND: stopped; ask why with aero_wal_reader_stop. Only AERO_CRASHED is passed up otherwise. */
aero_status aero_wal_reader_next(struct aero_wal_reader *reader,
                                 struct aero_wal_record *out_record);
enum aero_wal_stop aero_wal_reader_stop(const struct aero_wal_reader *reader);
uint64_t
aero_wal_reader_offset(const struct aero_wal_reader *reader); /* of the next record, or the stop */
struct aero_position aero_wal_reader_position(const struct aero_wal_reader *reader);
uint64_t aero_wal_reader_record_count(const struct aero_wal_reader *reader);

/* What lies behind a stop: scans every aligned offset from `offset` to the end of the file for headers that verify alone
 * with this segment's nonce and an LSN above `after` (decision 1). */
struct aero_wal_evidence {
    bool found; /* any such header */
    aero_lsn highest_lsn;
    aero_lsn highest_mark; /* what those headers prove durable */
    uint64_t last_offset;  /* end of the last byte that is not zero */
};
aero_status aero_wal_reader_scan(struct aero_wal_reader *reader, uint64_t offset, aero_lsn after,
                                 struct aero_wal_evidence *out_evidence);

#endif
