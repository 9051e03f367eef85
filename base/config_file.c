/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files, over inih: it splits lines into keys and values; what it would take
 * silently (sections, lines cut at its buffer, indented continuation lines, values cut at a
 * comment) is refused or undone in our reader before it gets to see the line. The only file that
 * includes ini.h. */
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/config_priv.h"

struct parser {
    struct aero_config *config;
    const char *file;
    struct aero_slice rest;
    unsigned line_number;
    unsigned *set_on_line; /* per key; 0 is not yet */
    bool failed;           /* out_error says why; no more lines are read */
    struct aero_config_error *out_error;
};

static void fail_at(struct parser *parser, unsigned line_number, const char *text)
{
    struct aero_config_error *error = parser->out_error;
    char origin[256];
    snprintf(origin, sizeof origin, "%s:%u", parser->file, line_number);
    aero_config_error_text(origin, text, error);
    parser->failed = true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct aero_slice take_line(struct aero_slice *rest)
{
    const uint8_t *newline = memchr(rest->data, '\n', rest->length);
    size_t length = newline == NULL ? rest->length : (size_t)(newline - rest->data);
    struct aero_slice line = aero_slice_of(rest->data, length);
    size_t taken = newline == NULL ? length : length + 1;
    *rest = aero_slice_of(rest->data + taken, rest->length - taken);
    return line;
}

static struct aero_slice trim(struct aero_slice line)
{
    while (line.length > 0 && is_blank(line.data[0])) {
        line = aero_slice_of(line.data + 1, line.length - 1);
    }
    while (line.length > 0 &&
           (is_blank(line.data[line.length - 1]) || line.data[line.length - 1] == '\r')) {
        line.length--;
    }
    return line;
}

static bool has_control_byte(struct aero_slice line)
{
    for (size_t i = 0; i < line.length; i++) {
        if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool has_comment_behind_value(struct aero_slice line)
{
    for (size_t i = 1; i < line.length; i++) {
        if ((line.data[i] == '#' || line.data[i] == ';') && is_blank(line.data[i - 1])) {
            return true;
        }
    }
    return false;
}

/* What is wrong with a line as such, or NULL. */
static const char *complain(struct aero_slice line)
{
    bool is_comment = line.length > 0 && (line.data[0] == '#' || line.data[0] == ';');
    if (line.length > AERO_CONFIG_LINE_MAX_BYTES) {
        return "the line is too long";
    }
    if (has_control_byte(line)) {
        return "the line holds a control character";
    }
    if (line.length > 0 && line.data[0] == '[') {
        return "there are no sections; expected key = value";
    }
    if (!is_comment && has_comment_behind_value(line)) {
        return "a comment needs a line of its own";
    }
    return NULL;
}

/* fgets as inih wants it: the next line, trimmed, with a newline; NULL at the end. */
static char *read_line(char *out_text, int size, void *stream)
{
    struct parser *parser = stream;
    if (parser->failed || parser->rest.length == 0) {
        return NULL;
    }
    struct aero_slice line = trim(take_line(&parser->rest));
    parser->line_number++;
    const char *complaint = complain(line);
    if (complaint != NULL) {
        fail_at(parser, parser->line_number, complaint);
        return NULL;
    }
    AERO_ASSERT(line.length + 2 <= (size_t)size);
    if (line.length != 0) {
        memcpy(out_text, line.data, line.length);
    }
    memcpy(out_text + line.length, "\n", 2);
    return out_text;
}

/* inih's way: nonzero is "go on". */
static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct parser *parser = user;
    const struct aero_config_table *table = aero_config_table(parser->config);
    size_t index = aero_config_find(table, name);
    char text[128];
    (void)section;
    if (index < table->count && parser->set_on_line[index] != 0) {
        snprintf(text, sizeof text, "%.64s is already set on line %u", name,
                 parser->set_on_line[index]);
        fail_at(parser, parser->line_number, text);
        return 0;
    }
    char origin[256];
    snprintf(origin, sizeof origin, "%s:%u", parser->file, parser->line_number);
    if (!aero_is_ok(aero_config_set(parser->config, origin, name, value, parser->out_error))) {
        parser->failed = true;
        return 0;
    }
    parser->set_on_line[index] = parser->line_number;
    return 1;
}

aero_status aero_config_parse(struct aero_config *config, const char *file, struct aero_slice text,
                              struct aero_config_error *out_error)
{
    struct parser parser = {.config = config, .file = file, .rest = text, .out_error = out_error};
    parser.set_on_line = aero_calloc(aero_config_table(config)->count, sizeof *parser.set_on_line);
    /* The one setting of the library that has no argument: Debian builds it with 200 bytes a
     * line. Always the same value, so it does not matter who sets it. */
    ini_max_line = AERO_CONFIG_LINE_MAX_BYTES + 3;
    int first_bad_line = ini_parse_stream(read_line, &parser, take_pair, &parser);
    AERO_ASSERT(first_bad_line >= 0);
    /* inih reads on behind a line that it cannot split; an error of ours further down is then
     * the lesser one. */
    if (first_bad_line != 0 && (!parser.failed || (unsigned)first_bad_line < parser.line_number)) {
        fail_at(&parser, (unsigned)first_bad_line, "expected key = value");
    }
    free(parser.set_on_line);
    return parser.failed ? aero_error(AERO_INVALID) : aero_ok();
}
