/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences that tell an operator what is wrong. They quote bytes from outside, so
 * everything in them that is not printable ASCII becomes '?': they end up on terminals and in
 * logs. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/config_priv.h"

/* Of a value or a name quoted in an error. */
#define QUOTED_MAX_BYTES 80
/* Of names compared for a suggestion. */
#define NAME_MAX_BYTES 63

static void make_printable(struct aero_config_error *error)
{
    for (char *at = error->text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            *at = '?';
        }
    }
}

static const char *ellipsis(const char *text)
{
    return strlen(text) > QUOTED_MAX_BYTES ? "..." : "";
}

void aero_config_error_text(const char *origin, const char *text,
                            struct aero_config_error *out_error)
{
    snprintf(out_error->text, sizeof out_error->text, "%s: %s", origin, text);
    make_printable(out_error);
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters to insert, delete or replace to get from a to b (Levenshtein); b is at most
 * NAME_MAX_BYTES long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_BYTES + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smallest(replaced, row[j] + 1, diagonal + 1);
        }
    }
    return row[length];
}

/* The key that was probably meant, or NULL. */
static const char *nearest_name(const struct aero_config_table *table, const char *name)
{
    const char *nearest = NULL;
    size_t least = 3; /* two slips of the finger, not a different word */
    if (strlen(name) > NAME_MAX_BYTES) {
        return NULL;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t distance = edit_distance(table->keys[i].name, name);
        if (distance < least && distance < strlen(name)) {
            least = distance;
            nearest = table->keys[i].name;
        }
    }
    return nearest;
}

void aero_config_error_unknown_key(const struct aero_config_table *table, const char *origin,
                                   const char *name, struct aero_config_error *out_error)
{
    const char *meant = nearest_name(table, name);
    snprintf(out_error->text, sizeof out_error->text, "%s: unknown key '%.*s%s'%s%s%s", origin,
             QUOTED_MAX_BYTES, name, ellipsis(name), meant == NULL ? "" : "; did you mean '",
             meant == NULL ? "" : meant, meant == NULL ? "" : "'?");
    make_printable(out_error);
}

static const char *const verdict_texts[] = {
    [AERO_CONFIG_VALUE_MALFORMED] = "is not valid",
    [AERO_CONFIG_VALUE_OUT_OF_RANGE] = "is out of range",
    [AERO_CONFIG_VALUE_TOO_LONG] = "is too long",
};

void aero_config_error_bad_value(const struct aero_config_key *key, const char *origin,
                                 const char *value, enum aero_config_verdict verdict,
                                 struct aero_config_error *out_error)
{
    char allowed[256];
    bool is_secret = (key->flags & AERO_CONFIG_SECRET) != 0;
    const char *shown = is_secret ? AERO_CONFIG_HIDDEN : value;
    AERO_ASSERT(verdict_texts[verdict] != NULL);
    aero_config_value_allowed(key, allowed, sizeof allowed);
    snprintf(out_error->text, sizeof out_error->text, "%s: %s = %.*s%s %s; allowed: %s", origin,
             key->name, QUOTED_MAX_BYTES, shown, ellipsis(shown), verdict_texts[verdict], allowed);
    make_printable(out_error);
}

void aero_config_error_fixed_key(const struct aero_config_key *key, const char *origin,
                                 struct aero_config_error *out_error)
{
    snprintf(out_error->text, sizeof out_error->text,
             "%s: %s cannot change while the daemon runs; set it in its configuration and restart",
             origin, key->name);
    make_printable(out_error);
}
