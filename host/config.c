/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "server/config_keys.h"

#define NAME_MAX_BYTES 64
#define NS_PER_S UINT64_C(1000000000)

struct aero_host_config {
    struct aero_config *config;
    struct aero_config *staged; /* what CONFIG SET is about to change; NULL: nothing */
    const char *config_file;
    aero_id run_id;
    struct aero_logger *logger;
    struct aero_server *server;    /* NULL before attach */
    char (*names)[NAME_MAX_BYTES]; /* of the table's keys, with dashes */
    struct aero_config_error error;
};

static void dash_name(char *out_name, const char *name)
{
    snprintf(out_name, NAME_MAX_BYTES, "%s", name);
    for (char *at = strchr(out_name, '_'); at != NULL; at = strchr(at, '_')) {
        *at = '-';
    }
}

struct aero_host_config *aero_host_config_new(struct aero_config *config, const char *config_file,
                                              aero_id run_id, struct aero_logger *logger)
{
    const struct aero_config_table *table = aero_config_table(config);
    struct aero_host_config *host_config = aero_calloc(1, sizeof *host_config);
    *host_config = (struct aero_host_config){
        .config = config, .config_file = config_file, .run_id = run_id, .logger = logger};
    host_config->names = aero_calloc(table->count, NAME_MAX_BYTES);
    for (size_t i = 0; i < table->count; i++) {
        AERO_ASSERT(strlen(table->keys[i].name) < NAME_MAX_BYTES);
        dash_name(host_config->names[i], table->keys[i].name);
    }
    return host_config;
}

void aero_host_config_free(struct aero_host_config *host_config)
{
    if (host_config != NULL) {
        aero_config_free(host_config->staged);
        free(host_config->names);
        free(host_config);
    }
}

void aero_host_config_server_options(const struct aero_host_config *host_config,
                                     struct aero_server_options *out_options)
{
    const struct aero_config *config = host_config->config;
    aero_server_options_default(out_options);
    out_options->clients_max = (uint32_t)aero_config_integer(config, "maxclients");
    out_options->bulk_bytes_max = aero_config_bytes(config, "proto_max_bulk_len");
    out_options->query_bytes_max = aero_config_bytes(config, "client_query_buffer_limit");
    out_options->output_bytes_max = aero_config_bytes(config, "client_output_buffer_limit");
    out_options->memory_bytes_max = aero_config_bytes(config, "maxmemory");
    out_options->idle_timeout_ns = aero_config_duration_ns(config, "timeout");
    out_options->protected_mode = aero_config_bool(config, "protected_mode");
    out_options->password = aero_config_string(config, "requirepass");
    out_options->tcp_port = aero_config_port(config, "port");
    out_options->process_id = (uint32_t)getpid();
    out_options->config_file = host_config->config_file;
    out_options->run_id = host_config->run_id;
}

static void append_number(struct aero_buffer *out, uint64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRIu64, number);
    aero_buffer_append(out, text, (size_t)length);
}

static bool get_key(void *self, size_t index, const char **out_name, struct aero_buffer *out_value)
{
    const struct aero_host_config *host_config = self;
    const struct aero_config *config = host_config->config;
    const struct aero_config_table *table = aero_config_table(config);
    if (index >= table->count) {
        return false;
    }
    const struct aero_config_key *key = &table->keys[index];
    *out_name = host_config->names[index];
    if (key->type == AERO_CONFIG_BYTES) {
        append_number(out_value, aero_config_bytes(config, key->name));
    } else if (key->type == AERO_CONFIG_DURATION &&
               aero_config_duration_ns(config, key->name) % NS_PER_S == 0) {
        append_number(out_value, aero_config_duration_ns(config, key->name) / NS_PER_S);
    } else {
        aero_buffer_append_slice(out_value, aero_slice_text(aero_config_shown(config, index)));
    }
    return true;
}

static size_t find_key(const struct aero_host_config *host_config, const char *name)
{
    const struct aero_config_table *table = aero_config_table(host_config->config);
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(host_config->names[i], name) == 0 || strcmp(table->keys[i].name, name) == 0) {
            return i;
        }
    }
    return table->count;
}

