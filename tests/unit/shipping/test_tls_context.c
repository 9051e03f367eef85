/* SPDX-License-Identifier: Apache-2.0 */
/* The three files of a node, one of them missing, too much, too weak or of another kind; and names. */
#include "tests/unit/shipping/tls_bench.h"

static char directory[CERTS_DIRECTORY_BYTES];
static struct authority ours;

static int setup(void **state)
{
    (void)state;
    ours = certs_authority("ours");
    certs_make_directory(directory);
    certs_write_node(directory, &ours, &ours, named("replica-1"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    certs_remove_directory(directory);
    certs_authority_free(&ours);
    return 0;
}

static void forget(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    assert_int_equal(unlink(path), 0);
}

static void test_each_missing_file_is_named(void **state)
{
    (void)state;
    static const char *const files[] = {"ca.crt", "node.crt", "node.key"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        certs_write_node(directory, &ours, &ours, named("replica-1"));
        aero_tls_context_release(load(directory));
        forget(files[i]);
        assert_load_fails(directory, files[i], "No such file or directory; 'aeroctl certs init");
    }
}

/* What is wrong stands behind the directory's name: the name is not to leave it out of the text. */
static void test_a_long_name_leaves_room_for_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        const char *said;
    } cases[] = {
        {200, "/ca.crt: No such file or directory; 'aeroctl certs init DIR --node NAME' makes"},
        {1016, "/ca.crt: No such file or directory; 'aeroctl certs init DIR --node NAME' makes"},
        {1017, "/ca.crt: the path is too long; use a shorter directory name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[1024];
        char shown[208];
        memset(name, '/', cases[i].bytes);
        name[cases[i].bytes] = '\0';
        snprintf(shown, sizeof shown, "%s%.200s", i == 0 ? "" : "...", name);
        assert_load_fails(name, shown, cases[i].said);
    }
}

/* RSA of a length that anybody could break: OpenSSL's security level says no. */
static void test_a_weak_certificate_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_RSA_gen(512);
    X509 *certificate = X509_new();
    certs_sign(certificate, weak, "replica-1", -60, 3000);
    X509_set_issuer_name(certificate, X509_get_subject_name(ours.certificate));
    assert_true(X509_sign(certificate, ours.key, EVP_sha256()) > 0);
    certs_write_certificate(directory, "node.crt", certificate);
    certs_write_key(directory, "node.key", weak, NULL);
    assert_load_fails(directory, "node.crt", "ee key too small; make a new one");
    X509_free(certificate);
    EVP_PKEY_free(weak);
}

static void test_a_key_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *of_another = EVP_EC_gen("P-256");
    EVP_PKEY *of_another_kind = EVP_RSA_gen(2048);
    certs_write_key(directory, "node.key", of_another, NULL);
    assert_load_fails(directory, "node.key", "it does not belong to node.crt");
    certs_write_key(directory, "node.key", of_another_kind, NULL);
    assert_load_fails(directory, "node.key", "it does not belong to node.crt");
    certs_write_key(directory, "node.key", of_another, "secret"); /* nobody is there to type it */
    assert_load_fails(directory, "node.key", "no private key in PEM without a passphrase");
    EVP_PKEY_free(of_another);
    EVP_PKEY_free(of_another_kind);
}

/* It loads, as every certificate does whose dates alone are wrong; there is no end to tell of. */
static void test_an_end_that_is_no_date_counts_as_long_ago(void **state)
{
    (void)state;
    struct node_wish wish = named("replica-1");
    EVP_PKEY *key;
    X509 *certificate = certs_node(&ours, &wish, &key);
    assert_int_equal(ASN1_STRING_set(X509_getm_notAfter(certificate), "2613", 4), 1);
    assert_true(X509_sign(certificate, ours.key, EVP_sha256()) > 0);
    certs_write_certificate(directory, "node.crt", certificate);
    certs_write_key(directory, "node.key", key, NULL);
    struct aero_tls_context *context = load(directory);
    assert_false(aero_tls_context_was_valid(context));
    assert_int_equal(aero_tls_context_expires(context), 0);
    aero_tls_context_release(context);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* ---- Names ---- */

static void add_common_name(X509 *certificate, const char *name)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                                MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                                0),
                     1);
}

static void test_a_name_is_looked_for_where_it_counts(void **state)
{
    (void)state;
    static const struct {
        const char *alternative; /* NULL: none */
        const char *common_name; /* NULL: none */
        const char *expected;    /* NULL: no name */
    } cases[] = {
        {"IP:127.0.0.1,DNS:by-dns", "common", "by-dns"},
        {"IP:127.0.0.1,email:a@b.c", "common", "common"},
        {NULL, "common", "common"},
        {NULL, "not a name", NULL},
        {NULL, NULL, NULL},
        {"IP:127.0.0.1", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        X509 *certificate = X509_new();
        char name[AERO_TLS_NAME_MAX] = "";
        if (cases[i].alternative != NULL) {
            certs_extend(certificate, NID_subject_alt_name, cases[i].alternative);
        }
        if (cases[i].common_name != NULL) {
            add_common_name(certificate, cases[i].common_name);
        }
        assert_int_equal(aero_tls_certificate_name(certificate, name), cases[i].expected != NULL);
        if (cases[i].expected != NULL) {
            assert_string_equal(name, cases[i].expected);
        }
        X509_free(certificate);
    }
}

/* OpenSSL writes no empty name from text, but a certificate may hold one: it is not replaced by the common name. */
static void test_an_empty_dns_name_is_no_name(void **state)
{
    (void)state;
    X509 *certificate = X509_new();
    char name[AERO_TLS_NAME_MAX] = "";
    add_common_name(certificate, "common");
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *empty = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(empty, GEN_DNS, ASN1_IA5STRING_new());
    sk_GENERAL_NAME_push(names, empty);
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0), 1);
    assert_false(aero_tls_certificate_name(certificate, name));
    GENERAL_NAMES_free(names);
    X509_free(certificate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_missing_file_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_long_name_leaves_room_for_what_is_wrong, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_weak_certificate_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_cannot_be_used_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_end_that_is_no_date_counts_as_long_ago, setup,
                                        teardown),
        cmocka_unit_test(test_a_name_is_looked_for_where_it_counts),
        cmocka_unit_test(test_an_empty_dns_name_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
