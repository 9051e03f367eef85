/* SPDX-License-Identifier: Apache-2.0 */
/* From the newest segment down: each one below what snapshots need is kept while a pin claims it and the cap has room. */
#include "engine/retention.h"

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t lowest_pin(const struct aero_manifest *manifest, uint64_t floor)
{
    for (size_t i = 0; i < manifest->pin_count; i++) {
        floor = least(floor, manifest->pins[i].sequence);
    }
    return floor;
}

/* The lowest of the newest `kept_count`. Returns how many of them there are. */
static size_t find_lowest_kept(const struct aero_manifest *manifest, size_t kept_count,
                               uint64_t *floor)
{
    size_t whole = 0;
    for (size_t i = manifest->snapshot_count; i > 0 && whole < kept_count; i--) {
        if (!manifest->snapshots[i - 1].damaged) {
            *floor = least(*floor, manifest->snapshots[i - 1].sequence);
            whole++;
        }
    }
    return whole;
}

/* Pinned to its segment and not past it (decision 24), and the floor leaves the WAL behind it. */
static bool is_being_sent(const struct aero_manifest *manifest,
                          const struct aero_snapshot_entry *snapshot)
{
    for (size_t i = 0; i < manifest->pin_count; i++) {
        if (manifest->pins[i].sequence == snapshot->sequence &&
            manifest->pins[i].durable.value < snapshot->position.lsn.value) {
            return snapshot->sequence >= manifest->wal_floor_sequence;
        }
    }
    return false;
}

size_t aero_retention_spare(const struct aero_manifest *manifest, size_t kept_count)
{
    size_t whole = 0;
    size_t spare = manifest->snapshot_count;
    for (size_t i = manifest->snapshot_count; i > 0; i--) {
        const struct aero_snapshot_entry *snapshot = &manifest->snapshots[i - 1];
        if (!snapshot->damaged && ++whole > kept_count && !is_being_sent(manifest, snapshot)) {
            spare = i - 1;
        }
    }
    return spare;
}

size_t aero_retention_least_useful(const struct aero_manifest *manifest)
{
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (manifest->snapshots[i].damaged) {
            return i;
        }
    }
    return 0;
}

uint64_t aero_retention_floor(const struct aero_manifest *manifest, size_t kept_count,
                              const struct aero_wal_file *files, size_t file_count,
                              uint64_t cap_bytes)
{
    uint64_t floor = file_count != 0 ? files[file_count - 1].header.sequence : 0;
    if (find_lowest_kept(manifest, kept_count, &floor) < 2) {
        return manifest->wal_floor_sequence;
    }
    uint64_t needed = floor;
    uint64_t pinned = lowest_pin(manifest, needed);
    uint64_t kept_bytes = 0;
    for (size_t i = file_count; i > 0; i--) {
        const struct aero_wal_file *file = &files[i - 1];
        if (file->header.sequence >= needed) {
            continue;
        }
        kept_bytes += file->end_offset;
        if (file->header.sequence < pinned || kept_bytes > cap_bytes) {
            break;
        }
        floor = file->header.sequence;
    }
    return floor > manifest->wal_floor_sequence ? floor : manifest->wal_floor_sequence;
}
