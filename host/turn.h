/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that take turns at a daemon's loop, so that whoever has work for the disk does it itself.
 *
 * One thread at a time has the turn: it drives the core and sleeps in the event loop, and nobody else touches either.
 * A turn may end with an errand, a disk request that somebody waits for. Its thread then gives the turn up, runs the
 * errand, and takes the turn back, which costs no wake-up: handing the request to another thread, and its completion
 * back, would cost two, and a processor that idles takes longer to wake than half a sync (docs/performance.md).
 *
 *     LEADING --errand--> AWAY --nobody leads--> LEADING
 *        ^                  |
 *        |                  +--another leads--> STANDING BY
 *        +--the alarm rings and nobody leads--------+
 *
 * Meanwhile nobody serves clients, as long as the errand is short. An alarm sees to it that a longer one holds up
 * nobody (FM-7.1): AERO_HOST_TURN_ALONE_NS after the newest errand began, a thread that stands by takes the turn. It
 * rings at once when one turn left several errands, which then run side by side. With three threads there is one to
 * lead while two groups of the log sync; a fourth would have nothing to do.
 *
 * Nothing about data depends on which thread runs what: the order of turns is one order, and what is in a group was
 * decided before its errand began.
 *
 * Threads: `turn` and `errand` run on threads of this module; a turn sees all that earlier turns did. */
#ifndef AERO_HOST_TURN_H
#define AERO_HOST_TURN_H

#include <stdbool.h>

#include "base/log.h"

#define AERO_HOST_TURN_THREADS_MAX 3
#define AERO_HOST_TURN_ALONE_NS 1000000

enum aero_host_turn_next {
    AERO_HOST_TURN_AGAIN,
    AERO_HOST_TURN_ERRAND, /* the turn filled *out_errand */
    AERO_HOST_TURN_END,    /* no turn follows */
    /* The same, and an errand may never come back: nobody waits for it. */
    AERO_HOST_TURN_END_ABRUPTLY,
};

struct aero_host_turn_errand {
    void *work;     /* for `errand` */
    bool more_wait; /* the next turn has another one to give */
};

struct aero_host_turns;

struct aero_host_turn_options {
    unsigned thread_count; /* 1: no turn may have an errand */
    struct aero_logger *logger;
    void *self;
    enum aero_host_turn_next (*turn)(void *self, struct aero_host_turn_errand *out_errand);
    void (*errand)(void *self, void *work);
};

/* Starts the threads; none has a turn before aero_host_turns_run, which has to follow. NULL: they could not all be
 * started, which is logged, and none is left. */
struct aero_host_turns *aero_host_turns_new(const struct aero_host_turn_options *options);

/* Takes turns until one ends it, and returns how it ended: after AERO_HOST_TURN_END every thread is gone, after
 * AERO_HOST_TURN_END_ABRUPTLY the process has to end. The calling thread waits, and is the one that signals reach.
 * Ownership: takes `turns`. */
enum aero_host_turn_next aero_host_turns_run(struct aero_host_turns *turns);

#endif
