/* SPDX-License-Identifier: Apache-2.0 */
/* The disk port over POSIX. Every name is relative to one open directory and checked before the kernel sees it;
 * every descriptor is closed on exec; a file handle is one open file description (decision 4).
 *
 * What is retried here, and nothing else: EINTR, and the rest of a read or write that the kernel cut short. A write
 * that ends in an error reports the error and how far it got: deciding what that means is not this file's job.
 * The process must ignore SIGXFSZ, so that a file size limit arrives as EFBIG.
 * Source: pwrite(2), fsync(2), flock(2); PostgreSQL's "fsyncgate" for why a handle is never shared. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/assert.h"
#include "engine/disk.h"

#define LOCK_FILE "lock"
#define FILE_MODE 0600
#define DIRECTORY_MODE 0700

struct aero_disk_file {
    int fd;
    char name[AERO_DISK_NAME_MAX];
};

struct aero_disk_posix {
    int directory_fd;
    int lock_fd; /* -1: read only */
    struct aero_disk_witness witness;
    /* Of a directory that was there already: a refusal keeps nothing from us, but is said (FM-6.2). */
    aero_status parent_synced;
};

static aero_status last_error(void)
{
    return aero_error_errno(errno);
}

static void say(const struct aero_disk_posix *disk, const char *call, const char *name,
                aero_status status)
{
    if (disk->witness.refused != NULL) {
        disk->witness.refused(disk->witness.self, call, name, status);
    }
}

static aero_status tell(const struct aero_disk_posix *disk, const char *call, const char *name,
                        aero_status status)
{
    say(disk, call, name, status);
    return status;
}

/* The last call's error, witnessed. That a name is there, or is not, answers a question. */
static aero_status refused(const struct aero_disk_posix *disk, const char *call, const char *name)
{
    aero_status status = last_error();
    bool is_answer = status.sys_errno == ENOENT || status.sys_errno == EEXIST;
    return is_answer ? status : tell(disk, call, name, status);
}

/* Names come from our own code and from a peer's segment headers: none leads out of the data directory. */
static aero_status check_name(const char *name)
{
    size_t length = strnlen(name, AERO_DISK_NAME_MAX);
    if (length == 0 || length == AERO_DISK_NAME_MAX || name[0] == '/') {
        return aero_error(AERO_INVALID);
    }
    for (const char *part = name; part != NULL; part = strchr(part, '/')) {
        part += part[0] == '/';
        size_t part_length = strcspn(part, "/");
        if (part_length == 0 || (part_length <= 2 && strncmp(part, "..", part_length) == 0)) {
            return aero_error(AERO_INVALID);
        }
    }
    return aero_ok();
}

static aero_status check_writable(const struct aero_disk_posix *disk)
{
    return disk->lock_fd >= 0 ? aero_ok() : aero_error_errno(EROFS);
}

