/* SPDX-License-Identifier: Apache-2.0 */
/* One primary of the production cores over the simulated disk, driven one disk operation at a time, so that it can be stopped
 * between any two of them. The same history runs in it under any set of switches.
 *
 * A history is text: "Aw1 Bw2x3000 , Cr | Ac"
 *
 *     Aw1     client A writes: MSET k1 V shared 1, one commit; x3000: with a value of 3000 bytes
 *     Ar      client A reads `shared`: the id of the newest write that it is shown
 *     Ao1     client A reads k1: the id 1, or nothing
 *     Ac      client A asks for a checkpoint and waits for its end
 *     ,       the turn ends here: what came before it is handed over, as far as the switches allow
 *     |       everything runs until nothing is left to do */
#ifndef AERO_TESTS_EQUIVALENCE_TWIN_H
#define AERO_TESTS_EQUIVALENCE_TWIN_H

#include "base/log.h"
#include "primary/primary.h"
#include "tests/equivalence/hands.h"

/* Bits of a set of switches. None set is the baseline of docs/optimizations. */
enum aero_twin_switch {
    AERO_TWIN_GROUP_COMMIT = 1 << 0,
    AERO_TWIN_WAL_BATCHING = 1 << 1,
    AERO_TWIN_OVERLAPPED_SYNC = 1 << 2,
    AERO_TWIN_WAL_RECYCLE = 1 << 3,
    AERO_TWIN_CHECKPOINT_PIPELINING = 1 << 4,
    AERO_TWIN_READ_FAST_PATH = 1 << 5,
    AERO_TWIN_TAIL_STREAMING = 1 << 6,
    AERO_TWIN_SHIP_GROUPS = 1 << 7, /* of a pair only: nothing is shipped by a primary alone */
};
#define AERO_TWIN_SWITCH_COUNT 8
/* The configuration key of bit `index`. */
const char *aero_twin_switch_key(uint32_t index);
void aero_twin_wal_switches(uint32_t switches, struct aero_wal_switches *out_switches);

#define AERO_TWIN_CLIENTS 6
#define AERO_TWIN_COMMANDS_MAX 64
#define AERO_TWIN_IDS_MAX 64

/* What a client was told of one of its commands. */
enum aero_twin_told {
    AERO_TWIN_NOTHING = '.',
    AERO_TWIN_OK = 'K',
    AERO_TWIN_NOT_WRITTEN = 'N',
    AERO_TWIN_UNKNOWN = 'U',
    AERO_TWIN_REFUSED = 'R', /* any other error: nothing was begun */
};

struct aero_twin_command {
    char client;
    char what;
    uint32_t id;
    enum aero_twin_told told;
    uint32_t shown; /* by a read; 0: nothing there */
};

/* What clients did and heard, over as many lives as the story has. */
struct aero_twin_story {
    struct aero_twin_command commands[AERO_TWIN_COMMANDS_MAX];
    uint32_t count;
};

struct aero_twin_options {
    uint32_t switches;
    uint64_t segment_bytes; /* 0: 64 KiB */
    uint32_t kept_snapshots;
};

struct aero_twin {
    struct aero_twin_options options;
    struct aero_twin_story *story;
    uint32_t first_command;     /* of this life: earlier ones are never answered any more */
    struct aero_sim_disk *disk; /* borrowed */
    struct aero_logger logger;
    struct aero_primary *primary;
    aero_lsn started_with;
    uint64_t entropy; /* of nonces: never the same twice over lives */
    uint64_t now_ns;
    struct aero_session *sessions[AERO_TWIN_CLIENTS];
    struct aero_buffer heard[AERO_TWIN_CLIENTS];
    struct aero_hands hands;
};

/* A disk with the directory of a new primary. `choice` is its luck. */
struct aero_sim_disk *aero_twin_new_disk(struct aero_choice *choice);

/* Starts a process on `disk`, which may hold anything that recovery takes. False: it refused, or died. `life` is another number
 * for each process of a story. */
bool aero_twin_open(struct aero_twin *twin, const struct aero_twin_options *options,
                    struct aero_twin_story *story, struct aero_sim_disk *disk, uint64_t life);
/* Ends the process without a word to anybody: a kill. */
void aero_twin_close(struct aero_twin *twin);

/* Reads one word of a history. False: it was '|', or the history is over (*text at its end). ',' ends a turn by itself. */
bool aero_twin_feed(struct aero_twin *twin, const char **text);
/* Ends the turn: what arrived is handed over, and replies that may leave are heard. */
void aero_twin_turn(struct aero_twin *twin);
/* A second passes. True: that gave the disk something to do. */
bool aero_twin_wait(struct aero_twin *twin);

/* Runs one step of twin->hands, and the turn that follows when the core hears of an end. */
void aero_twin_run(struct aero_twin *twin, const struct aero_step *step);

#endif
