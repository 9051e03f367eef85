/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration of a daemon: a table of keys with types, bounds and help; values from a file and
 * from the command line.
 *
 * A daemon declares one constant table and reads values through typed getters. The commented
 * default file, the documentation of keys and every error message come from the same table, so
 * they cannot disagree.
 *
 *     static const struct aero_config_key keys[] = {
 *         {.name = "port", .type = AERO_CONFIG_PORT, .default_text = "7000",
 *          .help = "TCP port for clients."},
 *         {.name = "segment_bytes", .type = AERO_CONFIG_BYTES, .default_text = "64mb",
 *          .min_text = "1mb", .max_text = "1gb", .help = "Size of a WAL segment."},
 *     };
 *     static const struct aero_config_table table = {.keys = keys, .count = 2};
 *
 * The file: lines `key = value`; blank lines; comments, which start with # or ; and have a line
 * of their own. There are no sections, no quotes and no continuation lines. A key may stand
 * once. Values lose the blanks around them.
 *
 * Text of values:
 *
 *     string    what stands there, possibly nothing; no control characters
 *     bool      yes no true false on off
 *     integer   decimal digits
 *     bytes     digits and a unit: none or b, kb = kib = 1024 bytes, mb gb tb in steps of 1024
 *     duration  digits and a unit, which is required: ns us ms s m h d
 *     port      1 to 65535, and 0 if .min_text says "0"
 *     choice    one of the names in .choices
 *
 * Nothing here reads a clock or a file, except aero_config_load_file and what stands beside it (config_posix.c). */
#ifndef AERO_BASE_CONFIG_H
#define AERO_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"
#include "base/status.h"

#define AERO_CONFIG_LINE_MAX_BYTES 1024
#define AERO_CONFIG_FILE_MAX_BYTES (1024 * 1024)

enum aero_config_type {
    AERO_CONFIG_STRING,
    AERO_CONFIG_BOOL,
    AERO_CONFIG_INTEGER,
    AERO_CONFIG_BYTES,
    AERO_CONFIG_DURATION,
    AERO_CONFIG_PORT,
    AERO_CONFIG_CHOICE,
};

enum aero_config_flags {
    AERO_CONFIG_RELOADABLE = 1, /* may change while the daemon runs: SIGHUP, CONFIG SET */
    AERO_CONFIG_SECRET = 2,     /* a string that no log, error or listing shows */
};

struct aero_config_key {
    const char *name; /* [a-z0-9_] */
    enum aero_config_type type;
    unsigned flags;
    const char *default_text; /* the default, as text; required, "" for an empty string */
    const char *min_text;     /* inclusive bounds, as text of the same type; NULL is no bound */
    const char *max_text;
    const char *const *choices; /* ends with NULL; for AERO_CONFIG_CHOICE */
    const char *help;           /* sentences, on one line; printed wrapped */
};

struct aero_config_table {
    const struct aero_config_key *keys;
    size_t count;
};

/* Why a value was refused, in a sentence that names where it stands, the key, the value (not of
 * a secret) and what is allowed: "primary.conf:12: port = 99999 is out of range; allowed: 1 to
 * 65535". Printable ASCII. */
struct aero_config_error {
    char text[512];
};

/* Asserts that the table is right: defaults within bounds, names well formed and unique. */
struct aero_config *aero_config_new(const struct aero_config_table *table);
/* Every value, and where it came from. */
struct aero_config *aero_config_copy(const struct aero_config *config);
void aero_config_free(struct aero_config *config);

/* Sets one key, over what earlier calls set. `origin` says where it came from in errors, "--set"
 * for example.
 *   Errors: INVALID: unknown key, malformed value, out of range; the configuration is as before. */
aero_status aero_config_set(struct aero_config *config, const char *origin, const char *name,
                            const char *value, struct aero_config_error *out_error);
/* "key=value", as after --set. Errors: as aero_config_set, and without a '='. */
aero_status aero_config_set_pair(struct aero_config *config, const char *origin, const char *pair,
                                 struct aero_config_error *out_error);
/* As aero_config_set, while the daemon runs. Errors: also INVALID: the key is not reloadable. */
aero_status aero_config_set_running(struct aero_config *config, const char *origin,
                                    const char *name, const char *value,
                                    struct aero_config_error *out_error);

/* Sets what the text of a configuration file says. `file` is its name in errors.
 *   Errors: INVALID, at the first bad line: the configuration is then good for nothing but being
 *           freed. */
aero_status aero_config_parse(struct aero_config *config, const char *file, struct aero_slice text,
                              struct aero_config_error *out_error);
/* The same for a file by path. Errors: also NOT_FOUND, PERMISSION, IO; LIMIT: above
 * AERO_CONFIG_FILE_MAX_BYTES. */
aero_status aero_config_load_file(struct aero_config *config, const char *path,
                                  struct aero_config_error *out_error);
/* Whether a file that was loaded can be loaded again. Errors: INVALID: it is a pipe. */
aero_status aero_config_check_lasting(const char *path, struct aero_config_error *out_error);

/* Values. The name must be in the table with that type: anything else is our mistake and
 * crashes. */
const char *aero_config_string(const struct aero_config *config, const char *name);
bool aero_config_bool(const struct aero_config *config, const char *name);
uint64_t aero_config_integer(const struct aero_config *config, const char *name);
uint64_t aero_config_bytes(const struct aero_config *config, const char *name);
uint64_t aero_config_duration_ns(const struct aero_config *config, const char *name);
uint16_t aero_config_port(const struct aero_config *config, const char *name);
/* The index in .choices. */
unsigned aero_config_choice(const struct aero_config *config, const char *name);
/* True once anything but the default set it. */
bool aero_config_is_set(const struct aero_config *config, const char *name);

/* By position in the table, for listings such as CONFIG GET. The text is as it was given;
 * "(hidden)" for a secret that is not empty. Borrowed until the value changes. */
const struct aero_config_table *aero_config_table(const struct aero_config *config);
const char *aero_config_shown(const struct aero_config *config, size_t key_index);
/* The key's position, or table->count if there is none of that name. */
size_t aero_config_find(const struct aero_config_table *table, const char *name);

/* A reload: parse into a new object, then ask what differs from the running one. Writes the
 * positions of keys whose values differ (10s and 10000ms do not), in table order, to
 * out_key_indexes, which has room for table->count; returns how many. Both objects are of the
 * same table. */
size_t aero_config_diff(const struct aero_config *running, const struct aero_config *fresh,
                        size_t *out_key_indexes);
/* Takes over the reloadable values of `fresh`; the others stay as they are. */
void aero_config_adopt(struct aero_config *running, const struct aero_config *fresh);

/* The whole commented default configuration: each key with its help, type, bounds and default,
 * commented out. `title` is the first line. The files in deploy/ are made by this and checked
 * against it. */
void aero_config_print_commented(FILE *out, const char *title,
                                 const struct aero_config_table *table);

#endif
