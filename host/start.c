/* SPDX-License-Identifier: Apache-2.0 */
#include "host/start.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "host/certs.h"
#include "host/config_fault.h"
#include "host/notify.h"
#include "server/config_keys.h"

/* Recovery says how far it is this often. */
#define PROGRESS_INTERVAL_NS (UINT64_C(2) * 1000000000U)
/* And asks the service manager for this much time each time. */
#define PROGRESS_EXTEND_S 30

aero_id aero_host_new_id(void)
{
    struct aero_entropy entropy = aero_entropy_posix();
    return entropy.id(entropy.self);
}

static bool check_config(struct aero_host_start *start, int *out_exit_code)
{
    struct aero_host_certs certs = {.logger = NULL};
    const char *directory = aero_config_string(start->config, "certs_dir");
    *out_exit_code = AERO_EXIT_USAGE;
    if (directory[0] != '\0') {
        if (!aero_is_ok(aero_host_certs_open(&certs, directory, &start->logger))) {
            return false;
        }
        aero_host_certs_close(&certs);
    }
    printf("%s: the configuration is valid\n", start->command_line->program->name);
    *out_exit_code = AERO_EXIT_OK;
    return false;
}

static bool refuse_config(const struct aero_host_start *start, const char *fault,
                          int *out_exit_code)
{
    fprintf(stderr, "%s: %s\n", start->command_line->program->name, fault);
    *out_exit_code = AERO_EXIT_USAGE;
    return false;
}

/* Buffers that a burst of large writes made go back to the system when it is over: glibc would raise the threshold to
 * their size and keep them. */
static void return_large_buffers(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 512 << 10);
}

/* Reads the configuration and begins to log. False: *out_exit_code is the end (--check-config too). */
static bool begin(struct aero_host_start *start, const struct aero_options *command_line,
                  const struct aero_config_table *table, int *out_exit_code)
{
    *start = (struct aero_host_start){.command_line = command_line, .table = table};
    return_large_buffers();
    if (!aero_options_configure(command_line, table, stdout, stderr, &start->config,
                                out_exit_code)) {
        return false;
    }
    start->log_target.fd = STDERR_FILENO;
    aero_logger_init(&start->logger, aero_log_sink_fd(&start->log_target), aero_clock_posix(),
                     aero_config_log_format(start->config), aero_config_log_level(start->config));
    const char *fault = aero_config_find_fault(start->config);
    if (fault != NULL) {
        return refuse_config(start, fault, out_exit_code);
    }
    if (aero_options_has(command_line, "check-config")) {
        return check_config(start, out_exit_code);
    }
    const char *file = aero_options_value(command_line, "config");
    start->host_config = aero_host_config_new(start->config, file == NULL ? "" : file,
                                              aero_host_new_id(), &start->logger);
    aero_log_event(&start->logger, AERO_LOG_INFO, "starting",
                   AERO_LOG_STR("program", command_line->program->name),
                   AERO_LOG_STR("version", AERO_VERSION), AERO_LOG_I64("pid", getpid()),
                   AERO_LOG_STR("data_dir", aero_config_string(start->config, "data_dir")));
    return true;
}

/* Accepts one that failed half-way. */
static void end(struct aero_host_start *start)
{
    if (start->disk != NULL) {
        aero_disk_posix_close(start->disk);
    }
    aero_host_config_free(start->host_config);
    aero_config_free(start->config);
}

int aero_host_main(const struct aero_program *program, const struct aero_config_table *table,
                   int argc, char **argv, int (*run)(struct aero_host_start *start))
{
    struct aero_options command_line;
    struct aero_host_start start = {.config = NULL};
    int exit_code = AERO_EXIT_FAILURE;
    if (!aero_options_parse(program, argc, argv, stdout, stderr, &command_line, &exit_code)) {
        return exit_code;
    }
    if (begin(&start, &command_line, table, &exit_code)) {
        exit_code = run(&start);
        aero_log_event(&start.logger, exit_code == AERO_EXIT_OK ? AERO_LOG_INFO : AERO_LOG_FATAL,
                       "stopped", AERO_LOG_I64("exit_code", exit_code));
    }
    end(&start);
    return exit_code;
}

struct aero_host_options aero_host_start_host_options(struct aero_host_start *start)
{
    return (struct aero_host_options){
        .config = start->config,
        .host_config = start->host_config,
        .command_line = start->command_line,
        .table = start->table,
        .logger = &start->logger,
        .clock = aero_clock_posix(),
    };
}

