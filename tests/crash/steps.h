/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of which histories are made. */
#ifndef AERO_TESTS_CRASH_STEPS_H
#define AERO_TESTS_CRASH_STEPS_H

#include "tests/crash/pair.h"

enum crash_step {
    CRASH_STEP_PUT,
    CRASH_STEP_DELETE,
    CRASH_STEP_BATCH,      /* MULTI, two SETs, EXEC: one commit */
    CRASH_STEP_CHECKPOINT, /* on both nodes */
    CRASH_STEP_ROTATE,     /* long values until a segment has begun */
    CRASH_STEP_TRUNCATE,   /* rotate, checkpoint, until WAL has gone */
    CRASH_STEP_SHIP, /* what is durable, until the replica has it; a snapshot where it is too late for WAL */
    CRASH_STEP_TRANSFER,  /* the replica gets an empty disk, and then all of it */
    CRASH_STEP_RECONNECT, /* the link is cut in the middle of shipping, and dialled again */
    CRASH_STEP_NO_ROOM,   /* a put whose write finds half the room */
    CRASH_STEP_COUNT,
};

const char *crash_step_name(enum crash_step step);
/* CRASH_STEP_COUNT: no such name. */
enum crash_step crash_step_of(const char *name);
/* Begins the step; crash_pair_settle, or the actions of later steps, carry it out. */
void crash_step_begin(struct crash_pair *pair, enum crash_step step);
/* Begins it and sees it through. */
void crash_step_run(struct crash_pair *pair, enum crash_step step);
/* Everything shipped, the replica in step with the primary, both in step with the model; else pair->broken says what is not. */
void crash_pair_expect_whole(struct crash_pair *pair);

#endif
