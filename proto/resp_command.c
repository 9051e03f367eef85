/* SPDX-License-Identifier: Apache-2.0 */
/* States of one command, from a fresh parser:
 *
 *     START --'*' line--> ARRAY (expected > 0) --'$' line--> BULK (bulk_known) --bytes CRLF--> ARRAY ... --> COMMAND
 *     BULK line above a limit --> TOO_LARGE --bytes of this argument and those behind it--> SKIPPED ... --> START
 *     START --anything else, to '\n'--> COMMAND (inline)
 *
 * `offset` is the progress; everything before it has been looked at for good. */
#include "proto/resp_command.h"

#include <stdio.h>
#include <stdlib.h>

/* A line that announces a number: sign, 19 digits and CRLF fit; a longer one is no number of ours. */
#define NUMBER_LINE_MAX 32
#define ARGUMENT_CAPACITY_FIRST 8
#define ARGUMENT_CAPACITY_KEPT 1024

enum line_outcome {
    LINE_NUMBER,
    LINE_INCOMPLETE,
    LINE_TOO_LONG,
    LINE_INVALID,
};

void aero_resp_parser_deinit(struct aero_resp_parser *parser)
{
    free(parser->arguments);
    aero_buffer_deinit(&parser->words);
    *parser = (struct aero_resp_parser){0};
}

void aero_resp_parser_restart(struct aero_resp_parser *parser)
{
    parser->argument_count = 0;
    parser->expected = 0;
    parser->offset = 0;
    parser->bulk_known = false;
    if (parser->argument_capacity > ARGUMENT_CAPACITY_KEPT) {
        free(parser->arguments);
        parser->arguments = NULL;
        parser->argument_capacity = 0;
    }
}

static enum aero_resp_outcome refuse(struct aero_resp_parser *parser, const char *text)
{
    snprintf(parser->error, sizeof parser->error, "Protocol error: %s", text);
    return AERO_RESP_INVALID;
}

/* Number and CRLF at `text`, as strict as Redis: no leading zero, no plus sign. */
static enum line_outcome parse_number_line(const uint8_t *text, size_t length, int64_t *out_number,
                                           size_t *out_consumed)
{
    size_t i = 0;
    bool negative = length != 0 && text[0] == '-';
    uint64_t number = 0;
    i += negative;
    size_t first_digit = i;
    while (i < length && i < NUMBER_LINE_MAX && (uint8_t)(text[i] - '0') <= 9) {
        number = number * 10 + (uint64_t)(text[i] - '0');
        i++;
    }
    /* Never behind the longest line: what is one byte too long is so whether its end has come or not. */
    if (i < length && i < NUMBER_LINE_MAX && text[i] == '\r') {
        size_t digits = i - first_digit;
        bool padded = digits > 1 && text[first_digit] == '0';
        if (digits == 0 || digits > 18 || padded || (negative && number == 0)) {
            return LINE_INVALID;
        }
        if (i + 1 == length) {
            return LINE_INCOMPLETE;
        }
        if (text[i + 1] != '\n') {
            return LINE_INVALID;
        }
        *out_number = negative ? -(int64_t)number : (int64_t)number;
        *out_consumed = i + 2;
        return LINE_NUMBER;
    }
    size_t searched = length < NUMBER_LINE_MAX ? length : NUMBER_LINE_MAX;
    if (memchr(text, '\r', searched) != NULL) {
        return LINE_INVALID;
    }
    return length < NUMBER_LINE_MAX ? LINE_INCOMPLETE : LINE_TOO_LONG;
}

static void push_argument(struct aero_resp_parser *parser, struct aero_slice argument)
{
    if (parser->argument_count == parser->argument_capacity) {
        parser->argument_capacity = parser->argument_capacity == 0 ? ARGUMENT_CAPACITY_FIRST
                                                                   : 2 * parser->argument_capacity;
        parser->arguments =
            aero_realloc(parser->arguments, parser->argument_capacity * sizeof *parser->arguments);
    }
    parser->arguments[parser->argument_count++] = argument;
}

