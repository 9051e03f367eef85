/* SPDX-License-Identifier: Apache-2.0 */
/* COMMAND: the table, as clients ask for it. */
#include "server/call.h"

#include <stdio.h>

#include "server/text.h"

static const struct {
    uint16_t flag;
    const char *name;
} flag_names[] = {
    {AERO_COMMAND_WRITE, "write"},       {AERO_COMMAND_READONLY, "readonly"},
    {AERO_COMMAND_DENYOOM, "denyoom"},   {AERO_COMMAND_ADMIN, "admin"},
    {AERO_COMMAND_ALWAYS, "loading"},    {AERO_COMMAND_ALWAYS, "stale"},
    {AERO_COMMAND_NOAUTH, "no_auth"},    {AERO_COMMAND_NO_MULTI, "no_multi"},
    {AERO_COMMAND_BLOCKING, "blocking"}, {AERO_COMMAND_FAST, "fast"},
};
#define FLAG_COUNT (sizeof flag_names / sizeof flag_names[0])

static const struct {
    uint32_t category;
    const char *name;
} category_names[] = {
    {AERO_CATEGORY_KEYSPACE, "@keyspace"},
    {AERO_CATEGORY_READ, "@read"},
    {AERO_CATEGORY_WRITE, "@write"},
    {AERO_CATEGORY_STRING, "@string"},
    {AERO_CATEGORY_BITMAP, "@bitmap"},
    {AERO_CATEGORY_FAST, "@fast"},
    {AERO_CATEGORY_SLOW, "@slow"},
    {AERO_CATEGORY_BLOCKING, "@blocking"},
    {AERO_CATEGORY_DANGEROUS, "@dangerous"},
    {AERO_CATEGORY_CONNECTION, "@connection"},
    {AERO_CATEGORY_TRANSACTION, "@transaction"},
    {AERO_CATEGORY_ADMIN, "@admin"},
};
#define CATEGORY_COUNT (sizeof category_names / sizeof category_names[0])

static void write_flags(struct aero_call *call, const struct aero_command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        count += (command->flags & flag_names[i].flag) != 0;
    }
    aero_resp_set(&call->reply, count);
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if ((command->flags & flag_names[i].flag) != 0) {
            aero_resp_simple(&call->reply, flag_names[i].name);
        }
    }
}

static void write_categories(struct aero_call *call, const struct aero_command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < CATEGORY_COUNT; i++) {
        count += (command->categories & category_names[i].category) != 0;
    }
    aero_resp_set(&call->reply, count);
    for (size_t i = 0; i < CATEGORY_COUNT; i++) {
        if ((command->categories & category_names[i].category) != 0) {
            aero_resp_simple(&call->reply, category_names[i].name);
        }
    }
}

/* A subcommand is called container|name. */
static void write_name(struct aero_call *call, const struct aero_command *command)
{
    char name[AERO_COMMAND_FULL_NAME_MAX];
    aero_command_full_name(command, name);
    aero_resp_bulk_text(&call->reply, name);
}

/* In the words of Redis 7: where the keys begin, and how far they go from there. */
static void write_key_specification(struct aero_call *call, const struct aero_command *command)
{
    struct aero_resp_writer *reply = &call->reply;
    bool writes = (command->flags & AERO_COMMAND_WRITE) != 0;
    int last = command->last_key < 0 ? command->last_key : command->last_key - command->first_key;
    if (command->first_key == 0) {
        aero_resp_array(reply, 0);
        return;
    }
    aero_resp_array(reply, 1);
    aero_resp_map(reply, 3);
    aero_resp_bulk_text(reply, "flags");
    aero_resp_set(reply, 2);
    aero_resp_simple(reply, writes ? "RW" : "RO");
    aero_resp_simple(reply, writes ? "update" : "access");
    aero_resp_bulk_text(reply, "begin_search");
    aero_resp_map(reply, 2);
    aero_resp_bulk_text(reply, "type");
    aero_resp_bulk_text(reply, "index");
    aero_resp_bulk_text(reply, "spec");
    aero_resp_map(reply, 1);
    aero_resp_bulk_text(reply, "index");
    aero_resp_integer(reply, command->first_key);
    aero_resp_bulk_text(reply, "find_keys");
    aero_resp_map(reply, 2);
    aero_resp_bulk_text(reply, "type");
    aero_resp_bulk_text(reply, "range");
    aero_resp_bulk_text(reply, "spec");
    aero_resp_map(reply, 3);
    aero_resp_bulk_text(reply, "lastkey");
    aero_resp_integer(reply, last);
    aero_resp_bulk_text(reply, "keystep");
    aero_resp_integer(reply, command->key_step);
    aero_resp_bulk_text(reply, "limit");
    aero_resp_integer(reply, 0);
}

