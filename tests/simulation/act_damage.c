/* SPDX-License-Identifier: Apache-2.0 */
/* Disks do wrong and say nothing.
 *
 * damage: a bit, a sector or a block of a file at rest changes, or a sector cannot be read any more. Only in what the node can
 * prove to have been durable: below that place in the log (the file `durable` says so, docs/formats.md) a wrong answer has
 * no excuse. What lies behind it is the residual risk that decision 16 names, and the lies below are that.
 * lie: a write is acknowledged and never happens, or happens one sector off; or a read brings something else than what is there,
 * once. A node may find records missing then that
 * it had told of; world.h's `forked` says what is still promised. */
#include <string.h>

#include "base/checksum.h"
#include "base/le.h"
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define SEGMENT_HEADER_BYTES 4096U
#define PROOF_SLOT_BYTES 4096U
#define PROOF_BYTES 104U
#define MANIFEST_SLOT_BYTES ((uint64_t)4 << 20)
#define MANIFEST_HEAD_BYTES 48U
#define BLOCK_SECTORS 8U

struct range {
    uint64_t from;
    uint64_t to;
};

struct place {
    uint64_t sequence;
    uint64_t offset;
};

/* How far the log is proven, by a look of our own at the file `durable`, as it would be after the power went. */
static struct place proven_end(const struct aero_sim_node *node)
{
    struct place end = {0};
    struct aero_buffer bytes = {0};
    uint64_t newest = 0;
    (void)aero_sim_disk_peek(node->disk, "durable", true, &bytes);
    for (size_t at = 0; at + PROOF_BYTES <= bytes.length; at += PROOF_SLOT_BYTES) {
        const uint8_t *slot = bytes.data + at;
        if (memcmp(slot, "AERODUR1", 8) == 0 &&
            aero_checksum64(aero_slice_of(slot, 96)) == aero_load_u64(slot + 96) &&
            aero_load_u64(slot + 16) > newest) {
            newest = aero_load_u64(slot + 16);
            end = (struct place){aero_load_u64(slot + 24), aero_load_u64(slot + 48)};
        }
    }
    aero_buffer_deinit(&bytes);
    return end;
}

/* Header and records of a segment as far as they are proven; empty: none of it. */
static struct range range_of_segment(const struct aero_sim_node *node,
                                     const struct aero_buffer *bytes)
{
    struct range none = {0};
    if (bytes->length < SEGMENT_HEADER_BYTES || memcmp(bytes->data, "AEROSEG1", 8) != 0) {
        return none;
    }
    struct place end = proven_end(node);
    uint64_t sequence = aero_load_u64(bytes->data + 56);
    if (sequence > end.sequence) {
        return none;
    }
    uint64_t logical = aero_check_prefix_length(bytes);
    uint64_t to = sequence < end.sequence || end.offset > logical ? logical : end.offset;
    return (struct range){0, to};
}

static struct range range_of_manifest(struct aero_sim_world *world,
                                      const struct aero_sim_node *node)
{
    struct aero_buffer head = {0};
    struct range range = {0};
    uint64_t slot = aero_choice_below(&world->choice, 2) * MANIFEST_SLOT_BYTES;
    if (aero_sim_disk_peek_range(node->disk, "manifest", true, slot, MANIFEST_HEAD_BYTES, &head) &&
        head.length == MANIFEST_HEAD_BYTES && memcmp(head.data, "AEROMAN1", 8) == 0) {
        range.from = slot;
        range.to = slot + MANIFEST_HEAD_BYTES + aero_load_u64(head.data + 24);
    }
    aero_buffer_deinit(&head);
    return range;
}

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static bool ends(const char *name, const char *with)
{
    size_t length = strlen(name);
    return length >= strlen(with) && strcmp(name + length - strlen(with), with) == 0;
}

