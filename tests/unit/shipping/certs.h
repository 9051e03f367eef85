/* SPDX-License-Identifier: Apache-2.0 */
/* Small authorities and node certificates in a directory of the test's own. */
#ifndef AERO_TESTS_SHIPPING_CERTS_H
#define AERO_TESTS_SHIPPING_CERTS_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/cmocka_setup.h"

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

struct authority_wish {
    const char *name;
    EVP_PKEY *take_key;         /* NULL: a new one, on the curve P-256 */
    const EVP_MD *digest;       /* for a key that was given */
    const char *key_identifier; /* NULL: none */
    const char *usage;          /* of its key; NULL: any */
};

struct node_wish {
    const char *dns;   /* NULL: none */
    const char *usage; /* extended; NULL: any */
    const char *common_name;
    long begins_s; /* from now */
    long ends_s;
    long serial; /* 0: 1 */
};

/* A revocation list, which any tool might have made. */
struct certs_list_wish {
    const struct authority *signer;
    time_t now; /* 0: this machine's */
    long begins_s;
    long ends_s;        /* 0: without an end */
    const char *serial; /* that is revoked, hexadecimal; NULL: none */
    const char *number; /* of the list, the same; NULL: it has none */
    bool names_key;     /* certs_number_key */
    bool is_partial;    /* says so, and that whoever does not know what that is must not use it */
    bool is_strange;    /* the same of something that nobody knows */
    bool is_narrow;     /* of authorities' certificates alone */
};

static inline void certs_sign(X509 *certificate, EVP_PKEY *key, const char *name, long begins_s,
                              long ends_s)
{
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begins_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), ends_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
}

static inline void certs_extend(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* Good for an hour. */
static inline struct authority certs_authority_as(struct authority_wish wish)
{
    struct authority authority = {.key = wish.take_key, .certificate = X509_new()};
    if (authority.key == NULL) {
        authority.key = EVP_EC_gen("P-256");
        wish.digest = EVP_sha256();
    }
    certs_sign(authority.certificate, authority.key, wish.name, -60, 3600);
    X509_set_issuer_name(authority.certificate, X509_get_subject_name(authority.certificate));
    certs_extend(authority.certificate, NID_basic_constraints, "critical,CA:TRUE");
    if (wish.key_identifier != NULL) {
        certs_extend(authority.certificate, NID_subject_key_identifier, wish.key_identifier);
    }
    if (wish.usage != NULL) {
        certs_extend(authority.certificate, NID_key_usage, wish.usage);
    }
    assert_true(X509_sign(authority.certificate, authority.key, wish.digest) > 0);
    return authority;
}

static inline struct authority certs_authority(const char *name)
{
    return certs_authority_as((struct authority_wish){.name = name});
}

/* An extension that speaks of a key: the issuer's, or the certificate's own. */
static inline X509_EXTENSION *certs_of_key(X509 *issuer, X509 *certificate, X509_CRL *list,
                                           int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, list, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    assert_non_null(extension);
    return extension;
}

/* So that lists can say which of several authorities of one name signed them. */
static inline void certs_number_key(struct authority *authority)
{
    X509_EXTENSION *key = certs_of_key(authority->certificate, authority->certificate, NULL,
                                       NID_subject_key_identifier, "hash");
    X509_add_ext(authority->certificate, key, -1);
    X509_EXTENSION_free(key);
    assert_true(X509_sign(authority->certificate, authority->key, EVP_sha256()) > 0);
}

static inline void certs_authority_free(struct authority *authority)
{
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
}

static inline FILE *certs_open(const char *directory, const char *file, const char *mode)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    FILE *out = fopen(path, mode);
    assert_non_null(out);
    return out;
}

static inline void certs_write_text(const char *directory, const char *file, const char *text)
{
    FILE *out = certs_open(directory, file, "w");
    fputs(text, out);
    fclose(out);
}

static inline void certs_write_certificate(const char *directory, const char *file,
                                           X509 *certificate)
{
    FILE *out = certs_open(directory, file, "w");
    assert_int_equal(PEM_write_X509(out, certificate), 1);
    fclose(out);
}

static inline X509 *certs_node(const struct authority *signer, const struct node_wish *wish,
                               EVP_PKEY **out_key)
{
    char names[256];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    certs_sign(certificate, key, wish->common_name, wish->begins_s, wish->ends_s);
    X509_set_issuer_name(certificate, X509_get_subject_name(signer->certificate));
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), wish->serial == 0 ? 1 : wish->serial);
    if (wish->dns != NULL) {
        snprintf(names, sizeof names, "DNS:%s", wish->dns);
        certs_extend(certificate, NID_subject_alt_name, names);
    }
    if (wish->usage != NULL) {
        certs_extend(certificate, NID_ext_key_usage, wish->usage);
    }
    assert_true(X509_sign(certificate, signer->key, EVP_sha256()) > 0);
    *out_key = key;
    return certificate;
}

static inline void certs_write_key(const char *directory, const char *file, EVP_PKEY *key,
                                   const char *passphrase)
{
    FILE *out = certs_open(directory, file, "w");
    const EVP_CIPHER *cipher = passphrase == NULL ? NULL : EVP_aes_128_cbc();
    assert_int_equal(
        PEM_write_PrivateKey(out, key, cipher, NULL, 0, NULL, (void *)(uintptr_t)passphrase), 1);
    fclose(out);
}

