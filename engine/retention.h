/* SPDX-License-Identifier: Apache-2.0 */
/* Which WAL may go: a pure function over what is kept and who needs it (decisions 12, 24).
 *
 *     floor = the oldest kept snapshot's segment, lowered to the lowest replica pin, but never so
 * far that more than the
 *     cap is kept for pins alone
 *
 * Segments below the floor are needed by nobody whom the cap protects. The newest segment never
 * goes. */
#ifndef AERO_ENGINE_RETENTION_H
#define AERO_ENGINE_RETENTION_H

#include "engine/manifest.h"
#include "engine/recovery.h"

struct aero_retention {
    uint64_t floor_sequence; /* segments from here on stay */
    bool pin_overruled;      /* the cap cut a pin off: that replica will need a snapshot */
};

/* `files` oldest first. Without a snapshot nothing may go: the floor is the first file's sequence.
 * */
struct aero_retention aero_retention_decide(const struct aero_manifest *manifest,
                                            const struct aero_wal_file *files, size_t file_count,
                                            uint64_t cap_bytes);

#endif
