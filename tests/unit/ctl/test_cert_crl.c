/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists: what is made is judged by OpenSSL's own verifier; what others made, or damaged, is told apart. */
#include "tests/unit/ctl/cert_bench.h"

#include <openssl/err.h>

#define DAYS 825
#define DAY 86400

static time_t unix_now(void)
{
    return (time_t)(now_and(0).value / 1000);
}

static struct aero_cert_crls *read_lists(const struct aero_buffer *pem)
{
    struct aero_cert_crls *lists;
    assert_true(aero_is_ok(aero_cert_crls_read(aero_buffer_slice(pem), &lists)));
    return lists;
}

static struct aero_buffer joined(struct aero_buffer take_a, const char *between,
                                 struct aero_buffer take_b)
{
    aero_buffer_append(&take_a, between, strlen(between));
    aero_buffer_append_slice(&take_a, aero_buffer_slice(&take_b));
    aero_buffer_deinit(&take_b);
    return take_a;
}

static struct aero_buffer plain_list(const struct authority *signer, const char *serial)
{
    return list_of((struct certs_list_wish){
        .signer = signer, .begins_s = -60, .ends_s = DAY, .serial = serial});
}

static void assert_serial(const struct aero_cert_crls *lists, size_t index, size_t entry,
                          const char *expected)
{
    char serial[AERO_CERT_SERIAL_MAX];
    aero_cert_crls_serial(lists, index, entry, serial);
    assert_string_equal(serial, expected);
}

/* ---- Making ---- */

static long number_of(const X509_CRL *list)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
    assert_non_null(number);
    long value = ASN1_INTEGER_get(number);
    ASN1_INTEGER_free(number);
    return value;
}

static int64_t days_between(const ASN1_TIME *from, const ASN1_TIME *to)
{
    int days;
    int seconds;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, from, to), 1);
    return days;
}

/* The whole way: an authority, three nodes, one is revoked today and one tomorrow. */
static void test_what_is_made_has_verifiers_refuse_what_is_revoked_and_nothing_else(void **state)
{
    (void)state;
    struct aero_cert_pair ca = {0};
    struct aero_cert_pair nodes[3] = {{{0}, {0}}};
    struct aero_buffer first = {0};
    struct aero_buffer second = {0};
    aero_wall_ms today = now_and(0);
    aero_wall_ms tomorrow = now_and(DAY);
    assert_true(aero_is_ok(aero_cert_make_authority(today, DAYS, &ca)));
    for (size_t i = 0; i < 3; i++) {
        assert_true(aero_is_ok(aero_cert_issue(&ca, "node", today, DAYS, &nodes[i])));
    }
    assert_true(
        aero_is_ok(aero_cert_crls_extend(NULL, &ca, &nodes[0].certificate, 1, today, &first)));
    struct aero_cert_crls *before = read_lists(&first);
    /* The one that is on it already, and one of the others twice. */
    struct aero_buffer more[] = {nodes[1].certificate, nodes[0].certificate, nodes[1].certificate};
    assert_true(aero_is_ok(aero_cert_crls_extend(before, &ca, more, 3, tomorrow, &second)));
    static const int verdicts[2][3] = {
        {X509_V_ERR_CERT_REVOKED, X509_V_OK, X509_V_OK},
        {X509_V_ERR_CERT_REVOKED, X509_V_ERR_CERT_REVOKED, X509_V_OK}};
    for (size_t i = 0; i < 3; i++) {
        struct aero_slice node = aero_buffer_slice(&nodes[i].certificate);
        struct aero_slice root = aero_buffer_slice(&ca.certificate);
        assert_int_equal(verdict_with_list(node, root, aero_buffer_slice(&first), unix_now()),
                         verdicts[0][i]);
        assert_int_equal(
            verdict_with_list(node, root, aero_buffer_slice(&second), unix_now() + DAY),
            verdicts[1][i]);
    }
    X509_CRL *made[] = {list_parse(aero_buffer_slice(&first)),
                        list_parse(aero_buffer_slice(&second))};
    struct aero_cert_crl_facts facts;
    struct aero_cert_facts ca_facts;
    struct aero_cert_crls *after = read_lists(&second);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(X509_CRL_get_version(made[i]), X509_CRL_VERSION_2);
        assert_int_equal(number_of(made[i]), i + 1);
        assert_int_equal(X509_CRL_get_signature_nid(made[i]), NID_ecdsa_with_SHA256);
        assert_true(X509_CRL_get_ext_by_NID(made[i], NID_authority_key_identifier, -1) >= 0);
    }
    assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(made[1])), 2);
    aero_cert_crls_facts(after, 0, tomorrow, &facts);
    assert_true(
        aero_is_ok(aero_cert_read(aero_buffer_slice(&ca.certificate), tomorrow, &ca_facts)));
    assert_string_equal(facts.validity.to, ca_facts.validity.to);
    assert_string_equal(facts.issuer, ca_facts.subject);
    assert_int_equal(facts.validity.seconds_until_valid, -300);
    assert_int_equal(facts.revoked_count, 2);
    /* What was on the list has the date it had. */
    int old = 0;
    for (int i = 0; i < 2; i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(made[1]), i);
        old += days_between(X509_REVOKED_get0_revocationDate(entry),
                            X509_CRL_get0_lastUpdate(made[1])) == 1;
    }
    assert_int_equal(old, 1);
    aero_cert_crls_free(before);
    aero_cert_crls_free(after);
    for (size_t i = 0; i < 3; i++) {
        aero_cert_pair_deinit(&nodes[i]);
    }
    X509_CRL_free(made[0]);
    X509_CRL_free(made[1]);
    aero_buffer_deinit(&first);
    aero_buffer_deinit(&second);
    aero_cert_pair_deinit(&ca);
}

