/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

struct capture {
    char text[3 * AERO_LOG_LINE_MAX_BYTES];
    size_t length;
    size_t longest_bytes;
    bool broken;
};

static bool capture_write(void *self, struct aero_slice line)
{
    struct capture *capture = self;
    if (capture->broken) {
        return false;
    }
    assert_true(capture->length + line.length < sizeof capture->text);
    memcpy(capture->text + capture->length, line.data, line.length);
    capture->length += line.length;
    capture->text[capture->length] = '\0';
    if (line.length > capture->longest_bytes) {
        capture->longest_bytes = line.length;
    }
    return true;
}

static aero_wall_ms leap_day(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = 1709210096007};
}

static const struct aero_clock leap_day_clock = {.wall = leap_day};

static struct aero_logger logger_to(struct capture *capture, enum aero_log_format format)
{
    struct aero_logger logger;
    *capture = (struct capture){0};
    struct aero_log_sink sink = {.write = capture_write, .self = capture};
    aero_logger_init(&logger, sink, leap_day_clock, format, AERO_LOG_INFO);
    return logger;
}

static void test_event_writes_every_kind_as_key_value(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    aero_id id = {{0xab, 1}};
    aero_status status = {.code = AERO_NO_SPACE, .sys_errno = 28};
    aero_log_event(&logger, AERO_LOG_WARN, "disk_failed", AERO_LOG_STR("file", "wal/0001"),
                   AERO_LOG_U64("offset_bytes", UINT64_MAX), AERO_LOG_I64("delta", INT64_MIN),
                   AERO_LOG_BOOL("closed", true), AERO_LOG_HEX("chain", 0xbeef),
                   AERO_LOG_LSN("lsn", aero_lsn_of(7)), AERO_LOG_ID("cluster", id),
                   AERO_LOG_STATUS("error", status));
    assert_string_equal(capture.text,
                        "ts=2024-02-29T12:34:56.007Z level=warn event=disk_failed file=wal/0001 "
                        "offset_bytes=18446744073709551615 delta=-9223372036854775808 closed=true "
                        "chain=000000000000beef lsn=7 cluster=ab010000000000000000000000000000 "
                        "error=\"no space left (ENOSPC)\"\n");
}

static void test_event_writes_every_kind_as_json(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_JSON);
    aero_log_event(&logger, AERO_LOG_ERROR, "disk_failed", AERO_LOG_STR("file", "wal/0001"),
                   AERO_LOG_U64("offset_bytes", 4096), AERO_LOG_BOOL("closed", false),
                   AERO_LOG_HEX("chain", 1), AERO_LOG_STATUS("error", aero_error(AERO_CORRUPT)));
    assert_string_equal(capture.text,
                        "{\"ts\":\"2024-02-29T12:34:56.007Z\",\"level\":\"error\","
                        "\"event\":\"disk_failed\",\"file\":\"wal/0001\",\"offset_bytes\":4096,"
                        "\"closed\":false,\"chain\":\"0000000000000001\","
                        "\"error\":\"corrupt bytes\"}\n");
}

/* A client name or a file name must not be able to forge a second line or a second field. */
static void test_event_escapes_bytes_that_could_forge_a_line(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    struct aero_slice hostile = aero_slice_of("a b\"\\\n\x00\x1b\xff=", 10);
    aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_SLICE("v", hostile),
                   AERO_LOG_STR("empty", ""), AERO_LOG_STR("none", NULL));
    assert_non_null(strstr(capture.text, " event=e v=\"a b\\\"\\\\\\n\\x00\\x1b\\xff=\" empty=\"\" "
                                         "none=\"(none)\"\n"));
    logger = logger_to(&capture, AERO_LOG_JSON);
    aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_SLICE("v", hostile));
    assert_non_null(strstr(capture.text, ",\"v\":\"a b\\\"\\\\\\n\\\\x00\\\\x1b\\\\xff=\"}\n"));
}

static void test_event_quotes_what_is_not_a_plain_word(void **state)
{
    (void)state;
    static const struct {
        struct aero_slice value;
        const char *shown;
    } cases[] = {
        {{(const uint8_t *)"a-z_A-Z/0.9:@+,", 15}, " v=a-z_A-Z/0.9:@+,\n"},
        {{(const uint8_t *)"{", 1}, " v=\"{\"\n"},
        {{(const uint8_t *)"[", 1}, " v=\"[\"\n"},
        {{(const uint8_t *)"=", 1}, " v=\"=\"\n"},
        {{(const uint8_t *)"", 1}, " v=\"\\x00\"\n"},
        {{(const uint8_t *)"", 0}, " v=\"\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct capture capture;
        struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
        aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_SLICE("v", cases[i].value));
        assert_string_equal(strstr(capture.text, " v="), cases[i].shown);
    }
}

