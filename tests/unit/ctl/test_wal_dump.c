/* SPDX-License-Identifier: Apache-2.0 */
/* What `aeroctl wal dump` prints of a log built by hand, and what it says of one that cannot be read to its end. */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/broken_call.h"
#include "tests/unit/ctl/data_bench.h"
#include "tests/unit/limits.h"

BREAKABLE_CALL(ssize_t, -1, pread, (int fd, void *data, size_t length, off_t offset),
               (fd, data, length, offset))

#define DENY_OUT(bench, part) assert_null(strstr((bench)->out, part))

static void commit(struct data_bench *data, const struct aero_operation *operations, size_t count)
{
    struct aero_buffer payload = {0};
    aero_commit_begin(&payload, (aero_wall_ms){1});
    for (size_t i = 0; i < count; i++) {
        aero_commit_add(&payload, &operations[i]);
    }
    data_record(data, AERO_RECORD_COMMIT, aero_buffer_slice(&payload));
    aero_buffer_deinit(&payload);
}

/* LSN 1: a commit of each kind of operation; 2: a digest. */
static struct data_bench *each_kind(struct ctl_bench *bench)
{
    struct data_bench *data = data_begin(bench, "d", AERO_ROLE_PRIMARY, 7);
    const struct aero_operation operations[] = {
        {.kind = AERO_PUT, .key = aero_slice_text("k"), .value = aero_slice_text("secret")},
        {.kind = AERO_DELETE, .key = aero_slice_text("gone")},
        {.kind = AERO_DELETE_RANGE, .key = aero_slice_text("a"), .value = aero_slice_text("\x01")},
    };
    data_incarnation(data, 1);
    data_segment(data, 11);
    commit(data, operations, 3);
    data_digest(data);
    return data;
}

static void test_each_kind_of_record_and_operation_is_printed(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(each_kind(bench));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--keys", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "wal/0000000000000001-00000001.seg\n  sequence 1, from LSN 1, epoch 1");
    EXPECT_OUT(bench, "           1 commit offset=4096 ");
    EXPECT_OUT(bench, " operations=3\n");
    EXPECT_OUT(bench, "             put          k (value of 6 bytes)\n"
                      "             delete       gone\n"
                      "             delete_range a to \\x01\n");
    EXPECT_OUT(bench, "           2 digest offset=");
    EXPECT_OUT(bench, " digest=00000000000000000000000000000000 entries=0\n");
    EXPECT_OUT(bench, ": ends here, not sealed\n");
    DENY_OUT(bench, "secret");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, " operations=3\n");
    DENY_OUT(bench, "gone");
}

static void test_each_kind_of_record_and_operation_is_json(void **state)
{
    struct ctl_bench *bench = *state;
    data_finish(each_kind(bench));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--json", "--keys", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "\"operations\":[{\"kind\":\"put\",\"key\":\"k\",\"value_bytes\":6},"
                      "{\"kind\":\"delete\",\"key\":\"gone\"},"
                      "{\"kind\":\"delete_range\",\"key\":\"a\",\"to\":\"\\\\x01\"}]}\n");
    EXPECT_OUT(bench, "\"lsn\":2,\"type\":\"digest\"");
    EXPECT_OUT(bench, "\"type\":\"segment\",\"sequence\":1,\"first_lsn\":1");
    EXPECT_OUT(bench, "\"type\":\"end\"");
    EXPECT_OUT(bench, "\"last_lsn\":2,\"text\":\"ends here, not sealed\"}\n");
    DENY_OUT(bench, "secret");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--json", "@d"), AERO_EXIT_OK);
    DENY_OUT(bench, "operations");
}

/* Whole in every checksum, and no payload of ours: the record is printed, and nothing is made up of it. */
static void test_a_payload_that_is_none_is_printed_without_its_contents(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = data_begin(bench, "d", AERO_ROLE_PRIMARY, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    data_record(data, AERO_RECORD_COMMIT, aero_slice_text("short"));
    data_record(data, AERO_RECORD_DIGEST, aero_slice_text("short"));
    data_finish(data);
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--keys", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, " operations=0\n           2 digest ");
    DENY_OUT(bench, "entries=");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--json", "--keys", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "\"operations\":[]}\n");
}

/* ---- Which records ---------------------------------------------------------------------------------------------- */

