/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config_text.h"

#include <stddef.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit byte_units[] = {
    {"", 1},
    {"b", 1},
    {"kb", 1ULL << 10},
    {"kib", 1ULL << 10},
    {"mb", 1ULL << 20},
    {"mib", 1ULL << 20},
    {"gb", 1ULL << 30},
    {"gib", 1ULL << 30},
    {"tb", 1ULL << 40},
    {"tib", 1ULL << 40},
};

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60 * 1000000000ULL},
    {"h", 3600 * 1000000000ULL},
    {"d", 86400 * 1000000000ULL},
};

/* The digits at the start of text; what follows them is left in *out_rest. */
static bool read_digits(const char *text, uint64_t *out_value, const char **out_rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
    }
    if (at == text) {
        return false;
    }
    *out_value = value;
    *out_rest = at;
    return true;
}

static bool read_with_unit(const char *text, const struct unit *units, size_t count,
                           uint64_t *out_value)
{
    uint64_t number;
    const char *rest;
    if (!read_digits(text, &number, &rest)) {
        return false;
    }
    if (*rest == ' ' && rest[1] != '\0') {
        rest++;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(rest, units[i].name) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, out_value);
        }
    }
    return false;
}

bool aero_text_to_integer(const char *text, uint64_t *out_value)
{
    uint64_t value;
    const char *rest;
    if (!read_digits(text, &value, &rest) || *rest != '\0') {
        return false;
    }
    *out_value = value;
    return true;
}

bool aero_text_to_bytes(const char *text, uint64_t *out_bytes)
{
    uint64_t bytes;
    if (!read_with_unit(text, byte_units, sizeof byte_units / sizeof byte_units[0], &bytes)) {
        return false;
    }
    *out_bytes = bytes;
    return true;
}

bool aero_text_to_duration_ns(const char *text, uint64_t *out_duration_ns)
{
    uint64_t duration_ns;
    bool is_zero = aero_text_to_integer(text, &duration_ns) && duration_ns == 0;
    if (!is_zero &&
        !read_with_unit(text, duration_units, sizeof duration_units / sizeof duration_units[0],
                        &duration_ns)) {
        return false;
    }
    *out_duration_ns = duration_ns;
    return true;
}

bool aero_text_to_bool(const char *text, bool *out_value)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out_value = i % 2 == 1;
            return true;
        }
    }
    return false;
}
