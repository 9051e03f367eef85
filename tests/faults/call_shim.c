/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a test can make slow, broken or fatal, for a real daemon: LD_PRELOAD this and name a directory in
 * AERO_SHIM.
 *
 * While that directory holds a file `hold`, fsync and fdatasync do not return, and the file that waits has its name there,
 * behind `waits.`; while it holds `fail`, they fail with EIO. A test that wants one certain sync to fail holds it, sees it
 * wait, and only then has it fail: a daemon that is idle syncs, too.
 *
 * AERO_FAULT=KIND:N:WHAT[:ever] breaks the Nth call of a kind, from 1, in order of arrival over all threads. WHAT:
 *
 *     an errno's name   the call is not made and fails with it
 *     short             half of the bytes are handed over (at least one), and counted truthfully
 *     kill              SIGKILL before the call
 *     killed            SIGKILL after the call
 *     torn              half of the bytes are handed over, then SIGKILL
 *
 * With `ever` each call from the Nth on is broken, until the directory holds a file `lifted`.
 *
 * `counts` in that directory holds a row of 64-bit numbers that outlives a kill: the calls made of each kind, in the
 * order of the table below, then the faults injected. Calls inside libraries (fopen, eventfd_write) are not seen. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum kind {
    OPEN,
    PREAD,
    PWRITE,
    FDATASYNC,
    FSYNC,
    RENAME,
    UNLINK,
    FTRUNCATE,
    FALLOCATE,
    MKDIR,
    SOCKET,
    CONNECT,
    ACCEPT,
    RECV,
    SEND,
    READ,
    WRITE,
    THREAD,
    KIND_COUNT,
};

static const char *const kind_names[KIND_COUNT] = {
    "open",   "pread",     "pwrite",    "fdatasync", "fsync",  "rename",
    "unlink", "ftruncate", "fallocate", "mkdir",     "socket", "connect",
    "accept", "recv",      "send",      "read",      "write",  "thread",
};

static const struct {
    const char *name;
    int number;
} errnos[] = {
    {"EACCES", EACCES},
    {"EADDRNOTAVAIL", EADDRNOTAVAIL},
    {"EAGAIN", EAGAIN},
    {"EBUSY", EBUSY},
    {"ECONNABORTED", ECONNABORTED},
    {"ECONNREFUSED", ECONNREFUSED},
    {"ECONNRESET", ECONNRESET},
    {"EDQUOT", EDQUOT},
    {"EFBIG", EFBIG},
    {"EHOSTUNREACH", EHOSTUNREACH},
    {"EINTR", EINTR},
    {"EIO", EIO},
    {"EMFILE", EMFILE},
    {"ENETUNREACH", ENETUNREACH},
    {"ENFILE", ENFILE},
    {"ENOBUFS", ENOBUFS},
    {"ENOMEM", ENOMEM},
    {"ENOSPC", ENOSPC},
    {"EPERM", EPERM},
    {"EPIPE", EPIPE},
    {"EPROTO", EPROTO},
    {"EROFS", EROFS},
    {"ETIMEDOUT", ETIMEDOUT},
};

enum what {
    NOTHING,
    ERROR,
    SHORT,
    KILL,
    KILLED,
    TORN,
};

static struct {
    enum kind kind;
    enum what what;
    uint64_t nth;
    int error;
    bool ever;
} fault;

static _Atomic uint64_t counts_until_mapped[KIND_COUNT + 1];
static _Atomic uint64_t *counts = counts_until_mapped;
static _Thread_local bool dies_after_call;

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

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

/* A fault that is not understood must not look like one that did no harm. */
static void refuse(const char *text)
{
    fprintf(stderr, "call_shim: AERO_FAULT: '%s' is not understood\n", text);
    _exit(99);
}

static void parse_what(const char *text)
{
    static const struct {
        const char *name;
        enum what what;
    } names[] = {{"short", SHORT}, {"kill", KILL}, {"killed", KILLED}, {"torn", TORN}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, text) == 0) {
            fault.what = names[i].what;
            return;
        }
    }
    for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++) {
        if (strcmp(errnos[i].name, text) == 0) {
            fault.what = ERROR;
            fault.error = errnos[i].number;
            return;
        }
    }
    refuse(text);
}

