/* SPDX-License-Identifier: Apache-2.0 */
/* A primary whose commits are sound by every checksum and put what is no entry of the keyspace. A replica takes none of it, and
 * whoever has it in a directory answers errors: no data ends a process. */
#include "tests/simulation/story.h"

#include "primary/primary_priv.h"

/* Past every command, as a primary with a defect or an ill will would. */
static void forge(struct story *story, struct aero_slice engine_key, struct aero_slice value)
{
    struct aero_node node = aero_primary_node(node_of(story, 0)->primary);
    assert_true(node.ops->has_room(node.self, 1000));
    node.ops->begin(node.self);
    node.ops->put(node.self, engine_key, value);
    node.ops->commit(node.self);
    set(story, "behind");
    pass(story, SECOND_NS);
}

static void test_commit_that_puts_no_entry_halts_a_replica_before_it_is_applied(void **state)
{
    struct story *story = *state;
    set(story, "key");
    assert_true(follows(story, 1));
    uint64_t applied = aero_replica_applied_lsn(node_of(story, 1)->replica).value;
    forge(story, aero_slice_of("\0ka", 3), aero_slice_of("\x81zzz", 4));
    assert_true(is_halted(story, 1) && is_halted(story, 2));
    assert_int_equal(aero_replica_applied_lsn(node_of(story, 1)->replica).value, applied);
    const char *said = ask(story, 1, 2, (const char *const[]){"GET", "a"});
    assert_memory_equal(said, "-HALTED malformed commit", 24);
    restart(story, 1, AERO_SIM_KILL);
    assert_true(is_halted(story, 1));
}

/* A node that holds nothing is given a snapshot. */
static void test_snapshot_that_holds_no_entry_is_not_installed(void **state)
{
    struct story *story = *state;
    forge(story, aero_slice_of("\0ka", 3), aero_slice_of("\2v", 2));
    assert_string_equal(ask_word(story, 0, "AERO.CHECKPOINT"), "+OK\r\n");
    aero_sim_node_replace_disk(node_of(story, 2), NULL, SECOND_NS);
    pass(story, 20 * SECOND_NS);
    assert_true(was_told(story, "the primary's snapshot does not verify"));
    assert_int_not_equal(aero_replica_state(node_of(story, 2)->replica), AERO_REPLICA_FOLLOWING);
}

static void test_commands_that_meet_no_value_answer_an_error(void **state)
{
    struct story *story = *state;
    static const char *const commands[][3] = {
        {"GET", "a"}, {"KEYS", "*"}, {"SCAN", "0"}, {"RANDOMKEY"}, {"SET", "a", "1"}};
    static const size_t counts[] = {2, 2, 2, 1, 3};
    forge(story, aero_slice_of("\0ka", 3), (struct aero_slice){0});
    for (unsigned life = 0; life < 2; life++) {
        assert_string_equal(ask(story, 0, 2, (const char *const[]){"DEL", "behind"}),
                            life == 0 ? ":1\r\n" : ":0\r\n");
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            const char *said = ask(story, 0, counts[i], commands[i]);
            assert_memory_equal(said, "-ERR an entry of the keyspace is no value", 41);
        }
        restart(story, 0, AERO_SIM_KILL);
    }
    assert_string_equal(ask_word(story, 0, "FLUSHDB"), "+OK\r\n");
    set(story, "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_commit_that_puts_no_entry_halts_a_replica_before_it_is_applied),
        STORY(test_snapshot_that_holds_no_entry_is_not_installed),
        STORY(test_commands_that_meet_no_value_answer_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
