/* SPDX-License-Identifier: Apache-2.0 */
/* Text that clients send and read: numbers as strictly as Redis takes them, patterns, words without case, and
 * formatted text in buffers. Depends on no locale. */
#ifndef AERO_SERVER_TEXT_H
#define AERO_SERVER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A 64-bit integer exactly as it would be printed: no blanks, no plus, no leading zeros (Redis: string2ll). */
bool aero_parse_i64(struct aero_slice text, int64_t *out_value);
bool aero_parse_u64(struct aero_slice text, uint64_t *out_value);
/* A floating-point number with nothing around it; no NaN, and none too large or too near 0 (Redis:
 * getLongDoubleFromObject). */
bool aero_parse_long_double(struct aero_slice text, long double *out_value);
/* As Redis prints the result of INCRBYFLOAT: 17 digits behind the point, without trailing zeros. */
#define AERO_LONG_DOUBLE_TEXT 5120
size_t aero_format_long_double(long double value, char out_text[AERO_LONG_DOUBLE_TEXT]);

/* `word` is lower case. */
bool aero_text_is(struct aero_slice text, const char *word);
/* Lower case into out_text, with a NUL; false when it does not fit. */
bool aero_text_lower(struct aero_slice text, char *out_text, size_t capacity);
/* In place; returns text. */
char *aero_text_upper(char *text);
/* A NUL-terminated copy, cut to capacity - 1 bytes. */
void aero_text_copy(char *out_text, size_t capacity, const char *text);
/* Neither blank nor control character in it, as Redis wants client names to be. */
bool aero_text_is_plain(struct aero_slice text);

/* Glob patterns: * ? [a-z] [^a] and backslash (Redis: stringmatchlen). Linear for one star; bounded by the product of
 * the lengths however many. */
bool aero_glob_match(struct aero_slice pattern, struct aero_slice text, bool ignore_case);
/* How many bytes at the beginning of the pattern stand for themselves: every match begins with them. */
size_t aero_glob_literal_prefix(struct aero_slice pattern);

void aero_buffer_printf(struct aero_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Equal, in a time that depends on the lengths alone. */
bool aero_secret_equal(struct aero_slice given, struct aero_slice secret);

#endif
