/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "server/token.h"

#define SHOWN 30 /* further than any token asks for, unless a test says otherwise */

static aero_id nonce_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

/* Two incarnations: 1 wrote the LSNs up to 10, 2 goes on behind them. */
static enum aero_token_state judge(uint8_t incarnation, uint64_t lsn, uint64_t shown)
{
    struct aero_history history = {0};
    for (uint8_t i = 1; i <= 2; i++) {
        struct aero_incarnation entry = {.epoch = {.value = 1}, .nonce = nonce_of(i)};
        entry.start.lsn.value = i == 1 ? 0 : 10;
        assert_int_equal(aero_history_add_incarnation(&history, &entry).code, AERO_OK);
    }
    enum aero_token_state state =
        aero_token_judge(&history, nonce_of(incarnation), aero_lsn_of(lsn), aero_lsn_of(shown));
    aero_history_deinit(&history);
    return state;
}

static void test_a_token_is_reached_once_its_write_is_shown(void **state)
{
    (void)state;
    assert_int_equal(judge(1, 10, SHOWN), AERO_TOKEN_REACHED);
    assert_int_equal(judge(2, 11, SHOWN), AERO_TOKEN_REACHED);
    assert_int_equal(judge(2, 11, 11), AERO_TOKEN_REACHED);
    assert_int_equal(judge(2, 11, 10), AERO_TOKEN_AHEAD);
    assert_int_equal(judge(1, 10, 9), AERO_TOKEN_AHEAD);
}

/* Decision 6: another write has its LSN by now, and does not stand for it. */
static void test_a_token_of_a_write_that_was_lost_is_never_reached(void **state)
{
    (void)state;
    assert_int_equal(judge(1, 11, SHOWN), AERO_TOKEN_LOST);
    assert_int_equal(judge(1, 11, 10), AERO_TOKEN_LOST);
}

static void test_a_token_of_an_unknown_incarnation_is_never_reached(void **state)
{
    (void)state;
    assert_int_equal(judge(3, 1, SHOWN), AERO_TOKEN_LOST);
    assert_int_equal(judge(3, SHOWN + 1, SHOWN), AERO_TOKEN_LOST);
}

/* A new replica: another one may have the write, and it will, too. */
static void test_a_token_waits_where_no_history_is_known(void **state)
{
    (void)state;
    const struct aero_history none = {0};
    assert_int_equal(aero_token_judge(&none, nonce_of(1), aero_lsn_of(1), aero_lsn_of(SHOWN)),
                     AERO_TOKEN_AHEAD);
    assert_int_equal(aero_token_judge(&none, nonce_of(1), aero_lsn_of(0), aero_lsn_of(0)),
                     AERO_TOKEN_AHEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_is_reached_once_its_write_is_shown),
        cmocka_unit_test(test_a_token_of_a_write_that_was_lost_is_never_reached),
        cmocka_unit_test(test_a_token_of_an_unknown_incarnation_is_never_reached),
        cmocka_unit_test(test_a_token_waits_where_no_history_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