static void parse_fault(const char *text)
{
    char kind[16];
    char what[16];
    char ever[8] = "";
    unsigned long long nth;
    int found = sscanf(text, "%15[a-z]:%llu:%15[A-Za-z]:%7s", kind, &nth, what, ever);
    if (found < 3 || nth == 0 || (found == 4 && strcmp(ever, "ever") != 0)) {
        refuse(text);
    }
    fault.nth = nth;
    fault.ever = found == 4;
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        if (strcmp(kind_names[i], kind) == 0) {
            fault.kind = (enum kind)i;
            parse_what(what);
            return;
        }
    }
    refuse(text);
}

static void map_counts(const char *directory)
{
    char path[512];
    const size_t bytes = sizeof counts_until_mapped;
    snprintf(path, sizeof path, "%s/counts", directory);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_ftruncate, fd, bytes) != 0) {
        refuse(path);
    }
    void *mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        refuse(path);
    }
    close(fd);
    counts = mapped;
}

__attribute__((constructor)) static void begin(void)
{
    const char *directory = getenv("AERO_SHIM");
    const char *text = getenv("AERO_FAULT");
    if (directory != NULL) {
        map_counts(directory);
    }
    if (text != NULL) {
        parse_fault(text);
    }
}

/* Counts the call and does to it what is asked. False: it must fail with errno as it is. */
static bool admit(enum kind kind, size_t *length)
{
    uint64_t number = atomic_fetch_add(&counts[kind], 1) + 1;
    bool hit = fault.what != NOTHING && fault.kind == kind &&
               (number == fault.nth || (fault.ever && number > fault.nth));
    if (!hit || (fault.ever && is_asked("lifted"))) {
        return true;
    }
    atomic_fetch_add(&counts[KIND_COUNT], 1);
    if (fault.what == ERROR) {
        errno = fault.error;
        return false;
    }
    if (fault.what == KILL) {
        die();
    }
    if ((fault.what == SHORT || fault.what == TORN) && length != NULL && *length > 1) {
        *length /= 2;
    }
    dies_after_call = fault.what == KILLED || fault.what == TORN;
    return true;
}

/* dlsym gives a data pointer; POSIX says that it may hold a function's (dlsym(3)). */
#define REAL(function) *(void **)&real = dlsym(RTLD_NEXT, function)

/* What the call gave, unless the process was to die of it. */
static ssize_t leave(ssize_t result)
{
    if (dies_after_call) {
        die();
    }
    return result;
}

/* By system calls: these are not calls of the daemon, and not counted. */
static void say_waiting(int fd)
{
    char link[64];
    char target[256] = "";
    char path[800];
    const char *directory = getenv("AERO_SHIM");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (directory == NULL || readlink(link, target, sizeof target - 1) <= 0) {
        return;
    }
    const char *slash = strrchr(target, '/');
    snprintf(path, sizeof path, "%s/waits.%s", directory, slash == NULL ? target : slash + 1);
    int made = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (made >= 0) {
        syscall(SYS_close, made);
    }
}

static int sync_file(enum kind kind, const char *call, int fd)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int (*real)(int);
    if (is_asked("hold")) {
        say_waiting(fd);
    }
    while (is_asked("hold")) {
        nanosleep(&pause, NULL);
    }
    if (is_asked("fail")) {
        errno = EIO;
        return -1;
    }
    if (!admit(kind, NULL)) {
        return -1;
    }
    REAL(call);
    return (int)leave(real(fd));
}

int fsync(int fd)
{
    return sync_file(FSYNC, "fsync", fd);
}

int fdatasync(int fd)
{
    return sync_file(FDATASYNC, "fdatasync", fd);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    if (!admit(OPEN, NULL)) {
        return -1;
    }
    REAL("open");
    return (int)leave(real(path, flags, mode));
}

