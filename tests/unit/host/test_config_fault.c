/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "host/config_fault.h"
#include "server/config_keys.h"

struct setting {
    const char *key;
    const char *value;
};

/* The fault of a configuration that would be whole without `settings`. */
static const char *fault_with(const struct aero_config_table *table, const struct setting *settings,
                              size_t count)
{
    static const struct setting whole[] = {
        {"data_dir", "d"}, {"certs_dir", "c"}, {"primary", "a:1"}};
    struct aero_config_error error;
    struct aero_config *config = aero_config_new(table);
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (aero_config_find(table, whole[i].key) < table->count) {
            assert_true(
                aero_is_ok(aero_config_set(config, "test", whole[i].key, whole[i].value, &error)));
        }
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(aero_is_ok(
            aero_config_set(config, "test", settings[i].key, settings[i].value, &error)));
    }
    const char *fault = aero_config_find_fault(config);
    aero_config_free(config);
    return fault;
}

#define SIXTEEN "n n n n n n n n n n n n n n n n "
#define SEVENTEEN                                                                                \
    "127.0.0.1 127.0.0.2 127.0.0.3 127.0.0.4 127.0.0.5 127.0.0.6 127.0.0.7 127.0.0.8 127.0.0.9 " \
    "127.0.1.1 127.0.1.2 127.0.1.3 127.0.1.4 127.0.1.5 127.0.1.6 127.0.1.7 127.0.1.8"

/* Each of these parses, and no daemon could run with it. */
static void test_find_fault_names_the_keys(void **state)
{
    (void)state;
    static const struct {
        bool primary;
        struct setting settings[3];
        const char *named[2]; /* none: no fault */
    } cases[] = {
        {true, {{"port", "1"}}, {NULL}},
        {true, {{"data_dir", ""}}, {"data_dir"}},
        {false, {{"data_dir", ""}}, {"data_dir"}},
        {true, {{"port", "7"}, {"replication_port", "7"}}, {"port", "replication_port"}},
        {true, {{"port", "0"}, {"replication_port", "0"}}, {NULL}},
        {true,
         {{"port", "7"}, {"replication_port", "7"}, {"replication_bind", "127.0.0.2"}},
         {NULL}},
        {true,
         {{"port", "7"}, {"replication_port", "7"}, {"replication_bind", "*"}},
         {"port", "replication_port"}},
        {true, {{"port", "7"}, {"replication_port", "7"}, {"bind", "-127.0.0.1"}}, {"port"}},
        {false, {{"port", "7"}, {"replication_port", "7"}}, {NULL}},
        {false, {{"heartbeat", "2s"}, {"link_silence", "2s"}}, {"heartbeat", "link_silence"}},
        {false, {{"heartbeat", "2s"}, {"link_silence", "2001ms"}}, {NULL}},
        {true, {{"heartbeat", "9s"}, {"link_silence", "3s"}}, {"heartbeat", "link_silence"}},
        {false, {{"primary", ""}}, {"primary"}},
        {false, {{"certs_dir", ""}}, {"certs_dir"}},
        {true, {{"certs_dir", ""}}, {NULL}},
        {true, {{"certs_dir", ""}, {"replication_port", "8"}}, {"certs_dir"}},
        {true, {{"bind", "localhost"}}, {"bind"}},
        {true, {{"replication_bind", SEVENTEEN}}, {"replication_bind", "at most 16"}},
        {true, {{"bind", SEVENTEEN}}, {"bind", "at most 16"}},
        {true,
         {{"port", "7"}, {"replication_port", "7"}, {"bind", "*"}},
         {"port", "replication_port"}},
        {true,
         {{"port", "7"}, {"replication_port", "7"}, {"bind", "-::"}},
         {"port", "replication_port"}},
        {false, {{"allowed_nodes", SIXTEEN SIXTEEN SIXTEEN SIXTEEN}}, {NULL}},
        {false, {{"allowed_nodes", SIXTEEN SIXTEEN SIXTEEN SIXTEEN "n"}}, {"allowed_nodes"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;
        while (count < 3 && cases[i].settings[count].key != NULL) {
            count++;
        }
        const char *fault =
            fault_with(cases[i].primary ? aero_config_keys_primary() : aero_config_keys_replica(),
                       cases[i].settings, count);
        if (cases[i].named[0] == NULL) {
            assert_null(fault);
        }
        for (size_t name = 0; name < 2 && cases[i].named[name] != NULL; name++) {
            assert_non_null(fault);
            assert_non_null(strstr(fault, cases[i].named[name]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_fault_names_the_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
