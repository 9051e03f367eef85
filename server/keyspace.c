/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as commands see them, on top of the node's one ordered keyspace. Every change of data that a client causes
 * goes through aero_store, remove_entry or aero_remove_all: the commit's limit, the watchers and the books are kept there
 * and nowhere else. */
#include "server/call.h"

#include "base/assert.h"

/* What the log adds to an operation's key and value: kind and two lengths. */
#define OPERATION_OVERHEAD 16
/* One batch of deletions of due keys. A batch begins no deletion behind a quarter of it: what one key then adds (its name
 * twice, 64 KiB each) still fits. */
#define SETTLE_ROOM_BYTES ((size_t)256 * 1024)

static const struct aero_node_ops *ops_of(const struct aero_server *server)
{
    return server->node.ops;
}

const struct aero_tree *aero_tree_now(const struct aero_server *server)
{
    return ops_of(server)->tree(server->node.self);
}

uint64_t aero_expiry_clock(const struct aero_server *server)
{
    return ops_of(server)->expiry_clock(server->node.self).value;
}

static bool is_primary(const struct aero_server *server)
{
    return ops_of(server)->role(server->node.self) == AERO_NODE_PRIMARY;
}

static void depend_on(struct aero_call *call, aero_lsn lsn)
{
    if (lsn.value > call->depends) {
        call->depends = lsn.value;
    }
}

static void depend_on_everything(struct aero_call *call)
{
    depend_on(call, ops_of(call->server)->evaluated(call->server->node.self));
}

/* Decision 17: a commit's limit is checked before a change has any effect. */
static bool change_fits(struct aero_call *call, size_t bytes)
{
    struct aero_server *server = call->server;
    if (call->outcome != AERO_CALL_FINE) {
        return false;
    }
    if (!server->commit_open) {
        ops_of(server)->begin(server->node.self);
        server->commit_open = true;
    }
    size_t pending = ops_of(server)->pending_bytes(server->node.self);
    if (pending + bytes > ops_of(server)->commit_bytes_max(server->node.self)) {
        call->outcome = AERO_CALL_TOO_LARGE;
        return false;
    }
    return true;
}

/* What an entry of the index by deadline adds to a commit, put or erased. */
static size_t deadline_bytes(struct aero_slice key)
{
    return AERO_RANGE_KEY_BYTES + key.length + OPERATION_OVERHEAD;
}

static void put_deadline(struct aero_server *server, uint8_t database, struct aero_slice key,
                         uint64_t deadline_ms)
{
    struct aero_slice index =
        aero_encode_deadline(&server->deadline_key, database, deadline_ms, key);
    ops_of(server)->put(server->node.self, index, (struct aero_slice){0});
}

static void erase_deadline(struct aero_server *server, uint8_t database, struct aero_slice key,
                           uint64_t deadline_ms)
{
    struct aero_slice index =
        aero_encode_deadline(&server->deadline_key, database, deadline_ms, key);
    ops_of(server)->erase(server->node.self, index);
}

static void remove_entry(struct aero_call *call, uint8_t database, struct aero_slice key,
                         uint64_t deadline_ms, bool by_expiry)
{
    struct aero_server *server = call->server;
    struct aero_slice engine_key = aero_encode_key(&server->key, database, key);
    size_t bytes = engine_key.length + OPERATION_OVERHEAD;
    if (!change_fits(call, deadline_ms == 0 ? bytes : bytes + deadline_bytes(key))) {
        return;
    }
    if (deadline_ms != 0) {
        erase_deadline(server, database, key, deadline_ms); /* KS-1 */
    }
    ops_of(server)->erase(server->node.self, engine_key);
    aero_watch_touch(&server->watches, engine_key, by_expiry);
    server->stats.keys_expired += by_expiry;
}

/* Decision 21: on the primary the deletion is part of this command; where it cannot be logged, the command gets
 * that error. A replica only hides. */
