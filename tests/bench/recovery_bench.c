/* SPDX-License-Identifier: Apache-2.0 */
/* recovery_bench DIRECTORY [megabytes]: how fast a start is. Writes a log of that size with 1 KiB values and one with
 * 64-byte values (16-byte keys in random order, each key written about twice), recovers from it, takes a snapshot, and
 * recovers from that. Files are in the page cache, as after a crash of the process. DIRECTORY is made and must not hold
 * a data directory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/ports.h"
#include "base/prng.h"
#include "engine/operation.h"
#include "engine/recovery.h"
#include "engine/snapshot.h"
#include "engine/wal_writer.h"

#define KEY_BYTES 16
#define GROUP_RECORDS 256
#define MIB (1024.0 * 1024.0)

struct lap {
    double wall_s;
    double
        cpu_s; /* what a machine with nothing else to do would take, if it did not wait for the disk */
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct lap lap_begin(void)
{
    return (struct lap){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct lap lap_end(struct lap begin)
{
    struct lap now = lap_begin();
    return (struct lap){now.wall_s - begin.wall_s, now.cpu_s - begin.cpu_s};
}

static void print_lap(const char *what, struct lap lap, uint64_t bytes, uint64_t count)
{
    printf("  %-15s %6.0f MiB/s %6.2f million/s   (of CPU time: %6.0f MiB/s %6.2f million/s)\n",
           what, (double)bytes / MIB / lap.wall_s, (double)count / lap.wall_s / 1e6,
           (double)bytes / MIB / lap.cpu_s, (double)count / lap.cpu_s / 1e6);
}

static aero_id draw_id(void)
{
    struct aero_entropy entropy = aero_entropy_posix();
    return entropy.id(entropy.self);
}

static void must(aero_status status, const char *what)
{
    if (!aero_is_ok(status)) {
        fprintf(stderr, "%s: %s\n", what, aero_code_text(status.code));
        exit(1);
    }
}

static struct aero_manifest create(struct aero_disk disk)
{
    struct aero_manifest manifest = {.cluster_id = draw_id(),
                                     .node_id = draw_id(),
                                     .node_name = "bench",
                                     .role = AERO_ROLE_PRIMARY,
                                     .epoch = {1}};
    struct aero_incarnation incarnation = {
        .epoch = {1}, .nonce = draw_id(), .node_id = manifest.node_id, .node_name = "bench"};
    must(aero_history_add_incarnation(&manifest.history, &incarnation), "history");
    must(aero_create(disk, &manifest), "create");
    return manifest;
}

/* Runs what the writer asks for, until it asks for nothing. */
static void run_requests(struct aero_disk disk, struct aero_disk_handles *handles,
                         struct aero_wal_writer *wal)
{
    const struct aero_disk_request *request;
    while ((request = aero_wal_next_request(wal)) != NULL) {
        struct aero_disk_completion completion;
        struct aero_wal_segment segment;
        aero_disk_run(disk, handles, request, &completion);
        must(completion.status, "log");
        aero_wal_on_completion(wal, &completion);
        (void)aero_wal_take_new_segment(wal, &segment);
        if (aero_wal_needs_nonce(wal)) {
            aero_wal_give_nonce(wal, draw_id());
        }
    }
}

static void write_log(struct aero_disk disk, const struct aero_manifest *manifest, uint64_t records,
                      size_t value_bytes)
{
    const struct aero_wal_options options = {
        .switches = {.group_commit = true, .wal_batching = true},
        .segment_bytes = 64 << 20,
        .queue_bytes = 64 << 20,
    };
    const struct aero_wal_start start = {.cluster_id = manifest->cluster_id,
                                         .epoch = {1},
                                         .incarnation = manifest->history.incarnations[0].nonce,
                                         .nonce = draw_id()};
    struct aero_wal_writer *wal = aero_wal_new(&options, &start);
    struct aero_disk_handles handles = {{0}};
    struct aero_buffer payload = {0};
    struct aero_prng prng;
    uint8_t *value = aero_calloc(1, value_bytes);
    aero_prng_init(&prng, 1);
    run_requests(disk, &handles, wal);
    for (uint64_t i = 0; i < records; i++) {
        char key[KEY_BYTES + 1];
        snprintf(key, sizeof key, "key:%012llu",
                 (unsigned long long)aero_prng_below(&prng, records / 2));
        memcpy(value, &i, sizeof i);
        const struct aero_operation operation = {.kind = AERO_PUT,
                                                 .key = aero_slice_of(key, KEY_BYTES),
                                                 .value = aero_slice_of(value, value_bytes)};
        aero_buffer_clear(&payload);
        aero_commit_begin(&payload, (aero_wall_ms){i});
        aero_commit_add(&payload, &operation);
        aero_wal_append(wal, AERO_RECORD_COMMIT, aero_buffer_slice(&payload));
        if (i % GROUP_RECORDS == 0 || i + 1 == records) {
            aero_wal_submit(wal);
            run_requests(disk, &handles, wal);
        }
    }
    aero_wal_flush_proof(wal);
    run_requests(disk, &handles, wal);
    free(value);
    aero_buffer_deinit(&payload);
    aero_disk_handles_close(disk, &handles);
    aero_wal_free(wal);
}

/* Best of three: the first start after writing makes the end durable anew, and the machine may be shared. */
static struct aero_recovered recover(struct aero_disk disk, struct lap *out_best)
{
    struct aero_recovered recovered = {.tree = NULL};
    *out_best = (struct lap){1e9, 1e9};
    for (unsigned round = 0; round < 3; round++) {
        struct aero_recovery_report report;
        aero_recovered_deinit(&recovered);
        struct lap begin = lap_begin();
        aero_status status = aero_recover(disk, NULL, &recovered, &report);
        struct lap lap = lap_end(begin);
        if (!aero_is_ok(status)) {
            fprintf(stderr, "recover: %s\n", report.text);
            exit(1);
        }
        *out_best = lap.cpu_s < out_best->cpu_s ? lap : *out_best;
    }
    return recovered;
}

static struct lap write_snapshot(struct aero_disk disk, struct aero_recovered *recovered)
{
    const struct aero_snapshot_header header = {
        .cluster_id = recovered->manifest.cluster_id,
        .id = draw_id(),
        .epoch = {1},
        .position = recovered->end,
        .sequence = recovered->files[recovered->file_count - 1].header.sequence,
        .expiry_clock = recovered->expiry_clock,
        .history = recovered->manifest.history,
    };
    struct aero_view *view = aero_view_open(recovered->tree);
    struct aero_disk_handles handles = {{0}};
    struct lap begin = lap_begin();
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    const struct aero_disk_request *request;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        aero_disk_run(disk, &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    struct lap lap = lap_end(begin);
    struct aero_snapshot_entry *entry =
        &recovered->manifest.snapshots[recovered->manifest.snapshot_count++];
    must(aero_snapshot_writer_result(writer, entry), "snapshot");
    must(aero_manifest_write(disk, &recovered->manifest), "manifest");
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    return lap;
}

static void bench(const char *parent, const char *name, uint64_t bytes, size_t value_bytes)
{
    char directory[512];
    struct aero_disk_posix *posix;
    struct lap lap;
    snprintf(directory, sizeof directory, "%s/%s", parent, name);
    must(aero_disk_posix_open(directory, true, &posix), directory);
    struct aero_disk disk = aero_disk_posix_port(posix);
    struct aero_manifest manifest = create(disk);
    uint64_t records = bytes / (value_bytes + 100);
    write_log(disk, &manifest, records, value_bytes);
    aero_manifest_deinit(&manifest);
    struct aero_recovered recovered = recover(disk, &lap);
    printf("values of %zu bytes: %llu commits, %llu entries\n", value_bytes,
           (unsigned long long)recovered.replayed_records,
           (unsigned long long)aero_tree_summary(recovered.tree).count);
    print_lap("WAL replay", lap, recovered.replayed_bytes, recovered.replayed_records);
    lap = write_snapshot(disk, &recovered);
    const struct aero_snapshot_entry entry = recovered.manifest.snapshots[0];
    print_lap("snapshot write", lap, entry.size_bytes, entry.entry_count);
    aero_recovered_deinit(&recovered);
    recovered = recover(disk, &lap);
    AERO_ASSERT(recovered.replayed_records == 0);
    print_lap("snapshot load", lap, entry.size_bytes, entry.entry_count);
    aero_recovered_deinit(&recovered);
    aero_disk_posix_close(posix);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: recovery_bench DIRECTORY [megabytes]\n");
        return 2;
    }
    uint64_t bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 512) << 20;
    struct aero_disk_posix *posix;
    must(aero_disk_posix_open(argv[1], true, &posix), argv[1]); /* makes the directory */
    aero_disk_posix_close(posix);
    bench(argv[1], "large", bytes, 1024);
    bench(argv[1], "small", bytes, 64);
    return 0;
}