/* Another tool's list of the same authority goes on: its entries with all they say, its number however long it is. */
static void test_extend_keeps_what_another_tool_wrote(void **state)
{
    (void)state;
    struct authority signer = foreign_authority(NULL);
    struct aero_cert_pair ca = pair_of(&signer);
    struct aero_buffer node = node_with_serial(&signer, "0A0B");
    static const struct {
        const char *before;
        const char *after;
    } numbers[] = {{NULL, "01"}, {"FFFFFFFFFFFFFFFFFF", "01000000000000000000"}};
    for (size_t i = 0; i < 2; i++) {
        struct aero_buffer old = list_of((struct certs_list_wish){
            .signer = &signer, .begins_s = -DAY, .serial = "0102", .number = numbers[i].before});
        struct aero_buffer made = {0};
        struct aero_cert_crls *before = read_lists(&old);
        assert_true(
            aero_is_ok(aero_cert_crls_check_own(before, aero_buffer_slice(&ca.certificate))));
        assert_true(aero_is_ok(aero_cert_crls_extend(before, &ca, &node, 1, now_and(0), &made)));
        struct aero_cert_crls *after = read_lists(&made);
        assert_serial(after, 0, 0, "0102");
        assert_serial(after, 0, 1, "0A0B");
        X509_CRL *list = list_parse(aero_buffer_slice(&made));
        ASN1_INTEGER *expected = certs_integer(numbers[i].after);
        ASN1_INTEGER *number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
        assert_int_equal(ASN1_INTEGER_cmp(number, expected), 0);
        const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), 0);
        assert_true(X509_REVOKED_get_ext_by_NID(entry, NID_crl_reason, -1) >= 0);
        ASN1_INTEGER_free(expected);
        ASN1_INTEGER_free(number);
        X509_CRL_free(list);
        aero_cert_crls_free(before);
        aero_cert_crls_free(after);
        aero_buffer_deinit(&old);
        aero_buffer_deinit(&made);
    }
    aero_buffer_deinit(&node);
    aero_cert_pair_deinit(&ca);
    certs_authority_free(&signer);
}

