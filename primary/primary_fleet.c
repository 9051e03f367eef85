/* SPDX-License-Identifier: Apache-2.0 */
/* The primary and its replicas: what senders may ship, and what follows from what replicas say.
 *
 * Two kinds of thing come from a replica: progress, which only moves counters and pins, and doubt
 * about authority or about what this primary holds, which closes writes at once and is remembered
 * in the manifest (decisions 7, 15). */
#include <stdio.h>
#include <string.h>

#include "engine/disk_failure.h"
#include "primary/fleet_event.h"
#include "primary/primary_priv.h"
#include "shipping/view.h"

/* ---- What senders may ship ---- */

static void refresh_view(struct aero_primary *primary)
{
    const struct aero_manifest *manifest = aero_checkpointer_manifest(primary->checkpointer);
    struct aero_shipping_source source = {
        .cluster_id = manifest->cluster_id,
        .node_id = manifest->node_id,
        .epoch = manifest->epoch,
        .history = &manifest->history,
        .snapshots = manifest->snapshots,
        .snapshot_count = manifest->snapshot_count,
        .must_not_seed = primary->must_not_seed,
        .fenced = manifest->gate == AERO_GATE_SUPERSEDED,
    };
    snprintf(source.node_name, sizeof source.node_name, "%s", manifest->node_name);
    source.files = aero_checkpointer_files(primary->checkpointer, &source.file_count);
    aero_shipping_view_release(primary->view);
    primary->view = aero_shipping_view_new(&source);
}

struct aero_shipping_view *aero_primary_shipping_view(struct aero_primary *primary)
{
    if (primary->view_is_stale) {
        primary->view_is_stale = false;
        refresh_view(primary);
    }
    return primary->view;
}

struct aero_wal_place aero_primary_durable_place(const struct aero_primary *primary)
{
    return aero_wal_durable(primary->wal);
}

aero_lsn aero_primary_acknowledged_by(const struct aero_primary *primary, const char *name)
{
    return aero_checkpointer_acknowledged(primary->checkpointer, name);
}

/* ---- What replicas say ---- */

static void pin(struct aero_primary *primary, const struct aero_fleet_event *event,
                uint64_t sequence)
{
    aero_status status =
        aero_checkpointer_pin(primary->checkpointer, event->name, sequence, event->durable);
    if (!aero_is_ok(status)) {
        aero_log_event(primary->logger, AERO_LOG_WARN, "pin_refused",
                       AERO_LOG_STR("replica", event->name), AERO_LOG_STATUS("error", status),
                       AERO_LOG_STR("advice", "WAL may be truncated before this replica has it"));
    }
}

static void on_verdict(struct aero_primary *primary, const struct aero_fleet_event *event)
{
    aero_log_event(primary->logger, AERO_LOG_INFO, "replica_greeted",
                   AERO_LOG_STR("replica", event->name), AERO_LOG_STR("address", event->address),
                   AERO_LOG_STR("verdict", aero_handshake_text(event->verdict)),
                   AERO_LOG_STR("text", event->text));
    /* A replica that resumes holds nothing that was cut here: the doubt is settled (decision 7). */
    if (event->verdict == AERO_HANDSHAKE_RESUME && primary->gate == AERO_GATE_CUT) {
        aero_primary_lower_gate(primary);
    }
}

static void log_doubt(struct aero_primary *primary, const char *name,
                      const struct aero_fleet_event *event)
{
    aero_log_event(primary->logger, AERO_LOG_ERROR, name, AERO_LOG_STR("replica", event->name),
                   AERO_LOG_STR("text", event->text), AERO_LOG_STR("file", event->file),
                   AERO_LOG_U64("offset_bytes", event->offset),
                   AERO_LOG_LSN("durable_lsn", event->durable),
                   AERO_LOG_LSN("acknowledged_lsn", event->acknowledged));
}

static void note_damage(struct aero_primary *primary, const struct aero_fleet_event *event)
{
    if (!aero_disk_is_refusal(event->status)) {
        primary->damage_met.offset = event->offset;
        snprintf(primary->damage_met.file, sizeof primary->damage_met.file, "%s", event->file);
    }
}