static aero_status open_at(int directory_fd, const char *name, int flags, int *out_fd)
{
    int fd = -1;
    do {
        fd = openat(directory_fd, name, flags | O_CLOEXEC, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return last_error();
    }
    *out_fd = fd;
    return aero_ok();
}

static aero_status open_below(const struct aero_disk_posix *disk, const char *name, int flags,
                              int *out_fd)
{
    aero_status status = open_at(disk->directory_fd, name, flags, out_fd);
    return aero_is_ok(status) ? status : refused(disk, "open", name);
}

static int open_flags(enum aero_disk_open how)
{
    switch (how) {
    case AERO_DISK_READ:
        return O_RDONLY;
    case AERO_DISK_WRITE:
    case AERO_DISK_REUSE:
        return O_RDWR;
    case AERO_DISK_CREATE:
        return O_RDWR | O_CREAT | O_TRUNC;
    case AERO_DISK_CREATE_NEW:
        return O_RDWR | O_CREAT | O_EXCL;
    }
    AERO_UNREACHABLE("an aero_disk_open of its own");
    return 0;
}

static aero_status posix_open(void *self, const char *name, enum aero_disk_open how,
                              struct aero_disk_file **out_file)
{
    struct aero_disk_posix *disk = self;
    AERO_TRY(check_name(name));
    if (how != AERO_DISK_READ) {
        AERO_TRY(check_writable(disk));
    }
    int fd = -1;
    /* O_NONBLOCK has no effect on regular files; a FIFO in the place of one would hold up its opener until somebody
     * writes into it, here it is opened at once and refused below (fifo(7)). */
    AERO_TRY(open_below(disk, name, open_flags(how) | O_NOFOLLOW | O_NONBLOCK, &fd));
    struct stat facts;
    aero_status status = fstat(fd, &facts) == 0 ? aero_ok() : refused(disk, "fstat", name);
    if (aero_is_ok(status) && !S_ISREG(facts.st_mode)) {
        status = tell(disk, "open, which found no regular file", name, aero_error(AERO_INVALID));
    }
    if (aero_is_ok(status) && how == AERO_DISK_REUSE && facts.st_nlink != 1) {
        status = aero_error(AERO_BUSY); /* somebody keeps its bytes under another name */
    }
    if (!aero_is_ok(status)) {
        close(fd);
        return status;
    }
    struct aero_disk_file *file = aero_malloc(sizeof *file);
    file->fd = fd;
    snprintf(file->name, sizeof file->name, "%s", name);
    *out_file = file;
    return aero_ok();
}

static void posix_close(void *self, struct aero_disk_file *file)
{
    (void)self;
    if (file != NULL) {
        close(file->fd); /* its result says nothing: only a returned sync does (FM-7.1) */
        free(file);
    }
}

static aero_status posix_read(void *self, struct aero_disk_file *file, uint64_t offset, void *data,
                              size_t length, size_t *out_read)
{
    struct aero_disk_posix *disk = self;
    size_t done = 0;
    while (done < length) {
        ssize_t got =
            pread(file->fd, (uint8_t *)data + done, length - done, (off_t)(offset + done));
        if (got == 0) {
            break;
        }
        if (got > 0) {
            done += (size_t)got;
        } else if (errno != EINTR) {
            return refused(disk, "pread", file->name);
        }
    }
    *out_read = done;
    return aero_ok();
}

static aero_status posix_write(void *self, struct aero_disk_file *file, uint64_t offset,
                               struct aero_slice bytes, size_t *out_written)
{
    struct aero_disk_posix *disk = self;
    size_t done = 0;
    aero_status status = aero_ok();
    while (done < bytes.length && aero_is_ok(status)) {
        ssize_t put =
            pwrite(file->fd, bytes.data + done, bytes.length - done, (off_t)(offset + done));
        if (put > 0) {
            done += (size_t)put;
        } else if (put == 0) {
            status = aero_error_errno(EIO); /* a file that takes nothing would loop for ever */
        } else if (errno != EINTR) {
            status = refused(disk, "pwrite", file->name);
        }
    }
    *out_written = done;
    return status;
}

/* A sync is not repeated after EINTR by a plain loop: the kernel may have reported the device's error to this
 * description already. Linux does not interrupt fdatasync; if it ever does, that is a failed sync. */
static aero_status posix_sync(void *self, struct aero_disk_file *file)
{
    struct aero_disk_posix *disk = self;
    return fdatasync(file->fd) == 0 ? aero_ok() : refused(disk, "fdatasync", file->name);
}

static aero_status posix_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    struct aero_disk_posix *disk = self;
    int result;
    do {
        result = ftruncate(file->fd, (off_t)length);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? aero_ok() : refused(disk, "ftruncate", file->name);
}

static aero_status posix_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    struct aero_disk_posix *disk = self;
    struct stat facts;
    if (fstat(file->fd, &facts) != 0) {
        return refused(disk, "fstat", file->name);
    }
    *out_size = (uint64_t)facts.st_size;
    return aero_ok();
}

static aero_status posix_rename(void *self, const char *from, const char *to)
{
    struct aero_disk_posix *disk = self;
    AERO_TRY(check_name(from));
    AERO_TRY(check_name(to));
    AERO_TRY(check_writable(disk));
    int result = renameat(disk->directory_fd, from, disk->directory_fd, to);
    return result == 0 ? aero_ok() : refused(disk, "rename", from);
}

