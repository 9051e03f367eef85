/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "base/prng.h"
#include "engine/operation.h"

static struct aero_operation put(const char *key, const char *value)
{
    return (struct aero_operation){
        .kind = AERO_PUT, .key = aero_slice_text(key), .value = aero_slice_text(value)};
}

static struct aero_operation delete_one(const char *key)
{
    return (struct aero_operation){.kind = AERO_DELETE, .key = aero_slice_text(key)};
}

static struct aero_operation delete_range(const char *from, const char *to)
{
    return (struct aero_operation){
        .kind = AERO_DELETE_RANGE, .key = aero_slice_text(from), .value = aero_slice_text(to)};
}

static struct aero_slice encode(struct aero_buffer *payload, uint64_t clock,
                                const struct aero_operation *operations, size_t count)
{
    aero_commit_begin(payload, (aero_wall_ms){clock});
    for (size_t i = 0; i < count; i++) {
        size_t before = payload->length;
        aero_commit_add(payload, &operations[i]);
        assert_int_equal(payload->length - before, aero_commit_add_bytes(&operations[i]));
    }
    return aero_buffer_slice(payload);
}

static void assert_same(struct aero_summary a, struct aero_summary b)
{
    assert_int_equal(a.count, b.count);
    assert_true(aero_u128_equal(a.digest, b.digest));
}

/* The bytes in the logs of every node there will ever be. */
static void test_commit_bytes_are_golden(void **state)
{
    (void)state;
    static const uint8_t golden[] = {
        0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, /* clock */
        1,    1,    'k',  2,    'v',  '1',              /* PUT k v1 */
        2,    2,    'g',  'o',                          /* DELETE go */
        3,    1,    'a',  1,    'b',                    /* DELETE_RANGE [a, b) */
        3,    0,    0,                                  /* DELETE_RANGE of everything */
        1,    1,    'l',  0x80, 0x01,                   /* PUT l, 128 bytes */
    };
    char large[129] = {0};
    memset(large, 'x', 128);
    const struct aero_operation operations[] = {put("k", "v1"), delete_one("go"),
                                                delete_range("a", "b"), delete_range("", ""),
                                                put("l", large)};
    struct aero_buffer payload = {0};
    struct aero_slice bytes = encode(&payload, 0x0123456789abcdef, operations, 5);
    assert_int_equal(bytes.length, sizeof golden + 128);
    assert_memory_equal(bytes.data, golden, sizeof golden);
    assert_memory_equal(bytes.data + sizeof golden, large, 128);

    struct aero_commit_reader reader;
    assert_true(aero_is_ok(aero_commit_open(&reader, bytes)));
    assert_int_equal(reader.expiry_clock.value, 0x0123456789abcdef);
    for (size_t i = 0; i < 5; i++) {
        struct aero_operation operation;
        assert_true(aero_is_ok(aero_commit_next(&reader, &operation)));
        assert_int_equal(operation.kind, operations[i].kind);
        assert_true(aero_slice_equal(operation.key, operations[i].key));
        assert_true(aero_slice_equal(operation.value, operations[i].value));
    }
    struct aero_operation none;
    assert_int_equal(aero_commit_next(&reader, &none).code, AERO_NOT_FOUND);
    aero_buffer_deinit(&payload);
}

/* Reads a payload to its end; returns AERO_OK only if it encodes back to the same bytes. */
static enum aero_code decode_all(struct aero_slice payload)
{
    struct aero_commit_reader reader;
    aero_status status = aero_commit_open(&reader, payload);
    struct aero_buffer again = {0};
    if (aero_is_ok(status)) {
        aero_commit_begin(&again, reader.expiry_clock);
    }
    while (aero_is_ok(status)) {
        struct aero_operation operation;
        status = aero_commit_next(&reader, &operation);
        if (aero_is_ok(status)) {
            aero_commit_add(&again, &operation);
        }
    }
    if (status.code == AERO_NOT_FOUND) {
        assert_true(aero_slice_equal(aero_buffer_slice(&again), payload));
        status = aero_ok();
    }
    aero_buffer_deinit(&again);
    return status.code;
}

/* A copy of exactly the length, so that a sanitizer sees one byte too far. */
static enum aero_code decode_exact(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = aero_malloc(length + (length == 0));
    memcpy(copy, bytes, length);
    enum aero_code code = decode_all(aero_slice_of(copy, length));
    free(copy);
    return code;
}

static size_t sample_payload(struct aero_buffer *payload)
{
    char large[301] = {0};
    memset(large, 'y', 300);
    const struct aero_operation operations[] = {put("key", "value"), put(large, ""),
                                                delete_one("k"), delete_range("", "z"),
                                                put("end", large)};
    return encode(payload, 77, operations, 5).length;
}

