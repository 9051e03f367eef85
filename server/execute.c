/* SPDX-License-Identifier: Apache-2.0 */
/* The way of one command: find it, check what the table says, evaluate, commit, hold the reply.
 *
 * Nothing is visible to anybody else before the commit is durable: evaluation changes the node's evaluated state inside
 * one open commit, which is finished or taken back before the next command is looked at (D-2, V-1). A command
 * that finds no room in the node leaves nothing behind and runs again, from its first byte, when there is room. */
#include "server/call.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "server/text.h"

#define COMMAND_OVERHEAD 64
#define ARGUMENT_OVERHEAD 32
#define SHOWN_ARGUMENTS_MAX 128

void aero_call_error(struct aero_call *call, const char *text)
{
    aero_resp_error(&call->reply, text);
    call->errors++;
}

void aero_call_error_f(struct aero_call *call, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    aero_call_error(call, text);
}

void aero_call_ok(struct aero_call *call)
{
    aero_buffer_append(call->reply.out, "+OK\r\n", 5);
}

void aero_call_syntax_error(struct aero_call *call)
{
    aero_call_error(call, "ERR syntax error");
}

int aero_call_shown(struct aero_slice word)
{
    return (int)(word.length < SHOWN_ARGUMENTS_MAX ? word.length : SHOWN_ARGUMENTS_MAX);
}

bool aero_call_i64(struct aero_call *call, size_t argument, int64_t *out_value)
{
    if (!aero_parse_i64(call->arguments[argument], out_value)) {
        aero_call_error(call, "ERR value is not an integer or out of range");
        return false;
    }
    return true;
}

bool aero_call_is(const struct aero_call *call, size_t index, const char *lower_word)
{
    return aero_text_is(call->arguments[index], lower_word);
}

bool aero_call_reply_too_large(struct aero_call *call)
{
    struct aero_session *session = call->session;
    if (aero_output_pending(&session->output) <= call->server->options.output_bytes_max) {
        return false;
    }
    call->server->stats.output_limit_closes += !session->killed;
    aero_session_kill(session, "output buffer limit");
    call->outcome = AERO_CALL_TOO_LARGE;
    return true;
}

bool aero_command_arity_fits(const struct aero_command *command, size_t argument_count)
{
    return command->arity >= 0 ? argument_count == (size_t)command->arity
                               : argument_count >= (size_t)-command->arity;
}

void aero_command_key_range(const struct aero_command *command, size_t argument_count,
                            size_t *out_first, size_t *out_last)
{
    AERO_ASSERT(command->first_key != 0);
    AERO_ASSERT(aero_command_arity_fits(command, argument_count));
    int64_t last =
        command->last_key >= 0 ? command->last_key : (int64_t)argument_count + command->last_key;
    AERO_ASSERT(last >= command->first_key);
    AERO_ASSERT(last < (int64_t)argument_count);
    *out_first = (size_t)command->first_key;
    *out_last = (size_t)last;
}

/* Subcommands are numbered behind the table, in its order, and aero_admin_command is last. */
static size_t find_command_number(const struct aero_command *command,
                                  const struct aero_command **out_top)
{
    size_t number = aero_command_count;
    *out_top = command;
    if (command >= aero_commands && command < aero_commands + aero_command_count) {
        return (size_t)(command - aero_commands);
    }
    for (size_t i = 0; i < aero_command_count; i++) {
        for (size_t sub = 0; sub < aero_commands[i].subcommand_count; sub++) {
            if (command == &aero_commands[i].subcommands[sub]) {
                *out_top = &aero_commands[i];
                return number;
            }
            number++;
        }
    }
    return number;
}

const struct aero_command *aero_command_top(const struct aero_command *command)
{
    const struct aero_command *top;
    (void)find_command_number(command, &top);
    return top;
}

size_t aero_command_number(const struct aero_command *command)
{
    const struct aero_command *top;
    return find_command_number(command, &top);
}

size_t aero_command_numbers(void)
{
    return aero_command_number(&aero_admin_command) + 1;
}

