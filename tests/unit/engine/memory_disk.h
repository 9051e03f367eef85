/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory for unit tests: the port's promises without a file system, and one fault at a time, armed for the nth
 * call of a kind. It forgets nothing and crashes never: that is the simulator's work. */
#ifndef AERO_TESTS_MEMORY_DISK_H
#define AERO_TESTS_MEMORY_DISK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/disk.h"

#define MEMORY_FILE_COUNT 512
#define MEMORY_TRACE_BYTES 65536 /* what comes later is not traced */

struct memory_file {
    char name[AERO_DISK_NAME_MAX]; /* empty: unlinked or never there */
    struct aero_buffer bytes;
};

struct aero_disk_file {
    struct memory_file *file;
};

struct memory_fault {
    const char *call; /* "write", "sync", ...; NULL: none armed */
    const char *name; /* only on files whose name contains this; NULL: any */
    unsigned skip;    /* so many such calls go well first */
    bool sticky;      /* fails from then on */
    int sys_errno;
    size_t written; /* bytes that a failing write takes */
};

struct memory_disk {
    struct memory_file *files[MEMORY_FILE_COUNT];
    size_t file_count;
    struct memory_fault fault;
    uint64_t bad_from; /* reads that touch [bad_from, bad_to) fail with EIO */
    uint64_t bad_to;
    unsigned bad_reads;             /* so many of them, then none; 0: all */
    char trace[MEMORY_TRACE_BYTES]; /* "call name;" of every call that changes something */
    size_t trace_length;
};

static inline void memory_trace(struct memory_disk *disk, const char *call, const char *name)
{
    size_t room = sizeof disk->trace - disk->trace_length;
    int length = snprintf(disk->trace + disk->trace_length, room, "%s %s;", call, name);
    if (length > 0 && (size_t)length < room) {
        disk->trace_length += (size_t)length;
    } else {
        disk->trace[disk->trace_length] = '\0';
    }
}

static inline void memory_trace_clear(struct memory_disk *disk)
{
    disk->trace_length = 0;
    disk->trace[0] = '\0';
}

/* The status of this call: OK unless the armed fault hits. */
static inline aero_status memory_call(struct memory_disk *disk, const char *call, const char *name)
{
    struct memory_fault *fault = &disk->fault;
    memory_trace(disk, call, name);
    if (fault->call == NULL || strcmp(fault->call, call) != 0 ||
        (fault->name != NULL && strstr(name, fault->name) == NULL)) {
        return aero_ok();
    }
    if (fault->skip > 0) {
        fault->skip--;
        return aero_ok();
    }
    if (!fault->sticky) {
        fault->call = NULL;
    }
    return aero_error_errno(fault->sys_errno);
}

static inline struct memory_file *memory_find(struct memory_disk *disk, const char *name)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        if (strcmp(disk->files[i]->name, name) == 0) {
            return disk->files[i];
        }
    }
    return NULL;
}

static inline struct memory_file *memory_put(struct memory_disk *disk, const char *name)
{
    AERO_ASSERT(disk->file_count < MEMORY_FILE_COUNT);
    struct memory_file *file = aero_calloc(1, sizeof *file);
    snprintf(file->name, sizeof file->name, "%s", name);
    disk->files[disk->file_count++] = file;
    return file;
}

static inline aero_status memory_open(void *self, const char *name, enum aero_disk_open how,
                                      struct aero_disk_file **out_file)
{
    struct memory_disk *disk = self;
    struct memory_file *file = memory_find(disk, name);
    AERO_TRY(memory_call(disk, "open", name));
    if (how == AERO_DISK_CREATE_NEW && file != NULL) {
        return aero_error_errno(EEXIST);
    }
    if (how == AERO_DISK_CREATE && file != NULL) {
        file->bytes.length = 0;
    }
    if (file == NULL) {
        if (how != AERO_DISK_CREATE && how != AERO_DISK_CREATE_NEW) {
            return aero_error_errno(ENOENT);
        }
        file = memory_put(disk, name);
    }
    *out_file = aero_malloc(sizeof **out_file);
    (*out_file)->file = file;
    return aero_ok();
}

static inline void memory_close(void *self, struct aero_disk_file *file)
{
    memory_trace(self, "close", file->file->name);
    free(file);
}

