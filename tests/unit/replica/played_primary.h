/* SPDX-License-Identifier: Apache-2.0 */
/* The primary that a test plays to a replica: a log made record by record (recovery_world.h), told in frames, lies included.
 *
 *     set, world_digest         its log grows by a commit, by a digest record; begin_segment
 *     fork_behind, rot          it is another one from there on; its state is not what its log says
 *     dial, resume, offer       a link opens; its verdict: the log goes on, or a snapshot comes
 *     ship, tell_*              it sends what is new of its log, or anything else
 *     follow, follow_to         all three, and what came is durable and applied
 *     following, bootstrapped   a replica that has come so far */
#ifndef AERO_TESTS_PLAYED_PRIMARY_H
#define AERO_TESTS_PLAYED_PRIMARY_H

#include "server/keyspace_codec.h"
#include "shipping/handshake.h"
#include "tests/unit/replica/replica_bench.h"

#define CHUNK_BYTES (WINDOW_BYTES / 4)

/* ---- The primary's log -------------------------------------------------------------------------------------- */

/* SET, as a primary logs it; deadline 0: it does not expire. */
static inline void set_until(struct bench *bench, const char *key, const char *value,
                             uint64_t deadline_ms)
{
    uint8_t header[AERO_VALUE_HEADER_MAX];
    struct aero_buffer stored_key = {0};
    struct aero_buffer stored = {0};
    struct aero_buffer index = {0};
    aero_buffer_append(&stored, header, aero_encode_value_header(header, deadline_ms));
    aero_buffer_append_slice(&stored, aero_slice_text(value));
    const struct aero_operation operations[] = {
        {.kind = AERO_PUT,
         .key = aero_encode_key(&stored_key, 0, aero_slice_text(key)),
         .value = aero_buffer_slice(&stored)},
        {.kind = AERO_PUT,
         .key = aero_encode_deadline(&index, 0, deadline_ms, aero_slice_text(key))},
    };
    world_commit(&bench->primary, operations, deadline_ms == 0 ? 1 : 2);
    aero_buffer_deinit(&stored_key);
    aero_buffer_deinit(&stored);
    aero_buffer_deinit(&index);
}

static inline void set(struct bench *bench, const char *key, const char *value)
{
    set_until(bench, key, value, 0);
}

/* Commits of keys k1, k2, ... that say their LSN. */
static inline void set_many(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[24];
        char value[24];
        uint64_t lsn = bench->primary.position.lsn.value + 1;
        snprintf(key, sizeof key, "k%llu", (unsigned long long)lsn);
        snprintf(value, sizeof value, "at %llu", (unsigned long long)lsn);
        set(bench, key, value);
    }
}

/* Another one took over behind `lsn`: the same log so far, of one segment, and other commits since. */
static inline void fork_behind(struct bench *bench, unsigned lsn, unsigned others)
{
    world_free(&bench->primary);
    bench->primary = primary();
    begin_segment(bench, false);
    set_many(bench, lsn);
    for (unsigned i = 0; i < others; i++) {
        set(bench, "fork", "another commit");
    }
}

/* What the log does not say: the primary's state is another one from now on. */
static inline void rot(struct bench *bench)
{
    const struct aero_operation operation = {
        .kind = AERO_PUT, .key = aero_slice_text("rot"), .value = aero_slice_text("rot")};
    aero_apply(bench->primary.tree, &operation, NULL);
}

/* ---- The link ----------------------------------------------------------------------------------------------- */

/* Opens a link; what the Hello says is heard. */
static inline void dial(struct bench *bench)
{
    assert_true(aero_replica_wants_link(bench->replica));
    memset(&bench->heard, 0, sizeof bench->heard);
    aero_replica_on_link_open(bench->replica, "alpha");
    hear(bench);
    assert_int_equal(bench->heard.count[AERO_FRAME_HELLO], 1);
}

static inline void hang_up_at_once(struct bench *bench)
{
    aero_replica_on_link_closed(bench->replica, "the test hung up");
}

/* Longer than any delay between two attempts; the disk gets nothing done meanwhile. */
static inline void wait_for_link(struct bench *bench)
{
    bench->mono.value += (uint64_t)60 * 1000000000;
    tick(bench);
}

/* The link is gone, and the replica would dial again. */
static inline void hang_up(struct bench *bench)
{
    hang_up_at_once(bench);
    wait_for_link(bench);
    turn(bench);
}

