/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums: XXH3, 64 bits for records and headers, 128 bits for the state digest. They detect accidents, not
 * forgery; peers are authenticated by TLS. The only file that includes xxhash is checksum.c. */
#ifndef AERO_BASE_CHECKSUM_H
#define AERO_BASE_CHECKSUM_H

#include <stdint.h>

#include "base/slice.h"

/* A number modulo 2^128. */
struct aero_u128 {
    uint64_t low;
    uint64_t high;
};

uint64_t aero_checksum64(struct aero_slice bytes);
struct aero_u128 aero_checksum128(struct aero_slice bytes);

static inline struct aero_u128 aero_u128_add(struct aero_u128 a, struct aero_u128 b)
{
    struct aero_u128 sum = {.low = a.low + b.low, .high = a.high + b.high};
    sum.high += sum.low < a.low;
    return sum;
}

static inline struct aero_u128 aero_u128_subtract(struct aero_u128 a, struct aero_u128 b)
{
    struct aero_u128 difference = {.low = a.low - b.low, .high = a.high - b.high};
    difference.high -= a.low < b.low;
    return difference;
}

static inline int aero_u128_equal(struct aero_u128 a, struct aero_u128 b)
{
    return a.low == b.low && a.high == b.high;
}

#endif
