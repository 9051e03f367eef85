/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define CONFIGURATIONS (1U << AERO_TWIN_SWITCH_COUNT)
#define SEGMENT_BYTES 16384U
#define POINT_STRIDE 11 /* of a writer's steps, every so many-th leaves a directory to start on */

static const char history[] = "Aw1x6000 Bw2 , Cw3x6000 Aw4 | Cc Bw5x6000 | Aw6 Bw7 , Cw8x3000";

struct blind {
    struct aero_laws *laws;
    uint64_t starts;
    uint32_t writer; /* the switches that wrote the directory */
};

static void compare(struct blind *blind, const struct aero_seen *expected,
                    const struct aero_seen *seen, uint32_t switches, const char *when)
{
    char where[120];
    snprintf(where, sizeof where, "written under %x, started under %x, %s", blind->writer, switches,
             when);
    if (!aero_is_ok(seen->status) || seen->end_lsn != expected->end_lsn ||
        seen->present != expected->present ||
        !aero_u128_equal(seen->summary.digest, expected->summary.digest) ||
        seen->summary.count != expected->summary.count) {
        aero_laws_break(blind->laws, where, "the state is another: LSN %llu, expected %llu; %s",
                        (unsigned long long)seen->end_lsn, (unsigned long long)expected->end_lsn,
                        seen->report.text);
    }
}

/* A process under `switches` starts on a copy, does its own work until it is quiet, and is killed. */
static void start_under(struct blind *blind, const struct aero_sim_disk *disk, uint32_t switches,
                        const struct aero_seen *expected)
{
    const struct aero_twin_options options = {.switches = switches, .segment_bytes = SEGMENT_BYTES};
    struct aero_choice luck;
    struct aero_twin_story story = {0};
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    struct aero_seen seen;
    aero_choice_init_seed(&luck, switches + 1);
    struct aero_sim_disk *copy = aero_sim_disk_clone(disk, &luck);
    struct aero_twin *twin = aero_calloc(1, sizeof *twin);
    blind->starts++;
    if (aero_twin_open(twin, &options, &story, copy, 99)) {
        seen = *expected; /* what the process itself shows, before it has done anything */
        seen.end_lsn = aero_primary_durable_lsn(twin->primary).value;
        seen.summary = aero_tree_summary(aero_primary_tree(twin->primary));
        compare(blind, expected, &seen, switches, "at once");
        while (aero_hands_steps(&twin->hands, steps) > 0) {
            aero_twin_run(twin, &steps[0]);
        }
        aero_twin_close(twin);
        aero_sim_disk_restart(copy);
        aero_look(copy, &seen);
        compare(blind, expected, &seen, switches, "after it was killed");
    } else {
        aero_laws_break(blind->laws, "start", "written under %x, does not start under %x",
                        blind->writer, switches);
    }
    free(twin);
    aero_sim_disk_free(copy);
}

/* One directory, as a power loss left it, under every configuration. */
static void start_under_all(struct blind *blind, const struct aero_sim_disk *disk, uint64_t seed)
{
    struct aero_choice luck;
    struct aero_seen expected;
    aero_choice_init_seed(&luck, seed);
    struct aero_sim_disk *left = aero_sim_disk_clone(disk, &luck);
    aero_sim_disk_crash(left, AERO_SIM_POWER);
    aero_sim_disk_restart(left);
    struct aero_sim_disk *copy = aero_sim_disk_clone(left, &luck);
    aero_look(copy, &expected);
    aero_sim_disk_free(copy);
    const struct aero_twin_story nothing = {0};
    aero_laws_judge(blind->laws, &nothing, &expected, "a directory to start on");
    for (uint32_t switches = 0; switches < CONFIGURATIONS; switches++) {
        start_under(blind, left, switches, &expected);
    }
    aero_sim_disk_free(left);
}

static void write_directory(struct blind *blind)
{
    const struct aero_twin_options options = {.switches = blind->writer,
                                              .segment_bytes = SEGMENT_BYTES};
    struct aero_choice luck;
    struct aero_twin_story story = {0};
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    const char *text = history;
    uint64_t steps_done = 0;
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *disk = aero_twin_new_disk(&luck);
    struct aero_twin *twin = aero_calloc(1, sizeof *twin);
    bool opened = aero_twin_open(twin, &options, &story, disk, 1);
    AERO_ASSERT(opened);
    while (*text != '\0') {
        while (aero_twin_feed(twin, &text)) {
        }
        aero_twin_turn(twin);
        uint32_t count;
        while ((count = aero_hands_steps(&twin->hands, steps)) > 0) {
            if (++steps_done % POINT_STRIDE == 0) {
                start_under_all(blind, disk, steps_done);
            }
            aero_twin_run(twin, &steps[count - 1]);
        }
        text += *text == '|';
    }
    start_under_all(blind, disk, steps_done);
    aero_twin_close(twin);
    aero_sim_disk_free(disk);
    free(twin);
}

uint64_t aero_recovery_blind(struct aero_laws *laws)
{
    struct blind blind = {.laws = laws};
    static const uint32_t writers[] = {
        0,
        AERO_TWIN_GROUP_COMMIT | AERO_TWIN_WAL_BATCHING | AERO_TWIN_OVERLAPPED_SYNC,
        AERO_TWIN_WAL_RECYCLE | AERO_TWIN_CHECKPOINT_PIPELINING,
        CONFIGURATIONS - 1,
    };
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        blind.writer = writers[i];
        write_directory(&blind);
    }
    return blind.starts;
}
