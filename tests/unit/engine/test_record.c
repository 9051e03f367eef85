/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "base/checksum.h"
#include "base/le.h"
#include "engine/record.h"

#define NONCE 0x1112131415161718U
#define RECORD_BYTES 72U /* 64 + "hello" + three zeros */

static const struct aero_position before = {.lsn = {0x0102030405060707U},
                                            .chain = 0x2122232425262728U};

/* Frozen: a change here is a change of the format (docs/formats.md, "Record"). */
static const uint8_t golden[RECORD_BYTES] = {
    0x41, 0x52, 0x45, 0x43, 0x01, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0x00, 0x07, 0x06, 0x05, 0x04, 0x03,
    0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25, 0x24,
    0x23, 0x22, 0x21, 0xfd, 0xdc, 0x62, 0x5c, 0x55, 0xe8, 0x55, 0x95, 0xbe, 0x7f, 0x2e, 0x0a,
    0xc7, 0xc8, 0xa1, 0x5d, 'h',  'e',  'l',  'l',  'o',  0x00, 0x00, 0x00};

static struct aero_record_header golden_header(void)
{
    return (struct aero_record_header){
        .type = AERO_RECORD_COMMIT,
        .payload_length = 5,
        .lsn = {0x0102030405060708U},
        .durable_mark = {0x0102030405060700U},
        .segment_nonce = NONCE,
        .prev_chain = before.chain,
        .payload_hash = aero_checksum64(aero_slice_text("hello")),
    };
}

static enum aero_code verify_code(const uint8_t *bytes, size_t length)
{
    struct aero_record_header header;
    struct aero_slice payload;
    return aero_record_verify(aero_slice_of(bytes, length), NONCE, before, &header, &payload).code;
}

/* Makes changed bytes verify alone again, to reach what stands behind the checksum. */
static void seal(uint8_t *bytes)
{
    aero_store_u64(bytes + 56, aero_checksum64(aero_slice_of(bytes, 56)));
}

static void test_record_encode_writes_the_golden_bytes(void **state)
{
    (void)state;
    struct aero_record_header header = golden_header();
    uint8_t bytes[AERO_RECORD_HEADER_BYTES];
    aero_record_encode(&header, bytes);
    assert_memory_equal(bytes, golden, sizeof bytes);
    assert_true(header.chain == 0x5da1c8c70a2e7fbeU);
    assert_int_equal(aero_record_bytes(5), RECORD_BYTES);
    assert_int_equal(aero_record_bytes(8), RECORD_BYTES);
    assert_int_equal(aero_record_bytes(9), RECORD_BYTES + 8);
}

static void test_record_verify_returns_every_field_and_the_payload(void **state)
{
    (void)state;
    struct aero_record_header header;
    struct aero_slice payload;
    aero_status status =
        aero_record_verify(aero_slice_of(golden, sizeof golden), NONCE, before, &header, &payload);
    assert_int_equal(status.code, AERO_OK);
    assert_true(aero_slice_equal(payload, aero_slice_text("hello")));
    assert_int_equal(header.type, AERO_RECORD_COMMIT);
    assert_int_equal(header.payload_length, 5);
    assert_true(header.lsn.value == 0x0102030405060708U);
    assert_true(header.durable_mark.value == 0x0102030405060700U);
    assert_true(header.segment_nonce == NONCE);
    assert_true(header.prev_chain == before.chain);
    assert_true(header.chain == 0x5da1c8c70a2e7fbeU);
}

/* Decision 1: no bit of header, payload or padding may rot unseen. */
static void test_record_verify_refuses_every_single_flipped_bit(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < RECORD_BYTES * 8; bit++) {
        uint8_t bytes[RECORD_BYTES];
        memcpy(bytes, golden, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(verify_code(bytes, sizeof bytes), AERO_CORRUPT);
    }
}

/* A header that is whole is evidence whatever became of its payload (decision 1). */
static void test_record_decode_verifies_alone_when_the_payload_is_damaged(void **state)
{
    (void)state;
    struct aero_record_header header;
    uint8_t bytes[RECORD_BYTES];
    memcpy(bytes, golden, sizeof bytes);
    bytes[64] ^= 1;
    assert_int_equal(aero_record_decode(aero_slice_of(bytes, sizeof bytes), &header).code, AERO_OK);
    assert_true(header.durable_mark.value == 0x0102030405060700U);
}