static void test_commit_truncated_anywhere_is_rejected_or_shorter(void **state)
{
    (void)state;
    struct aero_buffer payload = {0};
    size_t length = sample_payload(&payload);
    size_t accepted = 0;
    for (size_t cut = 0; cut <= length; cut++) {
        enum aero_code code = decode_exact(payload.data, cut);
        assert_true(code == AERO_OK || code == AERO_CORRUPT);
        accepted += code == AERO_OK;
    }
    assert_int_equal(accepted, 6); /* behind the clock and behind each operation */
    aero_buffer_deinit(&payload);
}

static void test_commit_mutated_anywhere_never_escapes(void **state)
{
    (void)state;
    struct aero_buffer payload = {0};
    size_t length = sample_payload(&payload);
    size_t rejected = 0;
    for (size_t at = 0; at < length; at++) {
        uint8_t original = payload.data[at];
        for (unsigned flip = 1; flip < 256; flip++) {
            payload.data[at] = (uint8_t)(original ^ flip);
            enum aero_code code = decode_exact(payload.data, length);
            assert_true(code == AERO_OK || code == AERO_CORRUPT);
            rejected += code == AERO_CORRUPT;
        }
        payload.data[at] = original;
    }
    assert_true(rejected > 1000);
    aero_buffer_deinit(&payload);
}

static void test_commit_next_refuses_each_malformation(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\0\0\0\0\0\0\0", 7},                            /* no clock */
        {"\0\0\0\0\0\0\0\0\0", 9},                        /* kind 0 */
        {"\0\0\0\0\0\0\0\0\x04\x01k\x00", 12},            /* kind 4 */
        {"\0\0\0\0\0\0\0\0\x01\x00\x01v", 12},            /* PUT of the empty key */
        {"\0\0\0\0\0\0\0\0\x02\x00", 10},                 /* DELETE of the empty key */
        {"\0\0\0\0\0\0\0\0\x02\x81\x00k", 12},            /* 1 in two bytes */
        {"\0\0\0\0\0\0\0\0\x02\x80\x80\x80\x80\x01", 14}, /* varint too long */
        {"\0\0\0\0\0\0\0\0\x02\xff\xff\xff\x7f", 13},     /* key longer than its bound */
        {"\0\0\0\0\0\0\0\0\x01\x01k\x02v", 13},           /* value behind the end */
        {"\0\0\0\0\0\0\0\0\x02\x02k", 11},                /* key behind the end */
        {"\0\0\0\0\0\0\0\0\x01\x01k", 11},                /* PUT without value */
        {"\0\0\0\0\0\0\0\0\x02\x80", 10},                 /* half a varint */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_commit_reader reader;
        struct aero_operation operation;
        struct aero_slice bytes = aero_slice_of(cases[i].bytes, cases[i].length);
        aero_status status = aero_commit_open(&reader, bytes);
        if (aero_is_ok(status)) { /* at once, not when the operation behind it makes no sense */
            status = aero_commit_next(&reader, &operation);
        }
        assert_int_equal(status.code, AERO_CORRUPT);
    }
}

/* D-2: a commit is all of it or nothing. */
static void test_apply_commit_with_a_bad_last_operation_changes_nothing(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_buffer payload = {0};
    const struct aero_operation operations[] = {put("a", "1"), put("b", "2"), delete_one("a")};
    encode(&payload, 5, operations, 3);
    aero_wall_ms clock = {99};
    struct aero_slice cut = aero_slice_of(payload.data, payload.length - 1);
    assert_int_equal(aero_apply_commit(tree, cut, &clock).code, AERO_CORRUPT);
    assert_int_equal(clock.value, 99);
    assert_int_equal(aero_tree_summary(tree).count, 0);

    assert_true(aero_is_ok(aero_apply_commit(tree, aero_buffer_slice(&payload), &clock)));
    assert_int_equal(clock.value, 5);
    struct aero_slice value;
    assert_false(aero_tree_get(tree, aero_slice_text("a"), &value));
    assert_true(aero_tree_get(tree, aero_slice_text("b"), &value));
    assert_true(aero_slice_equal(value, aero_slice_text("2")));
    aero_buffer_deinit(&payload);
    aero_tree_free(tree);
}

