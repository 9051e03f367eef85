/* SPDX-License-Identifier: Apache-2.0 */
/* COMMAND, CONFIG and INFO: the server about itself, in the words of Redis 7.2. */
#include "tests/unit/server/talk.h"

#include <stdio.h>

#include "server/command.h"

/* The reply to `line`; the caller frees it. */
static char *answer(struct aero_session *session, const char *line)
{
    conversation_send(session, line);
    return conversation_take(session);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static size_t subcommand_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < aero_command_count; i++) {
        count += aero_commands[i].subcommand_count;
    }
    return count;
}

#define NO_KEYS "*0"
#define INDEX_SPEC(flags, first, last, step)                                                      \
    "*1 *6 $5 flags *2 " flags " $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index " first \
    " $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey " last " $7 keystep " step           \
    " $5 limit :0"

static void test_info_describes_commands_and_their_keys(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"COMMAND INFO mset", "*1 *10 $4 mset :-3 *2 +write +denyoom :1 :-1 :2 *3 +@write +@string "
                              "+@slow *0 " INDEX_SPEC("+RW +update", ":1", ":-1", ":2") " *0"},
        {"COMMAND INFO RENAME",
         "*1 *10 $6 rename :3 *1 +write :1 :2 :1 *3 +@keyspace +@write +@slow *0 " INDEX_SPEC(
             "+RW +update", ":1", ":1", ":1") " *0"},
        {"COMMAND INFO memory|usage",
         "*1 *10 $12 memory|usage :-3 *1 +readonly :2 :2 :1 *2 +@read +@slow *0 " INDEX_SPEC(
             "+RO +access", ":2", ":0", ":1") " *0"},
        {"COMMAND INFO multi",
         "*1 *10 $5 multi :1 *3 +loading +stale +fast :0 :0 :0 *2 +@fast +@transaction *0 " NO_KEYS
         " *0"},
        {"COMMAND INFO memory",
         "*1 *10 $6 memory :-2 *1 +readonly :0 :0 :0 *2 +@read +@slow *0 " NO_KEYS
         " *2 *10 $11 memory|help :2 *2 +loading +stale :0 :0 :0 *1 +@slow *0 " NO_KEYS
         " *0 *10 $12 memory|usage :-3 *1 +readonly :2 :2 :1 *2 +@read +@slow *0 " INDEX_SPEC(
             "+RO +access", ":2", ":0", ":1") " *0"},
        {"COMMAND INFO '' | get| |get get|x none memory|none memory|usage|x",
         "*8 $-1 $-1 $-1 $-1 $-1 $-1 $-1 $-1"},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_command_describes_every_command_and_subcommand(void **state)
{
    (void)state;
    static const char *const lines[] = {"COMMAND", "COMMAND INFO"};
    struct aero_session *a = conversation_open(&talk);
    char head[32];
    for (size_t line = 0; line < 2; line++) {
        char *text = answer(a, lines[line]);
        snprintf(head, sizeof head, "*%zu\r\n*10\r\n", aero_command_count);
        assert_memory_equal(text, head, strlen(head));
        assert_int_equal(count_of(text, "\r\n*10\r\n"), aero_command_count + subcommand_count());
        for (size_t i = 0; i < aero_command_count; i++) {
            const char *name = aero_commands[i].name;
            snprintf(head, sizeof head, "*10\r\n$%zu\r\n%s\r\n", strlen(name), name);
            assert_int_equal(count_of(text, head), 1);
        }
        assert_int_equal(count_of(text, "\r\n$14\r\nclient|setname\r\n"), 1);
        free(text);
    }
    snprintf(head, sizeof head, ":%zu", aero_command_count);
    conversation_ask(&talk, a, "COMMAND COUNT", head);
}

