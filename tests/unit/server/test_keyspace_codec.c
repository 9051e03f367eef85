/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of docs/formats.md, "Keyspace encoding": formats are for ever. */
#include "tests/unit/cmocka_setup.h"

#include "engine/operation.h"
#include "engine/tree.h"
#include "server/keyspace_codec.h"

static void assert_bytes(struct aero_slice actual, const void *expected, size_t length)
{
    assert_int_equal(actual.length, length);
    assert_memory_equal(actual.data, expected, length);
}

static void test_keys_have_their_golden_bytes(void **state)
{
    (void)state;
    struct aero_buffer key = {0};
    assert_bytes(aero_encode_key(&key, 3, aero_slice_text("abc")), "\x03kabc", 5);
    assert_bytes(aero_encode_key(&key, 0, aero_slice_text("")), "\x00k", 2);
    assert_bytes(aero_encode_deadline(&key, 15, 0x0102030405060708U, aero_slice_text("abc")),
                 "\x0f"
                 "e\x01\x02\x03\x04\x05\x06\x07\x08"
                 "abc",
                 13);
    aero_buffer_deinit(&key);
}

static void test_values_have_their_golden_bytes(void **state)
{
    (void)state;
    uint8_t header[AERO_VALUE_HEADER_MAX];
    struct aero_entry entry;
    assert_bytes(aero_slice_of(header, aero_encode_value_header(header, 0)), "\x01", 1);
    assert_bytes(aero_slice_of(header, aero_encode_value_header(header, 0x0102)),
                 "\x81\x02\x01\x00\x00\x00\x00\x00\x00", 9);
    assert_true(aero_decode_value(aero_slice_of("\x81\x02\x01\0\0\0\0\0\0xy", 11), &entry));
    assert_int_equal(entry.deadline_ms, 0x0102);
    assert_bytes(entry.payload, "xy", 2);
    assert_true(aero_decode_value(aero_slice_of("\x01", 1), &entry));
    assert_int_equal(entry.deadline_ms, 0);
    assert_int_equal(entry.payload.length, 0);
}

static void test_what_is_no_value_is_refused(void **state)
{
    (void)state;
    struct aero_entry entry;
    assert_false(aero_decode_value(aero_slice_of("", 0), &entry));
    assert_false(aero_decode_value(aero_slice_of("\x00x", 2), &entry));
    assert_false(aero_decode_value(aero_slice_of("\x02x", 2), &entry));
    assert_false(aero_decode_value(aero_slice_of("\x80x", 2), &entry));
    assert_false(aero_decode_value(aero_slice_of("\x81\0\0\0\0\0\0\0", 8), &entry));
    /* A deadline of 0 would be a second way to say "never", without its entry in the index (KS-1). */
    assert_false(aero_decode_value(aero_slice_of("\x81\0\0\0\0\0\0\0\0x", 10), &entry));
}

static bool fits(const char *key, size_t key_length, const char *value, size_t value_length)
{
    struct aero_buffer payload = {0};
    aero_commit_begin(&payload, (aero_wall_ms){1});
    aero_commit_add(&payload, &(struct aero_operation){.kind = AERO_PUT,
                                                       .key = aero_slice_of("\0kx", 3),
                                                       .value = aero_slice_of("\1y", 2)});
    aero_commit_add(&payload,
                    &(struct aero_operation){.kind = AERO_PUT,
                                             .key = aero_slice_of(key, key_length),
                                             .value = aero_slice_of(value, value_length)});
    bool it_fits = aero_commit_fits_keyspace(aero_buffer_slice(&payload));
    aero_buffer_deinit(&payload);
    return it_fits;
}

/* Sound checksums make no value: whatever a primary ships, only these two shapes get into a keyspace. */
static void test_commit_fits_only_with_entries_of_the_two_ranges(void **state)
{
    (void)state;
    assert_true(fits("\0ka", 3, "\1v", 2));
    assert_true(fits("\x0fk", 2, "\x81\1\0\0\0\0\0\0\0", 9));
    assert_true(fits("\0e\0\0\0\0\0\0\0\1a", 11, "", 0));
    assert_false(fits("\0ka", 3, "", 0));
    assert_false(fits("\0ka", 3, "\0x", 2));
    assert_false(fits("\0ka", 3, "\2x", 2));
    assert_false(fits("\0ka", 3, "\x7fx", 2));
    assert_false(fits("\0ka", 3, "\x81zzz", 4));
    assert_false(fits("\0ka", 3, "\x81\0\0\0\0\0\0\0\0", 9));
    assert_false(fits("\x10ka", 3, "\1v", 2));
    assert_false(fits("\0za", 3, "\1v", 2));
    assert_false(fits("\0", 1, "\1v", 2));
    assert_false(fits("\0e\0\0\0\0\0\0\0\1a", 11, "v", 1));
    assert_false(fits("\0e\0\0\0\0\0\0\0\0a", 11, "", 0));
    assert_false(fits("\0e\0\0\0\1", 6, "", 0));
}