static inline aero_status memory_read(void *self, struct aero_disk_file *file, uint64_t offset,
                                      void *data, size_t length, size_t *out_read)
{
    struct memory_disk *disk = self;
    const struct aero_buffer *bytes = &file->file->bytes;
    if (offset < disk->bad_to && offset + length > disk->bad_from) {
        disk->bad_to = disk->bad_reads == 1 ? 0 : disk->bad_to;
        disk->bad_reads -= disk->bad_reads != 0;
        return aero_error_errno(EIO);
    }
    size_t rest = offset < bytes->length ? bytes->length - (size_t)offset : 0;
    *out_read = length < rest ? length : rest;
    if (*out_read != 0) {
        memcpy(data, bytes->data + offset, *out_read);
    }
    return aero_ok();
}

static inline void memory_store(struct aero_buffer *bytes, uint64_t offset, struct aero_slice data)
{
    size_t end = (size_t)offset + data.length;
    if (end > bytes->length) {
        memset(aero_buffer_reserve(bytes, end - bytes->length), 0, end - bytes->length);
        bytes->length = end;
    }
    if (data.length != 0) {
        memcpy(bytes->data + offset, data.data, data.length);
    }
}

static inline aero_status memory_write(void *self, struct aero_disk_file *file, uint64_t offset,
                                       struct aero_slice bytes, size_t *out_written)
{
    struct memory_disk *disk = self;
    size_t partial = disk->fault.written;
    aero_status status = memory_call(disk, "write", file->file->name);
    if (!aero_is_ok(status)) {
        bytes.length = partial < bytes.length ? partial : bytes.length;
    }
    memory_store(&file->file->bytes, offset, bytes);
    *out_written = bytes.length;
    return status;
}

static inline aero_status memory_sync(void *self, struct aero_disk_file *file)
{
    return memory_call(self, "sync", file->file->name);
}

static inline aero_status memory_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    AERO_TRY(memory_call(self, "truncate", file->file->name));
    AERO_ASSERT(length <= file->file->bytes.length);
    file->file->bytes.length = (size_t)length;
    return aero_ok();
}

static inline aero_status memory_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    (void)self;
    *out_size = file->file->bytes.length;
    return aero_ok();
}

static inline aero_status memory_unlink(void *self, const char *name)
{
    struct memory_disk *disk = self;
    AERO_TRY(memory_call(disk, "unlink", name));
    struct memory_file *file = memory_find(disk, name);
    if (file == NULL) {
        return aero_error_errno(ENOENT);
    }
    file->name[0] = '\0';
    return aero_ok();
}

static inline aero_status memory_rename(void *self, const char *from, const char *to)
{
    struct memory_disk *disk = self;
    AERO_TRY(memory_call(disk, "rename", to));
    struct memory_file *file = memory_find(disk, from);
    struct memory_file *replaced = memory_find(disk, to);
    if (file == NULL) {
        return aero_error_errno(ENOENT);
    }
    if (replaced != NULL) {
        replaced->name[0] = '\0';
    }
    snprintf(file->name, sizeof file->name, "%s", to);
    return aero_ok();
}

static inline aero_status memory_directory(void *self, const char *name)
{
    (void)self;
    (void)name;
    return aero_ok();
}

static inline aero_status memory_sync_directory(void *self, const char *name)
{
    return memory_call(self, "syncdir", name);
}

static inline aero_status memory_list(void *self, const char *directory,
                                      struct aero_buffer *out_entries)
{
    (void)self;
    (void)directory;
    (void)out_entries;
    return aero_error(AERO_UNSUPPORTED);
}

static inline aero_status memory_free_space(void *self, uint64_t *out_bytes)
{
    (void)self;
    *out_bytes = UINT64_MAX;
    return aero_ok();
}

static const struct aero_disk_ops memory_disk_ops = {
    .open = memory_open,
    .close = memory_close,
    .read = memory_read,
    .write = memory_write,
    .sync = memory_sync,
    .truncate = memory_truncate,
    .size = memory_size,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .make_directory = memory_directory,
    .sync_directory = memory_sync_directory,
    .list = memory_list,
    .free_space = memory_free_space,
};

static inline struct aero_disk memory_disk_port(struct memory_disk *disk)
{
    return (struct aero_disk){.ops = &memory_disk_ops, .self = disk};
}

static inline void memory_disk_deinit(struct memory_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        aero_buffer_deinit(&disk->files[i]->bytes);
        free(disk->files[i]);
    }
}

#endif
