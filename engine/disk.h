/* SPDX-License-Identifier: Apache-2.0 */
/* The disk port: everything that AeroDB ever does to a disk, relative to one data directory.
 *
 * Two ways to use it. Recovery, verification and start-up call the operations directly: they are allowed to wait.
 * Running cores never wait: they hand out requests, lists of operations as data, which the host runs on a worker
 * with aero_disk_run and whose completion it feeds back. The simulator runs the same requests one operation at a
 * time; each boundary between two operations is a crash point.
 *
 * Durability (FM-7.1, decision 4): only a returned sync means anything. A file handle is an open file description
 * of its own, so that an error of the device is reported to it once and not stolen by another handle. EINTR is
 * retried by the driver; every other failure is returned as it is.
 *
 * Errors: AERO_NO_SPACE, AERO_PERMISSION, AERO_NOT_FOUND, AERO_EXISTS, AERO_BUSY, AERO_IO; AERO_CRASHED only in
 * the simulator: the caller unwinds at once and touches nothing. Reading fewer bytes than asked is only the end
 * of the file. Drivers: disk_posix.c, tests/simulation/sim_disk.c. */
#ifndef AERO_ENGINE_DISK_H
#define AERO_ENGINE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/status.h"

#define AERO_DISK_NAME_MAX 128

struct aero_disk_file;

enum aero_disk_open {
    AERO_DISK_READ,       /* must exist, read only */
    AERO_DISK_WRITE,      /* must exist, read and write */
    AERO_DISK_CREATE,     /* created or truncated to nothing, read and write */
    AERO_DISK_CREATE_NEW, /* AERO_EXISTS when the name is taken */
    AERO_DISK_REUSE, /* as WRITE, but AERO_BUSY when the file has a second link (decision 14) */
};

struct aero_disk_entry {
    char name[AERO_DISK_NAME_MAX]; /* without the directory */
    uint64_t size_bytes;
    /* A directory, a link, a device, a name too long for `name`, where it is cut off. */
    bool is_other;
};

struct aero_disk_ops {
    aero_status (*open)(void *self, const char *name, enum aero_disk_open how,
                        struct aero_disk_file **out_file);
    void (*close)(void *self, struct aero_disk_file *file);
    aero_status (*read)(void *self, struct aero_disk_file *file, uint64_t offset, void *data,
                        size_t length, size_t *out_read);
    /* Writes all of it or fails; out_written, set in both cases, counts the bytes handed to the kernel. */
    aero_status (*write)(void *self, struct aero_disk_file *file, uint64_t offset,
                         struct aero_slice bytes, size_t *out_written);
    aero_status (*sync)(void *self, struct aero_disk_file *file); /* fdatasync */
    aero_status (*truncate)(void *self, struct aero_disk_file *file, uint64_t length);
    aero_status (*size)(void *self, struct aero_disk_file *file, uint64_t *out_size);
    aero_status (*rename)(void *self, const char *from, const char *to);
    aero_status (*unlink)(void *self, const char *name);
    aero_status (*make_directory)(void *self, const char *name); /* fine when it exists */
    /* "" is the data directory itself. */
    aero_status (*sync_directory)(void *self, const char *name);
    /* Appends one aero_disk_entry per regular file to `out_entries`, sorted by name. In the data directory itself ("") also one
     * for whatever else is there: it may be somebody else's directory. */
    aero_status (*list)(void *self, const char *directory, struct aero_buffer *out_entries);
    aero_status (*free_space)(void *self, uint64_t *out_bytes);
};

struct aero_disk {
    const struct aero_disk_ops *ops;
    void *self;
};

/* The data directory itself: opened (created when `create`), locked against a second process (AERO_BUSY). */
struct aero_disk_posix;
aero_status aero_disk_posix_open(const char *directory, bool create,
                                 struct aero_disk_posix **out_disk);
/* Without the lock and without the right to write: for aeroctl on a directory that may be in use. */
aero_status aero_disk_posix_open_read_only(const char *directory,
                                           struct aero_disk_posix **out_disk);
