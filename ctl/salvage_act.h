/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out a plan of salvage_plan.h on a primary's directory that nobody else uses. May wait.
 *
 * In order, each step durable before the next:
 *
 *     1  the manifest: no writes (PRIMARY_LOST)   so that an interrupted salvage never lets one in
 *     2  the replica's segments to wal/NAME.tmp   synced, and read back record by record
 *     3  what is replaced or dropped, copied to quarantine/
 *     4  dropped segments unlinked, newest first
 *     5  the copies renamed to their names, oldest first
 *     6  the proof for the log's new end
 *     7  the manifest as it is to be
 *
 * A crash on the way leaves a log that refuses to start or that takes no writes; salvage run again finishes. What came back
 * from behind an older copy is of incarnations that only the last step makes known, so between 5 and 7 such a log refuses. */
#ifndef AERO_CTL_SALVAGE_ACT_H
#define AERO_CTL_SALVAGE_ACT_H

#include "ctl/salvage_plan.h"

struct aero_salvage_failure {
    char file[AERO_DISK_NAME_MAX];
    const char *step; /* "copying", ... */
};

/* `now` is the primary that the plan was made of. */
aero_status aero_salvage_act(struct aero_disk primary, struct aero_disk replica,
                             const struct aero_salvage_plan *plan,
                             const struct aero_salvage_side *now,
                             struct aero_salvage_failure *out_failure);

#endif
