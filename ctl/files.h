/* SPDX-License-Identifier: Apache-2.0 */
/* Small files by path, for certificates; data directories go through the disk port. */
#ifndef AERO_CTL_FILES_H
#define AERO_CTL_FILES_H

#include "base/slice.h"
#include "base/status.h"

#define AERO_CTL_PATH_MAX 1024
#define AERO_CTL_FILE_MAX ((size_t)16 << 20) /* a revocation list of some 300,000 certificates */

/* "DIRECTORY/NAME"; false: too long. */
bool aero_ctl_path(const char *directory, const char *name, char out_path[AERO_CTL_PATH_MAX]);

enum aero_ctl_path_kind {
    AERO_CTL_PATH_NOTHING,
    AERO_CTL_PATH_FILE,
    AERO_CTL_PATH_DIRECTORY,
    AERO_CTL_PATH_OTHER,
};
/* Errors: AERO_PERMISSION, AERO_IO. out_mode, when not NULL: permission bits. */
aero_status aero_ctl_path_kind(const char *path, enum aero_ctl_path_kind *out_kind,
                               unsigned *out_mode);

/* Also of a link that leads nowhere. */
bool aero_ctl_path_is_taken(const char *path);

/* Appends. AERO_LIMIT above AERO_CTL_FILE_MAX; AERO_UNSUPPORTED where no regular file is, which never waits. */
aero_status aero_ctl_file_read(const char *path, struct aero_buffer *out_bytes);
/* In words. */
const char *aero_ctl_file_error(aero_status status);
/* Creates and syncs; AERO_EXISTS when the name is taken. What it began and could not finish is removed. */
aero_status aero_ctl_file_create(const char *path, unsigned mode, struct aero_slice bytes);
/* Whoever reads DIRECTORY/NAME meanwhile sees the old bytes or the new ones, whole, also after a crash.
 * DIRECTORY/NAME.new is where the bytes are until they are durable; one that a crash left is removed. */
aero_status aero_ctl_file_replace(const char *directory, const char *name, unsigned mode,
                                  struct aero_slice bytes);
/* AERO_EXISTS when the name is taken. */
aero_status aero_ctl_directory_create(const char *path);
aero_status aero_ctl_directory_sync(const char *path);
/* Until aero_ctl_directory_unlock, or this process ends. AERO_BUSY: another process has it. Where a filesystem knows no locks
 * there is none, and no error. */
aero_status aero_ctl_directory_lock(const char *path, int *out_lock);
void aero_ctl_directory_unlock(int lock);
/* Takes back what this run created; an error changes nothing any more. */
void aero_ctl_file_remove(const char *path);
void aero_ctl_directory_remove(const char *path);

/* Names of directories in `path`, without those that begin with a dot, sorted: appended, each with its NUL. */
aero_status aero_ctl_directory_list(const char *path, struct aero_buffer *out_names);

#endif
