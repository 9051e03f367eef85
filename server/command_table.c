/* SPDX-License-Identifier: Apache-2.0 */
/* Every command: name, function, arity, what it may do, where its keys stand. To add one: write its function in the
 * file of its family, declare it in commands.h, add its row here. */
#include "server/commands.h"

#include "server/command.h"
#include "server/server.h"

/* Short names for this table. */
enum {
    WRITE = AERO_COMMAND_WRITE,
    READ = AERO_COMMAND_READONLY,
    OOM = AERO_COMMAND_DENYOOM,
    ADMIN = AERO_COMMAND_ADMIN,
    NOAUTH = AERO_COMMAND_NOAUTH,
    ALWAYS = AERO_COMMAND_ALWAYS,
    NOMULTI = AERO_COMMAND_NO_MULTI,
    BLOCKING = AERO_COMMAND_BLOCKING,
    FAST = AERO_COMMAND_FAST,
    INMULTI = AERO_COMMAND_IN_MULTI,

    C_FAST = AERO_CATEGORY_FAST,
    C_SLOW = AERO_CATEGORY_SLOW,
    C_READ_STRING = AERO_CATEGORY_READ | AERO_CATEGORY_STRING,
    C_WRITE_STRING = AERO_CATEGORY_WRITE | AERO_CATEGORY_STRING,
    C_READ_BITMAP = AERO_CATEGORY_READ | AERO_CATEGORY_BITMAP,
    C_WRITE_BITMAP = AERO_CATEGORY_WRITE | AERO_CATEGORY_BITMAP,
    C_READ_KEYS = AERO_CATEGORY_READ | AERO_CATEGORY_KEYSPACE,
    C_WRITE_KEYS = AERO_CATEGORY_WRITE | AERO_CATEGORY_KEYSPACE,
    C_DANGER = AERO_CATEGORY_DANGEROUS,
    C_ADMIN = AERO_CATEGORY_ADMIN | AERO_CATEGORY_DANGEROUS,
    C_CONNECTION = AERO_CATEGORY_CONNECTION,
    C_TRANSACTION = AERO_CATEGORY_TRANSACTION,
    C_BLOCKING = AERO_CATEGORY_BLOCKING,
};

/* clang-format off */
static const struct aero_command client_subcommands[] = {
    {"getname", aero_command_client_getname, 2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.6.9",
     "Returns the name of the connection.", NULL, 0},
    {"getredir", aero_command_client_getredir, 2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "6.0.0",
     "Returns -1: invalidation messages are redirected nowhere.", NULL, 0},
    {"id", aero_command_client_id, 2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "5.0.0",
     "Returns the number of the connection.", NULL, 0},
    {"info", aero_command_client_info, 2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "6.2.0",
     "Describes the connection.", NULL, 0},
    {"kill", aero_command_client_kill, -3, ALWAYS | ADMIN, C_CONNECTION | C_ADMIN | C_SLOW, 0, 0, 0,
     "2.4.0", "Closes connections.", NULL, 0},
    {"list", aero_command_client_list, -2, ALWAYS | ADMIN, C_CONNECTION | C_ADMIN | C_SLOW, 0, 0, 0,
     "2.4.0", "Describes all connections.", NULL, 0},
    {"no-evict", aero_command_client_no_evict, 3, ALWAYS | ADMIN,
     C_CONNECTION | C_ADMIN | C_SLOW, 0, 0, 0, "7.0.0",
     "Accepted: no connection is ever closed for memory.", NULL, 0},
    {"no-touch", aero_command_client_no_touch, 3, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "7.2.0",
     "Accepted: reads never change what is kept.", NULL, 0},
    {"reply", aero_command_client_reply, 3, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "3.2.0",
     "Switches replies off and on.", NULL, 0},
    {"setinfo", aero_command_client_setinfo, 4, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "7.2.0",
     "Says which client library this is.", NULL, 0},
    {"setname", aero_command_client_setname, 3, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.6.9",
     "Names the connection.", NULL, 0},
};

static const struct aero_command command_subcommands[] = {
    {"count", aero_command_command_count, 2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.8.13",
     "Counts commands.", NULL, 0},
    {"docs", aero_command_command_docs, -2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "7.0.0",
     "Documents commands.", NULL, 0},
    {"getkeys", aero_command_command_getkeys, -3, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.8.13",
     "Extracts the keys of a command.", NULL, 0},
    {"info", aero_command_command_info, -2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.8.13",
     "Describes commands.", NULL, 0},
    {"list", aero_command_command_list, -2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "7.0.0",
     "Names commands.", NULL, 0},
};

