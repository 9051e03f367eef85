/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory for tests that try thousands of directories: every file has the bytes that readers see and the bytes that
 * a power failure would leave; the same holds for the list of names.
 *
 *     power_disk_crash_at(disk, n)   the nth changing operation from now fails with AERO_CRASHED, as does all behind it
 *     power_disk_fail_call(disk, n, status)   the nth call of any kind from now fails with that; AERO_CRASHED: as all behind it;
 *                                             AERO_OK: a read comes short
 *     power_disk_refuse_reads(disk, n)        from the nth call from now on reads fail with ENOMEM; all else goes well
 *     power_disk_return(disk, fate)   what comes back after the crash
 */
#ifndef AERO_TESTS_POWER_DISK_H
#define AERO_TESTS_POWER_DISK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "engine/disk.h"

#define POWER_NAMES_MAX 128
#define POWER_SECTOR 512U
/* The manifest's hole between its slots is folded away, or thousands of clones would copy nothing but zeros. */
#define POWER_SLOT ((size_t)4 << 20)
#define POWER_FOLDED_SLOT ((size_t)128 << 10)

enum power_fate {
    POWER_KEPT, /* the process died, the machine did not */
    POWER_LOST, /* everything that was not synced is gone */
    POWER_TORN, /* each sector and each directory as the seed decides */
};

struct power_file {
    bool folded;
    struct aero_buffer seen;
    struct aero_buffer durable;
    unsigned references; /* names in either list, open handles */
};

struct power_name {
    char name[AERO_DISK_NAME_MAX];
    struct power_file *file;
};

struct power_names {
    struct power_name entry[POWER_NAMES_MAX];
    size_t count;
};

struct power_disk {
    struct power_names seen;
    struct power_names durable;
    uint64_t changes;  /* changing operations done */
    uint64_t crash_at; /* 0: never */
    bool crashed;
    uint64_t fail_at; /* that changing operation fails with EIO, once; 0: never */
    uint64_t calls;   /* of every operation but close */
    uint64_t fail_call;
    aero_status fail_status;
    uint64_t refuse_from_call;  /* 0: never */
    uint64_t calls_after_crash; /* who unwinds at once makes none (disk.h) */
    /* Reads that touch this byte fail with EIO; an empty name: none. */
    char bad_name[AERO_DISK_NAME_MAX];
    uint64_t bad_offset;
    uint64_t bytes_written;
    bool has_directories; /* else one without files is not there */
};

struct aero_disk_file {
    struct power_file *file;
};

static inline void power_file_release(struct power_file *file)
{
    if (--file->references == 0) {
        aero_buffer_deinit(&file->seen);
        aero_buffer_deinit(&file->durable);
        free(file);
    }
}

static inline struct power_name *power_find(struct power_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->entry[i].name, name) == 0) {
            return &names->entry[i];
        }
    }
    return NULL;
}

static inline void power_set(struct power_names *names, const char *name, struct power_file *file)
{
    struct power_name *entry = power_find(names, name);
    file->references++;
    if (entry != NULL) {
        power_file_release(entry->file);
    } else {
        AERO_ASSERT(names->count < POWER_NAMES_MAX);
        entry = &names->entry[names->count++];
        snprintf(entry->name, sizeof entry->name, "%s", name);
    }
    entry->file = file;
}

static inline void power_forget(struct power_names *names, const char *name)
{
    struct power_name *entry = power_find(names, name);
    if (entry != NULL) {
        power_file_release(entry->file);
        *entry = names->entry[--names->count];
    }
}

static inline bool power_is_in(const char *name, const char *directory)
{
    size_t length = strlen(directory);
    if (length == 0) {
        return strchr(name, '/') == NULL;
    }
    return strncmp(name, directory, length) == 0 && name[length] == '/' &&
           strchr(name + length + 1, '/') == NULL;
}

static inline void power_copy(struct aero_buffer *to, const struct aero_buffer *from)
{
    aero_buffer_clear(to);
    aero_buffer_append(to, from->data, from->length);
}

static inline aero_status power_call(struct power_disk *disk)
{
    if (disk->crashed) {
        disk->calls_after_crash++;
        return aero_error(AERO_CRASHED);
    }
    disk->calls++;
    if (disk->calls != disk->fail_call) {
        return aero_ok();
    }
    disk->crashed = disk->fail_status.code == AERO_CRASHED;
    return disk->fail_status;
}

