/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as such, whatever they hold. */
#include "server/call.h"

#include <stdio.h>

#include "base/assert.h"
#include "server/text.h"

static const struct aero_slice nothing = {0};

void aero_command_del(struct aero_call *call)
{
    int64_t removed = 0;
    for (size_t i = 1; i < call->argument_count; i++) {
        struct aero_entry entry;
        if (aero_find(call, call->arguments[i], &entry)) {
            aero_remove(call, call->session->database, call->arguments[i], &entry);
            removed++;
        }
    }
    aero_resp_integer(&call->reply, removed);
}

void aero_command_exists(struct aero_call *call)
{
    int64_t found = 0;
    for (size_t i = 1; i < call->argument_count; i++) {
        struct aero_entry entry;
        found += aero_find_counted(call, call->arguments[i], &entry);
    }
    aero_resp_integer(&call->reply, found);
}

void aero_command_type(struct aero_call *call)
{
    struct aero_entry entry;
    bool found = aero_find_counted(call, call->arguments[1], &entry);
    aero_resp_simple(&call->reply, found ? "string" : "none");
}

/* Moves or copies an entry, payload and deadline, over whatever is there. The source was found last: its payload lies in
 * the tree until the first change, and aero_store copies before it changes. */
static void copy_entry(struct aero_call *call, uint8_t database, struct aero_slice to,
                       const struct aero_entry *source, const struct aero_entry *old)
{
    aero_store(call, database, to, old, source->deadline_ms, source->payload, nothing);
}

static void rename_key(struct aero_call *call, bool only_new)
{
    struct aero_slice from = call->arguments[1];
    struct aero_slice to = call->arguments[2];
    uint8_t database = call->session->database;
    struct aero_entry source;
    struct aero_entry target;
    bool target_exists = aero_find(call, to, &target);
    if (!aero_find(call, from, &source)) { /* found last: its payload is needed */
        aero_call_error(call, "ERR no such key");
        return;
    }
    bool same = aero_slice_equal(from, to);
    if (only_new) {
        aero_resp_integer(&call->reply, !target_exists);
    } else {
        aero_call_ok(call);
    }
    if (same || (only_new && target_exists)) {
        return;
    }
    copy_entry(call, database, to, &source, target_exists ? &target : NULL);
    aero_remove(call, database, from, &source);
}

void aero_command_rename(struct aero_call *call)
{
    rename_key(call, false);
}

void aero_command_renamenx(struct aero_call *call)
{
    rename_key(call, true);
}

/* False: the error is written. */
static bool parse_database(struct aero_call *call, size_t argument, uint8_t *out_database)
{
    int64_t database;
    if (!aero_call_i64(call, argument, &database)) {
        return false;
    }
    if (database < 0 || database >= AERO_DATABASE_COUNT) {
        aero_call_error(call, "ERR DB index is out of range");
        return false;
    }
    *out_database = (uint8_t)database;
    return true;
}

void aero_command_copy(struct aero_call *call)
{
    uint8_t database = call->session->database;
    struct aero_entry source;
    struct aero_entry target;
    bool replace = false;
    for (size_t i = 3; i < call->argument_count; i++) {
        if (aero_call_is(call, i, "replace")) {
            replace = true;
        } else if (aero_call_is(call, i, "db") && i + 1 < call->argument_count) {
            if (!parse_database(call, ++i, &database)) {
                return;
            }
        } else {
            aero_call_syntax_error(call);
            return;
        }
    }
    if (database == call->session->database &&
        aero_slice_equal(call->arguments[1], call->arguments[2])) {
        aero_call_error(call, "ERR source and destination objects are the same");
        return;
    }
    bool target_exists = aero_find_in(call, database, call->arguments[2], &target);
    bool copied =
        aero_find_counted(call, call->arguments[1], &source) && (replace || !target_exists);
    if (copied) {
        copy_entry(call, database, call->arguments[2], &source, target_exists ? &target : NULL);
    }
    aero_resp_integer(&call->reply, copied);
}

