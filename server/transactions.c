/* SPDX-License-Identifier: Apache-2.0 */
/* MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * An EXEC is one commit, one record, one LSN (decision 17): its commands are evaluated one after the other into the same
 * open commit, and either all of their effects join it or, when they do not fit, none. As in Redis a command that
 * answers with an error does not undo the others. */
#include "server/call.h"

#include <stdlib.h>

#include "base/assert.h"

/* What a queued argument costs besides its bytes; counts against the query limit. */
#define QUEUED_OVERHEAD 32
#define COMMANDS_FIRST 8
#define SPANS_FIRST 32

void aero_multi_discard(struct aero_session *session)
{
    struct aero_multi *multi = &session->multi;
    multi->active = false;
    multi->failed = false;
    multi->flags = 0;
    multi->queued_count = 0;
    multi->span_count = 0;
    if (multi->queued_capacity > COMMANDS_FIRST || multi->span_capacity > SPANS_FIRST) {
        free(multi->queued);
        free(multi->spans);
        multi->queued = NULL;
        multi->spans = NULL;
        multi->queued_capacity = 0;
        multi->span_capacity = 0;
    }
    aero_buffer_deinit(&multi->bytes);
}

void aero_unwatch(struct aero_session *session)
{
    aero_watch_clear(&session->server->watches, &session->watches);
    session->watch_count = 0;
    session->watch_bytes = 0;
    session->watch_dirty = false;
}

static void reserve_queue(struct aero_multi *multi, size_t spans)
{
    if (multi->queued_count == multi->queued_capacity) {
        multi->queued_capacity =
            multi->queued_capacity == 0 ? COMMANDS_FIRST : 2 * multi->queued_capacity;
        multi->queued = aero_realloc(multi->queued, multi->queued_capacity * sizeof *multi->queued);
    }
    if (multi->span_count + spans > multi->span_capacity) {
        size_t capacity = multi->span_capacity == 0 ? SPANS_FIRST : multi->span_capacity;
        while (capacity < multi->span_count + spans) {
            capacity *= 2;
        }
        multi->spans = aero_realloc(multi->spans, capacity * sizeof *multi->spans);
        multi->span_capacity = capacity;
    }
}

static bool queue_has_room(const struct aero_call *call)
{
    const struct aero_multi *multi = &call->session->multi;
    size_t bytes = multi->bytes.length;
    size_t pieces = multi->span_count + multi->queued_count + call->argument_count + 1;
    for (size_t i = 0; i < call->argument_count; i++) {
        bytes += call->arguments[i].length;
    }
    return bytes + pieces * QUEUED_OVERHEAD <= call->server->options.query_bytes_max;
}

void aero_multi_queue(struct aero_call *call)
{
    struct aero_multi *multi = &call->session->multi;
    if ((call->command->flags & AERO_COMMAND_NO_MULTI) != 0) {
        multi->failed = true;
        aero_call_error(call, "ERR Command not allowed inside a transaction");
        return;
    }
    if (multi->failed) {
        /* EXEC will answer EXECABORT whatever comes: nothing needs to be kept. */
        aero_resp_simple(&call->reply, "QUEUED");
        return;
    }
    if (!queue_has_room(call)) {
        multi->failed = true;
        aero_call_error_f(call, "ERR the transaction exceeds %zu bytes",
                          call->server->options.query_bytes_max);
        return;
    }
    reserve_queue(multi, call->argument_count);
    multi->queued[multi->queued_count++] = (struct aero_queued){
        .command = call->command,
        .first_span = multi->span_count,
        .span_count = call->argument_count,
    };
    for (size_t i = 0; i < call->argument_count; i++) {
        multi->spans[multi->span_count++] =
            (struct aero_span){.offset = multi->bytes.length, .length = call->arguments[i].length};
        aero_buffer_append_slice(&multi->bytes, call->arguments[i]);
    }
    multi->flags |= call->command->flags;
    aero_resp_simple(&call->reply, "QUEUED");
}

void aero_command_multi(struct aero_call *call)
{
    if (call->session->multi.active) {
        aero_call_error(call, "ERR MULTI calls can not be nested");
        return;
    }
    call->session->multi.active = true;
    aero_call_ok(call);
}

void aero_command_discard(struct aero_call *call)
{
    if (!call->session->multi.active) {
        aero_call_error(call, "ERR DISCARD without MULTI");
        return;
    }
    call->ends_multi = true;
    aero_call_ok(call);
}

static struct aero_u128 entry_digest(const struct aero_server *server, struct aero_slice engine_key)
{
    struct aero_slice value;
    if (!aero_tree_get(aero_tree_now(server), engine_key, &value)) {
        return (struct aero_u128){0};
    }
    return aero_entry_hash(engine_key, value);
}

static bool has_expired(const struct aero_server *server, struct aero_slice engine_key)
{
    struct aero_slice value;
    struct aero_entry entry;
    return aero_tree_get(aero_tree_now(server), engine_key, &value) &&
           aero_decode_value(value, &entry) && entry.deadline_ms != 0 &&
           entry.deadline_ms <= aero_expiry_clock(server);
}

static bool is_replica(const struct aero_server *server)
{
    return server->node.ops->role(server->node.self) == AERO_NODE_REPLICA;
}

/* Decision 9: a key that a commit in flight touched is dirty from the beginning, since what this session reads next
 * may be taken back. */
