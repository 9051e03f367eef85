/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that hear no signal: those are the loop's business. */
#ifndef AERO_BASE_THREAD_POSIX_H
#define AERO_BASE_THREAD_POSIX_H

#include <pthread.h>

/* 0, or an error number of pthread_create(3); then *out_thread is undefined. */
int aero_thread_start(pthread_t *out_thread, void *(*run)(void *argument), void *argument);

#endif
