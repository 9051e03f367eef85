/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's AERO.STATUS means for whoever looks after it: one exit status. Pure. */
#ifndef AERO_CTL_HEALTH_H
#define AERO_CTL_HEALTH_H

#include "base/slice.h"

/*   primary: writes are not open, expiry is suspended                       ATTENTION
 *   replica: HALTED, a digest that disagrees, a fault of its disk           ATTENTION
 *   either:  segments known to be damaged                                   DAMAGE
 *   anything else                                                           OK
 * A replica that is connecting, behind or bootstrapping is healthy: it says so, and goes on by itself. */
int aero_ctl_health(struct aero_slice status_lines);

#endif
