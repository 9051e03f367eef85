/* SPDX-License-Identifier: Apache-2.0 */
/* Wakes a thread that sleeps in its event loop, and costs nothing while it does not sleep.
 *
 *     the sleeper                                 anybody else, on any thread
 *     aero_host_wake_arm(wake)                    leaves work in a queue under its lock
 *     looks into every queue once more            aero_host_wake_now(wake)
 *     sleeps if all are empty, on the descriptor
 *     aero_host_wake_disarm(wake)
 *
 * Either the sleeper's second look finds the work, or the waker finds the arm: no wake-up is lost.
 * The descriptor is edge-triggered and never read. */
#ifndef AERO_HOST_WAKE_H
#define AERO_HOST_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>

struct aero_host_wake {
    atomic_bool armed;
    int fd;
};

void aero_host_wake_init(struct aero_host_wake *wake);
void aero_host_wake_deinit(struct aero_host_wake *wake);
void aero_host_wake_arm(struct aero_host_wake *wake);
void aero_host_wake_disarm(struct aero_host_wake *wake);
void aero_host_wake_now(struct aero_host_wake *wake);

#endif