static void watch_key(struct aero_call *call, struct aero_slice key)
{
    struct aero_server *server = call->server;
    struct aero_session *session = call->session;
    const struct aero_node_ops *ops = server->node.ops;
    struct aero_slice engine_key = aero_encode_key(&server->key, session->database, key);
    struct aero_watch *watch =
        aero_watch_add(&server->watches, &session->watches, engine_key, &session->watch_dirty);
    if (watch == NULL) {
        return;
    }
    session->watch_count++;
    session->watch_bytes += engine_key.length;
    watch->expired = has_expired(server, engine_key);
    if (is_replica(server)) {
        watch->digest = entry_digest(server, engine_key);
    }
    aero_lsn touched = ops->touched(server->node.self, engine_key);
    if (touched.value > ops->durable(server->node.self).value) {
        session->watch_dirty = true;
    }
}

static bool watched_bytes_fit(const struct aero_call *call)
{
    size_t bytes = call->session->watch_bytes;
    for (size_t i = 1; i < call->argument_count; i++) {
        bytes += call->arguments[i].length;
    }
    return bytes <= call->server->options.query_bytes_max;
}

void aero_command_watch(struct aero_call *call)
{
    if (call->session->multi.active) {
        aero_call_error(call, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    if (call->session->watch_count + call->argument_count - 1 >
        call->server->options.watch_count_max) {
        aero_call_error_f(call, "ERR more than %u watched keys",
                          call->server->options.watch_count_max);
        return;
    }
    if (!watched_bytes_fit(call)) {
        aero_call_error_f(call, "ERR the watched keys exceed client_query_buffer_limit (%zu bytes)",
                          call->server->options.query_bytes_max);
        return;
    }
    for (size_t i = 1; i < call->argument_count; i++) {
        watch_key(call, call->arguments[i]);
    }
    aero_call_ok(call);
}

void aero_command_unwatch(struct aero_call *call)
{
    aero_unwatch(call->session);
    aero_call_ok(call);
}

static bool watch_is_dirty(const struct aero_call *call)
{
    const struct aero_server *server = call->server;
    const struct aero_session *session = call->session;
    bool replica = is_replica(server);
    if (session->watch_dirty) {
        return true;
    }
    for (const struct aero_link *link = session->watches.next; link != &session->watches;
         link = link->next) {
        const struct aero_watch *watch = AERO_CONTAINER(link, struct aero_watch, by_session);
        struct aero_slice engine_key = aero_watch_engine_key(watch);
        if (!watch->expired && has_expired(server, engine_key)) {
            return true;
        }
        if (replica && !aero_u128_equal(watch->digest, entry_digest(server, engine_key))) {
            return true;
        }
    }
    return false;
}

/* A queued command that may run now. The user may be another one, or may do less, than when it was queued. */
static void run_permitted(struct aero_call *child)
{
    if (aero_users_permit(child->server, child->session->user, child->command)) {
        child->command->run(child);
    } else {
        aero_call_error(child, "NOPERM ACLs rules changed between the moment the transaction was "
                               "accumulated and the EXEC call. This command is no longer allowed "
                               "for the following reason: no permission to execute the command or "
                               "subcommand");
    }
}

static void run_queued(struct aero_call *call, const struct aero_queued *queued)
{
    struct aero_server *server = call->server;
    const struct aero_multi *multi = &call->session->multi;
    size_t begin = call->reply.out->length;
    if (queued->span_count > server->queued_capacity) {
        server->queued_capacity = 2 * queued->span_count;
        server->queued_arguments = aero_realloc(
            server->queued_arguments, server->queued_capacity * sizeof *server->queued_arguments);
    }
    for (size_t i = 0; i < queued->span_count; i++) {
        struct aero_span span = multi->spans[queued->first_span + i];
        server->queued_arguments[i] = aero_slice_of(multi->bytes.data + span.offset, span.length);
    }
    struct aero_call child = *call;
    child.command = queued->command;
    child.arguments = server->queued_arguments;
    child.argument_count = queued->span_count;
    child.reply.version = call->session->protocol;
    child.in_exec = true;
    child.errors = 0;
    run_permitted(&child);
    if (child.outcome == AERO_CALL_REFUSED) {
        call->reply.out->length = begin;
        aero_call_error(&child, child.refusal);
        child.outcome = AERO_CALL_FINE;
    }
    call->depends = child.depends;
    call->outcome = child.outcome;
    call->errors += child.errors;
}

void aero_command_exec(struct aero_call *call)
{
    const struct aero_node *node = &call->server->node;
    struct aero_multi *multi = &call->session->multi;
    if (!multi->active) {
        aero_call_error(call, "ERR EXEC without MULTI");
        return;
    }
    call->ends_multi = true;
    if (multi->failed) {
        aero_call_error(call, "EXECABORT Transaction discarded because of previous errors.");
        return;
    }
    if (watch_is_dirty(call)) {
        /* Says that somebody's commit, perhaps in flight, touched the key (decision 10). */
        call->depends = node->ops->evaluated(node->self).value;
        aero_resp_null_array(&call->reply);
        return;
    }
    aero_resp_array(&call->reply, multi->queued_count);
    for (size_t i = 0; i < multi->queued_count; i++) {
        run_queued(call, &multi->queued[i]);
        if (call->outcome != AERO_CALL_FINE || aero_call_reply_too_large(call)) {
            return;
        }
    }
}
