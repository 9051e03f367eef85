/* SPDX-License-Identifier: Apache-2.0 */
/* INFO: the sections that clients and exporters read. Two of them are the node's own. */
#include "server/call.h"

#include "server/text.h"

#define MS_PER_S 1000
#define NS_PER_S ((uint64_t)1000000000)

typedef unsigned long long ull;

static void write_server(const struct aero_server *server, struct aero_buffer *out)
{
    char run_id[AERO_ID_TEXT_BYTES];
    uint64_t uptime_s = (server->now.value - server->started.value) / NS_PER_S;
    aero_id_format(server->options.run_id, run_id);
    aero_buffer_printf(out,
                       "redis_version:" AERO_REDIS_VERSION "\r\naerodb_version:" AERO_VERSION
                       "\r\nredis_mode:standalone\r\narch_bits:64\r\nmultiplexing_api:epoll\r\n"
                       "process_id:%u\r\nrun_id:%s\r\ntcp_port:%u\r\nserver_time_usec:%llu\r\n"
                       "uptime_in_seconds:%llu\r\nuptime_in_days:%llu\r\nconfig_file:%s\r\n",
                       server->options.process_id, run_id, server->options.tcp_port,
                       (ull)(server->wall.value * MS_PER_S), (ull)uptime_s, (ull)(uptime_s / 86400),
                       server->options.config_file);
}

static void write_clients(const struct aero_server *server, struct aero_buffer *out)
{
    struct aero_server_stats stats;
    aero_server_stats(server, &stats);
    aero_buffer_printf(out,
                       "connected_clients:%llu\r\ncluster_connections:0\r\nmaxclients:%u\r\n"
                       "blocked_clients:%llu\r\nparked_clients:%llu\r\nwatching_keys:%zu\r\n",
                       (ull)stats.clients, server->options.clients_max, (ull)stats.clients_blocked,
                       (ull)stats.clients_parked, server->watches.key_count);
}

/* False: nobody knows. */
static bool read_usage(const struct aero_server *server, struct aero_server_usage *out_usage)
{
    if (server->config.usage == NULL) {
        return false;
    }
    server->config.usage(server->config.self, out_usage);
    return true;
}

static void write_memory(const struct aero_server *server, struct aero_buffer *out)
{
    struct aero_server_usage usage;
    struct aero_sample sample;
    aero_sample_durable(server, &sample);
    uint64_t memory = sample.memory_bytes;
    uint64_t peak = memory > server->memory_peak_bytes ? memory : server->memory_peak_bytes;
    aero_buffer_printf(out,
                       "used_memory:%llu\r\nused_memory_peak:%llu\r\n"
                       "used_memory_dataset:%llu\r\nmaxmemory:%llu\r\n"
                       "maxmemory_policy:noeviction\r\n",
                       (ull)memory, (ull)peak, (ull)memory, (ull)server->options.memory_bytes_max);
    if (read_usage(server, &usage)) {
        aero_buffer_printf(out, "used_memory_rss:%llu\r\n", (ull)usage.resident_bytes);
    }
}

static void write_stats(const struct aero_server *server, struct aero_buffer *out)
{
    struct aero_server_stats stats;
    struct aero_sample sample;
    aero_server_stats(server, &stats);
    aero_sample_durable(server, &sample);
    aero_buffer_printf(out,
                       "total_connections_received:%llu\r\ntotal_commands_processed:%llu\r\n"
                       "instantaneous_ops_per_sec:%llu\r\ntotal_net_input_bytes:%llu\r\n"
                       "total_net_output_bytes:%llu\r\nrejected_connections:%llu\r\n",
                       (ull)stats.connections_received, (ull)stats.commands_processed,
                       (ull)server->commands_per_second, (ull)stats.input_bytes,
                       (ull)stats.output_bytes, (ull)stats.connections_rejected);
    aero_buffer_printf(out,
                       "expired_keys:%llu\r\nevicted_keys:0\r\nkeyspace_hits:%llu\r\n"
                       "keyspace_misses:%llu\r\ntotal_error_replies:%llu\r\ntotal_commits:%llu\r\n"
                       "held_replies:%llu\r\nreplaced_replies:%llu\r\n",
                       (ull)sample.keys_expired, (ull)sample.keyspace_hits,
                       (ull)sample.keyspace_misses, (ull)sample.command_errors, (ull)sample.commits,
                       (ull)stats.replies_held, (ull)stats.replies_replaced);
}

