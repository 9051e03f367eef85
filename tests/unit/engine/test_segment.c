/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "base/checksum.h"
#include "base/le.h"
#include "engine/segment.h"

/* Frozen: a change here is a change of the format (docs/formats.md, "Segment"). */
static const uint8_t golden_header[128] = {
    0x41, 0x45, 0x52, 0x4f, 0x53, 0x45, 0x47, 0x31, 0x01, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00,
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
    0x07, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7,
    0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x65, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7,
    0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x6f, 0xe2, 0xdf, 0x86, 0xd7, 0x44, 0x0f, 0xe2};
static const uint8_t golden_header_checksum[8] = {0x87, 0x95, 0x84, 0x06, 0x1a, 0x8e, 0x0c, 0xe1};

static const uint8_t golden_footer[64] = {
    0x41, 0x46, 0x54, 0x52, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0x0d, 0xbe, 0x9e, 0x0e, 0x94, 0x4a, 0xa3, 0x77};

static struct aero_segment_header sample_header(void)
{
    struct aero_segment_header header = {
        .epoch = {7},
        .sequence = 3,
        .first_lsn = {101},
        .prev_sequence = 2,
        .prev_end_offset = 8192,
        .prev_end = {.lsn = {100}, .chain = 0x3132333435363738U},
    };
    for (uint8_t i = 0; i < 16; i++) {
        header.cluster_id.bytes[i] = (uint8_t)(0xa0 + i);
        header.incarnation.bytes[i] = (uint8_t)(0xb0 + i);
        header.nonce.bytes[i] = (uint8_t)(0xc0 + i);
    }
    return header;
}

static void seal(uint8_t *bytes)
{
    aero_store_u64(bytes + 4088, aero_checksum64(aero_slice_of(bytes, 4088)));
}

static enum aero_code decode_code(const uint8_t *bytes)
{
    struct aero_segment_header header;
    return aero_segment_header_decode(aero_slice_of(bytes, AERO_SEGMENT_HEADER_BYTES), &header)
        .code;
}

static void test_segment_header_encode_writes_the_golden_bytes(void **state)
{
    (void)state;
    struct aero_segment_header header = sample_header();
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    memset(bytes, 0xee, sizeof bytes);
    aero_segment_header_encode(&header, bytes);
    assert_memory_equal(bytes, golden_header, sizeof golden_header);
    assert_true(aero_slice_is_zero(aero_slice_of(bytes + 128, 3960)));
    assert_memory_equal(bytes + 4088, golden_header_checksum, 8);
    assert_true(header.chain0 == 0xe20f44d786dfe26fU);
}

static void test_segment_header_decode_returns_every_field(void **state)
{
    (void)state;
    struct aero_segment_header in = sample_header();
    struct aero_segment_header out;
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    aero_segment_header_encode(&in, bytes);
    aero_status status = aero_segment_header_decode(aero_slice_of(bytes, sizeof bytes), &out);
    assert_int_equal(status.code, AERO_OK);
    assert_true(aero_id_equal(out.cluster_id, in.cluster_id));
    assert_true(aero_id_equal(out.incarnation, in.incarnation));
    assert_true(aero_id_equal(out.nonce, in.nonce));
    assert_true(out.epoch.value == 7 && out.sequence == 3 && out.first_lsn.value == 101);
    assert_true(out.prev_sequence == 2 && out.prev_end_offset == 8192);
    assert_true(out.prev_end.lsn.value == 100 && out.prev_end.chain == in.prev_end.chain);
    assert_true(out.chain0 == in.chain0);
}

static void test_segment_header_decode_refuses_every_flipped_byte(void **state)
{
    (void)state;
    struct aero_segment_header header = sample_header();
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    aero_segment_header_encode(&header, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(decode_code(bytes), AERO_CORRUPT);
        bytes[i] ^= 0x10;
    }
    assert_int_equal(decode_code(bytes), AERO_OK);
    struct aero_segment_header out;
    assert_int_equal(aero_segment_header_decode(aero_slice_of(bytes, sizeof bytes - 1), &out).code,
                     AERO_INCOMPLETE);
}

static void test_segment_header_decode_refuses_what_a_right_checksum_hides(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        uint64_t value;
        enum aero_code expected;
    } cases[] = {
        {8, 2 | 4096ULL << 32, AERO_UNSUPPORTED}, /* a version to come */
        {8, 1 | 8192ULL << 32, AERO_CORRUPT},     /* another header length */
        {56, 2, AERO_CORRUPT},                    /* its own predecessor */
        {64, 102, AERO_CORRUPT},                  /* a gap behind the predecessor's end */
        {112, 1, AERO_CORRUPT},                   /* chain0 belongs to another chain */
        {72, 1, AERO_CORRUPT},                    /* chain0 belongs to another nonce */
        {128, 1, AERO_CORRUPT},                   /* reserved */
        {4080, 1, AERO_CORRUPT},                  /* reserved */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_segment_header header = sample_header();
        uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
        aero_segment_header_encode(&header, bytes);
        aero_store_u64(bytes + cases[i].offset, cases[i].value);
        seal(bytes);
        assert_int_equal(decode_code(bytes), cases[i].expected);
    }
}

