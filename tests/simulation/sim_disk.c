/* SPDX-License-Identifier: Apache-2.0 */
/* The calls. Each one begins in `begin_call`, which knows about crashes and faults, and is the only place that does. */
#include "tests/simulation/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/sim_disk_priv.h"

/* ---- Crashes and faults ------------------------------------------------------------------------------------ */

static bool changes_disk(enum aero_sim_call call)
{
    return call == AERO_SIM_WRITE || call == AERO_SIM_SYNC || call == AERO_SIM_TRUNCATE ||
           call == AERO_SIM_RENAME || call == AERO_SIM_UNLINK || call == AERO_SIM_MAKE_DIRECTORY ||
           call == AERO_SIM_SYNC_DIRECTORY;
}

static int draw_fault(struct aero_sim_disk *disk, enum aero_sim_call call)
{
    int sys_errno = 0;
    for (size_t i = 0; i < AERO_SIM_FAULTS_MAX; i++) {
        struct aero_sim_fault *fault = &disk->faults[i];
        if (fault->countdown > 0 && fault->call == call && --fault->countdown == 0) {
            sys_errno = fault->sys_errno;
        }
    }
    if (sys_errno == 0 && aero_choice_chance(disk->choice, disk->often[call].millionths)) {
        sys_errno = disk->often[call].sys_errno;
    }
    return sys_errno;
}

struct beginning {
    aero_status status; /* OK: go on */
    bool crash_now;     /* set with AERO_CRASHED by the call that the crash interrupts */
};

static struct beginning begin_call(struct aero_sim_disk *disk, enum aero_sim_call call)
{
    if (disk->crashed) {
        return (struct beginning){.status = aero_error(AERO_CRASHED)};
    }
    if (changes_disk(call) && ++disk->change_number == disk->crash_at) {
        return (struct beginning){.status = aero_error(AERO_CRASHED), .crash_now = true};
    }
    if (changes_disk(call) && disk->change_number == disk->writeback_fails_at) {
        aero_sim_disk_fail_writeback(disk);
    }
    int sys_errno = draw_fault(disk, call);
    return (struct beginning){.status = sys_errno == 0 ? aero_ok() : aero_error_errno(sys_errno)};
}

/* For calls that a crash or a fault leaves without any effect. */
static aero_status begin_simple(struct aero_sim_disk *disk, enum aero_sim_call call,
                                const char *what, const char *name)
{
    struct beginning beginning = begin_call(disk, call);
    if (beginning.crash_now) {
        aero_sim_disk_crash(disk, disk->crash_how);
    }
    if (!aero_is_ok(beginning.status) && beginning.status.code != AERO_CRASHED) {
        aero_sim_trace_event(disk->trace, disk->name, "disk %s %s: fault %s", what, name,
                             aero_code_text(beginning.status.code));
    }
    return beginning.status;
}

static bool is_dead(const struct aero_sim_disk *disk, const struct aero_disk_file *file)
{
    return file->life != disk->life;
}

/* ---- Files -------------------------------------------------------------------------------------------------- */

static aero_status open_inode(struct aero_sim_disk *disk, const char *name, enum aero_disk_open how,
                              struct aero_sim_inode **out_inode)
{
    struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, name);
    bool creates = how == AERO_DISK_CREATE || how == AERO_DISK_CREATE_NEW;
    if (inode != NULL && how == AERO_DISK_CREATE_NEW) {
        return aero_error_errno(EEXIST);
    }
    if (inode != NULL && inode->is_directory) {
        return aero_error_errno(EISDIR);
    }
    if (inode == NULL && !creates) {
        return aero_error_errno(ENOENT);
    }
    if (inode != NULL && how == AERO_DISK_CREATE && inode->cache.size_bytes > 0) {
        disk->used_pages -= inode->cache.page_count;
        aero_sim_image_resize(&inode->cache, 0);
        aero_sim_inode_truncated(inode, 0);
        aero_sim_inode_changed(disk, inode);
    }
    if (inode == NULL) {
        char parent[AERO_DISK_NAME_MAX];
        memcpy(parent, name, strlen(name) + 1);
        char *slash = strrchr(parent, '/');
        if (slash != NULL) {
            *slash = '\0';
            const struct aero_sim_inode *directory = aero_sim_names_find(&disk->current, parent);
            if (directory == NULL || !directory->is_directory) {
                return aero_error_errno(ENOENT);
            }
        }
        inode = aero_sim_inode_new(disk, false);
        struct aero_sim_name_change change = {.set_count = 1};
        memcpy(change.set[0].name, name, strlen(name) + 1);
        change.set[0].inode = inode;
        aero_sim_names_change(disk, &change);
    }
    *out_inode = inode;
    return aero_ok();
}

