/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that rots under a running node (FM-8.2, decisions 19 and 20): one bit of one value, where nothing reads a checksum. What
 * follows must be a halt, an audit, a refusal; never another state that somebody believes in. */
#include "tests/simulation/story.h"

#include "engine/record.h"
#include "server/keyspace_codec.h"

#define WRITES_AT_A_TIME 200

static void write_until(struct story *story, uint64_t lsn)
{
    while (aero_primary_durable_lsn(node_of(story, 0)->primary).value < lsn) {
        const char *said =
            ask_often(story, 0, WRITES_AT_A_TIME, 2, (const char *const[]){"INCR", "count"});
        assert_int_equal(said[0], ':');
    }
}

/* One bit of the last byte of the value, behind everybody's back; the next change of the key finds it. */
static void rot(const struct aero_tree *tree, const char *key)
{
    struct aero_buffer engine_key = {0};
    struct aero_slice value;
    struct aero_slice name = aero_slice_of(key, strlen(key));
    assert_true(aero_tree_get(tree, aero_encode_key(&engine_key, 0, name), &value));
    uint8_t *byte = (uint8_t *)(uintptr_t)&value.data[value.length - 1];
    *byte ^= 1;
    aero_buffer_deinit(&engine_key);
}

/* ---- Stories -------------------------------------------------------------------------------------------------- */

/* REP-4, decision 20: the replica halts at the next digest record, says why to whoever asks, and so do its next lives, however
 * the ones before ended; the primary audits itself and is well; an operator's word has the state made anew from disk. */
static void test_replica_whose_memory_rots_halts_over_restarts_until_an_operator_acts(void **state)
{
    struct story *story = *state;
    set(story, "other");
    set(story, "key");
    pass(story, SECOND_NS);
    assert_true(follows(story, 1) && follows(story, 2));
    rot(aero_replica_tree(node_of(story, 1)->replica), "key");
    set(story, "key");
    assert_true(follows(story, 1));
    write_until(story, AERO_DIGEST_INTERVAL_LSN + 1);
    pass(story, SECOND_NS);
    assert_true(is_halted(story, 1));
    assert_true(follows(story, 2));
    static const enum aero_sim_crash ends[] = {AERO_SIM_KILL, AERO_SIM_POWER, AERO_SIM_POWER_LOSE};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *said = ask(story, 1, 2, (const char *const[]){"GET", "other"});
        assert_memory_equal(said, "-HALTED digest mismatch: the state before LSN 1024", 50);
        restart(story, 1, ends[i]);
        assert_true(is_halted(story, 1));
    }
    assert_true(was_told(story, "event=digest_mismatch_reported replica=replica1"));
    assert_true(was_told(story, "event=audited passed=true"));
    assert_non_null(strstr(ask_word(story, 0, "AERO.STATUS"), "audit:passed"));
    ask_word(story, 1, "AERO.RECONNECT");
    pass(story, 5 * SECOND_NS);
    assert_true(follows(story, 1));
    assert_string_equal(ask(story, 1, 2, (const char *const[]){"GET", "key"}), "$1\r\n3\r\n");
}

/* Decision 20: the state in the primary's log is one that its own replay does not lead to. Its replicas halt, its audit fails,
 * and it is no source for one that begins anew. The log itself is damaged now: no start makes a state of it. */
static void test_primary_whose_memory_rots_fails_its_audit_and_seeds_nobody(void **state)
{
    struct story *story = *state;
    set(story, "key");
    pass(story, SECOND_NS);
    aero_sim_node_replace_disk(node_of(story, 2), NULL, SECOND_NS);
    pass(story, 5 * SECOND_NS);
    assert_true(follows(story, 2)); /* so far it is one */
    rot(aero_primary_tree(node_of(story, 0)->primary), "key");
    set(story, "key");
    write_until(story, AERO_DIGEST_INTERVAL_LSN + 1);
    pass(story, SECOND_NS);
    assert_true(is_halted(story, 1) && is_halted(story, 2));
    assert_true(was_told(story, "event=audited passed=false"));
    assert_non_null(strstr(ask_word(story, 0, "AERO.STATUS"), "audit:failed"));
    aero_sim_node_replace_disk(node_of(story, 2), NULL, SECOND_NS);
    pass(story, 20 * SECOND_NS);
    assert_int_equal(aero_replica_state(node_of(story, 2)->replica), AERO_REPLICA_EMPTY);
    assert_non_null(strstr(ask_word(story, 2, "AERO.STATUS"), "audit fails"));
    restart(story, 0, AERO_SIM_KILL);
    assert_false(node_of(story, 0)->alive);
    assert_true(was_told(story, "cannot start: corrupt"));
}

/* Decision 19: a snapshot of it gets no name. */
static void test_checkpoint_of_memory_that_rots_is_refused(void **state)
{
    struct story *story = *state;
    set(story, "key");
    assert_string_equal(ask_word(story, 0, "AERO.CHECKPOINT"), "+OK\r\n");
    assert_int_equal(aero_primary_manifest(node_of(story, 0)->primary)->snapshot_count, 1);
    set(story, "other");
    rot(aero_primary_tree(node_of(story, 0)->primary), "key");
    assert_memory_equal(ask_word(story, 0, "AERO.CHECKPOINT"), "-ERR checkpoint failed", 22);
    assert_int_equal(aero_primary_manifest(node_of(story, 0)->primary)->snapshot_count, 1);
    restart(story, 0, AERO_SIM_POWER);
    assert_string_equal(ask(story, 0, 2, (const char *const[]){"GET", "key"}), "$1\r\n1\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_replica_whose_memory_rots_halts_over_restarts_until_an_operator_acts),
        STORY(test_primary_whose_memory_rots_fails_its_audit_and_seeds_nobody),
        STORY(test_checkpoint_of_memory_that_rots_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
