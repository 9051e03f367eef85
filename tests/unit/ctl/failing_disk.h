/* SPDX-License-Identifier: Apache-2.0 */
/* A disk over another one whose nth change or nth reading fails, and every one behind it or none; or that does not keep what it
 * was given. */
#ifndef AERO_TESTS_FAILING_DISK_H
#define AERO_TESTS_FAILING_DISK_H

#include "engine/disk.h"
#include "tests/unit/ctl/ctl_bench.h"

struct failing_disk {
    struct aero_disk inner;
    uint64_t changes;
    uint64_t fail_change; /* 0: none */
    uint64_t readings;    /* opening to read, reading, listing */
    uint64_t fail_reading;
    bool fails_once;     /* a reading: those behind it go well */
    enum aero_code code; /* of the failures */
    const char *lie;     /* a part of the names of files of which it keeps the beginning only, */
    size_t lie_keeps;    /* so many bytes, and says nothing */
    bool ends_early;     /* of each file that is read, the second half is not there */
    struct aero_disk_file *at; /* the file that it lies about, open */
};

static inline bool failing_at(uint64_t *count, uint64_t fail_at)
{
    (*count)++;
    return fail_at != 0 && *count >= fail_at;
}

static inline bool fails_change(struct failing_disk *disk)
{
    return failing_at(&disk->changes, disk->fail_change);
}

static inline bool fails_reading(struct failing_disk *disk)
{
    bool fails = failing_at(&disk->readings, disk->fail_reading);
    return fails && !(disk->fails_once && disk->readings > disk->fail_reading);
}

#define FAILED(self) aero_error(((struct failing_disk *)(self))->code)
#define INNER(self) (&((struct failing_disk *)(self))->inner)

static inline aero_status failing_open(void *self, const char *name, enum aero_disk_open how,
                                       struct aero_disk_file **out_file)
{
    struct failing_disk *disk = self;
    bool changes = how != AERO_DISK_READ && how != AERO_DISK_WRITE;
    if (changes ? fails_change(disk) : fails_reading(disk)) {
        return FAILED(self);
    }
    aero_status status = INNER(self)->ops->open(INNER(self)->self, name, how, out_file);
    if (aero_is_ok(status) && changes && disk->lie != NULL && strstr(name, disk->lie) != NULL) {
        disk->at = *out_file;
    }
    return status;
}

static inline void failing_close(void *self, struct aero_disk_file *file)
{
    struct failing_disk *disk = self;
    disk->at = disk->at == file ? NULL : disk->at;
    INNER(self)->ops->close(INNER(self)->self, file);
}

static inline aero_status failing_read(void *self, struct aero_disk_file *file, uint64_t offset,
                                       void *data, size_t length, size_t *out_read)
{
    struct failing_disk *disk = self;
    if (fails_reading(disk)) {
        return FAILED(self);
    }
    length = disk->ends_early ? length / 2 : length;
    return INNER(self)->ops->read(INNER(self)->self, file, offset, data, length, out_read);
}

static inline aero_status failing_write(void *self, struct aero_disk_file *file, uint64_t offset,
                                        struct aero_slice bytes, size_t *out_written)
{
    struct failing_disk *disk = self;
    bool failed = fails_change(disk);
    struct aero_slice kept = bytes;
    if (failed) { /* half of it */
        kept.length /= 2;
    } else if (disk->at == file) {
        kept.length = kept.length < disk->lie_keeps ? kept.length : disk->lie_keeps;
    }
    aero_status status =
        INNER(self)->ops->write(INNER(self)->self, file, offset, kept, out_written);
    return failed ? FAILED(self) : status;
}

static inline aero_status failing_sync(void *self, struct aero_disk_file *file)
{
    return fails_change(self) ? FAILED(self) : INNER(self)->ops->sync(INNER(self)->self, file);
}

static inline aero_status failing_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    return fails_change(self) ? FAILED(self)
                              : INNER(self)->ops->truncate(INNER(self)->self, file, length);
}

static inline aero_status failing_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    return INNER(self)->ops->size(INNER(self)->self, file, out_size);
}

static inline aero_status failing_rename(void *self, const char *from, const char *to)
{
    return fails_change(self) ? FAILED(self)
                              : INNER(self)->ops->rename(INNER(self)->self, from, to);
}

static inline aero_status failing_unlink(void *self, const char *name)
{
    return fails_change(self) ? FAILED(self) : INNER(self)->ops->unlink(INNER(self)->self, name);
}

static inline aero_status failing_make_directory(void *self, const char *name)
{
    return fails_change(self) ? FAILED(self)
                              : INNER(self)->ops->make_directory(INNER(self)->self, name);
}

static inline aero_status failing_sync_directory(void *self, const char *name)
{
    return fails_change(self) ? FAILED(self)
                              : INNER(self)->ops->sync_directory(INNER(self)->self, name);
}

static inline aero_status failing_list(void *self, const char *directory,
                                       struct aero_buffer *out_entries)
{
    return fails_reading(self) ? FAILED(self)
                               : INNER(self)->ops->list(INNER(self)->self, directory, out_entries);
}

static inline struct aero_disk failing_port(struct failing_disk *disk)
{
    static const struct aero_disk_ops ops = {
        .open = failing_open,
        .close = failing_close,
        .read = failing_read,
        .write = failing_write,
        .sync = failing_sync,
        .truncate = failing_truncate,
        .size = failing_size,
        .rename = failing_rename,
        .unlink = failing_unlink,
        .make_directory = failing_make_directory,
        .sync_directory = failing_sync_directory,
        .list = failing_list,
    };
    return (struct aero_disk){.ops = &ops, .self = disk};
}

#endif
