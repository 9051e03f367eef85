/* SPDX-License-Identifier: Apache-2.0 */
/* Linearizability of the primary: what clients saw of a key that all of them write must be explained by one order of the
 * operations in which each takes effect at one moment between its sending and its answer.
 *
 * Keys are judged one by one: linearizability is local (Herlihy and Wing, 1990), and an order for each key is an order for all.
 * An operation answered with UNKNOWN, or not at all, may take effect at any moment from its sending on, or never; one that was
 * answered with NOTWRITTEN takes none, so a value of it that is read breaks the promise. The search is that of Wing and
 * Gong with the memory of Lowe (Testing for linearizability, 2017): a set of operations done and the state that it led to
 * are tried once. */
#ifndef AERO_TESTS_SIMULATION_CHECK_LINEAR_H
#define AERO_TESTS_SIMULATION_CHECK_LINEAR_H

#include <stdbool.h>
#include <stdint.h>

struct aero_sim_world;

/* Values are numbers, each written once a key; 0 is no value. */
enum aero_linear_kind {
    AERO_LINEAR_READ,   /* result: the value */
    AERO_LINEAR_WRITE,  /* no result */
    AERO_LINEAR_DELETE, /* result: whether there was a value */
    AERO_LINEAR_SWAP,   /* writes; result: the value before */
    AERO_LINEAR_CREATE, /* writes where there is none; result: whether it did */
};

struct aero_linear_operation {
    enum aero_linear_kind kind;
    bool refused;   /* took no effect */
    uint32_t value; /* WRITE, SWAP, CREATE */
    uint32_t result;
    uint64_t begin;
    uint64_t end; /* UINT64_MAX: no answer, or one that leaves it open */
};

struct aero_linear_key {
    struct aero_linear_operation *operations; /* in the order of their beginning */
    uint32_t count;
    uint32_t capacity;
};

#define AERO_LINEAR_KEYS 4U

struct aero_check_linear {
    struct aero_linear_key keys[AERO_LINEAR_KEYS];
    uint64_t clock;     /* beginnings and ends, each at a moment of its own */
    uint64_t undecided; /* keys whose search was given up */
};

void aero_check_linear_deinit(struct aero_check_linear *check);
/* An operation is about to be sent; returns its number. The value that it writes is that number + 1. */
uint32_t aero_check_linear_begin(struct aero_sim_world *world, uint32_t key,
                                 enum aero_linear_kind kind);
void aero_check_linear_done(struct aero_sim_world *world, uint32_t key, uint32_t operation,
                            uint32_t result);
void aero_check_linear_refused(struct aero_sim_world *world, uint32_t key, uint32_t operation);
/* All is over: looks for the order. */
void aero_check_linear_judge(struct aero_sim_world *world);

#endif
