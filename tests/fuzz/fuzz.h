/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target shares.
 *
 * A target is one file, target_NAME.c, with two functions: what to do with bytes from outside, and the seeds to begin
 * from. fuzz.c is the rest of the program: libFuzzer calls it, and `fuzz_NAME --seeds=DIRECTORY` writes the seeds
 * there.
 *
 * A target looks for more than crashes. Where encoder and decoder sit together it asks that what was decoded encodes to
 * the same bytes; where bytes arrive in pieces, that the pieces mean what the whole means. A false answer is an
 * AERO_ASSERT. Checksums would keep a fuzzer out of everything behind them, so targets look at the bytes twice: as they
 * came, and with the checksums made right. */
#ifndef AERO_TESTS_FUZZ_H
#define AERO_TESTS_FUZZ_H

#include <stdlib.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/le.h"
#include "base/slice.h"
#include "base/units.h"

/* ---- The target's ---- */

void fuzz_one(struct aero_slice input);
struct fuzz_seeds;
void fuzz_seeds(struct fuzz_seeds *seeds);

/* ---- For targets ---- */

/* One seed; the bytes are copied. */
void fuzz_seed(struct fuzz_seeds *seeds, struct aero_slice bytes);

/* A copy of exactly these bytes: AddressSanitizer sees a read of one byte too many. Release with free(). */
uint8_t *fuzz_copy(struct aero_slice bytes);

/* Takes bytes off the front of the input, for choices; zeros when there are no more. */
uint8_t fuzz_take_u8(struct aero_slice *input);
uint16_t fuzz_take_u16(struct aero_slice *input);
/* The next piece of an input that arrives in pieces: 1 byte to all of it, as `*pattern` says; the pattern turns. */
struct aero_slice fuzz_take_piece(struct aero_slice *input, uint32_t *pattern);

/* Writes the checksum of bytes[0, offset) to `offset`. */
static inline void fuzz_seal(uint8_t *bytes, size_t offset)
{
    aero_store_u64(bytes + offset, aero_checksum64(aero_slice_of(bytes, offset)));
}

static inline aero_id fuzz_id(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

#endif
