/* SPDX-License-Identifier: Apache-2.0 */
/* The store of values, and who may change them. Reading files is in config_file.c, printing in
 * config_print.c, and what a single value may be in config_value.c. */
#include "base/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/config_priv.h"

struct value {
    char *text; /* as given */
    uint64_t number;
    bool is_set;
};

struct aero_config {
    const struct aero_config_table *table;
    struct value *values; /* one a key */
};

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(aero_malloc(size), text, size);
}

static void assert_key(const struct aero_config_table *table, size_t index)
{
    static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const struct aero_config_key *key = &table->keys[index];
    AERO_ASSERT(key->name != NULL);
    AERO_ASSERT(key->name[0] != '\0');
    AERO_ASSERT(key->name[strspn(key->name, name_bytes)] == '\0');
    AERO_ASSERT(aero_config_find(table, key->name) == index);
    AERO_ASSERT(key->default_text != NULL);
    AERO_ASSERT(key->help != NULL);
    AERO_ASSERT((key->type == AERO_CONFIG_CHOICE) == (key->choices != NULL));
    AERO_ASSERT((key->flags & AERO_CONFIG_SECRET) == 0 || key->type == AERO_CONFIG_STRING);
}

struct aero_config *aero_config_new(const struct aero_config_table *table)
{
    struct aero_config *config = aero_malloc(sizeof *config);
    config->table = table;
    config->values = aero_calloc(table->count, sizeof *config->values);
    for (size_t i = 0; i < table->count; i++) {
        const struct aero_config_key *key = &table->keys[i];
        assert_key(table, i);
        enum aero_config_verdict verdict =
            aero_config_value_check(key, key->default_text, &config->values[i].number);
        AERO_ASSERT(verdict == AERO_CONFIG_VALUE_OK);
        config->values[i].text = copy_text(key->default_text);
    }
    return config;
}

void aero_config_free(struct aero_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->table->count; i++) {
        /* Passwords do not stay behind in freed memory. */
        explicit_bzero(config->values[i].text, strlen(config->values[i].text));
        free(config->values[i].text);
    }
    free(config->values);
    free(config);
}

const struct aero_config_table *aero_config_table(const struct aero_config *config)
{
    return config->table;
}

size_t aero_config_find(const struct aero_config_table *table, const char *name)
{
    size_t index = 0;
    while (index < table->count && strcmp(table->keys[index].name, name) != 0) {
        index++;
    }
    return index;
}

static void replace_value(struct value *value, const char *text, uint64_t number)
{
    char *copy = copy_text(text);
    explicit_bzero(value->text, strlen(value->text));
    free(value->text);
    *value = (struct value){.text = copy, .number = number, .is_set = true};
}

aero_status aero_config_set(struct aero_config *config, const char *origin, const char *name,
                            const char *value, struct aero_config_error *out_error)
{
    size_t index = aero_config_find(config->table, name);
    if (index == config->table->count) {
        aero_config_error_unknown_key(config->table, origin, name, out_error);
        return aero_error(AERO_INVALID);
    }
    uint64_t number = 0;
    const struct aero_config_key *key = &config->table->keys[index];
    enum aero_config_verdict verdict = aero_config_value_check(key, value, &number);
    if (verdict != AERO_CONFIG_VALUE_OK) {
        aero_config_error_bad_value(key, origin, value, verdict, out_error);
        return aero_error(AERO_INVALID);
    }
    replace_value(&config->values[index], value, number);
    return aero_ok();
}

aero_status aero_config_set_pair(struct aero_config *config, const char *origin, const char *pair,
                                 struct aero_config_error *out_error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL) {
        aero_config_error_text(origin, "expected key=value", out_error);
        return aero_error(AERO_INVALID);
    }
    char *name = copy_text(pair);
    name[equals - pair] = '\0';
    aero_status status = aero_config_set(config, origin, name, equals + 1, out_error);
    explicit_bzero(name, strlen(pair));
    free(name);
    return status;
}

