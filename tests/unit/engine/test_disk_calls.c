/* SPDX-License-Identifier: Apache-2.0 */
/* The POSIX disk when the kernel refuses what it refuses rarely: each call of each operation once. The error comes
 * back as it is, its witness hears of it, no descriptor stays open, and what is retried is EINTR where that is safe. */
#include "tests/unit/cmocka_setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/unit/broken_call.h"
#include "tests/unit/engine/posix_disk.h"
#include "tests/unit/limits.h"

BREAKABLE_CALL(int, -1, openat, (int fd, const char *name, int flags, mode_t mode),
               (fd, name, flags, mode))
BREAKABLE_CALL(int, -1, fstat, (int fd, struct stat *facts), (fd, facts))
BREAKABLE_CALL(int, -1, fstatat, (int fd, const char *name, struct stat *facts, int flags),
               (fd, name, facts, flags))
BREAKABLE_CALL(int, -1, fstatvfs, (int fd, struct statvfs *facts), (fd, facts))
BREAKABLE_CALL(ssize_t, -1, pread, (int fd, void *data, size_t length, off_t offset),
               (fd, data, length, offset))
/* With no errno a write takes nothing. */
BREAKABLE_CALL(ssize_t, errno == 0 ? 0 : -1, pwrite,
               (int fd, const void *data, size_t length, off_t offset), (fd, data, length, offset))
BREAKABLE_CALL(int, -1, fdatasync, (int fd), (fd))
BREAKABLE_CALL(int, -1, fsync, (int fd), (fd))
BREAKABLE_CALL(int, -1, ftruncate, (int fd, off_t length), (fd, length))
BREAKABLE_CALL(int, -1, mkdirat, (int fd, const char *name, mode_t mode), (fd, name, mode))
BREAKABLE_CALL(int, -1, flock, (int fd, int operation), (fd, operation))
BREAKABLE_CALL(DIR *, NULL, fdopendir, (int fd), (fd))
BREAKABLE_CALL(struct dirent *, NULL, readdir, (DIR * stream), (stream))

/* Everything that an operation may need; each does one thing to it. */
struct scene {
    struct aero_disk disk;
    struct aero_disk_file *file; /* wal/a, open */
};

static aero_status open_it(struct scene *s)
{
    struct aero_disk_file *file = NULL;
    aero_status status = s->disk.ops->open(s->disk.self, "wal/a", AERO_DISK_READ, &file);
    s->disk.ops->close(s->disk.self, file);
    return status;
}

static aero_status read_it(struct scene *s)
{
    char bytes[4];
    size_t got = 99;
    aero_status status = s->disk.ops->read(s->disk.self, s->file, 0, bytes, sizeof bytes, &got);
    assert_int_equal(got, aero_is_ok(status) ? 4 : 99);
    return status;
}

static aero_status write_it(struct scene *s)
{
    size_t written = 99;
    aero_status status =
        s->disk.ops->write(s->disk.self, s->file, 0, aero_slice_text("TEXT"), &written);
    assert_int_equal(written, aero_is_ok(status) ? 4 : 0);
    return status;
}

static aero_status sync_it(struct scene *s)
{
    return s->disk.ops->sync(s->disk.self, s->file);
}

static aero_status truncate_it(struct scene *s)
{
    return s->disk.ops->truncate(s->disk.self, s->file, 4);
}

static aero_status size_it(struct scene *s)
{
    uint64_t size = 99;
    aero_status status = s->disk.ops->size(s->disk.self, s->file, &size);
    assert_int_equal(size, aero_is_ok(status) ? 4 : 99);
    return status;
}

static aero_status make_a_directory(struct scene *s)
{
    return s->disk.ops->make_directory(s->disk.self, "wal/new");
}

static aero_status sync_the_directory(struct scene *s)
{
    return s->disk.ops->sync_directory(s->disk.self, "wal");
}

static aero_status list_it(struct scene *s)
{
    struct aero_buffer entries = {0};
    aero_status status = s->disk.ops->list(s->disk.self, "wal", &entries);
    assert_int_equal(entries.length, aero_is_ok(status) ? 2 * sizeof(struct aero_disk_entry) : 0);
    aero_buffer_deinit(&entries);
    return status;
}

