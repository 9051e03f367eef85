/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there, are not there, or are not what their name, their neighbours or the manifest say. */
#include "tests/unit/engine/recovery_world.h"

#include "base/le.h"

#define FIRST_SEGMENT "wal/0000000000000001-00000001.seg"
#define SECOND_SEGMENT "wal/0000000000000006-00000002.seg"

static void rename_file(struct power_disk *power, const char *from, const char *to)
{
    struct aero_disk disk = power_disk_port(power);
    assert_true(aero_is_ok(disk.ops->rename(disk.self, from, to)));
}

/* Three segments of five records; a snapshot at the end of the last. */
static struct world three_segments(bool seal)
{
    struct world world = primary();
    for (unsigned i = 0; i < 3; i++) {
        world_begin(&world, seal);
        world_puts(&world, 5);
    }
    world_flush(&world);
    world_snapshot(&world);
    world_prove(&world);
    return world;
}

static void expect_refused(struct world *world, enum aero_code code, const char *file,
                           const char *part)
{
    struct outcome outcome = recover(world->power);
    assert_int_equal(outcome.status.code, code);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_REFUSED);
    assert_string_equal(outcome.report.file, file);
    assert_non_null(strstr(outcome.report.text, part));
}

/* ---- Segments below the snapshot --------------------------------------------------------------------------- */

/* What is not read is described by its neighbours; what they cannot describe is kept, and said to be damaged. */
static void test_recover_marks_unread_segments_that_their_neighbours_do_not_describe(void **state)
{
    (void)state;
    enum { WHOLE, BAD_HEADER, SHORT, COUNT };
    const size_t damaged[COUNT] = {0, 2, 1};
    const size_t files[COUNT] = {3, 1, 3};
    for (unsigned i = 0; i < COUNT; i++) {
        struct world world = three_segments(true);
        if (i == BAD_HEADER) {
            flip(world.power, SECOND_SEGMENT, 20);
        } else if (i == SHORT) {
            power_bytes(world.power, FIRST_SEGMENT)->length -= 200;
        }
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.recovered.manifest.damaged_count, damaged[i]);
        assert_int_equal(outcome.recovered.file_count, files[i]);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* Below a gap nothing is of use to anybody: it is not listed. */
static void test_recover_lists_nothing_below_a_gap(void **state)
{
    (void)state;
    struct world world = three_segments(true);
    power_forget(&world.power->seen, SECOND_SEGMENT);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.file_count, 1);
    assert_int_equal(outcome.recovered.files[0].header.sequence, 3);
    outcome_free(&outcome);
    world_free(&world);
}

/* Only a footer of this very segment, at its end, seals it: a recycled file may hold one of another life. One that cannot be
 * read does not, and stops no start. */
