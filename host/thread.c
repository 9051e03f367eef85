/* SPDX-License-Identifier: Apache-2.0 */
#include "host/thread.h"

#include "base/thread_posix.h"

bool aero_host_thread_start(pthread_t *out_thread, void *(*run)(void *argument), void *argument,
                            struct aero_logger *logger, const char *purpose)
{
    int failed = aero_thread_start(out_thread, run, argument);
    if (failed != 0) {
        aero_log_event(logger, AERO_LOG_ERROR, "thread_not_started",
                       AERO_LOG_STR("purpose", purpose),
                       AERO_LOG_STATUS("error", aero_error_errno(failed)),
                       AERO_LOG_STR("advice", "raise the limit of processes and threads (ulimit "
                                              "-u, TasksMax= of the service, pids of the "
                                              "container), or find who uses them up"));
    }
    return failed == 0;
}