/* A random commit over a small key space, so that operations meet each other's results. */
static void apply_random_commit(struct aero_tree *tree, struct aero_undo *undo,
                                struct aero_prng *prng)
{
    static const uint8_t filler[6000] = {1, 2, 3};
    uint64_t count = 1 + aero_prng_below(prng, 4);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t key[2] = {(uint8_t)aero_prng_below(prng, 8), (uint8_t)aero_prng_below(prng, 100)};
        uint8_t end[2] = {(uint8_t)aero_prng_below(prng, 8), (uint8_t)aero_prng_below(prng, 100)};
        struct aero_operation operation = {.kind = AERO_PUT, .key = aero_slice_of(key, 2)};
        uint64_t choice = aero_prng_below(prng, 40);
        if (choice < 30) {
            bool large = choice == 0;
            size_t length = (size_t)aero_prng_below(prng, large ? sizeof filler : 300);
            operation.value = aero_slice_of(filler, length);
        } else if (choice < 39) {
            operation.kind = AERO_DELETE;
        } else {
            operation.kind = AERO_DELETE_RANGE;
            operation.value = aero_slice_of(end, choice % 2 + 1);
        }
        aero_apply(tree, &operation, undo);
    }
}

static void assert_audit(struct aero_tree *tree)
{
    struct aero_view *view = aero_view_open(tree);
    assert_true(aero_view_audit(view));
    aero_view_close(view);
}

/* The heart of "a failed group falls back to the durable state": after any history of commits, forgets and
 * rollbacks the tree is what it was behind the commit that was asked for. */
static void test_undo_rollback_returns_to_every_kept_commit(void **state)
{
    (void)state;
    enum { COMMITS = 3000 };
    struct aero_summary *states = aero_calloc(COMMITS + 1, sizeof *states);
    uint64_t ranges_seen = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct aero_prng prng;
        aero_prng_init(&prng, seed);
        struct aero_tree *tree = aero_tree_new();
        struct aero_undo *undo = aero_undo_new();
        uint64_t lsn = 0;
        uint64_t durable = 0;
        for (int step = 0; step < COMMITS && lsn < COMMITS; step++) {
            uint64_t before = states[lsn].count;
            apply_random_commit(tree, undo, &prng);
            aero_undo_mark(undo, aero_lsn_of(++lsn));
            states[lsn] = aero_tree_summary(tree);
            ranges_seen += before > states[lsn].count + 100;
            uint64_t choice = aero_prng_below(&prng, 20);
            if (choice == 0) {
                durable += aero_prng_below(&prng, lsn - durable + 1);
                aero_undo_forget(undo, aero_lsn_of(durable), tree);
            } else if (choice == 1) {
                lsn = durable + aero_prng_below(&prng, lsn - durable + 1);
                if (aero_prng_below(&prng, 2) == 0) {
                    apply_random_commit(tree, undo, &prng); /* open, not marked */
                }
                aero_undo_rollback(undo, aero_lsn_of(lsn), tree);
                assert_same(aero_tree_summary(tree), states[lsn]);
            } else if (choice == 2) {
                aero_tree_reclaim(tree, 8);
            }
        }
        assert_audit(tree);
        aero_undo_rollback(undo, aero_lsn_of(durable), tree);
        assert_same(aero_tree_summary(tree), states[durable]);
        assert_audit(tree);
        aero_undo_free(undo, tree);
        aero_tree_free(tree);
    }
    assert_true(ranges_seen > 10); /* both ways to undo a range were taken */
    free(states);
}

/* What is durable needs no pre-image: a removed range gives its memory back once forgotten, and not before. */
static void test_undo_forget_lets_go_of_a_removed_range(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_undo *undo = aero_undo_new();
    uint64_t empty_bytes = aero_tree_memory_bytes(tree);
    for (uint32_t i = 0; i < 5000; i++) {
        struct aero_operation operation = {.kind = AERO_PUT, .key = aero_slice_of(&i, sizeof i)};
        aero_apply(tree, &operation, NULL);
    }
    struct aero_operation all = delete_range("", "");
    aero_apply(tree, &all, undo);
    aero_undo_mark(undo, aero_lsn_of(7));
    aero_undo_forget(undo, aero_lsn_of(6), tree);
    while (!aero_tree_reclaim(tree, 100)) {
    }
    assert_true(aero_tree_memory_bytes(tree) > 10 * empty_bytes);
    aero_undo_forget(undo, aero_lsn_of(7), tree);
    while (!aero_tree_reclaim(tree, 100)) {
    }
    assert_int_equal(aero_tree_memory_bytes(tree), empty_bytes);
    aero_undo_free(undo, tree);
    aero_tree_free(tree);
}

/* The end of a range is a key: one that is longer than a key may be is no operation. */
static void test_commit_next_refuses_a_range_whose_end_is_no_key(void **state)
{
    (void)state;
    struct aero_buffer payload = {0};
    uint8_t *end = aero_calloc(1, AERO_TREE_KEY_MAX + 1);
    for (size_t over = 0; over < 2; over++) {
        aero_buffer_clear(&payload);
        struct aero_operation operation = {.kind = AERO_PUT,
                                           .key = aero_slice_text("a"),
                                           .value = aero_slice_of(end, AERO_TREE_KEY_MAX + over)};
        encode(&payload, 1, &operation, 1);
        payload.data[8] = AERO_DELETE_RANGE; /* the same bytes under another kind */
        assert_int_equal(decode_exact(payload.data, payload.length),
                         over == 0 ? AERO_OK : AERO_CORRUPT);
    }
    free(end);
    aero_buffer_deinit(&payload);
}