static aero_status posix_unlink(void *self, const char *name)
{
    struct aero_disk_posix *disk = self;
    AERO_TRY(check_name(name));
    AERO_TRY(check_writable(disk));
    return unlinkat(disk->directory_fd, name, 0) == 0 ? aero_ok() : refused(disk, "unlink", name);
}

static aero_status posix_make_directory(void *self, const char *name)
{
    struct aero_disk_posix *disk = self;
    AERO_TRY(check_name(name));
    AERO_TRY(check_writable(disk));
    int result = mkdirat(disk->directory_fd, name, DIRECTORY_MODE);
    return result == 0 || errno == EEXIST ? aero_ok() : refused(disk, "mkdir", name);
}

/* The data directory itself is "" in the port's calls. */
static const char *shown(const char *name)
{
    return name[0] != '\0' ? name : ".";
}

static aero_status open_directory(const struct aero_disk_posix *disk, const char *name, int *out_fd)
{
    if (name[0] != '\0') {
        AERO_TRY(check_name(name));
    }
    return open_below(disk, shown(name), O_RDONLY | O_DIRECTORY, out_fd);
}

static aero_status posix_sync_directory(void *self, const char *name)
{
    struct aero_disk_posix *disk = self;
    AERO_TRY(check_writable(disk));
    int fd = -1;
    AERO_TRY(open_directory(disk, name, &fd));
    aero_status status = fsync(fd) == 0 ? aero_ok() : refused(disk, "fsync", shown(name));
    close(fd);
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct aero_disk_entry *)a)->name,
                  ((const struct aero_disk_entry *)b)->name);
}

/* Adds `name` when it is a regular file with a name of ours, and with `others` whatever else it is; one that has just gone
 * is none, and neither is a socket: it holds nothing, and the daemon's own may be there before its data. */
static aero_status add_entry(const struct aero_disk_posix *disk, int directory_fd, const char *name,
                             bool others, struct aero_buffer *entries)
{
    struct aero_disk_entry entry = {.size_bytes = 0};
    struct stat facts;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return aero_ok();
    }
    if (fstatat(directory_fd, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? aero_ok() : refused(disk, "fstatat", name);
    }
    entry.is_other = !S_ISREG(facts.st_mode) || strlen(name) >= sizeof entry.name;
    if (!entry.is_other || (others && !S_ISSOCK(facts.st_mode))) {
        memcpy(entry.name, name, strnlen(name, sizeof entry.name - 1));
        entry.size_bytes = entry.is_other ? 0 : (uint64_t)facts.st_size;
        aero_buffer_append(entries, &entry, sizeof entry);
    }
    return aero_ok();
}

static aero_status posix_list(void *self, const char *directory, struct aero_buffer *out_entries)
{
    struct aero_disk_posix *disk = self;
    struct aero_buffer entries = {0};
    int fd = -1;
    AERO_TRY(open_directory(disk, directory, &fd));
    aero_status status = aero_ok();
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        status = refused(disk, "readdir", shown(directory));
        close(fd);
        return status;
    }
    while (aero_is_ok(status)) {
        errno = 0;
        const struct dirent *found = readdir(stream);
        if (found == NULL) {
            status = errno == 0 ? aero_ok() : refused(disk, "readdir", shown(directory));
            break;
        }
        status = add_entry(disk, fd, found->d_name, directory[0] == '\0', &entries);
    }
    closedir(stream);
    if (aero_is_ok(status) && entries.length != 0) {
        qsort(entries.data, entries.length / sizeof(struct aero_disk_entry),
              sizeof(struct aero_disk_entry), compare_entries);
        aero_buffer_append_slice(out_entries, aero_buffer_slice(&entries));
    }
    aero_buffer_deinit(&entries);
    return status;
}

static aero_status posix_free_space(void *self, uint64_t *out_bytes)
{
    struct aero_disk_posix *disk = self;
    struct statvfs facts;
    if (fstatvfs(disk->directory_fd, &facts) != 0) {
        return refused(disk, "fstatvfs", ".");
    }
    *out_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
    return aero_ok();
}