static void test_event_with_an_errno_without_a_name_gives_its_number(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_STATUS("error", aero_error_errno(9999)));
    assert_non_null(strstr(capture.text, "(errno 9999)\"\n"));
}

static aero_wall_ms last_millisecond(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = UINT64_MAX};
}

/* A clock may say anything: the line still has all its fields. */
static void test_event_at_the_end_of_time_has_a_time(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    logger.clock.wall = last_millisecond;
    aero_log_event(&logger, AERO_LOG_INFO, "e");
    assert_string_equal(capture.text, "ts=584556019-04-03T14:25:51.615Z level=info event=e\n");
}

static void test_event_below_the_level_or_without_logger_is_silent(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    aero_log_event(&logger, AERO_LOG_DEBUG, "quiet");
    aero_log_event(NULL, AERO_LOG_FATAL, "quiet", AERO_LOG_U64("n", 1));
    assert_int_equal(capture.length, 0);
    assert_int_equal(aero_log_dropped(NULL), 0);
    atomic_store(&logger.level, AERO_LOG_DEBUG);
    aero_log_event(&logger, AERO_LOG_DEBUG, "heard");
    assert_non_null(strstr(capture.text, "level=debug event=heard\n"));
}

static void fill_with(char *text, size_t length, char byte)
{
    memset(text, byte, length);
    text[length] = '\0';
}

static void test_event_with_a_long_value_cuts_the_value(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    char value[AERO_LOG_VALUE_MAX_BYTES + 2];
    fill_with(value, AERO_LOG_VALUE_MAX_BYTES, 'x');
    aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_STR("v", value), AERO_LOG_U64("n", 1));
    assert_null(strstr(capture.text, "..."));
    fill_with(value, AERO_LOG_VALUE_MAX_BYTES + 1, 'x');
    aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_STR("v", value), AERO_LOG_U64("n", 1));
    assert_non_null(strstr(capture.text, "x...\" n=1\n"));
}

/* Whatever the fields, the line ends within its bound, closed, and says that something is
 * missing. */
static void test_event_with_too_many_bytes_leaves_out_whole_fields(void **state)
{
    (void)state;
    char value[AERO_LOG_VALUE_MAX_BYTES + 1];
    for (size_t length = 1; length <= AERO_LOG_VALUE_MAX_BYTES; length++) {
        struct capture capture;
        struct aero_logger logger = logger_to(&capture, AERO_LOG_JSON);
        fill_with(value, length, '\x01');
        aero_log_event(&logger, AERO_LOG_INFO, "e", AERO_LOG_STR("a", value),
                       AERO_LOG_STR("b", value), AERO_LOG_STR("c", value));
        assert_true(capture.length <= AERO_LOG_LINE_MAX_BYTES);
        bool truncated = strstr(capture.text, ",\"truncated\":true}\n") != NULL;
        bool whole = strstr(capture.text, ",\"c\":\"") != NULL;
        assert_int_equal(truncated, !whole);
        assert_int_equal(capture.text[capture.length - 3] == '"', whole);
        if (length == AERO_LOG_VALUE_MAX_BYTES) {
            assert_true(truncated);
        }
    }
}

static void test_event_after_lost_lines_says_how_many(void **state)
{
    (void)state;
    struct capture capture;
    struct aero_logger logger = logger_to(&capture, AERO_LOG_KEY_VALUE);
    capture.broken = true;
    aero_log_event(&logger, AERO_LOG_INFO, "first");
    aero_log_event(&logger, AERO_LOG_INFO, "second");
    assert_int_equal(aero_log_dropped(&logger), 2);
    capture.broken = false;
    aero_log_event(&logger, AERO_LOG_INFO, "third");
    aero_log_event(&logger, AERO_LOG_INFO, "fourth");
    assert_non_null(strstr(capture.text, "event=third dropped_lines=2\n"));
    assert_non_null(strstr(capture.text, "event=fourth\n"));
    assert_int_equal(aero_log_dropped(&logger), 0);
}

/* The process must survive a log reader that went away: SIGPIPE would kill it. */
static void test_fd_sink_with_a_closed_reader_drops_lines_and_lives(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct aero_log_fd target = {.fd = ends[1]};
    struct aero_logger logger;
    aero_logger_init(&logger, aero_log_sink_fd(&target), leap_day_clock, AERO_LOG_KEY_VALUE,
                     AERO_LOG_INFO);
    close(ends[0]);
    aero_log_event(&logger, AERO_LOG_INFO, "unheard");
    close(ends[1]);
    aero_log_event(&logger, AERO_LOG_INFO, "unheard");
    assert_int_equal(aero_log_dropped(&logger), 2);
}