static void close_authority(struct aero_primary *primary, enum aero_write_gate gate,
                            const struct aero_fleet_event *event)
{
    char reason[256];
    snprintf(reason, sizeof reason, "%.60s: %.180s", event->name, event->text);
    aero_primary_raise_gate(primary, gate, reason,
                            event->lost_count < UINT32_MAX ? (uint32_t)event->lost_count
                                                           : UINT32_MAX);
    aero_wal_close(primary->wal, aero_error(AERO_MISMATCH), "", "");
    aero_primary_follow_wal(primary);
}

/* Decision 20: the primary audits itself, and while that fails it seeds nobody. One audit answers for every digest that
 * came before it, so that a replica cannot have the keyspace walked again and again. */
static void audit(struct aero_primary *primary, aero_lsn doubted)
{
    if (doubted.value <= primary->audited.value) {
        return;
    }
    primary->audited = aero_pipeline_evaluated(primary->pipeline);
    struct aero_view *view = aero_view_open(aero_pipeline_tree(primary->pipeline));
    primary->must_not_seed = !aero_view_audit(view);
    aero_view_close(view);
    primary->tree_has_garbage = true;
    primary->view_is_stale = true;
    aero_log_event(primary->logger, primary->must_not_seed ? AERO_LOG_ERROR : AERO_LOG_WARN,
                   "audited", AERO_LOG_BOOL("passed", !primary->must_not_seed));
}

static void update_member(struct aero_primary *primary, const struct aero_fleet_event *event)
{
    struct aero_fleet_member *member = aero_fleet_join(&primary->fleet, event->connection);
    if (member == NULL) {
        /* the link limit is below AERO_FLEET_MAX: only a runner that ignores it comes here */
        return;
    }
    snprintf(member->name, sizeof member->name, "%s", event->name);
    snprintf(member->address, sizeof member->address, "%s", event->address);
    snprintf(member->state, sizeof member->state, "%s", event->link_state);
    member->following = event->following;
    if (event->kind == AERO_SENDER_PROGRESS) {
        member->received = event->received;
        member->durable = event->durable;
        member->applied = event->applied;
        member->acknowledged_at = primary->now;
    }
}

static void on_closed(struct aero_primary *primary, const struct aero_fleet_event *event)
{
    aero_log_event(primary->logger, AERO_LOG_INFO, "replica_gone",
                   AERO_LOG_STR("replica", event->name), AERO_LOG_STR("text", event->text));
    aero_fleet_leave(&primary->fleet, event->connection);
    aero_checkpointer_write_notes(primary->checkpointer); /* nothing is to follow */
}

void aero_primary_on_fleet_event(struct aero_primary *primary, const struct aero_fleet_event *event)
{
    if (event->kind != AERO_SENDER_CLOSED) {
        update_member(primary, event);
    }
    switch (event->kind) {
    case AERO_SENDER_VERDICT:
        on_verdict(primary, event);
        break;
    case AERO_SENDER_SNAPSHOT_GRANTED:
        pin(primary, event, event->snapshot.sequence);
        break;
    case AERO_SENDER_PROGRESS:
        aero_checkpointer_acknowledge(primary->checkpointer, event->name, event->durable);
        aero_server_on_progress(primary->server);
        break;
    case AERO_SENDER_PIN:
        pin(primary, event, event->pin_sequence);
        break;
    case AERO_SENDER_REGRESSED:
        log_doubt(primary, "replica_regressed", event);
        break;
    case AERO_SENDER_LOSS_CLAIMED:
        log_doubt(primary, "loss_claimed", event);
        break;
    case AERO_SENDER_LOSS_PROVEN:
        aero_checkpointer_acknowledge(primary->checkpointer, event->name, event->durable);
        close_authority(primary, AERO_GATE_PRIMARY_LOST, event);
        break;
    case AERO_SENDER_SUPERSEDED:
    case AERO_SENDER_EPOCH_CLASH:
        close_authority(primary, AERO_GATE_SUPERSEDED, event);
        break;
    case AERO_SENDER_DIGEST_MISMATCH:
        log_doubt(primary, "digest_mismatch_reported", event);
        audit(primary, event->mismatch.lsn);
        break;
    case AERO_SENDER_DAMAGED:
        log_doubt(primary, "wal_damaged", event);
        note_damage(primary, event);
        break;
    case AERO_SENDER_CLOSED:
        on_closed(primary, event);
        break;
    }
}
