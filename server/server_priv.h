/* SPDX-License-Identifier: Apache-2.0 */
/* What server and sessions are made of; only for the files of this folder that implement server.h. */
#ifndef AERO_SERVER_SERVER_PRIV_H
#define AERO_SERVER_SERVER_PRIV_H

#include "base/prng.h"
#include "proto/resp_command.h"
#include "proto/resp_reply.h"
#include "server/command.h"
#include "server/hold.h"
#include "server/keyspace_codec.h"
#include "server/list.h"
#include "server/scan_tokens.h"
#include "server/server.h"
#include "server/watch.h"

#define AERO_ADDRESS_TEXT 64
#define AERO_CLIENT_NAME_MAX 256 /* bytes of CLIENT SETNAME and SETINFO, with the NUL */
#define AERO_COMMAND_SLOTS 1024
#define AERO_NO_DEADLINE UINT64_MAX
#define AERO_NO_USER SIZE_MAX

/* Texts are borrowed from the server's options. */
struct aero_user_record {
    const char *name;
    const char *password;
    uint32_t allowed;
    uint32_t denied;
};

/* What INFO shows of the state, and of what was answered and done by it, as of an LSN. */
struct aero_sample {
    aero_lsn lsn;
    uint64_t keys[AERO_DATABASE_COUNT];
    uint64_t expiring[AERO_DATABASE_COUNT];
    uint64_t memory_bytes;
    uint64_t keys_expired;
    uint64_t keyspace_hits;
    uint64_t keyspace_misses;
    uint64_t command_errors;
    uint64_t commits;
};

struct aero_server {
    struct aero_server_options options; /* its texts are owned */
    struct aero_user_record *users;     /* [0] is "default" */
    size_t user_count;
    struct aero_node node;
    struct aero_server_config config;

    aero_mono_ns now;
    aero_wall_ms wall;
    aero_mono_ns started;
    aero_mono_ns rate_sampled;
    uint64_t rate_commands; /* commands_processed at the last sample */
    uint64_t commands_per_second;

    struct aero_link sessions;
    struct aero_link ready;    /* have something for the host */
    struct aero_link runnable; /* have input left and may go on */
    struct aero_link parked;   /* wait for room, in order */
    struct aero_link blocked;
    bool resuming; /* the session that runs now was parked: it does not queue behind the others */
    uint64_t blocked_deadline_ns; /* no blocked session times out before */
    uint64_t next_session_id;
    uint64_t session_count; /* without those that were turned away */
    uint64_t memory_peak_bytes;
    struct aero_sample sample;      /* durable */
    struct aero_sample sample_next; /* durable once its LSN is */

    struct aero_hold hold;
    struct aero_watch_registry watches;
    struct aero_scan_tokens scans;
    struct aero_prng prng;
    uint8_t expire_database; /* where the next aero_server_expire_due begins */

    /* The one commit being evaluated, over one command or one EXEC. */
    bool commit_open;

    uint16_t command_slots[AERO_COMMAND_SLOTS]; /* index + 1 into aero_commands, by name */
    uint64_t *command_calls;                    /* by aero_command_number */
    struct aero_server_stats stats;

    /* Scratch, so that the hot path allocates nothing. Each belongs to one layer: key_* to keyspace.c, value to it as
     * well, text to commands, line to error texts. */
    struct aero_buffer key;
    struct aero_buffer deadline_key;
    struct aero_buffer value;
    struct aero_buffer due_key;
    struct aero_buffer text;
    struct aero_buffer line;
    struct aero_buffer replace;
    struct aero_slice *queued_arguments; /* of the command of an EXEC that runs */
    size_t queued_capacity;
};

enum aero_block_kind {
    AERO_BLOCK_NONE,
    AERO_BLOCK_WAIT,
    AERO_BLOCK_WAITAOF,
    AERO_BLOCK_TOKEN,
    AERO_BLOCK_CHECKPOINT,
};

struct aero_block {
    enum aero_block_kind kind;
    uint64_t deadline_ns; /* AERO_NO_DEADLINE: never */
    aero_lsn lsn;         /* WAIT, WAITAOF: the caller's last commit; TOKEN: the token's */
    aero_id incarnation;  /* TOKEN */
    uint32_t replicas;    /* WAIT, WAITAOF: wanted */
    uint64_t ticket;      /* CHECKPOINT */
    uint64_t timeout_ms;  /* as given, for the error text */
    bool silent;          /* CLIENT REPLY: the answer is dropped */
};

/* One queued command: its arguments are spans of multi.bytes. */
struct aero_queued {
    const struct aero_command *command;
    size_t first_span;
    size_t span_count;
};

struct aero_span {
    size_t offset;
    size_t length;
};

