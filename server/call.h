/* SPDX-License-Identifier: Apache-2.0 */
/* One command being evaluated: what its function gets, and the only way by which it touches data.
 *
 * A command's function writes exactly one reply with call->reply (or blocks), reads and changes keys with the
 * functions below, and returns. They keep the books that the rules need:
 *   - what the reply depends on (call->depends): the newest commit in flight that touched a key it looked at, or the
 *     evaluated LSN for whatever looks at many keys (decision 10);
 *   - a key whose deadline has passed is deleted as part of the command (primary) or hidden (replica), and absent for
 *     the command either way (decision 21);
 *   - every change joins the one commit of the command, or of the whole EXEC, and marks watchers (decisions 9, 17);
 *   - a change that does not fit the commit, or cannot be made, is remembered (call->outcome); the command goes on as if
 *     nothing had happened, and execute.c then takes everything back and answers with the error, or parks the session.
 *
 * Borrowing: what find returns lies in the tree and ends with the next change, which an expired key can cause inside
 * find. A command that holds one entry while it looks for another looks for the one that it needs bytes of
 * last. */
#ifndef AERO_SERVER_CALL_H
#define AERO_SERVER_CALL_H

#include "server/commands.h"
#include "server/server_priv.h"

enum aero_call_outcome {
    AERO_CALL_FINE,
    AERO_CALL_TOO_LARGE, /* the commit would exceed its limit */
    AERO_CALL_REFUSED,   /* a due key cannot be deleted: call->refusal says why */
    AERO_CALL_NO_ROOM,   /* park */
};

struct aero_call {
    struct aero_server *server;
    struct aero_session *session;
    const struct aero_command *command;
    const struct aero_slice *arguments; /* [0] is the name as the client wrote it */
    size_t argument_count;
    struct aero_resp_writer reply;
    uint64_t depends;
    bool in_exec;
    size_t room_bytes; /* that the node was asked for beforehand */
    bool ends_multi;   /* EXEC: forget the transaction, unless the session parks */
    enum aero_call_outcome outcome;
    const char *refusal;
    size_t errors; /* replies that were errors */
};

/* Replies that say something went wrong; the text with its code. */
void aero_call_error(struct aero_call *call, const char *text);
void aero_call_error_f(struct aero_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void aero_call_ok(struct aero_call *call);
/* "ERR syntax error", "ERR value is not an integer or out of range", wrong number of arguments. */
void aero_call_syntax_error(struct aero_call *call);
void aero_call_arity_error(struct aero_call *call);
/* How many bytes of a client's own word an error repeats. */
int aero_call_shown(struct aero_slice word);
/* False, and the error is written. */
bool aero_call_i64(struct aero_call *call, size_t argument, int64_t *out_value);
/* Whether argument `index` is that word, without regard to case. */
bool aero_call_is(const struct aero_call *call, size_t index, const char *lower_word);
/* Whether the reply so far has outgrown what the session may have waiting; it is then killed, and the command should
 * stop. */
bool aero_call_reply_too_large(struct aero_call *call);
void aero_refuse_unknown_command(struct aero_call *call);

/* The session now waits for `block` (with its deadline); answers at once where it can. Not inside EXEC. */
void aero_call_block(struct aero_call *call, const struct aero_block *block);

/* keyspace.c */
/* What stands in the keyspace is no value: the command gets that as its error. Data never ends the process. */
void aero_refuse_entry(struct aero_call *call);
/* The entry of a key in the session's database, or in `database`. */
bool aero_find(struct aero_call *call, struct aero_slice key, struct aero_entry *out_entry);
bool aero_find_in(struct aero_call *call, uint8_t database, struct aero_slice key,
                  struct aero_entry *out_entry);
/* The same for a command that reads: counts a hit or a miss, as Redis does. */
bool aero_find_counted(struct aero_call *call, struct aero_slice key, struct aero_entry *out_entry);
/* Puts a value of two parts, which may lie in the tree. `old` is the entry that the key has now, NULL when absent.
 * deadline_ms 0: does not expire. */
void aero_store(struct aero_call *call, uint8_t database, struct aero_slice key,
                const struct aero_entry *old, uint64_t deadline_ms, struct aero_slice part_a,
                struct aero_slice part_b);
/* The same key and payload with another deadline. */
void aero_store_deadline(struct aero_call *call, struct aero_slice key,
                         const struct aero_entry *old, uint64_t deadline_ms);
void aero_remove(struct aero_call *call, uint8_t database, struct aero_slice key,
                 const struct aero_entry *old);
/* All keys of a database. */
void aero_remove_all(struct aero_call *call, uint8_t database);
/* Before a command that looks at many keys of a database: deletes what is due there, so that what is left is what
 * exists, and makes the reply depend on the evaluated state. False: the command must not go on. */
bool aero_settle(struct aero_call *call, uint8_t database);
/* Of a settled database: what its clients would count. On a replica due keys are still there, and not counted. */
uint64_t aero_key_count(const struct aero_server *server, uint8_t database);
uint64_t aero_expiring_key_count(const struct aero_server *server, uint8_t database);
/* Whether an entry met in a scan of a settled database exists for clients. */
bool aero_entry_is_live(const struct aero_server *server, const struct aero_entry *entry);
uint64_t aero_expiry_clock(const struct aero_server *server);
const struct aero_tree *aero_tree_now(const struct aero_server *server);

/* transactions.c */
void aero_multi_queue(struct aero_call *call);

/* client_command.c. Whether it is a name that aero_client_set_name takes; false: the error is written. */
bool aero_client_check_name(struct aero_call *call, struct aero_slice name);
void aero_client_set_name(struct aero_session *session, struct aero_slice name);

/* The commit of a call: nothing is begun before the first change, and nothing stays of one that failed. */
void aero_commit_finish(struct aero_call *call);

#endif
