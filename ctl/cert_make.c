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

void aero_cert_wipe(struct aero_buffer *key)
{
    if (key->length != 0) {
        OPENSSL_cleanse(key->data, key->length);
    }
    aero_buffer_deinit(key);
}

void aero_cert_pair_deinit(struct aero_cert_pair *pair)
{
    aero_buffer_deinit(&pair->certificate);
    aero_cert_wipe(&pair->key);
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

/* A certificate while it is made. Its steps need nothing of each other and OpenSSL forgives one that had no success, so all of
 * them run, and `sound` says in the end whether each did what it should. */
struct draft {
    X509 *certificate;
    EVP_PKEY *key;
    X509 *issuer; /* its own, for an authority */
    bool sound;
};

static void note(struct draft *draft, bool done)
{
    draft->sound = draft->sound & done;
}

static void set_serial(struct draft *draft)
{
    uint8_t bytes[SERIAL_BYTES];
    note(draft, RAND_bytes(bytes, sizeof bytes) == 1);
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and of full length */
    note(draft,
         ASN1_STRING_set(X509_get_serialNumber(draft->certificate), bytes, sizeof bytes) == 1);
}

/* Not beyond the year 9999, which is the last that a certificate can name: ASN1_TIME_set would write one that nobody can read. */
static void set_validity(struct draft *draft, aero_wall_ms now, uint32_t days)
{
    time_t seconds = (time_t)(now.value / 1000);
    ASN1_TIME *begin = X509_getm_notBefore(draft->certificate);
    ASN1_TIME *end = X509_getm_notAfter(draft->certificate);
    note(draft, X509_time_adj_ex(begin, 0, -AERO_CERT_BACKDATE_SECONDS, &seconds) != NULL);
    note(draft, X509_time_adj_ex(end, (int)days, 0, &seconds) != NULL);
}

static void set_names(struct draft *draft, const char *name)
{
    X509_NAME *subject = X509_get_subject_name(draft->certificate);
    note(draft, X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                           -1, -1, 0) == 1);
    note(draft,
         X509_set_issuer_name(draft->certificate, X509_get_subject_name(draft->issuer)) == 1);
}

static void add_extension(struct draft *draft, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, draft->issuer, draft->certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    note(draft, X509_add_ext(draft->certificate, extension, -1) == 1); /* takes no NULL */
    X509_EXTENSION_free(extension);
}

