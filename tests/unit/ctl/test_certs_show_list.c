/* SPDX-License-Identifier: Apache-2.0 */
/* certs show and revocation lists: what it says of them, and of the certificates that are on them. */
#include "tests/unit/ctl/certs_scene.h"

#include <json-c/json.h>

#define DAY 86400

static void write_list(struct ctl_bench *bench, const char *name, struct certs_list_wish wish)
{
    write_file(bench, name, list_of(wish));
}

static struct json_object *shown_as_json(struct ctl_bench *bench)
{
    struct json_object *root = json_tokener_parse(bench->out);
    assert_non_null(root);
    return root;
}

/* The last one that is shown of a file whose path ends so. */
static struct json_object *shown_of(struct json_object *root, const char *file)
{
    struct json_object *found = NULL;
    for (size_t i = 0; i < json_object_array_length(root); i++) {
        struct json_object *object = json_object_array_get_idx(root, i);
        const char *path = json_object_get_string(json_object_object_get(object, "file"));
        const char *end = strstr(path, file);
        found = end != NULL && strcmp(end, file) == 0 ? object : found;
    }
    assert_non_null(found);
    return found;
}

static const char *text_in(struct json_object *object, const char *name)
{
    return json_object_get_string(json_object_object_get(object, name));
}

/* The operator reads which certificate it is: its number stands at both. */
static void test_show_has_the_list_and_the_certificates_that_are_on_it(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "/c/crl.pem\n  revokes      1 certificate\n  issuer       CN = AeroDB");
    EXPECT_OUT(bench, "/c/b/crl.pem\n  revokes      1 certificate\n");
    EXPECT_OUT(bench, "  WARNING      it is revoked: nodes refuse it");
    assert_null(strstr(strstr(bench->out, "revoked") + 1, "revoked")); /* said of one alone */
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/b"), AERO_EXIT_OK);

    assert_int_equal(CTL_RUN(bench, "certs", "show", "--json", "@c"), AERO_CTL_EXIT_ATTENTION);
    struct json_object *root = shown_as_json(bench);
    struct json_object *list = shown_of(root, "/c/crl.pem");
    struct json_object *node = shown_of(root, "/c/a/node.crt");
    struct json_object *serials = json_object_object_get(list, "revoked");
    assert_string_equal(text_in(list, "issuer"), "CN = AeroDB development CA");
    assert_string_equal(text_in(list, "this_update"), "2025-12-31T23:55:00Z");
    assert_string_equal(text_in(list, "next_update"), "2035-12-30T00:00:00Z");
    assert_int_equal(json_object_get_int(json_object_object_get(list, "days_left")), 3650);
    assert_int_equal(json_object_array_length(json_object_object_get(list, "warnings")), 0);
    assert_int_equal(json_object_array_length(serials), 1);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(serials, 0)),
                        text_in(node, "serial"));
    assert_int_equal(strlen(text_in(node, "serial")), 32);
    assert_int_equal(json_object_array_length(json_object_object_get(node, "warnings")), 1);
    json_object_put(root);
}

static void test_show_takes_a_list_alone_and_each_of_several(void **state)
{
    struct ctl_bench *bench = *state;
    struct authority signer = certs_authority("signer");
    time_t now = bench_seconds(bench);
    struct aero_buffer lists =
        list_of((struct certs_list_wish){.signer = &signer, .now = now, .serial = "0A"});
    struct aero_buffer other =
        list_of((struct certs_list_wish){.signer = &signer, .now = now, .ends_s = 60 * DAY});
    aero_buffer_append_slice(&lists, aero_buffer_slice(&other));
    aero_buffer_deinit(&other);
    write_file(bench, "crl.pem", lists);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@crl.pem"), AERO_EXIT_OK);
    EXPECT_OUT(bench, "  revokes      1 certificate\n  issuer       CN = signer\n"
                      "  valid        2026-01-01T00:00:00Z on, without an end\n"
                      "  serial       0A\n");
    EXPECT_OUT(bench, "  revokes      0 certificates\n");
    EXPECT_OUT(bench, "2026-03-02T00:00:00Z, 60 days left\n");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "--json", "@crl.pem"), AERO_EXIT_OK);
    struct json_object *root = shown_as_json(bench);
    assert_string_equal(text_in(shown_of(root, "/crl.pem"), "next_update"), "2026-03-02T00:00:00Z");
    struct json_object *first = json_object_array_get_idx(root, 0);
    struct json_object *end;
    assert_int_equal(json_object_array_length(root), 2);
    assert_true(json_object_object_get_ex(first, "next_update", &end) && end == NULL);
    assert_true(json_object_object_get_ex(first, "days_left", &end) && end == NULL);
    json_object_put(root);
    certs_authority_free(&signer);
}

