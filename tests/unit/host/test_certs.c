/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificates are in use while their files change under a running node. */
#include "tests/unit/shipping/certs.h"

#include <fcntl.h>
#include <string.h>

#include "host/certs.h"
#include "tests/unit/kept_log.h"

#define REVOKED 7 /* another's serial number */

struct fixture {
    char directory[CERTS_DIRECTORY_BYTES];
    struct authority authority;
    struct aero_logger logger;
    struct aero_buffer log;
    struct aero_host_certs certs;
};

static int set_up(void **state)
{
    struct fixture *fixture = aero_calloc(1, sizeof *fixture);
    certs_make_directory(fixture->directory);
    fixture->authority = certs_authority("authority");
    aero_logger_init(&fixture->logger, kept_log_sink(&fixture->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    aero_host_certs_close(&fixture->certs);
    certs_authority_free(&fixture->authority);
    certs_remove_directory(fixture->directory);
    aero_buffer_deinit(&fixture->log);
    free(fixture);
    return 0;
}

static void write_node(struct fixture *fixture, const char *name, long ends_s)
{
    certs_write_node(
        fixture->directory, &fixture->authority, &fixture->authority,
        (struct node_wish){.dns = name, .common_name = name, .begins_s = -7200, .ends_s = ends_s});
}

static aero_status open_certs(struct fixture *fixture)
{
    return aero_host_certs_open(&fixture->certs, fixture->directory, &fixture->logger);
}

static const char *name_in_use(const struct fixture *fixture)
{
    return aero_tls_context_name(fixture->certs.context);
}

static void test_open_without_a_directory_says_how_to_make_one(void **state)
{
    struct fixture *fixture = *state;
    char longer[AERO_HOST_CERTS_PATH_MAX + 1];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *const directories[] = {"", longer};
    for (unsigned i = 0; i < 2; i++) {
        aero_status status =
            aero_host_certs_open(&fixture->certs, directories[i], &fixture->logger);
        assert_int_equal(status.code, AERO_INVALID);
        assert_null(fixture->certs.context);
        assert_true(kept_log_take(&fixture->log, "aeroctl certs init"));
    }
}

static void test_open_of_an_empty_directory_fails_and_nothing_is_in_use(void **state)
{
    struct fixture *fixture = *state;
    assert_false(aero_is_ok(open_certs(fixture)));
    assert_null(fixture->certs.context);
    assert_true(atomic_load(&fixture->certs.refused));
    assert_true(kept_log_take(&fixture->log, "in_use=none"));
}

/* History: a FIFO held up the start, or the link and the stop behind it, until somebody wrote into it. */
static void test_what_is_no_file_is_not_waited_for(void **state)
{
    static const char *const files[] = {"ca.crt", "node.crt", "node.key", "crl.pem"};
    struct fixture *fixture = *state;
    for (unsigned file = 0; file < 4; file++) {
        char path[128];
        char said[64];
        snprintf(path, sizeof path, "%s/%s", fixture->directory, files[file]);
        snprintf(said, sizeof said, "\"%s is not a regular file;", files[file]);
        write_node(fixture, "node", 3000);
        certs_write_list(fixture->directory, &fixture->authority, REVOKED);
        assert_true(aero_is_ok(open_certs(fixture)));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("nowhere", path), 0); /* or nothing would be revoked any more */
        assert_false(aero_host_certs_refresh(&fixture->certs, false));
        assert_true(kept_log_take(&fixture->log, said));
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_false(aero_host_certs_refresh(&fixture->certs, false));
        assert_true(kept_log_has(&fixture->log, "in_use=\"the old ones\""));
        assert_true(kept_log_take(&fixture->log, said));
        assert_string_equal(name_in_use(fixture), "node");
        aero_host_certs_close(&fixture->certs);
        assert_int_equal(open_certs(fixture).code, AERO_INVALID);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_what_is_huge_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    write_node(fixture, "node", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    snprintf(path, sizeof path, "%s/ca.crt", fixture->directory);
    assert_int_equal(truncate(path, (off_t)AERO_HOST_CERTS_BYTES_MAX), 0); /* zeros behind it */
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_int_equal(truncate(path, (off_t)AERO_HOST_CERTS_BYTES_MAX + 1), 0);
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "\"ca.crt is larger than 64 MiB;"));
}

static void test_refresh_loads_only_what_changed(void **state)
{
    struct fixture *fixture = *state;
    write_node(fixture, "one", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    assert_string_equal(name_in_use(fixture), "one");
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(aero_host_certs_refresh(&fixture->certs, true));
    write_node(fixture, "another", 3000);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_string_equal(name_in_use(fixture), "another");
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
}

/* ---- What counts as a change ---- */

static void path_of(const struct fixture *fixture, const char *file, char out_path[128])
{
    snprintf(out_path, 128, "%s/%s", fixture->directory, file);
}

static struct stat stat_of(const struct fixture *fixture, const char *file)
{
    struct stat found;
    char path[128];
    path_of(fixture, file, path);
    assert_int_equal(stat(path, &found), 0);
    return found;
}

static void set_time(const struct fixture *fixture, const char *file, struct timespec changed)
{
    const struct timespec times[2] = {changed, changed};
    char path[128];
    path_of(fixture, file, path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void later_by_a_second(const struct fixture *fixture, const char *file)
{
    struct timespec changed = stat_of(fixture, file).st_mtim;
    changed.tv_sec++;
    set_time(fixture, file, changed);
}

static void later_by_a_moment(const struct fixture *fixture, const char *file)
{
    struct timespec changed = stat_of(fixture, file).st_mtim;
    changed.tv_nsec = (changed.tv_nsec + 1) % 1000000000;
    set_time(fixture, file, changed);
}

static void longer(const struct fixture *fixture, const char *file)
{
    char path[128];
    struct timespec changed = stat_of(fixture, file).st_mtim;
    path_of(fixture, file, path);
    FILE *out = fopen(path, "a");
    assert_non_null(out);
    fputc('\n', out);
    fclose(out);
    set_time(fixture, file, changed);
}

/* The same bytes with the same times, as a tool puts a new file in the place of the old one. */
static void replaced(const struct fixture *fixture, const char *file)
{
    char path[128];
    char new_path[140];
    int byte;
    struct timespec changed = stat_of(fixture, file).st_mtim;
    path_of(fixture, file, path);
    snprintf(new_path, sizeof new_path, "%s.new", path);
    FILE *from = fopen(path, "r");
    FILE *to = fopen(new_path, "w");
    while ((byte = fgetc(from)) != EOF) {
        fputc(byte, to);
    }
    fclose(from);
    fclose(to);
    assert_int_equal(rename(new_path, path), 0);
    set_time(fixture, file, changed);
}

static void test_refresh_notices_each_kind_of_change_of_each_file(void **state)
{
    static const char *const files[] = {"ca.crt", "node.crt", "node.key", "crl.pem"};
    static void (*const changes[])(const struct fixture *fixture, const char *file) = {
        later_by_a_second, later_by_a_moment, longer, replaced};
    struct fixture *fixture = *state;
    write_node(fixture, "node", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    certs_write_list(fixture->directory, &fixture->authority, REVOKED);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    for (unsigned file = 0; file < 4; file++) {
        for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            changes[i](fixture, files[file]);
            assert_true(aero_host_certs_refresh(&fixture->certs, false));
            assert_false(aero_host_certs_refresh(&fixture->certs, false));
        }
    }
}

/* The list comes and goes with its file; the log says until when it counts. */
static void test_a_list_of_revoked_certificates_may_come_and_go(void **state)
{
    struct fixture *fixture = *state;
    write_node(fixture, "node", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    assert_true(kept_log_take(&fixture->log, "crl_expires_unix_s=0"));
    certs_write_list(fixture->directory, &fixture->authority, REVOKED);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(aero_tls_context_crl_expires(fixture->certs.context) > 0);
    assert_false(kept_log_take(&fixture->log, "crl_expires_unix_s=0"));
    certs_remove_list(fixture->directory);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_int_equal(aero_tls_context_crl_expires(fixture->certs.context), 0);
}

/* ---- Bad ones ---- */

/* Who is out stays out: the old list counts on. */
static void test_a_list_that_does_not_load_leaves_the_old_one_in_use(void **state)
{
    struct fixture *fixture = *state;
    write_node(fixture, "node", 3000);
    certs_write_list(fixture->directory, &fixture->authority, REVOKED);
    assert_true(aero_is_ok(open_certs(fixture)));
    certs_write_text(fixture->directory, "crl.pem", "");
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "in_use=\"the old ones\""));
    certs_append_list(fixture->directory, (struct certs_list_wish){.signer = &fixture->authority,
                                                                   .begins_s = -7200,
                                                                   .ends_s = -3600});
    assert_false(aero_host_certs_refresh(&fixture->certs, false)); /* expired: as good as none */
    assert_true(kept_log_take(&fixture->log, "in_use=\"the old ones\""));
    assert_true(aero_tls_context_crl_expires(fixture->certs.context) > 0);
}

static void test_refresh_keeps_the_old_ones_when_a_file_is_gone_and_says_so_once(void **state)
{
    struct fixture *fixture = *state;
    char path[128];
    write_node(fixture, "node", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    path_of(fixture, "node.key", path);
    assert_int_equal(unlink(path), 0);
    aero_buffer_clear(&fixture->log);
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "certificates_refused"));
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_int_equal(fixture->log.length, 0);
    assert_string_equal(name_in_use(fixture), "node");
    assert_true(atomic_load(&fixture->certs.refused));
    write_node(fixture, "node", 3000);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_false(atomic_load(&fixture->certs.refused));
}

static void test_expired_ones_never_replace_good_ones(void **state)
{
    struct fixture *fixture = *state;
    write_node(fixture, "good", 3000);
    assert_true(aero_is_ok(open_certs(fixture)));
    write_node(fixture, "expired", -3600);
    assert_false(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "in_use=\"the old ones\""));
    assert_string_equal(name_in_use(fixture), "good");
}

/* History: a node that was revoked kept its old list with its certificate, and links with others that were revoked. */
static void test_a_list_that_revokes_our_own_counts(void **state)
{
    struct fixture *fixture = *state;
    const struct node_wish own = {
        .dns = "own", .common_name = "own", .begins_s = -7200, .ends_s = 3000, .serial = REVOKED};
    write_node(fixture, "good", 3000);
    certs_write_list(fixture->directory, &fixture->authority, REVOKED);
    assert_true(aero_is_ok(open_certs(fixture)));
    certs_write_node(fixture->directory, &fixture->authority, &fixture->authority, own);
    assert_false(aero_host_certs_refresh(&fixture->certs, false)); /* there is a better one */
    assert_string_equal(name_in_use(fixture), "good");

    certs_remove_list(fixture->directory);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_string_equal(name_in_use(fixture), "own");
    certs_append_list(fixture->directory, (struct certs_list_wish){.signer = &fixture->authority,
                                                                   .begins_s = -7200,
                                                                   .ends_s = -3600,
                                                                   .serial = "07"});
    assert_false(aero_host_certs_refresh(&fixture->certs, false)); /* it counts no more */
    certs_write_list(fixture->directory, &fixture->authority, REVOKED);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "certificates_not_valid"));
    assert_true(atomic_load(&fixture->certs.refused)); /* by the peers */
    assert_true(aero_tls_context_crl_expires(fixture->certs.context) > 0);
}