/* Without a nonce nothing would tell its records from those of another segment. */
static void test_segment_header_decode_refuses_a_segment_without_a_nonce(void **state)
{
    (void)state;
    struct aero_segment_header header = sample_header();
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    aero_segment_header_encode(&header, bytes);
    memset(bytes + 72, 0, 16);
    aero_store_u64(bytes + 120, aero_segment_chain0(header.prev_end.chain, (aero_id){{0}}));
    seal(bytes);
    assert_int_equal(decode_code(bytes), AERO_CORRUPT);
}

/* No LSN comes behind the last one: it does not begin at 0 again. */
static void test_segment_header_decode_refuses_an_lsn_that_wraps(void **state)
{
    (void)state;
    struct aero_segment_header header = sample_header();
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    aero_segment_header_encode(&header, bytes);
    aero_store_u64(bytes + 64, 0);
    aero_store_u64(bytes + 104, UINT64_MAX);
    seal(bytes);
    assert_int_equal(decode_code(bytes), AERO_CORRUPT);
}

static void test_segment_chain0_depends_on_chain_and_nonce(void **state)
{
    (void)state;
    aero_id nonce = sample_header().nonce;
    uint64_t chain0 = aero_segment_chain0(1, nonce);
    assert_true(chain0 != aero_segment_chain0(2, nonce));
    nonce.bytes[15] ^= 1;
    assert_true(chain0 != aero_segment_chain0(1, nonce));
    assert_true(aero_segment_nonce64(nonce) == 0xc7c6c5c4c3c2c1c0U);
}

static void test_segment_footer_round_trip_of_the_golden_bytes(void **state)
{
    (void)state;
    struct aero_segment_footer footer;
    uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
    struct aero_slice golden = aero_slice_of(golden_footer, sizeof golden_footer);
    assert_int_equal(aero_segment_footer_decode(golden, &footer).code, AERO_OK);
    assert_true(footer.sequence == 3 && footer.end_offset == 0x2000);
    assert_true(footer.end.lsn.value == 200 && footer.end.chain == 0x4142434445464748U);
    assert_true(footer.record_count == 100 && footer.segment_nonce == 0xc7c6c5c4c3c2c1c0U);
    aero_segment_footer_encode(&footer, bytes);
    assert_memory_equal(bytes, golden_footer, sizeof bytes);
}

static void test_segment_footer_decode_refuses_every_flipped_bit(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < sizeof golden_footer * 8; bit++) {
        struct aero_segment_footer footer;
        uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
        memcpy(bytes, golden_footer, sizeof bytes);
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            aero_segment_footer_decode(aero_slice_of(bytes, sizeof bytes), &footer).code,
            AERO_CORRUPT);
    }
}

static void test_segment_name_round_trip_and_refusals(void **state)
{
    (void)state;
    char name[AERO_DISK_NAME_MAX];
    aero_lsn lsn;
    uint64_t sequence;
    aero_segment_name(aero_lsn_of(0x1f), 0x2e, name);
    assert_string_equal(name, "wal/000000000000001f-0000002e.seg");
    assert_true(aero_segment_name_parse(name + 4, &lsn, &sequence));
    assert_true(lsn.value == 0x1f && sequence == 0x2e);
    aero_segment_name(aero_lsn_of(UINT64_MAX), UINT64_MAX, name);
    assert_true(aero_segment_name_parse(name + 4, &lsn, &sequence));
    assert_true(lsn.value == UINT64_MAX && sequence == UINT64_MAX);

    static const char *const refused[] = {
        "",
        "000000000000001f",
        "000000000000001f-0000002e",
        "000000000000001f-0000002e.tmp",
        "000000000000001f-0000002e.seg.tmp",
        "000000000000001F-0000002e.seg",
        "00000000000001f-0000002e.seg",
        "000000000000001f-000002e.seg",
        "000000000000001f-00000002e.seg",
        "000000000000001f-11111111111111111.seg",
        "prepared-00000002.tmp",
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(aero_segment_name_parse(refused[i], &lsn, &sequence));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_header_encode_writes_the_golden_bytes),
        cmocka_unit_test(test_segment_header_decode_returns_every_field),
        cmocka_unit_test(test_segment_header_decode_refuses_every_flipped_byte),
        cmocka_unit_test(test_segment_header_decode_refuses_what_a_right_checksum_hides),
        cmocka_unit_test(test_segment_header_decode_refuses_an_lsn_that_wraps),
        cmocka_unit_test(test_segment_header_decode_refuses_a_segment_without_a_nonce),
        cmocka_unit_test(test_segment_chain0_depends_on_chain_and_nonce),
        cmocka_unit_test(test_segment_footer_round_trip_of_the_golden_bytes),
        cmocka_unit_test(test_segment_footer_decode_refuses_every_flipped_bit),
        cmocka_unit_test(test_segment_name_round_trip_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
