/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, counters and bitmaps at their edges: what test_commands.c leaves out, as a Redis 7 answered it. */
#include "tests/unit/server/conversation.c"
#include "tests/unit/server/fake_node.c"
#include "tests/unit/under_valgrind.h"

static void test_set_options_exclude_each_other_in_either_order(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1", "+OK"},
        {"SET a 2 XX NX", "-ERR syntax error"},
        {"SET a 2 KEEPTTL EX 10", "-ERR syntax error"},
        {"SET a 2 PXAT 10 KEEPTTL", "-ERR syntax error"},
        {"SET a 2 NX NX", "$-1"},
        {"SET a 2 GET GET", "$1 1"},
        {"SET a 2 EX", "-ERR syntax error"},
        {"SET a 2 PX 1.5", "-ERR value is not an integer or out of range"},
        {"SET a 2 EXAT -1", "-ERR invalid expire time in 'set' command"},
        {"GET a", "$1 2"},
        {"SET new 1 KEEPTTL", "+OK"},
        {"TTL new", ":-1"},
        {"SETEX a 1.5 v", "-ERR value is not an integer or out of range"},
        {"PSETEX a -1 v", "-ERR invalid expire time in 'psetex' command"},
        {"MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"},
        {"GETSET y 1", "$-1"},
        {"GETSET y 2", "$1 1"},
        {"MSETNX x 1 x 2", ":1"},
        {"GET x", "$1 2"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_getex_options_exclude_each_other_in_either_order(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1 EX 100", "+OK"},
        {"GETEX a", "$1 1"},
        {"TTL a", ":100"},
        {"GETEX a PERSIST EX 1", "-ERR syntax error"},
        {"GETEX a PERSIST PERSIST", "$1 1"},
        {"GETEX a PERSIST", "$1 1"},
        {"TTL a", ":-1"},
        {"GETEX a EX x", "-ERR value is not an integer or out of range"},
        {"GETEX a FOO", "-ERR syntax error"},
        {"GETEX none", "$-1"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_ranges_are_cut_to_the_string(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a abcdef", "+OK"},
        {"GETRANGE a -3 -4", "$0 "},
        {"GETRANGE a -90 -100", "$0 "}, /* turned round before either is cut */
        {"GETRANGE a -3 1", "$0 "},
        {"GETRANGE a 1 -3", "$3 bcd"},
        {"GETRANGE a -100 1", "$2 ab"},
        {"GETRANGE a -100 -90", "$1 a"}, /* both cut to the first byte */
        {"GETRANGE a 4 100", "$2 ef"},
        {"GETRANGE a 6 100", "$0 "},
        {"GETRANGE a 0 x", "-ERR value is not an integer or out of range"},
        {"GETRANGE none 0 -1", "$0 "},
        {"SET empty ''", "+OK"},
        {"GETRANGE empty 0 -1", "$0 "},
        {"SETRANGE a x y", "-ERR value is not an integer or out of range"},
        {"SETRANGE a 3 ''", ":6"},
        {"SETRANGE a 1 ZZ", ":6"},
        {"GET a", "$6 aZZdef"},
        {"SETRANGE new 2 z", ":3"},
        {"BITCOUNT new 0 1", ":0"},
        {"GETRANGE new 2 2", "$1 z"},
        {"EXPIRE new 100", ":1"},
        {"SETRANGE new 0 abc", ":3"},
        {"TTL new", ":100"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_numbers_that_are_none_change_nothing(void **state)
{
    (void)state;
    skip_under_valgrind();
    static const struct exchange exchanges[] = {
        {"SET a 10", "+OK"},
        {"DECRBY a x", "-ERR value is not an integer or out of range"},
        {"INCRBY a ''", "-ERR value is not an integer or out of range"},
        {"DECRBY a 9223372036854775807", ":-9223372036854775797"},
        {"DECRBY a 100", "-ERR increment or decrement would overflow"},
        {"GET a", "$20 -9223372036854775797"},
        {"SET s abc", "+OK"},
        {"INCRBYFLOAT s 1", "-ERR value is not a valid float"},
        {"INCRBYFLOAT a nan", "-ERR value is not a valid float"},
        /* Infinity is a value of a string, not a result. */
        {"SET f inf", "+OK"},
        {"INCRBYFLOAT f -inf", "-ERR increment would produce NaN or Infinity"},
        {"INCRBYFLOAT f 1", "-ERR increment would produce NaN or Infinity"},
        /* Out of range is no number, rather than infinity or 0. */
        {"INCRBYFLOAT new 1e5000", "-ERR value is not a valid float"},
        {"INCRBYFLOAT new 1e-5000", "-ERR value is not a valid float"},
        {"INCRBYFLOAT new 1e-4940", "$1 0"},
        {"SET g 1 EX 100", "+OK"},
        {"INCRBYFLOAT g 0.5", "$3 1.5"},
        {"TTL g", ":100"},
    };
    CONVERSATION_RUN(exchanges);
}

/* A string may become as long as an argument, by whatever it grows, and no longer. */
static void test_growing_string_stops_at_the_longest(void **state)
{
    (void)state;
    struct conversation talk;
    conversation_init(&talk);
    talk.options.bulk_bytes_max = 8;
    conversation_restart(&talk);
    struct aero_session *a = conversation_open(&talk);
    static const struct exchange exchanges[] = {
        {"APPEND a 12345678", ":8"},
        {"APPEND a 9", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"SETRANGE a 7 x", ":8"},
        {"SETRANGE a 8 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"SETRANGE a 8 ''", ":8"}, /* nothing to write: no limit is met */
        {"SETBIT a 63 1", ":0"},
        {"SETBIT a 64 1", "-ERR bit offset is not an integer or out of range"},
        {"GETBIT a 63", ":1"},
        {"GETBIT a 64", "-ERR bit offset is not an integer or out of range"},
        {"STRLEN a", ":8"},
    };
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        conversation_ask(&talk, a, exchanges[i].line, exchanges[i].reply);
    }
    conversation_deinit(&talk);
}

static void test_bits_are_refused_by_name(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a abc", "+OK"},
        {"SETBIT a x 1", "-ERR bit offset is not an integer or out of range"},
        {"SETBIT a 0 x", "-ERR bit is not an integer or out of range"},
        {"SETBIT a 0 -1", "-ERR bit is not an integer or out of range"},
        {"GETBIT a x", "-ERR bit offset is not an integer or out of range"},
        {"BITCOUNT a x 1", "-ERR value is not an integer or out of range"},
        {"BITCOUNT a 1 x", "-ERR value is not an integer or out of range"},
        {"BITCOUNT a 0 1 BITS", "-ERR syntax error"},
        {"BITCOUNT a 0 1 BIT 1", "-ERR syntax error"},
        {"BITPOS a x", "-ERR value is not an integer or out of range"},
        {"BITPOS a -1", "-ERR The bit argument must be 1 or 0."},
        {"BITPOS a 1 x", "-ERR value is not an integer or out of range"},
        {"BITPOS a 1 0 x", "-ERR value is not an integer or out of range"},
        {"BITPOS a 1 0 1 BITS", "-ERR syntax error"},
        {"BITPOS a 1 0 x BITS", "-ERR syntax error"}, /* the unit is read before the end */
        {"BITCOUNT a 0 x BITS", "-ERR value is not an integer or out of range"},
        {"BITPOS a 1 0 1 BIT 1", "-ERR syntax error"},
        {"GET a", "$3 abc"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_bits_are_counted_between_any_two(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a \"\\xf0\\x0f\\xff\\x00\\x01\\x80\\xff\\xff\\xff\\xff\\xff\\x01\"", "+OK"},
        {"BITCOUNT a", ":59"},
        {"BITCOUNT a 0 -1 BYTE", ":59"},
        {"BITCOUNT a 0 100", ":59"},
        {"BITCOUNT a -100 0", ":4"},
        {"BITCOUNT a 3 2", ":0"},
        {"BITCOUNT a 12 100", ":0"},
        {"BITCOUNT a 1 2 BIT", ":2"}, /* within one byte */
        {"BITCOUNT a 3 12 BIT", ":2"},
        {"BITCOUNT a 3 -2 BIT", ":55"},
        {"BITCOUNT a -9 -1 BIT", ":2"},
        {"BITCOUNT none", ":0"},
        {"BITCOUNT none 0 -1", ":0"},
        {"SET empty ''", "+OK"},
        {"BITCOUNT empty", ":0"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_first_bit_is_found_between_any_two(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a \"\\x00\\x0f\\xff\"", "+OK"},
        {"BITPOS a 1", ":12"},
        {"BITPOS a 1 2", ":16"},
        {"BITPOS a 0 2", ":24"}, /* goes on with zeros where no end is given */
        {"BITPOS a 0 2 -1", ":-1"},
        {"BITPOS a 0 3", ":-1"},
        {"BITPOS a 1 5 1", ":-1"},
        {"BITPOS a 1 1 3 BIT", ":-1"},
        {"BITPOS a 1 13 14 BIT", ":13"},
        {"BITPOS a 0 9 20 BIT", ":9"},
        {"BITPOS a 0 12 23 BIT", ":-1"},
        {"BITPOS a 1 -2 -1 BIT", ":22"},
        {"BITPOS a 1 0 1 BYTE", ":12"},
        {"SET empty ''", "+OK"},
        {"BITPOS empty 0", ":-1"},
        {"BITPOS empty 1", ":-1"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_bits_of_unlike_lengths_are_combined(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a \"\\x63\"", "+OK"},
        {"SET b \"\\x12\\x34\"", "+OK"},
        {"BITOP OR d a b", ":2"},
        {"GET d", "$2 s4"},
        {"BITOP OR d b a none", ":2"},
        {"GET d", "$2 s4"},
        {"BITOP XOR d a b", ":2"},
        {"GET d", "$2 q4"},
        {"BITOP and d none", ":0"},
        {"EXISTS d", ":0"},
        {"BITOP NOT d none", ":0"},
        {"EXPIRE a 100", ":1"},
        {"BITOP OR a a b", ":2"}, /* onto its own source; the deadline goes with the old value */
        {"TTL a", ":-1"},
    };
    CONVERSATION_RUN(exchanges);
}

/* Redis counts what is read: keyspace_hits and keyspace_misses of INFO. */
static void test_reads_count_hits_and_misses_and_writes_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *line; /* k exists, none does not */
        uint64_t hits;
        uint64_t misses;
    } cases[] = {
        {"GET k", 1, 0},
        {"GET none", 0, 1},
        {"MGET k none k", 2, 1},
        {"STRLEN k", 1, 0},
        {"GETRANGE none 0 1", 0, 1},
        {"GETBIT k 1", 1, 0},
        {"BITCOUNT none", 0, 1},
        {"BITPOS k 1", 1, 0},
        {"BITOP OR d k none", 1, 1},
        {"EXISTS k none", 1, 1},
        {"TYPE none", 0, 1},
        {"TTL k", 1, 0},
        {"PTTL none", 0, 1},
        {"OBJECT ENCODING k", 1, 0},
        {"OBJECT FREQ none", 0, 1},
        {"COPY k d REPLACE", 1, 0},
        {"SET k 1 GET", 1, 0},
        {"GETSET k 1", 1, 0},
        {"GETEX k", 1, 0},
        {"GETDEL none", 0, 1},
        {"SET k 1", 0, 0},
        {"SETNX none2 1", 0, 0},
        {"APPEND k 1", 0, 0},
        {"SETRANGE k 0 1", 0, 0},
        {"INCR k", 0, 0},
        {"INCRBYFLOAT k 1", 0, 0},
        {"SETBIT k 1 1", 0, 0},
        {"RENAME k k", 0, 0},
        {"EXPIRE none 1", 0, 0},
        {"DEL none", 0, 0},
    };
    struct conversation talk;
    struct aero_server_stats before;
    struct aero_server_stats after;
    conversation_init(&talk);
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "SET k 1", "+OK");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        aero_server_stats(talk.server, &before);
        conversation_send(a, cases[i].line);
        conversation_sync(&talk);
        aero_session_sent(a, aero_session_output(a).length);
        aero_server_stats(talk.server, &after);
        if (after.keyspace_hits - before.keyspace_hits != cases[i].hits ||
            after.keyspace_misses - before.keyspace_misses != cases[i].misses) {
            fail_msg("%s: %llu hits, %llu misses", cases[i].line,
                     (unsigned long long)(after.keyspace_hits - before.keyspace_hits),
                     (unsigned long long)(after.keyspace_misses - before.keyspace_misses));
        }
    }
    conversation_deinit(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_options_exclude_each_other_in_either_order),
        cmocka_unit_test(test_getex_options_exclude_each_other_in_either_order),
        cmocka_unit_test(test_ranges_are_cut_to_the_string),
        cmocka_unit_test(test_numbers_that_are_none_change_nothing),
        cmocka_unit_test(test_growing_string_stops_at_the_longest),
        cmocka_unit_test(test_bits_are_refused_by_name),
        cmocka_unit_test(test_bits_are_counted_between_any_two),
        cmocka_unit_test(test_first_bit_is_found_between_any_two),
        cmocka_unit_test(test_bits_of_unlike_lengths_are_combined),
        cmocka_unit_test(test_reads_count_hits_and_misses_and_writes_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
