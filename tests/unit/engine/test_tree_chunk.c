/* SPDX-License-Identifier: Apache-2.0 */
/* What the tree's memory does when the kernel gives less, or places it otherwise, than it usually does. */
#include "tests/unit/cmocka_setup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/slice.h"
#include "engine/tree_memory_priv.h"
#include "tests/unit/broken_call.h"
#include "tests/unit/broken_thread.h"

#define CHUNK AERO_TREE_CHUNK_BYTES
#define PAGE ((size_t)4096)

/* The next mappings of so many bytes begin at this offset in a chunk; the last offset stays. */
static struct {
    bool active;
    size_t narrow_offset; /* of one chunk */
    size_t wide_offset;   /* of two */
    uint8_t *wide;
} placement;

void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (!placement.active || (length != CHUNK && length != 2 * CHUNK)) {
        return __real_mmap(address, length, protection, flags, fd, offset);
    }
    size_t room = length + 2 * CHUNK;
    uint8_t *all = __real_mmap(address, room, protection, flags, fd, offset);
    assert_true(all != MAP_FAILED);
    size_t skip = (CHUNK - (uintptr_t)all % CHUNK) % CHUNK;
    skip += length == CHUNK ? placement.narrow_offset : placement.wide_offset;
    if (skip != 0) {
        munmap(all, skip);
    }
    munmap(all + skip + length, room - skip - length);
    if (length != CHUNK) {
        placement.wide = all + skip;
    }
    return all + skip;
}

static bool is_mapped(uint8_t *place)
{
    unsigned char is_resident; /* or not: of what is not mapped nothing is said */
    return mincore(place, PAGE, &is_resident) == 0;
}

static void
test_chunk_is_aligned_wherever_the_kernel_maps_and_nothing_is_left_around_it(void **state)
{
    (void)state;
    static const size_t offsets[][2] = {
        {0, 0}, {PAGE, 0}, {PAGE, PAGE}, {CHUNK - PAGE, CHUNK / 2}, {CHUNK / 2, CHUNK - PAGE}};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        placement.active = true;
        placement.narrow_offset = offsets[i][0];
        placement.wide_offset = offsets[i][1];
        placement.wide = NULL;
        uint8_t *chunk = aero_tree_chunk_map();
        placement.active = false;
        assert_int_equal((uintptr_t)chunk % CHUNK, 0);
        assert_int_equal(placement.wide != NULL, offsets[i][0] != 0);
        memset(chunk, 1, CHUNK);
        for (uint8_t *at = placement.wide; at != NULL && at < placement.wide + 2 * CHUNK;
             at += PAGE) {
            assert_int_equal(is_mapped(at), at >= chunk && at < chunk + CHUNK);
        }
        aero_tree_chunk_unmap(chunk);
        assert_false(is_mapped(chunk) || is_mapped(chunk + CHUNK - PAGE));
    }
}

/* A load without its thread takes longer, and that is all. */
static void test_a_large_load_without_a_thread_makes_all_chunks_itself(void **state)
{
    (void)state;
    enum { OBJECTS = 20000, LENGTH = 8000 };
    uint8_t **objects = aero_calloc(OBJECTS, sizeof *objects);
    struct aero_tree_memory memory = {0};
    broken_pthread_create = (struct broken_call){.times = 1, .sys_errno = EAGAIN};
    aero_tree_memory_begin_load(&memory);
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = aero_tree_memory_take(&memory, LENGTH);
        objects[i][0] = (uint8_t)i;
        objects[i][LENGTH - 1] = (uint8_t)i;
    }
    /* Under AddressSanitizer no object lies in a chunk. */
    assert_int_equal(memory.feeder != NULL, memory.chunk_count != 0);
    assert_int_equal(broken_pthread_create.times, memory.chunk_count == 0);
    aero_tree_memory_end_load(&memory);
    assert_null(memory.feeder);
    for (size_t i = 0; i < OBJECTS; i++) {
        assert_int_equal(objects[i][0], (uint8_t)i);
        assert_int_equal(objects[i][LENGTH - 1], (uint8_t)i);
        aero_tree_memory_give(&memory, objects[i], LENGTH);
    }
    aero_tree_memory_deinit(&memory);
    broken_pthread_create.times = 0;
    free(objects);
}

static void test_large_objects_need_no_chunk(void **state)
{
    (void)state;
    struct aero_tree_memory memory = {0};
    uint8_t *object = aero_tree_memory_take(&memory, 8193);
    memset(object, 1, 8193);
    assert_int_equal(memory.used_bytes, 8193);
    assert_int_equal(memory.chunk_count, 0);
    aero_tree_memory_give(&memory, object, 8193);
    aero_tree_memory_deinit(&memory);
    assert_int_equal(memory.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_chunk_is_aligned_wherever_the_kernel_maps_and_nothing_is_left_around_it),
        cmocka_unit_test(test_a_large_load_without_a_thread_makes_all_chunks_itself),
        cmocka_unit_test(test_large_objects_need_no_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
