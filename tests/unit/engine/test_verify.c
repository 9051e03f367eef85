/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that are whole in every checksum and wrong, as only a defect, another node or a hand could have left them; and
 * disks that fail while they are read. Verification names the file and what is wrong, and takes nothing for sound that it
 * did not read. (What rots is in test_verify_agrees.c and in unit.ctl.verify.) */
#include "engine/verify.h"
#include "tests/unit/engine/recovery_world.h"

#define FINDINGS_MAX 32

struct heard {
    struct aero_finding findings[FINDINGS_MAX];
    size_t count;
    unsigned progress_count;
    uint64_t done_bytes;
    uint64_t total_bytes;
    struct aero_verify_report report;
};

static void hear(void *self, const struct aero_finding *finding)
{
    struct heard *heard = self;
    assert_true(heard->count < FINDINGS_MAX);
    heard->findings[heard->count++] = *finding;
}

static void hear_progress(void *self, const char *file, uint64_t done_bytes, uint64_t total_bytes)
{
    struct heard *heard = self;
    assert_true(file[0] != '\0' && done_bytes >= heard->done_bytes);
    heard->progress_count++;
    heard->done_bytes = done_bytes;
    heard->total_bytes = total_bytes;
}

static struct heard verify_with(struct aero_disk disk, struct aero_verify_options options)
{
    struct heard heard = {.count = 0};
    struct aero_verify_observer observer = {.self = &heard, .finding = hear};
    assert_int_equal(aero_verify_directory(disk, &options, &observer, &heard.report).code, AERO_OK);
    return heard;
}

static struct heard verify(struct world *world)
{
    return verify_with(power_disk_port(world->power), (struct aero_verify_options){.state = true});
}

static const struct aero_finding *find(const struct heard *heard, enum aero_finding_level level,
                                       const char *file, const char *text)
{
    for (size_t i = 0; i < heard->count; i++) {
        const struct aero_finding *finding = &heard->findings[i];
        if (finding->level == level && strcmp(finding->file, file) == 0 &&
            strstr(finding->text, text) != NULL) {
            return finding;
        }
    }
    return NULL;
}

static void expect_found(const struct heard *heard, enum aero_finding_level level, const char *file,
                         const char *text)
{
    if (find(heard, level, file, text) == NULL) {
        fail_msg("not '%s: %s' among %zu, the first of them '%s: %s'", file, text, heard->count,
                 heard->findings[0].file, heard->findings[0].text);
    }
}

static void expect_damage_found(struct world *world, const char *file, const char *text)
{
    struct heard heard = verify(world);
    expect_found(&heard, AERO_FINDING_DAMAGE, file, text);
    world_free(world);
}

static void expect_sound(struct world *world)
{
    struct heard heard = verify(world);
    if (heard.report.damage_count != 0) {
        fail_msg("'%s: %s'", heard.findings[0].file, heard.findings[0].text);
    }
    assert_true(heard.report.state_known);
    assert_true(same_summary(heard.report.state, aero_tree_summary(world->tree)));
    world_free(world);
}

#define FIRST "wal/0000000000000001-00000001.seg"
#define SECOND "wal/000000000000000b-00000002.seg"

static void test_progress_goes_to_the_end(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct heard heard = {.count = 0};
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {
        .self = &heard, .finding = hear, .progress = hear_progress};
    assert_int_equal(
        aero_verify_directory(power_disk_port(world.power), &options, &observer, &heard.report)
            .code,
        AERO_OK);
    assert_int_equal(heard.progress_count, 4);
    assert_true(heard.total_bytes > 0);
    assert_int_equal(heard.done_bytes, heard.total_bytes);
    world_free(&world);
}

/* ---- Snapshots ------------------------------------------------------------------------------------------------- */

/* Read piece by piece. */
static void test_a_long_snapshot_is_read_to_its_end(void **state)
{
    (void)state;
    struct world world = primary();
    size_t length = (size_t)700 << 10;
    char *value = aero_malloc(length + 1);
    memset(value, 'v', length);
    value[length] = '\0';
    world_begin(&world, false);
    world_put(&world, "a", value);
    world_put(&world, "b", value);
    world_prove(&world);
    const char *name = world_snapshot(&world);
    struct power_disk *power = power_disk_clone(world.power);
    flip(power, name, power_bytes(power, name)->length - 100);
    struct heard heard =
        verify_with(power_disk_port(power), (struct aero_verify_options){.state = true});
    expect_found(&heard, AERO_FINDING_DAMAGE, name, "cannot be used from here on");
    assert_true(heard.findings[0].offset > (512 << 10));
    power_disk_free(power);
    free(value);
    expect_sound(&world);
}

