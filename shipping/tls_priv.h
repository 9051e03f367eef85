/* SPDX-License-Identifier: Apache-2.0 */
/* What tls_context.c and tls_trust.c load and tls.c uses. */
#ifndef AERO_SHIPPING_TLS_PRIV_H
#define AERO_SHIPPING_TLS_PRIV_H

#include <openssl/ssl.h>

#include <stdatomic.h>

#include "shipping/tls.h"

/* New keys long before AES-GCM's limit of some 2^24.5 full records (RFC 8446, 5.5). */
#define AERO_TLS_REKEY_BYTES ((uint64_t)1 << 30)

struct aero_tls_context {
    SSL_CTX *settings;
    BIO_METHOD *filter; /* bytes in and out of a struct aero_tls */
    char name[AERO_TLS_NAME_MAX];
    int64_t expires;
    int64_t revocations_expire;
    bool was_valid;
    uint64_t rekey_bytes; /* AERO_TLS_REKEY_BYTES, or less in a test */
    atomic_uint references;
};

/* One directory while it is loaded. */
struct aero_tls_load {
    const char *directory;
    char *text; /* AERO_TLS_TEXT_MAX: why not */
};

/* Says so in the text. INVALID. */
aero_status aero_tls_complain(struct aero_tls_load *load, const char *file, const char *what,
                              const char *advice);
/* The caller closes it. NOT_FOUND or what open(2) says, with a complaint. */
aero_status aero_tls_open_file(struct aero_tls_load *load, const char *file, FILE **out_file);
/* Since 1970; 0: it is no time. */
int64_t aero_tls_seconds_of(const ASN1_TIME *when);

/* tls_trust.c: ca.crt, and crl.pem where there is one. */
aero_status aero_tls_use_authorities(struct aero_tls_load *load, struct aero_tls_context *context);
aero_status aero_tls_use_revocations(struct aero_tls_load *load, struct aero_tls_context *context);
/* Does a node with this context accept the certificate, at this time or, with NO_CHECK_TIME, at any? Those that were shown with
 * it are `between` it and an authority; NULL: none. X509_V_OK, or why not. */
int aero_tls_verify_chain(const struct aero_tls_context *context, X509 *certificate,
                          STACK_OF(X509) * between, unsigned long flags);
/* Of a peer's certificate, in words. */
void aero_tls_explain_verification(int result, char out_text[AERO_TLS_TEXT_MAX]);

/* The first DNS name, else the common name; false when there is none that a node could have. */
bool aero_tls_certificate_name(X509 *certificate, char out_name[AERO_TLS_NAME_MAX]);
/* tls.c; they find their connection in the BIO's data and in the SSL's. */
BIO_METHOD *aero_tls_filter_new(void);
int aero_tls_verify(int sound, X509_STORE_CTX *chain);
/* OpenSSL's words for an error of its queue. */
const char *aero_tls_reason(unsigned long error);

#endif
