/* SPDX-License-Identifier: Apache-2.0 */
/* The commented default configuration. */
#include "base/config_priv.h"
#include "base/text_wrap.h"

static void print_comment(FILE *out, const char *text)
{
    fputs("# ", out);
    aero_text_wrap(out, 2, "# ", text);
}

static void print_key(FILE *out, const struct aero_config_key *key)
{
    char allowed[256];
    char line[384];
    bool is_reloadable = (key->flags & AERO_CONFIG_RELOADABLE) != 0;
    aero_config_value_allowed(key, allowed, sizeof allowed);
    snprintf(line, sizeof line, "Allowed: %s. Read %s.", allowed,
             is_reloadable ? "again at a reload" : "at the start only");
    fputc('\n', out);
    print_comment(out, key->help);
    print_comment(out, line);
    fprintf(out, "#%s =%s%s\n", key->name, key->default_text[0] == '\0' ? "" : " ",
            key->default_text);
}

void aero_config_print_commented(FILE *out, const char *title,
                                 const struct aero_config_table *table)
{
    print_comment(out, title);
    print_comment(out, "Each key stands here with its default, commented out. Lines are "
                       "key = value; a comment has a line of its own. Any key may also be given "
                       "on the command line as --set key=value, which wins over this file.");
    for (size_t i = 0; i < table->count; i++) {
        print_key(out, &table->keys[i]);
    }
}