/* The bytes of this file that mean something and are on the disk. */
static struct range range_of(struct aero_sim_world *world, const struct aero_sim_node *node,
                             const char *name)
{
    struct aero_buffer bytes = {0};
    struct range range = {0};
    bool is_segment = begins(name, "wal/") && ends(name, ".seg");
    bool is_snapshot = begins(name, "snapshots/") && ends(name, ".snap");
    if (strcmp(name, "manifest") == 0) {
        range = range_of_manifest(world, node);
    } else if ((is_segment || is_snapshot) && aero_sim_disk_peek(node->disk, name, true, &bytes)) {
        range = is_segment ? range_of_segment(node, &bytes) : (struct range){0, bytes.length};
    }
    aero_buffer_deinit(&bytes);
    return range;
}

/* One draw of a file: most of the time there is something in it to break. */
static bool draw_file(struct aero_sim_world *world, const struct aero_sim_node *node,
                      char out_name[AERO_DISK_NAME_MAX], struct range *out_range)
{
    struct aero_buffer names = {0};
    aero_sim_disk_peek_names(node->disk, true, &names);
    size_t count = names.length / sizeof(struct aero_disk_entry);
    bool found = false;
    if (count > 0) {
        struct aero_disk_entry entry;
        size_t chosen = (size_t)aero_choice_below(&world->choice, count);
        memcpy(&entry, names.data + chosen * sizeof entry, sizeof entry);
        memcpy(out_name, entry.name, sizeof entry.name);
        *out_range = range_of(world, node, entry.name);
        found = out_range->from < out_range->to;
    }
    aero_buffer_deinit(&names);
    return found;
}

/* Remembers those that were not zeros before: only they are damage. */
static void zero_sectors(struct aero_sim_node *node, const char *name, uint64_t first,
                         uint64_t count, struct range range)
{
    struct aero_buffer bytes = {0};
    if (!aero_sim_disk_peek(node->disk, name, false, &bytes)) {
        return;
    }
    for (uint64_t sector = first; sector < first + count && sector * 512 < range.to; sector++) {
        uint64_t from = sector * 512 > range.from ? sector * 512 : range.from;
        uint64_t to = (sector + 1) * 512 < range.to ? (sector + 1) * 512 : range.to;
        bool changes = false;
        for (uint64_t at = from; at < to && at < bytes.length; at++) {
            changes |= bytes.data[at] != 0;
        }
        if (aero_sim_disk_zero_sector(node->disk, name, sector) && changes) {
            aero_check_damage_done(node->world, node->index, name, from, to - from);
        }
    }
    aero_buffer_deinit(&bytes);
}

static void rot(struct aero_sim_world *world, struct aero_sim_node *node, const char *name,
                struct range range)
{
    uint64_t offset = aero_choice_between(&world->choice, range.from, range.to - 1);
    uint64_t sector = offset / 512;
    uint64_t count = 1;
    switch (aero_choice_below(&world->choice, 4)) {
    case 0:
        aero_sim_disk_flip_bit(node->disk, name, offset,
                               (uint32_t)aero_choice_below(&world->choice, 8));
        aero_check_damage_done(world, node->index, name, offset, 1);
        return;
    case 1:
        aero_sim_disk_break_sector(node->disk, name, sector);
        return;
    case 2:
        count = BLOCK_SECTORS;
        break;
    default:
        break;
    }
    zero_sectors(node, name, sector, count, range);
}

void aero_sim_act_damage(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    char name[AERO_DISK_NAME_MAX];
    struct range range;
    if ((node->harm & AERO_SIM_HARM_DAMAGE) == 0 && draw_file(world, node, name, &range)) {
        node->harm |= AERO_SIM_HARM_DAMAGE;
        world->counts.damages++;
        rot(world, node, name, range);
    }
}

void aero_sim_act_lie(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    if (node->alive) {
        node->harm |= AERO_SIM_HARM_LIE;
        world->counts.damages++;
        enum aero_sim_lie lie = (enum aero_sim_lie)aero_choice_below(&world->choice, 3);
        aero_sim_disk_lie_at(node->disk, lie, aero_choice_between(&world->choice, 1, 10));
    }
}
