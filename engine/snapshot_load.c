/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a whole file and checking one that arrives in pieces: the same walk, fed differently. Bytes gather in one buffer
 * until it holds a whole block; what a block's verified head asks for bounds the buffer. */
#include <stdlib.h>

#include "base/assert.h"
#include "engine/snapshot_block_priv.h"

/* Large reads: a snapshot is bound by memory, not by calls. */
#define READ_BYTES ((size_t)1 << 20)

struct aero_snapshot_check {
    struct aero_snapshot_walk walk;
    struct aero_buffer bytes; /* what stands behind walk.offset */
    size_t need;              /* bytes that the next block takes, as far as is known */
    aero_status status;       /* once bad, always bad */
};

/* Takes every whole block that is there. */
static aero_status take_blocks(struct aero_snapshot_check *check)
{
    size_t done = 0;
    aero_status status = aero_ok();
    while (aero_is_ok(status) && done < check->bytes.length) {
        size_t taken = 0;
        struct aero_slice rest =
            aero_slice_of(check->bytes.data + done, check->bytes.length - done);
        status = aero_snapshot_walk_block(&check->walk, rest, &taken, &check->need);
        done += taken;
    }
    aero_buffer_consume(&check->bytes, done);
    return status.code == AERO_INCOMPLETE ? aero_ok() : status;
}

struct aero_snapshot_check *aero_snapshot_check_new(void)
{
    struct aero_snapshot_check *check = aero_calloc(1, sizeof *check);
    check->need = AERO_SNAPSHOT_HEAD_BYTES;
    return check;
}

void aero_snapshot_check_free(struct aero_snapshot_check *check)
{
    if (check != NULL) {
        aero_snapshot_walk_deinit(&check->walk);
        aero_buffer_deinit(&check->bytes);
        free(check);
    }
}

void aero_snapshot_check_entries(struct aero_snapshot_check *check,
                                 bool (*takes_entry)(struct aero_slice key,
                                                     struct aero_slice value))
{
    check->walk.takes_entry = takes_entry;
}

aero_status aero_snapshot_check_feed(struct aero_snapshot_check *check, struct aero_slice bytes)
{
    if (aero_is_ok(check->status)) {
        aero_buffer_append_slice(&check->bytes, bytes);
        if (check->bytes.length >= check->need || check->walk.done) {
            check->status = take_blocks(check);
        }
    }
    return check->status;
}

uint64_t aero_snapshot_check_verified(const struct aero_snapshot_check *check)
{
    return check->walk.offset;
}

bool aero_snapshot_check_done(const struct aero_snapshot_check *check)
{
    return aero_is_ok(check->status) && check->walk.done; /* what follows a trailer is corrupt */
}

const struct aero_snapshot_header *
aero_snapshot_check_header(const struct aero_snapshot_check *check)
{
    return check->walk.has_header ? &check->walk.header : NULL;
}

void aero_snapshot_header_deinit(struct aero_snapshot_header *header)
{
    aero_history_deinit(&header->history);
    *header = (struct aero_snapshot_header){0};
}

static aero_status read_blocks(struct aero_disk disk, struct aero_disk_file *file,
                               struct aero_snapshot_check *check)
{
    uint64_t offset = 0;
    for (;;) {
        AERO_ASSERT(check->need > check->bytes.length); /* else it had been taken */
        size_t need = check->need - check->bytes.length;
        size_t want = need > READ_BYTES ? need : READ_BYTES;
        size_t got = 0;
        uint8_t *to = aero_buffer_reserve(&check->bytes, want);
        AERO_TRY(disk.ops->read(disk.self, file, offset, to, want, &got));
        check->bytes.length += got;
        offset += got;
        AERO_TRY(take_blocks(check));
        if (got < want) {
            return aero_ok();
        }
    }
}

aero_status aero_snapshot_load(struct aero_disk disk, const char *name, struct aero_tree *tree,
                               struct aero_snapshot_header *out_header, uint64_t *out_bad_offset)
{
    struct aero_disk_file *file;
    AERO_ASSERT(aero_tree_summary(tree).count == 0);
    *out_bad_offset = 0;
    AERO_TRY(disk.ops->open(disk.self, name, AERO_DISK_READ, &file));
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    check->walk.tree = tree;
    aero_status status = read_blocks(disk, file, check);
    disk.ops->close(disk.self, file);
    if (aero_is_ok(status) && !aero_snapshot_check_done(check)) {
        status = aero_error(AERO_CORRUPT); /* ends early, or goes on behind its trailer */
    }
    *out_bad_offset = check->walk.offset;
    if (aero_is_ok(status)) {
        *out_header = check->walk.header;
        check->walk.header.history = (struct aero_history){0};
    }
    aero_snapshot_check_free(check);
    return status;
}

aero_status aero_snapshot_read_header(struct aero_disk disk, const char *name,
                                      struct aero_snapshot_header *out_header)
{
    struct aero_disk_file *file;
    AERO_TRY(disk.ops->open(disk.self, name, AERO_DISK_READ, &file));
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    aero_status status = aero_ok();
    uint64_t offset = 0;
    while (aero_is_ok(status) && !check->walk.has_header) {
        size_t want = check->need - check->bytes.length;
        size_t got = 0;
        uint8_t *to = aero_buffer_reserve(&check->bytes, want);
        status = disk.ops->read(disk.self, file, offset, to, want, &got);
        if (aero_is_ok(status)) {
            check->bytes.length += got;
            offset += got;
            status = got < want ? aero_error(AERO_CORRUPT) : take_blocks(check);
        }
    }
    disk.ops->close(disk.self, file);
    if (aero_is_ok(status)) {
        *out_header = check->walk.header;
        check->walk.header.history = (struct aero_history){0};
    }
    aero_snapshot_check_free(check);
    return status;
}
