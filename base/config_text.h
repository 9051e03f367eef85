/* SPDX-License-Identifier: Apache-2.0 */
/* The text of numbers with units, both ways; used by the configuration and by anyone who reads
 * operators' numbers. */
#ifndef AERO_BASE_CONFIG_TEXT_H
#define AERO_BASE_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, nothing else. False: malformed or above UINT64_MAX. */
bool aero_text_to_integer(const char *text, uint64_t *out_value);
/* "64mb", "1 GiB", "512": units of 1024. */
bool aero_text_to_bytes(const char *text, uint64_t *out_bytes);
/* "250ms", "10s", "1h": the unit is required, except for a plain 0. */
bool aero_text_to_duration_ns(const char *text, uint64_t *out_duration_ns);
/* yes no true false on off, any case. */
bool aero_text_to_bool(const char *text, bool *out_value);

#endif