/* Whole, and not what the manifest says of it. */
static void test_a_snapshot_that_the_manifest_does_not_name_so_is_damage(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        struct aero_snapshot_entry *entry = &world.manifest.snapshots[1];
        char name[AERO_DISK_NAME_MAX];
        struct aero_buffer bytes = {0};
        power_copy(&bytes, power_bytes(world.power, snapshot_name(&world, 1)));
        entry->id.bytes[0] ^= i == 0;
        entry->position.chain ^= i == 1;
        entry->entry_count += i == 2;
        entry->digest.low ^= i == 3;
        world.manifest.cluster_id.bytes[0] ^= i == 4;
        aero_snapshot_name(entry, name);
        power_put(world.power, name, aero_buffer_slice(&bytes));
        aero_buffer_deinit(&bytes);
        world_write_manifest(&world);
        expect_damage_found(&world, name, "it is whole, and not the snapshot that the manifest");
    }
}

static void test_a_snapshot_that_ends_early_is_damage(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    const char *name = snapshot_name(&world, 0);
    for (size_t length = 0; length < power_bytes(world.power, name)->length; length++) {
        struct power_disk *power = power_disk_clone(world.power);
        power_bytes(power, name)->length = length;
        struct heard heard =
            verify_with(power_disk_port(power), (struct aero_verify_options){.state = true});
        expect_found(&heard, AERO_FINDING_DAMAGE, name, "cannot be used from here on");
        assert_int_equal(heard.report.damage_count, 1);
        power_disk_free(power);
    }
    world_free(&world);
}

/* What the node knows of itself is repeated, and is no damage: it lives with it. */
static void test_what_the_manifest_knows_is_said(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_REPLICA);
    world.manifest.snapshots[1].damaged = true;
    world.manifest.damaged_segments[0] = 7;
    world.manifest.damaged_count = 1;
    world.manifest.gate = AERO_GATE_PRIMARY_LOST;
    snprintf(world.manifest.gate_reason, sizeof world.manifest.gate_reason, "a gate");
    snprintf(world.manifest.halt_reason, sizeof world.manifest.halt_reason, "a halt");
    world_write_manifest(&world);
    struct heard heard = verify(&world);
    expect_found(&heard, AERO_FINDING_WARNING, snapshot_name(&world, 1), "to be damaged; it is");
    expect_found(&heard, AERO_FINDING_WARNING, AERO_MANIFEST_FILE, "knows segment 7 to be damaged");
    expect_found(&heard, AERO_FINDING_NOTE, AERO_MANIFEST_FILE, "takes no writes: a gate");
    expect_found(&heard, AERO_FINDING_NOTE, AERO_MANIFEST_FILE, "this replica is halted: a halt");
    expect_sound(&world);
}

static void test_a_directory_of_nobody_is_told_apart(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct heard heard = {.count = 0};
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {.self = &heard, .finding = hear};
    for (int directories = 0; directories < 2; directories++) {
        power->has_directories = directories != 0;
        assert_int_equal(
            aero_verify_directory(power_disk_port(power), &options, &observer, &heard.report).code,
            AERO_NOT_FOUND);
    }
    assert_int_equal(heard.count, 0);
    power_disk_free(power);
}

/* Its chain value is believed once the log agrees: not before, and then there is no state to name. */
static void test_a_base_of_another_history_gives_no_state(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct world other = primary();
    world_begin(&other, false);
    world_put(&other, "another", "history");
    world_puts(&other, 14);
    world_snapshot(&other);
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&other.manifest.snapshots[0], name);
    power_put(world.power, name, aero_buffer_slice(power_bytes(other.power, name)));
    power_forget(&world.power->seen, FIRST);
    world.manifest.wal_floor_sequence = 2;
    world.manifest.snapshots[0] = other.manifest.snapshots[0];
    world.manifest.snapshot_count = 1;
    world_write_manifest(&world);
    struct heard heard = verify(&world);
    expect_found(&heard, AERO_FINDING_DAMAGE, name, "another history at this snapshot's LSN");
    assert_false(heard.report.state_known);
    world_free(&other);
    world_free(&world);
}

