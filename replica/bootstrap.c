/* SPDX-License-Identifier: Apache-2.0 */
/* Two buffers: one is being written while the other fills. A sync follows every SYNC_EVERY_BYTES,
 * so that the last one does not have to wait for a gigabyte. Crash points: any; the manifest does
 * not know of the file, and recovery keeps what is whole of it (engine/recovery_transfer.c). */
#include "replica/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/position.h"
#include "engine/summary.h"
#include "server/keyspace_codec.h"

#define FILL_BYTES ((size_t)4 << 20)
#define SYNC_EVERY_BYTES ((uint64_t)32 << 20)
#define OPS_MAX 5
#define HANDLE 0

struct aero_bootstrap {
    struct aero_snapshot_entry entry;
    struct aero_snapshot_check *check;
    struct aero_buffer filling;
    struct aero_buffer writing;
    uint64_t written_offset; /* of the file: everything before it was handed to the disk */
    uint64_t unsynced_bytes;
    uint64_t credit_bytes;
    bool active;
    bool exists; /* the file */
    bool is_open;
    bool in_flight;
    bool stale; /* what is in flight belongs to an abandoned transfer */
    bool discarding;
    bool finishing;
    bool installed;
    aero_status status;
    uint64_t next_id;
    struct aero_disk_op ops[OPS_MAX];
    struct aero_disk_request request;
};

static void set_check(struct aero_bootstrap *bootstrap, struct aero_snapshot_check *check)
{
    aero_snapshot_check_free(bootstrap->check);
    aero_snapshot_check_entries(check, aero_entry_fits_keyspace);
    bootstrap->check = check;
}

struct aero_bootstrap *aero_bootstrap_new(struct aero_snapshot_check *transfer)
{
    struct aero_bootstrap *bootstrap = aero_calloc(1, sizeof *bootstrap);
    bootstrap->status = aero_ok();
    if (transfer == NULL) {
        set_check(bootstrap, aero_snapshot_check_new());
        return bootstrap;
    }
    set_check(bootstrap, transfer);
    bootstrap->entry.id = aero_snapshot_check_header(transfer)->id;
    bootstrap->written_offset = aero_snapshot_check_verified(transfer);
    bootstrap->active = true;
    bootstrap->exists = true;
    return bootstrap;
}

void aero_bootstrap_free(struct aero_bootstrap *bootstrap)
{
    if (bootstrap == NULL) {
        return;
    }
    aero_snapshot_check_free(bootstrap->check);
    aero_buffer_deinit(&bootstrap->filling);
    aero_buffer_deinit(&bootstrap->writing);
    free(bootstrap);
}

void aero_bootstrap_abandon(struct aero_bootstrap *bootstrap)
{
    bootstrap->active = false;
    bootstrap->finishing = false;
    bootstrap->stale = bootstrap->in_flight;
    bootstrap->status = aero_ok();
    aero_buffer_clear(&bootstrap->filling);
}

void aero_bootstrap_begin(struct aero_bootstrap *bootstrap, const struct aero_snapshot_entry *entry)
{
    aero_bootstrap_abandon(bootstrap);
    set_check(bootstrap, aero_snapshot_check_new());
    bootstrap->entry = *entry;
    bootstrap->written_offset = 0;
    bootstrap->unsynced_bytes = 0;
    bootstrap->active = true;
    bootstrap->discarding = false;
}

void aero_bootstrap_go_on(struct aero_bootstrap *bootstrap, const struct aero_snapshot_entry *entry)
{
    AERO_ASSERT(bootstrap->active);
    AERO_ASSERT(aero_id_equal(bootstrap->entry.id, entry->id));
    bootstrap->entry = *entry; /* after a restart only its id was known */
}

void aero_bootstrap_discard(struct aero_bootstrap *bootstrap)
{
    aero_bootstrap_abandon(bootstrap);
    bootstrap->discarding = true;
}

bool aero_bootstrap_is_active(const struct aero_bootstrap *bootstrap)
{
    return bootstrap->active;
}

const struct aero_snapshot_entry *aero_bootstrap_entry(const struct aero_bootstrap *bootstrap)
{
    return &bootstrap->entry;
}

