/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one segment in order, verifying every record in its place. May wait on the disk: for recovery, offline
 * verification and dumps. Stops at the first offset that does not verify and says what stands there.
 *
 * A stop is only as much as this file's bytes can say. Whether bytes behind it had been durable is for whoever knows
 * the proof, the manifest and the other segments (decision 1). */
#ifndef AERO_ENGINE_WAL_READER_H
#define AERO_ENGINE_WAL_READER_H

#include "engine/disk.h"
#include "engine/record.h"
#include "engine/segment.h"

/* Decision 25. With a bound, everything before it must verify: anything else there is INVALID, and nothing behind it is
 * looked at but a footer. Without one, the rest of the file decides:
 *
 *     nothing, or zeros to the end                                                         CLEAN
 *     a footer of this segment right here: agrees with what was read / does not            FOOTER / INVALID
 *     a record header or footer of this segment anywhere, or bytes that cannot be read     INVALID
 *     what an earlier life of the file left: somewhere a header or footer of another
 *     nonce, and no beginning of a record right here                                       CLEAN
 *     anything else                                                                        INVALID */
enum aero_wal_stop {
    AERO_STOP_FOOTER, /* a footer that agrees with what was read (and with the bound, if there is one) */
    AERO_STOP_BOUND, /* the end that the successor's header names, and no footer */
    AERO_STOP_CLEAN,
    AERO_STOP_INVALID,
};

struct aero_wal_reader;

/* Opens `name`, reads and verifies its header. `bound` 0: no successor known.
 * Errors: those of open and read; AERO_INCOMPLETE, AERO_CORRUPT, AERO_UNSUPPORTED: the header's. */
aero_status aero_wal_reader_open(struct aero_disk disk, const char *name, uint64_t bound,
                                 struct aero_wal_reader **out_reader);
void aero_wal_reader_close(struct aero_wal_reader *reader);
const struct aero_segment_header *aero_wal_reader_header(const struct aero_wal_reader *reader);
uint64_t aero_wal_reader_file_bytes(const struct aero_wal_reader *reader);

struct aero_wal_record {
    struct aero_record_header header;
    struct aero_slice payload; /* borrowed until the next call */
    struct aero_slice raw;     /* header, payload and padding */
    uint64_t offset;
};
/* AERO_OK: a record. AERO_NOT_FOUND: stopped; ask why with aero_wal_reader_stop. Otherwise a read was refused, which says nothing
 * of the bytes (aero_disk_is_refusal). */
aero_status aero_wal_reader_next(struct aero_wal_reader *reader,
                                 struct aero_wal_record *out_record);
/* What stands behind the last record, as far as it has been read, and verified by nobody: for hints only. Borrowed until
 * the next call. */
struct aero_slice aero_wal_reader_ahead(const struct aero_wal_reader *reader);
/* Asserts that aero_wal_reader_next has stopped. */
enum aero_wal_stop aero_wal_reader_stop(const struct aero_wal_reader *reader);
/* Of the next record, or of the stop. */
uint64_t aero_wal_reader_offset(const struct aero_wal_reader *reader);
/* Of the last record read; the predecessor's end before the first. */
struct aero_position aero_wal_reader_position(const struct aero_wal_reader *reader);
uint64_t aero_wal_reader_record_count(const struct aero_wal_reader *reader);

/* What lies behind a stop: scans every aligned offset from `offset` to the end of the file for headers that verify alone
 * with this segment's nonce and an LSN above `after` (decision 1), and for this segment's footer. */
struct aero_wal_evidence {
    bool found; /* any such header, or the footer */
    bool footer_found;
    aero_lsn highest_lsn;
    aero_lsn
        highest_mark; /* what they prove durable: a header its mark, a footer its end (decision 14) */
    uint64_t last_offset; /* end of the last byte that is not zero or cannot be read; 0: none */
};
aero_status aero_wal_reader_scan(struct aero_wal_reader *reader, uint64_t offset, aero_lsn after,
                                 struct aero_wal_evidence *out_evidence);

/* Where the log goes on behind `position`, which other evidence has proven: finds, at or behind `offset`, the header of that
 * very record, or of the one that chains to it. AERO_NOT_FOUND: neither verifies alone at a place that it can have. Asserts that
 * `position` lies beyond what was read. */
aero_status aero_wal_reader_find(struct aero_wal_reader *reader, uint64_t offset,
                                 struct aero_position position, uint64_t *out_offset);
/* Reads on from there, as if everything up to `position` had been read. */
void aero_wal_reader_seek(struct aero_wal_reader *reader, uint64_t offset,
                          struct aero_position position);

#endif
