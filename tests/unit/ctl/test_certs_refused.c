/* SPDX-License-Identifier: Apache-2.0 */
/* certs init and certs show where the file system, the clock or the files say no: what is said, and what is left behind. */
#include "tests/unit/cmocka_setup.h"

#include "tests/unit/broken_call.h"
#include "tests/unit/ctl/ctl_bench.h"
#include "tests/unit/limits.h"

#define DAY_MS 86400000ULL
#define YEAR_10000_MS 253402300800000ULL /* no certificate can name it */

BREAKABLE_CALL(int, -1, fsync, (int fd), (fd))

static const char *path_of(struct ctl_bench *bench, const char *name)
{
    static char path[AERO_CTL_PATH_MAX];
    return ctl_bench_path(bench, name, path);
}

static bool is_there(struct ctl_bench *bench, const char *name)
{
    struct stat facts;
    return lstat(path_of(bench, name), &facts) == 0;
}

static void make_file(struct ctl_bench *bench, const char *name, const char *text)
{
    FILE *file = fopen(path_of(bench, name), "a");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void make_directory(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(mkdir(path_of(bench, name), 0700), 0);
}

static void make_loop(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(symlink(strrchr(name, '/') + 1, path_of(bench, name)), 0); /* to itself */
}

static void forget(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(remove(path_of(bench, name)), 0);
}

/* ---- certs init ---- */

static void test_init_refuses_days_that_are_no_number_of_days(void **state)
{
    struct ctl_bench *bench = *state;
    static const char *const days[] = {"0", "3651", "x", "-1", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node=a", "--days", days[i]),
                         AERO_EXIT_USAGE);
        EXPECT_ERR(bench, "--days must be 1 to 3650");
    }
    assert_false(is_there(bench, "c"));
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node=a", "--days=3650"), 0);
}

static void test_init_takes_128_nodes_and_no_more(void **state)
{
    struct ctl_bench *bench = *state;
    const char *words[CTL_WORDS_MAX] = {"certs", "init", "@c", "--days=1"};
    char names[129][8];
    for (size_t i = 0; i < 129; i++) {
        snprintf(names[i], sizeof names[i], "n%zu", i);
        words[4 + i] = names[i];
    }
    assert_int_equal(ctl_bench_run(bench, words), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "at most 128 nodes at a time");
    assert_false(is_there(bench, "c"));
    words[4 + 128] = NULL;
    assert_int_equal(ctl_bench_run(bench, words), 0);
    assert_true(is_there(bench, "c/n127/node.crt"));
}

/* Each is found where it is met; the path is one too long for what the case names. */
static void test_init_refuses_paths_that_are_too_long(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        size_t directory_bytes;
        const char *node;
        bool ca_is_made;
    } cases[] = {
        {AERO_CTL_PATH_MAX - 10, "a-long-name", false}, /* DIR/NAME */
        {AERO_CTL_PATH_MAX - 5, "a", false},            /* DIR/ca.crt */
        {AERO_CTL_PATH_MAX - 9, "a", true},             /* DIR/NAME/node.key */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[AERO_CTL_PATH_MAX];
        char within[AERO_CTL_PATH_MAX];
        ctl_bench_deep(bench, cases[i].directory_bytes, path);
        assert_int_equal(CTL_RUN(bench, "certs", "init", path, "--node", cases[i].node),
                         AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, "the path is too long");
        assert_int_equal(aero_ctl_path(path, "ca.crt", within) && access(within, F_OK) == 0,
                         cases[i].ca_is_made);
        assert_true(!aero_ctl_path(path, cases[i].node, within) || access(within, F_OK) != 0);
        ctl_bench_free(bench);
        bench = ctl_bench_new();
        *state = bench;
    }
}

static void test_init_names_what_is_in_the_way(void **state)
{
    struct ctl_bench *bench = *state;
    make_file(bench, "file", "");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@file", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/file/a: Not a directory");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@no/c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/no/c: No such file or directory");

    make_directory(bench, "c");
    make_directory(bench, "c/ca.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/ca.crt: Is a directory");
    forget(bench, "c/ca.crt");
    make_directory(bench, "c/ca.key");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/ca.key: Is a directory");
    forget(bench, "c/ca.key");
    make_file(bench, "c/ca.key", "");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "holds only ca.key, not ca.crt");
    forget(bench, "c/ca.key");

    /* A link that leads nowhere is no folder, and is not followed to make one. */
    assert_int_equal(symlink("nowhere", path_of(bench, "c/a")), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/a: File exists");
    assert_false(is_there(bench, "c/nowhere"));
}

