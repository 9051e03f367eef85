/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_truncation.h"

#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "tests/simulation/node.h"

/* docs/formats.md, "Manifest". */
#define SLOT_BYTES ((uint64_t)4 << 20)
#define HEAD_BYTES 48U
#define AT_FLOOR (HEAD_BYTES + 624U)

/* The lower of the two; UINT64_MAX: no slot is durable. */
static uint64_t durable_floor(const struct aero_sim_node *node)
{
    uint64_t floor = UINT64_MAX;
    for (uint64_t slot = 0; slot < 2; slot++) {
        struct aero_buffer bytes = {0};
        (void)aero_sim_disk_peek_range(node->disk, "manifest", true, slot * SLOT_BYTES,
                                       AT_FLOOR + 8, &bytes);
        if (bytes.length == AT_FLOOR + 8 && memcmp(bytes.data, "AEROMAN1", 8) == 0 &&
            aero_load_u64(bytes.data + AT_FLOOR) < floor) {
            floor = aero_load_u64(bytes.data + AT_FLOOR);
        }
        aero_buffer_deinit(&bytes);
    }
    return floor;
}

/* A replica's log begins behind the snapshot that it began with. Where that ends a segment, the next ones may hold no record
 * and be gone from the primary before the replica asks: its first segment then begins at the next LSN all the same. */
static bool begins_behind_a_snapshot(const struct aero_sim_node *node,
                                     const struct aero_buffer *names, const char *segment)
{
    if (node->is_primary) {
        return false;
    }
    uint64_t first_lsn = strtoull(segment + strlen("wal/"), NULL, 16);
    for (size_t at = 0; at < names->length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names->data + at, sizeof entry);
        if (strncmp(entry.name, "snapshots/", 10) == 0 &&
            strtoull(entry.name + 10, NULL, 16) + 1 == first_lsn) {
            return true;
        }
    }
    return false;
}

/* Names are wal/<first LSN, 16 hex>-<sequence, 8 hex>.seg, sorted, so sequences rise. */
void aero_check_truncation_look(const struct aero_sim_node *node)
{
    struct aero_buffer names = {0};
    uint64_t floor = durable_floor(node);
    floor += floor == 0; /* the first segment is number 1 */
    uint64_t expected = 0;
    aero_sim_disk_peek_names(node->disk, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        size_t length = strlen(entry.name);
        if (strncmp(entry.name, "wal/", 4) != 0 || length != strlen("wal/") + 16 + 1 + 8 + 4 ||
            strcmp(entry.name + length - 4, ".seg") != 0) {
            continue;
        }
        uint64_t sequence = strtoull(entry.name + strlen("wal/") + 17, NULL, 16);
        uint64_t from = expected == 0 ? floor : expected;
        bool is_gap = floor != UINT64_MAX && from < sequence && sequence > floor;
        if (is_gap && (expected != 0 || !begins_behind_a_snapshot(node, &names, entry.name))) {
            AERO_SIM_VIOLATION(node->world, "truncation",
                               "%s: segments %llu to %llu are gone, the durable manifest wants "
                               "all from %llu on",
                               node->name, (unsigned long long)(from > floor ? from : floor),
                               (unsigned long long)(sequence - 1), (unsigned long long)floor);
        }
        expected = sequence + 1;
    }
    aero_buffer_deinit(&names);
}