static void test_recover_takes_only_a_segments_own_footer_for_its_seal(void **state)
{
    (void)state;
    enum { OWN, OTHER_NONCE, OTHER_OFFSET, OTHER_END, UNREADABLE, NONE, COUNT };
    for (unsigned i = 0; i < COUNT; i++) {
        struct world world = three_segments(i != NONE);
        struct aero_buffer *bytes = power_bytes(world.power, FIRST_SEGMENT);
        if (i != NONE) {
            struct aero_segment_footer footer;
            uint8_t *at = bytes->data + bytes->length - AERO_SEGMENT_FOOTER_BYTES;
            assert_true(aero_is_ok(
                aero_segment_footer_decode(aero_slice_of(at, AERO_SEGMENT_FOOTER_BYTES), &footer)));
            footer.segment_nonce ^= i == OTHER_NONCE;
            footer.end_offset ^= i == OTHER_OFFSET ? 8 : 0;
            footer.end.chain ^= i == OTHER_END;
            aero_segment_footer_encode(&footer, at);
        }
        if (i == UNREADABLE) {
            snprintf(world.power->bad_name, sizeof world.power->bad_name, FIRST_SEGMENT);
            world.power->bad_offset = bytes->length - 1;
        }
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.recovered.files[0].sealed, i == OWN);
        assert_int_equal(outcome.recovered.files[0].record_count, 5);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* The list of damaged segments has an end; what is below the floor leaves it. */
static void test_recover_keeps_the_list_of_damaged_segments_bounded(void **state)
{
    (void)state;
    struct world world = three_segments(true);
    world.manifest.damaged_count = AERO_DAMAGED_MAX;
    for (uint64_t i = 0; i < AERO_DAMAGED_MAX; i++) {
        world.manifest.damaged_segments[i] = 1000 + i;
    }
    world_write_manifest(&world);
    power_bytes(world.power, FIRST_SEGMENT)->length -= 200;
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.manifest.damaged_count, AERO_DAMAGED_MAX);
    assert_true(outcome.recovered.files[0].damaged);
    outcome_free(&outcome);
    world.manifest.damaged_count = 2;
    world.manifest.damaged_segments[0] = 1;
    world.manifest.damaged_segments[1] = 2;
    world.manifest.wal_floor_sequence = 2;
    world.manifest.generation += 10;
    world_write_manifest(&world);
    outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.recovered.manifest.damaged_count, 1);
    assert_int_equal(outcome.recovered.manifest.damaged_segments[0], 2);
    assert_true(outcome.recovered.files[0].damaged);
    outcome_free(&outcome);
    world_free(&world);
}

/* More segments are damaged than either list holds: the first are told, each is known to be. */
static void test_recover_tells_of_no_more_damaged_segments_than_it_lists(void **state)
{
    (void)state;
    enum { SEGMENTS = AERO_DAMAGED_MAX + 3 };
    struct world world = primary();
    char names[SEGMENTS][AERO_DISK_NAME_MAX];
    for (unsigned i = 0; i < SEGMENTS; i++) {
        world_begin(&world, true);
        world_puts(&world, 1);
        snprintf(names[i], sizeof names[i], "%s", world_segment_name(&world));
    }
    world_flush(&world);
    world_snapshot(&world);
    world_prove(&world);
    for (unsigned i = 0; i + 1 < SEGMENTS; i++) {
        power_bytes(world.power, names[i])->length -= AERO_SEGMENT_FOOTER_BYTES + 8;
    }
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_int_equal(outcome.report.damaged_count, AERO_DAMAGED_MAX);
    assert_int_equal(outcome.recovered.manifest.damaged_count, AERO_DAMAGED_MAX);
    assert_int_equal(outcome.recovered.file_count, SEGMENTS);
    for (unsigned i = 0; i < AERO_DAMAGED_MAX; i++) {
        assert_string_equal(outcome.report.damaged[i].file, names[i]);
        assert_int_equal(outcome.report.damaged[i].lsn.value, i + 1);
    }
    for (unsigned i = 0; i < SEGMENTS; i++) {
        assert_int_equal(outcome.recovered.files[i].damaged, i + 1 < SEGMENTS);
    }
    outcome_free(&outcome);
    world_free(&world);
}

/* ---- Names ------------------------------------------------------------------------------------------------ */

/* A header that speaks of another place than the file's name is none; the records under it tell. */
static void test_recover_of_a_segment_under_a_wrong_name_is_damage(void **state)
{
    (void)state;
    const char *const names[] = {"wal/0000000000000001-00000009.seg",
                                 "wal/0000000000000003-00000001.seg"};
    for (size_t i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world_flush(&world);
        rename_file(world.power, FIRST_SEGMENT, names[i]);
        expect_damage(&world, names[i], "a record under the bad header");
        world_free(&world);
    }
}

static void test_recover_refuses_two_files_that_claim_one_segment(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_flush(&world);
    power_put(world.power, "wal/0000000000000003-00000001.seg", aero_slice_text("x"));
    expect_refused(&world, AERO_MISMATCH, "wal/0000000000000003-00000001.seg",
                   "claim to be the same segment");
    world_free(&world);
}

