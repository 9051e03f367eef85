/* SPDX-License-Identifier: Apache-2.0 */
/* Replies as aeroctl reads them, the fields in them, and what our own writer writes. */
#include <stdio.h>

#include "ctl/reply.h"
#include "proto/resp_reply.h"
#include "tests/fuzz/fuzz.h"

static void look_at_fields(struct aero_slice text)
{
    struct aero_ctl_field field;
    struct aero_ctl_field part;
    struct aero_slice rest = text;
    char value[24];
    while (aero_ctl_field_next(&rest, &field)) {
        AERO_ASSERT(memchr(field.name.data, ':', field.name.length) == NULL);
        AERO_ASSERT(field.value.data + field.value.length <= text.data + text.length);
        struct aero_slice parts = field.value;
        while (aero_ctl_part_next(&parts, &part)) {
            AERO_ASSERT(part.value.data + part.value.length <=
                        field.value.data + field.value.length);
        }
        if (field.name.length < 16 && memchr(field.name.data, '\0', field.name.length) == NULL) {
            char name[16];
            snprintf(name, sizeof name, "%.*s", (int)field.name.length,
                     (const char *)field.name.data);
            AERO_ASSERT(aero_ctl_field_find(text, name, value, sizeof value));
        }
    }
    AERO_ASSERT(rest.length == 0);
}

/* A reply is known by its own bytes: fewer of them are a beginning, more change nothing. */
static void look_at_reply(struct aero_slice input)
{
    struct aero_ctl_reply reply;
    struct aero_ctl_reply again;
    size_t consumed = 0;
    size_t consumed_again = 0;
    aero_status status = aero_ctl_reply_parse(input, &reply, &consumed);
    if (!aero_is_ok(status)) {
        return;
    }
    AERO_ASSERT(consumed >= 3 && consumed <= input.length);
    uint8_t *exact = fuzz_copy(aero_slice_of(input.data, consumed));
    status = aero_ctl_reply_parse(aero_slice_of(exact, consumed), &again, &consumed_again);
    AERO_ASSERT(aero_is_ok(status) && consumed_again == consumed && again.kind == reply.kind);
    if (reply.kind != AERO_CTL_REPLY_NULL) {
        AERO_ASSERT(aero_slice_equal(reply.text, again.text));
        look_at_fields(reply.text);
    }
    free(exact);
    size_t step = consumed / 64 + 1;
    for (size_t length = 0; length < consumed; length += step) {
        status = aero_ctl_reply_parse(aero_slice_of(input.data, length), &again, &consumed_again);
        AERO_ASSERT(status.code == AERO_INCOMPLETE);
    }
}

static void expect(struct aero_buffer *bytes, enum aero_ctl_reply_kind kind, struct aero_slice text)
{
    struct aero_ctl_reply reply;
    size_t consumed;
    aero_status status = aero_ctl_reply_parse(aero_buffer_slice(bytes), &reply, &consumed);
    AERO_ASSERT(aero_is_ok(status) && consumed == bytes->length && reply.kind == kind);
    AERO_ASSERT(kind == AERO_CTL_REPLY_NULL || aero_slice_equal(reply.text, text));
    aero_buffer_clear(bytes);
}

/* What the server writes, aeroctl reads. An error's line breaks become blanks: it must stay one line. */
static void write_and_read(struct aero_slice text)
{
    struct aero_buffer bytes = {0};
    struct aero_resp_writer writer = {.out = &bytes, .version = 2};
    aero_resp_bulk(&writer, text);
    expect(&bytes, AERO_CTL_REPLY_TEXT, text);
    aero_resp_null(&writer);
    expect(&bytes, AERO_CTL_REPLY_NULL, text);
    uint8_t *line = fuzz_copy(text);
    for (size_t i = 0; i < text.length; i++) {
        line[i] = line[i] == '\r' || line[i] == '\n' ? ' ' : line[i];
    }
    aero_resp_error_slice(&writer, text);
    expect(&bytes, AERO_CTL_REPLY_ERROR, aero_slice_of(line, text.length));
    free(line);
    uint64_t number = 0;
    memcpy(&number, text.data, text.length < 8 ? text.length : 8);
    char digits[AERO_DECIMAL_BYTES];
    size_t digit_count = aero_format_i64((int64_t)number, digits);
    aero_resp_integer(&writer, (int64_t)number);
    expect(&bytes, AERO_CTL_REPLY_TEXT, aero_slice_of(digits, digit_count));
    digit_count = aero_format_u64(number, digits);
    aero_resp_bulk_u64(&writer, number);
    expect(&bytes, AERO_CTL_REPLY_TEXT, aero_slice_of(digits, digit_count));
    aero_buffer_deinit(&bytes);
}

void fuzz_one(struct aero_slice input)
{
    look_at_reply(input);
    look_at_fields(input);
    write_and_read(input);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char *const texts[] = {
        "+OK\r\n",
        "-ERR no\r\n",
        ":42\r\n",
        "$-1\r\n",
        "$5\r\nhello\r\n",
        "$40\r\nrole:master\r\nreplica0:name=a,lag_lsn=3\r\nx\r\n",
        "*2\r\n",
        "$99999999999\r\n",
        "# Replication\r\nrole:master\r\n\r\nslave0:ip=1.2.3.4,port=5\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        fuzz_seed(seeds, aero_slice_text(texts[i]));
    }
}
