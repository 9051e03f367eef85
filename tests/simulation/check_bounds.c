/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_bounds.h"

#include "primary/primary.h"
#include "replica/replica_priv.h"
#include "shipping/sender.h"
#include "tests/simulation/node.h"

/* A frame or a reply that was begun within the bound may end behind it: the largest frame that ships bytes, and the largest
 * reply that the simulated clients ask for. */
#define FRAME_MAX ((uint64_t)300 << 10)
#define REPLY_MAX ((uint64_t)256 << 10)
#define RECORD_MAX ((uint64_t)64 << 10)
#define OPEN_FILES_MAX 40U
#define TREE_BYTES_MAX \
    ((uint64_t)4 << 20) /* histories are small: some hundred keys of up to 3 KiB */
#define JOBS_MAX 64U

void aero_check_bounds(struct aero_sim_world *world, const char *node, const char *what,
                       uint64_t held, uint64_t limit)
{
    if (held > limit) {
        AERO_SIM_VIOLATION(world, "bounds", "%s holds %llu of %s, %llu is the bound", node,
                           (unsigned long long)held, what, (unsigned long long)limit);
    }
}

static void look_at_primary(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    uint64_t limit = node->running.window_bytes + FRAME_MAX;
    for (size_t i = 0; i < AERO_SIM_LINKS_MAX; i++) {
        if (node->links[i].sender != NULL) {
            struct aero_sender_status status;
            aero_sender_status(node->links[i].sender, &status);
            aero_check_bounds(world, node->name, "a sender's output", status.queued_bytes, limit);
        }
    }
    aero_check_bounds(world, node->name, "tree memory",
                      aero_tree_memory_bytes(aero_primary_tree(node->primary)), TREE_BYTES_MAX);
}

static void look_at_replica(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    const struct aero_replica *replica = node->replica;
    struct aero_receiver_status status;
    aero_receiver_status(replica->receiver, &status);
    uint64_t limit = node->running.window_bytes + RECORD_MAX + FRAME_MAX;
    aero_check_bounds(world, node->name, "a receiver's bytes", status.held_bytes, limit);
    aero_check_bounds(world, node->name, "records to apply",
                      replica->queue.length - replica->queue_head, limit);
    aero_check_bounds(world, node->name, "tree memory", aero_tree_memory_bytes(replica->tree),
                      TREE_BYTES_MAX);
}

void aero_check_bounds_look(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    for (size_t i = 0; i < AERO_SIM_SESSIONS_MAX; i++) {
        const struct aero_session *session = node->sessions[i].session;
        if (session != NULL) {
            aero_check_bounds(world, node->name, "a session's output",
                              aero_session_output(session).length,
                              node->running.output_pause_bytes + REPLY_MAX);
        }
    }
    aero_check_bounds(world, node->name, "open files", aero_sim_disk_open_files(node->disk),
                      OPEN_FILES_MAX);
    aero_check_bounds(world, node->name, "disk requests", aero_sim_worker_pending(node->worker),
                      JOBS_MAX);
    if (node->is_primary) {
        look_at_primary(node);
    } else {
        look_at_replica(node);
    }
}
