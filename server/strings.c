/* SPDX-License-Identifier: Apache-2.0 */
/* Strings and counters. What is logged is the new value, never the operation (DET-1). */
#include "server/call.h"

#include <math.h>

#include "base/assert.h"
#include "server/expire_time.h"
#include "server/text.h"

static const struct aero_slice nothing = {0};

static void reply_entry(struct aero_call *call, const struct aero_entry *entry)
{
    aero_resp_bulk(&call->reply, entry->payload);
}

/* The entry or nil. */
static bool reply_get(struct aero_call *call, struct aero_slice key, struct aero_entry *out_entry)
{
    bool exists = aero_find_counted(call, key, out_entry);
    if (exists) {
        reply_entry(call, out_entry);
    } else {
        aero_resp_null(&call->reply);
    }
    return exists;
}

void aero_command_get(struct aero_call *call)
{
    struct aero_entry entry;
    (void)reply_get(call, call->arguments[1], &entry);
}

struct set_options {
    bool only_new;
    bool only_old;
    bool keep_deadline;
    bool get;
    bool has_deadline;
    uint64_t deadline_ms;
};

static bool parse_set_options(struct aero_call *call, struct set_options *out_options)
{
    struct set_options options = {0};
    struct aero_expire_option expire = {0};
    for (size_t i = 3; i < call->argument_count; i++) {
        if (aero_call_is(call, i, "nx") && !options.only_old) {
            options.only_new = true;
        } else if (aero_call_is(call, i, "xx") && !options.only_new) {
            options.only_old = true;
        } else if (aero_call_is(call, i, "get")) {
            options.get = true;
        } else if (aero_call_is(call, i, "keepttl") && expire.unit == AERO_EXPIRE_NONE) {
            options.keep_deadline = true;
        } else if (!options.keep_deadline && aero_expire_option_take(call, &i, &expire)) {
            continue;
        } else {
            aero_call_syntax_error(call);
            return false;
        }
    }
    if (!aero_expire_option_deadline(call, &expire, &options.deadline_ms)) {
        return false;
    }
    options.has_deadline = expire.unit != AERO_EXPIRE_NONE;
    *out_options = options;
    return true;
}

/* Sets the key; a deadline that has passed already leaves it absent, which is what everybody would find. */
static void set_string(struct aero_call *call, struct aero_slice key, const struct aero_entry *old,
                       uint64_t deadline_ms, struct aero_slice value)
{
    if (deadline_ms != 0 && deadline_ms <= aero_expiry_clock(call->server)) {
        if (old != NULL) {
            aero_remove(call, call->session->database, key, old);
        }
        return;
    }
    aero_store(call, call->session->database, key, old, deadline_ms, value, nothing);
}

void aero_command_set(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct set_options options = {0};
    struct aero_entry entry;
    if (call->argument_count > 3 && !parse_set_options(call, &options)) {
        return;
    }
    bool exists = options.get ? reply_get(call, key, &entry) : aero_find(call, key, &entry);
    if ((options.only_new && exists) || (options.only_old && !exists)) {
        if (!options.get) {
            aero_resp_null(&call->reply);
        }
        return;
    }
    uint64_t deadline_ms = options.has_deadline ? options.deadline_ms : 0;
    if (options.keep_deadline && exists) {
        deadline_ms = entry.deadline_ms;
    }
    set_string(call, key, exists ? &entry : NULL, deadline_ms, call->arguments[2]);
    if (!options.get) {
        aero_call_ok(call);
    }
}

void aero_command_setnx(struct aero_call *call)
{
    struct aero_entry entry;
    bool exists = aero_find(call, call->arguments[1], &entry);
    if (!exists) {
        set_string(call, call->arguments[1], NULL, 0, call->arguments[2]);
    }
    aero_resp_integer(&call->reply, !exists);
}

static void set_with_deadline(struct aero_call *call, enum aero_expire_unit unit)
{
    struct aero_expire_option expire = {.unit = unit, .argument = 2};
    struct aero_entry entry;
    uint64_t deadline_ms;
    if (!aero_expire_option_deadline(call, &expire, &deadline_ms)) {
        return;
    }
    bool exists = aero_find(call, call->arguments[1], &entry);
    set_string(call, call->arguments[1], exists ? &entry : NULL, deadline_ms, call->arguments[3]);
    aero_call_ok(call);
}

void aero_command_setex(struct aero_call *call)
{
    set_with_deadline(call, AERO_EXPIRE_IN_S);
}