/* A disk that is full at any of the files: nothing half is left, so the next run has no half in its way. */
static void test_init_on_a_full_disk_leaves_no_half(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        rlim_t bytes;
        const char *said;
        bool new_ca;
    } cases[] = {
        {100, "/ca.key: File too large", true},      {400, "/ca.crt: File too large", true},
        {100, "/a/node.key: File too large", false}, {400, "/a/node.crt: File too large", false},
        {20000, "/a/ca.crt: File too large", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!cases[i].new_ca && !is_there(bench, "c/ca.crt")) {
            assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "other"), 0);
            for (size_t line = 0; line < 1000; line++) { /* an operator's notes: a long file */
                make_file(bench, "c/ca.crt", "kept in the safe, shelf 3\n");
            }
        }
        struct limit limit = limit_file_bytes(cases[i].bytes);
        int exit_code = CTL_RUN(bench, "certs", "init", "@c", "--node", "a");
        limit_lift(&limit);
        assert_int_equal(exit_code, AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].said);
        assert_false(is_there(bench, "c/a"));
        assert_int_equal(is_there(bench, "c/ca.key"), !cases[i].new_ca);
        assert_int_equal(is_there(bench, "c/ca.crt"), !cases[i].new_ca);
    }
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
}

/* Whichever sync fails, of four files, two directories and the CA: the command fails, and running it again finds no half. */
static void test_init_whose_sync_fails_can_be_run_again(void **state)
{
    struct ctl_bench *bench = *state;
    for (unsigned at = 1; at <= 7; at++) {
        broken_fsync = (struct broken_call){.passes = at - 1, .times = 1, .sys_errno = EIO};
        assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
        assert_int_equal(broken_fsync.times, 0);
        EXPECT_ERR(bench, "Input/output error");
        assert_int_equal(is_there(bench, "c/ca.crt"), at > 2);
        /* The last is that of the directory, behind everything else: its folders are whole. */
        assert_int_equal(is_there(bench, "c/a"), at == 7);
        if (at == 7) {
            forget(bench, "c/a/node.key");
            forget(bench, "c/a/node.crt");
            forget(bench, "c/a/ca.crt");
            forget(bench, "c/a");
        }
        assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
        ctl_bench_free(bench);
        bench = ctl_bench_new();
        *state = bench;
    }
    broken_fsync = (struct broken_call){.passes = 7, .times = 1, .sys_errno = EIO};
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    assert_int_equal(broken_fsync.passes, 0); /* there is no eighth */
    assert_int_equal(broken_fsync.times, 1);
    broken_fsync.times = 0;
}

static void test_init_tells_the_troubles_of_a_ca_apart(void **state)
{
    struct ctl_bench *bench = *state;
    bench->wall_ms = YEAR_10000_MS - 3000 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "OpenSSL could not make a CA");
    bench->wall_ms = YEAR_10000_MS - 3700 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    bench->wall_ms += 3000 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "OpenSSL could not sign with them");
    bench->wall_ms += 651 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "not a CA, or it has expired");
    assert_false(is_there(bench, "c/b"));
}

/* ---- certs show ---- */

static void test_show_warns_of_what_a_folder_lacks(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "b"), 0);
    assert_int_equal(chmod(path_of(bench, "c/a/node.key"), 0640), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "node.key can be read by others");
    forget(bench, "c/a/node.key");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "node.key cannot be read: No such file or directory");
    make_directory(bench, "c/a/node.key");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "node.key cannot be read: Is a directory");
    forget(bench, "c/a/ca.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "ca.crt cannot be read: No such file or directory");
    forget(bench, "c/b/node.key");
    make_loop(bench, "c/b/node.key");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "node.key cannot be read: Too many levels of symbolic links");
}

/* A folder that cannot be looked into is not passed over as if it were empty. */
static void test_show_fails_for_a_certificate_that_it_cannot_look_at(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "b"), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), 0);
    forget(bench, "c/b/node.crt");
    make_loop(bench, "c/b/node.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/b/node.crt: Too many levels of symbolic links");
    EXPECT_OUT(bench, "/c/a/node.crt"); /* all the others are shown */
}

static void test_show_fails_where_nothing_is_to_be_seen(void **state)
{
    struct ctl_bench *bench = *state;
    char deep[AERO_CTL_PATH_MAX];
    make_directory(bench, "empty");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@empty"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/empty: none of ca.crt, node.crt and crl.pem is there");
    make_file(bench, "file", "");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@file"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "there is neither a certificate nor a whole revocation list in it");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@file/x"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/file/x: Not a directory");
    struct limit limit = limit_files_to_those_open();
    int exit_code = CTL_RUN(bench, "certs", "show", "@empty");
    limit_lift(&limit);
    assert_int_equal(exit_code, AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/empty: Too many open files");
    ctl_bench_deep(bench, AERO_CTL_PATH_MAX - 5, deep);
    assert_int_equal(CTL_RUN(bench, "certs", "show", deep), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "the path is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_init_refuses_days_that_are_no_number_of_days),
        CTL_TEST(test_init_takes_128_nodes_and_no_more),
        CTL_TEST(test_init_refuses_paths_that_are_too_long),
        CTL_TEST(test_init_names_what_is_in_the_way),
        CTL_TEST(test_init_on_a_full_disk_leaves_no_half),
        CTL_TEST(test_init_whose_sync_fails_can_be_run_again),
        CTL_TEST(test_init_tells_the_troubles_of_a_ca_apart),
        CTL_TEST(test_show_warns_of_what_a_folder_lacks),
        CTL_TEST(test_show_fails_for_a_certificate_that_it_cannot_look_at),
        CTL_TEST(test_show_fails_where_nothing_is_to_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
