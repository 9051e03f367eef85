/* SPDX-License-Identifier: Apache-2.0 */
/* What the primary tells operators: INFO's sections, AERO.STATUS, AERO.REPLICAS, and the commands
 * that resolve doubt. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "primary/primary_priv.h"
#include "server/status_text.h"
#include "server/text.h"

static const char *write_state(const struct aero_primary *primary)
{
    switch (primary->gate) {
    case AERO_GATE_OPEN:
        return primary->closed_reason[0] == '\0' ? "open" : "failed";
    case AERO_GATE_CUT:
        return "cut";
    case AERO_GATE_PRIMARY_LOST:
        return "primary_lost";
    case AERO_GATE_SUPERSEDED:
        return "superseded";
    }
    return "unknown";
}

/* Until the file goes, as one does that two newer snapshots make superfluous, or the next start judges for itself. */
static bool has_met_damage(const struct aero_primary *primary)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(primary->checkpointer);
    const char *name = primary->damage_met.file;
    char snapshot[AERO_DISK_NAME_MAX];
    size_t count;
    const struct aero_wal_file *files = aero_checkpointer_files(primary->checkpointer, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        aero_snapshot_name(&manifest->snapshots[i], snapshot);
        if (strcmp(snapshot, name) == 0) {
            return true;
        }
    }
    return false;
}

static void put_damage_met(const struct aero_primary *primary, struct aero_buffer *out)
{
    char text[AERO_DISK_NAME_MAX + 64] = "";
    if (has_met_damage(primary)) {
        snprintf(text, sizeof text, "%s at offset %" PRIu64, primary->damage_met.file,
                 primary->damage_met.offset);
    }
    aero_status_text(out, "damage_met", text);
}

static const char *next_action(const struct aero_primary *primary)
{
    if (primary->closed_advice[0] != '\0') {
        return primary->closed_advice;
    }
    if (primary->must_not_seed) {
        return "restart the primary: its state in memory fails its audit, and recovery makes it "
               "anew from disk";
    }
    if (aero_checkpointer_manifest(primary->checkpointer)->damaged_count != 0) {
        return "nothing is lost, but older WAL is damaged: 'aeroctl verify DIR' says where; stop "
               "both nodes and mend it from a replica with 'aeroctl salvage --primary-dir DIR "
               "--replica-dir DIR'";
    }
    if (has_met_damage(primary)) {
        return "a replica waits for bytes that do not verify here (damage_met): 'aeroctl verify "
               "--in-use DIR' says what else; stop both nodes and mend it from a replica with "
               "'aeroctl salvage --primary-dir DIR --replica-dir DIR'";
    }
    return primary->certificates_refused ? AERO_CERTIFICATES_ADVICE : "none";
}

void aero_primary_note_certificates(struct aero_primary *primary, bool refused)
{
    primary->certificates_refused = refused;
}

/* Those that a start could load: one that was found damaged stays in the manifest for a while. */
static void put_snapshots(const struct aero_manifest *manifest, struct aero_buffer *out)
{
    uint64_t count = 0;
    uint64_t newest = 0;
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (!manifest->snapshots[i].damaged) {
            count++;
            newest = manifest->snapshots[i].position.lsn.value;
        }
    }
    aero_status_u64(out, "snapshots", count);
    aero_status_u64(out, "snapshot_lsn", newest);
}