static const struct aero_disk_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .size = posix_size,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .make_directory = posix_make_directory,
    .sync_directory = posix_sync_directory,
    .list = posix_list,
    .free_space = posix_free_space,
};

void aero_disk_posix_set_witness(struct aero_disk_posix *disk, struct aero_disk_witness witness)
{
    disk->witness = witness;
    if (!aero_is_ok(disk->parent_synced)) {
        say(disk, "open or fsync", "..", disk->parent_synced);
    }
}

struct aero_disk aero_disk_posix_port(struct aero_disk_posix *disk)
{
    return (struct aero_disk){.ops = &posix_ops, .self = disk};
}

static aero_status sync_parent(const char *directory)
{
    int fd = -1;
    int parent = -1;
    AERO_TRY(open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, &fd));
    aero_status status = open_at(fd, "..", O_RDONLY | O_DIRECTORY, &parent);
    if (aero_is_ok(status)) {
        status = fsync(parent) == 0 ? aero_ok() : last_error();
        close(parent);
    }
    close(fd);
    return status;
}

/* Makes the data directory and has its parent remember it. One that is there already may be what an earlier start made and
 * nobody remembered yet, so its parent is asked again. A parent that cannot be opened or synced by us is somebody else's,
 * and so was the making: what was refused then is left in `out_refused`. Ours does not stay where it cannot be remembered. */
static aero_status create_directory(const char *directory, aero_status *out_refused)
{
    bool made = mkdir(directory, DIRECTORY_MODE) == 0;
    if (!made && errno != EEXIST) {
        return last_error();
    }
    aero_status status = sync_parent(directory);
    if (made) {
        if (!aero_is_ok(status)) {
            (void)rmdir(directory);
        }
        return status;
    }
    if (status.code != AERO_PERMISSION && status.sys_errno != EINVAL) {
        return status;
    }
    *out_refused = status;
    return aero_ok();
}

static aero_status create_subdirectories(struct aero_disk_posix *disk)
{
    AERO_TRY(posix_make_directory(disk, "wal"));
    AERO_TRY(posix_make_directory(disk, "snapshots"));
    AERO_TRY(posix_make_directory(disk, "quarantine"));
    return posix_sync_directory(disk, "");
}

/* The lock goes with the open file description: the kernel releases it however the process ends (FM-4.1). */
static aero_status lock_directory(struct aero_disk_posix *disk)
{
    AERO_TRY(open_at(disk->directory_fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW, &disk->lock_fd));
    int result;
    do {
        result = flock(disk->lock_fd, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return aero_ok();
    }
    return errno == EWOULDBLOCK ? (aero_status){.code = AERO_BUSY, .sys_errno = EWOULDBLOCK}
                                : last_error();
}

aero_status aero_disk_posix_open_read_only(const char *directory, struct aero_disk_posix **out_disk)
{
    int fd = -1;
    AERO_TRY(open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, &fd));
    struct aero_disk_posix *disk = aero_malloc(sizeof *disk);
    *disk = (struct aero_disk_posix){.directory_fd = fd, .lock_fd = -1};
    *out_disk = disk;
    return aero_ok();
}

aero_status aero_disk_posix_open(const char *directory, bool create,
                                 struct aero_disk_posix **out_disk)
{
    struct aero_disk_posix *disk;
    aero_status parent_synced = aero_ok();
    if (create) {
        AERO_TRY(create_directory(directory, &parent_synced));
    }
    AERO_TRY(aero_disk_posix_open_read_only(directory, &disk));
    disk->parent_synced = parent_synced;
    aero_status status = lock_directory(disk);
    if (aero_is_ok(status) && create) {
        status = create_subdirectories(disk);
    }
    if (!aero_is_ok(status)) {
        aero_disk_posix_close(disk);
        return status;
    }
    *out_disk = disk;
    return aero_ok();
}

void aero_disk_posix_close(struct aero_disk_posix *disk)
{
    if (disk == NULL) {
        return;
    }
    if (disk->lock_fd >= 0) {
        close(disk->lock_fd);
    }
    close(disk->directory_fd);
    free(disk);
}
