/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/slice.h"
#include "engine/tree_memory_priv.h"

struct object {
    uint8_t *bytes;
    size_t length;
    uint8_t mark;
};

static void assert_intact(const struct object *object)
{
    for (size_t i = 0; i < object->length; i++) {
        assert_int_equal(object->bytes[i], object->mark);
    }
}

/* Objects of all sizes, alive at the same time, never share a byte, and every byte comes back. */
static void test_take_and_give_in_random_order_keeps_objects_apart(void **state)
{
    (void)state;
    enum { OBJECTS = 3000 };
    static const size_t bounds[] = {40, 300, 2100, 4200, 9000};
    struct object *objects = aero_calloc(OBJECTS, sizeof *objects);
    struct aero_tree_memory memory = {0};
    struct aero_prng prng;
    aero_prng_init(&prng, 1);
    uint64_t expected = 0;
    for (int step = 0; step < 40000; step++) {
        struct object *object = &objects[aero_prng_below(&prng, OBJECTS)];
        if (object->bytes != NULL) {
            assert_intact(object);
            aero_tree_memory_give(&memory, object->bytes, object->length);
            expected -= object->length;
            object->bytes = NULL;
            continue;
        }
        object->length = 8 + (size_t)aero_prng_below(&prng, bounds[aero_prng_below(&prng, 5)]);
        object->mark = (uint8_t)step;
        object->bytes = aero_tree_memory_take(&memory, object->length);
        assert_int_equal((uintptr_t)object->bytes % 16, 0);
        memset(object->bytes, object->mark, object->length);
        expected += object->length;
        assert_int_equal(memory.used_bytes, expected);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (objects[i].bytes != NULL) {
            assert_intact(&objects[i]);
            aero_tree_memory_give(&memory, objects[i].bytes, objects[i].length);
        }
    }
    aero_tree_memory_deinit(&memory);
    assert_int_equal(memory.chunk_count, 0);
    free(objects);
}

/* What one size gave back serves another: a change of value sizes does not double the memory. */
static void test_empty_spans_serve_other_sizes(void **state)
{
    (void)state;
    enum { OBJECTS = 20000 };
    void **objects = aero_calloc(OBJECTS, sizeof *objects);
    struct aero_tree_memory memory = {0};
    uint32_t chunks = 0;
    for (size_t length = 400; length <= 480; length += 40) {
        for (size_t i = 0; i < OBJECTS; i++) {
            objects[i] = aero_tree_memory_take(&memory, length);
        }
        chunks = memory.chunk_count > chunks ? memory.chunk_count : chunks;
        for (size_t i = 0; i < OBJECTS; i++) {
            aero_tree_memory_give(&memory, objects[i], length);
        }
        assert_true(memory.chunk_count <= 4); /* one kept, one for each size so far */
    }
    assert_true(chunks <= 8); /* 20000 objects of 480 bytes are 9.6 MB */
    aero_tree_memory_deinit(&memory);
    assert_int_equal(memory.chunk_count, 0);
    free(objects);
}

/* Objects larger than all chunks that a load makes by itself, so that the other thread's serve too; then life goes on. */
static void test_a_large_load_hands_out_what_a_small_one_does(void **state)
{
    (void)state;
    enum { OBJECTS = 40000, LENGTH = 4000 };
    uint8_t **objects = aero_calloc(OBJECTS, sizeof *objects);
    struct aero_tree_memory memory = {0};
    for (unsigned round = 0; round < 2; round++) {
        aero_tree_memory_begin_load(&memory);
        for (size_t i = 0; i < OBJECTS; i++) {
            if (i == OBJECTS / 4 * 3) {
                aero_tree_memory_end_load(&memory);
                assert_null(memory.feeder);
            }
            objects[i] = aero_tree_memory_take(&memory, LENGTH);
            memset(objects[i], (int)(i & 0xff), LENGTH);
        }
        for (size_t i = 0; i < OBJECTS; i++) {
            assert_true(objects[i][0] == (i & 0xff) && objects[i][LENGTH - 1] == (i & 0xff));
            aero_tree_memory_give(&memory, objects[i], LENGTH);
        }
    }
    aero_tree_memory_deinit(&memory);
    assert_int_equal(memory.chunk_count, 0);
    free(objects);
}

/* A load that is given up half-way ends with the memory. */
static void test_deinit_ends_a_load(void **state)
{
    (void)state;
    enum { OBJECTS = 20000, LENGTH = 8000 };
    uint8_t **objects = aero_calloc(OBJECTS, sizeof *objects);
    struct aero_tree_memory memory = {0};
    aero_tree_memory_begin_load(&memory);
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = aero_tree_memory_take(&memory, LENGTH);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        aero_tree_memory_give(&memory, objects[i], LENGTH);
    }
    aero_tree_memory_deinit(&memory);
    assert_null(memory.feeder);
    free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_give_in_random_order_keeps_objects_apart),
        cmocka_unit_test(test_empty_spans_serve_other_sizes),
        cmocka_unit_test(test_a_large_load_hands_out_what_a_small_one_does),
        cmocka_unit_test(test_deinit_ends_a_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
