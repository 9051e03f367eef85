/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as such, SCAN and deadlines at their edges: what test_commands.c leaves out, as a Redis 7 answered it. */
#include "tests/unit/server/talk.h"

static void test_copy_and_move_check_databases_before_keys(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1", "+OK"},
        {"COPY a b DB", "-ERR syntax error"},
        {"COPY a b DB x", "-ERR value is not an integer or out of range"},
        {"COPY a b DB -1", "-ERR DB index is out of range"},
        {"COPY none b", ":0"},
        {"COPY none b REPLACE", ":0"},
        {"EXISTS b", ":0"},
        {"COPY a a DB 3 DB 0", "-ERR source and destination objects are the same"},
        {"COPY a a DB 3", ":1"},
        {"MOVE a x", "-ERR value is not an integer or out of range"},
        {"MOVE a -1", "-ERR DB index is out of range"},
        {"MOVE a 16", "-ERR DB index is out of range"},
        {"MOVE none 1", ":0"},
        {"MOVE a 3", ":0"}, /* it is there already */
        {"EXISTS a", ":1"},
        {"RENAMENX a a", ":0"},
        {"RENAMENX none a", "-ERR no such key"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_flush_takes_async_or_sync(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1", "+OK"},
        {"FLUSHDB NOW", "-ERR syntax error"},
        {"FLUSHDB ASYNC SYNC", "-ERR syntax error"},
        {"FLUSHALL ASYNC SYNC", "-ERR syntax error"},
        {"EXISTS a", ":1"},
        {"FLUSHDB SYNC", "+OK"},
        {"EXISTS a", ":0"},
        {"FLUSHDB", "+OK"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_object_and_memory_answer_for_keys_that_are_there_and_not(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET n 12", "+OK"},
        {"OBJECT REFCOUNT none", "$-1"},
        {"OBJECT IDLETIME none", "$-1"},
        {"OBJECT IDLETIME n", ":0"},
        {"OBJECT FREQ none", "$-1"},
        {"OBJECT FREQ n",
         "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
         "that when switching between policies at runtime LRU and LFU data will take some time to "
         "adjust."},
        {"SET n 12345678901234567890123456789012345678901234", "+OK"},
        {"OBJECT ENCODING n", "$6 embstr"},
        {"SET n 123456789012345678901234567890123456789012345", "+OK"},
        {"OBJECT ENCODING n", "$3 raw"},
        {"MEMORY USAGE n SAMPLES", "-ERR syntax error"},
        {"MEMORY USAGE n PEBBLES 1", "-ERR syntax error"},
        {"MEMORY USAGE n SAMPLES x", "-ERR value is not an integer or out of range"},
        {"MEMORY USAGE n SAMPLES -1", "-ERR syntax error"},
        {"MEMORY USAGE none SAMPLES 0", "$-1"},
    };
    CONVERSATION_RUN(exchanges);
}

/* Ours alone: what an entry and its place in the index by deadline take. */
static void test_memory_usage_counts_the_index_entry(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET key value", "+OK");
    conversation_ask(&talk, a, "MEMORY USAGE key SAMPLES 5", ":11");
    conversation_ask(&talk, a, "EXPIRE key 100", ":1");
    conversation_ask(&talk, a, "MEMORY USAGE key", ":32");
}

static void test_expire_conditions_hold_without_a_deadline_and_with_one(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1", "+OK"},
        {"EXPIRE a 100 GT", ":0"},
        {"EXPIRE a 100 XX", ":0"},
        {"EXPIRE a 100 NX", ":1"},
        {"EXPIRE a 200 NX", ":0"},
        {"EXPIRE a 200 XX", ":1"},
        {"EXPIRE a 100 XX GT", ":0"},
        {"EXPIRE a 100 XX LT", ":1"},
        {"EXPIRE a 50 NX GT",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 50 LT NX",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 100 GT GT", ":0"},
        {"TTL a", ":100"},
        {"EXPIRE a -9223372036854775808", "-ERR invalid expire time in 'expire' command"},
        {"PEXPIREAT a -9223372036854775808", ":1"}, /* long past */
        {"EXISTS a", ":0"},
        {"PERSIST none", ":0"},
        {"EXPIRETIME none", ":-2"},
    };
    CONVERSATION_RUN(exchanges);
}

/* What we were sent is not sent back without a limit. */
static void test_unknown_option_is_quoted_up_to_128_bytes(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    char line[256] = "EXPIRE a 1 ";
    char reply[256] = "-ERR Unsupported option ";
    memset(line + strlen(line), 'x', 129);
    memset(reply + strlen(reply), 'x', 128);
    conversation_ask(&talk, a, line, reply);
}

static void test_scan_options_are_checked(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"MSET hello 1 world 1", "+OK"},
        {"SCAN 0 MATCH *o", "*2 $1 0 *1 $5 hello"},
        {"SCAN 0 MATCH wa*", "*2 $1 0 *0"},
        {"KEYS hi-everybody*", "*0"}, /* the next key is shorter than what must be its beginning */
        {"SCAN 0 COUNT 2000000", "*2 $1 0 *2 $5 hello $5 world"},
        {"SCAN 0 COUNT 9223372036854775807", "*2 $1 0 *2 $5 hello $5 world"},
        {"SCAN 0 COUNT -1", "-ERR syntax error"},
        {"SCAN 0 MATCH", "-ERR syntax error"},
        {"SCAN 0 MATCH z* MATCH w*", "*2 $1 0 *1 $5 world"},
        {"SCAN 18446744073709551616", "-ERR invalid cursor"},
        {"SCAN ''", "-ERR invalid cursor"},
    };
    CONVERSATION_RUN(exchanges);
}

