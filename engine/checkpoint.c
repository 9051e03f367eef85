/* SPDX-License-Identifier: Apache-2.0 */
/* Crash points, in order: in the snapshot's file (nobody names it: recovery removes it); between
 * the two slots of the naming write (the older slot names the older snapshots, and all that they
 * need is still there); between unlinks (the floor is in both slots: recovery finishes the job or
 * leaves the rest alone). */
#include "engine/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "engine/disk_failure.h"
#include "engine/retention.h"

#define HANDLE_MANIFEST 2U
/* Ids of this core's own requests; the snapshot writer numbers its own from 1. */
#define OWN_ID_FIRST (UINT64_C(1) << 63)
#define TRUNCATE_FILES_MAX 15 /* one request; the next one takes the rest */
#define DOOMED_MAX 64

enum state {
    STATE_IDLE,
    STATE_SNAPSHOT,
    STATE_NAMING,
    STATE_TRUNCATING,
};

struct name {
    char text[AERO_DISK_NAME_MAX];
};

struct aero_checkpointer {
    struct aero_checkpoint_options options;
    struct aero_manifest manifest; /* durable in both slots */
    struct aero_manifest next;     /* with the edits that are not */
    uint64_t edits;
    uint64_t edits_writing; /* covered by the write in flight */
    uint64_t edits_durable;
    uint64_t notes; /* changes of `next` that wait for an edit to go with */
    uint64_t notes_writing;
    bool manifest_open;
    struct aero_buffer manifest_bytes;

    struct aero_buffer files; /* of struct aero_wal_file */
    uint64_t bytes_since;     /* WAL since the last checkpoint */

    enum state state;
    struct aero_view *view;
    struct aero_snapshot_writer *writer;
    bool writer_in_flight;
    struct aero_snapshot_entry entry;
    uint64_t naming_edit;
    bool result_pending;
    aero_status result;

    /* Files to go, none of them named by the manifest any more: dropped snapshots, unwanted
     * recycled segments. */
    struct name doomed[DOOMED_MAX];
    size_t doomed_count;
    struct aero_buffer recycled; /* of struct name, waiting to be taken */

    bool failed;
    aero_status failure;
    struct name failed_file;
    const char *failed_call;

    bool own_in_flight;
    uint64_t next_id;
    struct aero_disk_request own;
    struct aero_disk_op ops[2 * TRUNCATE_FILES_MAX + 2];
    struct name recycling[TRUNCATE_FILES_MAX]; /* names that the truncation in flight makes */
    size_t recycling_count;
    size_t leaving_files; /* segments that the truncation in flight takes out */
    size_t leaving_doomed;
    struct name leftover; /* the last one that could not be removed; empty: none to tell of */
    aero_status leftover_status;
};

/* ---- Files -------------------------------------------------------------------------------------------------- */

static struct aero_wal_file *files_of(const struct aero_checkpointer *checkpointer)
{
    return (struct aero_wal_file *)(void *)checkpointer->files.data;
}

static size_t file_count_of(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->files.length / sizeof(struct aero_wal_file);
}

const struct aero_wal_file *aero_checkpointer_files(const struct aero_checkpointer *checkpointer,
                                                    size_t *out_count)
{
    *out_count = file_count_of(checkpointer);
    return files_of(checkpointer);
}