int openat(int directory, const char *path, int flags, ...)
{
    int (*real)(int, const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    if (!admit(OPEN, NULL)) {
        return -1;
    }
    REAL("openat");
    return (int)leave(real(directory, path, flags, mode));
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
    ssize_t (*real)(int, void *, size_t, off_t);
    if (!admit(PREAD, &length)) {
        return -1;
    }
    REAL("pread");
    return leave(real(fd, data, length, offset));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    if (!admit(PWRITE, &length)) {
        return -1;
    }
    REAL("pwrite");
    return leave(real(fd, data, length, offset));
}

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *);
    if (!admit(RENAME, NULL)) {
        return -1;
    }
    REAL("rename");
    return (int)leave(real(from, to));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    int (*real)(int, const char *, int, const char *);
    if (!admit(RENAME, NULL)) {
        return -1;
    }
    REAL("renameat");
    return (int)leave(real(from_directory, from, to_directory, to));
}

int unlink(const char *path)
{
    int (*real)(const char *);
    if (!admit(UNLINK, NULL)) {
        return -1;
    }
    REAL("unlink");
    return (int)leave(real(path));
}

int unlinkat(int directory, const char *path, int flags)
{
    int (*real)(int, const char *, int);
    if (!admit(UNLINK, NULL)) {
        return -1;
    }
    REAL("unlinkat");
    return (int)leave(real(directory, path, flags));
}

int ftruncate(int fd, off_t length)
{
    int (*real)(int, off_t);
    if (!admit(FTRUNCATE, NULL)) {
        return -1;
    }
    REAL("ftruncate");
    return (int)leave(real(fd, length));
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    int (*real)(int, int, off_t, off_t);
    if (!admit(FALLOCATE, NULL)) {
        return -1;
    }
    REAL("fallocate");
    return (int)leave(real(fd, mode, offset, length));
}

int mkdir(const char *path, mode_t mode)
{
    int (*real)(const char *, mode_t);
    if (!admit(MKDIR, NULL)) {
        return -1;
    }
    REAL("mkdir");
    return (int)leave(real(path, mode));
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    int (*real)(int, const char *, mode_t);
    if (!admit(MKDIR, NULL)) {
        return -1;
    }
    REAL("mkdirat");
    return (int)leave(real(directory, path, mode));
}

int socket(int family, int type, int protocol)
{
    int (*real)(int, int, int);
    if (!admit(SOCKET, NULL)) {
        return -1;
    }
    REAL("socket");
    return (int)leave(real(family, type, protocol));
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int (*real)(int, const struct sockaddr *, socklen_t);
    if (!admit(CONNECT, NULL)) {
        return -1;
    }
    REAL("connect");
    return (int)leave(real(fd, address, length));
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    int (*real)(int, struct sockaddr *, socklen_t *, int);
    if (!admit(ACCEPT, NULL)) {
        return -1;
    }
    REAL("accept4");
    return (int)leave(real(fd, address, length, flags));
}

ssize_t recv(int fd, void *data, size_t length, int flags)
{
    ssize_t (*real)(int, void *, size_t, int);
    if (!admit(RECV, &length)) {
        return -1;
    }
    REAL("recv");
    return leave(real(fd, data, length, flags));
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int);
    if (!admit(SEND, &length)) {
        return -1;
    }
    REAL("send");
    return leave(real(fd, data, length, flags));
}

ssize_t read(int fd, void *data, size_t length)
{
    ssize_t (*real)(int, void *, size_t);
    if (!admit(READ, &length)) {
        return -1;
    }
    REAL("read");
    return leave(real(fd, data, length));
}

/* Kind "thread". */
int pthread_create(pthread_t *out_thread, const pthread_attr_t *attributes,
                   void *(*run)(void *argument), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!admit(THREAD, NULL)) {
        return errno;
    }
    REAL("pthread_create");
    return (int)leave(real(out_thread, attributes, run, argument));
}

ssize_t write(int fd, const void *data, size_t length)
{
    ssize_t (*real)(int, const void *, size_t);
    if (!admit(WRITE, &length)) {
        return -1;
    }
    REAL("write");
    return leave(real(fd, data, length));
}