struct aero_multi {
    bool active;
    bool failed;    /* a command could not be queued: EXEC answers EXECABORT */
    uint16_t flags; /* of all commands */
    struct aero_queued *queued;
    size_t queued_count;
    size_t queued_capacity;
    struct aero_span *spans;
    size_t span_count;
    size_t span_capacity;
    struct aero_buffer bytes;
};

enum aero_reply_mode {
    AERO_REPLY_ON,
    AERO_REPLY_OFF,
    AERO_REPLY_SKIP_NEXT, /* CLIENT REPLY SKIP was the last command */
    AERO_REPLY_SKIP,      /* this command's reply is dropped */
};

enum aero_write_failure {
    AERO_WRITE_FINE,
    AERO_WRITE_NOT_WRITTEN,
    AERO_WRITE_UNKNOWN,
};

struct aero_session {
    struct aero_server *server;
    struct aero_link by_server;
    struct aero_link by_ready;
    struct aero_link by_run; /* in server->runnable or server->parked */
    struct aero_link by_block;
    void *host;
    uint64_t id;
    int descriptor;
    bool counted; /* among session_count */
    char peer_address[AERO_ADDRESS_TEXT];
    char local_address[AERO_ADDRESS_TEXT];

    struct aero_buffer input; /* what was not executed yet, from a command's first byte on */
    struct aero_resp_parser parser;
    struct aero_output output;

    bool running; /* inside execution: no re-entry */
    bool parked;
    bool paused; /* over a pause limit */
    bool ended;  /* no more input comes: closes once what came is answered */
    bool closing;
    bool killed;
    char close_reason[96];

    uint8_t protocol; /* 2 or 3 */
    uint8_t database;
    size_t user; /* AERO_NO_USER: not authenticated */
    enum aero_reply_mode reply_mode;
    bool no_evict;
    bool no_touch;
    char *name; /* NULL: none */
    char *library_name;
    char *library_version;
    aero_mono_ns opened;
    aero_mono_ns active;
    const struct aero_command *last_command;

    aero_lsn last_commit;                 /* newest commit of this session; 0: none yet */
    enum aero_write_failure last_failure; /* of that commit */

    struct aero_multi multi;
    struct aero_link watches;
    size_t watch_count;
    size_t watch_bytes; /* of the watched keys */
    bool watch_dirty;
    struct aero_block block;
};

/* session.c */
void aero_session_mark_ready(struct aero_session *session);
void aero_session_make_runnable(struct aero_session *session);
void aero_session_run(struct aero_session *session);
/* Its output leaves, then the host closes it. */
void aero_session_begin_close(struct aero_session *session, const char *reason);
/* The host closes it at once. */
void aero_session_kill(struct aero_session *session, const char *reason);
bool aero_session_over_pause_limit(const struct aero_session *session);
/* A reply complete in its output, from `begin` on, depending on `lsn`. */
void aero_session_finish_reply(struct aero_session *session, size_t begin, uint64_t lsn);
/* Back to how it was opened, authentication included (RESET). */
void aero_session_reset(struct aero_session *session);

/* execute.c */
enum aero_executed {
    AERO_EXECUTED,
    AERO_EXECUTED_PARK, /* no room: nothing happened, run the same command again later */
};
enum aero_executed aero_execute(struct aero_session *session, const struct aero_slice *arguments,
                                size_t argument_count);
/* Answers a command that was not even taken in. */
void aero_execute_refused(struct aero_session *session, const char *reason);

/* block.c */
/* Answers and unblocks if it can be answered now. */
void aero_block_look(struct aero_session *session);
void aero_block_forget(struct aero_session *session);

/* transactions.c */
void aero_multi_discard(struct aero_session *session);
void aero_unwatch(struct aero_session *session);

/* users.c */
void aero_users_build(struct aero_server *server);
void aero_users_free(struct aero_server *server);
size_t aero_users_find(const struct aero_server *server, struct aero_slice name);
/* AERO_NO_USER when name or password are wrong. */
size_t aero_users_check(const struct aero_server *server, struct aero_slice name,
                        struct aero_slice password);
/* Whether `user`, who may be AERO_NO_USER, may run the command. */
bool aero_users_permit(const struct aero_server *server, size_t user,
                       const struct aero_command *command);
bool aero_users_default_is_open(const struct aero_server *server);

/* server.c */
/* What INFO shows: exact when nothing is in flight, otherwise a second or two old. */
void aero_sample_durable(const struct aero_server *server, struct aero_sample *out_sample);
const struct aero_command *aero_server_find_command(const struct aero_server *server,
                                                    struct aero_slice name);

/* The whole replies that take the place of held ones (decision 11). */
#define AERO_NOT_WRITTEN_TEXT                                                               \
    "NOTWRITTEN the write-ahead log failed before this commit was handed to it: it has no " \
    "effect and will not reappear"
#define AERO_UNKNOWN_TEXT                                                                \
    "UNKNOWN the write-ahead log failed while this commit was being written: it is not " \
    "visible now, and may or may not be after recovery"

#endif