static void expire_met(struct aero_call *call, uint8_t database, struct aero_slice key,
                       uint64_t deadline_ms)
{
    struct aero_server *server = call->server;
    const char *error;
    if (!is_primary(server)) {
        return;
    }
    if (!ops_of(server)->can_write(server->node.self, &error)) {
        call->outcome = AERO_CALL_REFUSED;
        call->refusal = error;
        return;
    }
    remove_entry(call, database, key, deadline_ms, true);
}

void aero_refuse_entry(struct aero_call *call)
{
    call->outcome = AERO_CALL_REFUSED;
    call->refusal =
        "ERR an entry of the keyspace is no value: keep the directory for a report and have "
        "the data made anew from another node or a backup";
}

bool aero_find_in(struct aero_call *call, uint8_t database, struct aero_slice key,
                  struct aero_entry *out_entry)
{
    struct aero_server *server = call->server;
    struct aero_slice engine_key = aero_encode_key(&server->key, database, key);
    struct aero_slice value;
    struct aero_entry entry;
    depend_on(call, ops_of(server)->depends(server->node.self, engine_key));
    if (!aero_tree_get(aero_tree_now(server), engine_key, &value)) {
        return false;
    }
    if (!aero_decode_value(value, &entry)) {
        aero_refuse_entry(call);
        return false;
    }
    if (entry.deadline_ms != 0 && entry.deadline_ms <= aero_expiry_clock(server)) {
        expire_met(call, database, key, entry.deadline_ms);
        return false;
    }
    *out_entry = entry;
    return true;
}

bool aero_find(struct aero_call *call, struct aero_slice key, struct aero_entry *out_entry)
{
    return aero_find_in(call, call->session->database, key, out_entry);
}

bool aero_find_counted(struct aero_call *call, struct aero_slice key, struct aero_entry *out_entry)
{
    bool found = aero_find(call, key, out_entry);
    call->server->stats.keyspace_hits += found;
    call->server->stats.keyspace_misses += !found;
    return found;
}

void aero_store(struct aero_call *call, uint8_t database, struct aero_slice key,
                const struct aero_entry *old, uint64_t deadline_ms, struct aero_slice part_a,
                struct aero_slice part_b)
{
    struct aero_server *server = call->server;
    struct aero_buffer *value = &server->value;
    struct aero_slice engine_key = aero_encode_key(&server->key, database, key);
    uint8_t header[AERO_VALUE_HEADER_MAX];
    size_t header_length = aero_encode_value_header(header, deadline_ms);
    size_t length = header_length + part_a.length + part_b.length;
    uint64_t old_deadline_ms = old == NULL ? 0 : old->deadline_ms;
    bool erases_deadline = old_deadline_ms != 0 && old_deadline_ms != deadline_ms;
    bool puts_deadline = deadline_ms != 0 && old_deadline_ms != deadline_ms;
    size_t index_bytes = ((size_t)erases_deadline + puts_deadline) * deadline_bytes(key);
    /* Before anything is copied: a refused value costs nothing. */
    if (!change_fits(call, index_bytes + engine_key.length + length + OPERATION_OVERHEAD)) {
        return;
    }
    aero_buffer_clear(value);
    aero_buffer_reserve(value, length);
    aero_buffer_append(value, header, header_length);
    aero_buffer_append_slice(value, part_a);
    aero_buffer_append_slice(value, part_b);
    if (erases_deadline) { /* KS-1 */
        erase_deadline(server, database, key, old_deadline_ms);
    }
    if (puts_deadline) {
        put_deadline(server, database, key, deadline_ms);
    }
    ops_of(server)->put(server->node.self, engine_key, aero_buffer_slice(value));
    aero_watch_touch(&server->watches, engine_key, false);
}

void aero_store_deadline(struct aero_call *call, struct aero_slice key,
                         const struct aero_entry *old, uint64_t deadline_ms)
{
    aero_store(call, call->session->database, key, old, deadline_ms, old->payload,
               (struct aero_slice){0});
}

void aero_remove(struct aero_call *call, uint8_t database, struct aero_slice key,
                 const struct aero_entry *old)
{
    remove_entry(call, database, key, old->deadline_ms, false);
}

