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
    int64_t crl_expires;
    bool was_valid;
    uint64_t rekey_bytes; /* AERO_TLS_REKEY_BYTES, or less in a test */
    atomic_uint references;
};

/* One directory while it is loaded. */
struct aero_tls_load {
    const char *directory;
    char *text; /* AERO_TLS_TEXT_MAX: why not */
};

/* INVALID, once the text says so. */
aero_status aero_tls_complain(struct aero_tls_load *load, const char *file, const char *what,
                              const char *advice);
/* The caller closes it. NOT_FOUND, or what else open(2) says: with a complaint, and that advice. */
aero_status aero_tls_open_file(struct aero_tls_load *load, const char *file, const char *advice,
                               FILE **out_file);
/* Of a file that each node has. */
#define AERO_TLS_ADVICE_NEEDED                                                                \
    "'aeroctl certs init DIR --node NAME' makes DIR/NAME for development; this user must be " \
    "able to read it"
/* Since 1970; 0: it is no time. */
int64_t aero_tls_seconds_of(const ASN1_TIME *when);

/* tls_trust.c: ca.crt, and crl.pem where there is one. INVALID, or what open(2) says: with a complaint. */
aero_status aero_tls_use_authorities(struct aero_tls_load *load, struct aero_tls_context *context);
aero_status aero_tls_use_revocations(struct aero_tls_load *load, struct aero_tls_context *context);
/* Does a node with this context accept the certificate, at this time or, with X509_V_FLAG_NO_CHECK_TIME, at any? `between`:
 * those that were shown with it, on the way to an authority; NULL: none. X509_V_OK, or why not. */
int aero_tls_verify_chain(const struct aero_tls_context *context, X509 *certificate,
                          STACK_OF(X509) * between, unsigned long flags);
/* Sets was_valid by our own certificate. INVALID, with a complaint: no peer would ever accept it. Where one does not now, or
 * it is revoked, there is a complaint, too. */
aero_status aero_tls_judge_own(struct aero_tls_load *load, struct aero_tls_context *context,
                               X509 *certificate);
/* Why a peer's certificate is refused, and what to do, for a result other than X509_V_OK. */
void aero_tls_explain_verification(int result, char out_text[AERO_TLS_TEXT_MAX]);

/* The first DNS name, else the common name; false when there is none that a node could have. */
bool aero_tls_certificate_name(X509 *certificate, char out_name[AERO_TLS_NAME_MAX]);
/* tls.c; they find their connection in the BIO's data and in the SSL's. */
BIO_METHOD *aero_tls_filter_new(void);
int aero_tls_verify(int sound, X509_STORE_CTX *chain);
/* OpenSSL's words for an error of its queue. */
const char *aero_tls_reason(unsigned long error);

#endif
