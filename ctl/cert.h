/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as values: made, read and judged in memory; files are the commands' business. Drives OpenSSL 3.
 *
 * What is made here is for development and small installations: a CA with a key of its own beside it, and for each node a
 * certificate whose first DNS name and common name are the node's name, for both sides of a connection. Keys are
 * on the curve P-256. An organisation with a CA of its own uses that instead. */
#ifndef AERO_CTL_CERT_H
#define AERO_CTL_CERT_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

#define AERO_CERT_NAME_MAX 64 /* of a node, with the NUL */
#define AERO_CERT_TEXT_MAX 256

/* A certificate and its private key, both in PEM. The key is a secret: wipe it. */
struct aero_cert_pair {
    struct aero_buffer certificate;
    struct aero_buffer key;
};
/* Wipes and frees. */
void aero_cert_pair_deinit(struct aero_cert_pair *pair);
/* The same for a key alone. */
void aero_cert_wipe(struct aero_buffer *key);

/* Letters, digits, '-', '_' and '.', beginning with a letter or digit, at most 63: good for a DNS name, a folder and a log. */
bool aero_cert_name_valid(const char *name);

/* A new CA. AERO_IO: OpenSSL could not (no entropy, no such curve). */
aero_status aero_cert_make_authority(aero_wall_ms now, uint32_t days,
                                     struct aero_cert_pair *out_authority);
/* A certificate for `name`, signed by the authority, never good for longer than it.
 * AERO_CORRUPT: the authority is not a certificate and its key. AERO_MISMATCH: it is no CA, or it is not good now. */
aero_status aero_cert_issue(const struct aero_cert_pair *authority, const char *name,
                            aero_wall_ms now, uint32_t days, struct aero_cert_pair *out_node);

struct aero_cert_facts {
    char name[AERO_CERT_TEXT_MAX];    /* first DNS name, else the common name */
    char subject[AERO_CERT_TEXT_MAX]; /* one line */
    char issuer[AERO_CERT_TEXT_MAX];
    char not_before[32]; /* 2026-01-31T12:00:00Z */
    char not_after[32];
    char fingerprint[65];        /* SHA-256 */
    int64_t seconds_until_valid; /* above 0: not yet */
    int64_t seconds_left;        /* below 0: expired */
    bool is_authority;
};
/* Of the first certificate in the PEM text. AERO_CORRUPT: there is none. */
aero_status aero_cert_read(struct aero_slice pem, aero_wall_ms now,
                           struct aero_cert_facts *out_facts);
/* AERO_CORRUPT: not a private key. AERO_MISMATCH: that of another certificate. */
aero_status aero_cert_check_key(struct aero_slice certificate, struct aero_slice key);
/* AERO_MISMATCH: the certificate does not lead to the CA, for either side of a connection; out_text says why. */
aero_status aero_cert_check_issuer(struct aero_slice certificate, struct aero_slice authority,
                                   aero_wall_ms now, char out_text[AERO_CERT_TEXT_MAX]);

#endif
