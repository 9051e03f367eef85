/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that look at many keys: KEYS, SCAN, DBSIZE, RANDOMKEY. Each first settles the database, so that what is
 * there is what exists, and its reply depends on the evaluated state as a whole (decision 10). A pattern that begins with
 * literal bytes looks only at the keys that begin with them: the keyspace is ordered. */
#include "server/call.h"

#include "base/assert.h"
#include "server/text.h"

#define SCAN_COUNT_DEFAULT 10
#define SCAN_COUNT_MAX 1000000
/* COUNT is a hint: a step ends here whatever it says, so that its reply is bounded by this and one key. */
#define SCAN_REPLY_BYTES_MAX ((size_t)1 << 20)
#define COUNT_DIGITS 10
#define RANDOM_TRIES 100

/* A walk over the keys of one database, in order, from a literal prefix on. */
struct walk {
    struct aero_cursor cursor;
    uint8_t database;
    struct aero_slice prefix;     /* keys that do not begin with it end the walk */
    struct aero_slice engine_key; /* the present one */
    struct aero_slice key;
    struct aero_entry entry;
};

/* Starts at the first key that begins with `prefix`, or behind the engine key `behind` where that is later. One of
 * another database (an empty one, too) is before the first. */
static void walk_begin(struct walk *walk, struct aero_call *call, struct aero_slice prefix,
                       struct aero_slice behind)
{
    struct aero_server *server = call->server;
    struct aero_slice key;
    struct aero_slice engine_key;
    struct aero_slice value;
    *walk = (struct walk){.database = call->session->database, .prefix = prefix};
    struct aero_slice from = aero_encode_key(&server->key, walk->database, prefix);
    bool resumed =
        aero_decode_key(behind, walk->database, &key) && aero_slice_compare(behind, from) >= 0;
    aero_cursor_seek(&walk->cursor, aero_tree_now(server), resumed ? behind : from);
    if (resumed && aero_cursor_get(&walk->cursor, &engine_key, &value) &&
        aero_slice_equal(engine_key, behind)) {
        aero_cursor_next(&walk->cursor);
    }
}

static bool walk_next(struct walk *walk, struct aero_call *call)
{
    struct aero_slice value;
    if (!aero_cursor_get(&walk->cursor, &walk->engine_key, &value) ||
        !aero_decode_key(walk->engine_key, walk->database, &walk->key) ||
        walk->key.length < walk->prefix.length ||
        !aero_slice_equal(aero_slice_of(walk->key.data, walk->prefix.length), walk->prefix)) {
        return false;
    }
    if (!aero_decode_value(value, &walk->entry)) {
        aero_refuse_entry(call);
        return false;
    }
    aero_cursor_next(&walk->cursor);
    return true;
}

/* An array whose count is known only at its end: room for the largest count is left, and closed up then. */
static size_t begin_counted_array(struct aero_call *call)
{
    size_t at = call->reply.out->length;
    aero_buffer_append(call->reply.out, "*0000000000\r\n", 3 + COUNT_DIGITS);
    return at;
}

/* Leading zeros would not be valid, so the elements move up behind the digits. */
static void end_counted_array(struct aero_call *call, size_t at, size_t count)
{
    struct aero_buffer *out = call->reply.out;
    char digits[AERO_DECIMAL_BYTES];
    size_t digit_count = aero_format_u64(count, digits);
    size_t head = 1 + digit_count + 2;
    size_t room = 3 + COUNT_DIGITS;
    AERO_ASSERT(digit_count <= COUNT_DIGITS);
    memmove(out->data + at + head, out->data + at + room, out->length - at - room);
    out->length -= room - head;
    memcpy(out->data + at + 1, digits, digit_count);
    memcpy(out->data + at + 1 + digit_count, "\r\n", 2);
}

static struct aero_slice literal_prefix(struct aero_slice pattern)
{
    return aero_slice_of(pattern.data, aero_glob_literal_prefix(pattern));
}

void aero_command_keys(struct aero_call *call)
{
    struct aero_slice pattern = call->arguments[1];
    struct walk walk;
    size_t count = 0;
    if (!aero_settle(call, call->session->database)) {
        return;
    }
    size_t array = begin_counted_array(call);
    walk_begin(&walk, call, literal_prefix(pattern), (struct aero_slice){0});
    while (walk_next(&walk, call) && !aero_call_reply_too_large(call)) {
        if (aero_entry_is_live(call->server, &walk.entry) &&
            aero_glob_match(pattern, walk.key, false)) {
            aero_resp_bulk(&call->reply, walk.key);
            count++;
        }
    }
    end_counted_array(call, array, count);
}

struct scan_options {
    uint64_t cursor;
    uint64_t count;
    bool has_pattern;
    struct aero_slice pattern;
    bool type_known; /* false: TYPE of something that we do not have matches nothing */
};

