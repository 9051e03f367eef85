/* SPDX-License-Identifier: Apache-2.0 */
/* Runs disk requests against any port, and the small all-or-nothing helpers. Portable: no system call here. */
#include <stdio.h>

#include "base/assert.h"
#include "engine/disk.h"

/* Zeros are written from here; a larger piece would only make the binary larger. */
#define ZERO_PIECE_BYTES ((size_t)64 << 10)

static const uint8_t zero_piece[ZERO_PIECE_BYTES];

static aero_status write_zeros(struct aero_disk disk, struct aero_disk_file *file,
                               const struct aero_disk_op *op, uint64_t *out_written)
{
    uint64_t done = 0;
    aero_status status = aero_ok();
    while (done < op->length && aero_is_ok(status)) {
        uint64_t rest = op->length - done;
        size_t piece = rest < ZERO_PIECE_BYTES ? (size_t)rest : ZERO_PIECE_BYTES;
        size_t written = 0;
        status = disk.ops->write(disk.self, file, op->offset + done,
                                 aero_slice_of(zero_piece, piece), &written);
        done += written;
    }
    *out_written = done;
    return status;
}

static aero_status run_open(struct aero_disk disk, struct aero_disk_file **handle,
                            const struct aero_disk_op *op)
{
    AERO_ASSERT(*handle == NULL);
    return disk.ops->open(disk.self, op->name, op->how, handle);
}

static aero_status run_write(struct aero_disk disk, struct aero_disk_file *file,
                             const struct aero_disk_op *op, uint64_t *out_written)
{
    size_t written = 0;
    struct aero_slice bytes = op->produce != NULL ? op->produce(op->context) : op->bytes;
    aero_status status = disk.ops->write(disk.self, file, op->offset, bytes, &written);
    *out_written = written;
    return status;
}

aero_status aero_disk_run_op(struct aero_disk disk, struct aero_disk_handles *handles,
                             const struct aero_disk_op *op, uint64_t *out_written)
{
    AERO_ASSERT(op->handle < AERO_DISK_HANDLE_COUNT);
    struct aero_disk_file **handle = &handles->file[op->handle];
    *out_written = 0;
    switch (op->kind) {
    case AERO_OP_OPEN:
        return run_open(disk, handle, op);
    case AERO_OP_CLOSE:
        if (*handle != NULL) { /* closing what never opened is how a core starts over */
            disk.ops->close(disk.self, *handle);
            *handle = NULL;
        }
        return aero_ok();
    case AERO_OP_RENAME:
        return disk.ops->rename(disk.self, op->name, op->name_to);
    case AERO_OP_UNLINK:
        return disk.ops->unlink(disk.self, op->name);
    case AERO_OP_SYNC_DIRECTORY:
        return disk.ops->sync_directory(disk.self, op->name);
    case AERO_OP_WRITE:
    case AERO_OP_ZERO:
    case AERO_OP_SYNC:
    case AERO_OP_TRUNCATE:
        break;
    }
    AERO_ASSERT(*handle != NULL);
    switch (op->kind) {
    case AERO_OP_WRITE:
        return run_write(disk, *handle, op, out_written);
    case AERO_OP_ZERO:
        return write_zeros(disk, *handle, op, out_written);
    case AERO_OP_SYNC:
        return disk.ops->sync(disk.self, *handle);
    default:
        AERO_ASSERT(op->kind == AERO_OP_TRUNCATE);
        return disk.ops->truncate(disk.self, *handle, op->length);
    }
}

void aero_disk_run(struct aero_disk disk, struct aero_disk_handles *handles,
                   const struct aero_disk_request *request,
                   struct aero_disk_completion *out_completion)
{
    aero_status status = aero_ok();
    uint64_t written = 0;
    uint32_t index = 0;
    for (; index < request->op_count; index++) {
        status = aero_disk_run_op(disk, handles, &request->ops[index], &written);
        if (!aero_is_ok(status)) {
            break;
        }
    }
    *out_completion = (struct aero_disk_completion){
        .request_id = request->id,
        .status = status,
        .failed_op = index,
        .failed_written = aero_is_ok(status) ? 0 : written,
    };
}

void aero_disk_handles_close(struct aero_disk disk, struct aero_disk_handles *handles)
{
    for (size_t i = 0; i < AERO_DISK_HANDLE_COUNT; i++) {
        if (handles->file[i] != NULL) {
            disk.ops->close(disk.self, handles->file[i]);
            handles->file[i] = NULL;
        }
    }
}

static aero_status read_whole(struct aero_disk disk, struct aero_disk_file *file,
                              size_t limit_bytes, struct aero_buffer *bytes)
{
    uint64_t size;
    AERO_TRY(disk.ops->size(disk.self, file, &size));
    if (size > limit_bytes) {
        return aero_error(AERO_LIMIT);
    }
    size_t got = 0;
    aero_buffer_clear(bytes);
    uint8_t *data = aero_buffer_reserve(bytes, (size_t)size);
    AERO_TRY(disk.ops->read(disk.self, file, 0, data, (size_t)size, &got));
    bytes->length = got;
    return aero_ok();
}

aero_status aero_disk_read_file(struct aero_disk disk, const char *name, size_t limit_bytes,
                                struct aero_buffer *out_bytes)
{
    struct aero_disk_file *file;
    struct aero_buffer bytes = {0};
    AERO_TRY(disk.ops->open(disk.self, name, AERO_DISK_READ, &file));
    aero_status status = read_whole(disk, file, limit_bytes, &bytes);
    disk.ops->close(disk.self, file);
    if (aero_is_ok(status)) {
        aero_buffer_deinit(out_bytes);
        *out_bytes = bytes;
    } else {
        aero_buffer_deinit(&bytes);
    }
    return status;
}

static aero_status write_and_sync(struct aero_disk disk, const char *name, struct aero_slice bytes)
{
    struct aero_disk_file *file;
    size_t written;
    AERO_TRY(disk.ops->open(disk.self, name, AERO_DISK_CREATE, &file));
    aero_status status = disk.ops->write(disk.self, file, 0, bytes, &written);
    if (aero_is_ok(status)) {
        status = disk.ops->sync(disk.self, file);
    }
    disk.ops->close(disk.self, file);
    return status;
}

aero_status aero_disk_replace_file(struct aero_disk disk, const char *directory, const char *name,
                                   struct aero_slice bytes)
{
    char path[AERO_DISK_NAME_MAX];
    char temporary[AERO_DISK_NAME_MAX];
    const char *slash = directory[0] != '\0' ? "/" : "";
    int length = snprintf(path, sizeof path, "%s%s%s", directory, slash, name);
    int temporary_length =
        snprintf(temporary, sizeof temporary, "%s%s%s.tmp", directory, slash, name);
    AERO_ASSERT(length > 0 && temporary_length < AERO_DISK_NAME_MAX);
    AERO_TRY(write_and_sync(disk, temporary, bytes));
    AERO_TRY(disk.ops->rename(disk.self, temporary, path));
    return disk.ops->sync_directory(disk.self, directory);
}