static void test_docs_tell_summary_age_and_group(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"COMMAND DOCS get none",
         "*2 $3 get *6 $7 summary $17 Returns a string. $5 since $5 1.0.0 $5 group $6 string"},
        {"COMMAND DOCS config|rewrite",
         "*2 $14 config|rewrite *6 $7 summary $56 Refused: the configuration file belongs to the "
         "operator. $5 since $5 2.8.0 $5 group $6 server"},
        {"COMMAND DOCS memory",
         "*2 $6 memory *8 $7 summary $22 Commands about memory. $5 since $5 4.0.0 $5 group $6 "
         "server $11 subcommands *4 $11 memory|help *6 $7 summary $22 Lists the subcommands. $5 "
         "since $5 4.0.0 $5 group $6 server $12 memory|usage *6 $7 summary $41 Returns the bytes "
         "of a key and its value. $5 since $5 4.0.0 $5 group $6 server"},
    };
    static const struct {
        const char *name;
        const char *group;
    } groups[] = {
        {"exec", "transactions"}, {"ping", "connection"},      {"client|kill", "connection"},
        {"setbit", "bitmap"},     {"append", "string"},        {"scan", "generic"},
        {"wait", "generic"},      {"waitaof", "generic"},      {"object|freq", "generic"},
        {"dbsize", "server"},     {"flushall", "server"},      {"flushdb", "server"},
        {"command", "server"},    {"command|count", "server"}, {"role", "server"},
        {"info", "server"},
    };
    CONVERSATION_RUN(exchanges);
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char line[64];
        char wanted[64];
        snprintf(line, sizeof line, "COMMAND DOCS %s", groups[i].name);
        snprintf(wanted, sizeof wanted, "\r\n$5\r\ngroup\r\n$%zu\r\n%s\r\n",
                 strlen(groups[i].group), groups[i].group);
        char *text = answer(a, line);
        if (strstr(text, wanted) == NULL) {
            fail_msg("%s: %s", line, text);
        }
        free(text);
    }
    char *text = answer(a, "COMMAND DOCS");
    char head[32];
    snprintf(head, sizeof head, "*%zu\r\n", 2 * aero_command_count);
    assert_memory_equal(text, head, strlen(head));
    assert_int_equal(count_of(text, "\r\n$7\r\nsummary\r\n"),
                     aero_command_count + subcommand_count());
    free(text);
}

static void test_list_names_commands_and_subcommands(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"COMMAND LIST FILTERBY PATTERN *DB*", "*2 $7 flushdb $6 dbsize"},
        {"COMMAND LIST FILTERBY PATTERN client|se*", "*2 $14 client|setinfo $14 client|setname"},
        {"COMMAND LIST FILTERBY PATTERN memory*", "*3 $6 memory $11 memory|help $12 memory|usage"},
        {"COMMAND LIST FILTERBY PATTERN xyz", "*0"},
        {"COMMAND LIST FILTERBY aclcat Transaction",
         "*5 $7 discard $4 exec $5 multi $7 unwatch $5 watch"},
        {"COMMAND LIST FILTERBY ACLCAT bitmap",
         "*5 $8 bitcount $5 bitop $6 bitpos $6 getbit $6 setbit"},
        {"COMMAND LIST FILTERBY ACLCAT admin",
         "*11 $11 client|kill $11 client|list $15 client|no-evict $6 config $10 config|get $11 "
         "config|help $16 config|resetstat $14 config|rewrite $10 config|set $4 role $15 "
         "aero.checkpoint"},
        {"COMMAND LIST FILTERBY ACLCAT none", "*0"},
        {"COMMAND LIST FILTERBY MODULE json", "*0"},
        {"COMMAND LIST FILTERBY NAME get", "-ERR syntax error"},
        {"COMMAND LIST FILTERBY PATTERN", "-ERR syntax error"},
        {"COMMAND LIST SORTBY PATTERN get", "-ERR syntax error"},
        {"COMMAND LIST FILTERBY PATTERN get get", "-ERR syntax error"},
    };
    CONVERSATION_RUN(exchanges);
    struct aero_session *a = conversation_open(&talk);
    char head[32];
    char *text = answer(a, "COMMAND LIST");
    snprintf(head, sizeof head, "*%zu\r\n$", aero_command_count + subcommand_count());
    assert_memory_equal(text, head, strlen(head));
    assert_int_equal(count_of(text, "\r\n$"), aero_command_count + subcommand_count());
    free(text);
}

/* Every call that is long enough has its keys inside it: execute.c and COMMAND GETKEYS rely on it. */
static void test_getkeys_of_the_shortest_call_of_every_command(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < aero_command_count + subcommand_count(); i++) {
        const struct aero_command *command = &aero_commands[0];
        const struct aero_command *container = NULL;
        size_t left = i;
        while (left > command->subcommand_count) {
            left -= command->subcommand_count + 1;
            command++;
        }
        if (left != 0) {
            container = command;
            command = &container->subcommands[left - 1];
        }
        char line[128];
        int length = snprintf(line, sizeof line, "COMMAND GETKEYS %s%s%s",
                              container == NULL ? "" : container->name,
                              container == NULL ? "" : " ", command->name);
        int needed = command->arity < 0 ? -command->arity : command->arity;
        needed = command->subcommand_count == 0 ? needed : 1; /* a container alone */
        for (int argument = container == NULL ? 1 : 2; argument < needed; argument++) {
            length += snprintf(line + length, sizeof line - (size_t)length, " a%d", argument);
        }
        char *text = answer(a, line);
        char first[16];
        snprintf(first, sizeof first, "\r\n$2\r\na%d\r\n", command->first_key);
        if (command->first_key == 0) {
            assert_string_equal(text, "-ERR The command has no key arguments\r\n");
        } else if (text[0] != '*' || strstr(text, first) == NULL) {
            fail_msg("%s: %s", line, text);
        }
        free(text);
    }
}

