/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that must not be mixed up are structs of one member: an LSN is not an epoch and not a length. */
#ifndef AERO_BASE_UNITS_H
#define AERO_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

/* Log sequence number: 1 is the first record of a cluster, 0 is "before everything". One record, one LSN. */
typedef struct aero_lsn {
    uint64_t value;
} aero_lsn;

/* Rises with every promotion; equal epochs with different incarnations halt both nodes (decision 6). */
typedef struct aero_epoch {
    uint64_t value;
} aero_epoch;

/* Monotonic nanoseconds, only for timers and durations: no decision about data reads it (FM-time). */
typedef struct aero_mono_ns {
    uint64_t value;
} aero_mono_ns;

/* Wall-clock milliseconds since 1970, only read on the primary and then logged. */
typedef struct aero_wall_ms {
    uint64_t value;
} aero_wall_ms;

/* 128 random bits: cluster ids, incarnation nonces, segment nonces, snapshot ids. All zero is "none". */
typedef struct aero_id {
    uint8_t bytes[16];
} aero_id;

/* A place in history: everything up to and including lsn, and the chain value of that record. Two nodes whose
 * positions are equal hold the same prefix, byte for byte. */
struct aero_position {
    aero_lsn lsn;
    uint64_t chain;
};

/* What follows a noun behind this number: "1 record", "2 records". */
static inline const char *aero_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static inline aero_lsn aero_lsn_of(uint64_t value)
{
    return (aero_lsn){.value = value};
}

static inline aero_lsn aero_lsn_next(aero_lsn lsn)
{
    return (aero_lsn){.value = lsn.value + 1};
}

static inline bool aero_id_is_none(aero_id id)
{
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        if (id.bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static inline bool aero_id_equal(aero_id a, aero_id b)
{
    for (unsigned i = 0; i < sizeof a.bytes; i++) {
        if (a.bytes[i] != b.bytes[i]) {
            return false;
        }
    }
    return true;
}

/* 32 lower-case hexadecimal digits and a NUL. */
#define AERO_ID_TEXT_BYTES 33
void aero_id_format(aero_id id, char out_text[AERO_ID_TEXT_BYTES]);
bool aero_id_parse(const char *text, aero_id *out_id);

#endif
