/* SPDX-License-Identifier: Apache-2.0 */
/* Doubt that closes writes and outlives a restart (decisions 7, 15), and what opens them again.
 *
 * A gate is an edit of the manifest: durable in both slots before anybody is told that this node
 * is fenced, and before a start that cuts acts. What a replica ever acknowledged had been durable
 * here before it was shipped, so a log that ends below it lost records, whether or not that
 * replica is there to say so: a start sees it in the pins and takes no write that would stand in
 * the way of bringing them back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "primary/primary_priv.h"

static void give_up_lost(struct aero_manifest *manifest, aero_lsn end)
{
    manifest->lost_count = 0;
    for (size_t i = 0; i < manifest->pin_count; i++) {
        if (manifest->pins[i].durable.value > end.value) {
            manifest->pins[i].durable = end;
        }
    }
}

static uint32_t count_to(aero_lsn from, aero_lsn to)
{
    uint64_t count = to.value - from.value;
    return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static void find_lost(struct aero_manifest *manifest, aero_lsn end)
{
    const struct aero_pin *furthest = NULL;
    for (size_t i = 0; i < manifest->pin_count; i++) {
        const struct aero_pin *pin = &manifest->pins[i];
        if (pin->durable.value > end.value &&
            (furthest == NULL || pin->durable.value > furthest->durable.value)) {
            furthest = pin;
        }
    }
    if (furthest == NULL || manifest->gate >= AERO_GATE_PRIMARY_LOST) {
        return;
    }
    manifest->gate = AERO_GATE_PRIMARY_LOST;
    manifest->lost_count = count_to(end, furthest->durable);
    snprintf(manifest->gate_reason, sizeof manifest->gate_reason,
             "replica '%s' acknowledged LSN %" PRIu64 " and this log ends at LSN %" PRIu64
             ": %" PRIu32 " durable record%s lost here",
             furthest->node_name, furthest->durable.value, end.value, manifest->lost_count,
             manifest->lost_count == 1 ? " is" : "s are");
}

aero_status aero_primary_begin_incarnation(struct aero_disk disk, struct aero_recovered *recovered,
                                           const struct aero_recovery_report *report,
                                           bool open_writes_after_cut, aero_id incarnation)
{
    struct aero_manifest *manifest = &recovered->manifest;
    if (manifest->role != AERO_ROLE_PRIMARY) {
        return aero_error(AERO_MISMATCH);
    }
    struct aero_incarnation entry = {
        .epoch = manifest->epoch,
        .nonce = incarnation,
        .node_id = manifest->node_id,
        .start = recovered->end,
    };
    snprintf(entry.node_name, sizeof entry.node_name, "%s", manifest->node_name);
    AERO_TRY(aero_history_add_incarnation(&manifest->history, &entry));
    /* Recovery raised the gate before it cut: a crash between the two must not forget it. */
    AERO_ASSERT(report->verdict != AERO_VERDICT_TORN_TAIL || manifest->pin_count == 0 ||
                manifest->gate != AERO_GATE_OPEN);
    if (open_writes_after_cut && manifest->gate == AERO_GATE_CUT) {
        manifest->gate = AERO_GATE_OPEN;
        manifest->gate_reason[0] = '\0';
    }
    find_lost(manifest, recovered->end.lsn);
    return aero_manifest_write(disk, manifest);
}

void aero_primary_close_for(struct aero_primary *primary, const char *reason, const char *advice)
{
    snprintf(primary->closed_reason, sizeof primary->closed_reason, "%s", reason);
    snprintf(primary->closed_advice, sizeof primary->closed_advice, "%s", advice);
    snprintf(primary->closed_error, sizeof primary->closed_error,
             "MISCONF writes are closed: %s; %s", reason, advice);
}

static void show(struct aero_primary *primary, const struct aero_manifest *manifest)
{
    char advice[256] = "";
    switch (manifest->gate) {
    case AERO_GATE_OPEN:
        break;
    case AERO_GATE_CUT:
        snprintf(advice, sizeof advice,
                 "start a replica: its handshake opens writes, or shows the loss; or accept the "
                 "loss with 'aeroctl open-writes'");
        break;
    case AERO_GATE_PRIMARY_LOST:
        snprintf(advice, sizeof advice,
                 "stop both nodes and bring the records back from the replica's directory with "
                 "'aeroctl salvage --primary-dir DIR --replica-dir DIR'; only if no replica has "
                 "them: 'aeroctl open-writes --discard %" PRIu32 "'",
                 manifest->lost_count);
        break;
    case AERO_GATE_SUPERSEDED:
        snprintf(advice, sizeof advice,
                 "keep this directory, and in its place start aerodb-replica --primary with the "
                 "other primary's address on an empty directory");
        break;
    }
    primary->gate = manifest->gate;
    aero_primary_close_for(primary, manifest->gate == AERO_GATE_OPEN ? "" : manifest->gate_reason,
                           advice);
}

void aero_primary_show_gate(struct aero_primary *primary)
{
    show(primary, aero_checkpointer_manifest(primary->checkpointer));
}

void aero_primary_raise_gate(struct aero_primary *primary, enum aero_write_gate gate,
                             const char *reason, uint32_t lost_count)
{
    uint64_t edit;
    bool more_is_lost = lost_count > aero_checkpointer_manifest(primary->checkpointer)->lost_count;
    if (primary->gate > gate || (primary->gate == gate && !more_is_lost)) {
        return; /* the graver doubt stays */
    }
    struct aero_manifest *manifest = aero_checkpointer_edit(primary->checkpointer, &edit);
    manifest->gate = gate;
    manifest->lost_count = lost_count;
    snprintf(manifest->gate_reason, sizeof manifest->gate_reason, "%s", reason);
    show(primary, manifest);
    aero_log_event(primary->logger, AERO_LOG_ERROR, "writes_closed", AERO_LOG_STR("reason", reason),
                   AERO_LOG_STR("advice", primary->closed_advice));
}

void aero_primary_lower_gate(struct aero_primary *primary)
{
    uint64_t edit;
    struct aero_manifest *manifest = aero_checkpointer_edit(primary->checkpointer, &edit);
    manifest->gate = AERO_GATE_OPEN;
    manifest->gate_reason[0] = '\0';
    manifest->lost_count = 0;
    show(primary, manifest);
    if (!aero_wal_is_open(primary->wal)) {
        aero_primary_close_for(primary, "the log was closed when records were found to be lost",
                               "restart the primary: it takes writes then");
    }
    aero_log_event(primary->logger, AERO_LOG_WARN, "writes_opened",
                   AERO_LOG_STR("reason", primary->closed_reason));
}

void aero_primary_discard_lost(struct aero_primary *primary)
{
    uint64_t edit;
    struct aero_manifest *manifest = aero_checkpointer_edit(primary->checkpointer, &edit);
    aero_log_event(primary->logger, AERO_LOG_WARN, "lost_records_given_up",
                   AERO_LOG_U64("records", manifest->lost_count),
                   AERO_LOG_STR("reason", manifest->gate_reason));
    give_up_lost(manifest, aero_wal_durable(primary->wal).position.lsn);
    aero_primary_lower_gate(primary);
}
