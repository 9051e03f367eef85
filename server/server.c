/* SPDX-License-Identifier: Apache-2.0 */
/* The server object: options, time, and what the node's news mean for its sessions. */
#include "server/server_priv.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/le.h"
#include "server/call.h"
#include "server/text.h"

#define NS_PER_MS ((uint64_t)1000000)
#define NS_PER_S ((uint64_t)1000000000)
/* Scratch that grew for a large value is given back. */
#define SCRATCH_CAPACITY_KEPT ((size_t)1 << 20)

void aero_server_options_default(struct aero_server_options *out_options)
{
    *out_options = (struct aero_server_options){
        .clients_max = 10000,
        .argument_count_max = AERO_RESP_ARGUMENTS_MAX,
        .held_count_max = 16384,
        .watch_count_max = 65536,
        .bulk_bytes_max = (size_t)16 << 20,
        .query_bytes_max = (size_t)64 << 20,
        .output_pause_bytes = (size_t)1 << 20,
        .output_bytes_max = (size_t)256 << 20,
        .protected_mode = true,
    };
}

/* FNV-1a; bit 5 makes letters of both cases one, and what else it merges the comparison tells apart. */
static uint32_t hash_name(struct aero_slice name)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < name.length; i++) {
        hash = (hash ^ (name.data[i] | 0x20)) * 16777619U;
    }
    return hash % AERO_COMMAND_SLOTS;
}

static void index_commands(struct aero_server *server)
{
    AERO_ASSERT(aero_command_count < AERO_COMMAND_SLOTS / 2);
    for (size_t i = 0; i < aero_command_count; i++) {
        uint32_t slot = hash_name(aero_slice_text(aero_commands[i].name));
        while (server->command_slots[slot] != 0) {
            slot = (slot + 1) % AERO_COMMAND_SLOTS;
        }
        server->command_slots[slot] = (uint16_t)(i + 1);
    }
}

const struct aero_command *aero_server_find_command(const struct aero_server *server,
                                                    struct aero_slice name)
{
    if (name.length >= AERO_COMMAND_NAME_MAX) {
        return NULL;
    }
    uint32_t slot = hash_name(name);
    while (server->command_slots[slot] != 0) {
        const struct aero_command *command = &aero_commands[server->command_slots[slot] - 1];
        if (aero_text_is(name, command->name)) {
            return command;
        }
        slot = (slot + 1) % AERO_COMMAND_SLOTS;
    }
    return NULL;
}