static void test_record_verify_of_every_shorter_length_is_incomplete(void **state)
{
    (void)state;
    for (size_t length = 0; length < RECORD_BYTES; length++) {
        uint8_t *exact = aero_malloc(length + 1); /* so that ASan sees a read past the end */
        memcpy(exact, golden, length);
        uint8_t *bytes = aero_realloc(exact, length == 0 ? 1 : length);
        assert_int_equal(verify_code(bytes, length), AERO_INCOMPLETE);
        free(bytes);
    }
}

static void test_record_verify_out_of_place_is_a_mismatch(void **state)
{
    (void)state;
    struct aero_record_header header;
    struct aero_slice payload;
    struct aero_slice bytes = aero_slice_of(golden, sizeof golden);
    struct aero_position other_lsn = {.lsn = {7}, .chain = before.chain};
    struct aero_position other_chain = {.lsn = before.lsn, .chain = before.chain + 1};
    assert_int_equal(aero_record_verify(bytes, NONCE + 1, before, &header, &payload).code,
                     AERO_MISMATCH);
    assert_int_equal(aero_record_verify(bytes, NONCE, other_lsn, &header, &payload).code,
                     AERO_MISMATCH);
    assert_int_equal(aero_record_verify(bytes, NONCE, other_chain, &header, &payload).code,
                     AERO_MISMATCH);
    /* Old bytes of a recycled file are foreign even when their end is gone. */
    bytes.length = AERO_RECORD_HEADER_BYTES;
    assert_int_equal(aero_record_verify(bytes, NONCE + 1, before, &header, &payload).code,
                     AERO_MISMATCH);
}

/* The checksum is right and the content is not: a writer that lies or a version that we do not know. */
static void test_record_decode_refuses_bounds_even_with_a_right_checksum(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
    } cases[] = {
        {4, 0},                           /* type 0 */
        {4, 3},                           /* type 3 */
        {4, 0x101},                       /* reserved bytes behind the type */
        {8, 0},                           /* no payload */
        {8, AERO_RECORD_PAYLOAD_MAX + 1}, /* too long */
        {8, 1ULL << 32 | 5},              /* reserved bytes behind the length */
        {16, 0x0102030405060700U},        /* a mark that is its own LSN */
        {16, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_record_header header;
        uint8_t bytes[RECORD_BYTES];
        memcpy(bytes, golden, sizeof bytes);
        if (cases[i].offset == 4) {
            aero_store_u32(bytes + 4, (uint32_t)cases[i].value);
        } else {
            aero_store_u64(bytes + cases[i].offset, cases[i].value);
        }
        seal(bytes);
        assert_int_equal(aero_record_decode(aero_slice_of(bytes, sizeof bytes), &header).code,
                         AERO_CORRUPT);
    }
}

/* Asked of whatever stands behind the last record, however little that is. */
static void test_record_begins_with_its_magic_number(void **state)
{
    (void)state;
    uint8_t bytes[RECORD_BYTES];
    memcpy(bytes, golden, sizeof bytes);
    assert_true(aero_record_begins(aero_slice_of(bytes, 4)));
    assert_false(aero_record_begins(aero_slice_of(bytes, 3)));
    bytes[0] ^= 1;
    assert_false(aero_record_begins(aero_slice_of(bytes, sizeof bytes)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_encode_writes_the_golden_bytes),
        cmocka_unit_test(test_record_verify_returns_every_field_and_the_payload),
        cmocka_unit_test(test_record_verify_refuses_every_single_flipped_bit),
        cmocka_unit_test(test_record_decode_verifies_alone_when_the_payload_is_damaged),
        cmocka_unit_test(test_record_verify_of_every_shorter_length_is_incomplete),
        cmocka_unit_test(test_record_verify_out_of_place_is_a_mismatch),
        cmocka_unit_test(test_record_decode_refuses_bounds_even_with_a_right_checksum),
        cmocka_unit_test(test_record_begins_with_its_magic_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
