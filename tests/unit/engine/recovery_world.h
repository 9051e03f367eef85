/* SPDX-License-Identifier: Apache-2.0 */
/* Small data directories, built byte by byte on a disk that can lose power, and what recovery makes of them.
 *
 *     world_begin(world, seal)      ends the segment (with a footer when `seal`), begins the next
 *     world_put(world, key, value)  one commit of one entry; world_commit: of any operations; world_digest: one digest record
 *     world_flush(world)            puts everything on the disk, durable; world_prove: with the proof of its end
 *     world_snapshot(world)         a snapshot of the state now, named by the manifest
 */
#ifndef AERO_TESTS_RECOVERY_WORLD_H
#define AERO_TESTS_RECOVERY_WORLD_H

#include "tests/unit/cmocka_setup.h"

#include "engine/operation.h"
#include "engine/record.h"
#include "engine/recovery.h"
#include "engine/snapshot.h"
#include "tests/unit/engine/power_disk.h"

#define WORLD_LSN_MAX 256

struct world {
    struct power_disk *power;
    struct aero_manifest manifest;
    struct aero_tree *tree;
    struct aero_position position;
    uint64_t prev_chain;
    aero_wall_ms clock;
    struct aero_segment_header segment;
    struct aero_buffer bytes; /* of the open segment */
    uint64_t record_count;
    uint64_t mark; /* what the next records say is durable; records written by hand, so by hand */
    uint8_t snapshots;
    struct aero_summary states[WORLD_LSN_MAX + 1]; /* after each LSN */
};

static inline aero_id world_id(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

#define WORLD_CLUSTER world_id(0x11)
#define WORLD_NODE world_id(0x22)
#define WORLD_OTHER_NODE world_id(0x23)
#define WORLD_INCARNATION world_id(0x41)

/* A node of this role whose log was written by `origin`. */
static inline struct world world_new(enum aero_role role, aero_id origin)
{
    struct world world = {
        .power = power_disk_new(),
        .manifest = {.cluster_id = WORLD_CLUSTER,
                     .node_id = WORLD_NODE,
                     .node_name = "alpha",
                     .role = role,
                     .epoch = {.value = 2}},
        .tree = aero_tree_new(),
        .clock = {.value = 1000},
    };
    struct aero_incarnation incarnation = {.epoch = {.value = 2},
                                           .nonce = WORLD_INCARNATION,
                                           .node_id = origin,
                                           .node_name = "origin"};
    AERO_ASSERT(aero_is_ok(aero_history_add_incarnation(&world.manifest.history, &incarnation)));
    AERO_ASSERT(aero_is_ok(aero_create(power_disk_port(world.power), &world.manifest)));
    return world;
}

static inline void world_free(struct world *world)
{
    power_disk_free(world->power);
    aero_manifest_deinit(&world->manifest);
    aero_tree_free(world->tree);
    aero_buffer_deinit(&world->bytes);
}

static inline const char *world_segment_name(const struct world *world)
{
    static char name[AERO_DISK_NAME_MAX];
    aero_segment_name(world->segment.first_lsn, world->segment.sequence, name);
    return name;
}

static inline void world_flush(struct world *world)
{
    if (world->segment.sequence != 0) {
        power_put(world->power, world_segment_name(world), aero_buffer_slice(&world->bytes));
    }
}

static inline void world_write_manifest(struct world *world)
{
    AERO_ASSERT(aero_is_ok(aero_manifest_write(power_disk_port(world->power), &world->manifest)));
}

static inline void world_seal(struct world *world)
{
    uint8_t bytes[AERO_SEGMENT_FOOTER_BYTES];
    struct aero_segment_footer footer = {
        .sequence = world->segment.sequence,
        .end_offset = world->bytes.length,
        .end = world->position,
        .record_count = world->record_count,
        .segment_nonce = aero_segment_nonce64(world->segment.nonce),
    };
    aero_segment_footer_encode(&footer, bytes);
    aero_buffer_append(&world->bytes, bytes, sizeof bytes);
}

static inline void world_begin(struct world *world, bool seal)
{
    uint64_t end_offset = world->bytes.length;
    uint64_t sequence = world->segment.sequence + 1;
    if (seal) {
        world_seal(world);
    }
    world_flush(world);
    aero_buffer_clear(&world->bytes);
    world->segment = (struct aero_segment_header){
        .cluster_id = WORLD_CLUSTER,
        .epoch = {.value = 2},
        .incarnation = WORLD_INCARNATION,
        .sequence = sequence,
        .first_lsn = aero_lsn_next(world->position.lsn),
        .nonce = world_id((uint8_t)(0x80 + sequence)),
        .prev_sequence = sequence - 1,
        .prev_end_offset = end_offset,
        .prev_end = world->position,
    };
    aero_segment_header_encode(&world->segment,
                               aero_buffer_reserve(&world->bytes, AERO_SEGMENT_HEADER_BYTES));
    world->bytes.length = AERO_SEGMENT_HEADER_BYTES;
    world->prev_chain = world->segment.chain0;
    world->record_count = 0;
}

static inline void world_record(struct world *world, enum aero_record_type type,
                                struct aero_slice payload)
{
    static const uint8_t zeros[AERO_RECORD_ALIGN];
    struct aero_record_header header = {
        .type = type,
        .payload_length = (uint32_t)payload.length,
        .lsn = aero_lsn_next(world->position.lsn),
        .durable_mark = {.value = world->mark},
        .segment_nonce = aero_segment_nonce64(world->segment.nonce),
        .prev_chain = world->prev_chain,
        .payload_hash = aero_checksum64(payload),
    };
    uint8_t bytes[AERO_RECORD_HEADER_BYTES];
    aero_record_encode(&header, bytes);
    aero_buffer_append(&world->bytes, bytes, sizeof bytes);
    aero_buffer_append_slice(&world->bytes, payload);
    aero_buffer_append(&world->bytes, zeros,
                       aero_record_bytes(payload.length) - sizeof bytes - payload.length);
    world->position = (struct aero_position){.lsn = header.lsn, .chain = header.chain};
    world->prev_chain = header.chain;
    world->record_count++;
    AERO_ASSERT(header.lsn.value <= WORLD_LSN_MAX);
    world->states[header.lsn.value] = aero_tree_summary(world->tree);
}

static inline void world_commit(struct world *world, const struct aero_operation *operations,
                                size_t count)
{
    struct aero_buffer payload = {0};
    world->clock.value++;
    aero_commit_begin(&payload, world->clock);
    for (size_t i = 0; i < count; i++) {
        aero_commit_add(&payload, &operations[i]);
        aero_apply(world->tree, &operations[i], NULL);
    }
    world_record(world, AERO_RECORD_COMMIT, aero_buffer_slice(&payload));
    aero_buffer_deinit(&payload);
}

static inline void world_put(struct world *world, const char *key, const char *value)
{
    const struct aero_operation operation = {
        .kind = AERO_PUT, .key = aero_slice_text(key), .value = aero_slice_text(value)};
    world_commit(world, &operation, 1);
}

static inline void world_digest(struct world *world)
{
    uint8_t payload[AERO_DIGEST_PAYLOAD_BYTES];
    struct aero_digest_payload digest = {.expiry_clock = world->clock,
                                         .summary = aero_tree_summary(world->tree)};
    aero_digest_encode(&digest, payload);
    world_record(world, AERO_RECORD_DIGEST, aero_slice_of(payload, sizeof payload));
}

/* Puts with keys and values that differ. */
static inline void world_puts(struct world *world, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        char value[32];
        snprintf(key, sizeof key, "key:%llu",
                 (unsigned long long)(world->position.lsn.value * 7 % 20));
        snprintf(value, sizeof value, "value %llu", (unsigned long long)world->position.lsn.value);
        world_put(world, key, value);
    }
}

