/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "engine/tree.h"

static struct aero_slice text(const char *bytes)
{
    return aero_slice_text(bytes);
}

static struct aero_slice number_key(char out[24], uint64_t number)
{
    return aero_slice_of(out, (size_t)snprintf(out, 24, "key:%012llu", (unsigned long long)number));
}

static void put_number(struct aero_tree *tree, uint64_t number, struct aero_slice value)
{
    char key[24];
    aero_tree_put(tree, number_key(key, number), value, NULL);
}

static void assert_audit(struct aero_tree *tree)
{
    struct aero_view *view = aero_view_open(tree);
    assert_true(aero_view_audit(view));
    aero_view_close(view);
}

static void assert_same(struct aero_summary a, struct aero_summary b)
{
    assert_int_equal(a.count, b.count);
    assert_true(aero_u128_equal(a.digest, b.digest));
}

static void fill(struct aero_tree *tree, uint64_t count, uint64_t seed)
{
    struct aero_prng prng;
    aero_prng_init(&prng, seed);
    uint64_t *order = aero_malloc(count * sizeof *order);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t j = aero_prng_below(&prng, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (uint64_t i = 0; i < count; i++) {
        put_number(tree, order[i], aero_slice_of(&order[i], sizeof order[i]));
    }
    free(order);
}

/* The state's name is part of the formats: records, snapshots and peers carry it. */
static void test_entry_hash_is_golden(void **state)
{
    (void)state;
    struct aero_u128 hash = aero_entry_hash(text("key"), text("value"));
    assert_int_equal(hash.low, 0x232849fadf4423daU);
    assert_int_equal(hash.high, 0x95247fb5bb04c808U);
}

/* DET-1: two nodes that took different roads to the same set agree. */
static void test_digest_is_independent_of_insertion_order(void **state)
{
    (void)state;
    struct aero_tree *a = aero_tree_new();
    struct aero_tree *b = aero_tree_new();
    fill(a, 5000, 1);
    fill(b, 5000, 2);
    put_number(b, 99999, text("gone again"));
    assert_false(aero_u128_equal(aero_tree_summary(a).digest, aero_tree_summary(b).digest));
    char key[24];
    assert_true(aero_tree_delete(b, number_key(key, 99999), NULL));
    assert_same(aero_tree_summary(a), aero_tree_summary(b));
    assert_audit(a);
    assert_audit(b);
    aero_tree_free(a);
    aero_tree_free(b);
}

/* A key may not be taken for part of a value, nor the other way round. */
static void test_digest_tells_where_the_key_ends(void **state)
{
    (void)state;
    struct aero_u128 a = aero_entry_hash(text("ab"), text("c"));
    struct aero_u128 b = aero_entry_hash(text("a"), text("bc"));
    assert_false(aero_u128_equal(a, b));
}

static void test_put_returns_what_was_there(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_buffer old = {0};
    assert_false(aero_tree_put(tree, text("k"), text("one"), &old));
    assert_int_equal(old.length, 0);
    assert_true(aero_tree_put(tree, text("k"), text("two!"), &old));
    assert_true(aero_tree_delete(tree, text("k"), &old));
    assert_false(aero_tree_delete(tree, text("k"), &old));
    assert_true(aero_slice_equal(aero_buffer_slice(&old), text("onetwo!")));
    assert_same(aero_tree_summary(tree), (struct aero_summary){0});
    aero_buffer_deinit(&old);
    aero_tree_free(tree);
}

/* Every boundary of the page format: inline and out of line, kept hash or not, one varint byte or more. */
static void test_lengths_at_every_threshold_survive(void **state)
{
    (void)state;
    static const size_t keys[] = {1, 127, 128, 255, 256, 257, 4096, 65535};
    static const size_t values[] = {0,   1,    127,  128,  255,  256,   257,
                                    300, 4095, 4096, 4097, 8192, 16384, 2100000};
    size_t value_max = 2100000;
    uint8_t *bytes = aero_malloc(value_max + 1);
    for (size_t i = 0; i <= value_max; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    struct aero_tree *tree = aero_tree_new();
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            for (size_t shift = 0; shift < 2; shift++) { /* same length, other content */
                struct aero_slice value = aero_slice_of(bytes + shift, values[v]);
                struct aero_slice key = aero_slice_of(bytes, keys[k]);
                struct aero_slice found;
                aero_tree_put(tree, key, value, NULL);
                assert_true(aero_tree_get(tree, key, &found));
                assert_true(aero_slice_equal(found, value));
            }
        }
        assert_audit(tree);
    }
    assert_int_equal(aero_tree_summary(tree).count, sizeof keys / sizeof keys[0]);
    aero_tree_free(tree);
    free(bytes);
}

