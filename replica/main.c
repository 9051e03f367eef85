/* SPDX-License-Identifier: Apache-2.0 */
/* aerodb-replica: recovers what it holds, follows its primary, serves reads.
 *
 * An empty directory becomes a replica's by its first start, and gets its cluster from the primary
 * that it first follows; after that it follows no other cluster. When the core has swapped its
 * data (a snapshot arrived, a halt was resolved) it is freed and made anew from recovery: what
 * runs is always what a restart would find (FM-8.1). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "replica/host_link.h"
#include "replica/replica.h"
#include "server/config_keys.h"
#include "server/host_loop.h"
#include "server/host_start.h"

static const struct aero_option options[] = {
    AERO_OPTIONS_DAEMON,
    {.name = "primary",
     .argument = "HOST:PORT",
     .config_key = "primary",
     .help = "The primary's replication port."},
};

static const struct aero_program program = {
    .name = "aerodb-replica",
    .summary = "Keep a verified copy of a primary's WAL and serve reads from it.",
    .more_help = AERO_HOST_EXIT_CODES_HELP,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

static void core_tick(void *self, aero_mono_ns mono, aero_wall_ms wall)
{
    aero_replica_tick(self, mono, wall);
}

static void core_end_turn(void *self)
{
    aero_replica_end_turn(self);
}

static bool core_has_idle_work(const void *self)
{
    return aero_replica_has_idle_work(self);
}

static bool core_wants_entropy(const void *self)
{
    return aero_replica_wants_entropy(self);
}

static void core_give_entropy(void *self, aero_id id)
{
    aero_replica_give_entropy(self, id);
}

static bool core_next_request(void *self, struct aero_core_request *out_request)
{
    return aero_replica_next_request(self, out_request);
}

static void core_on_completion(void *self, enum aero_core_owner owner,
                               const struct aero_disk_completion *completion)
{
    aero_replica_on_completion(self, owner, completion);
}

static void core_begin_stop(void *self)
{
    aero_replica_begin_stop(self);
}

static bool core_is_stopped(const void *self)
{
    return aero_replica_is_stopped(self);
}

static bool core_wants_reopen(const void *self)
{
    return aero_replica_wants_reopen(self);
}

static const struct aero_host_core_ops core_ops = {
    .tick = core_tick,
    .end_turn = core_end_turn,
    .has_idle_work = core_has_idle_work,
    .wants_entropy = core_wants_entropy,
    .give_entropy = core_give_entropy,
    .next_request = core_next_request,
    .on_completion = core_on_completion,
    .begin_stop = core_begin_stop,
    .is_stopped = core_is_stopped,
    .wants_reopen = core_wants_reopen,
};

static uint64_t new_seed(void)
{
    uint64_t seed;
    struct aero_entropy entropy = aero_entropy_posix();
    aero_id id = entropy.id(entropy.self);
    memcpy(&seed, id.bytes, sizeof seed);
    return seed;
}

static struct aero_replica *begin(struct aero_host_start *start, struct aero_recovered *recovered)
{
    const struct aero_config *config = start->config;
    struct aero_host_port primary;
    struct aero_replica_options core_options = {
        .server_config = aero_host_config_port(start->host_config),
        .tail_streaming = aero_config_bool(config, "tail_streaming"),
        .window_bytes = aero_config_bytes(config, "window_bytes"),
        .heartbeat_ns = aero_config_duration_ns(config, "heartbeat"),
        .silence_ns = aero_config_duration_ns(config, "link_silence"),
        .seed = new_seed(),
    };
    aero_host_start_wal_options(start, &core_options.wal);
    aero_host_start_checkpoint_options(start, &core_options.checkpoint);
    aero_host_config_server_options(start->host_config, &core_options.server);
    if (aero_config_host_port(aero_config_string(config, "primary"), &primary)) {
        snprintf(core_options.primary_host, sizeof core_options.primary_host, "%s", primary.host);
        core_options.primary_port = primary.port;
    }
    struct aero_replica *replica = aero_replica_new(&core_options, recovered, &start->logger);
    aero_host_config_attach(start->host_config, aero_replica_server(replica));
    return replica;
}

/* Once: the listeners stay from one core to the next. False: logged. */
static bool listen_all(struct aero_host_start *start, struct aero_host **host)
{
    const struct aero_host_options host_options = {
        .config = start->config,
        .host_config = start->host_config,
        .command_line = start->command_line,
        .table = start->table,
        .logger = &start->logger,
    };
    return *host != NULL || aero_is_ok(aero_host_new(&host_options, host));
}