/* Whether a payload is a commit at all is aero_apply_commit's question: the replica's halt names the right cause. */
static void test_what_is_no_commit_is_left_to_its_reader(void **state)
{
    (void)state;
    assert_true(aero_commit_fits_keyspace(aero_slice_of("?", 1)));
}

static void test_keys_decode_only_where_they_belong(void **state)
{
    (void)state;
    struct aero_slice key;
    uint64_t deadline_ms;
    assert_true(aero_decode_key(aero_slice_of("\x03kabc", 5), 3, &key));
    assert_bytes(key, "abc", 3);
    assert_false(aero_decode_key(aero_slice_of("\x03kabc", 5), 2, &key));
    assert_false(aero_decode_key(aero_slice_of("\x03"
                                               "eabc",
                                               5),
                                 3, &key));
    assert_false(aero_decode_key(aero_slice_of("\x03", 1), 3, &key));
    assert_true(aero_decode_deadline(aero_slice_of("\x00"
                                                   "e\0\0\0\0\0\0\1\0abc",
                                                   13),
                                     0, &deadline_ms, &key));
    assert_int_equal(deadline_ms, 256);
    assert_bytes(key, "abc", 3);
    assert_false(aero_decode_deadline(aero_slice_of("\x00"
                                                    "e\0\0\0\0\0\0\1",
                                                    9),
                                      0, &deadline_ms, &key));
}

/* What is due is a prefix, and all of a database is one range: FLUSHDB is one operation. */
static void test_order_of_ranges(void **state)
{
    (void)state;
    struct aero_buffer a = {0};
    struct aero_buffer b = {0};
    struct aero_slice early = aero_encode_deadline(&a, 1, 255, aero_slice_text("z"));
    struct aero_slice late = aero_encode_deadline(&b, 1, 256, aero_slice_text("a"));
    assert_true(aero_slice_compare(early, late) < 0);
    struct aero_range_key from = aero_range_of_database(1);
    struct aero_range_key keys = aero_range_of_keys(1);
    struct aero_range_key behind = aero_range_behind_keys(1);
    struct aero_range_key to = aero_range_of_database(2);
    assert_true(aero_slice_compare(aero_range_slice(&from), early) < 0);
    assert_true(aero_slice_compare(late, aero_range_slice(&keys)) < 0);
    assert_true(aero_slice_compare(aero_range_slice(&keys), aero_range_slice(&behind)) < 0);
    assert_true(aero_slice_compare(aero_range_slice(&behind), aero_range_slice(&to)) < 0);
    aero_buffer_deinit(&a);
    aero_buffer_deinit(&b);
}

static void test_longest_key_fits_the_engine_in_both_ranges(void **state)
{
    (void)state;
    static uint8_t longest[AERO_USER_KEY_MAX];
    struct aero_buffer key = {0};
    struct aero_slice user_key = aero_slice_of(longest, sizeof longest);
    assert_in_range(aero_encode_key(&key, 0, user_key).length, 1, AERO_TREE_KEY_MAX);
    assert_int_equal(aero_encode_deadline(&key, 0, 1, user_key).length, AERO_TREE_KEY_MAX);
    aero_buffer_deinit(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_have_their_golden_bytes),
        cmocka_unit_test(test_values_have_their_golden_bytes),
        cmocka_unit_test(test_what_is_no_value_is_refused),
        cmocka_unit_test(test_commit_fits_only_with_entries_of_the_two_ranges),
        cmocka_unit_test(test_what_is_no_commit_is_left_to_its_reader),
        cmocka_unit_test(test_keys_decode_only_where_they_belong),
        cmocka_unit_test(test_order_of_ranges),
        cmocka_unit_test(test_longest_key_fits_the_engine_in_both_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