static const struct aero_command config_subcommands[] = {
    {"get", aero_command_config_get, -3, ALWAYS | ADMIN, C_ADMIN | C_SLOW, 0, 0, 0, "2.0.0",
     "Returns settings by pattern.", NULL, 0},
    {"resetstat", aero_command_config_resetstat, 2, ALWAYS | ADMIN, C_ADMIN | C_SLOW, 0, 0, 0,
     "2.0.0", "Sets the counters of INFO back.", NULL, 0},
    {"rewrite", aero_command_config_rewrite, 2, ALWAYS | ADMIN, C_ADMIN | C_SLOW, 0, 0, 0, "2.8.0",
     "Refused: the configuration file belongs to the operator.", NULL, 0},
    {"set", aero_command_config_set, -4, ALWAYS | ADMIN, C_ADMIN | C_SLOW, 0, 0, 0, "2.0.0",
     "Changes settings.", NULL, 0},
};

static const struct aero_command object_subcommands[] = {
    {"encoding", aero_command_object_encoding, 3, READ, C_READ_KEYS | C_SLOW, 2, 2, 1, "2.2.3",
     "Returns how Redis would encode the value.", NULL, 0},
    {"freq", aero_command_object_freq, 3, READ, C_READ_KEYS | C_SLOW, 2, 2, 1, "4.0.0",
     "Refused: access frequencies are not kept.", NULL, 0},
    {"idletime", aero_command_object_idletime, 3, READ, C_READ_KEYS | C_SLOW, 2, 2, 1, "2.2.3",
     "Returns 0: idle times are not kept.", NULL, 0},
    {"refcount", aero_command_object_refcount, 3, READ, C_READ_KEYS | C_SLOW, 2, 2, 1, "2.2.3",
     "Returns 1.", NULL, 0},
};

static const struct aero_command memory_subcommands[] = {
    {"usage", aero_command_memory_usage, -3, READ, AERO_CATEGORY_READ | C_SLOW, 2, 2, 1, "4.0.0",
     "Returns the bytes of a key and its value.", NULL, 0},
};

#define SUBCOMMANDS(table) table, sizeof(table) / sizeof(table)[0]

