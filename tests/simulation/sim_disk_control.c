/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's side of the disk: its life, crashes, faults on order, latent damage, and what checkers may see. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_disk_priv.h"

/* ---- Life ---------------------------------------------------------------------------------------------------- */

void aero_sim_inode_changed(struct aero_sim_disk *disk, struct aero_sim_inode *inode)
{
    inode->version = ++disk->versions;
}

struct aero_sim_inode *aero_sim_inode_new(struct aero_sim_disk *disk, bool is_directory)
{
    struct aero_sim_inode *inode = aero_calloc(1, sizeof *inode);
    inode->is_directory = is_directory;
    inode->broken_sector = AERO_SIM_NO_SECTOR;
    aero_sim_inode_changed(disk, inode);
    if (disk->inode_count == disk->inode_capacity) {
        disk->inode_capacity = disk->inode_capacity == 0 ? 16 : 2 * disk->inode_capacity;
        disk->inodes = aero_realloc(disk->inodes, disk->inode_capacity * sizeof disk->inodes[0]);
    }
    inode->index = (uint32_t)disk->inode_count;
    disk->inodes[disk->inode_count++] = inode;
    return inode;
}

void aero_sim_inode_release(struct aero_sim_disk *disk, struct aero_sim_inode *inode)
{
    AERO_ASSERT(inode->references > 0);
    if (--inode->references > 0) {
        return;
    }
    disk->used_pages -= inode->cache.page_count;
    struct aero_sim_inode *last = disk->inodes[--disk->inode_count];
    disk->inodes[inode->index] = last;
    last->index = inode->index;
    aero_sim_inode_drop_pending(inode);
    free(inode->pending);
    aero_sim_image_deinit(&inode->cache);
    aero_sim_image_deinit(&inode->durable);
    free(inode);
}

struct aero_sim_disk *aero_sim_disk_new(const struct aero_sim_disk_options *options,
                                        struct aero_choice *choice, struct aero_sim_trace *trace)
{
    struct aero_sim_disk *disk = aero_calloc(1, sizeof *disk);
    AERO_ASSERT(strlen(options->name) < sizeof disk->name);
    memcpy(disk->name, options->name, strlen(options->name) + 1);
    disk->capacity_bytes = options->capacity_bytes;
    disk->names_in_order = options->names_in_order;
    disk->sectors_tear = options->sectors_tear;
    disk->choice = choice;
    disk->trace = trace;
    return disk;
}

static void drop_changes(struct aero_sim_disk *disk)
{
    for (size_t i = 0; i < disk->change_count; i++) {
        for (uint32_t k = 0; k < disk->changes[i].set_count; k++) {
            if (disk->changes[i].set[k].inode != NULL) {
                aero_sim_inode_release(disk, disk->changes[i].set[k].inode);
            }
        }
    }
    free(disk->changes);
}

void aero_sim_disk_free(struct aero_sim_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    for (size_t i = 0; i < disk->file_count; i++) {
        AERO_ASSERT(disk->files[i]->inode == NULL); /* else somebody forgot to close it */
        free(disk->files[i]);
    }
    free(disk->files);
    drop_changes(disk);
    aero_sim_names_clear(disk, &disk->current);
    aero_sim_names_clear(disk, &disk->durable);
    AERO_ASSERT(disk->inode_count == 0);
    free(disk->inodes);
    free(disk);
}

static void clone_inode(struct aero_sim_disk *clone, const struct aero_sim_inode *from)
{
    struct aero_sim_inode *inode = aero_sim_inode_new(clone, from->is_directory);
    aero_sim_image_copy(&inode->cache, &from->cache);
    aero_sim_image_copy(&inode->durable, &from->durable);
    clone->used_pages += inode->cache.page_count;
    inode->broken_sector = from->broken_sector;
    if (from->pending_count == 0) {
        return;
    }
    inode->pending = aero_calloc(from->pending_count, sizeof inode->pending[0]);
    inode->pending_capacity = from->pending_count;
    inode->pending_count = from->pending_count;
    for (size_t i = 0; i < from->pending_count; i++) {
        inode->pending[i] = from->pending[i];
        if (!from->pending[i].is_truncate) {
            size_t bytes = (size_t)from->pending[i].sector_count * AERO_SIM_SECTOR_BYTES;
            inode->pending[i].sectors = aero_malloc(bytes);
            memcpy(inode->pending[i].sectors, from->pending[i].sectors, bytes);
        }
    }
}