/* The keys of the next database lie behind this one's, and are none of its own. */
static void test_walks_end_with_the_database(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MSET a 1 b 2", "+OK");
    conversation_ask(&talk, a, "SELECT 1", "+OK");
    conversation_ask(&talk, a, "MSET a 1 c 2", "+OK");
    conversation_ask(&talk, a, "SET d 1 EX 100", "+OK");
    conversation_ask(&talk, a, "SELECT 0", "+OK");
    conversation_ask(&talk, a, "KEYS *", "*2 $1 a $1 b");
    conversation_ask(&talk, a, "SCAN 0", "*2 $1 0 *2 $1 a $1 b");
    conversation_ask(&talk, a, "DBSIZE", ":2");
    conversation_ask(&talk, a, "SELECT 1", "+OK");
    conversation_ask(&talk, a, "KEYS *", "*3 $1 a $1 c $1 d");
    conversation_ask(&talk, a, "SELECT 2", "+OK");
    conversation_ask(&talk, a, "KEYS *", "*0");
    conversation_ask(&talk, a, "RANDOMKEY", "$-1");
}

/* Asks SCAN and returns the cursor that it answered; the elements behind it must be these. */
static uint64_t scan(struct aero_session *session, const char *arguments, const char *elements)
{
    char line[128];
    unsigned long long cursor = 0;
    int length = 0;
    snprintf(line, sizeof line, "SCAN %s", arguments);
    conversation_send(session, line);
    struct aero_slice output = aero_session_output(session);
    struct aero_buffer text = {0};
    flatten(output, &text);
    assert_int_equal(sscanf((const char *)text.data, "*2 $%*u %llu %n", &cursor, &length), 1);
    assert_string_equal((const char *)text.data + length, elements);
    aero_session_sent(session, output.length);
    aero_buffer_deinit(&text);
    return cursor;
}

static uint64_t scan_on(struct aero_session *session, uint64_t cursor, const char *arguments,
                        const char *elements)
{
    char line[96];
    snprintf(line, sizeof line, "%llu %s", (unsigned long long)cursor, arguments);
    return scan(session, line, elements);
}

