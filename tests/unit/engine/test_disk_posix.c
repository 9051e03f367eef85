/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/engine/posix_disk.h"

static void test_open_creates_the_subdirectories_and_locks_out_a_second_owner(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_posix *second = NULL;
    assert_int_equal(aero_disk_posix_open(f->directory, false, &second).code, AERO_BUSY);
    assert_null(second);
    write_file(f, "wal/a", "1");
    write_file(f, "snapshots/a", "1");
    write_file(f, "quarantine/a", "1");
    /* The lock goes with its owner. */
    aero_disk_posix_close(f->posix);
    assert_int_equal(aero_disk_posix_open(f->directory, false, &f->posix).code, AERO_OK);
    f->disk = aero_disk_posix_port(f->posix);
    assert_content(f, "wal/a", "1");
}

static void test_open_of_a_missing_directory_creates_it_only_when_asked(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_posix *disk = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/inner", f->directory);
    assert_int_equal(aero_disk_posix_open(path, false, &disk).code, AERO_NOT_FOUND);
    assert_int_equal(aero_disk_posix_open(path, true, &disk).code, AERO_OK);
    aero_disk_posix_close(disk);
}

static void test_read_only_needs_no_lock_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_posix *reader;
    struct aero_disk_file *file;
    write_file(f, "wal/a", "text");
    assert_int_equal(aero_disk_posix_open_read_only(f->directory, &reader).code, AERO_OK);
    struct aero_disk port = aero_disk_posix_port(reader);
    assert_int_equal(port.ops->open(port.self, "wal/a", AERO_DISK_READ, &file).code, AERO_OK);
    port.ops->close(port.self, file);
    assert_int_equal(port.ops->open(port.self, "wal/a", AERO_DISK_WRITE, &file).code,
                     AERO_PERMISSION);
    assert_int_equal(port.ops->open(port.self, "wal/b", AERO_DISK_CREATE, &file).code,
                     AERO_PERMISSION);
    assert_int_equal(port.ops->unlink(port.self, "wal/a").code, AERO_PERMISSION);
    assert_int_equal(port.ops->rename(port.self, "wal/a", "wal/b").code, AERO_PERMISSION);
    assert_int_equal(port.ops->make_directory(port.self, "x").code, AERO_PERMISSION);
    assert_int_equal(port.ops->sync_directory(port.self, "wal").code, AERO_PERMISSION);
    aero_disk_posix_close(reader);
    assert_content(f, "wal/a", "text");
}

/* FM-6.2: also where the caller can do without. That a name is not there is an answer. */
static void test_a_witness_hears_of_every_refused_call(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    struct aero_disk_file *file;
    char path[512];
    let_hear(f, &heard);
    assert_int_equal(open_file(f, "wal/none", AERO_DISK_READ, &file).code, AERO_NOT_FOUND);
    assert_int_equal(f->disk.ops->make_directory(f->disk.self, "wal").code, AERO_OK);
    assert_int_equal(heard.count, 0);
    snprintf(path, sizeof path, "%s/wal/link", f->directory);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_false(aero_is_ok(open_file(f, "wal/link", AERO_DISK_READ, &file)));
    assert_int_equal(heard.count, 1);
    assert_string_equal(heard.said, "open wal/link 40"); /* ELOOP */
    assert_false(aero_is_ok(f->disk.ops->unlink(f->disk.self, "wal")));
    assert_int_equal(heard.count, 2);
    assert_string_equal(heard.said, "unlink wal 21"); /* EISDIR */
    assert_false(aero_is_ok(open_file(f, "wal", AERO_DISK_READ, &file)));
    assert_int_equal(heard.count, 3);
    assert_string_equal(heard.said, "open, which found no regular file wal 0");
}

static void test_names_that_leave_the_directory_are_refused(void **state)
{
    struct fixture *f = *state;
    char endless[AERO_DISK_NAME_MAX + 2];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const refused[] = {"",       "/etc/passwd", "../x", "wal/../../x",
                                   "wal/..", "..",          "./x",  "wal//",
                                   "wal//x", "wal/",        ".",    endless};
    struct aero_disk_file *file;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(open_file(f, refused[i], AERO_DISK_CREATE, &file).code, AERO_INVALID);
        assert_int_equal(f->disk.ops->unlink(f->disk.self, refused[i]).code, AERO_INVALID);
        assert_int_equal(f->disk.ops->rename(f->disk.self, "wal/a", refused[i]).code, AERO_INVALID);
        assert_int_equal(f->disk.ops->rename(f->disk.self, refused[i], "wal/a").code, AERO_INVALID);
        assert_int_equal(f->disk.ops->make_directory(f->disk.self, refused[i]).code, AERO_INVALID);
    }
    struct aero_buffer entries = {0};
    /* But for "", which is the directory itself. */
    for (size_t i = 1; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(f->disk.ops->list(f->disk.self, refused[i], &entries).code, AERO_INVALID);
        assert_int_equal(f->disk.ops->sync_directory(f->disk.self, refused[i]).code, AERO_INVALID);
    }
    write_file(f, "wal/..a", "fine");
}

