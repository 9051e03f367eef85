/* SPDX-License-Identifier: Apache-2.0 */
/* A node's data directory, opened to look at it: read only, and held still while we look.
 *
 * A shared lock on the node's lock file says whether a daemon runs there, and keeps one from starting until we
 * close. Nothing is written, not even the lock file: without one, no daemon has ever been there. */
#ifndef AERO_CTL_DIRECTORY_H
#define AERO_CTL_DIRECTORY_H

#include "ctl/ctl.h"
#include "engine/disk.h"

struct aero_ctl_directory {
    struct aero_disk_posix *posix;
    struct aero_disk disk;
    int lock_fd;
    bool in_use; /* a daemon runs on it: what we read moves under our eyes */
};

/* Which directory `words`, a command, could not open, why, and what to do. */
void aero_ctl_directory_complain(const struct aero_ctl *ctl, const char *words, const char *path,
                                 aero_status status);

aero_status aero_ctl_directory_open(const char *path, struct aero_ctl_directory *out_directory);
void aero_ctl_directory_close(struct aero_ctl_directory *directory);

#endif
