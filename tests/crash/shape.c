/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/shape.h"

#include <ctype.h>

#include "base/slice.h"
#include "tests/simulation/sim_disk_priv.h"

static void fold(struct crash_shape *shape, uint64_t a, uint64_t b)
{
    const uint64_t words[] = {shape->name.low, shape->name.high, a, b};
    shape->name = aero_checksum128(aero_slice_of(words, sizeof words));
}

static uint64_t sectors(uint64_t bytes)
{
    return (bytes + AERO_SIM_SECTOR_BYTES - 1) / AERO_SIM_SECTOR_BYTES;
}

/* Sequences, incarnations and LSNs are hexadecimal in names; what is left tells one kind of file from another. */
static void fold_kind(struct crash_shape *shape, const char *name)
{
    uint64_t kind = 0;
    for (; name != NULL && *name != '\0'; name++) {
        if (!isxdigit((unsigned char)*name)) {
            kind = 31 * kind + (unsigned char)*name;
        }
    }
    fold(shape, kind, 0);
}

static void fold_file(struct crash_shape *shape, const struct aero_sim_inode *inode)
{
    fold(shape, sectors(inode->cache.size_bytes), sectors(inode->durable.size_bytes));
    fold(shape, inode->cache.page_count, inode->pending_count);
    for (size_t i = 0; i < inode->pending_count; i++) {
        const struct aero_sim_pending *pending = &inode->pending[i];
        fold(shape, pending->is_truncate, sectors(pending->end));
        fold(shape, pending->first_sector, pending->sector_count);
    }
}

/* Names come in order. */
static void fold_name(struct crash_shape *shape, const struct aero_sim_name *name)
{
    fold_kind(shape, name->name);
    fold(shape, name->inode == NULL ? UINT64_MAX : name->inode->index, 0);
    if (name->inode != NULL) {
        fold_file(shape, name->inode);
    }
}

void crash_shape_begin(struct crash_shape *shape, const struct aero_sim_disk *disk)
{
    *shape = (struct crash_shape){{0}};
    fold(shape, disk->current.count, disk->change_count);
    for (size_t i = 0; i < disk->current.count; i++) {
        fold_name(shape, &disk->current.entries[i]);
    }
    for (size_t i = 0; i < disk->durable.count; i++) {
        fold_name(shape, &disk->durable.entries[i]);
    }
    for (size_t i = 0; i < disk->change_count; i++) {
        for (uint32_t k = 0; k < disk->changes[i].set_count; k++) {
            fold_name(shape, &disk->changes[i].set[k]);
        }
    }
}

void crash_shape_change(struct crash_shape *shape, const struct crash_change *change)
{
    fold(shape, change->kind, change->offset / AERO_SIM_SECTOR_BYTES);
    fold(shape, sectors(change->bytes.length), 0);
    fold_kind(shape, change->name);
    fold_kind(shape, change->name_to);
}

void crash_shape_end(struct crash_shape *shape, const struct crash_result *result, uint64_t low)
{
    const struct aero_recovery_report *report = &result->report;
    fold(shape, report->verdict, sectors(report->cut_bytes));
    fold(shape, report->older_snapshot_used, report->manifest_slot_rewritten);
    fold(shape, result->end.lsn.value - low, result->end.lsn.value - report->proven_through.value);
    fold_kind(shape, report->evidence);
}
