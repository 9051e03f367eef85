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

static inline struct aero_cert_pair pair_of(const struct authority *authority)
{
    return (struct aero_cert_pair){.certificate = pem_of(authority->certificate),
                                   .key = pem_of_key(authority->key, NULL)};
}

static inline struct aero_buffer words(const char *text)
{
    struct aero_buffer buffer = {0};
    aero_buffer_append(&buffer, text, strlen(text));
    return buffer;
}

/* With the key identifier that certificates and lists of it refer to. */
static inline struct authority foreign_authority(const char *usage)
{
    return certs_authority_as((struct authority_wish){
        .name = "foreign", .key_identifier = "01:02:03:04", .usage = usage});
}

/* Its signatures go without a digest of ours: OpenSSL refuses. */
static inline struct authority odd_authority(void)
{
    return certs_authority_as(
        (struct authority_wish){.name = "foreign",
                                .take_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
                                .key_identifier = "01:02:03:04"});
}

/* A certificate of that serial number, which is all that a list is about. */
static inline struct aero_buffer node_with_serial(const struct authority *issuer,
                                                  const char *serial)
{
    X509 *node = X509_new();
    ASN1_INTEGER *number = certs_integer(serial);
    certs_sign(node, issuer->key, "node", -60, 3000);
    X509_set_serialNumber(node, number);
    X509_set_issuer_name(node, X509_get_subject_name(issuer->certificate));
    assert_true(X509_sign(node, issuer->key, EVP_sha256()) > 0);
    struct aero_buffer pem = pem_of(node);
    ASN1_INTEGER_free(number);
    X509_free(node);
    return pem;
}

static inline struct aero_buffer pem_of_list(X509_CRL *list)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(bio, list), 1);
    return text_of(bio);
}

static inline struct aero_buffer list_of(struct certs_list_wish wish)
{
    X509_CRL *list = certs_list(wish);
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