void aero_disk_posix_close(struct aero_disk_posix *disk);
struct aero_disk aero_disk_posix_port(struct aero_disk_posix *disk);
/* Hears of every call that the kernel refused, from any thread that makes one, so that none goes unsaid (FM-6.2): also a read
 * that its caller could do without; and of what is no regular file in the place of one. Not of names that are not there. At
 * once, of a parent directory ("..") that could not be synced when the data directory was opened, which was there already. To
 * be set before a second thread uses the port. */
struct aero_disk_witness {
    void (*refused)(void *self, const char *call, const char *name, aero_status status);
    void *self;
};
void aero_disk_posix_set_witness(struct aero_disk_posix *disk, struct aero_disk_witness witness);

/* ---- Operations as data --------------------------------------------------------------------------------- */

enum aero_disk_op_kind {
    AERO_OP_OPEN,           /* name, how -> handle */
    AERO_OP_CLOSE,          /* handle; nothing when it is not open */
    AERO_OP_WRITE,          /* handle, offset, bytes */
    AERO_OP_ZERO,           /* handle, offset, length: writes zeros in bounded pieces */
    AERO_OP_SYNC,           /* handle */
    AERO_OP_TRUNCATE,       /* handle, length */
    AERO_OP_RENAME,         /* name -> name_to */
    AERO_OP_UNLINK,         /* name */
    AERO_OP_SYNC_DIRECTORY, /* name */
};

struct aero_disk_op {
    enum aero_disk_op_kind kind;
    enum aero_disk_open how;
    uint32_t handle; /* index into the owner's handle table: requests in flight share none */
    char name[AERO_DISK_NAME_MAX];
    char name_to[AERO_DISK_NAME_MAX];
    uint64_t offset;
    uint64_t length;
    struct aero_slice bytes; /* borrowed from the core until the request completes */
    /* AERO_OP_WRITE, NULL for `bytes`: makes the bytes where the operation runs, for work too long for the
     * core's thread. It may touch only what the core leaves alone until the completion. */
    struct aero_slice (*produce)(void *context);
    void *context;
};

#define AERO_DISK_HANDLE_COUNT 32

/* One per core that issues requests; the executor fills it, nobody else looks inside. */
struct aero_disk_handles {
    struct aero_disk_file *file[AERO_DISK_HANDLE_COUNT];
};

/* Which kind of file a request works on: decides what a failure means (the table in engine/disk_failure.h, decision 22). */
enum aero_disk_domain {
    AERO_DOMAIN_WAL,
    AERO_DOMAIN_PROOF,
    AERO_DOMAIN_MANIFEST,
    AERO_DOMAIN_SNAPSHOT,
    AERO_DOMAIN_QUARANTINE,
};

struct aero_disk_request {
    uint64_t id; /* the core's own name for it, rising */
    enum aero_disk_domain domain;
    uint32_t lane;            /* requests of one lane run in order, lanes run side by side */
    struct aero_disk_op *ops; /* owned by the core until it is told of the completion */
    uint32_t op_count;
};

struct aero_disk_completion {
    uint64_t request_id;
    aero_status status;      /* of the operation that failed, else OK */
    uint32_t failed_op;      /* its index; op_count when all went well */
    uint64_t failed_written; /* bytes that a failed AERO_OP_WRITE had handed over */
};

/* Runs the operations in order, stops at the first failure. */
void aero_disk_run(struct aero_disk disk, struct aero_disk_handles *handles,
                   const struct aero_disk_request *request,
                   struct aero_disk_completion *out_completion);
/* Runs operation `index` alone: the step of the simulator. */
aero_status aero_disk_run_op(struct aero_disk disk, struct aero_disk_handles *handles,
                             const struct aero_disk_op *op, uint64_t *out_written);
/* Closes whatever is open. */
void aero_disk_handles_close(struct aero_disk disk, struct aero_disk_handles *handles);

/* Small helpers for code that may wait. */
aero_status aero_disk_read_file(struct aero_disk disk, const char *name, size_t limit_bytes,
                                struct aero_buffer *out_bytes);
/* temporary name, write, sync, rename, sync the directory: all or nothing across a crash. */
aero_status aero_disk_replace_file(struct aero_disk disk, const char *directory, const char *name,
                                   struct aero_slice bytes);

#endif