void aero_checkpointer_on_segment(struct aero_checkpointer *checkpointer,
                                  const struct aero_wal_segment *segment)
{
    const struct aero_segment_header *header = &segment->header;
    size_t count = file_count_of(checkpointer);
    if (count > 0) {
        struct aero_wal_file *last = &files_of(checkpointer)[count - 1];
        AERO_ASSERT(last->header.sequence == header->prev_sequence);
        checkpointer->bytes_since += header->prev_end_offset - last->end_offset;
        last->end_offset = header->prev_end_offset;
        last->end = header->prev_end;
        last->record_count = segment->prev_record_count;
        last->sealed = segment->prev_sealed;
    }
    struct aero_wal_file file = {
        .header = *header,
        .end_offset = AERO_SEGMENT_HEADER_BYTES,
        .end = header->prev_end,
    };
    memcpy(file.name, segment->name, sizeof file.name);
    aero_buffer_append(&checkpointer->files, &file, sizeof file);
    const struct aero_segment_start start = {
        .sequence = header->sequence,
        .before = header->prev_end,
        .nonce = header->nonce,
        .incarnation = header->incarnation,
    };
    uint64_t edit;
    aero_history_add_segment(&aero_checkpointer_edit(checkpointer, &edit)->history, &start);
}

void aero_checkpointer_on_durable(struct aero_checkpointer *checkpointer, uint64_t sequence,
                                  uint64_t offset, struct aero_position position)
{
    for (size_t i = file_count_of(checkpointer); i > 0; i--) {
        struct aero_wal_file *file = &files_of(checkpointer)[i - 1];
        if (file->header.sequence == sequence) {
            checkpointer->bytes_since += offset - file->end_offset;
            file->end_offset = offset;
            file->end = position;
            file->record_count = position.lsn.value - file->header.prev_end.lsn.value;
            return;
        }
    }
}

/* ---- Life --------------------------------------------------------------------------------------------------- */

struct aero_checkpointer *aero_checkpointer_new(const struct aero_checkpoint_options *options,
                                                struct aero_recovered *recovered)
{
    struct aero_checkpointer *checkpointer = aero_calloc(1, sizeof *checkpointer);
    AERO_ASSERT(options->snapshots_kept >= 2);
    AERO_ASSERT(options->snapshots_kept < AERO_SNAPSHOTS_MAX);
    checkpointer->options = *options;
    checkpointer->manifest = recovered->manifest;
    recovered->manifest = (struct aero_manifest){0};
    aero_manifest_copy(&checkpointer->next, &checkpointer->manifest);
    aero_buffer_append(&checkpointer->files, recovered->files,
                       recovered->file_count * sizeof *recovered->files);
    checkpointer->bytes_since = recovered->replayed_bytes;
    checkpointer->next_id = OWN_ID_FIRST;
    return checkpointer;
}

void aero_checkpointer_free(struct aero_checkpointer *checkpointer, struct aero_tree *tree)
{
    if (checkpointer == NULL) {
        return;
    }
    aero_snapshot_writer_free(checkpointer->writer);
    if (checkpointer->view != NULL) {
        aero_view_close(checkpointer->view);
        bool all = aero_tree_reclaim(tree, UINT32_MAX);
        AERO_ASSERT(all);
    }
    aero_manifest_deinit(&checkpointer->manifest);
    aero_manifest_deinit(&checkpointer->next);
    aero_buffer_deinit(&checkpointer->manifest_bytes);
    aero_buffer_deinit(&checkpointer->files);
    aero_buffer_deinit(&checkpointer->recycled);
    free(checkpointer);
}

const struct aero_manifest *aero_checkpointer_manifest(const struct aero_checkpointer *checkpointer)
{
    return &checkpointer->manifest;
}

struct aero_manifest *aero_checkpointer_edit(struct aero_checkpointer *checkpointer,
                                             uint64_t *out_edit)
{
    *out_edit = ++checkpointer->edits;
    return &checkpointer->next;
}

uint64_t aero_checkpointer_durable_edit(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->edits_durable;
}

bool aero_checkpointer_is_settled(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->failed || checkpointer->edits_durable == checkpointer->edits;
}

const char *aero_checkpointer_failed_file(const struct aero_checkpointer *checkpointer,
                                          const char **out_call)
{
    *out_call = checkpointer->failed_call;
    return checkpointer->failed_file.text;
}

bool aero_checkpointer_failed(const struct aero_checkpointer *checkpointer, aero_status *out_status)
{
    if (checkpointer->failed) {
        *out_status = checkpointer->failure;
    }
    return checkpointer->failed;
}

