/* SPDX-License-Identifier: Apache-2.0 */
/* The ports for time and entropy. Cores never hold these: the host reads the clock and hands the value to a core
 * as an argument; entropy is drawn by the host when a core says that it needs a nonce. Drivers: ports_posix.c
 * for production, tests/simulation for the simulator. */
#ifndef AERO_BASE_PORTS_H
#define AERO_BASE_PORTS_H

#include "base/units.h"

struct aero_clock {
    aero_mono_ns (*mono)(void *self);
    aero_wall_ms (*wall)(void *self);
    void *self;
};

struct aero_entropy {
    aero_id (*id)(void *self); /* never the all-zero id */
    void *self;
};

struct aero_clock aero_clock_posix(void);
struct aero_entropy aero_entropy_posix(void);

#endif