/* Nodes refuse every peer once the list has expired: it is said a month ahead, as with certificates. */
static void test_show_warns_of_a_list_before_and_after_its_end(void **state)
{
    struct ctl_bench *bench = *state;
    struct authority signer = certs_authority("signer");
    time_t now = bench_seconds(bench);
    static const struct {
        long begins_days;
        long ends_days;
        const char *warning; /* NULL: none */
    } cases[] = {
        {-1, 31, NULL},
        {-1, 29, "it expires within 30 days, then nodes refuse every peer"},
        {-3, -1, "it has expired: nodes refuse every peer"},
        {1, 60, "it is not valid yet: is this machine's clock right?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_list(bench, "crl.pem",
                   (struct certs_list_wish){.signer = &signer,
                                            .now = now,
                                            .begins_s = cases[i].begins_days * DAY,
                                            .ends_s = cases[i].ends_days * DAY});
        assert_int_equal(CTL_RUN(bench, "certs", "show", "@crl.pem"),
                         cases[i].warning == NULL ? AERO_EXIT_OK : AERO_CTL_EXIT_ATTENTION);
        if (cases[i].warning != NULL) {
            EXPECT_OUT(bench, cases[i].warning);
        }
    }
    certs_authority_free(&signer);
}

static void test_show_warns_of_a_list_that_its_authority_did_not_sign(void **state)
{
    struct ctl_bench *bench = *state;
    struct authority foreign = certs_authority("foreign");
    MAKE_NODES(bench, "a");
    write_list(bench, "c/a/crl.pem",
               (struct certs_list_wish){.signer = &foreign, .now = bench_seconds(bench)});
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "ca.crt did not sign it: nodes refuse it");
    make_directory(bench, "d");
    copy_file(bench, "c/a/crl.pem", "d/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "--json", "@d"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "ca.crt cannot be read: No such file or directory");
    certs_authority_free(&foreign);
}

static void test_show_warns_of_a_list_that_nodes_refuse_for_what_it_is(void **state)
{
    struct ctl_bench *bench = *state;
    struct authority foreign = certs_authority("foreign");
    struct certs_list_wish wish = {
        .signer = &foreign, .now = bench_seconds(bench), .begins_s = -60, .is_partial = true};
    write_list(bench, "list.pem", wish);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@list.pem"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "it is a delta: nodes refuse it; put the complete list there");
    wish.is_partial = false;
    write_list(bench, "list.pem", wish);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@list.pem"), AERO_EXIT_OK);
    certs_authority_free(&foreign);
}

static void test_show_finds_what_only_one_of_the_lists_revokes(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a", "b");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_EXIT_OK); /* knows of none */
    move(bench, "c/crl.pem", "c/a/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/a"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "it is revoked");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_CTL_EXIT_ATTENTION);
    EXPECT_OUT(bench, "it is revoked");
    forget(bench, "c/a/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_OK);
}

static void test_show_fails_for_a_list_that_cannot_be_read(void **state)
{
    struct ctl_bench *bench = *state;
    MAKE_NODES(bench, "a");
    write_file(bench, "c/crl.pem", words("-----BEGIN X509 CRL-----\nMIIB\n"));
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem: there is no revocation list in it, or a damaged one");
    EXPECT_OUT(bench, "/c/a/node.crt"); /* all else is shown */
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c/crl.pem"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "there is neither a certificate nor a whole revocation list in it");
    copy_file(bench, "c/ca.crt", "c/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_FAILURE);
    forget(bench, "c/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "revoke", "@c", "--node", "a"), AERO_EXIT_OK);
    copy_file(bench, "c/crl.pem", "c/a/node.crt"); /* and the other way around */
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/a/node.crt: there is no certificate in it");
    forget(bench, "c/crl.pem");
    make_loop(bench, "c/crl.pem");
    assert_int_equal(CTL_RUN(bench, "certs", "show", "@c"), AERO_EXIT_FAILURE);
    EXPECT_ERR(bench, "/c/crl.pem: Too many levels of symbolic links");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_show_has_the_list_and_the_certificates_that_are_on_it),
        CTL_TEST(test_show_takes_a_list_alone_and_each_of_several),
        CTL_TEST(test_show_warns_of_a_list_before_and_after_its_end),
        CTL_TEST(test_show_warns_of_a_list_that_its_authority_did_not_sign),
        CTL_TEST(test_show_warns_of_a_list_that_nodes_refuse_for_what_it_is),
        CTL_TEST(test_show_finds_what_only_one_of_the_lists_revokes),
        CTL_TEST(test_show_fails_for_a_list_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