/* ---- Pins --------------------------------------------------------------------------------------------------- */

static struct aero_pin *find_pin(struct aero_manifest *manifest, const char *node_name)
{
    for (size_t i = 0; i < manifest->pin_count; i++) {
        if (strcmp(manifest->pins[i].node_name, node_name) == 0) {
            return &manifest->pins[i];
        }
    }
    return NULL;
}

aero_status aero_checkpointer_pin(struct aero_checkpointer *checkpointer, const char *node_name,
                                  uint64_t sequence, aero_lsn durable)
{
    struct aero_manifest *next = &checkpointer->next;
    struct aero_pin *pin = find_pin(next, node_name);
    if (pin == NULL && next->pin_count == AERO_PINS_MAX) {
        return aero_error(AERO_LIMIT);
    }
    if (pin == NULL) {
        pin = &next->pins[next->pin_count++];
        *pin = (struct aero_pin){.sequence = sequence};
        snprintf(pin->node_name, sizeof pin->node_name, "%s", node_name);
        checkpointer->edits++;
    }
    checkpointer->edits += sequence < pin->sequence;
    checkpointer->notes += sequence > pin->sequence;
    pin->sequence = sequence;
    aero_checkpointer_acknowledge(checkpointer, node_name, durable);
    return aero_ok();
}

void aero_checkpointer_acknowledge(struct aero_checkpointer *checkpointer, const char *node_name,
                                   aero_lsn durable)
{
    struct aero_pin *pin = find_pin(&checkpointer->next, node_name);
    if (pin != NULL && durable.value > pin->durable.value) {
        pin->durable = durable;
        checkpointer->notes++;
    }
}

aero_lsn aero_checkpointer_acknowledged(const struct aero_checkpointer *checkpointer,
                                        const char *node_name)
{
    for (size_t i = 0; i < checkpointer->next.pin_count; i++) {
        if (strcmp(checkpointer->next.pins[i].node_name, node_name) == 0) {
            return checkpointer->next.pins[i].durable;
        }
    }
    return aero_lsn_of(0);
}

const struct aero_pin *aero_checkpointer_pins(const struct aero_checkpointer *checkpointer,
                                              size_t *out_count)
{
    *out_count = checkpointer->next.pin_count;
    return checkpointer->next.pins;
}

bool aero_checkpointer_has_notes(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->notes > checkpointer->notes_writing;
}

void aero_checkpointer_write_notes(struct aero_checkpointer *checkpointer)
{
    bool will_go_anyway = checkpointer->edits > checkpointer->edits_writing;
    checkpointer->edits += aero_checkpointer_has_notes(checkpointer) && !will_go_anyway;
}

/* ---- Checkpoints -------------------------------------------------------------------------------------------- */

bool aero_checkpointer_due(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->options.wal_bytes_trigger != 0 && !checkpointer->failed &&
           checkpointer->state == STATE_IDLE &&
           checkpointer->bytes_since >= checkpointer->options.wal_bytes_trigger;
}

bool aero_checkpointer_busy(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->state != STATE_IDLE || checkpointer->own_in_flight;
}

bool aero_checkpointer_is_running(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->state != STATE_IDLE;
}

static void finish(struct aero_checkpointer *checkpointer, aero_status status)
{
    checkpointer->state = STATE_IDLE;
    checkpointer->result_pending = true;
    checkpointer->result = status;
}

static void drop_snapshot(struct aero_checkpointer *checkpointer)
{
    aero_snapshot_writer_free(checkpointer->writer);
    checkpointer->writer = NULL;
    if (checkpointer->view != NULL) {
        aero_view_close(checkpointer->view);
        checkpointer->view = NULL;
    }
}

