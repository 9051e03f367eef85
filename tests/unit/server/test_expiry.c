/* SPDX-License-Identifier: Apache-2.0 */
/* Decision 21: a deadline that was met is a logged delete, on the primary's decision, and nobody hears of it earlier. */
#include "tests/unit/server/talk.h"

static void test_read_of_a_due_key_logs_its_deletion_and_waits_for_it(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 100", "+OK");
    conversation_tick_ms(&talk, 99);
    conversation_ask(&talk, a, "GET k", "$1 v");
    assert_int_equal(talk.node.evaluated, 1);
    conversation_tick_ms(&talk, 1);
    conversation_send(a, "GET k");
    assert_int_equal(talk.node.evaluated, 2);
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, "$-1");
    /* Both of its entries are gone (KS-1). */
    assert_int_equal(aero_tree_summary(talk.node.tree).count, 0);
    conversation_ask(&talk, a, "GET k", "$-1");
    assert_int_equal(talk.node.evaluated, 2);
}

/* The deletion failed with the WAL: the key is there again, and nobody was told that it was not. */
static void test_deletion_taken_back_was_never_told(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 100", "+OK");
    conversation_tick_ms(&talk, 100);
    conversation_send(a, "EXISTS k");
    fake_node_fail(&talk.node);
    aero_server_on_failure(talk.server, aero_lsn_of(1), aero_lsn_of(2), aero_lsn_of(2));
    assert_memory_equal(aero_session_output(a).data, "-UNKNOWN ", 9);
    aero_session_sent(a, aero_session_output(a).length);
    talk.node.write_error = "MISCONF the log is closed";
    conversation_send(a, "GET k");
    conversation_expect(a, "-MISCONF the log is closed");
}

static void test_due_key_is_an_error_while_the_log_is_closed(void **state)
{
    (void)state;
    static const char *const lines[] = {"GET k",  "EXISTS k",   "TTL k",   "STRLEN k",
                                        "KEYS *", "RANDOMKEY",  "SCAN 0",  "DBSIZE",
                                        "TYPE k", "GETBIT k 0", "MGET k k"};
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 100", "+OK");
    conversation_ask(&talk, a, "SET j v", "+OK");
    conversation_tick_ms(&talk, 100);
    talk.node.write_error = "MISCONF the log is closed";
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        conversation_ask(&talk, a, lines[i], "-MISCONF the log is closed");
    }
    conversation_ask(&talk, a, "GET j", "$1 v");
    /* Inside an EXEC it is that command's error, not the others'. */
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "GET k", "+QUEUED");
    conversation_ask(&talk, a, "GET j", "+QUEUED");
    conversation_ask(&talk, a, "EXEC", "*2 -MISCONF the log is closed $1 v");
}

static void test_replica_hides_by_the_logged_clock_and_changes_nothing(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 100", "+OK");
    conversation_ask(&talk, a, "SET j v", "+OK");
    talk.node.role = AERO_NODE_REPLICA;
    conversation_ask(&talk, a, "GET k", "$1 v");
    conversation_ask(&talk, a, "DBSIZE", ":2");
    talk.node.clock_ms += 100;
    conversation_ask(&talk, a, "GET k", "$-1");
    conversation_ask(&talk, a, "TTL k", ":-2");
    conversation_ask(&talk, a, "DBSIZE", ":1");
    conversation_ask(&talk, a, "KEYS *", "*1 $1 j");
    conversation_ask(&talk, a, "SCAN 0", "*2 $1 0 *1 $1 j");
    conversation_ask(&talk, a, "RANDOMKEY", "$1 j");
    conversation_ask(&talk, a, "INFO keyspace", "$44 # Keyspace db0:keys=1,expires=0,avg_ttl=0 ");
    assert_int_equal(aero_server_expire_due(talk.server, 10), 0);
    assert_int_equal(aero_tree_summary(talk.node.tree).count, 3);
    assert_int_equal(talk.node.evaluated, 2);
}

/* KS-1 broken by a primary that lies: a deadline without its key. */
static void test_number_of_keys_is_never_below_none(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    talk.node.role = AERO_NODE_REPLICA;
    fake_node_apply(&talk.node, aero_slice_of("\0e\0\0\0\0\0\0\0\1k", 11), (struct aero_slice){0});
    conversation_ask(&talk, a, "DBSIZE", ":0");
}

static void test_commands_over_many_keys_delete_what_is_due_first(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    for (int i = 0; i < 30; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET due%d v PX %d", i, 10 + i);
        conversation_ask(&talk, a, line, "+OK");
    }
    conversation_ask(&talk, a, "SET later v PX 5000", "+OK");
    conversation_tick_ms(&talk, 1000);
    conversation_send(a, "DBSIZE");
    conversation_expect(a, "");
    conversation_sync(&talk);
    conversation_expect(a, ":1");
    assert_int_equal(aero_tree_summary(talk.node.tree).count, 2);
}

