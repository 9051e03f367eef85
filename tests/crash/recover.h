/* SPDX-License-Identifier: Apache-2.0 */
/* What a start makes of a disk, as a value. */
#ifndef AERO_TESTS_CRASH_RECOVER_H
#define AERO_TESTS_CRASH_RECOVER_H

#include "engine/recovery.h"
#include "engine/verify.h"
#include "tests/crash/port.h"
#include "tests/crash/truth.h"

struct crash_result {
    aero_status status;
    struct aero_position end;
    struct aero_summary summary;
    struct aero_recovery_report report;
    bool
        is_damaged; /* a snapshot or segment that the manifest now calls damaged: `damaged` names the first */
    char damaged[AERO_DISK_NAME_MAX];
    bool matches; /* the model, at `end` */
    char mismatch[160];
};

/* `truth` may be NULL. `create`: the directory may not be there yet, and is then created. */
void crash_recover(struct crash_port *port, bool is_primary, bool create,
                   const struct crash_truth *truth, struct crash_result *out_result);
bool crash_result_same(const struct crash_result *a, const struct crash_result *b);
/* Verification of the same disk. `out_status`: AERO_NOT_FOUND where there is no node. `first_finding` gets the first warning or
 * damage. */
aero_status crash_verify(struct aero_sim_disk *disk, struct aero_verify_report *out_report,
                         struct aero_finding *first_finding);

#endif
