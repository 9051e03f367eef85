/* SPDX-License-Identifier: Apache-2.0 */
/* Who wrote the log as a plan would have it (decision 6): the history that goes into the primary's manifest.
 *
 * An older copy of a primary's directory does not know what this primary began after the copy was made. The replica does: the
 * incarnations came with their records, and each says who originated it. Example, with a copy that was made at LSN 500 and
 * started twice since:
 *
 *     the primary's list    A from 0    B from 500    C from 500       B and C wrote no record
 *     the replica's         A from 0    D from 500    E from 700       D wrote 501 to 700, E from 701 on
 *     afterwards            A from 0    D from 500    E from 700
 *
 * Adopted is what the replica knows behind the newest incarnation that both know, if
 *
 *     - that one agrees in all that belongs to it;
 *     - this primary originated every incarnation behind it, none in a higher epoch than it knows itself;
 *     - each begins where its first segment does;
 *     - no segment that stays was written by one that goes.
 *
 * What goes began where records were lost and wrote none that is left: nobody can hold a record of it, and a client's token
 * that names it is answered with "history lost", never with success. */
#ifndef AERO_CTL_SALVAGE_HISTORY_H
#define AERO_CTL_SALVAGE_HISTORY_H

#include "ctl/salvage_plan.h"

/* Effect: sets the history of a plan whose steps and end are set. False: the plan is refused. */
bool aero_salvage_history_make(struct aero_salvage_plan *plan, const struct aero_manifest *primary,
                               const struct aero_manifest *replica);

#endif