static inline void world_prove_at(struct world *world, uint64_t generation, uint64_t end_offset,
                                  struct aero_position end)
{
    uint8_t file[2 * AERO_PROOF_SLOT_BYTES] = {0};
    struct aero_proof proof = {.generation = generation,
                               .segment_sequence = world->segment.sequence,
                               .segment_nonce = world->segment.nonce,
                               .end_offset = end_offset,
                               .end = end};
    aero_proof_encode(&proof, file + generation % 2 * AERO_PROOF_SLOT_BYTES);
    power_put(world->power, AERO_PROOF_FILE, aero_slice_of(file, sizeof file));
}

static inline void world_prove(struct world *world)
{
    world_flush(world);
    world_prove_at(world, 5, world->bytes.length, world->position);
}

static inline const char *world_snapshot(struct world *world)
{
    static char name[AERO_DISK_NAME_MAX];
    struct aero_snapshot_header header = {
        .cluster_id = WORLD_CLUSTER,
        .id = world_id((uint8_t)(0xC0 + world->snapshots++)),
        .epoch = {.value = 2},
        .position = world->position,
        .sequence = world->segment.sequence,
        .expiry_clock = world->clock,
        .history = world->manifest.history,
    };
    struct aero_view *view = aero_view_open(world->tree);
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    struct aero_disk_handles handles = {{0}};
    const struct aero_disk_request *request;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        aero_disk_run(power_disk_port(world->power), &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    struct aero_snapshot_entry *entry =
        &world->manifest.snapshots[world->manifest.snapshot_count++];
    AERO_ASSERT(aero_is_ok(aero_snapshot_writer_result(writer, entry)));
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    aero_tree_reclaim(world->tree, UINT32_MAX);
    aero_snapshot_name(entry, name);
    world_write_manifest(world);
    return name;
}

/* ---- What recovery makes of it ---------------------------------------------------------------------------- */

struct outcome {
    aero_status status;
    struct aero_recovery_report report;
    struct aero_recovered recovered; /* zero unless the status is OK */
    struct aero_summary summary;
};

static inline struct outcome recover(struct power_disk *power)
{
    struct outcome outcome = {.status = {0}};
    outcome.status =
        aero_recover(power_disk_port(power), NULL, &outcome.recovered, &outcome.report);
    if (aero_is_ok(outcome.status)) {
        outcome.summary = aero_tree_summary(outcome.recovered.tree);
    }
    return outcome;
}

static inline void outcome_free(struct outcome *outcome)
{
    if (aero_is_ok(outcome->status)) {
        aero_recovered_deinit(&outcome->recovered);
    }
}

static inline bool same_summary(struct aero_summary a, struct aero_summary b)
{
    return a.count == b.count && aero_u128_equal(a.digest, b.digest);
}

static inline struct world primary(void)
{
    return world_new(AERO_ROLE_PRIMARY, WORLD_NODE);
}

static inline struct world replica(void)
{
    return world_new(AERO_ROLE_REPLICA, WORLD_OTHER_NODE);
}

static inline void expect_state(struct world *world, struct outcome *outcome)
{
    assert_int_equal(outcome->status.code, AERO_OK);
    assert_true(same_summary(outcome->summary, aero_tree_summary(world->tree)));
    assert_int_equal(outcome->recovered.end.lsn.value, world->position.lsn.value);
    assert_int_equal(outcome->recovered.end.chain, world->position.chain);
    assert_int_equal(outcome->recovered.expiry_clock.value, world->clock.value);
}

static inline void expect_clean(struct world *world)
{
    struct outcome outcome = recover(world->power);
    expect_state(world, &outcome);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_CLEAN);
    outcome_free(&outcome);
}