static inline aero_status power_change(struct power_disk *disk)
{
    AERO_TRY(power_call(disk));
    disk->changes++;
    if (disk->changes == disk->crash_at) {
        disk->crashed = true;
        return aero_error(AERO_CRASHED);
    }
    if (disk->changes == disk->fail_at) {
        return aero_error(AERO_IO);
    }
    return aero_ok();
}

static inline aero_status power_open(void *self, const char *name, enum aero_disk_open how,
                                     struct aero_disk_file **out_file)
{
    struct power_disk *disk = self;
    struct power_name *entry = power_find(&disk->seen, name);
    bool creates = how == AERO_DISK_CREATE || how == AERO_DISK_CREATE_NEW;
    AERO_TRY(creates ? power_change(disk) : power_call(disk));
    if (creates) {
        if (entry != NULL && how == AERO_DISK_CREATE_NEW) {
            return aero_error(AERO_EXISTS);
        }
        if (entry == NULL) {
            power_set(&disk->seen, name, aero_calloc(1, sizeof(struct power_file)));
            entry = power_find(&disk->seen, name);
            entry->file->folded = strncmp(name, "manifest", 8) == 0;
        } else {
            aero_buffer_clear(&entry->file->seen);
        }
    }
    if (entry == NULL) {
        return aero_error(AERO_NOT_FOUND);
    }
    struct aero_disk_file *file = aero_calloc(1, sizeof *file);
    file->file = entry->file;
    file->file->references++;
    *out_file = file;
    return aero_ok();
}

static inline void power_close(void *self, struct aero_disk_file *file)
{
    (void)self;
    if (file != NULL) {
        power_file_release(file->file);
        free(file);
    }
}

/* Where a byte of the file stands in its buffer. */
static inline size_t power_place(const struct power_file *file, uint64_t offset)
{
    if (!file->folded || offset < POWER_FOLDED_SLOT) {
        return (size_t)offset;
    }
    return (size_t)offset - POWER_SLOT + POWER_FOLDED_SLOT;
}

static inline aero_status power_read(void *self, struct aero_disk_file *handle, uint64_t offset,
                                     void *data, size_t length, size_t *out_read)
{
    struct power_disk *disk = self;
    struct power_file *file = handle->file;
    struct power_name *bad = power_find(&disk->seen, disk->bad_name);
    AERO_TRY(power_call(disk));
    if (disk->refuse_from_call != 0 && disk->calls >= disk->refuse_from_call) {
        return aero_error_errno(ENOMEM);
    }
    if (bad != NULL && bad->file == file && disk->bad_offset >= offset &&
        disk->bad_offset < offset + length) {
        memset(data, 'x', length); /* what a failed read leaves there is anything */
        return aero_error(AERO_IO);
    }
    size_t at = power_place(file, offset);
    size_t count = at >= file->seen.length ? 0 : file->seen.length - at;
    count = count < length ? count : length;
    if (disk->calls == disk->fail_call) {
        count /= 2;
    }
    if (count != 0) {
        memcpy(data, file->seen.data + at, count);
    }
    if (file->folded && offset < POWER_SLOT && count > POWER_FOLDED_SLOT) {
        AERO_ASSERT(offset == 0 && length <= POWER_SLOT);
        memset((uint8_t *)data + POWER_FOLDED_SLOT, 0, length - POWER_FOLDED_SLOT);
        count = length;
    }
    *out_read = count;
    return aero_ok();
}

static inline void power_resize(struct aero_buffer *bytes, size_t length)
{
    if (length > bytes->length) {
        size_t extra = length - bytes->length;
        memset(aero_buffer_reserve(bytes, extra), 0, extra);
    }
    bytes->length = length;
}

static inline aero_status power_write(void *self, struct aero_disk_file *handle, uint64_t offset,
                                      struct aero_slice bytes, size_t *out_written)
{
    struct power_disk *disk = self;
    struct power_file *file = handle->file;
    aero_status status = power_change(disk);
    size_t at = power_place(file, offset);
    /* A write that crashes has handed over half of its bytes. */
    size_t count = aero_is_ok(status) ? bytes.length : bytes.length / 2;
    AERO_ASSERT(!file->folded || offset >= POWER_SLOT || count <= POWER_FOLDED_SLOT);
    if (count != 0) {
        if (file->seen.length < at + count) {
            power_resize(&file->seen, at + count);
        }
        memcpy(file->seen.data + at, bytes.data, count);
    }
    disk->bytes_written += count;
    *out_written = count;
    return status;
}

