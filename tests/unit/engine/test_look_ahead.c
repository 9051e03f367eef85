/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/look_ahead.h"
#include "engine/operation.h"
#include "engine/record.h"

static void add_record(struct aero_buffer *records, enum aero_record_type type,
                       struct aero_slice payload)
{
    size_t bytes = aero_record_bytes(payload.length);
    uint8_t *place = aero_buffer_reserve(records, bytes);
    memset(place, 0, bytes);
    aero_record_prepare(type, payload, place);
    records->length += bytes;
}

static void add_commit(struct aero_buffer *records, struct aero_operation operation)
{
    struct aero_buffer payload = {0};
    aero_commit_begin(&payload, (aero_wall_ms){.value = 1});
    aero_commit_add(&payload, &operation);
    add_record(records, AERO_RECORD_COMMIT, aero_buffer_slice(&payload));
    aero_buffer_deinit(&payload);
}

static void add_put(struct aero_buffer *records)
{
    add_commit(records, (struct aero_operation){.kind = AERO_PUT,
                                                .key = aero_slice_text("key"),
                                                .value = aero_slice_text("value")});
}

/* How many of the records in front are looked at; the tree is as it was. */
static void expect_looked_at(struct aero_slice records, size_t count)
{
    struct aero_tree *tree = aero_tree_new();
    aero_tree_put(tree, aero_slice_text("key"), aero_slice_text("old"), NULL);
    assert_int_equal(aero_look_ahead(tree, records), count);
    assert_int_equal(aero_tree_summary(tree).count, 1);
    aero_tree_free(tree);
}

static void test_look_ahead_stops_at_what_names_no_key(void **state)
{
    (void)state;
    struct aero_buffer records = {0};
    expect_looked_at(aero_buffer_slice(&records), 0);
    add_put(&records);
    size_t one = records.length;
    add_put(&records);
    size_t two = records.length;
    expect_looked_at(aero_buffer_slice(&records), 2);
    for (size_t length = one; length < two; length++) { /* the second is not whole */
        expect_looked_at(aero_slice_of(records.data, length), 1);
    }
    /* A range from the first key on, a digest, and a commit whose bytes are no operation: what follows waits. */
    const struct aero_slice others[] = {aero_slice_text("0123456789"), aero_slice_text("short")};
    struct aero_operation all = {.kind = AERO_DELETE_RANGE};
    add_commit(&records, all);
    add_put(&records);
    expect_looked_at(aero_buffer_slice(&records), 2);
    for (size_t i = 0; i < 2; i++) {
        records.length = two;
        add_record(&records, AERO_RECORD_COMMIT, others[i]);
        add_put(&records);
        expect_looked_at(aero_buffer_slice(&records), 2);
    }
    records.length = two;
    add_record(&records, AERO_RECORD_DIGEST, aero_slice_text("0123456789"));
    add_put(&records);
    expect_looked_at(aero_buffer_slice(&records), 2);
    aero_buffer_deinit(&records);
}

static void test_look_ahead_takes_as_many_as_one_prefetch_does(void **state)
{
    (void)state;
    struct aero_buffer records = {0};
    for (size_t i = 0; i < AERO_TREE_PREFETCH_MAX; i++) {
        expect_looked_at(aero_buffer_slice(&records), i);
        add_put(&records);
    }
    add_put(&records);
    expect_looked_at(aero_buffer_slice(&records), AERO_TREE_PREFETCH_MAX);
    aero_buffer_deinit(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look_ahead_stops_at_what_names_no_key),
        cmocka_unit_test(test_look_ahead_takes_as_many_as_one_prefetch_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
