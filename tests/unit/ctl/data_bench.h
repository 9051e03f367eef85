/* SPDX-License-Identifier: Apache-2.0 */
/* A node's data directory built by hand from the codecs, so that a mistake of the writers cannot hide one of the readers.
 *
 *     data_begin(...)  data_segment(...)  data_put(...)...  data_snapshot(...)  data_end(...)
 *
 * Segments are sealed when the next one begins; digest records stand where they must. */
#ifndef AERO_TESTS_DATA_BENCH_H
#define AERO_TESTS_DATA_BENCH_H

#include "base/le.h"
#include "engine/manifest.h"
#include "engine/operation.h"
#include "engine/proof.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "engine/snapshot.h"
#include "tests/unit/ctl/ctl_bench.h"

struct data_bench {
    struct ctl_bench *ctl;
    char name[64];
    struct aero_disk_posix *posix;
    struct aero_disk disk;
    struct aero_manifest manifest;
    struct aero_tree *tree;
    struct aero_disk_file *file; /* of the segment */
    struct aero_segment_header header;
    uint64_t offset;
    uint64_t record_count;
    uint64_t prev_chain;
    struct aero_position end;
    uint64_t last_offset; /* where the last record begins */
    char segment[AERO_DISK_NAME_MAX];
};

static inline aero_id data_id(uint8_t seed)
{
    aero_id id;
    memset(id.bytes, seed, sizeof id.bytes);
    return id;
}

static inline void data_ok(aero_status status)
{
    AERO_ASSERT(aero_is_ok(status));
}

static inline void data_write(struct data_bench *data, uint64_t offset, const void *bytes,
                              size_t length)
{
    size_t written;
    data_ok(data->disk.ops->write(data->disk.self, data->file, offset, aero_slice_of(bytes, length),
                                  &written));
}

/* An empty directory of a node, at epoch 1, in its first incarnation. Nodes of one cluster share `cluster_seed`. */
static inline struct data_bench *data_begin(struct ctl_bench *ctl, const char *name,
                                            enum aero_role role, uint8_t cluster_seed)
{
    struct data_bench *data = aero_calloc(1, sizeof *data);
    char path[AERO_CTL_PATH_MAX];
    data->ctl = ctl;
    snprintf(data->name, sizeof data->name, "%s", name);
    data_ok(aero_disk_posix_open(ctl_bench_path(ctl, name, path), true, &data->posix));
    data->disk = aero_disk_posix_port(data->posix);
    data->tree = aero_tree_new();
    data->manifest = (struct aero_manifest){
        .cluster_id = data_id(cluster_seed),
        .node_id = data_id(role == AERO_ROLE_PRIMARY ? 101 : 102),
        .role = role,
        .epoch = {1},
    };
    snprintf(data->manifest.node_name, sizeof data->manifest.node_name, "%s", name);
    return data;
}

/* From here on records are of this incarnation, which the primary originates. */
static inline void data_incarnation(struct data_bench *data, uint8_t seed)
{
    struct aero_incarnation entry = {.epoch = {1},
                                     .nonce = data_id(seed),
                                     .node_id = data_id(101),
                                     .node_name = "p",
                                     .start = data->end};
    data_ok(aero_history_add_incarnation(&data->manifest.history, &entry));
}

static inline void data_seal(struct data_bench *data)
{
    uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
    struct aero_segment_footer footer = {
        .sequence = data->header.sequence,
        .end_offset = data->offset,
        .end = data->end,
        .record_count = data->record_count,
        .segment_nonce = aero_segment_nonce64(data->header.nonce),
    };
    aero_segment_footer_encode(&footer, bytes);
    data_write(data, data->offset, bytes, sizeof bytes);
}

static inline void data_close_segment(struct data_bench *data)
{
    data->disk.ops->close(data->disk.self, data->file);
    data->file = NULL;
}