static inline aero_status power_sync(void *self, struct aero_disk_file *file)
{
    AERO_TRY(power_change(self));
    power_copy(&file->file->durable, &file->file->seen);
    return aero_ok();
}

static inline aero_status power_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    AERO_TRY(power_change(self));
    power_resize(&file->file->seen, (size_t)length);
    return aero_ok();
}

static inline aero_status power_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    AERO_TRY(power_call(self));
    size_t length = file->file->seen.length;
    bool beyond = file->file->folded && length > POWER_FOLDED_SLOT;
    *out_size = beyond ? length - POWER_FOLDED_SLOT + POWER_SLOT : length;
    return aero_ok();
}

static inline aero_status power_rename(void *self, const char *from, const char *to)
{
    struct power_disk *disk = self;
    AERO_TRY(power_change(disk));
    struct power_name *entry = power_find(&disk->seen, from);
    if (entry == NULL) {
        return aero_error(AERO_NOT_FOUND);
    }
    power_set(&disk->seen, to, entry->file);
    power_forget(&disk->seen, from);
    return aero_ok();
}

static inline aero_status power_unlink(void *self, const char *name)
{
    struct power_disk *disk = self;
    AERO_TRY(power_change(disk));
    if (power_find(&disk->seen, name) == NULL) {
        return aero_error(AERO_NOT_FOUND);
    }
    power_forget(&disk->seen, name);
    return aero_ok();
}

static inline aero_status power_make_directory(void *self, const char *name)
{
    struct power_disk *disk = self;
    (void)name;
    AERO_TRY(power_change(disk));
    disk->has_directories = true;
    return aero_ok();
}

static inline void power_sync_names(struct power_names *to, struct power_names *from,
                                    const char *directory)
{
    for (size_t i = to->count; i > 0; i--) {
        if (power_is_in(to->entry[i - 1].name, directory) &&
            power_find(from, to->entry[i - 1].name) == NULL) {
            power_forget(to, to->entry[i - 1].name);
        }
    }
    for (size_t i = 0; i < from->count; i++) {
        if (power_is_in(from->entry[i].name, directory)) {
            power_set(to, from->entry[i].name, from->entry[i].file);
        }
    }
}

static inline aero_status power_sync_directory(void *self, const char *name)
{
    struct power_disk *disk = self;
    AERO_TRY(power_change(disk));
    power_sync_names(&disk->durable, &disk->seen, name);
    return aero_ok();
}

static inline int power_compare(const void *a, const void *b)
{
    return strcmp(((const struct aero_disk_entry *)a)->name,
                  ((const struct aero_disk_entry *)b)->name);
}

static inline aero_status power_list(void *self, const char *directory,
                                     struct aero_buffer *out_entries)
{
    struct power_disk *disk = self;
    size_t start = out_entries->length;
    AERO_TRY(power_call(disk));
    for (size_t i = 0; i < disk->seen.count; i++) {
        const char *name = disk->seen.entry[i].name;
        if (power_is_in(name, directory)) {
            struct aero_disk_entry entry = {.size_bytes = disk->seen.entry[i].file->seen.length};
            const char *base = name + strlen(directory) + (directory[0] != '\0');
            snprintf(entry.name, sizeof entry.name, "%s", base);
            aero_buffer_append(out_entries, &entry, sizeof entry);
        }
    }
    if (out_entries->length == start) {
        bool exists = directory[0] == '\0' || disk->has_directories;
        return exists ? aero_ok() : aero_error(AERO_NOT_FOUND);
    }
    qsort(out_entries->data + start, (out_entries->length - start) / sizeof(struct aero_disk_entry),
          sizeof(struct aero_disk_entry), power_compare);
    return aero_ok();
}

static inline aero_status power_free_space(void *self, uint64_t *out_bytes)
{
    (void)self;
    *out_bytes = (uint64_t)1 << 40;
    return aero_ok();
}

static inline struct aero_disk power_disk_port(struct power_disk *disk)
{
    static const struct aero_disk_ops ops = {
        .open = power_open,
        .close = power_close,
        .read = power_read,
        .write = power_write,
        .sync = power_sync,
        .truncate = power_truncate,
        .size = power_size,
        .rename = power_rename,
        .unlink = power_unlink,
        .make_directory = power_make_directory,
        .sync_directory = power_sync_directory,
        .list = power_list,
        .free_space = power_free_space,
    };
    return (struct aero_disk){.ops = &ops, .self = disk};
}