static void test_recover_refuses_another_segment_than_the_manifest_knows(void **state)
{
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world_flush(&world);
        struct aero_segment_start start = {.sequence = 1,
                                           .nonce = known ? world.segment.nonce : world_id(0x77),
                                           .incarnation = WORLD_INCARNATION};
        aero_history_add_segment(&world.manifest.history, &start);
        world_write_manifest(&world);
        if (known) {
            expect_clean(&world);
        } else {
            expect_refused(&world, AERO_MISMATCH, FIRST_SEGMENT, "that the manifest knows");
        }
        world_free(&world);
    }
}

/* Names that are nothing of ours stay, whatever their length; ours that nobody names go. */
static void test_recover_leaves_strange_names_alone(void **state)
{
    (void)state;
    static const char *const strange[] = {"x", "wal/x", "snapshots/x", "snapshots/longer-name",
                                          "quarantine/kept.torn"};
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    for (size_t i = 0; i < 5; i++) {
        power_put(world.power, strange[i], aero_slice_text("strange"));
    }
    expect_clean(&world);
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(power_find(&world.power->seen, strange[i]));
    }
    world_free(&world);
}

/* A listing may hold names that are too long to be ours: as if every directory had one. */
static aero_status list_with_long_name(void *self, const char *directory,
                                       struct aero_buffer *out_entries)
{
    struct aero_disk_entry entry = {.size_bytes = 1};
    memset(entry.name, 'n', sizeof entry.name - 1);
    memcpy(entry.name + sizeof entry.name - 6, ".snap", 6);
    AERO_TRY(power_list(self, directory, out_entries));
    aero_buffer_append(out_entries, &entry, sizeof entry);
    return aero_ok();
}

static void test_recover_passes_over_names_that_are_too_long(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct aero_disk disk = power_disk_port(world.power);
    struct aero_disk_ops ops = *disk.ops;
    struct outcome outcome = {.status = {0}};
    ops.list = list_with_long_name;
    disk.ops = &ops;
    outcome.status = aero_recover(disk, NULL, &outcome.recovered, &outcome.report);
    assert_int_equal(outcome.status.code, AERO_OK);
    outcome.summary = aero_tree_summary(outcome.recovered.tree);
    expect_state(&world, &outcome);
    outcome_free(&outcome);
    world_free(&world);
}

/* ---- Directories without a manifest ------------------------------------------------------------------------ */

/* A backup may hold no empty directories: one that is not there holds nothing. */
static void test_recover_without_its_directories_takes_them_for_empty(void **state)
{
    (void)state;
    enum { NO_LOG, NO_SNAPSHOT, NEITHER, COUNT };
    for (unsigned i = 0; i < COUNT; i++) {
        struct world world = i == NO_LOG ? replica() : primary();
        if (i != NEITHER) {
            world_begin(&world, false);
            world_puts(&world, 5);
        }
        if (i == NO_LOG) {
            world_snapshot(&world);
        } else {
            world_flush(&world);
        }
        world.power->has_directories = false;
        struct outcome outcome = recover(world.power);
        world.clock.value = i == NEITHER ? 0 : world.clock.value;
        expect_state(&world, &outcome);
        assert_int_equal(outcome.recovered.file_count, i == NO_SNAPSHOT);
        outcome_free(&outcome);
        world_free(&world);
    }
}

static void test_create_looks_at_every_name(void **state)
{
    (void)state;
    static const struct {
        const char *names[3];
        enum aero_code code;
    } cases[] = {
        {{"wal/x", "wal/not-ours.txt", "snapshots/x"}, AERO_OK},
        {{"wal/a.seg", "wal/b", "snapshots/c"}, AERO_EXISTS},
        {{"wal/a", "wal/b", "snapshots/c.snap"}, AERO_EXISTS},
        {{"lock", "lost+found", "manifest.tmp"}, AERO_OK},
        {{"lock", "mail", "photos"}, AERO_MISMATCH},
    };
    struct world world = primary();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct power_disk *power = power_disk_new();
        for (size_t n = 0; n < 3; n++) {
            power_put(power, cases[i].names[n], aero_slice_text("x"));
        }
        aero_status status = aero_create(power_disk_port(power), &world.manifest);
        assert_int_equal(status.code, cases[i].code);
        power_disk_free(power);
    }
    world_free(&world);
}

