/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as data: one table (command_table.c) says what each is called, takes and may do; one function each
 * evaluates it (strings.c, keys.c, ...). The checks that are the same for all stand once, in execute.c, and read this
 * table. */
#ifndef AERO_SERVER_COMMAND_H
#define AERO_SERVER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct aero_call;

enum aero_command_flag {
    AERO_COMMAND_WRITE = 1 << 0,    /* may change data: refused on a replica, waits for room */
    AERO_COMMAND_READONLY = 1 << 1, /* reads data, and logs nothing but expiry */
    AERO_COMMAND_DENYOOM = 1 << 2,  /* may add data: refused above maxmemory */
    AERO_COMMAND_ADMIN = 1 << 3,
    AERO_COMMAND_NOAUTH = 1 << 4, /* allowed before AUTH, and to every user */
    AERO_COMMAND_ALWAYS = 1 << 5, /* touches no data: allowed while the node cannot serve reads */
    AERO_COMMAND_NO_MULTI = 1 << 6,
    AERO_COMMAND_BLOCKING = 1 << 7,
    AERO_COMMAND_FAST = 1 << 8,
    AERO_COMMAND_IN_MULTI = 1 << 9, /* runs inside MULTI instead of being queued */
};

struct aero_command {
    const char *name; /* lower case */
    void (*run)(struct aero_call *call);
    int8_t arity; /* arguments with the name; negative: at least so many */
    uint16_t flags;
    uint32_t categories; /* enum aero_category */
    /* Which arguments are keys: from first_key to last_key (negative: from the end), every key_step. 0: none. */
    int8_t first_key;
    int8_t last_key;
    int8_t key_step;
    const char *since;
    const char *summary;
    const struct aero_command *subcommands;
    size_t subcommand_count;
};

extern const struct aero_command aero_commands[];
extern const size_t aero_command_count;
/* Stands for every AERO.NAME that is not in the table: the node knows them. */
extern const struct aero_command aero_admin_command;

/* Longer than any name in the table. */
#define AERO_COMMAND_NAME_MAX 32
#define AERO_COMMAND_FULL_NAME_MAX (2 * AERO_COMMAND_NAME_MAX)

/* The key arguments of a command that has some, as a range [first, last] in as many arguments as its arity wants. */
void aero_command_key_range(const struct aero_command *command, size_t argument_count,
                            size_t *out_first, size_t *out_last);
/* NULL: none is called so. */
const struct aero_command *aero_command_find_subcommand(const struct aero_command *command,
                                                        struct aero_slice name);
/* The entry of the table that it is, or is a subcommand of; aero_admin_command is in none. */
const struct aero_command *aero_command_top(const struct aero_command *command);
/* Counts the table, all subcommands and aero_admin_command from 0. */
size_t aero_command_number(const struct aero_command *command);
/* How many that are. */
size_t aero_command_numbers(void);
/* With its container's, as Redis writes it: "client|setname". */
void aero_command_full_name(const struct aero_command *command,
                            char out_name[AERO_COMMAND_FULL_NAME_MAX]);
bool aero_command_arity_fits(const struct aero_command *command, size_t argument_count);

#endif
