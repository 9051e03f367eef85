/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a data directory's file a byte belongs to, by docs/formats.md alone: shares no code with the engine. */
#ifndef AERO_TESTS_CRASH_LAYOUT_H
#define AERO_TESTS_CRASH_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Of an undamaged directory. */
struct crash_layout_facts {
    uint64_t
        snapshot_sequence; /* of the newest snapshot: the segment that holds the record behind it */
    uint64_t snapshot_lsn;
    char newest_snapshot[128]; /* its file */
    uint64_t end_sequence;     /* the segment that is written to */
};

/* The text of the class; static. `bytes` is the undamaged file. */
const char *crash_layout_class(const struct crash_layout_facts *facts, const char *name,
                               const struct aero_buffer *bytes, uint64_t offset);

/* Of a sector that another one of the same file overwrites: the class where that is one of its own, else NULL. */
const char *crash_layout_class_of_copy(const char *name, uint64_t from_sector, uint64_t to_sector);

/* Why a change of a byte of this class may make no difference to a start; NULL: it has to. */
const char *crash_layout_excuse(const char *class_text);

#endif
