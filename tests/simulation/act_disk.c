/* SPDX-License-Identifier: Apache-2.0 */
/* Disks fail, and say so. What they do in silence is in act_damage.c. */
#include <errno.h>

#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

static int draw_errno(struct aero_sim_world *world)
{
    static const int errnos[] = {EIO, EIO, ENOSPC, EDQUOT, EACCES, EROFS, ENOMEM};
    return errnos[aero_choice_below(&world->choice, sizeof errnos / sizeof errnos[0])];
}

static void fail_call(struct aero_sim_world *world, enum aero_sim_call call)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    world->counts.disk_faults++;
    uint64_t nth = aero_choice_between(&world->choice, 1, 8);
    aero_sim_disk_fail_call(node->disk, call, nth, draw_errno(world));
}

void aero_sim_act_write_fault(struct aero_sim_world *world)
{
    fail_call(world, AERO_SIM_WRITE);
}

void aero_sim_act_sync_fault(struct aero_sim_world *world)
{
    if (aero_choice_below(&world->choice, 2) == 0) {
        struct aero_sim_disk *disk = aero_sim_draw_node(world)->disk;
        world->counts.disk_faults++;
        aero_sim_disk_fail_writeback_at(disk, aero_sim_disk_changes(disk) +
                                                  aero_choice_between(&world->choice, 1, 12));
    } else {
        fail_call(world, AERO_SIM_SYNC);
    }
}

void aero_sim_act_name_fault(struct aero_sim_world *world)
{
    static const enum aero_sim_call calls[] = {
        AERO_SIM_OPEN,           AERO_SIM_RENAME,   AERO_SIM_UNLINK,
        AERO_SIM_SYNC_DIRECTORY, AERO_SIM_TRUNCATE, AERO_SIM_MAKE_DIRECTORY,
        AERO_SIM_LIST,           AERO_SIM_SIZE,     AERO_SIM_FREE_SPACE};
    fail_call(world, calls[aero_choice_below(&world->choice, sizeof calls / sizeof calls[0])]);
}

void aero_sim_act_read_fault(struct aero_sim_world *world)
{
    fail_call(world, AERO_SIM_READ);
}

/* Calls of one kind fail again and again, until the process is started anew. */
void aero_sim_act_sick_disk(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    enum aero_sim_call call =
        (enum aero_sim_call)aero_choice_below(&world->choice, AERO_SIM_CALL_COUNT);
    uint32_t millionths = (uint32_t)aero_choice_between(&world->choice, 10000, 500000);
    world->counts.disk_faults++;
    aero_sim_disk_fail_often(node->disk, call, millionths, draw_errno(world));
}

/* Room comes back by itself, sooner or later: operator.c. */
void aero_sim_act_full_disk(struct aero_sim_world *world)
{
    struct aero_sim_node *node = aero_sim_draw_node(world);
    world->counts.disk_faults++;
    aero_sim_disk_set_capacity(node->disk, aero_sim_disk_used_bytes(node->disk) +
                                               aero_choice_below(&world->choice, 60000));
}
