/* SPDX-License-Identifier: Apache-2.0 */
/* A primary that lost durable records, a replica that has them: the records come back, or nothing is touched. */
#include "tests/unit/cmocka_setup.h"

#include <fcntl.h>
#include <sys/file.h>

#include "ctl/salvage_act.h"
#include "tests/unit/ctl/data_bench.h"

#define DRY "salvage", "--primary-dir", "@p", "--replica-dir", "@r"

static int setup(void **state)
{
    *state = ctl_bench_new();
    return 0;
}

static int teardown(void **state)
{
    ctl_bench_free(*state);
    return 0;
}

/* Segments of 100 records, equal in every directory that is made so. */
static struct data_bench *fill(struct ctl_bench *bench, const char *name, enum aero_role role,
                               uint64_t last)
{
    struct data_bench *data = data_begin(bench, name, role, 7);
    data_incarnation(data, 1);
    for (uint64_t at = 0; at < last; at += 100) {
        data_segment(data, (uint8_t)(11 + at / 100));
        data_put_to(data, at + 100 < last ? at + 100 : last);
    }
    return data;
}

static void finish(struct data_bench *data)
{
    data_prove(data, 2);
    data_end(data);
    data_free(data);
}

/* What a start leaves behind that took lost records for a torn tail: a cut, an empty segment of a new incarnation, and
 * then the gate, once the replica has shown what it has. */
static void finish_after_cut(struct data_bench *data, unsigned records_of_its_own)
{
    data_incarnation(data, 2);
    data_segment_after(data, 99, true);
    for (unsigned i = 0; i < records_of_its_own; i++) {
        data_put(data, "own", "value");
    }
    data->manifest.gate = AERO_GATE_PRIMARY_LOST;
    snprintf(data->manifest.gate_reason, sizeof data->manifest.gate_reason, "a replica has more");
    finish(data);
}

static void read_manifest(struct ctl_bench *bench, const char *name, struct aero_manifest *out)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_disk_posix *posix;
    struct aero_manifest_found found;
    data_ok(aero_disk_posix_open_read_only(ctl_bench_path(bench, name, path), &posix));
    data_ok(aero_manifest_read(aero_disk_posix_port(posix), out, &found));
    aero_disk_posix_close(posix);
}

static void expect_whole(struct ctl_bench *bench, uint64_t last_lsn)
{
    struct aero_manifest manifest;
    char text[64];
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
    snprintf(text, sizeof text, "records to LSN %llu", (unsigned long long)last_lsn);
    assert_non_null(strstr(bench->out, text));
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_OPEN);
    assert_int_equal(manifest.history.incarnation_count, 1);
    aero_manifest_deinit(&manifest);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
}

static void test_records_cut_from_the_middle_of_a_segment_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "whole up to LSN 150; the replica brings back 30 records"));
    expect_whole(bench, 180);
}

/* The empty segment of the cut has the sequence of a segment that the replica has, under another name. */
static void test_records_of_several_segments_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 420));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 420);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "Nothing to bring back"));
}

static void test_whole_segments_that_are_gone_come_back(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 200), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 350));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

/* On the replica the footer is there before the successor: on a primary that would be damage (decision 14). */
static void test_a_last_segment_that_is_sealed_is_taken_without_its_footer(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 200);
    data_seal(data);
    finish(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 200);
}

/* Rot in the middle: the replica's copy takes the segment's place, and what the primary wrote behind it stays. */
static void test_damage_in_the_middle_is_mended_and_the_rest_stays(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000065-00000002.seg", 5000);
    data_free(data);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 250));
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_CTL_EXIT_DAMAGE);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

static void test_a_destroyed_header_is_mended(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 350);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000065-00000002.seg", 50);
    data_free(data);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 250));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    expect_whole(bench, 350);
}

/* Both sides hold records that the other lacks: nobody decides that by a tool's default. */
static void test_records_of_the_primarys_own_are_never_dropped(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 3);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_DIFFERENT);
    assert_non_null(strstr(bench->err, "wo histories"));
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_string_equal(manifest.gate_reason, "a replica has more");
    aero_manifest_deinit(&manifest);
}

/* Only what this primary wrote comes back: anything else is another history, whatever it continues. */
static void test_records_of_another_originator_are_refused(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data->manifest.history.incarnations[0].node_id = data_id(55);
    finish(data);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_DIFFERENT);
    assert_non_null(strstr(bench->err, "was not written by this primary"));
    assert_non_null(strstr(bench->err, "can only be given up"));
}

