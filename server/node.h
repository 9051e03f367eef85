/* SPDX-License-Identifier: Apache-2.0 */
/* What client sessions need from the node that they talk to: the interface that the primary's and the replica's cores
 * implement, and the only thing that server/ knows of either.
 *
 * Commands are evaluated one at a time against the newest evaluated state, which may be ahead of what is durable. No client
 * may see that difference (V-1, decision 10): every reply carries the LSN it depends on and is held until that LSN is
 * durable, or gets the failure. A reply depends on the evaluated LSN of what it read: for single keys that is
 * `depends(key)` (a key that no commit in flight touched reads the same in the durable state, so it depends on nothing);
 * for anything that looks at many keys it is `evaluated()`.
 *
 * On a replica evaluated == durable == shown at all times, and writes are refused with READONLY. */
#ifndef AERO_SERVER_NODE_H
#define AERO_SERVER_NODE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/units.h"
#include "engine/tree.h"

enum aero_node_role {
    AERO_NODE_PRIMARY,
    AERO_NODE_REPLICA,
};

enum aero_token_state {
    AERO_TOKEN_REACHED, /* this node's visible state contains it */
    AERO_TOKEN_AHEAD,   /* on this history, or there is none yet; not reached: wait */
    AERO_TOKEN_LOST, /* its incarnation is unknown here or ended below it: never success (decision 6) */
};

enum aero_job_state {
    AERO_JOB_RUNNING,
    AERO_JOB_DONE,
    AERO_JOB_FAILED,
};

/* The other end of a replication link, as ROLE shows it. */
struct aero_role_peer {
    char host[64];
    uint16_t port;
    uint64_t lsn;
};

struct aero_node_ops {
    enum aero_node_role (*role)(void *self);

    /* Serving. False with an error reply text without '-' and CRLF ("LOADING ...", "HALTED ..."). */
    bool (*can_read)(void *self, const char **out_error);
    /* The same for writes: "READONLY ...", "MISCONF ...". */
    bool (*can_write)(void *self, const char **out_error);

    /* The evaluated state; borrowed until the next write. */
    const struct aero_tree *(*tree)(void *self);
    aero_lsn (*evaluated)(void *self);
    aero_lsn (*durable)(void *self);
    /* The newest commit in flight that touched the key; 0: none did. May err upwards. */
    aero_lsn (*touched)(void *self, struct aero_slice key);
    /* What a reply that looked at `key` depends on: touched(key), or evaluated() where every read waits for all that is in
     * flight (read_fast_path off). Only for replies: WATCH asks what really touched the key. */
    aero_lsn (*depends)(void *self, struct aero_slice key);

    /* The clock that expiry is judged by: the primary's own on a primary, the logged one on a replica (decision 21). */
    aero_wall_ms (*expiry_clock)(void *self);

    /* One atomic commit at a time: begin, any number of changes (visible in tree() at once), then commit or abort. */
    bool (*has_room)(void *self, size_t bytes); /* false: park the session until there is */
    /* An EXEC or a value that needs more is refused before it has effects. */
    size_t (*commit_bytes_max)(void *self);
    void (*begin)(void *self);
    void (*put)(void *self, struct aero_slice key, struct aero_slice value);
    bool (*erase)(void *self, struct aero_slice key); /* whether it existed; else logs nothing */
    void (*erase_range)(void *self, struct aero_slice from, struct aero_slice to);
    size_t (*pending_bytes)(void *self); /* of the open commit so far */
    aero_lsn (*commit)(void *self);      /* its LSN; 0 when nothing was changed */
    void (*abort)(void *self);           /* takes every change back */

    /* Replication as clients see it. */
    /* Replicas that follow and acknowledged that on their present connection (decision 23). */
    uint32_t (*replicas_applied)(void *self, aero_lsn lsn);
    uint32_t (*replicas_durable)(void *self, aero_lsn lsn);
    aero_id (*incarnation)(void *self);
    enum aero_token_state (*token_state)(void *self, aero_id incarnation, aero_lsn lsn);

    /* Checkpoint by command: a ticket to ask about; 0 with an error text when it cannot begin. */
    uint64_t (*checkpoint_begin)(void *self, const char **out_error);
    enum aero_job_state (*checkpoint_state)(void *self, uint64_t ticket, const char **out_error);

    /* INFO sections that belong to the node ("persistence", "replication"), as `name:value\r\n` lines. */
    void (*info)(void *self, const char *section, struct aero_buffer *out_text);
    /* Operators' commands (AERO.STATUS, AERO.REPLICAS, AERO.RECONNECT, AERO.OPENWRITES, ...): `name` is upper case, without
     * "AERO."; out_reply gets text lines. False: unknown here; *out_error set: refused with that text. */
    bool (*admin)(void *self, const char *name, const struct aero_slice *arguments,
                  size_t argument_count, struct aero_buffer *out_reply, const char **out_error);
    /* For ROLE: a primary's replicas, a replica's primary; borrowed. */
    struct aero_role_peer *(*role_peers)(void *self, size_t *out_count);
    /* Of a replica: "connect", "connecting", "sync", "connected". */
    const char *(*role_link_state)(void *self);
};

struct aero_node {
    const struct aero_node_ops *ops;
    void *self;
};

#endif