/* Begins the next segment; the one before is sealed unless `cut` (then its header alone names where that one ended). */
static inline void data_segment_after(struct data_bench *data, uint8_t nonce_seed, bool cut)
{
    uint8_t bytes[AERO_SEGMENT_HEADER_BYTES];
    const struct aero_history *history = &data->manifest.history;
    if (data->file != NULL) {
        if (!cut) {
            data_seal(data);
        }
        data_close_segment(data);
    }
    data->header = (struct aero_segment_header){
        .cluster_id = data->manifest.cluster_id,
        .epoch = {1},
        .incarnation = history->incarnations[history->incarnation_count - 1].nonce,
        .sequence = data->header.sequence + 1,
        .first_lsn = aero_lsn_next(data->end.lsn),
        .nonce = data_id(nonce_seed),
        .prev_sequence = data->header.sequence,
        .prev_end_offset = data->header.sequence == 0 ? 0 : data->offset,
        .prev_end = data->end,
    };
    aero_segment_header_encode(&data->header, bytes);
    aero_segment_name(data->header.first_lsn, data->header.sequence, data->segment);
    data_ok(
        data->disk.ops->open(data->disk.self, data->segment, AERO_DISK_CREATE_NEW, &data->file));
    data_write(data, 0, bytes, sizeof bytes);
    data->offset = AERO_SEGMENT_HEADER_BYTES;
    data->record_count = 0;
    data->prev_chain = data->header.chain0;
    struct aero_segment_start start = {.sequence = data->header.sequence,
                                       .before = data->end,
                                       .nonce = data->header.nonce,
                                       .incarnation = data->header.incarnation};
    aero_history_add_segment(&data->manifest.history, &start);
}

static inline void data_segment(struct data_bench *data, uint8_t nonce_seed)
{
    data_segment_after(data, nonce_seed, false);
}

static inline void data_record(struct data_bench *data, enum aero_record_type type,
                               struct aero_slice payload)
{
    size_t length = aero_record_bytes(payload.length);
    uint8_t *bytes = aero_malloc(length);
    aero_record_prepare(type, payload, bytes);
    struct aero_record_place place = {
        .lsn = aero_lsn_next(data->end.lsn),
        .durable_mark = data->end.lsn, /* each record is a group of its own */
        .segment_nonce = aero_segment_nonce64(data->header.nonce),
        .prev_chain = data->prev_chain,
    };
    uint64_t chain = aero_record_stamp(bytes, &place);
    data_write(data, data->offset, bytes, length);
    free(bytes);
    data->last_offset = data->offset;
    data->offset += length;
    data->record_count++;
    data->prev_chain = chain;
    data->end = (struct aero_position){.lsn = place.lsn, .chain = chain};
}

static inline void data_digest(struct data_bench *data)
{
    struct aero_summary summary = aero_tree_summary(data->tree);
    uint8_t payload[32] = {0};
    aero_store_u64(payload + 8, summary.digest.low);
    aero_store_u64(payload + 16, summary.digest.high);
    aero_store_u64(payload + 24, summary.count);
    data_record(data, AERO_RECORD_DIGEST, aero_slice_of(payload, sizeof payload));
}

static inline void data_put(struct data_bench *data, const char *key, const char *value)
{
    struct aero_buffer payload = {0};
    struct aero_operation put = {
        .kind = AERO_PUT, .key = aero_slice_text(key), .value = aero_slice_text(value)};
    aero_wall_ms clock;
    if ((data->end.lsn.value + 1) % AERO_DIGEST_INTERVAL_LSN == 0) {
        data_digest(data);
    }
    aero_commit_begin(&payload, (aero_wall_ms){1});
    aero_commit_add(&payload, &put);
    data_record(data, AERO_RECORD_COMMIT, aero_buffer_slice(&payload));
    data_ok(aero_apply_commit(data->tree, aero_buffer_slice(&payload), &clock));
    aero_buffer_deinit(&payload);
}

/* "k1" = "v1", "k2" = "v2", ... up to the LSN, digest records included. */
static inline void data_put_to(struct data_bench *data, uint64_t last_lsn)
{
    while (data->end.lsn.value < last_lsn) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "k%llu", (unsigned long long)data->end.lsn.value % 500);
        snprintf(value, sizeof value, "v%llu", (unsigned long long)data->end.lsn.value);
        data_put(data, key, value);
    }
}