static bool sigpipe_is_pending(void)
{
    sigset_t pending;
    assert_int_equal(sigpending(&pending), 0);
    return sigismember(&pending, SIGPIPE) == 1;
}

/* The sink takes back the SIGPIPE that it raised, and no other: one that waited before waits still. */
static void test_fd_sink_leaves_a_sigpipe_of_somebody_else_pending(void **state)
{
    (void)state;
    sigset_t pipe_only;
    sigset_t before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &pipe_only, &before), 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    struct aero_log_fd target = {.fd = ends[1]};
    struct aero_log_sink sink = aero_log_sink_fd(&target);
    assert_false(sink.write(sink.self, aero_slice_text("unheard\n")));
    assert_false(sigpipe_is_pending());
    assert_int_equal(raise(SIGPIPE), 0);
    assert_false(sink.write(sink.self, aero_slice_text("unheard\n")));
    assert_true(sigpipe_is_pending());
    const struct timespec no_wait = {0};
    assert_int_equal(sigtimedwait(&pipe_only, NULL, &no_wait), SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    close(ends[1]);
}

static void test_fd_sink_on_a_full_disk_drops_the_line(void **state)
{
    (void)state;
    struct aero_log_fd target = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC)};
    assert_true(target.fd >= 0);
    struct aero_log_sink sink = aero_log_sink_fd(&target);
    assert_false(sink.write(sink.self, aero_slice_text("lost\n")));
    close(target.fd);
}

/* A reader that stopped reading must not stop the daemon (OBS-1): this test hangs if the sink
 * waits. */
static void test_fd_sink_with_a_stalled_reader_drops_lines_without_waiting(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    struct aero_log_fd target = {.fd = ends[1]};
    struct aero_logger logger;
    aero_logger_init(&logger, aero_log_sink_fd(&target), leap_day_clock, AERO_LOG_KEY_VALUE,
                     AERO_LOG_INFO);
    for (int i = 0; i < 2000; i++) {
        aero_log_event(&logger, AERO_LOG_INFO, "spam");
    }
    assert_true(aero_log_dropped(&logger) > 0);
    close(ends[0]);
    close(ends[1]);
}

#define THREAD_COUNT 4
#define LINES_PER_THREAD 200

static void *log_lines(void *argument)
{
    char value[512];
    fill_with(value, sizeof value - 1, 'y');
    for (int i = 0; i < LINES_PER_THREAD; i++) {
        aero_log_event(argument, AERO_LOG_INFO, "thread", AERO_LOG_STR("v", value),
                       AERO_LOG_STR("end", "here"));
    }
    return NULL;
}

static void test_fd_sink_with_several_threads_keeps_lines_apart(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fcntl(fileno(file), F_SETFL, O_APPEND), 0);
    struct aero_log_fd target = {.fd = fileno(file)};
    struct aero_logger logger;
    aero_logger_init(&logger, aero_log_sink_fd(&target), leap_day_clock, AERO_LOG_KEY_VALUE,
                     AERO_LOG_INFO);
    pthread_t threads[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &logger), 0);
    }
    for (int i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    char line[AERO_LOG_LINE_MAX_BYTES];
    int count = 0;
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(strncmp(line, "ts=2024-", 8), 0);
        assert_non_null(strstr(line, "y end=here\n"));
        count++;
    }
    assert_int_equal(count, THREAD_COUNT * LINES_PER_THREAD);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_writes_every_kind_as_key_value),
        cmocka_unit_test(test_event_writes_every_kind_as_json),
        cmocka_unit_test(test_event_escapes_bytes_that_could_forge_a_line),
        cmocka_unit_test(test_event_quotes_what_is_not_a_plain_word),
        cmocka_unit_test(test_event_with_an_errno_without_a_name_gives_its_number),
        cmocka_unit_test(test_event_at_the_end_of_time_has_a_time),
        cmocka_unit_test(test_event_below_the_level_or_without_logger_is_silent),
        cmocka_unit_test(test_event_with_a_long_value_cuts_the_value),
        cmocka_unit_test(test_event_with_too_many_bytes_leaves_out_whole_fields),
        cmocka_unit_test(test_event_after_lost_lines_says_how_many),
        cmocka_unit_test(test_fd_sink_with_a_closed_reader_drops_lines_and_lives),
        cmocka_unit_test(test_fd_sink_leaves_a_sigpipe_of_somebody_else_pending),
        cmocka_unit_test(test_fd_sink_on_a_full_disk_drops_the_line),
        cmocka_unit_test(test_fd_sink_with_a_stalled_reader_drops_lines_without_waiting),
        cmocka_unit_test(test_fd_sink_with_several_threads_keeps_lines_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