static void log_refused_call(void *self, const char *call, const char *name, aero_status status)
{
    struct aero_host_start *start = self;
    aero_log_event(&start->logger, AERO_LOG_WARN, "disk_call_failed", AERO_LOG_STR("call", call),
                   AERO_LOG_STR("file", name), AERO_LOG_STATUS("error", status));
}

bool aero_host_start_open(struct aero_host_start *start, bool create, int *out_exit_code)
{
    const char *directory = aero_config_string(start->config, "data_dir");
    const char *advice = "see the error: look at the path, at the file lock there, at the disk and "
                         "the limit of open files";
    aero_status status = aero_disk_posix_open(directory, create, &start->disk);
    if (aero_is_ok(status)) {
        start->port = aero_disk_posix_port(start->disk);
        aero_disk_posix_set_witness(
            start->disk, (struct aero_disk_witness){.refused = log_refused_call, .self = start});
        return true;
    }
    *out_exit_code = AERO_EXIT_FAILURE;
    if (status.code == AERO_BUSY) {
        advice = "another process uses it: one directory, one process";
        *out_exit_code = AERO_EXIT_LOCKED;
    } else if (status.code == AERO_NOT_FOUND) {
        advice = create ? "the directory above it does not exist: make that first"
                        : "there is no such directory; a new history is created by aerodb-primary "
                          "--init";
        *out_exit_code = AERO_EXIT_DATA;
    } else if (status.code == AERO_PERMISSION || status.sys_errno == ENOTDIR) {
        advice = "check its path and permissions";
        *out_exit_code = AERO_EXIT_DATA;
    }
    aero_log_event(&start->logger, AERO_LOG_FATAL, "data_dir_refused",
                   AERO_LOG_STR("data_dir", directory), AERO_LOG_STATUS("error", status),
                   AERO_LOG_STR("advice", advice));
    return false;
}

/* A primary believes a replica's name only if its certificate says the same, so that is where it
 * comes from. */
static bool name_node(struct aero_host_start *start, struct aero_manifest *manifest)
{
    char host[256] = "";
    struct aero_host_certs certs = {.logger = NULL};
    const char *directory = aero_config_string(start->config, "certs_dir");
    const char *name = aero_config_string(start->config, "node_name");
    if (name[0] == '\0' && directory[0] != '\0') {
        if (!aero_is_ok(aero_host_certs_open(&certs, directory, &start->logger))) {
            return false;
        }
        name = aero_tls_context_name(certs.context);
    } else if (name[0] == '\0') {
        AERO_ASSERT(gethostname(host, sizeof host - 1) == 0); /* it has room for any */
        name = host;
    }
    snprintf(manifest->node_name, sizeof manifest->node_name, "%s", name);
    aero_host_certs_close(&certs);
    return true;
}

bool aero_host_start_create(struct aero_host_start *start, enum aero_role role, int *out_exit_code)
{
    struct aero_manifest manifest = {
        .node_id = aero_host_new_id(),
        .role = role,
    };
    if (role == AERO_ROLE_PRIMARY) {
        manifest.cluster_id = aero_host_new_id();
        manifest.epoch = (aero_epoch){.value = 1};
    }
    *out_exit_code = AERO_EXIT_FAILURE;
    if (!name_node(start, &manifest)) {
        return false;
    }
    aero_status status = aero_create(start->port, &manifest);
    if (aero_is_ok(status)) {
        aero_log_event(&start->logger, AERO_LOG_INFO, "data_created",
                       AERO_LOG_STR("role", role == AERO_ROLE_PRIMARY ? "primary" : "replica"),
                       AERO_LOG_STR("node", manifest.node_name),
                       AERO_LOG_ID("node_id", manifest.node_id),
                       AERO_LOG_ID("cluster_id", manifest.cluster_id));
    } else {
        const char *advice = "check the directory and the disk";
        if (status.code == AERO_EXISTS) {
            advice = "there is data already: start without --init";
        } else if (status.code == AERO_MISMATCH) {
            advice = "it holds files that are not AeroDB's: give an empty directory";
        }
        aero_log_event(&start->logger, AERO_LOG_FATAL, "data_not_created",
                       AERO_LOG_STR("data_dir", aero_config_string(start->config, "data_dir")),
                       AERO_LOG_STATUS("error", status), AERO_LOG_STR("advice", advice));
        *out_exit_code = status.code == AERO_EXISTS || status.code == AERO_MISMATCH
                             ? AERO_EXIT_DATA
                             : AERO_EXIT_FAILURE;
    }
    aero_manifest_deinit(&manifest);
    return aero_is_ok(status);
}

