/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the configuration share with each other and with nobody else. */
#ifndef AERO_BASE_CONFIG_PRIV_H
#define AERO_BASE_CONFIG_PRIV_H

#include "base/config.h"

/* Stands for a secret wherever a value would be shown. */
#define AERO_CONFIG_HIDDEN "(hidden)"

enum aero_config_verdict {
    AERO_CONFIG_VALUE_OK,
    AERO_CONFIG_VALUE_MALFORMED,
    AERO_CONFIG_VALUE_OUT_OF_RANGE,
    AERO_CONFIG_VALUE_TOO_LONG,
};

/* The number that the text means: of a choice its index, of a bool 0 or 1, of a string 0. */
enum aero_config_verdict aero_config_value_check(const struct aero_config_key *key,
                                                 const char *text, uint64_t *out_number);

/* "a port from 1 to 65535", cut to the size if need be. */
void aero_config_value_allowed(const struct aero_config_key *key, char *out_text, size_t size);

void aero_config_error_text(const char *origin, const char *text,
                            struct aero_config_error *out_error);
void aero_config_error_unknown_key(const struct aero_config_table *table, const char *origin,
                                   const char *name, struct aero_config_error *out_error);
void aero_config_error_bad_value(const struct aero_config_key *key, const char *origin,
                                 const char *value, enum aero_config_verdict verdict,
                                 struct aero_config_error *out_error);
void aero_config_error_fixed_key(const struct aero_config_key *key, const char *origin,
                                 struct aero_config_error *out_error);

#endif