static void test_getkeys_takes_calls_that_could_run(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"COMMAND GETKEYS MGET a b c", "*3 $1 a $1 b $1 c"},
        {"COMMAND GETKEYS BITOP AND z x y", "*3 $1 z $1 x $1 y"},
        {"COMMAND GETKEYS COPY a b REPLACE", "*2 $1 a $1 b"},
        {"COMMAND GETKEYS GET", "-ERR Invalid number of arguments specified for command"},
        {"COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command"},
        {"COMMAND GETKEYS MSET a", "-ERR Invalid number of arguments specified for command"},
        {"COMMAND GETKEYS NOTHING a", "-ERR Invalid command specified"},
        {"COMMAND GETKEYS", "-ERR wrong number of arguments for 'command|getkeys' command"},
    };
    CONVERSATION_RUN(exchanges);
}

/* The word alone is not one of its subcommands. */
static void test_container_alone_has_too_few_arguments(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"CONFIG", "-ERR wrong number of arguments for 'config' command"},
        {"MEMORY", "-ERR wrong number of arguments for 'memory' command"},
        {"MEMORY usage", "-ERR wrong number of arguments for 'memory|usage' command"},
    };
    CONVERSATION_RUN(exchanges);
}

/* ---- CONFIG over a host that has two settings ---- */

static struct {
    char value[2][32];
    char staged[2][32];
    bool is_staged[2];
} host;
static const char *const host_names[2] = {"maxmemory", "timeout"};

static int host_find(const char *name)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(host_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static bool host_get(void *self, size_t index, const char **out_name, struct aero_buffer *out_value)
{
    (void)self;
    if (index >= 2) {
        return false;
    }
    *out_name = host_names[index];
    aero_buffer_append_slice(out_value, aero_slice_text(host.value[index]));
    return true;
}

static bool host_stage(void *self, const char *name, const char *value, const char **out_error)
{
    (void)self;
    int index = host_find(name);
    if (value[0] < '0' || value[0] > '9') {
        *out_error = "not a number";
        return false;
    }
    snprintf(host.staged[index], sizeof host.staged[index], "%s", value);
    host.is_staged[index] = true;
    return true;
}

static void host_end(bool take)
{
    for (int i = 0; i < 2; i++) {
        if (take && host.is_staged[i]) {
            memcpy(host.value[i], host.staged[i], sizeof host.value[i]);
        }
        host.is_staged[i] = false;
    }
}

static void host_take(void *self)
{
    (void)self;
    host_end(true);
}

static void host_drop(void *self)
{
    (void)self;
    host_end(false);
}

static bool host_has(void *self, const char *name)
{
    (void)self;
    return host_find(name) >= 0;
}

static void host_usage(void *self, struct aero_server_usage *out_usage)
{
    (void)self;
    *out_usage = (struct aero_server_usage){
        .cpu_user_us = 1000002, .cpu_system_us = 3500000, .resident_bytes = 4096};
}

static int begin_talk_with_host(void **state)
{
    (void)state;
    memset(&host, 0, sizeof host);
    host_stage(NULL, "maxmemory", "0", NULL);
    host_stage(NULL, "timeout", "300", NULL);
    host_end(true);
    conversation_init(&talk);
    talk.config = (struct aero_server_config){.get = host_get,
                                              .stage = host_stage,
                                              .take = host_take,
                                              .drop = host_drop,
                                              .has = host_has,
                                              .usage = host_usage};
    conversation_restart(&talk);
    return 0;
}

static int end_talk_with_host(void **state)
{
    (void)state;
    conversation_deinit(&talk);
    talk.config = (struct aero_server_config){.self = NULL};
    return 0;
}

#define SET_FAILED "-ERR CONFIG SET failed (possibly related to argument "

static void test_config_sets_all_or_nothing(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"CONFIG GET TIME* maxmemory", "*4 $9 maxmemory $1 0 $7 timeout $3 300"},
        {"CONFIG GET nothing", "*0"},
        {"CONFIG SET Timeout 5", "+OK"},
        {"CONFIG SET timeout 6 maxmemory much", SET_FAILED "'maxmemory') - not a number"},
        {"CONFIG SET timeout 6 TIMEOUT 7", SET_FAILED "'timeout') - duplicate parameter"},
        {"CONFIG SET timeout 6 maxmemory \"1\\x002\"",
         SET_FAILED "'maxmemory') - the value holds a zero byte"},
        {"CONFIG SET timeout 6 appendfsync no",
         SET_FAILED "'appendfsync') - can't set immutable config"},
        {"CONFIG SET timeout 6 nothing 1",
         "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'"},
        {"CONFIG SET timeout 6 maxmemory", "-ERR syntax error"},
        {"CONFIG SET timeout", "-ERR wrong number of arguments for 'config|set' command"},
        {"CONFIG GET timeout", "*2 $7 timeout $1 5"},
        {"CONFIG SET timeout 7 save '' maxmemory 9", "+OK"},
        {"CONFIG GET timeout maxmemory", "*4 $9 maxmemory $1 9 $7 timeout $1 7"},
        {"CONFIG REWRITE", "-ERR The configuration file is not rewritten: change it and reload"},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof exchanges / sizeof exchanges[0]; i++) {
        conversation_ask(&talk, a, exchanges[i].line, exchanges[i].reply);
    }
    char name[201] = "";
    char line[256];
    char reply[256];
    memset(name, 'x', 200);
    snprintf(line, sizeof line, "CONFIG SET %s 1", name);
    snprintf(reply, sizeof reply,
             "-ERR Unknown option or number of arguments for CONFIG SET - '%.128s'", name);
    conversation_ask(&talk, a, line, reply);
}

