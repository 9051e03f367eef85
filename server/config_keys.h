/* SPDX-License-Identifier: Apache-2.0 */
/* Every configuration key of both daemons, with type, bounds, default and help: the one place that
 * names them.
 *
 * The replica's table is the primary's and a few keys more, so that a replica that was promoted
 * runs as a primary from the file that it has. The .conf files in deploy/ are printed from here
 * (--print-config). */
#ifndef AERO_SERVER_CONFIG_KEYS_H
#define AERO_SERVER_CONFIG_KEYS_H

#include "base/config.h"
#include "base/log.h"

const struct aero_config_table *aero_config_keys_primary(void);
const struct aero_config_table *aero_config_keys_replica(void);

/* Positions in .choices, for aero_config_choice. */
enum aero_on_fsync_failure {
    AERO_FSYNC_FAILURE_REFUSE,
    AERO_FSYNC_FAILURE_EXIT,
};

enum aero_log_format aero_config_log_format(const struct aero_config *config);
enum aero_log_level aero_config_log_level(const struct aero_config *config);
enum aero_on_fsync_failure aero_config_on_fsync_failure(const struct aero_config *config);
/* 0600, 0660 or 0666. */
unsigned aero_config_unixsocket_mode(const struct aero_config *config);

/* The words of a list such as `bind`, separated by blanks or commas. Copies each, with its NUL,
 * into out_words. Returns how many there are, or SIZE_MAX when there are more than `limit` or one
 * does not fit. */
#define AERO_CONFIG_WORD_MAX 256
size_t aero_config_words(const char *list, size_t limit, char (*out_words)[AERO_CONFIG_WORD_MAX]);

/* Names that may take part in replication. An empty list allows nobody. */
#define AERO_ALLOWED_MAX 64
struct aero_allowed_nodes {
    char names[AERO_ALLOWED_MAX][AERO_CONFIG_WORD_MAX];
    size_t count;
    bool any; /* "*": every name that the CA signed */
};

/* Reads allowed_nodes. False: more names than AERO_ALLOWED_MAX. */
bool aero_config_allowed_nodes(const struct aero_config *config,
                               struct aero_allowed_nodes *out_allowed);
bool aero_allowed_nodes_has(const struct aero_allowed_nodes *allowed, const char *name);

/* "db1.example:7379", "192.0.2.1:7379", "[2001:db8::1]:7379". False: not of that form. */
struct aero_host_port {
    char host[AERO_CONFIG_WORD_MAX];
    uint16_t port;
};
bool aero_config_host_port(const char *text, struct aero_host_port *out_place);

#endif
