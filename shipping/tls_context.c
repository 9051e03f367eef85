/* SPDX-License-Identifier: Apache-2.0 */
/* Loads keys and certificates into a new object, checks them as a peer would, and gives the object
 * out only when all of it is sound: a caller that keeps its old one on failure loses nothing by a
 * bad file. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "shipping/tls_priv.h"

#define PATH_BYTES 1024U
#define SHOWN_BYTES 200U
/* Fast with and without AES instructions, and nothing older than TLS 1.3. */
#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Of a long directory's name the end, so that there is room to say what is wrong. */
aero_status aero_tls_complain(struct aero_tls_load *load, const char *file, const char *what,
                              const char *advice)
{
    size_t length = strlen(load->directory);
    size_t left_out = length > SHOWN_BYTES ? length - SHOWN_BYTES : 0;
    snprintf(load->text, AERO_TLS_TEXT_MAX, "%s%s/%s: %s; %s", left_out == 0 ? "" : "...",
             load->directory + left_out, file, what, advice);
    return aero_error(AERO_INVALID);
}

aero_status aero_tls_open_file(struct aero_tls_load *load, const char *file, const char *advice,
                               FILE **out_file)
{
    char path[PATH_BYTES];
    int length = snprintf(path, sizeof path, "%s/%s", load->directory, file);
    if ((size_t)length >= sizeof path) {
        return aero_tls_complain(load, file, "the path is too long",
                                 "use a shorter directory name");
    }
    FILE *opened = fopen(path, "re");
    if (opened == NULL) {
        aero_status status = aero_error_errno(errno);
        (void)aero_tls_complain(load, file, strerrordesc_np(status.sys_errno), advice);
        return status;
    }
    *out_file = opened;
    return aero_ok();
}

static aero_status read_certificate(struct aero_tls_load *load, const char *file,
                                    X509 **out_certificate)
{
    FILE *opened = NULL;
    AERO_TRY(aero_tls_open_file(load, file, AERO_TLS_ADVICE_NEEDED, &opened));
    X509 *certificate = PEM_read_X509(opened, NULL, NULL, NULL);
    fclose(opened);
    if (certificate == NULL) {
        return aero_tls_complain(load, file, "this is no certificate in PEM",
                                 "it begins with -----BEGIN CERTIFICATE-----");
    }
    *out_certificate = certificate;
    return aero_ok();
}

static aero_status read_key(struct aero_tls_load *load, const char *file, EVP_PKEY **out_key)
{
    FILE *opened = NULL;
    AERO_TRY(aero_tls_open_file(load, file, AERO_TLS_ADVICE_NEEDED, &opened));
    /* An empty passphrase: without one OpenSSL would ask on the terminal. */
    char none[] = "";
    EVP_PKEY *key = PEM_read_PrivateKey(opened, NULL, NULL, none);
    fclose(opened);
    if (key == NULL) {
        return aero_tls_complain(load, file, "this is no private key in PEM without a passphrase",
                                 "it begins with -----BEGIN PRIVATE KEY-----");
    }
    *out_key = key;
    return aero_ok();
}

static bool take_name(const ASN1_STRING *string, char out_name[AERO_TLS_NAME_MAX])
{
    int length = ASN1_STRING_length(string);
    const unsigned char *data = ASN1_STRING_get0_data(string);
    if (length <= 0 || length >= (int)AERO_TLS_NAME_MAX) {
        return false;
    }
    for (int i = 0; i < length; i++) {
        if (data[i] <= 0x20 || data[i] >= 0x7f) { /* a NUL inside would make two names of one */
            return false;
        }
    }
    memcpy(out_name, data, (size_t)length);
    out_name[length] = '\0';
    return true;
}

static bool take_dns_name(X509 *certificate, char out_name[AERO_TLS_NAME_MAX], bool *out_has_any)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool taken = false;
    *out_has_any = false;
    for (int i = 0; names != NULL && !*out_has_any && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS) {
            *out_has_any = true;
            taken = take_name(name->d.dNSName, out_name);
        }
    }
    GENERAL_NAMES_free(names);
    return taken;
}