void aero_command_move(struct aero_call *call)
{
    struct aero_slice key = call->arguments[1];
    uint8_t from = call->session->database;
    uint8_t to;
    struct aero_entry source;
    struct aero_entry target;
    if (!parse_database(call, 2, &to)) {
        return;
    }
    if (from == to) {
        aero_call_error(call, "ERR source and destination objects are the same");
        return;
    }
    bool moved = !aero_find_in(call, to, key, &target) && aero_find(call, key, &source);
    if (moved) {
        copy_entry(call, to, key, &source, NULL);
        aero_remove(call, from, key, &source);
    }
    aero_resp_integer(&call->reply, moved);
}

/* ASYNC and SYNC are the same here: removing a range costs its edges. */
static bool flush_option_is_fine(struct aero_call *call)
{
    if (call->argument_count == 1 ||
        (call->argument_count == 2 &&
         (aero_call_is(call, 1, "async") || aero_call_is(call, 1, "sync")))) {
        return true;
    }
    aero_call_syntax_error(call);
    return false;
}

void aero_command_flushdb(struct aero_call *call)
{
    if (flush_option_is_fine(call)) {
        aero_remove_all(call, call->session->database);
        aero_call_ok(call);
    }
}

void aero_command_flushall(struct aero_call *call)
{
    if (flush_option_is_fine(call)) {
        for (uint8_t database = 0; database < AERO_DATABASE_COUNT; database++) {
            aero_remove_all(call, database);
        }
        aero_call_ok(call);
    }
}

/* What Redis would say of a string: clients only print it. */
static const char *encoding_name(const struct aero_entry *entry)
{
    int64_t number;
    if (aero_parse_i64(entry->payload, &number)) {
        return "int";
    }
    return entry->payload.length <= 44 ? "embstr" : "raw";
}

void aero_command_object_encoding(struct aero_call *call)
{
    struct aero_entry entry;
    if (aero_find_counted(call, call->arguments[2], &entry)) {
        aero_resp_bulk_text(&call->reply, encoding_name(&entry));
    } else {
        aero_resp_null(&call->reply);
    }
}

void aero_command_object_refcount(struct aero_call *call)
{
    struct aero_entry entry;
    if (aero_find_counted(call, call->arguments[2], &entry)) {
        aero_resp_integer(&call->reply, 1);
    } else {
        aero_resp_null(&call->reply);
    }
}

/* Idle times are not kept: nothing is ever evicted for being idle. */
void aero_command_object_idletime(struct aero_call *call)
{
    struct aero_entry entry;
    if (aero_find_counted(call, call->arguments[2], &entry)) {
        aero_resp_integer(&call->reply, 0);
    } else {
        aero_resp_null(&call->reply);
    }
}

void aero_command_object_freq(struct aero_call *call)
{
    struct aero_entry entry;
    if (aero_find_counted(call, call->arguments[2], &entry)) {
        aero_call_error(
            call, "ERR An LFU maxmemory policy is not selected, access frequency not tracked. "
                  "Please note that when switching between policies at runtime LRU and LFU data "
                  "will take some time to adjust.");
    } else {
        aero_resp_null(&call->reply);
    }
}

/* Bytes of key and value with their headers and the index entry; the tree's share per entry is small and varies. */
void aero_command_memory_usage(struct aero_call *call)
{
    struct aero_entry entry;
    int64_t samples;
    if (call->argument_count != 3 &&
        !(call->argument_count == 5 && aero_call_is(call, 3, "samples"))) {
        aero_call_syntax_error(call);
        return;
    }
    if (call->argument_count == 5) {
        if (!aero_call_i64(call, 4, &samples)) {
            return;
        }
        if (samples < 0) {
            aero_call_syntax_error(call);
            return;
        }
    }
    struct aero_slice key = call->arguments[2];
    if (!aero_find(call, key, &entry)) {
        aero_resp_null(&call->reply);
        return;
    }
    size_t bytes = 2 + key.length + 1 + entry.payload.length;
    if (entry.deadline_ms != 0) {
        bytes += 8 + 10 + key.length;
    }
    aero_resp_integer(&call->reply, (int64_t)bytes);
}