/* Closed: whoever waits for the checkpoint is told, as soon as no worker reads the view any more. */
static void give_up_if_failed(struct aero_checkpointer *checkpointer)
{
    if (checkpointer->failed && checkpointer->state != STATE_IDLE &&
        !checkpointer->writer_in_flight) {
        drop_snapshot(checkpointer);
        finish(checkpointer, checkpointer->failure);
    }
}

/* What led to `position`: a replica knows its primary's newer incarnations before it has a record of them. The arrays
 * are borrowed. */
static struct aero_history history_to(const struct aero_history *history, aero_lsn position)
{
    struct aero_history part = *history;
    while (part.incarnation_count > 0 &&
           part.incarnations[part.incarnation_count - 1].start.lsn.value > position.value) {
        part.incarnation_count--;
    }
    while (part.segment_count > 0 &&
           part.segments[part.segment_count - 1].before.lsn.value > position.value) {
        part.segment_count--;
    }
    return part;
}

void aero_checkpointer_begin(struct aero_checkpointer *checkpointer, aero_id id,
                             struct aero_view *view, struct aero_position position,
                             uint64_t sequence, aero_wall_ms expiry_clock)
{
    AERO_ASSERT(checkpointer->state == STATE_IDLE);
    const struct aero_snapshot_header header = {
        .cluster_id = checkpointer->manifest.cluster_id,
        .id = id,
        .epoch = checkpointer->manifest.epoch,
        .position = position,
        .sequence = sequence,
        .expiry_clock = expiry_clock,
        .history = history_to(&checkpointer->next.history, position.lsn),
    };
    checkpointer->entry = (struct aero_snapshot_entry){.id = id, .position = position};
    checkpointer->view = view;
    checkpointer->writer = aero_snapshot_writer_new(&header, view);
    checkpointer->state = STATE_SNAPSHOT;
    checkpointer->bytes_since = 0;
    give_up_if_failed(checkpointer);
}

bool aero_checkpointer_has_result(const struct aero_checkpointer *checkpointer)
{
    return checkpointer->result_pending;
}

bool aero_checkpointer_take_result(struct aero_checkpointer *checkpointer, aero_status *out_status,
                                   struct aero_snapshot_entry *out_entry)
{
    if (!checkpointer->result_pending) {
        return false;
    }
    checkpointer->result_pending = false;
    *out_status = checkpointer->result;
    *out_entry = checkpointer->entry;
    return true;
}

static bool doom(struct aero_checkpointer *checkpointer, const char *name)
{
    if (checkpointer->doomed_count == DOOMED_MAX) {
        return false; /* recovery removes what nothing names */
    }
    struct name *doomed = &checkpointer->doomed[checkpointer->doomed_count++];
    snprintf(doomed->text, sizeof doomed->text, "%s", name);
    return true;
}

static void drop_named(struct aero_checkpointer *checkpointer, size_t leaving)
{
    struct aero_manifest *next = &checkpointer->next;
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&next->snapshots[leaving], name);
    (void)doom(checkpointer, name);
    next->snapshot_count--;
    memmove(&next->snapshots[leaving], &next->snapshots[leaving + 1],
            (next->snapshot_count - leaving) * sizeof next->snapshots[0]);
}

/* The new one counts, the floor is what those that stay and the replicas need, the others go: one edit. */
static void name_snapshot(struct aero_checkpointer *checkpointer)
{
    struct aero_manifest *next = aero_checkpointer_edit(checkpointer, &checkpointer->naming_edit);
    size_t kept = checkpointer->options.snapshots_kept;
    if (next->snapshot_count == AERO_SNAPSHOTS_MAX) {
        size_t spare = aero_retention_spare(next, kept - 1);
        drop_named(checkpointer,
                   spare != next->snapshot_count ? spare : aero_retention_least_useful(next));
    }
    next->snapshots[next->snapshot_count++] = checkpointer->entry;
    next->wal_floor_sequence =
        aero_retention_floor(next, kept, files_of(checkpointer), file_count_of(checkpointer),
                             checkpointer->options.retention_cap_bytes);
    size_t spare;
    while ((spare = aero_retention_spare(next, kept)) != next->snapshot_count) {
        drop_named(checkpointer, spare);
    }
    aero_manifest_settle_damaged(next);
    checkpointer->state = STATE_NAMING;
}

