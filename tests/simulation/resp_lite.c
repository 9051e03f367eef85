/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/resp_lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append_argument(struct aero_buffer *out_bytes, struct aero_slice argument)
{
    char head[32];
    int length = snprintf(head, sizeof head, "$%zu\r\n", argument.length);
    aero_buffer_append(out_bytes, head, (size_t)length);
    aero_buffer_append_slice(out_bytes, argument);
    aero_buffer_append(out_bytes, "\r\n", 2);
}

static void append_head(struct aero_buffer *out_bytes, size_t count)
{
    char head[32];
    int length = snprintf(head, sizeof head, "*%zu\r\n", count);
    aero_buffer_append(out_bytes, head, (size_t)length);
}

void aero_sim_resp_append_command(struct aero_buffer *out_bytes, size_t count,
                                  const char *const words[])
{
    append_head(out_bytes, count);
    for (size_t i = 0; i < count; i++) {
        append_argument(out_bytes, aero_slice_text(words[i]));
    }
}

void aero_sim_resp_append_command_with(struct aero_buffer *out_bytes, size_t count,
                                       const char *const words[], struct aero_slice last)
{
    append_head(out_bytes, count + 1);
    for (size_t i = 0; i < count; i++) {
        append_argument(out_bytes, aero_slice_text(words[i]));
    }
    append_argument(out_bytes, last);
}

/* The number behind the type byte, and the bytes of its line with CRLF; 0 bytes: incomplete. */
static size_t read_line(struct aero_slice bytes, long long *out_number)
{
    const uint8_t *end = bytes.length == 0 ? NULL : memchr(bytes.data, '\n', bytes.length);
    if (end == NULL) {
        return 0;
    }
    char text[24] = "";
    size_t length = (size_t)(end - bytes.data);
    size_t digits = length < sizeof text ? length : sizeof text - 1;
    if (digits > 1) {
        memcpy(text, bytes.data + 1, digits - 1);
    }
    *out_number = strtoll(text, NULL, 10);
    return length + 1;
}

static struct aero_slice behind(struct aero_slice bytes, size_t skip)
{
    return aero_slice_of(bytes.data + skip, bytes.length - skip);
}

size_t aero_sim_resp_length(struct aero_slice bytes)
{
    long long number = 0;
    size_t line = read_line(bytes, &number);
    if (line == 0) {
        return 0;
    }
    switch (bytes.data[0]) {
    case '+':
    case '-':
    case ':':
        return line;
    case '$': {
        size_t total = number < 0 ? line : line + (size_t)number + 2;
        return total <= bytes.length ? total : 0;
    }
    case '*': {
        size_t total = line;
        for (long long i = 0; i < number; i++) {
            size_t element = aero_sim_resp_length(behind(bytes, total));
            if (element == 0 || element == SIZE_MAX) {
                return element;
            }
            total += element;
        }
        return total;
    }
    default:
        return SIZE_MAX;
    }
}

struct aero_slice aero_sim_resp_bulk(struct aero_slice reply)
{
    long long number = 0;
    size_t line = read_line(reply, &number);
    if (line == 0 || reply.data[0] != '$' || number < 0) {
        return aero_slice_of(NULL, 0);
    }
    return aero_slice_of(reply.data + line, (size_t)number);
}

struct aero_slice aero_sim_resp_element(struct aero_slice reply, size_t index)
{
    long long number = 0;
    size_t at = read_line(reply, &number);
    if (at == 0 || reply.data[0] != '*' || number < 0 || index >= (size_t)number) {
        return aero_slice_of(NULL, 0);
    }
    for (size_t i = 0; i < index; i++) {
        at += aero_sim_resp_length(behind(reply, at));
    }
    struct aero_slice rest = behind(reply, at);
    return aero_slice_of(rest.data, aero_sim_resp_length(rest));
}

bool aero_sim_resp_integer(struct aero_slice reply, long long *out_value)
{
    return reply.length > 0 && reply.data[0] == ':' && read_line(reply, out_value) > 0;
}

uint32_t aero_sim_resp_number(struct aero_slice reply)
{
    char text[16] = "";
    struct aero_slice bulk = aero_sim_resp_bulk(reply);
    if (bulk.data != NULL && bulk.length < sizeof text) {
        memcpy(text, bulk.data, bulk.length);
    }
    return (uint32_t)strtoul(text, NULL, 10);
}

bool aero_sim_resp_is_error(struct aero_slice reply, const char *code)
{
    size_t length = strlen(code);
    return reply.length > length && reply.data[0] == '-' &&
           memcmp(reply.data + 1, code, length) == 0;
}
