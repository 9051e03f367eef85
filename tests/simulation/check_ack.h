/* SPDX-License-Identifier: Apache-2.0 */
/* What clients were told must be true for ever, judged by what clients are told later.
 *
 *   register   written by one client over one connection, in order. Its value is that of some write that is not older than the
 *              newest one acknowledged or seen. A write without an answer (UNKNOWN, or the connection went) may count or not;
 *              one answered with NOTWRITTEN is the affair of check_withdrawn.h, what replicas showed that of check_monotonic.h.
 *   pair       two keys that one MULTI writes: always the same write (D-2).
 *   counter    INCR from everybody: no two acknowledged replies are the same, its value is between the highest seen and
 *              the number of INCRs that may have happened.
 *   lock       SET NX from everybody: at most one OK; whoever was told nil saw a holder that stays (decision 10).
 *   expiring   like a register, but may be gone.
 *
 * A client that lost its connection never writes its old keys again: bytes that it once sent may still arrive. */
#ifndef AERO_TESTS_SIMULATION_CHECK_ACK_H
#define AERO_TESTS_SIMULATION_CHECK_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct aero_sim_world;

#define AERO_ACK_VALUE_MAX 3000U

enum aero_ack_kind {
    AERO_ACK_REGISTER,
    AERO_ACK_PAIR,
    AERO_ACK_COUNTER,
    AERO_ACK_LOCK,
    AERO_ACK_EXPIRING,
};

enum aero_ack_state {
    AERO_ACK_SENT, /* or no answer will ever come, or UNKNOWN: it may count */
    AERO_ACK_DONE,
    AERO_ACK_NOTWRITTEN,
};

struct aero_ack_write {
    enum aero_ack_state state;
    bool is_delete;
};

struct aero_ack_key {
    char name[24]; /* of a pair: without its last letter, a or b */
    enum aero_ack_kind kind;
    struct aero_ack_write *writes; /* writes[0]: the beginning, no value */
    uint32_t write_count;
    uint32_t write_capacity;
    uint32_t
        floor; /* register, pair, expiring: the newest write done or seen; counter: value; lock: winner */
    uint32_t *replies; /* counter: acknowledged */
    uint32_t reply_count;
    bool lock_held; /* somebody was told so */
};

struct aero_check_ack {
    struct aero_ack_key *keys;
    uint32_t count;
    uint32_t capacity;
};

void aero_check_ack_deinit(struct aero_check_ack *check);

/* The key's index; made when new. */
uint32_t aero_check_ack_key(struct aero_sim_world *world, const char *name,
                            enum aero_ack_kind kind);
/* A write is about to be sent; returns its number, which names its value. */
uint32_t aero_check_ack_sent(struct aero_sim_world *world, uint32_t key, bool is_delete);
struct aero_slice aero_check_ack_value(uint32_t key, uint32_t write,
                                       uint8_t out_bytes[AERO_ACK_VALUE_MAX]);
/* OK, an error of the kind NOTWRITTEN, or for a counter its reply. `reply` is for counters. */
void aero_check_ack_done(struct aero_sim_world *world, uint32_t key, uint32_t write,
                         uint64_t reply);
void aero_check_ack_notwritten(struct aero_sim_world *world, uint32_t key, uint32_t write);
/* SET NX was told nil. */
void aero_check_ack_lock_held(struct aero_sim_world *world, uint32_t key);

/* What a read from this node that begins now must not fall behind: on the primary, all that anybody was told or saw; on a
 * replica, what was seen there. */
uint32_t aero_check_ack_floor(const struct aero_sim_world *world, uint32_t key,
                              uint32_t node_index);
/* A read from node `node_index` (0: the primary) said `value`; NULL data: no such key. `floor` is from when it was sent. */
void aero_check_ack_seen(struct aero_sim_world *world, uint32_t key, uint32_t node_index,
                         uint32_t floor, struct aero_slice value);
/* Both halves of a pair, read at once. */
void aero_check_ack_seen_pair(struct aero_sim_world *world, uint32_t key, uint32_t node_index,
                              uint32_t floor, struct aero_slice a, struct aero_slice b);

#endif