static void write_version(uint8_t *bytes, size_t checksum_offset, uint32_t version)
{
    aero_store_u32(bytes + 8, version);
    aero_store_u64(bytes + checksum_offset, aero_checksum64(aero_slice_of(bytes, checksum_offset)));
}

/* In the header block's payload, under the checksums of payload and head (docs/formats.md, "Snapshot"). */
static void write_snapshot_version(uint8_t *block, uint32_t version)
{
    uint8_t *payload = block + 48;
    aero_store_u32(payload, version);
    aero_store_u64(block + 32, aero_checksum64(aero_slice_of(payload, aero_load_u64(block + 24))));
    aero_store_u64(block + 40, aero_checksum64(aero_slice_of(block, 40)));
}

/* Never guess at what a newer version wrote, and never write over it. */
static void test_recover_refuses_what_a_newer_version_wrote(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct power_disk *power = power_disk_clone(world.power);
    write_version(power_bytes(power, AERO_MANIFEST_FILE)->data, 40, 3);
    assert_int_equal(aero_create(power_disk_port(power), &world.manifest).code, AERO_EXISTS);
    power_bytes(power, AERO_MANIFEST_FILE)->data[9] ^= 1;
    power_bytes(power, AERO_MANIFEST_FILE)->data[POWER_FOLDED_SLOT + 9] ^= 1;
    assert_int_equal(aero_create(power_disk_port(power), &world.manifest).code, AERO_EXISTS);
    power_disk_free(power);

    struct power_disk *kept = world.power;
    world.power = power_disk_clone(kept);
    write_version(power_bytes(world.power, AERO_MANIFEST_FILE)->data, 40, 3);
    expect_refused(&world, AERO_UNSUPPORTED, AERO_MANIFEST_FILE, "newer version");
    power_disk_free(world.power);
    world.power = power_disk_clone(kept);
    write_version(power_bytes(world.power, FIRST_SEGMENT)->data, AERO_SEGMENT_HEADER_BYTES - 8, 2);
    expect_refused(&world, AERO_UNSUPPORTED, FIRST_SEGMENT, "newer version");
    power_disk_free(world.power);
    world.power = power_disk_clone(kept);
    const char *snapshot = snapshot_name(&world, 1);
    write_snapshot_version(power_bytes(world.power, snapshot)->data, 2);
    expect_refused(&world, AERO_UNSUPPORTED, snapshot, "newer version");
    assert_non_null(power_find(&world.power->seen, snapshot));
    power_disk_free(world.power);
    world.power = kept;
    world_free(&world);
}

static void test_recover_of_an_empty_disk_with_any_call_failing_says_so(void **state)
{
    (void)state;
    bool reached = true;
    for (uint64_t call = 1; reached; call++) {
        struct power_disk *power = power_disk_new();
        power_disk_fail_call(power, call, aero_error(AERO_IO));
        struct outcome outcome = recover(power);
        reached = power->calls >= call;
        assert_int_equal(outcome.status.code, reached ? AERO_IO : AERO_NOT_FOUND);
        assert_int_equal(outcome.report.text[0] != '\0', reached);
        power_disk_free(power);
    }
}

/* ---- Snapshots -------------------------------------------------------------------------------------------- */

