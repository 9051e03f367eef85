/* SPDX-License-Identifier: Apache-2.0 */
/* The client protocol core that primary and replica share: sessions, commands and the rule that no reply leaves
 * before what it depends on is durable.
 *
 * Sans-I/O: the host reads sockets into a buffer of its own, hands the bytes to the session, and asks which sessions
 * have bytes that may leave. Nothing here reads a clock, draws a random number, blocks or calls back into the
 * host, except through the two tables given at the start: the node (server/node.h) and the host's configuration.
 *
 * A turn of the host's loop:
 *
 *     aero_server_tick(server, mono, wall);
 *     for each readable connection whose aero_session_wants_input: read, aero_session_on_input
 *     for what the disk and the replicas reported: aero_server_on_durable / on_failure / on_progress
 *     aero_server_resume(server);
 *     while ((session = aero_server_next_ready(server)) != NULL)
 *         while (aero_session_output(session).length != 0) send, aero_session_sent
 *         if (aero_session_should_close(session)) aero_session_close
 *         watch for readability only while aero_session_wants_input
 *     aero_server_resume may have become needed by aero_session_sent: ask aero_server_wants_resume before sleeping
 *
 * Session states (what stops it from executing its input):
 *
 *     RUNNING --no room in the node--> PARKED --aero_server_resume, room--> RUNNING
 *     RUNNING --WAIT, WAITAOF, AERO.WAITLSN, AERO.CHECKPOINT--> BLOCKED --progress, failure, time--> RUNNING
 *     RUNNING --output or held replies over the pause limit--> PAUSED --sent, durable--> RUNNING
 *     any --QUIT, protocol error, limit--> CLOSING: its output still leaves, then the host closes it
 *     any --CLIENT KILL, timeout, output limit--> KILLED: the host closes it at once
 *
 * Invariants: V-1 and decision 10 (a reply is held until the evaluated LSN that it saw is durable; a pipeline's order
 *             is kept: what follows a held reply waits behind it), decision 11 (a failure replaces every held reply
 *             that depended on it), DET-3 (every queue and buffer has a limit in aero_server_options).
 * Threads:    one thread owns a server and all its sessions. */
#ifndef AERO_SERVER_SERVER_H
#define AERO_SERVER_SERVER_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/units.h"
#include "server/node.h"

struct aero_server;
struct aero_session;

/* The Redis version whose behaviour clients may assume. */
#define AERO_REDIS_VERSION "7.2.4"

/* Command categories, as in Redis ACLs; a user is allowed a set of them. */
enum aero_category {
    AERO_CATEGORY_READ = 1 << 0,
    AERO_CATEGORY_WRITE = 1 << 1,
    AERO_CATEGORY_KEYSPACE = 1 << 2,
    AERO_CATEGORY_STRING = 1 << 3,
    AERO_CATEGORY_BITMAP = 1 << 4,
    AERO_CATEGORY_CONNECTION = 1 << 5,
    AERO_CATEGORY_TRANSACTION = 1 << 6,
    AERO_CATEGORY_ADMIN = 1 << 7,
    AERO_CATEGORY_DANGEROUS = 1 << 8,
    AERO_CATEGORY_FAST = 1 << 9,
    AERO_CATEGORY_SLOW = 1 << 10,
    AERO_CATEGORY_BLOCKING = 1 << 11,
    AERO_CATEGORY_ALL = (1 << 12) - 1,
};

/* A command is permitted when it is in an allowed category and in no denied one. Texts are copied. */
struct aero_user {
    const char *name;
    const char *password; /* NULL or "": none needed */
    uint32_t allowed_categories;
    uint32_t denied_categories;
};

/* Bounds have a reason: a client may cost this much memory and no more (DET-3). */
struct aero_server_options {
    uint32_t clients_max;        /* one above it is told so and closed */
    uint32_t argument_count_max; /* of one command */
    uint32_t held_count_max;     /* replies that one session may have held; pauses it */
    uint32_t watch_count_max;    /* keys that one session may watch */
    size_t bulk_bytes_max;       /* one argument: proto-max-bulk-len */
    size_t query_bytes_max;      /* one request, or the queued commands of one MULTI */
    size_t output_pause_bytes;   /* output waiting to leave; pauses the session */
    size_t output_bytes_max;     /* output waiting to leave; closes the session */
    uint64_t memory_bytes_max;   /* maxmemory: commands that may add data get OOM; 0: no limit */
    uint64_t idle_timeout_ns;    /* a session that said nothing for so long is closed; 0: never */
    bool protected_mode;         /* without a password, strangers (not .trusted) are refused */
    const char *password;        /* of the default user: requirepass; NULL or "": none */
    const struct aero_user *users;
    size_t user_count;
    /* For INFO and CONFIG GET. */
    uint16_t tcp_port;
    uint32_t process_id;
    const char *config_file;
    aero_id run_id; /* also seeds RANDOMKEY and SCAN's tokens: random per start */
};

/* The defaults that aerodb.conf shows. */
void aero_server_options_default(struct aero_server_options *out_options);

/* What the process uses, for INFO. */
struct aero_server_usage {
    uint64_t cpu_user_us;
    uint64_t cpu_system_us;
    uint64_t resident_bytes;
};

