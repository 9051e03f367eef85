/* SPDX-License-Identifier: Apache-2.0 */
/* What tls_context.c loads and tls.c uses. */
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
    bool was_valid;
    uint64_t rekey_bytes; /* AERO_TLS_REKEY_BYTES, or less in a test */
    atomic_uint references;
};

/* The first DNS name, else the common name; false when there is none that a node could have. */
bool aero_tls_certificate_name(X509 *certificate, char out_name[AERO_TLS_NAME_MAX]);
/* tls.c; they find their connection in the BIO's data and in the SSL's. */
BIO_METHOD *aero_tls_filter_new(void);
int aero_tls_verify(int sound, X509_STORE_CTX *chain);
/* OpenSSL's words for an error of its queue. */
const char *aero_tls_reason(unsigned long error);

#endif