static aero_status ask_for_space(struct scene *s)
{
    uint64_t bytes = 99;
    aero_status status = s->disk.ops->free_space(s->disk.self, &bytes);
    assert_true(aero_is_ok(status) || bytes == 99);
    return status;
}

static void begin_scene(struct fixture *f, struct scene *scene)
{
    write_file(f, "wal/a", "text");
    write_file(f, "wal/b", "text");
    scene->disk = f->disk;
    assert_int_equal(open_file(f, "wal/a", AERO_DISK_WRITE, &scene->file).code, AERO_OK);
}

static void test_a_refused_call_fails_the_operation_and_leaves_nothing_open(void **state)
{
    struct fixture *f = *state;
    static const struct {
        aero_status (*act)(struct scene *scene);
        struct broken_call *call;
        struct broken_call how;
        const char *heard;
    } cases[] = {
        {open_it, &broken_openat, {0, 1, EMFILE}, "open wal/a 24"},
        {open_it, &broken_fstat, {0, 1, EIO}, "fstat wal/a 5"},
        {read_it, &broken_pread, {0, 1, EIO}, "pread wal/a 5"},
        {write_it, &broken_pwrite, {0, 1, EIO}, "pwrite wal/a 5"},
        {write_it, &broken_pwrite, {0, 1, ENOSPC}, "pwrite wal/a 28"},
        {sync_it, &broken_fdatasync, {0, 1, EIO}, "fdatasync wal/a 5"},
        /* The kernel may have told of the device's error already: a second sync would succeed over nothing. */
        {sync_it, &broken_fdatasync, {0, 1, EINTR}, "fdatasync wal/a 4"},
        {truncate_it, &broken_ftruncate, {0, 1, EIO}, "ftruncate wal/a 5"},
        {size_it, &broken_fstat, {0, 1, EIO}, "fstat wal/a 5"},
        {make_a_directory, &broken_mkdirat, {0, 1, ENOSPC}, "mkdir wal/new 28"},
        {sync_the_directory, &broken_openat, {0, 1, EMFILE}, "open wal 24"},
        {sync_the_directory, &broken_fsync, {0, 1, EIO}, "fsync wal 5"},
        {list_it, &broken_openat, {0, 1, EMFILE}, "open wal 24"},
        {list_it, &broken_fdopendir, {0, 1, ENOMEM}, "readdir wal 12"},
        {list_it, &broken_readdir, {0, 1, EIO}, "readdir wal 5"},
        {list_it, &broken_readdir, {1, 1, EIO}, "readdir wal 5"},
        {list_it, &broken_fstatat, {1, 1, EIO}, "fstatat a 5"},
        {ask_for_space, &broken_fstatvfs, {0, 1, EIO}, "fstatvfs . 5"},
    };
    struct scene scene;
    struct heard heard;
    begin_scene(f, &scene);
    let_hear(f, &heard);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int descriptor = lowest_free_descriptor();
        heard = (struct heard){0};
        *cases[i].call = cases[i].how;
        aero_status status = cases[i].act(&scene);
        assert_int_equal(cases[i].call->times, 0);
        assert_int_equal(status.sys_errno, cases[i].how.sys_errno);
        assert_false(aero_is_ok(status));
        assert_int_equal(heard.count, 1);
        /* Which of two files a directory names first is its own affair. */
        bool is_entry = strncmp(heard.said, "fstatat ", 8) == 0;
        assert_true(is_entry || strcmp(heard.said, cases[i].heard) == 0);
        assert_int_equal(lowest_free_descriptor(), descriptor);
        assert_true(aero_is_ok(cases[i].act(&scene))); /* it was the call, not the scene */
    }
    f->disk.ops->close(f->disk.self, scene.file);
}

