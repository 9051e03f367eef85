/* SPDX-License-Identifier: Apache-2.0 */
/* A thread inherits the mask of the one that makes it: blocking them afterwards would leave a moment in which it hears. */
#include "base/thread_posix.h"

#include <signal.h>

int aero_thread_start(pthread_t *out_thread, void *(*run)(void *argument), void *argument)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(out_thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}