/* V-2: what a view shows is one commit boundary for ever. */
static void test_view_keeps_its_state_while_the_tree_changes(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    fill(tree, 3000, 3);
    struct aero_summary before = aero_tree_summary(tree);
    struct aero_view *view = aero_view_open(tree);
    for (uint64_t i = 0; i < 3000; i += 3) {
        put_number(tree, i, text("changed"));
        char key[24];
        aero_tree_delete(tree, number_key(key, i + 1), NULL);
    }
    aero_tree_delete_range(tree, text("key:000000001000"), text("key:000000002000"));
    assert_same(aero_view_summary(view), before);
    assert_true(aero_view_audit(view));
    assert_audit(tree);
    char key[24];
    struct aero_slice value;
    uint64_t expected = 1500;
    assert_true(aero_view_get(view, number_key(key, expected), &value));
    assert_true(aero_slice_equal(value, aero_slice_of(&expected, sizeof expected)));
    assert_false(aero_tree_get(tree, number_key(key, expected), &value));

    aero_tree_restore(tree, view);
    assert_same(aero_tree_summary(tree), before);
    put_number(tree, 1, text("after"));
    assert_same(aero_view_summary(view), before);
    assert_true(aero_view_audit(view));
    aero_view_close(view);
    while (!aero_tree_reclaim(tree, 1)) {
    }
    assert_audit(tree);
    aero_tree_free(tree);
}

static void *audit_repeatedly(void *view)
{
    for (int i = 0; i < 5; i++) {
        if (!aero_view_audit(view)) {
            return NULL;
        }
    }
    return view;
}

/* A checkpoint's thread reads while the writer writes: no lock, no torn entry (run under tsan as well). */
static void test_view_is_readable_beside_the_writer(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    uint8_t large[400] = {1};
    for (uint64_t i = 0; i < 20000; i++) {
        put_number(tree, i, aero_slice_of(large, i % sizeof large));
    }
    struct aero_view *view = aero_view_open(tree);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, audit_repeatedly, view), 0);
    for (uint64_t i = 0; i < 60000; i++) {
        put_number(tree, i * 7919 % 25000, aero_slice_of(large, i % 300));
        if (i % 16 == 0) {
            char key[24];
            aero_tree_delete(tree, number_key(key, i * 31 % 25000), NULL);
        }
    }
    void *result;
    assert_int_equal(pthread_join(reader, &result), 0);
    assert_ptr_equal(result, view);
    aero_view_close(view);
    assert_audit(tree);
    aero_tree_free(tree);
}

/* Closing the last view of a large state must not stall the writer. */
static void test_reclaim_frees_in_steps(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    uint64_t empty_bytes = aero_tree_memory_bytes(tree);
    fill(tree, 20000, 4);
    assert_int_equal(aero_tree_delete_range(tree, text(""), text("")), 20000);
    uint64_t held = aero_tree_memory_bytes(tree);
    uint32_t steps = 1;
    while (!aero_tree_reclaim(tree, 10)) {
        uint64_t now = aero_tree_memory_bytes(tree);
        assert_true(now < held && held - now <= 10 * 4096);
        held = now;
        steps++;
    }
    assert_true(steps > 20);
    assert_int_equal(aero_tree_memory_bytes(tree), empty_bytes);
    aero_tree_free(tree);
}

static void test_delete_range_equals_single_deletes(void **state)
{
    (void)state;
    static const uint64_t ranges[][2] = {{0, 1},      {0, 4000},    {3999, 4000}, {17, 18},
                                         {100, 3900}, {1000, 1050}, {5, 5},       {0, 3999},
                                         {1, 4000},   {2000, 2000}, {3000, 2000}, {123, 3210}};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        struct aero_tree *a = aero_tree_new();
        struct aero_tree *b = aero_tree_new();
        fill(a, 4000, 5);
        fill(b, 4000, 6);
        char key[24];
        char end[24];
        uint64_t removed = 0;
        struct aero_slice from = number_key(key, ranges[r][0]);
        struct aero_slice to = number_key(end, ranges[r][1]);
        uint64_t counted = aero_tree_count_range(a, from, to);
        assert_int_equal(aero_tree_delete_range(a, from, to), counted);
        for (uint64_t i = ranges[r][0]; i < ranges[r][1]; i++) {
            removed += aero_tree_delete(b, number_key(key, i), NULL);
        }
        assert_int_equal(counted, removed);
        assert_same(aero_tree_summary(a), aero_tree_summary(b));
        assert_audit(a);
        assert_audit(b);
        aero_tree_free(a);
        aero_tree_free(b);
    }
}

static void test_build_equals_puts(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, 2, 50, 1000, 30000};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct aero_tree *built = aero_tree_new();
        struct aero_tree *put = aero_tree_new();
        for (uint64_t i = 0; i < counts[c]; i++) {
            char key[24];
            aero_tree_build_append(built, number_key(key, i), aero_slice_of(&i, sizeof i));
        }
        aero_tree_build_finish(built);
        fill(put, counts[c], 7);
        assert_same(aero_tree_summary(built), aero_tree_summary(put));
        assert_audit(built);
        put_number(built, counts[c] / 2, text("writable afterwards"));
        assert_audit(built);
        aero_tree_free(built);
        aero_tree_free(put);
    }
}

