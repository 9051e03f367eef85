/* SPDX-License-Identifier: Apache-2.0 */
/* What certs init makes is judged by OpenSSL's own verifier, as each side of a connection would. */
#include "tests/unit/cmocka_setup.h"

#include "ctl/cert.h"
#include "tests/unit/ctl/ctl_bench.h"

#define DAY_MS 86400000ULL

static void read_file(struct ctl_bench *bench, const char *name, struct aero_buffer *out_bytes)
{
    char path[AERO_CTL_PATH_MAX];
    assert_true(aero_is_ok(aero_ctl_file_read(ctl_bench_path(bench, name, path), out_bytes)));
}

static unsigned mode_of(struct ctl_bench *bench, const char *name)
{
    char path[AERO_CTL_PATH_MAX];
    enum aero_ctl_path_kind kind;
    unsigned mode = 0;
    assert_true(aero_is_ok(aero_ctl_path_kind(ctl_bench_path(bench, name, path), &kind, &mode)));
    return kind == AERO_CTL_PATH_NOTHING ? 0 : mode;
}

/* The certificate in `crt` leads to the CA in `ca` and belongs to `key`. */
static bool is_good_node(struct ctl_bench *bench, const char *crt, const char *key, const char *ca)
{
    struct aero_buffer texts[3] = {{0}};
    char why[AERO_CERT_TEXT_MAX];
    read_file(bench, crt, &texts[0]);
    read_file(bench, key, &texts[1]);
    read_file(bench, ca, &texts[2]);
    bool good = aero_is_ok(aero_cert_check_key(aero_buffer_slice(&texts[0]),
                                               aero_buffer_slice(&texts[1]))) &&
                aero_is_ok(aero_cert_check_issuer(aero_buffer_slice(&texts[0]),
                                                  aero_buffer_slice(&texts[2]),
                                                  ctl_bench_wall(bench), why));
    for (size_t i = 0; i < 3; i++) {
        aero_buffer_deinit(&texts[i]);
    }
    return good;
}

static void test_init_makes_nodes_that_the_ca_vouches_for(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "b", "--node=c.d"), 0);
    assert_true(is_good_node(bench, "c/a/node.crt", "c/a/node.key", "c/a/ca.crt"));
    assert_true(is_good_node(bench, "c/b/node.crt", "c/b/node.key", "c/ca.crt"));
    assert_true(is_good_node(bench, "c/c.d/node.crt", "c/c.d/node.key", "c/a/ca.crt"));
    assert_false(is_good_node(bench, "c/a/node.crt", "c/b/node.key", "c/ca.crt"));
    assert_int_equal(mode_of(bench, "c/a/node.key"), 0600);
    assert_int_equal(mode_of(bench, "c/ca.key"), 0600);
    assert_int_equal(mode_of(bench, "c/a"), 0700);
}

static void test_init_adds_a_node_to_a_ca_that_exists(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b"), 0);
    assert_true(is_good_node(bench, "c/b/node.crt", "c/b/node.key", "c/a/ca.crt"));
}

/* A second CA beside the first would lock nodes out of each other without a word. */
static void test_init_writes_over_nothing(void **state)
{
    struct ctl_bench *bench = *state;
    struct aero_buffer before = {0};
    struct aero_buffer after = {0};
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    read_file(bench, "c/a/node.crt", &before);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b", "a"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "c/a exists and is not written over");
    assert_int_equal(mode_of(bench, "c/b"), 0); /* nothing was begun */
    read_file(bench, "c/a/node.crt", &after);
    assert_true(aero_slice_equal(aero_buffer_slice(&before), aero_buffer_slice(&after)));
    aero_buffer_deinit(&before);
    aero_buffer_deinit(&after);
}

static void test_init_refuses_half_a_ca(void **state)
{
    struct ctl_bench *bench = *state;
    char path[AERO_CTL_PATH_MAX];
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    assert_int_equal(unlink(ctl_bench_path(bench, "c/ca.key", path)), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "holds only ca.crt");
    assert_int_equal(mode_of(bench, "c/b"), 0);
}

static void test_init_refuses_the_key_of_another_ca(void **state)
{
    struct ctl_bench *bench = *state;
    char from[AERO_CTL_PATH_MAX];
    char to[AERO_CTL_PATH_MAX];
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a"), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@d", "--node", "a"), 0);
    assert_int_equal(
        rename(ctl_bench_path(bench, "d/ca.key", from), ctl_bench_path(bench, "c/ca.key", to)), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "b"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "not a certificate and its key");
    assert_int_equal(mode_of(bench, "c/b"), 0);
}

static void test_init_refuses_names_that_lead_elsewhere(void **state)
{
    struct ctl_bench *bench = *state;
    const char *names[] = {"", "..", "a/b", "-a", "a b", ".a", "a\n", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_false(aero_cert_name_valid(names[i]));
    }
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "../x"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "a"), AERO_EXIT_USAGE);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c"), AERO_EXIT_USAGE);
    assert_int_equal(mode_of(bench, "c"), 0);
}

static void test_show_warns_before_and_after_the_end(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "--days", "60"), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), 0);
    EXPECT_OUT(bench, "60 days left");
    bench->wall_ms += 31 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "expires within 30 days");
    bench->wall_ms += 30 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "it has expired");
    bench->wall_ms -= 62 * DAY_MS;
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a/node.crt"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "not valid yet");
}

static void test_show_finds_files_that_do_not_belong_together(void **state)
{
    struct ctl_bench *bench = *state;
    char from[AERO_CTL_PATH_MAX];
    char to[AERO_CTL_PATH_MAX];
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", "a", "b"), 0);
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@d", "--node", "a"), 0);
    assert_int_equal(rename(ctl_bench_path(bench, "c/b/node.key", from),
                            ctl_bench_path(bench, "c/a/node.key", to)),
                     0);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "node.key is not the key of node.crt");
    assert_int_equal(
        rename(ctl_bench_path(bench, "c/a/ca.crt", from), ctl_bench_path(bench, "d/a/ca.crt", to)),
        0);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "--json", "@d/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "ca.crt does not vouch for it");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a/node.key"), AERO_EXIT_FAILURE);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@nothing"), AERO_EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_init_makes_nodes_that_the_ca_vouches_for),
        CTL_TEST(test_init_adds_a_node_to_a_ca_that_exists),
        CTL_TEST(test_init_writes_over_nothing),
        CTL_TEST(test_init_refuses_half_a_ca),
        CTL_TEST(test_init_refuses_the_key_of_another_ca),
        CTL_TEST(test_init_refuses_names_that_lead_elsewhere),
        CTL_TEST(test_show_warns_before_and_after_the_end),
        CTL_TEST(test_show_finds_files_that_do_not_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
