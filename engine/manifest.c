/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest's file. Crash points: between any two of write, sync, write, sync one slot is durable and untouched:
 * the write begins with the slot that may not be. That is
 *
 *     the invalid one                  torn by the write that was under way, or rotten
 *     else the newer one               its write was under way: the older was durable before it began
 *     else the second of the two       the first had been synced before the second was begun
 *
 * Once both are written neither is dubious, so running cores always write slot 0 and then slot 1. */
#include "engine/manifest.h"

#include "base/assert.h"
#include "engine/disk_failure.h"

#define TEMPORARY "manifest.tmp"

struct slot {
    aero_status status;
    struct aero_manifest manifest;
    enum aero_manifest_copy copy;
};

/* Nearly every slot ends in its first piece; of a longer one, or one that begins with zeros, so many times more are read,
 * until it is whole. */
#define FIRST_PIECE_BYTES ((size_t)4 << 10)
#define PIECE_GROWTH ((size_t)32)

_Static_assert(FIRST_PIECE_BYTES *PIECE_GROWTH *PIECE_GROWTH == AERO_MANIFEST_SLOT_BYTES,
               "the last piece is the slot");

static aero_status read_piece(struct aero_disk disk, struct aero_disk_file *file, unsigned index,
                              size_t length, struct aero_buffer *bytes)
{
    aero_buffer_clear(bytes);
    uint8_t *to = aero_buffer_reserve(bytes, length);
    return disk.ops->read(disk.self, file, index * AERO_MANIFEST_SLOT_BYTES, to, length,
                          &bytes->length);
}

/* Only AERO_CRASHED is an error. */
static aero_status read_slot(struct aero_disk disk, struct aero_disk_file *file, unsigned index,
                             struct slot *out_slot, bool *out_present)
{
    struct aero_buffer bytes = {0};
    size_t length = FIRST_PIECE_BYTES;
    bool may_say_more;
    aero_status status;
    do {
        status = read_piece(disk, file, index, length, &bytes);
        out_slot->status = status;
        *out_present = true;
        if (aero_is_ok(status)) {
            *out_present = !aero_slice_is_zero(aero_buffer_slice(&bytes));
            out_slot->status = aero_manifest_decode(aero_buffer_slice(&bytes), &out_slot->manifest,
                                                    &out_slot->copy);
        }
        may_say_more = (out_slot->status.code == AERO_INCOMPLETE || !*out_present) &&
                       bytes.length == length && length < AERO_MANIFEST_SLOT_BYTES;
        length *= PIECE_GROWTH;
    } while (may_say_more);
    aero_buffer_deinit(&bytes);
    return status.code == AERO_CRASHED ? status : aero_ok();
}

static unsigned dubious_slot(const struct aero_manifest_found *found)
{
    if (!found->slot_valid[0] || !found->slot_valid[1]) {
        return found->slot_valid[0] ? 1 : 0;
    }
    if (found->generation[0] != found->generation[1]) {
        return found->generation[0] > found->generation[1] ? 0 : 1;
    }
    return found->copy[0] == AERO_MANIFEST_SECOND ? 0 : 1;
}

static aero_status read_slots(struct aero_disk disk, struct slot slots[2],
                              struct aero_manifest_found *found)
{
    struct aero_disk_file *file;
    AERO_TRY(disk.ops->open(disk.self, AERO_MANIFEST_FILE, AERO_DISK_READ, &file));
    aero_status status = aero_ok();
    for (unsigned i = 0; i < 2 && aero_is_ok(status); i++) {
        status = read_slot(disk, file, i, &slots[i], &found->slot_present[i]);
        found->slot_valid[i] = aero_is_ok(slots[i].status);
        if (found->slot_valid[i]) {
            found->generation[i] = slots[i].manifest.generation;
            found->copy[i] = slots[i].copy;
        }
    }
    disk.ops->close(disk.self, file);
    found->dubious = dubious_slot(found);
    return status;
}

static aero_status choose_slot(const struct aero_manifest_found *found, const struct slot slots[2],
                               unsigned *out_index)
{
    if (!found->slot_present[0] && !found->slot_present[1]) {
        return aero_error(AERO_NOT_FOUND);
    }
    /* What a newer version wrote may be newer than the slot that can be read: never guess. */
    if (slots[0].status.code == AERO_UNSUPPORTED || slots[1].status.code == AERO_UNSUPPORTED) {
        return aero_error(AERO_UNSUPPORTED);
    }
    if (!found->slot_valid[0] && !found->slot_valid[1]) {
        for (unsigned i = 0; i < 2; i++) {
            if (aero_disk_is_refusal(slots[i].status)) {
                return slots[i].status;
            }
        }
        return aero_error(AERO_CORRUPT);
    }
    bool second = !found->slot_valid[0] ||
                  (found->slot_valid[1] && found->generation[1] > found->generation[0]);
    *out_index = second ? 1 : 0;
    return aero_ok();
}

