/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration as the server sees it: limits for sessions, CONFIG GET and CONFIG SET.
 *
 * Redis clients know keys with dashes, sizes as numbers of bytes and times as numbers of seconds:
 * that is how they get them here, and how they may give them. */
#ifndef AERO_HOST_CONFIG_H
#define AERO_HOST_CONFIG_H

#include "base/config.h"
#include "base/log.h"
#include "server/server.h"

struct aero_host_config;

/* Borrows both for its life. The run id is drawn by the caller. */
struct aero_host_config *aero_host_config_new(struct aero_config *config, const char *config_file,
                                              aero_id run_id, struct aero_logger *logger);
void aero_host_config_free(struct aero_host_config *host_config);

/* For aero_server_new. Texts are borrowed from the configuration, to be copied by the server. */
void aero_host_config_server_options(const struct aero_host_config *host_config,
                                     struct aero_server_options *out_options);
struct aero_server_config aero_host_config_port(struct aero_host_config *host_config);
/* Once there is a server: CONFIG SET and reloads change it through this. */
void aero_host_config_attach(struct aero_host_config *host_config, struct aero_server *server);
/* Takes over what may change of `fresh`, logs each change and each that needs a restart, and hands the values to the logger
 * and the attached server. `by`: who changed them, for the log; NULL: the configuration file. */
void aero_host_config_take(struct aero_host_config *host_config, const struct aero_config *fresh,
                           const char *by);

#endif