/* A whole file that is not the one which the manifest means is of no use; the older one is. */
static void test_recover_uses_no_snapshot_that_the_manifest_does_not_mean(void **state)
{
    (void)state;
    enum { SAME, OTHER_ID, OTHER_CHAIN, OTHER_COUNT, OTHER_DIGEST, COUNT };
    for (unsigned i = 0; i < COUNT; i++) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        struct aero_snapshot_entry *entry = &world.manifest.snapshots[1];
        char from[AERO_DISK_NAME_MAX];
        char to[AERO_DISK_NAME_MAX];
        aero_snapshot_name(entry, from);
        entry->id.bytes[0] ^= i == OTHER_ID;
        entry->position.chain ^= i == OTHER_CHAIN;
        entry->entry_count += i == OTHER_COUNT;
        entry->digest.low += i == OTHER_DIGEST;
        aero_snapshot_name(entry, to);
        if (i == OTHER_ID) {
            rename_file(world.power, from, to);
        }
        world_write_manifest(&world);
        struct outcome outcome = recover(world.power);
        expect_state(&world, &outcome);
        assert_int_equal(outcome.report.older_snapshot_used, i != SAME);
        assert_int_equal(outcome.recovered.manifest.snapshots[1].damaged, i != SAME);
        outcome_free(&outcome);
        world_free(&world);
    }
}

/* Decision 12, where the snapshot stands at a segment's beginning. */
static void test_recover_refuses_a_snapshot_of_another_history_at_a_segments_beginning(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_begin(&world, true);
    struct aero_position end = world.position;
    world.position.chain ^= 1;
    world_snapshot(&world);
    world.position = end;
    world_puts(&world, 3);
    world_prove(&world);
    struct outcome outcome = recover(world.power);
    expect_state(&world, &outcome);
    assert_true(outcome.recovered.manifest.snapshots[0].damaged);
    outcome_free(&outcome);
    world_free(&world);
}

static void test_recover_without_the_logs_beginning_and_without_a_snapshot_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_begin(&world, true);
    world_puts(&world, 5);
    world_flush(&world);
    power_forget(&world.power->seen, FIRST_SEGMENT);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.report.verdict, AERO_VERDICT_DAMAGE);
    assert_non_null(strstr(outcome.report.text, "There is no snapshot"));
    world_free(&world);
}

/* A replica's snapshot is durable before the manifest names it, and belongs to a cluster that the manifest does not know yet. */
static void test_recover_of_a_replica_passes_over_an_unfinished_bootstrap(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_snapshot(&world);
    char name[AERO_DISK_NAME_MAX];
    snprintf(name, sizeof name, "%s", snapshot_name(&world, 0));
    world.manifest.snapshot_count = 0;
    world.manifest.cluster_id = world_id(0);
    world_write_manifest(&world);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_null(power_find(&world.power->seen, name));
    outcome_free(&outcome);
    world_free(&world);
}

/* ---- What records say --------------------------------------------------------------------------------------- */

static void test_recover_of_a_record_that_says_nothing_is_damage(void **state)
{
    (void)state;
    const enum aero_record_type types[] = {AERO_RECORD_COMMIT, AERO_RECORD_DIGEST};
    const char *const evidence[] = {"the commit itself", "a digest record"};
    for (size_t i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world_record(&world, types[i], aero_slice_text("x"));
        world_flush(&world);
        expect_damage(&world, world_segment_name(&world), evidence[i]);
        world_free(&world);
    }
}

/* As many entries, and one of them another: only the digest can tell. */
static void test_recover_compares_more_than_the_number_of_entries(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 5);
    world_put(&world, "key", "a");
    aero_tree_put(world.tree, aero_slice_text("key"), aero_slice_text("b"), NULL);
    world_digest(&world);
    world_flush(&world);
    expect_damage(&world, world_segment_name(&world), "a digest record");
    world_free(&world);
}

