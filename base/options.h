/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of the daemons and of aeroctl: one table gives the parsing, --help and the error
 * texts, in the manner of GNU tools (exit status 2 for a usage error).
 *
 *     static const struct aero_option options[] = {
 *         AERO_OPTIONS_DAEMON,
 *         {.name = "init", .help = "Create a new history in an empty directory and serve it."},
 *     };
 *     static const struct aero_program program = {.name = "aerodb-primary", .summary = "...",
 *                                                 .options = options, .option_count = ...};
 *     int main(int argc, char **argv)
 *     {
 *         struct aero_options given;
 *         struct aero_config *config;
 *         int exit_code;
 *         if (!aero_options_parse(&program, argc, argv, stdout, stderr, &given, &exit_code)) {
 *             return exit_code;
 *         }
 *         if (!aero_options_configure(&given, &table, stdout, stderr, &config, &exit_code)) {
 *             return exit_code;
 *         }
 *
 * Called once, from main, before there are threads: getopt_long(3) keeps state of its own. */
#ifndef AERO_BASE_OPTIONS_H
#define AERO_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/config.h"

#define AERO_EXIT_OK 0
#define AERO_EXIT_FAILURE 1 /* the work could not be done */
#define AERO_EXIT_USAGE 2   /* a bad command line or configuration: nothing was begun */

/* A bound on settings given in one command line. */
#define AERO_OPTIONS_SETTINGS_MAX 128
#define AERO_OPTIONS_COUNT_MAX 32

struct aero_option {
    const char *name;       /* "data", for --data */
    const char *argument;   /* "DIR"; NULL if the option takes none */
    const char *config_key; /* the argument is the value of this key; NULL for any other option */
    const char *help;
};

/* --help and --version are in every program; --set and --config only where the table has them. */
struct aero_program {
    const char *name;
    const char *summary;   /* one sentence */
    const char *operands;  /* "COMMAND [ARGUMENT]...", for the usage line; NULL: takes none */
    const char *more_help; /* printed behind the options; NULL is nothing */
    const struct aero_option *options;
    size_t option_count;
};

/* What both daemons take. */
/* clang-format off */
#define AERO_OPTIONS_DAEMON \
    {"config", "FILE", NULL, "Read configuration from FILE."}, \
    {"set", "KEY=VALUE", NULL, "Set one configuration key, over what the file says. May be " \
                               "repeated; the last one wins."}, \
    {"data", "DIR", "data_dir", "Directory of the data."}, \
    {"port", "N", "port", "TCP port for clients."}, \
    {"certs", "DIR", "certs_dir", "Directory of ca.crt, node.crt and node.key."}, \
    {"check-config", NULL, NULL, "Check the configuration and exit."}, \
    {"print-config", NULL, NULL, "Print a commented configuration file with all defaults and exit."}
/* clang-format on */

struct aero_options_setting {
    const char *option; /* its name, for errors */
    const char *key;    /* NULL: the value is KEY=VALUE */
    const char *value;
};

/* Borrows from argv and from the program. */
struct aero_options {
    const struct aero_program *program;
    struct aero_options_setting settings[AERO_OPTIONS_SETTINGS_MAX]; /* in the order given */
    size_t setting_count;
    /* One an option, NULL if not given, "" for a flag. */
    const char *values[AERO_OPTIONS_COUNT_MAX];
    char **operands;
    size_t operand_count;
};

/* Parses. True: go on. False: return *out_exit_code from main; help or version was printed to
 * `out`, or the error and a hint to `err`.
 *   Shape: options may be abbreviated and follow operands; "--" ends them. An option that may
 *          not be repeated and is: the last one counts. */
bool aero_options_parse(const struct aero_program *program, int argc, char **argv, FILE *out,
                        FILE *err, struct aero_options *out_options, int *out_exit_code);

/* The argument of an option by its name (asserted), or NULL if it was not given. */
const char *aero_options_value(const struct aero_options *options, const char *name);
/* True if the option was given. */
bool aero_options_has(const struct aero_options *options, const char *name);

/* The configuration: defaults, then --config, then the settings in order. True: *out_config is
 * the caller's to free. False: return *out_exit_code from main; --print-config printed to `out`,
 * or the error to `err`. --check-config is left to the daemon, which may have more to check. */
bool aero_options_configure(const struct aero_options *options,
                            const struct aero_config_table *table, FILE *out, FILE *err,
                            struct aero_config **out_config, int *out_exit_code);
/* The same without a word printed: for a reload. Errors: as aero_config_load_file, aero_config_check_lasting and
 * aero_config_set. */
aero_status aero_options_reload(const struct aero_options *options,
                                const struct aero_config_table *table,
                                struct aero_config **out_config,
                                struct aero_config_error *out_error);

#endif
