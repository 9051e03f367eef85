/* SPDX-License-Identifier: Apache-2.0 */
/* The search for an order is shown histories that have one and histories that have none. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>
#include <string.h>

#include "tests/simulation/world.h"

static struct aero_sim_world *world_new(void)
{
    return aero_calloc(1, sizeof(struct aero_sim_world));
}

static void world_free(struct aero_sim_world *world)
{
    aero_check_linear_deinit(&world->linear);
    free(world);
}

/* What judging says, and forgets. */
static bool no_order(struct aero_sim_world *world)
{
    aero_check_linear_judge(world);
    bool failed = world->verdict.failed;
    memset(&world->verdict, 0, sizeof world->verdict);
    return failed;
}

static void finish(struct aero_sim_world *world, enum aero_linear_kind kind, uint32_t result)
{
    aero_check_linear_done(world, 0, aero_check_linear_begin(world, 0, kind), result);
}

static void test_read_of_an_overwritten_value_has_no_order(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    finish(world, AERO_LINEAR_WRITE, 0);
    finish(world, AERO_LINEAR_READ, 1);
    finish(world, AERO_LINEAR_WRITE, 0);
    finish(world, AERO_LINEAR_READ, 3);
    assert_false(no_order(world));
    finish(world, AERO_LINEAR_READ, 1);
    assert_true(no_order(world));
    world_free(world);
}

/* Two reads beside one write may see the old value and the new one, in that order only. */
static void test_reads_that_go_back_beside_a_write_have_no_order(void **state)
{
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct aero_sim_world *world = world_new();
        finish(world, AERO_LINEAR_WRITE, 0);
        uint32_t write = aero_check_linear_begin(world, 0, AERO_LINEAR_WRITE);
        finish(world, AERO_LINEAR_READ, swapped ? 2 : 1);
        finish(world, AERO_LINEAR_READ, swapped ? 1 : 2);
        aero_check_linear_done(world, 0, write, 0);
        assert_int_equal(no_order(world), swapped);
        world_free(world);
    }
}

/* A write without an answer may count late, or never, but only once. */
static void test_open_write_counts_at_most_once(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    finish(world, AERO_LINEAR_WRITE, 0);
    (void)aero_check_linear_begin(world, 0, AERO_LINEAR_WRITE);
    finish(world, AERO_LINEAR_READ, 1);
    assert_false(no_order(world));
    finish(world, AERO_LINEAR_READ, 2);
    finish(world, AERO_LINEAR_READ, 2);
    assert_false(no_order(world));
    finish(world, AERO_LINEAR_WRITE, 0);
    finish(world, AERO_LINEAR_READ, 2);
    assert_true(no_order(world));
    world_free(world);
}

static void test_refused_write_that_is_read_has_no_order(void **state)
{
    (void)state;
    struct aero_sim_world *world = world_new();
    uint32_t write = aero_check_linear_begin(world, 0, AERO_LINEAR_WRITE);
    aero_check_linear_refused(world, 0, write);
    finish(world, AERO_LINEAR_READ, 0);
    assert_false(no_order(world));
    finish(world, AERO_LINEAR_READ, 1);
    assert_true(no_order(world));
    world_free(world);
}

/* Operations that answer what they found: two that both created, a swap that saw nothing, a delete of nothing. */
static void test_operations_that_saw_what_was_not_there_have_no_order(void **state)
{
    (void)state;
    static const struct {
        enum aero_linear_kind kind;
        uint32_t right;
        uint32_t wrong;
    } cases[] = {{AERO_LINEAR_CREATE, 0, 1}, {AERO_LINEAR_SWAP, 1, 0}, {AERO_LINEAR_DELETE, 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
            struct aero_sim_world *world = world_new();
            finish(world, AERO_LINEAR_CREATE, 1);
            finish(world, cases[i].kind, is_wrong ? cases[i].wrong : cases[i].right);
            assert_int_equal(no_order(world), is_wrong);
            world_free(world);
        }
    }
}

/* The search against one that tries every order: all histories of four operations side by side in a small world. */
static bool some_order_explains(const struct aero_linear_operation *operations, uint32_t count,
                                uint32_t done, uint32_t state)
{
    bool complete = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct aero_linear_operation *next = &operations[i];
        bool may_be_next = (done >> i & 1) == 0 && !next->refused;
        complete &= (done >> i & 1) != 0 || next->refused || next->end == UINT64_MAX;
        for (uint32_t k = 0; k < count && may_be_next; k++) {
            may_be_next = (done >> k & 1) != 0 || operations[k].refused || k == i ||
                          operations[k].end > next->begin;
        }
        bool open = next->end == UINT64_MAX;
        uint32_t after = next->kind == AERO_LINEAR_READ     ? state
                         : next->kind == AERO_LINEAR_DELETE ? 0
                                                            : next->value;
        bool fits = next->kind == AERO_LINEAR_WRITE || open ||
                    (next->kind == AERO_LINEAR_READ && next->result == state) ||
                    (next->kind == AERO_LINEAR_DELETE && next->result == (state != 0));
        if (may_be_next && fits && some_order_explains(operations, count, done | 1U << i, after)) {
            return true;
        }
    }
    return complete;
}

static void test_search_agrees_with_trying_every_order(void **state)
{
    (void)state;
    static const enum aero_linear_kind kinds[] = {AERO_LINEAR_READ, AERO_LINEAR_WRITE,
                                                  AERO_LINEAR_DELETE};
    struct aero_choice choice;
    uint32_t without = 0;
    aero_choice_init_seed(&choice, 7);
    for (int round = 0; round < 20000; round++) {
        struct aero_sim_world *world = world_new();
        uint32_t open[6];
        uint32_t open_count = 0;
        for (int step = 0; step < 12; step++) {
            struct aero_linear_key *key = &world->linear.keys[0];
            bool begins = key->count < 6 && aero_choice_below(&choice, 2) == 0;
            if (begins) {
                open[open_count++] =
                    aero_check_linear_begin(world, 0, kinds[aero_choice_below(&choice, 3)]);
            } else if (open_count > 0) {
                size_t chosen = (size_t)aero_choice_below(&choice, open_count);
                uint32_t number = open[chosen];
                open[chosen] = open[--open_count];
                uint32_t results = key->operations[number].kind == AERO_LINEAR_DELETE ? 2 : 7;
                if (aero_choice_below(&choice, 8) == 0) {
                    aero_check_linear_refused(world, 0, number);
                } else {
                    aero_check_linear_done(world, 0, number,
                                           (uint32_t)aero_choice_below(&choice, results));
                }
            }
        }
        const struct aero_linear_key *key = &world->linear.keys[0];
        bool explained = some_order_explains(key->operations, key->count, 0, 0);
        without += !explained;
        assert_int_equal(no_order(world), !explained);
        world_free(world);
    }
    assert_in_range(without, 5000, 19000); /* both answers are common */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_of_an_overwritten_value_has_no_order),
        cmocka_unit_test(test_reads_that_go_back_beside_a_write_have_no_order),
        cmocka_unit_test(test_open_write_counts_at_most_once),
        cmocka_unit_test(test_refused_write_that_is_read_has_no_order),
        cmocka_unit_test(test_operations_that_saw_what_was_not_there_have_no_order),
        cmocka_unit_test(test_search_agrees_with_trying_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
