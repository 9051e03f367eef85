/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/reply.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/config_text.h"

#define LINE_MAX_BYTES ((size_t)64 << 10)

/* Up to the CRLF; AERO_CORRUPT when none comes within reason. */
static aero_status take_line(struct aero_slice input, struct aero_slice *out_line)
{
    const uint8_t *end = memchr(input.data, '\n', input.length);
    if (end == NULL) {
        return aero_error(input.length > LINE_MAX_BYTES ? AERO_CORRUPT : AERO_INCOMPLETE);
    }
    size_t length = (size_t)(end - input.data);
    AERO_ASSERT(length != 0); /* a line begins with the kind of reply that was looked at */
    if (input.data[length - 1] != '\r') {
        return aero_error(AERO_CORRUPT);
    }
    *out_line = aero_slice_of(input.data, length - 1);
    return aero_ok();
}

static aero_status parse_bulk(struct aero_slice input, struct aero_slice line,
                              struct aero_ctl_reply *out_reply, size_t *out_consumed)
{
    char digits[24];
    uint64_t length;
    size_t head = line.length + 2;
    snprintf(digits, sizeof digits, "%.*s", (int)(line.length - 1), (const char *)line.data + 1);
    if (strcmp(digits, "-1") == 0) {
        *out_reply = (struct aero_ctl_reply){.kind = AERO_CTL_REPLY_NULL};
        *out_consumed = head;
        return aero_ok();
    }
    if (line.length > 20 || !aero_text_to_integer(digits, &length)) {
        return aero_error(AERO_CORRUPT);
    }
    if (length > AERO_CTL_REPLY_MAX) {
        return aero_error(AERO_LIMIT);
    }
    if (input.length < head + length + 2) {
        return aero_error(AERO_INCOMPLETE);
    }
    if (memcmp(input.data + head + length, "\r\n", 2) != 0) {
        return aero_error(AERO_CORRUPT);
    }
    *out_reply = (struct aero_ctl_reply){.kind = AERO_CTL_REPLY_TEXT,
                                         .text = aero_slice_of(input.data + head, length)};
    *out_consumed = head + length + 2;
    return aero_ok();
}

aero_status aero_ctl_reply_parse(struct aero_slice input, struct aero_ctl_reply *out_reply,
                                 size_t *out_consumed)
{
    struct aero_slice line;
    if (input.length == 0) {
        return aero_error(AERO_INCOMPLETE);
    }
    if (memchr("+-:$*", input.data[0], 5) == NULL) {
        return aero_error(AERO_CORRUPT);
    }
    AERO_TRY(take_line(input, &line));
    switch (input.data[0]) {
    case '$':
        return parse_bulk(input, line, out_reply, out_consumed);
    case '*':
        return aero_error(AERO_UNSUPPORTED);
    default:
        *out_reply = (struct aero_ctl_reply){
            .kind = input.data[0] == '-' ? AERO_CTL_REPLY_ERROR : AERO_CTL_REPLY_TEXT,
            .text = aero_slice_of(line.data + 1, line.length - 1),
        };
        *out_consumed = line.length + 2;
        return aero_ok();
    }
}

static void advance(struct aero_slice *rest, size_t count)
{
    rest->data += count;
    rest->length -= count;
}

/* Splits off what stands before `end`, and that at the first `colon`. False: no such sign in it. */
static bool split(struct aero_slice *rest, char end, char colon, struct aero_ctl_field *out_field)
{
    const uint8_t *stop = memchr(rest->data, end, rest->length);
    size_t length = stop == NULL ? rest->length : (size_t)(stop - rest->data);
    struct aero_slice piece = aero_slice_of(rest->data, length);
    advance(rest, stop == NULL ? length : length + 1);
    if (piece.length != 0 && piece.data[piece.length - 1] == '\r') {
        piece.length--;
    }
    const uint8_t *sign = piece.length == 0 ? NULL : memchr(piece.data, colon, piece.length);
    if (sign == NULL) {
        return false;
    }
    size_t name_length = (size_t)(sign - piece.data);
    out_field->name = aero_slice_of(piece.data, name_length);
    out_field->value = aero_slice_of(sign + 1, piece.length - name_length - 1);
    return true;
}

bool aero_ctl_field_next(struct aero_slice *rest, struct aero_ctl_field *out_field)
{
    while (rest->length != 0) {
        if (split(rest, '\n', ':', out_field)) {
            return true;
        }
    }
    return false;
}

bool aero_ctl_part_next(struct aero_slice *rest, struct aero_ctl_field *out_field)
{
    while (rest->length != 0) {
        if (split(rest, ',', '=', out_field)) {
            return true;
        }
    }
    return false;
}

bool aero_ctl_field_find(struct aero_slice lines, const char *name, char *out_value,
                         size_t value_size)
{
    struct aero_ctl_field field;
    out_value[0] = '\0';
    while (aero_ctl_field_next(&lines, &field)) {
        if (aero_slice_equal(field.name, aero_slice_text(name))) {
            snprintf(out_value, value_size, "%.*s", (int)field.value.length,
                     (const char *)field.value.data);
            return true;
        }
    }
    return false;
}