/* The first start makes an empty directory a replica's, unless it cannot serve. False: logged. */
static bool recover(struct aero_host_start *start, struct aero_host **host,
                    struct aero_recovered *out_recovered, int *out_exit_code)
{
    bool is_empty = false;
    struct aero_recovery_report report;
    if (aero_host_start_recover(start, AERO_ROLE_REPLICA, out_recovered, &report, &is_empty,
                                out_exit_code)) {
        return true;
    }
    if (is_empty && !listen_all(start, host)) {
        *out_exit_code = AERO_EXIT_FAILURE;
        return false;
    }
    return is_empty && aero_host_start_create(start, AERO_ROLE_REPLICA, out_exit_code) &&
           aero_host_start_recover(start, AERO_ROLE_REPLICA, out_recovered, &report, &is_empty,
                                   out_exit_code);
}

/* One core, from recovery to its end. *out_reopen: there is another to come. */
static int serve(struct aero_host_start *start, struct aero_host *host,
                 struct aero_recovered *recovered, bool *out_reopen)
{
    int exit_code = AERO_EXIT_FAILURE;
    struct aero_replica_link *link = NULL;
    struct aero_replica *replica = begin(start, recovered);
    const struct aero_replica_link_options link_options = {
        .config = start->config,
        .logger = &start->logger,
        .disk = start->port,
        .replica = replica,
        .base = aero_host_base(host),
        .wake = aero_host_wake(host),
    };
    *out_reopen = false;
    if (!aero_is_ok(aero_replica_link_new(&link_options, &link))) {
        goto out;
    }
    const struct aero_host_core core = {
        .ops = &core_ops, .self = replica, .server = aero_replica_server(replica)};
    const struct aero_host_link link_port = aero_replica_link_port(link);
    enum aero_host_end end = aero_host_run(host, &core, &link_port, start->port);
    if (end == AERO_HOST_ABRUPT) {
        _exit(AERO_EXIT_FAILURE);
    }
    exit_code = AERO_EXIT_OK;
    if (end == AERO_HOST_REOPEN) {
        aero_status status = aero_replica_install(replica, start->port);
        *out_reopen = aero_is_ok(status);
        if (!*out_reopen) {
            aero_log_event(&start->logger, AERO_LOG_FATAL, "snapshot_not_installed",
                           AERO_LOG_STATUS("error", status),
                           AERO_LOG_STR("advice", "check the disk, then start again"));
            exit_code = AERO_EXIT_FAILURE;
        }
    }

out:
    aero_replica_link_free(link);
    aero_host_config_attach(start->host_config, NULL);
    aero_replica_free(replica);
    return exit_code;
}

static int run(struct aero_host_start *start)
{
    int exit_code = AERO_EXIT_FAILURE;
    bool reopen = true;
    struct aero_host *host = NULL;
    if (!aero_host_start_open(start, true, &exit_code)) {
        return exit_code;
    }
    while (reopen) {
        struct aero_recovered recovered;
        if (!recover(start, &host, &recovered, &exit_code)) {
            break;
        }
        if (!listen_all(start, &host)) {
            exit_code = AERO_EXIT_FAILURE;
            aero_recovered_deinit(&recovered);
            break;
        }
        exit_code = serve(start, host, &recovered, &reopen);
        aero_recovered_deinit(&recovered);
    }
    aero_host_free(host);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct aero_options command_line;
    struct aero_host_start start = {.config = NULL};
    int exit_code = AERO_EXIT_FAILURE;
    if (!aero_options_parse(&program, argc, argv, stdout, stderr, &command_line, &exit_code)) {
        return exit_code;
    }
    if (aero_host_start_begin(&start, &command_line, aero_config_keys_replica(), &exit_code)) {
        exit_code = run(&start);
        aero_log_event(&start.logger, exit_code == AERO_EXIT_OK ? AERO_LOG_INFO : AERO_LOG_FATAL,
                       "stopped", AERO_LOG_I64("exit_code", exit_code));
    }
    aero_host_start_end(&start);
    return exit_code;
}
