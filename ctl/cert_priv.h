/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that drive OpenSSL share: PEM text to its objects and back, and its values in words. */
#ifndef AERO_CTL_CERT_PRIV_H
#define AERO_CTL_CERT_PRIV_H

#include <openssl/x509.h>

#include "base/slice.h"
#include "ctl/cert.h"

#define AERO_CERT_BACKDATE_SECONDS 300 /* for machines whose clock is a little behind */

/* NULL when it is none. The caller frees. */
X509 *aero_cert_parse(struct aero_slice pem);
/* A key under a passphrase is none: nodes start without anybody to type it. */
EVP_PKEY *aero_cert_parse_key(struct aero_slice pem);
/* Appends the text, and frees. */
void aero_cert_take_pem(BIO *take_bio, struct aero_buffer *out);

/* An authority, ready to sign. */
struct aero_cert_signer {
    X509 *certificate;
    EVP_PKEY *key;
};
/* AERO_CORRUPT: not a certificate and its key. AERO_MISMATCH: it is no CA, or it is not good now. */
aero_status aero_cert_signer_open(const struct aero_cert_pair *authority, aero_wall_ms now,
                                  struct aero_cert_signer *out_signer);
void aero_cert_signer_close(struct aero_cert_signer *signer);

/* As text of one line, escaped as RFC 2253 has it. */
void aero_cert_format_name(const X509_NAME *name, char out_text[AERO_CERT_TEXT_MAX]);
void aero_cert_format_serial(const ASN1_INTEGER *serial, char out_text[AERO_CERT_SERIAL_MAX]);
/* `to` of NULL: there is no end. */
struct aero_cert_validity aero_cert_validity_of(const ASN1_TIME *from, const ASN1_TIME *to,
                                                aero_wall_ms now);

#endif
