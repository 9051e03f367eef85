/* SPDX-License-Identifier: Apache-2.0 */
/* aerodb-primary: recovers, begins an incarnation of its own, serves.
 *
 * Crash points: a kill before the incarnation is durable leaves the directory
 * as recovery made it; behind that, the new incarnation holds no record yet.
 * Either way the next start does the same again. */
#include <unistd.h>

#include "host/loop.h"
#include "host/start.h"
#include "primary/host_core.h"
#include "primary/host_link.h"
#include "primary/primary.h"
#include "server/config_keys.h"

#define NS_PER_MS 1000000U

static const struct aero_option options[] = {
    AERO_OPTIONS_DAEMON,
    {.name = "replication-port",
     .argument = "N",
     .config_key = "replication_port",
     .help = "TCP port for replicas."},
    {.name = "init",
     .help = "Create a new history in an empty directory and serve it. Refuses "
             "where data exists."},
};

static const struct aero_program program = {
    .name = "aerodb-primary",
    .summary = "Serve writes and reads over the Redis protocol, each write durable before its "
               "reply, and ship the WAL to replicas.",
    .more_help = AERO_HOST_EXIT_CODES_HELP,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

/* From what recovery found to a core that may serve. */
static struct aero_primary *begin(struct aero_host_start *start, struct aero_recovered *recovered,
                                  const struct aero_recovery_report *report)
{
    struct aero_primary_options core_options = {
        .server_config = aero_host_config_port(start->host_config),
        .read_fast_path = aero_config_bool(start->config, "read_fast_path"),
        .expiry_jump_max_ms = aero_config_duration_ns(start->config, "expiry_jump_max") / NS_PER_MS,
        .open_writes_after_cut = aero_config_bool(start->config, "open_writes_after_cut"),
    };
    aero_host_start_wal_options(start, &core_options.wal);
    aero_host_start_checkpoint_options(start, &core_options.checkpoint);
    aero_host_config_server_options(start->host_config, &core_options.server);
    aero_status status = aero_primary_begin_incarnation(
        start->port, recovered, report, core_options.open_writes_after_cut, aero_host_new_id());
    if (!aero_is_ok(status)) {
        aero_log_event(&start->logger, AERO_LOG_FATAL, "incarnation_not_begun",
                       AERO_LOG_STATUS("error", status),
                       AERO_LOG_STR("advice", "the manifest could not be written: check the disk"));
        return NULL;
    }
    struct aero_primary *primary =
        aero_primary_new(&core_options, recovered, aero_host_new_id(), &start->logger);
    aero_host_config_attach(start->host_config, aero_primary_server(primary));
    return primary;
}

/* All that listens: clients' sockets and, unless replication is off, the replicas'. */
struct sockets {
    struct aero_host *host;
    struct aero_primary_link *link;
};

/* Nobody is accepted yet. False: logged. */
static bool listen_all(struct aero_host_start *start, struct sockets *sockets)
{
    struct aero_host_options host_options = aero_host_start_host_options(start);
    host_options.errands = true;
    if (!aero_is_ok(aero_host_new(&host_options, &sockets->host))) {
        return false;
    }
    if (aero_config_port(start->config, "replication_port") == 0) {
        aero_log_event(&start->logger, AERO_LOG_INFO, "replication_off",
                       AERO_LOG_STR("reason", "replication_port is 0"));
        return true;
    }
    return aero_is_ok(aero_primary_link_new(
        &(struct aero_primary_link_options){
            .config = start->config,
            .logger = &start->logger,
            .disk = start->port,
            .loop_wake = aero_host_wake(sockets->host),
        },
        &sockets->link));
}

static int serve(struct aero_host_start *start, struct sockets *sockets,
                 struct aero_recovered *recovered, const struct aero_recovery_report *report)
{
    int exit_code = AERO_EXIT_FAILURE;
    struct aero_primary *primary = begin(start, recovered, report);
    if (primary == NULL) {
        goto out;
    }
    if (!aero_primary_link_start(sockets->link, primary)) {
        goto out;
    }
    const struct aero_host_core core = aero_primary_core_port(primary);
    const struct aero_host_link link_port = aero_primary_link_port(sockets->link);
    enum aero_host_end end = aero_host_run(sockets->host, &core, &link_port, start->port);
    /* uncovered: it would leave no profile; net.faults shows it */
    if (end == AERO_HOST_ABRUPT) {
        _exit(AERO_EXIT_FAILURE);
    }
    exit_code = end == AERO_HOST_STOPPED ? AERO_EXIT_OK : AERO_EXIT_FAILURE;

out:
    aero_primary_link_free(sockets->link);
    sockets->link = NULL;
    aero_primary_free(primary);
    return exit_code;
}

static void explain_empty(struct aero_host_start *start)
{
    aero_log_event(&start->logger, AERO_LOG_FATAL, "data_refused",
                   AERO_LOG_STR("data_dir", aero_config_string(start->config, "data_dir")),
                   AERO_LOG_STR("reason", "the directory holds no data"),
                   AERO_LOG_STR("advice", "--init creates a new history in it; if there "
                                          "should be data, look for the right directory"));
}

/* A history is begun once, so not before it can be served; one that is there is recovered first, and clients that dial
 * meanwhile are refused instead of kept waiting. */
static int run(struct aero_host_start *start)
{
    int exit_code = AERO_EXIT_FAILURE;
    bool init = aero_options_has(start->command_line, "init");
    bool is_empty = false;
    struct sockets sockets = {NULL, NULL};
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    if (!aero_host_start_open(start, init, &exit_code)) {
        return exit_code;
    }
    if (init && !(listen_all(start, &sockets) &&
                  aero_host_start_create(start, AERO_ROLE_PRIMARY, &exit_code))) {
        goto out;
    }
    if (!aero_host_start_recover(start, AERO_ROLE_PRIMARY, &recovered, &report, &is_empty,
                                 &exit_code)) {
        if (is_empty) {
            explain_empty(start);
        }
        goto out;
    }
    exit_code = AERO_EXIT_FAILURE;
    if (init || listen_all(start, &sockets)) {
        exit_code = serve(start, &sockets, &recovered, &report);
    }
    aero_recovered_deinit(&recovered);

out:
    aero_primary_link_free(sockets.link);
    aero_host_free(sockets.host);
    return exit_code;
}

int main(int argc, char **argv)
{
    return aero_host_main(&program, aero_config_keys_primary(), argc, argv, run);
}
