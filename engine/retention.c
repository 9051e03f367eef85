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

/* Returns how many there are. */
static size_t find_lowest_snapshot(const struct aero_manifest *manifest, uint64_t *floor)
{
    size_t whole = 0;
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (!manifest->snapshots[i].damaged) {
            *floor = least(*floor, manifest->snapshots[i].sequence);
            whole++;
        }
    }
    return whole;
}

bool aero_retention_is_being_sent(const struct aero_manifest *manifest,
                                  const struct aero_snapshot_entry *snapshot)
{
    for (size_t i = 0; i < manifest->pin_count; i++) {
        if (manifest->pins[i].sequence == snapshot->sequence &&
            manifest->pins[i].durable.value < snapshot->position.lsn.value) {
            return true;
        }
    }
    return false;
}

struct aero_retention aero_retention_decide(const struct aero_manifest *manifest,
                                            const struct aero_wal_file *files, size_t file_count,
                                            uint64_t cap_bytes)
{
    struct aero_retention decision = {.floor_sequence = manifest->wal_floor_sequence};
    if (file_count == 0) {
        return decision;
    }
    uint64_t needed = files[file_count - 1].header.sequence;
    if (find_lowest_snapshot(manifest, &needed) < 2) {
        return decision;
    }
    uint64_t pinned = lowest_pin(manifest, needed);
    uint64_t kept_bytes = 0;
    uint64_t floor = needed;
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
    decision.pin_overruled = floor > pinned && files[0].header.sequence < floor;
    if (floor > decision.floor_sequence) {
        decision.floor_sequence = floor;
    }
    return decision;
}
