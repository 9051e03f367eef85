/* SPDX-License-Identifier: Apache-2.0 */
/* What each command answers, in the words of Redis 7. CRLF is written as a blank. */
#include "tests/unit/server/conversation.c"
#include "tests/unit/server/fake_node.c"
#include "tests/unit/under_valgrind.h"

static void test_strings(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"GET a", "$-1"},
        {"SET a 1", "+OK"},
        {"get a", "$1 1"},
        {"SET a 2 NX", "$-1"},
        {"SET b 2 XX", "$-1"},
        {"SET a 2 XX GET", "$1 1"},
        {"SET a 3 NX GET", "$1 2"},
        {"SET c 3 NX GET", "$-1"},
        {"MGET a b c", "*3 $1 2 $-1 $1 3"},
        {"SET a 1 NX XX", "-ERR syntax error"},
        {"SET a 1 EX", "-ERR syntax error"},
        {"SET a 1 EX x", "-ERR value is not an integer or out of range"},
        {"SET a 1 EX 0", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command"},
        {"SET a 1 EX 10 PX 10", "-ERR syntax error"},
        {"SET a 1 EX 10 KEEPTTL", "-ERR syntax error"},
        {"SET a 2 EX 10 EX 20", "+OK"},
        {"TTL a", ":20"},
        {"SET a 2", "+OK"},
        {"SET", "-ERR wrong number of arguments for 'set' command"},
        {"GET", "-ERR wrong number of arguments for 'get' command"},
        {"SETNX a 9", ":0"},
        {"SETNX d 9", ":1"},
        {"SETEX e 0 v", "-ERR invalid expire time in 'setex' command"},
        {"SETEX e 10 v", "+OK"},
        {"PSETEX e 10000 v", "+OK"},
        {"PTTL e", ":10000"},
        {"GETSET a 5", "$1 2"},
        {"GETDEL a", "$1 5"},
        {"GETDEL a", "$-1"},
        {"APPEND a xyz", ":3"},
        {"APPEND a abc", ":6"},
        {"STRLEN a", ":6"},
        {"STRLEN none", ":0"},
        {"GETRANGE a 0 2", "$3 xyz"},
        {"GETRANGE a -3 -1", "$3 abc"},
        {"GETRANGE a 5 2", "$0 "},
        {"SUBSTR a 0 -1", "$6 xyzabc"},
        {"GETRANGE a x 1", "-ERR value is not an integer or out of range"},
        {"SETRANGE a 4 ZZZZ", ":8"},
        {"GET a", "$8 xyzaZZZZ"},
        {"SETRANGE none 0 ''", ":0"},
        {"SETRANGE a -1 x", "-ERR offset is out of range"},
        {"SETRANGE a 999999999999 x",
         "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
        {"MSET k1 v1 k2 v2", "+OK"},
        {"MSET k1 v1 k2", "-ERR wrong number of arguments for 'mset' command"},
        {"MSETNX k2 x k3 y", ":0"},
        {"MSETNX k3 x k4 y", ":1"},
        {"MGET k1 k2 k3 k4", "*4 $2 v1 $2 v2 $1 x $1 y"},
        {"GETEX k1 EX 100", "$2 v1"},
        {"TTL k1", ":100"},
        {"GETEX k1 PERSIST", "$2 v1"},
        {"TTL k1", ":-1"},
        {"GETEX k1 EX 1 PERSIST", "-ERR syntax error"},
        {"GETEX none EX x", "$-1"},
        {"GETEX k1 EX 0", "-ERR invalid expire time in 'getex' command"},
        {"GETEX k1 PXAT 5", "$2 v1"},
        {"EXISTS k1", ":0"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_counters(void **state)
{
    (void)state;
    skip_under_valgrind();
    static const struct exchange exchanges[] = {
        {"INCR n", ":1"},
        {"INCRBY n 41", ":42"},
        {"DECR n", ":41"},
        {"DECRBY n 1", ":40"},
        {"DECRBY n -9223372036854775808", "-ERR decrement would overflow"},
        {"INCRBY n 9223372036854775807", "-ERR increment or decrement would overflow"},
        {"INCRBY n 1.5", "-ERR value is not an integer or out of range"},
        {"SET s abc", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s ' 1'", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"SET s 007", "+OK"},
        {"INCR s", "-ERR value is not an integer or out of range"},
        {"INCRBYFLOAT f 10.5", "$4 10.5"},
        {"INCRBYFLOAT f -10.5", "$1 0"},
        {"INCRBYFLOAT f 3e3", "$4 3000"},
        {"INCRBYFLOAT f x", "-ERR value is not a valid float"},
        {"INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"},
        {"SET n 5 EX 100", "+OK"},
        {"INCR n", ":6"},
        {"TTL n", ":100"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_bitmaps(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SETBIT b 7 1", ":0"},
        {"GET b", "$1 \x01"},
        {"SETBIT b 7 0", ":1"},
        {"GETBIT b 7", ":0"},
        {"GETBIT b 1000", ":0"},
        {"SETBIT b 0 2", "-ERR bit is not an integer or out of range"},
        {"SETBIT b -1 1", "-ERR bit offset is not an integer or out of range"},
        {"SET m foobar", "+OK"},
        {"BITCOUNT m", ":26"},
        {"BITCOUNT m 0 0", ":4"},
        {"BITCOUNT m 1 1", ":6"},
        {"BITCOUNT m 5 30 BIT", ":17"},
        {"BITCOUNT m 0 -5", ":10"},
        {"BITCOUNT m 0", "-ERR syntax error"},
        {"SET p \"\\xff\\xf0\\x00\"", "+OK"},
        {"BITPOS p 0", ":12"},
        {"BITPOS p 1 2", ":-1"},
        {"BITPOS none 0", ":0"},
        {"BITPOS none 1", ":-1"},
        {"BITPOS p 2", "-ERR The bit argument must be 1 or 0."},
        {"SET q \"\\xff\"", "+OK"},
        {"BITPOS q 0", ":8"},
        {"BITPOS q 0 0 -1", ":-1"},
        {"BITPOS q 0 0 3 BIT", ":-1"},
        {"BITPOS q 1 -1 -7", ":0"},
        {"BITCOUNT q -1 -7", ":0"},
        {"SET x abc", "+OK"},
        {"SET y ab", "+OK"},
        {"BITOP AND z x y", ":3"},
        {"GET z", "$3 ab\0"},
        {"BITOP XOR z x x", ":3"},
        {"BITCOUNT z", ":0"},
        {"BITOP OR z none none2", ":0"},
        {"EXISTS z", ":0"},
        {"BITOP NOT z x y", "-ERR BITOP NOT must be called with a single source key."},
        {"BITOP NOT z q", ":1"},
        {"BITCOUNT z", ":0"},
        {"BITOP NAND z q", "-ERR syntax error"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"MSET a 1 b 2 c 3", "+OK"},
        {"DEL a none b", ":2"},
        {"UNLINK c", ":1"},
        {"MSET a 1 b 2", "+OK"},
        {"EXISTS a a b none", ":3"},
        {"TOUCH a none", ":1"},
        {"TYPE a", "+string"},
        {"TYPE none", "+none"},
        {"RENAME none x", "-ERR no such key"},
        {"RENAME a a", "+OK"},
        {"RENAMENX a b", ":0"},
        {"RENAMENX a d", ":1"},
        {"EXPIRE d 100", ":1"},
        {"RENAME d b", "+OK"},
        {"TTL b", ":100"},
        {"GET b", "$1 1"},
        {"COPY b e", ":1"},
        {"TTL e", ":100"},
        {"COPY b e", ":0"},
        {"COPY b e REPLACE", ":1"},
        {"COPY b b", "-ERR source and destination objects are the same"},
        {"COPY b b DB 1", ":1"},
        {"COPY b x DB 16", "-ERR DB index is out of range"},
        {"COPY b x FOO", "-ERR syntax error"},
        {"MOVE b 1", ":0"},
        {"MOVE e 1", ":1"},
        {"MOVE e 0", "-ERR source and destination objects are the same"},
        {"SELECT 1", "+OK"},
        {"DBSIZE", ":2"},
        {"TTL e", ":100"},
        {"SELECT 16", "-ERR DB index is out of range"},
        {"SELECT x", "-ERR value is not an integer or out of range"},
        {"FLUSHDB", "+OK"},
        {"DBSIZE", ":0"},
        {"SELECT 0", "+OK"},
        {"DBSIZE", ":1"},
        {"RANDOMKEY", "$1 b"},
        {"FLUSHALL ASYNC", "+OK"},
        {"FLUSHALL NOW", "-ERR syntax error"},
        {"RANDOMKEY", "$-1"},
        {"SET n 12", "+OK"},
        {"OBJECT ENCODING n", "$3 int"},
        {"SET n abc", "+OK"},
        {"OBJECT ENCODING n", "$6 embstr"},
        {"OBJECT REFCOUNT n", ":1"},
        {"OBJECT ENCODING none", "$-1"},
        {"OBJECT FOO n", "-ERR unknown subcommand 'FOO'. Try OBJECT HELP."},
        {"MEMORY USAGE n", ":7"},
        {"MEMORY USAGE none", "$-1"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_keys_and_patterns(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"KEYS *", "*0"},
        {"MSET hello 1 hallo 1 hxllo 1 heello 1 world 1", "+OK"},
        {"KEYS h?llo", "*3 $5 hallo $5 hello $5 hxllo"},
        {"KEYS h*o", "*4 $5 hallo $6 heello $5 hello $5 hxllo"},
        {"KEYS h[ae]llo", "*2 $5 hallo $5 hello"},
        {"KEYS h[^e]llo", "*2 $5 hallo $5 hxllo"},
        {"KEYS h[a-b]llo", "*1 $5 hallo"},
        {"KEYS \"h\\\\ello\"", "*1 $5 hello"},
        {"KEYS zzz*", "*0"},
        {"KEYS *l*l*", "*4 $5 hallo $6 heello $5 hello $5 hxllo"},
        {"SCAN 0", "*2 $1 0 *5 $5 hallo $6 heello $5 hello $5 hxllo $5 world"},
        {"SCAN 0 MATCH w*", "*2 $1 0 *1 $5 world"},
        {"SCAN 0 TYPE string COUNT 100 MATCH w*", "*2 $1 0 *1 $5 world"},
        {"SCAN 0 TYPE list", "*2 $1 0 *0"},
        {"SCAN x", "-ERR invalid cursor"},
        {"SCAN 0 COUNT 0", "-ERR syntax error"},
        {"SCAN 0 COUNT x", "-ERR value is not an integer or out of range"},
        {"SCAN 0 COUNT", "-ERR syntax error"},
        {"SCAN 0 FOO 1", "-ERR syntax error"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_deadlines(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"TTL none", ":-2"},
        {"PTTL none", ":-2"},
        {"SET a 1", "+OK"},
        {"TTL a", ":-1"},
        {"EXPIRETIME a", ":-1"},
        {"EXPIRE a 100", ":1"},
        {"TTL a", ":100"},
        {"PTTL a", ":100000"},
        {"EXPIRETIME a", ":1100"},
        {"PEXPIRETIME a", ":1100000"},
        {"EXPIRE a 200 NX", ":0"},
        {"EXPIRE a 50 GT", ":0"},
        {"EXPIRE a 200 GT", ":1"},
        {"EXPIRE a 300 LT", ":0"},
        {"EXPIRE a 100 LT", ":1"},
        {"EXPIRE a 10 NX XX",
         "-ERR NX and XX, GT or LT options at the same time are not compatible"},
        {"EXPIRE a 10 GT LT", "-ERR GT and LT options at the same time are not compatible"},
        {"EXPIRE a 10 FOO", "-ERR Unsupported option FOO"},
        {"EXPIRE a x", "-ERR value is not an integer or out of range"},
        {"EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command"},
        {"EXPIRE none 10", ":0"},
        {"PERSIST a", ":1"},
        {"PERSIST a", ":0"},
        {"EXPIRE a 100 XX", ":0"},
        {"EXPIRE a 100 GT", ":0"},
        {"EXPIRE a 100 LT", ":1"},
        {"PEXPIREAT a 1500000", ":1"},
        {"PTTL a", ":500000"},
        {"EXPIREAT a 1600", ":1"},
        {"TTL a", ":600"},
        {"SET a 2 KEEPTTL", "+OK"},
        {"TTL a", ":600"},
        {"SET a 2", "+OK"},
        {"TTL a", ":-1"},
        {"EXPIRE a -1", ":1"},
        {"EXISTS a", ":0"},
        {"SET a 1 PXAT 5", "+OK"},
        {"EXISTS a", ":0"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_connection(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"PING", "+PONG"},
        {"PING hi", "$2 hi"},
        {"PING a b", "-ERR wrong number of arguments for 'ping' command"},
        {"ECHO hi", "$2 hi"},
        {"TIME", "*2 $4 1000 $1 0"},
        {"CLIENT ID", ":1"},
        {"CLIENT GETNAME", "$-1"},
        {"CLIENT SETNAME me", "+OK"},
        {"CLIENT GETNAME", "$2 me"},
        {"CLIENT SETNAME 'a b'",
         "-ERR Client names cannot contain spaces, newlines or special characters."},
        {"CLIENT SETINFO lib-name redis-py", "+OK"},
        {"CLIENT SETINFO foo bar", "-ERR Unrecognized option 'foo'"},
        {"CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."},
        {"CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command"},
        {"CLIENT NO-EVICT ON", "+OK"},
        {"CLIENT NO-TOUCH maybe", "-ERR syntax error"},
        {"CLIENT KILL 1.2.3.4:5", "-ERR No such client"},
        {"CLIENT KILL ID 999", ":0"},
        {"FOO a bb", "-ERR unknown command 'FOO', with args beginning with: 'a' 'bb' "},
        {"AUTH x",
         "-ERR AUTH <password> called without any password configured for the default user. Are "
         "you sure your configuration is correct?"},
        {"AUTH a b c", "-ERR syntax error"},
        {"HELLO 4", "-NOPROTO unsupported protocol version"},
        {"HELLO x", "-ERR Protocol version is not an integer or out of range"},
        {"HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'"},
        {"HELLO 2",
         "*14 $6 server $5 redis $7 version $5 7.2.4 $5 proto :2 $2 id :1 $4 mode $10 standalone "
         "$4 role $6 master $7 modules *0"},
        {"HELLO 3 SETNAME you",
         "%7 $6 server $5 redis $7 version $5 7.2.4 $5 proto :3 $2 id :1 $4 mode $10 standalone "
         "$4 role $6 master $7 modules *0"},
        {"CLIENT GETNAME", "$3 you"},
        {"GET none", "_"},
        {"CONFIG GET appendonly", "%1 $10 appendonly $3 yes"},
        {"CONFIG SET nothing 1",
         "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'"},
        {"CONFIG SET save '' maxmemory-policy NOEVICTION", "+OK"},
        {"CONFIG SET appendonly no",
         "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - can't set immutable "
         "config"},
        {"CONFIG SET save '' SAVE ''",
         "-ERR CONFIG SET failed (possibly related to argument 'save') - duplicate parameter"},
        {"CONFIG RESETSTAT", "+OK"},
        {"RESET", "+RESET"},
        {"GET none", "$-1"},
        {"COMMAND GETKEYS MSET a 1 b 2", "*2 $1 a $1 b"},
        {"COMMAND GETKEYS PING", "-ERR The command has no key arguments"},
        {"COMMAND GETKEYS MEMORY USAGE a", "*1 $1 a"},
        {"COMMAND GETKEYS MEMORY FOO a", "-ERR Invalid command specified"},
        {"COMMAND GETKEYS MEMORY", "-ERR The command has no key arguments"},
        {"COMMAND LIST FILTERBY PATTERN ge*",
         "*6 $3 get $6 getdel $5 getex $8 getrange $6 getset $6 getbit"},
        {"COMMAND INFO get",
         "*1 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 "
         "$5 flags *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 "
         "$9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0"},
        {"MEMORY HELP", "*5 +MEMORY <subcommand> [<arg> ...]. Subcommands are: +HELP +    Lists "
                        "the subcommands. +USAGE +    Returns the bytes of a key and its value."},
        {"COMMAND INFO nothing", "*1 $-1"},
        {"COMMAND FOO", "-ERR unknown subcommand 'FOO'. Try COMMAND HELP."},
        {"COMMAND DOCS nothing", "*0"},
        {"ROLE", "*3 $6 master :0 *1 *3 $9 replica-1 $4 7001 $1 5"},
        {"AERO.STATUS", "$15 state: serving\n"},
        {"AERO.STATUS x", "-ERR AERO.STATUS takes no arguments"},
        {"AERO.FOO", "-ERR unknown command 'AERO.FOO', with args beginning with: "},
        {"QUIT", "+OK"},
    };
    CONVERSATION_RUN(exchanges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),           cmocka_unit_test(test_counters),
        cmocka_unit_test(test_bitmaps),           cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_and_patterns), cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
