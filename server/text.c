/* SPDX-License-Identifier: Apache-2.0 */
#include "server/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define INTEGER_DIGITS_MAX 20
#define FLOAT_TEXT_MAX AERO_LONG_DOUBLE_TEXT

bool aero_parse_u64(struct aero_slice text, uint64_t *out_value)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > INTEGER_DIGITS_MAX) {
        return false;
    }
    if (text.data[0] == '0' && text.length > 1) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out_value = value;
    return true;
}

bool aero_parse_i64(struct aero_slice text, int64_t *out_value)
{
    bool negative = text.length != 0 && text.data[0] == '-';
    uint64_t magnitude;
    struct aero_slice digits = negative ? aero_slice_of(text.data + 1, text.length - 1) : text;
    if (!aero_parse_u64(digits, &magnitude)) {
        return false;
    }
    if (negative ? magnitude == 0 || magnitude > (uint64_t)INT64_MAX + 1
                 : magnitude > (uint64_t)INT64_MAX) {
        return false;
    }
    *out_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool aero_parse_long_double(struct aero_slice text, long double *out_value)
{
    char copy[FLOAT_TEXT_MAX];
    if (text.length == 0 || text.length >= sizeof copy || memchr(text.data, 0, text.length)) {
        return false;
    }
    if (text.data[0] == ' ' || (text.data[0] >= '\t' && text.data[0] <= '\r')) {
        return false;
    }
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    char *end;
    errno = 0;
    long double value = strtold(copy, &end);
    if (*end != '\0' || isnan(value)) {
        return false;
    }
    if (errno == ERANGE && (isinf(value) || value == 0)) {
        return false; /* not the number that was written, nor near it */
    }
    *out_value = value;
    return true;
}

size_t aero_format_long_double(long double value, char out_text[AERO_LONG_DOUBLE_TEXT])
{
    int printed = snprintf(out_text, AERO_LONG_DOUBLE_TEXT, "%.17Lf", value);
    AERO_ASSERT(printed > 0);
    AERO_ASSERT(printed < AERO_LONG_DOUBLE_TEXT);
    size_t length = (size_t)printed;
    while (out_text[length - 1] == '0') {
        length--;
    }
    if (out_text[length - 1] == '.') {
        length--;
    }
    if (length == 2 && out_text[0] == '-' && out_text[1] == '0') {
        out_text[0] = '0';
        length = 1;
    }
    return length;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool aero_text_is(struct aero_slice text, const char *word)
{
    for (size_t i = 0; i < text.length; i++) {
        if (word[i] == '\0' || lower(text.data[i]) != (uint8_t)word[i]) {
            return false;
        }
    }
    return word[text.length] == '\0';
}

bool aero_text_lower(struct aero_slice text, char *out_text, size_t capacity)
{
    if (text.length >= capacity) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        out_text[i] = (char)lower(text.data[i]);
    }
    out_text[text.length] = '\0';
    return true;
}

char *aero_text_upper(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    }
    return text;
}

void aero_text_copy(char *out_text, size_t capacity, const char *text)
{
    size_t length = text == NULL ? 0 : strnlen(text, capacity - 1);
    if (length != 0) {
        memcpy(out_text, text, length);
    }
    out_text[length] = '\0';
}

bool aero_text_is_plain(struct aero_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

/* One [...] at pattern[*at]; *at moves behind it. An unclosed one ends with the pattern, as in Redis. */
static bool match_class(struct aero_slice pattern, size_t *at, uint8_t c, bool ignore_case)
{
    size_t i = *at + 1;
    bool negated = i < pattern.length && pattern.data[i] == '^';
    bool matched = false;
    i += negated;
    uint8_t subject = ignore_case ? lower(c) : c;
    while (i < pattern.length && pattern.data[i] != ']') {
        uint8_t from = pattern.data[i];
        uint8_t to = from;
        if (from == '\\' && i + 1 < pattern.length) {
            from = to = pattern.data[++i];
        } else if (i + 2 < pattern.length && pattern.data[i + 1] == '-') {
            to = pattern.data[i + 2];
            i += 2;
        }
        if (from > to) {
            uint8_t swap = from;
            from = to;
            to = swap;
        }
        if (ignore_case) {
            from = lower(from);
            to = lower(to);
        }
        matched = matched || (subject >= from && subject <= to);
        i++;
    }
    *at = i < pattern.length ? i + 1 : i;
    return matched != negated;
}

/* One pattern element that is no star against one byte; *at moves behind the element. */
static bool match_one(struct aero_slice pattern, size_t *at, uint8_t c, bool ignore_case)
{
    uint8_t p = pattern.data[*at];
    if (p == '?') {
        (*at)++;
        return true;
    }
    if (p == '[') {
        return match_class(pattern, at, c, ignore_case);
    }
    if (p == '\\' && *at + 1 < pattern.length) {
        p = pattern.data[++*at];
    }
    (*at)++;
    return ignore_case ? lower(p) == lower(c) : p == c;
}

/* Only the last star needs to be gone back to: no recursion, no exponential pattern. */
bool aero_glob_match(struct aero_slice pattern, struct aero_slice text, bool ignore_case)
{
    size_t p = 0;
    size_t t = 0;
    bool starred = false;
    size_t star_p = 0;
    size_t star_t = 0;
    while (t < text.length) {
        if (p < pattern.length && pattern.data[p] == '*') {
            starred = true;
            star_p = ++p;
            star_t = t;
            continue;
        }
        if (p < pattern.length && match_one(pattern, &p, text.data[t], ignore_case)) {
            t++;
            continue;
        }
        if (!starred) {
            return false;
        }
        p = star_p;
        t = ++star_t;
    }
    while (p < pattern.length && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.length;
}

size_t aero_glob_literal_prefix(struct aero_slice pattern)
{
    size_t length = 0;
    while (length < pattern.length && strchr("*?[\\", pattern.data[length]) == NULL) {
        length++;
    }
    return length;
}

void aero_buffer_printf(struct aero_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    AERO_ASSERT(length >= 0);
    char *to = (char *)aero_buffer_reserve(buffer, (size_t)length + 1);
    vsnprintf(to, (size_t)length + 1, format, again);
    va_end(again);
    buffer->length += (size_t)length;
}

bool aero_secret_equal(struct aero_slice given, struct aero_slice secret)
{
    volatile uint8_t difference = given.length != secret.length;
    for (size_t i = 0; i < given.length; i++) {
        uint8_t expected = secret.length == 0 ? 0 : secret.data[i % secret.length];
        difference |= given.data[i] ^ expected;
    }
    return difference == 0;
}
