/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "ctl/files.h"

static aero_status hold_still(const char *path, struct aero_ctl_directory *directory)
{
    char lock[AERO_CTL_PATH_MAX];
    if (!aero_ctl_path(path, "lock", lock)) {
        return aero_error(AERO_LIMIT);
    }
    directory->lock_fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (directory->lock_fd < 0) {
        return errno == ENOENT ? aero_ok() : aero_error_errno(errno);
    }
    if (flock(directory->lock_fd, LOCK_SH | LOCK_NB) == 0) {
        return aero_ok();
    }
    directory->in_use = errno == EWOULDBLOCK;
    return directory->in_use ? aero_ok() : aero_error_errno(errno);
}

aero_status aero_ctl_directory_open(const char *path, struct aero_ctl_directory *out_directory)
{
    struct aero_ctl_directory directory = {.lock_fd = -1};
    AERO_TRY(aero_disk_posix_open_read_only(path, &directory.posix));
    directory.disk = aero_disk_posix_port(directory.posix);
    aero_status status = hold_still(path, &directory);
    if (!aero_is_ok(status)) {
        aero_ctl_directory_close(&directory);
        return status;
    }
    *out_directory = directory;
    return aero_ok();
}

void aero_ctl_directory_complain(const struct aero_ctl *ctl, const char *words, const char *path,
                                 aero_status status)
{
    const char *advice = ". Look at its file lock, and at its disk.";
    if (status.code == AERO_PERMISSION) {
        advice = ". Run this as the user of the daemon.";
    } else if (status.code == AERO_NOT_FOUND || status.sys_errno == ENOTDIR) {
        advice = ". Give a node's data directory: data_dir in its configuration.";
    }
    aero_ctl_complain(ctl, words, "%s: cannot be opened as a data directory: %s%s", path,
                      aero_ctl_status_text(status), advice);
}

void aero_ctl_directory_close(struct aero_ctl_directory *directory)
{
    if (directory->lock_fd >= 0) {
        close(directory->lock_fd);
    }
    aero_disk_posix_close(directory->posix);
    *directory = (struct aero_ctl_directory){.lock_fd = -1};
}
