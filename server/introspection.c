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
static void write_name(struct aero_call *call, const struct aero_command *command,
                       const struct aero_command *container)
{
    char name[2 * AERO_COMMAND_NAME_MAX + 2];
    if (container == NULL) {
        aero_resp_bulk_text(&call->reply, command->name);
    } else {
        snprintf(name, sizeof name, "%s|%s", container->name, command->name);
        aero_resp_bulk_text(&call->reply, name);
    }
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
static void write_info(struct aero_call *call, const struct aero_command *command,
                       const struct aero_command *container)
{
    struct aero_resp_writer *reply = &call->reply;
    aero_resp_array(reply, 10);
    write_name(call, command, container);
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
        write_info(call, &command->subcommands[i], command);
    }
}

static const char *group_of(const struct aero_command *command)
{
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
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if ((command->categories & groups[i].category) != 0) {
            return groups[i].name;
        }
    }
    return "server";
}

static void write_docs(struct aero_call *call, const struct aero_command *command,
                       const struct aero_command *container)
{
    struct aero_resp_writer *reply = &call->reply;
    write_name(call, command, container);
    aero_resp_map(reply, command->subcommand_count == 0 ? 3 : 4);
    aero_resp_bulk_text(reply, "summary");
    aero_resp_bulk_text(reply, command->summary);
    aero_resp_bulk_text(reply, "since");
    aero_resp_bulk_text(reply, command->since);
    aero_resp_bulk_text(reply, "group");
    aero_resp_bulk_text(reply, group_of(command));
    if (command->subcommand_count != 0) {
        aero_resp_bulk_text(reply, "subcommands");
        aero_resp_map(reply, command->subcommand_count);
        for (size_t i = 0; i < command->subcommand_count; i++) {
            write_docs(call, &command->subcommands[i], command);
        }
    }
}

void aero_command_command(struct aero_call *call)
{
    aero_resp_array(&call->reply, aero_command_count);
    for (size_t i = 0; i < aero_command_count; i++) {
        write_info(call, &aero_commands[i], NULL);
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

/* By name, "container|subcommand" included; *out_container is NULL for a command of its own. */
static const struct aero_command *find_named(const struct aero_call *call, struct aero_slice name,
                                             const struct aero_command **out_container)
{
    const uint8_t *bar = name.length == 0 ? NULL : memchr(name.data, '|', name.length);
    size_t head = bar == NULL ? name.length : (size_t)(bar - name.data);
    const struct aero_command *top =
        aero_server_find_command(call->server, aero_slice_of(name.data, head));
    *out_container = NULL;
    if (bar == NULL || top == NULL) {
        return top;
    }
    *out_container = top;
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
        const struct aero_command *container;
        const struct aero_command *command = find_named(call, call->arguments[i], &container);
        if (command == NULL) {
            aero_resp_null(&call->reply);
        } else {
            write_info(call, command, container);
        }
    }
}

void aero_command_command_docs(struct aero_call *call)
{
    const struct aero_command *container;
    size_t count = 0;
    if (call->argument_count == 2) {
        aero_resp_map(&call->reply, aero_command_count);
        for (size_t i = 0; i < aero_command_count; i++) {
            write_docs(call, &aero_commands[i], NULL);
        }
        return;
    }
    for (size_t i = 2; i < call->argument_count; i++) {
        count += find_named(call, call->arguments[i], &container) != NULL;
    }
    aero_resp_map(&call->reply, count);
    for (size_t i = 2; i < call->argument_count; i++) {
        const struct aero_command *command = find_named(call, call->arguments[i], &container);
        if (command != NULL) {
            write_docs(call, command, container);
        }
    }
}

/* FILTERBY: a pattern or a category; modules do not exist. */
static bool list_shows(const struct aero_call *call, const struct aero_command *command)
{
    if (call->argument_count == 2) {
        return true;
    }
    struct aero_slice value = call->arguments[4];
    if (aero_call_is(call, 3, "pattern")) {
        return aero_glob_match(value, aero_slice_text(command->name), true);
    }
    for (size_t i = 0; aero_call_is(call, 3, "aclcat") && i < CATEGORY_COUNT; i++) {
        if (aero_text_is(value, category_names[i].name + 1)) {
            return (command->categories & category_names[i].category) != 0;
        }
    }
    return false;
}

void aero_command_command_list(struct aero_call *call)
{
    size_t count = 0;
    if (call->argument_count != 2 &&
        !(call->argument_count == 5 && aero_call_is(call, 2, "filterby") &&
          (aero_call_is(call, 3, "pattern") || aero_call_is(call, 3, "aclcat") ||
           aero_call_is(call, 3, "module")))) {
        aero_call_syntax_error(call);
        return;
    }
    for (size_t i = 0; i < aero_command_count; i++) {
        count += list_shows(call, &aero_commands[i]);
    }
    aero_resp_array(&call->reply, count);
    for (size_t i = 0; i < aero_command_count; i++) {
        if (list_shows(call, &aero_commands[i])) {
            aero_resp_bulk_text(&call->reply, aero_commands[i].name);
        }
    }
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
    if (!aero_command_arity_fits(command, argument_count) ||
        !aero_command_key_range(command, argument_count, &first, &last)) {
        aero_call_error(call, "ERR Invalid number of arguments specified for command");
        return;
    }
    size_t step = (size_t)command->key_step;
    aero_resp_array(&call->reply, (last - first) / step + 1);
    for (size_t i = first; i <= last; i += step) {
        aero_resp_bulk(&call->reply, call->arguments[2 + i]);
    }
}
