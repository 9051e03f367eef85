/* SPDX-License-Identifier: Apache-2.0 */
/* The file `durable`: a slot, and the choice between the two. */
#include "engine/proof.h"
#include "tests/fuzz/fuzz.h"

#define CHECKSUM_OFFSET (AERO_PROOF_BYTES - 8)

static bool look_at_slot(struct aero_slice slot, struct aero_proof *out_proof)
{
    aero_status status = aero_proof_decode(slot, out_proof);
    AERO_ASSERT((status.code == AERO_INCOMPLETE) == (slot.length < AERO_PROOF_BYTES));
    if (!aero_is_ok(status)) {
        return false;
    }
    uint8_t again[AERO_PROOF_BYTES];
    aero_proof_encode(out_proof, again);
    AERO_ASSERT(memcmp(again, slot.data, sizeof again) == 0);
    return true;
}

/* What newest answers is a slot that decodes, in its place, and none that decodes in its place is newer. */
static void look_at_file(struct aero_slice file)
{
    struct aero_proof newest;
    bool found = aero_is_ok(aero_proof_newest(file, &newest));
    bool is_one_of_them = false;
    for (size_t slot = 0; slot < 2; slot++) {
        size_t offset = slot * AERO_PROOF_SLOT_BYTES;
        struct aero_proof proof;
        if (offset < file.length &&
            look_at_slot(aero_slice_of(file.data + offset, file.length - offset), &proof) &&
            proof.generation % 2 == slot) {
            AERO_ASSERT(found && newest.generation >= proof.generation);
            is_one_of_them = is_one_of_them || newest.generation == proof.generation;
        }
    }
    AERO_ASSERT(found == is_one_of_them);
}

/* The input is the used bytes of the two slots, one after the other. */
void fuzz_one(struct aero_slice input)
{
    look_at_file(input);
    size_t file_bytes = AERO_PROOF_SLOT_BYTES + AERO_PROOF_BYTES;
    uint8_t *file = aero_calloc(1, file_bytes);
    size_t first = input.length < AERO_PROOF_BYTES ? input.length : AERO_PROOF_BYTES;
    size_t rest = input.length - first;
    size_t second = rest < AERO_PROOF_BYTES ? rest : AERO_PROOF_BYTES;
    memcpy(file, input.data, first);
    memcpy(file + AERO_PROOF_SLOT_BYTES, input.data + first, second);
    look_at_file(aero_slice_of(file, file_bytes));
    fuzz_seal(file, CHECKSUM_OFFSET);
    fuzz_seal(file + AERO_PROOF_SLOT_BYTES, CHECKSUM_OFFSET);
    look_at_file(aero_slice_of(file, file_bytes));
    free(file);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    uint8_t bytes[2 * AERO_PROOF_BYTES];
    struct aero_proof proof = {
        .generation = 0x0102030405060708U,
        .segment_sequence = 9,
        .segment_nonce = fuzz_id(0x44),
        .end_offset = 0x3000,
        .end = {.lsn = {.value = 0x1234}, .chain = 0xfedcba9876543210U},
    };
    aero_proof_encode(&proof, bytes);
    proof.generation++;
    aero_proof_encode(&proof, bytes + AERO_PROOF_BYTES);
    fuzz_seed(seeds, aero_slice_of(bytes, sizeof bytes));
    fuzz_seed(seeds, aero_slice_of(bytes, AERO_PROOF_BYTES));
    proof.generation++;
    aero_proof_encode(&proof, bytes);
    fuzz_seed(seeds, aero_slice_of(bytes, sizeof bytes));
}
