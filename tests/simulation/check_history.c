/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_history.h"

#include <string.h>

#include "base/le.h"
#include "tests/simulation/node.h"

/* docs/formats.md, "Segment" and "Manifest". */
#define HEADER_BYTES 4096U
#define AT_INCARNATION 40U
#define INCARNATION_BYTES 16U
#define RECORD_MAGIC "AREC"
#define MANIFEST_SLOT_BYTES ((uint64_t)4 << 20)
#define MANIFEST_HEAD_BYTES 48U
#define AT_PAYLOAD_LENGTH 24U

static void look_at_segment(struct aero_sim_world *world, const struct aero_sim_node *node,
                            const char *name, const struct aero_buffer *manifest)
{
    struct aero_buffer file = {0};
    bool there = aero_sim_disk_peek_range(node->disk, name, false, 0, HEADER_BYTES + 8, &file);
    bool has_records = there && file.length > HEADER_BYTES + 4 &&
                       memcmp(file.data, "AEROSEG1", 8) == 0 &&
                       memcmp(file.data + HEADER_BYTES, RECORD_MAGIC, 4) == 0;
    bool known = has_records && manifest->length > 0 &&
                 memmem(manifest->data, manifest->length, file.data + AT_INCARNATION,
                        INCARNATION_BYTES) != NULL;
    if (has_records && !known) {
        AERO_SIM_VIOLATION(world, "history",
                           "%s: %s has records of an incarnation that its manifest "
                           "does not durably name",
                           node->name, name);
    }
    aero_buffer_deinit(&file);
}

/* Appends what the slot says, as a power loss would leave it. */
static void read_slot(const struct aero_sim_node *node, uint64_t at, struct aero_buffer *manifest)
{
    struct aero_buffer head = {0};
    bool there =
        aero_sim_disk_peek_range(node->disk, "manifest", true, at, MANIFEST_HEAD_BYTES, &head);
    if (there && head.length == MANIFEST_HEAD_BYTES && memcmp(head.data, "AEROMAN1", 8) == 0) {
        uint64_t length = aero_load_u64(head.data + AT_PAYLOAD_LENGTH);
        length = length < MANIFEST_SLOT_BYTES ? length : MANIFEST_SLOT_BYTES;
        (void)aero_sim_disk_peek_range(node->disk, "manifest", true, at + MANIFEST_HEAD_BYTES,
                                       (size_t)length, manifest);
    }
    aero_buffer_deinit(&head);
}

static void look_at_node(struct aero_sim_world *world, const struct aero_sim_node *node)
{
    struct aero_buffer names = {0};
    struct aero_buffer manifest = {0};
    for (unsigned slot = 0; slot < 2; slot++) {
        read_slot(node, slot * MANIFEST_SLOT_BYTES, &manifest);
    }
    aero_sim_disk_peek_names(node->disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        size_t length = strlen(entry.name);
        if (strncmp(entry.name, "wal/", 4) == 0 && strcmp(entry.name + length - 4, ".seg") == 0) {
            look_at_segment(world, node, entry.name, &manifest);
        }
    }
    aero_buffer_deinit(&names);
    aero_buffer_deinit(&manifest);
}

void aero_check_history_look(struct aero_sim_world *world)
{
    for (uint32_t i = 0; i < world->node_count && !world->verdict.failed; i++) {
        if (world->nodes[i]->harm == 0) {
            look_at_node(world, world->nodes[i]);
        }
    }
}
