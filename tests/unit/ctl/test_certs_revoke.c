/* SPDX-License-Identifier: Apache-2.0 */
/* certs revoke: what nodes get, what is refused, and what a failure on the way leaves. */
#include "tests/unit/ctl/certs_scene.h"

#include <dirent.h>
#include <fcntl.h>

#include "tests/unit/broken_call.h"
#include "tests/unit/limits.h"

/* A disk that fails when data is to become durable, and a directory that cannot be listed. */
BREAKABLE_CALL(int, -1, fsync, (int fd), (fd))
BREAKABLE_CALL(int, -1, scandir,
               (const char *path, struct dirent ***entries, int (*filter)(const struct dirent *),
                int (*compare)(const struct dirent **, const struct dirent **)),
               (path, entries, filter, compare))

/* What a node with c/ca.crt and c/crl.pem makes of the certificate: 0, or OpenSSL's reason. */
static int verdict(struct ctl_bench *bench, const char *certificate)
{
    struct aero_buffer node = read_file(bench, certificate);
    struct aero_buffer authority = read_file(bench, "c/ca.crt");
    struct aero_buffer list = read_file(bench, "c/crl.pem");
    int found = verdict_with_list(aero_buffer_slice(&node), aero_buffer_slice(&authority),
                                  aero_buffer_slice(&list), bench_seconds(bench));
    aero_buffer_deinit(&node);
    aero_buffer_deinit(&authority);
    aero_buffer_deinit(&list);
    return found;
}

static int count_revoked(struct ctl_bench *bench)
{
    struct aero_buffer pem = read_file(bench, "c/crl.pem");
    X509_CRL *list = list_parse(aero_buffer_slice(&pem));
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
    X509_CRL_free(list);
    aero_buffer_deinit(&pem);
    return count;
}

/* ---- What it does ---- */

static void test_revoke_makes_a_list_and_gives_it_to_all_others(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b", "d");
    make_directory(bench, "c/notes");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "/c/a/node.crt: revoked, serial ");
    EXPECT_OUT(bench, "/c/crl.pem: revokes 1 certificate, good until 2035-12-30T00:00:00Z\n");
    EXPECT_OUT(bench, "/c/b/crl.pem: the same list\n");
    EXPECT_OUT(bench, "Now copy crl.pem to the certs directory of every node,");
    assert_int_equal(verdict(bench, "c/a/node.crt"), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(bench, "c/b/node.crt"), X509_V_OK);
    assert_true(are_same(bench, "c/crl.pem", "c/b/crl.pem"));
    assert_true(are_same(bench, "c/crl.pem", "c/d/crl.pem"));
    assert_false(is_there(bench, "c/a/crl.pem"));
    assert_false(is_there(bench, "c/notes/crl.pem"));
    assert_null(strstr(bench->out, "notes")); /* no node's, and not spoken of */
    assert_false(is_there(bench, "c/crl.pem.new"));
    struct stat facts;
    assert_int_equal(stat(path_of(bench, "c/b/crl.pem"), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0644); /* nothing secret: the daemon's user reads it */
}

static void test_revoke_extends_the_list_and_takes_what_is_on_it(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b", "d");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    bench->wall_ms += DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "b", "a"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "/c/b/node.crt: revoked, serial ");
    EXPECT_OUT(bench, "/c/a/node.crt: was revoked already, serial ");
    EXPECT_OUT(bench, "/c/crl.pem: revokes 2 certificates, ");
    assert_int_equal(count_revoked(bench), 2);
    assert_int_equal(verdict(bench, "c/a/node.crt"), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(bench, "c/b/node.crt"), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(bench, "c/d/node.crt"), X509_V_OK);
    assert_true(are_same(bench, "c/crl.pem", "c/d/crl.pem"));
    assert_false(are_same(bench, "c/crl.pem", "c/b/crl.pem")); /* the older one stays */
    assert_false(is_there(bench, "c/a/crl.pem"));
}

/* As docs/operations.md has it: the old certificate moves aside, a new one takes its place, the old one is revoked. */
static void test_revoke_of_what_a_renewal_left_spares_the_new_one(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    move(bench, "c/a", "c/a.old");
    MAKE_NODES(bench, "a");
    assert_false(is_there(bench, "c/a/crl.pem")); /* there is none yet */
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a.old"), AERO_EXIT_OK);
    assert_int_equal(verdict(bench, "c/a.old/node.crt"), X509_V_ERR_CERT_REVOKED);
    assert_int_equal(verdict(bench, "c/a/node.crt"), X509_V_OK);
    assert_true(are_same(bench, "c/crl.pem", "c/a/crl.pem"));
}