static void test_a_damaged_replica_gives_nothing(void **state)
{
    struct ctl_bench *bench = *state;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, 180);
    data_prove(data, 2);
    data_end(data);
    data_flip(data, "wal/0000000000000001-00000001.seg", 5000);
    data_free(data);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_DAMAGE);
}

static void test_who_is_who_is_checked(void **state)
{
    struct ctl_bench *bench = *state;
    finish(fill(bench, "p", AERO_ROLE_PRIMARY, 50));
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 60));
    struct data_bench *other = data_begin(bench, "x", AERO_ROLE_REPLICA, 8);
    data_incarnation(other, 1);
    data_segment(other, 11);
    finish(other);
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@r", "--replica-dir", "@p"),
                     AERO_EXIT_FAILURE);
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@p", "--replica-dir", "@x"),
                     AERO_EXIT_FAILURE);
    assert_non_null(strstr(bench->err, "another cluster"));
    assert_int_equal(CTL_RUN(bench, "salvage", "--primary-dir", "@p"), AERO_EXIT_USAGE);
}

static void test_a_running_daemon_is_refused(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    int fd = open(ctl_bench_path(bench, "p/lock", path), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_IN_USE);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_CTL_EXIT_IN_USE);
    close(fd);
}

static void test_without_yes_nothing_changes(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest before;
    struct aero_manifest after;
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    read_manifest(bench, "p", &before);
    assert_int_equal(CTL_RUN(bench, DRY), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "Nothing was changed"));
    assert_non_null(strstr(bench->out, "set aside"));
    read_manifest(bench, "p", &after);
    assert_int_equal(before.generation, after.generation);
    aero_manifest_deinit(&before);
    aero_manifest_deinit(&after);
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "records to LSN 150"));
}

/* Another replica has acknowledged more: writes stay closed until it was asked, too. */
static void test_writes_stay_closed_while_another_replica_has_more(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_manifest manifest;
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, 150);
    data->manifest.pins[0] = (struct aero_pin){.node_name = "r2", .sequence = 1, .durable = {190}};
    data->manifest.pin_count = 1;
    finish_after_cut(data, 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, 180));
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
    assert_non_null(strstr(bench->out, "It takes no writes yet"));
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_PRIMARY_LOST);
    assert_non_null(strstr(manifest.gate_reason, "'r2'"));
    aero_manifest_deinit(&manifest);
}

/* ---- Interruptions -------------------------------------------------------------------------------------------- */

/* A disk whose nth change fails, and every one behind it. */
struct failing_disk {
    struct aero_disk inner;
    uint64_t changes;
    uint64_t fail_at;
};

static bool fails(struct failing_disk *disk)
{
    disk->changes++;
    return disk->changes >= disk->fail_at;
}

#define INNER(self) (&((struct failing_disk *)(self))->inner)

static aero_status failing_open(void *self, const char *name, enum aero_disk_open how,
                                struct aero_disk_file **out_file)
{
    if (how != AERO_DISK_READ && how != AERO_DISK_WRITE && fails(self)) {
        return aero_error(AERO_IO);
    }
    return INNER(self)->ops->open(INNER(self)->self, name, how, out_file);
}

static void failing_close(void *self, struct aero_disk_file *file)
{
    INNER(self)->ops->close(INNER(self)->self, file);
}

static aero_status failing_read(void *self, struct aero_disk_file *file, uint64_t offset,
                                void *data, size_t length, size_t *out_read)
{
    return INNER(self)->ops->read(INNER(self)->self, file, offset, data, length, out_read);
}

static aero_status failing_write(void *self, struct aero_disk_file *file, uint64_t offset,
                                 struct aero_slice bytes, size_t *out_written)
{
    if (fails(self)) { /* half of it */
        bytes.length /= 2;
        (void)INNER(self)->ops->write(INNER(self)->self, file, offset, bytes, out_written);
        return aero_error(AERO_IO);
    }
    return INNER(self)->ops->write(INNER(self)->self, file, offset, bytes, out_written);
}

static aero_status failing_sync(void *self, struct aero_disk_file *file)
{
    return fails(self) ? aero_error(AERO_IO) : INNER(self)->ops->sync(INNER(self)->self, file);
}

static aero_status failing_truncate(void *self, struct aero_disk_file *file, uint64_t length)
{
    return fails(self) ? aero_error(AERO_IO)
                       : INNER(self)->ops->truncate(INNER(self)->self, file, length);
}

static aero_status failing_size(void *self, struct aero_disk_file *file, uint64_t *out_size)
{
    return INNER(self)->ops->size(INNER(self)->self, file, out_size);
}

static aero_status failing_rename(void *self, const char *from, const char *to)
{
    return fails(self) ? aero_error(AERO_IO)
                       : INNER(self)->ops->rename(INNER(self)->self, from, to);
}

