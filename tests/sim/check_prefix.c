/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/check_prefix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/le.h"
#include "tests/sim/node.h"
#include "tests/sim/world.h"

/* docs/formats.md, "Segment" and "Record". */
#define HEADER_BYTES 4096U
#define RECORD_HEADER_BYTES 64U
#define RECORD_MAGIC 0x43455241U
#define AT_SEQUENCE 56U
#define AT_NONCE 72U

void aero_check_prefix_deinit(struct aero_check_prefix *check)
{
    for (size_t i = 0; i < check->count; i++) {
        aero_buffer_deinit(&check->segments[i].bytes);
    }
    free(check->segments);
    memset(check, 0, sizeof *check);
}

/* A failed or torn write may leave a header without its payload. */
static bool is_whole(const uint8_t *record)
{
    struct aero_slice payload =
        aero_slice_of(record + RECORD_HEADER_BYTES, aero_load_u32(record + 8));
    return aero_checksum64(payload) == aero_load_u64(record + 48) &&
           aero_checksum64(aero_slice_of(record, 56)) == aero_load_u64(record + 56);
}

/* Bytes up to the end of the last record that looks like one of this segment; 0: not even a header. */
static size_t logical_length(const struct aero_buffer *file)
{
    if (file->length < HEADER_BYTES || memcmp(file->data, "AEROSEG1", 8) != 0) {
        return 0;
    }
    size_t at = HEADER_BYTES;
    uint64_t lsn = aero_load_u64(file->data + 64);
    while (at + RECORD_HEADER_BYTES <= file->length) {
        const uint8_t *record = file->data + at;
        size_t length = (RECORD_HEADER_BYTES + (size_t)aero_load_u32(record + 8) + 7) & ~(size_t)7;
        if (aero_load_u32(record) != RECORD_MAGIC ||
            memcmp(record + 32, file->data + AT_NONCE, 8) != 0 ||
            aero_load_u64(record + 16) != lsn || at + length > file->length || !is_whole(record)) {
            break;
        }
        at += length;
        lsn++;
    }
    return at;
}

static struct aero_check_prefix_segment *find_segment(struct aero_check_prefix *check,
                                                      uint64_t sequence)
{
    for (size_t i = 0; i < check->count; i++) {
        if (check->segments[i].sequence == sequence) {
            return &check->segments[i];
        }
    }
    return NULL;
}

static struct aero_check_prefix_segment *add_segment(struct aero_check_prefix *check,
                                                     uint64_t sequence)
{
    if (check->count == check->capacity) {
        check->capacity = check->capacity == 0 ? 16 : 2 * check->capacity;
        check->segments =
            aero_realloc(check->segments, check->capacity * sizeof check->segments[0]);
    }
    struct aero_check_prefix_segment *segment = &check->segments[check->count++];
    *segment = (struct aero_check_prefix_segment){.sequence = sequence};
    return segment;
}

/* The primary's bytes win: behind a cut, another life may have written something else where nobody had seen anything. */
static void archive(struct aero_sim_world *world, const struct aero_buffer *file, size_t length)
{
    uint64_t sequence = aero_load_u64(file->data + AT_SEQUENCE);
    struct aero_check_prefix_segment *segment = find_segment(&world->prefix, sequence);
    if (segment == NULL) {
        segment = add_segment(&world->prefix, sequence);
    }
    segment->is_there = true;
    aero_buffer_clear(&segment->bytes);
    aero_buffer_append(&segment->bytes, file->data, length);
}

static void compare(struct aero_sim_world *world, const char *node, const char *name,
                    const struct aero_buffer *file, size_t length)
{
    uint64_t sequence = aero_load_u64(file->data + AT_SEQUENCE);
    const struct aero_check_prefix_segment *segment = find_segment(&world->prefix, sequence);
    if (segment == NULL) {
        return; /* truncated on the primary before anybody looked */
    }
    size_t common = length < segment->bytes.length ? length : segment->bytes.length;
    world->counts.prefix_bytes += common;
    if (memcmp(file->data, segment->bytes.data, common) != 0) {
        size_t at = 0;
        while (file->data[at] == segment->bytes.data[at]) {
            at++;
        }
        AERO_SIM_VIOLATION(world, "prefix", "%s: %s differs from the primary's at byte %zu", node,
                           name, at);
    } else if (length > common && segment->is_there) {
        AERO_SIM_VIOLATION(world, "prefix",
                           "%s: %s has %zu bytes of records, the primary's only %zu", node, name,
                           length, common);
    }
}

static bool is_segment(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "wal/", 4) == 0 && length > 4 && strcmp(name + length - 4, ".seg") == 0;
}

static void look_at_node(struct aero_sim_world *world, const struct aero_sim_node *node)
{
    struct aero_buffer names = {0};
    struct aero_buffer file = {0};
    aero_sim_disk_peek_names(node->disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        aero_buffer_clear(&file);
        if (!is_segment(entry.name) || !aero_sim_disk_peek(node->disk, entry.name, false, &file)) {
            continue;
        }
        size_t length = logical_length(&file);
        if (length > 0 && node->is_primary) {
            archive(world, &file, length);
        } else if (length > HEADER_BYTES) {
            compare(world, node->name, entry.name, &file, length);
        }
    }
    aero_buffer_deinit(&names);
    aero_buffer_deinit(&file);
}

void aero_check_prefix_look(struct aero_sim_world *world)
{
    for (size_t i = 0; i < world->prefix.count; i++) {
        world->prefix.segments[i].is_there = false;
    }
    for (uint32_t i = 0; i < world->node_count && !world->verdict.failed; i++) {
        look_at_node(world, world->nodes[i]);
    }
}
