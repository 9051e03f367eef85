/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/fingerprint.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"
#include "tests/simulation/sim_disk_priv.h"

/* ---- Names ---------------------------------------------------------------------------------------------------- */

struct folder {
    uint64_t words[4]; /* what was folded so far (two), and what comes in (two) */
};

static void fold(struct folder *folder, struct aero_u128 value)
{
    folder->words[2] = value.low;
    folder->words[3] = value.high;
    struct aero_u128 sum = aero_checksum128(aero_slice_of(folder->words, sizeof folder->words));
    folder->words[0] = sum.low;
    folder->words[1] = sum.high;
}

static void fold_number(struct folder *folder, uint64_t number)
{
    fold(folder, (struct aero_u128){.low = number, .high = 1});
}

static void fold_pending(struct folder *folder, const struct aero_sim_inode *inode)
{
    fold_number(folder, inode->pending_count);
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        fold_number(folder, pending->is_truncate);
        fold_number(folder, pending->end);
        if (!pending->is_truncate) {
            size_t length = (size_t)pending->sector_count * AERO_SIM_SECTOR_BYTES;
            fold_number(folder, pending->first_sector);
            fold(folder, aero_checksum128(aero_slice_of(pending->sectors, length)));
        }
    }
}

static void fold_name(struct folder *folder, const struct aero_sim_name *name)
{
    fold(folder, aero_checksum128(aero_slice_text(name->name)));
    fold_number(folder, name->inode == NULL ? UINT64_MAX : name->inode->index);
}

/* What a power loss could make of it. Inodes have numbers here: which names share one matters. */
static void fold_unsynced(struct folder *folder, const struct aero_sim_disk *disk)
{
    for (size_t i = 0; i < disk->durable.count; i++) {
        fold_name(folder, &disk->durable.entries[i]);
    }
    for (size_t i = 0; i < disk->change_count; i++) {
        fold_number(folder, disk->changes[i].set_count);
        for (uint32_t k = 0; k < disk->changes[i].set_count; k++) {
            fold_name(folder, &disk->changes[i].set[k]);
        }
    }
    for (size_t i = 0; i < disk->inode_count; i++) {
        fold(folder, aero_sim_image_name(&disk->inodes[i]->durable));
        fold_pending(folder, disk->inodes[i]);
    }
}

static struct aero_u128 name_of(const struct folder *folder)
{
    return (struct aero_u128){.low = folder->words[0] | 1, .high = folder->words[1]};
}

struct aero_u128 crash_fingerprint_seen(const struct aero_sim_disk *disk)
{
    struct folder folder = {{0}};
    for (size_t i = 0; i < disk->current.count; i++) {
        fold(&folder, aero_checksum128(aero_slice_text(disk->current.entries[i].name)));
        fold(&folder, aero_sim_image_name(&disk->current.entries[i].inode->cache));
    }
    return name_of(&folder);
}

struct aero_u128 crash_fingerprint(const struct aero_sim_disk *disk)
{
    struct folder folder = {{0}};
    fold(&folder, crash_fingerprint_seen(disk));
    if (aero_sim_disk_pending(disk) > 0) {
        for (size_t i = 0; i < disk->current.count; i++) {
            fold_number(&folder, disk->current.entries[i].inode->index);
        }
        fold_unsynced(&folder, disk);
    }
    return name_of(&folder);
}

struct aero_u128 crash_fingerprint_with(struct aero_u128 name, uint64_t salt)
{
    struct folder folder = {{0}};
    fold(&folder, name);
    fold_number(&folder, salt);
    return name_of(&folder);
}

/* ---- The set -------------------------------------------------------------------------------------------------- */

void crash_seen_deinit(struct crash_seen *seen)
{
    free(seen->slots);
    memset(seen, 0, sizeof *seen);
}

static bool is_free(struct aero_u128 slot)
{
    return slot.low == 0 && slot.high == 0;
}

/* Where it is, or where it would go. */
static struct aero_u128 *slot_of(const struct crash_seen *seen, struct aero_u128 name)
{
    size_t at = (size_t)name.high & (seen->capacity - 1);
    while (!is_free(seen->slots[at]) && !aero_u128_equal(seen->slots[at], name)) {
        at = (at + 1) & (seen->capacity - 1);
    }
    return &seen->slots[at];
}

static void grow(struct crash_seen *seen)
{
    struct crash_seen larger = {.capacity = seen->capacity == 0 ? 4096 : 2 * seen->capacity};
    larger.slots = aero_calloc(larger.capacity, sizeof larger.slots[0]);
    for (size_t i = 0; i < seen->capacity; i++) {
        if (!is_free(seen->slots[i])) {
            *slot_of(&larger, seen->slots[i]) = seen->slots[i];
        }
    }
    larger.count = seen->count;
    free(seen->slots);
    *seen = larger;
}

bool crash_seen_has(const struct crash_seen *seen, struct aero_u128 name)
{
    return seen->count > 0 && !is_free(*slot_of(seen, name));
}

bool crash_seen_add(struct crash_seen *seen, struct aero_u128 name)
{
    if (2 * (seen->count + 1) > seen->capacity) {
        grow(seen);
    }
    struct aero_u128 *slot = slot_of(seen, name);
    bool is_new = is_free(*slot);
    *slot = name;
    seen->count += is_new;
    return is_new;
}
