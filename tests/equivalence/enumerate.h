/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one history under one set of switches and stops it at every failure point, in every way; then compares what was seen
 * with what the baseline shows at the failure points that a row names.
 *
 * A failure point is named by the step that would come next ("group sync": all that comes before the sync of a group's
 * bytes has
 * happened), by " part" behind it (a part of the write has been handed over), or by the fault that the step meets
 * ("fail group sync
 * EIO": it was told the error, and the history went on from there). At each of them the process is killed, and the power
 * is lost with every outcome of the un-synced writes; recovery runs, and is itself stopped at each of its own steps
 * and run again.
 *
 * The order of steps is enumerated where a group's writes, syncs and news may overtake each other, and varied by policies where
 * background work (segments made ahead, snapshots, the manifest) runs beside them. */
#ifndef AERO_TESTS_EQUIVALENCE_ENUMERATE_H
#define AERO_TESTS_EQUIVALENCE_ENUMERATE_H

#include "tests/equivalence/observe.h"

#define AERO_CASE_LIVES 3

/* One row of the document's table of failure points. */
struct aero_case_row {
    const char *id;       /* "GC-03", as in docs/optimizations/NAME.md */
    const char *points;   /* in the optimised system, separated by '|' */
    const char *baseline; /* in the baseline, where they are others; NULL: the same */
};

/* In place of an errno: the write-back of everything un-synced fails in the background just before the step; each open
 * description will be told once (decision 4). */
#define AERO_CASE_WRITEBACK (-1)

struct aero_case_fault {
    const char *step; /* label of the step that meets it, each time in turn */
    const char *name; /* "EIO" */
    int sys_errno;
};

struct aero_enumeration;
struct aero_case_list {
    const char *name;  /* the switch's key */
    uint32_t switches; /* of the optimised system: it, and what it needs to mean anything */
    uint64_t segment_bytes;
    const char *const *histories; /* NULL ends them */
    const char *const *lives;     /* AERO_CASE_LIVES of them: what is done in each */
    uint32_t schedules_max;       /* orders of the steps of groups that are walked; 0: 64 */
    const struct aero_case_row *rows;
    size_t row_count;
    const struct aero_case_fault *faults;
    size_t fault_count;
    /* How it is enumerated; NULL: aero_enumerate and aero_enumerate_lives. */
    void (*enumerate)(const struct aero_case_list *list, uint32_t switches,
                      struct aero_enumeration *enumeration);
};

/* What was seen: lines of the form "POINT<tab>observation". */
struct aero_enumeration {
    struct aero_lines seen;
    struct aero_laws *laws;
    uint64_t points;
    uint64_t outcomes;
};
void aero_enumeration_deinit(struct aero_enumeration *enumeration);

void aero_enumerate(const struct aero_case_list *list, uint32_t switches,
                    struct aero_enumeration *enumeration);

/* Lives one after the other on one directory, each with its own set of switches, stopped at points all over each. What
 * clients and
 * recovery see after the last one is seen at the point "lives". */
void aero_enumerate_lives(const struct aero_case_list *list,
                          const uint32_t switches[AERO_CASE_LIVES],
                          struct aero_enumeration *enumeration);

/* Prints what is wrong; returns how many rows are not equivalent, not met, or missing. */
uint32_t aero_case_list_compare(const struct aero_case_list *list,
                                const struct aero_enumeration *baseline,
                                const struct aero_enumeration *optimised);

#endif
