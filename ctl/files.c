/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "ctl/ctl.h"

#define DIRECTORY_MODE 0700

_Static_assert(AERO_CTL_FILE_MAX == (size_t)16 << 20, "as aero_ctl_file_error says");

bool aero_ctl_path(const char *directory, const char *name, char out_path[AERO_CTL_PATH_MAX])
{
    int length = snprintf(out_path, AERO_CTL_PATH_MAX, "%s/%s", directory, name);
    return (size_t)length < AERO_CTL_PATH_MAX;
}

aero_status aero_ctl_path_kind(const char *path, enum aero_ctl_path_kind *out_kind,
                               unsigned *out_mode)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        if (errno != ENOENT) {
            return aero_error_errno(errno);
        }
        *out_kind = AERO_CTL_PATH_NOTHING;
        return aero_ok();
    }
    *out_kind = S_ISREG(facts.st_mode)   ? AERO_CTL_PATH_FILE
                : S_ISDIR(facts.st_mode) ? AERO_CTL_PATH_DIRECTORY
                                         : AERO_CTL_PATH_OTHER;
    if (out_mode != NULL) {
        *out_mode = facts.st_mode & 07777;
    }
    return aero_ok();
}

bool aero_ctl_path_is_taken(const char *path)
{
    struct stat facts;
    return lstat(path, &facts) == 0;
}

/* aeroctl handles no signal, so none interrupts a call here. */
static aero_status read_all(int fd, struct aero_buffer *out_bytes)
{
    size_t total = 0;
    for (;;) {
        uint8_t *room = aero_buffer_reserve(out_bytes, 4096);
        ssize_t got = read(fd, room, 4096);
        if (got < 0) {
            return aero_error_errno(errno);
        }
        if (got == 0) {
            return aero_ok();
        }
        out_bytes->length += (size_t)got;
        total += (size_t)got;
        if (total > AERO_CTL_FILE_MAX) {
            return aero_error(AERO_LIMIT);
        }
    }
}

aero_status aero_ctl_file_read(const char *path, struct aero_buffer *out_bytes)
{
    /* O_NONBLOCK has no effect on regular files; a FIFO would hold up its opener until somebody writes (fifo(7)). */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat facts;
    if (fd < 0) {
        return aero_error_errno(errno);
    }
    aero_status status = fstat(fd, &facts) == 0 ? aero_ok() : aero_error_errno(errno);
    if (aero_is_ok(status) && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
        status = aero_error(AERO_UNSUPPORTED);
    } else if (aero_is_ok(status)) {
        status = read_all(fd, out_bytes);
    }
    close(fd);
    return status;
}

const char *aero_ctl_file_error(aero_status status)
{
    return status.code == AERO_UNSUPPORTED ? "not a regular file"
           : status.code == AERO_LIMIT     ? "larger than 16 MiB"
                                           : aero_ctl_status_text(status);
}

static aero_status write_all(int fd, struct aero_slice bytes)
{
    while (bytes.length != 0) {
        ssize_t put = write(fd, bytes.data, bytes.length);
        if (put < 0) {
            return aero_error_errno(errno);
        }
        bytes = aero_slice_of(bytes.data + put, bytes.length - (size_t)put);
    }
    return fsync(fd) == 0 ? aero_ok() : aero_error_errno(errno);
}

aero_status aero_ctl_file_create(const char *path, unsigned mode, struct aero_slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) {
        return aero_error_errno(errno);
    }
    aero_status status = write_all(fd, bytes);
    close(fd);
    if (!aero_is_ok(status)) {
        unlink(path);
    }
    return status;
}

aero_status aero_ctl_directory_create(const char *path)
{
    return mkdir(path, DIRECTORY_MODE) == 0 ? aero_ok() : aero_error_errno(errno);
}

aero_status aero_ctl_directory_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return aero_error_errno(errno);
    }
    aero_status status = fsync(fd) == 0 ? aero_ok() : aero_error_errno(errno);
    close(fd);
    return status;
}

aero_status aero_ctl_directory_lock(const char *path, int *out_lock)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return aero_error_errno(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        return aero_error(AERO_BUSY);
    }
    *out_lock = fd;
    return aero_ok();
}

void aero_ctl_directory_unlock(int lock)
{
    close(lock);
}

aero_status aero_ctl_file_replace(const char *directory, const char *name, unsigned mode,
                                  struct aero_slice bytes)
{
    char path[AERO_CTL_PATH_MAX];
    char next[AERO_CTL_PATH_MAX];
    int length = snprintf(next, sizeof next, "%s/%s.new", directory, name);
    if ((size_t)length >= sizeof next) {
        return aero_error_errno(ENAMETOOLONG);
    }
    AERO_ASSERT(aero_ctl_path(directory, name, path)); /* shorter */
    unlink(next);
    AERO_TRY(aero_ctl_file_create(next, mode, bytes));
    if (rename(next, path) != 0) {
        aero_status status = aero_error_errno(errno);
        unlink(next);
        return status;
    }
    return aero_ctl_directory_sync(directory);
}

void aero_ctl_file_remove(const char *path)
{
    unlink(path);
}

void aero_ctl_directory_remove(const char *path)
{
    rmdir(path);
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

aero_status aero_ctl_directory_list(const char *path, struct aero_buffer *out_names)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_shown, alphasort);
    if (count < 0) {
        return aero_error_errno(errno);
    }
    for (int i = 0; i < count; i++) {
        char full[AERO_CTL_PATH_MAX];
        enum aero_ctl_path_kind kind;
        if (aero_ctl_path(path, entries[i]->d_name, full) &&
            aero_is_ok(aero_ctl_path_kind(full, &kind, NULL)) && kind == AERO_CTL_PATH_DIRECTORY) {
            aero_buffer_append(out_names, entries[i]->d_name, strlen(entries[i]->d_name) + 1);
        }
        free(entries[i]);
    }
    free(entries);
    return aero_ok();
}
