/* SPDX-License-Identifier: Apache-2.0 */
/* A sound directory verifies; then one thing at a time is wrong with it, and what is found must be that, with its place. */
#include "tests/unit/cmocka_setup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>

#include "tests/unit/ctl/data_bench.h"

struct fixture {
    struct ctl_bench *bench;
    struct data_bench *data;
    char first[AERO_DISK_NAME_MAX]; /* segments: LSN 1 to 600, 601 to 1500, 1501 to 2100 */
    char second[AERO_DISK_NAME_MAX];
    uint64_t second_middle; /* where LSN 1000 begins */
    uint64_t digest_offset; /* of LSN 1024 */
};

/* Three segments over two digest records, snapshots at 700 and 1600. */
static int setup(void **state)
{
    struct fixture *f = aero_calloc(1, sizeof *f);
    f->bench = ctl_bench_new();
    f->data = data_begin(f->bench, "d", AERO_ROLE_PRIMARY, 7);
    data_incarnation(f->data, 1);
    data_segment(f->data, 11);
    memcpy(f->first, f->data->segment, sizeof f->first);
    data_put_to(f->data, 600);
    data_segment(f->data, 12);
    memcpy(f->second, f->data->segment, sizeof f->second);
    data_put_to(f->data, 700);
    data_snapshot(f->data, 51);
    data_put_to(f->data, 1000);
    f->second_middle = f->data->last_offset;
    data_put_to(f->data, 1023);
    f->digest_offset = f->data->offset;
    data_put_to(f->data, 1500);
    data_segment(f->data, 13);
    data_put_to(f->data, 1600);
    data_snapshot(f->data, 52);
    data_put_to(f->data, 2100);
    data_prove(f->data, 4);
    data_end(f->data);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    data_free(f->data);
    ctl_bench_free(f->bench);
    free(f);
    return 0;
}

static int verify(struct fixture *f)
{
    return CTL_RUN(f->bench, "verify", "@d");
}

#define EXPECT_FOUND(f, text) assert_non_null(strstr((f)->bench->out, text))

static void test_a_sound_directory_is_sound_and_its_state_is_named(void **state)
{
    struct fixture *f = *state;
    struct aero_summary summary = aero_tree_summary(f->data->tree);
    char text[128];
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, ": sound\n");
    EXPECT_FOUND(f, "3 segments with 2100 records to LSN 2100");
    EXPECT_FOUND(f, "2 digest records agree");
    snprintf(text, sizeof text, "state at LSN 2100: %llu entries, digest %016llx%016llx",
             (unsigned long long)summary.count, (unsigned long long)summary.digest.high,
             (unsigned long long)summary.digest.low);
    EXPECT_FOUND(f, text);
    assert_int_equal(CTL_RUN(f->bench, "verify", "--json", "@d"), AERO_EXIT_OK);
    EXPECT_FOUND(f, "\"sound\": true");
    assert_int_equal(CTL_RUN(f->bench, "verify", "--no-state", "@d"), AERO_EXIT_OK);
    assert_null(strstr(f->bench->out, "state at LSN"));
}

static void test_one_of_each_is_said_in_the_singular(void **state)
{
    struct ctl_bench *bench = ctl_bench_new();
    struct data_bench *data = data_begin(bench, "one", AERO_ROLE_PRIMARY, 7);
    (void)state;
    data_incarnation(data, 1);
    data_segment(data, 11);
    data_put_to(data, 1);
    data_snapshot(data, 51);
    data_prove(data, 1);
    data_end(data);
    assert_int_equal(CTL_RUN(bench, "verify", "@one"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "  1 segment with 1 record to LSN 1, chain ");
    EXPECT_OUT(bench, "; 1 snapshot\n  state at LSN 1: 1 entry, digest ");
    EXPECT_OUT(bench, "; 0 digest records agree with it\n");
    data_free(data);
    ctl_bench_free(bench);
}

/* Truncated behind the older snapshot, as a checkpoint leaves it. */
static void test_a_log_that_begins_behind_a_snapshot_is_sound(void **state)
{
    struct fixture *f = *state;
    data_remove(f->data, f->first);
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, "state at LSN 2100");
    EXPECT_FOUND(f, "2 digest records agree");
}

