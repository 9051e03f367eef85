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

/* That it continues what is known here was asked when it came; since then it was in a file. */
static aero_status adopt_snapshot(struct aero_disk disk, const struct aero_snapshot_entry *entry,
                                  struct aero_manifest *manifest, aero_lsn end)
{
    char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header;
    aero_snapshot_name(entry, name);
    AERO_TRY(aero_snapshot_read_header(disk, name, &header));
    bool continues = aero_replica_adopt_snapshot(manifest, &header, end);
    aero_snapshot_header_deinit(&header);
    return continues ? aero_ok() : aero_error(AERO_MISMATCH);
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
        status = adopt_snapshot(disk, &manifest.snapshots[0], &manifest, aero_replica_end(replica));
    }
    if (aero_is_ok(status)) {
        status = aero_manifest_write(disk, &manifest);
    }
    aero_manifest_deinit(&manifest);
    return status;
}