/* A snapshot of the state as it is now, named by the manifest. */
static inline void data_snapshot(struct data_bench *data, uint8_t seed)
{
    struct aero_disk_handles handles = {{0}};
    struct aero_view *view = aero_view_open(data->tree);
    struct aero_snapshot_header header = {
        .cluster_id = data->manifest.cluster_id,
        .id = data_id(seed),
        .epoch = {1},
        .position = data->end,
        .sequence = data->header.sequence,
        .expiry_clock = {1},
        .history = data->manifest.history,
    };
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    const struct aero_disk_request *request;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        aero_disk_run(data->disk, &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    struct aero_snapshot_entry *entry = &data->manifest.snapshots[data->manifest.snapshot_count++];
    data_ok(aero_snapshot_writer_result(writer, entry));
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    while (!aero_tree_reclaim(data->tree, UINT32_MAX)) {
    }
}

/* Writes the proof for all that is there. */
static inline void data_prove(struct data_bench *data, uint64_t generation)
{
    uint8_t slots[2 * AERO_PROOF_SLOT_BYTES] = {0};
    struct aero_proof proof = {.generation = generation,
                               .segment_sequence = data->header.sequence,
                               .segment_nonce = data->header.nonce,
                               .end_offset = data->offset,
                               .end = data->end};
    aero_proof_encode(&proof, slots + generation % 2 * AERO_PROOF_SLOT_BYTES);
    data_ok(aero_disk_replace_file(data->disk, "", AERO_PROOF_FILE,
                                   aero_slice_of(slots, sizeof slots)));
}

/* Writes the manifest, lets go of the directory. The values stay readable until data_free. */
static inline void data_end(struct data_bench *data)
{
    if (data->file != NULL) {
        data_close_segment(data);
    }
    data_ok(aero_manifest_write(data->disk, &data->manifest));
    aero_disk_posix_close(data->posix);
    data->posix = NULL;
}

static inline void data_free(struct data_bench *data)
{
    aero_disk_posix_close(data->posix);
    aero_manifest_deinit(&data->manifest);
    aero_tree_free(data->tree);
    free(data);
}

/* ---- Damage, by path ----------------------------------------------------------------------------------------- */

static inline FILE *data_open(struct data_bench *data, const char *name, const char *how)
{
    char relative[AERO_CTL_PATH_MAX];
    char path[AERO_CTL_PATH_MAX];
    AERO_ASSERT(aero_ctl_path(data->name, name, relative));
    FILE *file = fopen(ctl_bench_path(data->ctl, relative, path), how);
    AERO_ASSERT(file != NULL);
    return file;
}

/* Proves it, writes its manifest and lets go of it: the directory stays. */
static inline void data_finish(struct data_bench *data)
{
    data_prove(data, 2);
    data_end(data);
    data_free(data);
}

static inline void data_flip(struct data_bench *data, const char *name, uint64_t offset)
{
    FILE *file = data_open(data, name, "r+");
    AERO_ASSERT(fseek(file, (long)offset, SEEK_SET) == 0);
    int byte = fgetc(file);
    AERO_ASSERT(byte != EOF && fseek(file, (long)offset, SEEK_SET) == 0);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

static inline void data_cut(struct data_bench *data, const char *name, uint64_t length)
{
    FILE *file = data_open(data, name, "r+");
    AERO_ASSERT(ftruncate(fileno(file), (off_t)length) == 0);
    fclose(file);
}

static inline void data_remove(struct data_bench *data, const char *name)
{
    char relative[AERO_CTL_PATH_MAX];
    char path[AERO_CTL_PATH_MAX];
    AERO_ASSERT(aero_ctl_path(data->name, name, relative));
    AERO_ASSERT(unlink(ctl_bench_path(data->ctl, relative, path)) == 0);
}

#endif