/* Ten elements; tips are empty. */
static void write_info(struct aero_call *call, const struct aero_command *command)
{
    struct aero_resp_writer *reply = &call->reply;
    aero_resp_array(reply, 10);
    write_name(call, command);
    aero_resp_integer(reply, command->arity);
    write_flags(call, command);
    aero_resp_integer(reply, command->first_key);
    aero_resp_integer(reply, command->last_key);
    aero_resp_integer(reply, command->key_step);
    write_categories(call, command);
    aero_resp_array(reply, 0);
    write_key_specification(call, command);
    aero_resp_array(reply, command->subcommand_count);
    for (size_t i = 0; i < command->subcommand_count; i++) {
        write_info(call, &command->subcommands[i]);
    }
}

/* As Redis groups its documentation: mostly by what a command is about. Of a command that is no subcommand. */
static const char *group_of(const struct aero_command *command)
{
    static const struct {
        const char *command;
        const char *name;
    } exceptions[] = {
        {"command", "server"}, {"dbsize", "server"}, {"flushall", "server"},
        {"flushdb", "server"}, {"wait", "generic"},  {"waitaof", "generic"},
    };
    static const struct {
        uint32_t category;
        const char *name;
    } groups[] = {
        {AERO_CATEGORY_TRANSACTION, "transactions"},
        {AERO_CATEGORY_CONNECTION, "connection"},
        {AERO_CATEGORY_BITMAP, "bitmap"},
        {AERO_CATEGORY_STRING, "string"},
        {AERO_CATEGORY_KEYSPACE, "generic"},
    };
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        if (strcmp(command->name, exceptions[i].command) == 0) {
            return exceptions[i].name;
        }
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if ((command->categories & groups[i].category) != 0) {
            return groups[i].name;
        }
    }
    return "server";
}

static void write_docs(struct aero_call *call, const struct aero_command *command)
{
    struct aero_resp_writer *reply = &call->reply;
    write_name(call, command);
    aero_resp_map(reply, command->subcommand_count == 0 ? 3 : 4);
    aero_resp_bulk_text(reply, "summary");
    aero_resp_bulk_text(reply, command->summary);
    aero_resp_bulk_text(reply, "since");
    aero_resp_bulk_text(reply, command->since);
    aero_resp_bulk_text(reply, "group");
    aero_resp_bulk_text(reply, group_of(aero_command_top(command)));
    if (command->subcommand_count != 0) {
        aero_resp_bulk_text(reply, "subcommands");
        aero_resp_map(reply, command->subcommand_count);
        for (size_t i = 0; i < command->subcommand_count; i++) {
            write_docs(call, &command->subcommands[i]);
        }
    }
}

void aero_command_command(struct aero_call *call)
{
    aero_resp_array(&call->reply, aero_command_count);
    for (size_t i = 0; i < aero_command_count; i++) {
        write_info(call, &aero_commands[i]);
    }
}

/* HELP of every command that has subcommands. */
void aero_command_help(struct aero_call *call)
{
    const struct aero_command *container =
        aero_server_find_command(call->server, call->arguments[0]);
    char name[AERO_COMMAND_NAME_MAX];
    char line[128];
    aero_text_copy(name, sizeof name, container->name);
    snprintf(line, sizeof line,
             "%s <subcommand> [<arg> ...]. Subcommands are:", aero_text_upper(name));
    aero_resp_array(&call->reply, 1 + 2 * container->subcommand_count);
    aero_resp_simple(&call->reply, line);
    for (size_t i = 0; i < container->subcommand_count; i++) {
        const struct aero_command *command = &container->subcommands[i];
        aero_text_copy(name, sizeof name, command->name);
        snprintf(line, sizeof line, "    %s", command->summary);
        aero_resp_simple(&call->reply, aero_text_upper(name));
        aero_resp_simple(&call->reply, line);
    }
}

void aero_command_command_count(struct aero_call *call)
{
    aero_resp_integer(&call->reply, (int64_t)aero_command_count);
}

/* By name, "container|subcommand" included. */
static const struct aero_command *find_named(const struct aero_call *call, struct aero_slice name)
{
    const uint8_t *bar = memchr(name.data, '|', name.length);
    size_t head = bar == NULL ? name.length : (size_t)(bar - name.data);
    const struct aero_command *top =
        aero_server_find_command(call->server, aero_slice_of(name.data, head));
    if (bar == NULL || top == NULL) {
        return top;
    }
    return aero_command_find_subcommand(top, aero_slice_of(bar + 1, name.length - head - 1));
}