void aero_remove_all(struct aero_call *call, uint8_t database)
{
    struct aero_server *server = call->server;
    struct aero_range_key from = aero_range_of_database(database);
    struct aero_range_key to = aero_range_of_database(database + 1);
    depend_on_everything(call);
    if (aero_tree_count_range(aero_tree_now(server), aero_range_slice(&from),
                              aero_range_slice(&to)) != 0 &&
        change_fits(call, from.length + to.length + OPERATION_OVERHEAD)) {
        aero_watch_touch_range(&server->watches, aero_tree_now(server), aero_range_slice(&from),
                               aero_range_slice(&to));
        ops_of(server)->erase_range(server->node.self, aero_range_slice(&from),
                                    aero_range_slice(&to));
    }
}

/* The next key of the database that is due, copied into server->due_key. */
static bool next_due(struct aero_server *server, uint8_t database, uint64_t *out_deadline_ms)
{
    struct aero_range_key from = aero_range_of_deadlines(database, 0);
    struct aero_cursor cursor;
    struct aero_slice index;
    struct aero_slice nothing;
    struct aero_slice key;
    uint64_t deadline_ms;
    aero_cursor_seek(&cursor, aero_tree_now(server), aero_range_slice(&from));
    if (!aero_cursor_get(&cursor, &index, &nothing) ||
        !aero_decode_deadline(index, database, &deadline_ms, &key) ||
        deadline_ms > aero_expiry_clock(server)) {
        return false;
    }
    aero_buffer_clear(&server->due_key);
    aero_buffer_append_slice(&server->due_key, key);
    *out_deadline_ms = deadline_ms;
    return true;
}

/* Decision 21: deletion is conditional on the same deadline. KS-1 makes this true; it is looked at all the same,
 * because a wrong deletion could not be taken back. */
static bool has_deadline(struct aero_server *server, uint8_t database, struct aero_slice key,
                         uint64_t deadline_ms)
{
    struct aero_slice value;
    struct aero_entry entry;
    return aero_tree_get(aero_tree_now(server), aero_encode_key(&server->key, database, key),
                         &value) &&
           aero_decode_value(value, &entry) && entry.deadline_ms == deadline_ms;
}

/* Deletes due keys of a database into the call's open commit, until `budget` of them or `pending_max` bytes. */
static uint32_t delete_due(struct aero_call *call, uint8_t database, uint32_t budget,
                           size_t pending_max)
{
    struct aero_server *server = call->server;
    uint32_t deleted = 0;
    uint64_t deadline_ms;
    while (deleted < budget && call->outcome == AERO_CALL_FINE &&
           next_due(server, database, &deadline_ms)) {
        if (server->commit_open &&
            ops_of(server)->pending_bytes(server->node.self) >= pending_max) {
            break;
        }
        struct aero_slice key = aero_buffer_slice(&server->due_key);
        if (has_deadline(server, database, key, deadline_ms)) {
            remove_entry(call, database, key, deadline_ms, true);
        } else if (change_fits(call, deadline_bytes(key))) {
            erase_deadline(server, database, key, deadline_ms);
        }
        deleted++;
    }
    return deleted;
}

static size_t bounded_by_commit(const struct aero_server *server, size_t bytes)
{
    size_t bytes_max = ops_of(server)->commit_bytes_max(server->node.self);
    return bytes < bytes_max ? bytes : bytes_max;
}

/* Outside an EXEC the deletions are commits of their own, so that their number has no limit. */
static void settle_in_batches(struct aero_call *call, uint8_t database)
{
    struct aero_server *server = call->server;
    uint64_t deadline_ms;
    size_t room_bytes = bounded_by_commit(server, SETTLE_ROOM_BYTES);
    while (next_due(server, database, &deadline_ms)) {
        if (!ops_of(server)->has_room(server->node.self, room_bytes)) {
            call->outcome = AERO_CALL_NO_ROOM;
            return;
        }
        delete_due(call, database, UINT32_MAX, room_bytes / 4);
        AERO_ASSERT(call->outcome == AERO_CALL_FINE);
        aero_commit_finish(call);
    }
}

