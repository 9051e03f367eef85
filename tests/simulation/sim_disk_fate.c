/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of un-synced writes.
 *
 * A sector passes through versions: the durable one, then one for each write that touched it. A cache writes pages back
 * whenever it likes, so at a crash the disk holds any one of them, each sector for itself. Truncations are metadata and
 * keep their order: where one is lost, what was written behind its end afterwards went to blocks that no inode names. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/sim_disk_priv.h"

static struct aero_sim_pending *add_pending(struct aero_sim_inode *inode)
{
    if (inode->pending_count == inode->pending_capacity) {
        inode->pending_capacity = inode->pending_capacity == 0 ? 8 : 2 * inode->pending_capacity;
        inode->pending =
            aero_realloc(inode->pending, inode->pending_capacity * sizeof inode->pending[0]);
    }
    struct aero_sim_pending *pending = &inode->pending[inode->pending_count++];
    memset(pending, 0, sizeof *pending);
    return pending;
}

void aero_sim_inode_wrote(struct aero_sim_inode *inode, uint64_t offset, size_t length,
                          const enum aero_sim_lie *lie)
{
    if (length == 0) {
        return;
    }
    struct aero_sim_pending *pending = add_pending(inode);
    pending->first_sector = offset / AERO_SIM_SECTOR_BYTES;
    pending->sector_count =
        (offset + length - 1) / AERO_SIM_SECTOR_BYTES - pending->first_sector + 1;
    pending->end = offset + length;
    size_t bytes = (size_t)pending->sector_count * AERO_SIM_SECTOR_BYTES;
    pending->sectors = aero_malloc(bytes);
    size_t read = aero_sim_image_read(&inode->cache, pending->first_sector * AERO_SIM_SECTOR_BYTES,
                                      pending->sectors, bytes);
    memset(pending->sectors + read, 0, bytes - read); /* the last sector behind the file's end */
    if (lie != NULL && *lie == AERO_SIM_LOST_WRITE) {
        pending->is_lost = true;
    } else if (lie != NULL) {
        pending->first_sector++;
        pending->end += AERO_SIM_SECTOR_BYTES;
    }
}

void aero_sim_inode_truncated(struct aero_sim_inode *inode, uint64_t length)
{
    struct aero_sim_pending *pending = add_pending(inode);
    pending->is_truncate = true;
    pending->end = length;
}

void aero_sim_inode_drop_pending(struct aero_sim_inode *inode)
{
    for (size_t i = 0; i < inode->pending_count; i++) {
        free(inode->pending[i].sectors);
    }
    inode->pending_count = 0;
}

/* Sector `index` of the write reaches the disk, `bytes` of it. Bytes behind the write's end are zero in the sector, and
 * the size of the file never grows over the write's end. */
static void land_sector(struct aero_sim_image *image, const struct aero_sim_pending *pending,
                        uint64_t index, size_t bytes)
{
    uint64_t offset = (pending->first_sector + index) * AERO_SIM_SECTOR_BYTES;
    uint64_t size_before = image->size_bytes;
    uint64_t size_after = offset + AERO_SIM_SECTOR_BYTES;
    if (size_after > pending->end) {
        size_after = pending->end;
    }
    if (size_after < size_before) {
        size_after = size_before;
    }
    aero_sim_image_write(image, offset, pending->sectors + index * AERO_SIM_SECTOR_BYTES, bytes);
    image->size_bytes = size_after;
}

/* All sectors of it, whole; the file ends where it did or where the write does. */
static void land_write(struct aero_sim_image *image, const struct aero_sim_pending *pending)
{
    uint64_t size = image->size_bytes > pending->end ? image->size_bytes : pending->end;
    if (!pending->is_lost) {
        aero_sim_image_write(image, pending->first_sector * AERO_SIM_SECTOR_BYTES, pending->sectors,
                             (size_t)pending->sector_count * AERO_SIM_SECTOR_BYTES);
    }
    image->size_bytes = size;
}

static void land_all(struct aero_sim_image *image, const struct aero_sim_inode *inode)
{
    for (size_t i = 0; i < inode->pending_count; i++) {
        if (inode->pending[i].is_truncate) {
            aero_sim_image_resize(image, inode->pending[i].end);
        } else {
            land_write(image, &inode->pending[i]);
        }
    }
}

void aero_sim_inode_sync(struct aero_sim_inode *inode)
{
    land_all(&inode->durable, inode);
    aero_sim_inode_drop_pending(inode);
}

void aero_sim_inode_evict(struct aero_sim_inode *inode)
{
    aero_sim_image_deinit(&inode->cache);
    aero_sim_image_copy(&inode->cache, &inode->durable);
    land_all(&inode->cache, inode);
}

