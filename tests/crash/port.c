/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/port.h"

#include <errno.h>
#include <string.h>

#include "tests/simulation/sim_disk_priv.h"

static enum crash_act announce(struct crash_port *port, const struct crash_change *change)
{
    if (port->before != NULL) {
        port->before(port->self, change);
    }
    return port->decide == NULL ? CRASH_DO : port->decide(port->self, change);
}

static aero_status call_open(void *self, const char *name, enum aero_disk_open how,
                             struct aero_disk_file **out_file)
{
    struct crash_port *port = self;
    if (how == AERO_DISK_CREATE || how == AERO_DISK_CREATE_NEW) {
        const struct crash_change change = {.kind = CRASH_CREATE, .name = name};
        (void)announce(port, &change);
    }
    return port->inner.ops->open(port->inner.self, name, how, out_file);
}

static void call_close(void *self, struct aero_disk_file *file)
{
    struct crash_port *port = self;
    port->inner.ops->close(port->inner.self, file);
}

static aero_status call_read(void *self, struct aero_disk_file *file, uint64_t offset, void *data,
                             size_t length, size_t *out_read)
{
    struct crash_port *port = self;
    return port->inner.ops->read(port->inner.self, file, offset, data, length, out_read);
}

static aero_status call_write(void *self, struct aero_disk_file *file, uint64_t offset,
                              struct aero_slice bytes, size_t *out_written)
{
    struct crash_port *port = self;
    const struct crash_change change = {
        .kind = CRASH_WRITE, .name = file->name, .file = file, .offset = offset, .bytes = bytes};
    enum crash_act act = announce(port, &change);
    if (act == CRASH_SKIP) {
        *out_written = bytes.length;
        return aero_ok();
    }
    if (act == CRASH_NO_SPACE) {
        struct aero_slice half = aero_slice_of(bytes.data, bytes.length / 2);
        AERO_TRY(port->inner.ops->write(port->inner.self, file, offset, half, out_written));
        return aero_error_errno(ENOSPC);
    }
    return port->inner.ops->write(port->inner.self, file, offset, bytes, out_written);
}

static aero_status call_sync(void *self, struct aero_disk_file *file)
{
    struct crash_port *port = self;
    const struct crash_change change = {.kind = CRASH_SYNC, .name = file->name, .file = file};
    return announce(port, &change) == CRASH_SKIP ? aero_ok()
                                                 : port->inner.ops->sync(port->inner.self, file);
}

static aero_status call_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    struct crash_port *port = self;
    const struct crash_change change = {
        .kind = CRASH_TRUNCATE, .name = file->name, .file = file, .offset = length};
    return announce(port, &change) == CRASH_SKIP
               ? aero_ok()
               : port->inner.ops->truncate(port->inner.self, file, length);
}

static aero_status call_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    struct crash_port *port = self;
    return port->inner.ops->size(port->inner.self, file, out_size);
}

static aero_status call_rename(void *self, const char *from, const char *to)
{
    struct crash_port *port = self;
    const struct crash_change change = {.kind = CRASH_RENAME, .name = from, .name_to = to};
    return announce(port, &change) == CRASH_SKIP
               ? aero_ok()
               : port->inner.ops->rename(port->inner.self, from, to);
}

static aero_status call_unlink(void *self, const char *name)
{
    struct crash_port *port = self;
    const struct crash_change change = {.kind = CRASH_UNLINK, .name = name};
    return announce(port, &change) == CRASH_SKIP ? aero_ok()
                                                 : port->inner.ops->unlink(port->inner.self, name);
}

static aero_status call_make_directory(void *self, const char *name)
{
    struct crash_port *port = self;
    const struct crash_change change = {.kind = CRASH_MAKE_DIRECTORY, .name = name};
    return announce(port, &change) == CRASH_SKIP
               ? aero_ok()
               : port->inner.ops->make_directory(port->inner.self, name);
}

static aero_status call_sync_directory(void *self, const char *name)
{
    struct crash_port *port = self;
    const struct crash_change change = {.kind = CRASH_SYNC_DIRECTORY, .name = name};
    return announce(port, &change) == CRASH_SKIP
               ? aero_ok()
               : port->inner.ops->sync_directory(port->inner.self, name);
}

static aero_status call_list(void *self, const char *directory, struct aero_buffer *out_entries)
{
    struct crash_port *port = self;
    return port->inner.ops->list(port->inner.self, directory, out_entries);
}

static aero_status call_free_space(void *self, uint64_t *out_bytes)
{
    struct crash_port *port = self;
    return port->inner.ops->free_space(port->inner.self, out_bytes);
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

void crash_port_init(struct crash_port *port, struct aero_sim_disk *disk)
{
    memset(port, 0, sizeof *port);
    port->inner = aero_sim_disk_port(disk);
}

struct aero_disk crash_port_disk(struct crash_port *port)
{
    return (struct aero_disk){.ops = &ops, .self = port};
}