/* DIRECTORY/ca.crt from `trusts`; node.crt and node.key signed by `signer`. */
static inline void certs_write_node(const char *directory, const struct authority *trusts,
                                    const struct authority *signer, struct node_wish wish)
{
    mkdir(directory, 0700);
    EVP_PKEY *key;
    X509 *certificate = certs_node(signer, &wish, &key);
    certs_write_certificate(directory, "ca.crt", trusts->certificate);
    certs_write_certificate(directory, "node.crt", certificate);
    certs_write_key(directory, "node.key", key, NULL);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* A node of that name with nothing wrong: trusts `authority`, and is vouched for by it, for the next 50 minutes. */
static inline void certs_write_named(const char *directory, const struct authority *authority,
                                     const char *name)
{
    certs_write_node(
        directory, authority, authority,
        (struct node_wish){.dns = name, .common_name = name, .begins_s = -60, .ends_s = 3000});
}

static inline void certs_append_authority(const char *directory, const struct authority *authority)
{
    FILE *out = certs_open(directory, "ca.crt", "a");
    assert_int_equal(PEM_write_X509(out, authority->certificate), 1);
    fclose(out);
}

static inline ASN1_INTEGER *certs_integer(const char *hexadecimal)
{
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, hexadecimal) > 0);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    assert_non_null(integer);
    BN_free(number);
    return integer;
}

/* Since the list began, because the key was stolen. */
static inline void certs_revoke(X509_CRL *list, const char *serial)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = certs_integer(serial);
    ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
    ASN1_TIME *since = (ASN1_TIME *)(uintptr_t)X509_CRL_get0_lastUpdate(list);
    ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE);
    X509_REVOKED_set_serialNumber(entry, number);
    assert_int_equal(X509_REVOKED_set_revocationDate(entry, since), 1);
    assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
    assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    ASN1_ENUMERATED_free(reason);
    ASN1_INTEGER_free(number);
}

static inline void certs_date_list(X509_CRL *list, int (*setter)(X509_CRL *, const ASN1_TIME *),
                                   time_t at)
{
    ASN1_TIME *date = ASN1_TIME_set(NULL, at);
    assert_int_equal(setter(list, date), 1);
    ASN1_TIME_free(date);
}

static inline void certs_extend_list(X509_CRL *list, const struct certs_list_wish *wish)
{
    if (wish->number != NULL) {
        ASN1_INTEGER *number = certs_integer(wish->number);
        assert_int_equal(X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0), 1);
        ASN1_INTEGER_free(number);
    }
    if (wish->names_key) {
        X509_EXTENSION *key = certs_of_key(wish->signer->certificate, NULL, list,
                                           NID_authority_key_identifier, "keyid");
        assert_int_equal(X509_CRL_add_ext(list, key, -1), 1);
        X509_EXTENSION_free(key);
    }
    if (wish->is_partial) {
        ASN1_INTEGER *base = certs_integer("01");
        assert_int_equal(X509_CRL_add1_ext_i2d(list, NID_delta_crl, base, 1, 0), 1);
        ASN1_INTEGER_free(base);
    }
    if (wish->is_strange) {
        X509_EXTENSION *strange = X509V3_EXT_conf(NULL, NULL, "1.2.3.4.5", "critical,DER:0500");
        assert_int_equal(X509_CRL_add_ext(list, strange, -1), 1);
        X509_EXTENSION_free(strange);
    }
    if (wish->is_narrow) {
        X509_EXTENSION *narrow =
            X509V3_EXT_conf(NULL, NULL, "issuingDistributionPoint", "critical,onlyCA:TRUE");
        assert_int_equal(X509_CRL_add_ext(list, narrow, -1), 1);
        X509_EXTENSION_free(narrow);
    }
}

static inline X509_CRL *certs_list(struct certs_list_wish wish)
{
    X509_CRL *list = X509_CRL_new();
    time_t now = wish.now == 0 ? time(NULL) : wish.now;
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(wish.signer->certificate));
    certs_date_list(list, X509_CRL_set1_lastUpdate, now + wish.begins_s);
    if (wish.ends_s != 0) {
        certs_date_list(list, X509_CRL_set1_nextUpdate, now + wish.ends_s);
    }
    if (wish.serial != NULL) {
        certs_revoke(list, wish.serial);
    }
    certs_extend_list(list, &wish);
    assert_true(X509_CRL_sign(list, wish.signer->key, EVP_sha256()) > 0);
    return list;
}

/* Behind what is there already. */
static inline void certs_append_list(const char *directory, struct certs_list_wish wish)
{
    FILE *out = certs_open(directory, "crl.pem", "a");
    X509_CRL *list = certs_list(wish);
    assert_int_equal(PEM_write_X509_CRL(out, list), 1);
    fclose(out);
    X509_CRL_free(list);
}

/* Valid for the next 50 minutes, alone in its file. */
static inline void certs_write_list(const char *directory, const struct authority *signer,
                                    long serial)
{
    char hexadecimal[24];
    snprintf(hexadecimal, sizeof hexadecimal, "%lX", serial);
    certs_write_text(directory, "crl.pem", "");
    certs_append_list(
        directory, (struct certs_list_wish){
                       .signer = signer, .begins_s = -60, .ends_s = 3000, .serial = hexadecimal});
}

static inline void certs_remove_list(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/crl.pem", directory);
    assert_int_equal(unlink(path), 0);
}

#define CERTS_DIRECTORY_BYTES 64

static inline void certs_make_directory(char out_directory[CERTS_DIRECTORY_BYTES])
{
    snprintf(out_directory, CERTS_DIRECTORY_BYTES, "/tmp/aero-certs-XXXXXX");
    assert_non_null(mkdtemp(out_directory));
}

static inline void certs_remove_directory(const char *directory)
{
    static const char *const files[] = {"ca.crt", "node.crt", "node.key", "crl.pem"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    rmdir(directory);
}

#endif
