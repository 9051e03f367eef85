/* SPDX-License-Identifier: Apache-2.0 */
/* Authorities, and the certificates that they revoked: by lists that are sound, old, of others, or no lists. */
#include "tests/unit/shipping/tls_bench.h"

#define AUTHORITIES_MAX 16
#define REVOKED 7

static struct nodes *nodes;
static const char *primary;
static const char *replica;

static int setup(void **state)
{
    (void)state;
    nodes = nodes_new();
    primary = nodes->primary_directory;
    replica = nodes->replica_directory;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nodes_free(nodes);
    return 0;
}

static void write_node(const char *directory, const char *name, const struct authority *signer,
                       long serial)
{
    struct node_wish wish = named(name);
    wish.serial = serial;
    certs_write_node(directory, &nodes->authority, signer, wish);
}

static void assert_meet(void)
{
    meet(nodes, NULL, NULL);
    assert_int_equal(aero_tls_state(nodes->server.tls), AERO_TLS_OPEN);
    assert_int_equal(aero_tls_state(nodes->client.tls), AERO_TLS_OPEN);
}

/* ---- Authorities ---- */

static void test_16_authorities_count_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 1; i < AUTHORITIES_MAX; i++) {
        certs_append_authority(primary,
                               i == AUTHORITIES_MAX - 1 ? &nodes->stranger : &nodes->authority);
    }
    struct aero_tls_context *context = load(primary);
    assert_int_equal(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(context->settings)),
                     AUTHORITIES_MAX);
    aero_tls_context_release(context);
    certs_append_authority(primary, &nodes->authority);
    assert_load_fails(primary, "ca.crt", "it has to hold authorities only, at most 16");
    certs_write_text(primary, "ca.crt", "");
    assert_load_fails(primary, "ca.crt", "this is no certificate in PEM");
    struct node_wish wish = named("replica-1"); /* who signs nobody, before who does */
    EVP_PKEY *key;
    X509 *node = certs_node(&nodes->authority, &wish, &key);
    certs_write_certificate(primary, "ca.crt", node);
    certs_append_authority(primary, &nodes->authority);
    assert_load_fails(primary, "ca.crt", "a certificate in it may not sign others");
    X509_free(node);
    EVP_PKEY_free(key);
}

static void append_text(const char *directory, const char *file, const char *text)
{
    FILE *out = certs_open(directory, file, "a");
    fputs(text, out);
    fclose(out);
}

