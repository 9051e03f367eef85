/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that aeroctl did not make: foreign, damaged, expired, for another use. */
#include "tests/unit/ctl/cert_bench.h"

#define DAYS 825
#define SECONDS_A_DAY 86400

/* 10000-01-01: one second more than a certificate can name. */
static const aero_wall_ms no_year_for_this = {.value = 253402300800000};

static struct aero_cert_facts facts_of(X509 *certificate, aero_wall_ms now)
{
    struct aero_cert_facts facts;
    struct aero_buffer pem = pem_of(certificate);
    assert_true(aero_is_ok(aero_cert_read(aero_buffer_slice(&pem), now, &facts)));
    aero_buffer_deinit(&pem);
    return facts;
}

/* ---- Making ---- */

static void test_a_name_is_bounded_and_of_plain_letters_throughout(void **state)
{
    (void)state;
    char name[AERO_CERT_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    name[AERO_CERT_NAME_MAX] = '\0';
    assert_false(aero_cert_name_valid(name));
    name[AERO_CERT_NAME_MAX - 1] = '\0';
    assert_true(aero_cert_name_valid(name));
    assert_false(aero_cert_name_valid("caf\xc3\xa9"));
    assert_true(aero_cert_name_valid("a-b_c.9"));
}

/* The authority is the operator's own files: nothing is issued unless both are what they should be. */
static void test_issue_says_what_is_wrong_with_the_authority(void **state)
{
    (void)state;
    struct authority good = foreign_authority(NULL);
    struct authority other = certs_authority("other");
    struct authority bare = certs_authority("without a key identifier");
    struct authority odd = odd_authority();
    X509 *node = X509_new();
    certs_sign(node, good.key, "node", -60, 3600);
    certs_extend(node, NID_basic_constraints, "critical,CA:FALSE");
    assert_true(X509_sign(node, good.key, EVP_sha256()) > 0);
    struct {
        struct aero_buffer certificate;
        struct aero_buffer key;
        int64_t after_seconds;
        enum aero_code expected;
    } cases[] = {
        {pem_of(good.certificate), pem_of_key(good.key, NULL), 0, AERO_OK},
        {{0}, pem_of_key(good.key, NULL), 0, AERO_CORRUPT},
        {words("-----BEGIN CERTIFICATE-----\nMIIB\n"), pem_of_key(good.key, NULL), 0, AERO_CORRUPT},
        {pem_of(good.certificate), {0}, 0, AERO_CORRUPT},
        {pem_of(good.certificate), pem_of(good.certificate), 0, AERO_CORRUPT},
        {pem_of(good.certificate), pem_of_key(good.key, "secret"), 0, AERO_CORRUPT},
        {pem_of(good.certificate), pem_of_key(other.key, NULL), 0, AERO_CORRUPT},
        {pem_of(node), pem_of_key(good.key, NULL), 0, AERO_MISMATCH},
        {pem_of(good.certificate), pem_of_key(good.key, NULL), 4000, AERO_MISMATCH},
        {pem_of(odd.certificate), pem_of_key(odd.key, NULL), 0, AERO_IO},
        {pem_of(bare.certificate), pem_of_key(bare.key, NULL), 0, AERO_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_cert_pair authority = {.certificate = cases[i].certificate,
                                           .key = cases[i].key};
        struct aero_cert_pair issued = {0};
        aero_status status =
            aero_cert_issue(&authority, "node", now_and(cases[i].after_seconds), DAYS, &issued);
        if (status.code != cases[i].expected) {
            fail_msg("case %zu: %s", i, aero_code_text(status.code));
        }
        assert_int_equal(issued.key.length != 0, cases[i].expected == AERO_OK);
        aero_cert_pair_deinit(&issued);
        aero_cert_pair_deinit(&authority);
    }
    X509_free(node);
    certs_authority_free(&good);
    certs_authority_free(&other);
    certs_authority_free(&bare);
    certs_authority_free(&odd);
}

/* A chain is only as good as its shortest part: no file says that a node is good for longer. */
static void test_issue_never_outlives_the_authority(void **state)
{
    (void)state;
    struct authority authority = foreign_authority(NULL);
    struct aero_cert_pair pair = pair_of(&authority);
    struct aero_cert_pair node = {0};
    struct aero_cert_facts facts;
    aero_wall_ms now = now_and(0);
    assert_true(aero_is_ok(aero_cert_issue(&pair, "node", now, DAYS, &node)));
    assert_true(aero_is_ok(aero_cert_read(aero_buffer_slice(&node.certificate), now, &facts)));
    assert_int_equal(facts.validity.seconds_left,
                     facts_of(authority.certificate, now).validity.seconds_left);
    assert_in_range(facts.validity.seconds_left, 3500, 3600);
    aero_cert_pair_deinit(&node);
    aero_cert_pair_deinit(&pair);
    certs_authority_free(&authority);
}

static void test_make_fails_when_a_year_has_no_name(void **state)
{
    (void)state;
    struct aero_cert_pair pair = {0};
    assert_int_equal(aero_cert_make_authority(no_year_for_this, DAYS, &pair).code, AERO_IO);
    assert_int_equal(pair.key.length, 0);
    aero_wall_ms years_before = {.value = no_year_for_this.value - 4000 * SECONDS_A_DAY * 1000ULL};
    assert_true(aero_is_ok(aero_cert_make_authority(years_before, DAYS, &pair)));
    aero_cert_pair_deinit(&pair);
}

/* As on a machine whose OpenSSL is set to algorithms that it does not have. */
static void test_openssl_without_algorithms_makes_nothing_and_shows_the_rest(void **state)
{
    (void)state;
    struct authority authority = certs_authority("good");
    struct aero_cert_pair pair = {0};
    assert_int_equal(EVP_set_default_properties(NULL, "provider=nobody"), 1);
    assert_int_equal(aero_cert_make_authority(now_and(0), DAYS, &pair).code, AERO_IO);
    struct aero_cert_facts facts = facts_of(authority.certificate, now_and(0));
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    assert_int_equal(pair.key.length, 0);
    assert_string_equal(facts.fingerprint, "");
    assert_string_equal(facts.name, "good");
    facts = facts_of(authority.certificate, now_and(0));
    assert_int_equal(strlen(facts.fingerprint), 64);
    certs_authority_free(&authority);
}

/* ---- Reading ---- */

static void test_read_of_what_holds_no_certificate_is_corrupt(void **state)
{
    (void)state;
    struct aero_cert_facts facts;
    static const char *const texts[] = {
        "", "hello", "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        aero_status status = aero_cert_read(aero_slice_text(texts[i]), now_and(0), &facts);
        assert_int_equal(status.code, AERO_CORRUPT);
    }
    assert_int_equal(aero_cert_read(aero_slice_of(NULL, 0), now_and(0), &facts).code, AERO_CORRUPT);
}

static void test_the_name_is_the_first_dns_name_among_others(void **state)
{
    (void)state;
    static const struct {
        const char *alternative;
        const char *expected;
    } cases[] = {
        {"IP:127.0.0.1,DNS:first,DNS:second", "first"},
        {"IP:127.0.0.1,email:a@b.c", "common"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct authority node = certs_authority("common");
        certs_extend(node.certificate, NID_subject_alt_name, cases[i].alternative);
        assert_string_equal(facts_of(node.certificate, now_and(0)).name, cases[i].expected);
        certs_authority_free(&node);
    }
}

/* What cannot be shown is left empty and counts as expired; all else still is shown. */
static void test_a_damaged_date_leaves_all_else_readable(void **state)
{
    (void)state;
    struct authority node = certs_authority("good");
    assert_int_equal(ASN1_STRING_set(X509_getm_notAfter(node.certificate), "2613", 4), 1);
    assert_true(X509_sign(node.certificate, node.key, EVP_sha256()) > 0);
    struct aero_cert_facts facts = facts_of(node.certificate, now_and(0));
    assert_string_equal(facts.validity.to, "");
    assert_true(facts.validity.seconds_left == INT64_MIN);
    assert_string_equal(facts.name, "good");
    assert_string_equal(facts.issuer, "CN = good");
    assert_int_equal(strlen(facts.validity.from), 20);
    certs_authority_free(&node);
}

static void test_a_clock_beyond_all_years_counts_everything_as_expired(void **state)
{
    (void)state;
    struct authority node = certs_authority("good");
    assert_true(facts_of(node.certificate, no_year_for_this).validity.seconds_left == INT64_MIN);
    certs_authority_free(&node);
}

/* ---- Do they belong together? ---- */

static void test_a_key_is_checked_against_its_certificate(void **state)
{
    (void)state;
    struct authority node = certs_authority("node");
    struct authority other = certs_authority("other");
    struct aero_buffer certificate = pem_of(node.certificate);
    struct aero_buffer own = pem_of_key(node.key, NULL);
    struct aero_buffer foreign = pem_of_key(other.key, NULL);
    struct aero_slice junk = aero_slice_text("hello");
    const struct {
        struct aero_slice certificate;
        struct aero_slice key;
        enum aero_code expected;
    } cases[] = {
        {aero_buffer_slice(&certificate), aero_buffer_slice(&own), AERO_OK},
        {aero_buffer_slice(&certificate), aero_buffer_slice(&foreign), AERO_MISMATCH},
        {aero_buffer_slice(&certificate), junk, AERO_CORRUPT},
        {junk, aero_buffer_slice(&own), AERO_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(aero_cert_check_key(cases[i].certificate, cases[i].key).code,
                         cases[i].expected);
    }
    aero_buffer_deinit(&certificate);
    aero_buffer_deinit(&own);
    aero_buffer_deinit(&foreign);
    certs_authority_free(&node);
    certs_authority_free(&other);
}

static X509 *node_of(const struct authority *issuer, const char *usage)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *node = X509_new();
    certs_sign(node, key, "node", -60, 3000);
    X509_set_issuer_name(node, X509_get_subject_name(issuer->certificate));
    certs_extend(node, NID_ext_key_usage, usage);
    assert_true(X509_sign(node, issuer->key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    return node;
}

/* As ca.crt has them while one authority takes another's place. */
static struct aero_buffer both_of(X509 *one, X509 *other)
{
    struct aero_buffer both = pem_of(one);
    struct aero_buffer behind = pem_of(other);
    aero_buffer_append_slice(&both, aero_buffer_slice(&behind));
    aero_buffer_deinit(&behind);
    return both;
}

/* A node is on either side of a connection, one time or another: half a permission is none. */
static void test_an_authority_vouches_for_both_sides_or_for_none(void **state)
{
    (void)state;
    struct authority ours = certs_authority("ours");
    struct authority theirs = certs_authority("theirs");
    X509 *both = node_of(&ours, "serverAuth,clientAuth");
    X509 *server = node_of(&ours, "serverAuth");
    X509 *client = node_of(&ours, "clientAuth");
    struct {
        struct aero_buffer node;
        struct aero_buffer authority;
        int64_t after_seconds;
        const char *why; /* NULL: it is fine */
    } cases[] = {
        {pem_of(both), pem_of(ours.certificate), 0, NULL},
        {pem_of(server), pem_of(ours.certificate), 0, "purpose"},
        {pem_of(client), pem_of(ours.certificate), 0, "purpose"},
        {pem_of(both), pem_of(theirs.certificate), 0, "issuer"},
        {pem_of(both), pem_of(ours.certificate), 3300, "expired"},
        {pem_of(both), both_of(theirs.certificate, ours.certificate), 0, NULL},
        {words("hello"), pem_of(ours.certificate), 0, "no certificate"},
        {pem_of(both), words("hello"), 0, "no certificate"},
        {pem_of(both), {0}, 0, "no certificate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[AERO_CERT_TEXT_MAX];
        aero_status status = aero_cert_check_issuer(aero_buffer_slice(&cases[i].node),
                                                    aero_buffer_slice(&cases[i].authority),
                                                    now_and(cases[i].after_seconds), why);
        assert_int_equal(status.code, cases[i].why == NULL ? AERO_OK : AERO_MISMATCH);
        if (cases[i].why != NULL && strstr(why, cases[i].why) == NULL) {
            fail_msg("case %zu: '%s' does not say '%s'", i, why, cases[i].why);
        }
        aero_buffer_deinit(&cases[i].node);
        aero_buffer_deinit(&cases[i].authority);
    }
    X509_free(both);
    X509_free(server);
    X509_free(client);
    certs_authority_free(&ours);
    certs_authority_free(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_is_bounded_and_of_plain_letters_throughout),
        cmocka_unit_test(test_issue_says_what_is_wrong_with_the_authority),
        cmocka_unit_test(test_issue_never_outlives_the_authority),
        cmocka_unit_test(test_make_fails_when_a_year_has_no_name),
        cmocka_unit_test(test_openssl_without_algorithms_makes_nothing_and_shows_the_rest),
        cmocka_unit_test(test_read_of_what_holds_no_certificate_is_corrupt),
        cmocka_unit_test(test_the_name_is_the_first_dns_name_among_others),
        cmocka_unit_test(test_a_damaged_date_leaves_all_else_readable),
        cmocka_unit_test(test_a_clock_beyond_all_years_counts_everything_as_expired),
        cmocka_unit_test(test_a_key_is_checked_against_its_certificate),
        cmocka_unit_test(test_an_authority_vouches_for_both_sides_or_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
