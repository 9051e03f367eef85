/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/outcomes.h"

#include "tests/simulation/sim_disk_priv.h"

/* A write is cut at so many places, at most: each of its sectors, or finer where it is short. */
#define CUTS_MAX 16U
#define CUT_ALIGN 8U

static void visit_killed(struct aero_sim_disk *copy, struct crash_outcomes *counts,
                         crash_outcome_visit visit, void *self)
{
    aero_sim_disk_crash(copy, AERO_SIM_KILL);
    aero_sim_disk_restart(copy);
    counts->walked++;
    visit(self, copy);
    aero_sim_disk_free(copy);
}

void crash_outcomes_visit_kills(const struct aero_sim_disk *disk, const struct crash_change *next,
                                struct crash_outcomes *counts, crash_outcome_visit visit,
                                void *self)
{
    struct aero_choice quiet;
    aero_choice_init_seed(&quiet, 1);
    visit_killed(aero_sim_disk_clone(disk, &quiet), counts, visit, self);
    if (next == NULL || next->kind != CRASH_WRITE) {
        return;
    }
    size_t stride = next->bytes.length / CUTS_MAX / CUT_ALIGN * CUT_ALIGN;
    stride = stride < CUT_ALIGN ? CUT_ALIGN : stride;
    stride = stride > AERO_SIM_SECTOR_BYTES ? AERO_SIM_SECTOR_BYTES : stride;
    for (size_t cut = stride; cut < next->bytes.length; cut += stride) {
        if (aero_slice_is_zero(aero_slice_of(next->bytes.data + cut - stride, stride))) {
            continue; /* no other file than the cut before, but for its length */
        }
        struct aero_sim_disk *copy = aero_sim_disk_clone(disk, &quiet);
        struct aero_sim_inode *inode = copy->inodes[next->file->inode->index];
        aero_sim_image_write(&inode->cache, next->offset, next->bytes.data, cut);
        aero_sim_inode_wrote(inode, next->offset, cut, NULL);
        visit_killed(copy, counts, visit, self);
    }
}

bool crash_outcomes_come_back(const struct crash_change *next)
{
    return next != NULL && (next->kind == CRASH_WRITE || next->kind == CRASH_RENAME ||
                            next->kind == CRASH_UNLINK || next->kind == CRASH_MAKE_DIRECTORY);
}

void crash_outcomes_visit_power(const struct aero_sim_disk *disk, struct crash_outcomes *counts,
                                crash_outcome_visit visit, void *self)
{
    struct aero_choice paths;
    struct aero_choice quiet;
    uint32_t walked = 0;
    bool more = true;
    aero_choice_init_seed(&quiet, 1);
    aero_choice_init_paths(&paths);
    while (more && walked < CRASH_PATHS_MAX) {
        struct aero_sim_disk *copy = aero_sim_disk_clone(disk, &paths);
        aero_sim_disk_crash(copy, AERO_SIM_POWER);
        aero_sim_disk_restart(copy);
        copy->choice = &quiet; /* what is done with it asks nothing of the paths */
        walked++;
        visit(self, copy);
        aero_sim_disk_free(copy);
        more = aero_choice_next_path(&paths);
    }
    counts->walked += walked;
    counts->cut_short += more;
}