/* The bytes moved since the last call (the caller's buffer grew): so do the arguments so far. Buffers double, so
 * this happens a logarithmic number of times for one command. */
static void follow_bytes(struct aero_resp_parser *parser, const uint8_t *base)
{
    if (parser->base != (uintptr_t)base) {
        for (size_t i = 0; i < parser->argument_count; i++) {
            uintptr_t old = (uintptr_t)parser->arguments[i].data;
            parser->arguments[i].data = base + (old - parser->base);
        }
        parser->base = (uintptr_t)base;
    }
}

static enum aero_resp_outcome parse_array_line(struct aero_resp_parser *parser,
                                               struct aero_slice input,
                                               const struct aero_resp_limits *limits,
                                               size_t *out_consumed)
{
    int64_t count;
    size_t consumed;
    switch (parse_number_line(input.data + 1, input.length - 1, &count, &consumed)) {
    case LINE_INCOMPLETE:
        return AERO_RESP_INCOMPLETE;
    case LINE_TOO_LONG:
        return refuse(parser, "too big mbulk count string");
    case LINE_INVALID:
        return refuse(parser, "invalid multibulk length");
    case LINE_NUMBER:
        break;
    }
    if (count > (int64_t)limits->argument_count_max) {
        return refuse(parser, "invalid multibulk length");
    }
    if (limits->stranger && count > AERO_RESP_STRANGER_ARGUMENTS_MAX) {
        return refuse(parser, "unauthenticated multibulk length");
    }
    if (count <= 0) {
        *out_consumed = 1 + consumed;
        return AERO_RESP_COMMAND;
    }
    parser->expected = (size_t)count;
    parser->offset = 1 + consumed;
    return AERO_RESP_INCOMPLETE;
}

/* COMMAND: the line is whole. */
static enum aero_resp_outcome read_bulk_line(struct aero_resp_parser *parser,
                                             struct aero_slice rest, size_t *out_length,
                                             size_t *out_consumed)
{
    int64_t length;
    size_t consumed;
    if (rest.length == 0) {
        return AERO_RESP_INCOMPLETE;
    }
    if (rest.data[0] != '$') {
        char text[32];
        snprintf(text, sizeof text, "expected '$', got '%c'", rest.data[0]);
        return refuse(parser, text);
    }
    switch (parse_number_line(rest.data + 1, rest.length - 1, &length, &consumed)) {
    case LINE_INCOMPLETE:
        return AERO_RESP_INCOMPLETE;
    case LINE_TOO_LONG:
        return refuse(parser, "too big bulk count string");
    case LINE_INVALID:
        return refuse(parser, "invalid bulk length");
    case LINE_NUMBER:
        break;
    }
    if (length < 0 || (uint64_t)length > AERO_RESP_SKIPPED_BULK_MAX) {
        return refuse(parser, "invalid bulk length");
    }
    *out_length = (size_t)length;
    *out_consumed = 1 + consumed;
    return AERO_RESP_COMMAND;
}

static enum aero_resp_outcome begin_skip(struct aero_resp_parser *parser)
{
    parser->skipping = true;
    parser->skip_bytes = parser->bulk_length + 2;
    parser->skip_arguments = parser->expected - parser->argument_count - 1;
    parser->argument_count = 0;
    return AERO_RESP_TOO_LARGE;
}

