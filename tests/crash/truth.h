/* SPDX-License-Identifier: Apache-2.0 */
/* What a history allows: the state after each record, how far a client was told "done", and how far a replica has shown it.
 *
 * A model of a few keys that shares nothing with the engine but the tree's cursor. Values are numbers that are never used
 * twice, so equal states mean equal histories.
 *
 *     lsn:  0 ...... acknowledged ...... durable ...... top
 *           |  must survive on the primary     |  may     |  never seen
 *           0 .. shown .. durable on the primary: what a replica may hold, and must from `shown` down
 */
#ifndef AERO_TESTS_CRASH_TRUTH_H
#define AERO_TESTS_CRASH_TRUTH_H

#include <stdbool.h>

#include "base/slice.h"
#include "engine/tree.h"

#define CRASH_KEYS 5U
#define CRASH_RECORDS_MAX 96U

struct crash_state {
    uint32_t value[CRASH_KEYS]; /* 0: no such key */
};

struct crash_truth {
    struct crash_state states[CRASH_RECORDS_MAX]; /* [n]: after record n; [0] is empty */
    uint64_t top;
    uint64_t acknowledged;
    uint64_t shown;   /* by the replica, since its disk was last replaced */
    uint64_t durable; /* on the primary: what it may ship */
    uint32_t next_value;
};

void crash_truth_init(struct crash_truth *truth);
/* The texts that stand for a key and for a value; values above 1000 are long. */
void crash_truth_key(uint32_t key, char out_text[8]);
void crash_truth_value(uint32_t value, char out_text[400]);
/* A number never used before: of a short value, or of a long one. */
uint32_t crash_truth_new_value(struct crash_truth *truth, bool is_long);
/* Record top + 1 leads to `state`. */
void crash_truth_append(struct crash_truth *truth, const struct crash_state *state);
/* Record `lsn` was said never to have been written: those behind it move up, without its effect. */
void crash_truth_forget(struct crash_truth *truth, uint64_t lsn);
/* Names states low..high: two histories with equal names allow the same. */
uint64_t crash_truth_digest(const struct crash_truth *truth, uint64_t low, uint64_t high);
/* Whether `tree` holds exactly the state after `lsn`; else `out_text` says the first difference. */
bool crash_truth_matches(const struct crash_truth *truth, uint64_t lsn,
                         const struct aero_tree *tree, char out_text[160]);

#endif
