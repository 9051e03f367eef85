/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, and a data directory that is held still, where the file system says no. */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "ctl/directory.h"
#include "tests/unit/broken_call.h"
#include "tests/unit/ctl/ctl_bench.h"
#include "tests/unit/limits.h"

/* A disk that fails when data is to become durable, and a file system without locks. */
BREAKABLE_CALL(int, -1, fsync, (int fd), (fd))
BREAKABLE_CALL(int, -1, flock, (int fd, int operation), (fd, operation))
BREAKABLE_CALL(int, -1, fstat, (int fd, struct stat *facts), (fd, facts))

static const char *path_of(struct ctl_bench *bench, const char *name)
{
    static char path[AERO_CTL_PATH_MAX];
    return ctl_bench_path(bench, name, path);
}

static void make_file(struct ctl_bench *bench, const char *name, size_t bytes)
{
    FILE *file = fopen(path_of(bench, name), "w");
    assert_non_null(file);
    for (size_t i = 0; i < bytes; i++) {
        fputc('x', file);
    }
    assert_int_equal(fclose(file), 0);
}

static void make_loop(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(symlink(name, path_of(bench, name)), 0); /* leads to itself */
}

static enum aero_ctl_path_kind kind_of(struct ctl_bench *bench, const char *name)
{
    enum aero_ctl_path_kind kind;
    assert_true(aero_is_ok(aero_ctl_path_kind(path_of(bench, name), &kind, NULL)));
    return kind;
}

static void test_a_path_that_does_not_fit_is_none(void **state)
{
    (void)state;
    char directory[AERO_CTL_PATH_MAX];
    char path[AERO_CTL_PATH_MAX];
    memset(directory, 'd', sizeof directory);
    directory[AERO_CTL_PATH_MAX - 6] = '\0';
    assert_true(aero_ctl_path(directory, "name", path));
    assert_int_equal(strlen(path), AERO_CTL_PATH_MAX - 1);
    assert_false(aero_ctl_path(directory, "longer", path));
}

static void test_every_kind_of_path_is_told_apart(void **state)
{
    struct ctl_bench *bench = *state;
    enum aero_ctl_path_kind kind;
    make_file(bench, "file", 1);
    assert_int_equal(mkdir(path_of(bench, "directory"), 0700), 0);
    assert_int_equal(mkfifo(path_of(bench, "fifo"), 0600), 0);
    make_loop(bench, "loop");
    assert_int_equal(kind_of(bench, "nothing"), AERO_CTL_PATH_NOTHING);
    assert_int_equal(kind_of(bench, "file"), AERO_CTL_PATH_FILE);
    assert_int_equal(kind_of(bench, "directory"), AERO_CTL_PATH_DIRECTORY);
    assert_int_equal(kind_of(bench, "fifo"), AERO_CTL_PATH_OTHER);
    assert_int_equal(aero_ctl_path_kind(path_of(bench, "loop"), &kind, NULL).sys_errno, ELOOP);
    assert_int_equal(aero_ctl_path_kind(path_of(bench, "file/x"), &kind, NULL).sys_errno, ENOTDIR);
}

static void test_read_takes_a_file_up_to_the_limit_and_no_more(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer bytes = {0};
    make_file(bench, "most", AERO_CTL_FILE_MAX);
    make_file(bench, "more", AERO_CTL_FILE_MAX + 1);
    assert_true(aero_is_ok(aero_ctl_file_read(path_of(bench, "most"), &bytes)));
    assert_int_equal(bytes.length, AERO_CTL_FILE_MAX);
    aero_buffer_clear(&bytes);
    assert_int_equal(aero_ctl_file_read(path_of(bench, "more"), &bytes).code, AERO_LIMIT);
    assert_int_equal(aero_ctl_file_read(bench->directory, &bytes).sys_errno, EISDIR);
    assert_int_equal(aero_ctl_file_read(path_of(bench, "none"), &bytes).code, AERO_NOT_FOUND);
    assert_string_equal(aero_ctl_file_error(aero_error(AERO_LIMIT)), "larger than 16 MiB");
    aero_buffer_deinit(&bytes);
}