struct aero_sim_disk *aero_sim_disk_clone(const struct aero_sim_disk *disk,
                                          struct aero_choice *choice)
{
    struct aero_sim_disk_options options = {
        .name = disk->name,
        .capacity_bytes = disk->capacity_bytes,
        .names_in_order = disk->names_in_order,
        .sectors_tear = disk->sectors_tear,
    };
    struct aero_sim_disk *clone = aero_sim_disk_new(&options, choice, NULL);
    for (size_t i = 0; i < disk->inode_count; i++) {
        clone_inode(clone, disk->inodes[i]);
        clone->inodes[i]->references = 1; /* ours, until all others have theirs */
    }
    aero_sim_names_copy(&clone->current, &disk->current, clone->inodes);
    aero_sim_names_copy(&clone->durable, &disk->durable, clone->inodes);
    clone->changes = aero_calloc(disk->change_count + 1, sizeof clone->changes[0]);
    clone->change_capacity = disk->change_count + 1;
    clone->change_count = disk->change_count;
    for (size_t i = 0; i < disk->change_count; i++) {
        clone->changes[i] = disk->changes[i];
        for (uint32_t k = 0; k < clone->changes[i].set_count; k++) {
            struct aero_sim_name *set = &clone->changes[i].set[k];
            if (set->inode != NULL) {
                set->inode = clone->inodes[set->inode->index];
                set->inode->references++;
            }
        }
    }
    for (size_t i = clone->inode_count; i-- > 0;) {
        aero_sim_inode_release(clone, clone->inodes[i]);
    }
    return clone;
}

void aero_sim_disk_swap(struct aero_sim_disk *disk, struct aero_sim_disk *other)
{
    struct aero_sim_disk kept = *disk;
    disk->inodes = other->inodes;
    disk->inode_count = other->inode_count;
    disk->inode_capacity = other->inode_capacity;
    disk->used_pages = other->used_pages;
    disk->current = other->current;
    disk->durable = other->durable;
    disk->changes = other->changes;
    disk->change_count = other->change_count;
    disk->change_capacity = other->change_capacity;
    other->inodes = kept.inodes;
    other->inode_count = kept.inode_count;
    other->inode_capacity = kept.inode_capacity;
    other->used_pages = kept.used_pages;
    other->current = kept.current;
    other->durable = kept.durable;
    other->changes = kept.changes;
    other->change_count = kept.change_count;
    other->change_capacity = kept.change_capacity;
    for (size_t i = 0; i < disk->inode_count; i++) {
        aero_sim_inode_changed(disk, disk->inodes[i]);
    }
}

/* ---- Crashes and faults -------------------------------------------------------------------------------------- */

uint64_t aero_sim_disk_changes(const struct aero_sim_disk *disk)
{
    return disk->change_number;
}

/* Who died does not close; what it had open stays as a husk, so that a late close finds something. */
static void forget_handles(struct aero_sim_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i]->inode != NULL) {
            aero_sim_inode_release(disk, disk->files[i]->inode);
            disk->files[i]->inode = NULL;
        }
    }
}

static void forget_caches(struct aero_sim_disk *disk)
{
    for (size_t i = 0; i < disk->inode_count; i++) {
        if (aero_choice_below(disk->choice, 4) == 3) {
            aero_sim_inode_evict(disk->inodes[i]);
            aero_sim_inode_changed(disk, disk->inodes[i]);
            disk->inodes[i]->error_unseen = false;
        }
    }
}

static void lose_power(struct aero_sim_disk *disk, enum aero_sim_crash how)
{
    for (size_t i = 0; i < disk->inode_count; i++) {
        struct aero_sim_inode *inode = disk->inodes[i];
        aero_sim_inode_settle(disk, inode, how);
        aero_sim_inode_evict(inode);
        aero_sim_inode_changed(disk, inode);
        inode->error_unseen = false;
    }
    aero_sim_names_crash(disk, how);
    disk->name_changes++;
}

