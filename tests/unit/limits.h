/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's limits on this process, for a while: failures of files and sockets that are real. And what is open. */
#ifndef AERO_TESTS_LIMITS_H
#define AERO_TESTS_LIMITS_H

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"

struct limit {
    unsigned kind;
    struct rlimit before;
};

static inline struct limit limit_set(unsigned kind, rlim_t most)
{
    struct limit limit = {.kind = kind};
    AERO_ASSERT(getrlimit(kind, &limit.before) == 0);
    struct rlimit low = {.rlim_cur = most, .rlim_max = limit.before.rlim_max};
    AERO_ASSERT(setrlimit(kind, &low) == 0);
    return limit;
}

/* No file grows beyond that many bytes: as on a full disk, writes are short, then fail. */
static inline struct limit limit_file_bytes(rlim_t most)
{
    (void)signal(SIGXFSZ, SIG_IGN);
    return limit_set(RLIMIT_FSIZE, most);
}

/* The one that the next call to open something gets. Where it is the same before and after, nothing was left open. */
static inline int lowest_free_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    AERO_ASSERT(fd >= 0);
    close(fd);
    return fd;
}

/* Nothing more can be opened. */
static inline struct limit limit_files_to_those_open(void)
{
    return limit_set(RLIMIT_NOFILE, (rlim_t)lowest_free_descriptor());
}

static inline void limit_lift(const struct limit *limit)
{
    AERO_ASSERT(setrlimit(limit->kind, &limit->before) == 0);
}

#endif
