/* SPDX-License-Identifier: Apache-2.0 */
#include "host/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

/* A manager that cannot be told is not worth an error: it will notice by itself (OBS-1). */
void aero_host_notify_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void aero_host_notify_reloading(aero_mono_ns now)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now.value / 1000);
}

void aero_host_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

void aero_host_notify_extend(unsigned seconds)
{
    (void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%u000000", seconds);
}

void aero_host_notify_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}

uint64_t aero_host_notify_interval_ns(void)
{
    uint64_t interval_us = 0;
    if (sd_watchdog_enabled(0, &interval_us) <= 0) {
        return 0;
    }
    return interval_us * 1000 / 2;
}
