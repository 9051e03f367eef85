/* SPDX-License-Identifier: Apache-2.0 */
/* A small blocking client of a node's client port: connect, authenticate, one command, one reply.
 *
 * Every step has the same time limit, so that a node that hangs is reported as one that does not answer. */
#ifndef AERO_CTL_CLIENT_H
#define AERO_CTL_CLIENT_H

#include "ctl/ctl.h"
#include "ctl/reply.h"

/* What every command that talks to a node takes; CALL: without its address. */
/* clang-format off */
#define AERO_CTL_OPTIONS_CALL \
    {"password", "TEXT", NULL, "The node's password. Others on this machine may see it; better: " \
                               "the environment variable AEROCTL_PASSWORD."}, \
    {"timeout", "TIME", NULL, "How long to wait for an answer, with its unit. Default: 5s."}, \
    {"json", NULL, NULL, "Print JSON."}
#define AERO_CTL_OPTIONS_NODE \
    {"host", "HOST", NULL, "The node's address for clients. Default: 127.0.0.1."}, \
    {"port", "N", NULL, "The node's port for clients. Default: 6379."}, \
    {"socket", "PATH", NULL, "The node's Unix socket, instead of host and port."}, \
    AERO_CTL_OPTIONS_CALL
/* clang-format on */

struct aero_ctl_target {
    char host[256];
    char port[8];
    const char *socket_path; /* NULL: TCP */
    const char *password;    /* NULL: none */
    int timeout_ms;
};

/* From the options above; complains and returns false when one makes no sense. */
bool aero_ctl_target_parse_call(const struct aero_ctl *ctl, const struct aero_options *options,
                                struct aero_ctl_target *out_target);
bool aero_ctl_target_parse(const struct aero_ctl *ctl, const struct aero_options *options,
                           struct aero_ctl_target *out_target);
/* "HOST:PORT" or "[ADDRESS]:PORT" over the host and port in the target; false: it is not one. */
bool aero_ctl_target_set(const char *text, struct aero_ctl_target *target);

/* Sends one command of `words` and takes its reply's bytes into `buffer`, which the reply borrows from.
 *   Errors: *out_exit_code is what the command returns: UNREACHABLE or FAILURE; the reason was complained about. An error
 *           reply is a reply. */
bool aero_ctl_call(const struct aero_ctl *ctl, const char *command,
                   const struct aero_ctl_target *target, const char *const *words,
                   size_t word_count, struct aero_buffer *buffer, struct aero_ctl_reply *out_reply,
                   int *out_exit_code);
/* The same when the answer is text: an error reply is complained about and false. `line` is the command and its
 * arguments, one blank between them. */
bool aero_ctl_ask(const struct aero_ctl *ctl, const char *command,
                  const struct aero_ctl_target *target, const char *line,
                  struct aero_buffer *buffer, struct aero_slice *out_text, int *out_exit_code);

#endif