/* The first block alone would do, and leave out an authority or a list that an operator means to count. */
static void test_a_damaged_block_is_not_the_end_of_a_file(void **state)
{
    (void)state;
    append_text(primary, "ca.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    assert_load_fails(primary, "ca.crt", "a part of it is no PEM; write it anew");
    certs_write_list(replica, &nodes->authority, REVOKED);
    append_text(replica, "crl.pem", "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n");
    assert_load_fails(replica, "crl.pem", "a part of it is no PEM; write it anew");
}

/* A key, say, or notes: what is not asked for is passed over. */
static void test_other_things_in_the_files_do_not_count(void **state)
{
    (void)state;
    certs_write_list(primary, &nodes->authority, REVOKED);
    append_text(primary, "ca.crt", "\nFor the nodes of the second floor.\n");
    FILE *out = certs_open(primary, "ca.crt", "a");
    for (unsigned i = 0; i < 2; i++) { /* OpenSSL takes the first one for the certificate's */
        assert_int_equal(PEM_write_PrivateKey(out, nodes->stranger.key, NULL, NULL, 0, NULL, NULL),
                         1);
    }
    fclose(out);
    out = certs_open(primary, "crl.pem", "a");
    assert_int_equal(PEM_write_X509(out, nodes->stranger.certificate), 1);
    fclose(out);
    assert_meet();
}

/* ---- Lists ---- */

static void test_whom_a_list_does_not_name_is_let_in(void **state)
{
    (void)state;
    certs_write_list(primary, &nodes->authority, REVOKED);
    certs_write_list(replica, &nodes->authority, REVOKED);
    assert_meet();
    int64_t now = (int64_t)time(NULL);
    int64_t end = aero_tls_context_crl_expires(nodes->primary);
    assert_true(end > now + 2000 && end < now + 4000);
}

static void test_without_a_list_nothing_is_revoked(void **state)
{
    (void)state;
    assert_meet();
    assert_int_equal(aero_tls_context_crl_expires(nodes->primary), 0);
}

static void test_a_revoked_replica_is_refused_and_told(void **state)
{
    (void)state;
    write_node(replica, "replica-1", &nodes->authority, REVOKED);
    certs_write_list(primary, &nodes->authority, REVOKED);
    meet(nodes, NULL, NULL);
    assert_failed(&nodes->server, "certificate is revoked (crl.pem): that node needs a new one");
    assert_failed(&nodes->client, "our certificate is revoked: this node needs a new one");
}

static void test_a_revoked_primary_is_refused_and_told(void **state)
{
    (void)state;
    write_node(primary, "primary", &nodes->authority, REVOKED);
    certs_write_list(replica, &nodes->authority, REVOKED);
    meet(nodes, NULL, NULL);
    assert_failed(&nodes->client, "certificate is revoked (crl.pem): that node needs a new one");
    assert_failed(&nodes->server, "our certificate is revoked: this node needs a new one");
}

static void test_each_list_has_an_end_and_the_first_is_told(void **state)
{
    (void)state;
    const struct certs_list_wish without = {.signer = &nodes->authority, .begins_s = -60};
    const struct certs_list_wish later = {
        .signer = &nodes->stranger, .begins_s = -60, .ends_s = 3000, .serial = "07"};
    const struct certs_list_wish sooner = {
        .signer = &nodes->stranger, .begins_s = -60, .ends_s = 1000};
    int64_t now = (int64_t)time(NULL);
    certs_append_authority(primary, &nodes->stranger);
    certs_append_list(primary, without);
    struct aero_tls_context *context = load(primary);
    assert_true(aero_tls_context_was_valid(context));
    assert_true(aero_tls_context_crl_expires(context) == INT64_MAX);
    aero_tls_context_release(context);
    certs_append_list(primary, sooner);
    certs_append_list(primary, later);
    context = load(primary);
    int64_t end = aero_tls_context_crl_expires(context);
    assert_true(end >= now + 1000 && end < now + 2000);
    aero_tls_context_release(context);
}

/* It might name anybody: nobody is let in. Links that are open are not judged by dates. */
static void test_a_list_that_is_not_valid_now_lets_nobody_in(void **state)
{
    (void)state;
    static const struct {
        struct certs_list_wish wish;
        const char *what;
        const char *peer_hears;
    } cases[] = {
        {{.begins_s = -7200, .ends_s = -3600}, "CRL has expired", "see its log"},
        {{.begins_s = 3600, .ends_s = 7200}, "CRL is not yet valid", "see its log"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct certs_list_wish wish = cases[i].wish;
        char text[AERO_TLS_TEXT_MAX];
        wish.signer = &nodes->authority;
        assert_meet();
        certs_write_text(primary, "crl.pem", "");
        certs_append_list(primary, wish);
        struct aero_tls_context *context = NULL;
        assert_true(aero_is_ok(aero_tls_context_load(primary, &context, text)));
        assert_false(aero_tls_context_was_valid(context));
        assert_non_null(strstr(text, "/crl.pem: "));
        assert_non_null(strstr(text, cases[i].what));
        assert_non_null(strstr(text, "; every peer is refused: put a newer one in its place"));
        assert_true(aero_tls_is_trusted_by(nodes->server.tls, context, text));
        aero_tls_context_release(context);
        close_sides(nodes);
        meet(nodes, NULL, NULL);
        assert_failed(&nodes->server, "our crl.pem has no valid list of the authority");
        assert_failed(&nodes->server, cases[i].what);
        assert_failed(&nodes->client, cases[i].peer_hears);
        close_sides(nodes);
        certs_remove_list(primary);
    }
}

/* The list of one authority says nothing about the certificates of another. */
static void test_an_authority_without_a_list_lets_nobody_in(void **state)
{
    (void)state;
    certs_append_authority(primary, &nodes->stranger);
    certs_write_list(primary, &nodes->stranger, REVOKED);
    assert_load_fails(primary, "crl.pem",
                      "unable to get certificate CRL; it has to hold a list of "
                      "each authority whose certificates are to count");
    certs_write_list(primary, &nodes->authority, REVOKED);
    certs_write_node(replica, &nodes->authority, &nodes->stranger, named("replica-1"));
    certs_append_authority(replica, &nodes->stranger);
    meet(nodes, NULL, NULL);
    assert_failed(&nodes->server, "our crl.pem has no valid list of the authority");
    assert_failed(&nodes->client,
                  "does not know the authority that signed our certificate (its log");
}

static void test_our_own_certificate_revoked_is_said(void **state)
{
    (void)state;
    char text[AERO_TLS_TEXT_MAX];
    struct aero_tls_context *context = NULL;
    write_node(primary, "primary", &nodes->authority, REVOKED);
    certs_write_list(primary, &nodes->authority, REVOKED);
    assert_true(aero_is_ok(aero_tls_context_load(primary, &context, text)));
    assert_false(aero_tls_context_was_valid(context));
    assert_non_null(strstr(text, "/node.crt: certificate revoked; crl.pem lists it"));
    aero_tls_context_release(context);
}

static void test_a_list_of_nobody_we_know_is_refused(void **state)
{
    (void)state;
    struct authority impostor = certs_authority("authority"); /* by that name, with another key */
    certs_write_list(primary, &nodes->stranger, REVOKED);
    assert_load_fails(primary, "crl.pem", "signed by no authority of ca.crt, or is one");
    certs_write_list(primary, &impostor, REVOKED);
    assert_load_fails(primary, "crl.pem", "signed by no authority of ca.crt, or is one");
    certs_write_list(primary, &nodes->authority, REVOKED);
    certs_append_list(primary, (struct certs_list_wish){.signer = &impostor, .begins_s = -60});
    assert_load_fails(primary, "crl.pem", "signed by no authority of ca.crt");
    certs_authority_free(&impostor);
}

/* While one replaces the other, both may have one name: what tells them and their lists apart are their keys. */
static void test_lists_of_authorities_of_one_name_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        bool names_key;
        bool loads;
    } cases[] = {{true, true}, {false, false}};
    certs_number_key(&nodes->authority);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authority newer = certs_authority("authority");
        struct certs_list_wish wish = {.begins_s = -60, .names_key = cases[i].names_key};
        certs_number_key(&newer);
        certs_write_certificate(primary, "ca.crt", nodes->authority.certificate);
        certs_append_authority(primary, &newer);
        certs_write_text(primary, "crl.pem", "");
        wish.signer = &newer;
        certs_append_list(primary, wish);
        if (cases[i].loads) {
            wish.signer = &nodes->authority;
            certs_append_list(primary, wish);
            aero_tls_context_release(load(primary));
        } else {
            assert_load_fails(primary, "crl.pem", "CRL signature failure; it has to hold a list");
        }
        certs_authority_free(&newer);
    }
}

