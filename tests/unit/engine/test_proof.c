/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/checksum.h"
#include "base/le.h"
#include "engine/proof.h"

/* Frozen: a change here is a change of the format (docs/formats.md, "Proof"). */
static const uint8_t golden[AERO_PROOF_BYTES] = {
    0x41, 0x45, 0x52, 0x4f, 0x44, 0x55, 0x52, 0x31, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc,
    0xcd, 0xce, 0xcf, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5b, 0x2a, 0xa4, 0xea, 0xc7, 0xfe, 0xcb, 0xd7};

struct proof_file {
    uint8_t bytes[2 * AERO_PROOF_SLOT_BYTES];
};

static void put_slot(struct proof_file *file, size_t slot, uint64_t generation)
{
    struct aero_proof proof = {
        .generation = generation, .segment_sequence = 1, .end = {.lsn = {generation * 10}}};
    aero_proof_encode(&proof, file->bytes + slot * AERO_PROOF_SLOT_BYTES);
}

static aero_status newest(const struct proof_file *file, struct aero_proof *out_proof)
{
    return aero_proof_newest(aero_slice_of(file->bytes, sizeof file->bytes), out_proof);
}

static void test_proof_round_trip_of_the_golden_bytes(void **state)
{
    (void)state;
    struct aero_proof proof;
    uint8_t bytes[AERO_PROOF_BYTES];
    assert_int_equal(aero_proof_decode(aero_slice_of(golden, sizeof golden), &proof).code, AERO_OK);
    assert_true(proof.generation == 9 && proof.segment_sequence == 3);
    assert_int_equal(proof.segment_nonce.bytes[15], 0xcf);
    assert_true(proof.end_offset == 0x2000 && proof.end.lsn.value == 200);
    assert_true(proof.end.chain == 0x4142434445464748U);
    aero_proof_encode(&proof, bytes);
    assert_memory_equal(bytes, golden, sizeof bytes);
}

static void test_proof_decode_refuses_every_flipped_bit_and_short_bytes(void **state)
{
    (void)state;
    struct aero_proof proof;
    for (size_t bit = 0; bit < sizeof golden * 8; bit++) {
        uint8_t bytes[AERO_PROOF_BYTES];
        memcpy(bytes, golden, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(aero_proof_decode(aero_slice_of(bytes, sizeof bytes), &proof).code,
                         AERO_CORRUPT);
    }
    assert_int_equal(aero_proof_decode(aero_slice_of(golden, sizeof golden - 1), &proof).code,
                     AERO_INCOMPLETE);
}

static void test_proof_decode_refuses_reserved_bytes_and_unknown_versions(void **state)
{
    (void)state;
    static const size_t reserved[] = {12, 72, 80, 95};
    struct aero_proof proof;
    uint8_t bytes[AERO_PROOF_BYTES];
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        memcpy(bytes, golden, sizeof bytes);
        bytes[reserved[i]] = 1;
        aero_store_u64(bytes + 96, aero_checksum64(aero_slice_of(bytes, 96)));
        assert_int_equal(aero_proof_decode(aero_slice_of(bytes, sizeof bytes), &proof).code,
                         AERO_CORRUPT);
    }
    memcpy(bytes, golden, sizeof bytes);
    bytes[8] = 2;
    aero_store_u64(bytes + 96, aero_checksum64(aero_slice_of(bytes, 96)));
    assert_int_equal(aero_proof_decode(aero_slice_of(bytes, sizeof bytes), &proof).code,
                     AERO_UNSUPPORTED);
}

static void test_proof_newest_takes_the_higher_generation(void **state)
{
    (void)state;
    struct proof_file file = {{0}};
    struct aero_proof proof;
    put_slot(&file, 0, 4);
    put_slot(&file, 1, 5);
    assert_int_equal(newest(&file, &proof).code, AERO_OK);
    assert_true(proof.generation == 5);
    put_slot(&file, 0, 6);
    assert_int_equal(newest(&file, &proof).code, AERO_OK);
    assert_true(proof.generation == 6 && proof.end.lsn.value == 60);
}

/* A crash in the middle of a slot leaves the other one, which is older and still true (decision 5). */
static void test_proof_newest_with_one_torn_slot_takes_the_other(void **state)
{
    (void)state;
    struct proof_file file = {{0}};
    struct aero_proof proof;
    put_slot(&file, 0, 4);
    put_slot(&file, 1, 5);
    file.bytes[AERO_PROOF_SLOT_BYTES + 60] ^= 1;
    assert_int_equal(newest(&file, &proof).code, AERO_OK);
    assert_true(proof.generation == 4);
}

static void test_proof_newest_without_a_valid_slot_is_not_found(void **state)
{
    (void)state;
    struct proof_file file = {{0}};
    struct aero_proof proof;
    assert_int_equal(newest(&file, &proof).code, AERO_NOT_FOUND);
    assert_int_equal(aero_proof_newest(aero_slice_of("", 0), &proof).code, AERO_NOT_FOUND);
    put_slot(&file, 0, 5); /* an odd generation belongs into slot 1 */
    assert_int_equal(newest(&file, &proof).code, AERO_NOT_FOUND);
    put_slot(&file, 0, 6);
    assert_int_equal(aero_proof_newest(aero_slice_of(file.bytes, AERO_PROOF_BYTES), &proof).code,
                     AERO_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proof_round_trip_of_the_golden_bytes),
        cmocka_unit_test(test_proof_decode_refuses_every_flipped_bit_and_short_bytes),
        cmocka_unit_test(test_proof_decode_refuses_reserved_bytes_and_unknown_versions),
        cmocka_unit_test(test_proof_newest_takes_the_higher_generation),
        cmocka_unit_test(test_proof_newest_with_one_torn_slot_takes_the_other),
        cmocka_unit_test(test_proof_newest_without_a_valid_slot_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
