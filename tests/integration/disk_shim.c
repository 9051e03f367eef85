/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that a test can make slow or broken, for a real daemon: LD_PRELOAD this and name a directory in AERO_SHIM.
 * While it holds a file `hold`, fsync and fdatasync do not return; while it holds `fail`, they fail with EIO. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static bool is_asked(const char *what)
{
    char path[512];
    const char *directory = getenv("AERO_SHIM");
    if (directory == NULL) {
        return false;
    }
    snprintf(path, sizeof path, "%s/%s", directory, what);
    return access(path, F_OK) == 0;
}

static int run(const char *call, int fd)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int (*real)(int);
    while (is_asked("hold")) {
        nanosleep(&pause, NULL);
    }
    if (is_asked("fail")) {
        errno = EIO;
        return -1;
    }
    /* dlsym gives a data pointer; POSIX says that it may hold a function's (dlsym(3)). */
    *(void **)&real = dlsym(RTLD_NEXT, call);
    return real(fd);
}

int fsync(int fd)
{
    return run("fsync", fd);
}

int fdatasync(int fd)
{
    return run("fdatasync", fd);
}