/* Clients need no certificate: a start with expired ones is better than none. */
static void test_expired_ones_are_used_where_nothing_better_was(void **state)
{
    struct fixture *fixture = *state;
    write_node(fixture, "expired", -3600);
    assert_true(aero_is_ok(open_certs(fixture)));
    assert_true(kept_log_take(&fixture->log, "certificates_not_valid"));
    write_node(fixture, "expired-too", -1800);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_true(kept_log_take(&fixture->log, "certificates_not_valid"));
    assert_string_equal(name_in_use(fixture), "expired-too");
    assert_true(atomic_load(&fixture->certs.refused)); /* by the peers */
    write_node(fixture, "good", 3000);
    assert_true(aero_host_certs_refresh(&fixture->certs, false));
    assert_false(atomic_load(&fixture->certs.refused));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open_without_a_directory_says_how_to_make_one),
        TEST(test_open_of_an_empty_directory_fails_and_nothing_is_in_use),
        TEST(test_what_is_no_file_is_not_waited_for),
        TEST(test_what_is_huge_is_not_read),
        TEST(test_refresh_loads_only_what_changed),
        TEST(test_refresh_notices_each_kind_of_change_of_each_file),
        TEST(test_a_list_of_revoked_certificates_may_come_and_go),
        TEST(test_a_list_that_does_not_load_leaves_the_old_one_in_use),
        TEST(test_refresh_keeps_the_old_ones_when_a_file_is_gone_and_says_so_once),
        TEST(test_expired_ones_never_replace_good_ones),
        TEST(test_a_list_that_revokes_our_own_counts),
        TEST(test_expired_ones_are_used_where_nothing_better_was),
    };
    return cmocka_run_group_tests_name("host.certs", tests, NULL, NULL);
}
