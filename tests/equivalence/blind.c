/* SPDX-License-Identifier: Apache-2.0 */
/* Directories come from everywhere in a history: a writer under some switches is followed by a power loss at every so many-th
 * of its steps. On each of them a process is started once under every configuration. */
#include "tests/equivalence/blind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "engine/segment.h"
#include "tests/equivalence/pair.h"
#include "tests/equivalence/replica_twin.h"

#define CONFIGURATIONS (1U << AERO_TWIN_SWITCH_COUNT)
#define SEGMENT_BYTES 16384U
#define SEGMENT_BYTES_OTHER 65536U
#define POINT_STRIDE 11         /* of a primary's steps, every so many-th leaves a directory */
#define POINT_STRIDE_REPLICA 17 /* of a pair's steps */
#define FLIP_EVERY_BYTES 501U   /* no record of a segment is left as it was */

/* What a node of that role has of the switches; a bit more stands for the other sizes. */
#define PRIMARY_SWITCHES \
    ((CONFIGURATIONS - 1) & ~(uint32_t)(AERO_TWIN_TAIL_STREAMING | AERO_TWIN_SHIP_GROUPS))
#define REPLICA_SWITCHES \
    ((CONFIGURATIONS - 1) & ~(uint32_t)(AERO_TWIN_READ_FAST_PATH | AERO_TWIN_SHIP_GROUPS))

static const char history[] = "Aw1x6000 Bw2 , Cw3x6000 Aw4 | Cc Bw5x6000 | Aw6 Bw7 , Cw8x3000";

struct blind {
    struct aero_laws *laws;
    uint64_t starts;
    uint32_t writer; /* the switches that wrote the directory */
    uint64_t steps;
    bool is_replica;
    struct aero_seen expected;
};

static void compare(struct blind *blind, const struct aero_twin_options *options,
                    const struct aero_seen *seen, const char *when)
{
    const struct aero_seen *expected = &blind->expected;
    char where[160];
    snprintf(where, sizeof where, "%s written under %x, started under %x with %llu, %s",
             blind->is_replica ? "replica" : "primary", blind->writer, options->switches,
             (unsigned long long)options->segment_bytes, when);
    if (!aero_is_ok(seen->status) || seen->end_lsn != expected->end_lsn ||
        seen->present != expected->present ||
        !aero_u128_equal(seen->summary.digest, expected->summary.digest) ||
        seen->summary.count != expected->summary.count) {
        aero_laws_break(blind->laws, where, "the state is another: LSN %llu, expected %llu; %s",
                        (unsigned long long)seen->end_lsn, (unsigned long long)expected->end_lsn,
                        seen->report.text);
    }
}

/* ---- One start ----------------------------------------------------------------------------------------------- */

/* What the process itself shows before it has done anything; then it does its own work until it is quiet, and is killed. False:
 * it does not start. */
static bool run_primary(struct blind *blind, const struct aero_twin_options *options,
                        struct aero_sim_disk *disk)
{
    struct aero_twin_story story = {0};
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    struct aero_seen seen = blind->expected;
    struct aero_twin *twin = aero_calloc(1, sizeof *twin);
    bool starts = aero_twin_open(twin, options, &story, disk, 99);
    if (starts) {
        seen.end_lsn = aero_primary_durable_lsn(twin->primary).value;
        seen.summary = aero_tree_summary(aero_primary_tree(twin->primary));
        compare(blind, options, &seen, "at once");
        while (aero_hands_steps(&twin->hands, steps) > 0) {
            aero_twin_run(twin, &steps[0]);
        }
        aero_twin_close(twin);
    }
    free(twin);
    return starts;
}

static bool run_replica(struct blind *blind, const struct aero_twin_options *options,
                        struct aero_sim_disk *disk)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    struct aero_seen seen = blind->expected;
    struct aero_replica_twin replica;
    if (!aero_replica_twin_open(&replica, options, disk, 99)) {
        return false;
    }
    seen.end_lsn = aero_replica_applied_lsn(replica.core).value;
    seen.summary = aero_tree_summary(aero_replica_tree(replica.core));
    compare(blind, options, &seen, "at once");
    while (aero_hands_steps(&replica.hands, steps) > 0) {
        aero_replica_twin_run(&replica, &steps[0]);
    }
    aero_replica_twin_close(&replica);
    return true;
}

static void start_under(struct blind *blind, const struct aero_sim_disk *disk,
                        const struct aero_twin_options *options)
{
    struct aero_choice luck;
    struct aero_seen seen;
    aero_choice_init_seed(&luck, options->switches + 1);
    struct aero_sim_disk *copy = aero_sim_disk_clone(disk, &luck);
    blind->starts++;
    bool starts =
        blind->is_replica ? run_replica(blind, options, copy) : run_primary(blind, options, copy);
    if (starts != aero_is_ok(blind->expected.status)) {
        aero_laws_break(blind->laws, "start", "written under %x, %s under %x", blind->writer,
                        starts ? "starts" : "does not start", options->switches);
    } else if (starts) {
        aero_sim_disk_restart(copy);
        aero_look(copy, &seen);
        compare(blind, options, &seen, "after it was killed");
    }
    aero_sim_disk_free(copy);
}