static void add_extensions_of_authority(struct draft *draft)
{
    add_extension(draft, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(draft, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(draft, NID_subject_key_identifier, "hash");
}

static void add_extensions_of_node(struct draft *draft, const char *name)
{
    char dns[AERO_CERT_NAME_MAX + 8];
    snprintf(dns, sizeof dns, "DNS:%s", name);
    add_extension(draft, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(draft, NID_key_usage, "critical,digitalSignature");
    add_extension(draft, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(draft, NID_subject_key_identifier, "hash");
    add_extension(draft, NID_authority_key_identifier, "keyid");
    add_extension(draft, NID_subject_alt_name, dns);
}

/* Not longer than the authority: a chain is only as good as its shortest part. */
static void limit_validity(struct draft *draft)
{
    const ASN1_TIME *limit = X509_get0_notAfter(draft->issuer);
    if (ASN1_TIME_compare(X509_get0_notAfter(draft->certificate), limit) > 0) {
        note(draft, X509_set1_notAfter(draft->certificate, limit) == 1);
    }
}

/* An issuer of NULL: the certificate is an authority's, and signs itself. */
static aero_status make(const char *name, aero_wall_ms now, uint32_t days, X509 *issuer,
                        EVP_PKEY *issuer_key, struct aero_cert_pair *out_pair)
{
    struct aero_cert_pair pair = {0};
    struct draft draft = {.key = EVP_EC_gen("P-256"), .sound = true};
    if (draft.key == NULL) {
        return aero_error(AERO_IO);
    }
    draft.certificate = X509_new();
    BIO *public_text = BIO_new(BIO_s_mem());
    BIO *private_text = BIO_new(BIO_s_secmem());
    /* No memory is the only reason for these to fail, and aborts like everywhere. */
    AERO_ASSERT(draft.certificate != NULL);
    AERO_ASSERT(public_text != NULL);
    AERO_ASSERT(private_text != NULL);

    draft.issuer = issuer == NULL ? draft.certificate : issuer;
    note(&draft, X509_set_version(draft.certificate, X509_VERSION_3) == 1);
    note(&draft, X509_set_pubkey(draft.certificate, draft.key) == 1);
    set_serial(&draft);
    set_validity(&draft, now, days);
    set_names(&draft, name);
    if (issuer == NULL) {
        add_extensions_of_authority(&draft);
    } else {
        limit_validity(&draft);
        add_extensions_of_node(&draft, name);
    }
    EVP_PKEY *signer = issuer == NULL ? draft.key : issuer_key;
    note(&draft, X509_sign(draft.certificate, signer, EVP_sha256()) != 0);
    note(&draft, PEM_write_bio_X509(public_text, draft.certificate) == 1);
    note(&draft, PEM_write_bio_PrivateKey(private_text, draft.key, NULL, NULL, 0, NULL, NULL) == 1);

    aero_cert_take_pem(public_text, &pair.certificate);
    aero_cert_take_pem(private_text, &pair.key);
    X509_free(draft.certificate);
    EVP_PKEY_free(draft.key);
    if (!draft.sound) {
        aero_cert_pair_deinit(&pair);
        return aero_error(AERO_IO);
    }
    *out_pair = pair;
    return aero_ok();
}

aero_status aero_cert_make_authority(aero_wall_ms now, uint32_t days,
                                     struct aero_cert_pair *out_authority)
{
    return make("AeroDB development CA", now, days, NULL, NULL, out_authority);
}

static bool is_good_authority(X509 *authority, aero_wall_ms now)
{
    time_t seconds = (time_t)(now.value / 1000);
    return X509_check_ca(authority) == 1 &&
           ASN1_TIME_cmp_time_t(X509_get0_notAfter(authority), seconds) > 0;
}

aero_status aero_cert_signer_open(const struct aero_cert_pair *authority, aero_wall_ms now,
                                  struct aero_cert_signer *out_signer)
{
    struct aero_cert_signer signer = {
        .certificate = aero_cert_parse(aero_buffer_slice(&authority->certificate)),
        .key = aero_cert_parse_key(aero_buffer_slice(&authority->key)),
    };
    aero_status status = aero_ok();
    if (signer.certificate == NULL || signer.key == NULL ||
        X509_check_private_key(signer.certificate, signer.key) != 1) {
        status = aero_error(AERO_CORRUPT);
    } else if (!is_good_authority(signer.certificate, now)) {
        status = aero_error(AERO_MISMATCH);
    }
    if (!aero_is_ok(status)) {
        aero_cert_signer_close(&signer);
        return status;
    }
    *out_signer = signer;
    return aero_ok();
}

void aero_cert_signer_close(struct aero_cert_signer *signer)
{
    X509_free(signer->certificate);
    EVP_PKEY_free(signer->key);
}

aero_status aero_cert_check_authority(const struct aero_cert_pair *authority, aero_wall_ms now)
{
    struct aero_cert_signer signer;
    AERO_TRY(aero_cert_signer_open(authority, now, &signer));
    aero_cert_signer_close(&signer);
    return aero_ok();
}

aero_status aero_cert_issue(const struct aero_cert_pair *authority, const char *name,
                            aero_wall_ms now, uint32_t days, struct aero_cert_pair *out_node)
{
    struct aero_cert_signer signer;
    AERO_ASSERT(aero_cert_name_valid(name));
    AERO_TRY(aero_cert_signer_open(authority, now, &signer));
    aero_status status = make(name, now, days, signer.certificate, signer.key, out_node);
    aero_cert_signer_close(&signer);
    return status;
}
