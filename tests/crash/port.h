/* SPDX-License-Identifier: Apache-2.0 */
/* A disk port over a simulated disk that tells an observer of each change before it happens, and that can be mutated: the
 * boundary between two disk operations is where the enumeration looks, and leaving an operation out is how a rule of the
 * engine is broken on purpose (mutants.h).
 *
 * Covers everything: requests of running cores, and what recovery, creation and installation do directly. */
#ifndef AERO_TESTS_CRASH_PORT_H
#define AERO_TESTS_CRASH_PORT_H

#include "tests/simulation/sim_disk.h"

enum crash_change_kind {
    CRASH_CREATE, /* a file that an open makes or empties */
    CRASH_WRITE,
    CRASH_SYNC,
    CRASH_TRUNCATE,
    CRASH_RENAME,
    CRASH_UNLINK,
    CRASH_MAKE_DIRECTORY,
    CRASH_SYNC_DIRECTORY,
};

struct crash_change {
    enum crash_change_kind kind;
    const char *name; /* of a file at the time it was opened, or of a directory */
    const char *name_to;
    struct aero_disk_file *file;
    uint64_t offset;
    struct aero_slice bytes;
};

enum crash_act {
    CRASH_DO,
    CRASH_SKIP,     /* nothing happens, success is said */
    CRASH_NO_SPACE, /* of a write: half of it, then ENOSPC */
};

struct crash_port {
    struct aero_disk inner;
    /* Both may be NULL. `before` is told and may look at the disk; `decide` answers what becomes of the change. */
    void (*before)(void *self, const struct crash_change *change);
    enum crash_act (*decide)(void *self, const struct crash_change *change);
    void *self;
};

void crash_port_init(struct crash_port *port, struct aero_sim_disk *disk);
/* `port` must stay where it is. */
struct aero_disk crash_port_disk(struct crash_port *port);

#endif
