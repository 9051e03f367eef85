/* SPDX-License-Identifier: Apache-2.0 */
/* What may go: pure functions over what is kept and who needs it (decisions 12, 24).
 *
 *     floor = the segment of the oldest kept snapshot, lowered to the lowest replica pin, but never so far that more than
 *     the cap is kept for pins alone
 *
 * Kept are the newest whole snapshots, as many as the owner asks for; an older one stays while a replica is being given it
 * and the floor leaves it the WAL that has to follow. So whatever a pin holds, snapshot or WAL, it holds within the cap:
 * a replica that never comes back fills no disk. Nothing goes before there are two whole snapshots: with one of them
 * damaged, the other and the WAL behind it still lead to the state; until there are two that other is the WAL from its
 * beginning. A snapshot that was found damaged keeps nothing. */
#ifndef AERO_ENGINE_RETENTION_H
#define AERO_ENGINE_RETENTION_H

#include "engine/manifest.h"
#include "engine/recovery.h"

/* Segments from here on stay. `files` oldest first. The floor never falls. */
uint64_t aero_retention_floor(const struct aero_manifest *manifest, size_t kept_count,
                              const struct aero_wal_file *files, size_t file_count,
                              uint64_t cap_bytes);

/* The oldest snapshot that nobody needs: beyond the number of whole ones that stay and not on its way to a replica. Returns
 * snapshot_count when there is none. */
size_t aero_retention_spare(const struct aero_manifest *manifest, size_t kept_count);
/* With every place taken: the oldest damaged one (they stay until an operator looks, or until then), else the oldest. */
size_t aero_retention_least_useful(const struct aero_manifest *manifest);

#endif
