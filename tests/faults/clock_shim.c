/* SPDX-License-Identifier: Apache-2.0 */
/* A wall clock that a test can set, for a real daemon: LD_PRELOAD this and name a file in AERO_CLOCK. It holds one signed
 * 64-bit number, the nanoseconds by which CLOCK_REALTIME is wrong, and may be rewritten in place at any moment. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

static const _Atomic int64_t *wrong_by_ns;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("AERO_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *mapped =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *wrong_by_ns, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        fprintf(stderr, "clock_shim: AERO_CLOCK names no clock\n");
        _exit(99);
    }
    close(fd);
    wrong_by_ns = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *out_now)
{
    int (*real)(clockid_t, struct timespec *);
    /* dlsym gives a data pointer; POSIX says that it may hold a function's (dlsym(3)). */
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, out_now);
    if (result == 0 && clock == CLOCK_REALTIME && wrong_by_ns != NULL) {
        int64_t now_ns = (int64_t)out_now->tv_sec * SECOND_NS + out_now->tv_nsec + *wrong_by_ns;
        out_now->tv_sec = now_ns / SECOND_NS;
        out_now->tv_nsec = now_ns % SECOND_NS;
    }
    return result;
}
