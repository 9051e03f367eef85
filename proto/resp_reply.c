/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/resp_reply.h"

size_t aero_format_u64(uint64_t value, char out_text[AERO_DECIMAL_BYTES])
{
    char reversed[AERO_DECIMAL_BYTES];
    size_t length = 0;
    do {
        reversed[length++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < length; i++) {
        out_text[i] = reversed[length - 1 - i];
    }
    return length;
}

size_t aero_format_i64(int64_t value, char out_text[AERO_DECIMAL_BYTES])
{
    if (value >= 0) {
        return aero_format_u64((uint64_t)value, out_text);
    }
    out_text[0] = '-';
    char digits[AERO_DECIMAL_BYTES];
    size_t length = aero_format_u64(0 - (uint64_t)value, digits);
    memcpy(out_text + 1, digits, length);
    return length + 1;
}

static void put_line(struct aero_resp_writer *writer, char type, const char *text, size_t length)
{
    uint8_t *to = aero_buffer_reserve(writer->out, length + 3);
    to[0] = (uint8_t)type;
    memcpy(to + 1, text, length);
    to[1 + length] = '\r';
    to[2 + length] = '\n';
    writer->out->length += length + 3;
}

static void put_count(struct aero_resp_writer *writer, char type, size_t count)
{
    char digits[AERO_DECIMAL_BYTES];
    put_line(writer, type, digits, aero_format_u64(count, digits));
}

/* "<type><length>\r\n<bytes>\r\n", with room made once. */
static void put_bytes(struct aero_resp_writer *writer, char type, struct aero_slice prefix,
                      struct aero_slice bytes)
{
    aero_buffer_reserve(writer->out, prefix.length + bytes.length + AERO_DECIMAL_BYTES + 5);
    put_count(writer, type, prefix.length + bytes.length);
    aero_buffer_append_slice(writer->out, prefix);
    aero_buffer_append_slice(writer->out, bytes);
    aero_buffer_append(writer->out, "\r\n", 2);
}

void aero_resp_simple(struct aero_resp_writer *writer, const char *text)
{
    put_line(writer, '+', text, strlen(text));
}

void aero_resp_error_slice(struct aero_resp_writer *writer, struct aero_slice text)
{
    size_t begin = writer->out->length + 1;
    put_line(writer, '-', (const char *)text.data, text.length);
    for (size_t i = 0; i < text.length; i++) {
        uint8_t *c = &writer->out->data[begin + i];
        if (*c == '\r' || *c == '\n') {
            *c = ' ';
        }
    }
}

void aero_resp_error(struct aero_resp_writer *writer, const char *text)
{
    aero_resp_error_slice(writer, aero_slice_text(text));
}

void aero_resp_integer(struct aero_resp_writer *writer, int64_t value)
{
    char digits[AERO_DECIMAL_BYTES];
    put_line(writer, ':', digits, aero_format_i64(value, digits));
}

void aero_resp_bulk(struct aero_resp_writer *writer, struct aero_slice bytes)
{
    put_bytes(writer, '$', (struct aero_slice){0}, bytes);
}

void aero_resp_bulk_text(struct aero_resp_writer *writer, const char *text)
{
    aero_resp_bulk(writer, aero_slice_text(text));
}

void aero_resp_bulk_u64(struct aero_resp_writer *writer, uint64_t value)
{
    char digits[AERO_DECIMAL_BYTES];
    aero_resp_bulk(writer, aero_slice_of(digits, aero_format_u64(value, digits)));
}

void aero_resp_null(struct aero_resp_writer *writer)
{
    if (writer->version >= 3) {
        aero_buffer_append(writer->out, "_\r\n", 3);
    } else {
        aero_buffer_append(writer->out, "$-1\r\n", 5);
    }
}

void aero_resp_null_array(struct aero_resp_writer *writer)
{
    if (writer->version >= 3) {
        aero_buffer_append(writer->out, "_\r\n", 3);
    } else {
        aero_buffer_append(writer->out, "*-1\r\n", 5);
    }
}

void aero_resp_verbatim(struct aero_resp_writer *writer, struct aero_slice text)
{
    if (writer->version >= 3) {
        put_bytes(writer, '=', aero_slice_text("txt:"), text);
    } else {
        aero_resp_bulk(writer, text);
    }
}

void aero_resp_array(struct aero_resp_writer *writer, size_t element_count)
{
    put_count(writer, '*', element_count);
}

void aero_resp_map(struct aero_resp_writer *writer, size_t pair_count)
{
    if (writer->version >= 3) {
        put_count(writer, '%', pair_count);
    } else {
        put_count(writer, '*', 2 * pair_count);
    }
}

void aero_resp_set(struct aero_resp_writer *writer, size_t element_count)
{
    put_count(writer, writer->version >= 3 ? '~' : '*', element_count);
}