static enum aero_resp_outcome parse_bulk_line(struct aero_resp_parser *parser,
                                              struct aero_slice rest,
                                              const struct aero_resp_limits *limits)
{
    size_t consumed;
    enum aero_resp_outcome outcome = read_bulk_line(parser, rest, &parser->bulk_length, &consumed);
    if (outcome != AERO_RESP_COMMAND) {
        return outcome;
    }
    if (limits->stranger && parser->bulk_length > AERO_RESP_STRANGER_BULK_MAX) {
        return refuse(parser, "unauthenticated bulk length");
    }
    parser->bulk_known = true;
    parser->offset += consumed;
    if (parser->bulk_length > limits->bulk_bytes_max) {
        snprintf(parser->error, sizeof parser->error,
                 "an argument of %zu bytes exceeds proto_max_bulk_len (%zu bytes)",
                 parser->bulk_length, limits->bulk_bytes_max);
        return begin_skip(parser);
    }
    if (parser->offset + parser->bulk_length + 2 > limits->request_bytes_max) {
        snprintf(parser->error, sizeof parser->error,
                 "the request exceeds client_query_buffer_limit (%zu bytes)",
                 limits->request_bytes_max);
        return begin_skip(parser);
    }
    return AERO_RESP_COMMAND;
}

/* Consumes what is there of a command that was too large. */
static enum aero_resp_outcome skip(struct aero_resp_parser *parser, struct aero_slice input,
                                   size_t *out_consumed)
{
    size_t at = 0;
    for (;;) {
        size_t left = input.length - at;
        size_t passed = parser->skip_bytes < left ? parser->skip_bytes : left;
        size_t line;
        at += passed;
        parser->skip_bytes -= passed;
        if (parser->skip_bytes > 0) {
            break;
        }
        if (parser->skip_arguments == 0) {
            parser->skipping = false;
            break;
        }
        enum aero_resp_outcome outcome = read_bulk_line(
            parser, aero_slice_of(input.data + at, input.length - at), &parser->skip_bytes, &line);
        if (outcome == AERO_RESP_INVALID) {
            return outcome;
        }
        if (outcome == AERO_RESP_INCOMPLETE) {
            break;
        }
        at += line;
        parser->skip_bytes += 2;
        parser->skip_arguments--;
    }
    if (at == 0) {
        return AERO_RESP_INCOMPLETE;
    }
    *out_consumed = at;
    return AERO_RESP_SKIPPED;
}

