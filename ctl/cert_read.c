/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/slice.h"
#include "ctl/cert.h"
#include "ctl/cert_priv.h"

void aero_cert_take_pem(BIO *take_bio, struct aero_buffer *out)
{
    char *data = NULL;
    long length = BIO_get_mem_data(take_bio, &data);
    aero_buffer_append(out, data, (size_t)length);
    BIO_free(take_bio);
}

X509 *aero_cert_parse(struct aero_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

EVP_PKEY *aero_cert_parse_key(struct aero_slice pem)
{
    char no_passphrase[] = "";
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase);
    BIO_free(bio);
    return key;
}

void aero_cert_format_name(const X509_NAME *name, char out_text[AERO_CERT_TEXT_MAX])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    AERO_ASSERT(bio != NULL); /* no memory */
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    long length = BIO_get_mem_data(bio, &data);
    snprintf(out_text, AERO_CERT_TEXT_MAX, "%.*s", (int)length, data);
    BIO_free(bio);
}

void aero_cert_format_serial(const ASN1_INTEGER *serial, char out_text[AERO_CERT_SERIAL_MAX])
{
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int length = ASN1_STRING_length(serial);
    size_t at = 0;
    out_text[0] = '\0';
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) {
        at += (size_t)snprintf(out_text, AERO_CERT_SERIAL_MAX, "-");
    }
    for (int i = 0; i < length && at + 2 < AERO_CERT_SERIAL_MAX; i++) {
        at += (size_t)snprintf(out_text + at, 3, "%02X", bytes[i]);
    }
}

/* The first DNS name; false when there is none. */
static bool first_dns_name(X509 *certificate, char out_text[AERO_CERT_TEXT_MAX])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            snprintf(out_text, AERO_CERT_TEXT_MAX, "%.*s", ASN1_STRING_length(name->d.dNSName),
                     (const char *)ASN1_STRING_get0_data(name->d.dNSName));
            found = true;
        }
    }
    GENERAL_NAMES_free(names);
    return found;
}

static void node_name(X509 *certificate, char out_text[AERO_CERT_TEXT_MAX])
{
    if (!first_dns_name(certificate, out_text)) {
        out_text[0] = '\0';
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out_text,
                                  AERO_CERT_TEXT_MAX);
    }
}

static void fingerprint(const X509 *certificate, char out_text[65])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    out_text[0] = '\0';
    if (X509_digest(certificate, EVP_sha256(), bytes, &length) == 1) {
        AERO_ASSERT(length == 32);
        for (unsigned i = 0; i < length; i++) {
            snprintf(out_text + (size_t)2 * i, 3, "%02x", bytes[i]);
        }
    }
}

static void format_time(const ASN1_TIME *time, char out_text[32])
{
    struct tm parts = {0};
    out_text[0] = '\0';
    if (ASN1_TIME_to_tm(time, &parts) == 1) {
        strftime(out_text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
}

/* Negative when it has passed; INT64_MIN when it is no time. */
static int64_t seconds_until(const ASN1_TIME *time, aero_wall_ms now)
{
    ASN1_TIME *now_time = ASN1_TIME_set(NULL, (time_t)(now.value / 1000));
    int days = 0;
    int seconds = 0;
    int64_t until = INT64_MIN;
    AERO_ASSERT(now_time != NULL); /* no memory */
    if (ASN1_TIME_diff(&days, &seconds, now_time, time) == 1) {
        until = (int64_t)days * 86400 + seconds;
    }
    ASN1_TIME_free(now_time);
    return until;
}

struct aero_cert_validity aero_cert_validity_of(const ASN1_TIME *from, const ASN1_TIME *to,
                                                aero_wall_ms now)
{
    struct aero_cert_validity validity = {.seconds_until_valid = seconds_until(from, now),
                                          .seconds_left = INT64_MAX};
    format_time(from, validity.from);
    if (to != NULL) {
        format_time(to, validity.to);
        validity.seconds_left = seconds_until(to, now);
    }
    return validity;
}

aero_status aero_cert_read(struct aero_slice pem, aero_wall_ms now,
                           struct aero_cert_facts *out_facts)
{
    X509 *certificate = aero_cert_parse(pem);
    if (certificate == NULL) {
        return aero_error(AERO_CORRUPT);
    }
    struct aero_cert_facts facts = {
        .validity = aero_cert_validity_of(X509_get0_notBefore(certificate),
                                          X509_get0_notAfter(certificate), now),
        .is_authority = X509_check_ca(certificate) != 0,
    };
    node_name(certificate, facts.name);
    aero_cert_format_name(X509_get_subject_name(certificate), facts.subject);
    aero_cert_format_name(X509_get_issuer_name(certificate), facts.issuer);
    aero_cert_format_serial(X509_get0_serialNumber(certificate), facts.serial);
    fingerprint(certificate, facts.fingerprint);
    X509_free(certificate);
    *out_facts = facts;
    return aero_ok();
}

aero_status aero_cert_check_key(struct aero_slice certificate, struct aero_slice key)
{
    X509 *parsed = aero_cert_parse(certificate);
    EVP_PKEY *parsed_key = aero_cert_parse_key(key);
    aero_status status = aero_ok();
    if (parsed == NULL || parsed_key == NULL) {
        status = aero_error(AERO_CORRUPT);
    } else if (X509_check_private_key(parsed, parsed_key) != 1) {
        status = aero_error(AERO_MISMATCH);
    }
    X509_free(parsed);
    EVP_PKEY_free(parsed_key);
    return status;
}

/* As one side of a connection would check the other. */
static bool verify_for(X509 *certificate, X509_STORE *store, int purpose, aero_wall_ms now,
                       char out_text[AERO_CERT_TEXT_MAX])
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    AERO_ASSERT(context != NULL); /* here and below: no memory */
    AERO_ASSERT(X509_STORE_CTX_init(context, store, certificate, NULL) == 1);
    X509_STORE_CTX_set_time(context, 0, (time_t)(now.value / 1000));
    X509_STORE_CTX_set_purpose(context, purpose);
    bool good = X509_verify_cert(context) == 1;
    if (!good) {
        int error = X509_STORE_CTX_get_error(context);
        snprintf(out_text, AERO_CERT_TEXT_MAX, "%s", X509_verify_cert_error_string(error));
    }
    X509_STORE_CTX_free(context);
    return good;
}

/* All of them, as a node does: one may be there while it takes another's place. False: there is none. */
static bool add_authorities(X509_STORE *store, struct aero_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    bool found = false;
    X509 *authority;
    while (bio != NULL && (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        AERO_ASSERT(X509_STORE_add_cert(store, authority) == 1); /* no memory */
        X509_free(authority);
        found = true;
    }
    BIO_free(bio);
    return found;
}

aero_status aero_cert_check_issuer(struct aero_slice certificate, struct aero_slice authorities,
                                   aero_wall_ms now, char out_text[AERO_CERT_TEXT_MAX])
{
    X509 *parsed = aero_cert_parse(certificate);
    X509_STORE *store = X509_STORE_new();
    aero_status status = aero_error(AERO_MISMATCH);
    snprintf(out_text, AERO_CERT_TEXT_MAX, "one of the two is no certificate");
    AERO_ASSERT(store != NULL); /* no memory */
    if (parsed != NULL && add_authorities(store, authorities) &&
        verify_for(parsed, store, X509_PURPOSE_SSL_SERVER, now, out_text) &&
        verify_for(parsed, store, X509_PURPOSE_SSL_CLIENT, now, out_text)) {
        status = aero_ok();
    }
    X509_STORE_free(store);
    X509_free(parsed);
    return status;
}