static aero_status call_open(void *self, const char *name, enum aero_disk_open how,
                             struct aero_disk_file **out_file)
{
    struct aero_sim_disk *disk = self;
    AERO_ASSERT(strlen(name) < AERO_DISK_NAME_MAX);
    AERO_TRY(begin_simple(disk, AERO_SIM_OPEN, "open", name));
    struct aero_sim_inode *inode = NULL;
    AERO_TRY(open_inode(disk, name, how, &inode));
    struct aero_disk_file *file = aero_calloc(1, sizeof *file);
    inode->references++;
    file->inode = inode;
    file->life = disk->life;
    /* Linux tells an error that nobody was told of yet to the next one who opens the file. */
    file->errors_seen = inode->error_number - (inode->error_unseen ? 1 : 0);
    file->can_write = how != AERO_DISK_READ;
    memcpy(file->name, name, strlen(name) + 1);
    if (disk->file_count == disk->file_capacity) {
        disk->file_capacity = disk->file_capacity == 0 ? 16 : 2 * disk->file_capacity;
        disk->files = aero_realloc(disk->files, disk->file_capacity * sizeof disk->files[0]);
    }
    file->index = disk->file_count;
    disk->files[disk->file_count++] = file;
    *out_file = file;
    return aero_ok();
}

static void call_close(void *self, struct aero_disk_file *file)
{
    struct aero_sim_disk *disk = self;
    if (file == NULL) {
        return;
    }
    AERO_ASSERT(disk->files[file->index] == file);
    struct aero_disk_file *last = disk->files[--disk->file_count];
    disk->files[file->index] = last;
    last->index = file->index;
    if (file->inode != NULL) {
        aero_sim_inode_release(disk, file->inode);
    }
    free(file);
}