/* How the power failure falls: the corner cases are drawn more often than independent sectors would give them. */
enum fall {
    FALL_NOTHING,  /* of this file reached the disk */
    FALL_ALL,      /* of it did */
    FALL_IN_ORDER, /* the first so many writes did, the next one up to some sector */
    FALL_SECTORS,  /* each sector for itself */
    FALL_COUNT,
};

struct fate {
    enum fall fall;
    size_t whole_writes;  /* FALL_IN_ORDER */
    uint64_t cut_sectors; /* of the write behind them */
    size_t first_lost_truncate;
    uint64_t lost_from; /* what was written at or behind this after that truncate is lost */
    uint32_t *version; /* FALL_SECTORS: of each sector from first_sector on; 0 is the durable one */
    uint64_t first_sector;
};

static size_t count_truncates(const struct aero_sim_inode *inode)
{
    size_t count = 0;
    for (size_t i = 0; i < inode->pending_count; i++) {
        count += inode->pending[i].is_truncate;
    }
    return count;
}

static void draw_truncates(struct aero_sim_disk *disk, const struct aero_sim_inode *inode,
                           struct fate *fate)
{
    size_t kept = 0;
    switch (fate->fall) {
    case FALL_NOTHING:
        break;
    case FALL_ALL:
        kept = inode->pending_count;
        break;
    case FALL_IN_ORDER:
        for (size_t i = 0; i < fate->whole_writes; i++) {
            kept += inode->pending[i].is_truncate;
        }
        break;
    default:
        kept = (size_t)aero_choice_below(disk->choice, count_truncates(inode) + 1);
    }
    fate->first_lost_truncate = inode->pending_count;
    fate->lost_from = UINT64_MAX;
    for (size_t i = 0; i < inode->pending_count; i++) {
        if (!inode->pending[i].is_truncate) {
            continue;
        }
        if (kept > 0) {
            kept--;
            continue;
        }
        if (fate->first_lost_truncate == inode->pending_count) {
            fate->first_lost_truncate = i;
        }
        if (inode->pending[i].end < fate->lost_from) {
            fate->lost_from = inode->pending[i].end;
        }
    }
}

/* In an enumeration, versions of a sector that hold the same bytes are one outcome: what is drawn is which of the
 * different ones is there, counted as the versions are. Zeros behind the end of a file are what is read there anyway. */
static uint32_t draw_distinct_version(struct aero_sim_disk *disk,
                                      const struct aero_sim_inode *inode, uint64_t sector)
{
    uint32_t versions[AERO_CHOICE_PATH_MAX] = {0};
    uint32_t distinct = 1;
    uint32_t version = 0;
    uint8_t newest[AERO_SIM_SECTOR_BYTES] = {0};
    aero_sim_image_read(&inode->durable, sector * AERO_SIM_SECTOR_BYTES, newest, sizeof newest);
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        if (sector - pending->first_sector >= pending->sector_count) {
            continue; /* a lower sector wraps around and is far away too */
        }
        const uint8_t *bytes =
            pending->sectors + (sector - pending->first_sector) * AERO_SIM_SECTOR_BYTES;
        version++;
        if (memcmp(bytes, newest, sizeof newest) != 0) {
            AERO_ASSERT(distinct < AERO_CHOICE_PATH_MAX);
            memcpy(newest, bytes, sizeof newest);
            versions[distinct++] = version;
        }
    }
    return versions[aero_choice_below(disk->choice, distinct)];
}

/* Counts the versions of each sector, then draws one of them. */
static void draw_versions(struct aero_sim_disk *disk, const struct aero_sim_inode *inode,
                          struct fate *fate)
{
    uint64_t first = UINT64_MAX;
    uint64_t end = 0;
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        if (!pending->is_truncate) {
            uint64_t last = pending->first_sector + pending->sector_count;
            first = pending->first_sector < first ? pending->first_sector : first;
            end = last > end ? last : end;
        }
    }
    fate->first_sector = first;
    size_t count = first < end ? (size_t)(end - first) : 0;
    fate->version = aero_calloc(count + 1, sizeof fate->version[0]);
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        for (uint64_t k = 0; k < pending->sector_count; k++) {
            fate->version[pending->first_sector + k - first]++;
        }
    }
    for (size_t k = 0; k < count; k++) {
        fate->version[k] = disk->choice->enumerating
                               ? draw_distinct_version(disk, inode, first + k)
                               : (uint32_t)aero_choice_below(disk->choice, fate->version[k] + 1U);
    }
}

