/* SPDX-License-Identifier: Apache-2.0 */
/* A node without disk or peers: the real tree and undo log, and durability, room, role and clock as the test says.
 *
 * Exact where a real node may err upwards: touched() knows every key of every commit in flight. */
#ifndef AERO_TESTS_UNIT_SERVER_FAKE_NODE_H
#define AERO_TESTS_UNIT_SERVER_FAKE_NODE_H

#include "base/assert.h"
#include "engine/operation.h"
#include "engine/tree.h"
#include "server/server.h"

struct fake_touch {
    struct aero_buffer from;
    struct aero_buffer to; /* empty: the one key `from` */
    uint64_t lsn;
};

#define FAKE_TOUCHES_MAX 4096

struct fake_node {
    struct aero_tree *tree;
    struct aero_undo *undo;
    struct fake_touch touches[FAKE_TOUCHES_MAX];
    size_t touch_count;
    uint64_t evaluated;
    uint64_t durable;
    uint64_t commits; /* ever, taken back ones included */
    uint64_t clock_ms;
    enum aero_node_role role;
    bool peerless;           /* ROLE knows no peer */
    const char *read_error;  /* NULL: reads are served */
    const char *write_error; /* NULL: writes are taken */
    bool full;               /* has_room says no */
    size_t room_bytes;       /* has_room says no to more; 0: to nothing */
    size_t room_granted;     /* since the last commit; a commit must have asked for its size */
    size_t commit_bytes_max;
    bool open;
    size_t pending_bytes;
    size_t pending_changes;

    uint32_t applied_replicas;
    uint32_t durable_replicas;
    uint64_t replicas_at; /* LSN up to which the two above count */
    aero_id incarnation;
    aero_id known_incarnation; /* besides its own */
    enum aero_job_state checkpoint;
    const char *checkpoint_error;
};

struct aero_node fake_node_init(struct fake_node *node);
void fake_node_deinit(struct fake_node *node);
/* The WAL synced up to `lsn`. The server still has to be told. */
void fake_node_sync(struct fake_node *node, uint64_t lsn);
/* The WAL failed: back to what is durable. The server still has to be told. */
void fake_node_fail(struct fake_node *node);
/* As a replica applies a record: changes a key behind the server's back. */
void fake_node_apply(struct fake_node *node, struct aero_slice key, struct aero_slice value);

#endif