void aero_command_full_name(const struct aero_command *command,
                            char out_name[AERO_COMMAND_FULL_NAME_MAX])
{
    const struct aero_command *top = aero_command_top(command);
    if (top == command) {
        snprintf(out_name, AERO_COMMAND_FULL_NAME_MAX, "%s", command->name);
    } else {
        snprintf(out_name, AERO_COMMAND_FULL_NAME_MAX, "%s|%s", top->name, command->name);
    }
}

void aero_call_arity_error(struct aero_call *call)
{
    char name[AERO_COMMAND_FULL_NAME_MAX];
    aero_command_full_name(call->command, name);
    aero_call_error_f(call, "ERR wrong number of arguments for '%s' command", name);
}

void aero_refuse_unknown_command(struct aero_call *call)
{
    struct aero_buffer *line = &call->server->line;
    struct aero_slice name = call->arguments[0];
    if (aero_text_is(name, "post") || aero_text_is(name, "host:")) {
        /* A browser that was made to talk to us (Redis: cross-protocol scripting). */
        aero_session_kill(call->session, "cross-protocol request");
        return;
    }
    aero_buffer_clear(line);
    aero_buffer_printf(line, "ERR unknown command '%.*s', with args beginning with: ",
                       aero_call_shown(name), (const char *)name.data);
    size_t begin = line->length;
    for (size_t i = 1; i < call->argument_count && line->length - begin < SHOWN_ARGUMENTS_MAX;
         i++) {
        struct aero_slice argument = call->arguments[i];
        size_t left = SHOWN_ARGUMENTS_MAX - (line->length - begin);
        aero_buffer_printf(line, "'%.*s' ", (int)(argument.length < left ? argument.length : left),
                           (const char *)argument.data);
    }
    aero_resp_error_slice(&call->reply, aero_buffer_slice(line));
    call->errors++;
}

const struct aero_command *aero_command_find_subcommand(const struct aero_command *command,
                                                        struct aero_slice name)
{
    for (size_t i = 0; i < command->subcommand_count; i++) {
        if (aero_text_is(name, command->subcommands[i].name)) {
            return &command->subcommands[i];
        }
    }
    return NULL;
}

static void refuse_unknown_subcommand(struct aero_call *call)
{
    char upper[AERO_COMMAND_NAME_MAX];
    aero_text_copy(upper, sizeof upper, call->command->name);
    struct aero_slice name = call->arguments[1];
    aero_call_error_f(call, "ERR unknown subcommand '%.*s'. Try %s HELP.", aero_call_shown(name),
                      (const char *)name.data, aero_text_upper(upper));
}

static bool is_admin_name(struct aero_slice name)
{
    size_t head = strlen("aero.");
    return name.length > head && name.length < AERO_COMMAND_NAME_MAX &&
           aero_text_is(aero_slice_of(name.data, head), "aero.");
}

/* An EXEC is the end of its MULTI, also one that is written wrong. */
static void refuse_arity(struct aero_call *call)
{
    if (call->command->run == aero_command_exec) {
        aero_call_error(call, "EXECABORT Transaction discarded because of: wrong number of "
                              "arguments for 'exec' command");
        call->ends_multi = true;
    } else {
        aero_call_arity_error(call);
    }
}

/* Sets call->command; false when the error is written. */
static bool find_command(struct aero_call *call)
{
    struct aero_slice name = call->arguments[0];
    call->command = aero_server_find_command(call->server, name);
    if (call->command == NULL && is_admin_name(name)) {
        call->command = &aero_admin_command;
    }
    if (call->command == NULL) {
        aero_refuse_unknown_command(call);
        return false;
    }
    if (call->command->subcommand_count != 0 && call->argument_count >= 2) {
        const struct aero_command *sub =
            aero_command_find_subcommand(call->command, call->arguments[1]);
        if (sub == NULL) {
            refuse_unknown_subcommand(call);
            return false;
        }
        call->command = sub;
    }
    if (!aero_command_arity_fits(call->command, call->argument_count)) {
        refuse_arity(call);
        return false;
    }
    return true;
}

static bool is_permitted(struct aero_call *call)
{
    const struct aero_command *command = call->command;
    size_t user = call->session->user;
    if (aero_users_permit(call->server, user, command)) {
        return true;
    }
    if (user == AERO_NO_USER) {
        aero_call_error(call, "NOAUTH Authentication required.");
    } else {
        char name[AERO_COMMAND_FULL_NAME_MAX];
        aero_command_full_name(command, name);
        aero_call_error_f(call, "NOPERM User %s has no permissions to run the '%s' command",
                          call->server->users[user].name, name);
    }
    return false;
}