/* A list that verifiers would not take stops every node: an authority that cannot make a good one makes none. */
static void test_extend_says_what_is_wrong_with_the_authority(void **state)
{
    (void)state;
    struct authority good = foreign_authority("critical,keyCertSign,cRLSign");
    struct authority mute = foreign_authority("critical,keyCertSign");
    struct authority odd = odd_authority();
    struct authority bare = certs_authority("without a key identifier");
    struct {
        struct aero_buffer certificate;
        struct aero_buffer key;
        int64_t after_seconds;
        enum aero_code expected;
    } cases[] = {
        {pem_of(good.certificate), pem_of_key(good.key, NULL), 0, AERO_OK},
        {pem_of(good.certificate), pem_of_key(mute.key, NULL), 0, AERO_CORRUPT},
        {pem_of(good.certificate), pem_of_key(good.key, NULL), 4000, AERO_MISMATCH},
        {pem_of(mute.certificate), pem_of_key(mute.key, NULL), 0, AERO_UNSUPPORTED},
        {pem_of(odd.certificate), pem_of_key(odd.key, NULL), 0, AERO_IO},
        {pem_of(bare.certificate), pem_of_key(bare.key, NULL), 0, AERO_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_cert_pair ca = {.certificate = cases[i].certificate, .key = cases[i].key};
        struct aero_buffer made = {0};
        aero_wall_ms now = now_and(cases[i].after_seconds);
        aero_status status = aero_cert_crls_extend(NULL, &ca, NULL, 0, now, &made);
        if (status.code != cases[i].expected) {
            fail_msg("case %zu: %s", i, aero_code_text(status.code));
        }
        assert_int_equal(made.length != 0, cases[i].expected == AERO_OK);
        enum aero_code before = cases[i].expected;
        before = before == AERO_UNSUPPORTED || before == AERO_IO ? AERO_OK : before;
        assert_int_equal(aero_cert_check_authority(&ca, now).code, before);
        aero_buffer_deinit(&made);
        aero_cert_pair_deinit(&ca);
    }
    certs_authority_free(&good);
    certs_authority_free(&mute);
    certs_authority_free(&odd);
    certs_authority_free(&bare);
}

/* ---- Reading ---- */

static void test_read_takes_whole_lists_only(void **state)
{
    (void)state;
    struct authority signer = foreign_authority(NULL);
    struct {
        struct aero_buffer pem;
        size_t count; /* 0: refused */
    } cases[] = {
        {plain_list(&signer, "01"), 1},
        {joined(plain_list(&signer, "01"), "notes between\n", plain_list(&signer, "02")), 2},
        {joined(plain_list(&signer, "01"), "", pem_of(signer.certificate)), 1},
        {{0}, 0},
        {words("hello"), 0},
        {words("-----BEGIN X509 CRL-----\n"), 0},
        {words("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), 0},
        {pem_of(signer.certificate), 0},
        {joined(plain_list(&signer, "01"), "-----BEGIN X509 CRL-----\nMIIB\n", words("")), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_cert_crls *lists = NULL;
        ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE); /* of an earlier call: it means nothing now */
        aero_status status = aero_cert_crls_read(aero_buffer_slice(&cases[i].pem), &lists);
        if (status.code != (cases[i].count == 0 ? AERO_CORRUPT : AERO_OK)) {
            fail_msg("case %zu: %s", i, aero_code_text(status.code));
        }
        assert_int_equal(aero_cert_crls_count(lists), cases[i].count);
        aero_cert_crls_free(lists);
        aero_buffer_deinit(&cases[i].pem);
    }
    certs_authority_free(&signer);
}

static void test_facts_of_lists_with_an_end_without_one_and_with_a_damaged_one(void **state)
{
    (void)state;
    struct authority signer = foreign_authority(NULL);
    struct aero_cert_crl_facts facts;
    struct aero_buffer endless =
        list_of((struct certs_list_wish){.signer = &signer, .begins_s = 100});
    X509_CRL *list = list_parse(aero_buffer_slice(&endless));
    certs_date_list(list, X509_CRL_set1_nextUpdate, unix_now());
    ASN1_STRING_set((ASN1_STRING *)(uintptr_t)X509_CRL_get0_nextUpdate(list), "2613", 4);
    assert_true(X509_CRL_sign(list, signer.key, EVP_sha256()) > 0);
    struct aero_buffer both = joined(pem_of_list(list), "", endless);
    X509_CRL_free(list);
    both = joined(both, "", plain_list(&signer, "0A"));
    struct aero_cert_crls *lists = read_lists(&both);

    aero_cert_crls_facts(lists, 0, now_and(0), &facts);
    assert_string_equal(facts.validity.to, "");
    assert_true(facts.validity.seconds_left == INT64_MIN);
    aero_cert_crls_facts(lists, 1, now_and(0), &facts);
    assert_string_equal(facts.validity.to, "");
    assert_true(facts.validity.seconds_left == INT64_MAX);
    assert_in_range(facts.validity.seconds_until_valid, 50, 100);
    assert_int_equal(facts.revoked_count, 0);
    assert_string_equal(facts.issuer, "CN = foreign");
    aero_cert_crls_facts(lists, 2, now_and(0), &facts);
    assert_int_equal(strlen(facts.validity.to), 20);
    assert_int_equal(strlen(facts.validity.from), 20);
    assert_in_range(facts.validity.seconds_left, DAY - 50, DAY);
    assert_int_equal(facts.revoked_count, 1);
    aero_cert_crls_free(lists);
    aero_buffer_deinit(&both);
    certs_authority_free(&signer);
}

/* As `openssl x509 -serial` and `openssl crl -text` write them, so that they can be found there. */
static void test_serials_are_written_as_openssl_does(void **state)
{
    (void)state;
    struct authority signer = foreign_authority(NULL);
    char longest[2 * AERO_CERT_SERIAL_MAX + 1];
    memset(longest, 'A', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const struct {
        const char *number;
        const char *expected;
    } cases[] = {{"00", "00"}, {"7F", "7F"}, {"0a0b0c", "0A0B0C"}, {"-0A0B", "-0A0B"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_cert_facts facts;
        struct aero_buffer node = node_with_serial(&signer, cases[i].number);
        struct aero_buffer list = plain_list(&signer, cases[i].number);
        struct aero_cert_crls *lists = read_lists(&list);
        assert_serial(lists, 0, 0, cases[i].expected);
        assert_true(aero_is_ok(aero_cert_read(aero_buffer_slice(&node), now_and(0), &facts)));
        assert_string_equal(facts.serial, cases[i].expected);
        assert_true(aero_cert_crls_has(lists, aero_buffer_slice(&node)));
        aero_cert_crls_free(lists);
        aero_buffer_deinit(&node);
        aero_buffer_deinit(&list);
    }
    struct aero_buffer list = plain_list(&signer, longest);
    struct aero_cert_crls *lists = read_lists(&list);
    char serial[AERO_CERT_SERIAL_MAX];
    aero_cert_crls_serial(lists, 0, 0, serial);
    assert_int_equal(strlen(serial), AERO_CERT_SERIAL_MAX - 2);
    assert_memory_equal(serial, longest, AERO_CERT_SERIAL_MAX - 2);
    aero_cert_crls_free(lists);
    aero_buffer_deinit(&list);
    certs_authority_free(&signer);
}

/* ---- Judging ---- */

/* An authority renamed, or renewed with another key, is another one: its lists are not the same. */
static struct authority like(const struct authority *authority, EVP_PKEY *key, const char *name)
{
    struct authority other = {.key = key, .certificate = X509_dup(authority->certificate)};
    X509_NAME *subject = X509_NAME_new();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_subject_name(other.certificate, subject);
    X509_set_issuer_name(other.certificate, subject);
    X509_set_pubkey(other.certificate, key);
    assert_true(X509_sign(other.certificate, key, EVP_sha256()) > 0);
    X509_NAME_free(subject);
    return other;
}

static void test_a_list_and_a_certificate_are_of_an_authority_by_name_and_key(void **state)
{
    (void)state;
    struct authority signer = foreign_authority(NULL);
    EVP_PKEY_up_ref(signer.key);
    struct authority renamed = like(&signer, signer.key, "renamed");
    struct authority rekeyed = like(&signer, EVP_EC_gen("P-256"), "signer");
    struct aero_buffer list = plain_list(&signer, "0A");
    struct aero_buffer node = node_with_serial(&signer, "0A");
    struct aero_cert_crls *lists = read_lists(&list);
    struct {
        struct aero_buffer authorities;
        bool signed_by;
        enum aero_code revocable; /* asks the first alone */
    } cases[] = {
        {pem_of(signer.certificate), true, AERO_OK},
        {joined(pem_of(rekeyed.certificate), "", pem_of(signer.certificate)), true, AERO_MISMATCH},
        {joined(pem_of(signer.certificate), "", pem_of(renamed.certificate)), true, AERO_OK},
        {pem_of(renamed.certificate), false, AERO_MISMATCH},
        {pem_of(rekeyed.certificate), false, AERO_MISMATCH},
        {words("hello"), false, AERO_CORRUPT},
        {{0}, false, AERO_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_slice authorities = aero_buffer_slice(&cases[i].authorities);
        assert_int_equal(aero_cert_crls_signed_by(lists, 0, authorities), cases[i].signed_by);
        assert_int_equal(aero_cert_check_revocable(aero_buffer_slice(&node), authorities).code,
                         cases[i].revocable);
        assert_int_equal(aero_cert_check_revocable(aero_slice_text("junk"), authorities).code,
                         AERO_CORRUPT);
        assert_int_equal(aero_cert_crls_check_own(lists, authorities).code,
                         cases[i].signed_by ? AERO_OK : AERO_MISMATCH);
        aero_buffer_deinit(&cases[i].authorities);
    }
    aero_cert_crls_free(lists);
    aero_buffer_deinit(&list);
    aero_buffer_deinit(&node);
    certs_authority_free(&signer);
    certs_authority_free(&renamed);
    certs_authority_free(&rekeyed);
}

static void test_a_certificate_is_revoked_by_any_list_of_its_own_authority(void **state)
{
    (void)state;
    struct authority ours = foreign_authority(NULL);
    struct authority theirs = certs_authority("theirs");
    struct aero_buffer node = node_with_serial(&ours, "0A");
    struct aero_buffer text = joined(plain_list(&theirs, "0A"), "", plain_list(&ours, "0B"));
    struct aero_cert_crls *lists = read_lists(&text);
    assert_false(aero_cert_crls_has(lists, aero_buffer_slice(&node)));
    assert_false(aero_cert_crls_has(lists, aero_slice_text("junk")));
    assert_false(aero_cert_crls_has(NULL, aero_buffer_slice(&node)));
    aero_cert_crls_free(lists);
    text = joined(text, "", plain_list(&ours, "0A"));
    text = joined(text, "", plain_list(&ours, "0C"));
    lists = read_lists(&text);
    assert_true(aero_cert_crls_has(lists, aero_buffer_slice(&node)));
    aero_cert_crls_free(lists);
    aero_buffer_deinit(&text);
    aero_buffer_deinit(&node);
    certs_authority_free(&ours);
    certs_authority_free(&theirs);
}

/* One list, of everything: what would be lost of others, or added to a part, is not for us to rewrite. */
static void test_only_one_list_of_everything_is_extended(void **state)
{
    (void)state;
    struct authority ours = foreign_authority(NULL);
    struct authority theirs = certs_authority("theirs");
    struct aero_buffer authority = pem_of(ours.certificate);
    struct {
        struct aero_buffer lists;
        enum aero_code expected;
    } cases[] = {
        {plain_list(&ours, "0A"), AERO_OK},
        {plain_list(&theirs, "0A"), AERO_MISMATCH},
        {joined(plain_list(&ours, "0A"), "", plain_list(&theirs, "0A")), AERO_MISMATCH},
        {joined(plain_list(&ours, "0A"), "", plain_list(&ours, "0B")), AERO_UNSUPPORTED},
        {list_of((struct certs_list_wish){.signer = &ours, .is_partial = true}), AERO_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_cert_crls *lists = read_lists(&cases[i].lists);
        aero_status status = aero_cert_crls_check_own(lists, aero_buffer_slice(&authority));
        if (status.code != cases[i].expected) {
            fail_msg("case %zu: %s", i, aero_code_text(status.code));
        }
        aero_cert_crls_free(lists);
        aero_buffer_deinit(&cases[i].lists);
    }
    aero_buffer_deinit(&authority);
    certs_authority_free(&ours);
    certs_authority_free(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_made_has_verifiers_refuse_what_is_revoked_and_nothing_else),
        cmocka_unit_test(test_extend_keeps_what_another_tool_wrote),
        cmocka_unit_test(test_extend_says_what_is_wrong_with_the_authority),
        cmocka_unit_test(test_read_takes_whole_lists_only),
        cmocka_unit_test(test_facts_of_lists_with_an_end_without_one_and_with_a_damaged_one),
        cmocka_unit_test(test_serials_are_written_as_openssl_does),
        cmocka_unit_test(test_a_list_and_a_certificate_are_of_an_authority_by_name_and_key),
        cmocka_unit_test(test_a_certificate_is_revoked_by_any_list_of_its_own_authority),
        cmocka_unit_test(test_only_one_list_of_everything_is_extended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
