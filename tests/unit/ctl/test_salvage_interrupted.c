/* SPDX-License-Identifier: Apache-2.0 */
/* A salvage that stops anywhere: nobody is served wrongly, and another run finishes it. */
#include "tests/unit/ctl/salvage_bench.h"

#include "ctl/salvage_act.h"
#include "engine/recovery.h"

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
    struct aero_manifest replica_manifest;
    data_ok(aero_disk_posix_open(ctl_bench_path(bench, "p", path), false, &primary));
    data_ok(aero_disk_posix_open_read_only(ctl_bench_path(bench, "r", path), &replica));
    read_manifest(bench, "p", &manifest);
    read_manifest(bench, "r", &replica_manifest);
    struct failing_disk failing = {.inner = aero_disk_posix_port(primary), .fail_at = fail_at};
    const struct aero_salvage_source from_primary = {.disk = failing.inner};
    const struct aero_salvage_source from_replica = {.disk = aero_disk_posix_port(replica)};
    data_ok(aero_salvage_read(&from_primary, &from_replica, &primary_log, &replica_log));
    const struct aero_salvage_side now = {.log = &primary_log, .manifest = &manifest};
    const struct aero_salvage_side source = {.log = &replica_log, .manifest = &replica_manifest};
    aero_salvage_plan_make(&now, &source, &plan);
    assert_int_equal(plan.outcome, AERO_SALVAGE_POSSIBLE);
    aero_status status = aero_salvage_act(failing_port(&failing), aero_disk_posix_port(replica),
                                          &plan, &now, &failure);
    aero_salvage_plan_deinit(&plan);
    aero_salvage_log_deinit(&primary_log);
    aero_salvage_log_deinit(&replica_log);
    aero_manifest_deinit(&manifest);
    aero_manifest_deinit(&replica_manifest);
    aero_disk_posix_close(primary);
    aero_disk_posix_close(replica);
    return status;
}

/* What a start of the primary would make of it: refused, or without writes, or whole. A start that is let in leaves an
 * incarnation and a segment of its own. */
static void start_in_between(struct ctl_bench *bench)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    struct data_bench *data = aero_calloc(1, sizeof *data);
    data_ok(aero_disk_posix_open(ctl_bench_path(bench, "p", path), false, &data->posix));
    data->disk = aero_disk_posix_port(data->posix);
    if (aero_is_ok(aero_recover(data->disk, NULL, &recovered, &report))) {
        const struct aero_wal_file *last = &recovered.files[recovered.file_count - 1];
        assert_true(recovered.manifest.gate != AERO_GATE_OPEN ||
                    recovered.end.lsn.value == AHEAD_AT);
        data->header = last->header;
        data->offset = last->end_offset;
        data->end = recovered.end;
        data->manifest = recovered.manifest;
        data->tree = recovered.tree;
        recovered.manifest = (struct aero_manifest){0};
        recovered.tree = NULL;
        aero_recovered_deinit(&recovered);
        begin_again(data, 80);
        data_end(data);
    }
    data_free(data);
}

/* Wherever it stops, no write gets in before another run has finished it. */
static void interrupt_everywhere(void (*lose)(struct ctl_bench *bench), bool start)
{
    bool done = false;
    unsigned points = 0;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        struct ctl_bench *bench = ctl_bench_new();
        struct aero_manifest manifest;
        lose(bench);
        done = aero_is_ok(interrupted(bench, fail_at));
        if (!done) {
            read_manifest(bench, "p", &manifest);
            bool whole = manifest.gate == AERO_GATE_OPEN && fail_at > 1;
            aero_manifest_deinit(&manifest);
            if (start) {
                start_in_between(bench);
            }
            assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_EXIT_OK);
            assert_true(!whole || strstr(bench->out, "Nothing to bring back") != NULL);
            points++;
        }
        assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
        assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
        ctl_bench_free(bench);
    }
    assert_true(points > 20);
}

static void lose_by_a_cut(struct ctl_bench *bench)
{
    finish_after_cut(fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT), 0);
    finish(fill(bench, "r", AERO_ROLE_REPLICA, AHEAD_AT));
}

static void lose_by_an_older_copy(struct ctl_bench *bench)
{
    finish(older_copy(bench, 3));
    finish(replica_ahead(bench, 2));
}

static void test_interrupted_anywhere_another_run_finishes(void **state)
{
    (void)state;
    interrupt_everywhere(lose_by_a_cut, false);
    interrupt_everywhere(lose_by_an_older_copy, false);
}

static void test_a_start_of_the_primary_in_between_does_no_harm(void **state)
{
    (void)state;
    interrupt_everywhere(lose_by_an_older_copy, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interrupted_anywhere_another_run_finishes),
        cmocka_unit_test(test_a_start_of_the_primary_in_between_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