static char *copy_text(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    char *copy = aero_malloc(length + 1);
    if (length != 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    return copy;
}

static void free_options(struct aero_server_options *options)
{
    for (size_t i = 0; i < options->user_count; i++) {
        free((void *)(uintptr_t)options->users[i].name);
        free((void *)(uintptr_t)options->users[i].password);
    }
    free((void *)(uintptr_t)options->users);
    free((void *)(uintptr_t)options->password);
    free((void *)(uintptr_t)options->config_file);
}

static void copy_options(struct aero_server *server, const struct aero_server_options *options)
{
    server->options = *options;
    server->options.password = copy_text(options->password);
    server->options.config_file = copy_text(options->config_file);
    struct aero_user *users = aero_calloc(options->user_count + 1, sizeof *users);
    for (size_t i = 0; i < options->user_count; i++) {
        users[i] = options->users[i];
        users[i].name = copy_text(users[i].name);
        users[i].password = copy_text(users[i].password);
    }
    server->options.users = users;
    aero_users_build(server);
}

struct aero_server *aero_server_new(const struct aero_server_options *options,
                                    struct aero_node node, struct aero_server_config config)
{
    struct aero_server *server = aero_calloc(1, sizeof *server);
    server->node = node;
    server->config = config;
    server->blocked_deadline_ns = AERO_NO_DEADLINE;
    copy_options(server, options);
    aero_link_init(&server->sessions);
    aero_link_init(&server->ready);
    aero_link_init(&server->runnable);
    aero_link_init(&server->parked);
    aero_link_init(&server->blocked);
    aero_hold_init(&server->hold, node.ops->durable(node.self));
    aero_watch_registry_init(&server->watches);
    aero_prng_init(&server->prng, aero_load_u64(options->run_id.bytes));
    aero_scan_tokens_init(&server->scans, &server->prng);
    server->command_calls = aero_calloc(aero_command_numbers(), sizeof *server->command_calls);
    index_commands(server);
    return server;
}

void aero_server_free(struct aero_server *server)
{
    if (server == NULL) {
        return;
    }
    while (!aero_link_alone(&server->sessions)) {
        aero_session_close(AERO_CONTAINER(server->sessions.next, struct aero_session, by_server));
    }
    aero_hold_deinit(&server->hold);
    aero_watch_registry_deinit(&server->watches);
    aero_scan_tokens_deinit(&server->scans);
    aero_users_free(server);
    free_options(&server->options);
    aero_buffer_deinit(&server->key);
    aero_buffer_deinit(&server->deadline_key);
    aero_buffer_deinit(&server->value);
    aero_buffer_deinit(&server->due_key);
    aero_buffer_deinit(&server->text);
    aero_buffer_deinit(&server->line);
    aero_buffer_deinit(&server->replace);
    free(server->queued_arguments);
    free(server->command_calls);
    free(server);
}

/* Sessions keep the user that they have by its name; one whose user is gone is closed. */
void aero_server_configure(struct aero_server *server, const struct aero_server_options *options)
{
    struct aero_server_options old = server->options;
    struct aero_user_record *old_users = server->users;
    size_t old_user_count = server->user_count;
    server->users = NULL;
    server->user_count = 0;
    copy_options(server, options);
    for (struct aero_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct aero_session *session = AERO_CONTAINER(link, struct aero_session, by_server);
        if (session->user != AERO_NO_USER) {
            session->user = aero_users_find(server, aero_slice_text(old_users[session->user].name));
            if (session->user == AERO_NO_USER) {
                aero_session_kill(session, "user removed");
            }
        }
    }
    struct aero_user_record *new_users = server->users;
    size_t new_user_count = server->user_count;
    server->users = old_users;
    server->user_count = old_user_count;
    aero_users_free(server);
    server->users = new_users;
    server->user_count = new_user_count;
    free_options(&old);
}

static void close_idle(struct aero_server *server)
{
    uint64_t timeout_ns = server->options.idle_timeout_ns;
    for (struct aero_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        struct aero_session *session = AERO_CONTAINER(link, struct aero_session, by_server);
        if (session->block.kind == AERO_BLOCK_NONE && !session->parked && !session->killed &&
            server->now.value - session->active.value > timeout_ns) {
            server->stats.idle_closes++;
            aero_session_kill(session, "idle timeout");
        }
    }
}

static void trim(struct aero_buffer *buffer)
{
    if (buffer->capacity > SCRATCH_CAPACITY_KEPT) {
        aero_buffer_deinit(buffer);
    }
}

static void take_sample(const struct aero_server *server, struct aero_sample *out_sample)
{
    *out_sample = (struct aero_sample){
        .lsn = server->node.ops->evaluated(server->node.self),
        .memory_bytes = aero_tree_memory_bytes(aero_tree_now(server)),
        .keys_expired = server->stats.keys_expired,
        .keyspace_hits = server->stats.keyspace_hits,
        .keyspace_misses = server->stats.keyspace_misses,
        .command_errors = server->stats.command_errors,
        .commits = server->stats.commits,
    };
    for (uint8_t database = 0; database < AERO_DATABASE_COUNT; database++) {
        out_sample->keys[database] = aero_key_count(server, database);
        out_sample->expiring[database] = aero_expiring_key_count(server, database);
    }
}

/* A sample is taken of the evaluated state and shown once that is durable; a failure drops it. */
static void renew_sample(struct aero_server *server)
{
    aero_lsn durable = server->node.ops->durable(server->node.self);
    if (server->sample_next.lsn.value <= durable.value) {
        server->sample = server->sample_next;
        take_sample(server, &server->sample_next);
    }
}

void aero_sample_durable(const struct aero_server *server, struct aero_sample *out_sample)
{
    aero_lsn durable = server->node.ops->durable(server->node.self);
    if (server->node.ops->evaluated(server->node.self).value == durable.value) {
        take_sample(server, out_sample);
    } else if (server->sample_next.lsn.value <= durable.value) {
        *out_sample = server->sample_next;
    } else {
        *out_sample = server->sample;
    }
}

static void each_second(struct aero_server *server)
{
    uint64_t elapsed_ns = server->now.value - server->rate_sampled.value;
    uint64_t commands = server->stats.commands_processed - server->rate_commands;
    server->commands_per_second = commands * 1000 / (elapsed_ns / NS_PER_MS);
    server->rate_commands = server->stats.commands_processed;
    server->rate_sampled = server->now;
    renew_sample(server);
    if (server->sample.memory_bytes > server->memory_peak_bytes) {
        server->memory_peak_bytes = server->sample.memory_bytes;
    }
    trim(&server->value);
    trim(&server->text);
    trim(&server->replace);
    if (server->options.idle_timeout_ns != 0) {
        close_idle(server);
    }
}

/* Timeouts and finished waits alike: each blocked session looks whether it can be answered. */
static void look_at_blocked(struct aero_server *server)
{
    struct aero_link *link = server->blocked.next;
    server->blocked_deadline_ns = AERO_NO_DEADLINE;
    while (link != &server->blocked) {
        struct aero_session *session = AERO_CONTAINER(link, struct aero_session, by_block);
        link = link->next;
        aero_block_look(session);
        if (session->block.kind != AERO_BLOCK_NONE &&
            session->block.deadline_ns < server->blocked_deadline_ns) {
            server->blocked_deadline_ns = session->block.deadline_ns;
        }
    }
}

void aero_server_tick(struct aero_server *server, aero_mono_ns mono, aero_wall_ms wall)
{
    if (server->started.value == 0) {
        server->started = mono;
        server->rate_sampled = mono;
    }
    server->now = mono;
    server->wall = wall;
    if (mono.value - server->rate_sampled.value >= NS_PER_S) {
        each_second(server);
    }
    if (server->blocked_deadline_ns <= mono.value) {
        look_at_blocked(server);
    }
}

void aero_server_on_durable(struct aero_server *server, aero_lsn lsn)
{
    struct aero_link released;
    aero_link_init(&released);
    aero_hold_advance(&server->hold, lsn, &released);
    while (!aero_link_alone(&released)) {
        struct aero_link *link = released.next;
        aero_link_leave(link);
        struct aero_output *output = AERO_CONTAINER(link, struct aero_output, waiting);
        struct aero_session *session = AERO_CONTAINER(output, struct aero_session, output);
        aero_output_release(output, &server->hold);
        aero_session_mark_ready(session);
        if (session->paused && !aero_session_over_pause_limit(session)) {
            session->paused = false;
            aero_session_make_runnable(session);
        }
    }
    if (!aero_link_alone(&server->blocked)) {
        look_at_blocked(server);
    }
}

static void fail_session(struct aero_session *session, aero_lsn durable, aero_lsn unknown_through)
{
    struct aero_server *server = session->server;
    uint32_t replaced =
        aero_output_replace(&session->output, durable, unknown_through,
                            aero_slice_text("-" AERO_NOT_WRITTEN_TEXT "\r\n"),
                            aero_slice_text("-" AERO_UNKNOWN_TEXT "\r\n"), &server->replace);
    server->stats.replies_replaced += replaced;
    if (session->last_commit.value > durable.value) {
        session->last_failure = session->last_commit.value > unknown_through.value
                                    ? AERO_WRITE_NOT_WRITTEN
                                    : AERO_WRITE_UNKNOWN;
        session->last_commit = (aero_lsn){0};
    }
    aero_session_mark_ready(session);
    session->paused = false;
    aero_session_make_runnable(session);
}

void aero_server_on_failure(struct aero_server *server, aero_lsn durable, aero_lsn unknown_through,
                            aero_lsn last)
{
    AERO_ASSERT(unknown_through.value <= last.value);
    aero_server_on_durable(server, durable);
    if (server->sample_next.lsn.value > durable.value) {
        take_sample(server, &server->sample_next);
    }
    for (struct aero_link *link = server->sessions.next; link != &server->sessions;
         link = link->next) {
        fail_session(AERO_CONTAINER(link, struct aero_session, by_server), durable,
                     unknown_through);
    }
    look_at_blocked(server);
}

void aero_server_on_progress(struct aero_server *server)
{
    if (!aero_link_alone(&server->blocked)) {
        look_at_blocked(server);
    }
}

static void run_runnable(struct aero_server *server)
{
    struct aero_link now;
    aero_link_init(&now);
    aero_link_move_all(&now, &server->runnable);
    while (!aero_link_alone(&now)) {
        struct aero_session *session = AERO_CONTAINER(now.next, struct aero_session, by_run);
        aero_link_leave(&session->by_run);
        aero_session_run(session);
        aero_session_mark_ready(session);
    }
}

/* In the order in which they were parked; the first that finds no room ends it, so that nobody overtakes. */
static void run_parked(struct aero_server *server)
{
    server->resuming = true;
    bool room = true;
    while (room && !aero_link_alone(&server->parked)) {
        struct aero_session *session =
            AERO_CONTAINER(server->parked.next, struct aero_session, by_run);
        aero_link_leave(&session->by_run);
        session->parked = false;
        aero_session_run(session);
        if (session->parked) {
            aero_link_leave(&session->by_run);
            aero_link_join_behind(&server->parked, &session->by_run);
            room = false;
        } else {
            aero_session_mark_ready(session);
        }
    }
    server->resuming = false;
}

void aero_server_resume(struct aero_server *server)
{
    run_parked(server);
    run_runnable(server);
}

bool aero_server_wants_resume(const struct aero_server *server)
{
    return !aero_link_alone(&server->runnable);
}

struct aero_session *aero_server_next_ready(struct aero_server *server)
{
    if (aero_link_alone(&server->ready)) {
        return NULL;
    }
    struct aero_session *session =
        AERO_CONTAINER(server->ready.next, struct aero_session, by_ready);
    aero_link_leave(&session->by_ready);
    return session;
}

static uint64_t count_links(const struct aero_link *head)
{
    uint64_t count = 0;
    for (const struct aero_link *link = head->next; link != head; link = link->next) {
        count++;
    }
    return count;
}

void aero_server_stats(const struct aero_server *server, struct aero_server_stats *out_stats)
{
    *out_stats = server->stats;
    out_stats->clients = server->session_count;
    out_stats->clients_blocked = count_links(&server->blocked);
    out_stats->clients_parked = count_links(&server->parked);
}