/* ---- Every configuration ------------------------------------------------------------------------------------- */

static void start_under_all(struct blind *blind, const struct aero_sim_disk *disk)
{
    uint32_t known = blind->is_replica ? REPLICA_SWITCHES : PRIMARY_SWITCHES;
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *copy = aero_sim_disk_clone(disk, &luck);
    aero_look(copy, &blind->expected);
    aero_sim_disk_free(copy);
    for (uint32_t switches = 0; switches < CONFIGURATIONS; switches++) {
        if ((switches & ~known) == 0) {
            start_under(blind, disk,
                        &(struct aero_twin_options){.switches = switches,
                                                    .segment_bytes = SEGMENT_BYTES,
                                                    .kept_snapshots = 2});
            start_under(blind, disk,
                        &(struct aero_twin_options){.switches = switches,
                                                    .segment_bytes = SEGMENT_BYTES_OTHER,
                                                    .kept_snapshots = 3});
        }
    }
}

/* As a power loss leaves it. */
static void start_after_power_loss(struct blind *blind, const struct aero_sim_disk *disk)
{
    struct aero_choice luck;
    const struct aero_twin_story nothing = {0};
    aero_choice_init_seed(&luck, blind->steps);
    struct aero_sim_disk *left = aero_sim_disk_clone(disk, &luck);
    aero_sim_disk_crash(left, AERO_SIM_POWER);
    aero_sim_disk_restart(left);
    start_under_all(blind, left);
    aero_laws_judge(blind->laws, &nothing, &blind->expected, "a directory to start on");
    aero_sim_disk_free(left);
}

static void flip_all_over(struct aero_sim_disk *disk, const char *name)
{
    uint64_t offset = AERO_SEGMENT_HEADER_BYTES;
    while (aero_sim_disk_flip_bit(disk, name, offset, 0)) {
        offset += FLIP_EVERY_BYTES;
    }
}

/* Durable data is damaged: nobody starts. */
static void start_on_damage(struct blind *blind, const struct aero_sim_disk *disk)
{
    struct aero_choice luck;
    struct aero_buffer names = {0};
    struct aero_disk_entry entry;
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *damaged = aero_sim_disk_clone(disk, &luck);
    aero_sim_disk_crash(damaged, AERO_SIM_KILL);
    aero_sim_disk_restart(damaged);
    aero_sim_disk_peek_names(damaged, false, &names);
    for (size_t i = 0; i < names.length / sizeof entry; i++) {
        memcpy(&entry, names.data + i * sizeof entry, sizeof entry);
        if (strncmp(entry.name, "wal/", 4) == 0) {
            flip_all_over(damaged, entry.name);
        }
    }
    aero_buffer_deinit(&names);
    start_under_all(blind, damaged);
    if (aero_is_ok(blind->expected.status)) {
        aero_laws_break(blind->laws, "damage", "a start takes damaged records");
    }
    aero_sim_disk_free(damaged);
}

/* ---- Writers ------------------------------------------------------------------------------------------------- */

static void write_primary(struct blind *blind)
{
    const struct aero_twin_options options = {.switches = blind->writer,
                                              .segment_bytes = SEGMENT_BYTES};
    struct aero_choice luck;
    struct aero_twin_story story = {0};
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    const char *text = history;
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
            if (++blind->steps % POINT_STRIDE == 0) {
                start_after_power_loss(blind, disk);
            }
            aero_twin_run(twin, &steps[count - 1]);
        }
        text += *text == '|';
    }
    start_after_power_loss(blind, disk);
    start_on_damage(blind, disk);
    aero_twin_close(twin);
    aero_sim_disk_free(disk);
    free(twin);
}

static void visit_replica(void *self, const struct aero_sim_disk *disk)
{
    struct blind *blind = self;
    if (++blind->steps % POINT_STRIDE_REPLICA == 0) {
        start_after_power_loss(blind, disk);
    }
}

static void write_replica(struct blind *blind)
{
    struct aero_enumeration nobody_looks = {.laws = blind->laws};
    aero_pair_visit(blind->writer, &nobody_looks, visit_replica, blind);
    aero_enumeration_deinit(&nobody_looks);
}

uint64_t aero_recovery_blind(struct aero_laws *laws)
{
    struct aero_laws of_replicas = {0}; /* their history is another one, and so is its ledger */
    struct blind blind = {.laws = laws};
    static const uint32_t writers[] = {
        0,
        AERO_TWIN_GROUP_COMMIT | AERO_TWIN_WAL_BATCHING | AERO_TWIN_OVERLAPPED_SYNC,
        AERO_TWIN_WAL_RECYCLE | AERO_TWIN_CHECKPOINT_PIPELINING | AERO_TWIN_TAIL_STREAMING,
        CONFIGURATIONS - 1,
    };
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        blind.writer = writers[i];
        blind.steps = 0;
        blind.is_replica = false;
        blind.laws = laws;
        write_primary(&blind);
        blind.steps = 0;
        blind.is_replica = true;
        blind.laws = &of_replicas;
        write_replica(&blind);
    }
    laws->violations += of_replicas.violations;
    aero_laws_deinit(&of_replicas);
    return blind.starts;
}