static void test_apply_commit_without_a_clock_changes_nothing(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    aero_wall_ms clock = {99};
    assert_int_equal(aero_apply_commit(tree, aero_slice_text("1234567"), &clock).code,
                     AERO_CORRUPT);
    assert_int_equal(clock.value, 99);
    aero_tree_free(tree);
}

static void put_value(struct aero_tree *tree, struct aero_undo *undo, uint32_t number,
                      size_t value_bytes)
{
    uint8_t *value = aero_calloc(1, value_bytes);
    struct aero_operation operation = {.kind = AERO_PUT,
                                       .key = aero_slice_of(&number, sizeof number),
                                       .value = aero_slice_of(value, value_bytes)};
    aero_apply(tree, &operation, undo);
    free(value);
}

/* Few entries and many bytes: a view undoes them, and not a copy of each. */
static void test_undo_of_a_range_with_large_values_takes_it_back(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_undo *undo = aero_undo_new();
    for (uint32_t i = 0; i < 3; i++) {
        put_value(tree, NULL, i, (size_t)40 << 10);
    }
    struct aero_summary before = aero_tree_summary(tree);
    struct aero_operation all = delete_range("", "");
    aero_apply(tree, &all, undo);
    assert_int_equal(aero_tree_summary(tree).count, 0);
    aero_undo_rollback(undo, aero_lsn_of(0), tree);
    assert_same(aero_tree_summary(tree), before);
    assert_audit(tree);
    aero_undo_free(undo, tree);
    aero_tree_free(tree);
}

/* Shutdown with commits in flight: the view that would undo one is closed, and with it what it held goes. */
static void test_undo_free_lets_go_of_a_range_in_flight(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_undo *undo = aero_undo_new();
    uint64_t empty_bytes = aero_tree_memory_bytes(tree);
    for (uint32_t i = 0; i < 5000; i++) {
        put_value(tree, NULL, i, 1);
    }
    struct aero_operation all = delete_range("", "");
    aero_apply(tree, &all, undo);
    aero_undo_free(undo, tree);
    while (!aero_tree_reclaim(tree, 100)) {
    }
    assert_int_equal(aero_tree_memory_bytes(tree), empty_bytes);
    aero_undo_free(NULL, tree);
    aero_tree_free(tree);
}

/* A burst makes the log large; the log goes on behind it as if nothing had been. */
static void test_undo_goes_on_behind_a_burst(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_undo *undo = aero_undo_new();
    for (uint32_t i = 0; i < 10; i++) {
        put_value(tree, NULL, i, (size_t)1 << 20);
    }
    for (uint32_t i = 0; i < 10; i++) {
        put_value(tree, undo, i, 1); /* ten old values of a mebibyte */
    }
    aero_undo_mark(undo, aero_lsn_of(1));
    aero_undo_forget(undo, aero_lsn_of(1), tree);
    struct aero_summary durable = aero_tree_summary(tree);
    put_value(tree, undo, 3, 7);
    put_value(tree, undo, 33, 7);
    aero_undo_rollback(undo, aero_lsn_of(1), tree);
    assert_same(aero_tree_summary(tree), durable);
    struct aero_operation all = delete_range("", "");
    aero_apply(tree, &all, NULL);
    assert_int_equal(aero_tree_summary(tree).count, 0);
    aero_undo_free(undo, tree);
    aero_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_bytes_are_golden),
        cmocka_unit_test(test_commit_truncated_anywhere_is_rejected_or_shorter),
        cmocka_unit_test(test_commit_mutated_anywhere_never_escapes),
        cmocka_unit_test(test_commit_next_refuses_each_malformation),
        cmocka_unit_test(test_apply_commit_with_a_bad_last_operation_changes_nothing),
        cmocka_unit_test(test_undo_rollback_returns_to_every_kept_commit),
        cmocka_unit_test(test_undo_forget_lets_go_of_a_removed_range),
        cmocka_unit_test(test_commit_next_refuses_a_range_whose_end_is_no_key),
        cmocka_unit_test(test_apply_commit_without_a_clock_changes_nothing),
        cmocka_unit_test(test_undo_of_a_range_with_large_values_takes_it_back),
        cmocka_unit_test(test_undo_free_lets_go_of_a_range_in_flight),
        cmocka_unit_test(test_undo_goes_on_behind_a_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