static inline struct power_disk *power_disk_new(void)
{
    return aero_calloc(1, sizeof(struct power_disk));
}

static inline void power_names_clear(struct power_names *names)
{
    while (names->count != 0) {
        power_forget(names, names->entry[0].name);
    }
}

static inline void power_disk_free(struct power_disk *disk)
{
    power_names_clear(&disk->seen);
    power_names_clear(&disk->durable);
    free(disk);
}

/* A disk whose files are all durable, equal to what readers of `from` see. */
static inline struct power_disk *power_disk_clone(struct power_disk *from)
{
    struct power_disk *disk = power_disk_new();
    for (size_t i = 0; i < from->seen.count; i++) {
        struct power_file *file = aero_calloc(1, sizeof *file);
        file->folded = from->seen.entry[i].file->folded;
        power_copy(&file->seen, &from->seen.entry[i].file->seen);
        power_copy(&file->durable, &from->seen.entry[i].file->seen);
        power_set(&disk->seen, from->seen.entry[i].name, file);
        power_set(&disk->durable, from->seen.entry[i].name, file);
    }
    memcpy(disk->bad_name, from->bad_name, sizeof disk->bad_name);
    disk->bad_offset = from->bad_offset;
    disk->has_directories = from->has_directories;
    return disk;
}

static inline void power_disk_crash_at(struct power_disk *disk, uint64_t change)
{
    disk->crash_at = disk->changes + change;
}

static inline void power_disk_fail_call(struct power_disk *disk, uint64_t call, aero_status status)
{
    disk->fail_call = disk->calls + call;
    disk->fail_status = status;
}

static inline void power_disk_refuse_reads(struct power_disk *disk, uint64_t call)
{
    disk->refuse_from_call = disk->calls + call;
}

static inline void power_tear(struct power_file *file, struct aero_prng *prng)
{
    struct aero_buffer torn = {0};
    power_copy(&torn, &file->seen);
    if (aero_prng_below(prng, 2) == 0) {
        power_resize(&torn, file->durable.length);
    }
    for (size_t at = 0; at < torn.length; at += POWER_SECTOR) {
        size_t count = torn.length - at < POWER_SECTOR ? torn.length - at : POWER_SECTOR;
        if (aero_prng_below(prng, 2) == 0) {
            size_t old = file->durable.length > at ? file->durable.length - at : 0;
            old = old < count ? old : count;
            memset(torn.data + at, 0, count);
            if (old != 0) {
                memcpy(torn.data + at, file->durable.data + at, old);
            }
        }
    }
    power_copy(&file->durable, &torn);
    aero_buffer_deinit(&torn);
}

/* The machine comes back: readers see what was left, and all of it is durable now. */
static inline void power_disk_return(struct power_disk *disk, enum power_fate fate, uint64_t seed)
{
    static const char *const directories[] = {"", "wal", "snapshots", "quarantine"};
    struct aero_prng prng;
    aero_prng_init(&prng, seed);
    disk->crashed = false;
    disk->crash_at = 0;
    if (fate == POWER_KEPT) {
        return;
    }
    if (fate == POWER_TORN) {
        for (size_t i = 0; i < disk->seen.count; i++) {
            power_tear(disk->seen.entry[i].file, &prng);
        }
        for (size_t i = 0; i < 4; i++) {
            if (aero_prng_below(&prng, 2) == 0) {
                power_sync_names(&disk->durable, &disk->seen, directories[i]);
            }
        }
    }
    power_names_clear(&disk->seen);
    for (size_t i = 0; i < disk->durable.count; i++) {
        struct power_file *file = disk->durable.entry[i].file;
        power_set(&disk->seen, disk->durable.entry[i].name, file);
        power_copy(&file->seen, &file->durable);
    }
}

/* The bytes of a file that must exist, to look at or to damage; the manifest's second slot is at POWER_FOLDED_SLOT. */
static inline struct aero_buffer *power_bytes(struct power_disk *disk, const char *name)
{
    struct power_name *entry = power_find(&disk->seen, name);
    AERO_ASSERT(entry != NULL);
    return &entry->file->seen;
}

static inline void power_put(struct power_disk *disk, const char *name, struct aero_slice bytes)
{
    struct power_file *file = aero_calloc(1, sizeof *file);
    aero_buffer_append_slice(&file->seen, bytes);
    aero_buffer_append_slice(&file->durable, bytes);
    power_set(&disk->seen, name, file);
    power_set(&disk->durable, name, file);
}

#endif
