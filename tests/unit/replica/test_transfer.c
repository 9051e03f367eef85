/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot larger than what the bootstrap holds in memory, without a replica around it. */
#include "replica/bootstrap.h"
#include "tests/unit/replica/played_primary.h"

#define FILL_BYTES ((size_t)4 << 20)        /* bootstrap.c */
#define SYNC_EVERY_BYTES ((size_t)32 << 20) /* bootstrap.c */

struct transfer {
    struct bench *bench; /* whose primary has the snapshot */
    const struct aero_snapshot_entry *entry;
    struct aero_bootstrap *bootstrap;
    size_t fed;
};

/* A snapshot of `megabytes`, of which nothing has come. */
static struct transfer begin_transfer(unsigned megabytes)
{
    struct transfer transfer = {.bench = bench_new(), .bootstrap = aero_bootstrap_new(NULL)};
    char *value = aero_malloc((1 << 20) + 1);
    memset(value, 'v', 1 << 20);
    value[1 << 20] = '\0';
    for (unsigned i = 0; i < megabytes; i++) {
        char key[16];
        snprintf(key, sizeof key, "large%u", i);
        set(transfer.bench, key, value);
    }
    free(value);
    transfer.entry = snapshot(transfer.bench);
    aero_bootstrap_begin(transfer.bootstrap, transfer.entry);
    return transfer;
}

static void end_transfer(struct transfer *transfer)
{
    aero_bootstrap_free(transfer->bootstrap);
    bench_free(transfer->bench);
}

static bool feed(struct transfer *transfer, size_t count)
{
    const struct aero_buffer *file = snapshot_file(transfer->bench, transfer->entry);
    size_t rest = file->length - transfer->fed;
    count = count < rest ? count : rest;
    assert_true(aero_is_ok(aero_bootstrap_feed(transfer->bootstrap,
                                               aero_slice_of(file->data + transfer->fed, count))));
    transfer->fed += count;
    return count != 0;
}

static void complete(struct transfer *transfer, const struct aero_disk_request *request,
                     aero_status status)
{
    const struct aero_disk_completion done = {
        .request_id = request->id,
        .status = status,
        .failed_op = aero_is_ok(status) ? request->op_count : 0,
    };
    aero_bootstrap_on_completion(transfer->bootstrap, &done);
}

/* DET-3: what comes faster than the disk takes it waits with the host. */
static void test_room_ends_with_a_full_buffer_and_comes_back_with_a_request(void **state)
{
    (void)state;
    struct transfer transfer = begin_transfer(5);
    feed(&transfer, FILL_BYTES - 1);
    assert_true(aero_bootstrap_has_room(transfer.bootstrap));
    feed(&transfer, 1);
    assert_false(aero_bootstrap_has_room(transfer.bootstrap));
    const struct aero_disk_request *request = aero_bootstrap_next_request(transfer.bootstrap);
    assert_non_null(request);
    assert_true(aero_bootstrap_has_room(transfer.bootstrap));
    assert_int_equal(aero_bootstrap_take_written(transfer.bootstrap), 0); /* no credit yet */
    complete(&transfer, request, aero_ok());
    assert_int_equal(aero_bootstrap_take_written(transfer.bootstrap), FILL_BYTES);
    end_transfer(&transfer);
}

/* Its last sync does not have to wait for all of it. */
static void test_a_large_transfer_is_synced_on_its_way(void **state)
{
    (void)state;
    struct transfer transfer = begin_transfer(34);
    size_t syncs = 0;
    size_t unsynced = 0;
    while (feed(&transfer, FILL_BYTES)) {
        size_t before = transfer.fed;
        const struct aero_disk_request *request = aero_bootstrap_next_request(transfer.bootstrap);
        unsynced += request->ops[request->op_count - 1].bytes.length;
        if (request->ops[request->op_count - 1].kind == AERO_OP_SYNC) {
            assert_int_equal(request->ops[request->op_count - 2].kind, AERO_OP_WRITE);
            assert_true(before >= SYNC_EVERY_BYTES);
            unsynced = 0;
            syncs++;
        }
        assert_true(unsynced < SYNC_EVERY_BYTES);
        complete(&transfer, request, aero_ok());
    }
    assert_int_equal(syncs, 1);
    end_transfer(&transfer);
}

/* What a failed write left out is not known: the transfer is over, whatever still came. */
static void test_nothing_is_asked_for_behind_a_failure(void **state)
{
    (void)state;
    struct transfer transfer = begin_transfer(1);
    feed(&transfer, 1000);
    const struct aero_disk_request *request = aero_bootstrap_next_request(transfer.bootstrap);
    feed(&transfer, 1000);
    complete(&transfer, request, aero_error(AERO_NO_SPACE));
    assert_int_equal(aero_bootstrap_status(transfer.bootstrap).code, AERO_NO_SPACE);
    assert_null(aero_bootstrap_next_request(transfer.bootstrap));
    assert_int_equal(aero_bootstrap_take_written(transfer.bootstrap), 0);
    end_transfer(&transfer);
}

static void test_free_forgives_null(void **state)
{
    (void)state;
    aero_bootstrap_free(NULL);
    aero_replica_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room_ends_with_a_full_buffer_and_comes_back_with_a_request),
        cmocka_unit_test(test_a_large_transfer_is_synced_on_its_way),
        cmocka_unit_test(test_nothing_is_asked_for_behind_a_failure),
        cmocka_unit_test(test_free_forgives_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
