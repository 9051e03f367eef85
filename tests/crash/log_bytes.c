/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/log_bytes.h"

#include <string.h>

#include "tests/crash/explore.h"
#include "tests/simulation/check_prefix.h"

static bool is_segment(const char *name)
{
    size_t length = strlen(name);
    return length > 8 && strncmp(name, "wal/", 4) == 0 && strcmp(name + length - 4, ".seg") == 0;
}

static void judge_segment(struct crash_explorer *explorer, const char *name,
                          const struct aero_sim_disk *replica)
{
    struct aero_buffer ours = {0};
    struct aero_buffer theirs = {0};
    bool both = aero_sim_disk_peek(replica, name, false, &ours) &&
                aero_sim_disk_peek(explorer->pair->node[0].machine.disk, name, false, &theirs);
    size_t length = both ? aero_check_prefix_length(&ours) : 0;
    if (length > theirs.length || (length > 0 && memcmp(ours.data, theirs.data, length) != 0)) {
        crash_explorer_fail(explorer, "bytes", "%s of the replica is not what the primary has",
                            name);
    }
    aero_buffer_deinit(&ours);
    aero_buffer_deinit(&theirs);
}

void crash_log_bytes_judge(struct crash_explorer *explorer, const struct aero_sim_disk *replica)
{
    struct aero_buffer names = {0};
    aero_sim_disk_peek_names(replica, false, &names);
    for (size_t at = 0; at < names.length; at += sizeof(struct aero_disk_entry)) {
        struct aero_disk_entry entry;
        memcpy(&entry, names.data + at, sizeof entry);
        if (is_segment(entry.name)) {
            judge_segment(explorer, entry.name, replica);
        }
    }
    aero_buffer_deinit(&names);
}