static void test_open_follows_no_symbolic_link(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    char path[128];
    snprintf(path, sizeof path, "%s/wal/link", f->directory);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(open_file(f, "wal/link", AERO_DISK_WRITE, &file).code, AERO_IO);
    assert_int_equal(open_file(f, "wal", AERO_DISK_READ, &file).code, AERO_INVALID);
}

/* Whoever opened one to read would wait for a writer for ever. The alarm ends the test if that comes back. */
static void test_open_does_not_wait_for_the_other_end_of_a_fifo(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    char path[96];
    snprintf(path, sizeof path, "%s/manifest", f->directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(60);
    assert_int_equal(open_file(f, "manifest", AERO_DISK_READ, &file).code, AERO_INVALID);
    assert_int_equal(open_file(f, "manifest", AERO_DISK_WRITE, &file).code, AERO_INVALID);
    alarm(0);
}

static void test_open_modes(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    uint64_t size;
    assert_int_equal(open_file(f, "a", AERO_DISK_READ, &file).code, AERO_NOT_FOUND);
    assert_int_equal(open_file(f, "a", AERO_DISK_WRITE, &file).code, AERO_NOT_FOUND);
    assert_int_equal(open_file(f, "a", AERO_DISK_REUSE, &file).code, AERO_NOT_FOUND);
    write_file(f, "a", "text");
    struct heard heard = {0};
    let_hear(f, &heard);
    assert_int_equal(open_file(f, "a", AERO_DISK_CREATE_NEW, &file).code, AERO_EXISTS);
    assert_int_equal(heard.count, 0); /* that it is there answers a question, too */
    assert_int_equal(open_file(f, "a", AERO_DISK_WRITE, &file).code, AERO_OK);
    assert_int_equal(f->disk.ops->size(f->disk.self, file, &size).code, AERO_OK);
    assert_true(size == 4);
    f->disk.ops->close(f->disk.self, file);
    assert_int_equal(open_file(f, "a", AERO_DISK_CREATE, &file).code, AERO_OK);
    assert_int_equal(f->disk.ops->size(f->disk.self, file, &size).code, AERO_OK);
    assert_true(size == 0);
    f->disk.ops->close(f->disk.self, file);
}

/* A backup made of hard links must not be overwritten through the other name (decision 14). */
static void test_reuse_of_a_file_with_two_links_is_refused(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    char from[128];
    char to[128];
    write_file(f, "wal/a", "text");
    assert_int_equal(open_file(f, "wal/a", AERO_DISK_REUSE, &file).code, AERO_OK);
    f->disk.ops->close(f->disk.self, file);
    snprintf(from, sizeof from, "%s/wal/a", f->directory);
    snprintf(to, sizeof to, "%s/backup", f->directory);
    assert_int_equal(link(from, to), 0);
    assert_int_equal(open_file(f, "wal/a", AERO_DISK_REUSE, &file).code, AERO_BUSY);
}

static void test_read_past_the_end_is_short_and_no_error(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    char bytes[16];
    size_t got = 99;
    write_file(f, "a", "text");
    assert_int_equal(open_file(f, "a", AERO_DISK_READ, &file).code, AERO_OK);
    assert_int_equal(f->disk.ops->read(f->disk.self, file, 2, bytes, sizeof bytes, &got).code,
                     AERO_OK);
    assert_int_equal(got, 2);
    assert_memory_equal(bytes, "xt", 2);
    assert_int_equal(f->disk.ops->read(f->disk.self, file, 4, bytes, sizeof bytes, &got).code,
                     AERO_OK);
    assert_int_equal(got, 0);
    f->disk.ops->close(f->disk.self, file);
}

/* The kernel writes what fits and refuses the rest: the error counts, and how far it got is told. */
static void test_write_that_is_cut_short_goes_on_to_the_error(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    struct rlimit old;
    size_t written = 0;
    static uint8_t bytes[8192];
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit low = {.rlim_cur = 5000, .rlim_max = old.rlim_max};
    assert_int_equal(open_file(f, "a", AERO_DISK_CREATE, &file).code, AERO_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    aero_status status =
        f->disk.ops->write(f->disk.self, file, 0, aero_slice_of(bytes, sizeof bytes), &written);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status.code, AERO_NO_SPACE);
    assert_int_equal(status.sys_errno, EFBIG);
    assert_int_equal(written, 5000);
    f->disk.ops->close(f->disk.self, file);
}

static void test_list_is_sorted_and_holds_regular_files_only(void **state)
{
    struct fixture *f = *state;
    struct aero_buffer entries = {0};
    write_file(f, "wal/c", "333");
    write_file(f, "wal/a", "1");
    write_file(f, "wal/b", "22");
    assert_int_equal(f->disk.ops->make_directory(f->disk.self, "wal/directory").code, AERO_OK);
    assert_int_equal(f->disk.ops->make_directory(f->disk.self, "wal/directory").code, AERO_OK);
    assert_int_equal(f->disk.ops->list(f->disk.self, "wal", &entries).code, AERO_OK);
    assert_int_equal(entries.length, 3 * sizeof(struct aero_disk_entry));
    const struct aero_disk_entry *entry = (const struct aero_disk_entry *)entries.data;
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(entry[i].name[0] == (char)('a' + i) && entry[i].size_bytes == i + 1);
    }
    assert_int_equal(f->disk.ops->list(f->disk.self, "none", &entries).code, AERO_NOT_FOUND);
    aero_buffer_deinit(&entries);
}