aero_status aero_manifest_read(struct aero_disk disk, struct aero_manifest *out_manifest,
                               struct aero_manifest_found *out_found)
{
    struct slot slots[2] = {{.status = {.code = AERO_INCOMPLETE}},
                            {.status = {.code = AERO_INCOMPLETE}}};
    struct aero_manifest_found found = {0};
    unsigned index = 0;
    aero_status status = read_slots(disk, slots, &found);
    if (aero_is_ok(status)) {
        status = choose_slot(&found, slots, &index);
    }
    if (aero_is_ok(status)) {
        *out_manifest = slots[index].manifest;
        slots[index].manifest = (struct aero_manifest){0};
        *out_found = found;
    }
    aero_manifest_deinit(&slots[0].manifest);
    aero_manifest_deinit(&slots[1].manifest);
    return status;
}

static aero_status write_slot(struct aero_disk disk, struct aero_disk_file *file, unsigned index,
                              const struct aero_manifest *manifest, enum aero_manifest_copy copy)
{
    struct aero_buffer bytes = {0};
    size_t written;
    aero_manifest_encode(manifest, copy, &bytes);
    aero_status status = disk.ops->write(disk.self, file, index * AERO_MANIFEST_SLOT_BYTES,
                                         aero_buffer_slice(&bytes), &written);
    aero_buffer_deinit(&bytes);
    AERO_TRY(status);
    return disk.ops->sync(disk.self, file);
}

static aero_status write_slots(struct aero_disk disk, const char *name, enum aero_disk_open how,
                               unsigned first, const struct aero_manifest *manifest)
{
    struct aero_disk_file *file;
    AERO_TRY(disk.ops->open(disk.self, name, how, &file));
    aero_status status = write_slot(disk, file, first, manifest, AERO_MANIFEST_FIRST);
    if (aero_is_ok(status)) {
        status = write_slot(disk, file, 1 - first, manifest, AERO_MANIFEST_SECOND);
    }
    disk.ops->close(disk.self, file);
    return status;
}

void aero_manifest_settle_damaged(struct aero_manifest *manifest)
{
    size_t kept = 0;
    for (size_t i = 0; i < manifest->damaged_count; i++) {
        uint64_t sequence = manifest->damaged_segments[i];
        if (sequence >= manifest->wal_floor_sequence) {
            manifest->damaged_segments[kept++] = sequence;
        }
    }
    manifest->damaged_count = kept;
}

static void raise_generation(struct aero_manifest *manifest,
                             const struct aero_manifest_found *found)
{
    for (unsigned i = 0; i < 2; i++) {
        if (found->slot_valid[i] && found->generation[i] > manifest->generation) {
            manifest->generation = found->generation[i];
        }
    }
    manifest->generation++;
}

aero_status aero_manifest_write(struct aero_disk disk, struct aero_manifest *manifest)
{
    struct slot slots[2] = {{.status = {.code = AERO_INCOMPLETE}},
                            {.status = {.code = AERO_INCOMPLETE}}};
    struct aero_manifest_found found = {0};
    aero_status status = read_slots(disk, slots, &found);
    aero_manifest_deinit(&slots[0].manifest);
    aero_manifest_deinit(&slots[1].manifest);
    if (aero_is_ok(status)) {
        raise_generation(manifest, &found);
        return write_slots(disk, AERO_MANIFEST_FILE, AERO_DISK_WRITE, found.dubious, manifest);
    }
    if (status.code != AERO_NOT_FOUND) {
        return status;
    }
    manifest->generation++;
    AERO_TRY(write_slots(disk, TEMPORARY, AERO_DISK_CREATE, 0, manifest));
    AERO_TRY(disk.ops->rename(disk.self, TEMPORARY, AERO_MANIFEST_FILE));
    return disk.ops->sync_directory(disk.self, "");
}

uint32_t aero_manifest_ops(struct aero_manifest *manifest, uint32_t handle, bool open_first,
                           struct aero_buffer *bytes,
                           struct aero_disk_op out_ops[AERO_MANIFEST_OPS_MAX])
{
    uint32_t count = 0;
    manifest->generation++;
    aero_buffer_clear(bytes);
    aero_manifest_encode(manifest, AERO_MANIFEST_FIRST, bytes);
    size_t length = bytes->length;
    aero_manifest_encode(manifest, AERO_MANIFEST_SECOND, bytes);
    AERO_ASSERT(bytes->length == 2 * length);
    if (open_first) {
        struct aero_disk_op open = {.kind = AERO_OP_OPEN, .how = AERO_DISK_WRITE, .handle = handle};
        memcpy(open.name, AERO_MANIFEST_FILE, sizeof AERO_MANIFEST_FILE);
        out_ops[count++] = open;
    }
    for (unsigned slot = 0; slot < 2; slot++) {
        out_ops[count++] = (struct aero_disk_op){
            .kind = AERO_OP_WRITE,
            .handle = handle,
            .offset = slot * AERO_MANIFEST_SLOT_BYTES,
            .bytes = aero_slice_of(bytes->data + slot * length, length),
        };
        out_ops[count++] = (struct aero_disk_op){.kind = AERO_OP_SYNC, .handle = handle};
    }
    return count;
}