static void test_an_authority_that_may_sign_no_lists_has_none(void **state)
{
    (void)state;
    certs_extend(nodes->authority.certificate, NID_key_usage, "critical,keyCertSign");
    assert_true(X509_sign(nodes->authority.certificate, nodes->authority.key, EVP_sha256()) > 0);
    certs_write_certificate(primary, "ca.crt", nodes->authority.certificate);
    certs_write_list(primary, &nodes->authority, REVOKED);
    assert_load_fails(primary, "crl.pem", "key usage does not include CRL signing; it has to hold");
}

static void test_16_lists_count_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < AUTHORITIES_MAX; i++) {
        certs_append_list(primary, (struct certs_list_wish){.signer = &nodes->authority,
                                                            .begins_s = -60,
                                                            .ends_s = 3000 + (long)i});
    }
    aero_tls_context_release(load(primary));
    certs_append_list(primary,
                      (struct certs_list_wish){.signer = &nodes->authority, .begins_s = -60});
    assert_load_fails(primary, "crl.pem", "lists of those authorities only, at most 16");
}

/* History: OpenSSL took the delta, the younger of the two, for all that is revoked, and whom its base named was let in. */
static void test_a_list_of_what_is_new_is_no_list_of_what_is_revoked(void **state)
{
    (void)state;
    certs_write_list(primary, &nodes->authority, REVOKED);
    certs_append_list(primary, (struct certs_list_wish){.signer = &nodes->authority,
                                                        .begins_s = -30,
                                                        .ends_s = 3000,
                                                        .is_partial = true});
    assert_load_fails(primary, "crl.pem", "is a delta, which names only what is new; put the");
}