/* LSN 1 to 10, 11 to 20, 21 to 30. */
static struct data_bench *three_segments(struct ctl_bench *bench, bool cut)
{
    struct data_bench *data = data_begin(bench, "d", AERO_ROLE_PRIMARY, 7);
    data_incarnation(data, 1);
    for (uint8_t i = 1; i <= 3; i++) {
        data_segment_after(data, (uint8_t)(10 + i), cut);
        data_put_to(data, (uint64_t)i * 10);
    }
    data_prove(data, 2);
    data_end(data);
    return data;
}

#define FIRST "wal/0000000000000001-00000001.seg"
#define SECOND "wal/000000000000000b-00000002.seg"
#define THIRD "wal/0000000000000015-00000003.seg"

/* "           5 commit " */
static bool prints_lsn(const struct ctl_bench *bench, unsigned lsn)
{
    char text[32];
    snprintf(text, sizeof text, "\n%12u ", lsn);
    return strstr(bench->out, text) != NULL;
}

static void test_only_the_records_asked_for_are_printed(void **state)
{
    struct ctl_bench *bench = *state;
    data_free(three_segments(bench, false));
    const struct {
        const char *from;
        const char *to;
        unsigned first;
        unsigned last;
    } cases[] = {{"1", "30", 1, 30},   {"5", "15", 5, 15},   {"11", "20", 11, 20},
                 {"10", "10", 10, 10}, {"21", "99", 21, 30}, {"31", "99", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            CTL_RUN(bench, "wal", "dump", "--from", cases[i].from, "--to", cases[i].to, "@d"),
            AERO_EXIT_OK);
        for (unsigned lsn = 1; lsn <= 30; lsn++) {
            assert_int_equal(prints_lsn(bench, lsn), lsn >= cases[i].first && lsn <= cases[i].last);
        }
    }
    /* Segments that hold none of them are not even opened. */
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--from", "11", "--to", "20", "@d"),
                     AERO_EXIT_OK);
    EXPECT_OUT(bench, SECOND "\n");
    EXPECT_OUT(bench, ": sealed\n");
    DENY_OUT(bench, FIRST "\n");
    DENY_OUT(bench, THIRD "\n");
}

static void test_a_range_that_is_none_is_a_usage_error(void **state)
{
    struct ctl_bench *bench = *state;
    data_free(three_segments(bench, false));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--from", "x", "@d"), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "--from must be an LSN");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--to", "-1", "@d"), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "--to must be an LSN");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--from", "9", "--to", "8", "@d"),
                     AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "--from is behind --to");
}

/* ---- Damage ----------------------------------------------------------------------------------------------------- */

static void test_a_segment_that_was_not_sealed_ends_where_the_next_one_says(void **state)
{
    struct ctl_bench *bench = *state;
    data_free(three_segments(bench, true));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, ": ends where the next segment says\n");
}

static void test_a_record_that_a_later_segment_proves_is_damage(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = three_segments(bench, false);
    data_flip(data, SECOND, AERO_SEGMENT_HEADER_BYTES + 8);
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_OUT(bench, "  offset 4096: DAMAGED: no record here");
    assert_true(prints_lsn(bench, 10) && !prints_lsn(bench, 11) && prints_lsn(bench, 21));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--json", "@d"), AERO_CTL_EXIT_DAMAGE);
    EXPECT_OUT(bench, "\"offset\":4096,\"last_lsn\":10,\"text\":\"DAMAGED: ");
    data_free(data);
}

/* The last one may be torn: nothing here says that there was more. */
static void test_bytes_behind_the_last_record_are_no_damage(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = three_segments(bench, false);
    data_flip(data, THIRD, data->last_offset + 8);
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_EXIT_OK);
    EXPECT_OUT(bench, ": no record here, though something is: 'aeroctl verify' says what\n");
    assert_true(prints_lsn(bench, 29) && !prints_lsn(bench, 30));
    data_free(data);
}

/* The segment before it has no bound then, and is read to its end, though what is asked for begins behind it. */
static void test_a_header_that_cannot_be_used_is_a_failure_and_the_rest_is_printed(void **state)
{
    struct ctl_bench *bench = *state;
    struct data_bench *data = three_segments(bench, false);
    data_flip(data, SECOND, 50);
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "--from", "12", "@d"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, SECOND ": its header cannot be used: ");
    EXPECT_OUT(bench, FIRST "\n");
    assert_true(!prints_lsn(bench, 10) && prints_lsn(bench, 21) && prints_lsn(bench, 30));
    data_free(data);
}

