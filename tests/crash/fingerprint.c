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

static void fold_image(struct folder *folder, const struct aero_sim_image *image)
{
    uint8_t page[AERO_SIM_PAGE_BYTES];
    fold_number(folder, image->size_bytes);
    for (size_t i = 0; i < image->page_slots; i++) {
        if (image->pages[i] == NULL) {
            continue;
        }
        size_t length = aero_sim_image_read(image, i * sizeof page, page, sizeof page);
        if (!aero_slice_is_zero(aero_slice_of(page, length))) {
            fold_number(folder, i);
            fold(folder, aero_checksum128(aero_slice_of(page, length)));
        }
    }
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
        fold_image(folder, &disk->inodes[i]->durable);
        fold_pending(folder, disk->inodes[i]);
    }
}

struct aero_u128 crash_fingerprint(const struct aero_sim_disk *disk, uint64_t salt)
{
    struct folder folder = {{0}};
    bool is_settled = aero_sim_disk_pending(disk) == 0;
    fold_number(&folder, salt);
    fold_number(&folder, is_settled);
    for (size_t i = 0; i < disk->current.count; i++) {
        const struct aero_sim_name *name = &disk->current.entries[i];
        fold(&folder, aero_checksum128(aero_slice_text(name->name)));
        fold_number(&folder, is_settled ? 0 : name->inode->index);
        fold_image(&folder, &name->inode->cache);
    }
    if (!is_settled) {
        fold_unsynced(&folder, disk);
    }
    return (struct aero_u128){.low = folder.words[0] | 1, .high = folder.words[1]};
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

static bool put(struct crash_seen *seen, struct aero_u128 name)
{
    size_t at = (size_t)name.high & (seen->capacity - 1);
    while (!is_free(seen->slots[at])) {
        if (aero_u128_equal(seen->slots[at], name)) {
            return false;
        }
        at = (at + 1) & (seen->capacity - 1);
    }
    seen->slots[at] = name;
    return true;
}

static void grow(struct crash_seen *seen)
{
    struct crash_seen larger = {.capacity = seen->capacity == 0 ? 4096 : 2 * seen->capacity};
    larger.slots = aero_calloc(larger.capacity, sizeof larger.slots[0]);
    for (size_t i = 0; i < seen->capacity; i++) {
        if (!is_free(seen->slots[i])) {
            AERO_ASSERT(put(&larger, seen->slots[i]));
        }
    }
    larger.count = seen->count;
    free(seen->slots);
    *seen = larger;
}

bool crash_seen_add(struct crash_seen *seen, struct aero_u128 name)
{
    if (2 * (seen->count + 1) > seen->capacity) {
        grow(seen);
    }
    bool is_new = put(seen, name);
    seen->count += is_new;
    return is_new;
}