/* Decision 21: the expiry clock never runs back, whatever the order in which commits and digests tell it. */
static void test_recover_keeps_the_highest_expiry_clock(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_put(&world, "a", "1");
    world.clock.value += 100;
    world_digest(&world);
    uint64_t highest = world.clock.value;
    world.clock.value -= 50;
    world_put(&world, "b", "2");
    world_digest(&world);
    world_flush(&world);
    struct outcome outcome = recover(world.power);
    assert_int_equal(outcome.status.code, AERO_OK);
    assert_int_equal(outcome.recovered.expiry_clock.value, highest);
    outcome_free(&outcome);
    world_free(&world);
}

/* Of the log. */
struct progress {
    unsigned on_the_way;
    unsigned ended;
};

static void note_progress(void *self, const char *stage, uint64_t done, uint64_t total)
{
    struct progress *told = self;
    if (strcmp(stage, "wal") == 0) {
        assert_true(done <= total);
        told->on_the_way += done < total;
        told->ended += done == total;
    }
}

static void expect_told(struct world *world, unsigned on_the_way)
{
    struct progress told = {.ended = 0};
    struct aero_recovery_progress progress = {.report = note_progress, .self = &told};
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    aero_status status =
        aero_recover(power_disk_port(world->power), &progress, &recovered, &report);
    assert_int_equal(status.code, AERO_OK);
    assert_int_equal(told.on_the_way, on_the_way);
    assert_int_equal(told.ended, 1);
    aero_recovered_deinit(&recovered);
}

static void test_recover_tells_of_its_end(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    expect_told(&world, 0);
    world_free(&world);
}

static void test_recover_of_a_long_log_tells_how_far_it_is(void **state)
{
    (void)state;
    const size_t length = (size_t)22 << 20; /* of three: more than it reads without a word */
    char *value = aero_malloc(length + 1);
    memset(value, 'v', length);
    value[length] = '\0';
    struct world world = primary();
    world_begin(&world, false);
    for (int i = 0; i < 4; i++) {
        world_put(&world, "large", value);
    }
    world_flush(&world);
    expect_told(&world, 1);
    world_free(&world);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recover_marks_unread_segments_that_their_neighbours_do_not_describe),
        cmocka_unit_test(test_recover_lists_nothing_below_a_gap),
        cmocka_unit_test(test_recover_takes_only_a_segments_own_footer_for_its_seal),
        cmocka_unit_test(test_recover_keeps_the_list_of_damaged_segments_bounded),
        cmocka_unit_test(test_recover_tells_of_no_more_damaged_segments_than_it_lists),
        cmocka_unit_test(test_recover_of_a_segment_under_a_wrong_name_is_damage),
        cmocka_unit_test(test_recover_refuses_two_files_that_claim_one_segment),
        cmocka_unit_test(test_recover_refuses_another_segment_than_the_manifest_knows),
        cmocka_unit_test(test_recover_leaves_strange_names_alone),
        cmocka_unit_test(test_recover_passes_over_names_that_are_too_long),
        cmocka_unit_test(test_recover_without_its_directories_takes_them_for_empty),
        cmocka_unit_test(test_create_looks_at_every_name),
        cmocka_unit_test(test_recover_refuses_what_a_newer_version_wrote),
        cmocka_unit_test(test_recover_of_an_empty_disk_with_any_call_failing_says_so),
        cmocka_unit_test(test_recover_uses_no_snapshot_that_the_manifest_does_not_mean),
        cmocka_unit_test(
            test_recover_refuses_a_snapshot_of_another_history_at_a_segments_beginning),
        cmocka_unit_test(test_recover_without_the_logs_beginning_and_without_a_snapshot_is_damage),
        cmocka_unit_test(test_recover_of_a_replica_passes_over_an_unfinished_bootstrap),
        cmocka_unit_test(test_recover_of_a_record_that_says_nothing_is_damage),
        cmocka_unit_test(test_recover_compares_more_than_the_number_of_entries),
        cmocka_unit_test(test_recover_keeps_the_highest_expiry_clock),
        cmocka_unit_test(test_recover_tells_of_its_end),
        cmocka_unit_test(test_recover_of_a_long_log_tells_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