/* Counts down to the call that was ordered. */
static bool lies_now(struct aero_sim_disk *disk, const char *name)
{
    if (disk->lie_countdown == 0 || --disk->lie_countdown > 0) {
        return false;
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk lies about %s", name);
    return true;
}

static aero_status call_read(void *self, struct aero_disk_file *file, uint64_t offset, void *data,
                             size_t length, size_t *out_read)
{
    struct aero_sim_disk *disk = self;
    if (is_dead(disk, file)) {
        return aero_error(AERO_CRASHED);
    }
    AERO_TRY(begin_simple(disk, AERO_SIM_READ, "read", file->name));
    uint64_t broken = file->inode->broken_sector;
    if (broken != AERO_SIM_NO_SECTOR && offset < (broken + 1) * AERO_SIM_SECTOR_BYTES &&
        offset + length > broken * AERO_SIM_SECTOR_BYTES) {
        return aero_error_errno(EIO);
    }
    *out_read = aero_sim_image_read(&file->inode->cache, offset, data, length);
    if (disk->lie == AERO_SIM_MISREAD && *out_read > 0 && lies_now(disk, file->name)) {
        uint64_t bit = aero_choice_below(disk->choice, *out_read * 8);
        ((uint8_t *)data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    return aero_ok();
}

/* Hands the first `length` bytes over to the cache. */
static void write_cache(struct aero_sim_disk *disk, struct aero_sim_inode *inode, uint64_t offset,
                        struct aero_slice bytes, size_t length, const enum aero_sim_lie *lie)
{
    disk->used_pages -= inode->cache.page_count;
    aero_sim_image_write(&inode->cache, offset, bytes.data, length);
    disk->used_pages += inode->cache.page_count;
    aero_sim_inode_wrote(inode, offset, length, lie);
    aero_sim_inode_changed(disk, inode);
    uint64_t broken = inode->broken_sector;
    if (broken != AERO_SIM_NO_SECTOR && offset <= broken * AERO_SIM_SECTOR_BYTES &&
        offset + length >= (broken + 1) * AERO_SIM_SECTOR_BYTES) {
        inode->broken_sector = AERO_SIM_NO_SECTOR;
    }
}

/* How much of the write still fits on the disk. */
static size_t bytes_that_fit(const struct aero_sim_disk *disk, const struct aero_sim_inode *inode,
                             uint64_t offset, size_t length)
{
    if (disk->capacity_bytes == 0) {
        return length;
    }
    uint64_t pages = disk->capacity_bytes / AERO_SIM_PAGE_BYTES;
    uint64_t free_pages = pages > disk->used_pages ? pages - disk->used_pages : 0;
    while (length > 0 && aero_sim_image_pages_missing(&inode->cache, offset, length) > free_pages) {
        uint64_t page_start = (offset + length - 1) / AERO_SIM_PAGE_BYTES * AERO_SIM_PAGE_BYTES;
        length = page_start > offset ? (size_t)(page_start - offset) : 0;
    }
    return length;
}

/* A write that fails has handed over any part of its bytes: none and all of them more often than chance would have it. */
static size_t draw_failed_part(struct aero_sim_disk *disk, size_t length)
{
    switch (aero_choice_below(disk->choice, 4)) {
    case 0:
        return 0;
    case 1:
        return length;
    default:
        return (size_t)aero_choice_below(disk->choice, length + 1);
    }
}

static aero_status call_write(void *self, struct aero_disk_file *file, uint64_t offset,
                              struct aero_slice bytes, size_t *out_written)
{
    struct aero_sim_disk *disk = self;
    *out_written = 0;
    if (is_dead(disk, file)) {
        return aero_error(AERO_CRASHED);
    }
    AERO_ASSERT(file->can_write);
    struct beginning beginning = begin_call(disk, AERO_SIM_WRITE);
    if (beginning.crash_now) {
        size_t part = (size_t)aero_choice_below(disk->choice, bytes.length + 1);
        write_cache(disk, file->inode, offset, bytes, part, NULL);
        aero_sim_disk_crash(disk, disk->crash_how);
        return beginning.status;
    }
    size_t length = bytes_that_fit(disk, file->inode, offset, bytes.length);
    if (!aero_is_ok(beginning.status) && beginning.status.code != AERO_CRASHED) {
        length = draw_failed_part(disk, length);
    } else if (beginning.status.code == AERO_CRASHED) {
        return beginning.status;
    } else if (length < bytes.length) {
        beginning.status = aero_error_errno(ENOSPC);
    }
    bool is_lie = disk->lie != AERO_SIM_MISREAD && lies_now(disk, file->name);
    write_cache(disk, file->inode, offset, bytes, length, is_lie ? &disk->lie : NULL);
    *out_written = length;
    aero_sim_trace_event(disk->trace, disk->name, "disk write %s at=%llu length=%zu%s%s",
                         file->name, (unsigned long long)offset, length,
                         aero_is_ok(beginning.status) ? "" : " then ",
                         aero_is_ok(beginning.status) ? "" : aero_code_text(beginning.status.code));
    return beginning.status;
}

static aero_status call_sync(void *self, struct aero_disk_file *file)
{
    struct aero_sim_disk *disk = self;
    if (is_dead(disk, file)) {
        return aero_error(AERO_CRASHED);
    }
    struct beginning beginning = begin_call(disk, AERO_SIM_SYNC);
    if (beginning.crash_now) {
        aero_sim_disk_crash(disk, disk->crash_how);
    }
    if (beginning.status.code == AERO_CRASHED) {
        return beginning.status;
    }
    struct aero_sim_inode *inode = file->inode;
    if (aero_is_ok(beginning.status)) {
        aero_sim_inode_sync(inode);
    } else {
        aero_sim_inode_fail_writeback(disk, inode);
    }
    if (file->errors_seen != inode->error_number) {
        file->errors_seen = inode->error_number;
        inode->error_unseen = false;
        if (aero_is_ok(beginning.status)) {
            beginning.status = aero_error_errno(EIO);
        }
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk sync %s: %s", file->name,
                         aero_code_text(beginning.status.code));
    return beginning.status;
}

static aero_status call_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    struct aero_sim_disk *disk = self;
    if (is_dead(disk, file)) {
        return aero_error(AERO_CRASHED);
    }
    AERO_ASSERT(file->can_write);
    AERO_TRY(begin_simple(disk, AERO_SIM_TRUNCATE, "truncate", file->name));
    disk->used_pages -= file->inode->cache.page_count;
    aero_sim_image_resize(&file->inode->cache, length);
    disk->used_pages += file->inode->cache.page_count;
    aero_sim_inode_truncated(file->inode, length);
    aero_sim_inode_changed(disk, file->inode);
    aero_sim_trace_event(disk->trace, disk->name, "disk truncate %s to %llu", file->name,
                         (unsigned long long)length);
    return aero_ok();
}

static aero_status call_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    struct aero_sim_disk *disk = self;
    if (is_dead(disk, file)) {
        return aero_error(AERO_CRASHED);
    }
    AERO_TRY(begin_simple(disk, AERO_SIM_SIZE, "size", file->name));
    *out_size = file->inode->cache.size_bytes;
    return aero_ok();
}

/* ---- Names -------------------------------------------------------------------------------------------------- */

static aero_status call_rename(void *self, const char *from, const char *to)
{
    struct aero_sim_disk *disk = self;
    AERO_ASSERT(strlen(from) < AERO_DISK_NAME_MAX && strlen(to) < AERO_DISK_NAME_MAX);
    AERO_TRY(begin_simple(disk, AERO_SIM_RENAME, "rename", from));
    struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, from);
    if (inode == NULL) {
        return aero_error_errno(ENOENT);
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk rename %s to %s", from, to);
    if (strcmp(from, to) == 0) {
        return aero_ok();
    }
    struct aero_sim_name_change change = {.set_count = 2};
    memcpy(change.set[0].name, to, strlen(to) + 1);
    memcpy(change.set[1].name, from, strlen(from) + 1);
    change.set[0].inode = inode;
    aero_sim_names_change(disk, &change);
    return aero_ok();
}

static aero_status call_unlink(void *self, const char *name)
{
    struct aero_sim_disk *disk = self;
    AERO_TRY(begin_simple(disk, AERO_SIM_UNLINK, "unlink", name));
    if (aero_sim_names_find(&disk->current, name) == NULL) {
        return aero_error_errno(ENOENT);
    }
    struct aero_sim_name_change change = {.set_count = 1};
    memcpy(change.set[0].name, name, strlen(name) + 1);
    aero_sim_names_change(disk, &change);
    aero_sim_trace_event(disk->trace, disk->name, "disk unlink %s", name);
    return aero_ok();
}

static aero_status call_make_directory(void *self, const char *name)
{
    struct aero_sim_disk *disk = self;
    AERO_ASSERT(strlen(name) < AERO_DISK_NAME_MAX);
    AERO_TRY(begin_simple(disk, AERO_SIM_MAKE_DIRECTORY, "mkdir", name));
    if (aero_sim_names_find(&disk->current, name) != NULL) {
        return aero_ok();
    }
    struct aero_sim_name_change change = {.set_count = 1};
    memcpy(change.set[0].name, name, strlen(name) + 1);
    change.set[0].inode = aero_sim_inode_new(disk, true);
    aero_sim_names_change(disk, &change);
    aero_sim_trace_event(disk->trace, disk->name, "disk mkdir %s", name);
    return aero_ok();
}

static aero_status call_sync_directory(void *self, const char *name)
{
    struct aero_sim_disk *disk = self;
    const char *shown = name[0] == '\0' ? "." : name;
    struct beginning beginning = begin_call(disk, AERO_SIM_SYNC_DIRECTORY);
    if (beginning.crash_now) {
        aero_sim_disk_crash(disk, disk->crash_how);
    }
    if (beginning.status.code == AERO_CRASHED) {
        return beginning.status;
    }
    if (name[0] != '\0') {
        const struct aero_sim_inode *directory = aero_sim_names_find(&disk->current, name);
        if (directory == NULL || !directory->is_directory) {
            return aero_error_errno(ENOENT);
        }
    }
    if (aero_is_ok(beginning.status)) {
        aero_sim_directory_sync(disk, name);
    } else {
        aero_sim_directory_sync_failed(disk, name);
    }
    aero_sim_trace_event(disk->trace, disk->name, "disk sync directory %s: %s", shown,
                         aero_code_text(beginning.status.code));
    return beginning.status;
}

static aero_status call_list(void *self, const char *directory, struct aero_buffer *out_entries)
{
    struct aero_sim_disk *disk = self;
    AERO_TRY(begin_simple(disk, AERO_SIM_LIST, "list", directory));
    if (directory[0] != '\0') {
        const struct aero_sim_inode *inode = aero_sim_names_find(&disk->current, directory);
        if (inode == NULL || !inode->is_directory) {
            return aero_error_errno(ENOENT);
        }
    }
    size_t skip = directory[0] == '\0' ? 0 : strlen(directory) + 1;
    for (size_t i = 0; i < disk->current.count; i++) {
        const struct aero_sim_name *entry = &disk->current.entries[i];
        bool is_other = entry->inode->is_directory;
        if ((!is_other || directory[0] == '\0') && aero_sim_name_is_in(entry->name, directory)) {
            aero_sim_append_entry(out_entries, entry->name + skip, entry->inode->cache.size_bytes,
                                  is_other);
        }
    }
    return aero_ok();
}

static aero_status call_free_space(void *self, uint64_t *out_bytes)
{
    struct aero_sim_disk *disk = self;
    AERO_TRY(begin_simple(disk, AERO_SIM_FREE_SPACE, "free space", "."));
    uint64_t used = disk->used_pages * AERO_SIM_PAGE_BYTES;
    if (disk->capacity_bytes == 0) {
        *out_bytes = UINT64_MAX;
    } else {
        *out_bytes = used < disk->capacity_bytes ? disk->capacity_bytes - used : 0;
    }
    return aero_ok();
}

static const struct aero_disk_ops ops = {
    .open = call_open,
    .close = call_close,
    .read = call_read,
    .write = call_write,
    .sync = call_sync,
    .truncate = call_truncate,
    .size = call_size,
    .rename = call_rename,
    .unlink = call_unlink,
    .make_directory = call_make_directory,
    .sync_directory = call_sync_directory,
    .list = call_list,
    .free_space = call_free_space,
};

struct aero_disk aero_sim_disk_port(struct aero_sim_disk *disk)
{
    return (struct aero_disk){.ops = &ops, .self = disk};
}