static inline void expect_damage(struct world *world, const char *file, const char *evidence)
{
    struct power_disk *before = power_disk_clone(world->power);
    struct outcome outcome = recover(world->power);
    assert_int_equal(outcome.status.code, AERO_CORRUPT);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
    assert_string_equal(outcome.report.evidence, evidence);
    assert_string_equal(outcome.report.file, file);
    assert_true(strlen(outcome.report.text) > 40);
    /* A refusal changes nothing. */
    assert_int_equal(world->power->seen.count, before->seen.count);
    for (size_t i = 0; i < before->seen.count; i++) {
        const struct power_name *name = &before->seen.entry[i];
        assert_true(aero_slice_equal(aero_buffer_slice(&name->file->seen),
                                     aero_buffer_slice(power_bytes(world->power, name->name))));
    }
    power_disk_free(before);
}

static inline void expect_refusal(struct world *world, const char *file)
{
    struct outcome outcome = recover(world->power);
    assert_int_equal(outcome.status.code, AERO_MISMATCH);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
    assert_string_equal(outcome.report.file, file);
    assert_true(strlen(outcome.report.text) > 40);
}

static inline void flip(struct power_disk *power, const char *name, size_t offset)
{
    struct aero_buffer *bytes = power_bytes(power, name);
    assert_true(offset < bytes->length);
    bytes->data[offset] ^= 0x40;
}

/* Two segments, a snapshot in each, and some records behind. */
static inline struct world two_snapshots(enum aero_role role)
{
    struct world world = role == AERO_ROLE_PRIMARY ? primary() : replica();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_flush(&world);
    world_snapshot(&world);
    world_puts(&world, 5);
    world_begin(&world, true);
    world_puts(&world, 5);
    world_flush(&world);
    world_snapshot(&world);
    world_puts(&world, 5);
    world_prove(&world);
    return world;
}

/* The reader takes more than one piece of it. */
static inline struct world long_segment(void)
{
    static char value[600000];
    struct world world = primary();
    world_begin(&world, false);
    memset(value, 'v', sizeof value - 1);
    for (unsigned i = 0; i < 3; i++) {
        world_put(&world, "large", value);
    }
    world_flush(&world);
    return world;
}

/* That record is the only word of itself: before it there is no footer. */
static inline struct world record_under_bad_header(void)
{
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_begin(&world, false);
    world_puts(&world, 1);
    world_flush(&world);
    flip(world.power, world_segment_name(&world), 20);
    return world;
}

static inline const char *snapshot_name(struct world *world, unsigned index)
{
    static char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&world->manifest.snapshots[index], name);
    return name;
}

#endif
