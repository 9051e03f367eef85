/* SPDX-License-Identifier: Apache-2.0 */
/* aerodb-replica: recovers what it holds, follows its primary, serves reads.
 *
 * An empty directory becomes a replica's by its first start, and gets its cluster from the primary
 * that it first follows; after that it follows no other cluster. When the core has swapped its
 * data (a snapshot arrived, a halt was resolved) it is freed and made anew from recovery: what
 * runs is always what a restart would find (FM-8.1). */
#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "host/loop.h"
#include "host/start.h"
#include "replica/host_core.h"
#include "replica/host_link.h"
#include "replica/replica.h"
#include "server/config_keys.h"

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

static uint64_t new_seed(void)
{
    uint64_t seed;
    aero_id id = aero_host_new_id();
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
    bool understood = aero_config_host_port(aero_config_string(config, "primary"), &primary);
    AERO_ASSERT(understood); /* checked with the configuration */
    snprintf(core_options.primary_host, sizeof core_options.primary_host, "%s", primary.host);
    core_options.primary_port = primary.port;
    struct aero_replica *replica = aero_replica_new(&core_options, recovered, &start->logger);
    aero_host_config_attach(start->host_config, aero_replica_server(replica));
    return replica;
}

/* Once: the listeners stay from one core to the next. False: logged. */
static bool listen_all(struct aero_host_start *start, struct aero_host **host)
{
    const struct aero_host_options host_options = aero_host_start_host_options(start);
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
        .clock = aero_clock_posix(),
    };
    *out_reopen = false;
    if (!aero_is_ok(aero_replica_link_new(&link_options, &link))) {
        goto out;
    }
    const struct aero_host_core core = aero_replica_core_port(replica);
    const struct aero_host_link link_port = aero_replica_link_port(link);
    enum aero_host_end end = aero_host_run(host, &core, &link_port, start->port);
    /* uncovered: it would leave no profile; net.faults shows it */
    if (end == AERO_HOST_ABRUPT) {
        _exit(AERO_EXIT_FAILURE);
    }
    exit_code = end == AERO_HOST_NOT_BEGUN ? AERO_EXIT_FAILURE : AERO_EXIT_OK;
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
    return aero_host_main(&program, aero_config_keys_replica(), argc, argv, run);
}
