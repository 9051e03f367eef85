/* SPDX-License-Identifier: Apache-2.0 */
#include "host/wake.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

void aero_host_wake_init(struct aero_host_wake *wake)
{
    atomic_init(&wake->armed, false);
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    AERO_ASSERT(wake->fd >= 0); /* at start-up, like memory */
}

void aero_host_wake_deinit(struct aero_host_wake *wake)
{
    close(wake->fd);
}

/* Sequentially consistent on both sides: the store here comes before the sleeper's second look,
 * the look at `armed` there behind the waker's work. */
void aero_host_wake_arm(struct aero_host_wake *wake)
{
    atomic_store(&wake->armed, true);
}

void aero_host_wake_disarm(struct aero_host_wake *wake)
{
    atomic_store_explicit(&wake->armed, false, memory_order_relaxed);
}

void aero_host_wake_now(struct aero_host_wake *wake)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&wake->armed)) {
        atomic_store(&wake->armed, false); /* another waker may write as well: once too often */
        eventfd_write(wake->fd, 1);
    }
}
