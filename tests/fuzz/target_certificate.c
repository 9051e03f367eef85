/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate as a peer shows it: the node's name in it, for the link and for aeroctl. The input is DER; whether a chain
 * of trust leads to it is OpenSSL's work, whose name it carries is ours. And a revocation list as an operator has it shown. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ctl/cert.h"
#include "shipping/tls_priv.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS 1750000000000U

static void check_name(const char *name)
{
    size_t length = strnlen(name, AERO_TLS_NAME_MAX);
    AERO_ASSERT(length != 0 && length < AERO_TLS_NAME_MAX);
    for (size_t i = 0; i < length; i++) {
        AERO_ASSERT(name[i] > 0x20 && name[i] < 0x7f);
    }
}

static void look_at_facts(struct aero_slice pem, const char *link_name)
{
    struct aero_cert_facts facts;
    if (!aero_is_ok(aero_cert_read(pem, (aero_wall_ms){.value = NOW_MS}, &facts))) {
        return;
    }
    AERO_ASSERT(strnlen(facts.name, sizeof facts.name) < sizeof facts.name);
    AERO_ASSERT(strlen(facts.fingerprint) == 64);
    /* The operator is shown the name that the link will go by. */
    AERO_ASSERT(link_name == NULL || strcmp(facts.name, link_name) == 0);
}

static void look_at_list(const struct aero_cert_crls *lists, size_t index)
{
    struct aero_cert_crl_facts facts;
    aero_cert_crls_facts(lists, index, (aero_wall_ms){.value = NOW_MS}, &facts);
    AERO_ASSERT(strnlen(facts.issuer, sizeof facts.issuer) < sizeof facts.issuer);
    for (size_t i = 0; i < facts.revoked_count; i++) {
        char serial[AERO_CERT_SERIAL_MAX];
        aero_cert_crls_serial(lists, index, i, serial);
        AERO_ASSERT(strspn(serial, "-0123456789ABCDEF") == strlen(serial));
    }
}

static void look_at_lists(struct aero_slice pem, size_t expected)
{
    struct aero_cert_crls *lists = NULL;
    bool read = aero_is_ok(aero_cert_crls_read(pem, &lists));
    AERO_ASSERT(read == (aero_cert_crls_count(lists) != 0));
    AERO_ASSERT(expected == 0 || aero_cert_crls_count(lists) == expected);
    for (size_t i = 0; i < aero_cert_crls_count(lists); i++) {
        look_at_list(lists, i);
    }
    aero_cert_crls_free(lists);
}

/* What OpenSSL takes as one list is one for us, too, and twice the text is two. */
static void look_at_der_list(struct aero_slice input)
{
    const unsigned char *at = input.data;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)input.length);
    if (list == NULL) {
        return;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    for (size_t count = 1; count <= 2 && PEM_write_bio_X509_CRL(bio, list) == 1; count++) {
        long length = BIO_get_mem_data(bio, &pem);
        look_at_lists(aero_slice_of(pem, (size_t)length), count);
    }
    BIO_free(bio);
    X509_CRL_free(list);
}

void fuzz_one(struct aero_slice input)
{
    look_at_facts(input, NULL);
    look_at_lists(input, 0);
    look_at_der_list(input);
    const unsigned char *at = input.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)input.length);
    if (certificate == NULL) {
        return;
    }
    char name[AERO_TLS_NAME_MAX];
    bool named = aero_tls_certificate_name(certificate, name);
    if (named) {
        check_name(name);
    }
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    if (PEM_write_bio_X509(bio, certificate) == 1) {
        long length = BIO_get_mem_data(bio, &pem);
        look_at_facts(aero_slice_of(pem, (size_t)length), named ? name : NULL);
    }
    BIO_free(bio);
    X509_free(certificate);
}

static X509 *make(const char *common_name, const char *alternative)
{
    X509 *certificate = X509_new();
    AERO_ASSERT(X509_set_version(certificate, 2) == 1);
    AERO_ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7) == 1);
    AERO_ASSERT(ASN1_TIME_set_string(X509_getm_notBefore(certificate), "20250101000000Z") == 1);
    AERO_ASSERT(ASN1_TIME_set_string(X509_getm_notAfter(certificate), "20350101000000Z") == 1);
    if (common_name != NULL) {
        AERO_ASSERT(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                               MBSTRING_ASC, (const unsigned char *)common_name, -1,
                                               -1, 0) == 1);
    }
    if (alternative != NULL) {
        X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
        AERO_ASSERT(names != NULL && X509_add_ext(certificate, names, -1) == 1);
        X509_EXTENSION_free(names);
    }
    return certificate;
}

static const unsigned char secret[32] = "one key, so that seeds are alike";

static void add(struct fuzz_seeds *seeds, const char *common_name, const char *alternative)
{
    X509 *certificate = make(common_name, alternative);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
    AERO_ASSERT(key != NULL && X509_set_pubkey(certificate, key) == 1);
    AERO_ASSERT(X509_sign(certificate, key, NULL) > 0);
    unsigned char *der = NULL;
    int length = i2d_X509(certificate, &der);
    AERO_ASSERT(length > 0);
    fuzz_seed(seeds, aero_slice_of(der, (size_t)length));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

/* Two certificates, one of a number that is longer than what is shown. */
static void add_list(struct fuzz_seeds *seeds, bool ends)
{
    static const unsigned char serials[2][40] = {{0x12, 0x34}, {0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9}};
    static const int lengths[2] = {2, 40};
    X509_CRL *list = X509_CRL_new();
    X509_NAME *name = X509_NAME_new();
    ASN1_TIME *date = ASN1_TIME_new();
    AERO_ASSERT(ASN1_TIME_set_string(date, "20250101000000Z") == 1);
    AERO_ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"ca",
                                           -1, -1, 0) == 1);
    AERO_ASSERT(X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1);
    AERO_ASSERT(X509_CRL_set_issuer_name(list, name) == 1);
    AERO_ASSERT(X509_CRL_set1_lastUpdate(list, date) == 1);
    AERO_ASSERT(!ends || X509_CRL_set1_nextUpdate(list, date) == 1);
    for (size_t i = 0; i < 2; i++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *serial = ASN1_INTEGER_new();
        AERO_ASSERT(ASN1_STRING_set(serial, serials[i], lengths[i]) == 1);
        AERO_ASSERT(X509_REVOKED_set_serialNumber(entry, serial) == 1);
        AERO_ASSERT(X509_REVOKED_set_revocationDate(entry, date) == 1);
        AERO_ASSERT(X509_CRL_add0_revoked(list, entry) == 1);
        ASN1_INTEGER_free(serial);
    }
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
    AERO_ASSERT(key != NULL && X509_CRL_sign(list, key, NULL) > 0);
    unsigned char *der = NULL;
    int length = i2d_X509_CRL(list, &der);
    AERO_ASSERT(length > 0);
    fuzz_seed(seeds, aero_slice_of(der, (size_t)length));
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    ASN1_TIME_free(date);
    X509_NAME_free(name);
    X509_CRL_free(list);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    add_list(seeds, true);
    add_list(seeds, false);
    add(seeds, "replica1", NULL);
    add(seeds, "replica1", "DNS:replica1,DNS:other");
    add(seeds, NULL, "IP:192.0.2.1,DNS:node");
    add(seeds, "name", "email:somebody@example.org");
    add(seeds, "a name with blanks", "URI:http://example.org");
}