/* It is the list's fault, not that of the certificate which it should be about. */
static void test_a_list_that_must_not_be_used_lets_nobody_in(void **state)
{
    (void)state;
    struct certs_list_wish strange = {
        .signer = &nodes->authority, .begins_s = -60, .is_strange = true};
    certs_append_list(primary, strange);
    assert_load_fails(primary, "crl.pem",
                      "unhandled critical CRL extension; it has to hold a list of each authority");
    certs_write_text(primary, "crl.pem", "");
    certs_append_list(
        primary,
        (struct certs_list_wish){.signer = &nodes->authority, .begins_s = -60, .is_narrow = true});
    assert_load_fails(primary, "crl.pem",
                      "different CRL scope; it has to hold a list of each authority");
    certs_append_authority(primary, &nodes->stranger);
    certs_write_list(primary, &nodes->authority, REVOKED);
    strange.signer = &nodes->stranger;
    certs_append_list(primary, strange);
    certs_write_node(replica, &nodes->authority, &nodes->stranger, named("replica-1"));
    certs_append_authority(replica, &nodes->stranger);
    meet(nodes, NULL, NULL);
    assert_failed(&nodes->server, "our crl.pem has no valid list of the authority");
}

/* A file that says nothing is not taken for "nothing is revoked", nor is one that cannot be opened. */
static void test_what_is_no_list_is_refused(void **state)
{
    (void)state;
    char path[512];
    certs_write_text(primary, "crl.pem", "");
    assert_load_fails(primary, "crl.pem",
                      "this is no revocation list; it begins with "
                      "-----BEGIN X509 CRL-----");
    certs_write_certificate(primary, "crl.pem", nodes->authority.certificate);
    assert_load_fails(primary, "crl.pem", "this is no revocation list");
    certs_remove_list(primary);
    snprintf(path, sizeof path, "%s/crl.pem", primary);
    assert_int_equal(symlink("crl.pem", path), 0);
    assert_load_fails(primary, "crl.pem", "Too many levels of symbolic links; it has to lead to");
}

/* ---- Links that are open while it changes ---- */

static void test_an_open_link_is_judged_by_what_counts_now(void **state)
{
    (void)state;
    char text[AERO_TLS_TEXT_MAX] = "";
    write_node(replica, "replica-1", &nodes->authority, REVOKED);
    write_node(primary, "primary", &nodes->authority, REVOKED + 1);
    assert_meet();
    assert_true(aero_tls_is_trusted_by(nodes->server.tls, nodes->primary, text));
    assert_true(aero_tls_is_trusted_by(nodes->client.tls, nodes->replica, text));
    assert_string_equal(text, "");

    certs_write_list(primary, &nodes->authority, REVOKED);
    struct aero_tls_context *newer = load(primary);
    assert_false(aero_tls_is_trusted_by(nodes->server.tls, newer, text));
    assert_non_null(strstr(text, "the peer's certificate is revoked"));
    assert_true(aero_tls_is_trusted_by(nodes->client.tls, newer, text));
    aero_tls_context_release(newer);

    certs_write_list(primary, &nodes->authority, REVOKED + 2);
    newer = load(primary);
    assert_true(aero_tls_is_trusted_by(nodes->server.tls, newer, text));
    aero_tls_context_release(newer);

    certs_remove_list(primary);
    certs_write_node(primary, &nodes->stranger, &nodes->stranger, named("primary"));
    newer = load(primary);
    assert_false(aero_tls_is_trusted_by(nodes->server.tls, newer, text));
    assert_non_null(strstr(text, "not signed by our ca.crt"));
    aero_tls_context_release(newer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_16_authorities_count_and_no_more),
        TEST(test_a_damaged_block_is_not_the_end_of_a_file),
        TEST(test_other_things_in_the_files_do_not_count),
        TEST(test_whom_a_list_does_not_name_is_let_in),
        TEST(test_without_a_list_nothing_is_revoked),
        TEST(test_a_revoked_replica_is_refused_and_told),
        TEST(test_a_revoked_primary_is_refused_and_told),
        TEST(test_each_list_has_an_end_and_the_first_is_told),
        TEST(test_a_list_that_is_not_valid_now_lets_nobody_in),
        TEST(test_an_authority_without_a_list_lets_nobody_in),
        TEST(test_our_own_certificate_revoked_is_said),
        TEST(test_a_list_of_nobody_we_know_is_refused),
        TEST(test_lists_of_authorities_of_one_name_are_told_apart),
        TEST(test_an_authority_that_may_sign_no_lists_has_none),
        TEST(test_16_lists_count_and_no_more),
        TEST(test_a_list_of_what_is_new_is_no_list_of_what_is_revoked),
        TEST(test_a_list_that_must_not_be_used_lets_nobody_in),
        TEST(test_what_is_no_list_is_refused),
        TEST(test_an_open_link_is_judged_by_what_counts_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
