/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/wal_list.h"
#include "tests/unit/engine/memory_disk.h"

#define NAME "wal/anything.seg"

/* A file that somebody brings is known by its header, whatever it is called; without one it is nothing. */
static void test_list_of_one_file_knows_it_by_its_header(void **state)
{
    (void)state;
    struct memory_disk disk = {.file_count = 0};
    struct aero_wal_list list;
    struct aero_segment_header header = {.sequence = 5,
                                         .first_lsn = {101},
                                         .nonce = {{7}},
                                         .prev_sequence = 4,
                                         .prev_end = {.lsn = {100}}};
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES];
    aero_segment_header_encode(&header, raw);
    struct memory_file *file = memory_put(&disk, NAME);
    memory_store(&file->bytes, 0, aero_slice_of(raw, sizeof raw));
    aero_wal_list_one(memory_disk_port(&disk), NAME, &list);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.segments[0].header_status.code, AERO_OK);
    assert_int_equal(list.segments[0].named_sequence, 5);
    assert_int_equal(list.segments[0].named_lsn.value, 101);
    aero_wal_list_deinit(&list);
    file->bytes.data[100] ^= 1;
    aero_wal_list_one(memory_disk_port(&disk), NAME, &list);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.segments[0].header_status.code, AERO_CORRUPT);
    assert_int_equal(list.segments[0].named_sequence, 0);
    aero_wal_list_deinit(&list);
    aero_wal_list_one(memory_disk_port(&disk), "wal/none", &list);
    assert_int_equal(list.segments[0].header_status.code, AERO_NOT_FOUND);
    aero_wal_list_deinit(&list);
    memory_disk_deinit(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_of_one_file_knows_it_by_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