/* ---- Files and directories --------------------------------------------------------------------------------------- */

static void test_one_file_is_dumped_wherever_it_lies(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    char before[AERO_CTL_PATH_MAX];
    data_free(three_segments(bench, false));
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d/" SECOND), AERO_EXIT_OK);
    EXPECT_OUT(bench, "sequence 2, from LSN 11");
    assert_true(!prints_lsn(bench, 10) && prints_lsn(bench, 11) && !prints_lsn(bench, 21));
    /* By its name alone. */
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(ctl_bench_path(bench, "d/wal", path)), 0);
    int exit_code = CTL_RUN(bench, "wal", "dump", strchr(SECOND, '/') + 1);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(exit_code, AERO_EXIT_OK);
    EXPECT_OUT(bench, "sequence 2, from LSN 11");
}

static void test_what_is_no_log_is_a_failure(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    data_free(three_segments(bench, false));
    assert_int_equal(mkdir(ctl_bench_path(bench, "empty", path), 0700), 0);
    const struct {
        const char *operand;
        const char *complaint;
    } cases[] = {
        {"@nothing", "No such file or directory"},
        {"@d/manifest/x", "Not a directory"},
        {"@empty", "Is "},
        {"@d/manifest", "its header cannot be used"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(CTL_RUN(bench, "wal", "dump", cases[i].operand), AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].complaint);
        assert_string_equal(bench->out, "");
    }
}

/* Without a descriptor nothing is opened. */
static void test_no_descriptor_left_is_said(void **state)
{
    struct ctl_bench *bench = *state;
    const char *const operands[] = {"@d", "@d/" FIRST};
    data_free(three_segments(bench, false));
    for (size_t i = 0; i < 2; i++) {
        struct limit limit = limit_files_to_those_open();
        int exit_code = CTL_RUN(bench, "wal", "dump", operands[i]);
        limit_lift(&limit);
        assert_int_equal(exit_code, AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, "Too many open files");
    }
}

/* More than one piece is read of it: the reads of its header pass, then one is refused. */
static void test_a_segment_that_the_disk_refuses_to_read_on_is_a_failure(void **state)
{
    struct ctl_bench *bench = *state;
    static char value[600000];
    memset(value, 'v', sizeof value - 1);
    struct data_bench *data = data_begin(bench, "d", AERO_ROLE_PRIMARY, 7);
    data_incarnation(data, 1);
    data_segment(data, 11);
    for (int i = 0; i < 3; i++) {
        data_put(data, "large", value);
    }
    data_finish(data);
    broken_pread = (struct broken_call){.passes = 2, .times = 1, .sys_errno = EPERM};
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_EXIT_FAILURE);
    assert_int_equal(broken_pread.times, 0);
    EXPECT_OUT(bench, "           1 commit ");
    EXPECT_ERR(bench, FIRST ": it cannot be read from offset ");
    EXPECT_ERR(bench, "Operation not permitted");
    assert_int_equal(CTL_RUN(bench, "wal", "dump", "@d"), AERO_EXIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_each_kind_of_record_and_operation_is_printed),
        CTL_TEST(test_each_kind_of_record_and_operation_is_json),
        CTL_TEST(test_a_payload_that_is_none_is_printed_without_its_contents),
        CTL_TEST(test_only_the_records_asked_for_are_printed),
        CTL_TEST(test_a_range_that_is_none_is_a_usage_error),
        CTL_TEST(test_a_segment_that_was_not_sealed_ends_where_the_next_one_says),
        CTL_TEST(test_a_record_that_a_later_segment_proves_is_damage),
        CTL_TEST(test_bytes_behind_the_last_record_are_no_damage),
        CTL_TEST(test_a_header_that_cannot_be_used_is_a_failure_and_the_rest_is_printed),
        CTL_TEST(test_one_file_is_dumped_wherever_it_lies),
        CTL_TEST(test_what_is_no_log_is_a_failure),
        CTL_TEST(test_no_descriptor_left_is_said),
        CTL_TEST(test_a_segment_that_the_disk_refuses_to_read_on_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
