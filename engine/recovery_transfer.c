/* SPDX-License-Identifier: Apache-2.0 */
/* What a replica has of a snapshot that was on its way when its process ended, up to the last verified block.
 *
 * Whoever wrote it can tell nobody any more which pages came to the disk, and one that did not may still read well. So what
 * is kept is written anew, in place and with the same bytes, and synced, as the log's last segment is (decision 2). Crash
 * points: any; the next start finds the same blocks, or fewer. Nothing rests on them: where the disk refuses to write them
 * there is no transfer, and its file is a leftover. */
#include <stdlib.h>

#include "engine/recovery_priv.h"

#define PIECE_BYTES ((uint64_t)1 << 20)

struct walk {
    struct aero_recovery *r;
    struct aero_disk_file *file;
    struct aero_snapshot_check *check;
    bool write_anew;
};

static aero_status walk_piece(struct walk *walk, uint64_t at, uint8_t *piece, size_t length)
{
    const struct aero_disk disk = walk->r->disk;
    size_t count;
    AERO_TRY(disk.ops->read(disk.self, walk->file, at, piece, length, &count));
    if (count != length) {
        return aero_error(AERO_IO);
    }
    const struct aero_slice bytes = aero_slice_of(piece, length);
    AERO_TRY(aero_snapshot_check_feed(walk->check, bytes));
    return walk->write_anew ? disk.ops->write(disk.self, walk->file, at, bytes, &count) : aero_ok();
}

static aero_status walk_to(struct walk *walk, uint64_t end)
{
    uint8_t *piece = aero_malloc(PIECE_BYTES);
    aero_status status = aero_ok();
    for (uint64_t at = 0; aero_is_ok(status) && at < end; at += PIECE_BYTES) {
        uint64_t rest = end - at;
        aero_recovery_tell(walk->r, "transfer", at, end);
        status = walk_piece(walk, at, piece, (size_t)(rest < PIECE_BYTES ? rest : PIECE_BYTES));
    }
    free(piece);
    return status;
}

/* The end of the last whole block that can be read and verifies; what follows it may be torn, or of an older transfer. */
static aero_status find_end(struct aero_recovery *r, struct aero_disk_file *file, uint64_t *out_end)
{
    uint64_t size;
    AERO_TRY(r->disk.ops->size(r->disk.self, file, &size));
    struct walk walk = {.r = r, .file = file, .check = aero_snapshot_check_new()};
    aero_status status = walk_to(&walk, size);
    *out_end = aero_snapshot_check_verified(walk.check);
    aero_snapshot_check_free(walk.check);
    return status.code == AERO_CRASHED ? status : aero_ok();
}

static aero_status make_durable(struct aero_recovery *r, struct aero_disk_file *file, uint64_t end)
{
    struct walk walk = {
        .r = r, .file = file, .check = aero_snapshot_check_new(), .write_anew = true};
    aero_status status = walk_to(&walk, end);
    if (aero_is_ok(status)) {
        status = r->disk.ops->truncate(r->disk.self, file, end);
    }
    if (aero_is_ok(status)) {
        status = r->disk.ops->sync(r->disk.self, file);
    }
    if (!aero_is_ok(status)) {
        aero_snapshot_check_free(walk.check);
        return status;
    }
    r->transfer = walk.check;
    return status;
}

aero_status aero_recovery_keep_transfer(struct aero_recovery *r)
{
    struct aero_disk_file *file;
    uint64_t end = 0;
    if (r->manifest.role != AERO_ROLE_REPLICA) {
        return aero_ok();
    }
    aero_status status =
        r->disk.ops->open(r->disk.self, AERO_SNAPSHOT_INCOMING, AERO_DISK_WRITE, &file);
    if (aero_is_ok(status)) {
        status = find_end(r, file, &end);
        if (aero_is_ok(status) && end > 0) {
            status = make_durable(r, file, end);
        }
        r->disk.ops->close(r->disk.self, file);
    }
    return status.code == AERO_CRASHED ? status : aero_ok();
}