/* ---- INFO ---- */

#define DEFAULT_SECTIONS "Server Clients Memory Persistence Stats Replication CPU Cluster Keyspace"

static void expect_sections(struct aero_session *session, const char *line, const char *titles)
{
    char found[256] = "";
    char *text = answer(session, line);
    for (const char *at = strstr(text, "# "); at != NULL; at = strstr(at + 1, "# ")) {
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s",
                 found[0] == '\0' ? "" : " ", (int)strcspn(at + 2, "\r"), at + 2);
    }
    assert_string_equal(found, titles);
    free(text);
}

static void test_info_writes_the_sections_that_were_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *titles;
    } cases[] = {
        {"INFO", DEFAULT_SECTIONS},
        {"INFO default", DEFAULT_SECTIONS},
        {"INFO cpu", "CPU"},
        {"INFO Keyspace CLUSTER", "Cluster Keyspace"},
        {"INFO server nothing server", "Server"},
        {"INFO nothing", ""},
        {"INFO default commandstats",
         "Server Clients Memory Persistence Stats Replication CPU Commandstats Cluster Keyspace"},
        {"INFO all",
         "Server Clients Memory Persistence Stats Replication CPU Commandstats Cluster Keyspace"},
        {"INFO EVERYTHING",
         "Server Clients Memory Persistence Stats Replication CPU Commandstats Cluster Keyspace"},
    };
    struct aero_session *a = conversation_open(&talk);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_sections(a, cases[i].line, cases[i].titles);
    }
}

static void test_info_counts_the_calls_of_each_command(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"SET a 1", "+OK"},
        {"GET a", "$1 1"},
        {"get a", "$1 1"},
        {"GET", "-ERR wrong number of arguments for 'get' command"},
        {"CLIENT ID", ":1"},
        {"CLIENT GETNAME", "$-1"},
        {"AERO.STATUS", "$15 state: serving\n"},
        {"CLIENT ID", ":1"},
        {"COMMAND COUNT x", "-ERR wrong number of arguments for 'command|count' command"},
        {"INFO commandstats",
         "$141 # Commandstats cmdstat_client|getname:calls=1 cmdstat_client|id:calls=2 "
         "cmdstat_get:calls=2 cmdstat_set:calls=1 cmdstat_aero.*:calls=1 "},
        {"CONFIG RESETSTAT", "+OK"},
        {"INFO commandstats", "$50 # Commandstats cmdstat_config|resetstat:calls=1 "},
    };
    CONVERSATION_RUN(exchanges);
}

