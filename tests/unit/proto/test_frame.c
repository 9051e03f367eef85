/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/checksum.h"
#include "base/le.h"
#include "proto/frame.h"
#include "tests/unit/cmocka_setup.h"

static struct aero_buffer chunk_frame(void)
{
    struct aero_buffer out = {0};
    aero_frame_append_chunk(&out, AERO_FRAME_CHUNK, 7, 4096, aero_slice_text("twelve bytes"));
    return out;
}

static void test_chunk_encoded_has_the_documented_bytes(void **state)
{
    (void)state;
    struct aero_buffer out = chunk_frame();
    assert_int_equal(out.length, 24 + 16 + 12);
    static const uint8_t start[] = {28, 0, 0, 0, 17, 0, 0, 0};
    assert_memory_equal(out.data, start, sizeof start);
    assert_int_equal(aero_load_u64(out.data + 8),
                     aero_checksum64(aero_slice_of(out.data + 24, 28)));
    assert_int_equal(aero_load_u64(out.data + 16), aero_checksum64(aero_slice_of(out.data, 16)));
    assert_int_equal(aero_load_u64(out.data + 24), 7);
    assert_int_equal(aero_load_u64(out.data + 32), 4096);
    assert_memory_equal(out.data + 40, "twelve bytes", 12);
    aero_buffer_deinit(&out);
}

static void test_decode_of_every_prefix_asks_for_more(void **state)
{
    (void)state;
    struct aero_buffer out = chunk_frame();
    for (size_t length = 0; length < out.length; length++) {
        struct aero_frame frame;
        size_t bytes = 0;
        size_t needed = 0;
        aero_status status =
            aero_frame_decode(aero_slice_of(out.data, length), &frame, &bytes, &needed);
        assert_int_equal(status.code, AERO_INCOMPLETE);
        assert_int_equal(needed, length < 24 ? 24 : out.length);
    }
    struct aero_frame frame;
    size_t bytes = 0;
    size_t needed = 0;
    assert_true(aero_is_ok(aero_frame_decode(aero_buffer_slice(&out), &frame, &bytes, &needed)));
    assert_int_equal(bytes, out.length);
    assert_int_equal(frame.type, AERO_FRAME_CHUNK);
    aero_buffer_deinit(&out);
}

static void test_decode_with_any_bit_flipped_is_corrupt(void **state)
{
    (void)state;
    struct aero_buffer out = chunk_frame();
    for (size_t bit = 0; bit < out.length * 8; bit++) {
        out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct aero_frame frame;
        size_t bytes = 0;
        size_t needed = 0;
        aero_status status = aero_frame_decode(aero_buffer_slice(&out), &frame, &bytes, &needed);
        assert_int_equal(status.code, AERO_CORRUPT);
        out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    aero_buffer_deinit(&out);
}

/* A header as somebody who knows the checksum could make it: only the rules of the type are left to refuse it. */
static aero_status decode_forged(uint32_t length, uint8_t type, uint32_t reserved)
{
    uint8_t bytes[24 + 64] = {0};
    aero_store_u32(bytes, length);
    bytes[4] = type;
    bytes[5] = (uint8_t)reserved;
    bytes[6] = (uint8_t)(reserved >> 8);
    bytes[7] = (uint8_t)(reserved >> 16);
    size_t payload = length < 64 ? length : 64;
    aero_store_u64(bytes + 8, aero_checksum64(aero_slice_of(bytes + 24, payload)));
    aero_store_u64(bytes + 16, aero_checksum64(aero_slice_of(bytes, 16)));
    struct aero_frame frame;
    size_t used;
    size_t needed;
    return aero_frame_decode(aero_slice_of(bytes, sizeof bytes), &frame, &used, &needed);
}

static void test_decode_of_forged_headers_refuses_types_and_lengths(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        size_t max = aero_frame_payload_max((uint8_t)type);
        bool known = (type >= 1 && type <= 9) || (type >= 16 && type <= 20);
        assert_int_equal(aero_frame_type_text((uint8_t)type)[0] != '?', known);
        assert_int_equal(decode_forged((uint32_t)max + 1, (uint8_t)type, 0).code, AERO_CORRUPT);
        assert_int_equal(decode_forged(UINT32_MAX, (uint8_t)type, 0).code, AERO_CORRUPT);
    }
    assert_int_equal(decode_forged(0, AERO_FRAME_ACK, 0).code, AERO_OK);
    for (unsigned bit = 0; bit < 24; bit++) {
        assert_int_equal(decode_forged(0, AERO_FRAME_ACK, 1U << bit).code, AERO_CORRUPT);
    }
    assert_int_equal(decode_forged(16, AERO_FRAME_CHUNK, 0).code, AERO_CORRUPT);
    assert_int_equal(decode_forged(17, AERO_FRAME_CHUNK, 0).code, AERO_OK);
    assert_int_equal(decode_forged(63, AERO_FRAME_SEAL, 0).code, AERO_CORRUPT);
    assert_int_equal(decode_forged(64, AERO_FRAME_SEAL, 0).code, AERO_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk_encoded_has_the_documented_bytes),
        cmocka_unit_test(test_decode_of_every_prefix_asks_for_more),
        cmocka_unit_test(test_decode_with_any_bit_flipped_is_corrupt),
        cmocka_unit_test(test_decode_of_forged_headers_refuses_types_and_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