static struct fate draw_fate(struct aero_sim_disk *disk, const struct aero_sim_inode *inode,
                             enum aero_sim_crash how)
{
    struct fate fate = {.fall = FALL_SECTORS};
    if (how == AERO_SIM_POWER_KEEP) {
        fate.fall = FALL_ALL;
    } else if (how == AERO_SIM_POWER_LOSE) {
        fate.fall = FALL_NOTHING;
    } else if (!disk->choice->enumerating) {
        fate.fall = (enum fall)aero_choice_below(disk->choice, FALL_COUNT);
    }
    if (fate.fall == FALL_IN_ORDER) {
        fate.whole_writes = (size_t)aero_choice_below(disk->choice, inode->pending_count);
        const struct aero_sim_pending *cut = &inode->pending[fate.whole_writes];
        fate.cut_sectors = aero_choice_below(disk->choice, cut->sector_count + 1);
    }
    if (fate.fall == FALL_SECTORS) {
        draw_versions(disk, inode, &fate);
    }
    draw_truncates(disk, inode, &fate);
    return fate;
}

/* Whether write `index` leaves its mark in `sector`. The versions are counted down as the writes go by. */
static bool lands(struct fate *fate, const struct aero_sim_pending *pending, size_t index,
                  uint64_t sector)
{
    bool is_version = false;
    if (fate->fall == FALL_SECTORS) {
        uint32_t *version = &fate->version[sector - fate->first_sector];
        is_version = *version > 0 && --*version == 0;
    }
    bool behind_lost_truncate =
        index > fate->first_lost_truncate && (sector + 1) * AERO_SIM_SECTOR_BYTES > fate->lost_from;
    if (pending->is_lost || behind_lost_truncate) {
        return false;
    }
    switch (fate->fall) {
    case FALL_ALL:
        return true;
    case FALL_IN_ORDER:
        return index < fate->whole_writes ||
               (index == fate->whole_writes && sector < pending->first_sector + fate->cut_sectors);
    case FALL_SECTORS:
        return is_version;
    default:
        return false;
    }
}

static size_t draw_sector_bytes(struct aero_sim_disk *disk)
{
    bool tears = disk->sectors_tear && aero_choice_chance(disk->choice, 100000);
    return tears ? (size_t)aero_choice_below(disk->choice, AERO_SIM_SECTOR_BYTES)
                 : AERO_SIM_SECTOR_BYTES;
}

/* Where the file would end after the first `wanted` of those un-synced writes that made it longer than it is on the disk;
 * returns how many of them there are, up to `wanted`. */
static size_t find_end(const struct aero_sim_inode *inode, size_t wanted, uint64_t *out_end)
{
    size_t found = 0;
    size_t first = inode->pending_count;
    while (first > 0 && !inode->pending[first - 1].is_truncate) {
        first--;
    }
    *out_end = inode->durable.size_bytes;
    for (size_t i = first; i < inode->pending_count && found < wanted; i++) {
        if (inode->pending[i].end > *out_end) {
            *out_end = inode->pending[i].end;
            found++;
        }
    }
    return found;
}

/* A file may have grown without its data: what is missing then reads as zeros. */
static void draw_size(struct aero_sim_disk *disk, struct aero_sim_inode *inode,
                      const struct fate *fate)
{
    uint64_t end;
    size_t growths = find_end(inode, SIZE_MAX, &end);
    if (fate->fall == FALL_NOTHING || fate->first_lost_truncate < inode->pending_count ||
        growths == 0) {
        return;
    }
    if (disk->choice->enumerating) {
        (void)find_end(inode, (size_t)aero_choice_below(disk->choice, growths + 1), &end);
        inode->durable.size_bytes = end;
    } else if (aero_choice_below(disk->choice, 4) == 3) {
        inode->durable.size_bytes = end;
    }
}

void aero_sim_inode_settle(struct aero_sim_disk *disk, struct aero_sim_inode *inode,
                           enum aero_sim_crash how)
{
    if (inode->pending_count == 0) {
        return;
    }
    struct fate fate = draw_fate(disk, inode, how);
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        if (pending->is_truncate) {
            if (i < fate.first_lost_truncate) {
                aero_sim_image_resize(&inode->durable, pending->end);
            }
            continue;
        }
        for (uint64_t k = 0; k < pending->sector_count; k++) {
            if (lands(&fate, pending, i, pending->first_sector + k)) {
                land_sector(&inode->durable, pending, k, draw_sector_bytes(disk));
            }
        }
    }
    draw_size(disk, inode, &fate);
    free(fate.version);
    aero_sim_inode_drop_pending(inode);
}

void aero_sim_inode_fail_writeback(struct aero_sim_disk *disk, struct aero_sim_inode *inode)
{
    aero_sim_inode_settle(disk, inode, AERO_SIM_POWER);
    inode->error_number++;
    inode->error_unseen = true;
}