/* A snapshot that turns out to be damaged half-way leaves a tree that can be freed. */
static void test_free_forgives_an_unfinished_build(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    for (uint64_t i = 0; i < 5000; i++) {
        char key[24];
        aero_tree_build_append(tree, number_key(key, i), text("value"));
    }
    aero_tree_free(tree);
}

static void test_cursor_visits_all_in_order_and_by_index(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_cursor cursor;
    struct aero_slice key;
    struct aero_slice value;
    aero_cursor_seek(&cursor, tree, text(""));
    assert_false(aero_cursor_get(&cursor, &key, &value));
    aero_cursor_next(&cursor);
    aero_cursor_seek_index(&cursor, tree, 0);
    assert_false(aero_cursor_get(&cursor, &key, &value));

    fill(tree, 10000, 8);
    char expected[24];
    aero_cursor_seek(&cursor, tree, text(""));
    for (uint64_t i = 0; i < 10000; i++) {
        assert_true(aero_cursor_get(&cursor, &key, &value));
        assert_true(aero_slice_equal(key, number_key(expected, i)));
        assert_true(aero_slice_equal(value, aero_slice_of(&i, sizeof i)));
        aero_cursor_next(&cursor);
        if (i % 97 == 0) {
            struct aero_cursor other;
            aero_cursor_seek_index(&other, tree, i);
            assert_true(aero_cursor_get(&other, &key, &value));
            assert_true(aero_slice_equal(key, number_key(expected, i)));
        }
    }
    assert_false(aero_cursor_get(&cursor, &key, &value));
    aero_cursor_next(&cursor);
    assert_false(aero_cursor_get(&cursor, &key, &value));
    aero_cursor_seek(&cursor, tree, text("l"));
    assert_false(aero_cursor_get(&cursor, &key, &value));
    aero_tree_free(tree);
}

/* The audit is the checker of the checker: it must see one changed bit in a value and in a key. */
static void test_audit_finds_a_flipped_bit(void **state)
{
    (void)state;
    static const size_t lengths[] = {8, 300, 9000};
    uint8_t bytes[9000] = {0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct aero_tree *tree = aero_tree_new();
        fill(tree, 1000, 9);
        put_number(tree, 500, aero_slice_of(bytes, lengths[i]));
        struct aero_view *view = aero_view_open(tree);
        char name[24];
        struct aero_slice value;
        assert_true(aero_view_get(view, number_key(name, 500), &value));
        uint8_t *bit = (uint8_t *)(uintptr_t)&value.data[lengths[i] / 2];
        *bit ^= 4;
        assert_false(aero_view_audit(view));
        *bit ^= 4;
        assert_true(aero_view_audit(view));
        if (lengths[i] > 256) { /* a long entry lies outside of its page: hash, key, value */
            bit = (uint8_t *)(uintptr_t)value.data - number_key(name, 500).length - 1;
            *bit ^= 4;
            assert_false(aero_view_audit(view));
            *bit ^= 4;
        }
        struct aero_cursor cursor;
        struct aero_slice key;
        aero_cursor_seek_index(&cursor, tree, 700);
        assert_true(aero_cursor_get(&cursor, &key, &value));
        bit = (uint8_t *)(uintptr_t)&key.data[key.length - 1];
        *bit ^= 0x40;
        assert_false(aero_view_audit(view));
        *bit ^= 0x40;
        aero_view_close(view);
        aero_tree_free(tree);
    }
}

/* A range removal leaves no long-lived thin pages: memory follows the contents. */
static void test_memory_follows_the_contents(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    fill(tree, 50000, 10);
    uint64_t full = aero_tree_memory_bytes(tree);
    for (uint64_t i = 0; i < 50000; i++) {
        char key[24];
        if (i % 50 != 0) {
            aero_tree_delete(tree, number_key(key, i), NULL);
        }
    }
    while (!aero_tree_reclaim(tree, 100)) {
    }
    assert_true(aero_tree_memory_bytes(tree) < full / 20);
    assert_audit(tree);
    aero_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entry_hash_is_golden),
        cmocka_unit_test(test_digest_is_independent_of_insertion_order),
        cmocka_unit_test(test_digest_tells_where_the_key_ends),
        cmocka_unit_test(test_put_returns_what_was_there),
        cmocka_unit_test(test_lengths_at_every_threshold_survive),
        cmocka_unit_test(test_view_keeps_its_state_while_the_tree_changes),
        cmocka_unit_test(test_view_is_readable_beside_the_writer),
        cmocka_unit_test(test_reclaim_frees_in_steps),
        cmocka_unit_test(test_delete_range_equals_single_deletes),
        cmocka_unit_test(test_build_equals_puts),
        cmocka_unit_test(test_free_forgives_an_unfinished_build),
        cmocka_unit_test(test_cursor_visits_all_in_order_and_by_index),
        cmocka_unit_test(test_audit_finds_a_flipped_bit),
        cmocka_unit_test(test_memory_follows_the_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
