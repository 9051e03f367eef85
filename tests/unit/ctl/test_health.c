/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "ctl/ctl.h"
#include "ctl/health.h"

#define PRIMARY "role:primary\r\nstate:serving\r\nwrites:open\r\n"
#define REPLICA "role:replica\r\nstate:FOLLOWING\r\ndisk:ok\r\n"

static int health(const char *lines)
{
    return aero_ctl_health(aero_slice_text(lines));
}

static void test_a_serving_primary_is_healthy(void **state)
{
    (void)state;
    assert_int_equal(health(PRIMARY "damaged_segments:0\r\nexpiry:running\r\n"), AERO_EXIT_OK);
}

static void test_a_primary_that_does_not_write_needs_an_operator(void **state)
{
    (void)state;
    const char *writes[] = {"cut", "primary_lost", "superseded", "failed"};
    for (size_t i = 0; i < 4; i++) {
        char lines[128];
        snprintf(lines, sizeof lines, "role:primary\r\nwrites:%s\r\n", writes[i]);
        assert_int_equal(health(lines), AERO_CTL_EXIT_ATTENTION);
    }
    assert_int_equal(health(PRIMARY "expiry:suspended\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health(PRIMARY "audit:failed\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health(PRIMARY "audit:passed\r\n"), AERO_EXIT_OK);
}

static void test_damage_is_said_before_anything_else(void **state)
{
    (void)state;
    assert_int_equal(health("role:primary\r\nwrites:cut\r\ndamaged_segments:1\r\n"),
                     AERO_CTL_EXIT_DAMAGE);
    assert_int_equal(health("role:primary\r\nwrites:cut\r\ndamage_met:a.seg at offset 1\r\n"),
                     AERO_CTL_EXIT_DAMAGE);
    assert_int_equal(health(PRIMARY "damage_met:\r\n"), AERO_EXIT_OK);
}

/* Disconnection is not doubt: the replica goes on by itself. */
static void test_a_replica_that_is_on_its_way_is_healthy(void **state)
{
    (void)state;
    assert_int_equal(health(REPLICA "link:down\r\n"), AERO_EXIT_OK);
    assert_int_equal(health(REPLICA "digest_agreement:not compared yet\r\n"), AERO_EXIT_OK);
    assert_int_equal(health("role:replica\r\nstate:BOOTSTRAPPING\r\n"), AERO_EXIT_OK);
}

static void test_a_replica_in_doubt_needs_an_operator(void **state)
{
    (void)state;
    assert_int_equal(health("role:replica\r\nstate:HALTED\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health(REPLICA "digest_agreement:differs\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health("role:replica\r\nstate:FOLLOWING\r\ndisk:fault\r\n"),
                     AERO_CTL_EXIT_ATTENTION);
}

/* The node goes on with its old certificates, and with its old list of those that are revoked. */
static void test_refused_certificates_need_an_operator(void **state)
{
    (void)state;
    assert_int_equal(health(PRIMARY "certificates:refused\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health(REPLICA "certificates:refused\r\n"), AERO_CTL_EXIT_ATTENTION);
    assert_int_equal(health(REPLICA "certificates:ok\r\n"), AERO_EXIT_OK);
}

/* A primary that does not say that it writes is not taken for a healthy one. */
static void test_silence_about_writes_is_not_health(void **state)
{
    (void)state;
    assert_int_equal(health("role:primary\r\n"), AERO_CTL_EXIT_ATTENTION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_serving_primary_is_healthy),
        cmocka_unit_test(test_a_primary_that_does_not_write_needs_an_operator),
        cmocka_unit_test(test_damage_is_said_before_anything_else),
        cmocka_unit_test(test_a_replica_that_is_on_its_way_is_healthy),
        cmocka_unit_test(test_a_replica_in_doubt_needs_an_operator),
        cmocka_unit_test(test_refused_certificates_need_an_operator),
        cmocka_unit_test(test_silence_about_writes_is_not_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
