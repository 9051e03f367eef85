/* SPDX-License-Identifier: Apache-2.0 */
/* What both daemons do between the command line and the loop: logging, the data directory,
 * recovery, and an exit code with one clear line for whatever stands in the way. */
#ifndef AERO_HOST_START_H
#define AERO_HOST_START_H

#include "base/log.h"
#include "base/options.h"
#include "engine/checkpoint.h"
#include "engine/recovery.h"
#include "engine/wal_writer.h"
#include "host/config.h"
#include "host/loop.h"

/* Beside AERO_EXIT_OK, AERO_EXIT_FAILURE and AERO_EXIT_USAGE. */
#define AERO_EXIT_DATA 4   /* the data directory was refused: empty, damaged, of another role */
#define AERO_EXIT_LOCKED 5 /* another process uses the data directory */

/* For --help of both daemons. */
#define AERO_HOST_EXIT_CODES_HELP                                                          \
    "Exit status: 0 after a clean stop; 1 failure (a port in use, certificates, a limit\n" \
    "of threads, a second signal); 2 bad command line or configuration; 4 data refused:\n" \
    "no data, damage to durable data, a directory of another role; 5 the data directory\n" \
    "is in use by another process.\n"                                                      \
    "Signals: SIGTERM and SIGINT stop cleanly, the second at once; SIGHUP reads\n"         \
    "configuration and certificates again.\n"

struct aero_host_start {
    const struct aero_options *command_line;
    const struct aero_config_table *table;
    struct aero_config *config;
    struct aero_log_fd log_target;
    struct aero_logger logger;
    struct aero_host_config *host_config;
    struct aero_disk_posix *disk;
    struct aero_disk port; /* of disk */
};

/* A daemon's main: reads command line and configuration, begins to log, then calls `run`, whose exit code it says and
 * returns. --help, --check-config and what is wrong with either end it before. */
int aero_host_main(const struct aero_program *program, const struct aero_config_table *table,
                   int argc, char **argv, int (*run)(struct aero_host_start *start));

/* Drawn from the system's entropy. */
aero_id aero_host_new_id(void);

/* For aero_host_new, without errands. */
struct aero_host_options aero_host_start_host_options(struct aero_host_start *start);

/* The data directory, locked. False: logged; *out_exit_code. */
bool aero_host_start_open(struct aero_host_start *start, bool create, int *out_exit_code);

/* Writes the first manifest of an empty directory. False: logged. A primary gets a cluster id of
 * its own. */
bool aero_host_start_create(struct aero_host_start *start, enum aero_role role, int *out_exit_code);

/* Recovers and logs what was found, with progress meanwhile; a directory of another role is refused as it is.
 * *out_is_empty: there is nothing to recover. */
bool aero_host_start_recover(struct aero_host_start *start, enum aero_role role,
                             struct aero_recovered *out_recovered,
                             struct aero_recovery_report *out_report, bool *out_is_empty,
                             int *out_exit_code);

void aero_host_start_wal_options(const struct aero_host_start *start,
                                 struct aero_wal_options *out_options);
void aero_host_start_checkpoint_options(const struct aero_host_start *start,
                                        struct aero_checkpoint_options *out_options);

#endif