/* EINTR says that nothing was done: those calls are made again, and nobody hears of it. */
static void test_an_interrupted_call_is_made_again(void **state)
{
    struct fixture *f = *state;
    static const struct {
        aero_status (*act)(struct scene *scene);
        struct broken_call *call;
    } cases[] = {
        {open_it, &broken_openat},
        {read_it, &broken_pread},
        {write_it, &broken_pwrite},
        {truncate_it, &broken_ftruncate},
        {sync_the_directory, &broken_openat},
        {list_it, &broken_openat},
    };
    struct scene scene;
    struct heard heard = {0};
    begin_scene(f, &scene);
    let_hear(f, &heard);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        *cases[i].call = (struct broken_call){.times = 2, .sys_errno = EINTR};
        assert_true(aero_is_ok(cases[i].act(&scene)));
        assert_int_equal(cases[i].call->times, 0);
    }
    assert_int_equal(heard.count, 0);
    f->disk.ops->close(f->disk.self, scene.file);
    assert_content(f, "wal/a", "TEXT");
}

/* POSIX allows it, and a loop that waits for more would wait for ever. */
static void test_a_write_that_takes_nothing_fails(void **state)
{
    struct fixture *f = *state;
    struct scene scene;
    begin_scene(f, &scene);
    broken_pwrite = (struct broken_call){.times = 1, .sys_errno = 0};
    aero_status status = write_it(&scene);
    assert_int_equal(status.code, AERO_IO);
    assert_int_equal(status.sys_errno, EIO);
    f->disk.ops->close(f->disk.self, scene.file);
}

/* It goes between the reading of the directory and the question: to be gone is no error. */
static void test_list_leaves_out_a_file_that_has_just_gone(void **state)
{
    struct fixture *f = *state;
    struct aero_buffer entries = {0};
    struct scene scene;
    begin_scene(f, &scene);
    broken_fstatat = (struct broken_call){.times = 1, .sys_errno = ENOENT};
    assert_int_equal(f->disk.ops->list(f->disk.self, "wal", &entries).code, AERO_OK);
    assert_int_equal(entries.length, sizeof(struct aero_disk_entry));
    aero_buffer_deinit(&entries);
    f->disk.ops->close(f->disk.self, scene.file);
}

/* Nothing of a directory is taken for granted before its parent remembers it and it has all its parts. */
static void test_open_that_cannot_make_the_directory_whole_fails(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct broken_call *call;
        struct broken_call how;
    } cases[] = {
        {&broken_openat, {0, 1, EMFILE}},  /* the new directory, to find its parent */
        {&broken_openat, {1, 1, EMFILE}},  /* its parent */
        {&broken_fsync, {0, 1, EIO}},      /* the parent */
        {&broken_openat, {2, 1, EMFILE}},  /* the directory, to work in it */
        {&broken_openat, {3, 1, EACCES}},  /* the lock's file */
        {&broken_flock, {0, 1, ENOLCK}},   /* no lock to have, which is not "somebody has it" */
        {&broken_mkdirat, {0, 1, ENOSPC}}, /* wal */
        {&broken_mkdirat, {1, 1, ENOSPC}}, /* snapshots */
        {&broken_mkdirat, {2, 1, ENOSPC}}, /* quarantine */
        {&broken_openat, {4, 1, EMFILE}},  /* the directory, to sync it */
        {&broken_fsync, {1, 1, EIO}},      /* the directory */
    };
    char path[128];
    char command[160];
    snprintf(path, sizeof path, "%s/inner", f->directory);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_disk_posix *disk = NULL;
        int descriptor = lowest_free_descriptor();
        *cases[i].call = cases[i].how;
        assert_int_equal(aero_disk_posix_open(path, true, &disk).sys_errno, cases[i].how.sys_errno);
        assert_int_equal(cases[i].call->times, 0);
        assert_null(disk);
        assert_int_equal(lowest_free_descriptor(), descriptor);
        /* What is there already does no harm to the next one. */
        assert_int_equal(aero_disk_posix_open(path, true, &disk).code, AERO_OK);
        aero_disk_posix_close(disk);
        assert_int_equal(system(command), 0);
    }
}

