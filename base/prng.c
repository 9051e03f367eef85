/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include "base/assert.h"

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

/* SplitMix64 spreads a small seed over the whole state, as the authors of xoshiro recommend. */
void aero_prng_init(struct aero_prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15U;
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        prng->state[i] = z ^ z >> 31;
    }
}

uint64_t aero_prng_next(struct aero_prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t aero_prng_below(struct aero_prng *prng, uint64_t bound)
{
    AERO_ASSERT(bound >= 1);
    return (uint64_t)(((unsigned __int128)aero_prng_next(prng) * bound) >> 64);
}
