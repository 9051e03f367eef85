/* SPDX-License-Identifier: Apache-2.0 */
/* One replica of the production cores over the simulated disk, driven one disk operation at a time, as twin.h does with a
 * primary. Whoever has the other end of its link feeds it. */
#ifndef AERO_TESTS_EQUIVALENCE_REPLICA_TWIN_H
#define AERO_TESTS_EQUIVALENCE_REPLICA_TWIN_H

#include "replica/replica.h"
#include "tests/equivalence/twin.h"

struct aero_replica_twin {
    struct aero_logger logger;
    struct aero_replica *core;
    struct aero_hands hands;
    uint64_t entropy; /* of ids: never the same twice over lives */
    uint64_t now_ns;
};

/* A disk with the directory of a replica that knows no primary yet. `luck` is its luck. */
struct aero_sim_disk *aero_replica_twin_new_disk(struct aero_choice *luck);

/* Starts a process on `disk`. False: it refused. Of `options` everything counts that a replica has. */
bool aero_replica_twin_open(struct aero_replica_twin *replica,
                            const struct aero_twin_options *options, struct aero_sim_disk *disk,
                            uint64_t life);
/* Ends the process without a word to anybody: a kill. */
void aero_replica_twin_close(struct aero_replica_twin *replica);

/* Ends the turn: what arrived is handed over. */
void aero_replica_twin_turn(struct aero_replica_twin *replica);
/* Runs one step of replica->hands, and the turn that follows when the core hears of an end. */
void aero_replica_twin_run(struct aero_replica_twin *replica, const struct aero_step *step);

#endif
