/* SPDX-License-Identifier: Apache-2.0 */
/* What the replica tells operators: INFO's sections and AERO.STATUS; and the operator's one act
 * here, AERO.RECONNECT. */
#include <stdio.h>
#include <string.h>

#include "replica/replica_priv.h"
#include "server/status_text.h"

static const char *state_name(const struct aero_replica *replica)
{
    switch (replica->state) {
    case AERO_REPLICA_EMPTY:
        return "EMPTY";
    case AERO_REPLICA_BOOTSTRAPPING:
        return "BOOTSTRAPPING";
    case AERO_REPLICA_FOLLOWING:
        return "FOLLOWING";
    case AERO_REPLICA_HALTED:
        return "HALTED";
    }
    return "?";
}

#define EMPTY_DIRECTORY \
    "stop it, move its data directory away, start it on an empty one: it bootstraps anew"

/* By what a reason begins with; docs/operations.md says more about each. */
static const char *halt_advice(const char *reason)
{
    static const struct {
        const char *kind;
        const char *advice;
    } table[] = {
        {"primary lost records",
         "keep this directory: stop both nodes, bring the records back with 'aeroctl salvage "
         "--primary-dir DIR --replica-dir DIR', start both, then 'aeroctl reconnect' here"},
        {"diverged", "see with 'aeroctl wal dump --keys DIR' what only it holds; if that is not "
                     "needed: " EMPTY_DIRECTORY},
        {"unprovable", "see with 'aeroctl wal dump --keys DIR' what it holds; if that is not "
                       "needed: " EMPTY_DIRECTORY},
        {"history", "see with 'aeroctl wal dump --keys DIR' what it holds; if that is not "
                    "needed: " EMPTY_DIRECTORY},
        {AERO_HALT_KIND_DIGEST, "'aeroctl verify DIR' on both nodes' directories, stopped, says "
                                "whose state is wrong; if it is this one's: " EMPTY_DIRECTORY},
        {"malformed commit", "'aeroctl verify DIR' on both nodes' directories, stopped; if the "
                             "primary's is sound: " EMPTY_DIRECTORY},
        {"gap", "'aeroctl reconnect'; if it comes again, 'aeroctl verify DIR' on the primary's "
                "directory, stopped"},
        {"stream damaged", "'aeroctl reconnect'; if it comes again, 'aeroctl verify DIR' on the "
                           "primary's directory, stopped"},
        {"wrong cluster", "correct 'primary' or 'data_dir' in its configuration and restart it, "
                          "then 'aeroctl reconnect'"},
        {"authority in doubt", "point 'primary' in its configuration at the node of the higher "
                               "epoch ('aeroctl status' shows it) and restart it, then 'aeroctl "
                               "reconnect'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strncmp(reason, table[i].kind, strlen(table[i].kind)) == 0) {
            return table[i].advice;
        }
    }
    return "read the reason; 'aeroctl reconnect' once it is resolved";
}

static const char *next_action(const struct aero_replica *replica)
{
    if (replica->state == AERO_REPLICA_HALTED) {
        return halt_advice(replica->reason);
    }
    if (replica->disk_fault) {
        return "mend the disk, then restart this replica";
    }
    if (aero_checkpointer_manifest(replica->checkpointer)->damaged_count != 0) {
        return "nothing is lost, but older WAL is damaged: 'aeroctl verify DIR' says where; if the "
               "primary is sound: " EMPTY_DIRECTORY;
    }
    if (replica->certificates_refused) {
        return AERO_CERTIFICATES_ADVICE;
    }
    return replica->link == AERO_LINK_UP ? "none"
                                         : "none: it reconnects by itself; see link_reason";
}

/* Also of a core that began halted, and has compared nothing itself. */
static const char *digest_agreement(const struct aero_replica *replica)
{
    if (strncmp(replica->reason, AERO_HALT_KIND_DIGEST, strlen(AERO_HALT_KIND_DIGEST)) == 0) {
        return "differs";
    }
    return replica->digests_compared == 0 ? "not compared yet" : "agrees";
}

void aero_replica_note_certificates(struct aero_replica *replica, bool refused)
{
    replica->certificates_refused = refused;
}

/* Of the snapshot on its way; it goes on with the next link. */
static void put_transfer(const struct aero_replica *replica, struct aero_buffer *out)
{
    const struct aero_bootstrap *bootstrap = replica->bootstrap;
    bool active = aero_bootstrap_is_active(bootstrap);
    aero_status_u64(out, "snapshot_received_bytes",
                    active ? aero_bootstrap_resume_offset(bootstrap) : 0);
    aero_status_u64(out, "snapshot_size_bytes",
                    active ? aero_bootstrap_entry(bootstrap)->size_bytes : 0);
}

