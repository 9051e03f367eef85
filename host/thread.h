/* SPDX-License-Identifier: Apache-2.0 */
/* A thread of a daemon, or a line that says why there is none: a limit of processes and threads (of the user, of the
 * service, of a container) is met where it is least expected, and the system's own words for it say little. */
#ifndef AERO_HOST_THREAD_H
#define AERO_HOST_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/log.h"

/* As aero_thread_start. False: logged, with `purpose`, what the thread was for. */
bool aero_host_thread_start(pthread_t *out_thread, void *(*run)(void *argument), void *argument,
                            struct aero_logger *logger, const char *purpose);

#endif
