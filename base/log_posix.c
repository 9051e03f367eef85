/* SPDX-License-Identifier: Apache-2.0 */
/* The log sink over a file descriptor, in production standard error.
 *
 * It does not wait: poll with no timeout says that a pipe has room for PIPE_BUF bytes, the bound
 * of a line, so the write that follows neither blocks nor splits (pipe(7)). Making the
 * descriptor non-blocking instead would change it for the shell and every other process that
 * shares it. Two threads may see the same last free room; the second then waits for the reader,
 * which is a bounded mistake that a lock around each line would not be worth. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* write(2), with the SIGPIPE that it may raise in this thread taken back. */
static ssize_t write_quietly(int fd, struct aero_slice line)
{
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t written = -1;
    do {
        written = write(fd, line.data, line.length);
    } while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EPIPE && !was_pending) {
        const struct timespec no_wait = {0};
        (void)sigtimedwait(&pipe_only, NULL, &no_wait);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return written;
}

/* A line that a full disk cut in two counts as written: it cannot be taken back. */
static bool write_line(void *self, struct aero_slice line)
{
    const struct aero_log_fd *target = self;
    struct pollfd ready = {.fd = target->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return false;
    }
    return write_quietly(target->fd, line) > 0;
}

struct aero_log_sink aero_log_sink_fd(struct aero_log_fd *target)
{
    return (struct aero_log_sink){.write = write_line, .self = target};
}