const struct aero_command aero_commands[] = {
    /* connection.c */
    {"auth", aero_command_auth, -2, NOAUTH | ALWAYS | FAST, C_CONNECTION | C_FAST, 0, 0, 0, "1.0.0",
     "Authenticates the connection.", NULL, 0},
    {"echo", aero_command_echo, 2, ALWAYS | FAST, C_CONNECTION | C_FAST, 0, 0, 0, "1.0.0",
     "Returns the given string.", NULL, 0},
    {"hello", aero_command_hello, -1, NOAUTH | ALWAYS | FAST, C_CONNECTION | C_FAST, 0, 0, 0,
     "6.0.0", "Handshakes with the server.", NULL, 0},
    {"ping", aero_command_ping, -1, ALWAYS | FAST, C_CONNECTION | C_FAST, 0, 0, 0, "1.0.0",
     "Returns PONG or the given string.", NULL, 0},
    {"quit", aero_command_quit, -1, NOAUTH | ALWAYS | FAST | INMULTI, C_CONNECTION | C_FAST,
     0, 0, 0, "1.0.0", "Closes the connection.", NULL, 0},
    {"reset", aero_command_reset, 1, NOAUTH | ALWAYS | FAST | INMULTI, C_CONNECTION | C_FAST,
     0, 0, 0, "6.2.0", "Sets the connection back to how it was opened.", NULL, 0},
    {"select", aero_command_select, 2, ALWAYS | FAST, C_CONNECTION | C_FAST, 0, 0, 0, "1.0.0",
     "Changes the database.", NULL, 0},
    {"time", aero_command_time, 1, ALWAYS | FAST, C_FAST, 0, 0, 0, "2.6.0",
     "Returns the server's time.", NULL, 0},
    {"client", NULL, -2, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.4.0",
     "Commands about connections.", SUBCOMMANDS(client_subcommands)},

    /* introspection.c, config_command.c, info.c */
    {"command", aero_command_command, -1, ALWAYS, C_CONNECTION | C_SLOW, 0, 0, 0, "2.8.13",
     "Describes all commands.", SUBCOMMANDS(command_subcommands)},
    {"config", NULL, -2, ALWAYS | ADMIN, C_ADMIN | C_SLOW, 0, 0, 0, "2.0.0",
     "Commands about settings.", SUBCOMMANDS(config_subcommands)},
    {"info", aero_command_info, -1, ALWAYS, C_DANGER | C_SLOW, 0, 0, 0, "1.0.0",
     "Describes the server.", NULL, 0},

    /* strings.c */
    {"append", aero_command_append, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1,
     "2.0.0", "Appends to a string.", NULL, 0},
    {"decr", aero_command_decr, 2, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1, "1.0.0",
     "Takes one from an integer.", NULL, 0},
    {"decrby", aero_command_decrby, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1,
     "1.0.0", "Takes a number from an integer.", NULL, 0},
    {"get", aero_command_get, 2, READ | FAST, C_READ_STRING | C_FAST, 1, 1, 1, "1.0.0",
     "Returns a string.", NULL, 0},
    {"getdel", aero_command_getdel, 2, WRITE | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1, "6.2.0",
     "Returns a string and deletes it.", NULL, 0},
    {"getex", aero_command_getex, -2, WRITE | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1, "6.2.0",
     "Returns a string and sets or removes its deadline.", NULL, 0},
    {"getrange", aero_command_getrange, 4, READ, C_READ_STRING | C_SLOW, 1, 1, 1, "2.4.0",
     "Returns a part of a string.", NULL, 0},
    {"getset", aero_command_getset, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1,
     "1.0.0", "Sets a string and returns the old one.", NULL, 0},
    {"incr", aero_command_incr, 2, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1, "1.0.0",
     "Adds one to an integer.", NULL, 0},
    {"incrby", aero_command_incrby, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1,
     "1.0.0", "Adds a number to an integer.", NULL, 0},
    {"incrbyfloat", aero_command_incrbyfloat, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST,
     1, 1, 1, "2.6.0", "Adds a number to a number.", NULL, 0},
    {"mget", aero_command_mget, -2, READ | FAST, C_READ_STRING | C_FAST, 1, -1, 1, "1.0.0",
     "Returns strings.", NULL, 0},
    {"mset", aero_command_mset, -3, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, -1, 2, "1.0.1",
     "Sets strings.", NULL, 0},
    {"msetnx", aero_command_msetnx, -3, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, -1, 2, "1.0.1",
     "Sets strings if none of the keys exists.", NULL, 0},
    {"psetex", aero_command_psetex, 4, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, 1, 1, "2.6.0",
     "Sets a string and its deadline in milliseconds.", NULL, 0},
    {"set", aero_command_set, -3, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, 1, 1, "1.0.0",
     "Sets a string.", NULL, 0},
    {"setex", aero_command_setex, 4, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, 1, 1, "2.0.0",
     "Sets a string and its deadline in seconds.", NULL, 0},
    {"setnx", aero_command_setnx, 3, WRITE | OOM | FAST, C_WRITE_STRING | C_FAST, 1, 1, 1,
     "1.0.0", "Sets a string if the key does not exist.", NULL, 0},
    {"setrange", aero_command_setrange, 4, WRITE | OOM, C_WRITE_STRING | C_SLOW, 1, 1, 1, "2.2.0",
     "Overwrites a part of a string.", NULL, 0},
    {"strlen", aero_command_strlen, 2, READ | FAST, C_READ_STRING | C_FAST, 1, 1, 1, "2.2.0",
     "Returns the length of a string.", NULL, 0},
    {"substr", aero_command_getrange, 4, READ, C_READ_STRING | C_SLOW, 1, 1, 1, "1.0.0",
     "Returns a part of a string.", NULL, 0},

    /* bitmaps.c */
    {"bitcount", aero_command_bitcount, -2, READ, C_READ_BITMAP | C_SLOW, 1, 1, 1, "2.6.0",
     "Counts set bits.", NULL, 0},
    {"bitop", aero_command_bitop, -4, WRITE | OOM, C_WRITE_BITMAP | C_SLOW, 2, -1, 1, "2.6.0",
     "Combines strings bit by bit.", NULL, 0},
    {"bitpos", aero_command_bitpos, -3, READ, C_READ_BITMAP | C_SLOW, 1, 1, 1, "2.8.7",
     "Finds the first set or clear bit.", NULL, 0},
    {"getbit", aero_command_getbit, 3, READ | FAST, C_READ_BITMAP | C_FAST, 1, 1, 1, "2.2.0",
     "Returns a bit.", NULL, 0},
    {"setbit", aero_command_setbit, 4, WRITE | OOM, C_WRITE_BITMAP | C_SLOW, 1, 1, 1, "2.2.0",
     "Sets or clears a bit.", NULL, 0},

    /* keys.c */
    {"copy", aero_command_copy, -3, WRITE | OOM, C_WRITE_KEYS | C_SLOW, 1, 2, 1, "6.2.0",
     "Copies a key.", NULL, 0},
    {"del", aero_command_del, -2, WRITE, C_WRITE_KEYS | C_SLOW, 1, -1, 1, "1.0.0",
     "Deletes keys.", NULL, 0},
    {"exists", aero_command_exists, -2, READ | FAST, C_READ_KEYS | C_FAST, 1, -1, 1, "1.0.0",
     "Counts the keys that exist.", NULL, 0},
    {"flushall", aero_command_flushall, -1, WRITE, C_WRITE_KEYS | C_DANGER | C_SLOW, 0, 0, 0,
     "1.0.0", "Deletes all keys of all databases.", NULL, 0},
    {"flushdb", aero_command_flushdb, -1, WRITE, C_WRITE_KEYS | C_DANGER | C_SLOW, 0, 0, 0,
     "1.0.0", "Deletes all keys of the database.", NULL, 0},
    {"memory", NULL, -2, READ, AERO_CATEGORY_READ | C_SLOW, 0, 0, 0, "4.0.0",
     "Commands about memory.", SUBCOMMANDS(memory_subcommands)},
    {"move", aero_command_move, 3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1, "1.0.0",
     "Moves a key to another database.", NULL, 0},
    {"object", NULL, -2, READ, C_READ_KEYS | C_SLOW, 0, 0, 0, "2.2.3",
     "Commands about what a key holds.", SUBCOMMANDS(object_subcommands)},
    {"rename", aero_command_rename, 3, WRITE, C_WRITE_KEYS | C_SLOW, 1, 2, 1, "1.0.0",
     "Renames a key.", NULL, 0},
    {"renamenx", aero_command_renamenx, 3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 2, 1, "1.0.0",
     "Renames a key if the new name is free.", NULL, 0},
    {"touch", aero_command_exists, -2, READ | FAST, C_READ_KEYS | C_FAST, 1, -1, 1, "3.2.1",
     "Counts the keys that exist.", NULL, 0},
    {"type", aero_command_type, 2, READ | FAST, C_READ_KEYS | C_FAST, 1, 1, 1, "1.0.0",
     "Returns the type of a key.", NULL, 0},
    {"unlink", aero_command_del, -2, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, -1, 1, "4.0.0",
     "Deletes keys.", NULL, 0},

    /* scan.c */
    {"dbsize", aero_command_dbsize, 1, READ | FAST, C_READ_KEYS | C_FAST, 0, 0, 0, "1.0.0",
     "Counts the keys of the database.", NULL, 0},
    {"keys", aero_command_keys, 2, READ, C_READ_KEYS | C_DANGER | C_SLOW, 0, 0, 0, "1.0.0",
     "Returns the keys that match a pattern.", NULL, 0},
    {"randomkey", aero_command_randomkey, 1, READ, C_READ_KEYS | C_SLOW, 0, 0, 0, "1.0.0",
     "Returns some key.", NULL, 0},
    {"scan", aero_command_scan, -2, READ, C_READ_KEYS | C_SLOW, 0, 0, 0, "2.8.0",
     "Walks over the keys in steps.", NULL, 0},

    /* expiry.c */
    {"expire", aero_command_expire, -3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1, "1.0.0",
     "Sets a deadline in seconds from now.", NULL, 0},
    {"expireat", aero_command_expireat, -3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1, "1.2.0",
     "Sets a deadline in seconds since 1970.", NULL, 0},
    {"expiretime", aero_command_expiretime, 2, READ | FAST, C_READ_KEYS | C_FAST, 1, 1, 1, "7.0.0",
     "Returns the deadline in seconds since 1970.", NULL, 0},
    {"persist", aero_command_persist, 2, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1, "2.2.0",
     "Removes a deadline.", NULL, 0},
    {"pexpire", aero_command_pexpire, -3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1, "2.6.0",
     "Sets a deadline in milliseconds from now.", NULL, 0},
    {"pexpireat", aero_command_pexpireat, -3, WRITE | FAST, C_WRITE_KEYS | C_FAST, 1, 1, 1,
     "2.6.0", "Sets a deadline in milliseconds since 1970.", NULL, 0},
    {"pexpiretime", aero_command_pexpiretime, 2, READ | FAST, C_READ_KEYS | C_FAST, 1, 1, 1,
     "7.0.0", "Returns the deadline in milliseconds since 1970.", NULL, 0},
    {"pttl", aero_command_pttl, 2, READ | FAST, C_READ_KEYS | C_FAST, 1, 1, 1, "2.6.0",
     "Returns the milliseconds left.", NULL, 0},
    {"ttl", aero_command_ttl, 2, READ | FAST, C_READ_KEYS | C_FAST, 1, 1, 1, "1.0.0",
     "Returns the seconds left.", NULL, 0},

    /* transactions.c */
    {"discard", aero_command_discard, 1, ALWAYS | FAST | INMULTI, C_TRANSACTION | C_FAST, 0, 0, 0,
     "2.0.0", "Forgets a transaction.", NULL, 0},
    {"exec", aero_command_exec, 1, ALWAYS | INMULTI, C_TRANSACTION | C_SLOW, 0, 0, 0, "1.2.0",
     "Runs a transaction as one commit.", NULL, 0},
    {"multi", aero_command_multi, 1, ALWAYS | FAST | INMULTI, C_TRANSACTION | C_FAST, 0, 0, 0,
     "1.2.0", "Begins a transaction.", NULL, 0},
    {"unwatch", aero_command_unwatch, 1, ALWAYS | FAST, C_TRANSACTION | C_FAST, 0, 0, 0, "2.2.0",
     "Stops watching.", NULL, 0},
    {"watch", aero_command_watch, -2, FAST | INMULTI, C_TRANSACTION | C_FAST, 1, -1, 1, "2.2.0",
     "Makes EXEC depend on keys that do not change.", NULL, 0},

    /* replication_commands.c */
    {"role", aero_command_role, 1, ALWAYS | FAST, C_ADMIN | C_FAST, 0, 0, 0, "2.8.12",
     "Returns the role in replication.", NULL, 0},
    {"wait", aero_command_wait, 3, BLOCKING, C_BLOCKING | C_SLOW, 0, 0, 0, "3.0.0",
     "Waits until replicas have applied the connection's writes.", NULL, 0},
    {"waitaof", aero_command_waitaof, 4, BLOCKING, C_BLOCKING | C_SLOW, 0, 0, 0, "7.2.0",
     "Waits until the connection's writes are durable on replicas.", NULL, 0},
    {"aero.lsn", aero_command_aero_lsn, 1, READ | FAST, C_FAST, 0, 0, 0, "7.2.0",
     "Returns a token of what the connection has committed.", NULL, 0},
    {"aero.waitlsn", aero_command_aero_waitlsn, 3, ALWAYS | BLOCKING | NOMULTI,
     C_BLOCKING | C_SLOW, 0, 0, 0, "7.2.0", "Waits until a token is reached here.", NULL, 0},
    {"aero.digest", aero_command_aero_digest, 1, READ, C_SLOW, 0, 0, 0, "7.2.0",
     "Returns the name of the state: LSN, digest and number of entries.", NULL, 0},
    {"aero.checkpoint", aero_command_aero_checkpoint, 1, ALWAYS | ADMIN | BLOCKING | NOMULTI,
     C_ADMIN | C_SLOW, 0, 0, 0, "7.2.0", "Takes a snapshot and waits for it.", NULL, 0},
};

const size_t aero_command_count = sizeof aero_commands / sizeof aero_commands[0];

const struct aero_command aero_admin_command = {
    "aero.*", aero_command_aero_admin, -1, ALWAYS | ADMIN | NOMULTI, C_ADMIN | C_SLOW, 0, 0, 0,
    "7.2.0", "Operators' commands of the node.", NULL, 0};
/* clang-format on */