/* A replica's log ends below the snapshot that it was given, and that one is damaged: the state is the log's. */
static void test_a_damaged_snapshot_above_the_log_gives_no_state(void **state)
{
    (void)state;
    struct world world = replica();
    world_begin(&world, false);
    world_puts(&world, 1);
    size_t one_record = world.bytes.length;
    world_puts(&world, 4);
    world_flush(&world);
    const char *name = world_snapshot(&world);
    power_bytes(world.power, FIRST)->length = one_record;
    flip(world.power, name, power_bytes(world.power, name)->length - 10);
    struct heard heard = verify(&world);
    expect_found(&heard, AERO_FINDING_DAMAGE, name, "cannot be used from here on");
    assert_true(heard.report.state_known);
    assert_int_equal(heard.report.state_position.lsn.value, 1);
    assert_true(same_summary(heard.report.state, world.states[1]));
    world_free(&world);
}

/* ---- Segments -------------------------------------------------------------------------------------------------- */

static void remember_segment(struct world *world, uint64_t sequence, aero_id nonce,
                             struct aero_position before)
{
    struct aero_segment_start start = {
        .sequence = sequence, .before = before, .nonce = nonce, .incarnation = WORLD_INCARNATION};
    aero_history_add_segment(&world->manifest.history, &start);
    world_write_manifest(world);
}

static void test_a_segment_is_the_one_that_the_manifest_remembers(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    remember_segment(&world, 1, world_id(0x81), (struct aero_position){0});
    remember_segment(&world, 2, world_id(0x82), world.segment.prev_end);
    expect_sound(&world);
    world = two_snapshots(AERO_ROLE_PRIMARY);
    remember_segment(&world, 2, world_id(0x99), world.segment.prev_end);
    expect_damage_found(&world, SECOND, "it is not the segment 2 that the manifest remembers");
    world = two_snapshots(AERO_ROLE_PRIMARY);
    remember_segment(&world, 2, world_id(0x82), (struct aero_position){.lsn = {10}, .chain = 1});
    expect_damage_found(&world, SECOND, "it is not the segment 2 that the manifest remembers");
}

/* A replica learns of incarnations with the log that they wrote, a primary knows all of its own. */
static void test_an_unknown_incarnation_is_damage_on_a_primary_only(void **state)
{
    (void)state;
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        struct world world = two_snapshots((enum aero_role)role);
        world.manifest.history.incarnations[0].nonce = world_id(0x42);
        world_write_manifest(&world);
        if (role == AERO_ROLE_PRIMARY) {
            expect_damage_found(&world, FIRST, "an incarnation that this node's history does not");
        } else {
            expect_sound(&world);
        }
    }
}

static void test_a_segment_under_another_name_is_damage(void **state)
{
    (void)state;
    const char *const names[] = {"wal/0000000000000001-00000003.seg",
                                 "wal/0000000000000002-00000001.seg"};
    for (size_t i = 0; i < 2; i++) {
        struct world world = primary();
        world_begin(&world, false);
        world_puts(&world, 5);
        world_prove(&world);
        power_put(world.power, names[i], aero_buffer_slice(&world.bytes));
        power_forget(&world.power->seen, FIRST);
        expect_damage_found(&world, names[i],
                            "its header is of segment 1 from LSN 1: the file was");
    }
}

static void test_an_epoch_above_the_manifests_is_damage(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    world.manifest.epoch.value = 1;
    world.manifest.history.incarnations[0].epoch.value = 1;
    world_write_manifest(&world);
    expect_damage_found(&world, FIRST, "its epoch 2 is above the manifest's 1");
}

static void test_a_first_segment_that_nothing_let_go_is_missed(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_forget(&world.power->seen, FIRST);
    world.manifest.wal_floor_sequence = 1;
    world_write_manifest(&world);
    expect_damage_found(&world, SECOND, "segments 1 to 1 are missing, and nothing let them go");
}

/* Its predecessor ends where it says, with another record. */
static void test_a_segment_that_continues_another_history_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 10);
    world.position.chain ^= 1;
    world_begin(&world, false);
    world_puts(&world, 5);
    world_prove(&world);
    expect_damage_found(&world, SECOND, "it does not continue the segment before it, which ends");
}

