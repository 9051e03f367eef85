/* SPDX-License-Identifier: Apache-2.0 */
/* A primary, its replica, one client and the link between them: the production cores in one process, without a clock, a
 * scheduler or luck. One action at a time, in an order that is always the same: a disk operation of one of the two, or the
 * delivery of one piece of bytes. Before each of them the observer is told: that is a crash point.
 *
 * Bytes flow on the link only while `flowing`: shipping is a step of a history, not something that happens meanwhile. */
#ifndef AERO_TESTS_CRASH_PAIR_H
#define AERO_TESTS_CRASH_PAIR_H

#include "base/log.h"
#include "engine/recovery.h"
#include "engine/wal_writer.h"
#include "tests/crash/machine.h"
#include "tests/crash/truth.h"

struct aero_primary;
struct aero_replica;
struct aero_sender;
struct aero_session;
struct crash_pair;

#define CRASH_EXPECTED_MAX 32U

struct crash_setup {
    struct aero_wal_switches switches;
    bool aged;      /* begins with two snapshots, several segments, and a replica in step */
    bool pins_hold; /* a replica's pin keeps WAL; else the cap lets it go */
    bool overlaps;  /* a step begins while those before are still at work */
    bool pipelined; /* commits go on while a checkpoint runs */
};

struct crash_node {
    struct crash_pair *pair;
    struct crash_machine machine;
    bool is_primary;
    bool is_created; /* its directory: before that a start may find nothing */
};

struct crash_client {
    struct aero_session *session;
    struct aero_buffer replies;
    uint64_t expected[CRASH_EXPECTED_MAX]; /* per reply: the LSN that it acknowledges; 0: none */
    uint32_t expected_count;
};

struct crash_pair {
    struct crash_setup setup;
    struct crash_node node[2]; /* the primary, the replica */
    struct aero_choice ids;
    struct aero_logger logger;
    struct crash_truth truth;
    uint64_t mono_ns;
    uint32_t turn;

    struct aero_primary *primary;
    struct aero_replica *replica;
    struct crash_client writer;   /* of the primary */
    struct crash_client admin[2]; /* who asks for checkpoints: they wait for their end */

    struct aero_sender *sender; /* NULL: no link */
    uint64_t connection;
    bool said_closed;
    bool flowing;
    const void *published_view;
    struct aero_wal_place published_place;
    struct aero_buffer to_replica;
    struct aero_buffer to_primary;

    /* Records told UNKNOWN: so many from that LSN on, which stand in that segment or nowhere. */
    uint32_t doubt_count;
    uint64_t doubt_lsn;
    uint64_t doubt_sequence;
    uint32_t no_space; /* so many writes to the primary's WAL find no room */
    /* Before each action; `node` is NULL for one of the network. May be NULL. */
    void (*on_point)(void *self, struct crash_pair *pair, struct crash_node *node,
                     const struct crash_change *change);
    void *self;
    enum crash_act (*mutate)(void *self, const struct crash_node *node,
                             const struct crash_change *change);
    void *mutate_self;
    /* A node died and came back, or room was lacking: writes may be refused until the replica was heard (decision 7) and
     * there is room, checkpoints too. */
    bool may_refuse;
    char broken[256]; /* the first thing that cannot be; empty: none */
};

/* Creates both directories, starts both nodes and connects them; ages them when the setup says so. */
void crash_pair_begin(struct crash_pair *pair, const struct crash_setup *setup);
void crash_pair_end(struct crash_pair *pair);

/* One action; false: nothing to do. */
bool crash_pair_act(struct crash_pair *pair);
/* Actions until there is nothing to do. */
void crash_pair_settle(struct crash_pair *pair);

/* A command of the client that writes; `state` NULL: it changes nothing. */
void crash_pair_write(struct crash_pair *pair, size_t count, const char *const words[],
                      const struct crash_state *state);
/* Asks for a checkpoint on that node. */
void crash_pair_checkpoint(struct crash_pair *pair, bool on_primary);
/* Dials, when there is no link. */
void crash_pair_connect(struct crash_pair *pair);
void crash_pair_cut(struct crash_pair *pair);
/* From on_point: the node's disk crashes, and with it the process; it is started again before the next action. */
void crash_pair_kill(struct crash_pair *pair, struct crash_node *node, enum aero_sim_crash how);
/* The replica gets an empty disk and begins again. */
void crash_pair_replace_replica(struct crash_pair *pair);

/* Creates the node's directory where there is none: the operator's act at the very beginning. */
aero_status crash_create(struct aero_disk disk, bool is_primary);
void crash_pair_break(struct crash_pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* pair_link.c: what the runner does for the link. */
void crash_link_collect(struct crash_pair *pair);
bool crash_link_deliver(struct crash_pair *pair);

#endif