/* Decision 10: whether somebody's EXEC went through may hang on a commit in flight, and INFO never waits. */
static void test_info_counts_an_exec_that_aborts_as_one_that_does_not(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    struct aero_session *b = conversation_open(&talk);
    struct aero_session *c = conversation_open(&talk);
    char *texts[2];
    for (int touched = 0; touched < 2; touched++) {
        conversation_send(c, "CONFIG RESETSTAT");
        conversation_send_raw(a, "WATCH k\r\nMULTI\r\nGET k\r\nSTRLEN k\r\n");
        conversation_send(b, touched ? "SET k 1" : "SET other 1");
        conversation_send(a, "EXEC");
        free(conversation_take(c));
        texts[touched] = answer(c, "INFO commandstats");
        conversation_sync(&talk);
        char *replies = conversation_take(a);
        assert_int_equal(strstr(replies, "*-1") != NULL, touched);
        free(replies);
    }
    assert_non_null(strstr(texts[0], "cmdstat_strlen:calls=1\r\n"));
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

static void test_info_counts_what_a_transaction_ran(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_send_raw(a, "MULTI\r\nGET a\r\nCLIENT ID\r\nGET b\r\nEXEC\r\n"
                             "MULTI\r\nGET a\r\nDISCARD\r\n"
                             "MULTI\r\nGET a\r\nGET\r\nEXEC\r\n");
    free(conversation_take(a));
    conversation_ask(&talk, a, "INFO commandstats",
                     "$134 # Commandstats cmdstat_client|id:calls=1 cmdstat_get:calls=2 "
                     "cmdstat_discard:calls=1 cmdstat_exec:calls=2 cmdstat_multi:calls=3 ");
    /* One that ran, found no room for its effects and runs again is counted once. */
    char set[512] = "SET a ";
    memset(set + strlen(set), 'v', 400);
    conversation_ask(&talk, a, set, "+OK");
    conversation_ask(&talk, a, "CONFIG RESETSTAT", "+OK");
    conversation_send_raw(a, "MULTI\r\nAPPEND a x\r\n");
    talk.node.room_bytes = 300;
    conversation_send(a, "EXEC");
    assert_false(aero_session_wants_input(a));
    talk.node.room_bytes = 0;
    aero_server_resume(talk.server);
    conversation_sync(&talk);
    conversation_expect(a, "+OK +QUEUED *1 :401");
    conversation_ask(&talk, a, "INFO commandstats",
                     "$119 # Commandstats cmdstat_config|resetstat:calls=1 cmdstat_append:calls=1 "
                     "cmdstat_exec:calls=1 cmdstat_multi:calls=1 ");
}

static void test_info_counts_the_keys_of_each_database(void **state)
{
    (void)state;
    static const struct exchange exchanges[] = {
        {"INFO keyspace", "$12 # Keyspace "},
        {"MSET a 1 b 2", "+OK"},
        {"EXPIRE a 100", ":1"},
        {"SELECT 7", "+OK"},
        {"SET c 3", "+OK"},
        {"INFO keyspace", "$76 # Keyspace db0:keys=2,expires=1,avg_ttl=0 "
                          "db7:keys=1,expires=0,avg_ttl=0 "},
    };
    CONVERSATION_RUN(exchanges);
}

static void test_info_tells_usage_only_when_the_host_knows(void **state)
{
    (void)state;
    struct aero_session *a = conversation_open(&talk);
    conversation_ask(&talk, a, "INFO cpu",
                     "$54 # CPU used_cpu_sys:3.500000 used_cpu_user:1.000002 ");
    char *text = answer(a, "INFO memory");
    assert_non_null(strstr(text, "\r\nused_memory_rss:4096\r\n"));
    free(text);
    talk.config.usage = NULL;
    conversation_restart(&talk);
    a = conversation_open(&talk);
    conversation_ask(&talk, a, "INFO cpu", "$7 # CPU ");
    text = answer(a, "INFO memory");
    assert_null(strstr(text, "used_memory_rss"));
    free(text);
}

#define TEST_WITH_HOST(name) \
    cmocka_unit_test_setup_teardown(name, begin_talk_with_host, end_talk_with_host)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_info_describes_commands_and_their_keys),
        TEST(test_command_describes_every_command_and_subcommand),
        TEST(test_docs_tell_summary_age_and_group),
        TEST(test_list_names_commands_and_subcommands),
        TEST(test_getkeys_of_the_shortest_call_of_every_command),
        TEST(test_getkeys_takes_calls_that_could_run),
        TEST(test_container_alone_has_too_few_arguments),
        TEST_WITH_HOST(test_config_sets_all_or_nothing),
        TEST(test_info_writes_the_sections_that_were_asked_for),
        TEST(test_info_counts_the_calls_of_each_command),
        TEST(test_info_counts_an_exec_that_aborts_as_one_that_does_not),
        TEST(test_info_counts_what_a_transaction_ran),
        TEST(test_info_counts_the_keys_of_each_database),
        TEST_WITH_HOST(test_info_tells_usage_only_when_the_host_knows),
    };
    return cmocka_run_group_tests_name("server.introspection", tests, NULL, NULL);
}