aero_status aero_config_set_running(struct aero_config *config, const char *origin,
                                    const char *name, const char *value,
                                    struct aero_config_error *out_error)
{
    size_t index = aero_config_find(config->table, name);
    if (index < config->table->count &&
        (config->table->keys[index].flags & AERO_CONFIG_RELOADABLE) == 0) {
        aero_config_error_fixed_key(&config->table->keys[index], origin, out_error);
        return aero_error(AERO_INVALID);
    }
    return aero_config_set(config, origin, name, value, out_error);
}

static const struct value *typed(const struct aero_config *config, const char *name,
                                 enum aero_config_type type)
{
    size_t index = aero_config_find(config->table, name);
    AERO_ASSERT(index < config->table->count);
    AERO_ASSERT(config->table->keys[index].type == type);
    return &config->values[index];
}

const char *aero_config_string(const struct aero_config *config, const char *name)
{
    return typed(config, name, AERO_CONFIG_STRING)->text;
}

bool aero_config_bool(const struct aero_config *config, const char *name)
{
    return typed(config, name, AERO_CONFIG_BOOL)->number != 0;
}

uint64_t aero_config_integer(const struct aero_config *config, const char *name)
{
    return typed(config, name, AERO_CONFIG_INTEGER)->number;
}

uint64_t aero_config_bytes(const struct aero_config *config, const char *name)
{
    return typed(config, name, AERO_CONFIG_BYTES)->number;
}

uint64_t aero_config_duration_ns(const struct aero_config *config, const char *name)
{
    return typed(config, name, AERO_CONFIG_DURATION)->number;
}

uint16_t aero_config_port(const struct aero_config *config, const char *name)
{
    return (uint16_t)typed(config, name, AERO_CONFIG_PORT)->number;
}

unsigned aero_config_choice(const struct aero_config *config, const char *name)
{
    return (unsigned)typed(config, name, AERO_CONFIG_CHOICE)->number;
}

bool aero_config_is_set(const struct aero_config *config, const char *name)
{
    size_t index = aero_config_find(config->table, name);
    AERO_ASSERT(index < config->table->count);
    return config->values[index].is_set;
}

const char *aero_config_shown(const struct aero_config *config, size_t key_index)
{
    AERO_ASSERT(key_index < config->table->count);
    const char *text = config->values[key_index].text;
    bool is_secret = (config->table->keys[key_index].flags & AERO_CONFIG_SECRET) != 0;
    return is_secret && text[0] != '\0' ? AERO_CONFIG_HIDDEN : text;
}

static bool differs(const struct aero_config *a, const struct aero_config *b, size_t index)
{
    if (a->table->keys[index].type == AERO_CONFIG_STRING) {
        return strcmp(a->values[index].text, b->values[index].text) != 0;
    }
    return a->values[index].number != b->values[index].number;
}

size_t aero_config_diff(const struct aero_config *running, const struct aero_config *fresh,
                        size_t *out_key_indexes)
{
    AERO_ASSERT(running->table == fresh->table);
    size_t count = 0;
    for (size_t i = 0; i < running->table->count; i++) {
        if (differs(running, fresh, i)) {
            out_key_indexes[count++] = i;
        }
    }
    return count;
}

static void copy_value(struct value *to, const struct value *from)
{
    replace_value(to, from->text, from->number);
    to->is_set = from->is_set;
}

struct aero_config *aero_config_copy(const struct aero_config *config)
{
    struct aero_config *copy = aero_config_new(config->table);
    for (size_t i = 0; i < config->table->count; i++) {
        copy_value(&copy->values[i], &config->values[i]);
    }
    return copy;
}

void aero_config_adopt(struct aero_config *running, const struct aero_config *fresh)
{
    AERO_ASSERT(running->table == fresh->table);
    for (size_t i = 0; i < running->table->count; i++) {
        if ((running->table->keys[i].flags & AERO_CONFIG_RELOADABLE) != 0) {
            copy_value(&running->values[i], &fresh->values[i]);
        }
    }
}