bool aero_settle(struct aero_call *call, uint8_t database)
{
    struct aero_server *server = call->server;
    uint64_t deadline_ms;
    const char *error;
    depend_on_everything(call);
    if (!is_primary(server) || !next_due(server, database, &deadline_ms)) {
        return true;
    }
    if (!ops_of(server)->can_write(server->node.self, &error)) {
        call->outcome = AERO_CALL_REFUSED;
        call->refusal = error;
        return false;
    }
    if (call->in_exec) {
        delete_due(call, database, UINT32_MAX, SIZE_MAX);
    } else {
        settle_in_batches(call, database);
    }
    depend_on_everything(call);
    return call->outcome == AERO_CALL_FINE;
}

static uint64_t count_between(const struct aero_server *server, const struct aero_range_key *from,
                              const struct aero_range_key *to)
{
    return aero_tree_count_range(aero_tree_now(server), aero_range_slice(from),
                                 aero_range_slice(to));
}

static uint64_t count_due(const struct aero_server *server, uint8_t database)
{
    struct aero_range_key from = aero_range_of_deadlines(database, 0);
    struct aero_range_key to = aero_range_of_deadlines(database, aero_expiry_clock(server) + 1);
    return count_between(server, &from, &to);
}

uint64_t aero_key_count(const struct aero_server *server, uint8_t database)
{
    struct aero_range_key from = aero_range_of_keys(database);
    struct aero_range_key to = aero_range_behind_keys(database);
    uint64_t key_count = count_between(server, &from, &to);
    uint64_t due_count = count_due(server, database);
    /* KS-1 makes the first the larger; a wrong index is no reason for a wrong number. */
    return key_count > due_count ? key_count - due_count : 0;
}

uint64_t aero_expiring_key_count(const struct aero_server *server, uint8_t database)
{
    struct aero_range_key from = aero_range_of_deadlines(database, 0);
    struct aero_range_key to = aero_range_behind_deadlines(database);
    return count_between(server, &from, &to) - count_due(server, database);
}

bool aero_entry_is_live(const struct aero_server *server, const struct aero_entry *entry)
{
    return entry->deadline_ms == 0 || entry->deadline_ms > aero_expiry_clock(server);
}

void aero_commit_finish(struct aero_call *call)
{
    struct aero_server *server = call->server;
    if (!server->commit_open) {
        return;
    }
    size_t pending = ops_of(server)->pending_bytes(server->node.self);
    if (call->outcome == AERO_CALL_FINE && pending > call->room_bytes &&
        !ops_of(server)->has_room(server->node.self, pending)) {
        call->outcome = AERO_CALL_NO_ROOM;
    }
    server->commit_open = false;
    if (call->outcome != AERO_CALL_FINE) {
        ops_of(server)->abort(server->node.self);
        return;
    }
    aero_lsn lsn = ops_of(server)->commit(server->node.self);
    AERO_ASSERT(lsn.value != 0); /* a commit is begun for a change that then was made */
    depend_on(call, lsn);
    server->stats.commits++;
    if (call->session != NULL) {
        call->session->last_commit = lsn;
        call->session->last_failure = AERO_WRITE_FINE;
    }
}

/* Keys of sixteen databases in turn, so that one with very many due keys does not starve the others. */
uint32_t aero_server_expire_due(struct aero_server *server, uint32_t budget)
{
    struct aero_call call = {.server = server};
    size_t room_bytes = bounded_by_commit(server, SETTLE_ROOM_BYTES);
    uint32_t deleted = 0;
    const char *error;
    if (!is_primary(server) || !ops_of(server)->can_write(server->node.self, &error) ||
        !ops_of(server)->has_room(server->node.self, room_bytes)) {
        return 0;
    }
    call.room_bytes = room_bytes;
    for (unsigned i = 0; i < AERO_DATABASE_COUNT; i++) {
        uint8_t database = (uint8_t)((server->expire_database + i) % AERO_DATABASE_COUNT);
        deleted += delete_due(&call, database, budget - deleted, room_bytes / 4);
    }
    server->expire_database = (uint8_t)((server->expire_database + 1) % AERO_DATABASE_COUNT);
    aero_commit_finish(&call);
    return deleted;
}