static bool has_key(void *self, const char *name)
{
    const struct aero_host_config *host_config = self;
    return find_key(host_config, name) < aero_config_table(host_config->config)->count;
}

static bool stage_key(void *self, const char *name, const char *value, const char **out_error)
{
    struct aero_host_config *host_config = self;
    const struct aero_config_table *table = aero_config_table(host_config->config);
    size_t index = find_key(host_config, name);
    if (index == table->count) {
        *out_error = "there is no such key";
        return false;
    }
    const struct aero_config_key *key = &table->keys[index];
    char seconds[32];
    if (key->type == AERO_CONFIG_DURATION && strlen(value) + 2 <= sizeof seconds &&
        value[0] != '\0' && strspn(value, "0123456789") == strlen(value)) {
        snprintf(seconds, sizeof seconds, "%ss", value);
        value = seconds;
    }
    if (host_config->staged == NULL) {
        host_config->staged = aero_config_copy(host_config->config);
    }
    if (!aero_is_ok(aero_config_set_running(host_config->staged, "CONFIG SET", key->name, value,
                                            &host_config->error))) {
        *out_error = host_config->error.text;
        return false;
    }
    return true;
}

static void drop_staged(void *self)
{
    struct aero_host_config *host_config = self;
    aero_config_free(host_config->staged);
    host_config->staged = NULL;
}

static void take_staged(void *self)
{
    struct aero_host_config *host_config = self;
    if (host_config->staged != NULL) {
        aero_host_config_take(host_config, host_config->staged, "CONFIG SET");
        drop_staged(host_config);
    }
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

/* The second number of statm; 0 where /proc is not mounted, or says something else. */
static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL) {
        return 0;
    }
    int read_count = fscanf(statm, "%*u %llu", &pages);
    (void)read_count;
    fclose(statm);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_usage(void *self, struct aero_server_usage *out_usage)
{
    struct rusage used = {0};
    (void)self;
    (void)getrusage(RUSAGE_SELF, &used);
    *out_usage = (struct aero_server_usage){
        .cpu_user_us = microseconds(used.ru_utime),
        .cpu_system_us = microseconds(used.ru_stime),
        .resident_bytes = resident_bytes(),
    };
}

struct aero_server_config aero_host_config_port(struct aero_host_config *host_config)
{
    return (struct aero_server_config){
        .self = host_config,
        .get = get_key,
        .stage = stage_key,
        .take = take_staged,
        .drop = drop_staged,
        .has = has_key,
        .usage = read_usage,
    };
}

void aero_host_config_attach(struct aero_host_config *host_config, struct aero_server *server)
{
    host_config->server = server;
}

static void log_changes(const struct aero_host_config *host_config, const struct aero_config *fresh,
                        const char *by)
{
    const struct aero_config_table *table = aero_config_table(host_config->config);
    size_t *changed = aero_calloc(table->count, sizeof *changed);
    size_t count = aero_config_diff(host_config->config, fresh, changed);
    for (size_t i = 0; i < count; i++) {
        const struct aero_config_key *key = &table->keys[changed[i]];
        bool taken = (key->flags & AERO_CONFIG_RELOADABLE) != 0;
        aero_log_event(host_config->logger, taken ? AERO_LOG_INFO : AERO_LOG_WARN,
                       taken ? "config_changed" : "config_change_needs_restart",
                       AERO_LOG_STR("key", key->name),
                       AERO_LOG_STR("value", aero_config_shown(fresh, changed[i])),
                       by != NULL ? AERO_LOG_STR("by", by) : AERO_LOG_END);
    }
    free(changed);
}

/* Hands the values as they are now to the logger and the attached server. */
static void apply(struct aero_host_config *host_config)
{
    struct aero_server_options options;
    aero_host_config_server_options(host_config, &options);
    atomic_store(&host_config->logger->level, aero_config_log_level(host_config->config));
    if (host_config->server != NULL) {
        aero_server_configure(host_config->server, &options);
    }
}

void aero_host_config_take(struct aero_host_config *host_config, const struct aero_config *fresh,
                           const char *by)
{
    log_changes(host_config, fresh, by);
    aero_config_adopt(host_config->config, fresh);
    apply(host_config);
}
