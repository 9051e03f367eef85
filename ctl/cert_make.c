/* SPDX-License-Identifier: Apache-2.0 */
/* Version 3 certificates with the extensions that verifiers ask for (RFC 5280 4.2): basic constraints and key usage,
 * key identifiers, and for a node its name and both extended usages. */
#include <ctype.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "ctl/cert.h"
#include "ctl/cert_priv.h"

#define SERIAL_BYTES 16
#define BACKDATE_SECONDS 300 /* for machines whose clock is a little behind */
#define SECONDS_A_DAY 86400

void aero_cert_pair_deinit(struct aero_cert_pair *pair)
{
    if (pair->key.length != 0) {
        OPENSSL_cleanse(pair->key.data, pair->key.length);
    }
    aero_buffer_deinit(&pair->certificate);
    aero_buffer_deinit(&pair->key);
}

bool aero_cert_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= AERO_CERT_NAME_MAX || !isalnum((unsigned char)name[0])) {
        return false;
    }
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80 || (!isalnum((unsigned char)*at) && !strchr("-_.", *at))) {
            return false;
        }
    }
    return true;
}

static bool take_pem(BIO *bio, struct aero_buffer *out)
{
    char *data = NULL;
    long length = BIO_get_mem_data(bio, &data);
    if (length <= 0) {
        return false;
    }
    aero_buffer_append(out, data, (size_t)length);
    return true;
}

static bool write_pair(X509 *certificate, EVP_PKEY *key, struct aero_cert_pair *out_pair)
{
    struct aero_cert_pair pair = {0};
    BIO *public_text = BIO_new(BIO_s_mem());
    BIO *private_text = BIO_new(BIO_s_secmem());
    bool done = public_text != NULL && private_text != NULL &&
                PEM_write_bio_X509(public_text, certificate) == 1 &&
                PEM_write_bio_PrivateKey(private_text, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                take_pem(public_text, &pair.certificate) && take_pem(private_text, &pair.key);
    BIO_free(public_text);
    BIO_free(private_text);
    if (!done) {
        aero_cert_pair_deinit(&pair);
        return false;
    }
    *out_pair = pair;
    return true;
}

static bool set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;
    if (RAND_bytes(bytes, sizeof bytes) != 1) {
        return false;
    }
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of full length */
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool done =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

static bool set_validity(X509 *certificate, aero_wall_ms now, uint32_t days)
{
    time_t seconds = (time_t)(now.value / 1000);
    time_t begin = seconds - BACKDATE_SECONDS;
    time_t end = seconds + (time_t)days * SECONDS_A_DAY;
    return ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), end) != NULL;
}

static bool add_extension(X509 *certificate, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool set_common_name(X509_NAME *subject, const char *name)
{
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                      -1, 0) == 1;
}

/* All that CA and node certificates have in common; not signed yet. */
static X509 *begin_certificate(EVP_PKEY *key, const char *name, aero_wall_ms now, uint32_t days)
{
    X509 *certificate = X509_new();
    if (certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
        set_serial(certificate) && set_validity(certificate, now, days) &&
        set_common_name(X509_get_subject_name(certificate), name) &&
        X509_set_pubkey(certificate, key) == 1) {
        return certificate;
    }
    X509_free(certificate);
    return NULL;
}

static bool finish_authority(X509 *certificate, EVP_PKEY *key)
{
    return X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
           add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, key, EVP_sha256()) != 0;
}

aero_status aero_cert_make_authority(aero_wall_ms now, uint32_t days,
                                     struct aero_cert_pair *out_authority)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = NULL;
    aero_status status = aero_error(AERO_IO);
    if (key == NULL) {
        goto out;
    }
    certificate = begin_certificate(key, "AeroDB development CA", now, days);
    if (certificate != NULL && finish_authority(certificate, key) &&
        write_pair(certificate, key, out_authority)) {
        status = aero_ok();
    }
out:
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status;
}

/* Not longer than the authority: a chain is only as good as its shortest part. */
static bool limit_validity(X509 *certificate, const X509 *authority)
{
    const ASN1_TIME *limit = X509_get0_notAfter(authority);
    return ASN1_TIME_compare(X509_get0_notAfter(certificate), limit) <= 0 ||
           X509_set1_notAfter(certificate, limit) == 1;
}

static bool finish_node(X509 *certificate, X509 *authority, EVP_PKEY *authority_key,
                        const char *name)
{
    char dns[AERO_CERT_NAME_MAX + 8];
    snprintf(dns, sizeof dns, "DNS:%s", name);
    return X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
           limit_validity(certificate, authority) &&
           add_extension(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, authority, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, authority, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(certificate, authority, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, authority, NID_authority_key_identifier, "keyid") &&
           add_extension(certificate, authority, NID_subject_alt_name, dns) &&
           X509_sign(certificate, authority_key, EVP_sha256()) != 0;
}

static bool is_good_authority(X509 *authority, aero_wall_ms now)
{
    time_t seconds = (time_t)(now.value / 1000);
    return X509_check_ca(authority) == 1 &&
           ASN1_TIME_cmp_time_t(X509_get0_notAfter(authority), seconds) > 0;
}

aero_status aero_cert_issue(const struct aero_cert_pair *authority, const char *name,
                            aero_wall_ms now, uint32_t days, struct aero_cert_pair *out_node)
{
    X509 *issuer = aero_cert_parse(aero_buffer_slice(&authority->certificate));
    EVP_PKEY *issuer_key = aero_cert_parse_key(aero_buffer_slice(&authority->key));
    EVP_PKEY *key = NULL;
    X509 *certificate = NULL;
    aero_status status = aero_error(AERO_CORRUPT);
    AERO_ASSERT(aero_cert_name_valid(name));
    if (issuer == NULL || issuer_key == NULL || X509_check_private_key(issuer, issuer_key) != 1) {
        goto out;
    }
    status = aero_error(AERO_MISMATCH);
    if (!is_good_authority(issuer, now)) {
        goto out;
    }
    status = aero_error(AERO_IO);
    key = EVP_EC_gen("P-256");
    if (key == NULL) {
        goto out;
    }
    certificate = begin_certificate(key, name, now, days);
    if (certificate != NULL && finish_node(certificate, issuer, issuer_key, name) &&
        write_pair(certificate, key, out_node)) {
        status = aero_ok();
    }
out:
    X509_free(certificate);
    EVP_PKEY_free(key);
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    return status;
}
