/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "primary/fleet.h"

static void follow(struct aero_fleet *fleet, uint64_t connection, uint64_t durable,
                   uint64_t applied)
{
    struct aero_fleet_member *member = aero_fleet_join(fleet, connection);
    member->following = true;
    member->durable = aero_lsn_of(durable);
    member->applied = aero_lsn_of(applied);
}

static void test_counts_take_each_member_by_its_own_acknowledgement(void **state)
{
    (void)state;
    struct aero_fleet fleet = {0};
    follow(&fleet, 1, 10, 8);
    follow(&fleet, 2, 9, 9);
    assert_int_equal(aero_fleet_count_durable(&fleet, aero_lsn_of(10)), 1);
    assert_int_equal(aero_fleet_count_applied(&fleet, aero_lsn_of(9)), 1);
    assert_int_equal(aero_fleet_count_applied(&fleet, aero_lsn_of(8)), 2);
}

/* Decision 23: a connection takes its acknowledgements with it. */
static void test_leave_clears_acknowledgements(void **state)
{
    (void)state;
    struct aero_fleet fleet = {0};
    follow(&fleet, 1, 10, 10);
    aero_fleet_leave(&fleet, 1);
    assert_int_equal(aero_fleet_count_durable(&fleet, aero_lsn_of(1)), 0);
    aero_fleet_join(&fleet, 2);
    assert_int_equal(aero_fleet_count_durable(&fleet, aero_lsn_of(0)), 0); /* not following yet */
}

/* DET-3: the fleet is bounded, and says so. */
static void test_join_refuses_beyond_the_limit(void **state)
{
    (void)state;
    struct aero_fleet fleet = {0};
    for (uint64_t connection = 1; connection <= AERO_FLEET_MAX; connection++) {
        assert_non_null(aero_fleet_join(&fleet, connection));
    }
    assert_null(aero_fleet_join(&fleet, AERO_FLEET_MAX + 1));
    assert_ptr_equal(aero_fleet_join(&fleet, 7), aero_fleet_find(&fleet, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_take_each_member_by_its_own_acknowledgement),
        cmocka_unit_test(test_leave_clears_acknowledgements),
        cmocka_unit_test(test_join_refuses_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