void aero_command_psetex(struct aero_call *call)
{
    set_with_deadline(call, AERO_EXPIRE_IN_MS);
}

void aero_command_getset(struct aero_call *call)
{
    struct aero_entry entry;
    bool exists = reply_get(call, call->arguments[1], &entry);
    set_string(call, call->arguments[1], exists ? &entry : NULL, 0, call->arguments[2]);
}

void aero_command_getdel(struct aero_call *call)
{
    struct aero_entry entry;
    if (reply_get(call, call->arguments[1], &entry)) {
        aero_remove(call, call->session->database, call->arguments[1], &entry);
    }
}

void aero_command_getex(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct aero_expire_option expire = {0};
    struct aero_entry entry;
    bool persist = false;
    uint64_t deadline_ms = 0;
    for (size_t i = 2; i < call->argument_count; i++) {
        if (aero_call_is(call, i, "persist") && expire.unit == AERO_EXPIRE_NONE) {
            persist = true;
        } else if (persist || !aero_expire_option_take(call, &i, &expire)) {
            aero_call_syntax_error(call);
            return;
        }
    }
    if (!aero_find_counted(call, key, &entry)) {
        aero_resp_null(&call->reply);
        return;
    }
    if (!aero_expire_option_deadline(call, &expire, &deadline_ms)) {
        return;
    }
    reply_entry(call, &entry);
    if (expire.unit != AERO_EXPIRE_NONE && deadline_ms <= aero_expiry_clock(call->server)) {
        aero_remove(call, call->session->database, key, &entry);
    } else if (expire.unit != AERO_EXPIRE_NONE || (persist && entry.deadline_ms != 0)) {
        aero_store_deadline(call, key, &entry, deadline_ms);
    }
}

void aero_command_mget(struct aero_call *call)
{
    struct aero_entry entry;
    aero_resp_array(&call->reply, call->argument_count - 1);
    for (size_t i = 1; i < call->argument_count && !aero_call_reply_too_large(call); i++) {
        (void)reply_get(call, call->arguments[i], &entry);
    }
}

static void set_pairs(struct aero_call *call)
{
    for (size_t i = 1; i < call->argument_count; i += 2) {
        struct aero_entry entry;
        bool exists = aero_find(call, call->arguments[i], &entry);
        set_string(call, call->arguments[i], exists ? &entry : NULL, 0, call->arguments[i + 1]);
    }
}

void aero_command_mset(struct aero_call *call)
{
    if (call->argument_count % 2 == 0) {
        aero_call_arity_error(call);
        return;
    }
    set_pairs(call);
    aero_call_ok(call);
}

void aero_command_msetnx(struct aero_call *call)
{
    if (call->argument_count % 2 == 0) {
        aero_call_arity_error(call);
        return;
    }
    for (size_t i = 1; i < call->argument_count; i += 2) {
        struct aero_entry entry;
        if (aero_find(call, call->arguments[i], &entry)) {
            aero_resp_integer(&call->reply, 0);
            return;
        }
    }
    set_pairs(call);
    aero_resp_integer(&call->reply, 1);
}

