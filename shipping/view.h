/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender may read: an immutable picture of the primary's log, shared by all links.
 *
 * The owner publishes a new one when segments, snapshots, history, epoch or role change, and tells
 * how far the log is durable by value, with every group (aero_sender_on_wal). Reference counted,
 * atomically: it crosses threads. */
#ifndef AERO_SHIPPING_VIEW_H
#define AERO_SHIPPING_VIEW_H

#include "engine/history.h"
#include "engine/manifest.h"
#include "engine/recovery.h"
#include "engine/wal_writer.h"

struct aero_shipping_source {
    aero_id cluster_id;
    aero_id node_id;
    char node_name[AERO_NODE_NAME_MAX];
    aero_epoch epoch;
    const struct aero_history *history; /* copied */
    const struct aero_wal_file *files;  /* oldest first, the newest may be open; copied */
    size_t file_count;
    const struct aero_snapshot_entry *snapshots; /* oldest first; copied */
    size_t snapshot_count;
    /* This node's own audit failed: it resumes replicas but seeds none (decision 20). */
    bool must_not_seed;
    /* That this node is superseded is durable in both slots of its manifest: it may be said (15). */
    bool fenced;
};

struct aero_shipping_view;

/* One reference, the caller's. */
struct aero_shipping_view *aero_shipping_view_new(const struct aero_shipping_source *source);
struct aero_shipping_view *aero_shipping_view_retain(struct aero_shipping_view *view);
void aero_shipping_view_release(struct aero_shipping_view *view); /* NULL is fine */
/* Borrowed as long as the view is held. */
const struct aero_shipping_source *aero_shipping_view_source(const struct aero_shipping_view *view);

/* NULL: there is no segment of that number here, not any more or not yet. */
const struct aero_wal_file *aero_shipping_find_file(const struct aero_shipping_source *source,
                                                    uint64_t sequence);

#endif
