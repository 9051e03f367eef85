/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a directory as their headers tell them, for whoever reads a log without opening it for work: dumps,
 * verification, comparison. May wait on the disk. */
#ifndef AERO_ENGINE_WAL_LIST_H
#define AERO_ENGINE_WAL_LIST_H

#include <stdbool.h>

#include "engine/disk.h"
#include "engine/segment.h"

struct aero_wal_listed {
    char name[AERO_DISK_NAME_MAX]; /* with its directory: good for aero_wal_reader_open */
    uint64_t size_bytes;
    aero_lsn named_lsn; /* as the file's name says */
    uint64_t named_sequence;
    aero_status header_status; /* of reading and decoding the header; OK: `header` is set */
    struct aero_segment_header header;
    uint64_t bound; /* the end that the successor's header names; 0: there is no such header */
};

struct aero_wal_list {
    struct aero_wal_listed *segments; /* by sequence, as named */
    size_t count;
};

/* Errors: those of listing the directory. A segment whose header is bad is listed with its status. Those below `floor`, the
 * manifest's, are left out: a truncation let them go, and what is left of it says nothing. 0: all. */
aero_status aero_wal_list_read(struct aero_disk disk, uint64_t floor,
                               struct aero_wal_list *out_list);
void aero_wal_list_deinit(struct aero_wal_list *list);

/* "BASE" in `disk` is one file, wherever it lies: a list of one, without a bound. */
void aero_wal_list_one(struct aero_disk disk, const char *name, struct aero_wal_list *out_list);

#endif
