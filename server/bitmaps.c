/* SPDX-License-Identifier: Apache-2.0 */
/* Strings as arrays of bits; bit 0 is the highest bit of the first byte, as in Redis. */
#include "server/call.h"

#include "server/text.h"

static const struct aero_slice nothing = {0};

/* A bit's number; false: the error is written. */
static bool parse_bit_offset(struct aero_call *call, size_t argument, uint64_t *out_offset)
{
    int64_t offset;
    if (!aero_parse_i64(call->arguments[argument], &offset) || offset < 0 ||
        (uint64_t)offset >> 3 >= call->server->options.bulk_bytes_max) {
        aero_call_error(call, "ERR bit offset is not an integer or out of range");
        return false;
    }
    *out_offset = (uint64_t)offset;
    return true;
}

static unsigned bit_at(struct aero_slice bytes, uint64_t offset)
{
    uint64_t byte = offset >> 3;
    return byte < bytes.length ? bytes.data[byte] >> (7 - (offset & 7)) & 1U : 0;
}

void aero_command_getbit(struct aero_call *call)
{
    uint64_t offset;
    struct aero_entry entry;
    if (!parse_bit_offset(call, 2, &offset)) {
        return;
    }
    bool exists = aero_find_counted(call, call->arguments[1], &entry);
    aero_resp_integer(&call->reply, exists ? bit_at(entry.payload, offset) : 0);
}

void aero_command_setbit(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    struct aero_buffer *text = &call->server->text;
    struct aero_entry entry;
    uint64_t offset;
    int64_t bit;
    if (!parse_bit_offset(call, 2, &offset)) {
        return;
    }
    if (!aero_parse_i64(call->arguments[3], &bit) || (bit != 0 && bit != 1)) {
        aero_call_error(call, "ERR bit is not an integer or out of range");
        return;
    }
    const struct aero_entry *old = aero_find(call, key, &entry) ? &entry : NULL;
    size_t length = (size_t)(offset >> 3) + 1;
    aero_buffer_clear(text);
    if (old != NULL) {
        aero_buffer_append_slice(text, old->payload);
    }
    if (text->length < length) {
        memset(aero_buffer_reserve(text, length - text->length), 0, length - text->length);
        text->length = length;
    }
    uint8_t mask = (uint8_t)(1U << (7 - (offset & 7)));
    unsigned before = bit_at(aero_buffer_slice(text), offset);
    uint8_t *byte = &text->data[offset >> 3];
    *byte = (uint8_t)(bit != 0 ? *byte | mask : *byte & ~mask);
    aero_store(call, call->session->database, key, old, old == NULL ? 0 : old->deadline_ms,
               aero_buffer_slice(text), nothing);
    aero_resp_integer(&call->reply, before);
}

/* A range of bits [first, last], both inclusive; empty when first > last. */
struct bit_range {
    int64_t first;
    int64_t last;
};

/* Whether a range is given in bits; without that argument in bytes. False: error written. */
static bool parse_unit(struct aero_call *call, size_t argument, bool *out_in_bits)
{
    *out_in_bits = false;
    if (call->argument_count > argument) {
        *out_in_bits = aero_call_is(call, argument, "bit");
        if (!*out_in_bits && !aero_call_is(call, argument, "byte")) {
            aero_call_syntax_error(call);
            return false;
        }
    }
    return true;
}

static struct bit_range resolve_range(size_t bytes, bool in_bits, int64_t start, int64_t end)
{
    int64_t total = (int64_t)bytes * (in_bits ? 8 : 1);
    start = start < 0 ? start + total : start;
    end = end < 0 ? end + total : end;
    start = start < 0 ? 0 : start;
    end = end < 0 ? 0 : end;
    end = end >= total ? total - 1 : end;
    if (start > end) {
        return (struct bit_range){.first = 0, .last = -1};
    }
    return in_bits ? (struct bit_range){.first = start, .last = end}
                   : (struct bit_range){.first = start * 8, .last = end * 8 + 7};
}

static int64_t count_bits(struct aero_slice bytes, struct bit_range range)
{
    int64_t count = 0;
    int64_t bit = range.first;
    for (; bit <= range.last && (bit & 7) != 0; bit++) {
        count += bit_at(bytes, (uint64_t)bit);
    }
    for (; bit + 63 <= range.last; bit += 64) {
        uint64_t word;
        memcpy(&word, bytes.data + (bit >> 3), sizeof word);
        count += __builtin_popcountll(word);
    }
    for (; bit <= range.last; bit++) {
        count += bit_at(bytes, (uint64_t)bit);
    }
    return count;
}