static bool string_length_fits(struct aero_call *call, uint64_t length)
{
    if (length > call->server->options.bulk_bytes_max) {
        aero_call_error(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return false;
    }
    return true;
}

void aero_command_append(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct aero_slice tail = call->arguments[2];
    struct aero_entry entry;
    if (!aero_find(call, key, &entry)) {
        aero_store(call, call->session->database, key, NULL, 0, tail, nothing);
        aero_resp_integer(&call->reply, (int64_t)tail.length);
        return;
    }
    size_t length = entry.payload.length + tail.length;
    if (string_length_fits(call, length)) {
        aero_store(call, call->session->database, key, &entry, entry.deadline_ms, entry.payload,
                   tail);
        aero_resp_integer(&call->reply, (int64_t)length);
    }
}

void aero_command_strlen(struct aero_call *call)
{
    struct aero_entry entry;
    bool exists = aero_find_counted(call, call->arguments[1], &entry);
    aero_resp_integer(&call->reply, exists ? (int64_t)entry.payload.length : 0);
}

/* Redis's rules for start and end, negative ones counted from the back. */
static struct aero_slice substring(struct aero_slice whole, int64_t start, int64_t end)
{
    int64_t length = (int64_t)whole.length;
    if (start < 0 && end < 0 && start > end) {
        return nothing;
    }
    start = start < 0 ? start + length : start;
    end = end < 0 ? end + length : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    end = end >= length ? length - 1 : end;
    if (start > end) { /* always so in an empty string: its last byte is -1 */
        return nothing;
    }
    return aero_slice_of(whole.data + start, (size_t)(end - start + 1));
}

void aero_command_getrange(struct aero_call *call)
{
    int64_t start;
    int64_t end;
    struct aero_entry entry;
    if (!aero_call_i64(call, 2, &start) || !aero_call_i64(call, 3, &end)) {
        return;
    }
    bool exists = aero_find_counted(call, call->arguments[1], &entry);
    aero_resp_bulk(&call->reply, exists ? substring(entry.payload, start, end) : nothing);
}

/* The payload of `entry` (NULL: none) with zeros behind it up to `length`, in server->text. */
static struct aero_buffer *copy_padded(struct aero_call *call, const struct aero_entry *entry,
                                       size_t length)
{
    struct aero_buffer *text = &call->server->text;
    aero_buffer_clear(text);
    if (entry != NULL) {
        aero_buffer_append_slice(text, entry->payload);
    }
    if (text->length < length) {
        memset(aero_buffer_reserve(text, length - text->length), 0, length - text->length);
        text->length = length;
    }
    return text;
}

void aero_command_setrange(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct aero_slice part = call->arguments[3];
    struct aero_entry entry;
    int64_t offset;
    if (!aero_call_i64(call, 2, &offset)) {
        return;
    }
    if (offset < 0) {
        aero_call_error(call, "ERR offset is out of range");
        return;
    }
    bool exists = aero_find(call, key, &entry);
    if (part.length == 0) {
        aero_resp_integer(&call->reply, exists ? (int64_t)entry.payload.length : 0);
        return;
    }
    if (!string_length_fits(call, (uint64_t)offset + part.length)) {
        return;
    }
    const struct aero_entry *old = exists ? &entry : NULL;
    struct aero_buffer *text = copy_padded(call, old, (size_t)offset + part.length);
    memcpy(text->data + offset, part.data, part.length);
    aero_store(call, call->session->database, key, old, old == NULL ? 0 : old->deadline_ms,
               aero_buffer_slice(text), nothing);
    aero_resp_integer(&call->reply, (int64_t)text->length);
}

static void add(struct aero_call *call, int64_t increment)
{
    struct aero_slice key = call->arguments[1];
    struct aero_entry entry;
    int64_t value = 0;
    bool exists = aero_find(call, key, &entry);
    if (exists && !aero_parse_i64(entry.payload, &value)) {
        aero_call_error(call, "ERR value is not an integer or out of range");
        return;
    }
    int64_t sum;
    if (__builtin_add_overflow(value, increment, &sum)) {
        aero_call_error(call, "ERR increment or decrement would overflow");
        return;
    }
    char digits[AERO_DECIMAL_BYTES];
    struct aero_slice text = aero_slice_of(digits, aero_format_i64(sum, digits));
    const struct aero_entry *old = exists ? &entry : NULL;
    aero_store(call, call->session->database, key, old, old == NULL ? 0 : old->deadline_ms, text,
               nothing);
    aero_resp_integer(&call->reply, sum);
}

void aero_command_incr(struct aero_call *call)
{
    add(call, 1);
}

void aero_command_decr(struct aero_call *call)
{
    add(call, -1);
}

void aero_command_incrby(struct aero_call *call)
{
    int64_t increment;
    if (aero_call_i64(call, 2, &increment)) {
        add(call, increment);
    }
}

void aero_command_decrby(struct aero_call *call)
{
    int64_t decrement;
    if (!aero_call_i64(call, 2, &decrement)) {
        return;
    }
    if (decrement == INT64_MIN) {
        aero_call_error(call, "ERR decrement would overflow");
        return;
    }
    add(call, -decrement);
}

void aero_command_incrbyfloat(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct aero_entry entry;
    long double value = 0;
    long double increment;
    bool exists = aero_find(call, key, &entry);
    if ((exists && !aero_parse_long_double(entry.payload, &value)) ||
        !aero_parse_long_double(call->arguments[2], &increment)) {
        aero_call_error(call, "ERR value is not a valid float");
        return;
    }
    value += increment;
    if (isnan(value) || isinf(value)) {
        aero_call_error(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char digits[AERO_LONG_DOUBLE_TEXT];
    struct aero_slice text = aero_slice_of(digits, aero_format_long_double(value, digits));
    const struct aero_entry *old = exists ? &entry : NULL;
    aero_store(call, call->session->database, key, old, old == NULL ? 0 : old->deadline_ms, text,
               nothing);
    aero_resp_bulk(&call->reply, text);
}