static void test_init_gives_a_later_node_the_list_or_nothing(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    MAKE_NODES(bench, "later");
    EXPECT_OUT(bench, "/c/later: ca.crt, node.crt, node.key, crl.pem for node 'later'");
    assert_true(are_same(bench, "c/crl.pem", "c/later/crl.pem"));
    /* Files of the folder are synced in the order key, certificate, ca.crt, list. */
    broken_fsync = (struct broken_call){.passes = 3, .times = 1, .sys_errno = EIO};
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "never"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/never/crl.pem: Input/output error");
    assert_false(is_there(bench, "c/never"));
    broken_fsync = (struct broken_call){.passes = 4, .times = 1, .sys_errno = EIO};
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "never"), AERO_EXIT_FAILURE);
    assert_false(is_there(bench, "c/never"));
    write_file(bench, "c/crl.pem", words("torn"));
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "never"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem: no revocation list, or a damaged one");
    assert_false(is_there(bench, "c/never"));
}

/* A folder of another authority would refuse our list, and its node could not start again. */
static void test_revoke_leaves_the_nodes_of_another_authority_alone(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b", "d");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@other", "--node", "b"), AERO_EXIT_OK);
    copy_file(bench, "other/ca.crt", "c/b/ca.crt");
    forget(bench, "c/d/node.crt"); /* its key was made elsewhere: still one of our nodes */
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "/c/b: left as it is, its ca.crt is another authority's");
    assert_false(is_there(bench, "c/b/crl.pem"));
    assert_true(are_same(bench, "c/crl.pem", "c/d/crl.pem"));
}

/* ---- What it refuses ---- */

static void test_revoke_refuses_what_names_no_certificate(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c"), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "aeroctl certs revoke: --node NAME is missing");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "../c/a"), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "'../c/a' is no name for a node");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a", "a"), AERO_EXIT_USAGE);

    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a", "no"),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/no/node.crt is not there");
    write_file(bench, "c/b/node.crt", words("hello"));
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a", "b"),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/b/node.crt: there is no certificate in it");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@other", "--node", "b"), AERO_EXIT_OK);
    copy_file(bench, "other/b/node.crt", "c/b/node.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a", "b"),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/b/node.crt: another authority than ca.crt issued it");
    forget(bench, "c/b/node.crt");
    make_loop(bench, "c/b/node.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a", "b"),
                     AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/b/node.crt: Too many levels of symbolic links");
    assert_false(is_there(bench, "c/crl.pem")); /* nor for the one that was named with it */
}

/* History: of two lists that were made of the same one the later replaced the other, and with it what that one revoked. */
static void test_one_run_at_a_time_has_the_directory(void **state)
{
    struct ctl_bench *bench = *state;
    int lock;
    MAKE_NODES(bench, "a", "b");
    assert_true(aero_is_ok(aero_ctl_directory_lock(path_of(bench, "c"), &lock)));
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c: another aeroctl certs works there. Nothing was done: run this again");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "d"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "aeroctl certs init: ");
    assert_false(is_there(bench, "c/crl.pem"));
    assert_false(is_there(bench, "c/d"));
    aero_ctl_directory_unlock(lock);
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    MAKE_NODES(bench, "d");
    assert_true(aero_is_ok(aero_ctl_directory_lock(path_of(bench, "c"), &lock))); /* both let go */
    aero_ctl_directory_unlock(lock);
}

/* What the link was meant to lead to revokes something: a new list would not. */
static void test_revoke_begins_no_list_in_the_place_of_a_link(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(symlink("nowhere", path_of(bench, "c/crl.pem")), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem is a link that leads nowhere: put the list there");
    assert_false(is_there(bench, "c/b/crl.pem"));
}

static void refuse(struct ctl_bench *bench, const char *why)
{
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, why);
    assert_false(is_there(bench, "c/crl.pem"));
    assert_false(is_there(bench, "c/b/crl.pem"));
}

static void test_revoke_refuses_without_an_authority_that_can_sign(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@other", "--node", "b"), AERO_EXIT_OK);
    uint64_t now = bench->wall_ms;
    bench->wall_ms += 3651 * DAY_MS;
    refuse(bench, "/c/ca.crt and ca.key: not a CA, or it has expired");
    bench->wall_ms = now;
    move(bench, "c/ca.key", "c/kept.key");
    refuse(bench, "/c holds only ca.crt, not ca.key");
    copy_file(bench, "other/ca.key", "c/ca.key");
    refuse(bench, "/c/ca.crt and ca.key: not a certificate and its key");
    move(bench, "c/kept.key", "c/ca.key");
    move(bench, "c/ca.crt", "c/kept.crt");
    refuse(bench, "/c holds only ca.key, not ca.crt");
    move(bench, "c/ca.key", "c/kept.key");
    refuse(bench, "/c holds neither ca.crt nor ca.key");
    make_loop(bench, "c/ca.crt");
    refuse(bench, "/c/ca.crt: Too many levels of symbolic links");
}

