/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by pair.c, which runs a pair, and pair_look.c, which says what it left on both disks. */
#ifndef AERO_TESTS_EQUIVALENCE_PAIR_PRIV_H
#define AERO_TESTS_EQUIVALENCE_PAIR_PRIV_H

#include "primary/shipment.h"
#include "shipping/sender.h"
#include "tests/equivalence/pair.h"
#include "tests/equivalence/replica_twin.h"

/* A way in which a pair runs. */
struct aero_pair_way {
    bool late;            /* the replica hears nothing until the primary is through */
    uint32_t groups_max;  /* of a shipment, when groups gather */
    uint32_t break_piece; /* the link breaks behind this piece of bytes; 0: never */
};

/* Where the disk of one node fails; `fault` NULL: nowhere. */
struct aero_pair_fault {
    const struct aero_case_fault *fault;
    bool at_primary; /* that node's disk, or what its sender reads of it */
    uint32_t nth;    /* of the steps that could meet it, counted from 1 */
    uint32_t luck;
    uint32_t met;
    uint32_t points; /* behind it, at which something is new */
    uint64_t moment; /* of the last of them */
    bool happened;
    bool is_over; /* the node started again: laws hold, nothing is compared any more */
};

struct aero_pair {
    const struct aero_case_list *list;
    uint32_t switches;
    struct aero_pair_way way;
    struct aero_enumeration *out;
    bool probing; /* false: a restarted pair that only catches up */
    struct aero_pair_fault plan;
    bool sender_is_over; /* it said so: what it still has to say, then the link ends */
    bool damage_told;    /* the sender told its primary of what it could not read */
    uint64_t stops;
    struct aero_twin_story story;
    struct aero_twin primary;
    struct aero_shipment shipment;
    struct aero_wal_place published;
    uint32_t pieces; /* that the link carried */
    struct aero_sender *sender;
    struct aero_replica_twin replica;
    uint64_t entropy;         /* of nonces of links: never the same twice over lives */
    aero_pair_visitor *visit; /* NULL: nobody */
    void *visitor;
};

/* Both disks after a crash of one of them, or of both: what laws say, and what each observer sees at `point`. */
void aero_pair_look(struct aero_pair *pair, const char *point, struct aero_sim_disk *primary,
                    struct aero_sim_disk *replica, const char *how);

#endif