static bool keys_fit(struct aero_call *call)
{
    size_t first;
    size_t last;
    if (call->command->first_key == 0) {
        return true;
    }
    aero_command_key_range(call->command, call->argument_count, &first, &last);
    for (size_t i = first; i <= last; i += (size_t)call->command->key_step) {
        if (call->arguments[i].length > AERO_USER_KEY_MAX) {
            aero_call_error_f(call, "ERR key is longer than %zu bytes", AERO_USER_KEY_MAX);
            return false;
        }
    }
    return true;
}

static bool memory_is_full(const struct aero_server *server)
{
    return server->options.memory_bytes_max != 0 &&
           aero_tree_memory_bytes(aero_tree_now(server)) > server->options.memory_bytes_max;
}

/* Why commands with these flags may not run now; NULL: go on. */
static const char *refusal_of(struct aero_call *call, uint16_t flags)
{
    const struct aero_node *node = &call->server->node;
    const char *error;
    if ((flags & AERO_COMMAND_ALWAYS) == 0 && !node->ops->can_read(node->self, &error)) {
        return error;
    }
    if ((flags & AERO_COMMAND_WRITE) != 0 && !node->ops->can_write(node->self, &error)) {
        return error;
    }
    if ((flags & AERO_COMMAND_DENYOOM) != 0 && memory_is_full(call->server)) {
        /* Perhaps full of commits in flight (decision 10). */
        call->depends = node->ops->evaluated(node->self).value;
        return "OOM command not allowed when used memory > 'maxmemory'.";
    }
    return NULL;
}

static bool is_exec(const struct aero_call *call)
{
    return call->session->multi.active && call->command->run == aero_command_exec;
}

/* The checks that are the same for all commands. False: the error is written. */
static bool admit(struct aero_call *call)
{
    if (!find_command(call) || !is_permitted(call) || !keys_fit(call)) {
        return false;
    }
    if (is_exec(call)) {
        const char *refusal = refusal_of(call, call->session->multi.flags);
        if (refusal != NULL && !call->session->multi.failed) {
            aero_call_error_f(call, "EXECABORT Transaction discarded because of: %s", refusal);
            call->ends_multi = true;
            return false;
        }
        return true;
    }
    const char *refusal = refusal_of(call, call->command->flags);
    if (refusal != NULL) {
        aero_call_error(call, refusal);
        return false;
    }
    return true;
}

/* Decision 17: the node is asked for room before a write is evaluated. */
static bool has_room(struct aero_call *call)
{
    const struct aero_node_ops *ops = call->server->node.ops;
    void *node = call->server->node.self;
    size_t bytes = COMMAND_OVERHEAD;
    uint16_t flags = call->command->flags;
    if (is_exec(call)) {
        flags = call->session->multi.flags;
        bytes +=
            call->session->multi.bytes.length + call->session->multi.span_count * ARGUMENT_OVERHEAD;
    }
    if ((flags & AERO_COMMAND_WRITE) == 0) {
        return true;
    }
    for (size_t i = 1; i < call->argument_count; i++) {
        bytes += call->arguments[i].length + ARGUMENT_OVERHEAD;
    }
    size_t bytes_max = ops->commit_bytes_max(node);
    call->room_bytes = bytes < bytes_max ? bytes : bytes_max;
    bool others_wait = !call->server->resuming && !aero_link_alone(&call->server->parked);
    return !others_wait && ops->has_room(node, call->room_bytes);
}

static void answer_failed_outcome(struct aero_call *call)
{
    size_t bytes_max = call->server->node.ops->commit_bytes_max(call->server->node.self);
    if (call->outcome == AERO_CALL_REFUSED) {
        aero_call_error(call, call->refusal);
    } else if (call->ends_multi) {
        aero_call_error_f(call,
                          "EXECABORT Transaction discarded because of: its effects exceed the "
                          "largest commit of %zu bytes",
                          bytes_max);
    } else {
        aero_call_error_f(call, "ERR the command's effects exceed the largest commit of %zu bytes",
                          bytes_max);
    }
}

