/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop needs from a node's core and from its replication link: two small tables, so that
 * both daemons share one loop. The functions mean what those of the same names in
 * primary/primary.h and replica/replica.h promise. */
#ifndef AERO_HOST_CORE_H
#define AERO_HOST_CORE_H

#include <stdbool.h>

#include "base/config.h"
#include "base/status.h"
#include "base/units.h"
#include "server/core_request.h"

struct aero_server;

struct aero_host_core_ops {
    void (*tick)(void *self, aero_mono_ns mono, aero_wall_ms wall);
    void (*end_turn)(void *self);
    bool (*has_idle_work)(const void *self);
    /* Commits wait for end_turn to make them a group of the log: more may join it. NULL: never. */
    bool (*is_gathering)(void *self);
    bool (*wants_entropy)(const void *self);
    void (*give_entropy)(void *self, aero_id id);
    bool (*next_request)(void *self, struct aero_core_request *out_request);
    void (*on_completion)(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion);
    void (*begin_stop)(void *self);
    bool (*is_stopped)(const void *self);
    /* The log takes no more until a restart (key on_fsync_failure). NULL: never. */
    bool (*has_failed)(const void *self);
    /* The data on disk was swapped for other data: the loop ends with AERO_HOST_REOPEN. NULL:
     * never. */
    bool (*wants_reopen)(const void *self);
};

struct aero_host_core {
    const struct aero_host_core_ops *ops;
    void *self;
    struct aero_server *server;
};

/* The replication link, on the loop's thread. All may be NULL: a node without replication. */
struct aero_host_link_ops {
    /* What the link has gathered goes into the core; before end_turn. */
    void (*deliver)(void *self);
    /* Whether deliver has something to do: asked before the loop sleeps. */
    bool (*has_work)(void *self);
    /* What the core has for the link goes out; after the disk requests of the turn. */
    void (*publish)(void *self);
    /* SIGHUP: `config` has the new values. False: the old ones stay in use, *out_text (static or
     * owned by the link) says why. */
    bool (*reload)(void *self, const struct aero_config *config, const char **out_text);
};

struct aero_host_link {
    const struct aero_host_link_ops *ops;
    void *self;
};

#endif
