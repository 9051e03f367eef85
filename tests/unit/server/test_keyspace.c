/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a key is made as a whole, within the commit's limit, and the index by deadline never decides alone (KS-1). */
#include "tests/unit/server/talk.h"

static uint64_t entries(void)
{
    return aero_tree_summary(talk.node.tree).count;
}

/* Each change to the byte: one less is refused, and nothing of it is there. An operation costs its key, its value and 16
 * bytes; an entry of the index is a key of 11 bytes here. */
static void test_change_fits_the_commit_with_its_index_entries_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *reply;
        size_t bytes;
        uint64_t entries_after;
    } steps[] = {
        {"SET k v PX 10000", "+OK", (3 + 10 + 16) + (11 + 16), 2},
        {"APPEND k w", ":2", 3 + 11 + 16, 2}, /* the deadline stays: no index entry changes */
        {"EXPIRE k 100", ":1", (3 + 11 + 16) + 2 * (11 + 16), 2},
        {"PERSIST k", ":1", (3 + 3 + 16) + (11 + 16), 1},
        {"EXPIRE k 100", ":1", (3 + 11 + 16) + (11 + 16), 2},
        {"RENAME k j", "+OK", (3 + 11 + 16) + (11 + 16) + (3 + 16) + (11 + 16), 2},
        {"DEL j", ":1", (3 + 16) + (11 + 16), 0},
        {"SET k v", "+OK", 3 + 2 + 16, 1},
        {"FLUSHDB", "+OK", 1 + 1 + 16, 0},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char refusal[128];
        uint64_t before = entries();
        talk.node.commit_bytes_max = steps[i].bytes - 1;
        snprintf(refusal, sizeof refusal,
                 "-ERR the command's effects exceed the largest commit of %zu bytes",
                 talk.node.commit_bytes_max);
        conversation_ask(&talk, a, steps[i].line, refusal);
        assert_int_equal(entries(), before);
        talk.node.commit_bytes_max = steps[i].bytes;
        conversation_ask(&talk, a, steps[i].line, steps[i].reply);
        assert_int_equal(entries(), steps[i].entries_after);
    }
}

/* What comes behind a change that did not fit is not tried: it could fit, and be half of a command. */
static void test_change_behind_one_that_did_not_fit_is_not_made(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.commit_bytes_max = 40;
    conversation_ask(&talk, a, "MSET x 01234567890123456789 y 1",
                     "-ERR the command's effects exceed the largest commit of 40 bytes");
    assert_int_equal(entries(), 0);
    conversation_ask(&talk, a, "MSET y 1", "+OK");
}

static void test_settling_waits_for_room(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET due v PX 10", "+OK");
    conversation_tick_ms(&talk, 10);
    talk.node.full = true;
    conversation_ask(&talk, a, "DBSIZE", "");
    assert_int_equal(entries(), 2);
    talk.node.full = false;
    aero_server_resume(talk.server);
    assert_int_equal(entries(), 0);
    conversation_sync(&talk);
    conversation_expect(a, ":0");
}

static void test_due_key_met_within_a_commit_goes_with_it(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET due v PX 10", "+OK");
    conversation_ask(&talk, a, "SET gone v PX 10", "+OK");
    conversation_ask(&talk, a, "SET live v", "+OK");
    conversation_tick_ms(&talk, 10);
    uint64_t before = talk.node.commits;
    conversation_ask(&talk, a, "DEL live due", ":1");
    conversation_ask(&talk, a, "MSET new 1 gone 2", "+OK");
    assert_int_equal(talk.node.commits, before + 2);
    conversation_ask(&talk, a, "TTL gone", ":-1");
    assert_int_equal(entries(), 2);
}

static void test_transaction_settles_within_its_commit(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET due v PX 10", "+OK");
    conversation_tick_ms(&talk, 10);
    uint64_t before = talk.node.commits;
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "SET live v", "+QUEUED");
    conversation_ask(&talk, a, "DBSIZE", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*2 +OK :1");
    assert_int_equal(talk.node.commits, before + 1);
    assert_int_equal(entries(), 1);
}

