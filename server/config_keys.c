/* SPDX-License-Identifier: Apache-2.0 */
/* One array; the primary's table is all of it but the last keys, the replica's is all of it. */
#include "server/config_keys.h"

#include <string.h>

#include "base/config_text.h"

static const char *const log_formats[] = {"keyvalue", "json", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const fsync_failures[] = {"refuse", "exit", NULL};
static const char *const socket_modes[] = {"600", "660", "666", NULL};

static const struct aero_config_key keys[] = {
    /* This node. */
    {.name = "data_dir",
     .type = AERO_CONFIG_STRING,
     .default_text = "",
     .help = "The directory that holds everything this node knows. Required. Only one process at a "
             "time may use it."},
    {.name = "node_name",
     .type = AERO_CONFIG_STRING,
     .default_text = "",
     .help =
         "The name under which a new directory is created. Empty: the name in node.crt, without "
         "certificates this machine's host name. An existing directory keeps the name that it "
         "has. In replication it must be the name in the certificate: a primary warns where it is "
         "another, a replica is refused."},

    /* Clients. */
    {.name = "bind",
     .type = AERO_CONFIG_STRING,
     .default_text = "127.0.0.1",
     .help = "Addresses to listen on for clients, separated by blanks. An address behind a minus "
             "sign may be missing on this machine. * means every IPv4 address, :: every IPv6 "
             "address. Empty: none, only the Unix socket."},
    {.name = "port",
     .type = AERO_CONFIG_PORT,
     .default_text = "6379",
     .min_text = "0",
     .help = "TCP port for clients, in the Redis protocol. 0: no TCP, only the Unix socket."},
    {.name = "unixsocket",
     .type = AERO_CONFIG_STRING,
     .default_text = "",
     .help = "Path of a Unix socket for clients. Empty: none."},
    {.name = "unixsocket_mode",
     .type = AERO_CONFIG_CHOICE,
     .default_text = "600",
     .choices = socket_modes,
     .help = "Permissions of the Unix socket: for its owner, also its group, or everybody."},
    {.name = "protected_mode",
     .type = AERO_CONFIG_BOOL,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "yes",
     .help = "While no password is set, refuse clients that do not come from this machine."},
    {.name = "requirepass",
     .type = AERO_CONFIG_STRING,
     .flags = AERO_CONFIG_RELOADABLE | AERO_CONFIG_SECRET,
     .default_text = "",
     .help = "The password that clients must give with AUTH or HELLO. Empty: none."},
    {.name = "maxclients",
     .type = AERO_CONFIG_INTEGER,
     .default_text = "10000",
     .min_text = "1",
     .max_text = "100000",
     .help = "Connections of clients at a time. One above it is told so and closed."},
    {.name = "timeout",
     .type = AERO_CONFIG_DURATION,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "0s",
     .max_text = "365d",
     .help = "Close a client that has said nothing for this long. 0s: never."},
    {.name = "tcp_keepalive",
     .type = AERO_CONFIG_DURATION,
     .default_text = "300s",
     .max_text = "24h",
     .help = "Ask a silent TCP client whether it is still there after this long. 0s: never."},
    {.name = "tcp_backlog",
     .type = AERO_CONFIG_INTEGER,
     .default_text = "511",
     .min_text = "1",
     .max_text = "65535",
     .help = "Connections that may wait to be accepted. The kernel caps it at net.core.somaxconn."},
    {.name = "proto_max_bulk_len",
     .type = AERO_CONFIG_BYTES,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "16mb",
     .min_text = "1kb",
     .max_text = "31mb",
     .help = "The largest single argument of a command; a larger one gets an error. One commit is "
             "one WAL record of at most 32mb, so a value cannot be larger than that."},
    {.name = "client_query_buffer_limit",
     .type = AERO_CONFIG_BYTES,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "64mb",
     .min_text = "1mb",
     .max_text = "1gb",
     .help =
         "Bytes of one request that a client may have in memory, complete or not; of the queued "
         "commands of a MULTI, too. A larger request gets an error."},
    {.name = "client_output_buffer_limit",
     .type = AERO_CONFIG_BYTES,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "256mb",
     .min_text = "1mb",
     .max_text = "4gb",
     .help = "Bytes of replies that may wait for a client that does not read them. A client above "
             "it is closed."},
    {.name = "maxmemory",
     .type = AERO_CONFIG_BYTES,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "0",
     .help = "Memory for data. Above it, commands that may add data get an OOM error; nothing is "
             "evicted. 0: no limit."},

    /* Replication. */
    {.name = "replication_bind",
     .type = AERO_CONFIG_STRING,
     .default_text = "127.0.0.1",
     .help = "Addresses to listen on for replicas, as in bind."},
    {.name = "replication_port",
     .type = AERO_CONFIG_PORT,
     .default_text = "0",
     .min_text = "0",
     .help = "TCP port for replicas, over TLS 1.3 with certificates on both sides. 0: no "
             "replicas. A replica listens on none."},
    {.name = "certs_dir",
     .type = AERO_CONFIG_STRING,
     .default_text = "",
     .help = "Directory of ca.crt, node.crt and node.key, and of crl.pem where certificates are "
             "revoked. Required for replication. The files are read again at a reload and when "
             "they change; bad new ones are reported and the old ones stay in use. For "
             "development: aeroctl certs init DIR --node NAME..."},
    {.name = "allowed_nodes",
     .type = AERO_CONFIG_STRING,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "*",
     .help = "Names of nodes, as in their certificates, that may take part in replication, "
             "separated by blanks. *: every node whose certificate the CA signed. Empty: none."},
    {.name = "max_replicas",
     .type = AERO_CONFIG_INTEGER,
     .default_text = "16",
     .min_text = "1",
     .max_text = "32",
     .help = "Connections of replicas at a time."},
    {.name = "window_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "16mb",
     .min_text = "1mb",
     .max_text = "1gb",
     .help = "Bytes that a replica lets its primary send ahead of what it has made durable."},
    {.name = "heartbeat",
     .type = AERO_CONFIG_DURATION,
     .default_text = "1s",
     .min_text = "10ms",
     .max_text = "60s",
     .help = "How often the ends of a link say that they are there, and how far their logs are "
             "durable."},
    {.name = "link_silence",
     .type = AERO_CONFIG_DURATION,
     .default_text = "10s",
     .min_text = "100ms",
     .max_text = "10m",
     .help = "A link without a byte for this long is closed and dialled again."},
    {.name = "tail_streaming",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: ship and apply records of the segment that is being written. Off: "
             "whole sealed segments only."},

    {.name = "ship_groups",
     .type = AERO_CONFIG_INTEGER,
     .default_text = "16",
     .min_text = "1",
     .max_text = "1024",
     .help = "Optimisation: groups of commits that make one shipment to replicas while writes go "
             "on. What has gathered leaves earlier when it fills a chunk or the log falls idle. "
             "1: every group leaves by itself."},

    /* The log and its optimisations. Data is the same whatever is set here. */
    {.name = "segment_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "64mb",
     .min_text = "1mb",
     .max_text = "1gb",
     .help = "Size at which a WAL segment is sealed and the next one begun. Bounds the largest "
             "commit, too."},
    {.name = "queue_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "64mb",
     .min_text = "1mb",
     .max_text = "1gb",
     .help = "Bytes of commits that may be on their way to the disk; clients wait beyond that."},
    {.name = "group_commit",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: commits that arrived together share one sync."},
    {.name = "wal_batching",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: the commits of a group share one write."},
    {.name = "overlapped_sync",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: two groups on their way to the disk at a time, acknowledged in order."},
    {.name = "wal_recycle",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: WAL segments are zero-filled ahead of use, and reused."},
    {.name = "read_fast_path",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: a read of keys that no commit in flight touched is answered at once. "
             "Off: it waits for all that is in flight."},
    {.name = "on_fsync_failure",
     .type = AERO_CONFIG_CHOICE,
     .default_text = "refuse",
     .choices = fsync_failures,
     .help = "After a failed sync nothing of the WAL is trusted until a restart. refuse: serve "
             "reads, refuse writes and say why. exit: end the process."},

    /* Checkpoints. */
    {.name = "checkpoint_wal_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "1gb",
     .help = "Take a snapshot after this much WAL since the last one. 0: only by command."},
    {.name = "checkpoint_pipelining",
     .type = AERO_CONFIG_BOOL,
     .default_text = "yes",
     .help = "Optimisation: commits go on while a checkpoint runs. Off: they wait until it has "
             "ended."},
    {.name = "snapshots_kept",
     .type = AERO_CONFIG_INTEGER,
     .default_text = "2",
     .min_text = "2",
     .max_text = "7",
     .help = "Snapshots to keep. The older ones, with the WAL behind them, are the way out when "
             "the newest is damaged."},
    {.name = "retention_cap_bytes",
     .type = AERO_CONFIG_BYTES,
     .default_text = "16gb",
     .min_text = "64mb",
     .help = "WAL kept for replicas that are behind, at most. A replica that falls further behind "
             "needs a snapshot."},

    /* After a start. */
    {.name = "open_writes_after_cut",
     .type = AERO_CONFIG_BOOL,
     .default_text = "no",
     .help = "Take writes at once after a start that cut bytes off the WAL while replicas are "
             "known. Risk: if what was cut had been acknowledged after all, and a replica has it, "
             "new writes take its place. No: wait for a replica to shake hands, or for aeroctl "
             "open-writes. A loss that is certain, since a replica acknowledged more, closes "
             "writes either way."},

    {.name = "expiry_jump_max",
     .type = AERO_CONFIG_DURATION,
     .default_text = "7d",
     .max_text = "3650d",
     .help = "When the clock is further than this ahead of the last commit at a start, nothing "
             "expires until an operator has confirmed the clock (aeroctl confirm-clock). 0s: "
             "never wait."},

    /* Messages. */
    {.name = "log_format",
     .type = AERO_CONFIG_CHOICE,
     .default_text = "keyvalue",
     .choices = log_formats,
     .help = "Form of the log on standard error, one line an event."},
    {.name = "log_level",
     .type = AERO_CONFIG_CHOICE,
     .flags = AERO_CONFIG_RELOADABLE,
     .default_text = "info",
     .choices = log_levels,
     .help = "The least important events that are logged."},

    /* Replicas only. */
    {.name = "primary",
     .type = AERO_CONFIG_STRING,
     .default_text = "",
     .help = "HOST:PORT of the primary, its replication port. Required on a replica."},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])
#define REPLICA_ONLY_COUNT 1

const struct aero_config_table *aero_config_keys_primary(void)
{
    static const struct aero_config_table table = {.keys = keys,
                                                   .count = KEY_COUNT - REPLICA_ONLY_COUNT};
    return &table;
}

const struct aero_config_table *aero_config_keys_replica(void)
{
    static const struct aero_config_table table = {.keys = keys, .count = KEY_COUNT};
    return &table;
}

enum aero_log_format aero_config_log_format(const struct aero_config *config)
{
    static const enum aero_log_format formats[] = {AERO_LOG_KEY_VALUE, AERO_LOG_JSON};
    return formats[aero_config_choice(config, "log_format")];
}

enum aero_log_level aero_config_log_level(const struct aero_config *config)
{
    static const enum aero_log_level levels[] = {AERO_LOG_DEBUG, AERO_LOG_INFO, AERO_LOG_WARN,
                                                 AERO_LOG_ERROR};
    return levels[aero_config_choice(config, "log_level")];
}

enum aero_on_fsync_failure aero_config_on_fsync_failure(const struct aero_config *config)
{
    return (enum aero_on_fsync_failure)aero_config_choice(config, "on_fsync_failure");
}

unsigned aero_config_unixsocket_mode(const struct aero_config *config)
{
    static const unsigned modes[] = {0600, 0660, 0666};
    return modes[aero_config_choice(config, "unixsocket_mode")];
}

size_t aero_config_words(const char *list, size_t limit, char (*out_words)[AERO_CONFIG_WORD_MAX])
{
    size_t count = 0;
    for (const char *at = list + strspn(list, " \t,"); *at != '\0'; at += strspn(at, " \t,")) {
        size_t length = strcspn(at, " \t,");
        if (count == limit || length >= AERO_CONFIG_WORD_MAX) {
            return SIZE_MAX;
        }
        memcpy(out_words[count], at, length);
        out_words[count][length] = '\0';
        count++;
        at += length;
    }
    return count;
}

bool aero_config_allowed_nodes(const struct aero_config *config,
                               struct aero_allowed_nodes *out_allowed)
{
    size_t count = aero_config_words(aero_config_string(config, "allowed_nodes"), AERO_ALLOWED_MAX,
                                     out_allowed->names);
    if (count == SIZE_MAX) {
        return false;
    }
    out_allowed->count = count;
    out_allowed->any = false;
    out_allowed->any = aero_allowed_nodes_has(out_allowed, "*");
    return true;
}

bool aero_allowed_nodes_has(const struct aero_allowed_nodes *allowed, const char *name)
{
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcmp(allowed->names[i], name) == 0) {
            return true;
        }
    }
    return allowed->any;
}

bool aero_config_host_port(const char *text, struct aero_host_port *out_place)
{
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || !aero_text_to_integer(colon + 1, &port) || port == 0 ||
        port > UINT16_MAX) {
        return false;
    }
    size_t length = (size_t)(colon - text);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    }
    bool has_colon = memchr(text, ':', length) != NULL;
    bool stray_bracket = strcspn(text, "[]") < length;
    if (length == 0 || length >= sizeof out_place->host || has_colon != bracketed ||
        stray_bracket) {
        return false;
    }
    memcpy(out_place->host, text, length);
    out_place->host[length] = '\0';
    out_place->port = (uint16_t)port;
    return true;
}