/* The number of due keys has no limit, the size of a commit has. */
static void test_settling_many_due_keys_takes_several_commits(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    for (int i = 0; i < 200; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET due%d v PX 10", i);
        conversation_ask(&talk, a, line, "+OK");
    }
    talk.node.commit_bytes_max = 4000;
    conversation_tick_ms(&talk, 1000);
    uint64_t before = talk.node.commits;
    conversation_ask(&talk, a, "KEYS *", "*0");
    assert_in_range(talk.node.commits - before, 5, 50);
    /* Within an EXEC they are part of its commit, and its limit holds. */
    talk.node.commit_bytes_max = 100000;
    for (int i = 0; i < 200; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET due%d v PX 10", i);
        conversation_ask(&talk, a, line, "+OK");
    }
    conversation_tick_ms(&talk, 1000);
    talk.node.commit_bytes_max = 4000;
    conversation_ask(&talk, a, "MULTI", "+OK");
    conversation_ask(&talk, a, "DBSIZE", "+QUEUED");
    conversation_ask(&talk, a, "EXEC",
                     "-EXECABORT Transaction discarded because of: its effects exceed the largest "
                     "commit of 4000 bytes");
}

static void test_active_expiry_is_bounded_and_one_commit(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    for (int i = 0; i < 25; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET due%d v PX 10", i);
        conversation_ask(&talk, a, line, "+OK");
    }
    conversation_ask(&talk, a, "SELECT 7", "+OK");
    conversation_ask(&talk, a, "SET other v PX 10", "+OK");
    assert_int_equal(aero_server_expire_due(talk.server, 10), 0);
    conversation_tick_ms(&talk, 10);
    uint64_t before = talk.node.evaluated;
    assert_int_equal(aero_server_expire_due(talk.server, 10), 10);
    assert_int_equal(talk.node.evaluated, before + 1);
    assert_int_equal(aero_server_expire_due(talk.server, 100), 16);
    assert_int_equal(aero_server_expire_due(talk.server, 100), 0);
    assert_int_equal(talk.node.evaluated, before + 2);
    assert_int_equal(aero_tree_summary(talk.node.tree).count, 0);
}

static void test_active_expiry_waits_for_room_and_for_the_log(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k v PX 10", "+OK");
    conversation_tick_ms(&talk, 10);
    talk.node.full = true;
    assert_int_equal(aero_server_expire_due(talk.server, 10), 0);
    talk.node.full = false;
    talk.node.write_error = "MISCONF the log is closed";
    assert_int_equal(aero_server_expire_due(talk.server, 10), 0);
    talk.node.write_error = NULL;
    assert_int_equal(aero_server_expire_due(talk.server, 10), 1);
}

/* Deleting is conditional on the same deadline: a key that got a later one stays. */
static void test_changed_deadline_leaves_no_old_index_entry(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "EXPIRE k 100",    "PERSIST k",       "SET k v",          "SET k v PX 5000",
        "GETEX k PERSIST", "RENAME k j",      "COPY k j REPLACE", "DEL k",
        "APPEND k x",      "INCRBYFLOAT k 1", "SETBIT k 1 1",     "MOVE k 1",
        "SETRANGE k 0 z",  "BITOP OR k none", "GETDEL k",         "SET k 1 KEEPTTL",
        "MSET k 1 j 2",    "EXPIRE k -1",     "GETEX k PXAT 5",   "SET k v PXAT 5",
        "FLUSHDB",
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        conversation_ask(&talk, a, "FLUSHALL", "+OK");
        conversation_ask(&talk, a, "SET k 1 PX 1000", "+OK");
        conversation_send(a, lines[i]);
        conversation_sync(&talk);
        aero_session_sent(a, aero_session_output(a).length);
        /* KS-1: every index entry names a key with that deadline, and the other way round. */
        struct aero_cursor cursor;
        struct aero_slice key;
        struct aero_slice value;
        size_t with_deadline = 0;
        size_t index_entries = 0;
        aero_cursor_seek(&cursor, talk.node.tree, (struct aero_slice){0});
        for (; aero_cursor_get(&cursor, &key, &value); aero_cursor_next(&cursor)) {
            if (key.data[1] == 'e') {
                index_entries++;
                continue;
            }
            if ((value.data[0] & 0x80) != 0) {
                uint8_t index_key[64] = {key.data[0], 'e'};
                struct aero_slice nothing;
                with_deadline++;
                for (int b = 0; b < 8; b++) {
                    index_key[2 + b] = value.data[8 - b];
                }
                memcpy(index_key + 10, key.data + 2, key.length - 2);
                assert_true(aero_tree_get(talk.node.tree, aero_slice_of(index_key, 8 + key.length),
                                          &nothing));
            }
        }
        if (with_deadline != index_entries) {
            print_error("%s\n", lines[i]);
        }
        assert_int_equal(with_deadline, index_entries);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read_of_a_due_key_logs_its_deletion_and_waits_for_it),
        TEST(test_deletion_taken_back_was_never_told),
        TEST(test_due_key_is_an_error_while_the_log_is_closed),
        TEST(test_replica_hides_by_the_logged_clock_and_changes_nothing),
        TEST(test_number_of_keys_is_never_below_none),
        TEST(test_commands_over_many_keys_delete_what_is_due_first),
        TEST(test_settling_many_due_keys_takes_several_commits),
        TEST(test_active_expiry_is_bounded_and_one_commit),
        TEST(test_active_expiry_waits_for_room_and_for_the_log),
        TEST(test_changed_deadline_leaves_no_old_index_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
