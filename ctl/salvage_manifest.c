/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/salvage_manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* ---- Snapshots ----------------------------------------------------------------------------------------------- */

/* A snapshot names the segment that was open, and its history the starts up to there: of a segment that goes, they are the
 * starts that wrote nothing. Nobody must be seeded with them. */
static bool goes(const struct aero_salvage_plan *plan, const struct aero_snapshot_entry *snapshot)
{
    for (size_t i = 0; i < plan->drop_count; i++) {
        if (plan->drops[i]->listed.named_sequence == snapshot->sequence) {
            return true;
        }
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct aero_salvage_step *step = &plan->steps[i];
        if (step->old != NULL && !step->mends &&
            step->old->listed.named_sequence == snapshot->sequence) {
            return true;
        }
    }
    return false;
}

static void drop_snapshots(const struct aero_salvage_plan *plan, struct aero_manifest *manifest)
{
    size_t kept = 0;
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (!goes(plan, &manifest->snapshots[i])) {
            manifest->snapshots[kept++] = manifest->snapshots[i];
        }
    }
    manifest->snapshot_count = kept;
}

bool aero_salvage_manifest_has_base(struct aero_salvage_plan *plan,
                                    const struct aero_manifest *from)
{
    bool any_goes = false;
    bool any_stays = plan->steps[0].segment->listed.header.prev_end.lsn.value == 0;
    for (size_t i = 0; i < from->snapshot_count; i++) {
        bool this_goes = goes(plan, &from->snapshots[i]);
        any_goes = any_goes || this_goes;
        any_stays = any_stays || (!this_goes && !from->snapshots[i].damaged);
    }
    if (any_goes && !any_stays) {
        return aero_salvage_refuse(
            plan, "the primary's only snapshots were made since its older copy was "
                  "put back, and its log does not go back before them: put the older "
                  "copy in its place once more, and salvage before it is started");
    }
    return true;
}

/* ---- The rest ------------------------------------------------------------------------------------------------ */

static bool is_replaced(const struct aero_salvage_plan *plan, uint64_t sequence)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].old != NULL &&
            plan->steps[i].segment->listed.named_sequence == sequence) {
            return true;
        }
    }
    return false;
}

static void forget_damage(const struct aero_salvage_plan *plan, struct aero_manifest *manifest)
{
    size_t kept = 0;
    for (size_t i = 0; i < manifest->damaged_count; i++) {
        if (!is_replaced(plan, manifest->damaged_segments[i])) {
            manifest->damaged_segments[kept++] = manifest->damaged_segments[i];
        }
    }
    manifest->damaged_count = kept;
}

static void close_gate(const struct aero_salvage_plan *plan, aero_lsn known, const char *who,
                       struct aero_manifest *manifest)
{
    uint64_t lost = known.value - plan->end.lsn.value;
    manifest->gate = AERO_GATE_PRIMARY_LOST;
    manifest->lost_count = lost < UINT32_MAX ? (uint32_t)lost : UINT32_MAX;
    snprintf(manifest->gate_reason, sizeof manifest->gate_reason,
             "%s LSN %" PRIu64 " and the log ends at %" PRIu64
             ": salvage from the replica that has the rest, too",
             who, known.value, plan->end.lsn.value);
}

static void settle_gate(const struct aero_salvage_plan *plan, struct aero_manifest *manifest)
{
    manifest->gate = AERO_GATE_OPEN;
    manifest->lost_count = 0;
    memset(manifest->gate_reason, 0, sizeof manifest->gate_reason);
    if (plan->known_durable.value > plan->end.lsn.value) {
        close_gate(plan, plan->known_durable, "this primary had once been durable to", manifest);
    }
    for (size_t i = 0; i < manifest->pin_count; i++) {
        const struct aero_pin *pin = &manifest->pins[i];
        if (pin->durable.value > plan->end.lsn.value) {
            char who[AERO_NODE_NAME_MAX + 32];
            snprintf(who, sizeof who, "replica '%s' acknowledged", pin->node_name);
            close_gate(plan, pin->durable, who, manifest);
        }
    }
}

void aero_salvage_manifest_make(const struct aero_salvage_plan *plan,
                                const struct aero_manifest *from,
                                struct aero_manifest *out_manifest)
{
    AERO_ASSERT(plan->outcome != AERO_SALVAGE_REFUSED);
    aero_manifest_copy(out_manifest, from);
    aero_history_deinit(&out_manifest->history);
    aero_history_copy(&out_manifest->history, &plan->history);
    drop_snapshots(plan, out_manifest);
    forget_damage(plan, out_manifest);
    settle_gate(plan, out_manifest);
}
