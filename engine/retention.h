/* SPDX-License-Identifier: Apache-2.0 */
/* What may go: pure functions over what is kept and who needs it (decisions 12, 24).
 *
 *     floor = the oldest whole snapshot's segment, lowered to the lowest replica pin, but never so far that more than the
 *     cap is kept for pins alone
 *
 * Segments below the floor are needed by nobody whom the cap protects. Nothing goes before there are two whole
 * snapshots: with one of them damaged, the other and the WAL behind it still lead to the state; until there are two
 * that other is the WAL from its beginning. A snapshot that was found damaged keeps nothing. */
#ifndef AERO_ENGINE_RETENTION_H
#define AERO_ENGINE_RETENTION_H

#include "engine/manifest.h"
#include "engine/recovery.h"

struct aero_retention {
    uint64_t floor_sequence; /* segments from here on stay */
    bool pin_overruled;      /* the cap cut a pin off: that replica will need a snapshot */
};

/* `files` oldest first. The floor never falls. */
struct aero_retention aero_retention_decide(const struct aero_manifest *manifest,
                                            const struct aero_wal_file *files, size_t file_count,
                                            uint64_t cap_bytes);

/* Whether some replica is being given this very snapshot: pinned to its segment and not past it (decision 24). */
bool aero_retention_is_being_sent(const struct aero_manifest *manifest,
                                  const struct aero_snapshot_entry *snapshot);

#endif
