/* SPDX-License-Identifier: Apache-2.0 */
/* Shrinking finds the smallest history, and limits survive the way over a command line. */
#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "tests/simulation/limits.h"
#include "tests/simulation/shrink.h"

/* Fails as long as there are kills and cuts, seven acts, at least two replicas, and 13 commands a client: with some luck only. */
static bool fails(void *self, const struct aero_sim_limits *limits)
{
    uint32_t *runs = self;
    ++*runs;
    uint64_t needed = 1ULL << AERO_SIM_ACT_kill | 1ULL << AERO_SIM_ACT_cut;
    return (limits->without & needed) == 0 && (limits->replicas == 0 || limits->replicas >= 2) &&
           (limits->commands == 0 || limits->commands >= 13) &&
           (limits->acts == 0 || limits->acts >= 7) && limits->luck % 2 == 0;
}

static void test_shrink_leaves_only_what_the_failure_needs(void **state)
{
    (void)state;
    uint32_t runs = 0;
    struct aero_sim_swarm swarm = {
        .replica_count = 5, .writer_count = 3, .reader_count = 2, .commands_per_client = 200};
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        swarm.rates[kind] = 1;
    }
    struct aero_sim_shrink shrink = {.fails = fails, .self = &runs, .swarm = &swarm, .acts = 90};
    struct aero_sim_limits smallest = aero_sim_shrink(&shrink);
    uint64_t all = (1ULL << AERO_SIM_ACT_COUNT) - 1;
    assert_int_equal(smallest.without,
                     all & ~(1ULL << AERO_SIM_ACT_kill | 1ULL << AERO_SIM_ACT_cut));
    assert_int_equal(smallest.replicas, 2);
    assert_int_equal(smallest.clients, 1);
    assert_int_equal(smallest.commands, 13);
    assert_int_equal(smallest.acts, 7);
    assert_true(fails(&runs, &smallest));
}

static void test_limits_survive_the_command_line(void **state)
{
    (void)state;
    struct aero_sim_limits limits = {.without = 1ULL << AERO_SIM_ACT_kill |
                                                1ULL << AERO_SIM_ACT_old_primary,
                                     .replicas = 2,
                                     .clients = 1,
                                     .commands = 13,
                                     .acts = 7,
                                     .luck = 4};
    struct aero_sim_limits parsed = {0};
    char text[AERO_SIM_LIMITS_TEXT_MAX];
    char *rest = NULL;
    aero_sim_limits_format(&limits, text);
    assert_string_equal(text, "--without kill,old_primary --replicas 2 --clients 1 --commands 13 "
                              "--acts 7 --luck 4");
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(aero_sim_limits_parse(&parsed, word + 2, strtok_r(NULL, " ", &rest)));
    }
    assert_memory_equal(&parsed, &limits, sizeof limits);
    assert_false(aero_sim_limits_parse(&parsed, "without", "kill,cutt"));
    assert_false(aero_sim_limits_parse(&parsed, "commands", "0"));
    assert_false(aero_sim_limits_parse(&parsed, "commands", "x"));
    assert_false(aero_sim_limits_parse(&parsed, "speed", "1"));
}

/* Each limit takes away what it says and nothing else. */
static void test_limited_swarm_keeps_the_rest(void **state)
{
    (void)state;
    struct aero_choice choice;
    struct aero_sim_swarm drawn;
    aero_choice_init_seed(&choice, 5);
    aero_sim_swarm_draw(&choice, &drawn);
    struct aero_sim_swarm limited = drawn;
    aero_sim_swarm_limit(&limited, &(struct aero_sim_limits){0});
    assert_memory_equal(&limited, &drawn, sizeof drawn);
    limited.writer_count = 3;
    limited.reader_count = 2;
    limited.rates[AERO_SIM_ACT_cut] = 9;
    aero_sim_swarm_limit(
        &limited, &(struct aero_sim_limits){.without = 1ULL << AERO_SIM_ACT_cut, .clients = 4});
    assert_int_equal(limited.rates[AERO_SIM_ACT_cut], 0);
    assert_int_equal(limited.writer_count, 3);
    assert_int_equal(limited.reader_count, 1);
    aero_sim_swarm_limit(&limited, &(struct aero_sim_limits){.clients = 3});
    assert_int_equal(limited.reader_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shrink_leaves_only_what_the_failure_needs),
        cmocka_unit_test(test_limits_survive_the_command_line),
        cmocka_unit_test(test_limited_swarm_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