/* A log that is not there at all is damage where anything says that it was, and on a primary its own list does. */
static void test_no_segment_is_damage_where_something_proves_one(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_forget(&world.power->seen, FIRST);
    power_forget(&world.power->seen, SECOND);
    expect_damage_found(&world, "wal", "there is no segment, and the durable file proves");
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        world = role == AERO_ROLE_PRIMARY ? primary() : replica();
        remember_segment(&world, 1, world_id(0x81), (struct aero_position){0});
        if (role == AERO_ROLE_PRIMARY) {
            expect_damage_found(&world, "wal", "there is no segment, and the manifest proves");
        } else {
            expect_sound(&world);
        }
    }
    world = primary();
    expect_sound(&world);
}

/* ---- Records --------------------------------------------------------------------------------------------------- */

static void test_a_proof_of_another_record_is_damage(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct aero_position end = world.position;
    end.chain ^= 1;
    world_prove_at(&world, 6, world.bytes.length, end);
    expect_damage_found(&world, AERO_PROOF_FILE, "another record at the LSN that this file proves");
}

static void test_a_digest_out_of_its_place_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 2);
    world_digest(&world);
    world_prove(&world);
    struct heard heard = verify(&world);
    expect_found(&heard, AERO_FINDING_DAMAGE, FIRST, "a digest record stands at every 1024 LSNs");
    assert_int_equal(heard.findings[0].lsn.value, 3);
    world_free(&world);
}

static void test_a_payload_that_is_no_commit_is_damage(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 2);
    world_record(&world, AERO_RECORD_COMMIT, aero_slice_text("no commit"));
    world_prove(&world);
    struct heard heard = verify(&world);
    expect_found(&heard, AERO_FINDING_DAMAGE, FIRST, "its payload is no commit, though");
    assert_false(heard.report.state_known);
    world_free(&world);
}

/* Under the header that was never durable stand a file's earlier bytes: they are of places that the log has passed. */
static void test_old_records_under_a_bad_header_prove_nothing(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        const char *third = "wal/0000000000000015-00000003.seg";
        if (old != 0) {
            power_put(world.power, third, aero_buffer_slice(power_bytes(world.power, FIRST)));
        } else {
            world_begin(&world, false);
            world_puts(&world, 1);
            world_flush(&world);
        }
        flip(world.power, third, 50);
        struct heard heard = verify(&world);
        if (old != 0) {
            assert_int_equal(heard.report.damage_count, 0);
            expect_found(&heard, AERO_FINDING_NOTE, third, "a torn tail");
        } else {
            expect_found(&heard, AERO_FINDING_DAMAGE, third, "a record under the bad header");
        }
        world_free(&world);
    }
}

/* ---- A node at work -------------------------------------------------------------------------------------------- */

static const struct aero_verify_options at_work = {.state = true, .moving = true};

static void test_a_snapshot_that_goes_meanwhile_is_no_finding(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&world.manifest.snapshots[0], name);
    power_forget(&world.power->seen, name);
    power_forget(&world.power->seen, AERO_PROOF_FILE);
    struct heard heard = verify_with(power_disk_port(world.power), at_work);
    assert_int_equal(heard.count, 0);
    assert_int_equal(heard.report.snapshot_count, 1);
    heard = verify(&world);
    expect_found(&heard, AERO_FINDING_DAMAGE, name, "it is missing");
    expect_found(&heard, AERO_FINDING_WARNING, AERO_PROOF_FILE, "no slot can be read");
    world_free(&world);
}

static void test_a_snapshot_that_rots_meanwhile_is_damage(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    flip(world.power, snapshot_name(&world, 0), 300);
    struct heard heard = verify_with(power_disk_port(world.power), at_work);
    expect_found(&heard, AERO_FINDING_DAMAGE, snapshot_name(&world, 0), "cannot be used from here");
    world_free(&world);
}

/* A truncation: the directory names a file that is gone when it is opened. */
static aero_status list_with_ghost(void *self, const char *directory,
                                   struct aero_buffer *out_entries)
{
    AERO_TRY(power_list(self, directory, out_entries));
    if (strcmp(directory, "wal") == 0) {
        struct aero_disk_entry ghost = {.name = "0000000000000015-00000003.seg"};
        aero_buffer_append(out_entries, &ghost, sizeof ghost);
    }
    return aero_ok();
}