bool aero_tls_certificate_name(X509 *certificate, char out_name[AERO_TLS_NAME_MAX])
{
    bool has_dns_name;
    bool taken = take_dns_name(certificate, out_name, &has_dns_name);
    if (has_dns_name) {
        return taken; /* a DNS name that no node could have is not replaced by another name */
    }
    X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return index >= 0 &&
           take_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)), out_name);
}

int64_t aero_tls_seconds_of(const ASN1_TIME *when)
{
    struct tm parts;
    return ASN1_TIME_to_tm(when, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

static aero_status use_certificate(struct aero_tls_load *load, struct aero_tls_context *context)
{
    X509 *certificate = NULL;
    AERO_TRY(read_certificate(load, "node.crt", &certificate));
    aero_status status = aero_ok();
    if (!aero_tls_certificate_name(certificate, context->name)) {
        status = aero_tls_complain(load, "node.crt", "it names no node",
                                   "give it a DNS name of 1 to 63 printable characters");
    } else if (SSL_CTX_use_certificate(context->settings, certificate) != 1) {
        status = aero_tls_complain(load, "node.crt", aero_tls_reason(ERR_peek_last_error()),
                                   "make a new one");
    } else {
        context->expires = aero_tls_seconds_of(X509_get0_notAfter(certificate));
        status = aero_tls_judge_own(load, context, certificate);
    }
    X509_free(certificate);
    return status;
}

static aero_status use_key(struct aero_tls_load *load, struct aero_tls_context *context)
{
    EVP_PKEY *key = NULL;
    AERO_TRY(read_key(load, "node.key", &key));
    bool fits = SSL_CTX_use_PrivateKey(context->settings, key) == 1 &&
                SSL_CTX_check_private_key(context->settings) == 1;
    EVP_PKEY_free(key);
    return fits ? aero_ok()
                : aero_tls_complain(load, "node.key", "it does not belong to node.crt",
                                    "put the two files that were made together");
}

static aero_status load_all(struct aero_tls_load *load, struct aero_tls_context *context)
{
    AERO_TRY(aero_tls_use_authorities(load, context));
    AERO_TRY(aero_tls_use_revocations(load, context));
    AERO_TRY(use_certificate(load, context));
    return use_key(load, context);
}

/* No memory is the only reason for failure here, and aborts like everywhere. */
static struct aero_tls_context *context_new(void)
{
    struct aero_tls_context *context = aero_calloc(1, sizeof *context);
    atomic_init(&context->references, 1);
    context->rekey_bytes = AERO_TLS_REKEY_BYTES;
    context->filter = aero_tls_filter_new();
    context->settings = SSL_CTX_new(TLS_method());
    AERO_ASSERT(context->settings != NULL);
    SSL_CTX *settings = context->settings;
    long done = SSL_CTX_set_min_proto_version(settings, TLS1_3_VERSION);
    AERO_ASSERT(done == 1);
    done = SSL_CTX_set_ciphersuites(settings, CIPHERS);
    AERO_ASSERT(done == 1);
    /* Both sides show a certificate; nothing is resumed without one. */
    SSL_CTX_set_verify(settings, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       aero_tls_verify);
    SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(settings, 0);
    return context;
}

aero_status aero_tls_context_load(const char *directory, struct aero_tls_context **out_context,
                                  char out_text[AERO_TLS_TEXT_MAX])
{
    struct aero_tls_load load = {.directory = directory, .text = out_text};
    struct aero_tls_context *context = context_new();
    out_text[0] = '\0';
    aero_status status = load_all(&load, context);
    ERR_clear_error();
    if (!aero_is_ok(status)) {
        aero_tls_context_release(context);
        return status;
    }
    *out_context = context;
    return aero_ok();
}

struct aero_tls_context *aero_tls_context_retain(struct aero_tls_context *context)
{
    unsigned before = atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
    AERO_ASSERT(before > 0);
    return context;
}

void aero_tls_context_release(struct aero_tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    SSL_CTX_free(context->settings);
    BIO_meth_free(context->filter);
    free(context);
}

const char *aero_tls_context_name(const struct aero_tls_context *context)
{
    return context->name;
}

int64_t aero_tls_context_expires(const struct aero_tls_context *context)
{
    return context->expires;
}

int64_t aero_tls_context_crl_expires(const struct aero_tls_context *context)
{
    return context->crl_expires;
}

bool aero_tls_context_was_valid(const struct aero_tls_context *context)
{
    return context->was_valid;
}