/* The host's configuration, for CONFIG GET and CONFIG SET; names with '-' as in Redis. Any pointer may be NULL. */
struct aero_server_config {
    void *self;
    /* Entry `index`, counted from 0; false behind the last. *out_value gets the value, appended. */
    bool (*get)(void *self, size_t index, const char **out_name, struct aero_buffer *out_value);
    /* CONFIG SET is all or nothing: values are staged one by one, then taken together, or dropped as soon as one was
     * refused. False: refused, *out_error says why (a sentence, static or owned by self). The host applies what it
     * takes, with aero_server_configure where it is this server's. */
    bool (*stage)(void *self, const char *name, const char *value, const char **out_error);
    void (*take)(void *self);
    void (*drop)(void *self);
    /* CONFIG SET tries here first whether a name exists at all. */
    bool (*has)(void *self, const char *name);
    /* Beside the configuration, what INFO alone asks the host for. NULL: nobody knows, and INFO says nothing of it. */
    void (*usage)(void *self, struct aero_server_usage *out_usage);
};

/* Copies the options; borrows the node and what `config` points to for the life of the server. */
struct aero_server *aero_server_new(const struct aero_server_options *options,
                                    struct aero_node node, struct aero_server_config config);
/* Closes the sessions that are left. */
void aero_server_free(struct aero_server *server);
/* New limits and passwords while sessions are open (reload, CONFIG SET). */
void aero_server_configure(struct aero_server *server, const struct aero_server_options *options);

/* Once a turn, first: time for idle limits, timeouts of blocked sessions, INFO and TIME. */
void aero_server_tick(struct aero_server *server, aero_mono_ns mono, aero_wall_ms wall);

/* Everything up to `lsn` is durable: replies that depended on it may leave. Costs what it releases. Executes
 * nothing. */
void aero_server_on_durable(struct aero_server *server, aero_lsn lsn);
/* The WAL failed: what is above `durable` is taken back (the node's tree is at `durable` again). Held replies that
 * depend on an LSN above it become -NOTWRITTEN when that is above `unknown_through` (nothing of it was handed to a
 * write, it never resurfaces) and -UNKNOWN otherwise (decision 11). `last` is the newest LSN that had been given out. */
void aero_server_on_failure(struct aero_server *server, aero_lsn durable, aero_lsn unknown_through,
                            aero_lsn last);
/* Acknowledgements of replicas, a checkpoint's end, an applied LSN: blocked sessions look again. */
void aero_server_on_progress(struct aero_server *server);
/* Lets sessions go on that were parked, paused or blocked and have input left. May execute commands. */
void aero_server_resume(struct aero_server *server);
/* Whether resume has sessions that can certainly go on (not: that wait for room). */
bool aero_server_wants_resume(const struct aero_server *server);
/* On a primary: deletes at most `budget` keys whose deadline has passed, as one commit. Returns how many; the caller
 * does it once a turn or so, with a bound (decision 21). */
uint32_t aero_server_expire_due(struct aero_server *server, uint32_t budget);

/* Sessions with output that may leave, or to be closed; each once until the next change. NULL: none. */
struct aero_session *aero_server_next_ready(struct aero_server *server);

/* Numbers for metrics: never influence behaviour (OBS-1). */
struct aero_server_stats {
    uint64_t clients;
    uint64_t clients_blocked;
    uint64_t clients_parked;
    uint64_t connections_received;
    uint64_t connections_rejected;
    uint64_t commands_processed;
    uint64_t command_errors;
    uint64_t commits;
    uint64_t replies_held;     /* ever */
    uint64_t replies_replaced; /* by a failure */
    uint64_t keys_expired;
    uint64_t keyspace_hits;
    uint64_t keyspace_misses;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t output_limit_closes;
    uint64_t idle_closes;
};
void aero_server_stats(const struct aero_server *server, struct aero_server_stats *out_stats);

struct aero_session_options {
    const char *peer_address; /* "127.0.0.1:50000", "/run/aerodb.sock:0"; copied, cut at 63 bytes */
    const char *local_address; /* the same of our side */
    bool trusted;              /* loopback or Unix socket: protected mode lets it in */
    int descriptor;            /* shown by CLIENT LIST, nothing else */
    void *host;                /* the host's own */
};

/* Never NULL: a client that may not come in gets a session that holds the error and should be closed. */
struct aero_session *aero_session_open(struct aero_server *server,
                                       const struct aero_session_options *options);
/* The connection is gone, or should be: forgets all that belongs to it. Its commits stay (nobody hears of them). */
void aero_session_close(struct aero_session *session);
void *aero_session_host(const struct aero_session *session);
uint64_t aero_session_id(const struct aero_session *session);

/* Bytes that came. Executes complete commands straight from them and keeps only the rest; `input` may be reused
 * as soon as this returns. */
void aero_session_on_input(struct aero_session *session, struct aero_slice input);
/* The peer will send no more (it may still read): what it asked for is answered, then
 * aero_session_should_close. An unfinished request is dropped. */
void aero_session_on_end(struct aero_session *session);
/* It waits for something other than its own commits, maybe for ever: nobody should wait for it. */
bool aero_session_is_blocked(const struct aero_session *session);
/* False while parked, blocked, paused, ended or closing: the host leaves the bytes in the socket (FM-7.1). */
bool aero_session_wants_input(const struct aero_session *session);
/* What may leave now: released replies only. Borrowed until the next call on the session. */
struct aero_slice aero_session_output(const struct aero_session *session);
/* The first `count` bytes of it were taken by the socket. */
void aero_session_sent(struct aero_session *session, size_t count);
/* True when the host should close it: killed, or closing with nothing more to send. */
bool aero_session_should_close(const struct aero_session *session);
/* Why it should be closed, for the log ("output buffer limit", "protocol error: ..."); NULL for an ordinary end. */
const char *aero_session_close_reason(const struct aero_session *session);

#endif