const struct aero_snapshot_header *aero_bootstrap_header(const struct aero_bootstrap *bootstrap)
{
    return aero_snapshot_check_header(bootstrap->check);
}

/* Everything fed is either written or still in memory here, so the stream simply goes on where it
 * stopped. */
uint64_t aero_bootstrap_resume_offset(const struct aero_bootstrap *bootstrap)
{
    size_t writing = bootstrap->stale ? 0 : bootstrap->writing.length;
    return bootstrap->written_offset + writing + bootstrap->filling.length;
}

bool aero_bootstrap_has_room(const struct aero_bootstrap *bootstrap)
{
    return !bootstrap->active || bootstrap->filling.length < FILL_BYTES;
}

aero_status aero_bootstrap_feed(struct aero_bootstrap *bootstrap, struct aero_slice bytes)
{
    AERO_TRY(aero_snapshot_check_feed(bootstrap->check, bytes));
    aero_buffer_append_slice(&bootstrap->filling, bytes);
    return aero_ok();
}

/* Recovery asks the same of a snapshot that the manifest names, and by then the old data are out of force. The receiver
 * compared the size. */
static bool is_as_told(const struct aero_bootstrap *bootstrap, aero_id cluster_id)
{
    const struct aero_snapshot_header *header = aero_snapshot_check_header(bootstrap->check);
    const struct aero_snapshot_entry *told = &bootstrap->entry;
    const struct aero_summary summary = {.count = told->entry_count, .digest = told->digest};
    return aero_id_equal(header->cluster_id, cluster_id) && aero_id_equal(header->id, told->id) &&
           aero_position_equal(header->position, told->position) &&
           header->sequence == told->sequence && aero_summary_equal(header->summary, summary);
}

aero_status aero_bootstrap_finish(struct aero_bootstrap *bootstrap, aero_id cluster_id)
{
    if (!aero_snapshot_check_done(bootstrap->check)) {
        return aero_error(AERO_INCOMPLETE);
    }
    if (!is_as_told(bootstrap, cluster_id)) {
        return aero_error(AERO_MISMATCH);
    }
    bootstrap->finishing = true;
    return aero_ok();
}

static struct aero_disk_op *add_op(struct aero_bootstrap *bootstrap, enum aero_disk_op_kind kind)
{
    AERO_ASSERT(bootstrap->request.op_count < OPS_MAX);
    struct aero_disk_op *op = &bootstrap->ops[bootstrap->request.op_count++];
    *op = (struct aero_disk_op){.kind = kind, .handle = HANDLE};
    return op;
}

/* A transfer begins with an empty file, also when an abandoned one left it open. One that a restart broke off goes on in it. */
static void add_beginning(struct aero_bootstrap *bootstrap)
{
    bool begins = bootstrap->written_offset == 0;
    if (!bootstrap->is_open) {
        struct aero_disk_op *open = add_op(bootstrap, AERO_OP_OPEN);
        open->how = begins ? AERO_DISK_CREATE : AERO_DISK_WRITE;
        snprintf(open->name, sizeof open->name, "%s", AERO_SNAPSHOT_INCOMING);
    } else if (begins) {
        add_op(bootstrap, AERO_OP_TRUNCATE);
    }
}

static void add_write(struct aero_bootstrap *bootstrap)
{
    struct aero_buffer empty = bootstrap->writing;
    bootstrap->writing = bootstrap->filling;
    bootstrap->filling = empty;
    aero_buffer_clear(&bootstrap->filling);
    struct aero_disk_op *write = add_op(bootstrap, AERO_OP_WRITE);
    write->offset = bootstrap->written_offset;
    write->bytes = aero_buffer_slice(&bootstrap->writing);
    bootstrap->unsynced_bytes += bootstrap->writing.length;
}

