/* SPDX-License-Identifier: Apache-2.0 */
/* The table is small: all of its inputs are tried, against rules that are written down a second time, as sentences. */
#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "engine/tail_decision.h"

#define FACTS 9U
#define INPUTS (4U << FACTS)

static struct aero_tail_evidence input(unsigned number)
{
    unsigned facts = number >> 2;
    return (struct aero_tail_evidence){
        .stop = (enum aero_tail_stop)(number & 3),
        .primary = facts & 1,
        .own = facts >> 1 & 1,
        .successor = facts >> 2 & 1,
        .proof = facts >> 3 & 1,
        .snapshot = facts >> 4 & 1,
        .manifest = facts >> 5 & 1,
        .footer = facts >> 6 & 1,
        .mark = facts >> 7 & 1,
        .record = facts >> 8 & 1,
    };
}

static enum aero_tail_verdict verdict(unsigned number)
{
    struct aero_tail_evidence evidence = input(number);
    return aero_tail_decide(&evidence).verdict;
}

static bool bytes_are_bad(const struct aero_tail_evidence *e)
{
    return e->stop == AERO_TAIL_INVALID || e->stop == AERO_TAIL_BAD_HEADER;
}

/* Written from the decisions' text, not from the table. */
static bool was_durable(const struct aero_tail_evidence *e)
{
    if (e->proof || e->successor) {
        return true; /* what this node itself noted after a sync; the barrier of a rotation */
    }
    if (!e->primary) {
        return false; /* anything else a replica fetches again */
    }
    if (e->snapshot || e->manifest) {
        return true; /* both are written only of what is durable */
    }
    switch (e->stop) {
    case AERO_TAIL_FOOTER:
        return e->own; /* written only once a successor was durable */
    case AERO_TAIL_INVALID:
        return e->own && (e->footer || e->mark);
    case AERO_TAIL_BAD_HEADER:
        return e->record; /* written only once the header was durable */
    case AERO_TAIL_CLEAN:
        break;
    }
    return false;
}

static void test_decide_agrees_with_the_rules_for_every_input(void **state)
{
    (void)state;
    for (unsigned number = 0; number < INPUTS; number++) {
        struct aero_tail_evidence evidence = input(number);
        enum aero_tail_verdict expected =
            bytes_are_bad(&evidence) ? AERO_TAIL_IS_TORN : AERO_TAIL_IS_CLEAN;
        if (was_durable(&evidence)) {
            expected = AERO_TAIL_IS_DAMAGE;
        }
        assert_int_equal(verdict(number), expected);
    }
}

static void test_decide_names_its_evidence_exactly_for_damage(void **state)
{
    (void)state;
    for (unsigned number = 0; number < INPUTS; number++) {
        struct aero_tail_evidence evidence = input(number);
        struct aero_tail_decision decision = aero_tail_decide(&evidence);
        bool named = strcmp(decision.evidence, "none") != 0;
        assert_int_equal(named, decision.verdict == AERO_TAIL_IS_DAMAGE);
    }
}

/* A row that decides nothing would be a rule that somebody believes in and nobody obeys. */
static void test_every_row_decides_something(void **state)
{
    (void)state;
    bool seen[AERO_TAIL_ROWS] = {false};
    for (unsigned number = 0; number < INPUTS; number++) {
        struct aero_tail_evidence evidence = input(number);
        seen[aero_tail_decide(&evidence).row] = true;
    }
    for (unsigned row = 0; row < AERO_TAIL_ROWS; row++) {
        assert_true(seen[row]);
    }
}

/* More evidence never makes durable data look less durable. */
static void test_evidence_is_monotone(void **state)
{
    (void)state;
    for (unsigned number = 0; number < INPUTS; number++) {
        for (unsigned fact = 2; fact < FACTS; fact++) {
            unsigned more = number | 1U << (fact + 2);
            assert_true(verdict(more) >= verdict(number));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide_agrees_with_the_rules_for_every_input),
        cmocka_unit_test(test_decide_names_its_evidence_exactly_for_damage),
        cmocka_unit_test(test_every_row_decides_something),
        cmocka_unit_test(test_evidence_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