void aero_command_command_info(struct aero_call *call)
{
    if (call->argument_count == 2) {
        aero_command_command(call);
        return;
    }
    aero_resp_array(&call->reply, call->argument_count - 2);
    for (size_t i = 2; i < call->argument_count; i++) {
        const struct aero_command *command = find_named(call, call->arguments[i]);
        if (command == NULL) {
            aero_resp_null(&call->reply);
        } else {
            write_info(call, command);
        }
    }
}

void aero_command_command_docs(struct aero_call *call)
{
    size_t count = 0;
    if (call->argument_count == 2) {
        aero_resp_map(&call->reply, aero_command_count);
        for (size_t i = 0; i < aero_command_count; i++) {
            write_docs(call, &aero_commands[i]);
        }
        return;
    }
    for (size_t i = 2; i < call->argument_count; i++) {
        count += find_named(call, call->arguments[i]) != NULL;
    }
    aero_resp_map(&call->reply, count);
    for (size_t i = 2; i < call->argument_count; i++) {
        const struct aero_command *command = find_named(call, call->arguments[i]);
        if (command != NULL) {
            write_docs(call, command);
        }
    }
}

/* What COMMAND LIST names: what matches the pattern, or is in one of the categories. */
struct name_filter {
    const struct aero_slice *pattern; /* NULL: none */
    uint32_t categories;
};

/* 0: none is called so. */
static uint32_t category_named(struct aero_slice name)
{
    for (size_t i = 0; i < CATEGORY_COUNT; i++) {
        if (aero_text_is(name, category_names[i].name + 1)) {
            return category_names[i].category;
        }
    }
    return 0;
}

/* False: the error is written. No command is of a module. */
static bool parse_name_filter(struct aero_call *call, struct name_filter *out_filter)
{
    *out_filter = (struct name_filter){.categories = AERO_CATEGORY_ALL};
    if (call->argument_count == 2) {
        return true;
    }
    out_filter->categories = 0;
    if (call->argument_count == 5 && aero_call_is(call, 2, "filterby")) {
        if (aero_call_is(call, 3, "pattern")) {
            out_filter->pattern = &call->arguments[4];
            return true;
        }
        if (aero_call_is(call, 3, "aclcat")) {
            out_filter->categories = category_named(call->arguments[4]);
            return true;
        }
        if (aero_call_is(call, 3, "module")) {
            return true;
        }
    }
    aero_call_syntax_error(call);
    return false;
}

/* A command and its subcommands; returns how many names were written. */
static size_t list_names(const struct name_filter *filter, const struct aero_command *command,
                         struct aero_resp_writer *names)
{
    char name[AERO_COMMAND_FULL_NAME_MAX];
    aero_command_full_name(command, name);
    bool shown = filter->pattern != NULL
                     ? aero_glob_match(*filter->pattern, aero_slice_text(name), true)
                     : (command->categories & filter->categories) != 0;
    if (shown) {
        aero_resp_bulk_text(names, name);
    }
    size_t count = shown;
    for (size_t i = 0; i < command->subcommand_count; i++) {
        count += list_names(filter, &command->subcommands[i], names);
    }
    return count;
}

void aero_command_command_list(struct aero_call *call)
{
    struct name_filter filter;
    struct aero_resp_writer names = {.out = &call->server->text, .version = call->reply.version};
    size_t count = 0;
    if (!parse_name_filter(call, &filter)) {
        return;
    }
    aero_buffer_clear(names.out);
    for (size_t i = 0; i < aero_command_count; i++) {
        count += list_names(&filter, &aero_commands[i], &names);
    }
    aero_resp_array(&call->reply, count);
    aero_buffer_append_slice(call->reply.out, aero_buffer_slice(names.out));
}

void aero_command_command_getkeys(struct aero_call *call)
{
    const struct aero_command *command = aero_server_find_command(call->server, call->arguments[2]);
    size_t argument_count = call->argument_count - 2;
    size_t first;
    size_t last;
    if (command != NULL && command->subcommand_count != 0 && argument_count > 1) {
        command = aero_command_find_subcommand(command, call->arguments[3]);
    }
    if (command == NULL) {
        aero_call_error(call, "ERR Invalid command specified");
        return;
    }
    if (command->first_key == 0) {
        aero_call_error(call, "ERR The command has no key arguments");
        return;
    }
    if (!aero_command_arity_fits(command, argument_count)) {
        aero_call_error(call, "ERR Invalid number of arguments specified for command");
        return;
    }
    aero_command_key_range(command, argument_count, &first, &last);
    size_t step = (size_t)command->key_step;
    aero_resp_array(&call->reply, (last - first) / step + 1);
    for (size_t i = first; i <= last; i += step) {
        aero_resp_bulk(&call->reply, call->arguments[2 + i]);
    }
}