void aero_sim_disk_crash(struct aero_sim_disk *disk, enum aero_sim_crash how)
{
    static const char *const text[] = {
        [AERO_SIM_KILL] = "killed",
        [AERO_SIM_POWER] = "power lost",
        [AERO_SIM_POWER_KEEP] = "power lost, everything kept",
        [AERO_SIM_POWER_LOSE] = "power lost, everything un-synced lost",
    };
    aero_sim_trace_event(disk->trace, disk->name, "%s before change %llu, %llu un-synced",
                         text[how], (unsigned long long)disk->change_number,
                         (unsigned long long)aero_sim_disk_pending(disk));
    disk->crashed = true;
    disk->crash_at = 0;
    disk->life++;
    forget_handles(disk);
    if (how == AERO_SIM_KILL) {
        forget_caches(disk);
    } else {
        lose_power(disk, how);
    }
    disk->used_pages = 0;
    for (size_t i = 0; i < disk->inode_count; i++) {
        disk->used_pages += disk->inodes[i]->cache.page_count;
    }
}

void aero_sim_disk_crash_at(struct aero_sim_disk *disk, uint64_t change, enum aero_sim_crash how)
{
    disk->crash_at = change;
    disk->crash_how = how;
}

bool aero_sim_disk_is_crashed(const struct aero_sim_disk *disk)
{
    return disk->crashed;
}

void aero_sim_disk_restart(struct aero_sim_disk *disk)
{
    disk->crashed = false;
}

void aero_sim_disk_fail_call(struct aero_sim_disk *disk, enum aero_sim_call call, uint64_t nth,
                             int sys_errno)
{
    AERO_ASSERT(nth >= 1);
    for (size_t i = 0; i < AERO_SIM_FAULTS_MAX; i++) {
        if (disk->faults[i].countdown == 0) {
            disk->faults[i] = (struct aero_sim_fault){call, nth, sys_errno};
            return;
        }
    }
}

void aero_sim_disk_fail_often(struct aero_sim_disk *disk, enum aero_sim_call call,
                              uint32_t millionths, int sys_errno)
{
    disk->often[call].millionths = millionths;
    disk->often[call].sys_errno = sys_errno;
}

void aero_sim_disk_fail_writeback(struct aero_sim_disk *disk)
{
    for (size_t i = 0; i < disk->inode_count; i++) {
        if (disk->inodes[i]->pending_count > 0) {
            aero_sim_inode_fail_writeback(disk, disk->inodes[i]);
        }
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk write-back fails");
}

void aero_sim_disk_fail_writeback_at(struct aero_sim_disk *disk, uint64_t change)
{
    disk->writeback_fails_at = change;
}

void aero_sim_disk_lie_at(struct aero_sim_disk *disk, enum aero_sim_lie lie, uint64_t nth)
{
    disk->lie = lie;
    disk->lie_countdown = nth;
}

void aero_sim_disk_heal(struct aero_sim_disk *disk)
{
    memset(disk->faults, 0, sizeof disk->faults);
    memset(disk->often, 0, sizeof disk->often);
    disk->lie_countdown = 0;
    disk->writeback_fails_at = 0;
    for (size_t i = 0; i < disk->inode_count; i++) {
        disk->inodes[i]->error_unseen = false;
    }
}

void aero_sim_disk_set_capacity(struct aero_sim_disk *disk, uint64_t capacity_bytes)
{
    disk->capacity_bytes = capacity_bytes;
}

/* ---- Latent damage and checkers ------------------------------------------------------------------------------ */

static struct aero_sim_inode *find_file(const struct aero_sim_disk *disk, const char *name)
{
    struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, name);
    return inode != NULL && !inode->is_directory ? inode : NULL;
}

bool aero_sim_disk_flip_bit(struct aero_sim_disk *disk, const char *name, uint64_t offset,
                            uint32_t bit)
{
    AERO_ASSERT(bit < 8);
    struct aero_sim_inode *inode = find_file(disk, name);
    if (inode == NULL || offset >= inode->cache.size_bytes) {
        return false;
    }
    struct aero_sim_image *images[2] = {&inode->cache, &inode->durable};
    aero_sim_inode_changed(disk, inode);
    for (int i = 0; i < 2; i++) {
        uint8_t byte;
        if (aero_sim_image_read(images[i], offset, &byte, 1) == 1) {
            byte = (uint8_t)(byte ^ 1U << bit);
            aero_sim_image_write(images[i], offset, &byte, 1);
        }
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk bit %u of byte %llu of %s flips", bit,
                         (unsigned long long)offset, name);
    return true;
}

