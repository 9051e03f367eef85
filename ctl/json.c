/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/config_text.h"

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    AERO_ASSERT(json_object_object_add(object, name, value) == 0);
}

void aero_ctl_json_text(struct json_object *object, const char *name, const char *text)
{
    add(object, name, json_object_new_string(text));
}

void aero_ctl_json_u64(struct json_object *object, const char *name, uint64_t value)
{
    add(object, name, json_object_new_uint64(value));
}

void aero_ctl_json_bool(struct json_object *object, const char *name, bool value)
{
    add(object, name, json_object_new_boolean(value));
}

void aero_ctl_json_hex(struct json_object *object, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    aero_ctl_json_text(object, name, text);
}

void aero_ctl_json_id(struct json_object *object, const char *name, aero_id id)
{
    char text[AERO_ID_TEXT_BYTES];
    aero_id_format(id, text);
    aero_ctl_json_text(object, name, text);
}

/* Values that may consist of digits and are no numbers. */
static bool is_text(const char *name)
{
    static const char *const names[] = {"name",    "node_name",     "node_id",      "cluster_id",
                                        "digest",  "incarnation",   "primary_host", "reason",
                                        "address", "durable_chain", "applied_chain"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void aero_ctl_json_field(struct json_object *object, const struct aero_ctl_field *field)
{
    char name[64];
    char digits[24];
    uint64_t number;
    snprintf(name, sizeof name, "%.*s", (int)field->name.length, (const char *)field->name.data);
    snprintf(digits, sizeof digits, "%.*s", (int)field->value.length,
             (const char *)field->value.data);
    if (!is_text(name) && field->value.length < sizeof digits &&
        aero_text_to_integer(digits, &number)) {
        aero_ctl_json_u64(object, name, number);
    } else {
        aero_ctl_json_bytes(object, name, field->value);
    }
}

void aero_ctl_print_bytes(FILE *out, struct aero_slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        uint8_t byte = bytes.data[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
            fputc(byte, out);
        } else {
            fprintf(out, "\\x%02x", byte);
        }
    }
}

void aero_ctl_json_bytes(struct json_object *object, const char *name, struct aero_slice bytes)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    AERO_ASSERT(out != NULL);
    aero_ctl_print_bytes(out, bytes);
    fclose(out);
    add(object, name, json_object_new_string_len(text, (int)length));
    free(text);
}

void aero_ctl_json_finish(const struct aero_ctl *ctl, struct json_object *object)
{
    fprintf(ctl->out, "%s\n",
            json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                       JSON_C_TO_STRING_SPACED |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}
