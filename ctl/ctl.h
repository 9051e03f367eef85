/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl: one command, one function, one file.
 *
 * A command gets everything from outside in `struct aero_ctl` (streams, clock, password), so that tests run it in
 * their own process. It prints what it found to `out`, what went wrong to `err`, and returns its exit status. Errors say
 * what, where and what to do.
 *
 * To add a command: a function in a file of its own, a line in the table in command.c, a section in docs/man/aeroctl.1. */
#ifndef AERO_CTL_CTL_H
#define AERO_CTL_CTL_H

#include <stdio.h>

#include "base/options.h"
#include "base/ports.h"

/* Exit statuses, beside those of base/options.h; documented in aeroctl(1), relied on by scripts. */
#define AERO_CTL_EXIT_UNREACHABLE 3 /* no answer from the node */
#define AERO_CTL_EXIT_ATTENTION 4   /* it answers, and waits for an operator: halted, no writes */
#define AERO_CTL_EXIT_DAMAGE 5      /* bytes are not what they were */
#define AERO_CTL_EXIT_DIFFERENT 6   /* two histories or two states */
#define AERO_CTL_EXIT_IN_USE 7      /* a daemon runs on the directory */

struct aero_ctl {
    FILE *out;
    FILE *err;
    bool show_progress;   /* err is a terminal */
    const char *password; /* AEROCTL_PASSWORD of the environment; NULL: none */
    struct aero_clock clock;
};

/* Runs argv[1]... as main would. */
int aero_ctl_run(const struct aero_ctl *ctl, int argc, char **argv);

struct aero_ctl_command {
    const char *words; /* "status", "wal dump" */
    const char *summary;
    /* argv[0] stands for the words; what follows is the command's own. */
    int (*run)(const struct aero_ctl *ctl, int argc, char **argv);
};

int aero_ctl_status(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_replicas(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_reconnect(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_checkpoint(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_open_writes(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_confirm_clock(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_verify(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_compare(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_salvage(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_wal_dump(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_certs_init(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_certs_revoke(const struct aero_ctl *ctl, int argc, char **argv);
int aero_ctl_certs_show(const struct aero_ctl *ctl, int argc, char **argv);

/* "aeroctl verify: TEXT", the text in the manner of printf, and a newline. */
void aero_ctl_complain(const struct aero_ctl *ctl, const char *words, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Parses with the number of operands that the command takes; false: return *out_exit_code. */
bool aero_ctl_parse(const struct aero_ctl *ctl, const struct aero_program *program, int argc,
                    char **argv, size_t operands_min, size_t operands_max,
                    struct aero_options *out_options, int *out_exit_code);
/* "cannot be opened: no such file or directory": the errno of a status where there is one. */
const char *aero_ctl_status_text(aero_status status);

#endif
