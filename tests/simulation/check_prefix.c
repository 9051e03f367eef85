/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_prefix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/le.h"
#include "tests/simulation/node.h"
#include "tests/simulation/world.h"

/* docs/formats.md, "Segment" and "Record". */
#define HEADER_BYTES 4096U
#define RECORD_HEADER_BYTES 64U
#define RECORD_MAGIC 0x43455241U
#define AT_SEQUENCE 56U
#define AT_NONCE 72U
#define NONCE_BYTES 16U
#define AT_HEADER_CHECKSUM 4088U
#define FIRST_READ_BYTES ((size_t)65536)
#define RECORD_BYTES_MAX ((size_t)16384) /* of what the simulated clients write */

void aero_check_prefix_deinit(struct aero_check_prefix *check)
{
    for (size_t i = 0; i < check->count; i++) {
        aero_buffer_deinit(&check->segments[i].bytes);
    }
    free(check->segments);
    memset(check, 0, sizeof *check);
}

/* A failed or torn write may leave a header without its payload; rot may sit in the padding. */
static bool is_whole(const uint8_t *record)
{
    struct aero_slice payload =
        aero_slice_of(record + RECORD_HEADER_BYTES, aero_load_u32(record + 8));
    const uint8_t *padding = payload.data + payload.length;
    return aero_slice_is_zero(aero_slice_of(padding, (0 - payload.length) & 7)) &&
           aero_checksum64(payload) == aero_load_u64(record + 48) &&
           aero_checksum64(aero_slice_of(record, 56)) == aero_load_u64(record + 56);
}

/* Records that look like ones of this segment. */
uint64_t aero_check_prefix_length(const struct aero_buffer *file)
{
    if (file->length < HEADER_BYTES || memcmp(file->data, "AEROSEG1", 8) != 0 ||
        aero_checksum64(aero_slice_of(file->data, AT_HEADER_CHECKSUM)) !=
            aero_load_u64(file->data + AT_HEADER_CHECKSUM)) {
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

static bool is_same_segment(const struct aero_buffer *a, const struct aero_buffer *b)
{
    return a->length >= HEADER_BYTES && b->length >= HEADER_BYTES &&
           memcmp(a->data + AT_NONCE, b->data + AT_NONCE, NONCE_BYTES) == 0;
}

/* The primary's bytes win: behind a cut, or on an older copy of its disk, another life may have written something else where
 * nobody had seen anything. */
static void archive(struct aero_sim_world *world, const struct aero_buffer *file, size_t length,
                    uint64_t version)
{
    uint64_t sequence = aero_load_u64(file->data + AT_SEQUENCE);
    struct aero_check_prefix_segment *segment = find_segment(&world->prefix, sequence);
    if (segment == NULL) {
        segment = add_segment(&world->prefix, sequence);
    }
    segment->is_there = true;
    segment->version = version;
    if (world->nodes[0]->harm != 0 && length < segment->bytes.length &&
        is_same_segment(&segment->bytes, file)) {
        return; /* rot took a part: what replicas have is still what was written */
    }
    aero_buffer_clear(&segment->bytes);
    aero_buffer_append(&segment->bytes, file->data, length);
}

static void compare(struct aero_sim_world *world, const struct aero_check_prefix_segment *segment,
                    const char *node, const char *name, const struct aero_buffer *file,
                    size_t length)
{
    size_t common = length < segment->bytes.length ? length : segment->bytes.length;
    world->counts.prefix_bytes += common;
    if (memcmp(file->data, segment->bytes.data, common) != 0) {
        size_t at = 0;
        while (file->data[at] == segment->bytes.data[at]) {
            at++;
        }
        AERO_SIM_VIOLATION(world, "prefix", "%s: %s differs from the primary's at byte %zu", node,
                           name, at);
    } else if (length > common && segment->is_there && world->nodes[0]->harm == 0) {
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

/* The file up to where its records end and a little more: most of a recycled one is zeros that nobody needs. */
static uint64_t read_records(const struct aero_sim_node *node, const char *name,
                             struct aero_buffer *out_file)
{
    for (size_t most = FIRST_READ_BYTES;; most *= 2) {
        aero_buffer_clear(out_file);
        (void)aero_sim_disk_peek_range(node->disk, name, false, 0, most, out_file);
        uint64_t length = aero_check_prefix_length(out_file);
        if (out_file->length < most || length + RECORD_BYTES_MAX <= most) {
            return length;
        }
    }
}

static void look_at_segment(struct aero_sim_world *world, const struct aero_sim_node *node,
                            const char *name, struct aero_buffer *file)
{
    aero_buffer_clear(file);
    (void)aero_sim_disk_peek_range(node->disk, name, false, 0, AT_NONCE, file);
    if (file->length < AT_NONCE) {
        return;
    }
    uint64_t version = aero_sim_disk_version(node->disk, name);
    uint64_t sequence = aero_load_u64(file->data + AT_SEQUENCE);
    struct aero_check_prefix_segment *segment = find_segment(&world->prefix, sequence);
    if (node->is_primary) {
        if (segment != NULL && segment->version == version) {
            segment->is_there = true;
            return;
        }
        uint64_t length = read_records(node, name, file);
        if (length > 0) {
            archive(world, file, (size_t)length, version);
        }
        return;
    }
    if (segment == NULL || (segment->compared[node->index].own == version &&
                            segment->compared[node->index].of_primary == segment->version)) {
        return; /* truncated on the primary before anybody looked; or nothing changed */
    }
    uint64_t length = read_records(node, name, file);
    if (length > HEADER_BYTES) {
        compare(world, segment, node->name, name, file, (size_t)length);
        segment->compared[node->index].own = version;
        segment->compared[node->index].of_primary = segment->version;
    }
}

static void look_at_node(struct aero_sim_world *world, const struct aero_sim_node *node)
{
    struct aero_buffer names = {0};
    struct aero_buffer file = {0};
    aero_sim_disk_peek_names(node->disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        if (is_segment(entry.name)) {
            look_at_segment(world, node, entry.name, &file);
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
    /* A primary that lost records is no measure of those who hold them. */
    for (uint32_t i = 0; i < world->node_count && !world->verdict.failed && !world->forked; i++) {
        look_at_node(world, world->nodes[i]);
    }
}
