/* SPDX-License-Identifier: Apache-2.0 */
/* What one value may be: the same description serves the check, the error text and the printed
 * defaults. */
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/config_priv.h"
#include "base/config_text.h"

#define PORT_MAX 65535

static bool is_printable_text(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool find_choice(const struct aero_config_key *key, const char *text, uint64_t *out_index)
{
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        if (strcasecmp(key->choices[i], text) == 0) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

static bool parse(const struct aero_config_key *key, const char *text, uint64_t *out_number)
{
    bool truth;
    switch (key->type) {
    case AERO_CONFIG_STRING:
        *out_number = 0;
        return is_printable_text(text);
    case AERO_CONFIG_BOOL:
        if (!aero_text_to_bool(text, &truth)) {
            return false;
        }
        *out_number = truth;
        return true;
    case AERO_CONFIG_INTEGER:
    case AERO_CONFIG_PORT:
        return aero_text_to_integer(text, out_number);
    case AERO_CONFIG_BYTES:
        return aero_text_to_bytes(text, out_number);
    case AERO_CONFIG_DURATION:
        return aero_text_to_duration_ns(text, out_number);
    case AERO_CONFIG_CHOICE:
        return find_choice(key, text, out_number);
    }
    AERO_UNREACHABLE("a key of a type that does not exist");
}

/* A bound of the table, or `otherwise` if it names none. */
static uint64_t bound(const struct aero_config_key *key, const char *text, uint64_t otherwise)
{
    uint64_t number = otherwise;
    AERO_ASSERT(text == NULL || parse(key, text, &number));
    return number;
}

enum aero_config_verdict aero_config_value_check(const struct aero_config_key *key,
                                                 const char *text, uint64_t *out_number)
{
    uint64_t number = 0;
    bool is_port = key->type == AERO_CONFIG_PORT;
    if (strlen(text) > AERO_CONFIG_LINE_MAX_BYTES) {
        return AERO_CONFIG_VALUE_TOO_LONG;
    }
    if (!parse(key, text, &number)) {
        return AERO_CONFIG_VALUE_MALFORMED;
    }
    if (number < bound(key, key->min_text, is_port ? 1 : 0) ||
        number > bound(key, key->max_text, is_port ? PORT_MAX : UINT64_MAX)) {
        return AERO_CONFIG_VALUE_OUT_OF_RANGE;
    }
    *out_number = number;
    return AERO_CONFIG_VALUE_OK;
}

static const char *type_text(enum aero_config_type type)
{
    switch (type) {
    case AERO_CONFIG_STRING:
        return "text without control characters";
    case AERO_CONFIG_BOOL:
        return "yes or no";
    case AERO_CONFIG_INTEGER:
        return "a whole number";
    case AERO_CONFIG_BYTES:
        return "a size such as 512kb, 64mb or 1gb";
    case AERO_CONFIG_DURATION:
        return "a duration such as 250ms, 10s or 1h";
    case AERO_CONFIG_PORT:
        return "a port";
    case AERO_CONFIG_CHOICE:
        return "one of";
    }
    return "";
}

void aero_config_value_allowed(const struct aero_config_key *key, char *out_text, size_t size)
{
    FILE *out = fmemopen(out_text, size, "w");
    bool is_port = key->type == AERO_CONFIG_PORT;
    const char *min_text = key->min_text == NULL && is_port ? "1" : key->min_text;
    const char *max_text = key->max_text == NULL && is_port ? "65535" : key->max_text;
    AERO_ASSERT(out != NULL);
    fputs(type_text(key->type), out);
    for (size_t i = 0; key->choices != NULL && key->choices[i] != NULL; i++) {
        fprintf(out, "%s %s", i == 0 ? "" : ",", key->choices[i]);
    }
    if (min_text != NULL && max_text != NULL) {
        fprintf(out, ", from %s to %s", min_text, max_text);
    } else if (min_text != NULL) {
        fprintf(out, ", at least %s", min_text);
    } else if (max_text != NULL) {
        fprintf(out, ", at most %s", max_text);
    }
    fclose(out);
    out_text[size - 1] = '\0';
}
