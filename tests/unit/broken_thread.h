/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that the system does not start when the test says so, as at a limit of processes: tests/unit/broken_call.h. */
#ifndef AERO_TESTS_BROKEN_THREAD_H
#define AERO_TESTS_BROKEN_THREAD_H

#include <pthread.h>
#include <string.h>

#include "tests/unit/broken_call.h"

/* What a thread is that was not made, is undefined: pthread_create(3). */
BREAKABLE_CALL(int, (memset(thread, 1, sizeof *thread), EAGAIN), pthread_create,
               (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
                void *argument),
               (thread, attributes, run, argument))

#endif
