/* SPDX-License-Identifier: Apache-2.0 */
/* The swap from old data to new: a bootstrap's last step, and the end of a halt. One write of the manifest, in both
 * slots, is the swap: a crash before it leaves the old data in force, one behind it the new. */
#include "replica/replica_priv.h"

bool aero_replica_wants_reopen(const struct aero_replica *replica)
{
    return (replica->wants_reopen || replica->wants_reopen_after_halt) &&
           !aero_checkpointer_busy(replica->checkpointer) &&
           aero_wal_follower_is_idle(replica->follower);
}

/* The snapshot's own words about where it comes from: an empty replica knows of no cluster and no
 * history yet, and its next Hello must name both (decision 8). */
static aero_status adopt_snapshot(struct aero_disk disk, const struct aero_snapshot_entry *entry,
                                  struct aero_manifest *manifest)
{
    char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header;
    aero_snapshot_name(entry, name);
    AERO_TRY(aero_snapshot_read_header(disk, name, &header));
    aero_status status = aero_ok();
    for (size_t i = 0; i < header.history.incarnation_count && aero_is_ok(status); i++) {
        const struct aero_incarnation *incarnation = &header.history.incarnations[i];
        if (aero_history_find(&manifest->history, incarnation->nonce) == NULL) {
            status = aero_history_add_incarnation(&manifest->history, incarnation);
        }
    }
    uint64_t known = 0;
    if (manifest->history.segment_count > 0) {
        known = manifest->history.segments[manifest->history.segment_count - 1].sequence;
    }
    for (size_t i = 0; i < header.history.segment_count && aero_is_ok(status); i++) {
        if (header.history.segments[i].sequence > known) {
            aero_history_add_segment(&manifest->history, &header.history.segments[i]);
        }
    }
    if (aero_id_is_none(manifest->cluster_id)) {
        manifest->cluster_id = header.cluster_id;
    }
    if (header.epoch.value > manifest->epoch.value) {
        manifest->epoch = header.epoch;
    }
    aero_snapshot_header_deinit(&header);
    return status;
}

static void close_files(struct aero_replica *replica, struct aero_disk disk)
{
    for (unsigned owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        aero_disk_handles_close(disk, &replica->handles[owner]);
    }
}

aero_status aero_replica_install(struct aero_replica *replica, struct aero_disk disk)
{
    close_files(replica, disk); /* the process goes on, nothing of this core does */
    /* With the edits that no request carries yet: the cluster and the history may have come in the
     * same breath as the snapshot, and an operator's word takes a halt back by one. */
    uint64_t edit;
    struct aero_manifest manifest;
    aero_manifest_copy(&manifest, aero_checkpointer_edit(replica->checkpointer, &edit));
    aero_status status = aero_ok();
    if (replica->wants_reopen) {
        /* One entry, so that recovery cannot prefer the old data; its files go once the new ones are
         * in force. */
        manifest.snapshots[0] = *aero_bootstrap_entry(replica->bootstrap);
        manifest.snapshot_count = 1;
        manifest.wal_floor_sequence = manifest.snapshots[0].sequence;
        manifest.damaged_count = 0;
        status = adopt_snapshot(disk, &manifest.snapshots[0], &manifest);
    }
    if (aero_is_ok(status)) {
        status = aero_manifest_write(disk, &manifest);
    }
    aero_manifest_deinit(&manifest);
    return status;
}
