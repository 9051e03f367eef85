/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/recover.h"

#include <stdio.h>
#include <string.h>

#include "engine/snapshot.h"
#include "tests/crash/pair.h"

static bool says_damaged(const struct aero_manifest *manifest, char out_name[AERO_DISK_NAME_MAX])
{
    for (size_t i = 0; i < manifest->snapshot_count; i++) {
        if (manifest->snapshots[i].damaged) {
            aero_snapshot_name(&manifest->snapshots[i], out_name);
            return true;
        }
    }
    if (manifest->damaged_count > 0) {
        snprintf(out_name, AERO_DISK_NAME_MAX, "segment %llu",
                 (unsigned long long)manifest->damaged_segments[0]);
    }
    return manifest->damaged_count > 0;
}

void crash_recover(struct crash_port *port, bool is_primary, bool create,
                   const struct crash_truth *truth, struct crash_result *out_result)
{
    struct aero_recovered recovered;
    struct aero_disk disk = crash_port_disk(port);
    memset(out_result, 0, sizeof *out_result);
    out_result->status = aero_recover(disk, NULL, &recovered, &out_result->report);
    if (create && out_result->status.code == AERO_NOT_FOUND) {
        out_result->status = crash_create(disk, is_primary);
        if (aero_is_ok(out_result->status)) {
            out_result->status = aero_recover(disk, NULL, &recovered, &out_result->report);
        }
    }
    if (!aero_is_ok(out_result->status)) {
        return;
    }
    out_result->end = recovered.end;
    out_result->summary = aero_tree_summary(recovered.tree);
    out_result->is_damaged = says_damaged(&recovered.manifest, out_result->damaged);
    if (truth != NULL && recovered.end.lsn.value <= truth->top) {
        out_result->matches = crash_truth_matches(truth, recovered.end.lsn.value, recovered.tree,
                                                  out_result->mismatch);
    }
    aero_recovered_deinit(&recovered);
}

bool crash_result_same(const struct crash_result *a, const struct crash_result *b)
{
    return a->status.code == b->status.code && a->end.lsn.value == b->end.lsn.value &&
           a->end.chain == b->end.chain && a->summary.count == b->summary.count &&
           aero_u128_equal(a->summary.digest, b->summary.digest);
}

static void keep_first(void *self, const struct aero_finding *finding)
{
    struct aero_finding *first = self;
    if (finding->level != AERO_FINDING_NOTE && first->text[0] == '\0') {
        *first = *finding;
    }
}

aero_status crash_verify(struct aero_sim_disk *disk, struct aero_verify_report *out_report,
                         struct aero_finding *first_finding)
{
    static const struct aero_verify_options options = {.state = true};
    const struct aero_verify_observer observer = {.self = first_finding, .finding = keep_first};
    memset(first_finding, 0, sizeof *first_finding);
    memset(out_report, 0, sizeof *out_report);
    return aero_verify_directory(aero_sim_disk_port(disk), &options, &observer, out_report);
}