static enum aero_resp_outcome parse_array(struct aero_resp_parser *parser, struct aero_slice input,
                                          const struct aero_resp_limits *limits,
                                          size_t *out_consumed)
{
    while (parser->argument_count < parser->expected) {
        struct aero_slice rest =
            aero_slice_of(input.data + parser->offset, input.length - parser->offset);
        if (!parser->bulk_known) {
            enum aero_resp_outcome outcome = parse_bulk_line(parser, rest, limits);
            if (outcome == AERO_RESP_TOO_LARGE) {
                *out_consumed = parser->offset;
            }
            if (outcome != AERO_RESP_COMMAND) {
                return outcome;
            }
            rest = aero_slice_of(input.data + parser->offset, input.length - parser->offset);
        }
        if (rest.length < parser->bulk_length + 2) {
            return AERO_RESP_INCOMPLETE;
        }
        const uint8_t *end = rest.data + parser->bulk_length;
        if (end[0] != '\r' || end[1] != '\n') {
            return refuse(parser, "expected CRLF behind a bulk string");
        }
        push_argument(parser, aero_slice_of(rest.data, parser->bulk_length));
        parser->offset += parser->bulk_length + 2;
        parser->bulk_known = false;
    }
    *out_consumed = parser->offset;
    return AERO_RESP_COMMAND;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Fewer bytes end a word than may stand between two (Redis: sdssplitargs). A line feed ended the line already. */
static bool ends_word(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte that a backslash sequence at text[*i] stands for; *i moves to its last byte. */
static uint8_t unescape(struct aero_slice text, size_t *i)
{
    size_t at = *i;
    if (at + 3 < text.length && text.data[at + 1] == 'x' && hex_value(text.data[at + 2]) >= 0 &&
        hex_value(text.data[at + 3]) >= 0) {
        *i = at + 3;
        return (uint8_t)(hex_value(text.data[at + 2]) * 16 + hex_value(text.data[at + 3]));
    }
    *i = at + 1;
    switch (text.data[at + 1]) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return text.data[at + 1];
    }
}

/* One quoted part that begins at text[*i]; false when it does not end, or ends in the middle of a word. */
static bool copy_quoted(struct aero_buffer *words, struct aero_slice text, size_t *i)
{
    uint8_t quote = text.data[(*i)++];
    for (; *i < text.length; (*i)++) {
        uint8_t c = text.data[*i];
        bool more = *i + 1 < text.length;
        if (c == '\\' && more && (quote == '"' || text.data[*i + 1] == '\'')) {
            c = unescape(text, i);
        } else if (c == quote) {
            (*i)++;
            return *i == text.length || is_blank(text.data[*i]);
        }
        aero_buffer_append(words, &c, 1);
    }
    return false;
}

/* Words as redis-cli and sdssplitargs understand them. The buffer has room for the whole line, so words stay where
 * they are. */
static bool split_words(struct aero_resp_parser *parser, struct aero_slice line)
{
    struct aero_buffer *words = &parser->words;
    size_t i = 0;
    aero_buffer_clear(words);
    aero_buffer_reserve(words, line.length + 1);
    for (;;) {
        while (i < line.length && is_blank(line.data[i])) {
            i++;
        }
        if (i == line.length) {
            return true;
        }
        size_t begin = words->length;
        bool done = false;
        while (!done && i < line.length && !ends_word(line.data[i])) {
            uint8_t c = line.data[i];
            if (c == '"' || c == '\'') {
                if (!copy_quoted(words, line, &i)) {
                    return false;
                }
                done = true;
            } else {
                aero_buffer_append(words, &c, 1);
                i++;
            }
        }
        push_argument(parser, aero_slice_of(words->data + begin, words->length - begin));
    }
}

static enum aero_resp_outcome parse_inline(struct aero_resp_parser *parser, struct aero_slice input,
                                           const struct aero_resp_limits *limits,
                                           size_t *out_consumed)
{
    const uint8_t *end = memchr(input.data + parser->offset, '\n', input.length - parser->offset);
    size_t length = end == NULL ? input.length : (size_t)(end - input.data);
    if (length > AERO_RESP_INLINE_MAX) {
        return refuse(parser, "too big inline request");
    }
    if (end == NULL) {
        parser->offset = input.length;
        return AERO_RESP_INCOMPLETE;
    }
    size_t text_length = length != 0 && end[-1] == '\r' ? length - 1 : length;
    if (!split_words(parser, aero_slice_of(input.data, text_length))) {
        return refuse(parser, "unbalanced quotes in request");
    }
    if (limits->stranger && parser->argument_count > AERO_RESP_STRANGER_ARGUMENTS_MAX) {
        return refuse(parser, "unauthenticated multibulk length");
    }
    *out_consumed = length + 1;
    return AERO_RESP_COMMAND;
}

enum aero_resp_outcome aero_resp_parse(struct aero_resp_parser *parser, struct aero_slice input,
                                       const struct aero_resp_limits *limits, size_t *out_consumed)
{
    if (parser->skipping) {
        return skip(parser, input, out_consumed);
    }
    if (parser->offset == 0) {
        aero_resp_parser_restart(parser);
        parser->base = (uintptr_t)input.data;
    } else {
        follow_bytes(parser, input.data);
    }
    if (input.length == 0) {
        return AERO_RESP_INCOMPLETE;
    }
    enum aero_resp_outcome outcome;
    if (input.data[0] != '*') {
        outcome = parse_inline(parser, input, limits, out_consumed);
    } else {
        outcome = parser->expected == 0 ? parse_array_line(parser, input, limits, out_consumed)
                                        : AERO_RESP_INCOMPLETE;
        if (outcome == AERO_RESP_INCOMPLETE && parser->expected != 0) {
            outcome = parse_array(parser, input, limits, out_consumed);
        }
    }
    if (outcome == AERO_RESP_COMMAND || outcome == AERO_RESP_TOO_LARGE) {
        parser->offset = 0;
        parser->expected = 0;
        parser->bulk_known = false;
    }
    return outcome;
}