struct progress {
    struct aero_logger *logger;
    struct aero_clock clock;
    aero_mono_ns told_at;
};

static void tell_progress(void *self, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
    struct progress *progress = self;
    aero_mono_ns now = progress->clock.mono(progress->clock.self);
    if (now.value - progress->told_at.value < PROGRESS_INTERVAL_NS) {
        return;
    }
    progress->told_at = now;
    aero_host_notify_extend(PROGRESS_EXTEND_S);
    aero_host_notify_alive(); /* a replica recovers anew while it runs */
    aero_log_event(progress->logger, AERO_LOG_INFO, "recovering", AERO_LOG_STR("stage", stage),
                   AERO_LOG_U64("done_bytes", done_bytes),
                   AERO_LOG_U64("total_bytes", total_bytes));
}

static const char *refusal_advice(enum aero_role role, aero_status status)
{
    if (status.code == AERO_MISMATCH || status.code == AERO_UNSUPPORTED) {
        return "see the reason; nothing was changed";
    }
    if (status.code != AERO_CORRUPT) {
        return "see the reason, and disk_call_failed before it for the file; nothing is lost by "
               "what this start began: the next one does it anew";
    }
    return role == AERO_ROLE_PRIMARY
               ? "'aeroctl verify DIR' lists what is wrong; 'aeroctl salvage --primary-dir DIR "
                 "--replica-dir DIR' brings it back from a replica's directory"
               : "'aeroctl verify DIR' lists what is wrong; if the primary is sound, move this "
                 "directory away and start on an empty one";
}

static void log_refusal(struct aero_host_start *start, enum aero_role role, aero_status status,
                        const struct aero_recovery_report *report)
{
    aero_log_event(&start->logger, AERO_LOG_FATAL, "data_refused", AERO_LOG_STATUS("error", status),
                   AERO_LOG_STR("reason", report->text), AERO_LOG_STR("file", report->file),
                   AERO_LOG_U64("offset_bytes", report->offset), AERO_LOG_LSN("lsn", report->lsn),
                   AERO_LOG_LSN("proven_through_lsn", report->proven_through),
                   AERO_LOG_STR("evidence", report->evidence),
                   AERO_LOG_STR("advice", refusal_advice(role, status)));
}

/* Nothing is lost, and something has to be done before anything else breaks (decision 12). */
static void log_damaged(struct aero_host_start *start, enum aero_role role,
                        const struct aero_recovery_report *report)
{
    for (size_t i = 0; i < report->damaged_count; i++) {
        const struct aero_damaged_segment *damaged = &report->damaged[i];
        aero_log_event(
            &start->logger, AERO_LOG_ERROR, "segment_damaged", AERO_LOG_STR("file", damaged->file),
            AERO_LOG_U64("offset_bytes", damaged->offset), AERO_LOG_LSN("lsn", damaged->lsn),
            AERO_LOG_STR("reason", "damaged below the snapshot that was loaded: this "
                                   "start did without it, an older snapshot cannot"),
            AERO_LOG_STR("advice", refusal_advice(role, aero_error(AERO_CORRUPT))));
    }
}

static void log_recovered(struct aero_host_start *start, const struct aero_recovered *recovered,
                          const struct aero_recovery_report *report, uint64_t took_ns)
{
    log_damaged(start, recovered->manifest.role, report);
    if (report->verdict == AERO_VERDICT_TORN_TAIL) {
        aero_log_event(
            &start->logger, AERO_LOG_WARN, "tail_cut", AERO_LOG_STR("file", report->file),
            AERO_LOG_U64("offset_bytes", report->offset),
            AERO_LOG_U64("cut_bytes", report->cut_bytes),
            AERO_LOG_STR("quarantine", report->quarantine), AERO_LOG_STR("reason", report->text));
    }
    if (report->older_snapshot_used) {
        aero_log_event(&start->logger, AERO_LOG_WARN, "older_snapshot_used",
                       AERO_LOG_STR("reason", "the newest one is damaged"));
    }
    if (report->manifest_slot_rewritten) {
        aero_log_event(&start->logger, AERO_LOG_WARN, "manifest_slot_rewritten",
                       AERO_LOG_STR("reason", "one of the two was not readable"));
    }
    aero_log_event(&start->logger, AERO_LOG_INFO, "recovered",
                   AERO_LOG_LSN("lsn", recovered->end.lsn),
                   AERO_LOG_HEX("chain", recovered->end.chain),
                   AERO_LOG_U64("epoch", recovered->manifest.epoch.value),
                   AERO_LOG_STR("node", recovered->manifest.node_name),
                   AERO_LOG_U64("replayed_records", recovered->replayed_records),
                   AERO_LOG_U64("replayed_bytes", recovered->replayed_bytes),
                   AERO_LOG_U64("took_ms", took_ns / 1000000U));
}