static void end_snapshot(struct aero_checkpointer *checkpointer)
{
    aero_status status = aero_snapshot_writer_result(checkpointer->writer, &checkpointer->entry);
    drop_snapshot(checkpointer);
    if (checkpointer->failed) {
        finish(checkpointer, checkpointer->failure);
    } else if (aero_is_ok(status)) {
        name_snapshot(checkpointer);
    } else {
        finish(checkpointer, status);
    }
}

/* ---- Truncation --------------------------------------------------------------------------------------------- */

static struct aero_disk_op *add_op(struct aero_checkpointer *checkpointer,
                                   enum aero_disk_op_kind kind, const char *name)
{
    struct aero_disk_op *op = &checkpointer->ops[checkpointer->own.op_count++];
    *op = (struct aero_disk_op){.kind = kind, .handle = HANDLE_MANIFEST};
    snprintf(op->name, sizeof op->name, "%s", name);
    return op;
}

/* A segment that some pin still claims has a reader, even when the cap overruled the claim: it is
 * never reused. */
static bool may_recycle(const struct aero_checkpointer *checkpointer, uint64_t sequence)
{
    for (size_t i = 0; i < checkpointer->manifest.pin_count; i++) {
        if (checkpointer->manifest.pins[i].sequence <= sequence) {
            return false;
        }
    }
    return checkpointer->options.recycle && checkpointer->recycled.length == 0 &&
           checkpointer->recycling_count == 0;
}

static void add_segments(struct aero_checkpointer *checkpointer)
{
    const struct aero_wal_file *files = files_of(checkpointer);
    size_t count = file_count_of(checkpointer);
    uint64_t floor = checkpointer->manifest.wal_floor_sequence;
    size_t leaving = 0;
    while (leaving < TRUNCATE_FILES_MAX && leaving + 1 < count &&
           files[leaving].header.sequence < floor) {
        const struct aero_wal_file *file = &files[leaving++];
        if (may_recycle(checkpointer, file->header.sequence)) {
            struct name *name = &checkpointer->recycling[checkpointer->recycling_count++];
            snprintf(name->text, sizeof name->text, "wal/recycled-%08" PRIx64 ".tmp",
                     file->header.sequence);
            struct aero_disk_op *rename = add_op(checkpointer, AERO_OP_RENAME, file->name);
            memcpy(rename->name_to, name->text, sizeof rename->name_to);
        } else {
            add_op(checkpointer, AERO_OP_UNLINK, file->name);
        }
    }
    checkpointer->leaving_files = leaving;
    if (leaving > 0) {
        add_op(checkpointer, AERO_OP_SYNC_DIRECTORY, "wal");
    }
}

static void add_doomed(struct aero_checkpointer *checkpointer)
{
    size_t leaving = 0;
    while (leaving < TRUNCATE_FILES_MAX && leaving < checkpointer->doomed_count) {
        add_op(checkpointer, AERO_OP_UNLINK, checkpointer->doomed[leaving++].text);
    }
    checkpointer->leaving_doomed = leaving;
}

/* A name that could not be removed costs room only: recovery removes what nothing names. */
static void after_truncation(struct aero_checkpointer *checkpointer)
{
    memmove(files_of(checkpointer), files_of(checkpointer) + checkpointer->leaving_files,
            checkpointer->files.length -
                checkpointer->leaving_files * sizeof(struct aero_wal_file));
    checkpointer->files.length -= checkpointer->leaving_files * sizeof(struct aero_wal_file);
    checkpointer->doomed_count -= checkpointer->leaving_doomed;
    memmove(checkpointer->doomed, checkpointer->doomed + checkpointer->leaving_doomed,
            checkpointer->doomed_count * sizeof checkpointer->doomed[0]);
    for (size_t i = 0; i < checkpointer->recycling_count; i++) {
        aero_buffer_append(&checkpointer->recycled, &checkpointer->recycling[i],
                           sizeof checkpointer->recycling[i]);
    }
    checkpointer->leaving_files = 0;
    checkpointer->leaving_doomed = 0;
    checkpointer->recycling_count = 0;
}

