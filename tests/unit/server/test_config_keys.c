/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "server/config_keys.h"

static void test_words_splits_at_blanks_and_commas(void **state)
{
    (void)state;
    char words[3][AERO_CONFIG_WORD_MAX];
    assert_int_equal(aero_config_words("", 3, words), 0);
    assert_int_equal(aero_config_words("  a, bc\td ", 3, words), 3);
    assert_string_equal(words[0], "a");
    assert_string_equal(words[1], "bc");
    assert_string_equal(words[2], "d");
    assert_true(aero_config_words("a b c d", 3, words) == SIZE_MAX);
}

static void test_words_refuses_a_word_that_does_not_fit(void **state)
{
    (void)state;
    char words[2][AERO_CONFIG_WORD_MAX];
    char list[AERO_CONFIG_WORD_MAX + 8] = "a ";
    memset(list + 2, 'b', AERO_CONFIG_WORD_MAX - 1);
    assert_int_equal(aero_config_words(list, 2, words), 2);
    assert_string_equal(words[1], list + 2);
    list[AERO_CONFIG_WORD_MAX + 1] = 'b';
    assert_true(aero_config_words(list, 2, words) == SIZE_MAX);
}

static struct aero_config *config_with(const char *key, const char *value)
{
    struct aero_config_error error;
    struct aero_config *config = aero_config_new(aero_config_keys_replica());
    assert_true(aero_is_ok(aero_config_set(config, "test", key, value, &error)));
    return config;
}

/* Who may read everything must not follow from a typing mistake: only "*" is everybody. */
static void test_allowed_nodes_empty_list_allows_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool has_replica1;
    } cases[] = {
        {"*", true},        {"", false},           {"replica1 replica2", true},
        {"replica", false}, {"replica2, *", true},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_allowed_nodes allowed;
        struct aero_config *config = config_with("allowed_nodes", cases[i].list);
        assert_true(aero_config_allowed_nodes(config, &allowed));
        assert_int_equal(aero_allowed_nodes_has(&allowed, "replica1"), cases[i].has_replica1);
        aero_config_free(config);
    }
}

static void test_host_port_takes_names_and_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; /* NULL: refused */
        uint16_t port;
    } cases[] = {
        {"db1.example:7379", "db1.example", 7379},
        {"192.0.2.1:65535", "192.0.2.1", 65535},
        {"[2001:db8::1]:1", "2001:db8::1", 1},
        {"2001:db8::1:7379", NULL, 0},
        {"[db1]:7379", NULL, 0},
        {"db1", NULL, 0},
        {":7379", NULL, 0},
        {"db1:", NULL, 0},
        {"db1:0", NULL, 0},
        {"db1:65536", NULL, 0},
        {"db1:7379x", NULL, 0},
        {"[2001:db8::1:7379", NULL, 0},
        {"[:1", NULL, 0},
        {"[db1:7379", NULL, 0},
        {"db1]:7379", NULL, 0},
        {"[[::1]]:7379", NULL, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_host_port place;
        assert_int_equal(aero_config_host_port(cases[i].text, &place), cases[i].host != NULL);
        if (cases[i].host != NULL) {
            assert_string_equal(place.host, cases[i].host);
            assert_int_equal(place.port, cases[i].port);
        }
    }
}

static void test_host_port_refuses_a_name_that_does_not_fit(void **state)
{
    (void)state;
    struct aero_host_port place;
    char text[AERO_CONFIG_WORD_MAX + 8];
    memset(text, 'h', sizeof text);
    memcpy(text + AERO_CONFIG_WORD_MAX - 1, ":1", 3);
    assert_true(aero_config_host_port(text, &place));
    assert_int_equal(strlen(place.host), AERO_CONFIG_WORD_MAX - 1);
    text[AERO_CONFIG_WORD_MAX - 1] = 'h';
    memcpy(text + AERO_CONFIG_WORD_MAX, ":1", 3);
    assert_false(aero_config_host_port(text, &place));
}

static void test_replica_table_begins_with_the_primary_table(void **state)
{
    (void)state;
    const struct aero_config_table *primary = aero_config_keys_primary();
    const struct aero_config_table *replica = aero_config_keys_replica();
    assert_true(primary->count < replica->count);
    for (size_t i = 0; i < primary->count; i++) {
        assert_string_equal(primary->keys[i].name, replica->keys[i].name);
    }
    assert_int_equal(aero_config_find(primary, "primary"), primary->count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_splits_at_blanks_and_commas),
        cmocka_unit_test(test_words_refuses_a_word_that_does_not_fit),
        cmocka_unit_test(test_allowed_nodes_empty_list_allows_nobody),
        cmocka_unit_test(test_host_port_takes_names_and_addresses),
        cmocka_unit_test(test_host_port_refuses_a_name_that_does_not_fit),
        cmocka_unit_test(test_replica_table_begins_with_the_primary_table),
    };
    return cmocka_run_group_tests_name("server.config_keys", tests, NULL, NULL);
}