/* Before recovery, which mends what it finds: a daemon of the other role changes nothing. What cannot be read here is
 * recovery's to refuse. False: logged. */
static bool check_role(struct aero_host_start *start, enum aero_role role)
{
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    if (!aero_is_ok(aero_manifest_read(start->port, &manifest, &found))) {
        return true;
    }
    bool fits = manifest.role == role;
    aero_manifest_deinit(&manifest);
    if (fits) {
        return true;
    }
    aero_log_event(&start->logger, AERO_LOG_FATAL, "data_refused",
                   AERO_LOG_STR("reason", role == AERO_ROLE_PRIMARY
                                              ? "this directory belongs to a replica"
                                              : "this directory belongs to a primary"),
                   AERO_LOG_STR("advice", role == AERO_ROLE_PRIMARY
                                              ? "start it with aerodb-replica"
                                              : "start it with aerodb-primary; a replica begins "
                                                "in an empty directory"));
    return false;
}

bool aero_host_start_recover(struct aero_host_start *start, enum aero_role role,
                             struct aero_recovered *out_recovered,
                             struct aero_recovery_report *out_report, bool *out_is_empty,
                             int *out_exit_code)
{
    struct progress progress = {.logger = &start->logger, .clock = aero_clock_posix()};
    aero_mono_ns began = progress.clock.mono(progress.clock.self);
    const struct aero_recovery_progress port = {.report = tell_progress, .self = &progress};
    progress.told_at = began;
    *out_report = (struct aero_recovery_report){.evidence = NULL};
    *out_is_empty = false;
    if (!check_role(start, role)) {
        *out_exit_code = AERO_EXIT_DATA;
        return false;
    }
    aero_status status = aero_recover(start->port, &port, out_recovered, out_report);
    *out_is_empty = status.code == AERO_NOT_FOUND;
    if (*out_is_empty) {
        *out_exit_code = AERO_EXIT_DATA;
        return false;
    }
    if (!aero_is_ok(status)) {
        log_refusal(start, role, status, out_report);
        *out_exit_code = status.code == AERO_CORRUPT || status.code == AERO_MISMATCH
                             ? AERO_EXIT_DATA
                             : AERO_EXIT_FAILURE;
        return false;
    }
    log_recovered(start, out_recovered, out_report,
                  progress.clock.mono(progress.clock.self).value - began.value);
    return true;
}

void aero_host_start_wal_options(const struct aero_host_start *start,
                                 struct aero_wal_options *out_options)
{
    const struct aero_config *config = start->config;
    *out_options = (struct aero_wal_options){
        .switches = {.group_commit = aero_config_bool(config, "group_commit"),
                     .wal_batching = aero_config_bool(config, "wal_batching"),
                     .overlapped_sync = aero_config_bool(config, "overlapped_sync"),
                     .wal_recycle = aero_config_bool(config, "wal_recycle")},
        .segment_bytes = aero_config_bytes(config, "segment_bytes"),
        .queue_bytes = aero_config_bytes(config, "queue_bytes"),
    };
}

void aero_host_start_checkpoint_options(const struct aero_host_start *start,
                                        struct aero_checkpoint_options *out_options)
{
    const struct aero_config *config = start->config;
    *out_options = (struct aero_checkpoint_options){
        .snapshots_kept = (uint32_t)aero_config_integer(config, "snapshots_kept"),
        .wal_bytes_trigger = aero_config_bytes(config, "checkpoint_wal_bytes"),
        .retention_cap_bytes = aero_config_bytes(config, "retention_cap_bytes"),
        .recycle = aero_config_bool(config, "wal_recycle"),
        .pipelined = aero_config_bool(config, "checkpoint_pipelining"),
    };
}
