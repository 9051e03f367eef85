/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a snapshot. The core hands out one request after the other; the blocks are made where the request runs (the
 * operation's `produce`), so the core's thread neither walks the view nor hashes it.
 *
 *     open, write, sync --> write, sync --> ... --> close, rename, sync directory --> DONE
 *          |               |                          |
 *          +-- failed -----+--------------------------+--> close, unlink --> FAILED
 *
 * Crash points: before the rename only a temporary name exists, which recovery removes; after it a whole file exists that no
 * manifest names yet, which recovery removes too (FM-9.1, FM-9.2a).
 *
 * Every piece is synced before the next one is made. A flush of the device is a flush of all that was written to it, so
 * a commit's sync waits for what a snapshot has left unsynced: with pieces of 8 MiB most commits took 4 to 8 ms while a
 * checkpoint ran, with these about 1. */
#include "engine/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/snapshot_block_priv.h"
#include "engine/summary.h"

#define PIECE_BYTES ((size_t)256 << 10) /* of one request, unless one entry is larger */
#define TEMPORARY_SUFFIX ".tmp"
#define OPS_MAX 3

enum phase {
    PHASE_WRITING,
    PHASE_INSTALLING,
    PHASE_REMOVING,
    PHASE_DONE,
    PHASE_FAILED,
};

struct aero_snapshot_writer {
    struct aero_snapshot_header header;
    struct aero_snapshot_entry entry;
    char name[AERO_DISK_NAME_MAX];
    char temporary[AERO_DISK_NAME_MAX];

    enum phase phase;
    aero_status status; /* why it failed */
    bool in_flight;
    bool is_open;
    bool renamed;
    uint64_t offset;
    struct aero_disk_request request;
    struct aero_disk_op ops[OPS_MAX];

    /* What `produce` owns while a request is in flight. */
    struct aero_cursor cursor;
    struct aero_buffer bytes;
    uint64_t block_count;
    struct aero_summary summary; /* recomputed from the bytes */
    bool ended;                  /* the trailer is in `bytes` */
};

void aero_snapshot_name(const struct aero_snapshot_entry *entry, char out_name[AERO_DISK_NAME_MAX])
{
    char id[AERO_ID_TEXT_BYTES];
    aero_id_format(entry->id, id);
    snprintf(out_name, AERO_DISK_NAME_MAX, "snapshots/%016" PRIx64 "-%s.snap",
             entry->position.lsn.value, id);
}

struct aero_snapshot_writer *aero_snapshot_writer_new(const struct aero_snapshot_header *header,
                                                      const struct aero_view *view)
{
    struct aero_snapshot_writer *writer = aero_calloc(1, sizeof *writer);
    writer->header = *header;
    aero_history_copy(&writer->header.history, &header->history);
    writer->header.summary = aero_view_summary(view);
    writer->entry = (struct aero_snapshot_entry){
        .id = header->id,
        .position = header->position,
        .sequence = header->sequence,
        .entry_count = writer->header.summary.count,
        .digest = writer->header.summary.digest,
    };
    aero_snapshot_name(&writer->entry, writer->name);
    snprintf(writer->temporary, sizeof writer->temporary, "%.*s%s",
             (int)(sizeof writer->temporary - sizeof TEMPORARY_SUFFIX), writer->name,
             TEMPORARY_SUFFIX);
    aero_cursor_seek_view(&writer->cursor, view, aero_slice_of(NULL, 0));
    return writer;
}

void aero_snapshot_writer_free(struct aero_snapshot_writer *writer)
{
    if (writer != NULL) {
        aero_history_deinit(&writer->header.history);
        aero_buffer_deinit(&writer->bytes);
        free(writer);
    }
}

/* ---- On the worker ---------------------------------------------------------------------------------------- */

static void end_block(struct aero_snapshot_writer *writer, size_t start,
                      enum aero_snapshot_block_kind kind)
{
    aero_snapshot_block_end(&writer->bytes, start, kind, writer->block_count++, writer->header.id);
}

/* One block of entries; false when there are none left. */
static bool append_entries(struct aero_snapshot_writer *writer)
{
    struct aero_slice key;
    struct aero_slice value;
    struct aero_cursor *cursor = &writer->cursor;
    if (!aero_cursor_get(cursor, &key, &value)) {
        return false;
    }
    size_t start = aero_snapshot_block_begin(&writer->bytes);
    size_t limit = start + AERO_SNAPSHOT_HEAD_BYTES + AERO_SNAPSHOT_BLOCK_BYTES;
    bool first = true;
    while (first ||
           (aero_cursor_get(cursor, &key, &value) &&
            writer->bytes.length + AERO_SNAPSHOT_ENTRY_HEAD_BYTES + key.length + value.length <=
                limit)) {
        aero_snapshot_put_entry(&writer->bytes, key, value);
        writer->summary.count++;
        writer->summary.digest = aero_u128_add(writer->summary.digest, aero_entry_hash(key, value));
        aero_cursor_next(cursor);
        first = false;
    }
    end_block(writer, start, AERO_BLOCK_ENTRIES);
    return true;
}

static struct aero_slice produce_piece(void *context)
{
    struct aero_snapshot_writer *writer = context;
    aero_buffer_clear(&writer->bytes);
    if (writer->block_count == 0) {
        size_t start = aero_snapshot_block_begin(&writer->bytes);
        aero_snapshot_put_header(&writer->bytes, &writer->header);
        end_block(writer, start, AERO_BLOCK_HEADER);
    }
    while (writer->bytes.length < PIECE_BYTES && !writer->ended) {
        if (!append_entries(writer)) {
            uint64_t entry_blocks = writer->block_count - 1;
            size_t start = aero_snapshot_block_begin(&writer->bytes);
            aero_snapshot_put_trailer(&writer->bytes, writer->summary, entry_blocks);
            end_block(writer, start, AERO_BLOCK_TRAILER);
            writer->ended = true;
        }
    }
    return aero_buffer_slice(&writer->bytes);
}

/* ---- On the core's thread --------------------------------------------------------------------------------- */

static struct aero_disk_op *add_op(struct aero_snapshot_writer *writer, enum aero_disk_op_kind kind,
                                   const char *name)
{
    AERO_ASSERT(writer->request.op_count < OPS_MAX);
    struct aero_disk_op *op = &writer->ops[writer->request.op_count++];
    *op = (struct aero_disk_op){.kind = kind, .handle = AERO_SNAPSHOT_HANDLE};
    snprintf(op->name, sizeof op->name, "%s", name);
    return op;
}

static void ask_piece(struct aero_snapshot_writer *writer)
{
    if (!writer->is_open) {
        add_op(writer, AERO_OP_OPEN, writer->temporary)->how = AERO_DISK_CREATE;
    }
    struct aero_disk_op *write = add_op(writer, AERO_OP_WRITE, "");
    write->offset = writer->offset;
    write->produce = produce_piece;
    write->context = writer;
    add_op(writer, AERO_OP_SYNC, "");
}

static void ask_install(struct aero_snapshot_writer *writer)
{
    add_op(writer, AERO_OP_CLOSE, "");
    struct aero_disk_op *rename = add_op(writer, AERO_OP_RENAME, writer->temporary);
    snprintf(rename->name_to, sizeof rename->name_to, "%s", writer->name);
    add_op(writer, AERO_OP_SYNC_DIRECTORY, "snapshots");
}

static void ask_removal(struct aero_snapshot_writer *writer)
{
    if (writer->is_open) {
        add_op(writer, AERO_OP_CLOSE, "");
    }
    add_op(writer, AERO_OP_UNLINK, writer->renamed ? writer->name : writer->temporary);
}

const struct aero_disk_request *aero_snapshot_writer_next(struct aero_snapshot_writer *writer)
{
    if (writer->in_flight || writer->phase >= PHASE_DONE) {
        return NULL;
    }
    writer->request = (struct aero_disk_request){
        .id = writer->request.id + 1, .domain = AERO_DOMAIN_SNAPSHOT, .ops = writer->ops};
    switch (writer->phase) {
    case PHASE_WRITING:
        ask_piece(writer);
        break;
    case PHASE_INSTALLING:
        ask_install(writer);
        break;
    default:
        ask_removal(writer);
        break;
    }
    writer->in_flight = true;
    return &writer->request;
}

static void fail(struct aero_snapshot_writer *writer, aero_status status)
{
    writer->status = status;
    writer->phase = writer->is_open || writer->renamed ? PHASE_REMOVING : PHASE_FAILED;
}

static void on_piece(struct aero_snapshot_writer *writer)
{
    writer->offset += writer->bytes.length;
    if (!writer->ended) {
        return;
    }
    if (!aero_summary_equal(writer->summary, writer->header.summary)) {
        fail(writer, aero_error(AERO_CORRUPT)); /* decision 19: such a snapshot gets no name */
        return;
    }
    writer->phase = PHASE_INSTALLING;
}

/* Which operations of the request had their effect, whatever failed behind them. */
static void note_progress(struct aero_snapshot_writer *writer, uint32_t done_count)
{
    for (uint32_t i = 0; i < done_count; i++) {
        enum aero_disk_op_kind kind = writer->ops[i].kind;
        writer->is_open = (writer->is_open || kind == AERO_OP_OPEN) && kind != AERO_OP_CLOSE;
        writer->renamed = writer->renamed || kind == AERO_OP_RENAME;
    }
}

void aero_snapshot_writer_on_completion(struct aero_snapshot_writer *writer,
                                        const struct aero_disk_completion *completion)
{
    AERO_ASSERT(writer->in_flight && completion->request_id == writer->request.id);
    writer->in_flight = false;
    note_progress(writer, completion->failed_op);
    if (writer->phase == PHASE_REMOVING) {
        writer->phase = PHASE_FAILED; /* a file that stays is removed by the next recovery */
    } else if (!aero_is_ok(completion->status)) {
        bool installing = writer->phase == PHASE_INSTALLING;
        fail(writer, completion->status);
        writer->phase = installing ? PHASE_REMOVING : writer->phase;
    } else if (writer->phase == PHASE_WRITING) {
        on_piece(writer);
    } else {
        writer->entry.size_bytes = writer->offset;
        writer->phase = PHASE_DONE;
    }
}

bool aero_snapshot_writer_done(const struct aero_snapshot_writer *writer)
{
    return writer->phase >= PHASE_DONE;
}

aero_status aero_snapshot_writer_result(const struct aero_snapshot_writer *writer,
                                        struct aero_snapshot_entry *out_entry)
{
    AERO_ASSERT(aero_snapshot_writer_done(writer));
    if (writer->phase == PHASE_FAILED) {
        return writer->status;
    }
    *out_entry = writer->entry;
    return aero_ok();
}