#define NO_VALUE                                                                               \
    "-ERR an entry of the keyspace is no value: keep the directory for a report and have the " \
    "data "                                                                                    \
    "made anew from another node or a backup"

static void test_whatever_meets_no_value_says_so(void **state)
{
    (void)state;
    static const char *const lines[] = {"GET x",  "STRLEN x",  "EXISTS x", "TTL x", "SET x 1",
                                        "KEYS *", "RANDOMKEY", "SCAN 0",   "DEL x"};
    struct aero_session *a = conversation_open(&talk);
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\2?", 2));
    conversation_sync(&talk);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        conversation_ask(&talk, a, lines[i], NO_VALUE);
    }
    assert_int_equal(entries(), 1);
    conversation_ask(&talk, a, "DBSIZE", ":1");
    conversation_ask(&talk, a, "FLUSHDB", "+OK");
    conversation_ask(&talk, a, "SET x 1", "+OK");
}

/* Index entries that nobody should have written: they go, and the keys that they name stay. */
static void test_index_entry_without_its_key_deletes_no_key(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 5000", "+OK");
    conversation_ask(&talk, a, "SET j v", "+OK");
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1k", 11), (struct aero_slice){0});
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1j", 11), (struct aero_slice){0});
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1x", 11), (struct aero_slice){0});
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1y", 11), (struct aero_slice){0});
    fake_node_apply(&talk.node, aero_slice_of("\0kx", 3), aero_slice_of("\2?", 2));
    conversation_sync(&talk);
    conversation_ask(&talk, a, "DBSIZE", ":3");
    /* k with its own index entry, j, and x, which is no value and is left to be looked at. */
    assert_int_equal(entries(), 4);
    conversation_ask(&talk, a, "MGET k j", "*2 $1 v $1 v");
    conversation_ask(&talk, a, "TYPE x", NO_VALUE);
}

static void test_index_entry_without_its_key_is_part_of_the_limit(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1y", 11), (struct aero_slice){0});
    conversation_sync(&talk);
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "DBSIZE", "+QUEUED");
    talk.node.commit_bytes_max = 26;
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of: its effects exceed the largest "
                     "commit of 26 bytes");
    assert_int_equal(entries(), 1);
    talk.node.commit_bytes_max = 27;
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "DBSIZE", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*1 :0");
    assert_int_equal(entries(), 0);
}

/* The budget is one for all databases, and the next turn begins with the next of them. */
static void test_expiry_budget_spent_in_one_database_leaves_the_others(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 10", "+OK");
    conversation_ask(&talk, a, "SET j v PX 10", "+OK");
    conversation_ask(&talk, a, "SELECT 1", "+OK");
    conversation_ask(&talk, a, "SET k v PX 10", "+OK");
    conversation_tick_ms(&talk, 10);
    assert_int_equal(aero_server_expire_due(talk.server, 1), 1);
    assert_int_equal(entries(), 4);
    assert_int_equal(aero_server_expire_due(talk.server, 1), 1);
    conversation_ask(&talk, a, "DBSIZE", ":0"); /* database 1 had its turn */
    assert_int_equal(entries(), 2);
    assert_int_equal(aero_server_expire_due(talk.server, 9), 1);
    assert_int_equal(entries(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_change_fits_the_commit_with_its_index_entries_or_not_at_all),
        TEST(test_change_behind_one_that_did_not_fit_is_not_made),
        TEST(test_settling_waits_for_room),
        TEST(test_whatever_meets_no_value_says_so),
        TEST(test_due_key_met_within_a_commit_goes_with_it),
        TEST(test_transaction_settles_within_its_commit),
        TEST(test_index_entry_without_its_key_deletes_no_key),
        TEST(test_index_entry_without_its_key_is_part_of_the_limit),
        TEST(test_expiry_budget_spent_in_one_database_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