/* History without this: the second start found the directory and took it for remembered. A power cut could then take it
 * away, with all that was acknowledged in it. */
static void test_open_of_a_directory_that_is_there_has_its_parent_synced_again(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/inner", f->directory);
    struct aero_disk_posix *disk = NULL;
    assert_int_equal(mkdir(path, 0700), 0); /* by a start that was killed right behind it */
    broken_fsync = (struct broken_call){.times = 1, .sys_errno = EIO};
    assert_int_equal(aero_disk_posix_open(path, true, &disk).sys_errno, EIO);
    broken_fsync = (struct broken_call){.passes = 9, .times = 1};
    assert_int_equal(aero_disk_posix_open(path, true, &disk).code, AERO_OK);
    assert_int_equal(broken_fsync.passes, 7); /* the parent, then the directory */
    broken_fsync.times = 0;
    aero_disk_posix_close(disk);
}

/* A package, a container or an operator made it, where the daemon may not look or nothing can be synced. */
static void test_open_of_a_directory_that_somebody_else_made_needs_no_parent(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct broken_call *call;
        struct broken_call how;
    } cases[] = {
        {&broken_openat, {1, 1, EACCES}},
        {&broken_fsync, {0, 1, EINVAL}},
        {&broken_fsync, {0, 1, EROFS}},
    };
    char path[128];
    snprintf(path, sizeof path, "%s/inner", f->directory);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_disk_posix *disk = NULL;
        /* Its own would have to be remembered. History: the next start took what this one had left for somebody else's. */
        for (unsigned starts = 0; starts < 2; starts++) {
            *cases[i].call = cases[i].how;
            assert_int_equal(aero_disk_posix_open(path, true, &disk).sys_errno,
                             cases[i].how.sys_errno);
            assert_int_not_equal(access(path, F_OK), 0);
        }
        assert_int_equal(mkdir(path, 0700), 0);
        *cases[i].call = cases[i].how;
        assert_int_equal(aero_disk_posix_open(path, true, &disk).code, AERO_OK);
        assert_int_equal(cases[i].call->times, 0);
        struct heard heard = {0};
        char said[64];
        aero_disk_posix_set_witness(disk,
                                    (struct aero_disk_witness){.refused = hear, .self = &heard});
        snprintf(said, sizeof said, "open or fsync .. %d", cases[i].how.sys_errno);
        assert_string_equal(heard.said, said); /* done without, but not unsaid */
        aero_disk_posix_close(disk);
        char command[160];
        snprintf(command, sizeof command, "rm -rf '%s'", path);
        assert_int_equal(system(command), 0);
    }
}

static void test_open_below_a_directory_that_is_not_there_fails(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_posix *disk = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/none/inner", f->directory);
    assert_int_equal(aero_disk_posix_open(path, true, &disk).code, AERO_NOT_FOUND);
    assert_null(disk);
}

static void test_lock_is_asked_for_again_after_an_interruption(void **state)
{
    struct fixture *f = *state;
    struct aero_disk_posix *second = NULL;
    broken_flock = (struct broken_call){.times = 2, .sys_errno = EINTR};
    assert_int_equal(aero_disk_posix_open(f->directory, false, &second).code, AERO_BUSY);
    assert_int_equal(broken_flock.times, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(test_a_refused_call_fails_the_operation_and_leaves_nothing_open),
        WITH_DIRECTORY(test_an_interrupted_call_is_made_again),
        WITH_DIRECTORY(test_a_write_that_takes_nothing_fails),
        WITH_DIRECTORY(test_list_leaves_out_a_file_that_has_just_gone),
        WITH_DIRECTORY(test_open_that_cannot_make_the_directory_whole_fails),
        WITH_DIRECTORY(test_open_of_a_directory_that_is_there_has_its_parent_synced_again),
        WITH_DIRECTORY(test_open_of_a_directory_that_somebody_else_made_needs_no_parent),
        WITH_DIRECTORY(test_open_below_a_directory_that_is_not_there_fails),
        WITH_DIRECTORY(test_lock_is_asked_for_again_after_an_interruption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