static bool parse_scan_options(struct aero_call *call, struct scan_options *out_options)
{
    struct scan_options options = {.count = SCAN_COUNT_DEFAULT, .type_known = true};
    if (!aero_parse_u64(call->arguments[1], &options.cursor)) {
        aero_call_error(call, "ERR invalid cursor");
        return false;
    }
    for (size_t i = 2; i < call->argument_count; i += 2) {
        if (i + 1 == call->argument_count) {
            aero_call_syntax_error(call);
            return false;
        }
        if (aero_call_is(call, i, "count")) {
            int64_t count;
            if (!aero_call_i64(call, i + 1, &count)) {
                return false;
            }
            if (count < 1) {
                aero_call_syntax_error(call);
                return false;
            }
            options.count = count < SCAN_COUNT_MAX ? (uint64_t)count : SCAN_COUNT_MAX;
        } else if (aero_call_is(call, i, "match")) {
            options.has_pattern = true;
            options.pattern = call->arguments[i + 1];
        } else if (aero_call_is(call, i, "type")) {
            options.type_known = aero_call_is(call, i + 1, "string");
        } else {
            aero_call_syntax_error(call);
            return false;
        }
    }
    *out_options = options;
    return true;
}

static bool scan_shows(struct aero_call *call, const struct scan_options *options,
                       const struct walk *walk)
{
    return options->type_known && aero_entry_is_live(call->server, &walk->entry) &&
           (!options->has_pattern || aero_glob_match(options->pattern, walk->key, false));
}

/* Visits `count` keys behind the cursor's position. The reply's first element, the next cursor, is known only behind
 * the second, so the keys are gathered in server->text. */
void aero_command_scan(struct aero_call *call)
{
    struct aero_server *server = call->server;
    struct scan_options options;
    struct walk walk;
    struct aero_buffer *position = &server->line;
    struct aero_resp_writer keys = {.out = &server->text, .version = call->reply.version};
    size_t shown = 0;
    uint64_t visited = 0;
    bool more = false;
    if (!parse_scan_options(call, &options) || !aero_settle(call, call->session->database)) {
        return;
    }
    aero_buffer_clear(keys.out);
    aero_buffer_clear(position);
    aero_scan_position(&server->scans, options.cursor, position);
    walk_begin(&walk, call,
               options.has_pattern ? literal_prefix(options.pattern) : (struct aero_slice){0},
               aero_buffer_slice(position));
    while ((more = walk_next(&walk, call)) && visited < options.count &&
           keys.out->length < SCAN_REPLY_BYTES_MAX) {
        if (scan_shows(call, &options, &walk)) {
            aero_resp_bulk(&keys, walk.key);
            shown++;
        }
        aero_buffer_clear(position);
        aero_buffer_append_slice(position, walk.engine_key);
        visited++;
    }
    uint64_t next = 0;
    if (more) {
        next = aero_scan_advance(&server->scans, options.cursor, aero_buffer_slice(position));
    } else {
        aero_scan_finish(&server->scans, options.cursor);
    }
    aero_resp_array(&call->reply, 2);
    aero_resp_bulk_u64(&call->reply, next);
    aero_resp_array(&call->reply, shown);
    aero_buffer_append_slice(call->reply.out, aero_buffer_slice(keys.out));
}

void aero_command_dbsize(struct aero_call *call)
{
    if (aero_settle(call, call->session->database)) {
        aero_resp_integer(&call->reply,
                          (int64_t)aero_key_count(call->server, call->session->database));
    }
}

/* Any key, by its rank. A replica may meet keys that are hidden, and then tries again, as Redis does. */
void aero_command_randomkey(struct aero_call *call)
{
    struct aero_server *server = call->server;
    uint8_t database = call->session->database;
    struct aero_range_key from = aero_range_of_keys(database);
    struct aero_range_key to = aero_range_behind_keys(database);
    if (!aero_settle(call, database)) {
        return;
    }
    const struct aero_tree *tree = aero_tree_now(server);
    uint64_t first = aero_tree_count_range(tree, (struct aero_slice){0}, aero_range_slice(&from));
    uint64_t count = aero_tree_count_range(tree, aero_range_slice(&from), aero_range_slice(&to));
    for (int i = 0; count != 0 && i < RANDOM_TRIES; i++) {
        struct aero_cursor cursor;
        struct aero_slice engine_key;
        struct aero_slice value;
        struct aero_slice key;
        struct aero_entry entry;
        aero_cursor_seek_index(&cursor, tree, first + aero_prng_below(&server->prng, count));
        bool found = aero_cursor_get(&cursor, &engine_key, &value);
        AERO_ASSERT(found);
        bool is_key = aero_decode_key(engine_key, database, &key);
        AERO_ASSERT(is_key);
        if (!aero_decode_value(value, &entry)) {
            aero_refuse_entry(call);
            return;
        }
        if (aero_entry_is_live(server, &entry)) {
            aero_resp_bulk(&call->reply, key);
            return;
        }
    }
    aero_resp_null(&call->reply);
}