/* An authority that may sign certificates alone: its lists would have every node refuse every peer. */
static void test_revoke_refuses_an_authority_whose_lists_nobody_takes(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        const char *key_identifier; /* NULL: none */
        const char *usage;
        const char *why;
    } cases[] = {
        {"01:02:03:04", "keyCertSign", "does not allow to sign revocation lists (key usage)"},
        {NULL, "keyCertSign,cRLSign", "OpenSSL could not sign with them"},
    };
    MAKE_NODES(bench, "a", "b");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authority made = certs_authority_as((struct authority_wish){
            .name = "made", .key_identifier = cases[i].key_identifier, .usage = cases[i].usage});
        write_file(bench, "c/ca.crt", pem_of(made.certificate));
        write_file(bench, "c/ca.key", pem_of_key(made.key, NULL));
        write_file(bench, "c/a/node.crt", node_with_serial(&made, "0A"));
        refuse(bench, cases[i].why);
        certs_authority_free(&made);
    }
}

/* What an older list revokes must not be lost: one that cannot be gone on with is not written over. */
static void test_revoke_never_writes_over_a_list_it_cannot_extend(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    struct authority ours = authority_in(bench, "c/ca.crt", "c/ca.key");
    struct authority theirs = certs_authority("theirs");
    time_t now = bench_seconds(bench);
    struct certs_list_wish good = {.signer = &ours, .now = now, .serial = "0A"};
    struct certs_list_wish foreign = {.signer = &theirs, .now = now, .serial = "0A"};
    struct certs_list_wish partial = {.signer = &ours, .now = now, .is_partial = true};
    struct aero_buffer torn = list_of(good);
    torn.length -= 30;
    struct {
        struct aero_buffer list;
        const char *why;
    } cases[] = {
        {torn, "/c/crl.pem: no revocation list, or a damaged one. It is not written over"},
        {list_of(foreign), "/c/crl.pem: ca.crt did not sign it"},
        {list_of(partial), "/c/crl.pem: not one list of everything revoked"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(bench, "c/crl.pem", cases[i].list);
        copy_file(bench, "c/crl.pem", "before");
        assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].why);
        assert_true(are_same(bench, "c/crl.pem", "before"));
        assert_false(is_there(bench, "c/b/crl.pem"));
    }
    forget(bench, "c/crl.pem");
    make_directory(bench, "c/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem: Is a directory");
    forget(bench, "c/crl.pem");
    write_file(bench, "c/crl.pem", list_of(good));
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    assert_int_equal(count_revoked(bench), 2);
    certs_authority_free(&ours);
    certs_authority_free(&theirs);
}

static void test_revoke_refuses_paths_that_are_too_long(void **state)
{
    struct ctl_bench *bench = *state;
    static const struct {
        size_t directory_bytes;
        const char *node;
        const char *why;
    } cases[] = {
        {AERO_CTL_PATH_MAX - 5, "a", "the path is too long"},            /* DIR/ca.crt */
        {AERO_CTL_PATH_MAX - 12, "a-long-name", "the path is too long"}, /* DIR/NAME */
        {AERO_CTL_PATH_MAX - 16, "a-long-name", "the path is too long"}, /* DIR/NAME/node.crt */
        {AERO_CTL_PATH_MAX - 12, "a", "/crl.pem: File name too long"},   /* DIR/crl.pem.new */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char deep[AERO_CTL_PATH_MAX];
        const char *within = ctl_bench_deep(bench, cases[i].directory_bytes, deep);
        MAKE_NODES(bench, "a");
        struct {
            const char *from;
            const char *to;
        } files[] = {{"c/ca.crt", "ca.crt"}, {"c/ca.key", "ca.key"}, {"c/a", "a"}};
        int fd = open(deep, O_RDONLY | O_DIRECTORY);
        assert_true(fd >= 0);
        for (size_t file = 0; file < 3; file++) {
            assert_int_equal(
                renameat(AT_FDCWD, path_of(bench, files[file].from), fd, files[file].to), 0);
        }
        assert_non_null(within);
        assert_int_equal(CTL_RUN(bench, "certs", "revoke", deep, "--node", cases[i].node),
                         AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].why);
        assert_int_not_equal(faccessat(fd, "crl.pem", F_OK, 0), 0);
        close(fd);
        ctl_bench_free(bench);
        bench = ctl_bench_new();
        *state = bench;
    }
}