/* What stood behind the failed operation was not done, the directory's sync among it: a renamed segment whose old name may
 * come back is not for reuse (decision 14). */
static void on_truncation_failed(struct aero_checkpointer *checkpointer,
                                 const struct aero_disk_completion *completion)
{
    memcpy(checkpointer->leftover.text, checkpointer->ops[completion->failed_op].name,
           sizeof checkpointer->leftover.text);
    checkpointer->leftover_status = completion->status;
    for (size_t i = 0; i < checkpointer->recycling_count; i++) {
        (void)doom(checkpointer, checkpointer->recycling[i].text);
    }
    checkpointer->recycling_count = 0;
}

bool aero_checkpointer_take_leftover(struct aero_checkpointer *checkpointer,
                                     char out_name[AERO_DISK_NAME_MAX], aero_status *out_status)
{
    if (checkpointer->leftover.text[0] == '\0') {
        return false;
    }
    memcpy(out_name, checkpointer->leftover.text, sizeof checkpointer->leftover.text);
    *out_status = checkpointer->leftover_status;
    checkpointer->leftover.text[0] = '\0';
    return true;
}

bool aero_checkpointer_take_recycled(struct aero_checkpointer *checkpointer,
                                     char out_name[AERO_DISK_NAME_MAX])
{
    if (checkpointer->recycled.length == 0) {
        return false;
    }
    memcpy(out_name, checkpointer->recycled.data, sizeof(struct name));
    aero_buffer_consume(&checkpointer->recycled, sizeof(struct name));
    return true;
}

void aero_checkpointer_discard(struct aero_checkpointer *checkpointer, const char *name)
{
    (void)doom(checkpointer, name);
}

/* ---- Requests ----------------------------------------------------------------------------------------------- */

static const struct aero_disk_request *give_own(struct aero_checkpointer *checkpointer,
                                                enum aero_disk_domain domain)
{
    checkpointer->own.id = ++checkpointer->next_id;
    checkpointer->own.domain = domain;
    checkpointer->own.lane = AERO_CHECKPOINT_LANE_MANIFEST;
    checkpointer->own.ops = checkpointer->ops;
    checkpointer->own_in_flight = true;
    return &checkpointer->own;
}

static const struct aero_disk_request *manifest_request(struct aero_checkpointer *checkpointer)
{
    checkpointer->edits_writing = checkpointer->edits;
    checkpointer->notes_writing = checkpointer->notes;
    checkpointer->own.op_count =
        aero_manifest_ops(&checkpointer->next, HANDLE_MANIFEST, !checkpointer->manifest_open,
                          &checkpointer->manifest_bytes, checkpointer->ops);
    checkpointer->manifest_open = true;
    return give_own(checkpointer, AERO_DOMAIN_MANIFEST);
}

/* Behind the naming edit, and for files that nobody names: one bounded request after the other. */
static const struct aero_disk_request *truncation_request(struct aero_checkpointer *checkpointer)
{
    checkpointer->own.op_count = 0;
    if (checkpointer->state == STATE_TRUNCATING) {
        add_segments(checkpointer);
    }
    if (checkpointer->own.op_count == 0) {
        add_doomed(checkpointer);
    }
    if (checkpointer->own.op_count > 0) {
        return give_own(checkpointer,
                        checkpointer->leaving_files > 0 ? AERO_DOMAIN_WAL : AERO_DOMAIN_SNAPSHOT);
    }
    if (checkpointer->state == STATE_TRUNCATING) {
        finish(checkpointer, aero_ok());
    }
    return NULL;
}