/* A truncation that a crash interrupted: names go in any order, and what is left of them says nothing. */
static void test_a_left_over_below_the_floor_is_no_damage(void **state)
{
    struct fixture *f = *state;
    char path[AERO_CTL_PATH_MAX];
    data_flip(f->data, f->first, 5000);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    f->data->manifest.wal_floor_sequence = 2;
    data_ok(aero_disk_posix_open(ctl_bench_path(f->bench, "d", path), false, &f->data->posix));
    f->data->disk = aero_disk_posix_port(f->data->posix);
    data_end(f->data);
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, "state at LSN 2100");
}

static void test_every_byte_of_a_record_counts(void **state)
{
    struct fixture *f = *state;
    char place[64];
    snprintf(place, sizeof place, "offset %llu LSN 1000:", (unsigned long long)f->second_middle);
    for (uint64_t at = 0; at < 72; at += 3) {
        data_flip(f->data, f->second, f->second_middle + at);
        assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
        EXPECT_FOUND(f, f->second);
        EXPECT_FOUND(f, place);
        assert_null(strstr(f->bench->out, "state at LSN")); /* nothing is claimed behind it */
        data_flip(f->data, f->second, f->second_middle + at);
    }
    assert_int_equal(verify(f), AERO_EXIT_OK);
}

static void test_damage_in_two_segments_is_found_twice(void **state)
{
    struct fixture *f = *state;
    data_flip(f->data, f->first, 5000);
    data_flip(f->data, f->second, f->second_middle);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, f->first);
    EXPECT_FOUND(f, f->second);
}

static void test_a_bad_header_and_a_missing_segment_are_told_apart(void **state)
{
    struct fixture *f = *state;
    data_flip(f->data, f->second, 40);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "its header does not verify");
    assert_null(strstr(f->bench->out, "does not continue"));
    data_remove(f->data, f->second);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "it follows segment 2, which is missing");
}

static void test_a_torn_tail_that_nothing_proves_is_no_damage(void **state)
{
    struct fixture *f = *state;
    FILE *file = data_open(f->data, f->data->segment, "a");
    fputs("AREC torn in the middle of a write", file);
    fclose(file);
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, "note: ");
    EXPECT_FOUND(f, "a torn tail");
    EXPECT_FOUND(f, "LSN 2101");
}

static void test_a_tail_that_the_durable_file_proves_is_damage(void **state)
{
    struct fixture *f = *state;
    data_cut(f->data, f->data->segment, f->data->last_offset);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "LSN 2100");
    EXPECT_FOUND(f, "the durable file");
}

/* Without the proof a clean cut at a record's end shows no trace: the residual risk that decision 16 names. */
static void test_without_a_proof_a_shorter_log_is_only_warned_of(void **state)
{
    struct fixture *f = *state;
    data_cut(f->data, f->data->segment, f->data->last_offset);
    data_flip(f->data, AERO_PROOF_FILE, 60);
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, "warning: durable");
}

static void test_a_record_missing_below_a_later_mark_is_damage(void **state)
{
    struct fixture *f = *state;
    data_flip(f->data, AERO_PROOF_FILE, 60);
    data_flip(f->data, f->data->segment, f->data->last_offset - 200);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "a later record's mark");
}

static void test_one_bad_manifest_slot_is_a_warning_and_two_are_damage(void **state)
{
    struct fixture *f = *state;
    data_flip(f->data, AERO_MANIFEST_FILE, 60);
    assert_int_equal(verify(f), AERO_EXIT_OK);
    EXPECT_FOUND(f, "warning: manifest");
    data_flip(f->data, AERO_MANIFEST_FILE, AERO_MANIFEST_SLOT_BYTES + 60);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "no slot can be used");
}

static void test_a_damaged_snapshot_is_found_and_the_log_still_replayed(void **state)
{
    struct fixture *f = *state;
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(&f->data->manifest.snapshots[1], name);
    data_flip(f->data, name, f->data->manifest.snapshots[1].size_bytes / 2);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, name);
    EXPECT_FOUND(f, "state at LSN 2100");
}