static void test_a_segment_that_goes_meanwhile_is_no_finding(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    struct aero_disk disk = power_disk_port(world.power);
    struct aero_disk_ops ops = *disk.ops;
    ops.list = list_with_ghost;
    disk.ops = &ops;
    struct heard heard = verify_with(disk, at_work);
    assert_int_equal(heard.count, 0);
    assert_int_equal(heard.report.record_count, 20);
    heard = verify_with(disk, (struct aero_verify_options){.state = true});
    expect_found(&heard, AERO_FINDING_NOTE, "wal/0000000000000015-00000003.seg", "a torn tail");
    world_free(&world);
}

/* Its end is no finding where the node may still be writing it; what the proof names in that very segment has to be there. */
static void test_a_log_that_rots_meanwhile_is_damage_up_to_its_proof(void **state)
{
    (void)state;
    static const struct {
        uint64_t sequence;
        uint8_t nonce; /* on top of the segment's */
        uint64_t before_end;
        bool found;
    } cases[] = {
        {2, 0, 0, true}, {2, 0, 8, true}, {1, 0, 0, false}, {2, 1, 0, false}, {2, 0, 512, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world world = two_snapshots(AERO_ROLE_PRIMARY);
        uint64_t end = world.bytes.length;
        world.segment.sequence = cases[i].sequence;
        world.segment.nonce.bytes[0] ^= cases[i].nonce;
        world_prove_at(&world, 6, end - cases[i].before_end, world.position);
        flip(world.power, SECOND, end - 8); /* in the last record */
        struct heard heard = verify_with(power_disk_port(world.power), at_work);
        if (cases[i].found) {
            expect_found(&heard, AERO_FINDING_DAMAGE, SECOND,
                         "durable records are damaged or missing from here on (the durable file)");
        } else {
            assert_int_equal(heard.report.damage_count, 0);
        }
        world_free(&world);
    }
}

/* ---- A disk that fails ----------------------------------------------------------------------------------------- */

/* False: the verification had fewer calls than that. */
static bool verify_failing(const struct world *world, uint64_t call, aero_status status,
                           struct heard *heard)
{
    struct power_disk *power = power_disk_clone(world->power);
    struct aero_verify_options options = {.state = true};
    struct aero_verify_observer observer = {.self = heard, .finding = hear};
    power_disk_fail_call(power, call, status);
    assert_true(aero_is_ok(
        aero_verify_directory(power_disk_port(power), &options, &observer, &heard->report)));
    bool reached = power->calls >= power->fail_call;
    power_disk_free(power);
    return reached;
}

/* Whatever one call says, alone or with all behind it: a state is named only when it is the right one, and a directory that could
 * not be read is not called sound. */
static void fail_each_call(const struct world *world, aero_status status, unsigned *out_unsound)
{
    bool done = false;
    for (uint64_t call = 1; !done; call++) {
        struct heard heard = {.count = 0};
        done = !verify_failing(world, call, status, &heard);
        *out_unsound += heard.report.damage_count != 0;
        if (status.code == AERO_CRASHED && !done) {
            bool told = heard.report.damage_count + heard.report.warning_count != 0;
            assert_true(told || heard.report.state_known);
        }
        if (heard.report.state_known) {
            uint64_t lsn = heard.report.state_position.lsn.value;
            assert_true(same_summary(heard.report.state, world->states[lsn]));
            assert_true(lsn == world->position.lsn.value || heard.report.damage_count != 0);
        } else {
            assert_true(heard.report.damage_count != 0);
        }
    }
}

static void test_nothing_is_sound_that_could_not_be_read(void **state)
{
    (void)state;
    const aero_status failures[] = {aero_error(AERO_IO), aero_error_errno(EPERM),
                                    aero_error(AERO_CRASHED)};
    for (int role = AERO_ROLE_PRIMARY; role <= AERO_ROLE_REPLICA; role++) {
        for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
            struct world world = two_snapshots((enum aero_role)role);
            unsigned unsound = 0;
            fail_each_call(&world, failures[i], &unsound);
            assert_true(unsound > 5);
            world_free(&world);
        }
    }
}

/* The bytes behind the last record are read, too: they may prove that there was one. */
static void test_no_torn_tail_is_harmless_that_could_not_be_read(void **state)
{
    (void)state;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    static const uint8_t torn[200] = {1, 2, 3};
    aero_buffer_append(power_bytes(world.power, SECOND), torn, sizeof torn);
    unsigned unsound = 0;
    fail_each_call(&world, aero_error(AERO_CRASHED), &unsound);
    assert_true(unsound > 5);
    world_free(&world);
}

