/* SPDX-License-Identifier: Apache-2.0 */
/* What is known here of the primary's past. It only becomes longer, but for incarnations of which there is nothing. All that
 * comes in is the primary's word, or a file's: what does not continue the past is told, never asserted. */
#include "replica/replica_priv.h"

aero_lsn aero_replica_end(const struct aero_replica *replica)
{
    aero_lsn logged = aero_wal_follower_durable(replica->follower).position.lsn;
    return logged.value > replica->applied.lsn.value ? logged : replica->applied.lsn;
}

/* Incarnations that wrote nothing, of an older copy of the primary's directory or lost by one: the primary's list has others
 * in their place, and there is no record of them here. Kept, they would say that the one before them ended where it did not,
 * and a token of it would count as lost. One that began behind all that the primary knows is no such: it proves a loss. */
static void forget_unwritten(struct aero_history *mine, const struct aero_history *primary,
                             aero_lsn end)
{
    const size_t count = primary->incarnation_count;
    const aero_lsn newest = count > 0 ? primary->incarnations[count - 1].start.lsn : aero_lsn_of(0);
    size_t kept = 0;
    for (size_t i = 0; i < mine->incarnation_count; i++) {
        const struct aero_incarnation *entry = &mine->incarnations[i];
        if (entry->start.lsn.value < end.value || entry->start.lsn.value > newest.value ||
            aero_history_find(primary, entry->nonce) != NULL) {
            mine->incarnations[kept++] = *entry;
        }
    }
    mine->incarnation_count = kept;
}

bool aero_replica_adopt_incarnations(struct aero_manifest *manifest,
                                     const struct aero_history *primary, aero_lsn end)
{
    struct aero_history *mine = &manifest->history;
    forget_unwritten(mine, primary, end);
    size_t shared = 0; /* what both begin with needs no search */
    for (size_t i = 0; i < primary->incarnation_count; i++) {
        const struct aero_incarnation *entry = &primary->incarnations[i];
        if (shared < mine->incarnation_count &&
            aero_id_equal(mine->incarnations[shared].nonce, entry->nonce)) {
            shared++;
        } else if (aero_history_find(mine, entry->nonce) == NULL &&
                   !aero_is_ok(aero_history_add_incarnation(mine, entry))) {
            return false;
        }
        if (entry->epoch.value > manifest->epoch.value) {
            manifest->epoch = entry->epoch;
        }
    }
    return true;
}

/* An empty replica knows of no cluster and no history yet, and its next Hello must name both (decision 8). */
bool aero_replica_adopt_snapshot(struct aero_manifest *manifest,
                                 const struct aero_snapshot_header *header, aero_lsn end)
{
    if (!aero_replica_adopt_incarnations(manifest, &header->history, end)) {
        return false;
    }
    uint64_t known = 0;
    if (manifest->history.segment_count > 0) {
        known = manifest->history.segments[manifest->history.segment_count - 1].sequence;
    }
    for (size_t i = 0; i < header->history.segment_count; i++) {
        const struct aero_segment_start *start = &header->history.segments[i];
        if (start->sequence <= known) {
            continue;
        }
        if (!aero_history_fits_segment(&manifest->history, start)) {
            return false;
        }
        aero_history_add_segment(&manifest->history, start);
    }
    if (aero_id_is_none(manifest->cluster_id)) {
        manifest->cluster_id = header->cluster_id;
    }
    if (header->epoch.value > manifest->epoch.value) {
        manifest->epoch = header->epoch;
    }
    return true;
}