/* ---- What fails on the way ---- */

static void test_revoke_on_a_full_disk_changes_nothing(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    struct limit limit = limit_file_bytes(100);
    int exit_code = CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a");
    limit_lift(&limit);
    assert_int_equal(exit_code, AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem: File too large");
    EXPECT_ERR(bench, "no node's folder has the new list: mend this, and run the same again");
    assert_string_equal(bench->out, "");
    assert_false(is_there(bench, "c/crl.pem"));
    assert_false(is_there(bench, "c/crl.pem.new"));
    assert_false(is_there(bench, "c/b/crl.pem"));
}

/* Of a file and a directory, in DIR and two folders, whichever sync fails: it is said, and another run finishes. */
static void test_revoke_whose_sync_fails_is_finished_by_another_run(void **state)
{
    struct ctl_bench *bench = *state;
    for (unsigned at = 1; at <= 6; at++) {
        MAKE_NODES(bench, "a", "b", "d");
        broken_fsync = (struct broken_call){.passes = at - 1, .times = 1, .sys_errno = EIO};
        assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
        assert_int_equal(broken_fsync.times, 0);
        EXPECT_ERR(bench, "/crl.pem: Input/output error");
        EXPECT_ERR(bench,
                   at <= 2 ? "no node's folder has the new list" : "not every folder has it");
        assert_int_equal(is_there(bench, "c/d/crl.pem"),
                         at > 2 && at != 5); /* c/b does not stop it */
        assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
        EXPECT_OUT(bench, at == 1 ? "/c/a/node.crt: revoked, " : "was revoked already");
        assert_int_equal(count_revoked(bench), 1);
        assert_true(are_same(bench, "c/crl.pem", "c/b/crl.pem"));
        assert_true(are_same(bench, "c/crl.pem", "c/d/crl.pem"));
        ctl_bench_free(bench);
        bench = ctl_bench_new();
        *state = bench;
    }
    MAKE_NODES(bench, "a", "b", "d");
    broken_fsync = (struct broken_call){.passes = 6, .times = 1, .sys_errno = EIO};
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    assert_int_equal(broken_fsync.times, 1); /* there is no seventh */
    broken_fsync.times = 0;
}

static void test_a_folder_that_cannot_be_written_or_read_does_not_stop_the_others(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b", "d", "e", "f");
    make_directory(bench, "c/b/crl.pem");
    forget(bench, "c/d/ca.crt");
    make_loop(bench, "c/d/ca.crt");
    forget(bench, "c/e/node.crt");
    make_loop(bench, "c/e/node.crt");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/b/crl.pem: Is a directory");
    EXPECT_ERR(bench, "/c/d/ca.crt: Too many levels of symbolic links");
    EXPECT_ERR(bench, "/c/e/node.crt: Too many levels of symbolic links");
    EXPECT_ERR(bench, "/c/crl.pem has everything, but not every folder has it");
    assert_false(is_there(bench, "c/b/crl.pem.new"));
    assert_true(are_same(bench, "c/crl.pem", "c/f/crl.pem"));

    broken_scandir = (struct broken_call){.times = 1, .sys_errno = EIO};
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c: Input/output error");
    EXPECT_ERR(bench, "not every folder has it");
    assert_int_equal(verdict(bench, "c/a/node.crt"), X509_V_ERR_CERT_REVOKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_revoke_makes_a_list_and_gives_it_to_all_others),
        CTL_TEST(test_revoke_extends_the_list_and_takes_what_is_on_it),
        CTL_TEST(test_revoke_of_what_a_renewal_left_spares_the_new_one),
        CTL_TEST(test_init_gives_a_later_node_the_list_or_nothing),
        CTL_TEST(test_revoke_leaves_the_nodes_of_another_authority_alone),
        CTL_TEST(test_revoke_refuses_what_names_no_certificate),
        CTL_TEST(test_one_run_at_a_time_has_the_directory),
        CTL_TEST(test_revoke_begins_no_list_in_the_place_of_a_link),
        CTL_TEST(test_revoke_refuses_without_an_authority_that_can_sign),
        CTL_TEST(test_revoke_refuses_an_authority_whose_lists_nobody_takes),
        CTL_TEST(test_revoke_never_writes_over_a_list_it_cannot_extend),
        CTL_TEST(test_revoke_refuses_paths_that_are_too_long),
        CTL_TEST(test_revoke_on_a_full_disk_changes_nothing),
        CTL_TEST(test_revoke_whose_sync_fails_is_finished_by_another_run),
        CTL_TEST(test_a_folder_that_cannot_be_written_or_read_does_not_stop_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
