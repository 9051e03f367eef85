/* SPDX-License-Identifier: Apache-2.0 */
/* The primary's manifest once a plan is carried out: the history of the plan; without snapshots that stand in a segment that
 * goes; writes open, unless somebody is known to have had more of this primary's records than the plan brings back. Pure. */
#ifndef AERO_CTL_SALVAGE_MANIFEST_H
#define AERO_CTL_SALVAGE_MANIFEST_H

#include "ctl/salvage_plan.h"

/* Whether the log as planned has a state to begin from once those snapshots are gone. False: the plan is refused. */
bool aero_salvage_manifest_has_base(struct aero_salvage_plan *plan,
                                    const struct aero_manifest *from);

void aero_salvage_manifest_make(const struct aero_salvage_plan *plan,
                                const struct aero_manifest *from,
                                struct aero_manifest *out_manifest);

#endif