/* History without this: a directory that held nothing but other directories was taken for an empty one. */
static void test_the_data_directory_lists_whatever_is_in_it(void **state)
{
    struct fixture *f = *state;
    struct aero_buffer entries = {0};
    char long_name[200];
    memset(long_name, 'n', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    int directory = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory >= 0);
    int file = openat(directory, long_name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(symlinkat("nowhere", directory, "zz link"), 0);
    assert_int_equal(mknodat(directory, "socket", S_IFSOCK | 0600, 0), 0);
    assert_int_equal(f->disk.ops->list(f->disk.self, "", &entries).code, AERO_OK);
    const struct aero_disk_entry *entry = (const struct aero_disk_entry *)entries.data;
    assert_int_equal(entries.length, 6 * sizeof *entry);
    assert_string_equal(entry[0].name, "lock");
    assert_false(entry[0].is_other);
    assert_int_equal(strlen(entry[1].name), sizeof entry[1].name - 1);
    assert_true(entry[1].is_other);
    assert_string_equal(entry[2].name, "quarantine");
    assert_string_equal(entry[4].name, "wal");
    assert_true(entry[4].is_other);
    assert_string_equal(entry[5].name, "zz link");
    assert_true(entry[5].is_other);
    aero_buffer_deinit(&entries);
    assert_int_equal(unlinkat(directory, long_name, 0), 0);
    assert_int_equal(unlinkat(directory, "zz link", 0), 0);
    close(directory);
}

static void test_replace_file_leaves_the_new_bytes_and_no_temporary(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_file *file;
    struct aero_buffer bytes = {0};
    for (int i = 0; i < 2; i++) {
        const char *text = i == 0 ? "old" : "newer";
        assert_int_equal(aero_disk_replace_file(f->disk, "wal", "a", aero_slice_text(text)).code,
                         AERO_OK);
        assert_content(f, "wal/a", text);
    }
    assert_int_equal(open_file(f, "wal/a.tmp", AERO_DISK_READ, &file).code, AERO_NOT_FOUND);
    assert_int_equal(aero_disk_read_file(f->disk, "wal/a", 4, &bytes).code, AERO_LIMIT);
    assert_int_equal(aero_disk_replace_file(f->disk, "", "b", aero_slice_text("x")).code, AERO_OK);
    assert_content(f, "b", "x");
    uint64_t free_bytes = 0;
    assert_int_equal(f->disk.ops->free_space(f->disk.self, &free_bytes).code, AERO_OK);
    assert_true(free_bytes > 0);
    aero_buffer_deinit(&bytes);
}

static void test_request_runs_every_kind_of_operation_in_order(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_handles handles = {{0}};
    struct aero_disk_op ops[] = {
        {.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .handle = 3, .name = "wal/a.tmp"},
        {.kind = AERO_OP_ZERO, .handle = 3, .offset = 1, .length = 200000},
        {.kind = AERO_OP_WRITE, .handle = 3, .offset = 0, .bytes = aero_slice_text("ab")},
        {.kind = AERO_OP_TRUNCATE, .handle = 3, .length = 2},
        {.kind = AERO_OP_SYNC, .handle = 3},
        {.kind = AERO_OP_RENAME, .name = "wal/a.tmp", .name_to = "wal/a"},
        {.kind = AERO_OP_SYNC_DIRECTORY, .name = "wal"},
        {.kind = AERO_OP_CLOSE, .handle = 3},
        {.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .handle = 3, .name = "wal/b"},
        {.kind = AERO_OP_ZERO, .handle = 3, .offset = 0, .length = 200000},
        {.kind = AERO_OP_UNLINK, .name = "wal/b"},
    };
    struct aero_disk_request request = {
        .id = 7, .ops = ops, .op_count = sizeof ops / sizeof ops[0]};
    struct aero_disk_completion completion;
    uint64_t size;
    aero_disk_run(f->disk, &handles, &request, &completion);
    assert_int_equal(completion.status.code, AERO_OK);
    assert_true(completion.request_id == 7 && completion.failed_op == request.op_count);
    assert_content(f, "wal/a", "ab");
    assert_int_equal(f->disk.ops->size(f->disk.self, handles.file[3], &size).code, AERO_OK);
    assert_true(size == 200000);
    aero_disk_handles_close(f->disk, &handles);
    assert_null(handles.file[3]);
}

static void test_request_stops_at_the_first_failure_and_says_which(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_handles handles = {{0}};
    struct aero_disk_op ops[] = {
        {.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .name = "wal/a"},
        {.kind = AERO_OP_RENAME, .name = "wal/none", .name_to = "wal/b"},
        {.kind = AERO_OP_UNLINK, .name = "wal/a"},
    };
    struct aero_disk_request request = {.id = 8, .ops = ops, .op_count = 3};
    struct aero_disk_completion completion;
    aero_disk_run(f->disk, &handles, &request, &completion);
    assert_int_equal(completion.status.code, AERO_NOT_FOUND);
    assert_int_equal(completion.failed_op, 1);
    assert_content(f, "wal/a", "");
    aero_disk_handles_close(f->disk, &handles);
}

static void test_request_tells_how_far_a_failed_write_got(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[8192];
    struct aero_disk_handles handles = {{0}};
    struct aero_disk_op ops[] = {
        {.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .name = "wal/a"},
        {.kind = AERO_OP_WRITE, .bytes = aero_slice_of(bytes, sizeof bytes)},
    };
    struct aero_disk_request request = {.id = 9, .ops = ops, .op_count = 2};
    struct aero_disk_completion completion;
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit low = {.rlim_cur = 4096, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    aero_disk_run(f->disk, &handles, &request, &completion);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(completion.status.code, AERO_NO_SPACE);
    assert_int_equal(completion.failed_op, 1);
    assert_true(completion.failed_written == 4096);
    aero_disk_handles_close(f->disk, &handles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(test_open_creates_the_subdirectories_and_locks_out_a_second_owner),
        WITH_DIRECTORY(test_open_of_a_missing_directory_creates_it_only_when_asked),
        WITH_DIRECTORY(test_read_only_needs_no_lock_and_changes_nothing),
        WITH_DIRECTORY(test_a_witness_hears_of_every_refused_call),
        WITH_DIRECTORY(test_names_that_leave_the_directory_are_refused),
        WITH_DIRECTORY(test_open_follows_no_symbolic_link),
        WITH_DIRECTORY(test_open_does_not_wait_for_the_other_end_of_a_fifo),
        WITH_DIRECTORY(test_open_modes),
        WITH_DIRECTORY(test_reuse_of_a_file_with_two_links_is_refused),
        WITH_DIRECTORY(test_read_past_the_end_is_short_and_no_error),
        WITH_DIRECTORY(test_write_that_is_cut_short_goes_on_to_the_error),
        WITH_DIRECTORY(test_list_is_sorted_and_holds_regular_files_only),
        WITH_DIRECTORY(test_the_data_directory_lists_whatever_is_in_it),
        WITH_DIRECTORY(test_replace_file_leaves_the_new_bytes_and_no_temporary),
        WITH_DIRECTORY(test_request_runs_every_kind_of_operation_in_order),
        WITH_DIRECTORY(test_request_stops_at_the_first_failure_and_says_which),
        WITH_DIRECTORY(test_request_tells_how_far_a_failed_write_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