/* What an EXEC may have changed of its session and is taken back with it: it runs again from there, or not at all. */
struct footing {
    uint8_t database;
    uint8_t protocol;
    size_t user;
    enum aero_reply_mode reply_mode;
    bool watch_dirty; /* by what is taken back */
};

static struct footing footing_of(const struct aero_session *session)
{
    return (struct footing){
        .database = session->database,
        .protocol = session->protocol,
        .user = session->user,
        .reply_mode = session->reply_mode,
        .watch_dirty = session->watch_dirty,
    };
}

static void take_back(struct aero_session *session, const struct footing *footing)
{
    session->database = footing->database;
    session->protocol = footing->protocol;
    session->user = footing->user;
    session->reply_mode = footing->reply_mode;
    session->watch_dirty = footing->watch_dirty;
}

/* Evaluates and commits; false: no room, nothing happened. */
static bool evaluate(struct aero_call *call, size_t begin)
{
    struct aero_session *session = call->session;
    const struct footing before = footing_of(session);
    if (!has_room(call)) {
        return false;
    }
    call->command->run(call);
    aero_commit_finish(call);
    if (call->outcome != AERO_CALL_FINE) {
        session->output.bytes.length = begin;
        take_back(session, &before);
        if (call->outcome == AERO_CALL_NO_ROOM) {
            return false;
        }
        answer_failed_outcome(call);
    }
    return true;
}

static void finish(struct aero_call *call, size_t begin)
{
    struct aero_session *session = call->session;
    if (session->reply_mode == AERO_REPLY_OFF || session->reply_mode == AERO_REPLY_SKIP) {
        session->output.bytes.length = begin;
    }
    if (session->reply_mode == AERO_REPLY_SKIP) {
        session->reply_mode = AERO_REPLY_ON;
    }
    call->server->stats.command_errors += call->errors != 0;
    aero_session_finish_reply(session, begin, call->depends);
}

/* Once per call that went through, so not by a call that parks. The commands of an EXEC count whether it ran them or
 * found a watched key touched: INFO is never held, and must not tell of a commit that may still fail (decision 10). */
static void count_call(const struct aero_call *call)
{
    uint64_t *calls = call->server->command_calls;
    const struct aero_multi *multi = &call->session->multi;
    calls[aero_command_number(call->command)]++;
    if (is_exec(call) && !multi->failed) {
        for (size_t i = 0; i < multi->queued_count; i++) {
            calls[aero_command_number(multi->queued[i].command)]++;
        }
    }
}

static struct aero_call begin_call(struct aero_session *session)
{
    if (session->reply_mode == AERO_REPLY_SKIP_NEXT) {
        session->reply_mode = AERO_REPLY_SKIP;
    }
    return (struct aero_call){
        .server = session->server,
        .session = session,
        .reply = {.out = &session->output.bytes, .version = session->protocol},
    };
}

void aero_execute_refused(struct aero_session *session, const char *reason)
{
    size_t begin = session->output.bytes.length;
    struct aero_call call = begin_call(session);
    session->multi.failed = session->multi.active;
    aero_call_error_f(&call, "ERR %s", reason);
    finish(&call, begin);
}

enum aero_executed aero_execute(struct aero_session *session, const struct aero_slice *arguments,
                                size_t argument_count)
{
    struct aero_server *server = session->server;
    size_t begin = session->output.bytes.length;
    enum aero_reply_mode mode_before = session->reply_mode;
    struct aero_call call = begin_call(session);
    call.arguments = arguments;
    call.argument_count = argument_count;
    bool admitted = admit(&call);
    session->last_command = admitted ? call.command : session->last_command;
    if (!admitted) {
        session->multi.failed = session->multi.active;
    } else if (session->multi.active && (call.command->flags & AERO_COMMAND_IN_MULTI) == 0) {
        aero_multi_queue(&call);
    } else if (evaluate(&call, begin)) {
        count_call(&call);
    } else {
        session->reply_mode = mode_before;
        return AERO_EXECUTED_PARK;
    }
    server->stats.commands_processed++;
    if (call.ends_multi) {
        aero_multi_discard(session);
        aero_unwatch(session);
    }
    finish(&call, begin);
    return AERO_EXECUTED;
}