static inline void tell(struct bench *bench, struct aero_buffer *frames)
{
    assert_true(aero_replica_on_link_bytes(bench->replica, aero_buffer_slice(frames)));
    aero_buffer_deinit(frames);
}

static inline void tell_frame(struct bench *bench, enum aero_frame_type type,
                              struct aero_slice payload)
{
    struct aero_buffer frames = {0};
    aero_frame_append(&frames, type, payload);
    tell(bench, &frames);
}

static inline void tell_chunk(struct bench *bench, enum aero_frame_type type, uint64_t first,
                              uint64_t second, struct aero_slice bytes)
{
    struct aero_buffer frames = {0};
    aero_frame_append_chunk(&frames, type, first, second, bytes);
    tell(bench, &frames);
}

static inline void tell_message(struct bench *bench, const struct aero_message *message)
{
    struct aero_buffer frames = {0};
    aero_message_append(&frames, message);
    tell(bench, &frames);
}

/* The verdict of the primary as it is; `wanted` says of which kind, and what is its own. */
static inline void answer(struct bench *bench, const struct aero_message_verdict *wanted)
{
    const struct aero_manifest *manifest = &bench->primary.manifest;
    struct aero_buffer history = {0};
    struct aero_message message = {.type = AERO_FRAME_VERDICT, .as.verdict = *wanted};
    struct aero_message_verdict *verdict = &message.as.verdict;
    aero_handshake_encode_history(&manifest->history, &history);
    verdict->cluster_id = manifest->cluster_id;
    verdict->node_id = manifest->node_id;
    verdict->epoch = manifest->epoch;
    verdict->history = aero_buffer_slice(&history);
    verdict->durable = bench->primary.position.lsn;
    snprintf(verdict->node_name, sizeof verdict->node_name, "%s", manifest->node_name);
    tell_message(bench, &message);
    aero_buffer_deinit(&history);
}

/* "Go on where you are": in the open segment, or from its header on. */
static inline void tell_resume(struct bench *bench)
{
    const struct aero_message_hello *hello = &bench->heard.hello;
    bool inside = hello->end_sequence == bench->primary.segment.sequence;
    bench->shipped = inside ? hello->end_offset : 0;
    answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_RESUME,
                                                 .resume_sequence = bench->primary.segment.sequence,
                                                 .resume_offset = bench->shipped});
}

/* The same, and the primary's history is durable here: records may come. */
static inline void resume(struct bench *bench)
{
    tell_resume(bench);
    turn(bench);
}

static inline void ship_header(struct bench *bench)
{
    tell_frame(bench, AERO_FRAME_SEGMENT,
               aero_slice_of(bench->primary.bytes.data, AERO_SEGMENT_HEADER_BYTES));
    bench->shipped = AERO_SEGMENT_HEADER_BYTES;
}

/* The open segment, from where it is shipped up to `end`. */
static inline void ship_to(struct bench *bench, uint64_t end)
{
    if (bench->shipped == 0) {
        ship_header(bench);
    }
    if (bench->shipped < end) {
        tell_chunk(bench, AERO_FRAME_CHUNK, bench->primary.segment.sequence, bench->shipped,
                   aero_slice_of(bench->primary.bytes.data + bench->shipped,
                                 (size_t)(end - bench->shipped)));
        bench->shipped = end;
    }
}

/* All of it. */
static inline void ship(struct bench *bench)
{
    ship_to(bench, bench->primary.bytes.length);
}

/* Where the open segment's record `lsn` ends. */
static inline uint64_t end_of(struct bench *bench, uint64_t lsn)
{
    uint64_t end = AERO_SEGMENT_HEADER_BYTES;
    struct aero_record_header record = {.lsn = bench->primary.segment.prev_end.lsn};
    while (record.lsn.value < lsn) {
        assert_true(aero_is_ok(aero_record_decode(
            aero_slice_of(bench->primary.bytes.data + end, AERO_RECORD_HEADER_BYTES), &record)));
        end += aero_record_bytes(record.payload_length);
    }
    return end;
}

/* A link opens and the log goes on, up to record `lsn`; it is durable here and applied. */
static inline void follow_to(struct bench *bench, uint64_t lsn)
{
    dial(bench);
    resume(bench);
    ship_to(bench, end_of(bench, lsn));
    turn(bench);
}