/* More than one piece is read of it, and nothing but its own records tells of them. */
static void test_no_long_segment_is_sound_that_could_not_be_read(void **state)
{
    (void)state;
    struct world world = long_segment();
    unsigned unsound = 0;
    fail_each_call(&world, aero_error_errno(EPERM), &unsound);
    assert_true(unsound > 3);
    world_free(&world);
}

/* The only evidence is a record under a bad header: a read of it that is refused is said, with nothing about torn tails. */
static void test_no_bad_header_is_harmless_that_covers_what_could_not_be_read(void **state)
{
    (void)state;
    struct world world = record_under_bad_header();
    bool done = false;
    for (uint64_t call = 1; !done; call++) {
        struct heard heard = {.count = 0};
        done = !verify_failing(&world, call, aero_error_errno(EPERM), &heard);
        assert_true(heard.report.damage_count != 0);
    }
    world_free(&world);
}

/* The oldest snapshot verifies, and is refused by the disk when the state is to begin with it: the next one is as good. */
static void test_the_state_begins_with_a_snapshot_that_can_be_read(void **state)
{
    (void)state;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 10);
    world_begin(&world, true);
    world_puts(&world, 3);
    world_flush(&world);
    world_snapshot(&world);
    world_puts(&world, 3);
    world_flush(&world);
    world_snapshot(&world);
    world_puts(&world, 3);
    world_prove(&world);
    power_forget(&world.power->seen, FIRST);
    world.manifest.wal_floor_sequence = 2;
    world_write_manifest(&world);
    unsigned unsound = 0;
    fail_each_call(&world, aero_error(AERO_IO), &unsound);
    assert_true(unsound > 5);
    expect_sound(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_goes_to_the_end),
        cmocka_unit_test(test_a_long_snapshot_is_read_to_its_end),
        cmocka_unit_test(test_a_snapshot_that_the_manifest_does_not_name_so_is_damage),
        cmocka_unit_test(test_a_snapshot_that_ends_early_is_damage),
        cmocka_unit_test(test_what_the_manifest_knows_is_said),
        cmocka_unit_test(test_a_directory_of_nobody_is_told_apart),
        cmocka_unit_test(test_a_base_of_another_history_gives_no_state),
        cmocka_unit_test(test_a_damaged_snapshot_above_the_log_gives_no_state),
        cmocka_unit_test(test_a_segment_is_the_one_that_the_manifest_remembers),
        cmocka_unit_test(test_an_unknown_incarnation_is_damage_on_a_primary_only),
        cmocka_unit_test(test_a_segment_under_another_name_is_damage),
        cmocka_unit_test(test_an_epoch_above_the_manifests_is_damage),
        cmocka_unit_test(test_a_first_segment_that_nothing_let_go_is_missed),
        cmocka_unit_test(test_a_segment_that_continues_another_history_is_damage),
        cmocka_unit_test(test_no_segment_is_damage_where_something_proves_one),
        cmocka_unit_test(test_a_proof_of_another_record_is_damage),
        cmocka_unit_test(test_a_digest_out_of_its_place_is_damage),
        cmocka_unit_test(test_a_payload_that_is_no_commit_is_damage),
        cmocka_unit_test(test_old_records_under_a_bad_header_prove_nothing),
        cmocka_unit_test(test_a_snapshot_that_goes_meanwhile_is_no_finding),
        cmocka_unit_test(test_a_snapshot_that_rots_meanwhile_is_damage),
        cmocka_unit_test(test_a_segment_that_goes_meanwhile_is_no_finding),
        cmocka_unit_test(test_a_log_that_rots_meanwhile_is_damage_up_to_its_proof),
        cmocka_unit_test(test_nothing_is_sound_that_could_not_be_read),
        cmocka_unit_test(test_no_torn_tail_is_harmless_that_could_not_be_read),
        cmocka_unit_test(test_no_long_segment_is_sound_that_could_not_be_read),
        cmocka_unit_test(test_no_bad_header_is_harmless_that_covers_what_could_not_be_read),
        cmocka_unit_test(test_the_state_begins_with_a_snapshot_that_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