static void test_scan_goes_on_behind_a_key_that_was_deleted(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MSET a 1 b 1 c 1 d 1", "+OK");
    uint64_t cursor = scan(a, "0 COUNT 2", "*2 $1 a $1 b");
    assert_int_not_equal(cursor, 0);
    conversation_ask(&talk, a, "DEL b", ":1");
    assert_int_equal(scan_on(a, cursor, "COUNT 9", "*2 $1 c $1 d"), 0);
}

static void test_scan_ends_when_everything_behind_was_deleted(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MSET a 1 b 1 c 1", "+OK");
    uint64_t cursor = scan(a, "0 COUNT 2", "*2 $1 a $1 b");
    conversation_ask(&talk, a, "DEL b c", ":2");
    assert_int_equal(scan_on(a, cursor, "COUNT 9", "*0"), 0);
}

/* A pattern that begins later than the position does not bring the walk back before its first match. */
static void test_scan_may_change_its_pattern(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "MSET a 1 b 1 x1 1 x2 1 y 1", "+OK");
    uint64_t cursor = scan(a, "0 COUNT 1", "*1 $1 a");
    assert_int_equal(scan_on(a, cursor, "MATCH x* COUNT 9", "*2 $2 x1 $2 x2"), 0);
    cursor = scan(a, "0 COUNT 3", "*3 $1 a $1 b $2 x1");
    assert_int_equal(scan_on(a, cursor, "MATCH x* COUNT 9", "*1 $2 x2"), 0);
}

/* COUNT is a hint: a step's reply is bounded whatever it says. */
static void test_scan_step_ends_at_a_mebibyte(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    static char line[70000];
    for (int i = 0; i < 20; i++) {
        int length = snprintf(line, sizeof line, "SET %02d", i);
        memset(line + length, 'k', 60000);
        memcpy(line + length + 60000, " v", 3);
        conversation_ask(&talk, a, line, "+OK");
    }
    conversation_send(a, "SCAN 0 COUNT 1000");
    size_t length = aero_session_output(a).length;
    assert_in_range(length, (size_t)1 << 20, ((size_t)1 << 20) + 70000);
    assert_memory_not_equal(aero_session_output(a).data, "*2\r\n$1\r\n0\r\n", 11);
}

static void test_keys_ends_where_the_session_does(void **state)
{
    (void)state;
    talk.options.output_bytes_max = 2000;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    for (int i = 0; i < 300; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET key%04d v", i);
        conversation_ask(&talk, a, line, "+OK");
    }
    struct aero_server_stats stats;
    conversation_send(a, "KEYS *");
    assert_true(aero_session_should_close(a));
    aero_server_stats(talk.server, &stats);
    assert_int_equal(stats.output_limit_closes, 1);
}

/* A replica hides what is due; where that is all there is, no try finds a key. */
static void test_randomkey_of_hidden_keys_alone_is_nil(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET j v PX 50", "+OK");
    conversation_ask(&talk, a, "SET k v PX 100", "+OK");
    talk.node.role = AERO_NODE_REPLICA;
    talk.node.clock_ms += 100;
    conversation_ask(&talk, a, "RANDOMKEY", "$-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_and_move_check_databases_before_keys),
        cmocka_unit_test(test_flush_takes_async_or_sync),
        cmocka_unit_test(test_object_and_memory_answer_for_keys_that_are_there_and_not),
        TEST(test_memory_usage_counts_the_index_entry),
        cmocka_unit_test(test_expire_conditions_hold_without_a_deadline_and_with_one),
        TEST(test_unknown_option_is_quoted_up_to_128_bytes),
        cmocka_unit_test(test_scan_options_are_checked),
        TEST(test_walks_end_with_the_database),
        TEST(test_scan_goes_on_behind_a_key_that_was_deleted),
        TEST(test_scan_ends_when_everything_behind_was_deleted),
        TEST(test_scan_may_change_its_pattern),
        TEST(test_scan_step_ends_at_a_mebibyte),
        TEST(test_keys_ends_where_the_session_does),
        TEST(test_randomkey_of_hidden_keys_alone_is_nil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