const struct aero_disk_request *
aero_checkpointer_next_request(struct aero_checkpointer *checkpointer)
{
    if (checkpointer->failed) {
        return NULL; /* decision 22: no checkpoint, truncation, reuse or deletion until a restart */
    }
    /* Nothing is removed while an edit waits: the manifest that is durable may still name it (FM-9.2, decision 13). */
    if (!checkpointer->own_in_flight) {
        const struct aero_disk_request *own = checkpointer->edits > checkpointer->edits_writing
                                                  ? manifest_request(checkpointer)
                                                  : truncation_request(checkpointer);
        if (own != NULL) {
            return own;
        }
    }
    const struct aero_disk_request *piece =
        checkpointer->writer != NULL ? aero_snapshot_writer_next(checkpointer->writer) : NULL;
    AERO_ASSERT(piece == NULL || piece->lane == AERO_CHECKPOINT_LANE_SNAPSHOT);
    checkpointer->writer_in_flight = checkpointer->writer_in_flight || piece != NULL;
    return piece;
}

static void on_manifest_written(struct aero_checkpointer *checkpointer)
{
    /* `next` may be ahead by now: what is durable is what these bytes say. */
    struct aero_manifest written;
    enum aero_manifest_copy copy;
    aero_status status = aero_manifest_decode(
        aero_slice_of(checkpointer->manifest_bytes.data, checkpointer->manifest_bytes.length / 2),
        &written, &copy);
    AERO_ASSERT(aero_is_ok(status));
    aero_manifest_deinit(&checkpointer->manifest);
    checkpointer->manifest = written;
    checkpointer->edits_durable = checkpointer->edits_writing;
    if (checkpointer->state == STATE_NAMING &&
        checkpointer->edits_durable >= checkpointer->naming_edit) {
        checkpointer->state = STATE_TRUNCATING;
    }
}

static void fail(struct aero_checkpointer *checkpointer,
                 const struct aero_disk_completion *completion)
{
    const struct aero_disk_op *op = &checkpointer->ops[completion->failed_op];
    checkpointer->failed = true;
    checkpointer->failure = completion->status;
    checkpointer->failed_call = aero_disk_call_text(op->kind);
    /* Operations on an open file do not name it: of ours that is the manifest. */
    snprintf(checkpointer->failed_file.text, sizeof checkpointer->failed_file.text, "%s",
             op->name[0] != '\0' ? op->name : AERO_MANIFEST_FILE);
    give_up_if_failed(checkpointer);
}

static void on_own_completion(struct aero_checkpointer *checkpointer,
                              const struct aero_disk_completion *completion)
{
    checkpointer->own_in_flight = false;
    if (!aero_is_ok(completion->status) &&
        aero_disk_failure(checkpointer->own.domain, checkpointer->ops[completion->failed_op].kind,
                          completion->status) == AERO_DISK_CLOSE) {
        fail(checkpointer, completion);
    } else if (checkpointer->own.domain == AERO_DOMAIN_MANIFEST) {
        on_manifest_written(checkpointer);
    } else {
        if (!aero_is_ok(completion->status)) {
            on_truncation_failed(checkpointer, completion);
        }
        after_truncation(checkpointer);
    }
}

void aero_checkpointer_on_completion(struct aero_checkpointer *checkpointer,
                                     const struct aero_disk_completion *completion)
{
    if (completion->request_id > OWN_ID_FIRST) {
        AERO_ASSERT(checkpointer->own_in_flight && completion->request_id == checkpointer->own.id);
        on_own_completion(checkpointer, completion);
    } else {
        AERO_ASSERT(checkpointer->writer != NULL);
        checkpointer->writer_in_flight = false;
        aero_snapshot_writer_on_completion(checkpointer->writer, completion);
        if (aero_snapshot_writer_done(checkpointer->writer)) {
            end_snapshot(checkpointer);
        }
        give_up_if_failed(checkpointer);
    }
}