void aero_command_bitcount(struct aero_call *call)
{
    struct aero_entry entry;
    bool in_bits = false;
    int64_t start = 0;
    int64_t end = -1;
    if (call->argument_count != 2 && call->argument_count != 4 && call->argument_count != 5) {
        aero_call_syntax_error(call);
        return;
    }
    if (call->argument_count > 2 &&
        (!aero_call_i64(call, 2, &start) || !aero_call_i64(call, 3, &end) ||
         !parse_unit(call, 4, &in_bits))) {
        return;
    }
    bool exists = aero_find_counted(call, call->arguments[1], &entry);
    int64_t count = 0;
    /* Such a range is empty also where both ends lie before the string (Redis: in BITCOUNT, not in BITPOS). */
    bool is_backwards = start < 0 && end < 0 && start > end;
    if (exists && !is_backwards) {
        count = count_bits(entry.payload, resolve_range(entry.payload.length, in_bits, start, end));
    }
    aero_resp_integer(&call->reply, count);
}

static int64_t find_bit(struct aero_slice bytes, struct bit_range range, unsigned bit)
{
    uint8_t skipped = bit == 1 ? 0x00 : 0xff;
    for (int64_t at = range.first; at <= range.last;) {
        if ((at & 7) == 0 && at + 7 <= range.last && bytes.data[at >> 3] == skipped) {
            at += 8;
        } else if (bit_at(bytes, (uint64_t)at) == bit) {
            return at;
        } else {
            at++;
        }
    }
    return -1;
}

void aero_command_bitpos(struct aero_call *call)
{
    struct aero_entry entry;
    bool in_bits = false;
    bool end_given = call->argument_count >= 5;
    int64_t bit;
    int64_t start = 0;
    int64_t end = -1;
    if (!aero_call_i64(call, 2, &bit)) {
        return;
    }
    if (bit != 0 && bit != 1) {
        aero_call_error(call, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (call->argument_count > 6) {
        aero_call_syntax_error(call);
        return;
    }
    if (call->argument_count > 3 && !aero_call_i64(call, 3, &start)) {
        return;
    }
    if (end_given && (!parse_unit(call, 5, &in_bits) || !aero_call_i64(call, 4, &end))) {
        return;
    }
    if (!aero_find_counted(call, call->arguments[1], &entry)) {
        aero_resp_integer(&call->reply, bit == 1 ? -1 : 0);
        return;
    }
    struct bit_range range = resolve_range(entry.payload.length, in_bits, start, end);
    int64_t position = find_bit(entry.payload, range, (unsigned)bit);
    if (position == -1 && bit == 0 && !end_given && range.first <= range.last) {
        /* Behind its end a string is thought to go on with zeros. */
        position = (int64_t)entry.payload.length * 8;
    }
    aero_resp_integer(&call->reply, position);
}

enum bit_operation {
    BITS_AND,
    BITS_OR,
    BITS_XOR,
    BITS_NOT,
};

static bool parse_operation(struct aero_call *call, enum bit_operation *out_operation)
{
    static const char *const words[] = {"and", "or", "xor", "not"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (aero_call_is(call, 1, words[i])) {
            *out_operation = (enum bit_operation)i;
            return true;
        }
    }
    aero_call_syntax_error(call);
    return false;
}

/* Missing bytes of a shorter string are zeros. */
static void combine(struct aero_buffer *result, struct aero_slice next,
                    enum bit_operation operation)
{
    if (result->length < next.length) {
        size_t more = next.length - result->length;
        memset(aero_buffer_reserve(result, more), 0, more);
        result->length = next.length;
    }
    for (size_t i = 0; i < result->length; i++) {
        uint8_t byte = i < next.length ? next.data[i] : 0;
        switch (operation) {
        case BITS_AND:
            result->data[i] &= byte;
            break;
        case BITS_OR:
            result->data[i] |= byte;
            break;
        case BITS_XOR:
            result->data[i] ^= byte;
            break;
        case BITS_NOT:
            result->data[i] = (uint8_t)~byte;
            break;
        }
    }
}

/* The first source as it is, each further one combined with what is there: each lies in the tree only until the next
 * is looked for, so it is copied at once. */
static void gather(struct aero_call *call, enum bit_operation operation, struct aero_buffer *result)
{
    aero_buffer_clear(result);
    for (size_t i = 3; i < call->argument_count; i++) {
        struct aero_entry entry;
        bool exists = aero_find_counted(call, call->arguments[i], &entry);
        struct aero_slice payload = exists ? entry.payload : nothing;
        if (i == 3 && operation != BITS_NOT) {
            aero_buffer_append_slice(result, payload);
        } else {
            combine(result, payload, operation);
        }
    }
}

void aero_command_bitop(struct aero_call *call)
{
    struct aero_slice key = call->arguments[2];
    struct aero_buffer *result = &call->server->text;
    enum bit_operation operation;
    struct aero_entry entry;
    if (!parse_operation(call, &operation)) {
        return;
    }
    if (operation == BITS_NOT && call->argument_count != 4) {
        aero_call_error(call, "ERR BITOP NOT must be called with a single source key.");
        return;
    }
    gather(call, operation, result);
    bool exists = aero_find(call, key, &entry);
    if (result->length != 0) {
        aero_store(call, call->session->database, key, exists ? &entry : NULL, 0,
                   aero_buffer_slice(result), nothing);
    } else if (exists) {
        aero_remove(call, call->session->database, key, &entry);
    }
    aero_resp_integer(&call->reply, (int64_t)result->length);
}