static void put_status(struct aero_primary *primary, struct aero_buffer *out)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(primary->checkpointer);
    struct aero_wal_place durable = aero_wal_durable(primary->wal);
    bool settled = aero_pipeline_evaluated(primary->pipeline).value == durable.position.lsn.value;
    aero_status_text(out, "role", "primary");
    aero_status_text(out, "state", primary->closed_reason[0] == '\0' ? "serving" : "read_only");
    aero_status_text(out, "reason", primary->closed_reason);
    aero_status_text(out, "next_action", next_action(primary));
    aero_status_text(out, "writes", write_state(primary));
    if (primary->gate == AERO_GATE_PRIMARY_LOST) {
        aero_status_u64(out, "lost_records", manifest->lost_count);
    }
    aero_status_id(out, "cluster_id", manifest->cluster_id);
    aero_status_text(out, "node_name", manifest->node_name);
    aero_status_id(out, "node_id", manifest->node_id);
    aero_status_u64(out, "epoch", manifest->epoch.value);
    aero_status_id(out, "incarnation", primary->incarnation);
    aero_status_u64(out, "durable_lsn", durable.position.lsn.value);
    aero_status_hex(out, "durable_chain", durable.position.chain);
    aero_status_u64(out, "segment", durable.sequence);
    aero_status_u64(out, "segment_offset", durable.offset);
    if (settled) { /* V-1: the digest of the durable state, or none */
        struct aero_summary summary = aero_tree_summary(aero_pipeline_tree(primary->pipeline));
        aero_status_digest(out, "digest", summary.digest);
        aero_status_u64(out, "digest_lsn", durable.position.lsn.value);
        aero_status_u64(out, "entries", summary.count);
    }
    size_t file_count;
    aero_checkpointer_files(primary->checkpointer, &file_count);
    aero_status_u64(out, "wal_segments", file_count);
    put_snapshots(manifest, out);
    aero_status_u64(out, "damaged_segments", manifest->damaged_count);
    put_damage_met(primary, out);
    aero_status_text(out, "audit", primary->must_not_seed ? "failed" : "passed");
    aero_status_u64(out, "replicas", aero_fleet_count(&primary->fleet));
    aero_status_text(out, "expiry", primary->expiry_suspended ? "suspended" : "running");
    aero_status_text(out, "certificates", primary->certificates_refused ? "refused" : "ok");
}

static uint64_t lag_lsn(const struct aero_primary *primary, aero_lsn applied)
{
    uint64_t durable = aero_pipeline_durable(primary->pipeline).value;
    return durable > applied.value ? durable - applied.value : 0;
}

static void put_replicas(struct aero_primary *primary, struct aero_buffer *out)
{
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        const struct aero_fleet_member *member = &primary->fleet.members[i];
        if (member->connection == 0) {
            continue;
        }
        char line[512];
        snprintf(line, sizeof line,
                 "name=%s,address=%s,state=%s,received_lsn=%" PRIu64 ",durable_lsn=%" PRIu64
                 ",applied_lsn=%" PRIu64 ",lag_lsn=%" PRIu64 ",acknowledged_ms_ago=%" PRIu64,
                 member->name, member->address, member->state, member->received.value,
                 member->durable.value, member->applied.value, lag_lsn(primary, member->applied),
                 member->acknowledged_at.value == 0
                     ? 0
                     : (primary->now.value - member->acknowledged_at.value) / 1000000);
        aero_status_text(out, "replica", line);
    }
    size_t pin_count;
    const struct aero_pin *pins = aero_checkpointer_pins(primary->checkpointer, &pin_count);
    for (size_t i = 0; i < pin_count; i++) {
        const struct aero_pin *pin = &pins[i];
        char line[256];
        snprintf(line, sizeof line, "name=%s,kept_from_segment=%" PRIu64 ",durable_lsn=%" PRIu64,
                 pin->node_name, pin->sequence, pin->durable.value);
        aero_status_text(out, "pin", line);
    }
}

static void put_persistence(struct aero_primary *primary, struct aero_buffer *out)
{
    bool healthy = aero_wal_is_open(primary->wal);
    aero_status_u64(out, "loading", 0);
    aero_status_u64(out, "rdb_bgsave_in_progress",
                    aero_checkpointer_is_running(primary->checkpointer));
    aero_status_text(out, "rdb_last_bgsave_status", primary->ticket_failed ? "err" : "ok");
    aero_status_u64(out, "aof_enabled", 1);
    aero_status_text(out, "aof_last_write_status", healthy ? "ok" : "err");
    aero_status_u64(out, "aero_durable_lsn", aero_pipeline_durable(primary->pipeline).value);
    aero_status_text(out, "aero_writes", write_state(primary));
    aero_status_u64(out, "aero_wal_failures", primary->failures);
}

