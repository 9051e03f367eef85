/* SPDX-License-Identifier: Apache-2.0 */
/* CONFIG: what the host's configuration says, and beside it the few settings of Redis that clients ask for and that
 * have one true answer here. */
#include "server/call.h"

#include <stdio.h>

#include "server/text.h"

#define NAME_MAX_BYTES 64

/* True of AeroDB whatever is configured: data is logged and synced before every reply, in sixteen databases. */
static const struct {
    const char *name;
    const char *value;
} fixed[] = {
    {"save", ""},
    {"appendonly", "yes"},
    {"appendfsync", "always"},
    {"databases", "16"},
    {"maxmemory-policy", "noeviction"},
    {"cluster-enabled", "no"},
    {"io-threads", "1"},
    {"slowlog-max-len", "0"},
};
#define FIXED_COUNT (sizeof fixed / sizeof fixed[0])

/* Entry `index` of both tables; the value is appended to *out_value. */
static bool get_entry(const struct aero_server *server, size_t index, const char **out_name,
                      struct aero_buffer *out_value)
{
    if (index < FIXED_COUNT) {
        *out_name = fixed[index].name;
        aero_buffer_append_slice(out_value, aero_slice_text(fixed[index].value));
        return true;
    }
    return server->config.get != NULL &&
           server->config.get(server->config.self, index - FIXED_COUNT, out_name, out_value);
}

static bool matches_any(const struct aero_call *call, const char *name)
{
    for (size_t i = 2; i < call->argument_count; i++) {
        if (aero_glob_match(call->arguments[i], aero_slice_text(name), true)) {
            return true;
        }
    }
    return false;
}

void aero_command_config_get(struct aero_call *call)
{
    struct aero_server *server = call->server;
    struct aero_buffer *value = &server->line;
    struct aero_resp_writer pairs = {.out = &server->text, .version = call->reply.version};
    const char *name;
    size_t count = 0;
    aero_buffer_clear(pairs.out);
    for (size_t i = 0;; i++) {
        aero_buffer_clear(value);
        if (!get_entry(server, i, &name, value)) {
            break;
        }
        if (matches_any(call, name)) {
            aero_resp_bulk_text(&pairs, name);
            aero_resp_bulk(&pairs, aero_buffer_slice(value));
            count++;
        }
    }
    aero_resp_map(&call->reply, count);
    aero_buffer_append_slice(call->reply.out, aero_buffer_slice(pairs.out));
}

/* FIXED_COUNT: none of them. */
static size_t find_fixed(const char *name)
{
    size_t index = 0;
    while (index < FIXED_COUNT && strcmp(fixed[index].name, name) != 0) {
        index++;
    }
    return index;
}

/* A NUL-terminated copy of the value, in server->text. */
static const char *value_text(struct aero_server *server, struct aero_slice value)
{
    aero_buffer_clear(&server->text);
    aero_buffer_append_slice(&server->text, value);
    aero_buffer_append(&server->text, "", 1);
    return (const char *)server->text.data;
}

static bool has_setting(const struct aero_server *server, const char *name)
{
    return server->config.has != NULL && server->config.has(server->config.self, name);
}

static void refuse_set(struct aero_call *call, const char *name, const char *why)
{
    aero_call_error_f(call, "ERR CONFIG SET failed (possibly related to argument '%s') - %s", name,
                      why);
}

static bool is_repeated(const struct aero_call *call, size_t i, const char *name)
{
    for (size_t other = 2; other < i; other += 2) {
        if (aero_call_is(call, other, name)) {
            return true;
        }
    }
    return false;
}

/* All names are looked at before the first value is taken. */
static bool check_name(struct aero_call *call, size_t i)
{
    char name[NAME_MAX_BYTES];
    if (!aero_text_lower(call->arguments[i], name, sizeof name) ||
        (find_fixed(name) == FIXED_COUNT && !has_setting(call->server, name))) {
        struct aero_slice word = call->arguments[i];
        aero_call_error_f(call, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                          aero_call_shown(word), (const char *)word.data);
        return false;
    }
    if (is_repeated(call, i, name)) {
        refuse_set(call, name, "duplicate parameter");
        return false;
    }
    return true;
}

static bool stage_one(struct aero_call *call, size_t i)
{
    struct aero_server *server = call->server;
    char name[NAME_MAX_BYTES];
    const char *error = "it cannot be set";
    (void)aero_text_lower(call->arguments[i], name, sizeof name);
    size_t index = find_fixed(name);
    if (index < FIXED_COUNT) {
        if (!aero_text_is(call->arguments[i + 1], fixed[index].value)) {
            refuse_set(call, name, "can't set immutable config");
            return false;
        }
        return true;
    }
    struct aero_slice value = call->arguments[i + 1];
    if (value.length != strnlen((const char *)value.data, value.length)) {
        refuse_set(call, name, "the value holds a zero byte");
        return false;
    }
    if (!server->config.stage(server->config.self, name, value_text(server, value), &error)) {
        refuse_set(call, name, error);
        return false;
    }
    return true;
}

static bool stage_all(struct aero_call *call)
{
    for (size_t i = 2; i < call->argument_count; i += 2) {
        if (!check_name(call, i)) {
            return false;
        }
    }
    for (size_t i = 2; i < call->argument_count; i += 2) {
        if (!stage_one(call, i)) {
            return false;
        }
    }
    return true;
}

void aero_command_config_set(struct aero_call *call)
{
    const struct aero_server_config *config = &call->server->config;
    if (call->argument_count % 2 != 0) {
        aero_call_syntax_error(call);
        return;
    }
    bool good = stage_all(call);
    void (*end)(void *self) = good ? config->take : config->drop;
    if (end != NULL) {
        end(config->self);
    }
    if (good) {
        aero_call_ok(call);
    }
}

void aero_command_config_resetstat(struct aero_call *call)
{
    struct aero_server *server = call->server;
    server->stats = (struct aero_server_stats){0};
    server->rate_commands = 0;
    memset(server->command_calls, 0, aero_command_numbers() * sizeof *server->command_calls);
    aero_call_ok(call);
}

/* The file is the operator's: a daemon that rewrites it would lose their comments and their intent. */
void aero_command_config_rewrite(struct aero_call *call)
{
    aero_call_error(call, "ERR The configuration file is not rewritten: change it and reload");
}
