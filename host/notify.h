/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the service manager how the daemon is (sd_notify(3)); does nothing where there is none. */
#ifndef AERO_HOST_NOTIFY_H
#define AERO_HOST_NOTIFY_H

#include <stdint.h>

#include "base/units.h"

/* Units: one short line; NULL for none. */
void aero_host_notify_ready(const char *status);
void aero_host_notify_reloading(aero_mono_ns now);
void aero_host_notify_stopping(void);
/* Start-up that takes long (recovery) asks for `seconds` more. */
void aero_host_notify_extend(unsigned seconds);
void aero_host_notify_alive(void);
/* How often to say that it is alive: half of what the manager asks for; 0 when it does not ask. */
uint64_t aero_host_notify_interval_ns(void);

#endif
