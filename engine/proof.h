/* SPDX-License-Identifier: Apache-2.0 */
/* The node's own proof of durability (decision 5): the file `durable`, two 4 KiB slots written in turn.
 *
 * A slot is written after a WAL sync returned and before anybody is told. So whenever one can be read it is true,
 * and losing it is harmless: it is synced when idle work allows, at rotation and at a clean stop.
 * Source: docs/formats.md, "Proof". */
#ifndef AERO_ENGINE_PROOF_H
#define AERO_ENGINE_PROOF_H

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"
#include "engine/disk.h"

#define AERO_PROOF_FILE "durable"
#define AERO_PROOF_SLOT_BYTES 4096U
#define AERO_PROOF_BYTES 104U /* what of a slot is used */

struct aero_proof {
    uint64_t generation; /* slot = generation % 2; the higher valid one counts */
    uint64_t segment_sequence;
    aero_id segment_nonce;
    uint64_t end_offset; /* of the record `end` in that segment */
    struct aero_position end;
};

void aero_proof_encode(const struct aero_proof *proof, uint8_t out_bytes[AERO_PROOF_BYTES]);
aero_status aero_proof_decode(struct aero_slice slot, struct aero_proof *out_proof);
/* The newest valid slot of a whole file's bytes; AERO_NOT_FOUND when there is none. */
aero_status aero_proof_newest(struct aero_slice file, struct aero_proof *out_proof);
/* That of a directory. Errors, with *out_proof all zero: AERO_NOT_FOUND when no slot is valid or there is no file; the disk's. */
aero_status aero_proof_read(struct aero_disk disk, struct aero_proof *out_proof);

#endif