/* All of it. */
static inline void follow(struct bench *bench)
{
    follow_to(bench, bench->primary.position.lsn.value);
}

/* A replica that holds nothing follows: the primary's log is shipped, durable here, applied. */
static inline struct bench *following(unsigned commits)
{
    struct bench *bench = bench_new();
    set_many(bench, commits);
    follow(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_FOLLOWING);
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, commits);
    return bench;
}

/* The list of incarnations on the replica's disk, told by the last byte of each nonce. */
static inline void expect_history(struct bench *bench, const char *seeds)
{
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    assert_true(aero_is_ok(aero_manifest_read(power_disk_port(bench->disk), &manifest, &found)));
    assert_int_equal(manifest.history.incarnation_count, strlen(seeds));
    for (size_t i = 0; seeds[i] != '\0'; i++) {
        assert_true(
            aero_id_equal(manifest.history.incarnations[i].nonce, world_id((uint8_t)seeds[i])));
    }
    aero_manifest_deinit(&manifest);
}

/* The primary's list is the first one, 'A', and these, which all start behind `start`. */
static inline void set_incarnations(struct bench *bench, const char *seeds,
                                    struct aero_position start)
{
    struct aero_history *history = &bench->primary.manifest.history;
    history->incarnation_count = 1;
    for (size_t i = 0; seeds[i] != '\0'; i++) {
        const struct aero_incarnation entry = {.epoch = history->incarnations[0].epoch,
                                               .nonce = world_id((uint8_t)seeds[i]),
                                               .node_id = WORLD_NODE,
                                               .node_name = "alpha",
                                               .start = start};
        assert_true(aero_is_ok(aero_history_add_incarnation(history, &entry)));
    }
}

/* ---- Snapshots ---------------------------------------------------------------------------------------------- */

/* The primary's snapshot of its state now; its manifest names it. */
static inline const struct aero_snapshot_entry *snapshot(struct bench *bench)
{
    world_snapshot(&bench->primary);
    return &bench->primary.manifest.snapshots[bench->primary.manifest.snapshot_count - 1];
}

/* The primary's file. */
static inline struct aero_buffer *snapshot_file(struct bench *bench,
                                                const struct aero_snapshot_entry *entry)
{
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(entry, name);
    return power_bytes(bench->primary.power, name);
}

/* "You need this snapshot; it comes from `offset` on." */
static inline void offer(struct bench *bench, const struct aero_snapshot_entry *entry,
                         uint64_t offset)
{
    answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_NEED_SNAPSHOT,
                                                 .snapshot = {.id = entry->id,
                                                              .position = entry->position,
                                                              .sequence = entry->sequence,
                                                              .size_bytes = entry->size_bytes,
                                                              .entry_count = entry->entry_count,
                                                              .digest = entry->digest},
                                                 .snapshot_offset = offset});
}

/* One chunk, or several, with turns of the host between them. */
static inline void tell_snapshot(struct bench *bench, const struct aero_snapshot_entry *entry,
                                 uint64_t from, uint64_t to)
{
    while (from < to) {
        uint64_t count = to - from < CHUNK_BYTES ? to - from : CHUNK_BYTES;
        tell_chunk(bench, AERO_FRAME_SNAPSHOT_CHUNK, from, 0,
                   aero_slice_of(snapshot_file(bench, entry)->data + from, (size_t)count));
        from += count;
        if (from < to) {
            turn(bench);
        }
    }
}

static inline void tell_whole_snapshot(struct bench *bench, const struct aero_snapshot_entry *entry,
                                       uint64_t from)
{
    tell_snapshot(bench, entry, from, entry->size_bytes);
    tell_frame(bench, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
}

/* What the host does once the core asks for it: swap, and begin again from the disk. */
static inline aero_status install(struct bench *bench)
{
    assert_true(aero_replica_wants_reopen(bench->replica));
    return aero_replica_install(bench->replica, power_disk_port(bench->disk));
}

static inline void reopen(struct bench *bench)
{
    assert_true(aero_is_ok(install(bench)));
    restart(bench);
}

/* A replica that took the primary's snapshot of its state after `commits`, and nothing of the log. */
static inline struct bench *bootstrapped(unsigned commits)
{
    struct bench *bench = bench_new();
    set_many(bench, commits);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    reopen(bench);
    return bench;
}

#endif
