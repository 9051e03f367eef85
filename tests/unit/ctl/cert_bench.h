/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and revocation lists that aeroctl did not make, as PEM text. */
#ifndef AERO_TESTS_CERT_BENCH_H
#define AERO_TESTS_CERT_BENCH_H

#include <time.h>

#include "ctl/cert.h"
#include "tests/unit/shipping/certs.h"

static inline aero_wall_ms now_and(int64_t seconds)
{
    return (aero_wall_ms){.value = (uint64_t)((int64_t)time(NULL) + seconds) * 1000};
}

static inline struct aero_buffer text_of(BIO *take_bio)
{
    struct aero_buffer pem = {0};
    char *data = NULL;
    long length = BIO_get_mem_data(take_bio, &data);
    aero_buffer_append(&pem, data, (size_t)length);
    BIO_free(take_bio);
    return pem;
}

static inline struct aero_buffer pem_of(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    return text_of(bio);
}

static inline struct aero_buffer pem_of_key(EVP_PKEY *key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase == NULL ? NULL : EVP_aes_128_cbc();
    assert_int_equal(
        PEM_write_bio_PrivateKey(bio, key, cipher, NULL, 0, NULL, (void *)(uintptr_t)passphrase),
        1);
    return text_of(bio);
}

static inline struct aero_buffer words(const char *text)
{
    struct aero_buffer buffer = {0};
    aero_buffer_append(&buffer, text, strlen(text));
    return buffer;
}

/* Good for an hour, with the key identifier that certificates of it refer to. */
static inline struct authority authority_with(EVP_PKEY *take_key, const EVP_MD *digest)
{
    struct authority authority = {.key = take_key, .certificate = X509_new()};
    certs_sign(authority.certificate, authority.key, "foreign", -60, 3600);
    X509_set_issuer_name(authority.certificate, X509_get_subject_name(authority.certificate));
    certs_extend(authority.certificate, NID_basic_constraints, "critical,CA:TRUE");
    certs_extend(authority.certificate, NID_subject_key_identifier, "01:02:03:04");
    assert_true(X509_sign(authority.certificate, authority.key, digest) > 0);
    return authority;
}

/* A certificate of that serial number, which is all that a list is about. */
static inline struct aero_buffer node_with_serial(const struct authority *issuer,
                                                  const char *serial)
{
    X509 *node = X509_new();
    BIGNUM *number = NULL;
    certs_sign(node, issuer->key, "node", -60, 3000);
    assert_true(BN_hex2bn(&number, serial) > 0);
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(node)));
    X509_set_issuer_name(node, X509_get_subject_name(issuer->certificate));
    assert_true(X509_sign(node, issuer->key, EVP_sha256()) > 0);
    struct aero_buffer pem = pem_of(node);
    BN_free(number);
    X509_free(node);
    return pem;
}

/* A list that another tool might have made. */
struct list_wish {
    const struct authority *signer;
    time_t begins;
    time_t ends;        /* 0: it has no end */
    const char *serial; /* hexadecimal; NULL: it revokes nothing */
    const char *number; /* the same; NULL: it has none */
    bool is_partial;    /* says so, and that whoever does not know what that is must not use it */
};

static inline ASN1_INTEGER *integer_of(const char *text)
{
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, text) > 0);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    assert_non_null(integer);
    BN_free(number);
    return integer;
}

/* Since the list began, because the key was stolen. */
static inline void list_revoke(X509_CRL *list, const char *serial)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = integer_of(serial);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE);
    X509_REVOKED_set_serialNumber(entry, number);
    assert_int_equal(X509_REVOKED_set_revocationDate(
                         entry, (ASN1_TIME *)(uintptr_t)X509_CRL_get0_lastUpdate(list)),
                     1);
    assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
    assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    ASN1_ENUMERATED_free(reason);
    ASN1_INTEGER_free(number);
}

static inline void list_date(X509_CRL *list, int (*set)(X509_CRL *, const ASN1_TIME *), time_t at)
{
    ASN1_TIME *date = ASN1_TIME_set(NULL, at);
    assert_int_equal(set(list, date), 1);
    ASN1_TIME_free(date);
}

static inline struct aero_buffer pem_of_list(X509_CRL *list)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
    return text_of(bio);
}

static inline struct aero_buffer list_of(struct list_wish wish)
{
    X509_CRL *list = X509_CRL_new();
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(wish.signer->certificate));
    list_date(list, X509_CRL_set1_lastUpdate, wish.begins);
    if (wish.ends != 0) {
        list_date(list, X509_CRL_set1_nextUpdate, wish.ends);
    }
    if (wish.serial != NULL) {
        list_revoke(list, wish.serial);
    }
    if (wish.number != NULL) {
        ASN1_INTEGER *number = integer_of(wish.number);
        X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0);
        ASN1_INTEGER_free(number);
    }
    if (wish.is_partial) {
        ASN1_INTEGER *base = integer_of("01");
        X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0);
        ASN1_INTEGER_free(base);
    }
    assert_true(X509_CRL_sign(list, wish.signer->key, EVP_sha256()) > 0);
    struct aero_buffer pem = pem_of_list(list);
    X509_CRL_free(list);
    return pem;
}

static inline X509_CRL *list_parse(struct aero_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    assert_non_null(list);
    BIO_free(bio);
    return list;
}

/* What OpenSSL's own verifier finds wrong with the certificate, when it must ask the list: X509_V_OK, X509_V_ERR_... */
static inline int verdict_with_list(struct aero_slice certificate, struct aero_slice authority,
                                    struct aero_slice list, time_t at)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    BIO *node_text = BIO_new_mem_buf(certificate.data, (int)certificate.length);
    BIO *authority_text = BIO_new_mem_buf(authority.data, (int)authority.length);
    X509 *node = PEM_read_bio_X509(node_text, NULL, NULL, NULL);
    X509 *issuer = PEM_read_bio_X509(authority_text, NULL, NULL, NULL);
    X509_CRL *parsed = list_parse(list);
    X509_STORE_add_cert(store, issuer);
    X509_STORE_add_crl(store, parsed);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    assert_int_equal(X509_STORE_CTX_init(context, store, node, NULL), 1);
    X509_STORE_CTX_set_time(context, 0, at);
    int verdict = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_CRL_free(parsed);
    X509_free(node);
    X509_free(issuer);
    BIO_free(node_text);
    BIO_free(authority_text);
    return verdict;
}

#endif
