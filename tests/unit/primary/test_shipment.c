/* SPDX-License-Identifier: Apache-2.0 */
/* When what became durable is shipped: what gathers, and what ends the gathering. */
#include "tests/unit/cmocka_setup.h"

#include "engine/segment.h"
#include "primary/shipment.h"
#include "proto/frame.h"

static struct aero_wal_place place_at(uint64_t sequence, uint64_t offset, uint64_t lsn)
{
    return (struct aero_wal_place){
        .sequence = sequence, .offset = offset, .position = {.lsn = aero_lsn_of(lsn)}};
}

/* Everything up to `lsn` left and was acknowledged. */
static struct aero_shipment shipment_at(uint32_t groups_max, uint64_t offset, uint64_t lsn)
{
    struct aero_shipment shipment = {.groups_max = groups_max,
                                     .seen = place_at(1, offset, lsn),
                                     .left = place_at(1, offset, lsn)};
    aero_shipment_on_acknowledged(&shipment, aero_lsn_of(lsn));
    return shipment;
}

static bool gather(struct aero_shipment *shipment, struct aero_wal_place place, bool log_is_idle)
{
    return aero_shipment_gather(shipment, NULL, place, log_is_idle);
}

static void test_last_groups_of_an_idle_log_leave_at_once(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    assert_true(gather(&shipment, place_at(1, 5100, 11), true));
    assert_false(gather(&shipment, place_at(1, 5100, 11), true)); /* nothing new */
}

static void test_groups_gather_while_writes_go_on(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(3, 5000, 10);
    for (uint64_t round = 0; round < 2; round++) {
        uint64_t base = 3 * round;
        assert_false(gather(&shipment, place_at(1, 5001 + base, 11 + base), false));
        assert_false(gather(&shipment, place_at(1, 5001 + base, 11 + base), false));
        assert_false(gather(&shipment, place_at(1, 5002 + base, 12 + base), false));
        assert_true(gather(&shipment, place_at(1, 5003 + base, 13 + base), false));
    }
}

static void test_one_group_a_shipment_is_the_plain_way(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(1, 5000, 10);
    assert_true(gather(&shipment, place_at(1, 5001, 11), false));
    assert_true(gather(&shipment, place_at(1, 5002, 12), false));
}

static void test_chunk_of_bytes_or_a_new_segment_does_not_wait(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    uint64_t full = 5000 + AERO_FRAME_CHUNK_MAX;
    assert_false(gather(&shipment, place_at(1, full - 1, 11), false));
    assert_true(gather(&shipment, place_at(1, full, 12), false));
    assert_true(gather(&shipment, place_at(2, 4096, 12), false));
}

/* Only then may the segment before be shipped by who ships whole ones: its end was told without a record behind it. */
static void test_first_records_of_a_segment_do_not_wait(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    assert_true(gather(&shipment, place_at(2, AERO_SEGMENT_HEADER_BYTES, 10), true));
    assert_true(gather(&shipment, place_at(2, AERO_SEGMENT_HEADER_BYTES + 100, 11), false));
    assert_false(gather(&shipment, place_at(2, AERO_SEGMENT_HEADER_BYTES + 200, 12), false));
}

/* A lone writer's log is idle behind every commit: replicas that are still busy get several at a time. */
static void test_idle_log_waits_for_a_replica_that_is_busy_but_not_for_ever(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    assert_true(gather(&shipment, place_at(1, 5100, 11), true));
    assert_false(gather(&shipment, place_at(1, 5200, 12), true));
    aero_shipment_on_acknowledged(&shipment, aero_lsn_of(11));
    assert_true(gather(&shipment, place_at(1, 5200, 12), true)); /* asked again, nothing new */
    for (uint64_t i = 1; i < 16; i++) {
        assert_false(gather(&shipment, place_at(1, 5200 + i, 12 + i), true));
    }
    assert_true(gather(&shipment, place_at(1, 5216, 28), true));
}

/* A group that failed takes the log back to idle without moving the durable place. */
static void test_what_gathered_leaves_when_the_group_behind_it_fails(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    assert_false(gather(&shipment, place_at(1, 5100, 11), false));
    assert_true(gather(&shipment, place_at(1, 5100, 11), true));
}

static void test_new_view_is_news_at_once_and_takes_along_what_gathered(void **state)
{
    (void)state;
    static const char memory[2];
    const void *views[2] = {&memory[0], &memory[1]};
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    assert_true(aero_shipment_gather(&shipment, views[0], place_at(1, 5000, 10), false));
    assert_false(aero_shipment_gather(&shipment, views[0], place_at(1, 5100, 11), false));
    assert_true(aero_shipment_gather(&shipment, views[1], place_at(1, 5100, 11), false));
    assert_false(aero_shipment_gather(&shipment, views[1], place_at(1, 5100, 11), true));
}

static void test_older_acknowledgements_change_nothing(void **state)
{
    (void)state;
    struct aero_shipment shipment = shipment_at(16, 5000, 10);
    aero_shipment_on_acknowledged(&shipment, aero_lsn_of(4));
    assert_true(gather(&shipment, place_at(1, 5100, 11), true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_groups_of_an_idle_log_leave_at_once),
        cmocka_unit_test(test_groups_gather_while_writes_go_on),
        cmocka_unit_test(test_one_group_a_shipment_is_the_plain_way),
        cmocka_unit_test(test_chunk_of_bytes_or_a_new_segment_does_not_wait),
        cmocka_unit_test(test_first_records_of_a_segment_do_not_wait),
        cmocka_unit_test(test_idle_log_waits_for_a_replica_that_is_busy_but_not_for_ever),
        cmocka_unit_test(test_what_gathered_leaves_when_the_group_behind_it_fails),
        cmocka_unit_test(test_new_view_is_news_at_once_and_takes_along_what_gathered),
        cmocka_unit_test(test_older_acknowledgements_change_nothing),
    };
    return cmocka_run_group_tests_name("primary.shipment", tests, NULL, NULL);
}
