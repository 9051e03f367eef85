/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, with the tables of both daemons; and the lists and addresses that stand in values. */
#include <stdio.h>

#include "base/config_text.h"
#include "server/config_keys.h"
#include "tests/fuzz/fuzz.h"

static void check_error(const struct aero_config_error *error)
{
    size_t length = strnlen(error->text, sizeof error->text);
    AERO_ASSERT(length != 0 && length < sizeof error->text);
    for (size_t i = 0; i < length; i++) {
        AERO_ASSERT(error->text[i] >= 0x20 && error->text[i] < 0x7f);
    }
}

static void look_at_lists(const struct aero_config *config)
{
    struct aero_allowed_nodes *allowed = aero_malloc(sizeof *allowed);
    if (aero_config_allowed_nodes(config, allowed)) {
        AERO_ASSERT(allowed->count <= AERO_ALLOWED_MAX);
        for (size_t i = 0; i < allowed->count; i++) {
            AERO_ASSERT(aero_allowed_nodes_has(allowed, allowed->names[i]));
            AERO_ASSERT(allowed->names[i][0] != '\0');
            AERO_ASSERT(strpbrk(allowed->names[i], " \t,") == NULL);
        }
        /* No list names this node, so only "*" lets it in. */
        AERO_ASSERT(aero_allowed_nodes_has(allowed, " a name with blanks ") == allowed->any);
    }
    free(allowed);
}

/* Every value that was taken can be written as a line and is taken again, to the same effect. */
static void write_and_read(const struct aero_config_table *table, const struct aero_config *config)
{
    struct aero_config *again = aero_config_new(table);
    struct aero_buffer text = {0};
    struct aero_config_error error;
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->keys[i].name;
        if (!aero_config_is_set(config, name) || (table->keys[i].flags & AERO_CONFIG_SECRET) != 0) {
            continue;
        }
        aero_buffer_append_slice(&text, aero_slice_text(name));
        aero_buffer_append(&text, " =", 2); /* no blank: a value may begin with '#' */
        aero_buffer_append_slice(&text, aero_slice_text(aero_config_shown(config, i)));
        aero_buffer_append(&text, "\n", 1);
    }
    aero_status status = aero_config_parse(again, "again", aero_buffer_slice(&text), &error);
    AERO_ASSERT(aero_is_ok(status));
    size_t *indexes = aero_calloc(table->count, sizeof *indexes);
    size_t count = aero_config_diff(config, again, indexes);
    for (size_t i = 0; i < count; i++) {
        AERO_ASSERT((table->keys[indexes[i]].flags & AERO_CONFIG_SECRET) != 0);
    }
    aero_config_adopt(again, config);
    free(indexes);
    aero_buffer_deinit(&text);
    aero_config_free(again);
}

static void look_at_file(const struct aero_config_table *table, struct aero_slice input)
{
    struct aero_config *config = aero_config_new(table);
    struct aero_config_error error;
    uint8_t *exact = fuzz_copy(input);
    if (aero_is_ok(aero_config_parse(config, "file", aero_slice_of(exact, input.length), &error))) {
        look_at_lists(config);
        write_and_read(table, config);
    } else {
        check_error(&error);
    }
    free(exact);
    aero_config_free(config);
}

static void look_at_texts(const char *text)
{
    uint64_t value;
    bool truth;
    struct aero_host_port place;
    if (aero_text_to_integer(text, &value)) {
        char again[32];
        snprintf(again, sizeof again, "%llu", (unsigned long long)value);
        AERO_ASSERT(strcmp(text + strspn(text, "0"), again) == 0 || value == 0);
    }
    if (aero_text_to_bytes(text, &value)) {
        AERO_ASSERT(strcspn(text, "0123456789") == 0);
    }
    (void)aero_text_to_duration_ns(text, &value);
    (void)aero_text_to_bool(text, &truth);
    if (aero_config_host_port(text, &place)) {
        char again[AERO_CONFIG_WORD_MAX + 16];
        bool colon = strchr(place.host, ':') != NULL;
        snprintf(again, sizeof again, "%s%s%s:%u", colon ? "[" : "", place.host, colon ? "]" : "",
                 place.port);
        struct aero_host_port other;
        AERO_ASSERT(aero_config_host_port(again, &other));
        AERO_ASSERT(strcmp(other.host, place.host) == 0 && other.port == place.port);
    }
}

void fuzz_one(struct aero_slice input)
{
    char *text = aero_malloc(input.length + 1);
    memcpy(text, input.data, input.length);
    text[input.length] = '\0';
    look_at_texts(text);
    free(text);
    look_at_file(aero_config_keys_primary(), input);
    look_at_file(aero_config_keys_replica(), input);
}

/* Every key with its default, in the form of the files in deploy/, and lines that have to be refused. */
void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char *const texts[] = {
        "[section]\nport = 1\n",
        "port = 1\nport = 2\n",
        "port=6379 ; comment\n",
        "# comment\n; comment\n\n\tallowed_nodes = a, b,*\r\n",
        "segment_bytes = 64 MiB\ncheckpoint_interval = 10s\n",
        "[2001:db8::1]:7379",
        "db1.example:7379",
        "10m",
        "18446744073709551615",
        "184467440737095516160",
    };
    const struct aero_config_table *table = aero_config_keys_replica();
    struct aero_buffer all = {0};
    for (size_t i = 0; i < table->count; i++) {
        char line[AERO_CONFIG_LINE_MAX_BYTES];
        snprintf(line, sizeof line, "%s = %s\n", table->keys[i].name, table->keys[i].default_text);
        fuzz_seed(seeds, aero_slice_text(line));
        aero_buffer_append_slice(&all, aero_slice_text(line));
    }
    fuzz_seed(seeds, aero_buffer_slice(&all));
    aero_buffer_deinit(&all);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fuzz_seed(seeds, aero_slice_text(texts[i]));
    }
}