static aero_status failing_unlink(void *self, const char *name)
{
    return fails(self) ? aero_error(AERO_IO) : INNER(self)->ops->unlink(INNER(self)->self, name);
}

static aero_status failing_make_directory(void *self, const char *name)
{
    return INNER(self)->ops->make_directory(INNER(self)->self, name);
}

static aero_status failing_sync_directory(void *self, const char *name)
{
    return fails(self) ? aero_error(AERO_IO)
                       : INNER(self)->ops->sync_directory(INNER(self)->self, name);
}

static aero_status failing_list(void *self, const char *directory, struct aero_buffer *out_entries)
{
    return INNER(self)->ops->list(INNER(self)->self, directory, out_entries);
}

static struct aero_disk failing_port(struct failing_disk *disk)
{
    static const struct aero_disk_ops ops = {
        .open = failing_open,
        .close = failing_close,
        .read = failing_read,
        .write = failing_write,
        .sync = failing_sync,
        .truncate = failing_truncate,
        .size = failing_size,
        .rename = failing_rename,
        .unlink = failing_unlink,
        .make_directory = failing_make_directory,
        .sync_directory = failing_sync_directory,
        .list = failing_list,
    };
    return (struct aero_disk){.ops = &ops, .self = disk};
}

/* Salvages until change `fail_at`. */
static aero_status interrupted(struct ctl_bench *bench, uint64_t fail_at)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_disk_posix *primary;
    struct aero_disk_posix *replica;
    struct aero_salvage_log primary_log;
    struct aero_salvage_log replica_log;
    struct aero_salvage_plan plan;
    struct aero_salvage_failure failure;
    struct aero_manifest manifest;
    data_ok(aero_disk_posix_open(ctl_bench_path(bench, "p", path), false, &primary));
    data_ok(aero_disk_posix_open_read_only(ctl_bench_path(bench, "r", path), &replica));
    read_manifest(bench, "p", &manifest);
    struct failing_disk failing = {.inner = aero_disk_posix_port(primary), .fail_at = fail_at};
    data_ok(aero_salvage_scan(failing.inner, 0, &primary_log));
    data_ok(aero_salvage_scan(aero_disk_posix_port(replica), 0, &replica_log));
    aero_salvage_plan_make(&primary_log, &replica_log, &manifest, &plan);
    assert_int_equal(plan.outcome, AERO_SALVAGE_POSSIBLE);
    aero_status status = aero_salvage_act(failing_port(&failing), aero_disk_posix_port(replica),
                                          &plan, &primary_log, &manifest, &failure);
    aero_salvage_plan_deinit(&plan);
    aero_salvage_log_deinit(&primary_log);
    aero_salvage_log_deinit(&replica_log);
    aero_manifest_deinit(&manifest);
    aero_disk_posix_close(primary);
    aero_disk_posix_close(replica);
    return status;
}

/* Wherever it stops, no write gets in before another run has finished it. */
static void test_interrupted_anywhere_another_run_finishes(void **state)
{
    (void)state;
    bool done = false;
    unsigned points = 0;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct aero_manifest manifest;
        finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, 150), 0);
        finish(fill(bench, "r", AERO_ROLE_REPLICA, 320));
        done = aero_is_ok(interrupted(bench, fail_at));
        if (!done) {
            read_manifest(bench, "p", &manifest);
            bool open = manifest.gate == AERO_GATE_OPEN;
            aero_manifest_deinit(&manifest);
            assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
            assert_false(open && strstr(bench->out, "Nothing to bring back") == NULL);
            points++;
        }
        expect_whole(bench, 320);
        ctl_bench_free(bench);
    }
    assert_true(points > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_cut_from_the_middle_of_a_segment_come_back),
        TEST(test_records_of_several_segments_come_back),
        TEST(test_whole_segments_that_are_gone_come_back),
        TEST(test_a_last_segment_that_is_sealed_is_taken_without_its_footer),
        TEST(test_damage_in_the_middle_is_mended_and_the_rest_stays),
        TEST(test_a_destroyed_header_is_mended),
        TEST(test_records_of_the_primarys_own_are_never_dropped),
        TEST(test_records_of_another_originator_are_refused),
        TEST(test_a_damaged_replica_gives_nothing),
        TEST(test_who_is_who_is_checked),
        TEST(test_a_running_daemon_is_refused),
        TEST(test_without_yes_nothing_changes),
        TEST(test_writes_stay_closed_while_another_replica_has_more),
        cmocka_unit_test(test_interrupted_anywhere_another_run_finishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