static void put_status(struct aero_replica *replica, struct aero_buffer *out)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(replica->checkpointer);
    struct aero_receiver_status link;
    struct aero_summary summary = aero_tree_summary(replica->tree);
    struct aero_wal_place durable = aero_wal_follower_durable(replica->follower);
    aero_receiver_status(replica->receiver, &link);
    struct aero_position shown = aero_replica_shown(replica);
    uint64_t lag = link.primary_durable.value > shown.lsn.value
                       ? link.primary_durable.value - shown.lsn.value
                       : 0;
    aero_status_text(out, "role", "replica");
    aero_status_text(out, "state", state_name(replica));
    aero_status_text(out, "reason", replica->reason);
    aero_status_text(out, "next_action", next_action(replica));
    aero_status_id(out, "cluster_id", manifest->cluster_id);
    aero_status_text(out, "node_name", manifest->node_name);
    aero_status_id(out, "node_id", manifest->node_id);
    aero_status_u64(out, "epoch", manifest->epoch.value);
    aero_status_text(out, "primary_host", replica->options.primary_host);
    aero_status_u64(out, "primary_port", replica->options.primary_port);
    aero_status_text(out, "link", replica->link == AERO_LINK_UP ? link.state : "down");
    aero_status_text(out, "link_reason", replica->link == AERO_LINK_UP ? "" : replica->link_text);
    aero_status_u64(out, "received_lsn", link.received.position.lsn.value);
    aero_status_u64(out, "durable_lsn", durable.position.lsn.value);
    aero_status_u64(out, "applied_lsn", shown.lsn.value);
    aero_status_hex(out, "applied_chain", shown.chain);
    aero_status_u64(out, "primary_durable_lsn", link.primary_durable.value);
    aero_status_u64(out, "lag_lsn", lag);
    aero_status_u64(out, "lag_bytes", replica->queue.length - replica->queue_head);
    aero_status_u64(out, "applied_ms_ago",
                    replica->applied_at.value == 0
                        ? 0
                        : (replica->now.value - replica->applied_at.value) / 1000000);
    aero_status_digest(out, "digest", summary.digest);
    aero_status_u64(out, "digest_lsn", replica->applied.lsn.value);
    aero_status_u64(out, "entries", summary.count);
    aero_status_u64(out, "digests_compared", replica->digests_compared);
    aero_status_text(out, "digest_agreement", digest_agreement(replica));
    put_transfer(replica, out);
    aero_status_u64(out, "received_bytes", link.received_bytes);
    aero_status_u64(out, "damaged_segments", manifest->damaged_count);
    aero_status_text(out, "disk", replica->disk_fault ? "fault" : "ok");
    aero_status_text(out, "certificates", replica->certificates_refused ? "refused" : "ok");
}

static void put_persistence(struct aero_replica *replica, struct aero_buffer *out)
{
    bool loading = replica->state == AERO_REPLICA_EMPTY || replica->behind_snapshot;
    aero_status_u64(out, "loading", loading);
    aero_status_u64(out, "rdb_bgsave_in_progress",
                    aero_checkpointer_is_running(replica->checkpointer));
    aero_status_text(out, "rdb_last_bgsave_status", replica->ticket_failed ? "err" : "ok");
    aero_status_u64(out, "aof_enabled", 1);
    aero_status_text(out, "aof_last_write_status", replica->disk_fault ? "err" : "ok");
    aero_status_u64(out, "aero_applied_lsn", aero_replica_shown(replica).lsn.value);
}

static void put_replication(struct aero_replica *replica, struct aero_buffer *out)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(replica->checkpointer);
    uint64_t shown = aero_replica_shown(replica).lsn.value;
    aero_status_text(out, "role", "slave");
    aero_status_text(out, "master_host", replica->options.primary_host);
    aero_status_u64(out, "master_port", replica->options.primary_port);
    aero_status_text(out, "master_link_status", replica->link == AERO_LINK_UP ? "up" : "down");
    aero_status_u64(out, "master_sync_in_progress", replica->state == AERO_REPLICA_BOOTSTRAPPING);
    aero_status_u64(out, "slave_read_only", 1);
    aero_status_u64(out, "slave_repl_offset", shown);
    aero_status_u64(out, "connected_slaves", 0);
    aero_status_id(out, "master_replid", manifest->cluster_id);
    aero_status_u64(out, "master_repl_offset", shown);
    aero_status_text(out, "aero_state", state_name(replica));
}

void aero_replica_info(struct aero_replica *replica, const char *section, struct aero_buffer *out)
{
    if (strcmp(section, "persistence") == 0) {
        put_persistence(replica, out);
    } else if (strcmp(section, "replication") == 0) {
        put_replication(replica, out);
    }
}

/* The operator looked and says: try again. The handshake decides anew; a doubt that is still there
 * halts it again. */
static void reconnect(struct aero_replica *replica, struct aero_buffer *out)
{
    if (replica->state == AERO_REPLICA_HALTED) {
        uint64_t edit;
        struct aero_manifest *manifest = aero_checkpointer_edit(replica->checkpointer, &edit);
        manifest->halt_reason[0] = '\0';
        replica->wants_reopen_after_halt = true;
    }
    replica->attempts = 0;
    replica->dial_at = replica->now;
    aero_replica_close_link(replica, "an operator asked to reconnect");
    aero_status_text(out, "reconnect", "asked");
}

bool aero_replica_admin(struct aero_replica *replica, const char *name,
                        const struct aero_slice *arguments, size_t argument_count,
                        struct aero_buffer *out_reply, const char **out_error)
{
    (void)arguments;
    if (argument_count != 0) {
        *out_error = "ERR this command takes no arguments";
        return true;
    }
    if (strcmp(name, "STATUS") == 0) {
        put_status(replica, out_reply);
    } else if (strcmp(name, "RECONNECT") == 0) {
        reconnect(replica, out_reply);
    } else {
        return false;
    }
    return true;
}