static void write_cpu(const struct aero_server *server, struct aero_buffer *out)
{
    struct aero_server_usage usage;
    if (read_usage(server, &usage)) {
        aero_buffer_printf(out, "used_cpu_sys:%llu.%06llu\r\nused_cpu_user:%llu.%06llu\r\n",
                           (ull)(usage.cpu_system_us / 1000000),
                           (ull)(usage.cpu_system_us % 1000000), (ull)(usage.cpu_user_us / 1000000),
                           (ull)(usage.cpu_user_us % 1000000));
    }
}

static void write_node(const struct aero_server *server, const char *section,
                       struct aero_buffer *out)
{
    server->node.ops->info(server->node.self, section, out);
}

static void write_persistence(const struct aero_server *server, struct aero_buffer *out)
{
    write_node(server, "persistence", out);
}

static void write_replication(const struct aero_server *server, struct aero_buffer *out)
{
    write_node(server, "replication", out);
}

static void write_calls(const struct aero_server *server, const struct aero_command *command,
                        struct aero_buffer *out)
{
    char name[AERO_COMMAND_FULL_NAME_MAX];
    uint64_t calls = server->command_calls[aero_command_number(command)];
    if (calls != 0) {
        aero_command_full_name(command, name);
        aero_buffer_printf(out, "cmdstat_%s:calls=%llu\r\n", name, (ull)calls);
    }
}

/* Calls alone: nothing here reads a clock, and what a call met in data may still be taken back. */
static void write_commandstats(const struct aero_server *server, struct aero_buffer *out)
{
    for (size_t i = 0; i < aero_command_count; i++) {
        write_calls(server, &aero_commands[i], out);
        for (size_t sub = 0; sub < aero_commands[i].subcommand_count; sub++) {
            write_calls(server, &aero_commands[i].subcommands[sub], out);
        }
    }
    write_calls(server, &aero_admin_command, out);
}

static void write_cluster(const struct aero_server *server, struct aero_buffer *out)
{
    (void)server;
    aero_buffer_printf(out, "cluster_enabled:0\r\n");
}

static void write_keyspace(const struct aero_server *server, struct aero_buffer *out)
{
    struct aero_sample sample;
    aero_sample_durable(server, &sample);
    for (uint8_t database = 0; database < AERO_DATABASE_COUNT; database++) {
        if (sample.keys[database] != 0) {
            aero_buffer_printf(out, "db%u:keys=%llu,expires=%llu,avg_ttl=0\r\n", database,
                               (ull)sample.keys[database], (ull)sample.expiring[database]);
        }
    }
}

static const struct {
    const char *name;
    const char *title;
    bool by_default;
    void (*write)(const struct aero_server *server, struct aero_buffer *out);
} sections[] = {
    {"server", "Server", true, write_server},
    {"clients", "Clients", true, write_clients},
    {"memory", "Memory", true, write_memory},
    {"persistence", "Persistence", true, write_persistence},
    {"stats", "Stats", true, write_stats},
    {"replication", "Replication", true, write_replication},
    {"cpu", "CPU", true, write_cpu},
    {"commandstats", "Commandstats", false, write_commandstats},
    {"cluster", "Cluster", true, write_cluster},
    {"keyspace", "Keyspace", true, write_keyspace},
};

static bool is_wanted(const struct aero_call *call, size_t section)
{
    if (call->argument_count == 1) {
        return sections[section].by_default;
    }
    for (size_t i = 1; i < call->argument_count; i++) {
        if (aero_call_is(call, i, sections[section].name) || aero_call_is(call, i, "all") ||
            aero_call_is(call, i, "everything") ||
            (aero_call_is(call, i, "default") && sections[section].by_default)) {
            return true;
        }
    }
    return false;
}

/* Never held, so that operators hear something however long a sync takes (FM-7.1): where it speaks of data it speaks of
 * counts that were durable when they were taken (decision 10). */
void aero_command_info(struct aero_call *call)
{
    struct aero_buffer *text = &call->server->text;
    aero_buffer_clear(text);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (is_wanted(call, i)) {
            aero_buffer_printf(text, "%s# %s\r\n", text->length == 0 ? "" : "\r\n",
                               sections[i].title);
            sections[i].write(call->server, text);
        }
    }
    aero_resp_verbatim(&call->reply, aero_buffer_slice(text));
}