static void add_install(struct aero_bootstrap *bootstrap)
{
    add_op(bootstrap, AERO_OP_SYNC);
    add_op(bootstrap, AERO_OP_CLOSE);
    struct aero_disk_op *rename = add_op(bootstrap, AERO_OP_RENAME);
    snprintf(rename->name, sizeof rename->name, "%s", AERO_SNAPSHOT_INCOMING);
    aero_snapshot_name(&bootstrap->entry, rename->name_to);
    struct aero_disk_op *sync = add_op(bootstrap, AERO_OP_SYNC_DIRECTORY);
    snprintf(sync->name, sizeof sync->name, "snapshots");
}

/* Where that fails the file is a leftover, and the next start asks again. */
static void add_removal(struct aero_bootstrap *bootstrap)
{
    add_op(bootstrap, AERO_OP_CLOSE);
    struct aero_disk_op *unlink = add_op(bootstrap, AERO_OP_UNLINK);
    snprintf(unlink->name, sizeof unlink->name, "%s", AERO_SNAPSHOT_INCOMING);
    bootstrap->discarding = false;
    bootstrap->stale = true;
}

const struct aero_disk_request *aero_bootstrap_next_request(struct aero_bootstrap *bootstrap)
{
    bool wants = bootstrap->active || (bootstrap->discarding && bootstrap->exists);
    if (!wants || bootstrap->in_flight || bootstrap->installed || !aero_is_ok(bootstrap->status)) {
        return NULL;
    }
    bootstrap->request = (struct aero_disk_request){
        .id = ++bootstrap->next_id,
        .domain = AERO_DOMAIN_SNAPSHOT,
        .ops = bootstrap->ops,
    };
    if (!bootstrap->active) {
        add_removal(bootstrap);
    } else if (bootstrap->filling.length > 0) {
        /* Whatever has arrived, while the next bytes arrive: waiting for more would be waiting for a
         * credit that only a finished write gives back. */
        add_beginning(bootstrap);
        add_write(bootstrap);
        if (bootstrap->unsynced_bytes >= SYNC_EVERY_BYTES) {
            add_op(bootstrap, AERO_OP_SYNC);
            bootstrap->unsynced_bytes = 0;
        }
    } else if (bootstrap->finishing) {
        add_beginning(bootstrap);
        add_install(bootstrap);
    }
    if (bootstrap->request.op_count == 0) {
        return NULL;
    }
    bootstrap->in_flight = true;
    return &bootstrap->request;
}

void aero_bootstrap_on_completion(struct aero_bootstrap *bootstrap,
                                  const struct aero_disk_completion *completion)
{
    AERO_ASSERT(bootstrap->in_flight && completion->request_id == bootstrap->request.id);
    bootstrap->in_flight = false;
    /* What worked has happened, whatever failed behind it. */
    for (uint32_t i = 0; i < completion->failed_op; i++) {
        switch (bootstrap->ops[i].kind) {
        case AERO_OP_OPEN:
            bootstrap->is_open = true;
            bootstrap->exists = true;
            break;
        case AERO_OP_CLOSE:
            bootstrap->is_open = false;
            break;
        case AERO_OP_RENAME:
        case AERO_OP_UNLINK:
            bootstrap->exists = false;
            break;
        default:
            break;
        }
    }
    if (bootstrap->stale || !aero_is_ok(completion->status)) {
        bootstrap->status = bootstrap->stale ? aero_ok() : completion->status;
        bootstrap->stale = false;
        aero_buffer_clear(&bootstrap->writing);
        return;
    }
    bootstrap->installed =
        bootstrap->ops[bootstrap->request.op_count - 1].kind == AERO_OP_SYNC_DIRECTORY;
    bootstrap->written_offset += bootstrap->writing.length;
    bootstrap->credit_bytes += bootstrap->writing.length;
    aero_buffer_clear(&bootstrap->writing);
}

uint64_t aero_bootstrap_take_written(struct aero_bootstrap *bootstrap)
{
    uint64_t written = bootstrap->credit_bytes;
    bootstrap->credit_bytes = 0;
    return written;
}

bool aero_bootstrap_installed(const struct aero_bootstrap *bootstrap)
{
    return bootstrap->installed;
}

aero_status aero_bootstrap_status(const struct aero_bootstrap *bootstrap)
{
    return bootstrap->status;
}
