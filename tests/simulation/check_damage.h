/* SPDX-License-Identifier: Apache-2.0 */
/* Damage is reported (FM-8.2, FR-1): what rotted on a disk and is still there at the end, in bytes that count, is found by
 * aeroctl's verification. That it is never served is what all the other checkers say, who know of no excuse for a wrong
 * answer; a node may only refuse. */
#ifndef AERO_TESTS_SIMULATION_CHECK_DAMAGE_H
#define AERO_TESTS_SIMULATION_CHECK_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/disk.h"

struct aero_sim_world;

#define AERO_DAMAGE_MAX 32U

struct aero_damage {
    uint32_t node_index;
    char name[AERO_DISK_NAME_MAX];
    uint64_t offset;
    uint64_t length;
    uint64_t checksum; /* of these bytes since then */
    uint64_t
        version; /* of a manifest, which is written anew in place: of the file since then; else 0 */
};

struct aero_check_damage {
    struct aero_damage damages[AERO_DAMAGE_MAX];
    uint32_t count;
    uint64_t reported;
};

/* These bytes of the node's file are not what it wrote. */
void aero_check_damage_done(struct aero_sim_world *world, uint32_t node_index, const char *name,
                            uint64_t offset, uint64_t length);
/* The node has another disk: what was wrong with the old one is nobody's affair. */
void aero_check_damage_forget(struct aero_sim_world *world, uint32_t node_index);
void aero_check_damage_judge(struct aero_sim_world *world);

#endif
