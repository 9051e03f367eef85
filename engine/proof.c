/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder of the proof's slots; byte table in docs/formats.md, "Proof".
 *
 * A slot's 104 bytes lie in one sector. A crash in the middle of writing one leaves the other slot, which is
 * older and still true: what has been durable stays durable. */
#include "engine/proof.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "base/le.h"

#define PROOF_MAGIC "AERODUR1"
#define PROOF_VERSION 1U
#define CHECKSUM_OFFSET 96U
#define FILE_BYTES_MAX ((size_t)16 * AERO_PROOF_SLOT_BYTES)

_Static_assert(CHECKSUM_OFFSET + 8 == AERO_PROOF_BYTES, "the checksum comes last");

void aero_proof_encode(const struct aero_proof *proof, uint8_t out_bytes[AERO_PROOF_BYTES])
{
    memset(out_bytes, 0, AERO_PROOF_BYTES);
    memcpy(out_bytes, PROOF_MAGIC, 8);
    aero_store_u32(out_bytes + 8, PROOF_VERSION);
    aero_store_u64(out_bytes + 16, proof->generation);
    aero_store_u64(out_bytes + 24, proof->segment_sequence);
    memcpy(out_bytes + 32, proof->segment_nonce.bytes, 16);
    aero_store_u64(out_bytes + 48, proof->end_offset);
    aero_store_u64(out_bytes + 56, proof->end.lsn.value);
    aero_store_u64(out_bytes + 64, proof->end.chain);
    aero_store_u64(out_bytes + CHECKSUM_OFFSET,
                   aero_checksum64(aero_slice_of(out_bytes, CHECKSUM_OFFSET)));
}

aero_status aero_proof_decode(struct aero_slice slot, struct aero_proof *out_proof)
{
    if (slot.length < AERO_PROOF_BYTES) {
        return aero_error(AERO_INCOMPLETE);
    }
    const uint8_t *in = slot.data;
    if (memcmp(in, PROOF_MAGIC, 8) != 0 ||
        aero_load_u64(in + CHECKSUM_OFFSET) !=
            aero_checksum64(aero_slice_of(in, CHECKSUM_OFFSET))) {
        return aero_error(AERO_CORRUPT);
    }
    if (aero_load_u32(in + 8) != PROOF_VERSION) {
        return aero_error(AERO_UNSUPPORTED);
    }
    uint64_t reserved = aero_load_u32(in + 12) | aero_load_u64(in + 72) | aero_load_u64(in + 80) |
                        aero_load_u64(in + 88);
    if (reserved != 0) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_proof proof = {
        .generation = aero_load_u64(in + 16),
        .segment_sequence = aero_load_u64(in + 24),
        .end_offset = aero_load_u64(in + 48),
        .end = {.lsn = aero_lsn_of(aero_load_u64(in + 56)), .chain = aero_load_u64(in + 64)},
    };
    memcpy(proof.segment_nonce.bytes, in + 32, 16);
    *out_proof = proof;
    return aero_ok();
}

aero_status aero_proof_newest(struct aero_slice file, struct aero_proof *out_proof)
{
    bool found = false;
    struct aero_proof newest = {0};
    for (size_t slot = 0; slot < 2; slot++) {
        size_t offset = slot * AERO_PROOF_SLOT_BYTES;
        struct aero_proof proof;
        if (offset >= file.length ||
            !aero_is_ok(aero_proof_decode(aero_slice_of(file.data + offset, file.length - offset),
                                          &proof)) ||
            proof.generation % 2 != slot) {
            continue;
        }
        if (!found || proof.generation > newest.generation) {
            newest = proof;
            found = true;
        }
    }
    if (!found) {
        return aero_error(AERO_NOT_FOUND);
    }
    *out_proof = newest;
    return aero_ok();
}

aero_status aero_proof_read(struct aero_disk disk, struct aero_proof *out_proof)
{
    struct aero_buffer bytes = {0};
    *out_proof = (struct aero_proof){0};
    aero_status status = aero_disk_read_file(disk, AERO_PROOF_FILE, FILE_BYTES_MAX, &bytes);
    if (aero_is_ok(status)) {
        status = aero_proof_newest(aero_buffer_slice(&bytes), out_proof);
    }
    aero_buffer_deinit(&bytes);
    return status;
}