bool aero_sim_disk_zero_sector(struct aero_sim_disk *disk, const char *name, uint64_t sector)
{
    static const uint8_t zeros[AERO_SIM_SECTOR_BYTES];
    struct aero_sim_inode *inode = find_file(disk, name);
    uint64_t offset = sector * AERO_SIM_SECTOR_BYTES;
    if (inode == NULL || offset >= inode->cache.size_bytes) {
        return false;
    }
    struct aero_sim_image *images[2] = {&inode->cache, &inode->durable};
    aero_sim_inode_changed(disk, inode);
    for (int i = 0; i < 2; i++) {
        uint64_t size = images[i]->size_bytes;
        if (offset < size) {
            uint64_t rest = size - offset;
            aero_sim_image_write(images[i], offset, zeros,
                                 rest < sizeof zeros ? (size_t)rest : sizeof zeros);
        }
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk sector %llu of %s becomes zero",
                         (unsigned long long)sector, name);
    return true;
}

bool aero_sim_disk_break_sector(struct aero_sim_disk *disk, const char *name, uint64_t sector)
{
    struct aero_sim_inode *inode = find_file(disk, name);
    if (inode == NULL || sector * AERO_SIM_SECTOR_BYTES >= inode->cache.size_bytes) {
        return false;
    }
    inode->broken_sector = sector;
    aero_sim_trace_event(disk->trace, disk->name, "disk sector %llu of %s cannot be read",
                         (unsigned long long)sector, name);
    return true;
}

bool aero_sim_disk_peek_range(const struct aero_sim_disk *disk, const char *name, bool durable,
                              uint64_t offset, size_t length, struct aero_buffer *out_bytes)
{
    const struct aero_sim_inode *inode =
        aero_sim_names_find(durable ? &disk->durable : &disk->current, name);
    if (inode == NULL || inode->is_directory) {
        return false;
    }
    const struct aero_sim_image *image = durable ? &inode->durable : &inode->cache;
    if (offset < image->size_bytes) {
        uint64_t rest = image->size_bytes - offset;
        length = rest < length ? (size_t)rest : length;
        uint8_t *to = aero_buffer_reserve(out_bytes, length);
        out_bytes->length += aero_sim_image_read(image, offset, to, length);
    }
    return true;
}

bool aero_sim_disk_peek(const struct aero_sim_disk *disk, const char *name, bool durable,
                        struct aero_buffer *out_bytes)
{
    return aero_sim_disk_peek_range(disk, name, durable, 0, SIZE_MAX, out_bytes);
}

uint64_t aero_sim_disk_version(const struct aero_sim_disk *disk, const char *name)
{
    const struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, name);
    return inode == NULL ? 0 : inode->version;
}

void aero_sim_disk_peek_names(const struct aero_sim_disk *disk, bool durable,
                              struct aero_buffer *out_entries)
{
    const struct aero_sim_names *names = durable ? &disk->durable : &disk->current;
    for (size_t i = 0; i < names->count; i++) {
        const struct aero_sim_inode *inode = names->entries[i].inode;
        if (!inode->is_directory) {
            aero_sim_append_entry(out_entries, names->entries[i].name,
                                  durable ? inode->durable.size_bytes : inode->cache.size_bytes,
                                  false);
        }
    }
}

uint64_t aero_sim_disk_pending(const struct aero_sim_disk *disk)
{
    uint64_t pending = disk->change_count;
    for (size_t i = 0; i < disk->inode_count; i++) {
        pending += disk->inodes[i]->pending_count;
    }
    return pending;
}

uint64_t aero_sim_disk_name_changes(const struct aero_sim_disk *disk)
{
    return disk->name_changes;
}

uint64_t aero_sim_disk_open_files(const struct aero_sim_disk *disk)
{
    uint64_t count = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        count += disk->files[i]->inode != NULL;
    }
    return count;
}

uint64_t aero_sim_disk_used_bytes(const struct aero_sim_disk *disk)
{
    return disk->used_pages * AERO_SIM_PAGE_BYTES;
}
