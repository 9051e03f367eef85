/* SPDX-License-Identifier: Apache-2.0 */
/* Takes every crash point of a step, every outcome of a crash there, recovers each, crashes each recovery (with once_a_shape
 * one of each shape) at each of its own steps with every outcome of that, and recovers again. Judges all of it by what the model
 * allows.
 *
 *   survive    a primary comes back with every record that it had told anybody to be durable; a replica with every record
 *              that it had shown (D-1, decision 18)
 *   invent     and with no record that was not written, or was said never to be: a replica with none that its primary did not
 *              have durable (decision 11, REP-2)
 *   prefix     the state is the one after some record, whole (D-2), by the model and by its own digest
 *   bytes      a replica's log is, byte for byte, a beginning of its primary's
 *   sound      a crash alone damages nothing: no refusal, no snapshot named that is not whole (FM-9.1), and verification
 *              finds nothing and names the same end and state
 *   again      recovery crashed anywhere and run again comes to the same end, chain and state (FR-3, decision 2) */
#ifndef AERO_TESTS_CRASH_EXPLORE_H
#define AERO_TESTS_CRASH_EXPLORE_H

#include "tests/crash/fingerprint.h"
#include "tests/crash/outcomes.h"
#include "tests/crash/pair.h"
#include "tests/crash/shape.h"

struct crash_totals {
    uint64_t histories;
    uint64_t disk_points;  /* boundaries before a disk operation, or at the end */
    uint64_t link_points;  /* before a delivery */
    uint64_t new_points;   /* disk points that no other history had in the same state */
    uint64_t outcomes;     /* of crashes of running nodes */
    uint64_t new_outcomes; /* that left something new: these were recovered */
    uint64_t again_points; /* steps of those recoveries */
    uint64_t again_outcomes;
    uint64_t again_recovered; /* the new ones among them */
    uint64_t torn_tails;
    uint64_t lives; /* histories in which a node died and the rest went on (survivors.h) */
    uint64_t cut_short;
};

struct crash_explorer {
    struct crash_seen seen;
    struct crash_totals totals;
    /* As of crash_pair; `node` is NULL while a recovery is judged. */
    enum crash_act (*mutate)(void *self, const struct crash_node *node,
                             const struct crash_change *change);
    void *mutate_self;
    bool once_a_shape; /* recoveries that are alike but for the bytes (shape.h) are crashed once */
    bool failed;
    char broken[16]; /* which promise: "survive", ... */
    char text[500];

    /* The crash point at hand. */
    bool is_primary;
    bool is_created;
    uint64_t low; /* the model's window */
    uint64_t high;
    uint64_t salt;
    const struct crash_pair *pair;
    struct crash_shape shape; /* of the last recovery */
};

void crash_explorer_deinit(struct crash_explorer *explorer);
/* To be told of crash points: crash_pair's on_point, with the explorer as `self`. */
void crash_explore_point(void *self, struct crash_pair *pair, struct crash_node *node,
                         const struct crash_change *change);
/* The first one is kept. */
void crash_explorer_fail(struct crash_explorer *explorer, const char *broken, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));

#endif