static void put_replication(struct aero_primary *primary, struct aero_buffer *out)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(primary->checkpointer);
    uint32_t index = 0;
    aero_status_text(out, "role", "master");
    aero_status_u64(out, "connected_slaves",
                    aero_fleet_count_durable(&primary->fleet, aero_lsn_of(0)));
    for (size_t i = 0; i < AERO_FLEET_MAX; i++) {
        const struct aero_fleet_member *member = &primary->fleet.members[i];
        if (member->following) {
            char name[16];
            char line[256];
            struct aero_role_peer peer;
            aero_primary_describe_peer(member, &peer);
            snprintf(name, sizeof name, "slave%" PRIu32, index++);
            snprintf(line, sizeof line,
                     "ip=%s,port=%" PRIu16 ",state=online,offset=%" PRIu64 ",lag=0", peer.host,
                     peer.port, peer.lsn);
            aero_status_text(out, name, line);
        }
    }
    aero_status_text(out, "master_failover_state", "no-failover");
    aero_status_id(out, "master_replid", manifest->cluster_id);
    aero_status_u64(out, "master_repl_offset", aero_pipeline_durable(primary->pipeline).value);
    aero_status_u64(out, "aero_epoch", manifest->epoch.value);
    aero_status_id(out, "aero_incarnation", primary->incarnation);
}

void aero_primary_info(struct aero_primary *primary, const char *section, struct aero_buffer *out)
{
    if (strcmp(section, "persistence") == 0) {
        put_persistence(primary, out);
    } else if (strcmp(section, "replication") == 0) {
        put_replication(primary, out);
    }
}

/* The number that is given up has to be named (decisions 7, 15). */
static const char *open_writes(struct aero_primary *primary, const struct aero_slice *arguments,
                               size_t argument_count, struct aero_buffer *out)
{
    uint64_t count = aero_checkpointer_manifest(primary->checkpointer)->lost_count;
    uint64_t named = 0;
    bool discards = argument_count == 2 && aero_text_is(arguments[0], "discard") &&
                    aero_parse_u64(arguments[1], &named);
    if (argument_count != 0 && !discards) {
        return "ERR the arguments are none, or DISCARD and a number of records";
    }
    if (primary->gate == AERO_GATE_CUT && !discards) {
        aero_primary_lower_gate(primary);
    } else if (primary->gate == AERO_GATE_PRIMARY_LOST && discards && named == count) {
        aero_primary_discard_lost(primary);
    } else if (primary->gate == AERO_GATE_PRIMARY_LOST) {
        snprintf(primary->admin_error, sizeof primary->admin_error,
                 "ERR %" PRIu64 " record%s lost here that had been durable; if no replica can "
                 "bring back what is lost, give it up with 'aeroctl open-writes --discard %" PRIu64
                 "'",
                 count, count == 1 ? " is" : "s are", count);
        return primary->admin_error;
    } else {
        return "ERR writes are not waiting for this decision; see 'aeroctl status'";
    }
    aero_status_text(out, "writes", write_state(primary));
    aero_status_text(out, "next_action", primary->closed_advice);
    return NULL;
}

bool aero_primary_admin(struct aero_primary *primary, const char *name,
                        const struct aero_slice *arguments, size_t argument_count,
                        struct aero_buffer *out_reply, const char **out_error)
{
    if (strcmp(name, "OPENWRITES") == 0) {
        *out_error = open_writes(primary, arguments, argument_count, out_reply);
        return true;
    }
    bool known = strcmp(name, "STATUS") == 0 || strcmp(name, "REPLICAS") == 0 ||
                 strcmp(name, "CONFIRMCLOCK") == 0;
    if (!known) {
        return false;
    }
    if (argument_count != 0) {
        *out_error = "ERR this command takes no arguments";
    } else if (strcmp(name, "STATUS") == 0) {
        put_status(primary, out_reply);
    } else if (strcmp(name, "REPLICAS") == 0) {
        put_replicas(primary, out_reply);
    } else {
        primary->expiry_suspended = false;
        aero_status_text(out_reply, "expiry", "running");
    }
    return true;
}