static void test_without_a_whole_snapshot_a_truncated_log_has_no_state(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        char name[AERO_DISK_NAME_MAX];
        aero_snapshot_name(&f->data->manifest.snapshots[i], name);
        data_remove(f->data, name);
    }
    data_remove(f->data, f->first);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "the state cannot be had from this directory");
}

static void test_a_running_daemon_is_not_disturbed(void **state)
{
    struct fixture *f = *state;
    char path[AERO_CTL_PATH_MAX];
    int fd = open(ctl_bench_path(f->bench, "d/lock", path), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(verify(f), AERO_CTL_EXIT_IN_USE);
    assert_int_equal(CTL_RUN(f->bench, "verify", "--in-use", "@d"), AERO_EXIT_OK);
    EXPECT_FOUND(f, "of a moving target");
    close(fd);
}

static void test_what_is_no_node_is_not_called_sound(void **state)
{
    struct fixture *f = *state;
    char path[AERO_CTL_PATH_MAX];
    assert_int_equal(mkdir(ctl_bench_path(f->bench, "empty", path), 0700), 0);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@empty"), AERO_EXIT_FAILURE);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@nothing"), AERO_EXIT_FAILURE);
}

/* ---- Wrong states: whole in every checksum ------------------------------------------------------------------- */

static struct data_bench *small(struct ctl_bench *bench, const char *name)
{
    struct data_bench *data = data_begin(bench, name, AERO_ROLE_PRIMARY, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    return data;
}

static void test_a_digest_of_another_state_is_found_at_its_lsn(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = small(f->bench, "e");
    data_put_to(data, 1023);
    aero_tree_put(data->tree, aero_slice_text("never"), aero_slice_text("logged"), NULL);
    data_put_to(data, 1030);
    data_finish(data);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@e"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "LSN 1024: the state does not have the digest");
}

static void test_a_snapshot_of_another_state_is_found(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = small(f->bench, "e");
    data_put_to(data, 10);
    aero_tree_put(data->tree, aero_slice_text("never"), aero_slice_text("logged"), NULL);
    data_snapshot(data, 51);
    data_put_to(data, 20);
    data_finish(data);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@e"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "its state is not the one that the log leads to");
}

static void test_a_snapshot_of_another_history_is_found(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = small(f->bench, "e");
    data_put_to(data, 10);
    data->end.chain ^= 1;
    data_snapshot(data, 51);
    data->end.chain ^= 1;
    data_put_to(data, 20);
    data_finish(data);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@e"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "another history at this snapshot's LSN");
}

static void test_a_segment_of_another_cluster_or_history_is_found(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = small(f->bench, "e");
    data_put_to(data, 10);
    data->manifest.cluster_id = data_id(8);
    data->manifest.history.incarnations[0].nonce = data_id(99);
    data->manifest.history.segments[0].nonce = data_id(98);
    data_finish(data);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@e"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_FOUND(f, "another cluster");
    EXPECT_FOUND(f, "not the segment 1 that the manifest remembers");
    EXPECT_FOUND(f, "history does not know");
}

/* The same end on a replica is fetched again: nothing there proves that it was durable here. */
static void test_on_a_replica_only_its_own_proof_makes_damage(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = data_begin(f->bench, "r", AERO_ROLE_REPLICA, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    data_put_to(data, 50);
    data_prove(data, 2);
    data_put_to(data, 100);
    data_flip(data, data->segment, data->last_offset - 200);
    data_end(data);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@r"), AERO_EXIT_OK);
    EXPECT_FOUND(f, "a torn tail");
    data_flip(data, data->segment, AERO_SEGMENT_HEADER_BYTES + 8);
    assert_int_equal(CTL_RUN(f->bench, "verify", "@r"), AERO_CTL_EXIT_DAMAGE);
    data_free(data);
}

/* ---- Progress -------------------------------------------------------------------------------------------------- */

/* On a terminal only, over itself, and out of the way of a finding. */
static void test_progress_is_shown_up_to_the_end(void **state)
{
    struct fixture *f = *state;
    const char *const clear = "\r\033[K";
    f->bench->show_progress = true;
    assert_int_equal(verify(f), AERO_EXIT_OK);
    assert_non_null(strstr(f->bench->err, clear));
    assert_non_null(strstr(f->bench->err, "100.0 %"));
    assert_non_null(strstr(f->bench->err, f->first));
    size_t length = strlen(f->bench->err);
    assert_string_equal(f->bench->err + length - strlen(clear), clear);
    data_flip(f->data, f->first, 5000);
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    assert_null(strstr(f->bench->out, "\033"));
    f->bench->show_progress = false;
    assert_int_equal(verify(f), AERO_CTL_EXIT_DAMAGE);
    assert_string_equal(f->bench->err, "");
}

/* Small files behind a large one move it by less than it shows, and it is not said again. */
static void test_the_same_progress_is_shown_once(void **state)
{
    struct fixture *f = *state;
    const size_t value_bytes = (size_t)900 << 10;
    char *value = aero_malloc(value_bytes + 1);
    memset(value, 'v', value_bytes);
    value[value_bytes] = '\0';
    struct data_bench *data = small(f->bench, "e");
    for (int i = 0; i < 12; i++) {
        data_put(data, "long", value);
    }
    free(value);
    for (uint8_t i = 0; i < 4; i++) {
        data_segment(data, (uint8_t)(20 + i));
        data_put(data, "short", "value");
    }
    data_finish(data);
    f->bench->show_progress = true;
    assert_int_equal(CTL_RUN(f->bench, "verify", "@e"), AERO_EXIT_OK);
    unsigned shown = 0;
    for (const char *at = f->bench->err; (at = strchr(at, '%')) != NULL; at++) {
        shown++;
    }
    assert_in_range(shown, 2, 4); /* of five segments */
}

/* More than was counted before is not more than all. */
static void test_progress_does_not_pass_the_end(void **state)
{
    struct fixture *f = *state;
    struct data_bench *data = data_begin(f->bench, "r", AERO_ROLE_REPLICA, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    data_put_to(data, 50);
    data_snapshot(data, 51);
    data->manifest.snapshots[0].size_bytes = 0;
    data_remove(data, data->segment);
    data_end(data);
    data_free(data);
    f->bench->show_progress = true;
    (void)CTL_RUN(f->bench, "verify", "@r");
    assert_non_null(strstr(f->bench->err, "100.0 %"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_directory_is_sound_and_its_state_is_named),
        cmocka_unit_test(test_one_of_each_is_said_in_the_singular),
        TEST(test_a_log_that_begins_behind_a_snapshot_is_sound),
        TEST(test_a_left_over_below_the_floor_is_no_damage),
        TEST(test_every_byte_of_a_record_counts),
        TEST(test_damage_in_two_segments_is_found_twice),
        TEST(test_a_bad_header_and_a_missing_segment_are_told_apart),
        TEST(test_a_torn_tail_that_nothing_proves_is_no_damage),
        TEST(test_a_tail_that_the_durable_file_proves_is_damage),
        TEST(test_without_a_proof_a_shorter_log_is_only_warned_of),
        TEST(test_a_record_missing_below_a_later_mark_is_damage),
        TEST(test_one_bad_manifest_slot_is_a_warning_and_two_are_damage),
        TEST(test_a_damaged_snapshot_is_found_and_the_log_still_replayed),
        TEST(test_without_a_whole_snapshot_a_truncated_log_has_no_state),
        TEST(test_a_running_daemon_is_not_disturbed),
        TEST(test_what_is_no_node_is_not_called_sound),
        TEST(test_a_digest_of_another_state_is_found_at_its_lsn),
        TEST(test_a_snapshot_of_another_state_is_found),
        TEST(test_a_snapshot_of_another_history_is_found),
        TEST(test_a_segment_of_another_cluster_or_history_is_found),
        TEST(test_on_a_replica_only_its_own_proof_makes_damage),
        TEST(test_progress_is_shown_up_to_the_end),
        TEST(test_the_same_progress_is_shown_once),
        TEST(test_progress_does_not_pass_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
