/* SPDX-License-Identifier: Apache-2.0 */
/* PEM text to OpenSSL's objects; NULL when it is none. The caller frees. */
#ifndef AERO_CTL_CERT_PRIV_H
#define AERO_CTL_CERT_PRIV_H

#include <openssl/x509.h>

#include "base/slice.h"

X509 *aero_cert_parse(struct aero_slice pem);
/* A key under a passphrase is none: nodes start without anybody to type it. */
EVP_PKEY *aero_cert_parse_key(struct aero_slice pem);

#endif