/* What, where and why, and what to do about it. */
static void test_a_directory_that_cannot_be_opened_is_told_with_advice(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        int sys_errno;
        const char *text;
    } cases[] = {
        {ENOENT, "aeroctl verify: DIR: cannot be opened as a data directory: No such file or "
                 "directory. Give a node's data directory: data_dir in its configuration.\n"},
        {ENOTDIR, "DIR: cannot be opened as a data directory: Not a directory. Give a node's"},
        {EACCES, "Permission denied. Run this as the user of the daemon.\n"},
        {EIO, "Input/output error. Look at its file lock, and at its disk.\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t length = 0;
        struct aero_ctl ctl = {.err = open_memstream(&text, &length)};
        aero_ctl_directory_complain(&ctl, "verify", "DIR", aero_error_errno(cases[i].sys_errno));
        fclose(ctl.err);
        assert_non_null(strstr(text, cases[i].text));
        free(text);
    }
    assert_int_equal(CTL_RUN(bench, "verify", path_of(bench, "none")), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/none: cannot be opened as a data directory: No such file or directory");
    make_file(bench, "file", 1);
    assert_int_equal(CTL_RUN(bench, "wal", "dump", path_of(bench, "none")), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/none: No such file or directory. Give a node's data directory");
}

/* Nobody writes into it: who waited for that would wait for ever. */
static void test_read_does_not_wait_for_the_other_end_of_a_fifo(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer bytes = {0};
    assert_int_equal(mkfifo(path_of(bench, "fifo"), 0600), 0);
    aero_status status = aero_ctl_file_read(path_of(bench, "fifo"), &bytes);
    assert_int_equal(status.code, AERO_UNSUPPORTED);
    assert_string_equal(aero_ctl_file_error(status), "not a regular file");
    assert_string_equal(aero_ctl_file_error(aero_error_errno(EACCES)), "Permission denied");
    assert_int_equal(CTL_RUN(bench, "certs", "show", path_of(bench, "fifo")), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/fifo: not a regular file\n");
    broken_fstat = (struct broken_call){.times = 1, .sys_errno = EIO};
    assert_int_equal(aero_ctl_file_read(path_of(bench, "fifo"), &bytes).sys_errno, EIO);
    assert_int_equal(bytes.length, 0);
    aero_buffer_deinit(&bytes);
}

/* What is half there would be taken for a key by the next run. */
static void test_create_leaves_a_whole_file_or_none(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer bytes = {0};
    struct aero_slice text = aero_slice_text("0123456789");
    struct limit limit = limit_file_bytes(4);
    aero_status status = aero_ctl_file_create(path_of(bench, "a"), 0600, text);
    limit_lift(&limit);
    assert_int_equal(status.code, AERO_NO_SPACE);
    assert_int_equal(kind_of(bench, "a"), AERO_CTL_PATH_NOTHING);

    broken_fsync = (struct broken_call){.times = 1, .sys_errno = EIO};
    status = aero_ctl_file_create(path_of(bench, "a"), 0600, text);
    assert_int_equal(status.sys_errno, EIO);
    assert_int_equal(kind_of(bench, "a"), AERO_CTL_PATH_NOTHING);

    assert_true(aero_is_ok(aero_ctl_file_create(path_of(bench, "a"), 0600, text)));
    assert_int_equal(aero_ctl_file_create(path_of(bench, "a"), 0600, aero_slice_text("b")).code,
                     AERO_EXISTS);
    assert_true(aero_is_ok(aero_ctl_file_read(path_of(bench, "a"), &bytes)));
    assert_true(aero_slice_equal(aero_buffer_slice(&bytes), text));
    aero_buffer_deinit(&bytes);
}

static void expect_text(struct ctl_bench *bench, const char *name, const char *text)
{
    struct aero_buffer bytes = {0};
    assert_true(aero_is_ok(aero_ctl_file_read(path_of(bench, name), &bytes)));
    assert_true(aero_slice_equal(aero_buffer_slice(&bytes), aero_slice_text(text)));
    aero_buffer_deinit(&bytes);
}

static aero_status replace(struct ctl_bench *bench, const char *text)
{
    return aero_ctl_file_replace(bench->directory, "a", 0640, aero_slice_text(text));
}

/* A daemon may read it in the middle: what it finds is the old file, until the new one is whole and durable. */
static void test_replace_changes_a_file_as_a_whole_or_not_at_all(void **state)
{
    struct ctl_bench *bench = *state;
    struct stat facts;
    assert_true(aero_is_ok(replace(bench, "first")));
    assert_int_equal(stat(path_of(bench, "a"), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0640);
    make_file(bench, "a.new", 100); /* of a run that crashed */
    assert_true(aero_is_ok(replace(bench, "second")));
    expect_text(bench, "a", "second");

    struct limit limit = limit_file_bytes(4);
    aero_status status = replace(bench, "0123456789");
    limit_lift(&limit);
    assert_int_equal(status.code, AERO_NO_SPACE);
    expect_text(bench, "a", "second");
    broken_fsync = (struct broken_call){.times = 1, .sys_errno = EIO};
    assert_int_equal(replace(bench, "third").sys_errno, EIO);
    expect_text(bench, "a", "second");
    assert_int_equal(kind_of(bench, "a.new"), AERO_CTL_PATH_NOTHING);

    /* The directory's: it is there, and may be gone after a crash. */
    broken_fsync = (struct broken_call){.passes = 1, .times = 1, .sys_errno = EIO};
    assert_int_equal(replace(bench, "third").sys_errno, EIO);
    expect_text(bench, "a", "third");
    assert_int_equal(unlink(path_of(bench, "a")), 0);
    assert_int_equal(mkdir(path_of(bench, "a"), 0700), 0);
    assert_int_equal(replace(bench, "fourth").sys_errno, EISDIR);
    assert_int_equal(kind_of(bench, "a.new"), AERO_CTL_PATH_NOTHING);
}

static void test_replace_has_room_for_the_name_of_what_is_not_ready(void **state)
{
    struct ctl_bench *bench = *state;
    char deep[AERO_CTL_PATH_MAX];
    struct aero_slice text = aero_slice_text("text");
    ctl_bench_deep(bench, AERO_CTL_PATH_MAX - 8, deep);
    assert_int_equal(aero_ctl_file_replace(deep, "abc", 0600, text).sys_errno, ENAMETOOLONG);
    assert_true(aero_is_ok(aero_ctl_file_replace(deep, "ab", 0600, text)));
}

static void test_a_directory_is_synced_or_it_is_said_why_not(void **state)
{
    struct ctl_bench *bench = *state;
    make_file(bench, "file", 1);
    assert_true(aero_is_ok(aero_ctl_directory_sync(bench->directory)));
    assert_int_equal(aero_ctl_directory_sync(path_of(bench, "file")).sys_errno, ENOTDIR);
    broken_fsync = (struct broken_call){.times = 1, .sys_errno = EIO};
    assert_int_equal(aero_ctl_directory_sync(bench->directory).sys_errno, EIO);
}

static void test_a_directory_has_one_lock_where_there_are_locks(void **state)
{
    struct ctl_bench *bench = *state;
    int lock;
    int other;
    assert_true(aero_is_ok(aero_ctl_directory_lock(bench->directory, &lock)));
    assert_int_equal(aero_ctl_directory_lock(bench->directory, &other).code, AERO_BUSY);
    broken_flock = (struct broken_call){.times = 1, .sys_errno = ENOLCK};
    assert_true(aero_is_ok(aero_ctl_directory_lock(bench->directory, &other)));
    aero_ctl_directory_unlock(other);
    aero_ctl_directory_unlock(lock);
    assert_int_equal(aero_ctl_directory_lock(path_of(bench, "none"), &lock).code, AERO_NOT_FOUND);
}

static void test_list_has_the_directories_in_order(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer names = {0};
    static const char *const directories[] = {"b", "a", ".hidden", "c"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        assert_int_equal(mkdir(path_of(bench, directories[i]), 0700), 0);
    }
    make_file(bench, "file", 1);
    make_loop(bench, "loop");
    assert_true(aero_is_ok(aero_ctl_directory_list(bench->directory, &names)));
    assert_int_equal(names.length, 6);
    assert_memory_equal(names.data, "a\0b\0c\0", 6);
    aero_buffer_clear(&names);
    assert_int_equal(aero_ctl_directory_list(path_of(bench, "file"), &names).sys_errno, ENOTDIR);
    assert_int_equal(names.length, 0);
    aero_buffer_deinit(&names);
}

static void test_list_leaves_out_what_has_no_path(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer names = {0};
    char deep[AERO_CTL_PATH_MAX];
    ctl_bench_deep(bench, AERO_CTL_PATH_MAX - 4, deep);
    int fd = open(deep, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(fd, "ab", 0700), 0);
    assert_int_equal(mkdirat(fd, "abc", 0700), 0);
    assert_true(aero_is_ok(aero_ctl_directory_list(deep, &names)));
    assert_int_equal(names.length, 3);
    assert_memory_equal(names.data, "ab", 3);
    assert_int_equal(unlinkat(fd, "abc", AT_REMOVEDIR), 0);
    close(fd);
    aero_buffer_deinit(&names);
}

/* ---- A data directory ---- */

static void test_a_directory_with_a_daemon_is_in_use(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_ctl_directory directory;
    make_file(bench, "lock", 0);
    int fd = open(path_of(bench, "lock"), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_true(aero_is_ok(aero_ctl_directory_open(bench->directory, &directory)));
    assert_true(directory.in_use);
    aero_ctl_directory_close(&directory);
    close(fd);
    assert_true(aero_is_ok(aero_ctl_directory_open(bench->directory, &directory)));
    assert_false(directory.in_use);
    aero_ctl_directory_close(&directory);
}

/* We do not look when we cannot tell whether a daemon writes. */
static void test_a_lock_that_cannot_be_taken_is_no_leave_to_look(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_ctl_directory directory;
    make_file(bench, "elsewhere", 0);
    assert_int_equal(symlink("elsewhere", path_of(bench, "lock")), 0);
    assert_int_equal(aero_ctl_directory_open(bench->directory, &directory).sys_errno, ELOOP);
    assert_int_equal(unlink(path_of(bench, "lock")), 0);
    assert_int_equal(mkfifo(path_of(bench, "lock"), 0600), 0);
    assert_true(aero_is_ok(aero_ctl_directory_open(bench->directory, &directory))); /* at once */
    aero_ctl_directory_close(&directory);
    assert_int_equal(unlink(path_of(bench, "lock")), 0);
    make_file(bench, "lock", 0);
    broken_flock = (struct broken_call){.times = 1, .sys_errno = ENOLCK};
    assert_int_equal(aero_ctl_directory_open(bench->directory, &directory).sys_errno, ENOLCK);
    char deep[AERO_CTL_PATH_MAX];
    ctl_bench_deep(bench, AERO_CTL_PATH_MAX - 4, deep);
    assert_int_equal(aero_ctl_directory_open(deep, &directory).code, AERO_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_that_does_not_fit_is_none),
        CTL_TEST(test_every_kind_of_path_is_told_apart),
        CTL_TEST(test_read_takes_a_file_up_to_the_limit_and_no_more),
        CTL_TEST(test_a_directory_that_cannot_be_opened_is_told_with_advice),
        CTL_TEST(test_read_does_not_wait_for_the_other_end_of_a_fifo),
        CTL_TEST(test_create_leaves_a_whole_file_or_none),
        CTL_TEST(test_replace_changes_a_file_as_a_whole_or_not_at_all),
        CTL_TEST(test_replace_has_room_for_the_name_of_what_is_not_ready),
        CTL_TEST(test_a_directory_is_synced_or_it_is_said_why_not),
        CTL_TEST(test_a_directory_has_one_lock_where_there_are_locks),
        CTL_TEST(test_list_has_the_directories_in_order),
        CTL_TEST(test_list_leaves_out_what_has_no_path),
        CTL_TEST(test_a_directory_with_a_daemon_is_in_use),
        CTL_TEST(test_a_lock_that_cannot_be_taken_is_no_leave_to_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
