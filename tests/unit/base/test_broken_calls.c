/* SPDX-License-Identifier: Apache-2.0 */
/* What base does when the kernel or the allocator refuses: it goes on after an interruption, and ends the process
 * where nothing could be right without an answer. */
#include "tests/unit/cmocka_setup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"
#include "base/ports.h"
#include "tests/unit/broken_call.h"

BREAKABLE_CALL(ssize_t, -1, read, (int fd, void *data, size_t length), (fd, data, length))
BREAKABLE_CALL(ssize_t, -1, write, (int fd, const void *data, size_t length), (fd, data, length))
BREAKABLE_CALL(void *, NULL, malloc, (size_t size), (size))

static struct broken_call broken_getrandom;
static unsigned zeros_count; /* the next answers of getrandom are zeros */
ssize_t __real_getrandom(void *data, size_t length, unsigned flags);
ssize_t __wrap_getrandom(void *data, size_t length, unsigned flags);

ssize_t __wrap_getrandom(void *data, size_t length, unsigned flags)
{
    if (zeros_count != 0) {
        zeros_count--;
        memset(data, 0, length);
        return (ssize_t)length;
    }
    return is_broken(&broken_getrandom) ? -1 : __real_getrandom(data, length, flags);
}

static void test_load_file_reads_on_after_an_interruption(void **state)
{
    (void)state;
    static const struct aero_config_key key = {
        .name = "port", .type = AERO_CONFIG_PORT, .default_text = "1", .help = "Port."};
    static const struct aero_config_table table = {.keys = &key, .count = 1};
    struct aero_config *config = aero_config_new(&table);
    struct aero_config_error error;
    char path[] = "/tmp/aero_config_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs("port = 7001\n", file);
    fclose(file);
    broken_read = (struct broken_call){.passes = 1, .times = 2, .sys_errno = EINTR};
    assert_true(aero_is_ok(aero_config_load_file(config, path, &error)));
    assert_int_equal(broken_read.times, 0);
    assert_int_equal(aero_config_port(config, "port"), 7001);
    aero_config_free(config);
    unlink(path);
}

static void test_fd_sink_writes_the_line_once_after_an_interruption(void **state)
{
    (void)state;
    int ends[2];
    char text[32];
    assert_int_equal(pipe(ends), 0);
    struct aero_log_fd target = {.fd = ends[1]};
    struct aero_log_sink sink = aero_log_sink_fd(&target);
    broken_write = (struct broken_call){.times = 2, .sys_errno = EINTR};
    assert_true(sink.write(sink.self, aero_slice_text("line\n")));
    assert_int_equal(broken_write.times, 0);
    assert_int_equal(read(ends[0], text, sizeof text), 5);
    assert_memory_equal(text, "line\n", 5);
    close(ends[0]);
    close(ends[1]);
}

/* The id of nobody is what the code knows "no id" by. */
static void test_entropy_never_gives_the_id_of_nobody(void **state)
{
    (void)state;
    struct aero_entropy entropy = aero_entropy_posix();
    zeros_count = 2;
    assert_false(aero_id_is_none(entropy.id(entropy.self)));
    assert_int_equal(zeros_count, 0);
}

static sigjmp_buf back_from_abort;

static void leave_abort(int signal_number)
{
    (void)signal_number;
    siglongjmp(back_from_abort, 1);
}

/* `act` must end in abort(3), and say so on standard error. */
static void expect_abort(void (*act)(void), const char *said)
{
    struct sigaction leave = {.sa_handler = leave_abort};
    struct sigaction before;
    char text[256] = "";
    FILE *heard = tmpfile();
    assert_non_null(heard);
    int error_fd = dup(STDERR_FILENO);
    assert_true(error_fd >= 0);
    assert_int_equal(sigaction(SIGABRT, &leave, &before), 0);
    assert_true(dup2(fileno(heard), STDERR_FILENO) >= 0);
    bool came_back = false;
    if (sigsetjmp(back_from_abort, 1) == 0) {
        act();
        came_back = true;
    }
    dup2(error_fd, STDERR_FILENO);
    close(error_fd);
    sigaction(SIGABRT, &before, NULL);
    assert_false(came_back);
    rewind(heard);
    size_t length = fread(text, 1, sizeof text - 1, heard);
    text[length] = '\0';
    fclose(heard);
    assert_string_equal(text, said);
}

static void draw_an_id(void)
{
    struct aero_entropy entropy = aero_entropy_posix();
    (void)entropy.id(entropy.self);
}

static void test_entropy_that_fails_ends_the_process(void **state)
{
    (void)state;
    broken_getrandom = (struct broken_call){.times = 1, .sys_errno = ENOSYS};
    expect_abort(draw_an_id, "level=fatal event=entropy_unavailable call=getrandom\n");
}

static void allocate(void)
{
    free(aero_malloc(12));
}

static void test_malloc_without_memory_ends_the_process(void **state)
{
    (void)state;
    broken_malloc = (struct broken_call){.times = 1, .sys_errno = ENOMEM};
    expect_abort(allocate, "level=fatal event=out_of_memory bytes=12\n");
}

/* That is how realloc(3) of no bytes answers, too: the memory is free, and nobody is out of it. */
static void test_realloc_to_no_bytes_is_no_failure(void **state)
{
    (void)state;
    assert_null(aero_realloc(aero_malloc(12), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_file_reads_on_after_an_interruption),
        cmocka_unit_test(test_fd_sink_writes_the_line_once_after_an_interruption),
        cmocka_unit_test(test_entropy_never_gives_the_id_of_nobody),
        cmocka_unit_test(test_entropy_that_fails_ends_the_process),
        cmocka_unit_test(test_malloc_without_memory_ends_the_process),
        cmocka_unit_test(test_realloc_to_no_bytes_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
